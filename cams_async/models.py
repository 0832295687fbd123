"""The values that pass between the layers and out to the caller."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from cams_async.config import is_positive, valid
from cams_async.errors import CallOutcome


@frozen(kw_only=True)
class Scope:
    """What a ceiling is counted over: calls of one action in an account and region."""

    account: str
    """The name that the ceiling is shared under."""

    region: str
    """The region, or the origin where only an endpoint was given."""

    action: str
    """The CAMS action, verbatim."""

    qps: float = field(
        validator=valid(
            is_positive, "must be a finite number of calls per second above 0"
        )
    )
    """The ceiling in calls per second, above 0."""


@frozen(kw_only=True)
class Snapshot:
    """What a throttle is doing for one scope at this moment."""

    ceiling: float
    """The most calls that the server may count in any second."""

    limit: float
    """The ceiling in force: lower for a while after the server throttled a call."""

    waiting: int
    """Calls in the line."""

    in_flight: int
    """Calls that have had their turn and no answer yet."""

    cooling: int
    """Answered calls that the server may still be counting."""

    paused_for: float
    """Seconds until the pause that the server asked for ends; 0 where there is none."""


# An answer has many values, and a frozen class takes them twice as fast without slots:
# with them, attrs has to go through `object.__setattr__` for each.
@frozen(kw_only=True, slots=False)
class Meta:
    """How a call went."""

    attempts: int
    """How many times the request was sent, the successful time included."""

    waited: float
    """Seconds spent waiting for turns, over all attempts."""

    http_status: int
    """The HTTP status of the answer."""


@frozen(kw_only=True)
class CallEvent:
    """What a hook is told when a call has ended, well or not."""

    action: str
    """The CAMS action, verbatim."""

    attempts: int
    """How many times the request was sent."""

    waited: float
    """Seconds spent waiting for turns, over all attempts."""

    outcome: CallOutcome
    """What is known of the effect on the server."""

    code: str | None
    """`OK`, the vendor's error code, or None where no answer told one."""

    request_id: str | None
    """The vendor's id of the request, or None where no answer told one."""


@frozen(kw_only=True, slots=False)
class Record:
    """A JSON object of an answer. What it holds beyond its fields is in `extra`.

    A field without a default is required: without it the answer is of no use.
    """

    extra: Mapping[str, Any] = field(factory=dict[str, Any])
    """Fields that this version does not know, as they stood on the wire.

    Optional fields whose values are of another type than documented, too.
    """


@frozen(kw_only=True, slots=False)
class Response(Record):
    """What every answer has. A failure never becomes one: it is raised."""

    request_id: str
    """The id to give to the vendor's support, verbatim. Not always a UUID."""

    code: str
    """`OK`, or another of the vendor's words for success, verbatim."""

    message: str | None = None
    """The vendor's text, verbatim. "None" and "SUCCESS" both stand for success."""

    access_denied_detail: str | Mapping[str, Any] | None = None
    """A placeholder word on success; the gateway makes it an object on denials."""

    meta: Meta | None = field(default=None, eq=False)
    """How the call went; None for an answer that did not come from a call."""


class CodeVerificationStatus(StrEnum):
    """Whether the ownership of a phone number is verified.

    The vendor's own lists differ, so a value may also be any other `str`.
    """

    NOT_VERIFIED = "NOT_VERIFIED"
    VERIFIED = "VERIFIED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    MORE_INFORMATION_REQUESTED = "MORE_INFORMATION_REQUESTED"
    REVOKED = "REVOKED"
