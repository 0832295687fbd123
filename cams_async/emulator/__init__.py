"""A CAMS server that runs in process, strict on the wire, and checks rate limits.

An aiohttp server that verifies the signatures of requests, keeps phone numbers, QR
codes, keys and migrations, refuses calls above the rate limits (QPS ceilings), and
reports whether a client exceeded them::

    async with Emulator(phone_numbers=1000) as emulator:
        ...  # call emulator.endpoint with emulator.credentials, by any CAMS client
    assert emulator.report().held

A request passes `server` (bytes, latency, broken connections), `service` (one call from
arrival to response), `auth` (signatures), `ceilings` (rate limits), `actions`
(parameters) and `handlers` (behaviour, on `state`). `conversations` makes notifications
of messages, and `callbacks` pushes them. `faults` injects faults, `report` sums up, and
`exchange` has the request and the response.
"""

from cams_async.emulator.callbacks import CallbackPusher
from cams_async.emulator.ceilings import PolicyName
from cams_async.emulator.emulator import Emulator
from cams_async.emulator.faults import (
    AnyFault,
    CannedResponse,
    Fault,
    FaultInjector,
    Slow,
)
from cams_async.emulator.object_store import ObjectStore, StoredObject
from cams_async.emulator.report import ActionReport, Report
from cams_async.emulator.state import EmulatedNumber

__all__ = [
    "ActionReport",
    "AnyFault",
    "CallbackPusher",
    "CannedResponse",
    "EmulatedNumber",
    "Emulator",
    "Fault",
    "FaultInjector",
    "ObjectStore",
    "PolicyName",
    "Report",
    "Slow",
    "StoredObject",
]
