"""`cams-async status` and `watch`: files in, files out, and every way to end."""

import csv
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from cams_async.bulk.store import Store
from cams_async.cli import main, signals
from cams_async.credentials import KEY_ID, KEY_SECRET
from cams_async.emulator import CannedResponse, Emulator
from tests.cli_process import COMMAND, PATIENCE, InTerminal, environment, in_thread
from tests.fakes import FAST
from tests.screen import screen

STATUS, SYNC = "GetPhoneNumberVerificationStatus", "ChatappSyncPhoneNumber"
DENIED = CannedResponse(
    status=400, body=b'{"Code": "Ram.PermissionDeny", "RequestId": "1"}'
)
SPACES = 3

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def _cams() -> Iterator[Emulator]:
    # Nothing settles, so that a test can ask the emulator again what it has told.
    with in_thread(Emulator(phone_numbers=250, qps=FAST, settle=None)) as emulator:
        yield emulator


@pytest.fixture
def cams(
    _cams: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Emulator]:
    """Return an emulator with 250 numbers; its credentials are at hand."""
    monkeypatch.setenv(KEY_ID, _cams.credentials.access_key_id)
    monkeypatch.setenv(KEY_SECRET, _cams.credentials.access_key_secret.reveal())
    monkeypatch.chdir(tmp_path)
    yield _cams
    _cams.faults.clear()


def written(numbers: Iterable[Any], *more: str) -> Path:
    """Write an input of these numbers, and of more lines."""
    lines = [f"{each.phone_number},{each.cust_space_id}" for each in numbers]
    path = Path("numbers.csv")
    path.write_text("\n".join(["phone_number,cust_space_id", *lines, *more]), "utf-8")
    return path


def rows(path: Path | str) -> list[dict[str, Any]]:
    """Return what an output holds."""
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


_ACCOUNTS = count()


def options(cams: Emulator, *, qps: float = 1000) -> list[str]:
    """Return the options that reach an emulator, on a line of the test's own."""
    account = f"test {next(_ACCOUNTS)}"
    place = ["--endpoint", cams.endpoint, "--account", account]
    return [*place, "--qps", f"{qps:g}"]


def arrivals(cams: Emulator, action: str) -> int:
    """Return how often an action has been called."""
    return sum(each.arrivals for each in cams.report().actions if each.action == action)


# --- from an input to an output -------------------------------------------------------


def test_each_row_gets_its_line(cams: Emulator, capsys: Capture) -> None:
    """A row has the status, the request id and the error of its number."""
    numbers = cams.phone_numbers[:5]
    given = written(numbers, "123,cams-0001", "no number,cams-0001")
    before = arrivals(cams, STATUS)

    code = main(["status", str(given), "-o", "out.jsonl", *options(cams)])

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


def test_what_has_been_done_is_told_on_stderr(cams: Emulator, capsys: Capture) -> None:
    """Rows are counted at the start and at the end; no phone number is ever shown."""
    number = cams.phone_numbers[0]
    given = written([number] * 3, "123,cams-0001", "no number,cams-0001")

    main(["status", str(given), "-o", "out.jsonl", *options(cams)])

    told = capsys.readouterr().err
    start, bad, progress, end, failed = told.splitlines()

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
    assert number.phone_number not in told


def test_only_the_first_bad_rows_are_told(cams: Emulator, capsys: Capture) -> None:
    """A file of nothing else does not flood the terminal; the output has them all."""
    given = written([], *["x,cams-0001"] * 15)

    code = main(["status", str(given), "-o", "out.jsonl", *options(cams)])

    told = capsys.readouterr().err

    assert 3 == code
    assert 10 == told.count("phone_number must be")
    assert 1 == told.count("there are more bad rows; the output has all of them")
    assert [f"{line}" for line in range(2, 17)] == [
        f"{row['line']}" for row in rows("out.jsonl")
    ]


