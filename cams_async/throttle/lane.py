"""The queue, slots, limit and bucket of one scope in this process."""

import asyncio
import logging
import math
import os
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

from aiolimiter import AsyncLimiter

from cams_async.errors import CamsError, ClientClosed
from cams_async.models import Snapshot
from cams_async.throttle.forecast import Forecast, expect
from cams_async.throttle.limit import Limit
from cams_async.throttle.line import Line, draw_ticket
from cams_async.throttle.slots import Slots

logger: logging.Logger = logging.getLogger("cams_async")

LONGEST_PAUSE = 60.0
"""The longest pause, in seconds, that a response may request."""


class LocalPermit(AbstractAsyncContextManager["LocalPermit"]):
    """The permit of one call; used once."""

    __slots__ = (
        "_answered",
        "_lane",
        "_sent_at",
        "deadline",
        "future",
        "ticket",
        "waited",
    )

    def __init__(
        self, lane: "Lane", ticket: int | None, deadline: float | None
    ) -> None:
        self._lane = lane
        self._sent_at = math.inf
        self._answered = False
        self.deadline: float = math.inf if deadline is None else deadline
        self.future: asyncio.Future[None] | None = None
        self.ticket: int = ticket or 0
        self.waited: float = 0.0

    async def __aenter__(self) -> Self:
        lane = self._lane
        began = lane.now()
        self.future = lane.enter(self, began)
        if self.future is not None:
            try:
                await self.future
            except BaseException:
                lane.give_up(self)
                raise
        self.waited = await lane.pass_gate(self) - began
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._answered:
            self._lane.left(self, sent=self._sent_at < math.inf)

    # A future that is done already belongs to a task which was cancelled in this very
    # turn of the loop, or was woken and has not run yet: both find out by themselves.

    def wake(self) -> None:
        """End the wait."""
        if self.future is not None and not self.future.done():
            self.future.set_result(None)

    def fail(self, error: CamsError) -> None:
        """End the wait with an error."""
        if self.future is not None and not self.future.done():
            self.future.set_exception(error)

    def sent(self) -> bool:
        """Mark the request as sent. A local slot never expires: return True."""
        if self._sent_at == math.inf:
            self._sent_at = self._lane.sent(self)
        return True

    def completed(self) -> None:
        """Mark the request as counted by the server."""
        self.sent()  # implied by a response, even if the transport did not report it
        self._answered = True
        self._lane.completed(self)

    def throttled(self, retry_after: float | None, *, counted: bool = True) -> None:
        """Lower the limit, and pause for `retry_after` seconds."""
        self.sent()  # implied by any response, counted or not
        if counted:
            self.completed()
        self._lane.refused(self._sent_at, retry_after)


