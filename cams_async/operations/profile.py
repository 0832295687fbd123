"""Public information of a phone number: its profile, user name and prompts."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from attrs import frozen

from cams_async.models import Record, Response
from cams_async.operations.fields import ClearableText, InternationalNumber, Json
from cams_async.operations.operation import Operation
from cams_async.secret import Secret

__all__ = [
    "ConversationalAutomation",
    "ConversationalCommand",
    "DeleteWhatsappUserName",
    "DeleteWhatsappUserNameResponse",
    "GeneratePresignedUrl",
    "GeneratePresignedUrlResponse",
    "GetChatappPhoneNumberSetting",
    "GetChatappPhoneNumberSettingResponse",
    "GetChatappUploadAuthorization",
    "GetChatappUploadAuthorizationResponse",
    "GetConversationalAutomation",
    "GetConversationalAutomationResponse",
    "GetWhatsappUserName",
    "GetWhatsappUserNameResponse",
    "GetWhatsappUserNameSuggestions",
    "GetWhatsappUserNameSuggestionsResponse",
    "ModifyPhoneBusinessProfile",
    "PhoneBusinessProfile",
    "PhoneNumberSetting",
    "PresignedUrl",
    "QueryPhoneBusinessProfile",
    "QueryPhoneBusinessProfileResponse",
    "UpdateConversationalAutomation",
    "UpdateWhatsappUserName",
    "UpdateWhatsappUserNameResponse",
    "UploadAuthorization",
    "UserNameStatus",
    "WhatsappUserName",
]

_Status: TypeAlias = Literal["reserved", "approved"] | str

_Vertical: TypeAlias = (
    Literal[
        "APPAREL",
        "AUTO",
        "BEAUTY",
        "EDU",
        "ENTERTAIN",
        "EVENT_PLAN",
        "FINANCE",
        "GOVT",
        "GROCERY",
        "HEALTH",
        "HOTEL",
        "NONPROFIT",
        "OTHER",
        "PROF_SERVICES",
        "RESTAURANT",
        "RETAIL",
        "TRAVEL",
    ]
    | str
)


# The profile


@frozen(kw_only=True, slots=False)
class PhoneBusinessProfile(Record):
    """The profile that recipients see."""

    about: str | None = None
    """The line below the name."""

    description: str | None = None

    vertical: _Vertical | None = None
    """The industry of the business."""

    address: str | None = None

    email: str | None = None

    websites: tuple[str, ...] = ()

    profile_picture_url: str | None = None


@frozen(kw_only=True, slots=False)
class QueryPhoneBusinessProfileResponse(Response):
    """The response of QueryPhoneBusinessProfile."""

    data: PhoneBusinessProfile


@frozen(kw_only=True)
class QueryPhoneBusinessProfile(Operation[QueryPhoneBusinessProfileResponse]):
    """Query the profile that recipients see of a phone number.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        phone_number: The business number, country code first, in any usual spelling.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-queryphonebusinessprofile
    """

    cust_space_id: str
    phone_number: InternationalNumber


@frozen(kw_only=True)
class ModifyPhoneBusinessProfile(Operation[Response]):
    """Change the profile that recipients see of a phone number.

    Caution: the vendor does not document whether fields that are left out keep their
    values. QueryPhoneBusinessProfile returns all. The lengths below are those of
    WhatsApp.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        phone_number: The business number, country code first, in any usual spelling.
        about: The line below the name, 1 to 139 characters.
        address: The address, at most 256 characters.
        description: The description, at most 512 characters.
        email: The address for mail, at most 128 characters.
        profile_picture_url: The URL of a square image, at least 192 pixels wide.
        vertical: The industry of the business.
        websites: At most two, each with `http://` or `https://` and at most 256
            characters. An empty list removes them.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-modifyphonebusinessprofile
    """

    cust_space_id: str
    phone_number: InternationalNumber
    about: str | None = None
    address: ClearableText | None = None
    description: ClearableText | None = None
    email: ClearableText | None = None
    profile_picture_url: str | None = None
    vertical: _Vertical | None = None
    websites: Sequence[str] | None = None


# The user name


@frozen(kw_only=True, slots=False)
class GetWhatsappUserNameSuggestionsResponse(Response):
    """The response of GetWhatsappUserNameSuggestions."""

    data: tuple[str, ...]
    """The suggested user names."""


@frozen(kw_only=True)
class GetWhatsappUserNameSuggestions(Operation[GetWhatsappUserNameSuggestionsResponse]):
    """List the user names that WhatsApp suggests for a phone number.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        phone_number: The business number, country code first, in any usual spelling.
    """

    cust_space_id: str
    phone_number: InternationalNumber


@frozen(kw_only=True, slots=False)
class UserNameStatus(Record):
    """The state of a user name that was requested."""

    status: _Status | None = None
    """`approved` once users see the name, `reserved` before."""


@frozen(kw_only=True, slots=False)
class UpdateWhatsappUserNameResponse(Response):
    """The response of UpdateWhatsappUserName."""

    data: UserNameStatus


@frozen(kw_only=True)
class UpdateWhatsappUserName(Operation[UpdateWhatsappUserNameResponse]):
    """Set the user name of a phone number.

    A number has at most one user name, and a user name belongs to one number.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        phone_number: The business number, country code first, in any usual spelling.
        username: By WhatsApp's rules, 3 to 35 English letters, digits, periods and
            underscores, with at least one letter. It must not start with `www`, end
            like a domain, start or end with a period, or have two periods in a row.
        transfer_action: The action if another number of the same business has the user
            name: `none` to fail with code 147005, `force_transfer` to take it from that
            number. Default: `none`.
    """

    cust_space_id: str
    phone_number: InternationalNumber
    username: str
    transfer_action: Literal["none", "force_transfer"] | None = None


@frozen(kw_only=True, slots=False)
class WhatsappUserName(Record):
    """The user name of a phone number."""

    username: str | None = None

    status: _Status | None = None
    """`approved` once users see the name, `reserved` before."""


@frozen(kw_only=True, slots=False)
class GetWhatsappUserNameResponse(Response):
    """The response of GetWhatsappUserName."""

    data: WhatsappUserName


@frozen(kw_only=True)
class GetWhatsappUserName(Operation[GetWhatsappUserNameResponse]):
    """Query the user name of a phone number.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        phone_number: The business number, country code first, in any usual spelling.
    """

    cust_space_id: str
    phone_number: InternationalNumber


@frozen(kw_only=True, slots=False)
class DeleteWhatsappUserNameResponse(Response):
    """The response of DeleteWhatsappUserName."""

    data: bool | None = None
    """The vendor does not document the meaning beside `success`."""


@frozen(kw_only=True)
class DeleteWhatsappUserName(Operation[DeleteWhatsappUserNameResponse]):
    """Remove the user name of a phone number.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        phone_number: The business number, country code first, in any usual spelling.
    """

    cust_space_id: str
    phone_number: InternationalNumber


# Prompts and settings


@frozen(kw_only=True, slots=False)
class ConversationalCommand(Record):
    """A command that users can enter after a slash."""

    command_name: str | None = None
    """The name without its slash; by WhatsApp's rules, at most 32 characters."""

    command_description: str | None = None
    """The hint beside the name; by WhatsApp's rules, at most 256 characters."""


