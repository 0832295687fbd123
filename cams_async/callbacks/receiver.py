"""A receiver of notifications: an ASGI application, or a handler for aiohttp."""

import asyncio
import json
import logging
import re
from collections.abc import (
    Awaitable,
    Callable,
    Mapping,
    MutableMapping,
    Sequence,
)
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from aiohttp import web

from cams_async.callbacks.delivery import (
    EventDelivery,
    Handler,
    HandlerCaller,
    MemoryDelivery,
    SpoolDelivery,
)
from cams_async.callbacks.events import Event
from cams_async.callbacks.parse import MAX_BYTES, CallbackError, parse
from cams_async.callbacks.seen import Seen, SeenEvents
from cams_async.callbacks.spool import Spool, SpooledEvent
from cams_async.config import check, check_methods, is_number, is_text, is_whole
from cams_async.errors import CamsError, ConfigurationError
from cams_async.secret import Secret

MAX_SECONDS: Final = 2.0
"""Seconds within which a request is accepted or refused; the service waits for 3.

https://www.alibabacloud.com/help/en/chatapp/user-guide/message-receipts
"""

MARK_SECONDS: Final = 0.5
"""Seconds after that for marking what was decided. Their sum is below 3."""

LONG: Final = 65_536
"""Bytes of a body that is parsed in a thread."""

PAUSES: Final = (1.0, 10.0, 60.0, 600.0, 3600.0)
"""Seconds before each further attempt to handle an event of a spool."""

IN_PATH: Final = re.compile(r"[^/]+")
"""A secret that can be a segment of a path."""

IN_HEADER: Final = re.compile(r"[!-~]([ -~]*[!-~])?")
"""A secret that arrives in a header as it was sent."""

OK: Final = b'{"code":0,"msg":"OK"}'

Headers: TypeAlias = Mapping[str, str]
Read: TypeAlias = Callable[[], Awaitable[bytes | None]]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

logger: logging.Logger = logging.getLogger("cams_async")


