"""Credentials from files and services: found, kept fresh, combined, never shown."""

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cams_async import providers, sources
from cams_async.credentials import (
    Credentials,
    CredentialsProvider,
    EnvironmentCredentials,
    StaticCredentials,
)
from cams_async.errors import (
    CamsError,
    ConfigurationError,
    ConnectError,
    CredentialsError,
    DeadlineExceeded,
    ThrottlingError,
)
from cams_async.providers import chain, default_chain
from cams_async.refresh import RefreshingCredentials
from cams_async.secret import Secret
from cams_async.sources import CredentialsUri, ProfileCredentials
from tests.clock import Clock

NOW = 1_800_000_000.0
LASTING = Credentials("id", "secret")


def ending(seconds: float, key_id: str = "id") -> Credentials:
    """Make credentials that end some seconds from NOW."""
    end = datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds)
    return Credentials(key_id, "secret", "token", end)


async def refused(provider: CredentialsProvider) -> CredentialsError:
    """Ask a provider that has nothing usable, and return its error."""
    with pytest.raises(CredentialsError) as caught:
        await provider.get()
    return caught.value


def all_of(error: BaseException | None) -> str:
    """Return everything that an error holds, and those that it came from."""
    text = ""
    while error is not None:
        text += f"{error!r} {error} {vars(error)} {getattr(error, 'doc', '')}"
        error = error.__cause__ or error.__context__
    return text


class Scripted:
    """A provider that gives its answers in order, the last one for ever."""

    def __init__(self, *responses: Any, account: str | None = "scripted") -> None:
        self.responses = list(responses)
        self.account = account
        self.asked = 0
        self.go = asyncio.Event()
        self.go.set()

    def __repr__(self) -> str:
        return "Scripted(canary)"

    async def get(self) -> Credentials:
        """Answer, once it may go."""
        self.asked += 1
        response = (
            self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        )
        await self.go.wait()
        if isinstance(response, BaseException):
            raise response
        return response  # type: ignore[no-any-return]


class Wall:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def fresh(*responses: Any) -> tuple[RefreshingCredentials, Scripted, Wall]:
    """Make fresh credentials of a scripted provider, on a clock of the test's."""
    provider, wall = Scripted(*responses), Wall()
    return RefreshingCredentials(provider, clock=wall), provider, wall


# Kept fresh


async def test_a_thousand_callers_ask_once() -> None:
    """All get the one answer."""
    source, provider, _ = fresh(ending(3600), ending(3600, "other"))
    provider.go.clear()
    callers = [asyncio.create_task(source.get()) for _ in range(1000)]
    await asyncio.sleep(0)
    provider.go.set()
    responses = await asyncio.gather(*callers)

    assert provider.asked == 1
    assert {id(response) for response in responses} == {id(responses[0])}
    assert responses[0] == ending(3600)


async def test_an_answer_is_kept_until_five_minutes_before_its_end() -> None:
    """Then it is renewed."""
    source, provider, wall = fresh(ending(1000, "one"), ending(5000, "two"))
    keys: list[str] = []
    for wall.now in (NOW, NOW + 699.9, NOW + 700, NOW + 701):
        keys.append((await source.get()).access_key_id)

    assert keys == ["one", "one", "two", "two"]
    assert provider.asked == 2


async def test_while_one_renews_the_others_go_on() -> None:
    """Nobody waits for a renewal as long as the old credentials are valid."""
    source, provider, wall = fresh(ending(1000, "one"), ending(5000, "two"))
    await source.get()
    wall.now += 800
    provider.go.clear()
    renewing = asyncio.create_task(source.get())
    await asyncio.sleep(0)
    others = [await source.get() for _ in range(100)]
    provider.go.set()

    assert {each.access_key_id for each in others} == {"one"}
    assert (await renewing).access_key_id == "two"
    assert (await source.get()).access_key_id == "two"
    assert provider.asked == 2


async def test_after_the_end_all_wait_for_the_one_who_renews() -> None:
    """Nobody signs with what has ended."""
    source, provider, wall = fresh(ending(1000, "one"), ending(5000, "two"))
    await source.get()
    wall.now += 1000
    provider.go.clear()
    callers = [asyncio.create_task(source.get()) for _ in range(10)]
    await asyncio.sleep(0)

    assert not any(caller.done() for caller in callers)

    provider.go.set()

    assert {each.access_key_id for each in await asyncio.gather(*callers)} == {"two"}
    assert provider.asked == 2


async def test_what_has_little_time_left_is_not_asked_for_at_each_call() -> None:
    """A service may hand out the same until shortly before its end."""
    source, provider, wall = fresh(ending(100))
    for _ in range(10):
        await source.get()
    asked = [provider.asked]
    for wall.now in (NOW + 9.9, NOW + 10, NOW + 19, NOW + 20):
        await source.get()
        asked.append(provider.asked)

    assert asked == [1, 1, 2, 2, 3]


