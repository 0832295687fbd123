"""Journeys and client methods that are loaded on their first use."""

import ast
import importlib
import inspect
import pickle
import pkgutil
import pydoc
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast, get_type_hints
from unittest.mock import create_autospec

import pytest
from attrs import frozen

from cams_async import CamsClient, lazy, methods, operations
from cams_async.errors import ConfigurationError
from cams_async.lazy import OperationSender, method
from cams_async.models import Response
from cams_async.operations import (
    CATALOGUE,
    OPERATIONS,
    ChatappSyncPhoneNumber,
    GetPhoneNumberVerificationStatus,
    Operation,
    PagedOperation,
    PhoneNumbersResponse,
)
from cams_async.operations.journeys import JOURNEYS, load
from tests.fakes import CREDENTIALS, VERIFIED, RecordingTransport, make
from tests.test_public import run

R = TypeVar("R", bound=Response)

CHECKED = ast.parse(Path(str(operations.__file__)).read_text("utf-8"))

# Each script starts with a client, and reports the journeys that its steps load.
START = """
import json, sys
from unittest.mock import create_autospec
import cams_async
from cams_async import CamsClient, Credentials, operations
from cams_async.operations import OPERATIONS
from cams_async.operations.journeys import JOURNEYS

seen = set()

def loaded():
    now = {name for name in JOURNEYS if f"cams_async.operations.{name}" in sys.modules}
    new = sorted(now - seen)
    seen.update(now)
    return new

cams = CamsClient(Credentials("LTAI", "secret"))
"""


def journeys_after(*steps: str) -> list[list[str]]:
    """Return the journeys that a fresh process loads: at its start, then by steps."""
    script = "".join(f"{step}\nresult.append(loaded())\n" for step in steps)
    found: list[list[str]] = run(
        f"{START}\nresult = [loaded()]\n{script}\nprint(json.dumps(result))"
    )
    return found


ACTIONS = ["ListFlow", "CreateFlow", "ChatappSyncPhoneNumber", "SendChatappMessage"]

# What is loaded, and when


def test_neither_the_import_nor_a_client_loads_a_journey() -> None:
    """Nor does listing names, or the poller, which has operations of its own."""
    assert [[]] * 6 == journeys_after(
        "dir(CamsClient), dir(cams), dir(operations)",
        "list(OPERATIONS), len(OPERATIONS), 'ChatappSyncPhoneNumber' in OPERATIONS",
        "repr(OPERATIONS), 'Nope' in OPERATIONS, OPERATIONS.get('Nope')",
        "cams_async.poller.PerSpace(cams), hasattr(operations, '__wrapped__')",
        "class Own(CamsClient): pass\nOwn(Credentials('LTAI', 'secret'))",
    )


@pytest.mark.parametrize(
    "step",
    [
        "cams.{method}",
        "CamsClient.{method}",
        "class Own(CamsClient): pass\nOwn.{method}",
        "from cams_async.operations import {action}",
        "operations.{action}",
        "OPERATIONS[{action!r}]",
        "operations.{journey}",
        "CamsClient(Credentials('LTAI', 'secret'), preload=[{journey!r}])",
    ],
)
def test_the_first_use_loads_exactly_one_journey(step: str) -> None:
    """The second use of one loads nothing."""
    steps = [
        (journey, step.format(method=methods.method_name(action), **names))
        for action in ACTIONS
        for journey in (CATALOGUE[action].journey,)
        for names in ({"action": action, "journey": journey},)
    ]
    expected: list[list[str]] = []
    for journey, _ in steps:
        expected.append([] if [journey] in expected else [journey])

    assert [[], *expected] == journeys_after(*[text for _, text in steps])


@pytest.mark.slow
def test_an_autospec_of_the_client_loads_all() -> None:
    """It looks at every method, and finds each a coroutine function."""
    assert [[], sorted(JOURNEYS)] == journeys_after("create_autospec(CamsClient)")


def test_a_star_import_loads_all() -> None:
    """The names are those of all operations."""
    steps = [
        "from cams_async.operations import *",
        "ListFlow, UpdatePhoneMessageQrdl",
    ]

    assert [[], sorted(JOURNEYS), []] == journeys_after(*steps)


# The journeys


def test_every_module_with_operations_is_listed() -> None:
    """At run time, and for type checkers."""
    found = [
        info.name
        for info in pkgutil.iter_modules(operations.__path__)
        for module in (importlib.import_module(f"{operations.__name__}.{info.name}"),)
        if any(
            isinstance(value, type)
            and issubclass(value, Operation)
            and value.__module__ == module.__name__
            for value in vars(module).values()
            if value is not Operation and value is not PagedOperation
        )
    ]
    checked = [
        str(node.module).rpartition(".")[2]
        for node in ast.walk(CHECKED)
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    ]

    assert sorted(JOURNEYS) == found
    assert sorted([*JOURNEYS, "common"]) == checked


