"""A call can be cancelled at each of its awaits, and leaves nothing behind."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from random import Random
from typing import Any

import pytest

from cams_async.client import CamsClient
from cams_async.credentials import Credentials
from cams_async.emulator import Emulator, Fault, Slow
from cams_async.errors import CamsError, ClientClosed
from cams_async.models import CallEvent, Snapshot
from cams_async.operations import GetPhoneNumberVerificationStatus
from cams_async.throttle import LocalThrottle
from cams_async.transport import AcknowledgedAt, AiohttpTransport, OnSent
from tests.clock import Clock
from tests.fakes import (
    CREDENTIALS,
    FAST,
    LOST,
    STATUS,
    THROTTLED,
    VERIFIED,
    Delayed,
    RecordingTransport,
    make,
)
from tests.raw_server import acquired as in_use

ACTION = type(STATUS).__name__


class CancelAt(Awaitable[Any]):
    """Awaits a coroutine, and cancels the task as it waits for the n-th time."""

    def __init__(self, awaited: Coroutine[Any, Any, Any], number: int) -> None:
        self.awaited = awaited
        self.left = number

    def __await__(self) -> Generator[Any, Any, Any]:
        """Pass everything on, and count."""
        waiting: Generator[Any, Any, Any] = self.awaited.__await__()
        try:
            found = next(waiting)
            while True:
                self.left -= 1
                if self.left == 0:
                    task = asyncio.current_task()
                    assert task is not None
                    task.cancel()
                try:
                    value = yield found
                except BaseException as error:  # noqa: BLE001 - the coroutine's business
                    found = waiting.throw(error)
                else:
                    found = waiting.send(value)
        except StopIteration as stop:
            return stop.value

    async def run(self) -> Any:
        """Be a coroutine, as tasks want it."""
        return await self


class Provider:
    """Takes two cycles of the loop."""

    account = "the account"

    async def get(self) -> Credentials:
        """Return the credentials."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return CREDENTIALS


def snapshot(throttle: LocalThrottle) -> Snapshot | None:
    """Return what the throttle is doing for the one action."""
    return next(iter(throttle.snapshot().values()), None)


class TestInSimulatedTime:
    """Every await of the session, one after the other."""

    @staticmethod
    async def one_cancel(number: int) -> tuple[bool, list[CallEvent]]:
        """Cancel a call at its n-th await; return whether it came that far."""
        transport = RecordingTransport(THROTTLED, LOST, Delayed(0.5, VERIFIED))
        throttle = LocalThrottle()
        events: list[CallEvent] = []
        options: dict[str, Any] = {
            "credentials": Provider(),
            "throttle": throttle,
            "qps": {ACTION: 1},
        }
        async with make(RecordingTransport(VERIFIED), **options) as other:
            await other.send(STATUS)  # so that the call has to wait for its permit
            async with make(transport, hooks=[events.append], **options) as cams:
                call = asyncio.create_task(CancelAt(cams.send(STATUS), number).run())
                await asyncio.wait([call])

                assert asyncio.all_tasks() == {asyncio.current_task()}
                assert transport.busy == 0
                found = snapshot(throttle)
                assert found is None or (found.waiting, found.in_flight) == (0, 0)
                assert len(cams._session._calls) == 0

                sent = len(transport.seen)
                await cams.send(STATUS)  # whatever happened, the next call is served

                assert len(transport.seen) > sent
        return call.cancelled(), events

    def test_every_await_can_be_cancelled(self, clock: Clock) -> None:
        """Credentials, queue, permit, exchange and the delay between attempts."""
        cancelled: list[bool] = []
        outcomes: list[str] = []
        while not cancelled or cancelled[-1]:
            was, events = clock.run(self.one_cancel(len(cancelled) + 1))
            cancelled.append(was)
            outcomes.append(events[0].outcome)

            assert len(events) == 2  # of this call, and of the one that followed

        # In each of three attempts: the provider four times, the permit, the transport
        # twice or three times; and a pause after the second.
        assert len(cancelled) > 20
        assert {"not_sent", "unknown"} == set(outcomes[:-1])
        assert ["unknown", "executed"] == outcomes[-2:]

    def test_a_cancelled_waiter_leaves_the_queue(self, clock: Clock) -> None:
        """Those behind it move up at once."""
        throttle = LocalThrottle()

        async def main() -> None:
            transport = RecordingTransport(VERIFIED)
            async with make(transport, throttle=throttle, qps={ACTION: 1}) as cams:
                await cams.send(STATUS)
                calls = [asyncio.create_task(cams.send(STATUS)) for _ in range(100)]
                await asyncio.sleep(0.1)
                for call in calls[:-1]:
                    call.cancel()
                before = clock.now
                await calls[-1]

                assert clock.now - before < 1.1

        clock.run(main())
        assert_idle(throttle)

    def test_a_cancelled_flight_keeps_its_lease(self, clock: Clock) -> None:
        """The server may still count it: the lease returns two seconds later."""

        async def main() -> None:
            transport = RecordingTransport(Delayed(60, VERIFIED))
            async with make(transport, qps={ACTION: 1}) as cams:
                call = asyncio.create_task(cams.send(STATUS))
                await asyncio.sleep(0.1)
                call.cancel()
                before = clock.now
                transport.steps.clear()
                transport.steps.append(VERIFIED)
                await cams.send(STATUS)

                assert clock.now - before == pytest.approx(2.01, abs=1e-3)

        clock.run(main())


