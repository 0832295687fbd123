"""Credentials in the profile file of the CLI, and from a local service."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cams_async import sources
from cams_async.credentials import Credentials
from cams_async.errors import CredentialsError
from cams_async.refresh import RefreshingCredentials
from cams_async.secret import Secret
from cams_async.sources import CredentialsUri, ProfileCredentials
from tests.clock import Clock
from tests.credential_sources import (
    AK,
    LASTING,
    NOW,
    SERVED,
    STS,
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


# The profile


async def test_the_current_profile_is_the_default(config: Path) -> None:
    """Neither the file nor the profile needs to be named."""
    write(config, {**AK, "name": "other", "access_key_id": "no"}, AK)
    provider = ProfileCredentials()

    assert await provider.get() == Credentials("id", "secret")
    assert provider.account is None


async def test_a_profile_of_mode_sts_token_has_a_token(config: Path) -> None:
    """The file holds no expiry. The profile is the account, once it was read."""
    write(config, AK, STS, current="sts")
    provider = ProfileCredentials()
    before = provider.account

    assert await provider.get() == Credentials("id", "secret", "token")
    assert before is None
    assert provider.account == "profile sts"


async def test_a_profile_of_mode_ak_ignores_a_token(config: Path) -> None:
    """A stale token may be left in the file."""
    write(config, {**AK, "sts_token": "stale"})

    assert (await ProfileCredentials().get()).security_token is None


async def test_the_argument_overrides_the_variable_overrides_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the three may name a profile."""
    names = ["of_file", "of_variable", "of_argument"]
    profiles = [{**STS, "name": name, "access_key_id": name} for name in names]
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
async def test_the_path_of_the_file_can_be_given(
    tmp_path: Path, kind: Callable[[Path], str | Path]
) -> None:
    """The path is a string or a `Path`."""
    path = write(tmp_path / "elsewhere" / "keys.json", AK)

    assert await ProfileCredentials(path=kind(path)).get() == LASTING


async def test_a_missing_file_is_absent(config: Path) -> None:
    """A chain continues with the next provider."""
    error = await refused(ProfileCredentials())

    assert error.absent
    assert str(error) == f"there is no profile file {config}"


async def test_a_missing_home_is_absent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a container, the user may have no home directory."""
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
async def test_a_file_that_is_not_json_is_an_error(config: Path, text: bytes) -> None:
    """A chain stops, and neither the error nor its cause quotes the file."""
    write(config).write_bytes(text)
    error = await refused(ProfileCredentials())

    assert not error.absent
    assert str(error) == f"profile file {config} holds no JSON object"
    assert "canary" not in texts_of(error)


def _make_fifo(path: Path) -> None:
    os.mkfifo(path)


def _make_socket(path: Path) -> None:
    os.chdir(path.parent)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)


def _make_sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


UNREADABLE: dict[str, tuple[Callable[[Path], object], str]] = {
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
@pytest.mark.parametrize("kind", UNREADABLE)
async def test_only_a_small_regular_file_is_read(
    config: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening a FIFO waits for its writer, and a device has no end."""
    make, expected = UNREADABLE[kind]
    monkeypatch.chdir(config.parent.parent)
    config.parent.mkdir()
    make(config)
    error = await refused(ProfileCredentials())

    assert not error.absent
    assert str(error) == f"profile file {config} {expected}"


async def test_a_file_of_1_mib_is_read(config: Path) -> None:
    """The limit is inclusive."""
    text = write(config, AK).read_bytes()
    config.write_bytes(text.ljust(2**20))  # noqa: ASYNC240 - tests may block

    assert await ProfileCredentials().get() == LASTING


