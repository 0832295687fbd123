"""Delivery of accepted events to the handler: from memory, or from a spool."""

import asyncio
import contextlib
import inspect
import logging
import time
from collections.abc import (
    Awaitable,
    Callable,
    Generator,
    Sequence,
)
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

from cams_async.callbacks.events import Event, InboundMessage, Receipt
from cams_async.callbacks.parse import parse
from cams_async.callbacks.seen import Seen
from cams_async.callbacks.spool import Attempt, Spool, SpooledEvent, SpoolError

T = TypeVar("T")

Handler: TypeAlias = Callable[[Event], Awaitable[None] | None]
"""A coroutine function, which runs in the loop of the server, or a plain function,
which runs in a thread. It takes an event."""

SLOW_STEP: Final = 1.0
"""Seconds for which a handler may hold the loop without a warning."""

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

    async def __call__(self, event: Event) -> bool:
        """Call the handler; return whether it succeeded. Its error is logged."""
        try:
            if self._is_async:
                result = self._handler(event)
            else:
                loop = asyncio.get_running_loop()
                result = await loop.run_in_executor(self._threads, self._handler, event)
            if result is not None:
                await _Steps(result, self.name)
        except (Exception, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # the receiver is closed
            # A handler that awaited something cancelled has failed, and no more.
            logger.exception("the handler %s failed for %r", self.name, event)
            return False
        return True

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False)


class _Steps(Awaitable[None]):
    """A coroutine, with a warning for each step that holds the loop too long."""

    def __init__(self, inner: Awaitable[None], name: str) -> None:
        self._inner = inner
        self._name = name

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self._inner.__await__()
        value: Any = None
        error: BaseException | None = None
        while True:
            began = time.monotonic()
            try:
                step = steps.send(value) if error is None else steps.throw(error)
            except StopIteration:
                return
            finally:
                held = time.monotonic() - began
                if held > SLOW_STEP:
                    logger.warning(
                        "the handler %s held the event loop for %.1f s: while it does, "
                        "no callback is answered; use `await`, or a plain function, "
                        "which runs in a thread",
                        self._name,
                        held,
                    )
            value = error = None
            try:
                value = yield step
            except BaseException as raised:  # noqa: BLE001 - the coroutine handles it
                error = raised


class Lanes(Generic[T]):
    """A fixed number of workers; items of one conversation have the same worker."""

    def __init__(self, number: int, work: Callable[[T], Awaitable[None]]) -> None:
        self._work = work
        self._queues = [asyncio.Queue[tuple[T, ...]]() for _ in range(number)]
        self._tasks: list[asyncio.Task[None]] = []
        self.unfinished: int = 0
        """Items that wait, or are worked on."""

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


class Delivery(Protocol):
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
        seen: Seen,
        *,
        concurrency: int,
        max_queue: int,
        grace: float,
    ) -> None:
        self._call = call
        self._seen = seen
        self._max = max_queue
        self._grace = grace
        self._lanes = Lanes(concurrency, self._handle)

    async def start(self) -> None:
        """Begin to deliver."""
        self._lanes.start()

    async def offer(self, events: Sequence[Event]) -> bool:
        """Take all events, or return False if there is no room."""
        if not has_room(self._lanes.unfinished, len(events), self._max):
            return False
        for each in events:
            self._lanes.put(each, each)
        return True

    async def _handle(self, event: Event) -> None:
        await self._call(event)
        await mark_done(self._seen, event)

    async def aclose(self) -> None:
        """Stop: deliver what was taken, in the time that is left."""
        await self._lanes.aclose(self._grace, drop=False)


class SpoolDelivery:
    """Delivers events from a spool, at least once each."""

    def __init__(
        self,
        call: HandlerCaller,
        seen: Seen | None,
        spool: Spool,
        *,
        concurrency: int,
        max_queue: int,
        grace: float,
        pauses: Sequence[float],
    ) -> None:
        self._call = call
        self._seen = seen
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
        if await self._call(event):
            if self._seen is not None:
                await mark_done(self._seen, event)
        elif spooled.attempts < len(self._pauses):
            retry_at = self._spool.now() + self._pauses[spooled.attempts]
            attempt = Attempt(spooled.id, retry_at, failed=True)
        else:
            attempt = Attempt(spooled.id, failed=True)
            logger.error("parked %r after %s attempts", event, spooled.attempts + 1)
        self._attempts.append(attempt)
        self.wake()

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


async def mark_done(seen: Seen, event: Event) -> None:
    """Mark an event as handled; a failure is logged."""
    try:
        await seen.done([event])
    except Exception as error:  # noqa: BLE001 - of any store
        logger.warning(
            "%r cannot be marked as handled: %s", event, type(error).__name__
        )
