"""One measurement of `waiting`, in a process of its own: clean memory, no history.

`python -m benchmarks.waiters KIND COUNT` prints one line of JSON.
"""

import argparse
import asyncio
import gc
import json
import time
import tracemalloc
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from statistics import quantiles
from typing import Any, TypeVar

from aiolimiter import AsyncLimiter
from attrs import asdict, frozen

from cams_async import CamsClient, Credentials, LocalThrottle, Scope
from cams_async.operations import GetPhoneNumberVerificationStatus
from cams_async.protocol import HttpResponse, Request

Found = TypeVar("Found")

CEILING = 5_000.0
"""Calls per second: scaled up, so that a measurement takes a second or two."""

TURNS = 500
"""How many turns are timed: of every count the same number, or at most half."""

LEAST = 200
"""How many must wait, as aiolimiter lets the first 50 through at once."""

MOST_TURNS = 5_000
"""How many turns go on, at most, while the loop is watched."""

JOINING = 0.5
JOINING_EACH = 0.00006
"""Seconds, more than it takes to join."""

TRIES = 5
"""How often a measurement begins, at most, on a machine that stands still in it."""

TICK = 0.005
"""Seconds between two looks at how late the event loop is."""

ACTION = "GetPhoneNumberVerificationStatus"
KEY = Credentials("LTAIbenchmark", "secret")
SCOPE = Scope(
    account=KEY.access_key_id, region="ap-southeast-1", action=ACTION, qps=CEILING
)
ANSWER = json.dumps(
    {
        "RequestId": "3D9F7A11-3B1C-5A6E-9D0B-7C3C5B0C6A55",
        "Code": "OK",
        "Message": "None",
        "AccessDeniedDetail": "None",
        "Data": {
            "PhoneNumber": "8613800000000",
            "Id": "100000000000000",
            "CodeVerificationStatus": "VERIFIED",
        },
    }
).encode()


class StoodStillError(Exception):
    """The machine paused for so long that hardly anyone was left to wait."""


class Permits:
    """Counts those who have had their turn."""

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
        """Wait until so many more have had theirs."""
        self._goal = self.count + permits
        self._reached = asyncio.get_running_loop().create_future()
        await self._reached


class Queue(ABC):
    """Something to wait in."""

    def __init__(self) -> None:
        self.permits = Permits()

    @abstractmethod
    async def close(self, seconds: float) -> None:
        """Let nobody through for so long."""

    @abstractmethod
    async def wait(self) -> None:
        """Wait for a turn and use it."""

    @abstractmethod
    async def open(self, permits: int) -> None:
        """Return right before so many are let through, or more."""


class BareTasks(Queue):
    """Tasks that wait for a future each: the least that waiting can cost."""

    def __init__(self) -> None:
        super().__init__()
        self._futures: deque[asyncio.Future[None]] = deque()

    async def close(self, seconds: float) -> None:
        """Do nothing: nobody gets through by itself."""

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
        """Fill the bucket; it cannot be held, so it drips from now on."""
        del seconds
        await self._limiter.acquire(CEILING / 100)

    async def wait(self) -> None:
        """Wait for room in the bucket."""
        async with self._limiter:
            self.permits.add()

    async def open(self, permits: int) -> None:
        """Do nothing: it drips by itself."""


class Throttled(Queue):
    """LocalThrottle, with calls that are answered at once."""

    def __init__(self) -> None:
        super().__init__()
        self.throttle = LocalThrottle()
        self._opens = 0.0

    async def close(self, seconds: float) -> None:
        """Let a server ask for a pause."""
        async with self.throttle.acquire(SCOPE) as permit:
            permit.throttled(seconds)
        self._opens = time.monotonic() + seconds

    async def wait(self) -> None:
        """Wait for a turn."""
        async with self.throttle.acquire(SCOPE) as permit:
            permit.sent()
            permit.completed()
        self.permits.add()

    async def open(self, permits: int) -> None:
        """Return shortly before the pause ends."""
        del permits
        await asyncio.sleep(self._opens - time.monotonic() - 0.01)


