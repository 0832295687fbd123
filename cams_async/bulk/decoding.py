"""The text of an input: judged by its first bytes, decoded to UTF-8."""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from cams_async.errors import ConfigurationError

HEAD = 65_536
"""Bytes by which a file is judged."""

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
"""Patterns of the first bytes, and in what form such a file is."""

UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}

LONE_CR = re.compile(rb"[^\r\n]*\r[^\n]")
"""The first line ends in a carriage return, as all do in files of old Macs."""


def utf8(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Return a text file as UTF-8 without byte order mark, with line feeds.

    Args:
        pieces: The bytes of the file, cut anywhere.

    Raises:
        ConfigurationError: The first bytes are those of a file that is no text.
    """
    source = iter(pieces)
    head = _head(source)
    for signature, form in SIGNATURES:
        if re.match(signature, head, re.DOTALL):
            raise ConfigurationError(f"is {form}", field="input")
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
    """Yield the same text in UTF-8; where it is broken, it is not valid UTF-8."""
    decoder = codecs.getincrementaldecoder(codec)("surrogatepass")
    for piece in pieces:
        yield decoder.decode(piece).encode(errors="surrogatepass")
    try:
        yield decoder.decode(b"", final=True).encode(errors="surrogatepass")
    except UnicodeDecodeError:
        yield b"\xff"
