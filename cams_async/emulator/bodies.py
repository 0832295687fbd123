"""Parameters in the body of a request, as the gateway reads them.

A form and a JSON object are documented. Each refusal here is assumed: the vendor
documents none.
"""

import json
from typing import Any, cast
from urllib.parse import parse_qsl

from cams_async.emulator.refusal import refuse
from cams_async.signing import FORM

JSON = "application/json"


def read(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Return the parameters of a body, in its order.

    Raises:
        Refusal: The body cannot be read.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (FORM, JSON):
        message = f"The content type {kind or 'of the body'} is not supported."
        refuse("InvalidContentType", message)
    try:
        text = body.decode()
        if kind == FORM:
            return parse_qsl(text, keep_blank_values=True)
        return _members(json.loads(text))
    except (ValueError, RecursionError):
        refuse("InvalidBody", f"The body is not {kind}.")


def _members(found: Any) -> list[tuple[str, str]]:
    if not isinstance(found, dict):
        raise ValueError  # noqa: TRY004 - of the text, as json.loads raises it
    members = cast("dict[str, Any]", found)
    _compact(members).encode()  # half a character is no text
    # Null stands for an absent parameter, and a nested value for its text: assumed.
    return [
        (name, value if isinstance(value, str) else _compact(value))
        for name, value in members.items()
        if value is not None
    ]


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
