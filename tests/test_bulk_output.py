"""The output file: written line by line, and repaired after a crash."""

import asyncio
import errno
import io
import os
import time
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cams_async.bulk import Format, Job, OutputError, Plan, Result
from cams_async.bulk import output as output_module
from cams_async.bulk.output import Output, ResumePoint, open_locked, repair
from cams_async.bulk.results import CSV_HEADER, decode, encode
from cams_async.errors import ConfigurationError
from tests.bulk_fakes import ROWS, StatusSender, plan, work, written
from tests.strategies import JSON, TEXT

FORMATS: list[Format] = ["jsonl", "csv"]

ANY = st.none() | TEXT | st.text("\r\n\0\"',;\\\ud800\u2028", max_size=9)

RESULTS = st.builds(
    Result,
    line=st.integers(1, 2**63 - 1),
    phone_number=ANY,
    cust_space_id=ANY,
    status=ANY,
    request_id=ANY,
    error=ANY,
    message=ANY,
    input=ANY,
)

both_formats = pytest.mark.parametrize("form", FORMATS)


# Lines


@given(result=RESULTS, form=st.sampled_from(FORMATS))
def test_a_result_is_one_line_whatever_it_holds(result: Result, form: Format) -> None:
    """Line ends, NULs and malformed text of the vendor must not damage an output."""
    data = encode(result, form)

    assert 1 == data.count(b"\n")
    read = decode(data, form)
    assert read is not None
    assert (result.line, bool(result.error)) == (read.line, bool(read.error))
    assert decode(data[:-1], form) is None


def test_line_ends_stay_visible_in_csv() -> None:
    """They are escaped, not dropped."""
    data = encode(Result(line=1, message='a\r\n"b"\0'), "csv")

    assert b'1,,,,,,"a\\r\\n""b""\\0",\n' == data


@given(st.binary() | JSON.map(lambda value: f"{value}".encode()))
def test_no_bytes_break_the_reading_of_a_line(data: bytes) -> None:
    """The file may hold any bytes."""
    for form in FORMATS:
        assert decode(data + b"\n", form) is None or data[:1] in b' \t\r{"0123456789+-'


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"{}",
        b'{"line": "1", "error": null}',
        b'{"line": true, "error": null}',
        b'{"line": 1.0, "error": null}',
        b'{"line": 1}',
        b'{"line": 0, "error": null}',
        b'{"line": -1, "error": null}',
        b'{"line": 9223372036854775808, "error": null}',
        b'{"line": 1' + b"0" * 400 + b', "error": null}',
        b'{"line": 1' + b"0" * 5000 + b', "error": null}',
        b'{"line": 1e999, "error": null}',
        b'{"line": 1, "error": 5}',
        b'{"line": 1, "error": ["x"]}',
        b'{"line": 1, "error": null, "status": {}}',
        b'{"line": 1, "error": null, "line": 2}',
        b"[" * 9**5,
        b'{"line": ' + b"[" * 9**5,
        b'{"line": 1, "error": null, "x": ' + b"[" * 9**5,
    ],
    ids=lambda line: line[:40].decode(),
)
async def test_other_json_is_no_line(tmp_path: Path, line: bytes) -> None:
    """Only what this program writes counts as done; a job refuses the rest."""
    assert decode(line + b"\n", "jsonl") is None
    await check_refused(plan(tmp_path), line)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"2",
        b"x,,,,,,,",
        b"+2,,,,,,,",
        b" 2,,,,,,,",
        b"2_0,,,,,,,",
        b"02,,,,,,,",
        "٢,,,,,,,".encode(),
        b"0,,,,,,,",
        b"-2,,,,,,,",
        b"9223372036854775808,,,,,,,",
        b"1" * 400 + b",,,,,,,",
        b"1" * 5000 + b",,,,,,,",
        b"2,,,,,,,,",
        b'2,"a,,,,,',
        b"2," + b"x" * 200_000 + b",,,,,,",
        b"\xff,,,,,,,",
    ],
    ids=lambda line: line[:20].hex(),
)
async def test_other_csv_is_no_line(tmp_path: Path, line: bytes) -> None:
    """As above."""
    assert decode(line + b"\n", "csv") is None
    await check_refused(plan(tmp_path, format="csv"), line)


