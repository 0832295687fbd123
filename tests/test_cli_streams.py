"""Standard streams that are closed, full, broken, or a terminal."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cams_async.cli import main
from cams_async.cli.process import emit, flush_streams
from cams_async.emulator import CannedResponse, EmulatedNumber, Emulator
from cams_async.terminal import escape_controls
from tests.cli_process import COMMAND, PATIENCE, environment

STATUS = "GetPhoneNumberVerificationStatus"

EVIL = "\x1b]0;title\x07\x9b31m\x7f\x85\u2028\u202e\u2066\u200f red é 中 \ud800"
"""Control characters that a terminal would execute, and harmless text."""

CONTROLS = (
    {chr(code) for code in [*range(0x20), *range(0x7F, 0xA0)]}
    | set("\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066")
) - {"\n", "\t"}

posix = pytest.mark.skipif(os.name != "posix", reason="streams are closed by a shell")

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def numbers(cams: Emulator) -> list[EmulatedNumber]:
    """Return five verified numbers, which are the rows of in.csv."""
    verified = [
        each
        for each in cams.phone_numbers
        if cams.verification_status(each.phone_number) == "VERIFIED"
    ][:5]
    rows = [f"{each.phone_number},{each.cust_space_id}" for each in verified]
    Path("in.csv").write_text("\n".join(["phone_number,cust_space_id", *rows]), "utf-8")
    return verified


def call(cams: Emulator) -> list[str]:
    """Return the arguments of a call."""
    number = cams.phone_numbers[0]
    names = [
        f"PhoneNumber={number.phone_number}",
        f"CustSpaceId={number.cust_space_id}",
    ]
    return ["call", STATUS, *names, "--endpoint", cams.endpoint]


def evil() -> CannedResponse:
    """Return a response with control characters."""
    body = {"Code": "OK", "RequestId": "1", "Data": {EVIL: EVIL}}
    return CannedResponse(body=json.dumps(body).encode())


def run(
    arguments: Sequence[str], cams: Emulator, redirections: str
) -> "subprocess.CompletedProcess[bytes]":
    """Run our command by a shell, which closes or redirects its streams."""
    shell = ["sh", "-c", f'exec "$@" {redirections}', "sh"]
    return subprocess.run(  # noqa: S603 - our own command
        [*shell, *COMMAND, *arguments],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env=environment(cams),
        check=False,
        timeout=PATIENCE,
    )


# --- closed streams -------------------------------------------------------------------

TO_FILE = ["in.csv", "-o", "out.jsonl"]

# The arguments, and the exit codes without stdin, stdout and stderr.
COMMANDS: dict[str, tuple[list[str], tuple[int, int, int]]] = {
    "nothing": ([], (0, 1, 0)),
    "call": (["call"], (0, 1, 0)),
    "call @-": (["call", "@-"], (2, 1, 0)),
    "operations": (["operations", "--json"], (0, 1, 0)),
    "demo": (["demo", "--help"], (0, 0, 0)),
    "status": (["status", *TO_FILE], (0, 0, 0)),
    "status stdin": (["status", "-"], (2, 2, 2)),
    "status stdout": (["status", "in.csv"], (0, 2, 0)),
    "status json": (["status", *TO_FILE, "--json"], (0, 1, 0)),
    "watch": (["watch", *TO_FILE, "--every", "0.01:0.1"], (0, 0, 0)),
}

QUICK = {("call", 1), ("call @-", 0), ("status stdin", 0), ("status", 2)}
"""The cases of the fast suite."""


@posix
@pytest.mark.parametrize(
    ("command", "closed"),
    [
        pytest.param(
            command,
            closed,
            marks=() if (command, closed) in QUICK else pytest.mark.slow,
        )
        for command in COMMANDS
        for closed in range(3)
    ],
)
def test_a_closed_stream_causes_no_traceback(
    command: str, closed: int, cams: Emulator, numbers: list[EmulatedNumber]
) -> None:
    """Without a stream a command works or fails in one line, and mixes no streams."""
    arguments, codes = COMMANDS[command]
    kind, *rest = arguments or [""]
    if kind == "call":
        space = [f"CustSpaceId={numbers[0].cust_space_id}"]
        arguments = [*call(cams), *space] if rest else call(cams)
        if rest:
            arguments = [a for a in arguments if not a.startswith("CustSpaceId=")]
            arguments.append("CustSpaceId=@-")
            codes = (2, 2, 2)  # an empty standard input is no space
    elif kind in {"status", "watch"}:
        arguments = [*arguments, "--endpoint", cams.endpoint]

    done = run(arguments, cams, ["<&-", ">&-", "2>&-"][closed])

    assert codes[closed] == done.returncode, done.stderr
    assert b"Traceback" not in done.stderr + done.stdout
    assert b"Exception" not in done.stderr
    assert b"cams-async: " not in done.stdout
    if closed == 1 and command == "call":
        *_, response, error = done.stderr.decode().splitlines()
        assert "OK" == json.loads(response)["Code"]
        assert "cams-async: standard output is closed" == error
    if Path("out.jsonl").exists():
        lines = Path("out.jsonl").read_text("utf-8").splitlines()
        assert ["VERIFIED"] * 5 == [json.loads(line)["status"] for line in lines]


@posix
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.slow
def test_an_emulator_serves_without_streams(closed: str, tmp_path: Path) -> None:
    """An emulator works as a service whose streams are closed."""
    ready = tmp_path / "numbers.csv"
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND]
    options = ["--port", "0", "--write-numbers", str(ready)]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*shell, "emulator", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    ) as process:
        until = time.monotonic() + PATIENCE
        while not ready.exists() and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE)

    assert (0, b"") == (process.returncode, errors)


@posix
@pytest.mark.slow
@pytest.mark.usefixtures("numbers")
def test_a_file_does_not_take_the_place_of_a_closed_stream(cams: Emulator) -> None:
    """An output file never gets the descriptor of a closed standard stream."""
    arguments = ["status", *TO_FILE, "--endpoint", cams.endpoint]

    done = run(arguments, cams, "<&- >&- 2>&-")

    assert 0 == done.returncode
    lines = Path("out.jsonl").read_text("utf-8").splitlines()
    assert list(range(2, 7)) == sorted(json.loads(line)["line"] for line in lines)


def test_without_stderr_nothing_falls_back_to_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """A program without a console has no stderr, and `print` would use stdout."""
    monkeypatch.setattr(sys, "stderr", None)

    code = main(["call", STATUS])

    assert 2 == code
    assert sys.stderr is not None
    assert "" == capsys.readouterr().out


# --- streams that fail ----------------------------------------------------------------

full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is none")


@full
@pytest.mark.parametrize(
    ("stdout", "stderr", "code"),
    [("/dev/full", "out", 1), ("out", "/dev/full", 0), ("/dev/full", "/dev/full", 1)],
)
def test_a_call_survives_a_full_disk(
    stdout: str,
    stderr: str,
    code: int,
    cams: Emulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The exit code is that of standard output; the response is written somewhere."""
    with Path(stdout).open("w") as out, Path(stderr).open("w") as errors:
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", errors)
        ended = main(call(cams))

    assert code == ended
    if Path("out").exists():
        text, _, error = Path("out").read_text("utf-8").partition("cams-async: ")
        assert "OK" == json.loads(text)["Code"]
        assert error.startswith("cannot write standard output: No space") == bool(code)


