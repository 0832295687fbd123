"""`python -m benchmarks waiting`: what a call costs while it waits for its turn.

Thousands of tasks wait in the throttle, some get their turn, the rest are cancelled,
the youngest first. Beside it, in the same run: tasks that wait for a bare future each,
and aiolimiter alone. Each measurement has a process of its own.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from attrs import asdict, frozen

from benchmarks import record
from benchmarks.record import Goal, Growth, Table
from benchmarks.waiters import BARE, KINDS, LEAST
from cams_async.cli.options import Commands

NAME = "waiting"
COUNTS = (1_000, 10_000, 100_000)
QUICK_COUNTS = (1_000, 10_000)
REPEAT = 3
HERE = Path(__file__).parent.parent

THROTTLE = "LocalThrottle"
"""The kind that goals are about."""

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


def layout(costs: Costs) -> Table:
    """Lay the costs out, ratios first."""
    return Table(
        title="What each waiter costs",
        headers=HEADERS,
        rows=[_row(cost, costs[BARE, cost.count]) for cost in costs.values()],
        notes=NOTE,
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


def goals(costs: Costs) -> Iterator[Goal]:
    """Return the goals for waiting in the throttle, and how they turned out."""
    most = max(count for _, count in costs)
    many, bare = costs[THROTTLE, most], costs[BARE, most]
    at = f"with {most:,} waiting"
    yield Goal(f"memory over a bare task's, {at}", many.memory / bare.memory, 2)
    yield Goal(f"time to join over a bare task's, {at}", many.join / bare.join, 2)
    yield Goal(f"time to cancel over a bare task's, {at}", many.cancel / bare.cancel, 2)
    yield Goal(f"KiB each, {at}", many.memory / KIB, 2)
    yield Goal(f"us each, its turn included, {at}", many.time, 20)
    if many.lag is not None:
        yield Goal(f"ms that the loop is late, p99, {at}", many.lag, 5)


def growth(costs: Costs) -> Iterator[Growth]:
    """Return how the costs of a waiter grow with the number of those that wait."""

    def of(what: str, unit: str, get: Callable[[Cost], float]) -> Growth:
        sizes = {
            each.count: get(each) for each in costs.values() if each.kind == THROTTLE
        }
        return Growth(what=what, against="tasks waiting", unit=unit, costs=sizes)

    yield of("a wait and its turn", "us of CPU", lambda cost: cost.time)
    yield of("a cancelled wait", "us of CPU", lambda cost: cost.cancel)
    yield of("a waiter", "bytes", lambda cost: cost.memory)


NOTE = (
    "Times are CPU time without garbage collection, medians.",
    f'A "{BARE}" awaits a future; how late its loop is, with nothing going on, is the',
    "machine's own doing.",
    "Waiting is to join, to hold memory, and perhaps to be cancelled; the turn, which",
    "a bare task has none of, is counted beside it.",
    "CamsClient adds all of a call but the network: signing, decoding, deadlines.",
)


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
    """Measure, print and write; 1 if a goal was missed."""
    quick = options.quick
    counts = options.count or (QUICK_COUNTS if quick else COUNTS)
    costs = measure_all(counts, repeat=1 if quick else REPEAT)
    return record.publish(
        options,
        NAME,
        [layout(costs)],
        {"costs": [asdict(cost) for cost in costs.values()]},
        goals=goals(costs),
        growth=growth(costs) if len(set(counts)) > 1 else (),
    )


def measure_all(counts: Iterable[int], *, repeat: int) -> Costs:
    """Measure every kind of waiting, side by side for each count."""
    cases = [(kind, count) for count in counts for kind in KINDS]
    return {case: measure(*case, repeat) for case in cases}
