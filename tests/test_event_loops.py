"""One limit for all event loops of a process, one after another or side by side."""

import asyncio
import gc
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest

from cams_async import CamsClient
from cams_async.emulator.ceilings import Ledger
from cams_async.errors import ClientClosed, ConfigurationError, DeadlineExceeded
from cams_async.models import Scope, Snapshot
from cams_async.throttle import LocalThrottle, Permit, local
from cams_async.throttle.local import LocalPermit
from tests.callers import ACTION, Target, emulated, judged
from tests.cli_process import PATIENCE, environment
from tests.clock import Clock, VirtualLoop
from tests.fakes import CREDENTIALS, STATUS, VERIFIED, RecordingTransport

T = TypeVar("T")

TRIP = 0.1
"""Seconds from a send to its response."""

HOLD = 1.01
"""Seconds for which a lease is taken after its response."""


def nothing() -> None:
    """Do nothing."""


class Bench:
    """A throttle on the virtual clock, and a server that counts arrivals."""

    def __init__(self, clock: Clock, qps: float = 10.0) -> None:
        self.clock = clock
        self.scope = Scope(account="a", region="r", action="Act", qps=qps)
        self.throttle = LocalThrottle(clock=self.now)
        self.ledger = Ledger(qps)

    def now(self) -> float:
        """Return the time of the clock."""
        return self.clock.now

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot of the scope."""
        return self.throttle.snapshot()[self.scope]

    async def call(self, trip: float = TRIP) -> None:
        """Make a call whose request the server acknowledges at once."""
        ticket = None
        sent_at = None
        while sent_at is None:
            async with self.throttle.acquire(self.scope, ticket=ticket) as permit:
                ticket = permit.ticket
                sent_at = await self._exchange(permit, trip)

    async def _exchange(self, permit: Permit, trip: float) -> float | None:
        """Send a request and wait for its response, unless the permit has expired."""
        sent_at = self.clock.now
        if not permit.sent(lambda: sent_at):
            return None
        self.ledger.record_arrival(sent_at)
        await asyncio.sleep(trip)
        permit.completed()
        return sent_at

    async def calls(self, count: int) -> None:
        """Make calls at once."""
        await asyncio.gather(*(self.call() for _ in range(count)))

    async def calls_in_turn(self, count: int) -> None:
        """Make calls one after the other."""
        for _ in range(count):
            await self.call()

    def took(self, run: Callable[[], object]) -> float:
        """Return the simulated seconds that something takes."""
        before = self.clock.now
        run()
        return self.clock.now - before

    def abandon(self, count: int, *, after: float, trip: float = TRIP) -> VirtualLoop:
        """Stop a loop under calls that were made on it; it is not closed."""
        loop = VirtualLoop(self.clock)

        async def main() -> None:
            for _ in range(count):
                expect_to_be_abandoned(asyncio.ensure_future(self.call(trip)))
            await asyncio.sleep(after)

        loop.run_until_complete(main())
        return loop


def expect_to_be_abandoned(task: asyncio.Future[Any]) -> None:
    """Let asyncio not log that a task is garbage while it is pending."""
    setattr(task, "_log_destroy_pending", False)  # noqa: B010 - it has no public name


# A loop for each call


def test_a_run_per_call_costs_nothing(clock: Clock) -> None:
    """`asyncio.run` for each call takes no longer than one for all."""
    bench = Bench(clock)

    together = bench.took(lambda: clock.run(bench.calls_in_turn(30)))
    clock.advance(10.0)
    apart = bench.took(lambda: [clock.run(bench.call()) for _ in range(30)])

    assert apart == pytest.approx(together, abs=0.1)
    assert bench.ledger.violations == 0


@pytest.mark.slow
def test_a_run_per_call_costs_nothing_at_a_server() -> None:
    """The same, with a client and a connection for each call."""

    def span(run: Callable[[Target], object]) -> float:
        with emulated() as emulator:
            run(Target.of(emulator))
            action = judged(emulator)
        assert action.executed == 20
        assert action.first is not None
        assert action.last is not None
        return action.last - action.first

    async def in_turn(target: Target) -> None:
        async with target.client() as cams:
            for _ in range(20):
                await target.call(cams)

    together = span(lambda target: asyncio.run(in_turn(target)))
    apart = span(lambda target: [asyncio.run(target.calls(1)) for _ in range(20)])

    assert apart < together + 1.0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_calls_cancelled_in_many_loops_stay_within_the_limit(seed: int) -> None:
    """Forty loops, one after another, each with six calls, half of them cancelled."""
    random = Random(seed)

    async def main(target: Target) -> list[bool]:
        async with target.client() as cams:
            tasks = [asyncio.create_task(target.call(cams)) for _ in range(6)]
            for task in random.sample(tasks, 3):
                asyncio.get_running_loop().call_later(
                    random.expovariate(10.0), task.cancel
                )
            await asyncio.wait(tasks)
        return [task.cancelled() or task.result() < 5.0 for task in tasks]

    with emulated(20.0, latency=(0.0, 0.05)) as emulator:
        target = Target.of(emulator, 20.0)
        for _ in range(40):
            assert all(asyncio.run(main(target)))

        assert judged(emulator).executed >= 120


A_LOOP_PER_TEST = """
import pytest
from cams_async import CamsClient

