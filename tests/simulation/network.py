"""The network: a link that fails for seconds, and kernels that send again."""

import math
from collections.abc import Callable, Sequence
from itertools import count

from tests.simulation.schedule import Call, Outage

FIRST_TIMEOUT = 0.2
"""Seconds until a kernel sends again what was not acknowledged; each time twice."""


class Link:
    """The link of a process to the network. Nothing passes it while it is down."""

    def __init__(self, outages: Sequence[Outage]) -> None:
        self._outages = outages

    def sent(self, at: float, trip: float | None = None) -> float:
        """Return when a packet is sent that leaves the client's side.

        Args:
            at: Time of the first copy. More are sent by exponential back-off.
            trip: Seconds from then to the acknowledgement, if it must arrive, too.
        """
        return _first_copy(
            at,
            lambda copy: (
                self._is_up(copy, to_server=True)
                and (trip is None or self._is_up(copy + trip, to_server=False))
            ),
        )

    def received(self, at: float, back: float) -> float:
        """Return when a packet arrives that the server sends first at a time."""
        copy = _first_copy(at, lambda copy: self._is_up(copy + back, to_server=False))
        return copy + back

    def _is_up(self, at: float, *, to_server: bool) -> bool:
        return not any(
            each.at <= at < each.at + each.seconds and (to_server or not each.one_way)
            for each in self._outages
        )


def _first_copy(at: float, passes: Callable[[float], bool]) -> float:
    copies = (at + FIRST_TIMEOUT * (2.0**nth - 1.0) for nth in count())
    return next(copy for copy in copies if passes(copy))


class Connection:
    """The way of one request, and what the client's kernel has of it.

    Args:
        call: The call, with its times.
        link: The link that the packets pass.
        now: Returns the time.
    """

    def __init__(self, call: Call, link: Link, now: Callable[[], float]) -> None:
        self._call = call
        self._link = link
        self._now = now
        self._closed_at = math.inf
        self._left_at = math.inf
        self._acknowledged_at = math.inf

    def send(self) -> None:
        """Send the request now, and resend it until it arrives."""
        call, link = self._call, self._link
        if call.ending == "lost":
            return
        first = self._now() + call.held
        self._left_at = link.sent(first)
        # A gateway has the request by the time of its response.
        trip = call.back if call.is_answered_early else call.out + call.back
        self._acknowledged_at = link.sent(first, trip) + trip

    @property
    def counted_at(self) -> float:
        """Time at which the server counts the request, unless it is closed before."""
        return self._left_at + self._call.out + self._call.inside

    @property
    def early_response_at(self) -> float:
        """Time of a gateway's response."""
        return self._acknowledged_at

    def response_at(self, at: float) -> float:
        """Return when the headers of a response arrive that leaves then."""
        return self._link.received(at, self._call.back)

    def close(self) -> None:
        """Close the connection now, by a reset unless the request is acknowledged.

        Copies of the request that are on their way still arrive; there are no more.
        """
        self._closed_at = min(self._closed_at, self._now())

    @property
    def is_cut(self) -> bool:
        """Whether it was closed before a copy of the request passed the link."""
        return self._closed_at < self._left_at

    def acknowledged_at(self) -> float | None:
        """Return when the server's kernel had acknowledged the request, if it has."""
        known = min(self._now(), self._closed_at)
        return self._acknowledged_at if self._acknowledged_at <= known else None
