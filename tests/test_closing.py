"""The end of a client: running calls, later calls, and other event loops."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cams_async.errors import (
    ClientClosed,
    ConfigurationError,
)
from cams_async.protocol import HttpResponse, Request
from cams_async.throttle import LocalThrottle
from tests.clock import Clock
from tests.fakes import (
    ACTION,
    LOST,
    NOT_SENT,
    STATUS,
    VERIFIED,
    FixedDelay,
    Hang,
    RecordingTransport,
    Step,
    make,
    send,
)


class SlowCleanup(RecordingTransport):
    """Takes its time to be cancelled."""

    def __init__(self, seconds: float) -> None:
        super().__init__(Hang())
        self.seconds = seconds

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Hang, and clean up slowly."""
        try:
            return await super().exchange(request, timeout=timeout, on_sent=on_sent)
        finally:
            await asyncio.sleep(self.seconds)


async def ended(calls: list[asyncio.Task[Any]]) -> list[BaseException | None]:
    """Wait for calls to end, and return how they failed."""
    await asyncio.wait(calls)
    return [call.exception() for call in calls]


class TestClosing:
    """`aclose` ends what runs, and only that."""

    @pytest.mark.parametrize(
        ("steps", "options", "outcome"),
        [
            ([Hang()], {}, "unknown"),
            ([Hang(sent=False)], {}, "not_sent"),
            ([NOT_SENT], {"retry": FixedDelay(1000)}, "not_sent"),
            ([LOST], {"retry": FixedDelay(1000)}, "unknown"),
        ],
        ids=["in flight", "connecting", "between attempts", "after a loss"],
    )
    def test_a_running_call_ends_at_once(
        self, steps: list[Step], options: dict[str, Any], outcome: str, clock: Clock
    ) -> None:
        """With ClientClosed and the proven outcome."""
        transport = RecordingTransport(*steps)

        async def main() -> BaseException | None:
            cams = make(transport, **options)
            call = asyncio.create_task(cams.send(STATUS))
            await asyncio.sleep(10)
            before = clock.now
            await cams.aclose()

            assert clock.now - before < 0.01
            assert call.done()
            return call.exception()

        error = clock.run(main())

        assert isinstance(error, ClientClosed)
        assert (ACTION, 1, outcome) == (error.action, error.attempts, error.outcome)
        assert (1, 0) == (transport.closed, transport.busy)

    def test_queued_calls_end_and_those_of_others_go_on(self, clock: Clock) -> None:
        """The queue is shared; leaving it moves the others up."""
        throttle = LocalThrottle()
        options = {"throttle": throttle, "qps": {ACTION: 1}}

        async def main() -> tuple[list[Any], list[Any]]:
            mine = make(RecordingTransport(VERIFIED), **options)
            other = make(RecordingTransport(VERIFIED), **options)
            await mine.send(STATUS)
            calls = [asyncio.create_task(mine.send(STATUS)) for _ in range(50)]
            others = [asyncio.create_task(other.send(STATUS)) for _ in range(3)]
            await asyncio.sleep(0.1)
            await mine.aclose()
            before = clock.now
            failures = await ended(calls)
            results = await asyncio.gather(*others)

            assert clock.now - before < 4
            await other.aclose()
            return failures, results

        failures, results = clock.run(main())

        assert all(isinstance(error, ClientClosed) for error in failures)
        assert ["OK"] * 3 == [response.code for response in results]
        (snapshot,) = throttle.snapshot().values()
        assert (0, 0) == (snapshot.waiting, snapshot.in_flight)

    def test_a_call_that_is_slow_to_end_is_waited_for(self, clock: Clock) -> None:
        """Up to a second."""
        transport = SlowCleanup(0.9)

        async def main() -> None:
            cams = make(transport)
            call = asyncio.create_task(cams.send(STATUS))
            await asyncio.sleep(1)
            await cams.aclose()

            assert call.done()
            assert isinstance(call.exception(), ClientClosed)

        clock.run(main())

        assert transport.closed == 1

    def test_a_call_that_will_not_end_is_left_behind(
        self, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """After a second, with a warning; the transport is still closed."""
        transport = SlowCleanup(50)

        async def main() -> None:
            cams = make(transport)
            call = asyncio.create_task(cams.send(STATUS))
            await asyncio.sleep(1)
            before = clock.now
            await cams.aclose()

            assert clock.now - before == pytest.approx(1, abs=0.01)
            assert not call.done()
            assert (await ended([call]))[0] is not None

        clock.run(main())

        assert transport.closed == 1
        assert ["1 calls did not end when closed"] == caplog.messages

    def test_a_call_whose_deadline_has_just_passed_ends_too(self, clock: Clock) -> None:
        """Closing while it cleans up does no harm."""
        transport = SlowCleanup(0.5)

        async def main() -> list[BaseException | None]:
            cams = make(transport, deadline=2)
            call = asyncio.create_task(cams.send(STATUS))
            await asyncio.sleep(2.1)

            assert not call.done()
            await cams.aclose()
            return await ended([call])

        (error,) = clock.run(main())

        assert isinstance(error, ClientClosed)
        assert error.outcome == "unknown"

    def test_a_cancelled_closing_still_closes_the_transport(self, clock: Clock) -> None:
        """The connections are released."""
        transport = SlowCleanup(50)

        async def main() -> None:
            cams = make(transport)
            call = asyncio.create_task(cams.send(STATUS))
            await asyncio.sleep(1)
            closing = asyncio.create_task(cams.aclose())
            await asyncio.sleep(0.5)
            closing.cancel()
            await asyncio.wait([closing])

            assert closing.cancelled()
            assert transport.closed == 1
            await ended([call])

        clock.run(main())

    def test_later_calls_are_refused(self, clock: Clock) -> None:
        """Also those of a client that shares everything with the closed one."""
        transport = RecordingTransport(VERIFIED)

        async def main() -> None:
            async with make(transport) as cams:
                await cams.send(STATUS)
            for one in (cams, cams.with_options(timeout=1)):
                with pytest.raises(ClientClosed) as caught:
                    await one.send(STATUS)

                assert (ACTION, "not_sent", 0) == (
                    caught.value.action,
                    caught.value.outcome,
                    caught.value.attempts,
                )

        clock.run(main())

        assert len(transport.seen) == 1

    def test_a_closed_throttle_ends_a_call(self, clock: Clock) -> None:
        """The session adds the action and the outcome."""
        throttle = LocalThrottle()

        async def main() -> BaseException | None:
            async with make(
                RecordingTransport(VERIFIED), throttle=throttle, qps={ACTION: 0.1}
            ) as cams:
                await cams.send(STATUS)
                call = asyncio.create_task(cams.send(STATUS))
                await asyncio.sleep(1)
                await throttle.aclose()
                return (await ended([call]))[0]

        error = clock.run(main())

        assert isinstance(error, ClientClosed)
        assert (ACTION, "not_sent") == (error.action, error.outcome)


class TestLoops:
    """A client belongs to one event loop."""

    def test_a_second_loop_is_refused(self, clock: Clock) -> None:
        """By a typed error that names the client."""
        transport = RecordingTransport(VERIFIED)
        cams = make(transport)

        async def main() -> None:
            await cams.send(STATUS)

        clock.run(main())
        with pytest.raises(ConfigurationError) as caught:
            clock.run(main())

        assert ("client", ACTION) == (caught.value.field, caught.value.action)
        assert len(transport.seen) == 1

    def test_a_client_may_be_made_outside_any_loop(self, clock: Clock) -> None:
        """It opens nothing before its first call."""
        assert send(clock, RecordingTransport(VERIFIED)).code == "OK"
