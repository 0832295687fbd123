"""Requests are signed as sent; responses become typed values or typed errors."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict
from yarl import URL

from cams_async import signing
from cams_async.credentials import Credentials
from cams_async.endpoints import parse_endpoint
from cams_async.errors import (
    ApiError,
    AuthenticationError,
    CamsError,
    DecodeError,
    GatewayError,
    InvalidOperation,
    InvalidParameter,
    NotFound,
    NotOwner,
    NotSubscribed,
    PermissionDenied,
    ServerError,
    ThrottlingError,
)
from cams_async.forms import FormReasons
from cams_async.models import Meta
from cams_async.operations import (
    ChatappMigrationVerified,
    ChatappSyncPhoneNumber,
    GetPhoneNumberVerificationStatus,
    Operation,
    VerificationStatusResponse,
)
from cams_async.parsing import parse_response
from cams_async.protocol import (
    Call,
    HttpResponse,
    Request,
    build_request,
    call_of,
)
from cams_async.secret import Secret
from cams_async.version import __version__
from tests.strategies import JSON, OPERATION, PARAMETERS, TEXT, VISIBLE

SAMPLES = Path(__file__).parent / "samples"
ENDPOINT = parse_endpoint("https://cams.ap-southeast-1.aliyuncs.com")
CREDENTIALS = Credentials("LTAI5tCanaryKeyId", "secret-canary")
TEMPORARY = Credentials("STS.NTCanaryKeyId", "secret-canary", "token/canary+1==")
DATE = datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC).timestamp()
NONCE = "3156853299f313e23d1673dc12e1703d"

STATUS = GetPhoneNumberVerificationStatus(
    phone_number="8613800000000", cust_space_id="cams-1"
)
CALL = call_of(STATUS)
GOOD: dict[str, Any] = {
    "RequestId": "90E63D28",
    "Code": "OK",
    "Data": {"CodeVerificationStatus": "VERIFIED"},
}


def build(
    call: Call[Any] = CALL,
    *,
    credentials: Credentials = CREDENTIALS,
    endpoint: str = ENDPOINT.origin,
    date: float = DATE,
    nonce: str = NONCE,
    form_for: FormReasons = "length and secrets",
) -> Request:
    """Build a request, different in one thing."""
    return build_request(
        call,
        endpoint=parse_endpoint(endpoint),
        credentials=credentials,
        date=date,
        nonce=nonce,
        form_for=form_for,
    )


def answer_of(
    body: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Make a response; a body other than bytes is encoded as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, CIMultiDict(headers or {}), content)


def parse(
    body: object,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    call: Call[Any] = CALL,
    credentials: Credentials = CREDENTIALS,
) -> Any:
    """Parse a response to a call."""
    return parse_response(
        call,
        build(call, credentials=credentials),
        answer_of(body, status, headers),
        attempts=2,
        waited=0.5,
    )


def api_error(
    body: object,
    status: int = 400,
    headers: Mapping[str, str] | None = None,
    **options: Any,
) -> ApiError:
    """Parse a response that is a failure, and return the error."""
    with pytest.raises(ApiError) as caught:
        parse(body, status, headers, **options)
    return caught.value


def decode_error(
    body: object,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **options: Any,
) -> DecodeError:
    """Parse a response that cannot be decoded, and return the error."""
    with pytest.raises(DecodeError) as caught:
        parse(body, status, headers, **options)
    error = caught.value

    assert error.http_status == status
    assert error.__context__ is error.__cause__ is None
    return error


# Calls


def test_a_call_is_all_that_the_layers_below_need() -> None:
    """Names, facts and secrets of the operation."""
    call = call_of(
        ChatappMigrationVerified(
            cust_space_id="cams-1", phone_number="86138", verify_code="012345"
        )
    )

    assert call.action == "ChatappMigrationVerified"
    assert call.parameters == {
        "CustSpaceId": "cams-1",
        "PhoneNumber": "86138",
        "VerifyCode": Secret("012345"),
    }
    assert call.qps == 10
    assert not call.retry_safe
    assert call.verify_with == "GetPhoneNumberVerificationStatus"
    assert call.secrets == (Secret("012345"),)
    assert CALL.secrets == ()


def test_what_cannot_be_sent_is_told_before_anything_is() -> None:
    """Half a character has no form on the wire."""
    with pytest.raises(InvalidOperation) as caught:
        call_of(ChatappSyncPhoneNumber(cust_space_id="\ud800"))

    assert caught.value.field == "CustSpaceId"


# Requests


def travelled(request: Request) -> dict[str, str]:
    """Return the parameters of a request, wherever they are."""
    query = URL(request.url, encoded=True).raw_query_string
    return dict(parse_qsl(query or request.body.decode(), keep_blank_values=True))


def test_a_request_has_the_documented_headers() -> None:
    """In the vendor's names; those that are not signed are ours."""
    request = build()

    assert request.action == "GetPhoneNumberVerificationStatus"
    assert {**request.headers, "authorization": None} == {
        "host": "cams.ap-southeast-1.aliyuncs.com",
        "x-acs-action": "GetPhoneNumberVerificationStatus",
        "x-acs-version": "2020-06-06",
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": NONCE,
        "x-acs-content-sha256": signing.EMPTY_BODY_SHA256,
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": f"cams_async/{__version__}",
        "authorization": None,
    }


