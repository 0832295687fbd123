"""WhatsApp Flows: forms of several screens that open inside a chat."""

from collections.abc import Sequence
from typing import ClassVar, Literal, TypeAlias

from attrs import field, frozen

from cams_async.models import Record, Response
from cams_async.operations.common import Page
from cams_async.operations.fields import WIRE, ClearableText, Json
from cams_async.operations.operation import Operation
from cams_async.operations.paging import PagedOperation, PageNumbers, Pages

__all__ = [
    "CreateFlow",
    "CreateFlowResponse",
    "DeleteFlow",
    "DeprecateFlow",
    "FlowDetail",
    "FlowJSONAsset",
    "FlowPreview",
    "FlowSummary",
    "GetFlow",
    "GetFlowJSONAssest",
    "GetFlowJSONAssestResponse",
    "GetFlowPreviewUrl",
    "GetFlowPreviewUrlResponse",
    "GetFlowResponse",
    "ListFlow",
    "ListFlowResponse",
    "ModifiedFlow",
    "ModifyFlow",
    "ModifyFlowResponse",
    "PublishFlow",
    "SyncFlow",
    "UpdateFlowJSONAsset",
    "UpdateFlowJSONAssetResponse",
    "UpdatedFlow",
]

_FlowCategory: TypeAlias = (
    Literal[
        "SIGN_UP",
        "SIGN_IN",
        "APPOINTMENT_BOOKING",
        "LEAD_GENERATION",
        "CONTACT_US",
        "CUSTOMER_SUPPORT",
        "SURVEY",
        "OTHER",
    ]
    | str
)


@frozen(kw_only=True, slots=False)
class FlowSummary(Record):
    """The ID, the name and the categories of a Flow."""

    flow_id: str

    flow_name: str | None = None

    categories: tuple[_FlowCategory, ...] = ()
    """Meta's categories, such as `SURVEY`."""


@frozen(kw_only=True, slots=False)
class CreateFlowResponse(Response):
    """The response of CreateFlow."""

    data: FlowSummary


@frozen(kw_only=True)
class CreateFlow(Operation[CreateFlowResponse]):
    """Create a WhatsApp Flow as a draft without content.

    UpdateFlowJSONAsset sets its screens, GetFlowPreviewUrl shows them, and PublishFlow
    makes the Flow available to messages.

    Args:
        categories: Meta's categories, at least one: `SIGN_UP`, `SIGN_IN`,
            `APPOINTMENT_BOOKING`, `LEAD_GENERATION`, `CONTACT_US`, `CUSTOMER_SUPPORT`,
            `SURVEY` or `OTHER`.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        endpoint_uri: The URL of your server with which the Flow exchanges data.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-createflow
    """

    flow_name: str
    categories: Sequence[_FlowCategory]
    cust_space_id: str | None = None
    endpoint_uri: str | None = None


@frozen(kw_only=True, slots=False)
class UpdatedFlow(Record):
    """The ID of a Flow with new content."""

    flow_id: str | None = None


@frozen(kw_only=True, slots=False)
class UpdateFlowJSONAssetResponse(Response):
    """The response of UpdateFlowJSONAsset."""

    data: UpdatedFlow | None = None


@frozen(kw_only=True)
class UpdateFlowJSONAsset(Operation[UpdateFlowJSONAssetResponse]):
    """Replace the content of a Flow by that of a JSON file.

    Caution: Meta makes a published Flow a draft again, which PublishFlow must publish.

    Args:
        file_path: The URL of the file with Meta's Flow JSON.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updateflowjsonasset
    """

    flow_id: str
    file_path: str
    cust_space_id: str | None = None


@frozen(kw_only=True, slots=False)
class FlowJSONAsset(Record):
    """The file with the content of a Flow."""

    flow_id: str | None = None

    file_path: str | None = None
    """The URL of the file with Meta's Flow JSON."""


@frozen(kw_only=True, slots=False)
class GetFlowJSONAssestResponse(Response):
    """The response of GetFlowJSONAssest."""

    data: FlowJSONAsset


@frozen(kw_only=True)
class GetFlowJSONAssest(Operation[GetFlowJSONAssestResponse]):
    """Get the file with the content of a Flow.

    The vendor spells the action so.

    Args:
        flow_id: The Flow, as CreateFlow returned it.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getflowjsonassest
    """

    flow_id: str | None = None
    cust_space_id: str | None = None


@frozen(kw_only=True, slots=False)
class FlowPreview(Record):
    """The address of the preview of a Flow."""

    preview_url: str
    """A temporary URL, which opens without a login."""

    preview_url_expires: int | None = None
    """The end of its validity. The vendor does not document the unit."""

    flow_id: str | None = None


