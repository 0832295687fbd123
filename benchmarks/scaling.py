"""`python -m benchmarks scaling`: what a turn costs with many scopes, or many clients.

A scope is an account's action; each has a line of its own in the throttle. The number
of turns is always the same, spread over more and more scopes: those that need not
wait, and those that wait together for a pause to end. The clients share one scope.
"""

import argparse
import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import cycle, islice
from statistics import median
from typing import Any

from attrs import frozen

from benchmarks import record
from benchmarks.record import Growth, Table
from benchmarks.waiters import ACTION, CEILING, KEY, AnswersAtOnce, cpu_time
from cams_async import CamsClient, LocalThrottle, Scope
from cams_async.cli.options import Commands
from cams_async.operations import GetPhoneNumberVerificationStatus

NAME = "scaling"

SCOPES = (1, 10, 100, 1_000, 10_000)
CLIENTS = (1, 10, 100, 1_000)

TURNS = 40_000
"""Of all scopes together; at least two for each."""

CALLS = 4_000
"""Of all clients together; fewer than the ceiling, so that none waits."""

PAUSE = 1.5
"""Seconds, more than it takes to join."""

OPEN = 100_000.0
"""Calls per second of each scope: no turn waits but for a pause."""

REPEAT = 3
MICRO = 1e6

OPERATION = GetPhoneNumberVerificationStatus(
    phone_number="8613800000000", cust_space_id="cams-0001"
)


def scopes(count: int) -> list[Scope]:
    """Return scopes of as many accounts."""
    return [
        Scope(account=f"account{place}", region="", action=ACTION, qps=OPEN)
        for place in range(count)
    ]


async def take(throttle: LocalThrottle, scope: Scope) -> None:
    """Take a turn, and be answered at once."""
    async with throttle.acquire(scope) as permit:
        permit.sent()
        permit.completed()


async def measure_scopes(count: int) -> dict[str, float]:
    """Return the microseconds of CPU for a scope, and for two kinds of turns."""
    throttle, listed = LocalThrottle(), scopes(count)
    with cpu_time() as making:
        for scope in listed:
            await take(throttle, scope)
    with cpu_time() as free:
        for scope in islice(cycle(listed), TURNS):
            await take(throttle, scope)
    for scope in listed:
        async with throttle.acquire(scope) as permit:
            permit.throttled(PAUSE)
    with cpu_time() as waiting:
        async with asyncio.TaskGroup() as tasks:
            for scope in islice(cycle(listed), TURNS):
                tasks.create_task(take(throttle, scope))
    return {
        "make": making() / count * MICRO,
        "free": free() / TURNS * MICRO,
        "waiting": waiting() / TURNS * MICRO,
    }


async def measure_clients(count: int) -> dict[str, float]:
    """Return the microseconds of CPU for a client, and for a whole call."""
    throttle = LocalThrottle()
    async with AsyncExitStack() as stack:
        with cpu_time() as making:
            clients = [
                CamsClient(
                    KEY,
                    qps={ACTION: CEILING},
                    throttle=throttle,
                    transport=AnswersAtOnce(),
                )
                for _ in range(count)
            ]
        for client in clients:
            await stack.enter_async_context(client)
        await clients[0].send(OPERATION)
        with cpu_time() as calling:
            for client in islice(cycle(clients), CALLS):
                await client.send(OPERATION)
    return {"make": making() / count * MICRO, "call": calling() / CALLS * MICRO}


@frozen
class Series:
    """Costs by size."""

    what: str
    """One of what is counted, in the plural."""

    sizes: Sequence[int]
    measure: Callable[[int], Any]
    columns: Mapping[str, str]
    """What each measured figure is the cost of."""

    grows: Sequence[str]
    """The figures that must not grow with the size."""


SERIES = (
    Series(
        "scopes",
        SCOPES,
        measure_scopes,
        {
            "make": "a new scope's first turn",
            "free": "a turn without waiting",
            "waiting": "a task that waits for its turn",
        },
        ("free", "waiting"),
    ),
    Series(
        "clients of one scope",
        CLIENTS,
        measure_clients,
        {"make": "a new client", "call": "a call but the network"},
        ("call",),
    ),
)

Costs = Mapping[int, Mapping[str, float]]


def measure(series: Series, *, most: int, repeat: int) -> Costs:
    """Measure every size in turn, again and again, and return medians."""
    sizes = [size for size in series.sizes if size <= most]
    runs: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    for _ in range(repeat):
        for size in sizes:
            runs[size].append(asyncio.run(series.measure(size)))
    return {
        size: {name: median(run[name] for run in found) for name in series.columns}
        for size, found in runs.items()
    }


def layout(series: Series, costs: Costs) -> Table:
    """Lay the costs out; the ratios are over the smallest size."""
    first = costs[min(costs)]
    headers = [series.what]
    for name, cost in series.columns.items():
        headers += [f"us for {cost}"] + ["x smallest"] * (name in series.grows)
    rows: list[list[str]] = []
    for size, found in costs.items():
        row = [f"{size:,}"]
        for name in series.columns:
            row.append(f"{found[name]:.1f}")
            if name in series.grows:
                row.append(f"{found[name] / first[name]:.2f}")
        rows.append(row)
    return Table(
        title=f"Many {series.what}",
        headers=headers,
        rows=rows,
        notes=["Times are CPU time without garbage collection, medians."],
    )


def growth(series: Series, costs: Costs) -> list[Growth]:
    """Return what must not grow."""
    return [
        Growth(
            what=series.columns[name],
            against=series.what,
            unit="us of CPU",
            costs={size: found[name] for size, found in costs.items()},
        )
        for name in series.grows
    ]


def add(names: Commands) -> None:
    """Add the benchmark to the command line."""
    parser = names.add_parser(
        NAME, help="what a turn costs with many scopes, or many clients"
    )
    parser.add_argument(
        "--quick", action="store_true", help="no more than 1,000 scopes, once each"
    )
    record.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, print and write; 1 if a cost grows faster than the work."""
    most, repeat = (1_000, 1) if options.quick else (max(SCOPES), REPEAT)
    found = [(series, measure(series, most=most, repeat=repeat)) for series in SERIES]
    return record.publish(
        options,
        NAME,
        [layout(series, costs) for series, costs in found],
        {series.what: costs for series, costs in found},
        growth=[each for series, costs in found for each in growth(series, costs)],
    )
