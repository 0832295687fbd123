"""The command line as a whole: which commands there are, and how they end."""

import argparse
import logging
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from cams_async.cli import call, demo, emulator, operations
from cams_async.cli.options import PROGRAM, MixedParser
from cams_async.errors import CamsError
from cams_async.version import __version__

FAILED = 1
INTERRUPTED = 130

COMMANDS = (demo, call, operations, emulator)


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
        0 if all went well, 1 after an error, which is one line on stderr, and 130
        after Ctrl-C. Usage errors exit with 2.
    """
    options = parser().parse_args(arguments)
    try:
        with _warnings_shown(quiet=options.quiet):
            code: int = options.run(options)
    except CamsError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


@contextmanager
def _warnings_shown(*, quiet: bool) -> Generator[None, None, None]:
    """Show on stderr what the library warns of, such as a call that is resent."""
    if quiet:
        yield
        return
    logger = logging.getLogger("cams_async")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"{PROGRAM}: %(message)s"))
    handler.setLevel(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
