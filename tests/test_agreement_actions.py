"""Every action is sent and typed as by the vendor's own SDK."""

import json
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any, TypeAlias, get_args, get_origin, get_type_hints

import attrs
import pytest
from attrs import frozen

from cams_async import signing
from cams_async.client import CamsClient
from cams_async.emulator.auth import AuthenticatedCall, Authenticator
from cams_async.emulator.exchange import WireRequest, merge_headers
from cams_async.forms import LONGEST_QUERY
from cams_async.methods import method_name
from cams_async.models import Response
from cams_async.operations import CATALOGUE, OPERATIONS
from cams_async.operations.catalogue import (
    FORM_ACTIONS,
    MASKED_ONLY,
    secret_parameters,
)
from cams_async.operations.fields import (
    is_required,
    listed_values,
    parts_of,
    record_in,
    wire_name,
)
from cams_async.outcomes import CODELESS
from cams_async.secret import Secret
from cams_async.throttle import LocalThrottle
from tests import official
from tests.fakes import CREDENTIALS, FAST
from tests.raw_server import Server, serving
from tests.samples_of import fields_of, sample

# The official SDK calls a function that Python 3.12 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")

EACH = pytest.mark.parametrize("action", CATALOGUE)

LEFT_OUT = {"OwnerId", "ResourceOwnerAccount", "ResourceOwnerId"}
"""Fields of the vendor's models that no document describes."""


# What arrives

TEXTS = (
    "Zo\u00eb & Co.",
    "*~+/&=?#%;",
    '[{"a": "b, c: d"}]',
    "",
    "\u65e0\U0001f600\t\r\n\"'\\",
    " ",
    "None",
)

LONG = "*~ +\u65e0" * 300
"""A text that is too long for a query."""


def wild(kind: Any, values: Mapping[Any, Iterator[Any]]) -> Any:
    """Return a value of a type of the vendor's models, as on the wire."""
    if kind in values:
        return next(values[kind])
    inner = get_args(kind)
    if get_origin(kind) is list:
        return [wild(inner[0], values), wild(inner[0], values)]
    if get_origin(kind) is dict:
        return {next(values[str]): wild(inner[1], values) for _ in range(3)}
    return {name: wild(each, values) for name, each in official.fields_of(kind).items()}


def wild_parameters(action: str, texts: Sequence[str]) -> dict[str, Any]:
    """Return a value of every parameter of an action."""
    anything: list[Any] = [{"a": [1.5, None, {}]}, "*~ +", True, []]
    values: dict[Any, Iterator[Any]] = {
        str: cycle(texts),
        int: cycle((2**53 + 1, -1, 0)),
        bool: cycle((True, False)),
        Any: cycle(anything),
    }
    found = wild(official.request_model(action), values)
    return {name: found[name] for name in found if name not in LEFT_OUT}


def required(action: str) -> list[str]:
    """Return the names of the required parameters."""
    return [
        wire_name(field)
        for field in attrs.fields(OPERATIONS[action])
        if is_required(field)
    ]


@frozen
class Arrived:
    """A request that has arrived, and whose signature has been verified."""

    call: AuthenticatedCall
    in_query: bool
    in_body: bool

    def values(self) -> dict[str, Any]:
        """Return the parameters: nested ones decoded, booleans without their case."""
        kinds = official.fields_of(official.request_model(self.call.action))
        return {
            name: text
            if kinds[name] is str
            else json.loads(text.lower() if kinds[name] is bool else text)
            for name, text in self.call.parameters.items()
        }


