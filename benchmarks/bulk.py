"""How much memory and CPU do very many operations take by `poll` and `watch`?

Calls of CamsClient without a network. `poll` makes up to a million and holds a window
of them; `watch` holds every number, since none becomes terminal. Compared with awaiting
the same calls one by one, and all at once by asyncio.gather. Each measurement is one
process, `python -m benchmarks.bulk KIND COUNT`.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from statistics import median

from attrs import asdict, frozen

from benchmarks import processes
from benchmarks.record import MICRO, Goal, Result, Table, growth
from benchmarks.responses import ACTION, CREDENTIALS, STATUS
from cams_async import CamsClient, LocalThrottle, Operation, poll, watch
from cams_async.operations import (
    GetPhoneNumberVerificationStatus,
    VerificationStatusResponse,
)
from cams_async.protocol import HttpResponse, Request

COUNTS = (10_000, 100_000, 1_000_000)
QUICK_COUNTS = (10_000, 100_000)

LARGE = 100_000
"""Above this, only `poll` runs, and only once: the rest would hold too much."""

REPEAT = 3

MEMORY_BOUND = 60.0
"""The bound of MiB over an idle client that `poll` may take."""

FLAT = 1.5
"""The bound of that memory at the largest count over the smallest."""

MIB, KIB = 2**20, 2**10

STATUS_FILE = Path("/proc/self/status")
"""The memory of a process, on Linux only."""

WARM_UP = 200

CEILING = 1e6
"""Calls per second: more than are made, so that none waits."""

INTERVAL = 1e6
"""Seconds between two requests of a watch: longer than a measurement."""

PENDING = STATUS.replace(b"VERIFIED", b"NOT_VERIFIED")


@frozen(kw_only=True)
class Usage:
    """Seconds of CPU, and bytes of memory over those of an idle client."""

    cpu: float
    peak: int
    held: int
    """Bytes at the end."""


class InstantTransport:
    """A transport without a network: responses arrive on the next loop iteration."""

    def __init__(self) -> None:
        self.body = STATUS
        self.count = 0

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Respond."""
        del request, timeout
        on_sent()
        await asyncio.sleep(0)
        self.count += 1
        return HttpResponse(200, {}, self.body)

    async def aclose(self) -> None:
        """Do nothing."""


def operations(count: int) -> Iterator[Operation[VerificationStatusResponse]]:
    """Yield operations lazily; a hundred numbers share a space."""
    for index in range(count):
        yield GetPhoneNumberVerificationStatus(
            phone_number=f"86138{index:08}", cust_space_id=f"cams-{index // 100:05}"
        )


async def one_by_one(client: CamsClient, _: InstantTransport, count: int) -> None:
    """Await each call before the next: the least that calls can cost."""
    for operation in operations(count):
        await client.send(operation)


async def gather_all(client: CamsClient, _: InstantTransport, count: int) -> None:
    """Create all tasks at once and hold all responses."""
    await asyncio.gather(*map(client.send, operations(count)))


async def poll_all(client: CamsClient, _: InstantTransport, count: int) -> None:
    """Iterate over the outcomes."""
    left = count
    async with poll(client, operations(count)) as outcomes:
        async for _outcome in outcomes:
            left -= 1
    assert not left  # noqa: S101 - else nothing was measured


async def watch_all(
    client: CamsClient, transport: InstantTransport, count: int
) -> Usage:
    """Request each number once; return the usage while all are pending."""
    transport.body = PENDING
    goal = transport.count + count
    before, began = memory("VmRSS"), time.process_time()
    async with watch(client, operations(count), every=(INTERVAL, INTERVAL)) as outcomes:
        waiting = asyncio.ensure_future(anext(outcomes, None))
        while transport.count < goal:  # noqa: ASYNC110 - an event would cost for each
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        usage = _usage(before, began)
    await waiting
    return usage


