"""The events in the body of a notification, without I/O.

The vendor documents few of the forms that occur. An item is read as tolerantly as its
meaning permits, and what cannot be read becomes an event, too.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, TypeGuard

from cams_async.callbacks.events import (
    ORDER,
    AuditEvent,
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
)
from cams_async.config import check
from cams_async.errors import CamsError

MAX_BYTES = 2**20
"""Bytes of the longest body, by default."""

MAX_ITEMS = 10_000
"""Items of the longest notification."""

MAX_DEPTH = 32
"""Levels of the deepest item."""

MAX_DIGITS = 30
"""Digits of the longest number; longer ones remain texts."""

ENCODINGS = 3
"""How often JSON may stand in a string in JSON."""

SECONDS = 10**11
"""Timestamps below are in seconds, others in milliseconds."""

TEMPLATE = "template"

CHANGES = frozenset(
    {
        TEMPLATE,
        "phonenameupdate",
        "phonequalityupdate",
        "wabareviewupdate",
        "wabaaccountupdate",
        "templatecategoryupdate",
        "templatequalityupdate",
    }
)
"""The documented kinds of changes, in lower case."""

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a character, which no encoding can carry."""

MEDIA = frozenset({"IMAGE", "VIDEO", "AUDIO", "DOCUMENT", "STICKER"})


class CallbackError(CamsError):
    """A body is no notification: it is too large, or no JSON array or object."""


class _UnfitItemError(Exception):
    """An item cannot be read; the text has no values of it."""


def parse(body: bytes | str, *, max_bytes: int = MAX_BYTES) -> tuple[Event, ...]:
    """Return the events of a notification, in their order.

    An item that cannot be read becomes an UnparsedEvent, and one of an unknown kind an
    Event or InboundMessage. Unknown fields are in `raw`. The notification of an event's
    `raw` alone has the same event.

    Args:
        body: The body of the request: a JSON array of items, or one item.
        max_bytes: The longest body that is read.

    Raises:
        ConfigurationError: The body is neither bytes nor a string.
        CallbackError: The body is too long, has more than 10,000 items, or is no JSON
            array or object.
    """
    check(
        isinstance(body, bytes | str),  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller has a type checker
        "body",
        "must be bytes or a string",
    )
    data = body.encode(errors="replace") if isinstance(body, str) else body
    if len(data) > max_bytes:
        msg = f"the body has more than {max_bytes:,} bytes"
        raise CallbackError(msg)
    decoded = _loads(data.decode("utf-8-sig", errors="replace"))
    items: list[Any]
    if _is_list(decoded):
        items = decoded
    elif _is_object(decoded):
        items = [decoded]
    else:
        msg = "the body is not a JSON array or object"
        raise CallbackError(msg)
    if len(items) > MAX_ITEMS:
        msg = f"the body has more than {MAX_ITEMS:,} items"
        raise CallbackError(msg)
    return tuple(_event(item) for item in items)


def _event(given: Any) -> Event:
    item = _decoded(given) if isinstance(given, str) else given
    if not _is_object(item) or _depth(item) > MAX_DEPTH:
        # Deep values are kept as a text, which is no longer deep.
        raw = _text_of(given) if _depth(given) > MAX_DEPTH else given
        return _unparsed(raw, f"the item is no object of at most {MAX_DEPTH} levels")
    fields = _Fields(item)
    try:
        return _make(fields)
    except _UnfitItemError as error:
        return _unparsed(fields.raw, str(error))


def _unparsed(raw: Any, reason: str) -> UnparsedEvent:
    return UnparsedEvent(key=_key("item", _text_of(raw)), raw=raw, reason=reason)