def test_a_request_is_what_it_was() -> None:
    """One that was computed by hand, step by step, with nothing of this package."""
    request = build(credentials=Credentials("id", "secret"))
    signed = "host;x-acs-action;x-acs-content-sha256;x-acs-date"
    signed += ";x-acs-signature-nonce;x-acs-version"
    signature = "7444d40c1f95edb9ea3729ed1aca0e11cbd5db037e981ceeec82bc77878b79ac"

    assert request.url == (
        "https://cams.ap-southeast-1.aliyuncs.com/"
        "?CustSpaceId=cams-1&PhoneNumber=8613800000000"
    )
    assert request.headers["authorization"] == (
        f"ACS3-HMAC-SHA256 Credential=id,SignedHeaders={signed},Signature={signature}"
    )


def test_a_temporary_key_sends_its_token_signed() -> None:
    """And its id, as the vendor's SDK does."""
    headers = build(credentials=TEMPORARY).headers
    signed = re.findall(r"SignedHeaders=([^,]+)", headers["authorization"])[0]

    assert headers["x-acs-security-token"] == "token/canary+1=="
    assert headers["x-acs-accesskey-id"] == "STS.NTCanaryKeyId"
    assert {"x-acs-security-token", "x-acs-accesskey-id"} <= {*signed.split(";")}


def test_a_lasting_key_sends_no_token() -> None:
    """Not even an empty one."""
    assert not {"x-acs-security-token", "x-acs-accesskey-id"} & {*build().headers}


@given(
    parameters=PARAMETERS,
    secret=VISIBLE,
    token=st.none() | VISIBLE,
    endpoint=st.sampled_from(
        ["https://example.com", "http://127.0.0.1:8080", "http://[::1]:99"]
    ),
)
@example(
    parameters={"A": "b c" * 2000}, secret="s", token=None, endpoint="http://[::1]:99"
)
def test_the_url_and_the_headers_are_exactly_what_was_signed(
    parameters: dict[str, str], secret: str, token: str | None, endpoint: str
) -> None:
    """Recomputed from what travels, by the server's view of it."""
    request = build(
        evolve(CALL, parameters=parameters),
        credentials=Credentials("id", secret, token),
        endpoint=endpoint,
    )
    headers = dict(request.headers)
    authorization = headers.pop("authorization")
    ours = ("accept", "accept-encoding", "user-agent")
    unsigned = [headers.pop(name) for name in ours]
    url = URL(request.url, encoded=True)

    assert authorization == signing.sign(
        method="POST",
        canonical_query=url.raw_query_string,
        headers=headers,
        access_key_id="id",
        access_key_secret=secret,
        hashed_body=hashlib.sha256(request.body).hexdigest(),
    )
    assert unsigned == ["application/json", "identity", f"cams_async/{__version__}"]
    assert parameters == travelled(request)
    assert ("content-type" in headers) == bool(request.body)
    assert not (request.body and url.query)
    assert request.url == str(url)
    assert headers["host"] == url.raw_authority
    assert url.path == "/"


def test_without_parameters_the_url_has_no_question_mark() -> None:
    """`call()` may have none."""
    request = build(evolve(CALL, parameters={}))

    assert request.url == "https://cams.ap-southeast-1.aliyuncs.com/"


def test_the_date_has_no_fraction() -> None:
    """As documented: the second that has begun, in UTC."""
    assert build(date=DATE + 0.999).headers["x-acs-date"] == "2023-10-26T10:22:32Z"


def test_another_nonce_or_date_is_another_signature() -> None:
    """A resend is a request of its own."""
    signatures = {
        build().headers["authorization"],
        build(nonce="another").headers["authorization"],
        build(date=DATE + 1).headers["authorization"],
    }

    assert len(signatures) == 3


@given(OPERATION)
def test_every_operation_travels_whole(operation: Operation[Any]) -> None:
    """The server decodes the same parameters from the URL or the form."""
    call = call_of(operation)

    sent = {name: signing.reveal(value) for name, value in call.parameters.items()}

    assert sent == travelled(build(call))


