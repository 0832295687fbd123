"""What a benchmark leaves behind: tables and figures, and where they come from."""

import argparse
import json
import os
import platform
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from cams_async import __version__
from cams_async.cli.report import table

PACKAGES = ("aiohttp", "aiolimiter", "attrs", "cattrs")
HERE = Path(__file__).parent

LINEAR = 1.5
"""How much more a unit may cost at the largest size than at the smallest."""


@frozen(kw_only=True)
class Table:
    """A table as it is printed: what stands in it is shown as it is."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        parts = [self.title, table(self.headers, self.rows)]
        if self.notes:
            parts.append("\n".join(self.notes))
        return "\n\n".join(parts)


@frozen
class Goal:
    """A figure that was promised."""

    text: str
    found: float
    most: float

    @property
    def met(self) -> bool:
        """Whether it was kept."""
        return self.found <= self.most

    def __str__(self) -> str:
        verdict = "met" if self.met else "NOT MET"
        return (
            f"{verdict:7}  {self.text}: {_plain(self.found)}, at most "
            f"{_plain(self.most)}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self) | {"met": self.met}


def _plain(figure: float) -> str:
    return f"{figure:,.2f}".removesuffix("0").removesuffix(".0")


@frozen(kw_only=True)
class Growth:
    """How the cost of one unit of work changes as the work grows."""

    what: str
    """What costs, as "a turn"."""

    against: str
    """What grows, as "tasks waiting"."""

    unit: str
    """Of the costs, as "us of CPU"."""

    costs: Mapping[int, float]
    """By size; each is for one unit of work, never for all of them."""

    @property
    def ratio(self) -> float:
        """The cost at the largest size over that at the smallest."""
        return self.costs[max(self.costs)] / self.costs[min(self.costs)]

    @property
    def goal(self) -> Goal:
        """The promise that it grows no faster than the work."""
        sizes = f"{max(self.costs):,} {self.against} over {min(self.costs):,}"
        return Goal(f"{self.unit} for {self.what}, {sizes}", self.ratio, LINEAR)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        smallest, largest = min(self.costs), max(self.costs)
        return {
            "what": self.what,
            "against": self.against,
            "unit": self.unit,
            "smallest": {"size": smallest, "cost": self.costs[smallest]},
            "largest": {"size": largest, "cost": self.costs[largest]},
            "ratio": self.ratio,
        }


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option that every benchmark has."""
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write all figures to a file"
    )


def start(options: argparse.Namespace, arguments: Sequence[str]) -> None:
    """Note how and when a benchmark was started."""
    options.command = shlex.join(["python", "-m", "benchmarks", *_without(arguments)])
    options.began = time.perf_counter()


def _without(arguments: Iterable[str]) -> list[str]:
    """Leave out where the JSON goes: it changes nothing of what is measured."""
    kept: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--json":
            next(rest, None)
        elif not argument.startswith("--json="):
            kept.append(argument)
    return kept


def origin() -> dict[str, Any]:
    """Return the machine, the versions and the date."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "system": platform.system(),
            "release": platform.release(),
            "architecture": platform.machine(),
            "cores": os.cpu_count(),
        },
        "versions": {
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "cams_async": __version__,
            **{name: version(name) for name in PACKAGES},
        },
    }


def heading(name: str, found: Mapping[str, Any] | None = None) -> str:
    """Return one line that says what was measured where: here, or as recorded."""
    found = origin() if found is None else found
    machine, versions = found["machine"], found["versions"]
    packages = ", ".join(f"{name} {versions[name]}" for name in PACKAGES[:2])
    return (
        f"{name}: cams_async {versions['cams_async']}, {packages}, "
        f"{versions['python']}, "
        f"{machine['system']} {machine['architecture']}, {machine['cores']} cores, "
        f"{found['date'][:10]}"
    )


def publish(
    options: argparse.Namespace,
    name: str,
    tables: Iterable[Table],
    figures: Mapping[str, Any],
    *,
    pictures: Iterable[Path] = (),
    goals: Iterable[Goal] = (),
    growth: Iterable[Growth] = (),
) -> int:
    """Print the tables and how the goals turned out; with `--json`, write everything.

    Returns the exit code: 1 if a goal was not met, or a cost grows faster than the
    work. `options` are those that `start` has seen.
    """
    tables, growth = list(tables), list(growth)
    goals = [*goals, *(each.goal for each in growth)]
    found = origin()
    print(heading(name, found))
    for each in tables:
        print(f"\n{each}")
    if goals:
        print("", *goals, sep="\n")
    if options.json is not None:
        record = {
            "benchmark": name,
            **found,
            "command": options.command,
            "seconds": round(time.perf_counter() - options.began, 1),
            "tables": [asdict(each) for each in tables],
            "pictures": [_relative(path) for path in pictures],
            "goals": [goal.as_dict() | {"line": str(goal)} for goal in goals],
            "figures": {**figures, "growth": [each.as_dict() for each in growth]},
        }
        options.json.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        options.json.write_text(text, encoding="utf-8")
    return 0 if all(goal.met for goal in goals) else 1


def _relative(path: Path) -> str:
    """Return the path as seen from benchmarks/, where RESULTS.md is."""
    path = path.resolve()
    return (path.relative_to(HERE) if path.is_relative_to(HERE) else path).as_posix()
