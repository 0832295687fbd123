"""`PerSpace`: shared calls, the cache, and individual requests."""

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
    index_of,
    listed,
    no_tasks_left,
    query,
    status,
)

Capture = pytest.LogCaptureFixture

DENIED = PermissionDenied("no", code="Ram.PermissionDeny")


class Spaces(ScriptedSender):
    """A sender with one response for each space and one for all numbers."""

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
        """Return the numbers that were requested individually."""
        return [
            index_of(each)
            for each in self.sent
            if isinstance(each, GetPhoneNumberVerificationStatus)
        ]


def number(index: int) -> str:
    """Return the number with this index."""
    return query(index).phone_number


@pytest.mark.parametrize("max_age", [-1, math.nan, "1", None, True])
def test_an_invalid_max_age_is_rejected(max_age: Any) -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match=r"^max_age: must be a number"):
        PerSpace(ScriptedSender(), max_age=max_age)


def test_an_invalid_client_is_rejected() -> None:
    """The error names the argument."""
    client: Any = object()
    with pytest.raises(ConfigurationError, match=r"^client: must have a method send"):
        PerSpace(client)


def test_one_call_serves_a_whole_space(clock: Clock) -> None:
    """Each number has the status of the space's response, without a call."""
    codes = ["VERIFIED", "NOT_VERIFIED", "SOMETHING_NEW"]
    entries = [(number(index), codes[index % 3]) for index in range(100)]
    sender = Spaces({"cams-1": listed(*entries)})
    per_space = PerSpace(sender)

    async def main() -> list[Any]:
        async with poll(per_space, map(query, range(100)), ordered=True) as outcomes:
            return [outcome.response async for outcome in outcomes]

    found = clock.run(main())

    assert [ChatappSyncPhoneNumber(cust_space_id="cams-1")] == sender.sent
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
    ("entry", "found_in_space"),
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
    clock: Clock, entry: str, *, found_in_space: bool
) -> None:
    """Formatting is ignored; a masked number matches none."""
    sender = Spaces({"cams-1": listed((entry, "VERIFIED"))})

    found = clock.run(PerSpace(sender).send(query(1)))

    assert (entry if found_in_space else "by itself") == found.data.phone_number
    assert (
        "VERIFIED" if found_in_space else "EXPIRED"
    ) == found.data.code_verification_status
    assert [] == sender.numbers() if found_in_space else [1] == sender.numbers()


@pytest.mark.parametrize("entries", [2, 3])
@pytest.mark.parametrize("other", ["VERIFIED", "EXPIRED", None])
def test_a_duplicate_entry_is_ignored(
    clock: Clock, entries: int, other: str | None
) -> None:
    """The number is requested individually, whatever its entries hold."""
    twice = [(number(1), other), ("+" + number(1), "VERIFIED"), (number(1), other)]
    sender = Spaces({"cams-1": listed(*twice[:entries], (number(2), "VERIFIED"))})
    per_space = PerSpace(sender)

    one, two = clock.run(per_space.send(query(1))), clock.run(per_space.send(query(2)))

    assert ("by itself", number(2)) == (one.data.phone_number, two.data.phone_number)
    assert [1] == sender.numbers()


def test_an_entry_without_status_is_ignored(clock: Clock) -> None:
    """The number is requested individually."""
    sender = Spaces({"cams-1": listed((number(1), None))})

    found = clock.run(PerSpace(sender).send(query(1)))

    assert "by itself" == found.data.phone_number


# Denied and failed calls


def test_a_denied_account_requests_each_number(clock: Clock, caplog: Capture) -> None:
    """The fallback is permanent, logs one warning, and changes the ceiling."""

    class Ceilings(Spaces):
        def ceiling(self, operation: Any) -> float:
            return 3.0 if isinstance(operation, ChatappSyncPhoneNumber) else 7.0

    sender = Ceilings(dict.fromkeys("abc", DENIED))
    per_space = PerSpace(sender)
    before = per_space.ceiling(query(1)), per_space.ceiling(MIGRATION)
    operations = [query(index, "abc"[index % 3]) for index in range(30)]

    async def main() -> list[Any]:
        async with poll(per_space, operations, window=6) as outcomes:
            return [outcome async for outcome in outcomes]

    with caplog.at_level(logging.WARNING, "cams_async"):
        found = clock.run(main())

    assert (3.0, 7.0) == before
    assert 7.0 == per_space.ceiling(query(1))
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
def test_numbers_of_a_failed_space_are_requested_individually(
    clock: Clock, error: CamsError, caplog: Capture
) -> None:
    """The space is not requested again; other spaces are."""
    sender = Spaces({"a": error, "b": listed((number(1), "VERIFIED"))})
    sender.one = NotFound("no", code="Number.NotFound")
    per_space = PerSpace(sender)

    async def main() -> list[Any]:
        operations = [*(query(index, "a") for index in range(9)), query(1, "b")]
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


