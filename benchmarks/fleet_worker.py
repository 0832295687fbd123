"""One process of a fleet; `python -m benchmarks.fleet_worker` is that process.

The first line on its stdin says what it is, in JSON, and each further line what to
call. On its stdout it says that it is ready, then tells of each call as it ends, and
of all of them together.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import cycle, islice
from types import TracebackType
from typing import Any, Self, TypeAlias

import aiohttp
from attrs import asdict, define, field, frozen

from benchmarks.ceilings import ACTION, NO_RETRIES, PATIENCE, Timed
from benchmarks.fleet_rivals import LIMITERS
from cams_async import CamsClient, Credentials, Permit, Scope, Snapshot, Throttle
from cams_async.operations import GetPhoneNumberVerificationStatus
from cams_async.transport import AiohttpTransport

CONNECTIONS = 1_000

Number: TypeAlias = tuple[str, str]
"""A phone number with its space."""


@frozen(kw_only=True)
class Orders:
    """What a process is."""

    limiter: str
    """The name of one of `LIMITERS`."""

    redis: str
    """The URL of the Redis that all processes share."""

    ceiling: float
    """Calls per second of each account."""

    endpoint: str

    accounts: list[tuple[str, str]] = field(repr=False)
    """Key ids and secrets; calls go through each account in turn."""

    numbers: list[list[Number]] = field(repr=False)
    """Of each account."""

    options: dict[str, Any] = field(factory=dict[str, Any])
    """Further arguments of a RedisThrottle."""


@frozen(kw_only=True)
class Task:
    """What a process is to call."""

    calls: int

    every: float = 0.0
    """Seconds between two calls; with 0, all are made at once."""

    after: float = 0.0
    """Seconds before the first."""


@frozen(kw_only=True)
class Ended:
    """A call that has ended."""

    at: float
    """When, in seconds of the machine's clock: alike in all processes."""

    error: str | None
    """The name of the error it ended in; None where it was answered."""


@frozen(kw_only=True)
class Times:
    """What a task has taken, in seconds."""

    waits: list[float]
    """From asking for a turn to its begin, in the order of turns."""

    round_trips: list[float]
    """From a request's send to its answer."""


@define
class Stopwatch:
    """A throttle that takes the time until each turn."""

    throttle: Throttle
    waits: list[float] = field(factory=list[float])

    @asynccontextmanager
    async def acquire(
        self,
        scope: Scope,
        *,
        ticket: int | None = None,
        deadline: float | None = None,
    ) -> AsyncGenerator[Permit, None]:
        """Wait for a turn."""
        asked = time.perf_counter()
        async with self.throttle.acquire(
            scope, ticket=ticket, deadline=deadline
        ) as permit:
            self.waits.append(time.perf_counter() - asked)
            yield permit

    def snapshot(self) -> Mapping[Scope, Snapshot]:
        """Return the throttle's."""
        return self.throttle.snapshot()

    async def aclose(self) -> None:
        """Close the throttle."""
        await self.throttle.aclose()


class Caller:
    """Calls for every account, through one throttle."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._stack = AsyncExitStack()
        self._transports: list[Timed] = []
        self._whom: list[tuple[CamsClient, Number]] = []

    async def __aenter__(self) -> Self:
        orders = self._orders
        limiter = LIMITERS[orders.limiter]
        throttle = await limiter.make(orders.redis, orders.ceiling, orders.options)
        self._stopwatch = Stopwatch(throttle)
        self._stack.push_async_callback(self._stopwatch.aclose)
        clients = [await self._client(Credentials(*key)) for key in orders.accounts]
        for numbers in zip(*orders.numbers, strict=True):
            self._whom += zip(clients, numbers, strict=True)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def run(self, task: Task) -> Times:
        """Make the calls of a task and tell of each."""
        before = [len(each.round_trips) for each in self._transports]
        self._stopwatch.waits.clear()
        await asyncio.sleep(task.after)
        async with asyncio.TaskGroup() as group:
            for client, number in islice(cycle(self._whom), task.calls):
                group.create_task(self._call(client, number))
                if task.every:
                    await asyncio.sleep(task.every)
        return Times(
            waits=self._stopwatch.waits,
            round_trips=[
                seconds
                for each, done in zip(self._transports, before, strict=True)
                for seconds in each.round_trips[done:]
            ],
        )

    async def _call(self, client: CamsClient, number: Number) -> None:
        phone_number, space = number
        error = None
        try:
            await client.send(
                GetPhoneNumberVerificationStatus(
                    phone_number=phone_number, cust_space_id=space
                )
            )
        except Exception as caught:  # noqa: BLE001 - a rival may raise anything
            error = type(caught).__name__
        say(ended=asdict(Ended(at=time.monotonic(), error=error)))

    async def _client(self, key: Credentials) -> CamsClient:
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        session = aiohttp.ClientSession(connector=connector)
        await self._stack.enter_async_context(session)
        self._transports.append(Timed(AiohttpTransport(session=session)))
        client = CamsClient(
            key,
            endpoint=self._orders.endpoint,
            qps={ACTION: self._orders.ceiling},
            throttle=self._stopwatch,
            retry=NO_RETRIES,
            timeout=PATIENCE,
            transport=self._transports[-1],
        )
        return await self._stack.enter_async_context(client)


def say(**words: Any) -> None:
    """Write a line of JSON."""
    print(json.dumps(words), flush=True)


async def main() -> None:
    """Obey until stdin ends."""
    told = json.loads(await asyncio.to_thread(sys.stdin.readline))
    told["accounts"] = [tuple(key) for key in told["accounts"]]
    async with Caller(Orders(**told)) as caller:
        say(ready=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            times = await caller.run(Task(**json.loads(line)))
            say(times=asdict(times))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
