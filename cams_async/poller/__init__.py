"""Very many operations: one by one as they complete, or until each has settled.

    async with poll(cams, operations) as outcomes:
        async for outcome in outcomes:
            print(outcome.operation, outcome.response or outcome.error)

Operations are taken from any iterable or async iterable as there is room for them,
never all at once; what goes wrong with one is a value like any other outcome.
"""

from cams_async.poller.outcome import Outcome, Sender
from cams_async.poller.outcomes import Outcomes
from cams_async.poller.passing import is_passing
from cams_async.poller.polling import poll
from cams_async.poller.spaces import PerSpace
from cams_async.poller.watching import SETTLED, watch

__all__ = [
    "SETTLED",
    "Outcome",
    "Outcomes",
    "PerSpace",
    "Sender",
    "is_passing",
    "poll",
    "watch",
]
