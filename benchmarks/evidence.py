"""What does it cost to wait for evidence that a request has arrived?

A lease without a response returns `max_transit` and 1 s after the send, but only if
there is evidence that it has arrived: the kernel's acknowledgement, or, where that
cannot be read, a response to a later call. Compared with a rule that needs none. The
limiter runs in simulated time, so that the rates are exact.
"""

import math
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Literal, TypeAlias, get_args

from attrs import frozen

from benchmarks.record import Goal, Result, Table
from cams_async.throttle.adaptive import AdaptiveLimit
from cams_async.throttle.base import Route
from cams_async.throttle.leases import Lease, LoopQueue
from cams_async.throttle.limiter import ScopeLimiter

ROUND_TRIP = 0.1
"""Seconds until the server's kernel has acknowledged a request."""

TIMEOUT = 10.0
"""Seconds after the send at which a call without a response gives up."""

MAX_TRANSIT = 1.0
MARGIN = 0.01
TICK = 1e-6
"""Seconds that pass between two steps, at least."""

CALLS = 5_000
QUICK_CALLS = 1_000

Rule: TypeAlias = Literal["none", "responses", "kernel"]
RULES: tuple[Rule, ...] = get_args(Rule)

CEILINGS = ((1, 1), (10, 10), (10, 1))
RESPONSES = (0.1, 3.0, 5.0)
UNANSWERED = (0, 2, 5)


@frozen(kw_only=True)
class Load:
    """Calls without end on one scope."""

    ceiling: int
    limit: int
    """Leases in force: below the ceiling after throttled responses."""

    response: float
    """Seconds from a request's send to its response."""

    unanswered: int
    """Requests without a response, in percent: each hundredth, fiftieth, ..."""

    delivered: bool = True
    """Whether the server has received and acknowledged those."""


Rates = dict[tuple[Load, Rule], float]
"""Calls per second."""


def run(*, quick: bool) -> Result:
    """Simulate every load with every rule."""
    rates: Rates = {
        (load, rule): simulate(load, rule, QUICK_CALLS if quick else CALLS)
        for load in loads()
        for rule in RULES
    }
    return Result(tables=[_table(rates)], goals=list(_goals(rates)))


def loads() -> Iterator[Load]:
    """Yield the loads in the order of the table."""
    for ceiling, limit in CEILINGS:
        for response in RESPONSES:
            for unanswered in UNANSWERED:
                yield Load(
                    ceiling=ceiling,
                    limit=limit,
                    response=response,
                    unanswered=unanswered,
                )
        yield Load(
            ceiling=ceiling,
            limit=limit,
            response=RESPONSES[0],
            unanswered=UNANSWERED[-1],
            delivered=False,
        )


def simulate(load: Load, rule: Rule, calls: int) -> float:
    """Return the calls per second of a queue that never ends."""
    return Simulation(load, rule).run(calls)


class Simulation:
    """A limiter under load, in simulated time."""

    def __init__(self, load: Load, rule: Rule) -> None:
        self._load = load
        self._rule = rule
        self._limiter = ScopeLimiter(
            load.ceiling, max_transit=MAX_TRANSIT, margin=MARGIN
        )
        if load.limit < load.ceiling:
            held_down = HeldDown(load.limit)
            self._limiter._adaptive = held_down  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        self._queue = LoopQueue()
        self._limiter.queues.append(self._queue)
        self._route = Route()
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._nth = count()
        self._sends: list[float] = []

    def run(self, calls: int) -> float:
        """Make calls; return how many there were per second, without the first ones."""
        first = calls // 10
        self._enter()
        while len(self._sends) <= first + calls:
            while ready := self._limiter.advance(self._now):
                for lease in ready:
                    self._limiter.claim(lease)
                    self._send(lease)
                    self._enter()
            self._wait()
        return calls / (self._sends[first + calls] - self._sends[first])

    def _enter(self) -> None:
        """Let a call join the queue, and send those that need not wait."""
        while True:
            lease = Lease(timeout=TIMEOUT, route=self._route)
            if not self._limiter.enter(
                lease, self._queue, self._load.ceiling, self._now
            ):
                return
            self._send(lease)

    def _send(self, lease: Lease) -> None:
        load, limiter, sent_at = self._load, self._limiter, self._now
        self._sends.append(sent_at)
        answered = not load.unanswered or len(self._sends) % (100 // load.unanswered)
        lease.acknowledged_at = self._evidence(
            sent_at, arrives=bool(answered) or load.delivered
        )
        limiter.passed(lease)
        limiter.sent(lease, sent_at)

        def respond() -> None:
            limiter.completed(lease, self._now, self._now)

        def give_up() -> None:
            limiter.released(lease, self._now)

        at, what = (load.response, respond) if answered else (TIMEOUT, give_up)
        heappush(self._events, (sent_at + at, next(self._nth), what))

    def _evidence(
        self, sent_at: float, *, arrives: bool
    ) -> Callable[[], float | None] | None:
        if self._rule == "none":  # as if each request arrived
            return lambda: sent_at
        if self._rule == "responses":
            return None
        at = sent_at + ROUND_TRIP if arrives else math.inf
        return lambda: at if at <= self._now else None

    def _wait(self) -> None:
        """Go to the next time at which something happens."""
        look_at = self._limiter.next_look(self._now)
        event_at = self._events[0][0] if self._events else math.inf
        at = min(event_at, look_at)
        self._now = max(self._now + TICK, at)
        while self._events and self._events[0][0] <= self._now:
            heappop(self._events)[2]()


class HeldDown(AdaptiveLimit):
    """A limit that does not grow, as the server refuses calls again and again."""

    def next_growth(self) -> float | None:
        """Return None: it never grows."""
        return None

    def leases(self, now: float) -> int:
        """Return the limit."""
        del now
        return math.floor(self.value)


def _table(rates: Rates) -> Table:
    return Table(
        title="Calls per second by the evidence that is required",
        headers=(
            "ceiling",
            "limit",
            "response after",
            "unanswered",
            *(TITLES[rule] for rule in RULES),
        ),
        rows=[
            [
                f"{load.ceiling}/s",
                f"{load.limit}",
                f"{load.response:g} s",
                f"{load.unanswered} %" + ("" if load.delivered else ", lost"),
                *(f"{rates[load, rule]:.2f}" for rule in RULES),
            ]
            for load in loads()
        ],
        notes=NOTES,
    )


TITLES: dict[Rule, str] = {
    "none": "no evidence",
    "responses": "responses",
    "kernel": "acknowledgements",
}

NOTES = f"""\
Simulated, with a queue that never ends. The server acknowledges a request after \
{ROUND_TRIP * 1000:.0f} ms;
a call without a response gives up after {TIMEOUT:g} s. Lost requests never reach the
server. Acknowledgements are what cams_async goes by on Linux without a proxy, responses
elsewhere. Without evidence the rate is a risk: behind an outage of 12 s, 32 calls
arrive in a second where 10 are allowed (`tests/test_simulation.py`).\
"""


def _goals(rates: Rates) -> Iterator[Goal]:
    most = max(
        rates[load, "none"] / rates[load, "kernel"]
        for load in loads()
        if load.delivered
    )
    text = "rate without evidence over that with acknowledgements, unless lost"
    yield Goal(text, most, 1.01)
