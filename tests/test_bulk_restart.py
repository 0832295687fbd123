"""Files that a job may overwrite or follow, and the detection of finished jobs."""

import asyncio
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cams_async.bulk import Format, Job, OutputError, Plan
from cams_async.bulk.journal import Journal, compare, journal_path, load, save
from cams_async.errors import ConfigurationError, NotFound, ThrottlingError
from tests.bulk_fakes import INPUT, ROWS, StatusSender, plan, work, written
from tests.clock import Clock

posix = pytest.mark.skipif(os.name != "posix", reason="files are other things there")


# What is not overwritten


def foreign_text(path: Path) -> None:
    """Create a foreign text file."""
    path.write_text("my thesis")


def foreign_json(path: Path) -> None:
    """Create a foreign JSON file."""
    path.write_text('{"version": 1}')


def foreign_link(path: Path) -> None:
    """Create a link to a foreign file."""
    target = path.with_name("target")
    target.write_text("my thesis")
    path.symlink_to(target)


def journal_link(path: Path) -> None:
    """Put a link to a true journal there, of another output."""
    content: dict[str, Any] = {
        "version": 1,
        "command": "c",
        "input": {},
        "options": {},
        "began": 1.0,
    }
    path.with_name("x").write_text(json.dumps(content))
    path.symlink_to(path.with_name("x"))


def dangling_link(path: Path) -> None:
    """Put a link there that leads nowhere yet."""
    path.symlink_to(path.with_name("nowhere"))


def folder(path: Path) -> None:
    """Put a directory there."""
    path.mkdir()


def pipe(path: Path) -> None:
    """Create a pipe without a writer."""
    os.mkfifo(path)


def huge(path: Path) -> None:
    """Put a very large file there, which takes no room."""
    with path.open("wb") as file:
        file.truncate(2**40)


Obstacle = Callable[[Path], None]


@posix
@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("restart", [True, False])
@pytest.mark.parametrize(
    "obstacle",
    [
        foreign_text,
        foreign_json,
        foreign_link,
        journal_link,
        dangling_link,
        folder,
        pipe,
        huge,
    ],
)
async def test_what_is_no_journal_is_left_alone(
    tmp_path: Path,
    obstacle: Obstacle,
    restart: bool,  # noqa: FBT001 - a table
    is_new: bool,  # noqa: FBT001 - a table
) -> None:
    """A symbolic link in the journal's place is refused, for new and old outputs."""
    job = plan(tmp_path, restart=restart)
    assert job.output is not None
    if not is_new:
        await work(job)
        journal_path(job.output).unlink()
    obstacle(journal_path(job.output))
    before = look(tmp_path)

    with pytest.raises(ConfigurationError, match=r"out\.jsonl\.journal"):
        await work(job)

    assert before == look(tmp_path)


def look(folder: Path) -> dict[str, Any]:
    """Return what is in a folder, links as links."""
    return {
        path.name: path.readlink()
        if path.is_symlink()
        else path.read_text()
        if path.is_file() and path.stat().st_size < 10**6
        else path.lstat().st_mode
        for path in folder.iterdir()
    }


@posix
async def test_a_draft_of_a_journal_follows_no_link(tmp_path: Path) -> None:
    """A link at a guessable name must not lead to an overwritten file."""
    foreign_link(tmp_path / "out.jsonl.journal.new")

    await work(plan(tmp_path))

    assert "my thesis" == (tmp_path / "target").read_text()


@pytest.mark.parametrize("link", [None, os.link, os.symlink])
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.journal"])
async def test_an_output_that_is_the_input_is_refused(
    tmp_path: Path, name: str, link: Callable[[Path, Path], None] | None
) -> None:
    """Under any name; its journal too, whatever the input holds."""
    source = tmp_path / (name if link is None else "in.csv")
    source.write_text(INPUT)
    if link is not None:
        link(source, tmp_path / name)
    job = plan(tmp_path, input=source, output=tmp_path / "out.jsonl")

    with pytest.raises(ConfigurationError, match="is the input") as caught:
        await work(job)

    assert "output" == caught.value.field
    assert INPUT == source.read_text()


@pytest.mark.parametrize("journal", [True, False])
async def test_a_standard_stream_that_is_the_other_file_is_refused(
    tmp_path: Path,
    journal: bool,  # noqa: FBT001 - a table
) -> None:
    """`status numbers.csv >> numbers.csv` would add rows to the input."""
    source = tmp_path / "in.csv"
    source.write_text(INPUT)
    with source.open("r+b", buffering=0) as stream:
        made = (
            Job(Plan(input=None, output=source), stdin=stream)
            if journal
            else Job(Plan(input=source, output=None), stdout=stream)
        )
        with pytest.raises(ConfigurationError, match="is the input"):
            async with made:
                pass

    assert INPUT == source.read_text()


