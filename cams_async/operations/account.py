"""The CAMS service, its channels, and the WhatsApp Business accounts bound to them."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import frozen

from cams_async.models import Record, Response
from cams_async.operations.common import ModelResponse, TextResponse
from cams_async.operations.fields import ClearableText
from cams_async.operations.operation import Operation
from cams_async.operations.paging import PagedOperation, PageNumbers, Pages
from cams_async.secret import Secret

__all__ = [
    "BoundWaba",
    "ChangeResourceGroup",
    "ChangeResourceGroupResponse",
    "ChatappBindWaba",
    "ChatappBindWabaResponse",
    "CreateInstance",
    "CreateInstanceResponse",
    "CreatedInstance",
    "DeleteInstance",
    "GetChatappOpenStatus",
    "GetCustomerSite",
    "GetPermissionByCode",
    "Instance",
    "InstanceDetail",
    "IsvGetAppId",
    "IsvGetAppIdResponse",
    "ListInstance",
    "ListInstanceResponse",
    "OpenChatappService",
    "OpenStatusResponse",
    "QueryChatappBindWaba",
    "QueryChatappBindWabaResponse",
    "QueryInstance",
    "QueryInstanceResponse",
    "QueryMMLActive",
    "QueryWabaBusinessInfo",
    "QueryWabaBusinessInfoResponse",
    "UpdateInstance",
    "UpdateInstanceResponse",
    "UpdateWabaMmlStatus",
    "UpdatedInstance",
    "WabaBinding",
    "WabaBusinessInfo",
]

_Channel: TypeAlias = Literal["whatsapp", "messenger", "instagram", "viber"] | str


# The service


@frozen(kw_only=True, slots=False)
class OpenStatusResponse(Response):
    """The response of OpenChatappService and GetChatappOpenStatus."""

    open_status: bool
    """Whether the service is activated."""


@frozen(kw_only=True)
class OpenChatappService(Operation[OpenStatusResponse]):
    """Activate the CAMS service for the account.

    Caution: no action deactivates it.
    """


@frozen(kw_only=True)
class GetChatappOpenStatus(Operation[OpenStatusResponse]):
    """Query whether the CAMS service is activated for the account."""


@frozen(kw_only=True)
class GetCustomerSite(Operation[TextResponse]):
    """Query the Alibaba Cloud site that the account belongs to.

    The text of the response is the site, such as `cn`.
    """


# WhatsApp Business accounts


@frozen(kw_only=True, slots=False)
class IsvGetAppIdResponse(Response):
    """The response of IsvGetAppId."""

    app_id: str
    """The ID of the Meta app."""

    config_id: str | None = None
    """The ID of the app's configuration of embedded signup."""


@frozen(kw_only=True)
class IsvGetAppId(Operation[IsvGetAppIdResponse]):
    """Query the Meta app with which an ISV starts embedded signup.

    Args:
        type: The channel. Only `whatsapp` is documented.
        intl_version: A version. The vendor documents no values.
        permissions: The permissions to request, such as `whatsapp_business_messaging`.
            The vendor does not document how several are separated.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-isvgetappid
    """

    type: Literal["whatsapp"] | str
    intl_version: str | None = None
    permissions: str | None = None


@frozen(kw_only=True)
class GetPermissionByCode(Operation[Response]):
    """Obtain the permissions that a customer granted in embedded signup.

    Caution: a code works once. After an unknown outcome, repeat the signup for another
    one.

    Args:
        code: The code that embedded signup returned. Kept as a `Secret`.
        cust_space_id: The space ID of an ISV's customer.
        permissions: The permissions to obtain, such as `whatsapp_business_messaging`,
            `catalog_management` or `ads_management`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getpermissionbycode
    """

    code: str | Secret
    cust_space_id: str | None = None
    permissions: Sequence[str] | None = None


@frozen(kw_only=True, slots=False)
class WabaBinding(Record):
    """A WhatsApp Business account and the space that it is bound to."""

    cust_space_id: str
    """The space ID, which nearly all other actions take."""

    waba_id: str | None = None


@frozen(kw_only=True, slots=False)
class ChatappBindWabaResponse(Response):
    """The response of ChatappBindWaba."""

    data: WabaBinding


@frozen(kw_only=True)
class ChatappBindWaba(Operation[ChatappBindWabaResponse]):
    """Bind a WhatsApp Business account to CAMS.

    Next, ChatappSyncPhoneNumber imports the numbers of the account, and
    AddChatappPhoneNumber adds others.
    Caution: QueryChatappBindWaba needs the space ID that this call returns. After an
    unknown outcome, ListInstance may list it.

    Args:
        waba_id: The ID of the account at Meta.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-chatappbindwaba
    """

    waba_id: str