async def test_an_answer_without_an_end_is_asked_for_at_each_call() -> None:
    """A changed profile or variable is noticed."""
    source, provider, _ = fresh(LASTING)
    for _ in range(3):
        assert await source.get() is LASTING

    assert provider.asked == 3


async def test_those_who_waited_together_share_an_answer_without_an_end() -> None:
    """It is as new as can be."""
    source, provider, _ = fresh(LASTING)
    provider.go.clear()
    callers = [asyncio.create_task(source.get()) for _ in range(100)]
    await asyncio.sleep(0)
    provider.go.set()
    await asyncio.gather(*callers)

    assert provider.asked == 1


async def test_a_failed_renewal_keeps_what_is_still_valid(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With a warning, and for ten seconds without another try."""
    source, provider, wall = fresh(
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
    assert provider.asked == 5
    assert caplog.messages == [
        "credentials could not be refreshed yet: the service is down",
        "credentials could not be refreshed yet: the provider failed: OSError",
        (
            "credentials could not be refreshed yet: "
            "the provider returned str, not Credentials"
        ),
    ]


async def test_once_the_credentials_have_ended_a_failed_renewal_is_told() -> None:
    """There is nothing left to go on with."""
    source, provider, wall = fresh(ending(1000), CredentialsError("down"))
    await source.get()
    wall.now += 1000

    assert str(await refused(source)) == "down"
    assert str(await refused(source)) == "down"
    assert provider.asked == 3


async def test_a_failure_is_told_to_all_who_waited() -> None:
    """A service that is down is not asked a thousand times in a row."""
    source, provider, _ = fresh(CredentialsError("down", absent=True), LASTING)
    provider.go.clear()
    callers = [asyncio.create_task(refused(source)) for _ in range(1000)]
    await asyncio.sleep(0)
    provider.go.set()
    errors = await asyncio.gather(*callers)

    assert provider.asked == 1
    assert {str(error) for error in errors} == {"down"}
    assert len({id(error) for error in errors}) == 1000

    provider.go.clear()
    callers_later = [asyncio.create_task(source.get()) for _ in range(1000)]
    await asyncio.sleep(0)
    provider.go.set()

    assert {id(response) for response in await asyncio.gather(*callers_later)} == {
        id(LASTING)
    }
    assert provider.asked == 2


async def test_a_cancelled_caller_strands_nobody() -> None:
    """The next in line asks in its place."""
    source, provider, _ = fresh(ending(3600, "one"), ending(3600, "two"))
    provider.go.clear()
    first, *others = [asyncio.create_task(source.get()) for _ in range(10)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    provider.go.set()
    responses = await asyncio.gather(*others)

    assert first.cancelled()
    assert {response.access_key_id for response in responses} == {"two"}
    assert provider.asked == 2


async def test_a_cancelled_waiter_leaves_no_trace() -> None:
    """The one who asks goes on."""
    source, provider, _ = fresh(ending(3600))
    provider.go.clear()
    first, second = [asyncio.create_task(source.get()) for _ in range(2)]
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    provider.go.set()

    assert await first == ending(3600)
    assert await source.get() == ending(3600)
    assert provider.asked == 1


async def test_what_the_server_calls_expired_is_forgotten() -> None:
    """Whatever its end says; what came after it stays."""
    source, provider, _ = fresh(ending(3600, "one"), ending(3600, "two"))
    one = await source.get()
    source.expire(one)
    two = await source.get()
    source.expire(one)

    assert two.access_key_id == "two"
    assert await source.get() is two
    assert provider.asked == 2


async def test_those_who_waited_do_not_get_what_was_forgotten_meanwhile() -> None:
    """They ask anew."""
    source, provider, _ = fresh(ending(3600, "one"), ending(3600, "two"))
    provider.go.clear()

    async def ask_and_forget() -> None:
        source.expire(await source.get())

    first = asyncio.create_task(ask_and_forget())
    second = asyncio.create_task(source.get())
    await asyncio.sleep(0)
    provider.go.set()
    await first

    assert (await second).access_key_id == "two"
    assert provider.asked == 2


@pytest.mark.parametrize("response", [None, "key", {"AccessKeyId": "canary"}, object()])
async def test_a_provider_must_return_credentials(response: object) -> None:
    """The error names the type, never the value."""
    source, _, _ = fresh(response)
    error = await refused(source)

    assert str(error) == (
        f"the provider returned {type(response).__name__}, not Credentials"
    )


async def test_a_providers_own_error_becomes_ours() -> None:
    """Its text may quote what it failed to read; its type is enough."""
    foreign = KeyError("canary")
    source, _, _ = fresh(foreign)
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
async def test_an_error_of_ours_that_is_not_about_credentials_is_a_failure(
    kind: type[BaseException],
) -> None:
    """A provider that is throttled itself must not look like a throttled call.

    Nor must a call that nobody has cancelled end as if somebody had.
    """
    source, _, _ = fresh(kind("canary"))
    error = await refused(source)

    assert str(error) == f"the provider failed: {kind.__name__}"
    assert not error.absent
    assert "canary" not in all_of(error)


async def test_a_failed_fetch_of_any_kind_is_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever comes out of the client of HTTP."""

    async def broken(*_: object, **__: object) -> None:
        await asyncio.sleep(0)
        raise RuntimeError("canary")

    monkeypatch.setattr(sources, "fetch", broken)
    error = await refused(CredentialsUri("http://127.0.0.1/"))

    assert str(error) == (
        "credentials URI: no usable response from http://127.0.0.1/ (RuntimeError)"
    )
    assert "canary" not in all_of(error)


@pytest.mark.parametrize("mine", [ConfigurationError("bad"), CredentialsError("none")])
async def test_an_error_of_ours_stays_as_it_is(mine: Exception) -> None:
    """It says more than a wrapped one."""
    source, _, _ = fresh(mine)

    with pytest.raises(type(mine)) as caught:
        await source.get()

    assert caught.value is mine


async def test_nothing_stays_behind_an_error_of_ours() -> None:
    """A provider may have raised it because of one that quotes what it read."""
    mine = CredentialsError("unreadable")
    mine.__cause__ = mine.__context__ = KeyError("canary")
    source, _, _ = fresh(mine)
    error = await refused(source)

    assert error.__cause__ is error.__context__ is None


def test_fresh_credentials_have_the_providers_account_and_show_its_type() -> None:
    """A provider of a user's own may show too much."""
    source, _, _ = fresh(LASTING)

    assert source.account == "scripted"
    assert repr(source) == "credentials=Scripted"


async def test_by_default_the_wall_clock_counts() -> None:
    """The end of a token is a date."""
    end = datetime.now(UTC)
    keys = [
        Credentials("long", "s", "t", end + timedelta(seconds=400)),
        Credentials("short", "s", "t", end + timedelta(seconds=-1)),
    ]
    asked: list[int] = []
    for key in keys:
        provider = Scripted(key)
        source = RefreshingCredentials(provider)
        await source.get()
        await source.get()
        asked.append(provider.asked)

    assert asked == [1, 2]


async def test_given_credentials_are_used_as_they_are() -> None:
    """There is nothing to renew, and their id is the account."""
    given = Credentials("LTAI-canary", "canary")
    source = StaticCredentials(given)
    source.expire(given)

    assert await source.get() is given
    assert source.account == "LTAI-canary"
    assert repr(source) == "access_key_id='LTAI***'"


# The profile


AK = {
    "name": "default",
    "mode": "AK",
    "access_key_id": "id",
    "access_key_secret": "secret",
}
STS = {**AK, "name": "sts", "mode": "StsToken", "sts_token": "token"}


def write(path: Path, *profiles: object, current: str = "default") -> Path:
    """Write a file of the CLI's."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"current": current, "profiles": profiles}))
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return where the CLI keeps its profiles."""
    return tmp_path / ".aliyun" / "config.json"


async def test_the_current_profile_of_the_cli_is_found(config: Path) -> None:
    """Without a word of where it is."""
    write(config, {**AK, "name": "other", "access_key_id": "no"}, AK)
    provider = ProfileCredentials()
    before = provider.account

    assert await provider.get() == Credentials("id", "secret")
    assert before is None
    assert provider.account == "profile default"


async def test_a_profile_of_a_temporary_key_has_a_token(config: Path) -> None:
    """Mode StsToken; the file tells no end."""
    write(config, AK, STS, current="sts")

    assert await ProfileCredentials().get() == Credentials("id", "secret", "token")


async def test_a_lasting_key_ignores_a_token_that_was_left_behind(
    config: Path,
) -> None:
    """The mode counts."""
    write(config, {**AK, "sts_token": "stale"})

    assert (await ProfileCredentials().get()).security_token is None


async def test_the_argument_goes_before_the_variable_before_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each may name another profile."""
    names = ["of_file", "of_variable", "of_argument"]
    profiles = [{**AK, "name": name, "access_key_id": name} for name in names]
    write(config, *profiles, current="of_file")
    by_file = await ProfileCredentials().get()
    monkeypatch.setenv("ALIBABA_CLOUD_PROFILE", "of_variable")
    by_variable = await ProfileCredentials().get()
    provider = ProfileCredentials("of_argument")
    by_argument = await provider.get()

    assert by_file.access_key_id == "of_file"
    assert by_variable.access_key_id == "of_variable"
    assert by_argument.access_key_id == "of_argument"
    assert provider.account == "profile of_argument"
    assert repr(provider) == "ProfileCredentials('of_argument')"


@pytest.mark.parametrize("kind", [str, Path])
async def test_the_file_may_be_elsewhere(
    tmp_path: Path, kind: Callable[[Path], str | Path]
) -> None:
    """As a text or a path."""
    path = write(tmp_path / "elsewhere" / "keys.json", AK)

    assert await ProfileCredentials(path=kind(path)).get() == LASTING


async def test_without_a_file_there_is_nothing_to_offer(config: Path) -> None:
    """A chain may go on."""
    error = await refused(ProfileCredentials())

    assert error.absent
    assert str(error) == f"there is no profile file {config}"


async def test_without_a_home_there_is_nothing_to_offer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in a container whose user nobody knows."""
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    error = await refused(ProfileCredentials())

    assert error.absent
    assert str(error) == "there is no profile file ~/.aliyun/config.json"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"canary",
        b"\xff\xfe\x00",
        b'{"profiles": [{"access_key_secret": "canary"',
        b"[" * 100_000,
        b"[]",
        b"null",
        b'"canary"',
    ],
    ids=["empty", "text", "bytes", "cut", "deep", "array", "null", "string"],
)
async def test_a_broken_file_is_broken(config: Path, text: bytes) -> None:
    """No chain goes on; and nothing of the file is in the error or behind it."""
    write(config).write_bytes(text)
    error = await refused(ProfileCredentials())

    assert not error.absent
    assert str(error) == f"profile file {config} holds no JSON object"
    assert "canary" not in all_of(error)


