"""Trouble on request: faults for chosen calls, at random, or from a neighbour."""

from collections import deque
from collections.abc import Collection, Mapping
from enum import StrEnum
from random import Random
from typing import TypeAlias

from attrs import define, field, frozen

from cams_async.config import amount, check, is_number, is_whole, whole
from cams_async.errors import ConfigurationError


class Fault(StrEnum):
    """What can befall a call that has passed the gateway and its ceiling."""

    RESET_BEFORE = "reset before"
    """The connection is reset; nothing was executed."""

    RESET_AFTER = "reset after"
    """The call is executed, then the connection is reset."""

    UNAVAILABLE_BEFORE = "unavailable before"
    """HTTP 503 with an HTML page; nothing was executed."""

    UNAVAILABLE_AFTER = "unavailable after"
    """The call is executed, then answered with HTTP 503 and an HTML page."""

    TRUNCATED = "truncated"
    """The call is executed; half of the answer's body arrives, then the end."""

    GARBAGE = "garbage"
    """The call is executed; the answer is HTTP 200 and no JSON."""

    WRONG_SHAPE = "wrong shape"
    """The call is executed; the answer is JSON, but not the documented shape."""

    HANG = "hang"
    """No answer ever comes, until the caller goes away; nothing was executed."""

    THROTTLED = "throttled"
    """Flow control refuses although the ceiling has room; nothing was executed."""


@frozen
class Slow:
    """The call is executed at once and answered late."""

    seconds: float = field(validator=amount)
    """Seconds that the answer is held back, 0 or more."""


@frozen(kw_only=True)
class CannedResponse:
    """This very answer is given, whatever was asked."""

    status: int = field(default=200, validator=whole(200, 599))
    """The HTTP status, 200 to 599."""

    headers: Mapping[str, str] = field(factory=dict[str, str], hash=False)
    """Added to, or put in place of, the usual headers."""

    body: bytes = b""
    """The body, verbatim."""

    processed: bool = False
    """Whether the call is executed before."""


AnyFault: TypeAlias = Fault | Slow | CannedResponse


@define
class _Queued:
    fault: AnyFault
    action: str | None
    times: int


class FaultInjector:
    """The faults that are in store. Only calls that would be executed meet one."""

    def __init__(self, actions: Collection[str], random: Random) -> None:
        self._actions = actions
        self._random = random
        self._queue: deque[_Queued] = deque()
        self._rates: dict[tuple[AnyFault, str | None], float] = {}
        self._tenants: dict[str, float] = {}

    def next(self, fault: AnyFault, action: str | None = None, times: int = 1) -> None:
        """Let the next calls meet a fault; queued faults come one after the other.

        Args:
            fault: What befalls them.
            action: The action whose calls are meant; None for every action.
            times: How many calls, 1 or more.

        Raises:
            ConfigurationError: The action is unknown, or `times` is not positive.
        """
        self._check_action(action)
        check(is_whole(times), "times", "must be 1 or more")
        self._queue.append(_Queued(fault, action, times))

    def rate(
        self, fault: AnyFault, probability: float, action: str | None = None
    ) -> None:
        """Let calls meet a fault at random, drawn from the emulator's seed.

        Args:
            fault: What befalls them.
            probability: From 0, which ends it, to 1.
            action: The action whose calls are meant; None for every action.

        Raises:
            ConfigurationError: The action is unknown, or no such probability.
        """
        self._check_action(action)
        check(0 <= probability <= 1, "probability", "must be from 0 to 1")
        self._rates.pop((fault, action), None)
        if probability:
            self._rates[fault, action] = probability

    def background_load(self, action: str, qps: float) -> None:
        """Let someone else use up part of every account's ceiling for an action.

        Their calls fill the window that calls are refused by; they are never held
        against the caller.

        Args:
            action: The action.
            qps: Their calls per second, evenly spaced; 0 ends it.

        Raises:
            ConfigurationError: The action is unknown, or `qps` is negative.
        """
        self._check_action(action)
        check(is_number(qps), "qps", "must be 0 or more")
        self._tenants[action] = qps

    def clear(self) -> None:
        """Forget every fault and tenant."""
        self._queue.clear()
        self._rates.clear()
        self._tenants.clear()

    @property
    def queued(self) -> int:
        """How many faults of `next` are still in store."""
        return sum(entry.times for entry in self._queue)

    def draw(self, action: str) -> AnyFault | None:
        """Return what befalls a call of this action, or None."""
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
        """Return how many calls per second someone else makes of this action."""
        return self._tenants.get(action, 0.0)

    def _check_action(self, action: str | None) -> None:
        if action is not None and action not in self._actions:
            expected = f"must be one of {', '.join(sorted(self._actions))}"
            raise ConfigurationError(expected, field="action")
