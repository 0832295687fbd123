"""The emulator on real sockets: what a caller sees, and how it stops."""

import asyncio
import errno
import gc
import io
import json
import ssl
import time
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest
import trustme
from attrs import evolve, frozen
from yarl import URL

from cams_async.credentials import Credentials
from cams_async.emulator import CannedResponse, EmulatedNumber, Emulator, Fault, Slow
from cams_async.emulator.delivery import reset
from cams_async.emulator.rest import Rests
from cams_async.emulator.server import origin
from cams_async.errors import ConfigurationError
from cams_async.signing import FORM
from tests.clock import Clock
from tests.test_emulator_gate import signed

STATUS = "GetPhoneNumberVerificationStatus"


@frozen(kw_only=True)
class Seen:
    """An answer as a caller sees it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The code of the JSON body."""
        return str(json.loads(self.body)["Code"])


class Caller:
    """A minimal client: one session, one signed call of one action."""

    def __init__(self, session: aiohttp.ClientSession, emulator: Emulator) -> None:
        self.session = session
        self.emulator = emulator

    async def call(
        self,
        number: EmulatedNumber | None = None,
        *,
        credentials: Credentials | None = None,
        method: str = "POST",
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Seen:
        """Ask for the status of a number."""
        number = number or self.emulator.phone_numbers[0]
        endpoint = URL(self.emulator.endpoint)
        arrival = signed(
            {"PhoneNumber": number.phone_number, "CustSpaceId": number.cust_space_id},
            action=STATUS,
            credentials=credentials or self.emulator.credentials,
            wall=time.time(),
            nonce=f"{time.monotonic_ns()}",
            body=body,
            extra={
                "host": endpoint.authority,
                **({"content-type": content_type} if content_type else {}),
            },
        )
        url = URL(f"{endpoint}?{arrival.query}", encoded=True)
        async with self.session.request(
            method, url, headers=arrival.headers, data=body or None
        ) as response:
            return Seen(
                status=response.status,
                headers=response.headers,
                body=await response.read(),
            )


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens at the other end of a socket."""
    for _ in range(5000):
        if condition():
            return
        await asyncio.sleep(0.001)
    pytest.fail("it never happened")


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """Yield a running emulator with room for many calls."""
    async with Emulator(phone_numbers=10, settle=0.0, qps={STATUS: 1000}) as emulator:
        yield emulator


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a client's session."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def caller(session: aiohttp.ClientSession, emulator: Emulator) -> Caller:
    """Return a client of the running emulator."""
    return Caller(session, emulator)


async def test_a_signed_call_is_answered(caller: Caller) -> None:
    """The whole way: signed, sent, judged, answered."""
    seen = await caller.call()

    assert seen.status == 200
    assert seen.headers["Content-Type"] == "application/json;charset=utf-8"
    assert json.loads(seen.body)["RequestId"] == seen.headers["x-acs-request-id"]
    assert caller.emulator.report().actions[0].executed == 1


async def test_get_is_refused(caller: Caller) -> None:
    """Only POST is spoken here."""
    seen = await caller.call(method="GET")

    assert (seen.status, seen.code) == (403, "UnsupportedHTTPMethod")


async def test_an_unsigned_call_is_refused(
    session: aiohttp.ClientSession, emulator: Emulator
) -> None:
    """A bare request has no signature; it is answered with date and id even so."""
    async with session.post(emulator.endpoint) as response:
        assert response.status == 400
        assert (await response.json())["Code"] == "IncompleteSignature"
        assert "Date" in response.headers
        assert "x-acs-request-id" in response.headers


async def test_a_body_is_read(caller: Caller) -> None:
    """Its hash is checked against what arrived."""
    assert (await caller.call(body=b"a=1", content_type=FORM)).status == 200


async def test_an_oversized_body_is_refused(caller: Caller) -> None:
    """CAMS takes no bodies to speak of; nobody fills the memory with one."""
    body = io.BytesIO(bytes(2**21))
    async with caller.session.post(caller.emulator.endpoint, data=body) as response:
        assert response.status == 413


async def test_a_caller_who_leaves_amid_the_body_is_forgotten(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a request is no arrival, and no error of the server."""
    url, server = URL(emulator.endpoint), emulator._server
    assert url.host is not None
    assert server is not None
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf")
    await until(lambda: server.requests_count == 1)
    writer.close()
    await writer.wait_closed()
    await until(lambda: not server.connections)

    assert emulator.report().actions == ()
    assert not caplog.records


async def test_the_servers_clock_can_be_wrong(caller: Caller) -> None:
    """A skewed clock shows in the Date header, and refuses honest dates."""
    caller.emulator.skew = 3600.0
    seen = await caller.call()
    told = parsedate_to_datetime(seen.headers["Date"]).timestamp()

    assert (seen.status, seen.code) == (400, "InvalidTimeStamp.Expired")
    assert told == pytest.approx(time.time() + 3600, abs=5)
    assert caller.emulator.skew == 3600.0
    caller.emulator.skew = 0.0
    assert (await caller.call()).status == 200


async def test_further_credentials_share_an_account(caller: Caller) -> None:
    """A temporary key of the account sees its numbers and fills its ceiling."""
    temporary = Credentials("STS.1", "secret", "token")
    assert (await caller.call(credentials=temporary)).code == (
        "InvalidAccessKeyId.NotFound"
    )
    caller.emulator.admit(temporary)

    assert (await caller.call(credentials=temporary)).code == "OK"
    assert (await caller.call()).code == "OK"
    (action,) = caller.emulator.report().actions
    assert action.account == caller.emulator.credentials.access_key_id
    assert action.arrivals == 2
    stale = evolve(temporary, security_token="old")
    assert (await caller.call(credentials=stale)).code == (
        "InvalidSecurityToken.Malformed"
    )


async def test_credentials_are_admitted_to_a_known_account_only() -> None:
    """Further credentials need an account to act for."""
    emulator = Emulator(phone_numbers=1, accounts=2)
    other = Credentials("a", "b")
    emulator.admit(other, account=emulator.accounts[1])

    with pytest.raises(ConfigurationError, match=r"^account:"):
        emulator.admit(other, account=other)


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE, Fault.RESET_AFTER])
async def test_a_connection_is_reset(caller: Caller, fault: Fault) -> None:
    """The caller gets a reset instead of an answer; the next call works."""
    caller.emulator.faults.next(fault)

    with pytest.raises(aiohttp.ClientOSError) as caught:
        await caller.call()

    assert caught.value.errno == errno.ECONNRESET
    assert (await caller.call()).status == 200


