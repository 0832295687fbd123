"""The benchmark of holds on the event loop runs, and its responses are as named."""

import json
from pathlib import Path

import pytest

from benchmarks import stalls
from benchmarks.__main__ import main
from benchmarks.stalling import BODIES, SIZE


@pytest.mark.parametrize("name", BODIES)
def test_each_response_is_about_as_large_as_a_response_may_be(name: str) -> None:
    """A larger one is refused unread."""
    assert 0.75 * SIZE < len(BODIES[name]()) <= SIZE


@pytest.mark.slow
def test_the_quick_form_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every response is measured, and judged against its own JSON."""
    few = dict(list(BODIES.items())[:2])
    monkeypatch.setattr(stalls, "BODIES", few)
    path = tmp_path / "figures.json"
    code = main(["stalls", "--quick", "--json", str(path)])
    written = json.loads(path.read_text("utf-8"))

    assert code == (0 if all(goal["met"] for goal in written["goals"]) else 1)
    assert list(few) == [each["what"] for each in written["figures"]["stalls"]]
