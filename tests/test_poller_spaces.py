"""Asking per space: what is shared, what is kept, and what is asked for by itself."""

import asyncio
import logging
import math
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cams_async.errors import (
    CamsError,
    ClientClosed,
    ConfigurationError,
    ConnectionLost,
    NotFound,
    PermissionDenied,
)
from cams_async.operations import (
    ChatappSyncPhoneNumber,
    GetPhoneNumberVerificationStatus,
    VerificationStatusResponse,
)
from cams_async.poller import PerSpace, poll, watch
from cams_async.poller import per_space as per_space_module
from tests.clock import Clock
from tests.fakes import MIGRATION
from tests.senders import (
    META,
    ScriptedSender,
    ask,
    listed,
    no_tasks_left,
    place_of,
    status,
)

Capture = pytest.LogCaptureFixture

DENIED = PermissionDenied("no", code="Ram.PermissionDeny")


class Spaces(ScriptedSender):
    """Answers for spaces and for numbers."""

    def __init__(
        self,
        responses: dict[str, Any],
        *,
        seconds: float = 0.1,
        one: Any = None,
    ) -> None:
        super().__init__(self._answer, seconds=seconds)
        self.responses = responses
        self.one = status("EXPIRED", "by itself") if one is None else one

    def _answer(self, operation: Any, before: int) -> Any:
        del before
        if isinstance(operation, ChatappSyncPhoneNumber):
            return self.responses[operation.cust_space_id]
        return self.one

    def numbers(self) -> Sequence[int]:
        """Return the numbers that were asked for by themselves."""
        return [
            place_of(each)
            for each in self.asked
            if isinstance(each, GetPhoneNumberVerificationStatus)
        ]


def number(place: int) -> str:
    """Return one of many numbers."""
    return ask(place).phone_number


@pytest.mark.parametrize("max_age", [-1, math.nan, "1", None, True])
def test_a_bad_age_is_refused(max_age: Any) -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match=r"^max_age: must be a number"):
        PerSpace(ScriptedSender(), max_age=max_age)


def test_what_cannot_send_is_refused() -> None:
    """The error names the argument."""
    client: Any = object()
    with pytest.raises(ConfigurationError, match=r"^client: must have a method send"):
        PerSpace(client)


def test_one_call_answers_for_a_space(clock: Clock) -> None:
    """Each number has the status that the space's answer tells, and no call."""
    codes = ["VERIFIED", "NOT_VERIFIED", "SOMETHING_NEW"]
    entries = [(number(place), codes[place % 3]) for place in range(100)]
    sender = Spaces({"cams-1": listed(*entries)})
    per_space = PerSpace(sender)

    async def main() -> list[Any]:
        async with poll(per_space, map(ask, range(100)), ordered=True) as outcomes:
            return [outcome.response async for outcome in outcomes]

    found = clock.run(main())

    assert [ChatappSyncPhoneNumber(cust_space_id="cams-1")] == sender.asked
    assert not per_space.fell_back
    for (phone_number, code), response in zip(entries, found, strict=True):
        assert isinstance(response, VerificationStatusResponse)
        assert ("of-the-space", "OK", "None") == (
            response.request_id,
            response.code,
            response.message,
        )
        assert META is response.meta
        assert (phone_number, code, None) == (
            response.data.phone_number,
            response.data.code_verification_status,
            response.data.id,
        )


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (number(1), True),
        ("+" + number(1), True),
        (" +86 138 0000 0001 ", True),
        ("8613800000****", False),
        ("86138****0001", False),
        ("0" + number(1), False),
        (number(1) + "\n", True),
        (number(2), False),
        ("", False),
    ],
)
def test_numbers_are_compared_by_digits(
    clock: Clock, entry: str, *, told: bool
) -> None:
    """Its spelling does not matter; what is masked is no number."""
    sender = Spaces({"cams-1": listed((entry, "VERIFIED"))})

    found = clock.run(PerSpace(sender).send(ask(1)))

    assert (entry if told else "by itself") == found.data.phone_number
    assert ("VERIFIED" if told else "EXPIRED") == found.data.code_verification_status
    assert [] == sender.numbers() if told else [1] == sender.numbers()


