"""Reading rows: whatever the bytes are, every line is accounted for."""

import csv
import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cams_async.bulk.lines import RawLine, as_utf8, split_lines
from cams_async.bulk.records import MAX_ROW_BYTES
from cams_async.bulk.rows import AnyRow, BadRow, Row, read_rows
from cams_async.errors import ConfigurationError
from cams_async.spreadsheet import DigitsLostError, undo_formatting
from tests.strategies import PHONE_NUMBERS, WORDS

SPACES = WORDS.map(str.strip).filter(
    lambda text: "\0" not in text and _undone(text) == text
)
"""Spaces as they are read: without white space and traces of spreadsheets."""


def _undone(text: str) -> str | None:
    try:
        return undo_formatting(text)
    except DigitsLostError:
        return None


PAIRS = st.lists(st.tuples(PHONE_NUMBERS, SPACES), max_size=8)

HEADER = b"phone_number,cust_space_id\n"

DIRTY = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.text('861,;"\t\r {}\\', max_size=12).map(str.encode),
        st.sampled_from(
            [
                b"8613800000000,cams-1",
                b'8613800000000,"cams\n-1"',
                b'{"phone_number": "8613800000000", "cust_space_id": "cams-1"}',
                b'"',
                b"\xef\xbb\xbf",
                b"\0",
            ]
        ),
    ),
    max_size=12,
).map(b"\n".join)
"""Lines of which few are good."""


def rows(data: bytes, space: str | None = None) -> list[AnyRow]:
    """Read all rows of some bytes."""
    return list(read_rows([data], cust_space_id=space))


def reasons(data: bytes, space: str | None = None) -> dict[int, str]:
    """Return why rows are bad, by line."""
    return {
        row.line: row.reason for row in rows(data, space) if isinstance(row, BadRow)
    }


def refused(data: bytes, space: str | None = None) -> str:
    """Return why an input is refused as a whole."""
    with pytest.raises(ConfigurationError) as caught:
        rows(data, space)
    assert caught.value.field == "input"
    return str(caught.value)


# Lines


@given(st.binary(max_size=200), st.integers(1, 20), st.integers(1, 30))
def test_lines_are_those_of_the_stream(data: bytes, cut: int, limit: int) -> None:
    """However the stream is cut into pieces, its lines and their sizes are the same."""
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)]
    whole = io.BytesIO(data).readlines()

    expected = [
        RawLine(number, text[:limit], len(text)) for number, text in enumerate(whole, 1)
    ]
    assert expected == list(split_lines(pieces, limit=limit))


# CSV