def _make(fields: "_Fields") -> Event:
    kind = (fields.text("Type") or "").strip()
    message_id = fields.text("MessageId")
    if message_id is None and _is_change(fields, kind):
        return _audit(fields, kind or TEMPLATE)
    # Only receipts have a MsgFrameType.
    if message_id is not None and (fields.has("Status") or fields.has("MsgFrameType")):
        return _receipt(fields, message_id)
    if message_id is not None and (kind or fields.has("Message")):
        return _inbound(fields, message_id, kind.upper())
    return Event(key=_key("item", _text_of(fields.raw)), **fields.common())


def _is_change(fields: "_Fields", kind: str) -> bool:
    """Return whether an item without a MessageId is a change."""
    if fields.has("AuditStatus") or kind.lower() in CHANGES:
        return True
    # A message has a sender, even where its id is missing.
    return bool(kind) and fields.has("WabaId") and not fields.has("From")


# --- items ----------------------------------------------------------------------------


class _Fields:
    """The fields of an object, by names with any space around and any first letter."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.raw: dict[str, Any] = {}
        for name, each in given.items():
            plain = name.strip()
            # Where both names are there, each keeps its value.
            is_taken = plain in given or plain in self.raw
            self.raw[name if is_taken else plain] = each
        self._lower = {
            name[:1].lower() + name[1:]: each for name, each in self.raw.items()
        }

    def get(self, *names: str) -> Any:
        """Return the first value that is there and not null, or None."""
        for name in names:
            value = self.raw.get(name)
            if value is None:
                value = self._lower.get(name[:1].lower() + name[1:])
            if value is not None:
                return value
        return None

    def inner(self, name: str) -> "_Fields | None":
        """Return the fields of an object, or of one in a JSON text."""
        value = self.get(name)
        if isinstance(value, str):
            value = _decoded(value)
        return _Fields(value) if _is_object(value) else None

    def has(self, name: str) -> bool:
        """Whether a field has a value."""
        return self.text(name) is not None

    def text(self, *names: str) -> str | None:
        """Return a text, or the digits of a number; None if absent or blank."""
        value = self.get(*names)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        text = str(value)
        return text if text.strip() else None

    def number(self, *names: str) -> str | None:
        """Return a phone number without its plus sign, or any other text as it is."""
        text = self.text(*names)
        return None if text is None else text.strip().removeprefix("+")

    def needed(self, *names: str) -> str:
        """Return a text that an event needs."""
        text = self.text(*names)
        if text is None:
            msg = f"the item has no {names[0]}"
            raise _UnfitItemError(msg)
        return text

    def time(self, name: str) -> datetime | None:
        """Return a time in milliseconds or seconds since 1970."""
        try:
            value = float(self.text(name) or "")
            seconds = value if abs(value) < SECONDS else value / 1000
            return datetime.fromtimestamp(seconds, UTC)
        except (ValueError, OverflowError, OSError):
            return None

    def common(self) -> dict[str, Any]:
        """Return the fields of every event."""
        return {"raw": self.raw, "cust_space_id": self.text("CustSpaceId")}


def _receipt(fields: _Fields, message_id: str) -> Receipt:
    status = fields.needed("Status").strip().lower()
    if status == "undelivered":
        status = "failed"
    to, time = fields.number("To"), fields.text("Timestamp")
    return Receipt(
        # The recipients of a batch may share an ID. Statuses outside of the life of a
        # message, such as `unsubscribe`, can come again.
        key=_key("receipt", message_id, to, status, None if status in ORDER else time),
        message_id=message_id,
        status=status,
        from_=fields.number("From"),
        to=to,
        timestamp=fields.time("Timestamp"),
        error_code=fields.text("ErrorCode"),
        error_description=fields.text("ErrorDescription", "StatusDescription"),
        task_id=fields.text("TaskId"),
        template_code=fields.text("TemplateCode"),
        template_name=fields.text("TemplateName"),
        language=fields.text("Language"),
        conversation_id=fields.text("ConversationId"),
        conversation_type=fields.text("ConversationType"),
        **fields.common(),
    )


def _audit(fields: _Fields, kind: str) -> AuditEvent:
    code = fields.text("TemplateCode")
    found: dict[str, Any] = {
        # The whole item: some of its fields are undocumented, such as a new category.
        "key": _key("item", _text_of(fields.raw)),
        "kind": kind,
        "waba_id": fields.text("WabaId"),
        "phone_number": fields.number("PhoneNumber"),
        "status": fields.text("AuditStatus", "Status"),
        **fields.common(),
    }
    if code is None:
        return AuditEvent(**found)
    reason = fields.text("Reason", "RejectReason", "FailReason")
    return TemplateAudit(
        template_code=code,
        language=fields.text("Language"),
        reason=None if reason in ("None", "none") else reason,
        **found,
    )


def _inbound(fields: _Fields, message_id: str, kind: str) -> InboundMessage:
    number, user_id = fields.number("From"), fields.text("FromUserId")
    sender = number or user_id
    if sender is None:
        msg = "the item has no From"
        raise _UnfitItemError(msg)
    context = fields.inner("Context")
    found: dict[str, Any] = {
        "key": _key("inbound", message_id),
        "message_id": message_id,
        "from_": sender,
        "to": fields.needed("To").strip().removeprefix("+"),
        "type": kind,
        "timestamp": fields.time("Timestamp"),
        "name": fields.text("Name"),
        "channel_type": fields.text("ChannelType"),
        "from_user_id": user_id,
        "recipient_type": None if number else "userId",
        "context_message_id": None if context is None else context.text("Id"),
        **fields.common(),
    }
    message = fields.get("Message")
    is_text = isinstance(message, str | int | float) and not isinstance(message, bool)
    if kind == "TEXT" and is_text:
        return TextMessage(text=str(message), message=message, **found)
    content = _decoded(message) if isinstance(message, str) else message
    found["message"] = content
    try:
        return _typed(kind, content, found)
    except _UnfitItemError:
        return InboundMessage(**found)


def _typed(kind: str, content: Any, found: Mapping[str, Any]) -> InboundMessage:
    """Return the message of its type.

    Raises:
        _UnfitItemError: The type is unknown, or the content is not as documented.
    """
    if kind in ("CONTACTS", "CONTACT"):
        return _contacts(content, found)
    make = _MESSAGES.get(kind) or (_media if kind in MEDIA else None)
    if make is None or not _is_object(content):
        raise _UnfitItemError
    return make(_Fields(content), found)


def _media(content: _Fields, found: Mapping[str, Any]) -> InboundMessage:
    return MediaMessage(
        url=content.needed("url", "link"),
        media_id=content.text("id"),
        mime_type=content.text("mimeType", "mime_type"),
        file_name=content.text("filename", "fileName", "name"),
        caption=content.text("caption"),
        **found,
    )


def _location(content: _Fields, found: Mapping[str, Any]) -> InboundMessage:
    return LocationMessage(
        latitude=content.needed("latitude"),
        longitude=content.needed("longitude"),
        place=content.text("name"),
        address=content.text("address"),
        **found,
    )


def _template_reply(content: _Fields, found: Mapping[str, Any]) -> InboundMessage:
    text, payload = content.text("text"), content.text("payload")
    return TemplateReply(text=text, payload=payload, **found)


def _interactive(content: _Fields, found: Mapping[str, Any]) -> InboundMessage:
    content = content.inner("interactive") or content
    for name in ("nfm_reply", "button_reply", "list_reply"):
        if reply := content.inner(name):
            return _reply(name, reply, found)
    return _reply(content.text("type") or "", content, found)


def _reply(name: str, reply: _Fields, found: Mapping[str, Any]) -> InboundMessage:
    if name != "nfm_reply":
        return ChoiceMessage(
            id=reply.needed("id"),
            title=reply.text("title"),
            description=reply.text("description"),
            **found,
        )
    response = reply.inner("response_json")
    if response is None:
        raise _UnfitItemError
    token = response.text("flow_token")
    return FlowReply(response=response.raw, flow_token=token, **found)


def _order(content: _Fields, found: Mapping[str, Any]) -> InboundMessage:
    items = content.get("product_items")
    if not _is_list(items):
        raise _UnfitItemError
    products = [_Fields(item) for item in items if _is_object(item)]
    return OrderMessage(
        products=tuple(
            OrderedProduct(
                product_retailer_id=each.needed("product_retailer_id"),
                quantity=each.text("quantity"),
                item_price=each.text("item_price"),
                currency=each.text("currency"),
            )
            for each in products
        ),
        catalog_id=content.text("catalog_id"),
        text=content.text("text"),
        **found,
    )


def _reaction(content: _Fields, found: Mapping[str, Any]) -> InboundMessage:
    return ReactionMessage(
        reaction_to=content.needed("message_id", "messageId"),
        emoji=content.text("emoji"),
        **found,
    )


def _system(content: _Fields, found: Mapping[str, Any]) -> InboundMessage:
    return SystemMessage(
        body=content.text("body"),
        change=content.text("type"),
        wa_id=content.number("wa_id"),
        **found,
    )


def _contacts(content: Any, found: Mapping[str, Any]) -> InboundMessage:
    if _is_object(content):
        content = content.get("contacts", [content])
    if not _is_list(content):
        raise _UnfitItemError
    contacts = tuple(each for each in content if _is_object(each))
    return ContactsMessage(contacts=contacts, **found)


_MESSAGES: Mapping[str, Callable[[_Fields, Mapping[str, Any]], InboundMessage]] = {
    "LOCATION": _location,
    "REPLY": _template_reply,
    "INTERACTIVE": _interactive,
    "ORDER": _order,
    "REACTION": _reaction,
    "SYSTEM": _system,
}


# --- JSON -----------------------------------------------------------------------------


def _decoded(text: str) -> Any:
    """Return the object or array in a text; the text if it is neither, or too deep."""
    value = _loads(text)
    is_read = _is_object(value) or _is_list(value)
    return value if is_read and _depth(value) <= MAX_DEPTH else text


def _loads(text: str) -> Any:
    """Return the JSON value in a text, also if it is JSON several times over.

    A text that is no JSON is returned as it is.
    """
    value: Any = text
    for _ in range(ENCODINGS):
        if not isinstance(value, str):
            break
        try:
            decoded = _read_json(value)
            value = _whole_characters(decoded) if "\\u" in value else decoded
        except (ValueError, RecursionError):
            break
    return value


def _whole_characters(value: Any) -> Any:
    r"""Replace each half of a character, such as `\ud83d` alone in JSON."""
    text = json.dumps(value, ensure_ascii=False)
    plain = LONE_SURROGATE.sub("\ufffd", text)
    return value if plain == text else _read_json(plain)


def _finite(number: str) -> float | str:
    value = float(number)
    return value if math.isfinite(value) else number


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= MAX_DIGITS else digits


_read_json = json.JSONDecoder(
    strict=False,  # line ends in strings, as in the vendor's example
    parse_int=_whole,
    parse_float=_finite,
    parse_constant=str,  # NaN and Infinity, which are no JSON
).decode


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _depth(value: object) -> int:
    """Return the number of levels of a JSON value, at most one more than allowed."""
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [inner for each in level for inner in _inner(each)]
    return depth


def _inner(value: object) -> Iterable[object]:
    if _is_object(value):
        return value.values()
    return value if _is_list(value) else ()


def _text_of(value: object) -> str:
    """Return the JSON text of a value; of one that is far too deep, an empty text."""
    try:
        return json.dumps(value, sort_keys=True)
    except RecursionError:
        return ""


def _key(*parts: str | None) -> str:
    """Return the digest of some texts."""
    text = json.dumps(parts)
    return blake2b(text.encode(), digest_size=16).hexdigest()
