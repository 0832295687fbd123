"""`watch`: repetition, pauses, order, errors, the deadline and the end."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count, pairwise
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from cams_async.errors import (
    ApiError,
    AuthenticationError,
    CamsError,
    ClientClosed,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    CredentialsError,
    DeadlineExceeded,
    DecodeError,
    InvalidOperation,
    InvalidParameter,
    NotFound,
    NotOwner,
    NotSubscribed,
    PermissionDenied,
    RequestTimeout,
    ServerError,
    ThrottleUnavailable,
    ThrottlingError,
)
from cams_async.models import CodeVerificationStatus
from cams_async.operations import (
    ChatappSyncPhoneNumber,
    GetChatappTemplateDetail,
    GetChatappTemplateDetailResponse,
    Operation,
    TemplateDetail,
    VerificationStatusResponse,
)
from cams_async.poller import TERMINAL, Outcome, Outcomes, watch
from cams_async.poller.pool import _RUNNING, SPARE_SLOTS
from cams_async.protocol import HttpResponse, Request
from tests.clock import Clock
from tests.fakes import MIGRATION, make, response
from tests.senders import (
    META,
    ScriptedSender,
    index_of,
    listed,
    no_tasks_left,
    query,
    status,
    take_all,
)

STATUS = "GetPhoneNumberVerificationStatus"


async def all_of(outcomes: Outcomes[Any]) -> list[Outcome[Any]]:
    """Iterate to the end."""
    async with outcomes:
        found = [outcome async for outcome in outcomes]
        assert await no_tasks_left()
        return found


def after(times: int, code: str = "VERIFIED") -> Callable[[Any, int], Any]:
    """Return a script: pending this many times, then the given status."""
    return lambda _, before: status(code if before >= times else "NOT_VERIFIED")


# Arguments


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"until": "VERIFIED"}, "until"),
        ({"until": b"VERIFIED"}, "until"),
        ({"until": ()}, "until"),
        ({"until": None}, "until"),
        ({"until": [1]}, "until"),
        ({"until": [["VERIFIED"]]}, "until"),
        ({"every": 30}, "every"),
        ({"every": (30,)}, "every"),
        ({"every": (30, 10)}, "every"),
        ({"every": (0, 10)}, "every"),
        ({"every": (-1, 10)}, "every"),
        ({"every": (1, math.inf)}, "every"),
        ({"every": (math.nan, 10)}, "every"),
        ({"every": ("1", 10)}, "every"),
        ({"every": (1, True)}, "every"),
        ({"deadline": 0}, "deadline"),
        ({"deadline": -1}, "deadline"),
        ({"deadline": math.nan}, "deadline"),
        ({"deadline": math.inf}, "deadline"),
        ({"deadline": "10"}, "deadline"),
        ({"window": 0}, "window"),
        ({"operations": None}, "operations"),
        ({"client": None}, "client"),
    ],
    ids=str,
)
def test_an_invalid_argument_is_rejected(options: dict[str, Any], field: str) -> None:
    """The error names it, and nothing is taken."""
    source = iter([query(1)])
    arguments: dict[str, Any] = {"client": ScriptedSender(), "operations": source}
    with pytest.raises(ConfigurationError) as caught:
        watch(**{**arguments, **options})

    assert field == caught.value.field
    assert [query(1)] == list(source)


def test_verified_is_the_only_terminal_status() -> None:
    """Every other status may still become VERIFIED."""
    assert {"VERIFIED"} == set(TERMINAL)
    assert CodeVerificationStatus.VERIFIED in TERMINAL


def is_verified(response: VerificationStatusResponse) -> bool:
    """Return the same as the default `until` for a response."""
    return response.data.code_verification_status == "VERIFIED"


@pytest.mark.parametrize(
    "until",
    [
        TERMINAL,
        ["VERIFIED", "REJECTED"],
        {CodeVerificationStatus.VERIFIED},
        is_verified,
    ],
)
def test_each_number_yields_its_terminal_status(clock: Clock, until: Any) -> None:
    """The outcome has the terminal response, and counts all requests."""
    sender = ScriptedSender(after(3))
    source = map(query, range(5))

    found = clock.run(all_of(watch(sender, source, until=until)))

    assert list(range(5)) == sorted(index_of(each.operation) for each in found)
    assert {(4, None)} == {(each.attempts, each.error) for each in found}
    assert all(each.response == status() for each in found)


@pytest.mark.parametrize(
    ("options", "awaited"),
    [({}, "fail"), ({"until": {"pass"}}, "pass"), ({"until": ["paused"]}, "paused")],
)
def test_a_template_is_watched_until_its_audit_is_decided(
    clock: Clock, options: dict[str, Any], awaited: str
) -> None:
    """Or until it has one of the given statuses."""
    audits = ["unaudit", "auditing", "fail", "pass", "paused"]
    sender = ScriptedSender(
        lambda _, before: GetChatappTemplateDetailResponse(
            request_id="1",
            code="OK",
            meta=META,
            data=TemplateDetail(audit_status=audits[before]),
        )
    )
    template = GetChatappTemplateDetail(template_code="1", language="en")
    (found,) = clock.run(all_of(watch(sender, [template], **options)))

    assert found.response is not None
    assert (awaited, None) == (found.response.data.audit_status, found.error)
    assert audits.index(awaited) + 1 == found.attempts


def test_other_operations_need_a_function(clock: Clock) -> None:
    """Statuses apply to one operation only."""
    sync = ChatappSyncPhoneNumber(cust_space_id="s")
    sender = ScriptedSender(lambda _, before: listed(*[("1", None)] * before))

    def some(response: Any) -> bool:
        return len(response.phone_numbers) == 2

    by_function = clock.run(all_of(watch(sender, [sync], until=some)))
    refused = clock.run(all_of(watch(sender, [sync])))

    assert [listed(("1", None), ("1", None))] == [each.response for each in by_function]
    assert 3 == len(sender.sent)
    assert isinstance(refused[0].error, InvalidOperation)
    assert "GetPhoneNumberVerificationStatus" in str(refused[0].error)


@pytest.mark.parametrize("item", [MIGRATION, None, "a"])
def test_an_item_that_cannot_be_watched_yields_an_error(
    clock: Clock, item: Any
) -> None:
    """Repeating it could do harm, so nothing is sent."""
    sender = ScriptedSender()

    async def main() -> list[Outcome[Any]]:
        return await all_of(watch(sender, [item, query(1)], until=lambda _: True))

    bad, good = sorted(clock.run(main()), key=lambda each: each.error is None)

    assert item == bad.operation
    assert isinstance(bad.error, InvalidOperation)
    assert (None, 0, "operation") == (bad.response, bad.attempts, bad.error.field)
    assert [query(1)] == sender.sent
    assert query(1) == good.operation


def test_a_function_that_fails_ends_the_watch(clock: Clock) -> None:
    """The caller's error is raised unchanged."""
    error = ZeroDivisionError("of the caller")

    def judge(_: Any) -> bool:
        raise error

    with pytest.raises(ZeroDivisionError) as caught:
        clock.run(all_of(watch(ScriptedSender(), map(query, range(3)), until=judge)))

    assert error is caught.value


