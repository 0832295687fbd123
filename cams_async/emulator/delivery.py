"""How an answer leaves: whole, in half, or not at all."""

import os
import struct
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET

from aiohttp import web

from cams_async.emulator.rest import Rests
from cams_async.emulator.service import Delivery, WireResponse

# Lingering for no time at all makes the kernel send a reset.
NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)

LOOK_AGAIN = 0.05
"""Seconds between two looks whether a caller without an answer has gone away."""


async def deliver(
    request: web.BaseRequest, response: WireResponse, rests: Rests
) -> web.StreamResponse:
    """Send the answer the way it says."""
    if response.delivery is Delivery.WHOLE:
        return web.Response(
            status=response.status, headers=response.headers, body=response.body
        )
    if response.delivery is Delivery.TRUNCATED:
        return await truncate(request, response)
    if response.delivery is Delivery.NEVER:
        # Nobody tells a handler that its caller has gone, so it looks.
        while request.transport is not None and await rests.rest(LOOK_AGAIN):
            pass
    return reset(request)


def reset(request: web.BaseRequest) -> web.StreamResponse:
    """Break the connection off; what is returned never gets anywhere."""
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
    # The caller may have gone away meanwhile, which does not trouble a server.
    with suppress(ConnectionError):
        await partial.prepare(request)
        await partial.write(response.body[: len(response.body) // 2])
    partial.force_close()
    return partial
