"""Checks of the fields of operations by their annotations, before anything is sent.

A value of another type, a blank text, a value outside a closed list and a number
outside its bounds are refused; so is an empty required list or mapping. Mappings become
records, lists become tuples, and secrets are wrapped. An error has the path of the
value and the expected form. It never shows the value, which may be a secret or a phone
number.
"""

import inspect
import operator
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeAlias,
    TypeGuard,
    Union,
    get_args,
    get_origin,
)

import attrs

from cams_async.config import nearest
from cams_async.errors import InvalidOperation
from cams_async.models import Content, Record
from cams_async.operations.pem import EXPECTED as KEY_EXPECTED
from cams_async.operations.pem import PemError, canonical
from cams_async.phone_number import EXPECTED as NUMBER_EXPECTED
from cams_async.phone_number import PhoneNumberError, normalise
from cams_async.secret import Secret

WIRE = "wire"
"""Metadata key: the name on the wire, if it is not the PascalCase of the field name."""

REQUIRED = "required"
"""Metadata key: True for a field that has a default and must be set all the same, since
another field may set it."""

SIMILARITY = 0.8
"""The least similarity, from 0 to 1, of a key to a name for it to be a typing error."""

Check: TypeAlias = Callable[[Any], Any]
"""A function that returns a value in its normal form, or raises UnfitError."""

Json: TypeAlias = Mapping[str, Any]
"""A JSON object, by the names of its fields on the wire or in Python."""


