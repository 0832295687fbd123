"""One measurement of `waiting` in a process of its own, with clean memory.

`python -m benchmarks.waiters KIND COUNT time|memory|steps` prints one line of JSON.
"""

import asyncio
import gc
import json
import sys
import time
import tracemalloc
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Generator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from statistics import quantiles
from typing import TypeVar

from aiolimiter import AsyncLimiter

from benchmarks.responses import ACTION, CREDENTIALS, PHONE_NUMBER, SPACE, STATUS
from cams_async import CamsClient, LocalThrottle, Scope
from cams_async.protocol import HttpResponse, Request

T = TypeVar("T")

CEILING = 5_000.0
"""Calls per second: scaled up, so that a measurement takes a second or two."""

PERMITS = 500
"""Permits that are timed: the same number for every count, or half of it."""

MOST_PERMITS = 5_000
"""Permits that are granted, at most, while the lag of the loop is recorded."""

JOINING = 0.5
JOINING_EACH = 0.00006
"""Seconds, more than it takes to enter the queue."""

TRIES = 5
"""Attempts at a measurement, on a machine that stalls in it."""

MOST = 60.0
"""Seconds of the longest pause that a response may request."""

TICK = 0.005
"""Seconds between two measurements of the event loop's lag."""

SCOPE = Scope(
    account=CREDENTIALS.access_key_id,
    region="ap-southeast-1",
    action=ACTION,
    qps=CEILING,
)


class StalledError(Exception):
    """The machine stalled for so long that hardly any task was left waiting."""


class Counter:
    """A count of granted permits that can be awaited."""

    def __init__(self) -> None:
        self.count = 0
        self._goal = 0
        self._reached: asyncio.Future[None] | None = None

    def add(self) -> None:
        """Count one."""
        self.count += 1
        if self.count == self._goal and self._reached is not None:
            self._reached.set_result(None)

    async def more(self, permits: int) -> None:
        """Wait until this many more have been granted."""
        self._goal = self.count + permits
        self._reached = asyncio.get_running_loop().create_future()
        await self._reached


class Queue(ABC):
    """A queue to wait in."""

    def __init__(self) -> None:
        self.permits = Counter()

    async def close(self, seconds: float) -> None:
        """Grant no permits for this long; most queues are closed from the start."""
        del seconds

    @abstractmethod
    async def wait(self) -> None:
        """Wait for a permit and use it."""

    async def open(self, permits: int) -> None:
        """Return right before permits are granted, by default at once."""
        del permits


class BareTasks(Queue):
    """Tasks that await a future each: the least that waiting can cost."""

    def __init__(self) -> None:
        super().__init__()
        self._futures: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Wait for a future."""
        future = asyncio.get_running_loop().create_future()
        self._futures.append(future)
        await future
        self.permits.add()

    async def open(self, permits: int) -> None:
        """Set the oldest futures."""
        for _ in range(permits):
            self._futures.popleft().set_result(None)


class Aiolimiter(Queue):
    """aiolimiter alone, in bursts of 10 ms."""

    def __init__(self) -> None:
        super().__init__()
        self._limiter = AsyncLimiter(CEILING / 100, 1 / 100)

    async def close(self, seconds: float) -> None:
        """Fill the bucket; it leaks from now on."""
        del seconds
        await self._limiter.acquire(CEILING / 100)

    async def wait(self) -> None:
        """Wait for capacity in the bucket."""
        async with self._limiter:
            self.permits.add()


class Throttled(Queue):
    """LocalThrottle, with calls that complete at once."""

    def __init__(self) -> None:
        super().__init__()
        self.throttle = LocalThrottle()
        self._opens = 0.0

    async def close(self, seconds: float) -> None:
        """Report a throttled response with a Retry-After."""
        async with self.throttle.acquire(SCOPE) as permit:
            permit.throttled(seconds)
        self._opens = time.monotonic() + seconds

    async def wait(self) -> None:
        """Wait for a permit."""
        async with self.throttle.acquire(SCOPE) as permit:
            permit.sent()
            permit.completed()
        self.permits.add()

    async def open(self, permits: int) -> None:
        """Return shortly before the pause ends."""
        del permits
        await asyncio.sleep(self._opens - time.monotonic() - 0.01)


class ImmediateTransport:
    """A transport without a network."""

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Respond."""
        del request, timeout
        on_sent()
        return HttpResponse(200, {}, STATUS)

    async def aclose(self) -> None:
        """Do nothing."""


class Called(Throttled):
    """Whole calls of CamsClient, without a network."""

    def __init__(self) -> None:
        super().__init__()
        self._client = CamsClient(
            CREDENTIALS,
            qps={ACTION: CEILING},
            throttle=self.throttle,
            transport=ImmediateTransport(),
        )

    async def wait(self) -> None:
        """Make a call."""
        await self._client.get_phone_number_verification_status(
            phone_number=PHONE_NUMBER, cust_space_id=SPACE
        )
        self.permits.add()


BARE, THROTTLE = "bare task", "LocalThrottle"

KINDS: Mapping[str, Callable[[], Queue]] = {
    BARE: BareTasks,
    "aiolimiter": Aiolimiter,
    THROTTLE: Throttled,
    "CamsClient": Called,
}


