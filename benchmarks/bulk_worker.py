"""One measurement of `bulk`, in a process of its own: clean memory, no history.

`python -m benchmarks.bulk_worker KIND COUNT` prints one line of JSON.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import asdict, frozen

from benchmarks.waiters import ACTION, ANSWER, KEY
from cams_async import CamsClient, LocalThrottle, Operation, poll, watch
from cams_async.operations import (
    GetPhoneNumberVerificationStatus,
    VerificationStatusResponse,
)
from cams_async.protocol import HttpResponse, Request

MEMORY = Path("/proc/self/status")
"""Where Linux tells what a process holds."""

WARM_UP = 200

CEILING = 1e6
"""Calls per second: more than this machine makes, so that none waits."""

LONG = 1e6
"""Seconds: more than a measurement takes."""

PENDING = ANSWER.replace(b"VERIFIED", b"NOT_VERIFIED")


@frozen(kw_only=True)
class Usage:
    """What a run took."""

    cpu: float
    """Seconds of CPU."""

    peak: int
    """Bytes of memory at the highest, over those of an idle client."""

    held: int
    """Bytes of memory at the end, over those of an idle client."""


class AnswersSoon:
    """A transport without a network: the answer comes in the next turn of the loop."""

    def __init__(self) -> None:
        self.body = ANSWER
        self.count = 0

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Answer."""
        del request, timeout
        on_sent()
        await asyncio.sleep(0)
        self.count += 1
        return HttpResponse(200, {}, self.body)

    async def aclose(self) -> None:
        """Do nothing."""


def operations(count: int) -> Iterator[Operation[VerificationStatusResponse]]:
    """Make operations one by one; a hundred numbers share a space."""
    for place in range(count):
        yield GetPhoneNumberVerificationStatus(
            phone_number=f"86138{place:08}", cust_space_id=f"cams-{place // 100:05}"
        )


async def one_by_one(client: CamsClient, _: AnswersSoon, count: int) -> None:
    """Await each call before the next: the least that calls can cost."""
    for operation in operations(count):
        await client.send(operation)


async def gathered(client: CamsClient, _: AnswersSoon, count: int) -> None:
    """Make all tasks at once, and hold all answers."""
    await asyncio.gather(*map(client.send, operations(count)))


async def polled(client: CamsClient, _: AnswersSoon, count: int) -> None:
    """Go through the outcomes."""
    left = count
    async with poll(client, operations(count)) as outcomes:
        async for _outcome in outcomes:
            left -= 1
    assert not left  # noqa: S101 - else nothing was measured


async def watched(client: CamsClient, transport: AnswersSoon, count: int) -> Usage:
    """Ask for each number once, and look at what is held while all are pending."""
    transport.body = PENDING
    goal = transport.count + count
    before, began = memory("VmRSS"), time.process_time()
    async with watch(client, operations(count), every=(LONG, LONG)) as outcomes:
        waiting = asyncio.ensure_future(anext(outcomes, None))
        while transport.count < goal:  # noqa: ASYNC110 - an event would cost for each
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        usage = Usage(
            cpu=time.process_time() - began,
            peak=memory("VmHWM") - before,
            held=memory("VmRSS") - before,
        )
    await waiting
    return usage


Kind = Callable[[CamsClient, AnswersSoon, int], Awaitable[Usage | None]]

ONE_BY_ONE, GATHER, POLL, WATCH = "one by one", "asyncio.gather", "poll", "watch"
KINDS: Mapping[str, Kind] = {
    ONE_BY_ONE: one_by_one,
    GATHER: gathered,
    POLL: polled,
    WATCH: watched,
}


def memory(name: str) -> int:
    """Return VmRSS, the bytes held now, or VmHWM, those at the highest."""
    for line in MEMORY.read_text("ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


async def measure(kind: str, count: int) -> Usage:
    """Let an idle client make the calls."""
    transport = AnswersSoon()
    client = CamsClient(
        KEY, qps={ACTION: CEILING}, throttle=LocalThrottle(), transport=transport
    )
    async with client:
        await one_by_one(client, transport, WARM_UP)
        before, began = memory("VmRSS"), time.process_time()
        usage = await KINDS[kind](client, transport, count)
        return usage or Usage(
            cpu=time.process_time() - began,
            peak=memory("VmHWM") - before,
            held=memory("VmRSS") - before,
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=list(KINDS))
    parser.add_argument("count", type=int)
    options = parser.parse_args(arguments)
    print(json.dumps(asdict(asyncio.run(measure(options.kind, options.count)))))


if __name__ == "__main__":
    main()
