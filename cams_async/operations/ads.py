"""Audiences and campaigns of marketing messages on Messenger, and conversion events."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from attrs import frozen

from cams_async.models import Record, Response
from cams_async.operations.common import Page
from cams_async.operations.fields import AtMost, Between, Json
from cams_async.operations.operation import Operation
from cams_async.operations.paging import PagedOperation, PageNumbers, Pages, PageTokens
from cams_async.secret import Secret

__all__ = [
    "AddCustomAudienceUser",
    "AudienceUser",
    "CampaignInsight",
    "ConversionDataset",
    "ConversionEvent",
    "CreateCustomAudience",
    "CreateCustomAudienceResponse",
    "CreateMessageCampaign",
    "CreateMessageCampaignResponse",
    "CreateWhatsappConversionApi",
    "CustomAudience",
    "DeleteMessageCampaign",
    "GetMessageCampaignInsights",
    "GetMessageCampaignInsightsResponse",
    "GetWhatsappConversionApi",
    "GetWhatsappConversionApiResponse",
    "ListCustomAudience",
    "ListCustomAudienceResponse",
    "ListMessageCampaign",
    "ListMessageCampaignResponse",
    "ListMessengerSubscriptionToken",
    "ListMessengerSubscriptionTokenResponse",
    "ListPageAdAccount",
    "ListPageAdAccountResponse",
    "MessageCampaign",
    "PageAdAccount",
    "RequestWhatsappConversionApi",
    "SubscriptionToken",
    "SyncMessageCampaign",
    "SyncMessengerSubscriptionToken",
    "SyncMessengerSubscriptionTokenResponse",
]


@frozen(kw_only=True, slots=False)
class PageAdAccount(Record):
    """An ad account of a page."""

    ad_account_id: str | None = None

    ad_account_name: str | None = None

    currency: str | None = None

    page_id: str | None = None


@frozen(kw_only=True, slots=False)
class ListPageAdAccountResponse(Response):
    """The response of ListPageAdAccount."""

    data: tuple[PageAdAccount, ...]


@frozen(kw_only=True)
class ListPageAdAccount(Operation[ListPageAdAccountResponse]):
    """List the Meta ad accounts of a page.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        page_id: The ID of the Facebook page.
    """

    cust_space_id: str
    page_id: str


# Audiences


@frozen(kw_only=True, slots=False)
class CreateCustomAudienceResponse(Response):
    """The response of CreateCustomAudience."""

    custom_audience_id: str


@frozen(kw_only=True)
class CreateCustomAudience(Operation[CreateCustomAudienceResponse]):
    """Create a custom audience for marketing messages.

    Args:
        ad_account_id: The ID of the ad account. ListPageAdAccount returns it.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        page_id: The ID of the Facebook page.
        upload_type: The source of the users: `excel` for the file at `file_path`,
            `intf` for calls of AddCustomAudienceUser.
        file_path: The path of the uploaded file, such as `bucket/file.xlsx`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-createcustomaudience
    """

    ad_account_id: str
    cust_space_id: str
    name: str
    page_id: str
    upload_type: Literal["excel", "intf"] | str
    description: str | None = None
    file_path: str | None = None


@frozen(kw_only=True, slots=False)
class AudienceUser(Record):
    """A user of an audience, by e-mail address or phone number."""

    email: str | None = None

    phone: str | None = None


@frozen(kw_only=True)
class AddCustomAudienceUser(Operation[Response]):
    """Add users to a custom audience.

    Meta matches them with the subscribers of the page. It discards all of them if fewer
    than 100 match.

    Args:
        ad_account_id: The ID of the ad account. ListPageAdAccount returns it.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        page_id: The ID of the Facebook page.
        users: At most 10,000 users.
        batch_last_flag: Whether this call has the last users of a batch.
        estimated_num_total: The estimated number of users in all calls of the batch.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-addcustomaudienceuser
    """

    ad_account_id: str
    cust_space_id: str
    custom_audience_id: str
    page_id: str
    users: Annotated[Sequence[AudienceUser | Json], AtMost(10000)]
    batch_last_flag: bool | None = None
    estimated_num_total: int | None = None


@frozen(kw_only=True, slots=False)
class CustomAudience(Record):
    """A custom audience. The vendor does not document the unit of its times."""

    ad_account_id: str | None = None

    create_time: int | None = None

    custom_audience_id: str | None = None

    custom_audience_name: str | None = None

    description: str | None = None

    page_id: str | None = None

    status: str | None = None

    token_total: int | None = None
    """The number of subscription tokens."""

    token_type: Literal["customAudience"] | str | None = None

    update_time: int | None = None

    upload_type: Literal["excel", "intf"] | str | None = None
    """The source of the users; see CreateCustomAudience."""


@frozen(kw_only=True, slots=False)
class ListCustomAudienceResponse(Response):
    """The response of ListCustomAudience."""

    data: tuple[CustomAudience, ...]
    """The audiences on the page."""

    total: int | None = None
    """The number of audiences on all pages."""


@frozen(kw_only=True)
class ListCustomAudience(PagedOperation[ListCustomAudienceResponse, CustomAudience]):
    """List the custom audiences of a page.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        page: The page to return.
        page_id: The ID of the Facebook page.
        ad_account_id: Only audiences of this ad account.
        custom_audience_id: Only the audience with this ID.
        custom_audience_name: Only audiences with this name.
        token_type: Only audiences with tokens of this type.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listcustomaudience
    """

    pages: ClassVar[Pages] = PageNumbers(
        "page.index", "page.size", items="data", total="total"
    )

    cust_space_id: str
    page: Page | Json
    page_id: str
    ad_account_id: str | None = None
    custom_audience_id: str | None = None
    custom_audience_name: str | None = None
    token_type: Literal["customAudience"] | str | None = None


@frozen(kw_only=True, slots=False)
class SyncMessengerSubscriptionTokenResponse(Response):
    """The response of SyncMessengerSubscriptionToken."""

    task_code: str
    """The code of the started task. No action queries the task."""


@frozen(kw_only=True)
class SyncMessengerSubscriptionToken(Operation[SyncMessengerSubscriptionTokenResponse]):
    """Start a task that fetches subscription tokens from Meta.

    Each call starts a task. ListMessengerSubscriptionToken returns the tokens.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        page_id: The ID of the Facebook page.
        token_type: `customAudience` for the tokens of an audience.
        custom_audience_id: The ID of the audience.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-syncmessengersubscriptiontoken
    """

    cust_space_id: str
    page_id: str
    token_type: Literal["customAudience"] | str
    custom_audience_id: str | None = None


@frozen(kw_only=True, slots=False)
class SubscriptionToken(Record):
    """A token that permits marketing messages to one subscriber.

    The vendor does not document the unit of the times.
    """

    creation_timestamp: int | None = None
    """The time of creation."""

    custom_audience_id: str | None = None

    next_eligible_time: int | None = None
    """The earliest time of the next marketing message to the subscriber."""

    notification_messages_reoptin: str | None = None
    """Whether Meta offers the subscriber a renewal."""

    notification_messages_timezone: str | None = None
    """The time zone of the subscriber."""

    notification_messages_token: Secret | None = None
    """The token. Kept as a `Secret`."""

    page_id: str | None = None

    recipient_id: str | None = None
    """Meta's page-scoped ID (PSID) of the subscriber."""

    token_expiry_timestamp: int | None = None
    """The time when the token expires."""

    topic_title: str | None = None
    """The title of the messages."""

    user_token_status: str | None = None
    """The state of the token, such as `NOT_REFRESHED`."""


