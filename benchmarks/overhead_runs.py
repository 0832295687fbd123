"""The measurements of `overhead`: clients side by side, in processes of their own."""

import asyncio
import os
import ssl
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Any, TypeAlias

import trustme
from attrs import frozen

from benchmarks.children import Child
from benchmarks.waiters import ACTION, cpu_time
from cams_async import LocalThrottle, Scope

UNSIGNED, SIGNED, OURS = "unsigned POST", "signed POST", "cams_async"
OFFICIAL, THREADS = "official, async", "official, threads"
LISTS = "cams_async, lists"
READ, ONCE = "cams_async, read", "cams_async, once"

ASYNCIO, UVLOOP = "asyncio", "uvloop"

LEAST = (UNSIGNED, SIGNED, OURS)
"""Compared over many calls."""

OTHERS = (OURS, OFFICIAL, THREADS)
"""Compared over few calls: one of them is slow."""

CONCURRENCY = (1, 10, 100)
MANY = (1, 10, 100, 1_000)
NUMBERS = (1, 10, 100, 1_000)

CEILINGS = (100_000, 1_000_000, 10_000_000)
"""Calls per second: each more than there are, so that no turn waits."""

TURNS = 5_000

TOO_LONG = 1.0
"""Seconds idle: longer than a call that must not be repeated keeps a connection."""

WARM_UP = 10
"""Calls of each task before anything is measured."""

PROFILED = 10
"""How many calls at a time are profiled."""

AT_A_TIME = 10
"""How many calls at a time are measured after a pause."""

Run: TypeAlias = Mapping[str, float]
Runs: TypeAlias = Mapping[str, Sequence[Run]]
"""By client; the first runs of all belong together, and so on."""

Start: TypeAlias = Callable[[str, str, str], Child]
"""Starts a client by its name, over a scheme, on a kind of event loop."""


@frozen(kw_only=True)
class Size:
    """How much is measured."""

    calls: int
    """Of the quick clients, in a round."""

    few: Mapping[str, Sequence[int]]
    """Of all clients in a round, by scheme, for each concurrency."""

    starts: int
    """How often each client is started: two processes of one program may differ."""

    rounds: int
    """In each process."""

    rounds_of_few: Mapping[str, int]
    """The same of all clients, by scheme: over TLS one of them takes very long."""

    rounds_of_many: int
    """The same with more and more calls at a time: garbage is collected in few."""

    idle: int
    """Rounds of calls after a pause of a second, of a process."""


FULL = Size(
    calls=300,
    few={"http": (200, 500, 500), "https": (30, 60, 100)},
    starts=7,
    rounds=5,
    rounds_of_few={"http": 5, "https": 1},
    rounds_of_many=10,
    idle=20,
)
QUICK = Size(
    calls=200,
    few={"http": (100, 200, 300), "https": (5, 10, 100)},
    starts=1,
    rounds=5,
    rounds_of_few={"http": 5, "https": 1},
    rounds_of_many=10,
    idle=3,
)


@frozen(kw_only=True)
class Case:
    """The clients side by side, with so many calls at a time."""

    scheme: str
    loop: str
    concurrency: int
    least: Mapping[str, list[Run]]
    others: Mapping[str, list[Run]]
    connections: dict[str, int]
    """Opened for the first calls, by client."""

    def __str__(self) -> str:
        return f"{self.scheme}, {self.concurrency} at a time, {self.loop}"


@frozen(kw_only=True)
class Pool:
    """A call that must not be repeated beside a read, with some time between calls."""

    scheme: str
    idle: float
    """Seconds before each round in which no connection is in use."""

    runs: Mapping[str, list[Run]]
    """Each with the connections that were opened for a call."""


def ratios(runs: Runs, one: str, other: str, figure: str = "cpu") -> list[float]:
    """Return one's CPU, or another figure, over the other's, round by round."""
    pairs = zip(runs[one], runs[other], strict=True)
    return [mine[figure] / its[figure] for mine, its in pairs]


