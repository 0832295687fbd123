"""The catalogue: the facts of all actions, and everything that reads them."""

import ast
import inspect
import json
import logging
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import field, frozen

import cams_async
from cams_async.client import CamsClient
from cams_async.emulator import Emulator
from cams_async.errors import (
    CamsError,
    ConfigurationError,
    ConnectionLost,
    DecodeError,
)
from cams_async.methods import call_by_name
from cams_async.models import Response
from cams_async.operations import CATALOGUE, OPERATIONS, Operation, catalogue
from cams_async.operations.catalogue import (
    DEFAULT_QPS,
    MASKED_ONLY,
    facts_of,
    secret_parameters,
)
from cams_async.operations.names import misspelt
from cams_async.protocol import call_of
from cams_async.secret import Secret
from tests import official
from tests.fakes import (
    CREDENTIALS,
    ONE_ATTEMPT,
    VERIFIED,
    RecordingTransport,
    Watched,
    make,
    response,
)

PACKAGE = Path(cams_async.__path__[0])

FACTS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "samples" / "catalogue.json").read_text("utf-8")
)
"""Extracted from the vendor's SDK 5.3.1 and its documentation, once."""

EACH = pytest.mark.parametrize("action", CATALOGUE)

SECRETS = [
    (action, name) for action, facts in CATALOGUE.items() for name in facts.secrets
]

CANARY = "canary-value"


# The rows


def test_every_row_equals_the_extracted_facts() -> None:
    """No row differs or is missing. The official SDK shows whether one is invented."""
    rows = {
        action: {**facts._asdict(), "secrets": [*facts.secrets]}
        for action, facts in CATALOGUE.items()
    }

    assert FACTS == {action: rows[action] for action in FACTS}


def test_rows_are_sorted_within_journeys_and_read_only() -> None:
    """A row is found by eye."""
    journeys = list(dict.fromkeys(facts.journey for facts in CATALOGUE.values()))
    order = sorted(CATALOGUE, key=lambda a: (journeys.index(CATALOGUE[a].journey), a))

    assert 18 == len(journeys)
    assert order == [*CATALOGUE]
    assert not hasattr(CATALOGUE, "__setitem__")


@EACH
def test_the_action_that_verifies_is_a_listed_retry_safe_one(action: str) -> None:
    """An unknown outcome is resolved without another one."""
    verify_with = CATALOGUE[action].verify_with

    assert verify_with is None or CATALOGUE[verify_with].retry_safe
    assert action != verify_with


@EACH
async def test_an_unknown_outcome_names_the_action_that_verifies(action: str) -> None:
    """The error has it, so that a program can act on it."""
    lost = RecordingTransport(ConnectionLost("lost", outcome="unknown"))
    with pytest.raises(ConnectionLost) as caught:
        await make(lost, retry=ONE_ATTEMPT).call(action)

    assert caught.value.outcome == "unknown"
    assert caught.value.verify_with == CATALOGUE[action].verify_with


@EACH
def test_rate_limits_are_floats_above_zero(action: str) -> None:
    """None stands for a rate limit that is not documented."""
    qps = CATALOGUE[action].qps

    assert qps is None or (type(qps) is float and qps > 0)


def test_actions_and_secrets_are_those_of_the_official_sdk() -> None:
    """Each action has a response there, and each secret is one of its parameters."""
    models = official.load("alibabacloud_cams20200606.models")

    assert [] == [name for name in CATALOGUE if not hasattr(models, f"{name}Response")]
    for action, name in SECRETS:
        request = getattr(models, f"{action}Request")
        assert f"'{name}'" in inspect.getsource(request.to_map)


