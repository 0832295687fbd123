"""The seam: what a throttle is to whoever sends calls."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from cams_async.models import Scope, Snapshot


class Permit(Protocol):
    """The right to send one request, inside `async with throttle.acquire(...)`.

    Left without `sent`, the turn counts as unused and is given back at once.
    Left after `sent` without `answered` or `throttled`, it counts as lost: the
    server may or may not have counted the request.
    """

    @property
    def waited(self) -> float:
        """Seconds between asking for the turn and getting it."""
        ...

    @property
    def ticket(self) -> int:
        """The place in the order of arrival, to come back with after a refusal."""
        ...

    def sent(self) -> bool:
        """Mark the request as leaving now; marking it again changes nothing.

        Returns:
            False where the turn has expired: its slot may belong to another call,
            so the request must not be sent.
        """
        ...

    def completed(self) -> None:
        """Mark the request as counted by the server: CAMS executed or rejected it.

        A response that does not prove this (a gateway's 504) is no reason to call it.
        """
        ...

    def throttled(self, retry_after: float | None, *, counted: bool = True) -> None:
        """Lower the limit, and pause: the server's flow control refused the request.

        Args:
            retry_after: Seconds that the server asks to wait; it counts up to 60.
            counted: Whether the response also proves that CAMS counted the request.
        """
        ...


class Throttle(Protocol):
    """Hands out turns so that a ceiling holds at the server."""

    def acquire(
        self,
        scope: Scope,
        *,
        ticket: int | None = None,
        deadline: float | None = None,
    ) -> AbstractAsyncContextManager[Permit]:
        """Wait for a turn, send inside the context, and say what happened.

        Enter the context at once: `async with throttle.acquire(...) as turn`.

        Args:
            scope: What the ceiling is counted over.
            ticket: The ticket of a former turn of the same call: calls that come
                back go before all others, the lowest ticket first.
            deadline: In the running loop's time. A turn that cannot be expected
                by then is refused at once. To give up while waiting, the caller
                cancels, for instance by `asyncio.timeout_at`.

        Raises:
            DeadlineExceeded: The turn is expected later than the deadline.
            ConfigurationError: The scope is already used from another event loop.
            ClientClosed: The throttle was closed.
        """
        ...

    def snapshot(self) -> Mapping[Scope, Snapshot]:
        """Return what the throttle is doing, for each scope it knows."""
        ...

    async def aclose(self) -> None:
        """Give everything back; waiting calls fail with ClientClosed. Idempotent."""
        ...
