"""A receiver behind real servers: uvicorn, Starlette in uvicorn, and aiohttp."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import uvicorn
from aiohttp import web
from starlette.applications import Starlette
from starlette.routing import Mount

from cams_async.callbacks import Receiver

Serve = Callable[[Receiver], AbstractAsyncContextManager[str]]


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.001)


@asynccontextmanager
async def run_uvicorn(app: Any) -> AsyncGenerator[str]:
    """Yield the URL of an ASGI application in this event loop."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    # Without `serve`, which would take over the signals of this process.
    serving = asyncio.create_task(server._serve())
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await serving


def in_uvicorn(receiver: Receiver) -> AbstractAsyncContextManager[str]:
    """Serve a receiver as an application of its own."""
    return run_uvicorn(receiver)


@asynccontextmanager
async def in_starlette(receiver: Receiver) -> AsyncGenerator[str]:
    """Serve a receiver in another application, which has a lifespan of its own."""
    app = Starlette(routes=[Mount("/callbacks", app=receiver)])
    async with run_uvicorn(app) as url:
        yield f"{url}/callbacks/cams"  # without a path, Starlette redirects
    await receiver.aclose()


@asynccontextmanager
async def in_aiohttp(receiver: Receiver) -> AsyncGenerator[str]:
    """Serve a receiver as a handler of aiohttp."""
    app = web.Application()
    app.router.add_route("*", "/callbacks{tail:.*}", receiver.handle_aiohttp)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/callbacks"
    finally:
        await runner.cleanup()
        await receiver.aclose()


SERVERS: dict[str, Serve] = {
    "uvicorn": in_uvicorn,
    "starlette": in_starlette,
    "aiohttp": in_aiohttp,
}