def test_no_secret_is_in_a_repr() -> None:
    """The repr of a call, a request or a response shows no secret."""
    operation = ChatappMigrationVerified(
        cust_space_id="s", phone_number="86138", verify_code="code-canary"
    )
    call = call_of(operation)
    request = build(call, credentials=TEMPORARY)
    response = answer_of({"Data": "canary"}, headers={"x": "canary"})
    signature = request.headers["authorization"].rpartition("=")[2]

    shown = f"{call!r} {request!r} {response!r}"

    assert "canary" not in shown
    assert "86138" not in shown
    assert signature not in shown
    assert "ChatappMigrationVerified" in shown
    assert "status=200" in shown


# Successful responses


def test_a_good_answer_is_typed_and_says_how_the_call_went() -> None:
    """Attempts and waits are arguments from the session."""
    response = parse(GOOD)

    assert isinstance(response, VerificationStatusResponse)
    assert response.data.code_verification_status == "VERIFIED"
    assert response.meta == Meta(attempts=2, waited=0.5, http_status=200)


RAW: Call[dict[str, Any]] = Call(
    action="ListFlowNodeGroup",
    parameters={},
    qps=5,
    retry_safe=True,
    decode=lambda payload, _: payload,
)


@pytest.mark.parametrize(
    "body",
    [
        {"Code": "OK"},
        {"Code": "OK", "Success": True},
        {"Code": "OK", "Success": None},
        {"Code": "OK", "Success": "true"},
        {"Code": "ok"},
        {"Code": " OK "},
        {"Code": "SUCCESS"},
        {"Code": "Success"},
        {"Code": 200},
        {"Code": "200"},
        {"Code": "0000"},
        {"code": "OK"},
    ],
    ids=str,
)
@pytest.mark.parametrize("status", [200, 201, 202])
def test_success_has_many_spellings(body: dict[str, Any], status: int) -> None:
    """Two actions count as HTTP does, and some gateways write in lower case."""
    for request_id in ("RequestId", "requestId", "requestid", "REQUESTID"):
        named = {request_id: "1", **body}

        assert named == parse(named, status, call=RAW)


def test_an_action_without_a_code_needs_none() -> None:
    """A response of ChangeResourceGroup has a RequestId alone."""
    call = evolve(RAW, action="ChangeResourceGroup")

    assert parse({"RequestId": "1"}, call=call) == {"RequestId": "1"}
    assert api_error({"RequestId": "1"}, 400, call=call).outcome == "rejected"
    assert decode_error({"RequestId": "1"}, call=RAW).path == "$.Code"
    assert decode_error({}, call=call).path == "$.RequestId"


def test_a_byte_order_mark_does_no_harm() -> None:
    """Some proxies write one."""
    body = b"\xef\xbb\xbf" + json.dumps(GOOD).encode()

    assert parse(body).request_id == "90E63D28"


def test_the_last_of_two_equal_names_counts() -> None:
    """As for any JSON reader."""
    body = b'{"RequestId": "1", "Code": "Bad", "Code": "OK"}'

    assert parse(body, call=RAW) == {"RequestId": "1", "Code": "OK"}


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_an_odd_number_in_a_field_that_is_not_known_does_no_harm(value: str) -> None:
    """The rest of the response is decoded."""
    body = json.dumps(GOOD)[:-1] + f', "New": {value}}}'

    assert parse(body.encode()).data == parse(GOOD).data


# Failures


