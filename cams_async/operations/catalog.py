"""Product catalogs of WhatsApp, and whether chats show them."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from attrs import frozen

from cams_async.models import Record, Response
from cams_async.operations.common import ModelResponse
from cams_async.operations.fields import Between, InternationalNumber
from cams_async.operations.operation import Operation
from cams_async.operations.paging import PagedOperation, Pages, PageTokens

__all__ = [
    "CatalogCursors",
    "CatalogPage",
    "CatalogPageResponse",
    "CatalogPaging",
    "CommerceSetting",
    "GetCommerceSetting",
    "GetCommerceSettingResponse",
    "GetWhatsappConnectionCatalog",
    "ListProduct",
    "ListProductCatalog",
    "UpdateCommerceSetting",
]


@frozen(kw_only=True, slots=False)
class CatalogCursors(Record):
    """The places of the neighbouring pages."""

    after: str | None = None
    """The `after` of a request for the next page."""

    before: str | None = None
    """The `before` of a request for the previous page."""


@frozen(kw_only=True, slots=False)
class CatalogPaging(Record):
    """The place of a page in a list."""

    cursors: CatalogCursors | None = None


@frozen(kw_only=True, slots=False)
class CatalogPage(Record):
    """A page of products or catalogs."""

    data: tuple[Mapping[str, Any], ...] = ()
    """The products or catalogs, with the requested fields by Meta's names."""

    paging: CatalogPaging | None = None
    """The place of the page in the list."""


@frozen(kw_only=True, slots=False)
class CatalogPageResponse(Response):
    """The response of ListProduct and ListProductCatalog."""

    model: CatalogPage


@frozen(kw_only=True)
class ListProductCatalog(PagedOperation[CatalogPageResponse, Mapping[str, Any]]):
    """List the product catalogs of a Meta business.

    Args:
        business_id: The ID of the Meta business that the WhatsApp Business account
            belongs to. QueryWabaBusinessInfo returns it.
        after: Return the page after this cursor.
        before: Return the page before this cursor.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        fields: The fields of a catalog to return, separated by commas.
        limit: The number of catalogs on a page, 1 to 1,000.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listproductcatalog
    """

    pages: ClassVar[Pages] = PageTokens(
        "after", "limit", items="model.data", next="model.paging.cursors.after"
    )

    business_id: int
    after: str | None = None
    before: str | None = None
    cust_space_id: str | None = None
    fields: str | None = None
    limit: Annotated[int, Between(1, 1000)] | None = None


@frozen(kw_only=True)
class GetWhatsappConnectionCatalog(Operation[ModelResponse]):
    """Query the product catalogs connected to a WhatsApp Business account.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getwhatsappconnectioncatalog
    """

    waba_id: str
    cust_space_id: str | None = None


@frozen(kw_only=True)
class ListProduct(PagedOperation[CatalogPageResponse, Mapping[str, Any]]):
    """List the products of a catalog.

    Args:
        catalog_id: Meta's ID of the catalog. ListProductCatalog returns it.
        after: Return the page after this cursor.
        before: Return the page before this cursor.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        fields: The fields of a product to return, separated by commas.
        limit: The number of products on a page, 1 to 1,000.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listproduct
    """

    pages: ClassVar[Pages] = PageTokens(
        "after", "limit", items="model.data", next="model.paging.cursors.after"
    )

    catalog_id: str
    waba_id: str
    after: str | None = None
    before: str | None = None
    cust_space_id: str | None = None
    fields: str | None = None
    limit: Annotated[int, Between(1, 1000)] | None = None


@frozen(kw_only=True, slots=False)
class CommerceSetting(Record):
    """Whether chats with a number show its catalog and a cart."""

    cart_enable: bool | None = None
    """Whether chats show the button of the cart."""

    catalog_visible: bool | None = None
    """Whether chats show the button of the catalog."""


@frozen(kw_only=True, slots=False)
class GetCommerceSettingResponse(Response):
    """The response of GetCommerceSetting."""

    data: CommerceSetting


@frozen(kw_only=True)
class GetCommerceSetting(Operation[GetCommerceSettingResponse]):
    """Query whether chats with a number show its catalog and a cart.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        phone_number: The business number, country code first, in any usual spelling.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getcommercesetting
    """

    cust_space_id: str
    phone_number: InternationalNumber


@frozen(kw_only=True)
class UpdateCommerceSetting(Operation[Response]):
    """Set whether chats with a number show its catalog and a cart.

    Both settings are required. To keep one, pass what GetCommerceSetting returns.

    Args:
        cart_enable: Whether chats show the button of the cart.
        catalog_visible: Whether chats show the button of the catalog.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        phone_number: The business number, country code first, in any usual spelling.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updatecommercesetting
    """

    cart_enable: bool
    catalog_visible: bool
    cust_space_id: str
    phone_number: InternationalNumber
