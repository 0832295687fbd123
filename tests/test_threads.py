"""One limit for all threads of a process, judged at the server."""

import asyncio
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.request import urlopen

import pytest
from attrs import asdict

from cams_async.emulator import Emulator
from tests.callers import LoopFactory, Target, emulated, in_threads, judged
from tests.cli_process import PATIENCE, ROOT, environment
from tests.django_project import served


def uvloop_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop of uvloop, or skip the test where there is none."""
    loop: asyncio.AbstractEventLoop
    loop = pytest.importorskip("uvloop").new_event_loop()
    return loop


LOOPS: list[LoopFactory] = [asyncio.new_event_loop, uvloop_loop]


def run_program(emulator: Emulator, ceiling: float, **options: Any) -> dict[str, Any]:
    """Run `tests.thread_programs` in a process of its own; return what it prints.

    The emulator would otherwise be late wherever the threads hold the GIL.
    """
    target = asdict(Target.of(emulator, ceiling))
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "tests.thread_programs", json.dumps([target, options])],
        cwd=ROOT,
        env=environment(emulator),
        stdout=subprocess.PIPE,
        timeout=3 * PATIENCE,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def check_threads(ceiling: float, each: int, loop_factory: LoopFactory) -> float:
    """Make calls from four threads; return the seconds from the first to the last."""
    with emulated(ceiling) as emulator:
        target = Target.of(emulator, ceiling)

        in_threads([partial(target.calls, each)] * 4, loop_factory=loop_factory)

        action = judged(emulator)
    assert action.executed == 4 * each
    assert action.first is not None
    assert action.last is not None
    return action.last - action.first


@pytest.mark.parametrize(
    "loop_factory", [LOOPS[0], pytest.param(LOOPS[1], marks=pytest.mark.slow)]
)
def test_four_threads_share_one_limit(loop_factory: LoopFactory) -> None:
    """Each has an event loop and a client of its own, asyncio's or uvloop's."""
    seconds = check_threads(40.0, 25, loop_factory)

    assert 2.0 <= seconds <= 4.0


@pytest.mark.slow
@pytest.mark.parametrize("loop_factory", LOOPS)
def test_forty_calls_in_each_of_four_threads_all_succeed(
    loop_factory: LoopFactory,
) -> None:
    """None is throttled, and the ceiling is used."""
    seconds = check_threads(10.0, 40, loop_factory)

    assert 15.0 <= seconds <= 18.0


def test_asynchronous_views_in_threads_share_one_limit() -> None:
    """Django runs an event loop for each request; fifty come at once."""

    def get(url: str) -> str:
        with urlopen(url, timeout=PATIENCE) as response:  # noqa: S310 - our own server
            text: str = response.read().decode()
            return text

    with emulated(20.0) as emulator:
        with served(Target.of(emulator, 20.0)) as url, ThreadPoolExecutor(50) as pool:
            assert ["done"] * 50 == list(pool.map(get, [url] * 50))

        assert judged(emulator).executed == 50


@pytest.mark.slow
@pytest.mark.parametrize("ceiling", [10.0, 250.0])
def test_a_blocked_loop_costs_the_others_nothing(ceiling: float) -> None:
    """Four loops make as many calls while one of them is blocked for 2 s."""

    def count(blocked: float) -> int:
        with emulated(ceiling) as emulator:
            run_program(emulator, ceiling, name="blocked", seconds=10, blocked=blocked)
            return judged(emulator).executed

    undisturbed = count(0.0)

    assert count(2.0) >= 0.95 * undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_stalls_cancellations_and_collections_lose_no_permit(seed: int) -> None:
    """Threads switch each 10 us, stall, are cancelled, and collect garbage."""
    with emulated(50.0) as emulator:
        result = run_program(emulator, 50.0, name="stalled", seconds=8, seed=seed)

        judged(emulator)
    assert result["cancelled"] > 50
    assert result["completed"] > 50
    assert result["left"] == {"waiting": 0, "in_flight": 0, "cooling": 0}
    # A call that waits for a lease waits for longer than a second.
    assert result["waited"] < 1.0


@pytest.mark.slow
def test_a_forked_process_takes_over_the_leases_but_no_lock() -> None:
    """The calls of both, around the fork, are within the limit."""
    with emulated(latency=(0.3, 0.3)) as emulator:
        result = run_program(emulator, 10.0, name="forked")

        assert judged(emulator).executed == 25
    assert result == {"hung": 0, "failed": 0, "forks": 51}