@pytest.mark.parametrize("entries", [2, 3])
@pytest.mark.parametrize("other", ["VERIFIED", "EXPIRED", None])
def test_what_is_there_twice_is_in_doubt(
    clock: Clock, entries: int, other: str | None
) -> None:
    """However often, whatever it says: the number is asked for by itself."""
    twice = [(number(1), other), ("+" + number(1), "VERIFIED"), (number(1), other)]
    sender = Spaces({"cams-1": listed(*twice[:entries], (number(2), "VERIFIED"))})
    per_space = PerSpace(sender)

    one, two = clock.run(per_space.send(ask(1))), clock.run(per_space.send(ask(2)))

    assert ("by itself", number(2)) == (one.data.phone_number, two.data.phone_number)
    assert [1] == sender.numbers()


def test_an_entry_without_status_tells_nothing(clock: Clock) -> None:
    """The field may be absent: the number is asked for by itself."""
    sender = Spaces({"cams-1": listed((number(1), None))})

    found = clock.run(PerSpace(sender).send(ask(1)))

    assert "by itself" == found.data.phone_number


# Not allowed, or failed


def test_whoever_may_not_synchronise_asks_per_number(
    clock: Clock, caplog: Capture
) -> None:
    """For good, with one warning; the ceiling is that of what is asked."""

    class Ceilings(Spaces):
        def ceiling(self, operation: Any) -> float:
            return 3.0 if isinstance(operation, ChatappSyncPhoneNumber) else 7.0

    sender = Ceilings(dict.fromkeys("abc", DENIED))
    per_space = PerSpace(sender)
    before = per_space.ceiling(ask(1)), per_space.ceiling(MIGRATION)
    operations = [ask(place, "abc"[place % 3]) for place in range(30)]

    async def main() -> list[Any]:
        async with poll(per_space, operations, window=6) as outcomes:
            return [outcome async for outcome in outcomes]

    with caplog.at_level(logging.WARNING, "cams_async"):
        found = clock.run(main())

    assert (3.0, 7.0) == before
    assert 7.0 == per_space.ceiling(ask(1))
    assert per_space.fell_back
    assert list(range(30)) == sorted(sender.numbers())
    assert 3 == len(sender.syncs())
    assert all(each.response == sender.one for each in found)
    assert 1 == len(caplog.messages)
    assert "is not permitted (Ram.PermissionDeny)" in caplog.messages[0]


