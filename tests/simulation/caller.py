"""A call of the simulated program, and the permits that it uses."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import define, field

from cams_async.errors import DeadlineExceeded, ThrottleUnavailable
from cams_async.models import Scope
from cams_async.throttle import Permit, Route, Throttle
from tests.simulation.judge import Order, Outcome
from tests.simulation.schedule import Call, Moment
from tests.simulation.watched import Watched

if TYPE_CHECKING:
    from tests.simulation.world import World


@define
class Queue:
    """One account's calls in one process, as they can be seen from outside."""

    throttle: Throttle
    order: Order = field(factory=Order)
    hasty: list[str] = field(factory=list[str])
    paused_until: float = 0.0

    def granted(self, number: int, now: float) -> None:
        """Note that a call has got its permit."""
        self.order.granted(number)
        if now < self.paused_until:
            self.hasty.append(f"call {number} got its turn during a pause")


class Caller:
    """One call: it waits, sends, and comes back with its ticket when refused."""

    def __init__(
        self, call: Call, number: int, queue: Queue, route: Route, world: "World"
    ) -> None:
        self.call = call
        self.outcome: Outcome = "never ended"
        self.neighbour: Caller | None = None
        self._number = number
        self._queue = queue
        self._route = route
        self._world = world
        self._task: asyncio.Task[None] | None = None
        self._alarms: list[asyncio.TimerHandle] = []

    def begin(self, ended: Callable[[object], None]) -> None:
        """Start calling."""
        self._task = asyncio.create_task(self._run(), name=f"call {self._number}")
        self._task.add_done_callback(self._ended)
        self._task.add_done_callback(ended)

    def cancel(self) -> None:
        """Give up, whatever it is doing."""
        if self._task is not None and not self._task.done():
            self._queue.order.gone(self._number)
            self._task.cancel()

    async def _run(self) -> None:
        try:
            self.outcome = await self._call()
        finally:
            self._queue.order.gone(self._number)
            for alarm in self._alarms:
                alarm.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self.outcome = "cancelled"
        elif (error := task.exception()) is not None:
            self.outcome = "crashed"
            self._world.crashes.append(f"call {self._number} crashed: {error!r}")

    async def _call(self) -> Outcome:
        deadline = None
        if self.call.deadline is not None:
            deadline = self._world.loop.time() + self.call.deadline
        try:
            async with asyncio.timeout_at(deadline):
                self._cancel_if("asked")
                await self._until_admitted(deadline)
        except DeadlineExceeded:
            return "denied"
        except TimeoutError:
            return "expired"
        except (ConnectionError, ThrottleUnavailable):
            return "failed"
        return "answered"

    async def _until_admitted(self, deadline: float | None) -> None:
        scope = Scope(
            account=f"account {self.call.account}",
            region="simulated",
            action="Simulated",
            qps=self._world.schedule.ceiling,
        )
        admitted, ticket = False, None
        while not admitted:
            permit = self._queue.throttle.acquire(
                scope,
                ticket=ticket,
                deadline=deadline,
                timeout=self._world.schedule.patience,
                route=self._route,
            )
            self._queue.order.asked(self._number)
            async with Watched(permit, self._woken) as granted:
                self._queue.granted(self._number, self._world.now())
                self._cancel_if("granted")
                ticket = granted.ticket
                admitted = await self._send(granted)

    async def _send(self, permit: Permit) -> bool:
        schedule = self._world.schedule
        await asyncio.sleep(self.call.connect)
        if self.call.ending == "unsent":
            raise ConnectionRefusedError
        exchange = self._world.connect(self.call, self._number)
        acknowledged_at = exchange.acknowledged_at if schedule.acknowledges else None
        if not permit.sent(acknowledged_at):
            raise ConnectionAbortedError  # it has expired: nothing may be sent
        self._cancel_if("sent")
        self._alarms.append(self._world.later(schedule.patience, exchange.break_off))
        try:
            admitted = await exchange.send()
        finally:
            exchange.close()
        if admitted:
            permit.completed(exchange.headers_at)
            return True
        if self.call.ending != "gateway":
            pause = schedule.retry_after
            permit.throttled(pause, counted=admitted is not None)
            until = self._world.now() + min(pause or 0.0, 60.0)
            self._queue.paused_until = max(until, self._queue.paused_until)
        if admitted is None:
            raise ConnectionAbortedError  # a gateway's response proves nothing
        return False

    # Giving up

    def _cancel_if(self, moment: Moment) -> None:
        cancel = self.call.cancel
        if cancel is not None and cancel.when == moment:
            self._alarms.append(self._world.later(cancel.after, self.cancel))

    def _woken(self, nth: int) -> None:
        for caller, moment in ((self, "woken"), (self.neighbour, "neighbour woken")):
            cancel = caller and caller.call.cancel
            if caller and cancel and (cancel.when, cancel.nth) == (moment, nth):
                caller.cancel()
