"""What this worker holds, and what Redis has not been told of it yet."""

import math
from collections.abc import Callable, Sequence

from cams_async.redis.permit import RedisPermit
from cams_async.redis.step import News, Reply
from cams_async.throttle.lane import LONGEST_PAUSE
from cams_async.throttle.slots import Slots

KEEP_AFTER = 1 / 3
"""The share of its grace after which a slot that is still unused is asked for anew."""


class Books:
    """One worker's slots in one scope.

    News are told at least once: telling them twice, or late, does no harm.

    Args:
        now: Tells the time of the event loop.
        nudge: Called when there is something that Redis should hear at once.
        hold: Seconds from the answer until a slot returns.
        late: J, in seconds.
        grace: Seconds within which a call must have left.
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
        """Whether Redis should be told something at once."""

        self.paused_until: float = -math.inf
        self._nudge = nudge
        self._grace = grace
        self._lease = grace + max_transit + hold
        self._news: list[News] = []
        self._held: dict[str, RedisPermit] = {}
        self._slots = Slots(hold=hold, max_transit=max_transit)

    @property
    def hold(self) -> float:
        """Seconds from the answer until a slot returns."""
        return self._slots.hold

    # Slots

    def grant(self, call: str, permit: RedisPermit, until: float) -> None:
        """Give a slot to a turn, which must have left until then."""
        self._slots.taken(self.now())
        self._slots.take(call)
        self._held[call] = permit
        permit.wake(RedisGrant(self, call, until))

    def sent(self, call: str) -> None:
        """A request leaves."""
        now = self.now()
        self._held.pop(call, None)
        self._slots.sent(call, now)
        # The lease allowed for a later send; whoever is told of it anyhow may hear it.
        self._news.append(News("sent", call, now))
        if not self._held:
            self._nudge()  # there is nothing to ask for anew

    def completed(self, call: str) -> None:
        """An answer is here."""
        now = self.now()
        self._slots.completed(call, now)
        self.tell(News("answered", call, now))

    def refused(self, call: str, sent: float, retry_after: float | None) -> None:
        """An answer was a refusal."""
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
        """Nobody waits for an answer any more."""
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

    # What Redis is told

    def tell(self, news: News) -> None:
        """Let Redis know at once."""
        self._news.append(news)
        self.urgent = True
        self._nudge()

    def take(self) -> Sequence[News]:
        """Take out what there is to tell."""
        news, self._news, self.urgent = self._news, [], False
        return news

    def put_back(self, news: Sequence[News]) -> None:
        """Take back what may not have arrived, as far as it still matters."""
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
        """Return when the next of them has to be asked for anew."""
        now = self.now()
        ends = map(_until, self._held.values())
        # Those whose time has run out are on their way back already.
        first = min((end for end in ends if end > now), default=math.inf)
        return first - self._grace * (1 - KEEP_AFTER)

    def keeps(self) -> list[News]:
        """Return what asks for those anew whose time has come, or nearly."""
        now = self.now()
        soon = now + self._grace * (1 - KEEP_AFTER / 2)
        return [
            News("keep", call, now)
            for call, permit in self._held.items()
            if now < _until(permit) <= soon
        ]

    def kept(self, keeps: Sequence[News], reply: Reply, until: float) -> None:
        """Hear which slots are still this worker's: the others must not be used."""
        for each in keeps:
            permit = self._held.get(each.call)
            if permit is not None:
                permit.extend(self.now() if each.call in reply.lost else until)

    # For those who look

    def counts(self) -> tuple[int, int]:
        """Return how many calls may still be answered, and how many slots cool."""
        return self._slots.counts(self.now())


class RedisGrant:
    """A slot of Redis's, in the hands of one call."""

    __slots__ = ("_answered", "_books", "_call", "_sent_at", "until")

    def __init__(self, books: Books, call: str, until: float) -> None:
        self.until: float = until
        self._books = books
        self._call = call
        self._sent_at = math.inf
        self._answered = False

    def sent(self) -> None:
        """The request leaves now."""
        self._sent_at = self._books.now()
        self._books.sent(self._call)

    def completed(self) -> None:
        """The answer is here."""
        if not self._answered:
            self._answered = True
            self._books.completed(self._call)

    def refused(self, retry_after: float | None) -> None:
        """The answer was a refusal."""
        self._books.refused(self._call, self._sent_at, retry_after)

    def left(self) -> None:
        """The turn has ended."""
        if self._sent_at == math.inf:
            self._books.unused(self._call)
        elif not self._answered:
            self._books.lost(self._call, self._sent_at)


def _until(permit: RedisPermit) -> float:
    return math.inf if permit.grant is None else permit.grant.until
