"""Lines of a text file: format detection, decoding to UTF-8, splitting.

Everything is a generator in bounded memory, whatever the size of the file or its lines.
"""

import codecs
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import BinaryIO

from attrs import frozen

from cams_async.errors import ConfigurationError

CHUNK = 65_536
"""Bytes read at a time."""

HEAD = 65_536
"""Bytes from which the file type is detected."""

AS_TEXT = "save it as 'CSV UTF-8' and use that file"

SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (rb"PK\x03\x04.*opendocument", f"an OpenDocument file (.ods): {AS_TEXT}"),
    (
        rb"PK\x03\x04.*(\[Content_Types\]\.xml|docProps/|xl/)",
        f"an Office file, such as an Excel workbook (.xlsx): {AS_TEXT}",
    ),
    (rb"PK[\x03\x05]", "a ZIP archive: unpack it and use the file inside"),
    (rb"\x1f\x8b", "compressed by gzip: decompress it with gunzip"),
    (rb"BZh[1-9]", "compressed by bzip2: decompress it with bunzip2"),
    (rb"\xfd7zXZ\0", "compressed by xz: decompress it with unxz"),
    (rb"\x28\xb5\x2f\xfd", "compressed by zstd: decompress it with unzstd"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", f"an old Excel workbook (.xls): {AS_TEXT}"),
    (rb"%PDF-", f"a PDF: find the table it was made from, and {AS_TEXT}"),
    (rb"SQLite format 3\0", "an SQLite database: export the table as CSV"),
    (rb"\xff\xfe\0\0|\0\0\xfe\xff", "in UTF-32: save it as UTF-8"),
    (rb"[^\0]\0|\0[^\0]", "in UTF-16 without a byte order mark: save it as UTF-8"),
    (rb"\s*<", f"HTML or XML: open it in a spreadsheet program, {AS_TEXT}"),
)
"""Patterns of the first bytes of unsupported files; a description and a fix."""

UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}

LONE_CR = re.compile(rb"[^\r\n]*\r[^\n]")
"""A first line that ends in a bare carriage return, as in files of classic Mac OS."""


@frozen
class RawLine:
    """One line of a byte stream."""

    number: int
    """Line number, from 1."""

    data: bytes
    """The bytes, its line feed included; truncated if the line is too long."""

    size: int
    """Length in bytes before truncation."""

    @property
    def is_complete(self) -> bool:
        """Whether `data` is not truncated."""
        return self.size == len(self.data)


def chunks(source: BinaryIO) -> Iterator[bytes]:
    """Read a stream to its end."""
    while chunk := source.read(CHUNK):
        yield chunk


def as_utf8(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Convert a text file to UTF-8 with line feeds and without a byte order mark.

    Args:
        pieces: The bytes of the file, split anywhere.

    Raises:
        ConfigurationError: The first bytes are those of a file that is not text.
    """
    source = iter(pieces)
    head = _head(source)
    for signature, description in SIGNATURES:
        if re.match(signature, head, re.DOTALL):
            raise ConfigurationError(f"is {description}", field="input")
    codec = UTF_16.get(head[:2])
    if codec is not None:
        source = _transcoded(chain([head[2:]], source), codec)
        head = _head(source)
    head = head.removeprefix(codecs.BOM_UTF8)
    text = chain([head], source)
    if not LONE_CR.match(head):
        return text
    return (piece.replace(b"\r", b"\n") for piece in text)


def _head(source: Iterator[bytes]) -> bytes:
    head = b""
    while len(head) < HEAD and (piece := next(source, None)) is not None:
        head += piece
    return head


def _transcoded(pieces: Iterable[bytes], codec: str) -> Iterator[bytes]:
    """Yield the text in UTF-8. Malformed input yields invalid UTF-8."""
    decoder = codecs.getincrementaldecoder(codec)("surrogatepass")
    for piece in pieces:
        yield decoder.decode(piece).encode(errors="surrogatepass")
    try:
        yield decoder.decode(b"", final=True).encode(errors="surrogatepass")
    except UnicodeDecodeError:
        yield b"\xff"


def split_lines(pieces: Iterable[bytes], *, limit: int) -> Iterator[RawLine]:
    """Split a stream at its line feeds, truncating lines that are too long.

    Args:
        pieces: The stream, split anywhere.
        limit: Bytes of a line that are kept, its line feed included.
    """
    number, kept, size = 1, b"", 0
    for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for end in ended:
            yield RawLine(number, (kept + end + b"\n")[:limit], size + len(end) + 1)
            number, kept, size = number + 1, b"", 0
        size += len(rest)
        if len(kept) < limit:
            kept = (kept + rest)[:limit]
    if size:
        yield RawLine(number, kept, size)


class LineReader:
    """A line iterator with push-back.

    Args:
        pieces: The stream, split anywhere.
        limit: Bytes of a line that are kept, its line feed included.
    """

    def __init__(self, pieces: Iterable[bytes], *, limit: int) -> None:
        self._lines = split_lines(pieces, limit=limit)
        self._pushed_back: deque[RawLine] = deque()

    def next_line(self) -> RawLine | None:
        """Return the next line, blank or not; None at the end."""
        if self._pushed_back:
            return self._pushed_back.popleft()
        return next(self._lines, None)

    def next_nonblank(self) -> RawLine | None:
        """Return the next line that is not blank; None at the end."""
        while line := self.next_line():
            if not line.is_complete or line.data.strip():
                return line
        return None

    def push_back(self, taken: Sequence[RawLine]) -> None:
        """Return lines to the reader, which yields them next in the same order."""
        self._pushed_back.extendleft(reversed(taken))
