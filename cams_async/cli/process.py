"""The process around a command: its exit codes, signals and standard streams."""

import asyncio
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from enum import IntEnum

from cams_async.bulk import OutputError
from cams_async.errors import ConfigurationError
from cams_async.terminal import escape_controls, standard_output, write_all

PROGRAM = "cams-async"

SIGNALS = (signal.SIGINT, signal.SIGTERM)

DESCRIPTORS = (0, 1, 2)


class ExitCode(IntEnum):
    """The exit codes of all commands."""

    OK = 0

    FAILED = 1
    """An error: the last line on stderr, or the one before how to resume."""

    USAGE = 2
    """An argument, a setting or a named file is unusable. Nothing was done."""

    ROWS_FAILED = 3
    """The job is complete, but some of its rows have failed."""

    INTERRUPTED = 130
    """Ctrl-C or SIGTERM."""


# --- signals --------------------------------------------------------------------------


@contextmanager
def on_signals(act: Callable[[], object]) -> Generator[None, None, None]:
    """Call a function in the running loop at each Ctrl-C or SIGTERM.

    Works on every operating system, and restores the former handlers.
    """
    loop = asyncio.get_running_loop()
    with _handled(lambda *_: loop.call_soon_threadsafe(act)):
        yield


@contextmanager
def exit_on_signals() -> Generator[None, None, None]:
    """Exit at once at Ctrl-C or SIGTERM, without any cleanup.

    A thread that reads a terminal cannot be stopped, and Python would wait for it.
    Only for periods in which nothing can be lost.
    """
    with _handled(lambda *_: os._exit(ExitCode.INTERRUPTED)):
        yield


@contextmanager
def _handled(handle: Callable[..., object]) -> Generator[None, None, None]:
    former = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


# --- standard streams, any of which may be closed, broken or full ---------------------


def occupy_closed() -> None:
    """Open the null device in place of each standard stream that is closed.

    Otherwise the next file or socket gets its number, and with it all that other code
    writes to that number. `sys.stdin` and `sys.stdout` stay None, so that a command
    that needs them can refuse; without `sys.stderr`, `print` falls back to stdout.
    """
    for descriptor in DESCRIPTORS:
        try:
            os.fstat(descriptor)
        except OSError:
            # The system assigns the lowest free number: this one.
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor, to stay open


def flush_streams() -> None:
    """Flush the standard streams, and discard what cannot be written.

    Python would try again at its exit, and change the exit code if that fails.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            # It may be closed, or have no descriptor.
            with suppress(OSError, ValueError):
                _redirect(stream.fileno())


def _redirect(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def terminal_width() -> int | None:
    """Return the columns of the terminal; None if standard output is no terminal."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size().columns


def emit(text: str) -> None:
    """Write data and a line end to standard output, always in UTF-8.

    Raises:
        OutputError: It could not be written.
    """
    try:
        write_all(standard_output(), f"{escape_controls(text)}\n".encode())
    except ConfigurationError as error:
        raise OutputError("standard output is closed") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write standard output: {reason}") from error


def echo(message: object) -> None:
    """Write a message for people to stderr, after the program's name."""
    echo_data(f"{PROGRAM}: {message}")


def echo_data(text: str) -> None:
    """Write a line without control characters to stderr, if it can be written."""
    # `sys.stderr` is read each time: rich replaces it while a live display is drawn.
    with suppress(OSError, ValueError):
        print(escape_controls(text), file=sys.stderr, flush=True)


class _EchoHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        echo(self.format(record))


@contextmanager
def echo_warnings(*, quiet: bool) -> Generator[None, None, None]:
    """Write the library's warnings to stderr, such as that of a retried call."""
    if quiet:
        yield
        return
    logger = logging.getLogger("cams_async")
    handler = _EchoHandler(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