# Pauses


def test_pauses_grow_up_to_the_longest(clock: Clock) -> None:
    """Each is drawn from the upper half of its range, which doubles."""
    sender = ScriptedSender(after(12), seconds=0)

    clock.run(all_of(watch(sender, [query(1)], every=(10.0, 100.0))))

    pauses = [two - one for one, two in pairwise(sender.times)]
    expected = [10, 20, 40, 80, *[100] * 8]

    assert len(expected) == len(pauses)
    for most, pause in zip(expected, pauses, strict=True):
        assert most / 2 <= pause <= most + 0.001


def test_calls_do_not_synchronise(clock: Clock) -> None:
    """Numbers that start together are soon spread out."""
    sender = ScriptedSender(after(4), seconds=0)

    clock.run(all_of(watch(sender, map(query, range(200)), every=(60, 60), window=500)))

    last = sender.times[-200:]

    assert max(Counter(map(round, last)).values()) < 20


def test_a_slow_source_does_not_delay_due_numbers(clock: Clock) -> None:
    """A window of one serves due numbers while the source sleeps."""
    sender = ScriptedSender(after(3))

    async def source() -> AsyncIterator[Any]:
        yield query(1)
        await asyncio.sleep(10_000)
        yield query(2)

    async def main() -> None:
        began = asyncio.get_running_loop().time()
        async with watch(sender, source(), window=1) as outcomes:
            first = await anext(outcomes)

            assert query(1) == first.operation
            assert asyncio.get_running_loop().time() - began < 300
            assert query(2) == (await anext(outcomes)).operation

    clock.run(main())


