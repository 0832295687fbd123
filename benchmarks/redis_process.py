"""A Redis of a benchmark's own, which keeps nothing."""

import asyncio
import shutil
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from tempfile import TemporaryDirectory

PROGRAM = "redis-server"
STARTING = 20.0
"""Seconds that it has to start."""


def installed() -> bool:
    """Tell whether there is one to start."""
    return shutil.which(PROGRAM) is not None


@asynccontextmanager
async def redis_process() -> AsyncGenerator[str, None]:
    """Run a Redis for a while, and yield its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with TemporaryDirectory() as directory:
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            *("--port", str(port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no", "--dir", directory),
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(STARTING):
                while not await _listens(port):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.01)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.kill()
            await process.wait()


async def _listens(port: int) -> bool:
    with suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False