async def test_a_truncated_answer_ends_early(caller: Caller) -> None:
    """The body is shorter than announced."""
    caller.emulator.faults.next(Fault.TRUNCATED)

    with pytest.raises(aiohttp.ClientPayloadError):
        await caller.call()

    assert (await caller.call()).status == 200


async def test_an_answer_can_be_empty_or_odd(caller: Caller) -> None:
    """Canned answers go out as they are."""
    caller.emulator.faults.next(CannedResponse(status=204, headers={"X-Odd": "yes"}))
    seen = await caller.call()

    assert (seen.status, seen.headers["X-Odd"], seen.body) == (204, "yes", b"")


async def test_a_slow_answer_comes_in_the_end(caller: Caller) -> None:
    """The answer is held back for so many seconds."""
    caller.emulator.faults.next(Slow(0.05))
    before = time.monotonic()

    assert (await caller.call()).status == 200
    assert time.monotonic() - before >= 0.05


async def test_a_hanging_call_ends_when_its_caller_leaves(caller: Caller) -> None:
    """Nothing is executed, and nothing stays behind."""
    emulator = caller.emulator
    emulator.faults.next(Fault.HANG)

    call = asyncio.create_task(caller.call())
    await until(lambda: len(emulator._rests) == 1)
    call.cancel()

    await until(lambda: not len(emulator._rests))
    assert not emulator.executed(STATUS)


async def test_each_way_takes_its_time(
    session: aiohttp.ClientSession,
) -> None:
    """The call arrives after one way; its answer takes another."""
    async with Emulator(phone_numbers=1, latency=(0.03, 0.04)) as emulator:
        caller = Caller(session, emulator)
        await asyncio.gather(caller.call(), caller.call())
        elapsed = emulator.report().elapsed

    (action,) = emulator.report().actions
    assert action.first is not None
    assert action.first >= 0.03
    assert elapsed >= 0.06


async def test_a_call_arrives_although_its_caller_gave_up(
    session: aiohttp.ClientSession,
) -> None:
    """What is on its way cannot be called back: the server counts it."""
    async with Emulator(phone_numbers=1, latency=(0.1, 0.1)) as emulator:
        call = asyncio.create_task(Caller(session, emulator).call())
        await until(lambda: len(emulator._rests) == 1)
        call.cancel()
        await until(lambda: bool(emulator.report().actions))

        assert emulator.report().actions[0].executed == 1


async def test_a_stop_resets_what_has_not_arrived(
    session: aiohttp.ClientSession,
) -> None:
    """A call still on its way is not executed, and the stop is quick."""
    emulator = Emulator(phone_numbers=1, latency=(30.0, 30.0))
    await emulator.start()
    call = asyncio.create_task(Caller(session, emulator).call())
    await until(lambda: len(emulator._rests) == 1)
    before = time.monotonic()
    await emulator.aclose()

    assert time.monotonic() - before < 5
    with pytest.raises(aiohttp.ClientError):
        await call
    assert emulator.report().actions == ()


async def test_a_stop_lets_answers_go(session: aiohttp.ClientSession) -> None:
    """A call that was executed is answered at once."""
    emulator = Emulator(phone_numbers=1)
    await emulator.start()
    emulator.faults.next(Slow(30.0))
    call = asyncio.create_task(Caller(session, emulator).call())
    await until(lambda: len(emulator._rests) == 1)
    await emulator.aclose()

    assert (await call).status == 200


