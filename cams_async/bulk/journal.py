"""The journal: a small file beside the output that identifies its job."""

import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from errno import EINVAL
from pathlib import Path
from tempfile import mkstemp
from typing import Any, cast

from attrs import asdict, frozen

from cams_async.bulk.output import unusable

VERSION = 1

KINDS: Mapping[str, type[object]] = {
    "version": int,
    "command": str,
    "input": dict,
    "options": dict,
    "began": float,
}

MAX_JOURNAL_BYTES = 2**20
"""Upper bound for the bytes of a journal."""


@frozen(kw_only=True)
class Journal:
    """The identity of a job, and when it began."""

    command: str
    """`status` or `watch`."""

    input: Mapping[str, Any]
    """Size and SHA-256 of the input."""

    options: Mapping[str, Any]
    """All other settings that affect the results."""

    began: float
    """Time of the first start, in seconds since 1970."""

    finished: float | None = None
    """Time when the last row was written, in seconds since 1970; None until then."""


def journal_path(output: Path) -> Path:
    """Return the path of the journal of an output."""
    return output.with_name(output.name + ".journal")


def load(output: Path) -> Journal | None:
    """Read the journal of an output; return None if there is none.

    Raises:
        ConfigurationError: It cannot be read, or is not a journal.
    """
    path = journal_path(output)
    try:
        if path.is_symlink():
            raise unusable(path, "is a symbolic link, not a journal")
        journal = _parse(_read(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unusable(path, f"cannot be read: {error.strerror}") from error
    if journal is None:
        msg = "is not a journal of this version: remove it, or name another output"
        raise unusable(path, msg)
    return journal


def _read(path: Path) -> bytes:
    # Neither follow a symbolic link made since the check, nor wait for a pipe's writer.
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(
        path, "rb", opener=lambda name, mode: os.open(name, mode | flags)
    ) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(EINVAL, "it is not a regular file")
        return file.read(MAX_JOURNAL_BYTES + 1)


def _parse(data: bytes) -> Journal | None:
    try:
        content: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    values = cast("dict[str, Any]", content)
    # Journals of earlier versions have no such key.
    finished = values.pop("finished", None)
    if finished is not None and type(finished) is not float:
        return None
    kinds: dict[str, type] = {name: type(value) for name, value in values.items()}
    if kinds != KINDS or values.pop("version") != VERSION:
        return None
    return Journal(**values, finished=finished)


def save(output: Path, journal: Journal) -> None:
    """Write the journal of an output atomically.

    Raises:
        ConfigurationError: It cannot be written, or would replace another file.
    """
    load(output)
    path = journal_path(output)
    draft: Path | None = None
    try:
        # Readable by its owner only, with a unique name.
        descriptor, name = mkstemp(prefix=f"{path.name}.", dir=path.parent)
        draft = Path(name)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            content = {"version": VERSION, **asdict(journal)}
            file.write(json.dumps(content, indent=2).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        if draft is not None:
            draft.unlink(missing_ok=True)
        raise unusable(path, f"cannot be written: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    """Flush the names of new files to disk, where the system supports it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def compare(output: Path, former: Journal, now: Journal) -> None:
    """Check that two journals are of the same job.

    Raises:
        ConfigurationError: They differ; the message lists the differences.
    """
    differences = [
        f"{name} was {_as_json(old)}, now {_as_json(new)}"
        for name, old, new in _pairs(former, now)
        if old != new
    ]
    if former.input != now.input:
        differences.append("the input has changed")
    if differences:
        raise unusable(
            output,
            f"belongs to another job: {'; '.join(differences)}. Restart it "
            "(--restart) to delete its rows and begin again, or name another output",
        )


def _as_json(value: object) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        return "too deep to be shown"


def _pairs(former: Journal, now: Journal) -> list[tuple[str, Any, Any]]:
    old, new = former.options, now.options
    names = sorted({*old, *new})
    pairs = [(name, old.get(name), new.get(name)) for name in names]
    return [("the command", former.command, now.command), *pairs]
