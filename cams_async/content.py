"""Typed content of WhatsApp messages: one class for each type of message.

    await cams.send_chatapp_message(
        channel_type="whatsapp", from_=number, to=customer, content=Text("Hello")
    )

The content sets `type` and `message_type`. It is checked when it is created: what the
vendor's documentation or SDK refuses raises InvalidOperation, with the path of the
value. `strict=True` adds the rules that only Meta or users of CAMS state, such as most
lengths. A message type without a class here, and other channels, take `content` as JSON
text. The representation of a content names its fields without their values, which are
user data.

https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-sendchatappmessage
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeAlias, cast

import attrs
from attrs import field, frozen

from cams_async import wire
from cams_async.errors import InvalidOperation
from cams_async.models import Content, Record
from cams_async.operations.fields import (
    WIRE,
    ClearableText,
    Json,
    UnfitError,
    check_fields,
)
from cams_async.secret import Secret

__all__ = [
    "Audio",
    "Button",
    "Buttons",
    "Contact",
    "ContactAddress",
    "ContactEmail",
    "ContactName",
    "ContactOrganisation",
    "ContactPhone",
    "ContactUrl",
    "Contacts",
    "Document",
    "Image",
    "Interactive",
    "InteractiveAction",
    "Location",
    "Menu",
    "MenuRow",
    "MenuSection",
    "OpenFlow",
    "OpenUrl",
    "ProductGroup",
    "Reaction",
    "RequestAddress",
    "RequestLocation",
    "ShowCatalog",
    "ShowProduct",
    "ShowProducts",
    "Sticker",
    "Text",
    "TypedContent",
    "Video",
]

_ACTION = "SendChatappMessage"

_LINK = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)

_DATE = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")

_DEGREES = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")

_MAX_CAPTION = 1024


# Rules in annotations: what the vendor's documentation or SDK refuses


class _Longest(NamedTuple):
    """A rule: a text of at most so many characters."""

    characters: int

    def __call__(self, value: str) -> str:
        if len(value) <= self.characters:
            return value
        msg = f"a string of at most {self.characters} characters"
        raise UnfitError(msg)


def _link(value: str) -> str:
    if _LINK.fullmatch(value):
        return value
    msg = "a public http or https URL"
    raise UnfitError(msg)


def _date(value: str) -> str:
    if _DATE.fullmatch(value):
        return value
    msg = "a date as YYYY-MM-DD"
    raise UnfitError(msg)


def _degrees(value: object) -> str:
    # A bool is an int; exponents are no decimal numbers.
    text = format(Decimal(repr(value)), "f") if type(value) is float else str(value)
    if not isinstance(value, bool) and _DEGREES.fullmatch(text):
        return text
    msg = "a decimal number of degrees"
    raise UnfitError(msg)


_Link: TypeAlias = Annotated[str, _link]

_Caption: TypeAlias = Annotated[str, _Longest(_MAX_CAPTION)]

_Degrees: TypeAlias = Annotated[str | float, _degrees]


def _as_named(
    _: type, attributes: list["attrs.Attribute[Any]"]
) -> list["attrs.Attribute[Any]"]:
    """Name the fields of a record on the wire as in Python, unless stated."""
    return [
        each.evolve(metadata={WIRE: each.name, **each.metadata}) for each in attributes
    ]


class _Limit(NamedTuple):
    """A value that `strict` refuses, by its path below `content`."""

    path: str
    expected: str


def _longer(path: str, text: str | None, characters: int) -> Iterator[_Limit]:
    """Yield a limit that a text exceeds."""
    if text is not None and len(text) > characters:
        yield _Limit(path, f"a string of at most {characters} characters")


def _number(
    path: str, items: Sequence[object], low: int, high: int
) -> Iterator[_Limit]:
    """Yield a limit that the number of items exceeds."""
    if not low <= len(items) <= high:
        yield _Limit(path, f"a list of {low} to {high} items")


def _repeated(paths: Iterable[tuple[str, str]]) -> Iterator[_Limit]:
    """Yield a limit for each value that occurs more than once."""
    seen: set[str] = set()
    for path, value in paths:
        if value in seen:
            yield _Limit(path, "unique in the message")
        seen.add(value)


def _fault(value: object) -> str | None:
    """Return the expected form of a value that cannot be sent; None if it can."""
    try:
        text = wire.as_text("Content", value)
    except InvalidOperation as error:
        return str(error.expected)
    return "a value without secrets" if isinstance(text, Secret) else None


def _parts(value: object) -> Mapping[str, object]:
    """Return the values inside a record or a list, by their steps on the path."""
    if isinstance(value, _WithoutValues):
        names = [each.name for each in attrs.fields(type(value))]
        return {f".{name}": getattr(value, name) for name in names}
    if isinstance(value, tuple):
        items = cast("tuple[object, ...]", value)
        return {f"[{i}]": each for i, each in enumerate(items)}
    return {}


def _innermost(path: str, expected: str, value: object) -> _Limit:
    """Return the innermost value that cannot be sent, by its path."""
    for step, part in _parts(value).items():
        # A medium in a header was checked when it was created.
        if not isinstance(part, Content) and (fault := _fault(part)):
            return _innermost(f"{path}{step}", fault, part)
    return _Limit(path, expected)


def _refused(limit: _Limit) -> InvalidOperation:
    msg = f"{limit.path} must be {limit.expected}"
    return InvalidOperation(
        msg, action=_ACTION, field=limit.path, expected=limit.expected
    )


@frozen(weakref_slot=False)
class _WithoutValues:
    """A class whose representation has the names of the fields that are set."""

    def __init_subclass__(cls) -> None:
        """Keep `__repr__`: attrs replaces it only where a class has none of its own."""
        super().__init_subclass__()
        setattr(cls, "__repr__", _WithoutValues.__repr__)  # noqa: B010 - type checkers refuse the assignment

    def __repr__(self) -> str:
        shown = [
            f"{each.name}=..."
            for each in attrs.fields(type(self))
            if each.repr and getattr(self, each.name) not in (None, {})
        ]
        return f"{type(self).__qualname__}({', '.join(shown)})"


@frozen(slots=False)
class _Part(_WithoutValues, Record):
    """The base of the records inside a content."""


@frozen
class TypedContent(_WithoutValues, Content):
    """The base of all contents.

    Attributes:
        strict: Whether to apply the rules that only Meta or users of CAMS state, too.

    Raises:
        InvalidOperation: A value is refused; `field` is its path.
    """

    strict: bool = field(default=False, kw_only=True, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Check the values."""
        check_fields(self, action=_ACTION, path="content.")
        for path, expected in self._limits() if self.strict else ():
            raise _refused(_Limit(f"content.{path}", expected))
        if fault := _fault(self._value()):
            raise _refused(_innermost("content", fault, self))

    def to_json(self) -> str:
        """Return the JSON text that is sent."""
        return cast("str", wire.as_text("Content", self._value()))

    def _value(self) -> object:
        """Return the JSON value: the fields that are set, by their wire names."""
        return {
            each.metadata.get(WIRE, each.name): value
            for each in attrs.fields(type(self))
            if each.name != "strict" and (value := getattr(self, each.name)) is not None
        }

    def _limits(self) -> Iterator[_Limit]:
        """Yield the values that `strict` refuses."""
        return iter(())


