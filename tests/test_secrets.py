"""No secret appears in any output: objects, logs, events, errors and tracebacks.

Canaries stand in for the key secret, the security token, the one-time code and the
signature. They pass through every public object and every failure. `Shown` collects the
output: `repr`, `str`, `format`, logs, hook events, the texts of chained exceptions, and
tracebacks with local variables, as `traceback`, rich and error trackers collect them.
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
from cams_async.transport import AcknowledgedAt, AiohttpTransport, OnSent

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
    """The collected output, in which no secret may appear."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.signatures: list[str] = []
        self.signed = asyncio.Event()
        self.sent = asyncio.Event()

    def add(self, value: object) -> None:
        """Collect the text forms of a value."""
        self.texts += [repr(value), str(value), f"{value}", f"{value!s:>5}"]

    def add_error(self, error: BaseException) -> None:
        """Collect an error, its chained errors, and its traceback with locals."""
        formatted = traceback.TracebackException.from_exception(
            error, capture_locals=True
        )
        self.texts += formatted.format()
        chain: BaseException | None = error
        while chain is not None:
            self.add(chain)
            self.add(chain.args)
            self.add(vars(chain))
            chain = chain.__cause__ or chain.__context__

    def add_frames(self, error: BaseException) -> None:
        """Collect a traceback as rich and as an error tracker show it."""
        extracted = rich.traceback.Traceback.extract(
            type(error),
            error,
            error.__traceback__,
            show_locals=True,
            locals_max_length=10_000,
            locals_max_string=10_000,
        )
        for stack in extracted.stacks:
            self.texts.append(stack.exc_value)
            for each in stack.frames:
                self.texts += [str(node) for node in (each.locals or {}).values()]
        for frame in package_frames(error):
            for value in frame.f_locals.values():
                self.texts += walk(value)

    def add_failure(self, error: BaseException) -> None:
        """Collect an error in both ways."""
        self.add_error(error)
        self.add_frames(error)

    def add_request(self, request: Request) -> None:
        """Collect a request, and look for its signature from now on."""
        self.signatures.append(request.headers["authorization"].rpartition("=")[2])
        self.signed.set()
        self.add(request)

    def add_event(self, event: CallEvent) -> None:
        """Collect an event, as a hook."""
        self.add(event)

    def check(self) -> None:
        """Assert that no secret was collected."""
        secrets = [SECRET, TOKEN, CODE, *self.signatures]
        found = [text for text in self.texts if any(each in text for each in secrets)]

        assert found == []
        assert self.texts


PACKAGE = Path(cams_async.__file__).parent


