"""`send_all`: very many messages, each sent once, at the pace of their senders."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterable, Hashable, Iterable
from typing import Any, Final, TypeVar

from attrs import field, frozen
from attrs.validators import optional

from cams_async.config import check, check_methods, is_positive, valid
from cams_async.errors import InvalidOperation
from cams_async.models import Response
from cams_async.operations import Operation
from cams_async.poller.outcomes import Outcomes, Sender
from cams_async.poller.poll import poll

R = TypeVar("R", bound=Response)

ACTIONS: Final = ("SendChatappMessage", "SendChatappMassMessage")

MAX_SLOTS: Final = 100_000
"""Senders or pairs in memory. With more of them waiting, the oldest lose their pace."""

_seconds = valid(is_positive, "must be a finite number above 0", prefix="pace.")


@frozen(kw_only=True)
class Pace:
    """The pace of messages that WhatsApp accepts, beside the rate limit of CAMS.

    Messages above it are accepted by CAMS, and fail by their receipts.

    Raises:
        ConfigurationError: A value is out of its bounds.
    """

    per_sender: float | None = field(default=None, validator=optional(_seconds))
    """Messages per second of one sender: as a rule 80 (error 130429). A template for
    many recipients counts as many messages."""

    pair_pause: float | None = field(default=None, validator=optional(_seconds))
    """Seconds between two messages of one sender to one recipient (error 131056)."""


def send_all(
    client: Sender,
    operations: Iterable[Operation[R]] | AsyncIterable[Operation[R]],
    *,
    pace: Pace | None = None,
    window: int | None = None,
    ordered: bool = False,
) -> Outcomes[R]:
    """Send very many messages and iterate over their outcomes, as `poll` does.

    A message whose outcome is unknown is never sent again: its outcome has an error
    whose own `outcome` is `unknown`. CAMS has no key by which it detects a repeated
    message, so give each a `task_id`, which its receipts carry.

    A message that waits for its sender or pair occupies a place of the window, so that
    a slow sender holds the others back once it fills the window. Mix the senders, or
    enlarge the window.

    Args:
        client: A CamsClient.
        operations: The source of SendChatappMessage or SendChatappMassMessage
            operations; taken lazily within the window, and may be endless.
        pace: The pace of each sender and pair. Default: the rate limit alone.
        window: As for `poll`.
        ordered: As for `poll`.

    Raises:
        ConfigurationError: An argument is invalid; names it.
    """
    check_methods(client, "client", "send", "ceiling")
    is_pace = pace is None or isinstance(pace, Pace)  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller has a type checker
    check(is_pace, "pace", "must be a Pace")
    paced = _PacedSender(client, pace or Pace())
    return poll(paced, operations, window=window, ordered=ordered)


class PaceSchedule:
    """The next free moment of each key, at least `interval` seconds apart.

    Time is an argument, in seconds. Keys whose moment has passed are forgotten.
    """

    def __init__(self, interval: float, *, most: int = MAX_SLOTS) -> None:
        self._interval = interval
        self._most = most
        self._free: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._free)

    def take(self, key: Hashable, now: float, number: int = 1) -> float:
        """Take the next moment of a key, for a number of messages; return it."""
        at = max(now, self._free.pop(key, now))
        self._free[key] = at + number * self._interval
        while (oldest := next(iter(self._free))) != key:
            if self._free[oldest] > now and len(self._free) <= self._most:
                break
            del self._free[oldest]
        return at


class _PacedSender:
    """A sender in front of another one, which waits until a message may be sent."""

    def __init__(self, client: Sender, pace: Pace) -> None:
        self._client = client
        rate, pause = pace.per_sender, pace.pair_pause
        self._senders = None if rate is None else PaceSchedule(1 / rate)
        self._pairs = None if pause is None else PaceSchedule(pause)

    def ceiling(self, operation: Operation[Any]) -> float:
        """Return the rate limit of the action."""
        return self._client.ceiling(operation)

    async def send(self, operation: Operation[R]) -> R:
        """Send a message once its sender and its recipient have a moment for it.

        Raises:
            CamsError: The call failed, or the operation sends no message.
        """
        if type(operation).__name__ not in ACTIONS:
            expected = f"one of {', '.join(ACTIONS)}"
            msg = f"send_all takes messages, not {type(operation).__name__}"
            raise InvalidOperation(msg, field="operation", expected=expected)
        message: Any = operation
        # The pair first, so that its pause does not hold up its sender.
        if self._pairs is not None and hasattr(message, "to"):
            await self._wait(self._pairs, (message.from_, message.to))
        if self._senders is not None:
            recipients = len(getattr(message, "sender_list", "1"))
            await self._wait(self._senders, message.from_, recipients)
        return await self._client.send(operation)

    async def _wait(self, slots: PaceSchedule, key: Hashable, number: int = 1) -> None:
        now = time.monotonic()
        pause = slots.take(key, now, number) - now
        if pause > 0:
            await asyncio.sleep(pause)
