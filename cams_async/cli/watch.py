"""`cams-async watch`: the phone numbers in a file, each until it is verified."""

import argparse

from cams_async.bulk import Watching
from cams_async.cli import job, names, options
from cams_async.errors import ConfigurationError
from cams_async.models import CodeVerificationStatus

KNOWN = tuple(CodeVerificationStatus)


def add(commands: options.Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "watch",
        help="ask for phone numbers again and again, until each is verified",
        description="Ask for the verification status of each phone number in a file "
        "again and again, with growing pauses and within the ceiling, until it has "
        "settled; then write a line for each of its rows. A run that ended early goes "
        "on with the same command.",
        epilog=job.EXIT_CODES,
        allow_abbrev=False,
    )
    job.add_arguments(parser)
    parser.add_argument(
        "--until",
        type=options.statuses,
        metavar="STATUS,...",
        help="the statuses in which a number has settled (VERIFIED)",
    )
    parser.add_argument(
        "--any-status",
        action="store_true",
        help="let --until name statuses that are not documented",
    )
    parser.add_argument(
        "--every",
        type=options.pauses,
        metavar="FIRST:LONGEST",
        help="seconds between two questions for a number; the pause grows (30:600)",
    )
    parser.add_argument(
        "--deadline",
        type=options.above_zero,
        metavar="SECONDS",
        help="after which what has not settled fails, counted from the first start "
        "(never)",
    )
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Ask for each number until it has settled."""
    for status in () if given.any_status else given.until or ():
        if status not in KNOWN:
            raise ConfigurationError(_unknown(status), field="--until")
    how = options.given(given, "until", "every", "deadline")
    return job.run(given, Watching(**how))


def _unknown(status: str) -> str:
    near = names.nearest(status, KNOWN)
    hint = f"did you mean {near}?" if near else f"one of {', '.join(KNOWN)};"
    return f"{status!r} is no known status; {hint} --any-status takes any"
