"""The plan of a job, and the survey made before it starts."""

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
"""One request for each phone number, or one for all phone numbers of a space."""


@frozen(kw_only=True)
class Watching:
    """Options of a watch, as for `cams_async.poller.watch`."""

    until: frozenset[str] = frozenset({"VERIFIED"})
    """The statuses that end the watch of a phone number."""

    every: tuple[float, float] = field(default=EVERY, converter=checked_every)
    """Seconds between two requests for a phone number: at first, and at most."""

    deadline: float | None = field(default=None, converter=checked_deadline)
    """Seconds after which the job ends, restarts included; None for never."""


def _check_not_blank(_: object, attribute: "Attribute[Any]", value: Any) -> None:
    if value is not None and not value.strip():
        raise ConfigurationError("must be a non-empty string", field=attribute.name)


def _check_columns(_: object, attribute: "Attribute[Any]", value: Any) -> None:
    if unknown := set(value) - set(COLUMNS):
        expected = f"{unknown.pop()!r} is not {' or '.join(COLUMNS)}"
        raise ConfigurationError(expected, field=attribute.name)


@frozen(kw_only=True)
class Plan:
    """The plan of a job: its files and options."""

    input: Path | None
    """A CSV or JSON Lines file; None for standard input."""

    output: Path | None
    """A file; None for standard output."""

    format: Format = "jsonl"
    """The format of the output."""

    cust_space_id: str | None = field(default=None, validator=_check_not_blank)
    """Default space for rows without one."""

    columns: Mapping[str, str] = field(factory=dict[str, str], validator=_check_columns)
    """Column names in the input, by `phone_number` or `cust_space_id`, if different."""

    raw_csv: bool = False
    """Leave CSV cells unchanged that spreadsheet programs would execute as formulas."""

    watch: Watching | None = None
    """Options of a watch; None to request each phone number once."""

    restart: bool = False
    """Delete the rows of an earlier run, if its journal exists, and start again."""

    identity: Mapping[str, str | None] = field(factory=dict[str, str | None])
    """Other settings that must not change between runs, such as the endpoint. They are
    written to the journal: no secrets."""

    @property
    def durable(self) -> bool:
        """Whether the job can resume after a kill: input and output are files."""
        return self.input is not None and self.output is not None


@frozen(kw_only=True)
class Survey:
    """Counts of the input and the output of a job, made before it starts."""

    rows: int
    """Rows of the input, invalid ones and duplicates included."""

    bad: int
    """Invalid rows."""

    duplicates: int
    """Rows with the phone number and space of an earlier row."""

    numbers: int
    """Phone numbers, each counted once in each space."""

    spaces: int
    """Spaces of these phone numbers."""

    numbers_left: int
    """Phone numbers that are still to be requested."""

    spaces_left: int
    """Spaces of the phone numbers left."""

    done: int
    """Rows that earlier runs have written."""

    failed: int
    """Rows that earlier runs have written with an error, invalid ones included."""

    resumed: bool
    """Whether the job resumes an earlier run."""

    durable: bool
    """Whether the job can resume after a kill."""

    finished: float | None = None
    """Time when an earlier run finished, in seconds since 1970, or None."""


def cheaper(survey: Survey) -> Strategy:
    """Return the strategy that needs less time for the rows left.

    It compares one request for each of `numbers_left` with one for each of
    `spaces_left`, at the documented rate limits. On a tie it returns `per_number`,
    which requires read access only.
    """
    each_number = survey.numbers_left / GetPhoneNumberVerificationStatus.qps
    each_space = survey.spaces_left / ChatappSyncPhoneNumber.qps
    return "per_space" if each_space < each_number else "per_number"
