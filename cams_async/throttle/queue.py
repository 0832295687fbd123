"""Queues ordered by ticket: first in, first out, and returning calls go first."""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")

draw_ticket: Callable[[], int] = count(1).__next__
"""One count for all queues: tickets compare across them, and outlive them."""


class TicketQueue(Generic[T]):
    """A queue by ticket. Joining, leaving and serving do not grow with its length.

    Only so many can come back as were served before, so those few are kept in a
    sorted list; newcomers' tickets rise by themselves.
    """

    __slots__ = ("_newcomers", "_returned", "_tickets", "length")

    def __init__(self) -> None:
        # A plain number, as each call reads it several times.
        self.length: int = 0
        self._newcomers: OrderedDict[int, T] = OrderedDict()
        self._tickets: list[int] = []
        self._returned: dict[int, T] = {}

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[tuple[int, T]]:
        """Iterate in the order of service."""
        for ticket in self._tickets:
            yield ticket, self._returned[ticket]
        yield from self._newcomers.items()

    def join(self, member: T) -> int:
        """Take a ticket and a place at the end."""
        ticket = draw_ticket()
        self._newcomers[ticket] = member
        self.length += 1
        return ticket

    def rejoin(self, ticket: int, member: T) -> int:
        """Return with the ticket of an earlier permit; return the places ahead."""
        insort(self._tickets, ticket)
        self._returned[ticket] = member
        self.length += 1
        return bisect_left(self._tickets, ticket)

    def leave(self, ticket: int) -> bool:
        """Give up a place; return False for a ticket that is not in the queue."""
        if self._newcomers.pop(ticket, None) is None:
            if self._returned.pop(ticket, None) is None:
                return False
            del self._tickets[bisect_left(self._tickets, ticket)]
        self.length -= 1
        return True

    def first(self) -> int:
        """Return the ticket of the first member of a queue that is not empty."""
        return self._tickets[0] if self._tickets else next(iter(self._newcomers))

    def serve(self) -> T:
        """Remove the first member and return it."""
        self.length -= 1
        if self._tickets:
            return self._returned.pop(self._tickets.pop(0))
        return self._newcomers.popitem(last=False)[1]
