"""The public key that encrypts the WhatsApp Flows of a phone number."""

from typing import Literal

from attrs import frozen

from cams_async.models import Record, Response
from cams_async.operations.fields import InternationalNumber, PublicKey
from cams_async.operations.operation import Operation

__all__ = [
    "EncryptionPublicKey",
    "GetPhoneEncryptionPublicKey",
    "GetPhoneEncryptionPublicKeyResponse",
    "UpdatePhoneEncryptionPublicKey",
]


@frozen(kw_only=True)
class UpdatePhoneEncryptionPublicKey(Operation[Response]):
    """Set the public key that encrypts the WhatsApp Flows of a phone number.

    Precondition: the number belongs to the WhatsApp Business account and is
    verified. GetPhoneNumberVerificationStatus returns its status.
    Caution: the former key is replaced at once. Data encrypted for it can only be
    read with its private key.

    Args:
        phone_number: The number, country code first, in any usual spelling. Normalised
            to 1 to 15 digits.
        encryption_public_key: The public key as PEM text, as `str` or `bytes`, with
            real newlines between the boundaries. Normalised to lines of 64 characters.
        cust_space_id: The space ID of an ISV's customer or the instance ID of a direct
            customer; not blank if given.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updatephoneencryptionpublickey
    """

    phone_number: InternationalNumber
    encryption_public_key: PublicKey
    cust_space_id: str | None = None


@frozen(kw_only=True, slots=False)
class EncryptionPublicKey(Record):
    """The public key of a phone number, and whether it is valid."""

    encryption_public_key: str | None = None
    """The key as PEM text."""

    encryption_public_key_status: Literal["VALID", "MISMATCH"] | str | None = None
    """`MISMATCH` if the key is not valid for the number and must be set again."""

    phone_number: str | None = None
    """The number, country code first. The vendor may mask it."""


@frozen(kw_only=True, slots=False)
class GetPhoneEncryptionPublicKeyResponse(Response):
    """The response of GetPhoneEncryptionPublicKey."""

    data: EncryptionPublicKey


@frozen(kw_only=True)
class GetPhoneEncryptionPublicKey(Operation[GetPhoneEncryptionPublicKeyResponse]):
    """Query the public key of a phone number, and whether it is valid.

    Compare the key with your own after an unknown outcome of
    UpdatePhoneEncryptionPublicKey.

    Args:
        phone_number: The business number, country code first, in any usual spelling.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getphoneencryptionpublickey
    """

    phone_number: InternationalNumber
    cust_space_id: str | None = None
