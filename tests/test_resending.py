"""Retries that end, warn in measure, and outlast flow control, in simulated time."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from random import Random
from typing import Any, NoReturn

import pytest
from multidict import CIMultiDict

from cams_async.client import CamsClient
from cams_async.credentials import Credentials
from cams_async.emulator import Emulator
from cams_async.emulator.ceilings import BackgroundLoad, SlidingWindow
from cams_async.errors import (
    ApiError,
    AuthenticationError,
    CamsError,
    ClientClosed,
    ConfigurationError,
    ConnectError,
    CredentialsError,
    DeadlineExceeded,
    PermitExpired,
    ServerError,
    ThrottlingError,
)
from cams_async.operations import Operation
from cams_async.protocol import HttpResponse, Request
from cams_async.retry import RetryPolicy
from cams_async.throttle import LocalThrottle, Permit
from tests.clock import Clock
from tests.fakes import (
    CREDENTIALS,
    LOST,
    MIGRATION,
    NOT_SENT,
    STATUS,
    THROTTLED,
    VERIFIED,
    RecordingTransport,
    Step,
    Watched,
    make,
    refusal,
)

ACTION = type(STATUS).__name__

IN_TIME, TOO_LATE = True, False

OVERLOADED = refusal("Throttling", 503)
"""Flow control, by a status that proves nothing."""


class Always(RetryPolicy):
    """Says yes to everything, for ever."""

    def delay(
        self, error: CamsError, *, attempt: int, elapsed: float, random: float
    ) -> float:
        """Return no wait at all."""
        del error, attempt, elapsed, random
        return 0.0


class Never:
    """A policy of somebody's that gives up at once."""

    def delay(
        self, error: CamsError, *, attempt: int, elapsed: float, random: float
    ) -> None:
        """Return None."""
        del error, attempt, elapsed, random


class Unbounded(Never):
    """A policy of somebody's that has no bound of its own."""

    def delay(self, *_: object, **__: object) -> Any:
        """Return no wait at all."""
        return 0.0


class Bounded(Unbounded):
    """A policy of a user's own, with a bound."""

    def __init__(self, throttled_for: Any) -> None:
        self.throttled_for = throttled_for


class Bare(RetryPolicy):
    """A subclass that does not initialize its base, so that it has no attributes."""

    def __init__(self) -> None:
        pass

    def delay(self, *_: object, **__: object) -> Any:
        """Return no wait at all."""
        return 0.0


def fail(
    clock: Clock,
    transport: RecordingTransport,
    operation: Operation[Any] = STATUS,
    **options: Any,
) -> CamsError:
    """Send one operation that fails, and return its error."""

    async def main() -> Any:
        async with make(transport, **options) as cams:
            return await cams.send(operation)

    with pytest.raises(CamsError) as caught:
        clock.run(main())
    return caught.value


def send(clock: Clock, transport: RecordingTransport, **options: Any) -> Any:
    """Send one operation, and return its response."""

    async def main() -> Any:
        async with make(transport, **options) as cams:
            return await cams.send(STATUS)

    return clock.run(main())


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
            ({"retry": Unbounded()}, 60),
            ({"retry": Bounded(7)}, 7),
            ({"retry": Bare()}, 60),
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
        """However long the line was before."""
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

    @pytest.mark.parametrize("retry", [RetryPolicy(attempts=1), Never()])
    def test_a_policy_that_says_no_is_obeyed(self, retry: Any, clock: Clock) -> None:
        """At the first refusal."""
        error = fail(clock, RecordingTransport(THROTTLED), retry=retry)

        assert isinstance(error, ThrottlingError)
        assert error.attempts == 1

    def test_an_unsafe_call_is_not_repeated_after_a_refusal_by_5xx(
        self, clock: Clock
    ) -> None:
        """It may have been executed."""
        error = fail(clock, RecordingTransport(OVERLOADED), MIGRATION, retry=Always())

        assert (1, "unknown") == (error.attempts, error.outcome)

    def test_no_call_fails_beside_a_tenant_that_takes_all_and_leaves(
        self, clock: Clock
    ) -> None:
        """0 of 600 calls, however often each was refused."""
        server = Shared(clock, leaves_after=45.0)

        async def main() -> list[Any]:
            async with make(server) as cams:
                return await asyncio.gather(
                    *[cams.send(STATUS) for _ in range(600)], return_exceptions=True
                )

        results = clock.run(main())

        assert [] == [each for each in results if isinstance(each, BaseException)]
        assert server.refused > 40
        assert max(each.meta.attempts for each in results) > 4


