"""Large responses are parsed in a thread, so that the event loop keeps running."""

import asyncio
import contextlib
import gc
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from multidict import CIMultiDict

from cams_async import parsing
from cams_async.errors import CamsError, DecodeError
from cams_async.operations import ChatappSyncPhoneNumber
from cams_async.parsing import LARGE, parse_response
from cams_async.protocol import HttpResponse, call_of
from tests.fakes import RecordingTransport, make
from tests.test_protocol import build

MIB = 2**20
SYNC = ChatappSyncPhoneNumber(cust_space_id="cams-1")
HEAD = {"RequestId": "1", "Code": "OK"}


def listing(size: int, item: object, *more: object) -> bytes:
    """Return a response of at most so many bytes that lists one item many times."""
    empty = len(json.dumps({**HEAD, "PhoneNumbers": more}))
    count = (size - empty) // (len(json.dumps(item)) + 2)
    return json.dumps({**HEAD, "PhoneNumbers": [item] * count + list(more)}).encode()


def refusal(**fields: object) -> bytes:
    """Return a response that is a failure."""
    return json.dumps({**HEAD, "Code": "NoPermission", **fields}).encode()


SHAPES: dict[str, Callable[[int], bytes]] = {
    "numbers": lambda n: listing(n, {"PhoneNumber": "1"}),
    "bad at the end": lambda n: listing(n, {"PhoneNumber": "1"}, {}),
    "odd optional values": lambda n: listing(n, {"PhoneNumber": "1", "Status": 1}),
    "names in another case": lambda n: listing(n, {"phonenumber": "1"}),
    "nulls": lambda n: listing(n, None),
    "cut short": lambda n: listing(n, {"PhoneNumber": "1"})[:-3],
    "huge text": lambda n: json.dumps({**HEAD, "New": "x" * (n - 80)}).encode(),
    "deep": lambda n: b'{"Code": ' + b"[" * (n - 80),
    "unknown names": lambda n: json.dumps(
        {**HEAD, "PhoneNumbers": [], **{f"K{i}": i for i in range(n // 16)}}
    ).encode(),
    "html": lambda n: b"<html>" + b"x" * (n - 6),
    "secrets": lambda n: b"<html>" + b"secret-canary" * (n // 13 - 1),
    "detail": lambda n: refusal(AccessDeniedDetail=[{"a": 1}] * (n // 12)),
    "message": lambda n: refusal(Message="secret-canary" * (n // 13 - 10)),
    "code": lambda n: refusal(Code=[{"a": 1}] * (n // 12)),
}


def quietly(function: Callable[..., object], *args: object, **options: object) -> None:
    """Call a function whatever comes of it."""
    with contextlib.suppress(CamsError, ValueError, RecursionError):
        function(*args, **options)


def cpu(function: Callable[..., object], *args: object, **options: object) -> float:
    """Return the seconds of CPU of a call, the least of three."""
    times: list[float] = []
    for _ in range(3):
        began = time.thread_time()
        quietly(function, *args, **options)
        times.append(time.thread_time() - began)
    return min(times)


@pytest.fixture
def no_collection() -> Any:
    """Keep the garbage of other tests out of what is timed."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def again(run: Callable[[], None], times: int = 5) -> None:
    """Repeat a measurement that the machine may have disturbed."""
    for _ in range(times - 1):
        try:
            return run()
        except AssertionError:
            continue
    return run()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("shape", SHAPES)
def test_parsing_is_linear(shape: str) -> None:
    """Four times the bytes take about four times the time; squared, it were sixteen."""
    call = call_of(SYNC)
    request = build(call)

    def took(size: int) -> float:
        response = HttpResponse(200, CIMultiDict(), SHAPES[shape](size))
        return cpu(parse_response, call, request, response, attempts=1, waited=0.0)

    def look() -> None:
        assert took(MIB // 8) < 10 * took(MIB // 32)

    again(look)


class Seen:
    """Takes the place of `parse_response` and notes where it runs."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.busy = self.most = 0

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Parse."""
        self.threads.append(threading.get_ident())
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            return parse_response(*args, **options)
        finally:
            self.busy -= 1


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Watch what is parsed where."""
    watched = Seen()
    monkeypatch.setattr(parsing, "parse_response", watched)
    return watched


def sized(size: int) -> HttpResponse:
    """Return a good response of exactly so many bytes."""
    body = json.dumps({**HEAD, "PhoneNumbers": []}).encode()
    return HttpResponse(200, CIMultiDict(), body + b" " * (size - len(body)))


async def test_only_large_responses_are_parsed_in_a_thread(seen: Seen) -> None:
    """A thread costs more than a small one takes."""
    async with make(RecordingTransport(sized(LARGE), sized(LARGE + 1))) as cams:
        small, large = await cams.send(SYNC), await cams.send(SYNC)

    assert small == large
    assert [True, False] == [each == threading.get_ident() for each in seen.threads]


async def test_large_responses_are_parsed_one_at_a_time(seen: Seen) -> None:
    """Else their threads would keep the event loop waiting, each in its turn."""
    body = SHAPES["numbers"](2 * LARGE)
    async with make(RecordingTransport(HttpResponse(200, CIMultiDict(), body))) as cams:
        await asyncio.gather(*[cams.send(SYNC) for _ in range(5)])

    assert (5, 1) == (len(seen.threads), seen.most)


async def test_no_response_is_lost_for_want_of_a_thread(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is parsed in the event loop, and its errors are as ever."""

    async def refuse(_: object) -> None:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    monkeypatch.setattr(asyncio, "to_thread", refuse)
    bad = HttpResponse(200, CIMultiDict(), SHAPES["bad at the end"](2 * LARGE))
    async with make(RecordingTransport(sized(LARGE + 1), bad)) as cams:
        assert () == (await cams.send(SYNC)).phone_numbers

        with pytest.raises(DecodeError) as caught:
            await cams.with_options(deadline=0.5).send(SYNC)

    assert caught.value.__context__ is None
    assert {threading.get_ident()} == set(seen.threads)


async def test_an_error_of_a_large_response_is_as_any_other() -> None:
    """With its path, and with no frame of the thread."""
    bad = HttpResponse(200, CIMultiDict(), SHAPES["bad at the end"](2 * LARGE))
    async with make(RecordingTransport(bad)) as cams:
        with pytest.raises(DecodeError, match=r"\$\.PhoneNumbers\[\d+\]") as caught:
            await cams.send(SYNC)

    assert ("executed", 1) == (caught.value.outcome, caught.value.attempts)
    assert caught.value.__context__ is caught.value.__cause__ is None
