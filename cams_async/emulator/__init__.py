"""A CAMS that runs in process, strict on the wire, and judges who calls it.

An aiohttp server that verifies signatures from what arrived, remembers phone numbers,
QR codes, keys and migrations, enforces the ceilings by a policy of choice, and
reports whether they were kept::

    async with Emulator(phone_numbers=1000) as emulator:
        ...  # point any CAMS client at emulator.endpoint, emulator.credentials
    assert emulator.report().held

From the wire inwards: `server` moves bytes; `service` takes one call from arrival to
answer, through `gate` (who is it?), `ceilings` (may it call now?), `contract` (is
everything there?) and `handlers` over `state`; `trouble` befalls it; `report` tells.
"""

from cams_async.emulator.ceilings import PolicyName
from cams_async.emulator.faults import (
    AnyFault,
    CannedResponse,
    Fault,
    FaultInjector,
    Slow,
)
from cams_async.emulator.report import ActionReport, Report
from cams_async.emulator.server import Emulator
from cams_async.emulator.state import EmulatedNumber

__all__ = [
    "ActionReport",
    "AnyFault",
    "CannedResponse",
    "EmulatedNumber",
    "Emulator",
    "Fault",
    "FaultInjector",
    "PolicyName",
    "Report",
    "Slow",
]
