"""The benchmark of very many calls: its pure parts, and its smallest form."""

import json
from pathlib import Path

import pytest

from benchmarks import bulk, bulk_worker
from benchmarks.__main__ import main
from benchmarks.bulk import LEAST, MIB, Cost, Costs
from benchmarks.bulk_worker import KINDS, MEMORY, ONE_BY_ONE, POLL, WATCH

Capture = pytest.CaptureFixture[str]

LINUX = pytest.mark.skipif(not MEMORY.exists(), reason="only Linux tells its memory")


def cost(kind: str, count: int, peak: float = 6.0, cpu: float = 70.0) -> Cost:
    """Return a cost, from microseconds for each and MiB."""
    held = round(peak * MIB)
    return Cost(kind=kind, count=count, cpu=cpu * count / 1e6, peak=held, held=held)


def costs(*listed: Cost) -> Costs:
    """Return costs, those of watch among them."""
    every = (*listed, cost(WATCH, 10, 12.0), cost(WATCH, 1000, 1200.0))
    return {(each.kind, each.count): each for each in every}


def test_memory_that_grows_misses_its_goals() -> None:
    """Both bounds count: so many MiB, and no more with more operations."""
    good = costs(cost(POLL, 10), cost(POLL, 1000, 60.0 / 10))
    bad = costs(cost(POLL, 10), cost(POLL, 1000, 61.0))

    assert [True, True] == [goal.met for goal in bulk.goals(good)]
    assert [False, False] == [goal.met for goal in bulk.goals(bad)]


def test_costs_that_grow_miss_their_goals() -> None:
    """Of each operation, and of each number that is pending."""
    found = costs(cost(POLL, 10), cost(POLL, 1000, cpu=140.0))

    polled, pending = bulk.growth(found)

    assert (False, True) == (polled.goal.met, pending.goal.met)
    assert pytest.approx((2.0, 1.0)) == (polled.ratio, pending.ratio)


def test_costs_are_laid_out() -> None:
    """A row for each, with its ratio where the same was done one by one."""
    found = costs(cost(ONE_BY_ONE, 10, 0.5), cost(POLL, 10, cpu=84.0))

    table = bulk.layout(found)[0]

    assert ["10", POLL, "1.20", "84", "6.0", "614.40"] == table.rows[1]
    assert "-" == table.rows[3][2]


def test_only_poll_runs_at_the_largest_size() -> None:
    """The others would hold too much."""
    kinds = [kind for kind, count in bulk.cases(bulk.COUNTS) if count == 1_000_000]

    assert [POLL] == kinds
    assert len(KINDS) * 2 + 1 == len(bulk.cases(bulk.COUNTS))


@LINUX
@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_is_measured(kind: str) -> None:
    """It costs time, and what an idle client holds is left out."""
    usage = await bulk_worker.measure(kind, 100)

    assert usage.cpu > 0
    assert usage.held < 50 * MIB


def test_too_few_are_refused(capsys: Capture) -> None:
    """Before anything is measured."""
    with pytest.raises(SystemExit) as ended:
        main(["bulk", "--count", str(LEAST - 1)])

    assert 2 == ended.value.code
    assert f"'{LEAST - 1}' is not a number from {LEAST} on" in capsys.readouterr().err


def test_other_systems_are_told(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is the point of it: without that there is nothing to measure."""
    monkeypatch.setattr(bulk, "MEMORY", tmp_path / "nowhere")

    assert 1 == main(["bulk"])
    assert "which only Linux has" in capsys.readouterr().err


@LINUX
@pytest.mark.slow
def test_the_quick_form_runs(tmp_path: Path, capsys: Capture) -> None:
    """Each measurement has its own process; the figures are written."""
    path = tmp_path / "figures.json"

    main(["bulk", "--quick", "--count", str(LEAST), "--json", str(path)])

    printed = capsys.readouterr().out
    written = json.loads(path.read_text("utf-8"))

    assert list(KINDS) == [each["kind"] for each in written["figures"]["costs"]]
    assert "met      MiB over an idle client for poll, 1,000 operations" in printed
