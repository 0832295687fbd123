"""The command line as a whole, and the commands without a file of their own."""

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
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

import cams_async.cli.demo as demo_command
from cams_async import __version__
from cams_async.cli import main
from cams_async.cli.program import COMMANDS, parser
from cams_async.cli.report import arrivals, conclusion, table
from cams_async.credentials import KEY_ID, KEY_SECRET
from cams_async.emulator import ActionReport, Emulator, Report
from cams_async.operations import (
    CATALOGUE,
    GetPhoneNumberVerificationStatus,
    Operation,
)
from tests.cli_process import COMMAND, PATIENCE

STATUS = "GetPhoneNumberVerificationStatus"

ACTIONS = [
    "ChatappMigrationVerified",
    "ChatappSyncPhoneNumber",
    STATUS,
    "UpdatePhoneEncryptionPublicKey",
    "UpdatePhoneMessageQrdl",
]
"""The actions of the demo."""

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
    assert list(COMMANDS) == list(parsers())
    for command in parsers():
        assert command in re.findall(r"^    (\w+)", listed, re.MULTILINE)


@pytest.mark.parametrize("command", parsers())
def test_every_option_has_help(command: str, capsys: Capture) -> None:
    """Each option of each command has a help text."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])

    assert 0 == ended.value.code
    assert "usage: cams-async " in capsys.readouterr().out
    assert parsers()[command].description
    assert [] == [each for each in parsers()[command]._actions if not each.help]


def test_the_command_alone_prints_the_help(capsys: Capture) -> None:
    """The program without arguments prints its help and exits with 0."""
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
    assert len(CATALOGUE) == len(json.loads(capsys.readouterr().out))


def test_importing_the_module_runs_nothing() -> None:
    """Only `python -m` starts the command."""
    module = importlib.import_module("cams_async.__main__")
    del sys.modules[module.__name__]  # `python -m` imports it again

    assert main is module.main


# --- emulator and call ----------------------------------------------------------------


@contextmanager
def emulator(*arguments: str) -> Generator["subprocess.Popen[str]", None, None]:
    """Run `cams-async emulator` on a free port, in a process of its own."""
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "emulator", "--port", "0", *arguments],
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


def parameters(cams: Emulator) -> list[str]:
    """Return the parameters of a call for the first number."""
    number = cams.phone_numbers[0]
    return [
        f"PhoneNumber={number.phone_number}",
        f"CustSpaceId={number.cust_space_id}",
    ]


def test_call_prints_the_response(cams: Emulator, capsys: Capture) -> None:
    """The response is JSON as it was received."""
    target = ["--endpoint", cams.endpoint]

    assert 0 == main(["call", STATUS, *parameters(cams), *target])

    printed = capsys.readouterr()
    response = json.loads(printed.out)

    assert "" == printed.err
    assert "OK" == response["Code"]
    assert cams.phone_numbers[0].phone_number == response["Data"]["PhoneNumber"]
    assert printed.out.startswith("{\n")


def test_call_takes_its_options(cams: Emulator, capsys: Capture) -> None:
    """Options may stand anywhere; with `--json` the response is one line."""
    options = ["--json", "--quiet", "--qps", "20", "--retry-safe"]
    target = ["--endpoint", cams.endpoint, "--region", "here", "--account", "me"]
    first, second = parameters(cams)

    assert 0 == main(["call", *target, STATUS, first, *options, second])

    (line,) = capsys.readouterr().out.splitlines()
    assert "OK" == json.loads(line)["Code"]


def test_a_refused_call_is_one_line_on_stderr(cams: Emulator, capsys: Capture) -> None:
    """An error of CAMS ends with 1 and one line that has its code."""
    arguments = ["call", STATUS, "PhoneNumber=1", "CustSpaceId=none"]

    assert 1 == main([*arguments, "--endpoint", cams.endpoint])

    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()

    assert "" == printed.out
    assert line.startswith(f"cams-async: {STATUS}: InvalidParameter.")


def test_a_call_without_credentials_is_an_error(capsys: Capture) -> None:
    """The error names the environment variable to set."""
    assert 1 == main(["call", STATUS, "PhoneNumber=1", "CustSpaceId=none"])

    assert KEY_ID in capsys.readouterr().err


def test_the_emulator_stops_at_ctrl_c_and_reports(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Another program can read the endpoint at the start, and the report at the end."""
    with emulator("--json", "--seed", "7", "--phone-numbers", "10") as process:
        server = json.loads(first_line(process))
        monkeypatch.setenv(KEY_ID, server["access_key_id"])
        monkeypatch.setenv(KEY_SECRET, server["access_key_secret"])
        call = ["call", STATUS, "--endpoint", server["endpoint"]]
        number = f"PhoneNumber={server['phone_number']}"
        code = main([*call, number, f"CustSpaceId={server['cust_space_id']}"])
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)

    report = json.loads(out)

    assert 0 == code
    assert "OK" == json.loads(capsys.readouterr().out)["Code"]
    assert (0, "") == (process.returncode, err)
    assert report["held"]
    assert [(STATUS, 1)] == [
        (each["action"], each["arrivals"]) for each in report["actions"]
    ]


