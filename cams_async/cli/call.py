"""`cams-async call`: one call of any CAMS action."""

import argparse
import asyncio
import json
from typing import Any

from cams_async.cli import options
from cams_async.client import CamsClient
from cams_async.models import Resend

EPILOG = """\
example:
  cams-async call GetPhoneNumberVerificationStatus \\
      PhoneNumber=8613800000000 CustSpaceId=cams-xxxx
"""


def add(commands: options.Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "call",
        help="call any CAMS action and print its answer",
        description="Call any CAMS action: signed, throttled and checked like the "
        "rest. Prints the answer as JSON, as it stood on the wire.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("action", metavar="ACTION", help="its name, verbatim")
    parser.add_argument(
        "parameters",
        metavar="Name=value",
        nargs="*",
        type=options.assignment,
        help="a parameter by its name on the wire; nested values as JSON text",
    )
    parser.add_argument(
        "--resend",
        type=Resend,
        choices=list(Resend),
        default=Resend.NEVER,
        help="whether it may be sent again when nobody can say if it was executed; "
        "known actions decide for themselves (never)",
    )
    parser.add_argument(
        "--qps",
        type=options.above_zero,
        metavar="N",
        help="calls per second, other than documented",
    )
    options.add_place(parser)
    options.add_output(parser, json="print the answer on one line")
    parser.set_defaults(run=run, usage_error=parser.error)


def run(given: argparse.Namespace) -> int:
    """Call, and print the answer."""
    parameters: dict[str, str] = {}
    for name, value in given.parameters:
        if name in parameters:
            given.usage_error(f"argument Name=value: {name} is given twice")
        parameters[name] = value
    answer = asyncio.run(_call(given, parameters))
    print(json.dumps(answer, ensure_ascii=False, indent=None if given.json else 2))
    return 0


async def _call(given: argparse.Namespace, parameters: dict[str, str]) -> Any:
    ceilings = {} if given.qps is None else {given.action: given.qps}
    place = options.given(given, "endpoint", "region", "account")
    async with CamsClient(qps=ceilings, **place) as cams:
        return await cams.call(given.action, parameters, resend=given.resend)
