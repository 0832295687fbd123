"""Does a long run stay flat, and within its rate limits?

Three clients for each of two accounts, one at the documented ceilings and one at raised
ceilings, where more calls are made. All operations run all the time, by `poll`, by
`watch` and directly. Some calls are cancelled, and a few meet an injected fault. The
emulators run in another process and count arrivals.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import cycle
from random import Random
from typing import Any

from attrs import define, field, frozen

from benchmarks import picture, resources
from benchmarks.emulators import Address, EmulatorProcess
from benchmarks.record import PICTURES, Goal, Result, Table
from cams_async import CallEvent, CamsClient, CamsError, LocalThrottle, poll, watch
from cams_async.cli.demo import PUBLIC_KEY
from cams_async.emulator import ActionReport, Fault
from cams_async.operations import (
    OPERATIONS,
    ChatappMigrationVerified,
    ChatappSyncPhoneNumber,
    GetPhoneNumberVerificationStatus,
    Operation,
    UpdatePhoneEncryptionPublicKey,
    UpdatePhoneMessageQrdl,
)
from cams_async.transport import AiohttpTransport

SECONDS = 285.0
QUICK_SECONDS = 30.0

RATE = 30.0
"""Calls per second of each action at the raised ceilings."""

CLIENTS = 3
LATENCY = (0.01, 0.06)
"""Seconds that each way takes, at random."""

TIMEOUT = 3.0
"""Seconds for an attempt: some get no response."""

FAULTS = dict.fromkeys(Fault, 0.002) | {Fault.HANG: 0.0005}
"""The probability of each fault."""

CANCELLED = 0.1
"""The part of the direct calls that may be cancelled within `PATIENCE`."""

PATIENCE = 1.0
"""Seconds until such a call is cancelled, at most."""

INTERVAL = 0.5, 2.0
"""Seconds between two requests for a watched number."""

WATCH = 5.0
"""Seconds of a watch; then the next one begins."""

SAMPLES = 200
"""Samples in a run, if that makes no more than ten of them in a second."""

Make = Callable[[tuple[str, str]], Operation[Any]]

DIRECT: Mapping[type[Operation[Any]], Make] = {
    GetPhoneNumberVerificationStatus: lambda number: GetPhoneNumberVerificationStatus(
        phone_number=number[0], cust_space_id=number[1]
    ),
    ChatappSyncPhoneNumber: lambda number: ChatappSyncPhoneNumber(
        cust_space_id=number[1]
    ),
    ChatappMigrationVerified: lambda number: ChatappMigrationVerified(
        phone_number=number[0], cust_space_id=number[1], verify_code="000000"
    ),
    UpdatePhoneEncryptionPublicKey: lambda number: UpdatePhoneEncryptionPublicKey(
        phone_number=number[0], encryption_public_key=PUBLIC_KEY
    ),
    UpdatePhoneMessageQrdl: lambda number: UpdatePhoneMessageQrdl(
        phone_number=number[0],
        qrdl_code="0000000000",
        prefilled_message="Hello! I have seen your shop.",
        generate_qr_image="SVG",
    ),
}


@define
class Account:
    """The calls in one account, and how each has ended."""

    name: str
    address: Address
    qps: Mapping[str, float]
    clients: list[CamsClient] = field(factory=list[CamsClient])
    started: int = 0
    ends: Counter[str] = field(factory=Counter[str])
    attempts: int = 0
    is_over: bool = False

    def hook(self, event: CallEvent) -> None:
        """Count the requests."""
        self.attempts += event.attempts

    def numbers(self) -> Iterator[tuple[str, str]]:
        """Yield phone numbers until the run is over; each is counted as a call."""
        for number in cycle(self.address.numbers):
            if self.is_over:
                return
            self.started += 1
            yield number

    def end(self, error: BaseException | None) -> None:
        """Count the end of a call."""
        self.ends["completed" if error is None else type(error).__name__] += 1

    async def poll(self, client: CamsClient) -> None:
        """Poll the status of number after number."""
        make = DIRECT[GetPhoneNumberVerificationStatus]
        async with poll(client, map(make, self.numbers())) as outcomes:
            async for outcome in outcomes:
                self.end(outcome.error)

    async def watch(self, client: CamsClient) -> None:
        """Watch a few numbers, again and again."""
        make = DIRECT[GetPhoneNumberVerificationStatus]
        few = self.address.numbers[:4]
        while not self.is_over:
            self.started += len(few)
            async with watch(
                client, map(make, few), every=INTERVAL, deadline=WATCH
            ) as outcomes:
                async for outcome in outcomes:
                    self.end(outcome.error)

    async def call(self, client: CamsClient, make: Make, random: Random) -> None:
        """Make one call after the other, and sometimes cancel one."""
        for number in self.numbers():
            is_cancelled = random.random() < CANCELLED
            try:
                async with asyncio.timeout(
                    random.random() * PATIENCE if is_cancelled else None
                ):
                    await client.send(make(number))
            except (CamsError, TimeoutError) as error:
                self.end(error)
            else:
                self.end(None)


@frozen
class Soaked:
    """The outcome of a run."""

    accounts: Sequence[Account]
    reports: Mapping[str, Sequence[ActionReport]]
    """The emulators' reports by account."""

    times: Sequence[float]
    samples: Sequence[resources.Sample]
    tasks_left: int
    """Tasks that still ran when all was closed."""

    def figures(self) -> dict[str, list[float]]:
        """Return the sampled figures by name."""
        return {name: [each[name] for each in self.samples] for name in self.samples[0]}


