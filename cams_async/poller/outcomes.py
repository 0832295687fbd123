"""The outcome of an operation, and the iterator over outcomes."""

from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from attrs import frozen

from cams_async.errors import (
    CamsError,
    ClientClosed,
    DeadlineExceeded,
    ServerError,
    ThrottleUnavailable,
    ThrottlingError,
    TransportError,
)
from cams_async.models import Response
from cams_async.operations import Operation

R = TypeVar("R", bound=Response)

_TRANSIENT = (
    DeadlineExceeded,
    ServerError,
    ThrottleUnavailable,
    ThrottlingError,
    TransportError,
)


@frozen(kw_only=True)
class Outcome(Generic[R]):
    """The outcome of one operation: a response, an error, or both in a watch."""

    operation: Operation[R]
    """The operation, as the very object that was taken from the source."""

    response: R | None = None
    """The last response; None if there was none."""

    error: CamsError | None = None
    """The error that ended the operation; None if it succeeded."""

    attempts: int = 0
    """The number of requests sent for the operation, over all its calls."""


class Sender(Protocol):
    """The interface that the poller sends through: a CamsClient or a PerSpace."""

    async def send(self, operation: Operation[R]) -> R:
        """Send an operation and return its typed response.

        Raises:
            CamsError: The call failed.
        """
        ...

    def ceiling(self, operation: Operation[Any]) -> float:
        """Return how many operations of this kind may be sent per second."""
        ...


class OutcomeProducer(Protocol[R]):
    """The interface behind an `Outcomes` iterator, implemented by `TaskPool`."""

    async def next(self) -> Outcome[R]:
        """Return the next outcome, or raise StopAsyncIteration."""
        ...

    def stop(self) -> None:
        """Take no more operations from the source."""
        ...

    async def aclose(self) -> None:
        """Cancel all tasks and wait for them. Idempotent."""
        ...

    def abandon(self) -> None:
        """Cancel all tasks, from any thread."""
        ...


class Outcomes(Generic[R]):
    """An async iterator over outcomes; made by `poll` and `watch`.

    Nothing is taken or sent before the first outcome is requested. Use it as
    `async with poll(...) as outcomes:`, or call `aclose()` at the end. If the iterator
    is dropped instead, its tasks are cancelled a little later. It belongs to one event
    loop.
    """

    def __init__(self, producer: OutcomeProducer[R]) -> None:
        self._producer = producer

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome[R]:
        return await self._producer.next()

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
        self._producer.abandon()

    def stop(self) -> None:
        """Take no more operations from the source.

        Calls in flight still yield their outcomes, then the iteration ends. A watch
        drops the operations that are not in flight.
        """
        self._producer.stop()

    async def aclose(self) -> None:
        """Cancel all tasks and wait for them. Idempotent.

        Outcomes that were not consumed are lost; `stop()` loses none of a poll.
        """
        await self._producer.aclose()


def is_transient(error: CamsError) -> bool:
    """Return whether an operation that failed with this error may succeed later.

    Whether it may be sent again at all is up to the operation (`retry_safe`).
    """
    if isinstance(error, ClientClosed):
        return False
    return isinstance(error, _TRANSIENT) or error.outcome == "unknown"
