"""The emulator's counting policies, and the ledger that checks them."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cams_async.emulator.ceilings import (
    POLICIES,
    BackgroundLoad,
    CalendarSecond,
    Ledger,
    PolicyName,
    SlidingWindow,
    TokenBucket,
    policy_of,
    window,
)


def passes(policy: PolicyName, ceiling: float, moments: list[float]) -> list[bool]:
    """Return which calls at these moments, on both clocks, are accepted."""
    chosen = policy_of(policy, ceiling)
    return [chosen.take(moment, moment) for moment in moments]


@pytest.mark.parametrize(
    ("ceiling", "expected"),
    [(10, (10, 1.0)), (2.5, (2, 1.0)), (1, (1, 1.0)), (0.25, (1, 4.0))],
)
def test_a_ceiling_allows_so_many_in_so_many_seconds(
    ceiling: float, expected: tuple[int, float]
) -> None:
    """Fractions are cut off above 1; below 1 the window is longer."""
    assert window(ceiling) == expected


def test_a_sliding_window_frees_one_second_later() -> None:
    """The call after N others is accepted when the first is a second old."""
    assert passes("sliding", 2, [0.0, 0.9, 0.99, 1.0, 1.8, 1.9]) == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]


def test_a_sliding_window_tolerates_rounding() -> None:
    """A call a second later is accepted despite the rounding of floats."""
    assert passes("sliding", 1, [100.1, 101.1, 0.1 + 102])[1:] == [True, True]


def test_refused_calls_may_fill_the_window() -> None:
    """Constant calls above the ceiling are refused for ever if refusals count."""
    moments = [step / 4 for step in range(40)]
    lenient = SlidingWindow(1)
    strict = SlidingWindow(1, counts_refused=True)

    assert sum(lenient.take(moment, 0.0) for moment in moments) == 10
    assert sum(strict.take(moment, 0.0) for moment in moments) == 1


def test_a_calendar_second_starts_from_zero() -> None:
    """Twice the ceiling is accepted around the turn of a second."""
    assert passes("calendar", 2, [0.8, 0.9, 0.99, 1.0, 1.1, 1.2]) == [
        True,
        True,
        False,
        True,
        True,
        False,
    ]


def test_a_calendar_second_follows_the_wall_clock() -> None:
    """Seconds turn with the wall clock, not with the monotonic one."""
    policy = CalendarSecond(1)

    assert [policy.take(0.0, 7.4), policy.take(0.5, 7.9), policy.take(0.6, 8.0)] == [
        True,
        False,
        True,
    ]


def test_a_bucket_refills() -> None:
    """A full bucket accepts N calls at once, and then N per second."""
    assert passes("bucket", 2, [0.0, 0.0, 0.0, 0.5, 0.5, 9.0, 9.0, 9.0]) == [
        True,
        True,
        False,
        True,
        False,
        True,
        True,
        False,
    ]


def test_refused_calls_may_empty_the_bucket() -> None:
    """A refused call takes the rest of a token if refusals count."""
    lenient, strict = TokenBucket(1), TokenBucket(1, counts_refused=True)
    moments = [0.0, 0.5, 1.0]

    assert [lenient.take(moment, 0.0) for moment in moments] == [True, False, True]
    assert [strict.take(moment, 0.0) for moment in moments] == [True, False, False]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_ceiling_below_one_accepts_one_in_several_seconds(policy: PolicyName) -> None:
    """A quarter of a call per second is one call in four seconds."""
    moments = [float(second) for second in range(12)]

    assert [
        m for m, ok in zip(moments, passes(policy, 0.25, moments), strict=True) if ok
    ] == [
        0.0,
        4.0,
        8.0,
    ]


@pytest.mark.parametrize("policy", POLICIES)
def test_background_load_uses_part_of_the_ceiling(policy: PolicyName) -> None:
    """A load of 6 calls per second leaves about 4 of 10."""
    chosen = policy_of(policy, 10)
    background_load = BackgroundLoad(chosen)
    passed = 0
    for step in range(1000):
        now = step / 10
        background_load.catch_up(6, now, now)
        passed += chosen.take(now, now)

    if policy == "calendar":  # there, calls early in the second are accepted
        assert 600 <= passed <= 700
    else:
        assert 350 <= passed <= 450


@pytest.mark.parametrize("policy", POLICIES)
def test_background_load_can_use_all_of_the_ceiling(policy: PolicyName) -> None:
    """Hardly a call is accepted beside a load far above the ceiling."""
    chosen = policy_of(policy, 10)
    background_load = BackgroundLoad(chosen)
    passed = 0
    for step in range(1, 1001):
        now = step / 10 + 0.09
        background_load.catch_up(200, now, now)
        passed += chosen.take(now, now)

    assert passed <= 10


def test_background_load_catches_up_after_a_pause() -> None:
    """The load of a pause without calls is counted, up to ten seconds of it."""
    counted: list[float] = []

    class Recording(SlidingWindow):
        def fill(self, now: float, wall: float) -> None:
            counted.append(wall)
            super().fill(now, wall)

    background_load = BackgroundLoad(Recording(1))
    background_load.catch_up(2, 100.0, 500.0)
    background_load.catch_up(2, 101.2, 501.2)
    assert counted == [500.0, 500.5, 501.0]

    background_load.catch_up(2, 1000.0, 1400.0)
    assert len(counted) == 3 + 21

    background_load.catch_up(0, 2000.0, 2400.0)
    background_load.catch_up(2, 3000.0, 3400.0)
    assert counted[24:] == [3400.0]


def ledger_of(ceiling: float, moments: list[float]) -> Ledger:
    """Return a ledger of arrivals at these moments."""
    ledger = Ledger(ceiling)
    for moment in moments:
        ledger.record_arrival(moment)
    return ledger


def test_a_ledger_finds_the_closest_arrivals() -> None:
    """Three arrivals within a second are one too many for a ceiling of two."""
    ledger = ledger_of(2, [10.0, 10.5, 10.9, 11.4, 11.9])

    assert ledger.arrivals == 5
    assert ledger.violations == 2
    assert ledger.shortest == pytest.approx(0.9)
    assert ledger.peak == 3
    assert (ledger.first, ledger.last) == (10.0, 11.9)


def test_a_second_apart_is_no_violation() -> None:
    """Exactly a second is allowed despite the rounding of floats."""
    ledger = ledger_of(1, [0.1 + second for second in range(100)])

    assert ledger.violations == 0
    assert ledger.peak == 1


def test_a_ledger_below_one_checks_pairs() -> None:
    """For half a call per second, two arrivals are two seconds apart."""
    ledger = ledger_of(0.5, [0.0, 2.0, 3.9])

    assert ledger.violations == 1
    assert ledger.window == 2.0


def test_a_ledger_without_arrivals_is_empty() -> None:
    """There is no span and no use of the ceiling without arrivals."""
    ledger = Ledger(10)

    assert (ledger.shortest, ledger.first, ledger.last) == (None, None, None)
    assert ledger.utilization == 0.0


@pytest.mark.parametrize(
    ("ceiling", "moments"),
    [
        (10, [0.0] * 10),
        (10, [float(burst) for burst in range(5) for _ in range(10)]),
        (0.5, [0.0, 2.0, 4.0]),
    ],
)
def test_a_ceiling_used_up_has_a_utilization_of_one(
    ceiling: float, moments: list[float]
) -> None:
    """The utilization is 1 where not one more call is possible."""
    assert ledger_of(ceiling, moments).utilization == pytest.approx(1.0)


def test_throttled_calls_use_nothing_of_the_ceiling() -> None:
    """Refused calls do not count for the utilization."""
    ledger = ledger_of(10, [0.0] * 10)
    ledger.throttled = 4

    assert ledger.utilization == pytest.approx(0.6)


def test_a_ledger_keeps_one_window_only() -> None:
    """Memory is bounded by the ceiling."""
    ledger = ledger_of(5, [step / 5 for step in range(10_000)])

    assert len(ledger._last) == 5
    assert len(ledger._second) == 5


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=60),
    st.sampled_from([1.0, 2.0, 3.5, 0.5]),
)
def test_the_ledger_agrees_with_counting_by_hand(
    gaps: list[int], ceiling: float
) -> None:
    """Every span that is too short is found, and the busiest second."""
    moments: list[float] = []
    now = 0
    for gap in gaps:
        now += gap
        moments.append(now / 16)  # exact in binary
    allowed, seconds = window(ceiling)
    spans = [
        last - first for first, last in zip(moments, moments[allowed:], strict=False)
    ]
    busiest = max(
        sum(moment - 1 < other <= moment for other in moments) for moment in moments
    )
    ledger = ledger_of(ceiling, moments)

    assert ledger.violations == sum(span < seconds for span in spans)
    assert ledger.shortest == min(spans, default=None)
    assert ledger.peak == busiest


@given(st.sampled_from([1.0, 2.5, 4.0, 0.5]), st.integers(0, 2**32))
def test_calls_accepted_by_the_sliding_window_are_no_violation(
    ceiling: float, seed: int
) -> None:
    """The ledger agrees with the strictest policy."""
    random, policy, ledger = Random(seed), SlidingWindow(ceiling), Ledger(ceiling)
    now = 0.0
    for _ in range(200):
        now += random.expovariate(3 * ceiling)
        if policy.take(now, now):
            ledger.record_arrival(now)

    assert ledger.violations == 0
    assert ledger.peak <= math.ceil(ceiling)
