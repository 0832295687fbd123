"""International phone numbers as people write them, reduced to digits."""

import re
import unicodedata

from cams_async.spreadsheet import DigitsLostError, undo_formatting

EXPECTED = "1 to 15 digits, country code first, such as 8613800000000"

LONGEST = 15
"""Digits that ITU-T E.164 allows, country code included."""

DIGITS = re.compile(r"[1-9][0-9]{0,14}")

# Spaces, invisible format characters, dashes and brackets.
BY_CATEGORY = {"Zs": "", "Zl": "", "Zp": "", "Cf": "", "Pd": "-", "Ps": "(", "Pe": ")"}

# Minus sign, hyphen bullet and the long vowel mark of Japanese keyboards; middle dot,
# bullet and full-width full stop; small and full-width plus.
BY_CHARACTER = {
    **dict.fromkeys("\t\n\r\v\f", ""),
    **dict.fromkeys("\u2212\u2043\u30fc", "-"),
    **dict.fromkeys(".\u00b7\u2022\uff0e", "."),
    **dict.fromkeys("+\ufe62\uff0b", "+"),
}

SEPARATORS = "-.()"

WRONG = {
    "a negative number": re.compile(r"-[0-9].*"),
    # One dot before one or two digits does not separate groups of digits.
    "a decimal number with a fraction": re.compile(r"[^.]*[0-9]\.[0-9]{1,2}"),
    "a trunk prefix (0), which is not dialled from abroad": re.compile(r".*\(0+\).*"),
}


class PhoneNumberError(ValueError):
    """A text that is no international phone number.

    Its message names the cause. It shows a character that is no digit, and never the
    number.
    """


def normalise(text: str) -> str:
    """Return the digits of an international phone number.

    Spaces, invisible format characters, dashes, dots, brackets, `tel:`, a leading
    `+` or `00` and traces of spreadsheets are removed; decimal digits of any script
    become ASCII digits.

    Raises:
        PhoneNumberError: It is anything else.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller has a type checker
        raise PhoneNumberError(f"a value of type {type(text).__name__}")
    # The usual spellings, at a third of the time.
    common = text.replace(" ", "").removeprefix("+")
    if DIGITS.fullmatch(common):
        return common
    try:
        core = undo_formatting(text)
    except DigitsLostError as error:
        raise PhoneNumberError(str(error)) from None
    visible = [
        (position, plain)
        for position, character in enumerate(core, text.index(core) + 1)
        if (plain := _plain(character))
    ]
    for position, plain in (kept := _significant(visible)):
        if plain not in "0123456789":
            raise PhoneNumberError(shown(text[position - 1], position))
    return _checked(_joined(kept))


def _significant(visible: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return what is left without prefixes and separators."""
    if _joined(visible[:4]).casefold() == "tel:":
        visible = visible[4:]
    joined = _joined(visible)
    for cause, pattern in WRONG.items():
        if pattern.fullmatch(joined):
            raise PhoneNumberError(cause)
    kept = [each for each in visible if each[1] not in SEPARATORS]
    if _joined(kept[:1]) == "+":
        return kept[1:]
    return kept[2:] if _joined(kept[:2]) == "00" else kept


def shown(character: str, position: int) -> str:
    """Describe a character so that it can be found even if it is invisible."""
    name = f"U+{ord(character):04X} at position {position}"
    return f"{name} ({character!r})" if character.isprintable() else name


def _plain(character: str) -> str:
    """Return the ASCII character that one stands for; empty for a blank."""
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    if character in BY_CHARACTER:
        return BY_CHARACTER[character]
    return BY_CATEGORY.get(unicodedata.category(character), character)


def _joined(characters: list[tuple[int, str]]) -> str:
    return "".join(plain for _, plain in characters)


def _checked(digits: str) -> str:
    if DIGITS.fullmatch(digits):
        return digits
    if len(digits) > LONGEST:
        raise PhoneNumberError(f"{len(digits)} digits")
    raise PhoneNumberError("a 0 in front of the country code" if digits else "no digit")
