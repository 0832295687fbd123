"""The steps of a call, its deadline and its scope, in simulated time."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest

from cams_async.credentials import Credentials
from cams_async.errors import (
    ApiError,
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
from cams_async.models import Scope
from cams_async.throttle import LocalThrottle
from tests.clock import Clock
from tests.fakes import (
    ACTION,
    CREDENTIALS,
    HINT,
    IN_TIME,
    LOST,
    MIGRATION,
    NOT_SENT,
    STATUS,
    VERIFIED,
    AlwaysRetry,
    Delayed,
    ExpiringPermit,
    ExpiringThrottle,
    FailingThrottle,
    FixedDelay,
    Hang,
    QueuedProvider,
    RecordingTransport,
    Watched,
    fail,
    make,
    send,
)


class TimeoutThrottle(LocalThrottle):
    """A custom throttle that fails."""

    def acquire(self, *_: object, **__: object) -> NoReturn:
        """Fail with an error that is not ours."""
        raise TimeoutError("redis")


class TestOrder:
    """The steps of a call, in their order."""

    def test_credentials_are_fetched_before_the_queue_and_after_the_permit(
        self, clock: Clock
    ) -> None:
        """Bad ones never wait, and the request is signed with fresh ones."""
        provider = QueuedProvider(CREDENTIALS, Credentials("LTAI-the-second", "s"))
        transport = RecordingTransport(VERIFIED)
        throttle = Watched(provider.log)
        send(clock, transport, credentials=provider, throttle=throttle)

        assert ["credentials", "line", "credentials"] == provider.log
        assert (
            "Credential=LTAI-the-second" in transport.seen[0].headers["authorization"]
        )

    def test_bad_credentials_fail_before_the_queue(self, clock: Clock) -> None:
        """However long it is."""
        throttle = Watched()
        provider = QueuedProvider()
        error = fail(
            clock,
            RecordingTransport(VERIFIED),
            credentials=provider,
            throttle=throttle,
        )

        assert isinstance(error, CredentialsError)
        assert (ACTION, 0, "not_sent") == (error.action, error.attempts, error.outcome)
        assert (1, []) == (provider.calls, throttle.scopes)

    def test_a_response_has_facts_about_its_call(self, clock: Clock) -> None:
        """The attempts, the seconds in the queue, and the HTTP status."""

        async def main() -> Iterable[Any]:
            async with make(RecordingTransport(VERIFIED), qps={ACTION: 1}) as cams:
                return await asyncio.gather(cams.send(STATUS), cams.send(STATUS))

        first, second = (response.meta for response in clock.run(main()))

        assert (1, 200) == (second.attempts, second.http_status)
        assert first.waited == pytest.approx(0, abs=1e-4)
        assert second.waited == pytest.approx(1.01, abs=1e-3)

    def test_the_waits_of_all_attempts_are_added_up(self, clock: Clock) -> None:
        """A second for the slot of another call, two for that of its own lost one."""
        transport = RecordingTransport(VERIFIED, LOST, VERIFIED)

        async def main() -> Any:
            async with make(transport, qps={ACTION: 1}, retry=AlwaysRetry()) as cams:
                await cams.send(STATUS)
                return await cams.send(STATUS)

        meta = clock.run(main()).meta

        assert meta.attempts == 2
        assert meta.waited == pytest.approx(1.01 + 2.01, abs=1e-3)

    def test_the_date_is_made_after_the_permit(self, clock: Clock) -> None:
        """It is the time of the send, however long the queue was."""
        transport = RecordingTransport(VERIFIED)
        before = datetime.now(UTC).replace(microsecond=0)
        send(clock, transport)
        date = datetime.fromisoformat(transport.header("x-acs-date")[0])

        assert before <= date <= datetime.now(UTC)

    def test_the_time_out_reaches_the_transport(self, clock: Clock) -> None:
        """It bounds each attempt."""
        transport = RecordingTransport(NOT_SENT, VERIFIED)
        send(clock, transport, timeout=3)

        assert [3, 3] == transport.timeouts


class TestDeadline:
    """One bound over the whole call."""

    def test_it_covers_the_credentials(self, clock: Clock) -> None:
        """A provider that hangs does not hang the call."""

        class Slowly(QueuedProvider):
            async def get(self) -> Credentials:
                await asyncio.sleep(100)
                raise AssertionError

        before = clock.now
        error = fail(
            clock, RecordingTransport(VERIFIED), credentials=Slowly(), deadline=5
        )

        assert isinstance(error, DeadlineExceeded)
        assert ("queued", "not_sent", 0) == (error.phase, error.outcome, error.attempts)
        assert clock.now - before == pytest.approx(5, abs=1e-3)

    def test_it_covers_the_queue(self, clock: Clock) -> None:
        """A permit that would be too late is refused at once."""

        async def main() -> DeadlineExceeded:
            async with make(RecordingTransport(VERIFIED), qps={ACTION: 0.1}) as cams:
                await cams.send(STATUS)
                before = clock.now
                with pytest.raises(DeadlineExceeded) as caught:
                    await cams.with_options(deadline=5).send(STATUS)

                assert clock.now - before < 0.01
                return caught.value

        error = clock.run(main())

        assert ("queued", "not_sent", 0) == (
            error.phase,
            error.outcome,
            error.places_ahead,
        )
        assert error.action == ACTION

    def test_it_covers_the_flight(self, clock: Clock) -> None:
        """It ends an attempt before its own time-out does."""
        before = clock.now
        error = fail(
            clock, RecordingTransport(Hang()), MIGRATION, deadline=5, timeout=100
        )

        assert isinstance(error, DeadlineExceeded)
        assert ("in flight", "unknown", 1) == (
            error.phase,
            error.outcome,
            error.attempts,
        )
        assert error.hint == HINT
        assert clock.now - before == pytest.approx(5, abs=1e-3)

    def test_connecting_is_not_in_flight(self, clock: Clock) -> None:
        """As long as the request has not left."""
        error = fail(clock, RecordingTransport(Hang(sent=False)), deadline=5)

        assert isinstance(error, DeadlineExceeded)
        assert ("queued", "not_sent", 1) == (error.phase, error.outcome, error.attempts)

    def test_it_covers_all_attempts(self, clock: Clock) -> None:
        """The last error is raised at once if the next wait would pass the deadline."""
        before = clock.now
        transport = RecordingTransport(NOT_SENT)
        error = fail(clock, transport, deadline=10, retry=FixedDelay(3))

        assert isinstance(error, ConnectError)
        assert error.attempts == 4
        assert clock.now - before == pytest.approx(9, abs=0.01)

    def test_it_is_one_bound_over_everything(self, clock: Clock) -> None:
        """Credentials, queue, an attempt, a delay and another attempt."""

        class Slowly(QueuedProvider):
            async def get(self) -> Credentials:
                await asyncio.sleep(0.5)
                return CREDENTIALS

        transport = RecordingTransport(VERIFIED, LOST, Hang())
        late: list[float] = []

        async def main() -> DeadlineExceeded:
            options = {
                "credentials": Slowly(),
                "qps": {ACTION: 1},
                "retry": FixedDelay(1),
            }
            async with make(transport, **options) as cams:
                await cams.send(STATUS)
                until = clock.now + 9
                with pytest.raises(DeadlineExceeded) as caught:
                    await cams.with_options(deadline=9).send(STATUS)
                late.append(clock.now - until)
                return caught.value

        error = clock.run(main())

        assert ("in flight", "unknown", 2) == (
            error.phase,
            error.outcome,
            error.attempts,
        )
        # Each cycle of the simulated loop takes a microsecond.
        assert [0] == pytest.approx(late, abs=1e-5)

    def test_a_response_before_the_deadline_is_returned(self, clock: Clock) -> None:
        """A deadline does nothing before it passes."""
        response = send(clock, RecordingTransport(Delayed(4.9, VERIFIED)), deadline=5)

        assert response.code == "OK"

    def test_without_one_a_call_waits_as_long_as_it_takes(self, clock: Clock) -> None:
        """Fanning out is what this is for."""

        async def main() -> None:
            async with make(RecordingTransport(VERIFIED), qps={ACTION: 0.01}) as cams:
                await asyncio.gather(*[cams.send(STATUS) for _ in range(5)])

        before = clock.now
        clock.run(main())

        assert clock.now - before == pytest.approx(400, abs=1)

    def test_a_time_out_of_a_custom_throttle_is_no_deadline(self, clock: Clock) -> None:
        """The error of a custom throttle is raised unchanged."""
        with pytest.raises(TimeoutError, match="redis"):
            send(
                clock,
                RecordingTransport(VERIFIED),
                throttle=TimeoutThrottle(),
                deadline=5,
            )

    def test_an_outer_time_out_cancels(self, clock: Clock) -> None:
        """`asyncio.timeout` works too."""
        transport = RecordingTransport(Hang())

        async def main() -> None:
            async with make(transport) as cams:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(5):
                        await cams.send(STATUS)

        clock.run(main())

        assert transport.busy == 0


class TestScope:
    """Whom and what a call is counted against."""

    def scope(self, clock: Clock, **options: Any) -> Scope:
        """Return the scope of a call."""
        throttle = Watched()
        send(clock, RecordingTransport(VERIFIED), throttle=throttle, **options)
        return throttle.scopes[0]

    def test_a_key_is_its_own_account(self, clock: Clock) -> None:
        """The defaults are the access key id and the documented ceiling."""
        expected = Scope(
            account="LTAI-of-the-tests",
            region="http://127.0.0.1:1",
            action=ACTION,
            qps=10.0,
        )

        assert expected == self.scope(clock)

    def test_the_account_of_a_provider_is_read_once(self, clock: Clock) -> None:
        """It is fixed for the client's life, whatever the provider returns later."""
        provider = QueuedProvider(CREDENTIALS, account="first")
        throttle = Watched()

        async def main() -> None:
            transport = RecordingTransport(VERIFIED)
            options = {"credentials": provider, "throttle": throttle}
            async with make(transport, **options) as cams:
                await cams.send(STATUS)
                provider.account = "second"
                await cams.send(STATUS)
                await cams.send(MIGRATION)

        clock.run(main())

        assert ["first"] * 3 == [scope.account for scope in throttle.scopes]

    def test_a_granted_ceiling_wins(self, clock: Clock) -> None:
        """Only for the action that it was given for."""
        assert self.scope(clock, qps={ACTION: 50}).qps == 50
        assert self.scope(clock, qps={"Other": 50}).qps == 10