@frozen(kw_only=True, slots=False)
class ListMessengerSubscriptionTokenResponse(Response):
    """The response of ListMessengerSubscriptionToken."""

    data: tuple[SubscriptionToken, ...]
    """The tokens on the page."""

    next_page: str | None = None
    """The `page_key` of a request for the next page."""


@frozen(kw_only=True)
class ListMessengerSubscriptionToken(
    PagedOperation[ListMessengerSubscriptionTokenResponse, SubscriptionToken]
):
    """List the subscription tokens of a page or an audience.

    SyncMessengerSubscriptionToken fetches them from Meta.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        page_id: The ID of the Facebook page.
        token_type: `customAudience` for the tokens of an audience.
        custom_audience_id: Only tokens of this audience.
        limit: The number of tokens on a page, 1 to 1,000.
        page_key: The `next_page` of the response before.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listmessengersubscriptiontoken
    """

    pages: ClassVar[Pages] = PageTokens(
        "page_key", "limit", items="data", next="next_page"
    )

    cust_space_id: str
    page_id: str
    token_type: Literal["customAudience"] | str
    custom_audience_id: str | None = None
    limit: Annotated[int, Between(1, 1000)] | None = None
    page_key: str | None = None


# Campaigns


@frozen(kw_only=True, slots=False)
class CreateMessageCampaignResponse(Response):
    """The response of CreateMessageCampaign."""

    campaign_id: str


