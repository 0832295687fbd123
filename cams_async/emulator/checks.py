"""How the emulator's settings are checked: each error names its field."""

from collections.abc import Callable
from ssl import SSLContext
from typing import Any, TypeAlias, cast

from attrs import Attribute

from cams_async.bounds import is_number
from cams_async.errors import ConfigurationError

DECADES = 1e9
"""Seconds, about 32 years: a clock that is further off could leave the calendar."""

Check: TypeAlias = Callable[[Any, "Attribute[Any]", Any], None]


def _require(condition: object, attribute: "Attribute[Any]", expected: str) -> None:
    if not condition:
        raise ConfigurationError(f"must be {expected}", field=attribute.name)


def number(least: float | None = None) -> Check:
    """Accept a number, not below the least one; without that, of decades at most."""
    expected = "a number" if least is None else f"a number, {least:g} or more"

    def check(instance: object, attribute: "Attribute[Any]", value: Any) -> None:
        del instance
        _require(
            is_number(value, least=-DECADES if least is None else least)
            and (least is not None or value <= DECADES),
            attribute,
            expected,
        )

    return check


def whole(least: int, most: int | None = None) -> Check:
    """Accept a whole number between two bounds."""
    expected = f"a whole number, {least} or more"
    if most is not None:
        expected = f"a whole number from {least} to {most}"

    def check(instance: object, attribute: "Attribute[Any]", value: Any) -> None:
        del instance
        _require(
            isinstance(value, int)
            and not isinstance(value, bool)
            and value >= least
            and (most is None or value <= most),
            attribute,
            expected,
        )

    return check


def one_of(*values: object) -> Check:
    """Accept one of the given values."""
    expected = f"one of {', '.join(str(value) for value in values)}"

    def check(instance: object, attribute: "Attribute[Any]", value: Any) -> None:
        del instance
        _require(value in values, attribute, expected)

    return check


def text(instance: object, attribute: "Attribute[Any]", value: object) -> None:
    """Accept a string that is not empty."""
    del instance
    _require(isinstance(value, str) and value, attribute, "a non-empty string")


def context(instance: object, attribute: "Attribute[Any]", value: object) -> None:
    """Accept None, or an SSL context."""
    del instance
    accepted = value is None or isinstance(value, SSLContext)
    _require(accepted, attribute, "an ssl.SSLContext")


def flag(instance: object, attribute: "Attribute[Any]", value: object) -> None:
    """Accept True or False."""
    del instance
    _require(isinstance(value, bool), attribute, "True or False")


def latency(instance: object, attribute: "Attribute[Any]", value: Any) -> None:
    """Accept a pair of seconds, the lower first."""
    del instance
    expected = "two numbers of seconds (low, high), 0 <= low <= high"
    _require(isinstance(value, tuple), attribute, expected)
    bounds = cast("tuple[Any, ...]", value)
    numbers = [bound for bound in bounds if is_number(bound)]
    _require(len(numbers) == len(bounds) == 2, attribute, expected)  # noqa: PLR2004 - a low and a high
    _require(0 <= numbers[0] <= numbers[1], attribute, expected)
