"""The emulator accepts only requests that follow the V3 protocol."""

import hashlib
import itertools
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from cams_async import signing
from cams_async.credentials import Credentials
from cams_async.emulator.auth import (
    NONCE_BATCH,
    NONCE_LIFETIME,
    AuthenticatedCall,
    Authenticator,
    NonceCache,
    parse_date,
)
from cams_async.emulator.exchange import ErrorResponse, WireRequest, merge_headers

STATUS = "GetPhoneNumberVerificationStatus"
WALL = 1_700_000_000.0
KEY = Credentials("LTAItest", "a-secret")
TEMPORARY = Credentials("STS.test", "b-secret", "a-token")
NONCES = itertools.count()
FORM = {"content-type": "application/x-www-form-urlencoded"}


def signed(
    parameters: Mapping[str, str] | None = None,
    *,
    action: str = STATUS,
    credentials: Credentials = KEY,
    wall: float = WALL,
    nonce: str | None = None,
    body: bytes = b"",
    extra: Mapping[str, str] | None = None,
) -> WireRequest:
    """Return a correctly signed request; `extra` headers are signed too."""
    sent = datetime.fromtimestamp(wall, UTC)
    digest = hashlib.sha256(body).hexdigest()
    headers = {
        "host": "cams.test",
        "x-acs-action": action,
        "x-acs-version": "2020-06-06",
        "x-acs-date": f"{sent:%Y-%m-%dT%H:%M:%SZ}",
        "x-acs-signature-nonce": nonce or str(next(NONCES)),
        "x-acs-content-sha256": digest,
        **(extra or {}),
    }
    if credentials.security_token is not None:
        headers["x-acs-security-token"] = credentials.security_token.reveal()
    query = signing.canonical_query_string(parameters or {})
    headers["authorization"] = signing.sign(
        method="POST",
        canonical_query=query,
        headers=headers,
        access_key_id=credentials.access_key_id,
        access_key_secret=credentials.access_key_secret,
        hashed_body=digest,
    )
    return WireRequest(method="POST", path="/", query=query, headers=headers, body=body)


def with_header(request: WireRequest, name: str, value: str) -> WireRequest:
    """Change a header without a new signature."""
    return evolve(request, headers={**request.headers, name: value})


def without_header(request: WireRequest, name: str) -> WireRequest:
    """Remove a header without a new signature."""
    headers = {key: value for key, value in request.headers.items() if key != name}
    return evolve(request, headers=headers)


@pytest.fixture
def auth() -> Authenticator:
    """Return an authenticator of one action and two keys."""
    auth = Authenticator({STATUS})
    auth.register(KEY, "one")
    auth.register(TEMPORARY, "two")
    return auth


def authenticate(
    auth: Authenticator, request: WireRequest, *, now: float = 0.0, wall: float = WALL
) -> AuthenticatedCall:
    """Authenticate a request."""
    return auth.authenticate(request, now=now, wall=wall)


def error_of(
    auth: Authenticator, request: WireRequest, *, wall: float = WALL
) -> tuple[int, str]:
    """Return the status and the code of the error response."""
    with pytest.raises(ErrorResponse) as caught:
        authenticate(auth, request, wall=wall)
    assert not caught.value.business
    return caught.value.status, caught.value.code


def test_a_signed_call_is_authenticated(auth: Authenticator) -> None:
    """A correctly signed request has an account, an action and decoded parameters."""
    call = authenticate(auth, signed({"PrefilledMessage": "a b+c"}))

    assert call == AuthenticatedCall(
        account="one",
        action=STATUS,
        parameters={"PrefilledMessage": "a b+c"},
        query="PrefilledMessage=a%20b%2Bc",
    )


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_parameters_of_any_text_are_decoded_unchanged(
    parameters: dict[str, str],
) -> None:
    """Any signed and encoded text is decoded to the same text."""
    auth = Authenticator({STATUS})
    auth.register(KEY, "one")

    assert authenticate(auth, signed(parameters)).parameters == parameters


