"""The program `cams-async`: its parser, its commands and their exit codes."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

from cams_async.cli import call, demo, describe, emulator, job, operations
from cams_async.cli.options import Commands, MixedParser
from cams_async.cli.process import (
    PROGRAM,
    ExitCode,
    echo,
    echo_warnings,
    emit,
    flush_streams,
    occupy_closed,
)
from cams_async.errors import CamsError, ConfigurationError, InvalidOperation
from cams_async.version import __version__

COMMANDS: Mapping[str, Callable[[Commands], None]] = {
    "demo": demo.add,
    "call": call.add,
    "status": job.add_status,
    "watch": job.add_watch,
    "operations": operations.add,
    "describe": describe.add,
    "emulator": emulator.add,
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the program and all its commands."""
    whole = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Alibaba Cloud Chat App Message Service, within its rate limits.",
        epilog="Start with `cams-async demo`: it needs no account and no network.",
        allow_abbrev=False,
    )
    whole.add_argument(
        "--version",
        action="version",
        version=f"{PROGRAM} {__version__}",
        help="show the version and exit",
    )
    commands: Commands = whole.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=MixedParser
    )
    for add in COMMANDS.values():
        add(commands)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Without arguments it prints the help. Usage errors that argparse detects exit
    with 2.

    Args:
        arguments: The arguments after the program's name. Default: of this process.

    Returns:
        0 after success, 1 after an error, which is one line on stderr, 2 if an
        argument or a setting is unusable, 3 if rows of a file have failed, and 130
        after Ctrl-C.
    """
    args = sys.argv[1:] if arguments is None else list(arguments)
    occupy_closed()
    try:
        return _run(args)
    finally:
        flush_streams()


def _run(arguments: list[str]) -> int:
    try:
        if not arguments:
            emit(parser().format_help().rstrip())
            return ExitCode.OK
        # An interrupted job prints the command that resumes it.
        args = parser().parse_args(arguments, argparse.Namespace(arguments=arguments))
        with echo_warnings(quiet=args.quiet):
            code: int = args.run(args)
    except CamsError as error:
        echo(error)
        unusable = isinstance(error, (ConfigurationError, InvalidOperation))
        return ExitCode.USAGE if unusable else ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return code
