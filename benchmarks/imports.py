"""`python -m benchmarks import`: from the start of Python to a client that can be used.

Each in a fresh interpreter, one after the other, again and again: nothing at all, the
four dependencies, this package and a client, and the vendor's package and a client.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks import record
from benchmarks.record import Goal, Table
from cams_async.cli.options import Commands

NAME = "import"
HERE = Path(__file__).parent.parent

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

MOST = 1.3
ROUNDS = 21
QUICK_ROUNDS = 5
MILLI = 1000

Runs = Mapping[str, Sequence[float]]


def cpu(program: str, cache: str) -> float:
    """Return the seconds of CPU of an interpreter that runs a program.

    What it compiles is kept in a directory, as it is for what pip has installed.
    """
    command = [sys.executable, "-W", "ignore", "-c", program]
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with subprocess.Popen(command, cwd=HERE, env=environment) as process:  # noqa: S603 - our own programs
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime


def measure(programs: Mapping[str, str], rounds: int) -> Runs:
    """Run the programs in turn; the first round, which compiles, does not count."""
    runs: dict[str, list[float]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(rounds + 1):
            for name, program in programs.items():
                runs[name].append(cpu(program, cache))
    return {name: found[1:] for name, found in runs.items()}


def ratio(runs: Runs, name: str) -> float:
    """Return the median over that of the dependencies, in the same round."""
    pairs = zip(runs[name], runs[DEPENDENCIES], strict=True)
    return median(one / other for one, other in pairs)


def layout(runs: Runs) -> Table:
    """Lay out, ratios first."""
    return Table(
        title="From the start of Python to a client",
        headers=("imported", "x dependencies", "ms of CPU", "least", "most"),
        rows=[
            [
                name,
                f"{ratio(runs, name):.2f}",
                f"{median(found) * MILLI:.0f}",
                f"{min(found) * MILLI:.0f}",
                f"{max(found) * MILLI:.0f}",
            ]
            for name, found in runs.items()
        ],
        notes=[
            "CPU time of fresh interpreters, from their start to their end; medians."
        ],
    )


def add(names: Commands) -> None:
    """Add the benchmark to the command line."""
    parser = names.add_parser(NAME, help="from the start of Python to a client")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    record.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, print and write; 1 if the goal was missed."""
    runs = measure(PROGRAMS, QUICK_ROUNDS if options.quick else ROUNDS)
    return record.publish(
        options,
        NAME,
        [layout(runs)],
        {"seconds": runs},
        goals=[Goal("CPU over the dependencies'", ratio(runs, OURS), MOST)],
    )
