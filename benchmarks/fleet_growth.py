"""What one Redis bears: the script's own cost, as workers and scopes grow.

Scripted workers take every step that a RedisThrottle takes, on a clock of their own, so
that minutes pass in seconds; Redis runs the real script and counts its own time.
"""

from bisect import insort
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from itertools import count, islice
from random import Random
from statistics import median
from typing import Any, TypeAlias

from attrs import define, field, frozen

from benchmarks.fleet_alternatives import connect
from benchmarks.record import Growth, Table
from cams_async import Scope
from cams_async.redis.step import SCRIPT, SECOND, News, Reply, Step, Terms, keys

CEILING = 10.0
ROUND_TRIP = (0.04, 0.24)
"""Seconds that a call is on its way, at random."""

GRACE = LATE = 1.0
MARGIN = 0.01

WORKERS = (1, 10, 100, 1_000)
SCOPES = (1, 100, 10_000)
QUICK_WORKERS = (1, 10, 100)
QUICK_SCOPES = (1, 100, 1_000)

LAPS = 2.5
"""How often each worker has a turn, about, while steps are counted."""

LEAST = 30.0
"""Seconds of the workers' clock, at least, in which steps are counted."""

STEPS = 10_000
"""How many are counted over scopes."""

EPOCH = 1_000.0
"""Where the workers' clock begins, as no moment of Redis's clock is 0."""

STRETCHES = 5
"""How often the cost of steps is taken, for the median: a machine is never quiet."""

BATCH = 100
"""Steps over scopes that are sent at once."""


@frozen(kw_only=True)
class Cost:
    """What steps cost a Redis."""

    workers: int
    """In a scope; each always has a call that waits."""

    scopes: int

    step: float
    """Microseconds of Redis's time for a step, the median of some stretches."""

    asked: float | None
    """Steps for a call; None where they were not as they come."""

    memory: float
    """Bytes of a scope's keys, names included."""


@define
class Worker:
    """A worker that always has calls, scripted."""

    name: str
    terms: Terms = field(init=False)
    asks_at: float = 0.0
    """When it looks in again, unless something happens before."""

    answers: list[tuple[float, str]] = field(factory=list[tuple[float, str]])
    """Of its calls on their way, when and of which."""

    def __attrs_post_init__(self) -> None:
        self.terms = Terms(
            worker=self.name,
            ceiling=CEILING,
            margin=MARGIN,
            max_transit=LATE,
            grace=GRACE,
        )

    def next(self) -> float:
        """Return when it takes its next step."""
        return min([self.asks_at, *(at for at, _ in self.answers[:1])])

    def step(self, now: float, call: str) -> Step:
        """Tell of the answers by now and ask for a slot."""
        told = [each for each in self.answers if each[0] <= now]
        del self.answers[: len(told)]
        news = [News("answered", answered, at) for at, answered in told]
        return Step(terms=self.terms, call=call, more=True, news=news)

    def hear(self, reply: Reply, now: float, call: str, random: Random) -> None:
        """Send the call if it was granted, and rest."""
        if reply.granted:
            insort(self.answers, (now + random.uniform(*ROUND_TRIP), call))
        self.asks_at = now + (reply.rest or 0.0)


def scope(place: int) -> Scope:
    """Return one of many scopes."""
    return Scope(
        account=f"LTAIaccount{place:05}",
        region="ap-southeast-1",
        action="GetPhoneNumberVerificationStatus",
        qps=CEILING,
    )


Asked: TypeAlias = tuple[Scope, Step, float]
"""A step in a scope, and its moment."""