# Texts and media


@frozen
class Text(TypedContent):
    """A text, at most 4,096 characters with `strict`."""

    message_type: ClassVar[str] = "text"

    text: str

    def _limits(self) -> Iterator[_Limit]:
        return _longer("text", self.text, 4096)


@frozen
class Image(TypedContent):
    """An image: as a rule JPEG or PNG of up to 5 MB."""

    message_type: ClassVar[str] = "image"

    link: _Link
    """A public URL, which the service fetches."""

    caption: _Caption | None = None
    """At most 1,024 characters."""


@frozen
class Video(TypedContent):
    """A video: as a rule MP4 or 3GPP of up to 16 MB."""

    message_type: ClassVar[str] = "video"

    link: _Link
    """A public URL, which the service fetches."""

    caption: _Caption | None = None
    """At most 1,024 characters."""


@frozen
class Audio(TypedContent):
    """A sound: as a rule AAC, AMR, MP3, M4A or OGG (Opus) of up to 16 MB."""

    message_type: ClassVar[str] = "audio"

    link: _Link
    """A public URL, which the service fetches."""


@frozen
class Document(TypedContent):
    """A document of up to 100 MB, as a rule."""

    message_type: ClassVar[str] = "document"

    link: _Link
    """A public URL, which the service fetches."""

    file_name: str = field(metadata={WIRE: "fileName"})
    """The name that is shown; its extension decides the icon."""

    caption: _Caption | None = None
    """At most 1,024 characters. The vendor's texts contradict each other on whether a
    document has one."""


