"""Credentials in JSON: the profile file of the Alibaba Cloud CLI, a local service."""

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
"""Seconds between two reads of the profile file."""

READ_TIMEOUT = 5.0
"""Seconds that a call waits for a read of the profile file."""

LARGEST_PROFILE = 2**20
"""Bytes of the largest accepted profile file."""

FETCH_TIMEOUT = 5.0
"""Seconds that a call waits for the service."""

FETCH_BYTES = 2**16
"""Bytes of the largest accepted response."""

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
"""Profile modes of the CLI that need requests to other services."""

# Do not wait for the writer of a FIFO, and do not acquire a controlling terminal.
_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


class _DaemonThreads(Executor):
    """An executor whose threads do not keep the process from exiting."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run a function, which must not raise, in a new thread."""
        future: Future[T] = Future()
        # A running future cannot be cancelled, so the thread can always set its result.
        future.set_running_or_notify_cancel()

        def run() -> None:
            future.set_result(fn(*args, **kwargs))

        Thread(target=run, name="cams_async profile", daemon=True).start()
        return future


_daemons = _DaemonThreads()


class ProfileCredentials:
    """Credentials in a profile of the Alibaba Cloud CLI, of mode AK or StsToken.

    The file is read at most every 5 seconds.
    https://www.alibabacloud.com/help/en/cli/configure-credentials

    Args:
        profile: The name of the profile. Default: the value of ALIBABA_CLOUD_PROFILE,
            or the field `current` of the file.
        path: The file. Default: `~/.aliyun/config.json`.
    """

    def __init__(
        self, profile: str | None = None, *, path: str | os.PathLike[str] | None = None
    ) -> None:
        self._profile = profile
        self._path = path
        self._credentials: Credentials | None = None
        self._name: str | None = None
        self._read_at = 0.0
        self._reading: asyncio.Future[Credentials | CredentialsError] | None = None

    def __repr__(self) -> str:
        return f"ProfileCredentials({self._profile!r})"

    @property
    def account(self) -> str | None:
        """`profile NAME` with a security token, once `get` has succeeded.

        None in mode AK: rate limits are shared under the first access key ID.
        """
        found = self._credentials
        if found is None or found.security_token is None:
            return None
        return f"profile {self._name}"

    async def get(self) -> Credentials:
        """Return the credentials of the profile.

        Raises:
            CredentialsError: The file or profile does not exist, the mode is not
                supported, a field is missing, or reading took longer than 5 seconds.
        """
        now = time.monotonic()
        if self._credentials is not None and now - self._read_at < REREAD:
            return self._credentials
        # A network home directory may hang: all calls of a loop share one thread.
        loop = asyncio.get_running_loop()
        reading = self._reading
        if reading is None or reading.done() or reading.get_loop() is not loop:
            reading = loop.run_in_executor(_daemons, self._read_or_error)
            self._reading = reading
        await asyncio.wait([reading], timeout=READ_TIMEOUT)
        if not reading.done():
            msg = f"the profile file was not read within {READ_TIMEOUT:g} s"
            raise CredentialsError(msg)
        found = reading.result()
        if isinstance(found, CredentialsError):
            raise found
        self._credentials = found
        self._read_at = now
        return found

    def _read_or_error(self) -> Credentials | CredentialsError:
        try:
            return self._read()
        except CredentialsError as error:
            return error
        except Exception as error:  # noqa: BLE001 - such as ValueError for a path with a NUL
            kind = type(error).__name__
            return CredentialsError(f"the profile file cannot be read ({kind})")

    @hide_arguments
    def _read(self) -> Credentials:
        default = os.path.expanduser(PROFILE_FILE)  # noqa: PTH111 - Path.expanduser fails without a home
        path = Path(self._path or default)
        where = f"profile file {path}"
        return self._select(_json_object(_read_file(path, where), where))

    def _select(self, config: dict[str, Any]) -> Credentials:
        current = config.get("current")
        name = self._profile or os.environ.get(PROFILE)
        if name is None and isinstance(current, str):
            name = current
        profiles = config.get("profiles")
        listed = cast("list[object]", profiles) if isinstance(profiles, list) else []
        for entry in listed:
            profile = _require_object(entry, "a profile")
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
        token = (
            _require_text(profile, "sts_token", where) if mode == "StsToken" else None
        )
        key_id = _require_text(profile, "access_key_id", where)
        secret = _require_text(profile, "access_key_secret", where)
        self._name = str(name)
        return _create(where, key_id, secret, token)