def assert_idle(throttle: LocalThrottle) -> None:
    """No call is queued or in flight."""
    for found in throttle.snapshot().values():
        assert (0, 0) == (found.waiting, found.in_flight)


def status_of(emulator: Emulator, number: int = 0) -> GetPhoneNumberVerificationStatus:
    """Return an operation that the emulator can execute."""
    found = emulator.phone_numbers[number]
    return GetPhoneNumberVerificationStatus(
        phone_number=found.phone_number, cust_space_id=found.cust_space_id
    )


def acquired(cams: CamsClient) -> int:
    """Return how many connections are in use."""
    transport = cams._transport
    assert isinstance(transport, AiohttpTransport)
    return in_use(transport)


def timers() -> set[Any]:
    """Return what would still call whom, but for what was cancelled."""
    loop: Any = asyncio.get_running_loop()
    return {repr(timer) for timer in loop._scheduled if not timer.cancelled()}


async def cooled(throttle: LocalThrottle) -> None:
    """Wait until the server counts no call any more, for two seconds at most."""
    async with asyncio.timeout(2.5):
        while any(  # noqa: ASYNC110 - the throttle has no event for it
            found.cooling for found in throttle.snapshot().values()
        ):
            await asyncio.sleep(0.01)


async def leftover_tasks(before: set[Any]) -> set[Any]:
    """Return the tasks that a client has left behind, a few turns later."""
    for _ in range(10):
        await asyncio.sleep(0)
    return asyncio.all_tasks() - before - {asyncio.current_task()}


