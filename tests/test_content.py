"""Typed contents: what is sent, what is refused, and that any text survives."""

import asyncio
import json
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cams_async import CamsClient, content
from cams_async.content import (
    Audio,
    Button,
    Buttons,
    Contact,
    ContactAddress,
    ContactEmail,
    ContactName,
    ContactOrganisation,
    ContactPhone,
    Contacts,
    ContactUrl,
    Document,
    Image,
    Interactive,
    InteractiveAction,
    Location,
    Menu,
    MenuRow,
    MenuSection,
    OpenFlow,
    OpenUrl,
    ProductGroup,
    Reaction,
    RequestAddress,
    RequestLocation,
    ShowCatalog,
    ShowProduct,
    ShowProducts,
    Sticker,
    Text,
    TypedContent,
    Video,
)
from cams_async.emulator import Emulator
from cams_async.errors import InvalidOperation
from cams_async.operations import SendChatappMessage
from cams_async.secret import Secret
from cams_async.wire import parameters
from tests import official
from tests.fakes import FAST
from tests.strategies import TEXT

LINK = "https://shop.example/a.bin"

Make = Callable[[], TypedContent]


def buttons(*titles: str) -> Buttons:
    """Return buttons with ids of their own."""
    return Buttons([Button(f"b{i}", title) for i, title in enumerate(titles)])


def menu(*sections: tuple[str | None, int]) -> Menu:
    """Return a menu with so many rows in each of its sections."""
    return Menu(
        "Menu",
        [
            MenuSection([MenuRow(f"{i}-{j}", "Row") for j in range(rows)], title)
            for i, (title, rows) in enumerate(sections)
        ],
    )


def products(*groups: tuple[str | None, int]) -> ShowProducts:
    """Return so many products in each group."""
    found = [ProductGroup([f"p{i}" for i in range(n)], title) for title, n in groups]
    return ShowProducts("c1", found)


def flow(**changes: Any) -> OpenFlow:
    """Return the action of a Flow."""
    known: dict[str, Any] = {"flow_id": "1", "flow_cta": "Go", "flow_token": "t"}
    return OpenFlow(**{**known, **changes})


CONTENTS: list[tuple[TypedContent, str, Any]] = [
    (Text("hello"), "text", {"text": "hello"}),
    (Image(LINK), "image", {"link": LINK}),
    (Image(LINK, "A"), "image", {"link": LINK, "caption": "A"}),
    (Video(LINK, "A"), "video", {"link": LINK, "caption": "A"}),
    (Audio(LINK), "audio", {"link": LINK}),
    (Document(LINK, "a.pdf"), "document", {"link": LINK, "fileName": "a.pdf"}),
    (
        Document(LINK, "a.pdf", "A"),
        "document",
        {"link": LINK, "fileName": "a.pdf", "caption": "A"},
    ),
    (Sticker(LINK), "sticker", {"link": LINK}),
    (
        Location(30.25, -120, "Shop", "1 Road"),
        "location",
        {"latitude": "30.25", "longitude": "-120", "name": "Shop", "address": "1 Road"},
    ),
    (
        Location("30.2", "120.1"),
        "location",
        {"latitude": "30.2", "longitude": "120.1"},
    ),
    (Reaction("m1", "👍"), "reaction", {"messageId": "m1", "emoji": "👍"}),
    (Reaction("m1", ""), "reaction", {"messageId": "m1", "emoji": ""}),
    (
        Contacts(
            [
                Contact(
                    ContactName("A B", first_name="A"),
                    phones=[ContactPhone("+1 555", "CELL", "1555")],
                    emails=[ContactEmail("a@b.example", "WORK")],
                    urls=[ContactUrl("https://b.example")],
                    addresses=[ContactAddress(city="Hangzhou", zip="310000")],
                    org=ContactOrganisation("Shop"),
                    birthday="2000-02-29",
                ),
                {"name": {"formatted_name": "C", "last_name": "C"}, "x_new": 1},
            ]
        ),
        "contacts",
        [
            {
                "name": {"formatted_name": "A B", "first_name": "A"},
                "phones": [{"phone": "+1 555", "type": "CELL", "wa_id": "1555"}],
                "emails": [{"email": "a@b.example", "type": "WORK"}],
                "urls": [{"url": "https://b.example"}],
                "addresses": [{"city": "Hangzhou", "zip": "310000"}],
                "org": {"company": "Shop"},
                "birthday": "2000-02-29",
            },
            {"name": {"formatted_name": "C", "last_name": "C"}, "x_new": 1},
        ],
    ),
]

