"""Takes one call through its steps: turn, sign, exchange, parse, and round again.

The session is where the rules meet: what the throttle, the retry policy and the
outcome of an attempt allow together.
"""

import asyncio
import logging
import math
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Literal, Protocol, TypeVar

from attrs import frozen

from cams_async.credentials import Credentials, credentials_error
from cams_async.endpoints import Endpoint
from cams_async.errors import (
    ApiError,
    CallOutcome,
    CamsError,
    ClientClosed,
    ConfigurationError,
    DeadlineExceeded,
    PermitExpired,
    ThrottlingError,
)
from cams_async.forms import FormPolicy
from cams_async.models import CallEvent, Scope
from cams_async.parsing import ResponseParser
from cams_async.progress import (
    Progress,
    complete,
    event,
    log_attempt,
    tell,
)
from cams_async.protocol import Call, build_request
from cams_async.resending import Resending
from cams_async.retry import RetryPolicy
from cams_async.throttle import Permit, Throttle
from cams_async.transport import Transport

R = TypeVar("R")

logger: logging.Logger = logging.getLogger("cams_async")

CLOSING = 1.0
"""Seconds that `aclose` gives the calls it ends."""

CENTURY = 100 * 365 * 86400.0
"""Seconds beyond which a server's date is no clock to go by."""


class CredentialsSource(Protocol):
    """Credentials that are valid now."""

    @property
    def account(self) -> str | None:
        """The name that ceilings are shared under, once it is known."""
        ...

    async def get(self) -> Credentials:
        """Return credentials to sign with now."""
        ...

    def expire(self, credentials: Credentials) -> bool:
        """Forget credentials that the server calls expired.

        Returns:
            Whether `get` may return others; False for fixed credentials.
        """
        ...


@frozen
class Options:
    """What may differ from call to call."""

    timeout: float
    deadline: float | None
    retry: RetryPolicy
    hooks: tuple[Callable[[CallEvent], None], ...]


