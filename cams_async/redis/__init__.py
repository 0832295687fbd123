"""One ceiling for many processes and machines, kept in Redis.

    async with RedisThrottle.from_url("redis://localhost") as throttle:
        async with CamsClient(throttle=throttle) as cams:
            ...

It needs the extra: `pip install 'cams_async[redis]'`.

**The argument** is that of `cams_async.throttle`, with the slots in Redis. A call
needs one of floor(N) slots. The answer proves that the server has counted the call;
its process then says so, and the slot returns one second, and a pad, after *that*, on
Redis's clock. Whichever process uses it next is counted more than a second later. A
slot is granted with a lease, in case its process says no more: the request leaves
within a grace of 1 s (or asks for more time, or never leaves), reaches the server
within J of that or never, and a second after that the slot returns. What is told late,
twice or not at all can only make a slot return later.

**What Redis holds** for each account, region and action: the slots with the time at
which each returns; the workers that wait, first come, first served, one place for each,
since only the head of a process's line asks; the limit after refusals, the pause that
the server has asked for, and the bucket that spreads bursts, which all share. Four keys
with one hash tag, about 100 bytes for a slot and 250 for a worker that waits; they are
deleted a day after their last use. All of it changes in one script, `step.lua`.

**When Redis is away** nothing is sent that it has not granted. Calls wait until their
deadline, 30 s where they have none, and fail with ThrottleUnavailable. With
`on_outage="local", workers=4` each worker goes on with floor(N / 4) slots of its own,
after sending nothing for as long as calls of before may be counted; likewise when Redis
is back. This assumes that Redis is away *for all workers alike*. Where only some are
cut off, their shares come on top of the ceiling that the others go on using; so they
do, for two seconds at most, where a worker that had nothing to send in the meantime
asks first when a partition ends. Whoever minds that leaves `on_outage` as it is.

**A Redis that forgets.** The books carry the run id of the server that they were made
on. Where they are missing, are another server's, or its clock was set back, all slots
start as taken, for 3 s with J = 1 s: that is how long calls of before may take.
The first call on a new Redis waits as long. So the ceiling holds through a restart,
empty or not, a fail-over that loses the last writes, and a replacement. A clock that is
set forward is told by each process that has asked before, from its own clock, within a
round trip; the books are begun anew, too. Clocks of other machines do not matter.

In a planned fail-over, the connections to a server that refuses writes are closed, so
that the next request reaches its successor, with books that are begun anew. Where one
of the four keys is evicted, either the order of the line is lost, or all slots start as
taken once more; no scope hangs.

**Outside the promise**: two masters that serve at the same time; a clock that is set
forward just before a new process asks for the first time; a process that is frozen (by
a debugger, or with its machine) for more than 1 s between the last check and the send;
and what the local throttle does not know either.

**What it costs**: two round trips per call, one to ask and one to tell, fewer where
they meet; before a long wait a worker asks again at half of it each time, so that a
thousand workers ask about five times for each call. One connection per scope and
process. A process gets one slot per round trip to Redis at most.

Supported: Redis 6.2 and newer, or what behaves like it, as a single master with or
without replicas, or one address of it behind a proxy; TLS (`rediss://`), user names and
passwords. The user needs the rights `~cams:* +evalsha +script|load +info +time +del
+pexpire +@hash +@sortedset`, and `+select` for a database other than 0. A cluster only
where the URL leads to the node that owns the scope's keys: redirections are not
followed.
"""

from importlib.util import find_spec

if find_spec("redis") is None:
    raise ImportError(
        "cams_async.redis needs redis-py: pip install 'cams_async[redis]'", name="redis"
    )

from cams_async.redis.throttle import RedisThrottle

__all__ = ["RedisThrottle"]
