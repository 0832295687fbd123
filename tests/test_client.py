"""The client: its arguments, its lifetime, its options and its methods."""

import asyncio
import copy
import inspect
import json
import math
import pickle
import re
import socket
import ssl
import sys
import traceback
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, TypeVar, get_type_hints
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import trustme

from cams_async.client import CamsClient
from cams_async.credentials import EnvironmentCredentials
from cams_async.emulator import CannedResponse, Emulator, Fault
from cams_async.errors import (
    ClientClosed,
    ConfigurationError,
    ConnectionLost,
    CredentialsError,
    DecodeError,
    InvalidOperation,
    RequestTimeout,
)
from cams_async.models import CallEvent, CodeVerificationStatus, Response, Scope
from cams_async.operations import (
    OPERATIONS,
    GetPhoneNumberVerificationStatus,
    Operation,
)
from cams_async.retry import RetryPolicy
from cams_async.throttle import LocalThrottle
from tests.clock import Clock
from tests.fakes import (
    CREDENTIALS,
    FAST,
    LOST,
    MIGRATION,
    STATUS,
    VERIFIED,
    RecordingTransport,
    Watched,
    make,
)

ACTION = type(STATUS).__name__

CANARY = "canary-value"

R = TypeVar("R", bound=Response)

PEM = "-----BEGIN PUBLIC KEY-----\nMAcA++///78A\n-----END PUBLIC KEY-----\n"


class Half:
    """A throttle that lacks most of what it needs."""

    def acquire(self) -> None:
        """Do nothing."""


def configured(**options: Any) -> CamsClient:
    """Make a client with credentials, if none are given."""
    options.setdefault("credentials", CREDENTIALS)
    return CamsClient(**options)


