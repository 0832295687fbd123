"""The poller against the emulator: results, calls and ceilings."""

import json
from collections.abc import AsyncIterator, Callable, Iterable
from random import Random
from typing import Any

import pytest

from cams_async.client import CamsClient
from cams_async.emulator import CannedResponse, Emulator, Fault
from cams_async.errors import InvalidParameter
from cams_async.operations import GetPhoneNumberVerificationStatus, Operation
from cams_async.poller import Outcome, PerSpace, Sender, poll, watch
from cams_async.throttle import LocalThrottle
from tests.fakes import FAST


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """Run an emulator whose numbers keep their status."""
    async with Emulator(phone_numbers=250, settle=None, qps=FAST) as running:
        yield running


STATUS = "GetPhoneNumberVerificationStatus"
SYNC = "ChatappSyncPhoneNumber"

READ_ONLY = CannedResponse(
    status=403,
    body=json.dumps(
        {"RequestId": "id-no", "Code": "Ram.PermissionDeny", "Message": "no"}
    ).encode(),
)
"""The response of RAM to an account with the vendor's read-only policy."""


def numbers(emulator: Emulator) -> list[GetPhoneNumberVerificationStatus]:
    """Return an operation for each number of the emulator."""
    return [
        GetPhoneNumberVerificationStatus(
            phone_number=each.phone_number, cust_space_id=each.cust_space_id
        )
        for each in emulator.phone_numbers
    ]


def executed(emulator: Emulator) -> dict[str, int]:
    """Return how often the emulator executed each action."""
    return {each.action: each.executed for each in emulator.report().actions}


async def trickle(items: Iterable[Any]) -> AsyncIterator[Any]:
    """Yield items."""
    for item in items:
        yield item


async def polled(client: Sender, operations: Any, **options: Any) -> list[Outcome[Any]]:
    """Poll to the end."""
    async with poll(client, operations, **options) as outcomes:
        return [outcome async for outcome in outcomes]


def summary(outcomes: Iterable[Outcome[Any]]) -> list[tuple[str, str]]:
    """Return number, status or error code of each outcome."""
    return [
        (
            outcome.operation.phone_number
            if isinstance(outcome.operation, GetPhoneNumberVerificationStatus)
            else "",
            getattr(outcome.error, "code", "")
            if outcome.response is None
            else f"{outcome.response.data.phone_number} "
            f"{outcome.response.data.code_verification_status}",
        )
        for outcome in outcomes
    ]


@pytest.mark.parametrize("source", [list, iter, trickle])
async def test_each_number_is_requested_once(
    emulator: Emulator, client: CamsClient, source: Callable[[Iterable[Any]], Any]
) -> None:
    """This holds for every kind of source, and if some calls are lost."""
    emulator.faults.rate(Fault.RESET_BEFORE, 0.02)
    operations = numbers(emulator)

    found = await polled(client, source(operations), ordered=True)

    assert operations == [outcome.operation for outcome in found]
    assert {None} == {outcome.error for outcome in found}
    assert {STATUS: len(operations)} == executed(emulator)
    assert emulator.report().held


async def test_requests_per_space_and_per_number_agree(
    emulator: Emulator, client: CamsClient
) -> None:
    """A PerSpace needs one call for each space rather than each number."""
    operations: list[Operation[Any]] = list(numbers(emulator))
    spaces = len({each.cust_space_id for each in emulator.phone_numbers})
    strangers = [
        GetPhoneNumberVerificationStatus(phone_number="49301234567", cust_space_id=each)
        for each in ("cams-0001", "cams-missing")
    ]
    Random(5).shuffle(operations)

    per_number = await polled(client, [*operations, *strangers], ordered=True)
    before = executed(emulator)
    per_space = PerSpace(client)
    per_spaces = await polled(per_space, [*operations, *strangers], ordered=True)
    after = executed(emulator)

    assert summary(per_number) == summary(per_spaces)
    assert all(isinstance(each.error, InvalidParameter) for each in per_spaces[-2:])
    assert len(operations) + 2 == before[STATUS]
    # Including one call for the space that does not exist.
    assert spaces + 1 == after[SYNC]
    assert 2 == after[STATUS] - before[STATUS]
    assert not per_space.fell_back
    assert emulator.report().held


async def test_a_read_only_account_requests_each_number(
    emulator: Emulator, client: CamsClient
) -> None:
    """The results are the same, after a single call for a space."""
    emulator.faults.rate(READ_ONLY, 1.0, SYNC)
    operations = numbers(emulator)
    per_space = PerSpace(client)

    per_spaces = await polled(per_space, operations, ordered=True, window=20)
    found = executed(emulator)
    per_number = await polled(client, operations, ordered=True)

    assert per_space.fell_back
    assert summary(per_number) == summary(per_spaces)
    assert {STATUS: len(operations), SYNC: 0} == {SYNC: 0} | found
    syncs = [each for each in emulator.report().actions if each.action == SYNC]
    assert 1 == sum(each.arrivals for each in syncs)


@pytest.mark.parametrize("per_space", [False, True])
async def test_a_watch_ends_when_all_are_verified(*, per_space: bool) -> None:
    """Each number yields one outcome, with and without PerSpace."""
    async with (
        Emulator(phone_numbers=150, settle=0.3, qps=FAST) as emulator,
        CamsClient(
            emulator.credentials,
            endpoint=emulator.endpoint,
            qps=FAST,
            throttle=LocalThrottle(),
        ) as client,
    ):
        operations = numbers(emulator)
        sender: Sender = PerSpace(client, max_age=0.02) if per_space else client
        async with watch(sender, operations, every=(0.05, 0.1)) as outcomes:
            found = [outcome async for outcome in outcomes]

    assert {each.phone_number for each in operations} == {
        outcome.operation.phone_number
        for outcome in found
        if isinstance(outcome.operation, GetPhoneNumberVerificationStatus)
    }
    assert len(operations) == len(found)
    for outcome in found:
        assert outcome.response is not None
        assert "VERIFIED" == outcome.response.data.code_verification_status
