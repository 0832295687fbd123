"""The public key that WhatsApp encrypts a business's Flows with."""

from typing import ClassVar

from attrs import field, frozen

from cams_async.models import Response
from cams_async.operations.fields import (
    international,
    optional,
    pem,
    phone_number,
    public_key,
)
from cams_async.operations.operation import Operation

__all__ = ["EncryptionPublicKeyUpdated", "UpdatePhoneEncryptionPublicKey"]


@frozen(kw_only=True, slots=False)
class EncryptionPublicKeyUpdated(Response):
    """The answer of UpdatePhoneEncryptionPublicKey; it carries no data."""


@frozen(kw_only=True)
class UpdatePhoneEncryptionPublicKey(Operation[EncryptionPublicKeyUpdated]):
    """Set the public key that encrypts the Flows of a phone number.

    Precondition: the number has been added to the WhatsApp Business account and
    verified; ask GetPhoneNumberVerificationStatus first.
    Caution: the former key is replaced at once; data encrypted for it can only
    be read with its private key.

    Ceiling: 5 calls per second and account.
    RAM action: `cams:UpdatePhoneEncryptionPublicKey`, access level update.
    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updatephoneencryptionpublickey
    """

    qps: ClassVar[float] = 5.0
    # The value converges, but a late copy could undo a newer key of someone else.
    retry_safe: ClassVar[bool] = False
    verify_with: ClassVar[str | None] = "GetPhoneEncryptionPublicKey"

    phone_number: str = field(converter=international, validator=phone_number)
    """The number with its country code, in any usual spelling; kept as digits."""

    encryption_public_key: str = field(converter=pem, validator=public_key)
    """The PEM text of the public key, with real newlines; bytes are decoded."""

    cust_space_id: str | None = field(default=None, validator=optional)
    """The space of the customer that the number belongs to."""