class TestOverSockets:
    """Every await down to the socket, against a server that is really there."""

    @pytest.mark.parametrize("fresh", [True, False], ids=["connecting", "kept alive"])
    async def test_every_await_can_be_cancelled(
        self, *, fresh: bool, emulator: Emulator
    ) -> None:
        """With a connection to be made, and with one that is there."""
        operation = status_of(emulator)
        throttle = LocalThrottle()
        number, cancelled = 0, True
        while cancelled:
            number += 1
            async with CamsClient(
                emulator.credentials,
                endpoint=emulator.endpoint,
                qps=FAST,
                throttle=throttle,
            ) as cams:
                if not fresh:
                    await cams.send(operation)
                call = asyncio.create_task(CancelAt(cams.send(operation), number).run())
                await asyncio.wait([call])
                cancelled = call.cancelled()

                assert acquired(cams) == 0
                assert (await cams.send(operation)).code == "OK"
            assert_idle(throttle)

        # The response, at least; before that, the connection.
        assert number > (2 if fresh else 1)
        assert emulator.report().held

    async def test_random_cancels_leave_nothing(self, emulator: Emulator) -> None:
        """Five hundred calls, through trouble, each cancelled at some await or not."""
        await self.random_cancels(500, emulator)

    @pytest.mark.slow
    async def test_random_cancels_leave_nothing_for_long(
        self, emulator: Emulator
    ) -> None:
        """Of 10,000 calls no slot is left once the last has cooled, and no timer."""
        before = timers()
        throttle = await self.random_cancels(10_000, emulator)
        await cooled(throttle)

        assert [(0, 0, 0)] == [
            (found.waiting, found.in_flight, found.cooling)
            for found in throttle.snapshot().values()
        ]
        assert timers() == before

    @staticmethod
    async def random_cancels(calls: int, emulator: Emulator) -> LocalThrottle:
        """Make calls that end as they may; return their throttle, idle."""
        random = Random(4)
        for fault in (Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.TRUNCATED):
            emulator.faults.rate(fault, 0.1)
        emulator.faults.rate(Slow(0.01), 0.2)
        throttle = LocalThrottle()

        async def one(place: int) -> None:
            await asyncio.sleep(random.random() * calls / 2500)
            operation = status_of(emulator, place)
            await CancelAt(cams.send(operation), random.randint(1, 6))

        async with CamsClient(
            emulator.credentials,
            endpoint=emulator.endpoint,
            qps=FAST,
            throttle=throttle,
        ) as cams:
            ends = await asyncio.gather(
                *[one(place % 500) for place in range(calls)], return_exceptions=True
            )

            assert acquired(cams) == 0
            assert_idle(throttle)
        kinds = {type(end) for end in ends if not isinstance(end, CamsError)}

        assert kinds == {type(None), asyncio.CancelledError}
        assert emulator.report().held
        return throttle

    async def test_closing_ends_calls_within_a_second(self, emulator: Emulator) -> None:
        """Queued, connecting and in flight; every socket is closed."""
        before = asyncio.all_tasks()
        emulator.faults.rate(Fault.HANG, 1.0)
        throttle = LocalThrottle()
        sent = asyncio.Semaphore(0)
        cams = CamsClient(
            emulator.credentials,
            endpoint=emulator.endpoint,
            throttle=throttle,
            transport=notifying(sent.release),
        )
        calls = [
            asyncio.create_task(cams.send(status_of(emulator, place)))
            for place in range(50)
        ]
        for _ in range(5):
            await sent.acquire()
        loop = asyncio.get_running_loop()
        began = loop.time()
        await cams.aclose()

        assert loop.time() - began < 1
        assert all(isinstance(call.exception(), ClientClosed) for call in calls)
        assert_idle(throttle)
        outcomes = {
            error.outcome
            for call in calls
            if isinstance(error := call.exception(), ClientClosed)
        }
        assert {"not_sent", "unknown"} == outcomes

        await emulator.aclose()

        assert await leftover_tasks(before) == set()

    async def test_a_deadline_over_sockets_is_kept(self, emulator: Emulator) -> None:
        """To within 50 ms, by the best of five: the machine may be busy."""
        emulator.faults.rate(Fault.HANG, 1.0)
        loop = asyncio.get_running_loop()
        late: list[float] = []
        async with CamsClient(
            emulator.credentials,
            endpoint=emulator.endpoint,
            throttle=LocalThrottle(),
            deadline=0.1,
        ) as cams:
            for _ in range(5):
                until = loop.time() + 0.1
                with pytest.raises(CamsError, match="the deadline passed"):
                    await cams.send(status_of(emulator))
                late.append(loop.time() - until)

                assert acquired(cams) == 0

        assert -0.001 < min(late) < 0.05


def notifying(on_send: Callable[[], None]) -> AiohttpTransport:
    """Return a transport that calls `on_send` when a request is sent."""

    class Notifying(AiohttpTransport):
        async def exchange(
            self, request: Any, *, timeout: float, on_sent: OnSent
        ) -> Any:
            def both(acknowledged_at: AcknowledgedAt | None = None) -> None:
                on_sent(acknowledged_at)
                on_send()

            return await super().exchange(request, timeout=timeout, on_sent=both)

    return Notifying()
