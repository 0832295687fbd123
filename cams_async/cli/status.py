"""`cams-async status`: the verification status of each phone number in a file."""

import argparse

from cams_async.cli import job, options


def add(commands: options.Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "status",
        help="ask for the status of each phone number in a file",
        description="Ask for the verification status of each phone number in a file, "
        "as fast as the ceiling allows, and write a line for each row. A run that "
        "ended early goes on with the same command.",
        epilog=job.EXIT_CODES,
        allow_abbrev=False,
    )
    job.add_arguments(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Ask once for each number."""
    return job.run(given)
