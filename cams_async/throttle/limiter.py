"""The rate limit of one scope, without I/O.

There are no clocks, futures, locks or event loops here: `now` is an argument. A change
is followed by `advance`, which returns the leases whose wait has ended, and by
`next_look`, which returns when to call it again. The same calls give the same results,
so that a search can drive this very code through every interleaving.
"""

import math

from attrs import define, field

from cams_async.errors import CamsError, ClientClosed, DeadlineExceeded
from cams_async.models import Snapshot
from cams_async.throttle.adaptive import AdaptiveLimit
from cams_async.throttle.base import Route
from cams_async.throttle.leases import Lease, LeaseTable, LoopQueue
from cams_async.throttle.queue import TicketQueue, draw_ticket

LONGEST_PAUSE = 60.0
"""The longest pause, in seconds, that a response may request."""

CLAIM_WITHIN = 0.05
"""Seconds within which an event loop must claim a grant."""

CEILING_KEPT = 60.0
"""Seconds after its last use for which a lower ceiling is kept."""

SLICE = 100
"""The most waiting calls that one step looks at.

A step takes a millisecond or two, with the tasks that it wakes.
"""


class ScopeLimiter:
    """The queue, the leases, the adaptive limit and the pause of one scope.

    Args:
        qps: The QPS ceiling.
        max_transit: The most seconds from a send to its arrival on a path that works.
        margin: Seconds added to the second of each lease.
    """

    def __init__(self, qps: float, *, max_transit: float, margin: float) -> None:
        self.ceiling: float = qps
        self.waiting: int = 0
        """The number of waiting calls."""

        self.queues: list[LoopQueue] = []
        """The queues of the event loops; the caller adds to them."""

        self.paused_until: float = -math.inf
        self.closed: bool = False
        self.dismissing: bool = False
        """Whether there are waits left to end, or to compare with a pause."""

        self._margin = margin
        self._adaptive = AdaptiveLimit(qps)
        self._leases = LeaseTable(hold=self._hold(), max_transit=max_transit)
        self._granted: list[Lease] = []  # not claimed yet, the oldest first
        self._ceilings = _RequestedCeilings(qps)

    # The way of a lease: enter, claim, pass, then sent, completed, released

    def enter(self, lease: Lease, queue: LoopQueue, qps: float, now: float) -> bool:
        """Claim a lease if one is free and no call waits, else join the queue.

        Returns:
            Whether the lease was claimed.

        Raises:
            ClientClosed: The limiter was closed.
            DeadlineExceeded: The lease is expected later than its deadline.
        """
        if self.closed:
            raise closed_error()
        self._ceilings.request(qps, lease.route, now)
        if self._ceilings.differ:
            self._agree(now)
        lease.queue = queue
        queue.missed = False
        idle = not self.waiting and queue.admission is None
        if idle and now <= lease.deadline and self._may_grant(now):
            # As most calls find it below the ceiling: no need to wait.
            lease.ticket = lease.ticket or draw_ticket()
            self._grant(lease, queue, now)
            lease.state = "claimed"
            return True
        self._join(lease, queue, now)
        return False

    def claim(self, lease: Lease) -> bool:
        """Claim a grant on its own event loop. Return False if it has lapsed."""
        lease.queue.missed = False
        if lease.state != "granted":
            return False
        self._granted.remove(lease)
        lease.state = "claimed"
        return True

    def passed(self, lease: Lease) -> None:
        """End the admission of a lease: it has left the bucket of its event loop."""
        if lease.queue.admission is lease:
            lease.queue.admission = None

    def sent(self, lease: Lease, now: float) -> bool:
        """Mark a request as sent now. Return False if its lease has ended."""
        if lease.state == "claimed":
            alive = self._leases.sent(lease, now)
            lease.state = "sent" if alive else "ended"
        return lease.state in ("sent", "completed")

    def completed(self, lease: Lease, at: float, now: float) -> None:
        """Record a response which proves that the server had counted the request."""
        if lease.state == "claimed":
            self.sent(lease, now)  # implied, even if the transport did not report it
        if lease.state == "sent":
            lease.state = "completed"
            self._leases.completed(lease, min(max(at, lease.at), now), now)

    def refused(self, lease: Lease, retry_after: float | None, now: float) -> None:
        """Lower the limit and pause after a throttled response."""
        self.sent(lease, now)
        self._adaptive.refused(lease.at, now)
        until = now + min(retry_after or 0.0, LONGEST_PAUSE)
        if until > max(now, self.paused_until):
            self.paused_until = until
            for queue in self.queues:
                queue.unchecked = list(queue.bounded)
                self.dismissing = self.dismissing or bool(queue.bounded)

    def released(self, lease: Lease, now: float) -> None:
        """End a lease in whatever state it is: its caller has gone."""
        if lease.state == "waiting":
            self.leave(lease)
        elif lease.state == "sent":
            self._leases.released(lease, now)
        elif lease.state in ("granted", "claimed"):
            self._leases.cancel(lease)
            self.passed(lease)
            if lease in self._granted:
                self._granted.remove(lease)
        lease.state = "ended"

    # Grants

    def advance(self, now: float) -> list[Lease]:
        """Return the leases whose wait has ended: granted, or with an `error`."""
        if self._granted:
            self._take_back(now)
        if self._ceilings.differ:
            self._agree(now)
        ended = self._dismiss(now) if self.dismissing else []
        while (queue := self._next_queue()) is not None and self._may_grant(now):
            lease = queue.tickets.serve()
            self.waiting -= 1
            queue.bounded.pop(lease, None)
            self._grant(lease, queue, now)
            self._granted.append(lease)
            ended.append(lease)
        return ended

    def next_look(self, now: float) -> float:
        """Return when `advance` may end the next wait; infinity: not by itself."""
        if self.dismissing and self.waiting:
            return now
        at = self.paused_until
        if at <= now:
            at = self._leases.next_return(now)
            self._adaptive.leases(now)
            growth = self._adaptive.next_growth()
            if growth is not None:
                at = min(at, growth)
        if self._granted:
            at = min(at, self._granted[0].at + CLAIM_WITHIN)
        return at

    def _next_queue(self) -> LoopQueue | None:
        """Return the queue whose first call has waited longest of those that run."""
        found = None
        for queue in self.queues:
            tickets = queue.tickets
            if not tickets.length or queue.admission is not None or queue.missed:
                continue
            if found is None or tickets.first() < found.tickets.first():
                found = queue
        return None if self.closed else found

    def _may_grant(self, now: float) -> bool:
        if self.paused_until > now:
            return False
        return self._leases.taken(now) < self._adaptive.leases(now)

    def _grant(self, lease: Lease, queue: LoopQueue, now: float) -> None:
        lease.state = "granted"
        queue.admission = lease
        self._leases.grant(lease, now)

    def put_back(self, lease: Lease) -> None:
        """Return a lease that was not used; its call keeps its place in the queue."""
        if lease.state not in ("granted", "claimed"):
            return
        self._leases.cancel(lease)
        self.passed(lease)
        lease.state = "waiting"
        lease.queue.tickets.rejoin(lease.ticket, lease)
        self.waiting += 1
        if lease.deadline < math.inf:
            # A pause may have begun since it was served.
            lease.queue.bounded[lease] = None
            lease.queue.unchecked.append(lease)
        self.dismissing = self.dismissing or self.closed or bool(lease.queue.unchecked)

    def _take_back(self, now: float) -> None:
        """Put back the grants that were not claimed in time."""
        while self._granted and self._granted[0].at + CLAIM_WITHIN <= now:
            lease = self._granted.pop(0)
            self.put_back(lease)
            lease.queue.missed = True

    # The queues

    def _join(self, lease: Lease, queue: LoopQueue, now: float) -> None:
        if lease.ticket:
            ahead = queue.tickets.rejoin(lease.ticket, lease)
        else:
            ahead = self.waiting
            lease.ticket = queue.tickets.join(lease)
        self.waiting += 1
        lease.state = "waiting"
        if lease.deadline < math.inf:
            queue.bounded[lease] = None
            at = self._expected_at(ahead, now)
            error = too_late(lease.deadline, at=at, now=now, ahead=ahead)
            if error is not None:
                self.released(lease, now)
                raise error

    def leave(self, lease: Lease) -> None:
        """Give up the place of a waiting call."""
        queue = lease.queue
        lease.state = "ended"
        if queue.tickets.leave(lease.ticket):
            self.waiting -= 1
            if queue.bounded:
                queue.bounded.pop(lease, None)

    def _dismiss(self, now: float) -> list[Lease]:
        """End some waits of a closed limiter, or those that a pause makes too late."""
        ended: list[Lease] = []
        looks = SLICE
        for queue in self.queues:
            while self.closed and queue.tickets.length and looks:
                looks -= 1
                ended.append(self._end(queue.tickets.serve(), closed_error()))
            while queue.unchecked and looks:
                looks -= 1
                lease = queue.unchecked.pop()
                at = max(now, self.paused_until)
                error = too_late(lease.deadline, at=at, now=now, ahead=0)
                if error is not None and queue.tickets.leave(lease.ticket):
                    ended.append(self._end(lease, error))
        self.dismissing = any(
            queue.unchecked or (self.closed and queue.tickets.length)
            for queue in self.queues
        )
        return ended

    def _end(self, lease: Lease, error: CamsError) -> Lease:
        lease.queue.bounded.pop(lease, None)
        self.waiting -= 1
        lease.state = "ended"
        lease.error = error
        return lease

    def _expected_at(self, ahead: int, now: float) -> float:
        """Return when a lease is expected, as if all responses came now."""
        count = self._adaptive.leases(now)
        self._leases.taken(now)
        taken = self._leases.expected_returns(now)
        laps, place = divmod(ahead, count)
        # With more leases taken than may be, the first to return are not granted again.
        place += len(taken) - count
        at = taken[place] if place >= 0 else now  # else it is free
        at += laps * self._leases.hold
        return max(now, at, self.paused_until)

    # The ceiling

    def _agree(self, now: float) -> None:
        ceiling = self._ceilings.lowest(now)
        if ceiling != self.ceiling:
            self.ceiling = ceiling
            self._adaptive.change(ceiling)
            self._leases.extend(self._hold())

    def _hold(self) -> float:
        return max(1.0, 1.0 / self.ceiling) + self._margin

    # The life of a limiter

    def close(self) -> None:
        """End all waits with ClientClosed, and refuse new ones."""
        self.closed = self.dismissing = True

    def is_used_by(self, queue: LoopQueue) -> bool:
        """Whether an event loop has calls that wait, or that may still report."""
        waits = queue.tickets.length > 0 or queue.admission is not None
        return waits or self._leases.is_used_by(queue)

    def drop(self, queue: LoopQueue) -> None:
        """Remove an event loop that will never run again, and what waits on it."""
        self.queues.remove(queue)
        self.waiting -= queue.tickets.length
        queue.tickets, queue.bounded, queue.unchecked = TicketQueue(), {}, []
        for lease in self._leases.drop(queue):
            lease.state = "ended"
        self._granted = [lease for lease in self._granted if lease.queue is not queue]

    def fork(self, now: float) -> None:
        """Go on in a forked process: all leases are of calls that it will not see."""
        self._leases.release_all(now)
        for queue in list(self.queues):
            self.drop(queue)

    def is_idle(self, now: float) -> bool:
        """Whether the limiter holds nothing that matters."""
        if self._ceilings.differ:
            self._agree(now)
        return not (
            self.waiting
            or self._ceilings.differ
            or self._leases.taken(now)
            or self.paused_until > now
            or self._adaptive.leases(now) < math.floor(max(1.0, self.ceiling))
        )

    def snapshot(self, now: float) -> Snapshot:
        """Return the current state."""
        self._leases.taken(now)
        self._adaptive.leases(now)
        in_flight, cooling = self._leases.usage()
        return Snapshot(
            ceiling=self.ceiling,
            limit=min(self.ceiling, self._adaptive.value),
            waiting=self.waiting,
            in_flight=in_flight,
            cooling=cooling,
            paused_for=max(0.0, self.paused_until - now),
        )


