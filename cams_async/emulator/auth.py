"""Authentication, as the gateway does it: key, date, signature and nonce.

No I/O: the clocks are arguments. The rules are those of the V3 protocol.
https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
"""

import hashlib
import hmac
from collections import deque
from collections.abc import Collection, Mapping
from datetime import datetime
from urllib.parse import parse_qsl

from attrs import frozen

from cams_async import signing
from cams_async.credentials import Credentials
from cams_async.emulator.exchange import WireRequest, refuse
from cams_async.operations.catalogue import FORM_ACTIONS
from cams_async.secret import Secret

VERSION = "2020-06-06"
DATE_TOLERANCE = 15 * 60.0
"""Seconds by which the date of a request may differ from the server's clock."""

# A date may be 15 minutes ahead, so a copy of a request stays fresh for 30.
NONCE_LIFETIME = 2 * DATE_TOLERANCE
"""Seconds for which a nonce is kept, at least."""

NONCE_BATCH = 60.0
"""Seconds whose nonces expire together, so that expiry is cheap."""

REQUIRED_HEADERS = (
    "host",
    "x-acs-action",
    "x-acs-version",
    "x-acs-date",
    "x-acs-content-sha256",
    "x-acs-signature-nonce",
)


@frozen(kw_only=True)
class AuthenticatedCall:
    """A call whose signature has been verified."""

    account: str
    action: str
    parameters: Mapping[str, str]
    query: str
    """All parameters as a canonical query string: equal parameters, equal text."""


def parse_date(text: str) -> float | None:
    """Parse `YYYY-MM-DDTHH:MM:SSZ` to seconds since 1970; None for any other form."""
    # `fromisoformat` accepts many more forms.
    if text[4:5] + text[7:8] + text[10:11] + text[13:14] + text[16:17] != "--T::":
        return None
    if text[19:] != "Z":
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def parse_authorization(authorization: str) -> tuple[str, str, str]:
    """Split an Authorization header into key id, signed headers and signature."""
    algorithm, _, rest = authorization.partition(" ")
    parts: dict[str, str] = {}
    for part in rest.split(","):
        name, _, value = part.partition("=")
        parts[name] = value
    try:
        result = parts["Credential"], parts["SignedHeaders"], parts["Signature"]
    except KeyError as error:
        refuse("IncompleteSignature", f"Authorization has no {error.args[0]}.")
    if algorithm != signing.ALGORITHM:
        refuse("IncompleteSignature", f"Authorization is not {signing.ALGORITHM}.")
    return result


