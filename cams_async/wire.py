"""Between JSON and typed values, strictly: the one place that knows both.

On the wire names are in PascalCase and nested request values are JSON text. An
answer is read as documented: a value of another type is an error that names its
path, never an empty object; a field that is not known is kept in `extra`.
"""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, TypeAlias, TypeVar, cast, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.errors import ClassValidationError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from cams_async.errors import DecodeError, InvalidOperation
from cams_async.models import Meta, Record, Response
from cams_async.operations import Operation
from cams_async.operations.confidential import secret_parameters
from cams_async.operations.fields import SECRET, WIRE
from cams_async.secret import MASK, Secret

T = TypeVar("T", bound=Response)

Check: TypeAlias = Callable[[Any, Any], Any]
"""How cattrs reads a value: the value and its type go in, the result comes out."""


def pascal_case(name: str) -> str:
    """Return the wire name that a Python name stands for."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def wire_name(attribute: "attrs.Attribute[Any]") -> str:
    """Return the name of a field on the wire."""
    given: str | None = attribute.metadata.get(WIRE)
    return pascal_case(attribute.name) if given is None else given


# Requests


_Fields: TypeAlias = tuple[tuple[str, str, bool], ...]
"""An operation's fields: name, name on the wire, whether the value is a secret."""

# Worked out once for each class, and asked for in each call.
_fields: dict[type[Operation[Any]], _Fields] = {}


def _work_out_fields(operation: type[Operation[Any]]) -> _Fields:
    fields = attrs.fields(operation)
    hidden = secret_parameters(operation.__name__)
    _fields[operation] = found = tuple(
        (field.name, name, bool(field.metadata.get(SECRET)) or name in hidden)
        for field in fields
        for name in (wire_name(field),)
    )
    return found


