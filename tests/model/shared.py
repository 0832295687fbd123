"""What `SharedLimiter` does around the core, without asyncio."""

# pyright: reportPrivateUsage=false

import math
from typing import cast

from cams_async.throttle import limiter
from cams_async.throttle.leases import Lease, LoopQueue
from cams_async.throttle.limiter import ScopeLimiter
from tests.model.parts import GRID, Call, J, Loop, Options, Violation


class CheckedLimiter(ScopeLimiter):
    """The limiter itself, which also checks each of its grants."""

    def __init__(self, options: Options, calls: list[Call]) -> None:
        super().__init__(options.qps, max_transit=J, margin=0.0)
        self._calls = calls
        self._window = options.window

    def _take_back(self, now: float) -> None:
        for lease in self._granted:
            if lease.at + limiter.CLAIM_WITHIN <= now:
                cast("Call", lease).loop.lapsed = True
        super()._take_back(now)

    def _grant(self, lease: Lease, queue: LoopQueue, now: float) -> None:
        assert isinstance(lease, Call)
        if queue in {call.loop for call in self._calls if call.loop.lapsed}:
            raise Violation("a grant to a loop that let one lapse and has not run")
        if self.paused_until > now:
            raise Violation("a grant in a pause")
        for call in self._calls:
            if (
                call.state == "waiting"
                and call.place < lease.place
                and call.loop in self.queues
                and not call.loop.lapsed
                and (call.loop.admission is None or call.loop is queue)
            ):
                raise Violation("order: a later call was granted before an earlier one")
        super()._grant(lease, queue, now)
        in_flight = sum(
            call.ends_at > now
            if call.state in ("granted", "claimed")
            else call.state == "sent" and call.at + J + self._window > now
            for call in self._calls
        )
        if max(in_flight, self._leases.taken(now)) > self._adaptive.leases(now):
            raise Violation("more leases than the limit")


class Shared:
    """The limiter of one scope, and its calls."""

    def __init__(self, options: Options) -> None:
        self.calls: list[Call] = []
        self.core = CheckedLimiter(options, self.calls)
        self._qps = options.qps

    @property
    def loops(self) -> list[Loop]:
        """The event loops with a queue."""
        return cast("list[Loop]", self.core.queues)

    def enter(self, call: Call, now: float) -> None:
        """Enter the queue on the call's loop; it may be claimed at once."""
        loop = call.loop
        if loop not in self.loops:
            self._add(loop, now)
        self.ran(loop)
        if self.core.enter(call, loop, self._qps, now):
            call.phase = "bucket"
        elif loop.tickets.length == 1:  # there is one ceiling
            self.advance(loop, now)

    def _add(self, loop: Loop, now: float) -> None:
        self._take_back()
        for other in list(self.loops):
            if other.state == "closed":
                self._drop(other)
            elif other.state == "left" and not self.core.is_used_by(other):
                self.core.queues.remove(other)
        if self.core.waiting:
            self.advance(None, now)
        self.core.queues.append(loop)

    def _take_back(self) -> None:
        for other in self.loops:
            lease = other.admission
            if lease is None or lease.state != "claimed":
                continue
            if other.state in ("left", "closed"):
                self.core.put_back(lease)
                cast("Call", lease).phase = "waiting"
                other.missed = other.lapsed = True

    def passed(self, call: Call, now: float) -> None:
        """Leave the bucket; in a pause, return to the queue."""
        core = self.core
        if now < core.paused_until:
            core.put_back(call)
            call.phase = "waiting"
            self.advance(call.loop, now)
            return
        core.passed(call)
        call.phase = "ready"
        if call.loop.tickets.length:
            self.advance(call.loop, now)

    def release(self, call: Call, now: float) -> None:
        """End a call, from its own loop or by the garbage collector."""
        if call.state == "waiting":
            self.core.leave(call)
            if self.core.waiting:
                return
        self.core.released(call, now)
        self.advance(None if call.loop.has_ended() else call.loop, now)

    def advance(self, here: Loop | None, now: float) -> None:
        """End the waits that are over, and set the timer of this loop."""
        again = self.core.waiting > 0
        while again:
            again = False
            for lease in self.core.advance(now):
                again = not self._deliver(cast("Call", lease)) or again
        if here is not None:
            self._set_timer(here, now)

    def _deliver(self, call: Call) -> bool:
        """Let the call's loop claim the grant later, also if it runs just now."""
        if call.loop.state == "closed":
            self._drop(call.loop)
            return False
        call.claiming = True
        if call.error is not None:
            call.phase = "over"
        return True

    def claim(self, call: Call, now: float) -> None:
        """Run the callback that claims a grant on its loop."""
        call.claiming = False
        call.loop.missed = False
        self.ran(call.loop)
        if call.error is None and self.core.claim(call):
            call.phase = "bucket"
        self.advance(call.loop, now)

    def look(self, here: Loop, now: float) -> None:
        """Look again: the timer of a loop has fired."""
        here.timer = math.inf
        here.missed = False
        self.ran(here)
        self._take_back()
        self.advance(here, now)

    def ran(self, loop: Loop) -> None:
        """Record that a loop has run, so that it may get grants again."""
        loop.lapsed = False

    def _set_timer(self, here: Loop, now: float) -> None:
        if not here.tickets.length:
            here.timer = math.inf
            return
        if here.admission is not None and not self.core.dismissing:
            return
        at = self.core.next_look(now)
        if at <= now:
            raise Violation("the next look is due right after a look")
        if len(self.loops) > 1:
            at = min(at, now + GRID)
        here.timer = min(at, here.timer)

    def _drop(self, loop: Loop) -> None:
        if loop in self.loops:
            self.core.drop(loop)
            if any(lease.queue is loop for lease in self.core._leases._held):
                raise Violation("a closed loop keeps a lease")