def _make_fifo(path: Path) -> None:
    os.mkfifo(path)


def _make_socket(path: Path) -> None:
    os.chdir(path.parent)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)


def _make_sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


NO_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "fifo": (_make_fifo, "is not a regular file"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
    "null": (lambda path: path.symlink_to(os.devnull), "is not a regular file"),
    "directory": (Path.mkdir, "cannot be read (IsADirectoryError)"),
    "socket": (_make_socket, "cannot be read (OSError)"),
    "large": (
        lambda path: path.write_bytes(b" " * (2**20 + 1)),
        "is larger than 1048576 bytes",
    ),
    "sparse": (_make_sparse, "is larger than 1048576 bytes"),
    "locked": (lambda path: path.symlink_to(path), "cannot be read (OSError)"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="files of POSIX")
@pytest.mark.parametrize("kind", NO_FILES)
async def test_what_is_no_small_regular_file_is_refused_unread(
    config: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A FIFO would wait for its writer, and a device has no end."""
    make, expected = NO_FILES[kind]
    monkeypatch.chdir(config.parent.parent)
    config.parent.mkdir()
    make(config)
    error = await refused(ProfileCredentials())

    assert not error.absent
    assert str(error) == f"profile file {config} {expected}"


async def test_the_largest_profile_is_read(config: Path) -> None:
    """1 MiB, to the last byte."""
    text = write(config, AK).read_bytes()
    config.write_bytes(text.ljust(2**20))  # noqa: ASYNC240 - tests may block

    assert await ProfileCredentials().get() == LASTING


async def test_a_file_that_grows_while_it_is_read_is_refused(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its size was looked at before."""
    write(config, AK)
    fstat = os.fstat

    def grow(descriptor: int) -> os.stat_result:
        before = fstat(descriptor)
        config.write_bytes(b" " * 2**21)
        return before

    monkeypatch.setattr(os, "fstat", grow)
    error = await refused(ProfileCredentials())

    assert str(error) == f"profile file {config} is larger than 1048576 bytes"


@pytest.mark.parametrize(
    ("path", "kind"), [("a\0b", "ValueError"), (5, "TypeError")], ids=["nul", "int"]
)
async def test_any_failure_to_read_is_an_error_of_ours(path: Any, kind: str) -> None:
    """That of a path that is none, too."""
    error = await refused(ProfileCredentials(path=path))

    assert not error.absent
    assert str(error) == f"the profile file cannot be read ({kind})"


class Hanging:
    """A home directory that does not answer until it is released."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = 0
        self.released = threading.Event()
        self.open = os.open
        monkeypatch.setattr(os, "open", self)

    def __call__(self, *args: Any) -> int:
        """Open a file, late."""
        self.opened += 1
        self.released.wait()
        return self.open(*args)


async def test_a_hanging_file_is_waited_for_by_one_thread(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call ends in time; the first that comes after the answer has it."""
    write(config, AK)
    hanging = Hanging(monkeypatch)
    monkeypatch.setattr(sources, "READ_TIMEOUT", 0.02)
    provider = ProfileCredentials()
    try:
        errors = [str(await refused(provider)) for _ in range(3)]
        cancelled = asyncio.create_task(provider.get())
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])
    finally:
        hanging.released.set()
    monkeypatch.setattr(sources, "READ_TIMEOUT", 30)

    assert set(errors) == {"the profile file was not read within 0.02 s"}
    assert cancelled.cancelled()
    assert await provider.get() == LASTING
    assert hanging.opened == 1