def test_quiet_says_nothing(cams: Emulator, capsys: Capture) -> None:
    """`--quiet` leaves the exit code and the output."""
    given = written(cams.phone_numbers[:2], "x,cams-0001")

    code = main(["status", str(given), "-o", "out.jsonl", "--quiet", *options(cams)])

    assert 3 == code
    assert ("", "") == capsys.readouterr()
    assert 3 == len(rows("out.jsonl"))


def test_the_name_of_the_output_tells_its_format(cams: Emulator) -> None:
    """`.csv` is CSV; `--format` says otherwise."""
    given = str(written(cams.phone_numbers[:2]))

    assert 0 == main(["status", given, "-o", "out.CSV", *options(cams)])
    asked = ["--format", "jsonl", "-o", "other.csv"]
    assert 0 == main(["status", given, *asked, *options(cams)])

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
    given = str(written(cams.phone_numbers[:4], "x,cams-0001"))
    asked = ["status", given, "-o", "out.jsonl", "--json", "--quiet", *options(cams)]

    main(asked)
    first = json.loads(capsys.readouterr().out)
    main(asked)
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
def test_auto_takes_the_cheaper_strategy_and_says_which(
    numbers: slice, expected: str, cams: Emulator, capsys: Capture
) -> None:
    """Three spaces need three calls; a single number is asked for by itself."""
    asked = cams.phone_numbers[numbers]
    given = str(written(asked))
    before = arrivals(cams, STATUS), arrivals(cams, SYNC)
    more = ["--strategy", "auto", "--qps", f"{SYNC}=500", *options(cams)]

    code = main(["status", given, "-o", "out.jsonl", *more])

    spaces = len({number.cust_space_id for number in asked})
    told = f"strategy {expected}: {len(asked)} calls per number, or {spaces} per space"

    assert 0 == code
    assert told in capsys.readouterr().err
    assert (arrivals(cams, STATUS) - before[0], arrivals(cams, SYNC) - before[1]) == (
        (0, SPACES) if expected == "per_space" else (1, 0)
    )
    assert len(asked) == len(rows("out.jsonl"))


def test_who_may_not_synchronise_asks_per_number(
    cams: Emulator, capsys: Capture
) -> None:
    """The vendor's read-only policy does not cover the call for a whole space."""
    cams.faults.rate(DENIED, 1.0, SYNC)
    given = str(written(cams.phone_numbers[:20]))
    before = arrivals(cams, STATUS)

    code = main(
        ["status", given, "-o", "out.jsonl", "--strategy", "per_space", *options(cams)]
    )

    assert 0 == code
    assert 20 == arrivals(cams, STATUS) - before
    assert f"{SYNC}" in capsys.readouterr().err


# --- watch ----------------------------------------------------------------------------


def test_a_watch_ends_once_all_have_settled(cams: Emulator) -> None:
    """Each number is asked again until it has one of the statuses."""
    given = str(written(cams.phone_numbers[:30]))
    with in_thread(Emulator(phone_numbers=30, qps=FAST, settle=0.5)) as quick:
        pace = ["--every", "0.02:0.1", "--until", "verified"]
        code = main(["watch", given, "-o", "out.jsonl", *pace, *options(quick)])

    assert 0 == code
    assert ["VERIFIED"] * 30 == [row["status"] for row in rows("out.jsonl")]


