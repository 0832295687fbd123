"""`cams-async emulator`: a CAMS emulator on this machine, for any client."""

import argparse
import asyncio
import csv
import json
import shlex
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from cams_async.bulk import OutputError
from cams_async.cli import options
from cams_async.cli.process import PROGRAM, ExitCode, emit, on_signals
from cams_async.cli.report import arrivals, conclusion
from cams_async.credentials import KEY_ID, KEY_SECRET
from cams_async.emulator import EmulatedNumber, Emulator
from cams_async.emulator.ceilings import POLICIES
from cams_async.errors import ConfigurationError

PORT = 8080

OPTIONS = (
    "phone_numbers",
    "policy",
    "counts_refused",
    "latency",
    "settle",
    "skew",
    "retry_after",
    "seed",
    "callback_url",
    "host",
    "port",
)
"""The options that are arguments of `Emulator`."""


def add(commands: options.Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "emulator",
        help="run a CAMS emulator on this machine",
        description="Run a CAMS emulator on this machine, with strict checks and with "
        "state, until Ctrl-C. Then print whether its clients stayed within the rate "
        "limits.",
        allow_abbrev=False,
    )
    parser.add_argument("--host", help="the address to listen on (127.0.0.1)")
    parser.add_argument(
        "--port",
        type=options.whole,
        default=PORT,
        help=f"the port to listen on; 0 for any free port ({PORT})",
    )
    parser.add_argument(
        "--phone-numbers",
        type=options.whole,
        metavar="N",
        help="number of phone numbers (1000)",
    )
    parser.add_argument(
        "--policy",
        choices=POLICIES,
        help="how calls above a QPS ceiling are refused: over a sliding second, per "
        "calendar second, or by a token bucket (sliding)",
    )
    parser.add_argument(
        "--counts-refused",
        action="store_true",
        help="count refused calls against the ceiling too",
    )
    options.add_ceilings(parser)
    parser.add_argument(
        "--latency",
        type=options.seconds_range,
        metavar="LOW:HIGH",
        help="seconds that each direction takes, at random (0:0)",
    )
    parser.add_argument(
        "--settle",
        type=options.number,
        metavar="SECONDS",
        help="time after which every phone number is verified (20)",
    )
    parser.add_argument(
        "--skew",
        type=options.number,
        metavar="SECONDS",
        help="by which the server's clock is ahead (0)",
    )
    parser.add_argument(
        "--retry-after",
        type=options.number,
        metavar="SECONDS",
        help="the Retry-After header of throttled responses (none)",
    )
    parser.add_argument(
        "--seed",
        type=options.whole,
        metavar="N",
        help="the seed of everything random (0)",
    )
    parser.add_argument(
        "--callback-url",
        metavar="URL",
        help="push the receipts of messages there (only to the URLs that "
        "UpdatePhoneWebhook sets, and of those only to ones of this machine)",
    )
    parser.add_argument(
        "--write-numbers",
        type=Path,
        metavar="FILE",
        help="write the phone numbers with their spaces to a CSV file, as input for "
        "`status` and `watch`",
    )
    options.add_output(
        parser, json="print one line of JSON at the start, and one at the end"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    asyncio.run(_serve(args))
    return ExitCode.OK


async def _serve(args: argparse.Namespace) -> None:
    stop = asyncio.Event()
    settings = options.specified(args, *OPTIONS)
    emulator = Emulator(qps=dict(args.qps), **settings)
    with on_signals(stop.set):
        async with emulator:
            if args.write_numbers is not None:
                await asyncio.to_thread(
                    _write_numbers, args.write_numbers, emulator.phone_numbers
                )
            facts = _facts(emulator)
            start = json.dumps(facts) if args.json else _hint(facts, args)
            # Serves even if stdout is closed: clients may have the endpoint already.
            with suppress(OutputError):
                emit(start)
            await stop.wait()
    report = emulator.report()
    if args.json:
        emit(json.dumps(report.as_dict()))
    elif report.actions:
        emit(f"\n{arrivals(report)}\n\n{conclusion(report)}")


def _write_numbers(path: Path, numbers: Iterable[EmulatedNumber]) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("phone_number", "cust_space_id"))
            writer.writerows((one.phone_number, one.cust_space_id) for one in numbers)
    except OSError as error:
        raise ConfigurationError(str(error), field="--write-numbers") from error


def _facts(emulator: Emulator) -> dict[str, Any]:
    number = emulator.phone_numbers[0]
    return {
        "endpoint": emulator.endpoint,
        "access_key_id": emulator.credentials.access_key_id,
        "access_key_secret": emulator.credentials.access_key_secret.reveal(),
        "phone_number": number.phone_number,
        "cust_space_id": number.cust_space_id,
    }


def _hint(start: dict[str, Any], args: argparse.Namespace) -> str:
    hint = f"""\
The CAMS emulator listens on {start["endpoint"]} until Ctrl-C. In another shell:

export {KEY_ID}={start["access_key_id"]}
export {KEY_SECRET}={start["access_key_secret"]}
{PROGRAM} call GetPhoneNumberVerificationStatus --endpoint {start["endpoint"]} \
PhoneNumber={start["phone_number"]} CustSpaceId={start["cust_space_id"]}"""
    if args.write_numbers is not None:
        numbers = shlex.quote(str(args.write_numbers))
        hint += (
            f"\n{PROGRAM} status {numbers} -o status.jsonl "
            f"--endpoint {start['endpoint']}"
        )
    return hint
