"""Notifications of CAMS: inbound messages, receipts, changes of templates and numbers.

    for event in parse(body):
        match event:
            case TextMessage(from_=user, text=text): ...
            case Receipt(status="failed", error_code=code): ...

`parse` is pure. CAMS promises neither the order of notifications nor that each comes
once: `Event.key` finds duplicates, and `Receipt.supersedes` puts receipts in order.
`Receiver` receives notifications over HTTP and passes each event to a handler once.
"""

from cams_async.callbacks.delivery import Handler
from cams_async.callbacks.events import (
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
    window_open,
)
from cams_async.callbacks.parse import CallbackError, parse
from cams_async.callbacks.receiver import Receiver
from cams_async.callbacks.seen import Claim, RedisSeen, Seen, SeenEvents
from cams_async.callbacks.spool import SpoolError

__all__ = [
    "AuditEvent",
    "CallbackError",
    "ChoiceMessage",
    "Claim",
    "ContactsMessage",
    "Event",
    "FlowReply",
    "Handler",
    "InboundMessage",
    "LocationMessage",
    "MediaMessage",
    "OrderMessage",
    "OrderedProduct",
    "ReactionMessage",
    "Receipt",
    "Receiver",
    "RedisSeen",
    "Seen",
    "SeenEvents",
    "SpoolError",
    "SystemMessage",
    "TemplateAudit",
    "TemplateReply",
    "TextMessage",
    "UnparsedEvent",
    "parse",
    "window_open",
]
