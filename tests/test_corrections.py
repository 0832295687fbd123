"""Corrections of a skewed clock and an expired token, in simulated time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from typing import Any, NoReturn

import pytest
from multidict import CIMultiDict

from cams_async.credentials import Credentials
from cams_async.errors import (
    AuthenticationError,
)
from cams_async.operations import Operation
from cams_async.protocol import HttpResponse, Request
from cams_async.retry import RetryPolicy
from tests.clock import Clock
from tests.fakes import (
    MIGRATION,
    STATUS,
    VERIFIED,
    AlwaysRetry,
    FixedDelay,
    QueuedProvider,
    RecordingTransport,
    fail,
    make,
    refusal,
    send,
)


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
        """The policy decides whether, not when."""
        before = clock.now
        send(clock, ServerClock(86400.0), retry=FixedDelay(50))

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

    def test_a_clock_is_corrected_once_per_call(self, clock: Clock) -> None:
        """A good Date header does not make a loop."""
        expired = refusal("InvalidTimeStamp.Expired", date=formatdate(usegmt=True))
        transport = RecordingTransport(expired)
        error = fail(clock, transport, retry=AlwaysRetry())

        assert isinstance(error, AuthenticationError)
        assert len(transport.seen) == 2

    def test_one_attempt_is_one_attempt(self, clock: Clock) -> None:
        """The clock is still corrected for the next call."""
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
        provider = QueuedProvider(self.credentials(1), self.credentials(2))
        transport = RecordingTransport(EXPIRED, VERIFIED)
        send(clock, transport, operation, credentials=provider)

        assert ["token-1", "token-2"] == transport.header("x-acs-security-token")
        assert provider.calls == 2

    def test_twice_expired_is_an_error(self, clock: Clock) -> None:
        """There is no loop."""
        provider = QueuedProvider(self.credentials(1), self.credentials(2))
        transport = RecordingTransport(EXPIRED)
        error = fail(clock, transport, credentials=provider, retry=AlwaysRetry())

        assert isinstance(error, AuthenticationError)
        assert (2, 2) == (len(transport.seen), provider.calls)

    def test_fixed_credentials_are_not_renewed(self, clock: Clock) -> None:
        """Static credentials cannot be replaced."""
        transport = RecordingTransport(EXPIRED)
        error = fail(clock, transport, retry=AlwaysRetry())

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
            provider = QueuedProvider(self.credentials(1), self.credentials(2))
            response = refusal(code, status, date=formatdate(usegmt=True))
            transport = RecordingTransport(response, VERIFIED)
            error = fail(
                clock, transport, MIGRATION, credentials=provider, retry=AlwaysRetry()
            )

            assert (1, "unknown", 1) == (
                len(transport.seen),
                error.outcome,
                provider.calls,
            )


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


class TestDates:
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
        error = fail(clock, transport, retry=AlwaysRetry())

        assert isinstance(error, AuthenticationError)
        assert len(transport.seen) <= 2
        assert all(len(text) == 20 for text in transport.header("x-acs-date"))
