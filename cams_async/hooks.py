"""The state of a call, and its reports: errors, hook events and log lines."""

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
class CallState:
    """The state of one call over all its attempts. Times are those of the loop."""

    began: float
    """Time of the call's start."""

    deadline: float | None
    """Time at which the call ends with DeadlineExceeded; None for no bound."""

    ticket: int | None = None
    """The place in the queue of its first permit, kept through all attempts."""

    attempts: int = 0
    """The number of requests built."""

    failures: int = 0
    """The number of failed attempts, without those that flow control refused."""

    refused_at: float | None = None
    """Time of the first refusal by flow control."""

    waited: float = 0.0
    """Seconds spent waiting for permits."""

    spent: int = 0
    """Tokens of the retry budget spent on its retries."""

    exchange_error: CamsError | None = None
    """The last attempt's error, unless the provider or the throttle raised it."""

    in_flight: bool = False
    """Whether the request of the current attempt was sent."""

    unknown: bool = False
    """Whether the outcome of any attempt is unknown."""

    server_date: str | None = None
    """The Date header of the last response."""

    signed_with: Credentials | None = None
    """The credentials of the last request."""

    clock_set: bool = False
    """Whether the clock was corrected during this call."""

    short_form: bool = False
    """Whether the last request was a form only because it carried a secret."""

    token_refreshed: bool = False
    """Whether expired credentials were discarded during this call."""


def annotate_error(error: CamsError, call: Call[Any], state: CallState) -> CamsError:
    """Add the facts of a call to its error: action, attempts, outcome, next step."""
    error.action = call.action
    error.attempts = state.attempts
    if error.__suppress_context__:
        # `from None` hides an error from view; its frames would still hold values.
        error.__context__ = None
    if state.unknown:
        # Once an attempt's outcome is unknown, the call's is too.
        error.outcome = "unknown"
    if error.outcome == "unknown" and call.verify_with is not None:
        error.verify_with = call.verify_with
        error.hint = f"Call {call.verify_with} to find out whether it was executed."
    return error


def call_event(
    call: Call[Any], state: CallState, response: object, error: CamsError | None
) -> CallEvent:
    """Return the event of a call, or of its last attempt.

    Without a response and an error, the call was cancelled.
    """
    code: str | None = None
    request_id: str | None = None
    unknown = state.in_flight or state.unknown
    outcome: CallOutcome = "unknown" if unknown else "not_sent"
    if response is not None:
        code, outcome, request_id = "OK", "executed", _request_id(response)
    elif error is not None:
        outcome = error.outcome
        if isinstance(error, ApiError):
            code, request_id = error.code or None, error.request_id
    return CallEvent(
        action=call.action,
        attempts=state.attempts,
        waited=state.waited,
        outcome=outcome,
        code=code,
        request_id=request_id,
    )


def _request_id(response: object) -> str | None:
    if isinstance(response, Response):
        return response.request_id
    found = cast("dict[str, object]", response).get("RequestId")
    return found if isinstance(found, str) else None


def notify(hooks: tuple[Callable[[CallEvent], None], ...], event: CallEvent) -> None:
    """Call the hooks; log the exception of one that fails, and go on."""
    for hook in hooks:
        try:
            hook(event)
        except Exception:  # a hook's failure is not the call's
            logger.warning("a hook failed on %s", event.action, exc_info=True)


def log_attempt(
    call: Call[Any], state: CallState, response: object, error: CamsError | None
) -> None:
    """Log one line at DEBUG, without parameters and without the vendor's text."""
    if not logger.isEnabledFor(logging.DEBUG):
        return
    event = call_event(call, state, response, error)
    logger.debug(
        "%s: attempt %d: %s, %s, request id %s",
        event.action,
        event.attempts,
        event.outcome,
        event.code if error is None else type(error).__name__,
        event.request_id,
    )
