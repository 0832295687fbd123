"""A response belongs to its request, whatever a server writes, over real sockets."""

import asyncio
import json
import re
import ssl
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from random import Random
from socket import socketpair
from typing import Any

import aiohttp
import pytest
from aiohttp import connector as aiohttp_connector
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_parser import HttpResponseParserPy  # pyright: ignore[reportPrivateImportUsage] - not in its __all__
from attrs import define, field

from cams_async import CamsClient, ConnectionLost, LocalThrottle, RetryPolicy, _aiohttp
from cams_async.transport import AiohttpTransport
from tests.fakes import CREDENTIALS
from tests.raw_server import OK, Then, acquired, exchange, idle, serving, transport

OTHER = b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}'

SURPLUS = {
    "a response": OTHER,
    "two responses": OTHER * 2,
    "a head": OTHER[:-7],
    "half a head": OTHER[:25],
    "a letter": b"H",
    "half a body": OTHER[:-3],
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
    "an interim response": b"HTTP/1.1 100 Continue\r\n\r\n",
    "no HTTP": b"\0\1\2",
}
"""Surplus bytes, which may not be taken for the next response."""


def idle_sockets(through: AiohttpTransport) -> list[int]:
    """Return the sockets of the idle connections."""
    transports = [protocol.transport for protocol in idle(through)]
    return [each.get_extra_info("socket").fileno() for each in transports if each]


async def wait_until_read(through: AiohttpTransport) -> None:
    """Wait until the event loop has taken all bytes out of the kernel."""
    while any(map(_aiohttp._is_readable, idle_sockets(through))):  # noqa: ASYNC110 - aiohttp has no event
        await asyncio.sleep(0)


