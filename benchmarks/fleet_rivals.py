"""What people use to share a ceiling through Redis, behind the throttle's own seam.

Each is used as its own documentation tells to wait for a turn. They are imported only
where they are used: a process of the fleet holds one of them.
"""

# ruff: noqa: PLC0415 - as above; and the tests run without what only `.[bench]` has

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from attrs import frozen

from benchmarks.fleet_alternatives import BlockingPop, PolledLeases, Window, connect
from benchmarks.rivals import BarePermit
from cams_async import Permit, Scope, Snapshot, Throttle

Make: TypeAlias = Callable[[str, float, Mapping[str, Any]], Awaitable[Throttle]]
"""Makes a throttle from the URL of a Redis, a ceiling and further options."""

FOREVER = 3600.0
"""Seconds; more than any call waits."""

CONNECTIONS = 1_000
"""For those that need one for each task: redis-py's own bound is 100."""


class Permits:
    """A throttle that only asks for permits, one for each call."""

    def __init__(
        self,
        acquire: Callable[[str], Awaitable[None]],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self._acquire = acquire
        self._close = close

    @asynccontextmanager
    async def acquire(
        self,
        scope: Scope,
        *,
        ticket: int | None = None,
        deadline: float | None = None,
    ) -> AsyncGenerator[Permit, None]:
        """Wait for a permit."""
        del ticket, deadline
        await self._acquire(f"{scope.account}:{scope.action}")
        yield BarePermit()

    def snapshot(self) -> Mapping[Scope, Snapshot]:
        """Return nothing: it knows nothing."""
        return {}

    async def aclose(self) -> None:
        """Close its connections."""
        await self._close()


async def _ours(url: str, ceiling: float, options: Mapping[str, Any]) -> Throttle:
    from cams_async.redis import RedisThrottle

    del ceiling  # each scope tells its own
    return RedisThrottle.from_url(url, **options)


async def _limits(url: str, ceiling: float, options: Mapping[str, Any]) -> Throttle:
    """Sleep until the window resets, as its README does, and ask again."""
    from limits import RateLimitItemPerSecond
    from limits.aio.storage import RedisStorage
    from limits.aio.strategies import MovingWindowRateLimiter

    del options
    storage = RedisStorage(
        f"async+{url}", implementation="redispy", max_connections=CONNECTIONS
    )
    limiter = MovingWindowRateLimiter(storage)
    item = RateLimitItemPerSecond(int(ceiling))

    async def acquire(key: str) -> None:
        while not await limiter.hit(item, key):
            window = await limiter.get_window_stats(item, key)
            await asyncio.sleep(max(0.0, window.reset_time - time.time()))

    async def close() -> None:
        """Its storage has nothing to close it by."""

    return Permits(acquire, close)


def _throttled(burst: Callable[[float], int]) -> Make:
    async def make(url: str, ceiling: float, options: Mapping[str, Any]) -> Throttle:
        """Wait and retry, as its README does, for as long as it takes."""
        from throttled.asyncio import RateLimiterType, Throttled
        from throttled.asyncio.store import RedisStore

        del options
        pool = {"max_connections": CONNECTIONS}
        throttled = Throttled(
            using=RateLimiterType.GCRA.value,
            quota=f"{int(ceiling)}/s burst {burst(ceiling)}",
            timeout=FOREVER,
            store=RedisStore(url, options={"CONNECTION_POOL_KWARGS": pool}),
        )

        async def acquire(key: str) -> None:
            await throttled.limit(key)

        async def close() -> None:
            """Its store has nothing to close it by."""

        return Permits(acquire, close)

    return make


async def _pyrate(url: str, ceiling: float, options: Mapping[str, Any]) -> Throttle:
    """Let its limiter block, on the bucket that it recommends for many hosts."""
    import pyrate_limiter as pyrate

    del options
    redis = connect(url)
    limiters: dict[str, pyrate.Limiter] = {}
    making = asyncio.Lock()

    async def acquire(key: str) -> None:
        async with making:
            if key not in limiters:
                rates = [pyrate.Rate(int(ceiling), pyrate.Duration.SECOND)]
                bucket: Any = pyrate.RedisBucket.init(rates, redis, key)
                limiters[key] = pyrate.Limiter(await bucket)
        await limiters[key].try_acquire_async(key)

    async def close() -> None:
        # Not the connections: tasks of its own may be reading from them.
        for limiter in limiters.values():
            limiter.close()

    return Permits(acquire, close)


def _alternative(kind: type[PolledLeases | Window | BlockingPop]) -> Make:
    async def make(url: str, ceiling: float, options: Mapping[str, Any]) -> Throttle:
        del options
        return kind(url, ceiling)

    return make


@frozen
class Limiter:
    """One way to share a ceiling."""

    name: str
    make: Make

    module: str | None = None
    """The module that must be installed; None for what is ours."""


OURS = Limiter("RedisThrottle", _ours)

ALTERNATIVES = (
    Limiter("polled leases", _alternative(PolledLeases)),
    Limiter("blocking pop", _alternative(BlockingPop)),
    Limiter("window of 1.1 s", _alternative(Window)),
)
"""What RedisThrottle could have been instead."""

RIVALS = (
    Limiter("limits, moving window", _limits, "limits"),
    Limiter("throttled-py, burst N", _throttled(int), "throttled"),
    Limiter("throttled-py, burst 1", _throttled(lambda _: 1), "throttled"),
    Limiter("pyrate-limiter, log", _pyrate, "pyrate_limiter"),
)

LIMITERS = {limiter.name: limiter for limiter in (OURS, *ALTERNATIVES, *RIVALS)}
