"""Names that people type: as on the wire or in snake_case, and with typing errors."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from cams_async import wire
from cams_async.errors import ConfigurationError
from cams_async.operations import OPERATIONS, Operation

ALIKE = 0.9
"""How alike an action's name and a known one are at least, from 0 to 1, for it to be a
typing error. No two documented actions are more alike than 0.88."""


def action_name(name: str) -> str:
    """Return the name of an action on the wire.

    Raises:
        ConfigurationError: It is no known action, but almost the name of one.
    """
    pascal = _pascal(name)
    if pascal not in OPERATIONS and (near := nearest(name, OPERATIONS, ALIKE)):
        raise ConfigurationError(
            f"is no known action; did you mean {near}? --unchecked sends it as it is",
            field=name,
        )
    return pascal


def parameter_name(action: str, name: str) -> str:
    """Return the name of a parameter on the wire.

    Raises:
        ConfigurationError: The action is known, and has no such parameter.
    """
    pascal = _pascal(name)
    operation = OPERATIONS.get(action)
    if operation is None:
        return pascal
    fields = wire_names(operation)
    if name in fields:
        return fields[name]
    known = fields.values()
    if pascal not in known:
        near = nearest(name, known)
        hint = f"did you mean {near}?" if near else f"it has {', '.join(known)};"
        raise ConfigurationError(
            f"is no parameter of {action}; {hint} --unchecked sends it as it is",
            field=name,
        )
    return pascal


def wire_names(operation: type[Operation[Any]]) -> Mapping[str, str]:
    """Return the names of an operation's fields on the wire."""
    return {field.name: wire.wire_name(field) for field in attrs.fields(operation)}


def required(operation: type[Operation[Any]]) -> list[str]:
    """Return the fields that an operation cannot do without."""
    fields = attrs.fields(operation)
    return [field.name for field in fields if field.default is attrs.NOTHING]


def nearest(name: str, known: Iterable[str], alike: float = 0.6) -> str | None:
    """Return the known name that a name was probably meant to be."""
    plain = {_plain(each): each for each in known}
    found = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=alike)
    return plain[found[0]] if found else None


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


def _pascal(name: str) -> str:
    return wire.pascal_case(name) if name[:1].islower() else name
