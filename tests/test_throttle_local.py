"""`LocalThrottle`: permits in order, and scopes, clients, event loops, and the end."""

# pyright: reportPrivateUsage=false

import asyncio
import gc
import logging
import math
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import pairwise
from types import FrameType
from typing import Any

import pytest

from cams_async.errors import ClientClosed, ConfigurationError, DeadlineExceeded
from cams_async.models import Scope, Snapshot
from cams_async.throttle import LocalThrottle, Route, Throttle, local, shared_throttle
from cams_async.throttle.limiter import CEILING_KEPT, SLICE
from cams_async.throttle.local import EventLoop, LocalPermit, SharedLimiter
from cams_async.throttle.scope_table import FEW
from tests.clock import Clock, VirtualLoop
from tests.simulation.watched import Watched
from tests.simulation.world import live_timers

TRIP = 0.1
"""Seconds from a send to its response."""

AGAIN = TRIP + 1.01
"""Seconds from a send until its lease is granted again."""


class Bench:
    """A throttle at work on one scope, and what its calls have seen."""

    def __init__(self, qps: float = 10.0) -> None:
        self.scope = Scope(account="a", region="r", action="Act", qps=qps)
        self.throttle = LocalThrottle()
        self.log: list[tuple[str, float]] = []
        self._start = self._loop.time()

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    @property
    def names(self) -> list[str]:
        """The calls that got a permit, in order."""
        return [name for name, _ in self.log]

    @property
    def moments(self) -> list[float]:
        """Times at which permits were granted, in seconds from the start."""
        return [moment for _, moment in self.log]

    @property
    def limiter(self) -> SharedLimiter:
        """The limiter of the scope."""
        ((_, limiter),) = self.throttle._limiters
        return limiter

    @property
    def loop(self) -> EventLoop:
        """The running loop's part of the limiter."""
        return self.limiter._loops[id(self._loop)]

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot of the scope."""
        return self.throttle.snapshot()[self.scope]

    def now(self) -> float:
        """Return the seconds since the start."""
        return self._loop.time() - self._start

    def acquire(
        self,
        *,
        ticket: int | None = None,
        deadline: float | None = None,
        timeout: float = 60.0,
        route: Route | None = None,
    ) -> LocalPermit:
        """Wait for a permit; the deadline is in seconds from now."""
        if deadline is not None:
            deadline += self._loop.time()
        return self.throttle.acquire(
            self.scope, ticket=ticket, deadline=deadline, timeout=timeout, route=route
        )

    async def call(self, name: str = "", trip: float = TRIP) -> LocalPermit:
        """Make a call that completes."""
        async with self.acquire() as permit:
            self.log.append((name, self.now()))
            permit.sent()
            await asyncio.sleep(trip)
            permit.completed()
        return permit

    async def refused_call(
        self, retry_after: float | None = None, trip: float = TRIP
    ) -> LocalPermit:
        """Make a call that the server throttles."""
        async with self.acquire() as permit:
            permit.sent()
            await asyncio.sleep(trip)
            permit.throttled(retry_after)
        return permit

    async def come_back(self, name: str, ticket: int) -> LocalPermit:
        """Make a call with the ticket of an earlier permit."""
        async with self.acquire(ticket=ticket) as permit:
            self.log.append((name, self.now()))
            permit.sent()
            permit.completed()
        return permit

    def start(self, name: str = "", trip: float = TRIP) -> asyncio.Task[LocalPermit]:
        """Start a call."""
        return asyncio.create_task(self.call(name, trip), name=name)

    async def nothing_is_left(self) -> None:
        """Check that the throttle keeps nothing, once the last lease has returned."""
        await turns_of_the_loop(5)
        assert not live_timers(self._loop)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert (self.snapshot.waiting, self.snapshot.in_flight) == (0, 0)
        for loop in self.limiter._loops.values():
            assert not loop.bucket(self.scope.qps)._waiters
            assert (loop.admission, loop.timer) == (None, None)
            assert (loop.tickets.length, loop.unchecked) == (0, [])
            assert not loop.bounded
        await asyncio.sleep(3 / min(1.0, self.scope.qps))
        assert self.snapshot.cooling == 0
        assert self.limiter.core._leases.taken(self._loop.time()) == 0
        assert not self.limiter.core._granted
        assert not local._released


async def turns_of_the_loop(count: int) -> None:
    """Let all tasks run that can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def cancelled(task: asyncio.Task[object]) -> None:
    """Cancel a task and see it end so."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def bench_test(
    test: Callable[[Bench], Awaitable[None]],
) -> Callable[[Clock], None]:
    """Run a test on the simulated clock, with a ceiling of 10, and find no leak."""

    def on_the_clock(clock: Clock) -> None:
        async def main() -> None:
            bench = Bench()
            await test(bench)
            await bench.nothing_is_left()

        clock.run(main())

    on_the_clock.__doc__ = test.__doc__
    return on_the_clock


# Order and pace


@bench_test
async def test_first_come_is_first_served(bench: Bench) -> None:
    """Calls get their permits in the order in which they joined."""
    names = [str(number) for number in range(35)]

    await asyncio.gather(*map(bench.call, names))

    assert bench.names == names


@bench_test
async def test_half_of_the_ceiling_goes_at_once_the_rest_within_half_a_second(
    bench: Bench,
) -> None:
    """A burst is spread, but not by much."""
    await asyncio.gather(*(bench.call() for _ in range(10)))

    assert bench.moments == pytest.approx([0] * 5 + [0.1, 0.2, 0.3, 0.4, 0.5], abs=1e-3)


@bench_test
async def test_a_lease_is_used_again_a_second_after_its_response(bench: Bench) -> None:
    """The eleventh call waits for the first one's response, and a second more."""
    assert bench.acquire().waited == 0.0

    permits = await asyncio.gather(*(bench.call() for _ in range(12)))

    assert bench.moments[10:] == pytest.approx([AGAIN, AGAIN], abs=1e-3)
    assert [permit.waited for permit in permits] == pytest.approx(
        bench.moments, abs=1e-5
    )


@bench_test
async def test_a_slow_response_holds_its_lease(bench: Bench) -> None:
    """Until its response, the server may not have counted the call yet."""
    slow = [bench.start(trip=0.9) for _ in range(10)]
    await turns_of_the_loop(3)
    waiting = bench.start()
    await asyncio.gather(*slow, waiting)

    assert bench.moments[10] == pytest.approx(1.91, abs=1e-3)


@bench_test
async def test_a_very_slow_response_holds_its_lease(bench: Bench) -> None:
    """However slow: without evidence, the request may be counted at any time."""
    slow = [bench.start(trip=5.0) for _ in range(10)]
    await turns_of_the_loop(3)
    waiting = bench.start()
    await asyncio.gather(*slow, waiting)

    assert bench.moments[10] == pytest.approx(6.01, abs=1e-3)


@bench_test
async def test_a_response_on_the_route_is_evidence_for_slower_calls(
    bench: Bench,
) -> None:
    """It counts from its time, and as long again as the slower call had waited."""
    route = Route()

    async def call(trip: float) -> None:
        async with bench.acquire(route=route) as permit:
            permit.sent()
            await asyncio.sleep(trip)
            permit.completed()

    slow = [asyncio.create_task(call(9.0)) for _ in range(9)]
    await asyncio.sleep(0.5)
    await call(0.1)  # the tenth, at 0.5
    waiting = [bench.start() for _ in range(2)]
    await asyncio.gather(*slow, *waiting)

    assert bench.moments == pytest.approx([1.61, 2.72], abs=1e-2)


@pytest.mark.parametrize(
    ("acknowledged", "moment"), [(0.2, 2.01), (3.0, 5.01), (None, 62.01)]
)
def test_an_acknowledgement_is_evidence(
    clock: Clock, acknowledged: float | None, moment: float
) -> None:
    """In time, late or never: then the lease ends with its last moment."""

    async def main() -> None:
        bench = Bench(qps=1)
        began = clock.now

        def acknowledged_at() -> float | None:
            if acknowledged is None or bench.now() < acknowledged:
                return None
            return began + acknowledged

        async with bench.acquire() as permit:
            assert permit.sent(acknowledged_at)
            assert permit.sent()  # this changes nothing
            await bench.start()
        assert bench.moments == pytest.approx([moment], abs=1e-2)
        await bench.nothing_is_left()

    clock.run(main())


@bench_test
async def test_the_time_of_a_response_is_that_of_its_headers(bench: Bench) -> None:
    """The task may run later; the lease counts from their arrival."""
    loop = asyncio.get_running_loop()
    permits = [bench.acquire() for _ in range(10)]
    for permit in permits:
        await permit.__aenter__()
        permit.sent()
    waiting = bench.start()
    arrived = loop.time() + 0.1
    await asyncio.sleep(0.9)
    for permit in permits:
        permit.completed(arrived)
        await permit.__aexit__(None, None, None)
    await waiting

    assert bench.moments == pytest.approx([0.5 + AGAIN], abs=1e-3)


