"""Child processes of benchmarks: request/reply children and a Redis server.

What must not share a process runs in one of its own: a server, or each client. A child
replies to each line of JSON on its stdin with one line of JSON on its stdout.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from benchmarks.record import HERE

ROOT = HERE.parent
"""The working directory of every child."""

REDIS = "redis-server"
REDIS_TIMEOUT = 20.0
"""Seconds until Redis must listen."""


class Child:
    """A running `python -m module`, terminated on exit of its `with` block.

    Args:
        module: The module to run.
        arguments: Its command-line arguments.
        environment: Variables added to the environment.
    """

    def __init__(
        self, module: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        # The official SDK would send requests for this machine through a proxy.
        own = {n: v for n, v in os.environ.items() if not n.lower().endswith("_proxy")}
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-W", "ignore", "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**own, **(environment or {})},
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A child ends when its stdin does.
        self._process.communicate()

    def request(self, **command: Any) -> dict[str, Any]:
        """Send a command and return the reply."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - it was started with both
        assert stdout is not None  # noqa: S101 - it was started with both
        print(json.dumps(command), file=stdin, flush=True)
        line = stdout.readline()
        if not line:
            msg = "the child process has died"
            raise RuntimeError(msg)
        reply: dict[str, Any] = json.loads(line)
        return reply


def serve(handle: Callable[..., Mapping[str, Any]]) -> None:
    """Reply to each command on stdin until it ends."""
    for line in sys.stdin:
        print(json.dumps(handle(**json.loads(line))), flush=True)


def measure(module: str, *arguments: str) -> Any:
    """Run `python -m module` to its end and return the JSON that it prints."""
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


@asynccontextmanager
async def redis_server() -> AsyncGenerator[str, None]:
    """Run a Redis server without persistence and yield its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with TemporaryDirectory() as directory:
        process = await asyncio.create_subprocess_exec(
            REDIS,
            *("--port", str(port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no", "--dir", directory),
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(REDIS_TIMEOUT):
                while not await _accepts(port):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.01)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.kill()
            await process.wait()


async def _accepts(port: int) -> bool:
    with suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False
