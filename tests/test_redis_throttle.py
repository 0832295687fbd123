"""RedisThrottle as one process sees it: arguments, loops, deadlines, the end."""

# pyright: reportPrivateUsage=false

import asyncio
import logging
import math
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import pytest
from attrs import evolve
from redis import Redis

from cams_async.errors import (
    ClientClosed,
    ConfigurationError,
    DeadlineExceeded,
    ThrottleUnavailable,
)
from cams_async.models import Scope, Snapshot
from cams_async.redis import RedisThrottle
from cams_async.redis.lane import Policy
from cams_async.redis.server import Refusal, Unreachable
from cams_async.throttle import Permit, Throttle
from cams_async.throttle.scope_table import FEW
from tests.clock import Clock
from tests.redis_server import RedisProcess
from tests.redis_simulation import FaultInjector, Fleet, SimulatedRedis, SimulatedServer
from tests.simulation import Call, Schedule
from tests.simulation.watched import Watched
from tests.simulation.world import live_timers

Make = Callable[..., RedisThrottle]

START = 3.01
"""Seconds that a scope takes which its Redis has never seen."""

seeds = count()


def scope(account: str = "a", action: str = "Act", qps: float = 10.0) -> Scope:
    """Return a scope."""
    return Scope(account=account, region="r", action=action, qps=qps)


async def call(throttle: Throttle, where: Scope, **how: Any) -> float:
    """Make a call that completes at once; return when it got its permit."""
    async with throttle.acquire(where, **how) as permit:
        permit.sent()
        permit.completed()
        return asyncio.get_running_loop().time()


@pytest.fixture
def simulated(redis: RedisProcess, clock: Clock) -> Iterator[SimulatedRedis]:
    """Return a Redis on simulated time."""
    schedule = Schedule(name=f"throttle {next(seeds)}", ceiling=1.0, calls=(Call(),))
    with Redis(port=redis.port) as client:
        shared = SimulatedRedis(Fleet(schedule=schedule), client, clock)
        shared.forget()
        yield shared
        shared.forget()


@pytest.fixture
def make(simulated: SimulatedRedis) -> Make:
    """Return what makes throttles on it."""

    def made(workers: int | None = None) -> RedisThrottle:
        policy = Policy(max_transit=1.0, margin=0.01, workers=workers)
        return RedisThrottle(lambda: SimulatedServer(simulated, 0), policy)

    return made


# What it is given


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "http://localhost",
        "redis//canary@localhost",
        "redis://:canary@localhost:port",
        "redis://canary:12/34@localhost",
        "redis://canary:12?34@localhost/0",
        "redis://canary:12#34@localhost",
        "redis://:canary@localhost:99999",
        "redis://:canary@localhost?no_such_option=1",
        "redis://:canary@localhost?socket_timeout=canary",
        "rediss://:canary@localhost?ssl_cert_reqs=canary",
        None,
        7,
    ],
)
def test_a_bad_url_is_refused_at_once(url: Any) -> None:
    """The error names the argument, and shows nothing of what was in it."""
    with pytest.raises(ConfigurationError, match=r"^url: must be") as caught:
        RedisThrottle.from_url(url)

    assert caught.value.field == "url"
    assert caught.value.__suppress_context__
    assert "canary" not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize("name", ["max_transit", "margin"])