def test_the_catalogue_is_plain_data() -> None:
    """Everything may import it, because it imports nothing of the package."""
    modules = [
        node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(ast.parse(inspect.getsource(catalogue)))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert {"collections.abc", "functools", "types", "typing"} == {*modules}


# The operations


def repetitions(source: str) -> Iterator[str]:
    """Yield the facts that classes of listed actions state themselves."""
    for cls in ast.walk(ast.parse(source)):
        if isinstance(cls, ast.ClassDef) and cls.name in CATALOGUE:
            for node in cls.body:
                if isinstance(node, ast.AnnAssign | ast.Assign):
                    targets = node.targets if isinstance(node, ast.Assign) else []
                    name = ast.unparse(getattr(node, "target", None) or targets[0])
                    if name in {"qps", "retry_safe", "verify_with"}:
                        yield f"{cls.name}.{name}"


def test_no_class_of_the_package_repeats_its_row() -> None:
    """A repeated fact would drift."""
    stated = [
        each
        for path in sorted(PACKAGE.rglob("*.py"))
        for each in repetitions(path.read_text("utf-8"))
    ]

    assert [] == stated


def test_a_repeated_fact_is_found() -> None:
    """The search above finds both forms of a statement."""
    source = "class ListFlow:\n qps: ClassVar[float] = 5.0\n retry_safe = True\n x = 1"

    assert ["ListFlow.qps", "ListFlow.retry_safe"] == [*repetitions(source)]


@pytest.mark.parametrize("action", OPERATIONS)
def test_an_operation_has_the_facts_of_its_row(action: str) -> None:
    """`qps` is a float also where the row has none."""
    facts, cls = CATALOGUE[action], OPERATIONS[action]

    assert (facts.qps or DEFAULT_QPS) == cls.qps
    assert facts.retry_safe is cls.retry_safe
    assert facts.verify_with == cls.verify_with


def test_an_own_class_of_a_listed_action_has_the_facts_of_its_row() -> None:
    """It only adds fields and a response."""

    @frozen(kw_only=True)
    class ListFlow(Operation[Response]):
        """A listed action, for which the package has no class."""

        cust_space_id: str = field()

    @frozen(kw_only=True)
    class SendChatappMessage(Operation[Response]):
        """Another one."""

    assert (5.0, True, None) == (ListFlow.qps, ListFlow.retry_safe, None)
    call = call_of(SendChatappMessage())
    assert (250.0, False, "ListChatappMessage") == (
        call.qps,
        call.retry_safe,
        call.verify_with,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("qps", 10.0), ("retry_safe", True), ("verify_with", "ListFlow")],
)
def test_an_own_class_cannot_contradict_its_row(name: str, value: object) -> None:
    """The error names the class, both values and the catalogue."""
    expected = rf"^UpdatePhoneMessageQrdl\.{name} is {value!r}, but .* in the catalogue"
    with pytest.raises(TypeError, match=expected):
        type("UpdatePhoneMessageQrdl", (Operation,), {name: value})


@frozen(kw_only=True)
class SyncFlow(Operation[Response]):
    """A listed action without a documented rate limit."""


@frozen(kw_only=True)
class WhatsappCall(Operation[Response]):
    """Another one, whose class states a rate limit."""

    qps: ClassVar[float] = 2.0


@frozen(kw_only=True)
class Unlisted(Operation[Response]):
    """An action that is not listed, with facts of its own."""

    qps: ClassVar[float] = 3.0
    retry_safe: ClassVar[bool] = True
    verify_with: ClassVar[str | None] = "ListFlow"


@frozen(kw_only=True)
class Silent(Operation[Response]):
    """An action that is not listed and states nothing."""


@frozen(kw_only=True)
class Derived(Unlisted):
    """An action that takes the facts of its base."""


