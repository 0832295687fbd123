"""Phone numbers: their settings, and the verification of their ownership."""

from enum import StrEnum

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
    """The number, country code first. The vendor may mask it."""

    id: str | None = None
    """The vendor's ID of the number."""


@frozen(kw_only=True, slots=False)
class VerificationStatusResponse(Response):
    """The response of GetPhoneNumberVerificationStatus."""

    data: VerificationStatus
    """The number and its status."""


@frozen(kw_only=True)
class GetPhoneNumberVerificationStatus(Operation[VerificationStatusResponse]):
    """Query whether the ownership of a phone number is verified.

    A verification stays valid for about 14 days. Query the status before you request
    another verification code.

    Args:
        phone_number: The number, country code first, in any usual spelling such as
            `+86 138-0000-0000`. Normalised to 1 to 15 digits.
        cust_space_id: The space ID of an ISV's customer or the instance ID of a direct
            customer; not blank.

    Raises:
        InvalidOperation: A field is blank or malformed. Nothing was sent.

    Rate limit: 10 calls per second and account.
    RAM action: `cams:GetPhoneNumberVerificationStatus`, access level get.
    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getphonenumberverificationstatus
    """

    phone_number: str = field(converter=international, validator=phone_number)
    cust_space_id: str = field(validator=required)


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
    """The rating of a number by its recipients. A value may also be any other `str`."""

    GREEN = "GREEN"
    YELLOW = "YELLOW"
    RED = "RED"
    UNKNOWN = "UNKNOWN"


class MessagingLimitTier(StrEnum):
    """The recipients with whom a number may open conversations in a day.

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
    """The opening hours for calls on one day of the week."""

    day_of_week: str | None = None
    """Such as `MONDAY`."""

    open_time: str | None = None
    """Hours and minutes, such as `0900`."""

    close_time: str | None = None
    """Hours and minutes, such as `2359`."""


@frozen(kw_only=True, slots=False)
class HolidayHours(Record):
    """The opening hours for calls on one holiday."""

    date: str | None = None
    """Such as `2026-01-01`."""

    start_time: str | None = None
    """Hours and minutes, such as `0900`."""

    end_time: str | None = None
    """Hours and minutes, such as `0900`."""


@frozen(kw_only=True, slots=False)
class CallHours(Record):
    """The opening hours for calls to a number."""

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
    """The settings of calls to a number."""

    status: str | None = None
    """Such as `ENABLED`."""

    call_icon_visibility: str | None = None
    """Such as `DEFAULT`."""

    callback_permission_status: str | None = None
    """Whether callers are prompted for permission to be called back."""

    call_hours: CallHours | None = None
    """The opening hours for calls."""


@frozen(kw_only=True, slots=False)
class CallingConfigure(Record):
    """The calling settings of a number."""

    calling: Calling | None = None
    """The settings of calls to the number."""

    calling_callback_url: str | None = None
    """The URL to which the vendor posts events of calls."""

    max_talk_time: int | None = None
    """The longest call. The vendor does not document the unit."""


@frozen(kw_only=True, slots=False)
class PhoneNumber(Record):
    """A phone number with its status, limits and callbacks."""

    phone_number: str
    """The number, country code first. The vendor may mask it."""

    verified_name: str | None = None
    """The name that recipients see."""

    status: PhoneNumberStatus | str | None = None
    """The state of the number."""

    quality_rating: QualityRating | str | None = None
    """The rating of the number by its recipients."""

    code_verification_status: CodeVerificationStatus | str | None = None
    """Whether the ownership of the number is verified."""

    messaging_limit_tier: MessagingLimitTier | str | None = None
    """The recipients with whom the number may open conversations in a day."""

    name_status: str | None = None
    """The review of the name, such as `Approval`."""

    new_name_status: str | None = None
    """The review of the new name, such as `Approval`."""

    status_queue: str | None = None
    """The queue of delivery reports."""

    up_queue: str | None = None
    """The queue of incoming messages."""

    status_callback_url: str | None = None
    """The URL to which the vendor posts delivery reports."""

    up_callback_url: str | None = None
    """The URL to which the vendor posts incoming messages. It may end in a newline."""

    is_official: str | None = None
    """`Y` for an official business account, `N` otherwise."""

    calling_configure: CallingConfigure | None = None
    """The calling settings of the number."""


@frozen(kw_only=True, slots=False)
class PhoneNumbersResponse(Response):
    """The response of ChatappSyncPhoneNumber."""

    phone_numbers: tuple[PhoneNumber, ...]
    """All numbers of the space."""

    success: bool | None = None
    """True. A response with False is raised as an error."""


@frozen(kw_only=True)
class ChatappSyncPhoneNumber(Operation[PhoneNumbersResponse]):
    """Synchronise the phone numbers of a space with WhatsApp, and return them.

    Repeating the call is safe. It needs write access: the vendor's read-only RAM
    policy does not grant it.

    Args:
        cust_space_id: The space ID of the ISV's customer whose numbers are
            synchronised; not blank.

    Raises:
        InvalidOperation: A field is blank or malformed. Nothing was sent.

    Rate limit: 10 calls per second and account.
    RAM action: `cams:ChatappSyncPhoneNumber`, access level update.
    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-chatappsyncphonenumber
    """

    cust_space_id: str = field(validator=required)
