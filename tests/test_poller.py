"""`poll`: sources, windows, order, errors, and the end of the iteration."""

import asyncio
import contextlib
import gc
import logging
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from copy import copy
from random import Random
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from cams_async.errors import ConfigurationError, InvalidOperation, NotFound
from cams_async.operations import ChatappSyncPhoneNumber, Operation
from cams_async.poller import Outcome, Outcomes, poll
from cams_async.poller.pool import _RUNNING, MAX_SLOTS, SPARE_SLOTS
from tests.clock import Clock
from tests.fakes import LOST, VERIFIED, RecordingTransport, make
from tests.senders import (
    ScriptedSender,
    index_of,
    listed,
    no_tasks_left,
    query,
    status,
    take_all,
)

Capture = pytest.LogCaptureFixture


async def trickle(
    items: Iterable[Any], seconds: float = 0.01, log: list[str] | None = None
) -> AsyncIterator[Any]:
    """Yield items with pauses; record when the source is closed."""
    try:
        for item in items:
            await asyncio.sleep(seconds)
            yield item
    finally:
        if log is not None:
            log.append("closed")


class Taps:
    """An async iterator that is not a generator."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.items = iter(items)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        await asyncio.sleep(0)
        for item in self.items:
            return item
        raise StopAsyncIteration


SOURCES: list[Callable[[Iterable[Any]], Any]] = [list, iter, trickle, Taps]
"""The kinds of sources: anything that `for` or `async for` can iterate over."""


async def all_of(outcomes: Outcomes[Any]) -> list[Outcome[Any]]:
    """Iterate to the end."""
    async with outcomes:
        return [outcome async for outcome in outcomes]


def indices(outcomes: Iterable[Outcome[Any]]) -> list[int]:
    """Return the indices of the numbers, in the order of the outcomes."""
    return [index_of(outcome.operation) for outcome in outcomes]


# Arguments and sources


@pytest.mark.parametrize(
    ("client", "operations", "field"),
    [
        (object(), (), "client"),
        (RecordingTransport(VERIFIED), (), "client"),
        (ScriptedSender(), None, "operations"),
        (ScriptedSender(), query(1), "operations"),
        (ScriptedSender(), 5, "operations"),
    ],
)
def test_invalid_arguments_are_rejected(
    client: Any, operations: Any, field: str
) -> None:
    """The error names the argument, and needs no event loop."""
    with pytest.raises(ConfigurationError) as caught:
        poll(client, operations)

    assert field == caught.value.field


@pytest.mark.parametrize("window", [0, -1, 1.5, "5", True])
def test_an_invalid_window_is_rejected(window: Any) -> None:
    """The error is raised before anything is taken from the source."""
    source = iter([query(1)])
    with pytest.raises(ConfigurationError, match=r"^window: must be a whole number"):
        poll(ScriptedSender(), source, window=window)

    assert [query(1)] == list(source)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("source", SOURCES)
def test_every_kind_of_source_is_read_to_its_end(
    clock: Clock, source: Callable[[Iterable[Any]], Any], *, ordered: bool
) -> None:
    """Lists, iterators, generators and async iterables all work."""
    sender = ScriptedSender()

    async def main() -> list[Outcome[Any]]:
        operations = source([query(index) for index in range(100)])
        return await all_of(poll(sender, operations, ordered=ordered))

    found = clock.run(main())

    assert list(range(100)) == sorted(indices(found))
    assert {(1, None)} == {(each.attempts, each.error) for each in found}
    assert all(each.response == status() for each in found)


@pytest.mark.parametrize("source", SOURCES)
def test_an_empty_source_ends_the_iteration(
    clock: Clock, source: Callable[[Iterable[Any]], Any]
) -> None:
    """Every further request for an outcome ends it again."""

    async def main() -> None:
        outcomes: Outcomes[Any] = poll(ScriptedSender(), source([]))
        for _ in range(2):
            assert [] == [outcome async for outcome in outcomes]
        assert await no_tasks_left()

    clock.run(main())


def test_a_client_is_a_sender(clock: Clock) -> None:
    """Calls are throttled, and their attempts are counted."""
    transport = RecordingTransport(LOST, VERIFIED)

    async def main() -> list[Outcome[Any]]:
        async with make(transport) as cams:
            return await all_of(poll(cams, map(query, range(25))))

    found = clock.run(main())

    assert list(range(25)) == sorted(indices(found))
    assert 26 == sum(each.attempts for each in found) == len(transport.seen)
    assert clock.now > 1000 + 2


# Errors of one operation


def test_an_error_is_a_value(clock: Clock) -> None:
    """It does not end the iteration, and keeps no frame alive."""
    gone = NotFound("no", code="Number.NotFound")
    gone.attempts = 3
    sender = ScriptedSender(
        lambda each, _: copy(gone) if each == query(1) else status()
    )

    found = clock.run(all_of(poll(sender, map(query, range(3)), ordered=True)))

    assert [0, 1, 2] == indices(found)
    assert (None, 3) == (found[1].response, found[1].attempts)
    assert isinstance(found[1].error, NotFound)
    assert found[1].error.__traceback__ is None
    assert [None, None] == [found[0].error, found[2].error]


def test_an_item_that_is_no_operation_yields_an_error(clock: Clock) -> None:
    """The other operations are sent."""
    source: list[Any] = [None, query(1), "a", 5, query(2), ChatappSyncPhoneNumber]
    sender = ScriptedSender()

    found = clock.run(all_of(poll(sender, source, ordered=True)))

    assert source == [each.operation for each in found]
    assert [query(1), query(2)] == sender.sent
    for each in found:
        if each.response is None:
            assert isinstance(each.error, InvalidOperation)
            assert ("operation", 0) == (each.error.field, each.attempts)


def test_a_response_without_meta_counts_no_attempts(clock: Clock) -> None:
    """The sender of a user may return responses without meta."""
    sender = ScriptedSender(lambda _, __: listed())
    response = ScriptedSender(lambda _, __: type(listed())(**bare()))

    def bare() -> dict[str, Any]:
        return {"request_id": "i", "code": "OK", "phone_numbers": ()}

    with_meta = clock.run(all_of(poll(sender, [query(1)])))
    without = clock.run(all_of(poll(response, [query(1)])))

    assert [1, 0] == [with_meta[0].attempts, without[0].attempts]


# The window


@frozen
class Held:
    """A source that records the most operations held at any time."""

    count: int
    yielded: list[Outcome[Any]]
    seen: list[int]

    def __iter__(self) -> Iterator[Operation[Any]]:
        for index in range(self.count):
            self.seen.append(index + 1 - len(self.yielded))
            yield query(index)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("window", [1, 2, 7])
def test_no_more_than_the_window_is_held(
    clock: Clock, window: int, *, ordered: bool
) -> None:
    """An operation counts until its outcome is consumed."""
    random = Random(window)
    sender = ScriptedSender(seconds=lambda _: random.random())
    source = Held(50, [], [])

    async def main() -> None:
        async with poll(sender, source, window=window, ordered=ordered) as outcomes:
            async for outcome in outcomes:
                source.yielded.append(outcome)
                await asyncio.sleep(random.random())

    clock.run(main())

    assert 50 == len(source.yielded)
    assert window == max(source.seen)
    assert window >= sender.most


def test_a_slow_consumer_slows_the_source_down(clock: Clock) -> None:
    """Nothing more is taken while the window is full."""
    sender = ScriptedSender()
    source = Held(100, [], [])

    async def main() -> None:
        async with poll(sender, source, window=5) as outcomes:
            source.yielded.append(await anext(outcomes))
            await asyncio.sleep(3600)

            assert 6 == len(sender.sent)

    clock.run(main())


def test_the_default_window_keeps_the_ceiling_busy(clock: Clock) -> None:
    """It has slots for two seconds' worth of calls and a few more."""
    sender = ScriptedSender(qps=10.0, seconds=1000)

    async def main() -> None:
        async with poll(sender, map(query, range(1000))) as outcomes:
            waiting = asyncio.ensure_future(anext(outcomes))
            await asyncio.sleep(1)
            waiting.cancel()

    clock.run(main())

    assert 20 + SPARE_SLOTS == sender.most


