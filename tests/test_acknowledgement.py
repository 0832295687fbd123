"""What TCP has acknowledged of a request, over real sockets."""

import asyncio
import gc
import os
import socket
import ssl
import sys
import time
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager, suppress
from functools import partial
from typing import Any, TypeAlias

import aiohttp
import pytest
from attrs import evolve

from cams_async import _tcp
from cams_async.errors import CamsError, ConnectionLost, DecodeError, RequestTimeout
from cams_async.protocol import HttpResponse, Request
from cams_async.transport import AcknowledgedAt, AiohttpTransport
from tests.raw_server import (
    OK,
    Then,
    a_request,
    exchange,
    ignore,
    serving,
    transport,
)
from tests.undisturbed import undisturbed

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="other kernels do not give this away"
)

uvloop = pytest.importorskip("uvloop")

Main: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
Run: TypeAlias = Callable[[Main], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def loop_name(request: pytest.FixtureRequest) -> str:
    """Return the name of an event loop's package."""
    name: str = request.param
    return name


@pytest.fixture
def run(loop_name: str) -> Run:
    """Return a function that runs a coroutine on that event loop."""
    factory = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}

    def run_main(main: Main) -> None:
        with asyncio.Runner(loop_factory=factory[loop_name]) as runner:
            runner.run(main())

    return run_main


class Peer:
    """A server that accepts one connection, and leaves all else to the test."""

    def __init__(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        self._listener = listener
        self._context = context
        scheme = "http" if context is None else "https"
        self.origin = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        self._connection: socket.socket | None = None

    async def accept(self) -> None:
        """Take the connection, without reading any of the request."""
        await asyncio.to_thread(self._accept)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        if self._context is not None:
            connection = self._context.wrap_socket(connection, server_side=True)
        self._connection = connection

    @property
    def connection(self) -> socket.socket:
        """The connection."""
        assert self._connection is not None
        return self._connection

    async def read_raw(self) -> tuple[int, str]:
        """Return how many bytes there are to read, and how the connection ends."""
        # Below TLS, which does not always show a reset.
        with socket.socket(fileno=os.dup(self.connection.fileno())) as raw:
            return await asyncio.to_thread(read_all, raw)

    async def read(self) -> tuple[int, str]:
        """Do the same above TLS, which responds to an orderly end."""
        result = await asyncio.to_thread(read_all, self.connection)
        self.close()
        return result

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


def read_all(connection: socket.socket) -> tuple[int, str]:
    """Read to the end of a connection."""
    connection.settimeout(30)
    size = 0
    try:
        while data := connection.recv(2**16):
            size += len(data)
    except ConnectionResetError:
        return size, "reset"
    return size, "end"


@contextmanager
def listening(
    context: ssl.SSLContext | None = None, *, small: bool = False
) -> Generator[Peer, None, None]:
    """Listen for one connection, with a normal or a small receive buffer."""
    with socket.socket() as listener:
        if small:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_000)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        # A connection that is made before `accept` is in the backlog.
        listener.settimeout(30)
        peer = Peer(listener, context)
        try:
            yield peer
        finally:
            peer.close()


class Sent:
    """An `on_sent` that keeps what it gets."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.at = 0.0
        self.found_then: float | None = -1.0
        self._acknowledged_at: AcknowledgedAt | None = None

    def __call__(self, acknowledged_at: AcknowledgedAt | None = None, /) -> None:
        """Keep it, and call it at once, if it is there."""
        self._acknowledged_at = acknowledged_at
        self.found_then = self.acknowledged_at()
        self.at = time.monotonic()
        self.event.set()

    def acknowledged_at(self) -> float | None:
        """Return when the request was acknowledged."""
        return self._acknowledged_at() if self._acknowledged_at is not None else None

    @property
    def offered(self) -> bool:
        """Whether there is a function to call."""
        return self._acknowledged_at is not None

    async def until_acknowledged(self) -> float:
        """Wait until the request was acknowledged."""
        await self.event.wait()
        async with asyncio.timeout(10):
            while (at := self.acknowledged_at()) is None:  # noqa: ASYNC110 - the kernel has no event
                await asyncio.sleep(0.001)
        return at


def sized(origin: str, size: int) -> Request:
    """Return a request with a body of that size."""
    request = a_request(origin)
    parts = request.url, dict(request.headers), b"x" * size
    return evolve(request, reveal=lambda: parts)


async def cancel(task: asyncio.Task[HttpResponse]) -> BaseException:
    """Cancel an exchange, and return its error."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    return caught.value


