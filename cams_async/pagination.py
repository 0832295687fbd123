"""`paginate`: the items of all pages of a list.

async for template in paginate(cams, ListChatappTemplate(cust_space_id="cams-1")):
    print(template.template_name)
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Generic, Self, TypeAlias, TypeVar, cast

import attrs

from cams_async.config import check, is_whole
from cams_async.errors import CamsError, DecodeError, InvalidOperation, RepeatedPage
from cams_async.models import Response
from cams_async.operations.fields import pascal_case
from cams_async.operations.paging import PagedOperation, PageNumbers, PageTokens
from cams_async.poller import Sender
from cams_async.poller.pool import attempts_of

__all__ = ["Items", "paginate"]

Item = TypeVar("Item")
T = TypeVar("T")

Position: TypeAlias = int | str
"""The number or the token of a page."""

DEFAULT_SIZE = 10
"""The documented default of the number of items on a page."""


def paginate(
    client: Sender,
    operation: PagedOperation[Any, Item],
    *,
    page_size: int | None = None,
) -> "Items[Item]":
    """Iterate over the items of all pages of a list.

    The next page is requested when its first item is, by a call of its own that waits
    in the queue like any other. Memory is bounded: four pages at most.

    The list may change meanwhile. An item that stays in the list may come twice if
    others are added before it, and may be left out if others are deleted before it. A
    list that grows faster than it is read has no end.

    The iteration ends at an empty page, and at one without a token of the next. A list
    of numbered pages that states a total ends at the page that reaches it and is not
    full. One without, or one that is not read from its first page, takes one more call:
    it ends at an empty page, or at one that repeats an earlier one.

    Args:
        client: A CamsClient.
        operation: An operation that lists items in pages. The iteration begins with
            the page that it requests.
        page_size: The number of items on a page. Default: that of the operation, or
            else 10 where pages have numbers, and the service's where they have tokens.

    Raises:
        ConfigurationError: `page_size` is invalid.
        InvalidOperation: The operation has no pages, its page is no number, or it
            refuses `page_size`.
    """
    expected = "must be a whole number of items above 0"
    check(page_size is None or is_whole(page_size), "page_size", expected)
    style: object = getattr(operation, "pages", None)
    if isinstance(style, PageNumbers):
        return Items(client, _NumberWalk(style, operation, page_size))
    if isinstance(style, PageTokens):
        return Items(client, _TokenWalk(style, operation, page_size))
    action, expected = type(operation).__name__, "an operation that lists pages"
    msg = f"operation must be {expected}"
    raise InvalidOperation(msg, action=action, field="operation", expected=expected)


class Items(Generic[Item]):
    """An async iterator over the items of a list; made by `paginate`.

    An error of a call is raised, and the next request for an item repeats that call.
    After a RepeatedPage, only a new iteration can continue. Tasks that share an
    iterator receive different items.
    """

    def __init__(self, client: Sender, walk: "_Walk[Item]") -> None:
        self._client = client
        self._walk = walk
        self._page: deque[Item] = deque()
        self._lock = asyncio.Lock()

    @property
    def operation(self) -> PagedOperation[Any, Item]:
        """The operation of the page that was requested last, or of the first page.

        Pass it to `paginate` to resume: the pages before it have been returned in full.
        """
        return self._walk.operation

    @property
    def position(self) -> Position | None:
        """The number or token of the page in `operation`; None for no token.

        Another process resumes with a new operation that has it in the same field.
        """
        return self._walk.position

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        async with self._lock:
            while not self._page:
                operation = self._walk.next_operation()
                if operation is None:
                    raise StopAsyncIteration
                response = await self._client.send(operation)
                self._page.extend(self._walk.items_of(response))
            return self._page.popleft()


class _Walk(ABC, Generic[Item]):
    """The way from page to page of a list.

    Args:
        operation: That of the first page.
        field: The field of the operation with its position.
        items: The place of the items in a response.
    """

    def __init__(
        self, operation: PagedOperation[Any, Item], *, field: str, items: str
    ) -> None:
        self.operation: PagedOperation[Any, Item] = operation
        self._field = field
        self._items = items
        self._next: PagedOperation[Any, Item] | None = operation
        self._pages = _Repeats()
        self._is_stuck = False
        self._attempts = 0

    @property
    def position(self) -> Position | None:
        """The number or token in the operation."""
        return cast("Position | None", _get(self.operation, self._field))

    def next_operation(self) -> PagedOperation[Any, Item] | None:
        """Return the operation of the next page, or None at the end.

        Raises:
            RepeatedPage: The service does not return the next page.
        """
        if self._is_stuck:
            msg = "the service repeats a page of a list that has not ended"
            raise self._failed(RepeatedPage(msg, outcome="executed"))
        if self._next is not None:
            self.operation = self._next
        return self._next

    def items_of(self, response: Response) -> tuple[Item, ...]:
        """Return the new items of a page, and proceed to the next one.

        Raises:
            DecodeError: An object without documented fields has not exactly one list.
        """
        self._attempts = attempts_of(response)
        items = self._listed(response)
        is_repeated = bool(items) and self._pages.add(items)
        position = self._advance(response, items, is_repeated=is_repeated)
        self._next = None
        if position is not None:
            self._next = _set(self.operation, self._field, position)
        return () if is_repeated else items

    def _listed(self, response: Response) -> tuple[Item, ...]:
        found: object = _get(response, self._items)
        if not isinstance(found, Mapping):
            return cast("tuple[Item, ...]", found or ())
        # The fields of this object are not documented.
        values = cast("Mapping[str, object]", found)
        lists = list(_lists_in(values))
        if len(lists) == 1:
            return tuple(lists[0])
        if not lists and not any(isinstance(each, Mapping) for each in values.values()):
            return ()
        place = "$." + ".".join(map(pascal_case, self._items.split(".")))
        msg = f"{place} should be an object with one list"
        raise self._failed(DecodeError(msg, outcome="executed", path=place))

    def _failed(self, error: CamsError) -> CamsError:
        """Return an error of the last call."""
        error.action = type(self.operation).__name__
        error.attempts = self._attempts
        return error

    @abstractmethod
    def _advance(
        self, response: Response, items: tuple[Item, ...], *, is_repeated: bool
    ) -> Position | None:
        """Return the position of the next page, or None at the end or where stuck."""


class _NumberWalk(_Walk[Item]):
    def __init__(
        self,
        style: PageNumbers,
        operation: PagedOperation[Any, Item],
        page_size: int | None,
    ) -> None:
        self._number = _whole(operation, style.number) or 1
        self._size = page_size or _whole(operation, style.size) or DEFAULT_SIZE
        self._kind = str if style.as_text else int
        operation = _set(operation, style.number, self._kind(self._number))
        operation = _set(operation, style.size, self._kind(self._size))
        super().__init__(operation, field=style.number, items=style.items)
        # Elsewhere than at the first page, the items before are not counted.
        self._total = style.total if self._number == 1 else None
        self._count = 0

    def _advance(
        self, response: Response, items: tuple[Item, ...], *, is_repeated: bool
    ) -> Position | None:
        total = None
        if self._total is not None:
            total = cast("int | None", _get(response, self._total))
        if is_repeated:
            # A service may return its first or last page for a number beyond the end.
            self._is_stuck = total is not None and self._count < total
            return None
        self._count += len(items)
        # A full page may be followed by another, whatever the total says.
        is_full = len(items) >= self._size
        if not items or (total is not None and self._count >= total and not is_full):
            return None
        self._number += 1
        return self._kind(self._number)


class _TokenWalk(_Walk[Item]):
    def __init__(
        self,
        style: PageTokens,
        operation: PagedOperation[Any, Item],
        page_size: int | None,
    ) -> None:
        if page_size is not None:
            operation = _set(operation, style.size, page_size)
        super().__init__(operation, field=style.token, items=style.items)
        self._style = style
        self._tokens = _Repeats()
        self._was_empty = False
        if self.position:
            self._tokens.add(self.position)

    def _advance(
        self, response: Response, items: tuple[Item, ...], *, is_repeated: bool
    ) -> Position | None:
        token: str | None = _get(response, self._style.next)
        is_known = bool(token) and self._tokens.add(token)
        # One empty page may be followed by others: the token says so.
        if not items and (is_known or self._was_empty):
            return None
        self._was_empty = not items
        self._is_stuck = is_repeated or is_known
        return None if self._is_stuck else token or None


class _Repeats:
    """A detector of repeated values in bounded memory.

    A value is compared with the first one, the one before, and one that was marked. A
    mark is set at the places 1, 2, 4, 8 and so on, so that any cycle is detected
    (Brent's algorithm).
    """

    def __init__(self) -> None:
        self._count = 0
        self._kept: tuple[object, ...] = ()

    def add(self, value: object) -> bool:
        """Add a value. Return whether it repeats another, and add nothing if so."""
        if value in self._kept:
            return True
        self._count += 1
        first, mark = self._kept[:2] or (value, value)
        if self._count & (self._count - 1) == 0:
            mark = value
        self._kept = (first, mark, value)
        return False


def _get(record: Any, path: str) -> Any:
    """Return an attribute of a record, or of one in it; None where there is none."""
    for name in path.split("."):
        record = getattr(record, name, None)
    return record


def _whole(operation: PagedOperation[Any, Any], path: str) -> int:
    """Return a number of an operation, which may be a text; 0 where there is none."""
    try:
        return int(_get(operation, path) or 0)
    except ValueError:
        action, expected = type(operation).__name__, "a whole number"
    msg = f"{path} must be {expected}"
    raise InvalidOperation(msg, action=action, field=path, expected=expected)


def _set(record: T, path: str, value: object) -> T:
    """Return a record with another value of an attribute, or of one in it."""
    field, _, inner = path.partition(".")
    if inner:
        current = getattr(record, field)
        value = {inner: value} if current is None else _set(current, inner, value)
    return cast("T", attrs.evolve(cast("Any", record), **{field: value}))


def _lists_in(values: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Yield the lists in an object and in the objects in it, but not those in lists."""
    for value in values.values():
        if isinstance(value, list):
            yield value  # pyright: ignore[reportUnknownVariableType]
        elif isinstance(value, Mapping):
            yield from _lists_in(cast("Mapping[str, Any]", value))
