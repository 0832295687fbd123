"""ACS3-HMAC-SHA256, the signature of Alibaba Cloud's V3 protocol, as pure functions.

The names are the vendor's own. Nothing here reads a clock, draws a nonce or does
I/O: date and nonce arrive among the headers, so a signature can be recomputed by
anyone who has the same inputs; the emulator verifies with these very functions.

https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote

from cams_async.secret import Secret

ALGORITHM = "ACS3-HMAC-SHA256"
FORM = "application/x-www-form-urlencoded"
"""The content type of a form body."""

EMPTY_BODY_SHA256 = hashlib.sha256(b"").hexdigest()

_as_it_is = re.compile(r"[A-Za-z0-9_.~-]*").fullmatch


def percent_encode(text: str) -> str:
    """Encode as UTF-8; only letters, digits and `-_.~` stay as they are."""
    return quote(text, safe="~")


def reveal(value: str | Secret) -> str:
    """Return the text that is signed."""
    return value.reveal() if isinstance(value, Secret) else value


def canonical_query_string(parameters: Mapping[str, str | Secret]) -> str:
    """Join the parameters, sorted by name in byte order.

    The request's URL carries this very text, so that nothing between the
    signature and the wire can encode it differently.
    """
    texts = {
        name: value if type(value) is str else reveal(value)
        for name, value in parameters.items()
    }
    # At once, as most calls have nothing that is to be encoded.
    if _as_it_is("".join([*texts, *texts.values()])):
        return "&".join([f"{name}={texts[name]}" for name in sorted(texts)])
    return "&".join(
        [
            f"{percent_encode(name)}={percent_encode(texts[name])}"
            for name in sorted(texts)
        ]
    )


def form_body(query: str) -> bytes:
    """Return the form body with the parameters of a canonical query.

    The vendor's signer encodes both alike, but writes a space as `+` in a form.
    """
    return query.replace("%20", "+").encode()


def canonical_headers(headers: Mapping[str, str]) -> tuple[str, str]:
    """Return the canonical block of headers and their names joined by `;`."""
    order, names = _canonical_names(tuple(headers))
    lines = [f"{name}:{headers[given].strip()}\n" for name, given in order]
    return "".join(lines), names


@lru_cache
def _canonical_names(given: tuple[str, ...]) -> tuple[list[tuple[str, str]], str]:
    """Return each name beside the given one, in order, and the names joined by `;`.

    Kept, as a client signs the same headers in every call.
    """
    order = sorted({name.lower(): name for name in given}.items())
    return order, ";".join([name for name, _ in order])


def canonical_request(
    *,
    method: str,
    canonical_uri: str = "/",
    canonical_query: str,
    headers: tuple[str, str],
    hashed_body: str = EMPTY_BODY_SHA256,
) -> str:
    """Join what is signed, line by line.

    `headers` are as `canonical_headers` returns them; `hashed_body` is hex SHA-256.
    """
    block, names = headers
    parts = (method, canonical_uri, canonical_query, block, names, hashed_body)
    return "\n".join(parts)


def string_to_sign(request: str) -> str:
    """Return the algorithm and the hash of the canonical request."""
    return f"{ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"


def signature(access_key_secret: str | Secret, text: str) -> str:
    """Return the lower-case hex HMAC-SHA256 of the string to sign."""
    key = reveal(access_key_secret).encode()
    return hmac.digest(key, text.encode(), "sha256").hex()


def authorization(access_key_id: str, names: str, signed: str) -> str:
    """Return the Authorization header; `names` as `canonical_headers` joins them."""
    return (
        f"{ALGORITHM} Credential={access_key_id},"
        f"SignedHeaders={names},Signature={signed}"
    )


def sign(
    *,
    method: str,
    canonical_query: str,
    headers: Mapping[str, str],
    access_key_id: str,
    access_key_secret: str | Secret,
    hashed_body: str = EMPTY_BODY_SHA256,
) -> str:
    """Return the Authorization header for a request to `/` that signs `headers`."""
    block, names = canonical_headers(headers)
    request = canonical_request(
        method=method,
        canonical_query=canonical_query,
        headers=(block, names),
        hashed_body=hashed_body,
    )
    signed = signature(access_key_secret, string_to_sign(request))
    return authorization(access_key_id, names, signed)