@pytest.mark.parametrize(
    "value", [-0.1, 86401, 1e300, 10**400, math.nan, math.inf, "1", None, True]
)
def test_a_bad_number_of_seconds_is_refused(name: str, value: Any) -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match=f"^{name}: must be"):
        RedisThrottle.from_url("redis://localhost", **{name: value})


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"on_outage": "go on"}, "on_outage"),
        ({"on_outage": "local"}, "workers"),
        ({"on_outage": "local", "workers": 0}, "workers"),
        ({"on_outage": "local", "workers": 1.5}, "workers"),
        ({"on_outage": "local", "workers": 10**6 + 1}, "workers"),
        ({"on_outage": "local", "workers": 10**400}, "workers"),
        ({"on_outage": "local", "workers": True}, "workers"),
        ({"workers": 4}, "workers"),
    ],
)
def test_what_happens_in_an_outage_is_said_unmistakably(
    options: dict[str, Any], field: str
) -> None:
    """A share needs a number of workers, and nothing else takes one."""
    with pytest.raises(ConfigurationError) as caught:
        RedisThrottle.from_url("redis://localhost", **options)

    assert caught.value.field == field


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:canary@localhost:6379/0",
        "rediss://:canary@localhost",
        "unix:///tmp/redis.sock?password=canary",
        "redis://localhost?password=canary",
    ],
)
def test_no_password_is_shown(url: str) -> None:
    """Neither by repr nor by a pickle, which there is none of."""
    throttle = RedisThrottle.from_url(url, on_outage="local", workers=4)

    assert repr(throttle) == "RedisThrottle(max_transit=1.0, margin=0.01, workers=4)"
    with pytest.raises(TypeError, match="in each process") as caught:
        pickle.dumps(throttle)
    assert "canary" not in str(caught.value)