class TestArguments:
    """A bad argument is named before anything is opened."""

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ({"credentials": "LTAI"}, "credentials"),
            ({"credentials": object()}, "credentials"),
            ({"region": ""}, "region"),
            ({"region": "mars-1"}, "region"),
            ({"region": 5}, "region"),
            ({"region": "", "endpoint": "http://127.0.0.1"}, "region"),
            ({"region": 5, "endpoint": "http://127.0.0.1"}, "region"),
            ({"endpoint": ""}, "endpoint"),
            ({"endpoint": "cams.example"}, "endpoint"),
            ({"endpoint": "https://cams.example/path"}, "endpoint"),
            ({"endpoint": "http://cams.example"}, "endpoint"),
            ({"endpoint": "https://cams.example\r\nX: y"}, "endpoint"),
            ({"endpoint": 5}, "endpoint"),
            ({"account": ""}, "account"),
            ({"account": 5}, "account"),
            ({"qps": {ACTION: 0}}, "qps"),
            ({"qps": {ACTION: -1}}, "qps"),
            ({"qps": {ACTION: math.nan}}, "qps"),
            ({"qps": {ACTION: math.inf}}, "qps"),
            ({"qps": {ACTION: "10"}}, "qps"),
            ({"qps": {ACTION: True}}, "qps"),
            ({"qps": 10}, "qps"),
            ({"qps": {5: 10}}, "qps"),
            ({"qps": {"": 10}}, "qps"),
            ({"qps": {"SendChatappMesage": 1}}, "qps"),
            ({"default_qps": 0}, "default_qps"),
            ({"default_qps": math.inf}, "default_qps"),
            ({"default_qps": True}, "default_qps"),
            ({"default_qps": None}, "default_qps"),
            ({"throttle": object()}, "throttle"),
            ({"throttle": Half()}, "throttle"),
            ({"retry": None}, "retry"),
            ({"retry": 4}, "retry"),
            ({"timeout": 0}, "timeout"),
            ({"timeout": None}, "timeout"),
            ({"timeout": math.nan}, "timeout"),
            ({"timeout": math.inf}, "timeout"),
            ({"timeout": True}, "timeout"),
            ({"deadline": 0}, "deadline"),
            ({"deadline": -1}, "deadline"),
            ({"deadline": "5"}, "deadline"),
            ({"session": "session"}, "session"),
            ({"session": aiohttp.ClientSession}, "session"),
            ({"ssl": False}, "ssl"),
            ({"proxy": ""}, "proxy"),
            ({"proxy": "proxy:3128"}, "proxy"),
            ({"proxy": "http://proxy:3128\r\nx: y"}, "proxy"),
            ({"proxy": "socks5://proxy:1080"}, "proxy"),
            ({"proxy": "http://"}, "proxy"),
            ({"proxy": "http://[::1"}, "proxy"),
            ({"proxy": 3128}, "proxy"),
            ({"max_response": 0}, "max_response"),
            ({"max_response": 1.5}, "max_response"),
            ({"max_response": True}, "max_response"),
            ({"hooks": print}, "hooks"),
            ({"hooks": [print, None]}, "hooks"),
            ({"hooks": "print"}, "hooks"),
        ],
        ids=str,
    )
    def test_an_unusable_argument_is_named(
        self, options: dict[str, Any], field: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By a ConfigurationError, and no socket is opened."""
        opened: list[object] = []
        monkeypatch.setattr(socket, "socket", opened.append)
        with pytest.raises(ConfigurationError) as caught:
            configured(**options)

        assert field == caught.value.field
        assert str(caught.value).startswith(f"{field}: ")
        assert opened == []

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ({"timeout": 0}, "timeout"),
            ({"deadline": math.nan}, "deadline"),
            ({"retry": None}, "retry"),
            ({"hooks": 5}, "hooks"),
        ],
        ids=str,
    )
    def test_with_options_checks_too(self, options: dict[str, Any], field: str) -> None:
        """By the same rules."""
        with pytest.raises(ConfigurationError) as caught:
            CamsClient(CREDENTIALS).with_options(**options)

        assert field == caught.value.field

    @pytest.mark.parametrize("name", ["acquire", "snapshot", "aclose"])
    def test_a_throttles_missing_method_is_named(self, name: str) -> None:
        """The error names it."""

        class Lacking(LocalThrottle):
            def __getattribute__(self, asked: str) -> Any:
                if asked == name:
                    raise AttributeError(asked)
                return super().__getattribute__(asked)

        with pytest.raises(ConfigurationError, match=f"must have a method {name}"):
            CamsClient(CREDENTIALS, throttle=Lacking())

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"credentials": None},
            {"credentials": EnvironmentCredentials()},
            {"endpoint": "http://localhost:8080"},
            {"endpoint": "http://[::1]:8080"},
            {"endpoint": "http://cams.example", "allow_http": True},
            {"region": "mars-1", "endpoint": "https://cams.mars.example"},
            {"qps": {"AnyAction": 0.001}},
            {"deadline": 1},
            {"proxy": "http://user:secret@proxy:3128"},
            {"ssl": ssl.create_default_context()},
            {"hooks": (each for each in [print])},
        ],
        ids=str,
    )
    def test_a_usable_argument_is_taken(self, options: dict[str, Any]) -> None:
        """Without a running loop, and without opening anything."""
        assert repr(configured(**options)).startswith("CamsClient(endpoint=")

    async def test_no_credentials_anywhere_names_the_variables(self) -> None:
        """At the first call, and nothing is sent."""
        transport = RecordingTransport(VERIFIED)
        cams = CamsClient(transport=transport, throttle=LocalThrottle())
        with pytest.raises(CredentialsError) as caught:
            await cams.send(STATUS)

        assert "ALIBABA_CLOUD_ACCESS_KEY_ID" in str(caught.value)
        assert "ALIBABA_CLOUD_CREDENTIALS_URI" in str(caught.value)
        assert str(Path(".aliyun", "config.json")) in str(caught.value)
        assert (ACTION, []) == (caught.value.action, transport.seen)

    async def test_credentials_are_found_in_the_environment(
        self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As the ten-line example has it."""
        found = emulator.credentials
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", found.access_key_id)
        monkeypatch.setenv(
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET", found.access_key_secret.reveal()
        )
        async with CamsClient(
            endpoint=emulator.endpoint, throttle=LocalThrottle()
        ) as cams:
            number = emulator.phone_numbers[0]
            response = await cams.chatapp_sync_phone_number(
                cust_space_id=number.cust_space_id
            )

        assert len(response.phone_numbers) == 100


class TestScopes:
    """Ceilings are counted in the region that is talked to."""

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, "ap-southeast-1"),
            ({"region": "ap-southeast-1"}, "ap-southeast-1"),
            (
                {"endpoint": "https://cams.ap-southeast-1.aliyuncs.com"},
                "ap-southeast-1",
            ),
            (
                {"endpoint": "https://cams.ap-southeast-1.aliyuncs.com", "region": "x"},
                "ap-southeast-1",
            ),
            ({"endpoint": "https://cams.example", "region": "mars-1"}, "mars-1"),
            ({"endpoint": "https://cams.example:444/"}, "https://cams.example:444"),
        ],
        ids=str,
    )
    def test_the_region_is_that_of_the_origin(
        self, options: dict[str, Any], expected: str, clock: Clock
    ) -> None:
        """However it was named: two clients of one origin share a ceiling."""
        throttle = Watched()
        transport = RecordingTransport(VERIFIED)

        async def main() -> None:
            await CamsClient(
                CREDENTIALS, transport=transport, throttle=throttle, **options
            ).send(STATUS)

        clock.run(main())

        assert [expected] == [scope.region for scope in throttle.scopes]

    def test_clients_share_one_throttle(self, clock: Clock) -> None:
        """If they are given none; `snapshot` shows what it is doing."""

        async def main() -> tuple[CamsClient, CamsClient]:
            one, other = (
                CamsClient(
                    CREDENTIALS,
                    account="shared by nobody else",
                    transport=RecordingTransport(VERIFIED),
                )
                for _ in range(2)
            )
            await one.send(STATUS)
            await other.send(STATUS)
            return one, other

        one, other = clock.run(main())
        scope = Scope(
            account="shared by nobody else",
            region="ap-southeast-1",
            action=ACTION,
            qps=10.0,
        )

        assert one.snapshot()[scope].cooling == 2
        assert other.snapshot()[scope].cooling == 2


