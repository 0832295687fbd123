"""The permits of one scope: their order, and cancellation."""

# pyright: reportPrivateUsage=false

import asyncio
import math
import sys
from collections.abc import Awaitable, Callable
from types import FrameType

import pytest

from cams_async.errors import DeadlineExceeded
from cams_async.models import Scope, Snapshot
from cams_async.throttle import LocalThrottle
from cams_async.throttle.lane import LocalPermit
from tests.clock import Clock
from tests.simulation.watched import Watched
from tests.simulation.world import live_timers

TRIP = 0.1
"""Seconds from a send to its response."""

AGAIN = TRIP + 1.01
"""Seconds from a send until the slot's next call."""


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
    def snapshot(self) -> Snapshot:
        """The snapshot of the scope."""
        return self.throttle.snapshot()[self.scope]

    def now(self) -> float:
        """Return the seconds since the start."""
        return self._loop.time() - self._start

    def acquire(
        self, *, ticket: int | None = None, deadline: float | None = None
    ) -> LocalPermit:
        """Wait for a permit; the deadline is in seconds from now."""
        if deadline is not None:
            deadline += self._loop.time()
        return self.throttle.acquire(self.scope, ticket=ticket, deadline=deadline)

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
        """Make a call that the server refuses."""
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
        """Check that the throttle keeps nothing, once the last slot is cool."""
        await turns_of_the_loop(5)
        assert not live_timers(self._loop)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert (self.snapshot.waiting, self.snapshot.in_flight) == (0, 0)
        for _, lane in self.throttle._lanes:
            assert not lane._bucket._waiters
        await asyncio.sleep(3 / min(1.0, self.scope.qps))
        assert self.snapshot.cooling == 0
        for _, lane in self.throttle._lanes:
            lane._slots.taken(self._loop.time())
            assert not lane._slots._left


async def turns_of_the_loop(count: int) -> None:
    """Let everybody who can run do so."""
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
async def test_a_slot_is_used_again_a_second_after_its_response(bench: Bench) -> None:
    """The eleventh call waits for the first one's response, and a second more."""
    assert bench.acquire().waited == 0.0

    permits = await asyncio.gather(*(bench.call() for _ in range(12)))

    assert bench.moments[10:] == pytest.approx([AGAIN, AGAIN], abs=1e-3)
    assert [permit.waited for permit in permits] == pytest.approx(
        bench.moments, abs=1e-5
    )


@bench_test
async def test_a_slow_response_holds_its_slot(bench: Bench) -> None:
    """Until its response, the server may not have counted the call yet."""
    slow = [bench.start(trip=0.9) for _ in range(10)]
    await turns_of_the_loop(3)
    waiting = bench.start()
    await asyncio.gather(*slow, waiting)

    assert bench.moments[10] == pytest.approx(1.91, abs=1e-3)


@bench_test
async def test_a_call_without_a_response_holds_its_slot_for_max_transit_and_a_second(
    bench: Bench,
) -> None:
    """Whether or not it fails meanwhile."""
    slow = [bench.start(trip=5.0) for _ in range(10)]
    await asyncio.gather(bench.call(), *slow)

    assert bench.moments[10] == pytest.approx(2.01, abs=1e-3)


@pytest.mark.parametrize(
    ("counted", "moment"), [(True, 0.1 + 1.01), (False, 2.01), (None, 2.01)]
)
def test_a_response_that_proves_nothing_keeps_the_slot(
    *, clock: Clock, counted: bool | None, moment: float
) -> None:
    """As long as a lost call's: `None` is a gateway's 504, which is no refusal."""

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
    """Refused twice within a second: after an hour of silence all slots are there."""
    await bench.refused_call(trip=0.1)
    await bench.refused_call(trip=0.1)

    await asyncio.sleep(3600)

    assert bench.snapshot.limit == 10.0


@bench_test
async def test_a_local_permit_never_expires(bench: Bench) -> None:
    """No other call can take its slot."""
    async with bench.acquire() as permit:
        await asyncio.sleep(3600)
        assert permit.sent()
        permit.completed()


