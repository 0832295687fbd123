"""Conversations of the emulator's numbers with users, as notifications see them.

A message that was sent brings the receipts Sent, Delivered and Read, or Failed. That a
message outside of the 24-hour window is accepted, and fails by its receipt, is assumed,
and so is that a failed message has no other receipt.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from cams_async.emulator.callbacks import (
    CallbackPusher,
    inbound_item,
    is_loopback,
    receipt_item,
)
from cams_async.emulator.state import Message, State

DAY = 86_400.0

CLOSED = ("131047", "Re-engagement message")
"""The error of free text outside of the window."""

UNDELIVERABLE = "Receiver is incapable of receiving this message"

LIFE = ("Sent", "Delivered", "Read")


class Conversations:
    """Turns messages into receipts, and makes those of users."""

    def __init__(
        self,
        state: State,
        pusher: CallbackPusher,
        *,
        url: str | None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._pusher = pusher
        self._url = url
        self._now = now
        self._inbound = 0
        self._last_inbound: dict[tuple[str, str], float] = {}
        self.failing: dict[str, str] = {}
        """The error code of the receipts of users whom no message reaches."""

    def receive(
        self, user: str, kind: str, message: object, *, to: str, ago: float
    ) -> str:
        """Receive a message of a user; return its id."""
        number = self._state.get(to).number
        self._inbound += 1
        message_id = str(10**15 + self._inbound)
        at = self._now() - ago
        former = self._last_inbound.get((to, user), at)
        self._last_inbound[to, user] = max(former, at)
        item = inbound_item(
            number.phone_number,
            number.cust_space_id,
            message_id=message_id,
            user=user,
            kind=kind,
            message=message,
            at=at,
        )
        self._push(self._state.get(to).up_callback_url, item)
        return message_id

    def sent(self, message: Message) -> None:
        """Push the receipts of a message."""
        sent = message.parameters
        record = self._state.known(sent["From"])
        url = None if record is None else record.status_callback_url
        if not self._target(url):
            return
        error = self._error(sent)
        for status in LIFE if error is None else ("Failed",):
            item = receipt_item(sent, message.id, status, at=self._now(), error=error)
            self._push(url, item)

    def audit(self, code: str, language: str, status: str, reason: str) -> None:
        """Push the audit of a template."""
        item = {
            "WabaId": "waba-1",
            "TemplateCode": code,
            "Language": language,
            "AuditStatus": status,
            "Reason": reason,
        }
        self._push(None, item)

    def _error(self, sent: Mapping[str, str]) -> tuple[str, str] | None:
        user = sent["To"]
        if user in self.failing:
            return self.failing[user], UNDELIVERABLE
        if sent["Type"] == "template" or sent["ChannelType"].lower() != "whatsapp":
            return None
        last = self._last_inbound.get((sent["From"], user))
        return None if last is not None and self._now() - last < DAY else CLOSED

    def _target(self, url: str | None) -> str | None:
        """Return the URL of a notification: the number's own if it is local."""
        return url if url is not None and is_loopback(url) else self._url

    def _push(self, url: str | None, item: Mapping[str, Any]) -> None:
        if target := self._target(url):
            self._pusher.push(target, item)
