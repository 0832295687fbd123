"""How far a call has come, and what that means to its caller and to its hooks."""

import logging
from collections.abc import Callable
from typing import Any, cast

from attrs import define

from cams_async.credentials import Credentials
from cams_async.errors import ApiError, CallOutcome, CamsError
from cams_async.models import CallEvent, Response
from cams_async.protocol import Call

logger: logging.Logger = logging.getLogger("cams_async")


@define
class Progress:
    """How far a call has come."""

    began: float
    """When it began, in the loop's time."""

    deadline: float | None
    """When it must have ended, in the loop's time."""

    ticket: int | None = None
    """Its place in the order of arrival, kept through all attempts."""

    attempts: int = 0
    """How many times it was tried."""

    failures: int = 0
    """The number of failed rounds, without those that flow control refused."""

    refused_at: float | None = None
    """Time of the first refusal by flow control, in the loop's time."""

    waited: float = 0.0
    """Seconds that it waited for turns."""

    spent: int = 0
    """Tokens of the retry budget that its resends cost."""

    fault: CamsError | None = None
    """The error of the exchange, rather than of what is around it."""

    in_flight: bool = False
    """Whether a request has left in the attempt that goes on."""

    unknown: bool = False
    """Whether the outcome of any attempt is unknown."""

    server_date: str | None = None
    """The Date of the last answer."""

    signed_with: Credentials | None = None
    """Who signed the last request."""

    clock_set: bool = False
    """Whether the clock was set for this call already."""

    short_form: bool = False
    """Whether the last request was a form only because it carried a secret."""

    token_renewed: bool = False
    """Whether credentials were renewed for this call already."""


def complete(error: CamsError, call: Call[Any], progress: Progress) -> CamsError:
    """Add to an error what its caller needs to know of the call."""
    error.action = call.action
    error.attempts = progress.attempts
    if error.__suppress_context__:
        # Who hides what is behind an error must not hold it: its frames hold values.
        error.__context__ = None
    if progress.unknown:
        # Once an attempt's outcome is unknown, the call's is too.
        error.outcome = "unknown"
    if error.outcome == "unknown" and call.verify_with is not None:
        error.hint = f"{call.verify_with} tells what happened."
    return error


def event(
    call: Call[Any], progress: Progress, response: object, error: CamsError | None
) -> CallEvent:
    """Return what is known of a call, or of its last attempt, for hooks and logs."""
    code: str | None = None
    request_id: str | None = None
    unknown = progress.in_flight or progress.unknown
    outcome: CallOutcome = "unknown" if unknown else "not_sent"
    if response is not None:
        code, outcome, request_id = "OK", "executed", _request_id(response)
    elif error is not None:
        outcome = error.outcome
        if isinstance(error, ApiError):
            code, request_id = error.code or None, error.request_id
    return CallEvent(
        action=call.action,
        attempts=progress.attempts,
        waited=progress.waited,
        outcome=outcome,
        code=code,
        request_id=request_id,
    )


def _request_id(response: object) -> str | None:
    if isinstance(response, Response):
        return response.request_id
    found = cast("dict[str, object]", response).get("RequestId")
    return found if isinstance(found, str) else None


def tell(hooks: tuple[Callable[[CallEvent], None], ...], ended: CallEvent) -> None:
    """Call the hooks; what goes wrong in one is logged and harms nobody."""
    for hook in hooks:
        try:
            hook(ended)
        except Exception:  # a hook's failure is not the call's
            logger.warning("a hook failed on %s", ended.action, exc_info=True)


def log_attempt(
    call: Call[Any], progress: Progress, response: object, error: CamsError | None
) -> None:
    """Write one line at DEBUG: no parameters, and none of the vendor's words."""
    if logger.isEnabledFor(logging.DEBUG):
        seen = event(call, progress, response, error)
        message = "%s: attempt %d: %s, %s, request id %s"
        what = seen.code if error is None else type(error).__name__
        logger.debug(
            message, seen.action, seen.attempts, seen.outcome, what, seen.request_id
        )
