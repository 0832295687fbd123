"""Canaries travel everywhere a secret does, and are seen nowhere.

Key secret, security token, one-time code and signature go through every public object
and every failure. What is shown of those is gathered: `repr`, `str`, `format`, logs,
hook events, the texts of whole chains of exceptions, and tracebacks with the values of
local variables, as `traceback`, rich and error trackers collect them.
"""

import ast
import asyncio
import json
import logging
import math
import pickle
import time
import traceback
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import Any, cast

import attrs
import pytest
import rich.traceback
from aiohttp import web
from aiohttp.test_utils import TestServer
from attrs import evolve
from cattrs import Converter
from multidict import CIMultiDict

import cams_async
from cams_async.client import CamsClient
from cams_async.credentials import Credentials, EnvironmentCredentials
from cams_async.emulator import CannedResponse, Emulator, Fault
from cams_async.endpoints import parse_endpoint
from cams_async.errors import CamsError, CredentialsError
from cams_async.models import CallEvent
from cams_async.operations import ChatappMigrationVerified
from cams_async.protocol import HttpResponse, Request, build_request, call_of
from cams_async.redis import RedisThrottle
from cams_async.redis.server import RedisServer
from cams_async.retry import RetryPolicy
from cams_async.secret import Secret
from cams_async.sources import CredentialsUri, ProfileCredentials
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
        self.sent = asyncio.Event()

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

    def add_frames(self, error: BaseException) -> None:
        """Gather a traceback as rich shows it, and as an error tracker walks it."""
        told = rich.traceback.Traceback.extract(
            type(error),
            error,
            error.__traceback__,
            show_locals=True,
            locals_max_length=10_000,
            locals_max_string=10_000,
        )
        for stack in told.stacks:
            self.texts.append(stack.exc_value)
            for each in stack.frames:
                self.texts += [str(node) for node in (each.locals or {}).values()]
        for frame in frames_of_ours(error):
            for value in frame.f_locals.values():
                self.texts += walk(value)

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


PACKAGE = Path(cams_async.__file__).parent


def frames_of_ours(error: BaseException | None) -> Iterator[FrameType]:
    """Yield the frames of this package behind an error and all that is behind it."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if PACKAGE in Path(frame.f_code.co_filename).parents:
                yield frame
        error = error.__cause__ or error.__context__


def walk(value: object, levels: int = 2) -> Iterator[str]:
    """Yield how a value is shown, and all that it holds, some levels deep."""
    yield repr(value)
    if levels:
        for inner in held_by(value):
            yield from walk(inner, levels - 1)


def held_by(value: object) -> list[object]:
    """Return the items or attributes of a value; a secret shows none."""
    if isinstance(value, Secret | Shown):  # the latter gathers what leaves
        return []
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value)
        return [*items.keys(), *items.values()]
    if isinstance(value, list | tuple | set | frozenset):
        return list(cast("list[object]", value))
    slots = [
        name
        for cls in type(value).__mro__
        for name in cast("dict[str, Any]", vars(cls)).get("__slots__", ())
        if hasattr(value, name)
    ]
    attributes = [getattr(value, name) for name in slots]
    return [*attributes, *getattr(value, "__dict__", {}).values()]


class Spy(AiohttpTransport):
    """Remembers the signatures that leave."""

    def __init__(self, shown: Shown, **options: Any) -> None:
        super().__init__(**options)
        self.shown = shown

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Remember, and go on."""
        self.shown.add_request(request)

        def leave() -> None:
            on_sent()
            self.shown.sent.set()

        return await super().exchange(request, timeout=timeout, on_sent=leave)


