"""How the fields of operations are cleaned and checked, before anything is sent.

Each error names the field and what was expected, and never the value: it may be
a secret or somebody's phone number.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from attrs import Attribute

from cams_async.errors import InvalidOperation
from cams_async.secret import Secret

WIRE = "wire"
"""Metadata key: the field's name on the wire, where PascalCase is not it."""

SECRET = "secret"  # noqa: S105 - a metadata key, no secret itself
"""Metadata key: the field's value, a `Secret`, must never be shown."""

IS_SECRET: Mapping[str, Any] = {SECRET: True}

Validator: TypeAlias = Callable[[Any, "Attribute[Any]", Any], None]

_NOT_BLANK = re.compile(r"\s*\S.*", re.DOTALL)

PHONE_NUMBER = re.compile(r"[1-9][0-9]{0,14}")
PUBLIC_KEY = re.compile(
    r"\s*-----BEGIN PUBLIC KEY-----\r?\n"
    r"(?:[A-Za-z0-9+/]+={0,2}\r?\n)+"
    r"-----END PUBLIC KEY-----\s*"
)


def refuse(instance: object, attribute: "Attribute[Any]", expected: str) -> None:
    """Raise InvalidOperation for a field."""
    raise InvalidOperation(
        f"{attribute.name} must be {expected}",
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
    if not isinstance(value, Secret) or not value.fits(_NOT_BLANK):
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


def without_plus(value: str) -> str:
    """Remove spaces and a leading `+`; anything but a str is left to be refused."""
    if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller has a type checker
        return value
    return value.replace(" ", "").removeprefix("+")


def phone_number(instance: object, attribute: "Attribute[Any]", value: object) -> None:
    """Accept 1 to 15 ASCII digits that start with a country code."""
    if not isinstance(value, str) or not PHONE_NUMBER.fullmatch(value):
        expected = "1 to 15 digits, country code first, such as 8613800000000"
        refuse(instance, attribute, expected)


def public_key(instance: object, attribute: "Attribute[Any]", value: object) -> None:
    """Accept the PEM text of a public key, with real newlines."""
    if not isinstance(value, str) or not PUBLIC_KEY.fullmatch(value):
        expected = (
            "the PEM text of a public key: real newlines between "
            "'-----BEGIN PUBLIC KEY-----' and '-----END PUBLIC KEY-----'"
        )
        refuse(instance, attribute, expected)
