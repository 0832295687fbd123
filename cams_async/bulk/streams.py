"""Standard input and output as bytes, which may be closed, or a terminal."""

import os
import sys
from errno import EAGAIN
from typing import Any, BinaryIO, cast

from cams_async.errors import ConfigurationError
from cams_async.terminal import escape_controls


def standard_input() -> BinaryIO:
    """Return standard input.

    Raises:
        ConfigurationError: It is closed.
    """
    if sys.stdin is None:
        raise ConfigurationError("standard input is closed", field="input")
    return sys.stdin.buffer


def standard_output() -> BinaryIO:
    """Return standard output without its buffer, which Python writes again at its exit.

    A terminal is sent no control characters.

    Raises:
        ConfigurationError: It is closed.
    """
    stream: Any = sys.stdout
    if stream is None:
        raise ConfigurationError("standard output is closed", field="output")
    buffer: Any = getattr(stream, "buffer", None)
    if buffer is None:
        # A stream of text that stands in for it, as in a notebook.
        return cast("BinaryIO", _Shown(stream, encode=False))
    unbuffered: BinaryIO = getattr(buffer, "raw", buffer)
    if stream.isatty():
        return cast("BinaryIO", _Shown(unbuffered, encode=True))
    return unbuffered


class _Shown:
    """A terminal, or a stream of text, as a stream of whole lines of UTF-8."""

    def __init__(self, stream: Any, *, encode: bool) -> None:
        self._stream = stream
        self._encode = encode

    def write(self, data: bytes | memoryview) -> int:
        text = escape_controls(bytes(data).decode(errors="replace"))
        if self._encode:
            write_all(self._stream, text.encode())
        else:
            self._stream.write(text)
        return len(data)

    def flush(self) -> None:
        self._stream.flush()


def write_all(stream: BinaryIO, data: bytes) -> None:
    """Write all of it, at once.

    Raises:
        OSError: It could not be written, or only in part.
    """
    left = memoryview(data)
    while left:
        # None, from a stream that does not wait: its reader is too slow.
        written = cast("int | None", stream.write(left))
        if written is None:
            raise BlockingIOError(EAGAIN, os.strerror(EAGAIN))
        left = left[written:]
    stream.flush()
