"""The table of leases: which are taken, on what evidence, and when each returns.

`max_transit` is 1 s, a lease is held for 1.01 s, and an attempt takes 30 s at most:
so a lease without evidence ends 32.01 s after its send.
"""

# pyright: reportPrivateUsage=false

import math
from collections.abc import Callable

import pytest

from cams_async.throttle.base import Route
from cams_async.throttle.leases import (
    LOOK_EVERY,
    Lease,
    LeaseTable,
    LoopQueue,
)

NEVER = math.inf

LAST_MOMENT = 10.0 + 30.0 + 2.01
"""The end of a lease that was sent at 10.0, if nothing is reported."""


@pytest.fixture
def table() -> LeaseTable:
    """Return a table without a lease."""
    return LeaseTable(hold=1.01, max_transit=1.0)


class Kernel:
    """Acknowledges a request at a time of the test's choice, and counts the looks."""

    def __init__(self, clock: Callable[[], float], at: float = NEVER) -> None:
        self._clock = clock
        self.at = at
        self.looks = 0

    def __call__(self) -> float | None:
        """Return the time of the acknowledgement once it has come."""
        self.looks += 1
        return self.at if self.at <= self._clock() else None


def sent(
    table: LeaseTable,
    at: float = 10.0,
    *,
    route: Route | None = None,
    timeout: float = 30.0,
    acknowledged: float | None = None,
) -> Lease:
    """Grant a lease and send its request, which is acknowledged at a fixed time."""
    lease = Lease(timeout=timeout, route=route)
    if acknowledged is not None:
        lease.acknowledged_at = lambda: acknowledged
    table.grant(lease, at)
    assert table.sent(lease, at)
    return lease


def returned_at(table: LeaseTable, count: int = 0, *, start: float = 10.0) -> float:
    """Return when no more than so many leases are taken; looks only when it is due."""
    now = start
    for _ in range(20_000):
        if table.taken(now) <= count:
            return now
        now = max(table.next_return(now), now + 1e-6)
        if now == NEVER:
            break
    return NEVER


# A response


def test_a_lease_returns_a_second_after_the_response(table: LeaseTable) -> None:
    """The time of the send does not matter."""
    lease = sent(table)
    table.completed(lease, 10.4, 10.4)

    assert table.next_return(10.4) == pytest.approx(11.41)
    assert table.taken(11.4) == 1
    assert table.taken(11.42) == 0


def test_a_response_that_is_recorded_late_counts_from_its_arrival(
    table: LeaseTable,
) -> None:
    """A busy event loop loses no time: the transport dated the headers."""
    lease = sent(table)
    table.completed(lease, 10.4, 10.9)

    assert returned_at(table, start=10.9) == pytest.approx(11.41)


def test_a_lease_whose_time_has_passed_when_it_is_recorded_is_free_at_once(
    table: LeaseTable,
) -> None:
    """The response arrived more than a second ago."""
    lease = sent(table)
    table.completed(lease, 10.4, 11.5)

    assert table.taken(11.5) == 0


@pytest.mark.parametrize("answered", [11.5, 20.0, 39.0])
def test_a_late_response_is_evidence_of_its_own(
    table: LeaseTable, answered: float
) -> None:
    """Without other evidence, the lease is held until a second after the response."""
    lease = sent(table)
    assert table.taken(answered) == 1
    table.completed(lease, answered, answered)

    assert returned_at(table, start=answered) == pytest.approx(answered + 1.01)


def test_a_duplicate_report_frees_no_other_lease(table: LeaseTable) -> None:
    """Late, repeated and foreign reports change nothing."""
    lease, other = sent(table), sent(table)
    for _ in range(2):
        table.completed(lease, 10.1, 10.1)
        table.released(lease, 10.2)
        table.cancel(lease)
    table.completed(Lease(), 10.1, 10.1)
    table.released(Lease(), 10.1)
    table.cancel(other)  # it was sent

    assert table.taken(10.5) == 2
    assert table.taken(11.2) == 1


# Before the send