def test_a_form_encoded_query_verifies(auth: Authenticator) -> None:
    """A space may travel as `+`, as the official SDK writes it."""
    request = signed({"PrefilledMessage": "a b"})

    call = authenticate(auth, evolve(request, query="PrefilledMessage=a+b"))

    assert call.query == "PrefilledMessage=a%20b"


def test_the_order_of_the_query_is_free(auth: Authenticator) -> None:
    """Parameters are sorted before the signature is checked."""
    request = signed({"A": "1", "B": "2"})

    assert authenticate(auth, evolve(request, query="B=2&A=1")).query == "A=1&B=2"


def test_a_body_is_hashed(auth: Authenticator) -> None:
    """A body is accepted if the signed hash matches it."""
    request = signed(body=b"a=1", extra=FORM)
    other = evolve(signed(body=b"a=1", extra=FORM), body=b"a=2")

    assert authenticate(auth, request).account == "one"
    assert error_of(auth, other) == (400, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    ("query", "content_type", "body", "expected"),
    [
        ({}, "application/x-www-form-urlencoded", b"A=b+c&B=", {"A": "b c", "B": ""}),
        ({}, "application/x-www-form-urlencoded", b"A=b%20c", {"A": "b c"}),
        ({"A": "1"}, "Application/X-WWW-Form-Urlencoded;a=b", b"B=2", {"B": "2"}),
        ({}, "application/json", b'{"A":"b","N":null}', {"A": "b"}),
        ({}, "application/json", b'{"L":[{"To":"1"}]}', {"L": '[{"To":"1"}]'}),
        ({"A": "1"}, "application/json; charset=utf-8", b'{"B":2}', {"B": "2"}),
        ({}, "application/json", b'{"T":true,"F":0.5}', {"T": "true", "F": "0.5"}),
        ({}, "application/json", '{"A":"\u65e0"}'.encode(), {"A": "\u65e0"}),
        ({}, "application/json", b"{}", {}),
        ({"A": "1"}, "text/plain", b"", {}),
    ],
)
def test_parameters_are_read_from_query_and_body(
    auth: Authenticator,
    query: dict[str, str],
    content_type: str,
    body: bytes,
    expected: dict[str, str],
) -> None:
    """Equal parameters give an equal call, in a query, a form or a JSON object."""
    request = signed(query, body=body, extra={"content-type": content_type})

    call = authenticate(auth, request)

    assert call.parameters == {**query, **expected}
    assert call.query == signing.canonical_query_string({**query, **expected})


@pytest.mark.parametrize(
    ("query", "content_type", "body", "code"),
    [
        ({}, "text/plain", b"A=1", "InvalidContentType"),
        ({}, "application/octet-stream", b"A=1", "InvalidContentType"),
        ({}, "application/x-www-form-urlencoded", b"A=\xff", "InvalidBody"),
        ({}, "application/json", b"\xff", "InvalidBody"),
        ({}, "application/json", b"A=1", "InvalidBody"),
        ({}, "application/json", b"[1]", "InvalidBody"),
        ({}, "application/json", b'"A"', "InvalidBody"),
        ({}, "application/json", b'{"A":"\\ud800"}', "InvalidBody"),
        ({}, "application/json", b'{"\\ud800":"A"}', "InvalidBody"),
        ({}, "application/json", b'{"A":' + b"[" * 100_000, "InvalidBody"),
        ({}, "application/x-www-form-urlencoded", b"A=1&A=1", "InvalidParameter"),
        ({"A": "1"}, "application/x-www-form-urlencoded", b"A=1", "InvalidParameter"),
        ({"A": "1"}, "application/json", b'{"A":"2"}', "InvalidParameter"),
    ],
)
def test_an_unreadable_body_is_refused(
    auth: Authenticator,
    query: dict[str, str],
    content_type: str,
    body: bytes,
    code: str,
) -> None:
    """Another content type, broken text and repeated names are refused."""
    request = signed(query, body=body, extra={"content-type": content_type})

    assert error_of(auth, request) == (400, code)