@pytest.mark.parametrize(
    ("counted", "moment"), [(True, 0.1 + 1.01), (False, 2.11), (None, 2.11)]
)
def test_a_response_that_proves_nothing_keeps_the_lease(
    *, clock: Clock, counted: bool | None, moment: float
) -> None:
    """As long as that of a lost call: `None` is a gateway's 504, no refusal."""

    async def main() -> None:
        bench = Bench(qps=1)
        async with bench.acquire() as permit:
            permit.sent()
            waiting = bench.start()
            await asyncio.sleep(0.1)
            if counted is not None:
                permit.throttled(0.05, counted=counted)
        await waiting
        assert bench.moments == pytest.approx([moment], abs=1e-3)
        await bench.nothing_is_left()

    clock.run(main())


@pytest.mark.parametrize(("counted", "moment"), [(True, 1.01), (False, 2.01)])
def test_a_refusal_implies_a_send(
    *, clock: Clock, counted: bool, moment: float
) -> None:
    """Even if the send was not reported."""

    async def main() -> None:
        bench = Bench(qps=1)
        async with bench.acquire() as permit:
            permit.throttled(None, counted=counted)
        await bench.call()
        assert bench.moments == pytest.approx([moment], abs=1e-3)
        await bench.nothing_is_left()

    clock.run(main())


@pytest.mark.parametrize("counted", [True, False])
def test_a_refusal_slows_down_and_pauses_whatever_it_proves(
    *, clock: Clock, counted: bool
) -> None:
    """It proves that too much arrives somewhere on the way."""

    async def main() -> None:
        bench = Bench()
        async with bench.acquire() as permit:
            permit.sent()
            permit.throttled(3.0, counted=counted)
        assert bench.snapshot.limit == pytest.approx(7.0)
        await bench.call()
        assert bench.moments == pytest.approx([3.0], abs=1e-3)
        await bench.nothing_is_left()

    clock.run(main())


@bench_test
async def test_a_limit_that_is_not_read_grows_back(bench: Bench) -> None:
    """Refused twice within a second: after an hour of silence all leases are there."""
    await bench.refused_call(trip=0.1)
    await bench.refused_call(trip=0.1)

    await asyncio.sleep(3600)

    assert bench.snapshot.limit == 10.0


@bench_test
async def test_a_permit_expires_a_time_out_after_its_grant(bench: Bench) -> None:
    """Its lease is granted again, so the request must not be sent."""
    for wait, alive in ((9.9, True), (10.0, False)):
        async with bench.acquire(timeout=10.0) as permit:
            await asyncio.sleep(wait)
            assert permit.sent() is alive
            assert permit.sent() is alive
            permit.completed()

    assert bench.snapshot.cooling == 0
    await bench.call()


@bench_test
async def test_an_expired_permit_makes_room_without_a_report(bench: Bench) -> None:
    """The waiting call is granted the lease at that moment."""
    permits = [bench.acquire(timeout=5.0) for _ in range(10)]
    for permit in permits:
        await permit.__aenter__()
    await bench.start()

    assert bench.moments == pytest.approx([5.0], abs=1e-3)
    assert not permits[0].sent()
    for permit in permits:
        await permit.__aexit__(None, None, None)


@pytest.mark.parametrize(
    ("trip", "moment"), [(0.1, 0.5 + 0.1 + 1.01), (9.0, 0.5 + 9.0 + 1.01)]
)
def test_a_send_and_a_response_reset_the_timer(
    clock: Clock, trip: float, moment: float
) -> None:
    """A waiting call goes as early as possible, also if that was not foreseen."""

    async def main() -> None:
        bench = Bench(qps=1)
        async with bench.acquire() as permit:
            waiting = bench.start()
            await asyncio.sleep(0.5)
            permit.sent()
            await asyncio.sleep(trip)
            permit.completed()
        await waiting
        assert bench.moments == pytest.approx([moment], abs=1e-3)
        await bench.nothing_is_left()

    clock.run(main())


@bench_test
async def test_a_returning_call_goes_before_all_others(bench: Bench) -> None:
    """The lowest ticket first, and a new lease for each."""
    permits = [await bench.refused_call(trip=0.0) for _ in range(10)]
    newcomers = [bench.start(f"new {number}") for number in range(2)]
    await turns_of_the_loop(3)
    returned = [
        asyncio.create_task(bench.come_back(name, permit.ticket))
        for name, permit in zip(
            "cab", [permits[7], permits[1], permits[4]], strict=True
        )
    ]
    await asyncio.gather(*newcomers, *returned)

    assert bench.names == ["a", "b", "c", "new 0", "new 1"]


@bench_test
async def test_a_call_with_a_lease_is_not_overtaken(bench: Bench) -> None:
    """A call in the bucket stays ahead of one that comes back meanwhile."""
    first = await bench.refused_call(trip=0.0)
    calls = [bench.start(str(number)) for number in range(5)]
    await turns_of_the_loop(3)
    back = asyncio.create_task(bench.come_back("back", first.ticket))
    await asyncio.gather(back, *calls)

    assert bench.names == ["0", "1", "2", "3", "4", "back"]


@bench_test
async def test_there_are_never_more_than_two_timers(bench: Bench) -> None:
    """However many wait: only the head of the queue has a timer."""
    most = 0

    async def call() -> None:
        async with bench.acquire() as permit:
            permit.sent()
            permit.completed()

    loop = asyncio.get_running_loop()
    calls = asyncio.gather(*(call() for _ in range(300)))
    while not calls.done():
        await asyncio.sleep(0.01)  # this one's timer has fired when it goes on
        most = max(most, len(live_timers(loop)))
    await calls

    assert 1 <= most <= 2


# Ceilings that are not whole, or below one


@pytest.mark.parametrize(
    ("qps", "moments"),
    [
        (1.0, [0, 1.01, 2.02]),
        (2.5, [0, 0.3, 1.01, 1.31, 2.02]),
        (0.5, [0, 2.01, 4.02]),
        (0.01, [0, 100.01]),
        (3, [0, 1 / 6, 0.5, 1.01]),
    ],
)
def test_any_ceiling_above_zero_works(
    clock: Clock, qps: float, moments: list[float]
) -> None:
    """Whole leases of one second; below one per second, a single longer one."""

    async def main() -> None:
        bench = Bench(qps)
        await asyncio.gather(*(bench.call(trip=0.0) for _ in moments))
        assert bench.moments == pytest.approx(moments, abs=1e-3)
        await bench.nothing_is_left()

    clock.run(main())


# Giving up


@bench_test
async def test_cancelled_while_waiting_leaves_no_trace(bench: Bench) -> None:
    """The next in line moves up, in the same place and at the same time."""
    calls = [bench.start(str(number)) for number in range(13)]
    await asyncio.sleep(0.6)
    assert bench.snapshot.waiting == 3

    await cancelled(calls.pop(10))
    assert bench.snapshot.waiting == 2
    await asyncio.gather(*calls)

    assert bench.names[10:] == ["11", "12"]
    assert bench.moments[10] == pytest.approx(AGAIN, abs=1e-3)


@bench_test
async def test_the_last_to_wait_takes_the_timer_along(bench: Bench) -> None:
    """No call waits, so nothing is scheduled."""
    await asyncio.gather(*(bench.call() for _ in range(10)))
    waiting = bench.start()
    await turns_of_the_loop(2)
    loop = asyncio.get_running_loop()
    assert len(live_timers(loop)) == 1

    await cancelled(waiting)

    assert not live_timers(loop)


@bench_test
async def test_cancelled_on_waking_up_passes_the_permit_on(bench: Bench) -> None:
    """A call cancelled between its wake-up and its next step costs no lease."""
    calls = [bench.start() for _ in range(10)]
    await asyncio.sleep(0.6)

    async def doomed() -> None:
        task = asyncio.current_task()
        assert task is not None
        async with Watched(bench.acquire(), lambda _: task.cancel()):
            pytest.fail("it was cancelled before")

    victim = asyncio.create_task(doomed())
    await turns_of_the_loop(2)
    after = bench.start("after")
    await asyncio.wait([victim, after])
    await asyncio.gather(*calls)

    assert victim.cancelled()
    assert bench.names[10] == "after"
    assert bench.moments[10] == pytest.approx(AGAIN, abs=1e-3)


@bench_test
async def test_cancelled_just_before_its_permit_passes_it_on(bench: Bench) -> None:
    """A call that is served after its cancel, in the same tick, returns the lease."""
    calls = [bench.start() for _ in range(5)]
    await turns_of_the_loop(2)
    in_the_bucket, next_in_line = bench.start("bucket"), bench.start("victim")
    after = bench.start("after")
    await turns_of_the_loop(2)
    heap = bench.loop.bucket(10.0)._waiters
    heap[0][-1].add_done_callback(lambda _: next_in_line.cancel())
    await asyncio.gather(*calls, in_the_bucket, after)

    assert next_in_line.cancelled()
    assert bench.names[5:] == ["bucket", "after"]
    assert bench.moments[5:] == pytest.approx([0.1, 0.2], abs=1e-3)


