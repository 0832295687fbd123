"""The response of each action, as plain dicts in the vendor's spelling.

The dicts are written independently of the classes that the client decodes into, so
that tests find a mistake in those. A new operation is one method of `Handlers`, named
like the action in snake_case.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from cams_async.emulator.exchange import fail
from cams_async.emulator.state import PhoneNumberState, State, require_verified
from cams_async.models import CodeVerificationStatus
from cams_async.operations import OPERATIONS

Parameters: TypeAlias = Mapping[str, str]
ResponseFields: TypeAlias = dict[str, Any]
Handler: TypeAlias = Callable[[str, Parameters, float], ResponseFields]

MOST_RECIPIENTS = 1000

PEM_START, PEM_END = "-----BEGIN PUBLIC KEY-----\n", "\n-----END PUBLIC KEY-----"


def snake_case(action: str) -> str:
    """Return the name of an action in snake_case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", action).lower()


class Handlers:
    """One method per action; its arguments are account, parameters and elapsed time."""

    def __init__(self, state: State) -> None:
        self._state = state

    def by_action(self) -> Mapping[str, Handler]:
        """Return the handler of each operation that has one."""
        methods = {name: getattr(self, snake_case(name), None) for name in OPERATIONS}
        return {name: each for name, each in methods.items() if each is not None}

    def get_phone_number_verification_status(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> ResponseFields:
        """Return the status of one number."""
        record = self._state.find(account, parameters)
        return {
            "Data": {
                "PhoneNumber": record.number.phone_number,
                "Id": record.number.id,
                "CodeVerificationStatus": str(record.status(elapsed)),
            }
        }

    def update_phone_encryption_public_key(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> ResponseFields:
        """Store the key of a verified number."""
        record = self._state.find(account, parameters)
        require_verified(record, elapsed)
        key = parameters["EncryptionPublicKey"]
        if not (key.startswith(PEM_START) and key.rstrip().endswith(PEM_END)):
            message = "The public key is not in PEM format."
            fail("InvalidParameter.EncryptionPublicKey", message)
        record.encryption_public_key = key
        return {}

    def update_phone_message_qrdl(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> ResponseFields:
        """Replace the QR code of a verified number."""
        record = self._state.find(account, parameters)
        require_verified(record, elapsed)
        code = self._state.replace_qrdl_code(record, parameters["QrdlCode"])
        image = parameters["GenerateQrImage"]
        return {
            "Data": {
                "QrImageUrl": f"https://cams.example/qr/{code}.{image.lower()}",
                "PhoneNumber": record.number.phone_number,
                "QrdlCode": code,
                "DeepLinkUrl": f"https://wa.me/message/{code}",
                "GenerateQrImage": image,
                "PrefilledMessage": parameters["PrefilledMessage"],
            }
        }

    def chatapp_migration_verified(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> ResponseFields:
        """Verify a migrating number with its one-time code."""
        record = self._state.find(account, parameters)
        self._state.verify_migration(record, parameters["VerifyCode"], elapsed)
        return {
            "Message": "SUCCESS",
            "Data": {
                "PhoneNumber": record.number.phone_number,
                "Id": record.number.id,
            },
        }

    def chatapp_sync_phone_number(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> ResponseFields:
        """List the numbers of a space."""
        space = self._state.space(account, parameters["CustSpaceId"])
        return {
            "Success": True,
            "PhoneNumbers": [listed(record, elapsed) for record in space],
        }


def get_pre_validate_phone_id(
    account: str, parameters: Parameters, elapsed: float
) -> ResponseFields:
    """Return an id for any number."""
    del account, elapsed
    number = parameters["PhoneNumber"]
    return {"Data": {"PhoneNumber": number, "PhoneNumberId": f"id-{number}"}}


def send_chatapp_mass_message(
    account: str, parameters: Parameters, elapsed: float
) -> ResponseFields:
    """Accept a list of recipients; no message is delivered."""
    del account, elapsed
    try:
        decoded: object = json.loads(parameters["SenderList"])
    except ValueError:
        decoded = None
    recipients = cast("list[object]", decoded if isinstance(decoded, list) else [])
    valid = all(isinstance(each, dict) and "To" in each for each in recipients)
    if not valid or not 1 <= len(recipients) <= MOST_RECIPIENTS:
        message = f"SenderList must be 1 to {MOST_RECIPIENTS} recipients."
        fail("InvalidParameter.SenderList", message)  # assumed
    return {"GroupMessageId": "20261126000000000001"}


def listed(record: PhoneNumberState, elapsed: float) -> ResponseFields:
    """Return the entry of a number in a ChatappSyncPhoneNumber response."""
    status = record.status(elapsed)
    verified = status == CodeVerificationStatus.VERIFIED
    return {
        "PhoneNumber": record.number.phone_number,
        "VerifiedName": f"Shop {record.number.id[-6:]}",
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


CALLING_CONFIGURE: ResponseFields = {
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
