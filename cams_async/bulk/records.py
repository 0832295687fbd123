"""Records of an input: what a row holds, whatever its format."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias, cast

from attrs import frozen

from cams_async.bulk.lines import Line, LineReader
from cams_async.bulk.results import INVALID

LONGEST = 65_536
"""Bytes of the longest row that is read."""

WIDEST = 2**20
"""Bytes of the longest line of an output that is read again."""

KEPT = 131_072
"""Characters of the longest record that is kept of a refused row: as many as the csv
module reads in a cell."""

OUTPUT = frozenset({"line", "status", "requestid", "error"})
"""Columns, as `plain` leaves their names, by which an output is recognised."""

WHOLE_NUMBER = re.compile(r"[0-9]+(?:\.0+)?")

Values: TypeAlias = Mapping[str, object]


class RecordError(Exception):
    """Why a line is no record."""


class Number(str):
    """A JSON number, as it was written."""

    __slots__ = ()


class Several:
    """Stands for the values of a name that a JSON object has more than once."""


@frozen
class Record:
    """One record of an input."""

    line: int
    """Where it begins in the input, from 1."""

    raw: Callable[[], str]
    """Returns JSON text: of the object, or of the line where that is none."""

    values: Values
    """Its values, by names as `plain` leaves them."""

    fault: str = ""
    """Why it cannot be used; `values` then holds what could be read."""

    def input(self) -> str | None:
        """Return the text to keep if the row is refused; None if that is too long."""
        text = self.raw()
        return text if 0 < len(text) <= KEPT else None


def plain(name: str) -> str:
    """Return a column's name without what spellings differ in."""
    return re.sub(r"[\s_-]", "", name).casefold()


def is_output(names: Iterable[str]) -> bool:
    """Whether these are the columns of an output."""
    return OUTPUT.issubset(names)


def text_of(line: Line, *, longest: int = LONGEST) -> str:
    """Decode a line.

    Raises:
        RecordError: It is too long, or no text.
    """
    if line.size > longest:
        raise RecordError(f"is longer than {LONGEST:,} bytes")
    try:
        text = line.data.decode()
    except UnicodeDecodeError:
        raise RecordError("is not UTF-8 text") from None
    if "\0" in text:
        raise RecordError("holds a NUL character")
    return text


def broken(line: Line, fault: str, values: Values | None = None) -> Record:
    """Return the record of a line that is none; the line itself is what it keeps."""

    def raw() -> str:
        if line.size > LONGEST:
            return ""
        # ASCII, which can hold bytes that are no text, as halves of surrogate pairs.
        return json.dumps(line.data.decode(errors="surrogateescape").rstrip("\r\n"))

    return Record(line.number, raw, values or {}, fault)


def restored(record: Record) -> Record:
    """Return the record that an output has kept of a refused row; else the record."""
    text = record.values.get("input")
    if record.values.get("error") != INVALID or not isinstance(text, str) or not text:
        return record
    try:
        values = json_values(text)
    except RecordError as error:
        return Record(record.line, lambda: text, {}, f"its input {error}")
    return Record(record.line, lambda: text, values)


def json_records(source: LineReader) -> Iterator[Record]:
    """Read each line as a JSON object."""
    while line := source.take():
        try:
            record = _json_record(line)
        except RecordError as error:
            yield broken(line, f"the line {error}")
        else:
            yield record


def _json_record(line: Line) -> Record:
    text = text_of(line, longest=WIDEST)
    # A carriage return, allowed between values, would not survive in CSV.
    record = Record(
        line.number, lambda: text.strip().replace("\r", " "), json_values(text)
    )
    kept = restored(record)
    if kept is record:
        text_of(line)
    return kept


def json_values(text: str) -> Values:
    """Read a JSON object, with numbers as they were written.

    Raises:
        RecordError: It is none.
    """
    try:
        value: Any = json.loads(
            text,
            object_pairs_hook=_Object,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):
        raise RecordError("is not valid JSON") from None
    if not isinstance(value, _Object):
        raise RecordError("is not a JSON object")
    values: dict[str, object] = {}
    for name, each in cast("list[tuple[str, object]]", value):
        values[plain(name)] = Several() if plain(name) in values else each
    return values


class _Object(list[tuple[str, Any]]):
    """The names and values of a JSON object."""


def _no_constant(name: str) -> None:
    # NaN and Infinity, which Python writes and no standard allows.
    raise ValueError(name)
