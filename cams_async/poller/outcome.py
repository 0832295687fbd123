"""What became of an operation, as a value; and whoever can find out."""

from typing import Any, Generic, Protocol, TypeVar

from attrs import frozen

from cams_async.errors import CamsError
from cams_async.models import Response
from cams_async.operations import Operation

R = TypeVar("R", bound=Response)


@frozen(kw_only=True)
class Outcome(Generic[R]):
    """What became of one operation."""

    operation: Operation[R]
    """The very object that was taken from the source."""

    response: R | None = None
    """The answer; None where there was none."""

    error: CamsError | None = None
    """What went wrong; None where nothing did."""

    attempts: int = 0
    """How many requests were sent for it, over all times that it was asked."""


class Sender(Protocol):
    """Sends operations: a CamsClient, or what stands before one."""

    async def send(self, operation: Operation[R]) -> R:
        """Send an operation and return its typed answer.

        Raises:
            CamsError: Whatever went wrong.
        """
        ...

    def ceiling(self, operation: Operation[Any]) -> float:
        """Return how many operations of this kind may be sent per second."""
        ...
