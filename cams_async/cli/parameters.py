"""Parameters of a call on the command line: names, values and where values are read."""

import getpass
import json
import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import attrs

from cams_async import wire
from cams_async.config import nearest
from cams_async.errors import ConfigurationError
from cams_async.methods import method_name
from cams_async.models import Record
from cams_async.operations import CATALOGUE, OPERATIONS, Operation
from cams_async.operations.fields import (
    is_required,
    listed_values,
    parts_of,
    pascal_case,
    wire_name,
)
from cams_async.operations.names import misspelt
from cams_async.secret import Secret
from cams_async.terminal import standard_input

MAX_BYTES = 2**20
"""Bytes of the longest value that is read; no request takes as many."""

ENVIRONMENT = "env:"


# --- names ----------------------------------------------------------------------------


def wire_action(name: str) -> str:
    """Return the name of an action on the wire, given as there or as a method's."""
    return _ACTIONS.get(name) or _pascal(name)


def action_name(name: str) -> str:
    """Return the name of an action on the wire, given as there or in snake_case.

    Raises:
        ConfigurationError: It is no documented action, but almost the name of one.
    """
    action = wire_action(name)
    if near := misspelt(action):
        raise ConfigurationError(
            f"is not a documented action; did you mean {near}? --unchecked sends it "
            "as it is",
            field=name,
        )
    return action


def parameter_name(action: str, name: str) -> str:
    """Return the name of a parameter on the wire, given as there or in snake_case.

    Raises:
        ConfigurationError: The action is an operation without such a parameter.
    """
    operation = OPERATIONS.get(action)
    if operation is None:
        return _pascal(name)
    fields = wire_fields(operation)
    names = {field.name: each for each, field in fields.items()}
    pascal = names.get(name) or _pascal(name)
    if pascal not in fields:
        near = nearest(name, fields)
        hint = f"did you mean {near}?" if near else f"`describe {action}` lists them;"
        raise ConfigurationError(
            f"is not a parameter of {action}; {hint} --unchecked sends it as it is",
            field=name,
        )
    return pascal


def wire_fields(
    cls: type[Operation[Any]] | type[Record],
) -> dict[str, "attrs.Attribute[Any]"]:
    """Return the fields of a request or of a JSON object by their names on the wire.

    Their types are classes, and not the names of classes.
    """
    attrs.resolve_types(cls)
    return {
        wire_name(field): field
        for field in attrs.fields(cls)
        if field.name not in ("extra", "meta")
    }


def _pascal(name: str) -> str:
    return pascal_case(name) if name[:1].islower() else name


_ACTIONS = {method_name(action): action for action in CATALOGUE}


# --- values ---------------------------------------------------------------------------


def checked(
    action: str, values: Mapping[str, Any], texts: Mapping[str, str]
) -> dict[str, Any]:
    """Return the parameters of an operation, checked and normalized as its fields.

    Those of an action without an operation are returned as they are.

    Args:
        action: The name of the action.
        values: JSON values by the name of the parameter on the wire.
        texts: Texts by the name of the parameter. They are converted to the type of
            the parameter: all but texts are written as JSON.

    Raises:
        ConfigurationError: A parameter is missing, or is no JSON; names it.
        InvalidOperation: A value is unusable; names its path.
    """
    operation = OPERATIONS.get(action)
    if operation is None:
        return {**values, **texts}
    fields = wire_fields(operation)
    given = {**values}
    for name, text in texts.items():
        given[name] = _converted(name, text, fields[name].type)
    missing = [
        name
        for name, field in fields.items()
        if is_required(field) and name not in given
    ]
    if missing:
        raise ConfigurationError(f"needs {', '.join(missing)}", field=action)
    filled = operation(**{fields[name].name: value for name, value in given.items()})
    return {**wire.parameters(filled)}


def _converted(name: str, text: str, kind: Any) -> Any:
    """Return the value that a text stands for in a field of some type."""
    kinds, _ = parts_of(kind)
    if str in kinds or Secret in kinds or listed_values(kinds):
        return text
    if bool in kinds and text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return _read_json(name, text)
    except ConfigurationError:
        if bool in kinds or int in kinds:
            return text  # the operation states what it should be
        raise


def _read_json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = str(error)
    raise ConfigurationError(f"is not JSON: {reason}", field=name)


def read_object(source: str) -> dict[str, Any]:
    """Return the JSON object in a file or another place: `@FILE`, `@-`, `@env:NAME`.

    Raises:
        ConfigurationError: It cannot be read, or is no JSON object.
    """
    value = _read_json(source, read_value(source, source))
    if not isinstance(value, dict):
        raise ConfigurationError("is not a JSON object", field=source)
    return cast("dict[str, Any]", value)


def is_reference(text: str) -> bool:
    """Whether a text names the place of a value, rather than the value itself."""
    return text.startswith("@") and not text.startswith("@@")


def read_value(name: str, text: str) -> str:
    """Return the value that a text stands for.

    `@FILE` is the content of a file, `@-` that of standard input, `@env:NAME` a
    variable of the environment, and `@@...` a text that begins with `@`. The last line
    end of a file or of standard input is dropped.

    Raises:
        ConfigurationError: The value cannot be read; names the parameter.
    """
    if not is_reference(text):
        return text[1:] if text.startswith("@@") else text
    source = text[1:]
    if source.startswith(ENVIRONMENT):
        variable = source.removeprefix(ENVIRONMENT)
        value = os.environ.get(variable)
        if value is None:
            raise ConfigurationError(f"{variable!r} is not set", field=name)
        return value
    return _read_text(name, source)


def _read_text(name: str, source: str) -> str:
    place = "standard input" if source == "-" else repr(source)
    try:
        if source == "-":
            data = _standard_input(name).read(MAX_BYTES + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        msg = f"{place} cannot be read: {reason}"
        raise ConfigurationError(msg, field=name) from error
    if len(data) > MAX_BYTES:
        msg = f"{place} holds more than {MAX_BYTES:,} bytes"
        raise ConfigurationError(msg, field=name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{place} is not UTF-8 text", field=name) from None
    return text.removesuffix("\n").removesuffix("\r")


def _standard_input(name: str) -> BinaryIO:
    try:
        return standard_input()
    except ConfigurationError as error:
        raise ConfigurationError(error.args[0], field=name) from None


def prompt(names: Iterable[str]) -> dict[str, str]:
    """Read values from the terminal, without echo.

    Raises:
        ConfigurationError: There is no terminal.
    """
    values: dict[str, str] = {}
    for name in names:
        try:
            with warnings.catch_warnings():
                # Else getpass would go on, and echo what is typed.
                warnings.simplefilter("error", getpass.GetPassWarning)
                values[name] = getpass.getpass(f"{name}: ")
        except (getpass.GetPassWarning, EOFError, OSError):
            msg = "--ask needs a terminal: use @FILE, @- or @env:NAME"
            raise ConfigurationError(msg, field=name) from None
    return values
