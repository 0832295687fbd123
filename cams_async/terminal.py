"""Text that is safe to show on a terminal."""

import re

_CONTROLS = re.compile(
    # C0 but for tab and line feed, DEL, C1; marks and overrides of direction; what
    # else ends a line; halves of surrogate pairs, which no encoding takes.
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    r"\ud800-\udfff]"
)


def escape_controls(text: str) -> str:
    r"""Replace control characters by `\uXXXX`; line feeds and tabs stay.

    A terminal obeys them: it would move its cursor, hide text or type for its user.
    JSON remains the same JSON, since they can only occur in its strings.
    """
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
