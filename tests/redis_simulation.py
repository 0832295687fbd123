"""The simulation of the throttle, with a fleet of processes and a real Redis.

All runs on simulated time: the script in Redis is given the time and the server's run
id. Between each process and Redis is a network that delays, loses and holds up.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any

import redis
from attrs import evolve, field, frozen

from cams_async.redis.lane import Policy
from cams_async.redis.server import Unreachable
from cams_async.redis.step import SCRIPT, SECOND
from cams_async.redis.throttle import RedisThrottle
from tests.clock import Clock
from tests.simulation import Result, Schedule, draw, faults, overshoot
from tests.simulation.world import World

TIMEOUT = 0.5

PARTS = ("slots", "line", "due", "state")
"""The last parts of a scope's keys."""


@frozen(kw_only=True)
class FaultInjector:
    """The faults between the processes and Redis."""

    latency: float = 0.0005
    """Seconds that a message takes each way, at most."""

    lost: float = 0.0
    """The share of messages that are lost, or whose reply is."""

    late: float = 0.0
    """The share of messages that arrive after their sender gave up."""

    restarts: tuple[float, ...] = ()
    """Times of restarts of Redis, which empty it."""

    outages: tuple[tuple[float, float], ...] = ()
    """From when to when it cannot be reached."""

    deaths: tuple[tuple[int, float], ...] = ()
    """Which process is cut off for good, and when."""

    evictions: tuple[tuple[float, int], ...] = ()
    """Times at which a key of each scope is evicted, and which of the four."""

    offset: float = 1e9
    """Redis's clock at the start."""

    jumps: tuple[tuple[float, float], ...] = ()
    """Times at which its clock is set forward, and by how much."""


@frozen(kw_only=True)
class Fleet:
    """A schedule for several processes, and what goes wrong with their Redis."""

    schedule: Schedule
    faults: FaultInjector = field(factory=FaultInjector)
    policy: Policy = field(factory=lambda: Policy(max_transit=1.0, margin=0.01))
    script: str = SCRIPT


