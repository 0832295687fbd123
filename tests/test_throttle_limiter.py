"""The rate limit of one scope, without an event loop: time is an argument."""

# pyright: reportPrivateUsage=false

import math
from collections.abc import Callable, Iterable

import pytest

from cams_async.errors import ClientClosed, DeadlineExceeded
from cams_async.models import Snapshot
from cams_async.throttle.base import Route
from cams_async.throttle.leases import Lease, LoopQueue
from cams_async.throttle.limiter import (
    CEILING_KEPT,
    CLAIM_WITHIN,
    SLICE,
    ScopeLimiter,
)

T0 = 100.0
"""The time at which a test begins."""

NEVER = math.inf


class Bench:
    """A limiter with some event loops; calls that got a lease are claimed at once."""

    def __init__(self, qps: float = 2.0, loops: int = 1) -> None:
        self.core = ScopeLimiter(qps, max_transit=1.0, margin=0.01)
        self.loops = [LoopQueue() for _ in range(loops)]
        self.core.queues.extend(self.loops)
        self.qps = qps

    def enter(
        self,
        loop: int = 0,
        now: float = T0,
        *,
        qps: float | None = None,
        ticket: int | None = None,
        deadline: float = NEVER,
        timeout: float = 30.0,
        route: Route | None = None,
    ) -> Lease:
        """Enter with a new call."""
        lease = Lease(ticket, deadline, timeout, route)
        self.core.enter(lease, self.loops[loop], qps or self.qps, now)
        return lease

    def through(self, lease: Lease) -> Lease:
        """Let a call claim its grant and leave the bucket."""
        self.core.claim(lease)
        self.core.passed(lease)
        return lease

    def complete(self, lease: Lease, now: float = T0) -> Lease:
        """Let a call with a lease send, and receive its response at once."""
        self.through(lease)
        assert self.core.sent(lease, now)
        self.core.completed(lease, now, now)
        return lease

    def fill(self, now: float = T0) -> list[Lease]:
        """Use all leases, for calls that complete now."""
        count = max(1, math.floor(self.qps))
        return [self.complete(self.enter(now=now), now) for _ in range(count)]

    def snapshot(self, now: float = T0) -> Snapshot:
        """Return the state."""
        return self.core.snapshot(now)


def states(leases: Iterable[Lease]) -> list[str]:
    """Return the states of leases."""
    return [lease.state for lease in leases]


# Grants


def test_a_free_lease_is_claimed_on_entry() -> None:
    """Below the ceiling, no call waits."""
    bench = Bench()
    lease = bench.enter()

    assert lease.state == "claimed"
    assert lease.ticket
    assert bench.core.waiting == 0
    assert bench.core.advance(T0) == []


def test_a_call_behind_one_in_the_bucket_waits() -> None:
    """Each loop admits one call at a time, so that none is overtaken."""
    bench = Bench()
    first, second = bench.enter(), bench.enter()
    assert states([first, second]) == ["claimed", "waiting"]
    assert bench.core.advance(T0) == []

    bench.through(first)

    assert bench.core.advance(T0) == [second]
    assert second.state == "granted"


def test_first_come_is_first_served() -> None:
    """One after the other, as leases return."""
    bench = Bench(qps=1.0)
    bench.fill()
    waiting = [bench.enter(now=T0 + 0.1) for _ in range(5)]
    served: list[Lease] = []
    now = T0
    while bench.core.waiting:
        now += 1.01
        served.extend(bench.complete(lease, now) for lease in bench.core.advance(now))

    assert served == waiting
    assert now == pytest.approx(T0 + 5 * 1.01)


def test_a_lease_is_granted_the_moment_it_returns_and_no_sooner() -> None:
    """`next_look` returns that moment."""
    bench = Bench()
    bench.fill()
    waiting = bench.enter()
    assert bench.core.next_look(T0) == pytest.approx(T0 + 1.01)

    assert bench.core.advance(T0 + 1.0099) == []
    assert bench.core.advance(T0 + 1.01) == [waiting]


def test_the_lowest_ticket_of_all_loops_is_first() -> None:
    """Whichever loop looks, and in whatever order the loops came."""
    bench = Bench(qps=3.0, loops=3)
    bench.fill()
    calls = [bench.enter(loop) for loop in (2, 0, 1)]
    bench.enter(2)

    granted = bench.core.advance(T0 + 1.01)

    assert granted == calls
    assert bench.core.waiting == 1


