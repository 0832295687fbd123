"""The schedule of a watch: operations ordered by the time of their next call."""

import asyncio
import heapq
import random
from typing import Generic, TypeVar

from attrs import define

from cams_async.models import Response
from cams_async.operations import Operation

R = TypeVar("R", bound=Response)


@define(eq=False)
class WatchedOperation(Generic[R]):
    """The state of an operation that has not reached a terminal status."""

    operation: Operation[R]

    pause: float
    """Seconds until its next call, before jitter."""

    attempts: int = 0

    response: R | None = None
    """The last response; None if there was none."""

    last_error: str | None = None
    """The class name of the last call's error; None if the call succeeded."""


class Schedule(Generic[R]):
    """A priority queue of operations by due time, with growing, jittered pauses."""

    def __init__(self, longest_pause: float) -> None:
        self._longest_pause = longest_pause
        # The count keeps operations that are due at the same time in FIFO order.
        self._heap: list[tuple[float, int, WatchedOperation[R]]] = []
        self._count = 0
        self._new_first = asyncio.Event()

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, watched: WatchedOperation[R]) -> None:
        """Schedule the next call of an operation, and double its pause."""
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 - jitter needs no secrecy
        due = asyncio.get_running_loop().time() + watched.pause * jitter
        watched.pause = min(2 * watched.pause, self._longest_pause)
        self._count += 1
        entry = (due, self._count, watched)
        heapq.heappush(self._heap, entry)
        if self._heap[0] is entry:
            self._new_first.set()

    async def wait_until_due(self) -> None:
        """Wait until at least one operation is due."""
        now = asyncio.get_running_loop().time
        while not self._heap or self._heap[0][0] > now():
            self._new_first.clear()
            try:
                async with asyncio.timeout_at(self._heap[0][0] if self._heap else None):
                    await self._new_first.wait()
            except TimeoutError:
                return

    def pop_first(self) -> WatchedOperation[R]:
        """Remove and return the operation that is due first."""
        return heapq.heappop(self._heap)[-1]

    def pop_any(self) -> WatchedOperation[R]:
        """Remove and return any operation, in constant time."""
        return self._heap.pop()[-1]

    def clear(self) -> None:
        """Remove all operations."""
        self._heap.clear()
