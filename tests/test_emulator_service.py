"""One call from its arrival to its response, on clocks that the tests set."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve

from cams_async.emulator import CannedResponse, Emulator, Fault, Slow
from cams_async.emulator.exchange import Delivery, WireResponse
from cams_async.emulator.faults import AnyFault
from cams_async.emulator.handlers import snake_case
from cams_async.errors import ConfigurationError
from cams_async.operations import OPERATIONS
from tests.test_emulator_auth import WALL, signed

STATUS = "GetPhoneNumberVerificationStatus"
SYNC = "ChatappSyncPhoneNumber"
MIGRATE = "ChatappMigrationVerified"
QR_CODE = "UpdatePhoneMessageQrdl"
KEY = "UpdatePhoneEncryptionPublicKey"
PEM = "-----BEGIN PUBLIC KEY-----\nMIIB+/ab\n-----END PUBLIC KEY-----\n"

UUID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")


def call(
    emulator: Emulator,
    action: str,
    parameters: Mapping[str, str],
    *,
    now: float = 0.0,
    account: int = 0,
) -> WireResponse:
    """Return the response to a call that arrives `now` seconds after the start."""
    credentials = emulator.accounts[account]
    request = signed(
        parameters, action=action, credentials=credentials, wall=WALL + now
    )
    return emulator._service.respond(request, now=now, wall=WALL + now)


def get_status(emulator: Emulator, place: int = 0, *, now: float = 0.0) -> WireResponse:
    """Return the response to a call for the status of a number."""
    number = emulator.phone_numbers[place]
    parameters = {
        "PhoneNumber": number.phone_number,
        "CustSpaceId": number.cust_space_id,
    }
    return call(emulator, STATUS, parameters, now=now)


def body(response: WireResponse) -> dict[str, Any]:
    """Return the JSON of a response."""
    decoded: dict[str, Any] = json.loads(response.body)
    return decoded


@pytest.fixture
def emulator() -> Emulator:
    """Return an emulator whose numbers are all verified."""
    return Emulator(phone_numbers=101, settle=0.0, accounts=2)


def test_handlers_are_named_like_their_actions() -> None:
    """Handlers are found by the name of their operation."""
    actions = Emulator(phone_numbers=1)._service._actions

    assert set(actions) == {*OPERATIONS}
    assert len(actions) == len(OPERATIONS)
    assert {STATUS, SYNC, MIGRATE, QR_CODE, KEY} <= set(actions)
    assert snake_case("UpdatePhoneMessageQrdl") == "update_phone_message_qrdl"


@pytest.mark.parametrize(
    ("recipients", "code"),
    [
        ('[{"To":"861"}]', "OK"),
        (json.dumps([{"To": "861"}] * 1000), "OK"),
        (json.dumps([{"To": "861"}] * 1001), "InvalidParameter.SenderList"),
        ('[{"to":"861"}]', "InvalidParameter.SenderList"),
        ('["861"]', "InvalidParameter.SenderList"),
        ("[]", "InvalidParameter.SenderList"),
        ("{}", "InvalidParameter.SenderList"),
        ("861", "InvalidParameter.SenderList"),
        ("[", "InvalidParameter.SenderList"),
        ("", "MissingSenderList"),
    ],
)
def test_a_mass_message_has_1_to_1000_recipients(
    emulator: Emulator, recipients: str, code: str
) -> None:
    """Recipients are JSON text; the response has one id for all of them."""
    parameters = {"ChannelType": "whatsapp", "From": "861", "Language": "en"}
    response = call(
        emulator, "SendChatappMassMessage", {**parameters, "SenderList": recipients}
    )

    assert body(response)["Code"] == code
    assert ("GroupMessageId" in body(response)) == (code == "OK")


def test_the_status_of_a_number_is_returned(emulator: Emulator) -> None:
    """The response has the vendor's envelope around the data."""
    response = get_status(emulator)
    number = emulator.phone_numbers[0]

    assert response.status == 200
    assert body(response) == {
        "RequestId": response.headers["x-acs-request-id"],
        "Code": "OK",
        "Message": "None",
        "AccessDeniedDetail": "None",
        "Data": {
            "PhoneNumber": number.phone_number,
            "Id": number.id,
            "CodeVerificationStatus": "VERIFIED",
        },
    }