def test_a_returning_call_goes_first_in_whatever_loop() -> None:
    """Its ticket is the lowest."""
    bench = Bench(qps=1.0, loops=2)
    (first,) = bench.fill()
    newcomer = bench.enter(0)
    returned = bench.enter(1, ticket=first.ticket)

    assert bench.core.advance(T0 + 1.01) == [returned]
    bench.complete(returned, T0 + 1.01)
    assert bench.core.advance(T0 + 2.03) == [newcomer]


def test_a_loop_that_admits_a_call_is_passed_over() -> None:
    """Its bucket lets one call through at a time; another loop need not wait."""
    bench = Bench(qps=3.0, loops=2)
    admitted, behind = bench.enter(0), bench.enter(0)
    other = bench.enter(1)
    assert states([admitted, behind, other]) == ["claimed", "waiting", "waiting"]

    assert bench.core.advance(T0) == [other]
    assert behind.state == "waiting"


def test_a_grant_that_is_not_claimed_is_taken_back() -> None:
    """The loop is busy: another one gets the lease, and the call keeps its place."""
    bench = Bench(qps=1.0, loops=2)
    bench.fill()
    late, behind, other = bench.enter(0), bench.enter(0), bench.enter(1)
    start = T0 + 1.01
    assert bench.core.advance(start) == [late]
    assert bench.core.next_look(start) == pytest.approx(start + CLAIM_WITHIN)
    assert bench.core.advance(start + CLAIM_WITHIN - 0.001) == []

    assert bench.core.advance(start + CLAIM_WITHIN) == [other]
    assert not bench.core.claim(late)
    assert late.state == "waiting"

    # The claim itself shows that the loop runs; so it is ready, in the old order.
    now = start + 2.0
    bench.complete(other, start + CLAIM_WITHIN)
    assert bench.core.advance(now) == [late]
    bench.complete(late, now)
    assert bench.core.advance(now + 1.01) == [behind]


def test_a_loop_that_missed_a_grant_gets_none_until_it_has_run() -> None:
    """Otherwise each grant would be lost on it for 50 ms."""
    bench = Bench(qps=1.0, loops=2)
    bench.fill()
    late = bench.enter(0)
    start = T0 + 1.01
    assert bench.core.advance(start) == [late]

    for look in (0.05, 0.1, 10.0):
        assert bench.core.advance(start + look) == []
    bench.enter(0, start + 10.0)  # an entry shows that it runs, too

    assert bench.core.advance(start + 10.0) == [late]


def test_a_claimed_grant_is_not_taken_back() -> None:
    """However long the bucket takes."""
    bench = Bench(qps=1.0)
    bench.fill()
    lease = bench.enter()
    bench.core.advance(T0 + 1.01)
    assert bench.core.claim(lease)
    assert not bench.core.claim(lease)

    assert bench.core.advance(T0 + 20.0) == []
    assert bench.core.sent(lease, T0 + 20.0)


def test_a_lease_that_is_put_back_keeps_its_place() -> None:
    """A call that leaves the bucket during a pause returns to the queue."""
    bench = Bench(qps=1.0)
    first, second = bench.enter(), bench.enter()

    bench.core.put_back(first)

    assert (first.state, bench.core.waiting) == ("waiting", 2)
    assert bench.core.advance(T0) == [first]
    bench.complete(first)
    assert bench.core.advance(T0 + 1.01) == [second]


@pytest.mark.parametrize("state", ["new", "waiting", "sent", "completed", "ended"])
def test_only_an_unused_lease_is_put_back(state: str) -> None:
    """In another state, the call has no lease to return."""
    bench = Bench()
    lease = Lease()
    if state != "new":
        lease = bench.enter()
    if state == "waiting":
        lease = bench.enter()
    if state in ("sent", "completed"):
        bench.core.sent(lease, T0)
    if state == "completed":
        bench.core.completed(lease, T0, T0)
    if state == "ended":
        bench.core.released(lease, T0)
    before = bench.snapshot()
    assert lease.state == state

    bench.core.put_back(lease)

    assert (lease.state, bench.snapshot()) == (state, before)


# Reports