async def soak(seconds: float) -> Soaked:
    """Make calls for this many seconds."""
    before = len(asyncio.all_tasks())
    ceilings = {
        "documented ceilings": {name: each.qps for name, each in OPERATIONS.items()},
        "raised ceilings": dict.fromkeys(OPERATIONS, RATE),
    }
    accounts: list[Account] = []
    async with EmulatorProcess() as emulators:
        for name, qps in ceilings.items():
            address = await emulators.start(
                phone_numbers=20, settle=None, qps=qps, latency=LATENCY, faults=FAULTS
            )
            accounts.append(Account(name, address, qps))
        async with AsyncExitStack() as stack:
            throttle = LocalThrottle()
            for account in accounts:
                for _ in range(CLIENTS):
                    client = CamsClient(
                        account.address.accounts[0],
                        endpoint=account.address.endpoint,
                        account=account.name,
                        qps=account.qps,
                        throttle=throttle,
                        timeout=TIMEOUT,
                        hooks=[account.hook],
                        transport=AiohttpTransport(),
                    )
                    account.clients.append(await stack.enter_async_context(client))
            times, samples = await _call_all(accounts, seconds)
            await throttle.aclose()
        reports = {
            account.name: (await emulators.stop(account.address))[0]
            for account in accounts
        }
    tasks_left = len(asyncio.all_tasks()) - before
    return Soaked(accounts, reports, times, samples, tasks_left)


async def _call_all(
    accounts: Sequence[Account], seconds: float
) -> tuple[list[float], list[resources.Sample]]:
    times: list[float] = []
    samples: list[resources.Sample] = []
    async with asyncio.TaskGroup() as tasks:
        for account in accounts:
            clients = cycle(account.clients)
            tasks.create_task(account.poll(next(clients)))
            tasks.create_task(account.watch(next(clients)))
            for operation, make in DIRECT.items():
                # Twice the ceiling, so that some calls always wait.
                for index in range(math.ceil(2 * account.qps[operation.__name__])):
                    random = Random(f"{account.name} {operation.__name__} {index}")
                    tasks.create_task(account.call(next(clients), make, random))
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            await asyncio.sleep(max(0.1, seconds / SAMPLES))
            times.append(time.monotonic() - began)
            samples.append(resources.sample())
        for account in accounts:
            account.is_over = True
    return times, samples


def run(*, quick: bool) -> Result:
    """Soak, and draw the resources of the process."""
    seconds = QUICK_SECONDS if quick else SECONDS
    soaked = asyncio.run(soak(seconds))
    figures = soaked.figures()
    trends = [resources.Trend.of(name, values) for name, values in figures.items()]
    title = f"Resources in {seconds / 60:g} minutes of calls, after garbage collection"
    lines = {name: (soaked.times, values) for name, values in figures.items()}
    return Result(
        tables=[
            resources.table(trends),
            _calls(soaked.accounts),
            _arrivals(soaked.reports),
        ],
        goals=[*_goals(soaked), *(trend.goal for trend in trends)],
        pictures=[]
        if quick
        else picture.draw_figures(PICTURES / "soak.svg", title, lines),
    )


ENDS_NOTES = """\
TimeoutError: cancelled by the caller. DeadlineExceeded: a watch ended. InvalidParameter
and ApiError: business errors, mostly for made-up codes and keys of unverified numbers.\
"""


def _calls(accounts: Sequence[Account]) -> Table:
    kinds = sorted({kind for account in accounts for kind in account.ends})
    return Table(
        title="How the calls ended",
        headers=("", *(account.name for account in accounts)),
        rows=[
            ["started", *(f"{account.started:,}" for account in accounts)],
            *(
                [kind, *(f"{account.ends[kind]:,}" for account in accounts)]
                for kind in kinds
            ),
            ["requests", *(f"{account.attempts:,}" for account in accounts)],
        ],
        notes=ENDS_NOTES,
    )


def _arrivals(reports: Mapping[str, Sequence[ActionReport]]) -> Table:
    return Table(
        title="Arrivals, as the emulators counted them",
        headers=(
            "account",
            "action",
            "ceiling",
            "arrivals",
            "most in 1 s",
            "N+1 span",
            "refused",
            "share used",
        ),
        rows=[
            [
                name,
                seen.action,
                f"{seen.ceiling:g}/s",
                f"{seen.arrivals:,}",
                f"{seen.peak:,}",
                "-" if seen.shortest is None else f"{seen.shortest:.3f} s",
                f"{seen.throttled:,}",
                f"{seen.utilization:.0%}",
            ]
            for name, report in reports.items()
            for seen in report
        ],
        notes="Refused calls are injected faults.",
    )


def _goals(soaked: Soaked) -> Iterator[Goal]:
    for name, report in soaked.reports.items():
        exceeded = sum(seen.violations for seen in report)
        yield Goal(f"arrivals beyond the {name}", exceeded, 0)
    for account in soaked.accounts:
        lost = account.started - sum(account.ends.values())
        yield Goal(f"calls without an end, {account.name}", abs(lost), 0)
    yield Goal("tasks left when all was closed", soaked.tasks_left, 0)
