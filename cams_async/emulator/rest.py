"""Pauses that end at once when the emulator stops."""

import asyncio


class Rests:
    """All pauses that are going on."""

    def __init__(self) -> None:
        self._resting: set[asyncio.Future[bool]] = set()
        self._over = False

    def __len__(self) -> int:
        return len(self._resting)

    async def rest(self, seconds: float) -> bool:
        """Pause, and tell whether the whole time has passed."""
        if self._over:
            return False
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        handle = loop.call_later(seconds, _wake, future, True)  # noqa: FBT003 - call_later takes no names
        self._resting.add(future)
        try:
            return await future
        finally:
            handle.cancel()
            self._resting.discard(future)

    def end(self) -> None:
        """End every pause, also those that are still to come."""
        self._over = True
        for future in self._resting:
            _wake(future, False)  # noqa: FBT003 - as above


def _wake(future: "asyncio.Future[bool]", whole: bool) -> None:  # noqa: FBT001 - call_later takes no names
    if not future.done():
        future.set_result(whole)
