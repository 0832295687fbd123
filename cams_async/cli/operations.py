"""`cams-async operations`: what this version knows of CAMS."""

import argparse
import json
import re
from typing import Any

from cams_async.cli import options
from cams_async.cli.streams import emit
from cams_async.cli.table import table
from cams_async.methods import method_name
from cams_async.operations import OPERATIONS, Operation

HEADERS = ("action", "method", "calls/s", "retry-safe", "RAM action", "what it does")

_RAM_ACTION = re.compile(r"RAM action: `([^`]+)`")


def add(commands: options.Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "operations",
        help="list the operations with their ceilings",
        description="List the operations that have a class and a method of their own, "
        "with their ceilings. Any other action can be called by its name.",
        allow_abbrev=False,
    )
    options.add_output(parser, json="print a JSON array of objects")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Print the list."""
    facts = [_facts(operation) for operation in OPERATIONS.values()]
    if given.json:
        emit(json.dumps(facts, indent=2))
    else:
        rows = [[_text(value) for value in entry.values()] for entry in facts]
        emit(table(HEADERS, rows))
    return 0


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