def test_every_response_has_a_date_and_a_request_id(emulator: Emulator) -> None:
    """The date is the server's; request ids look like the vendor's, and differ."""
    responses = [
        get_status(emulator),
        get_status(emulator),
        get_status(emulator, now=1.0),
    ]
    ids = {response.headers["x-acs-request-id"] for response in responses}

    assert [response.headers["Date"] for response in responses] == [
        "Tue, 14 Nov 2023 22:13:20 GMT",
        "Tue, 14 Nov 2023 22:13:20 GMT",
        "Tue, 14 Nov 2023 22:13:21 GMT",
    ]
    assert len(ids) == 3
    assert all(UUID.fullmatch(request_id) for request_id in ids)


def test_a_space_is_listed_with_every_documented_field(emulator: Emulator) -> None:
    """The newest fields are included."""
    listed = body(call(emulator, SYNC, {"CustSpaceId": "cams-0001"}))

    assert listed["Success"] is True
    assert len(listed["PhoneNumbers"]) == 100
    assert set(listed["PhoneNumbers"][0]) == {
        "PhoneNumber",
        "VerifiedName",
        "Status",
        "QualityRating",
        "CodeVerificationStatus",
        "MessagingLimitTier",
        "NameStatus",
        "NewNameStatus",
        "StatusQueue",
        "UpQueue",
        "StatusCallbackUrl",
        "UpCallbackUrl",
        "IsOfficial",
        "CallingConfigure",
    }


def test_an_unverified_number_is_listed_as_such() -> None:
    """The state of a number follows its verification."""
    emulator = Emulator(phone_numbers=100, settle=None)
    listed = body(call(emulator, SYNC, {"CustSpaceId": "cams-0001"}))["PhoneNumbers"]

    assert {
        (number["Status"], number["CodeVerificationStatus"]) for number in listed
    } == {
        ("CONNECTED", "VERIFIED"),
        ("UNVERIFIED", "NOT_VERIFIED"),
        ("UNVERIFIED", "EXPIRED"),
    }


def test_a_public_key_is_stored(emulator: Emulator) -> None:
    """A key with real newlines replaces the former."""
    number = emulator.phone_numbers[0].phone_number
    assert emulator.encryption_public_key(number) is None

    response = call(emulator, KEY, {"PhoneNumber": number, "EncryptionPublicKey": PEM})

    assert body(response)["Code"] == "OK"
    assert emulator.encryption_public_key(number) == PEM


@pytest.mark.parametrize(
    "key", ["MIIB", PEM.replace("\n", "\\n"), PEM.replace("END", "")]
)
def test_a_malformed_public_key_is_refused(emulator: Emulator, key: str) -> None:
    """Text that is not PEM, or has no real newlines, is refused."""
    number = emulator.phone_numbers[0].phone_number
    response = call(emulator, KEY, {"PhoneNumber": number, "EncryptionPublicKey": key})

    assert response.status == 400
    assert body(response)["Code"] == "InvalidParameter.EncryptionPublicKey"


def test_a_qr_code_is_replaced(emulator: Emulator) -> None:
    """The response has the new code, and the former one is invalid."""
    number = emulator.phone_numbers[0].phone_number
    former = emulator.qrdl_code(number)
    parameters = {
        "PhoneNumber": number,
        "GenerateQrImage": "PNG",
        "PrefilledMessage": "Hello",
        "QrdlCode": former,
    }
    data = body(call(emulator, QR_CODE, parameters))["Data"]

    assert data == {
        "QrImageUrl": f"https://cams.example/qr/{data['QrdlCode']}.png",
        "PhoneNumber": number,
        "QrdlCode": emulator.qrdl_code(number),
        "DeepLinkUrl": f"https://wa.me/message/{data['QrdlCode']}",
        "GenerateQrImage": "PNG",
        "PrefilledMessage": "Hello",
    }
    assert data["QrdlCode"] != former
    again = call(emulator, QR_CODE, parameters)
    assert body(again)["Code"] == "InvalidParameter.QrdlCode"


