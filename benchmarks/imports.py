"""The cost of importing the package, a part of `overhead`.

Fresh interpreters in turn: bare Python, the four dependencies, cams_async with a
client, and the official SDK with a client.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks.processes import ROOT
from benchmarks.record import Goal, Table

BARE, DEPENDENCIES, OURS, OFFICIAL = "Python", "dependencies", "cams_async", "official"

PROGRAMS: Mapping[str, str] = {
    BARE: "",
    DEPENDENCIES: "import aiohttp, aiolimiter, attrs, cattrs",
    OURS: """\
from cams_async import CamsClient, Credentials
CamsClient(Credentials("LTAIbenchmark", "secret"))
""",
    OFFICIAL: """\
from alibabacloud_cams20200606.client import Client
from alibabacloud_tea_openapi.models import Config
config = Config(access_key_id="LTAIbenchmark", access_key_secret="secret")
config.region_id = "ap-southeast-1"
Client(config)
""",
}

OVER_DEPENDENCIES = 1.3
"""The bound of our CPU over that of importing the dependencies."""

MILLI = 1000

Runs = Mapping[str, Sequence[float]]
"""Seconds of CPU by program, round by round."""


def measure(*, quick: bool) -> Runs:
    """Run the programs in turn; the first round, which compiles, is left out."""
    runs: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(6 if quick else 22):
            for name, program in PROGRAMS.items():
                runs[name].append(_cpu(program, cache))
    return {name: seconds[1:] for name, seconds in runs.items()}


def _cpu(program: str, cache: str) -> float:
    """Return the seconds of CPU of an interpreter with a bytecode cache."""
    command = [sys.executable, "-W", "ignore", "-c", program]
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:  # noqa: S603 - our own programs
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime


def _over_dependencies(runs: Runs, name: str) -> float:
    pairs = zip(runs[name], runs[DEPENDENCIES], strict=True)
    return median(one / other for one, other in pairs)


def table(runs: Runs) -> Table:
    """Return the table of the programs."""
    return Table(
        title="From the start of Python to a client",
        headers=("imported", "x dependencies", "ms of CPU", "least", "most"),
        rows=[
            [
                name,
                f"{_over_dependencies(runs, name):.2f}",
                f"{median(seconds) * MILLI:.0f}",
                f"{min(seconds) * MILLI:.0f}",
                f"{max(seconds) * MILLI:.0f}",
            ]
            for name, seconds in runs.items()
        ],
        notes="Medians of the CPU time of fresh interpreters, start to end.",
    )


def goal(runs: Runs) -> Goal:
    """Return the goal for importing cams_async."""
    ratio = _over_dependencies(runs, OURS)
    return Goal("CPU of the import over the dependencies'", ratio, OVER_DEPENDENCIES)
