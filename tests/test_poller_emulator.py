"""The poller against a server that counts: results, calls and ceilings."""

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
    """Run a CAMS whose numbers stay as they are."""
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
"""What RAM answers to an account with the vendor's read-only policy."""


def numbers(emulator: Emulator) -> list[GetPhoneNumberVerificationStatus]:
    """Return an operation for each number there is."""
    return [
        GetPhoneNumberVerificationStatus(
            phone_number=each.phone_number, cust_space_id=each.cust_space_id
        )
        for each in emulator.phone_numbers
    ]


def executed(emulator: Emulator) -> dict[str, int]:
    """Return how often each action was executed, as the server counts it."""
    return {each.action: each.executed for each in emulator.report().actions}


async def trickle(items: Iterable[Any]) -> AsyncIterator[Any]:
    """Yield items."""
    for item in items:
        yield item


async def polled(client: Sender, operations: Any, **options: Any) -> list[Outcome[Any]]:
    """Poll to the end."""
    async with poll(client, operations, **options) as outcomes:
        return [outcome async for outcome in outcomes]


def told(outcomes: Iterable[Outcome[Any]]) -> list[tuple[str, str]]:
    """Return what became of each number, without what tells calls apart."""
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
async def test_all_are_asked_once(
    emulator: Emulator, client: CamsClient, source: Callable[[Iterable[Any]], Any]
) -> None:
    """Whatever the source is, and although some calls are lost on their way."""
    emulator.faults.rate(Fault.RESET_BEFORE, 0.02)
    operations = numbers(emulator)

    found = await polled(client, source(operations), ordered=True)

    assert operations == [outcome.operation for outcome in found]
    assert {None} == {outcome.error for outcome in found}
    assert {STATUS: len(operations)} == executed(emulator)
    assert emulator.report().held


async def test_spaces_and_numbers_tell_the_same(
    emulator: Emulator, client: CamsClient
) -> None:
    """With one call for each space instead of one for each number."""
    operations: list[Operation[Any]] = list(numbers(emulator))
    spaces = len({each.cust_space_id for each in emulator.phone_numbers})
    strangers = [
        GetPhoneNumberVerificationStatus(phone_number="49301234567", cust_space_id=each)
        for each in ("cams-0001", "cams-of-nobody")
    ]
    Random(5).shuffle(operations)

    per_number = await polled(client, [*operations, *strangers], ordered=True)
    before = executed(emulator)
    per_space = PerSpace(client)
    per_spaces = await polled(per_space, [*operations, *strangers], ordered=True)
    after = executed(emulator)

    assert told(per_number) == told(per_spaces)
    assert all(isinstance(each.error, InvalidParameter) for each in per_spaces[-2:])
    assert len(operations) + 2 == before[STATUS]
    # A space that does not exist is asked for once, too.
    assert spaces + 1 == after[SYNC]
    assert 2 == after[STATUS] - before[STATUS]
    assert not per_space.fell_back
    assert emulator.report().held


async def test_an_account_that_may_only_read_asks_per_number(
    emulator: Emulator, client: CamsClient
) -> None:
    """The results are the same; the server sees no more calls for spaces."""
    emulator.faults.rate(READ_ONLY, 1.0, SYNC)
    operations = numbers(emulator)
    per_space = PerSpace(client)

    per_spaces = await polled(per_space, operations, ordered=True, window=20)
    found = executed(emulator)
    per_number = await polled(client, operations, ordered=True)

    assert per_space.fell_back
    assert told(per_number) == told(per_spaces)
    assert {STATUS: len(operations), SYNC: 0} == {SYNC: 0} | found
    syncs = [each for each in emulator.report().actions if each.action == SYNC]
    assert 1 == sum(each.arrivals for each in syncs)


@pytest.mark.parametrize("per_space", [False, True])
async def test_a_watch_ends_when_all_are_verified(*, per_space: bool) -> None:
    """Each number comes out once, when the server says so, whoever is asked."""
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
