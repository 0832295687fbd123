"""The schedule of a run, all of which is decided before it begins."""

from typing import Literal, TypeAlias

from attrs import field, frozen

from tests.simulation.servers import Rule, SlidingWindow

Ending: TypeAlias = Literal[
    "answer", "unsent", "lost", "silent", "reset", "gateway", "gateway refusal"
]
"""The end of a request.

`answer`: the server counts it and responds. `unsent`: no connection, so it never
leaves. `lost`: it never reaches the server. `silent`: it does, but the response is
lost. `reset`: the connection breaks under the caller, while the request still reaches
the server. `gateway`: a gateway gives up early: its 504 is back before the server
counts the request. `gateway refusal`: its 503 is, and requests a pause as a refusal
does.
"""

Moment: TypeAlias = Literal["asked", "granted", "sent", "woken", "neighbour woken"]
"""The time at which a caller cancels.

`asked`, `granted`, `sent`: some time after that. `woken`: in the same iteration of the
loop in which the call stops waiting, before it runs. `neighbour woken`: in the one in
which the call that joined just before it stops waiting.
"""


@frozen
class Cancel:
    """A caller gives up."""

    when: Moment
    after: float = 0.0
    """Seconds after that moment."""

    nth: int = 1
    """Which of the wake-ups, where there are several: queue, bucket, pause."""


@frozen(kw_only=True)
class Call:
    """One call, with the way its requests will take."""

    at: float = 0.0
    """Time of the call, in seconds from the start."""

    connect: float = 0.0
    """Seconds between its permit and its send."""

    held: float = 0.0
    """Seconds until a copy of it passes, where the first ones are lost."""

    out: float = 0.05
    """Seconds on its way to the server."""

    inside: float = 0.0
    """Seconds from the server's acknowledgement until the server counts it."""

    work: float = 0.0
    """Seconds from there until the server responds."""

    back: float = 0.05
    """Seconds on the way back; from the send for a reset or a gateway."""

    body: float = 0.0
    """Seconds from the headers of the response to the last byte of its body."""

    ending: Ending = "answer"
    cancel: Cancel | None = None
    deadline: float | None = None
    """Seconds that the caller has for all of it."""

    client: int = 0
    """Which client makes it. Clients of one account share a ceiling."""

    account: int = 0
    process: int = 0
    """Which process makes it. Each has a throttle of its own."""

    @property
    def is_answered_early(self) -> bool:
        """Whether a gateway responds, which proves nothing."""
        return self.ending in {"gateway", "gateway refusal"}

    @property
    def trip(self) -> float:
        """Seconds from its permit to the headers of the response."""
        return self.connect + self.held + self.out + self.inside + self.work + self.back


@frozen(kw_only=True)
class BackgroundLoad:
    """Another program that uses the same account."""

    start: float
    stop: float
    rate: float
    """Calls per second."""


@frozen(kw_only=True)
class Stall:
    """The program's event loop is blocked for a while."""

    at: float
    seconds: float


@frozen(kw_only=True)
class Outage:
    """The link to the network is down: no packet passes it."""

    at: float
    seconds: float
    one_way: bool = False
    """Whether packets of the server still pass."""


@frozen(kw_only=True)
class Closing:
    """A client is closed: all its calls are cancelled at once."""

    at: float
    client: int


@frozen(kw_only=True)
class Schedule:
    """All that will happen in one run."""

    ceiling: float
    calls: tuple[Call, ...]
    rule: Rule = field(factory=SlidingWindow)
    """The counting rule of the server, for each account separately."""

    retry_after: float | None = None
    """The pause that the server requests when it refuses a call."""

    background_load: BackgroundLoad | None = None
    stalls: tuple[Stall, ...] = ()
    closings: tuple[Closing, ...] = ()
    outages: tuple[Outage, ...] = ()
    acknowledges: bool = True
    """Whether the client's kernel shows acknowledgements; through a proxy, none do."""

    patience: float = 3.0
    """Seconds after its send at which a caller stops waiting for a response.

    Also the time-out of its permit: it expires if connecting takes longer.
    """

    name: str = ""
