"""What benchmarks leave behind, and the report that is made of it."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import record, report
from benchmarks.__main__ import main
from benchmarks.record import Goal, Growth, Table

Capture = pytest.CaptureFixture[str]

TABLE = Table(
    title="How fast",
    headers=("what", "time"),
    rows=[["a|b", "3 ms"]],
    notes=["Medians of", "ten runs."],
)
GROWTH = Growth(
    what="a turn",
    against="tasks waiting",
    unit="us of CPU",
    costs={10: 2.0, 1_000: 1.0, 10_000: 4.0},
)


@pytest.fixture
def options(tmp_path: Path) -> argparse.Namespace:
    """Return the options of a benchmark that was started to write JSON."""
    path = tmp_path / "new" / "name.json"
    options = argparse.Namespace(json=path)
    record.start(options, ["name", "--json", str(path), "--rate", "2", "--json=x"])
    return options


def test_what_is_published_is_printed_and_written(
    options: argparse.Namespace, capsys: Capture
) -> None:
    """Figures without a machine, versions, a date and a command are worth nothing."""
    picture = record.HERE / "pictures" / "name.svg"

    code = record.publish(
        options, "name", [TABLE], {"figure": 1}, pictures=[picture, Path("/x.svg")]
    )

    printed = capsys.readouterr().out
    written = json.loads(options.json.read_text("utf-8"))
    assert 0 == code
    assert printed.startswith(f"{record.heading('name', written)}\n\nHow fast\n\nwhat")
    assert printed.endswith("a|b   3 ms\n\nMedians of\nten runs.\n")
    assert "name" == written["benchmark"]
    assert "python -m benchmarks name --rate 2" == written["command"]
    assert {"figure": 1, "growth": []} == written["figures"]
    assert ["pictures/name.svg", "/x.svg"] == written["pictures"]
    assert written["machine"]["cores"] > 0
    assert {"python", "cams_async", "aiohttp", "aiolimiter"} <= set(written["versions"])
    assert written["seconds"] >= 0


def test_a_missed_goal_is_the_exit_code(
    options: argparse.Namespace, capsys: Capture
) -> None:
    """A promise that did not hold must not look like success."""
    kept, missed = Goal("calls lost", 2, 2), Goal("KiB each", 1234.5, 2)

    assert 0 == record.publish(options, "name", [], {}, goals=[kept])
    assert 1 == record.publish(options, "name", [], {}, goals=[kept, missed])
    printed = capsys.readouterr().out
    assert "met      calls lost: 2, at most 2\n" in printed
    assert "NOT MET  KiB each: 1,234.5, at most 2\n" in printed


def test_a_cost_may_not_grow_faster_than_the_work(
    options: argparse.Namespace, capsys: Capture
) -> None:
    """What a unit costs at the largest size is compared with the smallest."""
    assert 1 == record.publish(options, "name", [], {}, growth=[GROWTH])

    (grown,) = json.loads(options.json.read_text("utf-8"))["figures"]["growth"]
    expected = (
        "NOT MET  us of CPU for a turn, 10,000 tasks waiting over 10: 2, at most 1.5"
    )

    assert expected in capsys.readouterr().out
    assert 2.0 == grown["ratio"]
    assert {"size": 10, "cost": 2.0} == grown["smallest"]
    assert {"size": 10_000, "cost": 4.0} == grown["largest"]


def published(options: argparse.Namespace) -> Any:
    """Return the JSON of a benchmark with a table, a picture, a goal and a growth."""
    picture = record.HERE / "pictures" / "name.svg"
    goals = [Goal("calls lost", 0, 0)]
    record.publish(
        options, "name", [TABLE], {}, pictures=[picture], goals=goals, growth=[GROWTH]
    )
    return json.loads(options.json.read_text("utf-8"))


def test_the_report_shows_all_that_was_published(options: argparse.Namespace) -> None:
    """Claim, command, machine, tables, goals, pictures: there is nothing to look up."""
    result = published(options)
    docstring = "`python -m benchmarks name`: how fast\nit is.\n\nMore."

    shown = report.render({"name": docstring, "other": "..."}, {"name": result})

    date = result["date"][:10]
    assert f"| [name](#name) | How fast it is. | {date} | 0 s | 1 of 2 |\n" in shown
    assert "\n## name\n\nHow fast it is.\n\n`python -m benchmarks name --rate" in shown
    assert f"{result['machine']['cores']} cores" in shown
    assert "### How fast\n\n| what | time |\n| --- | --- |\n| a\\|b | 3 ms |\n" in shown
    assert "\nMedians of\nten runs.\n" in shown
    assert "met      calls lost: 0, at most 0\nNOT MET  us of CPU" in shown
    assert "\n![name](pictures/name.svg)\n" in shown
    assert shown.endswith(
        "| name | a turn | 2 us of CPU (10 tasks waiting) "
        "| 4 us of CPU (10,000 tasks waiting) | 2.00 |\n"
    )
    assert shown == report.render({"name": docstring}, {"name": result})


def test_the_report_leaves_out_what_there_is_not() -> None:
    """No benchmark has run yet: there is a report all the same."""
    shown = report.render({"name": "..."}, {})

    assert shown.startswith("# Results\n")
    assert "## " not in shown


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let results and report be written elsewhere."""
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(report, "REPORT", tmp_path / "RESULTS.md")
    return tmp_path


