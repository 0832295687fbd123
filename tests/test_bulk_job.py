"""Whole jobs: requests, results, and how they end."""

import asyncio
import io
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest
from attrs import evolve

from cams_async import CamsClient
from cams_async.bulk import (
    Format,
    Job,
    Plan,
    Result,
    Strategy,
    Survey,
    Watching,
    cheaper,
)
from cams_async.bulk import output as output_module
from cams_async.bulk import row_index as row_index_module
from cams_async.emulator import Emulator
from cams_async.errors import (
    ApiError,
    AuthenticationError,
    CamsError,
    ClientClosed,
    ConfigurationError,
    ConnectError,
    CredentialsError,
    NotFound,
    NotSubscribed,
)
from tests.bulk_fakes import INPUT, ROWS, StatusSender, plan, work, written
from tests.clock import Clock

HEADER = "phone_number,cust_space_id\n"


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return [path.name for path in folder.iterdir()]


# What is written


@pytest.mark.parametrize("strategy", ["per_number", "per_space"])
@pytest.mark.parametrize("form", ["jsonl", "csv"])
async def test_each_row_gets_its_line(
    tmp_path: Path,
    emulator: Emulator,
    client: CamsClient,
    strategy: Strategy,
    form: Format,
) -> None:
    """Invalid rows and duplicates have results too; no number is requested twice."""
    numbers = emulator.phone_numbers[:250]
    lines = [f"+{each.phone_number},{each.cust_space_id}" for each in numbers]
    lines += ["", *lines[:50], "none,cams-1", "8613999999999,cams-0001"]
    (tmp_path / "in.csv").write_text(HEADER + "\n".join(lines))
    seen: list[Result] = []

    async with Job(plan(tmp_path, format=form)) as job:
        await job.run(client, strategy=strategy, on_result=seen.append)

    found = {result.line: result for result in written(plan(tmp_path, format=form))}
    assert [*range(2, 252), *range(253, 305)] == sorted(found)
    assert sorted(seen, key=lambda one: one.line) == [found[at] for at in sorted(found)]
    for line, number in enumerate(numbers, 2):
        assert number.phone_number == found[line].phone_number
        assert found[line].status in {"VERIFIED", "NOT_VERIFIED", "EXPIRED"}
        assert found[line].request_id
        assert found[line].error is None
    assert "InvalidRow" == found[303].error
    assert "InvalidParameter.PhoneNumberError" == found[304].error
    assert found[304].request_id
    assert (302, 2) == (job.done, job.failed)
    survey = job.survey
    assert (302, 1, 50, 251, 3) == (
        survey.rows,
        survey.bad,
        survey.duplicates,
        survey.numbers,
        survey.spaces,
    )
    executed = emulator.executed("GetPhoneNumberVerificationStatus")
    assert (251 if strategy == "per_number" else 1) == executed.total()
    synchronised = emulator.executed("ChatappSyncPhoneNumber")
    assert (0 if strategy == "per_number" else 3) == synchronised.total()


def test_results_are_written_as_documented(clock: Clock, tmp_path: Path) -> None:
    """Programs read them."""
    error = ApiError("no", code="Some.Code", request_id="id-e", http_status=400)
    error.message = "line\nend"
    troubles = {"8613800000002": error, "8613800000003": ConnectError("nothing there")}

    clock.run(work(plan(tmp_path), StatusSender(troubles)))

    results = {result.line: result for result in written(plan(tmp_path))}
    assert results == {
        2: result(2, "8613800000001", "cams-1", status="VERIFIED"),
        3: result(
            3,
            "8613800000002",
            "cams-1",
            request_id="id-e",
            error="Some.Code",
            message="line end",
        ),
        4: result(
            4,
            "none",
            "cams-1",
            request_id=None,
            error="InvalidRow",
            message="phone_number must be 1 to 15 digits, country code first, such as "
            "8613800000000; found U+006E at position 1 ('n')",
            input='{"phone_number": "none", "cust_space_id": "cams-1"}',
        ),
        5: result(5, "8613800000001", "cams-1", status="VERIFIED"),
        6: result(6, "8613800000001", "cams-2", status="VERIFIED"),
        7: result(
            7,
            "8613800000003",
            "cams-1",
            request_id=None,
            error="ConnectError",
            message="nothing there",
        ),
    }


