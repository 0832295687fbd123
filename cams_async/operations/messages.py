"""Sending messages and calls, and finding messages afterwards."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from cams_async.errors import InvalidOperation
from cams_async.models import Content, Record, Response
from cams_async.operations.common import Page, TextResponse
from cams_async.operations.fields import (
    REQUIRED,
    AtMost,
    Between,
    InternationalNumber,
    Json,
)
from cams_async.operations.operation import Operation
from cams_async.operations.paging import PagedOperation, PageNumbers, Pages
from cams_async.secret import Secret

__all__ = [
    "Call",
    "CallSession",
    "ChatappMessage",
    "CheckDirectSendMessageSample",
    "CheckDirectSendMessageSampleResponse",
    "FlowAction",
    "ListChatappMessage",
    "ListChatappMessageResponse",
    "MassRecipient",
    "ProductAction",
    "ProductItem",
    "ProductSection",
    "SampleCheck",
    "SendChatappMassMessage",
    "SendChatappMassMessageResponse",
    "SendChatappMessage",
    "SendChatappMessageResponse",
    "SubmitVerifyCodeResult",
    "WhatsappCall",
    "WhatsappCallResponse",
]

_RecipientType: TypeAlias = Literal["individual", "group", "userId"] | str


@frozen(kw_only=True, slots=False)
class FlowAction(Record):
    """The input of the Flow that a button of a WhatsApp template opens."""

    flow_token: str | None = None
    """Your own mark of the session, which the Flow returns."""

    flow_action_data: Mapping[str, Any] | None = None
    """The data for the first screen."""


@frozen(kw_only=True, slots=False)
class ProductItem(Record):
    """A product in a section of a WhatsApp message."""

    product_retailer_id: str | None = None
    """The ID of the product in the catalog; see ListProduct."""


@frozen(kw_only=True, slots=False)
class ProductSection(Record):
    """Products of a WhatsApp message under a common title."""

    title: str | None = None

    product_items: Sequence[ProductItem | Json] | None = None
    """The products, at most 30 in all sections of a message."""


@frozen(kw_only=True, slots=False)
class ProductAction(Record):
    """The products that a button of a WhatsApp template shows."""

    thumbnail_product_retailer_id: str | None = None
    """The ID of the product whose picture heads the message. The vendor's text calls it
    the ID of a catalog."""

    sections: Annotated[Sequence[ProductSection | Json], AtMost(10)] | None = None
    """At most 10 sections, with at most 30 products in all."""


@frozen(kw_only=True, slots=False)
class SendChatappMessageResponse(Response):
    """The response of SendChatappMessage."""

    message_id: str
    """The ID by which delivery reports name the message."""


@frozen(kw_only=True)
class SendChatappMessage(Operation[SendChatappMessageResponse]):
    """Send a message to one recipient.

    A template can be sent at any time. Any other message has a `message_type` and
    `content`; WhatsApp delivers it only within 24 hours of the last message of the
    recipient. A response means that the service has accepted the message; delivery
    reports state whether it arrived.

    Caution: a repeated call sends the message again. The vendor does not document that
    the service refuses a repeated `task_id`.

    Args:
        type: `template` (approved; needs `template_code` or `template_name`, and
            `language`) or `message` (needs `message_type` and `content`). A typed
            content sets it.
        from_: The sender: a business number as digits, country code first (`whatsapp`),
            the ID of a page (`messenger`), of a professional account (`instagram`), of
            a service (`viber`), of a bot (`telegram`) or of a channel (`line`).
        to: The recipient: a phone number as digits, country code first (`whatsapp`,
            `viber`), or the ID by which the channel names the user or group.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        recipient_type: The kind of `to`. `userId` is a business-scoped user ID
            (`whatsapp`).
        language: The language code of the template, such as `en_US`.
        template_params: The values of the template's variables, by their names without
            `$( )`. They include those of media, links and coupons. The service refuses
            an empty value: send a space instead.
        payload: One text for each quick reply button of the template, in their order
            (`whatsapp`). It comes back when the recipient uses the button.
        flow_action: The input of the Flow of the template (`whatsapp`).
        product_action: The products of the template (`whatsapp`).
        message_type: The form of the message. Each channel supports some of them. A
            typed content sets it.
        content: The message: for `whatsapp`, a typed content such as `Text("Hello")` of
            `cams_async.content`; for any channel, JSON text, or the mapping itself,
            such as `{"link": "https://...", "caption": "Our shop"}`. The keys depend on
            the channel and `message_type`. A list, as for `contacts`, must be given as
            JSON text.
        context_message_id: The ID of an earlier message, sent or received, to which
            this one is a reply.
        task_id: Your own reference, which comes back in delivery reports.
        fall_back_id: The ID of a strategy for an SMS instead, as set up in the console
            (international site).
        fall_back_content: The text of the SMS.
        fall_back_duration: The seconds to wait for delivery before the SMS is sent, 60
            to 43200. Default: the SMS is sent only after a failure.
        fall_back_rule: When the SMS is sent: if a valid message is `undelivered`, or
            also if the template or its variables are refused (`sentFailed`). Default:
            `undelivered`.
        label: The kind of message (`viber`): promotion, which the vendor spells
            `pormotion`, or `transaction`.
        tag: Your own text (`viber`).
        tracking_data: Your own text (`viber`).
        ttl: The seconds until the message expires (`viber`), 30 to 1209600.
        category: The category of a message by direct send, as for
            CheckDirectSendMessageSample. Only for customers whom Meta has invited: for
            others, the service refuses the message.
        cust_waba_id: Deprecated; use `cust_space_id`.
        isv_code: The ISV's code of authorisation. Kept as a `Secret`.
            Deprecated.
        ad_account_id: Reserved by the vendor.
        message_campaign_id: Reserved by the vendor.
        token_type: Reserved by the vendor.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-sendchatappmessage
    """

    channel_type: (
        Literal["whatsapp", "messenger", "instagram", "telegram", "line", "viber"] | str
    )
    type: Literal["template", "message"] | None = field(
        default=None, metadata={REQUIRED: True}
    )
    from_: str
    to: str
    cust_space_id: str | None = None
    recipient_type: _RecipientType | None = None
    template_code: str | None = None
    template_name: str | None = None
    language: str | None = None
    template_params: Mapping[str, str] | None = None
    payload: Sequence[str] | None = None
    flow_action: FlowAction | Json | None = None
    product_action: ProductAction | Json | None = None
    message_type: (
        Literal[
            "text",
            "image",
            "video",
            "audio",
            "document",
            "interactive",
            "location",
            "contacts",
            "reaction",
            "sticker",
            "typing_indicator",
            "pin",
            "carousel",
            "text_image_button",
            "text_button",
            "text_video",
            "text_video_button",
            "text_image",
            "couponTemplate",
            "regularTemplate",
            "quickReply",
            "buttonTemplate",
            "gif",
            "buttons",
            "confirm",
            "imageCarousel",
            "textV2",
            "coupon",
            "imagemap",
            "flex",
        ]
        | str
        | None
    ) = None
    content: str | Json | Content | None = None
    context_message_id: str | None = None
    task_id: str | None = None
    fall_back_id: str | None = None
    fall_back_content: str | None = None
    fall_back_duration: Annotated[int, Between(60, 43200)] | None = None
    fall_back_rule: Literal["undelivered", "sentFailed"] | None = None
    label: Literal["pormotion", "transaction"] | str | None = None
    tag: str | None = None
    tracking_data: str | None = None
    ttl: Annotated[int, Between(30, 1209600)] | None = None
    category: str | None = None
    cust_waba_id: str | None = None
    isv_code: str | Secret | None = None
    ad_account_id: str | None = None
    message_campaign_id: str | None = None
    token_type: str | None = None

    def __attrs_post_init__(self) -> None:
        """Set the fields that a typed content determines, then check all.

        Raises:
            InvalidOperation: A value does not fit; `field` is its path.
        """
        if isinstance(self.content, Content):
            for name, value in _fields_of(self, self.content).items():
                object.__setattr__(self, name, value)
        super().__attrs_post_init__()


def _fields_of(message: SendChatappMessage, content: Content) -> Mapping[str, str]:
    """Return the fields that a typed content determines.

    Raises:
        InvalidOperation: Another field contradicts the content.
    """
    fields = {
        "type": "message",
        "message_type": content.message_type,
        "content": content.to_json(),
    }
    accepted: dict[str, tuple[str | None, ...]] = {
        "type": (None, fields["type"]),
        "message_type": (None, fields["message_type"]),
        "template_code": (None,),
        "template_name": (None,),
        "template_params": (None,),
        "payload": (None,),
        "flow_action": (None,),
        "product_action": (None,),
    }
    for name, values in accepted.items():
        if getattr(message, name) not in values:
            others = "".join(f" or {value}" for value in values[1:])
            expected = f"left out{others}, as the content is typed"
            raise _contradiction(name, expected)
    if str(message.channel_type).lower() != "whatsapp":
        expected = "whatsapp, as the content is typed; give that of others as JSON text"
        raise _contradiction("channel_type", expected)
    return fields


def _contradiction(name: str, expected: str) -> InvalidOperation:
    return InvalidOperation(
        f"{name} must be {expected}",
        action="SendChatappMessage",
        field=name,
        expected=expected,
    )


@frozen(kw_only=True, slots=False)
class MassRecipient(Record):
    """A recipient of a template, with the values of its variables."""

    to: str
    """A phone number as digits, country code first (`whatsapp`, `viber`), or the ID by
    which the channel names the user."""

    recipient_type: _RecipientType | None = None
    """The kind of `to`. `userId` is a business-scoped user ID (`whatsapp`)."""

    template_params: Mapping[str, str] | None = None
    """The values of the template's variables, by their names without `$( )`."""

    payload: Sequence[str] | None = None
    """One text for each quick reply button of the template, in their order
    (`whatsapp`). It comes back when the recipient uses the button."""

    flow_action: FlowAction | Json | None = None
    """The input of the Flow of the template (`whatsapp`)."""

    product_action: ProductAction | Json | None = None
    """The products of the template (`whatsapp`)."""