@frozen(kw_only=True)
class CreateMessageCampaign(Operation[CreateMessageCampaignResponse]):
    """Create a campaign: a budget for marketing messages.

    Args:
        ad_account_id: The ID of the ad account. ListPageAdAccount returns it.
        budget: The budget in US cents.
        budget_type: `daily` for a budget per day, `lifetime` for one in all.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        page_id: The ID of the Facebook page.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-createmessagecampaign
    """

    ad_account_id: str
    budget: int
    budget_type: Literal["daily", "lifetime"] | str
    cust_space_id: str
    name: str
    page_id: str


@frozen(kw_only=True)
class SyncMessageCampaign(Operation[Response]):
    """Fetch the campaigns of an ad account from Meta.

    ListMessageCampaign returns them.

    Args:
        ad_account_id: The ID of the ad account. ListPageAdAccount returns it.
        page_id: The ID of the Facebook page.
    """

    ad_account_id: str
    page_id: str


@frozen(kw_only=True, slots=False)
class MessageCampaign(Record):
    """A campaign: a budget for marketing messages."""

    ad_account_id: str | None = None

    budget: int | None = None
    """The budget in US cents, as given to CreateMessageCampaign."""

    budget_type: Literal["daily", "lifetime"] | str | None = None

    campaign_id: str | None = None

    campaign_name: str | None = None

    create_time: int | None = None
    """The time of creation. The vendor does not document the unit."""

    page_id: str | None = None

    status: str | None = None


@frozen(kw_only=True, slots=False)
class ListMessageCampaignResponse(Response):
    """The response of ListMessageCampaign."""

    data: tuple[MessageCampaign, ...]
    """The campaigns on the page."""

    total: int | None = None
    """The number of campaigns on all pages."""


@frozen(kw_only=True)
class ListMessageCampaign(PagedOperation[ListMessageCampaignResponse, MessageCampaign]):
    """List the campaigns of a page.

    SyncMessageCampaign fetches them from Meta.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        page: The page to return.
        page_id: The ID of the Facebook page.
        ad_account_id: Only campaigns of this ad account.
        campaign_id: Only the campaign with this ID.
        campaign_name: Only campaigns with this name.
        status: Only campaigns in this state.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listmessagecampaign
    """

    pages: ClassVar[Pages] = PageNumbers(
        "page.index", "page.size", items="data", total="total"
    )

    cust_space_id: str
    page: Page | Json
    page_id: str
    ad_account_id: str | None = None
    campaign_id: str | None = None
    campaign_name: str | None = None
    status: str | None = None


@frozen(kw_only=True, slots=False)
class CampaignInsight(Record):
    """Statistics of a campaign over a period, as texts.

    Clicks, their rate and their cost leave out messages to Argentina, Europe, Japan,
    South Korea and Türkiye; deliveries and reads those to Europe and Japan.
    """

    date_start: str | None = None
    """The start of the period."""

    date_stop: str | None = None
    """The end of the period."""

    marketing_messages_cost_per_delivered: str | None = None
    """The average cost of a delivered message."""

    marketing_messages_cost_per_link_btn_click: str | None = None
    """The average cost of a click on a link."""

    marketing_messages_delivered: str | None = None
    """The number of delivered messages. It may be an estimate, and differ from the
    bill."""

    marketing_messages_delivery_rate: str | None = None
    """The share of messages that were delivered."""

    marketing_messages_link_btn_click: str | None = None
    """The number of clicks on links."""

    marketing_messages_link_btn_click_rate: str | None = None
    """The percentage of delivered messages with a click on a link."""

    marketing_messages_read_rate: str | None = None
    """Read messages, divided by delivered messages. Users can disable the reports of
    reading."""

    marketing_messages_spend: str | None = None
    """The amount spent in all."""


@frozen(kw_only=True, slots=False)
class GetMessageCampaignInsightsResponse(Response):
    """The response of GetMessageCampaignInsights."""

    data: tuple[CampaignInsight, ...]