class TestSurplus:
    """A connection that is not clean is dropped at its next use."""

    @pytest.mark.parametrize("given", [False, True])
    @pytest.mark.parametrize("repeatable", [False, True])
    @pytest.mark.parametrize(
        ("kind", "when"),
        [
            (kind, when)
            for kind in SURPLUS
            for when in ("in the kernel", "in aiohttp", "with the response")
            # aiohttp refuses the response as well, so that its outcome is unknown.
            if (kind, when) != ("no HTTP", "with the response")
        ],
    )
    async def test_no_surplus_is_the_next_response(
        self, kind: str, when: str, *, repeatable: bool, given: bool
    ) -> None:
        """Whole, or in part; read by the event loop, or not yet."""
        surplus = SURPLUS[kind]
        first = OK + surplus if when == "with the response" else OK

        async with (
            serving((first,), (OK,)) as server,
            aiohttp.ClientSession() as session,
            transport(session=session if given else None) as through,
        ):
            await exchange(through, server.origin, repeatable=repeatable)
            if when != "with the response":
                next(iter(server.writers)).write(surplus)
            if when == "in aiohttp":
                await wait_until_read(through)
            responses = [
                await exchange(through, server.origin, repeatable=repeatable)
                for _ in range(2)
            ]

            assert acquired(through) == 0

        assert [b"{}", b"{}"] == [response.body for response in responses]
        assert (2, 3) == (server.connections, len(server.heads))

    @pytest.mark.parametrize("end", [Then.CLOSE, Then.RESET])
    async def test_a_closed_connection_is_not_used(self, end: Then) -> None:
        """Also before the event loop has noticed."""
        async with serving((OK, end), (OK,)) as server, transport() as through:
            await exchange(through, server.origin)
            while not any(map(_aiohttp._is_readable, idle_sockets(through))):
                await asyncio.sleep(0)
                if not idle_sockets(through):
                    break
            response = await exchange(through, server.origin)

        assert (b"{}", 2) == (response.body, server.connections)

    async def test_the_next_connection_is_taken(self) -> None:
        """Of several idle ones, those without surplus are reused."""
        async with serving((OK,)) as server, transport() as through:
            await asyncio.gather(*(exchange(through, server.origin) for _ in range(5)))
            for writer in list(server.writers)[:3]:
                writer.write(OTHER)
            await asyncio.gather(*(exchange(through, server.origin) for _ in range(5)))

        assert (8, 10) == (server.connections, len(server.heads))

    async def test_surplus_after_the_request_misplaces_one_response_only(self) -> None:
        """It cannot be recognized; the response that it displaces is surplus itself."""
        async with serving((OK,), (OTHER, OK), (OK,)) as server, transport() as through:
            bodies = [(await exchange(through, server.origin)).body for _ in range(4)]

        assert [b"{}", b'{"a":1}', b"{}", b"{}"] == bodies
        assert (2, 4) == (server.connections, len(server.heads))

    async def test_tls_connections_are_reused(
        self, server_context: ssl.SSLContext, client_context: ssl.SSLContext
    ) -> None:
        """Session tickets of TLS 1.3 come unasked, here as many as can be."""
        server_context.num_tickets = 8
        async with (
            serving((OK,), context=server_context) as server,
            transport(ssl_context=client_context) as through,
        ):
            for _ in range(10):
                await exchange(through, server.origin)

        assert (1, 10) == (server.connections, len(server.heads))

    @pytest.mark.parametrize("fresh", [False, True])
    @pytest.mark.parametrize("unread", [b"", b"ticket"])
    def test_a_fresh_connection_is_not_examined(
        self, unread: bytes, *, fresh: bool
    ) -> None:
        """Unread bytes in the kernel count after the first request only."""
        one, other = socketpair()
        with one, other, pseudo_protocol(one) as protocol:
            other.send(unread)
            if fresh:
                protocol._parser = None

            assert stale(protocol) is (unread != b"" and not fresh)

    @pytest.mark.parametrize("data", [b"", b"H", b"HTTP/1.1 200 OK\r\nA: b\r\n"])
    def test_the_pure_python_parser_is_examined_as_well(self, data: bytes) -> None:
        """It returns less of what it has read in part."""
        with pseudo_protocol(None) as protocol:
            protocol.data_received(data)

            assert stale(protocol) is (data != b"")

    def test_without_poll_there_is_select(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As on Windows."""
        monkeypatch.setattr(_aiohttp, "_poll", None)
        one, other = socketpair()
        with one, other:
            assert not _aiohttp._is_readable(one.fileno())

            other.send(b"x")

            assert _aiohttp._is_readable(one.fileno())


@define
class Pseudo:
    """A connection with an open transport, as far as it is examined."""

    protocol: Any = None
    socket: Any = None

    def is_closing(self) -> bool:
        """Return that it is open."""
        return False

    def get_extra_info(self, name: str) -> Any:
        """Return the socket."""
        return getattr(self, name)


@contextmanager
def pseudo_protocol(socket: Any) -> Generator[Any, None, None]:
    """Yield a protocol between two responses, with the parser in pure Python."""
    loop = asyncio.new_event_loop()
    protocol: Any = ResponseHandler(loop)
    protocol.transport = Pseudo(socket=socket)
    protocol._parser = HttpResponseParserPy(protocol, loop, 2**16)
    yield protocol
    protocol.transport = None
    loop.close()


def stale(protocol: Any) -> bool:
    """Examine a protocol."""
    connection: Any = Pseudo(protocol)
    return _aiohttp._is_stale(connection)


REFUSAL = b'{"Code":"System.LimitControl","Message":"no","RequestId":"foreign"}'


def reply(status: int, body: bytes) -> bytes:
    """Return a response."""
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


@define
class Gateway:
    """Counts executions by phone number, and follows up responses with surplus."""

    surplus: bytes
    executions: Counter[str] = field(factory=Counter[str])
    connections: int = 0
    written: asyncio.Event = field(factory=asyncio.Event)
    writers: list[asyncio.StreamWriter] = field(factory=list[asyncio.StreamWriter])
    tasks: set[asyncio.Task[Any]] = field(factory=set[asyncio.Task[Any]])

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one connection."""
        self.connections += 1
        self.writers.append(writer)
        self.tasks.update(filter(None, [asyncio.current_task()]))
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                number = re.search(rb"PhoneNumber=(\d+)", head)
                assert number is not None
                name = number[1].decode()
                self.executions[name] += 1
                body = json.dumps({"Code": "OK", "RequestId": name}).encode()
                writer.write(reply(200, body))
                asyncio.get_running_loop().call_soon(self.follow_up, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def end(self) -> None:
        """End all connections, and wait for that."""
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.wait(self.tasks)

    def follow_up(self, writer: asyncio.StreamWriter) -> None:
        """Write surplus bytes."""
        if not writer.is_closing():
            writer.write(self.surplus)
        self.written.set()


TURNS = 6
"""Of the event loop, at most, between a surplus and the next call."""


async def many_calls(
    calls: int, surplus: bytes, *, tls: tuple[ssl.SSLContext, ssl.SSLContext] | None
) -> tuple[Gateway, list[str]]:
    """Make calls, each some turns of the event loop after the last one's surplus.

    Return the gateway, and the request ids of the responses.
    """
    gateway, pauses, ids = Gateway(surplus), Random(1), list[str]()
    context = None if tls is None else tls[0]
    listener = await asyncio.start_server(gateway.serve, "127.0.0.1", 0, ssl=context)
    port: int = listener.sockets[0].getsockname()[1]
    scheme = "http" if tls is None else "https"
    async with (
        listener,
        CamsClient(
            CREDENTIALS,
            endpoint=f"{scheme}://127.0.0.1:{port}",
            qps={"UpdatePhoneMessageQrdl": 1e6},
            throttle=LocalThrottle(),
            retry=RetryPolicy(attempts=3),
            ssl=None if tls is None else tls[1],
        ) as cams,
    ):
        for number in range(calls):
            response = await cams.call(
                "UpdatePhoneMessageQrdl", {"PhoneNumber": 8613800000000 + number}
            )
            ids.append(response["RequestId"])
            await gateway.written.wait()
            gateway.written.clear()
            for _ in range(pauses.randrange(TURNS)):
                await asyncio.sleep(0)
    await gateway.end()
    return gateway, ids


@pytest.mark.parametrize(
    "calls", [100, pytest.param(1_000, marks=pytest.mark.slow)], ids=str
)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    "surplus",
    [reply(400, REFUSAL), reply(200, b'{"Code":"OK","RequestId":"foreign"}'), b""],
    ids=["a refusal", "a success", "none"],
)
async def test_each_call_gets_its_own_response_and_is_executed_once(
    surplus: bytes,
    calls: int,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    *,
    secure: bool,
) -> None:
    """A foreign refusal would be retried, a foreign success accepted.

    Where there is no surplus, one connection serves all calls.
    """
    tls = (server_context, client_context) if secure else None
    gateway, ids = await many_calls(calls, surplus, tls=tls)
    numbers = [str(8613800000000 + number) for number in range(calls)]

    assert numbers == ids
    assert dict.fromkeys(numbers, 1) == gateway.executions
    assert gateway.connections == (calls if surplus else 1)


class TestKeepAlive:
    """Requests that must not be repeated use young connections only."""

    @pytest.mark.parametrize("repeatable", [False, True])
    @pytest.mark.parametrize(
        ("idle", "fresh"), [(0.5, False), (0.9, False), (1.0, True), (2.0, True)]
    )
    async def test_the_age_of_a_connection(
        self,
        idle: float,
        monkeypatch: pytest.MonkeyPatch,
        *,
        fresh: bool,
        repeatable: bool,
    ) -> None:
        """Others reuse connections of any age below 15 s."""
        now = 0.0
        monkeypatch.setattr(aiohttp_connector, "monotonic", lambda: now)
        async with serving((OK,)) as server, transport() as through:
            await exchange(through, server.origin, repeatable=repeatable)
            now += idle
            await exchange(through, server.origin, repeatable=repeatable)

        assert 1 + (fresh and not repeatable) == server.connections

    @pytest.mark.parametrize("repeatable", [False, True])
    async def test_a_server_that_closes_as_the_request_leaves(
        self, monkeypatch: pytest.MonkeyPatch, *, repeatable: bool
    ) -> None:
        """After 2 s idle: a read may be repeated, and others are not at risk."""
        now = 0.0
        monkeypatch.setattr(aiohttp_connector, "monotonic", lambda: now)
        # On the connection of the first request, the second one meets its end.
        script = ((OK,), (Then.CLOSE,)) if repeatable else ((OK,),)
        async with serving(*script) as server, transport() as through:
            await exchange(through, server.origin, repeatable=repeatable)
            now += 2
            if repeatable:
                with pytest.raises(ConnectionLost):
                    await exchange(through, server.origin)
            else:
                await exchange(through, server.origin, repeatable=False)

        assert 2 - repeatable == server.connections

    async def test_the_second_pool_is_opened_when_it_is_needed(self) -> None:
        """And both are closed."""
        async with serving((OK,)) as server, transport() as through:
            await exchange(through, server.origin)

            assert [True] == list(through._sessions)

            await exchange(through, server.origin, repeatable=False)

            assert {True, False} == set(through._sessions)

            await through.aclose()
            await server.ended()

        assert server.connections == 2

    async def test_a_callers_connector_is_the_only_one(self) -> None:
        """Its keep-alive is the caller's."""
        async with (
            serving((OK,)) as server,
            aiohttp.ClientSession() as session,
            transport(session=session) as through,
        ):
            for repeatable in (True, False):
                await exchange(through, server.origin, repeatable=repeatable)

        assert server.connections == 1


class TestShortCuts:
    """aiohttp uses every name that the short cuts override."""

    async def test_aiohttp_uses_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each of them once per request; no type is made up, and no trace runs."""
        used: list[str] = []

        def note(owner: Any, name: str) -> None:
            original: Callable[..., Any] = getattr(owner, name)

            def noting(*args: Any, **kwargs: Any) -> Any:
                used.append(name)
                return original(*args, **kwargs)

            monkeypatch.setattr(owner, name, noting)

        note(_aiohttp._Request, "update_headers")
        note(_aiohttp._NoCookies, "filter_cookies")
        note(aiohttp.ClientRequest, "update_headers")
        async with serving((OK,)) as server, transport() as through:
            await exchange(through, server.origin)
            session = through._sessions[True]

            assert session.trace_configs == []

        assert ["filter_cookies", "update_headers"] == sorted(used)
        assert hasattr(aiohttp.ClientRequest, "POST_METHODS")
        assert "content-type" not in dict(server.headers())

    async def test_an_idle_connection_has_all_that_is_examined(self) -> None:
        """A private name that aiohttp drops would turn the examination off."""
        async with serving((OK,)) as server, transport() as through:
            await exchange(through, server.origin)
            (protocol,) = idle(through)

            assert protocol._parser is not None
            assert protocol._parser.feed_eof() is None
            assert protocol.is_connected()
            assert not protocol.should_close
            assert protocol.transport.get_extra_info("socket").fileno() > 0

    async def test_a_session_requests_through_the_clean_connector(self) -> None:
        """It is not unwrapped; aiohttp reads no name that it lacks."""
        async with serving((OK,)) as server, transport() as through:
            await exchange(through, server.origin)
            connector: Any = through._sessions[True].connector

            assert isinstance(connector, _aiohttp.CleanConnector)
            assert connector.allowed_protocol_schema_set >= {"http", "https"}
            assert not connector.closed