def test_the_emulator_prints_a_command_that_calls_it(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The printed command works, and the report is a table."""
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
    assert out.endswith("\n\nNo rate limit was exceeded.\n")


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
def test_an_emulator_without_calls_reports_nothing(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The emulator ends with 0 at either signal, and restores the handlers."""
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
    """The file is an input for `status`, and the printed command uses it."""
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
    """The emulator ends with 2 and one line."""
    path = tmp_path / "none" / "numbers.csv"

    assert 2 == main(["emulator", "--port", "0", "--write-numbers", str(path)])

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("cams-async: --write-numbers: ")


def test_a_misspelt_ceiling_is_an_error(capsys: Capture) -> None:
    """An unusable option of the emulator ends with 2 and one line."""
    assert 2 == main(["emulator", "--qps", f"{STATUS}es=5"])

    (line,) = capsys.readouterr().err.splitlines()
    expected = f"unknown action '{STATUS}es'; did you mean {STATUS}?"
    assert f"cams-async: qps: {expected}" == line


# --- demo -----------------------------------------------------------------------------


def test_demo_stays_within_the_rate_limits(capsys: Capture) -> None:
    """Each of the five actions has a row, and nothing was throttled or failed."""
    assert 0 == main(["demo", "--numbers", "7"])

    printed = capsys.readouterr()
    _, _, *rows, empty, last = printed.out.splitlines()

    assert "" == empty
    assert ACTIONS == [row.split()[0] for row in rows]
    assert {"0"} == {row.split()[-1] for row in rows}
    assert last.startswith("No rate limit was exceeded. 29 tasks, 3 clients, ")
    assert printed.err.startswith("29 of 29 calls done")


def test_demo_reports_as_json(capsys: Capture) -> None:
    """With `--json --quiet` there is only the emulator's report, on stdout."""
    options = ["--quiet", "--json", "--qps", f"{STATUS}=100"]

    assert 0 == main(["demo", "--numbers", "8", *options])

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

    assert progress.startswith("5 of 5 calls done, ")
    assert "failed: 5 InvalidParameter." in progress
    assert demo_command.FAILURES_SHOWN == len(failures)
    assert printed.out.endswith(", 5 failed.\n")


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """An interrupted demo closes everything and prints nothing."""

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
    """Warnings of the library go to stderr, and only while a command runs."""
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


# --- reports --------------------------------------------------------------------------


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


def test_the_report_rounds_down_and_marks_missing_values() -> None:
    """A share just below 100 % is not shown as 100 %; a missing span is a dash."""
    few = evolve(REPORT, action="Few", shortest=None)

    row, dashed = arrivals(report(REPORT, few)).splitlines()[2:]

    assert [STATUS, "10", "1,234", "10", "1.042", "s", "99.9", "%", "1"] == row.split()
    assert "-" == dashed.split()[4]


def test_the_conclusion_lists_the_exceeded_rate_limits() -> None:
    """Each exceeded rate limit is named."""
    exceeded = evolve(REPORT, violations=1)

    assert "No rate limit was exceeded." == conclusion(report(REPORT))
    assert f"Rate limit exceeded: {STATUS}." == conclusion(report(exceeded))