ACTIONS: list[tuple[InteractiveAction, str, Any]] = [
    (
        Buttons([Button("b1", "Yes"), {"id": "b2", "title": "No"}]),
        "button",
        {
            "buttons": [
                {"type": "reply", "reply": {"id": "b1", "title": "Yes"}},
                {"type": "reply", "reply": {"id": "b2", "title": "No"}},
            ]
        },
    ),
    (
        Menu("Menu", [MenuSection([MenuRow("r1", "R", "D")], "A")]),
        "list",
        {
            "button": "Menu",
            "sections": [
                {
                    "rows": [{"id": "r1", "title": "R", "description": "D"}],
                    "title": "A",
                }
            ],
        },
    ),
    (
        OpenUrl("Open", LINK),
        "cta_url",
        {"name": "cta_url", "parameters": {"display_text": "Open", "url": LINK}},
    ),
    (
        flow(screen="FIRST", data={"a": 1}),
        "flow",
        {
            "name": "flow",
            "parameters": {
                "flow_message_version": "3",
                "flow_token": "t",
                "flow_id": "1",
                "flow_cta": "Go",
                "flow_action": "navigate",
                "flow_action_payload": {"screen": "FIRST", "data": {"a": 1}},
            },
        },
    ),
    (
        flow(flow_action="data_exchange"),
        "flow",
        {
            "name": "flow",
            "parameters": {
                "flow_message_version": "3",
                "flow_token": "t",
                "flow_id": "1",
                "flow_cta": "Go",
                "flow_action": "data_exchange",
            },
        },
    ),
    (RequestLocation(), "location_request_message", {"name": "send_location"}),
    (
        RequestAddress("IN"),
        "address_message",
        {"name": "address_message", "parameters": {"country": "IN"}},
    ),
    (
        ShowProduct("c1", "p1"),
        "product",
        {"catalog_id": "c1", "product_retailer_id": "p1"},
    ),
    (
        products(("A", 2), (None, 1)),
        "product_list",
        {
            "catalog_id": "c1",
            "sections": [
                {
                    "title": "A",
                    "product_items": [
                        {"product_retailer_id": "p0"},
                        {"product_retailer_id": "p1"},
                    ],
                },
                {"product_items": [{"product_retailer_id": "p0"}]},
            ],
        },
    ),
    (ShowCatalog(), "catalog_message", {"name": "catalog_message"}),
    (
        ShowCatalog("p1"),
        "catalog_message",
        {
            "name": "catalog_message",
            "parameters": {"thumbnail_product_retailer_id": "p1"},
        },
    ),
    (
        RequestLocation(extra={"later": "x"}),
        "location_request_message",
        {"name": "send_location", "later": "x"},
    ),
]


@pytest.mark.parametrize(("typed", "kind", "value"), CONTENTS)
def test_a_content_is_serialised_as_the_vendor_expects(
    typed: TypedContent, kind: str, value: Any
) -> None:
    """The keys are lower case or camelCase, and the text is compact."""
    text = typed.to_json()

    assert kind == typed.message_type
    assert value == json.loads(text)
    assert text == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize(("action", "kind", "value"), ACTIONS)
