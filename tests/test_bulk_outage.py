"""Jobs in bad times: outages are waited out, and a bad number ends nothing."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cams_async.bulk import Job
from cams_async.bulk.row_index import RowIndex
from cams_async.errors import (
    CamsError,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    NotFound,
    PermissionDenied,
    ServerError,
    ThrottleUnavailable,
    ThrottlingError,
)
from tests.bulk_fakes import StatusSender, plan, work, written
from tests.clock import Clock

FIRST, SECOND = "8613800000001", "8613800000002"

HOUR = 3600.0


def many(folder: Path, count: int) -> None:
    """Write an input with so many numbers."""
    numbers = "\n".join(f"{8613800000000 + place},cams-1" for place in range(count))
    (folder / "in.csv").write_text(f"phone_number,cust_space_id\n{numbers}\n")


class Outage(StatusSender):
    """A sender that responds after 0.1 s, and at times fails for every number."""

    def __init__(
        self,
        clock: Clock,
        begin: float,
        end: float,
        error: CamsError,
        after: CamsError | None = None,
    ) -> None:
        super().__init__()
        self.clock = clock
        self.begin = clock.now + begin
        self.end = clock.now + end
        self.error = error
        self.after = after
        self.failed = 0

    async def send(self, operation: Any) -> Any:
        """Respond, or fail."""
        await asyncio.sleep(0.1)
        if self.begin <= self.clock.now < self.end:
            self.failed += 1
            raise self.error
        known = self.requested[operation.cust_space_id, operation.phone_number]
        if self.after is not None and known:
            raise self.after
        return await super().send(operation)


class Twice(StatusSender):
    """A sender that fails the first two requests for a number."""

    async def send(self, operation: Any) -> Any:
        """Respond to the third request."""
        response = await super().send(operation)
        number = operation.phone_number
        if number == SECOND and self.requested[operation.cust_space_id, number] < 3:
            raise ConnectionLost("lost", outcome="unknown")
        return response


@pytest.mark.slow
@pytest.mark.parametrize("begin", [0.0, 0.15])
@pytest.mark.parametrize("outcome", ["rejected", "unknown"])
def test_a_job_waits_as_long_as_flow_control_refuses(
    begin: float, outcome: Any, clock: Clock, tmp_path: Path
) -> None:
    """Three hours, from the first row or amid the job: no unusable is a result."""
    error = ThrottlingError("slow down", outcome=outcome)
    many(tmp_path, 200 if begin else 40)
    chore = plan(tmp_path)
    outage = Outage(clock, begin, begin + 3 * HOUR, error)
    job = clock.run(work(chore, outage))

    assert job.complete
    assert [] == [result for result in written(chore) if result.error]
    assert outage.failed > 10


def test_a_passing_error_is_asked_for_again(clock: Clock, tmp_path: Path) -> None:
    """A lost connection is not an error of a number."""
    responses = Twice()

    job = clock.run(work(plan(tmp_path), responses))

    assert (6, 1) == (job.done, job.failed)
    assert 3 == responses.requested["cams-1", SECOND]


def test_what_fails_in_every_round_is_written(clock: Clock, tmp_path: Path) -> None:
    """A number that always breaks the server must not keep a job from its end."""
    began = clock.now
    responses = StatusSender(
        {SECOND: ServerError("broken", code="Boom", http_status=500)}
    )

    job = clock.run(work(plan(tmp_path), responses))

    (failed,) = (each for each in written(plan(tmp_path)) if each.error == "Boom")
    assert (6, 2) == (job.done, job.failed)
    assert SECOND == failed.phone_number
    assert 4 == responses.requested["cams-1", SECOND]
    assert 85 <= clock.now - began < 90


def test_what_fails_for_every_row_is_written_too(clock: Clock, tmp_path: Path) -> None:
    """Without a response so far, the first number is requested again."""
    broken = ServerError("broken", code="Boom", http_status=500)
    numbers = (FIRST, SECOND, "8613800000003")

    job = clock.run(
        work(plan(tmp_path), StatusSender(dict.fromkeys(numbers, broken)), window=1)
    )

    assert (6, 6) == (job.done, job.failed)


@pytest.mark.slow
@pytest.mark.parametrize("after", [None, NotFound("gone")])
def test_an_outage_is_waited_out(
    clock: Clock, tmp_path: Path, after: CamsError | None
) -> None:
    """An hour without a network must not leave a hundred thousand failed rows.

    Once it is over, any response to the probe shows it.
    """
    many(tmp_path, 1000)
    away = Outage(clock, 1.0, HOUR, ConnectError("no network"), after)

    job = clock.run(work(plan(tmp_path), away))

    assert (1000, 0) == (job.done, job.failed)
    assert 0 < away.failed < 100
    assert 1000 <= away.requested.total() < 1030


def test_an_outage_can_be_stopped(
    clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Ctrl-C during an outage stops the job without losses."""
    many(tmp_path, 1000)
    away = Outage(clock, 1.0, HOUR, ConnectError("no network"))

    async def main() -> Job:
        async with Job(plan(tmp_path)) as job:
            asyncio.get_running_loop().call_later(600.0, job.stop)
            await job.run(away)
        return job

    began = clock.now
    stopped = clock.run(main())

    assert clock.now - began == pytest.approx(600.0, abs=1.0)
    assert 0 < stopped.done < 1000
    assert 0 == stopped.failed
    assert 1 == caplog.text.count("the job is paused")

    clock.advance(HOUR)
    job = clock.run(work(plan(tmp_path), away))

    assert (1000, 0) == (job.done, job.failed)


def test_a_pause_between_rounds_can_be_stopped(clock: Clock, tmp_path: Path) -> None:
    """Ctrl-C works there, too."""
    responses = StatusSender({SECOND: ServerError("broken", http_status=500)})

    async def main() -> Job:
        async with Job(plan(tmp_path)) as job:
            asyncio.get_running_loop().call_later(10.0, job.stop)
            await job.run(responses)
        return job

    began = clock.now
    job = clock.run(main())

    assert clock.now - began == pytest.approx(10.0, abs=1.0)
    assert (5, 1) == (job.done, job.failed)


@pytest.mark.parametrize(
    "error",
    [ConnectError("refused"), PermissionDenied("no"), ThrottleUnavailable("away")],
    ids=lambda error: type(error).__name__,
)
async def test_what_fails_before_any_answer_ends_the_job(
    tmp_path: Path, error: CamsError
) -> None:
    """A wrong endpoint or policy should end the job at once."""
    with pytest.raises(type(error)):
        await work(plan(tmp_path), StatusSender({FIRST: error}), window=1)

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert (6, 1) == (((job := await work(plan(tmp_path))).done), job.failed)


async def test_a_number_that_is_denied_is_a_rows_own_error(tmp_path: Path) -> None:
    """Responses for other numbers prove that the account may call the action."""
    denied = StatusSender({SECOND: PermissionDenied("no", code="NoPermission")})

    job = await work(plan(tmp_path), denied, window=1)

    assert (6, 2) == (job.done, job.failed)


def test_rows_that_cannot_be_read_again_raise_a_configuration_error() -> None:
    """SQLite's own errors are not raised to the caller."""
    row_index = RowIndex()
    row_index.close()

    with pytest.raises(ConfigurationError, match="TMPDIR"):
        row_index.pending(None, by_space=False)