def test_the_content_type_of_a_body_must_be_signed(auth: Authenticator) -> None:
    """A body without a signed content type is refused."""
    unsigned = with_header(signed(body=b"A=1"), "content-type", FORM["content-type"])

    assert error_of(auth, unsigned) == (400, "IncompleteSignature")
    assert error_of(auth, signed(body=b"A=1")) == (400, "InvalidContentType")


def test_reading_of_forms_can_be_limited() -> None:
    """A form is then read only for the action whose documented place it is."""
    documented = "GetPreValidatePhoneId"
    auth = Authenticator({STATUS, documented}, reads_forms=False)
    auth.register(KEY, "one")

    for action, expected in ((STATUS, {"B": "2"}), (documented, {"A": "1", "B": "2"})):
        request = signed({"B": "2"}, action=action, body=b"A=1", extra=FORM)

        assert authenticate(auth, request).parameters == expected


def test_an_unsigned_content_type_is_accepted(auth: Authenticator) -> None:
    """HTTP libraries add a content-type after signing."""
    request = with_header(signed(), "content-type", "application/octet-stream")

    assert authenticate(auth, request).account == "one"


def test_a_signed_content_type_must_match(auth: Authenticator) -> None:
    """A changed content type makes the signature wrong."""
    request = signed(extra={"content-type": "text/plain"})
    other = with_header(signed(extra={"content-type": "a/b"}), "content-type", "c/d")

    assert authenticate(auth, request).account == "one"
    assert error_of(auth, other) == (400, "SignatureDoesNotMatch")


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_only_post_is_supported(auth: Authenticator, method: str) -> None:
    """Another method is refused before anything else."""
    request = evolve(signed(), method=method)

    assert error_of(auth, request) == (403, "UnsupportedHTTPMethod")


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "host",
        "x-acs-action",
        "x-acs-version",
        "x-acs-date",
        "x-acs-content-sha256",
        "x-acs-signature-nonce",
    ],
)
def test_a_required_header_may_not_be_missing(auth: Authenticator, name: str) -> None:
    """The signature is incomplete without any header of the protocol."""
    assert error_of(auth, without_header(signed(), name)) == (
        400,
        "IncompleteSignature",
    )


@pytest.mark.parametrize(
    "authorization",
    [
        "ACS3-HMAC-SHA256",
        "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host",
        "ACS3-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=b",
        "ACS3-RSA-SHA256 Credential=a,SignedHeaders=host,Signature=b",
    ],
)
def test_a_malformed_authorization_is_refused(
    auth: Authenticator, authorization: str
) -> None:
    """All three parts are required, with ACS3-HMAC-SHA256 and without spaces."""
    request = with_header(signed(), "authorization", authorization)

    assert error_of(auth, request) == (400, "IncompleteSignature")


@pytest.mark.parametrize("name", ["host", "x-acs-date"])
def test_host_and_date_must_be_signed(auth: Authenticator, name: str) -> None:
    """A host or x-acs header that is not listed is refused."""
    request = signed()
    authorization = request.headers["authorization"].replace(f"{name};", "")

    assert error_of(auth, with_header(request, "authorization", authorization)) == (
        400,
        "IncompleteSignature",
    )


def test_an_unsigned_acs_header_is_refused(auth: Authenticator) -> None:
    """Every x-acs header of a request must be signed."""
    request = with_header(signed(), "x-acs-region-id", "cn")

    assert error_of(auth, request) == (400, "IncompleteSignature")


def test_a_signed_header_must_be_present(auth: Authenticator) -> None:
    """A request without one of its signed headers is refused."""
    request = without_header(signed(extra={"accept": "*/*"}), "accept")

    assert error_of(auth, request) == (400, "IncompleteSignature")


