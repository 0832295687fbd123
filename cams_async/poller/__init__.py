"""Very many operations: one by one as they complete, or until each has settled.

    async with poll(cams, operations) as outcomes:
        async for outcome in outcomes:
            print(outcome.operation, outcome.response or outcome.error)

Operations are taken from any iterable or async iterable as there is room for them,
never all at once; what goes wrong with one is a value like any other outcome.
"""

from cams_async.poller.outcome import Outcome, Sender
from cams_async.poller.outcomes import Outcomes
from cams_async.poller.per_space import PerSpace
from cams_async.poller.poll import poll
from cams_async.poller.transient import is_transient
from cams_async.poller.watch import TERMINAL, watch

__all__ = [
    "TERMINAL",
    "Outcome",
    "Outcomes",
    "PerSpace",
    "Sender",
    "is_transient",
    "poll",
    "watch",
]