class Books:
    """A Redis, and the time that it says it has spent on steps."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._script = redis.register_script(SCRIPT)

    async def take(self, asked: Asked) -> Reply:
        """Take a step."""
        return Reply.read(await self._run(asked))

    async def take_all(self, steps: Iterable[Asked]) -> None:
        """Take many steps, sent by the batch."""
        rest = iter(steps)
        while batch := list(islice(rest, BATCH)):
            pipeline = self._redis.pipeline(transaction=False)
            for each in batch:
                await self._run(each, pipeline)
            await pipeline.execute()

    async def clear(self) -> None:
        """Forget everything."""
        await self._redis.flushall()

    async def forget_costs(self) -> None:
        """Count anew."""
        await self._redis.config_resetstat()

    async def cost(self) -> float:
        """Return the microseconds of a step, since they were counted anew."""
        found: dict[str, Any] = await self._redis.info("commandstats")
        seen = found["cmdstat_evalsha"]
        return float(seen["usec"] / seen["calls"])

    async def memory(self, where: Scope) -> int:
        """Return the bytes of a scope."""
        sizes = [await self._redis.memory_usage(key, samples=0) for key in keys(where)]
        return sum(size or 0 for size in sizes)

    async def _run(self, asked: Asked, client: Any = None) -> Any:
        where, step, now = asked
        arguments = [round(now * SECOND), "", *step.arguments(now)]
        return await self._script(keys=keys(where), args=arguments, client=client)


class Crowd:
    """Workers that share a ceiling, in the order of their clock."""

    def __init__(self, books: Books, many: int) -> None:
        self._books = books
        self._random = Random(0)
        self._workers = [Worker(f"{name:016x}") for name in range(many)]
        self._queue = [(EPOCH, place) for place in range(many)]
        self._names = count()
        self.steps = 0
        self.calls = 0

    async def run(self, seconds: float) -> None:
        """Take all steps up to so many seconds since the clock began."""
        queue = self._queue
        while queue[0][0] <= EPOCH + seconds:
            now, place = heappop(queue)
            worker, call = self._workers[place], f"{next(self._names):x}"
            reply = await self._books.take((scope(0), worker.step(now, call), now))
            worker.hear(reply, now, call, self._random)
            self.steps += 1
            self.calls += reply.granted
            heappush(queue, (worker.next(), place))


async def over_workers(books: Books, many: int) -> Cost:
    """Let so many workers share a ceiling."""
    await books.clear()
    crowd = Crowd(books, many)
    settled = max(LEAST, LAPS * many / CEILING)
    await crowd.run(settled)
    crowd.steps = crowd.calls = 0
    stretches: list[float] = []
    for stretch in range(STRETCHES):
        await books.forget_costs()
        await crowd.run(settled * (1 + (stretch + 1) / STRETCHES))
        stretches.append(await books.cost())
    return Cost(
        workers=many,
        scopes=1,
        step=median(stretches),
        asked=crowd.steps / crowd.calls,
        memory=await books.memory(scope(0)),
    )


async def over_scopes(books: Books, many: int) -> Cost:
    """Let one worker have a call in each of so many scopes, again and again."""
    await books.clear()
    steps = _laps(many)
    await books.take_all(islice(steps, 2 * many))  # the books are open, slots are free
    stretches: list[float] = []
    for _ in range(STRETCHES):
        await books.forget_costs()
        await books.take_all(islice(steps, STEPS // STRETCHES))
        stretches.append(await books.cost())
    return Cost(
        workers=1,
        scopes=many,
        step=median(stretches),
        asked=None,
        memory=await books.memory(scope(many - 1)),
    )


def _laps(many: int) -> Iterator[Asked]:
    workers = [Worker(f"{place:016x}") for place in range(many)]
    for lap in count():
        now = EPOCH + 10.0 * lap
        for place, worker in enumerate(workers):
            worker.answers = [(now - 9.0, f"{lap - 1:x}")]
            yield scope(place), worker.step(now, f"{lap:x}"), now


async def measure(url: str, *, quick: bool) -> list[Cost]:
    """Measure over workers, then over scopes."""
    async with connect(url) as redis:
        books = Books(redis)
        workers = QUICK_WORKERS if quick else WORKERS
        scopes = QUICK_SCOPES if quick else SCOPES
        return [
            *[await over_workers(books, many) for many in workers],
            *[await over_scopes(books, many) for many in scopes],
        ]


NOTES = f"""\
The time that Redis itself counts for the script, of which it runs one at a time.
Workers are scripted: each always has calls that wait, {CEILING:g} calls per second are
allowed in a scope, and a call takes {ROUND_TRIP[0]:g} to {ROUND_TRIP[1]:g} s.\
"""


def tables(costs: Iterable[Cost]) -> list[Table]:
    """Lay out what a Redis bears."""
    return [
        Table(
            title="Steps per second of one Redis",
            headers=(
                "waiting workers",
                "scopes",
                "us for a step",
                "steps",
                "steps for a call",
                "calls",
                "KiB for a scope",
            ),
            rows=[_row(cost) for cost in costs],
            notes=NOTES.splitlines(),
        )
    ]


def _row(cost: Cost) -> list[str]:
    steps = 1e6 / cost.step
    return [
        f"{cost.workers:,}",
        f"{cost.scopes:,}",
        f"{cost.step:.0f} us",
        f"{steps:,.0f} /s",
        "-" if cost.asked is None else f"{cost.asked:.1f}",
        "-" if cost.asked is None else f"{steps / cost.asked:,.0f} /s",
        f"{cost.memory / 1024:.1f} KiB",
    ]


def growth(costs: Iterable[Cost]) -> list[Growth]:
    """Tell how a step's cost grows."""
    costs = list(costs)
    unit = "us of Redis's time"
    over_workers = {cost.workers: cost.step for cost in costs if cost.asked is not None}
    over_scopes = {cost.scopes: cost.step for cost in costs if cost.asked is None}
    return [
        Growth(what="a step", against="waiting workers", unit=unit, costs=over_workers),
        Growth(what="a step", against="scopes", unit=unit, costs=over_scopes),
    ]
