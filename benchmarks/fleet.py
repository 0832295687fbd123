"""Do several processes keep to one rate limit through Redis, and at what cost?

Processes call an emulator in another process, through real sockets and a jittering
network, each fleet with a Redis of its own. Compared with libraries from PyPI, each
used as its documentation recommends. The cost of the script in Redis is measured apart
(`fleet_growth`).
"""

import asyncio
import shutil
import sys
from asyncio import Barrier
from collections.abc import Iterable, Iterator

from attrs import evolve

from benchmarks import fleet_growth
from benchmarks.ceilings import LATENCY
from benchmarks.emulators import EmulatorProcess
from benchmarks.fleet_measure import CALLS, RECOVERY, USUAL, Outcome, Setting, measure
from benchmarks.limiters import OURS_SHARED, REDIS_LIMITERS
from benchmarks.processes import REDIS, redis_server
from benchmarks.record import Goal, Result, Table

PROCESSES = ((1, 2), (4,), (8,))
"""Sizes of fleets; small fleets run at the same time."""

QUICK_CALLS = 80
"""Calls of the quick form, by all processes together."""

ACCOUNTS = 3

SLOW_NETWORK = (0.02, 0.32)
"""Seconds that each way takes through a worse network, at random."""


def run(*, quick: bool) -> Result:
    """Measure all fleets, then the script in Redis."""
    if shutil.which(REDIS) is None:
        sys.exit(f"fleet requires {REDIS} on PATH.")
    return asyncio.run(_run(quick=quick))


async def _run(*, quick: bool) -> Result:
    outcomes: list[Outcome] = []
    async with EmulatorProcess() as emulators:
        for settings in plan(quick=quick):
            barrier = Barrier(len(settings))
            measured = (measure(each, emulators, barrier) for each in settings)
            outcomes += await asyncio.gather(*measured)
    async with redis_server() as url:
        costs = await fleet_growth.measure(url, quick=quick)
    return Result(
        tables=[*tables(outcomes), fleet_growth.table(costs)],
        goals=[*goals(outcomes, quick=quick), *fleet_growth.goals(costs)],
    )


def plan(*, quick: bool) -> Iterator[list[Setting]]:
    """Yield the settings in stages; those of a stage run at the same time."""
    others = [
        name
        for name, limiter in REDIS_LIMITERS.items()
        if limiter.is_installed and limiter is not OURS_SHARED
    ]
    if quick:
        yield [
            Setting(limiter=name, calls=QUICK_CALLS)
            for name in (OURS_SHARED.name, *others)
        ]
        return
    for processes in PROCESSES:
        yield [Setting(processes=many) for many in processes]
        yield [
            Setting(limiter=name, processes=many)
            for name in others
            for many in processes
        ]
    hard = Setting(relaxed=False)
    yield [
        evolve(hard, latency=SLOW_NETWORK),
        # Long enough for a pace after the recovery.
        evolve(hard, killed=True, calls=2 * CALLS),
        evolve(hard, accounts=ACCOUNTS),
    ]


NOTES = """\
N is 10 calls per second. All processes call at once, through a network that takes 20
to 120 ms each way; no retries. RTT is the mean round trip of a call. Redis round trips
are for a call, connecting included. Each process: its calls over the mean when the
first process has made all of its own. Added: the median wait for a permit far below the
ceiling.\
"""


KILLED_NOTES = f"""\
By SIGKILL, after a third of the calls. Share: of the others' calls later than
{RECOVERY:g} s after that.\
"""


def tables(outcomes: Iterable[Outcome]) -> Iterator[Table]:
    """Yield the tables of the fleets."""
    outcomes = sorted(outcomes, key=lambda each: each.setting.processes)
    for title, notes, case in (
        ("Processes that share a ceiling", NOTES, {}),
        (
            "The same over a worse network",
            "Each way takes 20 to 320 ms.",
            {"latency": SLOW_NETWORK},
        ),
        (
            "One process killed",
            KILLED_NOTES,
            {"killed": True},
        ),
        (f"{ACCOUNTS} accounts", "The worst of them.", {"accounts": ACCOUNTS}),
    ):
        wanted = {"latency": LATENCY, "killed": False, "accounts": 1, **case}
        rows = [
            _row(each)
            for each in outcomes
            if all(getattr(each.setting, name) == wanted[name] for name in wanted)
        ]
        if rows:
            yield Table(title=title, headers=HEADERS, rows=rows, notes=notes)


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


def _row(outcome: Outcome) -> list[str]:
    fair, added = outcome.fair, outcome.added
    spans = [one.shortest for one in outcome.seen if one.shortest is not None]
    return [
        f"{outcome.setting.processes}",
        outcome.setting.limiter,
        f"{max(one.peak for one in outcome.seen)}",
        f"{min(spans):.3f} s" if spans else "-",
        f"{outcome.refused:.1%}",
        f"{outcome.failed}",
        f"{outcome.share:.0%}",
        f"{outcome.used:.0%}",
        f"{outcome.redis_reads:.1f}",
        "-" if fair is None else f"{fair[0]:.0%} to {fair[1]:.0%}",
        "-" if added is None else f"{added * 1000:.1f} ms",
    ]


def goals(outcomes: Iterable[Outcome], *, quick: bool) -> Iterator[Goal]:
    """Yield the goals of RedisThrottle."""
    ours = [each for each in outcomes if each.setting.limiter == OURS_SHARED.name]
    exceeded = sum(one.violations for each in ours for one in each.seen)
    yield Goal("calls over a ceiling", exceeded, 0)
    yield Goal("calls that failed", sum(each.failed + each.refused for each in ours), 0)
    unused = max(1 - each.used for each in ours)
    yield Goal("part of N / (1 + round trip) unused", unused, 0.15 if quick else 0.05)
    small = [
        each
        for each in ours
        if each.setting.processes <= USUAL and each.fair is not None
    ]
    most = max(each.redis_reads for each in small)
    yield Goal("round trips to Redis for a call", most, 3)
    unfair = max(abs(part - 1) for each in small for part in each.fair or ())
    yield Goal("distance of a process from its fair part", unfair, 0.2)
