"""A job: what is asked for all rows of an input goes, row by row, into an output."""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing, suppress
from types import TracebackType
from typing import BinaryIO, Self, cast

from cams_async.bulk.plan import Plan, Strategy, Survey, Watching
from cams_async.bulk.results import Result
from cams_async.bulk.row_index import Key
from cams_async.bulk.row_result import result_of, status_of
from cams_async.bulk.store import Store
from cams_async.bulk.totals import Totals
from cams_async.errors import (
    AuthenticationError,
    CamsError,
    ClientClosed,
    ConfigurationError,
    ConnectError,
    CredentialsError,
    DeadlineExceeded,
    NotSubscribed,
    PermissionDenied,
    ThrottleUnavailable,
    ThrottlingError,
)
from cams_async.operations import (
    ChatappSyncPhoneNumber,
    GetPhoneNumberVerificationStatus,
    VerificationStatusResponse,
)
from cams_async.poller import (
    Outcome,
    Outcomes,
    PerSpace,
    Sender,
    is_transient,
    poll,
    watch,
)

logger: logging.Logger = logging.getLogger("cams_async")

WIDEST = 2048
"""The most phone numbers that wait for calls for their spaces."""

FATAL = (
    AuthenticationError,
    ClientClosed,
    ConfigurationError,
    CredentialsError,
    NotSubscribed,
)
"""Errors that are not a row's: every other row would meet them too."""

FATAL_AT_FIRST = (ConnectError, PermissionDenied, ThrottleUnavailable)
"""Errors that are no row's either, as long as none has had an answer."""

PAUSES = (5.0, 20.0, 60.0)
"""Seconds before another round over the rows that have met a passing error. When
rounds bring nothing new, the errors after the last pause (but throttling) count."""

LAST = len(PAUSES) - 1

LONGEST_PAUSE = 60.0
"""The most seconds between two tries whether the service answers again."""