def test_a_lease_that_was_never_sent_returns_at_once(table: LeaseTable) -> None:
    """Nothing has left, so nothing can arrive."""
    lease = Lease(timeout=30.0)
    table.grant(lease, 10.0)
    assert table.taken(10.0) == 1

    table.cancel(lease)

    assert table.taken(10.0) == 0
    assert not table.sent(lease, 10.1)
    assert table.taken(10.1) == 0


def test_an_unsent_lease_ends_a_time_out_after_its_grant(table: LeaseTable) -> None:
    """Its request can no longer be sent, so its place is free."""
    lease = Lease(timeout=30.0)
    table.grant(lease, 10.0)

    assert table.next_return(39.0) == 40.0
    assert table.taken(39.9) == 1
    assert table.taken(40.0) == 0
    assert not table.sent(lease, 40.1)
    assert table.taken(40.1) == 0


@pytest.mark.parametrize(("at", "alive"), [(39.9, True), (40.0, False)])
def test_an_expired_lease_is_not_sent_even_if_it_was_not_looked_at(
    table: LeaseTable, at: float, *, alive: bool
) -> None:
    """The send itself compares the time."""
    lease = Lease(timeout=30.0)
    table.grant(lease, 10.0)

    assert table.sent(lease, at) is alive
    assert table.taken(at) == alive


def test_a_send_counts_once(table: LeaseTable) -> None:
    """The second report is refused."""
    lease = sent(table)

    assert not table.sent(lease, 10.5)
    assert lease.at == 10.0


def test_the_leases_of_a_closed_loop_that_were_not_sent_return(
    table: LeaseTable,
) -> None:
    """A request that was sent keeps its lease, as does any of another loop."""
    closed, other = LoopQueue(), LoopQueue()
    held: list[Lease] = []
    for queue in (closed, closed, other):
        lease = Lease(timeout=30.0)
        lease.queue = queue
        table.grant(lease, 10.0)
        held.append(lease)
    under_way = sent(table)
    under_way.queue = closed

    assert table.drop(closed) == held[:2]
    assert table.drop(closed) == []
    assert table.taken(10.0) == 2


# Evidence by route


SENDS = [
    # The other call's send and response, and when the lease of a send at 10.0 returns.
    (10.0, 10.5, 13.01),  # the same time is no earlier
    (10.0, 11.0, 14.01),
    (10.3, 10.5, 13.01),
    (10.9, 11.0, 14.01),
    (11.0, 11.5, 15.01),
    (11.5, 14.0, 20.01),
    (9.9, 10.5, LAST_MOMENT),  # an earlier send proves nothing
]


@pytest.mark.parametrize(("send", "response", "returns"), SENDS)
def test_a_response_on_the_same_route_is_evidence(
    table: LeaseTable, send: float, response: float, returns: float
) -> None:
    """If its call was sent no earlier: it took as long, and may take as long again."""
    route = Route()
    other = Lease(route=route)
    if send < 10.0:
        other = sent(table, send, route=route)
    sent(table, route=route)
    if send >= 10.0:
        other = sent(table, send, route=route)
    table.completed(other, response, response)

    # The other call's lease returns in any case, and this one looks no earlier.
    assert table.taken(12.0) >= 1
    assert returned_at(table, start=response) == pytest.approx(
        max(returns, response + 1.01)
    )


@pytest.mark.parametrize(
    ("mine", "others"),
    [(Route(), Route()), (None, Route()), (Route(), None), (None, None)],
    ids=["another", "none here", "none there", "none"],
)
def test_a_response_on_another_route_proves_nothing(
    table: LeaseTable, mine: Route | None, others: Route | None
) -> None:
    """Another path may work while this one does not."""
    sent(table, route=mine)
    other = sent(table, 10.2, route=others)
    table.completed(other, 10.3, 10.3)

    assert returned_at(table) == pytest.approx(LAST_MOMENT)