class _RequestedCeilings:
    """The ceilings that clients request for a scope; the lowest counts."""

    def __init__(self, qps: float) -> None:
        self._requests = {qps: _Request()}

    @property
    def differ(self) -> bool:
        """Whether there are several."""
        return len(self._requests) > 1

    def request(self, qps: float, route: Route | None, now: float) -> None:
        """Record that a client uses a ceiling."""
        request = self._requests.get(qps)
        if request is None:
            request = self._requests[qps] = _Request()
        request.used_at = now
        if route is not None and route not in request.routes:
            live = (each for each in request.routes if not each.closed)
            request.routes = {route, *live}

    def lowest(self, now: float) -> float:
        """Return the lowest, without those whose clients are closed or idle."""
        for qps, request in list(self._requests.items()):
            if self.differ and request.is_over(now):
                del self._requests[qps]
        return min(self._requests)


@define
class _Request:
    """The use of one ceiling."""

    used_at: float = -math.inf
    routes: set[Route] = field(factory=set[Route])

    def is_over(self, now: float) -> bool:
        """Whether its clients are closed, or have not called for a while."""
        if self.used_at + CEILING_KEPT <= now:
            return True
        return bool(self.routes) and all(route.closed for route in self.routes)


def too_late(
    deadline: float, *, at: float, now: float, ahead: int
) -> DeadlineExceeded | None:
    """Return an error if a permit is expected too late, else None.

    Args:
        deadline: When the permit is needed.
        at: When it is expected.
        now: The time.
        ahead: How many are served before.
    """
    if at <= deadline:
        return None
    wait = at - now
    message = f"{ahead} calls ahead, {wait:.1f} s expected: later than the deadline"
    return DeadlineExceeded(message, places_ahead=ahead, expected_wait=wait)


def closed_error() -> ClientClosed:
    """Return the error of calls on a throttle that was closed."""
    return ClientClosed("the throttle was closed")