def test_a_watch_tells_what_is_pending_and_ends_by_its_deadline(
    cams: Emulator, capsys: Capture
) -> None:
    """What has not settled by then has failed, with its last status."""
    given = str(written(cams.phone_numbers[:3]))
    pace = ["--until", "REVOKED", "--every", "0.02:0.05", "--deadline", "0.3"]

    code = main(["watch", given, "-o", "out.jsonl", *pace, *options(cams)])

    told = capsys.readouterr().err

    assert 3 == code
    assert ["DeadlineExceeded"] * 3 == [row["error"] for row in rows("out.jsonl")]
    assert "3 of 3 numbers settled" in told


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("VERIFIEDD", "'VERIFIEDD' is no known status; did you mean VERIFIED?"),
        (
            "verified,not-verified",
            "'NOT-VERIFIED' is no known status; did you mean NOT_",
        ),
        ("xyz", "'XYZ' is no known status; one of NOT_VERIFIED, VERIFIED, EXPIRED"),
    ],
)
def test_a_watch_refuses_a_status_that_is_not_known(
    given: str, expected: str, cams: Emulator, capsys: Capture
) -> None:
    """It would ask for ever."""
    numbers = str(written(cams.phone_numbers[:1]))
    before = arrivals(cams, STATUS)

    code = main(["watch", numbers, "--until", given, *options(cams)])

    printed = capsys.readouterr()
    assert 2 == code
    assert expected in printed.err
    assert "--any-status takes any" in printed.err
    assert (before, "") == (arrivals(cams, STATUS), printed.out)


def test_any_status_can_be_waited_for(cams: Emulator) -> None:
    """The vendor's own lists differ."""
    given = str(written(cams.phone_numbers[:1]))
    status = cams.verification_status(cams.phone_numbers[0].phone_number)
    until = ["--until", f"SOMETHING_NEW,{status}", "--any-status"]

    code = main(["watch", given, "-o", "out.jsonl", *until, *options(cams)])

    assert 0 == code
    assert 1 == len(rows("out.jsonl"))


# --- what is unusable -----------------------------------------------------------------


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
    """A malformed command line ends with 2, and nothing is touched."""
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
    """One line says which file and why; nothing is asked, nothing overwritten."""
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
    """Another input never goes into the same output."""
    place = options(cams)
    given = str(written(cams.phone_numbers[:2]))
    main(["status", given, "-o", "out.jsonl", *place])
    before = Path("out.jsonl").read_bytes()
    written(cams.phone_numbers[:3])
    capsys.readouterr()

    code = main(["status", given, "-o", "out.jsonl", *place])

    assert 2 == code
    assert "the input has changed" in capsys.readouterr().err
    assert before == Path("out.jsonl").read_bytes()


def test_a_place_that_is_unusable_is_an_error_as_ever(
    cams: Emulator, capsys: Capture
) -> None:
    """An endpoint is refused as for every other command, before files are touched."""
    given = str(written(cams.phone_numbers[:2]))

    code = main(["status", given, "-o", "out.jsonl", "--endpoint", "nowhere"])

    assert 2 == code
    assert capsys.readouterr().err.startswith("cams-async: endpoint: ")
    assert not Path("out.jsonl").exists()


# --- how it ends early, and goes on ---------------------------------------------------


