"""Phone numbers: their verification, registration, state and webhooks."""

from enum import StrEnum
from typing import Literal

from attrs import frozen

from cams_async.models import CodeVerificationStatus, Record, Response
from cams_async.operations.fields import ClearableText, InternationalNumber
from cams_async.operations.operation import Operation
from cams_async.secret import Secret

__all__ = [
    "AddChatappPhoneNumber",
    "CallHours",
    "Calling",
    "CallingConfigure",
    "ChatappPhoneNumberDeregister",
    "ChatappPhoneNumberRegister",
    "ChatappSyncPhoneNumber",
    "ChatappVerifyAndRegister",
    "GetChatappVerifyCode",
    "GetPhoneNumberVerificationStatus",
    "GetPreValidatePhoneId",
    "GetPreValidatePhoneIdResponse",
    "HolidayHours",
    "MessagingLimitTier",
    "OperatingHours",
    "PhoneNumber",
    "PhoneNumberStatus",
    "PhoneNumbersResponse",
    "PreValidatedPhone",
    "QualityRating",
    "QueryChatappPhoneNumbers",
    "QueryChatappPhoneNumbersResponse",
    "SyncBusinessAppHistory",
    "UpdateAccountWebhook",
    "UpdatePhoneWebhook",
    "VerificationStatus",
    "VerificationStatusResponse",
]


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
    """Hours and minutes, such as `1800`."""


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

    call_icon_visibility: str | None = None
    """Returned by QueryChatappPhoneNumbers only; see the same field of `Calling`."""

    callback_permission_status: str | None = None
    """Returned by QueryChatappPhoneNumbers only; see the same field of `Calling`."""


@frozen(kw_only=True, slots=False)
class Calling(Record):
    """The settings of calls to a number."""

    status: str | None = None
    """Such as `ENABLED`."""

    call_icon_visibility: str | None = None
    """Such as `DEFAULT`. QueryChatappPhoneNumbers returns it in `call_hours`."""

    callback_permission_status: str | None = None
    """Whether callers are prompted for permission to be called back.

    QueryChatappPhoneNumbers returns it in `call_hours`.
    """

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


@frozen(kw_only=True)
class ChatappSyncPhoneNumber(Operation[PhoneNumbersResponse]):
    """Synchronise the phone numbers of a space with WhatsApp, and return them.

    Repeating the call is safe. It needs write access: the vendor's read-only RAM
    policy does not grant it.

    Args:
        cust_space_id: The space ID of the ISV's customer whose numbers are
            synchronised; not blank.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-chatappsyncphonenumber
    """

    cust_space_id: str


@frozen(kw_only=True, slots=False)
class QueryChatappPhoneNumbersResponse(Response):
    """The response of QueryChatappPhoneNumbers."""

    phone_numbers: tuple[PhoneNumber, ...]

    data: str | None = None
    """Undocumented."""


@frozen(kw_only=True)
class QueryChatappPhoneNumbers(Operation[QueryChatappPhoneNumbersResponse]):
    """List the phone numbers of a space with their status, limits and callbacks.

    The result is what CAMS stores. ChatappSyncPhoneNumber updates it from WhatsApp.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        isv_code: The ISV's code of authorisation. Kept as a `Secret`.
        status: Only numbers in this state. The vendor documents no values; its example
            is `VERIFIED`, which is no `PhoneNumberStatus`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-querychatappphonenumbers
    """

    cust_space_id: str | None = None
    isv_code: str | Secret | None = None
    status: str | None = None


