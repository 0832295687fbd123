"""The queue: first in, first out, and returning members go first."""

from hypothesis import given
from hypothesis import strategies as st

from cams_async.throttle.queue import TicketQueue


def served(queue: TicketQueue[str]) -> list[str]:
    """Serve everybody."""
    return [queue.serve() for _ in range(len(queue))]


def test_first_come_is_first_served() -> None:
    """Newcomers are served in the order in which they joined."""
    queue: TicketQueue[str] = TicketQueue()
    for name in "abc":
        queue.join(name)

    assert served(queue) == ["a", "b", "c"]
    assert len(queue) == 0


def test_returning_members_go_first_by_lowest_ticket() -> None:
    """Former tickets are served before newcomers, the lowest first."""
    queue: TicketQueue[str] = TicketQueue()
    tickets = {name: queue.join(name) for name in "abcd"}
    for _ in "abc":
        queue.serve()
    for name in "bca":
        queue.rejoin(tickets[name], name)

    assert served(queue) == ["a", "b", "c", "d"]


def test_rejoining_returns_the_places_ahead() -> None:
    """Only those who came back with lower tickets are ahead."""
    queue: TicketQueue[str] = TicketQueue()
    a, b, c = (queue.join(name) for name in "abc")
    served(queue)
    queue.join("d")

    assert queue.rejoin(c, "c") == 0
    assert queue.rejoin(a, "a") == 0
    assert queue.rejoin(b, "b") == 1


def test_iteration_is_in_order_of_service() -> None:
    """Iterating serves no member."""
    queue: TicketQueue[str] = TicketQueue()
    first = queue.join("a")
    queue.serve()
    second = queue.join("b")
    queue.rejoin(first, "a")

    assert list(queue) == [(first, "a"), (second, "b")]
    assert len(queue) == 2


def test_leaving_works_from_any_place() -> None:
    """Newcomers and returned ones alike give up their places without a trace."""
    queue: TicketQueue[str] = TicketQueue()
    a, b, c, d = (queue.join(name) for name in "abcd")
    queue.serve()
    queue.serve()
    queue.rejoin(a, "a")
    queue.rejoin(b, "b")

    queue.leave(a)
    queue.leave(d)

    assert list(queue) == [(b, "b"), (c, "c")]


def test_leaving_twice_changes_nothing() -> None:
    """A ticket that is not in the queue is ignored."""
    queue: TicketQueue[str] = TicketQueue()
    a = queue.join("a")
    queue.leave(a)
    queue.leave(a)

    assert len(queue) == 0


def test_no_ticket_is_given_twice_in_a_process() -> None:
    """A ticket that outlives its queue never meets its double in the next one."""
    assert TicketQueue[str]().join("a") < TicketQueue[str]().join("b")


def test_leaving_looks_at_no_other_member() -> None:
    """Giving up youngest first compares no member with another: no search."""
    compared = 0

    class Member:
        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return self is other

        __hash__ = object.__hash__

    queue: TicketQueue[Member] = TicketQueue()
    tickets = [queue.join(Member()) for _ in range(1000)]
    for ticket in reversed(tickets):
        queue.leave(ticket)

    assert len(queue) == 0
    assert compared == 0


STEPS = st.lists(st.sampled_from(["join", "serve", "rejoin", "leave", "leave again"]))


@given(steps=STEPS, data=st.data())
def test_its_length_is_read_without_counting(
    steps: list[str], data: st.DataObject
) -> None:
    """The result equals that of a scan in the order of the tickets."""
    queue: TicketQueue[int] = TicketQueue()
    away: list[int] = []
    for number, step in enumerate(steps):
        waiting = [ticket for ticket, _ in queue]
        if step == "join":
            queue.join(number)
        elif step == "serve" and waiting:
            queue.serve()
            away.append(waiting[0])
        elif step == "rejoin" and away:
            ticket = data.draw(st.sampled_from(away))
            away.remove(ticket)
            queue.rejoin(ticket, number)
        elif step == "leave" and waiting:
            queue.leave(data.draw(st.sampled_from(waiting)))
        elif step == "leave again" and away:
            queue.leave(data.draw(st.sampled_from(away)))

        tickets = [ticket for ticket, _ in queue]

        assert len(tickets) == len(queue) == queue.length
        assert sorted(tickets) == tickets
