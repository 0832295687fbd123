"""How the fields of operations are cleaned and checked, before anything is sent.

Each error names the field and what was expected, and never the value: it may be
a secret or somebody's phone number.
"""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeAlias, cast

from attrs import Attribute

from cams_async.errors import InvalidOperation
from cams_async.operations.pem import EXPECTED as KEY_EXPECTED
from cams_async.operations.pem import PemError, canonical
from cams_async.phone_number import EXPECTED as NUMBER_EXPECTED
from cams_async.phone_number import PhoneNumberError, normalise
from cams_async.secret import Secret

WIRE = "wire"
"""Metadata key: the field's name on the wire, where PascalCase is not it."""

SECRET = "secret"  # noqa: S105 - a metadata key, no secret itself
"""Metadata key: the field's value, a `Secret`, must never be shown."""

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
    """Accept a string that is not blank."""
    if not isinstance(value, str) or not value.strip():
        refuse(instance, attribute, "a non-empty string")


def required_secret(
    instance: object, attribute: "Attribute[Any]", value: object
) -> None:
    """Accept a secret that is not blank."""
    if not isinstance(value, Secret) or value.is_blank():
        refuse(instance, attribute, "a non-empty string")


def optional(instance: object, attribute: "Attribute[Any]", value: object) -> None:
    """Accept None, or a string that is not blank."""
    if value is not None:
        required(instance, attribute, value)


def one_of(*values: str) -> Validator:
    """Accept one of the given strings."""
    expected = f"one of {', '.join(values)}"

    def validate(instance: object, attribute: "Attribute[Any]", value: object) -> None:
        if value not in values:
            refuse(instance, attribute, expected)

    return validate


def international(value: str) -> str:
    """Normalise a phone number; the validator refuses what is none."""
    try:
        return normalise(value)
    except PhoneNumberError:
        return value


def phone_number(instance: object, attribute: "Attribute[Any]", value: Any) -> None:
    """Accept an international phone number."""
    if cause := _cause(normalise, value):
        refuse(instance, attribute, NUMBER_EXPECTED, found=cause)


def pem(value: str | bytes) -> str:
    """Bring a public key into its canonical form; the validator refuses others."""
    try:
        return canonical(value)
    except PemError:
        return cast("str", value)


def public_key(instance: object, attribute: "Attribute[Any]", value: Any) -> None:
    """Accept the PEM text of a public key."""
    if cause := _cause(canonical, value):
        refuse(instance, attribute, KEY_EXPECTED, found=cause)


def _cause(check: Callable[[Any], str], value: Any) -> str:
    """Return why a check fails; empty where it does not."""
    try:
        check(value)
    except (PhoneNumberError, PemError) as error:
        return str(error)
    return ""
