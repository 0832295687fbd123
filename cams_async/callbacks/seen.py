"""Which events were received before, in memory or in Redis."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, Protocol, TypeAlias

from cams_async.callbacks.events import Event
from cams_async.config import check, is_positive, is_whole

KEEP: Final = 7 * 86_400.0
"""Seconds for which an event is remembered."""

LEASE: Final = 10.0
"""Seconds for which an event is pending: more than a request takes, and less than the
minute after which a notification is sent again, as assumed."""

Claim: TypeAlias = Literal["new", "pending", "seen"]
"""What is known of an event: nothing; that another request claimed it and has not
accepted it yet; or that it was accepted."""

SECONDS_ABOVE_0: Final = "must be a finite number of seconds above 0"


class Seen(Protocol):
    """The events that were received before.

    `claim` marks new events as pending, `done` as accepted, and `release` forgets them.
    A notification with an event that another request has pending is refused: if that
    request fails, the service must send the event again.
    """

    async def claim(self, events: Sequence[Event]) -> Sequence[Claim]:
        """Mark the new ones of events as pending; return for each what was known."""
        ...

    async def done(self, events: Sequence[Event]) -> None:
        """Mark events as accepted."""
        ...

    async def release(self, events: Sequence[Event]) -> None:
        """Forget events that were claimed and not accepted."""
        ...


class SeenEvents:
    """The events that this process has received, at most `max_events` of them.

    Args:
        max_events: The most events that are remembered; the oldest are forgotten first.
        keep: Seconds for which an event is remembered, unless it is a duplicate for a
            shorter time.
        clock: Returns the time in seconds.

    Raises:
        ConfigurationError: An argument is invalid; `field` names it.
    """

    def __init__(
        self,
        *,
        max_events: int = 100_000,
        keep: float = KEEP,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check(is_whole(max_events), "max_events", "must be a whole number above 0")
        check(is_positive(keep), "keep", SECONDS_ABOVE_0)
        self._max = max_events
        self._keep = keep
        self._clock = clock
        self._expiry: OrderedDict[str, float] = OrderedDict()
        self._pending: set[str] = set()

    def __len__(self) -> int:
        return len(self._expiry)

    async def claim(self, events: Sequence[Event]) -> Sequence[Claim]:
        """Mark the new ones of events as pending; return for each what was known."""
        return [self._claim(each) for each in events]

    def _claim(self, event: Event) -> Claim:
        now = self._clock()
        if self._expiry.get(event.key, now) > now:
            return "pending" if event.key in self._pending else "seen"
        self._forget(event.key)
        self._expiry[event.key] = now + min(
            self._keep, event.duplicate_for or self._keep
        )
        self._pending.add(event.key)
        if len(self._expiry) > self._max:
            self._forget(next(iter(self._expiry)))
        return "new"

    def _forget(self, key: str) -> None:
        self._expiry.pop(key, None)
        self._pending.discard(key)

    async def done(self, events: Sequence[Event]) -> None:
        """Mark events as accepted."""
        self._pending.difference_update(each.key for each in events)

    async def release(self, events: Sequence[Event]) -> None:
        """Forget events that were claimed and not accepted."""
        for each in events:
            self._forget(each.key)


class RedisSeen:
    """The events that all processes have received, in Redis.

    An event is pending for at most `lease` seconds. One whose request ended in a crash,
    or in a fault of Redis, is new again when the service repeats it later.

    Args:
        client: A `redis.asyncio.Redis`, which you close.
        prefix: The start of the keys in Redis.
        lease: Seconds for which an event is pending: longer than a request takes.
        keep: Seconds for which an accepted event is remembered, unless it is a
            duplicate for a shorter time.

    Raises:
        ConfigurationError: An argument is invalid; `field` names it.
    """

    def __init__(
        self,
        client: Any,
        *,
        prefix: str = "cams_async:seen:",
        lease: float = LEASE,
        keep: float = KEEP,
    ) -> None:
        for name, value in (("lease", lease), ("keep", keep)):
            check(is_positive(value), name, SECONDS_ABOVE_0)
        self._client = client
        self._prefix = prefix
        self._lease = lease
        self._keep = keep

    async def claim(self, events: Sequence[Event]) -> Sequence[Claim]:
        """Mark the new ones of events as pending; return for each what was known."""
        pipeline = self._client.pipeline(transaction=False)
        for each in events:
            key = self._prefix + each.key
            age = _milliseconds(min(self._lease, each.duplicate_for or self._lease))
            pipeline.set(key, "pending", nx=True, px=age)
            pipeline.get(key)
        replies = await pipeline.execute()
        return [
            _claim(is_set, value)
            for is_set, value in zip(replies[::2], replies[1::2], strict=True)
        ]

    async def done(self, events: Sequence[Event]) -> None:
        """Mark events as accepted."""
        pipeline = self._client.pipeline(transaction=False)
        for each in events:
            age = _milliseconds(min(self._keep, each.duplicate_for or self._keep))
            pipeline.set(self._prefix + each.key, "done", px=age)
        await pipeline.execute()

    async def release(self, events: Sequence[Event]) -> None:
        """Forget events that were claimed and not accepted."""
        if events:
            await self._client.delete(*(self._prefix + each.key for each in events))


def _claim(is_set: object, value: object) -> Claim:
    if is_set:
        return "new"
    # A value that has expired in between was pending or seen: the safe one of them.
    return "seen" if value in (b"done", "done") else "pending"


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
