"""Phone numbers out of a CSV or JSON Lines file, row by row.

Whatever the bytes are, each line that is not blank becomes part of a `Row` or a
`BadRow`; only a file that cannot be understood as a whole is an error.
"""

import csv
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from attrs import frozen

from cams_async.bulk.lines import Line, lines
from cams_async.errors import ConfigurationError, InvalidOperation
from cams_async.operations import GetPhoneNumberVerificationStatus

LONGEST = 65_536
"""Bytes of the longest row that is read."""

DELIMITERS = ",;\t"

NUMBER, SPACE = "phonenumber", "custspaceid"
"""The columns, as `_plain` leaves their names."""

NAMES = {NUMBER: "phone_number", SPACE: "cust_space_id"}

BOM = b"\xef\xbb\xbf"

STRAY = "is not valid CSV: a quote that it opens is not closed"

READABLE = 200
"""Characters of a bad value that are shown."""

SHOWN = 100
"""Characters of a header that are shown."""


@frozen
class Row:
    """A phone number to ask for."""

    line: int
    """Where the row begins in the input, from 1."""

    phone_number: str
    """Digits only, country code first."""

    cust_space_id: str
    """The space that it belongs to."""


@frozen
class BadRow:
    """A row that cannot be asked for."""

    line: int
    """Where the row begins in the input, from 1."""

    reason: str
    """Why, without the values themselves."""

    phone_number: str | None = None
    """What stood there, cut to a readable length; None where nothing could be read."""

    cust_space_id: str | None = None
    """As above."""


AnyRow: TypeAlias = Row | BadRow


def read(
    pieces: Iterable[bytes], *, cust_space_id: str | None = None
) -> Iterator[AnyRow]:
    """Read rows in bounded memory, whatever the length of the input or its lines.

    The text is UTF-8, with or without a byte order mark. It is JSON Lines if its
    first character is `{`, and else CSV with a header, separated by commas,
    semicolons or tabs.

    Args:
        pieces: The bytes, cut anywhere.
        cust_space_id: The space of the rows that name none.

    Raises:
        ConfigurationError: It is empty, or has no header with the needed columns.
    """
    source = _Source(lines(pieces, longest=LONGEST))
    first = source.take()
    if first is None:
        raise _unusable("is empty; expected rows with phone_number and cust_space_id")
    if first.data.lstrip().startswith(b"{"):
        source.give_back([first])
        return _json_rows(source, cust_space_id)
    return _csv_rows(source, first, cust_space_id)


class _RowError(Exception):
    """Why a line is no row."""


class _Source:
    """Lines that are not blank, and that can be given back."""

    def __init__(self, source: Iterator[Line]) -> None:
        self._source = source
        self._back: deque[Line] = deque()

    def take_any(self) -> Line | None:
        """Return the next line, blank or not; None at the end."""
        if self._back:
            return self._back.popleft()
        line = next(self._source, None)
        if line is None or line.number > 1 or not line.data.startswith(BOM):
            return line
        return Line(line.number, line.data.removeprefix(BOM), line.size - len(BOM))

    def take(self) -> Line | None:
        """Return the next line that is not blank; None at the end."""
        while line := self.take_any():
            if not line.whole or line.data.strip():
                return line
        return None

    def give_back(self, taken: Sequence[Line]) -> None:
        """Make these the next lines again."""
        self._back.extendleft(reversed(taken))


def _text(line: Line) -> str:
    if not line.whole:
        raise _RowError(f"is longer than {LONGEST:,} bytes")
    try:
        text = line.data.decode()
    except UnicodeDecodeError:
        raise _RowError("is not UTF-8 text") from None
    if "\0" in text:
        raise _RowError("holds a NUL character")
    return text


# JSON Lines


def _json_rows(source: _Source, default: str | None) -> Iterator[AnyRow]:
    while line := source.take():
        try:
            values = _json_values(_text(line))
        except _RowError as error:
            yield BadRow(line.number, f"the line {error}")
        else:
            number, space = values.get(NUMBER), values.get(SPACE)
            yield _row(line.number, _digits(number), space, default)


def _json_values(text: str) -> Mapping[str, object]:
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise _RowError("is not valid JSON") from None
    if not isinstance(value, dict):
        raise _RowError("is not a JSON object")
    named = cast("dict[str, object]", value)
    values = {_plain(name): value for name, value in named.items()}
    for plain, name in NAMES.items():
        if sum(_plain(given) == plain for given in named) > 1:
            raise _RowError(f"has {name} twice")
    return values