@frozen(kw_only=True)
class UpdateConversationalAutomation(Operation[Response]):
    """Set the prompts, commands and welcome event of a phone number.

    CAMS passes the call to Meta, whose own rate limit applies, too.
    Caution: the vendor does not document whether fields that are left out keep their
    values. GetConversationalAutomation returns all.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        phone_number: The business number, country code first, in any usual spelling.
        commands: The commands; by WhatsApp's rules, at most 30. An empty list removes
            them.
        enable_welcome_message: Whether an event is sent when a user opens a chat for
            the first time, so that you can greet the user.
        prompts: Texts that a user can tap in an empty chat; by WhatsApp's rules, at
            most 4 of at most 80 characters, without emojis. An empty list removes them.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updateconversationalautomation
    """

    cust_space_id: str
    phone_number: InternationalNumber
    commands: Sequence[ConversationalCommand | Json] | None = None
    enable_welcome_message: bool | None = None
    prompts: Sequence[str] | None = None


@frozen(kw_only=True, slots=False)
class ConversationalAutomation(Record):
    """The prompts, commands and welcome event of a phone number."""

    prompts: tuple[str, ...] = ()
    """Texts that a user can tap in an empty chat."""

    commands: tuple[ConversationalCommand, ...] = ()

    enable_welcome_message: bool | None = None
    """Whether an event is sent when a user opens a chat for the first time."""

    phone_number: str | None = None
    """The number, country code first. The vendor may mask it."""