def ratio(runs: Runs, one: str, other: str, figure: str = "cpu") -> float:
    """Return the median of one's figure over the other's, in the same round."""
    return median(ratios(runs, one, other, figure))


def middle(runs: Sequence[Run], figure: str) -> float:
    """Return the median of a figure."""
    return median(run[figure] for run in runs)


def average(runs: Sequence[Run], figure: str) -> float:
    """Return the mean of a figure, which all that comes now and then is part of."""
    return fmean(run[figure] for run in runs)


def trust(directory: Path) -> tuple[Path, Mapping[str, str]]:
    """Make a server's certificate, and an environment whose clients trust it.

    The clients' own store is as large as it was, and one authority larger: what a
    client does to trust a server costs what it costs in production.
    """
    authority = trustme.CA()
    certificate, store = directory / "server.pem", directory / "store.pem"
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(certificate))
    known = ssl.get_default_verify_paths().cafile
    bundle = Path(known).read_bytes() if known else b""
    store.write_bytes(bundle + b"\n" + authority.cert_pem.bytes())
    return certificate, {"SSL_CERT_FILE": str(store)}


def take_turns(
    runs: Mapping[str, list[Run]],
    clients: Mapping[str, Child],
    concurrency: int,
    calls: int,
    rounds: int,
) -> None:
    """Let the clients that have runs take turns, so many calls each."""
    calls = max(calls, concurrency)
    for _ in range(rounds):
        for name, found in runs.items():
            found.append(clients[name].ask(calls=calls, concurrency=concurrency))


def start(
    origins: Mapping[str, str],
    environment: Mapping[str, str],
    name: str,
    scheme: str,
    loop: str,
) -> Child:
    """Start a client."""
    options = ["--uvloop"] * (loop == UVLOOP)
    arguments = ("benchmarks.callers", name, origins[scheme], *options)
    return Child(*arguments, environment=environment)


def compare(
    start: Start, server: Child, scheme: str, loop: str, size: Size
) -> list[Case]:
    """Measure the clients side by side, at every concurrency."""
    # The vendor's client has nothing to do with how quick the loop is.
    others = () if loop == UVLOOP else OTHERS
    cases = [
        Case(
            scheme=scheme,
            loop=loop,
            concurrency=concurrency,
            least={name: [] for name in LEAST},
            others={name: [] for name in others},
            connections={},
        )
        for concurrency in CONCURRENCY
    ]
    for _ in range(size.starts):
        with ExitStack() as stack:
            clients = {
                name: stack.enter_context(start(name, scheme, loop))
                for name in dict.fromkeys((*LEAST, *others))
            }
            for case, few in zip(cases, size.few[scheme], strict=True):
                at_a_time = case.concurrency
                case.connections.update(warm_up(clients, server, at_a_time))
                take_turns(case.least, clients, at_a_time, size.calls, size.rounds)
                rounds = size.rounds_of_few[scheme]
                take_turns(case.others, clients, at_a_time, few, rounds)
    return cases


def warm_up(
    clients: Mapping[str, Child], server: Child, concurrency: int
) -> dict[str, int]:
    """Make the first calls of new clients; return how many connections they opened."""
    connections: dict[str, int] = {}
    for name, client in clients.items():
        before = server.ask()["connections"]
        # One of them keeps nothing warm.
        calls = concurrency * (1 if name == OFFICIAL else WARM_UP)
        client.ask(calls=calls, concurrency=concurrency, afresh=True)
        connections[name] = server.ask()["connections"] - before
    return connections


def spread_out(start: Start, size: Size) -> dict[str, dict[int, list[Run]]]:
    """Measure a signed POST and our client with more and more calls at a time."""
    calls = max(size.calls, *MANY)
    runs: dict[str, dict[int, list[Run]]] = {
        name: {concurrency: [] for concurrency in MANY} for name in (SIGNED, OURS)
    }
    for _ in range(size.starts):
        with ExitStack() as stack:
            clients = {
                name: stack.enter_context(start(name, "http", ASYNCIO)) for name in runs
            }
            for client in clients.values():
                for concurrency in MANY:
                    client.ask(calls=WARM_UP * concurrency, concurrency=concurrency)
            for _ in range(size.rounds_of_many):
                for concurrency in MANY:
                    found = {name: runs[name][concurrency] for name in runs}
                    take_turns(found, clients, concurrency, calls, rounds=1)
    return runs


