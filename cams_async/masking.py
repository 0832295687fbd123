"""Masking of secrets that a response quotes from the request."""

import json

from cams_async.secret import MASK, Secret
from cams_async.signing import percent_encode


def without(secrets: tuple[Secret, ...], text: str) -> str:
    """Mask the secrets in a text, in plain, JSON or percent-encoded form."""
    forms: set[str] = set()
    for secret in secrets:
        # A response may quote the URL or form of the request, or escape JSON.
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
        # In pieces, because one call of `dumps` would block longer than `loads`.
        text = "".join(json.JSONEncoder(ensure_ascii=False).iterencode(value))
        return json.loads(without(secrets, text))
    except (ValueError, RecursionError):
        return MASK
