"""The leases of one scope, as plain numbers.

There are no timers and nothing is scheduled: the caller passes the time, and reads when
the next lease returns.
"""

import math
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Literal, TypeAlias

from cams_async.errors import CamsError
from cams_async.throttle.base import Route
from cams_async.throttle.queue import TicketQueue

LOOK_EVERY = 0.25
"""Seconds between two looks at a request that the server has not acknowledged yet."""

AcknowledgedAt: TypeAlias = Callable[[], float | None]
State: TypeAlias = Literal[
    "new", "waiting", "granted", "claimed", "sent", "completed", "ended"
]


class Lease:
    """The place of one call: in the queue, and then under the ceiling.

    Args:
        ticket: The ticket of an earlier permit of the same call, or None.
        deadline: When the permit is needed; infinity for any time.
        timeout: The most seconds that an attempt takes.
        route: The way of the request, or None.
    """

    __slots__ = (
        "acknowledged_at",
        "at",
        "deadline",
        "ends_at",
        "error",
        "proven_at",
        "queue",
        "route",
        "state",
        "ticket",
        "timeout",
    )

    queue: "LoopQueue"
    """The queue of its event loop, from `ScopeLimiter.enter` on."""

    def __init__(
        self,
        ticket: int | None = None,
        deadline: float = math.inf,
        timeout: float = math.inf,
        route: Route | None = None,
    ) -> None:
        self.ticket: int = ticket or 0
        self.deadline: float = deadline
        self.timeout: float = timeout
        self.route: Route | None = route
        self.state: State = "new"
        self.error: CamsError | None = None
        """The reason why the wait has ended without a permit."""

        self.at: float = 0.0
        """Time of the grant; from the send on, time of the send."""

        self.ends_at: float = math.inf
        """The lease's last moment."""

        self.acknowledged_at: AcknowledgedAt | None = None
        """Returns when the server's kernel had the whole request, or None."""

        self.proven_at: float = math.inf
        """Time of the first response that proves the path to have worked since."""


class LoopQueue:
    """The waiting calls of one event loop, and the one that it admits."""

    __slots__ = ("admission", "bounded", "missed", "tickets", "unchecked")

    def __init__(self) -> None:
        self.tickets: TicketQueue[Lease] = TicketQueue()
        self.bounded: dict[Lease, None] = {}
        """The waiting calls that have a deadline."""

        self.unchecked: list[Lease] = []
        """Those that have not been compared with the end of a pause yet."""

        self.admission: Lease | None = None
        """The lease that was granted and has not left the bucket yet."""

        self.missed: bool = False
        """Whether the loop let a grant lapse, and has not run since."""


