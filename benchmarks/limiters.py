"""Other limiters behind the `Throttle` interface: in one process, and through Redis.

Only the limiter differs: the client, the signing and the sockets stay the same. The
libraries for Redis are used as their documentation recommends for waiting, and imported
only where they are used.
"""

# ruff: noqa: PLC0415 - see above

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from importlib.util import find_spec
from typing import Any, TypeAlias

from aiolimiter import AsyncLimiter
from attrs import frozen
from redis.asyncio import Redis

from cams_async import LocalThrottle, Permit, Scope, Snapshot, Throttle
from cams_async.throttle import Route

Enter: TypeAlias = Callable[[str], AbstractAsyncContextManager[object]]
"""Returns the context manager that a call holds, by the key of its scope."""


class UncountedPermit:
    """A permit without bookkeeping."""

    waited = 0.0
    ticket = 0

    def sent(
        self, acknowledged_at: Callable[[], float | None] | None = None, /
    ) -> bool:
        """Allow the send."""
        del acknowledged_at
        return True

    def completed(self, at: float | None = None, /) -> None:
        """Do nothing."""

    def throttled(self, retry_after: float | None, *, counted: bool = True) -> None:
        """Do nothing."""


class ForeignThrottle:
    """A throttle that holds a context manager of another library for each call."""

    def __init__(self, enter: Enter) -> None:
        self._enter = enter

    @asynccontextmanager
    async def acquire(
        self,
        scope: Scope,
        *,
        ticket: int | None = None,
        deadline: float | None = None,
        timeout: float = 60.0,
        route: Route | None = None,
    ) -> AsyncGenerator[Permit, None]:
        """Hold the context manager for one call."""
        del ticket, deadline, timeout, route
        async with self._enter(f"{scope.account}:{scope.action}"):
            yield UncountedPermit()

    def snapshot(self) -> Mapping[Scope, Snapshot]:
        """Return nothing."""
        return {}

    async def aclose(self) -> None:
        """Do nothing: the process ends with the benchmark."""


@frozen
class LocalLimiter:
    """A way to limit calls of one process to N per second."""

    name: str

    make: Callable[[float], Throttle]
    """Makes a throttle for a ceiling, inside the running loop."""

    peak: Callable[[float, int], float]
    """The most calls in a second to expect, from the ceiling and the fan-out."""

    is_paced: bool = True
    """Whether it limits a rate at all."""


ROUND_TRIPS = 7.0
"""Round trips in a second, roughly, over the emulated network."""

OURS = "cams_async"

LOCAL_LIMITERS = (
    LocalLimiter(OURS, lambda _: LocalThrottle(), lambda n, _: n),
    LocalLimiter(
        "AsyncLimiter(N, 1)",
        lambda n: _shared(AsyncLimiter(n, 1)),
        # A full bucket at once, and what leaks within the same second.
        lambda n, _: 2 * n,
    ),
    LocalLimiter(
        "AsyncLimiter(1, 1/N)",
        lambda n: _shared(AsyncLimiter(1, 1 / n)),
        lambda n, _: n,
    ),
    LocalLimiter(
        "Semaphore(N)",
        lambda n: _shared(asyncio.Semaphore(int(n))),
        lambda n, tasks: min(n * ROUND_TRIPS, tasks),
        is_paced=False,
    ),
    LocalLimiter(
        "no limiter",
        lambda _: _shared(nullcontext()),
        lambda _, tasks: tasks,
        is_paced=False,
    ),
)


def _shared(manager: AbstractAsyncContextManager[object]) -> Throttle:
    return ForeignThrottle(lambda _: manager)


@frozen
class RedisLimiter:
    """A way to limit calls of several processes to N per second through Redis."""

    name: str

    make: Callable[[str, float], Throttle]
    """Makes a throttle from the URL of a Redis and a ceiling."""

    module: str
    """The module that must be installed."""

    @property
    def is_installed(self) -> bool:
        """Whether its library is installed."""
        return find_spec(self.module) is not None


FOREVER = 3600.0
"""Seconds; more than any call waits."""

CONNECTIONS = 1_000
"""For libraries that need one for each task: redis-py's default bound is 100."""


def _waiting(acquire: Callable[[str], Awaitable[object]]) -> Throttle:
    """Return a throttle that awaits `acquire` before each call."""

    @asynccontextmanager
    async def enter(key: str) -> AsyncGenerator[None, None]:
        await acquire(key)
        yield

    return ForeignThrottle(enter)


def _ours(url: str, ceiling: float) -> Throttle:
    from cams_async.redis import RedisThrottle

    del ceiling  # it is part of the scope
    return RedisThrottle.from_url(url)


def _limits(url: str, ceiling: float) -> Throttle:
    """Sleep until the window resets and retry, as in its README."""
    from limits import RateLimitItemPerSecond
    from limits.aio.storage import RedisStorage
    from limits.aio.strategies import MovingWindowRateLimiter

    storage = RedisStorage(
        f"async+{url}", implementation="redispy", max_connections=CONNECTIONS
    )
    limiter = MovingWindowRateLimiter(storage)
    item = RateLimitItemPerSecond(int(ceiling))

    async def acquire(key: str) -> None:
        while not await limiter.hit(item, key):
            window = await limiter.get_window_stats(item, key)
            await asyncio.sleep(max(0.0, window.reset_time - time.time()))

    return _waiting(acquire)


def _throttled(burst: Callable[[float], int]) -> Callable[[str, float], Throttle]:
    def make(url: str, ceiling: float) -> Throttle:
        """Wait and retry, as in its README, for as long as it takes."""
        from throttled.asyncio import RateLimiterType, Throttled
        from throttled.asyncio.store import RedisStore

        pool = {"max_connections": CONNECTIONS}
        throttled = Throttled(
            using=RateLimiterType.GCRA.value,
            quota=f"{int(ceiling)}/s burst {burst(ceiling)}",
            timeout=FOREVER,
            store=RedisStore(url, options={"CONNECTION_POOL_KWARGS": pool}),
        )
        return _waiting(throttled.limit)

    return make


def _pyrate(url: str, ceiling: float) -> Throttle:
    """Let its limiter block, on the bucket recommended for many hosts."""
    import pyrate_limiter as pyrate

    redis = connect(url)
    limiters: dict[str, pyrate.Limiter] = {}
    lock = asyncio.Lock()

    async def acquire(key: str) -> None:
        async with lock:
            if key not in limiters:
                rates = [pyrate.Rate(int(ceiling), pyrate.Duration.SECOND)]
                bucket: Any = pyrate.RedisBucket.init(rates, redis, key)
                limiters[key] = pyrate.Limiter(await bucket)
        await limiters[key].try_acquire_async(key)

    return _waiting(acquire)


def connect(url: str) -> Any:
    """Return a client of Redis, untyped because redis-py is typed only in part."""
    return Redis.from_url(url)  # pyright: ignore[reportUnknownMemberType] - see above


OURS_SHARED = RedisLimiter("RedisThrottle", _ours, "redis")

REDIS_LIMITERS = {
    limiter.name: limiter
    for limiter in (
        OURS_SHARED,
        RedisLimiter("limits, moving window", _limits, "limits"),
        RedisLimiter("throttled-py, burst N", _throttled(int), "throttled"),
        RedisLimiter("throttled-py, burst 1", _throttled(lambda _: 1), "throttled"),
        RedisLimiter("pyrate-limiter, log", _pyrate, "pyrate_limiter"),
    )
}
