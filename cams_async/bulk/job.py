"""A job, which writes one result for each row of an input.

A row takes this way: `Store.open` indexes it, `_JobRun._operations` yields its phone
number, a `poll` or `watch` sends the request, `_JobRun._take` checks the outcome, and
`Store.write` appends the result to the output.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from types import TracebackType
from typing import BinaryIO, Self

from attrs import define, field

from cams_async.bulk.outage import OutageDetector
from cams_async.bulk.plan import Plan, Strategy, Survey, Watching
from cams_async.bulk.results import Result, Totals, result_of, status_of
from cams_async.bulk.row_index import PendingNumber
from cams_async.bulk.store import Store
from cams_async.errors import DeadlineExceeded, ThrottlingError
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

MAX_WINDOW = 2048
"""Phone numbers that wait for the calls of their spaces, at most."""

PAUSES = (5.0, 20.0, 60.0)
"""Seconds before another round over the rows that met a transient error. After rounds
without progress, the errors of the last round (except throttling) are written."""

LAST = len(PAUSES) - 1


class Job:
    """Requests the status of each phone number of an input, and writes the results.

    Use it as `async with Job(plan) as job:`, which reads the input and the output of
    an earlier run, then await `run`. File access happens in threads.

    Args:
        plan: The plan of the job.
        stdin: The input if the plan names none. Default: standard input.
        stdout: The output if the plan names none. Default: standard output.

    Raises:
        ConfigurationError: On entering: the input or the output is unusable, in use,
            or belongs to another job. Nothing was changed.
        OutputError: On entering: the header of a CSV output could not be written.
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
        self._run: _JobRun | None = None
        self._closing: asyncio.Future[None] | None = None
        self._stopping = asyncio.Event()
        self.survey: Survey
        """Counts of the input and of earlier runs; set on entering."""

    async def __aenter__(self) -> Self:
        try:
            self.survey = await asyncio.to_thread(self._store.open)
        except asyncio.CancelledError:
            # The thread runs on until it detects this; then another closes the files.
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
        """Rows written with an error, invalid rows included."""
        return self.totals.failed

    @property
    def finished(self) -> float | None:
        """Time when the last row was written, in seconds since 1970, or None."""
        return self._store.finished

    @property
    def lost(self) -> bool:
        """Whether the output was removed, replaced or changed while the job ran."""
        return self._store.lost

    @property
    def complete(self) -> bool:
        """Whether all rows are written."""
        return self.done == self.survey.rows and not self.lost

    def stop(self) -> None:
        """Send no more requests. Results of those in flight are still written."""
        self._stopping.set()
        if self._run is not None and self._run.outcomes is not None:
            self._run.outcomes.stop()

    async def run(
        self,
        client: Sender,
        *,
        strategy: Strategy = "per_number",
        window: int | None = None,
        on_result: Callable[[Result], None] = lambda _: None,
    ) -> None:
        """Write the results of all rows that are left.

        Rows that meet a transient error, such as a lost connection, are requested
        again in another round, and the job pauses during an outage. An error that
        persists over several rounds, while other rows succeed, becomes the row's
        result. Throttled rows are retried for as long as it takes.

        Args:
            client: Sends the requests.
            strategy: One request for each phone number, or one for each space.
            window: The most phone numbers in flight. Default: enough to use the whole
                rate limit.
            on_result: Called for each row once it is written.

        Raises:
            OutputError: The output cannot be written, or another program removed,
                replaced or changed it.
            CamsError: An error that every row would meet, such as wrong credentials.
                No row is written as failed for it: fix the cause and resume the job.
        """
        self._run = run = _JobRun(
            self._plan,
            self._store,
            self.survey,
            client,
            on_result,
            stopping=self._stopping,
            by_space=strategy == "per_space",
            window=window,
        )
        await run.write_bad_rows()
        if not self._stopping.is_set() and not self.complete:
            if self._plan.watch is None:
                await run.poll()
            else:
                await run.watch(self._plan.watch)
        await asyncio.to_thread(self._store.sync)
        if self.complete and self.survey.finished is None:
            await asyncio.to_thread(self._store.mark_finished)