class LeaseTable:
    """The leases that count against the ceiling. All times are the caller's.

    A lease is *held* from its grant to the send; then it is *open* until its response,
    or until `max_transit` has passed. From then on the evidence decides: with any, its
    return is a matter of time, without it is *unproven*. A lease that *returns* takes
    `hold` seconds from the moment by which the server has counted the request.

    Args:
        hold: Seconds from then on until a lease returns.
        max_transit: The most seconds from a send to its arrival on a path that works.
    """

    __slots__ = (
        "_held",
        "_look_at",
        "_max_transit",
        "_open",
        "_returns",
        "_unproven",
        "_witnessed",
        "hold",
    )

    def __init__(self, *, hold: float, max_transit: float) -> None:
        self.hold: float = hold
        self._max_transit = max_transit
        self._held: dict[Lease, None] = {}
        self._open: dict[Lease, None] = {}  # in the order of their sends
        self._unproven: dict[Lease, None] = {}
        self._returns: list[float] = []  # a heap
        # By route, what a response may prove: leases in the order of their sends.
        self._witnessed: dict[Route, dict[Lease, None]] = {}
        self._look_at = math.inf

    # The way of a lease. Each is identified, so a duplicate report changes nothing.

    def grant(self, lease: Lease, now: float) -> None:
        """Hold a lease for a request that will be sent within its time-out."""
        lease.at = now
        lease.ends_at = now + lease.timeout
        self._held[lease] = None
        self._look_at = min(self._look_at, lease.ends_at)

    def cancel(self, lease: Lease) -> None:
        """Return a held lease whose request was not and will not be sent."""
        self._held.pop(lease, None)

    def sent(self, lease: Lease, now: float) -> bool:
        """Mark a request as sent now. Return False if the lease has ended before."""
        if lease not in self._held:
            return False
        del self._held[lease]
        if lease.ends_at <= now:
            return False
        lease.at = now
        lease.ends_at = now + lease.timeout + self._max_transit + self.hold
        self._open[lease] = None
        if lease.route is not None and lease.acknowledged_at is None:
            self._witnessed.setdefault(lease.route, {})[lease] = None
        return True

    def completed(self, lease: Lease, at: float, now: float) -> None:
        """Record a response that proves the request to be counted by then."""
        self._judge(at, now)
        if self._remove(lease):
            heappush(self._returns, min(at + self.hold, lease.ends_at))
        if lease.route is not None:
            self._prove(lease.route, lease.at, at)

    def released(self, lease: Lease, now: float) -> None:
        """End a request without such a response: its connection is closed."""
        self._judge(now, now)
        if self._remove(lease):
            counted_by = min(now + self._max_transit, self._counted_by(lease))
            heappush(self._returns, min(counted_by + self.hold, lease.ends_at))

    def drop(self, queue: LoopQueue) -> list[Lease]:
        """Return the held leases of an event loop that can send no more."""
        dropped = [lease for lease in self._held if lease.queue is queue]
        for lease in dropped:
            del self._held[lease]
        return dropped

    def is_used_by(self, queue: LoopQueue) -> bool:
        """Whether a lease of an event loop is held, or its request has no response."""
        leases = (*self._held, *self._open, *self._unproven)
        return any(lease.queue is queue for lease in leases)

    def release_all(self, now: float) -> None:
        """End all requests, sent or not: another process has them."""
        for lease in list(self._held):
            self.sent(lease, now)
        for lease in [*self._open, *self._unproven]:
            self.released(lease, now)

    def extend(self, hold: float) -> None:
        """Hold leases for so long from now on, those that are taken included."""
        more = hold - self.hold
        self._returns = [at + more for at in self._returns]
        for lease in (*self._open, *self._unproven):
            lease.ends_at += more
        self.hold = hold

    # The state

    def taken(self, now: float) -> int:
        """Return how many leases are taken, after those due have returned."""
        self._judge(now, now)
        if self._look_at <= now:
            self._look(now)
        while self._returns and self._returns[0] <= now:
            heappop(self._returns)
        return (
            len(self._held) + len(self._open) + len(self._unproven) + len(self._returns)
        )

    def next_return(self, now: float) -> float:
        """Return the earliest time at which a lease may return by itself."""
        self.taken(now)
        at = self._look_at
        if self._returns:
            at = min(at, self._returns[0])
        for lease in self._open:
            return min(at, lease.at + self._max_transit + self.hold)
        # A held lease may be sent at any time, without a response.
        return min(at, now + self._max_transit + self.hold) if self._held else at

    def expected_returns(self, now: float) -> list[float]:
        """Return when each taken lease returns, as if all responses came now."""
        soon = now + self.hold
        returns = [soon] * (len(self._held) + len(self._unproven))
        for lease in self._open:
            returns.append(min(soon, lease.at + self._max_transit + self.hold))
        return sorted([*returns, *self._returns])

    def usage(self) -> tuple[int, int]:
        """Return how many calls may still complete, and how many leases return."""
        in_flight = len(self._held) + len(self._open) + len(self._unproven)
        return in_flight, len(self._returns)

    # Evidence

    def _judge(self, before: float, now: float) -> None:
        """Look for evidence on open leases whose `max_transit` ended before then."""
        while self._open:
            lease = next(iter(self._open))
            in_time = lease.at + self._max_transit
            if in_time >= before:
                return
            del self._open[lease]
            if self._counted_by(lease) <= in_time:
                heappush(self._returns, in_time + self.hold)
            else:
                self._unproven[lease] = None
                self._look_at = min(self._look_at, now)

    def _counted_by(self, lease: Lease) -> float:
        """Return when the server has counted a request; infinity: no evidence yet."""
        if lease.acknowledged_at is None:
            # A response shows that the path works, but not which copy of this request
            # passed it. The kernel waits for the next one as long as it has waited.
            return lease.proven_at + (lease.proven_at - lease.at) + self._max_transit
        at = lease.acknowledged_at()
        if at is None:
            return math.inf
        in_time = lease.at + self._max_transit
        return in_time if at <= in_time else at + self._max_transit

    def _prove(self, route: Route, sent_at: float, at: float) -> None:
        """Record a response as evidence for what was sent before its request."""
        witnessed = self._witnessed.get(route)
        while witnessed:
            lease = next(iter(witnessed))
            if lease.at > sent_at:
                return
            lease.proven_at = at
            self._forget(lease)

    def _forget(self, lease: Lease) -> None:
        """Look for no more responses that prove a lease."""
        route = lease.route
        if route is not None and (witnessed := self._witnessed.get(route)) is not None:
            witnessed.pop(lease, None)
            if not witnessed:
                del self._witnessed[route]

    def _look(self, now: float) -> None:
        """End the leases that are over, and look at the unproven ones once more."""
        self._look_at = math.inf
        for lease in self._unproven:
            counted_by = self._counted_by(lease)
            if counted_by == math.inf:
                self._look_at = now + LOOK_EVERY
            lease.ends_at = min(lease.ends_at, counted_by + self.hold)
        for lease in (*self._held, *self._unproven):
            if lease.ends_at <= now:
                self._held.pop(lease, None)
                self._remove(lease)
            else:
                self._look_at = min(self._look_at, lease.ends_at)

    def _remove(self, lease: Lease) -> bool:
        """Remove a request that was sent; return whether it was there."""
        if lease in self._open:
            del self._open[lease]
        elif lease in self._unproven:
            del self._unproven[lease]
        else:
            return False
        self._forget(lease)
        return True