@pytest.mark.parametrize("number", range(20))
async def test_a_call(number):
    async with CamsClient(endpoint={endpoint!r}) as cams:
        await cams.get_phone_number_verification_status(
            phone_number={phone_number!r}, cust_space_id={space!r}
        )
"""


def test_a_loop_per_test_costs_nothing(tmp_path: Path) -> None:
    """pytest-asyncio runs each test on a loop of its own; all share the limit."""
    with emulated() as emulator:
        target = Target.of(emulator)
        tests = A_LOOP_PER_TEST.format(
            endpoint=target.endpoint,
            phone_number=target.phone_number,
            space=target.space,
        )
        tmp_path.joinpath("test_calls.py").write_text(tests)
        tmp_path.joinpath("pytest.ini").write_text(
            "[pytest]\n"
            "asyncio_mode = auto\n"
            "asyncio_default_fixture_loop_scope = function\n"
            "filterwarnings = error\n"
        )
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "pytest_asyncio.plugin", "."],
            cwd=tmp_path,
            env=environment(emulator) | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            stdout=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert "20 passed" in done.stdout, done.stdout
        action = judged(emulator)

    assert action.executed == 20
    assert action.first is not None
    assert action.last is not None
    # The first ten at once, and the others as soon as these have cooled.
    assert action.last - action.first < 3.0


# Loops that are closed, or stopped, under their calls


def test_a_closed_loop_leaves_nothing_behind(clock: Clock) -> None:
    """The next one goes on at the full rate once the calls in flight have cooled."""
    bench = Bench(clock)
    bench.abandon(40, after=0.35, trip=30.0).close()

    took = bench.took(lambda: clock.run(bench.calls(20)))
    gc.collect()

    # Eight were sent: they are counted within a second, and return a second later.
    assert took < 2 * HOLD + 1.0 + 1.0
    assert bench.ledger.violations == 0
    assert (bench.snapshot.waiting, bench.snapshot.in_flight) == (0, 0)


@pytest.mark.slow
def test_a_loop_closed_under_calls_disturbs_no_client() -> None:
    """The tasks and the client of a closed loop are abandoned; the next one goes on."""
    with emulated() as emulator:
        target = Target.of(emulator)
        loop = asyncio.new_event_loop()

        async def main() -> None:
            cams = target.client()
            for _ in range(40):
                expect_to_be_abandoned(asyncio.ensure_future(target.call(cams)))
            await asyncio.sleep(0.35)

        with warnings.catch_warnings():
            # asyncio and aiohttp name the connections that were not closed.
            warnings.simplefilter("ignore", ResourceWarning)
            loop.run_until_complete(main())
            loop.close()
            waited = asyncio.run(target.calls(15))
            del loop
            gc.collect()

        assert judged(emulator).executed >= 15 + 5
    assert max(waited) < 3.0


@pytest.mark.parametrize(
    ("qps", "count", "after", "trip"),
    [
        pytest.param(10.0, 15, 0.02, 100.0, id="in flight, in the bucket, and waiting"),
        pytest.param(10.0, 15, 0.9, TRIP, id="waiting"),
        pytest.param(1.0, 2, 0.5, TRIP, id="waiting for the only lease"),
        pytest.param(1.0, 2, 0.5, 100.0, id="in flight with the only lease"),
        pytest.param(2.0, 3, 0.01, 100.0, id="in the bucket with one of two leases"),
    ],
)
def test_a_stopped_loop_blocks_no_other(
    clock: Clock, qps: float, count: int, after: float, trip: float
) -> None:
    """It is not closed either; its leases are taken back, or return by themselves.

    What is in flight is counted within a second, and returns a second later.
    """
    bench = Bench(clock, qps)
    loop = bench.abandon(count, after=after, trip=trip)
    leases = int(qps)

    first = bench.took(lambda: clock.run(bench.call()))
    clock.advance(2 * HOLD)
    again = bench.took(lambda: clock.run(bench.calls(3 * leases)))

    # A grant to the stopped loop lapses once; the bucket spreads half of a burst.
    lapse = local.LOOK_EVERY
    assert first < 2 * HOLD + TRIP + lapse
    assert again < 2 * (HOLD + TRIP) + (leases // 2) / qps + TRIP + lapse
    assert bench.ledger.violations == 0
    loop.close()
    gc.collect()


def test_a_stopped_loop_that_runs_again_makes_its_calls(clock: Clock) -> None:
    """Its calls were in the bucket and in the queue while another loop went on."""
    bench = Bench(clock)
    loop = bench.abandon(30, after=0.02)
    tasks = asyncio.all_tasks(loop)

    clock.run(bench.calls(20))
    took = bench.took(lambda: loop.run_until_complete(asyncio.wait(tasks)))

    assert [task.exception() for task in tasks] == [None] * 30
    assert took < 4 * (HOLD + TRIP)
    assert bench.ledger.violations == 0
    loop.close()


def test_a_throttle_that_closes_meanwhile_ends_the_calls_of_a_stopped_loop(
    clock: Clock,
) -> None:
    """Those that were in the bucket, too, once the loop runs again."""
    bench = Bench(clock)
    loop = bench.abandon(15, after=0.02, trip=0.0)
    tasks = asyncio.all_tasks(loop)

    async def use_and_close() -> None:
        await bench.calls(10)
        await bench.throttle.aclose()

    clock.run(use_and_close())
    loop.run_until_complete(asyncio.wait(tasks))

    assert [type(task.exception()) for task in tasks] == [ClientClosed] * 10
    loop.close()


@pytest.mark.slow
def test_a_stopped_loop_blocks_no_client() -> None:
    """With calls in flight, in the bucket and waiting on real connections."""
    with emulated(latency=(0.3, 0.3)) as emulator:
        target = Target.of(emulator)
        stopped = asyncio.new_event_loop()
        cams = target.client(timeout=1.0)

        async def main() -> None:
            for _ in range(20):
                expect_to_be_abandoned(asyncio.ensure_future(target.call(cams)))
            await asyncio.sleep(0.1)

        stopped.run_until_complete(main())
        began = time.monotonic()
        asyncio.run(target.calls(20))
        took = time.monotonic() - began

        judged(emulator)
        for task in asyncio.all_tasks(stopped):
            task.cancel()
        stopped.run_until_complete(cams.aclose())
        stopped.close()
    # With half of the leases, it would be 5.4 s.
    assert took < 4.8


# Garbage, and releases while the lock is held


class HookedLock:
    """The lock of the throttles, which calls a hook at the start of each section."""

    def __init__(self) -> None:
        self.hook = nothing
        self._lock = threading.Lock()
        self.acquire = self._lock.acquire
        self.release = self._lock.release

    def __enter__(self) -> None:
        self.acquire()
        self.hook()

    def __exit__(self, *_: object) -> None:
        self.release()


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> HookedLock:
    """Return the lock of the throttles of this test."""
    hooked = HookedLock()
    monkeypatch.setattr(local, "_lock", hooked)
    return hooked


def test_garbage_collected_in_a_section_does_not_deadlock(
    clock: Clock, lock: HookedLock
) -> None:
    """Abandoned calls that end there, on the thread that has the lock, are ended."""
    gc.freeze()  # it would take seconds to look at all objects each time
    bench = Bench(clock)
    bench.abandon(40, after=0.35, trip=30.0).close()
    in_section = 0

    def collect() -> None:
        nonlocal in_section
        gc.collect()
        in_section += len(local._released)

    lock.hook = collect
    thread = threading.Thread(target=clock.run, args=[bench.calls(20)], daemon=True)
    thread.start()
    thread.join(PATIENCE)

    assert not thread.is_alive()
    assert in_section > 0
    assert not local._released
    assert (bench.snapshot.waiting, bench.snapshot.in_flight) == (0, 0)
    assert bench.ledger.violations == 0


async def paused(permit: LocalPermit) -> None:
    """Return a permit to the queue, as a pause has begun."""
    permit.throttled(0.5)
    assert not permit._shared.passed(permit, permit.here)


async def passed(permit: LocalPermit) -> None:
    """Let a permit leave the bucket."""
    assert permit._shared.passed(permit, permit.here)


async def snapshot(permit: LocalPermit) -> None:
    """Read the state of the throttle."""
    assert permit._throttle.snapshot()


async def aclose(permit: LocalPermit) -> None:
    """Close the throttle."""
    await permit._throttle.aclose()


async def enter(permit: LocalPermit) -> None:
    """Enter the queue in vain: no permit is expected by the deadline."""
    deadline = asyncio.get_running_loop().time() + 0.1
    with pytest.raises(DeadlineExceeded):
        await permit._throttle.acquire(permit._scope, deadline=deadline).__aenter__()


async def sent(permit: LocalPermit) -> None:
    """Send a request."""
    assert permit.sent()


async def completed(permit: LocalPermit) -> None:
    """Receive a response."""
    permit.completed()


@pytest.mark.parametrize(
    "section", [passed, paused, snapshot, aclose, enter, sent, completed]
)
def test_a_permit_released_while_the_lock_is_held_is_ended(
    clock: Clock,
    lock: HookedLock,
    section: Callable[[LocalPermit], Awaitable[None]],
) -> None:
    """Each section ends, after it, what was released meanwhile."""
    bench = Bench(clock)

    async def main() -> None:
        permits = [bench.throttle.acquire(bench.scope) for _ in range(10)]
        for permit in permits:
            await permit.__aenter__()
        waiting = [asyncio.ensure_future(bench.call()) for _ in range(3)]
        await asyncio.sleep(0)

        def release() -> None:
            # Each section is the last: what the next one would end must not be left.
            permits.pop().release()
            assert local._released

        lock.hook = release
        await section(permits[0])
        lock.hook = nothing

        assert len(permits) < 10
        assert not local._released
        for permit in permits:
            permit.release()
        await asyncio.wait(waiting)

    clock.run(main())


# The clients


def test_a_client_belongs_to_the_loop_of_its_first_call(clock: Clock) -> None:
    """A call from another one fails, and its error names what to do."""
    cams = CamsClient(CREDENTIALS, transport=RecordingTransport(VERIFIED))
    clock.run(cams.send(STATUS))

    with pytest.raises(ConfigurationError, match=r"event loop .* make one per loop"):
        clock.run(cams.send(STATUS))


@pytest.mark.parametrize("closes", [True, False])
def test_a_lower_ceiling_ends_with_its_client(clock: Clock, closes: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """At once if the client is closed, else a minute after its last call."""

    def client(ceiling: float) -> CamsClient:
        transport = RecordingTransport(VERIFIED)
        return CamsClient(CREDENTIALS, transport=transport, qps={ACTION: ceiling})

    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        lower, higher = client(5.0), client(10.0)

        async def seconds(calls: int) -> float:
            began = loop.time()
            await asyncio.gather(*(higher.send(STATUS) for _ in range(calls)))
            return loop.time() - began

        await lower.send(STATUS)
        both = await seconds(40)
        if closes:
            await lower.aclose()
        else:
            await asyncio.sleep(60.0 - both)
        return both, await seconds(40)

    both, alone = clock.run(main())

    assert both == pytest.approx(8 * HOLD, abs=1.0)
    assert alone == pytest.approx(4 * HOLD, abs=1.0)
