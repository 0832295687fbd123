"""`LocalThrottle`, the throttle of one process, for all its event loops and threads."""

import asyncio
import logging
import math
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from threading import Lock
from types import TracebackType
from typing import Self, cast
from weakref import WeakSet

from aiolimiter import AsyncLimiter

from cams_async.config import LARGEST, SECONDS, check, is_positive, is_seconds
from cams_async.models import Scope, Snapshot
from cams_async.throttle.base import Route
from cams_async.throttle.leases import AcknowledgedAt, Lease, LoopQueue
from cams_async.throttle.limiter import ScopeLimiter, closed_error
from cams_async.throttle.scope_table import ScopeTable

logger: logging.Logger = logging.getLogger("cams_async")

MARGIN = 0.01
"""The default margin, in seconds."""

LOOK_EVERY = 0.1
"""Seconds between two looks of a loop with waiting calls, where loops are several.

A lease returns a second after a response, or later. So each loop that has waiting calls
has looked since, and does not depend on the loop of the response to run.
"""

LOOK_ALONE = 60.0
"""Seconds between two looks of the only loop: a safety net, as its events wake it."""

RESOLUTION: float = time.get_clock_info("monotonic").resolution
"""The least margin: on Windows, the clock stands still for up to 15.6 ms."""

# One lock for all scopes: it is held for microseconds, and a fork has one to wait for.
_lock = Lock()

_released: deque["LocalPermit"] = deque()
"""Permits that were released while the lock was held, by whatever thread.

The garbage collector may end an abandoned call at any moment, also within a section of
this very thread that holds the lock. So a release never waits for it.
"""