def test_qr_codes_are_created_listed_and_deleted(emulator: Emulator) -> None:
    """The list of a number has its first code, and those that calls have made."""
    number = {"PhoneNumber": emulator.phone_numbers[0].phone_number}
    first = emulator.qrdl_code(number["PhoneNumber"])
    new = {**number, "GenerateQrImage": "SVG", "PrefilledMessage": "Hi"}
    made = body(call(emulator, "CreatePhoneMessageQrdl", new))["Data"]
    both = body(call(emulator, "ListPhoneMessageQrdl", number))["Data"]
    gone = {**number, "QrdlCode": first}
    codes = [
        body(call(emulator, "DeletePhoneMessageQrdl", gone))["Code"] for _ in range(2)
    ]

    assert made["QrImageUrl"] == f"https://cams.example/qr/{made['QrdlCode']}.svg"
    assert [first, made["QrdlCode"]] == [each["QrdlCode"] for each in both]
    assert both[1] == made
    assert codes == ["OK", "InvalidParameter.QrdlCode"]
    assert body(call(emulator, "ListPhoneMessageQrdl", number))["Data"] == [made]


def test_the_key_of_a_number_is_returned(emulator: Emulator) -> None:
    """A number has no key until one is set."""
    number = {"PhoneNumber": emulator.phone_numbers[0].phone_number}
    before = body(call(emulator, "GetPhoneEncryptionPublicKey", number))["Data"]
    call(emulator, KEY, {**number, "EncryptionPublicKey": PEM})
    after = body(call(emulator, "GetPhoneEncryptionPublicKey", number))["Data"]

    assert before == number
    key = {"EncryptionPublicKey": PEM, "EncryptionPublicKeyStatus": "VALID"}
    assert after == {**number, **key}


SENT = {
    "ChannelType": "whatsapp",
    "Type": "message",
    "MessageType": "text",
    "Content": '{"text":"Hi"}',
    "From": "861",
    "To": "862",
    "CustSpaceId": "cams-0001",
    "TaskId": "order-1",
}
QUERY = {
    "ChannelType": "whatsapp",
    "BusinessNumber": "861",
    "CustSpaceId": "cams-0001",
    "Page": '{"Index":1,"Size":10}',
}
MS = round(WALL * 1000)


def messages(emulator: Emulator, **query: str) -> Any:
    """Return the ids of the messages that a query finds, or the code of its error."""
    listed = body(call(emulator, "ListChatappMessage", {**QUERY, **query}, now=9.0))
    if listed["Code"] != "OK":
        return listed["Code"]
    return [each["MessageId"].removeprefix("message-") for each in listed["Data"]]


def test_a_sent_message_is_listed(emulator: Emulator) -> None:
    """The entry has what was sent, the direction, and the time of the server."""
    sent = body(call(emulator, "SendChatappMessage", SENT, now=1.0))
    listed = body(call(emulator, "ListChatappMessage", QUERY, now=2.0))

    assert listed["Data"] == [
        {
            "MessageId": sent["MessageId"],
            "UniqueMessageId": "order-1",
            "ChannelType": "whatsapp",
            "BusinessNumber": "861",
            "UserNumber": "862",
            "EventAction": "DOWN",
            "EventActionName": "DOWN",
            "Type": "message",
            "MessageType": "text",
            "Message": '{"text":"Hi"}',
            "SendTime": str(MS + 1000),
        }
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["3", "2", "1"]),
        ({"UserNumber": "862"}, ["2", "1"]),
        ({"UserNumber": "869"}, []),
        ({"ChannelType": "viber"}, []),
        ({"BusinessNumber": "869"}, []),
        ({"CustSpaceId": "cams-0002"}, []),
        ({"EventAction": "DOWN"}, ["3", "2", "1"]),
        ({"EventAction": "UP"}, []),
        ({"StartTime": str(MS + 1000)}, ["3", "2"]),
        ({"EndTime": str(MS + 1000)}, ["2", "1"]),
        ({"Page": '{"Index":1,"Size":2}'}, ["3", "2"]),
        ({"Page": '{"Index":2,"Size":2}'}, ["1"]),
        ({"Page": '{"Index":3,"Size":2}'}, []),
        ({"Page": '{"Index":0,"Size":2}'}, "InvalidParameter.Page"),
        ({"Page": '{"Index":1,"Size":0}'}, "InvalidParameter.Page"),
        ({"Page": '{"Index":1}'}, "InvalidParameter.Page"),
        ({"Page": "1"}, "InvalidParameter.Page"),
        ({"Page": "{"}, "InvalidParameter.Page"),
        ({"StartTime": "today"}, "InvalidParameter.StartTime"),
    ],
)
def test_messages_are_found_by_sender_recipient_and_time(
    emulator: Emulator, query: dict[str, str], expected: object
) -> None:
    """Each parameter narrows the list; messages of other accounts are not in it."""
    for second, recipient in enumerate(("862", "862", "863")):
        sent = {**SENT, "To": recipient}
        call(emulator, "SendChatappMessage", sent, now=float(second))
    call(emulator, "SendChatappMessage", SENT, now=3.0, account=1)

    assert messages(emulator, **query) == expected