async def check_refused(done: Plan, line: bytes) -> None:
    """Put a line into an output, and find that the job does not go on."""
    await work(done)
    assert done.output is not None
    whole = done.output.read_bytes() + line + b"\n"
    done.output.write_bytes(whole)

    with pytest.raises(ConfigurationError, match="cannot be read"):
        await work(done)

    assert whole == done.output.read_bytes()


# Healing


async def outcome(folder: Path, form: Format) -> tuple[Plan, bytes]:
    """Return a job that is done, and its output."""
    done = plan(folder, format=form)
    await work(done)
    assert done.output is not None
    return done, done.output.read_bytes()


async def check_cut(done: Plan, left: bytes) -> None:
    """Go on with what is left of an output, and find each row once."""
    assert done.output is not None
    done.output.write_bytes(left)
    responses = StatusSender()

    job = await work(done, responses)

    assert sorted(result.line for result in written(done)) == ROWS
    assert (len(ROWS), 1) == (job.done, job.failed)
    assert max(responses.requested.values(), default=0) <= 1


@both_formats
async def test_an_output_cut_anywhere_is_repaired(tmp_path: Path, form: Format) -> None:
    """A line that was torn by a crash is written again, and no other."""
    done, whole = await outcome(tmp_path, form)

    for end in range(0, len(whole), 7):
        await check_cut(done, whole[:end])


@pytest.mark.slow
@both_formats
async def test_an_output_cut_at_each_byte_is_repaired(
    tmp_path: Path, form: Format
) -> None:
    """The same at every single position, also with the NULs of a power failure."""
    done, whole = await outcome(tmp_path, form)

    for end in range(len(whole)):
        await check_cut(done, whole[:end])
        await check_cut(done, whole[:end] + b"\0" * 5000)


@both_formats
@pytest.mark.parametrize(
    "tail", [b"\0" * 9000, b"1,\0\n\0\0\n", b'{"line": 3, "ph', b"7,86"]
)
async def test_a_damaged_tail_is_cut_off(
    tmp_path: Path, form: Format, tail: bytes
) -> None:
    """That is what a power failure leaves."""
    done, whole = await outcome(tmp_path, form)

    await check_cut(done, whole + tail)
    assert done.output is not None
    assert whole == done.output.read_bytes()


@both_formats
@pytest.mark.parametrize(
    ("place", "damage"),
    [
        (2, b"what is this?\n"),
        (2, b"\0\0\0\n"),
        (2, None),
        (1, b"\n"),
        (None, b"what is this?\n"),
        (None, b'{"line": 99, "error": null}\n'),
        (None, b"99,,,,,,\n"),
        (None, b"x" * 2**21),
    ],
    ids=["text", "nuls", "twice", "blank", "end", "json", "csv", "long"],
)
async def test_what_no_crash_leaves_is_left_alone(
    tmp_path: Path, form: Format, place: int | None, damage: bytes | None
) -> None:
    """A damaged line in the middle was edited by hand and is not repaired."""
    done, whole = await outcome(tmp_path, form)
    lines = whole.splitlines(keepends=True)
    place = len(lines) if place is None else place
    lines.insert(place, lines[1] if damage is None else damage)
    assert done.output is not None
    done.output.write_bytes(b"".join(lines))

    with pytest.raises(ConfigurationError, match=rf"has a line {place + 1} that"):
        await work(done)

    assert b"".join(lines) == done.output.read_bytes()


def test_a_file_that_cannot_be_cut_is_refused(tmp_path: Path) -> None:
    """Lines after half a line could not be read."""
    path = tmp_path / "out"
    with Disk(path, "a+") as disk:
        disk.stuck = True
        with pytest.raises(ConfigurationError, match="cannot be repaired"):
            repair(disk, path, ResumePoint(end=1))


# Writing


