"""`cams-async status` and `watch`: input, output, exit codes and resuming."""

import asyncio
import csv
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from cams_async.bulk import Result
from cams_async.bulk.store import Store
from cams_async.cli import main, process
from cams_async.cli.report import JobReport
from cams_async.credentials import KEY_SECRET
from cams_async.emulator import CannedResponse, Emulator
from cams_async.throttle import LocalThrottle, local
from tests.cli_process import COMMAND, PATIENCE, InTerminal, environment, in_thread
from tests.fakes import FAST
from tests.screen import screen

STATUS, SYNC = "GetPhoneNumberVerificationStatus", "ChatappSyncPhoneNumber"
DENIED = CannedResponse(
    status=400, body=b'{"Code": "Ram.PermissionDeny", "RequestId": "1"}'
)
SPACES = 3

Capture = pytest.CaptureFixture[str]


def written(numbers: Iterable[Any], *more: str) -> Path:
    """Write an input of these numbers, and of more lines."""
    lines = [f"{each.phone_number},{each.cust_space_id}" for each in numbers]
    path = Path("numbers.csv")
    path.write_text("\n".join(["phone_number,cust_space_id", *lines, *more]), "utf-8")
    return path


def rows(path: Path | str) -> list[dict[str, Any]]:
    """Return the rows of an output."""
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


_ACCOUNTS = count()


def options(cams: Emulator, *, qps: float = 1000) -> list[str]:
    """Return the options for an emulator, with rate limits of the test's own."""
    account = f"test {next(_ACCOUNTS)}"
    place = ["--endpoint", cams.endpoint, "--account", account]
    return [*place, "--qps", f"{qps:g}"]


def arrivals(cams: Emulator, action: str) -> int:
    """Return how often an action has been called."""
    return sum(each.arrivals for each in cams.report().actions if each.action == action)


# --- from an input to an output -------------------------------------------------------


def test_each_row_gets_its_line(cams: Emulator, capsys: Capture) -> None:
    """Each row has the status, the request id and the error of its number."""
    numbers = cams.phone_numbers[:5]
    source = written(numbers, "123,cams-0001", "no number,cams-0001")
    before = arrivals(cams, STATUS)

    code = main(["status", str(source), "-o", "out.jsonl", *options(cams)])

    printed = capsys.readouterr()
    found = {row["line"]: row for row in rows("out.jsonl")}

    assert 3 == code
    assert "" == printed.out
    assert list(range(2, 9)) == sorted(found)
    for line, number in enumerate(numbers, 2):
        assert number.phone_number == found[line]["phone_number"]
        assert cams.verification_status(number.phone_number) == found[line]["status"]
        assert found[line]["request_id"]
        assert found[line]["error"] is None
    assert "InvalidParameter.PhoneNumberError" == found[7]["error"]
    assert "InvalidRow" == found[8]["error"]
    assert 6 == arrivals(cams, STATUS) - before


def test_rows_are_counted_on_stderr(cams: Emulator, capsys: Capture) -> None:
    """Rows are counted at the start and at the end, without phone numbers."""
    number = cams.phone_numbers[0]
    source = written([number] * 3, "123,cams-0001", "no number,cams-0001")

    main(["status", str(source), "-o", "out.jsonl", *options(cams)])

    shown = capsys.readouterr().err
    start, bad, progress, end, failed = shown.splitlines()

    assert start == (
        "cams-async: rows: 5, numbers: 2, spaces: 1, duplicates: 2, bad rows: 1"
    )
    assert bad.startswith("cams-async: line 6: phone_number must be 1 to 15 digits")
    assert progress.startswith("2 of 2 numbers done")
    assert progress.endswith("failed: 1 InvalidParameter.PhoneNumberError")
    assert end.startswith("cams-async: 5 of 5 rows are in out.jsonl after ")
    status = cams.verification_status(number.phone_number)
    failures = ["1 InvalidParameter.PhoneNumberError", "1 InvalidRow"]
    found = failed.partition(", failed: ")

    assert f"cams-async: 3 {status}" == found[0]
    assert failures == sorted(found[2].split(", "))
    assert number.phone_number not in shown