@frozen(kw_only=True)
class GetMessageCampaignInsights(Operation[GetMessageCampaignInsightsResponse]):
    """Query deliveries, reads, clicks and costs of a campaign.

    Args:
        ad_account_id: The ID of the ad account. ListPageAdAccount returns it.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        page_id: The ID of the Facebook page.
    """

    ad_account_id: str
    campaign_id: str
    cust_space_id: str
    page_id: str


@frozen(kw_only=True)
class DeleteMessageCampaign(Operation[Response]):
    """Delete a campaign.

    Args:
        ad_account_id: The ID of the ad account. ListPageAdAccount returns it.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        page_id: The ID of the Facebook page.
    """

    ad_account_id: str
    campaign_id: str
    cust_space_id: str
    page_id: str


# Conversion events


@frozen(kw_only=True)
class CreateWhatsappConversionApi(Operation[Response]):
    """Connect pages to the Conversions API with the code of an embedded sign-up.

    The call spends the code. GetWhatsappConversionApi returns the pages.

    Args:
        code: The code of the embedded sign-up. Kept as a `Secret`.
        instance_id: The ID of the channel.
        permissions: The permissions that the user granted at the embedded sign-up.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-createwhatsappconversionapi
    """

    code: str | Secret | None = None
    instance_id: str | None = None
    permissions: Sequence[str] | None = None


@frozen(kw_only=True, slots=False)
class ConversionDataset(Record):
    """A page that is connected to the Conversions API."""

    dataset_id: str | None = None
    """The ID of Meta's dataset, which collects the events."""

    page_id: str | None = None

    page_name: str | None = None


@frozen(kw_only=True, slots=False)
class GetWhatsappConversionApiResponse(Response):
    """The response of GetWhatsappConversionApi."""

    data: tuple[ConversionDataset, ...]


@frozen(kw_only=True)
class GetWhatsappConversionApi(Operation[GetWhatsappConversionApiResponse]):
    """List the pages of a channel that are connected to the Conversions API.

    Args:
        instance_id: The ID of the channel.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getwhatsappconversionapi
    """

    instance_id: str | None = None


@frozen(kw_only=True, slots=False)
class ConversionEvent(Record):
    """An event for Meta, such as a purchase."""

    action_source: (
        Literal[
            "email",
            "website",
            "app",
            "phone_call",
            "chat",
            "physical_store",
            "system_generated",
            "other",
        ]
        | str
    )
    """The place of the event. `system_generated` is for automatic events, such as
    renewals. Events in a `physical_store` do not optimise ads."""

    event_name: str
    """A standard event of Meta, such as `Purchase`, or a name of your own."""

    event_time: int
    """The time of the event: seconds since 1970, UTC."""

    user_data: Mapping[str, Any]
    """The user, by the names of Meta's customer information parameters."""

    app_data: Mapping[str, Any] | None = None
    """The app and the device; required for events of apps."""

    custom_data: Mapping[str, Any] | None = None
    """More data on the event, such as `{"currency": "USD", "value": 1}`."""

    data_processing_options: Sequence[Literal["LDU"] | str] | None = None
    """`LDU` for Meta's Limited Data Use."""

    data_processing_options_country: int | None = None
    """Required with `LDU`: 1 for the USA, 0 if Meta is to locate the event."""

    data_processing_options_state: int | None = None
    """At times required with `LDU`: 1000 for California, 0 if Meta is to locate the
    event."""

    event_id: str | None = None
    """An ID of your own that makes a repetition harmless: of events with the same name
    and ID within 48 hours, Meta counts the first."""

    event_source_url: str | None = None
    """The page of the browser; starts with `http://` or `https://`."""

    ext_info: Mapping[str, Any] | None = None
    """Facts about the device, such as its screen; required for events of apps."""

    messaging_channel: Literal["whatsapp"] | str | None = None

    opt_out: bool | None = None
    """Whether the event serves attribution only, and not the optimisation of ads."""


@frozen(kw_only=True)
class RequestWhatsappConversionApi(Operation[Response]):
    """Report conversion events to Meta.

    If every event has an `event_id`, you can repeat the call after an unknown outcome:
    Meta counts each event once within 48 hours.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        page_id: The ID of a page that GetWhatsappConversionApi returns.
        request_data: The events.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-requestwhatsappconversionapi
    """

    cust_space_id: str
    page_id: str
    request_data: Sequence[ConversionEvent | Json] | None = None