async def test_a_stop_ends_hanging_calls(session: aiohttp.ClientSession) -> None:
    """A hanging caller gets a reset."""
    emulator = Emulator(phone_numbers=1)
    await emulator.start()
    emulator.faults.next(Fault.HANG)
    call = asyncio.create_task(Caller(session, emulator).call())
    await until(lambda: len(emulator._rests) == 1)
    await emulator.aclose()

    with pytest.raises(aiohttp.ClientError):
        await call


async def test_a_caller_that_left_gets_no_half_of_an_answer(
    session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """Giving up is the caller's right, and nothing that a server complains about."""
    async with Emulator(phone_numbers=1, latency=(0.05, 0.05)) as emulator:
        emulator.faults.next(Fault.TRUNCATED)
        call = asyncio.create_task(Caller(session, emulator).call())
        await until(lambda: len(emulator._rests) == 1)
        call.cancel()
        await until(lambda: len(emulator.report().actions) == 1)
        await until(lambda: len(emulator._rests) == 0)

    assert [] == caplog.records


async def test_a_stop_leaves_nothing_behind(session: aiohttp.ClientSession) -> None:
    """No task, connection or warning outlives the emulator."""
    before = asyncio.all_tasks()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with Emulator(phone_numbers=1, qps={STATUS: 1000}) as emulator:
            caller = Caller(session, emulator)
            await asyncio.gather(*(caller.call() for _ in range(20)))
        gc.collect()

    assert asyncio.all_tasks() == before


async def test_memory_outlives_a_stop(session: aiohttp.ClientSession) -> None:
    """A new start goes on where the last one ended."""
    emulator = Emulator(phone_numbers=1)
    for calls in (1, 2):
        async with emulator:
            await Caller(session, emulator).call()
            assert emulator.report().actions[0].arrivals == calls
    await emulator.aclose()


async def test_it_cannot_be_started_twice(emulator: Emulator) -> None:
    """A second start is a mistake."""
    with pytest.raises(ConfigurationError, match="running"):
        await emulator.start()


async def test_a_taken_port_is_named(emulator: Emulator) -> None:
    """Where nothing can listen, the error says where."""
    port = URL(emulator.endpoint).port
    assert port is not None
    other = Emulator(phone_numbers=1, port=port)

    with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{port}"):
        await other.start()

    assert repr(other) == "<Emulator stopped>"


async def test_it_says_where_it_is(emulator: Emulator) -> None:
    """The endpoint is known while it runs, and only then."""
    assert repr(emulator) == f"<Emulator {emulator.endpoint}>"
    assert emulator.endpoint.startswith("http://127.0.0.1:")

    with pytest.raises(ConfigurationError, match="not running"):
        _ = Emulator(phone_numbers=1).endpoint


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", "http://localhost:80"), ("::1", "http://[::1]:80")],
)
def test_an_endpoint_is_an_origin(host: str, expected: str) -> None:
    """An IPv6 address stands in brackets."""
    assert origin("http", host, 80) == expected


async def test_a_number_settles_while_it_runs(emulator: Emulator) -> None:
    """Tests can ask for what a number is at this moment."""
    number = emulator.phone_numbers[0].phone_number

    assert emulator.verification_status(number) == "VERIFIED"


def test_secrets_are_not_shown() -> None:
    """What is printed in a failing test holds no secret."""
    emulator = Emulator(phone_numbers=1)

    shown = f"{emulator!r} {emulator.accounts!r} {emulator.report()!r}"
    assert emulator.credentials.access_key_secret.reveal() not in shown


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return a certificate authority of our own."""
    return trustme.CA()


@pytest.fixture(scope="module")
def contexts(authority: trustme.CA) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the server's context and one that trusts it."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def test_it_speaks_tls(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """With a context the endpoint is https, and the stop is quick there too."""
    server, client = contexts
    connector = aiohttp.TCPConnector(ssl=client)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with Emulator(phone_numbers=1, ssl=server) as emulator:
            caller = Caller(session, emulator)
            assert emulator.endpoint.startswith("https://127.0.0.1:")
            assert (await caller.call()).status == 200
            emulator.faults.next(Fault.RESET_AFTER)
            with pytest.raises(aiohttp.ClientError):
                await caller.call()
            before = time.monotonic()
        assert time.monotonic() - before < 5


def test_a_reset_of_a_lost_connection_is_nothing() -> None:
    """The caller may have gone before."""
    request: Any = Mock(transport=None)

    assert reset(request).status == 200


def test_pauses_end_in_time_or_at_once(clock: Clock) -> None:
    """A pause tells whether all of it has passed."""

    async def main() -> None:
        rests = Rests()
        pauses = [asyncio.create_task(rests.rest(seconds)) for seconds in (1.0, 9.0)]
        await asyncio.sleep(2.0)
        assert len(rests) == 1
        rests.end()
        rests.end()

        assert [await pause for pause in pauses] == [True, False]
        assert clock.now == pytest.approx(1002.0, abs=0.01)
        assert not await rests.rest(1.0)
        assert len(rests) == 0

    clock.run(main())