class Echo(Spy):
    """A server that sends back all that it was told, the worst way it can."""

    def __init__(self, shown: Shown, make: Callable[[str], tuple[int, bytes]]) -> None:
        super().__init__(shown)
        self.make = make

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Send it back."""
        del timeout
        self.shown.add_request(request)
        on_sent()
        echo = f"{request.url} {dict(request.headers)} {SECRET}"
        status, body = self.make(echo)
        named = {"server": echo, "via": echo, "x-acs-request-id": echo}
        return HttpResponse(status, CIMultiDict(named), body)


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
        "retry": RetryPolicy(base=0.0, throttled_for=0.0),
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
        shown.add_frames(error)
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
        for add in (Shown.add_error, Shown.add_frames):
            shown = Shown()
            try:
                leak(value)
            except LookupError as caught:
                caught.__cause__ = error
                add(shown, caught)

            with pytest.raises(AssertionError):
                shown.check()


@attrs.frozen
class Holder:
    """Something that shows nothing of what it holds."""

    held: object = attrs.field(repr=False)


@pytest.mark.parametrize(
    "value",
    [CODE, [CODE], {CODE: 1}, ({1: CODE},), Holder(CODE), Holder([CODE])],
    ids=lambda value: type(value).__name__,
)
def test_the_walk_finds_what_is_held(value: object) -> None:
    """Two levels deep."""
    assert any(CODE in text for text in walk(value))
    assert not any(CODE in text for text in walk(Holder(Holder(Holder(CODE)))))


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
        HttpResponse(200, {"X": TOKEN}, CODE.encode()),
        [CREDENTIALS, {"a": MIGRATION}],
        attrs.asdict(CREDENTIALS),
        attrs.astuple(MIGRATION),
        json.dumps(attrs.asdict(MIGRATION), default=str),
        Converter().unstructure(MIGRATION),
        Converter().unstructure([CREDENTIALS]),
    ):
        shown.add(value)


@pytest.mark.parametrize(
    "value",
    [
        CREDENTIALS,
        MIGRATION,
        call_of(MIGRATION),
        build_request(
            call_of(MIGRATION),
            endpoint=parse_endpoint("https://cams.example"),
            credentials=CREDENTIALS,
            date=0.0,
            nonce="n",
        ),
        CamsClient(CREDENTIALS),
        CamsClient(CredentialsUri(f"http://user:{SECRET}@host/?{TOKEN}")),
        CamsClient(CREDENTIALS, proxy=f"http://user:{SECRET}@host"),
        AiohttpTransport(proxy=f"http://user:{SECRET}@host"),
        RedisThrottle.from_url(f"redis://user:{SECRET}@host"),
        RedisServer(f"redis://user:{SECRET}@host"),
        CredentialsUri(f"http://user:{SECRET}@host/?{TOKEN}"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_holds_a_secret_holds_it_masked(value: object, shown: Shown) -> None:
    """Who walks through its attributes finds no text."""
    shown.texts += walk(value)


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
        shown.add_frames(caught.value)


@SPELLINGS
@pytest.mark.parametrize(
    "fault",
    [
        *(fault for fault in Fault if fault is not Fault.HANG),
        CannedResponse(status=400, body=b'{"Code":"SomeCode","Message":"m"}'),
        CannedResponse(status=200, body=b'{"Code":"OK","RequestId":"i","Data":"m"}'),
        CannedResponse(status=200, body=b"x" * (2**20 + 1)),
        CannedResponse(status=302, headers={"Location": "/"}),
    ],
    ids=str,
)
async def test_failures_on_the_wire_show_nothing(
    fault: Any, spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """Resets, nonsense and refusals, with a warning for each resend."""
    emulator.faults.rate(fault, 1.0)
    error = await go(client(emulator, shown), spelling, shown)

    # To an untyped call, no shape is wrong.
    assert error is not None or spelling is by_call


ECHOES: dict[str, Callable[[str], tuple[int, bytes]]] = {
    "refusal": lambda echo: (
        400,
        as_json(Code="SignatureDoesNotMatch", RequestId="i", Message=echo),
    ),
    "throttled": lambda echo: (
        400,
        as_json(Code="Throttling", RequestId="i", Message=echo),
    ),
    "detail": lambda echo: (
        403,
        as_json(Code="Ram.PermissionDeny", RequestId="i", AccessDeniedDetail=[echo]),
    ),
    "code": lambda echo: (400, as_json(Code=f"Invalid.{echo}", RequestId=echo)),
    "no code": lambda echo: (400, as_json(RequestId=echo)),
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
    emulator.faults.rate(Fault.HANG, 1.0)

    await fail(client(emulator, shown, **options), spelling, shown)


@SPELLINGS
async def test_closing_shows_nothing(
    spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """Neither the call that it cuts short, nor the one that comes too late."""
    emulator.faults.rate(Fault.HANG, 1.0)
    cams = client(emulator, shown)
    call = asyncio.create_task(spelling(cams))
    await shown.signed.wait()
    await cams.aclose()
    await asyncio.wait([call])
    error = call.exception()

    assert error is not None

    shown.add_error(error)
    shown.add_frames(error)
    await fail(cams, spelling, shown)


async def by_timeout(call: Coroutine[Any, Any, Any], shown: Shown) -> None:
    """End a call in flight by a time-out of the caller's own."""

    async def end(bound: asyncio.Timeout) -> None:
        await shown.sent.wait()
        bound.reschedule(0)

    async with asyncio.timeout(None) as bound:
        end_soon = asyncio.create_task(end(bound))
        await call
    await end_soon


async def by_wait_for(call: Coroutine[Any, Any, Any], shown: Shown) -> None:
    """Bound a call by `wait_for`."""
    del shown
    await asyncio.wait_for(call, 0.05)


