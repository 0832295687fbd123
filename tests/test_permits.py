"""The permits of calls: their expiry, and the results that they receive."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import Any

import pytest
from multidict import CIMultiDict

from cams_async.client import CamsClient
from cams_async.emulator import Emulator
from cams_async.errors import (
    DeadlineExceeded,
    PermitExpired,
)
from cams_async.operations import Operation
from cams_async.protocol import HttpResponse, Request
from cams_async.retry import RetryPolicy
from cams_async.throttle import LocalThrottle, Permit
from tests.clock import Clock
from tests.fakes import (
    IN_TIME,
    LOST,
    MIGRATION,
    NOT_SENT,
    ONE_ATTEMPT,
    STATUS,
    THROTTLED,
    TOO_LATE,
    VERIFIED,
    AlwaysRetry,
    Delayed,
    ExpiringThrottle,
    FailingThrottle,
    RecordingTransport,
    Step,
    Watched,
    fail,
    make,
    refusal,
    send,
)


class TestPermits:
    """A permit that expired is not used."""

    @pytest.mark.parametrize("operation", [STATUS, MIGRATION], ids=["SAFE", "NEVER"])
    def test_a_late_request_does_not_leave_and_queues_again(
        self, operation: Operation[Any], clock: Clock
    ) -> None:
        """With its ticket; nothing was counted."""
        throttle = ExpiringThrottle(TOO_LATE, IN_TIME)
        transport = RecordingTransport(VERIFIED)

        async def main() -> Any:
            async with make(transport, throttle=throttle) as cams:
                return await cams.send(operation)

        response = clock.run(main())

        assert response.meta.attempts == 2
        assert ["left", "completed", "left"] == throttle.log
        assert [None, 7] == throttle.tickets

    def test_expiry_ends_after_as_many_attempts_as_any_failure(
        self, clock: Clock
    ) -> None:
        """With an error of its own; nothing was sent."""
        throttle = ExpiringThrottle(*[TOO_LATE] * 9)
        error = fail(clock, RecordingTransport(VERIFIED), throttle=throttle)

        assert isinstance(error, PermitExpired)
        assert (4, "not_sent") == (error.attempts, error.outcome)

    def test_two_hundred_late_permits_cost_no_budget(self, clock: Clock) -> None:
        """A process that stood still is no storm of resends."""
        throttle = ExpiringThrottle(*[TOO_LATE] * 200, *[IN_TIME] * 200)

        async def main() -> None:
            options = {"throttle": throttle, "retry": AlwaysRetry()}
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
        throttle = FailingThrottle(error)
        found = fail(
            clock, RecordingTransport(VERIFIED), throttle=throttle, retry=AlwaysRetry()
        )

        assert found is error
        assert throttle.calls == 1

    async def test_no_byte_leaves_over_real_sockets(self, emulator: Emulator) -> None:
        """The server sees the second attempt only."""
        throttle = ExpiringThrottle(TOO_LATE, IN_TIME)
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
        assert send(
            clock, RecordingTransport(VERIFIED), throttle=ExpiringThrottle(None)
        )


class TestCounting:
    """Reports to a permit of outcomes that prove nothing."""

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
                ["completed", "throttled None True", "left"],
            ),
            (HttpResponse(504, CIMultiDict(), b"<html>"), ["left"]),
            (HttpResponse(403, CIMultiDict(), b"<html>"), ["left"]),
            (HttpResponse(413, CIMultiDict(), b"<html>"), ["completed", "left"]),
            (HttpResponse(200, CIMultiDict(), b"<html>"), ["left"]),
            (
                HttpResponse(
                    200, CIMultiDict(), b'{"RequestId":"1","Code":"OK","Data":"broken"}'
                ),
                ["completed", "left"],
            ),
            (refusal("InternalError", 400), ["left"]),
            (refusal("Forbidden", 403), ["completed", "left"]),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_only_a_proof_completes_a_permit(
        self, step: Step, expected: list[str], clock: Clock
    ) -> None:
        """A slot whose outcome is unknown returns as that of a lost call."""
        throttle = ExpiringThrottle(IN_TIME)
        fail(
            clock,
            RecordingTransport(step),
            throttle=throttle,
            retry=RetryPolicy(attempts=1),
        )

        assert expected == throttle.log


class EarlyProxy(RecordingTransport):
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
    proxy = EarlyProxy(clock)

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


class CountingTransport(RecordingTransport):
    """Counts how many requests are on their way at once."""

    most = 0

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Count, and go on."""
        self.most = max(self.most, self.busy + 1)
        return await super().exchange(request, timeout=timeout, on_sent=on_sent)


