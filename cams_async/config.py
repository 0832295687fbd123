"""Checks of arguments and settings: predicates, attrs validators, and one error."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeGuard

from attrs import Attribute

from cams_async.errors import ConfigurationError

LARGEST = 1e15
"""The largest number that any argument takes.

It is about 30 million years in seconds, and differences of a second are still exact. A
whole number has no bound of its own in Python, and one beyond a float's range overflows
only where it is used.
"""

DAY = 86400
"""Seconds."""

SECONDS = f"must be a number of seconds, from 0 to {DAY}"

Validator: TypeAlias = Callable[[Any, "Attribute[Any]", Any], None]


def check(ok: object, field: str, expected: str) -> None:
    """Raise ConfigurationError for an argument unless `ok` is true.

    Args:
        ok: The result of the argument's check.
        field: The name of the argument.
        expected: The error's text, such as "must be a non-empty string".
    """
    if not ok:
        raise ConfigurationError(expected, field=field)


def nearest(name: str, names: Iterable[str], similarity: float = 0.6) -> str | None:
    """Return the most similar of some names, for a hint at a typing error.

    Args:
        name: The name that was typed.
        names: The names to choose from.
        similarity: The least similarity, from 0 to 1.
    """
    import difflib  # noqa: PLC0415 - for errors only

    plain = {_plain(each): each for each in names}
    found = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=similarity)
    return plain[found[0]] if found else None


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


# Predicates


def is_number(value: Any, *, least: float = 0) -> TypeGuard[float]:
    """Return whether it is an int or a float from `least` to `LARGEST`, and no bool."""
    return type(value) in (int, float) and least <= value <= LARGEST


def is_positive(value: Any) -> TypeGuard[float]:
    """Return whether it is an int or a float above 0, up to `LARGEST`."""
    return is_number(value) and value > 0


def is_whole(value: Any, *, least: int = 1) -> TypeGuard[int]:
    """Return whether it is an int from `least` to `LARGEST`, and no bool."""
    return type(value) is int and least <= value <= LARGEST


def is_seconds(value: Any) -> TypeGuard[float]:
    """Return whether it is a number of seconds from 0 to one day."""
    return is_number(value) and value <= DAY


def is_text(value: Any) -> TypeGuard[str]:
    """Return whether it is a non-empty string."""
    return isinstance(value, str) and value != ""


def is_printable(value: Any) -> TypeGuard[str]:
    """Return whether it is a non-empty string of printable characters."""
    return is_text(value) and value.isprintable()


def is_optional(kind: type, value: object) -> bool:
    """Return whether it is None or an instance of a class."""
    return value is None or isinstance(value, kind)


def has_method(value: object, name: str) -> bool:
    """Return whether an object has a method of this name."""
    return callable(getattr(value, name, None))


def check_methods(value: object, field: str, *names: str) -> None:
    """Raise ConfigurationError unless an object has methods of these names."""
    for name in names:
        check(has_method(value, name), field, f"must have a method {name}")


# attrs validators


def valid(
    accepts: Callable[[Any], bool], expected: str, *, prefix: str = ""
) -> Validator:
    """Return a validator that raises ConfigurationError unless `accepts` is true.

    Args:
        accepts: The predicate.
        expected: The error's text.
        prefix: Stands before the attribute's name in the error's `field`.
    """

    def validate(instance: object, attribute: "Attribute[Any]", value: Any) -> None:
        del instance
        check(accepts(value), prefix + attribute.name, expected)

    return validate


def whole(least: int, most: int | None = None) -> Validator:
    """Accept an int within two bounds, both included; None is no upper bound."""
    expected = f"must be a whole number, {least} or more"
    if most is not None:
        expected = f"must be a whole number from {least} to {most}"

    def accepts(value: Any) -> bool:
        is_int = isinstance(value, int) and not isinstance(value, bool)
        return is_int and value >= least and (most is None or value <= most)

    return valid(accepts, expected)


def one_of(*values: object) -> Validator:
    """Accept one of the given values."""
    expected = f"must be one of {', '.join(str(value) for value in values)}"
    return valid(lambda value: value in values, expected)


text: Validator = valid(is_text, "must be a non-empty string")
"""Accepts a non-empty string."""

flag: Validator = valid(lambda value: isinstance(value, bool), "must be True or False")
"""Accepts True or False."""

amount: Validator = valid(is_number, "must be a number, 0 or more")
"""Accepts an int or a float from 0 to `LARGEST`."""
