"""Programs of several threads: `python -m tests.thread_programs JSON`.

The JSON is a list of the `Target` and of the options of a program, with its name.
They print what they have found, as JSON.
"""

import asyncio
import gc
import json
import os
import sys
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any

from cams_async import CamsClient
from cams_async.models import Scope
from cams_async.throttle import shared_throttle
from tests.callers import Target, in_threads

HOLD = 1.01
"""Seconds for which a lease is taken after its response."""


def blocked(target: Target, *, seconds: float, blocked: float) -> dict[str, Any]:
    """Keep four loops busy, and block one of them for a while in the middle."""

    async def repeat(cams: CamsClient) -> None:
        while True:
            await target.call(cams)

    async def main(blocks: bool) -> None:  # noqa: FBT001 - called by position only
        if blocks:
            loop = asyncio.get_running_loop()
            loop.call_later(0.4 * seconds, time.sleep, blocked)
        with suppress(TimeoutError):
            async with (
                target.client() as cams,
                asyncio.timeout(seconds),
                asyncio.TaskGroup() as group,
            ):
                for _ in range(max(10, int(target.ceiling / 2))):
                    group.create_task(repeat(cams))

    in_threads([partial(main, index == 0) for index in range(4)])
    return {}


class Stalled:
    """Calls of four threads that stall, are cancelled, and collect garbage."""

    def __init__(self, target: Target, seed: int) -> None:
        self.target = target
        self.counts: Counter[str] = Counter()
        self._seed = seed

    async def main(self, index: int, seconds: float) -> None:
        """Make calls on one of the event loops."""
        random = Random(f"{self._seed} {index}")
        until = time.monotonic() + seconds
        async with self.target.client() as cams, asyncio.TaskGroup() as group:
            for _ in range(30):
                group.create_task(self._repeat(cams, random, until))
            group.create_task(self._stall(random, until))

    async def _repeat(self, cams: CamsClient, random: Random, until: float) -> None:
        while time.monotonic() < until:
            task = asyncio.create_task(self.target.call(cams))
            if random.random() < 0.5:
                await asyncio.wait([task], timeout=random.expovariate(3.0))
                task.cancel()
            await asyncio.wait([task])
            self.counts["cancelled" if task.cancelled() else "completed"] += 1
            if not task.cancelled():
                task.result()

    async def _stall(self, random: Random, until: float) -> None:
        while time.monotonic() < until:
            await asyncio.sleep(random.uniform(0.0, 0.02))
            if random.random() < 0.5:
                time.sleep(random.uniform(0.0, 0.03))  # noqa: ASYNC251 - on purpose
            if random.random() < 0.3:
                gc.collect()


def stalled(target: Target, *, seconds: float, seed: int) -> dict[str, Any]:
    """Stress the throttle, then make as many calls as there are leases."""
    sys.setswitchinterval(1e-5)
    stress = Stalled(target, seed)
    in_threads([partial(stress.main, index, seconds) for index in range(4)])
    sys.setswitchinterval(5e-3)
    # A cancelled call may have been sent: up to 1 s for its way, and then its hold.
    time.sleep(1.0 + HOLD)
    (left,) = shared_throttle().snapshot().values()
    # A fourth each, within the burst of each loop's bucket.
    each = int(target.ceiling / 4)
    waited = in_threads([partial(target.calls, each)] * 4)
    return {
        **stress.counts,
        "left": {
            "waiting": left.waiting,
            "in_flight": left.in_flight,
            "cooling": left.cooling,
        },
        "waited": max(map(max, waited)),
    }


def in_child(run: Callable[[], object]) -> int:
    """Run in a forked process; return its id."""
    with warnings.catch_warnings():
        # Since 3.12: the child of a process with threads may hang. It must not.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        code = 1
        try:
            run()
            code = 0
        except BaseException:  # noqa: BLE001 - the parent sees the exit code
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid


def exit_code(pid: int) -> int | None:
    """Return the exit code of a child, or None if it hangs."""
    until = time.monotonic() + 20.0
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return None


def forked(target: Target) -> dict[str, Any]:
    """Fork while other threads use the throttle, and between calls of a scope."""
    throttle = shared_throttle()
    busy = Scope(account="busy", region="r", action="Act", qps=1e5)
    over = threading.Event()

    async def permit() -> None:
        async with throttle.acquire(busy):
            pass

    async def hammer() -> None:
        while not over.is_set():
            await permit()

    threads = [threading.Thread(target=lambda: asyncio.run(hammer())) for _ in range(2)]
    for thread in threads:
        thread.start()
    codes: list[int | None] = []
    try:
        # A child needs the lock and the tables to be as between two sections.
        codes += [exit_code(in_child(lambda: asyncio.run(permit()))) for _ in range(50)]
        codes.append(exit_code(fork_in_flight(target)))
    finally:
        over.set()
        for thread in threads:
            thread.join()
    hung = codes.count(None)
    return {
        "hung": hung,
        "failed": len(codes) - hung - codes.count(0),
        "forks": len(codes),
    }


def fork_in_flight(target: Target) -> int:
    """Fork while half of the leases are in flight, and call from both processes."""

    async def main() -> int:
        running = asyncio.create_task(target.calls(int(target.ceiling / 2)))
        await asyncio.sleep(0.1)
        pid = in_child(lambda: check_waits(in_threads([child])[0]))
        await running
        return pid

    async def child() -> list[float]:
        return await target.calls(2 * int(target.ceiling))

    return asyncio.run(main())


def check_waits(waited: list[float]) -> None:
    """Check the waits for 10 leases, 5 of which another process had in flight.

    A round trip takes 0.6 s. So each of the other five starts a call every 1.6 s, and
    those of the other process follow after 2 s.
    """
    assert max(waited[:5]) < 1.0 < min(waited[5:])
    assert max(waited) < 4.2


PROGRAMS: dict[str, Callable[..., dict[str, Any]]] = {
    "blocked": blocked,
    "stalled": stalled,
    "forked": forked,
}

if __name__ == "__main__":
    settings, options = json.loads(sys.argv[1])
    found = PROGRAMS[options.pop("name")](Target(**settings), **options)
    print(json.dumps(found))  # noqa: T201 - the parent reads it