@given(
    pairs=PAIRS,
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
def test_csv_is_read_as_it_was_written(
    pairs: list[tuple[str, str]], delimiter: str, end: str, mark: bytes
) -> None:
    """Records of Python's csv writer are read back, with line ends in fields."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    if any("\r" in space for _, space in pairs):
        # Before 3.13 it leaves a lone carriage return unquoted, which is unreadable.
        writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow(["Phone Number", "other", "CUST-SPACE-ID"])
    writer.writerows([number, "x", space] for number, space in pairs)

    read_back = rows(mark + text.getvalue().encode())

    assert pairs == [
        (row.phone_number, row.cust_space_id)
        for row in read_back
        if isinstance(row, Row)
    ]
    assert len(pairs) == len(read_back)


@pytest.mark.parametrize(
    "header",
    [
        "phone_number,cust_space_id",
        "PhoneNumber,CustSpaceId",
        "PHONE-NUMBER,cust space id",
    ],
)
def test_columns_are_known_by_any_spelling(header: str) -> None:
    """The names on the wire work as well as those in Python."""
    data = f"{header}\n+86 138 0000 0000, cams-1 \n".encode()

    assert [Row(2, "8613800000000", "cams-1")] == rows(data)


def test_a_space_of_its_own_wins() -> None:
    """The space for all rows is for those that name none."""
    data = HEADER + b"861,cams-1\n862,\n863\n"

    assert [
        Row(2, "861", "cams-1"),
        Row(3, "862", "all"),
        Row(4, "863", "all"),
    ] == rows(data, "all")


def test_one_column_is_enough_with_a_space_for_all() -> None:
    """A bare list of numbers needs no more than a header."""
    assert [Row(2, "861", "all")] == rows(b"phone_number\n861\n", "all")


def test_lines_are_counted_from_the_start_of_a_row() -> None:
    """A row of several lines, and blank ones, must not shift the numbers."""
    data = HEADER + b'\n861,"a\n\nb"\n  \n862,c\n'

    assert [Row(3, "861", "a\n\nb"), Row(7, "862", "c")] == rows(data)


@pytest.mark.parametrize(
    "line",
    [
        b'862,"cams',
        b'"862,cams',
        b'862,"ca"ms"',
        b'862,"cams\r',
    ],
)
def test_a_stray_quote_costs_only_its_line(line: bytes) -> None:
    """One bad row must not swallow those after it."""
    data = HEADER + b"861,cams\n" + line + b"\n" + b"863,cams\n" * 9000

    found = rows(data)
    assert 9002 == len(found)
    assert isinstance(found[1], BadRow)
    assert "not valid CSV" in found[1].reason
    assert Row(4, "863", "cams") == found[2]


def test_two_stray_quotes_that_meet_are_two_bad_rows() -> None:
    """Text between stray quotes is not a field unless the columns match."""
    data = HEADER + b'"861,cams\n862,cams\n863,cams"\n864,cams\n'

    assert {2} == reasons(data).keys()
    assert [3, 4, 5] == [row.line for row in rows(data)[1:]]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"abc,cams", "phone_number must be 1 to 15 digits"),
        (b",cams", "phone_number must be"),
        (b"861,", "cust_space_id must be a non-empty string"),
        (b"861", "cust_space_id must be a non-empty string"),
        (b"861,cams,more", "3 fields where the header has 2"),
        (b"861,\xff", "not UTF-8"),
        (b"861,ca\0ms", "NUL"),
        (b"861,ca\rms", "not valid CSV"),
        pytest.param(b"861," + b"x" * MAX_ROW_BYTES, "longer than 65,536", id="long"),
    ],
)
def test_a_bad_row_says_why(line: bytes, reason: str) -> None:
    """Nothing is dropped without a word, and the rest is read."""
    found = reasons(HEADER + line + b"\n862,cams\n")

    assert {2} == found.keys()
    assert reason in found[2]


def test_what_is_readable_of_a_bad_row_is_kept() -> None:
    """It helps to find the row; the reason never holds the number."""
    (bad,) = rows(HEADER + b"8613800000000x," + b"s" * 300 + b"\n")

    assert isinstance(bad, BadRow)
    assert ("8613800000000x", "s" * 200) == (bad.phone_number, bad.cust_space_id)
    assert "8613800000000x" not in bad.reason


def test_empty_fields_too_many_do_no_harm() -> None:
    """Spreadsheets write them."""
    assert [Row(2, "861", "cams")] == rows(HEADER + b"861,cams,,\n")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b" \r\n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (
            b"number,space\n",
            "no column phone_number in its header: found 'number,",
        ),
        (b"phone_number\n", "no column cust_space_id in its header"),
        (b"phone_number,PhoneNumber,CustSpaceId\n", "two columns phone_number"),
        (b"8613800000000;cams-1\n", "found '#############, cams-#'"),
        (b"\x89PNG\r\n\x1a\n\0\0", "line 1 is not UTF-8 text; expected a header"),
        (b"phone_number\0\n", "line 1 holds a NUL character"),
        (b'"phone_number\n861\n', "line 1 is not valid CSV"),
        pytest.param(b"x" * 10_000_000, "line 1 is longer than 65,536", id="long"),
    ],
)
def test_a_file_without_the_columns_is_refused(data: bytes, message: str) -> None:
    """Better than a million bad rows; and it shows no phone number."""
    text = refused(data)

    assert message in text
    assert "8613800000000" not in text


def test_the_space_for_all_must_not_be_named_twice_in_the_header() -> None:
    """It would be a guess which one is meant."""
    data = b"phone_number,custspaceid,cust_space_id\n"

    assert "two columns cust_space_id" in refused(data, "all")


def test_a_header_may_take_several_lines() -> None:
    """Spreadsheets allow line ends in any cell."""
    data = b'phone_number,"what\nelse",cust_space_id\n861,x,cams\n'

    assert [Row(3, "861", "cams")] == rows(data)


# JSON Lines


@given(
    pairs=PAIRS.filter(bool),
    dumps=st.sampled_from([json.dumps, partial(json.dumps, ensure_ascii=False)]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
def test_json_is_read_as_it_was_written(
    pairs: list[tuple[str, str]], dumps: Callable[[object], str], mark: bytes
) -> None:
    """Objects of Python's JSON encoder are read back."""
    text = "\n".join(
        dumps({"PhoneNumber": number, "CustSpaceId": space}) for number, space in pairs
    )

    expected = [Row(line, number, s) for line, (number, s) in enumerate(pairs, 1)]
    assert expected == rows(mark + text.encode())


@pytest.mark.parametrize("number", ['"+86 1"', "861", "861.0"])
def test_a_number_may_be_a_json_number(number: str) -> None:
    """Many programs write digits so."""
    data = f'{{"phone_number": {number}, "cust_space_id": null}}'.encode()

    assert [Row(1, "861", "all")] == rows(data, "all")


def test_a_json_number_keeps_its_digits() -> None:
    """Neither a float nor a limit of Python's integers touches an id."""
    space = "9" * 5000
    data = f'{{"phone_number": 8613800000000, "cust_space_id": {space}}}'.encode()

    assert [Row(1, "8613800000000", space)] == rows(data)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not valid JSON"),
        pytest.param(b"[" * 50_000, "not valid JSON", id="deep"),
        (b"[1]", "not a JSON object"),
        (b"{}", "phone_number must be"),
        (b'{"phone_number": 86.5, "cust_space_id": "s"}', "that is not whole"),
        (b'{"phone_number": -861, "cust_space_id": "s"}', "that is not whole"),
        (b'{"phone_number": 8.61e2, "cust_space_id": "s"}', "digits are lost"),
        (b'{"phone_number": 1E400, "cust_space_id": "s"}', "digits are lost"),
        (b'{"phone_number": 861, "cust_space_id": 1e30}', "digits are lost"),
        (b'{"phone_number": 861, "cust_space_id": 9007199254740993.0}', "digits are"),
        (b'{"phone_number": 861, "cust_space_id": -5}', "cust_space_id must be"),
        (b'{"phone_number": NaN, "cust_space_id": "s"}', "not valid JSON"),
        (b'{"phone_number": 1, "phone_number": 2}', "has phone_number twice"),
        (b'{"phone_number": true, "cust_space_id": "s"}', "phone_number must be"),
        (b'{"phone_number": 861, "cust_space_id": [5]}', "cust_space_id must be"),
        (b'{"phone_number": 861, "cust_space_id": "\\ud800"}', "valid Unicode"),
        (b'{"phone_number": 1, "PhoneNumber": 2}', "has phone_number twice"),
        (b'{"phone_number": "\xff"}', "not UTF-8"),
        pytest.param(b'{"x": "' + b"x" * 10_000_000, "longer than", id="long"),
    ],
)
def test_a_bad_object_says_why(line: bytes, reason: str) -> None:
    """Nothing is dropped without a word, and the rest is read."""
    good = b'{"phone_number": 862, "cust_space_id": "cams"}\n'

    found = rows(good + line + b"\n" + good)

    assert [1, 2, 3] == [row.line for row in found]
    assert isinstance(found[1], BadRow)
    assert reason in found[1].reason


