"""The result of a benchmark as tables, goals and pictures, and its Markdown."""

import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attrs import asdict, field, frozen

from cams_async import __version__

HERE = Path(__file__).parent
PICTURES = HERE / "pictures"
PACKAGES = ("aiohttp", "aiolimiter", "attrs", "cattrs")

LINEAR = 1.5
"""The bound of a unit's cost at the largest size over that at the smallest."""

MICRO = 1e6

Summary = Mapping[str, Any]
"""A result with its command, date and environment, as it stands in results.json."""


@frozen(kw_only=True)
class Table:
    """A table of formatted cells."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: str = ""


@frozen
class Goal:
    """A figure and its upper bound."""

    text: str
    figure: float
    bound: float

    @property
    def met(self) -> bool:
        """Whether the figure is within the bound."""
        return self.figure <= self.bound


def growth(unit: str, of: str, costs: Mapping[int, float]) -> Goal:
    """Return the goal that the cost of one unit of work does not grow with its size.

    Args:
        unit: The unit of the costs and what costs it, as "us of CPU for a wait".
        of: The noun for the sizes, as "waiting tasks".
        costs: Costs of one unit of work by size.
    """
    smallest, largest = min(costs), max(costs)
    text = f"{unit}, {largest:,} {of} over {smallest:,}"
    return Goal(text, costs[largest] / costs[smallest], LINEAR)


@frozen(kw_only=True)
class Result:
    """The outcome of one run of a benchmark."""

    tables: Sequence[Table]
    goals: Sequence[Goal]
    pictures: Sequence[Path] = field(default=())

    def summarize(self, command: str, seconds: float) -> dict[str, Any]:
        """Return a JSON object with the command, its duration and the environment."""
        python = f"{platform.python_implementation()} {platform.python_version()}"
        packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        return {
            "command": command,
            "date": datetime.now(UTC).date().isoformat(),
            "seconds": round(seconds),
            "version": __version__,
            "environment": f"{python}, {packages}; {platform.system()} "
            f"{platform.machine()}, {os.cpu_count()} cores",
            "tables": [asdict(each) for each in self.tables],
            "goals": [
                {
                    "text": goal.text,
                    "figure": round(goal.figure, 2),
                    "bound": round(goal.bound, 2),
                    "met": goal.met,
                }
                for goal in self.goals
            ],
            "pictures": [path.relative_to(HERE).as_posix() for path in self.pictures],
        }


def section(name: str, question: str, summary: Summary) -> str:
    """Return the section of a benchmark in Markdown."""
    return "\n".join(_parts(name, question, summary))


def _parts(name: str, question: str, summary: Summary) -> Iterator[str]:
    yield f"## {name}\n\n{question}\n"
    yield (
        f"`{summary['command']}` on {summary['date']}, in {summary['seconds']:.0f} s:\n"
        f"cams_async {summary['version']}, {summary['environment']}.\n"
    )
    for each in summary["tables"]:
        yield f"### {each['title']}\n"
        yield table(each["headers"], each["rows"])
        if each["notes"]:
            yield each["notes"] + "\n"
    yield table(
        ("goal", "figure", "at most", "met"),
        [
            [
                goal["text"],
                _plain(goal["figure"]),
                _plain(goal["bound"]),
                "yes" if goal["met"] else "NO",
            ]
            for goal in summary["goals"]
        ],
    )
    for path in summary["pictures"]:
        yield f"![{name}]({path})\n"


def _plain(figure: float) -> str:
    return f"{figure:,.2f}".removesuffix("0").removesuffix(".0")


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
