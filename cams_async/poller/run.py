"""What goes on behind an iterator of outcomes: tasks, and what they bring.

A run never refers to the iterator that shows it, so that dropping the iterator is
enough to end the run.
"""

import asyncio
import contextlib
import logging
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

from cams_async.errors import ConfigurationError, InvalidOperation
from cams_async.models import Response
from cams_async.operations import Operation
from cams_async.poller.outcome import Outcome, Sender
from cams_async.poller.window import Window

R = TypeVar("R", bound=Response)
T = TypeVar("T")

Source: TypeAlias = Iterable[T] | AsyncIterable[T]

logger: logging.Logger = logging.getLogger("cams_async")

# An event loop refers to its tasks weakly. Without this, a run that nobody refers to
# would be collected with its tasks, rather than end them.
_RUNNING: set["Run[Any]"] = set()


class Run(ABC, Generic[R]):
    """Takes operations from a source, and holds outcomes until they are asked for."""

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
        # Cancelled by the run itself, and not at their end yet.
        self._leaving: set[asyncio.Task[Outcome[R] | None]] = set()
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reader: asyncio.Task[Outcome[R] | None] | None = None
        self._stopped = False
        self._closed = False

    # What the iterator asks for

    async def next(self) -> Outcome[R]:
        """Return the next outcome.

        Raises:
            StopAsyncIteration: There is none left.
            Exception: What the source raised, or a call that should not have.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._start()
        while True:
            outcome = self._pop()
            if outcome is not None:
                self._window.leave()
                return outcome
            if not self._tasks and not self._leaving:
                self._end()
            self._news.clear()
            await self._news.wait()

    def stop(self) -> None:
        """Take no more operations. What was sent still comes out."""
        self._stopped = True
        if self._reader is not None:
            self._dismiss(self._reader)

    async def aclose(self) -> None:
        """End all tasks and wait for them. Idempotent."""
        self.cancel()
        while tasks := self._leaving - {asyncio.current_task()}:
            await asyncio.wait(tasks)

    def cancel(self) -> None:
        """Begin to end all tasks, and forget what they brought."""
        self._stopped = self._closed = True
        self._ready.clear()
        self._error = None
        self._dismiss(*self._tasks)
        self._news.set()

    def abandon(self) -> None:
        """End all tasks, asked from wherever garbage is collected."""
        if self in _RUNNING and self._loop is not None:
            # The loop may be closed by now, and its tasks with it.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self.cancel)

    # What a kind of run does

    def _start(self) -> None:
        if not self._stopped:
            self._reader = self._begin(self._read())

    async def _read(self) -> None:
        """Take all operations; what the source raises waits until they are out."""
        try:
            async with contextlib.aclosing(_each(self._source)) as feed:
                await self._take(feed)
        except Exception as error:  # noqa: BLE001 - whatever it is, the consumer is told
            self._keep(error)

    @abstractmethod
    async def _take(self, feed: AsyncIterator[Operation[R]]) -> None:
        """Take operations from the feed and begin what they need."""

    def _pop(self) -> Outcome[R] | None:
        """Return what is ready, if anything is."""
        return self._ready.popleft() if self._ready else None

    def _collect(self, task: asyncio.Task[Outcome[R] | None]) -> None:
        """Make ready what a task has brought at its end."""
        if not task.cancelled() and task.exception() is None:
            outcome = task.result()
            if outcome is not None and not self._closed:
                self._ready.append(outcome)

    # The life of a task

    def _begin(
        self, work: Coroutine[Any, Any, Outcome[R] | None]
    ) -> asyncio.Task[Outcome[R] | None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        _RUNNING.add(self)
        return task

    def _dismiss(self, *tasks: asyncio.Task[Outcome[R] | None]) -> None:
        for task in tasks:
            if task in self._tasks:
                self._tasks.remove(task)
                self._leaving.add(task)
                task.cancel()

    def _ended(self, task: asyncio.Task[Outcome[R] | None]) -> None:
        dismissed = task in self._leaving
        self._leaving.discard(task)
        self._tasks.discard(task)
        if task.cancelled():
            if not dismissed:
                self._fail(asyncio.CancelledError())
        elif (error := task.exception()) is not None:
            self._fail(error)
        self._collect(task)
        self._news.set()
        if not self._tasks and not self._leaving:
            self._finished()

    def _finished(self) -> None:
        """Let go of what only tasks needed."""
        _RUNNING.discard(self)

    # The end of a run

    def _fail(self, error: BaseException) -> None:
        """End the run because of an error that is no outcome."""
        self._keep(error)
        self._stopped = True
        self._dismiss(*self._tasks)

    def _keep(self, error: BaseException) -> None:
        """Keep an error until all outcomes are out; only the first can be raised."""
        if self._closed:
            logger.warning("an error after a poll was closed", exc_info=error)
        elif self._error is None:
            self._error = error

    def _end(self) -> None:
        error, self._error = self._error, None
        try:
            raise StopAsyncIteration if error is None else error
        finally:
            # Its traceback shows this frame: a circle that nobody needs.
            del error


def attempts_of(response: Response) -> int:
    """Return how many requests were sent for an answer."""
    return 0 if response.meta is None else response.meta.attempts


def check_operation(operation: object) -> None:
    """Refuse what is no operation.

    Raises:
        InvalidOperation: It is something else.
    """
    if not isinstance(operation, Operation):
        msg = f"the source holds {type(operation).__name__}, not an operation"
        raise InvalidOperation(msg, field="operation", expected="an Operation")


def _check(client: Any, source: Any) -> None:
    for name in ("send", "ceiling"):
        if not callable(getattr(client, name, None)):
            raise ConfigurationError(f"must have a method {name}", field="client")
    if not isinstance(source, (Iterable, AsyncIterable)):
        msg = "must be an iterable or an async iterable"
        raise ConfigurationError(msg, field="operations")


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
