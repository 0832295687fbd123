"""The benchmarks of what lasts long and what is many: `soak` and `scaling`."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks import sampling, scaling, soak
from benchmarks.__main__ import main
from benchmarks.server import Place
from benchmarks.soak import Account, Soaked
from cams_async import Credentials, RequestTimeout
from tests.clock import Clock

Capture = pytest.CaptureFixture[str]


# --- sampling -------------------------------------------------------------------------


def of_tasks(figures: list[float]) -> sampling.Trend:
    """Return the trend of a figure."""
    samples = [{"seconds": float(at), "tasks": each} for at, each in enumerate(figures)]
    (trend,) = sampling.trends(samples)
    return trend


def test_what_stays_within_its_noise_is_flat() -> None:
    """The first third warms up; later, ups and downs are none of a trend's business."""
    trend = of_tasks([0.0] * 30 + [90.0, 110.0] * 15 + [100.0, 115.0, 105.0] * 10)

    assert (100, 105, 115) == (trend.before, trend.after, trend.most)
    assert trend.goal.met


@pytest.mark.parametrize("start", [0, 100, 1_000])
def test_what_leaks_is_found(start: int) -> None:
    """A leak grows as much in the last third as in the second, above all noise."""
    assert not of_tasks([float(start + at) for at in range(300)]).goal.met


async def test_what_a_process_holds_is_seen() -> None:
    """Each task, timer and object more counts."""
    loop = asyncio.get_running_loop()
    before = sampling.look()
    kept: list[Any] = [[] for _ in range(1_000)]
    timers = [loop.call_later(60, print) for _ in range(10)]
    task = asyncio.create_task(asyncio.sleep(60))

    after = sampling.look()

    for timer in timers:
        timer.cancel()
    task.cancel()
    grown = {name: after[name] - before[name] for name in before}
    assert (10, 1) == (grown["timers"], grown["tasks"])
    assert grown["objects"] >= len(kept)
    if sampling.PROC.exists():
        assert {"MiB of memory", "open files and sockets"} < set(after)


async def test_memory_and_files_are_left_out_where_nobody_tells_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not every system has /proc."""
    monkeypatch.setattr(sampling, "PROC", tmp_path / "none")

    assert {"tasks", "timers", "objects"} == set(sampling.look())


def test_a_slow_machine_is_looked_at_often_enough(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look may take so long that few of them fit into the time."""

    def look() -> sampling.Sample:
        clock.advance(2.0)
        return {"tasks": 1}

    monkeypatch.setattr(sampling, "look", look)

    samples = clock.run(sampling.watch(3.0))

    assert sampling.FEWEST == len(samples)
    assert [True] == [trend.goal.met for trend in sampling.trends(samples)]


# --- soak -----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_soak_accounts_for_every_call(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ceilings hold, every call has an end, and nothing is left running."""
    monkeypatch.setattr(soak, "WATCH", 0.5)
    path = tmp_path / "figures.json"

    main(["soak", "--minutes", "0.05", "--rate", "20", "--json", str(path)])

    printed = capsys.readouterr().out
    written = json.loads(path.read_text("utf-8"))
    always, flat = written["goals"][:5], written["goals"][5:]
    assert [True] * 5 == [goal["met"] for goal in always]
    assert {"tasks", "timers", "objects"} <= {
        goal["text"].partition(",")[0] for goal in flat
    }
    for report in written["figures"]["reports"].values():
        assert 5 == len(report["actions"])
    for ends in written["figures"]["ends"].values():
        assert ends["answered"] > 0
        assert ends["TimeoutError"] > 0
    assert "What the process held" in printed


def test_what_a_soak_must_not_do_fails_it() -> None:
    """A ceiling exceeded, a call without an end, a task left: each is told."""
    place = Place(1, "http://127.0.0.1:1", [Credentials("LTAIx", "secret")], [])
    account = Account("documented ceilings", place, {}, started=3)
    account.ended(None)
    account.ended(RequestTimeout("late"))
    report = {"actions": [{"violations": 2}, {"violations": 1}]}

    found = list(soak.goals(Soaked([account], {account.name: report}, [], 4)))

    assert Counter(answered=1, RequestTimeout=1) == account.ends
    assert [3, 1, 4] == [goal.found for goal in found]
    assert not any(goal.met for goal in found)


@pytest.mark.parametrize("text", ["0.04", "-1", "inf", "nan", "ten"])
def test_a_soak_wants_a_time(text: str, capsys: Capture) -> None:
    """What is no time is refused before anything starts."""
    with pytest.raises(SystemExit) as ended:
        main(["soak", "--minutes", text])

    assert 2 == ended.value.code
    assert f"{text!r} is not a number from 0.05 on" in capsys.readouterr().err


# --- scaling --------------------------------------------------------------------------


@pytest.mark.slow
def test_scaling_runs(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each size is measured, and compared with the smallest."""
    monkeypatch.setattr(scaling, "TURNS", 400)
    monkeypatch.setattr(scaling, "CALLS", 20)
    monkeypatch.setattr(scaling, "PAUSE", 0.1)
    series = scaling.SERIES
    smaller = [
        scaling.Series(each.what, sizes, each.measure, each.columns, each.grows)
        for each, sizes in zip(series, [(1, 50), (1, 5)], strict=True)
    ]
    monkeypatch.setattr(scaling, "SERIES", smaller)
    path = tmp_path / "figures.json"

    code = main(["scaling", "--quick", "--json", str(path)])

    written = json.loads(path.read_text("utf-8"))
    grown = written["figures"]["growth"]
    assert 3 == len(grown)
    assert [50, 50, 5] == [each["largest"]["size"] for each in grown]
    assert all(each["smallest"]["cost"] > 0 for each in grown)
    assert ["1", "50"] == [row[0] for row in written["tables"][0]["rows"]]
    assert (not all(goal["met"] for goal in written["goals"])) == code
    assert "us for a turn without waiting" in capsys.readouterr().out
