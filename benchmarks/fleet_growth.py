"""The cost of RedisThrottle's script in Redis, as workers and scopes grow.

Simulated workers make the script calls of a RedisThrottle on a clock of their own, so
that minutes pass in seconds. Redis runs the real script and counts its own time.
"""

from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import count, islice
from random import Random
from statistics import median
from typing import Any, TypeAlias

from attrs import define, field, frozen

from benchmarks.limiters import connect
from benchmarks.record import MICRO, Goal, Table, growth
from benchmarks.responses import ACTION
from cams_async import Scope
from cams_async.redis.step import SCRIPT, SECOND, News, Reply, Step, Terms, keys

CEILING = 10.0
ROUND_TRIP = (0.04, 0.24)
"""Seconds of a call, at random."""

WORKERS = (1, 10, 100, 1_000)
SCOPES = (1, 100, 10_000)
QUICK_WORKERS = (1, 10, 100)
QUICK_SCOPES = (1, 100, 1_000)

CALLS = 2.5
"""Calls of each worker, about, while script calls are counted."""

SHORTEST = 30.0
"""Seconds of the workers' clock, at least, in which script calls are counted."""

SCRIPT_CALLS = 10_000
"""Script calls that are counted over scopes."""

EPOCH = 1_000.0
"""The start of the workers' clock; 0 is not a valid time of Redis's clock."""

ROUNDS = 5
"""Rounds whose costs give a median."""

BATCH = 100
"""Script calls over scopes that are sent at once."""


@frozen(kw_only=True)
class ScriptCost:
    """The cost of script calls in Redis."""

    workers: int
    """Workers in each scope; each always has a waiting call."""

    scopes: int

    cpu: float
    """Microseconds of Redis's time for a script call, the median of rounds."""

    per_call: float | None
    """Script calls for each call; None where their order is artificial."""

    memory: float
    """Bytes of a scope's keys, names included."""


@define
class SimulatedWorker:
    """A worker that always has waiting calls."""

    name: str
    wakes_at: float = 0.0
    """The time of its next script call, unless a response comes first."""

    responses: list[tuple[float, str]] = field(factory=list[tuple[float, str]])
    """Times and names of its calls in flight."""

    def next(self) -> float:
        """Return the time of its next script call."""
        return min([self.wakes_at, *(at for at, _ in self.responses[:1])])

    def script_call(self, now: float, call: str) -> Step:
        """Report the responses by now and request a slot."""
        due = [each for each in self.responses if each[0] <= now]
        del self.responses[: len(due)]
        terms = Terms(
            worker=self.name, ceiling=CEILING, margin=0.01, max_transit=1.0, grace=1.0
        )
        news = [News("answered", name, at) for at, name in due]
        return Step(terms=terms, call=call, more=True, news=news)

    def update(self, reply: Reply, now: float, call: str, random: Random) -> None:
        """Send the call if it was granted, and sleep."""
        if reply.granted:
            insort(self.responses, (now + random.uniform(*ROUND_TRIP), call))
        self.wakes_at = now + (reply.rest or 0.0)


def scope(index: int) -> Scope:
    """Return one of many scopes."""
    account = f"LTAIaccount{index:05}"
    return Scope(account=account, region="ap-southeast-1", action=ACTION, qps=CEILING)


ScriptCall: TypeAlias = tuple[Scope, Step, float]
"""A script call in a scope, and its time."""


class ScriptRedis:
    """A Redis that runs the script and counts its own time."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._script = redis.register_script(SCRIPT)

    async def call(self, call: ScriptCall) -> Reply:
        """Run the script once."""
        return Reply.read(await self._run(call))

    async def call_all(self, calls: Iterable[ScriptCall]) -> None:
        """Run the script many times, in batches."""
        rest = iter(calls)
        while batch := list(islice(rest, BATCH)):
            pipeline = self._redis.pipeline(transaction=False)
            for each in batch:
                await self._run(each, pipeline)
            await pipeline.execute()

    async def clear(self) -> None:
        """Delete all keys."""
        await self._redis.flushall()

    async def reset_cost(self) -> None:
        """Reset the counters."""
        await self._redis.config_resetstat()

    async def cost(self) -> float:
        """Return the microseconds of a script call since the last reset."""
        stats: dict[str, Any] = await self._redis.info("commandstats")
        seen = stats["cmdstat_evalsha"]
        return float(seen["usec"] / seen["calls"])

    async def memory(self, where: Scope) -> int:
        """Return the bytes of a scope's keys."""
        sizes = [await self._redis.memory_usage(key, samples=0) for key in keys(where)]
        return sum(size or 0 for size in sizes)

    async def _run(self, call: ScriptCall, client: Any = None) -> Any:
        where, step, now = call
        arguments = [round(now * SECOND), "", *step.arguments(now)]
        return await self._script(keys=keys(where), args=arguments, client=client)


