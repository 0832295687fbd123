"""Inputs as people have them: encodings, line ends, other formats and headers."""

import bz2
import gzip
import io
import json
import lzma
import shlex
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cams_async.bulk import Plan
from cams_async.bulk.lines import HEAD, as_utf8
from cams_async.bulk.rows import AnyRow, BadRow, Row, read_rows
from cams_async.cli import main
from cams_async.credentials import KEY_ID, KEY_SECRET
from cams_async.emulator import Emulator
from cams_async.errors import ConfigurationError
from tests.bulk_fakes import StatusSender, plan, work, written
from tests.cli_process import COMMAND, PATIENCE, environment, in_thread
from tests.fakes import FAST
from tests.strategies import TEXT

CSV = (
    'phone_number,cust_space_id\n8613800000001,cams-1\n"8613800000002","é\U0001f600"\n'
)
JSONL = (
    '{"phone_number": "8613800000001", "cust_space_id": "cams-1"}\n'
    '{"phone_number": 8613800000002, "cust_space_id": "é\U0001f600"}\n'
)
FOUND = [("8613800000001", "cams-1"), ("8613800000002", "é\U0001f600")]


def cut(data: bytes, size: int = 7) -> Iterator[bytes]:
    """Cut bytes into pieces."""
    return (data[at : at + size] for at in range(0, len(data), size))


def rows(data: bytes, **options: Any) -> list[AnyRow]:
    """Read all rows of some bytes, in small pieces."""
    return list(read_rows(cut(data), **options))


def pairs(data: bytes, **options: Any) -> list[tuple[str | None, str | None]]:
    """Return numbers and spaces of rows, none of which is bad."""
    found = rows(data, **options)
    assert not [row for row in found if isinstance(row, BadRow)]
    return [(row.phone_number, row.cust_space_id) for row in found]


def refused(data: bytes, **options: Any) -> str:
    """Return why an input is refused as a whole."""
    with pytest.raises(ConfigurationError) as caught:
        rows(data, **options)
    assert caught.value.field == "input"
    return str(caught.value)


def zipped(*members: tuple[str, str], packed: bool = True) -> bytes:
    """Return an archive of files."""
    buffer = io.BytesIO()
    how = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


TEXTS: dict[str, Callable[[str], bytes]] = {
    "UTF-8": str.encode,
    "UTF-8 with a byte order mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 LE": lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
    "UTF-16 BE": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "lone CR": lambda text: text.replace("\n", "\r").encode(),
    "lone CR in UTF-16": lambda text: text.replace("\n", "\r").encode("utf-16"),
    "blank lines first": lambda text: b"\n\r\n " + b"\n" + text.encode(),
}

SEPARATED = {
    "semicolons": CSV.replace(",", ";"),
    "tabs": CSV.replace(",", "\t"),
    "sep=;": "sep=;\n" + CSV.replace(",", ";"),
    "SEP=,": "SEP=,\n" + CSV,
    '"sep=|"': '"sep=|"\n' + CSV.replace(",", "|"),
    "sep=tab": "sep=\t\n" + CSV.replace(",", "\t"),
    "sep=;, with commas inside": "sep=;\nphone_number;cust_space_id;a,b,c,d\n"
    "8613800000001;cams-1;1,2,3,4\n8613800000002;é\U0001f600\n",
}

OTHERS = {
    "numbers.xlsx": (
        zipped(("[Content_Types].xml", "<Types/>"), ("xl/workbook.xml", "<w/>")),
        "is an Office file, such as an Excel workbook (.xlsx): save it as 'CSV UTF-8'",
    ),
    "openpyxl.xlsx": (
        zipped(("docProps/app.xml", "<P/>"), ("xl/workbook.xml", "<w/>")),
        "an Excel workbook (.xlsx): save it as 'CSV UTF-8' and use that file",
    ),
    "numbers.ods": (
        zipped(
            ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), packed=False
        ),
        "is an OpenDocument file (.ods): save it as 'CSV UTF-8'",
    ),
    "numbers.zip": (
        zipped(("numbers.csv", CSV)),
        "is a ZIP archive: unpack it and use the file inside",
    ),
    "empty.zip": (zipped(), "is a ZIP archive: unpack it"),
    "numbers.csv.gz": (
        gzip.compress(CSV.encode()),
        "is compressed by gzip: decompress it with gunzip",
    ),
    "numbers.csv.bz2": (bz2.compress(CSV.encode()), "compressed by bzip2"),
    "numbers.csv.xz": (lzma.compress(CSV.encode()), "compressed by xz"),
    "numbers.csv.zst": (b"\x28\xb5\x2f\xfd\x04\x00", "compressed by zstd"),
    "numbers.xls": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504),
        "is an old Excel workbook (.xls): save it as 'CSV UTF-8'",
    ),
    "numbers.pdf": (b"%PDF-1.7\n", "is a PDF: "),
    "numbers.db": (b"SQLite format 3\0", "is an SQLite database: export"),
    "error.html": (b"\n<!DOCTYPE html>\n<html>", "is HTML or XML: "),
    "array.json": (
        json.dumps([{"phone_number": "861", "cust_space_id": "s"}]).encode(),
        "is a JSON array: write each object on one line, such as with \"jq -c '.[]'\"",
    ),
    "pretty-array.json": (
        json.dumps([{"phone_number": "861"}], indent=2).encode(),
        "is a JSON array: ",
    ),
    "pretty.json": (
        json.dumps({"phone_number": "861"}, indent=2).encode(),
        'JSON of several lines: write each object on one line, such as with "jq -c ."',
    ),
    "open.json": (b'{ "phone_number": "861",\n  "x": "y" }', "JSON of several"),
    "wrapped.json": (b'{"numbers": [\n{"phone_number": "861"}\n]}', "JSON of several"),
    "utf-32.csv": (CSV.encode("utf-32"), "is in UTF-32: save it as UTF-8"),
    "no-mark-le.csv": (
        CSV.encode("utf-16-le"),
        "is in UTF-16 without a byte order mark: save it as UTF-8",
    ),
    "no-mark-be.csv": (CSV.encode("utf-16-be"), "in UTF-16 without a byte order mark"),
    "sep.csv": (b"sep=;\n", "no column phone_number in its header"),
}
"""Unusable input files, and the error message for each."""


