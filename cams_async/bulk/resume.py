"""Opening the output of a job: start a new one, or resume an earlier run.

Everything is checked before anything is changed.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Any, BinaryIO

from attrs import frozen

from cams_async.bulk.journal import Journal, compare, journal_path, load, save
from cams_async.bulk.output import ResumePoint, repair, scan, unusable
from cams_async.bulk.plan import Plan
from cams_async.errors import ConfigurationError


def check_output(path: Path, *, durable: bool) -> None:
    """Check that a job can use an output, before it reads a long input.

    Raises:
        ConfigurationError: The output is not a regular file, or not that of a job.
    """
    try:
        if not path.parent.is_dir():
            raise unusable(path, "cannot be written: its directory does not exist")
        if path.exists() and not path.is_file():
            raise unusable(path, "is not a regular file")
        # Checked for a new output too, since saving a journal replaces that file.
        journal = load(path) if durable else None
        if path.exists() and path.stat().st_size and journal is None:
            raise _not_empty(path)
    except OSError as error:
        raise unusable(path, f"cannot be used: {error.strerror}") from error


def check_distinct(source: Path | BinaryIO, target: Path | BinaryIO) -> None:
    """Check that neither an output nor its journal is the input under another name.

    Raises:
        ConfigurationError: One of them is the input.
    """
    targets = [target]
    if isinstance(target, Path) and target.name:
        targets.append(journal_path(target))
    source_status = _regular_file_status(source)
    for each in targets:
        status = _regular_file_status(each)
        if source_status is None or status is None:
            continue
        if os.path.samestat(source_status, status):
            name = repr(str(each)) if isinstance(each, Path) else "standard output"
            raise ConfigurationError(f"{name} is the input", field="output")


def _regular_file_status(file: Path | BinaryIO) -> os.stat_result | None:
    try:
        found = file.stat() if isinstance(file, Path) else os.fstat(file.fileno())
    except (OSError, ValueError, AttributeError):
        return None
    # A terminal is often input and output at once.
    return found if S_ISREG(found.st_mode) else None


def _not_empty(path: Path) -> ConfigurationError:
    return unusable(
        path,
        "exists, is not empty, and has no journal to resume from: name another output",
    )


def new_journal(plan: Plan, digest: Mapping[str, Any], began: float) -> Journal:
    """Return the journal of a run that starts now."""
    watching = plan.watch
    options: dict[str, Any] = {
        **plan.identity,
        "cust_space_id": plan.cust_space_id,
        "format": plan.format,
    }
    if plan.columns:
        options["columns"] = dict(plan.columns)
    if watching is not None:
        options |= {
            "until": sorted(watching.until),
            "every": list(watching.every),
            "deadline": watching.deadline,
        }
    return Journal(
        command="status" if watching is None else "watch",
        input=digest,
        options=options,
        began=began,
    )


@frozen(kw_only=True)
class OpenedOutput:
    """The state of an output file when its job starts."""

    journal: Journal | None
    """The journal of the first run; None if the job cannot be resumed later."""

    resumed: bool
    """Whether an earlier run has left this output."""

    point: ResumePoint
    """The end and the counts of the rows that earlier runs have written."""


def start_or_resume(
    plan: Plan,
    path: Path,
    file: BinaryIO,
    journal: Journal,
    *,
    is_new: bool,
    mark_done: Callable[[int], bool],
) -> OpenedOutput:
    """Compare the journals, then scan the output and truncate a damaged end.

    Args:
        plan: The plan of the job.
        path: The path of the output.
        file: The output, opened and locked.
        journal: The journal of a run that starts now.
        is_new: Whether the output did not exist before.
        mark_done: As for `scan`.

    Raises:
        ConfigurationError: The output belongs to another job, or is damaged.
    """
    # A removed output means to start again, even if its journal is still there.
    former = load(path) if plan.durable and not is_new else None
    if former is None and file.tell():
        raise _not_empty(path)
    if plan.restart and former is not None:
        # Before the new journal, with which the old rows would count as done.
        repair(file, path, ResumePoint(end=0))
        former = None
    if former is not None:
        compare(path, former, journal)
    elif plan.durable:
        save(path, journal)
    point = scan(file, path, plan.format, mark_done)
    repair(file, path, point)
    kept = (former or journal) if plan.durable else None
    return OpenedOutput(journal=kept, resumed=former is not None, point=point)
