"""The proof of the throttle: a simulated network and server, on simulated time.

A `Schedule` holds everything that will happen, as plain data: who calls when, how long
each request travels, which get lost, when the link is down, who gives up and at which
moment. `run` lets it
happen to a real throttle, and notes what the server saw on its own clock. `faults`
judges that. The same schedule always gives the same result: a failing seed is replayed
by its number::

    python -m tests.simulation 1234 flicker-5678

Read `schedule`, then `judge`, then `network` and `world`: what can happen, what must
hold, how it runs.
"""

from tests.simulation.judge import (
    Result,
    faults,
    most_within,
    overshoot,
    share_used,
    shortest_span,
    steady_rate,
)
from tests.simulation.schedule import (
    BackgroundLoad,
    Call,
    Cancel,
    Closing,
    Outage,
    Schedule,
    Stall,
)
from tests.simulation.seeds import draw, flicker
from tests.simulation.world import run

__all__ = [
    "BackgroundLoad",
    "Call",
    "Cancel",
    "Closing",
    "Outage",
    "Result",
    "Schedule",
    "Stall",
    "draw",
    "faults",
    "flicker",
    "most_within",
    "overshoot",
    "run",
    "share_used",
    "shortest_span",
    "steady_rate",
]
