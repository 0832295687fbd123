"""How far the demo has come, on stderr."""

import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self, TextIO

REDRAW = 0.1
"""Seconds between two looks of the line that a terminal shows."""

REPEAT = 5.0
"""Seconds between two lines where they cannot be rewritten, as in a log."""


class Progress:
    """Counts calls, and tells of it: `with Progress(100, stderr) as progress`.

    A terminal shows one line that is rewritten; anything else gets a line every few
    seconds.

    Args:
        total: How many calls there will be.
        stream: Where to write; None to stay silent.
        clock: Seconds on a clock that never jumps.
    """

    def __init__(
        self,
        total: int,
        stream: TextIO | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total
        self._stream = stream
        self._clock = clock
        self._rewrites = stream is not None and stream.isatty()
        self._done = self._failed = 0
        self._began = clock()
        self._next = self._began + self._pause()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc is None:
            self._show(end="\n")
        elif self._rewrites:
            # What was interrupted leaves no line that looks as if it went on.
            self._write("\r\x1b[K")

    def step(self, *, failed: bool = False) -> None:
        """Count a call that has ended."""
        self._done += 1
        self._failed += failed
        now = self._clock()
        if now >= self._next:
            self._next = now + self._pause()
            self._show()

    def _pause(self) -> float:
        return REDRAW if self._rewrites else REPEAT

    def _show(self, *, end: str = "") -> None:
        passed = self._clock() - self._began
        line = f"{self._done:,} of {self._total:,} calls, {passed:.0f} s"
        if 0 < self._done < self._total:
            left = passed / self._done * (self._total - self._done)
            line += f", about {left:.0f} s to go"
        if self._failed:
            line += f", {self._failed:,} failed"
        # The last line may have been longer: the terminal erases what is left of it.
        self._write(f"\r{line}\x1b[K{end}" if self._rewrites else f"{line}\n")

    def _write(self, text: str) -> None:
        # A reader of stderr that went away, or a log on a full disk, stops no work.
        with suppress(OSError):
            if self._stream is not None:
                self._stream.write(text)
                self._stream.flush()
