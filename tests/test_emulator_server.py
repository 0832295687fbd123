"""The emulator on real sockets: responses, broken connections and shutdown."""

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
from cams_async.emulator.server import InterruptibleSleep, origin, reset
from cams_async.errors import ConfigurationError
from cams_async.signing import FORM
from tests.clock import Clock
from tests.test_emulator_auth import signed

STATUS = "GetPhoneNumberVerificationStatus"


@frozen(kw_only=True)
class Received:
    """A response as a client receives it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The code of the JSON body."""
        return str(json.loads(self.body)["Code"])


class MinimalClient:
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
    ) -> Received:
        """Send a signed request for the status of a number."""
        number = number or self.emulator.phone_numbers[0]
        endpoint = URL(self.emulator.endpoint)
        request = signed(
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
        url = URL(f"{endpoint}?{request.query}", encoded=True)
        async with self.session.request(
            method, url, headers=request.headers, data=body or None
        ) as response:
            return Received(
                status=response.status,
                headers=response.headers,
                body=await response.read(),
            )


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition at the other end of a socket."""
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
def client(session: aiohttp.ClientSession, emulator: Emulator) -> MinimalClient:
    """Return a client of the running emulator."""
    return MinimalClient(session, emulator)


async def test_a_signed_call_gets_a_response(client: MinimalClient) -> None:
    """A signed call is executed, and its response has the same id in both places."""
    received = await client.call()

    assert received.status == 200
    assert received.headers["Content-Type"] == "application/json;charset=utf-8"
    assert (
        json.loads(received.body)["RequestId"] == received.headers["x-acs-request-id"]
    )
    assert client.emulator.report().actions[0].executed == 1


async def test_get_is_refused(client: MinimalClient) -> None:
    """POST is the only method."""
    received = await client.call(method="GET")

    assert (received.status, received.code) == (403, "UnsupportedHTTPMethod")


async def test_an_unsigned_call_is_refused(
    session: aiohttp.ClientSession, emulator: Emulator
) -> None:
    """An error response has a date and a request id."""
    async with session.post(emulator.endpoint) as response:
        assert response.status == 400
        assert (await response.json())["Code"] == "IncompleteSignature"
        assert "Date" in response.headers
        assert "x-acs-request-id" in response.headers


async def test_a_body_is_read(client: MinimalClient) -> None:
    """A body with a correct hash is accepted."""
    assert (await client.call(body=b"a=1", content_type=FORM)).status == 200


async def test_an_oversized_body_is_refused(client: MinimalClient) -> None:
    """The size of a body is bounded."""
    body = io.BytesIO(bytes(2**21))
    async with client.session.post(client.emulator.endpoint, data=body) as response:
        assert response.status == 413


async def test_a_disconnect_within_a_body_is_ignored(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a request does not count, and logs no error."""
    url, server = URL(emulator.endpoint), emulator._server._server
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


async def test_the_clock_of_the_server_can_be_wrong(client: MinimalClient) -> None:
    """A skewed clock shows in the Date header, and makes correct dates expire."""
    client.emulator.skew = 3600.0
    received = await client.call()
    date = parsedate_to_datetime(received.headers["Date"]).timestamp()

    assert (received.status, received.code) == (400, "InvalidTimeStamp.Expired")
    assert date == pytest.approx(time.time() + 3600, abs=5)
    assert client.emulator.skew == 3600.0
    client.emulator.skew = 0.0
    assert (await client.call()).status == 200


async def test_further_credentials_share_an_account(client: MinimalClient) -> None:
    """A temporary key of an account shares its numbers and its ceiling."""
    temporary = Credentials("STS.1", "secret", "token")
    assert (await client.call(credentials=temporary)).code == (
        "InvalidAccessKeyId.NotFound"
    )
    client.emulator.admit(temporary)

    assert (await client.call(credentials=temporary)).code == "OK"
    assert (await client.call()).code == "OK"
    (action,) = client.emulator.report().actions
    assert action.account == client.emulator.credentials.access_key_id
    assert action.arrivals == 2
    stale = evolve(temporary, security_token="old")
    assert (await client.call(credentials=stale)).code == (
        "InvalidSecurityToken.Malformed"
    )


async def test_credentials_need_an_account_of_the_emulator() -> None:
    """Another account is a configuration error."""
    emulator = Emulator(phone_numbers=1, accounts=2)
    other = Credentials("a", "b")
    emulator.admit(other, account=emulator.accounts[1])

    with pytest.raises(ConfigurationError, match=r"^account:"):
        emulator.admit(other, account=other)


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE, Fault.RESET_AFTER])
async def test_a_connection_is_reset(client: MinimalClient, fault: Fault) -> None:
    """The client gets a reset instead of a response; the next call succeeds."""
    client.emulator.faults.next(fault)

    with pytest.raises(aiohttp.ClientOSError) as caught:
        await client.call()

    assert caught.value.errno == errno.ECONNRESET
    assert (await client.call()).status == 200