ONE_BY_ONE, GATHER, POLL, WATCH = "one by one", "asyncio.gather", "poll", "watch"
KINDS: Mapping[
    str, Callable[[CamsClient, InstantTransport, int], Awaitable[Usage | None]]
] = {ONE_BY_ONE: one_by_one, GATHER: gather_all, POLL: poll_all, WATCH: watch_all}


def memory(name: str) -> int:
    """Return VmRSS, the bytes held now, or VmHWM, the most held so far."""
    for line in STATUS_FILE.read_text("ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def _usage(before: int, began: float) -> Usage:
    return Usage(
        cpu=time.process_time() - began,
        peak=memory("VmHWM") - before,
        held=memory("VmRSS") - before,
    )


async def measure(kind: str, count: int) -> Usage:
    """Make the calls with a client that was idle before."""
    transport = InstantTransport()
    client = CamsClient(
        CREDENTIALS,
        qps={ACTION: CEILING},
        throttle=LocalThrottle(),
        transport=transport,
    )
    async with client:
        await one_by_one(client, transport, WARM_UP)
        before, began = memory("VmRSS"), time.process_time()
        usage = await KINDS[kind](client, transport, count)
        return usage or _usage(before, began)


Usages = Mapping[tuple[str, int], Usage]


def run(*, quick: bool) -> Result:
    """Measure every kind at every count, each in a process of its own."""
    if not STATUS_FILE.exists():
        sys.exit(f"bulk requires {STATUS_FILE}, which exists on Linux only.")
    usages: dict[tuple[str, int], Usage] = {}
    for count in QUICK_COUNTS if quick else COUNTS:
        for kind in KINDS:
            if kind == POLL or count <= LARGE:
                repeat = 1 if quick or count > LARGE else REPEAT
                usages[kind, count] = _measure(kind, count, repeat)
    return Result(tables=[_table(usages)], goals=list(_goals(usages)))


def _measure(kind: str, count: int, repeat: int) -> Usage:
    """Return the median CPU and the most memory of several processes."""
    arguments = ("benchmarks.bulk", kind, str(count))
    runs = [Usage(**processes.measure(*arguments)) for _ in range(repeat)]
    return Usage(
        cpu=median(run.cpu for run in runs),
        peak=max(run.peak for run in runs),
        held=max(run.held for run in runs),
    )


def _table(usages: Usages) -> Table:
    rows: list[list[str]] = []
    for (kind, count), usage in usages.items():
        base = usages.get((ONE_BY_ONE, count))
        rows.append(
            [
                f"{count:,}",
                kind,
                "-" if base is None else f"{usage.cpu / base.cpu:.2f}",
                f"{usage.cpu / count * MICRO:.0f}",
                f"{usage.peak / MIB:.1f}",
                f"{usage.peak / count / KIB:.2f}",
            ]
        )
    return Table(
        title="Very many calls",
        headers=(
            "operations",
            "by",
            "x CPU one by one",
            "us of CPU each",
            "MiB at most",
            "KiB each",
        ),
        rows=rows,
        notes="Memory is the most that the process took, over that of an idle client.\n"
        "A watch holds every number with its last response until it is terminal.",
    )


def _goals(usages: Usages) -> Iterator[Goal]:
    polls = {count: usage for (kind, count), usage in usages.items() if kind == POLL}
    watches = {count: usage for (kind, count), usage in usages.items() if kind == WATCH}
    least, most = min(polls), max(polls)
    at = f"{most:,} operations"
    memory = polls[most].peak
    yield Goal(f"MiB over an idle client for poll, {at}", memory / MIB, MEMORY_BOUND)
    ratio = memory / polls[least].peak
    yield Goal(f"that memory, {at} over {least:,}", ratio, FLAT)
    cpu = {count: usage.cpu / count for count, usage in polls.items()}
    yield growth("us of CPU for an operation by poll", "operations", cpu)
    held = {count: usage.held / count for count, usage in watches.items()}
    yield growth("bytes for a pending number of watch", "numbers", held)


if __name__ == "__main__":
    usage = asyncio.run(measure(sys.argv[1], int(sys.argv[2])))
    print(json.dumps(asdict(usage)))
