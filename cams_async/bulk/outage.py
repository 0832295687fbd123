"""Outages: fatal errors, and a pause while the service is unreachable."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import cast

from cams_async.errors import (
    AuthenticationError,
    CamsError,
    ClientClosed,
    ConfigurationError,
    ConnectError,
    CredentialsError,
    NotSubscribed,
    PermissionDenied,
    ThrottleUnavailable,
)
from cams_async.operations import (
    GetPhoneNumberVerificationStatus,
    VerificationStatusResponse,
)
from cams_async.poller import Outcome, Sender, is_transient

logger: logging.Logger = logging.getLogger("cams_async")

FATAL = (
    AuthenticationError,
    ClientClosed,
    ConfigurationError,
    CredentialsError,
    NotSubscribed,
)
"""Errors that every other row would meet too; they end the job."""

FATAL_AT_FIRST = (ConnectError, PermissionDenied, ThrottleUnavailable)
"""Errors that end the job until a first response has been received."""

MAX_PAUSE = 60.0
"""Seconds between two probes of the service, at most."""


class OutageDetector:
    """Detects an outage from outcomes, and holds back operations until it ends.

    During an outage, one operation that had a response before is sent as a probe: its
    failure cannot be caused by an odd phone number.

    Args:
        client: Sends the probes.
        stopping: Ends every pause when it is set.
    """

    def __init__(self, client: Sender, stopping: asyncio.Event) -> None:
        self._client = client
        self._stopping = stopping
        self._probe: GetPhoneNumberVerificationStatus | None = None
        self._suspected = False

    def observe(self, outcome: Outcome[VerificationStatusResponse]) -> None:
        """Record an outcome; raise its error if that ends the job."""
        error = outcome.error
        if error is None:
            self._probe = cast("GetPhoneNumberVerificationStatus", outcome.operation)
        elif self._is_fatal(error):
            raise error
        elif is_transient(error):
            self._suspected = True

    def _is_fatal(self, error: CamsError) -> bool:
        # SignatureNonceUsed is caused by the network rather than by the keys.
        if isinstance(error, AuthenticationError) and error.outcome == "unknown":
            return False
        at_first = isinstance(error, FATAL_AT_FIRST) and self._probe is None
        return isinstance(error, FATAL) or (at_first and not self._stopping.is_set())

    async def hold_back(
        self, operations: AsyncGenerator[GetPhoneNumberVerificationStatus, None]
    ) -> AsyncGenerator[GetPhoneNumberVerificationStatus, None]:
        """Yield the operations, pausing while the service is unreachable."""
        async with aclosing(operations):
            async for operation in operations:
                pause = 0.0
                while self._suspected and not await self._is_reachable():
                    if not pause:
                        logger.warning("the service is unreachable; the job is paused")
                    pause = min(2 * pause or 1.0, MAX_PAUSE)
                    await self.sleep(pause)
                self._suspected = False
                yield operation

    async def _is_reachable(self) -> bool:
        if self._probe is not None:
            try:
                await self._client.send(self._probe)
            except CamsError as error:
                return not is_transient(error)
        return True

    async def sleep(self, seconds: float) -> None:
        """Sleep until the time has passed or the job is stopped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
