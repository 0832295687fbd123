"""Very many operations, each of them once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import TypeVar

from cams_async.errors import CamsError
from cams_async.models import Response
from cams_async.operations import Operation
from cams_async.poller.outcome import Outcome, Sender
from cams_async.poller.outcomes import Outcomes
from cams_async.poller.run import Run, Source, attempts_of, check_operation

R = TypeVar("R", bound=Response)


def poll(
    client: Sender,
    operations: Iterable[Operation[R]] | AsyncIterable[Operation[R]],
    *,
    window: int | None = None,
    ordered: bool = False,
) -> Outcomes[R]:
    """Send very many operations and iterate over what becomes of them.

    Each operation that is taken comes out once, with either `response` or `error`
    set. Whatever is no operation comes out with an InvalidOperation. What the source
    itself raises is raised here, as it is, once all that was taken is out; an
    exception of the client that is no CamsError ends the run.

    Args:
        client: A CamsClient, or a PerSpace before one.
        operations: Taken one by one as there is room; may be endless.
        window: The most operations that are held at once: taken and not yet asked
            for by the consumer. So a slow consumer slows the source down. Default:
            for each action seen, enough to keep its ceiling busy: two seconds' worth
            of calls and 4, at most 1,024 in all.
        ordered: Whether outcomes come in the order of the source, rather than as
            they complete.

    Raises:
        ConfigurationError: An argument is unusable; names it.
    """
    return Outcomes(_Polling(client, operations, window, ordered=bool(ordered)))


class _Polling(Run[R]):
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
        self._line: deque[asyncio.Task[Outcome[R] | None]] = deque()

    async def _take(self, feed: AsyncIterator[Operation[R]]) -> None:
        await self._window.take()
        async for operation in feed:
            if self._stopped:
                break
            if isinstance(operation, Operation):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller has a type checker
                self._window.fit(operation)
            task = self._begin(self._ask(operation))
            if self._ordered:
                self._line.append(task)
            await self._window.take()

    async def _ask(self, operation: Operation[R]) -> Outcome[R]:
        try:
            check_operation(operation)
            response = await self._client.send(operation)
        except CamsError as error:
            # A value needs no traceback, whose frames would keep much in memory.
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
        while self._line and self._line[0].done():
            super()._collect(self._line.popleft())
