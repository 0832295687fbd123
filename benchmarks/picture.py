"""Pictures: what happened over time, in panels below each other."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
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


def draw(path: Path, results: Sequence[Drawn]) -> list[Path]:
    """Draw the arrivals of runs, as the server counted them; return the files made."""
    first = results[0]
    title = (
        f"{first.fan_out} tasks against a ceiling of {first.ceiling:g} calls per second"
        "\narrivals within the last second, as the server counted them"
    )

    def draw_all(panels: Sequence[Any]) -> None:
        for panel, result in zip(panels, results, strict=True):
            _draw_one(panel, result)

    return _draw(path, title, len(results), draw_all)


def draw_lines(
    path: Path, title: str, times: Sequence[float], lines: Mapping[str, Sequence[float]]
) -> list[Path]:
    """Draw figures over seconds, each from 0; return the files made."""

    def draw_all(panels: Sequence[Any]) -> None:
        for panel, (name, figures) in zip(panels, lines.items(), strict=True):
            panel.plot(times, figures, color=WITHIN, linewidth=1)
            panel.set_ylim(0, 1.2 * max(figures))
            panel.set_title(name, loc="left", fontsize=9)

    return _draw(path, title, len(lines), draw_all)


def _draw(
    path: Path, title: str, count: int, draw_all: Callable[[Sequence[Any]], None]
) -> list[Path]:
    try:
        matplotlib: Any = import_module("matplotlib")
        figures: Any = import_module("matplotlib.figure")
    except ImportError:
        print("No picture: matplotlib is not installed (pip install '.[bench]').")
        return []
    # The same figures always give the same file.
    matplotlib.rcParams["svg.hashsalt"] = "cams_async"
    size = 8, 1.5 * count + 0.8
    figure = figures.Figure(figsize=size, layout="constrained")
    grid = figure.subplots(count, sharex=True, squeeze=False)
    panels: list[Any] = list(grid.flat)
    draw_all(panels)
    for panel in panels:
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
    figure.suptitle(title, fontsize=11)
    panels[-1].set_xlabel("seconds")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    return [path]


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
