"""The rule for sending a call again: what is safe, what is allowed, and when.

What is safe follows from the outcome of the attempt; no policy can override it.
"""

import logging
import random
from typing import Any

from cams_async.config import is_number
from cams_async.errors import (
    ApiError,
    CamsError,
    ConfigurationError,
    DecodeError,
    PermitExpired,
    ThrottlingError,
    TransportError,
)
from cams_async.progress import Progress
from cams_async.protocol import Call
from cams_async.retry import RetryBudget, RetryPolicy

logger: logging.Logger = logging.getLogger("cams_async")

THROTTLED_FOR = 60.0
"""The bound in seconds where a policy of a user's own has none."""

WARN_EVERY = 5.0
"""Seconds between two warnings of retries of one action."""


def may_resend(call: Call[Any], error: CamsError) -> bool:
    """Whether sending again is proven harmless. No policy can override it."""
    if isinstance(error, PermitExpired):
        return error.outcome == "not_sent"
    if not isinstance(error, (TransportError, DecodeError, ApiError)):
        return False
    if error.outcome == "unknown":
        return call.retry_safe
    return error.outcome == "not_sent" or (
        error.outcome == "rejected" and isinstance(error, ThrottlingError)
    )


class Resending:
    """The retries of all calls of a client: their budget, and their warnings."""

    def __init__(self) -> None:
        self._budget = RetryBudget()
        # By action: until when warnings are suppressed, and how many were.
        self._quiet: dict[str, tuple[float, int]] = {}

    def delay(
        self,
        call: Call[Any],
        policy: RetryPolicy,
        progress: Progress,
        error: CamsError,
        *,
        repaired: bool,
        now: float,
    ) -> float | None:
        """Return the seconds until the next attempt, or None if there is none.

        Args:
            call: The call.
            policy: What the caller allows.
            progress: How far the call has come.
            error: The failure of its last attempt.
            repaired: Whether its cause was mended: then it is safe to send again.
            now: The loop's time.

        Raises:
            ConfigurationError: The policy's delay or bound is no number of seconds.
        """
        if not repaired and not may_resend(call, error):
            return None
        refused = isinstance(error, ThrottlingError) and not repaired
        if not refused:
            progress.failures += 1
        elif _throttled_too_long(policy, progress, error, now):
            return None
        delay: Any = policy.delay(
            error,
            attempt=max(1, progress.failures),
            elapsed=now - progress.began,
            random=random.random(),  # noqa: S311 - jitter needs no secrecy
        )
        if delay is None or repaired:
            return None if delay is None else 0.0
        seconds = _seconds(delay, "delay", error)
        if progress.deadline is not None and now + seconds >= progress.deadline:
            # The deadline would pass in the wait: this error is more specific.
            return None
        if not refused and not isinstance(error, PermitExpired):
            cost = self._budget.spend(error)
            if cost is None:
                return None
            progress.spent += cost
        return seconds

    def succeeded(self, progress: Progress) -> None:
        """Give back to the budget what the retries of a call have cost."""
        self._budget.earn(progress.spent)

    def warn(
        self,
        call: Call[Any],
        progress: Progress,
        error: CamsError,
        *,
        delay: float,
        now: float,
    ) -> None:
        """Log that a call is sent again, once for each action in 5 s."""
        until, suppressed = self._quiet.get(call.action, (now, 0))
        if now < until:
            self._quiet[call.action] = until, suppressed + 1
            return
        self._quiet[call.action] = now + WARN_EVERY, 0
        seconds = f"{delay:.2f}"
        logger.warning(
            "%s: attempt %d failed (%s, %s), %s%s",
            call.action,
            progress.attempts,
            type(error).__name__,
            error.outcome,
            "queued again" if seconds == "0.00" else f"next in {seconds} s",
            f" ({suppressed} similar warnings suppressed)" if suppressed else "",
        )


def _throttled_too_long(
    policy: object, progress: Progress, error: CamsError, now: float
) -> bool:
    """Note a refusal by flow control; return True if it has gone on for too long."""
    if progress.refused_at is None:
        progress.refused_at = now
    if progress.deadline is not None:
        return False
    # A policy of a user's own may be any object with a method `delay`.
    bound: Any = getattr(policy, "throttled_for", THROTTLED_FOR)
    return now - progress.refused_at >= _seconds(bound, "throttled_for", error)


def _seconds(value: Any, name: str, error: CamsError) -> float:
    """Return a number that a policy has returned.

    Raises:
        ConfigurationError: It is none.
    """
    if not is_number(value):
        msg = f"the policy's {name} is {value!r}, not a number of seconds"
        raise ConfigurationError(msg, field="retry") from error.with_traceback(None)
    return value
