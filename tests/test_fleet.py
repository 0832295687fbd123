"""Real processes share a ceiling through a real Redis; the emulator judges.

This is about real time, which no simulated clock can stand for. The ceiling must hold
on the busiest machine. How well it is used is asserted with generous bounds in the
fast form, and with the promised ones in the slow form.
"""

import asyncio
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from attrs import evolve, frozen

from benchmarks.ceilings import ACTION, LATENCY
from benchmarks.fleet_processes import Fleet, Worker, orders
from benchmarks.fleet_rivals import OURS
from benchmarks.fleet_runs import Result, Run, measure
from benchmarks.fleet_worker import Ended, Task
from benchmarks.redis_process import redis_process
from benchmarks.server import EmulatorProcess
from tests.redis_server import RedisProcess, find_redis_server
from tests.undisturbed import undisturbed

PROMISED = Run(limiter=OURS, processes=4, calls=200, relaxed=False)
"""4 processes with 50 tasks each, at 10 calls per second."""

AWAY = 10.0
"""Seconds that Redis is away."""

TERMINAL = 2.5
"""Seconds after which calls that left before have ended, and shares have begun."""


@pytest.fixture(autouse=True)
def _redis_is_installed() -> None:
    find_redis_server()


async def counted(run: Run) -> Result:
    """Let a fleet run; return what was counted."""
    async with EmulatorProcess() as emulators:
        return await measure(run, emulators)


def assert_kept(result: Result, ceiling: float) -> None:
    """No second held more than the ceiling, and every call was answered."""
    assert (0, 0, 0) == (result.violations, result.refused, result.failed)
    assert result.peak <= ceiling
    assert result.shortest is not None
    assert result.shortest >= 1


@undisturbed
async def test_processes_are_as_one_to_the_server() -> None:
    """Two processes with a ceiling each would let twice as many calls through."""
    result = await counted(evolve(PROMISED, processes=2, calls=50, ceiling=20.0))

    assert_kept(result, 20)
    assert result.used > 0.5
    assert result.asked < 8
    assert result.fair is not None
    assert min(result.fair) > 0.3


@pytest.mark.slow
@pytest.mark.parametrize("accounts", [1, 3])
@undisturbed
async def test_four_processes_use_what_they_are_promised(accounts: int) -> None:
    """At least 95 % of N / (1 + round trip), 3 round trips to Redis, a fair part."""
    result = await counted(evolve(PROMISED, accounts=accounts))

    assert_kept(result, 10)
    assert result.used >= 0.95
    assert result.asked <= 3
    assert result.fair is not None
    assert (1, 1) == pytest.approx(result.fair, abs=0.2)


@pytest.mark.slow
@undisturbed
async def test_a_killed_process_leaves_nothing_taken() -> None:
    """After SIGKILL its slots and its place in the queue return by themselves."""
    result = await counted(evolve(PROMISED, calls=300, killed=True))

    assert_kept(result, 10)
    assert result.used >= 0.95


@pytest.mark.slow
@undisturbed
async def test_a_suspended_process_uses_nothing_that_has_gone() -> None:
    """A slot that was granted before it stood still may be another's by then."""
    random = Random(0)
    async with EmulatorProcess() as emulators, redis_process() as url:
        place = await emulators.start(qps={ACTION: 10.0}, latency=LATENCY)
        async with Fleet(orders(OURS.name, url, 10.0, place), 4) as fleet:
            going_on = asyncio.gather(*map(_call_fifty, fleet.workers))
            await _some_calls_ended(fleet)
            for worker in fleet.workers:
                # Longer than a slot is kept for it, or just shorter, or hardly.
                for seconds in (3.3, 2.0, 0.2):
                    with worker.suspended():
                        await asyncio.sleep(seconds)
                    await asyncio.sleep(random.uniform(0, 0.3))
            await going_on
        report, _ = await emulators.stop(place)

    assert report["held"]
    assert {None} == {each.error for worker in fleet.workers for each in worker.ended}


@frozen(kw_only=True)
class Outage:
    """What four processes did while Redis was away, and was started again empty."""

    report: dict[str, Any]
    ended: list[list[Ended]]
    """The calls of each process."""

    stopped: float
    """When Redis was stopped, on the clock of the calls."""

    def meanwhile(self) -> list[int]:
        """Return how many calls of each process ended while Redis was away."""
        first, last = self.stopped + TERMINAL, self.stopped + AWAY
        return [sum(first < each.at < last for each in one) for one in self.ended]


async def lose_redis(directory: Path, **options: Any) -> Outage:
    """Stop Redis in the middle of 200 calls."""
    redis = RedisProcess(directory)
    async with EmulatorProcess() as emulators:
        await asyncio.to_thread(redis.start)
        try:
            place = await emulators.start(qps={ACTION: 10.0}, latency=LATENCY)
            told = orders(OURS.name, redis.url, 10.0, place, **options)
            async with Fleet(told, 4) as fleet:
                going_on = asyncio.gather(*map(_call_fifty, fleet.workers))
                await _some_calls_ended(fleet)
                redis.stop()
                stopped = time.monotonic()
                await asyncio.sleep(AWAY)
                await asyncio.to_thread(redis.start)
                await going_on
            report, _ = await emulators.stop(place)
        finally:
            redis.stop()
    ended = [worker.ended for worker in fleet.workers]
    return Outage(report=report, ended=ended, stopped=stopped)


async def _call_fifty(worker: Worker) -> None:
    await worker.run(Task(calls=50))


async def _some_calls_ended(fleet: Fleet) -> None:
    while sum(len(worker.ended) for worker in fleet.workers) < 40:  # noqa: ASYNC110 - other processes
        await asyncio.sleep(0.01)


@pytest.mark.slow
@undisturbed
async def test_calls_wait_while_redis_is_away(tmp_path: Path) -> None:
    """Nothing is sent that Redis does not know of, and nothing is lost."""
    outage = await lose_redis(tmp_path)

    assert outage.report["held"]
    assert {None} == {each.error for one in outage.ended for each in one}
    assert [50] * 4 == [len(one) for one in outage.ended]
    assert [0] * 4 == outage.meanwhile()


@pytest.mark.slow
@undisturbed
async def test_each_process_goes_on_with_its_share(tmp_path: Path) -> None:
    """Four processes, two slots each: 8 of 10 calls per second, whatever happens."""
    outage = await lose_redis(tmp_path, on_outage="local", workers=4)

    assert outage.report["held"]
    assert {None} == {each.error for one in outage.ended for each in one}
    assert [50] * 4 == [len(one) for one in outage.ended]
    assert min(outage.meanwhile()) >= 5
