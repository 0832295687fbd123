"""The adaptive limit on leases: the ceiling, or less after throttled responses."""

import math

SHRINK = 0.7
SHRINK_EVERY = 1.0
GROW_EVERY = 2.0
GROW_EVERY_QUIET = 0.5
QUIET_AFTER = 6.0


class AdaptiveLimit:
    """Additive increase, multiplicative decrease, between 1 and the ceiling.

    A refusal shrinks the limit to seven tenths, at most once a second. It grows
    each 2 s, and each 0.5 s once 6 s have passed without a refusal: by one, or by
    a tenth of a ceiling above 10, so that a high one is not crippled for minutes.
    """

    __slots__ = ("_changed", "_excess", "_refused", "_shrunk", "ceiling", "value")

    def __init__(self, ceiling: float) -> None:
        self.ceiling: float = max(1.0, ceiling)
        self.value: float = self.ceiling
        self._changed = self._refused = self._shrunk = -math.inf
        self._excess = False

    def change(self, ceiling: float) -> None:
        """Go on with another ceiling; a higher one adds what it has more."""
        before, self.ceiling = self.ceiling, max(1.0, ceiling)
        more = max(0.0, self.ceiling - before)
        self.value = min(self.value + more, self.ceiling)

    def leases(self, now: float) -> int:
        """Return how many leases may be held, after what is due has happened."""
        if not self._excess and self.value >= self.ceiling:
            return math.floor(self.value)
        # Due at a fixed moment: the limit is read at any time later, or never.
        due = max(self._shrunk + SHRINK_EVERY, self._refused)
        if self._excess and due <= now:
            self._excess = False
            self.value = max(1.0, self.value * SHRINK)
            self._shrunk = due
            # Leases beyond the limit take as long to come back: only then does it show.
            self._changed = due + SHRINK_EVERY
        self._grow(now)
        return math.floor(self.value)

    def _grow(self, now: float) -> None:
        while (at := self.next_growth()) is not None and at <= now:
            self.value = min(self.ceiling, self.value + max(1.0, self.ceiling / 10))
            self._changed = at

    def next_growth(self) -> float | None:
        """Return when the limit grows next, or None while it is the ceiling."""
        if self.value >= self.ceiling:
            return None
        quiet = max(self._refused + QUIET_AFTER, self._changed + GROW_EVERY_QUIET)
        return min(self._changed + GROW_EVERY, quiet)

    def refused(self, sent: float, now: float) -> None:
        """Record a throttled response to a call that was sent then."""
        self.leases(now)
        self._refused = now
        self._changed = max(self._changed, now)
        # A call sent before the last shrink is no evidence about the present limit.
        if sent >= self._shrunk:
            self._excess = True
        self.leases(now)