class TestLife:
    """A client opens late and closes once."""

    async def test_nothing_is_opened_before_the_first_call(
        self, emulator: Emulator
    ) -> None:
        """Nor need anything be closed."""
        async with CamsClient(emulator.credentials, endpoint=emulator.endpoint):
            pass
        CamsClient(emulator.credentials, endpoint=emulator.endpoint)

        assert emulator.report().actions == ()

    async def test_it_can_be_used_without_a_context(self, emulator: Emulator) -> None:
        """Then `aclose` ends it; twice is fine."""
        cams = CamsClient(
            emulator.credentials, endpoint=emulator.endpoint, throttle=LocalThrottle()
        )
        number = emulator.phone_numbers[0]
        await cams.chatapp_sync_phone_number(cust_space_id=number.cust_space_id)
        await cams.aclose()
        await cams.aclose()

        with pytest.raises(ClientClosed, match="the client was closed"):
            await cams.chatapp_sync_phone_number(cust_space_id="s")

    async def test_leaving_the_context_closes(self) -> None:
        """Well or not, and the error passes."""
        transport = RecordingTransport(VERIFIED)
        with pytest.raises(LookupError):
            async with make(transport):
                raise LookupError

        assert transport.closed == 1

    async def test_a_throttle_is_never_closed(self) -> None:
        """It may be others' too."""
        throttle = LocalThrottle()
        for _ in range(2):
            async with make(RecordingTransport(VERIFIED), throttle=throttle) as cams:
                await cams.send(STATUS)

    async def test_a_callers_session_stays_open(self, emulator: Emulator) -> None:
        """Nothing is added to it."""
        async with aiohttp.ClientSession() as session:
            async with CamsClient(
                emulator.credentials,
                endpoint=emulator.endpoint,
                session=session,
                throttle=LocalThrottle(),
            ) as cams:
                await cams.chatapp_sync_phone_number(cust_space_id="cams-0001")

                assert session.trace_configs == []

            assert not session.closed
            assert session.trace_configs == []


