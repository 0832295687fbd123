"""One HTTP exchange over aiohttp. aiohttp's errors become ours here and only here."""

import asyncio
import ssl
import zlib
from collections.abc import Callable, Mapping
from http.cookies import BaseCookie, SimpleCookie
from types import SimpleNamespace
from typing import Any, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.connector import Connection
from aiohttp.typedefs import LooseHeaders
from multidict import CIMultiDict
from yarl import URL

from cams_async.errors import (
    CallOutcome,
    CamsError,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    DecodeError,
    RequestTimeout,
)
from cams_async.protocol import Answer, Request
from cams_async.secret import Secret, as_secret

# Time is bounded by asyncio.timeout, which nests; aiohttp's own timers add nothing.
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)


class Transport(Protocol):
    """Sends one request and returns its answer. The seam for tests and benchmarks."""

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> Answer:
        """Do one exchange, without resending anything.

        Args:
            request: What to send, to the letter, and only once.
            timeout: Seconds for all of it, from connecting to the last byte.
            on_sent: Called right before the first byte leaves. If it was not
                called, the request was not sent.

        Raises:
            ConnectError: No connection; nothing was sent.
            ConnectionLost: The connection broke after the request was sent.
            RequestTimeout: It took too long; its `outcome` says whether it was sent.
            DecodeError: The answer is larger than the bound.
        """
        ...

    async def aclose(self) -> None:
        """Close what this transport opened. Idempotent."""
        ...


_NONCE = "x-acs-signature-nonce"

_unsent: dict[str, Callable[[], None]] = {}
"""What to call when a request leaves, for those that have not left, by their nonce."""


def _leave(headers: Mapping[str, str]) -> bool:
    """Say that a request leaves; return False if it is not ours, or has left."""
    on_sent = _unsent.pop(headers.get(_NONCE, ""), None)
    if on_sent is None:
        return False
    on_sent()
    return True


class _Request(aiohttp.ClientRequest):
    """Does less than aiohttp would for any request, and tells when it leaves.

    It has no Content-Type made up for a body that it does not have: what
    `skip_auto_headers` says, too, but that has aiohttp copy the headers each time.
    """

    POST_METHODS = set[str]()  # noqa: RUF012 - aiohttp types it as no ClassVar

    def update_headers(self, headers: LooseHeaders | None) -> None:
        """Take the headers as they are, if they name the host: ours are whole."""
        if isinstance(headers, CIMultiDict) and "host" in headers:
            self.headers: CIMultiDict[str] = headers
        else:
            super().update_headers(headers)

    # Any stands for what aiohttp's own returns: the checkers differ on its type.
    def send(self, conn: Connection) -> Any:
        """Say that the request leaves: it has its connection, and nothing to wait for.

        A trace can tell that, too, but has aiohttp do much more for each request.
        """
        _leave(self.headers)
        return super().send(conn)


_EMPTY = SimpleCookie()
"""For all requests: aiohttp adds only what a request brings, and ours bring none."""


class _NoCookies(aiohttp.DummyCookieJar):
    """Keeps no cookies, and makes nothing for each request to say so."""

    def filter_cookies(self, request_url: URL) -> BaseCookie[str]:
        """Return no cookies."""
        del request_url
        return _EMPTY


