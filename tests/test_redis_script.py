"""The script and its clock, called directly, with the time as an argument."""

import re
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from cams_async.models import Scope
from cams_async.redis.clock import ClockWatch
from cams_async.redis.server import OLDEST, RedisServer
from cams_async.redis.step import SCRIPT, SECOND, News, Reply, Step, Terms, keys
from cams_async.throttle.adaptive import AdaptiveLimit
from tests.redis_server import RedisProcess
from tests.simulation import shortest_span

START = 3.01
"""Seconds until the slots of new books are free."""

numbers = count()


class Books:
    """A scope's books in Redis, at a time of the test's choice."""

    def __init__(self, client: "Redis", ceiling: float = 10.0) -> None:
        self._client = client
        self._script = client.register_script(SCRIPT)
        self.ceiling = ceiling
        self.now = 1e9
        self.run = "run0"
        self.version = "7.0.15"
        where = Scope(account=f"script {next(numbers)}", region="", action="", qps=1.0)
        self.keys = keys(where)

    def step(
        self,
        worker: str = "w",
        call: str = "",
        *,
        ceiling: float | None = None,
        more: bool = False,
        news: tuple[News, ...] = (),
        distrusted: int = 0,
    ) -> Reply:
        """Run a step of this worker now."""
        terms = Terms(
            worker=worker,
            ceiling=ceiling or self.ceiling,
            margin=0.01,
            max_transit=1.0,
            grace=1.0,
        )
        step = Step(terms=terms, call=call, more=more, news=news, distrusted=distrusted)
        info = f"redis_version:{self.version}\r\nrun_id:{self.run}\r\n"
        now = round(self.now * SECOND)
        arguments: list[Any] = [now, info, *step.arguments(self.now)]
        return Reply.read(self._script(keys=self.keys, args=arguments))

    def begin(self) -> None:
        """Let the slots of new books become free."""
        self.step()
        self.now += START

    def forget(self) -> None:
        """Delete all."""
        self._client.delete(*self.keys)


@pytest.fixture(scope="module")
def client(redis: RedisProcess) -> Iterator["Redis"]:
    """Return a connection."""
    with Redis(port=redis.port) as connected:
        yield connected


@pytest.fixture
def books(client: "Redis") -> Iterator[Books]:
    """Return new books."""
    made = Books(client)
    yield made
    made.forget()


def test_new_books_have_no_free_slot(books: Books) -> None:
    """Earlier grants are not recorded."""
    assert not books.step(call="c").granted
    books.now += START - 0.001
    assert not books.step(call="c").granted
    books.now += 0.001
    assert books.step(call="c").granted


@pytest.mark.parametrize("seed", range(20))
def test_the_limit_is_that_of_one_process(seed: int, client: "Redis") -> None:
    """Both follow the same rules, to the last step."""
    random = Random(seed)
    ceiling = random.choice([1.0, 2.5, 5.0, 10.0, 50.0])
    books = Books(client, ceiling)
    limit = AdaptiveLimit(ceiling)
    books.begin()
    for _ in range(60):
        books.now = round(books.now + random.choice([0.0, 0.05, 0.4, 2.0, 30.0]), 6)
        if random.random() < 0.5:
            sent = round(books.now - random.choice([0.0, 0.1, 0.9]), 6)
            limit.refused(sent, books.now)
            reply = books.step(news=(News("refused", "c", sent),))
        else:
            reply = books.step()
        limit.leases(books.now)
        assert reply.limit == pytest.approx(limit.value)
    books.forget()


def test_a_shrink_at_the_end_of_the_second_does_not_wait_for_a_look(
    books: Books,
) -> None:
    """After an hour of silence the limit is back, not just about to fall."""
    books.begin()
    books.step(news=(News("refused", "c1", books.now - 0.1),))
    books.now += 0.2
    assert books.step(news=(News("refused", "c2", books.now - 0.1),)).limit == 7.0

    books.now += 3600

    assert books.step().limit == 10.0


@pytest.mark.parametrize("seed", range(10))
def test_an_announced_wait_is_never_too_long(seed: int, client: "Redis") -> None:
    """A worker that calls again when the reply advised has not missed its permit."""
    random = Random(seed)
    books = Books(client, random.choice([1.0, 5.0, 10.0]))
    books.begin()
    told: dict[str, float] = {}
    for number in range(300):
        books.now += random.uniform(0.0, 0.1)
        worker = "abcdef"[number % 6]  # none is away for so long as to be dropped
        reply = books.step(worker, f"{worker}:{number}")
        if reply.granted:
            assert books.now >= told.pop(worker, 0.0) - 1e-5
            news = News("answered", f"{worker}:{number}", books.now)
            books.step(worker, news=(news,))
        else:
            told[worker] = books.now + reply.wait
            assert reply.rest is not None
            assert reply.rest <= max(1.0, reply.wait)
    books.forget()


