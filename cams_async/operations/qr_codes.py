"""QR codes and deep links that open a chat with a prefilled message."""

from enum import StrEnum
from typing import Literal

from attrs import field, frozen

from cams_async.models import Record, Response
from cams_async.operations.fields import (
    international,
    one_of,
    optional,
    phone_number,
    required,
)
from cams_async.operations.operation import Operation

__all__ = [
    "GenerateQrImage",
    "PhoneMessageQrdl",
    "PhoneMessageQrdlResponse",
    "UpdatePhoneMessageQrdl",
]


class GenerateQrImage(StrEnum):
    """The image format of a QR code."""

    PNG = "PNG"
    SVG = "SVG"


@frozen(kw_only=True, slots=False)
class PhoneMessageQrdl(Record):
    """A QR code and its deep link."""

    qrdl_code: str
    """The code now in force. It may differ from the code in the request."""

    deep_link_url: str | None = None
    """The link that opens the chat."""

    qr_image_url: str | None = None
    """The URL of the image."""

    generate_qr_image: GenerateQrImage | str | None = None
    """The image format."""

    phone_number: str | None = None
    """The number with which the chat opens. The vendor may mask it."""

    prefilled_message: str | None = None
    """The text in the input field when the chat opens."""


@frozen(kw_only=True, slots=False)
class PhoneMessageQrdlResponse(Response):
    """The response of UpdatePhoneMessageQrdl."""

    data: PhoneMessageQrdl
    """The changed QR code."""


@frozen(kw_only=True)
class UpdatePhoneMessageQrdl(Operation[PhoneMessageQrdlResponse]):
    """Change the prefilled message of a QR code.

    Precondition: the number belongs to the WhatsApp Business account and is
    verified. GetPhoneNumberVerificationStatus returns its status.
    Caution: the old QR code can no longer be scanned afterwards. Use the
    `data.qrdl_code` of the response, which may be a new code.

    Args:
        phone_number: The number, country code first, in any usual spelling such as
            `+86 138-0000-0000`. Normalised to 1 to 15 digits.
        generate_qr_image: The image format, `PNG` or `SVG`.
        prefilled_message: The text in the input field when the chat opens; not blank.
        qrdl_code: The code to change, as CreatePhoneMessageQrdl returned it; not
            blank.
        cust_space_id: The space ID of an ISV's customer or the instance ID of a direct
            customer; not blank if given.

    Raises:
        InvalidOperation: A field is blank or malformed. Nothing was sent.

    Rate limit: 5 calls per second and account.
    RAM action: `cams:UpdatePhoneMessageQrdl`, access level update.
    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updatephonemessageqrdl
    """

    phone_number: str = field(converter=international, validator=phone_number)
    generate_qr_image: GenerateQrImage | Literal["PNG", "SVG"] = field(
        validator=one_of(*GenerateQrImage)
    )
    prefilled_message: str = field(validator=required)
    qrdl_code: str = field(validator=required)
    cust_space_id: str | None = field(default=None, validator=optional)