@frozen(kw_only=True, slots=False)
class SendChatappMassMessageResponse(Response):
    """The response of SendChatappMassMessage."""

    group_message_id: str
    """The ID of the batch, by which ListChatappMessage finds its messages."""


@frozen(kw_only=True)
class SendChatappMassMessage(Operation[SendChatappMassMessageResponse]):
    """Send a template to up to 1,000 recipients.

    Needs `template_code` or `template_name`. A response means that the service has
    accepted the batch. Delivery reports, or ListChatappMessage with the
    `group_message_id` of the response, state whether each message arrived.

    Caution: a repeated call sends all messages again. The vendor does not document that
    the service refuses a repeated `task_id`.

    Args:
        from_: The sender: a business number as digits, country code first (`whatsapp`),
            the ID of a page (`messenger`), of a professional account (`instagram`) or
            of a service (`viber`).
        language: The language code of the template, such as `en_US`.
        sender_list: The recipients, at most 1,000. The vendor names the list so, and
            does not document it as required.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        task_id: Your own reference, which comes back in delivery reports.
        fall_back_id: The ID of a strategy for an SMS instead, as set up in the console
            (international site).
        fall_back_content: The text of the SMS.
        fall_back_duration: The seconds to wait for delivery before the SMS is sent, 60
            to 43200. Default: the SMS is sent only after a failure.
        fall_back_rule: When the SMS is sent: if a valid message is `undelivered`, or
            also if the template or its variables are refused (`sentFailed`). Default:
            `undelivered`.
        label: The kind of message (`viber`): promotion, which the vendor spells
            `pormotion`, or `transaction`.
        tag: Your own text (`viber`).
        ttl: The seconds until a message expires (`viber`), 30 to 1209600.
        cust_waba_id: Deprecated; use `cust_space_id`.
        isv_code: The ISV's code of authorisation. Kept as a `Secret`.
            Deprecated.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-sendchatappmassmessage
    """

    channel_type: Literal["whatsapp", "messenger", "instagram", "viber"] | str
    from_: str
    language: str
    sender_list: Annotated[Sequence[MassRecipient | Json], AtMost(1000)]
    template_code: str | None = None
    template_name: str | None = None
    cust_space_id: str | None = None
    task_id: str | None = None
    fall_back_id: str | None = None
    fall_back_content: str | None = None
    fall_back_duration: Annotated[int, Between(60, 43200)] | None = None
    fall_back_rule: Literal["undelivered", "sentFailed"] | None = None
    label: Literal["pormotion", "transaction"] | str | None = None
    tag: str | None = None
    ttl: Annotated[int, Between(30, 1209600)] | None = None
    cust_waba_id: str | None = None
    isv_code: str | Secret | None = None