def test_an_unregistered_key_is_not_found(auth: Authenticator) -> None:
    """An unregistered key id has an error of its own."""
    request = signed(credentials=Credentials("LTAIother", "x"))

    assert error_of(auth, request) == (404, "InvalidAccessKeyId.NotFound")


def test_a_wrong_secret_does_not_match(auth: Authenticator) -> None:
    """The signature of another secret is refused."""
    request = signed(credentials=Credentials("LTAItest", "x"))

    assert error_of(auth, request) == (400, "SignatureDoesNotMatch")


def test_a_changed_query_does_not_match(auth: Authenticator) -> None:
    """A changed parameter makes the signature wrong."""
    request = evolve(signed({"A": "1"}), query="A=2")

    assert error_of(auth, request) == (400, "SignatureDoesNotMatch")


def test_a_repeated_parameter_does_not_match(auth: Authenticator) -> None:
    """A parameter given twice is ambiguous."""
    request = evolve(signed({"A": "1"}), query="A=2&A=1")

    assert error_of(auth, request) == (400, "SignatureDoesNotMatch")


def test_bytes_that_are_not_utf_8_do_not_match(auth: Authenticator) -> None:
    """Headers and signatures that are not UTF-8 are refused."""
    accept = with_header(signed(extra={"accept": "*/*"}), "accept", "\udcff")
    request = signed()
    authorization = request.headers["authorization"] + "\udcff"

    assert error_of(auth, accept) == (400, "SignatureDoesNotMatch")
    assert error_of(auth, with_header(request, "authorization", authorization)) == (
        400,
        "SignatureDoesNotMatch",
    )


def test_a_temporary_key_needs_its_token(auth: Authenticator) -> None:
    """A missing or wrong security token is refused."""
    missing = signed(credentials=Credentials("STS.test", "b-secret"))
    wrong = signed(credentials=Credentials("STS.test", "b-secret", "other"))

    assert authenticate(auth, signed(credentials=TEMPORARY)).account == "two"
    assert error_of(auth, missing) == (400, "MissingSecurityToken")
    assert error_of(auth, wrong) == (400, "InvalidSecurityToken.Malformed")


def test_a_permanent_key_takes_no_token(auth: Authenticator) -> None:
    """A security token with a permanent key is refused."""
    request = signed(credentials=Credentials("LTAItest", "a-secret", "a-token"))

    assert error_of(auth, request) == (
        400,
        "InvalidSecurityToken.MismatchWithAccessKey",
    )


def test_a_temporary_key_expires(auth: Authenticator) -> None:
    """After `expires_at`, by the server's clock, the token has expired."""
    expires_at = datetime.fromtimestamp(WALL, UTC)
    auth.register(evolve(TEMPORARY, expires_at=expires_at), "two")

    before = signed(credentials=TEMPORARY, wall=WALL - 1)
    assert authenticate(auth, before, wall=WALL - 1).account == "two"
    assert error_of(auth, signed(credentials=TEMPORARY)) == (
        400,
        "InvalidSecurityToken.Expired",
    )


def test_the_same_key_again_replaces_the_former(auth: Authenticator) -> None:
    """The former secret of a key id is refused."""
    auth.register(Credentials("LTAItest", "c-secret"), "one")

    assert error_of(auth, signed()) == (400, "SignatureDoesNotMatch")


@pytest.mark.parametrize("off", [-900, 0, 900])
def test_a_date_within_15_minutes_is_fresh(auth: Authenticator, off: float) -> None:
    """The date may be 15 minutes before or after the server's clock."""
    assert authenticate(auth, signed(wall=WALL + off)).account == "one"


