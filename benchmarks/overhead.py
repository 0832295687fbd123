"""What does a call cost, beside the official SDK and a plain aiohttp POST?

The ceilings are lifted, so that no call waits; the throttle is still in the path of
every call. Client and server share a core (see `comparison`). Reading a response
(`decode`) and importing the package (`imports`) are measured separately.
"""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks import decode, imports
from benchmarks.comparison import (
    AT_A_TIME,
    FULL,
    IDLE,
    OFFICIAL,
    OURS,
    QUICK,
    READ,
    SCHEMES,
    SIGNED,
    WRITE,
    Case,
    Run,
    Runs,
    bench,
    compare,
    compare_growing,
    compare_idle,
    mean,
    measure_ceilings,
    measure_numbers,
)
from benchmarks.record import MICRO, Goal, Result, Table, growth

OVER_SIGNED = 2.0
"""The bound of our CPU over that of a signed POST."""

OF_OFFICIAL = {"http": 40.0, "https": 1.0}
"""The bound of our CPU in percent of the official coroutines', by scheme."""

COSTS = ("us of CPU", "calls per second")

Sizes = Mapping[int, Sequence[Run]]


def run(*, quick: bool) -> Result:
    """Measure everything."""
    size = QUICK if quick else FULL
    with bench() as server:
        cases = {scheme: compare(server, scheme, size) for scheme in SCHEMES}
        idle = {scheme: compare_idle(server, scheme, size) for scheme in SCHEMES}
        growing = compare_growing(server, size)
        numbers = measure_numbers(server, size)
    ceilings = measure_ceilings(size)
    readings = decode.measure(quick=quick)
    programs = imports.measure(quick=quick)
    http = cases["http"]
    call = next(each for each in http if each.concurrency == AT_A_TIME)
    return Result(
        tables=[
            *(clients(scheme, listed) for scheme, listed in cases.items()),
            after_pause(idle),
            concurrency(growing),
            sizes("Longer responses", "numbers in a response", numbers),
            sizes("Higher ceilings", "calls per second allowed", ceilings),
            decode.table(readings),
            imports.table(programs),
        ],
        goals=[
            *goals([case for listed in cases.values() for case in listed], growing),
            *growth_goals(growing, numbers, ceilings),
            *decode.goals(readings, call.fast.median(OURS, "cpu") * MICRO),
            imports.goal(programs),
        ],
    )


CLIENTS_NOTE = """\
A "signed POST" is the least that a client can be: aiohttp and a signature, without rate
limits, time limits, retries, checks or types. Medians of the client's CPU time, garbage
collection included; "from" and "to" are the least and the most of the rounds. Calls per
second include the server's work. Connections are those opened for the first calls.\
"""


def clients(scheme: str, cases: Sequence[Case]) -> Table:
    """Return the table of the clients side by side."""
    return Table(
        title=f"A call over {scheme}",
        headers=(
            "calls at a time",
            "client",
            "x signed POST",
            "from",
            "to",
            "x cams_async",
            *COSTS,
            "connections",
        ),
        rows=[
            _client(case, name)
            for case in cases
            for name in dict.fromkeys((*case.fast.by_client, *case.slow.by_client))
        ],
        notes=CLIENTS_NOTE if scheme == SCHEMES[-1] else "",
    )


def _client(case: Case, name: str) -> list[str]:
    over_signed = ["-"] * 3
    runs = case.slow
    if name in case.fast.by_client:
        runs = case.fast
        ratios = runs.ratios(name, SIGNED)
        figures = runs.ratio(name, SIGNED), min(ratios), max(ratios)
        over_signed = [f"{figure:.2f}" for figure in figures]
    return [
        f"{case.concurrency:,}",
        name,
        *over_signed,
        f"{runs.ratio(name, OURS):.2f}",
        f"{runs.median(name, 'cpu') * MICRO:,.0f}",
        f"{1 / runs.median(name, 'seconds'):,.0f}",
        f"{case.connections[name]:,}",
    ]


def after_pause(idle: Mapping[str, Runs]) -> Table:
    """Return the table of calls that are not safe to retry, beside reads."""
    return Table(
        title="A call that is not safe to retry, after a pause",
        headers=(
            "scheme",
            "x CPU of a read",
            "x time of a read",
            "connections opened",
            "by a read",
        ),
        rows=[
            [
                scheme,
                f"{runs.ratio(WRITE, READ):.2f}",
                f"{runs.ratio(WRITE, READ, 'seconds'):.2f}",
                f"{runs.median(WRITE, 'connections'):.2f}",
                f"{runs.median(READ, 'connections'):.2f}",
            ]
            for scheme, runs in idle.items()
        ],
        notes=f"Such a call reuses a connection for less than {IDLE:g} s. "
        f"{AT_A_TIME} calls at a time, medians per call.",
    )


def concurrency(growing: Mapping[int, Runs]) -> Table:
    """Return the table of the cost as more calls are made at a time."""
    smallest = growing[min(growing)].by_client
    return Table(
        title="More calls at a time",
        headers=("calls at a time", "client", "x smallest", "x signed POST", *COSTS),
        rows=[
            [
                f"{size:,}",
                name,
                f"{mean(runs.by_client[name]) / mean(smallest[name]):.2f}",
                f"{mean(runs.by_client[name]) / mean(runs.by_client[SIGNED]):.2f}",
                *_costs(runs.by_client[name]),
            ]
            for name in smallest
            for size, runs in growing.items()
        ],
        notes="Means, since a full garbage collection happens once in many calls.",
    )


def sizes(title: str, header: str, runs: Sizes) -> Table:
    """Return the table of the mean cost by size."""
    smallest = mean(runs[min(runs)])
    return Table(
        title=title,
        headers=(header, "x smallest", *COSTS),
        rows=[
            [f"{size:,}", f"{mean(found) / smallest:.2f}", *_costs(found)]
            for size, found in runs.items()
        ],
    )


def _costs(runs: Sequence[Run]) -> tuple[str, str]:
    return f"{mean(runs) * MICRO:,.1f}", f"{1 / mean(runs, 'seconds'):,.0f}"


def goals(cases: Sequence[Case], growing: Mapping[int, Runs]) -> Iterator[Goal]:
    """Yield the goals for the clients side by side."""
    for case in cases:
        ratio = case.fast.ratio(OURS, SIGNED)
        yield Goal(f"CPU over a signed POST's, {case}", ratio, OVER_SIGNED)
        opened = case.connections[OURS] / case.concurrency
        yield Goal(f"connections for each call at a time, {case}", opened, 1)
        if case.concurrency > 1:
            percentage = 100 * case.slow.ratio(OURS, OFFICIAL)
            text = f"CPU in % of the official coroutines', {case}"
            yield Goal(text, percentage, OF_OFFICIAL[case.scheme])
    most = max(growing)
    runs = growing[most].by_client
    ratio = mean(runs[OURS]) / mean(runs[SIGNED])
    yield Goal(f"CPU over a signed POST's, {most:,} at a time", ratio, OVER_SIGNED)


def growth_goals(
    growing: Mapping[int, Runs], numbers: Sizes, ceilings: Sizes
) -> Iterator[Goal]:
    """Yield the goals for the cost of one unit of work as work grows."""
    calls = {size: mean(runs.by_client[OURS]) for size, runs in growing.items()}
    yield growth("us of CPU for a call", "calls at a time", calls)
    each = {size: mean(runs) / size for size, runs in numbers.items()}
    yield growth("us of CPU for a phone number", "numbers in a response", each)
    permits = {size: mean(runs) for size, runs in ceilings.items()}
    yield growth("us of CPU for a permit", "calls per second", permits)