def test_only_the_first_bad_rows_are_shown(cams: Emulator, capsys: Capture) -> None:
    """Many bad rows do not flood the terminal; the output lists all of them."""
    source = written([], *["x,cams-0001"] * 15)

    code = main(["status", str(source), "-o", "out.jsonl", *options(cams)])

    shown = capsys.readouterr().err

    assert 3 == code
    assert 10 == shown.count("phone_number must be")
    assert 1 == shown.count("more bad rows follow; the output lists all of them")
    assert [f"{line}" for line in range(2, 17)] == [
        f"{row['line']}" for row in rows("out.jsonl")
    ]


def test_quiet_prints_nothing(cams: Emulator, capsys: Capture) -> None:
    """With `--quiet` there are only the exit code and the output."""
    source = written(cams.phone_numbers[:2], "x,cams-0001")

    code = main(["status", str(source), "-o", "out.jsonl", "--quiet", *options(cams)])

    assert 3 == code
    assert ("", "") == capsys.readouterr()
    assert 3 == len(rows("out.jsonl"))


def test_the_name_of_the_output_selects_its_format(cams: Emulator) -> None:
    """A name in .csv selects CSV, and `--format` has priority."""
    source = str(written(cams.phone_numbers[:2]))

    assert 0 == main(["status", source, "-o", "out.CSV", *options(cams)])
    arguments = ["--format", "jsonl", "-o", "other.csv"]
    assert 0 == main(["status", source, *arguments, *options(cams)])

    table = list(csv.DictReader(io.StringIO(Path("out.CSV").read_text("utf-8"))))

    assert {row["phone_number"] for row in rows("other.csv")} == {
        row["phone_number"] for row in table
    }


def test_a_space_can_be_given_for_all_rows(cams: Emulator) -> None:
    """Rows that name no space are in that of `--cust-space-id`."""
    number = cams.phone_numbers[0]
    Path("in.jsonl").write_text(f'{{"PhoneNumber": {number.phone_number}}}\n', "utf-8")
    space = ["--cust-space-id", number.cust_space_id]

    code = main(["status", "in.jsonl", "-o", "out.jsonl", *space, *options(cams)])

    assert 0 == code
    assert [number.cust_space_id] == [row["cust_space_id"] for row in rows("out.jsonl")]


def test_json_is_a_summary_for_programs(cams: Emulator, capsys: Capture) -> None:
    """With a file as output, stdout has one JSON object."""
    source = str(written(cams.phone_numbers[:4], "x,cams-0001"))
    arguments = [
        "status",
        source,
        "-o",
        "out.jsonl",
        "--json",
        "--quiet",
        *options(cams),
    ]

    main(arguments)
    first = json.loads(capsys.readouterr().out)
    main(arguments)
    second = json.loads(capsys.readouterr().out)

    statuses = first.pop("statuses")
    assert 4 == sum(statuses.values())
    assert first.pop("seconds") > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00", first.pop("finished"))
    assert first == {
        "complete": True,
        "rows": 5,
        "bad": 1,
        "duplicates": 0,
        "numbers": 4,
        "resumed": False,
        "done": 5,
        "done_by_former_runs": 0,
        "failed": 1,
        "errors": {"InvalidRow": 1},
        "output": "out.jsonl",
    }
    assert second.pop("seconds") > 0
    assert second.pop("finished")
    assert second == first | {
        "resumed": True,
        "done_by_former_runs": 5,
        "statuses": statuses,
    }


# --- strategies -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "expected"), [(slice(None), "per_space"), (slice(1), "per_number")]
)
def test_auto_takes_the_cheaper_strategy_and_prints_it(
    numbers: slice, expected: str, cams: Emulator, capsys: Capture
) -> None:
    """Three spaces need three calls; a single number needs one."""
    selected = cams.phone_numbers[numbers]
    source = str(written(selected))
    before = arrivals(cams, STATUS), arrivals(cams, SYNC)
    more = ["--strategy", "auto", "--qps", f"{SYNC}=500", *options(cams)]

    code = main(["status", source, "-o", "out.jsonl", *more])

    spaces = len({number.cust_space_id for number in selected})
    expected_line = (
        f"strategy {expected}: {len(selected)} calls per number, or {spaces} per space"
    )

    assert 0 == code
    assert expected_line in capsys.readouterr().err
    assert (arrivals(cams, STATUS) - before[0], arrivals(cams, SYNC) - before[1]) == (
        (0, SPACES) if expected == "per_space" else (1, 0)
    )
    assert len(selected) == len(rows("out.jsonl"))


