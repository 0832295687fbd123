"""The actions that can be called: parameters and handler of each.

The parameters are read off the package's operations. Two more actions have a fixed
response here: the longest request of all, and the only action whose documented place
for parameters is a form.
"""

import types
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal, Union, get_args, get_origin

from attrs import NOTHING, fields, frozen

from cams_async.emulator.exchange import refuse
from cams_async.emulator.handlers import (
    Handler,
    Handlers,
    get_pre_validate_phone_id,
    send_chatapp_mass_message,
)
from cams_async.emulator.state import State
from cams_async.operations import OPERATIONS, Operation
from cams_async.wire import wire_name


@frozen(kw_only=True)
class ParameterRules:
    """The rules for the parameters of one action."""

    required: tuple[str, ...]
    """Names of parameters that must be present and not empty."""

    values: Mapping[str, frozenset[str]]
    """For each closed enumeration, the accepted values."""

    def check(self, parameters: Mapping[str, str]) -> None:
        """Refuse parameters that are missing or outside of their enumeration."""
        for name in self.required:
            if not parameters.get(name):
                message = f"{name} is mandatory for this action."
                refuse(f"Missing{name}", message)
        for name, values in self.values.items():
            value = parameters.get(name)
            if value is not None and value not in values:
                message = f"{name} must be one of {', '.join(sorted(values))}."
                refuse(f"InvalidParameter.{name}", message)


def closed_values(annotation: object) -> frozenset[str]:
    """Return the values of a closed enumeration; empty for anything open.

    An enumeration is closed where only its members and literals are accepted.
    """
    values: set[str] = set()
    is_union = get_origin(annotation) in (Union, types.UnionType)
    for part in get_args(annotation) if is_union else (annotation,):
        if isinstance(part, type) and issubclass(part, StrEnum):
            values.update(part)
        elif get_origin(part) is Literal:
            values.update(get_args(part))
        elif part is not types.NoneType:
            return frozenset()
    return frozenset(str(value) for value in values)


def rules_of(operation: type[Operation[Any]]) -> ParameterRules:
    """Return the rules for an operation's parameters."""
    names = {attribute: wire_name(attribute) for attribute in fields(operation)}
    values = {name: closed_values(each.type) for each, name in names.items()}
    return ParameterRules(
        required=tuple(
            name for attribute, name in names.items() if attribute.default is NOTHING
        ),
        values={name: accepted for name, accepted in values.items() if accepted},
    )


@frozen(kw_only=True)
class Action:
    """One action of CAMS."""

    rules: ParameterRules
    handler: Handler


EXTRA_ACTIONS: Mapping[str, Action] = {
    "GetPreValidatePhoneId": Action(
        rules=ParameterRules(required=("PhoneNumber", "VerifyCode"), values={}),
        handler=get_pre_validate_phone_id,
    ),
    "SendChatappMassMessage": Action(
        rules=ParameterRules(
            required=("ChannelType", "From", "Language", "SenderList"), values={}
        ),
        handler=send_chatapp_mass_message,
    ),
}
"""Actions without an operation in this package, by name."""


def actions_of(state: State) -> dict[str, Action]:
    """Return every action that has a handler, by name."""
    implemented = {
        name: Action(rules=rules_of(OPERATIONS[name]), handler=handler)
        for name, handler in Handlers(state).by_action().items()
    }
    return {**implemented, **EXTRA_ACTIONS}
