"""Hook events and log lines of calls, in simulated time."""

import asyncio

import pytest

from cams_async.models import CallEvent
from tests.clock import Clock
from tests.fakes import (
    ACTION,
    LOST,
    MIGRATION,
    NOT_SENT,
    ONE_ATTEMPT,
    STATUS,
    VERIFIED,
    Hang,
    RecordingTransport,
    Step,
    fail,
    make,
    refusal,
    response,
    send,
)


class TestHooks:
    """One event for each call, however it ended."""

    def test_a_success_is_reported(self, clock: Clock) -> None:
        """The event has every field."""
        events: list[CallEvent] = []
        send(clock, RecordingTransport(LOST, VERIFIED), hooks=[events.append])
        (event,) = events

        assert (ACTION, 2, "executed", "OK", "id-ok") == (
            event.action,
            event.attempts,
            event.outcome,
            event.code,
            event.request_id,
        )
        assert 0 <= event.waited < 1

    @pytest.mark.parametrize(
        ("step", "expected"),
        [
            (NOT_SENT, ("not_sent", None, None)),
            (LOST, ("unknown", None, None)),
            (refusal("X.Y"), ("rejected", "X.Y", "id-no")),
            (
                response({"Code": "OK", "RequestId": "i", "Data": 5}),
                ("executed", None, None),
            ),
        ],
        ids=["not sent", "lost", "refused", "executed"],
    )
    def test_an_error_is_reported(
        self, step: Step, expected: tuple[object, ...], clock: Clock
    ) -> None:
        """With its outcome, and the code and id that came with it."""
        events: list[CallEvent] = []
        fail(
            clock,
            RecordingTransport(step),
            MIGRATION,
            hooks=[events.append],
            retry=ONE_ATTEMPT,
        )
        (event,) = events

        assert expected == (event.outcome, event.code, event.request_id)
        assert event.attempts == 1

    @pytest.mark.parametrize(
        ("steps", "expected"),
        [
            ([Hang(sent=False)], "not_sent"),
            ([Hang()], "unknown"),
            ([LOST, Hang(sent=False)], "unknown"),
        ],
        ids=["connecting", "in flight", "earlier"],
    )
    def test_a_cancelled_call_is_reported(
        self, steps: list[Step], expected: str, clock: Clock
    ) -> None:
        """Its outcome is the one proven so far."""
        events: list[CallEvent] = []
        transport = RecordingTransport(*steps)

        async def main() -> None:
            async with make(transport, hooks=[events.append]) as cams:
                call = asyncio.create_task(cams.send(STATUS))
                await asyncio.sleep(100)
                call.cancel()
                await asyncio.wait([call])

                assert call.cancelled()

        clock.run(main())
        (event,) = events

        assert (expected, None, len(steps)) == (
            event.outcome,
            event.code,
            event.attempts,
        )

    def test_a_failing_hook_does_no_harm(
        self, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The call succeeds, the other hooks are called, and a line is logged."""
        events: list[CallEvent] = []

        def broken(_: CallEvent) -> None:
            raise LookupError("a custom hook")

        response = send(
            clock, RecordingTransport(VERIFIED), hooks=[broken, events.append]
        )
        (record,) = caplog.records

        assert response.code == "OK"
        assert len(events) == 1
        assert f"a hook failed on {ACTION}" == record.getMessage()
        assert record.exc_info is not None

    def test_a_call_by_name_is_reported(self, clock: Clock) -> None:
        """It has a request id as well."""
        events: list[CallEvent] = []

        async def main() -> None:
            async with make(
                RecordingTransport(VERIFIED), hooks=[events.append]
            ) as cams:
                await cams.call("AnAction")

        clock.run(main())
        (event,) = events

        assert ("AnAction", "executed", "id-ok") == (
            event.action,
            event.outcome,
            event.request_id,
        )
