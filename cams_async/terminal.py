"""Standard input and output as bytes, free of control characters on a terminal."""

import os
import re
import sys
from errno import EAGAIN
from typing import Any, BinaryIO, cast

from cams_async.errors import ConfigurationError

_CONTROLS = re.compile(
    # C0 except tab and line feed, DEL, C1; direction marks and overrides; other line
    # separators; lone surrogates, which cannot be encoded.
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    r"\ud800-\udfff]"
)


def standard_input() -> BinaryIO:
    """Return standard input.

    Raises:
        ConfigurationError: Standard input is closed.
    """
    if sys.stdin is None:
        raise ConfigurationError("standard input is closed", field="input")
    return sys.stdin.buffer


def standard_output() -> BinaryIO:
    """Return standard output unbuffered: Python would flush a buffer again at exit.

    Control characters are escaped where the output is a terminal.

    Raises:
        ConfigurationError: Standard output is closed.
    """
    stream: Any = sys.stdout
    if stream is None:
        raise ConfigurationError("standard output is closed", field="output")
    buffer: Any = getattr(stream, "buffer", None)
    if buffer is None:
        # A replacement text stream, as in a notebook.
        return cast("BinaryIO", _LineStream(stream, encode=False))
    unbuffered: BinaryIO = getattr(buffer, "raw", buffer)
    if stream.isatty():
        return cast("BinaryIO", _LineStream(unbuffered, encode=True))
    return unbuffered


class _LineStream:
    """A byte stream of whole UTF-8 lines over a terminal or a text stream."""

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
    """Write all data to a stream and flush it.

    Raises:
        OSError: The data could not be written, or only in part.
    """
    remaining = memoryview(data)
    while remaining:
        # A non-blocking stream returns None when its reader is too slow.
        written = cast("int | None", stream.write(remaining))
        if written is None:
            raise BlockingIOError(EAGAIN, os.strerror(EAGAIN))
        remaining = remaining[written:]
    stream.flush()


def escape_controls(text: str) -> str:
    r"""Replace control characters by `\uXXXX`; line feeds and tabs stay.

    A terminal executes them: they can move its cursor, hide text or enter input.
    JSON stays equivalent, since they occur only inside its strings.
    """
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