@frozen(kw_only=True)
class AddChatappPhoneNumber(Operation[Response]):
    """Add a phone number to the WhatsApp Business account of a space.

    Next, GetChatappVerifyCode and ChatappVerifyAndRegister verify and register the
    number.

    Args:
        cc: The country code without `+`, such as `86`.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        phone_number: The national number, without its country code. The vendor implies
            this form by the separate `cc`.
        verified_name: The name that recipients see. WhatsApp reviews it.
        pre_validate_id: Deprecated.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-addchatappphonenumber
    """

    cc: str
    cust_space_id: str
    phone_number: str
    verified_name: str
    pre_validate_id: str | None = None


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
        phone_number: The number, country code first, in any usual spelling. Normalised
            to 1 to 15 digits.
        cust_space_id: The space ID of an ISV's customer or the instance ID of a direct
            customer; not blank.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getphonenumberverificationstatus
    """

    phone_number: InternationalNumber
    cust_space_id: str


@frozen(kw_only=True)
class GetChatappVerifyCode(Operation[Response]):
    """Send a verification code to a phone number by SMS or voice call.

    A number that GetPhoneNumberVerificationStatus reports as verified needs no code.
    Caution: every call sends a message or calls the number. Another code may invalidate
    the one before, and counts against WhatsApp's limit of codes.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        locale: The language of the message or call, such as `en_US`.
        phone_number: The business number, country code first, in any usual spelling.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getchatappverifycode
    """

    cust_space_id: str
    locale: str
    method: Literal["sms", "voice"]
    phone_number: InternationalNumber


@frozen(kw_only=True)
class ChatappVerifyAndRegister(Operation[Response]):
    """Verify a phone number by its one-time code, and register it.

    Precondition: GetChatappVerifyCode has sent the code. QueryChatappPhoneNumbers
    returns the state of the number afterwards.
    Caution: a code works once. After an unknown outcome,
    GetPhoneNumberVerificationStatus returns whether it was accepted.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        phone_number: The business number, country code first, in any usual spelling.
        verify_code: The code sent to the number, with its leading zeros. Kept as a
            `Secret`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-chatappverifyandregister
    """

    cust_space_id: str
    phone_number: InternationalNumber
    verify_code: str | Secret


@frozen(kw_only=True)
class ChatappPhoneNumberRegister(Operation[Response]):
    """Register a phone number whose ownership is verified already.

    GetPhoneNumberVerificationStatus returns whether it is; if not, use
    ChatappVerifyAndRegister.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        phone_number: The business number, country code first, in any usual spelling.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-chatappphonenumberregister
    """

    cust_space_id: str
    phone_number: InternationalNumber


@frozen(kw_only=True, slots=False)
class PreValidatedPhone(Record):
    """A purchased phone number whose ownership is verified already."""

    phone_number_id: str
    """The ID to select the number by in embedded signup."""

    phone_number: str | None = None
    """The number, country code first. The vendor may mask it."""


@frozen(kw_only=True, slots=False)
class GetPreValidatePhoneIdResponse(Response):
    """The response of GetPreValidatePhoneId."""

    data: PreValidatedPhone


@frozen(kw_only=True)
class GetPreValidatePhoneId(Operation[GetPreValidatePhoneIdResponse]):
    """Obtain the ID of a purchased phone number for embedded signup.

    With the ID, embedded signup requests no other verification code.
    Caution: the vendor does not document whether a code works more than once.

    Args:
        phone_number: The business number, country code first, in any usual spelling.
        verify_code: The code supplied when the number was purchased. Kept as a
            `Secret`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getprevalidatephoneid
    """

    phone_number: InternationalNumber
    verify_code: str | Secret


@frozen(kw_only=True)
class UpdatePhoneWebhook(Operation[Response]):
    """Set where the messages and delivery reports of a phone number are sent.

    QueryChatappPhoneNumbers returns the URLs and queues of a number.
    Caution: the vendor does not document whether fields that are left out keep their
    values.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        phone_number: The business number, country code first, in any usual spelling.
        http_flag: `Y` to post to the URLs, `N` not to.
        queue_flag: `Y` to send to queues of Simple Message Queue (formerly MNS), `N`
            not to.
        status_callback_url: The URL for delivery reports.
        up_callback_url: The URL for incoming messages.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updatephonewebhook
    """

    cust_space_id: str
    phone_number: InternationalNumber
    http_flag: Literal["Y", "N"] | None = None
    queue_flag: Literal["Y", "N"] | None = None
    status_callback_url: ClearableText | None = None
    up_callback_url: ClearableText | None = None


@frozen(kw_only=True)
class UpdateAccountWebhook(Operation[Response]):
    """Set where the reports of a WhatsApp Business account are sent.

    These are the reports of no single number; the vendor does not list them. No action
    returns the setting.
    Caution: the vendor does not document whether fields that are left out keep their
    values.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        http_flag: `Y` to post to the URL, `N` not to.
        queue_flag: `Y` to send to a queue of Simple Message Queue (formerly MNS), `N`
            not to.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updateaccountwebhook
    """

    cust_space_id: str
    http_flag: Literal["Y", "N"] | None = None
    queue_flag: Literal["Y", "N"] | None = None
    status_callback_url: ClearableText | None = None


@frozen(kw_only=True)
class SyncBusinessAppHistory(Operation[Response]):
    """Request the message history of a number used in the WhatsApp Business app.

    Precondition: UpdatePhoneWebhook and UpdateAccountWebhook have set the webhooks that
    receive the history.
    Caution: only the first call of a number has an effect.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        phone_number: The business number, country code first, in any usual spelling.
    """

    cust_space_id: str
    phone_number: InternationalNumber


@frozen(kw_only=True)
class ChatappPhoneNumberDeregister(Operation[Response]):
    """Remove a phone number from service.

    Caution: the number can no longer send or receive through CAMS. Register it again by
    ChatappPhoneNumberRegister or, if its verification has expired, by
    ChatappVerifyAndRegister.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        phone_number: The business number, country code first, in any usual spelling.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-chatappphonenumberderegister
    """

    cust_space_id: str
    phone_number: InternationalNumber
