"""The ceiling holds at the server, whatever happens: schedules by the thousand."""

from collections.abc import Callable
from random import Random
from statistics import median

import pytest
from attrs import evolve
from hypothesis import find, given, settings

from cams_async.throttle import Throttle
from tests.broken_throttles import (
    FreedAtCancel,
    FreedAtSend,
    LogOfSends,
    OneBucket,
    OnlySpacing,
    ShortMemory,
    TrustsGateways,
)
from tests.simulation import (
    BackgroundLoad,
    Call,
    Cancel,
    Schedule,
    draw,
    faults,
    overshoot,
    run,
    seeds,
    share_used,
)
from tests.simulation.schedule import Ending
from tests.simulation.seeds import Network
from tests.simulation.servers import (
    CalendarSecond,
    Rule,
    SlidingWindow,
    TokenBucket,
)
from tests.simulation.strategies import schedules

SERVERS = {
    "sliding window": SlidingWindow(),
    "sliding window that counts refused calls": SlidingWindow(counts_refused=True),
    "calendar second": CalendarSecond(phase=0.37),
    "token bucket": TokenBucket(),
}

servers = pytest.mark.parametrize("rule", SERVERS.values(), ids=SERVERS)


def check(batch: range) -> None:
    """Judge a batch of seeds, and print how to replay those that fail."""
    failed = [
        f"{fault}\n    replay: python -m tests.simulation {seed}"
        for seed in batch
        for fault in faults(run(draw(seed)))
    ]
    assert not failed, "\n".join(failed)


# The throttle holds


@pytest.mark.parametrize("first", range(0, 600, 50))
def test_the_ceiling_holds_on_any_network(first: int) -> None:
    """No seed of the fast suite has a fault."""
    check(range(first, first + 50))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 9000, 250))
def test_the_ceiling_holds_on_any_network_for_long(first: int) -> None:
    """No seed of the slow suite has a fault."""
    check(range(first, first + 250))


@given(schedules())
def test_no_schedule_breaks_the_ceiling(schedule: Schedule) -> None:
    """Hypothesis finds no schedule with a fault, however small."""
    assert not faults(run(schedule))


@pytest.mark.parametrize("network", seeds.NETWORKS[:5], ids=lambda each: each.__name__)
@pytest.mark.parametrize("ceiling", [1.0, 10.0, 50.0])
def test_the_ceiling_is_used(ceiling: float, network: Network) -> None:
    """A long queue gets 97 % of what round trips allow; margin and bucket cost 3 %."""
    random = Random(0)
    count = min(600, int(60 * ceiling) + 10)
    calls = tuple(network(random, number) for number in range(count))

    result = run(Schedule(ceiling=ceiling, calls=calls))

    assert not faults(result)
    assert share_used(result) >= 0.97


@servers
def test_alone_on_an_account_nothing_is_refused(rule: Rule) -> None:
    """The claim holds for every counting rule and every fault of the network."""
    for seed in range(60):
        result = run(evolve(draw(seed), rule=rule, background_load=None))
        assert not result.wasted, f"seed {seed}"


def test_a_seed_replays_exactly() -> None:
    """The same number gives the same run, to the last bit."""
    assert run(draw(7)) == run(draw(7))


def test_clients_of_one_process_share_a_ceiling() -> None:
    """Three clients of an account get no more together than one would."""
    calls = tuple(Call(client=number % 3) for number in range(60))

    shared = run(Schedule(ceiling=10.0, calls=calls))
    alone = run(Schedule(ceiling=10.0, calls=(Call(),) * 60))

    assert not faults(shared)
    assert shared.arrivals == alone.arrivals


def test_accounts_do_not_share() -> None:
    """Two accounts are served in the time of one."""
    calls = tuple(Call(account=number % 2) for number in range(60))

    both = run(Schedule(ceiling=10.0, calls=calls))
    one = run(Schedule(ceiling=10.0, calls=(Call(),) * 30))

    assert not faults(both)
    assert both.finished == pytest.approx(one.finished, abs=0.01)


# The one assumption


def test_beyond_the_assumption_only_the_ceiling_can_suffer(
    record_property: Callable[[str, object], None],
) -> None:
    """Requests later than `max_transit` overshoot; all else holds."""
    results = [run(draw(seed, networks=[seeds.too_late])) for seed in range(100)]

    overshot = [result for result in results if overshoot(result)]
    record_property("schedules with an overshoot", f"{len(overshot)} of {len(results)}")
    assert all(faults(result) == overshoot(result) for result in results)
    assert overshot


# Another program uses the account