@bench_test
async def test_cancelled_in_the_bucket_gives_the_lease_back(bench: Bench) -> None:
    """The lease, the place in the bucket and its timer are free at once."""
    calls = [bench.start() for _ in range(5)]
    await turns_of_the_loop(2)
    sixth, seventh = bench.start("6"), bench.start("7")
    await turns_of_the_loop(2)
    assert bench.snapshot.in_flight == 6

    await cancelled(sixth)
    assert bench.snapshot.in_flight == 6  # the seventh is there now
    await asyncio.gather(*calls, seventh)

    assert bench.names[5:] == ["7"]
    assert bench.moments[5] == pytest.approx(0.1, abs=1e-3)


@bench_test
async def test_cancelled_with_an_unused_permit_frees_the_lease(
    bench: Bench,
) -> None:
    """Nothing has left, so the lease is free at once."""

    async def hesitate() -> None:
        async with bench.acquire():
            await asyncio.sleep(10)

    task = asyncio.create_task(hesitate())
    await turns_of_the_loop(2)
    assert bench.snapshot.in_flight == 1

    await cancelled(task)

    assert (bench.snapshot.in_flight, bench.snapshot.cooling) == (0, 0)


@bench_test
async def test_an_unused_permit_is_given_back_at_once(bench: Bench) -> None:
    """Without a connection, only the bucket sets the pace."""
    for _ in range(30):
        async with bench.acquire():
            pass

    assert bench.now() == pytest.approx(2.5, abs=1e-2)
    assert (bench.snapshot.in_flight, bench.snapshot.cooling) == (0, 0)


@bench_test
async def test_cancelled_after_the_send_keeps_the_lease(bench: Bench) -> None:
    """The request is in flight and cannot be recalled."""
    calls = [bench.start(trip=9.0) for _ in range(10)]
    await asyncio.sleep(0.6)
    for task in calls:
        await cancelled(task)

    assert (bench.snapshot.in_flight, bench.snapshot.cooling) == (0, 10)
    await bench.call()
    assert bench.moments[10] == pytest.approx(0.6 + 2.01, abs=1e-3)


@bench_test
async def test_an_error_after_the_send_keeps_the_lease(bench: Bench) -> None:
    """A broken connection proves nothing about the request."""

    async def break_off() -> None:
        async with bench.acquire() as permit:
            permit.sent()
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await break_off()
    assert (bench.snapshot.in_flight, bench.snapshot.cooling) == (0, 1)


@bench_test
async def test_mass_cancels_cost_the_same_for_each_caller(bench: Bench) -> None:
    """Youngest first, as a closing task group does, no cancel looks at the others."""

    async def cost(count: int) -> float:
        waiting = [bench.start() for _ in range(count)]
        await turns_of_the_loop(3)
        for task in reversed(waiting):
            task.cancel()
        steps = 0

        def profile(_: FrameType, event: str, __: object) -> None:
            nonlocal steps
            steps += event.endswith("call")

        sys.setprofile(profile)
        await asyncio.wait(waiting)
        sys.setprofile(None)
        return steps / count

    await asyncio.gather(*(bench.call() for _ in range(10)))
    few, many = await cost(100), await cost(2000)

    assert many <= 1.1 * few


# Reports to a permit


@bench_test
async def test_duplicate_reports_count_once(bench: Bench) -> None:
    """One send, one response, one lease."""
    async with bench.acquire() as permit:
        permit.sent()
        await asyncio.sleep(0.5)
        permit.sent()
        permit.completed()
        await asyncio.sleep(0.5)
        permit.completed()

    assert bench.snapshot.cooling == 1
    await asyncio.sleep(0.52)
    assert bench.snapshot.cooling == 0


@bench_test
async def test_a_response_implies_a_send(bench: Bench) -> None:
    """Even where the send was not reported."""
    async with bench.acquire() as permit:
        permit.completed()

    assert (bench.snapshot.in_flight, bench.snapshot.cooling) == (0, 1)


@bench_test
async def test_a_permit_cannot_be_used_after_its_context(bench: Bench) -> None:
    """Its lease was returned, so the request must not be sent."""
    async with bench.acquire() as permit:
        pass

    assert not permit.sent()
    permit.completed()
    assert (bench.snapshot.in_flight, bench.snapshot.cooling) == (0, 0)


@bench_test
async def test_a_snapshot_shows_the_current_state(bench: Bench) -> None:
    """Waiting, in flight and cooling are counted separately."""
    await asyncio.gather(*(bench.call(trip=0.0) for _ in range(4)))
    calls = [bench.start() for _ in range(12)]
    await asyncio.sleep(0.55)

    assert bench.snapshot == Snapshot(
        ceiling=10.0, limit=10.0, waiting=6, in_flight=1, cooling=9, paused_for=0.0
    )
    await asyncio.gather(*calls)


# Throttled responses


@bench_test
async def test_a_refusal_shrinks_the_limit_and_time_restores_it(bench: Bench) -> None:
    """Fewer calls at a time, then step by step as many as before."""
    await bench.refused_call()
    assert bench.snapshot.limit == pytest.approx(7.0)

    await asyncio.gather(*(bench.call() for _ in range(8)))
    assert bench.moments[6] == pytest.approx(1.11, abs=2e-3)

    await asyncio.sleep(10)
    assert bench.snapshot.limit == 10.0


@bench_test
async def test_growth_alone_wakes_the_queue(bench: Bench) -> None:
    """A call that waits for nothing but the limit goes when that grows."""
    permits = [bench.acquire() for _ in range(7)]
    await bench.refused_call(trip=0.0)
    await asyncio.sleep(1.1)
    for permit in permits:  # seven leases are held, and nothing is sent
        await permit.__aenter__()
    waiting = bench.start()
    await waiting

    assert bench.now() == pytest.approx(3.0 + TRIP, abs=1e-2)
    for permit in permits:
        await permit.__aexit__(None, None, None)


@bench_test
async def test_a_pause_holds_all_calls(bench: Bench) -> None:
    """No permit is granted before it is over, then the queue goes on."""
    await bench.refused_call(retry_after=3.0)
    assert bench.snapshot.paused_for == pytest.approx(3.0)

    await asyncio.gather(*(bench.call() for _ in range(5)))

    assert bench.moments == pytest.approx([3.1] * 5, abs=1e-3)
    assert bench.snapshot.paused_for == 0.0


@bench_test
async def test_a_pause_only_ever_moves_forward(bench: Bench) -> None:
    """A shorter one, or none, that comes later does not end it sooner."""
    permits = [bench.acquire() for _ in range(4)]
    for permit in permits:
        await permit.__aenter__()
    waiting = bench.start()

    for permit, pause in zip(permits, [2.0, 0.5, None, math.nan], strict=True):
        permit.throttled(pause)
        assert bench.snapshot.paused_for == pytest.approx(2.0)

    await waiting
    assert bench.moments == pytest.approx([2.0], abs=1e-3)


@pytest.mark.parametrize("asked", [60.0, 61.0, 1e9, math.inf])
def test_a_pause_is_at_most_a_minute(clock: Clock, asked: float) -> None:
    """The pause may have any length."""

    async def main() -> None:
        bench = Bench()
        await bench.refused_call(retry_after=asked, trip=0.0)
        await bench.call()
        assert bench.moments == pytest.approx([60.0], abs=1e-3)

    clock.run(main())


@bench_test
async def test_a_call_in_the_bucket_waits_the_pause_out(bench: Bench) -> None:
    """A lease and a place in the bucket do not allow a send during a pause."""
    async with bench.acquire() as permit:
        calls = [bench.start() for _ in range(5)]
        await asyncio.sleep(0.05)  # four are through, the fifth is in the bucket
        permit.throttled(1.0)
        await asyncio.sleep(0.8)  # it has left the bucket, and returned to the queue
        assert len(bench.log) == 4
        permit.throttled(1.0)  # and the pause moves on

    await asyncio.gather(*calls)

    assert bench.moments[4] == pytest.approx(1.85, abs=1e-3)


@bench_test
async def test_cancelled_in_a_pause_gives_the_lease_back(bench: Bench) -> None:
    """The call has returned from the bucket to the queue, and leaves that."""
    async with bench.acquire() as permit:
        calls = [bench.start(str(number)) for number in range(6)]
        await asyncio.sleep(0.05)
        permit.throttled(1.0)
    await asyncio.sleep(0.5)

    await cancelled(calls.pop(4))
    await asyncio.gather(*calls)

    assert bench.names[4:] == ["5"]
    assert bench.moments[4] == pytest.approx(1.05, abs=1e-3)