def test_new_numbers_and_due_ones_alternate(clock: Clock) -> None:
    """Neither an endless source nor the pending numbers starve the other."""
    sender = ScriptedSender(after(10**6), seconds=1.0)
    kinds: list[bool] = []

    async def main() -> None:
        outcomes = watch(sender, map(query, count()), every=(1, 1), window=4)
        waiting = asyncio.ensure_future(anext(outcomes))
        await asyncio.sleep(500)
        waiting.cancel()
        await outcomes.aclose()

    clock.run(main())

    seen: set[Operation[Any]] = set()
    for each in sender.sent:
        kinds.append(each in seen)
        seen.add(each)
    half = kinds[100:]

    assert len(half) > 1000
    assert sum(half) == pytest.approx(len(half) / 2, rel=0.02)
    assert 4 == sender.most


class Server:
    """A transport whose numbers are each verified from a given time on, or never."""

    def __init__(self, verified_at: Callable[[int], float]) -> None:
        self.verified_at = verified_at
        self.arrivals: dict[int, list[float]] = {}

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Return the response after a round trip."""
        del timeout
        on_sent()
        await asyncio.sleep(0.1)
        now = asyncio.get_running_loop().time()
        number = parse_qs(urlsplit(request.url).query)["PhoneNumber"][0]
        self.arrivals.setdefault(int(number[5:]), []).append(now)
        code = (
            "VERIFIED" if now >= self.verified_at(int(number[5:])) else "NOT_VERIFIED"
        )
        data = {"CodeVerificationStatus": code, "PhoneNumber": number}
        return response({"RequestId": "i", "Code": "OK", "Data": data})

    async def aclose(self) -> None:
        """Do nothing."""


def test_many_share_the_ceiling_for_hours(clock: Clock) -> None:
    """All pending numbers are requested about equally often."""
    began = clock.now
    server = Server(lambda index: math.inf if index % 3 == 0 else began + 120.0 * index)
    transport: Any = server

    async def main() -> list[Outcome[Any]]:
        async with make(transport) as cams:
            return await all_of(
                watch(cams, map(query, range(100)), deadline=3 * 3600.0)
            )

    found = clock.run(main())

    terminal = {index_of(each.operation) for each in found if each.error is None}
    late = {index_of(each.operation) for each in found if each.error is not None}
    instants = sorted(at for each in server.arrivals.values() for at in each)
    never = [len(server.arrivals[index]) for index in range(0, 100, 3)]

    assert {index for index in range(83) if index % 3} <= terminal
    assert set(range(0, 100, 3)) <= late
    assert 100 == len(terminal) + len(late)
    assert min(never) > 0.6 * max(never)
    assert all(
        two - one > 1.0 for one, two in zip(instants, instants[10:], strict=False)
    )
    for index in terminal:
        # The longest pause plus the time that the ceiling needs for all numbers.
        assert server.arrivals[index][-1] - began - 120 * index < 600 + 60


# Errors


@pytest.mark.parametrize(
    "error",
    [
        ConnectError("no"),
        ConnectionLost("no", outcome="unknown"),
        RequestTimeout("no", outcome="unknown"),
        ServerError("no", outcome="unknown", http_status=500),
        ThrottlingError("no", code="Throttling"),
        DeadlineExceeded("of the call"),
        ThrottleUnavailable("no Redis"),
        DecodeError("no JSON", outcome="unknown"),
        ApiError("no", code="", outcome="unknown"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_transient_error_is_retried(clock: Clock, error: CamsError) -> None:
    """The number is scheduled again, and the failed requests count."""
    error.attempts = 4
    sender = ScriptedSender(lambda _, before: status() if before else error)

    found = clock.run(all_of(watch(sender, [query(1)])))

    assert [(status(), None, 5)] == [
        (each.response, each.error, each.attempts) for each in found
    ]
    assert sender.times[1] - sender.times[0] >= 15


@pytest.mark.parametrize(
    "error",
    [
        InvalidParameter("no", code="Invalid"),
        NotFound("no", code="Number.NotFound"),
        NotOwner("no", code="Unknown.ResourceOwnerId"),
        NotSubscribed("no", code="Product.Unsubscript"),
        PermissionDenied("no", code="Ram.PermissionDeny"),
        AuthenticationError("no", code="SignatureDoesNotMatch"),
        ApiError("no", code="Another"),
        DecodeError("no", outcome="executed", path="$.Data"),
        InvalidOperation("no", field="phone_number"),
        ConfigurationError("no", field="account"),
        CredentialsError("none"),
        ClientClosed("closed"),
        ClientClosed("closed", outcome="unknown"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_permanent_error_is_yielded_at_once(clock: Clock, error: CamsError) -> None:
    """The outcome includes the last response before the error."""
    error.attempts = 1
    sender = ScriptedSender(
        lambda _, before: error if before else status("NOT_VERIFIED")
    )

    found = clock.run(all_of(watch(sender, [query(1)])))

    assert [(status("NOT_VERIFIED"), error, 2)] == [
        (each.response, each.error, each.attempts) for each in found
    ]
    assert found[0].error is not None
    assert found[0].error.__traceback__ is None


# The deadline


def test_the_deadline_yields_all_pending_operations(clock: Clock) -> None:
    """They are in flight, scheduled, or just taken from the source."""

    def script(operation: Any, before: int) -> Any:
        match index_of(operation):
            case 0:
                return status()
            case 1:
                return ConnectError("no connection")
            case 2 if before:
                return ConnectionLost("lost", outcome="unknown")
            case _:
                return status("NOT_VERIFIED")

    sender = ScriptedSender(
        script, seconds=lambda each: 1e6 if index_of(each) in (4, 5) else 0.1
    )

    async def main() -> dict[int, Outcome[Any]]:
        began = asyncio.get_running_loop().time()
        outcomes = watch(sender, map(query, count()), deadline=1000.0, window=2)
        found = await all_of(outcomes)
        assert asyncio.get_running_loop().time() - began == pytest.approx(1000, abs=0.1)
        assert 0 == sender.busy
        return {index_of(each.operation): each for each in found}

    found = clock.run(main())
    errors = {index: each.error for index, each in found.items()}
    late = [each for each in errors.values() if isinstance(each, DeadlineExceeded)]

    # 4 and 5 fill the window, so 6 was taken and never sent.
    assert list(range(7)) == sorted(found)
    assert errors.pop(0) is None
    assert len(late) == len(errors)
    assert found[3].response == found[2].response == status("NOT_VERIFIED")
    assert ["executed", "executed", "unknown", "unknown", "not_sent"] == [
        late_error.outcome
        for index in (2, 3, 4, 5, 6)
        if (late_error := found[index].error) is not None
    ]
    assert {4: "in flight", 5: "in flight", 6: "queued"} == {
        index: error.phase
        for index, error in errors.items()
        if index > 3 and isinstance(error, DeadlineExceeded)
    }
    assert "The last call failed with ConnectError." in str(errors[1])
    for error in late:
        assert "GetPhoneNumberVerificationStatus: the deadline of the watch" in str(
            error
        )


def test_many_late_outcomes_do_not_block_the_loop(clock: Clock) -> None:
    """Other tasks run between them."""
    sender = ScriptedSender(after(10**6), seconds=0, qps=1000)
    permits = 0

    async def tick() -> None:
        nonlocal permits
        while True:
            await asyncio.sleep(0)
            permits += 1

    async def main() -> None:
        nonlocal permits
        outcomes = watch(sender, map(query, range(500)), deadline=100.0, every=(90, 90))
        async with outcomes:
            assert isinstance((await anext(outcomes)).error, DeadlineExceeded)
            ticking = asyncio.ensure_future(tick())
            assert 499 == len([each async for each in outcomes])
            ticking.cancel()

    clock.run(main())

    assert permits >= 499


def test_an_unused_deadline_leaves_no_timer(clock: Clock) -> None:
    """The watch ends when all statuses are terminal."""

    async def main() -> None:
        outcomes = watch(ScriptedSender(), map(query, range(5)), deadline=1e6)
        await all_of(outcomes)
        loop: Any = asyncio.get_running_loop()

        assert [] == [each for each in loop._scheduled if not each.cancelled()]

    clock.run(main())


# The end


def test_stop_drops_the_pending(clock: Clock) -> None:
    """Calls in flight yield their responses, terminal or not."""
    slow = {1: status("NOT_VERIFIED"), 2: status(), 3: ConnectError("no connection")}
    sender = ScriptedSender(
        lambda each, _: slow.get(index_of(each), status("NOT_VERIFIED")),
        seconds=lambda each: 100.0 if index_of(each) in slow else 0.1,
    )

    async def main() -> dict[int, Outcome[Any]]:
        outcomes = watch(sender, map(query, range(9)), every=(500, 500), window=5)
        waiting = asyncio.ensure_future(anext(outcomes))
        await asyncio.sleep(50)
        outcomes.stop()
        found = [await waiting, *await all_of(outcomes)]
        return {index_of(each.operation): each for each in found}

    found = clock.run(main())

    assert {1, 2, 3} == set(found)
    assert (slow[1], None) == (found[1].response, found[1].error)
    assert (slow[2], None) == (found[2].response, found[2].error)
    assert (None, slow[3]) == (found[3].response, found[3].error)


def test_stop_before_the_start_takes_nothing(clock: Clock) -> None:
    """No timer is set."""
    source = iter([query(1)])

    async def main() -> None:
        outcomes = watch(ScriptedSender(), source, deadline=10)
        outcomes.stop()

        assert [] == await all_of(outcomes)

    clock.run(main())

    assert [query(1)] == list(source)


def test_a_source_can_stop_the_watch(clock: Clock) -> None:
    """Operations that it yields afterwards are not sent."""
    sender = ScriptedSender()

    async def main() -> None:
        def source() -> Iterator[Operation[Any]]:
            yield query(1)
            outcomes.stop()
            yield query(2)

        outcomes = watch(sender, source())

        assert [query(1)] == [each.operation for each in await all_of(outcomes)]
        assert [query(1)] == sender.sent

    clock.run(main())


@pytest.mark.parametrize("at", [0.05, 20.0, 1000.0, 1000.05])
def test_aclose_ends_a_watch(clock: Clock, at: float) -> None:
    """It works during a call, during a pause, and after the deadline."""
    sender = ScriptedSender(after(10**6))

    async def main() -> None:
        outcomes = watch(sender, map(query, range(50)), deadline=1000.0)
        waiting = asyncio.ensure_future(anext(outcomes, None))
        await asyncio.sleep(at)
        await outcomes.aclose()

        assert asyncio.all_tasks() <= {asyncio.current_task(), waiting}
        assert 0 == sender.busy
        assert [] == [outcome async for outcome in outcomes]
        late = await waiting
        assert late is None or isinstance(late.error, DeadlineExceeded)
        loop: Any = asyncio.get_running_loop()
        assert [] == [each for each in loop._scheduled if not each.cancelled()]

    clock.run(main())


def test_dropping_it_ends_a_watch(clock: Clock) -> None:
    """The timer of its deadline does not keep it alive."""
    sender = ScriptedSender(
        lambda each, _: status() if each == query(0) else status("A")
    )

    async def main() -> None:
        async for outcome in watch(sender, map(query, range(50)), deadline=1e6):
            assert query(0) == outcome.operation
            break

        assert await no_tasks_left()
        assert set() == _RUNNING

    clock.run(main())


class SourceError(Exception):
    """An error of a source."""


def test_a_source_that_raises_ends_a_watch_last(clock: Clock) -> None:
    """All operations taken yield their outcomes first."""

    def source() -> Iterator[Operation[Any]]:
        yield from map(query, range(3))
        raise SourceError

    async def main() -> None:
        found: list[Any] = []
        outcomes = watch(ScriptedSender(after(5)), source())
        with pytest.raises(SourceError):
            await take_all(outcomes, found)

        assert [6, 6, 6] == [each.attempts for each in found]
        assert await no_tasks_left()

    clock.run(main())


# Random plans


@frozen
class Plan:
    """The behaviour of source, sender and consumer in one example."""

    seed: int
    count: int
    window: int | None
    deadline: float | None
    ends: str
    ends_at: int
    slow: bool
    trickles: bool


PLANS = st.builds(
    Plan,
    seed=st.integers(0, 2**32),
    count=st.integers(0, 30),
    window=st.one_of(st.none(), st.integers(1, 6)),
    deadline=st.one_of(st.none(), st.floats(0.1, 3000)),
    ends=st.sampled_from(["never", "stop", "aclose"]),
    ends_at=st.integers(0, 20),
    slow=st.booleans(),
    trickles=st.booleans(),
)


def unreliable(random: Random) -> Callable[[Any, int], Any]:
    """Return a script in which some calls are lost, some fail, others succeed."""

    def script(_: Any, before: int) -> Any:
        roll = random.random()
        if roll < 0.2:
            return ConnectionLost("lost", outcome="unknown")
        if roll < 0.3:
            return NotFound("no", code="no")
        return status("VERIFIED" if roll > 0.7 or before > 8 else "NOT_VERIFIED")

    return script


async def consume(plan: Plan, outcomes: Outcomes[Any]) -> list[Outcome[Any]]:
    """Iterate as planned."""
    random = Random(plan.seed)
    found: list[Outcome[Any]] = []
    async with outcomes:
        async for outcome in outcomes:
            found.append(outcome)
            if len(found) == plan.ends_at and plan.ends == "stop":
                outcomes.stop()
            if len(found) == plan.ends_at and plan.ends == "aclose":
                await outcomes.aclose()
            if plan.slow:
                await asyncio.sleep(random.random() * 30)
    assert await no_tasks_left()
    assert set() == _RUNNING
    return found


@given(plan=PLANS)
def test_each_operation_yields_exactly_one_outcome(plan: Plan) -> None:
    """It is terminal, rejected or late, unless the consumer ends the watch."""
    random = Random(plan.seed)
    taken: list[int] = []

    def source() -> Iterator[Operation[Any]]:
        for index in range(plan.count):
            taken.append(index)
            yield query(index)

    async def trickle() -> AsyncIterator[Operation[Any]]:
        for index in range(plan.count):
            await asyncio.sleep(random.random() * 20)
            taken.append(index)
            yield query(index)

    sender = ScriptedSender(
        unreliable(random), seconds=lambda _: random.random(), qps=1.0
    )
    outcomes = watch(
        sender,
        trickle() if plan.trickles else source(),
        deadline=plan.deadline,
        window=plan.window,
    )

    found = Clock().run(consume(plan, outcomes))

    came = [index_of(each.operation) for each in found]

    assert len(set(came)) == len(came)
    assert set(came) <= set(taken)
    assert sender.most <= (2 * 1 + SPARE_SLOTS if plan.window is None else plan.window)
    assert 0 == sender.busy
    assert all(each.response is not None for each in found if each.error is None)
    if plan.ends == "never" or not 0 < plan.ends_at <= len(came):
        assert sorted(taken) == sorted(came)
        assert plan.deadline is not None or plan.count == len(came)