class Disk(io.FileIO):
    """A file on a disk that takes only so many bytes."""

    room = 0
    stuck = False

    def write(self, data: Any, /) -> int:
        """Write what there is room for."""
        part = bytes(data)[: self.room]
        if not part:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= len(part)
        return super().write(part)

    def truncate(self, size: int | None = None, /) -> int:
        """Cut, unless that fails too."""
        if self.stuck:
            raise OSError(errno.EIO, "Input/output error")
        return super().truncate(size)


def on_disk(path: Path, *, room: int, stuck: bool = False) -> tuple[Disk, Output]:
    """Open an output on such a disk."""
    disk = Disk(path, "a+")
    disk.room, disk.stuck = room, stuck
    return disk, Output(disk, form="jsonl", path=path, end=0)


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    """A partial line is removed, so that the file stays readable."""
    line = encode(Result(line=1), "jsonl")
    disk, output = on_disk(tmp_path / "out", room=len(line) + 20)
    with disk:
        output.write([Result(line=1)])
        with pytest.raises(OutputError, match="No space left on device"):
            output.write([Result(line=2), Result(line=3)])

    assert line == (tmp_path / "out").read_bytes()


def test_half_a_line_that_stays_is_repaired_later(tmp_path: Path) -> None:
    """On a disk that fails altogether the error is still the first one."""
    disk, output = on_disk(tmp_path / "out", room=20, stuck=True)
    with disk, pytest.raises(OutputError, match="No space left on device"):
        output.write([Result(line=2)])

    assert 20 == (tmp_path / "out").stat().st_size


def test_the_disk_is_asked_to_keep_it_once_a_second_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for each line would make ten thousand lines slow."""
    now = 100.0
    kept: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def keep(_: int) -> None:
        kept.append(now)

    monkeypatch.setattr(os, "fsync", keep)
    disk, output = on_disk(tmp_path / "out", room=10_000)
    with disk:
        for _ in range(50):
            output.write([Result(line=1)])
            now += 0.125

    assert [101, 102, 103, 104, 105, 106] == kept


def test_a_disk_that_does_not_keep_it_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed flush must not pass for a safe output."""

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    disk, output = on_disk(tmp_path / "out", room=10)
    with disk, pytest.raises(OutputError, match="Input/output error"):
        output.sync()


def test_a_stream_is_flushed_and_never_synced() -> None:
    """Standard output may be a pipe, whose reader needs each line at once."""
    below = io.BytesIO()
    output = Output(cast("BinaryIO", io.BufferedWriter(below)), form="csv")

    output.write_header()
    output.sync()

    assert CSV_HEADER == below.getvalue()


# Claiming


def test_only_one_run_may_write(tmp_path: Path) -> None:
    """Two would double every row."""
    path = tmp_path / "out"

    with (
        open_locked(path),
        pytest.raises(ConfigurationError, match="in use by another run"),
    ):
        open_locked(path)
    open_locked(path).close()


def test_without_locks_runs_are_not_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every system has them; the job works even so."""
    monkeypatch.setattr(output_module, "_fcntl", None)

    with open_locked(tmp_path / "out"), open_locked(tmp_path / "out"):
        pass


def open_full() -> BinaryIO:
    """Open a disk without room."""
    return Path("/dev/full").open("wb", buffering=0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
async def test_a_full_standard_output_ends_the_job(tmp_path: Path) -> None:
    """Promptly: no task is left behind, and no call is made in vain."""
    responses = StatusSender()
    with open_full() as full:
        async with Job(plan(tmp_path, output=None), stdout=full) as job:
            with pytest.raises(OutputError, match=r"standard output.*No space left"):
                await job.run(responses)

    assert not responses.requested
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.skipif(os.name != "posix", reason="no non-blocking pipes there")
def test_a_pipe_that_does_not_wait_is_an_error_when_it_is_full() -> None:
    """A full pipe raises an error rather than looping for ever."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with open(reading, "rb"), open(writing, "wb", buffering=0) as pipe:  # noqa: PTH123 - descriptors
        output = Output(pipe, form="jsonl")
        row = Result(line=1, message="x" * 2000)
        with pytest.raises(OutputError, match="temporarily unavailable"):
            output.write([row] * 1000)
