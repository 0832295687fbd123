"""Calls against an emulator that injects every fault, over real sockets.

The emulator's own ledger is the witness: what it executed must fit what each call
was told, and nothing that may be done only once is ever done twice.
"""

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from itertools import islice
from random import Random
from typing import Any

import pytest
from attrs import frozen

from cams_async import CamsClient, CamsError, LocalThrottle, RetryPolicy
from cams_async.emulator import CannedResponse, Emulator, Fault, Slow
from cams_async.errors import CallOutcome
from cams_async.operations import (
    CATALOGUE,
    ChatappMigrationVerified,
    ChatappSyncPhoneNumber,
    GetPhoneNumberVerificationStatus,
    Operation,
    UpdatePhoneEncryptionPublicKey,
    UpdatePhoneMessageQrdl,
)
from cams_async.signing import reveal
from cams_async.wire import parameters
from tests.fakes import FAST
from tests.samples_of import operation_of
from tests.strategies import pem
from tests.undisturbed import undisturbed

ACTIONS = [
    "ChatappMigrationVerified",
    "ChatappSyncPhoneNumber",
    "GetPhoneNumberVerificationStatus",
    "UpdatePhoneEncryptionPublicKey",
    "UpdatePhoneMessageQrdl",
]
"""The actions of the operations below, which all depend on the emulator's state."""

QPS = dict.fromkeys(ACTIONS, 100.0)
RATE = 0.03
CANCELLED = 0.05

DENIED = CannedResponse(
    status=400, body=b'{"Code": "Ram.PermissionDeny", "RequestId": "1"}'
)

# How often the server may have executed a call that ended so.
EXECUTIONS: Mapping[CallOutcome, tuple[int, ...]] = {
    "not_sent": (0,),
    "rejected": (0,),
    "executed": (1,),
    "unknown": (0, 1),
}


@frozen
class Ended:
    """The end of a call: a response, an error, or a cancellation."""

    operation: Operation[Any]
    outcome: CallOutcome


