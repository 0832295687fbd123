"""The task pool behind an `Outcomes` iterator, and the window that bounds it.

A pool never refers to its iterator, so that dropping the iterator ends the pool.
"""

import asyncio
import contextlib
import logging
import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Coroutine,
    Iterable,
)
from typing import Any, Generic, TypeAlias, TypeVar, cast

from cams_async.config import check, check_methods, is_whole
from cams_async.errors import InvalidOperation
from cams_async.models import Response
from cams_async.operations import Operation
from cams_async.poller.outcomes import Outcome, Sender

R = TypeVar("R", bound=Response)
T = TypeVar("T")

Source: TypeAlias = Iterable[T] | AsyncIterable[T]

SPARE_SLOTS = 4
"""Slots beyond two seconds' worth of calls, for ceilings close to 0."""

MAX_SLOTS = 1024
"""The size limit of a default window; each slot may hold a task."""

logger: logging.Logger = logging.getLogger("cams_async")

# An event loop refers to its tasks weakly. Without this set, an unreferenced pool would
# be collected together with its tasks, rather than end them.
_RUNNING: set["TaskPool[Any]"] = set()


class Window:
    """Slots for operations, granted in FIFO order.

    Args:
        client: The sender whose ceilings size the default window.
        size: The number of slots. None for as many as keep the ceilings busy: for each
            action seen, two seconds' worth of calls and 4, at most 1,024 in all.

    Raises:
        ConfigurationError: `size` is not a whole number above 0.
    """

    def __init__(self, client: Sender, size: int | None) -> None:
        valid = size is None or is_whole(size)
        check(valid, "window", "must be a whole number above 0")
        self._client = client
        self._grows = size is None
        # One slot until the first operation, and with it a ceiling, has been seen.
        self._size = size or 1
        self._free = asyncio.Semaphore(self._size)
        self._seen: set[type[Operation[Any]]] = set()

    async def acquire(self) -> None:
        """Acquire a slot, waiting until one is free."""
        await self._free.acquire()

    def release(self) -> None:
        """Release a slot."""
        self._free.release()

    def grow_for(self, operation: Operation[Any]) -> None:
        """Add slots for an action that was not seen before."""
        action = type(operation)
        if not self._grows or action in self._seen:
            return
        # Two seconds' worth: calls are always queued, even if each takes a second.
        ceiling = min(self._client.ceiling(operation), MAX_SLOTS)
        wanted = math.ceil(2 * ceiling) + SPARE_SLOTS
        size = min(wanted + (self._size if self._seen else 0), MAX_SLOTS)
        for _ in range(size - self._size):
            self._free.release()
        self._size = size
        self._seen.add(action)


