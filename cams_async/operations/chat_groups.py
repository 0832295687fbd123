"""Group chats of WhatsApp: groups, their invite links and their participants."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from attrs import frozen

from cams_async.models import Record, Response
from cams_async.operations.common import Page
from cams_async.operations.fields import ClearableText, InternationalNumber, Json
from cams_async.operations.operation import Operation
from cams_async.operations.paging import PagedOperation, PageNumbers, Pages

__all__ = [
    "AddChatGroup",
    "AddChatGroupInviteLink",
    "AddChatGroupInviteLinkResponse",
    "AddChatGroupResponse",
    "ChatGroup",
    "ChatGroupChangeResponse",
    "ChatGroupPage",
    "ChatGroupParticipant",
    "ChatGroupParticipantPage",
    "DeleteChatGroup",
    "DeleteChatGroupInviteLink",
    "DeleteChatGroupParticipants",
    "ListChatGroup",
    "ListChatGroupParticipants",
    "ListChatGroupParticipantsResponse",
    "ListChatGroupResponse",
    "UpdateChatGroup",
]


@frozen(kw_only=True, slots=False)
class AddChatGroupResponse(Response):
    """The response of AddChatGroup."""

    unique_code: str
    """The code of this request. ListChatGroup returns the ID of the group."""


@frozen(kw_only=True)
class AddChatGroup(Operation[AddChatGroupResponse]):
    """Create a group.

    Precondition: the vendor has enabled groups, a beta of Meta, for the account.
    The group starts without participants and has at most 8. Create its link with
    AddChatGroupInviteLink, and send the link to those who may join.

    Args:
        business_number: The business number, country code first, in any usual spelling.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        channel_type: Only `WHATSAPP` so far.
        group_link: The link of the group.
        subject: The title of the group. The vendor's documentation requires it, its SDK
            does not.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-addchatgroup
    """

    business_number: InternationalNumber
    cust_space_id: str
    channel_type: Literal["WHATSAPP"] | str | None = None
    description: str | None = None
    group_link: str | None = None
    subject: str | None = None


@frozen(kw_only=True, slots=False)
class AddChatGroupInviteLinkResponse(Response):
    """The response of AddChatGroupInviteLink."""

    invite_link: str
    """The link with which users join the group."""


@frozen(kw_only=True)
class AddChatGroupInviteLink(Operation[AddChatGroupInviteLinkResponse]):
    """Create the invite link of a group.

    Args:
        business_number: The business number, country code first, in any usual spelling.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        group_id: The ID that ListChatGroup returns.
        channel_type: Only `WHATSAPP` so far.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-addchatgroupinvitelink
    """

    business_number: InternationalNumber
    cust_space_id: str
    group_id: str
    channel_type: Literal["WHATSAPP"] | str | None = None


@frozen(kw_only=True, slots=False)
class ChatGroup(Record):
    """A group."""

    business_number: str | None = None

    business_role: str | None = None
    """The role of the business number in the group."""

    description: str | None = None

    gmt_modifier: int | None = None
    """The time of the last change. The vendor does not document the unit."""

    group_id: str | None = None

    group_link: str | None = None
    """The link given to AddChatGroup."""

    group_status: (
        Literal["ACTIVE", "INACTIVE", "SUSPENDED", "CREATING", "DELETING", "UPDATING"]
        | str
        | None
    ) = None
    """`ACTIVE`: usable. `INACTIVE`: not activated. `CREATING`, `DELETING` and
    `UPDATING` are transient."""

    group_type: str | None = None

    invite_link: str | None = None
    """The link with which users join; see AddChatGroupInviteLink."""

    profile_picture_file: str | None = None
    """The picture of the group."""

    subject: str | None = None
    """The title."""

    total_participant_count: int | None = None
    """The number of participants."""


@frozen(kw_only=True, slots=False)
class ChatGroupPage(Record):
    """A page of groups."""

    list: tuple[ChatGroup, ...] = ()
    """The groups on the page."""

    total: int | None = None
    """The number of groups on all pages."""


@frozen(kw_only=True, slots=False)
class ListChatGroupResponse(Response):
    """The response of ListChatGroup."""

    data: ChatGroupPage


@frozen(kw_only=True)
class ListChatGroup(PagedOperation[ListChatGroupResponse, ChatGroup]):
    """List the groups of a business number.

    Args:
        business_number: The business number, country code first, in any usual spelling.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        page: The page to return.
        channel_type: Only `WHATSAPP` so far.
        group_link: Only groups with this link.
        group_status: Only groups in this state; see ChatGroup.
        group_type: Only groups of this type. The vendor documents it for Telegram only.
        subject: Only groups with this title.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listchatgroup
    """

    pages: ClassVar[Pages] = PageNumbers(
        "page.index", "page.size", items="data.list", total="data.total"
    )

    business_number: InternationalNumber
    cust_space_id: str
    page: Page | Json
    channel_type: Literal["WHATSAPP"] | str | None = None
    group_link: str | None = None
    group_status: (
        Literal["ACTIVE", "INACTIVE", "SUSPENDED", "CREATING", "DELETING", "UPDATING"]
        | str
        | None
    ) = None
    group_type: str | None = None
    subject: str | None = None


@frozen(kw_only=True, slots=False)
class ChatGroupParticipant(Record):
    """A participant of a group."""

    participant_number: str | None = None
    """The number, as ListChatGroupParticipants returns it."""


@frozen(kw_only=True, slots=False)
class ChatGroupParticipantPage(Record):
    """A page of participants."""

    list: tuple[ChatGroupParticipant, ...] = ()
    """The participants on the page."""

    total: int | None = None
    """The number of participants on all pages."""


@frozen(kw_only=True, slots=False)
class ListChatGroupParticipantsResponse(Response):
    """The response of ListChatGroupParticipants."""

    data: ChatGroupParticipantPage


@frozen(kw_only=True)
class ListChatGroupParticipants(
    PagedOperation[ListChatGroupParticipantsResponse, ChatGroupParticipant]
):
    """List the participants of a group.

    Args:
        business_number: The business number, country code first, in any usual spelling.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        group_id: The ID that ListChatGroup returns.
        channel_type: Only `WHATSAPP` so far.
        page: The page to return.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listchatgroupparticipants
    """

    pages: ClassVar[Pages] = PageNumbers(
        "page.index", "page.size", items="data.list", total="data.total"
    )

    business_number: InternationalNumber
    cust_space_id: str
    group_id: str
    channel_type: Literal["WHATSAPP"] | str | None = None
    page: Page | Json | None = None


@frozen(kw_only=True, slots=False)
class ChatGroupChangeResponse(Response):
    """The response of actions that change or delete a group, or a part of it."""

    result: int | None = None
    """The number of changed rows in the vendor's database."""


