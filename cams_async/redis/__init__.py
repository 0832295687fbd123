"""One QPS ceiling for many processes and machines, shared through Redis.

    async with RedisThrottle.from_url("redis://localhost") as throttle:
        async with CamsClient(throttle=throttle) as cams:
            ...

It needs the extra: `pip install 'cams_async[redis]'`.

**The argument** is that of `cams_async.throttle`, with the slots in Redis. A permit
takes one of floor(N) slots. The response proves that the server has counted the call;
its process then reports the response, and the slot returns one second, and the
`margin`, after *that report*, on the clock of Redis. The process that uses the slot
next is counted more than a second later. Each slot is granted with a lease, which ends
by itself if the process reports nothing more: the request leaves within a grace of 1 s
(or the lease is extended, or the request never leaves), reaches the server within
`max_transit` of its send or never, and a second after that the slot returns. Reports
that are late, duplicated or lost can only make a slot return later.

**State in Redis**, for each account, region and action: the slots with the time at
which each returns; the queue of waiting workers, first in, first out, one place for
each, since only the head of a process's queue requests a slot; and the limit after
throttled responses, the pause that the server requested, and the bucket that spreads
bursts, all of them shared. Four keys with one hash tag, about 100 bytes for a slot and
250 for a waiting worker. They are deleted a day after their last use. One script,
`step.lua`, makes every change.

**During an outage of Redis** nothing is sent without a slot that Redis granted. Calls
wait until their deadline, 30 s where they have none, and raise ThrottleUnavailable.
With `on_outage="local", workers=4` each worker falls back to floor(N / 4) local slots,
after a pause in which calls sent before may still be counted, and pauses again when
Redis is back. This assumes that *all workers lose Redis together*. Where only some are
cut off, their local slots are added to the ceiling that the others still use. The same
happens, for two seconds at most, when a partition ends and a worker that had nothing to
send during it is the first to reach Redis. Where this is not acceptable, keep
`on_outage="wait"`.

**Loss of the data in Redis.** The state carries the run id of the server that created
it. If it is missing, or belongs to another server, or the clock was set back, all slots
start as taken, for 3 s with `max_transit` = 1 s: calls that were sent before may take
that long. The first call on a new Redis waits as long. So the ceiling holds through a
restart, empty or not, a fail-over that loses the last writes, and a replacement. Each
process that has used Redis before detects a forward jump of the clock by its own clock,
within a round trip, and the state is reset too. Clocks of other machines do not matter.

In a planned fail-over, connections to a server that refuses writes are closed, so that
the next request reaches its successor, whose state is reset. If one of the four keys is
evicted, either the order of the queue is lost or all slots start as taken once more; no
scope hangs.

**Not covered**: two masters that serve at the same time; a clock that is set forward
just before the first request of a new process; a link that is down for seconds, since a
slot returns at send + `max_transit` + 1 s without further evidence; a process that is
suspended (by a debugger, or with its machine) for more than 1 s between the last check
and the send; and all that the local throttle does not cover.

**Cost**: two round trips to Redis per call, one to request a slot and one to report the
response, fewer where the two are combined. A worker with a long wait polls at half of
the remaining time, so that with a thousand workers each call takes about five round
trips. There is one connection per scope and process. A process gets at most one slot
per round trip to Redis.

**Supported**: Redis 6.2 and newer, or a compatible server, as a single master with or
without replicas, or one address of it behind a proxy; TLS (`rediss://`), user names and
passwords. The user needs the rights `~cams:* +evalsha +script|load +info +time +del
+pexpire +@hash +@sortedset`, and `+select` for a database other than 0. A cluster works
only where the URL leads to the node that owns the scope's keys: redirections are not
followed.
"""

from importlib.util import find_spec

if find_spec("redis") is None:
    raise ImportError(
        "cams_async.redis needs redis-py: pip install 'cams_async[redis]'", name="redis"
    )

from cams_async.redis.throttle import RedisThrottle

__all__ = ["RedisThrottle"]
