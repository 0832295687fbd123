"""The measurements of `overhead`: clients in turn, each in its own process.

One responder serves all. The clients take turns, so that other load on the machine
affects them alike, and each is started several times, because two processes of the
same program may differ.
"""

import asyncio
import gc
import os
import ssl
import tempfile
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import fmean, median
from typing import TypeAlias

import trustme
from attrs import field, frozen

from benchmarks.processes import Child
from benchmarks.responses import ACTION
from cams_async import LocalThrottle, Scope

UNSIGNED, SIGNED, OURS = "unsigned POST", "signed POST", "cams_async"
OFFICIAL, THREADS = "official, async", "official, threads"
LIST, READ, WRITE = "cams_async, list", "cams_async, read", "cams_async, write"

FAST = (UNSIGNED, SIGNED, OURS)
"""Clients compared over many calls."""

SLOW = (OURS, OFFICIAL, THREADS)
"""Clients compared over few calls, because the official coroutines are slow."""

SCHEMES = ("http", "https")
CONCURRENCY = (1, 10, 100)
GROWING = (1, 10, 100, 1_000)
NUMBERS = (1, 10, 100, 1_000)

CEILINGS = (100_000, 1_000_000, 10_000_000)
"""Calls per second: each more than are made, so that no call waits."""

PERMITS = 5_000

IDLE = 1.0
"""Seconds: longer than a call that is not safe to retry keeps a connection."""

WARM_UP = 10
"""Calls of each task before a measurement."""

AT_A_TIME = 10
"""Concurrent calls, where concurrency is not the question."""

Run: TypeAlias = Mapping[str, float]
"""Figures per call, as "cpu" and "seconds"."""


@frozen(kw_only=True)
class Size:
    """The amount of work measured."""

    calls: int
    """Calls of each fast client in a round."""

    slow_calls: Mapping[str, Sequence[int]]
    """Calls of each slow client in a round, by scheme, for each concurrency."""

    slow_rounds: Mapping[str, int]
    """Rounds of the slow clients in each process, by scheme."""

    starts: int
    """Processes of each client, one after the other."""

    rounds: int
    """Rounds in each process."""

    growing_rounds: int
    """The same where concurrency grows: garbage collection happens in few rounds."""

    idle_rounds: int
    """Rounds after a pause."""


FULL = Size(
    calls=300,
    slow_calls={"http": (200, 500, 500), "https": (30, 60, 100)},
    slow_rounds={"http": 5, "https": 1},
    starts=5,
    rounds=5,
    growing_rounds=10,
    idle_rounds=15,
)
QUICK = Size(
    calls=200,
    slow_calls={"http": (100, 200, 300), "https": (5, 10, 100)},
    slow_rounds={"http": 5, "https": 1},
    starts=1,
    rounds=5,
    growing_rounds=10,
    idle_rounds=3,
)


@frozen
class Runs:
    """Runs by client; those at the same position happened in the same round."""

    by_client: Mapping[str, list[Run]]

    @classmethod
    def of(cls, clients: Iterable[str]) -> "Runs":
        """Return empty lists of runs."""
        return cls({name: [] for name in clients})

    def ratios(self, one: str, other: str, figure: str = "cpu") -> list[float]:
        """Return the ratio of two clients' figures in each round."""
        pairs = zip(self.by_client[one], self.by_client[other], strict=True)
        return [left[figure] / right[figure] for left, right in pairs]

    def ratio(self, one: str, other: str, figure: str = "cpu") -> float:
        """Return the median ratio of two clients' figures."""
        return median(self.ratios(one, other, figure))

    def median(self, name: str, figure: str) -> float:
        """Return the median of a client's figure."""
        return median(run[figure] for run in self.by_client[name])


@frozen(kw_only=True)
class Case:
    """The clients side by side at one concurrency."""

    scheme: str
    concurrency: int
    fast: Runs = field(factory=lambda: Runs.of(FAST))
    slow: Runs = field(factory=lambda: Runs.of(SLOW))
    connections: dict[str, int] = field(factory=dict[str, int])
    """Connections opened for the first calls, by client."""

    def __str__(self) -> str:
        return f"{self.scheme}, {self.concurrency} at a time, asyncio"


def mean(runs: Sequence[Run], figure: str = "cpu") -> float:
    """Return the mean of a figure, which includes rare events."""
    return fmean(run[figure] for run in runs)


@frozen
class Bench:
    """The responder, and what its clients need to be started."""

    server: Child
    origins: Mapping[str, str]
    environment: Mapping[str, str]

    def start(self, name: str, scheme: str) -> Child:
        """Start a client."""
        arguments = ("benchmarks.clients", name, self.origins[scheme])
        return Child(*arguments, environment=self.environment)

    @contextmanager
    def started(
        self, names: Iterable[str], scheme: str = "http"
    ) -> Generator[dict[str, Child], None, None]:
        """Start clients for a `with` block."""
        with ExitStack() as stack:
            yield {
                name: stack.enter_context(self.start(name, scheme))
                for name in dict.fromkeys(names)
            }

    def connections(self) -> int:
        """Return the number of connections opened so far."""
        count: int = self.server.request()["connections"]
        return count


