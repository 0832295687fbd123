"""Credentials refreshed before they expire, by one request for all concurrent calls."""

import asyncio
import logging
import time
from collections.abc import Callable

from cams_async.credentials import Credentials, CredentialsProvider, credentials_error
from cams_async.errors import CredentialsError

logger: logging.Logger = logging.getLogger("cams_async")

AHEAD = 300.0
"""Seconds before their expiry from which credentials are refreshed."""

INTERVAL = 10.0
"""Seconds between two refreshes while the credentials are valid."""


class RefreshingCredentials:
    """A cache of a provider's credentials that refreshes them before they expire.

    Concurrent calls share one request to the provider. From five minutes before the
    expiry, one call refreshes the credentials while the others use the current ones.
    If that fails, the current ones are used until they expire. Credentials without an
    expiry are requested at each call.

    Args:
        provider: The source of the credentials.
        clock: The wall clock, in seconds since the epoch.
    """

    def __init__(
        self, provider: CredentialsProvider, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._provider = provider
        self._clock = clock
        self._refreshing = asyncio.Lock()
        self._refreshes = 0
        self._failure: str | None = None
        self._credentials: Credentials | None = None
        self._expires = self._refresh_at = 0.0

    def __repr__(self) -> str:
        # The repr of a user-defined provider may show a secret.
        return f"credentials={type(self._provider).__name__}"

    @property
    def account(self) -> str | None:
        """The account of the provider."""
        return self._provider.account

    async def get(self) -> Credentials:
        """Return credentials that are valid now.

        Raises:
            CredentialsError: The provider has none or fails, and the current
                credentials have expired.
        """
        now = self._clock()
        keep = now < self._refresh_at or self._refreshing.locked()
        if self._credentials is not None and now < self._expires and keep:
            return self._credentials
        refreshes = self._refreshes
        async with self._refreshing:
            if self._refreshes != refreshes:
                # Another task refreshed while we waited for the lock: share its result.
                if self._failure is not None:
                    raise CredentialsError(self._failure)
                if self._credentials is not None:
                    return self._credentials
            return await self._refresh()

    def expire(self, credentials: Credentials) -> bool:
        """Discard credentials that the server rejected as expired. Return True."""
        if credentials is self._credentials:
            self._credentials = None
        return True

    async def _refresh(self) -> Credentials:
        try:
            credentials = _require_credentials(await self._provider.get())
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            failure = credentials_error(error)
            # A chained error may quote what could not be read.
            failure.__cause__ = failure.__context__ = None
        else:
            return self._keep(credentials)
        self._refreshes += 1
        self._refresh_at = self._clock() + INTERVAL
        if self._credentials is not None and self._clock() < self._expires:
            logger.warning("credentials could not be refreshed yet: %s", failure)
            return self._credentials
        self._failure = str(failure)
        raise failure

    def _keep(self, credentials: Credentials) -> Credentials:
        expires_at = credentials.expires_at
        self._refreshes += 1
        self._failure = None
        self._credentials = credentials
        self._expires = 0.0 if expires_at is None else expires_at.timestamp()
        # Some services return the same credentials until shortly before they expire.
        self._refresh_at = max(self._expires - AHEAD, self._clock() + INTERVAL)
        return credentials


def _is_cancelled() -> bool:
    """Return whether this call is cancelled, rather than a task of the provider."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _require_credentials(response: object) -> Credentials:
    if isinstance(response, Credentials):
        return response
    msg = f"the provider returned {type(response).__name__}, not Credentials"
    raise CredentialsError(msg)
