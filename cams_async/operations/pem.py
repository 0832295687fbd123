"""Normalisation of public keys in PEM: RFC 7468 lax form in, canonical form out.

https://www.rfc-editor.org/rfc/rfc7468#section-3
"""

import re
from base64 import b64decode, b64encode
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping, Sequence

from cams_async.phone_number import shown

BEGIN, END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"

EXPECTED = f"the PEM text of a public key: real newlines between {BEGIN!r} and {END!r}"

WIDTH = 64
"""Base64 characters on a line of the canonical form."""

BOUNDARY = re.compile(r"-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----")

NO_BOUNDARY = {
    r"\s*": "an empty text",
    r"\s*(ssh|ecdsa)-.*": "an SSH key; convert it with: ssh-keygen -e -m PKCS8",
    r".*BEGIN .*": "boundaries without exactly five hyphens on each side",
    r".*": "no boundary",
}
"""Causes by the first pattern that matches the whole text."""

OTHER_KINDS: Mapping[tuple[str, ...], str] = {
    ("BEGIN",): "no end boundary: the text is cut off",
    ("END",): "no begin boundary",
    ("END", "BEGIN"): "boundaries in the wrong order",
}
"""Causes by the kinds of the boundaries, in order."""

OTHER_LABELS = {
    "CERTIFICATE": "a certificate; take its key with: openssl x509 -pubkey -noout",
    "RSA PUBLIC KEY": (
        "a PKCS #1 key; convert it with: openssl rsa -RSAPublicKey_in -pubout"
    ),
}
"""Causes by the label of the block."""

NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=\s]")

HEADER = re.compile(r"\s*[A-Za-z][A-Za-z-]*:")

SEQUENCE = b"\x30"
"""The first byte of a DER sequence."""

LONG_FORM = 0x80
"""The bit of a DER length that announces length bytes."""


class PemError(ValueError):
    """A value is not exactly one public key in PEM. The message is the cause."""


def canonical(value: str | bytes) -> str:
    """Return a public key as PEM in lines of 64 characters that end in line feeds.

    Args:
        value: The PEM text or its bytes, in UTF-8 or, with a byte order mark, UTF-16.
            White space anywhere is ignored.

    Raises:
        PemError: The value is not exactly one public key.
    """
    if not isinstance(value, str | bytes):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller has a type checker
        raise PemError(f"a value of type {type(value).__name__}")
    text = value if isinstance(value, str) else _decoded(value)
    code = b64encode(_der(_body(text))).decode()
    lines = [code[at : at + WIDTH] for at in range(0, len(code), WIDTH)]
    return "\n".join([BEGIN, *lines, END, ""])


def _decoded(data: bytes) -> str:
    marked = data.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if marked else "utf-8")
    except UnicodeDecodeError:
        cause = "bytes that are no text"
    if data.startswith(SEQUENCE):
        cause = "a key in DER; convert it with: openssl pkey -pubin -inform DER"
    raise PemError(cause)


def _body(text: str) -> str:
    """Return the base64 text between the boundaries of the only block."""
    if "PRIVATE KEY" in text:
        # The most dangerous mistake, even next to a public key.
        raise PemError("a private key; take its public half with: openssl pkey -pubout")
    if r"\n" in text or r"\r" in text:
        raise PemError(r"a literal \n, a backslash and a letter, for a line break")
    found = list(BOUNDARY.finditer(text))
    boundaries = [boundary[0] for boundary in found]
    if boundaries != [BEGIN, END]:
        raise PemError(_wrong_boundaries(text, [(each[1], each[2]) for each in found]))
    begin, end = found
    outside = text[: begin.start()] + text[end.end() :]
    if outside.replace("\ufeff", "").strip():
        raise PemError("other text before or after the key")
    if HEADER.match(text, begin.end()):
        raise PemError("header lines inside the key")
    if wrong := NOT_BASE64.search(text, begin.end(), end.start()):
        raise PemError(shown(wrong[0], wrong.start() + 1))
    return "".join(text[begin.end() : end.start()].split())


def _wrong_boundaries(text: str, found: Sequence[tuple[str, str]]) -> str:
    if not found:
        return next(
            cause
            for pattern, cause in NO_BOUNDARY.items()
            if re.fullmatch(pattern, text, re.DOTALL)
        )
    kinds = tuple(kind for kind, _ in found)
    labels = [label for _, label in found]
    if kinds != ("BEGIN", "END"):
        several = f"{kinds.count('BEGIN')} blocks instead of one"
        return OTHER_KINDS.get(kinds, several)
    if labels[0] != labels[1]:
        return f"boundaries of two labels, {labels[0]!r} and {labels[1]!r}"
    return OTHER_LABELS.get(labels[0], f"a block labelled {labels[0]!r}")


def _der(code: str) -> bytes:
    """Decode the base64 of a key and check its DER length."""
    if not code:
        raise PemError("nothing between the boundaries")
    if len(code) % 4:
        raise PemError("base64 that is cut off: its length is no multiple of 4")
    try:
        der = b64decode(code, validate=True)
    except ValueError:
        raise PemError("base64 with padding in the wrong place") from None
    if not der.startswith(SEQUENCE):
        raise PemError("base64 of something that is no key")
    size, start = int.from_bytes(der[1:2], "big"), 2
    if size >= LONG_FORM:
        # Long form: the low bits count the bytes that hold the length.
        start += size - LONG_FORM
        size = int.from_bytes(der[2:start], "big")
    if len(der) != start + size:
        raise PemError(f"{len(der):,} bytes of a key of {start + size:,} bytes")
    return der
