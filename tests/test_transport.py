"""One exchange over real sockets; aiohttp's errors never come out."""

import asyncio
import gzip
import socket
import ssl
import traceback
import tracemalloc
import zlib
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
import trustme
from attrs import evolve

from cams_async.errors import (
    CamsError,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    DecodeError,
    RequestTimeout,
    ThrottleUnavailable,
)
from cams_async.protocol import Request
from cams_async.transport import AiohttpTransport, fetch
from tests.raw_server import (
    CANARY,
    OK,
    Then,
    a_request,
    acquired,
    break_off,
    exchange,
    idle,
    ignore,
    serving,
    transport,
)


async def failure(
    origin: str, *, timeout: float = 5.0, **options: Any
) -> tuple[CamsError, int]:
    """Return the error of an exchange, and the number of calls of `on_sent`."""
    sent: list[None] = []
    async with transport(**options) as through:
        with pytest.raises(CamsError) as caught:
            await exchange(
                through, origin, timeout=timeout, on_sent=lambda: sent.append(None)
            )
    check_chain(caught.value)
    return caught.value, len(sent)


def check_chain(error: BaseException | None) -> None:
    """Nothing of aiohttp, and no URL, is anywhere behind an error."""
    while error is not None:
        texts = f"{error} {error!r} {error.args!r}"

        assert not type(error).__module__.startswith("aiohttp")
        assert CANARY not in texts
        error = error.__cause__ or error.__context__


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Return a port that refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        yield port


def with_body(request: Request, body: bytes, headers: dict[str, str]) -> Request:
    """Return a request with a body and more headers."""
    parts = request.url, {**request.headers, **headers}, body
    return evolve(request, reveal=lambda: parts)


class TestRequests:
    """The transmitted request is the signed one."""

    @pytest.mark.parametrize("value", ["a b", "ä*~+/%2F?#&=;:@'(", "无\n\0", "%7E", ""])
    async def test_the_url_arrives_as_it_was_signed(self, value: str) -> None:
        """Nothing decodes or encodes the query again."""
        expected = f"POST /?Canary={CANARY}&Value={quote(value, safe='~')} HTTP/1.1"

        async with serving((OK,)) as server, transport() as through:
            request = a_request(server.origin, Value=value)
            await through.exchange(request, timeout=5, on_sent=ignore)

        assert [expected.encode()] == server.lines()

    async def test_headers_arrive_as_they_were_signed(self) -> None:
        """Each signed header is there once, and none that aiohttp would make up."""
        async with serving((OK,)) as server, transport() as through:
            request = a_request(server.origin)
            await through.exchange(request, timeout=5, on_sent=ignore)
        seen = server.headers()

        assert request.headers.items() <= dict(seen).items()
        assert len(dict(seen)) == len(seen)
        assert dict(seen).items() - request.headers.items() == {("content-length", "0")}

    @pytest.mark.parametrize("given", [False, True])
    @pytest.mark.parametrize("size", [0, 1, 3_000, 2**20])
    async def test_a_body_arrives_as_it_was_signed(
        self, size: int, *, given: bool
    ) -> None:
        """Its type is the caller's, its length is announced, and nothing is chunked."""
        body = b"x" * size
        async with (
            serving((OK,)) as server,
            aiohttp.ClientSession() as session,
            transport(session=session if given else None) as through,
        ):
            request = a_request(server.origin)
            form = {"content-type": "application/x-www-form-urlencoded"} if body else {}
            request = with_body(request, body, form)
            await through.exchange(request, timeout=5, on_sent=ignore)
        seen = server.headers()
        length = ("content-length", str(size))

        assert [body] == server.bodies
        assert dict(seen).items() - request.headers.items() == {length}
        assert len(dict(seen)) == len(seen)

    async def test_sent_is_told_once_and_before_the_answer(self) -> None:
        """The throttle is notified of the send before the server responds."""
        told: list[int] = []

        async with serving((OK,)) as server, transport() as through:
            await exchange(
                through, server.origin, on_sent=lambda: told.append(len(server.heads))
            )

        assert told == [0]


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "GZip": gzip.compress,
    "deflate": zlib.compress,
}

HUGE = (b"x" * 2**16,) * 800
"""50 MB, piece by piece."""


def packed(encoding: str, body: bytes) -> bytes:
    """Return a response with an encoding that was not requested."""
    head = f"Content-Length: {len(body)}\r\nContent-Encoding: {encoding}\r\n\r\n"
    return b"HTTP/1.1 200 OK\r\n" + head.encode() + body


