"""Standard streams that are closed, full, broken, or a terminal: for each command."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cams_async.cli import main
from cams_async.cli.streams import emit, settle
from cams_async.credentials import KEY_ID, KEY_SECRET
from cams_async.emulator import CannedResponse, Emulator
from cams_async.terminal import escape_controls
from tests.cli_process import COMMAND, PATIENCE, environment, in_thread
from tests.fakes import FAST

STATUS = "GetPhoneNumberVerificationStatus"

EVIL = "\x1b]0;title\x07\x9b31m\x7f\x85\u2028\u202e\u2066\u200f red é 中 \ud800"
"""What a terminal would obey, and text in which there is no harm."""

CONTROLS = (
    {chr(code) for code in [*range(0x20), *range(0x7F, 0xA0)]}
    | set("\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066")
) - {"\n", "\t"}

posix = pytest.mark.skipif(os.name != "posix", reason="streams are closed by a shell")

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def _cams() -> Iterator[Emulator]:
    with in_thread(Emulator(phone_numbers=5, qps=FAST, settle=0)) as emulator:
        yield emulator


@pytest.fixture
def cams(
    _cams: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Emulator]:
    """Return an emulator; its credentials and an input are at hand."""
    monkeypatch.setenv(KEY_ID, _cams.credentials.access_key_id)
    monkeypatch.setenv(KEY_SECRET, _cams.credentials.access_key_secret.reveal())
    monkeypatch.chdir(tmp_path)
    rows = [f"{each.phone_number},{each.cust_space_id}" for each in _cams.phone_numbers]
    Path("in.csv").write_text("\n".join(["phone_number,cust_space_id", *rows]), "utf-8")
    yield _cams
    _cams.faults.clear()


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
    arguments: Sequence[str], cams: Emulator, redirections: str, **more: str
) -> "subprocess.CompletedProcess[bytes]":
    """Run our command by a shell, which closes or redirects its streams."""
    shell = ["sh", "-c", f'exec "$@" {redirections}', "sh"]
    return subprocess.run(  # noqa: S603 - our own command
        [*shell, *COMMAND, *arguments],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env=environment(cams) | more,
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
"""What is tried each time; the rest takes longer."""


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
def test_a_closed_stream_is_no_traceback(
    command: str, closed: int, cams: Emulator
) -> None:
    """Nor do diagnostics go where data belongs, and no data where nothing may go."""
    arguments, codes = COMMANDS[command]
    kind, *rest = arguments or [""]
    if kind == "call":
        space = [f"CustSpaceId={cams.phone_numbers[0].cust_space_id}"]
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
    """As a service does."""
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
        _, told = process.communicate(timeout=PATIENCE)

    assert (0, b"") == (process.returncode, told)


@posix
@pytest.mark.slow
def test_a_file_does_not_take_the_place_of_a_closed_stream(cams: Emulator) -> None:
    """Rows are opened by the lowest free number, which without care is stdout's."""
    arguments = ["status", *TO_FILE, "--endpoint", cams.endpoint]

    done = run(arguments, cams, "<&- >&- 2>&-")

    assert 0 == done.returncode
    lines = Path("out.jsonl").read_text("utf-8").splitlines()
    assert list(range(2, 7)) == sorted(json.loads(line)["line"] for line in lines)


def test_without_stderr_nothing_falls_back_to_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """`print` would; a program without a console has no such stream."""
    monkeypatch.setattr(sys, "stderr", None)

    code = main(["call", STATUS])

    assert 2 == code
    assert sys.stderr is not None
    assert "" == capsys.readouterr().out


# --- streams that take nothing --------------------------------------------------------

full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is none")


@full
@pytest.mark.parametrize(
    ("redirections", "code", "responses"),
    [
        ("> /dev/full", 1, True),
        ("2> /dev/full", 0, False),
        ("> /dev/full 2>&1", 1, False),
        ("> /dev/full 2>&-", 1, False),
    ],
)
def test_the_response_of_a_call_goes_to_stderr_as_a_last_resort(
    redirections: str,
    code: int,
    responses: bool,  # noqa: FBT001 - a table
    cams: Emulator,
) -> None:
    """The call was executed, and may not be executed again."""
    done = run(call(cams), cams, redirections)

    assert code == done.returncode
    assert b"Traceback" not in done.stderr
    if responses:
        response, error = done.stderr.decode().splitlines()
        assert "OK" == json.loads(response)["Code"]
        assert error.startswith("cams-async: cannot write standard output: No space")