def result(line: int, number: str, space: str, **others: Any) -> Result:
    """Return the result of a response of `StatusSender`."""
    named: dict[str, Any] = {"request_id": f"id-{number}"} | others
    return Result(line=line, phone_number=number, cust_space_id=space, **named)


async def test_the_vendors_texts_are_cut(tmp_path: Path) -> None:
    """A line of the output must stay so short that it can be read again."""
    error = ApiError("no", code="c" * 10**6, request_id="r" * 10**6, http_status=400)
    error.message = "m" * 10**6

    await work(plan(tmp_path), StatusSender({"8613800000002": error}))

    (_, cut, *_) = sorted(written(plan(tmp_path)), key=lambda one: one.line)
    assert ("c" * 300, "r" * 300, "m" * 300) == (cut.error, cut.request_id, cut.message)
    assert (await work(plan(tmp_path))).complete


async def test_an_error_without_a_code_has_its_name(tmp_path: Path) -> None:
    """A gateway's HTML page carries no code."""
    await work(plan(tmp_path), StatusSender({"8613800000003": NotFound("")}))

    assert "NotFound" in {result.error for result in written(plan(tmp_path))}


async def test_very_many_duplicates_are_written_in_pages(tmp_path: Path) -> None:
    """One number may be on each line of a long file."""
    (tmp_path / "in.csv").write_text(HEADER + "861,cams-1\n" * 1700 + "x,y\n" * 1100)
    responses = StatusSender()

    job = await work(plan(tmp_path), responses)

    lines = [result.line for result in written(plan(tmp_path))]
    assert [*range(2, 2802)] == sorted(lines)
    assert {("cams-1", "861"): 1} == responses.requested
    assert (2800, 1100) == (job.done, job.failed)


