"""Credentials are refreshed before they expire, once for all concurrent calls."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cams_async.credentials import Credentials
from cams_async.errors import (
    CamsError,
    ConfigurationError,
    ConnectError,
    CredentialsError,
    DeadlineExceeded,
    ThrottlingError,
)
from cams_async.refresh import RefreshingCredentials
from tests.credential_sources import LASTING, NOW, Scripted, ending, refused, texts_of


class Wall:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def refreshing(*results: Any) -> tuple[RefreshingCredentials, Scripted, Wall]:
    """Return refreshing credentials, their provider and their clock."""
    provider, wall = Scripted(*results), Wall()
    return RefreshingCredentials(provider, clock=wall), provider, wall


async def test_concurrent_calls_share_one_request() -> None:
    """A thousand callers receive the same credentials."""
    source, provider, _ = refreshing(ending(3600), ending(3600, "other"))
    provider.released.clear()
    callers = [asyncio.create_task(source.get()) for _ in range(1000)]
    await asyncio.sleep(0)
    provider.released.set()
    responses = await asyncio.gather(*callers)

    assert provider.calls == 1
    assert {id(response) for response in responses} == {id(responses[0])}
    assert responses[0] == ending(3600)


async def test_credentials_are_cached_until_five_minutes_before_expiry() -> None:
    """From then on they are refreshed."""
    source, provider, wall = refreshing(ending(1000, "one"), ending(5000, "two"))
    keys: list[str] = []
    for wall.now in (NOW, NOW + 699.9, NOW + 700, NOW + 701):
        keys.append((await source.get()).access_key_id)

    assert keys == ["one", "one", "two", "two"]
    assert provider.calls == 2


async def test_calls_during_a_refresh_use_the_current_credentials() -> None:
    """No call waits for a refresh while the current credentials are valid."""
    source, provider, wall = refreshing(ending(1000, "one"), ending(5000, "two"))
    await source.get()
    wall.now += 800
    provider.released.clear()
    first = asyncio.create_task(source.get())
    await asyncio.sleep(0)
    others = [await source.get() for _ in range(100)]
    provider.released.set()

    assert {each.access_key_id for each in others} == {"one"}
    assert (await first).access_key_id == "two"
    assert (await source.get()).access_key_id == "two"
    assert provider.calls == 2


async def test_after_expiry_all_calls_wait_for_the_refresh() -> None:
    """Expired credentials are never returned."""
    source, provider, wall = refreshing(ending(1000, "one"), ending(5000, "two"))
    await source.get()
    wall.now += 1000
    provider.released.clear()
    callers = [asyncio.create_task(source.get()) for _ in range(10)]
    await asyncio.sleep(0)

    assert not any(caller.done() for caller in callers)

    provider.released.set()

    assert {each.access_key_id for each in await asyncio.gather(*callers)} == {"two"}
    assert provider.calls == 2


async def test_credentials_close_to_expiry_are_refreshed_every_ten_seconds() -> None:
    """A service may return the same credentials until shortly before they expire."""
    source, provider, wall = refreshing(ending(100))
    for _ in range(10):
        await source.get()
    calls = [provider.calls]
    for wall.now in (NOW + 9.9, NOW + 10, NOW + 19, NOW + 20):
        await source.get()
        calls.append(provider.calls)

    assert calls == [1, 1, 2, 2, 3]


async def test_credentials_without_expiry_are_requested_at_each_call() -> None:
    """A changed profile or variable takes effect."""
    source, provider, _ = refreshing(LASTING)
    for _ in range(3):
        assert await source.get() is LASTING

    assert provider.calls == 3


async def test_concurrent_calls_share_credentials_without_expiry() -> None:
    """A result that arrives while a call waits is as recent as one of its own."""
    source, provider, _ = refreshing(LASTING)
    provider.released.clear()
    callers = [asyncio.create_task(source.get()) for _ in range(100)]
    await asyncio.sleep(0)
    provider.released.set()
    await asyncio.gather(*callers)

    assert provider.calls == 1


async def test_a_failed_refresh_keeps_valid_credentials(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A warning is logged, and the next attempt follows after ten seconds."""
    source, provider, wall = refreshing(
        ending(1000, "one"),
        CredentialsError("the service is down"),
        OSError("canary"),
        "canary",
        ending(5000, "two"),
    )
    keys: list[str] = []
    with caplog.at_level(logging.WARNING, "cams_async"):
        for wall.now in (NOW, NOW + 800, NOW + 809, NOW + 810, NOW + 820, NOW + 830):
            keys.append((await source.get()).access_key_id)

    assert keys == ["one", "one", "one", "one", "one", "two"]
    assert provider.calls == 5
    assert caplog.messages == [
        "credentials could not be refreshed yet: the service is down",
        "credentials could not be refreshed yet: the provider failed: OSError",
        (
            "credentials could not be refreshed yet: "
            "the provider returned str, not Credentials"
        ),
    ]


async def test_a_failed_refresh_raises_after_expiry() -> None:
    """There are no valid credentials left to return."""
    source, provider, wall = refreshing(ending(1000), CredentialsError("down"))
    await source.get()
    wall.now += 1000

    assert str(await refused(source)) == "down"
    assert str(await refused(source)) == "down"
    assert provider.calls == 3


