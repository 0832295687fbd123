"""Records of a CSV file with a header."""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from functools import partial

from attrs import frozen

from cams_async.bulk.lines import Line, LineReader
from cams_async.bulk.records import (
    LONGEST,
    WIDEST,
    Record,
    RecordError,
    broken,
    is_output,
    plain,
    restored,
    text_of,
)
from cams_async.errors import ConfigurationError

DELIMITERS = ",;\t"

SEP = re.compile(r'"?sep=([^\r\n"])"?\s*', re.IGNORECASE)
"""A first line that gives Excel the delimiter."""

STRAY = "is not valid CSV: a quote that it opens is not closed"


@frozen(kw_only=True)
class Header:
    """The first row of a CSV file."""

    names: list[str]
    plain: list[str]
    delimiter: str
    extra: int
    """Lines that it takes beyond its first."""

    @property
    def longest(self) -> int:
        """Bytes of the longest row."""
        return WIDEST if is_output(self.plain) else LONGEST

    def keys(self) -> list[str]:
        """Return the names, each once: those that come again get their place."""
        keys: dict[str, None] = {}
        for place, name in enumerate(self.names, 1):
            key = name
            while key in keys:
                key += f" ({place})"
            keys[key] = None
        return list(keys)


def read_header(source: LineReader, first: Line, wanted: Sequence[str]) -> Header:
    """Read the header, by the delimiter that makes most of it.

    Args:
        source: The lines after the first.
        first: The first line.
        wanted: Columns to look for, as `plain` leaves their names.

    Raises:
        ConfigurationError: The file does not begin with a header.
    """
    delimiters = DELIMITERS
    if sep := SEP.fullmatch(first.data.decode(errors="replace")):
        delimiters, first = sep[1], source.take() or first
    found: list[Header] = []
    reason = ""
    for delimiter in delimiters:
        try:
            names, extra = _parse(source, first, delimiter, LONGEST)
        except RecordError as error:
            reason = reason or str(error)
            continue
        source.give_back(extra)
        header = Header(
            names=names,
            plain=[plain(name) for name in names],
            delimiter=delimiter,
            extra=len(extra),
        )
        found.append(header)
    if not found:
        msg = f"line {first.number} {reason}; expected a header"
        raise ConfigurationError(msg, field="input")

    def worth(header: Header) -> tuple[list[bool], int]:
        return [column in header.plain for column in wanted], len(header.plain)

    best = max(found, key=worth)
    for _ in range(best.extra):
        source.take_any()
    return best


def csv_records(source: LineReader, header: Header) -> Iterator[Record]:
    """Read each row after the header."""
    keys = header.keys()
    while line := source.take():
        try:
            fields = _fields(source, line, header)
        except RecordError as error:
            yield broken(line, f"the line {error}")
            continue
        fields += [""] * (len(keys) - len(fields))
        values = dict(zip(header.plain, fields, strict=False))
        if any(fields[len(keys) :]):
            fault = f"{len(fields)} fields where the header has {len(keys)}"
            yield broken(line, fault, values)
        else:
            raw = partial(_as_json, keys, fields)
            yield restored(Record(line.number, raw, values))


def _as_json(keys: list[str], fields: list[str]) -> str:
    return json.dumps(dict(zip(keys, fields, strict=False)), ensure_ascii=False)


def _fields(source: LineReader, first: Line, header: Header) -> list[str]:
    """Return the fields of the row that begins with a line."""
    fields, extra = _parse(source, first, header.delimiter, header.longest)
    if extra and len(fields) != len(header.names):
        # Not one row of several lines, but a stray quote that met another.
        source.give_back(extra)
        raise RecordError(STRAY)
    return fields


def _parse(
    source: LineReader, first: Line, delimiter: str, longest: int
) -> tuple[list[str], list[Line]]:
    """Return the fields of a row, and the lines that it takes beyond its first."""
    taken: list[Line] = []

    def texts() -> Iterator[str]:
        line: Line | None = first
        room = longest
        while line is not None:
            taken.append(line)
            room -= line.size
            yield text_of(line, longest=longest)
            line = source.take_any() if room > 0 else None

    try:
        fields = next(csv.reader(texts(), delimiter=delimiter, strict=True))
    except RecordError as error:
        reason = str(error)
    except csv.Error as error:
        reason = f"is not valid CSV: {error}"
    else:
        return fields, taken[1:]
    # A stray quote costs its own line only.
    source.give_back(taken[1:])
    raise RecordError(STRAY if taken[1:] else reason)