def test_an_interactive_content_has_the_object_of_its_action(
    action: InteractiveAction, kind: str, value: Any
) -> None:
    """Its other parts stand beside it."""
    bare = Interactive(None, action)
    full = Interactive("Body", action, header="Head", footer="Foot")

    assert {"type": kind, "action": value} == json.loads(bare.to_json())
    assert {
        "type": kind,
        "header": {"type": "text", "text": "Head"},
        "body": {"text": "Body"},
        "footer": {"text": "Foot"},
        "action": value,
    } == json.loads(full.to_json())


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (Image(LINK), {"type": "image", "image": {"link": LINK}}),
        (Video(LINK), {"type": "video", "video": {"link": LINK}}),
        (
            Document(LINK, "a.pdf"),
            {"type": "document", "document": {"link": LINK, "filename": "a.pdf"}},
        ),
    ],
)
def test_a_header_can_be_a_medium(
    header: Image | Video | Document, value: dict[str, Any]
) -> None:
    """It is the same object as in a message."""
    sent = Interactive("Body", buttons("Yes"), header=header)

    assert value == json.loads(sent.to_json())["header"]


NAME = ContactName("A B", first_name="A")

REFUSED: list[tuple[Make, str, str]] = [
    (lambda: Text(""), "text", "a non-empty string"),
    (lambda: Text(5), "text", "a non-empty string"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - refused
    (lambda: Image(""), "link", "a non-empty string"),
    (lambda: Image("ftp://a.example/x"), "link", "a public http or https URL"),
    (lambda: Video("a.example/x"), "link", "a public http or https URL"),
    (lambda: Audio("https://"), "link", "a public http or https URL"),
    (lambda: Sticker("https:///x y"), "link", "a public http or https URL"),
    (lambda: Image(LINK, "a" * 1025), "caption", "a string of at most 1024 characters"),
    (lambda: Document(LINK, ""), "file_name", "a non-empty string"),
    (lambda: Location("x", 1), "latitude", "a decimal number of degrees"),
    (lambda: Location(1, float("nan")), "longitude", "a decimal number of degrees"),
    (lambda: Location(1, True), "longitude", "a decimal number of degrees"),  # noqa: FBT003 - refused
    (lambda: Reaction("", "x"), "message_id", "a non-empty string"),
    (lambda: Contacts([]), "contacts", "a non-empty list"),
    (
        lambda: Contacts([Contact(ContactName("A B"))]),
        "contacts[0].name",
        "a name with at least one part beside formatted_name, such as first_name",
    ),
    (lambda: Contacts([{"birthday": "2000-01-01"}]), "contacts[0].name", "given"),
    (
        lambda: Contacts([Contact(NAME, birthday="29.2.2000")]),
        "contacts[0].birthday",
        "a date as YYYY-MM-DD",
    ),
    (
        lambda: Contacts([Contact(NAME, phones=[{"number": "1"}])]),
        "contacts[0].phones[0].phone",
        "given",
    ),
    (
        lambda: Interactive("B", {"buttons": []}),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - refused
        "action",
        "an instance of a subclass of InteractiveAction",
    ),
    (
        lambda: Interactive("B", "buttons"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - refused
        "action",
        "an instance of a subclass of InteractiveAction",
    ),
    (lambda: Interactive("", buttons("A")), "body", "a non-empty string"),
    (lambda: Interactive("B", Buttons([])), "action.buttons", "a non-empty list"),
    (
        lambda: Interactive("B", Buttons([Button("a", "A"), Button("", "A")])),
        "action.buttons[1].id",
        "a non-empty string",
    ),
    (
        lambda: Interactive("B", Menu("M", [{"rows": [{"id": "1"}]}])),
        "action.sections[0].rows[0].title",
        "given",
    ),
    (
        lambda: Interactive("B", buttons("A"), header=Audio(LINK)),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - refused
        "header",
        "a string, an Image, a Video or a Document",
    ),
    (
        lambda: Interactive("B", buttons("A"), header=" "),
        "header",
        "a non-empty string",
    ),
    (
        lambda: Interactive("B", buttons("A"), header=Image(LINK, "A")),
        "header.caption",
        "left out, as a header has no caption",
    ),
    (
        lambda: Interactive("B", flow(flow_action="x")),
        "action.flow_action",
        "one of navigate, data_exchange",
    ),
]


@pytest.mark.parametrize(("make", "path", "expected"), REFUSED)
def test_a_refused_value_is_named_by_its_path(
    make: Make, path: str, expected: str
) -> None:
    """The error is that of an operation, and is raised before anything is sent."""
    with pytest.raises(InvalidOperation) as caught:
        make()
    error = caught.value

    assert (f"content.{path}", "SendChatappMessage") == (error.field, error.action)
    assert expected == error.expected
    assert f"content.{path} must be {expected}" in str(error)
    assert error.__cause__ is error.__context__ is None


UNSENDABLE: list[tuple[Make, str, str]] = [
    (lambda: Text("\ud800"), "text", "valid Unicode"),
    (lambda: Image(LINK, "\ud800"), "caption", "valid Unicode"),
    (
        lambda: Contacts([Contact(NAME), Contact(ContactName("\ud800", "A"))]),
        "contacts[1].name.formatted_name",
        "valid Unicode",
    ),
    (
        lambda: Interactive("B", buttons("A", "\ud800"), header=Image(LINK)),
        "action.buttons[1].title",
        "valid Unicode",
    ),
    (
        lambda: Interactive("B", buttons("A"), header=Image(LINK), footer="\ud800"),
        "footer",
        "valid Unicode",
    ),
    (
        lambda: Interactive("B", flow(data={"a": {"\ud800"}})),
        "action.data",
        "a value with a JSON form",
    ),
    (
        lambda: Interactive("B", flow(data={"a": "\ud800"})),
        "action.data",
        "a value with a JSON form",
    ),
    (
        lambda: Interactive("B", flow(data={"a": [Secret("s")]})),
        "action.data",
        "a value without secrets",
    ),
    (
        lambda: Interactive("B", RequestLocation(extra={"a": float("inf")})),
        "action.extra",
        "a value with a JSON form",
    ),
]


@pytest.mark.parametrize(("make", "path", "expected"), UNSENDABLE)
def test_a_value_that_cannot_be_sent_is_named_by_its_path(
    make: Make, path: str, expected: str
) -> None:
    """It is found before anything is sent."""
    with pytest.raises(InvalidOperation) as caught:
        make()

    assert (f"content.{path}", expected) == (caught.value.field, caught.value.expected)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Text("hello"), "Text(text=...)"),
        (Image(LINK, strict=True), "Image(link=...)"),
        (Reaction("m1", ""), "Reaction(message_id=..., emoji=...)"),
        (Contacts([Contact(NAME)]), "Contacts(contacts=...)"),
        (ContactPhone("+1 555", wa_id="1555"), "ContactPhone(phone=..., wa_id=...)"),
        (Button("b1", "Yes", extra={"x": 1}), "Button(extra=..., id=..., title=...)"),
        (
            Interactive("B", buttons("A"), footer="F"),
            "Interactive(body=..., action=..., footer=...)",
        ),
    ],
)
def test_a_representation_shows_no_values(value: object, shown: str) -> None:
    """They are texts and numbers of users."""
    assert shown == repr(value)