class Lane:
    """The calls of one scope in this process, on one event loop at a time."""

    def __init__(self, ceiling: float, *, max_transit: float, margin: float) -> None:
        self.ceiling: float = ceiling
        # The loop's own clock from `bind` on, without a call between.
        self.now: Callable[[], float] = time.monotonic
        self._max_transit = max_transit
        self._margin = margin
        self._line: Line[LocalPermit] = Line()
        self._limit = Limit(ceiling)
        self._slots = self._new_slots()
        self._gate: LocalPermit | None = None
        self._paused_until = -math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._last_sent = -math.inf
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0
        self._clock_offset = 0.0
        self._warned = False
        self._closed = False

    # The life of a lane

    def serves(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether this loop, in this process, has the lane already."""
        return loop is self._loop and self._process == os.getpid()

    def bind(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Serve another loop from now on; return False while the former is alive."""
        if self._elsewhere(loop):
            return False
        self._start(loop)
        return True

    def _elsewhere(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether another loop has this lane and is still alive."""
        # After a fork, the parent's loop looks open for ever but runs no more here.
        mine = self._loop is loop or self._process != os.getpid()
        return not (mine or self._over())

    def _over(self) -> bool:
        """Whether no loop serves this lane."""
        return self._loop is None or self._loop.is_closed()

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        offset = time.monotonic() - loop.time()
        shift = self._clock_offset - offset
        self._loop, self._process, self._clock_offset = loop, os.getpid(), offset
        self.now = loop.time
        self._gate = self._timer = None
        self._line.clear()
        self._limit.shift(shift)
        self._paused_until += shift
        self._bucket = self._new_bucket()
        # Calls of the loop before may still be in flight, and no task is left
        # to receive the responses: each slot starts as if it had just been lost.
        quiet = self._last_sent + self._max_transit + self._slots.hold - offset
        count = math.floor(self._limit.ceiling)
        self._slots.cool(count if quiet > loop.time() else 0, until=quiet)

    def agree(self, qps: float, action: str) -> None:
        """Use the lower of two ceilings that differ, and log a warning once."""
        if not self._warned:
            self._warned = True
            message = "%s: clients disagree on the ceiling, %g and %g; the lower wins"
            logger.warning(message, action, self.ceiling, qps)
        if qps < self.ceiling:
            self._lower(qps)

    def _lower(self, ceiling: float) -> None:
        self.ceiling = ceiling
        self._limit.lower(ceiling)
        self._slots.lengthen(self._hold())
        self._bucket = self._new_bucket()

    def idle(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether this lane holds nothing that matters; called on this loop."""
        now = time.monotonic() - self._clock_offset
        return not (
            self._elsewhere(loop)
            or self._line
            or self._gate
            or any(self._slots.counts(now))
            or self._paused_until > now
            or self._limit.slots(now) < math.floor(self._limit.ceiling)
        )

    def close(self) -> None:
        """End every wait with ClientClosed."""
        self._closed = True
        if self._over():
            return  # no loop is left to wake a waiting task
        for ticket, permit in list(self._line):
            self._dismiss(ticket, permit, _closed())
        if self._gate is not None:
            self._gate.fail(_closed())

    def snapshot(self) -> Snapshot:
        """Return the current state."""
        now = self.now()
        self._limit.slots(now)
        in_flight, cooling = self._slots.counts(now)
        return Snapshot(
            ceiling=self.ceiling,
            limit=min(self.ceiling, self._limit.value),
            waiting=len(self._line),
            in_flight=in_flight,
            cooling=cooling,
            paused_for=max(0.0, self._paused_until - now),
        )

    # A permit: enter, pass the gate, then one of sent, completed, left

    def enter(self, permit: LocalPermit, now: float) -> asyncio.Future[None] | None:
        """Join the queue; return a future, or None if the permit is granted now."""
        self._check_open()
        nobody = self._gate is None and not self._line.length
        if nobody and now <= permit.deadline and self._admits(now):
            # As most calls find it below the ceiling: no need to join and be called.
            permit.ticket = permit.ticket or draw_ticket()
            self._admit(permit)
            return None
        if permit.ticket:
            ahead = self._line.rejoin(permit.ticket, permit)
        else:
            ahead = self._line.length
            permit.ticket = self._line.join(permit)
        if permit.deadline < math.inf:
            error = self._forecast(now).too_late(permit.deadline, ahead)
            if error is not None:
                self._line.leave(permit.ticket)
                raise error
        self._advance()
        return None if self._gate is permit else self._new_future()

    async def pass_gate(self, permit: LocalPermit) -> float:
        """Go through the bucket, wait out a pause that began meanwhile, return when."""
        try:
            await self._bucket.acquire()
            self._check_open()
            while self._paused_until > (now := self.now()):
                permit.future = self._new_future()
                self._wake_at(self._paused_until)
                await permit.future
        except BaseException:
            self._slots.release(permit)
            raise
        finally:
            self._leave_gate(permit)
        return now

    def give_up(self, permit: LocalPermit) -> None:
        """Remove a permit whose wait was cancelled."""
        self._line.leave(permit.ticket)
        self._slots.release(permit)
        self._leave_gate(permit)

    def sent(self, permit: LocalPermit) -> float:
        """Mark a request as sent, and return the time."""
        now = self.now()
        self._last_sent = time.monotonic()
        self._slots.sent(permit, now)
        if self._line.length:
            self._advance()
        return now

    def completed(self, permit: LocalPermit) -> None:
        """Mark a request as counted by the server."""
        self._slots.completed(permit, self.now())
        if self._line.length:
            self._advance()

    def refused(self, sent: float, retry_after: float | None) -> None:
        """Lower the limit and pause after a throttled response."""
        now = self.now()
        self._limit.refused(sent, now)
        until = now + min(retry_after or 0.0, LONGEST_PAUSE)
        if until > max(now, self._paused_until):
            self._paused_until = until
            self._dismiss_late()
        self._advance()

    def left(self, permit: LocalPermit, *, sent: bool) -> None:
        """Mark a permit as ended without a response."""
        if sent:
            self._slots.left(permit)
        else:
            self._slots.release(permit)
        self._advance()

    def _check_open(self) -> None:
        if self._closed:
            raise _closed()

    def _leave_gate(self, permit: LocalPermit) -> None:
        if self._gate is permit:
            self._gate = None
        if self._line.length or self._timer is not None:
            self._advance()

    # The pump: every change grants the next permit if it can

    def _advance(self) -> None:
        if self._gate is not None:
            return  # it advances on leaving the gate
        if self._over():
            return
        if not self._line.length:
            self._wake_at(None)
            return
        now = self.now()
        if self._admits(now):
            self._wake_at(None)
            permit = self._line.serve()
            self._admit(permit)
            permit.wake()
        else:
            self._wake_at(self._next_chance(now))

    def _admits(self, now: float) -> bool:
        """Whether the next permit may go to the gate."""
        free = self._slots.taken(now) < self._limit.slots(now)
        return free and self._paused_until <= now

    def _next_chance(self, now: float) -> float | None:
        """Return the earliest time at which the next permit may be admitted."""
        if self._paused_until > now:
            return self._paused_until
        times = (self._slots.next_return(), self._limit.next_growth())
        return min((at for at in times if at is not None), default=None)

    def _admit(self, permit: LocalPermit) -> None:
        self._gate = permit
        self._slots.take(permit)

    def _wake_at(self, when: float | None) -> None:
        if self._timer is not None:
            if self._timer.when() == when:
                return
            self._timer.cancel()
            self._timer = None
        if when is not None:
            assert self._loop is not None  # noqa: S101 - bound first
            self._timer = self._loop.call_at(when, self._woken)

    def _woken(self) -> None:
        self._timer = None
        if self._gate is not None:
            self._gate.wake()  # the pause that it waits out has ended
        self._advance()

    def _new_future(self) -> asyncio.Future[None]:
        assert self._loop is not None  # noqa: S101 - bound first
        return self._loop.create_future()

    # Deadlines: what a place in the line means in seconds

    def _forecast(self, now: float) -> Forecast:
        count = self._limit.slots(now)
        return expect(self._slots, count, now, self._paused_until)

    def _dismiss_late(self) -> None:
        forecast = self._forecast(self.now())
        ahead = 0
        for ticket, permit in list(self._line):
            error = forecast.too_late(permit.deadline, ahead)
            if error is None:
                ahead += 1
            else:
                self._dismiss(ticket, permit, error)

    def _dismiss(self, ticket: int, permit: LocalPermit, error: CamsError) -> None:
        self._line.leave(ticket)
        permit.fail(error)

    # Parts that follow from the ceiling

    def _hold(self) -> float:
        return max(1.0, 1.0 / self.ceiling) + self._margin

    def _new_slots(self) -> Slots:
        return Slots(hold=self._hold(), max_transit=self._max_transit)

    def _new_bucket(self) -> AsyncLimiter:
        capacity = max(1.0, self.ceiling / 2)
        return AsyncLimiter(capacity, capacity / self.ceiling)


def _closed() -> ClientClosed:
    return ClientClosed("the throttle was closed")