@pytest.mark.parametrize(
    ("operation", "qps", "ceiling"),
    [
        (SyncFlow(), 5.0, 7),
        (WhatsappCall(), 2.0, 2.0),
        (Unlisted(), 3.0, 3.0),
        (Derived(), 3.0, 3.0),
        (Silent(), 5.0, 7),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_the_default_ceiling_is_for_operations_that_state_none(
    operation: Operation[Response], qps: float, ceiling: float
) -> None:
    """`ceiling` and `send` agree."""
    throttle = Watched()
    client = make(RecordingTransport(VERIFIED), throttle=throttle, default_qps=7)
    await client.send(operation)

    assert qps == operation.qps
    assert ceiling == client.ceiling(operation)
    assert [ceiling] == [scope.qps for scope in throttle.scopes]


def test_an_unlisted_operation_may_state_its_facts() -> None:
    """They reach the call."""
    call = call_of(Unlisted())

    assert (3.0, True, "ListFlow") == (call.qps, call.retry_safe, call.verify_with)


# Secrets


@EACH
def test_secrets_are_known_by_action_and_by_name(action: str) -> None:
    """Names that always hold a secret count for every action; `Code` does not."""
    always = {"AccessToken", "AuthenticationCode", "IsvCode", "VerifyCode"}

    assert always | {*CATALOGUE[action].secrets} == secret_parameters(action)
    assert always == secret_parameters("AnAction")
    assert {"IsvCode"} == MASKED_ONLY


@pytest.mark.parametrize(("action", "name"), SECRETS)
async def test_each_secret_parameter_is_masked_and_kept_out_of_the_url(
    action: str, name: str
) -> None:
    """An error that quotes the value shows a mask; only `IsvCode` may be in a URL."""
    transport = RecordingTransport(
        response({"Code": "Bad", "RequestId": "r", "Message": f"bad {CANARY}"}, 400)
    )
    with pytest.raises(CamsError, match=r"bad \*\*\*") as caught:
        await make(transport).call(action, {name: CANARY})

    assert CANARY not in str(caught.value)
    assert (CANARY in transport.seen[0].url) is (name in MASKED_ONLY)
    made = call_by_name(action, {name: CANARY}, retry_safe=None)
    assert made.parameters == {name: Secret(CANARY)}


@pytest.mark.parametrize(
    "action", [name for name, facts in CATALOGUE.items() if facts.returns_secret]
)
async def test_a_response_that_holds_a_secret_is_masked_in_errors(action: str) -> None:
    """By `call`, and for an operation of a user."""
    broken = response({"Data": {"AccessKeySecret": CANARY}})
    operation = frozen(kw_only=True)(types.new_class(action, (Operation[Response],)))
    client = make(RecordingTransport(broken), retry=ONE_ATTEMPT)
    with pytest.raises(DecodeError) as called:
        await client.call(action)
    with pytest.raises(DecodeError) as sent:
        await client.send(operation())

    for error in (called.value, sent.value):
        assert CANARY not in str(error)
        assert b"***" == error.body


# Names


@EACH
def test_no_documented_name_is_a_typing_error(action: str) -> None:
    """Though some are more similar to each other than typing errors are."""
    assert misspelt(action) is None


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("SendChatappMesage", "SendChatappMessage"),
        ("sendchatappmessage", "SendChatappMessage"),
        ("send_chatapp_message", "SendChatappMessage"),
        ("GetFlowJSONAsset", "GetFlowJSONAssest"),
        ("ListWhatsAppTemplate", "ListWhatAppTemplate"),
        ("GetPhoneNumberVerificationStatuses", "GetPhoneNumberVerificationStatus"),
    ],
)
@pytest.mark.parametrize("make_it", [CamsClient, Emulator])
def test_a_misspelt_action_has_no_rate_limit(
    make_it: Any, name: str, near: str
) -> None:
    """The limit would have no effect: a typing error must not send at full rate."""
    expected = f"^qps: unknown action '{name}'; did you mean {near}\\?$"
    arguments = [CREDENTIALS] if make_it is CamsClient else []
    with pytest.raises(ConfigurationError, match=expected) as caught:
        make_it(*arguments, qps={name: 1})

    assert "qps" == caught.value.field


@pytest.mark.parametrize("make_it", [CamsClient, Emulator])
def test_an_unknown_action_is_warned_of_once(
    make_it: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """`call` takes any action, so a new one of the service may have a limit."""
    caplog.set_level(logging.DEBUG, "cams_async")
    arguments = [CREDENTIALS] if make_it is CamsClient else []
    name = f"Novelty{make_it.__name__}"
    for _ in range(3):
        make_it(*arguments, qps={name: 1, "ListFlow": 2})

    expected = f"a rate limit is set for '{name}', which is no documented action"
    assert [("WARNING", expected)] == [
        (record.levelname, record.getMessage()) for record in caplog.records
    ]


@pytest.mark.parametrize("value", [{5: 1}, {"": 1}])
def test_an_emulated_action_has_a_name(value: Any) -> None:
    """Other keys are refused."""
    with pytest.raises(ConfigurationError, match=r"^qps: must have names of actions"):
        Emulator(qps=value)


# The emulator


def test_the_emulator_enforces_the_listed_rate_limits() -> None:
    """Of every action that it executes, unless it is given another."""
    service = Emulator(phone_numbers=1, qps={"ChatappSyncPhoneNumber": 2})._service
    ceilings = {
        action: service._new_calls(action).ledger.ceiling for action in service._actions
    }
    expected = {action: facts_of(action).qps or DEFAULT_QPS for action in ceilings}

    assert {*OPERATIONS} == ceilings.keys()
    assert {**expected, "ChatappSyncPhoneNumber": 2.0} == ceilings
