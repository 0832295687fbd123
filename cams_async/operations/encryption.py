"""The public key that encrypts the WhatsApp Flows of a phone number."""

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
    """The response of UpdatePhoneEncryptionPublicKey. It carries no data."""


@frozen(kw_only=True)
class UpdatePhoneEncryptionPublicKey(Operation[EncryptionPublicKeyUpdated]):
    """Set the public key that encrypts the WhatsApp Flows of a phone number.

    Precondition: the number belongs to the WhatsApp Business account and is
    verified. GetPhoneNumberVerificationStatus returns its status.
    Caution: the former key is replaced at once. Data encrypted for it can only be
    read with its private key.

    Args:
        phone_number: The number, country code first, in any usual spelling such as
            `+86 138-0000-0000`. Normalised to 1 to 15 digits.
        encryption_public_key: The public key as PEM text, as `str` or `bytes`, with
            real newlines between the boundaries. Normalised to lines of 64 characters.
        cust_space_id: The space ID of an ISV's customer or the instance ID of a direct
            customer; not blank if given.

    Raises:
        InvalidOperation: A field is blank or malformed. Nothing was sent.

    Rate limit: 5 calls per second and account.
    RAM action: `cams:UpdatePhoneEncryptionPublicKey`, access level update.
    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updatephoneencryptionpublickey
    """

    phone_number: str = field(converter=international, validator=phone_number)
    encryption_public_key: str = field(converter=pem, validator=public_key)
    cust_space_id: str | None = field(default=None, validator=optional)
