"""Looking at the moment between the wake-up of a task and its next step."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import TracebackType
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Watched(AbstractAsyncContextManager[T], Generic[T]):
    """A context manager that reports each wake-up while it is being entered.

    A task runs one iteration of the loop after the future that it waits for is done.
    `woken` is called in between, with 1 for the first time, 2 for the second and so
    on: a cancellation in that gap is the hardest to get right.
    """

    def __init__(
        self,
        inner: AbstractAsyncContextManager[T],
        woken: Callable[[int], object],
    ) -> None:
        self._inner = inner
        self._woken = woken
        self._times = 0

    async def __aenter__(self) -> T:
        """Enter the inner one."""
        return await _Steps(self._inner.__aenter__(), self._count)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the inner one."""
        await self._inner.__aexit__(exc_type, exc, traceback)

    def _count(self, _: object) -> None:
        self._times += 1
        self._woken(self._times)


class _Steps(Generic[T]):
    def __init__(
        self, inner: Coroutine[Any, Any, T], woken: Callable[[object], None]
    ) -> None:
        self._inner = inner
        self._woken = woken

    def __await__(self) -> Generator["asyncio.Future[Any] | None", None, T]:
        step: Callable[[], asyncio.Future[Any] | None] = partial(self._inner.send, None)
        while True:
            try:
                future = step()
            except StopIteration as end:
                result: T = end.value
                return result
            if future is not None:  # as for `sleep(0)`, where nothing is waited for
                # Called before the task is: the task registers only after this `yield`.
                future.add_done_callback(self._woken)
            try:
                yield future
            except BaseException as error:  # noqa: BLE001 - handed on
                step = partial(self._inner.throw, error)
            else:
                step = partial(self._inner.send, None)
