"""Which limiters exceed a rate limit, as the server counts it?

Tasks request the status of a phone number, all at once, through real sockets and a
jittering network, from an emulator in another process. The emulator counts arrivals.
Its three policies differ in what they refuse, not in what they count.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle, groupby, islice
from pathlib import Path
from statistics import fmean, median

from attrs import field, frozen

from benchmarks import picture
from benchmarks.emulators import EmulatorProcess, Sample
from benchmarks.limiters import LOCAL_LIMITERS, OURS, LocalLimiter
from benchmarks.record import PICTURES, Goal, Result, Table
from benchmarks.responses import ACTION
from benchmarks.timed_client import open_client
from cams_async import (
    CamsClient,
    CamsError,
    ThrottlingError,
)
from cams_async.emulator import ActionReport

CEILINGS = {10: 10.0, 100: 10.0, 1_000: 100.0, 10_000: 1_000.0}
"""Calls per second by fan-out; scaled up, so that large ones end within seconds."""

POLICIES = ("sliding", "calendar", "bucket")
CLIENTS = (1, 3)
LATENCY = (0.02, 0.12)
"""Seconds that each way takes, at random."""

LARGE = 1_000
"""From this fan-out on, other limiters run only with 3 clients and one policy."""

HUGE = 10_000
"""From this fan-out on, cams_async with 1 client runs with one policy only."""

SHOWN = 100
"""The fan-out of the quick form and of the picture."""

BUSIEST = 2_000.0
"""Calls in a second that simultaneous runs make together, at most.

A flood by one limiter would delay the requests of the others: cams_async relies on a
request reaching the server within a second of its send.
"""


@frozen
class FanOut:
    """One fan-out through one limiter."""

    limiter: LocalLimiter
    tasks: int
    clients: int
    policy: str

    @property
    def ceiling(self) -> float:
        """Calls per second."""
        return CEILINGS[self.tasks]

    @property
    def peak(self) -> float:
        """The most calls in a second to expect."""
        return self.limiter.peak(self.ceiling, self.tasks)

    @property
    def is_wanted(self) -> bool:
        """Whether it is measured."""
        many_clients, sliding = self.clients == CLIENTS[-1], self.policy == POLICIES[0]
        if self.limiter.name == OURS:
            return self.tasks < HUGE or many_clients or sliding
        return self.tasks < LARGE or (many_clients and sliding)

    @property
    def is_shown(self) -> bool:
        """Whether the picture shows it."""
        case = self.tasks, self.clients, self.policy
        return case == (SHOWN, CLIENTS[-1], POLICIES[0])


@frozen(kw_only=True)
class Measurement:
    """The counts of one fan-out."""

    of: FanOut
    seen: ActionReport
    refused: int
    failed: int
    """Calls that ended in another error."""

    seconds: float
    """Until the last response."""

    round_trips: Sequence[float]
    """Seconds between a request's send and its response."""

    samples: list[Sample] = field(repr=False)


async def measure(run: FanOut, emulators: EmulatorProcess) -> Measurement:
    """Make the calls of one fan-out against an emulator of its own."""
    address = await emulators.start(
        sample=run.is_shown,
        policy=run.policy,
        qps={ACTION: run.ceiling},
        latency=LATENCY,
    )
    throttle = run.limiter.make(run.ceiling)
    refused = failed = 0

    async def call(client: CamsClient, number: tuple[str, str]) -> None:
        nonlocal refused, failed
        phone_number, space = number
        try:
            await client.get_phone_number_verification_status(
                phone_number=phone_number, cust_space_id=space
            )
        except ThrottlingError:
            refused += 1
        except CamsError:
            failed += 1

    async with AsyncExitStack() as stack:
        opened = [
            await open_client(
                stack, address.endpoint, address.accounts[0], run.ceiling, throttle
            )
            for _ in range(run.clients)
        ]
        pairs = zip(cycle(opened), cycle(address.numbers), strict=False)
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for (client, _), number in islice(pairs, run.tasks):
                tasks.create_task(call(client, number))
        seconds = time.perf_counter() - began
    await throttle.aclose()
    (seen,), samples = await emulators.stop(address)
    return Measurement(
        of=run,
        seen=seen,
        refused=refused,
        failed=failed,
        seconds=seconds,
        round_trips=[each for _, one in opened for each in one.round_trips],
        samples=samples,
    )


