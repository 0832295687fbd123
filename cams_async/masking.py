"""Texts of a server without the secrets of the request that they may quote."""

import json

from cams_async.secret import MASK, Secret
from cams_async.signing import percent_encode


def without(secrets: tuple[Secret, ...], text: str) -> str:
    """Mask the secrets in a text, however a server may have encoded them."""
    forms: set[str] = set()
    for secret in secrets:
        # An answer may quote the request's URL or form, or write JSON in many ways.
        plain = secret.reveal()
        quoted = json.dumps(plain, ensure_ascii=False)[1:-1]
        for form in (plain, quoted, json.dumps(plain)[1:-1]):
            encoded = percent_encode(form)
            forms |= {form, form.replace("/", "\\/"), encoded}
            forms.add(encoded.replace("%20", "+"))
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def without_bytes(secrets: tuple[Secret, ...], body: bytes) -> bytes:
    """Mask the secrets in bytes that may be text."""
    text = body.decode("utf-8", "surrogateescape")
    return without(secrets, text).encode("utf-8", "surrogateescape")


def without_anywhere(secrets: tuple[Secret, ...], value: object) -> object:
    """Mask the secrets in a JSON value, names included."""
    try:
        # In pieces: one call of `dumps` would hold the event loop longer than `loads`.
        text = "".join(json.JSONEncoder(ensure_ascii=False).iterencode(value))
        return json.loads(without(secrets, text))
    except (ValueError, RecursionError):
        return MASK