@pytest.fixture(params=[False, True], ids=["http", "https"])
def context(
    request: pytest.FixtureRequest, server_context: ssl.SSLContext
) -> ssl.SSLContext | None:
    """Return the server's TLS context, or None for plain HTTP."""
    return server_context if request.param else None


@pytest.fixture
def connect(client_context: ssl.SSLContext) -> Callable[..., Any]:
    """Return a function that makes a transport."""
    return partial(transport, ssl_context=client_context)


class TestAcknowledged:
    """The kernel of the server acknowledges, whatever its program does."""

    @pytest.mark.parametrize("size", [0, 1_000])
    def test_by_a_server_that_reads_nothing(
        self,
        run: Run,
        loop_name: str,
        size: int,
        context: ssl.SSLContext | None,
        connect: Callable[..., Any],
    ) -> None:
        """The time is soon after the send, also if it is asked for later."""

        @undisturbed
        async def main() -> None:
            sent = Sent()
            with listening(context) as peer:
                async with connect() as through:
                    request = sized(peer.origin, size)
                    task = asyncio.create_task(
                        through.exchange(request, timeout=30, on_sent=sent)
                    )
                    await peer.accept()
                    if loop_name == "uvloop" and context is not None:
                        await check_unknown(sent)
                    else:
                        await check_time(sent)
                    await cancel(task)

        async def check_time(sent: Sent) -> None:
            first = await sent.until_acknowledged()
            seen = time.monotonic()

            assert sent.found_then is None
            assert sent.at <= first <= seen

            await asyncio.sleep(0.3)
            later = sent.acknowledged_at()

            assert later is not None
            assert sent.at <= later < seen + 0.2

        async def check_unknown(sent: Sent) -> None:
            await sent.event.wait()

            assert not sent.offered

        run(main)

    async def test_the_time_is_that_of_the_last_acknowledgement(self) -> None:
        """Not of the last data: a keep-alive probe is acknowledged, too."""
        sent = Sent()
        with listening() as peer:
            async with transport() as through:
                task = asyncio.create_task(
                    through.exchange(a_request(peer.origin), timeout=30, on_sent=sent)
                )
                first = second = await sent.until_acknowledged()
                (protocol,) = acquired_protocols(through)
                client: socket.socket = protocol.transport.get_extra_info("socket")
                client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
                async with asyncio.timeout(10):
                    while second < first + 0.5:
                        await asyncio.sleep(0.01)
                        second = await sent.until_acknowledged()
                await cancel(task)

        assert second <= time.monotonic()

    async def test_in_another_thread_while_the_loop_stands_still(
        self, context: ssl.SSLContext | None, connect: Callable[..., Any]
    ) -> None:
        """The event loop takes no part in it."""
        sent = Sent()
        with listening(context) as peer, ThreadPoolExecutor(1) as pool:
            async with connect() as through:
                task = asyncio.create_task(
                    through.exchange(a_request(peer.origin), timeout=30, on_sent=sent)
                )
                await peer.accept()
                first = await sent.until_acknowledged()
                elsewhere = pool.submit(sent.acknowledged_at).result(10)

                assert elsewhere == pytest.approx(first, abs=0.5)

                await cancel(task)

    @pytest.mark.parametrize("moment", ["headers", "body"])
    async def test_not_before_it_was_written(self, moment: str) -> None:
        """A connection that was used before has nothing left to acknowledge."""
        writing, go_on = asyncio.Event(), asyncio.Event()

        async def hold(*_: object) -> None:
            writing.set()
            await go_on.wait()

        trace, sent = aiohttp.TraceConfig(), Sent()
        hooks = {
            "headers": trace.on_request_headers_sent,
            "body": trace.on_request_chunk_sent,
        }
        hooks[moment].append(hold)
        async with (
            serving((OK,), (Then.HANG,)) as server,
            aiohttp.ClientSession(trace_configs=[trace]) as session,
            transport(session=session) as through,
        ):
            go_on.set()
            await through.exchange(sized(server.origin, 10), timeout=30, on_sent=ignore)
            go_on.clear()
            writing.clear()
            task = asyncio.create_task(
                through.exchange(sized(server.origin, 10), timeout=30, on_sent=sent)
            )
            await writing.wait()
            await asyncio.sleep(0.05)

            assert sent.acknowledged_at() is None

            go_on.set()
            await sent.until_acknowledged()
            await cancel(task)