@pytest.mark.parametrize("strategy", ["per_number", "per_space"])
async def test_many_numbers_are_read_in_pages(
    tmp_path: Path, strategy: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No number is lost or doubled between two pages or evicted spaces."""
    monkeypatch.setattr(row_index_module, "MAX_CACHED_SPACES", 3)
    rows = [f"8613800000{at % 700:03},cams-{at % 7}\n" for at in range(2000)]
    (tmp_path / "in.csv").write_text(HEADER + "".join(rows))
    responses = StatusSender()

    job = await work(plan(tmp_path), responses, strategy=strategy)

    assert [*range(2, 2002)] == sorted(one.line for one in written(plan(tmp_path)))
    assert (700, 7, 1300) == (
        job.survey.numbers,
        job.survey.spaces,
        job.survey.duplicates,
    )
    assert 1 == max(responses.requested.values())
    assert (0 if strategy == "per_number" else 7) == len(responses.synchronised)


async def test_a_resumed_job_asks_only_for_what_is_left(tmp_path: Path) -> None:
    """Also where some rows of a duplicated number are written and some are not."""
    await work(plan(tmp_path))
    output = tmp_path / "out.jsonl"
    lines = output.read_text().splitlines(keepends=True)
    output.write_text("".join(line for line in lines if '"line": 2,' not in line))
    responses = StatusSender()

    job = await work(plan(tmp_path), responses)

    assert {("cams-1", "8613800000001"): 1} == responses.requested
    assert ROWS == sorted(result.line for result in written(plan(tmp_path)))
    assert (5, 1, 1) == (
        job.survey.done,
        job.survey.numbers_left,
        job.survey.spaces_left,
    )


# Standard input and output


async def test_standard_streams_have_no_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a job could not be resumed."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(INPUT.encode())))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))

    job = await work(Plan(input=None, output=None, format="csv"))

    shown = cast("io.BytesIO", sys.stdout.buffer).getvalue().decode().splitlines()
    assert not job.survey.durable
    assert 7 == len(shown)
    columns = "line,phone_number,cust_space_id,status,request_id,error,message,input"
    assert columns == shown[0]
    assert [] == names(tmp_path)


async def test_standard_input_wants_a_new_output(tmp_path: Path) -> None:
    """Without a journal there is no going on, not even where one lies about."""
    source = io.BytesIO(INPUT.encode())
    output = tmp_path / "out.jsonl"
    async with Job(Plan(input=None, output=output), stdin=source) as job:
        await job.run(StatusSender())

    assert [output.name] == names(tmp_path)
    (tmp_path / "out.jsonl.journal").write_text("{}")
    with pytest.raises(ConfigurationError, match="not empty"):
        await work(Plan(input=None, output=output))


# What cannot be read or written


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("absent", "'.*absent' cannot be read: No such file"),
        (".", "cannot be read: Is a directory"),
        ("n" * 300, "cannot be read: File name too long"),
    ],
)
async def test_an_input_that_cannot_be_read_is_refused(
    tmp_path: Path, name: str, why: str
) -> None:
    """And no output is made."""
    with pytest.raises(ConfigurationError, match=why) as caught:
        await work(plan(tmp_path, input=tmp_path / name))

    assert "input" == caught.value.field
    assert not (tmp_path / "out.jsonl").exists()


async def test_a_standard_input_that_fails_is_refused(tmp_path: Path) -> None:
    """A pipe may break."""

    class Broken(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            raise OSError(5, f"Input/output error, of {size} bytes")

    source: Any = Broken()
    with pytest.raises(ConfigurationError, match="standard input cannot be read"):
        async with Job(Plan(input=None, output=tmp_path / "out"), stdin=source):
            pass


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("absent/out", "its directory does not exist"),
        ("in.csv/out", "its directory does not exist"),
        (".", "is not a regular file"),
        ("n" * 300, "File name too long"),
        ("in.csv", "in.csv' is the input"),
    ],
)
async def test_an_output_that_cannot_be_written_is_refused(
    tmp_path: Path, name: str, why: str
) -> None:
    """The output is refused before any request."""
    with pytest.raises(ConfigurationError, match=why) as caught:
        await work(plan(tmp_path, output=tmp_path / name))

    assert "output" == caught.value.field
    assert INPUT == (tmp_path / "in.csv").read_text()


async def test_an_output_that_cannot_be_opened_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be read-only, or on a disk that is."""
    job = plan(tmp_path)

    def refuse(_: str, __: int) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(output_module, "_private", refuse)
    with pytest.raises(ConfigurationError, match="written: Permission denied"):
        await work(job)


async def test_a_full_temporary_directory_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are kept there, and users can choose another."""
    limit = "PRAGMA max_page_count = 30;"
    monkeypatch.setattr(row_index_module, "SCHEMA", limit + row_index_module.SCHEMA)
    (tmp_path / "in.csv").write_text(
        HEADER + "".join(f"{at},cams\n" for at in range(1, 20_000))
    )

    with pytest.raises(ConfigurationError, match=r"directory.*full") as caught:
        await work(plan(tmp_path))

    assert "TMPDIR" == caught.value.field


@pytest.mark.parametrize("space", ["", " "])
def test_a_blank_space_for_all_is_refused(space: str) -> None:
    """It would make each row a bad one."""
    with pytest.raises(ConfigurationError, match="cust_space_id") as caught:
        Plan(input=None, output=None, cust_space_id=space)

    assert "cust_space_id" == caught.value.field


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
async def test_a_file_that_may_not_grow_ends_the_job_and_it_goes_on(
    tmp_path: Path,
) -> None:
    """Really: by a limit of the system, in a process of its own."""
    rows = [f"86138{at:08},cams-1\n" for at in range(100)]
    (tmp_path / "in.csv").write_text(HEADER + "".join(rows))
    program = (
        "import asyncio, resource, signal, sys\n"
        "from pathlib import Path\n"
        "from tests.bulk_fakes import plan, work\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "asyncio.run(work(plan(Path(sys.argv[1]))))\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        str(tmp_path),
        cwd=Path(__file__).parents[1],
        stderr=asyncio.subprocess.PIPE,
        # A file of coverage's own could not grow either.
        env={name: v for name, v in os.environ.items() if not name.startswith("COV")},
    )
    _, said = await process.communicate()
    kept = written(plan(tmp_path))
    job = await work(plan(tmp_path))

    assert b"OutputError" in said
    assert b"File too large" in said
    assert 20 < len(kept) < 40
    assert len(kept) == job.survey.done
    assert [*range(2, 102)] == sorted(one.line for one in written(plan(tmp_path)))


# How jobs end


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("no", code="SignatureDoesNotMatch"),
        ClientClosed("closed"),
        ConfigurationError("no", field="account"),
        CredentialsError("none"),
        NotSubscribed("no"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_every_row_would_meet_ends_the_job(
    tmp_path: Path, error: CamsError
) -> None:
    """A wrong key must not fail a million rows."""
    troubles = {"8613800000002": error}
    with pytest.raises(type(error)):
        await work(plan(tmp_path), StatusSender(troubles), window=1)
    job = await work(plan(tmp_path))

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert 0 < job.survey.done < 6
    assert (6, 1) == (job.done, job.failed)


def test_a_nonce_that_was_seen_is_a_rows_own_error(
    clock: Clock, tmp_path: Path
) -> None:
    """A repeated nonce is caused by the network, not by wrong keys."""
    error = AuthenticationError("no", code="SignatureNonceUsed", outcome="unknown")

    job = clock.run(work(plan(tmp_path), StatusSender({"8613800000002": error})))

    assert (6, 2) == (job.done, job.failed)


async def test_a_stopped_job_writes_what_it_has_asked(tmp_path: Path) -> None:
    """Ctrl-C once: no call is lost, and the rest is left for the next start."""
    (tmp_path / "in.csv").write_text(
        HEADER + "".join(f"861{at:04},cams\n" for at in range(500))
    )
    responses = StatusSender()
    async with Job(plan(tmp_path)) as job:
        await job.run(
            responses, on_result=lambda one: job.stop() if one.line == 40 else None
        )
    stopped = job.done
    again = await work(plan(tmp_path), responses)

    assert not job.complete
    assert 39 <= stopped < 100
    assert again.complete
    assert 500 == again.done
    assert {1} == set(responses.requested.values())


async def test_a_job_stopped_before_it_runs_asks_nothing(tmp_path: Path) -> None:
    """Ctrl-C may come at any time, also while the input is read."""
    responses = StatusSender()
    async with Job(plan(tmp_path)) as job:
        job.stop()
        await job.run(responses)

    assert (0, 0) == (job.done, responses.requested.total())


async def test_a_job_stopped_at_a_bad_row_asks_nothing(tmp_path: Path) -> None:
    """Bad rows are written first, and that too can be stopped."""
    responses = StatusSender()
    async with Job(plan(tmp_path)) as job:
        await job.run(responses, on_result=lambda _: job.stop())

    assert (1, 0) == (job.done, responses.requested.total())


async def test_a_cancelled_job_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C twice: at once, and the next start goes on."""
    started = asyncio.Event()
    async with asyncio.timeout(30):
        task = asyncio.create_task(
            work(plan(tmp_path), StatusSender(before=started.set))
        )
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert (await work(plan(tmp_path))).complete


async def test_a_job_cancelled_while_it_reads_lets_go(tmp_path: Path) -> None:
    """A cancelled job must not read a long input to its end."""
    reading, cancelled = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    class Endless(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            loop.call_soon_threadsafe(reading.set)
            assert cancelled.wait(30)
            return b"x" * size

    source: Any = Endless()
    job = Job(Plan(input=None, output=tmp_path / "out"), stdin=source)
    task = asyncio.create_task(job.__aenter__())
    await reading.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    cancelled.set()
    assert job._closing is not None
    await job._closing

    assert [] == names(tmp_path)


# Watching


def watching(folder: Path, **options: Any) -> Plan:
    """Plan a watch."""
    return plan(folder, watch=Watching(**options))


DONE = "VERIFIED"


class Later(StatusSender):
    """A sender whose numbers are verified after a number of requests."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def send(self, operation: Any) -> Any:
        """Respond as `StatusSender` does, until it is time."""
        response: Any = await super().send(operation)
        if max(self.requested.values(), default=0) < self.times:
            return response
        return evolve(
            response, data=evolve(response.data, code_verification_status=DONE)
        )


def test_a_watch_repeats_until_all_have_a_terminal_status(
    clock: Clock, tmp_path: Path
) -> None:
    """Each row is written once, when its number has a terminal status."""
    responses = Later(4)

    job = clock.run(work(watching(tmp_path), responses))

    assert (6, 1) == (job.done, job.failed)
    assert 4 == responses.requested["cams-1", "8613800000002"]
    assert 1 == responses.requested["cams-1", "8613800000003"]


def test_a_watch_by_space_requests_again_each_time(
    clock: Clock, tmp_path: Path
) -> None:
    """A response of the last round would never change."""
    responses = StatusSender()

    clock.run(work(watching(tmp_path, deadline=200.0), responses, strategy="per_space"))

    assert responses.synchronised.count("cams-1") > 2


def test_a_watch_ends_at_its_deadline(clock: Clock, tmp_path: Path) -> None:
    """A number without a final status has failed; its last status is reported."""
    job = clock.run(work(watching(tmp_path, deadline=100.0)))

    late = {one.line: one for one in written(plan(tmp_path))}[3]
    assert (6, 2) == (job.done, job.failed)
    assert ("NOT_VERIFIED", "DeadlineExceeded") == (late.status, late.error)
    assert late.request_id == "id-8613800000002"


class Slow(StatusSender):
    """Take a second for each response."""

    async def send(self, operation: Any) -> Any:
        """Respond late."""
        await asyncio.sleep(1)
        return await super().send(operation)


def many(folder: Path) -> Plan:
    """Plan a watch of more numbers than can be requested before its deadline."""
    rows = [f"861{at:04},cams\n" for at in range(700)]
    (folder / "in.csv").write_text(HEADER + "".join(rows))
    return watching(folder, deadline=5.0)


def test_numbers_never_asked_by_the_deadline_are_written_too(
    clock: Clock, tmp_path: Path
) -> None:
    """A job is complete only if each row has its line."""
    job = clock.run(work(many(tmp_path), Slow(), window=2))

    assert job.complete
    assert 680 < job.failed < 700


def test_a_watch_can_be_stopped_after_its_deadline(
    clock: Clock, tmp_path: Path
) -> None:
    """To write very many rows takes a while, too."""

    async def first() -> Job:
        async with Job(many(tmp_path)) as job:
            await job.run(
                Slow(),
                window=2,
                on_result=lambda _: job.stop() if job.failed > 100 else None,
            )
        return job

    stopped = clock.run(first())

    assert 101 == stopped.failed
    assert clock.run(work(many(tmp_path))).complete


def test_a_watch_started_again_keeps_its_deadline(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a watch that is restarted often would never end."""
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)

    async def first() -> Job:
        async with Job(watching(tmp_path, deadline=500.0)) as job:
            await job.run(StatusSender(), on_result=lambda _: job.stop())
        return job

    stopped = clock.run(first())
    now += 500.0
    responses = StatusSender()
    again = clock.run(work(watching(tmp_path, deadline=500.0), responses))

    assert not stopped.complete
    assert again.complete
    assert 0 == responses.requested.total()
    assert "DeadlineExceeded" in {one.error for one in written(plan(tmp_path))}


def test_a_stopped_watch_writes_only_terminal_statuses(
    clock: Clock, tmp_path: Path
) -> None:
    """The next start continues an interrupted watch."""

    class Stopping(StatusSender):
        job: Job

        async def send(self, operation: Any) -> Any:
            response = await super().send(operation)
            if len(self.requested) == 4:
                self.job.stop()
            return response

    async def first() -> Job:
        responses = Stopping({"8613800000003": ConnectError("no")})
        async with Job(watching(tmp_path)) as job:
            responses.job = job
            await job.run(responses)
        return job

    stopped = clock.run(first())

    assert {2, 4, 5, 6} >= {one.line for one in written(plan(tmp_path))}
    assert not stopped.complete
    assert clock.run(work(watching(tmp_path), Later(2))).complete


# Strategies


@pytest.mark.parametrize(
    ("numbers", "spaces", "expected"),
    [(100, 2, "per_space"), (100, 100, "per_number"), (0, 0, "per_number")],
)
def test_the_cheaper_strategy_makes_fewer_calls(
    numbers: int, spaces: int, expected: Strategy
) -> None:
    """Both actions have the same ceiling, so it is the number of calls that counts."""
    survey = Survey(
        rows=100,
        bad=0,
        duplicates=0,
        numbers=100,
        spaces=100,
        numbers_left=numbers,
        spaces_left=spaces,
        done=0,
        failed=0,
        resumed=False,
        durable=True,
    )

    assert expected == cheaper(survey)