# Deadlines


@bench_test
async def test_a_hopeless_place_is_refused_at_once(bench: Bench) -> None:
    """It has the places ahead and the expected wait, and leaves no trace."""
    calls = [bench.start() for _ in range(25)]
    await asyncio.sleep(0.55)
    before = bench.snapshot

    with pytest.raises(DeadlineExceeded, match="15 calls ahead") as caught:
        await bench.acquire(deadline=1.0).__aenter__()

    assert bench.snapshot == before
    assert caught.value.phase == "queued"
    assert caught.value.outcome == "not_sent"
    assert caught.value.places_ahead == 15
    # The sixth lease returns at 1.21; one window later it is this call's.
    assert caught.value.expected_wait == pytest.approx(1.21 + 1.01 - 0.55, abs=1e-2)
    await asyncio.gather(*calls)


@bench_test
async def test_a_place_in_time_is_kept(bench: Bench) -> None:
    """The permit comes when it was expected."""
    calls = [bench.start() for _ in range(25)]
    await asyncio.sleep(0.55)

    async with bench.acquire(deadline=2.0) as permit:
        assert permit.waited <= 2.0
    await asyncio.gather(*calls)


@bench_test
async def test_a_call_in_flight_is_expected_to_complete_now(bench: Bench) -> None:
    """The best case, since the true time is unknown."""
    calls = [bench.start(trip=0.9) for _ in range(10)]
    await asyncio.sleep(0.55)

    with pytest.raises(DeadlineExceeded) as caught:
        await bench.acquire(deadline=1.0).__aenter__()
    assert caught.value.expected_wait == pytest.approx(1.01)

    for task in calls:
        await cancelled(task)
    with pytest.raises(DeadlineExceeded) as caught:  # now it is certain
        await bench.acquire(deadline=1.0).__aenter__()
    assert caught.value.expected_wait == pytest.approx(2.01, abs=1e-2)


@bench_test
async def test_a_deadline_that_has_passed_is_refused(bench: Bench) -> None:
    """Even where a lease is free."""
    with pytest.raises(DeadlineExceeded) as caught:
        await bench.acquire(deadline=-0.1).__aenter__()

    assert caught.value.places_ahead == 0
    assert caught.value.expected_wait == 0.0
    async with bench.acquire(deadline=0.0):
        pass


@bench_test
async def test_a_shrunken_limit_counts_only_what_it_will_hand_out(
    bench: Bench,
) -> None:
    """The first leases to return are more than the limit, and are not expected."""
    for _ in range(9):
        await bench.call(trip=0.05)
    await bench.refused_call(trip=0.05)

    with pytest.raises(DeadlineExceeded) as caught:
        await bench.acquire(deadline=0.1).__aenter__()

    # Ten leases are taken, and seven may be: the fourth to return is the first of use.
    fourth = bench.moments[3] + 0.05 + 1.01
    assert caught.value.expected_wait == pytest.approx(fourth - bench.now(), abs=1e-3)


@bench_test
async def test_a_returning_call_counts_only_returned_calls_ahead(bench: Bench) -> None:
    """A returned call is near the head of the queue, however long that is."""
    first = await bench.refused_call()
    calls = [bench.start() for _ in range(60)]
    await asyncio.sleep(0.6)

    with pytest.raises(DeadlineExceeded, match=r"^0 calls ahead"):
        await bench.acquire(ticket=first.ticket, deadline=0.1).__aenter__()
    async with bench.acquire(ticket=first.ticket, deadline=1.0):
        pass
    await asyncio.gather(*calls)


@bench_test
async def test_a_pause_dismisses_calls_that_it_makes_too_late(bench: Bench) -> None:
    """Only those whose deadline lies before its end; the others move up."""

    async def wait(name: str, deadline: float | None) -> LocalPermit:
        async with bench.acquire(deadline=deadline) as permit:
            bench.log.append((name, bench.now()))
        return permit

    calls = [bench.start() for _ in range(9)]
    async with bench.acquire() as permit:
        await asyncio.sleep(0.6)
        hasty = asyncio.create_task(wait("hasty", 4.0))
        patient = asyncio.create_task(wait("patient", 9.0))
        endless = asyncio.create_task(wait("endless", None))
        await turns_of_the_loop(2)
        permit.throttled(5.0)
        assert bench.snapshot.waiting == 2

    with pytest.raises(DeadlineExceeded, match=r"^0 calls ahead, 5\.0 s expected"):
        await hasty
    assert bench.now() == pytest.approx(0.6, abs=1e-3)
    await asyncio.gather(*calls, patient, endless)
    assert bench.names[9:] == ["patient", "endless"]
    assert bench.moments[9] == pytest.approx(5.6, abs=1e-2)


@bench_test
async def test_a_pause_dismisses_no_call_that_may_still_be_in_time(
    bench: Bench,
) -> None:
    """Places are not counted again: a caller's own time-out ends its wait."""
    calls = [bench.start() for _ in range(9)]
    async with bench.acquire() as permit:
        await asyncio.sleep(0.6)

        async def wait() -> None:
            async with asyncio.timeout(2.1), bench.acquire(deadline=2.1) as waiting:
                waiting.sent()
                waiting.completed()

        queue = [asyncio.create_task(wait()) for _ in range(20)]
        await turns_of_the_loop(2)
        assert bench.snapshot.waiting == 20
        permit.throttled(0.1)
        await turns_of_the_loop(2)
        assert bench.snapshot.waiting == 20

    results = await asyncio.gather(*queue, return_exceptions=True)
    assert [type(result) for result in results[-6:]] == [TimeoutError] * 6
    assert results[:14] == [None] * 14
    await asyncio.gather(*calls)


@bench_test
async def test_a_call_in_the_bucket_is_dismissed_by_a_pause_that_is_too_long(
    bench: Bench,
) -> None:
    """It leaves the bucket, and fails at once."""
    async with bench.acquire() as permit:
        calls = [bench.start() for _ in range(4)]
        await turns_of_the_loop(2)

        async def wait() -> None:
            async with bench.acquire(deadline=2.0):
                pytest.fail("it cannot be in time")

        hasty = asyncio.create_task(wait())
        await turns_of_the_loop(2)
        assert bench.loop.admission is not None
        permit.throttled(5.0)

    with pytest.raises(DeadlineExceeded):
        await hasty
    assert bench.now() == pytest.approx(0.1, abs=1e-2)
    await asyncio.gather(*calls)


@bench_test
async def test_a_pause_in_a_long_queue_blocks_no_iteration(bench: Bench) -> None:
    """Its calls are compared in slices, one per iteration of the loop."""
    await asyncio.gather(*(bench.call() for _ in range(9)))

    async def wait() -> None:
        async with bench.acquire(deadline=1000.0):
            pytest.fail("it cannot be in time")

    async with bench.acquire() as permit:
        queue = [asyncio.create_task(wait()) for _ in range(4 * SLICE)]
        await turns_of_the_loop(2)
        for lease in bench.loop.bounded:
            lease.deadline = asyncio.get_running_loop().time() + 1.0
        permit.throttled(60.0)
        ended = [4 * SLICE - bench.snapshot.waiting]
        while bench.snapshot.waiting:
            await asyncio.sleep(0)
            ended.append(4 * SLICE - bench.snapshot.waiting)

    steps = [b - a for a, b in pairwise([0, *ended])]
    assert max(steps) == SLICE
    results = await asyncio.gather(*queue, return_exceptions=True)
    assert {type(result) for result in results} == {DeadlineExceeded}
    assert bench.now() < 2.0


@bench_test
async def test_a_call_refused_while_it_is_cancelled_is_cancelled(bench: Bench) -> None:
    """Both happen in one tick: the cancel came first."""
    calls = [bench.start() for _ in range(9)]
    async with bench.acquire() as permit:
        await asyncio.sleep(0.6)

        async def wait() -> None:
            async with bench.acquire(deadline=4.0):
                pytest.fail("it was cancelled before")

        hasty = asyncio.create_task(wait())
        await turns_of_the_loop(2)
        hasty.cancel()
        permit.throttled(5.0)
        with pytest.raises(asyncio.CancelledError):
            await hasty
    await asyncio.gather(*calls)


# The arguments


def scope(
    account: str = "a", region: str = "r", action: str = "Act", qps: float = 10.0
) -> Scope:
    """Return a scope."""
    return Scope(account=account, region=region, action=action, qps=qps)


async def call(throttle: Throttle, where: Scope, trip: float = 0.0) -> None:
    """Make a call that completes, at once by default."""
    async with throttle.acquire(where) as permit:
        permit.sent()
        if trip:
            await asyncio.sleep(trip)
        permit.completed()


