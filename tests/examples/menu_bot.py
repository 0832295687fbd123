"""A bot with a menu, and a question for the status of an order."""

from functools import partial

from cams_async import CamsClient
from cams_async.callbacks import ChoiceMessage, Event, Receiver, TextMessage
from cams_async.callbacks import InboundMessage as Message
from cams_async.content import Button, Buttons, Interactive, Text, TypedContent

MENU = Interactive(
    "How can we help?",
    Buttons([Button("status", "Order status"), Button("hours", "Opening hours")]),
    strict=True,
)
ORDERS = {"17": "on its way", "18": "delivered"}


def answer(message: Message) -> TypedContent:
    """Return the answer to a message."""
    match message:
        case ChoiceMessage(id="hours"):
            return Text("Monday to Friday, 9 to 5.")
        case ChoiceMessage(id="status"):
            return Text("What is the number of your order?")
        case TextMessage(text=number) if number in ORDERS:
            return Text(f"Order {number} is {ORDERS[number]}.")
        case _:
            return MENU


async def handle(cams: CamsClient, event: Event) -> None:
    """Answer each message of a user."""
    if isinstance(event, Message):
        await cams.send_chatapp_message(
            channel_type="whatsapp",
            from_=event.to,
            to=event.from_,
            recipient_type=event.recipient_type,
            cust_space_id=event.cust_space_id,
            content=answer(event),
        )


def make_app(cams: CamsClient) -> Receiver:
    """Return the bot, an ASGI application."""
    return Receiver(partial(handle, cams))
