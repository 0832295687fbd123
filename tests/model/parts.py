"""The parts of a world: its options, its event loops, calls and requests."""

import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal, TypeAlias
from unittest.mock import patch

from attrs import frozen

from cams_async.throttle import leases, limiter
from cams_async.throttle.base import Route
from cams_async.throttle.leases import Lease, LoopQueue

GRID = 0.5
"""Seconds between two moments of the model."""

J = 1.0
"""The most seconds from a send to its arrival on a path that works."""

Move: TypeAlias = tuple[str, *tuple[int, ...]]
"""The name of a move; the index of its call, request or loop; a variant."""


class Violation(Exception):  # noqa: N818 - it is what the search looks for
    """A property that does not hold."""


@frozen(kw_only=True)
class Options:
    """The size of a world, and which moves it has beyond the basic ones.

    The basic moves start calls, cancel them in each phase, carry them through their
    loop's bucket to the send, the arrival and the response, and let time pass. Requests
    are acknowledged at once, and then arrive within `J` or never.
    """

    qps: float = 1.0
    calls: int = 2
    """The most calls at a time."""

    loops: int = 1
    timeout: float = 2.0
    """The most seconds until the send, and from there to the end of the connection."""

    deadline: float | None = None
    """Seconds until the deadline that a call may have."""

    evidence: bool = False
    """Acknowledgements come at any time or never; without any, requests arrive late."""

    blind: bool = False
    """No acknowledgement can be determined: only responses are evidence."""

    refusals: bool = False
    """Responses may refuse; the call is sent again with its ticket."""

    stops: bool = False
    """Loops stop running at any moment, and go on at any later one."""

    closes: bool = False
    """Loops are closed or left at any moment, and others take their places."""

    fork: bool = False
    """The process is forked at any moment, and the child goes on."""

    @property
    def window(self) -> float:
        """The length of the server's window, in seconds."""
        return max(1.0, 1.0 / self.qps)


class Loop(LoopQueue):
    """An event loop: its queue in the limiter, its timer and its client's route."""

    __slots__ = ("lapsed", "route", "state", "timer")

    def __init__(self) -> None:
        super().__init__()
        self.route = Route()
        self.state: Literal["running", "stopped", "left", "closed"] = "running"
        """Left: its program does not run it any more, but has not closed it."""

        self.timer: float = math.inf
        self.lapsed: bool = False
        """Whether it let a grant lapse and has not run since, as seen from here."""

    def has_ended(self) -> bool:
        """Whether it never runs again."""
        return self.state in ("left", "closed")


class Request:
    """A request on its way, or at the server.

    It arrives until `arrives_by` or never: within J of the send if it is acknowledged
    within J; within J of a later acknowledgement; where a later request on the route
    has a response, within J of a copy that leaves after as long as it took until then;
    or within J of the end of its connection.
    """

    __slots__ = ("acknowledged_at", "arrived", "arrives_by", "loop", "sent_at")

    def __init__(self, loop: Loop, sent_at: float, arrives_by: float) -> None:
        self.loop = loop
        self.sent_at = sent_at
        self.arrives_by = arrives_by
        self.acknowledged_at: float | None = None
        self.arrived = False

    def __call__(self) -> float | None:
        """Return when it was acknowledged, or None."""
        return self.acknowledged_at

    def acknowledge(self, now: float) -> None:
        """Receive the kernel's acknowledgement of the whole request."""
        self.acknowledged_at = now
        start = self.sent_at if now <= self.sent_at + J else now
        self.expect_by(start + J)

    def expect_by(self, at: float) -> None:
        """Rule out that it arrives later."""
        self.arrives_by = min(self.arrives_by, at)


Phase: TypeAlias = Literal[
    "waiting", "bucket", "ready", "sent", "responded", "refused", "over"
]


class Call(Lease):
    """One attempt of a call, in the part of `LocalPermit`."""

    __slots__ = (
        "claiming",
        "loop",
        "phase",
        "place",
        "request",
        "responded_at",
    )

    def __init__(self, loop: Loop, timeout: float, place: int, ticket: int = 0) -> None:
        super().__init__(ticket or None, math.inf, timeout, loop.route)
        self.loop = loop
        self.phase: Phase = "waiting"
        self.place = place
        """Its true place in the queue, to compare with that of the ticket."""

        self.claiming: bool = False
        """Whether its loop will run a callback that claims the grant."""

        self.request: Request | None = None
        self.responded_at: float = math.inf

    def is_over(self) -> bool:
        """Whether nothing of it can happen any more."""
        return self.phase == "over" and not (
            self.claiming and not self.loop.has_ended()
        )

    def is_due(self, now: float) -> bool:
        """Whether its loop, if it runs, does not let it be any longer."""
        if self.phase == "waiting" and self.deadline <= now:
            return True
        return self.claiming or self.has_timed_out(now)

    def has_timed_out(self, now: float) -> bool:
        """Whether it waits for a response on a connection that is closed by now."""
        return (
            self.phase in ("sent", "responded")
            and self.request is not None
            and self.request.sent_at + self.timeout <= now
        )


@contextmanager
def coarse_times() -> Generator[None]:
    """Round the limiter's short times up to the moments of the model."""
    with (
        patch.object(limiter, "CLAIM_WITHIN", GRID),
        patch.object(leases, "LOOK_EVERY", GRID),
    ):
        yield
