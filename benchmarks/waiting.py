"""What does a queued call cost?

Thousands of tasks wait in the throttle, some acquire a permit, and the rest are
cancelled, the youngest first. Compared with tasks that each await a bare future, and
with aiolimiter alone. Each measurement is one process (see `waiters`).
"""

from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import Any

from attrs import frozen

from benchmarks import processes
from benchmarks.record import MICRO, Goal, Result, Table, growth
from benchmarks.waiters import BARE, KINDS, THROTTLE

COUNTS = (1_000, 10_000, 100_000)
QUICK_COUNTS = (1_000, 10_000)
REPEAT = 3

MILLI = 1000
KIB = 1024


@frozen(kw_only=True)
class Cost:
    """The cost of waiting, for each waiter; times are medians of CPU time."""

    join: float
    """Microseconds to create a task and enter the queue."""

    permit: float
    """Microseconds from the permit to the end of the task."""

    cancel: float
    """Microseconds to cancel, the youngest first."""

    lag: float | None
    """Milliseconds that the event loop is late, 99th percentile."""

    memory: float
    """Bytes, the task included."""

    @property
    def total(self) -> float:
        """Microseconds from the creation of the task to its end."""
        return self.join + self.permit


Costs = Mapping[tuple[str, int], Cost]


def run(*, quick: bool) -> Result:
    """Measure every kind of waiting, side by side for each count."""
    costs = {
        (kind, count): _measure(kind, count, 1 if quick else REPEAT)
        for count in (QUICK_COUNTS if quick else COUNTS)
        for kind in KINDS
    }
    most = max(count for _, count in costs)
    steps = _steps(most, 1 if quick else REPEAT)
    return Result(
        tables=[_table(costs), _steps_table(most, steps)],
        goals=[*_goals(costs), *_steps_goals(most, steps)],
    )


def _measure(kind: str, count: int, repeat: int) -> Cost:
    arguments = ("benchmarks.waiters", kind, str(count))
    runs: list[dict[str, Any]] = [
        processes.measure(*arguments, "time") for _ in range(repeat)
    ]

    def middle(name: str) -> float:
        return float(median(run[name] for run in runs))

    return Cost(
        join=middle("join") * MICRO,
        permit=middle("permit") * MICRO,
        cancel=middle("cancel") * MICRO,
        lag=None if runs[0]["lag"] is None else middle("lag") * MILLI,
        memory=processes.measure(*arguments, "memory"),
    )


def _steps(count: int, repeat: int) -> dict[str, float]:
    """Return the milliseconds of the longest steps; medians of some runs."""
    runs: list[dict[str, float]] = [
        processes.measure("benchmarks.waiters", THROTTLE, str(count), "steps")
        for _ in range(repeat)
    ]
    return {name: MILLI * median(run[name] for run in runs) for name in runs[0]}


STEPS = {
    "pause": "a pause ends the waits whose deadline lies before its end",
    "close": "the end of the throttle ends all waits",
}


def _steps_table(count: int, steps: Mapping[str, float]) -> Table:
    return Table(
        title=f"The longest iteration of the loop, with {count:,} calls waiting",
        headers=("operation", "ms"),
        rows=[[STEPS[name], f"{each:.1f}"] for name, each in steps.items()],
        notes="Without garbage collection; the tasks that are woken included.",
    )


def _steps_goals(count: int, steps: Mapping[str, float]) -> Iterator[Goal]:
    for name, each in steps.items():
        yield Goal(f"ms of the longest iteration: {name}, {count:,} waiting", each, 5)


def _table(costs: Costs) -> Table:
    return Table(
        title="The cost of each waiter",
        headers=(
            "waiting",
            "in",
            "x bare memory",
            "x bare join",
            "us each",
            "us to join",
            "us for a permit",
            "us to cancel",
            "KiB each",
            "loop late, p99",
        ),
        rows=[
            [
                f"{count:,}",
                kind,
                f"{cost.memory / costs[BARE, count].memory:.1f}",
                f"{cost.join / costs[BARE, count].join:.1f}",
                f"{cost.total:.1f}",
                f"{cost.join:.1f}",
                f"{cost.permit:.1f}",
                f"{cost.cancel:.1f}",
                f"{cost.memory / KIB:.1f}",
                "-" if cost.lag is None else f"{cost.lag:.1f} ms",
            ]
            for (kind, count), cost in costs.items()
        ],
        notes=NOTES,
    )


NOTES = f"""\
Medians of CPU time without garbage collection. A "{BARE}" awaits a future; the lag of
its idle loop is that of the machine. CamsClient adds all of a call but the network:
signing, decoding, deadlines.\
"""


def _goals(costs: Costs) -> Iterator[Goal]:
    most = max(count for _, count in costs)
    cost, bare = costs[THROTTLE, most], costs[BARE, most]
    at = f"with {most:,} waiting"
    yield Goal(f"memory over a bare task's, {at}", cost.memory / bare.memory, 2)
    yield Goal(f"time to join over a bare task's, {at}", cost.join / bare.join, 2)
    yield Goal(f"time to cancel over a bare task's, {at}", cost.cancel / bare.cancel, 2)
    yield Goal(f"KiB each, {at}", cost.memory / KIB, 2)
    yield Goal(f"us each, the permit included, {at}", cost.total, 20)
    if cost.lag is not None:
        yield Goal(f"ms that the loop is late, p99, {at}", cost.lag, 5)

    def by_count(get: Callable[[Cost], float]) -> dict[int, float]:
        return {
            count: get(cost)
            for (kind, count), cost in costs.items()
            if kind == THROTTLE
        }

    tasks = "waiting tasks"
    yield growth(
        "us of CPU for a wait and its permit", tasks, by_count(lambda cost: cost.total)
    )
    yield growth(
        "us of CPU for a cancelled wait", tasks, by_count(lambda cost: cost.cancel)
    )
    yield growth("bytes for a waiter", tasks, by_count(lambda cost: cost.memory))