class TestOptions:
    """`with_options` is another way to the same client."""

    async def test_a_child_shares_and_closes_nothing(self) -> None:
        """Nor does leaving its context."""
        transport = RecordingTransport(VERIFIED)
        async with make(transport) as cams:
            async with cams.with_options(timeout=1) as child:
                await child.send(STATUS)
            await child.aclose()

            assert transport.closed == 0

            await cams.send(STATUS)

        assert (1, 2) == (transport.closed, len(transport.seen))

    async def test_only_what_is_given_differs(self) -> None:
        """Also through several generations; the parent is untouched."""
        transport = RecordingTransport(VERIFIED)
        events: list[CallEvent] = []
        async with make(
            transport, timeout=1, deadline=9, hooks=[events.append]
        ) as cams:
            child = cams.with_options(timeout=2, retry=RetryPolicy(attempts=1))
            grandchild = child.with_options(deadline=None, hooks=[])
            await cams.send(STATUS)
            await child.send(STATUS)
            await grandchild.send(STATUS)

        assert [1, 2, 2] == transport.timeouts
        assert len(events) == 2
        assert (9, 9, None) == (
            cams._options.deadline,
            child._options.deadline,
            grandchild._options.deadline,
        )
        assert cams._options.retry == RetryPolicy()

    async def test_a_subclass_stays_one(self) -> None:
        """With whatever it has of its own."""

        class Mine(CamsClient):
            mine = 0

        cams = Mine(CREDENTIALS)
        cams.mine = 5
        child = cams.with_options(timeout=1)

        assert isinstance(child, Mine)
        assert child.mine == 5


class TestSecrecy:
    """A client shows little and cannot be copied."""

    def test_repr_masks_the_key(self) -> None:
        """The endpoint and the first letters of the key id, no more."""
        cams = CamsClient(CREDENTIALS)

        expected = (
            "CamsClient(endpoint='https://cams.ap-southeast-1.aliyuncs.com', "
            "access_key_id='LTAI***')"
        )
        assert expected == repr(cams) == str(cams)

    def test_repr_names_the_kind_of_provider(self) -> None:
        """Not what it holds."""
        cams = CamsClient(EnvironmentCredentials(), endpoint="http://localhost:1")

        assert (
            "CamsClient(endpoint='http://localhost:1', "
            "credentials=EnvironmentCredentials)"
        ) == repr(cams)

    @pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
    def test_it_refuses_copies(self, duplicate: Any) -> None:
        """It holds secrets and connections."""
        with pytest.raises(TypeError, match="CamsClient cannot be pickled"):
            duplicate(CamsClient(CREDENTIALS))


