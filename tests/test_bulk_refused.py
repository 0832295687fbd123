"""Refused rows keep their record, and can be run again from an output."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cams_async.bulk import Format, Result
from cams_async.bulk.records import MAX_KEPT_CHARS, MAX_ROW_BYTES
from cams_async.bulk.results import COLUMNS, CSV_HEADER, INVALID, decode, encode
from cams_async.bulk.rows import BadRow, Row, read_rows
from tests.bulk_fakes import StatusSender, plan, work, written
from tests.strategies import JSON, TEXT

FORMATS: list[Format] = ["jsonl", "csv"]

both_formats = pytest.mark.parametrize("form", FORMATS)

TABLE = b"""\
Phone Number,cust_space_id,note,note,
8613800000001,cams-1,good,,
8.61E+12,cams-1,"M\xc3\xbcller, ""A"" B",2nd,
861380000000x,cams-1,"two
lines",=1+1,
8613800000002,2.8E+13,,
861,cams-1,,,,surplus
861,"cams-1
861,\xff
861,ca\0ms
"""

LINES = b"""\
{"phone_number": "8613800000001", "cust_space_id": "cams-1"}
{"phone_number": 8.6138e12, "cust_space_id": "cams-1", "note": [1.10, 1e400, null]}
{"cust_space_id": "cams-1", "PhoneNumber": "x", "input": "web", "error": "none"}
\t{"phone_number": 1, "phone_number": 2, "x": "\\ud800\\u0000"}\r \r
[1, 2]
{"phone_number": "86
{"phone_number": "\xff"}
"8613800000000"
nonsense
"""

SOURCES = {"csv": TABLE, "jsonl": LINES}


def bad(data: bytes) -> dict[int, BadRow]:
    """Return the bad rows of some bytes, by line."""
    return {row.line: row for row in read_rows([data]) if isinstance(row, BadRow)}


def output(data: bytes, form: Format) -> bytes:
    """Return the results of the invalid rows of an output."""
    results = [
        Result(
            line=row.line,
            phone_number=row.phone_number,
            cust_space_id=row.cust_space_id,
            error=INVALID,
            message=row.reason,
            input=row.input,
        )
        for row in bad(data).values()
    ]
    head = CSV_HEADER if form == "csv" else b""
    return head + b"".join(encode(result, form) for result in results)


def inputs(data: bytes) -> list[str | None]:
    """Return what bad rows keep."""
    return [row.input for row in bad(data).values()]


def test_a_csv_row_keeps_its_columns() -> None:
    """As a JSON object, from which it can be read without the header."""
    kept = {line: json.loads(row.input or "") for line, row in bad(TABLE).items()}

    assert kept == {
        3: {
            "Phone Number": "8.61E+12",
            "cust_space_id": "cams-1",
            "note": 'M\u00fcller, "A" B',
            "note (4)": "2nd",
            "": "",
        },
        4: {
            "Phone Number": "861380000000x",
            "cust_space_id": "cams-1",
            "note": "two\nlines",
            "note (4)": "=1+1",
            "": "",
        },
        6: {
            "Phone Number": "8613800000002",
            "cust_space_id": "2.8E+13",
            "note": "",
            "note (4)": "",
            "": "",
        },
        7: "861,cams-1,,,,surplus",
        8: '861,"cams-1',
        9: "861,\udcff",
        10: "861,ca\0ms",
    }


def test_a_json_row_keeps_its_text() -> None:
    """Verbatim, so that neither digits nor a repeated name are lost."""
    lines = LINES.splitlines()
    kept = [row.input or "" for row in bad(LINES).values()]

    assert [line.strip().decode() for line in lines[1:3]] == kept[:2]
    assert kept[2].startswith('{"phone_number": 1, "phone_number": 2,')
    assert ["[1, 2]", '{"phone_number": "86', '{"phone_number": "\udcff"}'] == [
        json.loads(each) for each in kept[3:6]
    ]


@both_formats
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_refused_rows_lose_nothing_when_they_are_run_again(
    source: bytes, form: Format
) -> None:
    """However often, and through any format."""
    first = output(source, form)
    other: Format = "csv" if form == "jsonl" else "jsonl"

    assert [] != inputs(source) == inputs(first)
    assert inputs(source) == inputs(output(first, other))


@both_formats
def test_a_kept_record_that_was_mended_is_read(form: Format) -> None:
    """The record counts, with its own names, not what was shown of it."""
    mended = json.dumps({"PhoneNumber": "+86 1", "cust_space_id": "'cams"})
    result = Result(line=9, phone_number="none", error=INVALID, input=mended)
    head = CSV_HEADER if form == "csv" else b""

    assert [Row(1 + (form == "csv"), "861", "cams")] == list(
        read_rows([head + encode(result, form)])
    )


@both_formats
def test_a_mapping_is_for_the_kept_records(form: Format) -> None:
    """Rows that were not refused have the names of the output."""
    refused = Result(line=1, error=INVALID, input='{"Telefon": "861"}')
    failed = Result(line=2, phone_number="862", cust_space_id="s", error="ConnectError")
    head = CSV_HEADER if form == "csv" else b""
    data = head + encode(refused, form) + encode(failed, form)

    found = read_rows([data], columns={"phone_number": "Telefon"}, cust_space_id="all")

    assert [("861", "all"), ("862", "s")] == [
        (row.phone_number, row.cust_space_id) for row in found
    ]


@pytest.mark.parametrize(
    "line",
    [
        '{"phone_number": 1, "cust_space_id": "s", "input": "web form"}',
        '{"phone_number": 1, "cust_space_id": "s", "input": {"phone_number": 9}}',
        '{"phone_number": 1, "cust_space_id": "s", "error": "InvalidRow"}',
        '{"phone_number": 1, "cust_space_id": "s", "error": "InvalidRow", "input": ""}',
        '{"phone_number": 1, "cust_space_id": "s", "error": null, "input": "{}"}',
    ],
)
def test_a_column_of_the_same_name_is_no_record(line: str) -> None:
    """Only a refused row of an output has one."""
    assert [Row(1, "1", "s")] == list(read_rows([line.encode()]))


@both_formats
@pytest.mark.parametrize(
    "cell",
    ["x" * (MAX_ROW_BYTES - 100), '"' * 20_000, "\\" * 20_000, "\u00e9" * 30_000],
    ids=["letters", "quotes", "backslashes", "accents"],
)
def test_a_long_row_is_kept_and_read_again(cell: str, form: Format) -> None:
    """The line of an output may be longer than that of another input."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows([["phone_number", "cust_space_id"], ["?", cell]])
    data = buffer.getvalue().encode()

    (kept,) = inputs(data)
    assert kept is not None
    assert cell == json.loads(kept)["cust_space_id"]
    assert [kept] == inputs(output(data, form))


@pytest.mark.parametrize(
    "data",
    [b"x" * MAX_ROW_BYTES + b",cams", b"?," + b"\x01" * (MAX_KEPT_CHARS // 6)],
    ids=["a line too long", "a record too long"],
)
def test_what_is_too_long_is_not_kept(data: bytes) -> None:
    """Memory is bounded; the row's line number leads to it."""
    assert [None] == inputs(b"phone_number,cust_space_id\n" + data)


def test_a_long_line_of_another_input_is_refused() -> None:
    """Only an output's lines may be longer."""
    space = "x" * MAX_ROW_BYTES
    data = json.dumps({"phone_number": "861", "cust_space_id": space}).encode()

    (row,) = bad(data).values()
    assert "longer than 65,536 bytes" in row.reason


@given(
    st.dictionaries(TEXT, TEXT | JSON, max_size=4).map(json.dumps)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n")),
    st.sampled_from(FORMATS),
)
def test_any_line_is_kept_through_any_format(line: str, form: Format) -> None:
    """A second run reads the same record, with any content."""
    data = b'{"x": 1}\n' + line.encode()

    first = output(data, form)

    assert inputs(data) == inputs(first)
    lines = first.splitlines(keepends=True)[form == "csv" :]
    assert all(decode(each, form) for each in lines)


@both_formats
async def test_a_job_runs_the_refused_rows_of_another(
    tmp_path: Path, form: Format
) -> None:
    """From file to file: the output of a job is the input of the next."""
    folders = [tmp_path / name for name in ("first", "second", "third")]
    for folder in folders:
        folder.mkdir()
    jobs: list[Any] = [plan(folder, format=form) for folder in folders]
    jobs[0].input.write_bytes(TABLE)
    await work(jobs[0])
    jobs[1].input.write_bytes(jobs[0].output.read_bytes())
    await work(jobs[1])
    mended = jobs[1].output.read_text().replace("8.61E+12", "8613800000003")
    jobs[2].input.write_text(mended.replace("861380000000x", "8613800000004"))
    responses = StatusSender()
    await work(jobs[2], responses)

    kept = [[row.input for row in sorted_by_line(job)] for job in jobs[:2]]
    assert kept[0] == kept[1]
    assert {number for _, number in responses.requested} == {
        f"861380000000{last}" for last in (1, 3, 4)
    }


def sorted_by_line(job: Any) -> list[Result]:
    """Return the refused rows of an output."""
    refused = [row for row in written(job) if row.input is not None]
    return sorted(refused, key=lambda row: row.line)


# Formulas


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_a_csv_output_has_no_formula(start: str) -> None:
    """CSV cells stay unguarded only with `raw_csv`; JSON Lines needs no guard."""
    result = Result(line=1, phone_number=f"{start}1", message=f"{start}cmd|' /C x'!A0")
    plain = encode(result, "csv", raw_csv=True)
    cells = next(csv.reader([encode(result, "csv").decode()]))

    assert [f"'{start}1", f"'{start}cmd|' /C x'!A0"] == [cells[1], cells[6]]
    assert f"1,{start}1,".encode() in plain
    assert f"{start}1" == json.loads(encode(result, "jsonl"))["phone_number"]


@both_formats
@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
@pytest.mark.parametrize("column", COLUMNS[1:])
def test_an_output_is_read_back_without_guards(
    column: str, start: str, form: Format
) -> None:
    """A resumed job counts the statuses and errors that a former run had."""
    result = Result(line=1, **{column: f"{start}x"})

    assert result == decode(encode(result, form), form)


def test_a_guarded_id_is_read_as_it_was() -> None:
    """A failed row of a CSV output is requested again, with the same space."""
    result = Result(line=1, phone_number="861", cust_space_id="-cams", error="E")
    data = CSV_HEADER + encode(result, "csv")

    assert b",'-cams," in data
    assert [Row(2, "861", "-cams")] == list(read_rows([data]))


async def test_a_job_can_write_raw_cells(tmp_path: Path) -> None:
    """`raw_csv` reaches the file."""
    (tmp_path / "in.csv").write_text("phone_number,cust_space_id\n861,-cams\n")
    done = plan(tmp_path, format="csv", raw_csv=True)
    await work(done)

    assert done.output is not None
    assert ",-cams," in done.output.read_text()
