"""Parsing notifications: each kind, each odd form, and that nothing is lost."""

import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cams_async.callbacks import (
    AuditEvent,
    CallbackError,
    ChoiceMessage,
    ContactsMessage,
    Event,
    FlowReply,
    InboundMessage,
    LocationMessage,
    MediaMessage,
    OrderedProduct,
    OrderMessage,
    ReactionMessage,
    Receipt,
    SystemMessage,
    TemplateAudit,
    TemplateReply,
    TextMessage,
    UnparsedEvent,
    parse,
    window_open,
)
from cams_async.callbacks.parse import _text_of
from cams_async.errors import ConfigurationError
from tests.strategies import JSON

USER, BUSINESS = "8613800000000", "8613900000000"

ENVELOPE = {
    "MessageId": "1000000000000001",
    "From": f"+{USER}",
    "To": BUSINESS,
    "DisplayName": "Canary Liu",
    "Name": "Canary Jack",
    "Timestamp": 1662104191973,
    "CustSpaceId": "cams-83m8j9",
    "WabaId": "952718630000",
    "NoticeType": "inbound",
}

TIME = datetime(2022, 9, 2, 7, 36, 31, 973000, UTC)

COMMON = {
    "message_id": "1000000000000001",
    "from_": USER,
    "to": BUSINESS,
    "name": "Canary Jack",
    "timestamp": TIME,
    "cust_space_id": "cams-83m8j9",
    "recipient_type": None,
}

URL = "https://bucket.example/1161.ogg"

