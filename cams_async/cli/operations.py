"""`cams-async operations`: the list of actions with their rate limits."""

import argparse
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from cams_async.cli import options
from cams_async.cli.process import ExitCode, emit, terminal_width
from cams_async.cli.report import GAP, table
from cams_async.config import nearest
from cams_async.errors import ConfigurationError
from cams_async.methods import ActionMethods, method_name
from cams_async.operations import CATALOGUE

COLUMNS: Mapping[str, str] = {
    "journey": "journey",
    "action": "action",
    "method": "method",
    "qps": "QPS ceiling",
    "retry_safe": "retry-safe",
    "summary": "summary",
}
"""The columns of the table: facts, and their headers."""

NARROWEST = 24
"""Characters of the narrowest column for summaries."""

EPILOG = """\
A rate of - is not documented: a client allows 5 calls per second by default. An action
that is safe to repeat is sent again after an unknown outcome, any other one never.
"""


def add(commands: options.Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "operations",
        help="list all CAMS actions with their rate limits",
        description="List the CAMS actions by journey, with their rate limits.",
        epilog=EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument(
        "filters",
        metavar="FILTER",
        nargs="*",
        help="a journey, or part of a name or a summary; all filters must match",
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--read-only",
        dest="retry_safe",
        action="store_const",
        const=True,
        help="only actions that are safe to repeat",
    )
    kind.add_argument(
        "--changing",
        dest="retry_safe",
        action="store_const",
        const=False,
        help="only actions that are not safe to repeat, as they change or send "
        "something",
    )
    options.add_output(parser, json="print a JSON array of objects")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the list."""
    found = [facts(action) for action in CATALOGUE]
    for text in args.filters:
        if not any(_matches(each, text) for each in map(facts, CATALOGUE)):
            raise _no_match(text)
        found = [each for each in found if _matches(each, text)]
    if args.retry_safe is not None:
        found = [each for each in found if each["retry_safe"] is args.retry_safe]
    if args.json:
        emit(json.dumps(found, indent=2))
    elif not found:
        raise ConfigurationError("match no action together", field="the filters")
    elif (width := terminal_width()) is not None:
        emit("\n\n".join(_by_journey(found, width)))
    else:
        rows = [[_text(each[column]) for column in COLUMNS] for each in found]
        emit(table(list(COLUMNS.values()), rows))
    return ExitCode.OK


def facts(action: str) -> dict[str, Any]:
    """Return the facts of a documented action as JSON values; loads no operation."""
    documented = CATALOGUE[action]
    method = method_name(action)
    summary: str = vars(ActionMethods)[method].__doc__ or ""
    return {
        "journey": documented.journey,
        "action": action,
        "method": method,
        "qps": documented.qps,
        "retry_safe": documented.retry_safe,
        "verify_with": documented.verify_with,
        "ram_action": f"cams:{action}",
        "summary": summary.partition("\n")[0],
    }


def _matches(entry: Mapping[str, Any], text: str) -> bool:
    if text in {each.journey for each in CATALOGUE.values()}:
        return bool(entry["journey"] == text)
    names = ("journey", "action", "method", "summary")
    return any(text.casefold() in entry[name].casefold() for name in names)


def _no_match(text: str) -> ConfigurationError:
    journeys = {each.journey for each in CATALOGUE.values()}
    near = nearest(text, [*journeys, *CATALOGUE])
    hint = f"; did you mean {near}?" if near else ""
    return ConfigurationError(f"matches no action{hint}", field=text)


def _by_journey(found: Sequence[Mapping[str, Any]], width: int) -> Iterator[str]:
    """Return a paragraph for each journey, in a terminal's width."""
    longest = max(len(each["action"]) for each in found)
    for journey, entries in groupby(found, lambda each: each["journey"]):
        lines = [line for each in entries for line in _lines(each, longest, width)]
        yield "\n".join([journey, *lines])


def _lines(entry: Mapping[str, Any], longest: int, width: int) -> list[str]:
    """Return an action, its rate, and whether it is retried, before its summary."""
    action, summary = entry["action"], entry["summary"]
    rate = "-" if entry["qps"] is None else f"{entry['qps']:g}/s"
    retried = "safe" if entry["retry_safe"] else "never"
    start = f"{GAP}{action:{longest}}{GAP}{rate:>5}{GAP}{retried:5}{GAP}"
    if width - len(start) >= NARROWEST:
        return _wrap(summary, width, start)
    return [f"{GAP}{action}", *_wrap(f"{rate}, {retried}. {summary}", width, 2 * GAP)]


def _wrap(text: str, width: int, start: str) -> list[str]:
    following = " " * len(start)
    return textwrap.wrap(
        text, width, initial_indent=start, subsequent_indent=following
    ) or [start.rstrip()]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