class TestOperations:
    """One line for each action, and `send` for all."""

    async def test_the_methods_reach_the_server(
        self, emulator: Emulator, client: CamsClient
    ) -> None:
        """All five of them, with typed responses."""
        number = next(
            number
            for number in emulator.phone_numbers
            if emulator.verification_status(number.phone_number)
            == CodeVerificationStatus.VERIFIED
        )
        phone, space = number.phone_number, number.cust_space_id
        status = await client.get_phone_number_verification_status(
            phone_number=phone, cust_space_id=space
        )
        synced = await client.chatapp_sync_phone_number(cust_space_id=space)
        await client.update_phone_encryption_public_key(
            phone_number=phone, encryption_public_key=PEM, cust_space_id=space
        )
        code = emulator.qrdl_code(phone)
        qrdl = await client.update_phone_message_qrdl(
            phone_number=phone,
            generate_qr_image="PNG",
            prefilled_message="ä b*~+",
            qrdl_code=code,
        )
        migrated = await client.chatapp_migration_verified(
            phone_number=phone,
            cust_space_id=space,
            verify_code=emulator.verify_code(phone),
        )

        assert status.data.code_verification_status is CodeVerificationStatus.VERIFIED
        assert phone in {each.phone_number for each in synced.phone_numbers}
        assert emulator.encryption_public_key(phone) == PEM
        assert qrdl.data.prefilled_message == "ä b*~+"
        assert emulator.qrdl_code(phone) == qrdl.data.qrdl_code != code
        assert migrated.data.id == number.id
        assert emulator.report().held
        assert 5 == len(emulator.report().actions)

    async def test_send_takes_the_operation_as_a_value(
        self, emulator: Emulator, client: CamsClient
    ) -> None:
        """The response is the same."""
        number = emulator.phone_numbers[0]
        operation = GetPhoneNumberVerificationStatus(
            phone_number=number.phone_number, cust_space_id=number.cust_space_id
        )
        response = await client.send(operation)

        assert response.data.phone_number == number.phone_number

    @pytest.mark.parametrize("name", sorted(OPERATIONS))
    def test_help_shows_each_method_as_it_is(self, name: str) -> None:
        """The name, the fields, the response and the docstring of its operation."""
        operation = OPERATIONS[name]
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
        method = getattr(CamsClient, snake)
        signature = inspect.signature(method)
        own, *rest = signature.parameters.values()
        hints = get_type_hints(method)

        assert snake == method.__name__
        assert f"CamsClient.{snake}" == method.__qualname__
        assert "cams_async.client" == method.__module__
        assert operation.__doc__ == method.__doc__
        assert ("self", inspect.Parameter.POSITIONAL_ONLY) == (own.name, own.kind)
        assert [*inspect.signature(operation).parameters] == [
            each.name for each in rest
        ]
        assert {**hints, "return": None} == get_type_hints(
            inspect.unwrap(operation.__init__), vars(sys.modules[operation.__module__])
        ) | {"return": None}
        assert all(each.kind is each.KEYWORD_ONLY for each in rest)
        assert operation.response() is signature.return_annotation is hints["return"]
        assert {field.name for field in rest} == hints.keys() - {"return"}
        assert inspect.iscoroutinefunction(method)

    @pytest.mark.parametrize(
        ("args", "fields", "expected"),
        [
            ((), {}, "missing 3 required keyword-only arguments: "),
            ((), {"verify_code": CANARY, "nope": 1}, "got an unexpected keyword"),
            ((CANARY,), {}, "takes 1 positional argument but 2 were given"),
        ],
    )
    async def test_wrong_arguments_are_reported_under_the_methods_name(
        self, args: tuple[str, ...], fields: dict[str, Any], expected: str
    ) -> None:
        """No value appears in the error, its context or a frame."""
        untyped: Any = make(RecordingTransport(VERIFIED))
        with pytest.raises(TypeError) as caught:
            await untyped.chatapp_migration_verified(*args, **fields)
        error = caught.value
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        text = "".join(line for line in shown.format() if "test_client.py" not in line)

        assert str(error).startswith(f"chatapp_migration_verified() {expected}")
        assert error.__suppress_context__
        assert CANARY not in text

    async def test_a_subclass_that_overrides_send_sees_each_operation(
        self,
    ) -> None:
        """The methods of actions go through `send`; `call` does not."""

        class Counting(CamsClient):
            sent = 0

            async def send(self, operation: Operation[R]) -> R:
                self.sent += 1
                return await super().send(operation)

        transport = RecordingTransport(VERIFIED)
        cams = Counting(
            CREDENTIALS,
            endpoint="http://127.0.0.1:1",
            throttle=LocalThrottle(),
            transport=transport,
        )
        await cams.send(STATUS)
        await cams.get_phone_number_verification_status(
            phone_number="8613800000000", cust_space_id="s"
        )
        await cams.call("AnAction")

        assert (2, 3) == (cams.sent, len(transport.seen))

    async def test_a_bad_field_fails_before_anything_is_sent(self) -> None:
        """The error names it."""
        transport = RecordingTransport(VERIFIED)
        cams = make(transport)
        with pytest.raises(InvalidOperation) as caught:
            await cams.chatapp_sync_phone_number(cust_space_id="")

        assert ("cust_space_id", []) == (caught.value.field, transport.seen)

    async def test_a_value_that_cannot_travel_fails_before_anything_is_sent(
        self,
    ) -> None:
        """Half a surrogate pair is no Unicode; the error names action and field."""
        transport = RecordingTransport(VERIFIED)
        cams = make(transport)
        with pytest.raises(InvalidOperation) as caught:
            await cams.chatapp_sync_phone_number(cust_space_id="\ud800")

        assert "ChatappSyncPhoneNumber" == caught.value.action
        assert ("CustSpaceId", []) == (caught.value.field, transport.seen)

    @pytest.mark.parametrize(
        "nonsense", [None, "GetPhoneNumberVerificationStatus", type(STATUS), {}]
    )
    async def test_send_takes_operations_only(self, nonsense: Any) -> None:
        """A name, a class or a dict is refused by a typed error."""
        with pytest.raises(InvalidOperation, match="send takes an operation, not"):
            await make(RecordingTransport(VERIFIED)).send(nonsense)