# The type, its content, the class and its fields.
INBOUND: list[tuple[str, Any, type[InboundMessage], dict[str, Any]]] = [
    ("TEXT", "hello", TextMessage, {"text": "hello"}),
    ("text", '{"a": 1}', TextMessage, {"text": '{"a": 1}', "type": "TEXT"}),
    ("TEXT", 17, TextMessage, {"text": "17"}),
    ("TEXT", "", TextMessage, {"text": ""}),
    (
        "LOCATION",
        {"address": "1 Road", "latitude": "30.27", "longitude": 120.15, "name": "Shop"},
        LocationMessage,
        {
            "address": "1 Road",
            "latitude": "30.27",
            "longitude": "120.15",
            "place": "Shop",
        },
    ),
    (
        "IMAGE",
        {"caption": "front", "id": "321", "mimeType": "image/jpeg", "url": URL},
        MediaMessage,
        {"caption": "front", "media_id": "321", "mime_type": "image/jpeg", "url": URL},
    ),
    (
        "AUDIO",
        {"filename": "File.ogg", "animated": False, "id": 322, "url": URL},
        MediaMessage,
        {"file_name": "File.ogg", "media_id": "322", "url": URL, "mime_type": None},
    ),
    (
        "DOCUMENT",
        {"name": "", "filename": "a.pdf", "url": URL},
        MediaMessage,
        {"file_name": "a.pdf"},
    ),
    ("VIDEO", {"fileName": "a.mp4", "link": URL}, MediaMessage, {"file_name": "a.mp4"}),
    ("STICKER", {"animated": True, "url": URL}, MediaMessage, {"type": "STICKER"}),
    (
        "REPLY",
        {"payload": "payload1", "text": "Yes"},
        TemplateReply,
        {"payload": "payload1", "text": "Yes"},
    ),
    (
        "INTERACTIVE",
        {
            "interactive": {
                "type": "button_reply",
                "button_reply": {"id": "b1", "title": "Yes"},
            }
        },
        ChoiceMessage,
        {"id": "b1", "title": "Yes", "description": None},
    ),
    (
        "INTERACTIVE",
        {"list_reply": {"id": "r1", "title": "Row", "description": "d"}},
        ChoiceMessage,
        {"id": "r1", "title": "Row", "description": "d"},
    ),
    (
        "INTERACTIVE",
        {"type": "button_reply", "id": "b1", "title": "Yes"},
        ChoiceMessage,
        {"id": "b1", "title": "Yes"},
    ),
    (
        "INTERACTIVE",
        {
            "interactive": {
                "type": "nfm_reply",
                "nfm_reply": {
                    "name": "flow",
                    "body": "Sent",
                    "response_json": '{"flow_token": "t1", "x": "1"}',
                },
            }
        },
        FlowReply,
        {"response": {"flow_token": "t1", "x": "1"}, "flow_token": "t1"},
    ),
    (
        "INTERACTIVE",
        {"nfm_reply": {"response_json": {"x": 1}}},
        FlowReply,
        {"response": {"x": 1}, "flow_token": None},
    ),
    (
        "ORDER",
        {
            "catalog_id": "c1",
            "text": "please",
            "product_items": [
                {
                    "product_retailer_id": "p1",
                    "quantity": 2,
                    "item_price": 9.5,
                    "currency": "USD",
                }
            ],
        },
        OrderMessage,
        {
            "catalog_id": "c1",
            "text": "please",
            "products": (
                OrderedProduct(
                    product_retailer_id="p1",
                    quantity="2",
                    item_price="9.5",
                    currency="USD",
                ),
            ),
        },
    ),
    (
        "REACTION",
        {"message_id": "61851c", "emoji": "👍"},
        ReactionMessage,
        {"reaction_to": "61851c", "emoji": "👍"},
    ),
    (
        "REACTION",
        {"message_id": "61851c", "emoji": ""},
        ReactionMessage,
        {"reaction_to": "61851c", "emoji": None},
    ),
    (
        "CONTACTS",
        [{"name": {"formatted_name": "A"}}],
        ContactsMessage,
        {"contacts": ({"name": {"formatted_name": "A"}},)},
    ),
    (
        "CONTACT",
        {"contacts": [{"name": {"formatted_name": "A"}}]},
        ContactsMessage,
        {"contacts": ({"name": {"formatted_name": "A"}},)},
    ),
    (
        "CONTACTS",
        {"name": {"formatted_name": "A"}},
        ContactsMessage,
        {"contacts": ({"name": {"formatted_name": "A"}},)},
    ),
    (
        "SYSTEM",
        {"body": "changed", "type": "user_changed_number", "wa_id": "+862"},
        SystemMessage,
        {"body": "changed", "change": "user_changed_number", "wa_id": "862"},
    ),
    ("POLL", {"x": 1}, InboundMessage, {"type": "POLL", "message": {"x": 1}}),
    ("IMAGE", {"id": "321"}, InboundMessage, {"message": {"id": "321"}}),
    ("IMAGE", "no JSON {", InboundMessage, {"message": "no JSON {"}),
    ("ORDER", {"text": "x"}, InboundMessage, {"message": {"text": "x"}}),
    ("CONTACTS", "x", InboundMessage, {"message": "x"}),
    ("INTERACTIVE", {"nfm_reply": {}}, InboundMessage, {"type": "INTERACTIVE"}),
    ("INTERACTIVE", {"type": "new"}, InboundMessage, {"type": "INTERACTIVE"}),
    ("LOCATION", "null", InboundMessage, {"message": "null"}),
    ("LATER", "NaN", InboundMessage, {"message": "NaN"}),
    ("LATER", "0012", InboundMessage, {"message": "0012"}),
    (" Text ", "hello", TextMessage, {"text": "hello", "type": "TEXT"}),
    (
        "INTERACTIVE",
        {"interactive": json.dumps({"button_reply": json.dumps({"id": "b1"})})},
        ChoiceMessage,
        {"id": "b1"},
    ),
]

RECEIPTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {
            "Status": "Failed",
            "ErrorDescription": "131026:Receiver is incapable",
            "MsgFrameType": "template",
            "TaskId": "20230703017100009",
            "From": BUSINESS,
            "Timestamp": 1691043638000,
            "OriginPhoneNumber": "8613000000008",
            "TemplateCode": "820561547132813184",
            "Type": "TEMPLATE",
            "Language": "id",
            "TemplateName": "wa_otp_v_0_0_3",
            "To": f"+{USER}",
            "ErrorCode": 131026,
            "MessageId": "2023078469463703000",
        },
        {
            "status": "failed",
            "order": 2,
            "error_code": "131026",
            "error_description": "131026:Receiver is incapable",
            "task_id": "20230703017100009",
            "template_code": "820561547132813184",
            "template_name": "wa_otp_v_0_0_3",
            "language": "id",
            "from_": BUSINESS,
            "to": USER,
            "timestamp": datetime(2023, 8, 3, 6, 20, 38, tzinfo=UTC),
        },
    ),
    (
        {
            "MessageId": 2023038470553398000,
            "Status": "READ",
            "ConversationId": "72222201111000",
            "ConversationType": "service",
        },
        {
            "message_id": "2023038470553398000",
            "status": "read",
            "order": 4,
            "conversation_id": "72222201111000",
            "conversation_type": "service",
            "to": None,
        },
    ),
    ({"messageId": "1", "status": "Undelivered"}, {"status": "failed", "order": 2}),
    ({"MessageId": "1", "Status": "Deleted"}, {"status": "deleted", "order": 0}),
    ({"MessageId": "1", "Status": "Unsubscribe"}, {"status": "unsubscribe"}),
]

AUDITS: list[tuple[dict[str, Any], type[AuditEvent], dict[str, Any]]] = [
    (
        {
            "WabaId": "909",
            "TemplateCode": "744c",
            "Language": "en_US",
            "AuditStatus": "fail",
            "Reason": "Bad name",
        },
        TemplateAudit,
        {
            "kind": "template",
            "waba_id": "909",
            "template_code": "744c",
            "language": "en_US",
            "status": "fail",
            "reason": "Bad name",
        },
    ),
    (
        {"TemplateCode": "744c", "AuditStatus": "pass", "Reason": "None"},
        TemplateAudit,
        {"status": "pass", "reason": None, "waba_id": None},
    ),
    (
        {
            "WabaId": "909",
            "Type": "phoneQualityUpdate",
            "PhoneNumber": f"+{BUSINESS}",
            "Status": "GREEN",
        },
        AuditEvent,
        {"kind": "phoneQualityUpdate", "phone_number": BUSINESS, "status": "GREEN"},
    ),
    (
        {"WabaId": "909", "Type": "wabaReviewUpdate", "Status": "APPROVED"},
        AuditEvent,
        {"kind": "wabaReviewUpdate", "phone_number": None, "status": "APPROVED"},
    ),
    (
        {"WabaId": 909, "Type": "templateCategoryUpdate", "TemplateCode": "744c"},
        TemplateAudit,
        {"kind": "templateCategoryUpdate", "status": None, "waba_id": "909"},
    ),
    (
        {"WabaId": "909", "Type": "laterUpdate", "New": 1},
        AuditEvent,
        {"kind": "laterUpdate"},
    ),
    (
        {"Type": "PhoneQualityUpdate", "PhoneNumber": BUSINESS, "Status": "RED"},
        AuditEvent,
        {"kind": "PhoneQualityUpdate", "status": "RED", "waba_id": None},
    ),
]


def inbound(kind: str, message: Any, **fields: Any) -> dict[str, Any]:
    """Return an inbound item; JSON stands as a text in it."""
    text = message if isinstance(message, str | int) else json.dumps(message)
    return {**ENVELOPE, "Type": kind, "Message": text, **fields}


ITEMS = [
    *(inbound(kind, message) for kind, message, _, _ in INBOUND),
    *(item for item, _ in RECEIPTS),
    *(item for item, _, _ in AUDITS),
    {"New": "kind"},
    {"MessageId": "1"},
    {**ENVELOPE, "Type": "TEXT", "From": "", "Message": "x"},
]