@frozen(kw_only=True, slots=False)
class BoundWaba(Record):
    """A WhatsApp Business account that is bound to CAMS."""

    id: str | None = None
    """The ID of the account at Meta."""

    name: str | None = None

    account_review_status: (
        Literal["PENDING", "APPROVED", "REJECTED", "DISABLED"] | str | None
    ) = None
    """The review of the account by Meta."""

    business_id: str | None = None
    """The ID of the Meta business that the account belongs to."""

    business_name: str | None = None
    """The name of the Meta business that the account belongs to."""

    currency: str | None = None
    """The currency of the account, such as `USD`."""

    message_template_namespace: str | None = None
    """The namespace of the account's templates."""

    marketing_message_lite_status: str | None = None
    """The state of Marketing Messages Lite (MML) for the account, such as `Y`."""

    primary_business_location: str | None = None
    """The main country of the business, by Meta's field of this name. The vendor
    describes it as the eligibility for international rates."""

    auth_international_rate_eligibility: Mapping[str, Any] | None = None
    """The eligibility for international rates of authentication messages, by Meta's
    field of this name: its start and the countries that are excepted."""

    is_on_biz_app: str | None = None
    """By its name, whether the account is used in the WhatsApp Business app, too. The
    vendor documents no values."""


@frozen(kw_only=True, slots=False)
class QueryChatappBindWabaResponse(Response):
    """The response of QueryChatappBindWaba."""

    data: BoundWaba


@frozen(kw_only=True)
class QueryChatappBindWaba(Operation[QueryChatappBindWabaResponse]):
    """Query the WhatsApp Business account that is bound to a space.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        isv_code: The ISV's code of authorisation. Kept as a `Secret`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-querychatappbindwaba
    """

    cust_space_id: str | None = None
    isv_code: str | Secret | None = None


@frozen(kw_only=True, slots=False)
class WabaBusinessInfo(Record):
    """The Meta business of a WhatsApp Business account."""

    business_id: str | None = None

    business_name: str | None = None

    verification_status: str | None = None
    """The verification of the business by Meta, such as `verified`."""

    vertical: str | None = None
    """The industry of the business. Deprecated."""


@frozen(kw_only=True, slots=False)
class QueryWabaBusinessInfoResponse(Response):
    """The response of QueryWabaBusinessInfo."""

    data: WabaBusinessInfo


@frozen(kw_only=True)
class QueryWabaBusinessInfo(Operation[QueryWabaBusinessInfoResponse]):
    """Query the Meta business of a WhatsApp Business account.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        waba_id: The ID of the account at Meta.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-querywababusinessinfo
    """

    cust_space_id: str
    waba_id: str


@frozen(kw_only=True)
class UpdateWabaMmlStatus(Operation[ModelResponse]):
    """Update the state of Marketing Messages Lite (MML) after its signup.

    Caution: a code works once. After an unknown outcome, query QueryMMLActive before
    you repeat the signup.

    Args:
        code: The code that the embedded signup returned. Kept as a `Secret`.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        waba_id: The ID of the account at Meta.
    """

    code: str | Secret
    cust_space_id: str
    waba_id: str


@frozen(kw_only=True)
class QueryMMLActive(Operation[TextResponse]):
    """Query whether Marketing Messages Lite (MML) is in effect.

    The vendor does not document the text of the response.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
    """

    cust_space_id: str | None = None


# Channels


@frozen(kw_only=True, slots=False)
class CreatedInstance(Record):
    """A channel that was created."""

    instance_id: str

    instance_name: int | None = None
    """The name. The vendor documents a number; a text is kept in `extra`."""

    channel_type: str | None = None

    instance_description: str | None = None

    resource_region_id: str | None = None

    submit_time: str | None = None
    """The time of the request. The vendor does not document the format."""


@frozen(kw_only=True, slots=False)
class CreateInstanceResponse(Response):
    """The response of CreateInstance."""

    data: CreatedInstance


@frozen(kw_only=True)
class CreateInstance(Operation[CreateInstanceResponse]):
    """Create an instance: a channel of one kind.

    Caution: repeating the call may create a second instance. After an unknown outcome,
    look for the name with ListInstance.

    Args:
        channel_type: The kind of channel: `whatsapp`, `messenger`, `instagram` or, on
            the international site, `viber`. The vendor's example is `VIBER`.
        country_id: The vendor's code of the country of the business.
        facebook_bm_id: The ID of the Meta business.
        is_confirm_audit: Whether the review is confirmed, such as `Y`.
        isv_terms: The URL of the agreement between the ISV and the customer, such as
            `https://example.com/terms.pdf`.
        office_address: The address of the business.
        resource_group_id: The resource group of the instance.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-createinstance
    """

    channel_type: _Channel
    instance_name: str
    contact_mail: str | None = None
    country_id: str | None = None
    facebook_bm_id: str | None = None
    instance_description: str | None = None
    is_confirm_audit: str | None = None
    isv_terms: str | None = None
    office_address: str | None = None
    resource_group_id: str | None = None


