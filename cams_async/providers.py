"""Credentials that need I/O, and how providers are kept fresh and combined."""

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from cams_async.credentials import (
    Credentials,
    CredentialsProvider,
    EnvironmentCredentials,
    mask,
)
from cams_async.errors import CamsError, ConfigurationError, CredentialsError
from cams_async.transport import fetch

logger: logging.Logger = logging.getLogger("cams_async")

AHEAD = 300.0
"""Seconds before their end at which temporary credentials are renewed."""

PAUSE = 10.0
"""Seconds after a renewal, good or bad, during which what is still valid is kept."""

REREAD = 5.0
"""Seconds during which the profile file is not read again."""

FETCH_TIMEOUT = 5.0
FETCH_BYTES = 2**16

PROFILE_FILE = "~/.aliyun/config.json"
PROFILE = "ALIBABA_CLOUD_PROFILE"
PROFILE_DISABLED = "ALIBABA_CLOUD_CLI_PROFILE_DISABLED"
URI = "ALIBABA_CLOUD_CREDENTIALS_URI"


class FreshCredentials:
    """Asks a provider as seldom as possible, and once for all who wait.

    An answer is kept until five minutes before its end. From then on one call
    renews it while the others go on with it; a failed renewal keeps what is
    still valid. An answer without an end is asked for at each call.
    """

    def __init__(
        self, provider: CredentialsProvider, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._provider = provider
        self._clock = clock
        self._asking = asyncio.Lock()
        self._asked = 0
        self._failure: str | None = None
        self._credentials: Credentials | None = None
        self._ends = self._renew_at = 0.0

    def __repr__(self) -> str:
        # A provider of a user's own may show more than it should.
        return f"credentials={type(self._provider).__name__}"

    @property
    def account(self) -> str | None:
        """The provider's account."""
        return self._provider.account

    async def get(self) -> Credentials:
        """Return credentials that are valid now.

        Raises:
            CredentialsError: The provider has none, or failed.
        """
        now = self._clock()
        settled = now < self._renew_at or self._asking.locked()
        if self._credentials is not None and now < self._ends and settled:
            return self._credentials
        asked = self._asked
        async with self._asking:
            if self._asked != asked:
                # Somebody asked meanwhile; what he was told is for all who waited.
                if self._failure is not None:
                    raise CredentialsError(self._failure)
                if self._credentials is not None:
                    return self._credentials
            return await self._ask()

    def expire(self, credentials: Credentials) -> bool:
        """Forget credentials that the server calls expired; return True."""
        if credentials is self._credentials:
            self._credentials = None
        return True

    async def _ask(self) -> Credentials:
        failure: CamsError
        try:
            credentials = _given(await self._provider.get())
        except CamsError as error:
            # Whatever is behind it may quote what could not be read.
            error.__cause__ = error.__context__ = None
            failure = error
        except Exception as error:  # noqa: BLE001 - a user's provider fails as it likes
            # Its type only, for the same reason.
            failure = CredentialsError(f"the provider failed: {type(error).__name__}")
        else:
            return self._keep(credentials)
        self._asked += 1
        self._renew_at = self._clock() + PAUSE
        if self._credentials is not None and self._clock() < self._ends:
            logger.warning("credentials could not be renewed yet: %s", failure)
            return self._credentials
        self._failure = str(failure)
        raise failure

    def _keep(self, credentials: Credentials) -> Credentials:
        ends = credentials.expires_at
        self._asked += 1
        self._failure = None
        self._credentials = credentials
        self._ends = 0.0 if ends is None else ends.timestamp()
        # Some services hand out the same until shortly before its end.
        self._renew_at = max(self._ends - AHEAD, self._clock() + PAUSE)
        return credentials


def _given(answer: object) -> Credentials:
    if isinstance(answer, Credentials):
        return answer
    msg = f"the provider returned {type(answer).__name__}, not Credentials"
    raise CredentialsError(msg)


class StaticCredentials:
    """The very credentials that were given."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def __repr__(self) -> str:
        return f"access_key_id='{mask(self._credentials.access_key_id)}'"

    @property
    def account(self) -> str | None:
        """The access key id."""
        return self._credentials.access_key_id

    async def get(self) -> Credentials:
        """Return them."""
        return self._credentials

    def expire(self, credentials: Credentials) -> bool:
        """Return False: there are no others."""
        del credentials
        return False


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

    def __repr__(self) -> str:
        return f"ProfileCredentials({self._profile!r})"

    @property
    def account(self) -> str | None:
        """The profile's name, once it is known."""
        return None if self._name is None else f"profile {self._name}"

    async def get(self) -> Credentials:
        """Return what the profile holds.

        Raises:
            CredentialsError: There is no such file or profile, its mode is not
                supported, or it lacks a field; names it.
        """
        now = time.monotonic()
        if self._found is None or now - self._read_at >= REREAD:
            self._found = await asyncio.to_thread(self._read)
            self._read_at = now
        return self._found

    def _read(self) -> Credentials:
        default = os.path.expanduser(PROFILE_FILE)  # noqa: PTH111 - Path's own fails where the user has no home
        path = Path(self._path or default)
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            msg = f"there is no profile file {path}"
            raise CredentialsError(msg, absent=True) from None
        except OSError as error:
            msg = f"profile file {path} cannot be read ({type(error).__name__})"
            raise CredentialsError(msg) from None
        return self._credentials(_object(text, f"profile file {path}"))

    def _credentials(self, config: dict[str, Any]) -> Credentials:
        name = self._profile or os.environ.get(PROFILE) or config.get("current")
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
            msg = f"{where}: mode {mode!r} is not supported, only AK and StsToken are"
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

    def __init__(self, uri: str | None = None) -> None:
        self._uri = uri

    def __repr__(self) -> str:
        return "CredentialsUri()"

    @property
    def account(self) -> str | None:
        """The address."""
        return self._uri or os.environ.get(URI) or None

    async def get(self) -> Credentials:
        """Fetch credentials.

        Raises:
            CredentialsError: There is no address, or no good answer within 5 s.
        """
        uri = self.account
        if uri is None:
            msg = f"environment variable {URI} is not set"
            raise CredentialsError(msg, absent=True)
        where = "credentials URI"
        try:
            answer = await fetch(uri, timeout=FETCH_TIMEOUT, max_answer=FETCH_BYTES)
        except CamsError as error:
            msg = f"{where}: no usable answer ({type(error).__name__})"
            raise CredentialsError(msg) from None
        payload = _object(answer.body, f"{where}: HTTP {answer.status}")
        if answer.status != 200 or payload.get("Code") != "Success":  # noqa: PLR2004 - HTTP
            msg = f"{where}: HTTP {answer.status}, Code is not Success"
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


class _Chain:
    """The first provider that has anything to offer, for good."""

    def __init__(self, providers: tuple[CredentialsProvider, ...]) -> None:
        self._providers = providers
        self._chosen: CredentialsProvider | None = None

    def __repr__(self) -> str:
        return f"chain({', '.join(map(repr, self._providers))})"

    @property
    def account(self) -> str | None:
        """The account of the provider that was chosen, once one was."""
        return None if self._chosen is None else self._chosen.account

    async def get(self) -> Credentials:
        """Return the first provider's credentials.

        Raises:
            CredentialsError: None has any, or one has something that is broken:
                then the next is not asked, as it might be another account's.
        """
        if self._chosen is not None:
            return await self._chosen.get()
        reasons: list[str] = []
        for provider in self._providers:
            try:
                credentials = await provider.get()
            except CredentialsError as error:
                if not error.absent:
                    raise
                reasons.append(str(error))
            else:
                self._chosen = provider
                return credentials
        msg = f"no credentials found: {'; '.join(reasons)}"
        raise CredentialsError(msg, absent=True)


def chain(*providers: CredentialsProvider) -> CredentialsProvider:
    """Combine providers: the first one that has credentials is used for good."""
    return _Chain(providers)


def default_chain() -> CredentialsProvider:
    """Return where credentials are looked for if none are given.

    The environment, then the CLI's profile (unless
    ALIBABA_CLOUD_CLI_PROFILE_DISABLED is true), then ALIBABA_CLOUD_CREDENTIALS_URI.
    """
    providers: list[CredentialsProvider] = [EnvironmentCredentials()]
    if os.environ.get(PROFILE_DISABLED, "").lower() != "true":
        providers.append(ProfileCredentials())
    providers.append(CredentialsUri())
    return chain(*providers)


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
