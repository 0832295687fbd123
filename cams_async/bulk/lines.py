"""Lines of a stream of bytes, in bounded memory."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from attrs import frozen

CHUNK = 65_536
"""Bytes that are read at a time."""


@frozen
class Line:
    """One line, as it stood in the stream."""

    number: int
    """Its place, from 1."""

    data: bytes
    """Its bytes with the line feed, if it has one; of a line too long the first."""

    size: int
    """How many bytes it has, those that are not in `data` included."""

    @property
    def whole(self) -> bool:
        """Whether `data` is all of it."""
        return self.size == len(self.data)


def chunks(source: BinaryIO) -> Iterator[bytes]:
    """Read a stream to its end."""
    while chunk := source.read(CHUNK):
        yield chunk


def lines(pieces: Iterable[bytes], *, longest: int) -> Iterator[Line]:
    """Cut a stream at its line feeds. Of a line too long only the start is held.

    Args:
        pieces: The stream, cut anywhere.
        longest: Bytes of a line that are kept, its line feed included.
    """
    number, held, size = 1, b"", 0
    for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for end in ended:
            yield Line(number, (held + end + b"\n")[:longest], size + len(end) + 1)
            number, held, size = number + 1, b"", 0
        size += len(rest)
        if len(held) < longest:
            held = (held + rest)[:longest]
    if size:
        yield Line(number, held, size)


class LineReader:
    """Lines that can be given back.

    Args:
        pieces: The stream, cut anywhere.
        longest: Bytes of a line that are kept, its line feed included.
    """

    def __init__(self, pieces: Iterable[bytes], *, longest: int) -> None:
        self._lines = lines(pieces, longest=longest)
        self._back: deque[Line] = deque()

    def take_any(self) -> Line | None:
        """Return the next line, blank or not; None at the end."""
        return self._back.popleft() if self._back else next(self._lines, None)

    def take(self) -> Line | None:
        """Return the next line that is not blank; None at the end."""
        while line := self.take_any():
            if not line.whole or line.data.strip():
                return line
        return None

    def give_back(self, taken: Sequence[Line]) -> None:
        """Make these the next lines again."""
        self._back.extendleft(reversed(taken))
