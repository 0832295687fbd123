"""The gateway: who called, is it really them, and what do they want?

Pure: the clocks are arguments. The rules are those of the V3 protocol.
https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
"""

import hashlib
import hmac
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from urllib.parse import parse_qsl

from attrs import field, frozen

from cams_async import signing
from cams_async.credentials import Credentials
from cams_async.emulator import bodies
from cams_async.emulator.refusal import refuse
from cams_async.operations.confidential import FORM_ACTIONS
from cams_async.secret import Secret

VERSION = "2020-06-06"
DATE_TOLERANCE = 15 * 60.0
"""Seconds that the date of a request may be off the server's clock."""

# A date may be 15 minutes ahead, so a copy of a request stays fresh for 30.
NONCE_MEMORY = 2 * DATE_TOLERANCE
"""Seconds that a nonce is remembered, at least."""

NONCE_BATCH = 60.0
"""Seconds whose nonces are forgotten together, to keep forgetting cheap."""

REQUIRED = (
    "host",
    "x-acs-action",
    "x-acs-version",
    "x-acs-date",
    "x-acs-content-sha256",
    "x-acs-signature-nonce",
)


@frozen(kw_only=True)
class Arrival:
    """One request as it stood on the wire."""

    method: str
    path: str
    """The path without the query, still encoded."""

    query: str
    """The raw query, still encoded."""

    headers: Mapping[str, str]
    """By lower-case name; equal names are merged."""

    body: bytes = field(default=b"", repr=False)


@frozen(kw_only=True)
class Admitted:
    """A call that passed the gateway."""

    account: str
    action: str
    parameters: Mapping[str, str]
    query: str
    """All parameters as a query: the same ones always give the same text."""


