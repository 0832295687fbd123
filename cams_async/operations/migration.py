"""Migration of a phone number from another provider."""

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
    """A phone number that is being migrated."""

    id: str | None = None
    """The vendor's ID of the number."""

    phone_number: str | None = None
    """The number, country code first. The vendor may mask it."""


@frozen(kw_only=True, slots=False)
class MigratedNumberResponse(Response):
    """The response of ChatappMigrationVerified."""

    data: MigratedNumber
    """The number whose ownership is verified."""


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
        phone_number: The number, country code first, in any usual spelling such as
            `+86 138-0000-0000`. Normalised to 1 to 15 digits.
        verify_code: The one-time code sent to the number, with its leading zeros.
            Kept as a `Secret`, which is never logged, shown or pickled.

    Raises:
        InvalidOperation: A field is blank or malformed. Nothing was sent.

    Rate limit: 10 calls per second and account.
    RAM action: `cams:ChatappMigrationVerified`, access level update.
    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-chatappmigrationverified
    """

    cust_space_id: str = field(validator=required)
    phone_number: str = field(converter=international, validator=phone_number)
    verify_code: Secret = field(
        converter=as_secret, validator=required_secret, metadata=IS_SECRET
    )