def test_a_send_is_marked_once() -> None:
    """The second report changes nothing, and is true: the request was sent."""
    bench = Bench()
    lease = bench.enter()

    assert bench.core.sent(lease, T0 + 1.0)
    assert bench.core.sent(lease, T0 + 2.0)
    assert lease.at == T0 + 1.0
    bench.core.completed(lease, T0 + 2.0, T0 + 2.0)
    assert bench.core.sent(lease, T0 + 2.0)


@pytest.mark.parametrize("is_looked_at", [True, False])
def test_a_permit_expires_a_time_out_after_its_grant(*, is_looked_at: bool) -> None:
    """Its lease belongs to another call by then."""
    bench = Bench(qps=1.0)
    lease = bench.through(bench.enter(timeout=5.0))
    if is_looked_at:
        bench.enter(now=T0 + 5.0)
        bench.core.advance(T0 + 5.0)

    assert not bench.core.sent(lease, T0 + 5.0)
    assert lease.state == "ended"
    bench.core.completed(lease, T0 + 5.1, T0 + 5.1)
    bench.core.released(lease, T0 + 5.1)
    assert bench.snapshot(T0 + 5.1).in_flight == is_looked_at


def test_the_time_out_counts_from_the_last_grant() -> None:
    """Time in the queue does not count."""
    bench = Bench(qps=1.0)
    bench.fill()
    lease = bench.enter(timeout=0.5)
    assert bench.core.advance(T0 + 50.0) == [lease]
    bench.through(lease)

    assert bench.core.sent(lease, T0 + 50.49)


def test_a_response_implies_a_send() -> None:
    """Even if the send was not reported."""
    bench = Bench()
    completed, refused = bench.through(bench.enter()), bench.through(bench.enter())

    bench.core.completed(completed, T0 + 0.5, T0 + 0.5)
    bench.core.refused(refused, None, T0 + 0.5)

    assert states([completed, refused]) == ["completed", "sent"]
    assert refused.at == T0 + 0.5


@pytest.mark.parametrize(
    ("at", "counts_from"), [(0.3, 0.3), (-5.0, 0.2), (9.9, 0.4), (0.4, 0.4)]
)
def test_the_time_of_a_response_lies_between_its_send_and_now(
    at: float, counts_from: float
) -> None:
    """Whatever the transport reports."""
    bench = Bench(qps=1.0)
    lease = bench.through(bench.enter())
    bench.core.sent(lease, T0 + 0.2)

    bench.core.completed(lease, T0 + at, T0 + 0.4)
    bench.enter(now=T0 + 0.4)

    assert bench.core.next_look(T0) == pytest.approx(T0 + counts_from + 1.01)


RELEASED: dict[str, tuple[Callable[[Bench], Lease], tuple[int, int]]] = {
    "in the bucket": (lambda bench: bench.enter(), (0, 0)),
    "passed": (lambda bench: bench.through(bench.enter()), (0, 0)),
    "completed": (lambda bench: bench.complete(bench.enter()), (0, 1)),
}


@pytest.mark.parametrize(("prepare", "usage"), RELEASED.values(), ids=RELEASED)
def test_a_release_in_whatever_state_returns_what_was_not_used(
    prepare: Callable[[Bench], Lease], usage: tuple[int, int]
) -> None:
    """Twice, as a finalizer may do."""
    bench = Bench()
    lease = prepare(bench)

    for _ in range(2):
        bench.core.released(lease, T0)

    assert lease.state == "ended"
    snapshot = bench.snapshot()
    assert (snapshot.in_flight, snapshot.cooling) == usage
    assert bench.enter().state == "claimed"  # the bucket is free


def test_a_release_of_a_grant_passes_it_on() -> None:
    """A call that was cancelled before it could claim."""
    bench = Bench(qps=1.0)
    bench.fill()
    cancelled, after = bench.enter(), bench.enter()
    assert bench.core.advance(T0 + 1.01) == [cancelled]

    bench.core.released(cancelled, T0 + 1.02)

    assert bench.core.advance(T0 + 1.02) == [after]
    assert not bench.core.claim(cancelled)
    # Nor is its loop one that has missed a grant.
    bench.complete(after, T0 + 1.02)
    last = bench.enter(now=T0 + 1.02)
    assert bench.core.advance(T0 + 2.04) == [last]