def parsed(item: Any) -> Event:
    """Return the only event of a notification."""
    (event,) = parse(json.dumps([item]))
    return event


def shown(event: Event, names: Any) -> dict[str, Any]:
    """Return some fields of an event."""
    return {name: getattr(event, name) for name in names}


@pytest.mark.parametrize(("kind", "message", "cls", "fields"), INBOUND)
@pytest.mark.parametrize("as_text", [True, False])
def test_an_inbound_message_has_the_class_of_its_type(
    kind: str, message: Any, cls: type[Event], fields: dict[str, Any], *, as_text: bool
) -> None:
    """Its content is JSON in a text, or the JSON itself."""
    item = inbound(kind, message)
    if not as_text:
        item["Message"] = message
    event = parsed(item)

    assert type(event) is cls
    assert isinstance(event, InboundMessage)
    assert {**COMMON, **fields} == shown(event, {**COMMON, **fields})
    assert kind.strip().upper() == event.type


@pytest.mark.parametrize(("item", "fields"), RECEIPTS)
def test_a_receipt_has_its_status(item: dict[str, Any], fields: dict[str, Any]) -> None:
    """Statuses and numbers have one spelling."""
    event = parsed(item)

    assert type(event) is Receipt
    assert fields == shown(event, fields)


@pytest.mark.parametrize(("item", "cls", "fields"), AUDITS)
def test_a_change_has_its_kind(
    item: dict[str, Any], cls: type[Event], fields: dict[str, Any]
) -> None:
    """Of a template, a number or an account."""
    event = parsed(item)

    assert type(event) is cls
    assert fields == shown(event, fields)


@pytest.mark.parametrize("item", ITEMS)
def test_the_raw_item_has_the_same_event(item: dict[str, Any]) -> None:
    """So an event can be stored as its raw item, and nothing of that is lost."""
    event = parsed(item)
    again = parsed(event.raw)

    assert (event, event.key) == (again, again.key)
    assert item == event.raw
    assert 32 == len(event.key)
    assert hash(event) == hash(again)


def test_keys_differ_unless_the_event_is_the_same() -> None:
    """A message has one key, a receipt one for each status and recipient."""
    receipt = {"MessageId": "1", "Status": "Sent", "To": "861"}
    items: list[dict[str, Any]] = [
        receipt,
        {**receipt, "Status": "Read"},
        {**receipt, "To": "862"},
        {**ENVELOPE, "Type": "TEXT", "Message": "1", "MessageId": "1"},
        *(item for item, _, _ in AUDITS),
        {"New": "kind"},
        {"New": "other"},
    ]
    same = [{**receipt, "To": "+861", "Timestamp": 5}, {**items[3], "Name": "Other"}]
    keys = [parsed(item).key for item in items]

    assert len(items) == len(set(keys))
    assert [keys[0], keys[3]] == [parsed(item).key for item in same]


@pytest.mark.parametrize(
    ("item", "change"),
    [
        ({"Type": "templateCategoryUpdate", "TemplateCode": "1"}, {"Category": "NEW"}),
        ({"MessageId": "1", "Status": "unsubscribe"}, {"Timestamp": 1662104191973}),
        ({**ENVELOPE, "MessageId": None, "Type": "TEXT", "Message": "1"}, {"Name": ""}),
    ],
)
def test_what_differs_in_any_field_is_not_lost_as_a_duplicate(
    item: dict[str, Any], change: dict[str, Any]
) -> None:
    """Fields that no page names can make the difference."""
    assert parsed(item).key != parsed({**item, **change}).key


def test_what_has_no_id_is_a_duplicate_for_minutes_only() -> None:
    """The same state of a template can come twice for real."""
    events = [parsed(item) for item in ITEMS]

    for event in events:
        always = isinstance(event, InboundMessage | Receipt)
        assert (None if always else 600) == event.duplicate_for


