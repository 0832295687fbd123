"""What a long run shows of itself on stderr while it goes on."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from typing import Protocol, TextIO

from cams_async.cli.tally import Tally
from cams_async.terminal import escape_controls

REPEAT = 5.0
"""Seconds between two lines where they cannot be rewritten, as in a log."""


class Display(Protocol):
    """Shows a tally."""

    pause: float
    """Seconds between two looks."""

    def show(self, tally: Tally) -> None:
        """Show how far it has come."""
        ...

    def close(self) -> None:
        """Leave the stream to others."""
        ...


class Lines:
    """A plain line every few seconds."""

    pause = REPEAT

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, tally: Tally) -> None:
        """Write one line."""
        self._stream.write(f"{escape_controls(tally.words())}\n")
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: each line is complete."""


class Silence:
    """Shows nothing."""

    pause = REPEAT

    def show(self, tally: Tally) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Do nothing."""


def display(stream: TextIO, *, quiet: bool, shared: bool) -> Display:
    """Choose how to show progress.

    Args:
        stream: Where to.
        quiet: Show nothing.
        shared: The stream shows other lines, too: leave them where they are.
    """
    if quiet:
        return Silence()
    if stream.isatty() and not shared and os.environ.get("TERM") != "dumb":
        # Without the extra `cli` there is no rich.
        with suppress(ImportError, OSError):
            bar: Display = import_module("cams_async.cli.bar").Bar(stream)
            return bar
    return Lines(stream)


@asynccontextmanager
async def shown(tally: Tally, display: Display) -> AsyncGenerator[None, None]:
    """Show a tally while the body runs, and once more at its end."""

    async def show_again() -> None:
        while True:
            await asyncio.sleep(display.pause)
            tally.tick(time.monotonic())
            _show(tally, display)

    showing = asyncio.create_task(show_again())
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.wait([showing])
        _show(tally, display)
        with suppress(OSError):
            display.close()


def _show(tally: Tally, display: Display) -> None:
    # A reader of stderr that went away, or a log on a full disk, stops no work.
    with suppress(OSError):
        display.show(tally)