@frozen
class Sticker(TypedContent):
    """A sticker: as a rule WebP of 512 x 512 pixels."""

    message_type: ClassVar[str] = "sticker"

    link: _Link
    """A public URL, which the service fetches."""


@frozen
class Location(TypedContent):
    """A place on the map."""

    message_type: ClassVar[str] = "location"

    latitude: _Degrees
    """Degrees north, as a number or its text."""

    longitude: _Degrees
    """Degrees east, as a number or its text."""

    name: str | None = None

    address: str | None = None
    """Shown only beside a name."""

    def _limits(self) -> Iterator[_Limit]:
        for name, most in (("latitude", 90), ("longitude", 180)):
            if abs(float(getattr(self, name))) > most:
                yield _Limit(name, f"a number of degrees from -{most} to {most}")
        if self.address is not None and self.name is None:
            yield _Limit("name", "given with an address, which is not shown without")


@frozen
class Reaction(TypedContent):
    """A reaction to a message."""

    message_type: ClassVar[str] = "reaction"

    message_id: str = field(metadata={WIRE: "messageId"})
    """The ID of the message."""

    emoji: ClearableText
    """One emoji; an empty text removes a reaction."""


# Contacts


@frozen(slots=False, field_transformer=_as_named)
class ContactName(_Part):
    """The name of a contact: `formatted_name` and at least one other part."""

    formatted_name: str
    first_name: str | None = None
    last_name: str | None = None
    middle_name: str | None = None
    suffix: str | None = None
    prefix: str | None = None


def _name_with_parts(name: ContactName) -> ContactName:
    others = attrs.asdict(name, filter=lambda each, _: each.name != "formatted_name")
    if any(others.values()):
        return name
    msg = "a name with at least one part beside formatted_name, such as first_name"
    raise UnfitError(msg)


@frozen(slots=False, field_transformer=_as_named)
class ContactPhone(_Part):
    """A phone number of a contact."""

    phone: str
    type: Literal["CELL", "MAIN", "IPHONE", "HOME", "WORK"] | str | None = None
    wa_id: str | None = None
    """The number of the contact's WhatsApp account, as digits."""


@frozen(slots=False, field_transformer=_as_named)
class ContactEmail(_Part):
    """An email address of a contact."""

    email: str
    type: Literal["HOME", "WORK"] | str | None = None


@frozen(slots=False, field_transformer=_as_named)
class ContactUrl(_Part):
    """A website of a contact."""

    url: str
    type: Literal["HOME", "WORK"] | str | None = None


@frozen(slots=False, field_transformer=_as_named)
class ContactAddress(_Part):
    """A postal address of a contact."""

    street: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None
    country_code: str | None = None
    type: Literal["HOME", "WORK"] | str | None = None


@frozen(slots=False, field_transformer=_as_named)
class ContactOrganisation(_Part):
    """The workplace of a contact."""

    company: str | None = None
    department: str | None = None
    title: str | None = None


@frozen(slots=False, field_transformer=_as_named)
class Contact(_Part):
    """A contact."""

    name: Annotated[ContactName | Json, _name_with_parts]
    phones: Sequence[ContactPhone | Json] | None = None
    emails: Sequence[ContactEmail | Json] | None = None
    urls: Sequence[ContactUrl | Json] | None = None
    addresses: Sequence[ContactAddress | Json] | None = None
    org: ContactOrganisation | Json | None = None
    birthday: Annotated[str, _date] | None = None
    """A date as `YYYY-MM-DD`."""