class UnfitError(ValueError):
    """A value is not as expected. Each level prepends its part of the path."""

    def __init__(self, expected: str, *, found: str = "", path: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.found = found
        self.path = path


# Rules in annotations, such as `Annotated[int, Between(1, 1000)]`


class Between(NamedTuple):
    """A rule: a whole number within bounds, both included."""

    low: int
    high: int

    def __call__(self, value: int) -> int:
        """Check a value."""
        if self.low <= value <= self.high:
            return value
        msg = f"a whole number from {self.low} to {self.high}"
        raise UnfitError(msg)


class AtMost(NamedTuple):
    """A rule: a list of not more than so many items."""

    items: int

    def __call__(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        """Check a value."""
        if len(value) <= self.items:
            return value
        msg = f"a list of at most {self.items} items"
        raise UnfitError(msg)


class _MayBeEmpty:
    """A rule: a text that is allowed to be empty."""


def _international(value: str) -> str:
    try:
        return normalise(value)
    except PhoneNumberError as error:
        cause = str(error)
    raise UnfitError(NUMBER_EXPECTED, found=cause)


def _public_key(value: str | bytes) -> str:
    try:
        return canonical(value)
    except PemError as error:
        cause = str(error)
    raise UnfitError(KEY_EXPECTED, found=cause)


InternationalNumber: TypeAlias = Annotated[str, _international]
"""A phone number, country code first, in any usual spelling; kept as 1 to 15 digits."""

PublicKey: TypeAlias = Annotated[str | bytes, _public_key]
"""A public key as PEM text; kept as lines of 64 characters."""

ClearableText: TypeAlias = Annotated[str, _MayBeEmpty()]
"""A text that may be empty, which clears what it is set to."""


def check_fields(value: object, *, action: str, path: str = "") -> None:
    """Check and normalise the fields of a new operation, or of a typed content.

    Args:
        value: The operation or content.
        action: The action of the error.
        path: The start of the path of each field.

    Raises:
        InvalidOperation: A value is not as its annotation demands.
    """
    cls = type(value)
    for name, check in _checks.get(cls) or _operation_checks(cls):
        given = getattr(value, name)
        try:
            kept = check(given)
        except UnfitError as error:
            place, expected, found = f"{name}{error.path}", error.expected, error.found
            break
        if kept is not given:
            object.__setattr__(value, name, kept)
    else:
        return
    # Raised here, so that no chained exception carries the value along.
    found = found and f"; found {found}"
    place = f"{path}{place}"
    msg = f"{place} must be {expected}{found}"
    raise InvalidOperation(msg, action=action, field=place, expected=expected)


_Checks: TypeAlias = tuple[tuple[str, Check], ...]

# Computed once for each class.
_checks: dict[type, _Checks] = {}
_names: dict[type[Record], dict[str, str]] = {}


def _operation_checks(cls: type) -> _Checks:
    hints = typing.get_type_hints(cls, include_extras=True)
    _checks[cls] = checks = tuple(
        (
            each.name,
            _check_of(
                _without_none(hints[each.name])
                if each.metadata.get(REQUIRED)
                else hints[each.name],
                blank=False,
            ),
        )
        for each in attrs.fields(cls)
        # A field with a validator of its own needs no other.
        if each.validator is None
    )
    return checks


def _record_checks(cls: type[Record]) -> _Checks:
    hints = typing.get_type_hints(cls, include_extras=True)
    _checks[cls] = checks = tuple(
        (
            each.name,
            _check_of(hints[each.name], blank=each.default is not attrs.NOTHING),
        )
        for each in attrs.fields(cls)
        if each.name != "extra"
    )
    return checks


def _check_of(kind: Any, *, blank: bool, empty: bool | None = None) -> Check:
    """Return the check of an annotation.

    Args:
        kind: The annotation.
        blank: Whether a text may be blank.
        empty: Whether a list or mapping may be empty; as it may be None by default.
    """
    kinds, rules = parts_of(kind)
    optional = types.NoneType in kinds
    if empty is None:
        empty = optional
    if any(isinstance(rule, _MayBeEmpty) for rule in rules):
        blank = True
    kinds = [kind for kind in kinds if kind is not types.NoneType]
    check = _plain_check(kinds, blank=blank, empty=empty)
    for rule in filter(callable, rules):
        check = _chain(check, rule)
    return _optional(check) if optional else check


def _chain(check: Check, rule: Check) -> Check:
    return lambda value: rule(check(value))


def _optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def parts_of(kind: Any) -> tuple[list[Any], list[Any]]:
    """Return the alternatives of an annotation, and the rules stated by `Annotated`."""
    if get_origin(kind) is Annotated:
        inner, *rules = get_args(kind)
        kinds, more = parts_of(inner)
        return kinds, [*more, *rules]
    if get_origin(kind) in (Union, types.UnionType):
        found = [parts_of(each) for each in get_args(kind)]
        return [k for kinds, _ in found for k in kinds], [
            rule for _, rules in found for rule in rules
        ]
    return [kind], []


def _without_none(kind: Any) -> Any:
    kinds = [each for each in parts_of(kind)[0] if each is not types.NoneType]
    return Union[tuple(kinds)]  # noqa: UP007 - of a list


def record_in(kinds: Sequence[Any]) -> type[Record] | None:
    """Return the class of records among the alternatives of an annotation, if any."""
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, Record):
            return kind
    return None


def listed_values(kinds: Sequence[Any]) -> list[str]:
    """Return the values of the enumerations among the alternatives of an annotation."""
    values: dict[str, None] = {}
    for kind in kinds:
        if get_origin(kind) is Literal:
            texts = [each for each in get_args(kind) if isinstance(each, str)]
            values.update(dict.fromkeys(texts))
        elif isinstance(kind, type) and issubclass(kind, StrEnum):
            values.update(dict.fromkeys(each.value for each in kind))
    return list(values)


def _plain_check(kinds: Sequence[Any], *, blank: bool, empty: bool) -> Check:
    """Return the check of alternatives, of which a value must fit one."""
    values = listed_values(kinds)
    rest = [kind for kind in kinds if not listed_values([kind])]
    if Secret in rest:  # as which a text is kept
        rest = [kind for kind in rest if kind is not str]
    if record_in(rest) is not None:  # as which a mapping is kept
        rest = [kind for kind in rest if _origin(kind) is not Mapping]
    checks = [_check_of_one(kind, blank=blank, empty=empty) for kind in rest]
    if values and str not in kinds:
        checks.insert(0, _one_of(values))
    return checks[0] if len(checks) == 1 else _any_of(checks)


def _check_of_one(kind: Any, *, blank: bool, empty: bool) -> Check:
    if (record := record_in([kind])) is not None:
        return _record(record)
    origin, inner = _origin(kind), get_args(kind)
    if origin is Mapping:
        return _mapping((inner or (str, Any))[1], empty=empty)
    if origin is Sequence:
        # Of a tuple, each item may be of any of its types.
        items = [each for each in inner if each is not Ellipsis]
        return _sequence(Union[tuple(items or [Any])], empty=empty)  # noqa: UP007 - of a list
    if origin is Literal:
        return _one_of(inner)
    simple: Mapping[Any, Check] = {
        Secret: _secret,
        str: _text(blank=blank),
        Content: _exactly(Content, "a typed content"),
        bytes: _exactly(bytes, "bytes"),
        bool: _exactly(bool, "True or False"),
        int: _exactly(int, "a whole number"),
    }
    return simple.get(kind, _anything)


def _origin(kind: Any) -> Any:
    """Return the class of an annotation; of builtin collections, the abstract one."""
    origin = get_origin(kind) or kind
    return {dict: Mapping, list: Sequence, tuple: Sequence}.get(origin, origin)


def _any_of(checks: Sequence[Check]) -> Check:
    def check(value: Any) -> Any:
        expected: list[str] = []
        for each in checks:
            try:
                return each(value)
            except UnfitError as error:
                if error.path:  # It fits, but for a value in it.
                    raise
                expected.append(error.expected)
        raise UnfitError(" or ".join(expected))

    return check


def _is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _anything(value: Any) -> Any:
    return value


def _exactly(kind: type, expected: str) -> Check:
    def check(value: Any) -> Any:
        # To isinstance a bool is an int.
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        raise UnfitError(expected)

    return check


def _text(*, blank: bool) -> Check:
    expected = "a string" if blank else "a non-empty string"

    def check(value: Any) -> Any:
        if isinstance(value, str) and (blank or value.strip()):
            return value
        raise UnfitError(expected)

    return check


def _secret(value: Any) -> Any:
    if isinstance(value, str):
        value = Secret(value)
    if isinstance(value, Secret) and not value.is_blank():
        return value
    msg = "a non-empty string"
    raise UnfitError(msg)


def _one_of(values: Sequence[Any]) -> Check:
    expected = f"one of {', '.join(map(str, values))}"
    # 1, 1.0 and True are equal.
    kinds = {*map(type, values)}

    def check(value: Any) -> Any:
        if (isinstance(value, str) or type(value) in kinds) and value in values:
            return value
        raise UnfitError(expected)

    return check


def _mapping(kind: Any, *, empty: bool) -> Check:
    expected = "a mapping" if empty else "a non-empty mapping"
    check_value = _check_of(kind, blank=True)

    def check(value: Any) -> Any:
        if not _is_mapping(value) or not (value or empty):
            raise UnfitError(expected)
        kept: dict[str, Any] = {}
        for key, inner in value.items():
            if not isinstance(key, str):
                msg = f"{expected} with strings as keys"
                raise UnfitError(msg)
            kept[key] = _at(f"[{key!r}]", check_value, inner)
        return kept

    return check


def _sequence(kind: Any, *, empty: bool) -> Check:
    expected = "a list" if empty else "a non-empty list"
    check_item = _check_of(kind, blank=False, empty=False)

    def check(value: Any) -> Any:
        if not _is_list(value) or not (value or empty):
            raise UnfitError(expected)
        kept = tuple(_at(f"[{i}]", check_item, item) for i, item in enumerate(value))
        # Equal items may differ: a mapping is copied, so that it cannot change later.
        is_kept = all(map(operator.is_, kept, value))
        return value if is_kept and isinstance(value, tuple) else kept

    return check


def _record(cls: type[Record]) -> Check:
    def check(value: Any) -> Any:
        if isinstance(value, cls):
            kind = type(value)  # of a base class, the fields of the value's own
            changes = {
                name: kept
                for name, check_field in _checks.get(kind) or _record_checks(kind)
                for before in (getattr(value, name),)
                if (kept := _at(f".{name}", check_field, before)) is not before
            }
            return attrs.evolve(value, **changes) if changes else value
        if inspect.isabstract(cls):
            msg = f"an instance of a subclass of {cls.__name__}"
            raise UnfitError(msg)
        if _is_mapping(value):
            return _from_mapping(cls, value)
        msg = f"a {cls.__name__} or a mapping"
        raise UnfitError(msg)

    return check


def _from_mapping(cls: type[Record], given: Mapping[Any, Any]) -> Record:
    names = _names.get(cls) or _record_names(cls)
    fields: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for key, value in given.items():
        if key in names:
            name = names[key]
            if name in fields:
                msg = "given once"
                raise UnfitError(msg, path=f".{name}")
            fields[name] = value
        elif not isinstance(key, str):
            msg = "a mapping with strings as keys"
            raise UnfitError(msg)
        elif near := nearest(key, names, SIMILARITY):
            msg = f"spelt as a field of {cls.__name__}; did you mean {near}?"
            raise UnfitError(msg, path=f".{key}")
        else:
            extra[key] = value
    for name, check in _checks.get(cls) or _record_checks(cls):
        if name in fields:
            fields[name] = _at(f".{name}", check, fields[name])
    try:
        return cls(**fields, extra=extra)
    except TypeError:
        missing = next(
            each.name
            for each in attrs.fields(cls)
            if each.default is attrs.NOTHING and each.name not in fields
        )
    msg = "given"
    raise UnfitError(msg, path=f".{missing}")


def _record_names(cls: type[Record]) -> dict[str, str]:
    """Return the field of each name that a mapping may have: as on the wire, or not."""
    fields = [each for each in attrs.fields(cls) if each.name != "extra"]
    _names[cls] = names = {
        **{each.name: each.name for each in fields},
        **{wire_name(each): each.name for each in fields},
    }
    return names


def _at(step: str, check: Check, value: Any) -> Any:
    try:
        return check(value)
    except UnfitError as error:
        error.path = f"{step}{error.path}"
        raise


# Names


def pascal_case(name: str) -> str:
    """Return the wire name for a Python name."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def is_required(attribute: "attrs.Attribute[Any]") -> bool:
    """Whether a field must be set, in one way or another."""
    required: bool = attribute.metadata.get(REQUIRED, False)
    return required or attribute.default is attrs.NOTHING


def wire_name(attribute: "attrs.Attribute[Any]") -> str:
    """Return the name of a field on the wire."""
    given: str | None = attribute.metadata.get(WIRE)
    return pascal_case(attribute.name) if given is None else given
