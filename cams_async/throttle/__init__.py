"""Client-side rate limiting that holds at the server, for one process.

CAMS counts calls per second, account and action. A client sees only its own end
of the network: how long a request travels, and when the server counts it, is hidden.
Spacing the sends is therefore not enough: jitter moves arrivals closer together.

**The argument.** Take a QPS ceiling of N calls in any second. A call needs a *permit*,
which takes one of floor(N) *slots* from its send until one second after its *response*
has arrived. A response proves that the server has counted the call already. So the
next call in the same slot is counted more than one second later, on the server's own
clock, however the network behaves: two arrivals through one slot are never in the same
second. With floor(N) slots, a second holds at most floor(N) arrivals, and floor(N) + 1
arrivals never span less than a second. (For N below 1 there is one slot, held for
1/N seconds.)

**The one assumption.** A call without a response proves nothing: it was lost, or
cancelled after its send, or is slow, or a gateway responded in the server's place.
Here, and only here, the throttle assumes that *a request reaches the server within
`max_transit` of its send, or never* (1 s by default), and returns the slot at
send + `max_transit` + 1 s. Returning it on cancellation, as a semaphore would, lets
twice the ceiling through.

**The price.** In the long run N / (1 + round trip) calls per second are made. A
`margin` of 10 ms is added to each slot's second, because timers may fire early.

Three stages in a row::

    queue  ->  slots held until after the response  ->  bucket  ->  network

The *queue* is first in, first out; only its head waits for a slot or in the bucket.
The *bucket* is aiolimiter's: it spreads a burst, so that servers which count by token
bucket or by calendar second accept it too. When the server throttles a call (another
program may use the account), the limit on the slots shrinks, and grows back step by
step; the throttled call keeps its place and goes first.

The promise does not cover calls that this process cannot see: those of other programs
on the account, and those of a former process in its last second. To share a ceiling
among processes, use `cams_async.redis`.
"""

from cams_async.throttle.base import Permit, Throttle
from cams_async.throttle.local import LocalThrottle, shared_throttle

__all__ = ["LocalThrottle", "Permit", "Throttle", "shared_throttle"]
