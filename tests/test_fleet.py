"""Real processes share a ceiling through a real Redis; the emulator judges.

These tests run in real time, which no simulated clock can replace. The ceiling must
hold on the busiest machine. How well it is used is asserted with generous bounds in
the fast form, and with the promised ones in the slow form.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import pytest
from attrs import evolve, frozen
from redis.asyncio import Redis

from cams_async.emulator import Emulator
from tests.fleet import Worker, WorkerFleet, orders
from tests.fleet_worker import ACTION, Ended
from tests.redis_server import RedisProcess, connect, find_redis_server
from tests.undisturbed import undisturbed

LATENCY = (0.02, 0.12)
"""Seconds that each way takes, at random."""

AWAY = 10.0
"""Seconds that Redis is away."""

TERMINAL = 2.5
"""Seconds after which calls that left before have ended, and fallbacks have begun."""

RETURNED = 4.0
"""Seconds until everything that a killed process held has returned."""


@pytest.fixture(autouse=True)
def _redis_is_installed() -> None:
    find_redis_server()


@frozen(kw_only=True)
class Run:
    """Processes with as many tasks each, and their ceiling."""

    processes: int = 4

    calls: int = 200
    """Of each account, by all processes together."""

    ceiling: float = 10.0
    """Calls per second of each account."""

    accounts: int = 1

    killed: bool = False
    """Whether a process dies by SIGKILL after a third of the calls."""


PROMISED = Run()


@frozen(kw_only=True)
class Result:
    """The counts of one run."""

    report: dict[str, Any]
    """The emulator's."""

    ended: list[list[Ended]]
    """The calls of each process."""

    began: float
    """Start of the part that is measured."""

    round_trip: float
    """Seconds between a request's send and its response, on average."""

    reads: int
    """The number of reads of Redis from its sockets."""

    def used(self, ceiling: float) -> float:
        """Return the part used of what round trips allow: 1 / (1 + round trip).

        Calls may end in bursts: the first N count as one moment, and so do the last N.
        """
        ends = sorted(
            each.at for one in self.ended for each in one if each.at >= self.began
        )
        many = int(ceiling)
        took = fmean(ends[-many:]) - fmean(ends[:many])
        return (len(ends) - many) / took / ceiling * (1 + self.round_trip)

    def reads_per_call(self) -> float:
        """Return the round trips to Redis for each call."""
        return self.reads / sum(map(len, self.ended))

    def fairness(self) -> tuple[float, float]:
        """Return the least and the most calls of a process, over the mean.

        They are counted when the first process has made all of its calls.
        """
        ends = [[each.at for each in one] for one in self.ended]
        until = min(map(max, ends))
        counts = [sum(at <= until for at in one) for one in ends]
        return min(counts) / fmean(counts), max(counts) / fmean(counts)


@asynccontextmanager
async def running_redis(directory: Path) -> AsyncGenerator[RedisProcess, None]:
    """Run a Redis that can be stopped and started again."""
    redis = RedisProcess(directory)
    await asyncio.to_thread(redis.start)
    try:
        yield redis
    finally:
        redis.stop()


async def count_reads(client: "Redis") -> int:
    """Return how often Redis has read from its sockets, this time included."""
    found: dict[str, Any] = await client.info("stats")
    return int(found["total_reads_processed"])


async def measure(run: Run, directory: Path) -> Result:
    """Let a fleet run, and count."""
    async with (
        running_redis(directory) as redis,
        connect(redis.url) as client,
        Emulator(
            qps={ACTION: run.ceiling}, latency=LATENCY, accounts=run.accounts
        ) as emulator,
        WorkerFleet(orders(redis.url, run.ceiling, emulator), run.processes) as fleet,
    ):
        before = await count_reads(client)
        began, round_trips = await _call(run, fleet)
        reads = await count_reads(client) - before - 1
        report = emulator.report().as_dict()
    return Result(
        report=report,
        ended=[worker.ended for worker in fleet.workers],
        began=began,
        round_trip=fmean(each for one in round_trips for each in one),
        reads=reads,
    )