BUFFERS = {"in the kernel": 200_000, "in the transport": 20_000_000}
"""Bytes of a request that the server does not read, and where the rest waits."""


async def time_out(task: asyncio.Task[HttpResponse]) -> BaseException:
    """Let an exchange exceed its timeout."""
    with pytest.raises(RequestTimeout) as caught:
        await task
    return caught.value


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
class TestUnacknowledged:
    """A request that has not arrived is not sent any further."""

    @pytest.mark.parametrize("end", [cancel, time_out])
    @pytest.mark.parametrize("where", BUFFERS)
    def test_the_connection_is_reset(
        self,
        run: Run,
        where: str,
        end: Callable[..., Any],
        context: ssl.SSLContext | None,
        connect: Callable[..., Any],
    ) -> None:
        """The server gets a part of the request, and then a reset."""

        async def main() -> None:
            sent, size = Sent(), BUFFERS[where]
            with listening(context, small=True) as peer:
                async with connect() as through:
                    request = sized(peer.origin, size)
                    timeout = 0.5 if end is time_out else 30
                    task = asyncio.create_task(
                        through.exchange(request, timeout=timeout, on_sent=sent)
                    )
                    await peer.accept()
                    await sent.event.wait()
                    await asyncio.sleep(0.1)
                    (protocol,) = acquired_protocols(through)
                    if context is None:
                        held = protocol.transport.get_write_buffer_size()

                        assert (where == "in the transport") == (held > 0)

                    assert sent.acknowledged_at() is None

                    await end(task)

                    assert sent.acknowledged_at() is None

                    received, how = await peer.read_raw()

            assert 0 < received < size
            assert how == "reset"

        run(main)

    @pytest.mark.parametrize("where", BUFFERS)
    async def test_an_early_response_that_is_too_long(self, where: str) -> None:
        """The server has refused the request before it had all of it."""
        sent, size = Sent(), BUFFERS[where]
        with listening(small=True) as peer:
            async with transport(max_response=10) as through:
                task = asyncio.create_task(
                    through.exchange(sized(peer.origin, size), timeout=30, on_sent=sent)
                )
                await peer.accept()
                peer.connection.send(
                    b"HTTP/1.1 413 No\r\nContent-Length: 20\r\n\r\n" + b"x" * 20
                )
                with pytest.raises(DecodeError):
                    await task
                received, how = await peer.read_raw()

        assert sent.acknowledged_at() is None
        assert 0 < received < size
        assert how == "reset"

    async def test_an_exchange_that_is_closed(self) -> None:
        """Its coroutine is thrown away while it waits."""
        sent = Sent()
        with listening(small=True) as peer:
            async with transport() as through:
                size = BUFFERS["in the transport"]
                call = through.exchange(
                    sized(peer.origin, size), timeout=30, on_sent=sent
                )
                task = asyncio.create_task(call)
                await peer.accept()
                await sent.event.wait()
                await asyncio.sleep(0.05)
                call.close()
                task.cancel()
                received, how = await peer.read_raw()

        assert 0 < received < size
        assert how == "reset"


async def test_the_next_request_on_a_connection_is_not_reset() -> None:
    """Its predecessor fails after the connection went back to the pool."""
    loop, headers = asyncio.get_running_loop(), asyncio.Event()

    async def arrived(*_: object) -> None:
        headers.set()

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(arrived)
    async with AsyncExitStack() as stack:
        peer = stack.enter_context(listening(small=True))
        session = await stack.enter_async_context(
            aiohttp.ClientSession(trace_configs=[trace])
        )
        through = await stack.enter_async_context(transport(session=session))
        # The kernel has it, and the peer reads nothing: not acknowledged.
        size = BUFFERS["in the kernel"]
        first = asyncio.create_task(
            through.exchange(sized(peer.origin, size), timeout=30, on_sent=ignore)
        )
        await peer.accept()
        peer.connection.sendall(OK[:-1])
        await headers.wait()
        calls = [first]

        def follow() -> None:
            # After the last byte below, and before the first task gets it.
            loop.call_soon(first.cancel)
            calls.append(
                asyncio.create_task(
                    through.exchange(sized(peer.origin, 1), timeout=30, on_sent=ignore)
                )
            )

        def respond() -> None:
            received = 0
            while received <= size:
                received += len(peer.connection.recv(2**16))
            peer.connection.sendall(OK)

        peer.connection.sendall(OK[-1:])
        loop.call_soon(follow)
        with pytest.raises(asyncio.CancelledError):
            await first
        await asyncio.to_thread(respond)
        response = await calls[1]

    assert response.status == 200


