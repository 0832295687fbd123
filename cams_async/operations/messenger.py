"""Facebook pages of Messenger and Instagram accounts: connections and posts."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from attrs import frozen

from cams_async.models import Record, Response
from cams_async.operations.common import TextResponse
from cams_async.operations.operation import Operation
from cams_async.secret import Secret

__all__ = [
    "AgentInfo",
    "BeebotInfo",
    "BindInstagramPage",
    "BindInstagramPageResponse",
    "BindMessengerPage",
    "BindMessengerPageResponse",
    "BoundInstagramPage",
    "BoundMessengerPage",
    "CreateMessengerPage",
    "DeleteInstagramPage",
    "DeleteMessengerPage",
    "FacebookPage",
    "FacebookPost",
    "GetFbInstagramPages",
    "GetFbInstagramPagesResponse",
    "GetFbMessengerPages",
    "GetFbMessengerPagesResponse",
    "InstagramInfo",
    "InstagramPage",
    "InstagramPageCandidate",
    "InstagramPost",
    "ListFacebookPosts",
    "ListFacebookPostsResponse",
    "ListInstagramPage",
    "ListInstagramPageResponse",
    "ListInstagramPosts",
    "ListInstagramPostsResponse",
]

_ConnectionStatus: TypeAlias = (
    Literal[
        "Pending",
        "Connecting",
        "Connected",
        "Disconnecting",
        "Disconnected",
        "Deleting",
        "ServiceDeleted",
    ]
    | str
)


# Messenger


@frozen(kw_only=True)
class CreateMessengerPage(Operation[Response]):
    """Add a Facebook page to a channel after Meta's embedded signup.

    Caution: the call spends the authentication code, so that it cannot be repeated.

    Args:
        authentication_code: The code that the embedded signup returned. Kept as a
            `Secret`.
        business_id: The ID of the Meta business.
        ad_account_ids: The ad accounts that the signup authorised.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
    """

    page_id: str
    authentication_code: str | Secret
    business_id: str
    ad_account_ids: Sequence[str]
    cust_space_id: str


@frozen(kw_only=True, slots=False)
class FacebookPage(Record):
    """A Facebook page that an access token covers."""

    page_id: str | None = None

    page_name: str | None = None


@frozen(kw_only=True, slots=False)
class GetFbMessengerPagesResponse(Response):
    """The response of GetFbMessengerPages."""

    data: tuple[FacebookPage, ...]


@frozen(kw_only=True)
class GetFbMessengerPages(Operation[GetFbMessengerPagesResponse]):
    """List the Facebook pages that can be bound to a channel.

    Args:
        access_token: Meta's access token of the pages. Kept as a `Secret`.
        instance_id: The instance ID of the channel.
    """

    access_token: str | Secret
    instance_id: str


@frozen(kw_only=True, slots=False)
class BoundMessengerPage(Record):
    """A Facebook page that is bound to a channel."""

    page_id: str | None = None

    page_name: str | None = None

    connection_status: str | None = None
    """Such as `CONNECTED`."""


@frozen(kw_only=True, slots=False)
class BindMessengerPageResponse(Response):
    """The response of BindMessengerPage."""

    data: tuple[BoundMessengerPage, ...]


@frozen(kw_only=True)
class BindMessengerPage(Operation[BindMessengerPageResponse]):
    """Bind a Facebook page to a channel, for Messenger.

    Args:
        page_id: The page, as GetFbMessengerPages returned it.
        instance_id: The instance ID of the channel.
        region_id: The region of the instance, such as `ap-southeast-1`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-bindmessengerpage
    """

    page_id: str
    instance_id: str
    region_id: str | None = None


@frozen(kw_only=True)
class DeleteMessengerPage(Operation[TextResponse]):
    """Remove a Facebook page from a channel.

    The vendor does not document the text of the response.

    Args:
        instance_id: The instance ID of the channel.
    """

    page_id: str
    instance_id: str


@frozen(kw_only=True, slots=False)
class FacebookPost(Record):
    """A post on a Facebook page."""

    id: str | None = None
    """An ID of the post. The vendor calls it the ID of a task."""

    message: str | None = None
    """The text of the post."""

    created_time: str | None = None
    """The time of the post. The vendor does not document the format."""

    permalink_url: str | None = None
    """The URL of the post."""

    media_type: str | None = None
    """The kind of the attached medium."""

    media_url: str | None = None
    """The URL of the attached medium."""

    full_picture: str | None = None
    """The URL of the picture in full size."""

    request_no: str | None = None
    """A number of the vendor, whose meaning is not documented."""


@frozen(kw_only=True, slots=False)
class ListFacebookPostsResponse(Response):
    """The response of ListFacebookPosts."""

    data: tuple[FacebookPost, ...]


@frozen(kw_only=True)
class ListFacebookPosts(Operation[ListFacebookPostsResponse]):
    """List the posts on the Facebook page of a channel.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
    """

    cust_space_id: str


# Instagram


@frozen(kw_only=True, slots=False)
class InstagramPageCandidate(Record):
    """An Instagram account, and its Facebook page, that an access token covers."""

    account_id: str | None = None
    """The ID of the professional account, from which messages are sent."""

    account_name: str | None = None

    page_id: str | None = None
    """The ID of the Facebook page."""

    page_name: str | None = None

    connection_status: _ConnectionStatus | None = None
    """The state of the connection. `Pending` is a change under way."""


@frozen(kw_only=True, slots=False)
class GetFbInstagramPagesResponse(Response):
    """The response of GetFbInstagramPages."""

    data: tuple[InstagramPageCandidate, ...]


@frozen(kw_only=True)
class GetFbInstagramPages(Operation[GetFbInstagramPagesResponse]):
    """List the Instagram accounts that can be bound to a channel.

    Args:
        access_token: Meta's access token of the accounts. Kept as a `Secret`.
        instance_id: The instance ID of the channel.
    """

    access_token: str | Secret
    instance_id: str


@frozen(kw_only=True, slots=False)
class BoundInstagramPage(Record):
    """An Instagram account that is bound to a channel."""

    account_id: str | None = None
    """The ID of the professional account, from which messages are sent."""

    page_id: str | None = None
    """The ID of the Facebook page."""

    page_name: str | None = None

    connection_status: str | None = None
    """Such as `CONNECTED`."""


@frozen(kw_only=True, slots=False)
class BindInstagramPageResponse(Response):
    """The response of BindInstagramPage."""

    data: tuple[BoundInstagramPage, ...]


@frozen(kw_only=True)
class BindInstagramPage(Operation[BindInstagramPageResponse]):
    """Bind an Instagram account to a channel.

    Args:
        page_id: The Facebook page of the account, as GetFbInstagramPages returned it.
        instance_id: The instance ID of the channel.
        region_id: The region of the instance, such as `ap-southeast-1`.
    """

    page_id: str
    instance_id: str
    region_id: str | None = None


@frozen(kw_only=True, slots=False)
class InstagramInfo(Record):
    """An Instagram account with its connection and its callbacks."""

    account_id: str | None = None
    """The ID of the professional account, from which messages are sent."""

    account_name: str | None = None

    page_id: str | None = None
    """The ID of the Facebook page."""

    page_name: str | None = None

    connection_status: _ConnectionStatus | None = None
    """The state of the connection. `Pending` is a change under way."""

    http_flag: Literal["Y", "N"] | str | None = None
    """`Y` if reports are posted to the callback URLs, `N` otherwise."""

    status_callback_url: str | None = None
    """The URL to which the vendor posts delivery reports."""

    up_callback_url: str | None = None
    """The URL to which the vendor posts incoming messages."""

    queue_flag: Literal["Y", "N"] | str | None = None
    """`Y` if reports are sent to the queues, `N` otherwise."""

    status_queue: str | None = None
    """The queue of delivery reports."""

    up_queue: str | None = None
    """The queue of incoming messages."""

    queue_name: str | None = None


@frozen(kw_only=True, slots=False)
class AgentInfo(Record):
    """The settings of human agents, in a form that is not documented."""

    agent_keywords: str | None = None

    agent_no_keywords: str | None = None


@frozen(kw_only=True, slots=False)
class BeebotInfo(Record):
    """The chatbot of a channel."""

    beebot_instance_id: str | None = None

    beebot_namespace_id: str | None = None


@frozen(kw_only=True, slots=False)
class InstagramPage(Record):
    """The Instagram account of a channel, with its agents and its chatbot."""

    instagram_info: InstagramInfo | None = None
    """The account with its connection and its callbacks."""

    agent_info: AgentInfo | None = None
    """The settings of human agents."""

    beebot_info: BeebotInfo | None = None
    """The chatbot."""


@frozen(kw_only=True, slots=False)
class ListInstagramPageResponse(Response):
    """The response of ListInstagramPage."""

    data: InstagramPage


@frozen(kw_only=True)
class ListInstagramPage(Operation[ListInstagramPageResponse]):
    """Get the Instagram account of a channel, with its connection and callbacks.

    Args:
        instance_id: The instance ID of the channel.
    """

    instance_id: str


@frozen(kw_only=True)
class DeleteInstagramPage(Operation[TextResponse]):
    """Remove an Instagram account from a channel.

    The vendor does not document the text of the response.

    Args:
        page_id: The Facebook page of the account, as ListInstagramPage returned it.
        instance_id: The instance ID of the channel.
    """

    page_id: str
    instance_id: str


@frozen(kw_only=True, slots=False)
class InstagramPost(Record):
    """A post of an Instagram account."""

    id: str | None = None
    """An ID of the post. The vendor calls it the ID of a task."""

    message: str | None = None
    """The text of the post."""

    created_time: str | None = None
    """The time of the post. The vendor does not document the format."""

    permalink_url: str | None = None
    """The URL of the post."""

    media_type: str | None = None
    """The kind of the attached medium."""

    media_url: str | None = None
    """The URL of the attached medium."""

    full_picture: str | None = None
    """The URL of the picture in full size."""


@frozen(kw_only=True, slots=False)
class ListInstagramPostsResponse(Response):
    """The response of ListInstagramPosts."""

    data: tuple[InstagramPost, ...]


@frozen(kw_only=True)
class ListInstagramPosts(Operation[ListInstagramPostsResponse]):
    """List the posts of the Instagram account of a channel.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
    """

    cust_space_id: str
