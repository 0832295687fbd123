"""Retries of calls, in simulated time: their safety, duration and cost."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from multidict import CIMultiDict

from cams_async.emulator.ceilings import BackgroundLoad, SlidingWindow
from cams_async.errors import (
    ApiError,
    CamsError,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    DeadlineExceeded,
    DecodeError,
    InvalidParameter,
    PermitExpired,
    RequestTimeout,
    ThrottlingError,
)
from cams_async.operations import Operation
from cams_async.protocol import HttpResponse, Request
from cams_async.retry import RetryPolicy
from cams_async.throttle import LocalThrottle
from tests.clock import Clock
from tests.fakes import (
    ACTION,
    HINT,
    IN_TIME,
    LATE,
    LOST,
    MIGRATION,
    NOT_SENT,
    OVERLOADED,
    STATUS,
    THROTTLED,
    VERIFIED,
    AlwaysRetry,
    ExpiringPermit,
    FixedDelay,
    NoRetry,
    RecordingTransport,
    Step,
    UnboundedPolicy,
    Watched,
    fail,
    make,
    refusal,
    response,
    send,
)

UNKNOWN: list[Step] = [
    LOST,
    LATE,
    refusal("InternalError", 500),
    refusal("SignatureNonceUsed"),
    HttpResponse(200, CIMultiDict(), b"<html>"),
    HttpResponse(503, CIMultiDict(), b"<html>"),
]
"""Failures that do not prove whether the call was executed."""


REFUSED: list[Step] = [
    refusal("InvalidParameter.PhoneNumberError"),
    refusal("Ram.PermissionDeny"),
    refusal("SomethingNew"),
    response({"Code": "OK", "RequestId": "i", "Data": "wrong"}),
]
"""Sending these again is of no use."""


class TestSafety:
    """The safety of retries by outcome."""

    @pytest.mark.parametrize("operation", [STATUS, MIGRATION], ids=["SAFE", "NEVER"])
    @pytest.mark.parametrize(
        "step", [NOT_SENT, RequestTimeout("connecting"), THROTTLED]
    )
    def test_what_was_not_executed_is_sent_again(
        self, step: Step, operation: Operation[Any], clock: Clock
    ) -> None:
        """Every operation behaves alike."""
        transport = RecordingTransport(step, VERIFIED)
        response = send(clock, transport, operation)

        assert (2, 2) == (len(transport.seen), response.meta.attempts)

    @pytest.mark.parametrize("step", UNKNOWN, ids=str)
    def test_an_unknown_outcome_is_sent_again_where_that_is_safe(
        self, step: Step, clock: Clock
    ) -> None:
        """A read, or a synchronisation."""
        transport = RecordingTransport(step, VERIFIED)
        response = send(clock, transport)

        assert (2, 2) == (len(transport.seen), response.meta.attempts)

    @pytest.mark.parametrize("step", UNKNOWN, ids=str)
    def test_no_policy_makes_an_unsafe_call_be_sent_twice(
        self, step: Step, clock: Clock
    ) -> None:
        """The error names the action that finds out."""
        transport = RecordingTransport(step, VERIFIED)
        error = fail(clock, transport, MIGRATION, retry=AlwaysRetry())

        assert len(transport.seen) == 1
        assert ("ChatappMigrationVerified", 1, "unknown") == (
            error.action,
            error.attempts,
            error.outcome,
        )
        assert error.hint == HINT

    @pytest.mark.parametrize("step", REFUSED, ids=str)
    def test_what_was_refused_or_done_is_not_sent_again(
        self, step: Step, clock: Clock
    ) -> None:
        """Not even a read, with a policy that always retries."""
        transport = RecordingTransport(step, VERIFIED)
        error = fail(clock, transport, retry=AlwaysRetry())

        assert isinstance(error, (ApiError, DecodeError))
        assert len(transport.seen) == 1
        assert error.hint is None

    @pytest.mark.parametrize("step", [NOT_SENT, LOST, THROTTLED])
    def test_one_attempt_means_never_again(self, step: Step, clock: Clock) -> None:
        """`RetryPolicy(attempts=1)` switches retries off."""
        transport = RecordingTransport(step, VERIFIED)
        error = fail(clock, transport, retry=RetryPolicy(attempts=1))

        assert (1, 1) == (len(transport.seen), error.attempts)

    def test_attempts_are_bounded(self, clock: Clock) -> None:
        """Four by default; the last error is raised."""
        transport = RecordingTransport(NOT_SENT, NOT_SENT, NOT_SENT, LOST)
        error = fail(clock, transport)

        assert isinstance(error, ConnectionLost)
        assert (4, 4) == (len(transport.seen), error.attempts)

    def test_each_retry_has_a_signature_of_its_own(
        self, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With a nonce of its own, and the date of its own send."""
        monkeypatch.setattr(time, "time", clock.monotonic)
        transport = RecordingTransport(NOT_SENT, LOST, VERIFIED)
        send(clock, transport, retry=FixedDelay(60))
        dates = [datetime.fromisoformat(d) for d in transport.header("x-acs-date")]

        assert [timedelta(minutes=1)] * 2 == [b - a for a, b in pairwise(dates)]
        assert len(set(transport.header("x-acs-signature-nonce"))) == 3
        assert len(set(transport.header("authorization"))) == 3
        assert all(len(n) == 32 for n in transport.header("x-acs-signature-nonce"))

    def test_a_resend_keeps_its_ticket(self, clock: Clock) -> None:
        """It is throttled like any call, and goes before those who came later."""
        throttle = Watched()
        send(clock, RecordingTransport(THROTTLED, LOST, VERIFIED), throttle=throttle)
        first, second, third = throttle.tickets

        assert first is None
        assert second is not None
        assert second == third

    def test_an_outcome_once_unknown_stays_unknown(self, clock: Clock) -> None:
        """A refusal of the second request proves nothing about the first."""
        transport = RecordingTransport(LOST, refusal("InvalidParameter"))
        error = fail(clock, transport)

        assert isinstance(error, InvalidParameter)
        assert ("unknown", 2) == (error.outcome, error.attempts)

    def test_the_policy_receives_all_facts(self, clock: Clock) -> None:
        """The error, the attempts, the seconds so far and a random number."""
        policy = FixedDelay(5)
        send(clock, RecordingTransport(LOST, NOT_SENT, VERIFIED), retry=policy)
        first, second = policy.calls

        assert (ConnectionLost, 1) == first[:2]
        assert (ConnectError, 2) == second[:2]
        assert second[2] == pytest.approx(first[2] + 5, abs=0.01)
        assert 0 <= first[3] < 1
        assert first[3] != second[3]

    def test_the_policys_wait_is_waited(self, clock: Clock) -> None:
        """On the loop's clock."""
        before = clock.now
        send(clock, RecordingTransport(NOT_SENT, VERIFIED), retry=FixedDelay(30))

        assert clock.now - before == pytest.approx(30, abs=0.1)

    def test_a_policy_may_give_up(self, clock: Clock) -> None:
        """None means no more."""
        transport = RecordingTransport(NOT_SENT, VERIFIED)
        error = fail(clock, transport, retry=FixedDelay(None))

        assert isinstance(error, ConnectError)
        assert len(transport.seen) == 1

    @pytest.mark.parametrize("wait", [math.nan, -1.0, math.inf])
    def test_a_policys_nonsense_is_refused(self, wait: float, clock: Clock) -> None:
        """It is named, and so is what had gone wrong."""
        transport = RecordingTransport(NOT_SENT, VERIFIED)
        error = fail(clock, transport, retry=FixedDelay(wait))

        assert isinstance(error, ConfigurationError)
        assert error.field == "retry"
        assert isinstance(error.__cause__, ConnectError)
        assert len(transport.seen) == 1

    def test_a_resend_is_warned_of(
        self, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One line, with the action, the attempt and the outcome."""
        with caplog.at_level(logging.WARNING, "cams_async"):
            send(clock, RecordingTransport(LOST, VERIFIED), retry=FixedDelay(2))
        (record,) = caplog.records

        assert (
            f"{ACTION}: attempt 1 failed (ConnectionLost, unknown), next in 2.00 s"
            == record.getMessage()
        )

    def test_each_attempt_is_one_line_at_debug(
        self, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The outcome, the code and the request id."""
        with caplog.at_level(logging.DEBUG, "cams_async"):
            send(clock, RecordingTransport(LOST, refusal("Throttling"), VERIFIED))
        lines = [
            record.getMessage()
            for record in caplog.records
            if (record.name, record.levelname) == ("cams_async", "DEBUG")
        ]

        assert lines == [
            f"{ACTION}: attempt 1: unknown, ConnectionLost, request id None",
            f"{ACTION}: attempt 2: rejected, ThrottlingError, request id id-no",
            f"{ACTION}: attempt 3: executed, OK, request id id-ok",
        ]


class TestBudget:
    """A bound on resends over all calls of a client."""

    def test_a_dead_server_exhausts_it(self, clock: Clock) -> None:
        """A hundred resends, whatever the policy."""
        transport = RecordingTransport(NOT_SENT)
        error = fail(clock, transport, retry=AlwaysRetry(), qps={ACTION: 1000})

        assert isinstance(error, ConnectError)
        assert (101, 101) == (len(transport.seen), error.attempts)

    def test_with_options_shares_it(self, clock: Clock) -> None:
        """A second way to the same client opens no second budget."""
        transport = RecordingTransport(NOT_SENT)

        async def main() -> None:
            async with make(transport, retry=AlwaysRetry(), qps={ACTION: 1000}) as cams:
                for one in (cams, cams.with_options(timeout=1)):
                    with pytest.raises(ConnectError):
                        await one.send(STATUS)

        clock.run(main())

        assert len(transport.seen) == 102

    def test_a_success_earns_it_back(self, clock: Clock) -> None:
        """Calls that each succeed at the second attempt never exhaust it."""
        steps: list[Step] = [NOT_SENT, VERIFIED]
        transport = RecordingTransport(*steps * 150, VERIFIED)

        async def main() -> None:
            async with make(transport, retry=AlwaysRetry(), qps={ACTION: 1000}) as cams:
                for _ in range(150):
                    await cams.send(STATUS)

        clock.run(main())

        assert len(transport.seen) == 300

    def test_throttled_calls_cost_nothing(self, clock: Clock) -> None:
        """The queue bounds them already."""
        transport = RecordingTransport(*[THROTTLED] * 150, VERIFIED)
        response = send(clock, transport, retry=AlwaysRetry(), qps={ACTION: 1000})

        assert response.meta.attempts == 151


class BoundedPolicy(UnboundedPolicy):
    """A policy of a user's own, with a bound."""

    def __init__(self, throttled_for: Any) -> None:
        self.throttled_for = throttled_for


class UninitializedPolicy(RetryPolicy):
    """A subclass that does not initialize its base, so that it has no attributes."""

    def __init__(self) -> None:
        pass

    def delay(self, *_: object, **__: object) -> Any:
        """Return no wait at all."""
        return 0.0


class TestFlowControl:
    """Refusals are bounded by time, not by number."""

    @pytest.mark.parametrize("step", [THROTTLED, OVERLOADED])
    def test_refusals_do_not_use_up_the_attempts(
        self, step: HttpResponse, clock: Clock
    ) -> None:
        """Ten of them, then three failures: the call still goes through."""
        steps: list[Step] = [*[step] * 10, *[LOST] * 3, VERIFIED]
        response = send(clock, RecordingTransport(*steps), retry=RetryPolicy(base=0))

        assert response.meta.attempts == 14

    @pytest.mark.parametrize("step", [THROTTLED, OVERLOADED])
    @pytest.mark.parametrize(
        ("options", "bound"),
        [
            ({}, 60),
            ({"retry": RetryPolicy(throttled_for=7)}, 7),
            ({"retry": RetryPolicy(attempts=2, throttled_for=300)}, 300),
            ({"retry": UnboundedPolicy()}, 60),
            ({"retry": BoundedPolicy(7)}, 7),
            ({"retry": UninitializedPolicy()}, 60),
        ],
        ids=["default", "short", "long", "of a user's own", "with a bound", "bare"],
    )
    def test_without_a_deadline_the_policys_bound_ends_it(
        self, options: dict[str, Any], bound: float, step: HttpResponse, clock: Clock
    ) -> None:
        """From the first refusal on; the error counts all that was sent."""
        before = clock.now
        transport = RecordingTransport(step)
        error = fail(clock, transport, **options)

        assert isinstance(error, ThrottlingError)
        assert bound <= clock.now - before < bound + 4
        assert error.attempts == len(transport.seen) > 4

    def test_the_bound_begins_with_the_first_refusal(self, clock: Clock) -> None:
        """The time in the queue before does not count."""
        policy = RetryPolicy(throttled_for=5)

        async def main() -> None:
            steps: list[Step] = [VERIFIED, THROTTLED, VERIFIED]
            options = {"qps": {ACTION: 0.1}, "retry": policy}
            async with make(RecordingTransport(*steps), **options) as cams:
                await asyncio.gather(cams.send(STATUS), cams.send(STATUS))

        clock.run(main())

    @pytest.mark.parametrize("deadline", [20, 200])
    def test_a_deadline_is_the_bound(self, deadline: float, clock: Clock) -> None:
        """Longer or shorter than the policy's."""
        before = clock.now
        error = fail(clock, RecordingTransport(THROTTLED), deadline=deadline)

        assert isinstance(error, (ThrottlingError, DeadlineExceeded))
        assert deadline - 3 < clock.now - before < deadline + 0.1

    @pytest.mark.parametrize("retry", [RetryPolicy(attempts=1), NoRetry()])
    def test_a_policy_can_refuse_retries(self, retry: Any, clock: Clock) -> None:
        """At the first refusal."""
        error = fail(clock, RecordingTransport(THROTTLED), retry=retry)

        assert isinstance(error, ThrottlingError)
        assert error.attempts == 1

    def test_an_unsafe_call_is_not_repeated_after_a_refusal_by_5xx(
        self, clock: Clock
    ) -> None:
        """It may have been executed."""
        error = fail(
            clock, RecordingTransport(OVERLOADED), MIGRATION, retry=AlwaysRetry()
        )

        assert (1, "unknown") == (error.attempts, error.outcome)

    def test_no_call_fails_beside_a_tenant_that_takes_all_and_leaves(
        self, clock: Clock
    ) -> None:
        """0 of 600 calls, however often each was refused."""
        server = SharedServer(clock, leaves_after=45.0)

        async def main() -> list[Any]:
            async with make(server) as cams:
                return await asyncio.gather(
                    *[cams.send(STATUS) for _ in range(600)], return_exceptions=True
                )

        results = clock.run(main())

        assert [] == [each for each in results if isinstance(each, BaseException)]
        assert server.refused > 40
        assert max(each.meta.attempts for each in results) > 4


class SharedServer(RecordingTransport):
    """A server at 10 calls per second, all of which another caller uses at first."""

    def __init__(self, clock: Clock, *, leaves_after: float) -> None:
        super().__init__(VERIFIED)
        self.clock = clock
        self.until = clock.now + leaves_after
        self.policy = SlidingWindow(10)
        self.background_load = BackgroundLoad(self.policy)
        self.refused = 0

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Judge the call by what the two have used."""
        now = self.clock.now
        qps = 1000.0 if now < self.until else 0.0
        self.background_load.catch_up(qps, now, now)
        passes = self.policy.take(now, now)
        self.refused += not passes
        self.steps.clear()
        self.steps.append(VERIFIED if passes else THROTTLED)
        return await super().exchange(request, timeout=timeout, on_sent=on_sent)


class ImmediateTransport(RecordingTransport):
    """Fails without awaiting anything."""

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Fail, or refuse."""
        del timeout
        self.seen.append(request)
        step = self.steps[0]
        if isinstance(step, CamsError):
            raise type(step)(*step.args, outcome=step.outcome)
        on_sent()
        assert isinstance(step, HttpResponse)
        return step


class ImmediateThrottle(LocalThrottle):
    """Returns permits without awaiting anything."""

    def acquire(self, *_: object, **__: object) -> Any:
        """Return a turn."""
        return ExpiringPermit([], iter([IN_TIME]))


class TestEventLoop:
    """No loop of retries keeps the event loop from running."""

    @pytest.mark.parametrize(
        "step",
        [NOT_SENT, LOST, THROTTLED, OVERLOADED, PermitExpired("late")],
        ids=str,
    )
    def test_other_tasks_run_between_two_rounds(self, step: Step, clock: Clock) -> None:
        """Every kind of immediate failure, under a policy without an end."""
        transport = ImmediateTransport(step)
        options = {"throttle": ImmediateThrottle(), "retry": AlwaysRetry()}

        async def main() -> list[int]:
            async with make(transport, **options) as cams:
                call = asyncio.create_task(cams.send(STATUS))
                counts: list[int] = []
                for _ in range(20):
                    await asyncio.sleep(0)
                    counts.append(len(transport.seen))
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)
                return counts

        counts = clock.run(main())

        assert max(b - a for a, b in pairwise(counts)) <= 1
        assert counts[-1] > 3

    @pytest.mark.parametrize("wait", ["soon", 1j, [], math.nan, -1])
    def test_a_policys_nonsense_is_named(self, wait: Any, clock: Clock) -> None:
        """Of whatever type."""

        class Odd(NoRetry):
            def delay(self, *_: object, **__: object) -> Any:
                return wait

        error = fail(clock, RecordingTransport(NOT_SENT), retry=Odd())

        assert isinstance(error, ConfigurationError)
        assert error.field == "retry"

    @pytest.mark.parametrize("bound", ["soon", None, math.nan, -1])
    def test_a_policys_bound_of_nonsense_is_named(
        self, bound: Any, clock: Clock
    ) -> None:
        """It is read after the first refusal."""
        error = fail(clock, RecordingTransport(THROTTLED), retry=BoundedPolicy(bound))

        assert isinstance(error, ConfigurationError)
        assert "throttled_for" in str(error)