@pytest.mark.parametrize("judged", [False, True])
def test_evidence_that_is_recorded_late_counts_from_its_arrival(
    table: LeaseTable, *, judged: bool
) -> None:
    """Recorded after `max_transit`, dated back into it, before or after a look."""
    route = Route()
    sent(table, route=route)
    other = sent(table, 10.2, route=route)
    if judged:
        assert table.taken(11.5) == 2

    table.completed(other, 10.3, 11.9)

    assert returned_at(table, start=11.9) == pytest.approx(12.61)


def test_an_acknowledgement_that_is_missing_overrules_a_response(
    table: LeaseTable,
) -> None:
    """The path works, but this very request has not passed it."""
    route = Route()
    sent(table, route=route).acknowledged_at = lambda: None
    other = sent(table, 10.2, route=route)
    table.completed(other, 10.3, 10.3)

    assert returned_at(table, start=10.3) == pytest.approx(LAST_MOMENT)


def test_an_older_response_takes_no_evidence_away(table: LeaseTable) -> None:
    """Responses come in any order; the latest send counts."""
    route = Route()
    first = sent(table, 9.9, route=route)
    sent(table, route=route)
    later = sent(table, 10.1, route=route)
    table.completed(later, 10.2, 10.2)
    table.completed(first, 10.3, 10.3)

    assert returned_at(table) == pytest.approx(12.41)


def test_the_response_to_a_call_that_was_given_up_is_evidence(
    table: LeaseTable,
) -> None:
    """It proves the same of the path, whether or not its own lease is taken."""
    route = Route()
    sent(table, route=route)
    other = sent(table, 10.2, route=route)
    table.released(other, 10.3)
    table.completed(other, 10.4, 10.4)

    # 10.3 + 1 s + 1.01 s for the one that was given up without evidence.
    assert returned_at(table, 1) == pytest.approx(12.31)
    assert returned_at(table) == pytest.approx(12.81)


def test_a_route_is_kept_as_long_as_a_lease_waits_for_evidence(
    table: LeaseTable,
) -> None:
    """A program that makes a client per call keeps none."""
    route = Route()
    lost = sent(table, route=route)
    for number in range(100):
        now = 10.1 + number / 10
        lease = sent(table, now, route=Route())
        table.completed(lease, now, now)

    assert list(table._witnessed) == [route]
    table.released(lost, 20.0)
    assert not table._witnessed


# Evidence by acknowledgement


@pytest.mark.parametrize(
    ("acknowledged", "returns"),
    [
        (10.1, 12.01),  # within `max_transit`: counted by its end
        (11.0, 12.01),
        (11.2, 11.2 + 2.01),  # later: counted within `max_transit` from then
        (25.0, 25.0 + 2.01),
        (39.9, 39.9 + 2.01),
        (40.5, LAST_MOMENT),
        (NEVER, LAST_MOMENT),
    ],
)
def test_an_acknowledgement_is_evidence(
    table: LeaseTable, acknowledged: float, returns: float
) -> None:
    """The server's kernel has the request: it is counted within `max_transit`."""
    now = 10.0
    kernel = Kernel(lambda: now, acknowledged)
    sent(table).acknowledged_at = kernel

    while table.taken(now):
        now = table.next_return(now)

    assert now == pytest.approx(returns)


def test_a_request_is_looked_at_rarely(table: LeaseTable) -> None:
    """Every quarter of a second from `max_transit` on, as long as it is unproven."""
    now = 10.0
    kernel = Kernel(lambda: now, at=20.0)
    sent(table).acknowledged_at = kernel

    while now < 20.0:
        table.taken(now)
        now += 0.01
    assert kernel.looks == pytest.approx((20.0 - 11.0) / LOOK_EVERY, abs=2)

    before = kernel.looks
    while table.taken(now):
        now += 0.01
    assert now == pytest.approx(22.01, abs=0.02)
    # Once acknowledged, it is looked at when it is due.
    assert kernel.looks - before <= 2