async def by_cancel(call: Coroutine[Any, Any, Any], shown: Shown) -> None:
    """Cancel the task of a call in flight."""
    task = asyncio.create_task(call)
    await shown.sent.wait()
    task.cancel()
    await task


async def by_group(call: Coroutine[Any, Any, Any], shown: Shown) -> None:
    """Fail beside a call in flight, in a group of tasks."""
    tasks: list[asyncio.Task[Any]] = []

    async def fail_soon() -> None:
        await shown.sent.wait()
        raise LookupError

    with pytest.raises(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(call), group.create_task(fail_soon())]
    await tasks[0]


ENDINGS = pytest.mark.parametrize(
    "ending",
    [by_timeout, by_wait_for, by_cancel, by_group],
    ids=lambda ending: ending.__name__,
)

Ending = Callable[[Coroutine[Any, Any, Any], Shown], Coroutine[Any, Any, None]]


@SPELLINGS
@ENDINGS
async def test_a_call_that_is_ended_from_outside_shows_nothing(
    ending: Ending, spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """The caller's own time-out and cancellation, while the request is in flight."""
    emulator.faults.rate(Fault.HANG, 1.0)
    async with client(emulator, shown) as cams:
        with pytest.raises((TimeoutError, asyncio.CancelledError)) as caught:
            await ending(spelling(cams), shown)
    shown.add_error(caught.value)
    shown.add_frames(caught.value)

    assert list(frames_of_ours(caught.value))


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
    emulator.faults.rate(CannedResponse(body=ok), 1.0)
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
    shown.add_frames(caught.value)


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
        shown.add_frames(caught.value)


BAD: dict[str, Callable[[], object]] = {
    "a secret": lambda: Credentials("LTAI-canaries-owner", SECRET + "\n"),
    "a secret of bytes": lambda: Credentials("LTAI-canaries-owner", as_any([SECRET])),
    "a key id beside": lambda: Credentials("", SECRET, TOKEN),
    "a token": lambda: Credentials("LTAI-canaries-owner", SECRET, TOKEN + " "),
    "an end": lambda: Credentials("id", SECRET, TOKEN, as_any("tomorrow")),
    "an argument": lambda: as_any(Credentials)("id", SECRET, TOKEN, None, "more"),
    "a change": lambda: evolve(CREDENTIALS, security_token=Secret(f"{TOKEN} ")),
    "a change beside": lambda: evolve(MIGRATION, phone_number="none"),
    "a proxy": lambda: CamsClient(proxy=f"http://user:{SECRET}@[::1"),
    "a proxy's port": lambda: CamsClient(proxy=f"http://user:{SECRET}@host:port"),
    "a proxy's scheme": lambda: CamsClient(proxy=f"socks5://user:{SECRET}@host"),
    "no proxy": lambda: CamsClient(proxy=as_any([SECRET])),
    "a region": lambda: CamsClient(region="x", proxy=f"http://user:{SECRET}@host"),
    "an option": lambda: as_any(CamsClient)(CREDENTIALS, proxy=SECRET, no=1),
    "a redis": lambda: RedisThrottle.from_url(f"redis://:{SECRET}@host:port"),
    "a secret redis": lambda: RedisThrottle.from_url(Secret(f"http://:{SECRET}@host")),
    "no redis": lambda: RedisThrottle.from_url(as_any([SECRET])),
    "a pad": lambda: RedisThrottle.from_url(f"redis://:{SECRET}@host", margin=-1),
    "an option of redis": lambda: as_any(RedisThrottle.from_url)(SECRET, no=1),
}


def as_any(value: Any) -> Any:
    """Hide from type checkers that a value is wrong."""
    return value


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_made_shows_nothing(name: str, shown: Shown) -> None:
    """Neither the value that is wrong, nor those beside it."""
    with pytest.raises((CamsError, TypeError)) as caught:
        BAD[name]()
    shown.add_error(caught.value)
    shown.add_frames(caught.value)


def test_a_proxy_of_the_environment_shows_nothing(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it is not usable."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{SECRET}@[::1")
    with pytest.raises(CamsError) as caught:
        CamsClient(CREDENTIALS)
    shown.add_error(caught.value)
    shown.add_frames(caught.value)


@asynccontextmanager
async def credentials_service(
    handler: Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]],
) -> AsyncGenerator[str]:
    """Run a service that hands out credentials; yield its address, with secrets."""
    app = web.Application()
    app.router.add_get("/credentials", handler)
    server = TestServer(app)
    await server.start_server(access_log=None)  # a server's log is its own business
    try:
        yield f"http://user:{SECRET}@{server.host}:{server.port}/credentials?t={TOKEN}"
    finally:
        await server.close()


