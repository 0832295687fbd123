"""`python -m benchmarks bulk`: what very many calls cost by `poll` and `watch`.

Calls of CamsClient without a network: the answer comes in the next turn of the event
loop. `poll` makes up to a million, of which it holds a window; `watch` asks for many
numbers that do not settle, and holds them all. Beside it, in the same run: the same
calls one after the other, and all at once by asyncio.gather. Each measurement has a
process of its own, and memory is what it holds over a client that is idle.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from statistics import median

from attrs import asdict, frozen

from benchmarks import record
from benchmarks.bulk_worker import (
    GATHER,
    MEMORY,
    ONE_BY_ONE,
    POLL,
    WATCH,
    Usage,
)
from benchmarks.record import HERE, Goal, Growth, Table
from cams_async.cli.options import Commands

NAME = "bulk"

COUNTS = (10_000, 100_000, 1_000_000)
QUICK_COUNTS = (10_000, 100_000)
LEAST = 1_000
"""Fewer would fit into what the client holds when idle."""

LARGE = 100_000
"""Above this, only `poll` runs, and only once: the rest would hold too much."""

REPEAT = 3

MOST = 60.0
"""MiB over an idle client that `poll` may take."""

FLAT = 1.5
"""How much more of it the largest run may take than the smallest."""

MICRO, MIB, KIB = 1e6, 2**20, 2**10


@frozen(kw_only=True)
class Cost:
    """What a run took."""

    kind: str
    count: int
    cpu: float
    """Seconds of CPU, the median of the runs."""

    peak: int
    """Bytes over an idle client at the highest; the most of all runs."""

    held: int
    """Bytes over an idle client at the end; the most of all runs."""

    @property
    def each(self) -> float:
        """Microseconds of CPU for an operation."""
        return self.cpu / self.count * MICRO


Costs = Mapping[tuple[str, int], Cost]


def cases(counts: Iterable[int]) -> list[tuple[str, int]]:
    """Return what is measured: the kinds side by side, the large ones last."""
    return [
        (kind, count)
        for count in sorted(counts)
        for kind in (ONE_BY_ONE, GATHER, POLL, WATCH)
        if kind == POLL or count <= LARGE
    ]


def measure(kind: str, count: int, repeat: int) -> Cost:
    """Measure in processes of their own."""
    runs = [_run(kind, count) for _ in range(repeat if count <= LARGE else 1)]
    return Cost(
        kind=kind,
        count=count,
        cpu=median(run.cpu for run in runs),
        peak=max(run.peak for run in runs),
        held=max(run.held for run in runs),
    )


def _run(kind: str, count: int) -> Usage:
    command = [sys.executable, "-m", "benchmarks.bulk_worker", kind, str(count)]
    done = subprocess.run(  # noqa: S603 - our own module
        command, cwd=HERE.parent, stdout=subprocess.PIPE, check=True
    )
    return Usage(**json.loads(done.stdout))


def layout(costs: Costs) -> list[Table]:
    """Lay the costs out, ratios first where there are any."""
    rows: list[list[str]] = []
    for cost in costs.values():
        bare = costs.get((ONE_BY_ONE, cost.count))
        rows.append(
            [
                f"{cost.count:,}",
                cost.kind,
                "-" if bare is None else f"{cost.cpu / bare.cpu:.2f}",
                f"{cost.each:.0f}",
                f"{cost.peak / MIB:.1f}",
                f"{cost.peak / cost.count / KIB:.2f}",
            ]
        )
    return [
        Table(
            title="Very many calls",
            headers=(
                "operations",
                "by",
                "x CPU one by one",
                "us of CPU each",
                "MiB at the highest",
                "KiB each",
            ),
            rows=rows,
            notes=[
                "Memory is the highest that the process took, over an idle client's.",
                "A watch holds every number, with its last answer, until it settles.",
            ],
        )
    ]


def goals(costs: Costs) -> list[Goal]:
    """Return what was promised of memory, and how it turned out."""
    counts = sorted(count for kind, count in costs if kind == POLL)
    few, many = costs[POLL, counts[0]], costs[POLL, counts[-1]]
    sizes = f"{many.count:,} operations"
    return [
        Goal(f"MiB over an idle client for poll, {sizes}", many.peak / MIB, MOST),
        Goal(f"that memory, {sizes} over {few.count:,}", many.peak / few.peak, FLAT),
    ]


def growth(costs: Costs) -> list[Growth]:
    """Return what must not grow with the number of operations."""
    polled, watched = (
        {cost.count: cost for cost in costs.values() if cost.kind == kind}
        for kind in (POLL, WATCH)
    )
    return [
        Growth(
            what="an operation by poll",
            against="operations",
            unit="us of CPU",
            costs={count: cost.each for count, cost in polled.items()},
        ),
        Growth(
            what="a pending number of watch",
            against="numbers",
            unit="bytes",
            costs={count: cost.held / count for count, cost in watched.items()},
        ),
    ]


def add(names: Commands) -> None:
    """Add the benchmark to the command line."""
    parser = names.add_parser(NAME, help="what very many calls cost by poll and watch")
    parser.add_argument(
        "--quick", action="store_true", help="no more than 100,000 calls, once each"
    )
    parser.add_argument(
        "--count",
        type=_count,
        action="append",
        metavar="N",
        help="how many calls; may be repeated (10000, 100000, 1000000)",
    )
    record.add_json(parser)
    parser.set_defaults(run=run)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < LEAST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {LEAST} on")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Measure, print and write; 1 if a goal was missed."""
    if not MEMORY.exists():
        print(f"{NAME} needs {MEMORY}, which only Linux has.", file=sys.stderr)
        return 1
    quick = options.quick
    counts = options.count or (QUICK_COUNTS if quick else COUNTS)
    costs = {
        case: measure(*case, repeat=1 if quick else REPEAT) for case in cases(counts)
    }
    return record.publish(
        options,
        NAME,
        layout(costs),
        {"costs": [asdict(cost) for cost in costs.values()]},
        goals=goals(costs),
        growth=growth(costs),
    )
