"""Results of rows: made from outcomes, encoded as lines of an output, counted."""

import csv
import io
import json
from collections import Counter
from typing import Any, Literal, TypeAlias, cast

from attrs import Factory, asdict, define, fields, frozen

from cams_async.errors import ApiError
from cams_async.operations import (
    GetPhoneNumberVerificationStatus,
    VerificationStatusResponse,
)
from cams_async.poller import Outcome
from cams_async.spreadsheet import guarded, unguarded

Format: TypeAlias = Literal["jsonl", "csv"]

INVALID = "InvalidRow"
"""The error of an invalid row."""

MAX_TEXT_CHARS = 300
"""Characters of each of the vendor's texts in the output."""


@frozen(kw_only=True)
class Result:
    """The result of one row, which is one line of the output."""

    line: int
    """Line number where the row begins in the input, from 1."""

    phone_number: str | None = None
    """Digits only; for an invalid row, the text that could be read."""

    cust_space_id: str | None = None
    """The space of the phone number."""

    status: str | None = None
    """The verification status; None if the request failed."""

    request_id: str | None = None
    """The vendor's id of the request."""

    error: str | None = None
    """The vendor's code, or the name of the exception; None on success."""

    message: str | None = None
    """A short description of the error."""

    input: str | None = None
    """JSON text of an invalid row: its object, or a string of its line."""


COLUMNS = tuple(attribute.name for attribute in fields(Result))

LINE_LIMIT = 2**63
"""The first line number beyond SQLite's integers."""

CSV_HEADER = ",".join(COLUMNS).encode() + b"\n"


def status_of(outcome: Outcome[VerificationStatusResponse]) -> str | None:
    """Return the status in an outcome; None if it holds an error."""
    if outcome.response is None:
        return None
    return str(outcome.response.data.code_verification_status)


def result_of(outcome: Outcome[VerificationStatusResponse]) -> Result:
    """Return the result of a phone number, with line 0 in place of its rows' lines."""
    operation = cast("GetPhoneNumberVerificationStatus", outcome.operation)
    request_id = None if outcome.response is None else outcome.response.request_id
    code = message = None
    error = outcome.error
    if isinstance(error, ApiError):
        code, message = error.code or type(error).__name__, error.message
        request_id = error.request_id
    elif error is not None:
        code, message = type(error).__name__, str(error)
    return Result(
        line=0,
        phone_number=operation.phone_number,
        cust_space_id=operation.cust_space_id,
        status=_short(status_of(outcome)),
        request_id=_short(request_id),
        error=_short(code),
        message=_short(message),
    )


def _short(text: str | None) -> str | None:
    return None if text is None else " ".join(text.split())[:MAX_TEXT_CHARS]


def encode(result: Result, form: Format, *, raw_csv: bool = False) -> bytes:
    """Encode a result as one line.

    Args:
        result: The result.
        form: The format of the output.
        raw_csv: Leave CSV cells unchanged that spreadsheet programs would execute as
            formulas.
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
    # The vendor's texts may hold lone surrogates.
    return text.encode(errors="replace")


def _cell(value: object) -> str:
    """Escape line ends, and NULs, which mark a line as damaged."""
    text = "" if value is None else str(value)
    for raw, escaped in (("\r", "\\r"), ("\n", "\\n"), ("\0", "\\0")):
        text = text.replace(raw, escaped)
    return text


def decode(data: bytes, form: Format) -> Result | None:
    """Decode a line; return None if it does not hold a result."""
    if not data.endswith(b"\n") or b"\0" in data:
        return None
    try:
        text = data.decode()
        values = _json_values(text) if form == "jsonl" else _csv_values(text)
        return _validated(values)
    except (ValueError, KeyError, RecursionError, csv.Error):
        return None


def _validated(values: dict[str, Any]) -> Result:
    line, texts = values["line"], {name: values.get(name) for name in COLUMNS[1:]}
    if type(line) is not int or not 0 < line < LINE_LIMIT or "error" not in values:
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


@define
class Totals:
    """Counts of the rows in an output, over all runs of its job."""

    done: int = 0
    """Rows written."""

    failed: int = 0
    """Rows with an error, invalid rows included."""

    statuses: Counter[str] = Factory(Counter[str])
    """Rows by status."""

    errors: Counter[str] = Factory(Counter[str])
    """Rows by error."""

    failures: Counter[str] = Factory(Counter[str])
    """Failed phone numbers by error; each counts once, whatever its number of rows."""

    _last: tuple[str | None, str | None] | None = None

    def add(self, result: Result) -> None:
        """Count a row. The rows of one phone number are written consecutively."""
        self.done += 1
        if result.error is None:
            self.statuses[str(result.status)] += 1
            return
        self.failed += 1
        self.errors[result.error] += 1
        number = result.cust_space_id, result.phone_number
        if result.error != INVALID and number != self._last:
            self._last = number
            self.failures[result.error] += 1
