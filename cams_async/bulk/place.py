"""Whether a job can write where it is told to, before it reads a long input."""

import os
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from cams_async.bulk.journal import journal_path, load
from cams_async.bulk.output import refusal
from cams_async.errors import ConfigurationError


def check_place(path: Path, *, durable: bool) -> None:
    """Refuse an output that cannot be one.

    Raises:
        ConfigurationError: It is no regular file, or holds what is no job's.
    """
    try:
        if not path.parent.is_dir():
            raise refusal(path, "cannot be written: its directory does not exist")
        if path.exists() and not path.is_file():
            raise refusal(path, "is not a regular file")
        # Even where the output is new: its journal would replace what is there.
        journal = load(path) if durable else None
        if path.exists() and path.stat().st_size and journal is None:
            raise not_empty(path)
    except OSError as error:
        raise refusal(path, f"cannot be used: {error.strerror}") from error


def check_distinct(source: Path | BinaryIO, target: Path | BinaryIO) -> None:
    """Refuse an output, or a journal of one, that is the input under any name.

    Raises:
        ConfigurationError: It is.
    """
    targets = [target]
    if isinstance(target, Path) and target.name:
        targets.append(journal_path(target))
    mine = _status(source)
    for each in targets:
        its = _status(each)
        if mine is not None and its is not None and os.path.samestat(mine, its):
            name = repr(str(each)) if isinstance(each, Path) else "standard output"
            raise ConfigurationError(f"{name} is the input", field="output")


def _status(place: Path | BinaryIO) -> os.stat_result | None:
    """Return what identifies a regular file; None for anything else."""
    try:
        found = place.stat() if isinstance(place, Path) else os.fstat(place.fileno())
    except (OSError, ValueError, AttributeError):
        return None
    # A terminal is often input and output at once.
    return found if S_ISREG(found.st_mode) else None


def not_empty(path: Path) -> ConfigurationError:
    """Return the error for a foreign output."""
    return refusal(
        path, "is there, not empty, and has no journal to go on by: name another output"
    )
