"""The emulator's gateway: only what the V3 protocol allows gets through."""

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
    NONCE_MEMORY,
    Admitted,
    Arrival,
    Authenticator,
    Nonces,
    merged,
    timestamp,
)
from cams_async.emulator.refusal import Refusal

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
) -> Arrival:
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
    return Arrival(method="POST", path="/", query=query, headers=headers, body=body)


def with_header(arrival: Arrival, name: str, value: str) -> Arrival:
    """Change a header behind the signature's back."""
    return evolve(arrival, headers={**arrival.headers, name: value})


def without_header(arrival: Arrival, name: str) -> Arrival:
    """Remove a header behind the signature's back."""
    headers = {key: value for key, value in arrival.headers.items() if key != name}
    return evolve(arrival, headers=headers)


@pytest.fixture
def auth() -> Authenticator:
    """Return a gate that knows one action and two keys."""
    auth = Authenticator({STATUS})
    auth.register(KEY, "one")
    auth.register(TEMPORARY, "two")
    return auth


def admit(
    auth: Authenticator, arrival: Arrival, *, now: float = 0.0, wall: float = WALL
) -> Admitted:
    """Let the gate judge a request."""
    return auth.admit(arrival, now=now, wall=wall)


def refused(
    auth: Authenticator, arrival: Arrival, *, wall: float = WALL
) -> tuple[int, str]:
    """Return the status and the code that the gate refuses with."""
    with pytest.raises(Refusal) as caught:
        admit(auth, arrival, wall=wall)
    assert not caught.value.business
    return caught.value.status, caught.value.code


def test_a_signed_call_is_admitted(auth: Authenticator) -> None:
    """A correct request gives its account, action and decoded parameters."""
    call = admit(auth, signed({"PrefilledMessage": "a b+c"}))

    assert call == Admitted(
        account="one",
        action=STATUS,
        parameters={"PrefilledMessage": "a b+c"},
        query="PrefilledMessage=a%20b%2Bc",
    )


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_any_parameters_survive_the_wire(parameters: dict[str, str]) -> None:
    """Whatever is signed and encoded arrives as it was."""
    auth = Authenticator({STATUS})
    auth.register(KEY, "one")

    assert admit(auth, signed(parameters)).parameters == parameters


def test_a_form_encoded_query_verifies(auth: Authenticator) -> None:
    """A space may travel as `+`, as the official SDK writes it."""
    arrival = signed({"PrefilledMessage": "a b"})

    call = admit(auth, evolve(arrival, query="PrefilledMessage=a+b"))

    assert call.query == "PrefilledMessage=a%20b"


def test_the_order_of_the_query_is_free(auth: Authenticator) -> None:
    """Parameters are sorted anew before the signature is checked."""
    arrival = signed({"A": "1", "B": "2"})

    assert admit(auth, evolve(arrival, query="B=2&A=1")).query == "A=1&B=2"


def test_a_body_is_hashed(auth: Authenticator) -> None:
    """A body is fine as long as the signed hash is its own."""
    arrival = signed(body=b"a=1", extra=FORM)
    other = evolve(signed(body=b"a=1", extra=FORM), body=b"a=2")

    assert admit(auth, arrival).account == "one"
    assert refused(auth, other) == (400, "SignatureDoesNotMatch")


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
def test_parameters_are_read_wherever_they_are(
    auth: Authenticator,
    query: dict[str, str],
    content_type: str,
    body: bytes,
    expected: dict[str, str],
) -> None:
    """Query, form and JSON object; the same parameters are the same call."""
    arrival = signed(query, body=body, extra={"content-type": content_type})

    call = admit(auth, arrival)

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
def test_a_body_that_cannot_be_read_is_refused(
    auth: Authenticator,
    query: dict[str, str],
    content_type: str,
    body: bytes,
    code: str,
) -> None:
    """Not guessed at."""
    arrival = signed(query, body=body, extra={"content-type": content_type})

    assert refused(auth, arrival) == (400, code)


def test_the_content_type_of_a_body_is_signed(auth: Authenticator) -> None:
    """And there is one: what a body means may not change on the way."""
    unsigned = with_header(signed(body=b"A=1"), "content-type", FORM["content-type"])

    assert refused(auth, unsigned) == (400, "IncompleteSignature")
    assert refused(auth, signed(body=b"A=1")) == (400, "InvalidContentType")


def test_a_gateway_may_read_no_bodies() -> None:
    """But for the action whose documented place is the form."""
    documented = "GetPreValidatePhoneId"
    auth = Authenticator({STATUS, documented}, reads_forms=False)
    auth.register(KEY, "one")

    for action, expected in ((STATUS, {"B": "2"}), (documented, {"A": "1", "B": "2"})):
        arrival = signed({"B": "2"}, action=action, body=b"A=1", extra=FORM)

        assert admit(auth, arrival).parameters == expected


