"""A network and a server around real throttles, on simulated time."""

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import groupby

from cams_async.throttle import LocalThrottle, Route, Throttle
from tests.clock import Clock, VirtualLoop
from tests.simulation.caller import Caller, Queue
from tests.simulation.judge import Arrival, Result
from tests.simulation.network import Connection, Link
from tests.simulation.schedule import Call, Schedule
from tests.simulation.servers import Counter

ENDLESS = 3600.0
"""A call that has not ended after this many seconds never will."""

TERMINAL = 130.0
"""Long enough for everything that cools, at any ceiling from 0.01."""


def run(schedule: Schedule, make: Callable[[], Throttle] = LocalThrottle) -> Result:
    """Let a schedule happen to throttles of this make, one for each process."""
    clock = Clock()
    return clock.run(World(schedule, make, clock).run())


class World:
    """One run of a schedule. All its times are in seconds from the start."""

    def __init__(
        self, schedule: Schedule, make: Callable[[], Throttle], clock: Clock
    ) -> None:
        self.schedule = schedule
        self._clock = clock
        self.start = clock.now
        processes = sorted({call.process for call in schedule.calls})
        self._throttles = {process: make() for process in processes}
        self._queues = {
            (call.process, call.account): Queue(self._throttles[call.process])
            for call in schedule.calls
        }
        self._routes = {(call.process, call.client): Route() for call in schedule.calls}
        self._callers = [
            Caller(
                call,
                number,
                self._queues[call.process, call.account],
                self._routes[call.process, call.client],
                self,
            )
            for number, call in enumerate(schedule.calls)
        ]
        self.link = Link(schedule.outages)
        for first, second in zip(self._callers, self._callers[1:], strict=False):
            first.neighbour = second
        self._counters: dict[int, Counter] = {}
        self._arrivals: list[Arrival] = []
        self.crashes: list[str] = []
        self._timers: list[asyncio.TimerHandle] = []

    async def run(self) -> Result:
        """Run to the end, and look at what is left."""
        self.loop.set_debug(False)  # a traceback for each timer takes most of the time
        self.loop.set_exception_handler(self._crashed)
        for stall in self.schedule.stalls:
            self.later(stall.at, partial(self._clock.advance, stall.seconds))
        for closing in self.schedule.closings:
            self.later(closing.at, partial(self._close, closing.client))
        if self.schedule.background_load is not None:
            self._tenant_calls(0)
        await self._all_calls()
        finished = self.now()
        leaks = (*await self._left_over(), *await self._left_cooling())

        queues = self._queues.values()
        return Result(
            schedule=self.schedule,
            arrivals=tuple(sorted(self._arrivals, key=lambda arrival: arrival.at)),
            outcomes=tuple(caller.outcome for caller in self._callers),
            overtaken=tuple(line for queue in queues for line in queue.order.overtaken),
            hasty=tuple(line for queue in queues for line in queue.hasty),
            leaks=leaks,
            crashes=tuple(self.crashes),
            finished=finished,
        )

    async def _all_calls(self) -> None:
        over: asyncio.Future[None] = self.loop.create_future()
        running = len(self._callers)

        def ended(_: object) -> None:
            nonlocal running
            running -= 1
            if not running:
                over.set_result(None)

        def begin(callers: list[Caller]) -> None:
            for caller in callers:
                caller.begin(ended)

        # One timer for each moment: equal timers fire in no particular order.
        for at, group in groupby(sorted(self._callers, key=begins), key=begins):
            self.later(at, partial(begin, list(group)))
        await asyncio.wait([over], timeout=ENDLESS)

    def _crashed(self, _: object, context: dict[str, object]) -> None:
        self.crashes.append(f"{context['message']}: {context.get('exception')!r}")

    def _close(self, client: int) -> None:
        for caller in self._callers:
            if caller.call.client == client:
                caller.cancel()
        for (_, owner), route in self._routes.items():
            route.closed = route.closed or owner == client

    # The network: a request is on its way, whatever becomes of its caller

    def connect(self, call: Call, number: int) -> "Exchange":
        """Open a connection for one request."""
        return Exchange(call, number, self)

    def arrive(self, exchange: "Exchange", at: float) -> None:
        """Count a request at the server, and respond."""
        call = exchange.call
        admitted = self._counter(call.account).admit(at)
        self._arrivals.append(Arrival(at, exchange.number, admitted))
        if call.ending == "answer":
            exchange.respond(admitted, at)

    # The server, which counts each account by itself

    def _counter(self, account: int) -> Counter:
        if account not in self._counters:
            self._counters[account] = self.schedule.rule.counter(self.schedule.ceiling)
        return self._counters[account]

    def _tenant_calls(self, count: int) -> None:
        background_load = self.schedule.background_load
        assert background_load is not None
        at = background_load.start + count / background_load.rate
        if count:
            self._counter(0).admit(at - 1 / background_load.rate)
        if at < background_load.stop:
            self.at(at, partial(self._tenant_calls, count + 1))

    # What is left

    async def _left_over(self) -> list[str]:
        for _ in range(5):
            await asyncio.sleep(0)  # aiolimiter tidies up one iteration after a cancel
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        timers = set(live_timers(self.loop)) - set(self._timers)
        return [
            *(f"left over: {task}" for task in tasks),
            *(f"left over: {timer}" for timer in timers),
            *(
                f"left over: {snapshot}"
                for throttle in self._throttles.values()
                for snapshot in throttle.snapshot().values()
                if snapshot.waiting or snapshot.in_flight
            ),
        ]

    async def _left_cooling(self) -> list[str]:
        await asyncio.sleep(TERMINAL)
        return [
            f"still cooling: {snapshot}"
            for throttle in self._throttles.values()
            for snapshot in throttle.snapshot().values()
            if snapshot.cooling
        ]

    # Time

    @property
    def loop(self) -> VirtualLoop:
        """The running loop."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        return loop

    def now(self) -> float:
        """Return the seconds since the start."""
        return self._clock.now - self.start

    def later(self, seconds: float, what: Callable[[], object]) -> asyncio.TimerHandle:
        """Let something happen after so many seconds."""
        return self.at(self.now() + seconds, what)

    def at(self, at: float, what: Callable[[], object]) -> asyncio.TimerHandle:
        """Let something happen at a time."""
        handle = self.loop.call_at(self.start + at, what)
        self._timers.append(handle)
        return handle


class Exchange:
    """A request and its response, which may arrive after its caller has gone."""

    def __init__(self, call: Call, number: int, world: World) -> None:
        self.call = call
        self.number = number
        self.headers_at: float | None = None
        """Time, by the clock, of the complete headers."""

        self._world = world
        self._connection = Connection(call, world.link, world.now)
        self._admitted: asyncio.Future[bool | None] = world.loop.create_future()

    async def send(self) -> bool | None:
        """Send the request; return whether the server admitted it.

        Returns:
            None for a gateway's response.

        Raises:
            ConnectionError: The connection breaks, or the caller's patience ends.
        """
        self._connection.send()
        if self.call.ending == "reset":
            self._world.later(self.call.back, self.break_off)
        if self.call.ending != "lost":
            # A blocked loop comes late to this; the server's clock is at `at`.
            at = self._connection.counted_at
            self._world.at(at, partial(self._arrive, at))
            if self.call.is_answered_early:
                at = self._connection.early_response_at
                self._world.at(at, partial(self._receive, None))
        return await self._admitted

    def respond(self, admitted: bool, at: float) -> None:  # noqa: FBT001 - as `admit` returns it
        """Send the response to a request that was counted then."""
        at = self._connection.response_at(at + self.call.work)
        self._world.at(at, partial(self._receive, admitted))

    def break_off(self) -> None:
        """Break the connection, if there is no response yet."""
        if not self._admitted.done():
            self._admitted.set_exception(ConnectionError())

    def close(self) -> None:
        """Close the connection, whether or not there was a response."""
        self._connection.close()

    def acknowledged_at(self) -> float | None:
        """Return when the request was acknowledged, by the clock, if it was."""
        at = self._connection.acknowledged_at()
        return None if at is None else self._world.start + at

    def _arrive(self, at: float) -> None:
        if not self._connection.is_cut:
            self._world.arrive(self, at)

    def _receive(self, admitted: bool | None) -> None:  # noqa: FBT001 - see `respond`
        self.headers_at = self._world.loop.time()
        if self.call.body:
            self._world.later(self.call.body, partial(self._end, admitted))
        else:
            self._end(admitted)

    def _end(self, admitted: bool | None) -> None:  # noqa: FBT001 - see `respond`
        if not self._admitted.done():
            self._admitted.set_result(admitted)


def begins(caller: Caller) -> float:
    """Return when a caller begins."""
    return caller.call.at


def live_timers(loop: asyncio.AbstractEventLoop) -> list[asyncio.TimerHandle]:
    """Return the timers that will still fire."""
    timers: list[asyncio.TimerHandle] = vars(loop)["_scheduled"]
    return [timer for timer in timers if not timer.cancelled()]
