"""A real Redis of the tests' own, and a network in front of it that misbehaves."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from redis.asyncio import Redis

REQUIRED = "CI_REQUIRES_REDIS"
"""With this variable set, a missing redis-server fails the tests."""


def find_redis_server() -> str:
    """Return the path of redis-server; skip the test, or fail it, where none is."""
    found = shutil.which("redis-server")
    if found is None:
        missing = "no redis-server on PATH"
        if os.environ.get(REQUIRED):
            pytest.fail(f"{missing}, and {REQUIRED} is set")
        pytest.skip(missing)
    return found


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def connect(url: str) -> Any:
    """Return a client: untyped, as redis-py is typed by halves only."""
    return Redis.from_url(url, socket_timeout=None)  # pyright: ignore[reportUnknownMemberType] - see above


class RedisProcess:
    """A redis-server that keeps nothing on disk. It can be stopped and started again.

    Args:
        directory: Where its log goes.
        options: Further options, as on its command line.
    """

    def __init__(self, directory: Path, *options: str, port: int | None = None) -> None:
        self.port: int = port or free_port()
        self._options = options
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        command = [
            find_redis_server(),
            *("--port", str(self.port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no"),
            *("--dir", str(self._directory), "--logfile", "redis.log"),
            *self._options,
        ]
        self._process = subprocess.Popen(command)  # noqa: S603 - our own options
        deadline = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None, self._log()
            assert time.monotonic() < deadline, self._log()
            time.sleep(0.01)

    def stop(self) -> None:
        """Kill it; its data is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as asked:
                asked.sendall(b"PING\r\n")
                return bool(asked.recv(1))
        except OSError:
            return False

    def _log(self) -> str:
        return self._directory.joinpath("redis.log").read_text()


class Proxy:
    """Stands between clients and a server, both on the loopback interface.

    It can hold everything up, cut all connections, refuse new ones, and lead to
    another server from the next connection on.
    """

    def __init__(self, port: int) -> None:
        self.target: int = port
        self.refuses: bool = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """The address."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._tasks)

    def stall(self) -> None:
        """Hold up whatever is sent from now on, in both directions."""
        self._flowing.clear()

    def flow(self) -> None:
        """Let it through again, with all that was held up."""
        self._flowing.set()

    def cut(self) -> None:
        """Break all connections."""
        for writer in list(self._writers):
            writer.transport.abort()

    def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.ensure_future(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writers.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            if not self.refuses:
                responses, there = await asyncio.open_connection(
                    "127.0.0.1", self.target
                )
                self._writers.add(there)
                async with asyncio.TaskGroup() as ways:
                    ways.create_task(self._pump(reader, there))
                    ways.create_task(self._pump(responses, writer))
        except* OSError:
            pass
        finally:
            for each in (writer, there):
                if each is not None:
                    each.transport.abort()
                    self._writers.discard(each)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while chunk := await reader.read(65536):
            await self._flowing.wait()
            writer.write(chunk)
            await writer.drain()
        raise ConnectionResetError  # the other way ends with this one
