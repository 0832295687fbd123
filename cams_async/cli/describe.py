"""`cams-async describe`: the facts and the fields of one action."""

import argparse
import ast
import functools
import importlib
import inspect
import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from types import NoneType
from typing import Any, get_args, get_origin

import attrs

from cams_async.cli import options
from cams_async.cli.operations import NARROWEST, facts
from cams_async.cli.parameters import wire_action, wire_fields
from cams_async.cli.process import ExitCode, emit, terminal_width
from cams_async.config import nearest
from cams_async.errors import ConfigurationError
from cams_async.models import Record, Response
from cams_async.operations import CATALOGUE, OPERATIONS, Operation
from cams_async.operations.catalogue import DEFAULT_QPS
from cams_async.operations.fields import (
    AtMost,
    Between,
    is_required,
    listed_values,
    parts_of,
    record_in,
)
from cams_async.secret import Secret

INDENT = 2

UNDOCUMENTED = f"not documented; a client allows {DEFAULT_QPS:g} calls"

_TYPES: Mapping[Any, str] = {int: "integer", bool: "boolean", Any: "any value"}

# Parts of the docstring of an operation: those that are shown in another form, a line
# with the address of the vendor's page, and the start of a field's description.
_SECTION = re.compile("Args:|Raises:|Rate limit: ")
_URL = re.compile(r"https://\S+")
_ARGUMENT = re.compile(r"^    (\w+): ", re.MULTILINE)


