"""The state of a world as bytes, to find out whether a search has been there.

Times are relative to now, and calls are named by the order of their tickets, so that
the number of states is finite. Times in the past are equal where only that matters.
`tests/test_model.py` checks that states with equal keys have equal futures.
"""

# pyright: reportPrivateUsage=false

import math
from itertools import chain
from typing import cast, get_args

from cams_async.throttle.adaptive import SHRINK_EVERY
from cams_async.throttle.leases import State
from tests.model.parts import GRID, Call, J, Loop, Phase, Request
from tests.model.world import World

PHASES: dict[str, int] = {name: i for i, name in enumerate(get_args(Phase))}
STATES: dict[str, int] = {name: i for i, name in enumerate(get_args(State))}
LOOP_STATES: dict[str, int] = {"running": 0, "stopped": 1, "left": 2, "closed": 3}
NOW = 20
"""The number of this moment; the moments up to 10 s ago have lower ones."""

LONGEST = 5.0
"""Seconds after which the lease of a request is over in any case."""

NEVER = 255
NONE = 254


def state_key(world: World) -> bytes:
    """Return the state; equal for states with the same future."""
    return _Key(world).build()


class _Key:
    def __init__(self, world: World) -> None:
        self._world = world
        self._core = world.shared.core
        self._table = self._core._leases
        self._now = world.now
        self._calls = sorted(world.calls, key=lambda call: call.ticket)
        self._names = {call: i for i, call in enumerate(self._calls)}
        own = {call.request for call in self._calls}
        self._others = [request for request in world.wire if request not in own]
        # Loops are alike: they are named by their calls, then by what they are.
        self._loops = list(dict.fromkeys(call.loop for call in self._calls))
        others = {*world.loops, *world.shared.loops}.difference(self._loops)
        self._loops += sorted(others, key=self._loop)

    def build(self) -> bytes:
        key = [len(self._calls), len(self._loops)]
        for call in self._calls:
            key += self._call(call)
        key += self._network()
        for loop in self._loops:
            key += self._loop(loop)
        key += self._leases()
        key += self._adaptive()
        return bytes(key)

    def _at(self, at: float) -> int:
        """Return a time relative to now, at most 10 s ago."""
        if at == math.inf:
            return NEVER
        return NOW + int((at - self._now) / GRID) if at > self._now - 10 else 0

    def _age(self, at: float) -> int:
        """Return a time relative to now; those of leases that are over are equal."""
        return self._at(max(at, self._now - LONGEST))

    def _due(self, at: float) -> int:
        """Return a time relative to now; those that are over are equal."""
        return self._at(max(at, self._now))

    def _call(self, call: Call) -> list[int]:
        state = call.state
        loop = call.loop
        key = [PHASES[call.phase], STATES[state], self._loops.index(loop)]
        key += [call.claiming, call.error is not None]
        if state == "waiting":
            key += [self._due(call.deadline), call.ticket in loop.tickets._returned]
        elif state in ("granted", "claimed"):
            key += [self._due(call.ends_at), self._due(call.deadline)]
            key += [call in self._table._held]
            key += [self._at(call.at) if state == "granted" else 0]
        elif state in ("sent", "completed"):
            key += self._sent(call)
        return key

    def _sent(self, call: Call) -> list[int]:
        table = self._table
        request = call.request
        assert request is not None
        part = 1 if call in table._open else 2 if call in table._unproven else 0
        key = [self._age(call.at), part, request.arrived]
        key += [call.at >= self._core._adaptive._shrunk]
        if part:
            at = request.acknowledged_at
            late = at is not None and at > call.at + J
            key += [self._due(call.ends_at), at is not None]
            key += [self._age(call.proven_at)]
            key += [self._age(at) if late and at is not None else 0]
        if not request.arrived:
            on_its_way = request in self._world.wire
            key += [self._due(request.arrives_by) if on_its_way else NEVER]
        if call.phase == "responded":
            key += [self._age(call.responded_at)]
        return key

    def _network(self) -> list[int]:
        due = sorted(
            self._due(request.arrives_by)
            for request in self._others
            if not self._is_movable(request)
        )
        arrivals = self._world.arrivals
        return [len(due), *due, len(arrivals), *map(self._at, arrivals)]

    def _loop(self, loop: Loop) -> list[int]:
        flags = LOOP_STATES[loop.state] + 4 * loop.missed + 8 * loop.lapsed
        flags += 16 * (loop in self._core.queues)
        name = self._names.get(cast("Call", loop.admission), NONE)
        key = [flags, name, len(loop.unchecked), self._due(loop.timer)]
        requests = sorted(
            (self._due(request.arrives_by), self._at(request.sent_at))
            for request in self._others
            if request.loop is loop and self._is_movable(request)
        )
        return [*key, len(requests), *chain.from_iterable(requests)]

    def _leases(self) -> list[int]:
        core = self._core
        table = self._table
        names = cast("dict[object, int]", self._names)
        key = [core.dismissing, len(core._granted)]
        key += [names[lease] for lease in core._granted]
        key += [names[lease] for lease in table._open]
        key += [len(table._returns), *sorted(map(self._due, table._returns))]
        return [*key, self._due(table._look_at), self._due(core.paused_until)]

    def _adaptive(self) -> list[int]:
        limit = self._core._adaptive
        now = self._now
        key = [*divmod(int(limit.value * 1000), 250), limit._excess]
        if limit.value < limit.ceiling or limit._excess:
            times = (limit._changed, limit._refused, limit._shrunk)
            return [*key, *map(self._at, times)]
        sent = [call.at for call in self._calls if call.state == "sent"]
        shrunk = limit._shrunk
        matters = shrunk > min(sent, default=now) or shrunk + SHRINK_EVERY > now
        return [*key, self._due(limit._changed), self._at(shrunk) if matters else 0]

    def _is_movable(self, request: Request) -> bool:
        """Whether a response on its route could still make it arrive earlier."""
        return self._world.options.blind and not request.loop.has_ended()
