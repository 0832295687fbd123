"""What became of a row, and how it is written in one line."""

import csv
import io
import json
from typing import Any, Literal, TypeAlias, cast

from attrs import asdict, fields, frozen

from cams_async.spreadsheet import guarded

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


def decode(data: bytes, form: Format) -> tuple[int, bool] | None:
    """Return a line's row and whether that failed; None for what is no such line."""
    if not data.endswith(b"\n") or b"\0" in data:
        return None
    try:
        text = data.decode()
        values = _json_values(text) if form == "jsonl" else _csv_values(text)
        return values["line"], bool(values["error"])
    except (ValueError, KeyError, RecursionError, csv.Error):
        return None


def _json_values(text: str) -> dict[str, Any]:
    value: Any = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - as json does
    values = cast("dict[str, Any]", value)
    if type(values["line"]) is not int:
        raise ValueError
    return values


def _csv_values(text: str) -> dict[str, Any]:
    cells = next(csv.reader([text], strict=True))
    values: dict[str, Any] = dict(zip(COLUMNS, cells, strict=True))
    return values | {"line": int(values["line"])}
