"""A Redis that refuses: each error is named as what it is, without the password."""

# pyright: reportPrivateUsage=false

import asyncio
import logging
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
from attrs import evolve

from cams_async.errors import CamsError, ConfigurationError, ThrottleUnavailable
from cams_async.models import Scope
from cams_async.redis import RedisThrottle, waiting
from cams_async.redis.server import (
    RULES,
    RedisServer,
    Refusal,
    Unreachable,
    _address,
    new_pool,
)
from cams_async.redis.step import Step, Terms, keys
from cams_async.secret import Secret
from tests.redis_server import Proxy, RedisProcess, connect, free_port
from tests.simulation import shortest_span
from tests.undisturbed import undisturbed

PASSWORD = "canary"

SCOPE = Scope(account="a", region="r", action="Act", qps=10.0)

GRANTED = (
    b"*10\r\n:1\r\n:-1\r\n:-1\r\n:1\r\n:1\r\n$2\r\n10\r\n:0\r\n:0\r\n$2\r\n10\r\n*0\r\n"
)
"""The script's reply with a slot."""

RIGHTS = f"gives this user too few rights: it needs {RULES}"

# The words of Redis 7 and 6.2, and of proxies. The canary stands for whatever a server
# may repeat of what it was sent.
ERRORS = {
    "MOVED 3999 127.0.0.1:6381": "is a node of a cluster, and another node has",
    "ASK 3999 127.0.0.1:6381": "is a node of a cluster that is moving the keys",
    "CLUSTERDOWN Hash slot not served": "belongs to a cluster that is down",
    "CLUSTERDOWN The cluster is down canary": "belongs to a cluster that is down",
    "OOM command not allowed when used memory > 'maxmemory'.": "is out of memory",
    "ERR Error running script (call to f_0): @user_script:1: -OOM command not allowed "
    "when used memory > 'maxmemory'.": "is out of memory",
    "READONLY You can't write against a read only replica. script: 0, on "
    "@user_script:92.": "is a read-only replica",
    "ERR Error running script (call to f_0): @user_script:92: -READONLY You can't "
    "write against a read only replica.": "is a read-only replica",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to "
    "'no'.": "is a replica whose master is away",
    "NOREPLICAS Not enough good replicas to write.": "has too few replicas",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to "
    "persist to disk.": "takes no writes, since it cannot save them",
    "NOAUTH Authentication required.": "requires a password",
    "ERR Protocol error: unauthenticated multibulk length": "requires a password",
    "WRONGPASS invalid username-password pair canary": "refused the user name or the",
    "NOPERM User canary has no permissions to run the 'evalsha' command": RIGHTS,
    "ERR The user executing the script can't run this command or subcommand": RIGHTS,
    "ERR bad lua script for redis cluster, all the keys that the script uses should be "
    "passed using the KEYS array": "refused the throttle's script",
    "ERR Error compiling script (new function): user_script:1: canary": "refused the "
    "throttle's script",
    "ERR unknown command `EVALSHA`, with args beginning with: `canary`": "lacks a "
    "command of the throttle",
    "NOSCRIPT No matching script. Please use EVAL.": "does not keep the script",
    "WRONGTYPE Operation against a key holding the wrong kind of value": "holds "
    "something else under the throttle's keys",
    "ERR canary": "failed (ResponseError)",
}

PASSING = {
    "LOADING Redis is loading the dataset in memory": "is still loading its data",
    "ERR max number of clients reached": "has as many clients as it allows",
}


async def command(reader: asyncio.StreamReader) -> bytes:
    """Read a command and return its name."""
    count = int((await reader.readuntil(b"\r\n"))[1:])
    words: list[bytes] = []
    for _ in range(count):
        size = int((await reader.readuntil(b"\r\n"))[1:])
        words.append((await reader.readexactly(size + 2))[:-2])
    return words[0]


@asynccontextmanager
async def speaking(replies: Callable[[], bytes]) -> AsyncGenerator[int]:
    """Run a server that replies so to the script; yield its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                named = await command(reader)
                writer.write(replies() if named != b"AUTH" else b"+OK\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def url(port: int) -> str:
    """Return where a server is, with a password that must not be shown."""
    return f"redis://:{PASSWORD}@127.0.0.1:{port}/0"


async def permit(throttle: RedisThrottle) -> None:
    """Take a permit."""
    async with throttle.acquire(SCOPE):
        pass


@pytest.mark.parametrize(
    ("line", "meaning"), [*ERRORS.items(), *PASSING.items()], ids=str
)
async def test_an_error_is_named_as_what_it_is(
    line: str,
    meaning: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In what the first call raises, and in warnings and errors later on."""
    monkeypatch.setattr(waiting, "PATIENCE", 0.0)
    error = f"-{line}\r\n".encode()
    replies = [error]
    async with speaking(lambda: replies[-1]) as port:
        named = f"127.0.0.1:{port} {meaning}"
        async with RedisThrottle.from_url(url(port)) as throttle:
            with pytest.raises(CamsError) as first:
                await permit(throttle)
            replies.append(GRANTED)
            await permit(throttle)
            replies.append(error)
            caplog.clear()
            with pytest.raises(ThrottleUnavailable) as later:
                await permit(throttle)
            replies.append(GRANTED)

    refused = ThrottleUnavailable if line in PASSING else ConfigurationError
    assert type(first.value) is refused
    assert named in str(first.value)
    assert f"Redis is away: {named}" in str(later.value)
    (warning,) = (each for each in caplog.records if each.levelno >= logging.WARNING)
    assert f"Act: Redis is away: {named}" in warning.getMessage()
    assert PASSWORD not in f"{first.value!r} {later.value!r} {caplog.text}"


