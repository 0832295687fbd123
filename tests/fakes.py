"""Fakes of the transport, the throttle, the policy and the provider of a client."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from copy import copy
from typing import Any, NoReturn, TypeAlias

import pytest
from attrs import frozen
from multidict import CIMultiDict

from cams_async.client import CamsClient
from cams_async.credentials import Credentials
from cams_async.errors import (
    CamsError,
    ConnectError,
    ConnectionLost,
    RequestTimeout,
)
from cams_async.models import Scope
from cams_async.operations import (
    OPERATIONS,
    ChatappMigrationVerified,
    GetPhoneNumberVerificationStatus,
    Operation,
)
from cams_async.protocol import HttpResponse, Request
from cams_async.retry import RetryPolicy
from cams_async.throttle import LocalThrottle, Permit, Route
from tests.clock import Clock

CREDENTIALS = Credentials("LTAI-of-the-tests", "secret-of-the-tests")

FAST = dict.fromkeys(OPERATIONS, 1000.0)
"""Ceilings that no test has to wait for, for the emulator and its clients alike."""

STATUS = GetPhoneNumberVerificationStatus(
    phone_number="8613800000000", cust_space_id="cams-1"
)
"""An operation that may be sent again after an unknown outcome."""

MIGRATION = ChatappMigrationVerified(
    phone_number="8613800000000", cust_space_id="cams-1", verify_code="012345"
)
"""An operation that may not."""


@frozen
class Hang:
    """No response is ever received."""

    sent: bool = True
    """Whether the request leaves before that."""


@frozen
class Delayed:
    """A delayed response."""

    seconds: float
    response: HttpResponse


Step: TypeAlias = HttpResponse | CamsError | Hang | Delayed


def response(
    payload: Mapping[str, Any], status: int = 200, **headers: str
) -> HttpResponse:
    """Return a JSON response; an underscore in a header's name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, CIMultiDict(named), json.dumps(payload).encode())


def refusal(code: str, status: int = 400, **headers: str) -> HttpResponse:
    """Return the response of a failure."""
    payload = {"Code": code, "Message": "no", "RequestId": "id-no"}
    return response(payload, status, **headers)


VERIFIED = response(
    {
        "RequestId": "id-ok",
        "Code": "OK",
        "Data": {"CodeVerificationStatus": "VERIFIED", "Id": "1"},
    }
)
"""A success of either operation above."""

THROTTLED = refusal("System.LimitControl")

NOT_SENT = ConnectError("no connection")
LOST = ConnectionLost("connection lost", outcome="unknown")
LATE = RequestTimeout("too late", outcome="unknown")


