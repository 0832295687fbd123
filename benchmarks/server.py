"""Emulators in a process of their own; `python -m benchmarks.server` is that process.

Each line on its stdin is a command in JSON, and gets one line of JSON on its stdout.
"""

import asyncio
import json
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import field, frozen

from cams_async import Credentials
from cams_async.emulator import Emulator, Fault

SAMPLE_EVERY = 0.02
"""Seconds between two looks at how many calls have arrived."""

LONGEST_LINE = 2**24

HERE = Path(__file__).parent.parent


@frozen
class Place:
    """A running emulator, as seen from another process."""

    id: int
    endpoint: str
    accounts: list[Credentials]
    numbers: list[tuple[str, str]] = field(repr=False)
    """Phone numbers with their spaces: each account has as many, in turn."""

    @property
    def credentials(self) -> Credentials:
        """The first account's."""
        return self.accounts[0]


class EmulatorProcess:
    """`async with EmulatorProcess() as emulators`: starts and ends the process."""

    def __init__(self) -> None:
        self._permit = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "benchmarks.server",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=HERE,
            limit=LONGEST_LINE,
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # The end of its stdin is the end of the process.
        self._pipes()[0].close()
        await self._process.wait()

    async def start(self, *, watch: bool = False, **settings: Any) -> Place:
        """Start an emulator; with `watch`, its arrivals are sampled."""
        response = await self._ask({"start": settings, "watch": watch})
        return Place(
            response["id"],
            response["endpoint"],
            [Credentials(*key) for key in response["accounts"]],
            [tuple(number) for number in response["numbers"]],
        )

    async def stop(self, place: Place) -> tuple[dict[str, Any], list[list[float]]]:
        """Stop an emulator; return its report and samples of (seconds, arrivals)."""
        response = await self._ask({"stop": place.id})
        return response["report"], response["samples"]

    async def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        stdin, stdout = self._pipes()
        async with self._permit:
            stdin.write(json.dumps(command).encode() + b"\n")
            await stdin.drain()
            line = await stdout.readline()
        if not line:
            msg = "the process of the emulators has died"
            raise RuntimeError(msg)
        response: dict[str, Any] = json.loads(line)
        return response

    def _pipes(self) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - it was started with both
        assert stdout is not None  # noqa: S101 - it was started with both
        return stdin, stdout


class Watched:
    """An emulator that runs, and what was seen of its arrivals."""

    def __init__(self, emulator: Emulator, *, watch: bool) -> None:
        self.emulator = emulator
        self.samples: list[tuple[float, int]] = []
        self._task = asyncio.create_task(self._sample()) if watch else None

    async def stop(self) -> dict[str, Any]:
        """Stop it and return its report."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self.emulator.aclose()
        return self.emulator.report().as_dict()

    async def _sample(self) -> None:
        while True:
            report = self.emulator.report()
            arrivals = sum(action.arrivals for action in report.actions)
            self.samples.append((report.elapsed, arrivals))
            await asyncio.sleep(SAMPLE_EVERY)


class Server:
    """Obeys commands."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._running: dict[int, Watched] = {}

    async def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked and return the answer."""
        if "stop" in command:
            watched = self._running.pop(command["stop"])
            return {"report": await watched.stop(), "samples": watched.samples}
        settings = command["start"]
        settings["latency"] = tuple(settings["latency"])
        faults = settings.pop("faults", {})
        emulator = await Emulator(**settings).start()
        for fault, probability in faults.items():
            emulator.faults.rate(Fault(fault), probability)
        place = next(self._ids)
        self._running[place] = Watched(emulator, watch=command["watch"])
        keys = emulator.accounts
        numbers = emulator.phone_numbers
        return {
            "id": place,
            "endpoint": emulator.endpoint,
            "accounts": [
                [key.access_key_id, key.access_key_secret.reveal()] for key in keys
            ],
            "numbers": [[one.phone_number, one.cust_space_id] for one in numbers],
        }

    async def run(self) -> None:
        """Obey until stdin ends, then stop what still runs."""
        while line := await asyncio.to_thread(sys.stdin.readline):
            response = await self.obey(json.loads(line))
            print(json.dumps(response), flush=True)
        for watched in self._running.values():
            await watched.stop()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(Server().run())