def test_a_denied_synchronisation_falls_back_to_a_call_per_number(
    cams: Emulator, capsys: Capture
) -> None:
    """The vendor's read-only policy does not allow the call for a whole space."""
    cams.faults.rate(DENIED, 1.0, SYNC)
    source = str(written(cams.phone_numbers[:20]))
    before = arrivals(cams, STATUS)

    code = main(
        ["status", source, "-o", "out.jsonl", "--strategy", "per_space", *options(cams)]
    )

    assert 0 == code
    assert 20 == arrivals(cams, STATUS) - before
    assert f"{SYNC}" in capsys.readouterr().err


# --- watch ----------------------------------------------------------------------------


def test_a_watch_ends_once_all_numbers_have_a_final_status(cams: Emulator) -> None:
    """Each number is polled until it has one of the statuses."""
    source = str(written(cams.phone_numbers[:30]))
    with in_thread(Emulator(phone_numbers=30, qps=FAST, settle=0.2)) as quick:
        pace = ["--every", "0.02:0.1", "--until", "verified"]
        code = main(["watch", source, "-o", "out.jsonl", *pace, *options(quick)])

    assert 0 == code
    assert ["VERIFIED"] * 30 == [row["status"] for row in rows("out.jsonl")]


def test_a_watch_ends_by_its_deadline(cams: Emulator, capsys: Capture) -> None:
    """Numbers without a final status fail at the deadline."""
    source = str(written(cams.phone_numbers[:3]))
    pace = ["--until", "REVOKED", "--every", "0.02:0.05", "--deadline", "0.3"]

    code = main(["watch", source, "-o", "out.jsonl", *pace, *options(cams)])

    shown = capsys.readouterr().err

    assert 3 == code
    assert ["DeadlineExceeded"] * 3 == [row["error"] for row in rows("out.jsonl")]
    assert "3 of 3 numbers done" in shown


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ("VERIFIEDD", "'VERIFIEDD' is not documented; did you mean VERIFIED?"),
        (
            "verified,not-verified",
            "'NOT-VERIFIED' is not documented; did you mean NOT_",
        ),
        ("xyz", "'XYZ' is not documented; one of NOT_VERIFIED, VERIFIED, EXPIRED"),
    ],
)
def test_a_watch_refuses_a_status_that_is_not_documented(
    statuses: str, expected: str, cams: Emulator, capsys: Capture
) -> None:
    """Polling for a misspelt status would never end."""
    numbers = str(written(cams.phone_numbers[:1]))
    before = arrivals(cams, STATUS)

    code = main(["watch", numbers, "--until", statuses, *options(cams)])

    printed = capsys.readouterr()
    assert 2 == code
    assert expected in printed.err
    assert "--any-status takes any" in printed.err
    assert (before, "") == (arrivals(cams, STATUS), printed.out)


def test_any_status_can_end_a_watch(cams: Emulator) -> None:
    """`--any-status` allows undocumented ones, since the vendor's lists differ."""
    source = str(written(cams.phone_numbers[:1]))
    status = cams.verification_status(cams.phone_numbers[0].phone_number)
    until = ["--until", f"SOMETHING_NEW,{status}", "--any-status"]

    code = main(["watch", source, "-o", "out.jsonl", *until, *options(cams)])

    assert 0 == code
    assert 1 == len(rows("out.jsonl"))