class TestAnswers:
    """Responses are returned as received."""

    async def test_status_headers_and_body_come_back(self) -> None:
        """Headers are looked up in any case; the body is bytes."""
        reply = b"HTTP/1.1 418 No\r\nX-Acs-Request-Id: i\r\nContent-Length: 1\r\n\r\nx"

        async with serving((reply,)) as server, transport() as through:
            response = await exchange(through, server.origin)

        assert (418, "i", b"x") == (
            response.status,
            response.headers["x-acs-request-id"],
            response.body,
        )

    async def test_redirects_are_not_followed(self) -> None:
        """A signed request goes where it was signed for, and nowhere else."""
        async with serving((OK,)) as other:
            location = f"Location: {other.origin}/\r\n".encode()
            reply = b"HTTP/1.1 307 Go\r\nContent-Length: 0\r\n" + location + b"\r\n"
            async with serving((reply,)) as server, transport() as through:
                response = await exchange(through, server.origin)

        assert response.status == 307
        assert (1, 0) == (len(server.heads), len(other.heads))

    @pytest.mark.parametrize("encoding", PACKERS)
    @pytest.mark.parametrize("excess", [0, 1])
    async def test_the_bound_is_exact(self, encoding: str, excess: int) -> None:
        """A body of `max_response` bytes passes, one byte more does not."""
        body = b"x" * (1000 + excess)
        reply = packed(encoding, PACKERS[encoding](body))

        async with serving((reply,)) as server, transport(max_response=1000) as through:
            if excess:
                with pytest.raises(DecodeError) as caught:
                    await exchange(through, server.origin)

                assert ("unknown", 200) == (
                    caught.value.outcome,
                    caught.value.http_status,
                )
                assert "1000 bytes" in str(caught.value)
            else:
                assert body == (await exchange(through, server.origin)).body

    async def test_a_connection_with_too_long_an_answer_is_given_up(self) -> None:
        """Bytes that arrive later are not taken for the next response."""
        long = b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + b"x" * 2000

        async with (
            serving((long,), (OK,)) as server,
            transport(max_response=1000) as through,
        ):
            with pytest.raises(DecodeError):
                await exchange(through, server.origin)
            response = await exchange(through, server.origin)

        assert (b"{}", 2) == (response.body, server.connections)

    @pytest.mark.parametrize("encoding", ["gzip", "deflate"])
    async def test_what_cannot_be_unpacked_is_no_answer(self, encoding: str) -> None:
        """The server may have executed the call."""
        async with serving((packed(encoding, b"plain"),)) as server:
            error, sent = await failure(server.origin)

        assert isinstance(error, DecodeError)
        assert "cannot be unpacked" in str(error)
        assert ("unknown", 200, 1) == (error.outcome, error.http_status, sent)

    async def test_an_unknown_encoding_is_left_as_it_is(self) -> None:
        """It was not requested, and is no JSON."""
        async with (
            serving((packed("zstd", b"\x28\xb5"),)) as server,
            transport() as through,
        ):
            response = await exchange(through, server.origin)

        assert response.body == b"\x28\xb5"

    @pytest.mark.parametrize("kind", ["gzip bomb", "announced", "endless"])
    async def test_a_huge_answer_stops_at_the_bound(self, kind: str) -> None:
        """50 MB, also out of 50 kB: not much more than the bound is ever in memory."""
        head = b"HTTP/1.1 200 OK\r\n"
        packer = zlib.compressobj(wbits=31)
        bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(50))
        steps = {
            "gzip bomb": (packed("gzip", bomb + packer.flush()),),
            "announced": (head + b"Content-Length: 52428800\r\n\r\n", *HUGE),
            "endless": (head + b"\r\n", *HUGE),
        }[kind]

        async with serving((*steps, Then.CLOSE)) as server:
            tracemalloc.start()
            try:
                error, _ = await failure(server.origin, max_response=2**20)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()

        assert isinstance(error, DecodeError)
        assert peak < 4 * 2**20

    async def test_an_endless_answer_stops_at_the_bound(self) -> None:
        """Without a length announced, reading still ends."""
        reply = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2**16

        async with serving((reply, Then.HANG)) as server:
            error, sent = await failure(server.origin, max_response=1000)

        assert isinstance(error, DecodeError)
        assert sent == 1


