"""The slots of one ceiling, as plain numbers.

There are no timers and nothing is scheduled: the caller reads when the next slot
returns.
"""

from collections import OrderedDict, deque
from collections.abc import Hashable
from itertools import repeat


class Slots:
    """A table of taken slots. All times are seconds of the caller's clock.

    A slot is *held* from its grant to the send, *unanswered* until the response or
    until `max_transit` has passed, and *cooling* until it returns. Sends and responses
    are recorded as they happen, so both queues are in order of time.

    Calls are identified, not only counted, so a report that is duplicated, late or of
    a call that `cool` has removed never frees a slot.
    """

    __slots__ = ("_cooling", "_held", "_left", "_max_transit", "_unanswered", "hold")

    def __init__(self, *, hold: float, max_transit: float) -> None:
        self.hold: float = hold
        self._max_transit = max_transit
        self._held: set[Hashable] = set()
        self._left: set[Hashable] = set()
        self._unanswered: OrderedDict[Hashable, float] = OrderedDict()
        self._cooling: deque[float] = deque()

    def take(self, call: Hashable) -> None:
        """Grant a slot."""
        self._held.add(call)

    def release(self, call: Hashable) -> None:
        """Give back a slot whose call was never sent."""
        self._held.discard(call)

    def sent(self, call: Hashable, now: float) -> None:
        """Mark the call of a held slot as sent now."""
        self._held.discard(call)
        self._unanswered[call] = now

    def completed(self, call: Hashable, now: float) -> None:
        """Mark a call as completed: its slot returns `hold` later.

        A response later than `max_transit` does not change the slot: it is about to
        return, or has returned, without it.
        """
        sent = self._unanswered.get(call)
        if sent is not None and now < sent + self._max_transit:
            del self._unanswered[call]
            self._left.discard(call)
            self._cooling.append(now + self.hold)
        else:
            self.left(call)

    def left(self, call: Hashable) -> None:
        """Mark a call as abandoned: its response will not be seen."""
        if call in self._unanswered:
            self._left.add(call)

    def lengthen(self, hold: float) -> None:
        """Hold slots longer from now on, those that are taken included."""
        self._cooling = deque(at + hold - self.hold for at in self._cooling)
        self.hold = hold

    def cool(self, count: int, until: float) -> None:
        """Reset, with so many slots taken until then."""
        self._held.clear()
        self._left.clear()
        self._unanswered.clear()
        self._cooling = deque(repeat(until, count))

    def taken(self, now: float) -> int:
        """Return how many slots are taken, after those due have come back."""
        while self._cooling and self._cooling[0] <= now:
            self._cooling.popleft()
        while (at := self._oldest_returns()) is not None and at <= now:
            call, _ = self._unanswered.popitem(last=False)
            self._left.discard(call)
        return len(self._held) + len(self._unanswered) + len(self._cooling)

    def next_return(self) -> float | None:
        """Return when the next slot returns by itself; None while none does."""
        oldest = self._oldest_returns()
        if not self._cooling:
            return oldest
        return self._cooling[0] if oldest is None else min(self._cooling[0], oldest)

    def expected_returns(self, now: float) -> list[float]:
        """Return when each taken slot returns, as if all responses came now."""
        soon = now + self.hold
        returns = [soon] * len(self._held)
        for call, sent in self._unanswered.items():
            alone = sent + self._max_transit + self.hold
            returns.append(alone if call in self._left else min(alone, soon))
        returns += self._cooling
        return sorted(returns)

    def counts(self, now: float) -> tuple[int, int]:
        """Return how many calls may still complete, and how many slots are cooling.

        Nothing is changed and only copies are read, so any thread may call it.
        """
        since = now - self._max_transit - self.hold
        left = self._left.copy()
        calls = [call for call, sent in list(self._unanswered.items()) if sent > since]
        cooling = [at for at in list(self._cooling) if at > now]
        answerable = sum(call not in left for call in calls)
        lost = len(calls) - answerable
        return len(self._held) + answerable, len(cooling) + lost

    def _oldest_returns(self) -> float | None:
        for sent in self._unanswered.values():
            return sent + self._max_transit + self.hold
        return None