Strict = Callable[[bool], TypedContent]


def interactive(
    action: InteractiveAction, body: str | None = "Body", **parts: Any
) -> Strict:
    """Return a function that makes an interactive content, strictly or not."""
    return lambda strict: Interactive(body, action, strict=strict, **parts)


LIMITS: list[tuple[Strict, str]] = [
    (lambda strict: Text("a" * 4097, strict=strict), "text"),
    (lambda strict: Location(90.1, 0, strict=strict), "latitude"),
    (lambda strict: Location(0, "-181", strict=strict), "longitude"),
    (lambda strict: Location(0, 0, address="1 Road", strict=strict), "name"),
    (interactive(buttons("A"), "a" * 1025), "body"),
    (interactive(menu(("A", 1)), "a" * 4097), "body"),
    (interactive(buttons("A"), None), "body"),
    (interactive(buttons("A"), footer="a" * 61), "footer"),
    (interactive(buttons("A"), header="a" * 61), "header"),
    (interactive(menu(("A", 1)), header=Image(LINK)), "header"),
    (interactive(products(("A", 1))), "header"),
    (interactive(products(("A", 1)), header=Image(LINK)), "header"),
    (interactive(ShowProduct("c", "p"), header="Head"), "header"),
    (interactive(buttons(*"ABCD")), "action.buttons"),
    (interactive(buttons("A", "A")), "action.buttons[1].title"),
    (interactive(buttons("a" * 21)), "action.buttons[0].title"),
    (interactive(Buttons([Button("a" * 257, "A")])), "action.buttons[0].id"),
    (
        interactive(Buttons([Button("a", "A"), Button("a", "B")])),
        "action.buttons[1].id",
    ),
    (interactive(Menu("a" * 21, menu(("A", 1)).sections)), "action.button"),
    (interactive(menu(*[("A", 1)] * 11)), "action.sections"),
    (interactive(menu(("A", 6), ("B", 5))), "action.sections"),
    (interactive(menu((None, 1), ("B", 1))), "action.sections[0].title"),
    (interactive(menu(("A", 1), ("a" * 25, 1))), "action.sections[1].title"),
    (
        interactive(Menu("M", [MenuSection([MenuRow("a" * 201, "R")])])),
        "action.sections[0].rows[0].id",
    ),
    (
        interactive(Menu("M", [MenuSection([MenuRow("a", "R" * 25)])])),
        "action.sections[0].rows[0].title",
    ),
    (
        interactive(Menu("M", [MenuSection([MenuRow("a", "R", "D" * 73)])])),
        "action.sections[0].rows[0].description",
    ),
    (
        interactive(Menu("M", [MenuSection([MenuRow("a", "R"), MenuRow("a", "S")])])),
        "action.sections[0].rows[1].id",
    ),
    (interactive(OpenUrl("a" * 21, LINK)), "action.display_text"),
    (interactive(OpenUrl("A", LINK + "a" * 2000)), "action.url"),
    (interactive(OpenUrl("A", "shop.example")), "action.url"),
    (interactive(flow(screen="A", flow_cta="a" * 31)), "action.flow_cta"),
    (interactive(flow()), "action.screen"),
    (interactive(RequestAddress("India")), "action.country"),
    (interactive(products(("A", 31)), header="Head"), "action.sections"),
]