@pytest.mark.parametrize(
    "order",
    [
        ["sent", "delivered", "read"],
        ["read", "delivered", "failed", "sent"],
        ["sent", "failed", "delivered", "Read"],
    ],
)
def test_a_status_never_falls_back(order: list[str]) -> None:
    """Whatever the order of the receipts, the last status is read."""
    status: str | None = None
    for each in order:
        event = parsed({"MessageId": "1", "Status": each})
        assert isinstance(event, Receipt)
        if event.supersedes(status):
            status = event.status

    assert "read" == status


GOOD = {"MessageId": "1", "Status": "Read"}

NO_OBJECT = "the item is no object of at most 32 levels"

WHOLE = {"WabaId": "1", "Type": "new", "Big": 10**40}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps([GOOD]),
        json.dumps(GOOD),
        json.dumps([json.dumps(GOOD)]),
        json.dumps(json.dumps([GOOD])),
        json.dumps(json.dumps(json.dumps(GOOD))),
        json.dumps([{" MessageId ": "1", "Status\t": "Read"}]),
        json.dumps([{"messageId": 1, "status": "READ "}]),
        json.dumps([GOOD]).encode("utf-8-sig"),
        '[{"MessageId":"1","Status":"Read","ErrorDescription":"a\nb"}]',
        b'[{"MessageId":"1","Status":"Read","X":"\xff"}]',
        '[{"MessageId":"1","Status":"Read","X":NaN}]',
    ],
)
def test_the_forms_of_a_body(body: bytes | str) -> None:
    """All of them are one receipt."""
    (event,) = parse(body)

    assert isinstance(event, Receipt)
    assert ("1", "read") == (event.message_id, event.status)


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (1662104191973, TIME),
        ("1662104191973", TIME),
        (1662104191.973, TIME),
        ("1662104191.973", TIME),
        (None, None),
        ("yesterday", None),
        ("nan", None),
        ("9" * 30, None),
        (True, None),
    ],
)
def test_the_forms_of_a_time(timestamp: Any, expected: datetime | None) -> None:
    """Milliseconds or seconds, as a number or a text."""
    event = parsed(inbound("TEXT", "x", Timestamp=timestamp))

    assert isinstance(event, InboundMessage)
    if expected is None or event.timestamp is None:
        assert expected is event.timestamp
    else:
        assert abs(expected - event.timestamp) < timedelta(milliseconds=1)


def test_a_user_without_a_number_has_an_id() -> None:
    """A reply needs the ID, and the type of recipient."""
    event = parsed(inbound("TEXT", "x", From=None, FromUserId="US.1"))
    both = parsed(inbound("TEXT", "x", FromUserId="US.1"))

    assert isinstance(event, InboundMessage)
    assert ("US.1", "userId") == (event.from_, event.recipient_type)
    assert isinstance(both, InboundMessage)
    assert (USER, None, "US.1") == (both.from_, both.recipient_type, both.from_user_id)


def test_a_reply_names_its_message() -> None:
    """The context has the ID."""
    context = {"from": BUSINESS, "id": "61851c"}
    event = parsed(inbound("TEXT", "x", Context=context))

    assert isinstance(event, InboundMessage)
    assert "61851c" == event.context_message_id


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (5, NO_OBJECT),
        (None, NO_OBJECT),
        ("text", NO_OBJECT),
        ([GOOD], NO_OBJECT),
        ({**ENVELOPE, "Type": "TEXT", "To": None}, "the item has no To"),
        ({**ENVELOPE, "Type": "TEXT", "From": {}}, "the item has no From"),
    ],
)
def test_an_odd_item_loses_no_other(item: Any, reason: str) -> None:
    """It becomes an event, too, and stays as it is."""
    first, odd, last = parse(json.dumps([GOOD, item, GOOD]))

    assert isinstance(odd, UnparsedEvent)
    assert (reason, item) == (odd.reason, odd.raw)
    assert first == last == parsed(GOOD)
    assert odd == parsed(odd.raw)