def query(transport: RecordingTransport) -> dict[str, str]:
    """Return the parameters of the last request."""
    parts = urlsplit(transport.seen[-1].url)
    pairs = parse_qs(parts.query, keep_blank_values=True, strict_parsing=True)
    return {name: value for name, (value,) in pairs.items()}


class TestCall:
    """Any action of CAMS, by name."""

    async def test_the_response_is_as_it_stood_on_the_wire(self) -> None:
        """A plain dict."""
        response = await make(RecordingTransport(VERIFIED)).call("AnAction")

        assert response == json.loads(VERIFIED.body)

    async def test_values_travel_as_text_or_json(self) -> None:
        """Those that are None stay out; an empty text does not."""
        transport = RecordingTransport(VERIFIED)
        await make(transport).call(
            "AnAction",
            {
                "Text": "ä b",
                "Empty": "",
                "None": None,
                "Number": 5,
                "True": True,
                "List": [1, "zwei", None],
                "Object": {"A": {"b": 0.5}},
            },
        )

        assert transport.seen[0].action == "AnAction"
        assert query(transport) == {
            "Text": "ä b",
            "Empty": "",
            "Number": "5",
            "True": "true",
            "List": '[1,"zwei",null]',
            "Object": '{"A":{"b":0.5}}',
        }

    async def test_no_parameters_are_fine(self) -> None:
        """There are actions without any."""
        transport = RecordingTransport(VERIFIED)
        await make(transport).call("AnAction", {})

        assert transport.seen[0].url == "http://127.0.0.1:1/"

    @pytest.mark.parametrize(
        ("action", "parameters", "field"),
        [
            ("", {}, "action"),
            (None, {}, "action"),
            ("An Action", {}, "action"),
            ("An\r\nAction", {}, "action"),
            ("Äction", {}, "action"),
            ("1Action", {}, "action"),
            ("AnAction\n", {}, "action"),
            ("AnAction", {"": "x"}, "parameters"),
            ("AnAction", {5: "x"}, "parameters"),
            ("AnAction", {"\ud800": "x"}, "parameters"),
            ("AnAction", {"A\0": "x"}, "parameters"),
            ("AnAction", [("A", "x")], "parameters"),
            ("AnAction", "A=x", "parameters"),
            ("AnAction", {"A": object()}, "A"),
            ("AnAction", {"A": math.nan}, "A"),
            ("AnAction", {"A": "\ud800"}, "A"),
            ("AnAction", {"A": ["\ud800"]}, "A"),
        ],
    )
    async def test_what_cannot_be_sent_is_named(
        self, action: Any, parameters: Any, field: str
    ) -> None:
        """By an InvalidOperation, before anything is sent."""
        transport = RecordingTransport(VERIFIED)
        with pytest.raises(InvalidOperation) as caught:
            await make(transport).call(action, parameters)

        assert (field, []) == (caught.value.field, transport.seen)
        assert (None if field == "action" else action) == caught.value.action

    @pytest.mark.parametrize(
        ("action", "expected"),
        [
            ("AnAction", 5.0),
            ("UpdatePhoneMessageQrdl", 5.0),
            (ACTION, 10.0),
            ("SendChatappMessage", 250.0),
            ("GetPreValidatePhoneId", 10.0),
            ("WhatsappCall", 5.0),
        ],
    )
    async def test_its_ceiling_is_the_documented_one_or_five(
        self, action: str, expected: float
    ) -> None:
        """An action without a documented rate limit is taken for a slow one."""
        throttle = Watched()
        await make(RecordingTransport(VERIFIED), throttle=throttle).call(action)

        assert [expected] == [scope.qps for scope in throttle.scopes]

    @pytest.mark.parametrize(
        ("action", "expected"),
        [
            ("AnAction", 7),
            ("WhatsappCall", 7),
            ("SyncFlow", 9),
            ("SendChatappMessage", 250),
            (ACTION, 50),
        ],
    )
    async def test_the_default_ceiling_can_be_set(
        self, action: str, expected: float
    ) -> None:
        """It replaces no documented one, and `qps` wins over both."""
        throttle = Watched()
        client = make(
            RecordingTransport(VERIFIED),
            throttle=throttle,
            default_qps=7,
            qps={"SyncFlow": 9, ACTION: 50},
        )
        await client.call(action)

        assert [expected] == [scope.qps for scope in throttle.scopes]

    @pytest.mark.parametrize(
        ("action", "retry_safe", "expected"),
        [
            ("AnAction", None, 1),
            ("AnAction", False, 1),
            ("AnAction", True, 2),
            (ACTION, None, 2),
            (ACTION, False, 1),
            (ACTION, True, 2),
            ("ListFlow", None, 2),
            ("ListFlow", False, 1),
            ("GetPermissionByCode", None, 1),
            ("GetPermissionByCode", True, 1),
            ("SendChatappMessage", None, 1),
            ("SendChatappMessage", True, 1),
            (type(MIGRATION).__name__, None, 1),
            (type(MIGRATION).__name__, False, 1),
            (type(MIGRATION).__name__, True, 1),
        ],
    )
    def test_it_is_resent_as_it_says_unless_that_is_unsafe(
        self, action: str, *, retry_safe: bool | None, expected: int, clock: Clock
    ) -> None:
        """A one-time code is never sent twice."""
        transport = RecordingTransport(LOST, VERIFIED)

        async def main() -> None:
            calling: Awaitable[Any] = make(transport).call(
                action, retry_safe=retry_safe
            )
            await asyncio.gather(calling, return_exceptions=True)

        clock.run(main())

        assert expected == len(transport.seen)

    async def test_an_unknown_outcome_has_the_hint_of_the_catalogue(self) -> None:
        """It names the read action; an unlisted action has none."""
        transport = RecordingTransport(LOST, VERIFIED)
        with pytest.raises(ConnectionLost) as caught:
            await make(transport).call("AnAction")
        with pytest.raises(ConnectionLost, match=ACTION):
            await make(RecordingTransport(LOST)).call(type(MIGRATION).__name__)
        with pytest.raises(ConnectionLost, match="Call ListChatappMessage to find"):
            await make(RecordingTransport(LOST)).call("SendChatappMessage")

        assert ("unknown", None) == (caught.value.outcome, caught.value.hint)
        assert len(transport.seen) == 1

    async def test_it_reaches_the_server(
        self, emulator: Emulator, client: CamsClient
    ) -> None:
        """Signed and checked like the rest."""
        number = emulator.phone_numbers[0]
        response = await client.call(
            ACTION,
            {"PhoneNumber": number.phone_number, "CustSpaceId": number.cust_space_id},
        )

        assert response["Data"]["PhoneNumber"] == number.phone_number


