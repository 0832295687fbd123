"""Forecast of permits, from the replies of Redis."""

import math

from cams_async.errors import DeadlineExceeded
from cams_async.redis.step import Reply
from cams_async.throttle.limiter import too_late


class Forecast:
    """The workers ahead of this process's queue."""

    def __init__(self, ceiling: float) -> None:
        self.limit: float = max(1.0, ceiling)
        self._served_at = -math.inf
        self._workers = 1

    def begin(self) -> None:
        """Reset: no call waited before."""
        self._served_at = -math.inf

    def hear(self, reply: Reply, now: float) -> None:
        """Learn from an answer of Redis's."""
        self.limit = reply.limit
        self._served_at = now + reply.wait
        self._workers = max(1, reply.workers)

    def too_late(
        self,
        deadline: float,
        *,
        ahead: int,
        now: float,
        hold: float,
        paused_until: float,
    ) -> DeadlineExceeded | None:
        """Return why a turn is expected too late; None where it is not.

        Args:
            deadline: When the turn is needed.
            ahead: How many of this process are served before.
            now: The time.
            hold: Seconds for which a call has its slot, at least.
            paused_until: When the server's pause ends.
        """
        # The workers take turns: one of each is served before our next one is.
        pace = hold * self._workers / max(1, math.floor(self.limit))
        at = max(now, self._served_at, paused_until) + ahead * pace
        return too_late(deadline, at=at, now=now, ahead=ahead)
