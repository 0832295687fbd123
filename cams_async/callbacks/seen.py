"""Which events were received before, in memory or in Redis."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from cams_async.callbacks.events import Event
from cams_async.config import check, is_positive, is_whole

KEEP: Final = 7 * 86_400.0
"""Seconds for which an event is remembered."""


SECONDS_ABOVE_0: Final = "must be a finite number of seconds above 0"


class Seen(Protocol):
    """The events that were received before.

    `claim` marks an event as pending, `done` as handled, and `release` forgets it.
    """

    async def claim(self, events: Sequence[Event]) -> Sequence[bool]:
        """Mark events as pending; return for each whether it is new."""
        ...

    async def done(self, events: Sequence[Event]) -> None:
        """Mark events as handled."""
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

    def __len__(self) -> int:
        return len(self._expiry)

    async def claim(self, events: Sequence[Event]) -> Sequence[bool]:
        """Mark events as received; return for each whether it is new."""
        return [self._claim(each) for each in events]

    def _claim(self, event: Event) -> bool:
        now = self._clock()
        if self._expiry.get(event.key, now) > now:
            return False
        self._expiry.pop(event.key, None)
        self._expiry[event.key] = now + min(
            self._keep, event.duplicate_for or self._keep
        )
        if len(self._expiry) > self._max:
            self._expiry.popitem(last=False)
        return True

    async def done(self, events: Sequence[Event]) -> None:
        """Do nothing: an event is remembered from its claim."""

    async def release(self, events: Sequence[Event]) -> None:
        """Forget events that were claimed and not accepted."""
        for each in events:
            self._expiry.pop(each.key, None)


class RedisSeen:
    """The events that all processes have received, in Redis.

    An event is pending for `lease` seconds, so that one that is lost in a crash before
    it was handled is accepted again when the service repeats it.

    Args:
        client: A `redis.asyncio.Redis`, which you close.
        prefix: The start of the keys in Redis.
        lease: Seconds for which an event is pending: longer than its handling takes.
        keep: Seconds for which a handled event is remembered, unless it is a duplicate
            for a shorter time.

    Raises:
        ConfigurationError: An argument is invalid; `field` names it.
    """

    def __init__(
        self,
        client: Any,
        *,
        prefix: str = "cams_async:seen:",
        lease: float = 600.0,
        keep: float = KEEP,
    ) -> None:
        for name, value in (("lease", lease), ("keep", keep)):
            check(is_positive(value), name, SECONDS_ABOVE_0)
        self._client = client
        self._prefix = prefix
        self._lease = lease
        self._keep = keep

    async def claim(self, events: Sequence[Event]) -> Sequence[bool]:
        """Mark events as pending; return for each whether it is new."""
        pipeline = self._client.pipeline(transaction=False)
        for each in events:
            age = _milliseconds(min(self._lease, each.duplicate_for or self._lease))
            pipeline.set(self._prefix + each.key, "pending", nx=True, px=age)
        return [bool(each) for each in await pipeline.execute()]

    async def done(self, events: Sequence[Event]) -> None:
        """Mark events as handled."""
        pipeline = self._client.pipeline(transaction=False)
        for each in events:
            age = _milliseconds(min(self._keep, each.duplicate_for or self._keep))
            pipeline.set(self._prefix + each.key, "done", px=age)
        await pipeline.execute()

    async def release(self, events: Sequence[Event]) -> None:
        """Forget events that were claimed and not accepted."""
        if events:
            await self._client.delete(*(self._prefix + each.key for each in events))


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
