"""The command line: what it prints, where, and how it ends."""

import argparse
import asyncio
import importlib
import io
import json
import logging
import os
import re
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

import cams_async.cli.demo as demo_command
from cams_async import CamsClient, __version__
from cams_async.cli import main
from cams_async.cli.program import COMMANDS, parser
from cams_async.cli.progress import Progress
from cams_async.cli.table import table
from cams_async.cli.verdict import arrivals, conclusion
from cams_async.credentials import KEY_ID, KEY_SECRET
from cams_async.emulator import ActionReport, Report
from cams_async.operations import (
    OPERATIONS,
    GetPhoneNumberVerificationStatus,
    Operation,
)
from tests.screen import screen

STATUS = "GetPhoneNumberVerificationStatus"
PATIENCE = 30

Capture = pytest.CaptureFixture[str]


# --- the command line as a whole ------------------------------------------------------


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command."""
    choices: Any = [action.choices for action in parser()._actions if action.choices]
    (found,) = choices
    return dict(found)


def test_every_command_is_listed_with_its_help(capsys: Capture) -> None:
    """`--help` shows each command."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    listed = capsys.readouterr().out

    assert 0 == ended.value.code
    assert len(COMMANDS) == len(parsers())
    for command in parsers():
        assert command in re.findall(r"^    (\w+)", listed, re.MULTILINE)


@pytest.mark.parametrize("command", parsers())
def test_every_option_has_help(command: str, capsys: Capture) -> None:
    """No option of a command goes unexplained."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])

    assert 0 == ended.value.code
    assert "usage: cams-async " in capsys.readouterr().out
    assert parsers()[command].description
    assert [] == [each for each in parsers()[command]._actions if not each.help]


def test_the_command_alone_prints_the_help(capsys: Capture) -> None:
    """As `--help` does: who only tries it has made no mistake."""
    with pytest.raises(SystemExit):
        main(["--help"])
    expected = capsys.readouterr().out

    assert 0 == main([])
    assert (expected, "") == capsys.readouterr()


def test_version_is_the_packages(capsys: Capture) -> None:
    """`--version` names the program and its version."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert 0 == ended.value.code
    assert f"cams-async {__version__}\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["dem"], "invalid choice: 'dem'"),
        (["demo", "--quie"], "unrecognized arguments: --quie"),
        (["demo", "--numbers", "0"], "'0' is not a whole number above 0"),
        (["demo", "--numbers", "ten"], "'ten' is not a whole number above 0"),
        (["demo", "--qps", "5"], "'5' is not of the form Name=value"),
        (["call"], "required: ACTION"),
        (["call", STATUS, "PhoneNumber"], "'PhoneNumber' is not of the form"),
        (["call", STATUS, "=1"], "'=1' is not of the form Name=value"),
        (["call", STATUS, "--qps", "0"], "'0' is not above 0"),
        (["call", STATUS, "--qps", "many"], "'many' is not a number"),
        (["call", STATUS, "--qps", "inf"], "'inf' is not a number"),
        (["call", STATUS, "--retry-safe=maybe"], "--retry-safe"),
        (["emulator", "--latency", "0.1"], "'0.1' is not of the form LOW:HIGH"),
        (["emulator", "--latency", "0:x"], "'x' is not a number"),
        (["emulator", "--policy", "kind"], "invalid choice: 'kind'"),
    ],
)
def test_usage_errors_name_the_argument(
    arguments: Sequence[str], expected: str, capsys: Capture
) -> None:
    """A malformed command line ends with 2, and prints nothing to stdout."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    printed = capsys.readouterr()

    assert 2 == ended.value.code
    assert "" == printed.out
    assert expected in printed.err


def test_python_m_is_the_same_command(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """`python -m cams_async` takes the arguments of the process."""
    monkeypatch.setattr(sys, "argv", ["cams_async", "operations", "--json"])

    with pytest.raises(SystemExit) as ended:
        runpy.run_module("cams_async", run_name="__main__")

    assert 0 == ended.value.code
    assert len(OPERATIONS) == len(json.loads(capsys.readouterr().out))


def test_importing_the_module_runs_nothing() -> None:
    """Only `python -m` starts the command."""
    module = importlib.import_module("cams_async.__main__")
    del sys.modules[module.__name__]  # `python -m` wants to be the first to import it

    assert main is module.main


# --- operations -----------------------------------------------------------------------


def test_operations_lists_the_registry(capsys: Capture) -> None:
    """Each operation has a row with its action, method and RAM action."""
    assert 0 == main(["operations"])

    _, _, *rows = capsys.readouterr().out.splitlines()

    assert len(OPERATIONS) == len(rows)
    for row, operation in zip(rows, OPERATIONS.values(), strict=True):
        action, method, ceiling, retry_safe, ram_action, *_ = row.split()
        assert action == operation.__name__
        assert callable(getattr(CamsClient, method))
        assert float(ceiling) == operation.qps
        assert retry_safe == str(operation.retry_safe)
        assert ram_action == f"cams:{action}"


def test_operations_as_json_are_complete(capsys: Capture) -> None:
    """Programs get the same facts as people."""
    assert 0 == main(["operations", "--json"])

    facts = json.loads(capsys.readouterr().out)
    (status,) = [entry for entry in facts if entry["action"] == STATUS]

    assert {
        "action": STATUS,
        "method": "get_phone_number_verification_status",
        "qps": 10.0,
        "retry_safe": True,
        "ram_action": "cams:GetPhoneNumberVerificationStatus",
        "summary": "Tell whether the ownership of a phone number has been verified.",
    } == status


# --- emulator and call ----------------------------------------------------------------


@contextmanager
def emulator(*arguments: str) -> Generator["subprocess.Popen[str]", None, None]:
    """Run `cams-async emulator` on a free port, in a process of its own."""
    command = [sys.executable, "-m", "cams_async", "emulator", "--port", "0"]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: "subprocess.Popen[str]") -> str:
    """Return the first line of a process's stdout."""
    assert process.stdout is not None
    return process.stdout.readline()


