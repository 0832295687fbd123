"""A client at one end of a link: `python -m tests.link_client`.

It reads what the emulator's command has printed at its start from stdin, makes all
calls at once, and prints one line of JSON when they have ended.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any

from cams_async import CamsClient, CamsError, Credentials
from cams_async.operations import GetPhoneNumberVerificationStatus

ACTION = "GetPhoneNumberVerificationStatus"

CEILING = 10
"""Calls per second, for the emulator and the client."""

CALLS = 170


async def main(start: dict[str, Any]) -> None:
    """Make the calls; print when they ended, and how many failed by what error."""
    ended: list[float] = []
    errors = Counter[str]()
    operation = GetPhoneNumberVerificationStatus(
        phone_number=start["phone_number"], cust_space_id=start["cust_space_id"]
    )

    async def call(cams: CamsClient) -> None:
        try:
            await cams.send(operation)
        except CamsError as error:
            errors[type(error).__name__] += 1
        ended.append(time.monotonic())

    async with CamsClient(
        Credentials(start["access_key_id"], start["access_key_secret"]),
        endpoint=start["endpoint"],
        qps={ACTION: CEILING},
        allow_http=True,
    ) as cams:
        await asyncio.gather(*(call(cams) for _ in range(CALLS)))
    print(json.dumps({"ended": ended, "errors": errors}))  # noqa: T201 - the test reads it


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.stdin.readline())))
