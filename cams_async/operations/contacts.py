"""Contacts in groups, and campaigns that run a flow for each contact of a group."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from attrs import frozen

from cams_async.models import Record, Response
from cams_async.operations.common import MapResponse, ModelResponse, TextResponse
from cams_async.operations.fields import ClearableText
from cams_async.operations.operation import Operation
from cams_async.operations.paging import PagedOperation, PageNumbers, Pages

__all__ = [
    "AddContacts",
    "AddGroup",
    "AddMarketingFlow",
    "ContactGroup",
    "DeleteContacts",
    "DeleteContactsByIds",
    "DeleteGroupById",
    "DeleteMarketingFlow",
    "GetDownloadExcelList",
    "GetGroupExist",
    "ListAllGroups",
    "ListAllGroupsResponse",
    "ListMarketingFlow",
    "ListMarketingFlowResponse",
    "MarketingFlow",
    "MoveContactToGroup",
    "PauseMarketingFLow",
    "RemoveContactById",
    "UpdateContactById",
    "UpdateGroupName",
    "UpdateMarketingFLow",
]


@frozen(kw_only=True)
class AddGroup(Operation[TextResponse]):
    """Create a group of contacts.

    ListAllGroups returns the ID of the group; the vendor does not document the text of
    the response. By their names, the fields of a contact describe a first contact, and
    `file_path` a file of contacts; their use here is not documented, either.

    Args:
        biz_code: The code of the business tenant.
        biz_extend: More business data, undocumented.
        contact_details: The number of the contact.
        country: The country of the contact, such as `China`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-addgroup
    """

    group_name: str
    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    contact_details: str | None = None
    contact_name: str | None = None
    country: str | None = None
    email: str | None = None
    file_path: str | None = None
    remark: str | None = None


@frozen(kw_only=True, slots=False)
class ContactGroup(Record):
    """A group of contacts."""

    gmt_create: str | None = None
    """The time of creation. The vendor does not document the format."""

    group_name: str | None = None

    id: str | None = None


@frozen(kw_only=True, slots=False)
class ListAllGroupsResponse(Response):
    """The response of ListAllGroups."""

    data: tuple[ContactGroup, ...]


@frozen(kw_only=True)
class ListAllGroups(Operation[ListAllGroupsResponse]):
    """List all groups of contacts.

    Args:
        biz_code: The code of the business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: More business data, undocumented. Default: an empty object.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listallgroups
    """

    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None


@frozen(kw_only=True)
class GetGroupExist(Operation[TextResponse]):
    """Check whether a group with a name exists.

    The vendor does not document the text of the response.

    Args:
        biz_code: The code of the business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: More business data, undocumented. Default: an empty object.
    """

    group_name: str
    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None


@frozen(kw_only=True)
class UpdateGroupName(Operation[TextResponse]):
    """Rename a group of contacts.

    The vendor does not document the text of the response.

    Args:
        group_id: The ID that ListAllGroups returns.
        group_name: The new name.
    """

    group_id: str
    group_name: str


@frozen(kw_only=True)
class DeleteGroupById(Operation[TextResponse]):
    """Delete a group of contacts.

    The vendor documents neither the text of the response nor what becomes of contacts
    that are in no other group.

    Args:
        group_id: The ID that ListAllGroups returns.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-deletegroupbyid
    """

    group_id: str


@frozen(kw_only=True)
class AddContacts(Operation[TextResponse]):
    """Add a contact, or a file of contacts, to groups.

    Give `contact_details` and `country` for one contact, or `file_path` for many. The
    vendor does not document the text of the response.

    Args:
        groups: The groups of the contacts. The vendor does not document the form;
            MoveContactToGroup takes a JSON list such as `[{"id": 1}]`.
        need_update: Whether a contact with the same number is overwritten, or else
            kept. This is the choice that the vendor's console offers; the parameter's
            own description is about another product.
        biz_code: The code of the business tenant.
        biz_extend: More business data, undocumented. Default: an empty object.
        contact_details: The number of the contact.
        country: The country of the contact, such as `China`.
        file_path: The path of an uploaded file of contacts.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-addcontacts
    """

    groups: str
    need_update: bool
    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    contact_details: str | None = None
    contact_name: str | None = None
    country: str | None = None
    email: str | None = None
    file_path: str | None = None
    remark: str | None = None


@frozen(kw_only=True)
class MoveContactToGroup(Operation[MapResponse]):
    """Change the groups of contacts.

    Args:
        contacts: The IDs of the contacts as a JSON list, such as `[{"id": 1}]`.
        biz_code: The code of the business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: More business data, undocumented. Default: an empty object.
        link_exist_groups: The IDs of existing groups as a JSON list, such as
            `[{"id": 1}]`.
        link_new_groups: The names of groups to create as a JSON list, such as
            `[{"groupName": "Regulars"}]`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-movecontacttogroup
    """

    contacts: str
    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    link_exist_groups: str | None = None
    link_new_groups: str | None = None


@frozen(kw_only=True)
class UpdateContactById(Operation[TextResponse]):
    """Change a contact.

    The vendor does not document the text of the response.

    Args:
        contact_details: The number of the contact.
        country: The code of the contact's country.
        biz_code: The code of the business tenant.
        biz_extend: More business data, undocumented. Default: an empty object.
        email: The e-mail address; may be empty.
        remark: May be empty.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updatecontactbyid
    """

    contact_details: str
    contact_id: str
    contact_name: str
    country: str
    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    email: ClearableText | None = None
    remark: ClearableText | None = None


@frozen(kw_only=True)
class RemoveContactById(Operation[TextResponse]):
    """Remove a contact from a group.

    The vendor does not document the text of the response.

    Args:
        group_id: The ID that ListAllGroups returns.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-removecontactbyid
    """

    contact_id: str
    group_id: str


@frozen(kw_only=True)
class DeleteContacts(Operation[TextResponse]):
    """Delete a contact by its number, or the contacts in a file.

    Caution: the vendor requires no field and does not document what a call without any
    deletes. The text of the response is not documented, either.

    Args:
        biz_code: The code of the business tenant.
        biz_extend: More business data, undocumented. Default: an empty object.
        contact_details: The number of the contact.
        country: The country of the contact, such as `China`.
        file_path: The path of an uploaded file of contacts.
    """

    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    contact_details: str | None = None
    contact_name: str | None = None
    country: str | None = None
    file_path: str | None = None


@frozen(kw_only=True)
class DeleteContactsByIds(Operation[ModelResponse]):
    """Delete contacts by their IDs.

    Args:
        contacts: The IDs, separated by commas.
    """

    contacts: str


@frozen(kw_only=True)
class GetDownloadExcelList(Operation[TextResponse]):
    """Export contacts as an Excel file.

    The call may start an export each time. The vendor does not document the text of the
    response.

    Args:
        biz_code: The code of the business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: More business data, undocumented. Default: an empty object.
        condition: A text to search for.
        country_names: Only contacts of these countries, such as `china`.
        end_date: The last day, such as `2025-12-01`.
        group_id: Only contacts of this group.
        group_ids: Only contacts of these groups.
        start_date: The first day, such as `2025-11-01`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getdownloadexcellist
    """

    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    condition: str | None = None
    country_names: Sequence[str] | None = None
    end_date: str | None = None
    group_id: str | None = None
    group_ids: Sequence[str] | None = None
    start_date: str | None = None


@frozen(kw_only=True)
class AddMarketingFlow(Operation[TextResponse]):
    """Create a campaign that runs a flow for each contact of a group.

    Publish the flow and create the group first. The vendor also calls campaigns
    marketing flows or activities. ListMarketingFlow returns the code of the campaign;
    the vendor does not document the text of the response.

    Args:
        activity_name: The name of the campaign. The vendor's console allows 60
            characters.
        execution_type: `Schedule` for runs by `cron_expression`, `Manual` for runs on
            demand. For the former, UpdateMarketingFLow expects `1`.
        activity_desc: The description of the campaign. The vendor's console allows 90
            characters.
        biz_code: The code of the business tenant.
        biz_extend: More business data, undocumented. Default: an empty object.
        cron_expression: The times of the runs: second, minute, hour, day of the month,
            month and day of the week, such as `0 59 9 */1 * ?` for 9:59 each day.
        end_date: The end of the campaign, such as `2025-11-26 09:59:00`; after
            `start_date`.
        param_flag: `Y` if `params` are passed to the flow.
        params: The parameters of the flow by name.
        related_flow_code: The code of the flow.
        related_flow_name: The name of the flow.
        related_group_id: The ID of the group, as ListAllGroups returns it.
        start_date: The start of the campaign, such as `2025-11-25 09:59:00`; in the
            future.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-addmarketingflow
    """

    activity_name: str
    execution_type: Literal["Schedule", "Manual"] | str
    activity_desc: str | None = None
    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    cron_expression: str | None = None
    end_date: str | None = None
    param_flag: Literal["Y", "N"] | str | None = None
    params: Mapping[str, Any] | None = None
    related_flow_code: str | None = None
    related_flow_name: str | None = None
    related_group_id: int | None = None
    start_date: str | None = None


@frozen(kw_only=True, slots=False)
class MarketingFlow(Record):
    """A campaign."""

    activity_code: str | None = None
    """The code by which actions refer to the campaign."""

    activity_desc: str | None = None
    """The description."""

    activity_name: str | None = None

    activity_status: str | None = None
    """The state, such as `active`."""

    biz_code: str | None = None
    """The code of the business tenant; `ALICOM_OPAAS` by default."""

    biz_extend: Mapping[str, Any] | None = None
    """More business data, undocumented."""

    cron_expression: str | None = None
    """The times of the runs; see AddMarketingFlow."""

    end_date: str | None = None
    """The end of the campaign."""

    execution_type: str | None = None
    """`1` for runs by `cron_expression`, `2` for one run at `specific_time`."""

    gmt_create: str | None = None
    """The time of creation. The vendor does not document the format."""

    id: int | None = None

    param_flag: str | None = None
    """`Y` if `params` are passed to the flow."""

    params: Mapping[str, Any] | None = None
    """The parameters of the flow by name."""

    related_flow_code: str | None = None
    """The code of the flow."""

    related_flow_name: str | None = None
    """The name of the flow."""

    related_group_id: str | None = None
    """The ID of the group of contacts."""

    related_group_name: str | None = None
    """The name of the group of contacts."""

    specific_time: str | None = None
    """The time of the run, if `execution_type` is `2`."""

    start_date: str | None = None
    """The start of the campaign."""

    tenant_code: str | None = None

    gmt_modifier: str | None = None
    """Deprecated. The time of the last change."""


@frozen(kw_only=True, slots=False)
class ListMarketingFlowResponse(Response):
    """The response of ListMarketingFlow."""

    data: tuple[MarketingFlow, ...]
    """The campaigns on the page."""

    total_count: int | None = None
    """The number of campaigns on all pages."""


@frozen(kw_only=True)
class ListMarketingFlow(PagedOperation[ListMarketingFlowResponse, MarketingFlow]):
    """List campaigns.

    Args:
        activity_code: Only the campaign with this code.
        activity_name: Only campaigns with this name.
        activity_status: Only campaigns in this state, such as `active`.
        biz_code: The code of the business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: More business data, undocumented. Default: an empty object.
        page_index: The number of the page, as text; the first is `1`.
        page_size: The number of items on a page, as text.
        related_flow_code: Only campaigns that run this flow.
        related_group_id: Only campaigns for this group.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listmarketingflow
    """

    pages: ClassVar[Pages] = PageNumbers(
        "page_index", "page_size", items="data", total="total_count", as_text=True
    )

    activity_code: str | None = None
    activity_name: str | None = None
    activity_status: str | None = None
    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    page_index: str | None = None
    page_size: str | None = None
    related_flow_code: str | None = None
    related_group_id: int | None = None


@frozen(kw_only=True)
class UpdateMarketingFLow(Operation[MapResponse]):
    """Change a campaign.

    Args:
        execution_type: Only `1`, for runs by `cron_expression`, so far.
        activity_code: The code of the campaign to change.
        activity_desc: The description of the campaign; may be empty.
        activity_id: The ID of the campaign to change.
        cron_expression: The times of the runs: second, minute, hour, day of the month,
            month and day of the week, such as `0 59 9 */1 * ?` for 9:59 each day.
        end_date: The end of the campaign, such as `2025-11-26 09:59:00`.
        param_flag: `Y` if `params` are passed to the flow, or else `N`.
        params: The parameters of the flow by name.
        related_flow_code: The code of the flow.
        related_flow_name: The name of the flow.
        related_group_id: The ID of the group, as ListAllGroups returns it.
        start_date: The start of the campaign, such as `2025-11-25 09:59:00`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updatemarketingflow
    """

    execution_type: Literal["1"] | str
    activity_code: str | None = None
    activity_desc: ClearableText | None = None
    activity_id: str | None = None
    activity_name: str | None = None
    cron_expression: str | None = None
    end_date: str | None = None
    param_flag: Literal["Y", "N"] | None = None
    params: Mapping[str, Any] | None = None
    related_flow_code: str | None = None
    related_flow_name: str | None = None
    related_group_id: int | None = None
    start_date: str | None = None


@frozen(kw_only=True)
class PauseMarketingFLow(Operation[TextResponse]):
    """Pause a campaign.

    The vendor does not document the text of the response.

    Args:
        activity_code: The code that ListMarketingFlow returns.
        activity_id: Deprecated. Use `activity_code`.
    """

    activity_code: str | None = None
    activity_id: str | None = None


@frozen(kw_only=True)
class DeleteMarketingFlow(Operation[TextResponse]):
    """Delete a campaign.

    The vendor does not document the text of the response.

    Args:
        activity_code: The code that ListMarketingFlow returns.
        activity_id: Deprecated. Use `activity_code`.
    """

    activity_code: str | None = None
    activity_id: str | None = None
