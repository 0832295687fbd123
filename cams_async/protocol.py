"""What goes over the wire and what comes back, without any I/O.

A call is built into a signed request, and an answer is parsed into a typed value
or a typed error. Clock, nonce and credentials are arguments.
"""

import json
import time
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from attrs import define, field

from cams_async import signing, wire
from cams_async.credentials import Credentials
from cams_async.endpoints import Endpoint
from cams_async.errors import (
    ApiError,
    AuthenticationError,
    CallOutcome,
    DecodeError,
    InvalidParameter,
    NotFound,
    NotOwner,
    NotSubscribed,
    PermissionDenied,
    ServerError,
    ThrottlingError,
)
from cams_async.models import Meta, Resend, Response
from cams_async.operations import Operation
from cams_async.secret import Secret, as_secret
from cams_async.version import __version__

R = TypeVar("R")
S = TypeVar("S", bound=Response)

API_VERSION = "2020-06-06"
USER_AGENT = f"cams_async/{__version__}"
LONGEST_HINT = 60.0
EXCERPT = 200

# All that `json.loads` does for a text, without asking first what it was given.
_read_json = json.JSONDecoder().decode


# Made for each call, and changed by nobody. Frozen, they would take a dictionary more,
# or twice the time: see `models`. What a call in flight keeps, each collection of
# garbage goes through.
@define(kw_only=True)
class Call(Generic[R]):
    """One call of one action, ready to be built into requests."""

    action: str
    parameters: Mapping[str, str | Secret] = field(repr=False)
    qps: float
    resend: Resend
    tells: str | None = None
    """The read action that tells what happened after an unknown outcome."""
    decode: Callable[[dict[str, Any], Meta], R] = field(repr=False)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Parameters that no error may show, even if the server sends them back."""
        values = self.parameters.values()
        return tuple([value for value in values if isinstance(value, Secret)])


def call_of(operation: Operation[S]) -> Call[S]:
    """Return the call that an operation stands for.

    Raises:
        InvalidOperation: A value cannot be sent.
    """
    cls = type(operation)
    return Call(
        action=cls.__name__,
        parameters=wire.parameters(operation),
        qps=cls.qps,
        resend=cls.resend,
        tells=cls.tells,
        decode=wire.decoder(cls.response()),
    )


_SECRET_HEADERS = ("authorization", "x-acs-security-token")


def _hidden(headers: Mapping[str, str | Secret]) -> dict[str, str | Secret]:
    hidden = dict(headers)
    for name in _SECRET_HEADERS:
        if name in hidden:
            hidden[name] = as_secret(hidden[name])
    return hidden


def _hidden_body(body: bytes | Secret) -> Secret:
    # latin-1 is any bytes, one to one.
    return body if isinstance(body, Secret) else Secret(body.decode("latin-1"))


@define
class Request:
    """A signed POST request. Whatever of it may hold a secret is kept as one.

    Its frames are shown where a call is cancelled; nothing may keep what the
    properties reveal in a local variable.
    """

    _url: Secret = field(alias="url", converter=as_secret, repr=False)
    _headers: Mapping[str, str | Secret] = field(
        alias="headers", converter=_hidden, repr=False
    )
    action: str
    call_secrets: tuple[Secret, ...] = field(repr=False)
    """Secret values among its parameters."""
    credentials: Credentials = field(repr=False)
    """Who signed it."""

    _body: Secret = field(
        alias="body", default=Secret(""), converter=_hidden_body, repr=False
    )

    repeatable: bool = True
    """Whether the request may be sent again after an unknown outcome."""

    @property
    def url(self) -> str:
        """Percent-encoded exactly as signed; nothing may encode it again."""
        return self._url.reveal()

    @property
    def headers(self) -> dict[str, str]:
        """The headers, signed ones and others."""
        return {
            name: text.reveal() if isinstance(text, Secret) else text
            for name, text in self._headers.items()
        }

    @property
    def body(self) -> bytes:
        """The bytes of the body, as hashed and signed."""
        return self._body.reveal().encode("latin-1")

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Whatever no error may show, even if the server sends it back."""
        found = (
            *self.call_secrets,
            self.credentials.access_key_secret,
            self.credentials.security_token,
            Secret(self.headers["authorization"].rpartition("=")[2]),
        )
        return tuple([text for text in found if text])