@frozen
class Contacts(TypedContent):
    """One or more contacts."""

    message_type: ClassVar[str] = "contacts"

    contacts: Sequence[Contact | Json]

    def _value(self) -> object:
        return self.contacts


# Interactive messages


class _Bounds(NamedTuple):
    """What `strict` demands of the parts beside an action."""

    body: int = 1024
    needs_body: bool = True
    header: Literal["any", "text", "none", "needed"] = "any"


@frozen(slots=False)
class InteractiveAction(_Part, ABC):
    """The base of the actions of interactive messages."""

    kind: ClassVar[str]
    """The type of the interactive message."""

    bounds: ClassVar[_Bounds] = _Bounds()

    @abstractmethod
    def to_wire(self) -> Mapping[str, object]:
        """Return the JSON object of the action."""

    def limits(self) -> Iterator[_Limit]:
        """Yield the values that `strict` refuses."""
        return iter(())


@frozen(slots=False, field_transformer=_as_named)
class Button(_Part):
    """A button, which answers with its id and title."""

    id: str
    title: str


@frozen(slots=False)
class Buttons(InteractiveAction):
    """Up to three buttons."""

    kind: ClassVar[str] = "button"

    buttons: Sequence[Button | Json]

    def to_wire(self) -> Mapping[str, object]:
        """Return the JSON object of the action."""
        return {"buttons": [{"type": "reply", "reply": each} for each in self.buttons]}

    def limits(self) -> Iterator[_Limit]:
        """Yield the values that `strict` refuses."""
        buttons = cast("Sequence[Button]", self.buttons)
        yield from _number("buttons", buttons, 1, 3)
        for i, each in enumerate(buttons):
            yield from _longer(f"buttons[{i}].id", each.id, 256)
            yield from _longer(f"buttons[{i}].title", each.title, 20)
        yield from _repeated((f"buttons[{i}].id", b.id) for i, b in enumerate(buttons))
        yield from _repeated(
            (f"buttons[{i}].title", b.title) for i, b in enumerate(buttons)
        )


@frozen(slots=False, field_transformer=_as_named)
class MenuRow(_Part):
    """A row of a menu, which answers with its id, title and description."""

    id: str
    title: str
    description: str | None = None


@frozen(slots=False, field_transformer=_as_named)
class MenuSection(_Part):
    """Rows of a menu under a common title."""

    rows: Sequence[MenuRow | Json]
    title: str | None = None
    """Needed if there is more than one section."""


@frozen(slots=False)
class Menu(InteractiveAction):
    """A menu, which a button opens."""

    kind: ClassVar[str] = "list"
    bounds: ClassVar[_Bounds] = _Bounds(body=4096, header="text")

    button: str
    """The text of the button."""

    sections: Sequence[MenuSection | Json]

    def to_wire(self) -> Mapping[str, object]:
        """Return the JSON object of the action."""
        return {"button": self.button, "sections": self.sections}

    def limits(self) -> Iterator[_Limit]:
        """Yield the values that `strict` refuses."""
        sections = cast("Sequence[MenuSection]", self.sections)
        rows = [
            (f"sections[{i}].rows[{j}]", cast("MenuRow", row))
            for i, section in enumerate(sections)
            for j, row in enumerate(section.rows)
        ]
        yield from _longer("button", self.button, 20)
        yield from _titles(sections)
        if len(rows) > 10:  # noqa: PLR2004 - the limit that the text states
            yield _Limit("sections", "sections with at most 10 rows in all")
        for path, row in rows:
            yield from _longer(f"{path}.id", row.id, 200)
            yield from _longer(f"{path}.title", row.title, 24)
            yield from _longer(f"{path}.description", row.description, 72)
        yield from _repeated((f"{path}.id", row.id) for path, row in rows)


