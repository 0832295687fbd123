"""`poll`: very many operations, each sent once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import TypeVar

from cams_async.errors import CamsError
from cams_async.models import Response
from cams_async.operations import Operation
from cams_async.poller.outcomes import Outcome, Outcomes, Sender
from cams_async.poller.pool import Source, TaskPool, attempts_of, check_operation

R = TypeVar("R", bound=Response)


def poll(
    client: Sender,
    operations: Iterable[Operation[R]] | AsyncIterable[Operation[R]],
    *,
    window: int | None = None,
    ordered: bool = False,
) -> Outcomes[R]:
    """Send very many operations and iterate over their outcomes.

    Each operation taken from the source yields one outcome, with either `response` or
    `error` set. An item that is no operation yields an InvalidOperation. An exception
    of the source is raised unchanged, after the outcomes of all operations taken. An
    exception of the client that is no CamsError ends the iteration.

    Args:
        client: A CamsClient, or a PerSpace that wraps one.
        operations: The source; taken lazily within the window, and may be endless.
        window: The maximum number of operations that are taken and not yet consumed
            as outcomes, so that a slow consumer slows the source down. Default: for
            each action seen, enough to keep its ceiling busy: two seconds' worth of
            calls and 4, at most 1,024 in all.
        ordered: Whether to yield outcomes in the order of the source, rather than as
            they complete.

    Raises:
        ConfigurationError: An argument is invalid; names it.
    """
    return Outcomes(_PollPool(client, operations, window, ordered=bool(ordered)))


class _PollPool(TaskPool[R]):
    def __init__(
        self,
        client: Sender,
        source: Source[Operation[R]],
        window: int | None,
        *,
        ordered: bool,
    ) -> None:
        super().__init__(client, source, window)
        self._ordered = ordered
        self._in_order: deque[asyncio.Task[Outcome[R] | None]] = deque()

    async def _take(self, feed: AsyncIterator[Operation[R]]) -> None:
        await self._window.acquire()
        async for operation in feed:
            if self._stopped:
                break
            if isinstance(operation, Operation):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller has a type checker
                self._window.grow_for(operation)
            task = self._spawn(self._send(operation))
            if self._ordered:
                self._in_order.append(task)
            await self._window.acquire()

    async def _send(self, operation: Operation[R]) -> Outcome[R]:
        try:
            check_operation(operation)
            response = await self._client.send(operation)
        except CamsError as error:
            # The frames of a traceback would keep much in memory.
            return Outcome(
                operation=operation,
                error=error.with_traceback(None),
                attempts=error.attempts,
            )
        return Outcome(
            operation=operation, response=response, attempts=attempts_of(response)
        )

    def _collect(self, task: asyncio.Task[Outcome[R] | None]) -> None:
        if not self._ordered:
            super()._collect(task)
        while self._in_order and self._in_order[0].done():
            super()._collect(self._in_order.popleft())