def parameters(operation: Operation[Any]) -> dict[str, str | Secret]:
    """Return an operation's parameters as they travel in the query."""
    cls = type(operation)
    return {
        name: value
        if type(value) is str and not secret and value.isascii()  # as nearly all are
        else as_text(name, value, action=cls.__name__, secret=secret)
        for field, name, secret in _fields.get(cls) or _work_out_fields(cls)
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


# Answers


Decoder: TypeAlias = Callable[[Mapping[str, Any], Meta | None], T]
"""What reads the answers of one kind."""

_decoders: dict[type[Response], Decoder[Any]] = {}


def decode(payload: Mapping[str, Any], into: type[T], meta: Meta | None = None) -> T:
    """Return a typed answer.

    Raises:
        DecodeError: The payload is not of the documented shape; `path` says where.
    """
    return decoder(into)(payload, meta)


def decoder(into: type[T]) -> Decoder[T]:
    """Return what decodes answers of one kind; see `decode`."""
    if into not in _decoders:
        _decoders[into] = _new_decoder(into)
    return _decoders[into]


def _new_decoder(into: type[T]) -> Decoder[T]:
    read: Callable[..., T] = _quick.get_structure_hook(into)
    body = MASK.encode() if _holds_secret(into) else b""

    def decode(payload: Mapping[str, Any], meta: Meta | None) -> T:
        try:
            return read(payload, into, meta=meta)
        except (_UnexpectedError, TypeError):
            pass  # or an argument is missing: read again, to tell where the fault is
        path, expected = "$", "as documented"
        try:
            _thorough.structure(payload, into)
        except (ClassValidationError, _UnexpectedError) as error:
            path, expected = _fault(error, "$")
        # Raised here, so that no chained exception carries the vendor's values along.
        message = f"{path} should be {expected}"
        raise DecodeError(message, path=path, body=body)

    return decode


def encode(record: Record) -> dict[str, Any]:
    """Return the JSON object that an answer was decoded from, but for its nulls."""
    payload: dict[str, Any] = _thorough.unstructure(record)
    return payload


class _UnexpectedError(Exception):
    """A value is not what the documentation says; carries what that is."""


class _ItemError(_UnexpectedError):
    """An item of an array is at fault; carries its index, and its error as cause."""


def _fault(error: BaseException, path: str) -> tuple[str, str]:
    """Return where the first fault of a failed reading is, and what was expected."""
    if isinstance(error, ClassValidationError):
        inner, note = error.group_exceptions()[0][0]
        name = wire_name(getattr(attrs.fields(error.cl), note.name))
        return _fault(inner, f"{path}.{name}")
    if isinstance(error, _ItemError) and error.__cause__ is not None:
        return _fault(error.__cause__, f"{path}[{error}]")
    return path, "present" if isinstance(error, KeyError) else str(error)


# How each kind of value is read


def _exactly(kind: type, expected: str) -> Check:
    def check(value: Any, _: Any) -> Any:
        # To isinstance a bool is an int; to JSON it is not.
        if type(value) is kind:
            return value
        raise _UnexpectedError(expected)

    return check


_TEXT = _exactly(str, "a string")
_LIST = _exactly(list, "an array")


def _open_enum(members: Mapping[str, StrEnum]) -> Check:
    return lambda value, kind: members.get(_TEXT(value, kind), value)


def _text_or_object(value: Any, _: Any) -> Any:
    if type(value) in (str, dict):
        return value
    msg = "a string or an object"
    raise _UnexpectedError(msg)


def _union(kind: Any, converter: Converter) -> Check:
    """Read `X | None`, an open enum `SomeEnum | str`, or a text or object."""
    kinds = _kinds(kind)
    first = kinds[0]
    if members := _members(first):
        check = _open_enum(members)
    elif len(kinds) == 1:
        check = converter.get_structure_hook(first)
    else:
        check = _text_or_object
    if NoneType not in get_args(kind):
        return check
    return lambda value, _: None if value is None else check(value, first)


def _array(kind: Any, converter: Converter) -> Check:
    member = get_args(kind)[0]
    check = converter.get_structure_hook(member)

    def read(value: Any, _: Any) -> Any:
        listed = _LIST(value, kind)
        items: list[Any] = []
        try:
            for item in listed:
                items.append(check(item, member))  # noqa: PERF401 - its length is the index of a fault
        except (ClassValidationError, _UnexpectedError) as error:
            raise _ItemError(len(items)) from error
        return tuple(items)

    return read


# Objects, thoroughly: each fault is told by its path


def _renames(cls: type[Record]) -> dict[str, Any]:
    renames = {a.name: override(rename=wire_name(a)) for a in attrs.fields(cls)}
    # These two never stand on the wire.
    renames["extra"] = renames["meta"] = override(omit=True)
    return renames


def _thorough_object(cls: type[Record], converter: Converter) -> Check:
    known = {wire_name(a) for a in attrs.fields(cls)} - {"Extra", "Meta"}
    read_known = make_dict_structure_fn(cls, converter, **_renames(cls))

    def read(value: Any, _: Any) -> Any:
        if type(value) is not dict:
            msg = "an object"
            raise _UnexpectedError(msg)
        payload = cast("dict[str, Any]", value)
        record = read_known(payload, cls)
        if payload.keys() <= known:
            return record
        extra = {name: payload[name] for name in payload if name not in known}
        return attrs.evolve(record, extra=extra)

    return read


# Objects, quickly: a fault is only noticed


def _quick_object(cls: type[Record], converter: Converter) -> Check:
    texts, others = _texts_and_others(cls, converter)

    # A caller may give the arguments that do not stand on the wire.
    def read(payload: dict[str, Any], _: Any, **fields: Any) -> Any:
        if type(payload) is not dict:
            raise _UnexpectedError
        extra = fields["extra"] = {}
        for name, value in payload.items():
            if type(value) is str and name in texts:
                attribute, members = texts[name]
                fields[attribute] = members.get(value, value) if members else value
            elif name in others:
                if value is not None:
                    attribute, check, kind = others[name]
                    fields[attribute] = check(value, kind)
            elif name not in texts:
                extra[name] = value
            elif value is not None:
                raise _UnexpectedError
        return cls(**fields)

    return read


def _texts_and_others(
    cls: type[Record], converter: Converter
) -> tuple[
    dict[str, tuple[str, Mapping[str, StrEnum]]],
    dict[str, tuple[str, Check, Any]],
]:
    """Return how a class's fields are read, by their names on the wire.

    Most are texts, or open enums, which have members as well. To call a check for
    each would cost more than all the rest.
    """
    texts: dict[str, tuple[str, Mapping[str, StrEnum]]] = {}
    others: dict[str, tuple[str, Check, Any]] = {}
    for attribute in attrs.fields(cls):
        name, kinds = wire_name(attribute), _kinds(attribute.type)
        members = _members(kinds[0])
        if members or kinds == [str]:
            texts[name] = (attribute.name, members)
        elif attribute.name not in ("extra", "meta"):
            check = converter.get_structure_hook(attribute.type)
            others[name] = (attribute.name, check, attribute.type)
    return texts, others


def _write_object(cls: type[Record], converter: Converter) -> Callable[[Any], Any]:
    write_known = make_dict_unstructure_fn(
        cls, converter, _cattrs_omit_if_default=True, **_renames(cls)
    )
    return lambda record: {**write_known(record), **record.extra}


def _is_union(kind: Any) -> bool:
    return get_origin(kind) is UnionType


def _kinds(kind: Any) -> list[Any]:
    """Return the kinds that a value may be of, None left out."""
    listed = get_args(kind) if _is_union(kind) else (kind,)
    return [each for each in listed if each is not NoneType]


def _members(kind: Any) -> dict[str, StrEnum]:
    """Return the values that are known of an enum; of another kind, none."""
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {member.value: member for member in kind}
    return {}


def _holds_secret(kind: Any) -> bool:
    """Return whether there is a secret anywhere in values of a kind."""
    if _is_record(kind):
        return any(_holds_secret(attribute.type) for attribute in attrs.fields(kind))
    return kind is Secret or any(map(_holds_secret, get_args(kind)))


def _is_array(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Record)


def _make_converter(
    read_object: Callable[[type[Record], Converter], Check],
) -> Converter:
    converter = Converter()
    converter.register_structure_hook(str, _TEXT)
    converter.register_structure_hook(bool, _exactly(bool, "true or false"))
    converter.register_structure_hook(int, _exactly(int, "a whole number"))
    converter.register_structure_hook(Secret, lambda text, _: Secret(_TEXT(text, str)))
    converter.register_unstructure_hook(Secret, str)  # the mask
    for fits, factory in (
        (_is_union, _union),
        (_is_array, _array),
        (_is_record, read_object),
    ):
        converter.register_structure_hook_factory(fits, factory)
    converter.register_unstructure_hook_factory(_is_record, _write_object)
    converter.register_unstructure_hook(
        tuple, lambda items: [converter.unstructure(item) for item in items]
    )
    return converter


_quick = _make_converter(_quick_object)
_thorough = _make_converter(_thorough_object)
