"""The `Transport` protocol and its adapter for aiohttp, which translates its errors."""

import asyncio
import ssl
import time
import zlib
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from cams_async._aiohttp import NO_REQUEST, Sending, open_session, sending
from cams_async.errors import (
    CallOutcome,
    CamsError,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    DecodeError,
    RequestTimeout,
)
from cams_async.protocol import HttpResponse, Request
from cams_async.secret import Secret, as_secret

_SHORT_KEEP_ALIVE = 0.95
"""Seconds. Shorter than the idle time-out of any server that is worth a connection."""


AcknowledgedAt: TypeAlias = Callable[[], float | None]
"""Returns the time by which the peer had acknowledged a whole request, or None.

An upper bound, at most now, in seconds of `time.monotonic`. None if it has not, or if
that cannot be determined.
"""


class OnSent(Protocol):
    """A function that is called right before the first byte of a request leaves."""

    def __call__(self, acknowledged_at: AcknowledgedAt | None = None, /) -> None:
        """Count the request as sent.

        Args:
            acknowledged_at: Returns when the peer had acknowledged the request; None
                if that can never be determined. It may be called at any time
                and in any thread, and raises nothing. Once the exchange has failed,
                it returns what was known then.

        Raises:
            CamsError: The request must not be sent.
        """
        ...


class Transport(Protocol):
    """An interface that sends one request and returns its response."""

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: OnSent
    ) -> HttpResponse:
        """Do one exchange, without resending anything.

        Args:
            request: The request, to be sent unchanged and at most once.
            timeout: Seconds for all of it, from connecting to the last byte.
            on_sent: Called right before the first byte leaves. If it was not
                called, the request was not sent. If it raises, nothing is sent,
                and its exception propagates unchanged. Its argument is optional.

        Raises:
            ConnectError: No connection; nothing was sent.
            ConnectionLost: The connection broke after the request was sent.
            RequestTimeout: It took too long; `outcome` is `not_sent` or `unknown`.
            DecodeError: The response is larger than the bound.
        """
        ...

    async def aclose(self) -> None:
        """Close what this transport opened. Idempotent."""
        ...


class AiohttpTransport:
    """Kept-alive connections, in two pools.

    Requests that must not be repeated have a pool of their own, whose connections are
    kept for less than a second: a server that closes an idle connection just as a
    request leaves makes the outcome of that request unknown. Nearly all servers and
    proxies keep idle connections for longer. All other requests share a pool that
    keeps connections for 15 s.

    On Linux, over TCP without a proxy, `on_sent` gets the kernel's acknowledgements. A
    connection whose exchange has failed before the request was acknowledged is reset,
    so that the kernel does not go on sending it.

    Args:
        session: A caller's session. Its connector carries all requests, with the
            caller's limits and keep-alive, and its trace_configs, as they are at the
            first request, observe them; neither is closed. Nothing else of it is used:
            headers, cookies, auth, base_url, proxy, time-outs, middlewares,
            raise_for_status, request and response classes, trust_env,
            auto_decompress, JSON options. Traces get the transport's session. One
            that waits in `on_request_headers_sent` delays a request that counts as
            sent.
        ssl_context: Instead of the default one, which aiohttp builds once, at its
            import, and which verifies by the system's CAs.
        proxy: The URL of an http proxy; None for a direct connection.
        max_response: The most bytes of a response, after decompression.
    """

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | Secret | None = None,
        max_response: int = 2**20,
    ) -> None:
        self._given = session
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._proxy = None if proxy is None else Secret(proxy)
        self._options: dict[str, Any] = {}
        if ssl_context is not None:
            self._options["ssl"] = ssl_context
        self._max_response = max_response

    async def exchange(
        self,
        request: Request,
        *,
        timeout: float,
        on_sent: OnSent,
    ) -> HttpResponse:
        """Do one exchange; see `Transport.exchange`."""
        if self._given is not None and self._given.closed:
            raise ConfigurationError("is closed", field="session")
        # A caller's connector has one pool for all.
        long = request.repeatable or self._given is not None
        return await send_once(
            self._sessions.get(long) or self._open(long=long),
            "POST",
            URL(request.url, encoded=True),
            timeout=timeout,
            on_sent=on_sent,
            proxy=self._proxy,
            max_response=self._max_response,
            headers=request.headers,
            data=request.body or None,
            **self._options,
        )

    def _open(self, *, long: bool) -> aiohttp.ClientSession:
        if self._given is not None:
            connector = self._given.connector
            assert connector is not None  # noqa: S101 - it is not closed
            traces = self._given.trace_configs
            session = open_session(connector, owned=False, trace_configs=traces)
        else:
            session = open_session(
                open_connector() if long else open_connector(_SHORT_KEEP_ALIVE)
            )
        self._sessions[long] = session
        return session

    async def aclose(self) -> None:
        """Close the connections that were opened here; leave a caller's as they are."""
        while self._sessions:
            await self._sessions.popitem()[1].close()


def open_connector(keep_alive: float = 15.0) -> aiohttp.TCPConnector:
    """Return a connector with connections that are kept for so many seconds."""
    # The throttle bounds the calls in flight; a second bound would only delay requests
    # that have a permit.
    return aiohttp.TCPConnector(limit=0, keepalive_timeout=keep_alive)


