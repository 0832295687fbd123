"""Iterators over the outcomes of very many operations, sent once or repeatedly.

    async with poll(cams, operations) as outcomes:
        async for outcome in outcomes:
            print(outcome.operation, outcome.response or outcome.error)

Operations are taken lazily from any iterable or async iterable, within a window. An
operation that fails yields an outcome with an error; the iteration continues.
"""

from cams_async.poller.outcomes import Outcome, Outcomes, Sender, is_transient
from cams_async.poller.per_space import PerSpace
from cams_async.poller.poll import poll
from cams_async.poller.send_all import Pace, send_all
from cams_async.poller.watch import DECIDED, TERMINAL, watch

__all__ = [
    "DECIDED",
    "TERMINAL",
    "Outcome",
    "Outcomes",
    "Pace",
    "PerSpace",
    "Sender",
    "is_transient",
    "poll",
    "send_all",
    "watch",
]