class FailingProvider:
    """A provider that fails, at once or after its first success."""

    def __init__(self, error: BaseException, *, good: int = 0) -> None:
        self.error = error
        self.good = good
        self.calls = 0

    account = "the account"

    async def get(self) -> Credentials:
        """Return credentials, then fail."""
        self.calls += 1
        if self.calls > self.good:
            raise self.error
        return CREDENTIALS


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
        provider = FailingProvider(error, good=good)
        transport = RecordingTransport(VERIFIED)
        found = fail(clock, transport, credentials=provider, retry=AlwaysRetry())

        assert isinstance(found, CredentialsError)
        assert (good + 1, 0, "not_sent") == (
            provider.calls,
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
        provider, transport = FailingProvider(error), RecordingTransport(VERIFIED)
        found = fail(clock, transport, credentials=provider, retry=AlwaysRetry())

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
        provider = FailingProvider(asyncio.CancelledError())
        error = fail(clock, RecordingTransport(VERIFIED), credentials=provider)

        assert isinstance(error, CredentialsError)
        assert "CancelledError" in str(error)

    @pytest.mark.parametrize("error", [OSError("canary"), ConnectError("canary")])
    def test_an_account_that_fails_is_a_credentials_error(
        self, error: Exception, clock: Clock
    ) -> None:
        """It is read from the provider, too."""

        class TimeoutThrottle:
            @property
            def account(self) -> str:
                raise error

            async def get(self) -> Credentials:
                return CREDENTIALS

        found = fail(clock, RecordingTransport(VERIFIED), credentials=TimeoutThrottle())

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
        throttle = FailingThrottle(error)
        found = fail(
            clock, RecordingTransport(VERIFIED), throttle=throttle, retry=AlwaysRetry()
        )

        assert found is error
        assert (1, 0) == (throttle.calls, found.attempts)

    @pytest.mark.parametrize(
        "step", [ConfigurationError("bad", field="proxy"), ClientClosed("closed")]
    )
    def test_a_transport_that_cannot_be_used_is_tried_once(
        self, step: CamsError, clock: Clock
    ) -> None:
        """Only errors of the network and of responses are retried."""
        transport = RecordingTransport(step)
        error = fail(clock, transport, retry=AlwaysRetry())

        assert type(error) is type(step)
        assert 1 == len(transport.seen)

    def test_a_throttle_that_fails_on_leaving_repeats_nothing(
        self, clock: Clock
    ) -> None:
        """The call was executed before; its outcome is not called not_sent."""

        class Leaving(ExpiringThrottle):
            def acquire(self, *args: Any, **options: Any) -> Any:
                class Failing(ExpiringPermit):
                    async def __aexit__(self, *_: object) -> None:
                        raise PermitExpired("too late")

                super().acquire(*args, **options)
                return Failing(self.log, self.good)

        transport = RecordingTransport(VERIFIED)
        throttle = Leaving(IN_TIME, IN_TIME)
        error = fail(
            clock, transport, MIGRATION, throttle=throttle, retry=AlwaysRetry()
        )

        assert (1, "unknown") == (len(transport.seen), error.outcome)
