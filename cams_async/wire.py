"""Requests: names in PascalCase, and the values of operations as texts.

Nested values are JSON text. Secrets stay wrapped.
"""

import json
from typing import Any, TypeAlias

import attrs

from cams_async.errors import InvalidOperation
from cams_async.operations import Operation
from cams_async.operations.catalogue import secret_parameters
from cams_async.operations.fields import SECRET, WIRE
from cams_async.secret import Secret


def pascal_case(name: str) -> str:
    """Return the wire name for a Python name."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def wire_name(attribute: "attrs.Attribute[Any]") -> str:
    """Return the name of a field on the wire."""
    given: str | None = attribute.metadata.get(WIRE)
    return pascal_case(attribute.name) if given is None else given


_Fields: TypeAlias = tuple[tuple[str, str, bool], ...]
"""An operation's fields: name, name on the wire, whether the value is a secret."""

# Computed once for each class.
_fields: dict[type[Operation[Any]], _Fields] = {}


def _compute_fields(operation: type[Operation[Any]]) -> _Fields:
    fields = attrs.fields(operation)
    hidden = secret_parameters(operation.__name__)
    _fields[operation] = found = tuple(
        (field.name, name, bool(field.metadata.get(SECRET)) or name in hidden)
        for field in fields
        for name in (wire_name(field),)
    )
    return found


def parameters(operation: Operation[Any]) -> dict[str, str | Secret]:
    """Return the parameters of an operation as they are sent in the query."""
    cls = type(operation)
    return {
        name: value
        if type(value) is str and not secret and value.isascii()  # as nearly all are
        else as_text(name, value, action=cls.__name__, secret=secret)
        for field, name, secret in _fields.get(cls) or _compute_fields(cls)
        if (value := getattr(operation, field)) is not None
    }


def as_text(
    name: str, value: object, *, action: str | None = None, secret: bool = False
) -> str | Secret:
    """Return the text of a parameter: nested values become JSON.

    It is a secret if the parameter is, or if there is a secret in the value.

    Raises:
        InvalidOperation: The value has no JSON form, or is no valid Unicode.
    """
    expected = "valid Unicode"

    def reveal(inner: object) -> str:
        nonlocal secret
        if not isinstance(inner, Secret):
            raise TypeError
        secret = True
        return inner.reveal()

    try:
        if isinstance(value, Secret):
            value.reveal().encode()
            return value
        if not isinstance(value, str):
            expected = "a value with a JSON form"
            # Without spaces, as the vendor's SDK sends it.
            value = json.dumps(
                value,
                allow_nan=False,
                ensure_ascii=False,
                separators=(",", ":"),
                default=reveal,
            )
        # Of an enum that is a str, too, this is the value.
        text = value.encode().decode()
        return Secret(text) if secret else text
    except (TypeError, ValueError, RecursionError):
        msg = f"{name} must be {expected}"
    raise InvalidOperation(msg, action=action, field=name, expected=expected)
