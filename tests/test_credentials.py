"""Access keys, and the providers without I/O."""

import copy
import pickle
from datetime import UTC, datetime, timezone, tzinfo
from typing import Any

import attrs
import pytest
from hypothesis import given

from cams_async.credentials import (
    Credentials,
    EnvironmentCredentials,
    StaticCredentials,
    mask,
)
from cams_async.errors import ConfigurationError, CredentialsError
from cams_async.secret import Secret
from tests.strategies import VISIBLE

ENDS = datetime(2030, 1, 1, tzinfo=UTC)
KEY_ID = "ALIBABA_CLOUD_ACCESS_KEY_ID"
KEY_SECRET = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"
SECURITY_TOKEN = "ALIBABA_CLOUD_SECURITY_TOKEN"


class Nowhere(tzinfo):
    """A time zone without an offset."""

    def utcoffset(self, dt: datetime | None) -> None:
        """Return None."""

    dst = tzname = utcoffset


def test_credentials_hold_their_parts() -> None:
    """Permanent credentials have neither token nor expiry."""
    lasting = Credentials("id", "secret")
    temporary = Credentials("id", "secret", "token", ENDS)

    assert attrs.astuple(lasting) == (
        "id",
        Secret("secret"),
        None,
        None,
    )
    assert attrs.astuple(temporary) == (
        "id",
        Secret("secret"),
        Secret("token"),
        ENDS,
    )
    assert lasting == Credentials(access_key_id="id", access_key_secret="secret")


@pytest.mark.parametrize(
    "name", ["access_key_id", "access_key_secret", "security_token"]
)
@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "a b",
        " ab",
        "ab\n",
        "a\r\nx-evil: 1",
        "a\tb",
        "a\x00b",
        "a\x7fb",
        "\u00e9",
        "\ud800",
        b"bytes",
        5,
        ["x"],
    ],
)
def test_parts_that_no_header_can_hold_are_rejected(name: str, value: Any) -> None:
    """The error names the part, and never shows its value."""
    parts: dict[str, Any] = {
        "access_key_id": "id",
        "access_key_secret": "secret",
        name: value,
    }
    with pytest.raises(ConfigurationError) as caught:
        Credentials(**parts)

    assert caught.value.field == name
    assert str(caught.value) == (
        f"{name}: must be a non-empty string of printable ASCII without spaces"
    )


@pytest.mark.parametrize("name", ["access_key_id", "access_key_secret"])
def test_only_the_token_may_be_none(name: str) -> None:
    """An ID without a secret cannot sign."""
    parts: Any = {"access_key_id": "id", "access_key_secret": "secret", name: None}

    with pytest.raises(ConfigurationError, match=name):
        Credentials(**parts)


@given(key_id=VISIBLE, secret=VISIBLE, token=VISIBLE)
def test_any_visible_ascii_is_accepted(key_id: str, secret: str, token: str) -> None:
    """The vendor does not document its alphabet."""
    assert Credentials(key_id, secret, token).access_key_secret.reveal() == secret


@pytest.mark.parametrize(
    "end",
    [ENDS.replace(tzinfo=None), ENDS.replace(tzinfo=Nowhere()), 1893456000, "2030"],
)
def test_an_expiry_must_have_a_time_zone(end: Any) -> None:
    """An expiry without a time zone is ambiguous."""
    with pytest.raises(ConfigurationError, match="time zone") as caught:
        Credentials("id", "secret", "token", end)

    assert caught.value.field == "expires_at"


def test_an_expiry_may_be_in_any_time_zone() -> None:
    """Equal moments are equal."""
    there = ENDS.astimezone(timezone.max)

    assert Credentials("id", "s", "t", there) == Credentials("id", "s", "t", ENDS)


@pytest.mark.parametrize(
    ("key_id", "expected"),
    [
        ("LTAI5tABCDEFGHIJ", "LTAI***"),
        ("123456789", "1234***"),
        ("12345678", "***"),
        ("a", "***"),
        ("", "***"),
    ],
)
def test_only_a_long_id_is_masked_in_part(key_id: str, expected: str) -> None:
    """A short ID would be shown almost completely."""
    assert mask(key_id) == expected


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r}".format, ascii])
def test_no_secret_is_shown(show: Any) -> None:
    """Every text form masks secret and token, and shortens the ID."""
    credentials = Credentials("LTAI-canary-1", "canary-2", "canary-3", ENDS)
    text: str = show(credentials)

    assert "canary" not in text
    assert text == (
        "Credentials(access_key_id='LTAI***', access_key_secret='***', "
        f"security_token='***', expires_at={ENDS!r})"
    )
    assert "security_token=None" in repr(Credentials("id", "secret"))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_credentials_cannot_be_pickled(protocol: int) -> None:
    """A pickle would hold the secret as plain text."""
    credentials = Credentials("id", "canary")

    with pytest.raises(TypeError, match="cannot be pickled") as caught:
        pickle.dumps(credentials, protocol)

    assert "canary" not in str(caught.value)