def test_an_error_that_is_no_cams_error_is_raised_to_all_waiters(clock: Clock) -> None:
    """No task waits for ever."""
    sender = Spaces({"cams-1": ZeroDivisionError()})
    per_space = PerSpace(sender)

    async def main() -> list[Any]:
        waiting = (per_space.send(query(index)) for index in range(3))
        return await asyncio.gather(*waiting, return_exceptions=True)

    assert [ZeroDivisionError] * 3 == list(map(type, clock.run(main())))


def test_other_operations_are_passed_through(clock: Clock) -> None:
    """They are unchanged, including ChatappSyncPhoneNumber itself."""
    response = listed()
    sender = Spaces({"cams-1": response})
    per_space = PerSpace(sender)
    sync = ChatappSyncPhoneNumber(cust_space_id="cams-1")

    assert response is clock.run(per_space.send(sync))
    assert sender.one is clock.run(per_space.send(MIGRATION))
    assert [sync, MIGRATION] == sender.sent


# Shared calls


def test_a_shared_call_survives_the_cancellation_of_a_waiter(clock: Clock) -> None:
    """It is cancelled with its last waiter."""
    sender = Spaces({"cams-1": listed((number(2), "VERIFIED"))}, seconds=10)
    per_space = PerSpace(sender)

    async def run_waiters(*cancelled: int) -> list[Any]:
        tasks = [asyncio.create_task(per_space.send(query(index))) for index in (1, 2)]
        await asyncio.sleep(1)
        for index in cancelled:
            tasks[index].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert 0 == sender.busy
        return [type(each) for each in found]

    both = clock.run(run_waiters(0, 1))
    one = clock.run(run_waiters(0))

    assert [asyncio.CancelledError] * 2 == both
    assert [asyncio.CancelledError, VerificationStatusResponse] == one
    assert ["cams-1", "cams-1"] == sender.syncs()


def test_a_new_task_does_not_join_a_cancelled_call(clock: Clock) -> None:
    """It starts a call of its own."""
    sender = Spaces({"cams-1": listed((number(1), "VERIFIED"))}, seconds=10)
    per_space = PerSpace(sender)

    async def main() -> None:
        first = asyncio.create_task(per_space.send(query(1)))
        await asyncio.sleep(1)
        first.cancel()
        await asyncio.sleep(0)
        second = await per_space.send(query(1))

        assert number(1) == second.data.phone_number
        assert first.cancelled()
        assert await no_tasks_left()

    clock.run(main())


def test_closing_a_poll_ends_the_calls_of_its_spaces(clock: Clock) -> None:
    """No task is left."""
    sender = Spaces(dict.fromkeys("abc", listed()), seconds=1e6)

    async def main() -> None:
        operations = [query(index, "abc"[index % 3]) for index in range(30)]
        async with poll(PerSpace(sender), operations) as outcomes:
            waiting = asyncio.ensure_future(anext(outcomes, None))
            await asyncio.sleep(1)

            assert 3 == sender.busy
        assert await waiting is None
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert 0 == sender.busy

    clock.run(main())


# The cache


def test_a_response_is_reused_until_max_age(clock: Clock) -> None:
    """The age counts from the arrival of the response."""
    sender = Spaces({"cams-1": listed((number(1), "VERIFIED"))}, seconds=5)
    per_space = PerSpace(sender, max_age=60)

    async def main() -> list[int]:
        seen: list[int] = []
        for pause in (0, 59, 2, 59):
            await asyncio.sleep(pause)
            await per_space.send(query(1))
            seen.append(len(sender.syncs()))
        return seen

    assert [1, 1, 2, 2] == clock.run(main())


