"""A server that sends scripted bytes, and exchanges with it."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum
from itertools import count
from typing import Any

from attrs import define, evolve, field

from cams_async.endpoints import parse_endpoint
from cams_async.protocol import Call, HttpResponse, Request, build_request
from cams_async.transport import AiohttpTransport
from tests.fakes import CREDENTIALS

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

CANARY = "canary-in-the-url"


class Then(Enum):
    """An action of the server instead of, or after, a response."""

    CLOSE = "end the connection"
    RESET = "break the connection"
    HANG = "say nothing"
    DRIP = "send byte after byte, for ever"


def break_off(writer: asyncio.StreamWriter) -> None:
    """End a connection as a crash would."""
    linger = struct.pack("ii", 1, 0)
    peer: socket.socket = writer.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


@define
class Server:
    """A server that sends exactly the given bytes, reply by reply."""

    script: list[tuple[bytes | Then, ...]]
    origin: str = ""
    connections: int = 0
    heads: list[bytes] = field(factory=list[bytes])
    bodies: list[bytes] = field(factory=list[bytes])
    writers: set[asyncio.StreamWriter] = field(factory=set[asyncio.StreamWriter])
    tasks: set[asyncio.Task[Any]] = field(factory=set[asyncio.Task[Any]])

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one connection."""
        self.connections += 1
        self.writers.add(writer)
        self.tasks.update(filter(None, [asyncio.current_task()]))
        with suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                size = int(dict(self.headers(-1)).get("content-length", "0"))
                self.bodies.append(await reader.readexactly(size))
                steps = self.script[0] if len(self.script) == 1 else self.script.pop(0)
                for step in steps:
                    await self.do(step, reader, writer)
        self.writers.discard(writer)
        writer.close()

    async def do(
        self,
        step: bytes | Then,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Do one step."""
        match step:
            case Then.CLOSE:
                writer.close()
            case Then.RESET:
                break_off(writer)
            case Then.HANG:
                await reader.read()
            case Then.DRIP:
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0)
            case bytes():
                writer.write(step)
                await writer.drain()

    async def ended(self) -> None:
        """Wait until no connection is left."""
        if self.tasks:
            await asyncio.wait(self.tasks)

    def lines(self) -> list[bytes]:
        """Return the request lines seen."""
        return [head.split(b"\r\n")[0] for head in self.heads]

    def headers(self, number: int = 0) -> list[tuple[str, str]]:
        """Return the headers of a request seen, names in lower case."""
        rows = self.heads[number].decode().split("\r\n")[1:-2]
        pairs = [row.split(": ", 1) for row in rows]
        return [(name.lower(), value) for name, value in pairs]


@asynccontextmanager
async def serving(
    *script: tuple[bytes | Then, ...], context: ssl.SSLContext | None = None
) -> AsyncGenerator[Server, None]:
    """Run a server; its last reply is given again and again."""
    server = Server(list(script))
    listener = await asyncio.start_server(
        server.serve, "127.0.0.1", 0, ssl=context, limit=2**20, backlog=1024
    )
    port: int = listener.sockets[0].getsockname()[1]
    scheme = "http" if context is None else "https"
    server.origin = f"{scheme}://127.0.0.1:{port}"
    try:
        yield server
    finally:
        listener.close()
        for writer in list(server.writers):
            writer.transport.abort()
        await listener.wait_closed()
        await server.ended()


@asynccontextmanager
async def transport(**options: Any) -> AsyncGenerator[AiohttpTransport, None]:
    """Make a transport and close it."""
    made = AiohttpTransport(**options)
    try:
        yield made
    finally:
        await made.aclose()


NONCES = count(1)


def a_request(origin: str, **parameters: str) -> Request:
    """Build a signed request with a canary in its URL."""
    call = Call(
        action="AnAction",
        parameters={"Canary": CANARY, **parameters},
        qps=1.0,
        retry_safe=False,
        decode=lambda payload, _: payload,
    )
    return build_request(
        call,
        endpoint=parse_endpoint(origin),
        credentials=CREDENTIALS,
        date=1_767_323_045.0,
        nonce=f"n{next(NONCES)}",
    )


def ignore(_: object = None, /) -> None:
    """Ignore that a request was sent."""


async def exchange(
    through: AiohttpTransport,
    origin: str,
    *,
    timeout: float = 5.0,
    on_sent: Callable[[], None] = lambda: None,
    repeatable: bool = True,
) -> HttpResponse:
    """Do one exchange."""
    request = evolve(a_request(origin), repeatable=repeatable)
    return await through.exchange(
        request, timeout=timeout, on_sent=lambda _=None: on_sent()
    )


def acquired(through: AiohttpTransport) -> int:
    """Return how many connections are in use."""
    connectors: list[Any] = [each.connector for each in through._sessions.values()]
    return sum(len(connector._acquired) for connector in connectors)


def idle(through: AiohttpTransport) -> list[Any]:
    """Return the protocols of the idle connections."""
    connectors: list[Any] = [each.connector for each in through._sessions.values()]
    pools = [pool for each in connectors for pool in each._conns.values()]
    return [entry[0] for pool in pools for entry in pool]
