"""Responses: JSON objects become attrs classes, by cattrs, and JSON again.

A required field that is missing or of another type is an error that names its path.
An optional field of another type, and a field that is not documented, is kept in
`extra`. Null counts as absent, and an absent list is empty.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from types import NoneType
from typing import Any, Literal, TypeAlias, TypeVar, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override

from cams_async.errors import DecodeError
from cams_async.models import Meta, Record, Response
from cams_async.operations.fields import parts_of, record_in, wire_name
from cams_async.secret import Secret

T = TypeVar("T", bound=Response)

logger: logging.Logger = logging.getLogger("cams_async")

Check: TypeAlias = Callable[[Any, Any], Any]
"""A structure hook of cattrs: takes a value and its type, and returns the result."""

_OURS = ("extra", "meta")
"""Attributes that are not fields on the wire."""

Decoder: TypeAlias = Callable[[Mapping[str, Any], Meta | None], T]
"""A function that decodes the responses of one class."""

_decoders: dict[type[Response], Decoder[Any]] = {}
_returns_secret: dict[type[Response], bool] = {}


def returns_secret(into: type[Response]) -> bool:
    """Return whether responses of a class hold a secret."""
    if into not in _returns_secret:
        _returns_secret[into] = holds_secret(into)
    return _returns_secret[into]


def decode(payload: Mapping[str, Any], into: type[T], meta: Meta | None = None) -> T:
    """Return a typed response.

    Raises:
        DecodeError: The payload is not of the documented shape; `path` says where.
    """
    return decoder(into)(payload, meta)


def decoder(into: type[T]) -> Decoder[T]:
    """Return the decoder of a class, created once; see `decode`."""
    if into not in _decoders:
        _decoders[into] = _new_decoder(into)
    return _decoders[into]


def _new_decoder(into: type[T]) -> Decoder[T]:
    read: Callable[..., T] = _converter.get_structure_hook(into)

    def decode(payload: Mapping[str, Any], meta: Meta | None) -> T:
        try:
            return read(payload, into, meta=meta)
        except _UnexpectedError as error:
            path, expected = f"${error.path}", error.expected
        # Raised here, so that no chained exception carries the vendor's values along.
        message = f"{path} should be {expected}"
        raise DecodeError(message, path=path)

    return decode


def encode(record: Record) -> dict[str, Any]:
    """Return the JSON object that a response was decoded from.

    Its nulls, and its empty lists where a list is optional, are absent.
    """
    payload: dict[str, Any] = _converter.unstructure(record)
    return payload


class _UnexpectedError(Exception):
    """A value that is not as documented. Each level prepends its part of the path."""

    def __init__(self, expected: str, path: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.path = path


# Structure hooks, which cattrs calls with a value and its type


def _exactly(kind: type, expected: str) -> Check:
    def check(value: Any, _: Any) -> Any:
        # To isinstance a bool is an int; to JSON it is not.
        if type(value) is kind:
            return value
        raise _UnexpectedError(expected)

    return check


_OBJECT = "an object"
_TEXT = _exactly(str, "a string")
_LIST = _exactly(list, "an array")
_WHOLE = _exactly(int, "a whole number")


def _flag(value: Any, _: Any) -> bool:
    if type(value) is bool:
        return value
    if type(value) is str and value.lower() in ("true", "false"):
        return value.lower() == "true"
    msg = "true or false"
    raise _UnexpectedError(msg)


def _one_of(kinds: tuple[type, ...], expected: str) -> Check:
    def check(value: Any, _: Any) -> Any:
        if type(value) in kinds:
            return value
        raise _UnexpectedError(expected)

    return check


def _union(kind: Any, converter: Converter) -> Check:
    """Read `X | None`, an open list of texts, or a text or another type.

    None is handled by the enclosing object or array. A record may be annotated as a
    mapping, too, and a secret as a text, since requests accept either.
    """
    kinds = _kinds(kind)
    if (kept := Secret if Secret in kinds else record_in(kinds)) is not None:
        return converter.get_structure_hook(kept)
    if members := _members(kinds[0]):
        return lambda value, kind: members.get(_TEXT(value, kind), value)
    if _is_text(kinds):
        return _TEXT
    if len(kinds) == 1:
        return converter.get_structure_hook(kinds[0])
    if int in kinds:
        return _one_of((str, int), "a string or a whole number")
    return _one_of((str, dict), "a string or an object")


def _array(kind: Any, converter: Converter) -> Check:
    member = get_args(kind)[0]
    check: Check = converter.get_structure_hook(member)

    def read(value: Any, _: Any) -> Any:
        listed: list[Any] = _LIST(value, kind)
        items: list[Any] = []
        index = 0
        try:
            for index, item in enumerate(listed):  # noqa: B007 - the place of a fault
                if item is not None:
                    items.append(check(item, member))
        except _UnexpectedError as error:
            error.path = f"[{index}]{error.path}"
            raise
        return tuple(items)

    return read


def _map(kind: Any, converter: Converter) -> Check:
    del kind, converter
    return _exactly(dict, _OBJECT)


def _object(cls: type[Record], converter: Converter) -> Check:  # noqa: C901 - one loop over all values is fast
    texts, known = _readers(cls, converter)

    # `fields` are arguments that are not on the wire, such as `meta`.
    def read(payload: dict[str, Any], kind: Any, **fields: Any) -> Any:
        if type(payload) is not dict:
            raise _UnexpectedError(_OBJECT)
        extra = fields["extra"] = {}
        for name, value in payload.items():
            if type(value) is str and name in texts:
                attribute, members = texts[name]
                fields[attribute] = members.get(value, value) if members else value
            elif name not in known:
                extra[name] = value
            elif value is not None:
                attribute, check, inner, strict = known[name]
                try:
                    fields[attribute] = check(value, inner)
                except _UnexpectedError as error:
                    error.path = f".{name}{error.path}"
                    if strict:
                        raise
                    extra[name] = value
                    _warn_once(cls, name, error)
        try:
            return cls(**fields)
        except TypeError:
            missing = _missing(cls, fields)
            if not missing:
                raise
        return read(_completed(payload, missing), kind, **fields)

    return read


_Text: TypeAlias = tuple[str, Mapping[str, StrEnum]]
"""An attribute that is a text, and its members where it is an open enum."""

_Known: TypeAlias = tuple[str, Check, Any, bool]
"""An attribute, its hook, its type, and whether an unexpected value is an error."""


def _readers(
    cls: type[Record], converter: Converter
) -> tuple[dict[str, _Text], dict[str, _Known]]:
    """Return the readers of the fields of a class, by wire name.

    Most values are texts. A hook call for each would cost more than all the rest.
    """
    texts: dict[str, _Text] = {}
    known: dict[str, _Known] = {}
    for attribute in _fields(cls):
        if attribute.name in _OURS:
            continue
        name, kinds = wire_name(attribute), _kinds(attribute.type)
        check = converter.get_structure_hook(attribute.type)
        # `extra` would show a secret.
        strict = attribute.default is attrs.NOTHING or holds_secret(attribute.type)
        known[name] = (attribute.name, check, attribute.type, strict)
        members = _members(kinds[0])
        if members or (str in kinds and Secret not in kinds):
            texts[name] = (attribute.name, members)
    return texts, known


def _missing(cls: type[Record], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the required fields that have no value, by name, with their types."""
    return {
        wire_name(attribute): attribute.type
        for attribute in _fields(cls)
        if attribute.default is attrs.NOTHING and attribute.name not in fields
    }


