"""Phone numbers out of a CSV or JSON Lines file, row by row.

Whatever the bytes are, each line that is not blank becomes part of a `Row` or a
`BadRow`; only a file that cannot be understood as a whole is an error.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from attrs import frozen

from cams_async.bulk.csv_records import Header, csv_records, read_header
from cams_async.bulk.decoding import utf8
from cams_async.bulk.lines import LineReader
from cams_async.bulk.records import (
    WHOLE_NUMBER,
    WIDEST,
    Number,
    Record,
    RecordError,
    Several,
    is_output,
    json_records,
    plain,
)
from cams_async.errors import ConfigurationError, InvalidOperation
from cams_async.operations import GetPhoneNumberVerificationStatus
from cams_async.spreadsheet import LOST, DigitsLostError, undo

READABLE = 200
"""Characters of a bad value that are shown."""

SHOWN = 100
"""Characters of a header that are shown."""

ONE_OBJECT = "write each object on one line, such as with"

UNFINISHED = re.compile(rb".*(?:[{\[]|[^}],)", re.DOTALL)
"""A first line that ends inside an object: more of it follows on the next."""

NUMBER, SPACE = COLUMNS = "phone_number", "cust_space_id"

STANDARD = {name: plain(name) for name in COLUMNS}
"""Where the columns are in an input, by names as `plain` leaves them."""

Names: TypeAlias = Mapping[str, str]


@frozen
class Row:
    """A phone number to request."""

    line: int
    """Where the row begins in the input, from 1."""

    phone_number: str
    """Digits only, country code first."""

    cust_space_id: str
    """The space that it belongs to."""


@frozen
class BadRow:
    """A row that cannot be requested."""

    line: int
    """Where the row begins in the input, from 1."""

    reason: str
    """Why, without the values themselves."""

    phone_number: str | None = None
    """The text there, cut to a readable length; None where nothing could be read."""

    cust_space_id: str | None = None
    """As above."""

    input: str | None = None
    """JSON text of the whole row, from which it can be read again."""


AnyRow: TypeAlias = Row | BadRow


def read(
    pieces: Iterable[bytes],
    *,
    cust_space_id: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Iterator[AnyRow]:
    """Read rows in bounded memory, whatever the length of the input or its lines.

    The text is UTF-8, or UTF-16 with a byte order mark. It is JSON Lines if its
    first character is `{`, and else CSV with a header, separated by commas,
    semicolons, tabs or what a first line `sep=` names. Of a row that an output has
    refused, the record that the output kept is read.

    Args:
        pieces: The bytes, cut anywhere.
        cust_space_id: The space of the rows that name none.
        columns: Names in the input of the columns that have others.

    Raises:
        ConfigurationError: It is empty, no text, or has no header with the needed
            columns.
    """
    names = STANDARD | {name: plain(given) for name, given in (columns or {}).items()}
    source = LineReader(utf8(pieces), longest=WIDEST)
    first = source.take()
    if first is None:
        raise _unusable("is empty; expected rows with phone_number and cust_space_id")
    start = first.data.strip()
    if start.startswith(b"["):
        raise _unusable(f"is a JSON array: {ONE_OBJECT} \"jq -c '.[]'\"")
    if not start.startswith(b"{"):
        header = read_header(source, first, [*names.values()])
        _check(header, names, cust_space_id)
        records = csv_records(source, header)
    elif UNFINISHED.fullmatch(start):
        raise _unusable(f'is JSON of several lines: {ONE_OBJECT} "jq -c ."')
    else:
        source.give_back([first])
        records = json_records(source)
    return (_row(record, names, cust_space_id) for record in records)


def _check(header: Header, names: Names, default: str | None) -> None:
    """Raise ConfigurationError unless each needed column is there, once."""
    used = STANDARD if is_output(header.plain) else names
    for name, column in used.items():
        count = header.plain.count(column)
        if count == 1 or (count == 0 and name == SPACE and default is not None):
            continue
        # A file without a header has a phone number here.
        found = re.sub(r"\d", "#", ", ".join(header.names))[:SHOWN]
        many = "two columns" if count else "no column"
        expected = " and ".join(
            name if column == STANDARD[name] else f"{name} as {column!r}"
            for name, column in used.items()
        )
        raise _unusable(
            f"has {many} {name} in its header: found {found!r}, expected {expected}"
        )


def _row(record: Record, names: Names, default: str | None) -> AnyRow:
    used = STANDARD if is_output(record.values) else names
    number, space = (record.values.get(used[name]) for name in (NUMBER, SPACE))
    try:
        return _good(record, number, space, default)
    except RecordError as error:
        return BadRow(
            record.line,
            str(error),
            _readable(number),
            _readable(space),
            record.input(),
        )


def _good(record: Record, number: Any, space: Any, default: str | None) -> Row:
    if record.fault:
        raise RecordError(record.fault)
    number, space = _id(NUMBER, number), _id(SPACE, space)
    if isinstance(space, str):
        space = _undone(space)
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


def _id(name: str, value: Any) -> Any:
    """Return the digits of a JSON number, if it has them all, or another value."""
    if isinstance(value, Several):
        raise RecordError(f"the line has {name} twice")
    if not isinstance(value, Number) or WHOLE_NUMBER.fullmatch(value):
        return value
    found = "a number that is not whole"
    if "e" in value.lower():
        found = f"a number in scientific notation: {LOST}"
    raise RecordError(f"{name} must be text or a whole number; found {found}")


def _undone(space: str) -> str:
    try:
        return undo(space)
    except DigitsLostError as error:
        raise RecordError(f"{SPACE} must be the whole id; found {error}") from None


def _readable(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return value[:READABLE].encode(errors="replace").decode()


def _unusable(message: str) -> ConfigurationError:
    return ConfigurationError(message, field="input")
