"""Responses of 1 MiB and the longest hold on the event loop while one is received.

A process of its own: see `children`.
"""

import asyncio
import gc
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import pairwise

from multidict import CIMultiDict

from benchmarks.answers import NUMBER
from benchmarks.children import obey
from cams_async import CamsClient, CamsError, Credentials
from cams_async.protocol import HttpResponse, Request
from cams_async.throttle import LocalThrottle

SIZE = 2**20
SECRET = "secret-of-the-benchmark"  # noqa: S105 - of nobody
HEAD = {"RequestId": "3D9F7A11-3B1C-5A6E-9D0B-7C3C5B0C6A55", "Code": "OK"}
TICK = 0.0005


def _listing(item: object, *more: object) -> bytes:
    room = SIZE - len(json.dumps({**HEAD, "PhoneNumbers": more}))
    items = [item] * (room // (len(json.dumps(item)) + 2))
    return _json(PhoneNumbers=[*items, *more])


def _json(**fields: object) -> bytes:
    return json.dumps({**HEAD, **fields}).encode()


BODIES: Mapping[str, Callable[[], bytes]] = {
    "numbers as documented": lambda: _listing(NUMBER),
    "the smallest numbers": lambda: _listing({"PhoneNumber": "1"}),
    "odd optional values": lambda: _listing({"PhoneNumber": "1", "Status": 1}),
    "a wrong number at the end": lambda: _listing({"PhoneNumber": "1"}, {}),
    "cut short": lambda: _listing(NUMBER)[:-3],
    "unknown names": lambda: _json(
        PhoneNumbers=[], **{f"Name{i:06}": i for i in range(SIZE // 22)}
    ),
    "one long text": lambda: _json(PhoneNumbers=[], New="x" * (SIZE - 120)),
    "deep nesting": lambda: b'{"New": ' + b"[" * (SIZE - 8),
    "HTML": lambda: b"<html>" + b"x" * (SIZE - 6),
    "HTML full of the secret": lambda: (
        b"<html>" + SECRET.encode() * (SIZE // len(SECRET) - 1)
    ),
    "a refusal with a huge detail": lambda: _json(
        Code="NoPermission", AccessDeniedDetail=[{"a": 1}] * (SIZE // 10 - 20)
    ),
    "a refusal full of the secret": lambda: _json(
        Code="NoPermission", Message=SECRET * (SIZE // len(SECRET) - 10)
    ),
}


class Instant:
    """A transport that has the response at once."""

    def __init__(self, body: bytes) -> None:
        self._answer = HttpResponse(200, CIMultiDict(), body)

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Return the response."""
        del request, timeout
        on_sent()
        return self._answer

    async def aclose(self) -> None:
        """Close nothing."""


def measure(body: str, *, collect: bool) -> dict[str, float]:
    """Return the seconds of CPU to read the JSON, and of the longest hold.

    Args:
        body: One of `BODIES`.
        collect: Whether garbage is collected meanwhile.
    """
    made = BODIES[body]()
    gc.collect()
    (gc.enable if collect else gc.disable)()
    began = time.process_time()
    with suppress(ValueError, RecursionError):
        json.loads(made)
    return {"json": time.process_time() - began, "held": asyncio.run(_held(made))}


async def _held(body: bytes) -> float:
    """Return the most CPU between two turns of the loop; other load does not count."""
    permits: list[float] = []

    async def permit() -> None:
        while True:
            permits.append(time.process_time())
            await asyncio.sleep(TICK)

    async with CamsClient(
        Credentials("LTAI-of-the-benchmark", SECRET),
        endpoint="http://127.0.0.1:1",
        throttle=LocalThrottle(),
        transport=Instant(body),
    ) as cams:
        task = asyncio.create_task(permit())
        await asyncio.sleep(4 * TICK)
        permits[:] = [time.process_time()]
        with suppress(CamsError):
            await cams.chatapp_sync_phone_number(cust_space_id="cams-1")
        await asyncio.sleep(4 * TICK)
        task.cancel()
    return max(late - early for early, late in pairwise(permits))


if __name__ == "__main__":
    obey(measure)
