"""What the gateway knows of each action's parameters, read off the operations."""

import types
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal, Union, get_args, get_origin

from attrs import NOTHING, fields, frozen

from cams_async.emulator.refusal import refuse
from cams_async.operations import Operation
from cams_async.operations.fields import WIRE
from cams_async.wire import pascal_case


@frozen(kw_only=True)
class Contract:
    """The parameters of one action."""

    required: tuple[str, ...]
    """Names that must be there and not be empty."""

    values: Mapping[str, frozenset[str]]
    """For each closed enumeration, the values that are accepted."""

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


def members(annotation: object) -> frozenset[str]:
    """Return the values of a closed enumeration; empty for anything open.

    An enumeration is closed where only its members and literals are accepted.
    """
    found: set[str] = set()
    is_union = get_origin(annotation) in (Union, types.UnionType)
    for part in get_args(annotation) if is_union else (annotation,):
        if isinstance(part, type) and issubclass(part, StrEnum):
            found.update(part)
        elif get_origin(part) is Literal:
            found.update(get_args(part))
        elif part is not types.NoneType:
            return frozenset()
    return frozenset(str(value) for value in found)


def contract_of(operation: type[Operation[Any]]) -> Contract:
    """Read an operation's contract off its class."""
    names = {
        attribute: str(attribute.metadata.get(WIRE, pascal_case(attribute.name)))
        for attribute in fields(operation)
    }
    values = {name: members(attribute.type) for attribute, name in names.items()}
    return Contract(
        required=tuple(
            name for attribute, name in names.items() if attribute.default is NOTHING
        ),
        values={name: accepted for name, accepted in values.items() if accepted},
    )
