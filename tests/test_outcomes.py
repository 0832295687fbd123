"""The outcome table, cell by cell, with the emulator's executions as the judge."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cams_async import (
    CamsClient,
    CamsError,
    Credentials,
    GatewayError,
    LocalThrottle,
    PermissionDenied,
    RetryPolicy,
    ServerError,
    ThrottlingError,
)
from cams_async.emulator import CannedResponse, Emulator
from cams_async.errors import ApiError, AuthenticationError
from cams_async.operations import (
    ChatappMigrationVerified,
    GetPhoneNumberVerificationStatus,
    Operation,
)
from cams_async.outcomes import classify, code_of, hop_of
from tests.fakes import FAST

TABLE = """
        ok        listed    other     half-way  hop
200     executed  rejected  unknown   unknown   unknown
202     executed  rejected  unknown   unknown   unknown
302     unknown   unknown   unknown   unknown   unknown
400     unknown   rejected  rejected  unknown   unknown
401     unknown   rejected  rejected  unknown   unknown
403     unknown   rejected  rejected  unknown   unknown
404     unknown   rejected  rejected  unknown   unknown
407     unknown   rejected  rejected  unknown   rejected
408     unknown   unknown   unknown   unknown   unknown
409     unknown   unknown   unknown   unknown   unknown
411     unknown   rejected  rejected  unknown   rejected
413     unknown   rejected  rejected  unknown   rejected
414     unknown   rejected  rejected  unknown   rejected
417     unknown   rejected  rejected  unknown   rejected
421     unknown   rejected  rejected  unknown   rejected
422     unknown   rejected  rejected  unknown   unknown
426     unknown   rejected  rejected  unknown   rejected
429     unknown   rejected  rejected  unknown   rejected
431     unknown   rejected  rejected  unknown   rejected
500     unknown   unknown   unknown   unknown   unknown
502     unknown   unknown   unknown   unknown   unknown
503     unknown   unknown   unknown   unknown   unknown
504     unknown   unknown   unknown   unknown   unknown
599     unknown   unknown   unknown   unknown   unknown
"""
"""By hand: the outcome by status and class of the code, or of another hop."""

CODES: dict[str, list[str | int]] = {
    "ok": ["OK", "ok", "Ok", 200, "200", "SUCCESS", "Success", "success", "0000"],
    "listed": [
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "InvalidAccessKeyId.NotFound",
        "InvalidAccessKeyId.Inactive",
        "InvalidTimeStamp.Expired",
        "InvalidTimeStamp.Format",
        "InvalidSecurityToken.Expired",
        "InvalidSecurityToken.Malformed",
        "InvalidSecurityToken.MismatchWithAccessKey",
        "MissingSecurityToken",
        "Ram.PermissionDeny",
        "NoPermission",
        "Forbidden.RAM",
        "Forbidden",
        "Product.Unsubscript",
        "Unknown.ResourceOwnerId",
        "System.LimitControl",
        "Throttling",
        "Throttling.User",
        "Throttling.Api",
        "InvalidParameter",
        "InvalidParameter.PhoneNumberError",
        "MissingPhoneNumber",
        "MissingParameter",
        "Authentication.NoAuth",
    ],
    "other": [
        "Something.New",
        "DelError.TemplateNotExist",
        "InvalidApi.NotFound",
        "InvalidAction",
        "InsufficientBalance",
        "ERR-FB-001",
        "131215",
        999999,
        "throttling",
        "O K",
    ],
    "half-way": [
        "InternalError",
        "InternalError.Dispatch",
        "internalerror",
        "InternalServerError",
        "ServiceUnavailable",
        "ServiceUnavailableTemporary",
        "UnknownError",
        "SystemError",
        "SystemError.Db",
        "RequestTimeout",
        "InvalidParameter.Timeout",
        "Api.TIMEOUT",
        "OperationFailed",
        "OperationFailed.Meta",
        "SignatureNonceUsed",
    ],
}
"""The members of each class, written by hand."""

STATUSES = [int(row.split()[0]) for row in TABLE.split("\n")[2:-1]]


def cells() -> Iterator[tuple[int, str, str]]:
    """Read the table: status, class of the code, outcome."""
    head, *rows = [line.split() for line in TABLE.strip().split("\n")]
    for status, *outcomes in rows:
        for kind, outcome in zip(head, outcomes, strict=True):
            yield int(status), kind, outcome


def test_each_code_at_each_status_has_the_outcome_of_the_table() -> None:
    """The whole table, for each code of each class."""
    for status, kind, outcome in cells():
        for code in CODES.get(kind, [""]):
            body = {"RequestId": "1", "Code": code} if kind != "hop" else {}
            found = classify(status, code_of("AnAction", body))

            assert (outcome, status, code) == (found.outcome, status, code)
            assert (found.error is None) == (outcome == "executed")


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "Forbidden", PermissionDenied),
        (500, "Forbidden", PermissionDenied),
        (400, "Throttling", ThrottlingError),
        (503, "Throttling", ThrottlingError),
        (429, "Something.New", ThrottlingError),
        (429, None, ThrottlingError),
        (400, "InternalError", ServerError),
        (503, "Something.New", ServerError),
        (503, None, ServerError),
        (400, "SignatureNonceUsed", AuthenticationError),
        (400, "Something.New", ApiError),
        (400, "OK", ApiError),
        (404, None, GatewayError),
        (414, None, GatewayError),
        (302, None, GatewayError),
    ],
)
def test_the_class_of_error_follows_the_code_then_the_status(
    status: int, code: str | None, error: type[ApiError]
) -> None:
    """Another hop's response is a GatewayError unless its status is more telling."""
    assert classify(status, code).error is error


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "a.example:443"),
        ({"server": "nginx"}, "nginx"),
        ({"via": "1.1 edge"}, "a.example:443, via 1.1 edge"),
        ({"server": "squid/5.7", "via": "1.1 edge"}, "squid/5.7, via 1.1 edge"),
        ({"server": " "}, "a.example:443"),
        ({"server": "a\nb\x1b[31m\u202e"}, "a?b?[31m?"),
    ],
)
def test_a_hop_is_named_by_harmless_text(
    headers: dict[str, str], expected: str
) -> None:
    """Its own words, without what a terminal or a log would act upon."""
    assert hop_of(headers, "a.example:443") == expected