def test_workers_are_served_in_the_order_of_their_requests(books: Books) -> None:
    """A worker that has gone joins at the end."""
    books.ceiling = 1.0
    order: list[str] = []
    for number in range(500):
        books.now += 0.05
        for worker in random_order("abc", number) if number else "abc":
            call = f"{worker}{number}"
            if books.step(worker, call, more=True).granted:
                order.append(worker)
                books.step(
                    worker,
                    call + "'",
                    more=True,
                    news=(News("answered", call, books.now),),
                )

    assert len(order) > 15
    assert order == [*"abc" * len(order)][: len(order)]


def random_order(workers: str, seed: int) -> list[str]:
    """Return the workers, shuffled."""
    return Random(seed).sample(workers, len(workers))


def test_a_worker_that_does_not_come_back_loses_its_place(books: Books) -> None:
    """A second after its time; until then, others only use what it leaves over."""
    books.ceiling = 1.0
    books.begin()
    assert books.step("a", "a1").granted
    books.step("a", news=(News("answered", "a1", books.now),))
    assert not books.step("dead", "d1").granted
    assert not books.step("b", "b1").granted
    books.now += 1.02
    assert not books.step("b", "b1").granted
    books.now += 1.0
    assert books.step("b", "b1").granted


def test_a_pause_holds_for_all(books: Books) -> None:
    """It is only ever moved forward, and is a minute at most."""
    books.begin()
    books.step("a", news=(News("pause", "a1", books.now, 5.0),))
    assert books.step("b", "b1").paused_for == pytest.approx(5.0)
    books.step("a", news=(News("pause", "a1", books.now, 1.0),))
    books.now += 4.999
    assert not books.step("b", "b1").granted
    books.now += 0.001
    assert books.step("b", "b1").granted
    books.step("a", news=(News("pause", "a1", books.now, 1000.0),))
    assert books.step("b", "b2").paused_for == pytest.approx(60.0)


def test_a_message_that_comes_twice_frees_nothing(books: Books) -> None:
    """Not of an unlisted call, and not later than its lease ends anyhow."""
    books.ceiling = 1.0
    books.begin()
    assert books.step("a", "a1").granted
    answered = News("answered", "a1", books.now)
    books.step("a", news=(answered, News("answered", "unknown", books.now)))
    books.now += 1.02
    assert books.step("b", "b1").granted
    books.step("a", news=(answered, News("sent", "a1", answered.at)))
    assert not books.step("c", "c1").granted


def test_a_kept_slot_stays_and_a_lost_one_is_reported(books: Books) -> None:
    """A call may need longer than its grace until it leaves."""
    books.ceiling = 1.0
    books.begin()
    assert books.step("a", "a1").granted
    for _ in range(5):
        books.now += 2.5
        assert not books.step("a", news=(News("keep", "a1", books.now),)).lost
        assert not books.step("b", "b1").granted
    lost = books.step("a", news=(News("keep", "other", books.now),)).lost
    assert lost == {"other"}
    books.step("a", news=(News("unused", "a1", books.now),))
    assert books.step("b", "b1").granted


@pytest.mark.parametrize("accident", ["run", "slots", "state", "back", "distrusted"])
def test_books_that_cannot_be_trusted_are_begun_anew(
    accident: str, books: Books, client: "Redis"
) -> None:
    """Another server, a part that is missing, a clock that was set: all slots taken."""
    books.begin()
    assert books.step(call="c1").granted
    distrusted = 0
    match accident:
        case "run":
            books.run = "run1"
        case "slots" | "state":
            client.delete(books.keys[0 if accident == "slots" else 3])
        case "back":
            books.now -= 3600
        case _:
            distrusted = round(books.now * SECOND)

    assert not books.step(call="c2", distrusted=distrusted).granted
    books.now += START - 0.01
    assert not books.step(call="c2").granted
    books.now += 0.02
    assert books.step(call="c2").granted


# Keys that vanish


def delete(client: "Redis", key: str) -> None:
    """Evict a key, as a Redis that is full does."""
    client.delete(key)


def expire(client: "Redis", key: str) -> None:
    """Let the time of a key run out."""
    client.pexpire(key, 1)
    while client.exists(key):
        pass


def serve_all(books: Books, workers: str, seconds: float) -> dict[str, list[float]]:
    """Let workers request slots whenever they should; return their calls' times."""
    served: dict[str, list[float]] = {worker: [] for worker in workers}
    due = dict.fromkeys(workers, 0.0)
    end = books.now + seconds
    while books.now < end:
        books.now = round(books.now + 0.05, 6)
        for worker in workers:
            if books.now < due[worker]:
                continue
            call = f"{worker}:{books.now}"
            reply = books.step(worker, call, more=True)
            if reply.granted:
                served[worker].append(books.now)
                news = News("answered", call, books.now)
                reply = books.step(worker, f"{call}'", news=(news,))
                assert not reply.granted or books.ceiling > 1
                books.step(worker, news=(News("unused", f"{call}'", books.now),))
            due[worker] = books.now + (reply.rest or 0.0)
    return served


