"""The journal: identity of a job, and the outputs that are refused."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cams_async.bulk import Job, Watching, store
from cams_async.bulk.journal import Journal, journal_path, load, save
from cams_async.bulk.output import open_locked
from cams_async.errors import ConfigurationError
from tests.bulk_fakes import INPUT, ROWS, StatusSender, plan, work, written
from tests.strategies import JSON, TEXT

JOURNALS = st.builds(
    Journal,
    command=TEXT,
    input=st.dictionaries(TEXT, JSON, max_size=3),
    options=st.dictionaries(TEXT, JSON, max_size=3),
    began=st.floats(allow_nan=False, allow_infinity=False),
    finished=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)


def refused(folder: Path, **options: Any) -> Callable[[str], Any]:
    """Return a check that a job is refused with a given message."""

    async def check(why: str) -> None:
        with pytest.raises(ConfigurationError, match=why):
            await work(plan(folder, **options))

    return check


@settings(max_examples=20)  # each waits for the disk
@given(journal=JOURNALS)
def test_a_journal_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, journal: Journal
) -> None:
    """Otherwise a job would be refused for a change that never was."""
    output = tmp_path_factory.getbasetemp() / "kept"

    save(output, journal)

    assert journal == load(output)


@given(
    content=st.binary()
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.just(b"[" * 9**5)
)
def test_whatever_is_no_journal_is_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Foreign or partial files must not be taken for a journal."""
    output = tmp_path_factory.getbasetemp() / "out"
    journal_path(output).write_bytes(content)

    with pytest.raises(ConfigurationError, match="not a journal of this version"):
        load(output)


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    """A later version may have another meaning."""
    output = tmp_path / "out"
    save(output, Journal(command="status", input={}, options={}, began=1.0))
    path = journal_path(output)
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))

    with pytest.raises(ConfigurationError, match="not a journal of this version"):
        load(output)


def test_a_journal_that_cannot_be_written_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it, or nothing; a draft would only confuse."""

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    journal = Journal(command="status", input={}, options={}, began=1.0)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        save(tmp_path / "out", journal)

    assert [] == list(tmp_path.iterdir())


def test_a_journal_that_has_no_room_for_a_draft_is_refused(tmp_path: Path) -> None:
    """Its name may be as long as names can be."""
    output = tmp_path / ("n" * 245)
    journal = Journal(command="status", input={}, options={}, began=1.0)

    with pytest.raises(ConfigurationError, match="cannot be written: File name too"):
        save(output, journal)

    assert [] == list(tmp_path.iterdir())


def test_a_journal_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """A journal may exist without its output."""
    journal_path(tmp_path / "out").mkdir()

    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path / "out")


# Jobs


async def test_the_same_job_goes_on(tmp_path: Path) -> None:
    """Nothing is left to do, and the outcome is that of the first time."""
    first = await work(plan(tmp_path))
    responses = StatusSender()
    second = await work(plan(tmp_path), responses)

    assert not first.survey.resumed
    assert second.survey.resumed
    assert (first.done, first.failed) == (second.done, second.failed) == (6, 1)
    assert not responses.requested


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"cust_space_id": "cams-9"}, 'cust_space_id was null, now "cams-9"'),
        ({"format": "csv", "output": "out.jsonl"}, 'format was "jsonl", now "csv"'),
        ({"identity": {"region": "b"}}, 'region was "a", now "b"'),
        ({"identity": {}}, 'region was "a", now null'),
        ({"watch": Watching()}, 'the command was "status", now "watch"'),
    ],
)
async def test_another_job_is_refused(
    tmp_path: Path, options: dict[str, Any], why: str
) -> None:
    """Half of an output by one rule and half by another is worth nothing."""
    given = {"identity": {"region": "a"}}
    await work(plan(tmp_path, **given))
    before = (tmp_path / "out.jsonl").read_bytes()
    if "output" in options:
        options = options | {"output": tmp_path / options["output"]}

    check = refused(tmp_path, **given | options)

    await check(rf"to another job: .*{why}.* Restart it \(--restart\) to delete")
    assert before == (tmp_path / "out.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("watching", "why"),
    [
        (Watching(until=frozenset({"EXPIRED"})), "until was"),
        (Watching(every=(1.0, 2.0)), "every was"),
        (Watching(deadline=9.0), "deadline was"),
    ],
)
async def test_another_watch_is_refused(
    tmp_path: Path, watching: Watching, why: str
) -> None:
    """Its options matter as much."""
    statuses = frozenset({"VERIFIED", "NOT_VERIFIED"})
    await work(plan(tmp_path, watch=Watching(until=statuses)))

    await refused(tmp_path, watch=watching)(why)


async def test_a_changed_input_is_refused(tmp_path: Path) -> None:
    """Its lines may be others now."""
    await work(plan(tmp_path))
    (tmp_path / "in.csv").write_text(INPUT + "8613800000009,cams-1\n")

    await refused(tmp_path)("the input has changed")


async def test_a_job_whose_output_was_removed_starts_again(tmp_path: Path) -> None:
    """Removing an output starts again, even with an old journal of another input."""
    await work(plan(tmp_path))
    (tmp_path / "out.jsonl").unlink()
    (tmp_path / "in.csv").write_text(INPUT + "\n")

    job = await work(plan(tmp_path))

    assert not job.survey.resumed
    assert ROWS == sorted(result.line for result in written(plan(tmp_path)))
    assert (await work(plan(tmp_path))).survey.resumed


async def test_a_job_killed_before_its_first_row_goes_on(tmp_path: Path) -> None:
    """Both files are there by then, the output without a line."""
    async with Job(plan(tmp_path)):
        pass
    job = await work(plan(tmp_path))

    assert job.survey.resumed
    assert 6 == job.done


async def test_an_output_without_a_journal_is_left_alone(tmp_path: Path) -> None:
    """It may be precious."""
    (tmp_path / "out.jsonl").write_text("my thesis")

    await refused(tmp_path)("exists, is not empty, and has no journal")

    assert "my thesis" == (tmp_path / "out.jsonl").read_text()


async def test_an_empty_output_without_a_journal_is_taken(tmp_path: Path) -> None:
    """`mktemp` makes such files, and so does a kill before the journal is written."""
    (tmp_path / "out.jsonl").touch()

    assert 6 == (await work(plan(tmp_path))).done


async def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    """The second would double the rows of the first."""
    async with Job(plan(tmp_path)) as job:
        await refused(tmp_path)("in use by another run")
        await job.run(StatusSender())

    assert ROWS == sorted(result.line for result in written(plan(tmp_path)))


async def test_an_output_that_appears_meanwhile_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a long input takes a while, in which another run may have ended."""

    def claim_late(path: Path) -> BinaryIO:
        path.write_text("theirs")
        return open_locked(path)

    monkeypatch.setattr(store, "open_locked", claim_late)
    with pytest.raises(ConfigurationError, match="no journal"):
        await work(plan(tmp_path))

    assert "theirs" == (tmp_path / "out.jsonl").read_text()