@pytest.mark.parametrize("off", [-901, 901])
def test_a_date_beyond_15_minutes_is_expired(auth: Authenticator, off: float) -> None:
    """A date further from the server's clock is expired."""
    assert error_of(auth, signed(wall=WALL + off)) == (400, "InvalidTimeStamp.Expired")


@pytest.mark.parametrize(
    "date",
    [
        "2023-11-14T22:13:20",
        "2023-11-14T22:13:20+00",
        "2023-11-14 22:13:20Z",
        "2023-11-14T22:13:20.0Z",
        "2023-W46-2T22:13:20Z",
        "2023-11-31T22:13:20Z",
        "20231114T221320Z",
        "Tue, 14 Nov 2023 22:13:20 GMT",
        "",
    ],
)
def test_only_one_form_of_date_is_parsed(date: str) -> None:
    """YYYY-MM-DDTHH:MM:SSZ is parsed, any other form is not."""
    assert parse_date(date) is None
    assert parse_date("2023-11-14T22:13:20Z") == WALL


def test_a_malformed_date_is_error_of(auth: Authenticator) -> None:
    """A date in another form has an error of its own."""
    request = signed(extra={"x-acs-date": "2023-11-14 22:13:20"})

    assert error_of(auth, request) == (400, "InvalidTimeStamp.Format")


def test_a_nonce_is_accepted_once(auth: Authenticator) -> None:
    """A nonce is refused the second time, even with a new signature."""
    assert authenticate(auth, signed(nonce="n")).account == "one"
    assert error_of(auth, signed(nonce="n")) == (400, "SignatureNonceUsed")


def test_a_forged_call_uses_up_no_nonce(auth: Authenticator) -> None:
    """A nonce can be used after a call with a wrong signature."""
    error_of(auth, signed(nonce="n", credentials=Credentials("LTAItest", "x")))

    assert authenticate(auth, signed(nonce="n")).account == "one"


def test_nonces_expire_after_half_an_hour() -> None:
    """A nonce is refused for as long as its date is fresh, then discarded."""
    nonces = NonceCache()

    assert nonces.add("n", 0.0)
    assert not nonces.add("n", NONCE_LIFETIME)
    assert nonces.add("n", NONCE_LIFETIME + NONCE_BATCH)
    assert len(nonces) == 1


def test_nonces_are_discarded_in_batches() -> None:
    """The number of nonces is bounded, and none is discarded early."""
    nonces = NonceCache()
    for second in range(4000):
        assert nonces.add(str(second), float(second))

    assert NONCE_LIFETIME <= len(nonces) <= NONCE_LIFETIME + 2 * NONCE_BATCH


@pytest.mark.parametrize(
    "unknown",
    [
        signed(action="NoSuchAction"),
        signed(extra={"x-acs-version": "2019-01-01"}),
    ],
)
def test_an_unknown_api_is_not_found(auth: Authenticator, unknown: WireRequest) -> None:
    """Another action or version gets a 404."""
    assert error_of(auth, unknown) == (404, "InvalidApi.NotFound")


def test_another_path_is_not_found(auth: Authenticator) -> None:
    """The only path is `/`."""
    request = signed()
    headers = {k: v for k, v in request.headers.items() if k != "authorization"}
    canonical = signing.canonical_request(
        method="POST",
        canonical_uri="/v1",
        canonical_query="",
        headers=signing.canonical_headers(headers),
    )
    text = signing.string_to_sign(canonical)
    former = request.headers["authorization"].rpartition("=")[0]
    authorization = f"{former}={signing.signature('a-secret', text)}"
    request = with_header(evolve(request, path="/v1"), "authorization", authorization)

    assert error_of(auth, request) == (404, "InvalidApi.NotFound")


def test_equal_headers_are_merge_headers() -> None:
    """Names become lower case; values of equal names are joined with a comma."""
    headers = [("X-Acs-A", "1"), ("Host", "h"), ("x-acs-a", "2")]

    assert merge_headers(headers) == {"x-acs-a": "1,2", "host": "h"}