class EventLoop(LoopQueue):
    """The calls of one event loop in a scope, its bucket and its timer."""

    __slots__ = ("_bucket", "_ceiling", "look_at", "loop", "timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.loop: asyncio.AbstractEventLoop = loop
        self.timer: asyncio.TimerHandle | None = None
        self.look_at: float = math.inf
        self._ceiling = 0.0

    def bucket(self, ceiling: float) -> AsyncLimiter:
        """Return the bucket for a ceiling: a burst of half of it, then its rate."""
        if ceiling != self._ceiling:
            self._ceiling = ceiling
            capacity = max(1.0, ceiling / 2)
            self._bucket = AsyncLimiter(capacity, capacity / ceiling)
        return self._bucket


class SharedLimiter:
    """The limiter of one scope, shared by the event loops and threads of a process.

    It adds what the core is free of: the clock, futures, timers and buckets.
    The lock is held around each of its methods but those that say otherwise.

    Args:
        scope: The scope, with the QPS ceiling to start with.
        max_transit: See `ScopeLimiter`.
        margin: See `ScopeLimiter`.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        scope: Scope,
        *,
        max_transit: float,
        margin: float,
        clock: Callable[[], float],
    ) -> None:
        self.core: ScopeLimiter = ScopeLimiter(
            scope.qps, max_transit=max_transit, margin=margin
        )
        self.now: Callable[[], float] = clock
        self._action = scope.action
        self._loops: dict[int, EventLoop] = {}
        self._warned = False

    # The way of a permit

    def enter(self, permit: "LocalPermit", qps: float) -> EventLoop:
        """Claim a lease for a permit, or give it a future to wait for."""
        loop = asyncio.get_running_loop()
        now = permit.entered_at = self.now()
        if permit.deadline < math.inf:
            permit.deadline += now - loop.time()
        here = self._loops.get(id(loop)) or self._add(loop)
        ceiling = self.core.ceiling
        if not self.core.enter(permit, here, qps, now):
            # Else an earlier call would have been granted.
            if here.tickets.length == 1 or self.core.ceiling > ceiling:
                self.advance(here, now)
            if permit.state != "claimed":
                permit.future = loop.create_future()
        return here

    def passed(self, permit: "LocalPermit", here: EventLoop) -> bool:
        """Let a permit leave the bucket; in a pause, return it to the queue.

        It takes the lock itself, where it has to.

        Returns:
            Whether the request may be sent now.

        Raises:
            CamsError: The wait has ended without a permit.
        """
        core = self.core
        now = self.now()
        if permit.state != "claimed" or core.closed or now < core.paused_until:
            with _lock:
                core.put_back(permit)
                here.missed = False
                error = permit.error
                if error is None:
                    permit.future = here.loop.create_future()
                    self.advance(here, now)
            drain()
            if error is not None:
                raise error
            return False
        core.passed(permit)
        permit.waited = now - permit.entered_at
        if here.tickets.length:  # only these wait for this loop's bucket
            with _lock:
                self.advance(here, now)
            drain()
        return True

    def release(self, permit: "LocalPermit") -> None:
        """End a permit, on any thread."""
        core = self.core
        if permit.state == "waiting":
            core.leave(permit)
            if core.waiting:
                return
        now = self.now()
        core.released(permit, now)
        self.advance(self._here(), now)

    def advance(self, here: EventLoop | None, now: float) -> None:
        """End the waits that are over, and set the timer of this loop.

        Args:
            here: The running loop's part; None where no loop runs, or another one.
            now: The time.
        """
        core = self.core
        again = core.waiting > 0
        while again:
            again = False
            for lease in core.advance(now):
                # What a closed loop held is free now.
                again = not self._deliver(cast("LocalPermit", lease), here) or again
        if here is not None:
            self._set_timer(here, now)

    def _deliver(self, permit: "LocalPermit", here: EventLoop | None) -> bool:
        """End a permit's wait on its own loop; return False if that was closed."""
        there = cast("EventLoop", permit.queue)
        if there is here:
            self._wake(permit)
            return True
        try:
            there.loop.call_soon_threadsafe(self._claim, permit, there)
        except RuntimeError:
            self._drop(there)
            return False
        return True

    def _claim(self, permit: "LocalPermit", here: EventLoop) -> None:
        """Claim a grant on the loop that it was made for. Takes the lock."""
        with _lock:
            here.missed = False
            self._wake(permit)
            self.advance(here, self.now())
        drain()

    def _wake(self, permit: "LocalPermit") -> None:
        if permit.error is None and not self.core.claim(permit):
            return
        future = permit.future
        # A future that is done belongs to a task that was cancelled in this very
        # iteration: it releases its permit. None: the permit is entering just now.
        if future is None or future.done():
            return
        if permit.error is None:
            future.set_result(None)
        else:
            future.set_exception(permit.error)

    def _look(self, here: EventLoop) -> None:
        """Look again: the timer of a loop has fired. Takes the lock."""
        with _lock:
            here.timer = None
            here.missed = False
            self._take_back()
            self.advance(here, self.now())
        drain()

    def _set_timer(self, here: EventLoop, now: float) -> None:
        """Set the timer of the running loop for as long as calls wait in it."""
        timer = here.timer
        if not here.tickets.length:
            if timer is not None:
                timer.cancel()
                here.timer = None
            return
        if here.admission is not None and not self.core.dismissing:
            return  # it looks again when that leaves the bucket
        every = LOOK_EVERY if len(self._loops) > 1 else LOOK_ALONE
        look_at = min(self.core.next_look(now), now + every)
        if timer is not None:
            if here.look_at <= look_at:
                return
            timer.cancel()
            here.timer = None
        here.look_at = look_at
        when = here.loop.time() + max(0.0, look_at - now)
        here.timer = here.loop.call_at(when, self._look, here)

    # The event loops

    def _here(self) -> EventLoop | None:
        """Return the running loop's part; None without a running loop or a part."""
        try:
            return self._loops.get(id(asyncio.get_running_loop()))
        except RuntimeError:
            return None

    def _take_back(self) -> None:
        """Put back what is in the buckets of loops that do not run."""
        for there in self._loops.values():
            permit = there.admission
            if permit is None or permit.state != "claimed" or there.loop.is_running():
                continue
            self.core.put_back(permit)
            there.missed = True

    def _add(self, loop: asyncio.AbstractEventLoop) -> EventLoop:
        self._take_back()
        for other in list(self._loops.values()):
            if other.loop.is_closed():
                self._drop(other)
            elif not (other.loop.is_running() or self.core.is_used_by(other)):
                # If it runs again, it gets a new bucket.
                self.core.queues.remove(other)
                del self._loops[id(other.loop)]
        if self.core.waiting:
            # What the loops above held is free, whatever becomes of this call.
            self.advance(None, self.now())
        here = self._loops[id(loop)] = EventLoop(loop)
        self.core.queues.append(here)
        return here

    def _drop(self, closed: EventLoop) -> None:
        if self._loops.pop(id(closed.loop), None) is not None:
            self.core.drop(closed)

    # The life of a limiter

    def warn(self, qps: float) -> None:
        """Log once that clients disagree. Without the lock: handlers may block."""
        ceiling = self.core.ceiling
        if qps != ceiling and not self._warned:
            self._warned = True
            message = "%s: clients disagree on the ceiling, %g and %g; the lower wins"
            logger.warning(message, self._action, max(qps, ceiling), min(qps, ceiling))

    def is_idle(self) -> bool:
        """Whether the limiter holds nothing that matters."""
        return self.core.is_idle(self.now())

    def snapshot(self) -> Snapshot:
        """Return the current state."""
        return self.core.snapshot(self.now())

    def close(self) -> bool:
        """End some waits with ClientClosed. Return whether none is left.

        It takes the lock itself.
        """
        with _lock:
            self.core.close()
            self.advance(self._here(), self.now())
        drain()
        return not self.core.waiting

    def fork(self) -> None:
        """Go on in a forked process, where no loop of before runs."""
        self._loops.clear()
        self.core.fork(self.now())


class LocalPermit(Lease, AbstractAsyncContextManager["LocalPermit"]):
    """The permit of one call; used once, in one task."""

    __slots__ = ("_scope", "_shared", "_throttle", "entered_at", "future", "waited")

    _shared: SharedLimiter

    def __init__(  # noqa: PLR0917 - made for each call: keywords would take longer
        self,
        throttle: "LocalThrottle",
        scope: Scope,
        ticket: int | None,
        deadline: float,
        timeout: float,
        route: Route | None,
    ) -> None:
        Lease.__init__(self, ticket, deadline, timeout, route)
        self._throttle = throttle
        self._scope = scope
        self.future: asyncio.Future[None] | None = None
        self.entered_at: float = 0.0
        self.waited: float = 0.0

    async def __aenter__(self) -> Self:
        try:
            with _lock:
                # Not before: an idle limiter that nothing entered may be dropped.
                shared = self._shared = self._throttle.shared(self._scope)
                here = shared.enter(self, self._scope.qps)
        finally:
            if _released:
                drain()
        try:
            if self._scope.qps != shared.core.ceiling:
                shared.warn(self._scope.qps)
            while True:
                if self.future is not None:
                    await self.future
                await here.bucket(shared.core.ceiling).acquire()
                if shared.passed(self, here):
                    return self
        except BaseException:
            self.release()
            raise

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """End the permit, on any thread; the request has a response, or never will."""
        # A dismissed call that advanced the limiter would take the next slice along.
        if self.state in ("completed", "ended"):
            return
        if _lock.acquire(blocking=False):
            try:
                self._shared.release(self)
            finally:
                _lock.release()
        else:
            _released.append(self)
        drain()

    def end(self) -> None:
        """End the permit in whatever state it is; called with the lock held."""
        self._shared.release(self)

    def sent(self, acknowledged_at: AcknowledgedAt | None = None, /) -> bool:
        """Mark the request as sent. Return False if the permit has expired."""
        shared = self._shared
        if self.state == "claimed":
            self.acknowledged_at = acknowledged_at
            with _lock:
                shared.core.sent(self, shared.now())
            if _released:
                drain()
        return self.state in ("sent", "completed")

    def completed(self, at: float | None = None, /) -> None:
        """Mark the request as counted by the server."""
        shared = self._shared
        with _lock:
            now = shared.now()
            shared.core.completed(self, now if at is None else at, now)
            if shared.core.waiting:
                shared.advance(self.here, now)
        if _released:
            drain()

    def throttled(self, retry_after: float | None, *, counted: bool = True) -> None:
        """Lower the limit, and pause for `retry_after` seconds."""
        shared = self._shared
        with _lock:
            now = shared.now()
            if counted:
                shared.core.completed(self, now, now)
            shared.core.refused(self, retry_after, now)
            if shared.core.waiting:
                shared.advance(self.here, now)
        if _released:
            drain()

    @property
    def here(self) -> EventLoop:
        """The part of the loop that it was entered on."""
        return cast("EventLoop", self.queue)


class LocalThrottle:
    """A throttle that keeps QPS ceilings in one process.

    All event loops and threads of the process share it, first come, first served.
    Clients without a throttle of their own share `shared_throttle()`. A process that
    is forked goes on with all leases taken.

    Args:
        max_transit: The most seconds that a request takes to reach the server on a
            path that works; from 0 to 86400.
        margin: Seconds added to each lease's second, because timers may fire early;
            from 0 to 86400, and at least the resolution of the clock.
        clock: Returns the time in seconds, from the same base as `time.monotonic`,
            which dates responses and acknowledgements. Default: that.

    Raises:
        ConfigurationError: An argument is out of bounds.
    """

    def __init__(
        self,
        *,
        max_transit: float = 1.0,
        margin: float = MARGIN,
        clock: Callable[[], float] | None = None,
    ) -> None:
        for name, value in (("max_transit", max_transit), ("margin", margin)):
            check(is_seconds(value), name, SECONDS)
        check(clock is None or callable(clock), "clock", "must be callable")
        self._max_transit = max_transit
        self._margin = margin
        self._clock = clock
        self._limiters: ScopeTable[SharedLimiter] = ScopeTable()
        self._closed = False
        _throttles.add(self)

    def __repr__(self) -> str:
        return f"LocalThrottle(max_transit={self._max_transit}, margin={self._margin})"

    def acquire(
        self,
        scope: Scope,
        *,
        ticket: int | None = None,
        deadline: float | None = None,
        timeout: float = 60.0,
        route: Route | None = None,
    ) -> LocalPermit:
        """Return an async context manager that waits for a permit.

        See `Throttle.acquire`.
        """
        if timeout.__class__ is not float or not 0 < timeout <= LARGEST:
            check(
                is_positive(timeout), "timeout", "must be a number of seconds above 0"
            )
        until = math.inf if deadline is None else deadline
        return LocalPermit(self, scope, ticket, until, timeout, route)

    def shared(self, scope: Scope) -> SharedLimiter:
        """Return the limiter of a scope; called with the lock held."""
        if self._closed:
            raise closed_error()
        limiter = self._limiters.get(scope)
        if limiter is None:
            limiter = SharedLimiter(
                scope,
                max_transit=self._max_transit,
                margin=max(self._margin, RESOLUTION),
                clock=self._clock or time.monotonic,
            )
            self._limiters.add(scope, limiter, is_idle=SharedLimiter.is_idle)
        return limiter

    def snapshot(self) -> Mapping[Scope, Snapshot]:
        """Return the current state of each scope in use; on any thread."""
        with _lock:
            snapshots = [(key, each.snapshot()) for key, each in self._limiters]
        drain()
        return {
            Scope(account=account, region=region, action=action, qps=now.ceiling): now
            for (account, region, action), now in snapshots
        }

    async def aclose(self) -> None:
        """Make waiting and later calls raise ClientClosed. Idempotent."""
        with _lock:
            self._closed = True
            limiters = [limiter for _, limiter in self._limiters]
        drain()
        for limiter in limiters:
            while not limiter.close():  # noqa: ASYNC110 - it does a slice of the work
                await asyncio.sleep(0)

    def fork(self) -> None:
        """Go on in a forked process; called with the lock held."""
        for _, limiter in self._limiters:
            limiter.fork()


_throttles: WeakSet[LocalThrottle] = WeakSet()


def drain() -> None:
    """End the permits that were released while the lock was held.

    Each section that holds the lock is followed by it, or such a permit might stay.
    """
    while _released and _lock.acquire(blocking=False):
        try:
            while _released:
                _released.popleft().end()
        finally:
            _lock.release()


def _after_fork_in_parent() -> None:
    _lock.release()
    drain()


def _after_fork_in_child() -> None:
    _released.clear()
    for throttle in list(_throttles):
        throttle.fork()
    _lock.release()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=_lock.acquire,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )

_default = LocalThrottle()


def shared_throttle() -> LocalThrottle:
    """Return the throttle of all clients in this process that were given none."""
    return _default
