"""Bringing a phone number over from another provider."""

from typing import ClassVar

from attrs import field, frozen

from cams_async.models import Record, Response
from cams_async.operations.fields import (
    IS_SECRET,
    international,
    phone_number,
    required,
    required_secret,
)
from cams_async.operations.operation import Operation
from cams_async.secret import Secret, as_secret

__all__ = ["ChatappMigrationVerified", "MigratedNumber", "MigratedNumberResponse"]


@frozen(kw_only=True, slots=False)
class MigratedNumber(Record):
    """A number on its way."""

    id: str | None = None
    """The vendor's id of the number."""

    phone_number: str | None = None
    """The number, with its country code; the vendor may mask it."""


@frozen(kw_only=True, slots=False)
class MigratedNumberResponse(Response):
    """The answer of ChatappMigrationVerified."""

    data: MigratedNumber
    """The number whose ownership was proved."""


@frozen(kw_only=True)
class ChatappMigrationVerified(Operation[MigratedNumberResponse]):
    """Prove the ownership of a migrating phone number with the code sent to it.

    Precondition: the migration was initiated and a code was requested; ask
    GetPhoneNumberVerificationStatus first, a verified number needs no code.
    Caution: the code works once. After an unknown outcome do not send it again,
    ask GetPhoneNumberVerificationStatus.

    Ceiling: 10 calls per second and account.
    RAM action: `cams:ChatappMigrationVerified`, access level update.
    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-chatappmigrationverified
    """

    qps: ClassVar[float] = 10.0
    retry_safe: ClassVar[bool] = False
    verify_with: ClassVar[str | None] = "GetPhoneNumberVerificationStatus"

    cust_space_id: str = field(validator=required)
    """The space of the customer that the number comes to."""

    phone_number: str = field(converter=international, validator=phone_number)
    """The number with its country code, in any usual spelling; kept as digits."""

    verify_code: Secret = field(
        converter=as_secret, validator=required_secret, metadata=IS_SECRET
    )
    """The one-time code, leading zeros included. Never shown or pickled."""