def _digits(value: object) -> object:
    """Return the text of a whole number; leave anything else to be refused."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return str(value) if type(value) is int else value


# CSV


@frozen(kw_only=True)
class _Header:
    """What the first row of a CSV file says of the others."""

    names: list[str]
    plain: list[str]
    delimiter: str
    extra: int
    """Lines that it takes beyond its first."""

    def worth(self) -> tuple[bool, bool, int]:
        """Tell how much sense its delimiter makes."""
        return NUMBER in self.plain, SPACE in self.plain, len(self.plain)


def _csv_rows(source: _Source, first: Line, default: str | None) -> Iterator[AnyRow]:
    header = _header(source, first)
    width, number_at = len(header.names), _column(header, NUMBER)
    optional = default is not None and SPACE not in header.plain
    space_at = None if optional else _column(header, SPACE)
    while line := source.take():
        try:
            fields = _record(source, line, header)
        except _RowError as error:
            yield BadRow(line.number, f"the line {error}")
            continue
        fields += [""] * (width - len(fields))
        number = fields[number_at]
        space = None if space_at is None else fields[space_at]
        if any(fields[width:]):
            reason = f"{len(fields)} fields where the header has {width}"
            yield _bad(line.number, reason, number, space)
        else:
            yield _row(line.number, number, space, default)


def _header(source: _Source, first: Line) -> _Header:
    """Read the header, by the delimiter that makes most of it."""
    found: list[_Header] = []
    reason = ""
    for delimiter in DELIMITERS:
        try:
            names, extra = _parse(source, first, delimiter)
        except _RowError as error:
            reason = reason or str(error)
            continue
        source.give_back(extra)
        header = _Header(
            names=names,
            plain=[_plain(name) for name in names],
            delimiter=delimiter,
            extra=len(extra),
        )
        found.append(header)
    if not found:
        raise _unusable(f"line {first.number} {reason}; expected a header")
    best = max(found, key=_Header.worth)
    for _ in range(best.extra):
        source.take_any()
    return best


def _column(header: _Header, column: str) -> int:
    count = header.plain.count(column)
    if count == 1:
        return header.plain.index(column)
    # A file without a header has a phone number here.
    names = re.sub(r"\d", "#", ", ".join(header.names))[:SHOWN]
    many = "two columns" if count else "no column"
    wanted = " and ".join(NAMES.values())
    raise _unusable(
        f"has {many} {NAMES[column]} in its header: found {names!r}, expected {wanted}"
    )


def _record(source: _Source, first: Line, header: _Header) -> list[str]:
    """Return the fields of the row that begins with a line."""
    fields, extra = _parse(source, first, header.delimiter)
    if extra and len(fields) != len(header.names):
        # Not one row of several lines, but a stray quote that met another.
        source.give_back(extra)
        raise _RowError(STRAY)
    return fields


def _parse(
    source: _Source, first: Line, delimiter: str
) -> tuple[list[str], list[Line]]:
    """Return the fields of a row, and the lines that it takes beyond its first."""
    taken: list[Line] = []

    def texts() -> Iterator[str]:
        line: Line | None = first
        room = LONGEST
        while line is not None:
            taken.append(line)
            room -= line.size
            yield _text(line)
            line = source.take_any() if room > 0 else None

    try:
        fields = next(csv.reader(texts(), delimiter=delimiter, strict=True))
    except _RowError as error:
        reason = str(error)
    except csv.Error as error:
        reason = f"is not valid CSV: {error}"
    else:
        return fields, taken[1:]
    # A stray quote costs its own line only.
    source.give_back(taken[1:])
    raise _RowError(STRAY if taken[1:] else reason)


# Both


def _plain(name: str) -> str:
    """Return a column's name without what spellings differ in."""
    return re.sub(r"[\s_-]", "", name).casefold()


def _row(line: int, number: Any, space: Any, default: str | None) -> AnyRow:
    number, space = _stripped(number), _stripped(space)
    if space is None or space == "":
        space = default
    try:
        operation = GetPhoneNumberVerificationStatus(
            phone_number=number, cust_space_id=space
        )
        operation.cust_space_id.encode()
    except InvalidOperation as error:
        return _bad(line, str(error.args[0]), number, space)
    except UnicodeEncodeError:
        return _bad(line, "cust_space_id must be valid Unicode", number, space)
    return Row(line, operation.phone_number, operation.cust_space_id)


def _bad(line: int, reason: str, number: object, space: object) -> BadRow:
    return BadRow(line, reason, _readable(number), _readable(space))


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _readable(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return value[:READABLE].encode(errors="replace").decode()


def _unusable(message: str) -> ConfigurationError:
    return ConfigurationError(message, field="input")