def test_each_action_seen_adds_to_the_window(clock: Clock) -> None:
    """Each action has its own ceiling; the window is bounded in all."""
    sender = ScriptedSender(qps=0.3, seconds=1000)

    async def main() -> list[int]:
        seen: list[int] = []
        for qps in (0.3, 10.0, float("inf")):
            sender.qps = qps
            sender.most = 0
            operations = [query(0), ChatappSyncPhoneNumber(cust_space_id="s")]
            source: list[Any] = [*operations, *map(query, range(2 * MAX_SLOTS))]
            async with poll(sender, source) as outcomes:
                waiting = asyncio.ensure_future(anext(outcomes))
                await asyncio.sleep(1)
                waiting.cancel()
            seen.append(sender.most)
        return seen

    assert [2 * (1 + SPARE_SLOTS), 2 * (20 + SPARE_SLOTS), MAX_SLOTS] == clock.run(
        main()
    )


def test_ordered_means_the_order_of_the_source(clock: Clock) -> None:
    """Faster calls wait for those before them only if `ordered` is set."""
    sender = ScriptedSender(seconds=lambda each: 10.0 - index_of(each))

    async def main(*, ordered: bool) -> list[int]:
        source = map(query, range(10))
        return indices(await all_of(poll(sender, source, window=10, ordered=ordered)))

    assert list(range(10)) == clock.run(main(ordered=True))
    assert list(reversed(range(10))) == clock.run(main(ordered=False))


