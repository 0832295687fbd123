"""A client that does not retry, over a transport that times its round trips."""

import time
from contextlib import AsyncExitStack

import aiohttp
from attrs import define, field

from benchmarks.responses import ACTION
from cams_async import CamsClient, Credentials, RetryPolicy, Throttle
from cams_async.protocol import HttpResponse, Request
from cams_async.transport import AcknowledgedAt, AiohttpTransport, OnSent

CONNECTIONS = 1_000
"""Connections of a client, at most; only one without a throttle needs more."""

PATIENCE = 60.0
"""Seconds of a call's timeout."""


@define
class TimedTransport:
    """A transport that times its round trips."""

    transport: AiohttpTransport
    round_trips: list[float] = field(factory=list[float])

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: OnSent
    ) -> HttpResponse:
        """Exchange a request for its response."""
        sent = 0.0

        def record(acknowledged_at: AcknowledgedAt | None = None) -> None:
            nonlocal sent
            sent = time.perf_counter()
            on_sent(acknowledged_at)

        response = await self.transport.exchange(
            request, timeout=timeout, on_sent=record
        )
        self.round_trips.append(time.perf_counter() - sent)
        return response

    async def aclose(self) -> None:
        """Close the transport."""
        await self.transport.aclose()


async def open_client(
    stack: AsyncExitStack,
    endpoint: str,
    credentials: Credentials,
    ceiling: float,
    throttle: Throttle,
) -> tuple[CamsClient, TimedTransport]:
    """Open a client that does not retry, with many connections and a stopwatch."""
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    session = await stack.enter_async_context(
        aiohttp.ClientSession(connector=connector)
    )
    transport = TimedTransport(AiohttpTransport(session=session))
    client = CamsClient(
        credentials,
        endpoint=endpoint,
        qps={ACTION: ceiling},
        throttle=throttle,
        retry=RetryPolicy(attempts=1),
        timeout=PATIENCE,
        transport=transport,
    )
    return await stack.enter_async_context(client), transport