@frozen(slots=False)
class OpenUrl(InteractiveAction):
    """A button that opens a website."""

    kind: ClassVar[str] = "cta_url"

    display_text: str
    """The text of the button."""

    url: str

    def to_wire(self) -> Mapping[str, object]:
        """Return the JSON object of the action."""
        parameters = {"display_text": self.display_text, "url": self.url}
        return {"name": "cta_url", "parameters": parameters}

    def limits(self) -> Iterator[_Limit]:
        """Yield the values that `strict` refuses."""
        yield from _longer("display_text", self.display_text, 20)
        yield from _longer("url", self.url, 2000)
        if not _LINK.fullmatch(self.url):
            yield _Limit("url", "an http or https URL")


@frozen(slots=False)
class OpenFlow(InteractiveAction):
    """A button that opens a Flow."""

    kind: ClassVar[str] = "flow"

    flow_id: str
    flow_cta: str
    """The text of the button."""

    flow_token: str
    """Your own mark of the session, which comes back with the answer."""

    screen: str | None = None
    """The first screen."""

    data: Mapping[str, Any] | None = None
    """The data of the first screen."""

    flow_action: Literal["navigate", "data_exchange"] = "navigate"
    flow_message_version: str = "3"

    def to_wire(self) -> Mapping[str, object]:
        """Return the JSON object of the action."""
        parameters: dict[str, object] = {
            "flow_message_version": self.flow_message_version,
            "flow_token": self.flow_token,
            "flow_id": self.flow_id,
            "flow_cta": self.flow_cta,
            "flow_action": self.flow_action,
        }
        payload = {"screen": self.screen, "data": self.data}
        given = {name: value for name, value in payload.items() if value is not None}
        if given:
            parameters["flow_action_payload"] = given
        return {"name": "flow", "parameters": parameters}

    def limits(self) -> Iterator[_Limit]:
        """Yield the values that `strict` refuses."""
        yield from _longer("flow_cta", self.flow_cta, 30)
        if self.flow_action == "navigate" and self.screen is None:
            yield _Limit("screen", "given for flow_action navigate")


@frozen(slots=False)
class RequestLocation(InteractiveAction):
    """A button by which the recipient sends a location."""

    kind: ClassVar[str] = "location_request_message"

    def to_wire(self) -> Mapping[str, object]:
        """Return the JSON object of the action."""
        return {"name": "send_location"}


@frozen(slots=False)
class RequestAddress(InteractiveAction):
    """A form by which the recipient sends an address, in some countries."""

    kind: ClassVar[str] = "address_message"

    country: str
    """Two capital letters, such as `IN`."""

    def to_wire(self) -> Mapping[str, object]:
        """Return the JSON object of the action."""
        return {"name": "address_message", "parameters": {"country": self.country}}

    def limits(self) -> Iterator[_Limit]:
        """Yield the values that `strict` refuses."""
        if not re.fullmatch("[A-Z]{2}", self.country):
            yield _Limit("country", "two capital letters, such as IN")


@frozen(slots=False)
class ShowProduct(InteractiveAction):
    """One product of a catalog."""

    kind: ClassVar[str] = "product"
    bounds: ClassVar[_Bounds] = _Bounds(needs_body=False, header="none")

    catalog_id: str
    product_retailer_id: str

    def to_wire(self) -> Mapping[str, object]:
        """Return the JSON object of the action."""
        return {
            "catalog_id": self.catalog_id,
            "product_retailer_id": self.product_retailer_id,
        }


@frozen(slots=False, field_transformer=_as_named)
class ProductGroup(_Part):
    """Products under a common title."""

    product_retailer_ids: Sequence[str]
    title: str | None = None
    """Needed if there is more than one group."""


