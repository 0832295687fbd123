"""A request and a response as they stand on the wire, and error responses.

Each refusal of a request body is assumed: the vendor documents forms and JSON objects,
but no errors.
"""

import json
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, NoReturn, cast
from urllib.parse import parse_qsl

from attrs import field, frozen

from cams_async.signing import FORM

JSON = "application/json"


@frozen(kw_only=True)
class WireRequest:
    """One request as it arrived."""

    method: str
    path: str
    """The path without the query, still encoded."""

    query: str
    """The raw query, still encoded."""

    headers: Mapping[str, str]
    """By lower-case name; equal names are merged."""

    body: bytes = field(default=b"", repr=False)

    def body_parameters(self) -> list[tuple[str, str]]:
        """Return the parameters in the body, in its order.

        Raises:
            ErrorResponse: The body is neither a form nor a JSON object.
        """
        content_type = self.headers.get("content-type", "")
        kind = content_type.partition(";")[0].strip().lower()
        if kind not in (FORM, JSON):
            message = f"The content type {kind or 'of the body'} is not supported."
            refuse("InvalidContentType", message)
        try:
            text = self.body.decode()
            if kind == FORM:
                return parse_qsl(text, keep_blank_values=True)
            return _members(json.loads(text))
        except (ValueError, RecursionError):
            refuse("InvalidBody", f"The body is not {kind}.")


def merge_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Key the headers by lower-case name; equal names are joined with a comma."""
    result: dict[str, str] = {}
    for name, value in headers:
        lowered = name.lower()
        former = result.get(lowered)
        result[lowered] = value if former is None else f"{former},{value}"
    return result


def _members(decoded: Any) -> list[tuple[str, str]]:
    if not isinstance(decoded, dict):
        raise ValueError  # noqa: TRY004 - of the text, as json.loads raises it
    members = cast("dict[str, Any]", decoded)
    encode(members)  # lone surrogates cannot be encoded
    # Null stands for an absent parameter, and a nested value for its text: assumed.
    return [
        (name, value if isinstance(value, str) else encode(value).decode())
        for name, value in members.items()
        if value is not None
    ]


def encode(value: object) -> bytes:
    """Return compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Delivery(Enum):
    """The part of a response that reaches the client."""

    WHOLE = "whole"
    RESET = "reset"
    TRUNCATED = "truncated"
    NEVER = "never"


@frozen(kw_only=True)
class WireResponse:
    """One response as it is sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    delivery: Delivery = Delivery.WHOLE
    delay: float = 0.0
    """Seconds before it is sent."""


class ErrorResponse(Exception):  # noqa: N818 - a response of the server, not its failure
    """An error response, raised by any step of a call.

    Attributes:
        status: The HTTP status.
        code: The vendor's error code.
        message: The text for the client.
        business: Whether CAMS itself refused the call, rather than the gateway before
            it; such errors can also travel inside HTTP 200.
        throttled: Whether flow control refused the call.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        business: bool = False,
        throttled: bool = False,
    ) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.business = business
        self.throttled = throttled


def refuse(code: str, message: str, *, status: int = 400) -> NoReturn:
    """Raise an error of the gateway, before anything is executed."""
    raise ErrorResponse(status, code, message)


def fail(code: str, message: str) -> NoReturn:
    """Raise an error of CAMS itself: the call is valid, but cannot be executed."""
    raise ErrorResponse(400, code, message, business=True)


def throttled() -> ErrorResponse:
    """Return the error of flow control.

    The code is CAMS' own; the page of each operation lists it with HTTP 400.
    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getphonenumberverificationstatus
    """
    return ErrorResponse(
        400,
        "System.LimitControl",
        "The system is under flow control.",
        throttled=True,
    )