# --- unusable arguments ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["status"], "required: INPUT"),
        (["status", "a.csv", "--qps", "0"], "'0' is not above 0"),
        (["status", "a.csv", "--qps", "X=1"], f"'X' is not {STATUS} or {SYNC}"),
        (["status", "a.csv", "--strategy", "fast"], "invalid choice: 'fast'"),
        (["status", "a.csv", "--window", "0"], "'0' is not a whole number above 0"),
        (["watch", "a.csv", "--every", "5"], "'5' is not of the form LOW:HIGH"),
        (["watch", "a.csv", "--every", "5:4"], "'5:4' is not above 0, or its first"),
        (["watch", "a.csv", "--every", "0:4"], "'0:4' is not above 0, or its first"),
        (["watch", "a.csv", "--until", "A,,B"], "'A,,B' is not of the form STATUS,..."),
        (["watch", "a.csv", "--deadline", "0"], "'0' is not above 0"),
    ],
)
def test_usage_errors_name_the_argument(
    arguments: Sequence[str], expected: str, capsys: Capture
) -> None:
    """A malformed command line ends with 2."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert 2 == ended.value.code
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["none.csv", "-o", "out.jsonl"], "input"),
        ([".", "-o", "out.jsonl"], "input"),
        (["empty.csv", "-o", "out.jsonl"], "input"),
        (["numbers.csv", "-o", "none/out.jsonl"], "output"),
        (["numbers.csv", "-o", "."], "output"),
        (["numbers.csv", "-o", "foreign.jsonl"], "output"),
        (["numbers.csv", "-o", "out.jsonl", "--cust-space-id", " "], "cust_space_id"),
    ],
)
def test_unusable_files_end_with_2(
    arguments: Sequence[str], field: str, cams: Emulator, capsys: Capture
) -> None:
    """One line names the file and the reason; nothing is sent or overwritten."""
    written(cams.phone_numbers[:2])
    Path("empty.csv").write_text("", "utf-8")
    Path("foreign.jsonl").write_text("precious", "utf-8")
    before = arrivals(cams, STATUS)

    code = main(["status", *arguments, *options(cams)])

    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()

    assert 2 == code
    assert line.startswith(f"cams-async: {field}: ")
    assert "" == printed.out
    assert "precious" == Path("foreign.jsonl").read_text("utf-8")
    assert before == arrivals(cams, STATUS)


def test_an_output_belongs_to_its_job(cams: Emulator, capsys: Capture) -> None:
    """The rows of another input are never added to an output."""
    place = options(cams)
    source = str(written(cams.phone_numbers[:2]))
    main(["status", source, "-o", "out.jsonl", *place])
    before = Path("out.jsonl").read_bytes()
    written(cams.phone_numbers[:3])
    capsys.readouterr()

    code = main(["status", source, "-o", "out.jsonl", *place])

    assert 2 == code
    assert "the input has changed" in capsys.readouterr().err
    assert before == Path("out.jsonl").read_bytes()


def test_an_unusable_endpoint_is_an_error(cams: Emulator, capsys: Capture) -> None:
    """An endpoint is refused before files are created."""
    source = str(written(cams.phone_numbers[:2]))

    code = main(["status", source, "-o", "out.jsonl", "--endpoint", "nowhere"])

    assert 2 == code
    assert capsys.readouterr().err.startswith("cams-async: endpoint: ")
    assert not Path("out.jsonl").exists()


# --- interruptions and resuming -------------------------------------------------------


def test_a_job_ends_at_wrong_credentials_and_can_be_resumed(
    cams: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """An error that concerns every row is the result of no row."""
    source = str(written(cams.phone_numbers[:8]))
    arguments = ["status", source, "-o", "out.jsonl", *options(cams)]
    right = os.environ[KEY_SECRET]
    monkeypatch.setenv(KEY_SECRET, "wrong")

    assert 1 == main(arguments)
    *_, error, how = capsys.readouterr().err.splitlines()
    monkeypatch.setenv(KEY_SECRET, right)
    # A new process has a throttle of its own.
    monkeypatch.setattr(local, "_default", LocalThrottle())
    program, *again = shlex.split(how.removeprefix("cams-async: resume with: "))
    assert 0 == main(again)

    assert "cams-async" == program
    assert again == arguments
    assert "SignatureDoesNotMatch" in error
    assert list(range(2, 10)) == sorted(row["line"] for row in rows("out.jsonl"))


def test_a_finished_job_is_reported_with_the_command_to_restart_it(
    cams: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The printed command restarts the job."""
    source = str(written(cams.phone_numbers[:3]))
    arguments = ["status", source, "-o", "out.jsonl", *options(cams)]
    before = arrivals(cams, STATUS)
    assert 0 == main(arguments)
    capsys.readouterr()

    assert 0 == main(arguments)
    shown = capsys.readouterr().err
    again = shown.partition("cams-async: run it again with: ")[2].splitlines()[0]
    program, *restart = shlex.split(again)
    # A new process has a throttle of its own.
    monkeypatch.setattr(local, "_default", LocalThrottle())
    assert 0 == main(restart)

    when = re.search(r"finished on (.*): nothing is left to do", shown)
    assert when is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00", when[1])
    assert ["cams-async", *arguments, "--restart"] == [program, *restart]
    assert "3 of 3 rows are in out.jsonl" in capsys.readouterr().err
    assert 6 == arrivals(cams, STATUS) - before
    assert 3 == len(rows("out.jsonl"))


