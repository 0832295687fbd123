"""Operations with pages: where a page is requested, and where its items are."""

from typing import ClassVar, Generic, NamedTuple, TypeAlias, TypeVar

from attrs import frozen

from cams_async.models import Response
from cams_async.operations.operation import Operation

R = TypeVar("R", bound=Response)
Item = TypeVar("Item")


class PageNumbers(NamedTuple):
    """Pages that are requested by their number; the first is 1.

    Names are attributes of the operation or its response, with dots for nested ones.
    """

    number: str
    """The field of the operation with the number of the page."""

    size: str
    """The field of the operation with the number of items on a page."""

    items: str
    """The list in the response; or an object whose only list it is."""

    total: str | None = None
    """The number of all items in the response; None where there is none."""

    as_text: bool = False
    """Whether the operation takes its two numbers as texts."""


class PageTokens(NamedTuple):
    """Pages that are requested by a token from the response before.

    Names are attributes of the operation or its response, with dots for nested ones.
    """

    token: str
    """The field of the operation with the token of the page."""

    size: str
    """The field of the operation with the number of items on a page."""

    items: str
    """The list in the response."""

    next: str
    """The token of the next page in the response; absent or empty at the end."""


Pages: TypeAlias = PageNumbers | PageTokens
"""The style of the pages of a list."""


@frozen(kw_only=True)
class PagedOperation(Operation[R], Generic[R, Item]):
    """An operation that lists items in pages, for `cams_async.paginate`.

    Its class names the response, the type of an item, and the style of its pages::

        @frozen(kw_only=True)
        class ListThings(PagedOperation[ThingsResponse, Thing]):
            pages: ClassVar[Pages] = PageNumbers(
                "page_no", "page_size", items="data", total="total"
            )

            page_no: int | None = None
            page_size: int | None = None
    """

    pages: ClassVar[Pages]
    """The style of the pages."""
