"""Notifications of CAMS: inbound messages, receipts, changes of templates and numbers.

    for event in parse(body):
        match event:
            case TextMessage(from_=user, text=text): ...
            case Receipt(status="failed", error_code=code): ...

`parse` is pure. CAMS promises neither the order of notifications nor that each comes
once: `Event.key` finds duplicates, and `Receipt.supersedes` puts receipts in order.
"""

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

__all__ = [
    "AuditEvent",
    "CallbackError",
    "ChoiceMessage",
    "ContactsMessage",
    "Event",
    "FlowReply",
    "InboundMessage",
    "LocationMessage",
    "MediaMessage",
    "OrderMessage",
    "OrderedProduct",
    "ReactionMessage",
    "Receipt",
    "SystemMessage",
    "TemplateAudit",
    "TemplateReply",
    "TextMessage",
    "UnparsedEvent",
    "parse",
    "window_open",
]