def test_an_unsigned_content_type_is_accepted(auth: Authenticator) -> None:
    """HTTP libraries add a content-type after signing."""
    arrival = with_header(signed(), "content-type", "application/octet-stream")

    assert admit(auth, arrival).account == "one"


def test_a_signed_content_type_must_match(auth: Authenticator) -> None:
    """What was signed may not change on the way."""
    arrival = signed(extra={"content-type": "text/plain"})
    other = with_header(signed(extra={"content-type": "a/b"}), "content-type", "c/d")

    assert admit(auth, arrival).account == "one"
    assert refused(auth, other) == (400, "SignatureDoesNotMatch")


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_only_post_is_supported(auth: Authenticator, method: str) -> None:
    """Another method is refused before anything else."""
    arrival = evolve(signed(), method=method)

    assert refused(auth, arrival) == (403, "UnsupportedHTTPMethod")


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
def test_a_required_header_is_missed(auth: Authenticator, name: str) -> None:
    """Without a header of the protocol the signature is incomplete."""
    assert refused(auth, without_header(signed(), name)) == (
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
    """All three parts must be there, under our algorithm, without spaces."""
    arrival = with_header(signed(), "authorization", authorization)

    assert refused(auth, arrival) == (400, "IncompleteSignature")


@pytest.mark.parametrize("name", ["host", "x-acs-date"])
def test_what_must_be_signed_is_signed(auth: Authenticator, name: str) -> None:
    """A host or x-acs header that is not listed is refused."""
    arrival = signed()
    authorization = arrival.headers["authorization"].replace(f"{name};", "")

    assert refused(auth, with_header(arrival, "authorization", authorization)) == (
        400,
        "IncompleteSignature",
    )


def test_an_added_acs_header_is_noticed(auth: Authenticator) -> None:
    """Every x-acs header that is present must be signed."""
    arrival = with_header(signed(), "x-acs-region-id", "cn")

    assert refused(auth, arrival) == (400, "IncompleteSignature")


def test_a_listed_header_must_be_there(auth: Authenticator) -> None:
    """A signed header that was lost on the way is named."""
    arrival = without_header(signed(extra={"accept": "*/*"}), "accept")

    assert refused(auth, arrival) == (400, "IncompleteSignature")


def test_an_unknown_key_is_not_found(auth: Authenticator) -> None:
    """A key id that nobody has is not found."""
    arrival = signed(credentials=Credentials("nobody", "x"))

    assert refused(auth, arrival) == (404, "InvalidAccessKeyId.NotFound")


def test_a_wrong_secret_does_not_match(auth: Authenticator) -> None:
    """The signature of another secret is refused."""
    arrival = signed(credentials=Credentials("LTAItest", "x"))

    assert refused(auth, arrival) == (400, "SignatureDoesNotMatch")


def test_a_changed_query_does_not_match(auth: Authenticator) -> None:
    """What was asked cannot be changed on the way."""
    arrival = evolve(signed({"A": "1"}), query="A=2")

    assert refused(auth, arrival) == (400, "SignatureDoesNotMatch")


def test_a_repeated_parameter_does_not_match(auth: Authenticator) -> None:
    """A parameter given twice is ambiguous."""
    arrival = evolve(signed({"A": "1"}), query="A=2&A=1")

    assert refused(auth, arrival) == (400, "SignatureDoesNotMatch")


def test_bytes_that_are_no_text_do_not_match(auth: Authenticator) -> None:
    """Headers and signatures that are not UTF-8 are refused, not a crash."""
    accept = with_header(signed(extra={"accept": "*/*"}), "accept", "\udcff")
    arrival = signed()
    authorization = arrival.headers["authorization"] + "\udcff"

    assert refused(auth, accept) == (400, "SignatureDoesNotMatch")
    assert refused(auth, with_header(arrival, "authorization", authorization)) == (
        400,
        "SignatureDoesNotMatch",
    )


def test_a_temporary_key_needs_its_token(auth: Authenticator) -> None:
    """The token must be there, and be the key's own."""
    missing = signed(credentials=Credentials("STS.test", "b-secret"))
    wrong = signed(credentials=Credentials("STS.test", "b-secret", "other"))

    assert admit(auth, signed(credentials=TEMPORARY)).account == "two"
    assert refused(auth, missing) == (400, "MissingSecurityToken")
    assert refused(auth, wrong) == (400, "InvalidSecurityToken.Malformed")


def test_a_permanent_key_takes_no_token(auth: Authenticator) -> None:
    """A token that belongs to no key is refused."""
    arrival = signed(credentials=Credentials("LTAItest", "a-secret", "a-token"))

    assert refused(auth, arrival) == (
        400,
        "InvalidSecurityToken.MismatchWithAccessKey",
    )


def test_a_temporary_key_ends(auth: Authenticator) -> None:
    """After `expires_at`, by the server's clock, the token has expired."""
    ends = datetime.fromtimestamp(WALL, UTC)
    auth.register(evolve(TEMPORARY, expires_at=ends), "two")

    before = signed(credentials=TEMPORARY, wall=WALL - 1)
    assert admit(auth, before, wall=WALL - 1).account == "two"
    assert refused(auth, signed(credentials=TEMPORARY)) == (
        400,
        "InvalidSecurityToken.Expired",
    )


def test_the_same_key_again_replaces_the_former(auth: Authenticator) -> None:
    """Registering a key id again makes the former secret worthless."""
    auth.register(Credentials("LTAItest", "c-secret"), "one")

    assert refused(auth, signed()) == (400, "SignatureDoesNotMatch")


@pytest.mark.parametrize("off", [-900, 0, 900])
def test_a_date_within_15_minutes_is_fresh(auth: Authenticator, off: float) -> None:
    """The date may be off the server's clock by 15 minutes, both ways."""
    assert admit(auth, signed(wall=WALL + off)).account == "one"


@pytest.mark.parametrize("off", [-901, 901])
def test_a_date_beyond_15_minutes_is_expired(auth: Authenticator, off: float) -> None:
    """Further off is expired."""
    assert refused(auth, signed(wall=WALL + off)) == (400, "InvalidTimeStamp.Expired")


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
def test_another_form_of_date_is_no_date(date: str) -> None:
    """Only YYYY-MM-DDTHH:MM:SSZ is read."""
    assert timestamp(date) is None
    assert timestamp("2023-11-14T22:13:20Z") == WALL


def test_a_malformed_date_is_refused(auth: Authenticator) -> None:
    """A date in another form has an error of its own."""
    arrival = signed(extra={"x-acs-date": "2023-11-14 22:13:20"})

    assert refused(auth, arrival) == (400, "InvalidTimeStamp.Format")


def test_a_nonce_is_spent(auth: Authenticator) -> None:
    """The same nonce passes once only, even in a new signature."""
    assert admit(auth, signed(nonce="n")).account == "one"
    assert refused(auth, signed(nonce="n")) == (400, "SignatureNonceUsed")


def test_a_forged_call_spends_no_nonce(auth: Authenticator) -> None:
    """Nobody can burn another's nonces without the secret."""
    refused(auth, signed(nonce="n", credentials=Credentials("LTAItest", "x")))

    assert admit(auth, signed(nonce="n")).account == "one"


def test_nonces_are_forgotten_after_half_an_hour() -> None:
    """A copy is noticed for as long as its date is fresh, and memory is bounded."""
    nonces = Nonces()

    assert nonces.spend("n", 0.0)
    assert not nonces.spend("n", NONCE_MEMORY)
    assert nonces.spend("n", NONCE_MEMORY + NONCE_BATCH)
    assert len(nonces) == 1


def test_nonces_of_one_minute_are_kept_together() -> None:
    """Memory is given back in batches, and not before time."""
    nonces = Nonces()
    for second in range(4000):
        assert nonces.spend(str(second), float(second))

    assert NONCE_MEMORY <= len(nonces) <= NONCE_MEMORY + 2 * NONCE_BATCH


@pytest.mark.parametrize(
    "arrival",
    [
        signed(action="NoSuchAction"),
        signed(extra={"x-acs-version": "2019-01-01"}),
    ],
)
def test_an_unknown_api_is_not_found(auth: Authenticator, arrival: Arrival) -> None:
    """Another action or version is answered with 404."""
    assert refused(auth, arrival) == (404, "InvalidApi.NotFound")


def test_another_path_is_not_found(auth: Authenticator) -> None:
    """Everything lives at `/`."""
    arrival = signed()
    headers = {k: v for k, v in arrival.headers.items() if k != "authorization"}
    request = signing.canonical_request(
        method="POST",
        canonical_uri="/v1",
        canonical_query="",
        headers=signing.canonical_headers(headers),
    )
    text = signing.string_to_sign(request)
    former = arrival.headers["authorization"].rpartition("=")[0]
    authorization = f"{former}={signing.signature('a-secret', text)}"
    arrival = with_header(evolve(arrival, path="/v1"), "authorization", authorization)

    assert refused(auth, arrival) == (404, "InvalidApi.NotFound")


def test_equal_headers_are_merged() -> None:
    """Names lose their case, and equal names are joined with a comma."""
    headers = [("X-Acs-A", "1"), ("Host", "h"), ("x-acs-a", "2")]

    assert merged(headers) == {"x-acs-a": "1,2", "host": "h"}
