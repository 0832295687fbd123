"""`python -m benchmarks soak`: whether a long run stays flat, and within its ceilings.

Three clients for each of two accounts: one at the documented ceilings, and one at
raised ceilings, where more calls are made. All five operations run all the time, by
`poll`, by `watch` and directly; some calls are given up, and a few meet a reset, an
outage, half an answer, none at all, or a refusal. The emulators, in a process of their
own, tell whether the ceilings held.
"""

import argparse
import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import cycle
from random import Random
from typing import Any

from attrs import define, field, frozen

from benchmarks import picture, record, sampling
from benchmarks.record import Goal, Table
from benchmarks.sampling import TOLERANCE, Trend, trends
from benchmarks.server import EmulatorProcess, Place
from cams_async import CallEvent, CamsClient, CamsError, LocalThrottle, poll, watch
from cams_async.cli.demo import PUBLIC_KEY
from cams_async.cli.options import Commands
from cams_async.emulator import Fault
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

NAME = "soak"
PICTURE = record.HERE / "pictures" / "soak.svg"
MINUTES = 10.0
QUICK_MINUTES = 0.5
SHORTEST = 0.05
"""Minutes that make enough samples for a trend."""

RATE = 30.0
"""Calls per second of each action at the raised ceilings."""

CLIENTS = 3
LATENCY = (0.01, 0.06)
"""Seconds that each way takes, at random."""

TIMEOUT = 3.0
"""Seconds for an attempt: some are never answered."""

FAULTS = dict.fromkeys(Fault, 0.002) | {Fault.HANG: 0.0005}
"""The part of the calls that meets each fault."""

GIVEN_UP = 0.1
"""The part of the direct calls that is given up on, if not answered by ..."""

PATIENCE = 1.0
"""... so many seconds at most."""

EVERY = 0.5, 2.0
"""Seconds between two looks at a number that is watched."""

WATCH = 5.0
"""Seconds that a watch lasts; then the next one begins."""

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
    """What is called in one account, and how each call has ended."""

    name: str
    place: Place
    qps: Mapping[str, float]
    clients: list[CamsClient] = field(factory=list[CamsClient])
    started: int = 0
    ends: Counter[str] = field(factory=Counter[str])
    attempts: int = 0
    over: bool = False

    def hook(self, event: CallEvent) -> None:
        """Count the requests."""
        self.attempts += event.attempts

    def numbers(self) -> Iterator[tuple[str, str]]:
        """Return phone numbers, until it is over; each is counted as a call."""
        for number in cycle(self.place.numbers):
            if self.over:
                return
            self.started += 1
            yield number

    def ended(self, error: BaseException | None) -> None:
        """Count how a call has ended."""
        self.ends["answered" if error is None else type(error).__name__] += 1

    async def poll(self, client: CamsClient) -> None:
        """Ask for the status of number after number."""
        make = DIRECT[GetPhoneNumberVerificationStatus]
        async with poll(client, map(make, self.numbers())) as outcomes:
            async for outcome in outcomes:
                self.ended(outcome.error)

    async def watch(self, client: CamsClient) -> None:
        """Watch a few numbers, again and again."""
        make = DIRECT[GetPhoneNumberVerificationStatus]
        few = self.place.numbers[:4]
        while not self.over:
            self.started += len(few)
            async with watch(
                client, map(make, few), every=EVERY, deadline=WATCH
            ) as outcomes:
                async for outcome in outcomes:
                    self.ended(outcome.error)

    async def call(self, client: CamsClient, make: Make, random: Random) -> None:
        """Call, again and again, and sometimes give up."""
        for number in self.numbers():
            gives_up = random.random() < GIVEN_UP
            try:
                async with asyncio.timeout(
                    random.random() * PATIENCE if gives_up else None
                ):
                    await client.send(make(number))
            except (CamsError, TimeoutError) as error:
                self.ended(error)
            else:
                self.ended(None)


@frozen
class Soaked:
    """What came of it."""

    accounts: Sequence[Account]
    reports: Mapping[str, Mapping[str, Any]]
    """The emulators' reports, by account."""

    samples: Sequence[Mapping[str, float]]
    left: int
    """Tasks that went on when all was closed."""


async def soak(seconds: float, rate: float) -> Soaked:
    """Call for so many seconds."""
    before = len(asyncio.all_tasks())
    ceilings = {
        "documented ceilings": {name: each.qps for name, each in OPERATIONS.items()},
        "raised ceilings": dict.fromkeys(OPERATIONS, rate),
    }
    accounts: list[Account] = []
    reports: dict[str, Mapping[str, Any]] = {}
    async with EmulatorProcess() as emulators:
        for name, qps in ceilings.items():
            place = await emulators.start(
                phone_numbers=20,
                settle=None,
                qps=qps,
                latency=LATENCY,
                faults=FAULTS,
            )
            accounts.append(Account(name, place, qps))
        async with AsyncExitStack() as stack:
            throttle = LocalThrottle()
            for account in accounts:
                for _ in range(CLIENTS):
                    client = CamsClient(
                        account.place.credentials,
                        endpoint=account.place.endpoint,
                        account=account.name,
                        qps=account.qps,
                        throttle=throttle,
                        timeout=TIMEOUT,
                        hooks=[account.hook],
                        transport=AiohttpTransport(),
                    )
                    account.clients.append(await stack.enter_async_context(client))
            samples = await _call_all(accounts, seconds)
            await throttle.aclose()
        for account in accounts:
            reports[account.name], _ = await emulators.stop(account.place)
    left = len(asyncio.all_tasks()) - before
    return Soaked(accounts, reports, samples, left)