class NonceCache:
    """The nonces of the last half hour, in batches of a minute."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._batches: deque[tuple[float, list[str]]] = deque()

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, nonce: str, now: float) -> bool:
        """Add a nonce at `now`, in seconds. Return False if it was added before."""
        batches = self._batches
        while batches and batches[0][0] <= now - NONCE_LIFETIME - NONCE_BATCH:
            self._seen.difference_update(batches.popleft()[1])
        if nonce in self._seen:
            return False
        if not batches or batches[-1][0] <= now - NONCE_BATCH:
            batches.append((now, []))
        batches[-1][1].append(nonce)
        self._seen.add(nonce)
        return True


class Authenticator:
    """Verifies credentials, date, signature and nonce, then finds the action."""

    def __init__(self, actions: Collection[str], *, reads_forms: bool = True) -> None:
        self._actions = actions
        self._reads_forms = reads_forms
        self._keys: dict[str, tuple[Credentials, str]] = {}
        self._nonces = NonceCache()

    def register(self, credentials: Credentials, account: str) -> None:
        """Accept credentials for an account. The same key id again replaces them."""
        self._keys[credentials.access_key_id] = credentials, account

    def authenticate(
        self, request: WireRequest, *, now: float, wall: float
    ) -> AuthenticatedCall:
        """Return the call that a request makes.

        Args:
            request: The request.
            now: Seconds on a monotonic clock, for the lifetime of nonces.
            wall: The server's clock, in seconds since 1970.

        Raises:
            ErrorResponse: The request is not authentic, or its action does not exist.
        """
        headers = request.headers
        if request.method != "POST":
            message = f"The HTTP method {request.method} is not supported."
            refuse("UnsupportedHTTPMethod", message, status=403)
        for name in ("authorization", *REQUIRED_HEADERS):
            if not headers.get(name):
                refuse("IncompleteSignature", f"The header {name} is missing.")
        key_id, signed_headers, signature = parse_authorization(
            headers["authorization"]
        )
        if key_id not in self._keys:
            message = "Specified access key is not found."
            refuse("InvalidAccessKeyId.NotFound", message, status=404)
        credentials, account = self._keys[key_id]
        self._check_token(credentials, headers.get("x-acs-security-token"), wall)
        self._check_date(headers["x-acs-date"], wall)
        pairs = parse_qsl(request.query, keep_blank_values=True)
        parameters = dict(pairs)
        query = self._check_signature(
            request, parameters, credentials, signed_headers, signature
        )
        if len(pairs) != len(parameters):
            refuse("SignatureDoesNotMatch", "A parameter is given more than once.")
        if not self._nonces.add(headers["x-acs-signature-nonce"], now):
            refuse("SignatureNonceUsed", "Specified signature nonce was used already.")
        action = headers["x-acs-action"]
        if (
            action not in self._actions
            or headers["x-acs-version"] != VERSION
            or request.path != "/"
        ):
            message = "Specified api is not found, please check your url and method."
            refuse("InvalidApi.NotFound", message, status=404)
        if request.body and (self._reads_forms or action in FORM_ACTIONS):
            parameters = _add_body(parameters, request)
            query = signing.canonical_query_string(parameters)
        return AuthenticatedCall(
            account=account, action=action, parameters=parameters, query=query
        )

    def _check_token(
        self, credentials: Credentials, token: str | None, wall: float
    ) -> None:
        expected, expires_at = credentials.security_token, credentials.expires_at
        if expected is None and token is not None:
            message = "The access key takes no security token."
            refuse("InvalidSecurityToken.MismatchWithAccessKey", message)
        if expected is not None and token is None:
            refuse("MissingSecurityToken", "The security token is missing.")
        if (
            expected is not None
            and token is not None
            and expected != Secret(token)  # compared in constant time
        ):
            message = "Specified SecurityToken is malformed."
            refuse("InvalidSecurityToken.Malformed", message)
        if expires_at is not None and expires_at.timestamp() <= wall:
            message = "Specified SecurityToken is expired."
            refuse("InvalidSecurityToken.Expired", message)

    def _check_date(self, date: str, wall: float) -> None:
        sent = parse_date(date)
        if sent is None:
            message = "Specified time stamp or date value is not well formatted."
            refuse("InvalidTimeStamp.Format", message)
        if abs(sent - wall) > DATE_TOLERANCE:
            message = "Specified time stamp or date value is expired."
            refuse("InvalidTimeStamp.Expired", message)

    def _check_signature(
        self,
        request: WireRequest,
        parameters: Mapping[str, str],
        credentials: Credentials,
        signed_headers: str,
        signature: str,
    ) -> str:
        headers = request.headers
        names = signed_headers.split(";")
        mandatory = ("host", "content-type") if request.body else ("host",)
        for name in headers:
            # HTTP libraries, the official SDK's included, add a content-type after
            # signing even where there is no body.
            if (name in mandatory or name.startswith("x-acs-")) and name not in names:
                refuse("IncompleteSignature", f"The header {name} is not signed.")
        try:
            signed = {name: headers[name] for name in names}
        except KeyError as error:
            message = f"The signed header {error.args[0]} is missing."
            refuse("IncompleteSignature", message)
        digest = _sha256(request.body)
        if headers["x-acs-content-sha256"] != digest:
            message = "x-acs-content-sha256 is not the hash of the body."
            refuse("SignatureDoesNotMatch", message)
        try:
            query = signing.canonical_query_string(parameters)
            canonical = signing.canonical_request(
                method=request.method,
                canonical_uri=request.path,
                canonical_query=query,
                headers=signing.canonical_headers(signed),
                hashed_body=digest,
            )
            text = signing.string_to_sign(canonical)
        except UnicodeEncodeError:  # no client can sign such bytes
            refuse("SignatureDoesNotMatch", "The request is not UTF-8.")
        expected = signing.signature(credentials.access_key_secret, text)
        if not hmac.compare_digest(_encode(expected), _encode(signature)):
            message = "Specified signature does not match our calculation."
            refuse(
                "SignatureDoesNotMatch", f"{message} server string to sign is:{text}"
            )
        return query


def _add_body(parameters: dict[str, str], request: WireRequest) -> dict[str, str]:
    """Return the parameters of query and body together."""
    added = request.body_parameters()
    result = {**parameters, **dict(added)}
    if len(result) != len(parameters) + len(added):  # assumed: neither wins
        refuse("InvalidParameter", "A parameter is given more than once.")
    return result


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest() if body else signing.EMPTY_BODY_SHA256
