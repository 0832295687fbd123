"""Simulated time keeps asyncio's rules."""

import asyncio
import gc
import threading
import time

import pytest
from aiolimiter import AsyncLimiter

from tests.clock import Clock, DeadlockError


def test_an_hour_passes_in_no_time(clock: Clock) -> None:
    """Sleeping moves the simulated clock, and only that."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        before = loop.time()
        await asyncio.sleep(3600)
        return loop.time() - before

    started = time.perf_counter()

    assert clock.run(main()) == pytest.approx(3600, abs=1e-3)
    assert time.perf_counter() - started < 5


def test_timers_fire_in_order_of_their_moments(clock: Clock) -> None:
    """A later timer set earlier does not overtake."""
    fired: list[float] = []

    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds)
        fired.append(seconds)

    async def main() -> None:
        await asyncio.gather(*map(wait, [3, 1, 2, 0.5]))

    clock.run(main())

    assert fired == [0.5, 1, 2, 3]


def test_no_timer_fires_early(clock: Clock) -> None:
    """After a sleep of any length, at least that much time has passed."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for seconds in (1e-9, 1e-6, 0.1, 1 / 3, 1e6):
            until = loop.time() + seconds
            await asyncio.sleep(seconds)
            assert loop.time() >= until - time.get_clock_info("monotonic").resolution

    clock.run(main())


def test_a_busy_loop_still_lets_time_pass(clock: Clock) -> None:
    """Each iteration of the loop takes a microsecond, so that no timer starves."""

    async def main() -> int:
        permits = 0
        alarm = asyncio.create_task(asyncio.sleep(0.001))
        while not alarm.done():
            await asyncio.sleep(0)
            permits += 1
        return permits

    assert 900 < clock.run(main()) < 1100


def test_a_rounding_limiter_does_not_spin(clock: Clock) -> None:
    """Aiolimiter hands out what it should, though it wakes a hair too early."""

    async def main() -> float:
        limiter = AsyncLimiter(1, 0.1)
        loop = asyncio.get_running_loop()
        before = loop.time()
        for _ in range(200):
            await limiter.acquire()
        return loop.time() - before

    assert clock.run(main()) == pytest.approx(19.9, abs=0.01)


def test_waiting_for_ever_is_an_error(clock: Clock) -> None:
    """Tasks that would hang on a real loop are named."""

    async def stuck() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(stuck(), name="the stuck one")

    with pytest.raises(DeadlockError, match="the stuck one"):
        clock.run(main())


def test_what_fails_inside_fails_outside(clock: Clock) -> None:
    """An exception passes through, and the tasks left over are cancelled."""
    cancelled = False

    async def linger() -> None:
        nonlocal cancelled
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            cancelled = True
            raise

    async def main() -> None:
        lingering = asyncio.create_task(linger())
        await asyncio.sleep(1)
        raise LookupError(lingering.get_name())

    with pytest.raises(LookupError):
        clock.run(main())

    assert cancelled


def test_timeouts_expire_in_simulated_time(clock: Clock) -> None:
    """`asyncio.timeout` follows the same clock."""

    async def main() -> None:
        async with asyncio.timeout(60):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        clock.run(main())


def test_threads_take_no_simulated_time(clock: Clock) -> None:
    """`asyncio.to_thread` runs elsewhere, and the clock waits for it."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        before = loop.time()

        assert await asyncio.to_thread(threading.get_ident) != threading.get_ident()
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(divmod, 1, 0)
        assert loop.time() - before < 0.001

    clock.run(main())


def test_time_goes_on_between_runs(clock: Clock) -> None:
    """Two loops in a row see one clock, and `time.monotonic` agrees with both."""

    async def main() -> float:
        await asyncio.sleep(1)
        assert time.monotonic() == asyncio.get_running_loop().time() == clock.now
        return clock.now

    real = time.monotonic
    first = clock.run(main())
    clock.advance(10)
    second = clock.run(main())

    assert second == pytest.approx(first + 11, abs=0.001)
    assert time.monotonic is real


def test_a_run_is_repeatable() -> None:
    """The same program takes the same simulated time, to the last bit."""

    async def main() -> float:
        async def wait(number: int) -> None:
            for _ in range(number):
                await asyncio.sleep(1 / (number + 1))

        await asyncio.gather(*map(wait, range(20)))
        return asyncio.get_running_loop().time()

    assert Clock().run(main()) == Clock().run(main())


@pytest.mark.filterwarnings("error::ResourceWarning")
def test_a_run_leaves_nothing_open(clock: Clock) -> None:
    """The loop is closed, so that collecting it has nothing to complain of."""

    async def main() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    loop = clock.run(main())

    assert loop.is_closed()
    del loop
    gc.collect()
