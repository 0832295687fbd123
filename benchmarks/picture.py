"""Pictures of figures over time, in panels below each other."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

WITHIN = "#2a6f97"
ABOVE = "#c1121f"

Lines = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""Seconds and figures by the title of a panel."""


def last_second(samples: Sequence[tuple[float, int]]) -> Sequence[float]:
    """Return the arrivals of the last second from (seconds, arrivals so far)."""
    times = [moment for moment, _ in samples]
    totals = [0.0, *(total for _, total in samples)]
    # totals[i] is the total before sample i.
    return [
        total - totals[bisect_right(times, moment - 1.0)] for moment, total in samples
    ]


def draw_arrivals(path: Path, title: str, lines: Lines, ceiling: float) -> list[Path]:
    """Draw arrivals in the last second against a ceiling; return the files made."""

    def draw(panel: Any, times: Sequence[float], counts: Sequence[float]) -> None:
        held = [min(count, ceiling) for count in counts]
        style = {"step": "post", "alpha": 0.8, "linewidth": 0}
        panel.fill_between(times, held, color=WITHIN, **style)
        panel.fill_between(times, held, counts, color=ABOVE, **style)
        panel.axhline(ceiling, color="black", linewidth=1, linestyle="--")
        panel.set_ylim(0, max(2 * ceiling, 1.1 * max(counts)))

    return _draw(path, title, lines, draw)


def draw_figures(path: Path, title: str, lines: Lines) -> list[Path]:
    """Draw figures from 0; return the files made."""

    def draw(panel: Any, times: Sequence[float], figures: Sequence[float]) -> None:
        panel.plot(times, figures, color=WITHIN, linewidth=1)
        panel.set_ylim(0, 1.2 * max(figures))

    return _draw(path, title, lines, draw)


def _draw(
    path: Path,
    title: str,
    lines: Lines,
    draw: Callable[[Any, Sequence[float], Sequence[float]], None],
) -> list[Path]:
    try:
        matplotlib: Any = import_module("matplotlib")
        figures: Any = import_module("matplotlib.figure")
    except ImportError:
        print("No picture: matplotlib is not installed (pip install '.[bench]').")
        return []
    # The same figures always give the same file; text stays text, which is smaller.
    settings = {"svg.hashsalt": "cams_async", "svg.fonttype": "none"}
    matplotlib.rcParams.update(settings)
    size = 8, 1.5 * len(lines) + 0.8
    figure = figures.Figure(figsize=size, layout="constrained")
    panels: list[Any] = list(
        figure.subplots(len(lines), sharex=True, squeeze=False).flat
    )
    for panel, (name, (times, values)) in zip(panels, lines.items(), strict=True):
        draw(panel, times, values)
        panel.set_title(name, loc="left", fontsize=9)
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
    figure.suptitle(title, fontsize=11)
    panels[-1].set_xlabel("seconds")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    return [path]
