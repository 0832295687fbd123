"""The values that layers exchange and callers receive."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

from attrs import field, fields, frozen

from cams_async.config import is_positive, valid
from cams_async.errors import CallOutcome


@frozen(kw_only=True)
class Scope:
    """The unit of a rate limit: one action in one account and region."""

    account: str
    """The name that the rate limit is shared under."""

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
    """The state of a throttle for one scope."""

    ceiling: float
    """The most calls that the server may count in any second."""

    limit: float
    """The ceiling in force: lower for a while after the server throttled a call."""

    waiting: int
    """Calls in the queue."""

    in_flight: int
    """Calls that have a permit and no response yet."""

    cooling: int
    """Completed calls that the server may still count."""

    paused_for: float
    """Seconds until the end of a pause requested by the server; 0 for no pause."""


# A frozen class with slots takes twice as long to make: attrs has to call
# `object.__setattr__` for each value.
@frozen(kw_only=True, slots=False)
class Meta:
    """The attempts, the queue time and the HTTP status of a call."""

    attempts: int
    """The number of attempts, the successful one included."""

    waited: float
    """Seconds spent waiting for permits, over all attempts."""

    http_status: int
    """The HTTP status of the response."""


@frozen(kw_only=True)
class CallEvent:
    """Passed to every hook when a call finishes, successfully or not."""

    action: str
    """The CAMS action, verbatim."""

    attempts: int
    """The number of attempts."""

    waited: float
    """Seconds spent waiting for permits, over all attempts."""

    outcome: CallOutcome
    """The effect on the server; see `cams_async.errors.CallOutcome`."""

    code: str | None
    """`OK`, the vendor's error code, or None without either."""

    request_id: str | None
    """The vendor's id of the request, or None where the response has none."""


@frozen(kw_only=True, slots=False)
class Record:
    """A JSON object of a request or a response.

    A field without a default is required. In a request, fields that are None are left
    out.
    """

    extra: Mapping[str, Any] = field(factory=dict[str, Any])
    """Undocumented fields, by their names on the wire. In a response, optional fields
    with a value of another type than documented, too."""

    def __init_subclass__(cls) -> None:
        """Keep `__repr__`: attrs replaces it only where a class has none of its own."""
        super().__init_subclass__()
        setattr(cls, "__repr__", Record.__repr__)  # noqa: B010 - type checkers refuse the assignment

    def __repr__(self) -> str:
        shown = [
            f"{each.name}={getattr(self, each.name)!r}"
            for each in fields(type(self))
            if each.repr and (getattr(self, each.name) or each.name != "extra")
        ]
        return f"{type(self).__qualname__}({', '.join(shown)})"


class Content(ABC):
    """The base of typed contents of messages; see `cams_async.content`."""

    __slots__ = ()

    message_type: ClassVar[str]
    """The `message_type` of a message with such a content."""

    @abstractmethod
    def to_json(self) -> str:
        """Return the JSON text that is sent."""


@frozen(kw_only=True, slots=False)
class Response(Record):
    """The fields of every successful response. Failures are raised."""

    request_id: str
    """The id to give to the vendor's support, verbatim. Not always a UUID."""

    code: str | int
    """The vendor's code of success, verbatim; normally `OK`. Three actions
    return a number."""

    message: str | None = None
    """The vendor's text, verbatim. "None" and "SUCCESS" both stand for success."""

    access_denied_detail: str | Mapping[str, Any] | None = None
    """A placeholder word on success; the gateway makes it an object on denials."""

    success: bool | None = None
    """True, or None where the action has no such field. False is raised as an error."""

    meta: Meta | None = field(default=None, eq=False)
    """Facts about the call; None for a response that was not received by a call."""


class CodeVerificationStatus(StrEnum):
    """Whether the ownership of a phone number is verified.

    The vendor's lists differ, so a value may also be any other `str`.
    """

    NOT_VERIFIED = "NOT_VERIFIED"
    VERIFIED = "VERIFIED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    MORE_INFORMATION_REQUESTED = "MORE_INFORMATION_REQUESTED"
    REVOKED = "REVOKED"