async def fetch(
    url: str | Secret, *, timeout: float, max_response: int
) -> HttpResponse:
    """GET one small document over a connection of its own.

    Raises:
        TransportError: It could not be fetched in time.
        DecodeError: It is larger than `max_response` bytes.
    """
    async with open_session(open_connector()) as session:
        return await send_once(
            session,
            "GET",
            as_secret(url).reveal(),
            timeout=timeout,
            on_sent=lambda _: None,
            max_response=max_response,
            headers={"accept-encoding": "identity"},
        )


async def send_once(
    session: aiohttp.ClientSession,
    method: str,
    url: URL | str,
    *,
    timeout: float,
    on_sent: Callable[[AcknowledgedAt | None], None],
    max_response: int,
    proxy: Secret | None = None,
    **options: Any,
) -> HttpResponse:
    """Do one exchange.

    No frame of aiohttp's, nor any that shows the URL or the headers, is left in the
    traceback of an exception.
    """
    request = Sending(on_sent)
    try:
        async with asyncio.timeout(timeout):
            # Not before: its timer outlives the request, and keeps the context.
            sending.set(request)
            return await _read(
                # In no local variable of this frame: its repr shows the URL.
                await session.request(
                    method,
                    url,
                    allow_redirects=False,
                    proxy=None if proxy is None else proxy.reveal(),
                    **options,
                ),
                max_response,
                request,
            )
    except BaseException as caught:  # noqa: BLE001 - it is raised again, below
        request.give_up()
        error = _translate(caught, str(url), proxy, timeout, sent=request.sent)
    finally:
        sending.set(NO_REQUEST)
    del url, options
    try:
        raise error
    finally:
        del error  # which its own traceback refers to


def _unpacker(response: aiohttp.ClientResponse) -> Callable[[bytes, int], bytes] | None:
    encoding = response.headers.get("content-encoding")
    if encoding is None or encoding.lower() not in ("gzip", "deflate"):
        return None  # any other encoding fails to parse as JSON
    return zlib.decompressobj(wbits=47).decompress  # of gzip and of zlib


async def _read(
    response: aiohttp.ClientResponse, at_most: int, request: Sending
) -> HttpResponse:
    headers_at = time.monotonic()
    unpack = _unpacker(response)
    content = response.content
    body = bytearray()
    try:
        while not content.at_eof():
            chunk = await content.readany()
            # One byte beyond the bound proves that it is exceeded.
            body += unpack(chunk, at_most + 1 - len(body)) if unpack else chunk
            if len(body) > at_most:
                msg = f"the response is larger than {at_most} bytes"
                break
        else:
            request.end()
            return HttpResponse(
                response.status, response.headers, bytes(body), headers_at
            )
    except zlib.error:
        msg = "the response cannot be unpacked"
    finally:
        # aiohttp releases the connection itself at the end of a response.
        if response.connection is not None:
            request.give_up()
            response.close()
    raise DecodeError(msg, http_status=response.status)


def _translate(
    caught: BaseException,
    url: str,
    proxy: Secret | None,
    timeout: float,
    *,
    sent: bool,
) -> BaseException:
    """Return our error for one of aiohttp's, or the same without its traceback."""
    if isinstance(caught, CamsError):
        return caught.with_traceback(None)
    translated = (aiohttp.ClientError, OSError, ValueError, AssertionError)
    if not isinstance(caught, translated):
        # Both were raised inside aiohttp, below `send_once`.
        caught.__cause__ = caught.__context__ = None
        return caught.with_traceback(None)
    error = _our_error(caught, _path(caught, url, proxy), timeout, sent=sent)
    error.__cause__ = _system_error(caught)
    return error


def _our_error(
    caught: Exception, path: str, timeout: float, *, sent: bool
) -> CamsError:
    outcome: CallOutcome = "unknown" if sent else "not_sent"
    if isinstance(caught, TimeoutError):
        when = "without a response from" if sent else "without a connection to"
        return RequestTimeout(f"{timeout:g} s {when} {path}", outcome=outcome)
    what: object = _system_error(caught) or type(caught).__name__
    if isinstance(caught, aiohttp.ClientHttpProxyError):
        what = f"the proxy refused with HTTP {caught.status}"
    if sent:
        return ConnectionLost(f"connection lost to {path} ({what})", outcome=outcome)
    return ConnectError(f"no connection to {path} ({what})", outcome=outcome)


def _path(caught: Exception, url: str, proxy: Secret | None) -> str:
    """Return the host and port that failed, and those of the proxy before it."""
    if proxy is None:
        return _host_and_port(url)
    hop = f"the proxy {_host_and_port(proxy.reveal())}"
    if isinstance(caught, aiohttp.ClientProxyConnectionError):
        return hop
    return f"{_host_and_port(url)} through {hop}"


def _host_and_port(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "an unusable address"
    if not parts.hostname:
        return "an unusable address"
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{name}:{port}"


def _system_error(caught: Exception) -> OSError | None:
    """Return the bare error below one of aiohttp's, whose text may show the URL."""
    if isinstance(caught, TimeoutError):
        return None
    found: BaseException | None = caught
    for name in ("os_error", "certificate_error"):
        found = getattr(caught, name, found)
    while isinstance(found, aiohttp.ClientError) and found.__cause__ is not None:
        found = found.__cause__
    if not isinstance(found, OSError) or isinstance(found, aiohttp.ClientError):
        return None
    # Its traceback's frames hold the URL.
    found.__cause__ = found.__context__ = None
    return found.with_traceback(None)
