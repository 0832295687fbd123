"""One process of a fleet: `python -m benchmarks.fleet_worker`.

The first line of JSON on its stdin is its configuration, and each further line a task.
It writes a line when it is ready, for each call that ends, and for each task done.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import chain, cycle, islice
from typing import Any

from attrs import asdict, define, field, frozen

from benchmarks.limiters import REDIS_LIMITERS
from benchmarks.timed_client import open_client
from cams_async import CamsClient, Credentials, Permit, Scope, Snapshot, Throttle
from cams_async.throttle import Route


@frozen(kw_only=True)
class Config:
    """The configuration of a process."""

    limiter: str
    """The name of one of `REDIS_LIMITERS`."""

    redis: str
    """The URL of the Redis that all processes share."""

    ceiling: float
    """Calls per second of each account."""

    endpoint: str

    accounts: list[tuple[str, str]] = field(repr=False)
    """Key ids and secrets; calls alternate between accounts."""

    numbers: list[list[tuple[str, str]]] = field(repr=False)
    """Phone numbers and spaces of each account."""


@frozen(kw_only=True)
class Task:
    """Calls to make."""

    calls: int

    interval: float = 0.0
    """Seconds between two calls; with 0, all are made at once."""

    delay: float = 0.0
    """Seconds before the first."""


@frozen(kw_only=True)
class CallEnd:
    """The end of a call."""

    at: float
    """Seconds of the machine's monotonic clock, which all processes share."""

    error: str | None
    """The name of the error; None for a response."""


@frozen(kw_only=True)
class Times:
    """The times of a task, in seconds."""

    waits: list[float]
    """From the request of a permit to the permit, in the order of permits."""

    round_trips: list[float]
    """From a request's send to its response."""


@define
class TimedThrottle:
    """A throttle that times the wait for each permit."""

    throttle: Throttle
    waits: list[float] = field(factory=list[float])

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
        """Acquire a permit."""
        began = time.perf_counter()
        async with self.throttle.acquire(
            scope, ticket=ticket, deadline=deadline, timeout=timeout, route=route
        ) as permit:
            self.waits.append(time.perf_counter() - began)
            yield permit

    def snapshot(self) -> Mapping[Scope, Snapshot]:
        """Return the snapshot of the throttle."""
        return self.throttle.snapshot()

    async def aclose(self) -> None:
        """Close the throttle."""
        await self.throttle.aclose()


def write(**message: Any) -> None:
    """Write a line of JSON."""
    print(json.dumps(message), flush=True)


async def call(client: CamsClient, number: tuple[str, str]) -> None:
    """Make a call and report its end."""
    error = None
    try:
        await client.get_phone_number_verification_status(
            phone_number=number[0], cust_space_id=number[1]
        )
    except Exception as caught:  # noqa: BLE001 - another library may raise anything
        error = type(caught).__name__
    write(ended=asdict(CallEnd(at=time.monotonic(), error=error)))


async def main() -> None:
    """Carry out tasks until stdin ends."""
    fields = json.loads(await asyncio.to_thread(sys.stdin.readline))
    config = Config(**fields)
    throttle = TimedThrottle(
        REDIS_LIMITERS[config.limiter].make(config.redis, config.ceiling)
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(throttle.aclose)
        opened = [
            await open_client(
                stack, config.endpoint, Credentials(*key), config.ceiling, throttle
            )
            for key in config.accounts
        ]
        clients = [client for client, _ in opened]
        transports = [transport for _, transport in opened]
        # The accounts in turn.
        targets = [
            *chain.from_iterable(
                zip(clients, numbers, strict=True)
                for numbers in zip(*config.numbers, strict=True)
            )
        ]
        write(ready=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            task = Task(**json.loads(line))
            throttle.waits.clear()
            for transport in transports:
                transport.round_trips.clear()
            await asyncio.sleep(task.delay)
            async with asyncio.TaskGroup() as group:
                for client, number in islice(cycle(targets), task.calls):
                    group.create_task(call(client, number))
                    if task.interval:
                        await asyncio.sleep(task.interval)
            round_trips = chain.from_iterable(each.round_trips for each in transports)
            times = Times(waits=throttle.waits, round_trips=list(round_trips))
            write(times=asdict(times))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
