"""Chains of credentials providers, and the default chain."""

from pathlib import Path

import pytest

from cams_async import providers
from cams_async.credentials import Credentials, EnvironmentCredentials
from cams_async.errors import CredentialsError
from cams_async.providers import chain, default_chain
from cams_async.sources import ProfileCredentials
from tests.credential_sources import (
    AK,
    LASTING,
    SERVED,
    Scripted,
    refused,
    responding,
    service,
    texts_of,
    write,
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the path of the profile file."""
    return tmp_path / ".aliyun" / "config.json"


def absent(reason: str = "nothing here") -> Scripted:
    """Return a provider without credentials."""
    return Scripted(CredentialsError(reason, absent=True), account="absent")


async def test_a_chain_selects_the_first_provider_with_credentials() -> None:
    """The providers after it are not called."""
    first, second, third = absent(), Scripted(LASTING, account="second"), absent()
    combined = chain(first, second, third)
    before = combined.account

    assert await combined.get() is LASTING
    assert before is None
    assert combined.account == "second"
    assert [first.calls, second.calls, third.calls] == [1, 1, 0]


async def test_a_chain_keeps_the_selected_provider() -> None:
    """An earlier provider that gets credentials later may hold another account."""
    late = Scripted(CredentialsError("no", absent=True), Credentials("late", "s"))
    selected = Scripted(LASTING, CredentialsError("gone", absent=True), LASTING)
    combined = chain(late, selected)

    assert await combined.get() is LASTING
    assert str(await refused(combined)) == "gone"
    assert await combined.get() is LASTING
    assert [late.calls, selected.calls] == [1, 3]


@pytest.mark.parametrize("broken", [CredentialsError("broken"), OSError("broken")])
async def test_a_chain_stops_at_a_misconfigured_provider(broken: Exception) -> None:
    """The error is raised unchanged, and the next provider is not called."""
    after = Scripted(LASTING)
    combined = chain(absent(), Scripted(broken), after)

    with pytest.raises(type(broken)) as caught:
        await combined.get()

    assert caught.value is broken
    assert after.calls == 0
    assert combined.account is None


async def test_a_chain_without_credentials_lists_all_reasons() -> None:
    """The error is absent, too, so that chains nest."""
    combined = chain(absent("no file"), chain(absent("no variable")), absent("no uri"))
    error = await refused(combined)

    assert error.absent
    assert str(error) == (
        "no credentials found: no file; no credentials found: no variable; no uri"
    )
    assert await chain(combined, Scripted(LASTING)).get() is LASTING


async def test_a_chain_without_credentials_searches_again_at_each_call() -> None:
    """A variable may be set later."""
    provider = Scripted(CredentialsError("not yet", absent=True), LASTING)
    combined = chain(provider)
    await refused(combined)

    assert await combined.get() is LASTING


async def test_an_empty_chain_has_no_credentials() -> None:
    """It raises a credentials error."""
    assert (await refused(chain())).absent


def test_the_repr_of_a_chain_lists_its_providers() -> None:
    """The reprs of this package's providers show no secrets."""
    combined = chain(EnvironmentCredentials(), ProfileCredentials("x"))

    assert repr(combined) == (
        "chain(EnvironmentCredentials(), ProfileCredentials('x'))"
    )


async def test_the_default_chain_is_environment_then_profile_then_service(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is used only if those before it have no credentials."""
    found: list[str] = []
    async with service(responding(SERVED)) as uri:
        monkeypatch.setenv("ALIBABA_CLOUD_CREDENTIALS_URI", uri)
        found.append((await default_chain().get()).access_key_id)
        write(config, {**AK, "access_key_id": "of-profile"})
        found.append((await default_chain().get()).access_key_id)
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "of-environment")
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
        found.append((await default_chain().get()).access_key_id)

    assert found == ["STS.id", "of-profile", "of-environment"]


async def test_the_error_of_the_default_chain_lists_all_sources(
    config: Path,
) -> None:
    """A newcomer finds in it which variable to set."""
    error = await refused(default_chain())

    assert str(error) == (
        "no credentials found: "
        "environment variable ALIBABA_CLOUD_ACCESS_KEY_ID is not set; "
        f"there is no profile file {config}; "
        "environment variable ALIBABA_CLOUD_CREDENTIALS_URI is not set"
    )


VARIABLES = [
    (source, name)
    for source, variables in providers.UNSUPPORTED.items()
    for name in variables
]


@pytest.mark.parametrize(("source", "name"), VARIABLES)
async def test_an_unsupported_source_is_named(
    source: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the variable, and never shows its value."""
    monkeypatch.setenv(name, "canary")
    error = await refused(default_chain())

    assert error.absent
    assert str(error).endswith(
        f" is not set; configured but not supported: {source} ({name}): "
        "give the client a provider of your own for these"
    )
    assert "canary" not in texts_of(error)


async def test_all_unsupported_sources_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An empty variable configures nothing."""
    for _, name in VARIABLES:
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("ALIBABA_CLOUD_BEARER_TOKEN", "")
    error = await refused(default_chain())

    assert (
        str(error)
        .partition("not supported: ")[2]
        .startswith(
            "an OIDC role (RRSA) (ALIBABA_CLOUD_OIDC_PROVIDER_ARN, "
            "ALIBABA_CLOUD_OIDC_TOKEN_FILE, ALIBABA_CLOUD_ROLE_ARN), "
            "an ECS role (ALIBABA_CLOUD_ECS_METADATA), "
            "a credentials file (ALIBABA_CLOUD_CREDENTIALS_FILE): "
        )
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("true", False),
        ("TRUE", False),
        ("True", False),
        ("false", True),
        ("", True),
        ("1", True),
        (None, True),
    ],
)
def test_the_profile_can_be_disabled(
    value: str | None,
    expected: bool,  # noqa: FBT001 - a table gives it
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The variable is the one that the vendor's SDK reads."""
    if value is not None:
        monkeypatch.setenv("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", value)

    assert expected is ("ProfileCredentials(None)" in repr(default_chain()))
