"""`cams-async demo`: hundreds of tasks, five ceilings and a judge, but no account."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from itertools import cycle, islice
from typing import Any

from cams_async.cli import options
from cams_async.cli.progress import Progress
from cams_async.cli.stderr import say
from cams_async.cli.streams import emit
from cams_async.cli.verdict import arrivals, conclusion
from cams_async.client import CamsClient
from cams_async.emulator import EmulatedNumber, Emulator
from cams_async.errors import CamsError
from cams_async.models import CodeVerificationStatus
from cams_async.operations import (
    ChatappMigrationVerified,
    ChatappSyncPhoneNumber,
    GetPhoneNumberVerificationStatus,
    Operation,
    UpdatePhoneEncryptionPublicKey,
    UpdatePhoneMessageQrdl,
)
from cams_async.transport import AiohttpTransport

NUMBERS = 270
"""As many as the documented 10 calls per second allow in half a minute."""

CLIENTS = 3

LATENCY = (0.01, 0.06)
"""Seconds that each way through the network takes, at random."""

SHOWN = 3
"""How many failures are shown in full."""

PUBLIC_KEY = """\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAkPtPXkIwtowO6YcEOSaK
RYfoawY9SQ3w34TAyuW4n3V2HX38M2AJh3ooKHHcXpKcJv9EYSh2lVbYzpyqvnLt
kTlNWPJZ5jwLmRV2ZETlSZzmwzGM24VTc5gwVxLUQZb2V+S7qaZzlpbrxdyxbE+S
lUP9w2muM+PcR//Nfy7ZJeI54zIf8Brl5pAR7lySSOragN1mOIiB4lWs7Hqp39CD
WeMp1A6DfBqzj7JxCCujHvmiFb1ngXSTE4o7SEtUq6a2ta6ndXsKr2AURDoWC7mp
HbJypVkhjCACyKqhD7F+ian2tAJTRSmxtOvlllLBrNqPqbNzSTxua1yRVf27vvAo
6wIDAQAB
-----END PUBLIC KEY-----
"""


def add(commands: options.Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "demo",
        help="see hundreds of tasks keep to the ceilings, in half a minute",
        description="Start an emulator of CAMS and ask the status of a few hundred "
        "phone numbers through three clients, from hundreds of tasks at once, while "
        "they use the other four operations too. Then the emulator says what "
        "arrived. Exits with 0 only if every ceiling held and no call failed.",
        epilog="The share used has a bound: a call's slot is free again one second "
        "after its answer, which makes N / (1 + round trip) calls per second.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--numbers",
        type=options.count,
        default=NUMBERS,
        metavar="N",
        help=f"how many phone numbers to ask about, at 10 per second ({NUMBERS})",
    )
    options.add_ceilings(parser)
    options.add_output(parser, json="print the emulator's report as JSON")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Show it."""
    return asyncio.run(_demo(given))


async def _demo(given: argparse.Namespace) -> int:
    ceilings = dict(given.qps)
    emulator = Emulator(
        # Enough to find as many that are not verified yet.
        phone_numbers=100 + 4 * given.numbers,
        latency=LATENCY,
        qps=ceilings,
    )
    operations = list(_operations(emulator, given.numbers))
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(emulator)
        clients: list[CamsClient] = []
        for _ in range(CLIENTS):
            client = CamsClient(
                emulator.credentials,
                endpoint=emulator.endpoint,
                qps=ceilings,
                # A proxy of the environment would not find the emulator.
                transport=AiohttpTransport(),
            )
            clients.append(await stack.enter_async_context(client))
        stream = None if given.quiet else sys.stderr
        progress = stack.enter_context(Progress(len(operations), stream))
        failures = await _send_all(clients, operations, progress)
    report, seconds = emulator.report(), time.monotonic() - began
    for failure in failures[:SHOWN]:
        say(failure)
    if given.json:
        counts = {"seconds": seconds, "failed": len(failures)}
        emit(json.dumps(report.as_dict() | counts, indent=2))
    else:
        emit(
            f"{arrivals(report)}\n\n{conclusion(report)} "
            f"{len(operations):,} tasks, {CLIENTS} clients, {seconds:.0f} s, "
            f"{len(failures):,} failed."
        )
    return 0 if report.held and not failures else 1


async def _send_all(
    clients: Iterable[CamsClient],
    operations: Iterable[Operation[Any]],
    progress: Progress,
) -> list[CamsError]:
    """Send everything at once, a task for each, and return what failed."""
    failures: list[CamsError] = []

    async def send(client: CamsClient, operation: Operation[Any]) -> None:
        try:
            await client.send(operation)
        except CamsError as error:
            failures.append(error)
            progress.step(failed=True)
        else:
            progress.step()

    async with asyncio.TaskGroup() as tasks:
        for client, operation in zip(cycle(clients), operations, strict=False):
            tasks.create_task(send(client, operation))
    return failures


def _operations(emulator: Emulator, count: int) -> Iterator[Operation[Any]]:
    """Return what keeps the five ceilings busy for the same time."""
    numbers = emulator.phone_numbers
    verified = [number for number in numbers if _is_verified(emulator, number)]
    unverified = [number for number in numbers if not _is_verified(emulator, number)]
    for number in numbers[:count]:
        yield GetPhoneNumberVerificationStatus(
            phone_number=number.phone_number, cust_space_id=number.cust_space_id
        )
    spaces = dict.fromkeys(number.cust_space_id for number in numbers)
    for space in islice(cycle(spaces), count):
        yield ChatappSyncPhoneNumber(cust_space_id=space)
    for number in unverified[:count]:
        yield ChatappMigrationVerified(
            phone_number=number.phone_number,
            cust_space_id=number.cust_space_id,
            verify_code=emulator.verify_code(number.phone_number),
        )
    # Half as many, since these two allow 5 calls per second instead of 10.
    for number in verified[: (count + 1) // 2]:
        yield UpdatePhoneEncryptionPublicKey(
            phone_number=number.phone_number, encryption_public_key=PUBLIC_KEY
        )
        yield UpdatePhoneMessageQrdl(
            phone_number=number.phone_number,
            qrdl_code=emulator.qrdl_code(number.phone_number),
            prefilled_message="Hello! I have seen your shop.",
            generate_qr_image="SVG",
        )


def _is_verified(emulator: Emulator, number: EmulatedNumber) -> bool:
    status = emulator.verification_status(number.phone_number)
    return status == CodeVerificationStatus.VERIFIED
