"""Emulators in a process of their own: `python -m benchmarks.emulators`.

The child replies to each line of JSON on its stdin with one line of JSON on its stdout.
"""

import asyncio
import json
import sys
from contextlib import suppress
from itertools import count
from types import TracebackType
from typing import Any, Self

from attrs import asdict, field, frozen

from benchmarks.processes import ROOT
from cams_async import Credentials
from cams_async.emulator import ActionReport, Emulator, Fault

SAMPLE_INTERVAL = 0.15
"""Seconds between two samples of the number of arrivals."""

LONGEST_LINE = 2**24

Sample = tuple[float, int]
"""Seconds since the start of an emulator, and arrivals so far."""


@frozen
class Address:
    """A running emulator, as seen from another process."""

    id: int
    endpoint: str
    accounts: list[Credentials]
    numbers: list[tuple[str, str]] = field(repr=False)
    """Phone numbers and their spaces: the same number of each account, in order."""


class EmulatorProcess:
    """`async with EmulatorProcess() as emulators`: the process, started and ended."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "benchmarks.emulators"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            limit=LONGEST_LINE,
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A child ends when its stdin does.
        self._pipes()[0].close()
        await self._process.wait()

    async def start(self, *, sample: bool = False, **settings: Any) -> Address:
        """Start an emulator; its arrivals are sampled if `sample` is set."""
        reply = await self._request({"start": settings, "sample": sample})
        return Address(
            reply["id"],
            reply["endpoint"],
            [Credentials(*key) for key in reply["accounts"]],
            [tuple(number) for number in reply["numbers"]],
        )

    async def stop(self, address: Address) -> tuple[list[ActionReport], list[Sample]]:
        """Stop an emulator; return its reports and samples."""
        reply = await self._request({"stop": address.id})
        reports = [ActionReport(**each) for each in reply["actions"]]
        return reports, [tuple(each) for each in reply["samples"]]

    async def _request(self, command: dict[str, Any]) -> dict[str, Any]:
        stdin, stdout = self._pipes()
        async with self._lock:
            stdin.write(json.dumps(command).encode() + b"\n")
            await stdin.drain()
            line = await stdout.readline()
        if not line:
            msg = "the process of the emulators has died"
            raise RuntimeError(msg)
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _pipes(self) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - it was started with both
        assert stdout is not None  # noqa: S101 - it was started with both
        return stdin, stdout


class SampledEmulator:
    """A running emulator and samples of its arrivals."""

    def __init__(self, emulator: Emulator, *, sample: bool) -> None:
        self.emulator = emulator
        self.samples: list[Sample] = []
        self._task = asyncio.create_task(self._sample()) if sample else None

    async def stop(self) -> dict[str, Any]:
        """Stop it and return its reports and samples."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self.emulator.aclose()
        actions = [asdict(each) for each in self.emulator.report().actions]
        return {"actions": actions, "samples": self.samples}

    async def _sample(self) -> None:
        while True:
            report = self.emulator.report()
            arrivals = sum(action.arrivals for action in report.actions)
            self.samples.append((report.elapsed, arrivals))
            await asyncio.sleep(SAMPLE_INTERVAL)


async def serve() -> None:
    """Reply to commands until stdin ends, then stop all emulators."""
    running: dict[int, SampledEmulator] = {}
    ids = count(1)
    while line := await asyncio.to_thread(sys.stdin.readline):
        command = json.loads(line)
        if "stop" in command:
            reply = await running.pop(command["stop"]).stop()
        else:
            emulator = await start(command["start"])
            reply = {"id": next(ids), **describe(emulator)}
            running[reply["id"]] = SampledEmulator(emulator, sample=command["sample"])
        print(json.dumps(reply), flush=True)
    for each in running.values():
        await each.stop()


async def start(settings: dict[str, Any]) -> Emulator:
    """Start an emulator with these arguments and fault rates."""
    faults = settings.pop("faults", {})
    settings["latency"] = tuple(settings["latency"])
    emulator = await Emulator(**settings).start()
    for fault, probability in faults.items():
        emulator.faults.rate(Fault(fault), probability)
    return emulator


def describe(emulator: Emulator) -> dict[str, Any]:
    """Return what clients need to call an emulator."""
    return {
        "endpoint": emulator.endpoint,
        "accounts": [
            [key.access_key_id, key.access_key_secret.reveal()]
            for key in emulator.accounts
        ],
        "numbers": [
            [number.phone_number, number.cust_space_id]
            for number in emulator.phone_numbers
        ],
    }


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve())