def test_a_migration_is_verified_once() -> None:
    """The one-time code verifies the number, and cannot be used again."""
    emulator = Emulator(phone_numbers=100, settle=None)
    number = next(
        number
        for number in emulator.phone_numbers
        if emulator.verification_status(number.phone_number) != "VERIFIED"
    )
    parameters = {
        "PhoneNumber": number.phone_number,
        "CustSpaceId": number.cust_space_id,
        "VerifyCode": emulator.verify_code(number.phone_number),
    }
    first = body(call(emulator, MIGRATE, parameters))
    again = body(call(emulator, MIGRATE, parameters))

    assert first["Message"] == "SUCCESS"
    assert first["Data"] == {"PhoneNumber": number.phone_number, "Id": number.id}
    assert again["Code"] == "InvalidParameter.VerifyCode"
    assert emulator._service.state.get(number.phone_number).status(0.0) == "VERIFIED"


@pytest.mark.parametrize("action", [KEY, QR_CODE])
def test_updates_need_a_verified_number(action: str) -> None:
    """Both updates refuse a number that is not verified."""
    emulator = Emulator(phone_numbers=100, settle=None)
    number = next(
        number.phone_number
        for number in emulator.phone_numbers
        if emulator.verification_status(number.phone_number) != "VERIFIED"
    )
    parameters = {
        "PhoneNumber": number,
        "EncryptionPublicKey": PEM,
        "GenerateQrImage": "PNG",
        "PrefilledMessage": "Hello",
        "QrdlCode": emulator.qrdl_code(number),
    }

    assert body(call(emulator, action, parameters))["Code"] == "PhoneNumber.NotVerified"


def test_an_error_has_the_body_of_the_gateway(emulator: Emulator) -> None:
    """Errors have the fields of the vendor's error responses."""
    response = call(emulator, STATUS, {"PhoneNumber": "1"})
    decoded = body(response)

    assert response.status == 400
    assert set(decoded) == {"RequestId", "Code", "Message", "HostId", "Recommend"}
    assert decoded["Code"] == "MissingCustSpaceId"
    assert decoded["HostId"] == "cams.test"
    assert decoded["RequestId"] == response.headers["x-acs-request-id"]


def test_business_failures_can_travel_in_http_200(emulator: Emulator) -> None:
    """Errors of CAMS itself have status 200 then, those of the gateway have not."""
    emulator.options.business_status = 200
    parameters = {"PhoneNumber": "1", "CustSpaceId": "cams-0001"}
    failed = call(emulator, STATUS, parameters)

    assert failed.status == 200
    assert body(failed)["Code"] == "InvalidParameter.PhoneNumberError"
    assert call(emulator, STATUS, {}).status == 400


def test_a_call_above_the_ceiling_is_throttled(emulator: Emulator) -> None:
    """The eleventh call of a second is refused, the next second's is not."""
    responses = [get_status(emulator) for _ in range(11)]

    assert [response.status for response in responses] == [200] * 10 + [400]
    assert body(responses[10])["Code"] == "System.LimitControl"
    assert body(responses[10])["Message"] == "The system is under flow control."
    assert "x-acs-retry-after" not in responses[10].headers
    assert get_status(emulator, now=1.0).status == 200


def test_each_account_and_action_has_its_own_ceiling(emulator: Emulator) -> None:
    """Calls of one account and action throttle no other account or action."""
    for _ in range(11):
        get_status(emulator)

    assert call(emulator, SYNC, {"CustSpaceId": "cams-0001"}).status == 200
    number = emulator.phone_numbers[-1]
    parameters = {
        "PhoneNumber": number.phone_number,
        "CustSpaceId": number.cust_space_id,
    }
    assert call(emulator, STATUS, parameters, account=1).status == 200