@frozen(kw_only=True, slots=False)
class GetConversationalAutomationResponse(Response):
    """The response of GetConversationalAutomation."""

    data: ConversationalAutomation


@frozen(kw_only=True)
class GetConversationalAutomation(Operation[GetConversationalAutomationResponse]):
    """Query the prompts, commands and welcome event of a phone number.

    CAMS passes the call to Meta, whose own rate limit applies, too.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        phone_number: The business number, country code first, in any usual spelling.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getconversationalautomation
    """

    cust_space_id: str
    phone_number: InternationalNumber


@frozen(kw_only=True, slots=False)
class PhoneNumberSetting(Record):
    """Other settings of a phone number."""

    marketing_paused: Literal["Y", "N"] | str | None = None
    """`Y` if marketing messages are paused."""

    phone_number: str | None = None
    """The number, country code first. The vendor may mask it."""


@frozen(kw_only=True, slots=False)
class GetChatappPhoneNumberSettingResponse(Response):
    """The response of GetChatappPhoneNumberSetting."""

    model: PhoneNumberSetting


@frozen(kw_only=True)
class GetChatappPhoneNumberSetting(Operation[GetChatappPhoneNumberSettingResponse]):
    """Query whether the marketing messages of a phone number are paused.

    Args:
        phone_number: The business number, country code first, in any usual spelling.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
    """

    phone_number: InternationalNumber
    cust_space_id: str | None = None


# Files


@frozen(kw_only=True, slots=False)
class UploadAuthorization(Record):
    """Temporary credentials for Object Storage Service (OSS), and the place to use."""

    access_key_id: str

    access_key_secret: Secret

    security_token: Secret

    bucket_name: str

    end_point: str
    """The address of OSS, with or without `https://`, or even the bucket."""

    dir: str
    """The folder of the file: its key is `dir`, a slash, and a name of your choice."""

    expire: int | None = None
    """The validity of the credentials in seconds, such as 3600."""


@frozen(kw_only=True, slots=False)
class GetChatappUploadAuthorizationResponse(Response):
    """The response of GetChatappUploadAuthorization."""

    data: UploadAuthorization


@frozen(kw_only=True)
class GetChatappUploadAuthorization(Operation[GetChatappUploadAuthorizationResponse]):
    """Obtain temporary credentials to upload a file for messages and templates.

    Upload the file with them by any client of Object Storage Service (OSS). CAMS can
    then read it by its plain URL, which messages and templates accept.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getchatappuploadauthorization
    """

    cust_space_id: str


@frozen(kw_only=True, slots=False)
class PresignedUrl(Record):
    """The URL of a file, signed for a limited time."""

    url: Secret
    """The URL. It grants access to the file. Kept as a `Secret`."""


@frozen(kw_only=True, slots=False)
class GeneratePresignedUrlResponse(Response):
    """The response of GeneratePresignedUrl."""

    data: PresignedUrl


@frozen(kw_only=True)
class GeneratePresignedUrl(Operation[GeneratePresignedUrlResponse]):
    """Obtain a signed URL of an uploaded file.

    The vendor documents neither its validity nor the HTTP method it is for.

    Args:
        file_path: The path of the file in Object Storage Service (OSS). For Viber, the
            vendor recommends images of 800 x 800 pixels.
    """

    file_path: str