async def calls(throttle: Throttle, where: Scope, count: int) -> float:
    """Make calls, and return how long they took together."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(call(throttle, where) for _ in range(count)))
    return loop.time() - began


@pytest.mark.parametrize(
    "qps",
    [0, 0.0, -1, -0.1, math.nan, math.inf, -math.inf, 10**400, "10", None, True],
)
def test_a_bad_ceiling_is_refused(qps: Any) -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match=r"^qps: must be") as caught:
        scope(qps=qps)

    assert caught.value.field == "qps"


@pytest.mark.parametrize("name", ["max_transit", "margin"])
@pytest.mark.parametrize(
    "value", [-0.1, 86401, 1e300, 10**400, math.nan, math.inf, "1", None, True]
)
def test_a_bad_number_of_seconds_is_refused(name: str, value: Any) -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match=f"^{name}: must be") as caught:
        LocalThrottle(**{name: value})

    assert caught.value.field == name


@pytest.mark.parametrize(
    "timeout", [0, 0.0, -1.0, 10**400, math.nan, math.inf, "1", None, True]
)
def test_a_bad_time_out_is_refused(timeout: Any) -> None:
    """The error names the argument; there is no permit that never expires."""
    with pytest.raises(ConfigurationError, match=r"^timeout: must be") as caught:
        LocalThrottle().acquire(scope(), timeout=timeout)

    assert caught.value.field == "timeout"


def test_a_clock_that_cannot_be_called_is_refused() -> None:
    """The error names the argument."""
    clock: Any = 12.0
    with pytest.raises(ConfigurationError, match=r"^clock: must be") as caught:
        LocalThrottle(clock=clock)

    assert caught.value.field == "clock"


def test_no_seconds_at_all_are_accepted(clock: Clock) -> None:
    """Both may be 0 on a network without transit time."""
    throttle = LocalThrottle(max_transit=0, margin=0)

    assert clock.run(calls(throttle, scope(), 11)) == pytest.approx(1.0, abs=1e-3)


def test_the_margin_is_at_least_the_resolution_of_the_clock(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise two arrivals on a coarse clock might be closer than they look."""
    monkeypatch.setattr(local, "RESOLUTION", 0.25)
    throttle = LocalThrottle(margin=0.1)

    assert clock.run(calls(throttle, scope(), 11)) == pytest.approx(1.25, abs=1e-3)


def test_its_repr_shows_its_settings() -> None:
    """As it was made."""
    assert (
        repr(LocalThrottle(max_transit=2.0))
        == "LocalThrottle(max_transit=2.0, margin=0.01)"
    )


def test_a_process_has_one_shared_throttle() -> None:
    """Clients that are given none share it automatically."""
    assert shared_throttle() is shared_throttle()


def test_a_deadline_is_converted_from_the_time_of_the_loop(clock: Clock) -> None:
    """The loop's clock may have another base."""
    throttle = LocalThrottle(clock=lambda: clock.now - 987.0)

    async def main() -> None:
        assert await calls(throttle, scope(), 11) == pytest.approx(1.01, abs=1e-3)
        deadline = asyncio.get_running_loop().time() + 0.4
        with pytest.raises(DeadlineExceeded) as caught:
            async with throttle.acquire(scope(qps=0.5), deadline=deadline):
                pytest.fail("it cannot be in time")
        assert caught.value.expected_wait == pytest.approx(2.01, abs=1e-2)
        await asyncio.sleep(3.0)
        deadline = asyncio.get_running_loop().time() + 0.4
        async with throttle.acquire(scope(), deadline=deadline) as permit:
            assert permit.waited == pytest.approx(0.0, abs=1e-3)

    clock.run(main())


# Scopes


def test_equal_scopes_share_one_ceiling(clock: Clock) -> None:
    """Each client makes its own scope; only its values count."""

    async def main() -> None:
        throttle = LocalThrottle()
        together = await asyncio.gather(
            calls(throttle, scope(), 6), calls(throttle, scope(), 6)
        )
        assert max(together) == pytest.approx(1.01, abs=1e-2)

    clock.run(main())


@pytest.mark.parametrize(
    "other", [scope(account="b"), scope(region="s"), scope(action="Other")]
)
def test_other_scopes_share_nothing(clock: Clock, other: Scope) -> None:
    """Account, region and action each make a ceiling of their own."""

    async def main() -> None:
        throttle = LocalThrottle()
        apart = await asyncio.gather(
            calls(throttle, scope(), 10), calls(throttle, other, 10)
        )
        assert apart == pytest.approx([0.5, 0.5], abs=1e-3)
        assert set(throttle.snapshot()) == {scope(), other}

    clock.run(main())