CODES: list[tuple[str, int, type[ApiError], str]] = [
    # Those that every CAMS page lists.
    ("Product.Unsubscript", 400, NotSubscribed, "rejected"),
    ("Ram.PermissionDeny", 400, PermissionDenied, "rejected"),
    ("System.LimitControl", 400, ThrottlingError, "rejected"),
    ("Unknown.ResourceOwnerId", 400, NotOwner, "rejected"),
    # The gateway's.
    ("Throttling", 400, ThrottlingError, "rejected"),
    ("Throttling", 429, ThrottlingError, "rejected"),
    ("Throttling", 503, ThrottlingError, "unknown"),
    ("Throttling.User", 400, ThrottlingError, "rejected"),
    ("Throttling.Api", 400, ThrottlingError, "rejected"),
    ("Throttling.AnythingElse", 400, ThrottlingError, "rejected"),
    ("ServiceUnavailable", 503, ServerError, "unknown"),
    ("ServiceUnavailable", 400, ServerError, "unknown"),
    ("ServiceUnavailable", 200, ServerError, "unknown"),
    ("InternalError", 500, ServerError, "unknown"),
    ("InternalError", 400, ServerError, "unknown"),
    ("UnknownError", 500, ServerError, "unknown"),
    ("UnknownError", 400, ServerError, "unknown"),
    ("InvalidTimeStamp.Expired", 400, AuthenticationError, "rejected"),
    ("InvalidTimeStamp.Format", 400, AuthenticationError, "rejected"),
    ("SignatureNonceUsed", 400, AuthenticationError, "unknown"),
    ("SignatureDoesNotMatch", 400, AuthenticationError, "rejected"),
    ("SignatureDoesNotMatch", 403, AuthenticationError, "rejected"),
    ("IncompleteSignature", 400, AuthenticationError, "rejected"),
    ("InvalidAccessKeyId.NotFound", 400, AuthenticationError, "rejected"),
    ("InvalidAccessKeyId.NotFound", 404, AuthenticationError, "rejected"),
    ("InvalidAccessKeyId.Inactive", 400, AuthenticationError, "rejected"),
    ("InvalidSecurityToken.Expired", 400, AuthenticationError, "rejected"),
    ("InvalidSecurityToken.Malformed", 400, AuthenticationError, "rejected"),
    (
        "InvalidSecurityToken.MismatchWithAccessKey",
        400,
        AuthenticationError,
        "rejected",
    ),
    ("MissingSecurityToken", 400, AuthenticationError, "rejected"),
    ("MissingPhoneNumber", 400, InvalidParameter, "rejected"),
    ("MissingParameter", 400, InvalidParameter, "rejected"),
    ("InvalidParameter", 400, InvalidParameter, "rejected"),
    ("InvalidParameter", 500, InvalidParameter, "unknown"),
    ("InvalidPhoneNumber", 400, InvalidParameter, "rejected"),
    ("InvalidParameter.PhoneNumberError", 200, InvalidParameter, "rejected"),
    ("InvalidApi.NotFound", 404, NotFound, "rejected"),
    ("InvalidProduct.NotFound", 404, NotFound, "rejected"),
    ("InvalidProtocol.NeedSsl", 404, InvalidParameter, "rejected"),
    ("InvalidAction", 403, InvalidParameter, "rejected"),
    ("UnsupportedHTTPMethod", 403, ApiError, "rejected"),
    ("NoPermission", 403, PermissionDenied, "rejected"),
    ("Forbidden", 403, PermissionDenied, "rejected"),
    ("Forbidden.RAM", 403, PermissionDenied, "rejected"),
    ("Forbidden.RiskControl", 403, PermissionDenied, "rejected"),
    ("Forbidden.UserVerification", 403, PermissionDenied, "rejected"),
    ("Authentication.NoAuth", 400, PermissionDenied, "rejected"),
    ("InsufficientBalance", 400, ApiError, "rejected"),
    # The vendor's list is long, and grows.
    ("DelError.TemplateNotExist", 200, ApiError, "unknown"),
    ("Something.New", 400, ApiError, "rejected"),
    ("Something.New", 200, ApiError, "unknown"),
    ("Something.New", 429, ThrottlingError, "rejected"),
    ("Something.New", 500, ServerError, "unknown"),
    ("throttling", 400, ApiError, "rejected"),
    ("System.LimitContro", 400, ApiError, "rejected"),
    ("TemplateNotFound", 400, ApiError, "rejected"),
]


@pytest.mark.parametrize(("code", "status", "cls", "outcome"), CODES)
def test_a_code_decides_the_class_and_the_outcome(
    code: str, status: int, cls: type[ApiError], outcome: str
) -> None:
    """The status counts only where the code is inconclusive: products differ in it."""
    error = api_error({"Code": code, "Message": "m", "RequestId": "r"}, status)

    assert type(error) is cls
    assert error.outcome == outcome
    assert error.code == code
    assert error.message == "m"
    assert error.request_id == "r"
    assert error.http_status == status
    assert error.retry_after is None
    assert error.__context__ is None


