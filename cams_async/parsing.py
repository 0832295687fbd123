"""Parsing of responses: `parse_response`, pure, and the thread for large bodies.

A response becomes a typed value, or an error with the outcome of the call.
"""

import asyncio
import functools
import json
from codecs import BOM_UTF8
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

from cams_async import masking, outcomes
from cams_async.errors import ApiError, CamsError, DecodeError
from cams_async.models import Meta
from cams_async.protocol import Call, HttpResponse, Request
from cams_async.secret import MASK, Secret

R = TypeVar("R")

LARGE = 2**16
"""Bytes of a body above which a thread pays off. It yields every 5 ms."""

LONGEST_HINT = 60.0
"""Seconds; longer hints to wait count as this."""

EXCERPT = 200
"""Characters of a body that an error shows."""

# As `json.loads` for a text, without its checks of the argument's type.
_read_json = json.JSONDecoder().decode


class ResponseParser:
    """A parser of small responses at once, and of large ones in a thread, one by one.

    Several threads would compete with the event loop for the interpreter's lock.
    """

    def __init__(self) -> None:
        self._thread = asyncio.Lock()

    async def parse(
        self,
        call: Call[R],
        request: Request,
        response: HttpResponse,
        *,
        attempts: int,
        waited: float,
    ) -> R:
        """Parse one response; see `parse_response`."""
        if len(response.body) > LARGE:
            parse: Callable[[], R] = functools.partial(
                parse_response,
                call,
                request,
                response,
                attempts=attempts,
                waited=waited,
            )
            async with self._thread:
                try:
                    return await asyncio.to_thread(parse)
                except RuntimeError:
                    pass  # no thread can be started
        return parse_response(call, request, response, attempts=attempts, waited=waited)


def parse_response(
    call: Call[R],
    request: Request,
    response: HttpResponse,
    *,
    attempts: int,
    waited: float,
) -> R:
    """Return the typed response.

    Raises:
        ApiError: The response is a failure, or another hop's.
        DecodeError: The status is 2xx, but the body is not of the documented shape.
    """
    payload = _json_object(response)
    code = success = None
    if payload is not None and not 300 <= response.status < 400:  # noqa: PLR2004 - HTTP
        code = outcomes.code_of(call.action, payload)
        success = payload.get("Success", payload.get("success"))
    result = outcomes.classify(
        response.status,
        code,
        success=success,
        has_retry_after=_acs_hint(response) is not None,
    )
    if payload is None or code is None:
        raise _of_another_hop(
            request, response, payload, result, returns_secret=call.returns_secret
        )
    if result.error is not None:
        raise _api_error(request, response, payload, result, code)
    meta = Meta(attempts=attempts, waited=waited, http_status=response.status)
    try:
        return call.decode(payload, meta)
    except DecodeError as error:
        # CAMS executed the call; only its response is broken.
        error.outcome = result.outcome
        error.http_status = response.status
        error.body = _shown(request, response, returns_secret=call.returns_secret)
        raise


def _json_object(response: HttpResponse) -> dict[str, Any] | None:
    """Return the body, or None if it is no JSON object."""
    payload: dict[str, Any]  # or another JSON value
    try:
        payload = _read_json(response.body.removeprefix(BOM_UTF8).decode())
    except (ValueError, RecursionError):
        return None
    return payload if type(payload) is dict else None


def _shown(request: Request, response: HttpResponse, *, returns_secret: bool) -> bytes:
    """Return the masked body for an error; all of it is masked if it holds a secret."""
    return (
        MASK.encode()
        if returns_secret
        else masking.without_bytes(request.secrets, response.body)
    )


# Failures


def _api_error(
    request: Request,
    response: HttpResponse,
    payload: dict[str, Any],
    result: outcomes.Classification,
    code: str,
) -> ApiError:
    secrets, detail = request.secrets, payload.get("AccessDeniedDetail")
    return (result.error or ApiError)(
        masking.without(secrets, _text(payload, "Message") or ""),
        outcome=result.outcome,
        code=masking.without(secrets, code),
        request_id=_request_id(secrets, response, payload),
        http_status=response.status,
        access_denied_detail=masking.without_anywhere(secrets, detail),
        retry_after=_retry_after(response),
    )


def _of_another_hop(
    request: Request,
    response: HttpResponse,
    payload: dict[str, Any] | None,
    result: outcomes.Classification,
    *,
    returns_secret: bool,
) -> CamsError:
    """Return the error of a response that CAMS did not form."""
    status = response.status
    hop = outcomes.hop_of(response.headers, _authority(request.url))
    hop = masking.without(request.secrets, hop)[:EXCERPT]
    body = _shown(request, response, returns_secret=returns_secret)
    excerpt = body[:EXCERPT].decode("utf-8", "replace")
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP
        lacks, path = "JSON object", None
        if payload is not None:
            lacks = "Code" if isinstance(payload.get("RequestId"), str) else "RequestId"
            path = f"$.{lacks}"
        message = f"{hop}: HTTP {status} without a {lacks}: {excerpt}"
        return DecodeError(message, path=path, body=body, http_status=status)
    what = _PHRASES.get(status, "no known status")
    if result.outcome == "rejected":
        what = f"refused unread, {what}"
    return (result.error or ApiError)(
        f"{what}: {excerpt}",
        outcome=result.outcome,
        request_id=_request_id(request.secrets, response, payload or {}),
        http_status=status,
        retry_after=_retry_after(response),
        hop=hop,
    )


_PHRASES = {int(status): status.phrase for status in HTTPStatus}


def _authority(url: str) -> str:
    parts = urlsplit(url)
    port = 443 if parts.scheme == "https" else 80
    return parts.netloc if parts.port else f"{parts.netloc}:{port}"


def _text(payload: dict[str, Any], name: str) -> str | None:
    """Look up a text by name in any case; the vendor's spelling has precedence."""
    found = [payload.get(name)]
    found += [value for each, value in payload.items() if each.lower() == name.lower()]
    return next((value for value in found if isinstance(value, str)), None)


def _request_id(
    secrets: tuple[Secret, ...], response: HttpResponse, payload: dict[str, Any]
) -> str | None:
    found = _text(payload, "RequestId") or response.headers.get("x-acs-request-id")
    return found and masking.without(secrets, found)


def _acs_hint(response: HttpResponse) -> float | None:
    return _seconds(response.headers.get("x-acs-retry-after"), 0.001)


def _retry_after(response: HttpResponse) -> float | None:
    return _acs_hint(response) or _seconds(response.headers.get("retry-after"), 1.0)


def _seconds(value: str | None, unit: float) -> float | None:
    """Parse a retry hint in seconds; return None unless it is a positive integer."""
    if value is None or not value.isascii() or not value.isdigit():
        return None
    # float, as int refuses very long numbers.
    return min(float(value) * unit, LONGEST_HINT) or None
