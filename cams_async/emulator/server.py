"""The HTTP server of the emulator: bytes in, bytes out, late or broken on request."""

import asyncio
import os
import struct
from collections.abc import Callable
from contextlib import suppress
from random import Random
from socket import SO_LINGER, SOL_SOCKET

from aiohttp import web

from cams_async.emulator.exchange import (
    Delivery,
    WireRequest,
    WireResponse,
    merge_headers,
)
from cams_async.emulator.options import EmulatorOptions
from cams_async.errors import ConfigurationError

SHUTDOWN_TIMEOUT = 0.5
"""Seconds for responses on their way out when the server stops."""

LONGEST_REQUEST_LINE = 2**20
"""Bytes. The vendor's SDK sends a list of 1,000 recipients in the request line. The
bound of the gateway itself is not documented: assumed."""

# A linger time of zero makes the kernel send a reset.
NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)

DISCONNECT_POLL = 0.05
"""Seconds between two checks whether a client without a response has disconnected."""


class InterruptibleSleep:
    """Sleeps that end early when the server stops."""

    def __init__(self) -> None:
        self._sleeping: set[asyncio.Future[bool]] = set()
        self._interrupted = False

    def __len__(self) -> int:
        return len(self._sleeping)

    async def sleep(self, seconds: float) -> bool:
        """Sleep. Return False if interrupted."""
        if self._interrupted:
            return False
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        handle = loop.call_later(seconds, _wake, future, True)  # noqa: FBT003 - call_later takes no names
        self._sleeping.add(future)
        try:
            return await future
        finally:
            handle.cancel()
            self._sleeping.discard(future)

    def interrupt(self) -> None:
        """End every sleep, future ones included."""
        self._interrupted = True
        for future in self._sleeping:
            _wake(future, False)  # noqa: FBT003 - as above


def _wake(future: "asyncio.Future[bool]", completed: bool) -> None:  # noqa: FBT001 - call_later takes no names
    if not future.done():
        future.set_result(completed)


class HttpServer:
    """Listens on a port and delivers the responses that `respond` returns."""

    def __init__(
        self, options: EmulatorOptions, respond: Callable[[WireRequest], WireResponse]
    ) -> None:
        self._options = options
        self._respond = respond
        self._random = Random(f"{options.seed} latency")  # noqa: S311 - no secrets
        self._sleep = InterruptibleSleep()
        self._server: web.Server | None = None
        self._runner: web.ServerRunner | None = None
        self.endpoint: str | None = None
        """The origin, such as `http://127.0.0.1:40123`; None unless started."""

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigurationError: It is running already, or the port cannot be opened.
        """
        if self._runner is not None:
            raise ConfigurationError("the emulator is running", field="start")
        options = self._options
        self._sleep = InterruptibleSleep()
        self._server = web.Server(
            self._handle, access_log=None, max_line_size=LONGEST_REQUEST_LINE
        )
        self._runner = web.ServerRunner(self._server, shutdown_timeout=SHUTDOWN_TIMEOUT)
        await self._runner.setup()
        site = web.TCPSite(
            self._runner,
            options.host,
            options.port,
            ssl_context=options.ssl,
            backlog=1024,
        )
        try:
            await site.start()
        except OSError as error:
            await self.aclose()
            message = f"cannot listen on {options.host}:{options.port}: {error}"
            raise ConfigurationError(message, field="port") from error
        scheme = "http" if options.ssl is None else "https"
        self.endpoint = origin(scheme, options.host, self._runner.addresses[0][1])

    async def aclose(self) -> None:
        """Stop: requests that have not arrived yet are reset, others get a response."""
        runner, server = self._runner, self._server
        self._runner = self._server = self.endpoint = None
        if runner is None or server is None:
            return
        for site in runner.sites:
            await site.stop()
        self._sleep.interrupt()
        await asyncio.sleep(0)
        transports = [connection.transport for connection in server.connections]
        await runner.cleanup()
        # A TLS connection would otherwise wait for the client's close_notify.
        for transport in transports:
            if transport is not None:
                transport.abort()
        await asyncio.sleep(0)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            body = await read_body(request)
        except (web.RequestPayloadError, ConnectionError):
            return reset(request)
        if not await self._wait_latency():
            return reset(request)
        path, _, query = request.raw_path.partition("?")
        response = self._respond(
            WireRequest(
                method=request.method,
                path=path,
                query=query,
                headers=merge_headers(request.headers.items()),
                body=body,
            )
        )
        if response.delay:
            await self._sleep.sleep(response.delay)
        await self._wait_latency()
        return await self._deliver(request, response)

    async def _wait_latency(self) -> bool:
        """Wait for the time of one way. Return False if the server was stopped."""
        low, high = self._options.latency
        if not high:
            return True
        return await self._sleep.sleep(self._random.uniform(low, high))

    async def _deliver(
        self, request: web.BaseRequest, response: WireResponse
    ) -> web.StreamResponse:
        if response.delivery is Delivery.WHOLE:
            return web.Response(
                status=response.status, headers=response.headers, body=response.body
            )
        if response.delivery is Delivery.TRUNCATED:
            return await truncate(request, response)
        if response.delivery is Delivery.NEVER:
            # aiohttp does not notify a handler of a disconnect, so this polls.
            while request.transport is not None and await self._sleep.sleep(
                DISCONNECT_POLL
            ):
                pass
        return reset(request)


async def read_body(request: web.BaseRequest) -> bytes:
    """Return the body; only a file for the object store may be long."""
    if request.method != "PUT":
        return await request.read() if request.can_read_body else b""
    return b"".join([piece async for piece in request.content.iter_any()])


def origin(scheme: str, host: str, port: int) -> str:
    """Return the origin of a URL; an IPv6 address is put in brackets."""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def reset(request: web.BaseRequest) -> web.StreamResponse:
    """Reset the connection. The returned response is never sent."""
    transport = request.transport
    if transport is not None:
        socket = transport.get_extra_info("socket")
        socket.setsockopt(SOL_SOCKET, SO_LINGER, NO_LINGER)
        transport.abort()
    return web.Response()


async def truncate(
    request: web.BaseRequest, response: WireResponse
) -> web.StreamResponse:
    """Announce the whole body, send half of it, and close."""
    headers = {**response.headers, "Content-Length": str(len(response.body))}
    partial = web.StreamResponse(status=response.status, headers=headers)
    # The client may have disconnected, which is no error of the server.
    with suppress(ConnectionError):
        await partial.prepare(request)
        await partial.write(response.body[: len(response.body) // 2])
    partial.force_close()
    return partial
