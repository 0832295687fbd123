"""The resources of the current process over time, and whether they stay flat."""

import asyncio
import gc
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles

from attrs import frozen

from benchmarks.record import Goal, Table

TOLERANCE = 0.02
"""The part of a figure that a median may rise by from one third to the next."""

PROC = Path("/proc/self")
"""The memory and files of a process, on Linux only."""


Sample = Mapping[str, float]
"""Figures by name."""


def sample() -> Sample:
    """Return the resources of this process, after a garbage collection."""
    gc.collect()
    loop = asyncio.get_running_loop()
    found: dict[str, float] = {}
    if PROC.exists():
        pages = int((PROC / "statm").read_text("ascii").split()[1])
        found["MiB of memory"] = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
        found["open files and sockets"] = len(list((PROC / "fd").iterdir()))
    return {
        **found,
        "tasks": len(asyncio.all_tasks()),
        "timers": len(vars(loop).get("_scheduled", ())),
        "objects": len(gc.get_objects()),
    }


@frozen(kw_only=True)
class Trend:
    """A figure in the second third of a run and in the last; the first warms up."""

    name: str
    before: float
    """The median of the second third."""

    after: float
    """The median of the last third."""

    spread: float
    """The interquartile range of the second third."""

    most: float

    @classmethod
    def of(cls, name: str, figures: Sequence[float]) -> "Trend":
        """Return the trend of a figure with six samples or more."""
        third = len(figures) // 3
        middle = figures[-2 * third : -third]
        low, _, high = quantiles(middle, n=4)
        return cls(
            name=name,
            before=median(middle),
            after=median(figures[-third:]),
            spread=high - low,
            most=max(figures),
        )

    @property
    def goal(self) -> Goal:
        """The goal that it has grown by no more than the tolerance and the spread."""
        bound = self.before * (1 + TOLERANCE) + max(self.spread, 1)
        return Goal(f"{self.name}, median of the last third", self.after, bound)


def table(trends: Sequence[Trend]) -> Table:
    """Return the table of the trends."""
    return Table(
        title="Resources of the process",
        headers=("", "second third", "last third", "growth", "spread", "most"),
        rows=[
            [
                trend.name,
                f"{trend.before:,.1f}",
                f"{trend.after:,.1f}",
                f"{trend.after / trend.before - 1:+.1%}",
                f"{trend.spread:,.1f}",
                f"{trend.most:,.1f}",
            ]
            for trend in trends
        ],
        notes="Medians of a third of the run; the first third warms up. A figure is "
        f"flat if it grows by\nno more than {TOLERANCE:.0%} and the spread, the "
        "interquartile range of the second third, or 1.",
    )
