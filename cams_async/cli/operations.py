"""`cams-async operations`: the list of operations with their rate limits."""

import argparse
import json
import re
from typing import Any

from cams_async.cli import options
from cams_async.cli.process import ExitCode, emit
from cams_async.cli.report import table
from cams_async.methods import method_name
from cams_async.operations import OPERATIONS, Operation

HEADERS = ("action", "method", "QPS ceiling", "retry-safe", "RAM action", "summary")

_RAM_ACTION = re.compile(r"RAM action: `([^`]+)`")


def add(commands: options.Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "operations",
        help="list the operations with their rate limits",
        description="List the operations that have a class and a method of their own, "
        "with their rate limits. Any other action can be called by its name.",
        allow_abbrev=False,
    )
    options.add_output(parser, json="print a JSON array of objects")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the list."""
    facts = [_facts(operation) for operation in OPERATIONS.values()]
    if args.json:
        emit(json.dumps(facts, indent=2))
    else:
        rows = [[_text(value) for value in entry.values()] for entry in facts]
        emit(table(HEADERS, rows))
    return ExitCode.OK


def _facts(operation: type[Operation[Any]]) -> dict[str, Any]:
    text = operation.__doc__ or ""
    ram_action = _RAM_ACTION.search(text)
    return {
        "action": operation.__name__,
        "method": method_name(operation.__name__),
        "qps": operation.qps,
        "retry_safe": operation.retry_safe,
        "ram_action": ram_action and ram_action[1],
        "summary": text.partition("\n")[0],
    }


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
