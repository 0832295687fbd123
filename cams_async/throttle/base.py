"""The `Throttle` and `Permit` protocols."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from cams_async.models import Scope, Snapshot


class Route:
    """The way of a client's requests: one transport to one origin.

    A response on it is evidence that the path works, for requests sent earlier, too.
    """

    __slots__ = ("closed",)

    def __init__(self) -> None:
        self.closed: bool = False
        """Whether the client was closed: a lower ceiling of its own is forgotten."""


class Permit(Protocol):
    """The right to send one request, inside `async with throttle.acquire(...)`.

    If the context ends without `sent`, the permit was not used and is returned at
    once. If it ends after `sent` without `completed` or `throttled`, the response is
    lost: the server may or may not have counted the request. By then the connection
    must be closed, by a reset unless the server has acknowledged the request.
    """

    @property
    def waited(self) -> float:
        """Seconds between entering the queue and getting the permit."""
        ...

    @property
    def ticket(self) -> int:
        """The place in the queue, to keep it when a throttled call is sent again."""
        ...

    def sent(
        self, acknowledged_at: Callable[[], float | None] | None = None, /
    ) -> bool:
        """Mark the request as sent now. Idempotent.

        Args:
            acknowledged_at: Returns the time, by `time.monotonic`, by which the server
                had acknowledged the whole request; None while it has not. It may be
                called from any thread, and must neither block nor raise.

        Returns:
            False if the permit has expired: its lease may belong to another call,
            so the request must not be sent.
        """
        ...

    def completed(self, at: float | None = None, /) -> None:
        """Mark the request as counted by the server: CAMS executed or rejected it.

        Do not call it for a response that does not prove this, such as a gateway's 504.

        Args:
            at: Time, by `time.monotonic`, at which the final headers were complete.
                Default: now.
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
        timeout: float = 60.0,
        route: Route | None = None,
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
            timeout: The most seconds from the grant to the send, and from there to the
                end of the context. An unused permit expires after so many; the lease
                of a request without a response ends `max_transit` and 1 s later.
            route: The way of the request, shared by all calls of a client.

        Raises:
            DeadlineExceeded: The permit is expected later than the deadline.
            ConfigurationError: `timeout` is out of bounds.
            ClientClosed: The throttle was closed.
        """
        ...

    def snapshot(self) -> Mapping[Scope, Snapshot]:
        """Return the current state of each scope in use."""
        ...

    async def aclose(self) -> None:
        """Release everything; waiting calls raise ClientClosed. Idempotent."""
        ...
