"""The detector of blocking calls works; without it, that promise has no test."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockingError

import cams_async


def compile_main(source: str) -> Callable[[], Awaitable[Any]]:
    """Compile a coroutine function `main` as if it were in the package."""
    names: dict[str, Any] = {}
    path = Path(cams_async.__path__[0], "pretended.py")
    exec(compile(source, str(path), "exec"), names)  # noqa: S102 - our own text
    main: Callable[[], Awaitable[Any]] = names["main"]
    return main


async def test_a_blocking_call_of_the_package_raises() -> None:
    """A blocking call in a coroutine of the package is an error."""
    main = compile_main("import time\nasync def main():\n    time.sleep(0.001)")

    with pytest.raises(BlockingError, match=r"time\.sleep"):
        await main()


async def test_the_package_may_block_a_thread() -> None:
    """The same call in a thread is allowed."""
    main = compile_main(
        "import asyncio, time\n"
        "async def main():\n"
        "    await asyncio.to_thread(time.sleep, 0.001)"
    )

    await main()


async def test_tests_may_block_the_loop(tmp_path: Path) -> None:
    """Only the package is watched."""
    await asyncio.sleep(0)

    tmp_path.joinpath("file").write_text("text")
