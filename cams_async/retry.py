"""Retries: the policy, the budget, and the rule that combines them.

The rule decides by the attempt's outcome whether a call may be sent again at all. No
policy can override that; a policy decides whether and when a permitted retry is made.
"""

import logging
import random
from typing import Any

from attrs import field, frozen

from cams_async.config import is_number, is_whole, valid
from cams_async.errors import (
    ApiError,
    CamsError,
    ConfigurationError,
    DecodeError,
    PermitExpired,
    RequestTimeout,
    ThrottlingError,
    TransportError,
)
from cams_async.hooks import CallState
from cams_async.protocol import Call

logger: logging.Logger = logging.getLogger("cams_async")

THROTTLED_FOR = 60.0
"""Seconds of refusals that are retried where a custom policy sets no bound."""

WARN_EVERY = 5.0
"""Seconds between two warnings of retries of one action."""

_at_least_one = valid(is_whole, "must be a whole number, at least 1", prefix="retry.")
_seconds = valid(is_number, "must be a number of seconds, at least 0", prefix="retry.")


@frozen
class RetryPolicy:
    """Full jitter: a random share of a bound that doubles with each attempt.

    A custom policy may be any object with a method `delay` like the one below.

    Raises:
        ConfigurationError: An argument is out of its bounds.
    """

    attempts: int = field(default=4, validator=_at_least_one)
    """The most attempts of a call; 1 switches retries off.

    Refusals by flow control do not count, unless it is 1.
    """

    base: float = field(default=0.2, validator=_seconds)
    """The bound of the first wait, in seconds."""

    cap: float = field(default=20.0, validator=_seconds)
    """The largest bound of a wait, in seconds."""

    throttled_for: float = field(default=60.0, validator=_seconds)
    """Seconds, from the first refusal by flow control, during which a call without
    a deadline is retried. A call with a deadline is retried until the deadline."""

    def delay(
        self, error: CamsError, *, attempt: int, elapsed: float, random: float
    ) -> float | None:
        """Return the seconds to wait before the next attempt, or None to give up.

        Args:
            error: The error of the last attempt.
            attempt: The number of attempts so far, from 1. Refusals by flow control
                do not count.
            elapsed: Seconds since the call began. Unused here; a custom policy may
                use it.
            random: A random number, at least 0 and below 1.
        """
        del elapsed
        if attempt >= self.attempts:
            return None
        if isinstance(error, (ThrottlingError, PermitExpired)):
            # The throttle queues the call again, at the head, and decides when it
            # goes on.
            return 0.0
        # 2.0 ** 1024 overflows; no wait needs more than 63 doublings.
        delay = random * min(self.cap, self.base * 2.0 ** min(attempt - 1, 63))
        hint = error.retry_after if isinstance(error, ApiError) else None
        return max(delay, hint or 0.0)


class RetryBudget:
    """A token bucket against retry storms: retries cost tokens, successes earn them.

    A retry costs 5 tokens, 10 after a time-out. A call that succeeds gets back the cost
    of its retries; a call that needed none earns one token.
    """

    __slots__ = ("_tokens",)

    FULL = 500
    COST = 5
    COST_OF_TIMEOUT = 10
    EARNED = 1

    def __init__(self) -> None:
        self._tokens = self.FULL

    def spend(self, error: CamsError) -> int | None:
        """Spend tokens on a retry; return its cost, or None where too few are left."""
        slow = isinstance(error, RequestTimeout)
        cost = self.COST_OF_TIMEOUT if slow else self.COST
        if cost > self._tokens:
            return None
        self._tokens -= cost
        return cost

    def earn(self, spent: int) -> None:
        """Give back the tokens that a successful call has spent; at least one."""
        self._tokens = min(self.FULL, self._tokens + (spent or self.EARNED))


def may_retry(call: Call[Any], error: CamsError) -> bool:
    """Return whether sending the call again is safe. No policy can override it."""
    if isinstance(error, PermitExpired):
        return error.outcome == "not_sent"
    if not isinstance(error, (TransportError, DecodeError, ApiError)):
        return False
    if error.outcome == "unknown":
        return call.retry_safe
    return error.outcome == "not_sent" or (
        error.outcome == "rejected" and isinstance(error, ThrottlingError)
    )


class Retries:
    """The retry rule for all calls of a client, with their budget and warnings."""

    def __init__(self) -> None:
        self._budget = RetryBudget()
        # By action: the end of the suppression of warnings, and their number.
        self._suppressed: dict[str, tuple[float, int]] = {}

    def delay(
        self,
        call: Call[Any],
        policy: RetryPolicy,
        state: CallState,
        error: CamsError,
        *,
        repaired: bool,
        now: float,
    ) -> float | None:
        """Return the seconds until the next attempt, or None if there is none.

        Args:
            call: The call.
            policy: The caller's policy.
            state: The state of the call; its counters are updated.
            error: The error of its last attempt.
            repaired: Whether the cause was corrected. The retry is then safe, free of
                cost, and made without a delay.
            now: The loop's time.

        Raises:
            ConfigurationError: The policy's delay or bound is not a number of seconds.
        """
        if not repaired and not may_retry(call, error):
            return None
        refused = isinstance(error, ThrottlingError) and not repaired
        if not refused:
            state.failures += 1
        elif _throttled_too_long(policy, state, error, now):
            return None
        delay: Any = policy.delay(
            error,
            attempt=max(1, state.failures),
            elapsed=now - state.began,
            random=random.random(),  # noqa: S311 - jitter needs no secrecy
        )
        if delay is None or repaired:
            return None if delay is None else 0.0
        seconds = _checked_seconds(delay, "delay", error)
        if state.deadline is not None and now + seconds >= state.deadline:
            # The deadline would pass in the wait: this error is more specific.
            return None
        if not refused and not isinstance(error, PermitExpired):
            cost = self._budget.spend(error)
            if cost is None:
                return None
            state.spent += cost
        return seconds

    def succeeded(self, state: CallState) -> None:
        """Give the cost of a successful call's retries back to the budget."""
        self._budget.earn(state.spent)

    def warn(
        self,
        call: Call[Any],
        state: CallState,
        error: CamsError,
        *,
        delay: float,
        now: float,
    ) -> None:
        """Log a warning of a retry, at most one per action in 5 s."""
        until, suppressed = self._suppressed.get(call.action, (now, 0))
        if now < until:
            self._suppressed[call.action] = until, suppressed + 1
            return
        self._suppressed[call.action] = now + WARN_EVERY, 0
        seconds = f"{delay:.2f}"
        logger.warning(
            "%s: attempt %d failed (%s, %s), %s%s",
            call.action,
            state.attempts,
            type(error).__name__,
            error.outcome,
            "queued again" if seconds == "0.00" else f"next in {seconds} s",
            f" ({suppressed} similar warnings suppressed)" if suppressed else "",
        )


def _throttled_too_long(
    policy: object, state: CallState, error: CamsError, now: float
) -> bool:
    """Record a refusal by flow control; return whether the bound is reached."""
    if state.refused_at is None:
        state.refused_at = now
    if state.deadline is not None:
        return False
    # A custom policy need not have this attribute.
    bound: Any = getattr(policy, "throttled_for", THROTTLED_FOR)
    return now - state.refused_at >= _checked_seconds(bound, "throttled_for", error)


def _checked_seconds(value: Any, name: str, error: CamsError) -> float:
    """Return a value of a policy's; raise ConfigurationError if it is no number."""
    if not is_number(value):
        msg = f"the policy's {name} is {value!r}, not a number of seconds"
        raise ConfigurationError(msg, field="retry") from error.with_traceback(None)
    return value