@pytest.mark.parametrize(
    "fields", [{"MessageId": None}, {"MessageId": None, "WabaId": None}]
)
def test_a_message_without_an_id_is_no_change(fields: dict[str, Any]) -> None:
    """It has a sender."""
    event = parsed(inbound("TEXT", "hello", **fields))

    assert type(event) is Event
    assert "hello" == event.raw["Message"]


def test_a_receipt_without_a_status_is_no_message() -> None:
    """Its sender is the business: a bot that replied would write to itself."""
    item = {**ENVELOPE, "Type": "TEMPLATE", "MsgFrameType": "template", "Status": ""}
    event = parsed(item)

    assert isinstance(event, UnparsedEvent)
    assert "the item has no Status" == event.reason


def test_a_field_that_is_there_twice_keeps_both_values() -> None:
    """A name without spaces has precedence, wherever it stands."""
    for body in (
        '[{"MessageId":"1","Status":"Sent","Status ":"","A ":1," A":2}]',
        '[{"Status ":"","Status":"Sent","MessageId":"1","A ":1," A":2}]',
    ):
        (event,) = parse(body)

        assert isinstance(event, Receipt)
        assert "sent" == event.status
        assert {"MessageId": "1", "Status": "Sent", "Status ": ""} == {
            name: event.raw[name] for name in ("MessageId", "Status", "Status ")
        }
        assert (1, 2) == (event.raw["A"], event.raw[" A"])
        assert event == parsed(event.raw)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "-Infinity"])
def test_what_is_no_finite_number_is_kept_as_a_text(number: str) -> None:
    """Such numbers are no JSON, in which events are stored."""
    (event,) = parse(f'[{{"New": {number}}}]')

    assert {"New": number} == event.raw
    assert event.key == parsed(event.raw).key


def test_half_of_a_character_is_replaced() -> None:
    """No file, database or terminal takes it. Whole characters stay."""
    texts = {
        r"a\ud83d": "a\ufffd",
        r"\ud83d\ude00": "\U0001f600",
        r"\\ud83d": r"\ud83d",
    }
    for escaped, expected in texts.items():
        (event,) = parse(json.dumps([inbound("TEXT", "?")]).replace("?", escaped))

        assert isinstance(event, TextMessage)
        assert expected == event.text


def test_a_boolean_is_no_text() -> None:
    """The message is kept."""
    event = parsed({**ENVELOPE, "Type": "TEXT", "Message": True})

    assert isinstance(event, InboundMessage)
    assert (InboundMessage, True) == (type(event), event.message)


def test_a_deep_item_is_kept_as_a_text() -> None:
    """It is not read, and the others are."""
    deep: Any = {}
    for _ in range(40):
        deep = {"a": [deep]}
    odd, good = parse(json.dumps([deep, GOOD]))

    assert isinstance(odd, UnparsedEvent)
    assert deep == json.loads(odd.raw)
    assert odd == parsed(odd.raw)
    assert isinstance(good, Receipt)


def test_a_far_too_deep_value_has_no_text() -> None:
    """The recursion of the encoder is bounded."""
    deep: Any = {}
    for _ in range(100_000):
        deep = [deep]

    assert "" == _text_of(deep)
    while deep:  # else freeing it would recurse as deeply
        (deep,) = deep


@pytest.mark.parametrize(
    "body",
    [
        b"",
        "no JSON",
        "5",
        "null",
        '"text"',
        "[" * 100_000,
        b"[]" + b" " * 2**20,
        "[" + "{}," * 10_000 + "{}]",
    ],
)
def test_a_body_that_is_no_notification_is_an_error(body: bytes | str) -> None:
    """The text has nothing of the body."""
    with pytest.raises(CallbackError, match=r"^the body "):
        parse(body)


def test_a_body_of_another_type_is_an_error() -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match=r"^body: must be"):
        parse({"MessageId": "1"})  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_the_size_is_bounded_by_its_bytes() -> None:
    """A text counts as UTF-8."""
    body = json.dumps([{"Name": "无"}], ensure_ascii=False)

    assert parse(body, max_bytes=len(body.encode()))
    with pytest.raises(CallbackError):
        parse(body, max_bytes=len(body))


