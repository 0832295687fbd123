"""The log records of calls."""

import logging

import pytest

from cams_async import CamsClient, NotSubscribed, RetryPolicy
from cams_async.emulator import CannedResponse, Emulator, Fault

QUERY = {"phone_number": "8613800000000", "cust_space_id": "cams-0001"}


def _lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [
        (record.levelname, record.getMessage())
        for record in caplog.records
        if record.name == "cams_async"
    ]


async def test_each_attempt_is_a_debug_record_and_each_retry_a_warning(
    emulator: Emulator, client: CamsClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A record holds action, attempt, outcome and request ID, and no parameter."""
    caplog.set_level(logging.DEBUG, "cams_async")
    emulator.faults.next(Fault.UNAVAILABLE_BEFORE)
    number = emulator.phone_numbers[0]
    response = await client.with_options(
        retry=RetryPolicy(base=0.0)
    ).get_phone_number_verification_status(
        phone_number=number.phone_number, cust_space_id=number.cust_space_id
    )
    first, warning, second = _lines(caplog)

    action = "GetPhoneNumberVerificationStatus"
    assert first[0] == second[0] == "DEBUG"
    assert first[1].startswith(f"{action}: attempt 1: unknown, ServerError, request id")
    assert warning == (
        "WARNING",
        f"{action}: attempt 1 failed (ServerError, unknown), queued again",
    )
    expected = f"{action}: attempt 2: executed, OK, request id {response.request_id}"
    assert second[1] == expected


async def test_the_message_of_an_error_response_is_not_logged(
    emulator: Emulator, client: CamsClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The message may quote a phone number; code and request ID are logged."""
    caplog.set_level(logging.DEBUG, "cams_async")
    body = (
        b'{"RequestId": "1", "Code": "Product.Unsubscript", '
        b'"Message": "for 8613800000000"}'
    )
    emulator.faults.next(CannedResponse(status=400, body=body))
    with pytest.raises(NotSubscribed):
        await client.get_phone_number_verification_status(**QUERY)
    ((level, line),) = _lines(caplog)

    assert level == "DEBUG"
    assert "attempt 1: rejected, NotSubscribed" in line
    assert "86138" not in line
