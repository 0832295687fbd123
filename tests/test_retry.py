"""The retry policy as a pure function, and the retry budget."""

from typing import Any

import pytest
from attrs import exceptions
from hypothesis import given
from hypothesis import strategies as st

from cams_async.errors import (
    ApiError,
    CamsError,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    RequestTimeout,
    ServerError,
    ThrottlingError,
)
from cams_async.retry import RetryBudget, RetryPolicy

LOST = ConnectionLost("lost")
ERRORS = [LOST, ConnectError("x"), ServerError("x"), ThrottlingError("x"), CamsError()]


def delay(
    error: CamsError,
    *,
    attempt: int = 1,
    random: float = 0.5,
    policy: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
) -> float | None:
    """Return a policy's delay, an hour into the call."""
    return policy.delay(error, attempt=attempt, elapsed=3600.0, random=random)


def test_the_documented_defaults_hold() -> None:
    """Four attempts; waits of at most 0.2 s, doubling, never above 20 s."""
    assert RetryPolicy(attempts=4, base=0.2, cap=20.0) == RetryPolicy()


@pytest.mark.parametrize("attempts", [0, -1, 1.5, 4.0, True, "4", None])
def test_attempts_must_be_a_whole_number_of_at_least_one(attempts: Any) -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match="at least 1") as caught:
        RetryPolicy(attempts=attempts)

    assert caught.value.field == "retry.attempts"


@pytest.mark.parametrize("name", ["base", "cap"])
@pytest.mark.parametrize("value", [-0.1, float("inf"), float("nan"), True, "1", None])
def test_waits_must_be_finite_seconds(name: str, value: Any) -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match="number of seconds") as caught:
        RetryPolicy(**{name: value})

    assert caught.value.field == f"retry.{name}"


def test_a_policy_may_wait_not_at_all() -> None:
    """Zero is a number of seconds, too."""
    assert delay(LOST, policy=RetryPolicy(base=0)) == 0
    assert delay(LOST, policy=RetryPolicy(cap=0)) == 0


def test_a_policy_does_not_change() -> None:
    """So one can be the default of every client."""
    name = "attempts"
    with pytest.raises(exceptions.FrozenInstanceError):
        setattr(RetryPolicy(), name, 9)


@pytest.mark.parametrize(
    ("attempt", "bound"), [(1, 0.2), (2, 0.4), (3, 0.8), (7, 12.8), (8, 20), (99, 20)]
)
def test_the_bound_doubles_up_to_the_cap(attempt: int, bound: float) -> None:
    """Jitter takes a share of it: none at 0, half at one half."""
    policy = RetryPolicy(attempts=1000)

    assert delay(LOST, attempt=attempt, random=0.0, policy=policy) == 0
    assert delay(LOST, attempt=attempt, random=0.5, policy=policy) == bound / 2


@pytest.mark.parametrize("error", ERRORS)
def test_the_last_attempt_is_the_last(error: CamsError) -> None:
    """For every error, also with a hint of the server."""
    assert delay(error, attempt=3) is not None
    assert delay(error, attempt=4) is None
    assert delay(error, attempt=1, policy=RetryPolicy(attempts=1)) is None


def test_the_queue_alone_decides_when_a_throttled_call_goes_on() -> None:
    """The policy only permits the retry."""
    assert delay(ThrottlingError("x", retry_after=30.0), attempt=3) == 0


@pytest.mark.parametrize(("hint", "expected"), [(None, 0.1), (0.05, 0.1), (7.0, 7.0)])
def test_a_hint_of_the_server_is_waited_for_at_least(
    hint: float | None, expected: float
) -> None:
    """A shorter one than the jitter changes nothing."""
    assert expected == delay(ServerError("x", retry_after=hint))
    assert expected == delay(ApiError("x", retry_after=hint))


@given(
    attempt=st.integers(0, 10**6),
    random=st.floats(0, 1, exclude_max=True),
    base=st.floats(0, 1e15),
    cap=st.floats(0, 1e15),
)
def test_no_wait_is_longer_than_the_cap(
    attempt: int, random: float, base: float, cap: float
) -> None:
    """Nor does any number of attempts overflow."""
    policy = RetryPolicy(attempts=10**7, base=base, cap=cap)

    wait = delay(LOST, attempt=attempt, random=random, policy=policy)

    assert wait is not None
    assert 0 <= wait <= cap


def resends(error: CamsError) -> int:
    """Count the resends that a fresh budget affords without a success."""
    budget = RetryBudget()
    count = 0
    while budget.spend(error) is not None:
        count += 1
    return count


def test_a_storm_of_resends_ends() -> None:
    """500 tokens pay for 100 resends, or for 50 after time-outs."""
    assert resends(LOST) == 100
    assert resends(RequestTimeout("slow")) == 50


def test_what_is_left_over_still_pays_for_what_is_cheaper() -> None:
    """A refused resend costs nothing."""
    budget = RetryBudget()
    for _ in range(99):
        budget.spend(LOST)

    assert budget.spend(RequestTimeout("slow")) is None
    assert budget.spend(LOST) == 5
    assert budget.spend(LOST) is None


def test_a_success_earns_what_its_resends_cost() -> None:
    """A call that went through after two resends leaves the budget as it was."""
    budget = RetryBudget()
    costs = [budget.spend(LOST), budget.spend(RequestTimeout("slow"))]
    for _ in range(97):
        budget.spend(LOST)

    assert costs == [5, 10]
    assert budget.spend(LOST) is None

    budget.earn(15)

    assert [budget.spend(LOST) for _ in range(4)] == [5, 5, 5, None]


def test_a_success_without_resends_earns_one_token() -> None:
    """Five of them pay for one resend."""
    budget = RetryBudget()
    while budget.spend(LOST) is not None:
        pass

    afforded: list[int | None] = []
    for _ in range(5):
        budget.earn(0)
        afforded.append(budget.spend(LOST))

    assert afforded == [None, None, None, None, 5]


def test_no_success_fills_the_budget_above_full() -> None:
    """Years of good calls do not pay for a larger storm."""
    budget = RetryBudget()
    for _ in range(1000):
        budget.earn(0)
    budget.earn(10**6)

    assert sum(budget.spend(LOST) is not None for _ in range(200)) == 100