async def test_a_credentials_uri_shows_nothing(
    emulator: Emulator, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the account, which names the scope in every snapshot and in Redis."""

    async def serve(request: web.Request) -> web.Response:
        assert request.query["t"] == TOKEN
        assert request.headers["authorization"].startswith("Basic ")
        key = CREDENTIALS.access_key_id
        return web.json_response(
            {
                "Code": "Success",
                "AccessKeyId": key,
                "AccessKeySecret": SECRET,
                "SecurityToken": TOKEN,
                "Expiration": "2999-01-01T00:00:00Z",
            }
        )

    async with credentials_service(serve) as uri:
        monkeypatch.setenv("ALIBABA_CLOUD_CREDENTIALS_URI", uri)
        for provider in (CredentialsUri(uri), CredentialsUri(Secret(uri)), None):
            async with client(emulator, shown, credentials=provider) as cams:
                with pytest.raises(CamsError, match="does not exist"):
                    await by_send(cams)
                snapshot = cams.snapshot()
                shown.texts += [*walk(cams), *walk(snapshot)]

                assert [scope.account for scope in snapshot] == [
                    uri.partition("?")[0].replace(f"user:{SECRET}@", "")
                ]


@ENDINGS
async def test_fetching_credentials_that_is_ended_from_outside_shows_nothing(
    ending: Ending, emulator: Emulator, shown: Shown
) -> None:
    """The address is in no frame."""
    ended = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        shown.sent.set()
        await ended.wait()
        return web.Response()

    async with credentials_service(hang) as uri:
        provider = CredentialsUri(uri)
        del uri
        async with client(emulator, shown, credentials=provider) as cams:
            with pytest.raises((TimeoutError, asyncio.CancelledError)) as caught:
                await ending(by_send(cams), shown)
            ended.set()
    shown.add_error(caught.value)
    shown.add_frames(caught.value)


@pytest.mark.parametrize(
    "response",
    [
        web.Response(status=500),
        web.Response(text=SECRET),
        web.json_response({"Code": "Success", "AccessKeySecret": SECRET}),
        web.json_response(
            {
                "Code": "Success",
                "AccessKeyId": "x",
                "AccessKeySecret": f"{SECRET}\n",
                "SecurityToken": TOKEN,
                "Expiration": "2999-01-01T00:00:00Z",
            }
        ),
    ],
    ids=["status", "text", "fields", "value"],
)
async def test_credentials_that_cannot_be_used_show_nothing(
    response: web.Response, shown: Shown
) -> None:
    """Nor does the provider's own traceback."""

    async def serve(_: web.Request) -> web.Response:
        return response

    async with credentials_service(serve) as uri:
        provider = CredentialsUri(uri)
        del uri
        with pytest.raises(CredentialsError) as caught:
            await provider.get()
    shown.add_error(caught.value)
    shown.add_frames(caught.value)


@pytest.mark.parametrize(
    "changes",
    [{"mode": "OAuth"}, {"access_key_id": ""}, {"access_key_secret": f"{SECRET}\n"}],
    ids=str,
)
async def test_a_profile_that_cannot_be_used_shows_nothing(
    changes: dict[str, str], shown: Shown, tmp_path: Path
) -> None:
    """Nor does the provider's own traceback."""
    path = tmp_path / "config.json"
    profile = {
        "name": "p",
        "mode": "StsToken",
        "access_key_id": "x",
        "access_key_secret": SECRET,
        "sts_token": TOKEN,
        **changes,
    }
    del changes
    path.write_text(json.dumps({"current": "p", "profiles": [profile]}))
    del profile
    with pytest.raises(CredentialsError) as caught:
        await ProfileCredentials(path=path).get()
    shown.add_error(caught.value)
    shown.add_frames(caught.value)


async def test_an_environment_that_cannot_be_used_shows_nothing(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does the provider's own traceback."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET)
    monkeypatch.setenv("ALIBABA_CLOUD_SECURITY_TOKEN", f"{TOKEN} ")
    with pytest.raises(CredentialsError) as caught:
        await EnvironmentCredentials().get()
    shown.add_error(caught.value)
    shown.add_frames(caught.value)


REVEALING = {
    "secret",  # defines it
    "signing",
    "wire",
    "protocol",  # what is signed
    "masking",  # what an answer must not quote
    "transport",
    "sources",  # the account of a credentials URI
    "redis.server",  # what connects
    "proxies",  # which hop an error names
    "cli.emulator",  # prints the key of an emulator that it has made
}
"""The modules that may reveal a secret."""


def test_few_modules_reveal_a_secret() -> None:
    """Everywhere else it stays wrapped."""
    revealing = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr == "reveal")
        or (isinstance(node, ast.alias) and node.name == "reveal")
    }

    assert revealing == REVEALING


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
