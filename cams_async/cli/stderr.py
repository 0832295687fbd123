"""What is said to people: lines on stderr, each with the name of the program."""

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress

from cams_async.cli.options import PROGRAM
from cams_async.terminal import escape_controls


def say(text: object) -> None:
    """Write a line with the program's name; see `put`."""
    put(f"{PROGRAM}: {text}")


def put(text: str) -> None:
    """Write a line, without control characters; what cannot be written is lost."""
    # Looked up each time: while a bar is drawn, something else stands there.
    with suppress(OSError, ValueError):
        print(escape_controls(text), file=sys.stderr, flush=True)


class _Saying(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(self.format(record))


@contextmanager
def warnings_shown(*, quiet: bool) -> Generator[None, None, None]:
    """Say what the library warns of, such as a call that is resent."""
    if quiet:
        yield
        return
    logger = logging.getLogger("cams_async")
    handler = _Saying(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
