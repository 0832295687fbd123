"""`send_all`: the pace of senders and pairs, and what is never repeated."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cams_async import CamsClient, RetryPolicy
from cams_async.emulator import Emulator, Fault
from cams_async.errors import ConfigurationError, InvalidOperation
from cams_async.operations import (
    Operation,
    SendChatappMassMessage,
    SendChatappMassMessageResponse,
    SendChatappMessage,
    SendChatappMessageResponse,
)
from cams_async.poller import Outcome, Outcomes, Pace, send_all
from cams_async.poller.send_all import PaceSchedule
from tests.clock import Clock
from tests.fakes import FAST
from tests.senders import query


def message(sender: str = "1", to: str = "2", **fields: Any) -> SendChatappMessage:
    """Return a message."""
    known: dict[str, Any] = {
        "channel_type": "whatsapp",
        "type": "template",
        "language": "en",
        "template_code": "1",
    }
    return SendChatappMessage(from_=sender, to=to, **{**known, **fields})


def mass(sender: str, recipients: int) -> SendChatappMassMessage:
    """Return a template for many recipients."""
    return SendChatappMassMessage(
        channel_type="whatsapp",
        from_=sender,
        language="en",
        template_code="1",
        sender_list=[{"To": str(i)} for i in range(recipients)],
    )


class Recorder:
    """A sender that records when it was called for which message."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.times: list[float] = []

    def ceiling(self, operation: Operation[Any]) -> float:
        """Return a rate limit of which two seconds' worth fit the window."""
        del operation
        return 100.0

    async def send(self, operation: Operation[Any]) -> Any:
        """Respond after a moment."""
        self.sent.append(operation)
        self.times.append(time.monotonic())
        await asyncio.sleep(0.01)
        if isinstance(operation, SendChatappMassMessage):
            return SendChatappMassMessageResponse(
                request_id="1", code="OK", group_message_id="g"
            )
        return SendChatappMessageResponse(request_id="1", code="OK", message_id="m")


async def all_of(outcomes: Outcomes[Any]) -> list[Outcome[Any]]:
    """Iterate to the end."""
    async with outcomes:
        return [outcome async for outcome in outcomes]


class Run:
    """A sender, and when it was called for which message."""

    def __init__(self, clock: Clock, operations: Any, **options: Any) -> None:
        self.sender = Recorder()
        self.outcomes = clock.run(all_of(send_all(self.sender, operations, **options)))

    def times(self, wanted: Callable[[Any], bool] = lambda _: True) -> list[float]:
        """Return the moments of some messages, from the first of all."""
        calls = zip(self.sender.sent, self.sender.times, strict=True)
        return [at - self.sender.times[0] for each, at in calls if wanted(each)]


def test_without_a_pace_the_window_alone_bounds(clock: Clock) -> None:
    """All are sent, and each outcome has its message."""
    operations = [message(to=str(i)) for i in range(50)]
    run = Run(clock, operations)

    assert {None} == {each.error for each in run.outcomes}
    assert {*operations} == {each.operation for each in run.outcomes}
    assert run.times()[-1] < 0.1


def test_each_sender_has_its_pace(clock: Clock) -> None:
    """Mixed, they do not wait for each other."""
    operations = [message(str(i % 4), str(i)) for i in range(400)]
    run = Run(clock, operations, pace=Pace(per_sender=10))

    for sender in "0123":
        times = run.times(lambda each: each.from_ == sender)  # noqa: B023 - used at once
        assert 100 == len(times)
        assert all(later - now > 0.0999 for now, later in pairwise(times))
    assert run.times()[-1] == pytest.approx(9.9, abs=0.1)


def test_a_slow_sender_holds_others_back_by_the_window_only(clock: Clock) -> None:
    """As many as fit the window are taken beyond it."""
    operations = [message("1", str(i)) for i in range(20)]
    operations += [message(str(i), "2") for i in range(2, 12)]
    run = Run(clock, operations, pace=Pace(per_sender=1), window=15)
    others = run.times(lambda each: each.from_ != "1")

    assert max(others) < 16
    assert run.times()[-1] == pytest.approx(19, abs=0.1)