class Shared(RecordingTransport):
    """A server at 10 calls per second, all of which somebody else uses at first."""

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


class Expiring:
    """A turn that comes too late the first times."""

    waited = 0.0
    ticket = 7

    def __init__(self, log: list[str], good: Iterator[bool | None]) -> None:
        self.log = log
        self.good = good

    def sent(self) -> Any:
        """Return whether there is still time."""
        return next(self.good)

    def completed(self) -> None:
        """Note it."""
        self.log.append("answered")

    def throttled(self, retry_after: float | None, *, counted: bool = True) -> None:
        """Note it."""
        self.log.append(f"throttled {retry_after} {counted}")

    async def __aenter__(self) -> Permit:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.log.append("left")


class Late(LocalThrottle):
    """Hands out turns that come too late, as often as it was told."""

    def __init__(self, *good: bool | None) -> None:
        super().__init__()
        self.good = iter(good)
        self.log: list[str] = []
        self.tickets: list[int | None] = []

    def acquire(self, *_: object, **options: Any) -> Any:
        """Return a turn."""
        self.tickets.append(options["ticket"])
        permit: AbstractAsyncContextManager[Permit] = Expiring(self.log, self.good)
        return permit


class TestPermits:
    """A permit that expired is not used."""

    @pytest.mark.parametrize("operation", [STATUS, MIGRATION], ids=["SAFE", "NEVER"])
    def test_a_late_request_does_not_leave_and_queues_again(
        self, operation: Operation[Any], clock: Clock
    ) -> None:
        """With its ticket; nothing was counted."""
        throttle = Late(TOO_LATE, IN_TIME)
        transport = RecordingTransport(VERIFIED)

        async def main() -> Any:
            async with make(transport, throttle=throttle) as cams:
                return await cams.send(operation)

        response = clock.run(main())

        assert response.meta.attempts == 2
        assert ["left", "answered", "left"] == throttle.log
        assert [None, 7] == throttle.tickets

    def test_expiry_ends_after_as_many_attempts_as_any_failure(
        self, clock: Clock
    ) -> None:
        """With an error of its own; nothing was sent."""
        throttle = Late(*[TOO_LATE] * 9)
        error = fail(clock, RecordingTransport(VERIFIED), throttle=throttle)

        assert isinstance(error, PermitExpired)
        assert (4, "not_sent") == (error.attempts, error.outcome)

    def test_two_hundred_late_permits_cost_no_budget(self, clock: Clock) -> None:
        """A process that stood still is no storm of resends."""
        throttle = Late(*[TOO_LATE] * 200, *[IN_TIME] * 200)

        async def main() -> None:
            options = {"throttle": throttle, "retry": Always()}
            async with make(RecordingTransport(VERIFIED), **options) as cams:
                await asyncio.gather(*[cams.send(STATUS) for _ in range(200)])

        clock.run(main())

    def test_a_slot_lost_before_the_send_is_waited_for_again(
        self, clock: Clock
    ) -> None:
        """Also where the throttle finds it while credentials are fetched."""

        class Losing(Watched):
            def acquire(self, *args: Any, **options: Any) -> Any:
                if len(self.tickets) >= 2:
                    return super().acquire(*args, **options)
                self.tickets.append(options["ticket"])
                raise PermitExpired("the slot was lost before the request left")

        response = send(clock, RecordingTransport(VERIFIED), throttle=Losing())

        assert response.meta.attempts == 1

    def test_an_expiry_of_unknown_outcome_is_not_repeated(self, clock: Clock) -> None:
        """A throttle may lose a slot after the request has left."""
        error = PermitExpired("lost", outcome="unknown")
        throttle = OfAThrottle(error)
        found = fail(
            clock, RecordingTransport(VERIFIED), throttle=throttle, retry=Always()
        )

        assert found is error
        assert throttle.asked == 1

    async def test_no_byte_leaves_over_real_sockets(self, emulator: Emulator) -> None:
        """The server sees the second attempt only."""
        throttle = Late(TOO_LATE, IN_TIME)
        number = emulator.phone_numbers[0]
        async with CamsClient(
            emulator.credentials, endpoint=emulator.endpoint, throttle=throttle
        ) as cams:
            response = await cams.get_phone_number_verification_status(
                phone_number=number.phone_number, cust_space_id=number.cust_space_id
            )
        (report,) = emulator.report().actions

        assert (2, 1) == (response.meta and response.meta.attempts, report.arrivals)

    def test_a_throttle_that_returns_nothing_lets_requests_pass(
        self, clock: Clock
    ) -> None:
        """One that was written before permits could expire."""
        assert send(clock, RecordingTransport(VERIFIED), throttle=Late(None))