def test_where_clients_disagree_the_lower_ceiling_wins(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever comes first; and it is logged once."""

    async def main() -> None:
        throttle = LocalThrottle()
        assert await calls(throttle, scope(qps=10.0), 1) < 0.01
        # The lower one's bucket lets two and a half through at once, then 5 a second.
        assert await calls(throttle, scope(qps=5), 4) == pytest.approx(0.3, abs=1e-3)
        assert set(throttle.snapshot()) == {scope(qps=5)}
        assert await calls(throttle, scope(qps=10.0), 5) > 1.0
        assert set(throttle.snapshot()) == {scope(qps=5)}

    with caplog.at_level(logging.WARNING, logger="cams_async"):
        clock.run(main())

    assert [record.getMessage() for record in caplog.records] == [
        "Act: clients disagree on the ceiling, 10 and 5; the lower wins"
    ]


def test_a_warning_that_fails_frees_the_lease(clock: Clock) -> None:
    """Filters and handlers of logging are the application's."""

    def fail(_: logging.LogRecord) -> bool:
        raise OSError("the disk is full")

    async def main() -> None:
        bench = Bench()
        await bench.call()
        with pytest.raises(OSError, match="full"):
            await bench.throttle.acquire(scope(qps=20)).__aenter__()
        await bench.call()
        await bench.nothing_is_left()

    logger = logging.getLogger("cams_async")
    logger.addFilter(fail)
    try:
        clock.run(main())
    finally:
        logger.removeFilter(fail)


def test_a_lower_ceiling_counts_for_what_is_under_way(clock: Clock) -> None:
    """Ten calls in a second, then one in two: the window of both is the longer one."""

    async def main() -> None:
        throttle = LocalThrottle()
        await calls(throttle, scope(qps=10.0), 10)
        waiting = asyncio.create_task(calls(throttle, scope(qps=10.0), 1))
        await asyncio.sleep(0)
        took = await calls(throttle, scope(qps=0.5), 1)
        assert await waiting == pytest.approx(2.01, abs=1e-2)
        assert took == pytest.approx(4.02, abs=1e-2)

    clock.run(main())


def test_a_lower_ceiling_is_forgotten(clock: Clock) -> None:
    """A minute after its last use, or when its clients are closed."""
    lower, higher = scope(qps=5.0), scope(qps=10.0)

    async def main() -> None:
        throttle = LocalThrottle()
        route = Route()
        async with throttle.acquire(lower, route=route):
            await call(throttle, higher)
            assert set(throttle.snapshot()) == {lower}
        route.closed = True
        assert await calls(throttle, higher, 9) == pytest.approx(0.4, abs=2e-2)
        assert set(throttle.snapshot()) == {higher}

        await call(throttle, lower)
        await asyncio.sleep(CEILING_KEPT - 1.0)
        await call(throttle, higher)
        assert set(throttle.snapshot()) == {lower}
        await asyncio.sleep(2.0)
        await call(throttle, higher)
        assert set(throttle.snapshot()) == {higher}

    clock.run(main())


def test_a_higher_ceiling_counts_from_the_call_that_finds_it(clock: Clock) -> None:
    """The calls that wait under the lower one need not wait for its next lease."""

    async def main() -> None:
        throttle, route = LocalThrottle(), Route()
        async with throttle.acquire(scope(qps=0.01), route=route) as permit:
            permit.sent()
            permit.completed()
        waiting = [asyncio.create_task(call(throttle, scope())) for _ in range(3)]
        await asyncio.sleep(2.0)
        assert not any(task.done() for task in waiting)
        route.closed = True
        await calls(throttle, scope(), 1)
        assert clock.now - began < 3.0
        await asyncio.gather(*waiting)

    began = clock.now
    clock.run(main())


def test_idle_scopes_are_dropped(clock: Clock) -> None:
    """A program that goes through many accounts keeps only those in use."""

    async def main() -> None:
        throttle = LocalThrottle()
        busy = throttle.acquire(scope(account="busy"), timeout=3600.0)
        await busy.__aenter__()
        for number in range(10 * FEW):
            await call(throttle, scope(account=str(number)))
            await asyncio.sleep(0.1)
            assert len(list(throttle._limiters)) <= 2 * FEW
        assert scope(account="busy") in throttle.snapshot()
        assert scope(account="0") not in throttle.snapshot()
        assert busy.sent()
        await busy.__aexit__(None, None, None)

    clock.run(main())


def test_looking_for_idle_scopes_is_cheap(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all scopes in use, sweeps become rarer as the table grows."""
    looks = 0
    is_idle = SharedLimiter.is_idle

    def counted(limiter: SharedLimiter) -> bool:
        nonlocal looks
        looks += 1
        return is_idle(limiter)

    monkeypatch.setattr(SharedLimiter, "is_idle", counted)

    async def main() -> None:
        throttle = LocalThrottle()
        for number in range(2000):
            await call(throttle, scope(account=str(number)))
        assert len(throttle.snapshot()) == 2000

    clock.run(main())
    assert FEW <= looks <= 2000


def test_a_scope_is_kept_as_long_as_its_lower_ceiling(clock: Clock) -> None:
    """A client that requests a higher one must not find it forgotten."""

    async def main() -> None:
        throttle = LocalThrottle()
        await call(throttle, scope(qps=10.0))
        await call(throttle, scope(qps=5.0))
        for after, kept in ((3.0, {5.0}), (CEILING_KEPT, set[float]())):
            await asyncio.sleep(after)
            for number in range(3 * FEW):
                await call(throttle, scope(action=f"{after} {number}"))
            snapshots = throttle.snapshot()
            assert {each.qps for each in snapshots if each.action == "Act"} == kept

    clock.run(main())


def test_scopes_with_something_to_remember_are_kept(clock: Clock) -> None:
    """In flight, cooling, paused or throttled: none of these is idle."""

    async def main() -> None:
        throttle = LocalThrottle()
        names = ["in flight", "throttled", "paused", "cooling"]
        permits = {name: throttle.acquire(scope(account=name)) for name in names}
        for permit in permits.values():
            await permit.__aenter__()
        permits["in flight"].sent()
        permits["throttled"].throttled(None)
        permits["paused"].throttled(10.0)
        await asyncio.sleep(1.5)
        permits["cooling"].completed()
        for number in range(2 * FEW):
            await call(throttle, scope(account=str(number)))
        assert {scope(account=name) for name in names} <= set(throttle.snapshot())

        await asyncio.sleep(70)  # the last moment of the one in flight is over
        for number in range(2 * FEW):
            await call(throttle, scope(account=f"later {number}"))
        assert not {scope(account=name) for name in names} & set(throttle.snapshot())

    clock.run(main())


# Event loops


def test_a_loop_after_a_closed_one_keeps_the_times(clock: Clock) -> None:
    """`asyncio.run` per call is not slower than one for all."""
    throttle = LocalThrottle()
    began = clock.now

    for _ in range(11):
        clock.run(call(throttle, scope(), trip=0.02))
    # The bucket is the new loop's own; the leases are those of the process.
    assert clock.now - began == pytest.approx(1.03 + 0.02, abs=1e-2)


def test_a_call_that_dies_with_its_loop_is_given_up(clock: Clock) -> None:
    """Its request may arrive for `max_transit` more, and counts 1 s then."""
    throttle = LocalThrottle()

    async def die() -> None:
        task = asyncio.create_task(call(throttle, scope(qps=1.0), trip=9.0))
        await asyncio.sleep(0.5)
        assert not task.done()

    clock.run(die())

    took = clock.run(calls(throttle, scope(qps=1.0), 1))
    assert took == pytest.approx(2.01, abs=1e-3)


def test_a_permit_that_sent_nothing_makes_no_loop_wait(clock: Clock) -> None:
    """Only sends count."""
    throttle = LocalThrottle()

    async def idle() -> None:
        async with throttle.acquire(scope(qps=1.0)):
            pass

    clock.run(idle())

    took = clock.run(calls(throttle, scope(qps=1.0), 1))
    assert took == pytest.approx(0.0, abs=1e-3)


class Elsewhere(VirtualLoop):
    """A loop whose time began at another moment; some loops' does."""

    def time(self) -> float:
        """Return the simulated time, less an hour."""
        return super().time() - 3600.0


@pytest.mark.parametrize("factory", [VirtualLoop, Elsewhere])
def test_pause_and_limit_outlive_a_loop(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, factory: type[VirtualLoop]
) -> None:
    """The server requested them, and it did not restart."""
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    throttle = LocalThrottle()

    async def refused() -> None:
        async with throttle.acquire(scope()) as permit:
            permit.throttled(5.0)

    async def look() -> None:
        snapshot = throttle.snapshot()[scope()]
        assert snapshot.paused_for == pytest.approx(4.0, abs=1e-3)
        assert snapshot.limit == pytest.approx(7.0)
        assert await calls(throttle, scope(), 1) == pytest.approx(4.0, abs=1e-3)
        assert throttle.snapshot()[scope()].limit == pytest.approx(9.0)

    clock.run(refused())
    clock.advance(1.0)
    with asyncio.Runner(loop_factory=lambda: factory(clock)) as runner:
        runner.run(look())


def excuse(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Keep asyncio from complaining of tasks whose loop is gone, in a later test."""
    for task in tasks:
        setattr(task, "_log_destroy_pending", False)  # noqa: B010 - it has no public name


def test_what_a_loop_left_behind_frees_no_lease_of_the_next(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tasks that died with their loop return nothing twice, however late."""
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    throttle = LocalThrottle()
    abandoned: list[asyncio.Task[None]] = []

    async def hold() -> None:
        async with throttle.acquire(scope()):
            await asyncio.sleep(100)

    async def abandon() -> None:
        abandoned.extend(asyncio.create_task(hold()) for _ in range(12))
        await asyncio.sleep(0.25)  # seven have a permit, and one is in the bucket

    async def main() -> None:
        permits = [throttle.acquire(scope()) for _ in range(10)]
        for permit in permits:
            await permit.__aenter__()
        assert throttle.snapshot()[scope()].in_flight == 10
        excuse(abandoned)
        abandoned.clear()
        gc.collect()
        assert throttle.snapshot()[scope()].in_flight == 10
        waiting = asyncio.create_task(call(throttle, scope()))
        await asyncio.sleep(5)
        assert not waiting.done()
        for permit in permits:
            await permit.__aexit__(None, None, None)
        await waiting

    loop = VirtualLoop(clock)
    loop.run_until_complete(abandon())
    loop.close()
    clock.run(main())


class Pair:
    """Two event loops of one thread that share a scope; at most one runs at a time."""

    def __init__(self, clock: Clock, qps: float = 1.0) -> None:
        self.clock = clock
        self.scope = scope(qps=qps)
        self.throttle = LocalThrottle(clock=clock.monotonic)
        self.here, self.there = VirtualLoop(clock), VirtualLoop(clock)

    @property
    def snapshot(self) -> Snapshot:
        """The state of the scope."""
        return self.throttle.snapshot()[self.scope]

    def run(self, seconds: float, loop: VirtualLoop | None = None) -> None:
        """Let a loop run for a time, `here` by default."""
        (loop or self.here).run_until_complete(asyncio.sleep(seconds))

    def start(self, loop: VirtualLoop, trip: float = 0.0) -> asyncio.Task[None]:
        """Start a call on a loop, and let it join the queue."""
        task = loop.create_task(call(self.throttle, self.scope, trip))
        loop.run_until_complete(turns_of_the_loop(3))
        return task

    def close(self) -> None:
        """Close both loops."""
        for loop in (self.here, self.there):
            loop.close()


@pytest.fixture
def pair(clock: Clock) -> Iterator[Pair]:
    """Return two loops."""
    loops = Pair(clock)
    yield loops
    loops.close()


def test_loops_share_a_scope(pair: Pair) -> None:
    """The response on one loop grants the lease to a call on the other."""
    first = pair.start(pair.here, trip=0.5)
    other = pair.start(pair.there)
    assert (pair.snapshot.in_flight, pair.snapshot.waiting) == (1, 1)

    pair.run(0.5)
    assert first.done()
    pair.run(1.0, pair.there)
    assert not other.done()
    pair.run(0.02, pair.there)
    assert other.done()


def test_a_waiting_loop_looks_by_itself(pair: Pair) -> None:
    """So that no call depends on the other loop, which may be blocked."""
    first = pair.start(pair.here, trip=0.5)
    other = pair.start(pair.there)
    pair.run(0.4, pair.there)  # its timer fires, and is set again

    pair.run(0.6)
    pair.run(0.5, pair.there)
    assert first.done()
    assert not other.done()
    pair.run(0.02, pair.there)
    assert other.done()


def test_a_loop_with_a_request_under_way_is_not_dropped(pair: Pair) -> None:
    """It stands still as the other one comes; and its response makes room."""
    permit = pair.throttle.acquire(pair.scope)
    pair.here.run_until_complete(permit.__aenter__())
    other = pair.start(pair.there)

    permit.sent()
    permit.completed()
    pair.run(1.02, pair.there)

    assert other.done()


def test_a_permit_that_ends_is_granted_to_the_other_loop(pair: Pair) -> None:
    """That loop is woken; until then it has a grant that it has not claimed."""
    permit = pair.throttle.acquire(pair.scope)
    pair.here.run_until_complete(permit.__aenter__())
    other = pair.start(pair.there)

    pair.here.run_until_complete(permit.__aexit__(None, None, None))
    assert (pair.snapshot.in_flight, pair.snapshot.waiting) == (1, 0)

    pair.run(0.001, pair.there)
    assert other.done()


def test_a_grant_to_a_busy_loop_is_passed_to_another(pair: Pair) -> None:
    """After 50 ms; the call that missed it keeps its place."""
    permit = pair.throttle.acquire(pair.scope)
    pair.here.run_until_complete(permit.__aenter__())
    missed = pair.start(pair.there)
    waiting = pair.start(pair.here)
    pair.here.run_until_complete(permit.__aexit__(None, None, None))

    pair.run(1.1)  # `there` is busy
    assert waiting.done()
    assert (pair.snapshot.cooling, pair.snapshot.waiting) == (1, 1)
    pair.run(2.0)  # the lease is free, and not for a loop that missed a grant
    assert not missed.done()
    after = pair.start(pair.here)
    assert after.done()
    assert pair.snapshot.waiting == 1

    pair.run(1.1, pair.there)
    assert missed.done()


def test_a_loop_that_missed_a_grant_looks_again_though_its_call_has_failed(
    pair: Pair,
) -> None:
    """A pause dismisses that call; the next one is served after the pause."""
    permit = pair.throttle.acquire(pair.scope)
    pair.here.run_until_complete(permit.__aenter__())
    deadline = pair.clock.now + 3.0
    hasty = pair.throttle.acquire(pair.scope, deadline=deadline)
    entering = pair.there.create_task(hasty.__aenter__())
    pair.run(0.0, pair.there)
    patient = pair.start(pair.there)
    pair.here.run_until_complete(permit.__aexit__(None, None, None))
    pair.run(1.0)  # `there` misses its grant
    other = pair.throttle.acquire(pair.scope)
    pair.here.run_until_complete(other.__aenter__())
    other.throttled(5.0)

    pair.run(5.1, pair.there)
    assert type(entering.exception()) is DeadlineExceeded
    assert patient.done()
    pair.here.run_until_complete(other.__aexit__(None, None, None))


def test_a_grant_to_a_closed_loop_is_passed_to_another(pair: Pair) -> None:
    """The first call in the queue is one that can never run."""
    permit = pair.throttle.acquire(pair.scope)
    pair.here.run_until_complete(permit.__aenter__())
    dead = pair.start(pair.there)
    waiting = pair.start(pair.here)
    pair.there.close()

    pair.here.run_until_complete(permit.__aexit__(None, None, None))
    assert (pair.snapshot.in_flight, pair.snapshot.waiting) == (1, 0)
    pair.run(1.01)  # the bucket lets one call a second through

    assert waiting.done()
    assert pair.snapshot.waiting == 0
    excuse([dead])


def test_a_closed_loop_is_dropped_when_another_comes(pair: Pair) -> None:
    """Its waiting calls count no longer, and its unused leases are free."""
    permit = pair.throttle.acquire(pair.scope)
    pair.there.run_until_complete(permit.__aenter__())
    dead = pair.start(pair.there)
    pair.there.close()

    waiting = pair.start(pair.here)

    assert waiting.done()
    assert not permit.sent()
    assert pair.snapshot.waiting == 0
    ((_, limiter),) = pair.throttle._limiters
    assert len(limiter._loops) == len(limiter.core.queues) == 1
    excuse([dead])


def test_a_loop_that_stands_still_is_dropped_if_nothing_waits_on_it(
    pair: Pair,
) -> None:
    """It may run again: it is the same scope, and a new bucket."""
    done = pair.start(pair.there)
    assert done.done()
    ((_, limiter),) = pair.throttle._limiters
    assert len(limiter._loops) == 1

    waiting = pair.start(pair.here)
    assert list(limiter._loops) == [id(pair.here)]
    again = pair.start(pair.there)
    assert len(limiter._loops) == 2  # a call waits here

    pair.run(1.1)
    pair.run(1.1, pair.there)
    assert waiting.done()
    assert again.done()


@pytest.mark.parametrize("is_waiting", [True, False])
def test_a_permit_may_be_released_on_any_thread(
    pair: Pair, *, is_waiting: bool
) -> None:
    """A finalizer runs where the garbage collector does: no loop need run there."""
    first = pair.throttle.acquire(pair.scope)
    pair.here.run_until_complete(first.__aenter__())
    waiting = pair.start(pair.here)
    doomed = pair.throttle.acquire(pair.scope)
    entering = pair.there.create_task(doomed.__aenter__())
    pair.run(0.0, pair.there)
    assert pair.snapshot.waiting == 2

    (doomed if is_waiting else first).release()

    assert pair.snapshot.waiting == 1
    entering.cancel()
    pair.run(0.01, pair.there)
    pair.here.run_until_complete(first.__aexit__(None, None, None))
    pair.run(1.01)  # the bucket lets one call a second through
    assert waiting.done()


# Releases while the lock is held


def test_a_release_from_within_the_lock_is_done_after_it(clock: Clock) -> None:
    """The garbage collector may end an abandoned call at any moment."""
    released: list[LocalPermit] = []

    def read() -> float:
        while released:
            released.pop().release()
        return clock.now

    throttle = LocalThrottle(clock=read)

    async def main() -> None:
        def state() -> tuple[int, int]:
            snapshot = throttle.snapshot()[scope()]
            return snapshot.in_flight, snapshot.waiting

        async def permit() -> LocalPermit:
            entered = throttle.acquire(scope())
            await entered.__aenter__()
            return entered

        async def too_late() -> None:
            with pytest.raises(DeadlineExceeded):
                await throttle.acquire(scope(), deadline=0.0).__aenter__()

        used = await permit()
        steps: list[Callable[[], object]] = [
            throttle.snapshot,
            used.sent,
            used.completed,
            lambda: used.throttled(None),
        ]
        for step in steps:
            abandoned = await permit()
            released.append(abandoned)
            step()
            assert not released
            assert abandoned.state == "ended"
        awaited: list[Callable[[], Awaitable[object]]] = [
            permit,
            too_late,
            throttle.aclose,
        ]
        for begin in awaited:
            abandoned = await permit()
            released.append(abandoned)
            await begin()
            assert not released
            assert abandoned.state == "ended"
        assert state()[1] == 0

    clock.run(main())


@pytest.mark.parametrize("is_paused", [True, False])
def test_a_release_as_a_permit_leaves_the_bucket(
    clock: Clock, *, is_paused: bool
) -> None:
    """Whether that one may send, or a pause returns it to the queue."""

    async def main() -> None:
        bench = Bench()
        released: list[LocalPermit] = []
        permits = [bench.acquire() for _ in range(5)]
        for permit in permits:
            await permit.__aenter__()
        core = bench.limiter.core
        advance = core.advance

        def collect(now: float) -> list[Any]:
            while released:
                released.pop().release()
            return advance(now)

        core.advance = collect  # type: ignore[method-assign]

        async def hold() -> None:
            async with bench.acquire():
                await asyncio.sleep(1.0)

        calls = [asyncio.create_task(hold()) for _ in range(2)]
        await asyncio.sleep(0.05)
        if is_paused:
            permits[0].throttled(1.0)
        released.append(permits[1])
        await asyncio.sleep(0.1)

        assert not released
        assert permits[1].state == "ended"
        await asyncio.gather(*calls)
        for permit in permits:
            await permit.__aexit__(None, None, None)
        await bench.nothing_is_left()

    clock.run(main())


def test_a_release_from_within_the_lock_as_a_wait_fails(clock: Clock) -> None:
    """A call that left the queue for the bucket is dismissed by a pause."""

    async def main() -> None:
        bench = Bench()
        permits = [bench.acquire() for _ in range(5)]
        for permit in permits:
            await permit.__aenter__()
        late = bench.acquire(deadline=0.5)
        entering = asyncio.create_task(late.__aenter__())
        await asyncio.sleep(0)
        core = bench.limiter.core
        now = bench.limiter.now()
        # As on another loop: its grant lapses, and it cannot wait for the pause.
        core.put_back(late)
        core.refused(permits[1], 1.0, now)
        assert core.advance(now) == [late]
        put_back = core.put_back

        def collect(lease: Any) -> None:
            permits[0].release()
            put_back(lease)

        core.put_back = collect  # type: ignore[method-assign]
        with pytest.raises(DeadlineExceeded):
            await entering

        assert permits[0].state == "ended"
        for permit in permits:
            await permit.__aexit__(None, None, None)
        await bench.nothing_is_left()

    clock.run(main())


def test_a_release_as_a_throttle_without_scopes_is_closed(clock: Clock) -> None:
    """The lock is of all throttles."""

    async def main() -> None:
        abandoned = LocalThrottle().acquire(scope())
        await abandoned.__aenter__()
        throttle = LocalThrottle()

        class Limiters:
            def __iter__(self) -> Iterator[tuple[object, SharedLimiter]]:
                abandoned.release()
                return iter(())

        throttle._limiters = Limiters()  # type: ignore[assignment]
        await throttle.aclose()

        assert abandoned.state == "ended"

    clock.run(main())


# Forked processes


FORK = """
import asyncio, os, sys
from cams_async.errors import DeadlineExceeded
from cams_async.models import Scope
from cams_async.throttle import LocalThrottle

scope = Scope(account="a", region="r", action="Act", qps=2.0)
throttle = LocalThrottle(max_transit=60.0)
loop = asyncio.new_event_loop()
sent, unsent, waiting = (throttle.acquire(scope) for _ in range(3))
for permit in (sent, unsent):
    loop.run_until_complete(permit.__aenter__())
sent.sent()
queued = loop.create_task(waiting.__aenter__())
loop.run_until_complete(asyncio.sleep(0))

async def call():
    deadline = asyncio.get_running_loop().time() + 30.0
    async with throttle.acquire(scope, deadline=deadline):
        pass

def state():
    now = throttle.snapshot()[scope]
    return now.waiting, now.in_flight, now.cooling

child = os.fork()
if child == 0:
    assert state() == (0, 0, 2), state()
    assert not unsent.sent()
    try:
        asyncio.run(call())
    except DeadlineExceeded:
        os._exit(7)
    os._exit(1)

assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert state() == (1, 2, 0), state()
assert unsent.sent()
queued.cancel()
loop.run_until_complete(asyncio.wait([queued]))
loop.close()
"""

RELEASE_IN_FORK = """
import asyncio, os

abandoned = []

def release():  # the first of these handlers is the last to be called
    while abandoned:
        abandoned.pop().release()

os.register_at_fork(before=release)

from cams_async.models import Scope
from cams_async.throttle import LocalThrottle

async def main():
    throttle = LocalThrottle()
    permit = throttle.acquire(Scope(account="a", region="r", action="Act", qps=2.0))
    await permit.__aenter__()
    abandoned.append(permit)
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert not abandoned
    assert permit.state == "ended"

asyncio.run(main())
"""

NO_FORK = """
import os
for name in ("fork", "register_at_fork"):
    vars(os).pop(name, None)
import asyncio
from cams_async.models import Scope
from cams_async.throttle import shared_throttle

async def call():
    scope = Scope(account="a", region="r", action="Act", qps=2.0)
    async with shared_throttle().acquire(scope) as permit:
        assert permit.sent()

asyncio.run(call())
"""


def run_script(script: str) -> None:
    """Run a script in a Python of its own, with warnings as errors."""
    done = subprocess.run(  # noqa: S603 - it is ours
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_goes_on_with_all_leases_taken() -> None:
    """Its parent may send what it was granted, and the parent loses nothing."""
    run_script(FORK)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_what_is_released_during_a_fork_is_released_after_it() -> None:
    """A fork holds the lock, for milliseconds in a large process."""
    run_script(RELEASE_IN_FORK)


def test_the_throttle_works_where_processes_cannot_fork() -> None:
    """As on Windows."""
    run_script(NO_FORK)


def test_what_was_released_before_a_fork_is_of_the_parent(clock: Clock) -> None:
    """The child drops it, and its own calls wait for all leases to return."""
    throttle = LocalThrottle(clock=clock.monotonic)

    async def hold() -> None:
        permit = throttle.acquire(scope(qps=1.0))
        await permit.__aenter__()
        local._lock.acquire(blocking=False)  # what the handler before a fork does
        permit.release()
        local._after_fork_in_child()
        snapshot = throttle.snapshot()[scope(qps=1.0)]
        assert (snapshot.in_flight, snapshot.cooling) == (0, 1)
        assert not permit.sent()
        await permit.__aexit__(None, None, None)

    clock.run(hold())

    took = clock.run(calls(throttle, scope(qps=1.0), 1))
    assert took == pytest.approx(2.01, abs=1e-3)


# The end


def test_closing_ends_every_wait(clock: Clock) -> None:
    """In the queue, in the bucket; those in flight are left alone."""

    async def main() -> None:
        throttle = LocalThrottle()
        in_flight = throttle.acquire(scope())
        await in_flight.__aenter__()
        in_flight.sent()
        through = [asyncio.create_task(call(throttle, scope())) for _ in range(4)]
        waiting = [asyncio.create_task(call(throttle, scope())) for _ in range(20)]
        await asyncio.sleep(0.05)

        await throttle.aclose()
        await throttle.aclose()

        results = await asyncio.gather(*through, *waiting, return_exceptions=True)
        assert results[:4] == [None] * 4
        assert [type(result) for result in results[4:]] == [ClientClosed] * 20
        in_flight.completed()
        await in_flight.__aexit__(None, None, None)
        snapshot = throttle.snapshot()[scope()]
        assert (snapshot.waiting, snapshot.in_flight, snapshot.cooling) == (0, 0, 5)
        await asyncio.sleep(0)
        assert not live_timers(asyncio.get_running_loop())

    clock.run(main())


def test_closing_ends_a_pause(clock: Clock) -> None:
    """A call that waits out a pause fails at once, too."""

    async def main() -> None:
        throttle = LocalThrottle()
        async with throttle.acquire(scope()) as permit:
            waiting = [asyncio.create_task(call(throttle, scope())) for _ in range(6)]
            await asyncio.sleep(0.05)
            permit.throttled(60.0)
        await asyncio.sleep(1)

        loop = asyncio.get_running_loop()
        before = loop.time()
        await throttle.aclose()
        results = await asyncio.gather(*waiting, return_exceptions=True)

        assert [type(result) for result in results[4:]] == [ClientClosed] * 2
        assert loop.time() - before < 0.001
        assert not live_timers(loop)

    clock.run(main())


def test_closing_ends_a_long_queue_in_slices(clock: Clock) -> None:
    """Other tasks run in between."""

    async def main() -> None:
        throttle = LocalThrottle()
        waiting = [
            asyncio.create_task(call(throttle, scope())) for _ in range(4 * SLICE)
        ]
        await turns_of_the_loop(2)
        lengths = [throttle.snapshot()[scope()].waiting]
        closing = asyncio.create_task(throttle.aclose())
        while not closing.done():
            await asyncio.sleep(0)
            lengths.append(throttle.snapshot()[scope()].waiting)

        assert max(a - b for a, b in pairwise(lengths)) <= 2 * SLICE
        assert len({*lengths}) > 2
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(each) for each in results[5:]} == {ClientClosed}

    clock.run(main())


def test_a_closed_throttle_grants_no_permits(clock: Clock) -> None:
    """Neither new ones nor those that were requested before."""

    async def main() -> None:
        throttle = LocalThrottle()
        requested_before = throttle.acquire(scope())
        await calls(throttle, scope(), 10)
        await throttle.aclose()
        for permit in (requested_before, throttle.acquire(scope())):
            with pytest.raises(ClientClosed):
                await permit.__aenter__()

    clock.run(main())


def test_closing_in_the_iteration_of_a_wake_up(clock: Clock) -> None:
    """A call that was just granted a lease, and has not run yet, ends, too."""

    async def main() -> None:
        throttle = LocalThrottle()
        await calls(throttle, scope(), 10)

        def close(_: int) -> None:
            ((_key, limiter),) = throttle._limiters
            limiter.close()

        async def last() -> None:
            async with Watched(throttle.acquire(scope()), close):
                pytest.fail("it was closed before")

        with pytest.raises(ClientClosed):
            await last()

    clock.run(main())


def test_closing_after_the_loop_is_gone(clock: Clock) -> None:
    """No task is left to be woken, even where tasks were left behind."""
    throttle = LocalThrottle(clock=clock.monotonic)
    loop = VirtualLoop(clock)
    waiting = [loop.create_task(call(throttle, scope())) for _ in range(15)]
    loop.run_until_complete(asyncio.sleep(0.55))
    assert throttle.snapshot()[scope()].waiting == 5
    loop.close()

    clock.run(throttle.aclose())

    assert throttle.snapshot()[scope()].waiting == 0
    excuse(waiting)


def test_closing_on_one_loop_ends_the_waits_of_another(pair: Pair) -> None:
    """They raise on their own loop, when it runs."""
    done = pair.start(pair.here)
    assert done.done()
    waiting = [pair.start(pair.there) for _ in range(3)]

    pair.here.run_until_complete(pair.throttle.aclose())
    assert pair.snapshot.waiting == 0
    assert not any(task.done() for task in waiting)

    pair.run(0.001, pair.there)
    assert [type(task.exception()) for task in waiting] == [ClientClosed] * 3
    assert not live_timers(pair.there)