def test_a_ceiling_can_be_set() -> None:
    """`qps` replaces the documented ceiling of its action."""
    emulator = Emulator(phone_numbers=1, qps={STATUS: 0.5}, policy="bucket")
    statuses = [get_status(emulator, now=float(second)).status for second in range(4)]

    assert statuses == [200, 400, 200, 400]


def test_a_throttled_response_can_have_a_time_to_wait(emulator: Emulator) -> None:
    """The header is in whole milliseconds, and only in throttled responses."""
    emulator.options.retry_after = 1.5
    responses = [get_status(emulator) for _ in range(11)]

    assert "x-acs-retry-after" not in responses[0].headers
    assert responses[10].headers["x-acs-retry-after"] == "1500"


def test_an_arrival_counts_once_it_is_authenticated(emulator: Emulator) -> None:
    """A forged call does not count, an incomplete one does."""
    forged = evolve(signed(credentials=emulator.credentials), query="A=1")
    emulator._service.respond(forged, now=0.0, wall=WALL)
    assert emulator.report().actions == ()

    call(emulator, STATUS, {})

    (status,) = emulator.report().actions
    assert (status.arrivals, status.executed, status.throttled) == (1, 0, 0)


def test_background_load_leaves_less_of_the_ceiling(emulator: Emulator) -> None:
    """The load throttles calls, and is not in the report."""
    emulator.faults.background_load(STATUS, 1000)
    responses = [get_status(emulator, now=1 + place / 100).status for place in range(5)]

    assert responses == [200, 400, 400, 400, 400]
    assert emulator.report().actions[0].arrivals == 5


def test_the_report_finds_a_violation(emulator: Emulator) -> None:
    """Eleven arrivals in a second are a violation, refused or not."""
    for place in range(11):
        get_status(emulator, now=place / 100)
    call(emulator, SYNC, {"CustSpaceId": "cams-0001"}, now=2.0)
    report = emulator._service.report(5.0)
    sync, status = report.actions

    assert not report.held
    assert report.elapsed == 5.0
    assert sync.held
    assert sync.shortest is None
    assert not status.held
    assert status.account == emulator.credentials.access_key_id
    assert (status.action, status.ceiling, status.window) == (STATUS, 10.0, 1.0)
    assert (status.arrivals, status.executed, status.throttled) == (11, 10, 1)
    assert (status.peak, status.violations) == (11, 1)
    assert (status.first, status.last) == (0.0, 0.1)
    assert status.shortest == pytest.approx(0.1)
    assert status.utilization == pytest.approx(10 / 11)


def test_the_report_can_be_plain_data(emulator: Emulator) -> None:
    """The dict and the JSON are equal, and include `held`."""
    get_status(emulator)
    report = emulator._service.report(1.0)
    plain = report.as_dict()

    assert json.loads(report.as_json()) == plain
    assert plain["held"] is True
    assert plain["policy"] == "sliding"
    assert plain["actions"][0]["held"] is True
    assert plain["actions"][0]["action"] == STATUS


def test_a_report_before_any_call_is_empty(emulator: Emulator) -> None:
    """A report without calls has no violation."""
    report = emulator.report()

    assert report.actions == ()
    assert report.held
    assert report.elapsed == 0.0


def test_executions_are_counted_by_their_parameters(emulator: Emulator) -> None:
    """The order of parameters does not matter; each execution counts."""
    get_status(emulator, 0)
    get_status(emulator, 0)
    get_status(emulator, 1)
    call(emulator, SYNC, {"CustSpaceId": "cams-0001"})
    first, second = emulator.phone_numbers[:2]

    assert emulator.executed(STATUS) == {
        (("CustSpaceId", "cams-0001"), ("PhoneNumber", first.phone_number)): 2,
        (("CustSpaceId", "cams-0001"), ("PhoneNumber", second.phone_number)): 1,
    }


def test_refused_calls_are_not_executed(emulator: Emulator) -> None:
    """Business failures count as executed; throttled and incomplete calls do not."""
    call(emulator, STATUS, {})
    call(emulator, STATUS, {"PhoneNumber": "1", "CustSpaceId": "cams-0001"})
    for _ in range(9):
        get_status(emulator)

    assert sum(emulator.executed(STATUS).values()) == 9