def acquired_protocols(through: AiohttpTransport) -> list[Any]:
    """Return aiohttp's protocols of the connections in use."""
    connectors: list[Any] = [each.connector for each in through._sessions.values()]
    return [each for connector in connectors for each in connector._acquired]


class TestGivenUp:
    """What was found when an exchange failed stays so."""

    @pytest.mark.parametrize("end", [cancel, time_out])
    async def test_an_acknowledged_request_ends_as_ever(
        self,
        end: Callable[..., Any],
        context: ssl.SSLContext | None,
        connect: Callable[..., Any],
    ) -> None:
        """The connection ends without a reset, and the time is still there."""
        sent = Sent()
        with listening(context) as peer:
            async with connect() as through:
                task = asyncio.create_task(
                    through.exchange(
                        a_request(peer.origin),
                        timeout=0.5 if end is time_out else 30,
                        on_sent=sent,
                    )
                )
                await peer.accept()
                first = await sent.until_acknowledged()
                await end(task)
                ended = time.monotonic()
                received, how = await peer.read()
                found = sent.acknowledged_at()

        assert received > 100
        assert how == "end"
        assert found is not None
        assert sent.at <= found <= ended
        assert found == pytest.approx(first, abs=0.4)

    async def test_half_a_response(self) -> None:
        """The body is waited for in another place than the headers."""
        sent = Sent()
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"
        async with serving((head, Then.HANG)) as server, transport() as through:
            with pytest.raises(RequestTimeout):
                await through.exchange(
                    a_request(server.origin), timeout=0.2, on_sent=sent
                )
            found = sent.acknowledged_at()

        assert found is not None
        assert sent.at <= found

    @pytest.mark.parametrize("end", [Then.CLOSE, Then.RESET])
    async def test_a_lost_connection(self, end: Then) -> None:
        """Its socket is closed, and nothing is left of it."""
        sent = Sent()
        async with serving((end,)) as server, transport() as through:
            with pytest.raises(ConnectionLost):
                await through.exchange(
                    a_request(server.origin), timeout=30, on_sent=sent
                )

            assert sent.acknowledged_at() is None

    async def test_nothing_of_the_connection_is_kept(self) -> None:
        """Neither after a response, nor after a failure."""
        for script in ((OK,), (Then.HANG,)):
            sent = Sent()
            async with serving(script) as server, transport() as through:
                with suppress(CamsError):
                    await through.exchange(
                        a_request(server.origin), timeout=0.2, on_sent=sent
                    )
            acknowledged_at: Any = sent._acknowledged_at
            kept = [
                getattr(acknowledged_at, name) for name in acknowledged_at.__slots__
            ]

            assert {type(value) for value in kept} <= {bool, float, type(None)}