class TestCounting:
    """What a turn is told of an outcome that proves nothing."""

    @pytest.mark.parametrize(
        ("step", "expected"),
        [
            (refusal("Throttling", 503), ["throttled None False", "left"]),
            (
                refusal("Some.New", 504, x_acs_retry_after="1500"),
                ["throttled 1.5 False", "left"],
            ),
            (
                HttpResponse(429, CIMultiDict(), b"<html>"),
                ["answered", "throttled None True", "left"],
            ),
            (HttpResponse(504, CIMultiDict(), b"<html>"), ["left"]),
            (HttpResponse(403, CIMultiDict(), b"<html>"), ["left"]),
            (HttpResponse(413, CIMultiDict(), b"<html>"), ["answered", "left"]),
            (HttpResponse(200, CIMultiDict(), b"<html>"), ["left"]),
            (
                HttpResponse(
                    200, CIMultiDict(), b'{"RequestId":"1","Code":"OK","Data":"broken"}'
                ),
                ["answered", "left"],
            ),
            (refusal("InternalError", 400), ["left"]),
            (refusal("Forbidden", 403), ["answered", "left"]),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_only_a_proof_counts_as_an_answer(
        self, step: Step, expected: list[str], clock: Clock
    ) -> None:
        """A slot whose outcome is unknown returns as that of a lost call."""
        throttle = Late(IN_TIME)
        fail(
            clock,
            RecordingTransport(step),
            throttle=throttle,
            retry=RetryPolicy(attempts=1),
        )

        assert expected == throttle.log


class Early(RecordingTransport):
    """A proxy that gives up at once, while the request travels on to the server."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(HttpResponse(504, CIMultiDict(), b"<html>"))
        self.clock = clock
        self.random = Random(1)
        self.arrivals: list[float] = []

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Let the request arrive within the second that the throttle allows for."""
        self.arrivals.append(self.clock.now + self.random.uniform(0, 0.99))
        return await super().exchange(request, timeout=timeout, on_sent=on_sent)


def test_an_early_504_of_a_proxy_frees_no_slot_too_soon(clock: Clock) -> None:
    """10 calls per second are allowed: no 11 arrivals within one second."""
    proxy = Early(clock)

    async def main() -> None:
        async with make(proxy, retry=RetryPolicy(attempts=1)) as cams:
            await asyncio.gather(
                *[cams.send(STATUS) for _ in range(200)], return_exceptions=True
            )

    clock.run(main())
    arrivals = sorted(proxy.arrivals)
    spans = [b - a for a, b in zip(arrivals, arrivals[10:], strict=False)]

    assert len(arrivals) == 200
    assert min(spans) >= 1


class Raising:
    """A provider that fails, at once or after its first success."""

    def __init__(self, error: BaseException, *, good: int = 0) -> None:
        self.error = error
        self.good = good
        self.asked = 0

    account = "the account"

    async def get(self) -> Credentials:
        """Return credentials, then fail."""
        self.asked += 1
        if self.asked > self.good:
            raise self.error
        return CREDENTIALS


class OfAThrottle(LocalThrottle):
    """A throttle of somebody's that fails with errors of an exchange."""

    def __init__(self, error: CamsError) -> None:
        super().__init__()
        self.error = error
        self.asked = 0

    def acquire(self, *_: object, **__: object) -> NoReturn:
        """Fail without awaiting anything."""
        self.asked += 1
        raise self.error


FOREIGN = [
    ThrottlingError("canary"),
    ThrottlingError("canary", outcome="unknown"),
    ConnectError("canary"),
    ApiError("canary", code="InvalidTimeStamp.Expired"),
    ApiError("canary", code="InvalidSecurityToken.Expired"),
    ServerError("canary", outcome="unknown"),
    PermitExpired("canary"),
    ClientClosed("canary"),
    CamsError("canary"),
    OSError("canary"),
    TimeoutError("canary"),
    ValueError("canary"),
    StopIteration("canary"),
]


class TestOthersErrors:
    """Errors of a provider or a throttle are no refusals of the server."""

    @pytest.mark.parametrize("good", [0, 1])
    @pytest.mark.parametrize("error", FOREIGN, ids=repr)
    def test_a_failing_provider_ends_the_call_at_once(
        self, error: Exception, good: int, clock: Clock
    ) -> None:
        """In CredentialsError with the type of the cause, and none of its words."""
        provider = Raising(error, good=good)
        transport = RecordingTransport(VERIFIED)
        found = fail(clock, transport, credentials=provider, retry=Always())

        assert isinstance(found, CredentialsError)
        assert (good + 1, 0, "not_sent") == (
            provider.asked,
            len(transport.seen),
            found.outcome,
        )
        # A coroutine cannot raise StopIteration.
        name = type(error).__name__.replace("StopIteration", "RuntimeError")
        assert name in str(found)
        assert "canary" not in str(found)
        assert found.__cause__ is found.__context__ is None

    @pytest.mark.parametrize(
        "error", [CredentialsError("none"), ConfigurationError("bad", field="x")]
    )
    def test_a_providers_own_errors_pass(self, error: CamsError, clock: Clock) -> None:
        """They are what a provider is meant to raise."""
        provider, transport = Raising(error), RecordingTransport(VERIFIED)
        found = fail(clock, transport, credentials=provider, retry=Always())

        assert type(found) is type(error)

    def test_a_call_cancelled_in_its_provider_is_cancelled(self, clock: Clock) -> None:
        """The task's own cancellation passes unchanged."""

        class Waiting:
            account = "the account"

            async def get(self) -> Credentials:
                await asyncio.sleep(60)
                return CREDENTIALS

        async def main() -> None:
            provider = Waiting()
            async with make(RecordingTransport(VERIFIED), credentials=provider) as cams:
                call = asyncio.create_task(cams.send(STATUS))
                await asyncio.sleep(1)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call

        clock.run(main())

    def test_a_cancellation_inside_a_provider_ends_the_call(self, clock: Clock) -> None:
        """In CredentialsError: the call's task was not cancelled."""
        provider = Raising(asyncio.CancelledError())
        error = fail(clock, RecordingTransport(VERIFIED), credentials=provider)

        assert isinstance(error, CredentialsError)
        assert "CancelledError" in str(error)

    @pytest.mark.parametrize("error", [OSError("canary"), ConnectError("canary")])
    def test_an_account_that_fails_is_a_credentials_error(
        self, error: Exception, clock: Clock
    ) -> None:
        """It is read from the provider, too."""

        class Broken:
            @property
            def account(self) -> str:
                raise error

            async def get(self) -> Credentials:
                return CREDENTIALS

        found = fail(clock, RecordingTransport(VERIFIED), credentials=Broken())

        assert isinstance(found, CredentialsError)
        assert type(error).__name__ in str(found)
        assert "canary" not in str(found)

    @pytest.mark.parametrize(
        "error",
        [
            ThrottlingError("x"),
            ConnectError("x"),
            ApiError("x", code="InvalidTimeStamp.Expired"),
        ],
        ids=repr,
    )
    def test_a_throttles_error_is_not_retried(
        self, error: CamsError, clock: Clock
    ) -> None:
        """Another round would find the same, without ever awaiting."""
        throttle = OfAThrottle(error)
        found = fail(
            clock, RecordingTransport(VERIFIED), throttle=throttle, retry=Always()
        )

        assert found is error
        assert (1, 0) == (throttle.asked, found.attempts)

    @pytest.mark.parametrize(
        "step", [ConfigurationError("bad", field="proxy"), ClientClosed("closed")]
    )
    def test_a_transport_that_cannot_be_used_is_tried_once(
        self, step: CamsError, clock: Clock
    ) -> None:
        """Only errors of the network and of responses are retried."""
        transport = RecordingTransport(step)
        error = fail(clock, transport, retry=Always())

        assert type(error) is type(step)
        assert 1 == len(transport.seen)

    def test_a_throttle_that_fails_on_leaving_repeats_nothing(
        self, clock: Clock
    ) -> None:
        """The call was executed before; its outcome is not called not_sent."""

        class Leaving(Late):
            def acquire(self, *args: Any, **options: Any) -> Any:
                class Failing(Expiring):
                    async def __aexit__(self, *_: object) -> None:
                        raise PermitExpired("too late")

                super().acquire(*args, **options)
                return Failing(self.log, self.good)

        transport = RecordingTransport(VERIFIED)
        throttle = Leaving(IN_TIME, IN_TIME)
        error = fail(clock, transport, MIGRATION, throttle=throttle, retry=Always())

        assert (1, "unknown") == (len(transport.seen), error.outcome)


class AtOnce(RecordingTransport):
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


class AnyPermit(LocalThrottle):
    """Hands out turns without awaiting anything."""

    def acquire(self, *_: object, **__: object) -> Any:
        """Return a turn."""
        return Expiring([], iter([IN_TIME]))


class TestEventLoop:
    """No loop of retries keeps the event loop from running."""

    @pytest.mark.parametrize(
        "step",
        [NOT_SENT, LOST, THROTTLED, OVERLOADED, PermitExpired("late")],
        ids=str,
    )
    def test_other_tasks_run_between_two_rounds(self, step: Step, clock: Clock) -> None:
        """Whatever fails at once, under a policy that never ends."""
        transport = AtOnce(step)
        options = {"throttle": AnyPermit(), "retry": Always()}

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

        class Odd(Never):
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
        error = fail(clock, RecordingTransport(THROTTLED), retry=Bounded(bound))

        assert isinstance(error, ConfigurationError)
        assert "throttled_for" in str(error)


ABSURD = [
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Wed, 01 Jan 1936 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Mon, 01 Jan 1 00:00:00 GMT",
    "Mon, 99 Jan 2026 00:00:00 GMT",
    "Mon, 01 Jan -2026 00:00:00 GMT",
    "0",
    " ",
    "\x00",
    "\u0661 Jan \u0662\u0660\u0662\u0666 00:00:00 GMT",
]


class TestClock:
    """A server's date is no reason to raise anything but a CamsError."""

    @pytest.mark.parametrize("caught", [OSError, ValueError, OverflowError])
    @pytest.mark.parametrize("date", ABSURD)
    def test_an_absurd_date_raises_nothing_else(
        self,
        date: str,
        caught: type[Exception],
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Also where `gmtime` takes no time before 1970, as on Windows."""

        def gmtime(seconds: float | None = None) -> NoReturn:
            del seconds
            raise caught

        headers = CIMultiDict({"date": date})
        expired = HttpResponse(400, headers, refusal("InvalidTimeStamp.Expired").body)
        transport = RecordingTransport(expired)
        monkeypatch.setattr(time, "gmtime", gmtime)
        error = fail(clock, transport, retry=Always())

        assert isinstance(error, AuthenticationError)
        assert len(transport.seen) <= 2
        assert all(len(text) == 20 for text in transport.header("x-acs-date"))


class TestWarnings:
    """An outage is a few lines, not thousands."""

    def test_one_line_in_five_seconds_for_each_action(
        self, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The others are counted; the next line tells how many there were."""

        class Each(Never):
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
        """The line decides when it goes on."""
        with caplog.at_level(logging.WARNING, "cams_async"):
            send(clock, RecordingTransport(step, VERIFIED))
        (line,) = caplog.messages

        assert line.endswith(", queued again")
        assert "0.00 s" not in line
