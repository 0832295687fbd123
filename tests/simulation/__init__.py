"""The proof of the throttle: a simulated network and server, on simulated time.

A `Schedule` holds everything that will happen, as plain data: who calls when, how long
each request travels, which get lost, who gives up and at which moment. `run` lets it
happen to a real throttle, and notes what the server saw on its own clock. `faults`
judges that. The same schedule always gives the same result: a failing seed is replayed
by its number::

    python -m tests.simulation 1234

Read `schedule`, then `judge`, then `world`: what can happen, what must hold, how it
runs.
"""

from tests.simulation.judge import (
    Result,
    faults,
    overshoot,
    share_used,
    shortest_span,
)
from tests.simulation.schedule import (
    BackgroundLoad,
    Call,
    Cancel,
    Closing,
    Schedule,
    Stall,
)
from tests.simulation.seeds import draw
from tests.simulation.world import run

__all__ = [
    "BackgroundLoad",
    "Call",
    "Cancel",
    "Closing",
    "Result",
    "Schedule",
    "Stall",
    "draw",
    "faults",
    "overshoot",
    "run",
    "share_used",
    "shortest_span",
]
