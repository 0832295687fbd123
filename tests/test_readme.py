"""What README says is what the package does."""

import re
import subprocess
import sys
from pathlib import Path

from cams_async import errors
from cams_async.operations import OPERATIONS

README = Path(__file__).parent.parent.joinpath("README.md").read_text("utf-8")
PYTHON_BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_operations_table_is_the_registry() -> None:
    """Each operation stands in the table with its ceiling, class and summary."""
    rows = re.findall(
        r"^\| `(\w+)` \| (\S+) \| (\w+) \| (.*) \|$", README, re.MULTILINE
    )

    expected = [
        (
            re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower(),
            f"{operation.qps:g}",
            operation.resend.value,
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


def test_the_example_on_the_emulator_runs() -> None:
    """The example that needs no account prints that the ceiling held."""
    (block,) = [block for block in PYTHON_BLOCKS if "Emulator" in block]

    done = subprocess.run(  # noqa: S603 - our own README
        [sys.executable, "-W", "error", "-c", block],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )

    assert (0, "20 answers; the ceiling held: True\n") == (done.returncode, done.stdout)