def test_without_redis_py_the_extra_is_named() -> None:
    """Importing the package itself needs nothing."""
    script = (
        "import sys; sys.modules['redis'] = None; import cams_async\n"
        "try: import cams_async.redis\n"
        "except ImportError as error: print(error)"
    )

    done = subprocess.run(  # noqa: S603 - our own text
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert "pip install 'cams_async[redis]'" in done.stdout


# Scopes and ceilings


def test_the_first_call_waits_for_calls_that_are_not_recorded(
    clock: Clock, make: Make
) -> None:
    """A Redis without books may have lost them: all slots start as taken."""

    async def main() -> None:
        async with make() as throttle:
            began = clock.now
            times = await asyncio.gather(*(call(throttle, scope()) for _ in range(10)))
            since = [at - began for at in times]
            assert since[0] == pytest.approx(START, abs=0.01)
            assert since[4] == pytest.approx(START, abs=0.02)
            assert since[9] == pytest.approx(START + 0.5, abs=0.03)

    clock.run(main())


def test_scopes_share_nothing(clock: Clock, make: Make) -> None:
    """Their names may hold any character."""
    scopes = [
        Scope(account=account, region=region, action="Act", qps=1.0)
        for account, region in [("a/b", "c"), ("a", "b/c"), ("{a}", ""), ("é\0", "")]
    ]

    async def main() -> None:
        async with make() as throttle:
            began = clock.now
            times = await asyncio.gather(*(call(throttle, each) for each in scopes))
            assert [at - began for at in times] == pytest.approx([START] * 4, abs=0.02)
            assert set(throttle.snapshot()) == set(scopes)

    clock.run(main())


def test_the_lower_ceiling_wins_everywhere(
    clock: Clock, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """In one process as among several; it is logged once, and expires in the end."""

    async def main() -> None:
        async with make() as high, make() as low:
            await call(high, scope(qps=10.0))
            await call(low, scope(qps=5.0))
            await asyncio.gather(*(call(high, scope(qps=10.0)) for _ in range(10)))
            assert set(high.snapshot()) == {scope(qps=5.0)}
            await asyncio.sleep(100)
            await call(high, scope(qps=10.0))
            assert set(high.snapshot()) == {scope(qps=10.0)}
            await call(high, scope(qps=0.5))
            assert set(high.snapshot()) == {scope(qps=0.5)}
            began = clock.now
            times = [await call(high, scope(qps=0.5)) for _ in range(2)]
            assert [at - began for at in times] == pytest.approx([2.0, 4.0], abs=0.1)

    with caplog.at_level(logging.WARNING, logger="cams_async"):
        clock.run(main())

    assert [record.getMessage() for record in caplog.records] == [
        "Act: clients disagree on the ceiling, 10 and 5; the lower wins"
    ]


def test_a_snapshot_shows_what_goes_on(clock: Clock, make: Make) -> None:
    """The state as seen by this process."""

    async def main() -> None:
        async with make() as throttle:
            assert throttle.snapshot() == {}
            permits = [throttle.acquire(scope(qps=4.0)) for _ in range(3)]
            for permit in permits:
                await permit.__aenter__()
            permits[0].completed()
            permits[1].sent()
            tasks = [asyncio.create_task(call(throttle, scope(qps=4.0)))]
            await asyncio.sleep(0.1)
            permits[1].throttled(30.0)
            tasks += [asyncio.create_task(call(throttle, scope(qps=4.0)))]
            await asyncio.sleep(0.5)
            (seen,) = throttle.snapshot().values()
            assert seen == Snapshot(
                ceiling=4.0,
                limit=seen.limit,
                waiting=2,
                in_flight=1,
                cooling=2,
                paused_for=seen.paused_for,
            )
            assert seen.limit == pytest.approx(2.8)
            assert seen.paused_for == pytest.approx(29.5, abs=0.01)
            for permit in permits:
                await permit.__aexit__(None, None, None)
            await asyncio.gather(*tasks)

    clock.run(main())


def test_idle_scopes_are_forgotten(clock: Clock, make: Make) -> None:
    """A process that goes through many accounts does not keep them all."""

    async def main() -> None:
        async with make() as throttle:
            busy = asyncio.create_task(call(throttle, scope("busy")))
            await asyncio.sleep(0)
            for number in range(FEW):
                throttle.acquire(scope(f"account {number}"))
            accounts = [account for (account, _, _), _ in throttle._lanes]
            assert accounts == ["busy", f"account {FEW - 1}"]
            await busy

    clock.run(main())


# The order


def test_a_refused_call_goes_first(clock: Clock, make: Make) -> None:
    """With its ticket, before all others of its process."""
    served: list[str] = []

    async def refused(throttle: RedisThrottle) -> None:
        ticket = None
        for _ in range(2):
            async with throttle.acquire(scope(qps=1.0), ticket=ticket) as permit:
                served.append("refused")
                ticket = permit.ticket
                assert permit.waited > 0.9
                permit.completed()
                permit.throttled(None)

    async def other(throttle: RedisThrottle) -> None:
        await call(throttle, scope(qps=1.0))
        served.append("other")

    async def main() -> None:
        async with make() as throttle:
            first = asyncio.create_task(refused(throttle))
            await asyncio.sleep(0)
            await asyncio.gather(first, *(other(throttle) for _ in range(3)))

    clock.run(main())

    assert served == ["refused", "refused", "other", "other", "other"]


def test_a_call_that_is_woken_too_late_requests_another_slot(
    clock: Clock, make: Make
) -> None:
    """A blocked loop wakes up when the slot may have gone to another call."""

    async def main() -> None:
        async with make() as throttle:
            blocked = False

            def block(_: int) -> None:
                nonlocal blocked
                if not blocked:
                    blocked = True
                    clock.advance(1.5)

            async with Watched(throttle.acquire(scope(qps=1.0)), block) as permit:
                permit.sent()
                permit.completed()
            assert clock.now == pytest.approx(1000 + START + 1.5, abs=0.05)

    clock.run(main())


# What proves that a call was counted


def completed(permit: Permit) -> None:
    """Mark a response of CAMS."""
    permit.completed()


def refused(permit: Permit) -> None:
    """Mark a refusal of CAMS."""
    permit.throttled(None)


def refused_elsewhere(permit: Permit) -> None:
    """Mark a refusal that proves nothing."""
    permit.throttled(None, counted=False)


def unproven(permit: Permit) -> None:
    """Mark nothing: a gateway's 504."""
    del permit


PROOFS = pytest.mark.parametrize(
    ("respond", "after"),
    [(completed, 1.11), (refused, 1.11), (refused_elsewhere, 2.01), (unproven, 2.01)],
)
"""Seconds after the send when its slot returns, for a response 0.1 s after it."""


@PROOFS
def test_a_response_that_proves_nothing_keeps_the_slot(
    respond: Callable[[Permit], None],
    after: float,
    clock: Clock,
    make: Make,
) -> None:
    """As long as a lost call's, in all processes."""

    async def main() -> None:
        async with make() as throttle, make() as other:
            async with throttle.acquire(scope(qps=1.0)) as permit:
                sent = clock.now
                permit.sent()
                waiting = asyncio.create_task(call(other, scope(qps=1.0)))
                await asyncio.sleep(0.1)
                respond(permit)
            assert await waiting - sent == pytest.approx(after, abs=0.02)

    clock.run(main())


@pytest.mark.parametrize(
    ("respond", "after"),
    [(completed, 1.11), (refused, 1.11), (refused_elsewhere, 2.11), (unproven, 2.11)],
)
def test_a_response_that_proves_nothing_keeps_the_slot_of_a_share(
    respond: Callable[[Permit], None],
    after: float,
    clock: Clock,
    simulated: SimulatedRedis,
    make: Make,
) -> None:
    """While Redis is away, too: for `max_transit` and 1 s after the call ended."""
    simulated.fleet = away_for(simulated, 60)

    async def main() -> None:
        async with make(workers=1) as throttle:
            async with throttle.acquire(scope(qps=1.0)) as permit:
                sent = clock.now
                permit.sent()
                waiting = asyncio.create_task(call(throttle, scope(qps=1.0)))
                await asyncio.sleep(0.1)
                respond(permit)
            assert await waiting - sent == pytest.approx(after, abs=0.02)

    clock.run(main())


@pytest.mark.parametrize(("counted", "after"), [(True, 1.01), (False, 2.01)])
def test_a_refusal_implies_a_send(
    *, counted: bool, after: float, clock: Clock, make: Make
) -> None:
    """Even if the send was not reported."""

    async def main() -> None:
        async with make() as throttle, make() as other:
            async with throttle.acquire(scope(qps=1.0)) as permit:
                permit.throttled(None, counted=counted)
                sent = clock.now
            served = await call(other, scope(qps=1.0))
            assert served - sent == pytest.approx(after, abs=0.02)

    clock.run(main())


def test_a_refusal_that_proves_nothing_slows_down_and_pauses(
    clock: Clock, make: Make
) -> None:
    """It proves that too much arrives somewhere on the way."""

    async def main() -> None:
        async with make() as throttle, make() as other:
            async with throttle.acquire(scope()) as permit:
                permit.sent()
                permit.throttled(5.0, counted=False)
                refused_at = clock.now
            await asyncio.sleep(0.1)  # for the report to Redis
            assert await call(other, scope()) - refused_at == pytest.approx(5, abs=0.1)
            (seen,) = other.snapshot().values()
            assert seen.limit < 10.0

    clock.run(main())


# Permits that are used too late


def away_for(simulated: SimulatedRedis, seconds: float) -> Fleet:
    """Return what happens where Redis is away from the start."""
    return evolve(simulated.fleet, faults=FaultInjector(outages=((0.0, seconds),)))


@pytest.mark.parametrize(
    ("blocked", "may_leave"), [(0.0, True), (0.9, True), (1.0, False), (100.0, False)]
)
def test_a_permit_used_too_late_is_refused(
    *, blocked: float, may_leave: bool, clock: Clock, make: Make
) -> None:
    """A blocked loop runs no timer; the slot may be another process's by then."""

    async def main() -> None:
        async with make() as throttle, make() as other:
            async with throttle.acquire(scope(qps=1.0)) as permit:
                began = clock.now
                clock.advance(blocked)
                assert permit.sent() is may_leave
                assert permit.sent() is may_leave
                if may_leave:
                    permit.completed()
            freed = began + blocked + (1.01 if may_leave else 0.01)
            await asyncio.sleep(
                0.01
            )  # it is given back at once, where it did not leave
            assert await call(other, scope(qps=1.0)) == pytest.approx(freed, abs=0.02)

    clock.run(main())


@pytest.mark.parametrize(
    ("away", "blocked", "may_leave"),
    [(60.0, 0.0, True), (60.0, 1.9, True), (5.0, 4.0, False), (60.0, 100.0, False)],
)
def test_a_share_used_too_late_is_refused(
    *,
    away: float,
    blocked: float,
    may_leave: bool,
    clock: Clock,
    simulated: SimulatedRedis,
    make: Make,
) -> None:
    """Redis may have come back meanwhile, and the other processes with it."""
    simulated.fleet = away_for(simulated, away)

    async def main() -> None:
        async with make(workers=1) as throttle:
            async with throttle.acquire(scope(qps=1.0)) as permit:
                clock.advance(blocked)
                assert permit.sent() is may_leave
                permit.completed() if may_leave else None
            await call(throttle, scope(qps=1.0))

    clock.run(main())


@pytest.mark.parametrize(("away", "served"), [(60.0, True), (8.0, False)])
def test_a_slow_connection_keeps_its_slot_of_a_share(
    *,
    away: float,
    served: bool,
    clock: Clock,
    simulated: SimulatedRedis,
    make: Make,
) -> None:
    """As long as Redis is away, even where no other call waits."""
    simulated.fleet = away_for(simulated, away)

    async def connect(throttle: RedisThrottle) -> bool:
        async with throttle.acquire(scope(qps=1.0)) as permit:
            await asyncio.sleep(10)
            return permit.sent()

    async def main() -> None:
        async with make(workers=1) as throttle:
            if served:
                assert await connect(throttle)
            else:
                with pytest.raises(ThrottleUnavailable, match="was lost") as caught:
                    await connect(throttle)
                assert caught.value.outcome == "not_sent"

    clock.run(main())


@pytest.mark.parametrize("is_sent", [True, False])
def test_a_slot_of_a_share_is_kept_as_long_as_its_call_takes(
    *, is_sent: bool, clock: Clock, simulated: SimulatedRedis, make: Make
) -> None:
    """An attempt's time-out may be far above a minute."""
    simulated.fleet = away_for(simulated, 600.0)

    async def main() -> None:
        async with make(workers=1) as throttle:
            async with throttle.acquire(scope(qps=1.0)) as permit:
                if is_sent:
                    permit.sent(lambda: None)  # its link is down
                waiting = asyncio.create_task(call(throttle, scope(qps=1.0)))
                await asyncio.sleep(100.0)
                assert not waiting.done()
                assert permit.sent()
                permit.completed()
                ended = clock.now
            assert await waiting - ended == pytest.approx(1.01, abs=0.02)

    clock.run(main())


# Deadlines


def test_a_hopeless_call_is_refused_at_once(clock: Clock, make: Make) -> None:
    """The forecast is made of the places ahead and the reply of Redis."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with make() as throttle:
            tasks = [asyncio.create_task(call(throttle, scope())) for _ in range(40)]
            await asyncio.sleep(0.1)
            with pytest.raises(DeadlineExceeded) as caught:
                await call(throttle, scope(), deadline=loop.time() + 5)
            assert caught.value.places_ahead == 40
            assert caught.value.expected_wait == pytest.approx(2.9 + 4.04, abs=0.1)
            await call(throttle, scope(), deadline=loop.time() + 9)
            await asyncio.gather(*tasks)

    clock.run(main())


def test_the_head_fails_when_a_reply_rules_it_out(clock: Clock, make: Make) -> None:
    """It joined an empty queue; only Redis has what is ahead of that."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with make() as throttle:
            began = loop.time()
            with pytest.raises(DeadlineExceeded, match="0 calls ahead"):
                await call(throttle, scope(), deadline=began + 2)
            assert loop.time() - began < 0.01

    clock.run(main())


def test_a_pause_dismisses_calls_that_cannot_wait(clock: Clock, make: Make) -> None:
    """As soon as Redis has reported it, in another process too."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with make() as throttle, make() as other:
            async with throttle.acquire(scope(qps=1.0)) as permit:
                permit.sent()
                max_transit = loop.time() + 10
                tasks = [
                    asyncio.create_task(call(other, scope(qps=1.0), deadline=deadline))
                    for deadline in (None, max_transit, None, max_transit)
                ]
                await asyncio.sleep(0.1)
                permit.throttled(20.0)
            await asyncio.sleep(2)
            assert [task.done() for task in tasks] == [False, True, False, True]
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert isinstance(results[1], DeadlineExceeded)

    clock.run(main())


# Event loops, processes


def test_one_loop_at_a_time(clock: Clock, make: Make) -> None:
    """A second one that is alive is refused; after the first has ended, it goes on."""
    throttle = make()

    async def main() -> None:
        await call(throttle, scope())
        with pytest.raises(ConfigurationError, match="another event loop"):
            await asyncio.to_thread(Clock(clock.now).run, call(throttle, scope()))

    clock.run(main())
    before = clock.now
    # What the first loop's task did not report any more, Redis frees by itself.
    clock.run(call(throttle, scope()))
    assert clock.now - before < 0.1
    clock.run(throttle.aclose())


def test_a_forked_process_starts_anew(
    clock: Clock, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the parent's loop, which looks alive, but a connection of its own."""

    async def main() -> None:
        async with make() as throttle:
            await call(throttle, scope())
            parent = os.getpid()
            monkeypatch.setattr(os, "getpid", lambda: parent + 1)
            child = Clock(clock.now)
            await asyncio.to_thread(child.run, call(throttle, scope()))
            monkeypatch.setattr(os, "getpid", lambda: parent)

    clock.run(main())


# Redis refuses, or replies nonsense


class Scripted:
    """A server with prepared replies."""

    def __init__(self, *responses: Any) -> None:
        self._answers = list(responses)
        self.closed = False

    async def run(self, keys: Sequence[str], arguments: Sequence[Any]) -> Sequence[Any]:
        """Return the next reply; the last one for ever."""
        del keys, arguments
        response = self._answers[0]
        if len(self._answers) > 1:
            del self._answers[0]
        if isinstance(response, Exception):
            raise response
        return list(response)

    async def aclose(self) -> None:
        """Take note."""
        self.closed = True


GO: tuple[Any, ...] = (1, -1, -1, 10**15, 10**15, b"10", 0, 0, b"10", [])


def on(server: Scripted) -> RedisThrottle:
    """Return a throttle on a scripted server."""
    return RedisThrottle(lambda: server, Policy(max_transit=1.0, margin=0.01))


@pytest.mark.parametrize(
    ("response", "what"),
    [
        (Refusal("it is full"), "url: cannot use this Redis: it is full"),
        ((1, 2, 3), "its reply is not the script's"),
        ((None,) * 10, "its reply is not the script's"),
        ((1, 2, 3, 4, 5, b"x", 7, 8, b"9", ()), "its reply is not the script's"),
    ],
)
def test_a_redis_that_refuses_is_reported_at_once(
    response: Any, what: str, clock: Clock
) -> None:
    """Each call that waits gets the reason, and nothing is tried for half a minute."""

    async def main() -> None:
        async with on(Scripted(response)) as throttle:
            results = await asyncio.gather(
                *(call(throttle, scope()) for _ in range(3)), return_exceptions=True
            )
            for result in results:
                assert isinstance(result, ConfigurationError)
                assert what in str(result)

    clock.run(main())
    assert clock.now < 1001


def test_a_redis_that_refuses_later_is_waited_for(clock: Clock) -> None:
    """After a fail-over it may be a replica for a while."""

    async def main() -> None:
        server = Scripted(GO, GO, Refusal("read-only"), Refusal("read-only"), GO)
        async with on(server) as throttle:
            await call(throttle, scope())
            await asyncio.sleep(1)
            await call(throttle, scope())

    clock.run(main())


def test_an_unforeseen_error_is_reported_too(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A failure of the one task that calls Redis leaves no call waiting for ever."""

    async def main() -> None:
        async with on(Scripted(RuntimeError("a bug"), GO)) as throttle:
            with pytest.raises(ThrottleUnavailable, match="RuntimeError"):
                await call(throttle, scope())
            await call(throttle, scope())

    clock.run(main())

    assert "calling Redis failed" in caplog.text


@pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks are never eager")
def test_eager_tasks_are_supported(clock: Clock) -> None:
    """The task that calls Redis does not start within the call that it serves."""

    async def main() -> None:
        factory: Any = getattr(asyncio, "eager_task_factory")  # noqa: B009 - not of 3.11
        asyncio.get_running_loop().set_task_factory(factory)
        async with on(Scripted(RuntimeError("a bug"), GO)) as throttle:
            async with asyncio.timeout(5.0):
                with pytest.raises(ThrottleUnavailable, match="RuntimeError"):
                    await call(throttle, scope())
                await call(throttle, scope())

    clock.run(main())


def test_a_deadline_ends_the_wait_for_redis(clock: Clock) -> None:
    """A call with a deadline waits no longer than that."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with on(Scripted(Unreachable("gone"))) as throttle:
            began = loop.time()
            with pytest.raises(ThrottleUnavailable, match="gone") as caught:
                await call(throttle, scope(), deadline=began + 5)
            assert loop.time() - began == pytest.approx(5, abs=0.6)
            assert caught.value.outcome == "not_sent"

    clock.run(main())


def test_a_slot_that_redis_does_not_list_is_not_used(clock: Clock) -> None:
    """It was restarted meanwhile: a call that has not left by then must not."""

    async def main() -> None:
        server = Scripted(GO, (*GO[:-1], [b"nobody's"]))
        async with on(server) as throttle, throttle.acquire(scope()) as permit:
            await asyncio.sleep(3)
            permit.sent()
            permit.completed()
        names: list[str] = []

        class Forgetful(Scripted):
            async def run(
                self, keys: Sequence[str], arguments: Sequence[Any]
            ) -> Sequence[Any]:
                names.append(arguments[1])
                lost = [] if arguments[1] else [names[0].encode()]
                return [*(await super().run(keys, arguments))[:-1], lost]

        async with on(Forgetful(GO)) as throttle:
            with pytest.raises(ThrottleUnavailable, match="was lost") as caught:
                async with throttle.acquire(scope()):
                    await asyncio.sleep(3)
            assert caught.value.outcome == "not_sent"

    clock.run(main())


async def too_late(throttle: RedisThrottle, *, answered: bool) -> None:
    """Send when the slot is gone; perhaps there was a response all the same."""
    async with throttle.acquire(scope()) as permit:
        try:
            await asyncio.sleep(3)
        finally:
            assert not permit.sent()
            if answered:
                permit.completed()


@pytest.mark.parametrize(
    ("answered", "outcome"), [(False, "not_sent"), (True, "unknown")]
)
def test_a_lost_slot_refuses_the_send(
    *, answered: bool, outcome: str, clock: Clock
) -> None:
    """A caller that sends in spite of that has an unknown outcome."""

    async def main() -> None:
        async with on(Scripted(GO, Unreachable("gone"))) as throttle:
            with pytest.raises(ThrottleUnavailable) as caught:
                await too_late(throttle, answered=answered)
            assert caught.value.outcome == outcome

    clock.run(main())


def test_a_call_cancelled_as_the_slot_comes_gives_it_back(clock: Clock) -> None:
    """In the same iteration of the loop, too."""
    said: list[Any] = []

    class Late(Scripted):
        async def run(
            self, keys: Sequence[str], arguments: Sequence[Any]
        ) -> Sequence[Any]:
            said.extend(arguments)
            tasks[0].cancel()
            return await super().run(keys, arguments)

    tasks: list[asyncio.Task[float]] = []

    async def main() -> None:
        async with on(Late(GO)) as throttle:
            tasks.append(asyncio.create_task(call(throttle, scope())))
            await asyncio.wait(tasks)
            assert tasks[0].cancelled()

    clock.run(main())

    assert "unused" in said


def test_a_call_that_ends_by_itself_does_not_raise_for_a_lost_slot(
    clock: Clock,
) -> None:
    """An error inside the context reaches the caller unchanged."""

    async def main() -> None:
        async with on(Scripted(GO)) as throttle:
            with pytest.raises(KeyError):
                async with throttle.acquire(scope()):
                    raise KeyError

    clock.run(main())


def test_cancelling_all_tasks_leaves_no_call_waiting(clock: Clock, make: Make) -> None:
    """The waiting call fails, and the next one is served."""

    async def main() -> None:
        async with make() as throttle:
            waiting = asyncio.create_task(call(throttle, scope()))
            await asyncio.sleep(0.5)
            for task in asyncio.all_tasks() - {asyncio.current_task(), waiting}:
                task.cancel()
            with pytest.raises(ThrottleUnavailable, match="cancelled"):
                await waiting
            await call(throttle, scope())

    clock.run(main())


def test_a_call_that_comes_as_the_task_ends_is_served(clock: Clock) -> None:
    """A task is over one iteration of the loop before its callbacks run."""

    async def main() -> None:
        async with on(Scripted(GO)) as throttle:
            await call(throttle, scope())
            ((_, lane),) = throttle._lanes
            for _ in range(50):
                if lane._driver is None or lane._driver.done():
                    break
                await asyncio.sleep(0)
            assert lane._driver is not None
            await call(throttle, scope())

    clock.run(main())


# The end


def test_closing_ends_every_wait(clock: Clock, make: Make) -> None:
    """Those in the queue, at once; those in flight are left alone."""

    async def main() -> None:
        throttle = make()
        in_flight = throttle.acquire(scope())
        await in_flight.__aenter__()
        in_flight.sent()
        tasks = [asyncio.create_task(call(throttle, scope())) for _ in range(20)]
        await asyncio.sleep(0.05)
        asked_before = throttle.acquire(scope())

        await throttle.aclose()
        await throttle.aclose()

        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(each) for each in results[4:]] == [ClientClosed] * 16
        in_flight.completed()
        await in_flight.__aexit__(None, None, None)
        with pytest.raises(ClientClosed):
            throttle.acquire(scope())
        with pytest.raises(ClientClosed):
            await asked_before.__aenter__()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert not live_timers(asyncio.get_running_loop())

    clock.run(main())


def test_closing_sends_the_last_events(clock: Clock, make: Make) -> None:
    """A completed call frees its slot for the others a second later."""

    async def main() -> None:
        async with make() as throttle:
            permits = [throttle.acquire(scope(qps=5.0)) for _ in range(5)]
            for permit in permits:
                await permit.__aenter__()
                permit.sent()
                permit.completed()
                await permit.__aexit__(None, None, None)
        began = clock.now
        async with make() as other:
            assert await call(other, scope(qps=5.0)) - began < 1.02

    clock.run(main())


def test_closing_does_not_wait_for_a_redis_that_is_away(clock: Clock) -> None:
    """A second is all that it gets."""
    server = Scripted(GO, Unreachable("gone"))

    async def main() -> None:
        async with on(server) as throttle:
            await call(throttle, scope())
            waiting = asyncio.create_task(call(throttle, scope()))
            await asyncio.sleep(1)
        with pytest.raises(ClientClosed):
            await waiting

    clock.run(main())
    assert server.closed
    assert clock.now < 1002.2


def test_closing_in_the_tick_of_a_wake_up(clock: Clock) -> None:
    """A call that was just let go, and has not run yet, ends with the others."""

    async def main() -> None:
        throttle = on(Scripted(GO))
        closing: list[asyncio.Task[None]] = []

        def close(_: int) -> None:
            throttle._closed = True
            closing.extend(
                asyncio.ensure_future(lane.aclose()) for _, lane in throttle._lanes
            )
            for lane in (lane for _, lane in throttle._lanes):
                lane._closed = True
                lane._books.pause(clock.now + 1)

        with pytest.raises(ClientClosed):
            async with Watched(throttle.acquire(scope()), close):
                pytest.fail("it was closed before")
        await asyncio.gather(*closing)

    clock.run(main())


def test_a_pause_stops_a_call_that_was_just_admitted(clock: Clock) -> None:
    """One call is refused while the next one's slot is on its way."""

    async def main() -> None:
        async with on(Scripted(GO)) as throttle:
            first = throttle.acquire(scope())
            await first.__aenter__()
            first.sent()
            began = clock.now

            def refuse(nth: int) -> None:
                if nth == 1:
                    first.throttled(5.0)

            async with Watched(throttle.acquire(scope()), refuse) as permit:
                assert clock.now - began == pytest.approx(5, abs=0.1)
                permit.sent()
                permit.completed()
            await first.__aexit__(None, None, None)

    clock.run(main())
