"""What became of a row, and how it is written in one line."""

import csv
import io
import json
from typing import Any, Literal, TypeAlias, cast

from attrs import asdict, fields, frozen

from cams_async.spreadsheet import guarded, unguarded

Format: TypeAlias = Literal["jsonl", "csv"]

INVALID = "InvalidRow"
"""The error of a row that cannot be requested."""


@frozen(kw_only=True)
class Result:
    """What became of a row: a line of the output."""

    line: int
    """Where the row begins in the input, from 1."""

    phone_number: str | None = None
    """Digits only; of a bad row what could be read."""

    cust_space_id: str | None = None
    """The space that was asked."""

    status: str | None = None
    """The verification status; None where none is known."""

    request_id: str | None = None
    """The vendor's id of the request."""

    error: str | None = None
    """The vendor's code, or the name of the error; None where all is well."""

    message: str | None = None
    """A short text on the error."""

    input: str | None = None
    """JSON text of a refused row: its object, or its line if that is none."""


COLUMNS = tuple(attribute.name for attribute in fields(Result))

NO_LINE = 2**63
"""The first number that no database takes; no file has as many lines."""

CSV_HEADER = ",".join(COLUMNS).encode() + b"\n"


def encode(result: Result, form: Format, *, raw_csv: bool = False) -> bytes:
    """Return a result's line.

    Args:
        result: The result.
        form: The format of the output.
        raw_csv: Whether cells that a spreadsheet program takes for formulas are
            written as they are.
    """
    values = asdict(result)
    if form == "jsonl":
        text = json.dumps(values, ensure_ascii=False) + "\n"
    else:
        buffer = io.StringIO()
        cells = [_cell(value) for value in values.values()]
        cells = cells if raw_csv else [guarded(cell) for cell in cells]
        csv.writer(buffer, lineterminator="\n").writerow(cells)
        text = buffer.getvalue()
    # The vendor's texts may hold half of a surrogate pair.
    return text.encode(errors="replace")


def _cell(value: object) -> str:
    """Keep a row on one line, and free of what marks a line as damaged."""
    text = "" if value is None else str(value)
    for raw, shown in (("\r", "\\r"), ("\n", "\\n"), ("\0", "\\0")):
        text = text.replace(raw, shown)
    return text


def decode(data: bytes, form: Format) -> Result | None:
    """Return the result that a line holds; None for what is no such line."""
    if not data.endswith(b"\n") or b"\0" in data:
        return None
    try:
        text = data.decode()
        values = _json_values(text) if form == "jsonl" else _csv_values(text)
        return _result(values)
    except (ValueError, KeyError, RecursionError, csv.Error):
        return None


def _result(values: dict[str, Any]) -> Result:
    line, texts = values["line"], {name: values.get(name) for name in COLUMNS[1:]}
    if type(line) is not int or not 0 < line < NO_LINE or "error" not in values:
        raise ValueError
    if not all(text is None or isinstance(text, str) for text in texts.values()):
        raise ValueError
    return Result(line=line, **texts)


def _json_values(text: str) -> dict[str, Any]:
    value: Any = json.loads(text, object_pairs_hook=_distinct)
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - as json does
    return cast("dict[str, Any]", value)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError
    return values


def _csv_values(text: str) -> dict[str, Any]:
    cells = next(csv.reader([text], strict=True))
    values: dict[str, Any] = {
        name: unguarded(cell) or None for name, cell in zip(COLUMNS, cells, strict=True)
    }
    line = int(cells[0])
    if str(line) != cells[0]:
        raise ValueError
    return values | {"line": line}
