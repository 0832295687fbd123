"""The ceiling holds at the server, whatever happens: schedules by the thousand."""

from collections.abc import Callable
from itertools import chain
from random import Random
from statistics import median

import pytest
from attrs import evolve
from hypothesis import find, given, settings

from cams_async.throttle import Throttle
from tests.broken_throttles import (
    FreedAfterTransit,
    FreedAtCancel,
    FreedAtSend,
    IgnoresTheKernel,
    LogOfSends,
    OneBucket,
    OnlySpacing,
    ShortMemory,
    TrustsEarlierCalls,
    TrustsGateways,
    UndatedResponses,
)
from tests.simulation import (
    BackgroundLoad,
    Call,
    Cancel,
    Outage,
    Result,
    Schedule,
    draw,
    faults,
    flicker,
    most_within,
    overshoot,
    run,
    seeds,
    share_used,
    steady_rate,
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


def check(batch: range, draw: Callable[[int], Schedule] = draw) -> None:
    """Judge a batch of seeds, and print how to replay those that fail."""
    prefix = "flicker-" if draw is flicker else ""
    failed = [
        f"{fault}\n    replay: python -m tests.simulation {prefix}{seed}"
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


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_the_ceiling_holds_on_a_link_that_fails(first: int) -> None:
    """No seed of the fast suite has a fault."""
    check(range(first, first + 50), flicker)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 5000, 250))
def test_the_ceiling_holds_on_a_link_that_fails_for_long(first: int) -> None:
    """No seed of the slow suite has a fault."""
    check(range(first, first + 250), flicker)


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


# What the link delays


def outage(
    seed: int,
    seconds: float,
    *,
    one_way: bool,
    acknowledges: bool = True,
    work: float = 0.0,
) -> Schedule:
    """Return 100 calls at 10 per second; one in five responses takes longer."""
    random = Random(seed)
    calls = tuple(
        evolve(seeds.uniform(random, number), work=work * (number % 5 == 0))
        for number in range(100)
    )
    return Schedule(
        ceiling=10.0,
        calls=calls,
        outages=(Outage(at=4.0 + random.random(), seconds=seconds, one_way=one_way),),
        acknowledges=acknowledges,
        patience=30.0,
    )


def most_in_a_second(result: Result) -> int:
    """Return the most arrivals within a second."""
    return most_within([arrival.at for arrival in result.arrivals], 1.0)


@pytest.mark.parametrize("acknowledges", [True, False], ids=["kernel", "responses"])
@pytest.mark.parametrize("one_way", [False, True], ids=["down", "one way"])
@pytest.mark.parametrize("seconds", [1.5, 3.0, 6.0, 12.0])
def test_what_an_outage_has_held_up_does_not_overshoot(
    seconds: float,
    one_way: bool,  # noqa: FBT001 - pytest passes parameters by name
    acknowledges: bool,  # noqa: FBT001 - see `one_way`
) -> None:
    """The ceiling holds where 14 calls arrive in a second without the evidence."""
    most = 0
    for seed in range(3):
        schedule = outage(seed, seconds, one_way=one_way, acknowledges=acknowledges)

        result = run(schedule)

        assert not faults(result)
        assert most_in_a_second(result) == 10
        assert set(result.outcomes) == {"answered"}
        most = max(most, most_in_a_second(run(schedule, FreedAfterTransit)))
    assert most >= 14


@pytest.mark.parametrize("ceiling", [1.0, 10.0])
@pytest.mark.parametrize("work", [3.0, 5.0])
def test_a_slow_response_costs_no_more_than_the_transit(
    ceiling: float, work: float
) -> None:
    """An acknowledged request holds its lease for `max_transit` and 1.01 s."""
    calls = (Call(work=work),) * int(20 + 10 * ceiling)

    result = run(Schedule(ceiling=ceiling, calls=calls, patience=30.0))

    assert not faults(result)
    assert steady_rate(result) == pytest.approx(ceiling / (1.0 + 1.01), rel=0.001)


@pytest.mark.parametrize("body", [0.0, 0.3, 0.8])
def test_a_body_behind_its_headers_costs_nothing(body: float) -> None:
    """A lease returns 1.01 s after the headers, 0.1 s behind the send."""
    result = run(Schedule(ceiling=10.0, calls=(Call(body=body),) * 200))

    assert not faults(result)
    assert steady_rate(result) == pytest.approx(10 / (1.01 + 0.1), rel=0.001)


# The one assumption


def test_late_requests_without_evidence_do_not_overshoot() -> None:
    """While a caller waits, a request may be later than `max_transit`."""
    broken = 0
    for seed in range(100):
        schedule = draw(seed, networks=[seeds.held_up])
        calls = tuple(
            evolve(call, ending="answer", cancel=None, deadline=None)
            for call in schedule.calls
        )
        schedule = evolve(schedule, calls=calls, closings=(), patience=30.0)
        assert not faults(run(schedule)), f"seed {seed}"
        broken += bool(overshoot(run(schedule, FreedAfterTransit)))
    assert broken


@pytest.mark.parametrize("network", [seeds.held_up, seeds.counted_late])
def test_beyond_the_assumption_only_the_ceiling_can_suffer(
    network: Network, record_property: Callable[[str, object], None]
) -> None:
    """Given up and on its way, or acknowledged and not counted: it overshoots."""
    results = [run(draw(seed, networks=[network])) for seed in range(100)]

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

HELD = Call(held=2.9)

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
    "J without evidence, in an outage": (
        FreedAfterTransit,
        outage(0, 3.0, one_way=False),
    ),
    "a response without its date, at the end of an outage": (
        UndatedResponses,
        outage(0, 1.5, one_way=False, acknowledges=False),
    ),
    "a response to an earlier call, while requests are lost": (
        TrustsEarlierCalls,
        outage(0, 3.0, one_way=True, acknowledges=False, work=3.0),
    ),
    "a response on another connection, where one loses packets": (
        IgnoresTheKernel,
        Schedule(ceiling=2.0, calls=(HELD, *many(8, FAST))),
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
    fast_suite = chain(map(flicker, range(300)), map(draw, range(600)))
    assert any(overshoot(run(schedule, make)) for schedule in fast_suite)


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

    assert len(smallest.calls) <= 8
