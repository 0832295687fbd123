"""A real Redis over a real network: passwords, TLS, cuts, restarts, and real time."""

# pyright: reportPrivateUsage=false

import asyncio
import logging
import re
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from typing import TypeAlias

import pytest
import trustme

import cams_async.redis
from cams_async.errors import CamsError, ConfigurationError
from cams_async.models import Scope
from cams_async.redis import RedisThrottle
from cams_async.redis.server import RULES, RedisServer, Unreachable
from tests.redis_server import (
    REQUIRED,
    Proxy,
    RedisProcess,
    connect,
    find_redis_server,
    free_port,
)
from tests.simulation import shortest_span
from tests.undisturbed import undisturbed

PAGE = Path(__file__).parent.parent / "docs" / "redis.md"
PASSWORD = "canary-of-a-password"


def scope(account: str, qps: float = 10.0) -> Scope:
    """Return a scope."""
    return Scope(account=account, region="r", action="Act", qps=qps)


async def call(
    throttle: RedisThrottle, where: Scope, random: Random, arrivals: list[float]
) -> None:
    """Make a call, and note when a server counts it."""
    async with throttle.acquire(where) as permit:
        permit.sent()
        await asyncio.sleep(random.uniform(0.005, 0.05))
        arrivals.append(asyncio.get_running_loop().time())
        await asyncio.sleep(random.uniform(0.005, 0.05))
        permit.completed()


# Rights, and errors where they are missing


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where a certificate for 127.0.0.1 is, its key, and who signed it."""
    directory = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(directory / "ca.pem")
    issued.private_key_pem.write_to_path(directory / "key.pem")
    issued.cert_chain_pems[0].write_to_path(directory / "cert.pem")
    return directory


@pytest.fixture(scope="module")
def guarded(
    certificates: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """Run a Redis with TLS and a password; return its port for TLS."""
    port = free_port()
    options = (
        *("--tls-port", str(port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(certificates / "cert.pem")),
        *("--tls-key-file", str(certificates / "key.pem")),
        *("--tls-ca-cert-file", str(certificates / "ca.pem")),
        *("--requirepass", PASSWORD),
    )
    with RedisProcess(tmp_path_factory.mktemp("guarded"), *options):
        yield port


async def first_permit(url: str) -> None:
    """Take a permit."""
    async with RedisThrottle.from_url(url) as throttle, throttle.acquire(scope("a")):
        pass


@pytest.mark.slow
async def test_tls_and_a_password_work(guarded: int, certificates: Path) -> None:
    """Both come in the URL."""
    await first_permit(
        f"rediss://:{PASSWORD}@127.0.0.1:{guarded}/0"
        f"?ssl_ca_certs={certificates / 'ca.pem'}"
    )


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("rediss://:{wrong}@127.0.0.1:{port}/0?ssl_ca_certs={ca}", "password"),
        ("rediss://nobody:{password}@127.0.0.1:{port}?ssl_ca_certs={ca}", "password"),
        ("rediss://127.0.0.1:{port}/0?ssl_ca_certs={ca}", "password"),
        ("rediss://:{password}@127.0.0.1:{port}/0", "certificate"),
        ("rediss://:{password}@127.0.0.1:{port}/77?ssl_ca_certs={ca}", "ResponseError"),
    ],
)
async def test_rejected_credentials_raise_at_the_first_permit(
    url: str,
    why: str,
    guarded: int,
    certificates: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In a typed error, without the password in it, in logs, or in what caused it."""
    filled = url.format(
        port=guarded,
        ca=certificates / "ca.pem",
        password=PASSWORD,
        wrong=f"wrong-{PASSWORD}",
    )

    with caplog.at_level(logging.DEBUG), pytest.raises(CamsError) as caught:
        await first_permit(filled)

    assert isinstance(caught.value, ConfigurationError)
    assert caught.value.field == "url"
    assert why in str(caught.value)
    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert PASSWORD not in told