def test_a_notification_without_items_has_no_events() -> None:
    """It is not an error."""
    assert () == parse("[]")


def test_a_number_of_many_digits_is_kept_as_a_text() -> None:
    """Converting it could take long."""
    event = parsed({**WHOLE, "PhoneNumber": 8613800000000.0})

    assert "1" + "0" * 40 == event.raw["Big"]
    assert isinstance(event, AuditEvent)
    assert "8613800000000" == event.phone_number


@pytest.mark.parametrize("item", ITEMS)
def test_a_repr_shows_nothing_personal(item: dict[str, Any]) -> None:
    """Neither numbers, nor names, nor texts."""
    event = parsed(item)
    found = [
        str(value)
        for name, value in attrs.asdict(event, recurse=False).items()
        if name not in ("key", "kind", "status", "error_code", "raw")
    ]

    assert event.key[:8] in repr(event)
    for text in (*found, USER, BUSINESS, "Canary"):
        assert len(text) < 5 or text not in repr(event).removeprefix("<")


@pytest.mark.parametrize(
    "item",
    [
        {"MessageId": "1", "Status": "x\nERROR y", "ErrorCode": USER},
        {"WabaId": "1", "Type": "x\nERROR y", "Status": f"{USER}.changed"},
    ],
)
def test_a_repr_shows_words_only(item: dict[str, Any]) -> None:
    """The vendor signs nothing: a forged value adds no line to a log."""
    event = parsed(item)

    assert f"<{type(event).__name__} {event.key[:8]} *** ***>" == repr(event)


@pytest.mark.parametrize("item", ITEMS)
def test_an_event_survives_pickle(item: dict[str, Any]) -> None:
    """So a process pool can handle it."""
    event = parsed(item)
    again = pickle.loads(pickle.dumps(event))  # noqa: S301 - our own bytes

    assert (event, event.raw) == (again, again.raw)


NAMES = st.sampled_from(
    [*ENVELOPE, "Type", "Message", "Status", "AuditStatus", "Context"]
)
KINDS = st.sampled_from([kind for kind, *_ in INBOUND])


@given(st.lists(st.dictionaries(NAMES, JSON | KINDS, max_size=6) | JSON, max_size=4))
def test_no_item_loses_another(items: list[Any]) -> None:
    """Whatever an item is, each has its event, and a good one is read."""
    events = parse(json.dumps([GOOD, *items, GOOD]))

    assert len(items) + 2 == len(events)
    assert events[0] == events[-1] == parsed(GOOD)
    for event in events:
        assert parsed(event.raw) == event
        assert parsed(event.raw).key == event.key


@given(st.binary() | st.text() | JSON.map(json.dumps))
def test_any_body_has_events_or_is_an_error(body: bytes | str) -> None:
    """There is no other exception."""
    try:
        events = parse(body)
    except CallbackError:
        return

    assert all(isinstance(event, Event) for event in events)


NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "is_open"),
    [
        (None, False),
        (NOW, True),
        (NOW + timedelta(seconds=5), True),
        (NOW - timedelta(hours=23, minutes=59), True),
        (NOW - timedelta(hours=24), False),
    ],
)
def test_the_window_is_open_for_a_day(last: datetime | None, *, is_open: bool) -> None:
    """It is counted from the last message of the user."""
    assert is_open is window_open(last, NOW)


@pytest.mark.parametrize("field", ["last_inbound", "now"])
def test_a_time_without_a_zone_is_an_error(field: str) -> None:
    """The error names the argument."""
    times = {"last_inbound": NOW, "now": NOW, field: NOW.replace(tzinfo=None)}

    with pytest.raises(ConfigurationError, match=rf"^{field}: must have a time zone"):
        window_open(**times)