class TaskPool(ABC, Generic[R]):
    """Tasks that send operations from a source, and their outcomes until consumed."""

    def __init__(
        self, client: Sender, source: Source[Operation[R]], window: int | None
    ) -> None:
        _check(client, source)
        self._client = client
        self._source = source
        self._window = Window(client, window)
        self._ready: deque[Outcome[R]] = deque()
        self._error: BaseException | None = None
        self._tasks: set[asyncio.Task[Outcome[R] | None]] = set()
        # Cancelled by the pool itself, but not done yet.
        self._cancelling: set[asyncio.Task[Outcome[R] | None]] = set()
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reader: asyncio.Task[Outcome[R] | None] | None = None
        self._stopped = False
        self._closed = False

    # The interface of the iterator

    async def next(self) -> Outcome[R]:
        """Return the next outcome.

        Raises:
            StopAsyncIteration: There is none left.
            Exception: The error of the source, or of a call if it is no CamsError.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._start()
        while True:
            outcome = self._pop()
            if outcome is not None:
                self._window.release()
                return outcome
            if not self._tasks and not self._cancelling:
                self._raise_end()
            self._changed.clear()
            await self._changed.wait()

    def stop(self) -> None:
        """Take no more operations. Calls in flight still yield their outcomes."""
        self._stopped = True
        if self._reader is not None:
            self._cancel_tasks(self._reader)

    async def aclose(self) -> None:
        """Cancel all tasks and wait for them. Idempotent."""
        self.cancel()
        while tasks := self._cancelling - {asyncio.current_task()}:
            await asyncio.wait(tasks)

    def cancel(self) -> None:
        """Cancel all tasks and discard their outcomes."""
        self._stopped = self._closed = True
        self._ready.clear()
        self._error = None
        self._cancel_tasks(*self._tasks)
        self._changed.set()

    def abandon(self) -> None:
        """Cancel all tasks, from whichever thread the garbage collector runs in."""
        if self in _RUNNING and self._loop is not None:
            # The loop may be closed by now, and its tasks with it.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self.cancel)

    # Extended by the pools of `poll` and `watch`

    def _start(self) -> None:
        if not self._stopped:
            self._reader = self._spawn(self._read())

    async def _read(self) -> None:
        """Take all operations; keep an error of the source until the end."""
        try:
            async with contextlib.aclosing(_each(self._source)) as feed:
                await self._take(feed)
        except Exception as error:  # noqa: BLE001 - the iterator raises it at the end
            self._keep_error(error)

    @abstractmethod
    async def _take(self, feed: AsyncIterator[Operation[R]]) -> None:
        """Take operations from the feed and spawn their tasks."""

    def _pop(self) -> Outcome[R] | None:
        """Return an outcome that is ready, or None."""
        return self._ready.popleft() if self._ready else None

    def _collect(self, task: asyncio.Task[Outcome[R] | None]) -> None:
        """Make the outcome of a completed task ready."""
        if not task.cancelled() and task.exception() is None:
            outcome = task.result()
            if outcome is not None and not self._closed:
                self._ready.append(outcome)

    # The life of a task

    def _spawn(
        self, work: Coroutine[Any, Any, Outcome[R] | None]
    ) -> asyncio.Task[Outcome[R] | None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        _RUNNING.add(self)
        return task

    def _cancel_tasks(self, *tasks: asyncio.Task[Outcome[R] | None]) -> None:
        for task in tasks:
            if task in self._tasks:
                self._tasks.remove(task)
                self._cancelling.add(task)
                task.cancel()

    def _on_done(self, task: asyncio.Task[Outcome[R] | None]) -> None:
        cancelled_here = task in self._cancelling
        self._cancelling.discard(task)
        self._tasks.discard(task)
        if task.cancelled():
            if not cancelled_here:
                self._fail(asyncio.CancelledError())
        elif (error := task.exception()) is not None:
            self._fail(error)
        self._collect(task)
        self._changed.set()
        if not self._tasks and not self._cancelling:
            self._on_idle()

    def _on_idle(self) -> None:
        """Release what only tasks needed."""
        _RUNNING.discard(self)

    # The end of the iteration

    def _fail(self, error: BaseException) -> None:
        """End the iteration because of an error that is no outcome."""
        self._keep_error(error)
        self._stopped = True
        self._cancel_tasks(*self._tasks)

    def _keep_error(self, error: BaseException) -> None:
        """Keep the first error until all outcomes are consumed."""
        if self._closed:
            logger.warning("an error after a poll was closed", exc_info=error)
        elif self._error is None:
            self._error = error

    def _raise_end(self) -> None:
        error, self._error = self._error, None
        try:
            raise StopAsyncIteration if error is None else error
        finally:
            # The traceback refers to this frame: avoid a reference cycle.
            del error


def attempts_of(response: Response) -> int:
    """Return how many requests were sent for a response."""
    return 0 if response.meta is None else response.meta.attempts


def check_operation(operation: object) -> None:
    """Check that an item of the source is an operation.

    Raises:
        InvalidOperation: It is something else.
    """
    if not isinstance(operation, Operation):
        msg = f"the source holds {type(operation).__name__}, not an operation"
        raise InvalidOperation(msg, field="operation", expected="an Operation")


def _check(client: Any, source: Any) -> None:
    check_methods(client, "client", "send", "ceiling")
    iterable = isinstance(source, (Iterable, AsyncIterable))
    check(iterable, "operations", "must be an iterable or an async iterable")


async def _each(source: Source[T]) -> AsyncGenerator[T, None]:
    """Iterate over either kind of source; close an async generator at the end."""
    if not isinstance(source, AsyncIterable):
        for item in source:
            yield item
        return
    try:
        async for item in source:
            yield item
    finally:
        if isinstance(source, AsyncGenerator):
            await cast("AsyncGenerator[T, None]", source).aclose()
