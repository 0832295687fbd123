"""Ctrl-C and SIGTERM, where a command wants to end in its own way."""

import asyncio
import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager

from cams_async.cli import exits

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def on_signals(act: Callable[[], object]) -> Generator[None, None, None]:
    """Let Ctrl-C and SIGTERM call a function in the running loop, each time.

    Works on every operating system, and leaves the handlers as they were.
    """
    loop = asyncio.get_running_loop()
    with _handled(lambda *_: loop.call_soon_threadsafe(act)):
        yield


@contextmanager
def ending_at_once() -> Generator[None, None, None]:
    """Let Ctrl-C and SIGTERM end the process without any more ado.

    A thread that reads a terminal cannot be told to stop, and Python would wait for
    it. Only for times when there is nothing to lose.
    """
    with _handled(lambda *_: os._exit(exits.INTERRUPTED)):
        yield


@contextmanager
def _handled(handle: Callable[..., object]) -> Generator[None, None, None]:
    former = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
