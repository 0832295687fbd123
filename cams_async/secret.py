"""Secrets that are masked wherever they are shown."""

import functools
import re
from collections.abc import Callable
from hmac import compare_digest
from typing import Any, NoReturn, ParamSpec, Self, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

MASK = "***"


class Secret:
    """A text that no repr, str, format, log, traceback or pickle shows.

    It is deliberately not a `str`, so that it cannot be printed, joined or encoded by
    mistake. Secrets compare and hash by their text.

    Args:
        text: The text, or another secret.

    Raises:
        TypeError: The text is not a string. The message does not show the value.
    """

    __slots__ = ("_text",)

    def __init__(self, text: "str | Secret") -> None:
        if type(text) is str:  # the usual case
            self._text = text
            return
        value = text.reveal() if isinstance(text, Secret) else text
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller has a type checker
            kind = type(value).__name__
            del text, value  # error trackers show the locals of a traceback
            msg = f"a secret must be a string, not {kind}"
            raise TypeError(msg)
        # Keep only the plain text of a subclass, such as an enum member.
        self._text = str.__str__(value)

    def reveal(self) -> str:
        """Return the text, to sign or send it."""
        return self._text

    def fits(self, pattern: re.Pattern[str]) -> bool:
        """Return whether the whole text matches a pattern."""
        return pattern.fullmatch(self._text) is not None

    def __repr__(self) -> str:
        return f"'{MASK}'"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def is_blank(self) -> bool:
        """Return whether the text is empty or white space only."""
        return not self._text.strip()

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        mine, theirs = (
            each.encode("utf-8", "surrogatepass") for each in (self._text, other._text)
        )
        return compare_digest(mine, theirs)

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        """Raise TypeError, because a pickle would hold the text."""
        msg = "a Secret cannot be pickled"
        raise TypeError(msg)


def as_secret(value: str | Secret) -> Secret:
    """Wrap a string. Return other values unchanged, for a validator."""
    return Secret(value) if isinstance(value, str) else value


def as_optional_secret(value: str | Secret | None) -> Secret | None:
    """Wrap a string. Return None and other values unchanged, for a validator."""
    return None if value is None else as_secret(value)


def hide_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Keep the arguments of a function out of the tracebacks of its exceptions.

    Error trackers show the local variables of each frame. Use it for functions that
    receive secrets as plain text.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - re-raised
            if error.__suppress_context__:
                # `from None` hides the context but keeps it.
                error.__context__ = None
            raise error.with_traceback(None)  # noqa: B904 - keeps its own cause
        finally:
            del args, kwargs

    return call


def hide_init_arguments(cls: type[T]) -> type[T]:
    """Apply `hide_arguments` to the `__init__` of a class."""
    setattr(cls, "__init__", hide_arguments(cls.__init__))  # noqa: B010 - type checkers refuse the assignment
    return cls
