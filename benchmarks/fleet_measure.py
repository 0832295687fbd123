"""One fleet: the processes that share a ceiling, their calls, and the counts of both.

The emulator counts arrivals, and Redis its reads.
"""

import asyncio
import time
from asyncio import Barrier
from collections.abc import Iterable, Sequence
from statistics import fmean, median
from typing import Any

from attrs import frozen

from benchmarks.ceilings import LATENCY
from benchmarks.emulators import EmulatorProcess
from benchmarks.fleet_processes import Fleet, FleetProcess, config
from benchmarks.fleet_worker import CallEnd, Task, Times
from benchmarks.limiters import OURS_SHARED, connect
from benchmarks.processes import redis_server
from benchmarks.responses import ACTION
from cams_async.emulator import ActionReport

USUAL = 4
"""Processes of a fleet, where their number is not the question."""

CALLS = 200
"""Calls of one account, by all processes together."""

CEILING = 10.0
"""Calls per second of each account."""

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