@full
@pytest.mark.parametrize(
    ("redirections", "code", "responses"),
    [
        ("> /dev/full", 1, True),
        pytest.param("2> /dev/full", 0, False, marks=pytest.mark.slow),
        pytest.param("> /dev/full 2>&1", 1, False, marks=pytest.mark.slow),
        ("> /dev/full 2>&-", 1, False),
    ],
)
def test_the_response_of_a_call_goes_to_stderr_as_a_last_resort(
    redirections: str,
    code: int,
    responses: bool,  # noqa: FBT001 - a table
    cams: Emulator,
) -> None:
    """The response of an executed call is not lost with standard output."""
    done = run(call(cams), cams, redirections)

    assert code == done.returncode
    assert b"Traceback" not in done.stderr
    if responses:
        response, error = done.stderr.decode().splitlines()
        assert "OK" == json.loads(response)["Code"]
        assert error.startswith("cams-async: cannot write standard output: No space")


@posix
def test_the_response_of_a_call_is_kept_if_the_pipe_breaks(
    cams: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The response goes to stderr if the reader of standard output has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        code = main(call(cams))

    response, error = capsys.readouterr().err.splitlines()

    assert 1 == code
    assert "OK" == json.loads(response)["Code"]
    assert error.startswith("cams-async: cannot write standard output: Broken pipe")


@full
@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["operations"], ["--help"], []])
def test_a_full_disk_is_one_line(arguments: list[str], cams: Emulator) -> None:
    """A full disk causes one line, at Python's exit too."""
    done = run(arguments, cams, "> /dev/full")

    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr
    assert done.returncode in {0, 1}


