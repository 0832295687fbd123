"""Credentials from a JSON document: the CLI's profile file, or a local service."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import datetime
from pathlib import Path
from stat import S_ISREG
from threading import Thread
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from cams_async.credentials import Credentials
from cams_async.errors import ConfigurationError, CredentialsError
from cams_async.protocol import HttpResponse
from cams_async.secret import Secret, as_optional_secret, hide_arguments
from cams_async.transport import fetch

T = TypeVar("T")

REREAD = 5.0
"""Seconds during which the profile file is not read again."""

READ_TIMEOUT = 5.0
"""Seconds that a call waits for the profile file."""

LARGEST_PROFILE = 2**20
"""Bytes of the largest profile file that is read."""

FETCH_TIMEOUT = 5.0
FETCH_BYTES = 2**16

PROFILE_FILE = "~/.aliyun/config.json"
PROFILE = "ALIBABA_CLOUD_PROFILE"
URI = "ALIBABA_CLOUD_CREDENTIALS_URI"

UNSUPPORTED_MODES = (
    "ChainableRamRoleArn",
    "CloudSSO",
    "CredentialsURI",
    "EcsRamRole",
    "External",
    "OAuth",
    "OIDC",
    "RamRoleArn",
    "RamRoleArnWithRoleName",
    "RsaKeyPair",
)
"""Modes of the CLI's profiles that need calls which this package does not make."""

# Opening a FIFO then does not wait for its writer, and no terminal becomes ours.
_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


class _DaemonThreads(Executor):
    """Runs each function in a thread that does not keep the process from exiting."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Start a thread. The function must not raise."""
        future: Future[T] = Future()
        # From here on it cannot be cancelled, so there is always somewhere to put it.
        future.set_running_or_notify_cancel()

        def run() -> None:
            future.set_result(fn(*args, **kwargs))

        Thread(target=run, name="cams_async profile", daemon=True).start()
        return future


_daemons = _DaemonThreads()


class ProfileCredentials:
    """A profile of the Alibaba Cloud CLI, modes AK and StsToken.

    A changed file is noticed within 5 seconds.
    https://www.alibabacloud.com/help/en/cli/configure-credentials

    Args:
        profile: Its name. Default: ALIBABA_CLOUD_PROFILE, else the file's `current`.
        path: The file. Default: `~/.aliyun/config.json`.
    """

    def __init__(
        self, profile: str | None = None, *, path: str | os.PathLike[str] | None = None
    ) -> None:
        self._profile = profile
        self._path = path
        self._found: Credentials | None = None
        self._name: str | None = None
        self._read_at = 0.0
        self._reading: asyncio.Future[Credentials | CredentialsError] | None = None

    def __repr__(self) -> str:
        return f"ProfileCredentials({self._profile!r})"

    @property
    def account(self) -> str | None:
        """The profile's name, once it is known."""
        return None if self._name is None else f"profile {self._name}"

    async def get(self) -> Credentials:
        """Return the credentials of the profile.

        Raises:
            CredentialsError: There is no such file or profile, its mode is not
                supported, or it lacks a field; names it. Or the file was not read
                within 5 s.
        """
        now = time.monotonic()
        if self._found is not None and now - self._read_at < REREAD:
            return self._found
        # A home directory on a network may hang: then all wait for one thread.
        loop = asyncio.get_running_loop()
        reading = self._reading
        if reading is None or reading.done() or reading.get_loop() is not loop:
            reading = loop.run_in_executor(_daemons, self._outcome)
            self._reading = reading
        await asyncio.wait([reading], timeout=READ_TIMEOUT)
        if not reading.done():
            msg = f"the profile file was not read within {READ_TIMEOUT:g} s"
            raise CredentialsError(msg)
        found = reading.result()
        if isinstance(found, CredentialsError):
            raise found
        self._found = found
        self._read_at = now
        return found

    def _outcome(self) -> Credentials | CredentialsError:
        try:
            return self._read()
        except CredentialsError as error:
            return error
        except Exception as error:  # noqa: BLE001 - such as a path with a NUL in it
            kind = type(error).__name__
            return CredentialsError(f"the profile file cannot be read ({kind})")

    @hide_arguments
    def _read(self) -> Credentials:
        default = os.path.expanduser(PROFILE_FILE)  # noqa: PTH111 - Path's own fails where the user has no home
        path = Path(self._path or default)
        where = f"profile file {path}"
        return self._credentials(_object(_content(path, where), where))

    def _credentials(self, config: dict[str, Any]) -> Credentials:
        current = config.get("current")
        name = self._profile or os.environ.get(PROFILE)
        if name is None and isinstance(current, str):
            name = current
        profiles = config.get("profiles")
        listed = cast("list[object]", profiles) if isinstance(profiles, list) else []
        for entry in listed:
            profile = _fields(entry, "a profile")
            if profile.get("name") == name:
                break
        else:
            msg = f"there is no profile {name!r}"
            raise CredentialsError(msg)
        where = f"profile {name!r}"
        mode = profile.get("mode")
        if mode not in ("AK", "StsToken"):
            shown = f"mode {mode}" if mode in UNSUPPORTED_MODES else "its mode"
            msg = f"{where}: {shown} is not supported, only AK and StsToken are"
            raise CredentialsError(msg)
        token = _text(profile, "sts_token", where) if mode == "StsToken" else None
        key_id = _text(profile, "access_key_id", where)
        secret = _text(profile, "access_key_secret", where)
        self._name = str(name)
        return _checked(where, key_id, secret, token)


