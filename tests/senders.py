"""Scripted senders that need no client, and operations and responses for them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, cast

from cams_async.models import Meta, Response
from cams_async.operations import (
    ChatappSyncPhoneNumber,
    GetPhoneNumberVerificationStatus,
    Operation,
    PhoneNumber,
    PhoneNumbersResponse,
    VerificationStatus,
    VerificationStatusResponse,
)
from cams_async.poller import Outcome, Outcomes

META = Meta(attempts=1, waited=0.0, http_status=200)


def query(index: int, space: str = "cams-1") -> GetPhoneNumberVerificationStatus:
    """Return the operation for the number with this index."""
    return GetPhoneNumberVerificationStatus(
        phone_number=f"86138{index:08}", cust_space_id=space
    )


def index_of(operation: Operation[Any]) -> int:
    """Return the index of the number, as given to `query`."""
    assert isinstance(operation, GetPhoneNumberVerificationStatus)
    return int(operation.phone_number[5:])


def status(code: str = "VERIFIED", number: str = "1") -> VerificationStatusResponse:
    """Return the response for one number."""
    data = VerificationStatus(code_verification_status=code, phone_number=number)
    return VerificationStatusResponse(request_id="i", code="OK", meta=META, data=data)


def listed(*numbers: tuple[str, str | None]) -> PhoneNumbersResponse:
    """Return the response for a space."""
    return PhoneNumbersResponse(
        request_id="of-the-space",
        code="OK",
        message="None",
        meta=META,
        phone_numbers=tuple(
            PhoneNumber(phone_number=number, code_verification_status=code)
            for number, code in numbers
        ),
    )


Script = Callable[[Any, int], Any]
"""Returns the response or error, given the operation and its number of past calls."""


class ScriptedSender:
    """A sender that runs a script after a delay and records the operations sent."""

    def __init__(
        self,
        script: Script = lambda _, __: status(),
        *,
        seconds: float | Callable[[Any], float] = 0.1,
        qps: float = 10.0,
    ) -> None:
        self.script = script
        self.seconds = seconds
        self.qps = qps
        self.sent: list[Operation[Any]] = []
        self.times: list[float] = []
        self.counts: Counter[Operation[Any]] = Counter()
        self.busy = 0
        self.most = 0

    async def send(self, operation: Operation[Any]) -> Any:
        """Return or raise the result of the script."""
        before = self.counts[operation]
        self.counts[operation] += 1
        self.sent.append(operation)
        self.times.append(asyncio.get_running_loop().time())
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            seconds = self.seconds
            await asyncio.sleep(seconds(operation) if callable(seconds) else seconds)
        finally:
            self.busy -= 1
        found = self.script(operation, before)
        if isinstance(found, BaseException):
            raise found
        return cast("Response", found)

    def ceiling(self, operation: Operation[Any]) -> float:
        """Return the same ceiling for every operation."""
        assert isinstance(operation, Operation)
        return self.qps

    def syncs(self) -> Sequence[str]:
        """Return the spaces that were synchronised."""
        return [
            each.cust_space_id
            for each in self.sent
            if isinstance(each, ChatappSyncPhoneNumber)
        ]


async def take_all(outcomes: Outcomes[Any], found: list[Outcome[Any]]) -> None:
    """Append all outcomes to `found`, also those that precede an error."""
    async for outcome in outcomes:
        found.append(outcome)  # noqa: PERF401 - a comprehension would lose it


async def no_tasks_left() -> bool:
    """Return whether only the current task is left after a few loop cycles."""
    for _ in range(5):
        await asyncio.sleep(0)
    return asyncio.all_tasks() == {asyncio.current_task()}
