"""One call's way through the line, and what gives it the right to send."""

import asyncio
import math
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol, Self

from cams_async.errors import CallOutcome, CamsError, PermitExpired
from cams_async.throttle.leases import AcknowledgedAt


class Grant(Protocol):
    """A slot that a call has got."""

    until: float
    """The request must leave before this, in the loop's time, or not at all."""

    def sent(self, acknowledged_at: AcknowledgedAt | None) -> None:
        """The request leaves now."""
        ...

    def completed(self) -> None:
        """The answer is here."""
        ...

    def refused(self, retry_after: float | None) -> None:
        """The answer was a refusal."""
        ...

    def left(self) -> None:
        """The turn has ended, with or without a send or an answer."""
        ...


class Queue(Protocol):
    """The queue of permits."""

    def now(self) -> float:
        """Return the time of the event loop."""
        ...

    def enter(self, permit: "RedisPermit") -> "asyncio.Future[None]":
        """Join the line; return what to await."""
        ...

    def give_up(self, permit: "RedisPermit") -> None:
        """Take out a turn, and give back what it has been granted."""
        ...

    def may_go(self, grant: Grant) -> bool:
        """Whether a grant may still be used."""
        ...


class RedisPermit(AbstractAsyncContextManager["RedisPermit"]):
    """One call's way through its lane; used once."""

    __slots__ = (
        "_bound",
        "_queue",
        "_sent",
        "deadline",
        "entered",
        "future",
        "grant",
        "ticket",
        "waited",
    )

    def __init__(
        self, queue: Queue, ticket: int | None, deadline: float | None
    ) -> None:
        self._queue = queue
        self._sent = False
        self._bound: asyncio.Timeout | None = None
        self.deadline: float = math.inf if deadline is None else deadline
        self.entered: float = 0.0
        self.future: asyncio.Future[None] | None = None
        self.grant: Grant | None = None
        self.ticket: int = ticket or 0
        self.waited: float = 0.0

    async def __aenter__(self) -> Self:
        queue = self._queue
        self.entered = queue.now()
        while True:
            self.future = queue.enter(self)
            try:
                await self.future
            except BaseException:
                queue.give_up(self)
                raise
            assert self.grant is not None  # noqa: S101 - it was woken with one
            if queue.may_go(self.grant):
                break
            queue.give_up(self)  # it was woken too late, or just before a pause
        self.waited = queue.now() - self.entered
        until = self.grant.until
        self._bound = asyncio.timeout_at(until if until < math.inf else None)
        await self._bound.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._bound is not None  # noqa: S101 - left only after it was entered
        self._given.left()
        try:
            await self._bound.__aexit__(exc_type, exc, traceback)
        except TimeoutError:
            message = "the slot was lost before the request left"
            outcome: CallOutcome = "unknown" if self._sent else "not_sent"
            raise PermitExpired(message, outcome=outcome) from None

    # A future that is done already belongs to a task which was cancelled in this very
    # turn of the loop: it finds out by itself.

    def wake(self, grant: Grant) -> None:
        """End the wait well."""
        self.grant = grant
        if self.future is not None and not self.future.done():
            self.future.set_result(None)

    def fail(self, error: CamsError) -> None:
        """End the wait with an error."""
        if self.future is not None and not self.future.done():
            self.future.set_exception(error)

    def extend(self, until: float) -> None:
        """Set another moment by which the request must have left."""
        self._given.until = until
        self._rebind(until)

    def _rebind(self, until: float | None) -> None:
        if self._bound is not None and not self._bound.expired():
            self._bound.reschedule(until)

    def sent(self, acknowledged_at: AcknowledgedAt | None = None, /) -> bool:
        """Mark the request as leaving now; return False where the slot has expired."""
        if not self._sent and self._expired():
            return False
        self._leave(acknowledged_at)
        return True

    def completed(self, at: float | None = None, /) -> None:
        """Mark the request as counted by the server."""
        del at  # Redis dates the response by its report
        self._leave()
        self._given.completed()

    def throttled(self, retry_after: float | None, *, counted: bool = True) -> None:
        """Lower the limit, and pause for `retry_after` seconds."""
        self._leave()
        if counted:
            self._given.completed()
        self._given.refused(retry_after)

    def _expired(self) -> bool:
        assert self._bound is not None  # noqa: S101 - sent only after it was entered
        # After a frozen process or a blocked loop, the timer is still to fire.
        return self._bound.expired() or self._queue.now() >= self._given.until

    def _leave(self, acknowledged_at: AcknowledgedAt | None = None) -> None:
        """Mark the request as sent; a response implies it, too."""
        if not self._sent:
            self._sent = True
            self._rebind(None)
            self._given.sent(acknowledged_at)

    @property
    def _given(self) -> Grant:
        assert self.grant is not None  # noqa: S101 - called only after it was granted
        return self.grant