@posix
def test_the_response_of_a_call_outlives_a_reader_that_went_away(
    cams: Emulator,
) -> None:
    """A pipe may break at any time."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *call(cams)],
        stdout=writing,
        stderr=subprocess.PIPE,
        env=environment(cams),
        check=False,
        timeout=PATIENCE,
    )
    os.close(writing)

    response, error = done.stderr.decode().splitlines()

    assert 1 == done.returncode
    assert "OK" == json.loads(response)["Code"]
    assert error.startswith("cams-async: cannot write standard output: Broken pipe")


@full
@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["operations"], ["--help"], []])
def test_a_full_disk_is_one_line(arguments: list[str], cams: Emulator) -> None:
    """Neither a traceback nor Python's complaint at its exit."""
    done = run(arguments, cams, "> /dev/full")

    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr
    assert done.returncode in {0, 1}


class Full(io.StringIO):
    """A stream that takes nothing, and has no descriptor."""

    def write(self, text: str) -> int:
        """Refuse."""
        raise OSError(28, "No space left on device", text[:0])

    def flush(self) -> None:
        """Refuse."""
        raise OSError(28, "No space left on device")


def test_a_stream_without_a_descriptor_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in a notebook; there is nothing to redirect."""
    monkeypatch.setattr(sys, "stdout", Full())
    monkeypatch.setattr(sys, "stderr", None)

    settle()


@posix
def test_what_a_stream_holds_is_given_up_where_it_cannot_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python flushes again at its exit, and must not fail then."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        stream.write("x")
        monkeypatch.setattr(sys, "stdout", stream)

        settle()

        stream.write("y")
        stream.flush()


def test_a_demo_goes_on_without_its_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """A log on a full disk stops no work."""
    monkeypatch.setattr(sys, "stderr", Full())

    assert 0 == main(["demo", "--numbers", "2"])
    assert "Every ceiling held." in capsys.readouterr().out


# --- encodings and control characters -------------------------------------------------


@pytest.mark.parametrize(
    "encoding",
    [
        pytest.param("utf-8", marks=pytest.mark.slow),
        pytest.param("ascii", marks=pytest.mark.slow),
        "utf-16",
    ],
)
def test_a_call_writes_utf_8_whatever_the_encoding(
    encoding: str, cams: Emulator
) -> None:
    """It is JSON for programs, and the same JSON as was received."""
    cams.faults.next(evil())

    done = run(call(cams), cams, "", PYTHONIOENCODING=encoding, LC_ALL="C")

    text = done.stdout.decode("utf-8")
    assert 0 == done.returncode
    assert "é 中" in text
    assert {EVIL: EVIL} == json.loads(text)["Data"]
    assert set() == CONTROLS & set(text)


def test_an_error_passes_no_control_character(cams: Emulator, capsys: Capture) -> None:
    """Whatever CAMS, or who stands in for it, says."""
    body = {"Code": f"Some{EVIL}", "Message": EVIL, "RequestId": EVIL}
    data = json.dumps(body).encode()
    cams.faults.next(CannedResponse(status=400, body=data))

    assert 1 == main(call(cams))

    printed = capsys.readouterr()
    assert "red" in printed.err
    assert set() == CONTROLS & set(printed.out + printed.err)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_rows_and_progress_pass_no_control_character_to_a_terminal(
    form: str, cams: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Codes of errors are shown in rows, while it runs, and at the end."""
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
    """Nothing is lost, and line feeds outside of strings stay."""
    value = {f"a{chr(code)}": [f"{chr(code)}b"]}
    text = json.dumps(value, ensure_ascii=False, indent=2)

    assert value == json.loads(escape_controls(text))
    assert text.count("\n") == escape_controls(text).count("\n")


def test_data_is_not_cut_where_a_stream_takes_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pipe takes as much as there is room for."""

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
