"""State of the emulated CAMS: phone numbers, QR codes, keys, migrations, messages.

No I/O: time is an argument, in seconds since the emulator's start. The codes of most
business failures are not published, so some are the emulator's own; they follow the
pattern of the published ones.
https://www.alibabacloud.com/help/en/chatapp/developer-reference/error-codes
"""

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import NoReturn

from attrs import define, frozen

from cams_async.emulator.exchange import fail
from cams_async.emulator.object_store import ObjectStore
from cams_async.errors import ConfigurationError
from cams_async.models import CodeVerificationStatus

SPACE_SIZE = 100
"""Phone numbers per space."""

MOST_MESSAGES = 10_000
"""Messages that are kept in all, the newest, so that a long run stays flat."""


@frozen(kw_only=True)
class EmulatedNumber:
    """One phone number of the emulator."""

    phone_number: str
    """Digits, country code first."""

    cust_space_id: str
    """The space that it belongs to."""

    account: str
    """The account that owns it: the access key id of its first credentials."""

    id: str
    """The vendor's id of the number."""


@frozen
class QrCode:
    """A QR code of a phone number."""

    prefilled_message: str
    image: str
    """The image format, `PNG` or `SVG`."""


FIRST_QR_CODE = QrCode("Hello", "PNG")
"""The QR code that each number has from the start."""


@frozen(kw_only=True)
class Message:
    """A message that an account has sent."""

    id: str
    account: str
    parameters: Mapping[str, str]
    """Those of SendChatappMessage."""

    sent_at: float
    """Seconds since 1970, on the server's clock."""


@define
class PhoneNumberState:
    """The current state of a phone number."""

    number: EmulatedNumber
    first_status: CodeVerificationStatus
    verified_at: float
    qr_codes: dict[str, QrCode]
    verify_code: str
    code_used: bool = False
    encryption_public_key: str | None = None
    # The vendor's own example ends in a newline.
    up_callback_url: str = "https://shop.example/up\n"
    status_callback_url: str = "https://shop.example/status"

    def set_webhook(self, up: str | None, status: str | None) -> None:
        """Set the URLs of notifications; None keeps one."""
        self.up_callback_url = up or self.up_callback_url
        self.status_callback_url = status or self.status_callback_url

    def set_status(self, status: CodeVerificationStatus) -> None:
        """Set the verification status, which stays."""
        self.first_status, self.verified_at = status, math.inf

    def status(self, elapsed: float) -> CodeVerificationStatus:
        """Return the verification status at `elapsed` seconds since the start."""
        if elapsed >= self.verified_at:
            return CodeVerificationStatus.VERIFIED
        return self.first_status

    @property
    def qrdl_code(self) -> str:
        """The newest QR code; empty if all were deleted."""
        return next(reversed(self.qr_codes), "")


