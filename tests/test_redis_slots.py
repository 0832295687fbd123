"""The books of the slots: who holds one, and when it returns."""

# pyright: reportPrivateUsage=false

import pytest

from cams_async.redis.slots import Slots


@pytest.fixture
def slots() -> Slots:
    """Slots of one second and a bit; requests are late by one second at most."""
    return Slots(hold=1.01, max_transit=1.0)


def test_a_slot_returns_a_second_after_the_response(slots: Slots) -> None:
    """The time of the send does not matter."""
    slots.take("call")
    slots.sent("call", 10.0)
    slots.completed("call", 10.4)

    assert slots.next_return() == pytest.approx(11.41)
    assert slots.taken(11.4) == 1
    assert slots.taken(11.41) == 0


def test_without_a_response_a_slot_returns_after_max_transit_and_a_second(
    slots: Slots,
) -> None:
    """The request may have reached the server `max_transit` after its send."""
    slots.take("call")
    slots.sent("call", 10.0)

    assert slots.next_return() == pytest.approx(12.01)
    assert slots.taken(12.0) == 1
    assert slots.taken(12.01) == 0


@pytest.mark.parametrize("answered", [11.0, 11.5, 12.5])
def test_a_response_after_max_transit_makes_no_difference(
    slots: Slots, answered: float
) -> None:
    """The slot returns `max_transit` and a second after the send."""
    slots.take("call")
    slots.sent("call", 10.0)
    slots.completed("call", answered)

    assert slots.next_return() == pytest.approx(12.01)
    assert slots.counts(11.9) == (0, 1)
    assert slots.taken(12.01) == 0


def test_a_call_that_was_never_sent_gives_its_slot_back_at_once(slots: Slots) -> None:
    """Nothing has left, so nothing can arrive."""
    slots.take("call")
    assert slots.taken(10.0) == 1

    slots.release("call")

    assert slots.taken(10.0) == 0
    assert slots.next_return() is None


def test_giving_up_after_the_send_keeps_the_slot(slots: Slots) -> None:
    """A request cannot be recalled; the slot counts as cooling."""
    slots.take("call")
    slots.sent("call", 10.0)
    assert slots.counts(10.1) == (1, 0)

    slots.left("call")

    assert slots.counts(10.1) == (0, 1)
    assert slots.taken(12.0) == 1
    assert slots.taken(12.01) == 0
    assert slots.counts(12.01) == (0, 0)


def test_a_response_without_a_caller_still_frees_the_slot_sooner(slots: Slots) -> None:
    """It proves the same, whether or not a caller waits for it."""
    slots.take("call")
    slots.sent("call", 10.0)
    slots.left("call")
    slots.completed("call", 10.2)

    assert slots.counts(10.2) == (0, 1)
    assert slots.taken(11.21) == 0
    assert slots.counts(11.21) == (0, 0)


def test_the_next_return_is_the_earliest(slots: Slots) -> None:
    """Cooling and unanswered slots come back in one order of time."""
    assert slots.next_return() is None
    for call in "ab":
        slots.take(call)
    slots.sent("a", 10.0)
    slots.sent("b", 10.9)
    slots.completed("b", 11.2)

    assert slots.next_return() == pytest.approx(12.01)
    assert slots.taken(12.01) == 1
    assert slots.next_return() == pytest.approx(12.21)


def test_reports_of_unlisted_calls_free_nothing(slots: Slots) -> None:
    """Late, repeated or foreign words never make room."""
    slots.take("call")
    slots.release("stranger")
    slots.completed("stranger", 10.0)
    slots.left("stranger")
    assert slots.taken(10.0) == 1

    slots.release("call")
    slots.release("call")
    assert slots.taken(10.0) == 0

    slots.sent("call", 10.0)  # although it had given its slot back
    assert slots.taken(10.0) == 1


def test_expected_returns_assume_that_all_responses_are_here(slots: Slots) -> None:
    """Certain times where they are certain; else as if all calls completed now."""
    for call in ("held", "fresh", "old", "lost", "done"):
        slots.take(call)
    slots.sent("old", 9.2)
    slots.sent("lost", 9.8)
    slots.sent("done", 9.9)
    slots.sent("fresh", 9.95)
    slots.completed("done", 9.96)
    slots.left("lost")

    returns = {"done": 10.97, "fresh": 11.01, "held": 11.01, "lost": 11.81}
    assert slots.expected_returns(10.0) == pytest.approx(
        sorted([*returns.values(), 11.01])
    )
    # A call sent long ago returns without its response, and sooner than with it.
    assert slots.expected_returns(10.5)[1] == pytest.approx(11.21)


def test_counting_changes_nothing(slots: Slots) -> None:
    """Slots that are due are not counted, even before they are removed."""
    for call in "abc":
        slots.take(call)
    slots.sent("a", 10.0)
    slots.completed("a", 10.1)
    slots.sent("b", 10.0)

    assert slots.counts(10.5) == (2, 1)
    assert slots.counts(11.5) == (2, 0)
    assert slots.counts(12.5) == (1, 0)
    assert slots.counts(10.5) == (2, 1)


def test_starting_anew_forgets_all_calls(slots: Slots) -> None:
    """Only the given number of slots is taken, until the given moment."""
    for call in "abc":
        slots.take(call)
    slots.sent("a", 10.0)
    slots.sent("b", 10.0)
    slots.left("b")

    slots.cool(2, until=15.0)

    assert slots.counts(10.0) == (0, 2)
    assert slots.expected_returns(10.0) == [15.0, 15.0]
    assert not slots._left
    slots.release("c")
    assert slots.taken(14.9) == 2
    assert slots.taken(15.0) == 0


def test_holding_longer_counts_for_slots_that_are_taken(slots: Slots) -> None:
    """A lower ceiling means a longer window, for what cools already, too."""
    for call in "ab":
        slots.take(call)
        slots.sent(call, 10.0)
    slots.completed("a", 10.1)

    slots.lengthen(2.01)

    assert slots.expected_returns(10.1) == pytest.approx([12.11, 12.11])
    assert slots.taken(12.1) == 2
    assert slots.taken(12.11) == 1
    assert slots.taken(13.01) == 0