@define(eq=False)
class _JobRun:
    """One run over the rows that are left."""

    _plan: Plan
    _store: Store
    _survey: Survey
    _client: Sender
    _on_result: Callable[[Result], None]
    _stopping: asyncio.Event = field(kw_only=True, alias="stopping")
    _by_space: bool = field(kw_only=True, alias="by_space")
    _window: int | None = field(kw_only=True, alias="window")
    outcomes: Outcomes[VerificationStatusResponse] | None = field(
        init=False, default=None
    )
    _outage: OutageDetector = field(init=False)
    _position: PendingNumber | None = field(init=False, default=None)
    _is_last_round: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self._outage = OutageDetector(self._client, self._stopping)
        if self._by_space and self._window is None:
            self._window = _space_window(self._client, self._survey)

    async def write_bad_rows(self) -> None:
        """Write the results of invalid rows."""
        line = 0
        while not self._stopping.is_set():
            written = await asyncio.to_thread(self._store.write_bad, line)
            if not written:
                break
            self._report(written)
            line = written[-1].line

    async def poll(self) -> None:
        """Request each phone number, in rounds until each has its result."""
        # A response per space serves all its phone numbers, in every round.
        sender = PerSpace(self._client, max_age=math.inf) if self._by_space else None
        fruitless = 0
        while not self._stopping.is_set() and not self._is_complete:
            if self._position is not None:
                await self._outage.sleep(PAUSES[fruitless])
            self._is_last_round = fruitless == LAST
            self._position = None
            before = self._store.totals.done
            async with aclosing(
                self._outage.hold_back(self._operations())
            ) as operations:
                await self._take(
                    poll(sender or self._client, operations, window=self._window)
                )
            progress = self._store.totals.done > before
            fruitless = 0 if progress else min(fruitless + 1, LAST)

    async def watch(self, watching: Watching) -> None:
        """Request each phone number until it has an awaited status."""
        deadline = watching.deadline
        left = None if deadline is None else self._store.time_left(deadline)
        # A response per space serves the phone numbers due now, not their next time.
        age = watching.every[0] / 2
        sender = PerSpace(self._client, max_age=age) if self._by_space else None
        if left is None or left > 0:
            async with aclosing(self._operations()) as operations:
                outcomes = watch(
                    sender or self._client,
                    operations,
                    until=watching.until,
                    every=watching.every,
                    deadline=left,
                    window=self._window,
                )
                await self._take(outcomes)
        if left is not None and not self._stopping.is_set():
            await self._write_expired()

    async def _operations(
        self,
    ) -> AsyncGenerator[GetPhoneNumberVerificationStatus, None]:
        """Yield the operations after the current position, read in pages."""
        while page := await asyncio.to_thread(
            self._store.pending, self._position, by_space=self._by_space
        ):
            for number in page:
                self._position = number
                yield GetPhoneNumberVerificationStatus(
                    phone_number=number.phone_number, cust_space_id=number.cust_space_id
                )

    async def _take(self, outcomes: Outcomes[VerificationStatusResponse]) -> None:
        """Write the final outcomes; raise an error that every row would meet."""
        self.outcomes = outcomes
        async with outcomes:
            async for outcome in outcomes:
                self._outage.observe(outcome)
                if self._is_final(outcome):
                    await self._write(result_of(outcome))

    def _is_final(self, outcome: Outcome[VerificationStatusResponse]) -> bool:
        """Whether this is the result of a row, rather than to be requested again."""
        stopped, watching = self._stopping.is_set(), self._plan.watch
        if watching is not None:
            # Only a stop interrupts a watch before it has a final outcome.
            awaited = outcome.error is None and status_of(outcome) in watching.until
            return awaited or not stopped
        if outcome.error is None or not is_transient(outcome.error):
            return True
        # Other programs may use the whole rate limit for hours.
        throttled = isinstance(outcome.error, ThrottlingError)
        return self._is_last_round and not throttled and not stopped

    async def _write_expired(self) -> None:
        """Write an error for each phone number that the deadline left unrequested."""
        error = DeadlineExceeded("the deadline of the watch passed before the request")
        async with aclosing(self._operations()) as operations:
            async for operation in operations:
                if self._stopping.is_set():
                    break
                await self._write(result_of(Outcome(operation=operation, error=error)))

    async def _write(self, result: Result) -> None:
        """Write the result of a phone number for each of its rows."""
        after: int | None = 0
        while after is not None:
            written, after = await asyncio.to_thread(self._store.write, result, after)
            self._report(written)

    def _report(self, written: Iterable[Result]) -> None:
        for result in written:
            self._store.totals.add(result)
            self._on_result(result)

    @property
    def _is_complete(self) -> bool:
        return self._store.totals.done == self._survey.rows and not self._store.lost


def _space_window(client: Sender, survey: Survey) -> int:
    """Return how many phone numbers use the rate limit for spaces for two seconds."""
    ceiling = client.ceiling(ChatappSyncPhoneNumber(cust_space_id="any"))
    mean = survey.numbers_left / max(1, survey.spaces_left)
    return math.ceil(min(MAX_WINDOW, 2 * ceiling * mean + 1))
