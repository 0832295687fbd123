"""Mistakes to put into the limiter: the search must find each of them."""

# pyright: reportPrivateUsage=false

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from attrs import frozen

from cams_async.throttle.adaptive import AdaptiveLimit
from cams_async.throttle.base import Route
from cams_async.throttle.leases import Lease, LeaseTable, LoopQueue
from cams_async.throttle.limiter import ScopeLimiter
from cams_async.throttle.queue import TicketQueue
from tests.model.parts import J, Options


@frozen
class Mutant:
    """A mistake, and a world in which it shows."""

    options: Options
    owner: type
    name: str
    mistake: Callable[..., Any]
    walks: int = 0
    """The number of walks that find it, where it is too deep for a search."""

    def applied(self) -> AbstractContextManager[object]:
        """Return a context in which the limiter has the mistake."""
        return patch.object(self.owner, self.name, self.mistake)


ONE = Options(qps=1.0, calls=2)
EVIDENCE = Options(qps=1.0, calls=2, evidence=True)
BLIND = Options(qps=2.0, calls=3, blind=True, timeout=4.0)
STOPS = Options(qps=2.0, calls=3, loops=2, stops=True)
CLOSES = Options(qps=1.0, calls=2, closes=True)
REFUSALS = Options(qps=1.0, calls=2, refusals=True)


# A lease ends when, and only when, its second is over


def _cancel_frees(self: LeaseTable, lease: Lease, now: float) -> None:
    """Return the lease of a cancelled request at once."""
    self._judge(now, now)
    self._remove(lease)


_completed = LeaseTable.completed


def _anchor_at_send(self: LeaseTable, lease: Lease, at: float, now: float) -> None:
    """Count a lease's second from the send."""
    del at
    _completed(self, lease, lease.at, now)


def _short_hold(self: ScopeLimiter) -> float:
    """Hold a lease for half a second."""
    del self
    return 0.5


_init = LeaseTable.__init__


def _short_transit(self: LeaseTable, *, hold: float, max_transit: float) -> None:
    """Expect requests within half of J."""
    _init(self, hold=hold, max_transit=max_transit / 2)


def _cancel_leaks(self: LeaseTable, lease: Lease) -> None:
    """Keep the lease of a call that is cancelled before its send."""
    del self, lease


_grant_lease = LeaseTable.grant


def _unsent_forever(self: LeaseTable, lease: Lease, now: float) -> None:
    """Let no lease expire unsent."""
    _grant_lease(self, lease, now)
    lease.ends_at = math.inf


_sent = LeaseTable.sent


def _no_last_moment(self: LeaseTable, lease: Lease, now: float) -> bool:
    """Wait for the end of each request for ever."""
    alive = _sent(self, lease, now)
    lease.ends_at = math.inf
    return alive


def _expired_sent(self: LeaseTable, lease: Lease, now: float) -> bool:
    """Let a request be sent although its lease has expired."""
    self._held[lease] = None
    lease.ends_at = math.inf
    return _sent(self, lease, now)


# Evidence


def _always_proven(self: LeaseTable, lease: Lease) -> float:
    """End a lease at J without any evidence."""
    return lease.at + self._max_transit


def _earlier_response(
    self: LeaseTable, route: Route, sent_at: float, at: float
) -> None:
    """Use a response to an earlier request as evidence."""
    del sent_at
    _prove(self, route, math.inf, at)


_prove = LeaseTable._prove
_counted_by = LeaseTable._counted_by


def _undated_response(self: LeaseTable, lease: Lease) -> float:
    """Expect a request within J of its send once there is a response."""
    counted_by = _counted_by(self, lease)
    return counted_by if counted_by == math.inf else lease.at + self._max_transit


def _late_is_arrival(self: LeaseTable, lease: Lease) -> float:
    """Expect no request later than its late acknowledgement."""
    counted_by = _counted_by(self, lease)
    in_time = lease.at + self._max_transit
    return max(in_time, counted_by - self._max_transit)


def _released_at_send(self: LeaseTable, lease: Lease, now: float) -> None:
    """Expect a request that was given up within J of its send."""
    self._judge(now, now)
    if self._remove(lease):
        self._returns.append(max(now, lease.at + self._max_transit + self.hold))
        self._returns.sort()