def test_no_acknowledgement_is_read_before_max_transit(table: LeaseTable) -> None:
    """Most responses come sooner, and the look costs a system call."""
    now = 10.0
    kernel = Kernel(lambda: now)
    lease = sent(table)
    lease.acknowledged_at = kernel
    for now in (10.1, 10.5, 11.0):
        table.taken(now)
    table.completed(lease, 11.0, 11.0)

    assert kernel.looks == 0


def test_a_response_ends_the_lease_sooner_than_a_late_acknowledgement(
    table: LeaseTable,
) -> None:
    """But never later than the acknowledgement does."""
    early, late = (sent(table, acknowledged=15.0) for _ in range(2))
    table.taken(15.3)
    table.taken(15.3 + LOOK_EVERY)
    table.completed(early, 15.6, 15.6)
    table.completed(late, 16.9, 16.9)

    assert returned_at(table, 1, start=15.6) == pytest.approx(15.6 + 1.01)
    assert returned_at(table, start=15.6) == pytest.approx(15.0 + 2.01)


# Given up


@pytest.mark.parametrize(
    ("acknowledged", "given_up", "returns"),
    [
        (None, 10.2, 12.21),  # its bytes may be under way for `max_transit` more
        (NEVER, 10.2, 12.21),
        (None, 20.0, 22.01),
        (10.1, 10.2, 12.01),
        (10.1, 10.9, 12.01),
        (11.5, 11.6, 13.51),
        (11.5, 20.0, 20.0),  # it has returned before
        (None, 41.0, LAST_MOMENT),  # never later than that
    ],
)
def test_a_request_that_is_given_up(
    table: LeaseTable, acknowledged: float | None, given_up: float, returns: float
) -> None:
    """Its connection is closed: what the server has not yet, it gets by then."""
    lease = sent(table, acknowledged=acknowledged)
    table.taken(given_up)
    table.released(lease, given_up)

    assert table.usage()[0] == 0
    assert returned_at(table, start=given_up) == pytest.approx(returns)


@pytest.mark.parametrize(
    ("response", "given_up", "returns"),
    [(10.3, 10.5, 12.51), (10.3, 11.5, 12.61), (11.2, 11.5, 13.51)],
)
def test_a_request_with_evidence_by_route_that_is_given_up(
    table: LeaseTable, response: float, given_up: float, returns: float
) -> None:
    """It is counted by the evidence or by the close, whichever is sooner."""
    route = Route()
    lease = sent(table, route=route)
    other = sent(table, 10.2, route=route)
    table.completed(other, response, response)
    table.released(lease, given_up)

    assert returned_at(table, start=given_up) == pytest.approx(
        max(returns, response + 1.01)
    )


def test_all_requests_of_another_process_end_now(table: LeaseTable) -> None:
    """Granted, sent or unproven: each may have been sent by now."""
    granted, expired = Lease(timeout=30.0), Lease(timeout=5.0)
    table.grant(granted, 10.0)
    table.grant(expired, 10.0)
    sent(table, 12.0)
    sent(table, 14.9)
    sent(table, 14.9, timeout=0.05)  # its last moment is before the others'
    done = sent(table, 14.9)
    table.completed(done, 14.95, 14.95)

    table.release_all(15.0)

    assert table.usage() == (0, 5)
    assert sorted(table._returns) == pytest.approx([15.96, 16.96, *[17.01] * 3])
    assert not table.sent(granted, 15.1)


# The last moment


@pytest.mark.parametrize("timeout", [0.5, 5.0, 3600.0])
def test_nothing_is_held_beyond_the_last_moment(
    table: LeaseTable, timeout: float
) -> None:
    """The attempt must have ended by then, whether or not that was reported."""
    sent(table, timeout=timeout)

    assert returned_at(table) == pytest.approx(10.0 + timeout + 2.01)


def test_leases_end_one_by_one(table: LeaseTable) -> None:
    """A look at all ends only those that are over."""
    for send in (10.0, 10.5):
        sent(table, send)
    held = Lease(timeout=100.0)
    table.grant(held, 10.0)

    assert returned_at(table, 2) == pytest.approx(LAST_MOMENT)
    assert returned_at(table, 1) == pytest.approx(LAST_MOMENT + 0.5)
    assert returned_at(table) == 110.0


