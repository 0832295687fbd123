"""The throttle of a process: scopes, clients, event loops, and the end."""

# pyright: reportPrivateUsage=false

import asyncio
import gc
import logging
import math
import os
import time
from collections.abc import Iterable
from typing import Any

import pytest

from cams_async.errors import ClientClosed, ConfigurationError
from cams_async.models import Scope
from cams_async.throttle import LocalThrottle, Throttle, shared_throttle
from cams_async.throttle.lane import Lane
from cams_async.throttle.scope_table import FEW
from tests.clock import Clock, VirtualLoop
from tests.simulation.watched import Watched
from tests.simulation.world import live_timers


def scope(
    account: str = "a", region: str = "r", action: str = "Act", qps: float = 10.0
) -> Scope:
    """Return a scope."""
    return Scope(account=account, region=region, action=action, qps=qps)


async def call(throttle: Throttle, where: Scope) -> None:
    """Make a call that completes at once."""
    async with throttle.acquire(where) as permit:
        permit.sent()
        permit.completed()


async def calls(throttle: Throttle, where: Scope, count: int) -> float:
    """Make calls, and return how long they took together."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(call(throttle, where) for _ in range(count)))
    return loop.time() - began


# What it is given


@pytest.mark.parametrize(
    "qps",
    [0, 0.0, -1, -0.1, math.nan, math.inf, -math.inf, 10**400, "10", None, True],
)
def test_a_bad_ceiling_is_refused(qps: Any) -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match=r"^qps: must be") as caught:
        scope(qps=qps)

    assert caught.value.field == "qps"


@pytest.mark.parametrize("name", ["max_transit", "margin"])
@pytest.mark.parametrize(
    "value", [-0.1, 86401, 1e300, 10**400, math.nan, math.inf, "1", None, True]
)
def test_a_bad_number_of_seconds_is_refused(name: str, value: Any) -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match=f"^{name}: must be") as caught:
        LocalThrottle(**{name: value})

    assert caught.value.field == name


def test_no_seconds_at_all_are_accepted(clock: Clock) -> None:
    """Both may be 0 on a network without transit time."""
    throttle = LocalThrottle(max_transit=0, margin=0)

    assert clock.run(calls(throttle, scope(), 11)) == pytest.approx(1.0, abs=1e-3)


def test_its_repr_shows_its_settings() -> None:
    """As it was made."""
    assert (
        repr(LocalThrottle(max_transit=2.0))
        == "LocalThrottle(max_transit=2.0, margin=0.01)"
    )


def test_a_process_has_one_shared_throttle() -> None:
    """Clients that are given none share it automatically."""
    assert shared_throttle() is shared_throttle()


# Scopes


def test_equal_scopes_share_one_ceiling(clock: Clock) -> None:
    """Each client makes its own scope; only its values count."""

    async def main() -> None:
        throttle = LocalThrottle()
        together = await asyncio.gather(
            calls(throttle, scope(), 6), calls(throttle, scope(), 6)
        )
        assert max(together) == pytest.approx(1.01, abs=1e-2)

    clock.run(main())


@pytest.mark.parametrize(
    "other", [scope(account="b"), scope(region="s"), scope(action="Other")]
)
def test_other_scopes_share_nothing(clock: Clock, other: Scope) -> None:
    """Account, region and action each make a ceiling of their own."""

    async def main() -> None:
        throttle = LocalThrottle()
        apart = await asyncio.gather(
            calls(throttle, scope(), 10), calls(throttle, other, 10)
        )
        assert apart == pytest.approx([0.5, 0.5], abs=1e-3)
        assert set(throttle.snapshot()) == {scope(), other}

    clock.run(main())


def test_where_clients_disagree_the_lower_ceiling_wins(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever comes first; and it is logged once."""

    async def main() -> None:
        throttle = LocalThrottle()
        assert await calls(throttle, scope(qps=10.0), 1) < 0.01
        # The lower one's bucket lets two and a half through at once, then 5 a second.
        assert await calls(throttle, scope(qps=5), 4) == pytest.approx(0.3, abs=1e-3)
        assert set(throttle.snapshot()) == {scope(qps=5)}
        assert await calls(throttle, scope(qps=10.0), 5) > 1.0
        assert set(throttle.snapshot()) == {scope(qps=5)}

    with caplog.at_level(logging.WARNING, logger="cams_async"):
        clock.run(main())

    assert [record.getMessage() for record in caplog.records] == [
        "Act: clients disagree on the ceiling, 10 and 5; the lower wins"
    ]