# The queue


def _admission_stays(self: ScopeLimiter, lease: Lease) -> None:
    """Never end an admission."""
    del self, lease


def _stays_in_queue(self: ScopeLimiter, lease: Lease) -> None:
    """Keep a call in the queue that has gone."""
    del self, lease


def _last_in_first_out(self: TicketQueue[Lease]) -> Lease:
    """Serve the last of the newcomers."""
    self.length -= 1
    if self._tickets:
        return self._returned.pop(self._tickets.pop(0))
    return self._newcomers.popitem(last=True)[1]


def _retry_last(self: TicketQueue[Lease], ticket: int, member: Lease) -> int:
    """Put a call that returns behind the newcomers."""
    self._newcomers[ticket] = member
    self.length += 1
    return self.length - 1


def _first_loop(self: ScopeLimiter) -> LoopQueue | None:
    """Serve the loops in their order, not in that of the tickets."""
    for queue in self.queues:
        if queue.tickets.length and queue.admission is None and not queue.missed:
            return queue
    return None


# Passing over loops that do not run


def _not_taken_back(self: ScopeLimiter, now: float) -> None:
    """Leave a grant with a loop that does not claim it."""
    del self, now


def _missed_gets_grants(self: ScopeLimiter) -> LoopQueue | None:
    """Grant to loops that let a grant lapse."""
    ready = [q for q in self.queues if q.tickets.length and q.admission is None]
    return min(ready, key=lambda queue: queue.tickets.first(), default=None)


_put_back = ScopeLimiter.put_back


def _loses_place(self: ScopeLimiter, lease: Lease) -> None:
    """Let a call whose grant is taken back join the queue at the end."""
    _put_back(self, lease)
    if lease.state == "waiting":
        lease.queue.tickets.leave(lease.ticket)
        lease.ticket = lease.queue.tickets.join(lease)


def _lapsed_is_claimed(self: ScopeLimiter, lease: Lease) -> bool:
    """Let a loop claim a grant that was taken back."""
    lease.queue.missed = False
    if lease in self._granted:
        self._granted.remove(lease)
    if lease.state not in ("granted", "waiting"):
        return False
    if lease.state == "waiting":
        self.leave(lease)
    lease.state = "claimed"
    return True


# From loop to loop

_enter = ScopeLimiter.enter


def _new_loop_is_free(
    self: ScopeLimiter, lease: Lease, queue: LoopQueue, qps: float, now: float
) -> bool:
    """Let a new loop start with all leases free."""
    if all(lease.queue is not queue for lease in _all_leases(self._leases)):
        self._leases = LeaseTable(hold=self._hold(), max_transit=J)
    return _enter(self, lease, queue, qps, now)


def _all_leases(table: LeaseTable) -> list[Lease]:
    return [*table._held, *table._open, *table._unproven]


_drop = LeaseTable.drop


def _sent_are_dropped(self: LeaseTable, queue: LoopQueue) -> list[Lease]:
    """Return a closed loop's leases, those of sent requests included."""
    dropped = _drop(self, queue)
    for lease in [*self._open, *self._unproven]:
        if lease.queue is queue:
            self._remove(lease)
    return dropped


def _held_are_kept(self: LeaseTable, queue: LoopQueue) -> list[Lease]:
    """Keep the leases that a closed loop has not used."""
    del self, queue
    return []


def _fork_frees(self: LeaseTable, now: float) -> None:
    """Let a forked process start with all leases free."""
    del now
    for lease in _all_leases(self):
        self.cancel(lease)
        self._remove(lease)


# Refusals


def _no_look_in_a_pause(self: ScopeLimiter, now: float) -> float:
    """Look at the end of a pause only if a lease is taken by then."""
    at = self._leases.next_return(now)
    growth = self._adaptive.next_growth()
    if growth is not None:
        at = min(at, growth)
    at = max(at, self.paused_until)
    if self._granted:
        at = min(at, self._granted[0].at + 0.5)
    return at


def _never_grows(self: AdaptiveLimit, now: float) -> None:
    """Keep the limit that a refusal has lowered."""
    del self, now