async def test_a_file_that_grows_beyond_the_limit_is_rejected(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file grows after its size is checked."""
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
async def test_an_invalid_path_is_a_credentials_error(path: Any, kind: str) -> None:
    """The error names the type of the exception."""
    error = await refused(ProfileCredentials(path=path))

    assert not error.absent
    assert str(error) == f"the profile file cannot be read ({kind})"


class Hanging:
    """An `os.open` that blocks until it is released."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = 0
        self.released = threading.Event()
        self.open = os.open
        monkeypatch.setattr(os, "open", self)

    def __call__(self, *args: Any) -> int:
        """Open a file once released."""
        self.opened += 1
        self.released.wait()
        return self.open(*args)


async def test_a_hanging_file_occupies_one_thread(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call times out, and a call after the release returns the credentials."""
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
    """A read that hangs in a finished loop does not delay the next loop."""
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
    """A hanging thread is not joined at exit."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", HANGS], capture_output=True, check=True, timeout=60
    )

    assert b"the profile file was not read within 0.05 s" in done.stdout
    assert done.stderr == b""


async def test_an_unreadable_file_is_an_error(config: Path) -> None:
    """The file exists, so a chain stops."""
    config.mkdir(parents=True)  # noqa: ASYNC240 - tests may block
    error = await refused(ProfileCredentials())

    assert not error.absent
    assert str(error) == f"profile file {config} cannot be read (IsADirectoryError)"


@pytest.mark.parametrize("name", ["missing", "DEFAULT", "default "])
async def test_a_missing_profile_is_named(config: Path, name: str) -> None:
    """A chain stops, because the profile was requested."""
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
async def test_a_file_without_profiles_is_an_error(config: Path, text: str) -> None:
    """Other values in place of the profiles are ignored."""
    write(config).write_text(text)
    error = await refused(ProfileCredentials())

    assert str(error) in {"there is no profile 'x'", "there is no profile None"}
    assert not error.absent


async def test_a_profile_must_be_an_object(config: Path) -> None:
    """The error does not show the value."""
    write(config, "canary", AK)
    error = await refused(ProfileCredentials())

    assert str(error) == "a profile holds no JSON object"
    assert "canary" not in texts_of(error)


ODD_MODES: list[Any] = ["ak", "canary", "", None, 5, ["canary"], {}]