@pytest.mark.parametrize(
    ("fault", "status", "delivery", "executions"),
    [
        (Fault.RESET_BEFORE, None, Delivery.RESET, 0),
        (Fault.RESET_AFTER, None, Delivery.RESET, 1),
        (Fault.UNAVAILABLE_BEFORE, 503, Delivery.WHOLE, 0),
        (Fault.UNAVAILABLE_AFTER, 503, Delivery.WHOLE, 1),
        (Fault.TRUNCATED, 200, Delivery.TRUNCATED, 1),
        (Fault.GARBAGE, 200, Delivery.WHOLE, 1),
        (Fault.WRONG_SHAPE, 200, Delivery.WHOLE, 1),
        (Fault.HANG, None, Delivery.NEVER, 0),
        (Fault.THROTTLED, 400, Delivery.WHOLE, 0),
        (Slow(1.5), 200, Delivery.WHOLE, 1),
        (CannedResponse(status=418), 418, Delivery.WHOLE, 0),
        (CannedResponse(status=418, processed=True), 418, Delivery.WHOLE, 1),
    ],
)
def test_a_fault_affects_one_call(
    emulator: Emulator,
    fault: AnyFault,
    status: int | None,
    delivery: Delivery,
    executions: int,
) -> None:
    """Each fault has its effect on the next call only."""
    emulator.faults.next(fault)
    response = get_status(emulator)

    assert response.delivery == delivery
    assert status is None or response.status == status
    assert sum(emulator.executed(STATUS).values()) == executions
    assert emulator.report().actions[0].arrivals == 1
    assert get_status(emulator).delivery == Delivery.WHOLE
    assert sum(emulator.executed(STATUS).values()) == executions + 1


def test_an_unavailable_server_responds_in_html(emulator: Emulator) -> None:
    """The body is that of a load balancer."""
    emulator.faults.next(Fault.UNAVAILABLE_BEFORE)
    response = get_status(emulator)

    assert response.headers["Content-Type"].startswith("text/html")
    assert response.body.startswith(b"<html>")
    assert "Date" in response.headers


def test_a_slow_response_is_delayed(emulator: Emulator) -> None:
    """The call is executed before the delay."""
    emulator.faults.next(Slow(1.5))

    assert get_status(emulator).delay == 1.5


def test_a_canned_response_is_sent_verbatim(emulator: Emulator) -> None:
    """Its headers are added to the usual ones, or replace them."""
    canned = CannedResponse(
        status=302, headers={"Location": "/x", "Date": "never"}, body=b"y"
    )
    emulator.faults.next(canned)
    response = get_status(emulator)

    assert (response.status, response.body) == (302, b"y")
    assert response.headers["Location"] == "/x"
    assert response.headers["Date"] == "never"
    assert "x-acs-request-id" in response.headers


def test_garbage_is_not_json_and_a_wrong_shape_is(emulator: Emulator) -> None:
    """Garbage cannot be decoded; a wrong shape is JSON of the wrong types."""
    emulator.faults.next(Fault.GARBAGE)
    emulator.faults.next(Fault.WRONG_SHAPE)
    garbage, shape = get_status(emulator), get_status(emulator)

    with pytest.raises(ValueError, match="utf-8"):
        json.loads(garbage.body)
    assert body(shape)["Code"] == "OK"
    assert isinstance(body(shape)["Data"], str)


def test_a_throttled_fault_counts_as_throttled(emulator: Emulator) -> None:
    """The response is that of flow control, with the time to wait."""
    emulator.options.retry_after = 0.25
    emulator.faults.next(Fault.THROTTLED)
    response = get_status(emulator)

    assert body(response)["Code"] == "System.LimitControl"
    assert response.headers["x-acs-retry-after"] == "250"
    assert emulator.report().actions[0].throttled == 1


def test_a_fault_is_kept_for_its_action(emulator: Emulator) -> None:
    """Queued faults are injected in order, each into a call of its action."""
    emulator.faults.next(Fault.RESET_BEFORE, action=SYNC)
    emulator.faults.next(Fault.HANG, times=2)

    assert emulator.faults.queued == 3
    assert get_status(emulator).delivery == Delivery.NEVER
    sync = call(emulator, SYNC, {"CustSpaceId": "cams-0001"})
    assert sync.delivery == Delivery.RESET
    assert get_status(emulator).delivery == Delivery.NEVER
    assert get_status(emulator).delivery == Delivery.WHOLE
    assert emulator.faults.queued == 0


