"""Simulated time: an event loop that never sleeps.

Whenever nothing is ready to run, the clock jumps to the next timer; an hour of waiting
takes microseconds, and the same seed gives the same run. There is no network here. What
is given to a thread is run to its end before the clock moves on.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from typing import Any, TypeVar, TypeVarTuple
from unittest.mock import patch

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

TICK = 1e-6
"""Seconds that one iteration of the loop takes, at least.

Without it, code that sleeps until just before a moment, because of rounding, would see
the clock stand still and spin for ever; aiolimiter does.
"""


class DeadlockError(AssertionError):
    """Every task waits, and no timer is left that could wake one."""


class Clock:
    """A clock for tests: `clock.run(main())` is `asyncio.run` in simulated time.

    Time goes on from one run to the next; in between, `advance` moves it.
    """

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        """Return the simulated time, as `time.monotonic` does during a run."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run to the end on an event loop of its own, and close that."""
        with (
            patch.object(time, "monotonic", self.monotonic),
            asyncio.Runner(loop_factory=lambda: VirtualLoop(self)) as runner,
        ):
            return runner.run(main)


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop on a simulated clock; asyncio's own in all other respects."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self._selector = self  # the base class waits by `select`

    def time(self) -> float:
        """Return the simulated time."""
        return self.clock.now

    def select(self, timeout: float | None) -> Iterable[object]:
        """Stand in for waiting on files and sockets: move the clock instead."""
        if timeout is None:
            waiting = "\n  ".join(map(repr, asyncio.all_tasks(self)))
            raise DeadlockError(f"nothing can ever wake these tasks:\n  {waiting}")
        self.clock.advance(max(timeout, TICK))
        return ()

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        """Run in a thread and wait for it here: threads take no simulated time."""
        with ThreadPoolExecutor(1) if executor is None else executor as threads:
            done = threads.submit(func, *args)
            wait([done])
        return asyncio.wrap_future(done, loop=self)

    def _process_events(self, event_list: Iterable[object]) -> None:
        """Do nothing: no file or socket is ever watched."""

    def _write_to_self(self) -> None:
        """Do nothing: this loop never sleeps, so it need not be woken."""