@pytest.mark.parametrize(
    ("mode", "shown"),
    [
        *((mode, f"mode {mode}") for mode in sources.UNSUPPORTED_MODES),
        *((mode, "its mode") for mode in ODD_MODES),
    ],
    ids=str,
)
async def test_an_unsupported_mode_is_rejected(
    config: Path, mode: object, shown: str
) -> None:
    """The error names the supported modes.

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
    """The CLI writes empty strings for fields that are not configured."""
    write(config, {**STS, field: value}, current="sts")
    error = await refused(ProfileCredentials())

    assert not error.absent
    assert str(error) == f"profile 'sts' lacks {field}"


@pytest.mark.parametrize("field", ["access_key_id", "access_key_secret", "sts_token"])
async def test_a_malformed_field_is_named(config: Path, field: str) -> None:
    """The error does not show the value."""
    write(config, {**STS, field: "canary canary"}, current="sts")
    error = await refused(ProfileCredentials())

    assert "profile 'sts': " in str(error)
    assert field.removeprefix("sts_") in str(error)
    assert "canary" not in texts_of(error)


def test_the_file_is_read_again_after_five_seconds(clock: Clock, config: Path) -> None:
    """A changed key takes effect then, and until then the file is not read."""

    async def main() -> list[str]:
        provider = ProfileCredentials()
        keys: list[str] = []
        for key, pause in [("one", 0.0), ("two", 4.9), ("three", 0.2), ("four", 4.9)]:
            write(config, {**AK, "access_key_id": key})
            await asyncio.sleep(pause)
            keys.append((await provider.get()).access_key_id)
        return keys

    assert clock.run(main()) == ["one", "one", "three", "three"]


def test_a_failed_read_is_not_cached(clock: Clock, config: Path) -> None:
    """A file that appears is read at the next call."""

    async def main() -> Credentials:
        provider = ProfileCredentials()
        await refused(provider)
        write(config, AK)
        return await provider.get()

    assert clock.run(main()) == LASTING


def test_a_file_that_becomes_invalid_raises_at_the_next_read(
    clock: Clock, config: Path
) -> None:
    """The previous credentials are not returned forever."""

    async def main() -> str:
        provider = ProfileCredentials()
        write(config, AK)
        await provider.get()
        config.write_text("{")  # noqa: ASYNC240 - tests may block
        await asyncio.sleep(5)
        return str(await refused(provider))

    assert clock.run(main()).endswith("holds no JSON object")


# The service


async def uri_error(payload: object, status: int = 200) -> CredentialsError:
    """Return the error for an unusable response, which the error does not quote."""
    async with service(responding(payload, status)) as uri:
        error = await refused(CredentialsUri(uri))

    assert not error.absent
    assert "canary" not in texts_of(error)
    return error


@pytest.mark.parametrize(
    "expiration",
    ["2027-01-15T08:00:00Z", "2027-01-15T08:00:00+00:00", "2027-01-15T16:00:00+08:00"],
)
async def test_a_service_returns_credentials(expiration: str) -> None:
    """The expiry may be in any time zone."""
    async with service(responding({**SERVED, "Expiration": expiration})) as uri:
        credentials = await CredentialsUri(uri).get()

    assert credentials == Credentials(
        "STS.id", "secret-canary", "token-canary", datetime.fromtimestamp(NOW, UTC)
    )


async def test_the_url_may_be_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The URL is the account in either case."""
    async with service(responding(SERVED)) as uri:
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
        ("http://user:canary@canary@given/a", "http://given/a"),
        ("http://user:canary@given/a?x=canary%40y", "http://given/a"),
        ("http://user:canary@canary/?canary@given/a", "an unnamed address"),
        (Secret("http://user:canary@[::1]:8080/?x=canary"), "http://[::1]:8080/"),
        ("http://user:canary@[::1", "an unnamed address"),
        ("http://user:canary/canary@given/a", "an unnamed address"),
        ("http://user:1/canary@given/a", "an unnamed address"),
        ("http://user:1?canary@given/a", "an unnamed address"),
        ("http://user:1#canary@given/a", "an unnamed address"),
        ("http://user:1/canary?canary@given/a", "an unnamed address"),
        ("user:canary@given/a", "an unnamed address"),
        ("//user:canary@given/a", "an unnamed address"),
        ("ftp://given/canary", "an unnamed address"),
        ("canary?canary", "an unnamed address"),
    ],
    ids=str,
)
def test_the_account_of_a_service_is_its_url_without_secrets(
    uri: str | Secret, account: str
) -> None:
    """User, password, query and fragment are left out."""
    provider = CredentialsUri(uri)

    assert provider.account == account
    assert repr(provider) == "CredentialsUri()"
    assert "canary" not in repr(vars(provider))