@pytest.mark.parametrize(("make", "path"), LIMITS)
def test_strict_refuses_what_only_others_than_the_vendor_state(
    make: Strict, path: str
) -> None:
    """Without it, the service decides."""
    make(False)  # noqa: FBT003 - the only argument
    with pytest.raises(InvalidOperation) as caught:
        make(True)  # noqa: FBT003 - the only argument

    assert f"content.{path}" == caught.value.field
    assert f"content.{path} must be {caught.value.expected}" in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Text("a" * 4096, strict=True),
        lambda: Image(LINK, "a" * 1024, strict=True),
        lambda: Location(-90, 180, "Shop", "1 Road", strict=True),
        lambda: Interactive("a" * 1024, buttons(*"ABC"), header="a" * 60, strict=True),
        lambda: Interactive("a" * 4096, menu(("A", 9), ("B", 1)), strict=True),
        lambda: Interactive("B", OpenUrl("a" * 20, LINK), footer="F", strict=True),
        lambda: Interactive("B", flow(screen="FIRST"), strict=True),
        lambda: Interactive("B", RequestLocation(), strict=True),
        lambda: Interactive("B", RequestAddress("IN"), strict=True),
        lambda: Interactive(None, ShowProduct("c", "p"), strict=True),
        lambda: Interactive("B", products(("A", 30)), header="Head", strict=True),
        lambda: Interactive("B", ShowCatalog("p"), strict=True),
    ],
)
def test_strict_accepts_values_at_their_limits(make: Make) -> None:
    """The limits are those that are accepted."""
    assert make().strict


