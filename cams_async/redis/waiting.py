"""The queue of this process in one scope."""

import math
from collections.abc import Callable

from cams_async.errors import CamsError, DeadlineExceeded, ThrottleUnavailable
from cams_async.redis.books import Books
from cams_async.redis.forecast import Forecast
from cams_async.redis.permit import RedisPermit
from cams_async.redis.step import Reply
from cams_async.throttle.queue import TicketQueue

PATIENCE = 30.0
"""Seconds that a call without a deadline waits during an outage of Redis."""


class Waiting:
    """Waiting permits in order; those expected too late are dismissed.

    Args:
        books: The clock, the pause, and how long a slot is held.
        ceiling: Calls per second.
    """

    def __init__(self, books: Books, ceiling: float) -> None:
        self._books = books
        self._line: TicketQueue[RedisPermit] = TicketQueue()
        self._forecast = Forecast(ceiling)

    def __len__(self) -> int:
        return len(self._line)

    def __bool__(self) -> bool:
        return bool(self._line)

    @property
    def limit(self) -> float:
        """The limit on slots, from the last reply."""
        return self._forecast.limit

    def hear(self, reply: Reply) -> None:
        """Update the forecast from a reply."""
        self._forecast.hear(reply, self._books.now())

    # Coming and going

    def join(self, permit: RedisPermit) -> None:
        """Join the queue: at the end, or in front with the ticket of an earlier permit.

        Raises:
            DeadlineExceeded: The permit is expected too late.
        """
        if permit.ticket:
            ahead = self._line.rejoin(permit.ticket, permit)
        else:
            ahead = len(self._line)
            permit.ticket = self._line.join(permit)
        error = self._too_late(permit, ahead)
        if error is not None:
            self._line.leave(permit.ticket)
            raise error
        if len(self._line) == 1:
            self._forecast.begin()

    def leave(self, permit: RedisPermit) -> None:
        """Give up a place, if there is one."""
        self._line.leave(permit.ticket)

    def serve(self) -> RedisPermit:
        """Take out the first one."""
        return self._line.serve()

    # Dismissals

    def dismiss_all(self, error: Callable[[], CamsError]) -> None:
        """End every wait with its own error."""
        for ticket, permit in list(self._line):
            self._dismiss(ticket, permit, error())

    def dismiss_late(self, *, all_of_them: bool) -> None:
        """Dismiss permits that are expected too late: all, or only the first few."""
        ahead = 0
        for ticket, permit in list(self._line):
            error = self._too_late(permit, ahead)
            if error is not None:
                self._dismiss(ticket, permit, error)
            elif not all_of_them:
                break
            else:
                ahead += 1

    def dismiss_impatient(self, since: float, reason: str) -> None:
        """Dismiss calls that have waited too long in an outage since then."""
        now = self._books.now()
        for ticket, permit in list(self._line):
            until = permit.deadline
            if until == math.inf:
                until = max(since, permit.entered) + PATIENCE
            if until <= now:
                message = f"Redis is away: {reason}"
                self._dismiss(ticket, permit, ThrottleUnavailable(message))

    def _dismiss(self, ticket: int, permit: RedisPermit, error: CamsError) -> None:
        self._line.leave(ticket)
        permit.fail(error)

    def _too_late(self, permit: RedisPermit, ahead: int) -> DeadlineExceeded | None:
        if permit.deadline == math.inf:
            return None
        return self._forecast.too_late(
            permit.deadline,
            ahead=ahead,
            now=self._books.now(),
            hold=self._books.hold,
            paused_until=self._books.paused_until,
        )