async def test_a_truncated_response_ends_early(client: MinimalClient) -> None:
    """The body is shorter than announced."""
    client.emulator.faults.next(Fault.TRUNCATED)

    with pytest.raises(aiohttp.ClientPayloadError):
        await client.call()

    assert (await client.call()).status == 200


async def test_a_canned_response_can_be_empty(client: MinimalClient) -> None:
    """Canned responses are sent as they are."""
    client.emulator.faults.next(CannedResponse(status=204, headers={"X-Odd": "yes"}))
    received = await client.call()

    assert (received.status, received.headers["X-Odd"], received.body) == (
        204,
        "yes",
        b"",
    )


async def test_a_slow_response_is_sent_after_its_delay(client: MinimalClient) -> None:
    """The response is delayed by so many seconds."""
    client.emulator.faults.next(Slow(0.05))
    before = time.monotonic()

    assert (await client.call()).status == 200
    assert time.monotonic() - before >= 0.05


async def test_a_hanging_call_ends_when_its_client_disconnects(
    client: MinimalClient,
) -> None:
    """The call is not executed, and its sleep ends."""
    emulator = client.emulator
    emulator.faults.next(Fault.HANG)

    call = asyncio.create_task(client.call())
    await until(lambda: len(emulator._server._sleep) == 1)
    call.cancel()

    await until(lambda: not len(emulator._server._sleep))
    assert not emulator.executed(STATUS)


async def test_each_way_has_its_latency(
    session: aiohttp.ClientSession,
) -> None:
    """The request and the response are delayed, each by one way."""
    async with Emulator(phone_numbers=1, latency=(0.03, 0.04)) as emulator:
        client = MinimalClient(session, emulator)
        await asyncio.gather(client.call(), client.call())
        elapsed = emulator.report().elapsed

    (action,) = emulator.report().actions
    assert action.first is not None
    assert action.first >= 0.03
    assert elapsed >= 0.06


async def test_a_call_arrives_after_its_client_gave_up(
    session: aiohttp.ClientSession,
) -> None:
    """A request on its way is executed and counted."""
    async with Emulator(phone_numbers=1, latency=(0.1, 0.1)) as emulator:
        call = asyncio.create_task(MinimalClient(session, emulator).call())
        await until(lambda: len(emulator._server._sleep) == 1)
        call.cancel()
        await until(lambda: bool(emulator.report().actions))

        assert emulator.report().actions[0].executed == 1


async def test_a_stop_resets_requests_on_their_way(
    session: aiohttp.ClientSession,
) -> None:
    """A request on its way is not executed, and the stop is quick."""
    emulator = Emulator(phone_numbers=1, latency=(30.0, 30.0))
    await emulator.start()
    call = asyncio.create_task(MinimalClient(session, emulator).call())
    await until(lambda: len(emulator._server._sleep) == 1)
    before = time.monotonic()
    await emulator.aclose()

    assert time.monotonic() - before < 5
    with pytest.raises(aiohttp.ClientError):
        await call
    assert emulator.report().actions == ()


async def test_a_stop_sends_delayed_responses(session: aiohttp.ClientSession) -> None:
    """An executed call gets its response at once."""
    emulator = Emulator(phone_numbers=1)
    await emulator.start()
    emulator.faults.next(Slow(30.0))
    call = asyncio.create_task(MinimalClient(session, emulator).call())
    await until(lambda: len(emulator._server._sleep) == 1)
    await emulator.aclose()

    assert (await call).status == 200


async def test_a_stop_ends_hanging_calls(session: aiohttp.ClientSession) -> None:
    """A hanging call gets a reset."""
    emulator = Emulator(phone_numbers=1)
    await emulator.start()
    emulator.faults.next(Fault.HANG)
    call = asyncio.create_task(MinimalClient(session, emulator).call())
    await until(lambda: len(emulator._server._sleep) == 1)
    await emulator.aclose()

    with pytest.raises(aiohttp.ClientError):
        await call


