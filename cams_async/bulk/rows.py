"""Rows of phone numbers, read from a CSV or JSON Lines file.

Each line that is not blank becomes part of a `Row` or a `BadRow`, whatever its bytes
are. Only a file that is unusable as a whole raises an error.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from attrs import frozen

from cams_async.bulk.csv_records import Header, csv_records, read_header
from cams_async.bulk.lines import LineReader, as_utf8
from cams_async.bulk.records import (
    MAX_REREAD_BYTES,
    WHOLE_NUMBER,
    DuplicateValue,
    InputRecord,
    JsonNumber,
    RecordError,
    canonical,
    has_output_columns,
    json_records,
)
from cams_async.errors import ConfigurationError, InvalidOperation
from cams_async.operations import GetPhoneNumberVerificationStatus
from cams_async.spreadsheet import LOST, DigitsLostError, undo_formatting

MAX_VALUE_CHARS = 200
"""Characters of an invalid value in the output."""

MAX_HEADER_CHARS = 100
"""Characters of a header in an error message."""

ONE_OBJECT = "write each object on one line, such as with"

UNFINISHED = re.compile(rb".*(?:[{\[]|[^}],)", re.DOTALL)
"""A first line that ends inside an object, which continues on the next line."""

NUMBER, SPACE = COLUMNS = "phone_number", "cust_space_id"

DEFAULT_COLUMNS = {name: canonical(name) for name in COLUMNS}
"""Canonical column names in an input, by field."""

Names: TypeAlias = Mapping[str, str]


@frozen
class Row:
    """A phone number to request."""

    line: int
    """Line number where the row begins in the input, from 1."""

    phone_number: str
    """Digits only, country code first."""

    cust_space_id: str
    """The space of the phone number."""


@frozen
class BadRow:
    """An invalid row, for which no request is sent."""

    line: int
    """Line number where the row begins in the input, from 1."""

    reason: str
    """Why the row is invalid, without its values."""

    phone_number: str | None = None
    """The text of the column, truncated; None if it could not be read."""

    cust_space_id: str | None = None
    """The text of the column, truncated; None if it could not be read."""

    input: str | None = None
    """JSON text of the whole row, from which a later job can read it again."""


AnyRow: TypeAlias = Row | BadRow


def read_rows(
    pieces: Iterable[bytes],
    *,
    cust_space_id: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Iterator[AnyRow]:
    """Read rows in bounded memory, whatever the length of the input or its lines.

    The text is UTF-8, or UTF-16 with a byte order mark. It is JSON Lines if its first
    character is `{`; otherwise CSV with a header, delimited by commas, semicolons,
    tabs or the character of a first line `sep=`. If the input is the output of an
    earlier job, its invalid rows are read from the records that the output kept.

    Args:
        pieces: The bytes, split anywhere.
        cust_space_id: Default space for rows without one.
        columns: Column names in the input that differ from the default, by field.

    Raises:
        ConfigurationError: The input is empty, is not text, or lacks a header with the
            required columns.
    """
    names = DEFAULT_COLUMNS | {
        name: canonical(column) for name, column in (columns or {}).items()
    }
    source = LineReader(as_utf8(pieces), limit=MAX_REREAD_BYTES)
    first = source.next_nonblank()
    if first is None:
        raise _unusable("is empty; expected rows with phone_number and cust_space_id")
    start = first.data.strip()
    if start.startswith(b"["):
        raise _unusable(f"is a JSON array: {ONE_OBJECT} \"jq -c '.[]'\"")
    if not start.startswith(b"{"):
        header = read_header(source, first, [*names.values()])
        _check_header(header, names, cust_space_id)
        records = csv_records(source, header)
    elif UNFINISHED.fullmatch(start):
        raise _unusable(f'is JSON of several lines: {ONE_OBJECT} "jq -c ."')
    else:
        source.push_back([first])
        records = json_records(source)
    return (_row(record, names, cust_space_id) for record in records)


def _check_header(header: Header, names: Names, default: str | None) -> None:
    """Raise ConfigurationError unless each required column occurs once."""
    used = DEFAULT_COLUMNS if has_output_columns(header.canonical) else names
    for name, column in used.items():
        count = header.canonical.count(column)
        if count == 1 or (count == 0 and name == SPACE and default is not None):
            continue
        # Without a header, this is a row: digits of phone numbers are masked.
        found = re.sub(r"\d", "#", ", ".join(header.names))[:MAX_HEADER_CHARS]
        many = "two columns" if count else "no column"
        expected = " and ".join(
            name if column == DEFAULT_COLUMNS[name] else f"{name} as {column!r}"
            for name, column in used.items()
        )
        raise _unusable(
            f"has {many} {name} in its header: found {found!r}, expected {expected}"
        )


def _row(record: InputRecord, names: Names, default: str | None) -> AnyRow:
    used = DEFAULT_COLUMNS if has_output_columns(record.values) else names
    number, space = (record.values.get(used[name]) for name in (NUMBER, SPACE))
    try:
        return _valid_row(record, number, space, default)
    except RecordError as error:
        return BadRow(
            record.line,
            str(error),
            _excerpt(number),
            _excerpt(space),
            record.kept_text(),
        )


def _valid_row(
    record: InputRecord, number: Any, space: Any, default: str | None
) -> Row:
    if record.error:
        raise RecordError(record.error)
    number, space = _whole(NUMBER, number), _whole(SPACE, space)
    if isinstance(space, str):
        space = _restored_id(space)
    if space is None or space == "":
        space = default
    try:
        operation = GetPhoneNumberVerificationStatus(
            phone_number=number, cust_space_id=space
        )
        operation.cust_space_id.encode()
    except InvalidOperation as error:
        raise RecordError(error.args[0]) from None
    except UnicodeEncodeError:
        raise RecordError("cust_space_id must be valid Unicode") from None
    return Row(record.line, operation.phone_number, operation.cust_space_id)


def _whole(name: str, value: Any) -> Any:
    """Reject a JSON number that is not whole; return any other value unchanged."""
    if isinstance(value, DuplicateValue):
        raise RecordError(f"the line has {name} twice")
    if not isinstance(value, JsonNumber) or WHOLE_NUMBER.fullmatch(value):
        return value
    found = "a number that is not whole"
    if "e" in value.lower():
        found = f"a number in scientific notation: {LOST}"
    raise RecordError(f"{name} must be text or a whole number; found {found}")


def _restored_id(space: str) -> str:
    try:
        return undo_formatting(space)
    except DigitsLostError as error:
        raise RecordError(f"{SPACE} must be the whole id; found {error}") from None


def _excerpt(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return value[:MAX_VALUE_CHARS].encode(errors="replace").decode()


def _unusable(message: str) -> ConfigurationError:
    return ConfigurationError(message, field="input")