class RecordingTransport:
    """Returns queued responses in order, and records the requests.

    The last one is returned repeatedly.
    """

    def __init__(self, *steps: Step) -> None:
        self.steps = deque(steps)
        self.seen: list[Request] = []
        self.timeouts: list[float] = []
        self.closed = 0
        self.busy = 0

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Do what is next in the queue."""
        self.seen.append(request)
        self.timeouts.append(timeout)
        step = self.steps[0] if len(self.steps) == 1 else self.steps.popleft()
        self.busy += 1
        try:
            return await self._do(step, on_sent)
        finally:
            self.busy -= 1

    async def _do(self, step: Step, on_sent: Callable[[], None]) -> HttpResponse:
        await asyncio.sleep(0)  # to connect
        never_left = isinstance(step, CamsError) and step.outcome == "not_sent"
        if not never_left and step != Hang(sent=False):
            on_sent()
        await asyncio.sleep(0)  # to read
        match step:
            case CamsError():
                raise copy(step)  # a real transport raises a new one each time
            case Hang():
                await asyncio.get_running_loop().create_future()
                raise AssertionError
            case Delayed(seconds, late):
                await asyncio.sleep(seconds)
                return late
            case HttpResponse():
                return step

    async def aclose(self) -> None:
        """Count how often this was called."""
        self.closed += 1

    def header(self, name: str) -> list[str]:
        """Return a header of each request seen."""
        return [request.headers[name] for request in self.seen]


def make(transport: RecordingTransport, **options: Any) -> CamsClient:
    """Make a client with a throttle of its own."""
    options = {
        "credentials": CREDENTIALS,
        "endpoint": "http://127.0.0.1:1",
        "throttle": LocalThrottle(),
        **options,
    }
    return CamsClient(transport=transport, **options)


class Watched(LocalThrottle):
    """Records the scopes and the tickets of its calls."""

    def __init__(self, log: list[str] | None = None) -> None:
        super().__init__()
        self.log = [] if log is None else log
        self.tickets: list[int | None] = []
        self.scopes: list[Scope] = []

    def acquire(
        self,
        scope: Scope,
        *,
        ticket: int | None = None,
        deadline: float | None = None,
        timeout: float = 60.0,
        route: Route | None = None,
    ) -> Any:
        """Record the call, and return a permit."""
        self.log.append("line")
        self.tickets.append(ticket)
        self.scopes.append(scope)
        return super().acquire(
            scope, ticket=ticket, deadline=deadline, timeout=timeout, route=route
        )


ACTION = type(STATUS).__name__

HINT = f"Call {ACTION} to find out whether it was executed."

IN_TIME, TOO_LATE = True, False

OVERLOADED = refusal("Throttling", 503)
"""Flow control, by a status that proves nothing."""

ONE_ATTEMPT = RetryPolicy(attempts=1)


class AlwaysRetry(RetryPolicy):
    """Retries every error without a delay and without a bound."""

    def delay(
        self, error: CamsError, *, attempt: int, elapsed: float, random: float
    ) -> float:
        """Return no wait at all."""
        del error, attempt, elapsed, random
        return 0.0


class FixedDelay:
    """A policy with one delay that records its calls."""

    def __init__(self, wait: float | None) -> None:
        self.wait = wait
        self.calls: list[tuple[type[CamsError], int, float, float]] = []

    def delay(
        self, error: CamsError, *, attempt: int, elapsed: float, random: float
    ) -> float | None:
        """Return the wait."""
        self.calls.append((type(error), attempt, elapsed, random))
        return self.wait


class QueuedProvider:
    """Returns credentials in order, the last ones repeatedly."""

    def __init__(
        self, *given: Credentials, account: str | None = "the account"
    ) -> None:
        self.given = list(given)
        self.account = account
        self.calls = 0
        self.log: list[str] = []

    async def get(self) -> Credentials:
        """Return the next."""
        self.calls += 1
        self.log.append("credentials")
        await asyncio.sleep(0)
        return self.given[0] if len(self.given) == 1 else self.given.pop(0)


class NoRetry:
    """A custom policy that gives up at once."""

    def delay(
        self, error: CamsError, *, attempt: int, elapsed: float, random: float
    ) -> None:
        """Return None."""
        del error, attempt, elapsed, random


class UnboundedPolicy(NoRetry):
    """A custom policy that has no bound of its own."""

    def delay(self, *_: object, **__: object) -> Any:
        """Return no wait at all."""
        return 0.0


class ExpiringPermit:
    """A permit whose first uses are too late."""

    waited = 0.0
    ticket = 7

    def __init__(self, log: list[str], good: Iterator[bool | None]) -> None:
        self.log = log
        self.good = good

    def sent(self, acknowledged_at: Callable[[], float | None] | None = None, /) -> Any:
        """Return whether there is still time."""
        del acknowledged_at
        return next(self.good)

    def completed(self, at: float | None = None, /) -> None:
        """Record the result."""
        del at
        self.log.append("completed")

    def throttled(self, retry_after: float | None, *, counted: bool = True) -> None:
        """Record the result."""
        self.log.append(f"throttled {retry_after} {counted}")

    async def __aenter__(self) -> Permit:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.log.append("left")


class ExpiringThrottle(LocalThrottle):
    """Returns permits that are too late as often as requested."""

    def __init__(self, *good: bool | None) -> None:
        super().__init__()
        self.good = iter(good)
        self.log: list[str] = []
        self.tickets: list[int | None] = []

    def acquire(self, *_: object, **options: Any) -> Any:
        """Return a permit."""
        self.tickets.append(options["ticket"])
        permit: AbstractAsyncContextManager[Permit] = ExpiringPermit(
            self.log, self.good
        )
        return permit


class FailingThrottle(LocalThrottle):
    """A custom throttle that fails with errors of an exchange."""

    def __init__(self, error: CamsError) -> None:
        super().__init__()
        self.error = error
        self.calls = 0

    def acquire(self, *_: object, **__: object) -> NoReturn:
        """Fail without awaiting anything."""
        self.calls += 1
        raise self.error


def send(
    clock: Clock,
    transport: RecordingTransport,
    operation: Operation[Any] = STATUS,
    **options: Any,
) -> Any:
    """Send one operation through a client of its own."""

    async def main() -> Any:
        async with make(transport, **options) as cams:
            return await cams.send(operation)

    return clock.run(main())


def fail(
    clock: Clock,
    transport: RecordingTransport,
    operation: Operation[Any] = STATUS,
    **options: Any,
) -> CamsError:
    """Send one operation that fails, and return its error."""
    with pytest.raises(CamsError) as caught:
        send(clock, transport, operation, **options)
    return caught.value