@frozen(kw_only=True, slots=False)
class ChatappMessage(Record):
    """A message sent or received, with its status.

    The vendor documents no values of the statuses. Those named `..._name` are words
    whose language varies.
    """

    message_id: str | None = None

    unique_message_id: str | None = None
    """Another ID of the message: as observed, the `task_id` of the request. The vendor
    does not document it."""

    channel_type: str | None = None

    business_number: str | None = None
    """The sender of an outbound message, and the recipient of an inbound one."""

    user_number: str | None = None
    """The recipient of an outbound message, and the sender of an inbound one."""

    event_action: str | None = None
    """The direction of the message."""

    event_action_name: Literal["DOWN", "UP"] | str | None = None
    """The direction of the message: `DOWN` if sent, `UP` if received."""

    type: str | None = None
    """Such as `message`."""

    message_type: str | None = None
    """The form of the message, such as `text`."""

    message_type_name: str | None = None

    message: str | None = None
    """The content, as JSON text."""

    template_code: str | None = None

    template_name: str | None = None

    language_code: str | None = None
    """The language code of the template, such as `en_US`."""

    send_time: str | None = None
    """The time of sending: as observed, seconds or milliseconds since 1970, or a date
    and time."""

    month: str | None = None
    """The month of the message. The vendor does not document the format."""

    message_status: str | None = None

    message_status_name: str | None = None

    client_accept_status_name: str | None = None
    """Whether the recipient has received the message."""

    client_read_status: str | None = None
    """Whether the recipient has read the message."""

    client_read_status_name: str | None = None
    """Whether the recipient has read the message."""

    fail_reason: str | None = None
    """Why sending failed; also "None"."""

    fail_back_flag: Literal["Y", "N"] | str | None = None
    """`Y` if an SMS was sent instead, `N` otherwise."""

    fail_back_content: str | None = None
    """The text of the SMS."""

    conversation_id: str | None = None

    message_source: str | None = None


