"""The outcome table: HTTP status class, class of the code, and hop.

Pure data, and the functions that read it. The hop that responds is CAMS, whose
responses are JSON with a RequestId and a Code, or another hop: a proxy, a load
balancer, a captive portal.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

from attrs import frozen

from cams_async.errors import (
    ApiError,
    AuthenticationError,
    CallOutcome,
    GatewayError,
    InvalidParameter,
    NotFound,
    NotOwner,
    NotSubscribed,
    PermissionDenied,
    ServerError,
    ThrottlingError,
)

StatusClass: TypeAlias = Literal["2xx", "4xx", "unread", "undecided", "unexpected"]
CodeClass: TypeAlias = Literal[
    "ok", "codeless", "listed", "other", "half-way", "another hop"
]

UNREAD: frozenset[int] = frozenset({407, 411, 413, 414, 417, 421, 426, 429, 431})
"""Statuses by which a hop refuses a request before it passes it on."""

OUTCOMES: Mapping[StatusClass, Mapping[CodeClass, CallOutcome]] = {
    "2xx": {
        "ok": "executed",
        "codeless": "executed",
        "listed": "rejected",
        "other": "unknown",
        "half-way": "unknown",
        "another hop": "unknown",
    },
    "4xx": {
        "ok": "unknown",  # a contradiction
        "codeless": "rejected",
        "listed": "rejected",
        "other": "rejected",
        "half-way": "unknown",
        "another hop": "unknown",
    },
    "unread": {
        "ok": "unknown",
        "codeless": "rejected",
        "listed": "rejected",
        "other": "rejected",
        "half-way": "unknown",
        "another hop": "rejected",
    },
    # An execution is possible: 408, 409 and each 5xx, whatever the code.
    "undecided": dict.fromkeys(get_args(CodeClass), "unknown"),
    # Redirects and the like are no responses of CAMS.
    "unexpected": dict.fromkeys(get_args(CodeClass), "unknown"),
}
"""The outcome by status class and class of the code, or of the hop."""

# The list of public codes gives 0000 the HTTP status 200, and it is the only one.
# https://www.alibabacloud.com/help/en/chatapp/developer-reference/error-codes
OK_CODES: frozenset[str] = frozenset({"ok", "200", "success", "0000"})
"""The spellings of success, in lower case."""

CODELESS: frozenset[str] = frozenset({"ChangeResourceGroup"})
"""Actions whose responses have a RequestId and no Code."""


@frozen
class _Codes:
    """A pattern of codes; `*` stands for any text."""

    pattern: str
    error: type[ApiError]
    kind: CodeClass


# The first pattern that fits decides.
# https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-errorcodes
_CODES: tuple[_Codes, ...] = (
    # The server failed half-way. Each request has a fresh nonce: a used one proves
    # that a copy of this request arrived before.
    _Codes("InternalError*", ServerError, "half-way"),
    _Codes("InternalServerError*", ServerError, "half-way"),
    _Codes("ServiceUnavailable*", ServerError, "half-way"),
    _Codes("UnknownError*", ServerError, "half-way"),
    _Codes("SystemError*", ServerError, "half-way"),
    _Codes("*Timeout*", ServerError, "half-way"),
    _Codes("OperationFailed*", ServerError, "half-way"),
    _Codes("SignatureNonceUsed*", AuthenticationError, "half-way"),
    # Refused before the execution, whatever the HTTP status.
    _Codes("System.LimitControl*", ThrottlingError, "listed"),
    _Codes("Throttling*", ThrottlingError, "listed"),
    _Codes("SignatureDoesNotMatch*", AuthenticationError, "listed"),
    _Codes("IncompleteSignature*", AuthenticationError, "listed"),
    _Codes("InvalidAccessKeyId*", AuthenticationError, "listed"),
    _Codes("InvalidSecurityToken*", AuthenticationError, "listed"),
    _Codes("InvalidTimeStamp*", AuthenticationError, "listed"),
    _Codes("MissingSecurityToken*", AuthenticationError, "listed"),
    _Codes("Ram.PermissionDeny*", PermissionDenied, "listed"),
    _Codes("NoPermission*", PermissionDenied, "listed"),
    _Codes("Forbidden*", PermissionDenied, "listed"),
    _Codes("*.NoAuth", PermissionDenied, "listed"),
    _Codes("Product.Unsubscript*", NotSubscribed, "listed"),
    _Codes("Unknown.ResourceOwnerId*", NotOwner, "listed"),
    _Codes("Missing*", InvalidParameter, "listed"),
    _Codes("InvalidParameter*", InvalidParameter, "listed"),
    # A class of error of their own, and no proof.
    _Codes("*.NotFound", NotFound, "other"),
    _Codes("Invalid*", InvalidParameter, "other"),
)


def _compiled(entry: _Codes) -> re.Pattern[str]:
    # A half-way code in another case is still no proof of a refusal.
    flags = re.IGNORECASE if entry.kind == "half-way" else 0
    text = ".*".join(re.escape(part) for part in entry.pattern.split("*"))
    return re.compile(text, flags | re.DOTALL)


_PATTERNS: tuple[tuple[re.Pattern[str], _Codes], ...] = tuple(
    (_compiled(entry), entry) for entry in _CODES
)


@frozen
class Classification:
    """The outcome of a response, and the class of error to raise."""

    outcome: CallOutcome
    error: type[ApiError] | None
    """None where the response is a success."""


_SUCCESS = Classification("executed", None)


def code_of(action: str, payload: Mapping[str, Any]) -> str | None:
    """Return the Code of a CAMS-formed response; None where another hop responded.

    Names count in any case. The result is empty for an action that has no Code.
    """
    request_id, code = payload.get("RequestId"), payload.get("Code")
    if request_id is None or code is None:
        lowered = {name.lower(): value for name, value in payload.items()}
        request_id, code = lowered.get("requestid"), lowered.get("code")
    if not isinstance(request_id, str) or not request_id:
        return None
    # True is an int, and no code.
    if type(code) is int or (isinstance(code, str) and code and not code.isspace()):
        return str(code)
    return "" if action in CODELESS and code is None else None


def classify(
    status: int,
    code: str | None,
    *,
    success: object = None,
    has_retry_after: bool = False,
) -> Classification:
    """Return the outcome of a response and the class of its error.

    Args:
        status: The HTTP status.
        code: The result of `code_of`.
        success: The value of Success, where there is one.
        has_retry_after: Whether `x-acs-retry-after` has a value. By itself it proves
            nothing, but it slows down and pauses as flow control does.
    """
    kind, error = _code_class(code)
    outcome = OUTCOMES[_status_class(status)][kind]
    if outcome == "executed":
        if not _is_false(success):
            return _SUCCESS
        outcome = "unknown"  # a contradiction
    if error in (None, GatewayError):
        if status == 429:  # noqa: PLR2004 - HTTP: Too Many Requests
            error = ThrottlingError
        elif status >= 500:  # noqa: PLR2004 - HTTP
            error = ServerError
    if has_retry_after and (status >= 400 or code is not None):  # noqa: PLR2004 - HTTP
        error = ThrottlingError
    return Classification(outcome, error or ApiError)


def _status_class(status: int) -> StatusClass:
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP
        return "2xx"
    if status in UNREAD:
        return "unread"
    if status in (408, 409) or status >= 500:  # noqa: PLR2004 - HTTP
        return "undecided"
    return "4xx" if status >= 400 else "unexpected"  # noqa: PLR2004 - HTTP


def _code_class(code: str | None) -> tuple[CodeClass, type[ApiError] | None]:
    if code is None:
        return "another hop", GatewayError
    if not code:
        return "codeless", None
    if code.strip().lower() in OK_CODES:
        return "ok", None
    for pattern, entry in _PATTERNS:
        if pattern.fullmatch(code):
            return entry.kind, entry.error
    return "other", None


def _is_false(success: object) -> bool:
    return success is False or (
        isinstance(success, str) and success.strip().lower() == "false"
    )


def hop_of(headers: Mapping[str, str], authority: str) -> str:
    """Name the hop that responded: by its Server and Via headers, else host and port.

    The result is printable ASCII, whatever the headers hold.
    """
    server, via = (headers.get(name, "").strip() for name in ("server", "via"))
    named = f"{server or authority}, via {via}" if via else server or authority
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in named)
