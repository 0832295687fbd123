"""A fleet: the processes that share a ceiling, as seen from their parent."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from types import TracebackType
from typing import Any, Self

from attrs import asdict

from benchmarks.emulators import LONGEST_LINE, Address
from benchmarks.fleet_worker import CallEnd, Config, Task, Times
from benchmarks.processes import ROOT

NUMBERS = 20
"""Phone numbers of each account that a process calls for, at most."""

SHUTDOWN_TIMEOUT = 10.0
"""Seconds until a process is killed that should have ended."""


def config(limiter: str, redis: str, ceiling: float, address: Address) -> Config:
    """Return the configuration of processes that call an emulator."""
    each = len(address.numbers) // len(address.accounts)
    return Config(
        limiter=limiter,
        redis=redis,
        ceiling=ceiling,
        endpoint=address.endpoint,
        accounts=[
            (key.access_key_id, key.access_key_secret.reveal())
            for key in address.accounts
        ],
        numbers=[
            address.numbers[first : first + min(each, NUMBERS)]
            for first in range(0, len(address.numbers), each)
        ],
    )


class FleetProcess:
    """One process of a fleet."""

    def __init__(self, process: Process) -> None:
        self.ended: list[CallEnd] = []
        self._process = process
        self._messages: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read())

    async def ready(self) -> None:
        """Wait until it is ready."""
        await self._next()

    async def run(self, task: Task) -> Times:
        """Run a task to its end; the process must not be killed before."""
        self.write(asdict(task))
        return Times(**(await self._next())["times"])

    def kill(self) -> None:
        """Kill the process without any clean-up."""
        self._process.kill()

    async def aclose(self) -> None:
        """Let the process end by itself, or kill it after a timeout."""
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - it was started with it
        stdin.close()
        try:
            async with asyncio.timeout(SHUTDOWN_TIMEOUT):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
        await self._reader

    def write(self, message: dict[str, Any]) -> None:
        """Write a line of JSON."""
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - it was started with it
        stdin.write(json.dumps(message).encode() + b"\n")

    async def _next(self) -> dict[str, Any]:
        message = await self._messages.get()
        if message is None:
            msg = "a process of the fleet has died"
            raise RuntimeError(msg)
        return message

    async def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - it was started with it
        # The last line of a killed process may be incomplete.
        while (line := await stdout.readline()).endswith(b"\n"):
            message = json.loads(line)
            if "ended" in message:
                self.ended.append(CallEnd(**message["ended"]))
            else:
                self._messages.put_nowait(message)
        self._messages.put_nowait(None)


class Fleet:
    """`async with Fleet(config, 4) as fleet`: processes, started and ended."""

    def __init__(self, config: Config, size: int) -> None:
        self._config = config
        self._size = size
        self.processes: list[FleetProcess] = []

    async def __aenter__(self) -> Self:
        for _ in range(self._size):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "benchmarks.fleet_worker"),
                stdin=PIPE,
                stdout=PIPE,
                cwd=ROOT,
                limit=LONGEST_LINE,
            )
            one = FleetProcess(process)
            one.write(asdict(self._config))
            self.processes.append(one)
        try:
            await asyncio.gather(*(one.ready() for one in self.processes))
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End all processes."""
        await asyncio.gather(*(one.aclose() for one in self.processes))
