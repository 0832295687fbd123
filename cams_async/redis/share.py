"""A worker's own part of the ceiling, which it goes on with while Redis is away."""

import asyncio
import math
from collections.abc import Callable
from typing import Protocol

from cams_async.config import LARGEST
from cams_async.models import Scope, Snapshot
from cams_async.redis.permit import Grant, RedisPermit
from cams_async.throttle.leases import AcknowledgedAt
from cams_async.throttle.local import LocalPermit, LocalThrottle

NOTICE = 2.0
"""Seconds within which every worker that waits notices that Redis is back: the pause
between two attempts, and all that one of them may take."""


class Waiting(Protocol):
    """The line that a share serves."""

    def now(self) -> float:
        """Return the time of the event loop."""
        ...

    def somebody(self) -> bool:
        """Whether anybody waits."""
        ...

    def paused_for(self) -> float:
        """Return the seconds until the pause ends."""
        ...

    def serve(self, grant: Grant) -> RedisPermit:
        """Give a grant to the first one."""
        ...


class Share:
    """Serves a line by local slots, while Redis is away.

    Around each change nothing is sent for so long that no call of before can be
    counted in the same second as one of after.

    Args:
        scope: The scope, with this worker's part of the ceiling.
        throttle: The local slots.
        waiting: The line to serve.
        grace: Seconds within which a call that has its turn may still leave.
        quiet: Seconds after which whatever was granted before is counted.
    """

    def __init__(
        self,
        scope: Scope,
        throttle: LocalThrottle,
        waiting: Waiting,
        *,
        grace: float,
        quiet: float,
    ) -> None:
        self._scope = scope
        self._throttle = throttle
        self._waiting = waiting
        self._grace = grace
        self._quiet = quiet
        self._opens_at = math.inf
        self._usable_until = -math.inf
        self.used: bool = False
        """Whether anything was sent on it since Redis last answered."""

        self._clerk: asyncio.Task[None] | None = None
        self._unsent: dict[SharedGrant, RedisPermit] = {}

    @property
    def awaited(self) -> bool:
        """Whether the line is, or will be, served by the share."""
        return self._opens_at < math.inf

    @property
    def holding(self) -> bool:
        """Whether a call that has a slot of the share has not left yet."""
        return self.used and bool(self._unsent)

    def away(self, asked: float) -> None:
        """Note that a request sent to Redis at this time got no answer."""
        now = self._waiting.now()
        if not self.awaited:
            self._opens_at = now + self._quiet
        elif now >= self._opens_at:
            self.used = True
            self._usable_until = asked + NOTICE + self._grace
            for permit in self._unsent.values():
                permit.extend(self._usable_until)
            self.look()

    def look(self) -> None:
        """Grant permits to waiting calls, where that is allowed now."""
        if self.used and self.awaited and self._clerk is None:
            self._clerk = asyncio.get_running_loop().create_task(self._serve())
            self._clerk.add_done_callback(self._ended)

    def close(self) -> float:
        """Grant no more permits; return the seconds for which to send nothing."""
        self.doubt()
        until = self._waiting.now() + self._grace
        for grant, permit in self._unsent.items():
            permit.extend(min(grant.until, until))
        used, self.used = self.used, False
        return NOTICE + self._quiet if used else 0.0

    def doubt(self) -> None:
        """Suspend the fallback: Redis may have recovered unnoticed."""
        self._opens_at = math.inf
        if self._clerk is not None:
            self._clerk.cancel()

    def snapshot(self) -> Snapshot | None:
        """Return the state of the local slots, once there are any."""
        return self._throttle.snapshot().get(self._scope)

    async def _serve(self) -> None:
        while self._waiting.somebody():
            await asyncio.sleep(self._waiting.paused_for())
            # A call leaves it in the end: its own time-out may be longer than any here.
            permit = self._throttle.acquire(self._scope, timeout=LARGEST)
            await permit.__aenter__()
            if self._waiting.somebody():
                until = self._usable_until
                grant = SharedGrant(permit, self._settle, until)
                self._unsent[grant] = self._waiting.serve(grant)
            else:
                permit.release()

    def _settle(self, grant: "SharedGrant") -> None:
        self._unsent.pop(grant, None)

    def _ended(self, _: object) -> None:
        self._clerk = None
        if self._waiting.somebody():
            self.look()  # who came after its last look


class SharedGrant:
    """A local slot, in the hands of one call."""

    __slots__ = ("_permit", "_settle", "until")

    def __init__(
        self,
        permit: LocalPermit,
        settle: Callable[["SharedGrant"], None],
        until: float,
    ) -> None:
        # While this process was frozen, Redis may have come back.
        self.until: float = until
        self._permit = permit
        self._settle = settle

    def sent(self, acknowledged_at: AcknowledgedAt | None) -> None:
        """The request leaves now."""
        self._permit.sent(acknowledged_at)
        self._settle(self)

    def completed(self) -> None:
        """The answer is here."""
        self._permit.completed()

    def refused(self, retry_after: float | None) -> None:
        """The answer was a refusal."""
        self._permit.throttled(retry_after, counted=False)

    def left(self) -> None:
        """The turn has ended."""
        self._permit.release()
        self._settle(self)
