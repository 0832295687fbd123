"""Chat flows: conversations automated by components on a canvas, and their versions."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from attrs import frozen

from cams_async.models import Record, Response
from cams_async.operations.common import MapResponse
from cams_async.operations.fields import ClearableText, InternationalNumber, Json
from cams_async.operations.operation import Operation
from cams_async.operations.paging import PagedOperation, PageNumbers, Pages

__all__ = [
    "ChatFlowResponse",
    "ChatFlowTemplateData",
    "ChatFlowTemplateResponse",
    "CreateChatFlow",
    "CreateChatFlowByImport",
    "CreateChatFlowLogSetting",
    "CreateChatFlowResponse",
    "CreateFlowVersion",
    "DeleteChatFlow",
    "DeleteFlowVersion",
    "FlowBindPhone",
    "FlowBindingResponse",
    "FlowNodeGroup",
    "FlowNodeGroupList",
    "FlowNodePrototype",
    "FlowNodePrototypeList",
    "FlowRebindPhone",
    "FlowUnbindPhone",
    "GetChatFlowMetric",
    "GetChatFlowTemplate",
    "ListBindingRelationsForFlowVersion",
    "ListBindingRelationsForFlowVersionResponse",
    "ListChatFlow",
    "ListChatFlowTemplate",
    "ListFlowNodeGroup",
    "ListFlowNodeGroupResponse",
    "ListFlowNodePrototypeV2",
    "ListFlowNodePrototypeV2Response",
    "ListFlowVersion",
    "OfflineFlowVersion",
    "OnlineFlowVersion",
    "ReadChatFlow",
    "ReadChatFlowLogSetting",
    "ReadFlowVersion",
    "TriggerChatFlow",
    "UpdateChatFlow",
    "UpdateChatFlowLogSetting",
    "UpdateFlowVersion",
    "WabaPhoneNumbers",
]


# Templates and components


@frozen(kw_only=True, slots=False)
class ChatFlowTemplateData(Record):
    """The payload of a response about templates of chat flows."""

    response: Mapping[str, Any] | None = None
    """One template, or a page of them. The vendor does not document the fields."""


@frozen(kw_only=True, slots=False)
class ChatFlowTemplateResponse(Response):
    """The response of GetChatFlowTemplate and ListChatFlowTemplate."""

    data: ChatFlowTemplateData


@frozen(kw_only=True)
class ListChatFlowTemplate(PagedOperation[ChatFlowTemplateResponse, Mapping[str, Any]]):
    """List templates of chat flows.

    Args:
        biz_code: The business tenant, normally `ALICOM_OPAAS`.
        keyword: A part of the template's name.
        page_no: The number of the page; the first is 1.
        page_size: The number of items on a page.
        trigger_type: Only templates of flows that are started in this way.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listchatflowtemplate
    """

    pages: ClassVar[Pages] = PageNumbers("page_no", "page_size", items="data.response")

    biz_code: str
    keyword: str | None = None
    page_no: int | None = None
    page_size: int | None = None
    trigger_type: (
        Literal[
            "TriggeredManually",
            "TriggeredByWhatsApp",
            "TriggeredByMessenger",
            "TriggeredByInstagram",
            "TriggeredByViber",
        ]
        | str
        | None
    ) = None


@frozen(kw_only=True)
class GetChatFlowTemplate(Operation[ChatFlowTemplateResponse]):
    """Query one template of a chat flow.

    Args:
        biz_code: The business tenant, normally `ALICOM_OPAAS`.
        id: The template's ID, from ListChatFlowTemplate.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getchatflowtemplate
    """

    biz_code: str
    id: int | None = None


@frozen(kw_only=True, slots=False)
class FlowNodeGroup(Record):
    """A group of components."""

    code: str | None = None

    public_extend: str | None = None
    """JSON text for displaying the group."""


@frozen(kw_only=True, slots=False)
class FlowNodeGroupList(Record):
    """A page of groups of components."""

    model: tuple[FlowNodeGroup, ...] = ()


@frozen(kw_only=True, slots=False)
class ListFlowNodeGroupResponse(Response):
    """The response of ListFlowNodeGroup."""

    data: FlowNodeGroupList


@frozen(kw_only=True)
class ListFlowNodeGroup(PagedOperation[ListFlowNodeGroupResponse, FlowNodeGroup]):
    """List the groups of components that a chat flow can consist of.

    Args:
        page_no: The number of the page; the first is 1.
        page_size: The number of items on a page.
    """

    pages: ClassVar[Pages] = PageNumbers("page_no", "page_size", items="data.model")

    page_no: int
    page_size: int


@frozen(kw_only=True, slots=False)
class FlowNodePrototype(Record):
    """A component that a chat flow can contain."""

    code: str | None = None

    group_code: str | None = None

    public_extend: str | None = None
    """JSON text for displaying the component: its name and remark in English and
    Chinese, its place in a list, its style, the URL of its icon."""

    status: str | None = None
    """Normally `NORMAL`."""


@frozen(kw_only=True, slots=False)
class FlowNodePrototypeList(Record):
    """A page of components."""

    model: tuple[FlowNodePrototype, ...] = ()


@frozen(kw_only=True, slots=False)
class ListFlowNodePrototypeV2Response(Response):
    """The response of ListFlowNodePrototypeV2."""

    data: FlowNodePrototypeList


@frozen(kw_only=True)
class ListFlowNodePrototypeV2(
    PagedOperation[ListFlowNodePrototypeV2Response, FlowNodePrototype]
):
    """List the components that a chat flow can consist of.

    Args:
        biz_code: The business tenant, normally `ALICOM_OPAAS`.
        page_no: The number of the page; the first is 1.
        page_size: The number of items on a page.
        group_code: Only components of this group.
        keyword: A part of the component's name.
    """

    pages: ClassVar[Pages] = PageNumbers("page_no", "page_size", items="data.model")

    biz_code: str
    page_no: int
    page_size: int
    group_code: Literal["Messaging", "Core", "Intelligence", "Contact"] | str | None = (
        None
    )
    keyword: str | None = None


# Flows


@frozen(kw_only=True, slots=False)
class CreateChatFlowResponse(Response):
    """The response of CreateChatFlow."""

    data: Mapping[str, Any] | None = None
    """A JSON object. The vendor does not document its fields."""

    response: Mapping[str, Any] | None = None
    """The created flow. The vendor does not document its fields."""


@frozen(kw_only=True)
class CreateChatFlow(Operation[CreateChatFlowResponse]):
    """Create a chat flow, empty or from a version of another.

    Fill its canvas with UpdateFlowVersion or in the console's flow editor, bind it with
    FlowBindPhone, and start it with OnlineFlowVersion.
    Caution: a repeated call may create a second flow.

    Args:
        biz_code: The business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: Further business attributes, not documented. Default: none.
        create_from_flow_code: The code of the flow to copy.
        create_from_flow_version: The version to copy of that flow.
        flow_trigger_type: What starts the flow: TriggerChatFlow or a campaign
            (`TriggeredManually`), or an incoming message of the channel.
        life_cycle_extend_data: Texts by name, not documented.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-createchatflow
    """

    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    create_from_flow_code: str | None = None
    create_from_flow_version: str | None = None
    flow_trigger_type: (
        Literal[
            "TriggeredManually",
            "TriggeredByWhatsApp",
            "TriggeredByMessenger",
            "TriggeredByInstagram",
            "TriggeredByViber",
        ]
        | str
        | None
    ) = None
    life_cycle_extend_data: Mapping[str, str] | None = None
    remark: str | None = None
    title: str | None = None


@frozen(kw_only=True)
class CreateChatFlowByImport(Operation[MapResponse]):
    """Create a chat flow from an exported one.

    Caution: a repeated call may create a second flow.

    Args:
        biz_code: The business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: Further business attributes, not documented. Default: none.
        flow_view_model: The exported canvas, from the settings of the console's flow
            editor. JSON text, or the mapping itself.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-createchatflowbyimport
    """

    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    flow_view_model: str | Json | None = None
    remark: str | None = None
    title: str | None = None


@frozen(kw_only=True, slots=False)
class ChatFlowResponse(Response):
    """The response of most actions on chat flows and their versions."""

    response: Mapping[str, Any] | None = None
    """The payload of the action. The vendor does not document its fields."""


@frozen(kw_only=True)
class ListChatFlow(PagedOperation[ChatFlowResponse, Mapping[str, Any]]):
    """List chat flows.

    All fields but the page's are filters; without them, all flows are listed.

    Args:
        biz_code: The business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: Further business attributes, not documented. Default: none.
        flow_status: Not documented; compare `status`.
        flow_trigger_type: Only flows that are started in this way.
        keyword: A part of the flow's name.
        page_no: The number of the page; the first is 1.
        page_size: The number of items on a page.
        phone_number: A business number, country code first, in any usual spelling.
        return_with_online_version: Whether to return the version that is online.
        status: The status of the flow. Default: `NORMAL`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listchatflow
    """

    pages: ClassVar[Pages] = PageNumbers("page_no", "page_size", items="response")

    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    flow_code: str | None = None
    flow_status: str | None = None
    flow_trigger_type: (
        Literal[
            "TriggeredManually",
            "TriggeredByWhatsApp",
            "TriggeredByMessenger",
            "TriggeredByInstagram",
            "TriggeredByViber",
        ]
        | str
        | None
    ) = None
    keyword: str | None = None
    page_no: int | None = None
    page_size: int | None = None
    phone_number: InternationalNumber | None = None
    return_with_online_version: bool | None = None
    status: Literal["NORMAL"] | str | None = None
    title: str | None = None


@frozen(kw_only=True)
class ReadChatFlow(Operation[ChatFlowResponse]):
    """Query one chat flow.

    Args:
        biz_code: The business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: Further business attributes, not documented. Default: none.
        flow_code: The flow's code, as in the console's flow editor.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-readchatflow
    """

    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    flow_code: str | None = None


@frozen(kw_only=True)
class UpdateChatFlow(Operation[ChatFlowResponse]):
    """Change the title and the remark of a chat flow.

    Args:
        biz_code: The business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: Further business attributes, not documented. Default: none.
        flow_code: The flow's code, as in the console's flow editor.
        remark: The new remark; may be empty.
        title: The new title.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updatechatflow
    """

    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    flow_code: str | None = None
    remark: ClearableText | None = None
    title: str | None = None


# Versions


@frozen(kw_only=True)
class CreateFlowVersion(Operation[ChatFlowResponse]):
    """Create a version of a chat flow as a copy of another version.

    Caution: a repeated call may create a second version.

    Args:
        biz_code: The business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: Further business attributes, not documented. Default: none.
        flow_code: The flow's code, as in the console's flow editor.
        flow_version_copy_from: The version to copy, such as `1`.
        remark: The remark of the new version.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-createflowversion
    """

    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    flow_code: str | None = None
    flow_version_copy_from: str | None = None
    remark: str | None = None


@frozen(kw_only=True)
class ListFlowVersion(PagedOperation[ChatFlowResponse, Mapping[str, Any]]):
    """List the versions of a chat flow.

    Args:
        biz_code: The business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: Further business attributes, not documented. Default: none.
        flow_code: The flow's code, as in the console's flow editor.
        page_no: The number of the page; the first is 1.
        page_size: The number of items on a page.
        status: Only versions in this status.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listflowversion
    """

    pages: ClassVar[Pages] = PageNumbers("page_no", "page_size", items="response")

    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    flow_code: str | None = None
    page_no: int | None = None
    page_size: int | None = None
    status: Literal["DRAFT", "ONLINE", "OFFLINE", "DELETED"] | str | None = None


@frozen(kw_only=True)
class ReadFlowVersion(Operation[ChatFlowResponse]):
    """Query one version of a chat flow.

    Args:
        biz_code: The business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: Further business attributes, not documented. Default: none.
        draft_version: The version of the draft.
        flow_code: The flow's code, as in the console's flow editor.
        flow_version: The version, such as `1`, from ListFlowVersion.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-readflowversion
    """

    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    draft_version: str | None = None
    flow_code: str | None = None
    flow_version: str | None = None
    status: Literal["DRAFT", "ONLINE", "OFFLINE", "DELETED"] | str | None = None


@frozen(kw_only=True)
class UpdateFlowVersion(Operation[ChatFlowResponse]):
    """Replace the canvas of a version of a chat flow.

    Precondition: the version is offline; see OfflineFlowVersion.

    Args:
        biz_code: The business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: Further business attributes, not documented. Default: none.
        flow_code: The flow's code, as in the console's flow editor.
        flow_version: The version to change, such as `1`.
        flow_view_model: The canvas, as the settings of the console's flow editor
            export it. JSON text, or the mapping itself.
        remark: The new remark of the version; may be empty.
        type: How to save the version. The vendor does not document the values.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updateflowversion
    """

    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    flow_code: str | None = None
    flow_version: str | None = None
    flow_view_model: str | Json | None = None
    remark: ClearableText | None = None
    type: str | None = None


# Bindings


@frozen(kw_only=True, slots=False)
class WabaPhoneNumbers(Record):
    """Phone numbers of one WhatsApp Business account (WABA)."""

    channel_code: str | None = None
    """The ID of the channel that has the account."""

    phone_numbers: Sequence[InternationalNumber] | None = None
    """The numbers, country code first, such as `+86 138-0000-0000`."""

    waba_id: str | None = None


@frozen(kw_only=True, slots=False)
class FlowBindingResponse(Response):
    """The response of FlowBindPhone, FlowRebindPhone and FlowUnbindPhone."""

    model: bool | None = None
    """Whether the bindings were changed."""


@frozen(kw_only=True)
class FlowBindPhone(Operation[FlowBindingResponse]):
    """Bind a chat flow to business numbers or accounts for the first time.

    Precondition: a channel of the type exists and has the numbers or accounts. To
    change bindings later, use FlowRebindPhone.

    Args:
        channel_type: The channel, which fits the trigger of the flow.
        flow_code: The flow's code, as in the console's flow editor.
        channel_code: The ID of the channel, such as `cams-8c8...`.
        flow_version: The version to bind, such as `1`.
        multi_waba_phone_numbers: Numbers of several WhatsApp Business accounts.
        phone_numbers: Numbers with country code for `WHATSAPP`, page IDs for
            `MESSENGER`, account IDs for `INSTAGRAM`, service IDs for `VIBER`.
        waba_id: The WABA ID for `WHATSAPP`, else the page, account or service ID.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-flowbindphone
    """

    channel_type: Literal["WHATSAPP", "MESSENGER", "INSTAGRAM", "VIBER"] | str
    flow_code: str
    channel_code: str | None = None
    flow_version: str | None = None
    multi_waba_phone_numbers: Sequence[WabaPhoneNumbers | Json] | None = None
    phone_numbers: Sequence[str] | None = None
    waba_id: str | None = None


@frozen(kw_only=True, slots=False)
class ListBindingRelationsForFlowVersionResponse(Response):
    """The response of ListBindingRelationsForFlowVersion."""

    data: tuple[Mapping[str, Any], ...]
    """The bound numbers or accounts. The vendor does not document their fields."""


@frozen(kw_only=True)
class ListBindingRelationsForFlowVersion(
    Operation[ListBindingRelationsForFlowVersionResponse]
):
    """List the business numbers or accounts that a chat flow is bound to.

    Args:
        flow_code: The flow's code, as in the console's flow editor.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listbindingrelationsforflowversion
    """

    channel_type: Literal["WHATSAPP", "MESSENGER", "INSTAGRAM", "VIBER"] | str
    flow_code: str


@frozen(kw_only=True)
class FlowRebindPhone(Operation[FlowBindingResponse]):
    """Change the business numbers or accounts that a chat flow is bound to.

    Precondition: the flow is bound already, by FlowBindPhone.

    Args:
        channel_type: The channel, which fits the trigger of the flow.
        flow_code: The flow's code, as in the console's flow editor.
        channel_code: The ID of the channel, such as `cams-8c8...`.
        flow_version: The version to bind, such as `1`.
        multi_waba_phone_numbers: Numbers of several WhatsApp Business accounts.
        phone_numbers: Numbers with country code for `WHATSAPP`, page IDs for
            `MESSENGER`, account IDs for `INSTAGRAM`, service IDs for `VIBER`.
        waba_id: The WABA ID for `WHATSAPP`, else the page, account or service ID.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-flowrebindphone
    """

    channel_type: Literal["WHATSAPP", "MESSENGER", "INSTAGRAM", "VIBER"] | str
    flow_code: str
    channel_code: str | None = None
    flow_version: str | None = None
    multi_waba_phone_numbers: Sequence[WabaPhoneNumbers | Json] | None = None
    phone_numbers: Sequence[str] | None = None
    waba_id: str | None = None


@frozen(kw_only=True)
class FlowUnbindPhone(Operation[FlowBindingResponse]):
    """Unbind a chat flow from business numbers or accounts.

    Precondition: the flow is offline; see OfflineFlowVersion. Afterwards the flow
    cannot go online until it is bound again.

    Args:
        flow_code: The flow's code, as in the console's flow editor.
        flow_version: The version to unbind, such as `1`.
        phone_numbers: Numbers with country code for `WHATSAPP`, page IDs for
            `MESSENGER`, account IDs for `INSTAGRAM`, service IDs for `VIBER`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-flowunbindphone
    """

    flow_code: str
    channel_type: (
        Literal["WHATSAPP", "MESSENGER", "INSTAGRAM", "VIBER"] | str | None
    ) = None
    flow_version: str | None = None
    phone_numbers: Sequence[str] | None = None


# Running


@frozen(kw_only=True)
class OnlineFlowVersion(Operation[ChatFlowResponse]):
    """Put a version of a chat flow online.

    Precondition: the flow is bound to a number or an account; see FlowBindPhone.
    Caution: from now on each incoming message of the bound channel runs the flow,
    unless its trigger is manual. Components that send messages or call functions incur
    costs.

    Args:
        biz_code: The business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: Further business attributes, not documented. Default: none.
        flow_code: The flow's code, as in the console's flow editor.
        flow_version: The version, such as `1`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-onlineflowversion
    """

    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    flow_code: str | None = None
    flow_version: str | None = None
    remark: str | None = None


@frozen(kw_only=True)
class TriggerChatFlow(Operation[MapResponse]):
    """Run a chat flow that is triggered manually.

    Precondition: the trigger of the flow is `TriggeredManually`, and a version is
    online; see OnlineFlowVersion.
    Caution: components that send messages or call functions incur costs. Give a `uuid`
    if you may have to repeat a call: the vendor runs the flow once for each `uuid`.

    Args:
        flow_code: The flow's code, as in the console's flow editor.
        claim_time_millis: The time of the event, normally of the request, in
            milliseconds since 1970.
        data: Input of the flow, by the names of variables in its start component.
        discard_time_millis: The time after which the flow is not run any more, in
            milliseconds since 1970. Default: none.
        out_id: A reference of your own, which the flow can read.
        uuid: A unique ID of the event, without further meaning, which the flow can
            read.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-triggerchatflow
    """

    flow_code: str
    claim_time_millis: int | None = None
    data: Mapping[str, Any] | None = None
    discard_time_millis: int | None = None
    out_id: str | None = None
    uuid: str | None = None


@frozen(kw_only=True)
class GetChatFlowMetric(Operation[MapResponse]):
    """Query the use or the errors of the components of a chat flow.

    Precondition: the flow is online, and was run at least once.

    Args:
        metric_name: `nodeUsageStatistics` for the use of components,
            `nodeErrorDetails` for the errors of one.
        biz_code: The business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: Further business attributes, not documented. Default: none.
        flow_code: The flow's code, as in the console's flow editor.
        flow_version: The version, such as `1`.
        from_: The start of the period, in seconds since 1970.
        metric_param: With `nodeErrorDetails`, a mapping of `pageNo`, `pageSize` and
            `nodeId`, which the console's flow editor shows.
        to: The end of the period, in seconds since 1970.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getchatflowmetric
    """

    metric_name: Literal["nodeUsageStatistics", "nodeErrorDetails"] | str
    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    flow_code: str | None = None
    flow_version: str | None = None
    from_: int | None = None
    metric_param: Mapping[str, Any] | None = None
    to: int | None = None


@frozen(kw_only=True)
class CreateChatFlowLogSetting(Operation[MapResponse]):
    """Create the log setting of a chat flow.

    UpdateChatFlowLogSetting then switches its log on and off.

    Args:
        flow_code: The flow's code, as in the console's flow editor.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-createchatflowlogsetting
    """

    flow_code: str | None = None


@frozen(kw_only=True)
class ReadChatFlowLogSetting(Operation[MapResponse]):
    """Query the log setting of a chat flow.

    Precondition: CreateChatFlowLogSetting has created the setting.

    Args:
        flow_code: The flow's code, as in the console's flow editor.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-readchatflowlogsetting
    """

    flow_code: str | None = None


@frozen(kw_only=True)
class UpdateChatFlowLogSetting(Operation[MapResponse]):
    """Switch the log of a chat flow on or off, or delete it.

    Precondition: Simple Log Service is activated, and CreateChatFlowLogSetting has
    created the setting.

    Args:
        flow_code: The flow's code, as in the console's flow editor.
        id: The ID of the setting, from ReadChatFlowLogSetting.
        status: `ENABLED` writes the log. `DISABLED` does not, and keeps the log
            instance. `DELETED` does not, and deletes the log instance.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updatechatflowlogsetting
    """

    flow_code: str | None = None
    id: int | None = None
    status: Literal["ENABLED", "DISABLED", "DELETED"] | str | None = None


@frozen(kw_only=True)
class OfflineFlowVersion(Operation[ChatFlowResponse]):
    """Take a version of a chat flow offline.

    Precondition: the version is online.
    Caution: the flow stops running.

    Args:
        biz_code: The business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: Further business attributes, not documented. Default: none.
        flow_code: The flow's code, as in the console's flow editor.
        flow_version: The version, such as `1`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-offlineflowversion
    """

    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    flow_code: str | None = None
    flow_version: str | None = None
    remark: str | None = None


@frozen(kw_only=True)
class DeleteFlowVersion(Operation[ChatFlowResponse]):
    """Delete a version of a chat flow.

    Precondition: the version is offline, and is not the only one.
    Caution: its canvas cannot be recovered.

    Args:
        biz_code: The business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: Further business attributes, not documented. Default: none.
        flow_code: The flow's code, as in the console's flow editor.
        flow_version: The version, such as `1`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-deleteflowversion
    """

    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    flow_code: str | None = None
    flow_version: str | None = None


@frozen(kw_only=True)
class DeleteChatFlow(Operation[ChatFlowResponse]):
    """Delete a chat flow.

    Precondition: the flow is offline; see OfflineFlowVersion.
    Caution: the flow cannot be recovered.

    Args:
        biz_code: The business tenant. Default: `ALICOM_OPAAS`.
        biz_extend: Further business attributes, not documented. Default: none.
        flow_code: The flow's code, as in the console's flow editor.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-deletechatflow
    """

    biz_code: str | None = None
    biz_extend: Mapping[str, Any] | None = None
    flow_code: str | None = None