def test_what_is_no_text_is_shown_without_its_fault() -> None:
    """Half of a surrogate pair could not be written into the output."""
    (bad,) = rows(b'{"phone_number": 861, "cust_space_id": "a\\ud800"}')

    assert isinstance(bad, BadRow)
    assert "a?" == bad.cust_space_id


# Any bytes


@given(DIRTY, st.sampled_from([b"", HEADER, b"{}\n"]), st.none() | st.just("all"))
def test_every_line_is_accounted_for(
    dirt: bytes, start: bytes, space: str | None
) -> None:
    """Each line with anything on it begins a row, or lies within one."""
    data = start + dirt
    try:
        found = rows(data, space)
    except ConfigurationError:
        return

    physical = b"".join(as_utf8([data])).split(b"\n")
    filled = [number for number, text in enumerate(physical, 1) if text.strip()]
    starts = [row.line for row in found]
    is_json = start == b"{}\n" or physical[filled[0] - 1].lstrip().startswith(b"{")
    if is_json:
        assert filled == starts
        return
    assert starts == sorted(set(starts))
    assert set(starts) <= set(filled)
    # A row of several lines has a quote on its first and on its last.
    for line in set(filled[1:]) - set(starts):
        begun = max((at for at in starts if at < line), default=filled[0])
        assert b'"' in physical[begun - 1]


def test_memory_stays_flat_however_long_the_lines() -> None:
    """A file that is one line of 100 MB must not be held."""

    def pieces() -> Iterator[bytes]:
        yield HEADER
        yield from repeat(b"x" * 65_536, 1600)
        yield b"\n861,cams\n"

    tracemalloc.start()
    found = list(read_rows(pieces()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert [2, 3] == [row.line for row in found]
    # The limit line of an output is held, while it is joined of two parts.
    assert peak < 4 * 2**20
