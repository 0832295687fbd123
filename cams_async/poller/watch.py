"""`watch`: operations repeated until each reaches a terminal status."""

import asyncio
import math
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
)
from typing import Any, Final, TypeAlias, TypeVar, cast

from cams_async import operations as o
from cams_async.config import is_positive
from cams_async.errors import (
    CallOutcome,
    CamsError,
    ConfigurationError,
    DeadlineExceeded,
    InvalidOperation,
)
from cams_async.models import CodeVerificationStatus, Response
from cams_async.operations import Operation
from cams_async.poller.outcomes import Outcome, Outcomes, Sender, is_transient
from cams_async.poller.per_space import PerSpace
from cams_async.poller.pool import Source, TaskPool, attempts_of, check_operation
from cams_async.poller.schedule import Schedule, WatchedOperation

R = TypeVar("R", bound=Response)

Until: TypeAlias = Collection[str] | Callable[[R], bool]

TERMINAL: Final[Collection[str]] = frozenset({CodeVerificationStatus.VERIFIED})
"""The terminal statuses. From any other, a new code may still lead to VERIFIED."""

DECIDED: Final[Collection[str]] = frozenset({"pass", "fail", "disabled", "paused"})
"""The audit statuses of a template whose audit has been decided."""

EVERY: Final = (30.0, 600.0)


def watch(
    client: Sender,
    operations: Iterable[Operation[R]] | AsyncIterable[Operation[R]],
    *,
    until: Until[R] = TERMINAL,
    every: tuple[float, float] = EVERY,
    deadline: float | None = None,
    window: int | None = None,
) -> Outcomes[R]:
    """Repeat operations, with growing pauses, until each reaches a terminal status.

    Only operations that may be repeated (`retry_safe`) are watched; any other yields an
    InvalidOperation, and nothing is sent. Operations that are due and new ones from the
    source alternate, the longest due first, so that none starves.

    An outcome has the terminal response as its `response`; or an `error`, and beside it
    the last response before it, if any. A permanent error, such as NotFound,
    PermissionDenied, ClientClosed or a DecodeError of an executed call, is yielded at
    once. After a transient one (TransportError, ServerError, ThrottlingError,
    ThrottleUnavailable, DeadlineExceeded of the call, any unknown outcome) the
    operation is scheduled again. At the deadline each operation that was taken and is
    pending yields a DeadlineExceeded. After `stop()`, calls in flight yield their
    responses, terminal or not.

    Each pending operation takes about 1.2 KiB, including its last response.

    Args:
        client: A CamsClient, or a PerSpace that wraps one and whose `max_age` is less
            than the pauses.
        operations: The source; taken lazily within the window.
        until: The terminal statuses of a GetPhoneNumberVerificationStatus, or audit
            statuses of a GetChatappTemplateDetail; or, for any operation, a function
            that returns whether a response is terminal. Default: `VERIFIED`, and for
            a template any status of a decided audit.
        every: Seconds of the first pause and of the longest. Each is twice the one
            before; the actual pause is drawn uniformly from its upper half, so that
            calls do not synchronise.
        deadline: Seconds for the whole watch, from the first request for an outcome.
            Operations not taken by then are left in the source.
        window: The maximum number of operations that are in flight, or completed and
            not yet consumed as outcomes. Default: as for `poll`.

    Raises:
        ConfigurationError: An argument is invalid; names it.
    """
    if isinstance(client, PerSpace) and client.max_age == math.inf:
        expected = "needs a max_age: it would return its first responses for ever"
        raise ConfigurationError(expected, field="client")
    pool = _WatchPool(
        client,
        operations,
        window,
        until=_checked_until(until),
        every=checked_every(every),
        deadline=checked_deadline(deadline),
    )
    return Outcomes(pool)