def compare(bench: Bench, scheme: str, size: Size) -> list[Case]:
    """Measure the clients side by side at every concurrency."""
    cases = [Case(scheme=scheme, concurrency=many) for many in CONCURRENCY]
    for _ in range(size.starts):
        with bench.started((*FAST, *SLOW), scheme) as clients:
            for case, few in zip(cases, size.slow_calls[scheme], strict=True):
                _warm_up(bench, clients, case)
                many = case.concurrency
                _take_turns(case.fast, clients, many, size.calls, size.rounds)
                rounds = size.slow_rounds[scheme]
                _take_turns(case.slow, clients, many, few, rounds)
    return cases


def _warm_up(bench: Bench, clients: Mapping[str, Child], case: Case) -> None:
    for name, client in clients.items():
        before = bench.connections()
        # The official coroutines keep no connections.
        calls = case.concurrency * (1 if name == OFFICIAL else WARM_UP)
        client.request(calls=calls, concurrency=case.concurrency, renew=True)
        case.connections[name] = bench.connections() - before


def _take_turns(
    runs: Runs, clients: Mapping[str, Child], concurrency: int, calls: int, rounds: int
) -> None:
    calls = max(calls, concurrency)
    for _ in range(rounds):
        for name, found in runs.by_client.items():
            found.append(clients[name].request(calls=calls, concurrency=concurrency))


def compare_growing(bench: Bench, size: Size) -> dict[int, Runs]:
    """Measure a signed POST and cams_async as concurrency grows."""
    names = (SIGNED, OURS)
    runs = {many: Runs.of(names) for many in GROWING}
    for _ in range(size.starts):
        with bench.started(names) as clients:
            for client in clients.values():
                for many in GROWING:
                    client.request(calls=WARM_UP * many, concurrency=many)
            for _ in range(size.growing_rounds):
                for many, found in runs.items():
                    calls = max(size.calls, *GROWING)
                    _take_turns(found, clients, many, calls, rounds=1)
    return runs


def compare_idle(bench: Bench, scheme: str, size: Size) -> Runs:
    """Measure calls after a pause: reads reuse connections, writes cannot."""
    runs = Runs.of((READ, WRITE))
    with bench.started(runs.by_client, scheme) as clients:
        for client in clients.values():
            client.request(calls=WARM_UP * AT_A_TIME, concurrency=AT_A_TIME)
        for _ in range(size.idle_rounds):
            time.sleep(IDLE)
            for name, client in clients.items():
                before = bench.connections()
                run = client.request(calls=AT_A_TIME, concurrency=AT_A_TIME)
                opened = (bench.connections() - before) / AT_A_TIME
                runs.by_client[name].append({**run, "connections": opened})
    return runs


def measure_numbers(bench: Bench, size: Size) -> dict[int, list[Run]]:
    """Measure cams_async as a response has more phone numbers."""
    runs: dict[int, list[Run]] = {numbers: [] for numbers in NUMBERS}
    with bench.start(LIST, "http") as client:
        for _ in range(size.starts * size.rounds):
            for numbers, found in runs.items():
                bench.server.request(numbers=numbers)
                calls = max(10, size.calls // numbers)
                found.append(client.request(calls=calls, concurrency=AT_A_TIME))
        bench.server.request()
    return runs


def measure_ceilings(size: Size) -> dict[int, list[Run]]:
    """Measure the permits of a throttle alone as its ceiling rises."""
    runs: dict[int, list[Run]] = {ceiling: [] for ceiling in CEILINGS}
    for _ in range(size.starts * size.rounds):
        for ceiling, found in runs.items():
            cpu = asyncio.run(_acquire(ceiling))
            found.append({"cpu": cpu, "seconds": cpu})
    return runs


async def _acquire(ceiling: int) -> float:
    throttle = LocalThrottle()
    scope = Scope(account="", region="", action=ACTION, qps=ceiling)
    gc.collect()
    gc.disable()
    began = time.process_time()
    for _ in range(PERMITS):
        async with throttle.acquire(scope) as permit:
            permit.sent()
            permit.completed()
    cpu = time.process_time() - began
    gc.enable()
    return cpu / PERMITS


@contextmanager
def bench() -> Generator[Bench, None, None]:
    """Start the responder on the core that all clients will share."""
    with _one_core(), tempfile.TemporaryDirectory() as directory:
        certificate, environment = _issue(Path(directory))
        with Child("benchmarks.responder", str(certificate)) as server:
            yield Bench(server, server.request(), environment)


def _issue(directory: Path) -> tuple[Path, Mapping[str, str]]:
    """Issue a certificate; return it and an environment whose clients trust it.

    The authority is added to the system's own, so that loading trusted authorities
    costs a client as much as in production.
    """
    authority = trustme.CA()
    certificate, store = directory / "server.pem", directory / "store.pem"
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(certificate))
    system = ssl.get_default_verify_paths().cafile
    authorities = Path(system).read_bytes() if system else b""
    store.write_bytes(authorities + b"\n" + authority.cert_pem.bytes())
    return certificate, {"SSL_CERT_FILE": str(store)}


@contextmanager
def _one_core() -> Generator[None, None, None]:
    """Restrict children to one core, where the system supports it.

    Processes that run at the same time slow each other down, by a shared cache or as
    two threads of one core, which would penalize a client that keeps its server busy.
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