async def test_a_truncated_response_to_a_disconnected_client_is_ignored(
    session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that disconnected early causes no error in the log."""
    async with Emulator(phone_numbers=1, latency=(0.05, 0.05)) as emulator:
        emulator.faults.next(Fault.TRUNCATED)
        call = asyncio.create_task(MinimalClient(session, emulator).call())
        await until(lambda: len(emulator._server._sleep) == 1)
        call.cancel()
        await until(lambda: len(emulator.report().actions) == 1)
        await until(lambda: len(emulator._server._sleep) == 0)

    assert [] == caplog.records


async def test_a_stop_leaves_nothing_behind(session: aiohttp.ClientSession) -> None:
    """No task, connection or warning outlives the emulator."""
    before = asyncio.all_tasks()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with Emulator(phone_numbers=1, qps={STATUS: 1000}) as emulator:
            client = MinimalClient(session, emulator)
            await asyncio.gather(*(client.call() for _ in range(20)))
        gc.collect()

    assert asyncio.all_tasks() == before


async def test_state_is_kept_over_a_stop(session: aiohttp.ClientSession) -> None:
    """The report continues after a new start."""
    emulator = Emulator(phone_numbers=1)
    for calls in (1, 2):
        async with emulator:
            await MinimalClient(session, emulator).call()
            assert emulator.report().actions[0].arrivals == calls
    await emulator.aclose()


async def test_it_cannot_be_started_twice(emulator: Emulator) -> None:
    """A second start is a configuration error."""
    with pytest.raises(ConfigurationError, match="running"):
        await emulator.start()


async def test_a_port_in_use_is_a_configuration_error(emulator: Emulator) -> None:
    """The error names the address and the port."""
    port = URL(emulator.endpoint).port
    assert port is not None
    other = Emulator(phone_numbers=1, port=port)

    with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{port}"):
        await other.start()

    assert repr(other) == "<Emulator stopped>"


async def test_the_endpoint_exists_while_it_runs(emulator: Emulator) -> None:
    """The endpoint is in the repr; without a start it is an error."""
    assert repr(emulator) == f"<Emulator {emulator.endpoint}>"
    assert emulator.endpoint.startswith("http://127.0.0.1:")

    with pytest.raises(ConfigurationError, match="not running"):
        _ = Emulator(phone_numbers=1).endpoint


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", "http://localhost:80"), ("::1", "http://[::1]:80")],
)
def test_an_endpoint_is_an_origin(host: str, expected: str) -> None:
    """An IPv6 address is put in brackets."""
    assert origin("http", host, 80) == expected


async def test_the_status_of_a_number_can_be_read(emulator: Emulator) -> None:
    """The status is that of the current moment."""
    number = emulator.phone_numbers[0].phone_number

    assert emulator.verification_status(number) == "VERIFIED"


def test_secrets_are_not_shown() -> None:
    """No repr contains a secret."""
    emulator = Emulator(phone_numbers=1)

    shown = f"{emulator!r} {emulator.accounts!r} {emulator.report()!r}"
    assert emulator.credentials.access_key_secret.reveal() not in shown


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return a private certificate authority."""
    return trustme.CA()


@pytest.fixture(scope="module")
def contexts(authority: trustme.CA) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the server's context and one that trusts it."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def test_it_can_serve_tls(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    """The endpoint is https, and the stop is quick over TLS."""
    server, trust = contexts
    connector = aiohttp.TCPConnector(ssl=trust)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with Emulator(phone_numbers=1, ssl=server) as emulator:
            client = MinimalClient(session, emulator)
            assert emulator.endpoint.startswith("https://127.0.0.1:")
            assert (await client.call()).status == 200
            emulator.faults.next(Fault.RESET_AFTER)
            with pytest.raises(aiohttp.ClientError):
                await client.call()
            before = time.monotonic()
        assert time.monotonic() - before < 5


def test_a_reset_of_a_lost_connection_does_nothing() -> None:
    """The client may have disconnected before."""
    request: Any = Mock(transport=None)

    assert reset(request).status == 200


def test_sleeps_end_in_time_or_when_interrupted(clock: Clock) -> None:
    """An interrupted sleep returns False, a complete one True."""

    async def main() -> None:
        sleep = InterruptibleSleep()
        sleeps = [asyncio.create_task(sleep.sleep(seconds)) for seconds in (1.0, 9.0)]
        await asyncio.sleep(2.0)
        assert len(sleep) == 1
        sleep.interrupt()
        sleep.interrupt()

        assert [await each for each in sleeps] == [True, False]
        assert clock.now == pytest.approx(1002.0, abs=0.01)
        assert not await sleep.sleep(1.0)
        assert len(sleep) == 0

    clock.run(main())