def test_a_provider_serves_one_loop_after_another(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What hangs for a loop that has ended is not waited for by the next."""
    write(config, AK)
    hanging = Hanging(monkeypatch)
    monkeypatch.setattr(sources, "READ_TIMEOUT", 0.02)
    provider = ProfileCredentials()
    try:
        asyncio.run(refused(provider))  # pyright: ignore[reportArgumentType]
    finally:
        hanging.released.set()
    monkeypatch.setattr(sources, "READ_TIMEOUT", 30)

    assert asyncio.run(provider.get()) == LASTING
    assert hanging.opened == 2


HANGS = """\
import asyncio, os, time
from cams_async import CamsClient, CamsError, ProfileCredentials, sources

os.open = lambda *_: time.sleep(600)
sources.READ_TIMEOUT = 0.05

async def main():
    async with CamsClient(ProfileCredentials(), endpoint="http://127.0.0.1:1") as cams:
        try:
            await cams.call("X")
        except CamsError as error:
            print(error)

asyncio.run(main())
"""


def test_a_hanging_home_does_not_keep_the_process_from_exiting() -> None:
    """No thread that hangs is joined at the end."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", HANGS], capture_output=True, check=True, timeout=60
    )

    assert b"the profile file was not read within 0.05 s" in done.stdout
    assert done.stderr == b""