async def _call_all(
    accounts: Sequence[Account], seconds: float
) -> Sequence[Mapping[str, float]]:
    async with asyncio.TaskGroup() as tasks:
        for account in accounts:
            clients = cycle(account.clients)
            tasks.create_task(account.poll(next(clients)))
            tasks.create_task(account.watch(next(clients)))
            for operation, make in DIRECT.items():
                # More than a ceiling's worth, so that some always wait.
                for place in range(math.ceil(2 * account.qps[operation.__name__])):
                    random = Random(f"{account.name} {operation.__name__} {place}")
                    tasks.create_task(account.call(next(clients), make, random))
        samples = await sampling.watch(seconds)
        for account in accounts:
            account.over = True
    return samples


def add(names: Commands) -> None:
    """Add the benchmark to the command line."""
    parser = names.add_parser(
        NAME, help="whether a long run stays flat, and within its ceilings"
    )
    parser.add_argument(
        "--minutes",
        type=_from(SHORTEST),
        metavar="N",
        help=f"how long ({MINUTES:g}; quick: {QUICK_MINUTES:g})",
    )
    parser.add_argument(
        "--rate",
        type=_from(1),
        default=RATE,
        metavar="N",
        help=f"the raised ceilings, in calls per second of each action ({RATE:g})",
    )
    parser.add_argument(
        "--quick", action="store_true", help=f"only {QUICK_MINUTES:g} minutes"
    )
    record.add_json(parser)
    parser.set_defaults(run=run)


def _from(least: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = 0.0
        if not least <= found < math.inf:
            message = f"{text!r} is not a number from {least:g} on"
            raise argparse.ArgumentTypeError(message)
        return found

    return number


def run(options: argparse.Namespace) -> int:
    """Soak, print and write; 1 if something grew, was exceeded or lost."""
    minutes = options.minutes or (QUICK_MINUTES if options.quick else MINUTES)
    soaked = asyncio.run(soak(minutes * 60, options.rate))
    found = list(trends(soaked.samples))
    columns = _columns(soaked.samples)
    times = columns.pop("seconds")
    title = f"What {minutes:g} minutes of calls held, after garbage collection"
    full = not options.quick and options.minutes is None
    return record.publish(
        options,
        NAME,
        [resources(found), calls(soaked), arrivals(soaked)],
        {
            "minutes": minutes,
            "rate": options.rate,
            "faults": FAULTS,
            "reports": soaked.reports,
            "ends": {account.name: account.ends for account in soaked.accounts},
            "samples": {"seconds": times, **columns},
        },
        pictures=picture.draw_lines(PICTURE, title, times, columns) if full else [],
        goals=[*goals(soaked), *(trend.goal for trend in found)],
    )


def _columns(samples: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    return {name: [round(sample[name], 2) for sample in samples] for name in samples[0]}


def resources(found: Sequence[Trend]) -> Table:
    """Lay out what the process of the clients held."""
    return Table(
        title="What the process held",
        headers=("", "second third", "last third", "growth", "spread", "most"),
        rows=[
            [
                trend.what,
                f"{trend.before:,.1f}",
                f"{trend.after:,.1f}",
                f"{trend.after / trend.before - 1:+.1%}",
                f"{trend.spread:,.1f}",
                f"{trend.most:,.1f}",
            ]
            for trend in found
        ],
        notes=[
            "Medians of a third of the run; the first third warms up.",
            f"Flat is to grow by no more than {TOLERANCE:.0%} and the spread, which is",
            "how far apart the quartiles of the second third are, or 1.",
        ],
    )


def calls(soaked: Soaked) -> Table:
    """Lay out how the calls ended."""
    kinds = sorted({kind for account in soaked.accounts for kind in account.ends})
    return Table(
        title="How the calls ended",
        headers=("", *(account.name for account in soaked.accounts)),
        rows=[
            ["started", *(f"{account.started:,}" for account in soaked.accounts)],
            *(
                [kind, *(f"{account.ends[kind]:,}" for account in soaked.accounts)]
                for kind in kinds
            ),
            ["requests", *(f"{account.attempts:,}" for account in soaked.accounts)],
        ],
        notes=[
            "TimeoutError: the caller gave up. DeadlineExceeded: a watch ended first.",
            "InvalidParameter and ApiError: the server's no, mostly to codes that were",
            "made up, and to keys for numbers that are not verified.",
        ],
    )


def arrivals(soaked: Soaked) -> Table:
    """Lay out what the emulators counted."""
    return Table(
        title="What arrived, as the emulators counted it",
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
                seen["action"],
                f"{seen['ceiling']:g}/s",
                f"{seen['arrivals']:,}",
                f"{seen['peak']:,}",
                "-" if seen["shortest"] is None else f"{seen['shortest']:.3f} s",
                f"{seen['throttled']:,}",
                f"{seen['share']:.0%}",
            ]
            for name, report in soaked.reports.items()
            for seen in report["actions"]
        ],
        notes=["Refused are the few that the emulators were told to refuse."],
    )


def goals(soaked: Soaked) -> Iterator[Goal]:
    """Return what must hold of any run, however short."""
    for name, report in soaked.reports.items():
        exceeded = sum(seen["violations"] for seen in report["actions"])
        yield Goal(f"arrivals beyond the {name}", exceeded, 0)
    for account in soaked.accounts:
        lost = account.started - sum(account.ends.values())
        yield Goal(f"calls without an end, {account.name}", abs(lost), 0)
    yield Goal("tasks left when all was closed", soaked.left, 0)
