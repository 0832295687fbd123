"""What RedisThrottle could have been instead: three other ways to share slots.

Good enough to be measured fairly: of each process only the head of the line asks Redis,
scripts decide on the clock of Redis, and nobody waits for what an answer writes. What
happens when Redis is away is left out.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import asynccontextmanager
from itertools import count
from secrets import token_hex
from typing import Any, ClassVar

from redis.asyncio import Redis

from cams_async import Permit, Scope, Snapshot

LATE = 1_000
"""J, in milliseconds: a request arrives within it, or never."""

HOLD = 1_010
"""Milliseconds that a slot is held after the answer."""

NOW = """\
local time = redis.call("TIME")
local now = time[1] * 1000 + time[2] / 1000
"""


def connect(url: str) -> Any:
    """Return a client of Redis: untyped, as redis-py is typed by halves only."""
    # A blocking pop takes as long as it takes.
    return Redis.from_url(url, socket_timeout=None)  # pyright: ignore[reportUnknownMemberType] - see above


class SlotPermit:
    """A turn that remembers what became of it."""

    waited = 0.0
    ticket = 0

    def __init__(self) -> None:
        self.is_sent = False
        self.is_answered = False

    def sent(self) -> bool:
        """Take note."""
        self.is_sent = True
        return True

    def completed(self) -> None:
        """Take note."""
        self.is_answered = True

    def throttled(self, retry_after: float | None, *, counted: bool = True) -> None:
        """Take note of a refusal."""
        del retry_after
        self.is_answered = self.is_answered or counted


class Alternative(ABC):
    """A line in each process, whose head takes a slot from Redis."""

    def __init__(self, url: str, ceiling: float) -> None:
        self._redis = connect(url)
        self._slots = int(ceiling)
        self._lines: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._writing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def acquire(
        self,
        scope: Scope,
        *,
        ticket: int | None = None,
        deadline: float | None = None,
    ) -> AsyncGenerator[Permit, None]:
        """Wait in the line of this process, then for a slot."""
        del ticket, deadline
        key = f"{scope.account}:{scope.action}"
        async with self._lines[key]:
            slot = await self.take(key)
        permit = SlotPermit()
        try:
            yield permit
        finally:
            if not permit.is_sent or permit.is_answered:
                hold = HOLD if permit.is_answered else 0
                self._write(self.give(key, slot, hold))

    def snapshot(self) -> Mapping[Scope, Snapshot]:
        """Return nothing."""
        return {}

    async def aclose(self) -> None:
        """Write what is still to be written."""
        await asyncio.gather(*self._writing)
        await self._redis.aclose()

    def _write(self, giving: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(giving)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    @abstractmethod
    async def take(self, key: str) -> str:
        """Wait for a slot and return its name."""

    @abstractmethod
    async def give(self, key: str, slot: str, hold: int) -> None:
        """Give a slot back, so many milliseconds from now."""


class PolledLeases(Alternative):
    """Take a slot if one is free, else sleep until the next one returns, and ask again.

    Slots are leases that end by themselves. There is no queue: all heads wake up for
    one slot.
    """

    TAKE: ClassVar = f"""{NOW}
        redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", now)
        if redis.call("ZCARD", KEYS[1]) < tonumber(ARGV[1]) then
            redis.call("ZADD", KEYS[1], now + ARGV[3], ARGV[2])
            redis.call("PEXPIRE", KEYS[1], 60000)
            return 0
        end
        local first = redis.call("ZRANGE", KEYS[1], 0, 0, "WITHSCORES")
        return math.ceil(first[2] - now)
        """

    GIVE: ClassVar = f"""{NOW}
        redis.call("ZADD", KEYS[1], "XX", now + ARGV[2], ARGV[1])
        """

    def __init__(self, url: str, ceiling: float) -> None:
        super().__init__(url, ceiling)
        self._take = self._redis.register_script(self.TAKE)
        self._give = self._redis.register_script(self.GIVE)
        self._me = token_hex(4)
        self._count = count()

    async def take(self, key: str) -> str:
        """Ask until a slot is free."""
        slot = f"{self._me}:{next(self._count)}"
        arguments = [self._slots, slot, LATE + HOLD]
        while wait := await self._take(keys=[key], args=arguments):  # noqa: ASYNC110 - it polls
            # The next to return may be answered before its lease ends.
            await asyncio.sleep(min(wait, HOLD) / 1000)
        return slot

    async def give(self, key: str, slot: str, hold: int) -> None:
        """Shorten the lease."""
        await self._give(keys=[key], args=[slot, hold])


class BlockingPop(Alternative):
    """Pop a slot from a list, and block while it is empty: Redis keeps the queue.

    A slot must be pushed back when it has cooled, so a process that ends has to wait
    for its slots, and those of one that died are reaped by whoever gives back the next.
    """

    SEED: ClassVar = """
        if redis.call("SET", KEYS[1] .. ":seeded", 1, "NX") then
            for slot = 1, ARGV[1] do redis.call("RPUSH", KEYS[1], slot) end
        end
        """

    GIVE: ClassVar = f"""{NOW}
        local taken, seen = KEYS[1] .. ":taken", KEYS[1] .. ":seen"
        local function back(slot)
            redis.call("HDEL", seen, slot)
            if redis.call("LREM", taken, 1, slot) == 1 then
                redis.call("RPUSH", KEYS[1], slot)
            end
        end
        back(ARGV[1])
        for _, slot in ipairs(redis.call("LRANGE", taken, 0, -1)) do
            local first = redis.call("HGET", seen, slot)
            if not first then
                redis.call("HSET", seen, slot, now)
            elseif now - first > tonumber(ARGV[2]) then
                back(slot)
            end
        end
        """

    def __init__(self, url: str, ceiling: float) -> None:
        super().__init__(url, ceiling)
        self._seed = self._redis.register_script(self.SEED)
        self._give = self._redis.register_script(self.GIVE)
        self._seeded: set[str] = set()

    async def take(self, key: str) -> str:
        """Block until a slot is pushed."""
        if key not in self._seeded:
            await self._seed(keys=[key], args=[self._slots])
            self._seeded.add(key)
        taken: bytes = await self._redis.execute_command(
            "BLMOVE", key, f"{key}:taken", "LEFT", "RIGHT", 0
        )
        return taken.decode()

    async def give(self, key: str, slot: str, hold: int) -> None:
        """Push the slot when it has cooled."""
        await asyncio.sleep(hold / 1000)
        await self._give(keys=[key], args=[slot, 2 * LATE + HOLD])


class Window(Alternative):
    """Reserve a time to send at: N in any 1.1 s. What the network does is not asked.

    One round trip for a call; it holds while jitter is below the 0.1 s to spare.
    """

    WINDOW = 1_100

    TAKE: ClassVar = f"""{NOW}
        local at = now
        local oldest = redis.call("LINDEX", KEYS[1], -ARGV[1])
        if oldest then at = math.max(now, oldest + ARGV[2]) end
        redis.call("RPUSH", KEYS[1], at)
        redis.call("LTRIM", KEYS[1], -ARGV[1], -1)
        redis.call("PEXPIRE", KEYS[1], 60000)
        return math.ceil(at - now)
        """

    def __init__(self, url: str, ceiling: float) -> None:
        super().__init__(url, ceiling)
        self._take = self._redis.register_script(self.TAKE)

    async def take(self, key: str) -> str:
        """Reserve a time and wait for it."""
        wait = await self._take(keys=[key], args=[self._slots, self.WINDOW])
        await asyncio.sleep(wait / 1000)
        return ""

    async def give(self, key: str, slot: str, hold: int) -> None:
        """Do nothing: times pass by themselves."""
