"""One call for all numbers of a space, where that is allowed."""

import asyncio
import logging
import math
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from attrs import define, evolve, frozen

from cams_async.config import is_number
from cams_async.errors import CamsError, ConfigurationError, PermissionDenied
from cams_async.models import Response
from cams_async.operations import (
    ChatappSyncPhoneNumber,
    GetPhoneNumberVerificationStatus,
    Operation,
    PhoneNumber,
    PhoneNumbersResponse,
    VerificationStatus,
    VerificationStatusResponse,
)
from cams_async.operations.fields import international
from cams_async.poller.outcomes import Sender

R = TypeVar("R", bound=Response)

MOST_NUMBERS = 50_000
"""How many numbers are kept, at about a quarter of a KiB each."""

_DIGITS = re.compile(r"[0-9]+")

logger: logging.Logger = logging.getLogger("cams_async")


@frozen
class _Entry:
    phone_number: str
    status: str


@frozen
class _Space:
    """What is known of the numbers of a space."""

    response: PhoneNumbersResponse | None
    """The answer without its numbers; None where there was none."""

    numbers: Mapping[str, _Entry]
    """By their digits; without those that the answer leaves in doubt."""

    since: float
    """When it was told, in the loop's time."""

    @property
    def size(self) -> int:
        """What keeping it counts for; one without numbers counts too."""
        return 1 + len(self.numbers)


@define(eq=False)
class _Asking:
    """A call that goes on, and how many wait for it."""

    task: asyncio.Task[_Space]
    waiting: int = 0


class PerSpace:
    """Answers GetPhoneNumberVerificationStatus by asking once for the whole space.

    One ChatappSyncPhoneNumber tells the status of all numbers of a space, so that a
    hundred numbers may cost one call. A number that the answer leaves in doubt is
    asked for by itself: one that is missing, has no status, is masked, or is there
    twice. So is every number of a space whose call failed, and every number at all
    once the account turned out not to be allowed to synchronise: the vendor's
    read-only policy does not cover it. What comes out is what asking for each number
    would say, but for `data.id`, which is None.

    Other operations are passed on. It belongs to one event loop, needs no closing,
    and keeps at most 50,000 numbers; spaces that were not asked for lately go first.
    Numbers come cheapest space by space; a `window` of several spaces' numbers lets
    several spaces be asked at a time.

    Args:
        client: Who is asked in the end, normally a CamsClient.
        max_age: Seconds for which an answer is used again; 0 or more. For ever by
            default, as is right for a poll; a watch needs less than its pauses.

    Raises:
        ConfigurationError: An argument is unusable; names it.
    """

    def __init__(self, client: Sender, *, max_age: float = math.inf) -> None:
        if max_age != math.inf and not is_number(max_age):
            msg = "must be a number of seconds, at least 0"
            raise ConfigurationError(msg, field="max_age")
        for name in ("send", "ceiling"):
            if not callable(getattr(client, name, None)):
                raise ConfigurationError(f"must have a method {name}", field="client")
        self._client = client
        self._max_age = max_age
        self._kept: OrderedDict[str, _Space] = OrderedDict()
        self._size = 0
        self._asking: dict[str, _Asking] = {}
        self._fell_back = False

    @property
    def max_age(self) -> float:
        """Seconds for which an answer is used again."""
        return self._max_age

    @property
    def fell_back(self) -> bool:
        """Whether it asks per number for good: the account may not synchronise."""
        return self._fell_back

    def ceiling(self, operation: Operation[Any]) -> float:
        """Return how many calls per second the action has that is really asked."""
        asked = self._covered(operation)
        if asked is not None:
            operation = ChatappSyncPhoneNumber(cust_space_id=asked.cust_space_id)
        return self._client.ceiling(operation)

    async def send(self, operation: Operation[R]) -> R:
        """Return the answer for a number, from that of its space if possible.

        Its `request_id` and `meta` are those of the call for the space.

        Raises:
            CamsError: Whatever went wrong when asking for the number itself.
        """
        asked = self._covered(operation)
        if asked is not None:
            space = await self._space(asked.cust_space_id)
            entry = space.numbers.get(asked.phone_number)
            if space.response is not None and entry is not None:
                return cast("R", cast("object", _status(space.response, entry)))
        return await self._client.send(operation)

    def _covered(self, operation: object) -> GetPhoneNumberVerificationStatus | None:
        """Return the operation if its space may be asked instead."""
        if self._fell_back:
            return None
        if isinstance(operation, GetPhoneNumberVerificationStatus):
            return operation
        return None

    async def _space(self, space_id: str) -> _Space:
        """Return what is known of a space, from a call that others may share."""
        now = asyncio.get_running_loop().time()
        kept = self._kept.get(space_id)
        if kept is not None and now - kept.since < self._max_age:
            self._kept.move_to_end(space_id)
            return kept
        asking = self._asking.get(space_id)
        if asking is None:
            task = asyncio.get_running_loop().create_task(self._sync(space_id))
            asking = self._asking[space_id] = _Asking(task)
        asking.waiting += 1
        try:
            await asyncio.wait((asking.task,))
        finally:
            asking.waiting -= 1
            if not asking.waiting:
                del self._asking[space_id]
            if not asking.waiting and not asking.task.done():
                # Nobody is left to tell.
                asking.task.cancel()
                await asyncio.wait((asking.task,))
        return asking.task.result()

    async def _sync(self, space_id: str) -> _Space:
        response: PhoneNumbersResponse | None = None
        try:
            response = await self._client.send(
                ChatappSyncPhoneNumber(cust_space_id=space_id)
            )
        except PermissionDenied as error:
            if not self._fell_back:
                self._fell_back = True
                message = "%s is not permitted (%s): asking for each number instead"
                logger.warning(message, error.action, error.code)
        except CamsError as error:
            # Whether the numbers share its trouble, each of them can tell.
            message = "%s failed (%s): asking for each number of the space instead"
            logger.warning(message, error.action, type(error).__name__)
        numbers = {} if response is None else _by_digits(response.phone_numbers)
        bare = None if response is None else evolve(response, phone_numbers=())
        space = _Space(bare, numbers, asyncio.get_running_loop().time())
        self._keep(space_id, space)
        return space

    def _keep(self, space_id: str, space: _Space) -> None:
        former = self._kept.pop(space_id, None)
        self._kept[space_id] = space
        self._size += space.size - (0 if former is None else former.size)
        while self._size > MOST_NUMBERS and len(self._kept) > 1:
            _, forgotten = self._kept.popitem(last=False)
            self._size -= forgotten.size


def _by_digits(listed: Iterable[PhoneNumber]) -> dict[str, _Entry]:
    numbers: dict[str, _Entry] = {}
    seen: set[str] = set()
    for each in listed:
        digits = international(each.phone_number)
        status = each.code_verification_status
        if digits in seen:
            numbers.pop(digits, None)
        elif status is not None and _DIGITS.fullmatch(digits):
            numbers[digits] = _Entry(each.phone_number, status)
        seen.add(digits)
    return numbers


def _status(
    response: PhoneNumbersResponse, entry: _Entry
) -> VerificationStatusResponse:
    return VerificationStatusResponse(
        request_id=response.request_id,
        code=response.code,
        message=response.message,
        access_denied_detail=response.access_denied_detail,
        meta=response.meta,
        data=VerificationStatus(
            code_verification_status=entry.status, phone_number=entry.phone_number
        ),
    )
