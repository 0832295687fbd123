"""The limiter in all orders of moves: `tests.model` drives its core through them.

Here, the first states of each world are visited, and all mistakes are found. `.ci/run`
goes on for half a minute, `.ci/nightly` to the ends of the smaller worlds, by
`python -m tests.model`.
"""

# pyright: reportPrivateUsage=false

import asyncio

import attrs
import pytest

from cams_async.models import Scope
from cams_async.throttle import LocalThrottle
from cams_async.throttle.adaptive import AdaptiveLimit
from cams_async.throttle.leases import Lease, LeaseTable, LoopQueue
from cams_async.throttle.limiter import ScopeLimiter
from cams_async.throttle.queue import TicketQueue
from tests.clock import Clock
from tests.model.__main__ import main
from tests.model.futures import compare_futures
from tests.model.mutants import MUTANTS
from tests.model.parts import Options, Violation
from tests.model.search import as_code, replay, search, walk
from tests.model.worlds import LARGE, WORLDS

# The properties hold


@pytest.mark.parametrize("name", WORLDS)
def test_no_order_breaks_a_property(name: str) -> None:
    """All properties hold in the first states of each world."""
    result = search(WORLDS[name], most=500)
    assert result.violation is None, as_code(WORLDS[name], result.schedule)


def check_walks(name: str, walks: int) -> None:
    """Make random walks through a world."""
    options = {**WORLDS, **LARGE}[name]
    result = walk(options, range(walks))
    assert result.violation is None, as_code(options, result.schedule)


@pytest.mark.parametrize("name", [*WORLDS, *LARGE])
def test_no_walk_breaks_a_property(name: str) -> None:
    """All properties hold on some walks of a hundred moves."""
    check_walks(name, 30)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*WORLDS, *LARGE])
def test_none_of_many_walks_breaks_a_property(name: str) -> None:
    """All properties hold on hundreds of walks."""
    check_walks(name, 300)


@pytest.mark.nightly
@pytest.mark.parametrize("name", [*WORLDS, *LARGE])
def test_none_of_thousands_of_walks_breaks_a_property(name: str) -> None:
    """All properties hold on thousands of walks."""
    check_walks(name, 4_000)


# Mistakes are found


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if mutant.walks > 1_000 else ())
        for name, mutant in MUTANTS.items()
    ],
)
def test_a_mistake_is_found(name: str) -> None:
    """The search finds each within 10,000 states; walks find the deepest ones."""
    mutant = MUTANTS[name]

    with mutant.applied():
        if mutant.walks:
            result = walk(mutant.options, range(mutant.walks))
        else:
            result = search(mutant.options, most=10_000)

    assert result.violation is not None


def test_a_walk_finds_a_mistake_and_repeats_it() -> None:
    """Its schedule raises the violation with the mistake, and not without."""
    mutant = MUTANTS["loses_place"]

    with mutant.applied():
        result = walk(mutant.options, range(100))
        with pytest.raises(Violation, match=result.violation):
            replay(mutant.options, result.schedule)

    replay(mutant.options, result.schedule)


@pytest.mark.parametrize("name", ["always_proven", "lapsed_is_claimed"])
def test_a_printed_schedule_repeats_the_violation(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The printed code raises the violation with the mistake, and not without."""
    mutant = MUTANTS[name]

    assert main([name]) == 1
    summary, _, code = capsys.readouterr().out.partition("\n")

    with mutant.applied(), pytest.raises(Violation) as caught:
        exec(code, {"replay": replay, "Options": Options})  # noqa: S102
    assert str(caught.value) in summary
    exec(code, {"replay": replay, "Options": Options})  # noqa: S102


def test_a_search_prints_its_extent(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the number of states, and whether these are all."""
    assert main(["basic", "passing over", "--most", "500", "--whole"]) == 0

    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("basic: all 674 ")
    assert second.startswith("passing over: the first 50")


def test_an_impossible_move_is_refused() -> None:
    """A schedule that no longer fits the limiter does not pass for a sound one."""
    with pytest.raises(ValueError, match=r"^impossible: \('send', 0\)"):
        replay(Options(), [("start", 0), ("send", 0)])


# What the search leaves out


@pytest.mark.parametrize(
    "options",
    [
        Options(evidence=True, refusals=True, fork=True),
        Options(qps=2.0, calls=3, loops=2, stops=True, evidence=True),
        Options(qps=2.0, calls=3, loops=2, closes=True, refusals=True, deadline=1.0),
    ],
    ids=["one loop", "loops that stop", "loops that are closed"],
)
def test_equal_keys_have_equal_futures(options: Options) -> None:
    """States that the search takes for one lead to the same states."""
    assert compare_futures(options, most=1200, every=20) > 20


def test_keys_contain_all_fields_of_the_limiter() -> None:
    """A new field has to be added to `tests.model.key`, and then here."""
    core = ScopeLimiter(1.0, max_transit=1.0, margin=0.0)

    assert set(vars(core)) == {
        "_adaptive",
        "_granted",
        "_leases",
        "_margin",  # constant
        "_ceilings",  # matters only with several ceilings
        "ceiling",  # constant
        "closed",  # never
        "dismissing",
        "paused_until",
        "queues",
        "waiting",  # checked after each move
    }
    assert set(LeaseTable.__slots__) == {
        "_held",
        "_look_at",
        "_max_transit",  # constant
        "_open",
        "_returns",
        "_unproven",
        "_witnessed",  # by route, what is open or unproven without evidence
        "hold",  # constant
    }
    assert set(Lease.__slots__) == {
        "acknowledged_at",
        "at",
        "deadline",
        "ends_at",
        "error",
        "proven_at",
        "queue",
        "route",  # that of the loop
        "state",
        "ticket",
        "timeout",  # constant
    }
    assert set(LoopQueue.__slots__) == {
        "admission",
        "bounded",  # the waiting calls with a deadline
        "missed",
        "tickets",
        "unchecked",
    }
    assert set(TicketQueue.__slots__) == {
        "_newcomers",
        "_returned",
        "_tickets",
        "length",  # implied
    }
    assert set(AdaptiveLimit.__slots__) == {
        "_changed",
        "_excess",
        "_refused",
        "_shrunk",
        "ceiling",  # constant
        "value",
    }


# What it has found


def test_a_pause_without_a_lease_ends() -> None:
    """A call waits for the end of a pause while no lease is taken."""
    replay(
        Options(refusals=True),
        [
            ("start", 0),
            ("pass", 0),
            ("send", 0),
            ("arrive", 0),
            ("tick",),
            ("tick",),
            ("tick",),
            ("tick",),
            ("start", 0),
            ("refuse", 0, 1),
            ("pass", 1),
            ("tick",),
        ],
    )


def test_a_call_that_enters_late_in_a_pause_is_woken_at_its_end(clock: Clock) -> None:
    """All leases have returned by then, and the limit is the ceiling."""
    scope = Scope(account="a", region="r", action="x", qps=1.0)

    async def scenario() -> float:
        throttle = LocalThrottle()
        async with throttle.acquire(scope) as permit:
            permit.sent()
            permit.throttled(10.0)
        await asyncio.sleep(5)
        async with throttle.acquire(scope) as permit:
            return permit.waited

    assert clock.run(scenario()) == pytest.approx(5.0, abs=0.01)


def test_options_cover_all_moves() -> None:
    """Each option of a world is used by one of the worlds."""
    for field in attrs.fields(Options):
        if field.name != "timeout":
            values = {getattr(options, field.name) for options in WORLDS.values()}
            assert len(values) > 1, field.name
