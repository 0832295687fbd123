"""The command line as a whole: which commands there are, and how they end."""

import argparse
import sys
from collections.abc import Sequence

from cams_async.cli import call, demo, emulator, operations, status, watch
from cams_async.cli.exits import FAILED, INTERRUPTED, OK, USAGE
from cams_async.cli.options import PROGRAM, MixedParser
from cams_async.cli.stderr import say, warnings_shown
from cams_async.cli.streams import emit, occupy_closed, settle
from cams_async.errors import CamsError, ConfigurationError, InvalidOperation
from cams_async.version import __version__

COMMANDS = (demo, call, status, watch, operations, emulator)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    whole = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Alibaba Cloud Chat App Message Service, within its ceilings.",
        epilog="Start with `cams-async demo`: it needs no account and no network.",
        allow_abbrev=False,
    )
    whole.add_argument(
        "--version",
        action="version",
        version=f"{PROGRAM} {__version__}",
        help="show the version and exit",
    )
    commands = whole.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=MixedParser
    )
    for command in COMMANDS:
        command.add(commands)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        arguments: Those after the program's name. Default: of this process.

    Returns:
        0 if all went well, 1 after an error, which is one line on stderr, 2 where an
        argument or a setting is unusable, 3 where rows of a file have failed, and
        130 after Ctrl-C. Usage errors that argparse finds exit with 2. Without any
        argument it prints the help, as `--help` does.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    occupy_closed()
    try:
        return _run(given)
    finally:
        settle()


def _run(given: list[str]) -> int:
    try:
        if not given:
            emit(parser().format_help().rstrip())
            return OK
        # An interrupted command prints how to resume.
        options = parser().parse_args(given, argparse.Namespace(arguments=given))
        with warnings_shown(quiet=options.quiet):
            code: int = options.run(options)
    except CamsError as error:
        say(error)
        unusable = isinstance(error, (ConfigurationError, InvalidOperation))
        return USAGE if unusable else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return code