def test_an_outcome_that_was_not_awaited_long_enough_is_not_lost(clock: Clock) -> None:
    """A consumer may request outcomes with a timeout."""
    sender = ScriptedSender(seconds=5)

    async def main() -> None:
        found: list[Outcome[Any]] = []
        outcomes = poll(sender, map(query, range(10)), window=3)
        with contextlib.suppress(StopAsyncIteration):
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        found.append(await anext(outcomes))

        assert list(range(10)) == sorted(indices(found))
        assert await no_tasks_left()

    clock.run(main())


def test_several_consumers_share_the_outcomes(clock: Clock) -> None:
    """Each outcome goes to one consumer, and the end to all."""

    async def main() -> None:
        outcomes = poll(ScriptedSender(), map(query, range(50)), window=4)
        found: list[int] = []

        async def consume() -> None:
            async for outcome in outcomes:
                found.append(index_of(outcome.operation))
                await asyncio.sleep(0.1)

        await asyncio.gather(*(consume() for _ in range(3)))

        assert list(range(50)) == sorted(found)

    clock.run(main())


# The end


class SourceError(Exception):
    """An error of a source."""


def breaks(count: int, error: BaseException) -> Iterator[Operation[Any]]:
    """Yield operations, then raise."""
    yield from map(query, range(count))
    raise error


async def breaks_later(count: int, error: BaseException) -> AsyncIterator[Any]:
    """Yield operations, then raise."""
    for each in map(query, range(count)):
        yield each
    raise error


@pytest.mark.parametrize("source", [breaks, breaks_later])
@pytest.mark.parametrize("ordered", [False, True])
def test_a_source_that_raises_ends_the_run_last(
    clock: Clock, source: Callable[[int, Exception], Any], *, ordered: bool
) -> None:
    """The outcomes come first, then the same exception object, then the end."""
    error = SourceError("in the middle")

    async def main() -> None:
        found: list[Outcome[Any]] = []
        sender = ScriptedSender()
        outcomes = poll(sender, source(7, error), window=3, ordered=ordered)
        with pytest.raises(SourceError) as caught:
            await take_all(outcomes, found)

        assert error is caught.value
        assert list(range(7)) == sorted(indices(found))
        assert [] == [outcome async for outcome in outcomes]
        assert await no_tasks_left()

    clock.run(main())


@pytest.mark.parametrize("ordered", [False, True])
def test_an_error_that_is_no_cams_error_ends_the_iteration(
    clock: Clock, *, ordered: bool
) -> None:
    """Other calls are cancelled; completed ones yield; then the error is raised."""
    error = ZeroDivisionError("of a sender")
    sender = ScriptedSender(
        lambda each, _: error if each == query(2) else status(),
        seconds=lambda each: [1.0, 9.0, 2.0, 1.0][index_of(each)],
    )

    async def main() -> None:
        found: list[Outcome[Any]] = []
        outcomes = poll(sender, map(query, range(4)), window=4, ordered=ordered)
        with pytest.raises(ZeroDivisionError) as caught:
            await take_all(outcomes, found)

        assert error is caught.value
        assert [0, 3] == indices(found)
        assert 0 == sender.busy
        assert await no_tasks_left()

    clock.run(main())


def test_of_several_errors_the_first_is_raised(clock: Clock) -> None:
    """Later errors of the same iteration are discarded."""
    errors = [ZeroDivisionError(str(index)) for index in range(3)]
    sender = ScriptedSender(lambda each, _: errors[index_of(each)])

    with pytest.raises(ZeroDivisionError) as caught:
        clock.run(all_of(poll(sender, map(query, range(3)), window=3)))

    assert errors[0] is caught.value


