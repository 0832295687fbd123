"""Client-side rate limiting that holds at the server, for one process.

CAMS counts calls per second, account and action. A client sees only its own end
of the network: how long a request travels, and when the server counts it, is hidden.
Spacing the sends is therefore not enough: jitter moves arrivals closer together.

**The argument.** Take a QPS ceiling of N calls in any second. A call needs a *permit*,
which takes one of floor(N) *leases* from its send until one second after its *response*
has arrived. A response proves that the server has counted the call already. So the next
call on the same lease is counted more than one second later, on the server's own clock,
however the network behaves: two arrivals on one lease are never in the same second.
With floor(N) leases, a second holds at most floor(N) arrivals, and floor(N) + 1
arrivals never span less than a second. (For N below 1 there is one lease, held for 1/N
seconds.) A response counts from the moment at which its final headers were complete,
even if the body is late. A response that proves nothing, such as a gateway's 504,
counts as none.

**Without a response** the call was lost, or cancelled after its send, or is slow. Then
the lease returns only on evidence that the request arrived, or can arrive no more:

- The request *arrived*: the server's kernel acknowledged all of it within `max_transit`
  of its send. The lease returns at send + `max_transit` + 1 s.
- It was acknowledged *late*, at t, as on a link that was down for a while: the kernel
  repeats what it kept as soon as the link is back. The lease returns at t +
  `max_transit` + 1 s.
- Its *path* worked: at r, a call of the same client that was sent no earlier than s,
  its own send, got its response. That proves less than an acknowledgement: a copy of
  the request may have been lost before, and the kernel waits for the next one as long
  as it has waited so far. The lease returns at r + (r - s) + `max_transit` + 1 s. This
  is used only where acknowledgements cannot be determined: through a proxy, with TLS on
  uvloop, on systems other than Linux, with a transport that has none.
- It can arrive *no more*: its caller gave up, and the connection was reset, so that the
  kernel drops what it kept. The lease returns `max_transit` + 1 s after that.
- Every lease has a *last moment*: send + the attempt's time-out + `max_transit` + 1 s.
  It matters where a caller never gives up: in an event loop that was stopped, or in the
  parent of a forked process. A permit that is not used within the time-out expires, and
  `sent` returns False: its lease may belong to another call.

**What is assumed.** *On a path that works, a request is counted within `max_transit` (1
s by default), or never*: of its send, if it was acknowledged by then; of the
acknowledgement, if that was later; of the close of its connection, for what was on its
way then. What breaks it: a load balancer that acknowledges a request and delivers it to
the counter later than that; a transparent proxy on the path that keeps requests; a
child process, forked during a request, that holds its socket open: a reset of the
parent's then takes effect only as the child ends, or executes another program.

**The price.** In the long run N / (1 + round trip) calls per second are made. A
`margin` of 10 ms is added to each lease's second, because timers may fire early; it is
at least the resolution of the clock.

Three stages in a row::

    queue  ->  leases held until after the response  ->  bucket  ->  network

The *queue* is first in, first out over all event loops and threads of the process. The
*bucket* is aiolimiter's, one for each event loop, and admits one call at a time: it
spreads a burst, so that servers which count by token bucket or by calendar second
accept it too. While it spreads the burst of one loop, the calls of the next go ahead;
so k loops can send k short bursts together. Leases, not buckets, hold the ceiling. When
the server throttles a call (another program may use the account), the limit on the
leases shrinks, and grows back step by step; the throttled call keeps its place and goes
first.

**Loops and threads.** The state of a scope belongs to the process, not to a loop. A
grant to another loop is claimed by that loop itself; if it does not within 50 ms,
because it is blocked or was stopped, the grant lapses: the call keeps its place, and
its loop is passed over until it runs again. Leases keep their true times when a loop
ends and the next one begins. A forked process starts with the leases of its parent as
taken.

The promise does not cover calls that this process cannot see: those of other programs
on the account, those of a former process in its last second, and those of a parent and
a forked child beside each other. To share a ceiling among processes, use
`cams_async.redis`.
"""

from cams_async.throttle.base import Permit, Route, Throttle
from cams_async.throttle.local import LocalThrottle, shared_throttle

__all__ = ["LocalThrottle", "Permit", "Route", "Throttle", "shared_throttle"]
