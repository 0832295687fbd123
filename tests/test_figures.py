"""README claims no figure that a benchmark has not printed.

README marks what is measured: between `<!-- figures: NAME -->` and `<!-- /figures -->`
every figure must stand in that benchmark's section of benchmarks/RESULTS.md, and every
row of a table in one row there. Elsewhere there are no times, sizes or ratios.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.report import REPORT, RESULTS, load, render

README = Path(__file__).parent.parent.joinpath("README.md").read_text("utf-8")

DOCUMENTED: frozenset[str] = frozenset()
"""Times, sizes and ratios in README that are not measured: constants of the package."""

_PASSAGE = re.compile(r"<!-- figures: (\w+) -->(.*?)<!-- /figures -->", re.DOTALL)
_CODE = re.compile(r"```.*?```|`[^`\n]*`|\]\([^)]*\)|<!--.*?-->", re.DOTALL)
_NUMBER = r"(?<![\w.])\d+(?:[.-]\d+)*"
_MEASURED = r"ms|us|[KMG]iB|x|%"
_FIGURE = re.compile(rf"({_NUMBER})(?: ?({_MEASURED}|s|/s)(?!\w))?")


def normal(text: str) -> str:
    """Return text without what only makes figures prettier."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    return re.sub(r"(?<=\d) (?=%)", "", text.replace("`", "").replace("*", ""))


def figures(text: str) -> set[str]:
    """Return the figures of a text; one with a unit also stands there without it."""
    found = _FIGURE.findall(normal(text))
    return {number for number, _ in found} | {number + unit for number, unit in found}


def rows(text: str) -> Iterator[list[str]]:
    """Return the cells of the tables' rows, without those of headers and rules."""
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        for line in block.splitlines()[2:]:
            yield [cell.strip() for cell in normal(line).strip("|").split("|")]


def section(results: str, name: str) -> str:
    """Return a benchmark's section of the report."""
    found = re.search(
        rf"^## {name}\n(.*?)(?=^## |\Z)", results, re.DOTALL | re.MULTILINE
    )
    return found[1] if found else ""


def unproven(readme: str, results: str) -> Iterator[str]:
    """Return what README says has been measured, and the results do not show."""
    for name, passage in _PASSAGE.findall(readme):
        shown = section(results, name)
        printed = [set(row) for row in rows(shown)]
        for row in rows(passage):
            if not any(set(row) <= cells for cells in printed):
                yield f"{name}: | {' | '.join(row)} |"
        prose = re.sub(r"^\|.*\|\n", "", passage, flags=re.MULTILINE)
        for number, unit in _FIGURE.findall(normal(_CODE.sub("", prose))):
            if number + unit not in figures(shown):
                yield f"{name}: {number} {unit}".rstrip()
    elsewhere = normal(_CODE.sub("", _PASSAGE.sub("", readme)))
    for figure in re.findall(rf"{_NUMBER} ?(?:{_MEASURED})(?!\w)", elsewhere):
        if figure not in DOCUMENTED:
            yield f"outside of any passage: {figure}"


def test_each_figure_in_the_readme_stands_in_the_results() -> None:
    """A figure that no run has printed is a claim, not a measurement."""
    assert _PASSAGE.findall(README)
    assert README.count("<!-- figures: ") == len(_PASSAGE.findall(README))
    assert [] == list(unproven(README, REPORT.read_text("utf-8")))


def test_the_results_are_what_the_report_makes_of_them() -> None:
    """RESULTS.md is never edited: `python -m benchmarks report` writes it."""
    benchmarks = {each.NAME: each.__doc__ or "" for each in BENCHMARKS}
    results = load(benchmarks, RESULTS)

    assert sorted(results) == sorted(path.stem for path in RESULTS.glob("*.json"))
    assert render(benchmarks, results) == REPORT.read_text("utf-8")
    for result in results.values():
        for picture in result["pictures"]:
            assert (REPORT.parent / picture).exists()


SHOWN = """\
## ceilings

On 2026-11-20: CPython 3.11.7, 2 cores, 20 to 120 ms each way.

| tasks | limiter | refused | finished |
| --- | --- | --- | --- |
| 100 | cams_async | 0.0% | 11.2 s |
| 10,000 | none | 90.0% | 0.3 s |

## waiting

100 waiting take 7 us each.
"""

PASSAGE = """\
<!-- figures: ceilings -->
100 tasks, 20 to 120 ms each way:

| limiter | refused | finished |
| --- | --- | --- |
| cams_async | 0.0 % | 11.2 s |
| `none` | 90.0 % | 0.3 s |

On 2026-11-20 (2 cores), up to 10,000 tasks; see `python -m benchmarks --rate 77`.
<!-- /figures -->
<!-- figures: waiting -->
7 us.
<!-- /figures -->
"""


def test_figures_of_the_results_may_be_quoted() -> None:
    """Units may stand apart, code may be marked, and code spans are no figures."""
    assert [] == list(unproven(PASSAGE, SHOWN))


@pytest.mark.parametrize(
    ("told", "changed", "found"),
    [
        ("11.2 s", "11.1 s", "ceilings: | cams_async | 0.0% | 11.1 s |"),
        ("0.3 s", "11.2 s", "ceilings: | none | 90.0% | 11.2 s |"),
        ("120 ms", "119 ms", "ceilings: 119 ms"),
        ("120 ms", "120 us", "ceilings: 120 us"),
        ("2026-11-20", "2026-11-21", "ceilings: 2026-11-21"),
        ("10,000", "20,000", "ceilings: 20000"),
        ("figures: waiting", "figures: soak", "soak: 7 us"),
        ("7 us.\n", "7 us.\n<!-- /figures -->\n3 x\n", "outside of any passage: 3 x"),
    ],
)
def test_a_figure_of_no_run_is_found(told: str, changed: str, found: str) -> None:
    """The rule can fail: a figure, a row, a unit or a date that no run has printed."""
    assert [found] == list(unproven(PASSAGE.replace(told, changed), SHOWN))