def test_the_package_has_every_name() -> None:
    """Names of actions are listed. Other names are found, and belong to one module."""
    package: Any = operations
    names: dict[str, str] = {}
    for journey in (*JOURNEYS, "common"):
        for name in load(journey).__all__:
            assert names.setdefault(name, journey) == journey
            assert getattr(load(journey), name) is getattr(operations, name)

    others = {"ActionFacts", "CATALOGUE", "OPERATIONS", "Operation"}
    others |= {"PageNumbers", "PageTokens", "PagedOperation", "Pages"}
    assert sorted({*CATALOGUE, *others}) == package.__all__
    assert {*package.__all__} <= set(dir(operations))
    with pytest.raises(
        AttributeError,
        match=r"^module 'cams_async.operations' has no attribute 'Nope'$",
    ):
        _ = package.Nope


@pytest.mark.parametrize(
    ("name", "journey"),
    [("SendChatappMessageResponse", "messages"), ("Page", None)],
)
def test_a_response_loads_its_journey_only(name: str, journey: str | None) -> None:
    """It is named after its action."""
    assert [[], [journey] if journey else []] == journeys_after(
        f"from cams_async.operations import {name}"
    )


def test_the_registry_is_a_mapping() -> None:
    """An unknown action is a KeyError, and no other name is an action."""
    for action, operation in OPERATIONS.items():
        assert action in OPERATIONS
        assert operation is getattr(operations, action)
    for name in ("Operation", "PhoneNumber", "phone_numbers", None):
        assert name not in OPERATIONS
    with pytest.raises(KeyError, match="PhoneNumber"):
        OPERATIONS["PhoneNumber"]
    assert f"<{len(CATALOGUE)} operations by action>" == repr(OPERATIONS)


@pytest.mark.parametrize(
    ("preload", "expected"),
    [
        (["phone_number"], "'phone_number' is not a journey; did you mean phone_numb"),
        (["qr_codes", "QRCode"], "'QRCode' is not a journey; did you mean qr_codes?"),
        (["x"], "'x' is not a journey; use account, phone_numbers, migration, "),
        ("qr_codes", "must be an iterable of journeys"),
        ([""], "must be an iterable of journeys"),
        ([1], "must be an iterable of journeys"),
        (None, "must be an iterable of journeys"),
    ],
)
def test_only_journeys_can_be_preloaded(preload: Any, expected: str) -> None:
    """The error has a suggestion."""
    with pytest.raises(ConfigurationError) as caught:
        CamsClient(CREDENTIALS, preload=preload)

    assert "preload" == caught.value.field
    assert str(caught.value).startswith(f"preload: {expected}")


# The methods


def stubs() -> dict[str, tuple[str, str]]:
    """Return operation and docstring of each method, as in the source."""
    tree = ast.parse(inspect.getsource(methods.ActionMethods))
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            (decorator,) = node.decorator_list
            name = ast.unparse(decorator).removeprefix("method(lambda: o.")
            found[node.name] = name.removesuffix(")"), str(ast.get_docstring(node))
    return found


def test_a_method_has_the_first_line_of_its_operation() -> None:
    """Editors show it; the methods are grouped as the catalogue is."""
    expected = {
        methods.method_name(action): (
            action,
            inspect.cleandoc(str(OPERATIONS[action].__doc__)).splitlines()[0],
        )
        for action in CATALOGUE
    }

    assert expected == stubs()
    assert [*expected] == [*stubs()]


def test_dir_lists_all_methods() -> None:
    """For completion at run time."""
    assert set(stubs()) <= set(dir(CamsClient))
    assert set(stubs()) <= set(dir(make(RecordingTransport())))


def test_help_is_that_of_a_plain_coroutine_function() -> None:
    """It shows the signature and the operation's docstring."""
    text = pydoc.plain(pydoc.render_doc(CamsClient.chatapp_sync_phone_number))

    assert "chatapp_sync_phone_number(self, /, *, cust_space_id: str) -> cams_" in text
    assert "Rate limit: 10 calls per second and account." in text
    assert inspect.isfunction(CamsClient.chatapp_sync_phone_number)


def test_a_method_pickles_by_its_name() -> None:
    """A process pool can be given the method of the class."""
    function = CamsClient.chatapp_sync_phone_number

    assert function is pickle.loads(pickle.dumps(function))  # noqa: S301 - our own


async def test_an_autospec_takes_what_the_client_takes() -> None:
    """A fake client in a test refuses what the real one would refuse."""
    fake = create_autospec(CamsClient, instance=True)
    await fake.chatapp_sync_phone_number(cust_space_id="s")

    fake.chatapp_sync_phone_number.assert_awaited_once_with(cust_space_id="s")
    with pytest.raises(TypeError, match="missing a required"):
        fake.chatapp_sync_phone_number()
    with pytest.raises(TypeError, match="unexpected keyword argument 'space'"):
        fake.chatapp_sync_phone_number(cust_space_id="s", space="s")