async def _call(run: Run, fleet: WorkerFleet) -> tuple[float, Sequence[list[float]]]:
    calls = run.calls * run.accounts // run.processes
    if not run.killed:
        began = time.monotonic()
        return began, await _all_call(fleet.workers, calls)
    first, *others = fleet.workers
    first.begin(calls)
    going_on = asyncio.create_task(_all_call(others, calls))
    await _some_calls_ended(fleet, run.calls // 3)
    first.kill()
    return time.monotonic() + RETURNED, await going_on


async def _all_call(workers: Sequence[Worker], calls: int) -> Sequence[list[float]]:
    return await asyncio.gather(*(worker.run(calls) for worker in workers))


async def _some_calls_ended(fleet: WorkerFleet, count: int) -> None:
    while fleet.count_ended() < count:  # noqa: ASYNC110 - other processes
        await asyncio.sleep(0.01)


def assert_kept(result: Result, ceiling: float) -> None:
    """No second held more calls than the ceiling, and every call succeeded."""
    assert {None} == {each.error for one in result.ended for each in one}
    assert result.report["held"]
    for action in result.report["actions"]:
        assert action["violations"] == 0
        assert action["peak"] <= ceiling
        assert action["shortest"] >= 1


@pytest.mark.slow
@undisturbed
async def test_processes_share_one_ceiling(tmp_path: Path) -> None:
    """Two processes with a ceiling each would let twice as many calls through."""
    result = await measure(
        evolve(PROMISED, processes=2, calls=50, ceiling=20.0), tmp_path
    )

    assert_kept(result, 20)
    assert result.used(20) > 0.5
    assert result.reads_per_call() < 8
    assert min(result.fairness()) > 0.3


@pytest.mark.parametrize(
    "accounts",
    [
        pytest.param(1, marks=pytest.mark.slow),
        pytest.param(3, marks=pytest.mark.nightly),
    ],
)
@undisturbed
async def test_four_processes_use_the_promised_part(
    accounts: int, tmp_path: Path
) -> None:
    """At least 95 % of N / (1 + round trip), 3 round trips to Redis, a fair part."""
    result = await measure(evolve(PROMISED, accounts=accounts), tmp_path)

    assert_kept(result, 10)
    assert result.used(10.0 * accounts) >= 0.95
    assert result.reads_per_call() <= 3
    assert (1, 1) == pytest.approx(result.fairness(), abs=0.2)


@pytest.mark.slow
@undisturbed
async def test_a_killed_process_leaves_nothing_taken(tmp_path: Path) -> None:
    """After SIGKILL its slots and its place in the queue return by themselves."""
    result = await measure(evolve(PROMISED, calls=300, killed=True), tmp_path)

    assert_kept(result, 10)
    assert result.used(10) >= 0.95


@pytest.mark.nightly
@undisturbed
async def test_a_suspended_process_does_not_use_an_expired_slot(tmp_path: Path) -> None:
    """A slot that was granted before the suspension may be another's afterwards."""
    random = Random(0)
    async with (
        running_redis(tmp_path) as redis,
        Emulator(qps={ACTION: 10.0}, latency=LATENCY) as emulator,
    ):
        async with WorkerFleet(orders(redis.url, 10.0, emulator), 4) as fleet:
            going_on = asyncio.create_task(_all_call(fleet.workers, 50))
            await _some_calls_ended(fleet, 40)
            for worker in fleet.workers:
                # Longer than a slot is kept for it, or just shorter, or hardly.
                for seconds in (3.3, 2.0, 0.2):
                    with worker.suspended():
                        await asyncio.sleep(seconds)
                    await asyncio.sleep(random.uniform(0, 0.3))
            await going_on
        report = emulator.report()

    assert report.held
    assert {None} == {each.error for worker in fleet.workers for each in worker.ended}


@frozen(kw_only=True)
class Outage:
    """The calls of four processes around an outage of Redis."""

    held: bool
    """Whether the ceiling held."""

    ended: list[list[Ended]]
    """The calls of each process."""

    stopped: float
    """Time at which Redis was stopped, on the clock of the calls."""

    def during(self) -> list[int]:
        """Return how many calls of each process ended during the outage."""
        first, last = self.stopped + TERMINAL, self.stopped + AWAY
        return [sum(first < each.at < last for each in one) for one in self.ended]


async def lose_redis(directory: Path, **options: Any) -> Outage:
    """Stop Redis in the middle of 200 calls, and start it again empty."""
    async with (
        running_redis(directory) as redis,
        Emulator(qps={ACTION: 10.0}, latency=LATENCY) as emulator,
    ):
        given = orders(redis.url, 10.0, emulator, **options)
        async with WorkerFleet(given, 4) as fleet:
            going_on = asyncio.create_task(_all_call(fleet.workers, 50))
            await _some_calls_ended(fleet, 40)
            redis.stop()
            stopped = time.monotonic()
            await asyncio.sleep(AWAY)
            await asyncio.to_thread(redis.start)
            await going_on
        held = emulator.report().held
    ended = [worker.ended for worker in fleet.workers]
    return Outage(held=held, ended=ended, stopped=stopped)


@pytest.mark.nightly
@undisturbed
async def test_calls_wait_during_an_outage_of_redis(tmp_path: Path) -> None:
    """Nothing is sent without a slot from Redis, and nothing is lost."""
    outage = await lose_redis(tmp_path)

    assert outage.held
    assert {None} == {each.error for one in outage.ended for each in one}
    assert [50] * 4 == [len(one) for one in outage.ended]
    assert [0] * 4 == outage.during()


@pytest.mark.nightly
@undisturbed
async def test_each_process_goes_on_with_its_local_fallback(tmp_path: Path) -> None:
    """Four processes with two slots each make 8 of 10 calls per second."""
    outage = await lose_redis(tmp_path, on_outage="local", workers=4)

    assert outage.held
    assert {None} == {each.error for one in outage.ended for each in one}
    assert [50] * 4 == [len(one) for one in outage.ended]
    assert min(outage.during()) >= 5