def test_a_throttled_call_meets_no_fault(emulator: Emulator) -> None:
    """A fault stays queued for a call that would be executed."""
    for _ in range(10):
        get_status(emulator)
    emulator.faults.next(Fault.HANG)

    assert get_status(emulator).status == 400
    assert get_status(emulator, now=1.0).delivery == Delivery.NEVER


def test_random_faults_occur_at_their_rate() -> None:
    """Faults occur with their probability, in calls that depend on the seed."""

    def deliveries(seed: int) -> list[Delivery]:
        emulator = Emulator(phone_numbers=1, seed=seed, qps={STATUS: 1000})
        emulator.faults.rate(Fault.RESET_BEFORE, 0.5, action=SYNC)
        emulator.faults.rate(Fault.RESET_AFTER, 0.2, action=STATUS)
        return [get_status(emulator).delivery for _ in range(500)]

    drawn = deliveries(1)

    assert drawn.count(Delivery.RESET) == pytest.approx(100, rel=0.3)
    assert drawn == deliveries(1)
    assert drawn != deliveries(2)


def test_random_faults_can_be_ended(emulator: Emulator) -> None:
    """A probability of 0 ends one fault, `clear` everything."""
    emulator.faults.rate(Fault.HANG, 1.0)
    assert get_status(emulator).delivery == Delivery.NEVER

    emulator.faults.rate(Fault.HANG, 0.0)
    assert get_status(emulator).delivery == Delivery.WHOLE

    emulator.faults.rate(Slow(1), 1.0)
    emulator.faults.next(Fault.HANG)
    emulator.faults.background_load(STATUS, 1e6)
    emulator.faults.clear()
    assert get_status(emulator, now=1.0).delay == 0.0
    assert get_status(emulator, now=2.0).delivery == Delivery.WHOLE


def test_an_invalid_fault_is_a_configuration_error(emulator: Emulator) -> None:
    """Each error names the argument."""
    faults = emulator.faults

    with pytest.raises(ConfigurationError, match=r"^action: must be a CAMS action"):
        faults.next(Fault.HANG, action="NoSuchAction")
    with pytest.raises(ConfigurationError, match=r"^times:"):
        faults.next(Fault.HANG, times=0)
    with pytest.raises(ConfigurationError, match=r"^probability:"):
        faults.rate(Fault.HANG, 1.5)
    with pytest.raises(ConfigurationError, match=r"^qps:"):
        faults.background_load(STATUS, -1)
    with pytest.raises(ConfigurationError, match=r"^seconds:"):
        Slow(-1)
    with pytest.raises(ConfigurationError, match=r"^status:"):
        CannedResponse(status=99)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone_numbers", 0),
        ("phone_numbers", True),
        ("phone_numbers", 1.5),
        ("accounts", 101),
        ("policy", "leaky"),
        ("qps", {f"{STATUS}es": 1}),
        ("reads_forms", 1),
        ("qps", {STATUS: 0}),
        ("qps", {STATUS: True}),
        ("counts_refused", 1),
        ("latency", 0.1),
        ("latency", (0.1,)),
        ("latency", (0.2, 0.1)),
        ("latency", (-1, 0.1)),
        ("latency", ("a", "b")),
        ("latency", (0, float("inf"))),
        ("settle", -1),
        ("settle", "20"),
        ("seed", -1),
        ("skew", float("nan")),
        ("retry_after", -1),
        ("business_status", 500),
        ("host", ""),
        ("port", 65536),
        ("ssl", True),
    ],
)
def test_an_invalid_argument_is_a_configuration_error(
    field: str, value: object
) -> None:
    """The error has the name of the field."""
    arguments: dict[str, Any] = {field: value}

    with pytest.raises(ConfigurationError) as caught:
        Emulator(**arguments)

    assert caught.value.field == field


def test_options_are_checked_when_they_change(emulator: Emulator) -> None:
    """A change of an option is checked like an argument."""
    with pytest.raises(ConfigurationError, match=r"^skew:"):
        emulator.skew = float("inf")
    with pytest.raises(ConfigurationError, match=r"^latency:"):
        emulator.options.latency = (2.0, 1.0)