@pytest.mark.parametrize("ceiling", [1, 3])
@pytest.mark.parametrize("vanish", [delete, expire])
@pytest.mark.parametrize("key", range(4), ids=["slots", "line", "due", "state"])
def test_no_key_that_vanishes_hangs_a_scope(
    key: int,
    vanish: Callable[["Redis", str], None],
    ceiling: int,
    books: Books,
    client: "Redis",
) -> None:
    """Workers that wait are served soon, dead ones hold nothing, the ceiling holds."""
    books.ceiling = ceiling
    books.begin()
    before: list[float] = []
    while len(before) < ceiling:
        books.now += 0.1
        if books.step("busy", f"busy:{books.now}", more=True).granted:
            before.append(books.now)
    for worker in (*(f"dead {number}" for number in range(ceiling)), "a", "b"):
        assert not books.step(worker, f"{worker}:0", more=True).granted
    assert all(client.exists(each) for each in books.keys)

    vanish(client, books.keys[key])
    served = serve_all(books, "abc", seconds=12)

    for times in served.values():
        assert times
        assert times[0] < before[-1] + 2 * START + 3 / ceiling
    arrivals = [*before, *(at for times in served.values() for at in times)]
    assert shortest_span(arrivals, ceiling + 1) >= 1.0


# The script's text


def offences(script: str) -> list[str]:
    """Return what the proxies of Tair and ApsaraDB refuse in a script."""
    code = re.sub("--.*", "", script)
    keyless, keys_only = r"\('(?:TIME|INFO)'", r"\('DEL'(?:, KEYS\[[1-4]\])+\)"
    one_key = r"\('(?!DEL')[A-Z]+', KEYS\[[1-4]\][,)]"
    allowed = re.compile(f"{keyless}|{keys_only}|{one_key}")
    rests = re.split(r"redis\.p?call", code)[1:]
    strays = re.sub(r"redis\.call\('[A-Z]+'(?:, KEYS\[[1-4]\])+", "", code)
    return [
        *(rest[:40] for rest in rests if not allowed.match(rest)),
        *re.findall(".*KEYS.*", strays),
    ]


def test_each_key_is_spelled_out_where_it_is_used() -> None:
    """A proxy finds out by the script's text which keys it uses."""
    assert not offences(SCRIPT)
    assert len(re.findall(r"redis\.call", SCRIPT)) > 20


@pytest.mark.parametrize(
    "spoilt",
    [
        "local line = KEYS[2]\nredis.call('ZCARD', line)",
        "local line = KEYS[2]",
        "redis.call('DEL', KEYS[1], line)",
        "redis.call('ZCARD', KEYS[index])",
        "redis.call('ZCARD', KEYS[1 + 1])",
        "redis.call('ZCARD', 'cams:line')",
        "redis.call(command, KEYS[1])",
        "redis.pcall('TIME', KEYS[1])\nlocal run = redis.call",
        "for _, key in ipairs(KEYS) do end",
    ],
)
def test_a_key_that_is_not_spelled_out_is_found(spoilt: str) -> None:
    """The check above can fail."""
    assert offences(f"{SCRIPT}\n{spoilt}\n")


def test_an_old_redis_is_refused(books: Books) -> None:
    """It lacks a command of the script; the error names the version."""
    books.version = "6.0.16"
    with pytest.raises(ResponseError, match=r"CAMSVERSION 6\.0"):
        books.step()

    books.version = "6.2.0"
    books.step()


async def test_an_old_redis_is_reported_in_words(
    redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the version that is needed."""
    server = RedisServer(redis.url)
    found = server._redis.register_script("return redis.error_reply('CAMSVERSION 6.0')")
    monkeypatch.setattr(server, "_script", found)

    with pytest.raises(Exception, match=rf"is Redis 6\.0; at least {OLDEST}"):
        await server.run([], [])

    await server.aclose()


def test_all_keys_share_a_hash_tag_and_expire(books: Books, client: "Redis") -> None:
    """A cluster keeps them together, and a Redis that is shared stays clean."""
    books.begin()
    books.step("a", "a1")
    books.step("b", "b1", more=True)
    for _ in range(20):
        books.step("c", "c1", more=True)

    assert len({re.findall(r"\{(\w{32})\}", key)[0] for key in books.keys}) == 1
    assert all(0 < client.ttl(key) <= 86400 for key in books.keys if client.exists(key))


def test_the_watch_distinguishes_jumps_from_slow_replies() -> None:
    """Only what cannot be explained by the time that has passed here is a jump."""
    watch = ClockWatch()

    def heard(now: float, asked: float, at: float, born: float = 0.0) -> int:
        reply = Reply(
            granted=False,
            rest=None,
            wait=0.0,
            now=round(now * SECOND),
            born=round(born * SECOND),
            limit=1.0,
            paused_for=0.0,
            workers=0,
            ceiling=1.0,
            lost=frozenset(),
        )
        return watch.distrusts(reply, asked=asked, heard=at)

    assert heard(1000.0, 10.0, 10.1) == 0
    assert heard(1001.0, 11.0, 11.5) == 0
    assert heard(1001.5, 11.9, 12.0) == 0
    assert heard(1003.0, 12.0, 12.1) > 1001.5 * SECOND
    assert heard(1003.1, 12.1, 12.2) == 0
    assert heard(900.0, 12.3, 12.4) == 0
    assert heard(2000.0, 12.5, 12.6, born=1999.0) == 0