@pytest.mark.parametrize(
    ("trip", "moment"), [(0.1, 0.5 + 0.1 + 1.01), (9.0, 0.5 + 2.01)]
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
    """The lowest ticket first, and a new slot for each."""
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
async def test_a_call_with_a_slot_is_not_overtaken(bench: Bench) -> None:
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
    """Whole slots of one second; below one per second, a single longer one."""

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
    """A call cancelled between its wake-up and its next step costs no slot."""
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
    """A call that is served after its cancel, in the same tick, hands the slot back."""
    calls = [bench.start() for _ in range(5)]
    await turns_of_the_loop(2)
    in_the_bucket, next_in_line = bench.start("bucket"), bench.start("victim")
    after = bench.start("after")
    await turns_of_the_loop(2)
    lane = next(iter(bench.throttle._lanes))[1]
    heap = lane._bucket._waiters
    heap[0][-1].add_done_callback(lambda _: next_in_line.cancel())
    await asyncio.gather(*calls, in_the_bucket, after)

    assert next_in_line.cancelled()
    assert bench.names[5:] == ["bucket", "after"]
    assert bench.moments[5:] == pytest.approx([0.1, 0.2], abs=1e-3)


@bench_test
async def test_cancelled_in_the_bucket_gives_the_slot_back(bench: Bench) -> None:
    """The slot, the place in the bucket and its timer are free at once."""
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
async def test_cancelled_with_an_unused_permit_frees_the_slot(
    bench: Bench,
) -> None:
    """Nothing has left, so the slot is free at once."""

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
async def test_cancelled_after_the_send_keeps_the_slot(bench: Bench) -> None:
    """The request is in flight and cannot be recalled."""
    calls = [bench.start(trip=9.0) for _ in range(10)]
    await asyncio.sleep(0.6)
    for task in calls:
        await cancelled(task)

    assert (bench.snapshot.in_flight, bench.snapshot.cooling) == (0, 10)
    await bench.call()
    assert bench.moments[10] == pytest.approx(2.01, abs=1e-3)


@bench_test
async def test_an_error_after_the_send_keeps_the_slot(bench: Bench) -> None:
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
async def test_words_said_twice_count_once(bench: Bench) -> None:
    """One send, one response, one slot."""
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
async def test_words_said_too_late_never_free_a_slot(bench: Bench) -> None:
    """A request that leaves after its permit takes a slot rather than none."""
    async with bench.acquire() as permit:
        pass
    permit.sent()
    assert bench.snapshot.in_flight == 1

    permit.completed()
    assert (bench.snapshot.in_flight, bench.snapshot.cooling) == (0, 1)


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


# The server's word


@bench_test
async def test_a_refusal_shrinks_the_limit_and_time_mends_it(bench: Bench) -> None:
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
    for permit in permits:  # seven slots are held, and nothing is sent
        await permit.__aenter__()
    waiting = bench.start()
    await waiting

    assert bench.now() == pytest.approx(3.0 + TRIP, abs=1e-2)
    for permit in permits:
        await permit.__aexit__(None, None, None)


@bench_test
async def test_a_pause_holds_everybody(bench: Bench) -> None:
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
    """A slot and a place in the bucket are no leave to send during a pause."""
    async with bench.acquire() as permit:
        calls = [bench.start() for _ in range(5)]
        await asyncio.sleep(0.05)  # four are through, the fifth is in the bucket
        permit.throttled(1.0)
        await asyncio.sleep(0.8)  # the bucket has let it go long ago
        assert len(bench.log) == 4
        permit.throttled(1.0)  # and the pause moves on

    await asyncio.gather(*calls)

    assert bench.moments[4] == pytest.approx(1.85, abs=1e-3)


@bench_test
async def test_cancelled_in_a_pause_gives_the_slot_back(bench: Bench) -> None:
    """After the bucket, the pause: it can be left at any time, too."""
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
    # The sixth slot returns at 1.21; one window later it is this call's.
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
    assert caught.value.expected_wait == pytest.approx(2.01 - 0.55, abs=1e-2)


@bench_test
async def test_a_deadline_that_has_passed_is_refused(bench: Bench) -> None:
    """Even where a slot is free."""
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
    """The first slots to return are more than the limit, and are not expected."""
    for _ in range(9):
        await bench.call(trip=0.05)
    await bench.refused_call(trip=0.05)

    with pytest.raises(DeadlineExceeded) as caught:
        await bench.acquire(deadline=0.1).__aenter__()

    # Ten slots are taken, and seven may be: the fourth to return is the first of use.
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
    """Waiting calls are looked at again, and the others move up."""

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
    await asyncio.gather(*calls, patient, endless)
    assert bench.names[9:] == ["patient", "endless"]
    assert bench.moments[9] == pytest.approx(5.6, abs=1e-2)


@bench_test
async def test_a_pause_counts_places_by_the_limit_of_then(bench: Bench) -> None:
    """With fewer slots than on entry, the last of a long queue may be too late."""
    calls = [bench.start() for _ in range(9)]
    async with bench.acquire() as permit:
        await asyncio.sleep(0.6)

        async def wait() -> None:
            async with bench.acquire(deadline=2.1) as waiting:
                waiting.sent()
                waiting.completed()

        line = [asyncio.create_task(wait()) for _ in range(20)]
        await turns_of_the_loop(2)
        assert bench.snapshot.waiting == 20
        permit.throttled(0.1)

    results = await asyncio.gather(*line, return_exceptions=True)
    max_transit = [type(result) is DeadlineExceeded for result in results]
    assert max_transit == [False] * 14 + [True] * 6
    await asyncio.gather(*calls)


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