async def _tell(
    _: aiohttp.ClientSession,
    __: SimpleNamespace,
    sent: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    """Tell for a caller's session, which makes requests of its own."""
    _leave(sent.headers)


async def _make_sure(
    session: aiohttp.ClientSession,
    _: SimpleNamespace,
    sent: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    """Tell for an aiohttp that does not ask our request; none that we know of."""
    if not _leave(sent.headers):
        # This one does: from the next request on, that is enough.
        session.trace_configs.clear()


def _trace(on_headers_sent: Any) -> aiohttp.TraceConfig:
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(on_headers_sent)
    trace.freeze()
    return trace


# For sessions that make no `_Request`, and for an aiohttp that would not look at it.
_WITHOUT_TYPE: Mapping[str, Any] = {"skip_auto_headers": ("Content-Type",)}

# What every request is sent with, whatever a caller's session says. Its middlewares
# could resend or rewrite what is signed; the releases of aiohttp before 3.12 have none,
# nor the argument that turns them off.
_PLAIN: Mapping[str, Any] = {
    "raise_for_status": False,
    "timeout": _NO_TIMEOUT,
    **({"middlewares": ()} if hasattr(aiohttp, "ClientHandlerType") else {}),
}


def environment_proxy(origin: str) -> str | None:
    """Return the proxy that the environment names for an origin, if any.

    HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY count, in either case.
    """
    parts = urlsplit(origin)
    proxies = getproxies()
    if proxy_bypass(parts.netloc):
        return None
    return proxies.get(parts.scheme) or proxies.get("all")


class AiohttpTransport:
    """A pool of kept-alive connections.

    Args:
        session: A caller's session: used, never closed.
        ssl_context: Instead of the default one, which aiohttp builds once, at its
            import, and which verifies by the system's CAs.
        proxy: The URL of an http proxy; None for a direct connection.
        max_answer: The most bytes of an answer, after decompression.
    """

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        max_answer: int = 2**20,
    ) -> None:
        self._given = session
        self._session: aiohttp.ClientSession | None = None
        self._options: dict[str, Any] = {"allow_redirects": False}
        if session is not None:
            self._options |= _PLAIN
        if session is not None or not hasattr(aiohttp.ClientRequest, "POST_METHODS"):
            self._options |= _WITHOUT_TYPE
        if proxy is not None:
            self._options["proxy"] = proxy
        if ssl_context is not None:
            self._options["ssl"] = ssl_context
        self._max_answer = max_answer
        self._trace = _trace(_tell)

    async def exchange(
        self,
        request: Request,
        *,
        timeout: float,
        on_sent: Callable[[], None],
    ) -> Answer:
        """Do one exchange; see `Transport.exchange`."""
        if self._given is not None and self._given.closed:
            raise ConfigurationError("is closed", field="session")
        nonce = request.headers[_NONCE]
        _unsent[nonce] = on_sent
        try:
            session = self._session or self._start()
            async with asyncio.timeout(timeout):
                response = await session.post(
                    URL(request.url, encoded=True),
                    headers=request.headers,
                    **self._options,
                )
                packed = not session.auto_decompress
                return await _read(response, self._max_answer, packed=packed)
        except (aiohttp.ClientError, OSError, ValueError, AssertionError) as caught:
            error, cause = _translate(caught, timeout, sent=nonce not in _unsent)
        finally:
            _unsent.pop(nonce, None)
        # Raised here: aiohttp's errors show the URL, which may hold a VerifyCode.
        raise error from cause

    def _start(self) -> aiohttp.ClientSession:
        if self._given is None:
            self._session = _open(_make_sure)
        else:
            self._given.trace_configs.append(self._trace)
            self._session = self._given
        return self._session

    async def aclose(self) -> None:
        """Close the session that was opened here; leave a caller's as it was."""
        session, self._session = self._session, None
        if self._given is not None:
            if session is not None and self._trace in session.trace_configs:
                session.trace_configs.remove(self._trace)
        elif session is not None:
            await session.close()


def _unpacker(response: aiohttp.ClientResponse) -> Callable[[bytes, int], bytes] | None:
    encoding = response.headers.get("content-encoding")
    if encoding is None or encoding.lower() not in ("gzip", "deflate"):
        return None  # whatever else a server makes up is no JSON
    return zlib.decompressobj(wbits=47).decompress  # of gzip and of zlib


async def _read(
    response: aiohttp.ClientResponse, at_most: int, *, packed: bool
) -> Answer:
    unpack = _unpacker(response) if packed else None
    content = response.content
    body = bytearray()
    try:
        while not content.at_eof():
            chunk = await content.readany()
            # A byte too many is enough to know of.
            body += unpack(chunk, at_most + 1 - len(body)) if unpack else chunk
            if len(body) > at_most:
                msg = f"the answer is larger than {at_most} bytes"
                break
        else:
            return Answer(response.status, response.headers, bytes(body))
    except zlib.error:
        msg = "the answer cannot be unpacked"
    finally:
        # At its end an answer has given its connection back by itself.
        if response.connection is not None:
            response.close()
    raise DecodeError(msg, http_status=response.status)


async def fetch(url: str | Secret, *, timeout: float, max_answer: int) -> Answer:
    """GET one small document over a connection of its own.

    Raises:
        TransportError: It could not be had in time.
        DecodeError: It is larger than `max_answer` bytes.
    """
    sent = False

    async def leave(*_: object) -> None:
        nonlocal sent
        sent = True

    try:
        async with (
            asyncio.timeout(timeout),
            _open(leave) as session,
        ):
            response = await session.get(
                as_secret(url).reveal(),
                headers={"accept-encoding": "identity"},
                allow_redirects=False,
            )
            return await _read(response, max_answer, packed=True)
    except (aiohttp.ClientError, OSError, ValueError) as caught:
        error, cause = _translate(caught, timeout, sent=sent)
    raise error from cause


def _open(on_headers_sent: Any) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # The throttle bounds the calls in flight; a second bound here would only
        # hold back requests whose turn it is.
        connector=aiohttp.TCPConnector(limit=0),
        request_class=_Request,
        cookie_jar=_NoCookies(),
        trace_configs=[_trace(on_headers_sent)],
        timeout=_NO_TIMEOUT,
        trust_env=False,
        # Old releases of aiohttp unpack without a bound.
        auto_decompress=False,
    )


def _translate(
    caught: Exception, timeout: float, *, sent: bool
) -> tuple[CamsError, OSError | None]:
    """Return our error, and as its cause the operating system's, which tells no URL."""
    outcome: CallOutcome = "unknown" if sent else "not_sent"
    if isinstance(caught, TimeoutError):
        when = "without an answer" if sent else "without a connection"
        return RequestTimeout(f"{timeout:g} s {when}", outcome=outcome), None
    cause = _system_error(caught)
    what = type(caught).__name__ if cause is None else str(cause)
    if sent:
        return ConnectionLost(f"connection lost ({what})", outcome=outcome), cause
    if not isinstance(caught, (aiohttp.ClientError, OSError)):
        # Such as credentials for the host in a caller's session, or its base_url,
        # which aiohttp 3.11 asserts to be there for relative URLs only.
        msg = f"aiohttp refuses the request ({what})"
        return ConfigurationError(msg, field="session"), None
    return ConnectError(f"no connection ({what})", outcome=outcome), cause


def _system_error(caught: Exception) -> OSError | None:
    """Return the bare error below one of aiohttp's, whose traceback tells the URL."""
    for name in ("os_error", "certificate_error"):
        found = getattr(caught, name, None)
        if isinstance(found, OSError):
            # What the frames of its traceback hold is no business of a log.
            found.__cause__ = found.__context__ = None
            return found.with_traceback(None)
    return OSError(*caught.args) if isinstance(caught, OSError) else None