Start = dict[str, str]


@pytest.fixture(scope="module")
def _server() -> Iterator[Start]:
    with emulator("--json", "--qps", f"{STATUS}=1000") as process:
        yield json.loads(first_line(process))


@pytest.fixture
def server(_server: Start, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Return what an emulator said at its start; its credentials are at hand."""
    monkeypatch.setenv(KEY_ID, _server["access_key_id"])
    monkeypatch.setenv(KEY_SECRET, _server["access_key_secret"])
    return _server


def parameters(server: Start) -> list[str]:
    """Return the parameters that ask for the status of the first number."""
    return [
        f"PhoneNumber={server['phone_number']}",
        f"CustSpaceId={server['cust_space_id']}",
    ]


def test_call_prints_the_answer(server: Start, capsys: Capture) -> None:
    """The answer is JSON as it stood on the wire."""
    place = ["--endpoint", server["endpoint"]]

    assert 0 == main(["call", STATUS, *parameters(server), *place])

    printed = capsys.readouterr()
    response = json.loads(printed.out)

    assert "" == printed.err
    assert "OK" == response["Code"]
    assert server["phone_number"] == response["Data"]["PhoneNumber"]
    assert printed.out.startswith("{\n")


def test_call_takes_its_options(server: Start, capsys: Capture) -> None:
    """Options may stand anywhere; with `--json` the answer is one line."""
    options = ["--json", "--quiet", "--qps", "20", "--retry-safe"]
    place = ["--endpoint", server["endpoint"], "--region", "here", "--account", "me"]
    first, second = parameters(server)

    assert 0 == main(["call", *place, STATUS, first, *options, second])

    (line,) = capsys.readouterr().out.splitlines()
    assert "OK" == json.loads(line)["Code"]


def test_a_refused_call_is_one_line_on_stderr(server: Start, capsys: Capture) -> None:
    """What CAMS refuses ends with 1 and the code, on one line."""
    asked = ["call", STATUS, "PhoneNumber=1", "CustSpaceId=none"]

    assert 1 == main([*asked, "--endpoint", server["endpoint"]])

    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()

    assert "" == printed.out
    assert line.startswith(f"cams-async: {STATUS}: InvalidParameter.")


def test_a_call_without_credentials_says_so(capsys: Capture) -> None:
    """Nothing is sent, and the variable to set is named."""
    assert 1 == main(["call", STATUS, "PhoneNumber=1", "CustSpaceId=none"])

    assert KEY_ID in capsys.readouterr().err


def test_the_emulator_stops_at_ctrl_c_and_reports() -> None:
    """Another program starts it, reads the endpoint, calls, and reads the report."""
    with emulator("--json", "--seed", "7", "--phone-numbers", "10") as process:
        server = json.loads(first_line(process))
        environment = {
            KEY_ID: server["access_key_id"],
            KEY_SECRET: server["access_key_secret"],
        }
        call = [sys.executable, "-m", "cams_async", "call", STATUS]
        called = subprocess.run(  # noqa: S603 - our own command
            [*call, *parameters(server), "--endpoint", server["endpoint"]],
            capture_output=True,
            env={**os.environ, **environment},
            check=False,
            timeout=PATIENCE,
        )
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)

    report = json.loads(out)

    assert 0 == called.returncode
    assert "OK" == json.loads(called.stdout)["Code"]
    assert (0, "") == (process.returncode, err)
    assert report["held"]
    assert [(STATUS, 1)] == [
        (each["action"], each["arrivals"]) for each in report["actions"]
    ]


def test_the_emulator_tells_people_how_to_call_it(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The hint works as it stands, and the report is a table."""
    with emulator() as process:
        hint = [first_line(process) for _ in range(5)]
        for line in hint[2:4]:
            name, _, value = line.removeprefix("export ").strip().partition("=")
            monkeypatch.setenv(name, value)
        program, *arguments = hint[4].split()
        code = main(arguments)
        process.terminate()
        out, err = process.communicate(timeout=PATIENCE)

    assert "cams-async" == program
    assert 0 == code
    assert "OK" == json.loads(capsys.readouterr().out)["Code"]
    assert (0, "") == (process.returncode, err)
    assert STATUS in out
    assert out.endswith("\n\nEvery ceiling held.\n")


class StopsAtOnce(io.StringIO):
    """A stdout that stops the process as soon as something is flushed."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def flush(self) -> None:
        """Send the signal, once."""
        number, self._number = self._number, 0
        if number:
            signal.raise_signal(number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_emulator_that_nobody_called_reports_nothing(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with 0 at either signal, and leaves the handlers as they were."""
    before = signal.getsignal(number)
    out = StopsAtOnce(number)
    monkeypatch.setattr(sys, "stdout", out)
    faults = ["--settle", "1", "--skew", "2", "--retry-after", "3", "--counts-refused"]

    code = main(["emulator", "--port", "0", "--latency", "0:0.01", *faults])

    assert 0 == code
    assert signal.getsignal(number) is before
    assert out.getvalue().splitlines()[-1].startswith("cams-async call ")


def test_an_emulator_writes_its_numbers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They are an input for `status`, and the hint says how to use it."""
    out = StopsAtOnce(signal.SIGINT)
    monkeypatch.setattr(sys, "stdout", out)
    path = tmp_path / "my numbers.csv"
    numbers = ["--phone-numbers", "3", "--write-numbers", str(path)]

    assert 0 == main(["emulator", "--port", "0", *numbers])

    header, *rows = path.read_text("utf-8").splitlines()
    hint = out.getvalue().splitlines()[-1]

    assert "phone_number,cust_space_id" == header
    assert [True] * 3 == [bool(re.fullmatch(r"86\d+,cams-0001", row)) for row in rows]
    assert hint.startswith(f"cams-async status '{path}' -o status.jsonl --endpoint ")


def test_numbers_that_cannot_be_written_are_an_error(
    tmp_path: Path, capsys: Capture
) -> None:
    """The emulator says so, and does not stay."""
    path = tmp_path / "none" / "numbers.csv"

    assert 2 == main(["emulator", "--port", "0", "--write-numbers", str(path)])

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("cams-async: --write-numbers: ")


def test_an_unknown_ceiling_is_an_error(capsys: Capture) -> None:
    """What the emulator refuses ends with 2, on one line."""
    assert 2 == main(["emulator", "--qps", "NoSuchAction=5"])

    (line,) = capsys.readouterr().err.splitlines()
    assert "cams-async: qps: unknown action NoSuchAction" == line


# --- demo -----------------------------------------------------------------------------


def test_demo_shows_that_the_ceilings_hold(capsys: Capture) -> None:
    """Each of the five actions has a row, and nothing was throttled or failed."""
    assert 0 == main(["demo", "--numbers", "7"])

    printed = capsys.readouterr()
    _, _, *rows, empty, last = printed.out.splitlines()

    assert "" == empty
    assert list(OPERATIONS) == [row.split()[0] for row in rows]
    assert {"0"} == {row.split()[-1] for row in rows}
    assert last.startswith("Every ceiling held. 29 tasks, 3 clients, ")
    assert printed.err.startswith("29 of 29 calls")


def test_demo_reports_as_json(capsys: Capture) -> None:
    """Programs get the emulator's own report, and silence on stderr."""
    options = ["--quiet", "--json", "--qps", f"{STATUS}=100"]

    assert 0 == main(["demo", "--numbers", "12", *options])

    printed = capsys.readouterr()
    report = json.loads(printed.out)
    ceilings = {each["action"]: each["ceiling"] for each in report["actions"]}

    assert "" == printed.err
    assert report["held"]
    assert 0 == report["failed"]
    assert report["seconds"] > 0
    assert 100 == ceilings[STATUS]


def test_demo_fails_where_a_call_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Failures are counted and the first few shown."""

    def unknown(*_: object) -> Iterator[Operation[Any]]:
        for number in ("1", "2", "3", "4", "5"):
            yield GetPhoneNumberVerificationStatus(
                phone_number=number, cust_space_id="none"
            )

    monkeypatch.setattr(demo_command, "_operations", unknown)

    assert 1 == main(["demo"])

    printed = capsys.readouterr()
    progress, *failures = printed.err.splitlines()

    assert progress.startswith("5 of 5 calls, ")
    assert progress.endswith(", 5 failed")
    assert demo_command.SHOWN == len(failures)
    assert printed.out.endswith(", 5 failed.\n")


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """An interrupted demo closes everything and says nothing."""

    def interrupted(*_: object) -> Iterator[Operation[Any]]:
        asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
        return iter(())

    monkeypatch.setattr(demo_command, "_operations", interrupted)

    assert 130 == main(["demo", "--quiet"])
    assert ("", "") == capsys.readouterr()


@pytest.mark.parametrize(
    ("options", "expected"), [([], "cams-async: resent\n"), (["--quiet"], "")]
)
def test_warnings_are_shown_unless_quiet(
    options: Sequence[str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    """What the library warns of goes to stderr, and only while a command runs."""
    logger = logging.getLogger("cams_async")
    before = list(logger.handlers)

    def warn(*_: object) -> Iterator[Operation[Any]]:
        logger.warning("resent")
        return iter(())

    monkeypatch.setattr(demo_command, "_operations", warn)

    main(["demo", *options])

    lines = capsys.readouterr().err.splitlines(keepends=True)
    assert expected == "".join(line for line in lines if "resent" in line)
    assert before == logger.handlers


# --- what the commands print ----------------------------------------------------------


def test_a_table_aligns_numbers_to_the_right() -> None:
    """Text stands to the left, numbers to the right, and no line ends in spaces."""
    expected = """\
name    calls
------  -----
a           1
longer      -
bb      1,000"""

    assert expected == table(
        ["name", "calls"], [["a", "1"], ["longer", "-"], ["bb", "1,000"]]
    )


def test_a_last_column_of_text_ends_without_spaces() -> None:
    """Cells are not padded beyond the last one."""
    assert "n  text\n-  ----\n1  a" == table(["n", "text"], [["1", "a"]])


REPORT = ActionReport(
    account="LTAI",
    action=STATUS,
    ceiling=10.0,
    arrivals=1234,
    executed=1233,
    throttled=1,
    peak=10,
    window=1.0,
    shortest=1.0423,
    violations=0,
    first=0.0,
    last=10.0,
    utilization=0.99999,
)


def report(*actions: ActionReport) -> Report:
    """Return a report of these actions."""
    return Report(policy="sliding", elapsed=10.0, actions=actions)


def test_the_verdict_shows_what_was_counted() -> None:
    """A share just below the whole does not look whole, and nothing is a dash."""
    few = evolve(REPORT, action="Few", shortest=None)

    row, dashed = arrivals(report(REPORT, few)).splitlines()[2:]

    assert [STATUS, "10", "1,234", "10", "1.042", "s", "99.9", "%", "1"] == row.split()
    assert "-" == dashed.split()[4]


def test_the_conclusion_names_what_was_exceeded() -> None:
    """A ceiling that did not hold is named."""
    exceeded = evolve(REPORT, violations=1)

    assert "Every ceiling held." == conclusion(report(REPORT))
    assert f"Exceeded: {STATUS}." == conclusion(report(exceeded))


Clock = Callable[..., float]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture
def now() -> Clock:
    """Return a clock that stands still, and moves on when told."""
    seconds = 100.0

    def clock(passed: float = 0.0) -> float:
        nonlocal seconds
        seconds += passed
        return seconds

    return clock


def test_a_terminal_shows_one_line_that_is_rewritten(
    now: Clock,
) -> None:
    """Each look starts at the beginning of the line, at most ten times a second."""
    terminal = Terminal()
    with Progress(4, terminal, clock=now) as progress:
        progress.step()
        now(0.5)
        progress.step()
        progress.step()
        progress.step(failed=True)

    assert [
        "",
        "2 of 4 calls, 0 s, about 0 s to go\x1b[K",
        "4 of 4 calls, 0 s, 1 failed\x1b[K\n",
    ] == terminal.getvalue().split("\r")


def test_a_log_gets_a_line_every_few_seconds(now: Clock) -> None:
    """Anything but a terminal gets plain lines, and few of them."""
    log = io.StringIO()
    with Progress(3, log, clock=now) as progress:
        now(4.0)
        progress.step()
        now(6.0)
        progress.step()
        progress.step()

    assert [
        "2 of 3 calls, 10 s, about 5 s to go",
        "3 of 3 calls, 10 s",
    ] == log.getvalue().splitlines()


def test_progress_can_be_silent(now: Clock) -> None:
    """Without a stream nothing is written, whatever passes."""
    with Progress(2, None, clock=now) as progress:
        now(60.0)
        progress.step()


@pytest.mark.parametrize(("stream", "expected"), [(Terminal, ""), (io.StringIO, "1 ")])
def test_an_interruption_leaves_no_stale_line(
    stream: type[io.StringIO], expected: str, now: Clock
) -> None:
    """Ctrl-C erases the line that a terminal rewrites; a log keeps its lines."""
    shown = stream()

    def work() -> None:
        with Progress(4, shown, clock=now) as progress:
            now(6.0)
            progress.step()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()

    assert shown.getvalue()
    assert "".join(screen(shown.getvalue())).startswith(expected)
    assert bool(expected) == bool("".join(screen(shown.getvalue())).strip())