def test_a_release_in_the_queue_gives_up_the_place() -> None:
    """With a deadline or without one."""
    bench = Bench(qps=1.0)
    bench.fill()
    leaving = [bench.enter(deadline=T0 + 50.0), bench.enter()]
    after = bench.enter()

    for lease in leaving:
        bench.core.released(lease, T0)

    assert bench.core.waiting == 1
    assert not bench.loops[0].bounded
    assert bench.core.advance(T0 + 1.01) == [after]


def test_a_request_that_is_given_up_holds_its_lease() -> None:
    """For `max_transit` and a second from then on."""
    bench = Bench(qps=1.0)
    lease = bench.through(bench.enter())
    bench.core.sent(lease, T0)
    bench.core.released(lease, T0 + 0.5)
    after = bench.enter(now=T0 + 0.5)

    assert bench.core.next_look(T0 + 0.5) == pytest.approx(T0 + 0.5 + 2.01)
    assert bench.core.advance(T0 + 2.5) == []
    assert bench.core.advance(T0 + 2.511) == [after]


# Throttled responses


def test_a_refusal_lowers_the_limit() -> None:
    """Seven tenths of the leases are granted."""
    bench = Bench(qps=10.0)
    lease = bench.through(bench.enter())
    bench.core.sent(lease, T0)
    bench.core.refused(lease, None, T0 + 0.1)
    bench.core.completed(lease, T0 + 0.1, T0 + 0.1)
    assert bench.snapshot(T0 + 0.1).limit == pytest.approx(7.0)

    taken = [bench.through(bench.enter(now=T0 + 0.1)) for _ in range(6)]
    waiting = bench.enter(now=T0 + 0.1)

    assert states(taken) == ["claimed"] * 6
    assert waiting.state == "waiting"
    assert bench.core.advance(T0 + 1.0) == []
    assert bench.core.advance(T0 + 1.12) == [waiting]


def test_growth_is_a_reason_to_look() -> None:
    """All leases in force are held, and the next one comes with the growth."""
    bench = Bench(qps=10.0)
    bench.core.refused(bench.complete(bench.enter()), None, T0)
    for _ in range(7):
        bench.through(bench.enter(now=T0 + 2.0))
    waiting = bench.enter(now=T0 + 2.0)

    assert bench.core.next_look(T0 + 2.0) == pytest.approx(T0 + 3.0)
    assert bench.core.advance(T0 + 3.0) == [waiting]


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [
        (None, 0.0),
        (0.0, 0.0),
        (-1.0, 0.0),
        (math.nan, 0.0),
        (3.0, 3.0),
        (60.0, 60.0),
        (61.0, 60.0),
        (math.inf, 60.0),
    ],
)
def test_a_pause_is_at_most_a_minute(retry_after: float | None, pause: float) -> None:
    """The response may request any."""
    bench = Bench()
    lease = bench.complete(bench.enter())

    bench.core.refused(lease, retry_after, T0)

    assert bench.snapshot().paused_for == pytest.approx(pause)


def test_a_pause_only_ever_moves_forward() -> None:
    """A shorter one that comes later does not end it sooner."""
    bench = Bench(qps=10.0)
    leases = bench.fill()
    for lease, retry_after in zip(leases, [2.0, 0.5, None, 1.99, 2.5], strict=False):
        bench.core.refused(lease, retry_after, T0)

    assert bench.snapshot().paused_for == pytest.approx(2.5)


def test_no_lease_is_granted_during_a_pause() -> None:
    """Neither on entry nor to a waiting call; `next_look` returns its end."""
    bench = Bench(qps=10.0)
    bench.core.refused(bench.complete(bench.enter()), 5.0, T0)
    waiting = bench.enter()

    assert waiting.state == "waiting"
    assert bench.core.advance(T0 + 4.9) == []
    assert bench.core.next_look(T0) == T0 + 5.0
    assert bench.core.advance(T0 + 5.0) == [waiting]


@pytest.mark.parametrize("qps", [1.0, 10.0])
@pytest.mark.parametrize("is_late", [True, False])
def test_the_end_of_a_pause_is_a_reason_to_look(*, qps: float, is_late: bool) -> None:
    """A lease may be free long before, with none that returns by itself."""
    bench = Bench(qps)
    lease = bench.through(bench.enter(timeout=5.0))
    bench.core.sent(lease, T0)
    now = T0 + 0.1
    if is_late:  # the lease has ended by then
        now = T0 + 50.0
        bench.core.advance(now)
    bench.core.refused(lease, 0.5, now)
    bench.enter(now=now)

    assert bench.core.next_look(now) == now + 0.5


