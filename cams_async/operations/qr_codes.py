"""QR codes and deep links that open a chat with a prefilled message."""

from enum import StrEnum
from typing import ClassVar, Literal

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
    """The format of a QR code's image."""

    PNG = "PNG"
    SVG = "SVG"


@frozen(kw_only=True, slots=False)
class PhoneMessageQrdl(Record):
    """A QR code and its deep link."""

    qrdl_code: str
    """The code in force, verbatim. It may differ from the one that was sent."""

    deep_link_url: str | None = None
    """The link that opens the chat."""

    qr_image_url: str | None = None
    """Where the image can be fetched."""

    generate_qr_image: GenerateQrImage | str | None = None
    """The format of the image."""

    phone_number: str | None = None
    """The number that the chat is opened with; the vendor may mask it."""

    prefilled_message: str | None = None
    """The text that the chat starts with."""


@frozen(kw_only=True, slots=False)
class PhoneMessageQrdlResponse(Response):
    """The answer of UpdatePhoneMessageQrdl."""

    data: PhoneMessageQrdl
    """The QR code as it is now."""


@frozen(kw_only=True)
class UpdatePhoneMessageQrdl(Operation[PhoneMessageQrdlResponse]):
    """Change the prefilled message of a QR code.

    Precondition: the number has been added to the WhatsApp Business account and
    verified; ask GetPhoneNumberVerificationStatus first.
    Caution: the old QR code can no longer be scanned afterwards. Use the code of
    the answer: it may be a new one.

    Ceiling: 5 calls per second and account.
    RAM action: `cams:UpdatePhoneMessageQrdl`, access level update.
    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updatephonemessageqrdl
    """

    qps: ClassVar[float] = 5.0
    # Each run may kill the code before it, even one that was printed just now.
    retry_safe: ClassVar[bool] = False
    verify_with: ClassVar[str | None] = "ListPhoneMessageQrdl"

    phone_number: str = field(converter=international, validator=phone_number)
    """The number with its country code, in any usual spelling; kept as digits."""

    generate_qr_image: GenerateQrImage | Literal["PNG", "SVG"] = field(
        validator=one_of(*GenerateQrImage)
    )
    """The format of the image."""

    prefilled_message: str = field(validator=required)
    """The text that the chat starts with."""

    qrdl_code: str = field(validator=required)
    """The code to change."""

    cust_space_id: str | None = field(default=None, validator=optional)
    """The space of the customer that the number belongs to."""