async def test_concurrent_calls_share_one_failure() -> None:
    """Each receives its own error, and a later call requests again."""
    source, provider, _ = refreshing(CredentialsError("down", absent=True), LASTING)
    provider.released.clear()
    callers = [asyncio.create_task(refused(source)) for _ in range(1000)]
    await asyncio.sleep(0)
    provider.released.set()
    errors = await asyncio.gather(*callers)

    assert provider.calls == 1
    assert {str(error) for error in errors} == {"down"}
    assert len({id(error) for error in errors}) == 1000

    provider.released.clear()
    later = [asyncio.create_task(source.get()) for _ in range(1000)]
    await asyncio.sleep(0)
    provider.released.set()

    assert {id(response) for response in await asyncio.gather(*later)} == {id(LASTING)}
    assert provider.calls == 2


async def test_cancelling_the_refreshing_call_lets_the_next_refresh() -> None:
    """The calls that wait are not affected."""
    source, provider, _ = refreshing(ending(3600, "one"), ending(3600, "two"))
    provider.released.clear()
    first, *others = [asyncio.create_task(source.get()) for _ in range(10)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    provider.released.set()
    responses = await asyncio.gather(*others)

    assert first.cancelled()
    assert {response.access_key_id for response in responses} == {"two"}
    assert provider.calls == 2


async def test_cancelling_a_waiting_call_does_not_affect_the_refresh() -> None:
    """The refreshing call completes, and its result is cached."""
    source, provider, _ = refreshing(ending(3600))
    provider.released.clear()
    first, second = [asyncio.create_task(source.get()) for _ in range(2)]
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    provider.released.set()

    assert await first == ending(3600)
    assert await source.get() == ending(3600)
    assert provider.calls == 1


async def test_credentials_rejected_as_expired_are_discarded() -> None:
    """Their expiry does not matter, and newer credentials are kept."""
    source, provider, _ = refreshing(ending(3600, "one"), ending(3600, "two"))
    one = await source.get()
    source.expire(one)
    two = await source.get()
    source.expire(one)

    assert two.access_key_id == "two"
    assert await source.get() is two
    assert provider.calls == 2


async def test_a_waiting_call_does_not_receive_discarded_credentials() -> None:
    """It requests new ones."""
    source, provider, _ = refreshing(ending(3600, "one"), ending(3600, "two"))
    provider.released.clear()

    async def get_and_discard() -> None:
        source.expire(await source.get())

    first = asyncio.create_task(get_and_discard())
    second = asyncio.create_task(source.get())
    await asyncio.sleep(0)
    provider.released.set()
    await first

    assert (await second).access_key_id == "two"
    assert provider.calls == 2


@pytest.mark.parametrize("response", [None, "key", {"AccessKeyId": "canary"}, object()])
async def test_a_provider_must_return_credentials(response: object) -> None:
    """The error names the type of another value, and never shows the value."""
    source, _, _ = refreshing(response)
    error = await refused(source)

    assert str(error) == (
        f"the provider returned {type(response).__name__}, not Credentials"
    )


async def test_a_foreign_exception_becomes_a_credentials_error() -> None:
    """The error shows only its type, because its text may quote a secret."""
    foreign = KeyError("canary")
    source, _, _ = refreshing(foreign)
    error = await refused(source)

    assert str(error) == "the provider failed: KeyError"
    assert error.__cause__ is error.__context__ is None


@pytest.mark.parametrize(
    "kind",
    [
        ThrottlingError,
        ConnectError,
        DeadlineExceeded,
        CamsError,
        KeyError,
        MemoryError,
        TimeoutError,
        StopAsyncIteration,
        asyncio.CancelledError,
    ],
)
async def test_other_exceptions_become_credentials_errors(
    kind: type[BaseException],
) -> None:
    """The call is not retried as if it was throttled, nor does it end as cancelled."""
    source, _, _ = refreshing(kind("canary"))
    error = await refused(source)

    assert str(error) == f"the provider failed: {kind.__name__}"
    assert not error.absent
    assert "canary" not in texts_of(error)


@pytest.mark.parametrize("error", [ConfigurationError("bad"), CredentialsError("none")])
async def test_an_error_about_credentials_is_raised_unchanged(error: Exception) -> None:
    """A credentials or configuration error is not wrapped."""
    source, _, _ = refreshing(error)

    with pytest.raises(type(error)) as caught:
        await source.get()

    assert caught.value is error


async def test_a_credentials_error_loses_its_cause() -> None:
    """The cause may quote what the provider has read."""
    raised = CredentialsError("unreadable")
    raised.__cause__ = raised.__context__ = KeyError("canary")
    source, _, _ = refreshing(raised)
    error = await refused(source)

    assert error.__cause__ is error.__context__ is None


def test_the_account_is_the_providers_and_the_repr_shows_its_type() -> None:
    """The repr of the provider is not used, because it may show a secret."""
    source, _, _ = refreshing(LASTING)

    assert source.account == "scripted"
    assert repr(source) == "credentials=Scripted"


async def test_the_default_clock_is_the_wall_clock() -> None:
    """The expiry of a token is a date."""
    end = datetime.now(UTC)
    keys = [
        Credentials("long", "s", "t", end + timedelta(seconds=400)),
        Credentials("short", "s", "t", end + timedelta(seconds=-1)),
    ]
    calls: list[int] = []
    for key in keys:
        provider = Scripted(key)
        source = RefreshingCredentials(provider)
        await source.get()
        await source.get()
        calls.append(provider.calls)

    assert calls == [1, 2]
