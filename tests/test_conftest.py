"""What conftest.py promises to every test holds."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockingError

import cams_async
from tests.clock import Clock


def coroutine_of_the_package(source: str) -> Callable[[], Awaitable[Any]]:
    """Compile a coroutine function `main` as if it stood in the package."""
    names: dict[str, Any] = {}
    path = Path(cams_async.__path__[0], "pretended.py")
    exec(compile(source, str(path), "exec"), names)  # noqa: S102 - our own text
    main: Callable[[], Awaitable[Any]] = names["main"]
    return main


def test_home_is_a_directory_of_the_test(tmp_path: Path) -> None:
    """Profiles of whoever runs the tests are out of sight."""
    assert Path.home() == tmp_path


def test_without_a_directory_there_is_no_home() -> None:
    """Neither is there anything to be read, nor can anything be left behind."""
    assert not Path.home().exists()


def test_no_credentials_or_proxies_come_from_outside() -> None:
    """A variable of the shell neither helps nor hurts a test."""
    names = {name.lower() for name in os.environ}

    assert not [name for name in names if name.startswith("alibaba_cloud_")]
    assert not names & {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}


async def test_the_package_cannot_block_the_loop() -> None:
    """A blocking call in a coroutine of the package is an error."""
    main = coroutine_of_the_package(
        "import time\nasync def main():\n    time.sleep(0.001)"
    )

    with pytest.raises(BlockingError, match=r"time\.sleep"):
        await main()


async def test_the_package_can_block_a_thread() -> None:
    """The same call is welcome in a thread."""
    main = coroutine_of_the_package(
        "import asyncio, time\n"
        "async def main():\n"
        "    await asyncio.to_thread(time.sleep, 0.001)"
    )

    await main()


def test_the_package_can_use_threads_in_simulated_time(clock: Clock) -> None:
    """Waiting for a thread stands still the clock, not the loop of the package."""
    main = coroutine_of_the_package(
        "import asyncio, threading\n"
        "async def main():\n"
        "    return await asyncio.to_thread(threading.get_ident)"
    )

    async def run() -> object:
        return await main()

    assert clock.run(run()) != threading.get_ident()


async def test_tests_may_block_the_loop(tmp_path: Path) -> None:
    """Only the package is watched: a test reads its files as it likes."""
    await asyncio.sleep(0)

    tmp_path.joinpath("file").write_text("text")
