"""What one call goes through, in simulated time and against a queue of answers."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from itertools import pairwise
from typing import Any, NoReturn

import pytest
from multidict import CIMultiDict

from cams_async.credentials import Credentials
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
    InvalidParameter,
    RequestTimeout,
)
from cams_async.models import CallEvent, Scope
from cams_async.operations import Operation
from cams_async.protocol import HttpResponse, Request
from cams_async.retry import RetryPolicy
from cams_async.throttle import LocalThrottle, Permit
from tests.clock import Clock
from tests.fakes import (
    CREDENTIALS,
    LATE,
    LOST,
    MIGRATION,
    NOT_SENT,
    STATUS,
    THROTTLED,
    VERIFIED,
    Delayed,
    Hang,
    RecordingTransport,
    Step,
    Watched,
    make,
    refusal,
    response,
)

ACTION = type(STATUS).__name__

HINT = f"Call {ACTION} to find out whether it was executed."


class Always(RetryPolicy):
    """Says yes to everything, for ever."""

    def delay(
        self, error: CamsError, *, attempt: int, elapsed: float, random: float
    ) -> float:
        """Return no wait at all."""
        del error, attempt, elapsed, random
        return 0.0


class After:
    """A policy that waits as long as it was told, and remembers what it was asked."""

    def __init__(self, wait: float | None) -> None:
        self.wait = wait
        self.asked: list[tuple[type[CamsError], int, float, float]] = []

    def delay(
        self, error: CamsError, *, attempt: int, elapsed: float, random: float
    ) -> float | None:
        """Return the wait."""
        self.asked.append((type(error), attempt, elapsed, random))
        return self.wait


class Provider:
    """Hands out credentials one after the other, the last one for ever."""

    def __init__(
        self, *given: Credentials, account: str | None = "the account"
    ) -> None:
        self.given = list(given)
        self.account = account
        self.asked = 0
        self.log: list[str] = []

    async def get(self) -> Credentials:
        """Return the next."""
        self.asked += 1
        self.log.append("credentials")
        await asyncio.sleep(0)
        return self.given[0] if len(self.given) == 1 else self.given.pop(0)


class Broken(LocalThrottle):
    """A throttle of somebody's that fails."""

    def acquire(self, *_: object, **__: object) -> NoReturn:
        """Fail with an error that is not ours."""
        raise TimeoutError("redis")


def send(
    clock: Clock,
    transport: RecordingTransport,
    operation: Operation[Any] = STATUS,
    **options: Any,
) -> Any:
    """Send one operation through a client of its own."""

    async def main() -> Any:
        async with make(transport, **options) as cams:
            return await cams.send(operation)

    return clock.run(main())


def fail(
    clock: Clock,
    transport: RecordingTransport,
    operation: Operation[Any] = STATUS,
    **options: Any,
) -> CamsError:
    """Send one operation that fails, and return its error."""
    with pytest.raises(CamsError) as caught:
        send(clock, transport, operation, **options)
    return caught.value


class TestOrder:
    """The steps of a call, in their order."""

    def test_credentials_are_asked_before_the_line_and_after_the_turn(
        self, clock: Clock
    ) -> None:
        """Bad ones never wait, and those that are signed with are fresh."""
        provider = Provider(CREDENTIALS, Credentials("LTAI-the-second", "s"))
        transport = RecordingTransport(VERIFIED)
        throttle = Watched(provider.log)
        send(clock, transport, credentials=provider, throttle=throttle)

        assert ["credentials", "line", "credentials"] == provider.log
        assert (
            "Credential=LTAI-the-second" in transport.seen[0].headers["authorization"]
        )

    def test_bad_credentials_fail_before_the_line(self, clock: Clock) -> None:
        """However long it is."""
        throttle = Watched()
        provider = Provider()
        error = fail(
            clock,
            RecordingTransport(VERIFIED),
            credentials=provider,
            throttle=throttle,
        )

        assert isinstance(error, CredentialsError)
        assert (ACTION, 0, "not_sent") == (error.action, error.attempts, error.outcome)
        assert (1, []) == (provider.asked, throttle.scopes)

    def test_a_success_tells_how_the_call_went(self, clock: Clock) -> None:
        """Attempts, seconds in the line, and the HTTP status."""

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
            async with make(transport, qps={ACTION: 1}, retry=Always()) as cams:
                await cams.send(STATUS)
                return await cams.send(STATUS)

        meta = clock.run(main()).meta

        assert meta.attempts == 2
        assert meta.waited == pytest.approx(1.01 + 2.01, abs=1e-3)

    def test_the_date_is_made_after_the_turn(self, clock: Clock) -> None:
        """It is the time of the send, however long the line was."""
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