@pytest.mark.slow
@pytest.mark.parametrize("database", [0, 1])
async def test_a_user_with_the_documented_rights_is_served(
    database: int, tmp_path: Path
) -> None:
    """Another database takes one right more, and the error names it."""
    user = ("--user", "few", "on", "nopass", *RULES.split())
    more = ("--user", "more", "on", "nopass", *RULES.split(), "+select")
    with RedisProcess(tmp_path, *user, *more) as process:
        url = process.url.replace("/0", f"/{database}")
        await first_permit(url.replace("//", "//more:any@"))
        if database == 0:
            await first_permit(url.replace("//", "//few:any@"))
        else:
            with pytest.raises(ConfigurationError, match=r"\+select"):
                await first_permit(url.replace("//", "//few:any@"))


@pytest.mark.parametrize("missing", RULES.split())
async def test_missing_rights_are_named(missing: str, tmp_path: Path) -> None:
    """Whether it is a right of the script, or one to run it; each is needed."""
    allowed = [rule for rule in RULES.split() if rule != missing]
    user = ("--user", "few", "on", "nopass", *allowed)
    with RedisProcess(tmp_path, *user) as process:
        url = process.url.replace("//", "//few:any@")
        with pytest.raises(ConfigurationError, match=re.escape(RULES)):
            await first_permit(url)


