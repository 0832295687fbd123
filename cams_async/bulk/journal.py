"""The journal: a small file beside the output that tells which job it belongs to."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
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
    """When, in seconds since 1970; restarts do not change it."""


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
        journal = _parse(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refusal(path, f"cannot be read: {error.strerror}") from error
    if journal is None:
        raise refusal(path, f"is no journal of this version. {_anew(output)}")
    return journal


def _parse(data: bytes) -> Journal | None:
    try:
        content: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    values = cast("dict[str, Any]", content)
    kinds: dict[str, type] = {name: type(value) for name, value in values.items()}
    if kinds != KINDS or values.pop("version") != VERSION:
        return None
    return Journal(**values)


def save(output: Path, journal: Journal) -> None:
    """Write an output's journal: all of it, on the disk, or nothing.

    Raises:
        ConfigurationError: It cannot be written.
    """
    path = journal_path(output)
    draft = path.with_name(path.name + ".new")
    try:
        with draft.open("wb") as file:
            content = {"version": VERSION, **asdict(journal)}
            file.write(json.dumps(content, indent=2).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
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
        f"{name} was {json.dumps(old)}, now {json.dumps(new)}"
        for name, old, new in _pairs(former, now)
        if old != new
    ]
    if former.input != now.input:
        differences.append("the input has changed")
    if differences:
        raise refusal(
            output,
            f"belongs to another job: {'; '.join(differences)}. {_anew(output)}",
        )


def _pairs(former: Journal, now: Journal) -> list[tuple[str, Any, Any]]:
    old, new = former.options, now.options
    names = sorted({*old, *new})
    pairs = [(name, old.get(name), new.get(name)) for name in names]
    return [("the command", former.command, now.command), *pairs]


def _anew(output: Path) -> str:
    path = journal_path(output)
    return (
        f"To start anew remove {str(output)!r} and {str(path)!r}, "
        "or name another output"
    )