@define
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Looked up without regard to case."""
    body: bytes = field(repr=False)


def build_request(
    call: Call[Any],
    *,
    endpoint: Endpoint,
    credentials: Credentials,
    date: float,
    nonce: str,
) -> Request:
    """Build and sign a request.

    https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature

    Args:
        call: What to ask for.
        endpoint: Whom to ask.
        credentials: Who asks.
        date: The server's time in seconds since 1970, as well as it is known; the
            gateway accepts 15 minutes either way.
        nonce: Different for each request, resends included.
    """
    query = signing.canonical_query_string(call.parameters)
    headers: dict[str, str | Secret] = {
        "host": endpoint.host,
        "x-acs-action": call.action,
        "x-acs-version": API_VERSION,
        "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(date)),
        "x-acs-signature-nonce": nonce,
        "x-acs-content-sha256": signing.EMPTY_BODY_SHA256,
    }
    if credentials.security_token is not None:
        headers["x-acs-accesskey-id"] = credentials.access_key_id
        headers["x-acs-security-token"] = credentials.security_token
    headers["authorization"] = signing.sign(
        method="POST",
        canonical_query=query,
        headers=headers,
        access_key_id=credentials.access_key_id,
        access_key_secret=credentials.access_key_secret,
    )
    # Proxies rewrite these three, so they stay out of the signature.
    headers["accept"] = "application/json"
    headers["accept-encoding"] = "identity"  # short answers gain nothing by gzip
    headers["user-agent"] = USER_AGENT
    return Request(
        url=f"{endpoint.origin}/?{query}" if query else f"{endpoint.origin}/",
        headers=headers,
        action=call.action,
        call_secrets=call.secrets,
        credentials=credentials,
        repeatable=call.resend is Resend.SAFE,
    )


def parse_response(
    call: Call[R], request: Request, answer: Answer, *, attempts: int, waited: float
) -> R:
    """Return the typed answer.

    A failure is HTTP 400 or above, a Code that is not OK, or a Success of false.

    Raises:
        ApiError: The answer is a failure.
        DecodeError: The answer is not of the documented shape.
    """
    payload = _json_object(request, answer)
    code, failed = _verdict(payload, answer.status)
    if failed:
        raise _api_error(request, answer, payload, code)
    meta = Meta(attempts=attempts, waited=waited, http_status=answer.status)
    try:
        return call.decode(payload, meta)
    except DecodeError as error:
        if code:
            # The server did what was asked; only the telling is broken.
            error.outcome = "executed"
        error.http_status = answer.status
        # Where the answer hands out a secret, the body is masked whole already.
        error.body = error.body or _without_bytes(request.secrets, answer.body)
        raise


def _verdict(payload: dict[str, Any], status: int) -> tuple[str, bool]:
    raw = payload.get("Code", payload.get("code"))
    # Two actions of CAMS count their codes as HTTP does; one has none at all.
    good = raw in ("OK", 200, None)
    failed = status >= 400 or not good or payload.get("Success") is False  # noqa: PLR2004 - HTTP
    return "" if raw is None else str(raw), failed


def _json_object(request: Request, answer: Answer) -> dict[str, Any]:
    payload: dict[str, Any] | None  # or whatever else JSON can say
    try:
        payload = _read_json(answer.body.removeprefix(BOM_UTF8).decode())
    except (ValueError, RecursionError):
        payload = None
    if type(payload) is dict and (answer.status < 300 or answer.status >= 400):  # noqa: PLR2004 - HTTP
        return payload
    body = _without_bytes(request.secrets, answer.body)
    excerpt = body[:EXCERPT].decode("utf-8", "replace")
    error = _api_error(request, answer, {"Message": f"no JSON: {excerpt}"}, "")
    if answer.status >= 400 and type(error) is not ApiError:  # noqa: PLR2004 - HTTP
        raise error
    message = f"HTTP {answer.status} without a JSON object: {excerpt}"
    raise DecodeError(message, body=body, http_status=answer.status)


def _without(secrets: tuple[Secret, ...], text: str) -> str:
    forms: set[str] = set()
    for secret in secrets:
        # An answer may quote the request's URL, or write its own JSON in many ways.
        plain = secret.reveal()
        quoted = json.dumps(plain, ensure_ascii=False)[1:-1]
        for form in (plain, quoted, json.dumps(plain)[1:-1]):
            forms |= {form, form.replace("/", "\\/"), signing.percent_encode(form)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def _without_bytes(secrets: tuple[Secret, ...], body: bytes) -> bytes:
    text = body.decode("utf-8", "surrogateescape")
    return _without(secrets, text).encode("utf-8", "surrogateescape")


def _without_anywhere(secrets: tuple[Secret, ...], value: object) -> object:
    try:
        return json.loads(_without(secrets, json.dumps(value, ensure_ascii=False)))
    except (ValueError, RecursionError):
        return "***"


# Failures


def _api_error(
    request: Request, answer: Answer, payload: dict[str, Any], code: str
) -> ApiError:
    message = _text(payload, "Message", "message") or ""
    acs_hint = _seconds(answer.headers.get("x-acs-retry-after"), 0.001)
    cls = ThrottlingError if acs_hint else _class_of(code, answer.status)
    request_id = _text(payload, "RequestId", "requestId", "requestid")
    return cls(
        _without(request.secrets, message),
        outcome=_outcome(cls, code, answer.status),
        code=code,
        request_id=request_id or answer.headers.get("x-acs-request-id"),
        http_status=answer.status,
        access_denied_detail=_without_anywhere(
            request.secrets, payload.get("AccessDeniedDetail")
        ),
        retry_after=acs_hint or _seconds(answer.headers.get("retry-after"), 1.0),
    )


def _text(payload: dict[str, Any], *names: str) -> str | None:
    found = (payload[name] for name in names if name in payload)
    return next((value for value in found if isinstance(value, str)), None)


# Exact codes and prefixes, in order: the first that fits decides.
# https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-errorcodes
_CODES: tuple[tuple[str, type[ApiError]], ...] = (
    ("System.LimitControl", ThrottlingError),
    ("Throttling*", ThrottlingError),
    ("SignatureDoesNotMatch", AuthenticationError),
    ("SignatureNonceUsed", AuthenticationError),
    ("IncompleteSignature", AuthenticationError),
    ("InvalidAccessKeyId*", AuthenticationError),
    ("InvalidSecurityToken*", AuthenticationError),
    ("InvalidTimeStamp*", AuthenticationError),
    ("MissingSecurityToken", AuthenticationError),
    ("Ram.PermissionDeny", PermissionDenied),
    ("NoPermission*", PermissionDenied),
    ("Forbidden*", PermissionDenied),
    ("Authentication.NoAuth", PermissionDenied),
    ("Product.Unsubscript", NotSubscribed),
    ("Unknown.ResourceOwnerId", NotOwner),
    ("*.NotFound", NotFound),
    ("Missing*", InvalidParameter),
    ("Invalid*", InvalidParameter),
)

# The gateway gives these up half-way, under whatever HTTP status.
_UNDECIDED = ("InternalError", "ServiceUnavailable", "UnknownError")


def _class_of(code: str, status: int) -> type[ApiError]:
    for pattern, cls in _CODES:
        if pattern.endswith("*"):
            fits = code.startswith(pattern[:-1])
        elif pattern.startswith("*"):
            fits = code.endswith(pattern[1:])
        else:
            fits = code == pattern
        if fits:
            return cls
    if status == 429:  # noqa: PLR2004 - HTTP: Too Many Requests
        return ThrottlingError
    undecided = status >= 500 or code in _UNDECIDED  # noqa: PLR2004 - HTTP
    return ServerError if undecided else ApiError


def _outcome(cls: type[ApiError], code: str, status: int) -> CallOutcome:
    # A nonce is fresh for each request: it can only be known from a copy of this
    # very request that arrived before. An OK that did not succeed says both.
    copy_arrived = code == "SignatureNonceUsed"
    contradictory = code in ("OK", "200", "") and status < 400  # noqa: PLR2004 - HTTP
    undecided = cls is ServerError or status >= 500  # noqa: PLR2004 - HTTP
    if copy_arrived or contradictory or (undecided and cls is not ThrottlingError):
        return "unknown"
    return "rejected"


def _seconds(value: str | None, unit: float) -> float | None:
    """Read how long to wait; what is not a positive whole number does not count."""
    if value is None or not value.isascii() or not value.isdigit():
        return None
    # float, as int refuses very long numbers.
    return min(float(value) * unit, LONGEST_HINT) or None
