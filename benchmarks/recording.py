"""`python -m benchmarks recording`: a picture of `cams-async status` at work.

A real run: the command in a terminal of its own, against a real emulator in another
process. It is interrupted on its way and started again. Needs rich, and an operating
system that has pseudo-terminals.
"""

import argparse
import codecs
import io
import json
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from cams_async.cli.options import Commands
from cams_async.cli.process import PROGRAM, ExitCode
from cams_async.credentials import KEY_ID, KEY_SECRET

NAME = "recording"
PICTURE = Path(__file__).parent / "pictures" / "status.svg"
HERE = Path(__file__).parent.parent

NUMBERS = 300
"""As many as take half a minute."""

INTERRUPTED_AT = 0.4
"""The share of the numbers that are done when Ctrl-C comes."""

PAUSE = 1.5
"""Seconds between the two runs."""

COLUMNS = 104

SHOWN = 5
"""Lines of the output file at the end of the picture."""

EXTRA = """\
8613800000000,cams-0001
+86 138 0000 0001,cams-0001
8613800000000,cams-0001
not a number,cams-0001
"""
"""Rows that no emulator writes: unknown numbers, one of them twice, and a bad one."""

COMMAND = (sys.executable, "-m", "cams_async")
INPUT, OUTPUT = "numbers.csv", "status.csv"

_CONTROL = re.compile(r"\r|\n|\x1b\[\?25[lh]|\x1b\[2K|\x1b\[1A")
"""What moves the cursor or erases; anything else is text, and its colours."""

_DONE = re.compile(r"(\d+) of (\d+) numbers done")

_FONTS = re.compile(r"@font-face \{.*?\}\n", re.DOTALL)
"""Where the picture would ask another site for a font."""


class Screen:
    """A terminal, as far as a bar needs one: lines are written, erased, rewritten."""

    def __init__(self) -> None:
        self.lines: list[str] = [""]
        self._row = 0

    @property
    def share(self) -> float:
        """The share of the numbers that was done when the bar was last drawn."""
        found = _DONE.findall("\n".join(self.lines))
        return int(found[-1][0]) / int(found[-1][1]) if found else 0.0

    def feed(self, text: str) -> None:
        """Take what a program has written."""
        place = 0
        for found in _CONTROL.finditer(text):
            self.lines[self._row] += text[place : found.start()]
            self._move(found[0])
            place = found.end()
        self.lines[self._row] += text[place:]

    def _move(self, control: str) -> None:
        if control == "\n":
            self._row += 1
            if self._row == len(self.lines):
                self.lines.append("")
        elif control == "\x1b[1A":
            self._row -= 1
        elif control == "\x1b[2K":
            self.lines[self._row] = ""


def add(names: Commands) -> None:
    """Add the recording to the command line."""
    parser = names.add_parser(NAME, help="a picture of `cams-async status` at work")
    parser.add_argument(
        "--picture",
        type=Path,
        default=PICTURE,
        metavar="FILE",
        help=f"where to draw it (benchmarks/pictures/{PICTURE.name})",
    )
    parser.add_argument(
        "--numbers",
        type=int,
        default=NUMBERS,
        metavar="N",
        help=f"how many phone numbers to ask about, at 10 per second ({NUMBERS})",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Record and draw; 1 if the command did not end as the picture promises."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        emulator(scratch, options.numbers) as place,
    ):
        screen, codes = record(Path(scratch), place)
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    options.picture.write_text(picture(screen), encoding="utf-8")
    print(f"Picture: {options.picture}")
    return 0 if codes == [ExitCode.INTERRUPTED, ExitCode.ROWS_FAILED] else 1


@contextmanager
def emulator(scratch: str, numbers: int) -> Generator[dict[str, str], None, None]:
    """Run an emulator that writes its numbers; yield what it says at its start."""
    arguments = ["emulator", "--json", "--port", "0", "--write-numbers", INPUT]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, *arguments, "--phone-numbers", str(numbers)],
        stdout=subprocess.PIPE,
        cwd=scratch,
        env=environment(),
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it was started with one
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.communicate()


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which our command is found, and shows its colours."""
    own = {"PYTHONPATH": str(HERE), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    return {**os.environ, "COLUMNS": str(COLUMNS), **own, **more}


def record(scratch: Path, place: Mapping[str, str]) -> tuple[Screen, list[int]]:
    """Run the command twice, the first time until Ctrl-C; return the exit codes."""
    screen = Screen()
    arguments = ["status", INPUT, "-o", OUTPUT, "--endpoint", place["endpoint"]]
    prompt = f"\x1b[1m$ {shlex.join([PROGRAM, *arguments])}\x1b[0m\n"
    secrets = {KEY_ID: place["access_key_id"], KEY_SECRET: place["access_key_secret"]}
    with (scratch / INPUT).open("a", encoding="utf-8") as file:
        file.write(EXTRA)
    codes: list[int] = []
    for enough in (INTERRUPTED_AT, math.inf):
        screen.feed(prompt)
        codes.append(
            in_terminal(
                [*COMMAND, *arguments],
                screen,
                enough=enough,
                cwd=scratch,
                env=environment(**secrets),
            )
        )
        # As nobody is quicker; the server still counts the calls of the last second.
        time.sleep(PAUSE)
    screen.feed(f"\x1b[1m$ tail -n {SHOWN} {OUTPUT} | cut -c -{COLUMNS}\x1b[0m\n")
    rows = (scratch / OUTPUT).read_text("utf-8").splitlines()
    screen.feed("".join(f"{row[:COLUMNS]}\n" for row in rows[-SHOWN:]))
    return screen, codes


def in_terminal(
    command: Sequence[str], screen: Screen, *, enough: float, **how: Any
) -> int:
    """Run a command on a screen, with Ctrl-C once enough of it is done."""
    ours, its = os.openpty()
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdin=its, stdout=its, stderr=its, **how
    ) as process:
        os.close(its)
        interrupted = False
        for text in written(ours):
            screen.feed(text)
            if screen.share >= enough and not interrupted:
                interrupted = True
                process.send_signal(signal.SIGINT)
    os.close(ours)
    return process.returncode


def written(terminal: int) -> Generator[str, None, None]:
    """Yield what is written to a terminal until nobody has it open any more."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # Linux says so when the last writer has gone
            return
        if not data:
            return
        yield decoder.decode(data)


def picture(screen: Screen) -> str:
    """Return what stands on the screen as an SVG."""
    terminal = Console(
        record=True,
        width=COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    for line in screen.lines[:-1]:
        terminal.print(Text.from_ansi(line.rstrip()))
    return _FONTS.sub("", terminal.export_svg(title=PROGRAM, unique_id="status"))
