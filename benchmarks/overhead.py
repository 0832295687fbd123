"""`python -m benchmarks overhead`: what a call costs the client, beside other clients.

The ceilings are lifted, so that nobody waits; the throttle is in the way all the same.
One server answers all, in a process of its own, as is each client, all on one core. The
clients take turns, so that whatever else goes on meets them alike, and are started anew
a few times, as two processes of the same program may differ.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import asdict

from benchmarks import record
from benchmarks.overhead_runs import (
    ASYNCIO,
    AT_A_TIME,
    FULL,
    OFFICIAL,
    ONCE,
    OURS,
    PROFILED,
    QUICK,
    READ,
    SIGNED,
    UVLOOP,
    Case,
    Pool,
    Run,
    average,
    compare,
    grow,
    middle,
    pools,
    profiles,
    raise_ceilings,
    ratio,
    ratios,
    scene,
    spread_out,
)
from benchmarks.record import Goal, Growth, Table
from cams_async.cli.options import Commands

NAME = "overhead"

MOST = 2.0
"""Of our CPU over that of a signed POST."""

SHARE = {"http": 40.0, "https": 1.0}
"""The most percent that our CPU may be of the vendor's coroutines': 2.5 and 100 x."""

MICRO = 1e6

PAIR = (ONCE, READ)

SHOWN = 20
"""Functions of the profile."""

HEADERS = (
    "calls at a time",
    "client",
    "x signed POST",
    "from",
    "to",
    "x cams_async",
    "us of CPU",
    "calls per second",
    "connections",
)

COSTS = ("us of CPU", "a second")

NOTES = """\
"signed POST" is the least that a client can be: aiohttp and a signature, with no
ceilings, time limits, retries, checks or types. Figures are medians; CPU time is the
client's, garbage collection included; "from" and "to" are the least and the most of the
rounds. Client and server share a core, so that neither slows the other down: calls per
second are those of both. Connections are those of the first calls: ten for each that
goes on at a time, but one of the official coroutines.\
""".splitlines()


def layout(cases: Sequence[Case]) -> Table:
    """Lay out the clients side by side, ratios first."""
    first = cases[0]
    return Table(
        title=f"A call over {first.scheme}, on {first.loop}",
        headers=HEADERS,
        rows=[
            _row(case, name)
            for case in cases
            for name in dict.fromkeys((*case.least, *case.others))
        ],
        notes=NOTES,
    )


def _row(case: Case, name: str) -> list[str]:
    over_least, least, most = "-", "-", "-"
    if name in case.least:
        found = ratios(case.least, name, SIGNED)
        over_least = f"{ratio(case.least, name, SIGNED):.2f}"
        least, most = f"{min(found):.2f}", f"{max(found):.2f}"
    runs = case.least if name in case.least else case.others
    return [
        f"{case.concurrency:,}",
        name,
        over_least,
        least,
        most,
        f"{ratio(runs, name, OURS):.2f}",
        f"{middle(runs[name], 'cpu') * MICRO:,.0f}",
        f"{1 / middle(runs[name], 'seconds'):,.0f}",
        f"{case.connections[name]:,}",
    ]


def goals(
    cases: Sequence[Case], tasks: Mapping[str, Mapping[int, Sequence[Run]]]
) -> Iterator[Goal]:
    """Return what was promised of the clients side by side."""
    for case in cases:
        over = ratio(case.least, OURS, SIGNED)
        yield Goal(f"CPU over a signed POST's, {case}", over, MOST)
        opened = case.connections[OURS] / case.concurrency
        yield Goal(f"connections for each call at a time, {case}", opened, 1)
        if OFFICIAL in case.others and case.concurrency > 1:
            share = 100 * ratio(case.others, OURS, OFFICIAL)
            text = f"CPU in % of the official coroutines', {case}"
            yield Goal(text, share, SHARE[case.scheme])
    most = max(tasks[OURS])
    over = _times(tasks[OURS][most], tasks[SIGNED][most])
    yield Goal(f"CPU over a signed POST's, {most:,} at a time", over, MOST)


SPREAD = """\
Means: a full collection of garbage comes once in more than a thousand calls, so that a
median would count it for nothing or for every one. It goes through all that calls in
flight keep, and asyncio and aiohttp keep most of that for any client.\
"""


def layout_spread(tasks: Mapping[str, Mapping[int, Sequence[Run]]]) -> Table:
    """Lay out what a call costs as more go on at a time, beside a signed POST."""
    return Table(
        title="More and more calls at a time",
        headers=("calls at a time", "client", "x smallest", "x signed POST", *COSTS),
        rows=[
            [
                f"{size:,}",
                name,
                f"{_times(found, runs[min(runs)]):.2f}",
                f"{_times(found, tasks[SIGNED][size]):.2f}",
                *_costs(found),
            ]
            for name, runs in tasks.items()
            for size, found in runs.items()
        ],
        notes=SPREAD.splitlines(),
    )


POOLS = f"""\
The same call twice, {AT_A_TIME} at a time: as a read, and as one that must not be
repeated, whose connections are kept for less than a second. After a pause that long
none of them is left. Figures are medians; "from" and "to" are the least and the most of
the rounds. Connections are those opened for each call.\
"""


def layout_pools(pools: Sequence[Pool]) -> Table:
    """Lay out what a call that must not be repeated costs, beside a read."""
    rows: list[list[str]] = []
    for pool in pools:
        found = ratios(pool.runs, ONCE, READ)
        rows.append(
            [
                pool.scheme,
                f"{pool.idle:g} s" if pool.idle else "back to back",
                f"{ratio(pool.runs, ONCE, READ):.2f}",
                f"{min(found):.2f}",
                f"{max(found):.2f}",
                f"{ratio(pool.runs, ONCE, READ, 'seconds'):.2f}",
                *(f"{middle(pool.runs[name], 'cpu') * MICRO:,.0f}" for name in PAIR),
                *(f"{middle(pool.runs[name], 'connections'):.2f}" for name in PAIR),
            ]
        )
    return Table(
        title="A call that must not be repeated, over a read",
        headers=(
            "scheme",
            "pause before",
            "x CPU of a read",
            "from",
            "to",
            "x time of a read",
            "us of CPU",
            "of a read",
            "connections opened",
            "by a read",
        ),
        rows=rows,
        notes=POOLS.splitlines(),
    )


def layout_sizes(title: str, what: str, runs: Mapping[int, Sequence[Run]]) -> Table:
    """Lay out what a call, or a turn, costs on average as something grows."""
    return Table(
        title=title,
        headers=(what, "x smallest", *COSTS),
        rows=[
            [f"{size:,}", f"{_times(found, runs[min(runs)]):.2f}", *_costs(found)]
            for size, found in runs.items()
        ],
    )


def _times(runs: Sequence[Run], others: Sequence[Run]) -> float:
    return average(runs, "cpu") / average(others, "cpu")


def _costs(runs: Sequence[Run]) -> tuple[str, str]:
    cpu, seconds = average(runs, "cpu"), average(runs, "seconds")
    return f"{cpu * MICRO:,.0f}", f"{1 / seconds:,.0f}"


LAYERS = f"""\
Microseconds for each call, {PROFILED} at a time, under the profiler, which makes small
functions dear. The ratio is what the layer adds, over all of a signed POST.\
"""


def layout_layers(found: Mapping[str, Any]) -> Table:
    """Lay out where the time of a call goes, ours beside a signed POST's."""
    mine, least = found[OURS]["layers"], found[SIGNED]["layers"]
    more = {name: mine[name] - least.get(name, 0.0) for name in mine}
    total = sum(least.values())
    return Table(
        title="Where the time of a call goes, by layer",
        headers=("layer", "x signed POST", OURS, SIGNED, "more"),
        rows=[
            [
                name,
                f"{more[name] / total:.2f}",
                f"{mine[name]:.1f}",
                f"{least.get(name, 0.0):.1f}",
                f"{more[name]:.1f}",
            ]
            for name in sorted(mine, key=lambda name: -more[name])
        ],
        notes=LAYERS.splitlines(),
    )


