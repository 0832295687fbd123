"""The benchmarks: their pure parts, and each of them in its smallest form."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from benchmarks import ceilings, picture, waiters, waiting
from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.ceilings import HUGE, LARGE, Load, Result, Run, plan, stages
from benchmarks.rivals import CONTESTANTS, OURS
from benchmarks.server import EmulatorProcess
from benchmarks.waiters import BARE, KINDS, LEAST
from benchmarks.waiting import Cost
from tests.clock import Clock

Capture = pytest.CaptureFixture[str]


def test_every_benchmark_has_help(capsys: Capture) -> None:
    """`--help` lists each benchmark with a sentence."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    listed = capsys.readouterr().out

    assert 0 == ended.value.code
    assert [] == [each.NAME for each in BENCHMARKS if f"{each.NAME} " not in listed]


# --- ceilings -------------------------------------------------------------------------


def test_the_plan_covers_clients_and_policies() -> None:
    """Every case that is not large is run, and the large ones of 3 clients."""
    runs = plan(ceilings.CEILINGS, quick=False)

    for contestant in CONTESTANTS:
        for fan_out in ceilings.CEILINGS:
            cases = {
                (run.clients, run.policy)
                for run in runs
                if (run.contestant, run.fan_out) == (contestant, fan_out)
            }
            expected = 6
            if fan_out >= LARGE and contestant is not OURS:
                expected = 1
            elif fan_out >= HUGE:
                expected = 4
            assert expected == len(cases)


def test_the_quick_plan_is_one_case() -> None:
    """Every contestant runs once, where the picture looks."""
    runs = plan([ceilings.QUICK], quick=True)

    assert list(CONTESTANTS) == [run.contestant for run in runs]
    assert all(run.shown for run in runs)


def test_stages_keep_apart_what_disturbs() -> None:
    """A stage has one ceiling, and only contestants that keep a rate or none."""
    runs = plan(ceilings.CEILINGS, quick=False)
    divided = stages(runs)

    assert len(runs) == sum(map(len, divided))
    for stage in divided:
        assert 1 == len({(run.ceiling, run.contestant.paced) for run in stage})
        ours = [run.contestant is OURS for run in stage]
        assert sorted(ours) == ours


def test_load_lets_in_what_fits(clock: Clock) -> None:
    """More than the most never goes on at once, unless it is alone."""
    going_on: list[float] = []
    seen: list[list[float]] = []

    async def one(load: Load, rate: float) -> None:
        async with load.of(rate):
            going_on.append(rate)
            seen.append(list(going_on))
            await asyncio.sleep(1)
            going_on.remove(rate)

    async def all_of_them() -> None:
        load = Load(10)
        rates = (6.0, 3.0, 4.0, 50.0, 1.0)
        await asyncio.gather(*(one(load, rate) for rate in rates))

    clock.run(all_of_them())

    assert 5 == len(seen)
    assert all(sum(rates) <= 10 or [50.0] == rates for rates in seen)


RESULT = Result(
    contestant=OURS.name,
    fan_out=100,
    clients=3,
    policy="sliding",
    ceiling=10.0,
    peak=10,
    shortest=1.05,
    held=True,
    refused=0,
    failed=0,
    share=0.9,
    seconds=11.2,
    round_trip=0.14,
    slowest=0.24,
    samples=[],
)


def test_the_summary_shows_the_worst_of_safety() -> None:
    """Cases of one contestant become a row: its worst peak, its median share."""
    worse = evolve(RESULT, peak=11, shortest=0.95, refused=7, share=0.8)
    none = evolve(RESULT, contestant="other", shortest=None)

    row, other = ceilings.summary([RESULT, worse, none]).rows

    assert ["11", "0.950 s", "7.0%", "0", "85%"] == row[3:8]
    assert "-" == other[4]


