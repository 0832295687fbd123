"""The summary of the last run of every benchmark: results.json and RESULTS.md.

`python -m benchmarks report` renders results.json into RESULTS.md. With `--run`, the
benchmarks run first, one after the other, each in its own process. A benchmark that
fails keeps its previous result and does not stop the others.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from benchmarks.record import HERE, Summary, section, table

SUMMARY = HERE / "results.json"
REPORT = HERE / "RESULTS.md"

TIMEOUT = 1800.0
"""Seconds after which a benchmark counts as failed."""

INTRODUCTION = """\
# Results

The last run of every benchmark. Each can be repeated by its command after
`pip install '.[bench]'`; `python -m benchmarks report --run` runs all of them and
renders this file from [results.json](results.json).
"""


def report(
    questions: Mapping[str, str], names: Iterable[str] | None, *, quick: bool
) -> int:
    """Run the named benchmarks, if any, and render the report.

    Args:
        questions: The question that each benchmark answers, by its name.
        names: The benchmarks to run; all if empty, none if None.
        quick: Whether to run their quick forms.

    Returns:
        1 if a benchmark failed, else 0.
    """
    results: dict[str, Summary] = {}
    if SUMMARY.exists():
        results = json.loads(SUMMARY.read_text("utf-8"))
    failures: list[str] = []
    if names is not None:
        for name in list(names) or questions:
            summary, failure = run(name, ["--quick"] if quick else [])
            if summary is not None:
                results[name] = summary
            if failure is not None:
                failures.append(f"FAILED: {name} ({failure})")
    ordered = {name: results[name] for name in questions if name in results}
    SUMMARY.write_text(dumps(ordered) + "\n", encoding="utf-8")
    REPORT.write_text(render(questions, ordered), encoding="utf-8")
    seconds = sum(each["seconds"] for each in ordered.values())
    print(f"{REPORT}: {len(ordered)} benchmarks, {seconds / 60:.0f} min.")
    for line in failures:
        print(line)
    return 1 if failures else 0


def run(name: str, options: Iterable[str]) -> tuple[Summary | None, str | None]:
    """Run a benchmark; return its summary and the reason of its failure, if any."""
    print(f"\n=== {name}", flush=True)
    with TemporaryDirectory() as directory:
        path = Path(directory) / "summary.json"
        command = [sys.executable, "-m", "benchmarks", name, *options]
        failure = None
        try:
            done = subprocess.run(  # noqa: S603 - our own module
                [*command, "--json", str(path)],
                cwd=HERE.parent,
                check=False,
                timeout=TIMEOUT,
            )
        except subprocess.TimeoutExpired:
            failure = f"it took more than {TIMEOUT:g} s"
        else:
            if done.returncode:
                failure = f"exit code {done.returncode}"
        summary = json.loads(path.read_text("utf-8")) if path.exists() else None
    return summary, failure


def render(questions: Mapping[str, str], results: Mapping[str, Summary]) -> str:
    """Return the report in Markdown."""
    rows: list[list[str]] = []
    for name, summary in results.items():
        met = sum(goal["met"] for goal in summary["goals"])
        rows.append(
            [
                f"[{name}](#{name})",
                questions[name],
                summary["date"],
                f"{summary['seconds']} s",
                f"{met} of {len(summary['goals'])}",
            ]
        )
    overview = table(("benchmark", "question", "date", "duration", "goals met"), rows)
    sections = (section(name, questions[name], each) for name, each in results.items())
    return "\n".join([INTRODUCTION, overview, *sections])


def dumps(value: Any, indent: str = "") -> str:
    """Return JSON in which lists and objects of plain values take one line each."""
    pairs = list(_pairs(value))
    if not any(isinstance(each, list | dict) for _, each in pairs):
        return json.dumps(value, ensure_ascii=False)
    deeper = indent + " "
    inner = ",\n".join(f"{deeper}{key}{dumps(each, deeper)}" for key, each in pairs)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n{inner}\n{indent}{closing}"


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, each in cast("dict[str, Any]", value).items():
            yield f"{json.dumps(key)}: ", each
    elif isinstance(value, list):
        for each in cast("Sequence[Any]", value):
            yield "", each
