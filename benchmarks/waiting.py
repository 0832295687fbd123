"""`python -m benchmarks waiting`: what a call costs while it waits for its turn.

Thousands of tasks wait in the throttle, some get their turn, the rest are cancelled,
the youngest first. Beside it, in the same run: tasks that wait for a bare future each,
and aiolimiter alone. Each measurement has a process of its own.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from attrs import asdict, frozen

from benchmarks import record
from benchmarks.waiters import BARE, KINDS, LEAST
from cams_async.cli.options import Commands
from cams_async.cli.table import table

NAME = "waiting"
COUNTS = (1_000, 10_000, 100_000)
QUICK_COUNTS = (1_000, 10_000)
REPEAT = 3
HERE = Path(__file__).parent.parent

MICRO = 1e6
KIB = 1024


@frozen(kw_only=True)
class Cost:
    """What waiting costs, for each waiter; times are CPU time, medians of the runs."""

    kind: str
    count: int

    join: float
    """Microseconds to make a task and let it join."""

    grant: float
    """Microseconds for a turn, to the end of its task."""

    cancel: float
    """Microseconds to cancel, the youngest first."""

    lag: float | None
    """Milliseconds that the event loop is late, 99th percentile."""

    memory: float
    """Bytes, its task included."""

    @property
    def time(self) -> float:
        """Microseconds from the making of the task to its end, after its turn."""
        return self.join + self.grant


Costs = Mapping[tuple[str, int], Cost]


def measure(kind: str, count: int, repeat: int) -> Cost:
    """Measure in processes of their own."""
    runs: list[dict[str, Any]] = [_run(kind, str(count)) for _ in range(repeat)]
    memory: float = _run(kind, str(count), "--memory")

    def middle(name: str) -> float:
        return float(median(run[name] for run in runs))

    return Cost(
        kind=kind,
        count=count,
        join=middle("join") * MICRO,
        grant=middle("grant") * MICRO,
        cancel=middle("cancel") * MICRO,
        lag=None if runs[0]["lag"] is None else middle("lag") * 1000,
        memory=memory,
    )


def _run(*arguments: str) -> Any:
    command = [sys.executable, "-m", "benchmarks.waiters", *arguments]
    done = subprocess.run(  # noqa: S603 - our own module
        command, cwd=HERE, stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)


HEADERS = (
    "waiting",
    "in",
    "x bare memory",
    "x bare join",
    "us each",
    "us to join",
    "us for a turn",
    "us to cancel",
    "KiB each",
    "loop late, p99",
)


def layout(costs: Costs) -> str:
    """Lay the costs out, ratios first."""
    return table(
        HEADERS, [_row(cost, costs[BARE, cost.count]) for cost in costs.values()]
    )


def _row(cost: Cost, bare: Cost) -> list[str]:
    return [
        f"{cost.count:,}",
        cost.kind,
        f"{cost.memory / bare.memory:.1f}",
        f"{cost.join / bare.join:.1f}",
        f"{cost.time:.1f}",
        f"{cost.join:.1f}",
        f"{cost.grant:.1f}",
        f"{cost.cancel:.1f}",
        f"{cost.memory / KIB:.1f}",
        "-" if cost.lag is None else f"{cost.lag:.1f} ms",
    ]


@frozen
class Goal:
    """A figure that was promised."""

    text: str
    found: float
    most: float

    @property
    def met(self) -> bool:
        """Whether it was kept."""
        return self.found <= self.most

    def __str__(self) -> str:
        verdict = "met" if self.met else "NOT MET"
        return f"{verdict:7}  {self.text}: {self.found:.2f}, at most {self.most:g}"


def goals(costs: Costs) -> Iterator[Goal]:
    """Return the goals for waiting in the throttle, and how they turned out."""
    kind = "LocalThrottle"
    counts = sorted({count for _, count in costs})
    few, many = costs[kind, counts[0]], costs[kind, counts[-1]]
    bare = costs[BARE, counts[-1]]
    at = f"with {many.count:,} waiting"
    yield Goal(f"memory over a bare task's, {at}", many.memory / bare.memory, 2)
    yield Goal(f"time to join over a bare task's, {at}", many.join / bare.join, 2)
    yield Goal(f"time to cancel over a bare task's, {at}", many.cancel / bare.cancel, 2)
    yield Goal(f"KiB each, {at}", many.memory / KIB, 2)
    yield Goal(f"us each, its turn included, {at}", many.time, 20)
    growth = f"with {many.count:,} waiting over {few.count:,}"
    yield Goal(f"time each, {growth}", many.time / few.time, 1.5)
    yield Goal(f"time to cancel each, {growth}", many.cancel / few.cancel, 1.5)
    yield Goal(f"memory each, {growth}", many.memory / few.memory, 1.5)
    if many.lag is not None:
        yield Goal(f"ms that the loop is late, p99, {at}", many.lag, 5)


NOTE = f"""\
Times are CPU time without garbage collection, medians; "{BARE}" is a task that awaits a
future, and how late its loop is, with nothing going on, is the machine's own doing.
Waiting is to join, to hold memory, and perhaps to be cancelled; the turn, which a bare
task has none of, is counted beside it. CamsClient adds all of a call but the network:
signing, decoding, deadlines.\
"""


def add(names: Commands) -> None:
    """Add the benchmark to the command line."""
    parser = names.add_parser(NAME, help="what a call costs while it waits")
    parser.add_argument(
        "--quick", action="store_true", help="no more than 10,000 waiting, once each"
    )
    parser.add_argument(
        "--count",
        type=_count,
        action="append",
        metavar="N",
        help="how many wait; may be repeated (1000, 10000, 100000)",
    )
    record.add_json(parser)
    parser.set_defaults(run=run)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < LEAST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {LEAST} on")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Measure, print and write."""
    quick = options.quick
    counts = options.count or (QUICK_COUNTS if quick else COUNTS)
    print(record.heading(NAME), flush=True)
    costs = measure_all(counts, repeat=1 if quick else REPEAT)
    reached = list(goals(costs))
    print(f"\n{layout(costs)}\n\n{NOTE}\n")
    print("\n".join(map(str, reached)))
    if options.json is not None:
        figures = {
            "costs": [asdict(cost) for cost in costs.values()],
            "goals": [asdict(goal) | {"met": goal.met} for goal in reached],
        }
        record.write(options.json, NAME, figures)
    return 0


def measure_all(counts: Iterable[int], *, repeat: int) -> Costs:
    """Measure every kind of waiting, side by side for each count."""
    cases = [(kind, count) for count in counts for kind in KINDS]
    return {case: measure(*case, repeat) for case in cases}
