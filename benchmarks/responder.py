"""A minimal HTTP server that sends the same bytes for every request.

`python -m benchmarks.responder CERTIFICATE` is a child (see `processes`). It listens
with and without TLS and keeps connections alive.
"""

import asyncio
import ssl
import sys
import threading
from typing import Any

from benchmarks.processes import serve
from benchmarks.responses import body

END = b"\r\n\r\n"


class Responder:
    """The response and the counters shared by all connections."""

    def __init__(self) -> None:
        self.connections = 0
        self.response = b""
        self.origins: dict[str, str] = {}

    def configure(self, numbers: int = 0) -> dict[str, Any]:
        """Set the phone numbers in a response; return origins and connections."""
        content = body(numbers)
        head = (
            "HTTP/1.1 200 OK\r\n"
            "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
            "Content-Type: application/json;charset=utf-8\r\n"
            f"Content-Length: {len(content)}\r\n"
            "Connection: keep-alive"
        )
        self.response = head.encode() + END + content
        return {**self.origins, "connections": self.connections}

    async def listen(self, certificate: str) -> None:
        """Listen with and without TLS, at ports that the system chooses."""
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
    """A connection that responds at the end of each request's head."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection."""
        self._transport: Any = transport
        self._responder.connections += 1

    def data_received(self, data: bytes) -> None:
        """Respond to each complete request; none has a body."""
        *whole, self._rest = (self._rest + data).split(END)
        self._transport.write(self._responder.response * len(whole))


def main(certificate: str) -> None:
    """Listen in another thread and serve commands in this one."""
    responder = Responder()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(responder.listen(certificate))
    threading.Thread(target=loop.run_forever, daemon=True).start()
    serve(responder.configure)


if __name__ == "__main__":
    main(*sys.argv[1:])