@frozen(kw_only=True, slots=False)
class Instance(Record):
    """A channel in a list."""

    instance_id: str

    instance_name: str | None = None

    channel_type: str | None = None
    """The kind of channel, such as `VIBER`."""

    cust_space_id: str | None = None
    """The space ID of an ISV's customer."""

    state: str | None = None
    """The state. The vendor documents no values."""

    instance_description: str | None = None

    contact_mail: str | None = None

    country_id: str | None = None
    """The vendor's code of the country of the business."""

    facebook_bm_id: str | None = None
    """The ID of the Meta business."""

    isv_terms: str | None = None
    """The agreement between the ISV and the customer."""

    office_address: str | None = None
    """The address of the business."""

    resource_group_id: str | None = None

    resource_region_id: str | None = None

    submit_time: str | None = None
    """The time of creation, such as `2026-01-31 00:00:00`. The vendor does not document
    the time zone."""


@frozen(kw_only=True, slots=False)
class ListInstanceResponse(Response):
    """The response of ListInstance."""

    data: tuple[Instance, ...]

    total_count: int | None = None
    """The number of instances on all pages."""


@frozen(kw_only=True)
class ListInstance(PagedOperation[ListInstanceResponse, Instance]):
    """List the instances, which are the channels of the account.

    Args:
        bind_id: Undocumented.
        channel_type: Only channels of this kind. `viber` is for the international site.
        filter_str: A filter. The vendor does not document what it applies to.
        is_bind: Undocumented.
        page_index: The number of the page; the first is 1.
        page_size: The number of items on a page.
        submit_time: The time of creation, such as `2026-01-31 00:00:00`.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listinstance
    """

    pages: ClassVar[Pages] = PageNumbers(
        "page_index", "page_size", items="data", total="total_count"
    )

    bind_id: str | None = None
    channel_type: _Channel | None = None
    filter_str: str | None = None
    instance_id: str | None = None
    instance_name: str | None = None
    is_bind: bool | None = None
    page_index: int | None = None
    page_size: int | None = None
    resource_group_id: str | None = None
    submit_time: str | None = None


@frozen(kw_only=True, slots=False)
class InstanceDetail(Record):
    """A channel."""

    instance_id: str | None = None

    instance_name: str | None = None

    channel_type: str | None = None
    """The kind of channel, such as `VIBER`."""

    cust_type: str | None = None
    """The kind of customer, such as `01`. The vendor documents no other values."""

    instance_description: str | None = None

    contact_mail: str | None = None

    country_id: str | None = None
    """The vendor's code of the country of the business."""

    facebook_bm_id: str | None = None
    """The ID of the Meta business."""

    isv_terms: str | None = None
    """The agreement between the ISV and the customer."""

    office_address: str | None = None
    """The address of the business."""

    resource_group_id: str | None = None

    resource_region_id: str | None = None

    submit_time: str | None = None
    """The time of creation. The vendor's example is a number such as `140092992`; the
    unit is not documented."""


@frozen(kw_only=True, slots=False)
class QueryInstanceResponse(Response):
    """The response of QueryInstance."""

    data: InstanceDetail


@frozen(kw_only=True)
class QueryInstance(Operation[QueryInstanceResponse]):
    """Query an instance."""

    instance_id: str


@frozen(kw_only=True, slots=False)
class UpdatedInstance(Record):
    """A channel that was changed."""

    instance_id: str | None = None

    instance_name: str | None = None

    channel_type: str | None = None

    instance_description: str | None = None

    description: str | None = None
    """Undocumented beside `instance_description`."""

    resource_region_id: str | None = None

    submit_time: str | None = None
    """The time of the request. The vendor does not document the format."""


@frozen(kw_only=True, slots=False)
class UpdateInstanceResponse(Response):
    """The response of UpdateInstance."""

    data: UpdatedInstance


@frozen(kw_only=True)
class UpdateInstance(Operation[UpdateInstanceResponse]):
    """Change the name and the business data of an instance.

    Caution: the vendor does not document whether fields that are left out keep their
    values. QueryInstance returns all.

    Args:
        country_id: The vendor's code of the country of the business.
        facebook_bm_id: The ID of the Meta business.
        is_confirm_audit: Whether the review is confirmed, such as `Y`.
        isv_terms: The URL of the agreement between the ISV and the customer, such as
            `https://example.com/terms.pdf`.
        office_address: The address of the business.
    """

    instance_id: str
    instance_name: str
    contact_mail: str | None = None
    country_id: str | None = None
    facebook_bm_id: str | None = None
    instance_description: ClearableText | None = None
    is_confirm_audit: str | None = None
    isv_terms: str | None = None
    office_address: str | None = None


@frozen(kw_only=True)
class DeleteInstance(Operation[Response]):
    """Delete an instance.

    Caution: the vendor does not document what becomes of the numbers and templates of
    the channel.
    """

    instance_id: str


@frozen(kw_only=True, slots=False)
class ChangeResourceGroupResponse(Response):
    """The response of ChangeResourceGroup, the only one without a code."""

    code: str | int = ""
    """Always empty."""


@frozen(kw_only=True)
class ChangeResourceGroup(Operation[ChangeResourceGroupResponse]):
    """Move a resource, such as an instance, to another resource group.

    Args:
        resource_group_id: The group to move it to.
        resource_type: The kind of the resource. The vendor's only example is
            `template`.
    """

    resource_group_id: str
    resource_id: str
    resource_type: str | None = None
