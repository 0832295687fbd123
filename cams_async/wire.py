"""Requests: the values of operations as texts, by their names on the wire.

Nested values are JSON text. Secrets stay wrapped.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import attrs

from cams_async.errors import InvalidOperation
from cams_async.models import Record
from cams_async.operations import Operation
from cams_async.operations.catalogue import secret_parameters
from cams_async.operations.fields import wire_name
from cams_async.secret import Secret

_Fields: TypeAlias = tuple[tuple[str, str, bool], ...]
"""An operation's fields: name, name on the wire, whether the value is a secret."""

# Computed once for each class.
_fields: dict[type[Operation[Any]], _Fields] = {}


def _fields_of(operation: type[Operation[Any]]) -> _Fields:
    hidden = secret_parameters(operation.__name__)
    _fields[operation] = found = tuple(
        (field.name, name, name in hidden)
        for field in attrs.fields(operation)
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
        for field, name, secret in _fields.get(cls) or _fields_of(cls)
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

    def plain(inner: object) -> object:
        nonlocal secret
        if isinstance(inner, Record):
            return _object_of(inner)
        if isinstance(inner, Mapping):
            return dict(cast("Mapping[str, object]", inner))
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
                default=plain,
            )
        # Of an enum that is a str, too, this is the value.
        text = value.encode().decode()
        return Secret(text) if secret else text
    except (TypeError, ValueError, RecursionError):
        msg = f"{name} must be {expected}"
    raise InvalidOperation(msg, action=action, field=name, expected=expected)


def _object_of(record: Record) -> dict[str, object]:
    """Return the JSON object of a record, without its fields that are not set."""
    known = {
        wire_name(field): value
        for field in attrs.fields(type(record))
        if field.name != "extra"
        and (value := getattr(record, field.name)) is not None
        and (value != () or field.default is None)
    }
    return {**known, **record.extra}
