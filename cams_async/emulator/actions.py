"""The actions that can be called: parameters and handler of each.

The parameters are read off the package's operations. An action without a handler of its
own returns a response of its documented shape, with every field and made-up values.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, get_args, get_origin

from attrs import NOTHING, fields, frozen

from cams_async.emulator.exchange import refuse
from cams_async.emulator.handlers import Handler, Handlers, ResponseFields
from cams_async.emulator.state import State
from cams_async.models import Record, Response
from cams_async.operations import OPERATIONS, Operation
from cams_async.operations.fields import (
    is_required,
    listed_values,
    parts_of,
    pascal_case,
    record_in,
    wire_name,
)
from cams_async.operations.paging import PageTokens


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
    kinds = [kind for kind in parts_of(annotation)[0] if kind is not NoneType]
    is_closed = all(listed_values([kind]) for kind in kinds)
    return frozenset(listed_values(kinds)) if is_closed else frozenset()


def rules_of(operation: type[Operation[Any]]) -> ParameterRules:
    """Return the rules for an operation's parameters."""
    names = {attribute: wire_name(attribute) for attribute in fields(operation)}
    values = {name: closed_values(each.type) for each, name in names.items()}
    return ParameterRules(
        required=tuple(
            name for attribute, name in names.items() if is_required(attribute)
        ),
        values={name: accepted for name, accepted in values.items() if accepted},
    )


@frozen(kw_only=True)
class Action:
    """One action of CAMS."""

    rules: ParameterRules
    handler: Handler


class Actions(Mapping[str, Action]):
    """All actions by name. An action is looked up, and its journey loaded, on use."""

    def __init__(self, state: State) -> None:
        self._handlers = Handlers(state).by_action()
        self._used: dict[str, Action] = {}

    def __getitem__(self, name: str) -> Action:
        if name not in self._used:
            operation = OPERATIONS[name]
            handler = self._handlers.get(name) or default_handler(operation)
            self._used[name] = Action(rules=rules_of(operation), handler=handler)
        return self._used[name]

    def __contains__(self, name: object) -> bool:
        return name in OPERATIONS

    def __iter__(self) -> Iterator[str]:
        return iter(OPERATIONS)

    def __len__(self) -> int:
        return len(OPERATIONS)


def default_handler(operation: type[Operation[Any]]) -> Handler:
    """Return a handler whose response has every field of its class.

    A list has one page, so that the token of the next one is absent.
    """
    response = operation.response()
    common = {each.name for each in fields(Response)}
    body: ResponseFields = {
        wire_name(each): example(each.type)
        for each in fields(response)
        if each.name not in common
    }
    if fields(response).code.default is not NOTHING:
        body["Code"] = None  # the action has none
    pages: object = getattr(operation, "pages", None)
    if isinstance(pages, PageTokens):
        *objects, token = map(pascal_case, pages.next.split("."))
        owner = body
        for name in objects:
            owner = owner[name]
        del owner[token]
    return lambda _account, _parameters, _elapsed: dict(body)


def example(annotation: Any) -> Any:
    """Return JSON that fits an annotation, with a value in every field."""
    kinds = [kind for kind in parts_of(annotation)[0] if kind is not NoneType]
    if (record := record_in(kinds)) is not None:
        return _example_of(record)
    if values := listed_values(kinds):
        return values[0]
    origin = get_origin(kinds[0]) or kinds[0]
    if origin in (tuple, Sequence):
        return [example(get_args(kinds[0])[0])]
    return {bool: True, int: 1, Mapping: {"Example": "example"}}.get(origin, "example")


def _example_of(record: type[Record]) -> dict[str, Any]:
    return {
        wire_name(each): example(each.type)
        for each in fields(record)
        if each.name != "extra"
    }