@pytest.mark.parametrize("encode", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("text", [CSV, JSONL], ids=["csv", "jsonl"])
def test_a_text_is_read_in_any_encoding(
    text: str, encode: Callable[[str], bytes]
) -> None:
    """Byte order marks and line ends are judged by the first bytes."""
    assert FOUND == pairs(encode(text))


@pytest.mark.parametrize("encode", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("text", SEPARATED.values(), ids=SEPARATED)
def test_a_delimiter_is_found_or_named(
    text: str, encode: Callable[[str], bytes]
) -> None:
    """A first line `sep=` is obeyed, even where another delimiter fits better."""
    assert FOUND == pairs(encode(text))


@pytest.mark.parametrize(("data", "expected"), OTHERS.values(), ids=OTHERS)
def test_another_format_is_named(data: bytes, expected: str) -> None:
    """One sentence names the file type and the fix."""
    assert expected in refused(data)


def test_lines_are_counted_as_in_the_file() -> None:
    """An output names lines, of old Macs too, and `sep=` is one of them."""
    data = b"sep=;\rphone_number;cust_space_id\r861;a\r\r862;b"

    assert [Row(3, "861", "a"), Row(5, "862", "b")] == rows(data)


def test_lone_carriage_returns_in_other_files_stay() -> None:
    """There they are part of a quoted cell, and count as no line."""
    data = b'phone_number,cust_space_id\n861,"a\rb"\n862,c\n'

    assert [Row(2, "861", "a\rb"), Row(3, "862", "c")] == rows(data)


def test_line_feeds_in_files_of_old_macs_stay() -> None:
    """There they are part of a quoted cell."""
    assert [("861", "a\nb")] == pairs(b'phone_number,cust_space_id\r861,"a\nb"\r')


@pytest.mark.parametrize("tail", [b"\x00", b"\x00\xd8", b"\x00\xd8a\x00"])
def test_broken_utf_16_costs_only_its_line(tail: bytes) -> None:
    """A file may have been cut off, within a character or within a pair."""
    start = "phone_number,cust_space_id\n861,a\n862,b".encode("utf-16-le")

    found = rows(b"\xff\xfe" + start + tail)

    assert Row(2, "861", "a") == found[0]
    assert isinstance(found[1], BadRow)
    assert "not UTF-8 text" in found[1].reason


@given(TEXT, st.sampled_from(["utf-16-le", "utf-16-be"]), st.integers(1, 9))
def test_utf_16_is_read_however_it_is_cut(text: str, codec: str, size: int) -> None:
    """Pairs of surrogates are cut, too."""
    mark = "\ufeff".encode(codec)
    text = f"a\n{text}"

    assert text.encode() == b"".join(as_utf8(cut(mark + text.encode(codec), size)))


def test_only_the_first_bytes_are_held() -> None:
    """The type of a stream is detected before its end."""
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"861,cams\n" * 1000

    assert next(as_utf8(pieces())).startswith(b"861")
    assert taken == HEAD // 9000 + 1


# Columns


@pytest.mark.parametrize(
    "data",
    [
        b"Telefon;Kunde;phone\n+86 1;cams;x\n",
        b'{"telefon": "+86 1", "KUNDE": "cams", "phone_number": "9"}\n',
    ],
    ids=["csv", "jsonl"],
)
def test_columns_may_have_other_names(data: bytes) -> None:
    """A header is mapped, in any spelling of it."""
    columns = {"phone_number": "Telefon", "cust_space_id": "Kunde"}

    assert [("861", "cams")] == pairs(data, columns=columns)


def test_a_mapped_column_must_be_there() -> None:
    """The error shows both names."""
    data = b"phone_number,cust_space_id\n861,cams\n"

    text = refused(data, columns={"phone_number": "Telefon"})

    assert "no column phone_number in its header" in text
    assert "expected phone_number as 'telefon' and cust_space_id" in text


def test_only_known_columns_can_be_mapped() -> None:
    """A typing error must not go unseen."""
    with pytest.raises(ConfigurationError, match="'phone' is not phone_number or"):
        Plan(input=None, output=None, columns={"phone": "Telefon"})


async def test_another_mapping_is_another_job(tmp_path: Path) -> None:
    """Other columns mean other numbers, so the output must not be resumed."""
    (tmp_path / "in.csv").write_text("a,b,cust_space_id\n861,862,cams\n")
    responses = StatusSender()
    await work(plan(tmp_path, columns={"phone_number": "a"}), responses)

    again = await work(plan(tmp_path, columns={"phone_number": "a"}), responses)
    assert again.survey.resumed
    with pytest.raises(ConfigurationError, match="columns was"):
        await work(plan(tmp_path, columns={"phone_number": "b"}), responses)


@pytest.mark.parametrize("encode", TEXTS.values(), ids=TEXTS)
async def test_a_job_on_any_text_goes_on(
    encode: Callable[[str], bytes], tmp_path: Path
) -> None:
    """An input is identified by its bytes, and a row by its line."""
    (tmp_path / "in.csv").write_bytes(encode(CSV))
    done = plan(tmp_path)
    await work(done)
    assert done.output is not None
    first, *_ = done.output.read_bytes().splitlines(keepends=True)
    done.output.write_bytes(first)

    job = await work(done)

    assert job.survey.resumed
    assert FOUND == sorted((r.phone_number, r.cust_space_id) for r in written(done))


# The command


@pytest.fixture(scope="module")
def cams() -> Iterator[Emulator]:
    """Return an emulator with a few numbers."""
    with in_thread(Emulator(phone_numbers=3, qps=FAST)) as emulator:
        yield emulator


def status(cams: Emulator, *arguments: str, data: bytes) -> Any:
    """Run `cams-async status` on standard input."""
    asked = ["status", "-", "--endpoint", cams.endpoint, *arguments]
    return subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *asked],
        input=data,
        env=environment(cams),
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )


