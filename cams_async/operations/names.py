"""Names of actions: hints at typing errors, and a warning of unknown ones."""

import functools
import logging
from collections.abc import Iterable

from cams_async.config import check, is_text, nearest
from cams_async.operations.catalogue import CATALOGUE

SIMILARITY = 0.9
"""The least similarity, from 0 to 1, of a name to that of an action for it to be a
typing error."""

logger: logging.Logger = logging.getLogger("cams_async")


def misspelt(name: str) -> str | None:
    """Return the action whose name is meant, if this one is almost right."""
    return None if name in CATALOGUE else nearest(name, CATALOGUE, SIMILARITY)


def check_actions(names: Iterable[object], field: str) -> None:
    """Check the names of actions whose rate limits an argument sets.

    A warning of a name that resembles no action is logged, once in a process: the
    service may have actions that this package does not list.

    Args:
        names: The names.
        field: The name of the argument.

    Raises:
        ConfigurationError: A name is misspelt, or no name at all.
    """
    for name in names:
        if not is_text(name):
            check(ok=False, field=field, expected="must have names of actions as keys")
        elif near := misspelt(name):
            expected = f"unknown action {name!r}; did you mean {near}?"
            check(ok=False, field=field, expected=expected)
        elif name not in CATALOGUE:
            _warn(name)


@functools.cache
def _warn(name: str) -> None:
    logger.warning("a rate limit is set for %r, which is no documented action", name)
