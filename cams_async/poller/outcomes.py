"""The iterator that a run is seen through."""

from types import TracebackType
from typing import Generic, Self, TypeVar

from cams_async.models import Response
from cams_async.poller.outcome import Outcome
from cams_async.poller.run import Run

R = TypeVar("R", bound=Response)


class Outcomes(Generic[R]):
    """Outcomes, as they come; made by `poll` and `watch`.

    Nothing is taken or sent before the first outcome is asked for. Use it as
    `async with poll(...) as outcomes:`, or call `aclose()` at the end; dropping it
    ends what runs too, a little later. It belongs to one event loop.
    """

    def __init__(self, run: Run[R]) -> None:
        self._run = run

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome[R]:
        return await self._run.next()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._run.abandon()

    def stop(self) -> None:
        """Take no more operations from the source.

        What was sent still comes out, then the iteration ends. Numbers that a watch
        is not asking for at this moment are dropped.
        """
        self._run.stop()

    async def aclose(self) -> None:
        """Cancel what runs, and wait for its end. Idempotent.

        Outcomes that were not asked for are lost; `stop()` loses none of a poll.
        """
        await self._run.aclose()
