"""Progress of a run on stderr: a live bar on a terminal, plain lines elsewhere."""

import asyncio
import os
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from typing import Protocol, TextIO

from cams_async.models import CallEvent
from cams_async.terminal import escape_controls

WINDOW = 60
"""Seconds that a rate is averaged over."""

TOP_CODES = 3
"""Number of error codes on a line; the others are summed up."""

MINUTE, HOUR = 60, 3600


class Rate:
    """Events per second over the last minute.

    The events of `s` seconds are divided by `s + 1`, since the first second may begin
    with a burst. A rate limit that is kept therefore never seems exceeded; one that is
    used up seems so within a few per cent.
    """

    def __init__(self, now: float, count: int = 0) -> None:
        self._samples = deque([(now, count)], maxlen=WINDOW + 1)

    def sample(self, now: float, count: int) -> None:
        """Record the number of events so far; keeps one sample per second."""
        if now - self._samples[-1][0] >= 1.0:
            self._samples.append((now, count))

    @property
    def per_second(self) -> float:
        """The rate; 0 in the first second."""
        (began, first), (ended, last) = self._samples[0], self._samples[-1]
        return (last - first) / (ended - began + 1.0)


class RunProgress:
    """Counts of a run, and the line of text that shows them.

    Args:
        total: Number of steps.
        done: Number of steps done by an earlier run.
        failed: Those of them that failed, by error code.
        unit: What a step is, in the plural.
        ceilings: QPS ceilings of the actions that may be called.
        open_ended: Whether the remaining time cannot be estimated, as while polling.
        now: Monotonic time in seconds.
    """

    def __init__(
        self,
        *,
        total: int,
        done: int = 0,
        failed: Mapping[str, int] = {},
        unit: str = "numbers",
        ceilings: Mapping[str, float],
        open_ended: bool = False,
        now: float,
    ) -> None:
        self.total = total
        self.done: int = done
        self.failed: Counter[str] = Counter(failed)
        self._unit = unit
        self._ceilings = dict(ceilings)
        self._open_ended = open_ended
        self._calls = Counter[str]()
        self._done_rate = Rate(now, done)
        self._call_rates = {action: Rate(now) for action in ceilings}

    def step(self, error: str | None = None) -> None:
        """Count a step; a failed one by its error code."""
        self.done += 1
        if error is not None:
            self.failed[error] += 1

    def count_call(self, event: CallEvent) -> None:
        """Count a completed call: a hook for clients."""
        self._calls[event.action] += 1

    def tick(self, now: float) -> None:
        """Sample the rates."""
        self._done_rate.sample(now, self.done)
        for action, rate in self._call_rates.items():
            rate.sample(now, self._calls[action])

    def line(self) -> str:
        """Return counts, rate against the QPS ceiling, time left and failures."""
        done = f"{self.done:,} of {self.total:,} {self._unit} done"
        parts = (done, self._call_rate(), self._left(), failures(self.failed))
        return ", ".join(part for part in parts if part)

    def _call_rate(self) -> str:
        rates = {action: rate.per_second for action, rate in self._call_rates.items()}
        # Only actions in use: the ceiling of an idle one says nothing about the run.
        busy = {action: rate for action, rate in rates.items() if rate}
        if not busy:
            return ""
        ceiling = sum(self._ceilings[action] for action in busy)
        return f"{sum(busy.values()):.1f} of {ceiling:g}/s"

    def _left(self) -> str:
        left = self.total - self.done
        if not left:
            return ""
        if self._open_ended:
            return f"{left:,} pending"
        rate = self._done_rate.per_second
        return f"about {duration(left / rate)} left" if rate else ""


def failures(counts: Mapping[str, int]) -> str:
    """Return the number of failures by error code, the most frequent ones first."""
    if not counts:
        return ""
    ranked = Counter(counts).most_common()
    parts = [f"{count:,} {code}" for code, count in ranked[:TOP_CODES]]
    if others := sum(count for _, count in ranked[TOP_CODES:]):
        parts.append(f"{others:,} others")
    return f"failed: {', '.join(parts)}"


def duration(seconds: float) -> str:
    """Return a duration as text, rounded to the unit that matters."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    hours, rest = divmod(seconds, HOUR)
    return f"{hours:.0f} h {rest // MINUTE:.0f} min"


class Display(Protocol):
    """Shows the progress of a run on a stream."""

    interval: float
    """Seconds between two updates."""

    def show(self, line: str, *, done: int, total: int) -> None:
        """Show the current line, and how much of the run is done."""
        ...

    def close(self) -> None:
        """Leave the stream to others."""
        ...


class PlainDisplay:
    """A line every few seconds, as in a log."""

    interval: float = 5.0
    """Seconds between two lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, line: str, *, done: int, total: int) -> None:
        """Write one line."""
        del done, total
        self._stream.write(f"{escape_controls(line)}\n")
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: each line is complete."""


def open_display(stream: TextIO, *, plain: bool = False) -> Display:
    """Return a live display for a terminal if rich is installed, else a plain one.

    Args:
        stream: Where the progress is shown.
        plain: Whether to write plain lines even to a terminal.
    """
    if stream.isatty() and not plain and os.environ.get("TERM") != "dumb":
        with suppress(ImportError, OSError):
            live: Display = import_module("cams_async.cli.live").LiveDisplay(stream)
            return live
    return PlainDisplay(stream)


@asynccontextmanager
async def show_progress(
    progress: RunProgress, stream: TextIO | None, *, plain: bool = False
) -> AsyncGenerator[None, None]:
    """Show progress while the body runs, and once more at its end.

    Args:
        progress: The counts.
        stream: Where to show them; None for nowhere.
        plain: Whether to write plain lines even to a terminal.
    """
    if stream is None:
        yield
        return
    display = open_display(stream, plain=plain)

    async def update() -> None:
        while True:
            await asyncio.sleep(display.interval)
            progress.tick(time.monotonic())
            _show(display, progress)

    updating = asyncio.create_task(update())
    try:
        yield
    finally:
        updating.cancel()
        await asyncio.wait([updating])
        _show(display, progress)
        with suppress(OSError):
            display.close()


def _show(display: Display, progress: RunProgress) -> None:
    # The work goes on where stderr's reader went away, or its disk is full.
    with suppress(OSError):
        display.show(progress.line(), done=progress.done, total=progress.total)