class Job:
    """Asks for the phone numbers of an input, and writes a line for each row.

    Use it as `async with Job(plan) as job:`, which reads the input and what a former
    run has left, then await `run`. All files are touched in threads.

    Args:
        plan: What is asked.
        stdin: The input where the plan names none. Default: standard input.
        stdout: The output where the plan names none. Default: standard output.

    Raises:
        ConfigurationError: On entering: the input or the output is unusable, in use,
            or belongs to another job. Nothing was changed.
        OutputError: On entering: there is no room for the head of a CSV output.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        stdin: BinaryIO | None = None,
        stdout: BinaryIO | None = None,
    ) -> None:
        self._plan = plan
        self._store = Store(plan, stdin=stdin, stdout=stdout)
        self._outcomes: Outcomes[VerificationStatusResponse] | None = None
        self._closing: asyncio.Future[None] | None = None
        self._stopping = asyncio.Event()
        self._reached: Key | None = None
        # An operation that had an answer: what tells bad times from a bad number.
        self._known: GetPhoneNumberVerificationStatus | None = None
        self._in_trouble = False
        self._is_last_round = False
        self.survey: Survey
        """What was found on entering; not there before."""

    async def __aenter__(self) -> Self:
        try:
            self.survey = await asyncio.to_thread(self._store.open)
        except asyncio.CancelledError:
            # The thread goes on until it notices, and then gives way to this.
            self._store.abandon()
            loop = asyncio.get_running_loop()
            self._closing = loop.run_in_executor(None, self._store.close)
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self._store.close)

    @property
    def totals(self) -> Totals:
        """Counts of the rows written, over all runs."""
        return self._store.totals

    @property
    def done(self) -> int:
        """Rows written, over all runs."""
        return self.totals.done

    @property
    def failed(self) -> int:
        """Those of them that failed, bad ones included."""
        return self.totals.failed

    @property
    def finished(self) -> float | None:
        """Time when every row had its line, in seconds since 1970; None before that."""
        return self._store.finished

    @property
    def lost(self) -> bool:
        """Whether the output was removed, replaced or changed while the job ran."""
        return self._store.lost

    @property
    def complete(self) -> bool:
        """Whether each row has its line."""
        return self.done == self.survey.rows and not self.lost

    def stop(self) -> None:
        """Ask for nothing more; what was sent is still written. Then `run` returns."""
        self._stopping.set()
        if self._outcomes is not None:
            self._outcomes.stop()

    async def run(
        self,
        client: Sender,
        *,
        strategy: Strategy = "per_number",
        window: int | None = None,
        on_result: Callable[[Result], None] = lambda _: None,
    ) -> None:
        """Do what is left to do, once.

        A row that meets a passing error, such as a lost connection, is asked again in
        another round, and while nothing at all is answered the job waits. Only what
        fails in round after round, when others do not, is written as it is. Flow
        control never fails a row: it is asked again for as long as it takes.

        Args:
            client: Sends the calls.
            strategy: One call for each number, or one for each space.
            window: The most numbers that are held at once. Default: what keeps the
                ceiling busy.
            on_result: Told each row once it is written.

        Raises:
            OutputError: The output cannot be written, or was removed, replaced or
                changed meanwhile.
            CamsError: An error that every row would meet, such as wrong credentials.
                It is no row's result: once it is mended, the job goes on.
        """
        await self._write_bad(on_result)
        if not self._stopped and not self.complete:
            await self._ask(client, strategy, window, on_result)
        await asyncio.to_thread(self._store.sync)
        if self.complete and self.survey.finished is None:
            await asyncio.to_thread(self._store.finish)

    async def _write_bad(self, on_result: Callable[[Result], None]) -> None:
        line = 0
        while not self._stopped:
            written = await asyncio.to_thread(self._store.write_bad, line)
            if not written:
                break
            self._tell(written, on_result)
            line = written[-1].line

    async def _ask(
        self,
        client: Sender,
        strategy: Strategy,
        window: int | None,
        on_result: Callable[[Result], None],
    ) -> None:
        watching = self._plan.watch
        by_space = strategy == "per_space"
        sender = client
        if by_space:
            window = _room(client, self.survey) if window is None else window
            # An answer serves the numbers that are due with it, not their next time.
            age = math.inf if watching is None else watching.every[0] / 2
            sender = PerSpace(client, max_age=age)
        if watching is not None:
            await self._watch(watching, sender, window, on_result, by_space=by_space)
            return
        fruitless = 0
        while not self._stopped and not self.complete:
            if self._reached is not None:
                await self._rest(PAUSES[fruitless])
            self._is_last_round = fruitless == LAST
            self._reached = None
            before = self.done
            async with aclosing(self._calmly(client, by_space=by_space)) as operations:
                await self._take(poll(sender, operations, window=window), on_result)
            fruitless = 0 if self.done > before else min(fruitless + 1, LAST)

    async def _watch(
        self,
        watching: Watching,
        sender: Sender,
        window: int | None,
        on_result: Callable[[Result], None],
        *,
        by_space: bool,
    ) -> None:
        left = self._store.time_left(watching)
        if left is None or left > 0:
            async with aclosing(self._operations(by_space=by_space)) as operations:
                outcomes = watch(
                    sender,
                    operations,
                    until=watching.until,
                    every=watching.every,
                    deadline=left,
                    window=window,
                )
                await self._take(outcomes, on_result)
        if left is not None and not self._stopped:
            await self._give_up(on_result, by_space=by_space)

    async def _take(
        self,
        outcomes: Outcomes[VerificationStatusResponse],
        on_result: Callable[[Result], None],
    ) -> None:
        self._outcomes = outcomes
        async with outcomes:
            async for outcome in outcomes:
                if outcome.error is not None and self._is_fatal(outcome.error):
                    raise outcome.error
                if outcome.response is not None:
                    self._known = cast(
                        "GetPhoneNumberVerificationStatus", outcome.operation
                    )
                if self._is_final(outcome):
                    await self._write(result_of(outcome), on_result)

    async def _give_up(
        self, on_result: Callable[[Result], None], *, by_space: bool
    ) -> None:
        """Write what the deadline of a watch left to the source."""
        error = DeadlineExceeded("the deadline of the watch passed before it was asked")
        async with aclosing(self._operations(by_space=by_space)) as operations:
            async for operation in operations:
                if self._stopped:
                    break
                outcome = Outcome(operation=operation, error=error)
                await self._write(result_of(outcome), on_result)

    async def _operations(
        self, *, by_space: bool
    ) -> AsyncGenerator[GetPhoneNumberVerificationStatus, None]:
        """Yield what was not yielded before."""
        while keys := await asyncio.to_thread(
            self._store.keys, self._reached, by_space=by_space
        ):
            for key in keys:
                self._reached = key
                yield GetPhoneNumberVerificationStatus(
                    phone_number=key.phone_number, cust_space_id=key.cust_space_id
                )

    async def _calmly(
        self, client: Sender, *, by_space: bool
    ) -> AsyncGenerator[GetPhoneNumberVerificationStatus, None]:
        """Yield the same, but nothing while the service answers nobody."""
        async with aclosing(self._operations(by_space=by_space)) as operations:
            async for operation in operations:
                pause = 0.0
                while self._in_trouble and not await self._answers(client):
                    if not pause:
                        logger.warning("nobody is answered now; the job waits")
                    pause = min(2 * pause or 1.0, LONGEST_PAUSE)
                    await self._rest(pause)
                self._in_trouble = False
                yield operation

    async def _answers(self, client: Sender) -> bool:
        """Whether a number that had an answer gets one again."""
        if self._known is not None:
            try:
                await client.send(self._known)
            except CamsError as error:
                return not is_transient(error)
        return True

    async def _rest(self, seconds: float) -> None:
        """Wait, but no longer than until a stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    @property
    def _stopped(self) -> bool:
        return self._stopping.is_set()

    def _is_fatal(self, error: CamsError) -> bool:
        # A nonce that was seen before is an accident of the network, not of the keys.
        if isinstance(error, AuthenticationError) and error.outcome == "unknown":
            return False
        at_first = isinstance(error, FATAL_AT_FIRST) and self._known is None
        return isinstance(error, FATAL) or (at_first and not self._stopped)

    def _is_final(self, outcome: Outcome[VerificationStatusResponse]) -> bool:
        """Whether this is a row's result, rather than asked for again some time."""
        watching = self._plan.watch
        if watching is None:
            if outcome.error is None or not is_transient(outcome.error):
                return True
            self._in_trouble = True
            # Others may use up the ceiling for hours, whatever this row is.
            refused = isinstance(outcome.error, ThrottlingError)
            return self._is_last_round and not refused and not self._stopped
        # Unless a stop has cut the watch, it has seen to that already.
        settled = outcome.error is None and status_of(outcome) in watching.until
        return settled or not self._stopped

    async def _write(self, result: Result, on_result: Callable[[Result], None]) -> None:
        """Write a result for each row that wants it."""
        after: int | None = 0
        while after is not None:
            written, after = await asyncio.to_thread(self._store.write, result, after)
            self._tell(written, on_result)

    def _tell(
        self, written: Iterable[Result], on_result: Callable[[Result], None]
    ) -> None:
        for result in written:
            self.totals.add(result)
            on_result(result)


def _room(client: Sender, survey: Survey) -> int:
    """Return how many numbers keep the ceiling for spaces busy for two seconds."""
    ceiling = client.ceiling(ChatappSyncPhoneNumber(cust_space_id="any"))
    mean = survey.numbers_left / max(1, survey.spaces_left)
    return math.ceil(min(WIDEST, 2 * ceiling * mean + 1))