class _WatchPool(TaskPool[R]):
    def __init__(
        self,
        client: Sender,
        source: Source[Operation[R]],
        window: int | None,
        *,
        until: Until[R],
        every: tuple[float, float],
        deadline: float | None,
    ) -> None:
        super().__init__(client, source, window)
        self._until = until
        self._first_pause, longest_pause = every
        self._schedule: Schedule[R] = Schedule(longest_pause)
        self._deadline = deadline
        # Taken from the source, and waiting for a slot of the window.
        self._new: WatchedOperation[R] | None = None
        self._in_flight: dict[asyncio.Task[Outcome[R] | None], WatchedOperation[R]] = {}
        self._dispatcher: asyncio.Task[Outcome[R] | None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._expired = False
        # Not in the schedule at the deadline, and whether the call was in flight.
        self._late: list[tuple[WatchedOperation[R], bool]] = []

    # The interface of the iterator

    async def next(self) -> Outcome[R]:
        """Return the next outcome; at the deadline there may be very many."""
        if self._expired:
            await asyncio.sleep(0)  # do not block the loop
        return await super().next()

    def stop(self) -> None:
        """Take no more operations, and drop those that are not in flight."""
        super().stop()
        self._drop_pending()

    def cancel(self) -> None:
        """Cancel all tasks, and drop all pending operations."""
        self._expired = False
        self._drop_pending()
        super().cancel()

    def _drop_pending(self) -> None:
        self._schedule.clear()
        self._late.clear()
        if self._dispatcher is not None:
            self._cancel_tasks(self._dispatcher)

    def _start(self) -> None:
        super()._start()
        if self._stopped:
            return
        self._dispatcher = self._spawn(self._dispatch())
        if self._deadline is not None:
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(self._deadline, self._expire)

    def _on_idle(self) -> None:
        super()._on_idle()
        if self._alarm is not None:
            self._alarm.cancel()

    # New and due operations alternate, because the window is FIFO

    async def _take(self, feed: AsyncIterator[Operation[R]]) -> None:
        async for operation in feed:
            self._new = WatchedOperation(operation, self._first_pause)
            # After taking the operation, unlike in a poll: a slow source must not
            # hold a slot that operations in the schedule could use.
            await self._window.acquire()
            watched, self._new = self._new, None
            if self._stopped:
                break
            if isinstance(operation, Operation):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller has a type checker
                self._window.grow_for(operation)
            self._spawn_send(watched)

    async def _dispatch(self) -> None:
        while True:
            await self._schedule.wait_until_due()
            await self._window.acquire()
            self._spawn_send(self._schedule.pop_first())

    def _spawn_send(self, watched: WatchedOperation[R]) -> None:
        self._in_flight[self._spawn(self._send(watched))] = watched

    # One call

    async def _send(self, watched: WatchedOperation[R]) -> Outcome[R] | None:
        try:
            self._check(watched.operation)
            response = await self._client.send(watched.operation)
        except CamsError as error:
            watched.attempts += error.attempts
            watched.last_error = type(error).__name__
            if self._is_last_call() or not is_transient(error):
                return _outcome(watched, error.with_traceback(None))
        else:
            watched.attempts += attempts_of(response)
            watched.last_error = None
            watched.response = response
            if self._is_last_call() or self._is_terminal(response):
                return _outcome(watched, None)
        self._schedule.add(watched)
        self._window.release()
        return None

    def _check(self, operation: Operation[R]) -> None:
        check_operation(operation)
        action = type(operation)
        expected = None
        if not operation.retry_safe:
            expected = "an operation that may be sent again"
        elif not callable(self._until) and not (
            issubclass(action.response(), o.VerificationStatusResponse)
            or issubclass(action.response(), o.GetChatappTemplateDetailResponse)
        ):
            expected = (
                "GetPhoneNumberVerificationStatus or GetChatappTemplateDetail, unless "
                "`until` is a function"
            )
        if expected is not None:
            msg = f"a watch takes {expected}"
            raise InvalidOperation(
                msg, action=action.__name__, field="operation", expected=expected
            )

    def _is_last_call(self) -> bool:
        return self._stopped and not self._expired

    def _is_terminal(self, response: R) -> bool:
        if callable(self._until):
            return self._until(response)
        found = cast("object", response)
        if isinstance(found, o.VerificationStatusResponse):
            return found.data.code_verification_status in self._until
        template = cast("o.GetChatappTemplateDetailResponse", found)
        until = DECIDED if self._until == TERMINAL else self._until
        return template.data.audit_status in until

    def _collect(self, task: asyncio.Task[Outcome[R] | None]) -> None:
        super()._collect(task)
        watched = self._in_flight.pop(task, None)
        if self._expired and watched is not None and task.cancelled():
            self._late.append((watched, True))
        only_dispatcher = self._dispatcher in self._tasks and len(self._tasks) == 1
        if only_dispatcher and not self._schedule:
            self._drop_pending()

    # The deadline

    def _expire(self) -> None:
        self._expired = self._stopped = True
        if self._new is not None:
            self._late.append((self._new, False))
        self._cancel_tasks(*self._tasks)
        self._changed.set()

    def _pop(self) -> Outcome[R] | None:
        outcome = super()._pop()
        if outcome is None and self._expired:
            if self._late:
                watched, in_flight = self._late.pop()
                return _outcome(watched, _too_late(watched, in_flight=in_flight))
            if self._schedule:
                watched = self._schedule.pop_any()
                return _outcome(watched, _too_late(watched, in_flight=False))
        return outcome


def _outcome(watched: WatchedOperation[R], error: CamsError | None) -> Outcome[R]:
    return Outcome(
        operation=watched.operation,
        response=watched.response,
        error=error,
        attempts=watched.attempts,
    )


def _too_late(watched: WatchedOperation[Any], *, in_flight: bool) -> DeadlineExceeded:
    outcome: CallOutcome = "not_sent"
    if watched.response is not None:
        outcome = "executed"
    elif watched.attempts or in_flight:
        outcome = "unknown"
    error = DeadlineExceeded(
        "the deadline of the watch passed before a terminal status",
        outcome=outcome,
        phase="in flight" if in_flight else "queued",
    )
    error.action = type(watched.operation).__name__
    error.attempts = watched.attempts
    if watched.last_error is not None:
        error.hint = f"The last call failed with {watched.last_error}."
    return error


# Arguments


def _checked_until(until: Any) -> Any:
    if callable(until):
        return until
    is_listed = isinstance(until, Collection) and not isinstance(until, (str, bytes))
    statuses = tuple(cast("Collection[Any]", until)) if is_listed else ()
    if statuses and all(isinstance(status, str) for status in statuses):
        return frozenset(statuses)
    expected = "must be a collection of statuses, or a function of a response"
    raise ConfigurationError(expected, field="until")


def checked_every(every: Any) -> tuple[float, float]:
    """Return a valid pair of pauses; raise ConfigurationError for anything else."""
    match every:
        case (first, longest) if (
            is_positive(first) and is_positive(longest) and first <= longest
        ):
            return first, longest
        case _:
            expected = "must be seconds above 0: of the first pause and of the longest"
            raise ConfigurationError(expected, field="every")


def checked_deadline(deadline: object) -> float | None:
    """Return a deadline or None; raise ConfigurationError for anything else."""
    if deadline is None or is_positive(deadline):
        return deadline
    expected = "must be a finite number of seconds above 0"
    raise ConfigurationError(expected, field="deadline")
