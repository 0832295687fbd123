"""`cams-async demo`: hundreds of tasks within five rate limits, without an account."""

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
from cams_async.cli.process import ExitCode, echo, emit
from cams_async.cli.progress import RunProgress, show_progress
from cams_async.cli.report import arrivals, conclusion
from cams_async.client import CamsClient
from cams_async.emulator import EmulatedNumber, Emulator
from cams_async.errors import ApiError, CamsError
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
"""The number of calls in half a minute at the documented 10 calls per second."""

CLIENTS = 3

LATENCY = (0.01, 0.06)
"""Seconds of network latency in each direction, at random."""

FAILURES_SHOWN = 3
"""Number of failures that are shown in full."""

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
    """Add the command to the parser."""
    parser = commands.add_parser(
        "demo",
        help="see hundreds of tasks stay within the rate limits, in half a minute",
        description="Start a CAMS emulator and request the status of a few hundred "
        "phone numbers through three clients, from hundreds of concurrent tasks, "
        "along with calls of the other four operations. Then print the calls that "
        "arrived at the emulator. Exits with 0 only if no rate limit was exceeded and "
        "no call failed.",
        epilog="A ceiling of N is never used up entirely: the lease of a call is free "
        "again one second after its response, which makes N / (1 + round trip) calls "
        "per second.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--numbers",
        type=options.count,
        default=NUMBERS,
        metavar="N",
        help=f"number of phone numbers to request, at 10 per second ({NUMBERS})",
    )
    options.add_ceilings(parser)
    options.add_output(parser, json="print the emulator's report as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo."""
    return asyncio.run(_demo(args))


async def _demo(args: argparse.Namespace) -> int:
    ceilings = dict(args.qps)
    emulator = Emulator(
        # Enough of them are not verified yet.
        phone_numbers=100 + 4 * args.numbers,
        latency=LATENCY,
        qps=ceilings,
    )
    operations = list(_operations(emulator, args.numbers))
    rates = {type(each).__name__: each.qps for each in operations}
    began = time.monotonic()
    progress = RunProgress(
        total=len(operations),
        unit="calls",
        ceilings={action: ceilings.get(action, qps) for action, qps in rates.items()},
        now=began,
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(emulator)
        clients: list[CamsClient] = []
        for _ in range(CLIENTS):
            client = CamsClient(
                emulator.credentials,
                endpoint=emulator.endpoint,
                qps=ceilings,
                hooks=[progress.count_call],
                # A proxy of the environment would not find the emulator.
                transport=AiohttpTransport(),
            )
            clients.append(await stack.enter_async_context(client))
        async with show_progress(progress, None if args.quiet else sys.stderr):
            failures = await _send_all(clients, operations, progress)
    report, seconds = emulator.report(), time.monotonic() - began
    for failure in failures[:FAILURES_SHOWN]:
        echo(failure)
    if args.json:
        counts = {"seconds": seconds, "failed": len(failures)}
        emit(json.dumps(report.as_dict() | counts, indent=2))
    else:
        emit(
            f"{arrivals(report)}\n\n{conclusion(report)} "
            f"{len(operations):,} tasks, {CLIENTS} clients, {seconds:.0f} s, "
            f"{len(failures):,} failed."
        )
    return ExitCode.OK if report.held and not failures else ExitCode.FAILED


async def _send_all(
    clients: Iterable[CamsClient],
    operations: Iterable[Operation[Any]],
    progress: RunProgress,
) -> list[CamsError]:
    """Send all operations concurrently, a task for each, and return the failures."""
    failures: list[CamsError] = []

    async def send(client: CamsClient, operation: Operation[Any]) -> None:
        try:
            await client.send(operation)
        except CamsError as error:
            failures.append(error)
            code = error.code if isinstance(error, ApiError) else ""
            progress.step(code or type(error).__name__)
        else:
            progress.step()

    async with asyncio.TaskGroup() as tasks:
        for client, operation in zip(cycle(clients), operations, strict=False):
            tasks.create_task(send(client, operation))
    return failures


def _operations(emulator: Emulator, count: int) -> Iterator[Operation[Any]]:
    """Return operations that use the five rate limits for the same time."""
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
