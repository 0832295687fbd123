"""A fleet: processes that share a ceiling, as seen from their parent."""

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

from benchmarks.fleet_worker import Ended, Orders, Task, Times
from benchmarks.server import LONGEST_LINE, Place

HERE = Path(__file__).parent.parent

NUMBERS = 20
"""Of each account, at most, that a process calls for."""

ENDING = 10.0
"""Seconds that a process has to end by itself."""


def orders(
    limiter: str, redis: str, ceiling: float, place: Place, **options: Any
) -> Orders:
    """Return what processes in front of an emulator are told.

    Args:
        limiter: Its name.
        redis: The URL of a Redis.
        ceiling: Calls per second of each account.
        place: The emulator.
        options: Further arguments of a RedisThrottle.
    """
    each = len(place.numbers) // len(place.accounts)
    return Orders(
        limiter=limiter,
        redis=redis,
        ceiling=ceiling,
        endpoint=place.endpoint,
        accounts=[
            (key.access_key_id, key.access_key_secret.reveal())
            for key in place.accounts
        ],
        numbers=[
            place.numbers[first : first + min(each, NUMBERS)]
            for first in range(0, len(place.numbers), each)
        ],
        options=options,
    )


class Worker:
    """One process."""

    def __init__(self, process: Process) -> None:
        self.ended: list[Ended] = []
        self._process = process
        self._words: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def ready(self) -> None:
        """Wait until it is ready."""
        await self._next()

    async def run(self, task: Task) -> Times:
        """Let it make calls; its process must not be killed meanwhile."""
        self.begin(task)
        return Times(**(await self._next())["times"])

    def begin(self, task: Task) -> None:
        """Let it make calls."""
        self.tell(asdict(task))

    def kill(self) -> None:
        """End it at once, by SIGKILL: nothing of it can clean up."""
        self._process.kill()

    @contextmanager
    def suspended(self) -> Generator[None, None, None]:
        """Let it stand still for a while, by SIGSTOP."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    async def aclose(self) -> None:
        """Let it end by itself, or kill it where it does not."""
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - it was started with it
        stdin.close()
        try:
            async with asyncio.timeout(ENDING):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
        await self._reading

    def tell(self, words: dict[str, Any]) -> None:
        """Write a line of JSON."""
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - it was started with it
        stdin.write(json.dumps(words).encode() + b"\n")

    async def _next(self) -> dict[str, Any]:
        words = await self._words.get()
        if words is None:
            msg = "a process of the fleet has died"
            raise RuntimeError(msg)
        return words

    async def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - it was started with it
        # The last line of a killed process may be half a line.
        while (line := await stdout.readline()).endswith(b"\n"):
            words = json.loads(line)
            if "ended" in words:
                self.ended.append(Ended(**words["ended"]))
            else:
                self._words.put_nowait(words)
        self._words.put_nowait(None)


class Fleet:
    """`async with Fleet(orders, 4) as fleet`: starts processes, and ends them."""

    def __init__(self, told: Orders, processes: int) -> None:
        self._told = told
        self._processes = processes
        self.workers: list[Worker] = []

    async def __aenter__(self) -> Self:
        for _ in range(self._processes):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "benchmarks.fleet_worker",
                stdin=PIPE,
                stdout=PIPE,
                cwd=HERE,
                limit=LONGEST_LINE,
            )
            worker = Worker(process)
            worker.tell(asdict(self._told))
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

    async def run(self, task: Task) -> list[Times]:
        """Let all make the same calls at once."""
        return await asyncio.gather(*(worker.run(task) for worker in self.workers))

    async def aclose(self) -> None:
        """Let all end."""
        await asyncio.gather(*(worker.aclose() for worker in self.workers))
