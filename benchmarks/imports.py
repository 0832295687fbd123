"""The cost of importing the package, a part of `overhead`.

Fresh interpreters in turn: bare Python, the four dependencies, cams_async with a
client, the same with all journeys loaded, and the official SDK with a client. One more
compares the load of each journey with the import of aiohttp.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from statistics import median

from attrs import frozen

from benchmarks.processes import ROOT
from benchmarks.record import Goal, Table

BARE, DEPENDENCIES, OURS, OFFICIAL = "Python", "dependencies", "cams_async", "official"
ALL = "cams_async, all operations"

PROGRAMS: Mapping[str, str] = {
    BARE: "",
    DEPENDENCIES: "import aiohttp, aiolimiter, attrs, cattrs",
    OURS: """\
from cams_async import CamsClient, Credentials
CamsClient(Credentials("LTAIbenchmark", "secret"))
""",
    ALL: """\
from cams_async import CamsClient, Credentials
from cams_async.operations.journeys import JOURNEYS
CamsClient(Credentials("LTAIbenchmark", "secret"), preload=JOURNEYS)
""",
    OFFICIAL: """\
from alibabacloud_cams20200606.client import Client
from alibabacloud_tea_openapi.models import Config
config = Config(access_key_id="LTAIbenchmark", access_key_secret="secret")
config.region_id = "ap-southeast-1"
Client(config)
""",
}

JOURNEYS = """\
import json
from time import process_time as now
def took(load, *args):
    start = now()
    load(*args)
    return now() - start
aiohttp = took(__import__, "aiohttp")
from cams_async.operations.journeys import JOURNEYS, load
print(json.dumps({name: took(load, name) / aiohttp for name in JOURNEYS}))
"""
"""Prints the CPU of the load of each journey over that of the import of aiohttp."""

RESIDENT = """
print(*[line.split()[1] for line in open("/proc/self/status") if "VmRSS" in line])
"""
"""Prints the resident memory in KiB. That of `wait4` includes the parent's."""

OVER_DEPENDENCIES = 1.2
"""The bound of our CPU over that of importing the dependencies."""

MILLI = 1000


@frozen
class Runs:
    """What was measured, round by round."""

    cpu: Mapping[str, Sequence[float]]
    """Seconds by program."""

    memory: Mapping[str, Sequence[float]]
    """The most MiB by program."""

    journeys: Mapping[str, Sequence[float]]
    """The load over the import of aiohttp, by journey."""


def measure(*, quick: bool) -> Runs:
    """Run the programs in turn; the first round, which compiles, is left out."""
    cpu: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    memory: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    journeys: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(6 if quick else 22):
            for name, program in PROGRAMS.items():
                seconds, mebibytes, _ = _run(program, cache)
                cpu[name].append(seconds)
                memory[name].append(mebibytes)
            for name, ratio in json.loads(_run(JOURNEYS, cache)[2]).items():
                journeys.setdefault(name, []).append(ratio)
    return Runs(
        *({n: each[1:] for n, each in x.items()} for x in (cpu, memory, journeys))
    )


def _run(program: str, cache: str) -> tuple[float, float, str]:
    """Return CPU seconds, resident MiB and the output of a fresh interpreter."""
    command = [sys.executable, "-W", "ignore", "-c", program + RESIDENT]
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with (
        tempfile.TemporaryFile() as output,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output) as process,  # noqa: S603 - our own programs
    ):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        output.seek(0)
        *printed, kibibytes = output.read().decode().splitlines()
    seconds = usage.ru_utime + usage.ru_stime
    return seconds, int(kibibytes) / 1024, "".join(printed)


def _largest(runs: Runs) -> tuple[str, float]:
    """Return the journey that takes longest to load, and its load over aiohttp's."""
    loads = {name: median(ratios) for name, ratios in runs.journeys.items()}
    name = max(loads, key=loads.__getitem__)
    return name, loads[name]


def _over_dependencies(runs: Runs, name: str) -> float:
    pairs = zip(runs.cpu[name], runs.cpu[DEPENDENCIES], strict=True)
    return median(one / other for one, other in pairs)


def table(runs: Runs) -> Table:
    """Return the table of the programs."""
    largest, ratio = _largest(runs)
    return Table(
        title="From the start of Python to a client",
        headers=("imported", "x dependencies", "ms of CPU", "least", "most", "MiB"),
        rows=[
            [
                name,
                f"{_over_dependencies(runs, name):.2f}",
                f"{median(seconds) * MILLI:.0f}",
                f"{min(seconds) * MILLI:.0f}",
                f"{max(seconds) * MILLI:.0f}",
                f"{median(runs.memory[name]):.0f}",
            ]
            for name, seconds in runs.cpu.items()
        ],
        notes="Medians of the CPU time of fresh interpreters, start to end, and of "
        f"their resident memory. The largest journey is {largest}: its load, on the "
        "first use of one of its names, takes "
        f"{ratio:.2f} times the CPU of importing aiohttp.",
    )


def goal(runs: Runs) -> Goal:
    """Return the goal for importing cams_async."""
    ratio = _over_dependencies(runs, OURS)
    return Goal("CPU of the import over the dependencies'", ratio, OVER_DEPENDENCIES)