class Receiver:
    """Receives notifications of CAMS, and passes their events to a handler.

    It is an ASGI application, alone or mounted in another one, and `handle_aiohttp` is
    a handler for aiohttp.web. Its state belongs to one event loop. It starts with
    `async with`, by the lifespan of ASGI, or at the first request; end it with `async
    with` or `aclose()` where it is mounted.

    A POST is answered with 200 once its events were accepted, and before they are
    handled. Without a spool, an event that was accepted is handled at most once after a
    crash. With one, it is on disk before the response, and handled at least once: a
    handler that raises is called again after each of `pauses`, then the event is
    parked. Events of one conversation are handled one after another, in the order of
    their arrival, except for repeated ones.

    Where there is no room, the response is 503; that the service sends a notification
    again after it is assumed.

    Args:
        handler: Called with each event: a coroutine function, or a plain function,
            which runs in a thread. A coroutine that holds the loop delays all
            responses, and is named in a warning while it does.
        spool: A file for accepted events, for one process only.
        seen: The events that were received before, such as a `RedisSeen` for several
            processes. Default: the spool, or a `SeenEvents`.
        secret: A text that each request must have: as the last segment of its path,
            without a `/`, or in a header, in printable ASCII. Access logs show paths.
        header: The name of the header that has the secret. Default: it is in the path.
        concurrency: The most events that are handled at a time.
        max_queue: The most events that are accepted and not handled, except for those
            of a single notification.
        max_bytes: The longest body that is read.
        pauses: Seconds before each further attempt, with a spool.
        grace: Seconds that `aclose` waits for handlers.

    Raises:
        ConfigurationError: An argument is invalid; `field` names it.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        spool: Path | str | None = None,
        seen: Seen | None = None,
        secret: str | Secret | None = None,
        header: str | None = None,
        concurrency: int = 16,
        max_queue: int = 10_000,
        max_bytes: int = MAX_BYTES,
        pauses: Sequence[float] = PAUSES,
        grace: float = 10.0,
    ) -> None:
        check(callable(handler), "handler", "must be a function")
        for name, number in (
            ("concurrency", concurrency),
            ("max_queue", max_queue),
            ("max_bytes", max_bytes),
        ):
            check(is_whole(number), name, "must be a whole number above 0")
        for each in (*pauses, grace):
            field = "grace" if each is grace else "pauses"
            check(is_number(each), field, "must be finite seconds, 0 or more")
        check(
            secret is None or _is_secret(secret), "secret", "must be a non-empty string"
        )
        check(
            header is None or (is_text(header) and secret is not None),
            "header",
            "must be the name of a header, for a secret",
        )
        check(
            secret is None
            or Secret(secret).fits(IN_PATH if header is None else IN_HEADER),
            "secret",
            "must have no `/` in a path, and only printable ASCII in a header",
        )
        if seen is not None:
            check_methods(seen, "seen", "claim", "done", "release")
        self._secret = None if secret is None else Secret(secret)
        self._header = None if header is None else header.lower()
        self._max_bytes = max_bytes
        self._seen = seen
        self._call = HandlerCaller(handler, threads=concurrency)
        self._spool: Spool | None = None
        self._delivery: EventDelivery
        if spool is None:
            self._seen = SeenEvents() if seen is None else seen
            self._delivery = MemoryDelivery(
                self._call,
                concurrency=concurrency,
                max_queue=max_queue,
                grace=grace,
            )
        else:
            self._spool = Spool(Path(spool))
            self._delivery = SpoolDelivery(
                self._call,
                self._spool,
                concurrency=concurrency,
                max_queue=max_queue,
                grace=grace,
                pauses=tuple(pauses),
            )
        self._starting: asyncio.Future[None] | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<Receiver of {self._call.name}>"

    async def start(self) -> Self:
        """Start to handle events, such as those that an earlier run left in the spool.

        Raises:
            ConfigurationError: The spool is unusable, or in use by another process.
        """
        if self._closed:
            msg = "the receiver is closed"
            raise ConfigurationError(msg)
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._delivery.start())
        starting = self._starting
        try:
            await asyncio.shield(starting)
        except CamsError:
            # Such as for a spool that a former process has not closed yet.
            if self._starting is starting:
                self._starting = None
            raise
        return self

    async def aclose(self) -> None:
        """Stop. Handlers have `grace` seconds to end. Idempotent."""
        if not self._closed:
            self._closed = True
            if self._starting is not None:
                await asyncio.gather(self._starting, return_exceptions=True)
            await self._delivery.aclose()
            self._call.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def parked(self) -> tuple[Event, ...]:
        """Return the events of the spool whose handler failed at all attempts.

        Raises:
            ConfigurationError: There is no spool.
            SpoolError: The spool cannot be read.
        """
        spool, delivery = await self._spooled()
        found: list[SpooledEvent] = await delivery.in_thread(spool.parked)
        return tuple(
            event
            for each in found
            for event in parse(each.raw, max_bytes=len(each.raw) * 4)
        )

    async def requeue(self) -> int:
        """Handle all parked events again; return their number.

        Raises:
            ConfigurationError: There is no spool.
            SpoolError: The spool cannot be written.
        """
        spool, delivery = await self._spooled()
        number = await delivery.in_thread(spool.requeue)
        delivery.wake()
        return number

    async def _spooled(self) -> tuple[Spool, SpoolDelivery]:
        await self.start()
        if self._spool is None or not isinstance(self._delivery, SpoolDelivery):
            msg = "the receiver has no spool"
            raise ConfigurationError(msg, field="spool")
        return self._spool, self._delivery

    # --- requests ---------------------------------------------------------------------

    async def handle_aiohttp(self, request: web.Request) -> web.Response:
        """Answer a request of aiohttp.web."""

        async def read() -> bytes | None:
            return await _joined(request.content.iter_any(), self._max_bytes)

        headers = {name.lower(): value for name, value in request.headers.items()}
        status, body = await self._respond(request.method, request.path, headers, read)
        return web.Response(status=status, body=body, content_type="application/json")

    async def __call__(
        self, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        """Answer a request of an ASGI server."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except CamsError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(
        self, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        async def pieces() -> Any:
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionResetError
                more = message.get("more_body", False)
                yield message.get("body", b"")

        async def read() -> bytes | None:
            return await _joined(pieces(), self._max_bytes)

        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        status, body = await self._respond(
            scope["method"], scope["path"], headers, read
        )
        kind = (b"content-type", b"application/json")
        length = (b"content-length", str(len(body)).encode())
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [kind, length],
            }
        )
        body = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": body})

    async def _respond(
        self, method: str, path: str, headers: Headers, read: Read
    ) -> tuple[int, bytes]:
        """Return the status and the body of the response."""
        if not self._is_authentic(path, headers):
            return _failure(404, "not found")
        if method in ("GET", "HEAD"):  # the service probes an address
            return 200, OK
        if method != "POST":
            return _failure(405, "POST only")
        try:
            return await self._accept(read)
        except TimeoutError:
            logger.warning("a callback was not accepted in %g s", MAX_SECONDS)
        except ConnectionResetError:
            logger.warning("the connection of a callback broke")
        except Exception as error:  # noqa: BLE001 - such as of a full disk
            logger.error("a callback was not accepted: %s", error)  # noqa: TRY400 - no traceback
        return _failure(503, "unavailable")

    async def _accept(self, read: Read) -> tuple[int, bytes]:
        async with asyncio.timeout(MAX_SECONDS):
            await self.start()
            body = await read()
            if body is None:
                return _failure(413, "too long")
            try:
                events = await self._parse(body)
            except CallbackError as error:
                logger.warning("a callback cannot be read: %s", error)
                return _failure(400, "not a notification")
            new = await self._offer(events)
        if new is None:
            return _failure(503, "busy")
        if self._seen is not None:
            await _mark(self._seen.done, new)
        return 200, OK

    async def _parse(self, body: bytes) -> tuple[Event, ...]:
        if len(body) > LONG:
            return await asyncio.to_thread(parse, body, max_bytes=self._max_bytes)
        return parse(body, max_bytes=self._max_bytes)

    async def _offer(self, events: Sequence[Event]) -> Sequence[Event] | None:
        """Pass on and return the events that are new; return None if refused."""
        if self._seen is None:
            return events if await self._take(events) else None
        by_key: dict[str, Event] = {}
        for each in events:
            by_key.setdefault(each.key, each)
        given = tuple(by_key.values())
        new: list[Event] = []
        accepted = False
        try:
            claims = await self._seen.claim(given)
            new = [
                each
                for each, claim in zip(given, claims, strict=True)
                if claim == "new"
            ]
            if "pending" in claims:
                # A 200 would be false if the request that has claimed it fails.
                logger.warning("a callback was refused: another request has its events")
            else:
                accepted = await self._take(new)
        finally:
            if not accepted:
                # Also if the time is up: the service may send them again.
                await _mark(self._seen.release, new)
        return new if accepted else None

    async def _take(self, events: Sequence[Event]) -> bool:
        taken = await self._delivery.offer(events)
        if not taken:
            logger.warning("a callback was refused: the queue is full, or closing")
        return taken

    def _is_authentic(self, path: str, headers: Headers) -> bool:
        if self._secret is None:
            return True
        if self._header is None:
            given = path.rstrip("/").rpartition("/")[2]
        else:
            given = headers.get(self._header, "")
        return Secret(given) == self._secret  # in constant time


def _is_secret(value: object) -> bool:
    return isinstance(value, str | Secret) and not Secret(value).is_blank()


async def _mark(
    mark: Callable[[Sequence[Event]], Awaitable[None]], events: Sequence[Event]
) -> None:
    """Mark events as accepted or refused; a failure is logged, and changes neither."""
    try:
        async with asyncio.timeout(MARK_SECONDS):
            await mark(events)
    except Exception as error:  # noqa: BLE001 - of any store
        kind = type(error).__name__
        logger.warning("%d events cannot be marked as seen: %s", len(events), kind)


def _failure(status: int, text: str) -> tuple[int, bytes]:
    return status, json.dumps({"code": status, "msg": text}).encode()


async def _joined(pieces: Any, limit: int) -> bytes | None:
    """Return a body; None if it is longer than the limit."""
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > limit:
            return None
    return bytes(body)
