"""What is asked of a job, and what it finds before it begins."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from attrs import Attribute, field, frozen

from cams_async.bulk.results import Format
from cams_async.bulk.rows import COLUMNS
from cams_async.errors import ConfigurationError
from cams_async.operations import (
    ChatappSyncPhoneNumber,
    GetPhoneNumberVerificationStatus,
)
from cams_async.poller.watch import EVERY, checked_deadline, checked_every

Strategy: TypeAlias = Literal["per_number", "per_space"]
"""One call for each phone number, or one for all numbers of a space."""


@frozen(kw_only=True)
class Watching:
    """How to ask again and again, as for `cams_async.poller.watch`."""

    until: frozenset[str] = frozenset({"VERIFIED"})
    """The statuses that end the watch of a number."""

    every: tuple[float, float] = field(default=EVERY, converter=checked_every)
    """Seconds between two questions for a number: at first, and at most."""

    deadline: float | None = field(default=None, converter=checked_deadline)
    """Seconds after which the job ends, restarts included; None for never."""


def _filled(_: object, attribute: "Attribute[Any]", value: Any) -> None:
    if value is not None and not value.strip():
        raise ConfigurationError("must be a non-empty string", field=attribute.name)


def _only_known_columns(_: object, attribute: "Attribute[Any]", value: Any) -> None:
    if unknown := set(value) - set(COLUMNS):
        expected = f"{unknown.pop()!r} is not {' or '.join(COLUMNS)}"
        raise ConfigurationError(expected, field=attribute.name)


@frozen(kw_only=True)
class Plan:
    """What is asked of a job."""

    input: Path | None
    """A CSV or JSON Lines file; None for standard input."""

    output: Path | None
    """A file; None for standard output."""

    format: Format = "jsonl"
    """How the output is written."""

    cust_space_id: str | None = field(default=None, validator=_filled)
    """The space of the rows that name none."""

    columns: Mapping[str, str] = field(
        factory=dict[str, str], validator=_only_known_columns
    )
    """Names in the input, by `phone_number` or `cust_space_id`, that differ."""

    raw_csv: bool = False
    """Whether a CSV output has cells that spreadsheet programs take for formulas."""

    watch: Watching | None = None
    """How to watch; None to ask once."""

    restart: bool = False
    """Whether to delete the rows of a former run, if its journal is there, and begin
    again."""

    identity: Mapping[str, str | None] = field(factory=dict[str, str | None])
    """What else must not change between two runs, such as the endpoint. It is written
    into the journal: no secrets."""

    @property
    def durable(self) -> bool:
        """Whether the job can go on after it was killed: both are files."""
        return self.input is not None and self.output is not None


@frozen(kw_only=True)
class Survey:
    """What a job has found in its input and its output before it begins."""

    rows: int
    """Rows of the input, bad ones and duplicates included."""

    bad: int
    """Rows that cannot be asked for."""

    duplicates: int
    """Rows that want what an earlier row wants."""

    numbers: int
    """Phone numbers, each counted once in each space."""

    spaces: int
    """Spaces that they are in."""

    numbers_left: int
    """Those of `numbers` that are still to be asked for."""

    spaces_left: int
    """Spaces that these are in."""

    done: int
    """Rows that former runs have written."""

    failed: int
    """Those of them that failed, bad ones included."""

    resumed: bool
    """Whether this goes on with a former run."""

    durable: bool
    """Whether the job can go on after it was killed."""

    finished: float | None = None
    """Time when a former run finished it, in seconds since 1970, or None."""


def cheaper(survey: Survey) -> Strategy:
    """Return the strategy that needs less time for what is left.

    One call for each of `numbers_left` stands against one for each of `spaces_left`;
    the documented ceilings of both actions are 10 calls per second. If in doubt it is
    `per_number`, which needs no more than read access.
    """
    each_number = survey.numbers_left / GetPhoneNumberVerificationStatus.qps
    each_space = survey.spaces_left / ChatappSyncPhoneNumber.qps
    return "per_space" if each_space < each_number else "per_number"