@pytest.mark.parametrize("seed", [int(os.environ.get("FAULTS_SEED", "1"))])
async def test_nothing_is_lost_or_done_twice_among_faults(seed: int) -> None:
    """Under all faults at once, every call ends as the server's ledger records it."""
    await _survive(500, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
async def test_nothing_is_lost_or_done_twice_among_faults_for_long(seed: int) -> None:
    """The same over 10,000 calls."""
    await _survive(10_000, seed)


NEVER = [action for action in ACTIONS if not CATALOGUE[action].retry_safe]


class Stubborn(RetryPolicy):
    """A policy that always retries at once."""

    def delay(
        self, error: CamsError, *, attempt: int, elapsed: float, random: float
    ) -> float:
        """Return no wait at all."""
        del error, attempt, elapsed, random
        return 0.0


def _all_of(emulator: Emulator, action: str) -> Iterator[Operation[Any]]:
    """Return operations of one action, for one phone number after the other."""
    made = _operations(emulator, Random(1))
    return (operation for operation in made if type(operation).__name__ == action)


@pytest.mark.parametrize("action", NEVER)
@pytest.mark.parametrize(
    "fault",
    [fault for fault in Fault if fault not in {Fault.THROTTLED, Fault.HANG}],
)
async def test_no_policy_makes_an_unsafe_call_be_sent_twice(
    fault: Fault, action: str, emulator: Emulator, client: CamsClient
) -> None:
    """The server has met it once, whatever became of it there."""
    operation = next(_all_of(emulator, action))
    emulator.faults.rate(fault, 1.0)
    with pytest.raises(CamsError) as caught:
        await client.with_options(retry=Stubborn()).send(operation)
    (report,) = emulator.report().actions

    assert 1 == caught.value.attempts == report.arrivals
    assert sum(emulator.executed(action).values()) in EXECUTIONS[caught.value.outcome]


async def test_only_calls_that_are_safe_to_repeat_are_repeated() -> None:
    """Of all actions; the first call of each is executed, and its response lost."""
    arrivals: dict[str, int] = {}
    async with (
        Emulator(qps=FAST) as emulator,
        _client(emulator, qps=FAST, retry=Stubborn()) as client,
    ):
        for action in CATALOGUE:
            emulator.faults.next(Fault.RESET_AFTER, action=action)
            with contextlib.suppress(CamsError):
                await client.send(operation_of(action))
        for report in emulator.report().actions:
            arrivals[report.action] = report.arrivals

    expected = {name: 2 if row.retry_safe else 1 for name, row in CATALOGUE.items()}
    assert expected == arrivals


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("skew", [86400.0, -86400.0])
async def test_a_clock_that_is_off_heals_for_every_operation(
    skew: float, action: str
) -> None:
    """In one extra round trip, for the calls that follow too; and back."""
    attempts: list[int] = []
    async with (
        Emulator(qps=FAST, settle=0, phone_numbers=9) as emulator,
        _client(emulator, qps=FAST) as client,
    ):
        operations = _all_of(emulator, action)
        for ahead in (skew, skew, 0.0, 0.0):
            emulator.skew = ahead
            response = await client.send(next(operations))
            attempts.append(response.meta.attempts)
        executed = emulator.executed(action)

    assert [2, 1, 2, 1] == attempts
    assert 4 == sum(executed.values())


def _client(emulator: Emulator, **options: Any) -> CamsClient:
    return CamsClient(
        emulator.credentials,
        endpoint=emulator.endpoint,
        throttle=LocalThrottle(),
        **options,
    )


async def test_resends_are_signed_anew_and_throttled() -> None:
    """The server has met no nonce twice, and never too many calls at a time."""
    action = "GetPhoneNumberVerificationStatus"
    qps = {action: 20.0}
    async with Emulator(qps=qps) as emulator:
        for _ in range(15):
            emulator.faults.next(Fault.UNAVAILABLE_AFTER)
        async with _client(emulator, qps=qps, retry=RetryPolicy(base=0.0)) as client:
            asked = islice(_all_of(emulator, action), 15)
            responses = await asyncio.gather(*map(client.send, asked))
        report = emulator.report()

    assert 30 == report.actions[0].arrivals == sum(a.meta.attempts for a in responses)
    assert report.held


@undisturbed
async def _survive(calls: int, seed: int) -> None:
    random = Random(seed)
    each = calls // len(ACTIONS)
    throttle = LocalThrottle()
    async with Emulator(
        phone_numbers=each, qps=QPS, settle=0, seed=seed, latency=(0.0, 0.02)
    ) as emulator:
        for fault in (*Fault, Slow(0.1), DENIED):
            # Each refusal slows all calls down, as it should: a few are enough.
            rare = fault is Fault.THROTTLED
            emulator.faults.rate(fault, RATE / 20 if rare else RATE)
        operations = _operations(emulator, random)
        async with CamsClient(
            emulator.credentials,
            endpoint=emulator.endpoint,
            qps=QPS,
            throttle=throttle,
            timeout=1.5,
            retry=RetryPolicy(base=0.01),
        ) as client:
            ended = await asyncio.gather(
                *(_end(client, operation, random) for operation in operations)
            )
        report = emulator.report()
        ledger = {action: emulator.executed(action) for action in ACTIONS}

    where = f"seed {seed}"
    assert len(operations) == len(ended), where
    assert report.held, where
    assert {0} == {s.waiting + s.in_flight for s in throttle.snapshot().values()}, where
    for call in ended:
        if not call.operation.retry_safe:
            sent = parameters(call.operation).items()
            pairs = tuple(sorted((name, reveal(value)) for name, value in sent))
            times = ledger[type(call.operation).__name__][pairs]
            assert times in EXECUTIONS[call.outcome], (where, call, times)
    met = Counter(call.outcome for call in ended)
    assert {"executed", "rejected", "unknown"} <= set(met), (where, met)


async def _end(client: CamsClient, operation: Operation[Any], random: Random) -> Ended:
    call: Coroutine[Any, Any, Any] = client.send(operation)
    if random.random() < CANCELLED:
        try:
            # A cancellation from outside, at whatever the call is doing then.
            await asyncio.wait_for(call, random.uniform(0, 1))
        except TimeoutError:
            return Ended(operation, "unknown")
        except CamsError as error:
            return Ended(operation, error.outcome)
        return Ended(operation, "executed")
    try:
        await call
    except CamsError as error:
        return Ended(operation, error.outcome)
    return Ended(operation, "executed")


def _operations(emulator: Emulator, random: Random) -> list[Operation[Any]]:
    """Return calls that differ from one another wherever they may be done only once."""
    made: list[Operation[Any]] = []
    for place, number in enumerate(emulator.phone_numbers):
        phone_number, space = number.phone_number, number.cust_space_id
        made += (
            GetPhoneNumberVerificationStatus(
                phone_number=phone_number, cust_space_id=space
            ),
            ChatappSyncPhoneNumber(cust_space_id=space),
            ChatappMigrationVerified(
                cust_space_id=space,
                phone_number=phone_number,
                verify_code=emulator.verify_code(phone_number),
            ),
            UpdatePhoneMessageQrdl(
                phone_number=phone_number,
                generate_qr_image="PNG",
                prefilled_message="hello",
                qrdl_code=emulator.qrdl_code(phone_number),
            ),
            UpdatePhoneEncryptionPublicKey(
                phone_number=phone_number,
                encryption_public_key=pem(place.to_bytes(4, "big")),
            ),
        )
    random.shuffle(made)
    return made
