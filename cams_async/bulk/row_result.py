"""From what becomes of a request to the row of an output."""

from typing import cast

from cams_async.bulk.results import Result
from cams_async.errors import ApiError
from cams_async.operations import (
    GetPhoneNumberVerificationStatus,
    VerificationStatusResponse,
)
from cams_async.poller import Outcome

SHORT = 300
"""Characters of each of the vendor's texts in the output."""


def status_of(outcome: Outcome[VerificationStatusResponse]) -> str | None:
    """Return the status that an outcome has; None where there is no response."""
    if outcome.response is None:
        return None
    return str(outcome.response.data.code_verification_status)


def result_of(outcome: Outcome[VerificationStatusResponse]) -> Result:
    """Return what an outcome says of its number, not of a row yet."""
    asked = cast("GetPhoneNumberVerificationStatus", outcome.operation)
    request_id = None if outcome.response is None else outcome.response.request_id
    code = message = None
    error = outcome.error
    if isinstance(error, ApiError):
        code, message = error.code or type(error).__name__, error.message
        request_id = error.request_id
    elif error is not None:
        code, message = type(error).__name__, str(error)
    return Result(
        line=0,
        phone_number=asked.phone_number,
        cust_space_id=asked.cust_space_id,
        status=_short(status_of(outcome)),
        request_id=_short(request_id),
        error=_short(code),
        message=_short(message),
    )


def _short(text: str | None) -> str | None:
    return None if text is None else " ".join(text.split())[:SHORT]