@pytest.mark.parametrize(
    "path", sorted(SAMPLES.glob("error.*.json")), ids=lambda path: path.stem
)
def test_a_sampled_refusal_is_the_error_that_the_table_says(path: Path) -> None:
    """Status, headers and body together, as the server sends them."""
    sample = json.loads(path.read_text(encoding="utf-8"))
    body = sample["body"]
    table = {(code, status): (cls, outcome) for code, status, cls, outcome in CODES}
    error = api_error(body, sample["status"], sample["headers"])

    assert table[body["Code"], sample["status"]] == (type(error), error.outcome)
    assert error.code == body["Code"]
    assert error.message == body["Message"]
    assert error.request_id == body["RequestId"]
    assert error.access_denied_detail == body.get("AccessDeniedDetail")


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("denial", [False, "false", "False"])
def test_success_false_is_a_failure_whatever_the_code(
    denial: object, status: int
) -> None:
    """A Code of OK and a Success of false contradict each other: no proof."""
    error = api_error(
        {"RequestId": "1", "Code": "OK", "Success": denial, "Message": "no"}, status
    )

    assert error.code == "OK"
    assert error.outcome == "unknown"

    lower = {"requestId": "1", "code": "OK", "success": denial}

    assert api_error(lower, status).outcome == "unknown"


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (500, "unknown"),
        (0, "unknown"),
        ("131215", "unknown"),
        ("O K", "unknown"),
        ("InvalidParameter.PhoneNumberError", "rejected"),
    ],
)
def test_any_code_but_ok_is_a_failure_inside_http_200(
    code: object, outcome: str
) -> None:
    """Only the listed codes prove that nothing was executed."""
    error = api_error({"RequestId": "1", "Code": code}, 200)

    assert error.code == str(code)
    assert error.outcome == outcome
    assert error.http_status == 200


@pytest.mark.parametrize("code", [None, "", "  ", True, 1.5, ["OK"], {}])
@pytest.mark.parametrize("status", [200, 400])
def test_what_is_no_code_is_not_of_cams(code: object, status: int) -> None:
    """Nothing proves then that CAMS formed the response."""
    body = {"RequestId": "1", "Code": code}
    error = decode_error(body) if status == 200 else api_error(body, status)

    assert error.outcome == "unknown"


@pytest.mark.parametrize(
    ("status", "cls", "outcome"),
    [
        (400, GatewayError, "unknown"),
        (404, GatewayError, "unknown"),
        (413, GatewayError, "rejected"),
        (429, ThrottlingError, "rejected"),
        (500, ServerError, "unknown"),
        (599, ServerError, "unknown"),
    ],
)
@pytest.mark.parametrize(
    "body", [{}, {"Code": None}, {"Code": "OK"}, {"RequestId": "1"}, b"", b"<html>"]
)
def test_a_response_of_another_hop_names_it(
    status: int, cls: type[ApiError], outcome: str, body: object
) -> None:
    """By its headers, or else by host and port, and by the words of the status."""
    error = api_error(body, status, {"Server": "squid/5.7", "Via": "1.1 edge"})

    assert type(error) is cls
    assert error.outcome == outcome
    assert error.code == ""
    assert error.hop == "squid/5.7, via 1.1 edge"
    assert str(error).startswith("squid/5.7, via 1.1 edge: ")
    assert api_error(body, status).hop == "cams.ap-southeast-1.aliyuncs.com:443"


def test_lower_case_names_are_read_too() -> None:
    """Some gateways write them so."""
    for request_id in ("requestId", "requestid", "REQUESTID"):
        error = api_error({"code": "Throttling", "message": "slow", request_id: "r"})

        assert type(error) is ThrottlingError
        assert (error.message, error.request_id) == ("slow", "r")


def test_the_vendors_spelling_goes_first() -> None:
    """Both spellings are present."""
    body = {"Code": "A", "code": "B", "Message": "C", "message": "D"}
    error = api_error(body | {"RequestId": "E", "requestId": "F"})

    assert (error.code, error.message, error.request_id) == ("A", "C", "E")


def test_a_header_tells_the_request_id_if_the_body_does_not() -> None:
    """There is always something to give to the vendor's support."""
    headers = {"X-Acs-Request-Id": "from-header"}

    assert api_error({"Code": "X"}, headers=headers).request_id == "from-header"
    assert api_error({"RequestId": 5}, headers=headers).request_id == "from-header"
    body = {"RequestId": "b", "Code": "X"}
    assert api_error(body, headers=headers).request_id == "b"
    assert api_error(b"<html>", 502, headers).request_id == "from-header"
    assert api_error({"Code": "X"}).request_id is None


@pytest.mark.parametrize("message", [None, 5, ["m"], {"m": 1}])
def test_a_message_that_is_no_text_is_left_out(message: object) -> None:
    """A caller can rely on a string."""
    body = {"RequestId": "1", "Code": "X", "Message": message}

    assert api_error(body).message == ""


@pytest.mark.parametrize(
    "detail", [None, "None", {"PolicyType": "Ram", "List": [1, 1.5, True, None]}, [1]]
)
def test_the_detail_of_a_denial_is_handed_on(detail: object) -> None:
    """Text, object, or whatever else the gateway sends."""
    body = {"RequestId": "1", "Code": "NoPermission", "AccessDeniedDetail": detail}
    error = api_error(body, 403)

    assert detail == error.access_denied_detail