def test_a_pause_dismisses_calls_whose_deadline_lies_before_its_end() -> None:
    """All others wait on, whatever their place in the queue."""
    bench = Bench(qps=10.0, loops=2)
    first = bench.fill()[0]
    deadlines = [T0 + 100.0, T0 + 4.9, NEVER, T0 + 5.0, T0 + 4.0]
    calls = [
        bench.enter(number % 2, deadline=deadline)
        for number, deadline in enumerate(deadlines)
    ]

    bench.core.refused(first, 5.0, T0)
    ended = bench.core.advance(T0)

    assert ended == [calls[4], calls[1]]
    for lease in ended:
        assert lease.state == "ended"
        assert isinstance(lease.error, DeadlineExceeded)
        assert lease.error.expected_wait == pytest.approx(5.0)
    assert bench.core.waiting == 3
    assert bench.core.advance(T0 + 1.0) == []
    # Each is compared once, unless the pause moves.
    assert not any(loop.unchecked for loop in bench.loops)
    bench.core.refused(first, 3.0, T0 + 3.0)
    assert bench.core.advance(T0 + 3.0) == [calls[3]]


def test_a_call_that_is_put_back_in_a_pause_is_dismissed_if_that_is_too_long() -> None:
    """It was in the bucket, not in the queue, when the pause began."""
    bench = Bench(qps=3.0)
    first = bench.complete(bench.enter())
    in_the_bucket = bench.enter(deadline=T0 + 2.0)
    others = [bench.enter(deadline=T0 + 9.0) for _ in range(3)]
    bench.core.refused(first, 5.0, T0)
    assert bench.core.advance(T0) == []

    bench.core.put_back(in_the_bucket)

    assert bench.core.advance(T0 + 0.1) == [in_the_bucket]
    assert isinstance(in_the_bucket.error, DeadlineExceeded)
    assert states(others) == ["waiting"] * 3