@frozen(kw_only=True, slots=False)
class ListChatappMessageResponse(Response):
    """The response of ListChatappMessage."""

    data: tuple[ChatappMessage, ...]
    """The messages on the page."""


@frozen(kw_only=True)
class ListChatappMessage(PagedOperation[ListChatappMessageResponse, ChatappMessage]):
    """List the messages that a business number sent and received.

    There is no filter for the ID of a message or task. To find a message whose outcome
    is unknown, list those to its recipient since shortly before the call. The vendor
    does not document when a message appears: an absent one may have been sent.

    Args:
        channel_type: `whatsapp` or `viber`.
        business_number: The business number as digits, country code first, or the ID of
            a Viber service.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        page: The page to return.
        start_time: The start of the query, in milliseconds since 1970. As observed, the
            service requires a start, although the vendor documents it as optional.
        end_time: The end of the query, in milliseconds since 1970.
        start_time_str: The start of the query; as observed, `2026-07-10 00:00:00`. The
            vendor does not document the format and the time zone.
        end_time_str: The end of the query, in the format of `start_time_str`.
        event_action: `DOWN` for messages sent, `UP` for messages received.
        user_number: The phone number of the other party.
        group_message_id: A batch, as SendChatappMassMessage returned it.
        message_status: The vendor does not document the values.
        client_accept_status: The vendor does not document the values.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listchatappmessage
    """

    pages: ClassVar[Pages] = PageNumbers("page.index", "page.size", items="data")

    channel_type: Literal["whatsapp", "viber"] | str
    business_number: str
    cust_space_id: str
    page: Page | Json
    start_time: int | None = None
    end_time: int | None = None
    start_time_str: str | None = None
    end_time_str: str | None = None
    event_action: Literal["DOWN", "UP"] | None = None
    user_number: str | None = None
    template_code: str | None = None
    group_message_id: str | None = None
    message_status: str | None = None
    client_accept_status: str | None = None