def test_a_cancelled_send_does_not_hang(clock: Clock) -> None:
    """A cancellation inside the client is raised to the consumer."""
    sender = ScriptedSender(lambda _, __: asyncio.CancelledError())

    async def main() -> None:
        outcomes = poll(sender, map(query, range(10)), window=2)
        with pytest.raises(asyncio.CancelledError):
            await anext(outcomes)

        assert await no_tasks_left()

    clock.run(main())


def test_a_cancelled_source_does_not_hang(clock: Clock) -> None:
    """A cancellation inside the source is raised to the consumer."""

    async def main() -> None:
        source = breaks_later(0, asyncio.CancelledError())
        outcomes: Outcomes[Any] = poll(ScriptedSender(), source)
        with pytest.raises(asyncio.CancelledError):
            await anext(outcomes)

        assert await no_tasks_left()

    clock.run(main())


@pytest.mark.parametrize("ordered", [False, True])
def test_stop_yields_the_outcomes_in_flight(clock: Clock, *, ordered: bool) -> None:
    """The iteration ends after them, and a generator source is closed."""
    sender = ScriptedSender()
    log: list[str] = []

    async def main() -> list[Outcome[Any]]:
        found: list[Outcome[Any]] = []
        source = trickle(map(query, range(100)), log=log)
        async with poll(sender, source, window=4, ordered=ordered) as outcomes:
            async for outcome in outcomes:
                found.append(outcome)
                if len(found) == 9:
                    outcomes.stop()
                    outcomes.stop()
            assert await no_tasks_left()
        return found

    found = clock.run(main())

    assert ["closed"] == log
    assert sorted(map(index_of, sender.sent)) == sorted(indices(found))
    assert 9 <= len(found) <= 13


def test_stop_before_the_start_takes_nothing(clock: Clock) -> None:
    """The source is not iterated."""
    source = iter([query(1)])

    async def main() -> list[Outcome[Any]]:
        outcomes = poll(ScriptedSender(), source)
        outcomes.stop()
        return await all_of(outcomes)

    assert [] == clock.run(main())
    assert [query(1)] == list(source)


def test_a_source_can_stop_the_poll(clock: Clock) -> None:
    """Operations that it yields afterwards are not taken."""
    sender = ScriptedSender()

    async def main() -> None:
        def source() -> Iterator[Operation[Any]]:
            yield query(1)
            outcomes.stop()
            yield query(2)

        outcomes = poll(sender, source())

        assert [1] == indices(await all_of(outcomes))

    clock.run(main())


def test_a_source_can_close_the_poll(clock: Clock) -> None:
    """`aclose()` inside the source does not deadlock."""

    async def main() -> None:
        async def source() -> AsyncIterator[Any]:
            yield query(1)
            await outcomes.aclose()
            yield query(2)

        outcomes = poll(ScriptedSender(seconds=100), source())

        assert [] == [outcome async for outcome in outcomes]
        assert await no_tasks_left()

    clock.run(main())


def test_stop_ends_a_wait_for_the_source(clock: Clock) -> None:
    """A source may never yield again."""

    async def main() -> None:
        outcomes: Outcomes[Any] = poll(ScriptedSender(), trickle([query(1)], 1e9))
        waiting = asyncio.ensure_future(anext(outcomes, None))
        await asyncio.sleep(1)
        outcomes.stop()

        assert await waiting is None

    clock.run(main())


def test_aclose_ends_everything(clock: Clock) -> None:
    """It ends calls in flight, unconsumed outcomes and waiting consumers."""
    sender = ScriptedSender(seconds=lambda each: 1.0 if index_of(each) < 3 else 1e6)
    log: list[str] = []

    async def main() -> None:
        outcomes = poll(sender, trickle(map(query, range(99)), log=log), window=5)
        await anext(outcomes)
        await asyncio.sleep(5)
        await asyncio.gather(outcomes.aclose(), outcomes.aclose())

        assert ["closed"] == log
        assert 0 == sender.busy
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert [] == [outcome async for outcome in outcomes]
        await outcomes.aclose()

    clock.run(main())


