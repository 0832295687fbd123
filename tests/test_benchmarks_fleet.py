"""The benchmark of fleets: its pure parts, and each limiter in a small fleet."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from benchmarks import fleet, fleet_growth
from benchmarks.__main__ import main
from benchmarks.ceilings import ACTION, LATENCY
from benchmarks.fleet_alternatives import connect
from benchmarks.fleet_growth import Books, Cost, over_scopes, over_workers
from benchmarks.fleet_processes import Fleet, orders
from benchmarks.fleet_rivals import ALTERNATIVES, LIMITERS, OURS, RIVALS, Limiter
from benchmarks.fleet_runs import Result, Run, fairness, measure, pace
from benchmarks.fleet_worker import Ended, Task
from benchmarks.redis_process import redis_process
from benchmarks.server import EmulatorProcess
from cams_async import Scope
from tests.redis_server import find_redis_server
from tests.undisturbed import undisturbed

Capture = pytest.CaptureFixture[str]

RESULT = Result(
    limiter=OURS.name,
    processes=4,
    accounts=1,
    latency=LATENCY,
    killed=False,
    peak=10,
    shortest=1.05,
    violations=0,
    refused=0.0,
    failed=0,
    share=0.86,
    round_trip=0.15,
    asked=2.2,
    fair=(0.97, 1.02),
    added=0.0012,
)

COST = Cost(workers=1, scopes=1, step=50.0, asked=2.0, memory=1024)


@pytest.fixture
async def redis() -> AsyncIterator[str]:
    """Run a Redis; return its URL."""
    find_redis_server()
    async with redis_process() as url:
        yield url


def test_a_pace_is_that_of_the_long_run() -> None:
    """Bursts at the ends make it neither quicker nor slower."""
    bursts = [1.15 * lap for lap in range(20) for _ in range(10)]
    spaced = [place / 8 for place in range(200)]

    assert pace(bursts, 10) == pytest.approx(10 / 1.15)
    assert pace(spaced, 10) == pytest.approx(8)


def test_fairness_looks_at_the_moment_when_one_is_done() -> None:
    """Later on, all would have made all of their calls."""
    quick = [Ended(at=float(at), error=None) for at in range(6)]
    slow = [Ended(at=3.0 * at, error=None) for at in range(6)]

    assert (0.5, 1.5) == fairness([quick, slow])
    assert (1, 1) == fairness([quick, quick])


def test_the_plan_has_every_limiter_for_every_number_of_processes() -> None:
    """The network that is worse, accounts and kills come once, with four processes."""
    *usual, hard = fleet.plan(quick=False)
    installed = [each for each in RIVALS if find_spec(each.module or "")]

    runs = [run for stage in usual for run in stage]
    cases = {(run.processes, run.limiter.name) for run in runs}

    everybody = [OURS, *ALTERNATIVES, *installed]
    expected = {(many, one.name) for many in (1, 2, 4, 8) for one in everybody}
    assert (expected, len(expected)) == (cases, len(runs))
    assert {4} == {run.processes for run in hard}
    assert 1 + len(ALTERNATIVES) == sum(run.killed for run in hard)


def test_the_quick_plan_is_one_stage() -> None:
    """All limiters at once, so that it ends within a minute."""
    (stage,) = fleet.plan(quick=True)

    assert {80} == {run.calls for run in stage}
    assert OURS is stage[0].limiter


def test_every_case_has_its_table() -> None:
    """What was not measured has none."""
    results = [
        RESULT,
        evolve(RESULT, latency=fleet.ROUGH),
        evolve(RESULT, killed=True, fair=None, added=None),
        evolve(RESULT, accounts=3, shortest=None),
    ]

    tables = list(fleet.tables(results))

    assert [1, 1, 1, 1] == [len(table.rows) for table in tables]
    assert 1 == len(list(fleet.tables([RESULT])))
    expected = "4 RedisThrottle 10 1.050 s 0.0% 0 86% 99% 2.2 97% to 102% 1.2 ms"
    assert expected == " ".join(tables[0].rows[0])
    assert ["-", "-"] == list(tables[2].rows[0][-2:])
    assert "-" == tables[3].rows[0][3]


@pytest.mark.parametrize(
    "broken",
    [
        {"violations": 1},
        {"refused": 0.1},
        {"failed": 1},
        {"share": 0.82},
        {"asked": 3.1},
        {"fair": (0.79, 1.1)},
        {"fair": (0.9, 1.21)},
    ],
)
def test_each_promise_is_a_goal(broken: dict[str, Any]) -> None:
    """Only ours counts: the others may break what they like."""
    result = evolve(RESULT, **broken)
    rival = evolve(result, limiter=RIVALS[0].name)

    goals = list(fleet.goals([RESULT, result], quick=False))

    assert 1 == sum(not goal.met for goal in goals)
    assert all(goal.met for goal in fleet.goals([RESULT, rival], quick=False))


def test_what_redis_bears_is_laid_out_and_judged() -> None:
    """Steps for a call are known of workers only."""
    costs = [
        COST,
        evolve(COST, workers=1_000, step=80.0, asked=5.0),
        evolve(COST, asked=None),
        evolve(COST, scopes=10_000, step=60.0, asked=None),
    ]

    (table,) = fleet_growth.tables(costs)
    workers, scopes = fleet_growth.growth(costs)

    assert "1,000 1 80 us 12,500 /s 5.0 2,500 /s 1.0 KiB" == " ".join(table.rows[1])
    assert "- -" == " ".join(table.rows[3][4:6])
    assert not workers.goal.met
    assert scopes.goal.met


def test_without_redis_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """One line, and nothing is measured."""

    def nowhere(name: str) -> None:
        del name

    monkeypatch.setattr(shutil, "which", nowhere)

    assert 2 == main(["fleet", "--quick"])

    said = capsys.readouterr()

    assert "fleet needs redis-server, which is not on PATH.\n" == said.err
    assert not said.out


def test_what_was_measured_is_published(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    """Tables and goals are printed, all figures written; a broken promise is a 1."""
    found = [RESULT]
    costs = [COST, evolve(COST, asked=None)]

    async def measured(
        stages: Iterable[Sequence[Run]], *, quick: bool
    ) -> tuple[list[Result], list[Cost]]:
        assert quick
        assert [{4}] == [{run.processes for run in stage} for stage in stages]
        return found, costs

    def here(name: str) -> str:
        return name

    monkeypatch.setattr(fleet, "measure_all", measured)
    monkeypatch.setattr(shutil, "which", here)
    path = tmp_path / "figures.json"

    assert 0 == main(["fleet", "--quick", "--json", str(path)])

    figures = json.loads(path.read_text("utf-8"))["figures"]
    found[0] = evolve(RESULT, violations=1)

    assert OURS.name == figures["results"][0]["limiter"]
    assert 50.0 == figures["costs"][0]["step"]
    assert "Processes that share a ceiling" in capsys.readouterr().out
    assert 1 == main(["fleet", "--quick"])


@pytest.mark.slow
@pytest.mark.parametrize("limiter", LIMITERS.values(), ids=LIMITERS)
@undisturbed
async def test_every_limiter_is_measured(limiter: Limiter) -> None:
    """In two processes; and only some keep the ceiling, which is why they are shown."""
    find_redis_server()
    if limiter.module is not None:
        pytest.importorskip(limiter.module)
    run = Run(limiter=limiter, processes=2, calls=40, relaxed=False)

    async with EmulatorProcess() as emulators:
        result = await measure(run, emulators)

    assert 0 == result.failed
    assert result.asked >= 1
    assert result.peak >= 5
    if limiter in {OURS, *ALTERNATIVES[:2]}:
        assert 0 == result.violations


async def test_a_process_of_a_fleet_can_die(redis: str) -> None:
    """Whoever waits for it is told, and the fleet still ends."""
    async with EmulatorProcess() as emulators:
        place = await emulators.start(qps={ACTION: 10.0}, latency=LATENCY, accounts=2)
        told = orders(ALTERNATIVES[0].name, redis, 10.0, place)
        async with Fleet(told, 1) as processes:
            (worker,) = processes.workers
            going_on = asyncio.create_task(worker.run(Task(calls=100)))
            while not worker.ended:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
            worker.kill()
            with pytest.raises(RuntimeError, match="a process of the fleet has died"):
                await going_on
        report, _ = await emulators.stop(place)

    assert 2 == len(report["actions"])
    assert told.accounts[0] != told.accounts[1]
    assert 0 < len(worker.ended) < 100


@pytest.mark.slow
@pytest.mark.parametrize("limiter", ALTERNATIVES[:2], ids=lambda each: each.name)
async def test_slots_of_an_alternative_cool_after_the_answer(
    limiter: Limiter, redis: str
) -> None:
    """They are measured as what RedisThrottle could have been, so they must hold."""
    scope = Scope(account="one", region="here", action=ACTION, qps=2.0)
    throttle = await limiter.make(redis, 2.0, {})
    times: list[tuple[float, float]] = []
    for _ in range(3):
        async with throttle.turn(scope) as turn:
            began = time.monotonic()
            turn.sent()
            await asyncio.sleep(0.1)
            turn.answered()
            times.append((began, time.monotonic()))
    await throttle.aclose()

    (_, answered), _, (third, _) = times

    assert third >= answered + 1


async def test_scripted_workers_take_real_steps(
    redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis runs the script of RedisThrottle, and says what it costs."""
    monkeypatch.setattr(fleet_growth, "LEAST", 10.0)
    monkeypatch.setattr(fleet_growth, "STEPS", 200)

    async with connect(redis) as client:
        books = Books(client)
        one, ten = [await over_workers(books, many) for many in (1, 10)]
        scopes = await over_scopes(books, 20)

    assert one.asked == pytest.approx(2, abs=0.5)
    assert ten.asked is not None
    assert 2 < ten.asked < 6
    assert min(one.step, ten.step, scopes.step) > 0
    assert 100 < scopes.memory < ten.memory < 10_000
