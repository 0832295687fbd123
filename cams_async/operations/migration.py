"""Migration of a phone number from another provider."""

from typing import Literal

from attrs import frozen

from cams_async.models import Record, Response
from cams_async.operations.fields import InternationalNumber
from cams_async.operations.operation import Operation
from cams_async.secret import Secret

__all__ = [
    "ChatappMigrationRegister",
    "ChatappMigrationVerified",
    "CreateChatappMigrationInitiate",
    "CreateChatappMigrationInitiateResponse",
    "GetMigrationVerifyCode",
    "InitiatedMigration",
    "MigratedNumber",
    "MigratedNumberResponse",
]


@frozen(kw_only=True, slots=False)
class InitiatedMigration(Record):
    """A phone number whose migration is initiated."""

    id: str | None = None
    """The vendor's ID of the number."""

    phone_number: str | None = None
    """The number, country code first. The vendor may mask it."""

    status: Literal["MIGRATING"] | str | None = None
    """The state of the number."""


@frozen(kw_only=True, slots=False)
class CreateChatappMigrationInitiateResponse(Response):
    """The response of CreateChatappMigrationInitiate."""

    data: InitiatedMigration


@frozen(kw_only=True)
class CreateChatappMigrationInitiate(Operation[CreateChatappMigrationInitiateResponse]):
    """Initiate the migration of a phone number from another provider.

    Precondition: two-step verification of the number is off, the business is verified,
    and the WhatsApp Business account is approved.
    Next, GetMigrationVerifyCode and ChatappMigrationVerified verify the ownership,
    unless GetPhoneNumberVerificationStatus reports it as verified. Finally,
    ChatappMigrationRegister moves the number.

    Args:
        country_code: The country code without `+`, such as `86`.
        cust_space_id: The space ID of the ISV's customer who receives the number.
        mobile_number: The national number, without its country code.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-createchatappmigrationinitiate
    """

    country_code: str
    cust_space_id: str
    mobile_number: str


@frozen(kw_only=True, slots=False)
class MigratedNumber(Record):
    """A phone number that is being migrated."""

    id: str | None = None
    """The vendor's ID of the number."""

    phone_number: str | None = None
    """The number, country code first. The vendor may mask it."""


@frozen(kw_only=True, slots=False)
class MigratedNumberResponse(Response):
    """The response of GetMigrationVerifyCode and ChatappMigrationVerified."""

    data: MigratedNumber


@frozen(kw_only=True)
class GetMigrationVerifyCode(Operation[MigratedNumberResponse]):
    """Send a verification code to a migrating phone number by SMS or voice call.

    Precondition: CreateChatappMigrationInitiate was called. A number that
    GetPhoneNumberVerificationStatus reports as verified needs no code.
    Caution: every call sends a message or calls the number. Another code may invalidate
    the one before, and counts against WhatsApp's limit of codes.

    Args:
        cust_space_id: The space ID of the ISV's customer who receives the number.
        locale: The language of the message or call, such as `en_US`.
        phone_number: The business number, country code first, in any usual spelling.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getmigrationverifycode
    """

    cust_space_id: str
    locale: str
    method: Literal["sms", "voice"]
    phone_number: InternationalNumber


@frozen(kw_only=True)
class ChatappMigrationVerified(Operation[MigratedNumberResponse]):
    """Verify the ownership of a migrating phone number by its one-time code.

    Precondition: the migration is initiated and a code has been requested. A number
    that GetPhoneNumberVerificationStatus reports as verified needs no code.
    Caution: a code works once. After an unknown outcome do not send it again; query
    GetPhoneNumberVerificationStatus instead.

    Args:
        cust_space_id: The space ID of the ISV's customer who receives the number; not
            blank.
        phone_number: The number, country code first, in any usual spelling. Normalised
            to 1 to 15 digits.
        verify_code: The one-time code sent to the number, with its leading zeros.
            Kept as a `Secret`, which is never logged, shown or pickled.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-chatappmigrationverified
    """

    cust_space_id: str
    phone_number: InternationalNumber
    verify_code: str | Secret


@frozen(kw_only=True)
class ChatappMigrationRegister(Operation[Response]):
    """Complete the migration: move a verified number and its approved templates.

    Precondition: the ownership of the number is verified.
    QueryChatappPhoneNumbers lists the number afterwards.

    Args:
        cust_space_id: The space ID of the ISV's customer who receives the number.
        phone_number: The business number, country code first, in any usual spelling.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-chatappmigrationregister
    """

    cust_space_id: str
    phone_number: InternationalNumber