def test_a_pair_has_its_pause_and_its_sender_goes_on(clock: Clock) -> None:
    """Other recipients do not wait for it."""
    operations = [message(to="1") for _ in range(5)]
    operations += [message(to=str(i)) for i in range(2, 50)]
    run = Run(clock, operations, pace=Pace(pair_pause=6, per_sender=100))
    times = run.times(lambda each: each.to == "1")

    assert [0, 6, 12, 18, 24] == [round(each) for each in times]
    assert max(run.times(lambda each: each.to != "1")) < 1


def test_a_template_for_many_counts_as_many(clock: Clock) -> None:
    """And has no pair."""
    operations = [mass("1", 40), mass("1", 1), message("1"), mass("2", 5)]
    run = Run(clock, operations, pace=Pace(per_sender=10, pair_pause=6))
    times = run.times(lambda each: each.from_ == "1")

    assert [0, 4, 4.1] == [round(each, 1) for each in times]


def test_an_operation_that_is_no_message_has_an_error(clock: Clock) -> None:
    """It is not sent."""
    run = Run(clock, [query(1), message()])
    errors = [each.error for each in run.outcomes if each.error is not None]

    assert [InvalidOperation] == [type(each) for each in errors]
    assert 1 == len(run.sender.sent)


QUERIES = [message()]


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Pace(per_sender=0), "pace.per_sender"),
        (lambda: Pace(pair_pause=float("inf")), "pace.pair_pause"),
        (lambda: send_all(Recorder(), QUERIES, pace=5), "pace"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - refused
        (lambda: send_all(object(), QUERIES), "client"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - refused
        (lambda: send_all(Recorder(), 5), "operations"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - refused
        (lambda: send_all(Recorder(), QUERIES, window=0), "window"),
    ],
)
def test_a_bad_argument_is_named(make: Callable[[], object], field: str) -> None:
    """Before anything is taken."""
    with pytest.raises(ConfigurationError) as caught:
        make()

    assert field == caught.value.field


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 5)), max_size=60))
def test_the_moments_of_a_key_keep_their_distance(
    steps: list[tuple[str, float]],
) -> None:
    """And none is later than needed; keys whose moment has passed are forgotten."""
    slots, now = PaceSchedule(1.0), 0.0
    last: dict[str, float] = {}
    for key, pause in steps:
        now += pause
        at = slots.take(key, now)
        assert at == pytest.approx(max(now, last.get(key, -1.0) + 1))
        last[key] = at
    slots.take("c", now + 100)

    assert 1 == len(slots)


def test_the_keys_in_memory_are_bounded() -> None:
    """The oldest lose their pace."""
    slots = PaceSchedule(10.0, most=3)
    for key in range(5):
        assert 0 == slots.take(key, 0.0)

    assert 3 == len(slots)
    assert (0, 10) == (slots.take(0, 0.0), slots.take(4, 0.0))


async def test_an_unknown_outcome_is_never_repeated() -> None:
    """By the ledger of the emulator, each message was executed once."""
    async with (
        Emulator(phone_numbers=1, qps=FAST) as emulator,
        CamsClient(
            emulator.credentials,
            endpoint=emulator.endpoint,
            qps=FAST,
            retry=RetryPolicy(base=0.001),
        ) as cams,
    ):
        emulator.faults.rate(Fault.RESET_AFTER, 0.2)
        emulator.faults.rate(Fault.RESET_BEFORE, 0.2)
        operations = [message(to=str(i), task_id=str(i)) for i in range(200)]
        outcomes = await all_of(send_all(cams, operations, pace=Pace(per_sender=5000)))
        calls = emulator.executed("SendChatappMessage")

    states = Counter(
        "sent" if each.error is None else each.error.outcome for each in outcomes
    )
    executed = {dict(call)["TaskId"] for call in calls}
    assert {1} == {*calls.values()}
    assert {"sent", "unknown"} == {*states}
    for each in outcomes:
        if each.error is None:
            assert getattr(each.operation, "task_id", "") in executed
