"""The `Throttle` and `Permit` protocols."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from cams_async.models import Scope, Snapshot


class Permit(Protocol):
    """The right to send one request, inside `async with throttle.acquire(...)`.

    If the context ends without `sent`, the permit was not used and is returned at
    once. If it ends after `sent` without `completed` or `throttled`, the response is
    lost: the server may or may not have counted the request.
    """

    @property
    def waited(self) -> float:
        """Seconds between entering the queue and getting the permit."""
        ...

    @property
    def ticket(self) -> int:
        """The place in the queue, to keep it when a throttled call is sent again."""
        ...

    def sent(self) -> bool:
        """Mark the request as sent now. Idempotent.

        Returns:
            False if the permit has expired: its slot may belong to another call,
            so the request must not be sent.
        """
        ...

    def completed(self) -> None:
        """Mark the request as counted by the server: CAMS executed or rejected it.

        Do not call it for a response that does not prove this, such as a gateway's 504.
        """
        ...

    def throttled(self, retry_after: float | None, *, counted: bool = True) -> None:
        """Report a throttled response: lower the limit and pause.

        Args:
            retry_after: Seconds to pause, from the response. At most 60 are used.
            counted: Whether the response also proves that CAMS counted the request.
        """
        ...


class Throttle(Protocol):
    """Issues permits so that the QPS ceiling of each scope holds at the server."""

    def acquire(
        self,
        scope: Scope,
        *,
        ticket: int | None = None,
        deadline: float | None = None,
    ) -> AbstractAsyncContextManager[Permit]:
        """Return an async context manager that waits for a permit.

        Enter it at once, and send the request inside::

            async with throttle.acquire(scope) as permit:
                permit.sent()
                response = await exchange(request)
                permit.completed()

        Args:
            scope: The account, region and action that share a ceiling, and its QPS.
            ticket: The ticket of an earlier permit of the same call. Calls with a
                ticket go before all others, the lowest ticket first.
            deadline: In the running loop's time. If no permit is expected by then,
                the call fails at once. To give up while waiting, cancel the task,
                for instance by `asyncio.timeout_at`.

        Raises:
            DeadlineExceeded: The permit is expected later than the deadline.
            ConfigurationError: The scope is already used from another event loop.
            ClientClosed: The throttle was closed.
        """
        ...

    def snapshot(self) -> Mapping[Scope, Snapshot]:
        """Return the current state of each scope in use."""
        ...

    async def aclose(self) -> None:
        """Release everything; waiting calls raise ClientClosed. Idempotent."""
        ...
