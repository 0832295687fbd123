"""The picture of the ceilings benchmark: arrivals per second over time."""

from bisect import bisect_right
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

WITHIN = "#2a6f97"
ABOVE = "#c1121f"


class Drawn(Protocol):
    """A result that can be drawn."""

    @property
    def contestant(self) -> str:
        """Its name."""
        ...

    @property
    def ceiling(self) -> float:
        """Calls per second."""
        ...

    @property
    def fan_out(self) -> int:
        """How many tasks there were."""
        ...

    @property
    def samples(self) -> Sequence[Sequence[float]]:
        """(seconds, arrivals so far)."""
        ...


def last_second(samples: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    """Turn (seconds, arrivals so far) into (seconds, arrivals of the last second)."""
    times = [moment for moment, _ in samples]
    totals = [0.0, *(total for _, total in samples)]
    # totals[place] is what had arrived by the sample before the place-th.
    counts = [
        total - totals[bisect_right(times, moment - 1.0)] for moment, total in samples
    ]
    return times, counts


def steps(
    times: Sequence[float], counts: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Leave out what repeats the count before it, except at the end."""
    kept = [
        place
        for place, count in enumerate(counts)
        if place in (0, len(counts) - 1) or count != counts[place - 1]
    ]
    return [times[place] for place in kept], [counts[place] for place in kept]


def draw(path: Path, results: Sequence[Drawn]) -> str:
    """Draw the results below each other; return a line that says what became of it."""
    try:
        matplotlib: Any = import_module("matplotlib")
        figures: Any = import_module("matplotlib.figure")
    except ImportError:
        return "No picture: matplotlib is not installed (pip install '.[bench]')."
    # The same figures always give the same file.
    matplotlib.rcParams["svg.hashsalt"] = "cams_async"
    size = 8, 1.5 * len(results) + 0.8
    figure = figures.Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(results), sharex=True, squeeze=False)
    panels: list[Any] = list(grid.flat)
    for panel, result in zip(panels, results, strict=True):
        _draw_one(panel, result)
    first = results[0]
    figure.suptitle(
        f"{first.fan_out} tasks against a ceiling of {first.ceiling:g} calls per second"
        "\narrivals within the last second, as the server counted them",
        fontsize=11,
    )
    panels[-1].set_xlabel("seconds")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    return f"Picture: {path}"


def _draw_one(panel: Any, result: Drawn) -> None:
    times, counts = steps(*last_second(result.samples))
    ceiling = result.ceiling
    kept = [min(count, ceiling) for count in counts]
    panel.fill_between(times, kept, step="post", color=WITHIN, alpha=0.8, linewidth=0)
    panel.fill_between(
        times, kept, counts, step="post", color=ABOVE, alpha=0.8, linewidth=0
    )
    panel.axhline(ceiling, color="black", linewidth=1, linestyle="--")
    panel.set_ylim(0, max(2 * ceiling, 1.1 * max(counts)))
    panel.set_title(
        f"{result.contestant}: at most {max(counts):g}", loc="left", fontsize=9
    )
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
