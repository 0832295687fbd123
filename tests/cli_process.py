"""An emulator in a thread, and the command `cams-async` as a process."""

import asyncio
import codecs
import os
import re
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cams_async.credentials import KEY_ID, KEY_SECRET
from cams_async.emulator import Emulator

PATIENCE = 40
"""The longest time in seconds that a process may take, on a busy machine."""

ROOT = Path(__file__).parent.parent

COMMAND = (sys.executable, "-m", "cams_async")


@contextmanager
def in_thread(emulator: Emulator) -> Generator[Emulator, None, None]:
    """Run an emulator in a thread, for code that is not asynchronous."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(emulator.start(), loop).result(PATIENCE)
        yield emulator
        asyncio.run_coroutine_threadsafe(emulator.aclose(), loop).result(PATIENCE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def environment(emulator: Emulator) -> dict[str, str]:
    """Return the environment of a process that calls an emulator."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
        "TERM": "xterm",
        "COLUMNS": "100",
        KEY_ID: emulator.credentials.access_key_id,
        KEY_SECRET: emulator.credentials.access_key_secret.reveal(),
    }


class InTerminal:
    """A process whose stderr is a terminal: `with InTerminal(command) as process`.

    With `owns` it is the controlling terminal: the process can open /dev/tty.
    """

    def __init__(self, command: list[str], *, owns: bool = False, **how: Any) -> None:
        self._ours, its = os.openpty()
        if owns:
            name = os.ttyname(its)
            script = 'exec 2<>"$1"; shift; exec "$@"'
            command = ["sh", "-c", script, "sh", name, *command]
            how |= {"start_new_session": True}
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            command, stderr=its, stdout=subprocess.PIPE, text=True, **how
        )
        os.close(its)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.communicate()
        os.close(self._ours)

    def until(self, pattern: str) -> None:
        """Read until the output from now on matches a pattern."""
        start = len(self.shown)
        while not re.search(pattern, self.shown[start:]):
            assert self._read(), f"ended without {pattern!r}: {self.shown}"

    def type(self, text: str) -> None:
        """Type into the terminal, which echoes it."""
        os.write(self._ours, text.encode())

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # Linux, once no process has the terminal open
            return False
        self.shown += self._decoder.decode(data)
        return data != b""