@pytest.mark.parametrize("value", [None, ""])
async def test_a_missing_url_is_absent(
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
async def test_another_status_is_an_error(status: int) -> None:
    """A valid body does not matter."""
    error = await uri_error(SERVED, status)

    assert str(error) == f"credentials URI: HTTP {status}, Code is not Success"


@pytest.mark.parametrize("code", ["Failed", "success", "", None, 200])
async def test_another_code_is_an_error(code: object) -> None:
    """The vendor's services return the code Success."""
    error = await uri_error({**SERVED, "Code": code})

    assert str(error) == "credentials URI: HTTP 200, Code is not Success"


@pytest.mark.parametrize("status", [200, 302, 404, 502])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>canary</html>", b'["canary"]', b"null", b"[" * 50_000, b"\xff\xfe"],
    ids=["empty", "html", "array", "null", "deep", "bytes"],
)
async def test_a_body_without_a_json_object_is_an_error(
    body: bytes, status: int
) -> None:
    """The error names the status, and a redirect is not followed."""
    error = await uri_error(body, status)

    assert str(error) == f"credentials URI: HTTP {status} holds no JSON object"


@pytest.mark.parametrize("field", sorted(SERVED.keys() - {"Code"}))
@pytest.mark.parametrize("value", [None, "", 5, {"canary": 1}])
async def test_a_missing_field_of_a_response_is_named(
    field: str, value: object
) -> None:
    """All four fields are required."""
    error = await uri_error({**SERVED, field: value})

    assert str(error) == f"credentials URI lacks {field}"


@pytest.mark.parametrize("text", ["tomorrow", "1768464000", "2027-13-01T00:00:00Z"])
async def test_a_malformed_expiration_is_an_error(text: str) -> None:
    """The credentials would otherwise be cached forever or never."""
    error = await uri_error({**SERVED, "Expiration": text})

    assert str(error) == "credentials URI: Expiration is not a date"


async def test_an_expiration_without_a_time_zone_is_an_error() -> None:
    """The error names the field of the credentials."""
    error = await uri_error({**SERVED, "Expiration": "2027-01-15T08:00:00"})

    assert str(error).startswith("credentials URI: expires_at: must be a datetime with")


async def test_a_malformed_token_is_an_error() -> None:
    """A line end could not be sent in a header."""
    error = await uri_error({**SERVED, "SecurityToken": "canary\n"})

    assert str(error).startswith("credentials URI: security_token: must be")


async def test_a_response_above_64_kib_is_an_error() -> None:
    """The rest of the body is not read."""
    error = await uri_error({**SERVED, "Padding": "x" * 2**16})

    assert str(error).startswith("credentials URI: no usable response from http://127.")
    assert str(error).endswith(" (DecodeError)")


async def test_a_response_of_64_kib_is_read() -> None:
    """The limit is inclusive."""
    body = json.dumps(SERVED).encode().ljust(2**16)
    async with service(responding(body)) as uri:
        assert (await CredentialsUri(uri).get()).access_key_id == "STS.id"


async def test_a_service_that_does_not_respond_times_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The time-out of five seconds is shortened here."""
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


def test_the_bounds_of_a_fetch_are_as_documented() -> None:
    """A fetch takes at most five seconds and reads at most 64 KiB."""
    assert sources.FETCH_TIMEOUT == 5
    assert sources.FETCH_BYTES == 65_536


async def test_an_unreachable_service_is_an_error() -> None:
    """A port that is bound without listening refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        error = await refused(CredentialsUri(uri))

    assert (
        str(error) == f"credentials URI: no usable response from {uri} (ConnectError)"
    )


@pytest.mark.parametrize("uri", ["nonsense", "ftp://127.0.0.1/", "http://", "/path"])
async def test_a_malformed_url_is_a_credentials_error(uri: str) -> None:
    """The HTTP client's own exception is not raised."""
    error = await refused(CredentialsUri(uri))

    assert not error.absent
    assert "credentials URI: no usable response from " in str(error)


async def test_concurrent_calls_share_one_request_to_each_source(
    config: Path,
) -> None:
    """Credentials with an expiry are not requested again."""
    requests = 0

    async def count(request: web.Request) -> web.StreamResponse:
        nonlocal requests
        requests += 1
        return await responding({**SERVED, "Expiration": "2999-01-01T00:00:00Z"})(
            request
        )

    write(config, AK)
    async with service(count) as uri:
        for provider in (CredentialsUri(uri), ProfileCredentials()):
            source = RefreshingCredentials(provider)
            responses = await asyncio.gather(*(source.get() for _ in range(1000)))
            assert await source.get() is responses[0]
            assert {id(response) for response in responses} == {id(responses[0])}

    assert requests == 1


async def test_any_failure_of_a_fetch_is_a_credentials_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The HTTP client may raise any exception."""

    async def broken(*_: object, **__: object) -> None:
        await asyncio.sleep(0)
        raise RuntimeError("canary")

    monkeypatch.setattr(sources, "fetch", broken)
    error = await refused(CredentialsUri("http://127.0.0.1/"))

    assert str(error) == (
        "credentials URI: no usable response from http://127.0.0.1/ (RuntimeError)"
    )
    assert "canary" not in texts_of(error)
