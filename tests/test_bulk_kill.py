"""Jobs in a separate process that is killed repeatedly.

The slow tests kill a job at 6 points, or at 50 if CAMS_ASYNC_NIGHTLY is 1.
"""

import asyncio
import csv
import json
import os
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cams_async.emulator import Emulator
from tests.fakes import FAST

STATUS = "GetPhoneNumberVerificationStatus"

NUMBERS = 300

WINDOW = 16
"""The most calls that a kill can catch in flight."""

LINE = 150
"""Approximate bytes of a line of the output."""

KILLS = 50 if os.environ.get("CAMS_ASYNC_NIGHTLY") == "1" else 6
"""Points at which each slow test kills its job."""


class Killing:
    """A job, its emulator, and the number of kills."""

    def __init__(
        self, emulator: Emulator, folder: Path, *, form: str, strategy: str, seed: str
    ) -> None:
        self.emulator = emulator
        self.random = Random(seed)
        self.input = folder / "numbers.csv"
        self.output = folder / f"statuses.{form}"
        self.form = form
        self.strategy = strategy
        self.killed = 0
        self.wanted = self._write_input()

    def _write_input(self) -> dict[int, str | None]:
        """Write all numbers, some of them twice, and some invalid rows."""
        wanted: dict[int, str | None] = {}
        lines = ["phone_number,cust_space_id"]
        numbers = [*self.emulator.phone_numbers, *self.emulator.phone_numbers[::10]]
        self.random.shuffle(numbers)
        for number in numbers:
            lines.append(f"+{number.phone_number},{number.cust_space_id}")
            status = self.emulator.verification_status(number.phone_number)
            wanted[len(lines)] = str(status)
            if len(lines) % 20 == 0:
                lines.append("no number,cams-1")
                wanted[len(lines)] = None
        self.input.write_text("\n".join(lines))
        return wanted

    def size(self) -> int:
        """Return the size of the output; -1 if there is none."""
        return self.output.stat().st_size if self.output.exists() else -1

    async def start(self) -> asyncio.subprocess.Process:
        """Start the job, always with the same settings."""
        credentials = self.emulator.credentials
        settings = {
            "endpoint": self.emulator.endpoint,
            "key": credentials.access_key_id,
            "secret": credentials.access_key_secret.reveal(),
            "input": str(self.input),
            "output": str(self.output),
            "format": self.form,
            "strategy": self.strategy,
            "window": WINDOW,
        }
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.bulk_process",
            json.dumps(settings),
            cwd=Path(__file__).parents[1],
        )

    async def kill_at(self, size: int) -> None:
        """Run the job until its output reaches a size, and kill it."""
        process = await self.start()
        while self.size() < size and process.returncode is None:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.001)
        if process.returncode is None:
            process.kill()
            self.killed += 1
        await process.wait()

    async def finish(self) -> int:
        """Run the job to its end."""
        process = await self.start()
        return await process.wait()

    def written(self) -> list[dict[str, Any]]:
        """Return the lines of the output."""
        with self.output.open(newline="") as file:
            if self.form == "jsonl":
                return [json.loads(line) for line in file]
            rows = [{**row, "line": int(row["line"])} for row in csv.DictReader(file)]
        return [{name: value or None for name, value in row.items()} for row in rows]


async def check(
    folder: Path, *, kills: int, form: str, strategy: str, seed: str
) -> None:
    """Kill a job repeatedly, then finish it and check its output."""
    async with Emulator(phone_numbers=NUMBERS, settle=None, qps=FAST) as emulator:
        killing = Killing(emulator, folder, form=form, strategy=strategy, seed=seed)
        last = len(killing.wanted) * LINE
        sizes = [killing.random.randrange(-1, last) for _ in range(kills)]
        for size in sorted(sizes):
            await killing.kill_at(size)
            if killing.random.random() < 0.3 and killing.size() > 0:
                # A torn write, as after a power failure.
                tail = killing.random.choice([b"\0" * 700, b'{"line": 7, "pho', b"7,"])
                with killing.output.open("ab") as file:
                    file.write(tail)
        ended = await killing.finish()

    rows = killing.written()
    assert ended == 0
    assert killing.killed > 0
    assert Counter(killing.wanted.keys()) == Counter(row["line"] for row in rows)
    assert killing.wanted == {row["line"]: row["status"] for row in rows}
    executed = sum(emulator.executed(STATUS).values())
    if strategy == "per_number":
        # One more may be between the poller and the file.
        assert NUMBERS <= executed <= NUMBERS + (WINDOW + 1) * killing.killed


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("strategy", ["per_number", "per_space"])
@pytest.mark.parametrize("form", ["jsonl", "csv"])
async def test_nothing_is_lost_or_doubled_when_killed_often(
    tmp_path: Path, strategy: str, form: str
) -> None:
    """A job survives kills at more points, for each strategy and format."""
    await check(tmp_path, kills=KILLS, form=form, strategy=strategy, seed="slow")