@frozen(kw_only=True)
class Forward(Operation[Response]):
    """An operation with fields whose class follows."""

    part: "Later | None" = None
    parts: tuple["Later", ...] = ()


@frozen
class Later:
    """A part of a request."""


class Recorder(OperationSender):
    """A client of an operation that counts how often it is loaded."""

    loads: ClassVar[list[str]] = []

    def __init__(self) -> None:
        self.sent: list[Operation[Any]] = []

    async def send(self, operation: Operation[R]) -> R:
        """Keep the operation."""
        self.sent.append(operation)
        raise NotImplementedError


def recorder(load: Callable[[], Any]) -> Any:
    """Return a subclass with one method that is made on first access."""

    class Own(Recorder):
        @method(load)
        def act(self) -> None:
            """Act."""

    return Own


def test_names_that_are_defined_later_are_resolved() -> None:
    """Signature and annotations hold classes."""
    act = recorder(lambda: Forward).act
    parameters = inspect.signature(act).parameters

    assert (Later | None, tuple[Later, ...]) == (
        parameters["part"].annotation,
        parameters["parts"].annotation,
    )
    assert inspect.signature(act).return_annotation is Response
    assert get_type_hints(act) == {
        "part": Later | None,
        "parts": tuple[Later, ...],
        "return": Response,
    }


async def test_a_method_is_made_once_for_all_clients_and_subclasses() -> None:
    """The function belongs to the class that declares it."""
    loads: list[int] = []

    def load() -> Any:
        loads.append(1)
        return ChatappSyncPhoneNumber

    base = recorder(load)
    child: Any = type("Child", (base,), {})
    lazily = cast("dict[str, Any]", vars(base))["act"]
    assert ("Act.", False) == (lazily.__doc__, callable(lazily))
    one, two = child(), base()

    assert one.act.__func__ is two.act.__func__ is child.act is base.act
    assert vars(base)["act"] is base.act
    assert "act" not in vars(child)
    assert one.act.__self__ is one
    assert [1] == loads
    with pytest.raises(NotImplementedError):
        await two.act(cust_space_id="s")
    assert ([], [ChatappSyncPhoneNumber(cust_space_id="s")]) == (one.sent, two.sent)


async def test_a_subclass_may_override_a_method() -> None:
    """Its own method comes first, and reaches the inherited one by `super`."""

    class Base(Recorder):
        @method(lambda: ChatappSyncPhoneNumber)
        def act(self) -> None:
            """Act."""

    class Own(Base):
        async def act(self, *, cust_space_id: str) -> PhoneNumbersResponse:
            return await super().act(cust_space_id=cust_space_id.strip())

    own = Own()
    with pytest.raises(NotImplementedError):
        await own.act(cust_space_id=" fixed ")

    assert [ChatappSyncPhoneNumber(cust_space_id="fixed")] == own.sent


def test_threads_get_one_function() -> None:
    """Both load the operation at once; the function made first is used."""
    barrier = threading.Barrier(2, timeout=60)

    def load() -> Any:
        barrier.wait()
        return GetPhoneNumberVerificationStatus

    base = recorder(load)
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(getattr, (base, base), ("act", "act"))

    assert one is two is vars(base)["act"]


def test_a_failed_import_is_tried_again() -> None:
    """The method is not replaced by something that does not work."""
    results: list[Any] = [ImportError("broken"), ChatappSyncPhoneNumber]

    def load() -> Any:
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    base = recorder(load)
    with pytest.raises(ImportError, match="broken"):
        _ = base.act

    assert inspect.iscoroutinefunction(base.act)


async def test_the_first_call_hides_its_arguments_too() -> None:
    """A wrong call is reported under the method's name, without its values."""
    client = recorder(lambda: ChatappSyncPhoneNumber)()
    with pytest.raises(TypeError) as caught:
        await client.act(cust_space="canary-value")
    shown = traceback.TracebackException.from_exception(
        caught.value, capture_locals=True
    )
    frames = [each for each in shown.stack if each.filename == lazy.__file__]

    assert str(caught.value).startswith("act() got an unexpected keyword argument")
    assert frames
    assert "canary" not in f"{[each.locals for each in frames]} {caught.value}"


async def test_a_method_sends() -> None:
    """Through a real client."""
    transport = RecordingTransport(VERIFIED)
    cams = make(transport)
    response = await cams.get_phone_number_verification_status(
        phone_number="8613800000000", cust_space_id="s"
    )

    assert "GetPhoneNumberVerificationStatus" == transport.seen[0].action
    assert response.request_id