def _not_put_back(self: ScopeLimiter, lease: Lease) -> None:
    """Forget a call that reaches the end of the bucket in a pause."""
    if lease.state in ("granted", "claimed"):
        self._leases.cancel(lease)
        self.passed(lease)
        lease.state = "waiting"


def _keeps_leases_in_a_pause(self: ScopeLimiter, lease: Lease) -> None:
    """Keep the lease of a call that waits for the end of a pause."""
    _put_back(self, lease)
    self._leases.grant(lease, lease.at)


MUTANTS: dict[str, Mutant] = {
    "cancel_frees": Mutant(ONE, LeaseTable, "released", _cancel_frees),
    "anchor_at_send": Mutant(ONE, LeaseTable, "completed", _anchor_at_send),
    "short_hold": Mutant(ONE, ScopeLimiter, "_hold", _short_hold),
    "short_transit": Mutant(ONE, LeaseTable, "__init__", _short_transit),
    "cancel_leaks": Mutant(ONE, LeaseTable, "cancel", _cancel_leaks),
    "unsent_forever": Mutant(CLOSES, LeaseTable, "grant", _unsent_forever),
    "no_last_moment": Mutant(
        Options(qps=1.0, calls=2, closes=True, evidence=True),
        LeaseTable,
        "sent",
        _no_last_moment,
    ),
    "expired_is_sent": Mutant(ONE, LeaseTable, "sent", _expired_sent),
    "always_proven": Mutant(EVIDENCE, LeaseTable, "_counted_by", _always_proven),
    "earlier_response": Mutant(
        BLIND, LeaseTable, "_prove", _earlier_response, walks=3_000
    ),
    "undated_response": Mutant(
        BLIND, LeaseTable, "_counted_by", _undated_response, walks=1_000
    ),
    "late_in_time": Mutant(EVIDENCE, LeaseTable, "_counted_by", _undated_response),
    "late_is_arrival": Mutant(EVIDENCE, LeaseTable, "_counted_by", _late_is_arrival),
    "released_at_send": Mutant(EVIDENCE, LeaseTable, "released", _released_at_send),
    "admission_stays": Mutant(ONE, ScopeLimiter, "passed", _admission_stays),
    "stays_in_queue": Mutant(ONE, ScopeLimiter, "leave", _stays_in_queue),
    "last_in_first_out": Mutant(
        Options(qps=1.0, calls=3), TicketQueue, "serve", _last_in_first_out
    ),
    "retry_last": Mutant(
        Options(qps=1.0, calls=2, refusals=True),
        TicketQueue,
        "rejoin",
        _retry_last,
    ),
    "first_loop": Mutant(
        Options(qps=1.0, calls=3, loops=2), ScopeLimiter, "_next_queue", _first_loop
    ),
    "not_taken_back": Mutant(STOPS, ScopeLimiter, "_take_back", _not_taken_back),
    "missed_gets_grants": Mutant(
        STOPS, ScopeLimiter, "_next_queue", _missed_gets_grants
    ),
    "loses_place": Mutant(STOPS, ScopeLimiter, "put_back", _loses_place),
    "lapsed_is_claimed": Mutant(STOPS, ScopeLimiter, "claim", _lapsed_is_claimed),
    "new_loop_is_free": Mutant(CLOSES, ScopeLimiter, "enter", _new_loop_is_free),
    "sent_are_dropped": Mutant(CLOSES, LeaseTable, "drop", _sent_are_dropped),
    "held_are_kept": Mutant(CLOSES, LeaseTable, "drop", _held_are_kept),
    "fork_frees": Mutant(
        Options(qps=1.0, calls=2, fork=True), LeaseTable, "release_all", _fork_frees
    ),
    "no_look_in_a_pause": Mutant(
        REFUSALS, ScopeLimiter, "next_look", _no_look_in_a_pause
    ),
    "never_grows": Mutant(
        Options(qps=2.0, calls=2, refusals=True),
        AdaptiveLimit,
        "_grow",
        _never_grows,
    ),
    "not_put_back": Mutant(REFUSALS, ScopeLimiter, "put_back", _not_put_back),
    "keeps_leases_in_a_pause": Mutant(
        REFUSALS, ScopeLimiter, "put_back", _keeps_leases_in_a_pause
    ),
}
"""By name, the mistakes."""
