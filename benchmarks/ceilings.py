"""`python -m benchmarks ceilings`: who keeps to a ceiling, as the server counts it.

Tasks ask for the status of a phone number, all at once, through real sockets and a
jittering network, from an emulator in a process of its own. The emulator judges; its
three kinds of servers differ in what they refuse, not in what they count.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle, groupby
from pathlib import Path
from statistics import fmean, median
from typing import Any

import aiohttp
from attrs import asdict, define, field, frozen

from benchmarks import picture, record
from benchmarks.record import Goal, Table
from benchmarks.rivals import CONTESTANTS, OURS, Contestant
from benchmarks.server import EmulatorProcess
from cams_async import CamsClient, CamsError, RetryPolicy, ThrottlingError
from cams_async.cli.options import Commands
from cams_async.emulator.ceilings import POLICIES
from cams_async.operations import GetPhoneNumberVerificationStatus
from cams_async.protocol import HttpResponse, Request
from cams_async.transport import AiohttpTransport

NAME = "ceilings"
ACTION = "GetPhoneNumberVerificationStatus"

CEILINGS = {10: 10.0, 100: 10.0, 1_000: 100.0, 10_000: 1_000.0}
"""By fan-out; the large ones are scaled up, so that they end within seconds."""

CLIENTS = (1, 3)
LATENCY = (0.02, 0.12)
"""Seconds that each way takes, at random."""

LARGE = 1_000
"""From this fan-out on, rivals run once only: 3 clients, a sliding window."""

HUGE = 10_000
"""From this fan-out on, ours with 1 client runs once only."""

QUICK = 100
"""The fan-out of the quick form."""

BUSIEST = 2_000.0
"""Calls in a second that runs which go on at the same time make together, at most.

A flood through one contestant would hold up the requests of the others: cams_async
relies on a request reaching the server within a second of its send.
"""

CONNECTIONS = 1_000
"""Of one client, at most; only a client without a throttle needs more."""

NO_RETRIES = RetryPolicy(attempts=1)
PATIENCE = 60.0

PICTURE = Path(__file__).parent / "pictures" / "ceilings.svg"


@frozen
class Run:
    """One fan-out through one contestant."""

    contestant: Contestant
    fan_out: int
    clients: int
    policy: str

    @property
    def ceiling(self) -> float:
        """Calls per second."""
        return CEILINGS[self.fan_out]

    @property
    def rate(self) -> float:
        """The most calls in a second to expect of it."""
        return self.contestant.bound(self.ceiling, self.fan_out)

    @property
    def shown(self) -> bool:
        """Whether the picture shows it."""
        case = self.fan_out, self.clients, self.policy
        return case == (QUICK, CLIENTS[-1], POLICIES[0])


@frozen(kw_only=True)
class Result:
    """What the emulator counted in one run."""

    contestant: str
    fan_out: int
    clients: int
    policy: str
    ceiling: float
    peak: int
    """The most arrivals in any one second."""

    shortest: float | None
    """The shortest span of N + 1 arrivals, in seconds."""

    held: bool
    refused: int
    failed: int
    """Calls that ended in another error."""

    share: float
    """The part of the ceiling that was used."""

    seconds: float
    """Until the last answer."""

    round_trip: float
    """Seconds between a request's send and its answer, on average."""

    slowest: float
    """The same, at most."""

    samples: list[list[float]] = field(repr=False)
    """(seconds, arrivals so far), where the picture shows the run."""


def plan(fan_outs: Iterable[int], *, quick: bool) -> list[Run]:
    """Return the runs, contestants side by side."""
    runs = [
        Run(contestant, fan_out, clients, policy)
        for fan_out in fan_outs
        for clients in (CLIENTS[-1:] if quick else CLIENTS)
        for policy in (POLICIES[:1] if quick else POLICIES)
        for contestant in CONTESTANTS
    ]
    return [run for run in runs if _is_wanted(run)]


def _is_wanted(run: Run) -> bool:
    many_clients, sliding = run.clients == CLIENTS[-1], run.policy == POLICIES[0]
    if run.contestant is OURS:
        return run.fan_out < HUGE or many_clients or sliding
    return run.fan_out < LARGE or (many_clients and sliding)


