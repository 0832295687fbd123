"""Warnings about a coroutine that holds the event loop, during it and afterwards."""

import logging
import threading
import time
from collections.abc import Awaitable, Generator
from typing import Any, Final

SLOW_STEP: Final = 1.0
"""Seconds for which a handler may hold the loop without a warning."""

CHECKS: Final = 4
"""How often a step is checked until it is slow."""

ADVICE: Final = (
    "meanwhile no callback is answered; use `await`, or a plain function, which runs "
    "in a thread"
)

logger: logging.Logger = logging.getLogger("cams_async")


class StepWatch:
    """Runs coroutines of one handler, with a warning for each step that is too long.

    A thread warns of a step that goes on, since it may never end. It waits while no
    coroutine runs.

    Args:
        name: The name of the handler.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._running = 0
        self._began: float | None = None
        self._needed = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    async def run(self, coroutine: Awaitable[Any]) -> None:
        """Await a coroutine."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._watch, name="cams-callback-watch", daemon=True
            )
            self._thread.start()
        self._running += 1
        self._needed.set()
        try:
            await _Steps(coroutine, self)
        finally:
            self._running -= 1
            if not (self._running or self._closing.is_set()):
                self._needed.clear()

    def begin(self) -> float:
        """Note that a step begins; return the time."""
        self._began = time.monotonic()
        return self._began

    def end(self, began: float) -> None:
        """Note that a step has ended, and warn if it was slow."""
        self._began = None
        held = time.monotonic() - began
        if held > SLOW_STEP:
            logger.warning(
                "the handler %s held the event loop for %.1f s: %s",
                *(self._name, held, ADVICE),
            )

    def _watch(self) -> None:
        warned: float | None = None
        while self._needed.wait() and not self._closing.is_set():
            began = self._began
            if (
                began is not None
                and began != warned
                and time.monotonic() - began > SLOW_STEP
            ):
                warned = began
                logger.warning(
                    "the handler %s is holding the event loop: %s", self._name, ADVICE
                )
            self._closing.wait(SLOW_STEP / CHECKS)

    def close(self) -> None:
        """Let the thread end."""
        self._closing.set()
        self._needed.set()


class _Steps(Awaitable[None]):
    """A coroutine whose steps are watched."""

    def __init__(self, inner: Awaitable[Any], watch: StepWatch) -> None:
        self._inner = inner
        self._watch = watch

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self._inner.__await__()
        value: Any = None
        error: BaseException | None = None
        while True:
            began = self._watch.begin()
            try:
                step = steps.send(value) if error is None else steps.throw(error)
            except StopIteration:
                return
            finally:
                self._watch.end(began)
            value = error = None
            try:
                value = yield step
            except BaseException as raised:  # noqa: BLE001 - the coroutine handles it
                error = raised
