"""Events: what one item of a notification states.

https://www.alibabacloud.com/help/en/chatapp/user-guide/message-receipts
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from attrs import field, frozen

from cams_async.config import check
from cams_async.secret import MASK

WINDOW: Final = timedelta(hours=24)
"""For how long after a message of a user WhatsApp accepts any message to the user."""

ORDER: Final[Mapping[str, int]] = {"sent": 1, "failed": 2, "delivered": 3, "read": 4}
"""The order of the statuses of a message. Users report that Delivered can follow
Failed, and that Failed can come after Delivered and Read."""

MINUTES: Final = 600.0

WORD: Final = re.compile(r"(?!.*\d{8})[\w.-]{1,40}", re.ASCII)
"""A value that a log can show: short, on one line, and without a phone number."""


@frozen(kw_only=True, repr=False)
class Event:
    """The base of all events, and an event of an unknown kind."""

    duplicate_for: ClassVar[float | None] = MINUTES
    """For how many seconds another event with the same key is a duplicate; None for
    ever. An item without an id and a time can come twice for real."""

    key: str
    """The same for all deliveries of an event: 32 hexadecimal digits."""

    raw: Any = field(eq=False)
    """The item as received, with the keys stripped of spaces."""

    cust_space_id: str | None = None
    """The space that the event belongs to, where the item has one."""

    def __repr__(self) -> str:
        """Return the class and the key, and nothing about a person."""
        return _shown(self)


@frozen(kw_only=True, repr=False)
class UnparsedEvent(Event):
    """An item that cannot be read. The others of its notification are."""

    reason: str
    """The reason, without values of the item."""


# Messages of users


@frozen(kw_only=True, repr=False)
class InboundMessage(Event):
    """A message of a user, and one of an unknown type."""

    duplicate_for: ClassVar[float | None] = None

    message_id: str
    """The ID, which a reply gives as `context_message_id`."""

    from_: str
    """The user: a phone number as digits, or the ID of the channel. Where the user has
    no visible number, the business-scoped user ID; see `recipient_type`."""

    to: str
    """The recipient: a business number as digits, or the ID of the channel."""

    type: str
    """The type in capitals, such as `TEXT`."""

    timestamp: datetime | None = None
    """The time of the message, in UTC."""

    name: str | None = None
    """The name of the user's profile."""

    channel_type: str | None = None
    """The channel, such as `whatsapp`."""

    from_user_id: str | None = None
    """The business-scoped user ID."""

    recipient_type: str | None = None
    """`userId` if `from_` is a business-scoped user ID: the `recipient_type` of a
    reply."""

    context_message_id: str | None = None
    """The ID of the message that this one replies to."""

    message: Any = field(default=None, hash=False)
    """The content: a text, or the decoded JSON of any other type."""


@frozen(kw_only=True, repr=False)
class TextMessage(InboundMessage):
    """A text."""

    text: str


@frozen(kw_only=True, repr=False)
class MediaMessage(InboundMessage):
    """An image, video, audio, document or sticker, by its `type`."""

    url: str
    """The address of the file, valid for 7 days."""

    media_id: str | None = None
    mime_type: str | None = None
    """As stated by the sender's device; not to be trusted."""

    file_name: str | None = None
    caption: str | None = None


@frozen(kw_only=True, repr=False)
class LocationMessage(InboundMessage):
    """A place on the map."""

    latitude: str
    """Degrees north, as on the wire."""

    longitude: str
    """Degrees east, as on the wire."""

    place: str | None = None
    """The name of the place."""

    address: str | None = None


@frozen(kw_only=True, repr=False)
class TemplateReply(InboundMessage):
    """A quick reply button of a template was used."""

    text: str | None = None
    """The text of the button."""

    payload: str | None = None
    """The text that `payload` gave for this button when the template was sent."""


@frozen(kw_only=True, repr=False)
class ChoiceMessage(InboundMessage):
    """A button or a row of a menu was chosen."""

    id: str
    """The id of the `Button` or `MenuRow`."""

    title: str | None = None
    description: str | None = None


@frozen(kw_only=True, repr=False)
class FlowReply(InboundMessage):
    """A Flow was completed."""

    response: Mapping[str, Any] = field(hash=False)
    """The answers of the Flow."""

    flow_token: str | None = None
    """Your mark of the session, as given to `OpenFlow`."""


@frozen(kw_only=True, repr=False)
class OrderedProduct:
    """A product of an order; numbers are texts, as on the wire."""

    product_retailer_id: str
    quantity: str | None = None
    item_price: str | None = None
    currency: str | None = None