async def test_a_file_that_cannot_be_read_is_broken(config: Path) -> None:
    """It is there, so it is meant."""
    config.mkdir(parents=True)  # noqa: ASYNC240 - tests may block
    error = await refused(ProfileCredentials())

    assert not error.absent
    assert str(error) == f"profile file {config} cannot be read (IsADirectoryError)"


@pytest.mark.parametrize("name", ["missing", "DEFAULT", "default "])
async def test_an_unknown_profile_is_named(config: Path, name: str) -> None:
    """It was asked for, so no chain goes on."""
    write(config, AK)
    error = await refused(ProfileCredentials(name))

    assert not error.absent
    assert str(error) == f"there is no profile {name!r}"


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"current": "x"}',
        '{"current": "x", "profiles": {"x": 1}}',
        '{"current": {"canary": 1}, "profiles": []}',
    ],
)
async def test_a_file_without_profiles_has_none(config: Path, text: str) -> None:
    """Whatever stands in their place."""
    write(config).write_text(text)
    error = await refused(ProfileCredentials())

    assert str(error) in {"there is no profile 'x'", "there is no profile None"}
    assert not error.absent


async def test_a_profile_must_be_an_object(config: Path) -> None:
    """The error does not show what it is."""
    write(config, "canary", AK)
    error = await refused(ProfileCredentials())

    assert str(error) == "a profile holds no JSON object"
    assert "canary" not in all_of(error)


ODD_MODES: list[Any] = ["ak", "canary", "", None, 5, ["canary"], {}]


@pytest.mark.parametrize(
    ("mode", "shown"),
    [
        *((mode, f"mode {mode}") for mode in sources.UNSUPPORTED_MODES),
        *((mode, "its mode") for mode in ODD_MODES),
    ],
    ids=str,
)
async def test_another_mode_is_refused_with_what_would_do(
    config: Path, mode: object, shown: str
) -> None:
    """Such profiles need calls that this package does not make.

    A mode that the CLI does not have is not shown: it may be a misplaced secret.
    """
    write(config, {**AK, "mode": mode})
    provider = ProfileCredentials()
    error = await refused(provider)

    assert not error.absent
    assert str(error) == (
        f"profile 'default': {shown} is not supported, only AK and StsToken are"
    )
    assert provider.account is None


@pytest.mark.parametrize("field", ["access_key_id", "access_key_secret", "sts_token"])
@pytest.mark.parametrize("value", [None, "", 5, ["canary"]])
async def test_a_missing_field_is_named(
    config: Path, field: str, value: object
) -> None:
    """The CLI leaves empty texts where nothing was configured."""
    write(config, {**STS, field: value}, current="sts")
    error = await refused(ProfileCredentials())

    assert not error.absent
    assert str(error) == f"profile 'sts' lacks {field}"


@pytest.mark.parametrize("field", ["access_key_id", "access_key_secret", "sts_token"])
async def test_an_unusable_field_is_named(config: Path, field: str) -> None:
    """Without its value."""
    write(config, {**STS, field: "canary canary"}, current="sts")
    error = await refused(ProfileCredentials())

    assert "profile 'sts': " in str(error)
    assert field.removeprefix("sts_") in str(error)
    assert "canary" not in all_of(error)


