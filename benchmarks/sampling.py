"""What a process holds on to, again and again, and whether that stays flat."""

import asyncio
import gc
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles

from attrs import frozen

from benchmarks.record import Goal

PROC = Path("/proc/self")
"""Where Linux tells what a process holds; elsewhere memory and files are left out."""

TIMES = 200
"""Looks in a run, if that makes no more than ten of them in a second."""

FEWEST = 6
"""Looks that trends can be told from: two in each third."""

TOLERANCE = 0.02
"""The part of a figure that a median may rise by from one third to the next."""

Sample = Mapping[str, float]


def look() -> Sample:
    """Return what this process holds, after a garbage collection."""
    gc.collect()
    loop = asyncio.get_running_loop()
    found = {
        "tasks": len(asyncio.all_tasks()),
        "timers": len(vars(loop).get("_scheduled", ())),
        "objects": len(gc.get_objects()),
    }
    if PROC.exists():
        pages = int((PROC / "statm").read_text("ascii").split()[1])
        memory = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
        return {
            "MiB of memory": memory,
            "open files and sockets": len(list((PROC / "fd").iterdir())),
            **found,
        }
    return found


async def watch(seconds: float) -> Sequence[Sample]:
    """Look every so often for so many seconds, or until there is enough for trends."""
    samples: list[Sample] = []
    every, began = max(0.1, seconds / TIMES), time.monotonic()
    while time.monotonic() < began + seconds or len(samples) < FEWEST:
        await asyncio.sleep(every)
        samples.append({"seconds": time.monotonic() - began, **look()})
    return samples


@frozen(kw_only=True)
class Trend:
    """A figure in the second third of a run and in the last; the first warms up."""

    what: str
    before: float
    """The median of the second third."""

    after: float
    """The median of the last third."""

    spread: float
    """How far apart the quartiles of the second third are."""

    most: float
    """In the whole run."""

    @property
    def goal(self) -> Goal:
        """That it has not grown by more than a little and its own noise."""
        allowed = self.before * (1 + TOLERANCE) + max(self.spread, 1)
        return Goal(f"{self.what}, median of the last third", self.after, allowed)


def trends(samples: Sequence[Sample]) -> Iterator[Trend]:
    """Return the trend of each figure; there must be `FEWEST` samples, or more."""
    third = len(samples) // 3
    for what in samples[0]:
        if what != "seconds":
            figures = [sample[what] for sample in samples]
            middle = figures[-2 * third : -third]
            low, _, high = quantiles(middle, n=4)
            yield Trend(
                what=what,
                before=median(middle),
                after=median(figures[-third:]),
                spread=high - low,
                most=max(figures),
            )