class Simulation:
    """Workers that share a ceiling, in the order of their clock."""

    def __init__(self, redis: ScriptRedis, workers: int) -> None:
        self._redis = redis
        self._random = Random(0)
        self._workers = [SimulatedWorker(f"{name:016x}") for name in range(workers)]
        self._queue = [(EPOCH, index) for index in range(workers)]
        self._names = count()
        self.script_calls = 0
        self.calls = 0

    async def run(self, until: float) -> None:
        """Make all script calls until this many seconds after the epoch."""
        queue = self._queue
        while queue[0][0] <= EPOCH + until:
            now, index = heappop(queue)
            worker, name = self._workers[index], f"{next(self._names):x}"
            call = scope(0), worker.script_call(now, name), now
            reply = await self._redis.call(call)
            worker.update(reply, now, name, self._random)
            self.script_calls += 1
            self.calls += reply.granted
            heappush(queue, (worker.next(), index))


async def over_workers(redis: ScriptRedis, workers: int) -> ScriptCost:
    """Measure workers that share one scope."""
    await redis.clear()
    simulation = Simulation(redis, workers)
    steady = max(SHORTEST, CALLS * workers / CEILING)
    await simulation.run(steady)
    simulation.script_calls = simulation.calls = 0
    costs: list[float] = []
    for number in range(ROUNDS):
        await redis.reset_cost()
        await simulation.run(steady * (1 + (number + 1) / ROUNDS))
        costs.append(await redis.cost())
    return ScriptCost(
        workers=workers,
        scopes=1,
        cpu=median(costs),
        per_call=simulation.script_calls / simulation.calls,
        memory=await redis.memory(scope(0)),
    )


async def over_scopes(redis: ScriptRedis, scopes: int) -> ScriptCost:
    """Measure one worker with a call in each scope in turn."""
    await redis.clear()
    calls = _in_turn(scopes)
    await redis.call_all(islice(calls, 2 * scopes))  # until slots are free
    costs: list[float] = []
    for _ in range(ROUNDS):
        await redis.reset_cost()
        await redis.call_all(islice(calls, SCRIPT_CALLS // ROUNDS))
        costs.append(await redis.cost())
    return ScriptCost(
        workers=1,
        scopes=scopes,
        cpu=median(costs),
        per_call=None,
        memory=await redis.memory(scope(scopes - 1)),
    )


def _in_turn(scopes: int) -> Iterator[ScriptCall]:
    workers = [SimulatedWorker(f"{index:016x}") for index in range(scopes)]
    for lap in count():
        now = EPOCH + 10.0 * lap
        for index, worker in enumerate(workers):
            worker.responses = [(now - 9.0, f"{lap - 1:x}")]
            yield scope(index), worker.script_call(now, f"{lap:x}"), now


async def measure(url: str, *, quick: bool) -> list[ScriptCost]:
    """Measure over workers, then over scopes."""
    async with connect(url) as client:
        redis = ScriptRedis(client)
        workers = QUICK_WORKERS if quick else WORKERS
        scopes = QUICK_SCOPES if quick else SCOPES
        return [
            *[await over_workers(redis, many) for many in workers],
            *[await over_scopes(redis, many) for many in scopes],
        ]


NOTES = f"""\
The time that Redis counts for the script, of which it runs one at a time. Workers are
simulated: each always has waiting calls, {CEILING:g} calls per second are allowed in a
scope, and a call takes {ROUND_TRIP[0]:g} to {ROUND_TRIP[1]:g} s.\
"""


def table(costs: Iterable[ScriptCost]) -> Table:
    """Return the table of the script's cost."""
    return Table(
        title="Script calls per second of one Redis",
        headers=(
            "waiting workers",
            "scopes",
            "us for a script call",
            "script calls",
            "script calls for a call",
            "calls",
            "KiB for a scope",
        ),
        rows=[_row(cost) for cost in costs],
        notes=NOTES,
    )


def _row(cost: ScriptCost) -> list[str]:
    rate = MICRO / cost.cpu
    return [
        f"{cost.workers:,}",
        f"{cost.scopes:,}",
        f"{cost.cpu:.0f} us",
        f"{rate:,.0f} /s",
        "-" if cost.per_call is None else f"{cost.per_call:.1f}",
        "-" if cost.per_call is None else f"{rate / cost.per_call:,.0f} /s",
        f"{cost.memory / 1024:.1f} KiB",
    ]


def goals(costs: Sequence[ScriptCost]) -> list[Goal]:
    """Return the goals for the cost of a script call."""
    unit = "us of Redis's time for a script call"
    workers = {each.workers: each.cpu for each in costs if each.per_call is not None}
    scopes = {each.scopes: each.cpu for each in costs if each.per_call is None}
    return [growth(unit, "waiting workers", workers), growth(unit, "scopes", scopes)]