class TestWarnings:
    """An outage is a few lines, not thousands."""

    def test_one_line_in_five_seconds_for_each_action(
        self, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The others are counted; the next line has their number."""

        class Each(NoRetry):
            def delay(self, *_: object, **__: object) -> Any:
                return 1.0

        async def main() -> None:
            options = {"qps": {ACTION: 1000}, "retry": Each(), "deadline": 14.9}
            async with make(RecordingTransport(NOT_SENT), **options) as cams:
                calls: list[Any] = [cams.send(STATUS) for _ in range(4)]
                calls.append(cams.send(MIGRATION))
                await asyncio.gather(*calls, return_exceptions=True)

        with caplog.at_level(logging.WARNING, "cams_async"):
            clock.run(main())
        lines = [message for message in caplog.messages if message.startswith(ACTION)]

        assert len(lines) == 3
        assert "suppressed" not in lines[0]
        assert all("similar warnings suppressed)" in line for line in lines[1:])
        assert len(caplog.messages) - len(lines) == 3

    @pytest.mark.parametrize("step", [THROTTLED, OVERLOADED])
    def test_a_retry_that_only_queues_names_no_wait(
        self, step: HttpResponse, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The queue decides when it goes on."""
        with caplog.at_level(logging.WARNING, "cams_async"):
            send(clock, RecordingTransport(step, VERIFIED))
        (line,) = caplog.messages

        assert line.endswith(", queued again")
        assert "0.00 s" not in line