def test_the_command_reads_what_a_spreadsheet_writes(cams: Emulator) -> None:
    """UTF-16, `sep=`, lone carriage returns, other headers and `="..."` at once."""
    given = cams.phone_numbers[0]
    data = f'sep=;\rTelefon;Kunde\r"=""{given.phone_number}""";{given.cust_space_id}\r'
    columns = "--column phone_number=Telefon --column cust_space_id=Kunde --quiet"

    done = status(cams, *shlex.split(columns), data=data.encode("utf-16"))

    assert (0, b"") == (done.returncode, done.stderr)
    assert given.phone_number == json.loads(done.stdout)["phone_number"]


@pytest.mark.parametrize("raw", [[], ["--raw-csv"]], ids=["guarded", "raw"])
def test_the_command_guards_cells_unless_told_otherwise(
    raw: list[str],
    cams: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A spreadsheet program would take `-x` for a formula."""
    monkeypatch.setenv(KEY_ID, cams.credentials.access_key_id)
    monkeypatch.setenv(KEY_SECRET, cams.credentials.access_key_secret.reveal())
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("phone_number,cust_space_id\nnone,-x\n")

    code = main(
        ["status", str(source), "-o", str(output), "--endpoint", cams.endpoint, *raw]
    )

    _, line = output.read_text().splitlines()
    assert 3 == code
    assert line.startswith("2,none,-x," if raw else "2,none,'-x,")


def test_the_command_says_what_a_file_is(cams: Emulator) -> None:
    """One line, exit code 2, and nothing on standard output."""
    data, expected = OTHERS["numbers.xlsx"]

    done = status(cams, data=data)

    *_, line = done.stderr.decode().splitlines()
    assert (2, b"") == (done.returncode, done.stdout)
    assert line.startswith("cams-async: input: ")
    assert expected in line


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_that_is_no_input_is_left_alone(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A real file of each kind ends with 2, and no output is begun."""
    monkeypatch.chdir(tmp_path)
    for variable in (KEY_ID, KEY_SECRET):
        monkeypatch.setenv(variable, "key")
    data, expected = OTHERS[name]
    Path(name).write_bytes(data)

    code = main(["status", name, "-o", "out.jsonl", "--endpoint", "http://127.0.0.1:1"])

    assert 2 == code
    assert expected in capsys.readouterr().err
    assert [name] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize(
    "text", ["phone_number", "phone=x", "phone_number=", "cust_space_id= ", "=x"]
)
def test_a_bad_column_is_a_usage_error(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names what is expected."""
    with pytest.raises(SystemExit) as ended:
        main(["status", "a.csv", "--column", text])

    assert 2 == ended.value.code
    assert "argument --column: " in capsys.readouterr().err