class TestUndetermined:
    """Where the peer is not the server, or the kernel does not show it."""

    @pytest.mark.parametrize("way", ["proxy", "connector", "kernel"])
    async def test_none_is_offered(
        self,
        way: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The connection is reset in the end, as it may hold the request."""

        class Derived(aiohttp.TCPConnector):
            """A connector that may connect through anything."""

        sent, options = Sent(), dict[str, Any]()
        if way == "kernel":
            monkeypatch.setattr(_tcp, "_LINUX", False)
        async with (
            serving((Then.HANG,)) as server,
            aiohttp.ClientSession(connector=Derived()) as session,
        ):
            origin = server.origin
            if way == "proxy":
                origin, options = "http://127.0.0.1:9", {"proxy": server.origin}
            elif way == "connector":
                options = {"session": session}
            async with transport(**options) as through:
                task = asyncio.create_task(
                    through.exchange(a_request(origin), timeout=30, on_sent=sent)
                )
                while not server.heads:  # noqa: ASYNC110 - the server has no event
                    await asyncio.sleep(0.001)

                assert not sent.offered

                (writer,) = server.writers
                await cancel(task)
                with pytest.raises(ConnectionResetError):
                    await writer.wait_closed()

    async def test_bytes_that_wait_in_the_transport(
        self, context: ssl.SSLContext | None, client_context: ssl.SSLContext
    ) -> None:
        """Or in the one beneath TLS. A transport that is closing shows nothing."""
        with listening(context, small=True) as peer:
            address = peer.origin.rpartition(":")[2]
            accepting = asyncio.create_task(peer.accept())
            _, writer = await asyncio.open_connection(
                "127.0.0.1", int(address), ssl=context and client_context
            )
            await accepting
            made = writer.transport
            while _tcp.acknowledged_at(made) is None:  # noqa: ASYNC110 - the kernel has no event
                await asyncio.sleep(0.001)
            writer.write(bytes(BUFFERS["in the transport"]))

            assert _tcp.acknowledged_at(made) is None

            made.abort()

            assert _tcp.acknowledged_at(made) is None

            await asyncio.sleep(0)

    async def test_a_closing_connection(self) -> None:
        """Its buffer may have been discarded."""
        with listening() as peer:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", int(peer.origin.rpartition(":")[2])
            )
            made = writer.transport

            assert _tcp.acknowledged_at(made) is not None

            made.close()

            assert _tcp.acknowledged_at(made) is None

            await writer.wait_closed()
            del reader

    @pytest.mark.parametrize(
        "error", [RuntimeError("deque mutated"), OSError("closed"), AttributeError("x")]
    )
    def test_an_error_is_not_raised(self, error: Exception) -> None:
        """Another thread may change what is read, and other releases its names."""

        class Changing:
            def get_extra_info(self, _: str) -> Any:
                raise error

        changing: Any = Changing()

        assert _tcp.acknowledged_at(changing) is None

    async def test_no_socket_to_reset(self) -> None:
        """A pipe is closed all the same."""
        loop = asyncio.get_running_loop()
        one, other = socket.socketpair()
        with other:
            made, _ = await loop.create_connection(asyncio.Protocol, sock=one)

            assert _tcp.acknowledged_at(made) is None

            _tcp.reset(made)
            _tcp.reset(made)

            assert made.is_closing()

    def test_a_closed_event_loop(self) -> None:
        """It cannot close the connection any more."""
        loop = asyncio.new_event_loop()
        one, other = socket.socketpair()
        with other:
            made, _ = loop.run_until_complete(
                loop.create_connection(asyncio.Protocol, sock=one)
            )
            loop.close()
            _tcp.reset(made)

            assert made.is_closing()

            # asyncio warns of a transport that is left so.
            del made
            with pytest.warns(ResourceWarning, match="unclosed"):
                gc.collect()


class TestCost:
    """A call that is answered costs no system call more."""

    async def test_an_answered_call_is_not_examined(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither with a kept-alive connection, nor with one that ends."""

        def fail(_: object) -> None:
            raise AssertionError

        sent = Sent()
        monkeypatch.setattr(_tcp, "acknowledged_at", fail)
        monkeypatch.setattr(_tcp, "reset", fail)
        last = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        async with serving((OK,), (last, Then.CLOSE)) as server, transport() as through:
            for _ in range(2):
                await through.exchange(
                    a_request(server.origin), timeout=30, on_sent=sent
                )

                assert sent.acknowledged_at() is None


class TestHeadersAt:
    """`HttpResponse.headers_at`."""

    async def test_it_is_the_time_of_the_final_headers(
        self,
        context: ssl.SSLContext | None,
        connect: Callable[..., Any],
    ) -> None:
        """Later than interim responses, earlier than the body."""
        times: list[float] = []
        ended = asyncio.Event()

        async def serve(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await reader.readuntil(b"\r\n\r\n")
            for step in (
                b"HTTP/1.1 100 Continue\r\n\r\n",
                b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
                b"{}",
            ):
                times.append(time.monotonic())
                writer.write(step)
                await asyncio.sleep(0.3 if b" 200 " in step else 0.05)
            await reader.read()
            writer.close()
            await writer.wait_closed()
            ended.set()

        async with await asyncio.start_server(
            serve, "127.0.0.1", 0, ssl=context
        ) as listener:
            scheme = "http" if context is None else "https"
            port = listener.sockets[0].getsockname()[1]
            async with connect() as through:
                response = await exchange(through, f"{scheme}://127.0.0.1:{port}")
                received = time.monotonic()
            await ended.wait()

        assert response.headers_at is not None
        assert times[2] <= response.headers_at < times[3] <= received

    def test_other_transports_may_leave_it_out(self) -> None:
        """It is the last field, and optional."""
        assert HttpResponse(200, {}, b"").headers_at is None
