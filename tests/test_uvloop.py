"""The client on uvloop's event loop, over real sockets."""

import asyncio

import pytest

from cams_async import CamsClient
from cams_async.emulator import Emulator
from cams_async.operations import GetPhoneNumberVerificationStatus
from cams_async.poller import poll

uvloop = pytest.importorskip("uvloop")


def test_polls_stay_within_the_rate_limit_on_uvloop() -> None:
    """Connections are reused, and the limit holds."""

    async def main() -> bool:
        async with (
            Emulator(phone_numbers=15) as emulator,
            CamsClient(emulator.credentials, endpoint=emulator.endpoint) as cams,
        ):
            operations = [
                GetPhoneNumberVerificationStatus(
                    phone_number=number.phone_number, cust_space_id=number.cust_space_id
                )
                for number in emulator.phone_numbers
            ]
            async with poll(cams, operations) as outcomes:
                errors = [outcome.error async for outcome in outcomes]
            return errors == [None] * 15 and emulator.report().held

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(main())
