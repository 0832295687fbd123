"""Delivery of accepted events to the handler: from memory, or from a spool."""

import asyncio
import contextlib
import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

from cams_async.callbacks.events import Event, InboundMessage, Receipt
from cams_async.callbacks.parse import parse
from cams_async.callbacks.spool import Attempt, Spool, SpooledEvent, SpoolError
from cams_async.callbacks.steps import StepWatch

T = TypeVar("T")

Handler: TypeAlias = Callable[[Event], Awaitable[None] | None]
"""A coroutine function, which runs in the loop of the server, or a plain function,
which runs in a thread. It takes an event."""

MAX_TAKEN: Final = 1000
"""Events of a spool in memory."""

SPOOL_PAUSE: Final = 1.0
"""Seconds after which a spool that failed is used again."""

logger: logging.Logger = logging.getLogger("cams_async")


class HandlerCaller:
    """Calls a handler: coroutines in the loop, plain functions in threads."""

    def __init__(self, handler: Handler, *, threads: int) -> None:
        self._handler = handler
        call = getattr(handler, "__call__", None)  # noqa: B004 - of an object, its method
        self._is_async = any(map(inspect.iscoroutinefunction, (handler, call)))
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="cams-callback")
        self.name: str = getattr(handler, "__qualname__", type(handler).__qualname__)
        self._watch = StepWatch(self.name)

    async def __call__(self, event: Event) -> bool:
        """Call the handler; return whether it succeeded. Its error is logged."""
        try:
            result: Any
            if self._is_async:
                result = self._handler(event)
            else:
                loop = asyncio.get_running_loop()
                result = await loop.run_in_executor(self._threads, self._plain, event)
            if inspect.isawaitable(result):
                await self._watch.run(result)
        except (Exception, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # the receiver is closed
            # A handler that awaited something cancelled has failed, and no more.
            logger.exception("the handler %s failed for %r", self.name, event)
            return False
        return True

    def _plain(self, event: Event) -> Any:
        try:
            return self._handler(event)
        except StopIteration as error:
            # A future cannot have it, and would never end.
            msg = "the handler raised StopIteration"
            raise RuntimeError(msg) from error

    def close(self) -> None:
        """Let the threads end."""
        self._watch.close()
        self._threads.shutdown(wait=False)


class Lanes(Generic[T]):
    """A fixed number of workers; items of one conversation have the same worker."""

    def __init__(self, number: int, work: Callable[[T], Awaitable[None]]) -> None:
        self._work = work
        self._queues = [asyncio.Queue[tuple[T, ...]]() for _ in range(number)]
        self._tasks: list[asyncio.Task[None]] = []
        self.unfinished: int = 0
        """Items that wait, or are worked on."""

        self.closing: bool = False
        """Whether what is put from now on would not be worked on."""

    def start(self) -> None:
        """Start the workers."""
        self._tasks = [asyncio.create_task(self._run(each)) for each in self._queues]

    def put(self, event: Event, item: T) -> None:
        """Add an item to the lane of its event's conversation."""
        self.unfinished += 1
        place = hash(conversation(event)) % len(self._queues)
        self._queues[place].put_nowait((item,))

    async def _run(self, queue: asyncio.Queue[tuple[T, ...]]) -> None:
        while items := await queue.get():
            await self._work(items[0])
            self.unfinished -= 1

    async def aclose(self, grace: float, *, drop: bool) -> None:
        """Stop: finish what is worked on, and what waits unless `drop`.

        After `grace` seconds, everything is cancelled.
        """
        self.closing = True
        for queue in self._queues:
            while drop and not queue.empty():
                queue.get_nowait()
            queue.put_nowait(())
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def has_room(unfinished: int, new: int, most: int) -> bool:
    """Whether events may be taken; those of one notification always can."""
    return unfinished == 0 or unfinished + new <= most


def conversation(event: Event) -> tuple[str | None, ...]:
    """Return what identifies the conversation of an event."""
    if isinstance(event, InboundMessage):
        return event.to, event.from_
    if isinstance(event, Receipt):
        return event.from_, event.to
    return (event.key,)


class EventDelivery(Protocol):
    """Takes accepted events, and delivers them to the handler."""

    async def start(self) -> None:
        """Begin to deliver."""
        ...

    async def offer(self, events: Sequence[Event]) -> bool:
        """Take all events, or return False if there is no room."""
        ...

    async def aclose(self) -> None:
        """Stop."""
        ...


class MemoryDelivery:
    """Delivers events from memory: a crash loses those that were not handled."""

    def __init__(
        self,
        call: HandlerCaller,
        *,
        concurrency: int,
        max_queue: int,
        grace: float,
    ) -> None:
        self._call = call
        self._max = max_queue
        self._grace = grace
        self._lanes = Lanes(concurrency, self._handle)

    async def start(self) -> None:
        """Begin to deliver."""
        self._lanes.start()

    async def offer(self, events: Sequence[Event]) -> bool:
        """Take all events, or return False if there is no room."""
        lanes = self._lanes
        if lanes.closing or not has_room(lanes.unfinished, len(events), self._max):
            return False
        for each in events:
            self._lanes.put(each, each)
        return True

    async def _handle(self, event: Event) -> None:
        await self._call(event)

    async def aclose(self) -> None:
        """Stop: deliver what was taken, in the time that is left."""
        await self._lanes.aclose(self._grace, drop=False)
        if lost := self._lanes.unfinished:
            logger.error("%d events were not handled in %g s", lost, self._grace)


class SpoolDelivery:
    """Delivers events from a spool, at least once each."""

    def __init__(
        self,
        call: HandlerCaller,
        spool: Spool,
        *,
        concurrency: int,
        max_queue: int,
        grace: float,
        pauses: Sequence[float],
    ) -> None:
        self._call = call
        self._spool = spool
        self._max = max_queue
        self._grace = grace
        self._pauses = pauses
        self._lanes = Lanes[SpooledEvent](concurrency, self._handle)
        self._attempts: list[Attempt] = []
        self._wake = asyncio.Event()
        self._feeding: asyncio.Task[None] | None = None
        # SQLite runs in one thread, which no handler can occupy.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cams-spool")

    async def start(self) -> None:
        """Open the spool, and begin to deliver what earlier runs have left.

        Raises:
            ConfigurationError: The spool is unusable, or in use by another process.
        """
        await self.in_thread(self._spool.open)
        self._lanes.start()
        self._feeding = asyncio.create_task(self._feed())

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Call a function of the spool in its thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, function)

    async def offer(self, events: Sequence[Event]) -> bool:
        """Write all events to disk, or return False if there is no room.

        Raises:
            SpoolError: They could not be written.
        """
        if not has_room(self._spool.unfinished, len(events), self._max):
            return False
        await self.in_thread(lambda: self._spool.add(events))
        self.wake()
        return True

    def wake(self) -> None:
        """Look for events that are due."""
        self._wake.set()

    async def _feed(self) -> None:
        while True:
            self._wake.clear()
            attempts = self._attempts.copy()
            try:
                events, pause = await self._advance(attempts)
            except SpoolError as error:
                logger.error("%s; trying again", error)  # noqa: TRY400 - no traceback
                await asyncio.sleep(SPOOL_PAUSE)
                continue
            del self._attempts[: len(attempts)]
            for each in events:
                (event,) = parse(each.raw, max_bytes=len(each.raw) + 1)
                self._lanes.put(event, each)
            # Attempts that ended in the meantime have set the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _advance(
        self, attempts: Sequence[Attempt]
    ) -> tuple[list[SpooledEvent], float | None]:
        room = MAX_TAKEN - self._lanes.unfinished
        events, pause = await self.in_thread(
            lambda: self._spool.advance(attempts, max(0, room))
        )
        # Without room, the next attempt that ends makes some.
        return events, pause if room > 0 else None

    async def _handle(self, spooled: SpooledEvent) -> None:
        (event,) = parse(spooled.raw, max_bytes=len(spooled.raw) + 1)
        attempt = Attempt(spooled.id)
        if not await self._call(event):
            attempt = self._failed(spooled)
            if attempt.retry_at is None:
                logger.error("parked %r after %s attempts", event, spooled.attempts + 1)
        self._attempts.append(attempt)
        self.wake()

    def _failed(self, spooled: SpooledEvent) -> Attempt:
        retry_at = None
        if spooled.attempts < len(self._pauses):
            retry_at = self._spool.now() + self._pauses[spooled.attempts]
        return Attempt(spooled.id, retry_at, failed=True)

    async def aclose(self) -> None:
        """Stop: finish what is being handled; the rest stays in the spool."""
        await self._lanes.aclose(self._grace, drop=True)
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.gather(self._feeding, return_exceptions=True)
            attempts = self._attempts
            try:
                await self.in_thread(lambda: self._spool.advance(attempts, 0))
            except SpoolError as error:
                logger.warning("%s: events may be handled again", error)
        await self.in_thread(self._spool.close)
        self._thread.shutdown(wait=False)