def test_what_is_needed_is_documented() -> None:
    """To the letter, where users look."""
    for told in (cams_async.redis.__doc__, PAGE.read_text("utf-8")):
        assert RULES in " ".join((told or "").split())


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--min-replicas-to-write", "1"), "too few replicas"),
        (
            ("--replicaof", "127.0.0.1", "1", "--replica-serve-stale-data", "no"),
            "whose master is away",
        ),
    ],
)
async def test_a_redis_that_evicts_the_state_is_reported(
    options: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    """The error repeats the cause that the server gives."""
    with (
        RedisProcess(tmp_path, *options) as process,
        pytest.raises(ConfigurationError, match=why),
    ):
        await first_permit(process.url)


async def test_a_redis_that_cannot_save_is_reported(tmp_path: Path) -> None:
    """It is configured to take no writes then."""
    with RedisProcess(tmp_path, "--dbfilename", "taken") as process:
        (tmp_path / "taken").mkdir()
        async with connect(process.url) as redis:
            await redis.config_set("save", "3600 1")
            await redis.set("one", "two")
            await redis.bgsave()
            while (await redis.info("persistence"))["rdb_last_bgsave_status"] == "ok":  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
        with pytest.raises(ConfigurationError, match="cannot save"):
            await first_permit(process.url)


async def test_a_replica_is_recognized(redis: RedisProcess, tmp_path: Path) -> None:
    """It cannot keep books."""
    options = ("--replicaof", "127.0.0.1", str(redis.port))
    with RedisProcess(tmp_path, *options) as replica:
        url = replica.url
        for _ in range(50):
            try:
                await first_permit(url)
            except ConfigurationError as error:
                if "replica" in str(error):
                    return
            await asyncio.sleep(0.1)
    pytest.fail("it was never told")


async def test_a_server_that_is_no_redis_is_reported() -> None:
    """It responds in another protocol."""

    def response(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(response, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(ConfigurationError, match="failed"):
            await first_permit(f"redis://127.0.0.1:{port}")


async def test_a_closed_port_is_unreachable() -> None:
    """A refused connection may succeed later."""
    server = RedisServer(f"redis://127.0.0.1:{free_port()}")

    with pytest.raises(Unreachable, match="Connection"):
        await server.run([], [])

    await server.aclose()


async def test_any_error_of_the_system_is_unreachable(
    redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where redis-py lets an error of the system's through."""
    server = RedisServer(redis.url)

    async def fail(**_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(server, "_script", fail)

    with pytest.raises(Unreachable, match="BrokenPipeError"):
        await server.run([], [])

    await server.aclose()


def test_a_missing_server_is_never_overlooked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere it is skipped with one line; where CI runs it is a failure."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv(REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="no redis-server"):
        find_redis_server()

    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="no redis-server"):
        find_redis_server()


# Nothing is left behind


@pytest.mark.slow
async def test_nothing_is_left_after_closing(redis: RedisProcess) -> None:
    """No task, no connection, on a network that was cut and held up, too."""
    arrivals: list[float] = []
    async with Proxy(redis.port) as proxy:
        before = asyncio.all_tasks()
        async with RedisThrottle.from_url(proxy.url) as throttle:
            where, random = scope("left"), Random(1)
            calls = [
                asyncio.create_task(call(throttle, where, random, arrivals))
                for _ in range(8)
            ]
            await asyncio.sleep(0.2)
            proxy.cut()
            await asyncio.sleep(0.2)
            proxy.stall()
            await asyncio.sleep(0.7)
            proxy.flow()
            calls.pop().cancel()
            await asyncio.gather(*calls)
        for _ in range(100):
            if not proxy.connections:
                break
            await asyncio.sleep(0.01)

        assert proxy.connections == 0
        assert len(arrivals) == 7
        assert not [
            task
            for task in asyncio.all_tasks() - before
            if "cams_async" in str(task.get_coro())
        ]


# Real time, real processes of Redis


async def cut(random: Random, proxies: list[Proxy], *_: RedisProcess) -> None:
    """Break the connections of one worker."""
    random.choice(proxies).cut()


async def stall(_: Random, proxies: list[Proxy], *__: RedisProcess) -> None:
    """Hold up the network for two seconds."""
    for proxy in proxies:
        proxy.stall()
    await asyncio.sleep(2)
    for proxy in proxies:
        proxy.flow()


async def restart(
    random: Random, _: list[Proxy], first: RedisProcess, __: RedisProcess
) -> None:
    """Start Redis again, empty, after a while."""
    first.stop()
    await asyncio.sleep(random.uniform(0.1, 2))
    await asyncio.to_thread(first.start)


async def replace(
    _: Random, proxies: list[Proxy], __: RedisProcess, second: RedisProcess
) -> None:
    """Lead everybody to another Redis."""
    for proxy in proxies:
        proxy.target = second.port
        proxy.cut()


Mischief: TypeAlias = Callable[
    [Random, list[Proxy], RedisProcess, RedisProcess], Awaitable[None]
]

MISCHIEF: list[Mischief] = [cut, stall, restart, replace]


@undisturbed
async def story(seed: int, directory: Path) -> list[float]:
    """Let three workers call through trouble; return when a server counted each."""
    random = Random(seed)
    arrivals: list[float] = []
    where = scope(f"story {seed}", qps=random.choice([5.0, 10.0]))
    first, second = RedisProcess(directory), RedisProcess(directory)
    with first, second:
        proxies = [Proxy(first.port) for _ in range(3)]
        for proxy in proxies:
            await proxy.__aenter__()
        throttles = [RedisThrottle.from_url(proxy.url) for proxy in proxies]
        calls = [
            asyncio.create_task(call(throttle, where, random, arrivals))
            for throttle in throttles
            for _ in range(20)
        ]
        for _ in range(4):
            await asyncio.sleep(random.uniform(0.5, 2))
            faults = random.choice(MISCHIEF)
            await faults(random, proxies, first, second)
            for each in random.sample(calls, 2):
                each.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        for throttle in throttles:
            await throttle.aclose()
        for proxy in proxies:
            await proxy.__aexit__(None, None, None)
    assert sum(each.cancelled() for each in calls) + len(arrivals) >= 60 - 12
    assert not [each for each in calls if not each.cancelled() and each.exception()]
    span = shortest_span(arrivals, int(where.qps) + 1)
    assert span >= 1.0
    return arrivals


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(0, marks=pytest.mark.slow),
        *(pytest.param(first, marks=pytest.mark.nightly) for first in (6, 12, 18)),
    ],
)
async def test_the_ceiling_holds_in_real_time(first: int, tmp_path: Path) -> None:
    """Cuts, a pause of the network, restarts, another server: six stories at once."""
    directories = [tmp_path / str(seed) for seed in range(first, first + 6)]
    for directory in directories:
        directory.mkdir()

    await asyncio.gather(
        *(story(first + place, each) for place, each in enumerate(directories))
    )