@posix
@pytest.mark.parametrize("form", ["jsonl", "csv"])
async def test_new_files_are_their_owners_alone(tmp_path: Path, form: Format) -> None:
    """Other users cannot read the phone numbers."""
    job = plan(tmp_path, format=form)
    former = os.umask(0)
    try:
        await work(job)
    finally:
        os.umask(former)

    assert job.output is not None
    for path in (job.output, journal_path(job.output)):
        assert 0o600 == stat.S_IMODE(path.stat().st_mode)


@posix
async def test_an_output_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """Its owner has chosen it."""
    path = tmp_path / "out.jsonl"
    path.touch(0o640)
    path.chmod(0o640)

    await work(plan(tmp_path))

    assert 0o640 == stat.S_IMODE(path.stat().st_mode)


# Forged journals


@pytest.mark.parametrize(
    "change",
    [
        {"began": 1},
        {"began": "1.0"},
        {"finished": 1},
        {"finished": "yesterday"},
        {"finished": True},
        {"options": []},
        {"input": None},
        {"version": 1.0},
        {"more": 1},
    ],
    ids=str,
)
def test_a_journal_of_another_shape_is_none(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    """Its values must be of their types."""
    output = tmp_path / "out"
    save(output, Journal(command="status", input={}, options={}, began=1.0))
    path = journal_path(output)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    with pytest.raises(ConfigurationError, match="not a journal of this version"):
        load(output)


@pytest.mark.parametrize("value", [1e300, -1e300, float("nan"), float("inf")])
async def test_times_of_a_journal_may_be_anything(tmp_path: Path, value: float) -> None:
    """They are shown and compared, and no reason to fail."""
    job = plan(tmp_path)
    await work(job)
    assert job.output is not None
    path = journal_path(job.output)
    made_up = {"began": value, "finished": value}
    path.write_text(json.dumps(json.loads(path.read_text()) | made_up))

    assert (await work(job)).complete


def test_options_of_a_journal_may_be_deep(tmp_path: Path) -> None:
    """A foreign file that cannot be decoded is left unchanged."""
    deep: Any = None
    for _ in range(100_000):
        deep = [deep]
    former = Journal(command="status", input={}, options={"a": deep}, began=1.0)
    now = Journal(command="status", input={}, options={}, began=1.0)

    with pytest.raises(ConfigurationError, match="a was too deep to be shown"):
        compare(tmp_path / "out", former, now)


async def test_a_journal_of_a_former_version_is_read(tmp_path: Path) -> None:
    """Jobs go on after an upgrade."""
    job = plan(tmp_path)
    await work(job)
    assert job.output is not None
    path = journal_path(job.output)
    content = json.loads(path.read_text())
    del content["finished"]
    path.write_text(json.dumps(content))

    again = await work(job)

    assert again.survey.resumed
    assert again.survey.finished is None
    assert again.finished is not None


# Beginning again


async def test_a_restart_begins_again(tmp_path: Path) -> None:
    """Also with another input, or of another job."""
    await work(plan(tmp_path))
    (tmp_path / "in.csv").write_text(INPUT + "8613800000009,cams-1\n")
    responses = StatusSender()

    job = await work(plan(tmp_path, restart=True, cust_space_id="cams-9"), responses)

    assert not job.survey.resumed
    assert [*ROWS, 8] == sorted(each.line for each in written(plan(tmp_path)))
    assert 5 == responses.requested.total()


async def test_a_restart_of_nothing_begins(tmp_path: Path) -> None:
    """A script can always pass --restart."""
    assert (await work(plan(tmp_path, restart=True))).complete


async def test_a_restart_leaves_alone_what_is_no_jobs(tmp_path: Path) -> None:
    """Without a journal, the rows cannot be attributed to a job."""
    (tmp_path / "out.jsonl").write_text("my thesis")

    with pytest.raises(ConfigurationError, match="no journal to resume from"):
        await work(plan(tmp_path, restart=True))

    assert "my thesis" == (tmp_path / "out.jsonl").read_text()


async def test_a_restart_that_cannot_read_its_input_deletes_nothing(
    tmp_path: Path,
) -> None:
    """The former rows are all there is."""
    await work(plan(tmp_path))
    before = (tmp_path / "out.jsonl").read_bytes()
    (tmp_path / "in.csv").write_text("")

    with pytest.raises(ConfigurationError, match="is empty"):
        await work(plan(tmp_path, restart=True))

    assert before == (tmp_path / "out.jsonl").read_bytes()


async def test_a_finished_job_tells_when_it_finished(tmp_path: Path) -> None:
    """Each later start finds the same time."""
    first = await work(plan(tmp_path))
    second = await work(plan(tmp_path))
    third = await work(plan(tmp_path))

    assert first.survey.finished is None
    assert first.finished is not None
    assert first.finished == second.survey.finished == third.survey.finished


async def test_a_job_that_is_no_longer_finished_does_not_say_so(tmp_path: Path) -> None:
    """Rows whose lines were removed are written again."""
    first = await work(plan(tmp_path))
    output = tmp_path / "out.jsonl"
    output.write_text("".join(output.read_text().splitlines(keepends=True)[:-1]))

    async with Job(plan(tmp_path)) as job:
        assert job.survey.finished is None
        await job.run(StatusSender())
        assert job.finished is not None
        assert first.finished is not None
        assert job.finished >= first.finished


@pytest.mark.parametrize("form", ["jsonl", "csv"])
async def test_counts_after_a_resumption_are_the_whole_jobs(
    tmp_path: Path, form: Format
) -> None:
    """As if it had never ended."""
    job = plan(tmp_path, format=form)
    refused = NotFound("no", code="Some.Code")
    responses = StatusSender({"8613800000001": refused})
    whole = (await work(job, responses)).totals
    assert job.output is not None
    lines = job.output.read_bytes().splitlines(keepends=True)
    for kept in range(1, len(lines)):
        job.output.write_bytes(b"".join(lines[:kept]))
        resumed = (await work(job, responses)).totals
        assert (whole.done, whole.failed) == (resumed.done, resumed.failed)
        assert whole.statuses == resumed.statuses == {"VERIFIED": 1, "NOT_VERIFIED": 1}
        assert whole.errors == resumed.errors == {"InvalidRow": 1, "Some.Code": 3}
        assert whole.failures == resumed.failures
        assert 2 == whole.failures["Some.Code"]


# Outputs that are touched while a job runs


def removed(path: Path) -> None:
    """Remove it."""
    path.unlink()


def replaced(path: Path) -> None:
    """Put another file there, with the same rows."""
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


def emptied(path: Path) -> None:
    """Make it empty, as a shell's `>` does."""
    path.write_bytes(b"")


def extended(path: Path) -> None:
    """Write more into it."""
    with path.open("ab") as file:
        file.write(b"{}\n")


def moved_away(path: Path) -> None:
    """Remove its whole directory."""
    path.parent.rename(path.parent.with_name(path.parent.name + "-moved"))


@posix
@pytest.mark.parametrize("at", ["write", "sync"])
@pytest.mark.parametrize("touch", [removed, replaced, emptied, extended, moved_away])
async def test_an_output_that_is_touched_meanwhile_is_an_error(
    tmp_path: Path, touch: Callable[[Path], None], at: str
) -> None:
    """Rows in a removed output are not done, not even the last one."""
    (tmp_path / "job").mkdir()
    job = plan(tmp_path / "job")
    assert job.output is not None
    output = job.output
    async with Job(job) as running:
        store = running._store
        call = getattr(store, at)

        def touched(*values: Any) -> Any:
            touch(output)
            return call(*values)

        setattr(store, at, touched)
        with pytest.raises(OutputError, match="removed, replaced or changed"):
            await running.run(StatusSender())

        assert running.lost
        assert not running.complete
    assert asyncio.all_tasks() == {asyncio.current_task()}


# Flow control


def test_a_tenant_that_takes_everything_fails_no_row(
    clock: Clock, tmp_path: Path
) -> None:
    """However many rounds it takes, and though a number has a response now and then."""

    class Busy(StatusSender):
        async def send(self, operation: Any) -> Any:
            response = await super().send(operation)
            now = asyncio.get_running_loop().time()
            if operation.phone_number != "8613800000001" and now < until:
                raise ThrottlingError("no", code="Throttling.User", outcome="rejected")
            return response

    until = clock.monotonic() + 4 * 3600.0

    job = clock.run(work(plan(tmp_path), Busy()))

    assert (6, 1) == (job.done, job.failed)
    assert {"InvalidRow": 1} == job.totals.errors


async def test_a_stream_without_a_descriptor_is_no_file(tmp_path: Path) -> None:
    """It cannot be the input."""

    class Stream:
        def write(self, data: bytes) -> int:
            return len(data)

        def flush(self) -> None:
            pass

    stream: Any = Stream()
    async with Job(plan(tmp_path, output=None), stdout=stream) as job:
        await job.run(StatusSender())

    assert job.complete
    assert job.finished is not None