@pytest.mark.parametrize(
    "error",
    [
        NotFound("no", code="Space.NotFound"),
        ConnectionLost("lost", outcome="unknown"),
        ClientClosed("closed"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_each_number_of_a_space_that_failed_tells_the_truth(
    clock: Clock, error: CamsError, caplog: Capture
) -> None:
    """Asked by itself; the space is not asked again, but others are."""
    sender = Spaces({"a": error, "b": listed((number(1), "VERIFIED"))})
    sender.one = NotFound("no", code="Number.NotFound")
    per_space = PerSpace(sender)

    async def main() -> list[Any]:
        operations = [*(ask(place, "a") for place in range(9)), ask(1, "b")]
        async with poll(per_space, operations, window=2, ordered=True) as outcomes:
            return [outcome async for outcome in outcomes]

    with caplog.at_level(logging.WARNING, "cams_async"):
        *alone, last = clock.run(main())

    assert ["a", "b"] == sender.syncs()
    assert list(range(9)) == sender.numbers()
    assert all(isinstance(each.error, NotFound) for each in alone)
    assert number(1) == last.response.data.phone_number
    assert not per_space.fell_back
    assert 1 == len(caplog.messages)
    assert f"failed ({type(error).__name__})" in caplog.messages[0]


def test_an_error_that_is_not_ours_is_raised_for_all(clock: Clock) -> None:
    """Nobody waits for ever."""
    sender = Spaces({"cams-1": ZeroDivisionError()})
    per_space = PerSpace(sender)

    async def main() -> list[Any]:
        waiting = (per_space.send(ask(place)) for place in range(3))
        return await asyncio.gather(*waiting, return_exceptions=True)

    assert [ZeroDivisionError] * 3 == list(map(type, clock.run(main())))


def test_other_operations_are_passed_on(clock: Clock) -> None:
    """As they are, the space's own call included."""
    response = listed()
    sender = Spaces({"cams-1": response})
    per_space = PerSpace(sender)
    sync = ChatappSyncPhoneNumber(cust_space_id="cams-1")

    assert response is clock.run(per_space.send(sync))
    assert sender.one is clock.run(per_space.send(MIGRATION))
    assert [sync, MIGRATION] == sender.asked


# One call for all who ask at the same time


def test_whoever_is_cancelled_leaves_the_call_to_the_others(clock: Clock) -> None:
    """As long as one is left; with the last one it ends too."""
    sender = Spaces({"cams-1": listed((number(2), "VERIFIED"))}, seconds=10)
    per_space = PerSpace(sender)

    async def asking(*cancelled: int) -> list[Any]:
        tasks = [asyncio.create_task(per_space.send(ask(place))) for place in (1, 2)]
        await asyncio.sleep(1)
        for place in cancelled:
            tasks[place].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert 0 == sender.busy
        return [type(each) for each in found]

    both = clock.run(asking(0, 1))
    one = clock.run(asking(0))

    assert [asyncio.CancelledError] * 2 == both
    assert [asyncio.CancelledError, VerificationStatusResponse] == one
    assert ["cams-1", "cams-1"] == sender.syncs()


def test_a_newcomer_does_not_join_a_call_that_ends(clock: Clock) -> None:
    """It would be cancelled with those who gave up."""
    sender = Spaces({"cams-1": listed((number(1), "VERIFIED"))}, seconds=10)
    per_space = PerSpace(sender)

    async def main() -> None:
        first = asyncio.create_task(per_space.send(ask(1)))
        await asyncio.sleep(1)
        first.cancel()
        await asyncio.sleep(0)
        second = await per_space.send(ask(1))

        assert number(1) == second.data.phone_number
        assert first.cancelled()
        assert await no_tasks_left()

    clock.run(main())


def test_closing_a_poll_ends_the_calls_of_its_spaces(clock: Clock) -> None:
    """No task is left, of whatever kind."""
    sender = Spaces(dict.fromkeys("abc", listed()), seconds=1e6)

    async def main() -> None:
        operations = [ask(place, "abc"[place % 3]) for place in range(30)]
        async with poll(PerSpace(sender), operations) as outcomes:
            waiting = asyncio.ensure_future(anext(outcomes, None))
            await asyncio.sleep(1)

            assert 3 == sender.busy
        assert await waiting is None
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert 0 == sender.busy

    clock.run(main())


# What is kept


def test_an_answer_is_used_until_it_is_too_old(clock: Clock) -> None:
    """Its age counts from its arrival."""
    sender = Spaces({"cams-1": listed((number(1), "VERIFIED"))}, seconds=5)
    per_space = PerSpace(sender, max_age=60)

    async def main() -> list[int]:
        seen: list[int] = []
        for pause in (0, 59, 2, 59):
            await asyncio.sleep(pause)
            await per_space.send(ask(1))
            seen.append(len(sender.syncs()))
        return seen

    assert [1, 1, 2, 2] == clock.run(main())


def test_without_an_age_only_those_who_wait_share(clock: Clock) -> None:
    """The next one asks anew."""
    sender = Spaces({"cams-1": listed((number(1), "VERIFIED"))})
    per_space = PerSpace(sender, max_age=0)

    async def main() -> None:
        for times in (1, 2, 3):
            await asyncio.gather(*(per_space.send(ask(1)) for _ in range(9)))

            assert times == len(sender.syncs())

    clock.run(main())


def test_a_watch_sees_what_has_changed(clock: Clock) -> None:
    """An answer that is younger than the pauses is fresh enough."""
    began = clock.now

    class Settling(Spaces):
        def _answer(self, operation: Any, before: int) -> Any:
            del before
            assert isinstance(operation, ChatappSyncPhoneNumber)
            place = math.floor(clock.now - began) // 100
            codes = ["VERIFIED" if each <= place else "A" for each in range(9)]
            return listed(*((number(each), code) for each, code in enumerate(codes)))

    sender = Settling({})

    async def main() -> list[Any]:
        per_space = PerSpace(sender, max_age=10)
        async with watch(per_space, map(ask, range(9)), every=(30, 60)) as outcomes:
            return [place_of(outcome.operation) async for outcome in outcomes]

    assert list(range(9)) == clock.run(main())
    assert len(sender.syncs()) < 60


def test_a_watch_refuses_what_would_never_change() -> None:
    """Answers that are kept for ever settle nothing."""
    with pytest.raises(ConfigurationError, match=r"^client: needs a max_age"):
        watch(PerSpace(ScriptedSender()), [ask(1)])


def test_what_is_kept_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces that were not asked for lately are forgotten first."""
    monkeypatch.setattr(per_space_module, "MAX_NUMBERS", 12)
    three = listed(*((number(place), "VERIFIED") for place in range(3)))
    many = listed(*((number(place), "VERIFIED") for place in range(30)))
    sender = Spaces({"a": three, "b": three, "c": three, "d": three, "many": many})
    per_space = PerSpace(sender)

    async def main() -> list[str]:
        for space in ("a", "b", "c", "a", "d", "a", "b", "many", "many", "a"):
            await per_space.send(ask(1, space))
        return list(sender.syncs())

    # Three spaces fit: b goes for d, c for b, and all of them for the large one.
    assert ["a", "b", "c", "d", "b", "many", "a"] == clock.run(main())
    assert 4 == per_space._size


def test_an_old_answer_makes_room_for_the_new(clock: Clock) -> None:
    """The same space counts once."""
    sender = Spaces({"a": listed(*((number(each), "A") for each in range(9)))})
    per_space = PerSpace(sender, max_age=0)

    for _ in range(5):
        clock.run(per_space.send(ask(1, "a")))

    assert 10 == per_space._size


# Whatever the answer holds

ENTRY = st.tuples(
    st.one_of(
        st.integers(0, 5).map(number),
        st.integers(0, 5).map(lambda place: f"+{number(place)}"),
        st.integers(0, 5).map(lambda place: f"86138******{place}"),
        st.text("+86* x", max_size=5),
    ),
    st.sampled_from(["VERIFIED", "NOT_VERIFIED", None]),
)


@given(entries=st.lists(ENTRY, max_size=12), seed=st.integers(0, 99))
def test_no_status_is_ever_wrong(
    entries: list[tuple[str, str | None]], seed: int
) -> None:
    """What is told for a number stands in its one and only entry."""
    sender = Spaces({"cams-1": listed(*entries)})
    places = Random(seed).choices(range(6), k=8)

    async def main() -> list[Any]:
        async with poll(PerSpace(sender), map(ask, places), ordered=True) as outcomes:
            return [outcome async for outcome in outcomes]

    for outcome in Clock().run(main()):
        place = place_of(outcome.operation)
        own = [code for text, code in entries if text.lstrip("+") == number(place)]
        if len(own) == 1 and own[0] is not None:
            assert own[0] == outcome.response.data.code_verification_status
        else:
            assert sender.one is outcome.response
    assert 1 >= len(sender.syncs())
