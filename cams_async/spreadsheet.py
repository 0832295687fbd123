"""Removal and prevention of what spreadsheet programs do to the text of an id."""

import re

FORMULA = re.compile(r'="([^"]*)"')

SCIENTIFIC = re.compile(r"[+-]?\d+(?:[.,]\d+[eE][+-]?|[eE][+-])\d+")
"""Without a fraction or a sign in the exponent, as in `12E3`, it may be a real id."""

WHOLE_FLOAT = re.compile(r"(\d+)\.00?")

EXACT = 15
"""Digits of a number that a spreadsheet keeps; it replaces the others by zeros."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""Starts of a cell that a spreadsheet program takes for a formula."""

GUARDED = tuple(f"'{start}" for start in FORMULA_STARTS)

LOST = "digits are lost; fill it in again as text"


class DigitsLostError(ValueError):
    """A number was rounded before it was written."""


def undo_formatting(text: str) -> str:
    """Return an id without the formatting of spreadsheet programs.

    White space around it, `="..."`, a leading apostrophe and a trailing `.0` are
    removed.

    Raises:
        DigitsLostError: Digits were lost and cannot be restored.
    """
    core = text.strip()
    if formula := FORMULA.fullmatch(core):
        core = formula[1].strip()
    core = core.removeprefix("'").strip()
    if SCIENTIFIC.fullmatch(core):
        raise DigitsLostError(f"a number in scientific notation: {LOST}")
    if number := WHOLE_FLOAT.fullmatch(core):
        if len(number[1]) > EXACT:
            raise DigitsLostError(f"a decimal of more than {EXACT} digits: {LOST}")
        core = number[1]
    return core


def guarded(cell: str) -> str:
    """Escape a cell that a spreadsheet program would execute as a formula.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def unguarded(cell: str) -> str:
    """Reverse `guarded`."""
    return cell[1:] if cell.startswith(GUARDED) else cell
