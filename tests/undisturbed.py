"""For tests of real time: what fails while the machine stands still is run again.

The ceiling is promised for requests that reach the server within 1 s of their send.
A machine that is away for longer breaks this by itself, which is not about us.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeAlias, TypeVar

T = TypeVar("T")
P = ParamSpec("P")
Run: TypeAlias = Callable[P, Coroutine[Any, Any, T]]

STILL = 0.5
"""Seconds that the event loop is late only where the machine has stood still."""

TIMES = 3
"""The most runs of a test; the last one counts in any case."""


TICK = 0.005
"""Seconds between two measurements of how late the event loop is."""


@contextmanager
def lags() -> Generator[list[float], None, None]:
    """Record how late the event loop is, every `TICK`."""
    loop = asyncio.get_running_loop()
    late: list[float] = []

    async def measure() -> None:
        while True:
            due = loop.time() + TICK
            await asyncio.sleep(TICK)
            late.append(loop.time() - due)

    task = asyncio.create_task(measure())
    try:
        yield late
    finally:
        task.cancel()


def undisturbed(run: Run[P, T]) -> Run[P, T]:
    """Run again after a failure that coincided with a stalled machine."""

    @wraps(run)
    async def again(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(TIMES - 1):
            with lags() as late:
                try:
                    return await run(*args, **kwargs)
                except Exception:
                    if max(late, default=0.0) < STILL:
                        raise
        return await run(*args, **kwargs)

    return again
