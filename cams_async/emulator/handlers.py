"""What each action answers, as plain dicts in the vendor's own spelling.

They are written down independently of the classes that the client decodes into, so
that a mistake in those is noticed. A new operation is one method here: its name is
the action's in snake_case.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from cams_async.emulator.refusal import fail
from cams_async.emulator.state import PhoneNumberState, State, require_verified
from cams_async.models import CodeVerificationStatus
from cams_async.operations import OPERATIONS

Parameters: TypeAlias = Mapping[str, str]
Answered: TypeAlias = dict[str, Any]
Handler: TypeAlias = Callable[[str, Parameters, float], Answered]

PEM_START, PEM_END = "-----BEGIN PUBLIC KEY-----\n", "\n-----END PUBLIC KEY-----"


def snake(action: str) -> str:
    """Return an action's name as a method is named."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", action).lower()


class Handlers:
    """One method for each action: account, parameters, seconds since the start."""

    def __init__(self, state: State) -> None:
        self._state = state

    def by_action(self) -> Mapping[str, Handler]:
        """Return the handler of each operation that has one."""
        found = {name: getattr(self, snake(name), None) for name in OPERATIONS}
        return {name: handler for name, handler in found.items() if handler is not None}

    def get_phone_number_verification_status(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> Answered:
        """Tell the status of one number."""
        standing = self._state.find(account, parameters)
        return {
            "Data": {
                "PhoneNumber": standing.number.phone_number,
                "Id": standing.number.id,
                "CodeVerificationStatus": str(standing.status(elapsed)),
            }
        }

    def update_phone_encryption_public_key(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> Answered:
        """Keep the key of a verified number."""
        standing = self._state.find(account, parameters)
        require_verified(standing, elapsed)
        key = parameters["EncryptionPublicKey"]
        if not (key.startswith(PEM_START) and key.rstrip().endswith(PEM_END)):
            message = "The public key is not in PEM format."
            fail("InvalidParameter.EncryptionPublicKey", message)
        standing.encryption_public_key = key
        return {}

    def update_phone_message_qrdl(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> Answered:
        """Replace the QR code of a verified number."""
        standing = self._state.find(account, parameters)
        require_verified(standing, elapsed)
        code = self._state.replace_qrdl_code(standing, parameters["QrdlCode"])
        image = parameters["GenerateQrImage"]
        return {
            "Data": {
                "QrImageUrl": f"https://cams.example/qr/{code}.{image.lower()}",
                "PhoneNumber": standing.number.phone_number,
                "QrdlCode": code,
                "DeepLinkUrl": f"https://wa.me/message/{code}",
                "GenerateQrImage": image,
                "PrefilledMessage": parameters["PrefilledMessage"],
            }
        }

    def chatapp_migration_verified(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> Answered:
        """Verify a migrating number with its one-time code."""
        standing = self._state.find(account, parameters)
        self._state.verify_migration(standing, parameters["VerifyCode"], elapsed)
        return {
            "Message": "SUCCESS",
            "Data": {
                "PhoneNumber": standing.number.phone_number,
                "Id": standing.number.id,
            },
        }

    def chatapp_sync_phone_number(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> Answered:
        """List the numbers of a space."""
        space = self._state.space(account, parameters["CustSpaceId"])
        return {
            "Success": True,
            "PhoneNumbers": [listed(standing, elapsed) for standing in space],
        }


def listed(standing: PhoneNumberState, elapsed: float) -> Answered:
    """Return a number as ChatappSyncPhoneNumber lists it."""
    status = standing.status(elapsed)
    verified = status == CodeVerificationStatus.VERIFIED
    return {
        "PhoneNumber": standing.number.phone_number,
        "VerifiedName": f"Shop {standing.number.id[-6:]}",
        "Status": "CONNECTED" if verified else "UNVERIFIED",
        "QualityRating": "GREEN",
        "CodeVerificationStatus": str(status),
        "MessagingLimitTier": "TIER_1K",
        "NameStatus": "Approval",
        "NewNameStatus": "Approval",
        "StatusQueue": "Alicom-Queue-Status",
        "UpQueue": "Alicom-Queue-Up",
        "StatusCallbackUrl": "https://shop.example/status",
        # The vendor's own example ends in a newline.
        "UpCallbackUrl": "https://shop.example/up\n",
        "IsOfficial": "N",
        "CallingConfigure": CALLING_CONFIGURE,
    }


CALLING_CONFIGURE: Answered = {
    "Calling": {
        "Status": "ENABLED",
        "CallIconVisibility": "DEFAULT",
        "CallbackPermissionStatus": "ENABLED",
        "CallHours": {
            "Status": "ENABLED",
            "TimezoneId": "Asia/Shanghai",
            "WeeklyOperatingHours": [
                {"DayOfWeek": "MONDAY", "OpenTime": "0000", "CloseTime": "2359"}
            ],
            "HolidaySchedule": [
                {"Date": "2026-01-01", "StartTime": "0000", "EndTime": "2359"}
            ],
        },
    },
    "CallingCallbackUrl": "https://shop.example/calls",
    "MaxTalkTime": 3600,
}