class AnswersAtOnce:
    """A transport without a network."""

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Answer."""
        del request, timeout
        on_sent()
        return HttpResponse(200, {}, ANSWER)

    async def aclose(self) -> None:
        """Do nothing."""


class Called(Throttled):
    """Whole calls of CamsClient, without a network."""

    def __init__(self) -> None:
        super().__init__()
        self._client = CamsClient(
            KEY,
            qps={ACTION: CEILING},
            throttle=self.throttle,
            transport=AnswersAtOnce(),
        )

    async def wait(self) -> None:
        """Call."""
        operation = GetPhoneNumberVerificationStatus(
            phone_number="8613800000000", cust_space_id="cams-0001"
        )
        await self._client.send(operation)
        self.permits.add()


BARE = "bare task"

KINDS: dict[str, Callable[[], Queue]] = {
    BARE: BareTasks,
    "aiolimiter": Aiolimiter,
    "LocalThrottle": Throttled,
    "CamsClient": Called,
}


@frozen(kw_only=True)
class Costs:
    """What waiting costs, for each waiter."""

    kind: str
    count: int

    join: float
    """Seconds of CPU to make a task and let it join."""

    grant: float
    """Seconds of CPU for a turn, to the end of its task."""

    cancel: float
    """Seconds of CPU to cancel, the youngest first."""

    lag: float | None
    """Seconds that the loop is late while turns go on, 99th percentile; that of bare
    tasks is the machine's own. None where there are too few turns to tell.
    """


@contextmanager
def lags() -> Generator[list[float], None, None]:
    """Record how late the loop is, again and again."""
    loop = asyncio.get_running_loop()
    late: list[float] = []

    async def look() -> None:
        while True:
            due = loop.time() + TICK
            await asyncio.sleep(TICK)
            late.append(loop.time() - due)

    task = asyncio.create_task(look())
    try:
        yield late
    finally:
        task.cancel()


async def join(queue: Queue, count: int) -> list[asyncio.Task[None]]:
    """Let so many tasks join the queue; half of them must still be in it then."""
    tasks = [asyncio.create_task(queue.wait()) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    if queue.permits.count > count // 2:
        await cancel(tasks)
        raise StoodStillError
    return tasks


async def measure_time(kind: str, count: int) -> Costs:
    """Join, grant some, cancel the rest; all in seconds of CPU for each."""
    return await _try(_measure_time, kind, count)


async def _try(
    measure: Callable[[str, int], Awaitable[Found]], kind: str, count: int
) -> Found:
    for _ in range(TRIES - 1):
        with suppress(StoodStillError):
            return await measure(kind, count)
    return await measure(kind, count)


async def _measure_time(kind: str, count: int) -> Costs:
    queue = KINDS[kind]()
    await queue.close(JOINING + count * JOINING_EACH)
    with cpu_time() as joining:
        tasks = await join(queue, count)

    before = queue.permits.count
    permits = min(TURNS, (count - before) // 2)
    with cpu_time() as granting:
        await queue.open(permits)
        await queue.permits.more(permits)
    granted = queue.permits.count - before

    late: list[float] = []
    if count >= 10 * TURNS:
        with lags() as late:
            if kind == BARE:
                await asyncio.sleep(1.0)
            else:
                await queue.permits.more(min(count // 4, MOST_TURNS))

    with cpu_time() as cancelling:
        cancelled = await cancel(tasks)
    return Costs(
        kind=kind,
        count=count,
        join=joining() / count,
        grant=granting() / granted,
        cancel=cancelling() / cancelled,
        lag=quantiles(late, n=100)[98] if len(late) > 1 else None,
    )


@contextmanager
def cpu_time() -> Generator[Callable[[], float], None, None]:
    """Take the CPU time of what is inside, without garbage collection, as timeit."""
    gc.collect()
    gc.disable()
    spent = 0.0
    began = time.process_time()
    try:
        yield lambda: spent
    finally:
        spent = time.process_time() - began
        gc.enable()


async def cancel(tasks: Sequence[asyncio.Task[None]]) -> int:
    """Cancel those that go on, the youngest first, and return how many."""
    waiting = [task for task in reversed(tasks) if not task.done()]
    for task in waiting:
        task.cancel()
    # The last is the last to end, so that the others are hardly asked more than once.
    for task in reversed(waiting):
        while not task.done():  # noqa: ASYNC110 - any device would cost for each
            await asyncio.sleep(0)
    return len(waiting)


async def measure_memory(kind: str, count: int) -> float:
    """Return the bytes that each waiter takes, its task included."""
    return await _try(_measure_memory, kind, count)


async def _measure_memory(kind: str, count: int) -> float:
    queue = KINDS[kind]()
    await queue.close(JOINING + count * JOINING_EACH)
    gc.collect()
    tracemalloc.start()
    try:
        tasks = await join(queue, count)
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    await cancel(tasks)
    return taken / count


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=list(KINDS))
    parser.add_argument("count", type=int)
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args(arguments)
    result: Any
    if options.memory:
        result = asyncio.run(measure_memory(options.kind, options.count))
    else:
        result = asdict(asyncio.run(measure_time(options.kind, options.count)))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