def test_an_exceeded_ceiling_fails_the_benchmark(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only ours counts: rivals may exceed what they like."""
    exceeded = evolve(RESULT, held=False, shortest=0.9)
    rival = evolve(exceeded, contestant="rival")
    results = [RESULT, rival]

    async def measure_all(_: object) -> list[Result]:
        return results

    monkeypatch.setattr(ceilings, "measure_all", measure_all)

    assert 0 == main(["ceilings", "--quick"])
    results.append(exceeded)
    assert 1 == main(["ceilings", "--quick"])
    printed = capsys.readouterr().out
    assert "EXCEEDED: 100 tasks, 3 clients, sliding: 0.900000 s (" in printed
    assert (
        "NOT MET  runs in which cams_async exceeded the ceiling: 1, at most 0"
        in printed
    )


def test_the_quick_form_runs(tmp_path: Path, capsys: Capture) -> None:
    """Ten tasks reach the emulator in its own process; the figures are written."""
    path = tmp_path / "figures.json"

    assert 0 == main(["ceilings", "--quick", "--fan-out", "10", "--json", str(path)])

    printed = capsys.readouterr().out
    results = json.loads(path.read_text("utf-8"))["figures"]["results"]

    assert "cams_async held the ceiling in every run: 1." in printed
    assert [each.name for each in CONTESTANTS] == [
        each["contestant"] for each in results
    ]
    for result in results:
        assert (10, 0, 0) == (result["peak"], result["refused"], result["failed"])
        assert result["round_trip"] > 2 * ceilings.LATENCY[0]


async def test_what_the_picture_shows_is_sampled() -> None:
    """Samples tell how many calls had arrived, in the order of time."""
    run = Run(CONTESTANTS[-1], ceilings.QUICK, 3, "sliding")

    async with EmulatorProcess() as emulators:
        result = await ceilings.measure(run, emulators)

    counts = [count for _, count in result.samples]

    assert run.shown
    assert 90 == result.refused
    assert 100 == result.peak
    assert all(one[0] < two[0] for one, two in pairwise(result.samples))
    assert sorted(counts) == counts
    assert 100 >= counts[-1]


def test_arrivals_of_the_last_second_are_counted() -> None:
    """Each moment looks back one second, exclusive."""
    samples = [[0.0, 0.0], [0.5, 3.0], [1.0, 5.0], [1.5, 6.0], [2.75, 6.0]]

    times, counts = picture.last_second(samples)

    assert [0.0, 0.5, 1.0, 1.5, 2.75] == times
    assert [0.0, 3.0, 5.0, 3.0, 0.0] == counts
    assert ([0.0, 1.0, 3.0], [1, 2, 2]) == picture.steps(
        [0.0, 0.5, 1.0, 2.0, 3.0], [1, 1, 2, 2, 2]
    )


def test_the_picture_is_drawn_or_missed_clearly(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without matplotlib there is a line that says so, and no file."""
    path = tmp_path / "new" / "picture.svg"
    shown = [evolve(RESULT, samples=[[0.0, 0.0], [0.5, 12.0], [3.0, 12.0]])]
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    drawn = picture.draw(path, shown)

    said = "No picture: matplotlib is not installed (pip install '.[bench]').\n"
    assert [] == drawn
    assert not path.exists()
    assert said == capsys.readouterr().out


def test_the_picture_is_an_svg(tmp_path: Path) -> None:
    """Each contestant has a panel with its name."""
    pytest.importorskip("matplotlib")
    path = tmp_path / "new" / "picture.svg"
    shown = [evolve(RESULT, samples=[[0.0, 0.0], [0.5, 12.0], [3.0, 12.0]])] * 2

    assert [path] == picture.draw(path, shown)
    assert "<svg" in path.read_text("utf-8")


def test_figures_over_time_are_drawn(tmp_path: Path) -> None:
    """The same figures always give the same file, so that it changes with them only."""
    pytest.importorskip("matplotlib")
    paths = [tmp_path / "one.svg", tmp_path / "two.svg"]

    for path in paths:
        lines = {"tasks": [2.0, 3.0], "timers": [1.0, 0.0]}
        assert [path] == picture.draw_lines(path, "Title", [0.0, 1.0], lines)

    one, two = (path.read_text("utf-8") for path in paths)
    assert "<svg" in one
    assert one == two


# --- waiting --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_waiting_is_measured(kind: str) -> None:
    """Joining, turns and cancels each cost something; memory is near a kilobyte."""
    costs = await waiters.measure_time(kind, LEAST)
    memory = await waiters.measure_memory(kind, LEAST)

    assert min(costs.join, costs.grant, costs.cancel) > 0
    assert costs.lag is None
    assert 500 < memory < 20_000


class StandsStill(waiters.BareTasks):
    """Lets everyone through, as if the machine had paused for longer than the queue."""

    times = 0

    async def wait(self) -> None:
        """Wait only when the machine has paused often enough."""
        if self.times > 0:
            self.turns.add()
        else:
            await super().wait()

    async def close(self, seconds: float) -> None:
        """Count."""
        await super().close(seconds)
        self.times = StandsStill.times
        StandsStill.times -= 1


@pytest.mark.parametrize("measure", [waiters.measure_time, waiters.measure_memory])
async def test_a_machine_that_stands_still_is_measured_again(
    measure: Callable[[str, int], Awaitable[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause for which all wait may be over before they do; not for ever, though."""
    monkeypatch.setitem(waiters.KINDS, "stands still", StandsStill)
    monkeypatch.setattr(StandsStill, "times", waiters.TRIES - 1)

    assert await measure("stands still", LEAST)

    monkeypatch.setattr(StandsStill, "times", waiters.TRIES)

    with pytest.raises(waiters.StoodStillError):
        await measure("stands still", LEAST)


def test_how_late_the_loop_is_gets_measured(clock: Clock) -> None:
    """Hardly, with nothing to do; by as much as it was held up, otherwise."""

    async def main() -> list[float]:
        with waiters.lags() as late:
            await asyncio.sleep(0.05)
            clock.advance(0.5)  # something blocks the loop
            await asyncio.sleep(0.05)
        return late

    late = clock.run(main())

    assert len(late) > 2
    assert max(late) == pytest.approx(0.5, abs=waiters.TICK)
    assert sorted(late)[-2] == pytest.approx(0, abs=1e-4)


def cost(kind: str, count: int, **figures: float) -> Cost:
    """Return a cost with some figures of its own."""
    usual: dict[str, Any] = {
        "join": 4.0,
        "grant": 6.0,
        "cancel": 1.0,
        "lag": 3.0,
        "memory": 1024.0,
    }
    return Cost(kind=kind, count=count, **{**usual, **figures})


@pytest.fixture
def costs() -> waiting.Costs:
    """Return costs at two sizes; with many waiting, memory is three times bare."""
    listed = [
        cost(BARE, 10),
        cost("LocalThrottle", 10),
        cost(BARE, 1000, memory=512.0),
        cost("LocalThrottle", 1000, memory=1536.0),
    ]
    return {(each.kind, each.count): each for each in listed}


def test_goals_are_judged(costs: waiting.Costs) -> None:
    """A goal is met up to its bound, and each says how it turned out."""
    reached = list(waiting.goals(costs))

    missed = [str(goal) for goal in reached if not goal.met]
    expected = "memory over a bare task's, with 1,000 waiting: 3, at most 2"

    assert [f"NOT MET  {expected}"] == missed
    assert 6 == len(reached)
    assert str(reached[1]).startswith("met      time to join over a bare task's")


def test_what_a_waiter_costs_is_followed_as_many_wait(costs: waiting.Costs) -> None:
    """A throttle that is linear costs each waiter the same, however many wait."""
    time, cancel, memory = waiting.growth(costs)

    assert (1.0, 1.0, 1.5) == (time.ratio, cancel.ratio, memory.ratio)
    assert {10: 1024.0, 1000: 1536.0} == memory.costs


def test_costs_are_laid_out_ratios_first(costs: waiting.Costs) -> None:
    """The first figures of a row are those that compare."""
    *_, last = waiting.layout(costs).rows

    assert ["1,000", "LocalThrottle", "3.0", "1.0", "10.0"] == last[:5]


def test_waiting_wants_enough_to_measure(capsys: Capture) -> None:
    """Too few are refused before anything is measured."""
    with pytest.raises(SystemExit) as ended:
        main(["waiting", "--count", str(LEAST - 1)])

    assert 2 == ended.value.code
    assert f"'{LEAST - 1}' is not a number from {LEAST} on" in capsys.readouterr().err


def test_waiting_runs(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each measurement has its own process; the figures are written."""
    kinds = [BARE, "LocalThrottle"]
    monkeypatch.setattr(waiting, "KINDS", kinds)
    path = tmp_path / "figures.json"

    code = main(["waiting", "--quick", "--count", str(LEAST), "--json", str(path)])

    printed = capsys.readouterr().out
    written = json.loads(path.read_text("utf-8"))

    assert kinds == [each["kind"] for each in written["figures"]["costs"]]
    assert 5 == len(written["goals"]) == printed.count(", at most ")
    assert (not all(goal["met"] for goal in written["goals"])) == code