class Session:
    """What all calls of a client share."""

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        region: str,
        account: str | None,
        qps: Mapping[str, float],
        credentials: CredentialsSource,
        throttle: Throttle,
        transport: Transport,
        forms: FormPolicy,
    ) -> None:
        self._endpoint = endpoint
        self._region = region
        self._account = account
        self._qps = qps
        self._credentials = credentials
        self._throttle = throttle
        self._transport = transport
        self._forms = forms
        self._parser = ResponseParser()
        self._scopes: dict[str, Scope] = {}
        self._resending = Resending()
        # Seconds by which the server's clock is ahead of this machine's.
        self._clock_offset = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._calls: set[asyncio.Timeout] = set()
        self._closed = False
        self._idle = asyncio.Event()

    async def send(self, call: Call[R], options: Options) -> R:
        """Send one call and return its typed answer.

        Raises:
            CamsError: Whatever went wrong, with action, attempts and outcome.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        deadline = None if options.deadline is None else now + options.deadline
        progress = Progress(now, deadline)
        if self._closed or self._loop is not loop:
            self._begin(loop, call, progress)
        response: R | None = None
        error: CamsError | None = None
        # The one device that ends a call from outside: its own deadline, or aclose.
        bound = asyncio.timeout_at(deadline)
        self._calls.add(bound)
        try:
            async with bound:
                response = await self._rounds(call, options, progress)
                return response
        except TimeoutError:
            if not bound.expired():
                raise  # of a throttle or transport that is not ours
            error = complete(self._cut_short(progress), call, progress)
            raise error from None
        except CamsError as caught:
            error = complete(caught, call, progress)
            # The frames below hold what was read: credentials, the server's answer.
            # A traceback that shows its locals must not show those.
            raise error.with_traceback(None)  # noqa: B904 - it keeps its own cause
        finally:
            self._calls.discard(bound)
            if self._closed:
                self._idle.set()
            if options.hooks:
                tell(options.hooks, event(call, progress, response, error))

    async def aclose(self) -> None:
        """End the calls that run with ClientClosed, then the transport. Idempotent."""
        self._closed = True
        for bound in list(self._calls):
            if not bound.expired():
                bound.reschedule(-math.inf)
        try:
            async with asyncio.timeout(CLOSING):
                while self._calls:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            logger.warning("%d calls did not end when closed", len(self._calls))
        finally:
            await self._transport.aclose()

    # Round after round

    async def _rounds(self, call: Call[R], options: Options, progress: Progress) -> R:
        while True:
            try:
                try:
                    # Bad credentials fail at once, before the call joins the line.
                    await self._credentials.get()
                except Exception as caught:  # noqa: BLE001 - a provider fails as it likes
                    raise credentials_error(caught) from None
                async with self._throttle.acquire(
                    self._scopes.get(call.action) or self._new_scope(call),
                    ticket=progress.ticket,
                    deadline=progress.deadline,
                ) as permit:
                    response = await self._exchange(call, options, progress, permit)
            except CamsError as error:
                log_attempt(call, progress, None, error)
                delay = self._delay(call, options.retry, progress, error)
                if delay is None:
                    raise
                self._resending.warn(
                    call, progress, error, delay=delay, now=self._now()
                )
            else:
                log_attempt(call, progress, response, None)
                self._resending.succeeded(progress)
                return response
            # Also for no time at all: a round that fails without waiting for anything
            # must not stop the event loop.
            await asyncio.sleep(delay)

    # Apart from the wait for the turn, so that a waiting call holds little memory.
    async def _exchange(
        self, call: Call[R], options: Options, progress: Progress, permit: Permit
    ) -> R:
        progress.ticket = permit.ticket
        progress.waited += permit.waited
        try:
            # The line may have been long: these are normally from the cache.
            credentials = progress.signed_with = await self._credentials.get()
        except Exception as caught:  # noqa: BLE001 - as above
            raise credentials_error(caught) from None
        request = build_request(
            call,
            endpoint=self._endpoint,
            credentials=credentials,
            date=time.time() + self._clock_offset,
            nonce=os.urandom(16).hex(),
            form_for=self._forms.reasons_for(call.action),
        )
        progress.short_form = request.short_form
        progress.attempts += 1

        def leave() -> None:
            # A throttle of a user's own may return None.
            if permit.sent() is False:
                msg = "the permit expired before the request left"
                raise PermitExpired(msg)
            progress.in_flight = True

        try:
            response = await self._transport.exchange(
                request, timeout=options.timeout, on_sent=leave
            )
            progress.server_date = response.headers.get("date")
            parsed = await self._parser.parse(
                call,
                request,
                response,
                attempts=progress.attempts,
                waited=progress.waited,
            )
        except CamsError as error:
            progress.fault = error
            # An unknown outcome proves nothing: the turn ends as that of a lost call.
            if error.outcome in ("executed", "rejected"):
                permit.completed()
            if isinstance(error, ThrottlingError):
                counted = error.outcome == "rejected"
                permit.throttled(error.retry_after, counted=counted)
            raise
        permit.completed()
        return parsed

    def _delay(
        self,
        call: Call[Any],
        policy: RetryPolicy,
        progress: Progress,
        error: CamsError,
    ) -> float | None:
        """Return the seconds until the next attempt, or None if there is none."""
        in_flight, progress.in_flight = progress.in_flight, False
        fault, progress.fault = progress.fault, None
        if error is not fault:
            # Of the provider or the throttle, whatever its class. Another round would
            # help only where a permit came too late.
            progress.unknown = progress.unknown or in_flight
            if in_flight or not isinstance(error, PermitExpired):
                return None
        progress.unknown = progress.unknown or error.outcome == "unknown"
        return self._resending.delay(
            call,
            policy,
            progress,
            error,
            repaired=self._repair(call, progress, error),
            now=self._now(),
        )

    def _repair(self, call: Call[Any], progress: Progress, error: CamsError) -> bool:
        """Mend, once each, what made the gateway refuse the call unexecuted."""
        if not isinstance(error, ApiError) or error.outcome != "rejected":
            return False
        if error.code.startswith("InvalidTimeStamp.") and not progress.clock_set:
            progress.clock_set = self._set_clock(progress.server_date)
            return progress.clock_set
        if error.code == "InvalidSecurityToken.Expired" and not progress.token_renewed:
            signed_with = progress.signed_with
            progress.token_renewed = signed_with is not None and (
                self._credentials.expire(signed_with)
            )
            return progress.token_renewed
        return progress.short_form and self._forms.fall_back(
            call.action, call.parameters, error
        )

    def _set_clock(self, server_date: str | None) -> bool:
        try:
            date = parsedate_to_datetime(server_date or "")
            # HTTP dates are in UTC, also those without a zone.
            server = date.replace(tzinfo=date.tzinfo or UTC).timestamp()
        except (ArithmeticError, LookupError, TypeError, ValueError):
            return False
        offset = server - time.time()
        if abs(offset) > CENTURY:
            return False
        self._clock_offset = offset
        return True

    # What a call needs of its client

    def _begin(
        self, loop: asyncio.AbstractEventLoop, call: Call[Any], progress: Progress
    ) -> None:
        """Belong to the loop of the first call; refuse those of others, or too late."""
        if self._closed:
            raise complete(ClientClosed("the client was closed"), call, progress)
        if self._loop is not None:
            msg = "belongs to the event loop of its first call; make one for each loop"
            raise complete(ConfigurationError(msg, field="client"), call, progress)
        self._loop = loop

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _new_scope(self, call: Call[Any]) -> Scope:
        # A provider's account is known once it has answered, and it stays: the
        # key ids of temporary credentials change at each renewal. A provider of
        # a user's own may have none at all.
        try:
            account = self._account or getattr(self._credentials, "account", None)
        except Exception as caught:  # noqa: BLE001 - a provider fails as it likes
            raise credentials_error(caught) from None
        if not isinstance(account, str) or not account:
            msg = "the credentials provider names none; give the client account="
            raise ConfigurationError(msg, field="account")
        self._account = account
        scope = self._scopes[call.action] = Scope(
            account=account,
            region=self._region,
            action=call.action,
            qps=self._qps.get(call.action, call.qps),
        )
        return scope

    def _cut_short(self, progress: Progress) -> CamsError:
        outcome: CallOutcome = "unknown" if progress.in_flight else "not_sent"
        if self._closed:
            return ClientClosed(
                "the client was closed during the call", outcome=outcome
            )
        phase: Literal["queued", "in flight"]
        phase = "in flight" if progress.in_flight else "queued"
        message = f"the deadline passed while the call was {phase}"
        return DeadlineExceeded(message, outcome=outcome, phase=phase)