def send(**fields: Any) -> SendChatappMessage:
    """Return a message with some fields."""
    known: dict[str, Any] = {"channel_type": "whatsapp", "from_": "861", "to": "862"}
    return SendChatappMessage(**{**known, **fields})


def test_a_content_sets_the_type_of_its_message() -> None:
    """A message with a typed content equals one that states all."""
    typed = send(content=Text("hi"))

    assert typed == send(type="message", message_type="text", content='{"text":"hi"}')
    assert typed == send(type="message", message_type="text", content=Text("hi"))
    assert typed == send(content=Text("hi", strict=True))
    assert "WhatsApp" == send(channel_type="WhatsApp", content=Text("hi")).channel_type


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"type": "template"}, "type"),
        ({"message_type": "image"}, "message_type"),
        ({"template_code": "1"}, "template_code"),
        ({"template_name": "a"}, "template_name"),
        ({"template_params": {"a": "b"}}, "template_params"),
        ({"payload": ["a"]}, "payload"),
        ({"flow_action": {"FlowToken": "t"}}, "flow_action"),
        ({"product_action": {"Sections": []}}, "product_action"),
        ({"channel_type": "viber"}, "channel_type"),
        ({"channel_type": None}, "channel_type"),
        ({"content": None}, "type"),
        ({"content": '{"text":"hi"}', "message_type": "text"}, "type"),
    ],
)
def test_what_contradicts_a_content_is_refused(
    fields: dict[str, Any], path: str
) -> None:
    """Nothing is left to the service, which would ignore one of both."""
    with pytest.raises(InvalidOperation) as caught:
        send(**{"content": Text("hi"), **fields})

    assert (path, "SendChatappMessage") == (caught.value.field, caught.value.action)


def test_every_content_and_action_of_the_module_has_a_case() -> None:
    """A new class is tested, too."""
    classes = {value for name, value in vars(content).items() if name in CLASSES}
    tested = {type(each) for each, _, _ in (*CONTENTS, *ACTIONS)}

    bases = {TypedContent, InteractiveAction, Interactive}
    assert (
        tested
        == {cls for cls in classes if issubclass(cls, TypedContent | InteractiveAction)}
        - bases
    )


CLASSES = content.__all__

WILD = st.one_of(
    TEXT.filter(str.strip),
    st.sampled_from(
        ["'\"\\", "a\nb\r\n\tc", "مرحبا \u202eb\u202c", "👩‍👩‍👧 é", "%7B+&="]
    ),
)


@settings(max_examples=10, deadline=None)
@given(st.lists(WILD, min_size=1, max_size=12, unique=True))
def test_any_text_arrives(texts: list[str]) -> None:
    """The emulator receives it unchanged from this client and from the vendor's SDK."""
    with warnings.catch_warnings(action="ignore"):  # of the vendor's SDK
        arrived = asyncio.run(arrivals(texts))

    contents = {json.dumps({"text": each}, ensure_ascii=False) for each in texts}
    assert {each.replace('": "', '":"', 1): 2 for each in contents} == arrived


async def arrivals(texts: list[str]) -> dict[str, int]:
    """Send each text with both clients; return how often each content arrived."""
    async with (
        Emulator(phone_numbers=1, qps=FAST) as emulator,
        CamsClient(emulator.credentials, endpoint=emulator.endpoint, qps=FAST) as cams,
    ):
        sender = emulator.phone_numbers[0].phone_number
        theirs = official.client(emulator.endpoint, emulator.credentials)
        for text in texts:
            message = send(from_=sender, content=Text(text))
            await cams.send(message)
            request = official.request_with("SendChatappMessage", parameters(message))
            await theirs.send_chatapp_message_async(request)
        calls = emulator.executed("SendChatappMessage")
    return {dict(given)["Content"]: times for given, times in calls.items()}