def test_an_unknown_time_of_finishing_is_left_out(
    cams: Emulator, capsys: Capture
) -> None:
    """A journal may hold an impossible time."""
    source = str(written(cams.phone_numbers[:1]))
    arguments = ["status", source, "-o", "out.jsonl", "--json", *options(cams)]
    main(arguments)
    path = Path("out.jsonl.journal")
    content = json.loads(path.read_text("utf-8")) | {"finished": 1e300}
    path.write_text(json.dumps(content), "utf-8")
    capsys.readouterr()

    assert 0 == main(arguments)

    printed = capsys.readouterr()
    assert "cams-async: finished: nothing is left to do" in printed.err
    assert json.loads(printed.out)["finished"] is None


def test_the_command_to_resume_does_not_restart(
    cams: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Otherwise each interruption would discard the rows that are done."""
    source = str(written(cams.phone_numbers[:3]))
    arguments = ["status", source, "-o", "out.jsonl", *options(cams)]
    monkeypatch.setenv(KEY_SECRET, "wrong")

    assert 1 == main([*arguments, "--restart"])

    *_, how = capsys.readouterr().err.splitlines()
    assert ["cams-async", *arguments] == shlex.split(
        how.removeprefix("cams-async: resume with: ")
    )


def test_an_output_that_is_removed_meanwhile_is_an_error(
    cams: Emulator, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows in a removed output are not reported as written."""
    source = str(written(cams.phone_numbers[:3]))
    synced = Store.sync

    def removed(store: Store) -> None:
        Path("out.jsonl").unlink()
        synced(store)

    monkeypatch.setattr(Store, "sync", removed)

    code = main(["status", source, "-o", "out.jsonl", "--json", *options(cams)])

    printed = capsys.readouterr()
    assert 1 == code
    assert "of 3 rows are in" not in printed.err
    assert "out.jsonl does not hold the 3 rows that were written" in printed.err
    assert "'out.jsonl' was removed, replaced or changed" in printed.err
    assert not json.loads(printed.out)["complete"]


def test_a_resumed_job_shows_the_failures_of_the_whole_job(
    cams: Emulator, capsys: Capture
) -> None:
    """Failures of former runs are part of progress and report."""
    source = str(
        written(cams.phone_numbers[:2], "123,cams-0001", "123,cams-0001", "x,y")
    )
    arguments = ["status", source, "-o", "out.jsonl", *options(cams)]
    assert 3 == main(arguments)
    capsys.readouterr()

    assert 3 == main(arguments)

    shown = capsys.readouterr().err
    assert "3 of 3 numbers done, failed: 1 InvalidParameter.PhoneNumberError\n" in shown
    assert "failed: 2 InvalidParameter.PhoneNumberError, 1 InvalidRow" in shown


def command(*arguments: str) -> list[str]:
    """Return the command line of a process."""
    return [*COMMAND, *arguments]


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_signal_finishes_the_calls_in_flight_and_prints_how_to_resume(
    number: int, cams: Emulator, capsys: Capture
) -> None:
    """The command ends with 130, and the printed one completes the job."""
    source = str(written(cams.phone_numbers))
    place = [*options(cams, qps=50), "--window", "5"]
    arguments = ["status", source, "-o", "out.jsonl", *place]
    with InTerminal(command(*arguments), env=environment(cams)) as status:
        status.until("[1-9][0-9]? of 250 numbers done")
        status.process.send_signal(number)
        assert 130 == status.end()
    done = len(rows("out.jsonl"))
    *_, how = status.shown.splitlines()
    _, *again = shlex.split(how.removeprefix("cams-async: resume with: "))
    code = main([*again, "--qps", "1000"])

    assert 0 < done < 250
    assert "finishing the calls in flight" in status.shown
    assert arguments == again
    assert 0 == code
    assert f"resuming: {done} of 250 rows are done already" in capsys.readouterr().err
    assert list(range(2, 252)) == sorted(row["line"] for row in rows("out.jsonl"))


Interrupt = Callable[..., None]


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Interrupt:
    """Return a function that schedules Ctrl-C, once or repeatedly, at the first row."""
    add = JobReport.add

    def schedule(times: int = 1) -> None:
        def added(report: JobReport, result: Result) -> None:
            nonlocal times
            add(report, result)
            loop = asyncio.get_running_loop()
            while times:
                times -= 1
                loop.call_later(0.02 * times, signal.raise_signal, signal.SIGINT)

        monkeypatch.setattr(JobReport, "add", added)

    return schedule


def test_a_second_ctrl_c_cancels_the_calls_in_flight(
    cams: Emulator, interrupt: Interrupt, capsys: Capture
) -> None:
    """The command ends at once, and keeps the rows that were written."""
    source = str(written(cams.phone_numbers[:20]))
    # One call in 50 seconds: the calls that wait for the rate limit take minutes.
    arguments = ["status", source, "-o", "out.jsonl", *options(cams, qps=0.02)]
    interrupt(2)

    code = main(arguments)

    shown = capsys.readouterr().err
    assert 130 == code
    assert "press Ctrl-C again to cancel them" in shown
    assert "resume with: cams-async status" in shown
    assert 1 == len(rows("out.jsonl"))


def piped(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let standard input be the content of a file."""
    stdin = io.TextIOWrapper(io.BytesIO(Path(path).read_bytes()))
    monkeypatch.setattr(sys, "stdin", stdin)


def test_stdout_carries_data_only(
    cams: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Without an output, rows go to stdout and the report of `--json` to stderr."""
    written(cams.phone_numbers[:12])
    arguments = ["status", "-", "--json", *options(cams)]
    piped("numbers.csv", monkeypatch)

    code = main(arguments)

    printed = capsys.readouterr()
    found = [json.loads(line) for line in printed.out.splitlines()]
    shown = printed.err.splitlines()

    assert 0 == code
    assert list(range(2, 14)) == sorted(row["line"] for row in found)
    assert any(
        "standard input and output: there is no journal" in line for line in shown
    )
    assert "standard output" == json.loads(shown[-1])["output"]


def test_an_interrupted_run_without_a_journal_cannot_be_resumed(
    cams: Emulator,
    interrupt: Interrupt,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    """Such a run ends without a command that resumes it."""
    written(cams.phone_numbers[:20])
    arguments = ["status", "-", "-o", "out.jsonl", "--window", "3", *options(cams)]
    piped("numbers.csv", monkeypatch)
    interrupt()

    code = main(arguments)

    shown = capsys.readouterr().err
    assert 130 == code
    assert 0 < len(rows("out.jsonl")) < 20
    assert "standard input: there is no journal" in shown
    assert "resume with" not in shown


@pytest.mark.parametrize("unbuffered", ["", pytest.param("1", marks=pytest.mark.slow)])
def test_a_broken_pipe_is_an_error(unbuffered: str, cams: Emulator) -> None:
    """`| head` ends the command with one line on stderr, without a traceback."""
    source = str(written(cams.phone_numbers[:100]))
    arguments = ["status", source, *options(cams, qps=50)]
    with subprocess.Popen(  # noqa: S603 - our own command
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(cams) | {"PYTHONUNBUFFERED": unbuffered},
    ) as status:
        assert status.stdout is not None
        assert status.stderr is not None
        assert json.loads(status.stdout.readline())["status"]
        status.stdout.close()
        shown = status.stderr.read()
        code = status.wait(PATIENCE)

    assert 1 == code
    assert "Traceback" not in shown
    assert shown.splitlines()[-1].startswith("cams-async: cannot write standard output")


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
from cams_async.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_full_disk_is_an_error_that_loses_nothing(cams: Emulator) -> None:
    """A full disk is reported in one line, and the job can be resumed."""
    source = str(written(cams.phone_numbers[:60]))
    arguments = ["status", source, "-o", "out.jsonl", *options(cams)]
    # The data file of coverage is larger than the limit.
    unmeasured = {
        name: value
        for name, value in environment(cams).items()
        if not name.startswith("COVERAGE")
    }
    full = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", LIMITED, *arguments],
        capture_output=True,
        text=True,
        env=unmeasured,
        check=False,
        timeout=PATIENCE,
    )
    done = len(rows("out.jsonl"))
    code = main(arguments)

    *_, error, how = full.stderr.splitlines()

    assert 1 == full.returncode
    assert error.startswith("cams-async: cannot write 'out.jsonl': ")
    assert how.startswith("cams-async: resume with: ")
    assert 0 < done < 60
    assert 0 == code
    assert list(range(2, 62)) == sorted(row["line"] for row in rows("out.jsonl"))


# --- progress -------------------------------------------------------------------------


def test_a_terminal_shows_a_bar(cams: Emulator) -> None:
    """With rich, a terminal shows a bar, and messages above it."""
    source = str(written(cams.phone_numbers[:20], "x,cams-0001"))
    arguments = ["status", source, "-o", "out.jsonl", *options(cams)]
    with InTerminal(command(*arguments), env=environment(cams)) as status:
        code = status.end()

    assert 3 == code
    assert "━" in status.shown
    assert "20 of 20 numbers done" in status.shown
    assert "line 22: phone_number must be" in status.shown


def test_without_rich_a_terminal_shows_plain_lines(
    cams: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Progress is shown without optional dependencies too."""
    source = str(written(cams.phone_numbers[:20]))
    arguments = ["status", source, "-o", "out.jsonl", *options(cams)]
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    for name in [name for name in sys.modules if name.startswith("rich.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "cams_async.cli.live", raising=False)
    monkeypatch.setitem(sys.modules, "rich", None)

    code = main(arguments)

    shown = terminal.getvalue()
    assert 0 == code
    assert "━" not in shown
    assert "\x1b" not in shown
    assert "20 of 20 numbers done" in shown


@pytest.mark.parametrize("width", [60, pytest.param(100, marks=pytest.mark.slow)])
def test_ctrl_c_leaves_no_stale_line(width: int, cams: Emulator) -> None:
    """The terminal echoes ^C in the bar; afterwards it shows only complete lines."""
    source = str(written(cams.phone_numbers[:20]))
    arguments = ["status", source, "-o", "out.jsonl", *options(cams, qps=0.02)]
    where = environment(cams) | {"COLUMNS": f"{width}"}
    with InTerminal(command(*arguments), env=where) as status:
        status.until("1 of 20 numbers done")
        # The terminal discards what was written before it echoes ^C.
        status.type("\x03")
        status.until(r"\^C")
        status.process.send_signal(signal.SIGINT)
        # The bar has been redrawn below the message before ^C is typed again.
        status.until("(?s)finishing the calls in flight.*numbers done")
        status.type("\x03")
        status.until(r"\^C")
        status.process.send_signal(signal.SIGINT)
        code = status.end()

    lines = [line.rstrip() for line in screen(status.shown, width=width)]
    kept = [line for line in lines if not line.startswith("cams-async: ")]

    assert 130 == code
    assert 1 == len(rows("out.jsonl"))
    assert "^C" in status.shown
    assert "━" in status.shown
    # Lines with the program's name may be wrapped; their second halves are kept.
    assert [] == [line for line in kept if re.search(r"━|\^C|numbers done", line)]


# --- signals --------------------------------------------------------------------------


def test_a_signal_can_end_the_process_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thread that reads standard input does not delay the exit."""
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    before = signal.getsignal(signal.SIGINT)

    with process.exit_on_signals():
        signal.raise_signal(signal.SIGINT)

    assert [130] == codes
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_ends_a_command_that_reads_its_input(cams: Emulator) -> None:
    """Waiting for standard input does not delay the exit."""
    source, sink = os.pipe()
    with InTerminal(
        command("status", "-", *options(cams)), env=environment(cams), stdin=source
    ) as status:
        status.until("there is no journal")
        status.process.send_signal(signal.SIGINT)
        code = status.end()
    os.close(source)
    os.close(sink)

    assert 130 == code
