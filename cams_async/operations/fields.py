"""Converters and validators of the fields of operations.

An error names the field and the expected form, and never shows the value, which may
be a secret or a phone number.
"""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeAlias, cast

from attrs import Attribute

from cams_async.errors import InvalidOperation
from cams_async.operations.pem import EXPECTED as KEY_EXPECTED
from cams_async.operations.pem import PemError, canonical
from cams_async.phone_number import DIGITS, PhoneNumberError, normalise
from cams_async.phone_number import EXPECTED as NUMBER_EXPECTED
from cams_async.secret import Secret

WIRE = "wire"
"""Metadata key: the parameter name, if it is not the PascalCase of the field name."""

SECRET = "secret"  # noqa: S105 - a metadata key, no secret itself
"""Metadata key: the value is a `Secret`."""

IS_SECRET: Mapping[str, Any] = {SECRET: True}

Validator: TypeAlias = Callable[[Any, "Attribute[Any]", Any], None]


def refuse(
    instance: object, attribute: "Attribute[Any]", expected: str, *, found: str = ""
) -> NoReturn:
    """Raise InvalidOperation for a field."""
    found = found and f"; found {found}"
    raise InvalidOperation(
        f"{attribute.name} must be {expected}{found}",
        action=type(instance).__name__,
        field=attribute.name,
        expected=expected,
    )


def required(instance: object, attribute: "Attribute[Any]", value: object) -> None:
    """Require a string that is not blank."""
    if not isinstance(value, str) or not value.strip():
        refuse(instance, attribute, "a non-empty string")


def required_secret(
    instance: object, attribute: "Attribute[Any]", value: object
) -> None:
    """Require a secret that is not blank."""
    if not isinstance(value, Secret) or value.is_blank():
        refuse(instance, attribute, "a non-empty string")


def optional(instance: object, attribute: "Attribute[Any]", value: object) -> None:
    """Require None or a string that is not blank."""
    if value is not None:
        required(instance, attribute, value)


def one_of(*values: str) -> Validator:
    """Return a validator that requires one of the given strings."""
    expected = f"one of {', '.join(values)}"

    def validate(instance: object, attribute: "Attribute[Any]", value: object) -> None:
        if value not in values:
            refuse(instance, attribute, expected)

    return validate


def international(value: str) -> str:
    """Normalise a phone number. Return other values unchanged, for the validator."""
    try:
        return normalise(value)
    except PhoneNumberError:
        return value


def phone_number(instance: object, attribute: "Attribute[Any]", value: Any) -> None:
    """Require an international phone number."""
    if not isinstance(value, str) or not DIGITS.fullmatch(value):
        refuse(instance, attribute, NUMBER_EXPECTED, found=_cause(normalise, value))


def pem(value: str | bytes) -> str:
    """Normalise a public key. Return other values unchanged, for the validator."""
    try:
        return canonical(value)
    except PemError:
        return cast("str", value)


def public_key(instance: object, attribute: "Attribute[Any]", value: Any) -> None:
    """Require the PEM text of a public key."""
    if cause := _cause(canonical, value):
        refuse(instance, attribute, KEY_EXPECTED, found=cause)


def _cause(check: Callable[[Any], str], value: Any) -> str:
    """Return the message of the error that a check raises, or an empty string."""
    try:
        check(value)
    except (PhoneNumberError, PemError) as error:
        return str(error)
    return ""