def test_a_long_queue_is_dismissed_in_slices() -> None:
    """A step compares so many calls, in whichever loops; `next_look` is now."""
    bench = Bench(qps=1.0, loops=2)
    (first,) = bench.fill()
    hopeless = 0
    for number in range(3 * SLICE):
        hasty = number % 3 == 0
        hopeless += hasty
        deadline = T0 + 3.0 * SLICE * 1.01 + 10.0
        bench.enter(number % 2, deadline=deadline)
    for loop in bench.loops:
        for lease in list(loop.bounded)[::3]:
            lease.deadline = T0 + 1.0
    bench.core.refused(first, 30.0, T0)

    steps = [bench.core.advance(T0)]
    while bench.core.next_look(T0) == T0:
        steps.append(bench.core.advance(T0))

    assert len(steps) == 3
    assert [len(step) for step in steps] == pytest.approx([SLICE // 3] * 3, abs=2)
    assert sum(map(len, steps)) == hopeless
    assert bench.core.waiting == 3 * SLICE - hopeless
    assert bench.core.next_look(T0) == T0 + 30.0


def test_calls_that_leave_need_no_comparison_with_a_pause() -> None:
    """They were cancelled before their slice."""
    bench = Bench(qps=1.0)
    (first,) = bench.fill()
    calls = [bench.enter(deadline=T0 + 50.0) for _ in range(3)]
    bench.core.refused(first, 30.0, T0)
    for lease in calls[:2]:
        bench.core.released(lease, T0)

    assert bench.core.advance(T0) == []
    assert bench.core.next_look(T0) == T0 + 30.0
    bench.core.refused(first, 40.0, T0)
    bench.core.released(calls[2], T0)
    assert bench.core.advance(T0) == []


# Deadlines


def test_a_hopeless_place_is_refused_at_once() -> None:
    """It has the places ahead and the expected wait, and leaves no trace."""
    bench = Bench(qps=2.0, loops=2)
    bench.fill()
    for number in range(5):
        bench.enter(number % 2)
    before = bench.snapshot()

    with pytest.raises(DeadlineExceeded, match=r"^5 calls ahead, 3\.0 s") as caught:
        bench.enter(0, deadline=T0 + 3.0)

    assert bench.snapshot() == before
    assert not bench.loops[0].bounded
    assert caught.value.places_ahead == 5
    assert caught.value.expected_wait == pytest.approx(3.03)
    assert bench.enter(0, deadline=T0 + 3.04).state == "waiting"


@pytest.mark.parametrize(("deadline", "is_late"), [(-0.1, True), (0.0, False)])
def test_a_deadline_that_has_passed_is_refused(
    deadline: float, *, is_late: bool
) -> None:
    """Even where a lease is free."""
    bench = Bench()
    if is_late:
        with pytest.raises(DeadlineExceeded) as caught:
            bench.enter(deadline=T0 + deadline)
        assert caught.value.expected_wait == 0.0
        assert bench.core.waiting == 0
    else:
        assert bench.enter(deadline=T0 + deadline).state == "claimed"


def test_a_returning_call_counts_only_returned_calls_ahead() -> None:
    """A returned call is near the head of the queue, however long that is."""
    bench = Bench(qps=1.0)
    (first,) = bench.fill()
    for _ in range(50):
        bench.enter()

    with pytest.raises(DeadlineExceeded, match=r"^0 calls ahead, 1\.0 s"):
        bench.enter(ticket=first.ticket, deadline=T0 + 0.9)
    assert bench.core.waiting == 50
    assert bench.enter(ticket=first.ticket, deadline=T0 + 1.1).state == "waiting"


def test_a_lower_limit_counts_only_what_it_will_grant() -> None:
    """The first leases to return are more than the limit, and are not expected."""
    bench = Bench(qps=10.0)
    times = [T0 + number / 100 for number in range(10)]
    leases = [bench.complete(bench.enter(now=now), now) for now in times]
    bench.core.refused(leases[9], None, T0 + 0.1)

    with pytest.raises(DeadlineExceeded) as caught:
        bench.enter(now=T0 + 0.1, deadline=T0 + 0.2)

    # Ten are taken, and seven may be: the fourth to return is the first of use.
    assert caught.value.expected_wait == pytest.approx(0.03 + 1.01 - 0.1)


def test_the_expected_wait_takes_no_memory_per_lease() -> None:
    """A huge ceiling stands for none."""
    bench = Bench(qps=1e15)
    bench.core.refused(bench.through(bench.enter()), 1.0, T0)

    with pytest.raises(DeadlineExceeded) as caught:
        bench.enter(deadline=T0 + 0.9)

    assert caught.value.expected_wait == 1.0
    assert bench.enter(deadline=T0 + 1.1).state == "waiting"


# The ceiling


def test_the_lowest_ceiling_counts() -> None:
    """Whichever comes first; below one, the leases are held for longer."""
    bench = Bench(qps=10.0)
    bench.fill()
    bench.enter(qps=0.5)
    assert bench.core.ceiling == 0.5
    assert bench.core.next_look(T0) == pytest.approx(T0 + 2.01)

    bench.enter(qps=5.0)
    bench.enter(qps=10.0)

    assert bench.core.ceiling == 0.5
    assert bench.snapshot().limit == 0.5


def test_a_lower_ceiling_is_forgotten_when_its_client_is_closed() -> None:
    """All its clients: then the next one counts, at the next step."""
    bench = Bench(qps=10.0)
    routes = [Route() for _ in range(3)]
    bench.complete(bench.enter(qps=10.0, route=routes[0]))
    bench.complete(bench.enter(qps=5.0, route=routes[1]))
    for _ in range(3):
        bench.complete(bench.enter(qps=5.0, route=routes[2]))
    waiting = bench.enter(qps=5.0, route=routes[2])
    assert bench.core.ceiling == 5.0

    routes[1].closed = True
    bench.core.advance(T0 + 0.1)
    assert bench.core.ceiling == 5.0

    routes[2].closed = True
    assert bench.core.advance(T0 + 0.1) == [waiting]
    assert bench.core.ceiling == 10.0
    assert bench.snapshot(T0 + 0.1).limit == 10.0


def test_a_lower_ceiling_is_forgotten_a_minute_after_its_last_use() -> None:
    """Where its client is not closed, or has no route."""
    bench = Bench(qps=10.0)
    bench.complete(bench.enter(qps=10.0))
    bench.complete(bench.enter(qps=5.0))
    again = T0 + 30.0
    bench.complete(bench.enter(now=again, qps=5.0, route=Route()), again)

    bench.enter(now=again + CEILING_KEPT - 0.1, qps=10.0)
    assert bench.core.ceiling == 5.0
    bench.enter(now=again + CEILING_KEPT, qps=10.0)
    assert bench.core.ceiling == 10.0


def test_the_last_ceiling_is_not_forgotten() -> None:
    """However long no client calls, and if all are closed."""
    bench = Bench(qps=10.0)
    routes = [Route(), Route()]
    for qps, route in zip((10.0, 5.0), routes, strict=True):
        bench.complete(bench.enter(qps=qps, route=route))
        route.closed = True

    bench.core.advance(T0 + 1000.0)
    assert bench.core.ceiling == 5.0

    # It is over, so that the first call with another one replaces it.
    bench.enter(now=T0 + 1000.0, qps=8.0)
    assert bench.core.ceiling == 8.0


def test_routes_of_closed_clients_are_not_kept() -> None:
    """A program may make a client per call, for years."""
    bench = Bench(qps=10.0)
    now = T0
    for _ in range(100):
        route = Route()
        bench.complete(bench.enter(now=now, route=route), now)
        route.closed = True
        now += 1.0

    assert len(bench.core._ceilings._requests[10.0].routes) == 1


def test_a_lower_ceiling_is_no_recovery_from_a_refusal() -> None:
    """What the refusal took away is still missing when the ceiling is back."""
    bench = Bench(qps=10.0)
    bench.core.refused(bench.complete(bench.enter()), None, T0)
    route = Route()
    bench.complete(bench.enter(now=T0 + 0.1, qps=8.0, route=route), T0 + 0.1)
    route.closed = True
    bench.core.advance(T0 + 0.2)
    bench.enter(now=T0 + 0.2)

    assert bench.core.ceiling == 10.0
    assert bench.snapshot(T0 + 0.2).limit == pytest.approx(9.0)


# The life of a limiter


def test_closing_ends_every_wait_in_slices() -> None:
    """A step ends so many; no lease is granted any more."""
    bench = Bench(qps=2.0, loops=2)
    bench.fill()
    calls = [
        bench.enter(number % 2, deadline=NEVER if number % 3 else T0 + 1e4)
        for number in range(2 * SLICE + 10)
    ]
    bench.core.close()

    steps: list[list[Lease]] = []
    while bench.core.next_look(T0 + 5.0) == T0 + 5.0:
        steps.append(bench.core.advance(T0 + 5.0))

    assert [len(step) for step in steps] == [SLICE, SLICE, 10]
    assert all(type(lease.error) is ClientClosed for lease in calls)
    assert set(states(calls)) == {"ended"}
    assert bench.core.waiting == 0
    assert not any(loop.bounded or loop.tickets.length for loop in bench.loops)
    with pytest.raises(ClientClosed):
        bench.enter()


def test_closing_leaves_granted_calls_alone() -> None:
    """They have their permits, and may send."""
    bench = Bench()
    lease = bench.through(bench.enter())
    bench.core.close()

    assert bench.core.advance(T0) == []
    assert bench.core.sent(lease, T0)
    assert bench.core.next_look(T0) == pytest.approx(T0 + 2.01)


def test_a_closed_loop_takes_nothing_along() -> None:
    """Its unused leases are free; requests that were sent keep theirs."""
    bench = Bench(qps=3.0, loops=2)
    bench.complete(bench.enter(0))
    sent = bench.through(bench.enter(0))
    bench.core.sent(sent, T0)
    claimed = bench.enter(0)
    queued = bench.enter(0, deadline=T0 + 50.0)
    other = bench.enter(1)
    assert states([claimed, queued, other]) == ["claimed", "waiting", "waiting"]

    bench.core.drop(bench.loops[0])

    assert claimed.state == "ended"
    assert bench.core.waiting == 1
    assert bench.core.advance(T0) == [other]
    assert bench.snapshot().in_flight == 2
    # What finalizers report later changes nothing.
    for lease in (claimed, queued):
        bench.core.released(lease, T0)
    assert not bench.core.sent(claimed, T0)
    assert bench.core.waiting == 0
    assert bench.snapshot().in_flight == 2


def test_a_grant_to_a_closed_loop_is_free() -> None:
    """It was not claimed, and never will be."""
    bench = Bench(qps=1.0, loops=2)
    bench.fill()
    doomed, other = bench.enter(0), bench.enter(1)
    assert bench.core.advance(T0 + 1.01) == [doomed]

    bench.core.drop(bench.loops[0])

    assert bench.core.advance(T0 + 1.02) == [other]
    assert bench.core.claim(other)
    # Nothing is taken back: the closed loop's grant is gone.
    assert bench.core.next_look(T0 + 1.02) == pytest.approx(T0 + 1.02 + 2.01)
    assert bench.core.advance(T0 + 1.2) == []
    assert bench.core.waiting == 0


def test_a_forked_process_goes_on_with_all_leases_taken() -> None:
    """The calls belong to its parent, which may have sent all that were granted."""
    bench = Bench(qps=3.0)
    completed = bench.complete(bench.enter())
    bench.core.sent(bench.through(bench.enter()), T0)
    claimed, queued = bench.enter(), bench.enter()

    bench.core.fork(T0 + 0.5)

    assert bench.core.queues == []
    assert bench.core.waiting == 0
    assert bench.snapshot(T0 + 0.5).cooling == 3
    assert not bench.core.sent(claimed, T0 + 0.6)
    for lease in (completed, claimed, queued):
        bench.core.released(lease, T0 + 0.6)
    assert bench.snapshot(T0 + 0.6).cooling == 3
    assert bench.core.waiting == 0

    bench.loops = [LoopQueue()]
    bench.core.queues.extend(bench.loops)
    waiting = [bench.enter(now=T0 + 1.1) for _ in range(2)]
    assert states(waiting) == ["claimed", "waiting"]  # the completed one has returned
    bench.through(waiting[0])
    assert bench.core.advance(T0 + 2.5) == []
    assert bench.core.advance(T0 + 2.52) == [waiting[1]]


def test_a_forked_process_takes_no_grant_back() -> None:
    """It was made to an event loop of the parent."""
    bench = Bench(qps=1.0)
    bench.fill()
    granted = bench.enter()
    assert bench.core.advance(T0 + 1.01) == [granted]

    bench.core.fork(T0 + 1.01)

    assert bench.core.advance(T0 + 1.1) == []
    assert bench.core.waiting == 0
    assert bench.core.is_idle(T0 + 4.0)


def test_nothing_is_due_while_nothing_can_happen() -> None:
    """An idle limiter needs no timer."""
    assert Bench().core.next_look(T0) == math.inf


def refuse(bench: Bench, retry_after: float) -> None:
    """Make a call that is throttled."""
    bench.core.refused(bench.complete(bench.enter()), retry_after, T0)


BUSY: dict[str, tuple[Callable[[Bench], object], float]] = {
    "cooling": (lambda bench: bench.complete(bench.enter()), 1.02),
    "held": (lambda bench: bench.enter(timeout=5.0), 5.01),
    "paused": (lambda bench: refuse(bench, 9.0), 9.01),
    "throttled": (lambda bench: refuse(bench, 0.0), 7.01),
}


@pytest.mark.parametrize(("prepare", "at"), BUSY.values(), ids=BUSY)
def test_a_limiter_with_something_to_remember_is_not_idle(
    prepare: Callable[[Bench], object], at: float
) -> None:
    """Held, cooling, paused or throttled."""
    bench = Bench(qps=10.0)
    assert bench.core.is_idle(T0)
    prepare(bench)

    assert not bench.core.is_idle(T0 + 0.9)
    assert bench.core.is_idle(T0 + at)


def test_a_limiter_with_a_waiting_call_is_not_idle() -> None:
    """Even if all leases have returned, and no look was taken."""
    bench = Bench(qps=1.0)
    bench.fill()
    bench.enter()

    assert not bench.core.is_idle(T0 + 100.0)


@pytest.mark.parametrize(("qps", "limit"), [(0.25, 0.25), (2.5, 2.5)])
def test_a_limit_is_never_above_the_ceiling(qps: float, limit: float) -> None:
    """Below one call per second, too."""
    bench = Bench(qps)
    bench.enter()

    assert bench.snapshot() == Snapshot(
        ceiling=qps, limit=limit, waiting=0, in_flight=1, cooling=0, paused_for=0.0
    )
