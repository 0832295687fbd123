"""QR codes and deep links that open a chat with a prefilled message."""

from enum import StrEnum
from typing import Literal

from attrs import frozen

from cams_async.models import Record, Response
from cams_async.operations.fields import InternationalNumber
from cams_async.operations.operation import Operation

__all__ = [
    "CreatePhoneMessageQrdl",
    "DeletePhoneMessageQrdl",
    "GenerateQrImage",
    "ListPhoneMessageQrdl",
    "ListPhoneMessageQrdlResponse",
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
    """The response of CreatePhoneMessageQrdl and UpdatePhoneMessageQrdl."""

    data: PhoneMessageQrdl
    """The QR code as it is now."""


@frozen(kw_only=True)
class CreatePhoneMessageQrdl(Operation[PhoneMessageQrdlResponse]):
    """Create a QR code that opens a chat with a prefilled message.

    Precondition: the number belongs to the WhatsApp Business account and is
    verified. GetPhoneNumberVerificationStatus returns its status.
    Caution: repeating the call creates another QR code. After an unknown outcome, look
    for the message with ListPhoneMessageQrdl.

    Args:
        generate_qr_image: The image format.
        phone_number: The business number, country code first, in any usual spelling.
        prefilled_message: The text in the input field when the chat opens.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-createphonemessageqrdl
    """

    generate_qr_image: GenerateQrImage | Literal["PNG", "SVG"]
    phone_number: InternationalNumber
    prefilled_message: str
    cust_space_id: str | None = None


@frozen(kw_only=True, slots=False)
class ListPhoneMessageQrdlResponse(Response):
    """The response of ListPhoneMessageQrdl."""

    data: tuple[PhoneMessageQrdl, ...]
    """The QR codes of the number."""


@frozen(kw_only=True)
class ListPhoneMessageQrdl(Operation[ListPhoneMessageQrdlResponse]):
    """List the QR codes of a phone number.

    Args:
        phone_number: The business number, country code first, in any usual spelling.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listphonemessageqrdl
    """

    phone_number: InternationalNumber
    cust_space_id: str | None = None


@frozen(kw_only=True)
class UpdatePhoneMessageQrdl(Operation[PhoneMessageQrdlResponse]):
    """Change the prefilled message of a QR code.

    Precondition: the number belongs to the WhatsApp Business account and is
    verified. GetPhoneNumberVerificationStatus returns its status.
    Caution: the old QR code can no longer be scanned afterwards. Use the
    `data.qrdl_code` of the response, which may be a new code.

    Args:
        phone_number: The number, country code first, in any usual spelling. Normalised
            to 1 to 15 digits.
        generate_qr_image: The image format, `PNG` or `SVG`.
        prefilled_message: The text in the input field when the chat opens; not blank.
        qrdl_code: The code to change, as CreatePhoneMessageQrdl returned it; not
            blank.
        cust_space_id: The space ID of an ISV's customer or the instance ID of a direct
            customer; not blank if given.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updatephonemessageqrdl
    """

    phone_number: InternationalNumber
    generate_qr_image: GenerateQrImage | Literal["PNG", "SVG"]
    prefilled_message: str
    qrdl_code: str
    cust_space_id: str | None = None


@frozen(kw_only=True)
class DeletePhoneMessageQrdl(Operation[Response]):
    """Delete a QR code.

    Caution: printed copies of the code, and its deep link, stop working.

    Args:
        phone_number: The business number, country code first, in any usual spelling.
        qrdl_code: The code, as CreatePhoneMessageQrdl or, after a change,
            UpdatePhoneMessageQrdl returned it.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-deletephonemessageqrdl
    """

    phone_number: InternationalNumber
    qrdl_code: str
    cust_space_id: str | None = None