@frozen(kw_only=True)
class UpdateChatGroup(Operation[ChatGroupChangeResponse]):
    """Change the title, the description or the picture of a group.

    Args:
        business_number: The business number, country code first, in any usual spelling.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        group_id: The ID that ListChatGroup returns.
        channel_type: Only `WHATSAPP` so far.
        profile_picture_file: The picture: a square JPEG of at least 192 x 192 pixels
            and at most 5 MB.
        subject: The title of the group.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updatechatgroup
    """

    business_number: InternationalNumber
    cust_space_id: str
    group_id: str
    channel_type: Literal["WHATSAPP"] | str | None = None
    description: ClearableText | None = None
    profile_picture_file: str | None = None
    subject: str | None = None


@frozen(kw_only=True)
class DeleteChatGroupParticipants(Operation[ChatGroupChangeResponse]):
    """Remove participants from a group.

    They receive no more messages of the group.

    Args:
        business_number: The business number, country code first, in any usual spelling.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        group_id: The ID that ListChatGroup returns.
        channel_type: Only `WHATSAPP` so far.
        list: The participants to remove.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-deletechatgroupparticipants
    """

    business_number: InternationalNumber
    cust_space_id: str
    group_id: str
    channel_type: Literal["WHATSAPP"] | str | None = None
    list: Sequence[ChatGroupParticipant | Json] | None = None


@frozen(kw_only=True)
class DeleteChatGroupInviteLink(Operation[ChatGroupChangeResponse]):
    """Delete the invite link of a group.

    Args:
        business_number: The business number, country code first, in any usual spelling.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        group_id: The ID that ListChatGroup returns.
        channel_type: Only `WHATSAPP` so far.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-deletechatgroupinvitelink
    """

    business_number: InternationalNumber
    cust_space_id: str
    group_id: str
    channel_type: Literal["WHATSAPP"] | str | None = None


@frozen(kw_only=True)
class DeleteChatGroup(Operation[ChatGroupChangeResponse]):
    """Delete a group.

    Args:
        business_number: The business number, country code first, in any usual spelling.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        group_id: The ID that ListChatGroup returns.
        channel_type: Only `WHATSAPP` so far.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-deletechatgroup
    """

    business_number: InternationalNumber
    cust_space_id: str
    group_id: str
    channel_type: Literal["WHATSAPP"] | str | None = None
