"""Fault injection: for the next calls, at random, or as load of other clients."""

from collections import deque
from collections.abc import Collection, Mapping
from enum import StrEnum
from random import Random
from typing import TypeAlias

from attrs import define, field, frozen

from cams_async.config import amount, check, is_number, is_whole, nearest, whole
from cams_async.errors import ConfigurationError


class Fault(StrEnum):
    """A fault of a call that was authenticated and not throttled."""

    RESET_BEFORE = "reset before"
    """The connection is reset; nothing was executed."""

    RESET_AFTER = "reset after"
    """The call is executed, then the connection is reset."""

    UNAVAILABLE_BEFORE = "unavailable before"
    """HTTP 503 with an HTML page; nothing was executed."""

    UNAVAILABLE_AFTER = "unavailable after"
    """The call is executed; the response is HTTP 503 with an HTML page."""

    TRUNCATED = "truncated"
    """Executed; half of the response body arrives, then the connection ends."""

    GARBAGE = "garbage"
    """The call is executed; the response is HTTP 200 and not JSON."""

    WRONG_SHAPE = "wrong shape"
    """The call is executed; the response is JSON, but not the documented shape."""

    HANG = "hang"
    """No response until the client disconnects; nothing was executed."""

    THROTTLED = "throttled"
    """Flow control refuses a call below the ceiling; nothing was executed."""


@frozen
class Slow:
    """The call is executed at once; the response is delayed."""

    seconds: float = field(validator=amount)
    """Seconds before the response is sent, 0 or more."""


@frozen(kw_only=True)
class CannedResponse:
    """A fixed response, whatever the request."""

    status: int = field(default=200, validator=whole(200, 599))
    """The HTTP status, 200 to 599."""

    headers: Mapping[str, str] = field(factory=dict[str, str], hash=False)
    """Headers added to the usual ones; equal names replace them."""

    body: bytes = b""
    """The body, verbatim."""

    processed: bool = False
    """Whether the call is executed first."""


AnyFault: TypeAlias = Fault | Slow | CannedResponse


@define
class _Queued:
    fault: AnyFault
    action: str | None
    times: int


class FaultInjector:
    """Queued and random faults. Only calls that would be executed meet one."""

    def __init__(self, actions: Collection[str], random: Random) -> None:
        self._actions = actions
        self._random = random
        self._queue: deque[_Queued] = deque()
        self._rates: dict[tuple[AnyFault, str | None], float] = {}
        self._background_qps: dict[str, float] = {}

    def next(self, fault: AnyFault, action: str | None = None, times: int = 1) -> None:
        """Inject a fault into the next calls. Faults are queued in order.

        Args:
            fault: The fault.
            action: The action whose calls meet it; None for every action.
            times: The number of calls, 1 or more.

        Raises:
            ConfigurationError: The action is unknown, or `times` is not positive.
        """
        self._check_action(action)
        check(is_whole(times), "times", "must be 1 or more")
        self._queue.append(_Queued(fault, action, times))

    def rate(
        self, fault: AnyFault, probability: float, action: str | None = None
    ) -> None:
        """Inject a fault at random, drawn from the emulator's seed.

        Args:
            fault: The fault.
            probability: 0, which ends the fault, to 1.
            action: The action whose calls meet it; None for every action.

        Raises:
            ConfigurationError: The action is unknown, or `probability` is not
                from 0 to 1.
        """
        self._check_action(action)
        check(0 <= probability <= 1, "probability", "must be from 0 to 1")
        self._rates.pop((fault, action), None)
        if probability:
            self._rates[fault, action] = probability

    def background_load(self, action: str, qps: float) -> None:
        """Use up part of every account's ceiling for an action by other clients' calls.

        These calls count for the policy that refuses calls; the report leaves them out.

        Args:
            action: The action.
            qps: Calls per second of the load, evenly spaced; 0 ends it.

        Raises:
            ConfigurationError: The action is unknown, or `qps` is negative.
        """
        self._check_action(action)
        check(is_number(qps), "qps", "must be 0 or more")
        self._background_qps[action] = qps

    def clear(self) -> None:
        """Remove every fault and background load."""
        self._queue.clear()
        self._rates.clear()
        self._background_qps.clear()

    @property
    def queued(self) -> int:
        """The number of faults of `next` that no call has met yet."""
        return sum(entry.times for entry in self._queue)

    def draw(self, action: str) -> AnyFault | None:
        """Return the fault to inject into a call of this action, if any."""
        for place, entry in enumerate(self._queue):
            if entry.action in (None, action):
                entry.times -= 1
                if not entry.times:
                    del self._queue[place]
                return entry.fault
        for (fault, only), probability in self._rates.items():
            if only in (None, action) and self._random.random() < probability:
                return fault
        return None

    def background_qps(self, action: str) -> float:
        """Return the background load of an action, in calls per second."""
        return self._background_qps.get(action, 0.0)

    def _check_action(self, action: str | None) -> None:
        if action is not None and action not in self._actions:
            near = nearest(action, self._actions)
            hint = f"; did you mean {near}?" if near else ""
            expected = f"must be a CAMS action{hint}"
            raise ConfigurationError(expected, field="action")
