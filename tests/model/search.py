"""Breadth-first search through all states of a world, and replay of schedules."""

import time
from collections import deque
from collections.abc import Iterable
from random import Random

from attrs import define, fields

from tests.model.copying import copy_world
from tests.model.key import state_key
from tests.model.parts import Move, Options, Violation, coarse_times
from tests.model.properties import check_wake_up, drain
from tests.model.world import World


@define(kw_only=True)
class Result:
    """What a search has found."""

    states: int
    edges: int
    drained: int
    depth: int
    exhausted: bool = False
    """Whether there are no other states."""

    seconds: float = 0.0
    """Of processor time."""

    violation: str | None = None
    schedule: tuple[Move, ...] = ()
    """The moves that lead to the violation."""

    def __str__(self) -> str:
        space = "all" if self.exhausted else "the first"
        rate = self.states / max(self.seconds, 1e-3)
        return (
            f"{space} {self.states:,} states, {self.edges:,} moves, "
            f"depth {self.depth}, drained from {self.drained:,}, "
            f"{self.violation or 'no violation'}; "
            f"{self.seconds:.1f} s, {rate:,.0f} states/s"
        )


def search(
    options: Options, *, most: int | None = None, drain_every: int = 10
) -> Result:
    """Visit all states breadth first, until a property does not hold.

    Args:
        options: The size and the moves of the world.
        most: The number of states after which to stop.
        drain_every: From each how manyth state everything behaves once.
    """
    with coarse_times():
        return _Search(options, drain_every).run(most)


class _Search:
    def __init__(self, options: Options, drain_every: int) -> None:
        self._drain_every = drain_every
        first = World(options)
        self._seen = {state_key(first)}
        # By state: the state before, the move from there, and the number of moves.
        self._from: list[tuple[int, Move, int]] = [(0, ("begin",), 0)]
        self._queue = deque([(0, first)])
        self._edges = self._drained = 0
        self._began = time.process_time()

    def run(self, most: int | None) -> Result:
        queue = self._queue
        while queue and (most is None or len(self._seen) < most):
            state, before = queue.popleft()
            for move in before.moves():
                world = copy_world(before)
                self._edges += 1
                try:
                    world.do(move)
                    self._visit(world, state, move)
                except Violation as violation:
                    return self._result(str(violation), (*self._path(state), move))
        return self._result(None, ())

    def _visit(self, world: World, before: int, move: Move) -> None:
        key = state_key(world)
        if key in self._seen:
            return
        self._seen.add(key)
        state = len(self._from)
        self._from.append((before, move, self._from[before][2] + 1))
        self._queue.append((state, world))
        if state % self._drain_every == 0:
            self._drained += 1
            drain(copy_world(world))
        if world.may_sleep():
            check_wake_up(copy_world(world))

    def _path(self, state: int) -> list[Move]:
        path: list[Move] = []
        while state:
            state, move, _ = self._from[state]
            path.append(move)
        return path[::-1]

    def _result(self, violation: str | None, schedule: tuple[Move, ...]) -> Result:
        return Result(
            states=len(self._seen),
            edges=self._edges,
            drained=self._drained,
            depth=max(depth for _, _, depth in self._from),
            exhausted=not self._queue,
            seconds=time.process_time() - self._began,
            violation=violation,
            schedule=schedule,
        )


WEIGHTS: dict[str, float] = {
    "tick": 4.0,
    "run": 2.0,
    "release": 0.5,
    "snapshot": 0.5,
    "stop": 0.3,
    "close": 0.2,
    "fork": 0.1,
}
"""How often a walk makes a move, relative to the moves that are not listed."""


def walk(options: Options, seeds: Iterable[int], *, length: int = 100) -> Result:
    """Make random moves, deeper than a search can go, until a property does not hold.

    Args:
        options: The size and the moves of the world.
        seeds: One for each walk.
        length: The number of moves of each walk; then everything behaves.
    """
    began = time.process_time()
    result = Result(states=0, edges=0, drained=0, depth=length)
    schedule: list[Move] = []
    with coarse_times():
        for seed in seeds:
            schedule = []
            try:
                _walk(World(options), Random(seed), length, schedule)
            except Violation as violation:
                result.violation = str(violation)
                result.schedule = tuple(schedule)
            result.states += len(schedule)
            result.edges += len(schedule)
            result.drained += 1
            if result.violation is not None:
                break
    result.seconds = time.process_time() - began
    return result


def _walk(world: World, random: Random, length: int, schedule: list[Move]) -> None:
    for _ in range(length):
        moves = world.moves()
        weights = [WEIGHTS.get(name, 1.0) for name, *_ in moves]
        (move,) = random.choices(moves, weights)
        schedule.append(move)
        world.do(move)
        if world.may_sleep():
            check_wake_up(copy_world(world))
    drain(world)


def replay(options: Options, schedule: Iterable[Move]) -> World:
    """Make the moves of a schedule; then let everything behave.

    Raises:
        Violation: A property does not hold.
        ValueError: A move is impossible.
    """
    with coarse_times():
        world = World(options)
        for move in schedule:
            if move not in world.moves():
                raise ValueError(f"impossible: {move}; possible: {world.moves()}")
            world.do(move)
        if world.may_sleep():
            check_wake_up(copy_world(world))
        drain(world)
        return world


def as_code(options: Options, schedule: Iterable[Move]) -> str:
    """Return a schedule as Python code, to be pasted into a test."""
    given = [
        f"{each.name}={getattr(options, each.name)!r}"
        for each in fields(Options)
        if getattr(options, each.name) != each.default
    ]
    moves = "".join(f"        {move},\n" for move in schedule)
    return f"replay(\n    Options({', '.join(given)}),\n    [\n{moves}    ],\n)"