async def measure(function: Callable[[Queue, int], Awaitable[T]]) -> T:
    """Repeat a measurement of the kind and count in argv until it succeeds."""
    make, count = KINDS[sys.argv[1]], int(sys.argv[2])
    for _ in range(TRIES - 1):
        with suppress(StalledError):
            return await function(make(), count)
    return await function(make(), count)


async def measure_time(queue: Queue, count: int) -> dict[str, float | None]:
    """Join, grant some permits, cancel the rest; return seconds of CPU for each.

    The lag of the loop is None where too few permits are granted to measure it.
    """
    await queue.close(JOINING + count * JOINING_EACH)
    with cpu_time() as joining:
        tasks = await join(queue, count)

    before = queue.permits.count
    permits = min(PERMITS, (count - before) // 2)
    with cpu_time() as granting:
        await queue.open(permits)
        await queue.permits.more(permits)
    granted = queue.permits.count - before

    lags: list[float] = []
    if count >= 10 * PERMITS:
        with record_lags() as lags:
            if isinstance(queue, BareTasks):
                await asyncio.sleep(1.0)
            else:
                await queue.permits.more(min(count // 4, MOST_PERMITS))

    with cpu_time() as cancelling:
        cancelled = await cancel(tasks)
    return {
        "join": joining() / count,
        "permit": granting() / granted,
        "cancel": cancelling() / cancelled,
        "lag": quantiles(lags, n=100)[98] if len(lags) > 1 else None,
    }


async def measure_memory(queue: Queue, count: int) -> float:
    """Return the bytes of each waiter, its task included."""
    await queue.close(JOINING + count * JOINING_EACH)
    gc.collect()
    tracemalloc.start()
    try:
        tasks = await join(queue, count)
        gc.collect()
        traced, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    await cancel(tasks)
    return traced / count


async def measure_steps(count: int) -> dict[str, float]:
    """Return the longest iterations, in seconds, of operations on all waiting calls.

    A pause that ends the waits of calls with a deadline, and the end of the throttle.
    """
    throttle = LocalThrottle()
    loop = asyncio.get_running_loop()

    async def wait(deadline: float | None) -> None:
        async with throttle.acquire(SCOPE, deadline=deadline):
            pass

    async def enter(deadline: float | None) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(wait(deadline)) for _ in range(count)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gc.collect()
        gc.disable()
        return tasks

    async with throttle.acquire(SCOPE) as first, throttle.acquire(SCOPE) as second:
        first.throttled(MOST / 10)
        tasks = await enter(loop.time() + MOST / 2)
        async with longest_iteration() as pausing:
            began = time.perf_counter()
            second.throttled(MOST)
            moving = time.perf_counter() - began
            while not (tasks[0].done() and tasks[-1].done()):  # noqa: ASYNC110 - each iteration is measured
                await asyncio.sleep(0)
        gc.enable()
        await asyncio.gather(*tasks, return_exceptions=True)
        tasks = await enter(None)
        async with longest_iteration() as closing:
            await throttle.aclose()
        gc.enable()
        await asyncio.gather(*tasks, return_exceptions=True)
    return {"pause": max(moving, *pausing), "close": max(closing)}


@asynccontextmanager
async def longest_iteration() -> AsyncGenerator[list[float], None]:
    """Record the seconds of each iteration of the loop."""
    seconds: list[float] = []

    async def record() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            seconds.append(now - last)
            last = now

    task = asyncio.create_task(record())
    await asyncio.sleep(0)
    try:
        yield seconds
        await asyncio.sleep(0)
    finally:
        task.cancel()


async def join(queue: Queue, count: int) -> list[asyncio.Task[None]]:
    """Create tasks that enter the queue; at least half of them must still wait."""
    tasks = [asyncio.create_task(queue.wait()) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    if queue.permits.count > count // 2:
        await cancel(tasks)
        raise StalledError
    return tasks


async def cancel(tasks: Sequence[asyncio.Task[None]]) -> int:
    """Cancel pending tasks, the youngest first, and return their number."""
    waiting = [task for task in reversed(tasks) if not task.done()]
    for task in waiting:
        task.cancel()
    # The last task ends last, so that most are checked only once.
    for task in reversed(waiting):
        while not task.done():  # noqa: ASYNC110 - any device would cost for each
            await asyncio.sleep(0)
    return len(waiting)


@contextmanager
def cpu_time() -> Generator[Callable[[], float], None, None]:
    """Measure the CPU time of a block, without garbage collection, as timeit does."""
    gc.collect()
    gc.disable()
    spent = 0.0
    began = time.process_time()
    try:
        yield lambda: spent
    finally:
        spent = time.process_time() - began
        gc.enable()


@contextmanager
def record_lags() -> Generator[list[float], None, None]:
    """Record the seconds that the loop is late, every `TICK`."""
    loop = asyncio.get_running_loop()
    lags: list[float] = []

    async def record() -> None:
        while True:
            due = loop.time() + TICK
            await asyncio.sleep(TICK)
            lags.append(loop.time() - due)

    task = asyncio.create_task(record())
    try:
        yield lags
    finally:
        task.cancel()


if __name__ == "__main__":
    if sys.argv[3] == "steps":
        print(json.dumps(asyncio.run(measure_steps(int(sys.argv[2])))))
    elif sys.argv[3] == "memory":
        print(json.dumps(asyncio.run(measure(measure_memory))))
    else:
        print(json.dumps(asyncio.run(measure(measure_time))))
