"""The journal: a small file beside the output that tells which job it belongs to."""

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

from cams_async.bulk.output import refusal

VERSION = 1

KINDS: Mapping[str, type[object]] = {
    "version": int,
    "command": str,
    "input": dict,
    "options": dict,
    "began": float,
}

MAX_JOURNAL_BYTES = 2**20
"""Bytes that no journal reaches."""


@frozen(kw_only=True)
class Journal:
    """What a job is, and when it began."""

    command: str
    """`status` or `watch`."""

    input: Mapping[str, Any]
    """Size and digest of the input."""

    options: Mapping[str, Any]
    """All else that the results depend on."""

    began: float
    """Time of the start, in seconds since 1970; resumptions do not change it."""

    finished: float | None = None
    """Time when every row had its line, in seconds since 1970; None until then."""


def journal_path(output: Path) -> Path:
    """Return where an output's journal is."""
    return output.with_name(output.name + ".journal")


def load(output: Path) -> Journal | None:
    """Read an output's journal; None where there is none.

    Raises:
        ConfigurationError: It cannot be read, or is none of ours.
    """
    path = journal_path(output)
    try:
        if path.is_symlink():
            raise refusal(path, "is a symbolic link, which no journal is")
        journal = _parse(_read(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refusal(path, f"cannot be read: {error.strerror}") from error
    if journal is None:
        msg = "is no journal of this version: remove it, or name another output"
        raise refusal(path, msg)
    return journal


def _read(path: Path) -> bytes:
    # Neither by way of a link that has just been made, nor to wait for a pipe's writer.
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(
        path, "rb", opener=lambda name, mode: os.open(name, mode | flags)
    ) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(EINVAL, "it is no regular file")
        return file.read(MAX_JOURNAL_BYTES + 1)


def _parse(data: bytes) -> Journal | None:
    try:
        content: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    values = cast("dict[str, Any]", content)
    # Journals did not always hold it.
    finished = values.pop("finished", None)
    if finished is not None and type(finished) is not float:
        return None
    kinds: dict[str, type] = {name: type(value) for name, value in values.items()}
    if kinds != KINDS or values.pop("version") != VERSION:
        return None
    return Journal(**values, finished=finished)


def save(output: Path, journal: Journal) -> None:
    """Write an output's journal: all of it, on the disk, or nothing.

    Raises:
        ConfigurationError: It cannot be written, or what is there is no journal.
    """
    load(output)
    path = journal_path(output)
    draft: Path | None = None
    try:
        # For its owner only, and under a name that nothing has.
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
        raise refusal(path, f"cannot be written: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    """Let the names of new files outlive a power failure, where that is possible."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def compare(output: Path, former: Journal, now: Journal) -> None:
    """Refuse to go on with another job's output.

    Raises:
        ConfigurationError: It is another's; says what differs.
    """
    differences = [
        f"{name} was {_shown(old)}, now {_shown(new)}"
        for name, old, new in _pairs(former, now)
        if old != new
    ]
    if former.input != now.input:
        differences.append("the input has changed")
    if differences:
        raise refusal(
            output,
            f"belongs to another job: {'; '.join(differences)}. Restart it "
            "(--restart) to delete its rows and begin again, or name another output",
        )


def _shown(value: object) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        return "too deep to be shown"


def _pairs(former: Journal, now: Journal) -> list[tuple[str, Any, Any]]:
    old, new = former.options, now.options
    names = sorted({*old, *new})
    pairs = [(name, old.get(name), new.get(name)) for name in names]
    return [("the command", former.command, now.command), *pairs]
