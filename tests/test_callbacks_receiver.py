"""The receiver: responses, delivery to the handler, spool, duplicates."""

import asyncio
import json
import logging
import os
import signal
import sqlite3
import stat
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from cams_async.callbacks import (
    Claim,
    Event,
    Receiver,
    RedisSeen,
    SeenEvents,
    SpoolError,
    TextMessage,
    UnparsedEvent,
    delivery,
    parse,
    receiver,
    steps,
)
from cams_async.callbacks.seen import KEEP
from cams_async.callbacks.spool import Attempt, Spool
from cams_async.errors import ConfigurationError
from cams_async.secret import Secret
from tests.callback_servers import SERVERS, in_aiohttp, in_uvicorn, until
from tests.redis_server import RedisProcess, connect, free_port

OK = {"code": 0, "msg": "OK"}


def text(number: int | str, words: str = "hi", user: str = "8613800000000") -> Any:
    """Return a text message with an id."""
    return {
        "MessageId": str(number),
        "From": user,
        "To": "8613900000000",
        "Type": "TEXT",
        "Message": words,
    }


class Recorder:
    """A handler that keeps the events it is called with.

    Args:
        errors: How often each text fails.
    """

    def __init__(self, errors: dict[str, int] | None = None) -> None:
        self.events: list[Event] = []
        self.errors = Counter(errors or {})
        self._changed = asyncio.Event()

    async def __call__(self, event: Event) -> None:
        """Keep the event, or fail."""
        if isinstance(event, TextMessage) and self.errors[event.text] > 0:
            self.errors[event.text] -= 1
            raise ValueError(event.text)
        self.events.append(event)
        self._changed.set()

    @property
    def texts(self) -> list[str]:
        """The texts of the messages."""
        return [each.text for each in self.events if isinstance(each, TextMessage)]

    async def wait(self, number: int) -> None:
        """Wait until there are so many events."""
        async with asyncio.timeout(20):
            while len(self.events) < number:
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a client."""
    async with aiohttp.ClientSession() as session:
        yield session


async def post(
    session: aiohttp.ClientSession, url: str, *items: Any, **options: Any
) -> tuple[int, Any]:
    """Send a notification; return the status and the body of the response."""
    async with session.post(url, data=json.dumps(items), **options) as response:
        return response.status, await response.json()


@pytest.mark.parametrize("server", SERVERS)
async def test_a_notification_is_answered_and_handled(
    server: str, http: aiohttp.ClientSession
) -> None:
    """Odd items included; other requests have their status."""
    recorder = Recorder()
    async with SERVERS[server](Receiver(recorder, max_bytes=1000)) as url:
        assert (200, OK) == await post(http, url, text(1), 5, text(2, "bye"))
        await recorder.wait(3)
        for method, body, status in (
            ("GET", b"", 200),
            ("HEAD", b"", 200),
            ("PUT", b"[]", 405),
            ("POST", b"[]", 200),
            ("POST", b"no JSON", 400),
            ("POST", b"[" + b" " * 1000 + b"]", 413),
        ):
            async with http.request(method, url, data=body) as response:
                assert status == response.status
                found = await response.read()
                expected = 0 if status == 200 else status
                assert method == "HEAD" or expected == json.loads(found)["code"]

    assert {"hi", "bye"} == {*recorder.texts}
    assert 1 == sum(isinstance(each, UnparsedEvent) for each in recorder.events)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("secret", ["s3cret", Secret("s3cret")])
async def test_a_secret_in_the_path(
    server: str, secret: str | Secret, http: aiohttp.ClientSession
) -> None:
    """Without it, there is nothing."""
    recorder = Recorder()
    made = Receiver(recorder, secret=secret)
    async with SERVERS[server](made) as url:
        assert (200, OK) == await post(http, f"{url}/s3cret", text(1))
        for path in ("", "/", "/s3cre", "/s3cret/x", "/%C3%A9"):
            status, _ = await post(http, url + path, text(2))
            assert 404 == status
            async with http.get(url + path) as response:
                assert 404 == response.status
        await recorder.wait(1)

    assert ["hi"] == recorder.texts
    assert "s3cret" not in repr(made) + str(vars(made))


@pytest.mark.parametrize("server", SERVERS)
async def test_a_secret_in_a_header(server: str, http: aiohttp.ClientSession) -> None:
    """The path is free then."""
    recorder = Recorder()
    made = Receiver(recorder, secret="s3cret", header="X-Callback-Secret")
    async with SERVERS[server](made) as url:
        right, wrong = {"x-callback-secret": "s3cret"}, {"x-callback-secret": "S3cret"}
        assert (200, OK) == await post(http, url, text(1), headers=right)
        assert 404 == (await post(http, url, text(2), headers=wrong))[0]
        assert 404 == (await post(http, f"{url}/s3cret", text(2)))[0]
        await recorder.wait(1)

    assert ["hi"] == recorder.texts


@pytest.mark.parametrize("spooled", [False, True])
async def test_a_duplicate_is_handled_once(
    http: aiohttp.ClientSession, tmp_path: Path, *, spooled: bool
) -> None:
    """Also in one notification."""
    recorder = Recorder()
    spool = tmp_path / "spool" if spooled else None
    async with in_uvicorn(Receiver(recorder, spool=spool)) as url:
        for _ in range(3):
            assert (200, OK) == await post(http, url, text(1), text(1), text(2))
        await recorder.wait(2)
        await post(http, url, text(3))
        await recorder.wait(3)

    assert ["1", "2", "3"] == sorted(
        each.message_id for each in recorder.events if isinstance(each, TextMessage)
    )


async def test_the_texts_of_a_conversation_keep_their_order(
    http: aiohttp.ClientSession,
) -> None:
    """While conversations do not wait for each other, but for a few lanes."""
    seen: list[tuple[str, str]] = []
    done = asyncio.Event()

    async def handle(event: Event) -> None:
        assert isinstance(event, TextMessage)
        await asyncio.sleep(0.001 * (int(event.text) % 3))
        seen.append((event.from_, event.text))
        if len(seen) == 60:
            done.set()

    items = [
        text(f"{user}-{i}", str(i), f"86138{user}") for i in range(20) for user in "123"
    ]
    message, receipt = parse(
        json.dumps([items[0], {**items[0], "Status": "Read", "From": 1, "To": 2}])
    )
    assert ("8613900000000", "861381") == delivery.conversation(message)
    assert ("1", "2") == delivery.conversation(receipt)
    async with in_uvicorn(Receiver(handle)) as url:
        await post(http, url, *items)
        async with asyncio.timeout(20):
            await done.wait()

    for user in "123":
        texts = [words for number, words in seen if number == f"86138{user}"]
        assert texts == [str(i) for i in range(20)]


def plain(done: threading.Event, event: Event) -> None:
    """Block a thread."""
    assert isinstance(event, TextMessage)
    assert threading.current_thread() is not threading.main_thread()
    assert done.wait(20)


def returns_awaitable(done: threading.Event) -> Callable[[Event], Awaitable[None]]:
    """Return a plain function whose result is to be awaited."""

    async def handle() -> None:
        await until(done.is_set)

    return lambda _: handle()


def in_thread(done: threading.Event) -> Callable[[Event], None]:
    """Return a plain function."""
    return partial(plain, done)


@pytest.mark.parametrize("make", [in_thread, returns_awaitable])
async def test_a_plain_function_runs_in_a_thread(
    make: Callable[[threading.Event], Any], http: aiohttp.ClientSession
) -> None:
    """The response does not wait for it."""
    done = threading.Event()
    async with in_uvicorn(Receiver(make(done))) as url:
        assert (200, OK) == await post(http, url, text(1))
        done.set()


@pytest.mark.parametrize("spooled", [False, True])
async def test_an_error_of_a_handler_is_logged(
    http: aiohttp.ClientSession,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    *,
    spooled: bool,
) -> None:
    """The other events are handled; with a spool, the one that failed is, too."""
    recorder = Recorder({"bad": 2})
    spool = tmp_path / "spool" if spooled else None
    made = Receiver(recorder, spool=spool, concurrency=1, pauses=[0, 0, 0])
    async with in_uvicorn(made) as url:
        await post(http, url, text(1, "bad"), text(2, "good"))
        await recorder.wait(1 + spooled)

    assert ({"good", "bad"} if spooled else {"good"}) == {*recorder.texts}
    failures = [each for each in caplog.records if "failed for" in each.message]
    assert 1 + spooled == len(failures)
    assert "Recorder" in failures[0].message
    assert "8613800000000" not in caplog.text


async def test_a_coroutine_that_holds_the_loop_is_named(
    http: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each step of it is measured."""
    monkeypatch.setattr(steps, "SLOW_STEP", 0.02)
    done = asyncio.Event()

    async def hold_the_loop(_: Event) -> None:
        await asyncio.sleep(0)
        end = time.monotonic() + 0.05
        while time.monotonic() < end:
            pass
        done.set()

    async with in_uvicorn(Receiver(hold_the_loop)) as url:
        await post(http, url, text(1))
        await done.wait()

    assert "hold_the_loop held the event loop for 0." in caplog.text


