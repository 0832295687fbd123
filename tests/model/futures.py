"""Comparison of states that the search takes for one: their futures must be equal."""

import pickle
from collections import defaultdict, deque
from collections.abc import Callable
from typing import TypeVar

from tests.model.copying import copy_world
from tests.model.key import state_key
from tests.model.parts import Move, Options, Violation, coarse_times
from tests.model.world import World

T = TypeVar("T")


def compare_futures(options: Options, *, most: int, every: int) -> int:
    """Compare states that a search takes for one: what each move leads to.

    Args:
        options: The size and the moves of the world.
        most: The number of states after which to stop.
        every: Compare each so manyth pair.

    Returns:
        The number of compared pairs.

    Raises:
        Violation: Two states with equal keys, or a state and its copies, have
            different futures.
    """
    with coarse_times():
        return _compare(options, most, every)


def _compare(options: Options, most: int, every: int) -> int:
    first = World(options)
    pickled = pickle.dumps(first, -1)
    seen: dict[bytes, bytes] = {state_key(first): pickled}
    queue = deque([pickled])
    pairs = compared = 0
    while queue and len(seen) < most:
        before = queue.popleft()
        for move in _load(before).moves():
            world = _load(before)
            world.do(move)
            key = state_key(world)
            pickled = pickle.dumps(world, -1)
            if key not in seen:
                seen[key] = pickled
                queue.append(pickled)
                continue
            pairs += 1
            if pairs % every == 0:
                compared += 1
                future = _future(pickled, _load)
                _check_equal(_future(seen[key], _load), future)
                _check_equal(_future(world, copy_world), future)
                if state_key(world) != key:
                    raise Violation("moves of copies change the original")
    return compared


def _check_equal(one: dict[str, set[bytes]], other: dict[str, set[bytes]]) -> None:
    for name in one.keys() | other.keys():
        if one[name] != other[name]:
            raise Violation(f"equal states, different futures of {name!r}")


def _future(state: T, copied: Callable[[T], World]) -> dict[str, set[bytes]]:
    """Return the keys that moves lead to, by the name of the move."""
    future: dict[str, set[bytes]] = defaultdict(set)
    for move in copied(state).moves():
        future[move[0]].add(_after(copied(state), move))
    return future


def _after(world: World, move: Move) -> bytes:
    try:
        world.do(move)
    except Violation as violation:
        return str(violation).encode()
    return state_key(world)


def _load(pickled: bytes) -> World:
    world: World = pickle.loads(pickled)  # noqa: S301 - our own
    return world