def merged(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Key the headers by lower-case name; equal names are joined with a comma."""
    result: dict[str, str] = {}
    for name, value in headers:
        lowered = name.lower()
        former = result.get(lowered)
        result[lowered] = value if former is None else f"{former},{value}"
    return result


def timestamp(text: str) -> float | None:
    """Read `YYYY-MM-DDTHH:MM:SSZ` as seconds since 1970; None for any other form."""
    # `fromisoformat` takes many more forms; these places leave only ours.
    if text[4:5] + text[7:8] + text[10:11] + text[13:14] + text[16:17] != "--T::":
        return None
    if text[19:] != "Z":
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def credential(authorization: str) -> tuple[str, str, str]:
    """Split an Authorization header: key id, signed headers, signature."""
    algorithm, _, rest = authorization.partition(" ")
    parts: dict[str, str] = {}
    for part in rest.split(","):
        name, _, value = part.partition("=")
        parts[name] = value
    try:
        found = parts["Credential"], parts["SignedHeaders"], parts["Signature"]
    except KeyError as error:
        refuse("IncompleteSignature", f"Authorization has no {error.args[0]}.")
    if algorithm != signing.ALGORITHM:
        refuse("IncompleteSignature", f"Authorization is not {signing.ALGORITHM}.")
    return found


class Nonces:
    """The nonces of the last half hour, in batches of a minute."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._batches: deque[tuple[float, list[str]]] = deque()

    def __len__(self) -> int:
        return len(self._seen)

    def spend(self, nonce: str, now: float) -> bool:
        """Tell whether the nonce is fresh, and remember it; `now` in seconds."""
        batches = self._batches
        while batches and batches[0][0] <= now - NONCE_MEMORY - NONCE_BATCH:
            self._seen.difference_update(batches.popleft()[1])
        if nonce in self._seen:
            return False
        if not batches or batches[-1][0] <= now - NONCE_BATCH:
            batches.append((now, []))
        batches[-1][1].append(nonce)
        self._seen.add(nonce)
        return True


class Authenticator:
    """Judges arrivals: credentials, date, signature, nonce, then the action."""

    def __init__(self, actions: Collection[str], *, reads_forms: bool = True) -> None:
        self._actions = actions
        self._reads_forms = reads_forms
        self._known: dict[str, tuple[Credentials, str]] = {}
        self._nonces = Nonces()

    def register(self, credentials: Credentials, account: str) -> None:
        """Let these credentials act for an account, replacing the same key's."""
        self._known[credentials.access_key_id] = credentials, account

    def admit(self, arrival: Arrival, *, now: float, wall: float) -> Admitted:
        """Return the call that has been authenticated.

        Args:
            arrival: The request.
            now: Seconds on a clock that never jumps, for the memory of nonces.
            wall: The server's clock, in seconds since 1970.

        Raises:
            Refusal: What the gateway answers.
        """
        headers = arrival.headers
        if arrival.method != "POST":
            message = f"The HTTP method {arrival.method} is not supported."
            refuse("UnsupportedHTTPMethod", message, status=403)
        for name in ("authorization", *REQUIRED):
            if not headers.get(name):
                refuse("IncompleteSignature", f"The header {name} is missing.")
        key_id, signed_headers, signature = credential(headers["authorization"])
        if key_id not in self._known:
            message = "Specified access key is not found."
            refuse("InvalidAccessKeyId.NotFound", message, status=404)
        credentials, account = self._known[key_id]
        self._check_token(credentials, headers.get("x-acs-security-token"), wall)
        self._check_date(headers["x-acs-date"], wall)
        pairs = parse_qsl(arrival.query, keep_blank_values=True)
        parameters = dict(pairs)
        query = self._check_signature(
            arrival, parameters, credentials, signed_headers, signature
        )
        if len(pairs) != len(parameters):
            refuse("SignatureDoesNotMatch", "A parameter is given more than once.")
        if not self._nonces.spend(headers["x-acs-signature-nonce"], now):
            refuse("SignatureNonceUsed", "Specified signature nonce was used already.")
        action = headers["x-acs-action"]
        if (
            action not in self._actions
            or headers["x-acs-version"] != VERSION
            or arrival.path != "/"
        ):
            message = "Specified api is not found, please check your url and method."
            refuse("InvalidApi.NotFound", message, status=404)
        if arrival.body and (self._reads_forms or action in FORM_ACTIONS):
            parameters = _with_body(parameters, arrival)
            query = signing.canonical_query_string(parameters)
        return Admitted(
            account=account, action=action, parameters=parameters, query=query
        )

    def _check_token(
        self, credentials: Credentials, token: str | None, wall: float
    ) -> None:
        expected, ends = credentials.security_token, credentials.expires_at
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
        if ends is not None and ends.timestamp() <= wall:
            message = "Specified SecurityToken is expired."
            refuse("InvalidSecurityToken.Expired", message)

    def _check_date(self, date: str, wall: float) -> None:
        sent = timestamp(date)
        if sent is None:
            message = "Specified time stamp or date value is not well formatted."
            refuse("InvalidTimeStamp.Format", message)
        if abs(sent - wall) > DATE_TOLERANCE:
            message = "Specified time stamp or date value is expired."
            refuse("InvalidTimeStamp.Expired", message)

    def _check_signature(
        self,
        arrival: Arrival,
        parameters: Mapping[str, str],
        credentials: Credentials,
        signed_headers: str,
        signature: str,
    ) -> str:
        headers = arrival.headers
        names = signed_headers.split(";")
        always = ("host", "content-type") if arrival.body else ("host",)
        for name in headers:
            # HTTP libraries add a content-type after signing even where there is no
            # body, and the official SDK's own requests are accepted so.
            if (name in always or name.startswith("x-acs-")) and name not in names:
                refuse("IncompleteSignature", f"The header {name} is not signed.")
        try:
            signed = {name: headers[name] for name in names}
        except KeyError as error:
            message = f"The signed header {error.args[0]} is missing."
            refuse("IncompleteSignature", message)
        digest = _sha256(arrival.body)
        if headers["x-acs-content-sha256"] != digest:
            message = "x-acs-content-sha256 is not the hash of the body."
            refuse("SignatureDoesNotMatch", message)
        try:
            query = signing.canonical_query_string(parameters)
            request = signing.canonical_request(
                method=arrival.method,
                canonical_uri=arrival.path,
                canonical_query=query,
                headers=signing.canonical_headers(signed),
                hashed_body=digest,
            )
            text = signing.string_to_sign(request)
        except UnicodeEncodeError:  # bytes that are no UTF-8 cannot have been signed
            refuse("SignatureDoesNotMatch", "The request is not UTF-8.")
        expected = signing.signature(credentials.access_key_secret, text)
        if not hmac.compare_digest(_bytes(expected), _bytes(signature)):
            message = "Specified signature does not match our calculation."
            refuse(
                "SignatureDoesNotMatch", f"{message} server string to sign is:{text}"
            )
        return query


def _with_body(parameters: dict[str, str], arrival: Arrival) -> dict[str, str]:
    """Return the parameters of query and body together."""
    found = bodies.read(arrival.body, arrival.headers.get("content-type", ""))
    result = {**parameters, **dict(found)}
    if len(result) != len(parameters) + len(found):  # assumed: none of the two wins
        refuse("InvalidParameter", "A parameter is given more than once.")
    return result


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest() if body else signing.EMPTY_BODY_SHA256