def package_frames(error: BaseException | None) -> Iterator[FrameType]:
    """Yield the frames of this package in an error and its chained errors."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if PACKAGE in Path(frame.f_code.co_filename).parents:
                yield frame
        error = error.__cause__ or error.__context__


def walk(value: object, levels: int = 2) -> Iterator[str]:
    """Yield the repr of a value and of the values nested in it, some levels deep."""
    yield repr(value)
    if levels:
        for inner in nested_in(value):
            yield from walk(inner, levels - 1)


def nested_in(value: object) -> list[object]:
    """Return the items or attributes of a value; none of a secret."""
    if isinstance(value, Secret | Shown):  # `Shown` holds the signatures to look for
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
    """A transport that records the signatures of requests."""

    def __init__(self, shown: Shown, **options: Any) -> None:
        super().__init__(**options)
        self.shown = shown

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: OnSent
    ) -> HttpResponse:
        """Record the signature, and send the request."""
        self.shown.add_request(request)

        def sent(acknowledged_at: AcknowledgedAt | None = None) -> None:
            on_sent(acknowledged_at)
            self.shown.sent.set()

        return await super().exchange(request, timeout=timeout, on_sent=sent)


class Echo(Spy):
    """A transport whose response quotes the request with its secrets."""

    def __init__(self, shown: Shown, make: Callable[[str], tuple[int, bytes]]) -> None:
        super().__init__(shown)
        self.make = make

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: OnSent
    ) -> HttpResponse:
        """Return the response."""
        del timeout
        self.shown.add_request(request)
        on_sent()
        echo = f"{request.url} {dict(request.headers)} {SECRET}"
        status, body = self.make(echo)
        named = {"server": echo, "via": echo, "x-acs-request-id": echo}
        return HttpResponse(status, CIMultiDict(named), body)


@pytest.fixture
def shown(caplog: pytest.LogCaptureFixture) -> Iterator[Shown]:
    """Collect output and log records, and assert that they hold no secret."""
    caplog.set_level(logging.DEBUG)
    collected = Shown()
    yield collected
    for record in caplog.get_records("call"):
        logged = caplog.handler.format(record)
        collected.texts.append(logged)

        assert PHONE not in logged
    collected.check()


def client(emulator: Emulator, shown: Shown, **options: Any) -> CamsClient:
    """Return a client of the emulator whose output is collected."""
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
    """Pass the code to the method of the action."""
    await cams.chatapp_migration_verified(
        cust_space_id="cams-0001", phone_number=PHONE, verify_code=CODE
    )


async def by_send(cams: CamsClient) -> None:
    """Pass the code in an operation."""
    await cams.send(MIGRATION)


async def by_call(cams: CamsClient) -> None:
    """Pass the code by its name on the wire."""
    await cams.call(
        ACTION, {"CustSpaceId": "cams-0001", "PhoneNumber": PHONE, "VerifyCode": CODE}
    )


SPELLINGS = pytest.mark.parametrize(
    "spelling", [by_method, by_send, by_call], ids=lambda spelling: spelling.__name__
)

Spelling = Callable[[CamsClient], Coroutine[Any, Any, None]]


async def call_with(
    cams: CamsClient, spelling: Spelling, shown: Shown
) -> CamsError | None:
    """Make a call, and collect its error, if any."""
    error: CamsError | None = None
    async with cams:
        try:
            await spelling(cams)
        except CamsError as caught:
            error = caught
        shown.add(cams)
    if error is not None:
        shown.add_failure(error)
    return error


async def fail(cams: CamsClient, spelling: Spelling, shown: Shown) -> CamsError:
    """Make a call that fails, and collect its error."""
    error = await call_with(cams, spelling, shown)

    assert error is not None
    return error


def test_a_leaked_secret_is_detected() -> None:
    """A canary in a local variable, in a cause or in a text fails the check."""

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
    """A value whose repr does not show its content."""

    held: object = attrs.field(repr=False)


@pytest.mark.parametrize(
    "value",
    [CODE, [CODE], {CODE: 1}, ({1: CODE},), Holder(CODE), Holder([CODE])],
    ids=lambda value: type(value).__name__,
)
def test_a_nested_secret_is_detected(value: object) -> None:
    """The walk is two levels deep."""
    assert any(CODE in text for text in walk(value))
    assert not any(CODE in text for text in walk(Holder(Holder(Holder(CODE)))))


def test_public_objects_show_no_secret(shown: Shown) -> None:
    """Objects that hold a secret mask it in their text forms."""
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
def test_attributes_hold_secrets_masked(value: object, shown: Shown) -> None:
    """No attribute of a public object holds a secret as plain text."""
    shown.texts += walk(value)


@pytest.mark.parametrize(
    "value",
    [CREDENTIALS, MIGRATION, CamsClient(CREDENTIALS)],
    ids=lambda v: type(v).__name__,
)
def test_objects_with_secrets_cannot_be_pickled(value: object, shown: Shown) -> None:
    """No protocol works, and the error shows no secret."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot be pickled") as caught:
            pickle.dumps(value, protocol)
        shown.add_failure(caught.value)


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
async def test_failures_on_the_wire_show_no_secret(
    fault: Any, spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """The faults are resets, malformed responses and errors, with logged retries."""
    emulator.faults.rate(fault, 1.0)
    error = await call_with(client(emulator, shown), spelling, shown)

    # A call by name accepts any shape of response.
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
async def test_a_response_that_quotes_the_request_shows_no_secret(
    name: str, spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """Secrets in the body and in the headers are masked."""
    cams = client(emulator, shown, transport=Echo(shown, ECHOES[name]))
    error = await call_with(cams, spelling, shown)

    # A call by name accepts any shape of response.
    assert error is not None or spelling is by_call


@SPELLINGS
async def test_rejected_credentials_show_no_secret(
    spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """The gateway rejects the signature of a wrong secret."""
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
async def test_connect_errors_show_no_secret(
    options: dict[str, Any], spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """The connection fails directly or through a proxy."""
    options = dict(options)
    transport = Spy(shown, proxy=options.pop("proxied", None))
    cams = client(emulator, shown, transport=transport, **options)

    await fail(cams, spelling, shown)


@SPELLINGS
@pytest.mark.parametrize(
    "options", [{"timeout": 0.02}, {"deadline": 0.02}], ids=["timeout", "deadline"]
)
async def test_timeouts_show_no_secret(
    options: dict[str, Any], spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """An attempt times out, or the deadline of the call passes."""
    emulator.faults.rate(Fault.HANG, 1.0)

    await fail(client(emulator, shown, **options), spelling, shown)


@SPELLINGS
async def test_closing_shows_no_secret(
    spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """A call is aborted by closing, and a second call follows after closing."""
    emulator.faults.rate(Fault.HANG, 1.0)
    cams = client(emulator, shown)
    call = asyncio.create_task(spelling(cams))
    await shown.signed.wait()
    await cams.aclose()
    await asyncio.wait([call])
    error = call.exception()

    assert error is not None

    shown.add_failure(error)
    await fail(cams, spelling, shown)


async def by_timeout(call: Coroutine[Any, Any, Any], shown: Shown) -> None:
    """End a call in flight by `asyncio.timeout`."""

    async def end(bound: asyncio.Timeout) -> None:
        await shown.sent.wait()
        bound.reschedule(0)

    async with asyncio.timeout(None) as bound:
        end_soon = asyncio.create_task(end(bound))
        await call
    await end_soon


async def by_wait_for(call: Coroutine[Any, Any, Any], shown: Shown) -> None:
    """End a call by `asyncio.wait_for`."""
    del shown
    await asyncio.wait_for(call, 0.05)


async def by_cancel(call: Coroutine[Any, Any, Any], shown: Shown) -> None:
    """Cancel the task of a call in flight."""
    task = asyncio.create_task(call)
    await shown.sent.wait()
    task.cancel()
    await task


async def by_group(call: Coroutine[Any, Any, Any], shown: Shown) -> None:
    """Fail in the same task group as a call in flight."""
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
async def test_a_cancelled_call_shows_no_secret(
    ending: Ending, spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """The caller cancels the call or times it out, while the request is in flight."""
    emulator.faults.rate(Fault.HANG, 1.0)
    async with client(emulator, shown) as cams:
        with pytest.raises((TimeoutError, asyncio.CancelledError)) as caught:
            await ending(spelling(cams), shown)
    shown.add_failure(caught.value)

    assert list(package_frames(caught.value))


@SPELLINGS
async def test_an_invalid_retry_policy_shows_no_secret(
    spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """The error that the policy was to judge shows none, either."""

    class Invalid:
        def delay(self, *_: object, **__: object) -> float:
            return math.nan

    transport = Echo(shown, ECHOES["throttled"])
    cams = client(emulator, shown, retry=Invalid(), transport=transport)

    await fail(cams, spelling, shown)


@SPELLINGS
async def test_a_failing_hook_shows_no_secret(
    spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """The logged traceback of the hook has no frame of this package."""

    def broken(_: CallEvent) -> None:
        raise LookupError

    ok = b'{"Code":"OK","RequestId":"i","Data":{"Id":"1"}}'
    emulator.faults.rate(CannedResponse(body=ok), 1.0)
    async with client(emulator, shown, hooks=[broken, shown.add_event]) as cams:
        await spelling(cams)


HALF = "\ud800"
"""A lone surrogate, which cannot be encoded."""


def by_method_badly(cams: CamsClient) -> Coroutine[Any, Any, Any]:
    """Pass a malformed number and a code."""
    return cams.chatapp_migration_verified(
        cust_space_id="s", phone_number="none", verify_code=CODE
    )


def by_method_without_a_field(cams: Any) -> Coroutine[Any, Any, Any]:
    """Omit a field."""
    return cams.chatapp_migration_verified(  # type: ignore[no-any-return]
        phone_number=PHONE, verify_code=CODE
    )


def by_send_badly(cams: CamsClient) -> Coroutine[Any, Any, Any]:
    """Pass a code that cannot be encoded."""
    return cams.send(evolve(MIGRATION, verify_code=CODE + HALF))


def by_call_badly(cams: CamsClient) -> Coroutine[Any, Any, Any]:
    """Pass a code of an unsupported type."""
    return cams.call(ACTION, {"VerifyCode": {CODE, SECRET}})


def by_call_of_no_names(cams: CamsClient) -> Coroutine[Any, Any, Any]:
    """Pass parameters with malformed names."""
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
    """The error names the field, and shows neither its value nor that of another."""
    async with client(emulator, shown) as cams:
        with pytest.raises((CamsError, TypeError)) as caught:
            await spelling(cams)
    shown.add_failure(caught.value)


def test_an_invalid_operation_shows_no_value(shown: Shown) -> None:
    """Only the frame of the caller holds the values."""
    fields: dict[str, Any]
    for fields in (
        {"phone_number": "none", "verify_code": CODE},
        {"phone_number": PHONE, "verify_code": [CODE]},
    ):
        untyped: Any = type(MIGRATION)
        with pytest.raises(CamsError) as caught:
            untyped(cust_space_id="s", **fields)
        fields.clear()
        shown.add_failure(caught.value)


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
    """Hide the type of a wrong value from type checkers."""
    return value


@pytest.mark.parametrize("name", BAD)
def test_invalid_arguments_show_no_secret(name: str, shown: Shown) -> None:
    """The error shows neither the wrong value nor the other arguments."""
    with pytest.raises((CamsError, TypeError)) as caught:
        BAD[name]()
    shown.add_failure(caught.value)


def test_an_invalid_proxy_in_the_environment_shows_no_secret(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password is part of the URL of the proxy."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{SECRET}@[::1")
    with pytest.raises(CamsError) as caught:
        CamsClient(CREDENTIALS)
    shown.add_failure(caught.value)


@asynccontextmanager
async def credentials_service(
    handler: Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]],
) -> AsyncGenerator[str]:
    """Run a credentials service, and yield its URL, which holds secrets."""
    app = web.Application()
    app.router.add_get("/credentials", handler)
    server = TestServer(app)
    await server.start_server(access_log=None)  # the server would log the URL
    try:
        yield f"http://user:{SECRET}@{server.host}:{server.port}/credentials?t={TOKEN}"
    finally:
        await server.close()


async def test_a_credentials_uri_shows_no_secret(
    emulator: Emulator, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account, which names the scope in snapshots and in Redis, holds no secret."""

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
async def test_a_cancelled_fetch_of_credentials_shows_no_secret(
    ending: Ending, emulator: Emulator, shown: Shown
) -> None:
    """No frame holds the URL."""
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
    shown.add_failure(caught.value)


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
async def test_an_unusable_credentials_response_shows_no_secret(
    response: web.Response, shown: Shown
) -> None:
    """The traceback of the provider shows none, either."""

    async def serve(_: web.Request) -> web.Response:
        return response

    async with credentials_service(serve) as uri:
        provider = CredentialsUri(uri)
        del uri
        with pytest.raises(CredentialsError) as caught:
            await provider.get()
    shown.add_failure(caught.value)


@pytest.mark.parametrize(
    "changes",
    [{"mode": "OAuth"}, {"access_key_id": ""}, {"access_key_secret": f"{SECRET}\n"}],
    ids=str,
)
async def test_an_unusable_profile_shows_no_secret(
    changes: dict[str, str], shown: Shown, tmp_path: Path
) -> None:
    """The traceback of the provider shows none, either."""
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
    shown.add_failure(caught.value)


async def test_an_unusable_environment_shows_no_secret(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The traceback of the provider shows none, either."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET)
    monkeypatch.setenv("ALIBABA_CLOUD_SECURITY_TOKEN", f"{TOKEN} ")
    with pytest.raises(CredentialsError) as caught:
        await EnvironmentCredentials().get()
    shown.add_failure(caught.value)


REVEALING = {
    "secret",  # defines it
    "signing",
    "wire",
    "protocol",  # what is signed
    "masking",
    "media",  # what a response must not quote
    "transport",
    "sources",  # the account of a credentials URI
    "redis.server",  # what connects
    "proxies",  # which hop an error names
    "cli.emulator",  # prints the key of its emulator
}
"""The modules that may reveal a secret."""


def test_few_modules_reveal_a_secret() -> None:
    """In all other modules secrets stay wrapped."""
    revealing = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr == "reveal")
        or (isinstance(node, ast.alias) and node.name == "reveal")
    }

    assert revealing == REVEALING


@SPELLINGS
async def test_a_failing_provider_shows_no_secret(
    spelling: Spelling, emulator: Emulator, shown: Shown
) -> None:
    """The error keeps neither the text nor the frames of the provider."""

    class Leaky:
        account = "leaky"

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