def layout_functions(found: Mapping[str, Any]) -> Table:
    """Lay out the functions that take longest."""
    return Table(
        title="The functions that take longest",
        headers=("in", "function", "times", "us"),
        rows=[
            [
                each["where"],
                each["function"],
                f"{each['times']:.1f}",
                f"{each['own']:.1f}",
            ]
            for each in found[OURS]["functions"][:SHOWN]
        ],
    )


def growth(
    tasks: Mapping[int, Sequence[Run]],
    numbers: Mapping[int, Sequence[Run]],
    ceilings: Mapping[int, Sequence[Run]],
) -> list[Growth]:
    """Return what must not grow faster than the work."""
    each = {size: cost / size for size, cost in _micro(numbers).items()}
    return [
        Growth(what=what, against=against, unit=COSTS[0], costs=costs)
        for what, against, costs in (
            ("a call", "calls at a time", _micro(tasks)),
            ("a phone number", "numbers in an answer", each),
            ("a turn", "calls per second", _micro(ceilings)),
        )
    ]


def _micro(sizes: Mapping[int, Sequence[Run]]) -> dict[int, float]:
    return {size: average(runs, "cpu") * MICRO for size, runs in sizes.items()}


def add(names: Commands) -> None:
    """Add the benchmark to the command line."""
    parser = names.add_parser(
        NAME, help="what a call costs the client, beside other clients"
    )
    parser.add_argument("--quick", action="store_true", help="fewer calls, once each")
    record.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, print and write; 1 if a goal was missed."""
    size = QUICK if options.quick else FULL
    with scene() as (start, server):
        compared = [
            compare(start, server, scheme, loop, size)
            for loop in (ASYNCIO, UVLOOP)
            for scheme in ("http", "https")
        ]
        pooled = [
            pool
            for scheme in ("http", "https")
            for pool in pools(start, server, scheme, size)
        ]
        tasks = spread_out(start, size)
        numbers = grow(start, server, size)
        found = profiles(start, size)
    ceilings = raise_ceilings(size)
    cases = [case for listed in compared for case in listed]
    return record.publish(
        options,
        NAME,
        [
            *map(layout, compared),
            layout_pools(pooled),
            layout_spread(tasks),
            layout_sizes("Longer and longer answers", "numbers in an answer", numbers),
            layout_sizes("Higher and higher ceilings", "calls per second", ceilings),
            layout_layers(found),
            layout_functions(found),
        ],
        {
            "cases": [asdict(case) for case in cases],
            "pools": [asdict(pool) for pool in pooled],
            "calls at a time": tasks,
            "numbers in an answer": numbers,
            "ceilings": ceilings,
            "profiles": found,
        },
        # On uvloop for the record only.
        goals=goals([case for case in cases if case.loop == ASYNCIO], tasks),
        growth=growth(tasks[OURS], numbers, ceilings),
    )