# Hints


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"x-acs-retry-after": "1500"}, 1.5),
        ({"X-Acs-Retry-After": "1"}, 0.001),
        ({"x-acs-retry-after": "60000"}, 60.0),
        ({"x-acs-retry-after": "60001"}, 60.0),
        ({"x-acs-retry-after": "9" * 5000}, 60.0),
        ({"x-acs-retry-after": "0000000001500"}, 1.5),
        ({"x-acs-retry-after": "0"}, None),
        ({"x-acs-retry-after": "000"}, None),
        ({"x-acs-retry-after": "-1500"}, None),
        ({"x-acs-retry-after": "+1500"}, None),
        ({"x-acs-retry-after": "1.5"}, None),
        ({"x-acs-retry-after": "1e3"}, None),
        ({"x-acs-retry-after": "soon"}, None),
        ({"x-acs-retry-after": ""}, None),
        ({"x-acs-retry-after": "\u0661\u0662"}, None),
        ({"x-acs-retry-after": "\u00b2"}, None),
        ({"Retry-After": "2"}, 2.0),
        ({"Retry-After": "3600"}, 60.0),
        ({"Retry-After": "0"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "Thu, 26 Oct 2023 10:22:33 GMT"}, None),
        ({"x-acs-retry-after": "1500", "Retry-After": "30"}, 1.5),
        ({"x-acs-retry-after": "0", "Retry-After": "30"}, 30.0),
    ],
)
def test_a_hint_is_seconds_up_to_sixty(
    headers: dict[str, str], expected: float | None
) -> None:
    """The vendor's own is in milliseconds and goes first; nonsense is no hint."""
    throttled = api_error({"Code": "Throttling"}, headers=headers)
    empty = api_error(b"", 503, headers)

    assert throttled.retry_after == pytest.approx(expected)
    assert empty.retry_after == pytest.approx(expected)


@pytest.mark.parametrize(
    ("code", "status", "outcome"),
    [
        ("Something.New", 200, "unknown"),
        ("Something.New", 400, "rejected"),
        ("Something.New", 503, "unknown"),
        ("Forbidden", 200, "rejected"),
        ("Forbidden", 403, "rejected"),
        ("Forbidden", 500, "unknown"),
        ("InternalError", 400, "unknown"),
        ("InternalError", 500, "unknown"),
        ("SignatureNonceUsed", 400, "unknown"),
    ],
)
def test_the_vendors_hint_makes_any_refusal_a_throttling_and_proves_nothing(
    code: str, status: int, outcome: str
) -> None:
    """The class slows the limiter; the outcome is that of the code and the status."""
    body = {"RequestId": "1", "Code": code}
    error = api_error(body, status, {"x-acs-retry-after": "250"})

    assert type(error) is ThrottlingError
    assert error.outcome == outcome
    assert error.retry_after == 0.25


def test_the_hint_of_http_alone_makes_nothing_a_throttling() -> None:
    """A server that is down sends it, too."""
    body = {"RequestId": "1", "Code": "X"}
    error = api_error(body, 503, {"Retry-After": "5"})

    assert type(error) is ServerError
    assert error.retry_after == 5.0


# Responses that are not JSON objects

ID = {"RequestId": "1", "Code": "X"}

NOT_JSON = [
    b"",
    b" ",
    b"<html><body>Bad gateway</body></html>",
    b"OK",
    b'{"Code": "OK"',
    b'{"Code": "OK"} trailing',
    b"'Code'",
    b"\xff\xfe\xfd",
    b"\x1f\x8b\x08",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"Code": ' + b"9" * 5000 + b"}",
    b"null",
    b"true",
    b"5",
    b'"OK"',
    b"[]",
    b'[{"Code": "OK"}]',
]


def name(body: bytes) -> str:
    """Name a test after a body."""
    return repr(body[:20])


@pytest.mark.parametrize("body", NOT_JSON, ids=name)
@pytest.mark.parametrize("status", [200, 204])
def test_what_is_no_json_object_is_a_decode_error(body: bytes, status: int) -> None:
    """The error has the status, the body and an excerpt; its outcome is unknown."""
    error = decode_error(body, status)

    assert error.outcome == "unknown"
    assert error.path is None
    assert error.body == body
    assert f"aliyuncs.com:443: HTTP {status} without a JSON object" in str(error)
    assert len(str(error)) < 350


