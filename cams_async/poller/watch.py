"""The same operations again and again, each until it has settled."""

import asyncio
import heapq
import math
import random
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
)
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

from attrs import define

from cams_async.config import is_positive
from cams_async.errors import (
    CallOutcome,
    CamsError,
    ConfigurationError,
    DeadlineExceeded,
    InvalidOperation,
)
from cams_async.models import CodeVerificationStatus, Response
from cams_async.operations import Operation, VerificationStatusResponse
from cams_async.poller.outcome import Outcome, Sender
from cams_async.poller.outcomes import Outcomes
from cams_async.poller.per_space import PerSpace
from cams_async.poller.run import Run, Source, attempts_of, check_operation
from cams_async.poller.transient import is_transient

R = TypeVar("R", bound=Response)

Until: TypeAlias = Collection[str] | Callable[[R], bool]

TERMINAL: Final[Collection[str]] = frozenset({CodeVerificationStatus.VERIFIED})
"""Where a number stays. Any other status may still become VERIFIED: by a new code."""

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
    """Ask again and again, with growing pauses, until each operation has settled.

    Only what may be sent again is watched (`resend` is SAFE); anything else comes
    out with an InvalidOperation, and nothing is sent. Numbers that are due and new
    ones from the source take turns, the longest due first, so that none starves.

    An outcome has the settling answer as its `response`; or an `error`, and beside it
    the last answer seen before, if any. An error that asking again cannot mend, such
    as NotFound, PermissionDenied, ClientClosed or a DecodeError of what CAMS did
    answer, comes out at once. After a passing one (TransportError, ServerError,
    ThrottlingError, ThrottleUnavailable, DeadlineExceeded of the call, any unknown
    outcome) the number is asked again like any other. At the deadline each number
    that was taken and is pending comes out with a DeadlineExceeded. After `stop()`,
    what is being asked comes out with its answer, settled or not.

    Every number that has not settled is held, at about 1.2 KiB with its last answer.

    Args:
        client: A CamsClient, or a PerSpace before one whose `max_age` is less than
            the pauses.
        operations: Taken one by one as there is room.
        until: The statuses that settle a GetPhoneNumberVerificationStatus; or, for
            any operation, a function that tells whether an answer settles it.
        every: Seconds of the first pause and of the longest. Each is twice the one
            before; the actual pause is drawn from half of it to all of it, so that
            numbers do not march in step.
        deadline: Seconds for the whole watch, from the first outcome asked for.
            What was not taken by then is left in the source.
        window: The most operations that are being asked, or have settled and are
            not yet asked for by the consumer. Default: as for `poll`.

    Raises:
        ConfigurationError: An argument is unusable; names it.
    """
    if isinstance(client, PerSpace) and client.max_age == math.inf:
        expected = "needs a max_age: it would give its first answers again for ever"
        raise ConfigurationError(expected, field="client")
    run = _Watching(
        client,
        operations,
        window,
        until=_checked_until(until),
        every=checked_every(every),
        deadline=checked_deadline(deadline),
    )
    return Outcomes(run)


@define(eq=False)
class _Watched(Generic[R]):
    """A number that has not settled: all that is kept of it."""

    operation: Operation[R]
    pause: float
    attempts: int = 0
    response: R | None = None
    faults: str | None = None
    """The kind of error that the last time ended with."""