def test_wrong_credentials_end_it_and_it_goes_on_once_they_are_right(
    cams: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """What every row would meet is no row's result, and costs none of them."""
    given = str(written(cams.phone_numbers[:8]))
    asked = ["status", given, "-o", "out.jsonl", *options(cams)]
    right = os.environ[KEY_SECRET]
    monkeypatch.setenv(KEY_SECRET, "wrong")

    assert 1 == main(asked)
    *_, error, how = capsys.readouterr().err.splitlines()
    monkeypatch.setenv(KEY_SECRET, right)
    program, *again = shlex.split(how.removeprefix("cams-async: go on with: "))
    assert 0 == main(again)

    assert "cams-async" == program
    assert again == asked
    assert "SignatureDoesNotMatch" in error
    assert list(range(2, 10)) == sorted(row["line"] for row in rows("out.jsonl"))


def test_a_finished_job_says_so_and_how_to_run_it_again(
    cams: Emulator, capsys: Capture
) -> None:
    """The command that it prints begins again, and is not what goes on afterwards."""
    given = str(written(cams.phone_numbers[:3]))
    asked = ["status", given, "-o", "out.jsonl", *options(cams)]
    before = arrivals(cams, STATUS)
    assert 0 == main(asked)
    capsys.readouterr()

    assert 0 == main(asked)
    told = capsys.readouterr().err
    again = told.partition("cams-async: run it again with: ")[2].splitlines()[0]
    program, *arguments = shlex.split(again)
    assert 0 == main(arguments)

    when = re.search(r"finished on (.*): nothing is left to do", told)
    assert when is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00", when[1])
    assert ["cams-async", *asked, "--restart"] == [program, *arguments]
    assert "3 of 3 rows are in out.jsonl" in capsys.readouterr().err
    assert 6 == arrivals(cams, STATUS) - before
    assert 3 == len(rows("out.jsonl"))


def test_an_unknown_time_of_finishing_is_left_out(
    cams: Emulator, capsys: Capture
) -> None:
    """A journal may hold any number, or none."""
    given = str(written(cams.phone_numbers[:1]))
    asked = ["status", given, "-o", "out.jsonl", "--json", *options(cams)]
    main(asked)
    path = Path("out.jsonl.journal")
    content = json.loads(path.read_text("utf-8")) | {"finished": 1e300}
    path.write_text(json.dumps(content), "utf-8")
    capsys.readouterr()

    assert 0 == main(asked)

    printed = capsys.readouterr()
    assert "cams-async: finished: nothing is left to do" in printed.err
    assert json.loads(printed.out)["finished"] is None


def test_how_to_go_on_does_not_begin_again(
    cams: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Else each interruption would lose what was done."""
    given = str(written(cams.phone_numbers[:3]))
    asked = ["status", given, "-o", "out.jsonl", *options(cams)]
    monkeypatch.setenv(KEY_SECRET, "wrong")

    assert 1 == main([*asked, "--restart"])

    *_, how = capsys.readouterr().err.splitlines()
    assert ["cams-async", *asked] == shlex.split(
        how.removeprefix("cams-async: go on with: ")
    )


def test_an_output_that_is_removed_meanwhile_is_an_error(
    cams: Emulator, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that nobody will find are not counted as if they were there."""
    given = str(written(cams.phone_numbers[:3]))
    synced = Store.sync

    def removed(store: Store) -> None:
        Path("out.jsonl").unlink()
        synced(store)

    monkeypatch.setattr(Store, "sync", removed)

    code = main(["status", given, "-o", "out.jsonl", "--json", *options(cams)])

    printed = capsys.readouterr()
    assert 1 == code
    assert "of 3 rows are in" not in printed.err
    assert "out.jsonl does not hold the 3 rows that were written" in printed.err
    assert "'out.jsonl' was removed, replaced or changed" in printed.err
    assert not json.loads(printed.out)["complete"]


def test_a_resumed_job_shows_the_failures_of_the_whole_job(
    cams: Emulator, capsys: Capture
) -> None:
    """In its progress and at its end."""
    given = str(
        written(cams.phone_numbers[:2], "123,cams-0001", "123,cams-0001", "x,y")
    )
    asked = ["status", given, "-o", "out.jsonl", *options(cams)]
    assert 3 == main(asked)
    capsys.readouterr()

    assert 3 == main(asked)

    told = capsys.readouterr().err
    assert "3 of 3 numbers done, failed: 1 InvalidParameter.PhoneNumberError\n" in told
    assert "failed: 2 InvalidParameter.PhoneNumberError, 1 InvalidRow" in told


def command(*arguments: str) -> list[str]:
    """Return our command as a process runs it."""
    return [*COMMAND, *arguments]


def finished(
    arguments: Sequence[str], cams: Emulator, **how: Any
) -> "subprocess.CompletedProcess[str]":
    """Run our command to its end."""
    return subprocess.run(  # noqa: S603 - our own command
        command(*arguments),
        env=environment(cams),
        text=True,
        check=False,
        timeout=PATIENCE,
        **how,
    )


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_signal_finishes_what_is_in_flight_and_tells_how_to_go_on(
    number: int, cams: Emulator
) -> None:
    """It ends with 130, and the command that it prints does exactly the rest."""
    given = str(written(cams.phone_numbers))
    place = [*options(cams, qps=50), "--window", "5"]
    asked = ["status", given, "-o", "out.jsonl", *place]
    with InTerminal(command(*asked), env=environment(cams)) as status:
        status.until("[1-9][0-9]? of 250 numbers done")
        status.process.send_signal(number)
        assert 130 == status.end()
    done = len(rows("out.jsonl"))
    *_, how = status.shown.splitlines()
    _, *again = shlex.split(how.removeprefix("cams-async: go on with: "))
    resumed = finished([*again, "--qps", "1000"], cams, capture_output=True)

    assert 0 < done < 250
    assert "finishing what is in flight" in status.shown
    assert asked == again
    assert 0 == resumed.returncode
    assert f"resuming: {done} of 250 rows are done already" in resumed.stderr
    assert list(range(2, 252)) == sorted(row["line"] for row in rows("out.jsonl"))


def test_a_second_ctrl_c_drops_what_is_in_flight(cams: Emulator) -> None:
    """Who cannot wait need not, and loses nothing that was written."""
    given = str(written(cams.phone_numbers[:20]))
    # One call in 50 seconds: waiting for those in the line would take minutes.
    asked = ["status", given, "-o", "out.jsonl", *options(cams, qps=0.02)]
    with InTerminal(command(*asked), env=environment(cams)) as status:
        status.until("1 of 20 numbers done")
        status.process.send_signal(signal.SIGINT)
        status.until("once more, and it is dropped")
        status.process.send_signal(signal.SIGINT)
        code = status.end()

    assert 130 == code
    assert "go on with: cams-async status" in status.shown
    assert 1 == len(rows("out.jsonl"))


def test_stdout_carries_data_only(cams: Emulator) -> None:
    """Rows go to stdout where no output is named; `--json` then goes to stderr."""
    written(cams.phone_numbers[:12])
    asked = ["status", "-", "--json", *options(cams)]
    with Path("numbers.csv").open(encoding="utf-8") as source:
        done = finished(asked, cams, stdin=source, capture_output=True)

    found = [json.loads(line) for line in done.stdout.splitlines()]
    told = done.stderr.splitlines()

    assert 0 == done.returncode
    assert list(range(2, 14)) == sorted(row["line"] for row in found)
    assert any(
        "standard input and output: there is no journal" in line for line in told
    )
    assert "standard output" == json.loads(told[-1])["output"]


def test_an_interrupted_run_without_a_journal_says_no_way_to_go_on(
    cams: Emulator,
) -> None:
    """What cannot go on does not pretend to."""
    written(cams.phone_numbers[:20])
    asked = ["status", "-", "-o", "out.jsonl", "--window", "3", *options(cams, qps=10)]
    with (
        Path("numbers.csv").open(encoding="utf-8") as source,
        InTerminal(command(*asked), env=environment(cams), stdin=source) as status,
    ):
        status.until("[1-9][0-9]? of 20 numbers done")
        status.process.send_signal(signal.SIGINT)
        code = status.end()

    assert 130 == code
    assert "standard input: there is no journal" in status.shown
    assert "go on with" not in status.shown


@pytest.mark.parametrize("unbuffered", ["", pytest.param("1", marks=pytest.mark.slow)])
def test_a_reader_of_stdout_that_goes_away_is_an_error(
    unbuffered: str, cams: Emulator
) -> None:
    """`| head` ends it with one line, not with a traceback; nor at Python's exit."""
    given = str(written(cams.phone_numbers[:100]))
    asked = ["status", given, *options(cams, qps=50)]
    with subprocess.Popen(  # noqa: S603 - our own command
        command(*asked),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(cams) | {"PYTHONUNBUFFERED": unbuffered},
    ) as status:
        assert status.stdout is not None
        assert status.stderr is not None
        assert json.loads(status.stdout.readline())["status"]
        status.stdout.close()
        told = status.stderr.read()
        code = status.wait(PATIENCE)

    assert 1 == code
    assert "Traceback" not in told
    assert told.splitlines()[-1].startswith("cams-async: cannot write standard output")


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
from cams_async.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_full_disk_is_an_error_that_loses_nothing(cams: Emulator) -> None:
    """It says so in one line, and how to go on once there is room."""
    given = str(written(cams.phone_numbers[:60]))
    asked = ["status", given, "-o", "out.jsonl", *options(cams)]
    # What coverage writes is larger than what the disk takes.
    unmeasured = {
        name: value
        for name, value in environment(cams).items()
        if not name.startswith("COVERAGE")
    }
    full = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", LIMITED, *asked],
        capture_output=True,
        text=True,
        env=unmeasured,
        check=False,
        timeout=PATIENCE,
    )
    done = len(rows("out.jsonl"))
    code = main(asked)

    *_, error, how = full.stderr.splitlines()

    assert 1 == full.returncode
    assert error.startswith("cams-async: cannot write 'out.jsonl': ")
    assert how.startswith("cams-async: go on with: ")
    assert 0 < done < 60
    assert 0 == code
    assert list(range(2, 62)) == sorted(row["line"] for row in rows("out.jsonl"))


# --- what is shown while it runs ------------------------------------------------------


def test_a_terminal_shows_a_bar(cams: Emulator) -> None:
    """With rich and a terminal there is a bar; messages stand above it."""
    given = str(written(cams.phone_numbers[:20], "x,cams-0001"))
    asked = ["status", given, "-o", "out.jsonl", *options(cams)]
    with InTerminal(command(*asked), env=environment(cams)) as status:
        code = status.end()

    assert 3 == code
    assert "━" in status.shown
    assert "20 of 20 numbers done" in status.shown
    assert "line 22: phone_number must be" in status.shown


BARE = """
import sys
sys.modules["rich"] = None
from cams_async.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_without_rich_a_terminal_shows_plain_lines(cams: Emulator) -> None:
    """The package needs nothing but itself to show how far it has come."""
    given = str(written(cams.phone_numbers[:20]))
    asked = ["status", given, "-o", "out.jsonl", *options(cams)]
    bare = [sys.executable, "-c", BARE, *asked]
    with InTerminal(bare, env=environment(cams)) as status:
        code = status.end()

    assert 0 == code
    assert "━" not in status.shown
    assert "\x1b" not in status.shown
    assert "20 of 20 numbers done" in status.shown


@pytest.mark.parametrize("width", [60, pytest.param(100, marks=pytest.mark.slow)])
def test_ctrl_c_leaves_no_stale_line(width: int, cams: Emulator) -> None:
    """The terminal shows ^C in the bar; afterwards only complete lines are there."""
    given = str(written(cams.phone_numbers[:20]))
    asked = ["status", given, "-o", "out.jsonl", *options(cams, qps=0.02)]
    where = environment(cams) | {"COLUMNS": f"{width}"}
    with InTerminal(command(*asked), env=where) as status:
        status.until("1 of 20 numbers done")
        status.type("\x03")
        status.process.send_signal(signal.SIGINT)
        status.until("finishing what is in flight")
        status.type("\x03")
        status.process.send_signal(signal.SIGINT)
        status.end()

    lines = [line.rstrip() for line in screen(status.shown, width=width)]
    kept = [line for line in lines if not line.startswith("cams-async: ")]

    assert "^C" in status.shown
    assert "━" in status.shown
    # A line of ours that is longer than the terminal is wide goes on on the next.
    assert [] == [line for line in kept if re.search(r"━|\^C|numbers done", line)]


# --- signals --------------------------------------------------------------------------


def test_while_nothing_is_to_lose_a_signal_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who waits for standard input is not to be waited for."""
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    before = signal.getsignal(signal.SIGINT)

    with signals.ending_at_once():
        signal.raise_signal(signal.SIGINT)

    assert [130] == codes
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_ends_it_while_it_waits_for_its_input(cams: Emulator) -> None:
    """A terminal that nobody types into keeps nobody."""
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
