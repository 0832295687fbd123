"""A fleet holds its ceiling on a real Redis, whatever happens between the two."""

from collections import Counter
from collections.abc import Iterator

import pytest
from attrs import evolve
from redis import Redis

from cams_async.redis.lane import Policy
from cams_async.redis.step import SCRIPT
from tests.redis_server import RedisProcess
from tests.redis_simulation import (
    PARTS,
    FaultInjector,
    Fleet,
    draw_fleet,
    fleet_faults,
    fleet_overshoot,
    one_ceiling,
    run_fleet,
)
from tests.simulation import Call, Cancel, Schedule, share_used, shortest_span


@pytest.fixture(scope="module")
def client(redis: RedisProcess) -> Iterator["Redis"]:
    """Return a connection of the module's own."""
    with Redis(port=redis.port) as connected:
        yield connected


def check(batch: range, client: "Redis") -> None:
    """Judge a batch of seeds."""
    failed = [
        f"seed {seed}: {fault}"
        for seed in batch
        for fault in fleet_faults(run_fleet(draw_fleet(seed), client)[0])
    ]
    assert not failed, "\n".join(failed)


# It holds


@pytest.mark.parametrize("first", range(0, 50, 25))
def test_a_fleet_holds_its_ceiling(first: int, client: "Redis") -> None:
    """No seed of the fast suite has a fault: losses, restarts, deaths and all."""
    check(range(first, first + 25), client)


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(1000, marks=pytest.mark.slow),
        *(
            pytest.param(first, marks=pytest.mark.nightly)
            for first in range(1250, 4000, 250)
        ),
    ],
)
def test_a_fleet_holds_its_ceiling_for_long(first: int, client: "Redis") -> None:
    """No seed of the slow and of the nightly suite has a fault."""
    check(range(first, first + 250), client)


# Mistakes are found


def variant(right: str, wrong: str) -> str:
    """Return the script with a mistake."""
    assert right in SCRIPT
    return SCRIPT.replace(right, wrong)


LEASE = "redis.call('ZADD', KEYS[1], now + grace + late + hold, call)"

