"""The response of each action, as plain dicts in the vendor's spelling.

The dicts are written independently of the classes that the client decodes into, so
that tests find a mistake in those. A handler is a method of `Handlers`, named like the
action in snake_case. An action without one has that of `default_handler`.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from cams_async.emulator.exchange import fail
from cams_async.emulator.state import (
    Message,
    PhoneNumberState,
    QrCode,
    State,
    require_verified,
)
from cams_async.models import CodeVerificationStatus
from cams_async.operations import CATALOGUE

Parameters: TypeAlias = Mapping[str, str]
ResponseFields: TypeAlias = dict[str, Any]
Handler: TypeAlias = Callable[[str, Parameters, float], ResponseFields]

MOST_RECIPIENTS = 1000

LAST = 10**18
"""Milliseconds since 1970, after any message."""

PEM_START, PEM_END = "-----BEGIN PUBLIC KEY-----\n", "\n-----END PUBLIC KEY-----"


def snake_case(action: str) -> str:
    """Return the name of an action in snake_case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", action).lower()


class Handlers:
    """One method per action; its arguments are account, parameters and elapsed time."""

    def __init__(self, state: State) -> None:
        self._state = state

    def by_action(self) -> Mapping[str, Handler]:
        """Return the handler of each action that has one."""
        methods = {name: getattr(self, snake_case(name), None) for name in CATALOGUE}
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

    def get_phone_encryption_public_key(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> ResponseFields:
        """Return the key of a number; without one, the number alone."""
        del elapsed
        record = self._state.find(account, parameters)
        data = {"PhoneNumber": record.number.phone_number}
        if record.encryption_public_key is not None:
            data["EncryptionPublicKey"] = record.encryption_public_key
            data["EncryptionPublicKeyStatus"] = "VALID"
        return {"Data": data}

    def create_phone_message_qrdl(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> ResponseFields:
        """Add a QR code to a verified number."""
        record = self._state.find(account, parameters)
        require_verified(record, elapsed)
        return self._new_qr_code(record, parameters)

    def list_phone_message_qrdl(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> ResponseFields:
        """List the QR codes of a number."""
        del elapsed
        record = self._state.find(account, parameters)
        codes = [listed_code(record, code) for code in record.qr_codes]
        return {"Data": codes}

    def delete_phone_message_qrdl(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> ResponseFields:
        """Delete a QR code of a number."""
        del elapsed
        record = self._state.find(account, parameters)
        self._state.remove_qr_code(record, parameters["QrdlCode"])
        return {}

    def update_phone_message_qrdl(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> ResponseFields:
        """Replace the QR code of a verified number."""
        record = self._state.find(account, parameters)
        require_verified(record, elapsed)
        self._state.remove_qr_code(record, parameters["QrdlCode"])
        return self._new_qr_code(record, parameters)

    def _new_qr_code(
        self, record: PhoneNumberState, parameters: Parameters
    ) -> ResponseFields:
        message, image = parameters["PrefilledMessage"], parameters["GenerateQrImage"]
        code = self._state.add_qr_code(record, QrCode(message, image))
        return {"Data": listed_code(record, code)}

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

    def update_phone_webhook(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> ResponseFields:
        """Set the URLs of a number; one that is not given stays: assumed."""
        del elapsed
        record = self._state.find(account, parameters)
        record.set_webhook(
            parameters.get("UpCallbackUrl"), parameters.get("StatusCallbackUrl")
        )
        return {}

    def get_chatapp_upload_authorization(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> ResponseFields:
        """Return credentials for a folder of the object store."""
        del elapsed
        space = parameters["CustSpaceId"]
        self._state.space(account, space)
        folder = f"{account}/{space}"
        return {"Data": self._state.store.authorization(self._state.endpoint, folder)}

    def get_pre_validate_phone_id(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> ResponseFields:
        """Return an id for any number."""
        del account, elapsed
        number = parameters["PhoneNumber"]
        return {"Data": {"PhoneNumber": number, "PhoneNumberId": f"id-{number}"}}

    def send_chatapp_message(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> ResponseFields:
        """Keep a message, so that it can be listed; it is not delivered."""
        return {"MessageId": self._state.add_message(account, parameters, elapsed)}

    def list_chatapp_message(
        self, account: str, parameters: Parameters, elapsed: float
    ) -> ResponseFields:
        """List the messages that a sender has sent, from the newest to the oldest."""
        del elapsed
        page = _page(parameters["Page"])
        found = [
            listed_message(message)
            for message in self._state.messages(account)
            if _is_listed(message, parameters)
        ]
        return {"Success": True, "Data": found[page]}

    def send_chatapp_mass_message(
        self, account: str, parameters: Parameters, elapsed: float
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


def listed_code(record: PhoneNumberState, code: str) -> ResponseFields:
    """Return the entry of a QR code."""
    qr_code = record.qr_codes[code]
    return {
        "QrImageUrl": f"https://cams.example/qr/{code}.{qr_code.image.lower()}",
        "PhoneNumber": record.number.phone_number,
        "QrdlCode": code,
        "DeepLinkUrl": f"https://wa.me/message/{code}",
        "GenerateQrImage": qr_code.image,
        "PrefilledMessage": qr_code.prefilled_message,
    }


def listed_message(message: Message) -> ResponseFields:
    """Return the entry of a message in a ListChatappMessage response."""
    sent = message.parameters
    fields = {
        "MessageId": message.id,
        "UniqueMessageId": sent.get("TaskId"),
        "ChannelType": sent["ChannelType"],
        "BusinessNumber": sent["From"],
        "UserNumber": sent["To"],
        "EventAction": "DOWN",
        "EventActionName": "DOWN",
        "Type": sent["Type"],
        "MessageType": sent.get("MessageType"),
        "Message": sent.get("Content"),
        "TemplateCode": sent.get("TemplateCode"),
        "TemplateName": sent.get("TemplateName"),
        "LanguageCode": sent.get("Language"),
        "SendTime": str(round(message.sent_at * 1000)),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _is_listed(message: Message, parameters: Parameters) -> bool:
    """Return whether a query finds a message: by the numbers, the time, the action."""
    sent = {
        "ChannelType": message.parameters["ChannelType"],
        "BusinessNumber": message.parameters["From"],
        "CustSpaceId": message.parameters.get("CustSpaceId"),
        "UserNumber": message.parameters["To"],
        "EventAction": "DOWN",
    }
    milliseconds = message.sent_at * 1000
    after = milliseconds >= _whole(parameters.get("StartTime", 0), "StartTime")
    before = milliseconds <= _whole(parameters.get("EndTime", LAST), "EndTime")
    matches = all(parameters.get(name, value) == value for name, value in sent.items())
    return after and before and matches


def _page(text: str) -> slice:
    """Return the place of a page in a list."""
    try:
        page = json.loads(text)
        index, size = int(page["Index"]), int(page["Size"])
    except (ValueError, TypeError, KeyError):
        index = size = 0
    if index < 1 or size < 1:
        fail("InvalidParameter.Page", "Page must have an Index and a Size above 0.")
    return slice((index - 1) * size, index * size)


def _whole(value: str | int, name: str) -> int:
    """Return a parameter as a whole number."""
    try:
        return int(value)
    except ValueError:
        fail(f"InvalidParameter.{name}", f"{name} must be a whole number.")


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
        "StatusCallbackUrl": record.status_callback_url,
        "UpCallbackUrl": record.up_callback_url,
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
