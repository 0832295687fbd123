"""`python -m benchmarks stalls`: the longest hold on the loop by a large response.

Beside one `json.loads` of the same bytes. Where that gives up early, as on HTML, beside
that of a list of phone numbers of the same size.
"""

import argparse
from collections.abc import Iterator
from statistics import median
from typing import Any

from attrs import asdict, frozen

from benchmarks import record
from benchmarks.children import Child
from benchmarks.record import Goal, Table
from benchmarks.stalling import BODIES
from cams_async.cli.options import Commands

NAME = "stalls"

MOST = 2.0
"""Of a hold over one `json.loads`: about twice."""

MILLI = 1e3


@frozen(kw_only=True)
class Stall:
    """The longest hold by one response, in milliseconds of CPU; medians."""

    what: str

    json: float
    """Of one `json.loads` of the same bytes."""

    held: float
    """Garbage collection aside."""

    collecting: float
    """Garbage collection included."""

    ratio: float
    """Of `held` to the larger of `json` and that of documented numbers."""


def measure(child: Child, rounds: int) -> list[Stall]:
    """Measure every response."""
    runs = {
        (what, collect): [child.ask(body=what, collect=collect) for _ in range(rounds)]
        for what in BODIES
        for collect in (False, True)
    }

    def middle(what: str, name: str, *, collect: bool = False) -> float:
        return MILLI * float(median(run[name] for run in runs[what, collect]))

    usual = middle(next(iter(BODIES)), "json")
    return [
        Stall(
            what=what,
            json=middle(what, "json"),
            held=middle(what, "held"),
            collecting=middle(what, "held", collect=True),
            ratio=middle(what, "held") / max(usual, middle(what, "json")),
        )
        for what in BODIES
    ]


def layout(stalls: list[Stall]) -> Table:
    """Lay the holds out, ratios first."""
    return Table(
        title="The longest hold on the event loop by a response of 1 MiB",
        headers=("response", "x JSON", "ms JSON alone", "ms held", "ms with garbage"),
        rows=[
            [
                each.what,
                f"{each.ratio:.2f}",
                f"{each.json:.1f}",
                f"{each.held:.1f}",
                f"{each.collecting:.1f}",
            ]
            for each in stalls
        ],
        notes=[
            "CPU time; medians. The last column includes the interpreter's garbage",
            "collections, which take longer the more objects there are.",
        ],
    )


def goals(stalls: list[Stall]) -> Iterator[Goal]:
    """Return what was promised."""
    for each in stalls:
        yield Goal(f"longest hold over json.loads, {each.what}", each.ratio, MOST)


def add(names: Commands) -> None:
    """Add the benchmark to the command line."""
    parser = names.add_parser(
        NAME, help="the hold on the event loop by large responses"
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    record.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, print and write; 1 if a goal was missed."""
    with Child("benchmarks.stalling") as child:
        stalls = measure(child, rounds=5 if options.quick else 25)
    figures: dict[str, Any] = {"stalls": [asdict(each) for each in stalls]}
    return record.publish(options, NAME, [layout(stalls)], figures, goals=goals(stalls))