@frozen(slots=False)
class ShowProducts(InteractiveAction):
    """Products of a catalog, in sections."""

    kind: ClassVar[str] = "product_list"
    bounds: ClassVar[_Bounds] = _Bounds(header="needed")

    catalog_id: str
    sections: Sequence[ProductGroup | Json]

    def to_wire(self) -> Mapping[str, object]:
        """Return the JSON object of the action."""
        sections: list[dict[str, object]] = []
        for each in cast("Sequence[ProductGroup]", self.sections):
            ids = each.product_retailer_ids
            title = {} if each.title is None else {"title": each.title}
            items = [{"product_retailer_id": product} for product in ids]
            sections.append({**title, "product_items": items})
        return {"catalog_id": self.catalog_id, "sections": sections}

    def limits(self) -> Iterator[_Limit]:
        """Yield the values that `strict` refuses."""
        sections = cast("Sequence[ProductGroup]", self.sections)
        yield from _titles(sections)
        if sum(len(each.product_retailer_ids) for each in sections) > 30:  # noqa: PLR2004 - the limit that the text states
            yield _Limit("sections", "sections with at most 30 products in all")


def _titles(sections: Sequence[MenuSection | ProductGroup]) -> Iterator[_Limit]:
    """Yield the limits of a list of sections and of their titles."""
    yield from _number("sections", sections, 1, 10)
    for i, each in enumerate(sections):
        if each.title is None and len(sections) > 1:
            yield _Limit(f"sections[{i}].title", "given, as there are several sections")
        yield from _longer(f"sections[{i}].title", each.title, 24)


@frozen(slots=False)
class ShowCatalog(InteractiveAction):
    """The catalog of the sender."""

    kind: ClassVar[str] = "catalog_message"

    thumbnail_product_retailer_id: str | None = None
    """The product whose picture is shown."""

    def to_wire(self) -> Mapping[str, object]:
        """Return the JSON object of the action."""
        product = self.thumbnail_product_retailer_id
        action: dict[str, object] = {"name": "catalog_message"}
        if product is not None:
            action["parameters"] = {"thumbnail_product_retailer_id": product}
        return action


def _header(value: object) -> object:
    if isinstance(value, str):
        if value.strip():
            return value
        msg = "a non-empty string"
        raise UnfitError(msg)
    if not isinstance(value, Image | Video | Document):
        msg = "a string, an Image, a Video or a Document"
        raise UnfitError(msg)
    if value.caption is not None:
        msg = "left out, as a header has no caption"
        raise UnfitError(msg, path=".caption")
    return value


@frozen
class Interactive(TypedContent):
    """A text with something to choose, to open or to send.

    Its JSON is Meta's object, which the service passes on.
    """

    message_type: ClassVar[str] = "interactive"

    body: str | None
    """The text. Only a product needs none."""

    action: InteractiveAction

    header: Annotated[str | Image | Video | Document, _header] | None = field(
        default=None, kw_only=True
    )
    """A text, or an Image, Video or Document without a caption."""

    footer: str | None = field(default=None, kw_only=True)

    def _value(self) -> object:
        value: dict[str, object] = {"type": self.action.kind}
        if self.header is not None:
            value["header"] = _header_object(self.header)
        if self.body is not None:
            value["body"] = {"text": self.body}
        if self.footer is not None:
            value["footer"] = {"text": self.footer}
        return {**value, "action": {**self.action.to_wire(), **self.action.extra}}

    def _limits(self) -> Iterator[_Limit]:
        bounds, header = self.action.bounds, self.header
        if self.body is None and bounds.needs_body:
            yield _Limit("body", "given")
        yield from _longer("body", self.body, bounds.body)
        yield from _longer("footer", self.footer, 60)
        if isinstance(header, str):
            yield from _longer("header", header, 60)
        elif header is not None and bounds.header in ("text", "needed"):
            yield _Limit("header", "a string")
        if header is None and bounds.header == "needed":
            yield _Limit("header", "given")
        if header is not None and bounds.header == "none":
            yield _Limit("header", "left out")
        for path, expected in self.action.limits():
            yield _Limit(f"action.{path}", expected)


def _header_object(header: str | Image | Video | Document) -> Mapping[str, object]:
    if isinstance(header, str):
        return {"type": "text", "text": header}
    kind = header.message_type
    medium = {"link": header.link}
    if isinstance(header, Document):
        medium["filename"] = header.file_name
    return {"type": kind, kind: medium}
