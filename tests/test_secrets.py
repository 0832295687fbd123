"""Canaries travel everywhere a secret does, and are seen nowhere.

Key secret, security token, one-time code and signature go through every public object
and every failure. What is shown of those is gathered: `repr`, `str`, `format`, logs,
hook events, the texts of whole chains of exceptions, and tracebacks with the values of
local variables, as error trackers collect them.
"""

import asyncio
import json
import logging
import math
import pickle
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from attrs import evolve
from multidict import CIMultiDict

from cams_async.client import CamsClient
from cams_async.credentials import Credentials
from cams_async.emulator import Canned, Emulator, Fault
from cams_async.endpoints import parse_endpoint
from cams_async.errors import CamsError, CredentialsError
from cams_async.models import CallEvent
from cams_async.operations import ChatappMigrationVerified
from cams_async.protocol import Answer, Request, build_request, call_of
from cams_async.retry import RetryPolicy
from cams_async.throttle import LocalThrottle
from cams_async.transport import AiohttpTransport

SECRET = "canary-key-secret"
TOKEN = "canary-security-token"
CODE = "canary-verify-code"
PHONE = "8613812345678"

CREDENTIALS = Credentials("LTAI-canaries-owner", SECRET, TOKEN)

MIGRATION = ChatappMigrationVerified(
    cust_space_id="cams-0001", phone_number=PHONE, verify_code=CODE
)

ACTION = type(MIGRATION).__name__


class Shown:
    """Everything that anybody could have read. Its own `repr` shows nothing."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.signatures: list[str] = []
        self.signed = asyncio.Event()

    def add(self, value: object) -> None:
        """Gather how a value is shown."""
        self.texts += [repr(value), str(value), f"{value}", f"{value!s:>5}"]

    def add_error(self, error: BaseException) -> None:
        """Gather an error, all that is behind it, and its traceback with locals."""
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        self.texts += told.format()
        chain: BaseException | None = error
        while chain is not None:
            self.add(chain)
            self.add(chain.args)
            self.add(vars(chain))
            chain = chain.__cause__ or chain.__context__

    def add_request(self, request: Request) -> None:
        """Gather a request, and know its signature from now on."""
        self.signatures.append(request.headers["authorization"].rpartition("=")[2])
        self.signed.set()
        self.add(request)

    def add_event(self, event: CallEvent) -> None:
        """Gather an event, as a hook."""
        self.add(event)

    def check(self) -> None:
        """Find no canary."""
        secrets = [SECRET, TOKEN, CODE, *self.signatures]
        found = [text for text in self.texts if any(each in text for each in secrets)]

        assert found == []
        assert self.texts


class Spy(AiohttpTransport):
    """Remembers the signatures that leave."""

    def __init__(self, shown: Shown, **options: Any) -> None:
        super().__init__(**options)
        self.shown = shown

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> Answer:
        """Remember, and go on."""
        self.shown.add_request(request)
        return await super().exchange(request, timeout=timeout, on_sent=on_sent)


class Echo(Spy):
    """A server that sends back all that it was told, the worst way it can."""

    def __init__(self, shown: Shown, make: Callable[[str], tuple[int, bytes]]) -> None:
        super().__init__(shown)
        self.make = make

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> Answer:
        """Send it back."""
        del timeout
        self.shown.add_request(request)
        on_sent()
        status, body = self.make(f"{request.url} {dict(request.headers)} {SECRET}")
        return Answer(status, CIMultiDict(), body)


@pytest.fixture
def shown(caplog: pytest.LogCaptureFixture) -> Iterator[Shown]:
    """Gather what is shown, and what is logged at any level; then look for canaries."""
    caplog.set_level(logging.DEBUG)
    gathered = Shown()
    yield gathered
    for record in caplog.get_records("call"):
        logged = caplog.handler.format(record)
        gathered.texts.append(logged)

        assert PHONE not in logged
    gathered.check()


def client(emulator: Emulator, shown: Shown, **options: Any) -> CamsClient:
    """Make a client of the emulator whose every use is watched."""
    emulator.admit(CREDENTIALS)
    options = {
        "credentials": CREDENTIALS,
        "endpoint": emulator.endpoint,
        "throttle": LocalThrottle(),
        "retry": RetryPolicy(base=0.0),
        "hooks": [shown.add_event],
        "transport": Spy(shown),
        **options,
    }
    return CamsClient(**options)


async def by_method(cams: CamsClient) -> None:
    """Send the code as an argument."""
    await cams.chatapp_migration_verified(
        cust_space_id="cams-0001", phone_number=PHONE, verify_code=CODE
    )


async def by_send(cams: CamsClient) -> None:
    """Send the code in an operation."""
    await cams.send(MIGRATION)


async def by_call(cams: CamsClient) -> None:
    """Send the code by its name."""
    await cams.call(
        ACTION, {"CustSpaceId": "cams-0001", "PhoneNumber": PHONE, "VerifyCode": CODE}
    )


SPELLINGS = pytest.mark.parametrize(
    "spelling", [by_method, by_send, by_call], ids=lambda spelling: spelling.__name__
)

Spelling = Callable[[CamsClient], Coroutine[Any, Any, None]]


async def go(cams: CamsClient, spelling: Spelling, shown: Shown) -> CamsError | None:
    """Make a call, and gather its error if it has one."""
    error: CamsError | None = None
    async with cams:
        try:
            await spelling(cams)
        except CamsError as caught:
            error = caught
        shown.add(cams)
    if error is not None:
        shown.add_error(error)
    return error


async def fail(cams: CamsClient, spelling: Spelling, shown: Shown) -> CamsError:
    """Make a call that fails, and gather its error."""
    error = await go(cams, spelling, shown)

    assert error is not None
    return error


def test_the_gathering_finds_what_is_there() -> None:
    """A canary in a local variable, in a cause or in a text is found."""

    def leak(verify_code: str) -> None:
        raise LookupError(len(verify_code))

    for value, error in ((CODE, None), ("", ValueError(TOKEN))):
        shown = Shown()
        try:
            leak(value)
        except LookupError as caught:
            caught.__cause__ = error
            shown.add_error(caught)

        with pytest.raises(AssertionError):
            shown.check()


def test_public_objects_show_nothing(shown: Shown) -> None:
    """Whatever holds a secret masks it."""
    call = call_of(MIGRATION)
    request = build_request(
        call,
        endpoint=parse_endpoint("https://cams.example"),
        credentials=CREDENTIALS,
        date=time.time(),
        nonce="n",
    )
    shown.add_request(request)
    cams = CamsClient(CREDENTIALS)
    for value in (
        CREDENTIALS,
        MIGRATION,
        call,
        cams,
        cams.with_options(timeout=1),
        vars(cams),
        Answer(200, {"X": TOKEN}, CODE.encode()),
        [CREDENTIALS, {"a": MIGRATION}],
    ):
        shown.add(value)


@pytest.mark.parametrize(
    "value",
    [CREDENTIALS, MIGRATION, CamsClient(CREDENTIALS)],
    ids=lambda v: type(v).__name__,
)
def test_what_holds_a_secret_refuses_pickle(value: object, shown: Shown) -> None:
    """In every protocol, and the refusal shows nothing."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot be pickled") as caught:
            pickle.dumps(value, protocol)
        shown.add_error(caught.value)