class Stubborn(RetryPolicy):
    """A policy that always retries at once."""

    def delay(
        self, error: CamsError, *, attempt: int, elapsed: float, random: float
    ) -> float:
        """Return no wait at all."""
        del error, attempt, elapsed, random
        return 0.0


FIRST = {"ok": "OK", "listed": "Forbidden", "other": "Some.New", "half-way": "Timeout"}


def canned(
    status: int, code: str | None, *, processed: bool, **more: str
) -> CannedResponse:
    """Make a response: CAMS-formed, or without a code the page of another hop."""
    body = b"<html>no</html>"
    if code is not None:
        data = {"CodeVerificationStatus": "VERIFIED", "Id": "1"}
        body = json.dumps({"RequestId": "1", "Code": code, "Data": data}).encode()
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    return CannedResponse(
        status=status, body=body, headers=headers, processed=processed
    )


def migration(emulator: Emulator, place: int) -> ChatappMigrationVerified:
    """Return an operation that must not run twice."""
    number = emulator.phone_numbers[place]
    return ChatappMigrationVerified(
        phone_number=number.phone_number,
        cust_space_id=number.cust_space_id,
        verify_code=emulator.verify_code(number.phone_number),
    )


def status_of(emulator: Emulator, place: int) -> GetPhoneNumberVerificationStatus:
    """Return an operation that may run as often as one likes."""
    number = emulator.phone_numbers[place]
    return GetPhoneNumberVerificationStatus(
        phone_number=number.phone_number, cust_space_id=number.cust_space_id
    )


async def outcome_of(client: CamsClient, operation: Operation[Any]) -> tuple[str, int]:
    """Send, and return the outcome and the attempts."""
    try:
        response = await client.with_options(retry=Stubborn()).send(operation)
    except CamsError as error:
        return error.outcome, error.attempts
    return "executed", response.meta.attempts


@pytest.mark.parametrize("status", STATUSES)
async def test_nothing_runs_twice_in_any_cell(
    status: int, emulator: Emulator, client: CamsClient
) -> None:
    """The effect on the server and the policy make no difference."""
    place = 0
    for _, kind, expected in (cell for cell in cells() if cell[0] == status):
        runs = {"executed": [True], "rejected": [False], "unknown": [True, False]}
        for processed in runs[expected]:
            operation = migration(emulator, place)
            place += 1
            before = emulator.executed("ChatappMigrationVerified").total()
            fault = canned(status, FIRST.get(kind), processed=processed)
            emulator.faults.next(fault)
            found = await outcome_of(client, operation)
            runs_now = emulator.executed("ChatappMigrationVerified").total() - before

            if (status, kind) == (429, "hop") or (status, kind) == (429, "other"):
                # Refused by flow control: sent again, and executed then.
                assert (("executed", 2), 1) == (found, runs_now)
            else:
                assert ((expected, 1), processed) == (found, runs_now)