def test_the_file_is_read_again_after_five_seconds(clock: Clock, config: Path) -> None:
    """A changed key is noticed; until then the disk is left alone."""

    async def main() -> list[str]:
        provider = ProfileCredentials()
        keys: list[str] = []
        for key, pause in [("one", 0.0), ("two", 4.9), ("three", 0.2), ("four", 4.9)]:
            write(config, {**AK, "access_key_id": key})
            await asyncio.sleep(pause)
            keys.append((await provider.get()).access_key_id)
        return keys

    assert clock.run(main()) == ["one", "one", "three", "three"]


def test_a_failure_is_not_kept(clock: Clock, config: Path) -> None:
    """Once the file is there, it is read."""

    async def main() -> Credentials:
        provider = ProfileCredentials()
        await refused(provider)
        write(config, AK)
        return await provider.get()

    assert clock.run(main()) == LASTING


def test_a_file_that_broke_is_told_at_the_next_reading(
    clock: Clock, config: Path
) -> None:
    """What was found before is not handed out for ever."""

    async def main() -> str:
        provider = ProfileCredentials()
        write(config, AK)
        await provider.get()
        config.write_text("{")  # noqa: ASYNC240 - tests may block
        await asyncio.sleep(5)
        return str(await refused(provider))

    assert clock.run(main()).endswith("holds no JSON object")


# The service

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SERVED = {
    "Code": "Success",
    "AccessKeyId": "STS.id",
    "AccessKeySecret": "secret-canary",
    "SecurityToken": "token-canary",
    "Expiration": "2027-01-15T08:00:00Z",
}


