"""A scope of the real limiter with its event loops, the network and the server.

Nothing of the limiter is modelled: a world does what `SharedLimiter` does around the
core, one move at a time, and leaves the order of the moves to its user. Times are
multiples of half a second, so that the states can be compared exactly.
"""

# pyright: reportPrivateUsage=false

import math
from collections.abc import Iterator

from cams_async.errors import DeadlineExceeded
from tests.model.parts import (
    GRID,
    Call,
    J,
    Loop,
    Move,
    Options,
    Phase,
    Request,
    Violation,
)
from tests.model.shared import Shared

PAUSE = 0.5
"""The pause, in seconds, that some refusals request."""

STEPS: dict[Phase, str] = {
    "bucket": "pass",
    "ready": "send",
    "responded": "complete",
    "refused": "retry",
}
"""By phase, the move that takes a call on."""


class World:
    """Everything that a schedule of moves changes.

    The method `_name` makes the move `name`.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.now = 0.0
        self.shared = Shared(options)
        self.loops = [Loop() for _ in range(options.loops)]
        """Those that run, or run again."""

        self.wire: list[Request] = []
        """The requests that may still arrive."""

        self.arrivals: list[float] = []
        """Those within less than a window."""

        self._started = 0

    @property
    def calls(self) -> list[Call]:
        """The calls, and attempts to be made again."""
        return self.shared.calls

    # What may happen next

    def moves(self) -> list[Move]:
        """Return what may happen next."""
        options = self.options
        moves: list[Move] = []
        for i, loop in enumerate(self.loops):
            moves += self._moves_of_loop(i, loop)
        for i, call in enumerate(self.calls):
            moves += self._moves_of_call(i, call)
        moves += [("arrive", i) for i in range(len(self.wire))]
        if options.evidence or options.blind:
            moves.append(("snapshot",))
        if options.fork and self.calls:
            moves += [("fork", 0), ("fork", 1)]
        if not any(map(self.is_due, self.loops)):
            moves.append(("tick",))
        return moves

    def _moves_of_loop(self, i: int, loop: Loop) -> Iterator[Move]:
        options = self.options
        if loop.state == "stopped":
            yield ("run", i)
            return
        if len(self.calls) < options.calls:
            yield ("start", i)
            if options.deadline is not None:
                yield ("start", i, 1)
        if loop.timer <= self.now:
            yield ("look", i)
        if options.stops:
            yield ("stop", i)
        if options.closes and loop in self.shared.loops:
            yield ("close", i)
            yield ("close", i, 1)

    def _moves_of_call(self, i: int, call: Call) -> Iterator[Move]:
        if call.state == "sent" and self.options.evidence:
            assert call.request is not None
            table = self.shared.core._leases
            taken = call in table._open or call in table._unproven
            if taken and call.request.acknowledged_at is None:
                yield ("acknowledge", i)
        if call.loop.state == "stopped":
            return
        if call.phase != "over":
            yield ("release", i)  # cancelled, timed out, reset or collected
        if call.loop.has_ended():
            return
        if call.claiming:
            yield ("claim", i)
        if call.phase == "sent":
            yield from self._responses(i, call)
        elif call.phase in STEPS:
            yield (STEPS[call.phase], i)

    def _responses(self, i: int, call: Call) -> Iterator[Move]:
        assert call.request is not None
        refuses = self.options.refusals
        if call.request.arrived:
            yield ("respond", i)
            if refuses:
                yield ("refuse", i)
                yield ("refuse", i, 1)
        elif refuses:
            yield ("refuse_early", i)

    def is_due(self, loop: Loop) -> bool:
        """Whether a running loop has something to do now."""
        if loop.state != "running":
            return False
        return loop.timer <= self.now or any(
            call.loop is loop and call.is_due(self.now) for call in self.calls
        )

    def may_sleep(self) -> bool:
        """Whether calls wait, and no running loop has anything to do now."""
        waiting = self.shared.core.waiting > 0
        return waiting and not any(map(self.is_due, self.loops))

    def do(self, move: Move) -> None:
        """Make a move.

        Raises:
            Violation: A property does not hold.
        """
        name, *arguments = move
        try:
            getattr(self, f"_{name}")(*arguments)
        except Violation:
            raise
        except Exception as error:
            raise Violation(f"{name} raises {error!r}") from error
        self._tidy()

    def _tidy(self) -> None:
        """Forget the calls that are over, and check the limiter's own records."""
        calls = self.calls
        loops = self.shared.loops
        table = self.shared.core._leases
        taken = {*table._held, *table._open, *table._unproven}
        for call in calls:
            if call.loop.has_ended() and not (
                call in taken
                or (
                    call.loop in loops
                    and (call.state == "waiting" or call.loop.admission is call)
                )
            ):
                call.phase = "over"
        calls[:] = [call for call in calls if not call.is_over()]
        if not taken <= set(calls):
            raise Violation("a lease of a call that is over")
        if any(loop.admission and loop.admission not in calls for loop in loops):
            raise Violation("an admission of a call that is over")
        waiting = sum(call.state == "waiting" and call.loop in loops for call in calls)
        if self.shared.core.waiting != waiting:
            raise Violation("the number of waiting calls is wrong")

    # Moves of time

    def _tick(self) -> None:
        self.now += GRID
        oldest = self.now - self.options.window
        self.arrivals = [at for at in self.arrivals if at > oldest]
        self.wire = [each for each in self.wire if each.arrives_by >= self.now]

    # Moves of a loop

    def _start(self, i: int, bounded: int = 0) -> None:
        self._started += 1
        call = Call(self.loops[i], self.options.timeout, self._started)
        if bounded:
            call.deadline = self.now + (self.options.deadline or math.inf)
        self._enter(call)

    def _enter(self, call: Call) -> None:
        self.calls.append(call)
        try:
            self.shared.enter(call, self.now)
        except DeadlineExceeded:
            call.phase = "over"

    def _look(self, i: int) -> None:
        self.shared.look(self.loops[i], self.now)

    def _stop(self, i: int) -> None:
        self.loops[i].state = "stopped"

    def _run(self, i: int) -> None:
        self.loops[i].state = "running"

    def _close(self, i: int, leaves: int = 0) -> None:
        self.loops[i].state = "left" if leaves else "closed"
        self.loops[i] = Loop()

    def _snapshot(self) -> None:
        self.shared.core.snapshot(self.now)

    def _fork(self, sends: int) -> None:
        """Go on in the child; the parent sends its requests at once, or never."""
        for request in self.wire:
            request.expect_by(self.now + J)
        for call in self.calls:
            if sends and call.phase in ("bucket", "ready") and call.ends_at > self.now:
                self.wire.append(Request(call.loop, self.now, self.now + J))
        self.calls.clear()
        self.shared.core.fork(self.now)
        for loop in self.loops:
            loop.state = "closed"
        self.loops = [Loop() for _ in self.loops]

    # Moves of a call

    def _claim(self, i: int) -> None:
        self.shared.claim(self.calls[i], self.now)

    def _pass(self, i: int) -> None:
        self.shared.passed(self.calls[i], self.now)

    def _send(self, i: int) -> None:
        call = self.calls[i]
        now = self.now
        # The connection is closed when the attempt times out.
        request = call.request = Request(call.loop, now, now + call.timeout + J)
        if not self.options.blind:
            call.acknowledged_at = request
            if not self.options.evidence:
                request.acknowledge(now)
        alive = self.shared.core.sent(call, now)
        call.phase = "sent" if alive else "over"
        if alive:
            self.wire.append(request)

    def _respond(self, i: int) -> None:
        """Receive the final headers; only a loop that stops completes it later."""
        call = self.calls[i]
        call.phase = "responded"
        call.responded_at = self.now
        self._prove(call)
        if not self.options.stops:
            self._complete(i)

    def _complete(self, i: int) -> None:
        call = self.calls[i]
        self.shared.core.completed(call, call.responded_at, self.now)
        self.shared.advance(call.loop, self.now)
        call.phase = "over"

    def _refuse(self, i: int, pauses: int = 0) -> None:
        call = self.calls[i]
        self._prove(call)
        self.shared.core.completed(call, self.now, self.now)
        self.shared.core.refused(call, PAUSE if pauses else None, self.now)
        self.shared.advance(call.loop, self.now)
        call.phase = "refused"

    def _refuse_early(self, i: int) -> None:
        """Receive a gateway's refusal, while the request itself travels on."""
        call = self.calls[i]
        self.shared.core.refused(call, None, self.now)
        self.shared.advance(call.loop, self.now)
        self._end(call)
        call.phase = "refused"

    def _retry(self, i: int) -> None:
        before = self.calls.pop(i)
        self._enter(Call(before.loop, before.timeout, before.place, before.ticket))

    def _release(self, i: int) -> None:
        call = self.calls[i]
        if call.phase != "refused":
            self._end(call)
        call.phase = "over"

    def _end(self, call: Call) -> None:
        """End a call without a response that proves anything."""
        request = call.request
        if request is not None:
            request.expect_by(min(self.now, request.sent_at + call.timeout) + J)
            call.request = None
        self.shared.release(call, self.now)

    def _prove(self, call: Call) -> None:
        """Apply what a response implies for earlier requests on its route."""
        assert call.request is not None
        if not self.options.blind:
            return
        for request in self.wire:
            if request.loop is call.loop and request.sent_at <= call.request.sent_at:
                request.expect_by(self.now + (self.now - request.sent_at) + J)

    # Moves of the network

    def _arrive(self, i: int) -> None:
        request = self.wire.pop(i)
        request.arrived = True
        self.arrivals.append(self.now)
        if len(self.arrivals) > max(1.0, self.options.qps):
            ages = [self.now - at for at in self.arrivals]
            raise Violation(f"too many arrivals in a window: {ages} s ago")

    def _acknowledge(self, i: int) -> None:
        request = self.calls[i].request
        assert request is not None
        request.acknowledge(self.now)
