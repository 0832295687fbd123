"""The queue: first in, first out, and returning members go first."""

from hypothesis import given
from hypothesis import strategies as st

from cams_async.throttle.line import Line


def served(line: Line[str]) -> list[str]:
    """Serve everybody."""
    return [line.serve() for _ in range(len(line))]


def test_first_come_is_first_served() -> None:
    """Newcomers are served in the order in which they joined."""
    line: Line[str] = Line()
    for name in "abc":
        line.join(name)

    assert served(line) == ["a", "b", "c"]
    assert len(line) == 0


def test_returning_members_go_first_by_lowest_ticket() -> None:
    """Former tickets are served before newcomers, the lowest first."""
    line: Line[str] = Line()
    tickets = {name: line.join(name) for name in "abcd"}
    for _ in "abc":
        line.serve()
    for name in "bca":
        line.rejoin(tickets[name], name)

    assert served(line) == ["a", "b", "c", "d"]


def test_rejoining_returns_the_places_ahead() -> None:
    """Only those who came back with lower tickets are ahead."""
    line: Line[str] = Line()
    a, b, c = (line.join(name) for name in "abc")
    served(line)
    line.join("d")

    assert line.rejoin(c, "c") == 0
    assert line.rejoin(a, "a") == 0
    assert line.rejoin(b, "b") == 1


def test_iteration_is_in_order_of_service() -> None:
    """Iterating serves no member."""
    line: Line[str] = Line()
    first = line.join("a")
    line.serve()
    second = line.join("b")
    line.rejoin(first, "a")

    assert list(line) == [(first, "a"), (second, "b")]
    assert len(line) == 2


def test_leaving_works_from_any_place() -> None:
    """Newcomers and returned ones alike give up their places without a trace."""
    line: Line[str] = Line()
    a, b, c, d = (line.join(name) for name in "abcd")
    line.serve()
    line.serve()
    line.rejoin(a, "a")
    line.rejoin(b, "b")

    line.leave(a)
    line.leave(d)

    assert list(line) == [(b, "b"), (c, "c")]


def test_leaving_twice_changes_nothing() -> None:
    """A ticket that is not in the queue is ignored."""
    line: Line[str] = Line()
    a = line.join("a")
    line.leave(a)
    line.leave(a)

    assert len(line) == 0


def test_no_ticket_is_given_twice_in_a_process() -> None:
    """A ticket that outlives its queue never meets its double in the next one."""
    assert Line[str]().join("a") < Line[str]().join("b")


def test_clearing_forgets_everybody() -> None:
    """No member is left, neither newcomers nor returned ones."""
    line: Line[str] = Line()
    a = line.join("a")
    line.serve()
    line.rejoin(a, "a")
    line.join("b")

    line.clear()

    assert len(line) == 0
    assert list(line) == []


def test_leaving_looks_at_no_other_member() -> None:
    """Giving up youngest first compares no member with another: no search."""
    compared = 0

    class Member:
        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return self is other

        __hash__ = object.__hash__

    line: Line[Member] = Line()
    tickets = [line.join(Member()) for _ in range(1000)]
    for ticket in reversed(tickets):
        line.leave(ticket)

    assert len(line) == 0
    assert compared == 0


STEPS = st.lists(st.sampled_from(["join", "serve", "rejoin", "leave", "leave again"]))


@given(steps=STEPS, data=st.data())
def test_its_length_is_read_without_counting(
    steps: list[str], data: st.DataObject
) -> None:
    """The result equals that of a scan in the order of the tickets."""
    line: Line[int] = Line()
    away: list[int] = []
    for number, step in enumerate(steps):
        waiting = [ticket for ticket, _ in line]
        if step == "join":
            line.join(number)
        elif step == "serve" and waiting:
            line.serve()
            away.append(waiting[0])
        elif step == "rejoin" and away:
            ticket = data.draw(st.sampled_from(away))
            away.remove(ticket)
            line.rejoin(ticket, number)
        elif step == "leave" and waiting:
            line.leave(data.draw(st.sampled_from(waiting)))
        elif step == "leave again" and away:
            line.leave(data.draw(st.sampled_from(away)))

        tickets = [ticket for ticket, _ in line]

        assert len(tickets) == len(line) == line.length
        assert sorted(tickets) == tickets