class State:
    """The phone numbers and the messages of all accounts."""

    epoch: float = 0.0
    """The server's clock at the start, in seconds since 1970."""

    def __init__(
        self,
        accounts: Sequence[str],
        *,
        phone_numbers: int,
        settle: float | None,
        random: Random,
    ) -> None:
        self._random = random
        self._settle = settle
        self.store: ObjectStore = ObjectStore()
        self.endpoint: str = ""
        self.on_sent: Callable[[Message], None] = lambda _: None
        self._numbers: dict[str, PhoneNumberState] = {}
        self._spaces: dict[str, list[PhoneNumberState]] = {}
        self._messages: deque[Message] = deque(maxlen=MOST_MESSAGES)
        self._sent = 0
        suffixes = iter(random.sample(range(10**8), phone_numbers * len(accounts)))
        for account in accounts:
            for first in range(0, phone_numbers, SPACE_SIZE):
                size = min(SPACE_SIZE, phone_numbers - first)
                self._fill_space(account, [next(suffixes) for _ in range(size)])
        self.numbers: tuple[EmulatedNumber, ...] = tuple(
            record.number for record in self._numbers.values()
        )

    def _fill_space(self, account: str, suffixes: Sequence[int]) -> None:
        space_id = f"cams-{len(self._spaces) + 1:04}"
        space = self._spaces[space_id] = []
        for suffix in suffixes:
            number = EmulatedNumber(
                phone_number=f"86138{suffix:08}",
                cust_space_id=space_id,
                account=account,
                id=str(10**14 + len(self._numbers)),
            )
            record = self._draw(number)
            self._numbers[number.phone_number] = record
            space.append(record)

    def _draw(self, number: EmulatedNumber) -> PhoneNumberState:
        random = self._random
        roll, verified_at = random.random(), 0.0
        if roll < 0.6:  # noqa: PLR2004 - 60 % are verified from the start
            status = CodeVerificationStatus.VERIFIED
        else:
            expired = roll < 0.7  # noqa: PLR2004 - and 10 % have expired
            status = (
                CodeVerificationStatus.EXPIRED
                if expired
                else CodeVerificationStatus.NOT_VERIFIED
            )
            moment = random.random()
            verified_at = math.inf if self._settle is None else moment * self._settle
        return PhoneNumberState(
            number=number,
            first_status=status,
            verified_at=verified_at,
            qr_codes={self._new_code(): FIRST_QR_CODE},
            verify_code=f"{int(random.random() * 10**6):06}",
        )

    def _new_code(self) -> str:
        return f"{self._random.getrandbits(56):014X}"

    def get(self, phone_number: str) -> PhoneNumberState:
        """Return the state of a number.

        Raises:
            ConfigurationError: There is no such number.
        """
        try:
            return self._numbers[phone_number]
        except KeyError:
            expected = "must be one of the emulator's phone numbers"
            raise ConfigurationError(expected, field="phone_number") from None

    def known(self, phone_number: str) -> PhoneNumberState | None:
        """Return the state of a number; None if there is no such number."""
        return self._numbers.get(phone_number)

    def find(self, account: str, parameters: Mapping[str, str]) -> PhoneNumberState:
        """Return the state of the number that a call names.

        Raises:
            ErrorResponse: The number does not exist, is in another space, or belongs to
                another account.
        """
        space_id = parameters.get("CustSpaceId")
        record = self._numbers.get(parameters["PhoneNumber"])
        if record is None:
            message = "The phone number does not exist."
            fail("InvalidParameter.PhoneNumberError", message)
        if record.number.account != account:
            _not_owner()
        if space_id is not None and space_id != record.number.cust_space_id:
            message = "The phone number is not in this space."
            fail("InvalidParameter.CustSpaceId", message)
        return record

    def space(self, account: str, space_id: str) -> Sequence[PhoneNumberState]:
        """Return the states of the numbers of a space.

        Raises:
            ErrorResponse: The space does not exist, or belongs to another account.
        """
        space = self._spaces.get(space_id)
        if space is None:
            fail("InvalidParameter.CustSpaceId", "The space does not exist.")
        if space[0].number.account != account:
            _not_owner()
        return space

    def add_qr_code(self, record: PhoneNumberState, qr_code: QrCode) -> str:
        """Add a QR code to a number and return its code."""
        code = self._new_code()
        record.qr_codes[code] = qr_code
        return code

    def remove_qr_code(self, record: PhoneNumberState, code: str) -> None:
        """Remove a QR code, which is also the first half of replacing one.

        https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updatephonemessageqrdl

        Raises:
            ErrorResponse: The number has no such code.
        """
        if code not in record.qr_codes:
            fail("InvalidParameter.QrdlCode", "The QR code does not exist.")
        del record.qr_codes[code]

    def add_message(
        self, account: str, parameters: Mapping[str, str], elapsed: float
    ) -> str:
        """Add a sent message and return its id."""
        self._sent += 1
        message = Message(
            id=f"message-{self._sent}",
            account=account,
            parameters=parameters,
            sent_at=self.epoch + elapsed,
        )
        self._messages.append(message)
        self.on_sent(message)
        return message.id

    def messages(self, account: str) -> Sequence[Message]:
        """Return the messages of an account, the newest first."""
        return [each for each in reversed(self._messages) if each.account == account]

    def verify_migration(
        self, record: PhoneNumberState, verify_code: str, elapsed: float
    ) -> None:
        """Use a one-time code, which verifies the number.

        Raises:
            ErrorResponse: The code is wrong, or has been used.
        """
        if record.code_used:
            message = "The verification code has been used."
            fail("InvalidParameter.VerifyCode", message)
        if verify_code != record.verify_code:
            fail("InvalidParameter.VerifyCode", "The verification code is wrong.")
        record.code_used = True
        record.verified_at = min(record.verified_at, elapsed)


def require_verified(record: PhoneNumberState, elapsed: float) -> None:
    """Raise an error for a number that is not verified yet.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updatephoneencryptionpublickey
    """
    if record.status(elapsed) != CodeVerificationStatus.VERIFIED:
        fail("PhoneNumber.NotVerified", "The phone number has not been verified.")


def _not_owner() -> NoReturn:
    fail("Unknown.ResourceOwnerId", "The resource belongs to another owner.")