async def test_a_coroutine_that_goes_on_holding_the_loop_is_named(
    http: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may never end. Each step has one warning, and a later one has its own."""
    monkeypatch.setattr(steps, "SLOW_STEP", 0.02)
    named: list[bool] = []
    done = asyncio.Event()

    def warnings() -> int:
        return sum("hold_on is holding" in each.message for each in caplog.records)

    async def hold_on(_: Event) -> None:
        end = time.monotonic() + 20
        while warnings() == len(named) and time.monotonic() < end:
            pass
        end = time.monotonic() + 0.05
        while time.monotonic() < end:
            pass
        named.append(warnings() == len(named) + 1)
        if len(named) == 2:
            done.set()

    async with in_uvicorn(Receiver(hold_on)) as url:
        await post(http, url, text(1), text(2))
        await done.wait()

    assert [True, True] == named


async def test_a_plain_function_may_return_a_value_and_raise_anything(
    http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """A value is no failure, and StopIteration is one: no future can have it."""
    texts: list[str] = []
    values: dict[str, list[int]] = {"empty": [], "full": [1]}

    def handle(event: Event) -> Any:
        assert isinstance(event, TextMessage)
        texts.append(event.text)
        return next(iter(values[event.text]))

    made = Receiver(handle, spool=tmp_path / "spool", concurrency=1, pauses=[0])
    async with in_uvicorn(made) as url:
        await post(http, url, text(1, "empty"), text(2, "full"))
        assert made._spool is not None
        spool = made._spool
        await until(lambda: spool.unfinished == 0)
        assert [text(1, "empty")] == [each.raw for each in await made.parked()]

    assert ["empty", "empty", "full"] == sorted(texts)
    assert "the handler raised StopIteration" in caplog.text


async def test_a_step_passes_errors_on() -> None:
    """A handler can catch what is raised where it awaits."""
    caught: list[str] = []

    async def handle(_: Event) -> None:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(20)
        except TimeoutError:
            caught.append("time-out")

    call = delivery.HandlerCaller(handle, threads=1)

    assert await call(parse("{}")[0])
    assert ["time-out"] == caught
    call.close()


async def test_a_handler_that_awaits_something_cancelled_has_failed(
    http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """The next event of its conversation is handled."""
    recorder = Recorder()

    async def handle(event: Event) -> None:
        if isinstance(event, TextMessage) and event.text == "bad":
            task = asyncio.create_task(asyncio.sleep(20))
            task.cancel()
            await task
        await recorder(event)

    async with in_uvicorn(Receiver(handle)) as url:
        await post(http, url, text(1, "bad"), text(2, "good"))
        await recorder.wait(1)

    assert ["good"] == recorder.texts
    assert "failed for" in caplog.text


@pytest.mark.parametrize("spooled", [False, True])
async def test_without_room_a_notification_is_refused(
    http: aiohttp.ClientSession, tmp_path: Path, *, spooled: bool
) -> None:
    """All of it; sent again later, it is accepted."""
    going = asyncio.Event()
    recorder = Recorder()

    async def handle(event: Event) -> None:
        await going.wait()
        await recorder(event)

    spool = tmp_path / "spool" if spooled else None
    async with in_uvicorn(Receiver(handle, spool=spool, max_queue=3)) as url:
        assert 200 == (await post(http, url, text(1), text(2)))[0]
        assert 503 == (await post(http, url, text(3), text(4)))[0]
        assert 200 == (await post(http, url, text(3)))[0]
        going.set()
        await recorder.wait(3)
        many = [text(i) for i in range(4, 20)]
        async with asyncio.timeout(20):
            while 503 == (await post(http, url, *many))[0]:
                pass
        await recorder.wait(19)


@pytest.mark.parametrize("server", SERVERS)
async def test_a_slow_or_broken_body_is_not_accepted(
    server: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The response comes in time."""
    monkeypatch.setattr(receiver, "MAX_SECONDS", 0.1)
    caplog.set_level(logging.WARNING, "cams_async")
    recorder = Recorder()
    async with SERVERS[server](Receiver(recorder)) as url:
        address, _, path = url.removeprefix("http://").partition("/")
        host, _, port = address.partition(":")
        head = f"POST /{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n["
        for breaks in (False, True):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(head.encode())
            await writer.drain()
            if not breaks:
                async with asyncio.timeout(20):
                    assert b" 503 " in await reader.readline()
            writer.close()
            await writer.wait_closed()
        await until(lambda: len(caplog.records) >= 2)

    assert [] == recorder.events


async def test_a_long_body_is_parsed_in_a_thread(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop goes on."""
    threads: list[bool] = []

    def parse_here(*args: Any, **options: Any) -> tuple[Event, ...]:
        threads.append(threading.current_thread() is threading.main_thread())
        return parse(*args, **options)

    monkeypatch.setattr(receiver, "parse", parse_here)
    async with in_uvicorn(Receiver(Recorder())) as url:
        await post(http, url, text(1))
        await post(http, url, text(2, "x" * 70_000))

    assert [True, False] == threads


class BrokenSeen(SeenEvents):
    """A store that fails at some of its methods."""

    def __init__(self, *broken: str) -> None:
        super().__init__()
        self.broken = {*broken}

    async def claim(self, events: Sequence[Event]) -> Sequence[Claim]:
        """Fail, or mark."""
        if "claim" in self.broken:
            raise ConnectionError
        return await super().claim(events)

    async def done(self, events: Sequence[Event]) -> None:
        """Fail, or mark."""
        if "done" in self.broken:
            raise ConnectionError
        await super().done(events)

    async def release(self, events: Sequence[Event]) -> None:
        """Hang, or mark."""
        if "release" in self.broken:
            await asyncio.Event().wait()
        await super().release(events)


async def test_without_its_store_a_notification_is_refused(
    http: aiohttp.ClientSession,
) -> None:
    """Else it could be handled twice."""
    recorder = Recorder()
    async with in_uvicorn(Receiver(recorder, seen=BrokenSeen("claim"))) as url:
        assert 503 == (await post(http, url, text(1)))[0]

    assert [] == recorder.events


async def test_a_failure_to_mark_an_event_changes_no_response(
    http: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An accepted event is handled, and a refused one is refused in time."""
    monkeypatch.setattr(receiver, "MARK_SECONDS", 0.02)
    going = asyncio.Event()
    recorder = Recorder()

    async def handle(event: Event) -> None:
        await going.wait()
        await recorder(event)

    made = Receiver(handle, seen=BrokenSeen("done", "release"), max_queue=1)
    async with in_uvicorn(made) as url:
        assert (200, OK) == await post(http, url, text(1))
        assert 503 == (await post(http, url, text(2)))[0]
        going.set()
        await recorder.wait(1)

    assert "1 events cannot be marked as seen: ConnectionError" in caplog.text
    assert "1 events cannot be marked as seen: TimeoutError" in caplog.text


async def test_an_event_that_another_request_may_lose_is_refused(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """No 200 before its request has accepted it; others of the same are new again."""
    recorder = Recorder()
    seen = SeenEvents()
    (lost,) = await seen.claim(events_of(1))
    assert "new" == lost
    async with in_uvicorn(Receiver(recorder, seen=seen, spool=tmp_path / "s")) as url:
        assert 503 == (await post(http, url, text(1), text(2)))[0]
        assert (200, OK) == await post(http, url, text(2))
        await seen.release(events_of(1))
        assert (200, OK) == await post(http, url, text(1), text(2), text(1))
        assert (200, OK) == await post(http, url, text(1))
        await recorder.wait(2)

    assert 2 == len(recorder.events)


# --- the spool ------------------------------------------------------------------------


async def test_an_event_survives_its_receiver(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """What was accepted and not handled is handled by the next one."""
    path = tmp_path / "spool"

    async def hang(_: Event) -> None:
        await asyncio.Event().wait()

    async with in_uvicorn(Receiver(hang, spool=path, concurrency=2, grace=0)) as url:
        await post(http, url, *(text(i, str(i)) for i in range(20)))
    recorder = Recorder()
    async with Receiver(recorder, spool=path):
        await recorder.wait(20)
    again = Recorder()
    async with in_uvicorn(Receiver(again, spool=path)) as url:
        await post(http, url, *(text(i, str(i)) for i in range(21)))
        await again.wait(1)

    assert sorted(map(str, range(20))) == sorted(recorder.texts)
    assert ["20"] == again.texts
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


async def test_an_event_that_always_fails_is_parked(
    http: aiohttp.ClientSession, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is listed, and can be handled again."""
    recorder = Recorder({"bad": 3})
    made = Receiver(recorder, spool=tmp_path / "spool", pauses=[0, 0])
    async with in_uvicorn(made) as url:
        await post(http, url, text(1, "bad"), text(2, "good"))
        await recorder.wait(1)
        async with asyncio.timeout(20):
            while not (parked := await made.parked()):
                pass
        assert [text(1, "bad")] == [each.raw for each in parked]
        assert 1 == await made.requeue()
        await recorder.wait(2)
        assert () == await made.parked()
        assert 0 == await made.requeue()

    assert ["good", "bad"] == recorder.texts
    assert "after 3 attempts" in caplog.text


async def test_a_spool_serves_one_process(tmp_path: Path) -> None:
    """A second receiver does not start, and neither does its server."""
    path = tmp_path / "spool"
    async with Receiver(Recorder(), spool=path):
        second = Receiver(Recorder(), spool=path)
        starts = await asyncio.gather(
            second.start(), second.start(), return_exceptions=True
        )
        assert {ConfigurationError} == {type(each) for each in starts}
        assert "locked" in str(starts[0])
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            sent.append(message)

        await Receiver(Recorder(), spool=path)({"type": "lifespan"}, receive, send)
        assert "lifespan.startup.failed" == sent[0]["type"]
        assert "locked" in sent[0]["message"]
    async with second:  # once the first has closed
        pass


@pytest.mark.parametrize("content", [None, b"no database, but quite a long text" * 40])
async def test_an_unusable_spool_is_an_error(
    tmp_path: Path, content: bytes | None
) -> None:
    """A directory, or another file, which stays as it is."""
    path = tmp_path / "spool"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    made = Receiver(Recorder(), spool=path)
    with pytest.raises(ConfigurationError, match="spool: "):
        await made.start()
    await made.aclose()

    assert content is None or content == path.read_bytes()


async def test_a_full_disk_refuses_notifications(
    http: aiohttp.ClientSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of one is accepted; with room again, all goes on."""
    monkeypatch.setattr(delivery, "SPOOL_PAUSE", 0.001)
    recorder = Recorder()
    made = Receiver(recorder, spool=tmp_path / "spool")
    async with in_uvicorn(made) as url:
        await post(http, url, text(1, "1"))
        await recorder.wait(1)
        assert made._spool is not None
        assert made._spool._db is not None
        limit(made._spool._db, 1)
        items = [text(i, "x" * 2000) for i in range(2, 30)]
        assert 503 == (await post(http, url, *items))[0]
        limit(made._spool._db, 10_000)
        assert 200 == (await post(http, url, *items))[0]
        await recorder.wait(29)

    assert 29 == len(recorder.events)


async def test_a_spool_that_failed_is_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was handled in the meantime is recorded then."""
    monkeypatch.setattr(delivery, "SPOOL_PAUSE", 0.001)
    going = asyncio.Event()
    recorder = Recorder()

    async def handle(event: Event) -> None:
        await going.wait()
        await recorder(event)

    async with Receiver(handle, spool=tmp_path / "spool") as made:
        spool = made._spool
        assert spool is not None
        assert isinstance(made._delivery, delivery.SpoolDelivery)
        lanes = made._delivery._lanes
        assert await made._delivery.offer(events_of(1))
        await until(lambda: lanes.unfinished > 0)
        spool.close()
        going.set()
        await until(lambda: "trying again" in caplog.text)
        await asyncio.to_thread(spool.open)
        spool.unfinished = 1  # the event that is taken
        await until(lambda: spool.unfinished == 0)

    assert 1 == len(recorder.events)


def test_what_cannot_be_written_leaves_the_spool_as_it_was(tmp_path: Path) -> None:
    """All events of a notification are in it, or none."""
    spool = spooled(tmp_path / "spool")
    with pytest.raises(TypeError):
        spool.add([*events_of(1), Event(key="a", raw=object())])

    assert 0 == spool.unfinished
    assert 2 == spool.add(events_of(1, 2))
    spool.close()


def limit(database: sqlite3.Connection, pages: int) -> None:
    """Let a database grow to so many pages; it never shrinks below its size."""
    database.execute(f"PRAGMA max_page_count = {pages}")


def spooled(path: Path, now: Callable[[], float] = time.time) -> Spool:
    """Return an open spool."""
    spool = Spool(path, now=now)
    spool.open()
    return spool


def test_a_spool_forgets_what_was_handled_long_ago(tmp_path: Path) -> None:
    """It keeps its key for a week, and its content not at all."""
    now = 1000.0
    spool = spooled(tmp_path / "spool", lambda: now)
    events = parse(json.dumps([text(i) for i in range(3)]))
    assert (3, 0) == (spool.add(events), spool.add(events))
    taken, _ = spool.advance([], 10)
    spool.advance([Attempt(each.id) for each in taken[:2]], 0)
    assert spool._db is not None
    contents = spool._db.execute("SELECT raw FROM events").fetchall()
    now += KEEP + 1
    spool.advance([Attempt(taken[2].id)], 0)

    assert [0, 0, 1] == sorted(bool(raw) for (raw,) in contents)
    assert (0,) == spool._db.execute("SELECT count(*) FROM events").fetchone()
    assert 3 == spool.add(events)
    spool.close()


def test_a_change_can_come_twice_with_a_pause(tmp_path: Path) -> None:
    """A template can be in the same state again."""
    now = 1000.0
    spool = spooled(tmp_path / "spool", lambda: now)
    events = parse('[{"TemplateCode": "1", "AuditStatus": "pass"}]')
    counts = [spool.add(events), spool.add(events)]
    now += 601
    counts.append(spool.add(events))

    assert [1, 0, 1] == counts
    spool.close()


def test_a_failed_event_waits_for_its_time(tmp_path: Path) -> None:
    """The pause until then is known, and counts over a restart."""
    now = 1000.0
    spool = spooled(tmp_path / "spool", lambda: now)
    spool.add(parse(json.dumps([text(1)])))
    (event,), _ = spool.advance([], 10)
    found = spool.advance([Attempt(event.id, now + 60, failed=True)], 10)
    spool.close()
    spool.close()
    again = spooled(tmp_path / "spool", lambda: now)
    waiting = again.advance([], 10)
    now += 60
    (later,), pause = again.advance([], 10)

    assert ([], 60) == found == waiting
    assert (event.id, 1, None) == (later.id, later.attempts, pause)
    assert 1 == again.unfinished
    again.close()
    with pytest.raises(SpoolError, match="closed"):
        again.parked()


async def test_a_receiver_that_closes_marks_what_was_handled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Unless its disk fails: then events may be handled again."""
    recorder = Recorder()
    async with Receiver(recorder, spool=tmp_path / "spool") as made:
        assert made._spool is not None
        assert isinstance(made._delivery, delivery.SpoolDelivery)
        await made._delivery.offer(parse(json.dumps([text(1)])))
        await recorder.wait(1)
        made._spool.close()

    assert "events may be handled again" in caplog.text


KILLS = 50 if os.environ.get("CAMS_ASYNC_NIGHTLY") == "1" else 3


@pytest.mark.slow
async def test_kills_lose_no_accepted_event(tmp_path: Path) -> None:
    """Each event that was answered with 200 is handled, at random points of a kill."""
    random = Random("callbacks")
    spool, log = tmp_path / "spool", tmp_path / "log"
    log.touch()
    accepted: list[str] = []
    for kill in range(KILLS + 1):
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.callback_process", str(port), str(spool), str(log)),
            cwd=Path(__file__).parent.parent,
        )
        url = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession() as session:
            await started(session, url)
            delay = random.uniform(0.01, 0.4)
            asyncio.get_running_loop().call_later(
                delay, process.send_signal, signal.SIGKILL
            )
            with pytest.raises(aiohttp.ClientError):  # noqa: PT012 - until the kill
                for i in range(1_000_000):
                    words = f"{kill}-{i}"
                    if 200 == (await post(session, url, text(words, words)))[0]:
                        accepted.append(words)
        await process.wait()
    recorder = Recorder()
    async with Receiver(recorder, spool=spool) as last:
        spool_of_last = last._spool
        assert spool_of_last is not None
        await until(lambda: spool_of_last.unfinished == 0)
    handled = [*log.read_text().split("\n"), *recorder.texts]

    assert len(accepted) > KILLS
    assert [] == [each for each in accepted if each not in {*handled}]


async def started(session: aiohttp.ClientSession, url: str) -> None:
    """Wait until a server accepts connections."""
    async with asyncio.timeout(30):
        while True:
            try:
                async with session.get(url) as response:
                    assert 200 == response.status
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.02)


# --- seen -----------------------------------------------------------------------------


def events_of(*numbers: int) -> tuple[Event, ...]:
    """Return messages with these ids."""
    return parse(json.dumps([text(number) for number in numbers]))


async def test_events_in_memory_are_bounded() -> None:
    """The oldest are forgotten first, and all after a time."""
    now = 0.0
    seen = SeenEvents(max_events=2, keep=1000, clock=lambda: now)
    assert ["new", "new"] == await seen.claim(events_of(1, 2))
    await seen.done(events_of(2))
    assert ["seen", "new"] == await seen.claim(events_of(2, 3))
    assert ["new", "pending"] == await seen.claim(events_of(1, 3))
    await seen.done(events_of(1))
    await seen.release(events_of(3))
    assert 1 == len(seen)
    assert ["seen", "new"] == await seen.claim(events_of(1, 3))
    now = 1000
    assert ["new"] == await seen.claim(events_of(1))
    (audit,) = parse('{"TemplateCode": "1", "AuditStatus": "pass"}')
    assert ["new", "pending"] == await seen.claim([audit, audit])
    await seen.done([audit])
    now += 599
    assert ["seen"] == await seen.claim([audit])
    now += 1
    assert ["new"] == await seen.claim([audit])


async def test_events_in_redis_are_shared(redis: RedisProcess) -> None:
    """An event is pending until it is accepted; then it is remembered for longer."""
    async with aclosing(connect(redis.url)) as client:
        await client.flushdb()
        one, two = (RedisSeen(client, prefix="t:", lease=60, keep=600) for _ in "12")
        assert ["new", "pending", "new"] == await one.claim(events_of(1, 1, 2))
        assert ["pending", "new"] == await two.claim(events_of(1, 3))
        await two.release(events_of(3))
        await two.release(())
        assert ["new"] == await one.claim(events_of(3))
        (event,) = events_of(1)
        assert b"pending" == await client.get(f"t:{event.key}")
        assert 0 < await client.pttl(f"t:{event.key}") <= 60_000
        await one.done([event])
        assert ["seen"] == await two.claim([event])
        assert b"done" == await client.get(f"t:{event.key}")
        assert 60_000 < await client.pttl(f"t:{event.key}") <= 600_000


async def test_a_crash_before_the_response_loses_no_event(
    redis: RedisProcess, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """What the crashed process has claimed is refused, until its claim has expired."""
    recorder = Recorder()
    async with aclosing(connect(redis.url)) as client:
        await client.flushdb()
        crashed = RedisSeen(client, lease=0.3)
        await crashed.claim(events_of(1))
        made = Receiver(recorder, seen=RedisSeen(client), spool=tmp_path / "spool")
        async with in_uvicorn(made) as url:
            statuses: list[int] = []
            async with asyncio.timeout(20):
                while 200 not in statuses:
                    statuses.append((await post(http, url, text(1)))[0])
            await recorder.wait(1)

    assert {200} <= {*statuses} <= {200, 503}
    assert 1 == len(recorder.events)


async def test_two_receivers_handle_an_event_once(
    redis: RedisProcess, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """They share Redis; one of them has a spool."""
    recorder = Recorder()
    async with aclosing(connect(redis.url)) as client:
        await client.flushdb()
        # The first use of a connection reads files.
        await asyncio.gather(*(client.ping() for _ in range(4)))
        first = Receiver(recorder, seen=RedisSeen(client))
        second = Receiver(recorder, seen=RedisSeen(client), spool=tmp_path / "spool")
        async with in_uvicorn(first) as url, in_aiohttp(second) as other:
            for i in range(5):
                for each in (other, url) if i % 2 else (url, other):
                    assert 200 == (await post(http, each, text(i, str(i))))[0]
            await recorder.wait(5)

        (event, *_) = events_of(0)
        assert b"done" == await client.get(f"cams_async:seen:{event.key}")
    assert list("01234") == sorted(recorder.texts)


# --- arguments and life ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"handler": 5}, "handler"),
        ({"concurrency": 0}, "concurrency"),
        ({"max_queue": 1.5}, "max_queue"),
        ({"max_bytes": True}, "max_bytes"),
        ({"pauses": [1, -1]}, "pauses"),
        ({"grace": float("nan")}, "grace"),
        ({"secret": " "}, "secret"),
        ({"secret": Secret("")}, "secret"),
        ({"secret": 5}, "secret"),
        ({"secret": "a/b"}, "secret"),
        ({"secret": "a ", "header": "X"}, "secret"),
        ({"secret": "\N{LATIN SMALL LETTER E WITH ACUTE}", "header": "X"}, "secret"),
        ({"header": "X"}, "header"),
        ({"header": "", "secret": "s"}, "header"),
        ({"seen": 5}, "seen.claim"),
    ],
)
def test_a_bad_argument_is_named(options: dict[str, Any], field: str) -> None:
    """Before anything starts."""
    handler = options.pop("handler", print)
    with pytest.raises(ConfigurationError) as caught:
        Receiver(handler, **options)

    assert caught.value.field in (field, field.partition(".")[0])


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: SeenEvents(max_events=0), "max_events"),
        (lambda: SeenEvents(keep=0), "keep"),
        (lambda: RedisSeen(None, lease=-1), "lease"),
        (lambda: RedisSeen(None, keep=0), "keep"),
    ],
)
def test_a_bad_bound_is_named(make: Callable[[], object], field: str) -> None:
    """Of what is remembered."""
    with pytest.raises(ConfigurationError) as caught:
        make()

    assert field == caught.value.field


