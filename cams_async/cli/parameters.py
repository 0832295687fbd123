"""Parameters of a call on the command line: names, values and where values are read."""

import getpass
import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import attrs

from cams_async import wire
from cams_async.config import nearest
from cams_async.errors import ConfigurationError
from cams_async.operations import OPERATIONS, Operation
from cams_async.operations.names import misspelt
from cams_async.terminal import standard_input

MAX_BYTES = 2**20
"""Bytes of the longest value that is read; no request takes as many."""

ENVIRONMENT = "env:"


# --- names ----------------------------------------------------------------------------


def action_name(name: str) -> str:
    """Return the name of an action on the wire, given as there or in snake_case.

    Raises:
        ConfigurationError: It is no documented action, but almost the name of one.
    """
    pascal = _pascal(name)
    if near := misspelt(pascal):
        raise ConfigurationError(
            f"is not a documented action; did you mean {near}? --unchecked sends it "
            "as it is",
            field=name,
        )
    return pascal


def parameter_name(action: str, name: str) -> str:
    """Return the name of a parameter on the wire, given as there or in snake_case.

    Raises:
        ConfigurationError: The action is an operation without such a parameter.
    """
    pascal = _pascal(name)
    operation = OPERATIONS.get(action)
    if operation is None:
        return pascal
    fields = _wire_names(operation)
    if name in fields:
        return fields[name]
    names = fields.values()
    if pascal not in names:
        near = nearest(name, names)
        hint = f"did you mean {near}?" if near else f"it has {', '.join(names)};"
        raise ConfigurationError(
            f"is not a parameter of {action}; {hint} --unchecked sends it as it is",
            field=name,
        )
    return pascal


def _wire_names(operation: type[Operation[Any]]) -> Mapping[str, str]:
    return {field.name: wire.wire_name(field) for field in attrs.fields(operation)}


def _pascal(name: str) -> str:
    return wire.pascal_case(name) if name[:1].islower() else name


def checked(action: str, parameters: dict[str, str]) -> dict[str, Any]:
    """Return the parameters of an operation, validated and normalized as its fields.

    Raises:
        ConfigurationError: One is missing; names it.
        InvalidOperation: A value is unusable; names its field.
    """
    operation = OPERATIONS.get(action)
    if operation is None:
        return dict(parameters)
    names = _wire_names(operation)
    fields = attrs.fields(operation)
    required = [names[each.name] for each in fields if each.default is attrs.NOTHING]
    if missing := [name for name in required if name not in parameters]:
        raise ConfigurationError(f"needs {', '.join(missing)}", field=action)
    values = {
        field: parameters[name] for field, name in names.items() if name in parameters
    }
    filled = operation(**values)
    return {names[field]: getattr(filled, field) for field in values}


# --- values ---------------------------------------------------------------------------


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
