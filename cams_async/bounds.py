"""Checks of numeric arguments."""

from typing import Any, TypeGuard

LARGEST = 1e15
"""The largest number that any argument takes: a second more or less still shows there.

It is about 30 million years, or calls per second that no machine sends. A whole number
has no bound of its own in Python, and one beyond a float's range overflows only where
it is used.
"""


def is_number(value: Any, *, least: float = 0) -> TypeGuard[float]:
    """Whether it is an int or a float from `least` to `LARGEST`; a bool is none."""
    return type(value) in (int, float) and least <= value <= LARGEST


def is_positive(value: Any) -> TypeGuard[float]:
    """Whether it is an int or a float above 0, up to `LARGEST`."""
    return is_number(value) and value > 0


def is_whole(value: Any, *, least: int = 1) -> TypeGuard[int]:
    """Whether it is an int from `least` to `LARGEST`."""
    return type(value) is int and least <= value <= LARGEST