@pytest.mark.parametrize("body", NOT_JSON, ids=name)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_needs_no_json(body: bytes, status: int) -> None:
    """The page of a proxy is as telling as the gateway's own."""
    error = api_error(body, status)

    assert type(error) is ServerError
    assert error.outcome == "unknown"
    assert error.code == ""
    assert error.http_status == status
    assert error.hop == "cams.ap-southeast-1.aliyuncs.com:443"
    assert len(error.message) < 300


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, {}),
        (429, {"Retry-After": "2"}),
        (400, {"x-acs-retry-after": "2000"}),
        (503, {"x-acs-retry-after": "2000"}),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>Slow down</html>", b"[]"])
def test_a_throttling_needs_no_json(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    """The status or the vendor's header decides alone."""
    error = api_error(body, status, headers)

    assert type(error) is ThrottlingError
    assert error.outcome == ("rejected" if status == 429 else "unknown")
    assert error.retry_after == (2.0 if headers else None)


def test_a_hint_alone_makes_no_failure() -> None:
    """A 2xx or 3xx is none of flow control, whatever its headers."""
    hint = {"x-acs-retry-after": "2000"}

    assert parse(GOOD, 200, hint).code == "OK"
    decode_error(b"<html>", 200, hint)
    assert type(api_error(b"<html>", 302, hint)) is GatewayError


@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 308, 399])
@pytest.mark.parametrize("body", [GOOD, {"RequestId": "1", "Code": "Forbidden"}, b""])
def test_a_redirect_is_never_an_answer(body: object, status: int) -> None:
    """Even one with a good body."""
    error = api_error(body, status, {"Location": "https://x"})

    assert type(error) is GatewayError
    assert error.outcome == "unknown"


def test_an_excerpt_is_short_and_readable() -> None:
    """However long and binary the body is."""
    body = b"\xff\xfe" + b"x" * 10_000
    error = decode_error(body)

    assert str(error) == (
        "cams.ap-southeast-1.aliyuncs.com:443: HTTP 200 without a JSON object: "
        f"\ufffd\ufffd{'x' * 198}"
    )
    assert error.body == body


def test_a_departure_from_the_documented_shape_after_an_ok_was_executed() -> None:
    """Only the telling is broken."""
    body = {**GOOD, "Data": "text"}
    error = decode_error(body)

    assert error.path == "$.Data"
    assert error.outcome == "executed"
    assert error.body == json.dumps(body).encode()


@pytest.mark.parametrize(
    "body", [{}, {"Data": {}}, {"Code": None, "RequestId": "1"}, {"Code": "OK"}]
)
def test_a_departure_without_a_code_is_unknown(body: object) -> None:
    """Nothing proves that CAMS formed the response."""
    error = decode_error(body)

    assert error.path in {"$.Code", "$.RequestId"}
    assert error.outcome == "unknown"


def test_an_odd_number_where_text_belongs_is_told_with_its_path() -> None:
    """NaN is no JSON, but Python reads it."""
    error = decode_error(b'{"Code": "OK", "RequestId": "1", "Data": NaN}')

    assert error.path == "$.Data"
    assert error.outcome == "executed"


# Secrets

MIGRATION = call_of(
    ChatappMigrationVerified(
        cust_space_id="s", phone_number="86138", verify_code="042/canary code"
    )
)


def echoes() -> list[str]:
    """Return every form in which a server may send a secret back."""
    request = build(MIGRATION, credentials=TEMPORARY)
    secrets = [
        "042/canary code",
        "secret-canary",
        "token/canary+1==",
        request.headers["authorization"].rpartition("=")[2],
    ]
    return [
        *secrets,
        *map(signing.percent_encode, secrets),
        f"Signature={secrets[-1]}",
        build(MIGRATION, credentials=TEMPORARY, form_for="none").url,
        request.body.decode(),
    ]


def assert_hidden(error: CamsError) -> None:
    """Look for a secret in everything that an error has to show."""
    shown = f"{error} {error!r} {error.args} {vars(error)}"
    signature = build(MIGRATION, credentials=TEMPORARY).headers["authorization"]

    assert "canary" not in shown
    assert signature.rpartition("=")[2] not in shown
    assert "***" in shown


@pytest.mark.parametrize("echo", echoes())
def test_a_secret_that_the_server_sends_back_is_masked(echo: str) -> None:
    """In message, detail, excerpt and body, in any of its forms."""
    options: dict[str, Any] = {"call": MIGRATION, "credentials": TEMPORARY}
    detail = {"Deep": [{"er": f"a {echo} b"}], echo: 1}
    bad = {**GOOD, "Data": [echo]}
    slashed = json.dumps({**bad, "New": echo}).replace("/", "\\/").encode()

    for error in (
        api_error({**ID, "Message": f"got {echo}"}, **options),
        api_error({**ID, "AccessDeniedDetail": detail}, **options),
        api_error({**ID, "AccessDeniedDetail": echo}, **options),
        api_error(f"<html>{echo}</html>".encode(), 502, **options),
        api_error(b"", 502, {"Server": echo, "Via": echo}, **options),
        decode_error(f"<html>{echo}</html>".encode(), **options),
        decode_error(bad, **options),
        decode_error(slashed, **options),
    ):
        assert_hidden(error)


