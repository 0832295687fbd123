"""Phone numbers as people write them, and as spreadsheets do."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cams_async.phone_number import PhoneNumberError, normalise
from cams_async.spreadsheet import DigitsLostError, guarded, undo_formatting, unguarded
from tests.strategies import PHONE_NUMBERS

NUMBER = "8613800000000"

SPACES = [
    "\u0020",
    "\t",
    "\n",
    "\r\n",
    "\v",
    "\f",
    "\u00a0",
    "\u1680",
    "\u2009",
    "\u2028",
    "\u2029",
    "\u202f",
    "\u205f",
    "\u3000",
]

INVISIBLE = [
    "\u00ad",
    "\u200b",
    "\u200d",
    "\u200e",
    "\u202a",
    "\u202c",
    "\u2060",
    "\u2066",
    "\u2069",
    "\ufeff",
    "\u061c",
    "\U000e0001",
]

DASHES = [
    "-",
    "\u058a",
    "\u2010",
    "\u2011",
    "\u2013",
    "\u2014",
    "\u2015",
    "\u2212",
    "\u2043",
    "\u301c",
    "\u30fc",
    "\ufe58",
    "\uff0d",
]

DOTS = [".", "\u00b7", "\u2022", "\uff0e"]

BRACKETS = ["()", "[]", "{}", "\uff08\uff09", "\u3010\u3011"]

ZEROS = [
    chr(code) for code in range(0x110000) if unicodedata.decimal(chr(code), 1) == 0
]
"""The zero of each script with decimal digits."""

SEPARATORS = SPACES + INVISIBLE + DASHES + DOTS


def cause(text: str) -> str:
    """Return why a text is refused."""
    with pytest.raises(PhoneNumberError) as caught:
        normalise(text)
    return str(caught.value)


@pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)
def test_separators_are_removed(separator: str) -> None:
    """Between digits, of any kind, and more than one at a time."""
    parts = ["86", "138", "0000", "0000"]

    assert NUMBER == normalise(separator.join(parts))
    assert NUMBER == normalise(f" {separator} ".join(parts))


@pytest.mark.parametrize("blank", SPACES + INVISIBLE, ids=ascii)
def test_blanks_are_removed_around_a_number(blank: str) -> None:
    """Also from within and around its prefix."""
    assert NUMBER == normalise(f"{blank}{NUMBER}{blank}")
    assert NUMBER == normalise(f"{blank}+{blank}{NUMBER}{blank}")
    assert NUMBER == normalise(f"{blank}tel{blank}:{blank}+{NUMBER}")


@pytest.mark.parametrize("pair", BRACKETS)
def test_brackets_are_removed(pair: str) -> None:
    """Around the country code, with or without a plus, and around an area code."""
    left, right = pair[0], pair[1]

    assert NUMBER == normalise(f"{left}+86{right} 138 0000 0000")
    assert NUMBER == normalise(f"+{left}86{right}13800000000")
    assert NUMBER == normalise(f"86 {left}138{right} 0000-0000")


@pytest.mark.parametrize("zero", ZEROS, ids=lambda zero: f"{ord(zero):X}")
def test_decimal_digits_of_any_script_are_digits(zero: str) -> None:
    """Full-width ones, and those of Arabic or Devanagari keyboards."""
    assert NUMBER == normalise("".join(chr(ord(zero) + int(each)) for each in NUMBER))


@pytest.mark.parametrize(
    "text",
    [
        NUMBER,
        f"+{NUMBER}",
        f"\uff0b{NUMBER}",
        f"00{NUMBER}",
        f"00 {NUMBER}",
        f"tel:{NUMBER}",
        f"tel:+{NUMBER}",
        f"TEL: 00{NUMBER}",
        "tel:+86-138-0000-0000",
        "\u202a+86 138\u00a00000\u20110000\u202c",
        f'="{NUMBER}"',
        f' ="+{NUMBER}" ',
        f"'{NUMBER}",
        f"'+{NUMBER}",
        f"{NUMBER}.0",
        f"{NUMBER}.00",
        f"'{NUMBER}.0",
    ],
)
def test_prefixes_and_traces_of_spreadsheets_are_removed(text: str) -> None:
    """The vendor wants digits, country code first."""
    assert NUMBER == normalise(text)


@pytest.mark.parametrize("number", ["1", "123456789012345"])
def test_a_number_has_1_to_15_digits(number: str) -> None:
    """Both bounds are accepted."""
    assert number == normalise(number)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no digit"),
        (" +() ", "no digit"),
        ("tel:", "no digit"),
        ("1234567890123456", "16 digits"),
        ("0138", "a 0 in front of the country code"),
        ("+0", "a 0 in front of the country code"),
        ("+0086138", "a 0 in front of the country code"),
        ("000138", "a 0 in front of the country code"),
        ("++86138", "U+002B at position 2 ('+')"),
        ("86+138", "U+002B at position 3 ('+')"),
        ("+44 (0)20 7946", "a trunk prefix (0), which is not dialled from abroad"),
        ("+44\uff08 \uff10\uff0920", "a trunk prefix (0), which is not dialled from"),
        ("tel:+86138;ext=12", "U+003B at position 11 (';')"),
        ("tel:138;phone-context=+86", "U+003B at position 8 (';')"),
        ("86138x123", "U+0078 at position 6 ('x')"),
        ("86138 ext. 5", "U+0065 at position 7 ('e')"),
        ("86138#5", "U+0023 at position 6 ('#')"),
        ("86138/139", "U+002F at position 6 ('/')"),
        ("86138,139", "U+002C at position 6 (',')"),
        ("86138****0000", "U+002A at position 6 ('*')"),
        ("tel:tel:86138", "U+0074 at position 5 ('t')"),
        ("none", "U+006E at position 1 ('n')"),
        ("86138\u0430", "U+0430 at position 6 ('\u0430')"),
        ("8\u00b213", "U+00B2 at position 2 ('\u00b2')"),
        ("861\u3164138", "U+3164 at position 4 ('\u3164')"),
        ("861\ufe0f\u20e3", "U+FE0F at position 4"),
        ("861\x00", "U+0000 at position 4"),
        ("\u200b86\x9b1", "U+009B at position 4"),
        ("861\ud800", "U+D800 at position 4"),
        ("  86x", "U+0078 at position 5 ('x')"),
        ('="86x"', "U+0078 at position 5 ('x')"),
        ("-8613800000000", "a negative number"),
        ("\u22128613800000000", "a negative number"),
        ("8613800000000.5", "a decimal number with a fraction"),
        ("+8613800000000.0", "a decimal number with a fraction"),
        ("8.61E+12", "a number in scientific notation: digits are lost"),
        ("8,61e12", "a number in scientific notation: digits are lost"),
        ('="8.6138E+12"', "a number in scientific notation: digits are lost"),
        ("1234567890123456.0", "a decimal of more than 15 digits: digits are lost"),
    ],
)
def test_anything_else_is_refused_with_its_cause(text: str, expected: str) -> None:
    """It is shown even where it is invisible, at its place in the given text."""
    assert expected in cause(text)


def test_a_value_of_another_type_is_refused() -> None:
    """Not every caller has a type checker."""
    value: object = 8613800000000
    with pytest.raises(PhoneNumberError, match="a value of type int"):
        normalise(value)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - as said


MESSY = st.lists(
    st.one_of(
        st.text(max_size=3),
        st.sampled_from([*SEPARATORS, *"+()'=\"", "00", ".0", "tel:", "E+12", "(0)"]),
        PHONE_NUMBERS,
        st.text("0123456789", max_size=4),
    ),
    max_size=6,
).map("".join)


@given(MESSY | st.text(st.characters()))
def test_a_text_is_a_number_or_refused(text: str) -> None:
    """Nothing else is raised, what is returned can be dialled, and it is final."""
    try:
        number = normalise(text)
    except PhoneNumberError as error:
        digits = re.sub(r"\D", "", text)
        assert len(digits) < 6 or digits not in str(error)  # noqa: PT017 - short ones may be a position
    else:
        assert re.fullmatch("[1-9][0-9]{0,14}", number)
        assert number == normalise(number)


@given(
    PHONE_NUMBERS,
    st.lists(st.sampled_from(SPACES + INVISIBLE), max_size=16),
    st.sampled_from(["", "+", "00", "tel:", "tel:+", "tel:00"]),
)
def test_blanks_anywhere_change_nothing(
    number: str, blanks: list[str], prefix: str
) -> None:
    """One behind each character, as long as there are some."""
    text = prefix + number
    mixed = [*zip(text, blanks, strict=False), *text[len(blanks) :]]

    assert number == normalise("".join("".join(each) for each in mixed))


# Spreadsheets


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("cams-1", "cams-1"),
        ('="28251486512358"', "28251486512358"),
        ("'28251486512358", "28251486512358"),
        ("28251486512358.0", "28251486512358"),
        ("28251486512358.00", "28251486512358"),
        ("28251486512358.000", "28251486512358.000"),
        ("28251486512358.5", "28251486512358.5"),
        ("12E3", "12E3"),
        ("1e5f", "1e5f"),
        ("v1.0", "v1.0"),
        ('=A1&"x"', '=A1&"x"'),
        (" x ", "x"),
        ("'", ""),
    ],
)
def test_traces_in_other_ids_are_removed(cell: str, expected: str) -> None:
    """A text that may be a real id is unchanged."""
    assert expected == undo_formatting(cell)


@pytest.mark.parametrize(
    "cell",
    ["2.82515E+13", "2,82515e+13", "3E+13", "'3E+13", "2.8e13", "1.5E-7"],
)
def test_scientific_notation_is_refused(cell: str) -> None:
    """Of 14 digits 6 are left."""
    with pytest.raises(DigitsLostError, match="scientific notation: digits are lost"):
        undo_formatting(cell)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_looks_like_a_formula_is_guarded(start: str) -> None:
    """The guard is undone when the cell is read again."""
    assert f"'{start}x" == guarded(f"{start}x")
    assert f"{start}x".strip() == undo_formatting(guarded(f"{start}x"))
    assert f"{start}x" == unguarded(guarded(f"{start}x"))


@pytest.mark.parametrize("cell", ["", "x", "8613", "'=x", '{"a": "=x"}'])
def test_any_other_cell_stays_as_it_is(cell: str) -> None:
    """A text stays a text."""
    assert cell == guarded(cell)


@pytest.mark.parametrize("cell", ["", "'", "x", "'x", "=x", "''=x"])
def test_a_cell_without_a_guard_stays_as_it_is(cell: str) -> None:
    """Only a guard is removed."""
    assert cell == unguarded(cell)
