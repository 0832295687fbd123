"""The client's methods, one line per action, and calls of any action by its name.

A method takes the fields of its operation and passes the operation to `send`.
"""

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, cast

from cams_async import wire
from cams_async.config import is_printable
from cams_async.errors import InvalidOperation
from cams_async.models import Response
from cams_async.operations import (
    ChatappMigrationVerified,
    ChatappSyncPhoneNumber,
    GetPhoneNumberVerificationStatus,
    Operation,
    UpdatePhoneEncryptionPublicKey,
    UpdatePhoneMessageQrdl,
)
from cams_async.operations.catalogue import CATALOGUE, facts_of, secret_parameters
from cams_async.protocol import Call
from cams_async.secret import hide_arguments

P = ParamSpec("P")
R = TypeVar("R", bound=Response)

_ACTION = re.compile(r"[A-Za-z][A-Za-z0-9]*")


def method_name(action: str) -> str:
    """Return the name of the client's method for an action."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", action).lower()


def method(
    operation: Callable[P, Operation[R]],
) -> Callable[Concatenate["ActionMethods", P], Coroutine[Any, Any, R]]:
    """Return the client's method for an operation, with its fields and its docstring.

    The method raises TypeError under its own name where a field is missing or unknown.
    """
    cls = cast("type[Operation[R]]", operation)
    name = method_name(cls.__name__)

    async def call(self: "ActionMethods", /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            made = operation(*args, **kwargs)
        except TypeError as error:
            text = re.sub(r"^\S+__init__\(\)", f"{name}()", str(error))
            raise TypeError(text) from None
        finally:
            # Fields may be secret, and tracebacks show the variables of a frame.
            del args, kwargs
        return await self.send(made)

    fields = inspect.signature(operation).parameters.values()
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY), *fields]
    signature = inspect.Signature(parameters, return_annotation=cls.response())
    vars(call)["__signature__"] = signature
    call.__name__ = name
    call.__qualname__ = f"CamsClient.{name}"
    call.__module__ = "cams_async.client"
    call.__doc__ = operation.__doc__
    call.__annotations__ = {
        **{field.name: field.annotation for field in fields},
        "return": signature.return_annotation,
    }
    return call


class ActionMethods(ABC):
    """The methods of a client, one for each action that has an operation."""

    @abstractmethod
    async def send(self, operation: Operation[R]) -> R:
        """Send an operation and return its typed response."""

    chatapp_migration_verified: Final = method(ChatappMigrationVerified)
    chatapp_sync_phone_number: Final = method(ChatappSyncPhoneNumber)
    get_phone_number_verification_status: Final = method(
        GetPhoneNumberVerificationStatus
    )
    update_phone_encryption_public_key: Final = method(UpdatePhoneEncryptionPublicKey)
    update_phone_message_qrdl: Final = method(UpdatePhoneMessageQrdl)


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
