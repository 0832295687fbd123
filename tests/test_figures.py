"""Every figure of README between figure marks stands in benchmarks/RESULTS.md.

Between `<!-- figures: NAME -->` and `<!-- /figures -->` each figure must occur in the
section NAME of the results, and each row of a table in one row of that section.
"""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT.joinpath("README.md").read_text("utf-8")
RESULTS = ROOT.joinpath("benchmarks", "RESULTS.md").read_text("utf-8")

_PASSAGE = re.compile(r"<!-- figures: (\w+) -->(.*?)<!-- /figures -->", re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_FIGURE = re.compile(
    r"(?<![\w.])(\d+(?:[.-]\d+)*)(?: ?(ms|us|[KMG]iB|x|%|s|/s)(?!\w))?"
)


def normal(text: str) -> str:
    """Return text without thousands separators, marks of code, and space before %."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    return re.sub(r"(?<=\d) (?=%)", "", text.replace("`", "").replace("*", ""))


def figures(text: str) -> set[str]:
    """Return the figures of a text, with and without their units."""
    found = _FIGURE.findall(normal(text))
    return {number for number, _ in found} | {number + unit for number, unit in found}


def rows(text: str) -> Iterator[set[str]]:
    """Yield the cells of each row of the tables in a text."""
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        for line in block.splitlines()[2:]:
            yield {cell.strip() for cell in normal(line).strip("|").split("|")}


def test_each_figure_in_the_readme_stands_in_the_results() -> None:
    """A figure that no run has printed is a claim and not a measurement."""
    passages = _PASSAGE.findall(README)

    assert passages
    assert README.count("<!-- figures: ") == len(passages)
    for name, passage in passages:
        _, _, after = RESULTS.partition(f"\n## {name}\n")
        section = after.partition("\n## ")[0]
        for row in rows(passage):
            assert any(row <= printed for printed in rows(section)), row
        prose = re.sub(r"^\|.*\|\n", "", passage, flags=re.MULTILINE)
        for number, unit in _FIGURE.findall(normal(_CODE.sub("", prose))):
            assert number + unit in figures(section)