UNKNOWN: list[Step] = [
    LOST,
    LATE,
    refusal("InternalError", 500),
    refusal("SignatureNonceUsed"),
    HttpResponse(200, CIMultiDict(), b"<html>"),
    HttpResponse(503, CIMultiDict(), b"<html>"),
]
"""Nobody can say whether these were executed."""

REFUSED: list[Step] = [
    refusal("InvalidParameter.PhoneNumberError"),
    refusal("Ram.PermissionDeny"),
    refusal("SomethingNew"),
    response({"Code": "OK", "RequestId": "i", "Data": "wrong"}),
]
"""Sending these again is of no use."""


class TestResend:
    """What is sent again, and what never."""

    @pytest.mark.parametrize("operation", [STATUS, MIGRATION], ids=["SAFE", "NEVER"])
    @pytest.mark.parametrize(
        "step", [NOT_SENT, RequestTimeout("connecting"), THROTTLED]
    )
    def test_what_was_not_executed_is_sent_again(
        self, step: Step, operation: Operation[Any], clock: Clock
    ) -> None:
        """Whatever the operation."""
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
        """The error says where to find out what happened."""
        transport = RecordingTransport(step, VERIFIED)
        error = fail(clock, transport, MIGRATION, retry=Always())

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
        """Not even a read, with a policy that always says yes."""
        transport = RecordingTransport(step, VERIFIED)
        error = fail(clock, transport, retry=Always())

        assert isinstance(error, (ApiError, DecodeError))
        assert len(transport.seen) == 1
        assert error.hint is None

    @pytest.mark.parametrize("step", [NOT_SENT, LOST, THROTTLED])
    def test_one_attempt_means_never_again(self, step: Step, clock: Clock) -> None:
        """`RetryPolicy(attempts=1)` switches resending off."""
        transport = RecordingTransport(step, VERIFIED)
        error = fail(clock, transport, retry=RetryPolicy(attempts=1))

        assert (1, 1) == (len(transport.seen), error.attempts)

    def test_attempts_are_bounded(self, clock: Clock) -> None:
        """Four by default; the last error is raised."""
        transport = RecordingTransport(NOT_SENT, NOT_SENT, NOT_SENT, LOST)
        error = fail(clock, transport)

        assert isinstance(error, ConnectionLost)
        assert (4, 4) == (len(transport.seen), error.attempts)

    def test_each_resend_is_signed_anew(
        self, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With a nonce of its own, and the date of its own send."""
        monkeypatch.setattr(time, "time", clock.monotonic)
        transport = RecordingTransport(NOT_SENT, LOST, VERIFIED)
        send(clock, transport, retry=After(60))
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
        """A refusal of the second copy says nothing about the first."""
        transport = RecordingTransport(LOST, refusal("InvalidParameter"))
        error = fail(clock, transport)

        assert isinstance(error, InvalidParameter)
        assert ("unknown", 2) == (error.outcome, error.attempts)

    def test_the_policy_is_told_all(self, clock: Clock) -> None:
        """The error, the attempts, the seconds so far and a random number."""
        policy = After(5)
        send(clock, RecordingTransport(LOST, NOT_SENT, VERIFIED), retry=policy)
        first, second = policy.asked

        assert (ConnectionLost, 1) == first[:2]
        assert (ConnectError, 2) == second[:2]
        assert second[2] == pytest.approx(first[2] + 5, abs=0.01)
        assert 0 <= first[3] < 1
        assert first[3] != second[3]

    def test_the_policys_wait_is_waited(self, clock: Clock) -> None:
        """On the loop's clock."""
        before = clock.now
        send(clock, RecordingTransport(NOT_SENT, VERIFIED), retry=After(30))

        assert clock.now - before == pytest.approx(30, abs=0.1)

    def test_a_policy_may_give_up(self, clock: Clock) -> None:
        """None means no more."""
        transport = RecordingTransport(NOT_SENT, VERIFIED)
        error = fail(clock, transport, retry=After(None))

        assert isinstance(error, ConnectError)
        assert len(transport.seen) == 1

    @pytest.mark.parametrize("wait", [math.nan, -1.0, math.inf])
    def test_a_policys_nonsense_is_refused(self, wait: float, clock: Clock) -> None:
        """It is named, and so is what had gone wrong."""
        transport = RecordingTransport(NOT_SENT, VERIFIED)
        error = fail(clock, transport, retry=After(wait))

        assert isinstance(error, ConfigurationError)
        assert error.field == "retry"
        assert isinstance(error.__cause__, ConnectError)
        assert len(transport.seen) == 1

    def test_a_resend_is_warned_of(
        self, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One line, with the action, the attempt and the outcome."""
        with caplog.at_level(logging.WARNING, "cams_async"):
            send(clock, RecordingTransport(LOST, VERIFIED), retry=After(2))
        (record,) = caplog.records

        assert (
            f"{ACTION}: attempt 1 failed (ConnectionLost, unknown), next in 2.00 s"
            == record.getMessage()
        )

    def test_each_attempt_is_one_line_at_debug(
        self, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What it came to, and the request id if there was one."""
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
        """A hundred resends, whatever the policy says."""
        transport = RecordingTransport(NOT_SENT)
        error = fail(clock, transport, retry=Always(), qps={ACTION: 1000})

        assert isinstance(error, ConnectError)
        assert (101, 101) == (len(transport.seen), error.attempts)

    def test_with_options_shares_it(self, clock: Clock) -> None:
        """A second way to the same client opens no second budget."""
        transport = RecordingTransport(NOT_SENT)

        async def main() -> None:
            async with make(transport, retry=Always(), qps={ACTION: 1000}) as cams:
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
            async with make(transport, retry=Always(), qps={ACTION: 1000}) as cams:
                for _ in range(150):
                    await cams.send(STATUS)

        clock.run(main())

        assert len(transport.seen) == 300

    def test_throttled_calls_cost_nothing(self, clock: Clock) -> None:
        """The line bounds them already."""
        transport = RecordingTransport(*[THROTTLED] * 150, VERIFIED)
        response = send(clock, transport, retry=Always(), qps={ACTION: 1000})

        assert response.meta.attempts == 151


class TestDeadline:
    """One bound over the whole call."""

    def test_it_covers_the_credentials(self, clock: Clock) -> None:
        """A provider that hangs does not hang the call."""

        class Slowly(Provider):
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

    def test_it_covers_the_line(self, clock: Clock) -> None:
        """A turn that comes too late is refused at once, and says so."""

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
        """Where the next wait would pass it, the real error comes at once."""
        before = clock.now
        transport = RecordingTransport(NOT_SENT)
        error = fail(clock, transport, deadline=10, retry=After(3))

        assert isinstance(error, ConnectError)
        assert error.attempts == 4
        assert clock.now - before == pytest.approx(9, abs=0.01)

    def test_it_is_one_bound_over_everything(self, clock: Clock) -> None:
        """Credentials, line, an attempt, a wait and one more: not a moment over."""

        class Slowly(Provider):
            async def get(self) -> Credentials:
                await asyncio.sleep(0.5)
                return CREDENTIALS

        transport = RecordingTransport(VERIFIED, LOST, Hang())
        late: list[float] = []

        async def main() -> DeadlineExceeded:
            options = {"credentials": Slowly(), "qps": {ACTION: 1}, "retry": After(1)}
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
        # Each turn of the simulated loop takes a microsecond.
        assert [0] == pytest.approx(late, abs=1e-5)

    def test_an_attempt_that_answers_in_time_is_fine(self, clock: Clock) -> None:
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

    def test_a_time_out_of_somebody_elses_is_no_deadline(self, clock: Clock) -> None:
        """What a throttle of the user's raises passes as it is."""
        with pytest.raises(TimeoutError, match="redis"):
            send(clock, RecordingTransport(VERIFIED), throttle=Broken(), deadline=5)

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


class ServerClock(RecordingTransport):
    """A server that refuses dates more than 15 minutes off its own clock."""

    def __init__(self, ahead: float) -> None:
        super().__init__(VERIFIED)
        self.ahead = ahead

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Judge the date."""
        now = time.time() + self.ahead
        date = datetime.fromisoformat(request.headers["x-acs-date"]).timestamp()
        late = abs(date - now) > 900
        expired = refusal("InvalidTimeStamp.Expired", date=formatdate(now, usegmt=True))
        self.steps.clear()
        self.steps.append(expired if late else VERIFIED)
        return await super().exchange(request, timeout=timeout, on_sent=on_sent)


class TestClock:
    """A clock that is off mends itself."""

    @pytest.mark.parametrize("operation", [STATUS, MIGRATION], ids=["SAFE", "NEVER"])
    @pytest.mark.parametrize("ahead", [86400.0, -86400.0])
    def test_it_heals_and_heals_back(
        self, ahead: float, operation: Operation[Any], clock: Clock
    ) -> None:
        """One extra round trip each time, and none for the calls that follow."""
        server = ServerClock(ahead)
        trips: list[int] = []

        async def main() -> None:
            async with make(server) as cams:
                for off in (ahead, ahead, 0.0, 0.0):
                    server.ahead = off
                    server.seen.clear()
                    await cams.send(operation)
                    trips.append(len(server.seen))

        clock.run(main())

        assert [2, 1, 2, 1] == trips

    def test_it_heals_without_a_wait(self, clock: Clock) -> None:
        """The policy only says whether, not when."""
        before = clock.now
        send(clock, ServerClock(86400.0), retry=After(50))

        assert clock.now - before < 1

    @pytest.mark.parametrize(
        "date",
        [
            None,
            "yesterday",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Mon, 01 Jan 1500 00:00:00 GMT",
            "Mon, 20 Nov 1995 19:12:08 +99999999999999999999",
            "Mon, 20 Nov 99999999999999 19:12:08 GMT",
            "Mon, 20 Nov 1995 19:12:08 +9999",
        ],
    )
    def test_a_bad_date_mends_nothing_and_breaks_nothing(
        self, date: str | None, clock: Clock
    ) -> None:
        """The call fails as it would, and the next one is dated as before."""
        headers = CIMultiDict({} if date is None else {"date": date})
        body = refusal("InvalidTimeStamp.Expired").body
        expired = HttpResponse(400, headers, body)
        transport = RecordingTransport(expired, VERIFIED)

        async def main() -> None:
            async with make(transport) as cams:
                with pytest.raises(AuthenticationError) as caught:
                    await cams.send(STATUS)

                assert (1, "rejected") == (caught.value.attempts, caught.value.outcome)

                await cams.send(STATUS)

        clock.run(main())
        used = datetime.fromisoformat(transport.header("x-acs-date")[1])

        assert abs(used - datetime.now(UTC)) < timedelta(minutes=1)

    def test_a_date_without_a_zone_is_in_utc(
        self, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Wherever this machine stands."""
        monkeypatch.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        date = time.strftime("%d %b %Y %H:%M:%S", time.gmtime())
        transport = RecordingTransport(
            refusal("InvalidTimeStamp.Expired", date=date), VERIFIED
        )
        send(clock, transport)
        monkeypatch.undo()
        time.tzset()
        used = datetime.fromisoformat(transport.header("x-acs-date")[1])

        assert abs(used - datetime.now(UTC)) < timedelta(minutes=1)

    def test_a_server_that_is_never_content_is_asked_twice(self, clock: Clock) -> None:
        """A good Date header does not make a loop."""
        expired = refusal("InvalidTimeStamp.Expired", date=formatdate(usegmt=True))
        transport = RecordingTransport(expired)
        error = fail(clock, transport, retry=Always())

        assert isinstance(error, AuthenticationError)
        assert len(transport.seen) == 2

    def test_one_attempt_is_one_attempt(self, clock: Clock) -> None:
        """The clock is set all the same, for the next call."""
        server = ServerClock(86400.0)

        async def main() -> None:
            async with make(server, retry=RetryPolicy(attempts=1)) as cams:
                with pytest.raises(AuthenticationError):
                    await cams.send(STATUS)
                await cams.send(STATUS)

        clock.run(main())

        assert len(server.seen) == 2


EXPIRED = refusal("InvalidSecurityToken.Expired")


class TestToken:
    """A token that the server calls expired is renewed."""

    def credentials(self, number: int) -> Credentials:
        """Return temporary credentials that look valid for a long time."""
        end = datetime.now(UTC) + timedelta(days=1)
        return Credentials("LTAI", "s", f"token-{number}", end)

    @pytest.mark.parametrize("operation", [STATUS, MIGRATION], ids=["SAFE", "NEVER"])
    def test_it_is_renewed_once(self, operation: Operation[Any], clock: Clock) -> None:
        """For every operation: nothing was executed."""
        provider = Provider(self.credentials(1), self.credentials(2))
        transport = RecordingTransport(EXPIRED, VERIFIED)
        send(clock, transport, operation, credentials=provider)

        assert ["token-1", "token-2"] == transport.header("x-acs-security-token")
        assert provider.asked == 2

    def test_twice_expired_is_an_error(self, clock: Clock) -> None:
        """There is no loop."""
        provider = Provider(self.credentials(1), self.credentials(2))
        transport = RecordingTransport(EXPIRED)
        error = fail(clock, transport, credentials=provider, retry=Always())

        assert isinstance(error, AuthenticationError)
        assert (2, 2) == (len(transport.seen), provider.asked)

    def test_fixed_credentials_are_not_renewed(self, clock: Clock) -> None:
        """There are no others to ask for."""
        transport = RecordingTransport(EXPIRED)
        error = fail(clock, transport, retry=Always())

        assert isinstance(error, AuthenticationError)
        assert (1, "rejected", 1) == (
            error.attempts,
            error.outcome,
            len(transport.seen),
        )

    @pytest.mark.parametrize("status", [408, 409, 500, 503])
    def test_it_is_renewed_after_a_proven_refusal_only(
        self, status: int, clock: Clock
    ) -> None:
        """A 503 proves nothing, whatever its code; neither the clock is mended."""
        for code in ("InvalidSecurityToken.Expired", "InvalidTimeStamp.Expired"):
            provider = Provider(self.credentials(1), self.credentials(2))
            response = refusal(code, status, date=formatdate(usegmt=True))
            transport = RecordingTransport(response, VERIFIED)
            error = fail(
                clock, transport, MIGRATION, credentials=provider, retry=Always()
            )

            assert (1, "unknown", 1) == (
                len(transport.seen),
                error.outcome,
                provider.asked,
            )


class TestScope:
    """Whom and what a call is counted against."""

    def scope(self, clock: Clock, **options: Any) -> Scope:
        """Return the scope of a call."""
        throttle = Watched()
        send(clock, RecordingTransport(VERIFIED), throttle=throttle, **options)
        return throttle.scopes[0]

    def test_a_key_is_its_own_account(self, clock: Clock) -> None:
        """Where no name was given; the ceiling is the documented one."""
        expected = Scope(
            account="LTAI-of-the-tests",
            region="http://127.0.0.1:1",
            action=ACTION,
            qps=10.0,
        )

        assert expected == self.scope(clock)

    def test_a_given_account_wins(self, clock: Clock) -> None:
        """RAM users share one ceiling under one name."""
        provider = Provider(CREDENTIALS, account="theirs")

        assert self.scope(clock, account="mine", credentials=provider).account == "mine"

    def test_a_providers_account_is_used_and_stays(self, clock: Clock) -> None:
        """It is fixed for the client's life, whatever the provider says later."""
        provider = Provider(CREDENTIALS, account="first")
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

    def test_a_provider_without_an_account_needs_the_option(self, clock: Clock) -> None:
        """The error says what to give; nothing was sent."""

        class Nameless:
            async def get(self) -> Credentials:
                return CREDENTIALS

        odd: list[Any] = [None, "", 5, b"x", ["x"]]
        named = [Provider(CREDENTIALS, account=name) for name in odd]
        for provider in (*named, Nameless()):
            transport = RecordingTransport(VERIFIED)
            error = fail(clock, transport, credentials=provider)

            assert isinstance(error, ConfigurationError)
            assert ("account", 0) == (error.field, len(transport.seen))
            assert "account=" in str(error)

            scope = self.scope(clock, credentials=provider, account="mine")

            assert scope.account == "mine"

    def test_a_granted_ceiling_wins(self, clock: Clock) -> None:
        """Only for the action that it was given for."""
        assert self.scope(clock, qps={ACTION: 50}).qps == 50
        assert self.scope(clock, qps={"Other": 50}).qps == 10


class TestHooks:
    """One event for each call, however it ended."""

    def test_a_success_is_told(self, clock: Clock) -> None:
        """With everything that is known of it."""
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
    def test_an_error_is_told(
        self, step: Step, expected: tuple[object, ...], clock: Clock
    ) -> None:
        """With its outcome, and the code and id that came with it."""
        events: list[CallEvent] = []
        fail(
            clock, RecordingTransport(step), MIGRATION, hooks=[events.append], retry=NO
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
    def test_a_cancelled_call_is_told(
        self, steps: list[Step], expected: str, clock: Clock
    ) -> None:
        """Its outcome is what was known when it ended."""
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
        """The call succeeds, the other hooks are told, and a line is logged."""
        events: list[CallEvent] = []

        def broken(_: CallEvent) -> None:
            raise LookupError("a hook of somebody's")

        response = send(
            clock, RecordingTransport(VERIFIED), hooks=[broken, events.append]
        )
        (record,) = caplog.records

        assert response.code == "OK"
        assert len(events) == 1
        assert f"a hook failed on {ACTION}" == record.getMessage()
        assert record.exc_info is not None

    def test_an_untyped_call_is_told(self, clock: Clock) -> None:
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


NO = RetryPolicy(attempts=1)


class Stubborn(RecordingTransport):
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
            ([NOT_SENT], {"retry": After(1000)}, "not_sent"),
            ([LOST], {"retry": After(1000)}, "unknown"),
        ],
        ids=["in flight", "connecting", "between attempts", "after a loss"],
    )
    def test_a_running_call_ends_at_once(
        self, steps: list[Step], options: dict[str, Any], outcome: str, clock: Clock
    ) -> None:
        """With ClientClosed, which knows what is known."""
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

    def test_calls_in_line_end_and_those_of_others_go_on(self, clock: Clock) -> None:
        """The line is shared; leaving it moves the others up."""
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
        transport = Stubborn(0.9)

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
        """After a second, with a warning; the transport is closed all the same."""
        transport = Stubborn(50)

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
        transport = Stubborn(0.5)

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
        """What was opened is given back."""
        transport = Stubborn(50)

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
        """The session adds what it knows."""
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


class Counting(RecordingTransport):
    """Counts how many requests are on their way at once."""

    most = 0

    async def exchange(
        self, request: Request, *, timeout: float, on_sent: Callable[[], None]
    ) -> HttpResponse:
        """Count, and go on."""
        self.most = max(self.most, self.busy + 1)
        return await super().exchange(request, timeout=timeout, on_sent=on_sent)


class TestTurns:
    """What the throttle is told."""

    def told(
        self, clock: Clock, step: Step, operation: Operation[Any] = STATUS
    ) -> list[str]:
        """Return what a turn was told during one attempt."""
        log: list[str] = []

        class Telling:
            waited = 0.0
            ticket = 7

            def sent(self) -> bool:
                log.append("sent")
                return True

            def completed(self) -> None:
                log.append("answered")

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
                permit: AbstractAsyncContextManager[Permit] = Telling()
                return permit

        transport = RecordingTransport(step)
        options = {"throttle": Throttle(), "retry": NO}

        async def main() -> None:
            async with make(transport, **options) as cams:
                await asyncio.gather(cams.send(operation), return_exceptions=True)

        clock.run(main())
        return log

    @pytest.mark.parametrize(
        ("step", "expected"),
        [
            (VERIFIED, ["sent", "answered", "left"]),
            (refusal("X"), ["sent", "answered", "left"]),
            (NOT_SENT, ["left"]),
            (LOST, ["sent", "left"]),
            (THROTTLED, ["sent", "answered", "throttled None", "left"]),
            (
                refusal("Throttling", x_acs_retry_after="1500"),
                ["sent", "answered", "throttled 1.5", "left"],
            ),
            (
                refusal("Throttling", retry_after="7"),
                ["sent", "answered", "throttled 7.0", "left"],
            ),
        ],
        ids=["ok", "refused", "not sent", "lost", "throttled", "hint", "http hint"],
    )
    def test_a_turn_is_told_what_happened(
        self, step: Step, expected: list[str], clock: Clock
    ) -> None:
        """When it left, whether an answer came, and whether that was a refusal."""
        assert expected == self.told(clock, step)

    def test_an_answered_call_cut_short_is_not_called_unsent(
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
        transport = Counting(Delayed(0.5, VERIFIED))

        async def main() -> None:
            async with make(transport) as cams:
                await asyncio.gather(*[cams.send(STATUS) for _ in range(100)])

        clock.run(main())

        assert transport.most == 10

    def test_a_throttled_call_waits_for_the_servers_pause(self, clock: Clock) -> None:
        """The line decides when, not the policy."""
        before = clock.now
        refused = refusal("Throttling", x_acs_retry_after="5000")
        send(clock, RecordingTransport(refused, VERIFIED), retry=Always())

        assert clock.now - before == pytest.approx(5, abs=0.1)
