"""The queue of one scope in this process, and the task that calls Redis for it."""

import asyncio
import logging
import math
import os

from attrs import frozen

from cams_async.errors import ClientClosed, ConfigurationError, ThrottleUnavailable
from cams_async.models import Scope, Snapshot
from cams_async.redis.books import Books
from cams_async.redis.conversation import GRACE, Conversation
from cams_async.redis.permit import Grant, RedisPermit
from cams_async.redis.server import Refusal, Server, Unreachable
from cams_async.redis.share import Share
from cams_async.redis.step import Reply
from cams_async.redis.waiting import Waiting
from cams_async.throttle.local import LocalThrottle

logger: logging.Logger = logging.getLogger("cams_async")

RETRY_FIRST, RETRY_LAST = 0.05, 0.5
"""Seconds between attempts to reach Redis; each pause is twice the one before."""

FLUSH = 1.0
"""Seconds within which `aclose` must send the last events."""


@frozen(kw_only=True)
class Policy:
    """Settings shared by all scopes of a throttle. Times are in seconds."""

    max_transit: float
    margin: float
    workers: int | None = None
    """Workers that share the ceiling during an outage; None: none sends."""


class RedisLane:
    """The calls of one scope in this process, on one event loop."""

    def __init__(
        self,
        scope: Scope,
        policy: Policy,
        server: Server,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.ceiling: float = scope.qps
        self._fleet_ceiling = scope.qps
        self._action = scope.action
        self._policy = policy
        self._server = server
        self._loop = loop
        self._process = os.getpid()
        self._books = Books(
            now=self.now,
            nudge=self._nudge,
            hold=self._hold(),
            max_transit=policy.max_transit,
            grace=GRACE,
        )
        self._waiting = Waiting(self._books, scope.qps)
        self._share = self._new_share()
        self._conversation = Conversation(
            scope,
            server,
            self._books,
            margin=policy.margin,
            max_transit=policy.max_transit,
        )

        # From the last reply, in the loop's time.
        self._ask_at = -math.inf
        self._joined = False

        self._met = False
        self._away_since: float | None = None
        self._resume_at = -math.inf
        self._pause = RETRY_FIRST
        self._driver: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._warned = False
        self._abandoned = False
        self._closed = False

    def now(self) -> float:
        """Return the time of the lane's event loop."""
        return self._loop.time()

    # The life of a lane

    def over(self) -> bool:
        """Whether the loop, or its task, has ended."""
        gone = self._loop.is_closed() or self._process != os.getpid()
        return gone or self._abandoned

    def serves(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether this is the lane's loop."""
        return self._loop is loop

    def agree(self, qps: float) -> None:
        """Use the lower of two ceilings that differ, and log a warning once."""
        if qps != self.ceiling:
            self._disagree(qps)
            self._settle_on(min(qps, self.ceiling), self._fleet_ceiling)

    def _settle_on(self, own: float, fleet: float) -> None:
        before = self._lowest()
        self.ceiling, self._fleet_ceiling = own, fleet
        if self._lowest() != before:
            self._books.hold_for(self._hold())
            self._stop_sharing()
            self._share = self._new_share()

    def _lowest(self) -> float:
        return min(self.ceiling, self._fleet_ceiling)

    def _disagree(self, qps: float) -> None:
        if not self._warned:
            self._warned = True
            message = "%s: clients disagree on the ceiling, %g and %g; the lower wins"
            logger.warning(message, self._action, self.ceiling, qps)

    def idle(self) -> bool:
        """Whether forgetting this lane would lose nothing."""
        return not (self._waiting or self._driver or any(self._books.counts()))

    def snapshot(self) -> Snapshot:
        """Return the current state in this process."""
        in_flight, cooling = self._books.counts()
        if self._share is not None:
            local = self._share.snapshot()
            if local is not None:
                in_flight += local.in_flight
                cooling += local.cooling
        ceiling = self._lowest()
        return Snapshot(
            ceiling=ceiling,
            limit=min(ceiling, self._waiting.limit),
            waiting=len(self._waiting),
            in_flight=in_flight,
            cooling=cooling,
            paused_for=max(0.0, self._books.paused_until - self.now()),
        )

    async def aclose(self) -> None:
        """End every wait with ClientClosed, send the last events, disconnect."""
        self._closed = True
        if self.over():
            return  # no loop is left to wake a waiting task
        self._waiting.dismiss_all(_closed)
        self._stop_sharing()
        driver = self._driver
        if driver is not None:
            self._news.set()
            await asyncio.wait([driver], timeout=FLUSH)
            driver.cancel()
            await asyncio.wait([driver])
        await self._server.aclose()

    # The way of a turn

    def enter(self, permit: RedisPermit) -> "asyncio.Future[None]":
        """Join the line; return what to await."""
        if self._closed:
            raise _closed()
        self._waiting.join(permit)
        if len(self._waiting) == 1:
            self._ask_at = self.now()
            self._nudge()
            if self._share is not None:
                self._share.look()
        return self._loop.create_future()

    def give_up(self, permit: RedisPermit) -> None:
        """Take out a turn, and give back what it has been granted."""
        self._waiting.leave(permit)
        if permit.grant is not None:
            permit.grant.left()
            permit.grant = None
        if not self._waiting:
            self._nudge()

    def may_go(self, grant: Grant) -> bool:
        """Whether a grant may still be used."""
        now = self.now()
        return now < grant.until and now >= self._books.paused_until

    # What the share needs of the line

    def somebody(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiting)

    def paused_for(self) -> float:
        """Return the seconds until the pause ends."""
        return max(0.0, self._books.paused_until - self.now())

    def serve(self, grant: Grant) -> RedisPermit:
        """Give a grant to the first one."""
        permit = self._waiting.serve()
        permit.wake(grant)
        return permit

    # The one task that calls Redis, while there is a reason to

    def _nudge(self) -> None:
        if self._driver is None:
            if self._busy() and not (self._closed or self._abandoned):
                # Never eager, as a task factory may make it: `_driver` must be set.
                self._driver = asyncio.Task(self._drive(), loop=self._loop)
                self._driver.add_done_callback(self._ended)
        else:
            self._news.set()

    def _busy(self) -> bool:
        shares = self._share is not None and self._share.holding
        waits = self._waiting or self._joined or self._books.holding or shares
        return self._books.urgent or bool(waits and not self._closed)

    def _ended(self, driver: "asyncio.Task[None]") -> None:
        self._driver = None
        if self._share is not None:
            self._share.doubt()
        if driver.cancelled():
            # All tasks are cancelled, as by `asyncio.run` in the end: start none.
            self._abandoned = True
            message = "the task that calls Redis was cancelled"
            self._waiting.dismiss_all(lambda: ThrottleUnavailable(message))
            return
        error = driver.exception()
        if error is not None:
            logger.error("%s: calling Redis failed", self._action, exc_info=error)
            message = f"calling Redis failed ({type(error).__name__})"
            self._waiting.dismiss_all(lambda: ThrottleUnavailable(message))
        self._nudge()  # a call may have joined after its last check

    async def _drive(self) -> None:
        self._away_since, self._pause = None, RETRY_FIRST
        while self._busy():
            self._news.clear()
            asked = self.now()
            try:
                await self._step()
            except Unreachable as error:
                if self._share is not None:
                    self._share.away(asked)
                self._away(str(error))
                await self._try_later()
            except Refusal as error:
                self._refused(str(error))
                await self._try_later()
            else:
                self._back()
                await self._rest()

    async def _step(self) -> None:
        waiting = len(self._waiting) if self.now() >= self._silent_until() else 0
        said = await self._conversation.step(waiting, self.ceiling)
        self._hear(said.reply)
        if said.granted:
            if self._closed or not self._waiting:
                self._books.unused(said.call)
            else:
                self._books.grant(said.call, self._waiting.serve(), said.until)
        self._waiting.dismiss_late(all_of_them=said.reply.paused_for > 0)

    def _hear(self, reply: Reply) -> None:
        now = self.now()
        self._met = True
        self._joined = reply.rest is not None
        self._ask_at = now + (reply.rest or 0.0)
        self._waiting.hear(reply)
        self._books.pause(now + reply.paused_for)
        self._settle_on(self.ceiling, reply.ceiling)
        if reply.ceiling < self.ceiling:
            self._disagree(reply.ceiling)

    def _next(self) -> float:
        """Return when the next script call is due."""
        if self._books.urgent or (self._joined and not self._waiting):
            return self.now()
        ask_at = max(self._ask_at, self._silent_until()) if self._waiting else math.inf
        return min(ask_at, self._books.keep_at())

    def _silent_until(self) -> float:
        """Return until when no slot of Redis's may be used."""
        if self._share is not None and self._share.used:
            return math.inf  # until it has answered, and then for a while longer
        return max(self._resume_at, self._books.paused_until)

    async def _rest(self) -> None:
        while self._busy() and (until := self._next()) > self.now():
            await self._sleep(until)
            self._news.clear()

    async def _sleep(self, until: float) -> None:
        """Wait until then, or for news."""
        try:
            async with asyncio.timeout_at(until):
                await self._news.wait()
        except TimeoutError:
            pass

    # Redis is away

    def _away(self, reason: str) -> None:
        self._joined = False  # Redis drops by itself who does not come back
        if self._away_since is None:
            self._away_since = self.now()
            logger.warning("%s: Redis is away: %s", self._action, reason)
        if self._share is None or not self._share.awaited:
            self._waiting.dismiss_impatient(self._away_since, reason)

    def _refused(self, reason: str) -> None:
        self._stop_sharing()
        if self._met:
            self._away(reason)
        else:
            message = f"cannot use this Redis: {reason}"
            self._waiting.dismiss_all(lambda: ConfigurationError(message, field="url"))

    def _back(self) -> None:
        self._away_since, self._pause = None, RETRY_FIRST
        self._stop_sharing()

    def _stop_sharing(self) -> None:
        if self._share is not None:
            self._resume_at = max(self._resume_at, self.now() + self._share.close())

    async def _try_later(self) -> None:
        until = self.now() + self._pause
        self._pause = min(2 * self._pause, RETRY_LAST)
        while self.now() < until and self._busy():
            await self._sleep(until)
            self._news.clear()

    # Parts that follow from the ceiling

    def _hold(self) -> float:
        return max(1.0, 1.0 / self._lowest()) + self._policy.margin

    def _new_share(self) -> Share | None:
        part = math.floor(self._lowest() / (self._policy.workers or math.inf))
        if part < 1:
            return None
        throttle = LocalThrottle(
            max_transit=self._policy.max_transit, margin=self._policy.margin
        )
        scope = Scope(account="", region="", action=self._action, qps=part)
        quiet = GRACE + self._policy.max_transit + self._hold()
        return Share(scope, throttle, self, grace=GRACE, quiet=quiet)


def _closed() -> ClientClosed:
    return ClientClosed("the throttle was closed")