def add(commands: options.Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "describe",
        help="print the parameters and the facts of an action",
        description="Print the parameters of an action and the fields of its response, "
        "to full depth, with its rate limit and whether it is safe to repeat.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "action", metavar="ACTION", help="its name, as on the wire or in snake_case"
    )
    options.add_output(parser, json="print a JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the description."""
    action = wire_action(args.action)
    if action not in CATALOGUE:
        near = nearest(action, CATALOGUE)
        hint = f"did you mean {near}?" if near else "`operations` lists all"
        raise ConfigurationError(f"is no documented action; {hint}", field=args.action)
    described = description(OPERATIONS[action])
    if args.json:
        emit(json.dumps(described, indent=2))
    else:
        emit("\n".join(_page(described, terminal_width())))
    return ExitCode.OK


# --- facts and fields as JSON values --------------------------------------------------


def description(operation: type[Operation[Any]]) -> dict[str, Any]:
    """Return an operation's facts, parameters and response as JSON values."""
    doc = inspect.getdoc(operation) or ""
    paragraphs = [
        _joined(each) for each in doc.split("\n\n") if not _SECTION.match(each)
    ]
    url = next(filter(_URL.fullmatch, paragraphs), None)
    response = operation.response()
    # The fields that all responses have come last.
    common = attrs.fields_dict(Response)
    fields = [*_fields(response, _field_docs(response))]
    return {
        **facts(operation.__name__),
        "description": "\n\n".join(each for each in paragraphs if each != url),
        "url": url,
        "parameters": [*_fields(operation, _argument_docs(doc))],
        "response": sorted(fields, key=lambda each: each["field"] in common),
    }


def _fields(
    cls: type[Operation[Any]] | type[Record], docs: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    for name, field in wire_fields(cls).items():
        kinds, rules = parts_of(field.type)
        found: dict[str, Any] = {
            "name": name,
            "field": field.name,
            "type": _type_text(kinds),
            "required": is_required(field),
            "description": docs.get(field.name, ""),
        }
        if values := listed_values(kinds):
            # Of an open list, any other text is accepted, too.
            found |= {"values": values, "open": str in kinds}
        if Secret in kinds:
            found["secret"] = True
        if isinstance(field.default, int | str):
            found["default"] = field.default
        for rule in rules:
            if isinstance(rule, Between):
                found |= {"minimum": rule.low, "maximum": rule.high}
            elif isinstance(rule, AtMost):
                found["max_items"] = rule.items
        if (record := _record_of(kinds)) is not None:
            found["fields"] = [*_fields(record, _field_docs(record))]
        yield found


def _type_text(kinds: Iterable[Any]) -> str:
    """Return the type of JSON values, such as `list of strings`."""
    names: dict[str, None] = {}
    for kind in kinds:
        origin, inner = get_origin(kind) or kind, get_args(kind)
        if origin in (Sequence, tuple):
            names[f"list of {_type_text(parts_of(inner[0])[0])}s"] = None
        elif origin is Mapping and inner[1] is str:
            names["map of strings"] = None
        elif origin is Mapping or record_in([kind]):
            names["object"] = None
        elif origin is not NoneType:
            names[_TYPES.get(origin, "string")] = None
    return " or ".join(names)


def _record_of(kinds: Iterable[Any]) -> type[Record] | None:
    """Return the class of the objects that a field holds, also in a list."""
    for kind in kinds:
        if get_origin(kind) in (Sequence, tuple):
            return _record_of(parts_of(get_args(kind)[0])[0])
        if (record := record_in([kind])) is not None:
            return record
    return None


# --- descriptions, as written in the source -------------------------------------------


def _argument_docs(doc: str) -> dict[str, str]:
    """Return the descriptions of an operation's fields, of `Args:` in its docstring."""
    arguments = next((each for each in doc.split("\n\n") if each[:5] == "Args:"), "")
    _, *parts = _ARGUMENT.split(arguments)
    return {
        name: _joined(text) for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


def _field_docs(cls: type[Record]) -> dict[str, str]:
    """Return the descriptions of a record's fields, each written below its field."""
    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, Record):
            docs |= _docs_below(base.__module__).get(base.__name__, {})
    return docs


@functools.cache
def _docs_below(module: str) -> dict[str, dict[str, str]]:
    """Return the texts below the fields of a module's classes; none without source."""
    try:
        source = inspect.getsource(importlib.import_module(module))
    except OSError:
        return {}
    return {
        each.name: {
            field.target.id: _joined(below.value.value)
            for field, below in pairwise(each.body)
            if isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        }
        for each in ast.parse(source).body
        if isinstance(each, ast.ClassDef)
    }


def _joined(text: str) -> str:
    return " ".join(text.split())


# --- text -----------------------------------------------------------------------------


def _page(described: Mapping[str, Any], width: int | None) -> Iterator[str]:
    """Return a description as lines, wrapped to a terminal's width."""
    yield f"{described['action']} ({described['journey']})"
    yield ""
    for paragraph in described["description"].split("\n\n"):
        yield _wrapped(paragraph, width)
        yield ""
    qps, verify_with = described["qps"], described["verify_with"]
    repeats = "safe to repeat" if described["retry_safe"] else "not safe to repeat"
    rate = f"{qps:g} calls per second" if qps else f"{UNDOCUMENTED} per second"
    yield f"rate limit:  {rate}"
    yield f"retries:     {repeats} after an unknown outcome"
    yield f"verify with: {verify_with or '-'}"
    yield f"RAM action:  {described['ram_action']}"
    yield f"method:      {described['method']}"
    if described["url"]:
        yield f"vendor:      {described['url']}"
    yield ""
    yield "parameters:"
    yield from _field_lines(described["parameters"], width, INDENT)
    yield ""
    yield "response, in which required fields are always present:"
    yield from _field_lines(described["response"], width, INDENT)


def _field_lines(
    fields: Iterable[Mapping[str, Any]], width: int | None, indent: int
) -> Iterator[str]:
    for each in fields:
        text = f"{each['name']} ({'; '.join(_notes(each))})"
        if each["description"]:
            text = f"{text}: {each['description']}"
        yield _wrapped(text, width, indent)
        yield from _field_lines(each.get("fields", ()), width, indent + 2 * INDENT)


def _notes(field: Mapping[str, Any]) -> Iterator[str]:
    yield field["type"]
    if values := field.get("values"):
        yield f"{'such as' if field['open'] else 'one of'} {', '.join(values)}"
    if "minimum" in field:
        yield f"{field['minimum']} to {field['maximum']}"
    if "max_items" in field:
        yield f"at most {field['max_items']}"
    if field["required"]:
        yield "required"
    if "secret" in field:
        yield "secret"
    if "default" in field:
        yield f"default {field['default']}"


def _wrapped(text: str, width: int | None, indent: int = 0) -> str:
    start = " " * indent
    if width is None:
        return f"{start}{text}"
    # Deep fields keep some room, even if they do not fit.
    room = max(width, indent + NARROWEST)
    following = start + " " * INDENT if indent else ""
    return textwrap.fill(
        text,
        room,
        initial_indent=start,
        subsequent_indent=following,
        break_long_words=False,
        break_on_hyphens=False,
    )