@frozen
class Clients:
    """The vendor's client and ours, both of one server."""

    server: Server
    theirs: Any
    ours: CamsClient

    async def send_theirs(self, action: str, parameters: dict[str, Any]) -> Arrived:
        """Send an action by the vendor's method, and return what arrives."""
        model = official.request_with(action, parameters)
        await getattr(self.theirs, f"{method_name(action)}_async")(model)
        return self.arrived()

    async def send_by_name(self, action: str, parameters: dict[str, Any]) -> Arrived:
        """Send an action by `call`, and return what arrives."""
        await self.ours.call(action, parameters)
        return self.arrived()

    async def send_typed(self, action: str, fields: dict[str, Any]) -> Arrived:
        """Send an action by its method, and return what arrives."""
        await getattr(self.ours, method_name(action))(**fields)
        return self.arrived()

    def arrived(self) -> Arrived:
        """Verify and return the last request."""
        method, target, _ = self.server.lines()[-1].decode().split(" ")
        path, _, query = target.partition("?")
        request = WireRequest(
            method=method,
            path=path,
            query=query,
            headers=merge_headers(self.server.headers(-1)),
            body=self.server.bodies[-1],
        )
        gateway = Authenticator(CATALOGUE)
        gateway.register(CREDENTIALS, "account")
        call = gateway.authenticate(request, now=0.0, wall=time.time())
        return Arrived(call, in_query=bool(query), in_body=bool(request.body))


@asynccontextmanager
async def clients(action: str) -> AsyncGenerator[Clients, None]:
    """Run a server that replies with the sample of an action, and two clients of it."""
    body = json.dumps(sample(action)["response"]).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
    async with (
        serving((head.encode() + body,)) as server,
        CamsClient(
            CREDENTIALS, endpoint=server.origin, qps=FAST, throttle=LocalThrottle()
        ) as ours,
    ):
        yield Clients(server, official.client(server.origin, CREDENTIALS), ours)


def check(theirs: Arrived, ours: Arrived) -> None:
    """Check that two requests have the same content, each at its documented place."""
    action, parameters = ours.call.action, ours.call.parameters
    secrets = secret_parameters(action) - MASKED_ONLY
    long = len(signing.canonical_query_string(parameters)) > LONGEST_QUERY
    form = long or not secrets.isdisjoint(parameters)

    assert theirs.call.action == action
    assert theirs.values() == ours.values()
    assert (ours.in_query, ours.in_body) == (bool(parameters) and not form, form)
    documented_form = bool(parameters) and action in FORM_ACTIONS
    assert theirs.in_body is documented_form
    assert theirs.in_query is (bool(parameters) and not documented_form)


@EACH
async def test_wild_values_arrive_as_by_the_official_sdk(action: str) -> None:
    """All parameters and the required ones, in a query and in a form."""
    async with clients(action) as both:
        for texts in (TEXTS, (LONG, *TEXTS)):
            full = wild_parameters(action, texts)
            for parameters in (full, {name: full[name] for name in required(action)}):
                theirs = await both.send_theirs(action, parameters)
                ours = await both.send_by_name(action, parameters)
                assert parameters.keys() == ours.call.parameters.keys()
                check(theirs, ours)


@EACH
async def test_fitting_values_arrive_as_by_the_official_sdk(action: str) -> None:
    """All parameters and the required ones, by `call` and by the typed method."""
    request = sample(action)["request"]
    async with clients(action) as both:
        for full in (True, False):
            names = [*request] if full else required(action)
            parameters = {name: request[name] for name in names}
            theirs = await both.send_theirs(action, parameters)
            assert parameters.keys() == theirs.call.parameters.keys()
            check(theirs, await both.send_by_name(action, parameters))
            fields = fields_of(action, full=full)
            check(theirs, await both.send_typed(action, fields))


# Types

TypesOf: TypeAlias = Callable[[Any, str], Iterator[tuple[str, str]]]

PLAIN = {str: "string", int: "integer", bool: "boolean", Any: "any"}


