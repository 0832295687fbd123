"""One fleet: processes that share a ceiling, what they did and what was counted.

Processes of their own call an emulator in another process, through real sockets and a
jittering network, each fleet with a Redis of its own. The emulator judges.
"""

import asyncio
import time
from asyncio import Barrier
from collections.abc import Iterable, Sequence
from statistics import fmean, median
from typing import Any

from attrs import frozen

from benchmarks.ceilings import ACTION, LATENCY
from benchmarks.fleet_alternatives import connect
from benchmarks.fleet_processes import Fleet, Worker, orders
from benchmarks.fleet_rivals import Limiter
from benchmarks.fleet_worker import Ended, Task, Times
from benchmarks.redis_process import redis_process
from benchmarks.server import EmulatorProcess

PAUSE = 2.5
"""Seconds after which no call counts any more."""

RELAXED = 4.0
CALLS_RELAXED = 24
"""Calls per second, and how many, of which none has to wait for the ceiling."""

BACK = 4.0
"""Seconds until everything that a killed process held is back."""


@frozen(kw_only=True)
class Run:
    """One fleet."""

    limiter: Limiter
    processes: int

    calls: int
    """Of each account, by all processes together."""

    ceiling: float = 10.0
    """Calls per second of each account."""

    accounts: int = 1

    latency: tuple[float, float] = LATENCY
    """Seconds that each way takes, at random."""

    killed: bool = False
    """Whether a process dies by SIGKILL after a third of the calls."""

    relaxed: bool = True
    """Whether calls far below the ceiling are timed afterwards."""


@frozen(kw_only=True)
class Result:
    """What was counted in one run."""

    limiter: str
    processes: int
    accounts: int
    latency: tuple[float, float]
    killed: bool

    peak: int
    """The most arrivals of an account in any one second."""

    shortest: float | None
    """The shortest span of N + 1 arrivals of an account, in seconds."""

    violations: int
    refused: float
    """The part of the calls that the server's flow control refused."""

    failed: int
    """Calls that ended in another error."""

    share: float
    """The part of the ceiling that was used in the long run.

    Where a process was killed: by the others, once everything it held is back.
    """

    round_trip: float
    """Seconds between a request's send and its answer, on average."""

    asked: float
    """Round trips to Redis for each call: how often Redis read from its sockets."""

    fair: tuple[float, float] | None
    """Calls of the slowest and the quickest process, over the mean.

    Counted when the first process has made all of its calls; None where one was killed.
    """

    added: float | None
    """Seconds until the turn of a call that is far below the ceiling, the median."""

    @property
    def used(self) -> float:
        """The share over what can be used: 1 / (1 + round trip)."""
        return self.share * (1 + self.round_trip)


def pace(ends: Iterable[float], ceiling: float) -> float:
    """Return the calls per second in the long run.

    Calls may end in bursts, so the first N count as one moment, and so do the last N.
    """
    ordered = sorted(ends)
    many = int(ceiling)
    took = fmean(ordered[-many:]) - fmean(ordered[:many])
    return (len(ordered) - many) / took


def fairness(ended: Iterable[Sequence[Ended]]) -> tuple[float, float]:
    """Return the least and the most calls of a process, over the mean.

    Counted when the first process has made all of its calls.
    """
    ends = [[each.at for each in one] for one in ended]
    until = min(map(max, ends))
    counts = [sum(at <= until for at in one) for one in ends]
    return min(counts) / fmean(counts), max(counts) / fmean(counts)


async def reads(redis: Any) -> int:
    """Return how often Redis has read from its sockets, this time included."""
    found: dict[str, Any] = await redis.info("stats")
    return int(found["total_reads_processed"])


async def measure(
    run: Run, emulators: EmulatorProcess, stage: Barrier | None = None
) -> Result:
    """Let a fleet run, and ask the emulator and Redis.

    Args:
        run: The fleet.
        emulators: Where to start an emulator for it.
        stage: Where fleets that run at the same time wait for each other, so that
            none starts its processes while another is measured.
    """
    place = await emulators.start(
        qps={ACTION: run.ceiling}, latency=run.latency, accounts=run.accounts
    )
    async with redis_process() as url, connect(url) as redis:
        told = orders(run.limiter.name, url, run.ceiling, place)
        async with Fleet(told, run.processes) as fleet:
            if stage is not None:
                await stage.wait()
            before = await reads(redis)
            began, times = await _call(run, fleet)
            asked = await reads(redis) - before - 1
            ended = [list(worker.ended) for worker in fleet.workers]
            added = await _relaxed(fleet) if run.relaxed else None
    report, _ = await emulators.stop(place)
    return _result(
        run,
        seen=report["actions"],
        times=times,
        ended=ended,
        began=began,
        asked=asked,
        added=added,
    )


async def _call(run: Run, fleet: Fleet) -> tuple[float, list[Times]]:
    """Return since when the long run counts, and the times of those that lived."""
    task = Task(calls=run.calls * run.accounts // run.processes)
    if not run.killed:
        return time.monotonic(), await fleet.run(task)
    first, *others = fleet.workers
    first.begin(task)
    going_on = asyncio.gather(*(worker.run(task) for worker in others))
    while sum(len(worker.ended) for worker in fleet.workers) < run.calls / 3:  # noqa: ASYNC110 - an event for each call would be more
        await asyncio.sleep(0.01)
    first.kill()
    return time.monotonic() + BACK, await going_on


async def _relaxed(fleet: Fleet) -> float:
    await asyncio.sleep(PAUSE)
    workers = fleet.workers
    every = len(workers) / RELAXED
    tasks = [
        Task(calls=CALLS_RELAXED // len(workers), every=every, after=place / RELAXED)
        for place, _ in enumerate(workers)
    ]
    times = await asyncio.gather(*map(Worker.run, workers, tasks))
    return median(seconds for one in times for seconds in one.waits)


def _result(
    run: Run,
    *,
    seen: Sequence[dict[str, Any]],
    times: Sequence[Times],
    ended: Sequence[Sequence[Ended]],
    began: float,
    asked: int,
    added: float | None,
) -> Result:
    spans = [one["shortest"] for one in seen if one["shortest"] is not None]
    every = [each for one in ended for each in one]
    refused = sum(each.error == "ThrottlingError" for each in every)
    answered = [each.at for each in every if each.error is None]
    most = run.ceiling * run.accounts
    if not answered:
        msg = f"{run.limiter.name}: every call ended in {every[0].error}"
        raise RuntimeError(msg)
    return Result(
        limiter=run.limiter.name,
        processes=run.processes,
        accounts=run.accounts,
        latency=run.latency,
        killed=run.killed,
        peak=max(one["peak"] for one in seen),
        shortest=min(spans, default=None),
        violations=sum(one["violations"] for one in seen),
        refused=refused / len(every),
        failed=len(every) - len(answered) - refused,
        share=pace([at for at in answered if at >= began], most) / most,
        round_trip=fmean(each for one in times for each in one.round_trips),
        asked=asked / len(every),
        fair=None if run.killed else fairness(ended),
        added=added,
    )
