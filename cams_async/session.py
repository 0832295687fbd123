"""The session: permit, sign, exchange, parse, and retry.

It combines the throttle, the credentials, the protocol, the transport and the retry
rule for all calls of a client.
"""

import asyncio
import logging
import math
import os
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, TypeVar

from attrs import frozen

from cams_async.config import check, is_text
from cams_async.corrections import Corrections
from cams_async.credentials import Credentials, credentials_error
from cams_async.endpoints import Endpoint
from cams_async.errors import (
    CallOutcome,
    CamsError,
    ClientClosed,
    ConfigurationError,
    DeadlineExceeded,
    PermitExpired,
    ThrottlingError,
)
from cams_async.forms import FormPolicy
from cams_async.hooks import (
    CallState,
    annotate_error,
    call_event,
    log_attempt,
    notify,
)
from cams_async.models import CallEvent, Scope
from cams_async.operations.catalogue import DEFAULT_QPS
from cams_async.parsing import ResponseParser
from cams_async.protocol import Call, build_request
from cams_async.retry import Retries, RetryPolicy
from cams_async.throttle import Permit, Route, Throttle
from cams_async.transport import AcknowledgedAt, Transport

R = TypeVar("R")

logger: logging.Logger = logging.getLogger("cams_async")

CLOSING = 1.0
"""Seconds that `aclose` waits for the calls it ends."""


class CredentialsSource(Protocol):
    """A source of credentials that are valid now."""

    @property
    def account(self) -> str | None:
        """The name that rate limits are shared under; None for the access key ID."""
        ...

    async def get(self) -> Credentials:
        """Return credentials to sign with now."""
        ...

    def expire(self, credentials: Credentials) -> bool:
        """Discard credentials that the server refused as expired.

        Returns:
            Whether `get` may return others; False for fixed credentials.
        """
        ...


@frozen
class CallOptions:
    """The options of a call; `CamsClient.with_options` changes them."""

    timeout: float
    deadline: float | None
    retry: RetryPolicy
    hooks: tuple[Callable[[CallEvent], None], ...]


class Scopes:
    """The scopes of a client's calls, by action.

    Args:
        region: The region, or the origin where only an endpoint was given.
        account: The name that rate limits are shared under. None: that of the
            credentials, fixed at the first call.
        qps: QPS ceilings by action that replace the documented ones.
        default_qps: The QPS ceiling of actions without a documented one.
    """

    def __init__(
        self,
        *,
        region: str,
        account: str | None,
        qps: Mapping[str, float],
        default_qps: float = DEFAULT_QPS,
    ) -> None:
        self._region = region
        self._account = account
        self._qps = qps
        self._default_qps = default_qps
        self._scopes: dict[str, Scope] = {}

    def scope_of(
        self, call: Call[Any], source: CredentialsSource, credentials: Credentials
    ) -> Scope:
        """Return the scope of a call, whose source returned these credentials.

        Raises:
            CredentialsError: The source failed.
            ConfigurationError: The account of the source is not a name.
        """
        scope = self._scopes.get(call.action)
        if scope is None:
            scope = self._scopes[call.action] = Scope(
                account=self._account_of(source, credentials),
                region=self._region,
                action=call.action,
                qps=self.ceiling(call.action, call.qps),
            )
        return scope

    def ceiling(self, action: str, documented: float | None) -> float:
        """Return the QPS ceiling in force of an action."""
        default = self._default_qps if documented is None else documented
        return self._qps.get(action, default)

    def _account_of(self, source: CredentialsSource, credentials: Credentials) -> str:
        if self._account is not None:
            return self._account
        try:
            # A custom provider may lack the property.
            account = getattr(source, "account", None)
        except Exception as caught:  # noqa: BLE001 - a custom provider raises anything
            raise credentials_error(caught) from None
        if account is None:
            account = credentials.access_key_id
        expected = "of the provider must be a non-empty string or None"
        check(is_text(account), "account", expected)
        # Fixed, because keys rotate.
        self._account = account
        return account