@frozen(kw_only=True, slots=False)
class GetFlowPreviewUrlResponse(Response):
    """The response of GetFlowPreviewUrl."""

    data: FlowPreview


@frozen(kw_only=True)
class GetFlowPreviewUrl(Operation[GetFlowPreviewUrlResponse]):
    """Get a temporary URL at which a browser shows a Flow.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getflowpreviewurl
    """

    flow_id: str
    cust_space_id: str | None = None


@frozen(kw_only=True)
class PublishFlow(Operation[Response]):
    """Publish a draft of a Flow, so that messages can open it.

    Caution: this cannot be undone. DeprecateFlow withdraws a published Flow.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-publishflow
    """

    flow_id: str
    cust_space_id: str | None = None


@frozen(kw_only=True, slots=False)
class ModifiedFlow(Record):
    """The basic data of a Flow after a change."""

    flow_id: str | None = None

    flow_name: str | None = None

    categories: tuple[_FlowCategory, ...] = ()
    """Meta's categories, such as `SURVEY`."""

    endpoint_uri: str | None = None
    """The URL of the server with which the Flow exchanges data."""


@frozen(kw_only=True, slots=False)
class ModifyFlowResponse(Response):
    """The response of ModifyFlow."""

    data: ModifiedFlow | None = None


@frozen(kw_only=True)
class ModifyFlow(Operation[ModifyFlowResponse]):
    """Change the name, the categories or the endpoint of a Flow.

    UpdateFlowJSONAsset changes its content.

    Args:
        categories: All categories from now on; see CreateFlow.
        flow_id: The Flow to change. The vendor does not document it as required.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        endpoint_uri: The URL of your server with which the Flow exchanges data; may be
            empty.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-modifyflow
    """

    flow_name: str
    categories: Sequence[_FlowCategory]
    flow_id: str | None = None
    cust_space_id: str | None = None
    endpoint_uri: ClearableText | None = None


@frozen(kw_only=True, slots=False)
class FlowDetail(Record):
    """A Flow with its status, its versions and its preview."""

    flow_id: str | None = None

    flow_name: str | None = None

    status: Literal["DRAFT", "PUBLISHED", "DEPRECATED"] | str | None = None
    """Messages can open a `PUBLISHED` Flow only."""

    categories: tuple[_FlowCategory, ...] = ()
    """Meta's categories, such as `SURVEY`."""

    json_version: str | None = field(default=None, metadata={WIRE: "JSONVersion"})
    """The version of Meta's Flow JSON in which the content is written."""

    data_api_version: str | None = None
    """The version of the protocol of the data exchange."""

    endpoint_uri: str | None = None
    """The URL of the server with which the Flow exchanges data."""

    preview_url: str | None = None
    """A temporary URL at which a browser shows the Flow."""

    preview_url_expires: int | None = None
    """The end of its validity. The vendor does not document the unit."""


@frozen(kw_only=True, slots=False)
class GetFlowResponse(Response):
    """The response of GetFlow."""

    data: FlowDetail


@frozen(kw_only=True)
class GetFlow(Operation[GetFlowResponse]):
    """Get a Flow with its status, its versions and its preview.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getflow
    """

    flow_id: str
    cust_space_id: str | None = None


@frozen(kw_only=True, slots=False)
class ListFlowResponse(Response):
    """The response of ListFlow."""

    data: tuple[FlowSummary, ...]
    """The Flows on the page."""


@frozen(kw_only=True)
class ListFlow(PagedOperation[ListFlowResponse, FlowSummary]):
    """List the WhatsApp Flows of a channel.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        flow_name: Only Flows of this name.
        page: The page to return.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listflow
    """

    pages: ClassVar[Pages] = PageNumbers("page.index", "page.size", items="data")

    cust_space_id: str | None = None
    flow_name: str | None = None
    page: Page | Json | None = None


@frozen(kw_only=True)
class SyncFlow(Operation[Response]):
    """Synchronise the WhatsApp Flows of a channel with Meta.

    ListFlow returns the result. The `code` of the response is a number.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
    """

    cust_space_id: str


@frozen(kw_only=True)
class DeprecateFlow(Operation[Response]):
    """Withdraw a published Flow, so that it can no longer be sent.

    Caution: this cannot be undone.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-deprecateflow
    """

    flow_id: str
    cust_space_id: str | None = None


@frozen(kw_only=True)
class DeleteFlow(Operation[Response]):
    """Delete a draft of a Flow.

    Meta deletes drafts only. DeprecateFlow withdraws a published Flow.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-deleteflow
    """

    flow_id: str
    cust_space_id: str | None = None
