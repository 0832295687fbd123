"""Phone numbers: what CAMS knows of them, and whether they are verified."""

from enum import StrEnum
from typing import ClassVar

from attrs import field, frozen

from cams_async.models import CodeVerificationStatus, Record, Response
from cams_async.operations.fields import international, phone_number, required
from cams_async.operations.operation import Operation

__all__ = [
    "CallHours",
    "Calling",
    "CallingConfigure",
    "ChatappSyncPhoneNumber",
    "GetPhoneNumberVerificationStatus",
    "HolidayHours",
    "MessagingLimitTier",
    "OperatingHours",
    "PhoneNumber",
    "PhoneNumberStatus",
    "PhoneNumbersResponse",
    "QualityRating",
    "VerificationStatus",
    "VerificationStatusResponse",
]


@frozen(kw_only=True, slots=False)
class VerificationStatus(Record):
    """The verification status of one phone number."""

    code_verification_status: CodeVerificationStatus | str
    """Whether the ownership of the number is verified."""

    phone_number: str | None = None
    """The number, with its country code; the vendor may mask it."""

    id: str | None = None
    """The vendor's id of the number."""


@frozen(kw_only=True, slots=False)
class VerificationStatusResponse(Response):
    """The answer of GetPhoneNumberVerificationStatus."""

    data: VerificationStatus
    """The number and its status."""


@frozen(kw_only=True)
class GetPhoneNumberVerificationStatus(Operation[VerificationStatusResponse]):
    """Tell whether the ownership of a phone number has been verified.

    Ask this before you request another verification code: a verification stays
    valid for about 14 days.

    Ceiling: 10 calls per second and account.
    RAM action: `cams:GetPhoneNumberVerificationStatus`, access level get.
    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getphonenumberverificationstatus
    """

    qps: ClassVar[float] = 10.0
    retry_safe: ClassVar[bool] = True

    phone_number: str = field(converter=international, validator=phone_number)
    """The number with its country code, in any usual spelling; kept as digits."""

    cust_space_id: str = field(validator=required)
    """The space of the customer that the number belongs to."""


class PhoneNumberStatus(StrEnum):
    """The state of a phone number. A value may also be any other `str`."""

    MIGRATED = "MIGRATED"
    FLAGGED = "FLAGGED"
    DISCONNECTED = "DISCONNECTED"
    UNVERIFIED = "UNVERIFIED"
    BANNED = "BANNED"
    RATE_LIMITED = "RATE_LIMITED"
    PENDING = "PENDING"
    CONNECTED = "CONNECTED"
    UNKNOWN = "UNKNOWN"
    DELETED = "DELETED"
    RESTRICTED = "RESTRICTED"
    OFFLINE = "OFFLINE"
    PAUSED = "PAUSED"


class QualityRating(StrEnum):
    """How recipients rate a number. A value may also be any other `str`."""

    GREEN = "GREEN"
    YELLOW = "YELLOW"
    RED = "RED"
    UNKNOWN = "UNKNOWN"


class MessagingLimitTier(StrEnum):
    """Recipients that a number may open conversations with in a day.

    A value may also be any other `str`.
    """

    TIER_50 = "TIER_50"
    TIER_250 = "TIER_250"
    TIER_1K = "TIER_1K"
    TIER_10K = "TIER_10K"
    TIER_100K = "TIER_100K"
    TIER_UNLIMITED = "TIER_UNLIMITED"


@frozen(kw_only=True, slots=False)
class OperatingHours(Record):
    """When calls are taken on one day of the week."""

    day_of_week: str | None = None
    """Such as `MONDAY`."""

    open_time: str | None = None
    """Hours and minutes, such as `0900`."""

    close_time: str | None = None
    """Hours and minutes, such as `2359`."""


@frozen(kw_only=True, slots=False)
class HolidayHours(Record):
    """When calls are taken on one holiday."""

    date: str | None = None
    """Such as `2026-01-01`."""

    start_time: str | None = None
    """Hours and minutes."""

    end_time: str | None = None
    """Hours and minutes."""


@frozen(kw_only=True, slots=False)
class CallHours(Record):
    """The hours in which a number takes calls."""

    status: str | None = None
    """Such as `ENABLED`."""

    timezone_id: str | None = None
    """Such as `Asia/Shanghai`."""

    weekly_operating_hours: tuple[OperatingHours, ...] = ()
    """One entry for each opening period of the week."""

    holiday_schedule: tuple[HolidayHours, ...] = ()
    """One entry for each holiday."""


@frozen(kw_only=True, slots=False)
class Calling(Record):
    """Whether and how a number takes calls."""

    status: str | None = None
    """Such as `ENABLED`."""

    call_icon_visibility: str | None = None
    """Such as `DEFAULT`."""

    callback_permission_status: str | None = None
    """Whether callers are asked for permission to be called back."""

    call_hours: CallHours | None = None
    """The hours in which calls are taken."""


@frozen(kw_only=True, slots=False)
class CallingConfigure(Record):
    """The calling settings of a number."""

    calling: Calling | None = None
    """Whether and how the number takes calls."""

    calling_callback_url: str | None = None
    """Where events of calls are sent."""

    max_talk_time: int | None = None
    """The longest call, as the vendor counts it."""


@frozen(kw_only=True, slots=False)
class PhoneNumber(Record):
    """What CAMS knows of one phone number."""

    phone_number: str
    """The number, with its country code; the vendor may mask it."""

    verified_name: str | None = None
    """The name that recipients see."""

    status: PhoneNumberStatus | str | None = None
    """The state of the number."""

    quality_rating: QualityRating | str | None = None
    """How recipients rate the number."""

    code_verification_status: CodeVerificationStatus | str | None = None
    """Whether the ownership of the number is verified."""

    messaging_limit_tier: MessagingLimitTier | str | None = None
    """Recipients that the number may open conversations with in a day."""

    name_status: str | None = None
    """The review of the name, such as `Approval`."""

    new_name_status: str | None = None
    """The review of the new name, such as `Approval`."""

    status_queue: str | None = None
    """The queue of delivery reports."""

    up_queue: str | None = None
    """The queue of incoming messages."""

    status_callback_url: str | None = None
    """Where delivery reports are sent."""

    up_callback_url: str | None = None
    """Where incoming messages are sent; the vendor's text may end in a newline."""

    is_official: str | None = None
    """`Y` for an official business account, `N` otherwise."""

    calling_configure: CallingConfigure | None = None
    """The calling settings of the number."""


@frozen(kw_only=True, slots=False)
class PhoneNumbersResponse(Response):
    """The answer of ChatappSyncPhoneNumber."""

    phone_numbers: tuple[PhoneNumber, ...]
    """All numbers of the space."""

    success: bool | None = None
    """True; an answer that says False is raised as an error."""


@frozen(kw_only=True)
class ChatappSyncPhoneNumber(Operation[PhoneNumbersResponse]):
    """Synchronise the phone numbers of a space with WhatsApp, and list them.

    Repeating it converges. It needs more than read access: the vendor's
    read-only policy does not cover it.

    Ceiling: 10 calls per second and account.
    RAM action: `cams:ChatappSyncPhoneNumber`, access level update.
    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-chatappsyncphonenumber
    """

    qps: ClassVar[float] = 10.0
    retry_safe: ClassVar[bool] = True

    cust_space_id: str = field(validator=required)
    """The space of the customer whose numbers are synchronised."""
