"""Providers combined, and their credentials kept fresh."""

import asyncio
import logging
import os
import time
from collections.abc import Callable

from cams_async.credentials import (
    Credentials,
    CredentialsProvider,
    EnvironmentCredentials,
    credentials_error,
    mask,
)
from cams_async.errors import CredentialsError
from cams_async.sources import CredentialsUri, ProfileCredentials

logger: logging.Logger = logging.getLogger("cams_async")

AHEAD = 300.0
"""Seconds before their end at which temporary credentials are renewed."""

PAUSE = 10.0
"""Seconds after a renewal, good or bad, during which what is still valid is kept."""

PROFILE_DISABLED = "ALIBABA_CLOUD_CLI_PROFILE_DISABLED"

UNSUPPORTED = {
    "an OIDC role (RRSA)": (
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
        "ALIBABA_CLOUD_ROLE_ARN",
    ),
    "an ECS role": ("ALIBABA_CLOUD_ECS_METADATA",),
    "a credentials file": ("ALIBABA_CLOUD_CREDENTIALS_FILE",),
    "a bearer token": ("ALIBABA_CLOUD_BEARER_TOKEN",),
}
"""Sources that the vendor's SDK reads and this package does not, by their variables."""


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
        try:
            credentials = _given(await self._provider.get())
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            failure = credentials_error(error)
            # Whatever is behind it may quote what could not be read.
            failure.__cause__ = failure.__context__ = None
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


def _is_cancelled() -> bool:
    """Return whether it is the call that is cancelled, and no task of a provider's."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _given(response: object) -> Credentials:
    if isinstance(response, Credentials):
        return response
    msg = f"the provider returned {type(response).__name__}, not Credentials"
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


class _Chain:
    """The first provider that has anything to offer, for good."""

    def __init__(
        self,
        providers: tuple[CredentialsProvider, ...],
        explain: Callable[[], str] = str,
    ) -> None:
        self._providers = providers
        self._explain = explain
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
        msg = f"no credentials found: {'; '.join(reasons)}{self._explain()}"
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
    return _Chain(tuple(providers), _unsupported)


def _unsupported() -> str:
    """Return which sources are configured in vain, for the end of an error."""
    found = [
        f"{source} ({', '.join(names)})"
        for source, variables in UNSUPPORTED.items()
        if (names := [name for name in variables if os.environ.get(name)])
    ]
    if not found:
        return ""
    return (
        f"; configured but not supported: {', '.join(found)}: "
        "give the client a provider of your own for these"
    )
