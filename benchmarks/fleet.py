"""`python -m benchmarks fleet`: processes share one ceiling, through one Redis.

Beside RedisThrottle, in the same run: three mechanisms that it could have been, and
three libraries from PyPI, each used as its documentation tells to wait.
"""

import argparse
import asyncio
import sys
from asyncio import Barrier
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec

from attrs import asdict, evolve

from benchmarks import fleet_growth, record
from benchmarks.ceilings import LATENCY
from benchmarks.fleet_growth import Cost
from benchmarks.fleet_rivals import ALTERNATIVES, OURS, RIVALS, Limiter
from benchmarks.fleet_runs import BACK, Result, Run, measure
from benchmarks.record import Goal, Table
from benchmarks.redis_process import PROGRAM, installed, redis_process
from benchmarks.server import EmulatorProcess
from cams_async.cli.options import Commands

NAME = "fleet"

PROCESSES = ((1, 2), (4,), (8,))
"""Of a fleet; fleets with few run at the same time."""

USUAL = 4
"""Processes of a fleet, where their number is not the question."""

CALLS = 200
QUICK_CALLS = 80
"""Of one account, by all processes together."""

ACCOUNTS = 3

ROUGH = (0.02, 0.32)
"""Seconds that each way takes through a worse network, at random."""

MECHANISMS = (OURS, *ALTERNATIVES)


def plan(*, quick: bool) -> list[list[Run]]:
    """Return the runs in stages: those of a stage go on at the same time."""
    rivals = [each for each in RIVALS if each.module is None or find_spec(each.module)]
    if quick:
        return [_runs((*MECHANISMS, *rivals), (USUAL,), QUICK_CALLS)]
    usual = [
        _runs(limiters, processes, CALLS)
        for processes in PROCESSES
        for limiters in (MECHANISMS, rivals)
    ]
    return [*usual, list(_hard())]


def _runs(
    limiters: Iterable[Limiter], processes: Sequence[int], calls: int
) -> list[Run]:
    return [
        Run(limiter=limiter, processes=many, calls=calls)
        for limiter in limiters
        for many in processes
    ]


def _hard() -> Iterator[Run]:
    run = Run(limiter=OURS, processes=USUAL, calls=CALLS, relaxed=False)
    for limiter in MECHANISMS:
        yield evolve(run, limiter=limiter, latency=ROUGH)
        # Long enough to see a pace after all is back.
        yield evolve(run, limiter=limiter, killed=True, calls=2 * CALLS)
    yield evolve(run, accounts=ACCOUNTS)


async def measure_all(
    stages: Iterable[Sequence[Run]], *, quick: bool
) -> tuple[list[Result], list[Cost]]:
    """Measure stage after stage, then what one Redis bears."""
    results: list[Result] = []
    async with EmulatorProcess() as emulators:
        for runs in stages:
            stage = Barrier(len(runs))
            measured = (measure(run, emulators, stage) for run in runs)
            results += await asyncio.gather(*measured)
    async with redis_process() as url:
        return results, await fleet_growth.measure(url, quick=quick)


HEADERS = (
    "processes",
    "limiter",
    "most in 1 s",
    "N+1 span",
    "refused",
    "failed",
    "share used",
    "of N/(1+RTT)",
    "Redis round trips",
    "each process",
    "added",
)


def _row(result: Result) -> list[str]:
    fair, added = result.fair, result.added
    return [
        f"{result.processes}",
        result.limiter,
        f"{result.peak}",
        "-" if result.shortest is None else f"{result.shortest:.3f} s",
        f"{result.refused:.1%}",
        f"{result.failed}",
        f"{result.share:.0%}",
        f"{result.used:.0%}",
        f"{result.asked:.1f}",
        "-" if fair is None else f"{fair[0]:.0%} to {fair[1]:.0%}",
        "-" if added is None else f"{added * 1000:.1f} ms",
    ]


NOTES = """\
N is 10 calls per second. All processes call at once, through a network that takes 20
to 120 ms each way; no retries. Each fleet has a Redis of its own.
RTT: the mean round trip of a call. Redis round trips: for a call, connecting included,
as Redis counts them. Each process: its calls over the mean, when the first has made all
of its own. Added: until a call has its turn, far below the ceiling, the median.\
""".splitlines()


def tables(results: Iterable[Result]) -> Iterator[Table]:
    """Lay out what was measured."""

    def of(title: str, *notes: str, **case: object) -> Iterator[Table]:
        usual = {"latency": LATENCY, "killed": False, "accounts": 1}
        wanted = usual | case
        rows = [
            _row(result)
            for result in results
            if all(getattr(result, name) == value for name, value in wanted.items())
        ]
        if rows:
            yield Table(title=title, headers=HEADERS, rows=rows, notes=notes)

    results = sorted(results, key=lambda result: result.processes)
    yield from of("Processes that share a ceiling", *NOTES)
    yield from of(
        "The same over a worse network",
        "Each way takes 20 to 320 ms.",
        latency=ROUGH,
    )
    yield from of(
        "One process killed",
        "By SIGKILL, after a third of the calls.",
        f"Share: of what the others called later than {BACK:g} s after that.",
        killed=True,
    )
    yield from of(f"{ACCOUNTS} accounts", "The worst of them.", accounts=ACCOUNTS)


def goals(results: Iterable[Result], *, quick: bool) -> Iterator[Goal]:
    """Return what RedisThrottle promises, and how it turned out."""
    ours = [result for result in results if result.limiter == OURS.name]
    yield Goal("calls over a ceiling", sum(one.violations for one in ours), 0)
    yield Goal("calls that failed", sum(one.failed + one.refused for one in ours), 0)
    missed = max(1 - one.used for one in ours)
    yield Goal("part of N / (1 + round trip) left", missed, 0.15 if quick else 0.05)
    alike = [one for one in ours if one.processes <= USUAL and one.fair is not None]
    yield Goal("round trips to Redis for a call", max(one.asked for one in alike), 3)
    unfair = max(abs(part - 1) for one in alike for part in one.fair or ())
    yield Goal("distance of a process from its fair part", unfair, 0.2)


def add(names: Commands) -> None:
    """Add the benchmark to the command line."""
    parser = names.add_parser(NAME, help="what processes that share a ceiling do")
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"only {USUAL} processes and {QUICK_CALLS} calls, and nobody is killed",
    )
    record.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, print and write; 1 if RedisThrottle broke a promise."""
    if not installed():
        print(f"{NAME} needs {PROGRAM}, which is not on PATH.", file=sys.stderr)
        return 2
    quick = options.quick
    results, costs = asyncio.run(measure_all(plan(quick=quick), quick=quick))
    return record.publish(
        options,
        NAME,
        [*tables(results), *fleet_growth.tables(costs)],
        {
            "results": [asdict(result) for result in results],
            "costs": [asdict(cost) for cost in costs],
        },
        goals=goals(results, quick=quick),
        growth=fleet_growth.growth(costs),
    )