def contest(seed: int, rule: Rule) -> Schedule:
    """Return 300 calls at 10 per second; another program takes 5 for 20 seconds."""
    random = Random(seed)
    start = 5.0 + random.uniform(0.0, 0.2)
    return Schedule(
        ceiling=10.0,
        calls=tuple(seeds.uniform(random, number) for number in range(300)),
        rule=rule,
        background_load=BackgroundLoad(start=start, stop=start + 20.0, rate=5.0),
    )


@servers
def test_half_of_the_ceiling_is_found_at_little_cost(rule: Rule) -> None:
    """At most 8 of 300 calls are wasted, and little time, in the median of 9 seeds."""
    results = [run(contest(seed, rule)) for seed in range(9)]

    assert not [fault for result in results for fault in faults(result)]
    assert median(result.wasted for result in results) <= 8
    # The ideal: at our own rate before and after, and with what is left in between.
    own = 10 / 1.14
    ideal = 25 + (300 - 5 * own - 20 * 5) / own
    assert median(result.finished for result in results) <= 1.15 * ideal


@servers
@pytest.mark.parametrize("processes", [2, 4])
def test_strangers_never_livelock(rule: Rule, processes: int) -> None:
    """Processes without any contact all finish, at a fair speed."""
    random = Random(0)
    calls = tuple(
        evolve(seeds.uniform(random, number), process=number % processes)
        for number in range(400)
    )

    result = run(Schedule(ceiling=10.0, calls=calls, rule=rule))

    assert not faults(result)
    assert set(result.outcomes) == {"answered"}
    assert result.finished <= 60.0


# The simulation finds what is wrong


def many(count: int, call: Call) -> tuple[Call, ...]:
    """Return so many equal calls."""
    return (call,) * count


def early(ending: Ending) -> Call:
    """Return a call that the server counts long after a gateway's response."""
    return Call(out=0.9, back=0.05, ending=ending)


FAST, SLOW = Call(out=0.02), Call(out=0.12)

BROKEN: dict[str, tuple[Callable[[], Throttle], Schedule]] = {
    "the obvious bucket": (
        OneBucket,
        Schedule(ceiling=10.0, calls=many(20, FAST)),
    ),
    "spacing only, the first call slow": (
        OnlySpacing,
        Schedule(ceiling=10.0, calls=(SLOW, *many(10, FAST))),
    ),
    "a log of sends, the first batch slow": (
        LogOfSends,
        Schedule(ceiling=10.0, calls=(*many(10, SLOW), *many(10, FAST))),
    ),
    "slots freed at the send, the first batch slow": (
        FreedAtSend,
        Schedule(ceiling=10.0, calls=(*many(10, SLOW), *many(10, FAST))),
    ),
    "slots freed at the cancel": (
        FreedAtCancel,
        Schedule(
            ceiling=10.0,
            calls=(
                *many(10, evolve(SLOW, cancel=Cancel("sent", after=0.05))),
                *many(10, FAST),
            ),
        ),
    ),
    "J of half a second, a cancelled call on its way for longer": (
        ShortMemory,
        Schedule(
            ceiling=1.0, calls=(Call(out=0.9, cancel=Cancel("sent", after=0.1)), FAST)
        ),
    ),
    "a gateway's early 504 taken for a response": (
        TrustsGateways,
        Schedule(ceiling=10.0, calls=(*many(4, early("gateway")), *many(20, FAST))),
    ),
    "a gateway's early refusal taken for a response": (
        TrustsGateways,
        Schedule(
            ceiling=10.0, calls=(*many(4, early("gateway refusal")), *many(20, FAST))
        ),
    ),
}

broken = pytest.mark.parametrize(("make", "schedule"), BROKEN.values(), ids=BROKEN)


@broken
def test_a_broken_throttle_is_found_out(
    make: Callable[[], Throttle], schedule: Schedule
) -> None:
    """Each mistake shows on the schedule built for it, where the real one holds."""
    assert overshoot(run(schedule, make))
    assert not faults(run(schedule))


@broken
def test_the_seeds_find_a_broken_throttle(
    make: Callable[[], Throttle], schedule: Schedule
) -> None:
    """Each mistake shows in the fast suite, too."""
    del schedule

    assert any(overshoot(run(draw(seed), make)) for seed in range(600))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(OneBucket, marks=pytest.mark.slow),
        pytest.param(OnlySpacing, marks=pytest.mark.nightly),
        pytest.param(LogOfSends, marks=pytest.mark.nightly),
        pytest.param(FreedAtCancel, marks=pytest.mark.nightly),
    ],
)
def test_hypothesis_shrinks_to_the_mistake(make: Callable[[], Throttle]) -> None:
    """A counterexample is reduced to a handful of calls."""
    smallest = find(
        schedules(),
        lambda schedule: bool(overshoot(run(schedule, make))),
        settings=settings(
            max_examples=2000, deadline=None, database=None, derandomize=True
        ),
    )

    assert len(smallest.calls) <= 5