def test_a_lower_ceiling_counts_for_what_is_under_way(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Ten calls in a second, then one in two: the window of both is the longer one."""

    async def main() -> None:
        throttle = LocalThrottle()
        await calls(throttle, scope(qps=10.0), 10)
        waiting = asyncio.create_task(calls(throttle, scope(qps=10.0), 1))
        await asyncio.sleep(0)
        took = await calls(throttle, scope(qps=0.5), 1)
        assert await waiting == pytest.approx(2.01, abs=1e-2)
        assert took == pytest.approx(4.02, abs=1e-2)

    clock.run(main())
    assert len(caplog.records) == 1


def test_idle_scopes_are_forgotten(clock: Clock) -> None:
    """A program that goes through many accounts keeps only those in use."""

    async def main() -> None:
        throttle = LocalThrottle()
        busy = throttle.acquire(scope(account="busy"))
        await busy.__aenter__()
        for number in range(10 * FEW):
            await call(throttle, scope(account=str(number)))
            await asyncio.sleep(0.1)
            assert len(list(throttle._lanes)) <= 2 * FEW
        assert scope(account="busy") in throttle.snapshot()
        assert scope(account="0") not in throttle.snapshot()
        await busy.__aexit__(None, None, None)

    clock.run(main())


def test_looking_for_idle_scopes_is_cheap(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all scopes in use, sweeps become rarer as the table grows."""
    looks = 0
    idle = Lane.idle

    def counted(lane: Lane, loop: asyncio.AbstractEventLoop) -> bool:
        nonlocal looks
        looks += 1
        return idle(lane, loop)

    monkeypatch.setattr(Lane, "idle", counted)

    async def main() -> None:
        throttle = LocalThrottle()
        for number in range(2000):
            await call(throttle, scope(account=str(number)))
        assert len(throttle.snapshot()) == 2000

    clock.run(main())
    assert looks <= 2000


def test_scopes_with_something_to_remember_are_kept(clock: Clock) -> None:
    """Waiting, in flight, cooling, paused or throttled: none of these is idle."""

    async def main() -> None:
        throttle = LocalThrottle()
        names = ["in flight", "throttled", "paused", "cooling"]
        permits = {name: throttle.acquire(scope(account=name)) for name in names}
        for permit in permits.values():
            await permit.__aenter__()
        permits["in flight"].sent()
        permits["throttled"].throttled(None)
        permits["paused"].throttled(10.0)
        await asyncio.sleep(1.5)
        permits["cooling"].completed()
        for number in range(2 * FEW):
            await call(throttle, scope(account=str(number)))
        assert {scope(account=name) for name in names} <= set(throttle.snapshot())

        await asyncio.sleep(30)
        for number in range(2 * FEW):
            await call(throttle, scope(account=f"later {number}"))
        assert not {scope(account=name) for name in names} & set(throttle.snapshot())

    clock.run(main())


# Event loops


def test_a_second_live_loop_is_refused(clock: Clock) -> None:
    """The error names the alternative."""
    throttle = LocalThrottle()

    async def main() -> None:
        await call(throttle, scope())
        with pytest.raises(ConfigurationError, match="RedisThrottle") as caught:
            await asyncio.to_thread(Clock().run, call(throttle, scope()))
        assert caught.value.field == "throttle for Act"
        await call(throttle, scope())
        await asyncio.to_thread(Clock().run, call(throttle, scope(account="b")))

    clock.run(main())


def test_scopes_of_another_live_loop_are_not_forgotten(clock: Clock) -> None:
    """However idle they look from here."""
    throttle = LocalThrottle()

    async def others() -> None:
        for number in range(2 * FEW):
            await call(throttle, scope(account=str(number)))

    async def main() -> None:
        await call(throttle, scope())
        await asyncio.sleep(60)
        await asyncio.to_thread(Clock(clock.now).run, others())
        assert scope() in throttle.snapshot()

    clock.run(main())


def test_a_loop_after_a_closed_one_starts_with_all_slots_cooling(clock: Clock) -> None:
    """The first request may be in flight for `max_transit`, and counts 1 s more."""
    throttle = LocalThrottle()
    clock.run(call(throttle, scope()))
    clock.advance(0.5)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        waiting = asyncio.create_task(call(throttle, scope()))
        await asyncio.sleep(0)
        assert throttle.snapshot()[scope()].cooling == 10
        await waiting
        assert loop.time() - began == pytest.approx(1.51, abs=1e-3)

    clock.run(main())


def test_a_loop_after_a_quiet_time_starts_at_once(clock: Clock) -> None:
    """Nothing that was sent so long ago can still be counted."""
    throttle = LocalThrottle()
    clock.run(call(throttle, scope()))
    clock.advance(2.02)

    assert clock.run(calls(throttle, scope(), 5)) == pytest.approx(0.0, abs=1e-3)


def test_a_permit_that_sent_nothing_makes_no_loop_wait(clock: Clock) -> None:
    """Only sends count."""
    throttle = LocalThrottle()

    async def idle() -> None:
        async with throttle.acquire(scope()):
            pass

    clock.run(idle())

    assert clock.run(calls(throttle, scope(), 5)) == pytest.approx(0.0, abs=1e-3)


class Elsewhere(VirtualLoop):
    """A loop whose time began at another moment; some loops' does."""

    def time(self) -> float:
        """Return the simulated time, less an hour."""
        return super().time() - 3600.0


@pytest.mark.parametrize("factory", [VirtualLoop, Elsewhere])
def test_pause_and_limit_outlive_a_loop(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, factory: type[VirtualLoop]
) -> None:
    """The server requested them, and it did not restart."""
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    throttle = LocalThrottle()

    async def refused() -> None:
        async with throttle.acquire(scope()) as permit:
            permit.throttled(5.0)

    async def look() -> None:
        throttle.acquire(scope())
        snapshot = throttle.snapshot()[scope()]
        assert snapshot.paused_for == pytest.approx(4.0, abs=1e-3)
        assert snapshot.limit == pytest.approx(7.0)
        assert await calls(throttle, scope(), 1) == pytest.approx(4.0, abs=1e-3)
        assert throttle.snapshot()[scope()].limit == pytest.approx(9.0)

    clock.run(refused())
    clock.advance(1.0)
    with asyncio.Runner(loop_factory=lambda: factory(clock)) as runner:
        runner.run(look())


def excuse(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Keep asyncio from complaining of tasks whose loop is gone, in a later test."""
    for task in tasks:
        setattr(task, "_log_destroy_pending", False)  # noqa: B010 - it has no public name


def test_what_a_loop_left_behind_frees_no_slot_of_the_next(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tasks that died with their loop give nothing back, whenever that is noticed."""
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    throttle = LocalThrottle()
    abandoned: list[asyncio.Task[None]] = []

    async def hold() -> None:
        async with throttle.acquire(scope()):
            await asyncio.sleep(100)

    async def abandon() -> None:
        abandoned.extend(asyncio.create_task(hold()) for _ in range(12))
        await asyncio.sleep(0.25)  # seven have a permit, and one is in the bucket

    async def main() -> None:
        permits = [throttle.acquire(scope()) for _ in range(10)]
        for permit in permits:
            await permit.__aenter__()
        excuse(abandoned)
        abandoned.clear()
        gc.collect()
        assert throttle.snapshot()[scope()].in_flight == 10
        waiting = asyncio.create_task(call(throttle, scope()))
        await asyncio.sleep(5)
        assert not waiting.done()
        for permit in permits:
            await permit.__aexit__(None, None, None)
        await waiting

    loop = VirtualLoop(clock)
    loop.run_until_complete(abandon())
    loop.close()
    clock.run(main())


def test_a_forked_process_starts_anew(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent's loop looks alive for ever, but does not run in the child."""
    throttle = LocalThrottle()

    async def main() -> None:
        await call(throttle, scope())
        parent = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: parent + 1)
        child = Clock(clock.now)
        took = await asyncio.to_thread(child.run, calls(throttle, scope(), 1))
        assert took == pytest.approx(2.01, abs=1e-2)

    clock.run(main())


# The end


def test_closing_ends_every_wait(clock: Clock) -> None:
    """In the queue, in the bucket; those in flight are left alone."""

    async def main() -> None:
        throttle = LocalThrottle()
        in_flight = throttle.acquire(scope())
        await in_flight.__aenter__()
        in_flight.sent()
        through = [asyncio.create_task(call(throttle, scope())) for _ in range(4)]
        waiting = [asyncio.create_task(call(throttle, scope())) for _ in range(20)]
        await asyncio.sleep(0.05)

        await throttle.aclose()
        await throttle.aclose()

        results = await asyncio.gather(*through, *waiting, return_exceptions=True)
        assert results[:4] == [None] * 4
        assert [type(result) for result in results[4:]] == [ClientClosed] * 20
        in_flight.completed()
        await in_flight.__aexit__(None, None, None)
        snapshot = throttle.snapshot()[scope()]
        assert (snapshot.waiting, snapshot.in_flight, snapshot.cooling) == (0, 0, 5)
        await asyncio.sleep(0)
        assert not live_timers(asyncio.get_running_loop())

    clock.run(main())


def test_closing_ends_a_pause(clock: Clock) -> None:
    """A call that has a slot and waits out a pause fails at once, too."""

    async def main() -> None:
        throttle = LocalThrottle()
        async with throttle.acquire(scope()) as permit:
            waiting = [asyncio.create_task(call(throttle, scope())) for _ in range(6)]
            await asyncio.sleep(0.05)
            permit.throttled(60.0)
        await asyncio.sleep(1)

        loop = asyncio.get_running_loop()
        before = loop.time()
        await throttle.aclose()
        results = await asyncio.gather(*waiting, return_exceptions=True)

        assert [type(result) for result in results[4:]] == [ClientClosed] * 2
        assert loop.time() - before < 0.001
        assert not live_timers(loop)

    clock.run(main())


def test_a_closed_throttle_grants_no_permits(clock: Clock) -> None:
    """Neither new ones nor those that were requested before."""

    async def main() -> None:
        throttle = LocalThrottle()
        asked_before = throttle.acquire(scope())
        await calls(throttle, scope(), 10)
        await throttle.aclose()
        with pytest.raises(ClientClosed):
            throttle.acquire(scope())
        with pytest.raises(ClientClosed):
            await asked_before.__aenter__()

    clock.run(main())


def test_closing_in_the_tick_of_a_wake_up(clock: Clock) -> None:
    """A call that was just let go, and has not run yet, ends with the others."""

    async def main() -> None:
        throttle = LocalThrottle()
        await calls(throttle, scope(), 10)

        def close(_: int) -> None:
            for lane in (lane for _, lane in throttle._lanes):
                lane.close()

        async def last() -> None:
            async with Watched(throttle.acquire(scope()), close):
                pytest.fail("it was closed before")

        with pytest.raises(ClientClosed):
            await last()

    clock.run(main())


def test_closing_after_the_loop_is_gone(clock: Clock) -> None:
    """No task is left to be woken, even where tasks were left behind."""
    throttle = LocalThrottle()
    loop = VirtualLoop(clock)
    waiting = [loop.create_task(call(throttle, scope())) for _ in range(15)]
    loop.run_until_complete(asyncio.sleep(0.55))
    assert throttle.snapshot()[scope()].waiting == 5
    loop.close()

    clock.run(throttle.aclose())

    excuse(waiting)