@pytest.mark.parametrize("stalled", [False, True])
async def test_a_server_that_does_not_respond_is_named(
    *, stalled: bool, redis: RedisProcess
) -> None:
    """With its address, and how it failed."""
    async with Proxy(redis.port if stalled else free_port()) as proxy:
        proxy.stall()
        server = RedisServer(proxy.url)
        how = "TimeoutError" if stalled else "Connection"
        with pytest.raises(Unreachable, match=rf":{proxy.port} gave no reply \({how}"):
            await server.run([], [])
        await server.aclose()


@pytest.mark.parametrize(
    ("where", "address"),
    [
        ("redis://", "localhost:6379"),
        ("redis://user:canary@10.0.0.7", "10.0.0.7:6379"),
        ("redis://:canary@example.com:7000/3", "example.com:7000"),
        ("redis://example.com?password=canary&username=user", "example.com:6379"),
        ("rediss://user:canary@[::1]:6380", "[::1]:6380"),
        ("unix://user:canary@/run/redis@1.sock?db=3", "/run/redis@1.sock"),
        ("redis://10.0.0.7?password=canary@canary", "10.0.0.7:6379"),
    ],
)
def test_an_address_is_shown_without_the_password(where: str, address: str) -> None:
    """However the URL is written."""
    assert _address(new_pool(Secret(where)).connection_kwargs) == address


# A planned fail-over


def write() -> list[str | int | float]:
    """Return the arguments of a step."""
    terms = Terms(worker="w", ceiling=10.0, margin=0.01, max_transit=1.0, grace=1.0)
    return Step(terms=terms, call="c").arguments(0.0)


async def demote(old: RedisProcess, new: RedisProcess) -> None:
    """Make a server the other's replica; its connections stay open."""
    async with connect(old.url) as client:
        await client.replicaof("127.0.0.1", new.port)


async def test_a_demoted_master_is_left(tmp_path: Path) -> None:
    """It keeps its connections alive, but the address leads elsewhere by now."""
    old, new = RedisProcess(tmp_path), RedisProcess(tmp_path)
    with old, new:
        async with Proxy(old.port) as proxy:
            server = RedisServer(proxy.url)
            await server.run(keys(SCOPE), write())
            await demote(old, new)
            proxy.target = new.port
            with pytest.raises(Refusal, match="read-only replica"):
                await server.run(keys(SCOPE), write())
            await server.run(keys(SCOPE), write())
            await server.aclose()


@pytest.mark.slow
@undisturbed
async def test_a_fleet_follows_a_planned_fail_over(tmp_path: Path) -> None:
    """Every call is served, within seconds, and the ceiling holds throughout."""
    arrivals: list[float] = []
    old, new = RedisProcess(tmp_path), RedisProcess(tmp_path)
    loop = asyncio.get_running_loop()
    with old, new:
        async with (
            Proxy(old.port) as first,
            Proxy(old.port) as second,
            RedisThrottle.from_url(first.url) as one,
            RedisThrottle.from_url(second.url) as other,
        ):

            async def work(throttle: RedisThrottle) -> None:
                for _ in range(10):
                    async with throttle.acquire(SCOPE) as permit:
                        assert permit.sent()
                        arrivals.append(loop.time())
                        permit.completed()

            works = [asyncio.create_task(work(each)) for each in (one, other) * 3]
            await asyncio.sleep(4.5)
            first.target = second.target = new.port
            await demote(old, new)
            at = loop.time()
            await asyncio.gather(*works)

    assert len(arrivals) == 60
    assert 5 < sum(each < at for each in arrivals) < 55
    assert min(each for each in arrivals if each > at) < at + 3.01 + 2
    assert shortest_span(arrivals, 11) >= 1.0


# A process that stands still

STOPPED = """
import asyncio, os, signal, sys
from cams_async.models import Scope
from cams_async.redis import RedisThrottle

async def main():
    scope = Scope(account="stopped", region="r", action="Act", qps=1.0)
    async with RedisThrottle.from_url(sys.argv[1]) as throttle:
        async with throttle.acquire(scope) as turn:
            os.kill(os.getpid(), signal.SIGSTOP)
            print(turn.sent())

asyncio.run(main())
"""


def stopped(process: int) -> bool:
    """Whether a process is stopped by a signal."""
    return "State:\tT" in Path(f"/proc/{process}/status").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("stands_still", [True, False])
def test_a_process_that_stood_still_does_not_send(
    *, stands_still: bool, redis: RedisProcess
) -> None:
    """Stopped between its grant and the first byte, while another got the slot."""

    async def take_the_slot() -> None:
        scope = evolve(SCOPE, account="stopped", qps=1.0)
        async with (
            RedisThrottle.from_url(redis.url) as throttle,
            throttle.acquire(scope) as permit,
        ):
            assert permit.sent()
            permit.completed()

    command = [sys.executable, "-c", STOPPED, redis.url]
    with Popen(command, stdout=PIPE) as child:  # noqa: S603 - our own text
        while not stopped(child.pid):
            time.sleep(0.01)
        if stands_still:
            asyncio.run(take_the_slot())
        child.send_signal(signal.SIGCONT)
        printed, _ = child.communicate()

    assert printed.split() == [str(not stands_still).encode()]
    assert child.returncode == 0
