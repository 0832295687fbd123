"""The protocol without I/O: `build_request` makes a signed request of a call.

Clock, nonce and credentials are arguments. `parsing` reads the response.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar

from attrs import define, field

from cams_async import responses, signing, wire
from cams_async.credentials import Credentials
from cams_async.endpoints import Endpoint
from cams_async.forms import LONGEST_QUERY, FormReasons
from cams_async.models import Meta, Response
from cams_async.operations import Operation
from cams_async.operations.catalogue import FORM_ACTIONS, MASKED_ONLY, facts_of
from cams_async.operations.operation import stated_qps
from cams_async.secret import Secret
from cams_async.version import __version__

R = TypeVar("R")
S = TypeVar("S", bound=Response)

API_VERSION = "2020-06-06"
USER_AGENT = f"cams_async/{__version__}"


# Made for each call and never changed. A frozen class would need a dictionary more or
# twice the time: see `models`. Garbage collection visits all that a call in flight
# keeps.
@define(kw_only=True)
class Call(Generic[R]):
    """One call of one action, ready to be built into requests."""

    action: str
    parameters: Mapping[str, str | Secret] = field(repr=False)
    qps: float | None
    """The documented rate limit; None if there is none."""
    retry_safe: bool
    verify_with: str | None = None
    """The read action that resolves an unknown outcome."""
    decode: Callable[[dict[str, Any], Meta], R] = field(repr=False)
    returns_secret: bool = False
    """Whether its response holds a secret."""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return the secret parameters, to be masked in every error."""
        values = self.parameters.values()
        return tuple([value for value in values if isinstance(value, Secret)])

    @property
    def confidential(self) -> bool:
        """Whether a parameter must not be sent in a URL."""
        return any(
            type(value) is Secret and name not in MASKED_ONLY
            for name, value in self.parameters.items()
        )


def call_of(operation: Operation[S]) -> Call[S]:
    """Return the call of an operation.

    Raises:
        InvalidOperation: A value cannot be sent.
    """
    cls = type(operation)
    return Call(
        action=cls.__name__,
        parameters=wire.parameters(operation),
        qps=stated_qps(cls),
        retry_safe=cls.retry_safe,
        verify_with=cls.verify_with,
        decode=responses.decoder(cls.response()),
        returns_secret=responses.returns_secret(cls.response())
        or facts_of(cls.__name__).returns_secret,
    )


Parts: TypeAlias = tuple[str, dict[str, str], bytes]
"""A request's URL, percent-encoded exactly as signed; its headers; and its body."""


@define
class Request:
    """A signed POST request.

    An error tracker shows the values that the frames of a cancelled call hold. So the
    parts, which hold secrets, are kept in a closure, and no frame may keep them.
    """

    reveal: Callable[[], Parts] = field(repr=False)
    """A function that returns the parts. For the transport only."""

    action: str
    call_secrets: tuple[Secret, ...] = field(repr=False)
    """Secret values among its parameters."""
    credentials: Credentials = field(repr=False)
    """The access key that signed it."""

    repeatable: bool = True
    """Whether the request may be sent again after an unknown outcome."""

    short_form: bool = False
    """Whether it is a form only because it carries a secret."""

    @property
    def url(self) -> str:
        """The URL; nothing may encode it again."""
        return self.reveal()[0]

    @property
    def headers(self) -> dict[str, str]:
        """The headers, signed ones and others."""
        return self.reveal()[1]

    @property
    def body(self) -> bytes:
        """The bytes of the body, as hashed and signed."""
        return self.reveal()[2]

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets to be masked in errors: parameters, key, token, signature."""
        found = (
            *self.call_secrets,
            self.credentials.access_key_secret,
            self.credentials.security_token,
            Secret(self.headers["authorization"].rpartition("=")[2]),
        )
        return tuple([text for text in found if text])


@define
class HttpResponse:
    """A response as received."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Case-insensitive."""
    body: bytes = field(repr=False)
    headers_at: float | None = None
    """When all headers had arrived, on `time.monotonic`; None if that is unknown."""


def build_request(
    call: Call[Any],
    *,
    endpoint: Endpoint,
    credentials: Credentials,
    date: float,
    nonce: str,
    form_for: FormReasons = "length and secrets",
) -> Request:
    """Build and sign a request.

    https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature

    Args:
        call: The action and its parameters.
        endpoint: The origin of the service.
        credentials: The access key that signs.
        date: The estimated time of the server in seconds since 1970; the gateway
            accepts 15 minutes either way.
        nonce: Different for each request, resends included.
        form_for: Reasons to send all parameters in a form body, and none in the URL.
            An action that is documented to use a form always does.
    """
    query = signing.canonical_query_string(call.parameters)
    body, hashed_body, short_form = b"", signing.EMPTY_BODY_SHA256, False
    long = len(query) > LONGEST_QUERY
    secrets = call.secrets
    if long or (secrets and call.confidential):
        documented = call.action in FORM_ACTIONS
        either = form_for == "length and secrets"
        if documented or either or (long and form_for == "length"):
            short_form = not documented and not long
            query, body = "", signing.form_body(query)
            hashed_body = hashlib.sha256(body).hexdigest()
    headers = {
        "host": endpoint.host,
        "x-acs-action": call.action,
        "x-acs-version": API_VERSION,
        "x-acs-date": _date_text(int(min(max(date, 0.0), _LAST_DATE))),
        "x-acs-signature-nonce": nonce,
        "x-acs-content-sha256": hashed_body,
    }
    if body:
        headers["content-type"] = signing.FORM
    if credentials.security_token is not None:
        headers["x-acs-accesskey-id"] = credentials.access_key_id
        headers["x-acs-security-token"] = credentials.security_token.reveal()
    headers["authorization"] = signing.sign(
        method="POST",
        canonical_query=query,
        headers=headers,
        access_key_id=credentials.access_key_id,
        access_key_secret=credentials.access_key_secret,
        hashed_body=hashed_body,
    )
    # Proxies rewrite these three, so they stay out of the signature.
    headers["accept"] = "application/json"
    headers["accept-encoding"] = "identity"  # short responses gain nothing by gzip
    headers["user-agent"] = USER_AGENT
    url = f"{endpoint.origin}/?{query}" if query else f"{endpoint.origin}/"
    return Request(
        lambda: (url, headers, body),
        action=call.action,
        call_secrets=secrets,
        credentials=credentials,
        repeatable=call.retry_safe,
        short_form=short_form,
    )


_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - all of it is in UTC
_LAST_DATE = 253402300799
"""The end of the year 9999; `datetime` has no later moment."""


@lru_cache(maxsize=1)
def _date_text(seconds: int) -> str:
    """Return a date in ISO 8601. All requests of a second share it."""
    # Windows' gmtime refuses times before 1970, so this does without one.
    return (_EPOCH + timedelta(0, seconds)).isoformat() + "Z"
