"""`PerSpace`: one call for all phone numbers of a space, where permitted."""

import asyncio
import contextlib
import logging
import math
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from attrs import define, evolve, frozen

from cams_async import operations as o
from cams_async.config import check, check_methods, is_number
from cams_async.errors import CamsError, PermissionDenied
from cams_async.models import Response
from cams_async.operations import Operation
from cams_async.phone_number import PhoneNumberError, normalise
from cams_async.poller.outcomes import Sender

R = TypeVar("R", bound=Response)

MAX_NUMBERS = 50_000
"""The maximum number of cached phone numbers, at about 0.25 KiB each."""

_DIGITS = re.compile(r"[0-9]+")

logger: logging.Logger = logging.getLogger("cams_async")


@frozen
class _Entry:
    phone_number: str
    status: str


@frozen
class _CachedSpace:
    """The cached response for a space."""

    response: "o.PhoneNumbersResponse | None"
    """The response without its numbers; None if the call failed."""

    numbers: Mapping[str, _Entry]
    """The unambiguous numbers, by their digits."""

    received_at: float
    """The time of the response, on the loop's clock."""

    @property
    def size(self) -> int:
        """The share of MAX_NUMBERS that it takes; an empty space takes 1."""
        return 1 + len(self.numbers)


@define(eq=False)
class _SharedCall:
    """A call in flight, and the number of tasks that wait for it."""

    task: asyncio.Task[_CachedSpace]
    waiters: int = 0


class PerSpace:
    """A sender that requests verification statuses per space rather than per number.

    One ChatappSyncPhoneNumber returns the status of all phone numbers of a space, so
    that a hundred GetPhoneNumberVerificationStatus may cost one call. Each response has
    the data that the individual call would return, except that `data.id` is None.

    A number is requested individually if the space's response does not contain exactly
    one entry for it with a status and all digits. So is every number of a space whose
    call failed, and every number once the account is denied ChatappSyncPhoneNumber: the
    vendor's read-only policy does not include it.

    Other operations are passed through. It belongs to one event loop, needs no closing,
    and caches at most 50,000 numbers, evicting the least recently used spaces. Group
    the operations by space for the fewest calls; a `window` that covers several spaces
    lets their calls run concurrently.

    Args:
        client: The sender to wrap, normally a CamsClient.
        max_age: Seconds for which a response is reused; 0 or more. Infinite by default,
            which suits a poll; a watch needs less than its pauses.

    Raises:
        ConfigurationError: An argument is invalid; names it.
    """

    def __init__(self, client: Sender, *, max_age: float = math.inf) -> None:
        valid = max_age == math.inf or is_number(max_age)
        check(valid, "max_age", "must be a number of seconds, at least 0")
        check_methods(client, "client", "send", "ceiling")
        self._client = client
        self._max_age = max_age
        self._cache: OrderedDict[str, _CachedSpace] = OrderedDict()
        self._size = 0
        self._calls: dict[str, _SharedCall] = {}
        self._fell_back = False

    @property
    def max_age(self) -> float:
        """Seconds for which a response is reused."""
        return self._max_age

    @property
    def fell_back(self) -> bool:
        """Whether access was denied, so that all numbers are requested individually."""
        return self._fell_back

    def ceiling(self, operation: Operation[Any]) -> float:
        """Return the calls per second of the action that is sent in the end."""
        covered = self._covered(operation)
        if covered is not None:
            operation = o.ChatappSyncPhoneNumber(cust_space_id=covered.cust_space_id)
        return self._client.ceiling(operation)

    async def send(self, operation: Operation[R]) -> R:
        """Return the response for a number, from that of its space if possible.

        `request_id` and `meta` are then those of the call for the space.

        Raises:
            CamsError: The individual call for the number failed.
        """
        covered = self._covered(operation)
        if covered is not None:
            space = await self._space(covered.cust_space_id)
            entry = space.numbers.get(covered.phone_number)
            if space.response is not None and entry is not None:
                return cast("R", cast("object", _response_of(space.response, entry)))
        return await self._client.send(operation)

    def _covered(
        self, operation: object
    ) -> "o.GetPhoneNumberVerificationStatus | None":
        """Return the operation if its space can be requested instead."""
        if self._fell_back:
            return None
        if isinstance(operation, o.GetPhoneNumberVerificationStatus):
            return operation
        return None

    async def _space(self, space_id: str) -> _CachedSpace:
        """Return a space from the cache, or from a call shared with other tasks."""
        now = asyncio.get_running_loop().time()
        cached = self._cache.get(space_id)
        if cached is not None and now - cached.received_at < self._max_age:
            self._cache.move_to_end(space_id)
            return cached
        call = self._calls.get(space_id)
        if call is None:
            task = asyncio.get_running_loop().create_task(self._sync(space_id))
            call = self._calls[space_id] = _SharedCall(task)
        call.waiters += 1
        try:
            await asyncio.wait((call.task,))
        finally:
            call.waiters -= 1
            if not call.waiters:
                del self._calls[space_id]
            if not call.waiters and not call.task.done():
                call.task.cancel()
                await asyncio.wait((call.task,))
        return call.task.result()

    async def _sync(self, space_id: str) -> _CachedSpace:
        response: o.PhoneNumbersResponse | None = None
        try:
            response = await self._client.send(
                o.ChatappSyncPhoneNumber(cust_space_id=space_id)
            )
        except PermissionDenied as error:
            if not self._fell_back:
                self._fell_back = True
                message = "%s is not permitted (%s): requesting each number instead"
                logger.warning(message, error.action, error.code)
        except CamsError as error:
            # The individual calls show whether the numbers are affected.
            message = "%s failed (%s): requesting each number of the space instead"
            logger.warning(message, error.action, type(error).__name__)
        numbers = {} if response is None else _by_digits(response.phone_numbers)
        without_numbers = (
            None if response is None else evolve(response, phone_numbers=())
        )
        space = _CachedSpace(
            without_numbers, numbers, asyncio.get_running_loop().time()
        )
        self._store(space_id, space)
        return space

    def _store(self, space_id: str, space: _CachedSpace) -> None:
        previous = self._cache.pop(space_id, None)
        self._cache[space_id] = space
        self._size += space.size - (0 if previous is None else previous.size)
        while self._size > MAX_NUMBERS and len(self._cache) > 1:
            _, evicted = self._cache.popitem(last=False)
            self._size -= evicted.size


def _by_digits(listed: Iterable["o.PhoneNumber"]) -> dict[str, _Entry]:
    numbers: dict[str, _Entry] = {}
    seen: set[str] = set()
    for each in listed:
        digits = each.phone_number  # as it is where the vendor masks it
        with contextlib.suppress(PhoneNumberError):
            digits = normalise(digits)
        status = each.code_verification_status
        if digits in seen:
            numbers.pop(digits, None)
        elif status is not None and _DIGITS.fullmatch(digits):
            numbers[digits] = _Entry(each.phone_number, status)
        seen.add(digits)
    return numbers


def _response_of(
    response: "o.PhoneNumbersResponse", entry: _Entry
) -> "o.VerificationStatusResponse":
    return o.VerificationStatusResponse(
        request_id=response.request_id,
        code=response.code,
        message=response.message,
        access_denied_detail=response.access_denied_detail,
        meta=response.meta,
        data=o.VerificationStatus(
            code_verification_status=entry.status, phone_number=entry.phone_number
        ),
    )