class TestOverSockets:
    """Whole calls against a server that judges them."""

    async def test_calls_at_once_share_the_pool(
        self, emulator: Emulator, client: CamsClient
    ) -> None:
        """A few hundred calls are each completed, and the ceiling holds."""
        numbers = emulator.phone_numbers[:300]
        responses = await asyncio.gather(
            *[
                client.get_phone_number_verification_status(
                    phone_number=number.phone_number, cust_space_id=number.cust_space_id
                )
                for number in numbers
            ]
        )

        assert [number.phone_number for number in numbers] == [
            response.data.phone_number for response in responses
        ]
        assert emulator.report().held

    @pytest.mark.parametrize(
        "fault",
        [
            Fault.RESET_BEFORE,
            Fault.RESET_AFTER,
            Fault.UNAVAILABLE_BEFORE,
            Fault.TRUNCATED,
            Fault.GARBAGE,
            Fault.THROTTLED,
        ],
    )
    async def test_a_read_survives_trouble(
        self, fault: Fault, emulator: Emulator, client: CamsClient
    ) -> None:
        """It is retried, and completed."""
        emulator.faults.next(fault)
        number = emulator.phone_numbers[0]
        quick = client.with_options(retry=RetryPolicy(base=0.0))
        response = await quick.get_phone_number_verification_status(
            phone_number=number.phone_number, cust_space_id=number.cust_space_id
        )

        assert response.meta is not None
        assert response.meta.attempts == 2
        assert emulator.faults.queued == 0

    async def test_a_time_out_is_an_attempts_own(
        self, emulator: Emulator, client: CamsClient
    ) -> None:
        """A server that never responds ends it, and nothing is left over."""
        # Over a connection that stands already, sending takes no time at all.
        await client.chatapp_sync_phone_number(cust_space_id="cams-0001")
        emulator.faults.next(Fault.HANG)
        tight = client.with_options(timeout=0.05, retry=RetryPolicy(attempts=1))
        with pytest.raises(RequestTimeout) as caught:
            await tight.chatapp_sync_phone_number(cust_space_id="cams-0001")

        assert ("unknown", 1) == (caught.value.outcome, caught.value.attempts)

    async def test_the_size_of_a_response_is_bounded(self, emulator: Emulator) -> None:
        """By `max_response`, in bytes."""
        async with CamsClient(
            emulator.credentials,
            endpoint=emulator.endpoint,
            max_response=1000,
            retry=RetryPolicy(attempts=1),
            throttle=LocalThrottle(),
        ) as cams:
            with pytest.raises(DecodeError, match="larger than 1000 bytes"):
                await cams.chatapp_sync_phone_number(cust_space_id="cams-0001")

    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            (b"<html><body>Sign in to the Wi-Fi</body></html>", "text/html"),
            (
                '{"Code": "OK", "RequestId": "ä"}'.encode("latin-1"),
                "a/b; charset=utf-8",
            ),
            ('{"Code": "OK"}'.encode("cp037"), "application/json; charset=none"),
            (b"", "application/json"),
            (b"[" * 100_000, "application/json"),
            (
                b'{"Code": "OK", "RequestId": ' + b"9" * 10_000 + b"}",
                "application/json",
            ),
        ],
        ids=["html", "latin-1", "ebcdic", "empty", "deep", "long number"],
    )
    async def test_a_hostile_response_is_a_typed_error(
        self, body: bytes, content_type: str, emulator: Emulator, client: CamsClient
    ) -> None:
        """Under a status of 200, too."""
        headers = {"Content-Type": content_type}
        emulator.faults.next(CannedResponse(body=body, headers=headers))
        once = client.with_options(retry=RetryPolicy(attempts=1))
        with pytest.raises(DecodeError) as caught:
            await once.chatapp_sync_phone_number(cust_space_id="cams-0001")

        assert (200, body) == (caught.value.http_status, caught.value.body)

    async def test_a_proxy_is_taken_from_the_environment(
        self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """For an endpoint on this machine, only one that is passed."""
        asked: list[str] = []

        async def serve(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            asked.append((await reader.readuntil(b"\r\n\r\n")).decode().split()[1])
            size = len(VERIFIED.body)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            writer.write(VERIFIED.body)
            await reader.read()
            writer.close()

        def make_client(endpoint: str) -> CamsClient:
            return CamsClient(
                emulator.credentials,
                endpoint=endpoint,
                allow_http=True,
                throttle=LocalThrottle(),
            )

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as proxy:
            port: int = proxy.sockets[0].getsockname()[1]
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
            async with make_client("http://cams.invalid") as cams:
                await cams.call("ByProxy")
            async with make_client(emulator.endpoint) as cams:
                await cams.chatapp_sync_phone_number(cust_space_id="cams-0001")
        (report,) = emulator.report().actions

        assert ["http://cams.invalid/"] == asked
        assert ("ChatappSyncPhoneNumber", 1) == (report.action, report.arrivals)

    async def test_tls_works_with_a_context_of_the_callers(self) -> None:
        """And everything is closed without a warning."""
        authority = trustme.CA()
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(server)
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        async with (
            Emulator(ssl=server, qps=FAST) as emulator,
            CamsClient(
                emulator.credentials,
                endpoint=emulator.endpoint,
                ssl=trusting,
                qps=FAST,
                throttle=LocalThrottle(),
            ) as cams,
        ):
            response = await cams.chatapp_sync_phone_number(cust_space_id="cams-0001")

        assert response.code == "OK"


def test_a_client_returns_its_ceilings() -> None:
    """Bulk callers size their window by it."""
    client = configured(qps={"ChatappMigrationVerified": 50})

    assert (10.0, 50) == (client.ceiling(STATUS), client.ceiling(MIGRATION))