BROKEN = {
    "freed at the response": variant("now - first + hold, id", "now - first, id"),
    "freed when nobody waits any more": variant(
        "redis.call('ZADD', KEYS[1], 'XX', 'LT', now - first + late + hold, id)",
        "redis.call('ZREM', KEYS[1], id)",
    ),
    "a lease that forgets J": variant(
        "now - first + late + hold", "now - first + hold"
    ),
    "a lease that ends while the call may be on its way": variant(
        LEASE, "redis.call('ZADD', KEYS[1], now + hold, call)"
    ),
    "free slots after a restart": variant(
        "now + grace + late + hold, 'before", "0, 'before"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
def test_a_broken_script_is_found_out(script: str, client: "Redis") -> None:
    """Each mistake shows in a hundred seeds, and most in the first few."""
    assert any(
        fleet_overshoot(run_fleet(draw_fleet(seed, script=script), client)[0])
        for seed in range(100)
    )


@pytest.mark.slow
def test_a_short_memory_is_found_out(client: "Redis") -> None:
    """A `max_transit` of 0.5 s, on a network that takes longer, shows in the seeds."""
    policy = Policy(max_transit=0.5, margin=0.01)

    assert any(
        fleet_overshoot(run_fleet(draw_fleet(seed, policy=policy), client)[0])
        for seed in range(80, 100)
    )


# What it costs, and who gets what


def crowd(processes: int, each: int) -> tuple[Call, ...]:
    """Return calls that are all made at once."""
    return tuple(
        Call(process=number % processes, out=0.07, back=0.07)
        for number in range(processes * each)
    )


def test_the_ceiling_is_used_at_two_round_trips_per_call(client: "Redis") -> None:
    """Four processes of fifty calls: 95 % of what is possible, fairly shared."""
    fleet = Fleet(schedule=Schedule(ceiling=10.0, calls=crowd(4, 50)))

    result, steps = run_fleet(fleet, client)

    assert not fleet_faults(result)
    assert share_used(result) >= 0.95
    assert steps <= 2.2 * 200
    half = Counter(
        fleet.schedule.calls[arrival.call].process for arrival in result.arrivals[:100]
    )
    assert all(20 <= half[process] <= 30 for process in range(4))


def test_a_dead_process_stalls_no_other(client: "Redis") -> None:
    """Its slots return, its place is dropped, and the others use the whole ceiling."""
    fleet = Fleet(
        schedule=Schedule(ceiling=10.0, calls=crowd(4, 40)),
        faults=FaultInjector(deaths=((0, 6.0),)),
    )

    result, _ = run_fleet(fleet, client)

    assert not fleet_overshoot(result)
    moments = [arrival.at for arrival in result.arrivals]
    # As many as in the same time before: 10 / 1.14 in each second, from 10 s on.
    assert sum(10.0 <= at < 14.0 for at in moments) >= 0.95 * 4 * 10 / 1.15


@pytest.mark.parametrize("key", range(4), ids=PARTS)
@pytest.mark.parametrize("ceiling", [1.0, 10.0])
def test_an_evicted_key_stalls_no_process(
    key: int, ceiling: float, client: "Redis"
) -> None:
    """Not even where a process has died in the queue just before."""
    calls = crowd(4, 5)
    fleet = Fleet(
        schedule=Schedule(ceiling=ceiling, calls=calls),
        faults=FaultInjector(deaths=((0, 4.0),), evictions=((4.1, key),)),
    )

    result, _ = run_fleet(fleet, client)

    assert not fleet_faults(result)
    outcomes = {
        call.process: outcome
        for call, outcome in zip(calls, result.outcomes, strict=True)
    }
    assert outcomes == {0: "failed", 1: "answered", 2: "answered", 3: "answered"}
    moments = [arrival.at for arrival in result.arrivals]
    assert max(moments) < 3.1 + 3.1 + 2.0 + 20 / (ceiling / 1.16)


@pytest.mark.parametrize("waiting", [3, 12, 40])
def test_many_processes_are_served_in_rotation(waiting: int, client: "Redis") -> None:
    """More of them than slots: each is served once before any is served again."""
    fleet = Fleet(schedule=Schedule(ceiling=5.0, calls=crowd(waiting, 2)))

    result, steps = run_fleet(fleet, client)

    assert not fleet_faults(result)
    order = [fleet.schedule.calls[arrival.call].process for arrival in result.arrivals]
    assert sorted(order[:waiting]) == list(range(waiting))
    assert steps <= 10 * len(order)


def test_the_pause_is_shared(client: "Redis") -> None:
    """The server's word to one process halts all of them."""
    calls = (
        *crowd(3, 10),
        *(Call(process=0, at=3.3) for _ in range(3)),
    )
    fleet = Fleet(
        schedule=Schedule(
            ceiling=5.0,
            calls=calls,
            retry_after=4.0,
            rule=OneRefusal(),
        )
    )

    result, _ = run_fleet(fleet, client)

    refused = [arrival.at for arrival in result.arrivals if not arrival.admitted]
    assert len(refused) == 1
    heard = refused[0] + 0.08
    sends = [arrival.at - 0.07 for arrival in result.arrivals]
    assert not [at for at in sends if heard < at < heard + 3.95]


class OneRefusal:
    """A server that refuses one call."""

    def __init__(self, nth: int = 4) -> None:
        self._left = nth

    def counter(self, ceiling: float) -> "OneRefusal":
        """Count."""
        del ceiling
        return self

    def admit(self, now: float) -> bool:
        """Refuse once."""
        del now
        self._left -= 1
        return self._left != 0


# Redis's own clock


def test_a_clock_that_jumps_forward_frees_nothing(client: "Redis") -> None:
    """Each process detects it by its own clock, and all reset the state."""
    schedule = Schedule(ceiling=10.0, calls=crowd(3, 30))
    faults = FaultInjector(jumps=((6.0, 3600.0),))

    result, _ = run_fleet(Fleet(schedule=schedule, faults=faults), client)

    assert not fleet_faults(result)
    assert set(result.outcomes) == {"answered"}


def test_a_clock_that_is_set_back_delays_calls_only_briefly(client: "Redis") -> None:
    """Minutes back, as after a mistake was mended: three seconds are lost, no more."""
    schedule = Schedule(ceiling=10.0, calls=crowd(3, 30))
    faults = FaultInjector(jumps=((6.0, -600.0),))

    result, _ = run_fleet(Fleet(schedule=schedule, faults=faults), client)

    assert not fleet_faults(result)
    assert result.finished < 3.1 + 90 / (10 / 1.16) + 4


# Redis is away


def outage(workers: int | None = None) -> Fleet:
    """Return a fleet whose Redis is away for ten seconds, and comes back empty."""
    return Fleet(
        schedule=Schedule(ceiling=10.0, calls=crowd(4, 50)),
        faults=FaultInjector(outages=((8.0, 18.0),), restarts=(18.0,)),
        policy=Policy(max_transit=1.0, margin=0.01, workers=workers),
    )


def test_calls_wait_for_a_redis_that_is_away(client: "Redis") -> None:
    """Nothing is sent in the meantime, and all is sent afterwards."""
    result, _ = run_fleet(outage(), client)

    assert not fleet_faults(result)
    assert set(result.outcomes) == {"answered"}
    assert not [each.at for each in result.arrivals if 9.2 < each.at < 18.0]


def test_calls_fail_after_half_a_minute(client: "Redis") -> None:
    """A lasting outage of Redis raises a typed error, and nothing hangs."""
    fleet = Fleet(
        schedule=Schedule(ceiling=10.0, calls=crowd(2, 50)),
        faults=FaultInjector(outages=((5.0, 1e9),)),
    )

    result, _ = run_fleet(fleet, client)

    assert not fleet_faults(result)
    assert set(result.outcomes) == {"answered", "failed"}
    assert 34.0 < result.finished < 37.0


def test_workers_go_on_with_their_shares(client: "Redis") -> None:
    """Two calls per second each, while Redis is away; the ceiling holds throughout."""
    result, _ = run_fleet(outage(workers=4), client)

    assert not fleet_faults(result)
    assert set(result.outcomes) == {"answered"}
    local = [each.at for each in result.arrivals if 11.5 < each.at < 18.0]
    assert 36 <= len(local) <= 54
    assert not [each.at for each in result.arrivals if 20.0 < each.at < 22.5]


@pytest.mark.parametrize(
    "seed",
    [
        *range(10),
        *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(10, 30)),
    ],
)
def test_shares_never_exceed_the_ceiling(seed: int, client: "Redis") -> None:
    """The calls may end in any way while Redis is unavailable to all processes."""
    drawn = draw_fleet(seed)
    start = 4.0 + seed / 3
    faults = FaultInjector(outages=((start, start + 9.0),), restarts=(start + 9.0,))
    policy = Policy(max_transit=1.0, margin=0.01, workers=6)

    result, _ = run_fleet(evolve(drawn, faults=faults, policy=policy), client)

    assert not fleet_faults(result)


def test_a_share_of_nothing_sends_nothing(client: "Redis") -> None:
    """More workers than calls per second: they wait, as without shares."""
    result, _ = run_fleet(outage(workers=11), client)

    assert not fleet_faults(result)
    assert not [each.at for each in result.arrivals if 9.2 < each.at < 18.0]


def test_a_local_fallback_handles_all_that_may_happen_to_a_call(
    client: "Redis",
) -> None:
    """Slow, cancelled, refused, never sent: no slot of the share is lost."""
    usual = crowd(1, 30)
    calls = (
        *usual[:8],
        *(evolve(call, connect=0.4, ending="unsent") for call in usual[:2]),
        *(evolve(call, cancel=Cancel("granted", 0.0)) for call in usual[:2]),
        *usual[:6],
        *(evolve(call, connect=7.0) for call in usual[:4]),
        evolve(usual[0], at=12.0, cancel=Cancel("asked", 0.1)),
        *usual[:4],
    )
    fleet = Fleet(
        schedule=Schedule(
            ceiling=4.0, calls=calls, retry_after=0.5, rule=OneRefusal(9)
        ),
        faults=FaultInjector(outages=((5.0, 16.0),), restarts=(16.0,)),
        policy=Policy(max_transit=1.0, margin=0.01, workers=2),
    )

    result, _ = run_fleet(fleet, client)

    assert not fleet_faults(result)
    assert {"answered", "failed", "cancelled"} == set(result.outcomes)
    assert result.wasted == 1


def test_a_share_is_refused_and_given_up_like_any_other(client: "Redis") -> None:
    """A refusal counts there, too, and an unused slot is given back."""
    first = Call(out=0.07, back=0.07)
    calls = (first, first, first, evolve(first, cancel=Cancel("asked", 4.5)))
    fleet = Fleet(
        schedule=Schedule(
            ceiling=2.0, calls=calls, retry_after=0.2, rule=OneRefusal(1)
        ),
        faults=FaultInjector(outages=((0.0, 9.0),)),
        policy=Policy(max_transit=1.0, margin=0.01, workers=1),
    )

    result, _ = run_fleet(fleet, client)

    assert not fleet_faults(result)
    assert result.wasted == 1


def test_a_local_slot_without_a_waiting_call_is_given_back(
    client: "Redis",
) -> None:
    """The only one that waited gave up before it came."""
    usual = Call(out=0.07, back=0.07)
    given_up = evolve(usual, cancel=Cancel("asked", 5.3))
    fleet = Fleet(
        schedule=Schedule(ceiling=2.0, calls=(usual, usual, given_up)),
        faults=FaultInjector(outages=((0.0, 9.0),)),
        policy=Policy(max_transit=1.0, margin=0.01, workers=1),
    )

    result, _ = run_fleet(fleet, client)

    assert not fleet_faults(result)
    assert result.outcomes == ("answered", "answered", "cancelled")


def test_a_local_fallback_is_not_resumed_without_a_check(client: "Redis") -> None:
    """A worker that had nothing to send for a while tries Redis first."""
    calls = (*crowd(1, 2), *(Call(at=at) for at in (5.0, 15.0, 30.0)))
    fleet = Fleet(
        schedule=Schedule(ceiling=4.0, calls=calls),
        faults=FaultInjector(outages=((4.0, 20.0),)),
        policy=Policy(max_transit=1.0, margin=0.01, workers=2),
    )

    result, _ = run_fleet(fleet, client)

    assert not fleet_faults(result)
    moments = [arrival.at for arrival in result.arrivals]
    assert [
        round(moment - call.at)
        for moment, call in zip(moments[2:], calls[2:], strict=True)
    ] == [4, 4, 5]


def test_a_call_whose_slot_is_lost_never_leaves(client: "Redis") -> None:
    """Redis goes away while it connects: it fails, not sent, instead of too late."""
    calls = tuple(Call(connect=5.0) for _ in range(3))
    fleet = Fleet(
        schedule=Schedule(ceiling=10.0, calls=calls),
        faults=FaultInjector(outages=((4.0, 60.0),)),
    )

    result, _ = run_fleet(fleet, client)

    assert not result.arrivals
    assert result.outcomes == ("failed",) * 3


def test_a_slow_connection_keeps_its_slot(client: "Redis") -> None:
    """Slots of calls that have not left are extended, as long as it takes."""
    calls = tuple(Call(connect=5.0, out=0.9) for _ in range(10))
    fleet = Fleet(schedule=Schedule(ceiling=5.0, calls=calls))

    result, _ = run_fleet(fleet, client)

    assert not fleet_faults(result)
    assert set(result.outcomes) == {"answered"}
    assert shortest_span([each.at for each in result.arrivals], 6) > 5.0


def test_cancelled_heads_leave_no_trace(client: "Redis") -> None:
    """A process whose callers all gave up delays no other."""
    given_up = tuple(Call(process=1, cancel=Cancel("asked", 2.5)) for _ in range(10))
    calls = (*given_up, *crowd(1, 20))

    result, _ = run_fleet(Fleet(schedule=Schedule(ceiling=5.0, calls=calls)), client)

    assert not fleet_faults(result)
    assert one_ceiling(result).finished < 3.1 + 20 / (5 / 1.16)