@pytest.mark.parametrize("status", STATUSES)
async def test_an_unknown_outcome_is_repeated_where_that_is_safe(
    status: int, emulator: Emulator, client: CamsClient
) -> None:
    """A read is sent again in each such cell, and in no other but flow control's."""
    for place, (_, kind, expected) in enumerate(
        cell for cell in cells() if cell[0] == status
    ):
        emulator.faults.next(canned(status, FIRST.get(kind), processed=True))
        found = await outcome_of(client, status_of(emulator, place))
        throttled = status == 429 and kind in ("hop", "other")

        again = expected == "unknown" or throttled
        assert found == (("executed", 2) if again else (expected, 1))


@pytest.mark.parametrize("code", ["System.LimitControl", "Throttling.User"])
@pytest.mark.parametrize(
    ("status", "attempts", "hint"),
    [
        (200, 2, False),
        (400, 2, False),
        (429, 2, False),
        (409, 1, False),
        (500, 1, False),
        (503, 1, True),
    ],
)
async def test_flow_control_is_repeated_only_where_it_proves_something(
    *,
    status: int,
    attempts: int,
    hint: bool,
    code: str,
    emulator: Emulator,
    client: CamsClient,
) -> None:
    """A 5xx proves nothing, whatever its code and its x-acs-retry-after."""
    headers = {"x_acs_retry_after": "5"} if hint else {}
    rejected = attempts == 2
    emulator.faults.next(canned(status, code, processed=not rejected, **headers))
    found = await outcome_of(client, migration(emulator, 0))

    assert found == ("executed" if rejected else "unknown", attempts)
    assert emulator.executed("ChatappMigrationVerified").total() == 1


class Rotating:
    """A provider of temporary credentials, new ones each time."""

    account = "the account"

    def __init__(self, admit: Callable[[Credentials], None]) -> None:
        self._admit = admit
        self.given = 0

    async def get(self) -> Credentials:
        """Return the next."""
        self.given += 1
        end = datetime.now(UTC) + timedelta(days=1)
        credentials = Credentials(f"STS.{self.given:08}", "s", f"t{self.given}", end)
        self._admit(credentials)
        return credentials


@pytest.mark.parametrize(
    "code", ["InvalidTimeStamp.Expired", "InvalidSecurityToken.Expired"]
)
@pytest.mark.parametrize(
    ("status", "processed", "attempts", "outcome"),
    [
        (200, False, 2, "executed"),
        (400, False, 2, "executed"),
        (403, False, 2, "executed"),
        (408, True, 1, "unknown"),
        (409, True, 1, "unknown"),
        (500, True, 1, "unknown"),
        (503, True, 1, "unknown"),
        (503, False, 1, "unknown"),
    ],
)
async def test_clock_and_token_are_mended_only_after_a_proven_refusal(
    *,
    status: int,
    processed: bool,
    attempts: int,
    outcome: str,
    code: str,
    emulator: Emulator,
) -> None:
    """A 503 with a time-stamp code may have been executed."""
    provider = Rotating(emulator.admit)
    async with CamsClient(
        provider, endpoint=emulator.endpoint, qps=FAST, throttle=LocalThrottle()
    ) as client:
        emulator.faults.next(canned(status, code, processed=processed))
        found = await outcome_of(client, migration(emulator, 0))

    assert (outcome, attempts) == found
    executions = emulator.executed("ChatappMigrationVerified").total()
    assert (1 if outcome == "executed" else processed) == executions
    renewed = code.startswith("InvalidSecurity") and outcome == "executed"
    assert provider.given == (2 if renewed else 1)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (407, "Proxy Authentication Required"),
        (413, "Content Too Large|Request Entity Too Large"),
        (414, "URI Too Long|Request-URI Too Long"),
        (431, "Request Header Fields Too Large"),
    ],
)
async def test_an_error_says_which_hop_refused_and_why(
    status: int, reason: str, emulator: Emulator, client: CamsClient
) -> None:
    """A too long URL is the proxy's refusal, not a broken response."""
    emulator.faults.next(
        canned(status, None, processed=False, Server="squid/5.7", Via="1.1 edge")
    )
    with pytest.raises(GatewayError, match=f"refused unread, ({reason})") as caught:
        await client.send(migration(emulator, 0))

    assert caught.value.hop == "squid/5.7, via 1.1 edge"
    assert str(caught.value).startswith(
        "ChatappMigrationVerified: squid/5.7, via 1.1 edge: refused unread"
    )
    assert (status, "rejected") == (caught.value.http_status, caught.value.outcome)
