"""A transport that answers from a list, and clients that use it instead of sockets."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, TypeAlias

from attrs import frozen
from multidict import CIMultiDict

from cams_async.client import CamsClient
from cams_async.credentials import Credentials
from cams_async.errors import CamsError, ConnectError, ConnectionLost, RequestTimeout
from cams_async.models import Scope
from cams_async.operations import (
    OPERATIONS,
    ChatappMigrationVerified,
    GetPhoneNumberVerificationStatus,
)
from cams_async.protocol import HttpResponse, Request
from cams_async.throttle import LocalThrottle

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
    """No answer ever comes."""

    sent: bool = True
    """Whether the request leaves before that."""


@frozen
class Delayed:
    """An answer that takes its time."""

    seconds: float
    response: HttpResponse


Step: TypeAlias = HttpResponse | CamsError | Hang | Delayed


def response(
    payload: Mapping[str, Any], status: int = 200, **headers: str
) -> HttpResponse:
    """Make a JSON answer; an underscore in a header's name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, CIMultiDict(named), json.dumps(payload).encode())


def refusal(code: str, status: int = 400, **headers: str) -> HttpResponse:
    """Make the answer of a failure."""
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
    """Gives the queued answers one by one, and remembers what it was asked to send.

    The last one queued is given again and again.
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
    """Remembers who came, and with which ticket."""

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
    ) -> Any:
        """Join the line."""
        self.log.append("line")
        self.tickets.append(ticket)
        self.scopes.append(scope)
        return super().acquire(scope, ticket=ticket, deadline=deadline)