def test_aclose_ends_a_consumer_that_waits(clock: Clock) -> None:
    """Its loop ends as it does at the end of the source."""

    async def main() -> None:
        outcomes = poll(ScriptedSender(seconds=1e6), map(query, range(9)))
        waiting = asyncio.ensure_future(anext(outcomes, None))
        await asyncio.sleep(1)
        await outcomes.aclose()

        assert await waiting is None

    clock.run(main())


def test_aclose_before_the_start_takes_nothing(clock: Clock) -> None:
    """The source is not iterated."""
    source = iter([query(1)])

    async def main() -> None:
        async with poll(ScriptedSender(), source) as outcomes:
            await outcomes.aclose()

            assert [] == [outcome async for outcome in outcomes]

    clock.run(main())

    assert [query(1)] == list(source)


def test_an_error_while_the_source_closes_is_reported(
    clock: Clock, caplog: Capture
) -> None:
    """It is raised to a consumer, or logged once the poll is closed."""

    async def source() -> AsyncIterator[Any]:
        try:
            while True:
                await asyncio.sleep(1)
                yield query(1)
        finally:
            raise SourceError("when closed")

    async def main() -> None:
        stopped: Outcomes[Any] = poll(ScriptedSender(), source())
        await anext(stopped)
        stopped.stop()
        with pytest.raises(SourceError):
            await all_of(stopped)

        assert [] == caplog.records

        async with poll(ScriptedSender(), source()) as closed:
            await anext(closed)

    with caplog.at_level(logging.WARNING, "cams_async"):
        clock.run(main())

    assert ["an error after a poll was closed"] == caplog.messages
    assert caplog.records[0].exc_info is not None
    assert caplog.records[0].exc_info[0] is SourceError


@pytest.mark.parametrize("circular", [False, True])
def test_dropping_it_ends_its_tasks(
    clock: Clock, caplog: Capture, *, circular: bool
) -> None:
    """A `break` without `async with` leaves no task and logs nothing."""
    sender = ScriptedSender(seconds=lambda each: 1.0 if each == query(0) else 1e6)

    async def main() -> None:
        async for outcome in watched():
            assert query(0) == outcome.operation
            break
        gc.collect()
        assert await no_tasks_left()

    def watched() -> Outcomes[Any]:
        outcomes = poll(sender, trickle(map(query, range(99))))
        if circular:
            vars(outcomes)["itself"] = outcomes
        return outcomes

    gc.collect()
    with caplog.at_level(logging.WARNING):
        clock.run(main())

    assert 0 == sender.busy
    assert [] == [each for each in caplog.records if each.levelno > logging.DEBUG]
    assert set() == _RUNNING


def test_dropping_it_after_the_loop_is_silent(caplog: Capture) -> None:
    """The loop has already cancelled its tasks."""
    kept: list[Any] = []

    async def main() -> None:
        outcomes = poll(ScriptedSender(seconds=0.001), map(query, range(9)), window=2)
        kept.append(outcomes)
        await anext(outcomes)

    asyncio.run(main())
    kept.clear()
    gc.collect()

    assert [] == [each for each in caplog.records if each.levelno > logging.DEBUG]
    assert set() == _RUNNING