def test_a_copy_is_equal() -> None:
    """A copy is masked, too."""
    credentials = Credentials("id", "canary", Secret("token"), ENDS)

    assert credentials == copy.deepcopy(credentials) == attrs.evolve(credentials)
    assert "canary" not in repr(attrs.asdict(copy.copy(credentials)))


def test_credentials_are_immutable() -> None:
    """A part cannot be changed after validation."""
    name = "access_key_secret"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(Credentials("id", "secret"), name, "b")


async def test_static_credentials_never_expire() -> None:
    """Nor do they name an account: their AccessKey ID does."""
    credentials = Credentials("LTAI-canary", "canary")
    source = StaticCredentials(credentials)

    assert not source.expire(credentials)
    assert await source.get() is credentials
    assert source.account is None
    assert repr(source) == "access_key_id='LTAI***'"


# The environment


def set_environment(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    """Set the variables of the given parts."""
    names = {"key_id": KEY_ID, "secret": KEY_SECRET, "token": SECURITY_TOKEN}
    for part, value in values.items():
        monkeypatch.setenv(names[part], value)


async def test_the_environment_holds_an_access_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They name no account: the AccessKey ID does."""
    set_environment(monkeypatch, key_id="id", secret="secret")
    provider = EnvironmentCredentials()

    assert await provider.get() == Credentials("id", "secret")
    assert provider.account is None


async def test_the_environment_may_hold_a_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An empty variable counts as unset."""
    set_environment(monkeypatch, key_id="id", secret="secret", token="token")
    with_token = await EnvironmentCredentials().get()
    set_environment(monkeypatch, token="")
    without = await EnvironmentCredentials().get()

    assert with_token == Credentials("id", "secret", "token")
    assert without == Credentials("id", "secret")


async def test_a_change_of_the_environment_takes_effect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The variables are read at each call."""
    provider = EnvironmentCredentials()
    set_environment(monkeypatch, key_id="one", secret="s")
    first = await provider.get()
    set_environment(monkeypatch, key_id="two")

    assert first.access_key_id == "one"
    assert (await provider.get()).access_key_id == "two"


@pytest.mark.parametrize("values", [{}, {"key_id": "", "secret": ""}, {"token": "t"}])
async def test_an_empty_environment_is_absent(
    values: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chain continues, and the error names the variable."""
    set_environment(monkeypatch, **values)
    provider = EnvironmentCredentials()
    with pytest.raises(CredentialsError) as caught:
        await provider.get()

    assert caught.value.absent
    assert str(caught.value) == f"environment variable {KEY_ID} is not set"


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({"key_id": "id"}, KEY_SECRET),
        ({"key_id": "id", "secret": ""}, KEY_SECRET),
        ({"secret": "canary"}, KEY_ID),
    ],
)
async def test_an_incomplete_key_is_an_error(
    values: dict[str, str], missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chain stops, because the next provider may hold another account."""
    set_environment(monkeypatch, **values)
    with pytest.raises(CredentialsError) as caught:
        await EnvironmentCredentials().get()

    assert not caught.value.absent
    assert str(caught.value) == f"environment variable {missing} is not set"


@pytest.mark.parametrize("part", ["key_id", "secret", "token"])
async def test_a_malformed_variable_is_an_error(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chain stops, and the error does not show the value."""
    values = {"key_id": "id", "secret": "secret", part: "canary canary"}
    set_environment(monkeypatch, **values)
    with pytest.raises(CredentialsError, match="printable ASCII") as caught:
        await EnvironmentCredentials().get()

    assert not caught.value.absent
    assert "canary" not in f"{caught.value} {caught.value.__cause__}"


def test_the_repr_of_the_environment_shows_no_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The repr is the name of the class."""
    set_environment(monkeypatch, key_id="canary", secret="canary")

    assert repr(EnvironmentCredentials()) == "EnvironmentCredentials()"