async def test_without_a_spool_nothing_is_parked() -> None:
    """There is nothing to list."""
    async with Receiver(Recorder()) as made:
        with pytest.raises(ConfigurationError, match="no spool"):
            await made.parked()


async def test_a_closed_receiver_refuses_notifications(
    http: aiohttp.ClientSession,
) -> None:
    """It does not start again."""
    made = Receiver(Recorder())
    async with in_aiohttp(made) as url:
        await made.aclose()
        await made.aclose()
        assert 503 == (await post(http, url, text(1)))[0]


async def test_a_receiver_that_closes_during_a_request_accepts_nothing() -> None:
    """An event that is no longer handled has no 200."""
    recorder = Recorder()
    made = Receiver(recorder)

    async def body() -> bytes:
        await made.aclose()
        return json.dumps([text(1)]).encode()

    status, _ = await made._respond("POST", "/", {}, body)

    assert 503 == status
    assert [] == recorder.events


async def test_events_that_a_receiver_had_no_time_for_are_counted(
    caplog: pytest.LogCaptureFixture, http: aiohttp.ClientSession
) -> None:
    """Without a spool they are lost."""

    async def hang(_: Event) -> None:
        await asyncio.Event().wait()

    async with in_uvicorn(Receiver(hang, concurrency=1, grace=0)) as url:
        await post(http, url, text(1), text(2), text(3))

    assert "3 events were not handled in 0 s" in caplog.text


async def test_a_websocket_is_closed() -> None:
    """There are none."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    await Receiver(Recorder())({"type": "websocket"}, receive, send)

    assert [{"type": "websocket.close", "code": 1000}] == sent
