"""One process of a fleet: `python -m tests.fleet_worker`.

The first line on its stdin holds its `Orders` as JSON, and each further line a number
of calls to make at once. It prints a line when it is ready, one for each call that has
ended, and one with the round trips of all of them.
"""

import asyncio
import json
import sys
import time
from contextlib import suppress
from itertools import cycle, islice
from typing import Any

from attrs import asdict, define, field, frozen

from cams_async import CamsClient, Credentials, RetryPolicy
from cams_async.operations import GetPhoneNumberVerificationStatus
from cams_async.protocol import HttpResponse, Request
from cams_async.redis import RedisThrottle
from cams_async.transport import AcknowledgedAt, AiohttpTransport, OnSent

ACTION = "GetPhoneNumberVerificationStatus"


@frozen(kw_only=True)
class Orders:
    """The settings of a process."""

    redis: str
    """The URL of the Redis that all processes share."""

    ceiling: float
    """Calls per second of each account."""

    endpoint: str
    accounts: list[tuple[str, str]]
    """Key ids and secrets; calls go through each account in turn."""

    numbers: list[list[tuple[str, str]]]
    """Phone numbers with their spaces, of each account."""

    options: dict[str, Any] = field(factory=dict[str, Any])
    """Further arguments of the RedisThrottle."""


@frozen(kw_only=True)
class Ended:
    """A call that has ended."""

    at: float
    """Seconds on the machine's monotonic clock, the same in all processes."""

    error: str | None
    """The name of the error it raised, if any."""


@define
class TimedTransport:
    """A transport that measures the seconds from each send to its response."""

    transport: AiohttpTransport = field(factory=AiohttpTransport)
    round_trips: list[float] = field(factory=list[float])

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: OnSent
    ) -> HttpResponse:
        """Do one exchange."""
        left = 0.0

        def leave(acknowledged_at: AcknowledgedAt | None = None) -> None:
            nonlocal left
            left = time.perf_counter()
            on_sent(acknowledged_at)

        response = await self.transport.exchange(
            request, timeout=timeout, on_sent=leave
        )
        self.round_trips.append(time.perf_counter() - left)
        return response

    async def aclose(self) -> None:
        """Close the transport."""
        await self.transport.aclose()


def send_line(**values: Any) -> None:
    """Write a line of JSON."""
    print(json.dumps(values), flush=True)  # noqa: T201 - the parent reads it


async def call(client: CamsClient, number: tuple[str, str]) -> None:
    """Make a call and report its end."""
    phone_number, space = number
    operation = GetPhoneNumberVerificationStatus(
        phone_number=phone_number, cust_space_id=space
    )
    error = None
    try:
        await client.send(operation)
    except Exception as caught:  # noqa: BLE001 - the parent judges it
        error = type(caught).__name__
    send_line(ended=asdict(Ended(at=time.monotonic(), error=error)))


async def main() -> None:
    """Make the calls of each line until stdin ends."""
    orders = Orders(**json.loads(await asyncio.to_thread(sys.stdin.readline)))
    transport = TimedTransport()
    async with RedisThrottle.from_url(orders.redis, **orders.options) as throttle:
        clients = [
            CamsClient(
                Credentials(*key),
                endpoint=orders.endpoint,
                qps={ACTION: orders.ceiling},
                throttle=throttle,
                retry=RetryPolicy(attempts=1),
                timeout=60.0,
                transport=transport,
            )
            for key in orders.accounts
        ]
        targets = [
            (client, number)
            for numbers in zip(*orders.numbers, strict=True)
            for client, number in zip(clients, numbers, strict=True)
        ]
        send_line(ready=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            transport.round_trips.clear()
            async with asyncio.TaskGroup() as group:
                for client, number in islice(cycle(targets), int(line)):
                    group.create_task(call(client, number))
            send_line(round_trips=transport.round_trips)
    await transport.aclose()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
