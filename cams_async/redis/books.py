"""This worker's slots, and the events not yet sent to Redis."""

import math
from collections.abc import Callable, Sequence

from cams_async.redis.permit import RedisPermit
from cams_async.redis.slots import Slots
from cams_async.redis.step import News, Reply
from cams_async.throttle.leases import AcknowledgedAt
from cams_async.throttle.limiter import LONGEST_PAUSE

KEEP_AFTER = 1 / 3
"""The share of its grace after which a slot that is still unused is extended."""


class Books:
    """One worker's slots in one scope.

    Events are delivered at least once; duplicates and delays are harmless.

    Args:
        now: Returns the time of the event loop.
        nudge: Called when an event should be sent at once.
        hold: Seconds from the response until a slot returns.
        max_transit: The most seconds from a send to its arrival.
        grace: Seconds within which a request must be sent.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        nudge: Callable[[], None],
        hold: float,
        max_transit: float,
        grace: float,
    ) -> None:
        self.now = now
        self.urgent: bool = False
        """Whether an event should be sent at once."""

        self.paused_until: float = -math.inf
        self._nudge = nudge
        self._grace = grace
        self._lease = grace + max_transit + hold
        self._news: list[News] = []
        self._held: dict[str, RedisPermit] = {}
        self._slots = Slots(hold=hold, max_transit=max_transit)

    @property
    def hold(self) -> float:
        """Seconds from the response until a slot returns."""
        return self._slots.hold

    # Slots

    def grant(self, call: str, permit: RedisPermit, until: float) -> None:
        """Give a slot to a permit, whose request must be sent by then."""
        self._slots.taken(self.now())
        self._slots.take(call)
        self._held[call] = permit
        permit.wake(RedisGrant(self, call, until))

    def sent(self, call: str) -> None:
        """Mark a request as sent."""
        now = self.now()
        self._held.pop(call, None)
        self._slots.sent(call, now)
        # The lease allows for a later send, so this event is not urgent.
        self._news.append(News("sent", call, now))
        if not self._held:
            self._nudge()  # there is nothing to extend

    def completed(self, call: str) -> None:
        """Mark a call as completed."""
        now = self.now()
        self._slots.completed(call, now)
        self.tell(News("answered", call, now))

    def refused(self, call: str, sent: float, retry_after: float | None) -> None:
        """Report a throttled response."""
        now = self.now()
        pause = min(retry_after or 0.0, LONGEST_PAUSE)
        self.pause(now + pause)
        self.tell(News("refused", call, sent))
        if pause > 0:
            self.tell(News("pause", call, now, pause))

    def pause(self, until: float) -> None:
        """Use no slot until then."""
        self.paused_until = max(self.paused_until, until)

    def lost(self, call: str, sent: float) -> None:
        """Mark a call as abandoned: its response will not be seen."""
        self._slots.left(call)
        self.tell(News("sent", call, sent))

    def unused(self, call: str) -> None:
        """A slot is given back."""
        self._held.pop(call, None)
        self._slots.release(call)
        self.tell(News("unused", call, self.now()))

    def hold_for(self, seconds: float) -> None:
        """Hold slots for so long from now on."""
        self._lease += seconds - self._slots.hold
        self._slots.lengthen(seconds)

    # Events for Redis

    def tell(self, news: News) -> None:
        """Queue an event and send it at once."""
        self._news.append(news)
        self.urgent = True
        self._nudge()

    def take(self) -> Sequence[News]:
        """Remove and return the queued events."""
        news, self._news, self.urgent = self._news, [], False
        return news

    def put_back(self, news: Sequence[News]) -> None:
        """Queue events again that may not have arrived, unless they have expired."""
        now = self.now()
        kept = [each for each in news if now < each.at + each.seconds + self._lease]
        self._news = [*kept, *self._news]
        self.urgent = self.urgent or bool(kept)

    # Slots whose call has not left yet

    @property
    def holding(self) -> bool:
        """Whether a call that has its slot has not left yet."""
        return bool(self._held)

    def keep_at(self) -> float:
        """Return when the next of them has to be extended."""
        now = self.now()
        ends = map(_until, self._held.values())
        # Those whose time has run out are on their way back already.
        first = min((end for end in ends if end > now), default=math.inf)
        return first - self._grace * (1 - KEEP_AFTER)

    def keeps(self) -> list[News]:
        """Return the events that extend those which end soon."""
        now = self.now()
        soon = now + self._grace * (1 - KEEP_AFTER / 2)
        return [
            News("keep", call, now)
            for call, permit in self._held.items()
            if now < _until(permit) <= soon
        ]

    def kept(self, keeps: Sequence[News], reply: Reply, until: float) -> None:
        """Extend the slots that are still this worker's, and expire the others."""
        for each in keeps:
            permit = self._held.get(each.call)
            if permit is not None:
                permit.extend(self.now() if each.call in reply.lost else until)

    # Statistics

    def counts(self) -> tuple[int, int]:
        """Return how many calls may still complete, and how many slots are cooling."""
        return self._slots.counts(self.now())


class RedisGrant:
    """A slot of Redis that one call holds."""

    __slots__ = ("_answered", "_books", "_call", "_sent_at", "until")

    def __init__(self, books: Books, call: str, until: float) -> None:
        self.until: float = until
        self._books = books
        self._call = call
        self._sent_at = math.inf
        self._answered = False

    def sent(self, acknowledged_at: AcknowledgedAt | None) -> None:
        """Mark the request as sent now."""
        del acknowledged_at  # a slot of Redis returns without evidence
        self._sent_at = self._books.now()
        self._books.sent(self._call)

    def completed(self) -> None:
        """Mark the call as completed."""
        if not self._answered:
            self._answered = True
            self._books.completed(self._call)

    def refused(self, retry_after: float | None) -> None:
        """Report a throttled response."""
        self._books.refused(self._call, self._sent_at, retry_after)

    def left(self) -> None:
        """End the permit."""
        if self._sent_at == math.inf:
            self._books.unused(self._call)
        elif not self._answered:
            self._books.lost(self._call, self._sent_at)


def _until(permit: RedisPermit) -> float:
    return math.inf if permit.grant is None else permit.grant.until
