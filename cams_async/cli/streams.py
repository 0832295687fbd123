"""The standard streams of a process, any of which may be closed, broken or full."""

import os
import sys
from contextlib import suppress

from cams_async.bulk import OutputError
from cams_async.errors import ConfigurationError
from cams_async.terminal import escape_controls, standard_output, write_all

DESCRIPTORS = (0, 1, 2)


def occupy_closed() -> None:
    """Open the null device in place of each standard stream that is closed.

    Otherwise the next file or socket gets its number, and with it all that other code
    writes to that number. `sys.stdin` and `sys.stdout` stay None, so that a command
    that needs them can refuse; without `sys.stderr`, print falls back to data's place.
    """
    for descriptor in DESCRIPTORS:
        try:
            os.fstat(descriptor)
        except OSError:
            # Of all numbers the lowest that is free is taken: this one.
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor, to stay open


def settle() -> None:
    """Flush the standard streams, and give up what they do not take.

    Python would try again at its exit, and change the exit code when that fails.
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


def emit(text: str) -> None:
    """Write data to standard output, and a line end: in UTF-8, wherever that leads.

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
