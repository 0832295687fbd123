"""Numbers that are asked again and again: how often, how long, in what order."""

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
    Operation,
    VerificationStatusResponse,
)
from cams_async.poller import TERMINAL, Outcome, Outcomes, watch
from cams_async.poller.pool import _RUNNING, SPARE_SLOTS
from cams_async.protocol import HttpResponse, Request
from tests.clock import Clock
from tests.fakes import MIGRATION, make, response
from tests.senders import (
    ScriptedSender,
    ask,
    listed,
    no_tasks_left,
    place_of,
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
    """Return a script: pending so many times, then that status."""
    return lambda _, before: status(code if before >= times else "NOT_VERIFIED")


# What it is given


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
def test_an_unusable_argument_is_named(options: dict[str, Any], field: str) -> None:
    """At once, and nothing is taken."""
    source = iter([ask(1)])
    arguments: dict[str, Any] = {"client": ScriptedSender(), "operations": source}
    with pytest.raises(ConfigurationError) as caught:
        watch(**{**arguments, **options})

    assert field == caught.value.field
    assert [ask(1)] == list(source)


def test_verified_is_where_numbers_stay() -> None:
    """Every other status may still become that."""
    assert {"VERIFIED"} == set(TERMINAL)
    assert CodeVerificationStatus.VERIFIED in TERMINAL


def is_verified(response: VerificationStatusResponse) -> bool:
    """Judge an answer as the default does."""
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
def test_each_comes_out_once_it_has_settled(clock: Clock, until: Any) -> None:
    """With the answer that settled it, and all requests counted."""
    sender = ScriptedSender(after(3))
    source = map(ask, range(5))

    found = clock.run(all_of(watch(sender, source, until=until)))

    assert list(range(5)) == sorted(place_of(each.operation) for each in found)
    assert {(4, None)} == {(each.attempts, each.error) for each in found}
    assert all(each.response == status() for each in found)


def test_other_operations_need_a_function(clock: Clock) -> None:
    """Only one operation has the status that a collection is about."""
    sync = ChatappSyncPhoneNumber(cust_space_id="s")
    sender = ScriptedSender(lambda _, before: listed(*[("1", None)] * before))

    def some(response: Any) -> bool:
        return len(response.phone_numbers) == 2

    by_function = clock.run(all_of(watch(sender, [sync], until=some)))
    refused = clock.run(all_of(watch(sender, [sync])))

    assert [listed(("1", None), ("1", None))] == [each.response for each in by_function]
    assert 3 == len(sender.asked)
    assert isinstance(refused[0].error, InvalidOperation)
    assert "GetPhoneNumberVerificationStatus" in str(refused[0].error)


@pytest.mark.parametrize("item", [MIGRATION, None, "a"])
def test_what_cannot_be_watched_is_one_bad_item(clock: Clock, item: Any) -> None:
    """Asking twice could do harm: nothing is sent at all."""
    sender = ScriptedSender()

    async def main() -> list[Outcome[Any]]:
        return await all_of(watch(sender, [item, ask(1)], until=lambda _: True))

    bad, good = sorted(clock.run(main()), key=lambda each: each.error is None)

    assert item == bad.operation
    assert isinstance(bad.error, InvalidOperation)
    assert (None, 0, "operation") == (bad.response, bad.attempts, bad.error.field)
    assert [ask(1)] == sender.asked
    assert ask(1) == good.operation


def test_a_function_that_fails_ends_the_watch(clock: Clock) -> None:
    """Its error is the caller's own, and raised as it is."""
    error = ZeroDivisionError("of the caller")

    def judge(_: Any) -> bool:
        raise error

    with pytest.raises(ZeroDivisionError) as caught:
        clock.run(all_of(watch(ScriptedSender(), map(ask, range(3)), until=judge)))

    assert error is caught.value


# Pauses


def test_pauses_grow_up_to_the_longest(clock: Clock) -> None:
    """Each is drawn from half of the doubled one to all of it."""
    sender = ScriptedSender(after(12), seconds=0)

    clock.run(all_of(watch(sender, [ask(1)], every=(10.0, 100.0))))

    pauses = [two - one for one, two in pairwise(sender.times)]
    expected = [10, 20, 40, 80, *[100] * 8]

    assert len(expected) == len(pauses)
    for most, pause in zip(expected, pauses, strict=True):
        assert most / 2 <= pause <= most + 0.001


def test_numbers_do_not_march_in_step(clock: Clock) -> None:
    """However many begin at once, soon they are spread."""
    sender = ScriptedSender(after(4), seconds=0)

    clock.run(all_of(watch(sender, map(ask, range(200)), every=(60, 60), window=500)))

    last = sender.times[-200:]

    assert max(Counter(map(round, last)).values()) < 20


def test_a_source_that_takes_its_time_does_not_hold_up_the_rest(clock: Clock) -> None:
    """With one place only, those that are due are asked while it sleeps."""
    sender = ScriptedSender(after(3))

    async def source() -> AsyncIterator[Any]:
        yield ask(1)
        await asyncio.sleep(10_000)
        yield ask(2)

    async def main() -> None:
        began = asyncio.get_running_loop().time()
        async with watch(sender, source(), window=1) as outcomes:
            first = await anext(outcomes)

            assert ask(1) == first.operation
            assert asyncio.get_running_loop().time() - began < 300
            assert ask(2) == (await anext(outcomes)).operation

    clock.run(main())


def test_new_numbers_and_due_ones_take_turns(clock: Clock) -> None:
    """An endless source does not starve the pending, nor they the source."""
    sender = ScriptedSender(after(10**6), seconds=1.0)
    kinds: list[bool] = []

    async def main() -> None:
        outcomes = watch(sender, map(ask, count()), every=(1, 1), window=4)
        waiting = asyncio.ensure_future(anext(outcomes))
        await asyncio.sleep(500)
        waiting.cancel()
        await outcomes.aclose()

    clock.run(main())

    seen: set[Operation[Any]] = set()
    for each in sender.asked:
        kinds.append(each in seen)
        seen.add(each)
    half = kinds[100:]

    assert len(half) > 1000
    assert sum(half) == pytest.approx(len(half) / 2, rel=0.02)
    assert 4 == sender.most


class Server:
    """A transport: each number is verified from some moment on, or never."""

    def __init__(self, settles: Callable[[int], float]) -> None:
        self.settles = settles
        self.arrivals: dict[int, list[float]] = {}

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Answer after a round trip."""
        del timeout
        on_sent()
        await asyncio.sleep(0.1)
        now = asyncio.get_running_loop().time()
        number = parse_qs(urlsplit(request.url).query)["PhoneNumber"][0]
        self.arrivals.setdefault(int(number[5:]), []).append(now)
        code = "VERIFIED" if now >= self.settles(int(number[5:])) else "NOT_VERIFIED"
        data = {"CodeVerificationStatus": code, "PhoneNumber": number}
        return response({"RequestId": "i", "Code": "OK", "Data": data})

    async def aclose(self) -> None:
        """Do nothing."""


def test_many_share_the_ceiling_for_hours(clock: Clock) -> None:
    """A number that never settles starves nobody: all are asked about as often."""
    began = clock.now
    server = Server(lambda place: math.inf if place % 3 == 0 else began + 120.0 * place)
    transport: Any = server

    async def main() -> list[Outcome[Any]]:
        async with make(transport) as cams:
            return await all_of(watch(cams, map(ask, range(100)), deadline=3 * 3600.0))

    found = clock.run(main())

    settled = {place_of(each.operation) for each in found if each.error is None}
    late = {place_of(each.operation) for each in found if each.error is not None}
    instants = sorted(at for each in server.arrivals.values() for at in each)
    never = [len(server.arrivals[place]) for place in range(0, 100, 3)]

    assert {place for place in range(83) if place % 3} <= settled
    assert set(range(0, 100, 3)) <= late
    assert 100 == len(settled) + len(late)
    assert min(never) > 0.6 * max(never)
    assert all(
        two - one > 1.0 for one, two in zip(instants, instants[10:], strict=False)
    )
    for place in settled:
        # Within the longest pause, and the time that the ceiling takes for all.
        assert server.arrivals[place][-1] - began - 120 * place < 600 + 60


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
def test_a_passing_error_is_asked_again(clock: Clock, error: CamsError) -> None:
    """Like any number that has not settled, and its requests count."""
    error.attempts = 4
    sender = ScriptedSender(lambda _, before: status() if before else error)

    found = clock.run(all_of(watch(sender, [ask(1)])))

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
def test_an_error_that_stays_comes_out_at_once(clock: Clock, error: CamsError) -> None:
    """With the last answer seen, which may tell what was there before."""
    error.attempts = 1
    sender = ScriptedSender(
        lambda _, before: error if before else status("NOT_VERIFIED")
    )

    found = clock.run(all_of(watch(sender, [ask(1)])))

    assert [(status("NOT_VERIFIED"), error, 2)] == [
        (each.response, each.error, each.attempts) for each in found
    ]
    assert found[0].error is not None
    assert found[0].error.__traceback__ is None


# The deadline


def test_at_the_deadline_all_pending_come_out(clock: Clock) -> None:
    """What is being asked, what waits, and what has just been taken."""

    def script(operation: Any, before: int) -> Any:
        match place_of(operation):
            case 0:
                return status()
            case 1:
                return ConnectError("no connection")
            case 2 if before:
                return ConnectionLost("lost", outcome="unknown")
            case _:
                return status("NOT_VERIFIED")

    sender = ScriptedSender(
        script, seconds=lambda each: 1e6 if place_of(each) in (4, 5) else 0.1
    )

    async def main() -> dict[int, Outcome[Any]]:
        began = asyncio.get_running_loop().time()
        outcomes = watch(sender, map(ask, count()), deadline=1000.0, window=2)
        found = await all_of(outcomes)
        assert asyncio.get_running_loop().time() - began == pytest.approx(1000, abs=0.1)
        assert 0 == sender.busy
        return {place_of(each.operation): each for each in found}

    found = clock.run(main())
    errors = {place: each.error for place, each in found.items()}
    late = [each for each in errors.values() if isinstance(each, DeadlineExceeded)]

    # The window is full with 4 and 5, so 6 was taken and never asked.
    assert list(range(7)) == sorted(found)
    assert errors.pop(0) is None
    assert len(late) == len(errors)
    assert found[3].response == found[2].response == status("NOT_VERIFIED")
    assert ["executed", "executed", "unknown", "unknown", "not_sent"] == [
        late_error.outcome
        for place in (2, 3, 4, 5, 6)
        if (late_error := found[place].error) is not None
    ]
    assert {4: "in flight", 5: "in flight", 6: "queued"} == {
        place: error.phase
        for place, error in errors.items()
        if place > 3 and isinstance(error, DeadlineExceeded)
    }
    assert "The last call failed with ConnectError." in str(errors[1])
    for error in late:
        assert "GetPhoneNumberVerificationStatus: the deadline of the watch" in str(
            error
        )


def test_many_that_are_late_do_not_block_the_loop(clock: Clock) -> None:
    """Others have their turn between them."""
    sender = ScriptedSender(after(10**6), seconds=0, qps=1000)
    permits = 0

    async def tick() -> None:
        nonlocal permits
        while True:
            await asyncio.sleep(0)
            permits += 1

    async def main() -> None:
        nonlocal permits
        outcomes = watch(sender, map(ask, range(500)), deadline=100.0, every=(90, 90))
        async with outcomes:
            assert isinstance((await anext(outcomes)).error, DeadlineExceeded)
            ticking = asyncio.ensure_future(tick())
            assert 499 == len([each async for each in outcomes])
            ticking.cancel()

    clock.run(main())

    assert permits >= 499


def test_a_deadline_that_is_not_needed_leaves_no_timer(clock: Clock) -> None:
    """The watch ends when all have settled."""

    async def main() -> None:
        outcomes = watch(ScriptedSender(), map(ask, range(5)), deadline=1e6)
        await all_of(outcomes)
        loop: Any = asyncio.get_running_loop()

        assert [] == [each for each in loop._scheduled if not each.cancelled()]

    clock.run(main())


# The end


def test_stop_drops_the_pending(clock: Clock) -> None:
    """What is being asked comes out with its answer, settled or not."""
    slow = {1: status("NOT_VERIFIED"), 2: status(), 3: ConnectError("no connection")}
    sender = ScriptedSender(
        lambda each, _: slow.get(place_of(each), status("NOT_VERIFIED")),
        seconds=lambda each: 100.0 if place_of(each) in slow else 0.1,
    )

    async def main() -> dict[int, Outcome[Any]]:
        outcomes = watch(sender, map(ask, range(9)), every=(500, 500), window=5)
        waiting = asyncio.ensure_future(anext(outcomes))
        await asyncio.sleep(50)
        outcomes.stop()
        found = [await waiting, *await all_of(outcomes)]
        return {place_of(each.operation): each for each in found}

    found = clock.run(main())

    assert {1, 2, 3} == set(found)
    assert (slow[1], None) == (found[1].response, found[1].error)
    assert (slow[2], None) == (found[2].response, found[2].error)
    assert (None, slow[3]) == (found[3].response, found[3].error)


def test_stop_before_the_start_takes_nothing(clock: Clock) -> None:
    """Not even a timer is set."""
    source = iter([ask(1)])

    async def main() -> None:
        outcomes = watch(ScriptedSender(), source, deadline=10)
        outcomes.stop()

        assert [] == await all_of(outcomes)

    clock.run(main())

    assert [ask(1)] == list(source)


def test_a_source_can_stop_the_watch(clock: Clock) -> None:
    """What it yields after that is not asked."""
    sender = ScriptedSender()

    async def main() -> None:
        def source() -> Iterator[Operation[Any]]:
            yield ask(1)
            outcomes.stop()
            yield ask(2)

        outcomes = watch(sender, source())

        assert [ask(1)] == [each.operation for each in await all_of(outcomes)]
        assert [ask(1)] == sender.asked

    clock.run(main())


@pytest.mark.parametrize("at", [0.05, 20.0, 1000.0, 1000.05])
def test_aclose_ends_a_watch(clock: Clock, at: float) -> None:
    """While it asks, while it waits, and while it hands out what was late."""
    sender = ScriptedSender(after(10**6))

    async def main() -> None:
        outcomes = watch(sender, map(ask, range(50)), deadline=1000.0)
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
    sender = ScriptedSender(lambda each, _: status() if each == ask(0) else status("A"))

    async def main() -> None:
        async for outcome in watch(sender, map(ask, range(50)), deadline=1e6):
            assert ask(0) == outcome.operation
            break

        assert await no_tasks_left()
        assert set() == _RUNNING

    clock.run(main())


class SourceError(Exception):
    """Of a source."""


def test_a_source_that_raises_ends_a_watch_last(clock: Clock) -> None:
    """All that were taken settle first."""

    def source() -> Iterator[Operation[Any]]:
        yield from map(ask, range(3))
        raise SourceError

    async def main() -> None:
        found: list[Any] = []
        outcomes = watch(ScriptedSender(after(5)), source())
        with pytest.raises(SourceError):
            await take_all(outcomes, found)

        assert [6, 6, 6] == [each.attempts for each in found]
        assert await no_tasks_left()

    clock.run(main())


# Whatever happens


@frozen
class Plan:
    """One way in which source, sender and consumer may behave."""

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


def moody(random: Random) -> Callable[[Any, int], Any]:
    """Return a script: some are lost, some fail, all of the others settle."""

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
def test_whatever_happens_each_comes_out_once(plan: Plan) -> None:
    """Settled, refused or late; or it was given up by the consumer."""
    random = Random(plan.seed)
    taken: list[int] = []

    def source() -> Iterator[Operation[Any]]:
        for place in range(plan.count):
            taken.append(place)
            yield ask(place)

    async def trickle() -> AsyncIterator[Operation[Any]]:
        for place in range(plan.count):
            await asyncio.sleep(random.random() * 20)
            taken.append(place)
            yield ask(place)

    sender = ScriptedSender(moody(random), seconds=lambda _: random.random(), qps=1.0)
    outcomes = watch(
        sender,
        trickle() if plan.trickles else source(),
        deadline=plan.deadline,
        window=plan.window,
    )

    found = Clock().run(consume(plan, outcomes))

    came = [place_of(each.operation) for each in found]

    assert len(set(came)) == len(came)
    assert set(came) <= set(taken)
    assert sender.most <= (2 * 1 + SPARE_SLOTS if plan.window is None else plan.window)
    assert 0 == sender.busy
    assert all(each.response is not None for each in found if each.error is None)
    if plan.ends == "never" or not 0 < plan.ends_at <= len(came):
        assert sorted(taken) == sorted(came)
        assert plan.deadline is not None or plan.count == len(came)