def test_without_max_age_only_concurrent_calls_are_shared(clock: Clock) -> None:
    """The next call requests the space again."""
    sender = Spaces({"cams-1": listed((number(1), "VERIFIED"))})
    per_space = PerSpace(sender, max_age=0)

    async def main() -> None:
        for times in (1, 2, 3):
            await asyncio.gather(*(per_space.send(query(1)) for _ in range(9)))

            assert times == len(sender.syncs())

    clock.run(main())


def test_a_watch_sees_status_changes(clock: Clock) -> None:
    """A `max_age` below the pauses lets every repetition see a new response."""
    began = clock.now

    class Verifying(Spaces):
        def _answer(self, operation: Any, before: int) -> Any:
            del before
            assert isinstance(operation, ChatappSyncPhoneNumber)
            index = math.floor(clock.now - began) // 100
            codes = ["VERIFIED" if each <= index else "A" for each in range(9)]
            return listed(*((number(each), code) for each, code in enumerate(codes)))

    sender = Verifying({})

    async def main() -> list[Any]:
        per_space = PerSpace(sender, max_age=10)
        async with watch(per_space, map(query, range(9)), every=(30, 60)) as outcomes:
            return [index_of(outcome.operation) async for outcome in outcomes]

    assert list(range(9)) == clock.run(main())
    assert len(sender.syncs()) < 60


def test_a_watch_rejects_an_infinite_max_age() -> None:
    """A status that is cached for ever never becomes terminal."""
    with pytest.raises(ConfigurationError, match=r"^client: needs a max_age"):
        watch(PerSpace(ScriptedSender()), [query(1)])


def test_the_cache_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The least recently used spaces are evicted first."""
    monkeypatch.setattr(per_space_module, "MAX_NUMBERS", 12)
    three = listed(*((number(index), "VERIFIED") for index in range(3)))
    many = listed(*((number(index), "VERIFIED") for index in range(30)))
    sender = Spaces({"a": three, "b": three, "c": three, "d": three, "many": many})
    per_space = PerSpace(sender)

    async def main() -> list[str]:
        for space in ("a", "b", "c", "a", "d", "a", "b", "many", "many", "a"):
            await per_space.send(query(1, space))
        return list(sender.syncs())

    # Three spaces fit: b goes for d, c for b, and all of them for the large one.
    assert ["a", "b", "c", "d", "b", "many", "a"] == clock.run(main())
    assert 4 == per_space._size


def test_a_new_response_replaces_the_old_one(clock: Clock) -> None:
    """A space counts once towards the bound."""
    sender = Spaces({"a": listed(*((number(each), "A") for each in range(9)))})
    per_space = PerSpace(sender, max_age=0)

    for _ in range(5):
        clock.run(per_space.send(query(1, "a")))

    assert 10 == per_space._size


# Random responses

ENTRY = st.tuples(
    st.one_of(
        st.integers(0, 5).map(number),
        st.integers(0, 5).map(lambda index: f"+{number(index)}"),
        st.integers(0, 5).map(lambda index: f"86138******{index}"),
        st.text("+86* x", max_size=5),
    ),
    st.sampled_from(["VERIFIED", "NOT_VERIFIED", None]),
)


@given(entries=st.lists(ENTRY, max_size=12), seed=st.integers(0, 99))
def test_no_status_is_ever_wrong(
    entries: list[tuple[str, str | None]], seed: int
) -> None:
    """Each status is that of the number's only entry."""
    sender = Spaces({"cams-1": listed(*entries)})
    indices = Random(seed).choices(range(6), k=8)

    async def main() -> list[Any]:
        async with poll(
            PerSpace(sender), map(query, indices), ordered=True
        ) as outcomes:
            return [outcome async for outcome in outcomes]

    for outcome in Clock().run(main()):
        index = index_of(outcome.operation)
        own = [code for text, code in entries if text.lstrip("+") == number(index)]
        if len(own) == 1 and own[0] is not None:
            assert own[0] == outcome.response.data.code_verification_status
        else:
            assert sender.one is outcome.response
    assert 1 >= len(sender.syncs())
