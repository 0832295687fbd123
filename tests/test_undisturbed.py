"""Tests of real time run again where the machine stood still, and only there."""

import asyncio
from collections.abc import Callable

import pytest

from tests.clock import Clock
from tests.undisturbed import STILL, TIMES, undisturbed


class Failing:
    """Fails so many times, on a machine that stands still for so long."""

    def __init__(self, times: int, still: Callable[[], None]) -> None:
        self.runs = 0
        self._times = times
        self._still = still

    async def run(self, response: str) -> str:
        """Fail, or return the result."""
        self.runs += 1
        await asyncio.sleep(0.1)
        self._still()
        await asyncio.sleep(0.1)
        assert self.runs > self._times
        return response


def test_what_fails_on_a_machine_that_stands_still_is_run_again(clock: Clock) -> None:
    """Until it is right, or for the last time."""
    failing = Failing(TIMES - 1, lambda: clock.advance(2 * STILL))

    assert "yes" == clock.run(undisturbed(failing.run)("yes"))

    always = Failing(TIMES, lambda: clock.advance(2 * STILL))

    with pytest.raises(AssertionError):
        clock.run(undisturbed(always.run)("yes"))

    assert TIMES == always.runs


def test_what_fails_by_itself_has_failed(clock: Clock) -> None:
    """The load of a test makes its loop late, too, but not by that much."""
    failing = Failing(1, lambda: clock.advance(STILL / 2))

    with pytest.raises(AssertionError):
        clock.run(undisturbed(failing.run)("yes"))

    assert 1 == failing.runs
