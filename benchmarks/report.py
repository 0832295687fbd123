"""`python -m benchmarks report`: all results in one file, `benchmarks/RESULTS.md`.

With `--run`, each benchmark runs first, one after the other, in a process of its own.
One that fails is told of, keeps the result that it had, and does not stop the others.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.record import HERE, LINEAR, PACKAGES
from cams_async.cli.options import Commands

NAME = "report"
RESULTS = HERE / "results"
REPORT = HERE / "RESULTS.md"

LONGEST = 1800.0
"""Seconds that a benchmark may take before it counts as failed."""

INTRODUCTION = """\
# Results

The last run of every benchmark, as it was printed.
Each can be run again by its command, after `pip install '.[bench]'`;
`python -m benchmarks report --run` runs all of them, and writes this file.
The raw figures are in [results](results).
"""

GROWTH = f"""\
## How cost grows

What one unit of work costs, at the smallest size and at the largest.
A ratio near 1 is linear; above {LINEAR:g} the benchmark fails.
"""

Result = Mapping[str, Any]


def add(names: Commands, benchmarks: Mapping[str, str]) -> None:
    """Add the command to the command line, for benchmarks with their docstrings."""
    parser = names.add_parser(NAME, help="all results in one file, RESULTS.md")
    parser.add_argument(
        "--run",
        action="store_true",
        dest="first",
        help="run all benchmarks first, or those named",
    )
    parser.add_argument(
        "--quick", action="store_true", help="run them in their quick form"
    )
    parser.add_argument(
        "names",
        metavar="NAME",
        nargs="*",
        help="run only this one; the report always has the results of all",
    )
    parser.set_defaults(run=partial(_run, parser, benchmarks))


def _run(
    parser: argparse.ArgumentParser,
    benchmarks: Mapping[str, str],
    options: argparse.Namespace,
) -> int:
    for name in options.names:
        if name not in benchmarks:
            parser.error(f"NAME must be one of {', '.join(benchmarks)}, not {name!r}")
    if not options.first and (options.quick or options.names):
        parser.error("--quick and NAME are about benchmarks to run: add --run")
    failed: list[str] = []
    if options.first:
        names = options.names or benchmarks
        failed = list(run_all(names, RESULTS, ["--quick"] if options.quick else []))
    results = load(benchmarks, RESULTS)
    REPORT.write_text(render(benchmarks, results), encoding="utf-8")
    seconds = sum(result["seconds"] for result in results.values())
    print(f"{REPORT}: {len(results)} benchmarks, which took {seconds / 60:.0f} min.")
    for line in failed:
        print(line)
    return 1 if failed else 0


def run_all(
    names: Iterable[str], results: Path, arguments: Sequence[str]
) -> Iterator[str]:
    """Run benchmarks, one after the other, and yield a line for each that failed."""
    for name in names:
        print(f"\n=== {name}", flush=True)
        with TemporaryDirectory() as scratch:
            path = Path(scratch) / f"{name}.json"
            why = run_one(name, [*arguments, "--json", str(path)])
            if path.exists():
                results.mkdir(exist_ok=True)
                text = path.read_text("utf-8")
                (results / path.name).write_text(text, encoding="utf-8")
                kept = "its result says which goal was missed"
            else:
                kept = "it has no new result"
        if why is not None:
            yield f"FAILED: {name} ({why}); {kept}."


def run_one(name: str, arguments: Sequence[str]) -> str | None:
    """Run a benchmark in a process of its own; return why it failed, or None."""
    command = [sys.executable, "-m", "benchmarks", name, *arguments]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, cwd=HERE.parent, check=False, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        return f"it took more than {LONGEST:g} s"
    return f"exit code {done.returncode}" if done.returncode else None


def load(benchmarks: Iterable[str], results: Path) -> dict[str, Result]:
    """Read the results that there are, in the order of the benchmarks."""
    paths = {name: results / f"{name}.json" for name in benchmarks}
    return {
        name: json.loads(path.read_text("utf-8"))
        for name, path in paths.items()
        if path.exists()
    }


def render(benchmarks: Mapping[str, str], results: Mapping[str, Result]) -> str:
    """Return the report in Markdown; the same results always give the same text."""
    claims = {name: _claim(docstring) for name, docstring in benchmarks.items()}
    parts = [INTRODUCTION, _overview(results, claims)]
    for name, result in results.items():
        parts += _section(name, claims[name], result)
    growth = [
        [name, *_growth_row(each)]
        for name, result in results.items()
        for each in result["figures"]["growth"]
    ]
    if growth:
        headers = ("benchmark", "cost", "at the smallest", "at the largest", "ratio")
        parts += [GROWTH, _table(headers, growth)]
    return "\n".join(parts)


def _claim(docstring: str) -> str:
    """Return the first paragraph of a docstring, without how it is run."""
    paragraph = docstring.partition("\n\n")[0]
    claim = " ".join(paragraph.split()).partition("`: ")[2]
    return claim[:1].upper() + claim[1:]


def _overview(results: Mapping[str, Result], claims: Mapping[str, str]) -> str:
    rows: list[list[str]] = []
    for name, result in results.items():
        goals = result["goals"]
        met = sum(goal["met"] for goal in goals)
        rows.append(
            [
                f"[{name}](#{name})",
                claims[name],
                result["date"][:10],
                f"{result['seconds']:.0f} s",
                f"{met} of {len(goals)}" if goals else "-",
            ]
        )
    return _table(("benchmark", "what it shows", "date", "took", "goals met"), rows)


def _section(name: str, claim: str, result: Result) -> Iterator[str]:
    machine, versions = result["machine"], result["versions"]
    packages = ", ".join(f"{name} {versions[name]}" for name in PACKAGES)
    yield f"## {name}\n\n{claim}\n"
    yield (
        f"`{result['command']}` on {result['date'][:10]}, "
        f"in {result['seconds']:.0f} s:\n{versions['python']}, "
        f"cams_async {versions['cams_async']}, {packages};\n"
        f"{machine['system']} {machine['architecture']}, {machine['cores']} cores.\n"
    )
    for table in result["tables"]:
        yield f"### {table['title']}\n"
        yield _table(table["headers"], table["rows"])
        if table["notes"]:
            yield "\n".join(table["notes"]) + "\n"
    if result["goals"]:
        lines = "\n".join(goal["line"] for goal in result["goals"])
        yield f"```text\n{lines}\n```\n"
    for path in result["pictures"]:
        yield f"![{name}]({path})\n"


def _growth_row(growth: Mapping[str, Any]) -> list[str]:
    def at(size: Mapping[str, float]) -> str:
        return (
            f"{_amount(size['cost'])} {growth['unit']} "
            f"({size['size']:,} {growth['against']})"
        )

    smallest, largest = growth["smallest"], growth["largest"]
    return [growth["what"], at(smallest), at(largest), f"{growth['ratio']:.2f}"]


def _amount(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n"
        for line in lines
    )
