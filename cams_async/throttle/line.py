"""First come, first served; whoever comes back goes before all newcomers."""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")

_tickets = count(1)
"""One count for all lines, so that a ticket which outlives its line is still unique."""


class Line(Generic[T]):
    """A queue by ticket. Joining, leaving and serving do not grow with its length.

    Only so many can come back as were served before, so those few are kept in a
    sorted list; newcomers' tickets rise by themselves.
    """

    __slots__ = ("_newcomers", "_returned", "_tickets")

    def __init__(self) -> None:
        self._newcomers: OrderedDict[int, T] = OrderedDict()
        self._tickets: list[int] = []
        self._returned: dict[int, T] = {}

    def __len__(self) -> int:
        return len(self._newcomers) + len(self._returned)

    def __bool__(self) -> bool:
        # Asked many times for each call.
        return bool(self._newcomers or self._returned)

    def __iter__(self) -> Iterator[tuple[int, T]]:
        """Go through the line in the order of service."""
        for ticket in self._tickets:
            yield ticket, self._returned[ticket]
        yield from self._newcomers.items()

    def join(self, member: T) -> int:
        """Take a ticket and a place at the end."""
        ticket = next(_tickets)
        self._newcomers[ticket] = member
        return ticket

    def rejoin(self, ticket: int, member: T) -> int:
        """Come back with the ticket of a former turn; return the places ahead."""
        insort(self._tickets, ticket)
        self._returned[ticket] = member
        return bisect_left(self._tickets, ticket)

    def leave(self, ticket: int) -> None:
        """Give up a place; a ticket that is not in the line is ignored."""
        if self._returned.pop(ticket, None) is not None:
            del self._tickets[bisect_left(self._tickets, ticket)]
        else:
            self._newcomers.pop(ticket, None)

    def serve(self) -> T:
        """Take the first one out of the line."""
        if self._tickets:
            return self._returned.pop(self._tickets.pop(0))
        return self._newcomers.popitem(last=False)[1]

    def clear(self) -> None:
        """Forget everybody."""
        self._tickets.clear()
        self._returned.clear()
        self._newcomers.clear()