@SPELLINGS
@pytest.mark.parametrize(
    "fault",
    [
        *(fault for fault in Fault if fault is not Fault.HANG),
        Canned(status=400, body=b'{"Code":"SomeCode","Message":"m"}'),
        Canned(status=200, body=b'{"Code":"OK","RequestId":"i","Data":"m"}'),
        Canned(status=200, body=b"x" * (2**20 + 1)),
        Canned(status=302, headers={"Location": "/"}),
    ],
    ids=str,
)
async def test_failures_on_the_wire_show_nothing(
    fault: Any, spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """Resets, nonsense and refusals, with a warning for each resend."""
    emulator.trouble.rate(fault, 1.0)
    error = await go(client(emulator, shown), spelling, shown)

    # To an untyped call, no shape is wrong.
    assert error is not None or spelling is by_call


ECHOES: dict[str, Callable[[str], tuple[int, bytes]]] = {
    "refusal": lambda echo: (400, as_json(Code="SignatureDoesNotMatch", Message=echo)),
    "throttled": lambda echo: (400, as_json(Code="Throttling", Message=echo)),
    "shape": lambda echo: (200, as_json(Code="OK", RequestId="i", Data=echo)),
    "id": lambda echo: (200, as_json(Code="OK", RequestId=[echo], Data={})),
    "html": lambda echo: (200, f"<html>{echo}</html>".encode()),
    "404": lambda echo: (404, f"<html>{echo}</html>".encode()),
    "503": lambda echo: (503, f"<html>{echo}</html>".encode()),
    "302": lambda echo: (302, echo.encode()),
}


def as_json(**fields: object) -> bytes:
    """Return a JSON object."""
    return json.dumps(fields).encode()


@SPELLINGS
@pytest.mark.parametrize("name", ECHOES)
async def test_an_echo_shows_nothing(
    name: str, spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """A server that quotes the request back quotes it to nobody else."""
    cams = client(emulator, shown, transport=Echo(shown, ECHOES[name]))
    error = await go(cams, spelling, shown)

    # To an untyped call, no shape is wrong.
    assert error is not None or spelling is by_call


@SPELLINGS
async def test_refused_credentials_show_nothing(
    spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """A wrong secret, as the gateway finds out."""
    cams = client(emulator, shown)
    emulator.admit(Credentials("LTAI-canaries-owner", "another", TOKEN))
    error = await fail(cams, spelling, shown)

    assert "SignatureDoesNotMatch" in str(error)


@SPELLINGS
@pytest.mark.parametrize(
    "options",
    [
        {"endpoint": "http://127.0.0.1:1"},
        {"endpoint": "https://127.0.0.1:1"},
        {"endpoint": "http://127.0.0.1:2", "proxied": "http://127.0.0.1:1"},
    ],
    ids=str,
)
async def test_failures_to_connect_show_nothing(
    options: dict[str, Any], spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """Directly or through a proxy."""
    options = dict(options)
    transport = Spy(shown, proxy=options.pop("proxied", None))
    cams = client(emulator, shown, transport=transport, **options)

    await fail(cams, spelling, shown)


@SPELLINGS
@pytest.mark.parametrize(
    "options", [{"timeout": 0.02}, {"deadline": 0.02}], ids=["timeout", "deadline"]
)
async def test_time_outs_show_nothing(
    options: dict[str, Any], spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """Of an attempt, or of the call."""
    emulator.trouble.rate(Fault.HANG, 1.0)

    await fail(client(emulator, shown, **options), spelling, shown)


@SPELLINGS
async def test_closing_shows_nothing(
    spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """Neither the call that it cuts short, nor the one that comes too late."""
    emulator.trouble.rate(Fault.HANG, 1.0)
    cams = client(emulator, shown)
    call = asyncio.create_task(spelling(cams))
    await shown.signed.wait()
    await cams.aclose()
    await asyncio.wait([call])
    error = call.exception()

    assert error is not None

    shown.add_error(error)
    await fail(cams, spelling, shown)


@SPELLINGS
async def test_a_policys_nonsense_shows_nothing(
    spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """Nor does the error that it was asked about."""

    class Nonsense:
        def delay(self, *_: object, **__: object) -> float:
            return math.nan

    transport = Echo(shown, ECHOES["throttled"])
    cams = client(emulator, shown, retry=Nonsense(), transport=transport)

    await fail(cams, spelling, shown)


@SPELLINGS
async def test_a_failing_hook_shows_nothing(
    spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """Its traceback is logged, and there is nothing of ours in it."""

    def broken(_: CallEvent) -> None:
        raise LookupError

    ok = b'{"Code":"OK","RequestId":"i","Data":{"Id":"1"}}'
    emulator.trouble.rate(Canned(body=ok), 1.0)
    async with client(emulator, shown, hooks=[broken, shown.add_event]) as cams:
        await spelling(cams)


HALF = "\ud800"
"""Half of a character: text that cannot travel."""


def by_method_badly(cams: CamsClient) -> Coroutine[Any, Any, Any]:
    """Give a number that is none, beside a code."""
    return cams.chatapp_migration_verified(
        cust_space_id="s", phone_number="none", verify_code=CODE
    )


def by_method_without_a_field(cams: Any) -> Coroutine[Any, Any, Any]:
    """Forget a field."""
    return cams.chatapp_migration_verified(  # type: ignore[no-any-return]
        phone_number=PHONE, verify_code=CODE
    )


def by_send_badly(cams: CamsClient) -> Coroutine[Any, Any, Any]:
    """Give a code that cannot travel."""
    return cams.send(evolve(MIGRATION, verify_code=CODE + HALF))


def by_call_badly(cams: CamsClient) -> Coroutine[Any, Any, Any]:
    """Give a code that has no form on the wire."""
    return cams.call(ACTION, {"VerifyCode": {CODE, SECRET}})


def by_call_of_no_names(cams: CamsClient) -> Coroutine[Any, Any, Any]:
    """Give parameters whose names are none."""
    return cams.call(ACTION, {CODE: SECRET, "": TOKEN})


@pytest.mark.parametrize(
    "spelling",
    [
        by_method_badly,
        by_method_without_a_field,
        by_send_badly,
        by_call_badly,
        by_call_of_no_names,
    ],
    ids=lambda spelling: spelling.__name__,
)
async def test_a_bad_field_shows_no_value(
    spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """An error names the field, never what stood there, nor what stood beside."""
    async with client(emulator, shown) as cams:
        with pytest.raises((CamsError, TypeError)) as caught:
            await spelling(cams)
    shown.add_error(caught.value)


def test_an_operation_that_is_refused_shows_no_value(shown: Shown) -> None:
    """However it is made; the caller's own frame is the caller's to keep clean."""
    fields: dict[str, Any]
    for fields in (
        {"phone_number": "none", "verify_code": CODE},
        {"phone_number": PHONE, "verify_code": [CODE]},
    ):
        untyped: Any = type(MIGRATION)
        with pytest.raises(CamsError) as caught:
            untyped(cust_space_id="s", **fields)
        fields.clear()
        shown.add_error(caught.value)


@SPELLINGS
async def test_a_failing_provider_shows_nothing(
    spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """What it quotes, or holds in its frames, ends with it."""

    class Leaky:
        account = "somebody's"

        def __init__(self, kind: type[Exception]) -> None:
            self.kind = kind

        async def get(self) -> Credentials:
            read = f"{SECRET} {TOKEN}"
            try:
                raise self.kind(str(int(read)))
            except ValueError as error:  # which quotes it
                msg = "unreadable" if issubclass(self.kind, CamsError) else read
                raise self.kind(msg) from error

    for kind in (LookupError, CredentialsError):
        error = await fail(
            client(emulator, shown, credentials=Leaky(kind)), spelling, shown
        )

        assert isinstance(error, CredentialsError)
