"""The health of WhatsApp messaging, and counts of messages and clicks."""

from typing import Literal

from attrs import frozen

from cams_async.models import Record, Response
from cams_async.operations.fields import InternationalNumber
from cams_async.operations.operation import Operation
from cams_async.secret import Secret

__all__ = [
    "ButtonClickCount",
    "EnableWhatsappROIMetric",
    "GetChatappPhoneNumberMetric",
    "GetChatappPhoneNumberMetricResponse",
    "GetChatappTemplateMetric",
    "GetChatappTemplateMetricResponse",
    "GetWhatsappHealthStatus",
    "GetWhatsappHealthStatusResponse",
    "HealthEntity",
    "HealthError",
    "HealthStatus",
    "PhoneNumberMetric",
    "TemplateMetric",
]


@frozen(kw_only=True, slots=False)
class HealthError(Record):
    """A reason why an entity cannot send messages, or not without limits."""

    error_code: str | None = None
    """Meta's code, such as `141006`."""

    error_description: str | None = None

    possible_solution: str | None = None


@frozen(kw_only=True, slots=False)
class HealthEntity(Record):
    """An entity that takes part in sending, and its health."""

    entity_type: (
        Literal["PHONE_NUMBER", "MESSAGE_TEMPLATE", "WABA", "BUSINESS", "APP"]
        | str
        | None
    ) = None
    """The kind of entity."""

    can_send_message: Literal["AVAILABLE", "LIMITED", "BLOCKED"] | str | None = None
    """Whether the entity allows sending: fully, within limits, or not at all."""

    errors: tuple[HealthError, ...] = ()
    """The reasons, unless the entity is `AVAILABLE`."""

    business_id: str | None = None
    """The ID of the Meta business."""

    language: str | None = None
    """The language code of the template."""

    phone_number: str | None = None
    """The business number."""

    template_code: str | None = None
    """The code of the template, if a template was queried."""

    waba_id: str | None = None


@frozen(kw_only=True, slots=False)
class HealthStatus(Record):
    """The health of messaging, overall and by entity."""

    can_send_message: Literal["AVAILABLE", "LIMITED", "BLOCKED"] | str
    """The worst health of an entity."""

    entities: tuple[HealthEntity, ...] = ()
    """All entities that take part in sending."""


@frozen(kw_only=True, slots=False)
class GetWhatsappHealthStatusResponse(Response):
    """The response of GetWhatsappHealthStatus."""

    data: HealthStatus


@frozen(kw_only=True)
class GetWhatsappHealthStatus(Operation[GetWhatsappHealthStatusResponse]):
    """Query whether a template, a number or a WABA can send WhatsApp messages.

    The status comes from Meta, which limits the total of such calls: query it rarely.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        node_type: The kind of the queried entity: `template` (by `template_code` and
            `language`), `phone` (by `phone_number`) or `waba` (by `waba_id`).
        language: The language code, such as `en_US`.
        phone_number: The business number, country code first, in any usual spelling.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getwhatsapphealthstatus
    """

    cust_space_id: str
    node_type: Literal["template", "phone", "waba"]
    language: str | None = None
    phone_number: InternationalNumber | None = None
    template_code: str | None = None
    waba_id: str | None = None


@frozen(kw_only=True)
class EnableWhatsappROIMetric(Operation[Response]):
    """Enable the metrics of WhatsApp numbers and marketing templates for good.

    Metrics become available a day later at the earliest, and leave out messages sent
    before the call. No action disables them.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        isv_code: The ISV's code of authorisation. Kept as a `Secret`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-enablewhatsapproimetric
    """

    cust_space_id: str | None = None
    isv_code: str | Secret | None = None


@frozen(kw_only=True, slots=False)
class PhoneNumberMetric(Record):
    """The messages of a business number in one period."""

    phone_number: str | None = None

    start: int | None = None
    """The start of the period, in milliseconds since 1970."""

    end: int | None = None
    """The end of the period, in milliseconds since 1970."""

    granularity: Literal["DAILY", "HALF_HOUR"] | str | None = None
    """The length of the period."""

    sent_count: int | None = None
    """The number of messages sent."""

    delivered_count: int | None = None
    """The number of messages delivered."""


@frozen(kw_only=True, slots=False)
class GetChatappPhoneNumberMetricResponse(Response):
    """The response of GetChatappPhoneNumberMetric."""

    data: tuple[PhoneNumberMetric, ...]
    """One entry for each number and period."""


@frozen(kw_only=True)
class GetChatappPhoneNumberMetric(Operation[GetChatappPhoneNumberMetricResponse]):
    """Count the messages that WhatsApp business numbers sent.

    Precondition: EnableWhatsappROIMetric, at least a day before. Messages sent before
    that call are not counted.

    Args:
        end: The end of the query, in milliseconds since 1970.
        start: The start of the query, in milliseconds since 1970.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        granularity: The length of the periods to count in.
        isv_code: The ISV's code of authorisation. Kept as a `Secret`.
        phone_number: The business number, country code first, in any usual spelling.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getchatappphonenumbermetric
    """

    end: int
    start: int
    cust_space_id: str | None = None
    granularity: Literal["DAILY", "HALF_HOUR"] | None = None
    isv_code: str | Secret | None = None
    phone_number: InternationalNumber | None = None


@frozen(kw_only=True, slots=False)
class ButtonClickCount(Record):
    """The clicks on one button of a template."""

    button_content: str | None = None
    """The text on the button."""

    count: int | None = None
    """The number of clicks."""

    type: (
        Literal["phone_number_button", "url_button", "quick_relpy_button"] | str | None
    ) = None
    """The kind of button. The vendor spells `quick_relpy_button` so."""


@frozen(kw_only=True, slots=False)
class TemplateMetric(Record):
    """The messages of a template, and the clicks on its buttons, in one period."""

    template_code: str | None = None

    language: str | None = None
    """The language code, such as `en_US`."""

    start: int | None = None
    """The start of the period, in milliseconds since 1970."""

    end: int | None = None
    """The end of the period, in milliseconds since 1970."""

    sent_count: int | None = None
    """The number of messages sent."""

    delivered_count: int | None = None
    """The number of messages delivered."""

    read_count: int | None = None
    """The number of messages read."""

    cliented: tuple[ButtonClickCount, ...] = ()
    """The clicks, by button."""


@frozen(kw_only=True, slots=False)
class GetChatappTemplateMetricResponse(Response):
    """The response of GetChatappTemplateMetric."""

    data: tuple[TemplateMetric, ...]
    """One entry for each language and period."""


@frozen(kw_only=True)
class GetChatappTemplateMetric(Operation[GetChatappTemplateMetricResponse]):
    """Count the messages, reads and clicks of a WhatsApp marketing template.

    Precondition: EnableWhatsappROIMetric, at least a day before. Messages sent before
    that call are not counted.

    Args:
        end: The end of the query, in milliseconds since 1970.
        start: The start of the query, in milliseconds since 1970.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        granularity: The length of the periods to count in.
        isv_code: The ISV's code of authorisation. Kept as a `Secret`.
        language: The language code, such as `en_US`.
        template_type: Default: `WHATSAPP`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getchatapptemplatemetric
    """

    end: int
    start: int
    template_code: str
    cust_space_id: str | None = None
    granularity: Literal["DAILY", "HALF_HOUR"] | None = None
    isv_code: str | Secret | None = None
    language: str | None = None
    template_type: Literal["WHATSAPP"] | str | None = None
