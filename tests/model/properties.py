"""Properties that need a future: no lost wake-up, and nothing is left in the end."""

# pyright: reportPrivateUsage=false

import math
from typing import cast

from tests.model.parts import Call, Move, Violation
from tests.model.world import STEPS, World

PATIENCE = 120
"""Moments within which all calls are served once everything behaves."""

QUIET = 24
"""Moments after which nothing of the calls may be left: the limit grows for 10 s."""


def check_wake_up(world: World) -> None:
    """Check that no call can be granted in a world that may sleep.

    Raises:
        Violation: A call can be granted.
    """
    for lease in world.shared.core.advance(world.now):
        if cast("Call", lease).loop.state == "running":
            raise Violation("lost wake-up: a call can go, and no timer is due")


def drain(world: World) -> None:
    """Let everything behave from now on; check that all is served and nothing left.

    Raises:
        Violation: A call is not served, or something is left then.
    """
    for loop in (*world.loops, *world.shared.loops):
        loop.state = "closed" if loop.has_ended() else "running"
    _serve(world)
    if any(loop.state == "closed" for loop in world.shared.loops):
        # The first call on a new loop removes it.
        world.do(("close", 0))
        world.do(("start", 0))
        _serve(world)
    for _ in range(QUIET):
        world.do(("tick",))
        world.do(("snapshot",))
    core = world.shared.core
    if not core.is_idle(world.now) or core._leases.taken(world.now):
        raise Violation("something is left: the limiter is not idle")
    if core._granted or any(q.admission or q.tickets.length for q in core.queues):
        raise Violation("something is left in a queue")
    if core.next_look(world.now) < math.inf:
        raise Violation("something is left to look at")


def _serve(world: World) -> None:
    for _ in range(PATIENCE):
        while move := _next_move(world):
            world.do(move)
        if all(call.loop.has_ended() for call in world.calls):
            return
        world.do(("tick",))
    raise Violation(f"calls are never served: {len(world.calls)}")


def _next_move(world: World) -> Move | None:
    """Return a move that serves a call now, or None."""
    for i, loop in enumerate(world.loops):
        if loop.timer <= world.now:
            return ("look", i)
    own = {call.request for call in world.calls}
    for i, request in enumerate(world.wire):
        if request not in own:
            return ("arrive", i)
    for i, call in enumerate(world.calls):
        if not call.loop.has_ended():
            move = _step(world, i, call)
            if move is not None:
                return move
    return None


def _step(world: World, i: int, call: Call) -> Move | None:
    if call.claiming:
        return ("claim", i)
    if call.phase == "waiting":
        return ("release", i) if call.is_due(world.now) else None
    if call.phase == "sent" and call.request is not None:
        if call.request.arrived:
            return ("respond", i)
        if call.request in world.wire:
            return ("arrive", world.wire.index(call.request))
        return ("release", i) if call.is_due(world.now) else None
    return (STEPS[call.phase], i)
