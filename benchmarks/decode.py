"""`python -m benchmarks decode`: from the bytes of an answer to typed objects.

Beside the vendor's models, which check nothing and whose values are whatever stands in
the JSON; and beside reading the JSON alone, which all need.
"""

import argparse
from collections.abc import Iterator, Mapping
from statistics import median

from attrs import asdict, frozen

from benchmarks import record
from benchmarks.children import Child
from benchmarks.overhead_runs import ASYNCIO, OURS, scene
from benchmarks.record import Goal, Growth, Table
from cams_async.cli.options import Commands

NAME = "decode"

NUMBERS = (0, 1, 10, 100, 1_000)
"""In an answer; 0 stands for one number's status."""

MOST = 4.0
"""Of our CPU over that of the vendor's models, the JSON aside."""

SHARE = 5.0
"""The most percent of a whole call's CPU that its answer may take to read."""

OBJECTS = 10_000
"""Numbers read in a round, roughly."""

CALLS = 1_000
MICRO = 1e6


@frozen(kw_only=True)
class Reading:
    """What it takes to read an answer, in microseconds of CPU; medians."""

    numbers: int
    calling: bool

    json: float
    """From bytes to JSON."""

    official: float
    """From JSON to the vendor's models."""

    ours: float
    """From JSON to ours."""

    objects: float
    """Ours over the vendor's, the JSON aside; the median of the rounds."""

    total: float
    """The same, the JSON included."""

    @property
    def what(self) -> str:
        """Say which answer it is."""
        if not self.numbers:
            return "one number's status"
        form = "with calling settings" if self.calling else "as documented"
        plural = "" if self.numbers == 1 else "s"
        return f"{self.numbers:,} number{plural} {form}"


def measure(child: Child, numbers: int, *, calling: bool, rounds: int) -> Reading:
    """Measure one answer."""
    count = max(3, OBJECTS // max(1, numbers))
    runs = [
        child.ask(numbers=numbers, count=count, calling=calling) for _ in range(rounds)
    ]

    def middle(name: str) -> float:
        return MICRO * float(median(run[name] for run in runs))

    return Reading(
        numbers=numbers,
        calling=calling,
        json=middle("json"),
        official=middle("official"),
        ours=middle("ours"),
        objects=median(run["ours"] / run["official"] for run in runs),
        total=median(
            (run["json"] + run["ours"]) / (run["json"] + run["official"])
            for run in runs
        ),
    )


def measure_call() -> float:
    """Return the microseconds of CPU of a whole call for one number's status."""
    with scene() as (start, _), start(OURS, "http", ASYNCIO) as client:
        client.ask(calls=CALLS, concurrency=10)
        runs = [client.ask(calls=CALLS, concurrency=10) for _ in range(3)]
    return MICRO * float(median(run["cpu"] for run in runs))


HEADERS = (
    "answer",
    "x official",
    "x official with JSON",
    "us JSON alone",
    "us official models",
    "us cams_async",
)


def layout(readings: list[Reading]) -> Table:
    """Lay the readings out, ratios first."""
    rows = [
        [
            each.what,
            f"{each.objects:.2f}",
            f"{each.total:.2f}",
            f"{each.json:,.1f}",
            f"{each.official:,.1f}",
            f"{each.ours:,.1f}",
        ]
        for each in readings
    ]
    return Table(
        title="From an answer to objects",
        headers=HEADERS,
        rows=rows,
        notes=["CPU time, garbage collection included; medians."],
    )


def goals(readings: list[Reading], call: float) -> Iterator[Goal]:
    """Return what was promised."""
    for each in readings:
        if each.numbers:
            yield Goal(
                f"CPU over the official models', {each.what}", each.objects, MOST
            )
    status = next(each for each in readings if not each.numbers)
    share = 100 * (status.json + status.ours) / call
    yield Goal(f"% of a call's CPU, {status.what}", share, SHARE)


def growth(readings: list[Reading]) -> Growth:
    """Return what must not grow: the cost of a number."""
    costs: Mapping[int, float] = {
        each.numbers: each.ours / each.numbers
        for each in readings
        if each.numbers and not each.calling
    }
    return Growth(
        what="a number", against="numbers in an answer", unit="us of CPU", costs=costs
    )


def add(names: Commands) -> None:
    """Add the benchmark to the command line."""
    parser = names.add_parser(NAME, help="from the bytes of an answer to objects")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    record.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, print and write; 1 if a goal was missed."""
    rounds = 5 if options.quick else 25
    with Child("benchmarks.decoders") as child:
        readings = [
            measure(child, numbers, calling=calling, rounds=rounds)
            for calling in (False, True)
            for numbers in NUMBERS
            if numbers or not calling
        ]
    call = measure_call()
    return record.publish(
        options,
        NAME,
        [layout(readings)],
        {"readings": [asdict(each) for each in readings], "call": call},
        goals=goals(readings, call),
        growth=[growth(readings)],
    )