class TestReports:
    """Reports of attempts to their permits."""

    def recorded(
        self, clock: Clock, step: Step, operation: Operation[Any] = STATUS
    ) -> list[str]:
        """Return the reports to a permit during one attempt."""
        log: list[str] = []

        class RecordingPermit:
            waited = 0.0
            ticket = 7

            def sent(
                self, acknowledged_at: Callable[[], float | None] | None = None, /
            ) -> bool:
                del acknowledged_at
                log.append("sent")
                return True

            def completed(self, at: float | None = None, /) -> None:
                del at
                log.append("completed")

            def throttled(
                self, retry_after: float | None, *, counted: bool = True
            ) -> None:
                log.append(
                    f"throttled {retry_after}" + ("" if counted else ", not counted")
                )

            async def __aenter__(self) -> Permit:
                return self

            async def __aexit__(self, *_: object) -> None:
                log.append("left")

        class Throttle(LocalThrottle):
            def acquire(self, *_: object, **__: object) -> Any:
                permit: AbstractAsyncContextManager[Permit] = RecordingPermit()
                return permit

        transport = RecordingTransport(step)
        options = {"throttle": Throttle(), "retry": ONE_ATTEMPT}

        async def main() -> None:
            async with make(transport, **options) as cams:
                await asyncio.gather(cams.send(operation), return_exceptions=True)

        clock.run(main())
        return log

    @pytest.mark.parametrize(
        ("step", "expected"),
        [
            (VERIFIED, ["sent", "completed", "left"]),
            (refusal("X"), ["sent", "completed", "left"]),
            (NOT_SENT, ["left"]),
            (LOST, ["sent", "left"]),
            (THROTTLED, ["sent", "completed", "throttled None", "left"]),
            (
                refusal("Throttling", x_acs_retry_after="1500"),
                ["sent", "completed", "throttled 1.5", "left"],
            ),
            (
                refusal("Throttling", retry_after="7"),
                ["sent", "completed", "throttled 7.0", "left"],
            ),
        ],
        ids=["ok", "refused", "not sent", "lost", "throttled", "hint", "http hint"],
    )
    def test_a_permit_receives_the_result_of_its_attempt(
        self, step: Step, expected: list[str], clock: Clock
    ) -> None:
        """The send, the completion, and a refusal by flow control."""
        assert expected == self.recorded(clock, step)

    def test_a_completed_call_that_is_ended_is_not_reported_as_unsent(
        self, clock: Clock
    ) -> None:
        """A throttle may take its time to let go; the call was executed before."""

        class Slow(LocalThrottle):
            @asynccontextmanager
            async def linger(self, permit: Any) -> AsyncGenerator[Permit, None]:
                async with permit as granted:
                    yield granted
                    await asyncio.sleep(100)

            def acquire(self, *args: Any, **options: Any) -> Any:
                return self.linger(super().acquire(*args, **options))

        transport = RecordingTransport(VERIFIED)
        error = fail(clock, transport, MIGRATION, throttle=Slow(), deadline=5)

        assert isinstance(error, DeadlineExceeded)
        assert ("unknown", "in flight") == (error.outcome, error.phase)

    def test_the_ceiling_bounds_calls_in_flight(self, clock: Clock) -> None:
        """A hundred tasks, ten a second: never more than ten at once."""
        transport = CountingTransport(Delayed(0.5, VERIFIED))

        async def main() -> None:
            async with make(transport) as cams:
                await asyncio.gather(*[cams.send(STATUS) for _ in range(100)])

        clock.run(main())

        assert transport.most == 10

    def test_a_throttled_call_waits_for_the_servers_pause(self, clock: Clock) -> None:
        """The queue decides when, not the policy."""
        before = clock.now
        refused = refusal("Throttling", x_acs_retry_after="5000")
        send(clock, RecordingTransport(refused, VERIFIED), retry=AlwaysRetry())

        assert clock.now - before == pytest.approx(5, abs=0.1)