@frozen(kw_only=True, repr=False)
class OrderMessage(InboundMessage):
    """An order from a catalog."""

    products: tuple[OrderedProduct, ...]
    catalog_id: str | None = None
    text: str | None = None


@frozen(kw_only=True, repr=False)
class ReactionMessage(InboundMessage):
    """A reaction to a message was set or removed."""

    reaction_to: str
    """The ID of the message."""

    emoji: str | None = None
    """The emoji; None where the reaction was removed."""


@frozen(kw_only=True, repr=False)
class ContactsMessage(InboundMessage):
    """Contacts, in Meta's form."""

    contacts: tuple[Mapping[str, Any], ...] = field(hash=False)


@frozen(kw_only=True, repr=False)
class SystemMessage(InboundMessage):
    """A notice of WhatsApp, such as of a changed number."""

    body: str | None = None
    change: str | None = None
    """The kind of notice, such as `user_changed_number`."""

    wa_id: str | None = None
    """The new number, as digits."""


# Receipts


@frozen(kw_only=True, repr=False)
class Receipt(Event):
    """A report on a message that was sent."""

    duplicate_for: ClassVar[float | None] = None

    message_id: str
    """The ID that the response of SendChatappMessage had. The receipt can arrive before
    that response."""

    status: str
    """In lower case: `sent`, `delivered`, `read` or `failed`; `deleted`, and for Viber
    `unsubscribe` and `subscribe`."""

    from_: str | None = None
    """The sender: a business number as digits, or the ID of the channel."""

    to: str | None = None
    """The user."""

    timestamp: datetime | None = None
    """The time of the event, in UTC."""

    error_code: str | None = None
    """Meta's number, such as `131026`, or a code of CAMS, where it failed."""

    error_description: str | None = None
    task_id: str | None = None
    """The `task_id` of the message; without one, the message ID."""

    template_code: str | None = None
    template_name: str | None = None
    language: str | None = None
    conversation_id: str | None = None
    conversation_type: str | None = None

    @property
    def order(self) -> int:
        """The place of the status in the life of a message; 0 where it has none."""
        return ORDER.get(self.status, 0)

    def supersedes(self, status: str | None) -> bool:
        """Return whether this status replaces an earlier one of the same message.

        Receipts arrive in any order. A message never falls back: from read to
        delivered, or from delivered to failed.

        Args:
            status: The status so far; None for none.
        """
        former = 0 if status is None else ORDER.get(status.lower(), 0)
        return self.order > former

    def __repr__(self) -> str:
        """Return the status and the error code, and nothing about a person."""
        return _shown(self, self.status, self.error_code)


# Templates, numbers and accounts


@frozen(kw_only=True, repr=False)
class AuditEvent(Event):
    """A change of a number or an account: of its review, its quality, its name."""

    kind: str
    """Such as `phoneQualityUpdate`; `template` for a template."""

    waba_id: str | None = None
    phone_number: str | None = None
    """Digits, country code first."""

    status: str | None = None
    """The new state, such as `GREEN` or `APPROVED`."""

    def __repr__(self) -> str:
        """Return the kind and the state, and nothing about a person."""
        return _shown(self, self.kind, self.status)


@frozen(kw_only=True, repr=False)
class TemplateAudit(AuditEvent):
    """A change of a template: of its review, its category, its quality.

    The review is `status`: `pass`, `fail`, `auditing`, `unaudit`, `disabled` or
    `paused`.
    """

    template_code: str
    language: str | None = None
    reason: str | None = None
    """Why the review failed."""


def window_open(last_inbound: datetime | None, now: datetime) -> bool:
    """Return whether WhatsApp accepts any message to a user, or only templates.

    Args:
        last_inbound: The time of the last message of the user; None for none.
        now: The current time.

    Raises:
        ConfigurationError: A time has no time zone.
    """
    times = {"last_inbound": last_inbound, "now": now}
    for name, time in times.items():
        is_aware = time is None or time.utcoffset() is not None
        check(is_aware, name, "must have a time zone")
    return last_inbound is not None and now - last_inbound < WINDOW


def _shown(event: Event, *words: str | None) -> str:
    """Return the class, the key and some words; others are masked."""
    shown = [type(event).__name__, event.key[:8]]
    shown += [each if WORD.fullmatch(each) else MASK for each in words if each]
    return f"<{' '.join(shown)}>"