class SimulatedRedis:
    """The state that all processes of a run share."""

    def __init__(self, fleet: Fleet, client: "redis.Redis", clock: Clock) -> None:
        self.fleet = fleet
        self.clock = clock
        self.random = Random(fleet.schedule.name)
        self.steps = 0
        self._script = client.register_script(fleet.script)
        self._client = client
        self._start = clock.now
        self._keys: set[str] = set()
        self._run = 0
        self._evicted = 0

    def now(self) -> float:
        """Return the seconds since the start."""
        return self.clock.now - self._start

    def reachable(self, process: int) -> bool:
        """Whether messages of this process get through."""
        now, faults = self.now(), self.fleet.faults
        return not (
            any(start <= now < end for start, end in faults.outages)
            or any(process == dead and now >= at for dead, at in faults.deaths)
        )

    def step(self, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Run the script."""
        self._keys.update(keys)
        run = sum(at <= self.now() for at in self.fleet.faults.restarts)
        if run != self._run:
            self._run = run
            self.forget()
        for at, key in self.fleet.faults.evictions[self._evicted :]:
            if at <= self.now():
                self._evicted += 1
                self._client.delete(
                    *(each for each in self._keys if PARTS[key] in each)
                )
        self.steps += 1
        jumped = sum(by for at, by in self.fleet.faults.jumps if at <= self.now())
        now = int((self.fleet.faults.offset + self.now() + jumped) * SECOND)
        info = f"redis_version:7.0.15\r\nrun_id:run{run}\r\n"
        return self._script(keys=list(keys), args=[now, info, *arguments])

    def forget(self) -> None:
        """Delete all that the run has stored."""
        if self._keys:
            self._client.delete(*self._keys)


class SimulatedServer:
    """The way of one process to it; stands in for `RedisServer`."""

    def __init__(self, shared: SimulatedRedis, process: int) -> None:
        self._redis = shared
        self._process = process

    async def run(self, keys: Sequence[str], arguments: Sequence[Any]) -> Sequence[Any]:
        """Run one step, if the network lets it."""
        random, faults = self._redis.random, self._redis.fleet.faults
        fate = random.random()
        loop = asyncio.get_running_loop()
        began = loop.time()
        step = partial(self._redis.step, list(keys), list(arguments))
        await asyncio.sleep(random.uniform(0, faults.latency))
        if not self._redis.reachable(self._process) or fate < faults.lost / 2:
            await asyncio.sleep(began + TIMEOUT - loop.time())
            raise Unreachable("lost")
        if fate > 1 - faults.late:
            loop.call_later(random.uniform(TIMEOUT, 3), step)
            await asyncio.sleep(began + TIMEOUT - loop.time())
            raise Unreachable("late")
        response: Sequence[Any] = await asyncio.to_thread(step)
        if fate < faults.lost:
            await asyncio.sleep(began + TIMEOUT - loop.time())
            raise Unreachable("answer lost")
        await asyncio.sleep(random.uniform(0, faults.latency))
        return response

    async def aclose(self) -> None:
        """Do nothing."""


class FleetWorld(World):
    """A run in which all processes share a ceiling."""

    async def _left_over(self) -> list[str]:
        await asyncio.sleep(10)  # events for Redis have been sent, or are void
        return await super()._left_over()


def run_fleet(fleet: Fleet, client: "redis.Redis") -> tuple[Result, int]:
    """Let it happen; return what the servers saw, and the number of steps."""
    clock = Clock()
    shared = SimulatedRedis(fleet, client, clock)
    made = iter(range(1000))

    def make() -> RedisThrottle:
        process = next(made)
        return RedisThrottle(lambda: SimulatedServer(shared, process), fleet.policy)

    try:
        result = clock.run(FleetWorld(fleet.schedule, make, clock).run())
    finally:
        shared.forget()
    return result, shared.steps


def one_ceiling(result: Result) -> Result:
    """Return the result as if one process had made all calls."""
    calls = tuple(evolve(call, process=0) for call in result.schedule.calls)
    return evolve(result, schedule=evolve(result.schedule, calls=calls))


def fleet_overshoot(result: Result) -> list[str]:
    """Return where the fleet exceeded its ceiling."""
    return overshoot(one_ceiling(result))


def fleet_faults(result: Result, *, hasty: bool = True) -> list[str]:
    """Return all that is wrong with a run."""
    judged = one_ceiling(result)
    return faults(judged if hasty else evolve(judged, hasty=()))


def draw_fleet(seed: int, **changes: Any) -> Fleet:
    """Return the fleet of this number."""
    random = Random(f"fleet {seed}")
    schedule = draw(seed)
    processes = random.choice([1, 2, 3, 4, 6])
    calls = tuple(
        evolve(call, process=random.randrange(processes)) for call in schedule.calls
    )
    duration = 5 + 1.5 * len(calls) / schedule.ceiling
    moment: Callable[[], float] = partial(random.uniform, 0.0, duration)
    bad = random.choice([0.0, 0.0, 0.02, 0.2])
    outage = moment()
    faults = FaultInjector(
        latency=random.choice([0.0, 0.001, 0.02, 0.2]),
        lost=bad,
        late=random.choice([0.0, bad]),
        restarts=tuple(moment() for _ in range(random.choice([0, 0, 1, 2]))),
        outages=((outage, outage + random.choice([0.3, 2.0, 10.0])),)
        if random.random() < 0.3
        else (),
        deaths=((random.randrange(processes), moment()),)
        if random.random() < 0.3
        else (),
        offset=random.choice([1e9, 1.7e9]),
        evictions=((moment(), random.randrange(len(PARTS))),)
        if random.random() < 0.2
        else (),
    )
    return Fleet(schedule=evolve(schedule, calls=calls), faults=faults, **changes)