class CredentialsUri:
    """A local service that hands out credentials over HTTP.

    Args:
        uri: Its address. Default: ALIBABA_CLOUD_CREDENTIALS_URI.
    """

    def __init__(self, uri: str | Secret | None = None) -> None:
        self._uri = as_optional_secret(uri)

    def __repr__(self) -> str:
        return "CredentialsUri()"

    @property
    def account(self) -> str | None:
        """The address without user, password and query."""
        address = self._address()
        return None if address is None else _origin_and_path(address)

    async def get(self) -> Credentials:
        """Fetch credentials.

        Raises:
            CredentialsError: There is no address, or no good answer within 5 s.
        """
        address = self._address()
        if address is None:
            msg = f"environment variable {URI} is not set"
            raise CredentialsError(msg, absent=True)
        try:
            return _served(
                await fetch(address, timeout=FETCH_TIMEOUT, max_response=FETCH_BYTES)
            )
        except CredentialsError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, there are none
            failure = type(error).__name__
        # Raised here: the errors of a client of HTTP show the address.
        shown = _origin_and_path(address)
        msg = f"credentials URI: no usable answer from {shown} ({failure})"
        raise CredentialsError(msg)

    def _address(self) -> Secret | None:
        return self._uri or Secret(os.environ.get(URI, "")) or None


def _content(path: Path, where: str) -> bytes:
    """Read a file that is regular and not too large, and no other."""
    try:
        with open(path, "rb", opener=_open) as file:
            state = os.fstat(file.fileno())
            regular = S_ISREG(state.st_mode)
            small = regular and state.st_size <= LARGEST_PROFILE
            # It may grow meanwhile.
            text = file.read(LARGEST_PROFILE + 1) if small else b""
    except FileNotFoundError:
        msg = f"there is no {where}"
        raise CredentialsError(msg, absent=True) from None
    except OSError as error:
        msg = f"{where} cannot be read ({type(error).__name__})"
        raise CredentialsError(msg) from None
    if not regular:
        msg = f"{where} is no regular file"
        raise CredentialsError(msg)
    if not small or len(text) > LARGEST_PROFILE:
        msg = f"{where} is larger than {LARGEST_PROFILE} bytes"
        raise CredentialsError(msg)
    return text


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | _FLAGS)


def _origin_and_path(address: Secret) -> str:
    unnamed = "an unnamed address"
    try:
        parts = urlsplit(address.reveal())
        usable = parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        return unnamed
    # With an unescaped `/` in a password, part of it counts as the path.
    if not usable or "@" in parts.path:
        return unnamed
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


@hide_arguments
def _served(response: HttpResponse) -> Credentials:
    """Read the answer of a service."""
    where = "credentials URI"
    payload = _object(response.body, f"{where}: HTTP {response.status}")
    if response.status != 200 or payload.get("Code") != "Success":  # noqa: PLR2004 - HTTP
        msg = f"{where}: HTTP {response.status}, Code is not Success"
        raise CredentialsError(msg)
    expiration = _text(payload, "Expiration", where)
    try:
        ends = datetime.fromisoformat(expiration)
    except ValueError:
        msg = f"{where}: Expiration is no date"
        raise CredentialsError(msg) from None
    return _checked(
        where,
        _text(payload, "AccessKeyId", where),
        _text(payload, "AccessKeySecret", where),
        _text(payload, "SecurityToken", where),
        ends,
    )


def _object(text: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        # The error holds the text, and so secrets: none of ours may hold the error.
        value = None
    return _fields(value, where)


def _fields(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        msg = f"{where} holds no JSON object"
        raise CredentialsError(msg)
    return cast("dict[str, Any]", value)


def _text(fields: dict[str, Any], name: str, where: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        msg = f"{where} lacks {name}"
        raise CredentialsError(msg)
    return value


def _checked(
    where: str,
    key_id: str,
    secret: str,
    token: str | None,
    ends: datetime | None = None,
) -> Credentials:
    try:
        return Credentials(key_id, secret, token, ends)
    except ConfigurationError as error:
        msg = f"{where}: {error}"
        raise CredentialsError(msg) from None