def vendor_types(kind: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the type of every value in a type of the vendor's models."""
    if get_origin(kind) is list:
        yield from vendor_types(get_args(kind)[0], f"{path}[]")
    elif get_origin(kind) is dict:
        yield from vendor_types(get_args(kind)[1], f"{path}{{}}")
    elif kind in PLAIN:
        yield path, PLAIN[kind]
    else:
        yield path, "object"
        for name, each in official.fields_of(kind).items():
            yield from vendor_types(each, f"{path}.{name}")


def our_types(kind: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the type of every value in an annotation of ours."""
    kinds = [each for each in parts_of(kind)[0] if each is not type(None)]
    origins = [get_origin(each) or each for each in kinds]
    if record := record_in(kinds):
        yield path, "object"
        for name, each in hints_of(record).items():
            yield from our_types(each, f"{path}.{name}")
    elif str in kinds or Secret in kinds or listed_values(kinds):
        yield path, "string"
    elif origins[0] in (tuple, Sequence):
        yield from our_types(get_args(kinds[0])[0], f"{path}[]")
    elif origins[0] is Mapping:
        yield from our_types(get_args(kinds[0])[1], f"{path}{{}}")
    else:
        yield path, PLAIN[kinds[0]]


def hints_of(cls: type[Any]) -> dict[str, Any]:
    """Return the annotations of the fields of a class, by their names on the wire."""
    hints = get_type_hints(cls, include_extras=True)
    return {
        wire_name(field): hints[field.name]
        for field in attrs.fields(cls)
        if field.name not in {"extra", "meta"}
    }


def typed(fields: Mapping[str, Any], types_of: TypesOf) -> dict[str, str]:
    """Return the type of every value in some fields, by its path."""
    return dict(each for name in fields for each in types_of(fields[name], name))


def differences(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """Return a line for each value that is of another type, or only on one side."""
    return "\n".join(
        f"{path}: theirs {theirs.get(path, 'absent')}, ours {ours.get(path, 'absent')}"
        for path in sorted({*theirs, *ours})
        if theirs.get(path) != ours.get(path)
    )


@EACH
def test_parameters_are_those_of_the_official_sdk(action: str) -> None:
    """To full depth."""
    theirs = {
        name: kind
        for name, kind in official.fields_of(official.request_model(action)).items()
        if name not in LEFT_OUT
    }
    found = differences(
        typed(theirs, vendor_types), typed(hints_of(OPERATIONS[action]), our_types)
    )

    assert not found, f"{action}\n{found}"


INTEGER_CODES = {"ListFlowNodeGroup", "ListFlowNodePrototypeV2", "SyncFlow"}

CALLING = "PhoneNumbers[].CallingConfigure.Calling"

UNUSED = {
    "ChatappSyncPhoneNumber": (
        f"{CALLING}.CallHours.CallIconVisibility",
        f"{CALLING}.CallHours.CallbackPermissionStatus",
    ),
    "QueryChatappPhoneNumbers": (
        f"{CALLING}.CallIconVisibility",
        f"{CALLING}.CallbackPermissionStatus",
    ),
}
"""Fields that records share, though only the other action returns them."""


@EACH
def test_response_fields_are_those_of_the_official_sdk(action: str) -> None:
    """To full depth. An action may lack fields that all responses have."""
    theirs = typed(official.fields_of(official.response_model(action)), vendor_types)
    ours = typed(hints_of(OPERATIONS[action].response()), our_types)
    if action in INTEGER_CODES:
        ours["Code"] = "integer"
    for name in {*hints_of(Response), *UNUSED.get(action, ())} - theirs.keys():
        del ours[name]
    found = differences(theirs, ours)

    assert not found, f"{action}\n{found}"
    assert "RequestId" in theirs
    assert ("Code" not in theirs) is (action in CODELESS)


def test_a_change_of_the_official_sdk_is_shown() -> None:
    """The lines above name what is new, gone and changed."""
    theirs = {"To": "string", "List[].Size": "integer", "New{}": "any"}
    ours = {"To": "string", "List[].Size": "string", "Old": "boolean"}

    assert (
        "List[].Size: theirs integer, ours string\n"
        "New{}: theirs any, ours absent\n"
        "Old: theirs absent, ours boolean"
    ) == differences(theirs, ours)


def test_methods_and_actions_are_those_of_the_official_sdk() -> None:
    """The name of a method is the vendor's, too."""
    client = official.load("alibabacloud_cams20200606.client").Client

    assert {*CATALOGUE} == official.actions()
    assert [] == [a for a in CATALOGUE if not hasattr(client, method_name(a))]