@given(code=TEXT.filter(lambda text: len(text.strip()) > 3), ascii_only=st.booleans())
@example(code='\u00e9"/\\ \n', ascii_only=True)
def test_any_code_is_masked_in_json(code: str, ascii_only: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    """However the server's JSON writer escapes."""
    operation = ChatappMigrationVerified(
        cust_space_id="s", phone_number="86138", verify_code=code
    )
    text = json.dumps({"Code": "OK", "New": code}, ensure_ascii=ascii_only)
    error = decode_error(text.encode(), call=call_of(operation))

    assert json.dumps(code, ensure_ascii=ascii_only)[1:-1].encode() not in error.body


@pytest.mark.parametrize(
    "text",
    [
        json.dumps('\u00e9"/\\ x'),
        json.dumps('\u00e9"/\\ x', ensure_ascii=False),
        json.dumps('\u00e9"/\\ x').replace("/", "\\/"),
        "%C3%A9%22%2F%5C%20x",
    ],
)
def test_a_secret_is_masked_to_its_last_character(text: str) -> None:
    """In each of its forms, and nothing but it."""
    call = evolve(RAW, parameters={"A": Secret('\u00e9"/\\ x')})
    error = decode_error(f"<{text}>".encode(), call=call)

    assert error.body.replace(b'"', b"") == b"<***>"


def test_what_looks_like_a_part_of_a_secret_is_masked_whole() -> None:
    """The longer secret goes first, so that no rest of it stays."""
    call = evolve(RAW, parameters={"A": Secret("12"), "B": Secret("1234")})

    assert api_error({**ID, "Message": "a1234b12c"}, call=call).message == ("a***b***c")


def test_an_empty_secret_hides_nothing() -> None:
    """`call()` may be given an empty VerifyCode."""
    call = evolve(RAW, parameters={"A": Secret("")})

    assert api_error({**ID, "Message": "as it was"}, call=call).message == ("as it was")
    assert decode_error(b"<html>", call=call).body == b"<html>"


def test_bytes_that_are_no_text_stay_as_they_are() -> None:
    """Masking does not touch what it does not look for."""
    body = bytes(range(256)) + b"secret-canary" + bytes(range(255, -1, -1))

    assert decode_error(body).body == body.replace(b"secret-canary", b"***")


@pytest.mark.parametrize("detail", [{"n": 1234567}, [1234567]])
def test_a_detail_that_cannot_be_masked_in_place_is_masked_whole(
    detail: object,
) -> None:
    """A secret that stands there as a number would leave no JSON."""
    call = evolve(RAW, parameters={"A": Secret("1234567")})
    error = api_error({**ID, "AccessDeniedDetail": detail}, call=call)

    assert error.access_denied_detail == "***"


def test_a_detail_of_any_depth_is_told_or_masked() -> None:
    """No RecursionError escapes at any depth of nesting."""
    for depth in (10, 300, 900, 950, 980, 990):
        detail = b"[" * depth + b"]" * depth
        body = b'{"RequestId": "1", "Code": "X", "AccessDeniedDetail": %b}' % detail
        with pytest.raises((ApiError, DecodeError)):
            parse(body, 400)


# Anything


@given(
    status=st.integers(100, 599),
    headers=st.dictionaries(
        st.sampled_from(["x-acs-retry-after", "retry-after", "x-acs-request-id", "x"]),
        st.text() | st.integers().map(str),
    ),
    body=st.one_of(
        st.binary(),
        JSON.map(lambda value: json.dumps(value).encode()),
        st.fixed_dictionaries(
            {},
            optional={
                "Code": JSON | st.sampled_from([code for code, *_ in CODES]),
                "Success": JSON,
                "Message": JSON,
                "RequestId": JSON,
                "AccessDeniedDetail": JSON,
                "Data": JSON,
            },
        ).map(lambda value: json.dumps(value).encode()),
    ),
)
def test_only_errors_of_this_package_escape(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    """Any response is parsed into a complete value or a CamsError."""
    try:
        parse(body, status, headers)
    except (ApiError, DecodeError) as error:
        outcome = error.outcome
        seconds = getattr(error, "retry_after", None)
        text = str(error)
    else:
        outcome, seconds, text = "executed", None, "fine"

    assert outcome in {"rejected", "unknown", "executed"}
    assert seconds is None or 0 < seconds <= 60
    assert len(text.splitlines()) == 1
