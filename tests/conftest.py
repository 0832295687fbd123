"""Fixtures of every test: a clean environment, simulated time, no blocked loop."""

import gc
import os
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trustme
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import HealthCheck, settings

from cams_async.client import CamsClient
from cams_async.credentials import KEY_ID, KEY_SECRET
from cams_async.emulator import Emulator
from cams_async.throttle import LocalThrottle, local
from tests import aioresponses_shim
from tests.cli_process import in_thread
from tests.clock import Clock
from tests.fakes import FAST
from tests.redis_server import RedisProcess

aioresponses_shim.install()

# `HYPOTHESIS_PROFILE=slow pytest` looks a hundred times as hard. Neither limits the
# time of an example: a busy machine may stand still in the midst of one.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fast", patient, max_examples=50)
settings.register_profile("slow", patient, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

# A shell's background job ignores Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

PROXIES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}

NOWHERE = str(Path(__file__).parent.joinpath("no such directory"))
"""The home directory of a test that needs none: it does not exist."""


def pytest_collection_finish() -> None:
    """Exempt objects that live as long as the session from garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _clean_environment(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Hide the developer's own credentials, profiles and proxies."""
    for name in list(os.environ):
        if name.startswith("ALIBABA_CLOUD_") or name.lower() in PROXIES:
            monkeypatch.delenv(name)
    # Most tests need no directory: making one for each takes longer than the tests.
    home = NOWHERE
    if "tmp_path" in request.fixturenames:
        home = str(request.getfixturevalue("tmp_path"))
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("USERPROFILE", home)


# For the whole session: to set it up takes longer than most tests.
@pytest.fixture(scope="session", autouse=True)
def blockbuster() -> Iterator[BlockBuster]:
    """Fail where code of the package blocks the event loop."""
    with blockbuster_ctx("cams_async") as detector:
        for function in detector.functions.values():
            # On purpose: simulated time stands still until a thread is done.
            function.can_block_in("tests/clock.py", "run_in_executor")
            # Measuring coverage waits for a moment where threads are many.
            function.can_block_in("coverage/collector.py", "lock_data")
        yield detector


@pytest.fixture(autouse=True)
def _own_throttle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a default throttle of its own, not one with calls of other tests."""
    monkeypatch.setattr(local, "_default", LocalThrottle())


@pytest.fixture
def clock() -> Clock:
    """Return a clock whose `run(main())` takes simulated time only."""
    return Clock()


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """Run an emulator for one test."""
    async with Emulator(qps=FAST) as running:
        yield running


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[CamsClient]:
    """Return a client of that emulator."""
    async with CamsClient(
        emulator.credentials,
        endpoint=emulator.endpoint,
        qps=FAST,
        throttle=LocalThrottle(),
    ) as cams:
        yield cams


@pytest.fixture(scope="module")
def _threaded_emulator() -> Iterator[Emulator]:
    # No number ever changes its status, so that a test can compare it later.
    with in_thread(Emulator(phone_numbers=250, qps=FAST, settle=None)) as running:
        yield running


@pytest.fixture
def cams(
    _threaded_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Emulator]:
    """Return an emulator for commands, which find its credentials.

    It has 250 numbers, and runs in a thread. The working directory is empty.
    """
    credentials = _threaded_emulator.credentials
    monkeypatch.setenv(KEY_ID, credentials.access_key_id)
    monkeypatch.setenv(KEY_SECRET, credentials.access_key_secret.reveal())
    monkeypatch.chdir(tmp_path)
    yield _threaded_emulator
    _threaded_emulator.faults.clear()


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """Run a Redis that all tests share; skip them where there is none."""
    with RedisProcess(tmp_path_factory.mktemp("redis")) as process:
        yield process


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return a CA that no system trusts."""
    return trustme.CA()


@pytest.fixture
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """Return a TLS context for a server at 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def client_context(authority: trustme.CA) -> ssl.SSLContext:
    """Return a TLS context that trusts the CA."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
