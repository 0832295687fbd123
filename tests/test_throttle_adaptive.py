"""The limit: down at once when the server refuses, up again step by step."""

from random import Random

import pytest

from cams_async.throttle.adaptive import AdaptiveLimit


def test_at_first_the_ceiling_is_the_limit() -> None:
    """Nothing grows, because nothing is missing."""
    limit = AdaptiveLimit(10.0)

    assert limit.leases(0.0) == 10
    assert limit.next_growth() is None


@pytest.mark.parametrize(("ceiling", "leases"), [(0.1, 1), (1.0, 1), (2.9, 2), (3, 3)])
def test_only_whole_leases_are_granted_and_at_least_one(
    ceiling: float, leases: int
) -> None:
    """A fraction of a lease is none; below one call per second there is one."""
    assert AdaptiveLimit(ceiling).leases(0.0) == leases


def test_a_refusal_leaves_seven_tenths() -> None:
    """The limit shrinks by a factor, and whole leases count."""
    limit = AdaptiveLimit(10.0)

    limit.refused(sent=99.9, now=100.0)

    assert limit.value == pytest.approx(7.0)
    assert limit.leases(100.0) == 7


def test_the_limit_shrinks_at_most_once_a_second() -> None:
    """More refusals of calls from before the shrink change nothing."""
    limit = AdaptiveLimit(10.0)
    limit.refused(sent=99.9, now=100.0)

    limit.refused(sent=99.95, now=100.1)
    limit.refused(sent=99.99, now=101.5)

    assert limit.leases(101.5) == 7


def test_a_refusal_under_the_new_limit_shrinks_it_when_the_second_is_over() -> None:
    """It was still too much, but for a second it is unclear by how much."""
    limit = AdaptiveLimit(10.0)
    limit.refused(sent=99.9, now=100.0)

    limit.refused(sent=100.2, now=100.3)
    limit.refused(sent=100.3, now=100.4)

    assert limit.leases(100.9) == 7
    assert limit.leases(101.0) == 4
    assert limit.leases(102.5) == 4


LOOKS = {"never": (), "often": (100.9, 101.0, 103.9, 104.1, 110.0), "late": (900.0,)}


@pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)
def test_a_shrink_at_the_end_of_the_second_does_not_wait_for_a_look(
    looks: tuple[float, ...],
) -> None:
    """After an hour of silence the limit is back, not just about to fall."""
    limit = AdaptiveLimit(10.0)
    limit.refused(sent=99.9, now=100.0)
    limit.refused(sent=100.1, now=100.2)

    for look in looks:
        limit.leases(look)

    assert limit.leases(3700.0) == 10


@pytest.mark.parametrize("seed", range(30))
def test_looking_changes_nothing(seed: int) -> None:
    """A limit that is read all the time and one that is never read agree."""
    random = Random(seed)
    watched, alone = AdaptiveLimit(10.0), AdaptiveLimit(10.0)
    now = 100.0
    for _ in range(20):
        until = now + random.choice([0.0, 0.2, 0.7, 1.5, 10.0])
        while now < until:
            watched.leases(now)
            now = min(until, now + 0.05)
        sent = now - random.choice([0.0, 0.1, 0.9])
        watched.refused(sent, now)
        alone.refused(sent, now)
    for later in (0.5, 1.0, 3.0, 30.0):
        watched.leases(now + later)
    alone.leases(now + 30.0)

    assert watched.value == pytest.approx(alone.value)


def test_one_lease_is_always_left() -> None:
    """However often the server refuses, the client keeps trying."""
    limit = AdaptiveLimit(2.0)
    for second in range(100, 120):
        limit.refused(sent=second - 0.1, now=second)

    assert limit.leases(120.0) == 1


def test_the_limit_grows_by_one_each_two_seconds() -> None:
    """The first step counts from when the shrink can show, a second later."""
    limit = AdaptiveLimit(10.0)
    limit.refused(sent=99.9, now=100.0)

    assert limit.next_growth() == pytest.approx(103.0)
    assert limit.leases(102.9) == 7
    assert limit.leases(103.0) == 8
    assert limit.leases(104.9) == 8
    assert limit.leases(105.0) == 9


def test_a_high_ceiling_grows_back_in_proportion() -> None:
    """By a tenth at each step: it would take many minutes one by one."""
    limit = AdaptiveLimit(400.0)
    limit.refused(sent=99.9, now=100.0)

    assert limit.leases(102.9) == 280
    assert limit.leases(103.0) == 320


def test_after_six_quiet_seconds_the_limit_grows_faster() -> None:
    """Each half second, up to the ceiling and no further."""
    limit = AdaptiveLimit(10.0)
    limit.refused(sent=99.9, now=100.0)
    limit.refused(sent=101.9, now=102.0)  # 4.9, then 5.9 at 105 and 6.9 at 107

    assert limit.leases(107.9) == 6
    assert limit.leases(108.0) == 7
    assert limit.leases(108.4) == 7
    assert limit.leases(108.5) == 8
    assert limit.leases(200.0) == 10
    assert limit.value == 10.0
    assert limit.next_growth() is None


def test_each_refusal_puts_the_growth_off() -> None:
    """Also one that does not shrink the limit."""
    limit = AdaptiveLimit(10.0)
    limit.refused(sent=99.9, now=100.0)
    limit.refused(sent=99.95, now=101.5)

    assert limit.leases(103.4) == 7
    assert limit.leases(103.5) == 8


def test_a_refusal_after_a_long_time_counts_from_what_has_grown() -> None:
    """Whether or not it was read before."""
    limit = AdaptiveLimit(10.0)
    limit.refused(sent=99.9, now=100.0)
    limit.refused(sent=199.9, now=200.0)

    assert limit.value == pytest.approx(7.0)


def test_a_fractional_ceiling_is_reached_again() -> None:
    """The last step is only as long as there is room."""
    limit = AdaptiveLimit(2.5)
    limit.refused(sent=99.9, now=100.0)
    assert limit.leases(100.0) == 1

    assert limit.leases(110.0) == 2
    assert limit.value == 2.5


def test_a_lower_ceiling_lowers_the_limit() -> None:
    """But a limit that is lower already stays."""
    limit = AdaptiveLimit(10.0)
    limit.refused(sent=99.9, now=100.0)

    limit.change(8.0)
    assert limit.leases(100.0) == 7
    limit.change(5.0)
    assert limit.leases(100.0) == 5
    limit.change(0.5)
    assert limit.leases(100.0) == 1
    assert limit.next_growth() is None


@pytest.mark.parametrize(
    ("is_refused", "ceilings", "leases"),
    [
        (False, [5.0, 10.0], 10),  # back at the ceiling
        (True, [10.0], 7),
        (True, [5.0, 10.0], 10),  # the lower ceiling was the limit
        (True, [8.0, 10.0], 9),
        (True, [13.0], 10),
        (True, [0.5, 0.1, 3.0], 3),
    ],
)
def test_a_higher_ceiling_adds_what_it_has_more(
    *, is_refused: bool, ceilings: list[float], leases: int
) -> None:
    """What a refusal took away is still missing, unless the lower ceiling took more."""
    limit = AdaptiveLimit(10.0)
    if is_refused:
        limit.refused(sent=99.9, now=100.0)

    for ceiling in ceilings:
        limit.change(ceiling)

    assert limit.leases(100.0) == leases
