"""Forecast when a place in the queue gets a permit."""

from attrs import frozen

from cams_async.errors import DeadlineExceeded
from cams_async.throttle.slots import Slots


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


@frozen
class Forecast:
    """The expected times of permits, as if all calls in flight completed now."""

    now: float
    """Time of the forecast."""

    returns: list[float]
    """Expected times at which each slot is free, in order."""

    hold: float
    """Seconds from then on until it is free again."""

    paused_until: float
    """Time at which the server's pause ends."""

    def too_late(self, deadline: float, ahead: int) -> DeadlineExceeded | None:
        """Return an error if a permit with so many ahead is too late, else None."""
        laps, place = divmod(ahead, len(self.returns))
        free = self.returns[place] + laps * self.hold
        at = max(self.now, free, self.paused_until)
        return too_late(deadline, at=at, now=self.now, ahead=ahead)


def expect(slots: Slots, count: int, now: float, paused_until: float) -> Forecast:
    """Make a forecast for so many slots."""
    taken = slots.expected_returns(now)
    free = [now] * (count - len(taken))
    # With more slots taken than may be, the first to return are not handed out again.
    returns = free + taken[max(0, len(taken) - count) :]
    return Forecast(now, returns, slots.hold, paused_until)
