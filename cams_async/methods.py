"""The client's methods, one per action, and calls of any action by its name.

A method takes the fields of its operation and passes the operation to `send`. Here
stands the first line of its docstring, the rest is that of the operation.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

from cams_async import operations as o
from cams_async import wire
from cams_async.config import is_printable
from cams_async.errors import InvalidOperation
from cams_async.lazy import OperationSender, method
from cams_async.operations.catalogue import CATALOGUE, facts_of, secret_parameters
from cams_async.protocol import Call
from cams_async.secret import hide_arguments

_ACTION = re.compile(r"[A-Za-z][A-Za-z0-9]*")


def method_name(action: str) -> str:
    """Return the name of the client's method for an action."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", action).lower()


class ActionMethods(OperationSender):
    """The methods of a client, one for each action that has an operation."""

    # Phone numbers

    @method(lambda: o.ChatappSyncPhoneNumber)
    def chatapp_sync_phone_number(self) -> None:
        """Synchronise the phone numbers of a space with WhatsApp, and return them."""

    @method(lambda: o.GetPhoneNumberVerificationStatus)
    def get_phone_number_verification_status(self) -> None:
        """Query whether the ownership of a phone number is verified."""

    # Migration

    @method(lambda: o.ChatappMigrationVerified)
    def chatapp_migration_verified(self) -> None:
        """Verify the ownership of a migrating phone number by its one-time code."""

    # Encryption

    @method(lambda: o.UpdatePhoneEncryptionPublicKey)
    def update_phone_encryption_public_key(self) -> None:
        """Set the public key that encrypts the WhatsApp Flows of a phone number."""

    # QR codes

    @method(lambda: o.UpdatePhoneMessageQrdl)
    def update_phone_message_qrdl(self) -> None:
        """Change the prefilled message of a QR code."""


@hide_arguments
def call_by_name(
    action: Any, parameters: Any, *, retry_safe: bool | None
) -> Call[dict[str, Any]]:
    """Return the call of any action, with its parameters by their names on the wire.

    Raises:
        InvalidOperation: The action, a name or a value cannot be sent.
    """
    if not isinstance(action, str) or not _ACTION.fullmatch(action):
        expected = "the name of a CAMS action: letters and digits"
        msg = f"action must be {expected}"
        raise InvalidOperation(msg, field="action", expected=expected)
    values = cast("Mapping[Any, object]", parameters)
    if not isinstance(parameters, Mapping) or not all(map(is_printable, values)):
        expected = "a mapping from names, which are printable text"
        msg = f"parameters must be {expected}"
        raise InvalidOperation(
            msg, action=action, field="parameters", expected=expected
        )
    secret = secret_parameters(action)
    texts = {
        name: wire.as_text(name, value, action=action, secret=name in secret)
        for name, value in values.items()
        if value is not None
    }
    facts = facts_of(action)
    if retry_safe is None or (action in CATALOGUE and not facts.retry_safe):
        retry_safe = facts.retry_safe
    return Call(
        action=action,
        parameters=texts,
        qps=facts.qps,
        retry_safe=retry_safe,
        verify_with=facts.verify_with,
        decode=lambda payload, _: payload,
        returns_secret=facts.returns_secret,
    )
