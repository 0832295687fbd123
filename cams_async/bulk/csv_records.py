"""Records of a CSV file with a header."""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from functools import partial

from attrs import frozen

from cams_async.bulk.lines import LineReader, RawLine
from cams_async.bulk.records import (
    MAX_REREAD_BYTES,
    MAX_ROW_BYTES,
    InputRecord,
    RecordError,
    canonical,
    decode_line,
    has_output_columns,
    invalid_record,
    restore_kept,
)
from cams_async.errors import ConfigurationError

DELIMITERS = ",;\t"

SEP = re.compile(r'"?sep=([^\r\n"])"?\s*', re.IGNORECASE)
"""A first line that declares the delimiter to Excel."""

UNCLOSED_QUOTE = "is not valid CSV: a quote that it opens is not closed"


@frozen(kw_only=True)
class Header:
    """The first row of a CSV file."""

    names: list[str]
    canonical: list[str]
    delimiter: str
    extra: int
    """Lines of the header beyond its first."""

    @property
    def max_row_bytes(self) -> int:
        """Bytes of the longest row."""
        is_output = has_output_columns(self.canonical)
        return MAX_REREAD_BYTES if is_output else MAX_ROW_BYTES

    def keys(self) -> list[str]:
        """Return unique names: duplicates get their position as a suffix."""
        keys: dict[str, None] = {}
        for position, name in enumerate(self.names, 1):
            key = name
            while key in keys:
                key += f" ({position})"
            keys[key] = None
        return list(keys)


def read_header(source: LineReader, first: RawLine, wanted: Sequence[str]) -> Header:
    """Read the header with the delimiter that yields the most wanted columns.

    Args:
        source: The lines after the first.
        first: The first line.
        wanted: Canonical names of the columns to find.

    Raises:
        ConfigurationError: The file does not begin with a header.
    """
    delimiters = DELIMITERS
    if sep := SEP.fullmatch(first.data.decode(errors="replace")):
        delimiters, first = sep[1], source.next_nonblank() or first
    found: list[Header] = []
    reason = ""
    for delimiter in delimiters:
        try:
            names, extra = _parse(source, first, delimiter, MAX_ROW_BYTES)
        except RecordError as error:
            reason = reason or str(error)
            continue
        source.push_back(extra)
        header = Header(
            names=names,
            canonical=[canonical(name) for name in names],
            delimiter=delimiter,
            extra=len(extra),
        )
        found.append(header)
    if not found:
        msg = f"line {first.number} {reason}; expected a header"
        raise ConfigurationError(msg, field="input")

    def score(header: Header) -> tuple[list[bool], int]:
        return [column in header.canonical for column in wanted], len(header.canonical)

    best = max(found, key=score)
    for _ in range(best.extra):
        source.next_line()
    return best


def csv_records(source: LineReader, header: Header) -> Iterator[InputRecord]:
    """Read each row after the header."""
    keys = header.keys()
    while line := source.next_nonblank():
        try:
            fields = _fields(source, line, header)
        except RecordError as error:
            yield invalid_record(line, f"the line {error}")
            continue
        fields += [""] * (len(keys) - len(fields))
        values = dict(zip(header.canonical, fields, strict=False))
        if any(fields[len(keys) :]):
            reason = f"{len(fields)} fields where the header has {len(keys)}"
            yield invalid_record(line, reason, values)
        else:
            raw = partial(_as_json, keys, fields)
            yield restore_kept(InputRecord(line.number, raw, values))


def _as_json(keys: list[str], fields: list[str]) -> str:
    return json.dumps(dict(zip(keys, fields, strict=False)), ensure_ascii=False)


def _fields(source: LineReader, first: RawLine, header: Header) -> list[str]:
    """Return the fields of the row that begins at a line."""
    fields, extra = _parse(source, first, header.delimiter, header.max_row_bytes)
    if extra and len(fields) != len(header.names):
        # Two stray quotes on different lines, rather than one row of several lines.
        source.push_back(extra)
        raise RecordError(UNCLOSED_QUOTE)
    return fields


def _parse(
    source: LineReader, first: RawLine, delimiter: str, limit: int
) -> tuple[list[str], list[RawLine]]:
    """Return the fields of a row and its lines beyond the first."""
    taken: list[RawLine] = []

    def texts() -> Iterator[str]:
        line: RawLine | None = first
        remaining = limit
        while line is not None:
            taken.append(line)
            remaining -= line.size
            yield decode_line(line, limit=limit)
            line = source.next_line() if remaining > 0 else None

    try:
        fields = next(csv.reader(texts(), delimiter=delimiter, strict=True))
    except RecordError as error:
        reason = str(error)
    except csv.Error as error:
        reason = f"is not valid CSV: {error}"
    else:
        return fields, taken[1:]
    # A stray quote invalidates only its own line.
    source.push_back(taken[1:])
    raise RecordError(UNCLOSED_QUOTE if taken[1:] else reason)