class Session:
    """The calls of a client, and the state that they share."""

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        scopes: Scopes,
        credentials: CredentialsSource,
        throttle: Throttle,
        transport: Transport,
        forms: FormPolicy,
    ) -> None:
        self._endpoint = endpoint
        self._scopes = scopes
        self._credentials = credentials
        self._throttle = throttle
        self._transport = transport
        self._forms = forms
        self._parser = ResponseParser()
        self._retries = Retries()
        self._corrections = Corrections(expire=credentials.expire, forms=forms)
        self._route = Route()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._calls: set[asyncio.Timeout] = set()
        self._closed = False
        self._idle = asyncio.Event()

    async def send(self, call: Call[R], options: CallOptions) -> R:
        """Send one call, retry it where that is safe, and return its typed response.

        Raises:
            CamsError: The call failed; the error has the action, the attempts and the
                outcome.
        """
        state = self._begin(call, options)
        response: R | None = None
        error: CamsError | None = None
        # Ends the call from outside: at its deadline, or in `aclose`.
        bound = asyncio.timeout_at(state.deadline)
        self._calls.add(bound)
        try:
            async with bound:
                response = await self._attempts(call, options, state)
                return response
        except TimeoutError:
            if not bound.expired():
                raise  # of a custom throttle or transport
            error = annotate_error(self._end_early(state), call, state)
            raise error from None
        except CamsError as caught:
            error = annotate_error(caught, call, state)
            # The frames below hold credentials and the response; error trackers show
            # the local variables of each frame.
            raise error.with_traceback(None)  # noqa: B904 - it keeps its own cause
        finally:
            self._calls.discard(bound)
            if self._closed:
                self._idle.set()
            if options.hooks:
                notify(options.hooks, call_event(call, state, response, error))

    async def aclose(self) -> None:
        """End running calls with ClientClosed, then close the transport. Idempotent."""
        self._closed = self._route.closed = True
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

    async def _attempts(
        self, call: Call[R], options: CallOptions, state: CallState
    ) -> R:
        while True:
            try:
                # Before the queue, so that bad credentials fail at once.
                credentials = await self._credentials.get()
                async with self._throttle.acquire(
                    self._scopes.scope_of(call, self._credentials, credentials),
                    ticket=state.ticket,
                    deadline=state.deadline,
                    timeout=options.timeout,
                    route=self._route,
                ) as permit:
                    response = await self._exchange(call, options, state, permit)
            except CamsError as error:
                log_attempt(call, state, None, error)
                delay = self._retry_delay(call, options.retry, state, error)
                if delay is None:
                    raise
            else:
                log_attempt(call, state, response, None)
                self._retries.succeeded(state)
                return response
            # Also for 0 s: retries that await nothing must not block the event loop.
            await asyncio.sleep(delay)

    # Apart from the wait for the permit, so that a queued call holds little memory.
    async def _exchange(
        self, call: Call[R], options: CallOptions, state: CallState, permit: Permit
    ) -> R:
        """Sign, send and parse one attempt; report its result to the permit."""
        state.ticket = permit.ticket
        state.waited += permit.waited
        # Again after the wait: the credentials may have expired in it.
        credentials = state.signed_with = await self._credentials.get()
        request = build_request(
            call,
            endpoint=self._endpoint,
            credentials=credentials,
            date=self._corrections.server_time(),
            nonce=os.urandom(16).hex(),
            form_for=self._forms.reasons_for(call.action),
        )
        state.short_form = request.short_form
        state.attempts += 1
        headers_at: float | None = None

        def mark_sent(acknowledged_at: AcknowledgedAt | None = None, /) -> None:
            # A custom throttle may return None.
            if permit.sent(acknowledged_at) is False:
                raise PermitExpired("the permit expired before the request was sent")
            state.in_flight = True

        try:
            response = await self._transport.exchange(
                request, timeout=options.timeout, on_sent=mark_sent
            )
            state.server_date = response.headers.get("date")
            headers_at = response.headers_at
            parsed = await self._parser.parse(
                call,
                request,
                response,
                attempts=state.attempts,
                waited=state.waited,
            )
        except CamsError as error:
            state.exchange_error = error
            # An unknown outcome does not prove that the server counted the call.
            if error.outcome in ("executed", "rejected"):
                permit.completed(headers_at)
            if isinstance(error, ThrottlingError):
                counted = error.outcome == "rejected"
                permit.throttled(error.retry_after, counted=counted)
            raise
        permit.completed(headers_at)
        return parsed

    def _retry_delay(
        self,
        call: Call[Any],
        policy: RetryPolicy,
        state: CallState,
        error: CamsError,
    ) -> float | None:
        """Return the seconds until the next attempt, or None if there is none."""
        in_flight, state.in_flight = state.in_flight, False
        exchange_error, state.exchange_error = state.exchange_error, None
        if error is not exchange_error:
            # Raised by the provider or the throttle, whatever its class. A retry helps
            # only where the permit expired.
            state.unknown = state.unknown or in_flight
            if in_flight or not isinstance(error, PermitExpired):
                return None
        state.unknown = state.unknown or error.outcome == "unknown"
        now = asyncio.get_running_loop().time()
        repaired = self._corrections.correct(call, state, error)
        delay = self._retries.delay(
            call, policy, state, error, repaired=repaired, now=now
        )
        if delay is not None:
            self._retries.warn(call, state, error, delay=delay, now=now)
        return delay

    def _begin(self, call: Call[Any], options: CallOptions) -> CallState:
        """Return the state of a new call; bind the client to the running loop.

        Raises:
            ClientClosed: The client was closed.
            ConfigurationError: The client is bound to another loop.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        deadline = None if options.deadline is None else now + options.deadline
        state = CallState(now, deadline)
        if self._closed:
            raise annotate_error(ClientClosed("the client was closed"), call, state)
        if self._loop is not loop:
            if self._loop is not None:
                msg = "belongs to the event loop of its first call; make one per loop"
                raise annotate_error(
                    ConfigurationError(msg, field="client"), call, state
                )
            self._loop = loop
        return state

    def _end_early(self, state: CallState) -> CamsError:
        """Return the error of a call that its deadline or `aclose` has ended."""
        outcome: CallOutcome = "unknown" if state.in_flight else "not_sent"
        if self._closed:
            return ClientClosed(
                "the client was closed during the call", outcome=outcome
            )
        phase: Literal["queued", "in flight"]
        phase = "in flight" if state.in_flight else "queued"
        message = f"the deadline passed while the call was {phase}"
        return DeadlineExceeded(message, outcome=outcome, phase=phase)