class _Watching(Run[R]):
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
        self._first_pause, self._longest_pause = every
        self._deadline = deadline
        # By the time when each is due; the count keeps those of one time in order.
        self._pending: list[tuple[float, int, _Watched[R]]] = []
        self._count = 0
        # Taken from the source, and waiting for room.
        self._new: _Watched[R] | None = None
        self._asked: dict[asyncio.Task[Outcome[R] | None], _Watched[R]] = {}
        self._earlier = asyncio.Event()
        self._waker: asyncio.Task[Outcome[R] | None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._expired = False

    # What the iterator asks for

    async def next(self) -> Outcome[R]:
        """Return the next outcome; at the deadline there may be very many."""
        if self._expired:
            await asyncio.sleep(0)  # so that the loop serves others between them
        return await super().next()

    def stop(self) -> None:
        """Take no more operations, and drop those that are not being asked."""
        super().stop()
        self._drop()

    def cancel(self) -> None:
        """Begin to end all tasks, and forget the pending."""
        self._expired = False
        self._drop()
        super().cancel()

    def _drop(self) -> None:
        self._pending.clear()
        if self._waker is not None:
            self._dismiss(self._waker)

    def _start(self) -> None:
        super()._start()
        if self._stopped:
            return
        self._waker = self._begin(self._wake())
        if self._deadline is not None:
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(self._deadline, self._expire)

    def _finished(self) -> None:
        super()._finished()
        if self._alarm is not None:
            self._alarm.cancel()

    # New operations, and those that are due: both wait for room in one line, where
    # they take turns

    async def _take(self, feed: AsyncIterator[Operation[R]]) -> None:
        async for operation in feed:
            self._new = _Watched(operation, self._first_pause)
            # Not before the operation, as in a poll: a source that takes its time
            # must not keep a place from those that are due.
            await self._window.take()
            watched, self._new = self._new, None
            if self._stopped:
                break
            if isinstance(operation, Operation):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller has a type checker
                self._window.fit(operation)
            self._begin_asking(watched)

    async def _wake(self) -> None:
        while True:
            await self._due()
            await self._window.take()
            _, _, watched = heapq.heappop(self._pending)
            self._begin_asking(watched)

    async def _due(self) -> None:
        """Wait until the first of the pending is due."""
        now = asyncio.get_running_loop().time
        while not self._pending or self._pending[0][0] > now():
            self._earlier.clear()
            try:
                async with asyncio.timeout_at(
                    self._pending[0][0] if self._pending else None
                ):
                    await self._earlier.wait()
            except TimeoutError:
                return

    def _begin_asking(self, watched: _Watched[R]) -> None:
        self._asked[self._begin(self._ask(watched))] = watched

    def _check(self, operation: Operation[R]) -> None:
        check_operation(operation)
        action = type(operation)
        expected = None
        if not operation.retry_safe:
            expected = "an operation that may be sent again"
        elif not callable(self._until) and not issubclass(
            action.response(), VerificationStatusResponse
        ):
            expected = "GetPhoneNumberVerificationStatus, unless `until` is a function"
        if expected is not None:
            msg = f"a watch takes {expected}"
            raise InvalidOperation(
                msg, action=action.__name__, field="operation", expected=expected
            )

    # One time of asking

    async def _ask(self, watched: _Watched[R]) -> Outcome[R] | None:
        try:
            self._check(watched.operation)
            response = await self._client.send(watched.operation)
        except CamsError as error:
            watched.attempts += error.attempts
            watched.faults = type(error).__name__
            if self._over() or not is_transient(error):
                return _outcome(watched, error.with_traceback(None))
        else:
            watched.attempts += attempts_of(response)
            watched.faults = None
            watched.response = response
            if self._over() or self._settled(response):
                return _outcome(watched, None)
        self._put_off(watched)
        return None

    def _over(self) -> bool:
        return self._stopped and not self._expired

    def _settled(self, response: R) -> bool:
        if callable(self._until):
            return self._until(response)
        status = cast("VerificationStatusResponse", cast("object", response))
        return status.data.code_verification_status in self._until

    def _put_off(self, watched: _Watched[R]) -> None:
        share = random.uniform(0.5, 1.0)  # noqa: S311 - jitter needs no secrecy
        due = asyncio.get_running_loop().time() + watched.pause * share
        watched.pause = min(2 * watched.pause, self._longest_pause)
        self._count += 1
        entry = (due, self._count, watched)
        heapq.heappush(self._pending, entry)
        self._window.leave()
        if self._pending[0] is entry:
            self._earlier.set()

    def _collect(self, task: asyncio.Task[Outcome[R] | None]) -> None:
        super()._collect(task)
        watched = self._asked.pop(task, None)
        if self._expired and watched is not None and task.cancelled():
            self._pending.append((-math.inf, 0, watched))
        if self._waker in self._tasks and len(self._tasks) == 1 and not self._pending:
            self._drop()

    # The deadline

    def _expire(self) -> None:
        self._expired = self._stopped = True
        if self._new is not None:
            self._pending.append((math.inf, 0, self._new))
        self._dismiss(*self._tasks)
        self._news.set()

    def _pop(self) -> Outcome[R] | None:
        outcome = super()._pop()
        if outcome is None and self._expired and self._pending:
            due, _, watched = self._pending.pop()
            outcome = _outcome(watched, _too_late(watched, asked=due == -math.inf))
        return outcome


def _outcome(watched: _Watched[R], error: CamsError | None) -> Outcome[R]:
    return Outcome(
        operation=watched.operation,
        response=watched.response,
        error=error,
        attempts=watched.attempts,
    )


def _too_late(watched: _Watched[Any], *, asked: bool) -> DeadlineExceeded:
    outcome: CallOutcome = "not_sent"
    if watched.response is not None:
        outcome = "executed"
    elif watched.attempts or asked:
        outcome = "unknown"
    error = DeadlineExceeded(
        "the deadline of the watch passed before it settled",
        outcome=outcome,
        phase="in flight" if asked else "queued",
    )
    error.action = type(watched.operation).__name__
    error.attempts = watched.attempts
    if watched.faults is not None:
        error.hint = f"The last time ended with {watched.faults}."
    return error


# Arguments


def _checked_until(until: Any) -> Any:
    if callable(until):
        return until
    is_listed = isinstance(until, Collection) and not isinstance(until, (str, bytes))
    statuses = tuple(cast("Collection[Any]", until)) if is_listed else ()
    if statuses and all(isinstance(status, str) for status in statuses):
        return frozenset(statuses)
    expected = "must be a collection of statuses, or a function of an answer"
    raise ConfigurationError(expected, field="until")


def checked_every(every: Any) -> tuple[float, float]:
    """Return a pair of pauses; raise ConfigurationError for anything else."""
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