def test_a_new_unproven_lease_puts_no_last_moment_off(table: LeaseTable) -> None:
    """It is looked at later than another one ends."""
    sent(table)
    sent(table, 40.9)
    assert table.taken(LAST_MOMENT - 0.1) == 2

    assert table.next_return(LAST_MOMENT - 0.1) <= LAST_MOMENT
    assert table.taken(LAST_MOMENT + 0.001) == 1


# Another hold


def test_a_longer_hold_counts_for_leases_that_are_taken(table: LeaseTable) -> None:
    """A lower ceiling means a longer window, for those that return, too."""
    unproven, unanswered = sent(table, 8.0), sent(table, acknowledged=10.0)
    completed, held = sent(table), Lease(timeout=30.0)
    table.completed(completed, 10.1, 10.1)
    table.grant(held, 10.0)
    assert table.taken(10.1) == 4

    table.extend(2.01)

    assert table.expected_returns(10.1) == pytest.approx([12.11] * 4)
    assert returned_at(table, 3) == pytest.approx(12.11)
    assert returned_at(table, 2) == pytest.approx(13.01)
    assert returned_at(table, 1) == 40.0
    assert returned_at(table) == pytest.approx(8.0 + 30.0 + 3.01)
    del unproven, unanswered


def test_a_shorter_hold_counts_for_leases_that_are_taken(table: LeaseTable) -> None:
    """A lower ceiling that is forgotten holds no lease."""
    table.extend(2.01)
    completed = sent(table)
    table.completed(completed, 10.1, 10.1)
    sent(table)

    table.extend(1.01)

    assert returned_at(table, 1) == pytest.approx(11.11)
    assert returned_at(table) == pytest.approx(LAST_MOMENT)


# The state


def test_the_next_return_is_the_earliest(table: LeaseTable) -> None:
    """Responses, sends and last moments come in one order of time."""
    assert table.next_return(10.0) == NEVER
    held = Lease(timeout=30.0)
    table.grant(held, 10.0)
    # It may be sent at once, without a response.
    assert table.next_return(10.0) == pytest.approx(12.01)
    sent(table, acknowledged=10.0)
    second = sent(table, 10.9)
    assert table.next_return(10.9) == pytest.approx(12.01)

    table.completed(second, 10.95, 10.95)
    assert table.next_return(10.95) == pytest.approx(11.96)

    third = sent(table, 11.0)
    table.completed(third, 10.91, 11.0)  # dated back before the second's
    assert table.next_return(11.0) == pytest.approx(11.92)


def test_expected_returns_assume_that_all_responses_are_here(
    table: LeaseTable,
) -> None:
    """Certain times where they are certain; else as if all calls completed now."""
    held = Lease(timeout=30.0)
    table.grant(held, 9.0)
    sent(table, 8.0)  # unproven
    sent(table, 9.2)
    lost, done = sent(table, 9.8), sent(table, 9.9)
    table.completed(done, 9.96, 9.96)
    table.released(lost, 10.0)

    returns = [10.97, 11.01, 11.01, 11.01, 12.01]
    assert table.expected_returns(10.0) == pytest.approx(returns)
    # A call sent long ago is expected without its response.
    assert table.expected_returns(10.5)[1] == pytest.approx(11.21)


def test_the_usage_counts_calls_that_may_complete_and_leases_that_return(
    table: LeaseTable,
) -> None:
    """Held, open and unproven ones are in flight."""
    held = Lease(timeout=30.0)
    table.grant(held, 9.0)
    unproven, answered, lost = sent(table, 9.0), sent(table), sent(table)
    table.completed(answered, 10.1, 10.1)
    table.released(lost, 10.1)
    assert table.usage() == (2, 2)

    assert table.taken(12.5) == 2
    assert table.usage() == (2, 0)
    table.completed(unproven, 12.5, 12.5)
    assert table.usage() == (1, 1)
