"""A server that does next to nothing, so that what is measured is the client.

`python -m benchmarks.responder CERTIFICATE` answers each request with the same bytes
and keeps the connection, in the clear and over TLS. It is a child: see `children`.
"""

import asyncio
import ssl
import sys
import threading
from typing import Any

from benchmarks.answers import response
from benchmarks.children import obey

END = b"\r\n\r\n"


class Responder:
    """What all connections share."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests = 0
        self.response = b""
        self.origins: dict[str, str] = {}

    def tell(self, numbers: int = 0) -> dict[str, Any]:
        """Answer with so many phone numbers from now on; tell what was seen so far."""
        body = response(numbers)
        head = (
            "HTTP/1.1 200 OK\r\n"
            "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
            "Content-Type: application/json;charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\n"
            "Connection: keep-alive"
        )
        self.response = head.encode() + END + body
        return {
            **self.origins,
            "connections": self.connections,
            "requests": self.requests,
        }

    async def listen(self, certificate: str) -> None:
        """Listen in the clear and over TLS, at ports that the system chooses."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        loop = asyncio.get_running_loop()
        for scheme, tls in (("http", None), ("https", context)):
            server = await loop.create_server(
                lambda: Connection(self), "127.0.0.1", ssl=tls, backlog=2048
            )
            port = server.sockets[0].getsockname()[1]
            self.origins[scheme] = f"{scheme}://127.0.0.1:{port}"


class Connection(asyncio.Protocol):
    """Answers as soon as the blank line of a request is here; none has a body."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection."""
        self._transport: Any = transport
        self._responder.connections += 1

    def data_received(self, data: bytes) -> None:
        """Count and answer."""
        *whole, self._rest = (self._rest + data).split(END)
        self._responder.requests += len(whole)
        self._transport.write(self._responder.response * len(whole))


def main(certificate: str) -> None:
    """Serve in another thread, and obey in this one."""
    responder = Responder()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(responder.listen(certificate))
    threading.Thread(target=loop.run_forever, daemon=True).start()
    obey(responder.tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