def stages(runs: Iterable[Run]) -> list[list[Run]]:
    """Divide the runs into those that may go on at the same time.

    Those that keep a rate must not be disturbed by those that do not, nor small ones
    by large ones. Rivals go first, as they may take longest.
    """

    def kind(run: Run) -> tuple[bool, float]:
        return not run.contestant.paced, run.ceiling

    rivals_first = sorted(runs, key=lambda run: run.contestant is OURS)
    ordered = sorted(rivals_first, key=kind)
    return [list(alike) for _, alike in groupby(ordered, key=kind)]


class Load:
    """Lets as many runs go on at once as one machine can bear."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._rate = 0.0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def of(self, rate: float) -> AsyncGenerator[None, None]:
        """Wait until so many calls per second fit in; a lone run always does."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: not self._rate or self._rate + rate <= self._most
            )
            self._rate += rate
        try:
            yield
        finally:
            async with self._changed:
                self._rate -= rate
                self._changed.notify_all()


@define
class Timed:
    """A transport that takes the time of its round trips."""

    transport: AiohttpTransport
    round_trips: list[float] = field(factory=list[float])

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Do one exchange."""
        left = 0.0

        def leave() -> None:
            nonlocal left
            left = time.perf_counter()
            on_sent()

        response = await self.transport.exchange(
            request, timeout=timeout, on_sent=leave
        )
        self.round_trips.append(time.perf_counter() - left)
        return response

    async def aclose(self) -> None:
        """Close the transport."""
        await self.transport.aclose()


async def measure(run: Run, emulators: EmulatorProcess) -> Result:
    """Let a contestant run, and ask the emulator."""
    place = await emulators.start(
        watch=run.shown,
        policy=run.policy,
        qps={ACTION: run.ceiling},
        latency=LATENCY,
    )
    throttle = run.contestant.make(run.ceiling)
    refused = failed = 0

    async def ask(client: CamsClient, number: tuple[str, str]) -> None:
        nonlocal refused, failed
        phone_number, space = number
        try:
            await client.send(
                GetPhoneNumberVerificationStatus(
                    phone_number=phone_number, cust_space_id=space
                )
            )
        except ThrottlingError:
            refused += 1
        except CamsError:
            failed += 1

    async with AsyncExitStack() as stack:
        transports: list[Timed] = []
        clients: list[CamsClient] = []
        for _ in range(run.clients):
            connector = aiohttp.TCPConnector(limit=CONNECTIONS)
            session = aiohttp.ClientSession(connector=connector)
            await stack.enter_async_context(session)
            transports.append(Timed(AiohttpTransport(session=session)))
            client = CamsClient(
                place.credentials,
                endpoint=place.endpoint,
                qps={ACTION: run.ceiling},
                throttle=throttle,
                retry=NO_RETRIES,
                timeout=PATIENCE,
                transport=transports[-1],
            )
            clients.append(await stack.enter_async_context(client))
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for _, client, number in zip(
                range(run.fan_out), cycle(clients), cycle(place.numbers), strict=False
            ):
                tasks.create_task(ask(client, number))
        seconds = time.perf_counter() - began
    await throttle.aclose()
    report, samples = await emulators.stop(place)
    (seen,) = report["actions"]
    round_trips = [each for one in transports for each in one.round_trips]
    return Result(
        contestant=run.contestant.name,
        fan_out=run.fan_out,
        clients=run.clients,
        policy=run.policy,
        ceiling=run.ceiling,
        peak=seen["peak"],
        shortest=seen["shortest"],
        held=seen["held"],
        refused=refused,
        failed=failed,
        share=seen["local"],
        seconds=seconds,
        round_trip=fmean(round_trips),
        slowest=max(round_trips),
        samples=samples,
    )


async def measure_all(runs: Iterable[Run]) -> list[Result]:
    """Measure every run and return the results in the given order."""
    results: dict[Run, Result] = {}
    load = Load(BUSIEST)

    async def measure_one(run: Run) -> None:
        async with load.of(run.rate):
            results[run] = await measure(run, emulators)

    async with EmulatorProcess() as emulators:
        for stage in stages(runs):
            async with asyncio.TaskGroup() as tasks:
                for run in stage:
                    tasks.create_task(measure_one(run))
    return [results[run] for run in runs]


HEADERS = (
    "tasks",
    "ceiling",
    "limiter",
    "most in 1 s",
    "N+1 span",
    "refused",
    "failed",
    "share used",
    "finished",
    "round trip",
    "slowest",
)


def summary(results: Sequence[Result]) -> Table:
    """Lay out the results: worst cases of safety, medians of speed."""

    def key(result: Result) -> tuple[int, str]:
        return result.fan_out, result.contestant

    cases: dict[tuple[int, str], list[Result]] = {}
    for result in results:
        cases.setdefault(key(result), []).append(result)
    return Table(
        title="Fan-outs, as the emulator counted them",
        headers=HEADERS,
        rows=[_row(case) for case in cases.values()],
        notes=[*NOTE, *verdict(results)],
    )


def _row(case: Sequence[Result]) -> list[str]:
    first = case[0]
    spans = [one.shortest for one in case if one.shortest is not None]
    return [
        f"{first.fan_out:,}",
        f"{first.ceiling:,g}/s",
        first.contestant,
        f"{max(one.peak for one in case):,}",
        f"{min(spans):.3f} s" if spans else "-",
        f"{max(one.refused / one.fan_out for one in case):.1%}",
        f"{sum(one.failed for one in case):,}",
        f"{median(one.share for one in case):.0%}",
        f"{median(one.seconds for one in case):.1f} s",
        f"{median(one.round_trip for one in case) * 1000:.0f} ms",
        f"{max(one.slowest for one in case):.1f} s",
    ]


NOTE = (
    "Each way over the network takes",
    f"{LATENCY[0] * 1000:.0f} to {LATENCY[1] * 1000:.0f} ms, at random; no retries.",
    "Most in 1 s, span, refused, failed and slowest are the worst of 1 and 3 clients",
    "and of three kinds of servers: sliding window, calendar second, token bucket.",
    "The rest are medians.",
    "The share has a bound, N / (1 + round trip), for cams_async.",
)


def add(names: Commands) -> None:
    """Add the benchmark to the command line."""
    parser = names.add_parser(
        NAME, help="who keeps to a ceiling, as the server counts it"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"only {QUICK} tasks, 3 clients and a sliding window, and no picture",
    )
    parser.add_argument(
        "--fan-out",
        type=int,
        action="append",
        choices=sorted(CEILINGS),
        help="only this number of tasks; may be repeated",
    )
    parser.add_argument(
        "--picture",
        type=Path,
        metavar="FILE",
        help=f"where to draw {QUICK} tasks (benchmarks/pictures/{PICTURE.name})",
    )
    record.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, draw, print, write; 1 if cams_async exceeded a ceiling anywhere."""
    quick = options.quick
    fan_outs = options.fan_out or ([QUICK] if quick else list(CEILINGS))
    results = asyncio.run(measure_all(plan(fan_outs, quick=quick)))
    path = options.picture or (None if quick else PICTURE)
    shown = [result for result in results if result.samples]
    pictures = picture.draw(path, shown) if path is not None and shown else []
    exceeded = [result for result in ours(results) if not result.held]
    return record.publish(
        options,
        NAME,
        [summary(results)],
        {"latency": LATENCY, "results": [_figures(result) for result in results]},
        pictures=pictures,
        goals=[Goal("runs in which cams_async exceeded the ceiling", len(exceeded), 0)],
    )


def _figures(result: Result) -> dict[str, Any]:
    """Return all of a result, but of its samples only those that brought news."""
    times, counts = picture.steps(
        [moment for moment, _ in result.samples],
        [arrivals for _, arrivals in result.samples],
    )
    return asdict(result) | {"samples": list(zip(times, counts, strict=True))}


def ours(results: Iterable[Result]) -> list[Result]:
    """Return those of cams_async; rivals may exceed what they like."""
    return [result for result in results if result.contestant == OURS.name]


def verdict(results: Iterable[Result]) -> list[str]:
    """Say in lines whether cams_async kept every ceiling."""
    judged = ours(results)
    return [
        f"EXCEEDED: {result.fan_out} tasks, {result.clients} clients, "
        f"{result.policy}: {result.shortest:.6f} s (a request must reach the "
        f"server within 1 s; the slowest answer took {result.slowest:.1f} s)"
        for result in judged
        if not result.held
    ] or [f"cams_async held the ceiling in every run: {len(judged)}."]