def test_dropping_it_after_an_early_loop_close_is_silent(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed loop cannot run the cancellation."""
    sender = ScriptedSender(seconds=1e6)

    async def main() -> None:
        outcomes = poll(sender, map(query, range(9)), window=2)
        waiting = asyncio.ensure_future(anext(outcomes))
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.wait([waiting])
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "call_soon_threadsafe", closed)
        del outcomes, waiting
        gc.collect()
        monkeypatch.undo()

    def closed(*_: object) -> None:
        raise RuntimeError("Event loop is closed")

    clock.run(main())

    assert 0 == sender.busy
    assert set() == _RUNNING


@pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks are never eager")
def test_eager_tasks_are_supported(clock: Clock) -> None:
    """They may complete before they are registered."""

    class Instant(ScriptedSender):
        async def send(self, operation: Operation[Any]) -> Any:
            self.sent.append(operation)
            return status()

    async def main() -> None:
        factory: Any = getattr(asyncio, "eager_task_factory")  # noqa: B009 - not of 3.11
        asyncio.get_running_loop().set_task_factory(factory)
        for ordered in (False, True):
            source = Held(50, [], [])
            async with poll(Instant(), source, window=3, ordered=ordered) as outcomes:
                async for outcome in outcomes:
                    source.yielded.append(outcome)

            assert 50 == len(source.yielded)
            assert 3 >= max(source.seen)

    clock.run(main())


# Random plans


@frozen
class Plan:
    """The behaviour of source, sender and consumer in one example."""

    seed: int
    count: int
    window: int | None
    ordered: bool
    source: Callable[[Iterable[Any]], Any]
    fails_at: int | None
    ends: str
    ends_at: int
    slow: bool


PLANS = st.builds(
    Plan,
    seed=st.integers(0, 2**32),
    count=st.integers(0, 40),
    window=st.one_of(st.none(), st.integers(1, 8)),
    ordered=st.booleans(),
    source=st.sampled_from(SOURCES),
    fails_at=st.one_of(st.none(), st.integers(0, 40)),
    ends=st.sampled_from(["never", "stop", "aclose", "break", "cancel"]),
    ends_at=st.integers(0, 30),
    slow=st.booleans(),
)


async def end(plan: Plan, outcomes: Outcomes[Any]) -> bool:
    """End the iteration as planned; return whether to continue."""
    match plan.ends:
        case "stop":
            outcomes.stop()
        case "aclose":
            await outcomes.aclose()
        case "break":
            return False
        case "cancel":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        case _:
            pass
    return True


async def consume(plan: Plan, outcomes: Outcomes[Any], source: Held) -> bool:
    """Iterate as planned; return whether the end was reached."""
    random = Random(plan.seed)
    async for outcome in outcomes:
        source.yielded.append(outcome)
        if plan.slow:
            await asyncio.sleep(random.random())
        if len(source.yielded) == plan.ends_at and not await end(plan, outcomes):
            return False
    return plan.ends != "aclose" or len(source.yielded) < plan.ends_at


async def carry_out(plan: Plan, sender: ScriptedSender, source: Held) -> bool:
    """Poll as planned; return whether the end was reached."""

    def operations() -> Iterator[Operation[Any]]:
        for index, each in enumerate(source):
            if index == plan.fails_at:
                raise SourceError
            yield each

    taps = plan.source(source if plan.source is list else operations())
    outcomes = poll(sender, taps, window=plan.window, ordered=plan.ordered)
    async with outcomes:
        task = asyncio.ensure_future(consume(plan, outcomes, source))
        await asyncio.wait([task])
    del outcomes
    assert await no_tasks_left()
    assert set() == _RUNNING
    if not task.cancelled() and task.exception() is not None:
        assert isinstance(task.exception(), SourceError)
        return True
    return not task.cancelled() and task.result()


@given(plan=PLANS)
def test_each_operation_yields_exactly_one_outcome(plan: Plan) -> None:
    """Unless the consumer ends it; the window is never exceeded."""
    random = Random(plan.seed)
    gone = NotFound("no", code="no")
    sender = ScriptedSender(
        lambda each, _: copy(gone) if index_of(each) % 5 == 3 else status(),
        seconds=lambda _: random.choice([0, random.random()]),
        qps=2.0,
    )
    source = Held(plan.count, [], [])

    to_the_end = Clock().run(carry_out(plan, sender, source))

    found = indices(source.yielded)
    sent = [index_of(each) for each in sender.sent]
    window = 2 * 2 + SPARE_SLOTS if plan.window is None else plan.window
    # A list is read before the poll, which bounds only what it takes itself.
    held = 0 if plan.source is list else max(source.seen, default=0)

    assert max(held, sender.most) <= window
    assert 0 == sender.busy
    assert len(set(found)) == len(found)
    assert sorted(sent) == sorted(found) if to_the_end else set(found) <= set(sent)
    assert sorted(found) == found or not plan.ordered
    for outcome in source.yielded:
        assert (outcome.response is None) != (outcome.error is None)


def test_memory_does_not_grow_with_the_source(clock: Clock) -> None:
    """Ten times the operations take no more memory."""

    class Forgetful(ScriptedSender):
        async def send(self, operation: Operation[Any]) -> Any:
            del operation
            await asyncio.sleep(0.1)
            return status()

    async def peak(count: int) -> int:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        async with poll(Forgetful(), map(query, range(count)), window=20) as outcomes:
            async for _ in outcomes:
                pass
        return tracemalloc.get_traced_memory()[1] - before

    async def main() -> tuple[int, int]:
        await peak(100)
        return await peak(200), await peak(2_000)

    tracemalloc.start()
    try:
        few, many = clock.run(main())
    finally:
        tracemalloc.stop()

    assert many < few * 1.5
