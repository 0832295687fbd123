"""What README says is what the package does."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cams_async import errors
from cams_async.cli.program import COMMANDS
from cams_async.operations import OPERATIONS

ROOT = Path(__file__).parent.parent
README = ROOT.joinpath("README.md").read_text("utf-8")
PYTHON_BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SHELL_BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


def test_the_operations_table_is_the_registry() -> None:
    """Each operation stands in the table with its ceiling, class and summary."""
    rows = re.findall(
        r"^\| `(\w+)` \| (\S+) \| (\w+) \| (.*) \|$", README, re.MULTILINE
    )

    expected = [
        (
            re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower(),
            f"{operation.qps:g}",
            "yes" if operation.retry_safe else "no",
            (operation.__doc__ or "").partition("\n")[0],
        )
        for action, operation in OPERATIONS.items()
    ]

    assert expected == rows


def test_every_error_is_named() -> None:
    """A reader who looks for an error's name finds it."""
    names = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.CamsError)
    ]

    assert [] == [name for name in names if f"`{name}`" not in README]


def test_every_python_block_compiles() -> None:
    """Examples are at least valid Python."""
    assert PYTHON_BLOCKS
    for block in PYTHON_BLOCKS:
        compile(block, "README.md", "exec")


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ("asyncio.gather(", "20 answers; the ceiling held: True\n"),
        ("poll(", "VerificationStatusResponse\n" * 20),
    ],
)
def test_the_examples_on_the_emulator_run(marker: str, expected: str) -> None:
    """The examples that need no account print what they promise."""
    (block,) = [block for block in PYTHON_BLOCKS if marker in block]

    done = subprocess.run(  # noqa: S603 - our own README
        [sys.executable, "-W", "error", "-c", block],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )

    assert (0, expected) == (done.returncode, done.stdout)


def test_every_command_is_listed() -> None:
    """A reader finds each command in the table."""
    names = list(COMMANDS)

    assert [] == [name for name in names if f"| `cams-async {name}" not in README]


@pytest.mark.slow
def test_the_example_with_files_runs(tmp_path: Path) -> None:
    """What a reader pastes into a shell leads from an input file to an output file."""
    (block,) = [block for block in SHELL_BLOCKS if "--write-numbers" in block]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = tmp_path / "cams-async"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cams_async "$@"\n')
    program.chmod(0o755)
    _, *lines = block.replace(".venv/bin", str(tmp_path)).splitlines()
    script = "\n".join(["set -e", *lines])
    script = script.replace("300", f"12 --port {port}").replace("8080", str(port))

    done = subprocess.run(  # noqa: S603 - our own README
        ["/bin/sh", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )

    assert 0 == done.returncode
    assert "12 of 12 rows are in status.jsonl" in done.stderr
    assert 12 == len((tmp_path / "status.jsonl").read_text("utf-8").splitlines())