def plan(*, quick: bool) -> list[FanOut]:
    """Return the fan-outs, limiters side by side."""
    runs = [
        FanOut(limiter, tasks, clients, policy)
        for tasks in ([SHOWN] if quick else CEILINGS)
        for clients in (CLIENTS[-1:] if quick else CLIENTS)
        for policy in (POLICIES[:1] if quick else POLICIES)
        for limiter in LOCAL_LIMITERS
    ]
    return [run for run in runs if run.is_wanted]


def stages(runs: Iterable[FanOut]) -> Iterator[list[FanOut]]:
    """Yield fan-outs that may run at the same time.

    Limiters of a rate must not be disturbed by the others, nor small fan-outs by large
    ones. Those of other limiters start first, as they may take longest.
    """

    def kind(run: FanOut) -> tuple[bool, float]:
        return not run.limiter.is_paced, run.ceiling

    ordered = sorted(runs, key=lambda run: (*kind(run), run.limiter.name == OURS))
    for _, stage in groupby(ordered, key=kind):
        yield list(stage)


class Load:
    """A bound of the calls per second that simultaneous runs make together."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._rate = 0.0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def add(self, rate: float) -> AsyncGenerator[None, None]:
        """Wait until a rate fits in; a single run always does."""
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


async def measure_all(runs: Iterable[FanOut]) -> list[Measurement]:
    """Measure every fan-out and return the measurements in the given order."""
    runs = list(runs)
    found: dict[FanOut, Measurement] = {}
    load = Load(BUSIEST)

    async def measure_one(run: FanOut) -> None:
        async with load.add(run.peak):
            found[run] = await measure(run, emulators)

    async with EmulatorProcess() as emulators:
        for stage in stages(runs):
            async with asyncio.TaskGroup() as tasks:
                for run in stage:
                    tasks.create_task(measure_one(run))
    return [found[run] for run in runs]


def run(*, quick: bool) -> Result:
    """Measure all fan-outs and draw those of `SHOWN` tasks."""
    measured = asyncio.run(measure_all(plan(quick=quick)))
    ours = [each for each in measured if each.of.limiter.name == OURS]
    exceeded = [each for each in ours if not each.seen.held]
    text = f"runs in which cams_async exceeded the ceiling, of {len(ours)}"
    return Result(
        tables=[_table(measured)],
        goals=[Goal(text, len(exceeded), 0)],
        pictures=[] if quick else _draw(measured),
    )


NOTES = f"""\
Each way over the network takes {LATENCY[0] * 1000:.0f} to {LATENCY[1] * 1000:.0f} ms, \
at random; no retries. The most in 1 s, the span
of N+1 arrivals, refused, failed and slowest are the worst of 1 and 3 clients and of
three policies of the server: sliding window, calendar second, token bucket. The rest
are medians. The bound of the share used is N / (1 + round trip) for cams_async.\
"""


def _table(measured: Sequence[Measurement]) -> Table:
    cases: dict[tuple[int, str], list[Measurement]] = {}
    for each in measured:
        cases.setdefault((each.of.tasks, each.of.limiter.name), []).append(each)
    return Table(
        title="Fan-outs, as the emulator counted them",
        headers=(
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
        ),
        rows=[_row(tasks, name, case) for (tasks, name), case in cases.items()],
        notes=NOTES,
    )


def _row(tasks: int, name: str, case: Sequence[Measurement]) -> list[str]:
    spans = [each.seen.shortest for each in case if each.seen.shortest is not None]
    round_trip = median(fmean(each.round_trips) for each in case)
    return [
        f"{tasks:,}",
        f"{CEILINGS[tasks]:,g}/s",
        name,
        f"{max(each.seen.peak for each in case):,}",
        f"{min(spans):.3f} s" if spans else "-",
        f"{max(each.refused / tasks for each in case):.1%}",
        f"{sum(each.failed for each in case):,}",
        f"{median(each.seen.utilization for each in case):.0%}",
        f"{median(each.seconds for each in case):.1f} s",
        f"{round_trip * 1000:.0f} ms",
        f"{max(max(each.round_trips) for each in case):.1f} s",
    ]


def _draw(measured: Iterable[Measurement]) -> list[Path]:
    ceiling = CEILINGS[SHOWN]
    lines: dict[str, tuple[list[float], Sequence[float]]] = {}
    for each in measured:
        if each.of.is_shown:
            title = f"{each.of.limiter.name}: at most {each.seen.peak}"
            times = [moment for moment, _ in each.samples]
            lines[title] = times, picture.last_second(each.samples)
    title = (
        f"{SHOWN} tasks against a ceiling of {ceiling:g} calls per second"
        "\narrivals within the last second, as the server counted them"
    )
    return picture.draw_arrivals(PICTURES / "ceilings.svg", title, lines, ceiling)