@asynccontextmanager
async def service(handler: Handler) -> AsyncGenerator[str]:
    """Run a service on this machine, and yield its address."""
    app = web.Application()
    app.router.add_get("/credentials", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/credentials"))


def answering(payload: object, status: int = 200) -> Handler:
    """Return a handler that always gives the same answer."""

    async def handle(_: web.Request) -> web.Response:
        await asyncio.sleep(0)
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return web.Response(status=status, body=body)

    return handle


async def uri_error(payload: object, status: int = 200) -> CredentialsError:
    """Ask a service whose answer is no good; nothing of it is in the error."""
    async with service(answering(payload, status)) as uri:
        error = await refused(CredentialsUri(uri))

    assert not error.absent
    assert "canary" not in all_of(error)
    return error


@pytest.mark.parametrize(
    "expiration",
    ["2027-01-15T08:00:00Z", "2027-01-15T08:00:00+00:00", "2027-01-15T16:00:00+08:00"],
)
async def test_a_service_hands_out_credentials(expiration: str) -> None:
    """With their end, in any time zone."""
    async with service(answering({**SERVED, "Expiration": expiration})) as uri:
        credentials = await CredentialsUri(uri).get()

    assert credentials == Credentials(
        "STS.id", "secret-canary", "token-canary", datetime.fromtimestamp(NOW, UTC)
    )


async def test_the_address_may_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is the account, in either case."""
    async with service(answering(SERVED)) as uri:
        monkeypatch.setenv("ALIBABA_CLOUD_CREDENTIALS_URI", uri)
        provider = CredentialsUri()
        credentials = await provider.get()

    assert credentials.access_key_id == "STS.id"
    assert provider.account == uri
    assert CredentialsUri("http://given").account == "http://given"


@pytest.mark.parametrize(
    ("uri", "account"),
    [
        ("http://given", "http://given"),
        ("http://given:80/a/b?canary=1#canary", "http://given:80/a/b"),
        ("http://user:canary@given/a", "http://given/a"),
        ("http://user:canary@canary@given/a?x@y", "http://given/a"),
        (Secret("http://user:canary@[::1]:8080/?x=canary"), "http://[::1]:8080/"),
        ("http://user:canary@[::1", "an unnamed address"),
        ("http://user:canary/canary@given/a", "an unnamed address"),
        ("http://user:1/canary@given/a", "an unnamed address"),
        ("http://user:1?canary@given/a", "http://user:1"),
        ("user:canary@given/a", "an unnamed address"),
        ("//user:canary@given/a", "an unnamed address"),
        ("ftp://given/canary", "an unnamed address"),
        ("canary?canary", "an unnamed address"),
    ],
    ids=str,
)
def test_the_account_of_a_service_is_its_address_without_secrets(
    uri: str | Secret, account: str
) -> None:
    """Neither user information nor a query is a name to share ceilings under."""
    provider = CredentialsUri(uri)

    assert provider.account == account
    assert repr(provider) == "CredentialsUri()"
    assert "canary" not in repr(vars(provider))


@pytest.mark.parametrize("value", [None, ""])
async def test_without_an_address_there_is_nothing_to_offer(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the variable."""
    if value is not None:
        monkeypatch.setenv("ALIBABA_CLOUD_CREDENTIALS_URI", value)
    error = await refused(CredentialsUri())

    assert error.absent
    assert str(error) == (
        "environment variable ALIBABA_CLOUD_CREDENTIALS_URI is not set"
    )
    assert CredentialsUri().account is None


@pytest.mark.parametrize("status", [201, 403, 500])
async def test_another_status_is_no_answer(status: int) -> None:
    """Even with a good body."""
    error = await uri_error(SERVED, status)

    assert str(error) == f"credentials URI: HTTP {status}, Code is not Success"


@pytest.mark.parametrize("code", ["Failed", "success", "", None, 200])
async def test_another_code_is_no_answer(code: object) -> None:
    """The vendor's services say Success."""
    error = await uri_error({**SERVED, "Code": code})

    assert str(error) == "credentials URI: HTTP 200, Code is not Success"


@pytest.mark.parametrize("status", [200, 302, 404, 502])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>canary</html>", b'["canary"]', b"null", b"[" * 50_000, b"\xff\xfe"],
    ids=["empty", "html", "array", "null", "deep", "bytes"],
)
async def test_what_is_no_json_object_is_no_answer(body: bytes, status: int) -> None:
    """The error tells the status; a redirect is not followed."""
    error = await uri_error(body, status)

    assert str(error) == f"credentials URI: HTTP {status} holds no JSON object"


@pytest.mark.parametrize("field", sorted(SERVED.keys() - {"Code"}))
@pytest.mark.parametrize("value", [None, "", 5, {"canary": 1}])
async def test_an_answer_that_lacks_a_field_is_told_by_its_name(
    field: str, value: object
) -> None:
    """All four are needed: such credentials always end."""
    error = await uri_error({**SERVED, field: value})

    assert str(error) == f"credentials URI lacks {field}"


@pytest.mark.parametrize("text", ["tomorrow", "1768464000", "2027-13-01T00:00:00Z"])
async def test_an_end_that_is_no_date_is_told(text: str) -> None:
    """Else the credentials would be kept for ever, or never."""
    error = await uri_error({**SERVED, "Expiration": text})

    assert str(error) == "credentials URI: Expiration is not a date"


async def test_an_end_without_a_time_zone_is_told() -> None:
    """The error names the field of the credentials."""
    error = await uri_error({**SERVED, "Expiration": "2027-01-15T08:00:00"})

    assert str(error).startswith("credentials URI: expires_at: must be a datetime with")


async def test_an_unusable_part_is_told_without_its_value() -> None:
    """Such as one with a line end in it."""
    error = await uri_error({**SERVED, "SecurityToken": "canary\n"})

    assert str(error).startswith("credentials URI: security_token: must be")


async def test_an_answer_that_is_too_large_is_no_answer() -> None:
    """64 KiB are plenty; what comes after them is not read."""
    error = await uri_error({**SERVED, "Padding": "x" * 2**16})

    assert str(error).startswith("credentials URI: no usable response from http://127.")
    assert str(error).endswith(" (DecodeError)")


async def test_an_answer_of_64_kib_is_read() -> None:
    """To the last byte."""
    body = json.dumps(SERVED).encode().ljust(2**16)
    async with service(answering(body)) as uri:
        assert (await CredentialsUri(uri).get()).access_key_id == "STS.id"


async def test_a_service_that_does_not_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five seconds are the bound; here, a moment."""
    monkeypatch.setattr(sources, "FETCH_TIMEOUT", 0.05)
    done = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await done.wait()
        return web.Response()

    async with service(hang) as uri:
        error = await refused(CredentialsUri(uri))
        done.set()

    assert (
        str(error) == f"credentials URI: no usable response from {uri} (RequestTimeout)"
    )


def test_the_bounds_of_a_fetch_are_the_documented_ones() -> None:
    """Five seconds and 64 KiB."""
    assert sources.FETCH_TIMEOUT == 5
    assert sources.FETCH_BYTES == 65_536


async def test_a_service_that_is_not_there_is_told() -> None:
    """Nobody listens on a port that is only bound."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        error = await refused(CredentialsUri(uri))

    assert (
        str(error) == f"credentials URI: no usable response from {uri} (ConnectError)"
    )


@pytest.mark.parametrize("uri", ["nonsense", "ftp://127.0.0.1/", "http://", "/path"])
async def test_an_address_that_is_none_is_told(uri: str) -> None:
    """As an error of ours."""
    error = await refused(CredentialsUri(uri))

    assert not error.absent
    assert "credentials URI: no usable response from " in str(error)


async def test_a_file_or_a_service_is_asked_once_for_all_who_wait(config: Path) -> None:
    """And, where the answer has an end, not again."""
    asked = 0

    async def count(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return await answering({**SERVED, "Expiration": "2999-01-01T00:00:00Z"})(
            request
        )

    write(config, AK)
    async with service(count) as uri:
        for provider in (CredentialsUri(uri), ProfileCredentials()):
            source = RefreshingCredentials(provider)
            responses = await asyncio.gather(*(source.get() for _ in range(1000)))
            assert await source.get() is responses[0]
            assert {id(response) for response in responses} == {id(responses[0])}

    assert asked == 1


# Chains


def absent(reason: str = "nothing here") -> Scripted:
    """Return a provider that has nothing to offer."""
    return Scripted(CredentialsError(reason, absent=True), account="absent")


async def test_a_chain_goes_on_until_somebody_has_something() -> None:
    """Those after it are never asked."""
    first, second, third = absent(), Scripted(LASTING, account="second"), absent()
    combined = chain(first, second, third)
    before = combined.account

    assert await combined.get() is LASTING
    assert before is None
    assert combined.account == "second"
    assert [first.asked, second.asked, third.asked] == [1, 1, 0]


async def test_a_chain_stays_with_whom_it_chose() -> None:
    """What comes up earlier in it might be another account's."""
    late = Scripted(CredentialsError("no", absent=True), Credentials("late", "s"))
    chosen = Scripted(LASTING, CredentialsError("gone", absent=True), LASTING)
    combined = chain(late, chosen)

    assert await combined.get() is LASTING
    assert str(await refused(combined)) == "gone"
    assert await combined.get() is LASTING
    assert [late.asked, chosen.asked] == [1, 3]


@pytest.mark.parametrize("broken", [CredentialsError("broken"), OSError("broken")])
async def test_a_chain_stops_at_what_is_broken(broken: Exception) -> None:
    """What was meant, but cannot be used, is not passed over."""
    after = Scripted(LASTING)
    combined = chain(absent(), Scripted(broken), after)

    with pytest.raises(type(broken)) as caught:
        await combined.get()

    assert caught.value is broken
    assert after.asked == 0
    assert combined.account is None


async def test_a_chain_that_finds_nothing_tells_all_reasons() -> None:
    """And is absent itself, so that chains nest."""
    combined = chain(absent("no file"), chain(absent("no variable")), absent("no uri"))
    error = await refused(combined)

    assert error.absent
    assert str(error) == (
        "no credentials found: no file; no credentials found: no variable; no uri"
    )
    assert await chain(combined, Scripted(LASTING)).get() is LASTING


async def test_a_chain_asks_all_again_as_long_as_nobody_has_anything() -> None:
    """A variable may be set later."""
    provider = Scripted(CredentialsError("not yet", absent=True), LASTING)
    combined = chain(provider)
    await refused(combined)

    assert await combined.get() is LASTING


async def test_an_empty_chain_finds_nothing() -> None:
    """As an error of ours."""
    assert (await refused(chain())).absent


def test_a_chain_shows_its_providers() -> None:
    """Those of this package show no secrets."""
    combined = chain(EnvironmentCredentials(), ProfileCredentials("x"))

    assert repr(combined) == (
        "chain(EnvironmentCredentials(), ProfileCredentials('x'))"
    )


async def test_by_default_environment_goes_before_profile_before_service(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is found only if those before it have nothing."""
    found: list[str] = []
    async with service(answering(SERVED)) as uri:
        monkeypatch.setenv("ALIBABA_CLOUD_CREDENTIALS_URI", uri)
        found.append((await default_chain().get()).access_key_id)
        write(config, {**AK, "access_key_id": "of-profile"})
        found.append((await default_chain().get()).access_key_id)
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "of-environment")
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
        found.append((await default_chain().get()).access_key_id)

    assert found == ["STS.id", "of-profile", "of-environment"]


async def test_without_any_credentials_the_error_says_where_they_were_looked_for(
    config: Path,
) -> None:
    """So that a newcomer knows what to set."""
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
async def test_a_source_that_is_configured_in_vain_is_named(
    source: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its variable, and never with what that holds."""
    monkeypatch.setenv(name, "canary")
    error = await refused(default_chain())

    assert error.absent
    assert str(error).endswith(
        f" is not set; configured but not supported: {source} ({name}): "
        "give the client a provider of your own for these"
    )
    assert "canary" not in all_of(error)


async def test_all_sources_that_are_configured_in_vain_are_named(
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
def test_the_profile_can_be_left_out(
    value: str | None,
    expected: bool,  # noqa: FBT001 - a table gives it
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the variable that the vendor's own SDK reads."""
    if value is not None:
        monkeypatch.setenv("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", value)

    assert expected is ("ProfileCredentials(None)" in repr(default_chain()))
