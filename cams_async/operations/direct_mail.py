"""Direct Mail: the sender address that an e-mail channel uses."""

from typing import ClassVar, Literal

from attrs import frozen

from cams_async.models import Record, Response
from cams_async.operations.common import TextResponse
from cams_async.operations.fields import Json
from cams_async.operations.operation import Operation
from cams_async.operations.paging import PagedOperation, PageNumbers, Pages

__all__ = [
    "BindDmAccount",
    "DmAccount",
    "DmAccountAttributes",
    "DmAccountBinding",
    "DmTag",
    "ListBindDmAccount",
    "ListBindDmAccountResponse",
    "ListDmAccount",
    "ListDmAccountResponse",
    "ListDmTag",
    "ListDmTagResponse",
    "UnbindDmAccount",
]


@frozen(kw_only=True, slots=False)
class DmAccount(Record):
    """A sender address of Direct Mail."""

    account_name: str | None = None
    """The e-mail address."""

    create_time: int | None = None
    """The time of creation. The vendor does not document the unit."""

    mail_address_id: str | None = None

    sendtype: Literal["batch", "trigger"] | str | None = None
    """The mails that the address sends: `batch` or `trigger` (triggered)."""


@frozen(kw_only=True, slots=False)
class ListDmAccountResponse(Response):
    """The response of ListDmAccount."""

    data: tuple[DmAccount, ...]
    """The sender addresses on the page."""

    total: int | None = None
    """The number of sender addresses on all pages."""


@frozen(kw_only=True)
class ListDmAccount(PagedOperation[ListDmAccountResponse, DmAccount]):
    """List the sender addresses of Direct Mail.

    Args:
        keyword: A text to search for.
        page_index: The number of the page; the first is 1.
        page_size: The number of items on a page.
        send_type: Only addresses for `batch` or `trigger` (triggered) mails.
    """

    pages: ClassVar[Pages] = PageNumbers(
        "page_index", "page_size", items="data", total="total"
    )

    keyword: str | None = None
    page_index: int | None = None
    page_size: int | None = None
    send_type: Literal["batch", "trigger"] | str | None = None


@frozen(kw_only=True, slots=False)
class DmTag(Record):
    """A tag of Direct Mail, by which statistics can be filtered."""

    tag_description: str | None = None

    tag_id: str | None = None

    tag_name: str | None = None


@frozen(kw_only=True, slots=False)
class ListDmTagResponse(Response):
    """The response of ListDmTag."""

    data: tuple[DmTag, ...]
    """The tags on the page."""

    total: int | None = None
    """The number of tags on all pages."""


@frozen(kw_only=True)
class ListDmTag(PagedOperation[ListDmTagResponse, DmTag]):
    """List the tags of Direct Mail.

    Args:
        keyword: A text to search for.
        page_index: The number of the page; the first is 1.
        page_size: The number of items on a page.
    """

    pages: ClassVar[Pages] = PageNumbers(
        "page_index", "page_size", items="data", total="total"
    )

    keyword: str | None = None
    page_index: int | None = None
    page_size: int | None = None


@frozen(kw_only=True, slots=False)
class DmAccountAttributes(Record):
    """The attributes of a bound sender address."""

    account_name: str
    """The e-mail address."""

    send_type: Literal["batch", "trigger"] | str
    """The mails that the address sends: `batch` or `trigger` (triggered)."""


@frozen(kw_only=True)
class BindDmAccount(Operation[TextResponse]):
    """Bind a sender address of Direct Mail to a channel.

    The vendor does not document the text of the response.

    Args:
        account_code: The code of the address. The vendor does not document its form;
            compare the `mail_address_id` of ListDmAccount.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        extend_attr: The address and its kind of mails.
    """

    account_code: str
    cust_space_id: str
    extend_attr: DmAccountAttributes | Json


@frozen(kw_only=True, slots=False)
class DmAccountBinding(Record):
    """A sender address and the channel it is bound to."""

    account_code: str | None = None
    """The code of the address, as given to BindDmAccount."""

    extend_attr: DmAccountAttributes | None = None
    """The address and its kind of mails."""

    instance_id: str | None = None
    """The ID of the channel."""

    instance_name: str | None = None
    """The name of the channel."""


@frozen(kw_only=True, slots=False)
class ListBindDmAccountResponse(Response):
    """The response of ListBindDmAccount."""

    data: tuple[DmAccountBinding, ...]


@frozen(kw_only=True)
class ListBindDmAccount(Operation[ListBindDmAccountResponse]):
    """List the sender addresses of Direct Mail that are bound to a channel.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
    """

    cust_space_id: str


@frozen(kw_only=True)
class UnbindDmAccount(Operation[TextResponse]):
    """Unbind the sender address of Direct Mail from a channel.

    The vendor does not document the text of the response.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
    """

    cust_space_id: str