class TestConnections:
    """The pool."""

    async def test_calls_in_a_row_share_a_connection(self) -> None:
        """Connections are kept alive."""
        async with serving((OK,)) as server, transport() as through:
            for _ in range(20):
                await exchange(through, server.origin)

        assert (1, 20) == (server.connections, len(server.heads))

    async def test_there_are_as_many_connections_as_calls_at_once(self) -> None:
        """Fifty calls by five tasks take five connections."""

        async def caller() -> None:
            for _ in range(10):
                await exchange(through, server.origin)

        async with (
            serving((OK,)) as server,
            transport() as through,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(5):
                group.create_task(caller())

        assert (5, 50) == (server.connections, len(server.heads))

    async def test_the_pool_does_not_hold_back_a_call(self) -> None:
        """More calls than aiohttp's own bound of 100 are on the wire at once."""
        async with serving((Then.HANG,)) as server, transport() as through:
            sent = asyncio.Semaphore(0)
            calls = [
                asyncio.create_task(
                    exchange(through, server.origin, on_sent=sent.release)
                )
                for _ in range(120)
            ]
            for _ in calls:
                await sent.acquire()
            for call in calls:
                call.cancel()
            ended = await asyncio.gather(*calls, return_exceptions=True)

        assert all(isinstance(end, asyncio.CancelledError) for end in ended)

    async def test_no_cookie_is_kept(self) -> None:
        """A cookie of one response is not sent with the next request."""
        head = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\n{}"

        async with serving((head,)) as server, transport() as through:
            # No jar keeps cookies of bare addresses.
            origin = server.origin.replace("127.0.0.1", "localhost")
            await exchange(through, origin)
            await exchange(through, origin)

        assert len(server.heads) == 2
        assert "cookie" not in dict(server.headers(1))

    async def test_closing_twice_is_fine(self) -> None:
        """As is closing what was never used."""
        unused = AiohttpTransport()
        await unused.aclose()

        async with serving((OK,)) as server, transport() as through:
            await exchange(through, server.origin)
            await through.aclose()

        assert server.connections == 1

    async def test_a_connection_closed_while_idle_is_replaced(self) -> None:
        """The server ended it, and the client has noticed: no call suffers."""
        async with serving((OK, Then.CLOSE), (OK,)) as server, transport() as through:
            await exchange(through, server.origin)
            await server.ended()
            while connected(through):  # noqa: ASYNC110 - aiohttp has no event
                await asyncio.sleep(0)
            response = await exchange(through, server.origin)

        assert (b"{}", 2) == (response.body, server.connections)

    @pytest.mark.parametrize("end", [Then.CLOSE, Then.RESET])
    async def test_a_stale_connection_is_an_unknown_outcome(self, end: Then) -> None:
        """A connection closed at its reuse does not send the request twice."""
        async with serving((OK,), (end,)) as server, transport() as through:
            await exchange(through, server.origin)
            with pytest.raises(ConnectionLost) as caught:
                await exchange(through, server.origin)

        check_chain(caught.value)
        assert caught.value.outcome == "unknown"
        assert (1, 2) == (server.connections, len(server.heads))

    async def test_a_connection_that_speaks_no_http_any_more_is_given_up(self) -> None:
        """No other protocol was requested, and none is supported."""
        head = b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"

        async with serving((head,), (OK,)) as server, transport() as through:
            response = await exchange(through, server.origin)

            assert (101, 0) == (response.status, acquired(through))

            await exchange(through, server.origin)

        assert 2 == server.connections

    async def test_a_cancelled_exchange_gives_its_connection_back(self) -> None:
        """None is left in use, and the next exchange works."""
        async with serving((Then.HANG,), (OK,)) as server, transport() as through:
            sent = asyncio.Event()
            call = asyncio.create_task(
                exchange(through, server.origin, on_sent=sent.set)
            )
            await sent.wait()
            call.cancel()
            await asyncio.wait([call])

            assert call.cancelled()
            assert acquired(through) == 0

            server.script[:] = [(OK,)]
            assert (await exchange(through, server.origin)).body == b"{}"


def connected(through: AiohttpTransport) -> bool:
    """Whether an idle connection still looks alive."""
    return any(protocol.is_connected() for protocol in idle(through))


class TestFailures:
    """Each is a CamsError, has the outcome, and shows no URL."""

    async def test_a_refused_connection_was_not_sent(self, closed_port: int) -> None:
        """Its cause is the operating system's error, without aiohttp's traceback."""
        error, sent = await failure(f"http://127.0.0.1:{closed_port}")

        assert isinstance(error, ConnectError)
        assert isinstance(error.__cause__, ConnectionRefusedError)
        assert error.__cause__.__traceback__ is None
        assert ("not_sent", 0) == (error.outcome, sent)

    async def test_an_unknown_host_was_not_sent(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The message is the resolver's."""

        def unknown(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        error, sent = await failure("https://cams.invalid")

        assert isinstance(error, ConnectError)
        assert "Name or service not known" in str(error)
        assert ("not_sent", 0) == (error.outcome, sent)

    async def test_an_unknown_authority_was_not_sent(
        self, server_context: ssl.SSLContext
    ) -> None:
        """Certificates are verified, and the error names the reason."""
        async with serving((OK,), context=server_context) as server:
            error, sent = await failure(server.origin)

        assert isinstance(error, ConnectError)
        assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
        assert "certificate verify failed" in str(error)
        assert ("not_sent", 0, []) == (error.outcome, sent, server.heads)

    async def test_another_hosts_certificate_was_not_sent(
        self,
        authority: trustme.CA,
        client_context: ssl.SSLContext,
    ) -> None:
        """A trusted authority is not enough."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("cams.example").configure_cert(context)

        async with serving((OK,), context=context) as server:
            error, sent = await failure(server.origin, ssl_context=client_context)

        assert isinstance(error, ConnectError)
        assert ("not_sent", 0) == (error.outcome, sent)

    async def test_a_server_without_tls_was_not_sent(self) -> None:
        """A broken handshake is no connection."""

        def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"this is no TLS")
            writer.close()

        listener = await asyncio.start_server(speak, "127.0.0.1", 0)
        port: int = listener.sockets[0].getsockname()[1]

        async with listener:
            error, sent = await failure(f"https://127.0.0.1:{port}")

        assert isinstance(error, ConnectError)
        assert isinstance(error.__cause__, OSError)
        assert ("not_sent", 0) == (error.outcome, sent)

    async def test_a_reset_before_the_request_was_not_sent(self) -> None:
        """In the midst of the handshake."""

        def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            break_off(writer)

        listener = await asyncio.start_server(reset, "127.0.0.1", 0)
        port: int = listener.sockets[0].getsockname()[1]

        async with listener:
            error, sent = await failure(f"https://127.0.0.1:{port}")

        assert isinstance(error, ConnectError)
        assert isinstance(error.__cause__, ConnectionResetError)
        assert ("not_sent", 0) == (error.outcome, sent)

    async def test_a_given_tls_context_is_used(
        self, server_context: ssl.SSLContext, client_context: ssl.SSLContext
    ) -> None:
        """With the right authority the same server responds."""
        async with (
            serving((OK,), context=server_context) as server,
            transport(ssl_context=client_context) as through,
        ):
            response = await exchange(through, server.origin)

        assert response.body == b"{}"

    @pytest.mark.parametrize(
        "steps",
        [
            (Then.RESET,),
            (Then.CLOSE,),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", Then.CLOSE),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", Then.RESET),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
                Then.CLOSE,
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                Then.CLOSE,
            ),
            (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Then.CLOSE),
            (b"HTTP/1.1 200 OK\r\nX: %s\r\n\r\n" % (b"x" * 2**16), Then.CLOSE),
            (b"SSH-2.0-OpenSSH\r\n\r\n", Then.CLOSE),
            (b"HTTP/1.1 200 O", Then.CLOSE),
        ],
        ids=[
            "reset",
            "closed",
            "half",
            "half-reset",
            "half-chunk",
            "bad-chunk",
            "bad-length",
            "long-header",
            "no-http",
            "half-head",
        ],
    )
    async def test_no_whole_answer_is_an_unknown_outcome(
        self, steps: tuple[bytes | Then, ...]
    ) -> None:
        """The request was sent, so its outcome is unknown."""
        async with serving(steps) as server:
            error, sent = await failure(server.origin)

        assert isinstance(error, ConnectionLost)
        assert ("unknown", 1, 1) == (error.outcome, sent, len(server.heads))

    async def test_a_reset_has_the_systems_error_as_its_cause(self) -> None:
        """Not aiohttp's, which is an OSError too."""
        async with serving((Then.RESET,)) as server:
            error, _ = await failure(server.origin)

        assert type(error.__cause__) is ConnectionResetError
        assert "Connection reset by peer" in str(error)

    async def test_a_time_out_while_connecting_was_not_sent(self) -> None:
        """A TLS handshake that stays without a response."""
        async with serving((Then.HANG,)) as server:
            origin = server.origin.replace("http:", "https:")
            error, sent = await failure(origin, timeout=0.05)

        assert isinstance(error, RequestTimeout)
        assert "0.05 s without a connection" in str(error)
        assert ("not_sent", 0) == (error.outcome, sent)

    @pytest.mark.parametrize(
        "steps",
        [
            (Then.HANG,),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", Then.HANG),
            (b"HTTP/1.1 200 OK\r\nX-Slow:", Then.DRIP),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", Then.DRIP),
        ],
        ids=["nothing", "half", "dripping head", "dripping body"],
    )
    async def test_a_time_out_while_reading_is_unknown(
        self, steps: tuple[bytes | Then, ...]
    ) -> None:
        """From the headers to the last byte, however steadily they trickle in."""
        sent: list[None] = []

        async with serving((OK,), steps) as server, transport() as through:
            # Over a connection that stands already, sending takes no time at all.
            await exchange(through, server.origin)
            with pytest.raises(RequestTimeout, match="without a response") as caught:
                await exchange(
                    through,
                    server.origin,
                    timeout=0.05,
                    on_sent=lambda: sent.append(None),
                )

        check_chain(caught.value)
        assert ("unknown", 1, 1) == (
            caught.value.outcome,
            len(sent),
            server.connections,
        )

    async def test_a_failure_after_the_send_is_never_a_wrong_argument(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A ValueError of aiohttp's while it reads does not hide an unknown outcome."""

        async def bad(*_: object) -> None:
            raise ValueError(CANARY)

        async with serving((OK,)) as server:
            monkeypatch.setattr(aiohttp.ClientResponse, "start", bad)
            error, sent = await failure(server.origin)

        assert isinstance(error, ConnectionLost)
        assert ("unknown", 1) == (error.outcome, sent)


class TestPlaces:
    """Each network error names the host and port that failed, and no more of a URL."""

    async def test_the_endpoint(self, closed_port: int) -> None:
        """Refused, lost, or late."""
        refused, _ = await failure(f"http://127.0.0.1:{closed_port}")
        async with serving((Then.CLOSE,)) as server:
            lost, _ = await failure(server.origin)
        async with serving((Then.HANG,)) as hanging:
            late, _ = await failure(hanging.origin, timeout=0.05)

        assert str(refused).startswith(f"no connection to 127.0.0.1:{closed_port} (")
        assert str(lost).startswith(f"connection lost to {server.origin[7:]} (")
        assert f"0.05 s without a response from {hanging.origin[7:]}" == str(late)

    @pytest.mark.parametrize(
        ("origin", "place"),
        [
            ("https://cams.invalid", "cams.invalid:443"),
            ("http://localhost", "localhost:80"),
            ("http://[::1]:1", "[::1]:1"),
        ],
    )
    async def test_the_port_is_always_named(
        self, origin: str, place: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also where the URL leaves it to its scheme."""

        async def refuse(*_: object, **__: object) -> None:
            raise ConnectionRefusedError(111, "no")

        monkeypatch.setattr(aiohttp.TCPConnector, "_create_connection", refuse)
        error, _ = await failure(origin)

        assert f"no connection to {place} ([Errno 111] no)" == str(error)

    async def test_the_proxy(self, closed_port: int) -> None:
        """By itself where only it failed, and never with its password."""
        proxy = f"127.0.0.1:{closed_port}"
        secret = f"http://user:{CANARY}@"
        error, _ = await failure("https://cams.invalid", proxy=secret + proxy)

        assert str(error).startswith(f"no connection to the proxy {proxy} (")

        reply = b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n"
        async with serving((reply,)) as refusing:
            proxy = refusing.origin[7:]
            error, _ = await failure("https://cams.invalid", proxy=secret + proxy)

        assert (
            f"no connection to cams.invalid:443 through the proxy {proxy} "
            "(the proxy refused with HTTP 407)"
        ) == str(error)

        async with serving((Then.CLOSE,)) as closing:
            proxy = closing.origin[7:]
            error, _ = await failure("http://127.0.0.1:1", proxy=secret + proxy)

        assert str(error).startswith(
            f"connection lost to 127.0.0.1:1 through the proxy {proxy} ("
        )

    @pytest.mark.parametrize(
        "url", ["nonsense", "http://", "http://[::1", "http://a:x"]
    )
    async def test_no_usable_place(self, url: str) -> None:
        """Nothing of it is shown."""
        with pytest.raises(ConnectError, match="to an unusable address") as caught:
            await fetch(f"{url}/{CANARY}", timeout=5, max_response=2)

        check_chain(caught.value)

    async def test_a_body_that_cannot_be_written(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Aiohttp's text shows the URL; the system's error is what counts."""

        async def fail(*_: object, **__: object) -> None:
            raise BrokenPipeError(32, "Broken pipe")

        monkeypatch.setattr(
            aiohttp.BytesPayload, "write_with_length", fail, raising=False
        )
        monkeypatch.setattr(aiohttp.BytesPayload, "write", fail)
        async with serving((Then.HANG,)) as server, transport() as through:
            request = with_body(a_request(server.origin), b"x", {})
            with pytest.raises(ConnectionLost, match="Broken pipe") as caught:
                await through.exchange(request, timeout=5, on_sent=ignore)

        check_chain(caught.value)
        check_frames(caught.value)


class TestBeforeSend:
    """The last moment at which a request can be held back."""

    @pytest.mark.parametrize("error", [ThrottleUnavailable("late"), LookupError("no")])
    @pytest.mark.parametrize("reused", [False, True])
    @pytest.mark.parametrize("given", [False, True])
    async def test_an_error_passes_and_nothing_is_sent(
        self, error: Exception, *, reused: bool, given: bool
    ) -> None:
        """The connection is closed, and the same error is raised."""

        def fail() -> None:
            raise error

        async with (
            serving((OK,)) as server,
            aiohttp.ClientSession() as session,
            transport(session=session if given else None) as through,
        ):
            if reused:
                await exchange(through, server.origin)
            with pytest.raises(type(error)) as caught:
                await exchange(through, server.origin, on_sent=fail)

            assert error is caught.value
            assert acquired(through) == 0

            await exchange(through, server.origin)

        assert (2, 1 + reused) == (server.connections, len(server.heads))

    async def test_nothing_of_an_exchange_outlives_it(self) -> None:
        """A later request of the same task does not call it again."""
        sent: list[int] = []

        async with serving((OK,)) as server, transport() as through:
            for number in range(3):
                await exchange(
                    through, server.origin, on_sent=partial(sent.append, number)
                )
            await fetch(server.origin, timeout=5, max_response=2)

        assert [0, 1, 2] == sent


async def cancel(call: asyncio.Task[Any]) -> BaseException:
    """Cancel a call and return the error it ended with."""
    call.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await call
    return caught.value


async def time_out(call: asyncio.Task[Any]) -> BaseException:
    """Bound a call by a time-out of the caller's and return the error."""
    with pytest.raises(TimeoutError) as caught:
        await asyncio.wait_for(call, 0.01)
    return caught.value


class TestFrames:
    """No exception refers to a frame of aiohttp's, nor to one that shows the URL."""

    @pytest.mark.parametrize("end", [cancel, time_out])
    @pytest.mark.parametrize(
        "steps",
        [(Then.HANG,), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", Then.HANG)],
        ids=["before the head", "in the body"],
    )
    async def test_an_interrupted_exchange(
        self, steps: tuple[bytes | Then, ...], end: Any
    ) -> None:
        """By the caller's cancellation, or time-out."""
        async with serving(steps) as server, transport() as through:
            sent = asyncio.Event()
            call = asyncio.create_task(
                exchange(through, server.origin, on_sent=sent.set)
            )
            await sent.wait()
            error = await end(call)

            assert acquired(through) == 0

        check_frames(error)

    async def test_an_interrupted_connect(self) -> None:
        """In the midst of a TLS handshake."""
        async with serving((Then.HANG,)) as server, transport() as through:
            origin = server.origin.replace("http:", "https:")
            call = asyncio.create_task(exchange(through, origin))
            while not server.connections:  # noqa: ASYNC110 - the server has no event
                await asyncio.sleep(0)
            check_frames(await cancel(call))

    @pytest.mark.parametrize(
        "steps", [(Then.RESET,), (Then.CLOSE,), (b"no http\r\n\r\n", Then.CLOSE)]
    )
    async def test_a_failed_exchange(self, steps: tuple[bytes | Then, ...]) -> None:
        """Our own errors, with their causes."""
        async with serving(steps) as server, transport() as through:
            with pytest.raises(ConnectionLost) as caught:
                await exchange(through, server.origin)

        check_frames(caught.value)

    async def test_an_error_of_the_callback(self) -> None:
        """It comes out of the midst of aiohttp."""

        def fail() -> None:
            raise LookupError

        async with serving((OK,)) as server, transport() as through:
            with pytest.raises(LookupError) as caught:
                await exchange(through, server.origin, on_sent=fail)

        check_frames(caught.value)

    async def test_an_exchange_that_is_closed(self) -> None:
        """Its coroutine is thrown away while it waits."""
        async with serving((OK,), (Then.HANG,)) as server, transport() as through:
            await exchange(through, server.origin)
            call = exchange(through, server.origin)
            call.send(None)

            assert acquired(through) == 1

            call.close()

            assert acquired(through) == 0


def check_frames(error: BaseException | None) -> None:
    """Walk over all frames behind an error, as a tracker of errors would."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            module = frame.f_globals["__name__"]

            assert not module.startswith("aiohttp")
            if module.startswith("cams_async"):
                assert CANARY not in repr(frame.f_locals)
        error = error.__cause__ or error.__context__


class TestCallersSession:
    """A caller's session lends its connector and its traces."""

    async def test_its_connector_is_used_and_not_closed(self) -> None:
        """The caller's own requests share its connections."""
        async with serving((OK,)) as server, aiohttp.ClientSession() as session:
            async with transport(session=session) as through:
                await exchange(through, server.origin)
                await exchange(through, server.origin, repeatable=False)
            async with session.get(server.origin):
                pass

            assert not session.closed
            assert (1, 3) == (server.connections, len(server.heads))

    async def test_its_limit_holds(self) -> None:
        """The caller's connector decides."""
        connector = aiohttp.TCPConnector(limit=1)

        async with (
            serving((OK,)) as server,
            aiohttp.ClientSession(connector=connector) as session,
            transport(session=session) as through,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(5):
                group.create_task(exchange(through, server.origin))

        assert (1, 5) == (server.connections, len(server.heads))

    async def test_its_traces_observe(self) -> None:
        """As they are at the first request; the session's own list stays as it was."""
        seen: list[str] = []

        async def note(
            _: aiohttp.ClientSession, __: Any, params: aiohttp.TraceRequestStartParams
        ) -> None:
            seen.append(params.method)

        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(note)

        async with (
            serving((OK,)) as server,
            aiohttp.ClientSession(trace_configs=[trace]) as session,
            transport(session=session) as through,
        ):
            await exchange(through, server.origin)

            assert [trace] == session.trace_configs

        assert ["POST"] == seen

    async def test_its_raise_for_status_does_not_act(self) -> None:
        """An error status is a response."""
        reply = b"HTTP/1.1 400 No\r\nContent-Length: 2\r\n\r\n{}"

        async with (
            serving((reply,)) as server,
            aiohttp.ClientSession(raise_for_status=True) as session,
            transport(session=session) as through,
        ):
            response = await exchange(through, server.origin)

        assert response.status == 400

    async def test_its_time_outs_do_not_act(self) -> None:
        """The bound is the one that the call was given."""
        tight = aiohttp.ClientTimeout(total=1e-9, connect=1e-9, sock_read=1e-9)

        async with (
            serving((OK,)) as server,
            aiohttp.ClientSession(timeout=tight) as session,
            transport(session=session) as through,
        ):
            response = await exchange(through, server.origin)

        assert response.status == 200

    @pytest.mark.skipif(
        not hasattr(aiohttp, "ClientHandlerType"),
        reason="releases of aiohttp before 3.12 have no middlewares",
    )
    async def test_its_middlewares_do_not_act(self) -> None:
        """Nothing resends or rewrites what was signed."""
        met: list[str] = []

        async def middleware(
            request: aiohttp.ClientRequest, handler: Any
        ) -> aiohttp.ClientResponse:
            met.append(request.method)
            response: aiohttp.ClientResponse = await handler(request)
            return response

        async with (
            serving((OK,)) as server,
            aiohttp.ClientSession(middlewares=[middleware]) as session,
            transport(session=session) as through,
        ):
            await exchange(through, server.origin)
            async with session.get(server.origin):
                pass

        assert met == ["GET"]

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # auth=, since 3.14
    @pytest.mark.parametrize(
        "options",
        [
            {"headers": {"Authorization": "mine", "Host": "mine", "X-Mine": "mine"}},
            {"auth": ("somebody", "secret")},
            {"base_url": "http://base.invalid/"},
            {"cookies": {"a": "b"}},
            {"skip_auto_headers": ["host"]},
            {"version": aiohttp.HttpVersion10},
            {"trust_env": True},
        ],
        ids=lambda options: next(iter(options)),
    )
    async def test_nothing_else_of_it_acts(
        self, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The request is the one that was signed."""
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        if "auth" in options:
            options = {"auth": aiohttp.BasicAuth(*options["auth"])}
        async with (
            serving((OK,)) as server,
            aiohttp.ClientSession(**options) as session,
            transport(session=session) as through,
        ):
            request = a_request(server.origin)
            await through.exchange(request, timeout=5, on_sent=ignore)
        extra = set(server.headers()) - set(request.headers.items())

        assert {("content-length", "0")} == extra
        assert server.lines()[0].endswith(b" HTTP/1.1")

    async def test_one_that_was_closed_is_refused(self) -> None:
        """By name, not by a RuntimeError of aiohttp's."""
        session = aiohttp.ClientSession()
        await session.close()
        error, sent = await failure("http://127.0.0.1:1", session=session)

        assert isinstance(error, ConfigurationError)
        assert ("session: is closed", 0) == (str(error), sent)


class TestProxies:
    """Proxies come from the option, or from the environment."""

    async def test_a_proxy_gets_the_absolute_url(self) -> None:
        """Byte for byte as signed, with the Host header that was signed."""
        async with (
            serving((OK,)) as proxy,
            transport(proxy=proxy.origin) as through,
        ):
            request = a_request("http://127.0.0.1:9")
            await through.exchange(request, timeout=5, on_sent=ignore)

        expected = f"POST http://127.0.0.1:9/?Canary={CANARY} HTTP/1.1"
        assert [expected.encode()] == proxy.lines()
        assert ("host", "127.0.0.1:9") in proxy.headers()

    async def test_tls_goes_through_a_tunnel(
        self, server_context: ssl.SSLContext, client_context: ssl.SSLContext
    ) -> None:
        """The proxy learns the host, and nothing of the request."""
        async with (
            serving((OK,), context=server_context) as server,
            tunnel() as (proxy, asked),
            transport(proxy=proxy, ssl_context=client_context) as through,
        ):
            response = await exchange(through, server.origin)

        assert response.body == b"{}"
        assert [f"CONNECT {urlsplit(server.origin).netloc} HTTP/1.1"] == asked

    async def test_a_proxy_that_is_away_was_not_sent(self, closed_port: int) -> None:
        """As for the server itself."""
        proxy = f"http://127.0.0.1:{closed_port}"
        error, sent = await failure("http://127.0.0.1:9", proxy=proxy)

        assert isinstance(error, ConnectError)
        assert ("not_sent", 0) == (error.outcome, sent)

    async def test_a_proxy_that_refuses_the_tunnel_was_not_sent(self) -> None:
        """The request has not left before the tunnel stands."""
        reply = b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n"

        async with serving((reply,)) as proxy:
            error, sent = await failure("https://127.0.0.1:9", proxy=proxy.origin)

        assert isinstance(error, ConnectError)
        assert ("not_sent", 0) == (error.outcome, sent)


@asynccontextmanager
async def tunnel() -> AsyncGenerator[tuple[str, list[str]], None]:
    """Run a proxy that only opens tunnels; yield its URL and its requests."""
    asked: list[str] = []
    pipes: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(2**16):
                writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(head.split("\r\n")[0])
        host, port = head.split()[1].split(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writers.extend((writer, far_writer))
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        pipes.add(asyncio.create_task(pipe(reader, far_writer)))
        pipes.add(asyncio.create_task(pipe(far_reader, writer)))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", asked
        for writer in writers:
            writer.transport.abort()
        if pipes:
            await asyncio.wait(pipes)


class TestFetch:
    """One small document, for credentials."""

    async def test_it_gets_a_document(self) -> None:
        """By GET, unpacked, over a connection that is closed afterwards."""
        async with serving((OK,)) as server:
            response = await fetch(f"{server.origin}/a?b=c", timeout=5, max_response=2)
            await server.ended()

        assert (200, b"{}") == (response.status, response.body)
        assert [b"GET /a?b=c HTTP/1.1"] == server.lines()
        assert ("accept-encoding", "identity") in server.headers()

    async def test_it_follows_no_redirect(self) -> None:
        """The response comes from the requested host, or there is none."""
        reply = b"HTTP/1.1 302 Go\r\nLocation: /else\r\nContent-Length: 0\r\n\r\n"

        async with serving((reply,)) as server:
            response = await fetch(server.origin, timeout=5, max_response=2)

        assert (302, 1) == (response.status, len(server.heads))

    async def test_it_is_bounded_in_size(self) -> None:
        """As every response is."""
        async with serving((OK,)) as server:
            with pytest.raises(DecodeError, match="larger than 1 bytes"):
                await fetch(server.origin, timeout=5, max_response=1)

    @pytest.mark.parametrize(
        ("step", "expected"),
        [(Then.HANG, RequestTimeout), (Then.RESET, ConnectionLost)],
    )
    async def test_its_failures_are_ours(
        self, step: Then, expected: type[CamsError]
    ) -> None:
        """It is bounded in time, too."""
        async with serving((step,)) as server:
            with pytest.raises(expected) as caught:
                await fetch(f"{server.origin}/{CANARY}", timeout=0.1, max_response=2)

        check_chain(caught.value)

    @pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://", ""])
    async def test_an_unusable_address_was_not_sent(self, url: str) -> None:
        """Every failure is a CamsError for any configuration."""
        with pytest.raises(ConnectError) as caught:
            await fetch(f"{url}/{CANARY}?{CANARY}", timeout=5, max_response=2)

        check_chain(caught.value)
