"""`RedisThrottle`, the throttle of many processes."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from threading import Lock
from types import TracebackType
from typing import Literal, NoReturn, Self

from cams_async.config import SECONDS, check, is_seconds, is_whole
from cams_async.errors import ClientClosed, ConfigurationError
from cams_async.models import Scope, Snapshot
from cams_async.redis.lane import Policy, RedisLane
from cams_async.redis.permit import RedisPermit
from cams_async.redis.server import RedisServer, Server, new_pool
from cams_async.secret import Secret, as_secret, hide_arguments
from cams_async.throttle.base import Route
from cams_async.throttle.local import MARGIN
from cams_async.throttle.scope_table import ScopeTable

MOST_WORKERS = 1_000_000
"""More could not share any ceiling; an `int` may be too large to divide by."""


class RedisThrottle:
    """A throttle that keeps QPS ceilings across all processes on the same Redis.

        async with RedisThrottle.from_url("redis://localhost") as throttle:
            async with CamsClient(throttle=throttle) as cams:
                ...

    Close it before its event loop ends: closing reports the last responses to Redis
    and disconnects. Clients do not close a throttle that they were given.
    """

    def __init__(self, connect: Callable[[], Server], policy: Policy) -> None:
        self._connect = connect
        self._policy = policy
        self._lock = Lock()  # threads share the table of lanes, never a lane
        self._lanes: ScopeTable[RedisLane] = ScopeTable()
        self._leaving: set[asyncio.Task[None]] = set()
        self._closed = False

    @classmethod
    @hide_arguments
    def from_url(
        cls,
        url: str | Secret,
        *,
        max_transit: float = 1.0,
        margin: float = MARGIN,
        on_outage: Literal["wait", "local"] = "wait",
        workers: int | None = None,
    ) -> Self:
        """Return a throttle on a Redis; the first permit opens the connection.

        Args:
            url: `redis://`, `rediss://` for TLS, or `unix://`, as redis-py takes it:
                `rediss://user:password@host:6379/0?ssl_ca_certs=/path/to/ca.pem`.
            max_transit: The most seconds that a request takes to reach the server, if
                it arrives at all; from 0 to 86400.
            margin: Seconds added to each slot's second; from 0 to 86400.
            on_outage: The mode during an outage of Redis. `wait`: calls wait until
                their deadline, 30 s where they have none, and raise
                ThrottleUnavailable. `local`: each worker falls back to
                floor(ceiling / workers) local slots; where that is 0, calls wait.
            workers: The most workers that share a ceiling, for `local`; from 1 to
                1,000,000.

        Raises:
            ConfigurationError: An argument is unusable.
        """
        for name, value in (("max_transit", max_transit), ("margin", margin)):
            check(is_seconds(value), name, SECONDS)
        modes = {"wait", "local"}
        check(on_outage in modes, "on_outage", 'must be "wait" or "local"')
        if on_outage == "wait":
            check(workers is None, "workers", 'only on_outage="local" takes it')
        else:
            expected = (
                f'on_outage="local" needs a whole number from 1 to {MOST_WORKERS}'
            )
            ok = is_whole(workers) and workers <= MOST_WORKERS
            check(ok, "workers", expected)
        address = as_secret(url)
        new_pool(address)
        policy = Policy(max_transit=max_transit, margin=margin, workers=workers)
        return cls(lambda: RedisServer(address), policy)

    def __repr__(self) -> str:
        policy = self._policy
        return (
            f"RedisThrottle(max_transit={policy.max_transit}, margin={policy.margin}, "
            f"workers={policy.workers})"
        )

    def __reduce__(self) -> NoReturn:
        msg = "a throttle holds connections and a password; make one in each process"
        raise TypeError(msg)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def acquire(
        self,
        scope: Scope,
        *,
        ticket: int | None = None,
        deadline: float | None = None,
        timeout: float = 60.0,
        route: Route | None = None,
    ) -> RedisPermit:
        """Return an async context manager that waits for a permit.

        See `Throttle.acquire`. `timeout` and `route` have no effect: a slot of Redis
        returns `max_transit` and 1 s after the send of a request without a response.

        Raises:
            ThrottleUnavailable: Redis was unavailable until the deadline, or for 30 s.
            ConfigurationError: Redis rejects the throttle: the password is wrong, or
                the server is too old or a read-only replica. Or the scope is used
                from another event loop.
            DeadlineExceeded: The permit is expected later than the deadline.
            ClientClosed: The throttle was closed.
        """
        del timeout, route
        if self._closed:
            msg = "the throttle was closed"
            raise ClientClosed(msg)
        loop = asyncio.get_running_loop()
        with self._lock:
            lane = self._lane(scope, loop)
        if not lane.serves(loop):
            msg = "is in use from another event loop that is still alive"
            raise ConfigurationError(msg, field=f"throttle for {scope.action}")
        lane.agree(scope.qps)
        return RedisPermit(lane, ticket, deadline)

    def snapshot(self) -> Mapping[Scope, Snapshot]:
        """Return the current state of each scope in use, as seen by this process."""
        snapshots: dict[Scope, Snapshot] = {}
        for (account, region, action), lane in self._lanes:
            seen = lane.snapshot()
            scope = Scope(
                account=account, region=region, action=action, qps=seen.ceiling
            )
            snapshots[scope] = seen
        return snapshots

    async def aclose(self) -> None:
        """Make waiting calls raise ClientClosed, report to Redis, and disconnect.

        Idempotent. It takes no more than 1 s if Redis does not reply.
        """
        self._closed = True
        closing = (lane.aclose() for lane in self._lanes.clear())
        await asyncio.gather(*closing, *self._leaving)

    def _lane(self, scope: Scope, loop: asyncio.AbstractEventLoop) -> RedisLane:
        lane = self._lanes.get(scope)
        if lane is None or lane.over():
            lane = RedisLane(scope, self._policy, self._connect(), loop)
            for dropped in self._lanes.add(
                scope, lane, is_idle=partial(_is_idle, loop)
            ):
                task = loop.create_task(dropped.aclose())
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)
        return lane


def _is_idle(loop: asyncio.AbstractEventLoop, lane: RedisLane) -> bool:
    return lane.over() or (lane.serves(loop) and lane.idle())