def test_a_benchmark_that_fails_does_not_stop_the_others(
    places: Path,
    options: argparse.Namespace,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One command makes all results, and tells which of them to distrust."""
    result = published(options)
    asked: list[list[str]] = []

    def run(
        command: list[str], **settings: Any
    ) -> "subprocess.CompletedProcess[bytes]":
        asked.append(command)
        name, path = command[3], Path(command[-1])
        if name == "soak":
            raise subprocess.TimeoutExpired(command, settings["timeout"])
        if name == "scaling":
            return subprocess.CompletedProcess(command, 2)
        path.write_text(json.dumps(result | {"benchmark": name}), encoding="utf-8")
        return subprocess.CompletedProcess(command, int(name == "waiting"))

    monkeypatch.setattr(subprocess, "run", run)
    names = ["ceilings", "scaling", "soak", "waiting"]

    assert 1 == main(["report", "--run", "--quick", *names])

    printed = capsys.readouterr().out
    written = (places / "RESULTS.md").read_text("utf-8")
    stored = (places / "results").iterdir()
    assert names == [command[3] for command in asked]
    assert [sys.executable, "-m", "benchmarks", "ceilings", "--quick"] == asked[0][:5]
    assert ["ceilings.json", "waiting.json"] == sorted(path.name for path in stored)
    assert "FAILED: scaling (exit code 2); it has no new result." in printed
    assert "FAILED: soak (it took more than 1800 s); it has no new result." in printed
    assert "FAILED: waiting (exit code 1); its result says which goal was " in printed
    assert "ceilings (" not in printed
    assert "## ceilings\n" in written
    assert "## scaling\n" not in written


def test_all_benchmarks_run_unless_some_are_named(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without names, `report --run` leaves nothing out."""
    asked: list[str] = []

    def run_one(name: str, arguments: list[str]) -> None:
        assert "--json" == arguments[0]
        asked.append(name)

    monkeypatch.setattr(report, "run_one", run_one)

    assert 0 == main(["report", "--run"])
    assert {"ceilings", "scaling", "soak", "waiting"} <= set(asked)
    assert (places / "RESULTS.md").exists()


def test_a_benchmark_runs_in_a_process_of_its_own() -> None:
    """Its exit code is why it failed, if it did."""
    assert report.run_one("ceilings", ["--help"]) is None
    assert "exit code 2" == report.run_one("ceilings", ["--no-such-option"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--run", "other"], "NAME must be one of "),
        (["ceilings"], "add --run"),
        (["--quick"], "add --run"),
    ],
)
def test_the_report_refuses_what_makes_no_sense(
    arguments: list[str], said: str, places: Path, capsys: Capture
) -> None:
    """A name that is not known, or options of a run without a run."""
    with pytest.raises(SystemExit) as ended:
        main(["report", *arguments])

    assert 2 == ended.value.code
    assert said in capsys.readouterr().err
    assert not (places / "RESULTS.md").exists()