def _completed(
    payload: Mapping[str, Any], missing: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a payload with each missing field: in another case, or an empty array.

    The gateway writes some names as `requestId` or `requestid` at times.
    """
    completed = {name: payload[name] for name in payload if name not in missing}
    cases = {name.lower(): name for name in completed if completed[name] is not None}
    for name, kind in missing.items():
        if name.lower() in cases:
            completed[name] = completed.pop(cases[name.lower()])
        elif _is_array(kind):
            completed[name] = []
        else:
            msg = "present"
            raise _UnexpectedError(msg, f".{name}")
    return completed


_warned: set[tuple[type[Record], str]] = set()
"""The fields whose unexpected values have been logged."""


def _warn_once(cls: type[Record], name: str, error: _UnexpectedError) -> None:
    if (cls, name) not in _warned:
        _warned.add((cls, name))
        at = f"{cls.__name__}{error.path}"
        logger.warning("%s should be %s; its value is in extra", at, error.expected)


def _write_object(cls: type[Record], converter: Converter) -> Callable[[Any], Any]:
    renames: dict[str, Any] = {
        a.name: override(rename=wire_name(a)) for a in attrs.fields(cls)
    }
    renames |= {name: override(omit=True) for name in _OURS}
    write_known = make_dict_unstructure_fn(
        cls, converter, _cattrs_omit_if_default=True, **renames
    )
    return lambda record: {**write_known(record), **record.extra}


def _fields(cls: type[Record]) -> tuple["attrs.Attribute[Any]", ...]:
    """Return the fields of a class, with types even where annotations are texts."""
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(attrs.resolve_types(cls))
    return fields


def _kinds(kind: Any) -> list[Any]:
    """Return the kinds that a value may be of, None left out."""
    return [each for each in parts_of(kind)[0] if each is not NoneType]


def _is_text(kinds: list[Any]) -> bool:
    """Return whether a value is a text, perhaps one of an open list."""
    return all(kind is str or get_origin(kind) is Literal for kind in kinds)


def _is_union(kind: Any) -> bool:
    return parts_of(kind)[0] != [kind]


def _members(kind: Any) -> dict[str, StrEnum]:
    """Return the members of an enum by value; empty for other types."""
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {member.value: member for member in kind}
    return {}


def holds_secret(kind: Any) -> bool:
    """Return whether values of a type hold a secret at any depth."""
    if _is_record(kind):
        return any(holds_secret(attribute.type) for attribute in _fields(kind))
    return kind is Secret or any(map(holds_secret, get_args(kind)))


def _is_array(kind: Any) -> bool:
    return get_origin(kind) in (tuple, list, Sequence)


def _is_map(kind: Any) -> bool:
    return (get_origin(kind) or kind) in (dict, Mapping)


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Record)


_converter = Converter()
_converter.register_structure_hook(str, _TEXT)
_converter.register_structure_hook(int, _WHOLE)
_converter.register_structure_hook(bool, _flag)
_converter.register_structure_hook(Secret, lambda text, _: Secret(_TEXT(text, str)))
_converter.register_unstructure_hook(Secret, str)  # the mask
for _fits, _factory in (
    (_is_union, _union),
    (_is_array, _array),
    (_is_map, _map),
    (_is_record, _object),
):
    _converter.register_structure_hook_factory(_fits, _factory)
_converter.register_unstructure_hook_factory(_is_record, _write_object)
_converter.register_unstructure_hook(
    tuple, lambda items: [_converter.unstructure(item) for item in items]
)