@frozen(kw_only=True, slots=False)
class SampleCheck(Record):
    """The result of a check of a message for direct send."""

    success: bool | None = None
    """Whether the check succeeded."""

    category: Literal["UTILITY", "MARKETING"] | str | None = None
    """The category in which the message would be sent."""


@frozen(kw_only=True, slots=False)
class CheckDirectSendMessageSampleResponse(Response):
    """The response of CheckDirectSendMessageSample."""

    data: SampleCheck


@frozen(kw_only=True)
class CheckDirectSendMessageSample(Operation[CheckDirectSendMessageSampleResponse]):
    """Check a WhatsApp message for direct send, and return its category.

    Direct send is SendChatappMessage with a `category` instead of a template, for
    customers whom Meta has invited.

    Args:
        type: `text` or `interactive`: which of the two fields has the message.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        text: The text, such as `{"text": "Your order is ready"}`.
        interactive: Meta's object of an interactive message, with its own keys such as
            `body` and `action`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-checkdirectsendmessagesample
    """

    type: Literal["interactive", "text"] | str
    cust_space_id: str
    text: Mapping[str, Any] | None = None
    interactive: Mapping[str, Any] | None = None


@frozen(kw_only=True)
class SubmitVerifyCodeResult(Operation[TextResponse]):
    """Report whether a recipient has entered the code that a message brought.

    The vendor does not document the text of the response.

    Args:
        message_id: The message, as SendChatappMessage returned it.
        result: Whether the recipient has entered the right code.
        to: The recipient of the message.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-submitverifycoderesult
    """

    message_id: str
    result: bool
    to: str | None = None


@frozen(kw_only=True, slots=False)
class CallSession(Record):
    """The description of the media of a call."""

    sdp_type: Literal["offer", "answer"] | str | None = None
    """`offer` to place a call, `answer` to accept one."""

    sdp: str | None = None
    """The description in the Session Description Protocol (RFC 8866)."""


@frozen(kw_only=True, slots=False)
class Call(Record):
    """A WhatsApp call."""

    call_id: str | None = None


@frozen(kw_only=True, slots=False)
class WhatsappCallResponse(Response):
    """The response of WhatsappCall."""

    model: Call | None = None
    """The call, which later actions name by its ID."""


@frozen(kw_only=True)
class WhatsappCall(Operation[WhatsappCallResponse]):
    """Place, accept, reject or end a WhatsApp voice call.

    Caution: a repeated `connect` may call the user twice.

    Args:
        call_action: `connect` places a call; `pre_accept` connects the media of an
            incoming call in advance, and `accept` accepts it; `reject` rejects it, and
            `terminate` ends a call.
        business_number: The business number, country code first, in any usual spelling.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        user_number: The number of the other party, country code first.
        call_id: The call; for all actions except `connect`.
        session: The media: an offer for `connect`, an answer for `pre_accept` and
            `accept`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-whatsappcall
    """

    call_action: Literal["connect", "pre_accept", "accept", "reject", "terminate"] | str
    business_number: InternationalNumber
    cust_space_id: str
    user_number: InternationalNumber | None = None
    call_id: str | None = None
    session: CallSession | Json | None = None
