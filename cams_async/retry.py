"""Whether and when to send a call again, as a pure function of what went wrong.

The policy is only asked about calls that may be sent again at all: the session
decides that by the error's outcome and the operation's `resend`, and no policy
can override it.
"""

from attrs import field, frozen

from cams_async.config import is_number, is_whole, valid
from cams_async.errors import (
    ApiError,
    CamsError,
    PermitExpired,
    RequestTimeout,
    ThrottlingError,
)

_at_least_one = valid(is_whole, "must be a whole number, at least 1", prefix="retry.")
_seconds = valid(is_number, "must be a number of seconds, at least 0", prefix="retry.")


@frozen
class RetryPolicy:
    """Full jitter: wait a random share of a bound that doubles at each attempt.

    Raises:
        ConfigurationError: An argument is out of its bounds.
    """

    attempts: int = field(default=4, validator=_at_least_one)
    """How often a call is sent at most; 1 means that nothing is ever resent.

    Refusals by flow control do not count, unless it is 1.
    """

    base: float = field(default=0.2, validator=_seconds)
    """The bound of the first wait, in seconds."""

    cap: float = field(default=20.0, validator=_seconds)
    """The largest bound of a wait, in seconds."""

    throttled_for: float = field(default=60.0, validator=_seconds)
    """Seconds, from the first refusal by flow control, during which a call without
    a deadline is sent again. A call with a deadline is sent again until then."""

    def delay(
        self, error: CamsError, *, attempt: int, elapsed: float, random: float
    ) -> float | None:
        """Return the seconds to wait before the next attempt, or None to give up.

        Args:
            error: What went wrong.
            attempt: How many times the call was sent or tried so far, from 1.
                Refusals by flow control do not count.
            elapsed: Seconds since the call began; a policy of yours may use it.
            random: A random number, at least 0 and below 1.
        """
        del elapsed
        if attempt >= self.attempts:
            return None
        if isinstance(error, (ThrottlingError, PermitExpired)):
            # Such a call goes back to the head of the line, which alone knows when
            # its next turn is.
            return 0.0
        # 2.0 ** 1024 overflows; no wait needs more than 63 doublings.
        delay = random * min(self.cap, self.base * 2.0 ** min(attempt - 1, 63))
        hint = error.retry_after if isinstance(error, ApiError) else None
        return max(delay, hint or 0.0)


class RetryBudget:
    """Stops a storm of resends: each costs tokens, and only successes earn them.

    A resend costs 5 tokens, 10 after a time-out; a call that succeeds gets back
    what its resends cost, and a call that needed none earns one token.
    """

    __slots__ = ("_tokens",)

    FULL = 500
    COST = 5
    COST_OF_TIMEOUT = 10
    EARNED = 1

    def __init__(self) -> None:
        self._tokens = self.FULL

    def spend(self, error: CamsError) -> int | None:
        """Return what a resend after this error costs, or None if it is too much."""
        slow = isinstance(error, RequestTimeout)
        cost = self.COST_OF_TIMEOUT if slow else self.COST
        if cost > self._tokens:
            return None
        self._tokens -= cost
        return cost

    def earn(self, spent: int) -> None:
        """A call succeeded, after it had spent so many tokens."""
        self._tokens = min(self.FULL, self._tokens + (spent or self.EARNED))