class Full(io.StringIO):
    """A stream on a full disk, without a descriptor."""

    def write(self, text: str) -> int:
        """Raise."""
        raise OSError(28, "No space left on device", text[:0])

    def flush(self) -> None:
        """Raise."""
        raise OSError(28, "No space left on device")


def test_a_stream_without_a_descriptor_is_skipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Streams of a notebook have no descriptor to redirect."""
    monkeypatch.setattr(sys, "stdout", Full())
    monkeypatch.setattr(sys, "stderr", None)

    flush_streams()


@posix
def test_the_buffer_of_a_broken_stream_is_discarded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python flushes again at its exit, which must not fail."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        stream.write("x")
        monkeypatch.setattr(sys, "stdout", stream)

        flush_streams()

        stream.write("y")
        stream.flush()


def test_a_demo_goes_on_without_its_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """A demo completes if its progress cannot be written."""
    monkeypatch.setattr(sys, "stderr", Full())

    assert 0 == main(["demo", "--numbers", "2"])
    assert "No rate limit was exceeded." in capsys.readouterr().out


# --- encodings and control characters -------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "utf-16"])
def test_a_call_writes_utf_8_in_any_encoding_of_stdout(
    encoding: str, cams: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response is UTF-8, and the same JSON as was received."""
    cams.faults.next(evil())

    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))

    assert 0 == main(call(cams))

    text = written.getvalue().decode("utf-8")
    assert "é 中" in text
    assert {EVIL: EVIL} == json.loads(text)["Data"]
    assert set() == CONTROLS & set(text)


def test_an_error_is_shown_without_control_characters(
    cams: Emulator, capsys: Capture
) -> None:
    """Code, message and request id of a response are escaped."""
    body = {"Code": f"Some{EVIL}", "Message": EVIL, "RequestId": EVIL}
    data = json.dumps(body).encode()
    cams.faults.next(CannedResponse(status=400, body=data))

    assert 1 == main(call(cams))

    printed = capsys.readouterr()
    assert "red" in printed.err
    assert set() == CONTROLS & set(printed.out + printed.err)


@pytest.mark.usefixtures("numbers")
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_rows_and_progress_reach_a_terminal_without_control_characters(
    form: str, cams: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Error codes are escaped in rows, in progress and in the report."""
    body = {"Code": f"Some{EVIL}", "Message": EVIL, "RequestId": EVIL}
    data = json.dumps(body).encode()
    cams.faults.rate(CannedResponse(status=400, body=data), 1.0, STATUS)
    below, log = io.BytesIO(), io.StringIO()
    terminal = io.TextIOWrapper(below, encoding="ascii")
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", log)

    code = main(
        ["status", "in.csv", "--format", form, "--json", "--endpoint", cams.endpoint]
    )

    shown = below.getvalue().decode("utf-8") + log.getvalue()
    assert 3 == code
    assert "red é 中" in shown
    assert set() == CONTROLS & set(shown)


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0), 0x202E, 0xD800])
def test_json_with_its_controls_escaped_is_the_same_json(code: int) -> None:
    """Escaping keeps the value, and line feeds outside of strings."""
    value = {f"a{chr(code)}": [f"{chr(code)}b"]}
    text = json.dumps(value, ensure_ascii=False, indent=2)

    assert value == json.loads(escape_controls(text))
    assert text.count("\n") == escape_controls(text).count("\n")


def test_partial_writes_are_completed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pipe may accept only a part of the data."""

    class Little(io.RawIOBase):
        taken = b""

        def writable(self) -> bool:
            return True

        def write(self, data: Any, /) -> int:
            self.taken += bytes(data[:7])
            return len(data[:7])

    pipe = Little()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(pipe)))

    emit("x" * 1000)

    assert b"x" * 1000 + b"\n" == pipe.taken
