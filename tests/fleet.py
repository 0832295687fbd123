"""A fleet of processes that share a ceiling, as seen from their parent."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import asdict

from cams_async.emulator import Emulator
from tests.fleet_worker import Ended, Orders

ROOT = Path(__file__).parent.parent

NUMBERS = 20
"""Phone numbers of each account that a process calls for, at most."""

LONGEST_LINE = 2**20

ENDING = 10.0
"""Seconds that a process has to end after its stdin was closed."""


def orders(redis: str, ceiling: float, emulator: Emulator, **options: Any) -> Orders:
    """Return the orders of processes that call an emulator.

    Args:
        redis: The URL of a Redis.
        ceiling: Calls per second of each account.
        emulator: A running emulator.
        options: Further arguments of the RedisThrottle.
    """
    numbers = [(one.phone_number, one.cust_space_id) for one in emulator.phone_numbers]
    each = len(numbers) // len(emulator.accounts)
    return Orders(
        redis=redis,
        ceiling=ceiling,
        endpoint=emulator.endpoint,
        accounts=[
            (key.access_key_id, key.access_key_secret.reveal())
            for key in emulator.accounts
        ],
        numbers=[
            numbers[first : first + min(each, NUMBERS)]
            for first in range(0, len(numbers), each)
        ],
        options=options,
    )


class Worker:
    """One process."""

    def __init__(self, process: Process) -> None:
        self.ended: list[Ended] = []
        self._process = process
        self._lines: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def ready(self) -> None:
        """Wait until it is ready."""
        await self._next()

    async def run(self, calls: int) -> list[float]:
        """Let it make calls; return the seconds that their round trips took."""
        self.begin(calls)
        round_trips: list[float] = (await self._next())["round_trips"]
        return round_trips

    def begin(self, calls: int) -> None:
        """Let it make calls, and do not wait."""
        self.write(calls)

    def kill(self) -> None:
        """End it at once, by SIGKILL, so that it cannot clean up."""
        self._process.kill()

    @contextmanager
    def suspended(self) -> Generator[None, None, None]:
        """Suspend it for a while, by SIGSTOP."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def write(self, value: object) -> None:
        """Write a line of JSON to its stdin."""
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(json.dumps(value).encode() + b"\n")

    async def aclose(self) -> None:
        """Let it end by itself, and kill it where it does not."""
        stdin = self._process.stdin
        assert stdin is not None
        stdin.close()
        try:
            async with asyncio.timeout(ENDING):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
        await self._reading

    async def _next(self) -> dict[str, Any]:
        line = await self._lines.get()
        assert line is not None, "a process of the fleet has died"
        return line

    async def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        # The last line of a killed process may be half a line.
        while (line := await stdout.readline()).endswith(b"\n"):
            values = json.loads(line)
            if "ended" in values:
                self.ended.append(Ended(**values["ended"]))
            else:
                self._lines.put_nowait(values)
        self._lines.put_nowait(None)


class WorkerFleet:
    """`async with WorkerFleet(orders, 4) as fleet` starts processes and ends them."""

    def __init__(self, orders: Orders, processes: int) -> None:
        self._orders = orders
        self._processes = processes
        self.workers: list[Worker] = []

    async def __aenter__(self) -> Self:
        for _ in range(self._processes):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "tests.fleet_worker"),
                stdin=PIPE,
                stdout=PIPE,
                cwd=ROOT,
                limit=LONGEST_LINE,
            )
            worker = Worker(process)
            worker.write(asdict(self._orders))
            self.workers.append(worker)
        try:
            await asyncio.gather(*(worker.ready() for worker in self.workers))
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

    def count_ended(self) -> int:
        """Return how many calls of all processes have ended."""
        return sum(len(worker.ended) for worker in self.workers)

    async def aclose(self) -> None:
        """Let all processes end."""
        await asyncio.gather(*(worker.aclose() for worker in self.workers))
