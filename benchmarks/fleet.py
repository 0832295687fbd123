"""Do several processes keep to one rate limit through Redis, and at what cost?

Processes call an emulator in another process, through real sockets and a jittering
network, each fleet with a Redis of its own. Compared with libraries from PyPI, each
used as its documentation recommends. The cost of the script in Redis is measured apart
(`fleet_growth`).
"""

import asyncio
import shutil
import sys
import time
from asyncio import Barrier
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean, median
from typing import Any

from attrs import evolve, frozen

from benchmarks import fleet_growth
from benchmarks.ceilings import LATENCY
from benchmarks.emulators import EmulatorProcess
from benchmarks.fleet_processes import Fleet, FleetProcess, config
from benchmarks.fleet_worker import CallEnd, Task, Times
from benchmarks.limiters import OURS_SHARED, REDIS_LIMITERS, connect
from benchmarks.processes import REDIS, redis_server
from benchmarks.record import Goal, Result, Table
from benchmarks.responses import ACTION
from cams_async.emulator import ActionReport

PROCESSES = ((1, 2), (4,), (8,))
"""Sizes of fleets; small fleets run at the same time."""

USUAL = 4
"""Processes of a fleet, where their number is not the question."""

CALLS = 200
QUICK_CALLS = 80
"""Calls of one account, by all processes together."""

ACCOUNTS = 3
CEILING = 10.0
"""Calls per second of each account."""

SLOW_NETWORK = (0.02, 0.32)
"""Seconds that each way takes through a worse network, at random."""

EXPIRY = 2.5
"""Seconds after which no call counts any more."""

RELAXED_RATE = 4.0
RELAXED_CALLS = 24
"""Calls per second, and their number, of which none waits for the ceiling."""

RECOVERY = 4.0
"""Seconds until all permits of a killed process have returned."""


@frozen(kw_only=True)
class Setting:
    """One fleet."""

    limiter: str = OURS_SHARED.name
    processes: int = USUAL
    calls: int = CALLS
    """Calls of each account, by all processes together."""

    accounts: int = 1
    latency: tuple[float, float] = LATENCY
    killed: bool = False
    """Whether a process dies by SIGKILL after a third of the calls."""

    relaxed: bool = True
    """Whether calls far below the ceiling are timed afterwards."""


@frozen(kw_only=True)
class Outcome:
    """The counts of one fleet."""

    setting: Setting
    seen: Sequence[ActionReport]
    refused: float
    """The part of the calls that the server refused."""

    failed: int
    """Calls that ended in another error."""

    share: float
    """The part of the ceiling that was used in the long run.

    Where a process was killed: by the others, after the recovery.
    """

    round_trip: float
    """Mean seconds between a request's send and its response."""

    redis_reads: float
    """Round trips to Redis for each call, as Redis counts its reads."""

    fair: tuple[float, float] | None
    """Calls of the slowest and the quickest process, over the mean; see `fairness`."""

    added: float | None
    """Median seconds until the permit of a call far below the ceiling."""

    @property
    def used(self) -> float:
        """The share over its bound, 1 / (1 + round trip)."""
        return self.share * (1 + self.round_trip)


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


async def measure(
    setting: Setting, emulators: EmulatorProcess, barrier: Barrier
) -> Outcome:
    """Run one fleet against an emulator and a Redis of its own.

    Fleets of a stage wait at the barrier for each other, so that none starts its
    processes while another is measured.
    """
    address = await emulators.start(
        qps={ACTION: CEILING}, latency=setting.latency, accounts=setting.accounts
    )
    async with redis_server() as url, connect(url) as redis:
        settings = config(setting.limiter, url, CEILING, address)
        async with Fleet(settings, setting.processes) as fleet:
            await barrier.wait()
            before = await reads(redis)
            began, times = await _call(setting, fleet.processes)
            redis_reads = await reads(redis) - before - 1
            ended = [list(each.ended) for each in fleet.processes]
            added = await _relax(fleet.processes) if setting.relaxed else None
    seen, _ = await emulators.stop(address)
    calls = [each for one in ended for each in one]
    refused = sum(each.error == "ThrottlingError" for each in calls)
    completed = [each.at for each in calls if each.error is None]
    if not completed:
        msg = f"{setting.limiter}: every call ended in {calls[0].error}"
        raise RuntimeError(msg)
    most = CEILING * setting.accounts
    return Outcome(
        setting=setting,
        seen=seen,
        refused=refused / len(calls),
        failed=len(calls) - len(completed) - refused,
        share=pace([at for at in completed if at >= began], most) / most,
        round_trip=fmean(each for one in times for each in one.round_trips),
        redis_reads=redis_reads / len(calls),
        fair=None if setting.killed else fairness(ended),
        added=added,
    )


async def reads(redis: Any) -> int:
    """Return the number of reads that Redis has counted, this one included."""
    stats: dict[str, Any] = await redis.info("stats")
    return int(stats["total_reads_processed"])


async def _call(
    setting: Setting, processes: Sequence[FleetProcess]
) -> tuple[float, list[Times]]:
    """Return the start of the long run, and the times of surviving processes."""
    task = Task(calls=setting.calls * setting.accounts // setting.processes)
    if not setting.killed:
        began = time.monotonic()
        return began, await asyncio.gather(*(each.run(task) for each in processes))
    first, *others = processes
    doomed = asyncio.create_task(first.run(task))
    running = asyncio.gather(*(each.run(task) for each in others))
    while sum(len(each.ended) for each in processes) < setting.calls / 3:  # noqa: ASYNC110 - an event for each call would cost more
        await asyncio.sleep(0.01)
    first.kill()
    began = time.monotonic() + RECOVERY
    await asyncio.wait([doomed])
    doomed.exception()  # the process has died
    return began, await running


async def _relax(processes: Sequence[FleetProcess]) -> float:
    await asyncio.sleep(EXPIRY)
    many = len(processes)
    times = await asyncio.gather(
        *(
            each.run(
                Task(
                    calls=RELAXED_CALLS // many,
                    interval=many / RELAXED_RATE,
                    delay=index / RELAXED_RATE,
                )
            )
            for index, each in enumerate(processes)
        )
    )
    return median(seconds for one in times for seconds in one.waits)


def pace(ends: Iterable[float], ceiling: float) -> float:
    """Return the calls per second in the long run.

    Calls may end in bursts, so the first N count as one moment, and so do the last N.
    """
    ordered = sorted(ends)
    many = int(ceiling)
    took = fmean(ordered[-many:]) - fmean(ordered[:many])
    return (len(ordered) - many) / took


def fairness(ended: Iterable[Sequence[CallEnd]]) -> tuple[float, float]:
    """Return the least and the most calls of a process, over the mean.

    Counted when the first process has made all of its calls.
    """
    ends = [[each.at for each in one] for one in ended]
    until = min(map(max, ends))
    counts = [sum(at <= until for at in one) for one in ends]
    return min(counts) / fmean(counts), max(counts) / fmean(counts)


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
