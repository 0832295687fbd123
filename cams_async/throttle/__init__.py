"""Waiting for a turn, so that no second at the server holds more than the ceiling.

CAMS counts calls per second, account and action. A client sees only its own end
of the network: how long a call travels, and when the server counts it, is hidden.
Spacing the sends is therefore not enough; jitter moves arrivals closer together.

**The argument.** Take a ceiling of N calls in any second. A call needs one of
floor(N) *slots*, and holds it from its send until one second after its *answer*
has arrived. An answer proves that the server has counted the call already. So
whichever call uses the slot next is counted more than one second later, on the
server's own clock, however the network behaves: two arrivals through one slot are
never in the same second. With floor(N) slots, a second holds at most floor(N)
arrivals, and N + 1 arrivals never span less than a second. (For N below 1 there
is one slot, held for 1/N seconds.)

**The one assumption.** A call without an answer, because it was lost, cancelled
after its send or slow, or because a gateway responded in the server's place, proves
nothing. Here, and only here, the throttle assumes that *a request reaches the server
within J of its send, or never* (J is `late`, 1 s), and gives the slot back at
send + J + 1 s. Giving it back at the cancellation, as a semaphore would, lets twice
the ceiling through.

**The price** is N / (1 + round trip) calls per second in the long run, and a pad
of 10 ms, because timers may fire early.

Three stages in a row, each tiny::

    the line  ->  slots anchored at the answer  ->  the bucket  ->  the wire

The *line* is first come, first served; only its head ever waits for a slot or in
the bucket. The *bucket* is aiolimiter's: it spreads a burst, so that servers which
count by a token bucket or by calendar seconds are content too. When the server
refuses a call all the same, because someone else uses the account, the *limit*
on the slots shrinks, and grows back step by step; the refused call goes first.

What one process cannot know stays outside the promise: the calls of other
programs on the account, and those of a former process in its last second.
"""

from cams_async.throttle.base import Permit, Throttle
from cams_async.throttle.local import LocalThrottle, shared_throttle

__all__ = ["LocalThrottle", "Permit", "Throttle", "shared_throttle"]