def pools(start: Start, server: Child, scheme: str, size: Size) -> list[Pool]:
    """Measure calls that must not be repeated beside reads.

    Back to back both reuse their connections. After a pause only reads do.
    """
    found = [
        Pool(scheme=scheme, idle=idle, runs={READ: [], ONCE: []})
        for idle in (0.0, TOO_LONG)
    ]
    with ExitStack() as stack:
        clients = {
            name: stack.enter_context(start(name, scheme, ASYNCIO))
            for name in (READ, ONCE)
        }
        for client in clients.values():
            client.ask(calls=WARM_UP * AT_A_TIME, concurrency=AT_A_TIME)
        for pool in found:
            # A pause costs a second, whatever the number of calls after it.
            calls = AT_A_TIME if pool.idle else max(size.calls, AT_A_TIME)
            for _ in range(size.idle):
                time.sleep(pool.idle)
                for name, client in clients.items():
                    before = server.ask()["connections"]
                    run = client.ask(calls=calls, concurrency=AT_A_TIME)
                    opened = server.ask()["connections"] - before
                    pool.runs[name].append(
                        {
                            "cpu": run["cpu"],
                            "seconds": run["seconds"],
                            "connections": opened / calls,
                        }
                    )
    return found


def grow(start: Start, server: Child, size: Size) -> dict[int, list[Run]]:
    """Measure our client with more and more phone numbers in an answer."""
    runs: dict[int, list[Run]] = {numbers: [] for numbers in NUMBERS}
    with start(LISTS, "http", ASYNCIO) as client:
        for _ in range(size.starts * size.rounds):
            for numbers in NUMBERS:
                server.ask(numbers=numbers)
                calls = max(10, size.calls // numbers)
                runs[numbers].append(client.ask(calls=calls, concurrency=10))
        server.ask()
    return runs


def raise_ceilings(size: Size) -> dict[int, list[Run]]:
    """Measure a turn of ours alone, under higher and higher ceilings."""
    runs: dict[int, list[Run]] = {ceiling: [] for ceiling in CEILINGS}
    for _ in range(size.starts * size.rounds):
        for ceiling in CEILINGS:
            cpu = asyncio.run(_permit(ceiling))
            runs[ceiling].append({"cpu": cpu, "seconds": cpu})
    return runs


async def _permit(ceiling: int) -> float:
    throttle = LocalThrottle()
    scope = Scope(account="", region="", action=ACTION, qps=ceiling)
    with cpu_time() as spent:
        for _ in range(TURNS):
            async with throttle.acquire(scope) as permit:
                permit.sent()
                permit.completed()
    return spent() / TURNS


def profiles(start: Start, size: Size) -> dict[str, Any]:
    """Profile a signed POST and our client."""
    found: dict[str, Any] = {}
    for name in (SIGNED, OURS):
        with start(name, "http", ASYNCIO) as client:
            client.ask(calls=size.calls, concurrency=PROFILED)
            run = client.ask(calls=size.calls, concurrency=PROFILED, watch=True)
            found[name] = run["profile"]
    return found


@contextmanager
def one_core() -> Generator[None, None, None]:
    """Let what is started meanwhile share one core, where the system can tell it to.

    Two that run at the same time slow each other down: they share a cache, or are two
    threads of one core. It would count against the client that keeps its server busy.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@contextmanager
def scene() -> Generator[tuple[Start, Child], None, None]:
    """Start the server; yield what starts clients of it, and it."""
    with one_core(), tempfile.TemporaryDirectory() as directory:
        certificate, environment = trust(Path(directory))
        with Child("benchmarks.responder", str(certificate)) as server:
            yield partial(start, server.ask(), environment), server
