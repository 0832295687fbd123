"""How many operations may be held at once."""

import asyncio
import math
from typing import Any

from cams_async.config import is_whole
from cams_async.errors import ConfigurationError
from cams_async.operations import Operation
from cams_async.poller.outcome import Sender

SPARE = 4
"""Places beyond two seconds' worth of calls, for ceilings of next to nothing."""

MOST = 1024
"""The most places that are made unasked, each of which may hold a task."""


class Window:
    """Places for operations; who waits for one gets it in the order of arrival.

    Args:
        client: Knows the ceilings.
        window: How many places; None for as many as keep the ceilings busy: for
            each action seen, two seconds' worth of calls and a few, at most 1,024
            in all.

    Raises:
        ConfigurationError: `window` is not a whole number above 0.
    """

    def __init__(self, client: Sender, window: int | None) -> None:
        if window is not None and not is_whole(window):
            raise ConfigurationError("must be a whole number above 0", field="window")
        self._client = client
        self._grows = window is None
        # The first operation has to be seen before its ceiling can be asked for.
        self._size = window or 1
        self._free = asyncio.Semaphore(self._size)
        self._seen: set[type[Operation[Any]]] = set()

    async def take(self) -> None:
        """Wait for a place and take it."""
        await self._free.acquire()

    def leave(self) -> None:
        """Give a place back."""
        self._free.release()

    def fit(self, operation: Operation[Any]) -> None:
        """Make room for an action that was not seen before."""
        action = type(operation)
        if not self._grows or action in self._seen:
            return
        # Twice the ceiling: somebody always waits in the line, even if each answer
        # takes a second.
        ceiling = min(self._client.ceiling(operation), MOST)
        wanted = math.ceil(2 * ceiling) + SPARE
        size = min(wanted + (self._size if self._seen else 0), MOST)
        for _ in range(size - self._size):
            self._free.release()
        self._size = size
        self._seen.add(action)