class CredentialsUri:
    """Credentials from a local HTTP service.

    Args:
        uri: The URL, which may hold a password. Default: the value of
            ALIBABA_CLOUD_CREDENTIALS_URI.
    """

    def __init__(self, uri: str | Secret | None = None) -> None:
        self._uri = as_optional_secret(uri)

    def __repr__(self) -> str:
        return "CredentialsUri()"

    @property
    def account(self) -> str | None:
        """The URL without user, password, query and fragment; None if there is none.

        The service returns temporary credentials, whose access key IDs change.
        """
        address = self._address()
        return None if address is None else _origin_and_path(address)

    async def get(self) -> Credentials:
        """Fetch the credentials.

        Raises:
            CredentialsError: There is no URL, or no usable response within 5 seconds.
        """
        address = self._address()
        if address is None:
            msg = f"environment variable {URI} is not set"
            raise CredentialsError(msg, absent=True)
        try:
            return _parse_response(
                await fetch(address, timeout=FETCH_TIMEOUT, max_response=FETCH_BYTES)
            )
        except CredentialsError:
            raise
        except Exception as error:  # noqa: BLE001 - any failure means no credentials
            failure = type(error).__name__
        # Raised outside the handler, because errors of an HTTP client show the URL.
        shown = _origin_and_path(address)
        msg = f"credentials URI: no usable response from {shown} ({failure})"
        raise CredentialsError(msg)

    def _address(self) -> Secret | None:
        return self._uri or Secret(os.environ.get(URI, "")) or None


def _read_file(path: Path, where: str) -> bytes:
    """Read a regular file of at most LARGEST_PROFILE bytes."""
    try:
        with open(path, "rb", opener=_open) as file:
            state = os.fstat(file.fileno())
            regular = S_ISREG(state.st_mode)
            small = regular and state.st_size <= LARGEST_PROFILE
            # The file may have grown since.
            text = file.read(LARGEST_PROFILE + 1) if small else b""
    except FileNotFoundError:
        msg = f"there is no {where}"
        raise CredentialsError(msg, absent=True) from None
    except OSError as error:
        msg = f"{where} cannot be read ({type(error).__name__})"
        raise CredentialsError(msg) from None
    if not regular:
        msg = f"{where} is not a regular file"
        raise CredentialsError(msg)
    if not small or len(text) > LARGEST_PROFILE:
        msg = f"{where} is larger than {LARGEST_PROFILE} bytes"
        raise CredentialsError(msg)
    return text


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | _FLAGS)


def _origin_and_path(address: Secret) -> str:
    """Return a URL without user, password, query and fragment."""
    unnamed = "an unnamed address"
    try:
        parts = urlsplit(address.reveal())
        usable = parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        return unnamed
    # With an unescaped `/`, `?` or `#` in the password, its first part seems to be a
    # port or a path, and the `@` is in the rest.
    if not usable or "@" in f"{parts.path}{parts.query}{parts.fragment}":
        return unnamed
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


@hide_arguments
def _parse_response(response: HttpResponse) -> Credentials:
    """Return the credentials in the response of a service."""
    where = "credentials URI"
    payload = _json_object(response.body, f"{where}: HTTP {response.status}")
    if response.status != 200 or payload.get("Code") != "Success":  # noqa: PLR2004 - HTTP
        msg = f"{where}: HTTP {response.status}, Code is not Success"
        raise CredentialsError(msg)
    expiration = _require_text(payload, "Expiration", where)
    try:
        expires_at = datetime.fromisoformat(expiration)
    except ValueError:
        msg = f"{where}: Expiration is not a date"
        raise CredentialsError(msg) from None
    return _create(
        where,
        _require_text(payload, "AccessKeyId", where),
        _require_text(payload, "AccessKeySecret", where),
        _require_text(payload, "SecurityToken", where),
        expires_at,
    )


def _json_object(text: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        # The error holds the text with its secrets, so it must not be chained.
        value = None
    return _require_object(value, where)


def _require_object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        msg = f"{where} holds no JSON object"
        raise CredentialsError(msg)
    return cast("dict[str, Any]", value)


def _require_text(fields: dict[str, Any], name: str, where: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        msg = f"{where} lacks {name}"
        raise CredentialsError(msg)
    return value


def _create(
    where: str,
    key_id: str,
    secret: str,
    token: str | None,
    expires_at: datetime | None = None,
) -> Credentials:
    try:
        return Credentials(key_id, secret, token, expires_at)
    except ConfigurationError as error:
        msg = f"{where}: {error}"
        raise CredentialsError(msg) from None
