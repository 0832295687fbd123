"""Records of an input: the named values of one row, read from JSON Lines."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias, cast

from attrs import frozen

from cams_async.bulk.lines import LineReader, RawLine
from cams_async.bulk.results import INVALID

MAX_ROW_BYTES = 65_536
"""Bytes of the longest row of an ordinary input."""

MAX_REREAD_BYTES = 2**20
"""Bytes of the longest line where the input is the output of an earlier job."""

MAX_KEPT_CHARS = 131_072
"""Characters of the longest record kept of an invalid row: the limit of csv cells."""

OUTPUT_COLUMNS = frozenset({"line", "status", "requestid", "error"})
"""Canonical names of columns that identify the output of a job."""

WHOLE_NUMBER = re.compile(r"[0-9]+(?:\.0+)?")

Values: TypeAlias = Mapping[str, object]


class RecordError(Exception):
    """A line cannot be read as a record."""


class JsonNumber(str):
    """A JSON number as it was written."""

    __slots__ = ()


class DuplicateValue:
    """The value of a name that occurs more than once in a JSON object."""


@frozen
class InputRecord:
    """One record of an input."""

    line: int
    """Line number where it begins in the input, from 1."""

    raw: Callable[[], str]
    """Returns JSON text: the object, or a string of the line if it is no object."""

    values: Values
    """Values by canonical column name."""

    error: str = ""
    """Why the record is invalid; `values` then holds what could be read."""

    def kept_text(self) -> str | None:
        """Return the text to keep if the row is invalid; None if it is too long."""
        text = self.raw()
        return text if 0 < len(text) <= MAX_KEPT_CHARS else None


def canonical(name: str) -> str:
    """Return a column name in lower case without spaces, hyphens and underscores."""
    return re.sub(r"[\s_-]", "", name).casefold()


def has_output_columns(names: Iterable[str]) -> bool:
    """Whether these canonical names are the columns of a job's output."""
    return OUTPUT_COLUMNS.issubset(names)


def decode_line(line: RawLine, *, limit: int = MAX_ROW_BYTES) -> str:
    """Decode a line of at most `limit` bytes.

    Raises:
        RecordError: The line is too long or not text.
    """
    if line.size > limit:
        raise RecordError(f"is longer than {MAX_ROW_BYTES:,} bytes")
    try:
        text = line.data.decode()
    except UnicodeDecodeError:
        raise RecordError("is not UTF-8 text") from None
    if "\0" in text:
        raise RecordError("holds a NUL character")
    return text


def invalid_record(
    line: RawLine, error: str, values: Values | None = None
) -> InputRecord:
    """Return a record that keeps the line itself."""

    def raw() -> str:
        if line.size > MAX_ROW_BYTES:
            return ""
        # ASCII, in which bytes that are not text become lone surrogates.
        return json.dumps(line.data.decode(errors="surrogateescape").rstrip("\r\n"))

    return InputRecord(line.number, raw, values or {}, error)


def restore_kept(record: InputRecord) -> InputRecord:
    """Return the record kept in an output's invalid row; any other record unchanged."""
    text = record.values.get("input")
    if record.values.get("error") != INVALID or not isinstance(text, str) or not text:
        return record
    try:
        values = json_values(text)
    except RecordError as error:
        return InputRecord(record.line, lambda: text, {}, f"its input {error}")
    return InputRecord(record.line, lambda: text, values)


def json_records(source: LineReader) -> Iterator[InputRecord]:
    """Read each line as a JSON object."""
    while line := source.next_nonblank():
        try:
            record = _json_record(line)
        except RecordError as error:
            yield invalid_record(line, f"the line {error}")
        else:
            yield record


def _json_record(line: RawLine) -> InputRecord:
    text = decode_line(line, limit=MAX_REREAD_BYTES)
    # A CSV output escapes carriage returns, which JSON allows between values.
    record = InputRecord(
        line.number, lambda: text.strip().replace("\r", " "), json_values(text)
    )
    restored = restore_kept(record)
    if restored is record:
        decode_line(line)
    return restored


def json_values(text: str) -> Values:
    """Parse a JSON object; numbers keep their spelling.

    Raises:
        RecordError: The text is not a JSON object.
    """
    try:
        value: Any = json.loads(
            text,
            object_pairs_hook=_Object,
            parse_int=JsonNumber,
            parse_float=JsonNumber,
            parse_constant=_reject_constant,
        )
    except (ValueError, RecursionError):
        raise RecordError("is not valid JSON") from None
    if not isinstance(value, _Object):
        raise RecordError("is not a JSON object")
    values: dict[str, object] = {}
    for name, each in cast("list[tuple[str, object]]", value):
        key = canonical(name)
        values[key] = DuplicateValue() if key in values else each
    return values


class _Object(list[tuple[str, Any]]):
    """Names and values of a JSON object."""


def _reject_constant(name: str) -> None:
    # NaN and Infinity, which Python writes and RFC 8259 excludes.
    raise ValueError(name)
