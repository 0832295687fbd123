"""The benchmarks of our own cost: their logic, and each in its smallest form."""

import asyncio
import cProfile
import json
import subprocess
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from benchmarks import decode, decoders, imports, overhead, overhead_runs, profiles
from benchmarks.__main__ import main
from benchmarks.answers import NUMBER, answer, listing
from benchmarks.children import Child
from benchmarks.overhead_runs import (
    ASYNCIO,
    LISTS,
    OFFICIAL,
    ONCE,
    OURS,
    READ,
    SIGNED,
    THREADS,
    UNSIGNED,
    UVLOOP,
    Case,
    Pool,
    Run,
    Size,
    Start,
)
from benchmarks.responder import Connection, Responder
from cams_async import wire
from cams_async.operations import PhoneNumbersResponse
from tests import official

Capture = pytest.CaptureFixture[str]


def runs(*cpu: float) -> list[Run]:
    """Return runs that took so many seconds for a call."""
    return [{"cpu": each, "seconds": 2 * each} for each in cpu]


CASE = Case(
    scheme="https",
    loop=ASYNCIO,
    concurrency=10,
    least={
        UNSIGNED: runs(1e-4, 1e-4, 1e-4),
        SIGNED: runs(2e-4, 1e-4, 2e-4),
        OURS: runs(3e-4, 3e-4, 3e-4),
    },
    others={OURS: runs(3e-4), OFFICIAL: runs(6e-2), THREADS: runs(9e-4)},
    connections={UNSIGNED: 10, SIGNED: 10, OURS: 10, OFFICIAL: 10, THREADS: 12},
)


SPREAD = {
    SIGNED: {1: runs(1e-4, 1e-4), 10: runs(1e-4, 3e-4)},
    OURS: {1: runs(2e-4, 2e-4), 10: runs(2e-4, 3e-4)},
}
"""Garbage was collected in every other run with ten calls at a time."""


# --- overhead -------------------------------------------------------------------------


def test_clients_are_compared_round_by_round() -> None:
    """What slows down a whole round slows down both of a pair, and cancels out."""
    slow_in_the_middle = {"one": runs(2, 20, 2), "other": runs(1, 10, 1)}

    assert [2, 2, 2] == overhead_runs.ratios(slow_in_the_middle, "one", "other")
    assert 1.5 == pytest.approx(overhead_runs.ratio(CASE.least, OURS, SIGNED))


def test_clients_are_laid_out_ratios_first() -> None:
    """A client that was only compared with ours has no figure beside the least."""
    first, _, third, fourth, _ = overhead.layout([CASE]).rows
    expected = ["10", UNSIGNED, "0.50", "0.50", "1.00", "0.33", "100", "5,000", "10"]

    assert expected == list(first)
    assert ["10", OURS, "1.50", "1.50", "3.00", "1.00"] == list(third)[:6]
    assert ["10", OFFICIAL, "-", "-", "-", "200.00"] == list(fourth)[:6]


def test_goals_of_the_overhead_are_judged() -> None:
    """Twice a signed POST, a connection for each task, a hundredth of the vendor's."""
    good = list(overhead.goals([CASE], SPREAD))
    bad = list(
        overhead.goals(
            [
                evolve(
                    CASE,
                    least={SIGNED: runs(1.0), OURS: runs(2.1)},
                    others={OURS: runs(3e-4), OFFICIAL: runs(2e-2)},
                    connections={OURS: 11},
                )
            ],
            {SIGNED: {1: runs(1.0), 10: runs(1.0)}, OURS: {1: runs(1), 10: runs(2.1)}},
        )
    )

    assert [1.5, 1.0, 0.5, 1.25] == pytest.approx([goal.found for goal in good])
    assert [True] * 4 == [goal.met for goal in good]
    assert [False] * 4 == [goal.met for goal in bad]


def test_one_call_at_a_time_is_not_compared_with_the_vendors() -> None:
    """Nobody takes coroutines for that."""
    assert 3 == len(list(overhead.goals([evolve(CASE, concurrency=1)], SPREAD)))


def test_growth_is_of_one_unit() -> None:
    """A long answer may cost more, its numbers may not."""
    calls = {1: runs(1.0), 10: runs(1.2)}

    tasks, numbers, ceilings = overhead.growth(calls, calls, calls)

    assert [1.2, 0.12, 1.2] == pytest.approx(
        [tasks.ratio, numbers.ratio, ceilings.ratio]
    )


def test_sizes_are_laid_out_beside_the_smallest() -> None:
    """The ratio is that of whole calls."""
    table = overhead.layout_sizes("title", "size", {1: runs(1e-4), 10: runs(3e-4)})

    assert ["10", "3.00", "300", "1,667"] == list(table.rows[1])


def test_more_calls_at_a_time_are_laid_out_beside_a_signed_post() -> None:
    """Means: what comes now and then is part of each call's cost."""
    _, _, first, last = overhead.layout_spread(SPREAD).rows

    assert ["1", OURS, "1.00", "2.00", "200", "2,500"] == list(first)
    assert ["10", OURS, "1.25", "1.25", "250", "2,000"] == list(last)


def test_a_second_pool_is_laid_out_beside_the_first() -> None:
    """CPU, time, and the connections that were opened for each call."""
    pool = Pool(
        scheme="https",
        idle=1.0,
        runs={
            READ: [{"cpu": 2e-4, "seconds": 4e-4, "connections": 0.0}],
            ONCE: [{"cpu": 6e-4, "seconds": 2e-3, "connections": 1.0}],
        },
    )
    first, second = overhead.layout_pools([pool, evolve(pool, idle=0.0)]).rows
    figures = ["3.00", "3.00", "3.00", "5.00", "600", "200", "1.00", "0.00"]

    assert ["https", "1 s", *figures] == list(first)
    assert ["https", "back to back", *figures] == list(second)


@pytest.mark.parametrize(
    ("file", "layer"),
    [
        ("/x/cams_async/throttle/lane.py", "cams_async.throttle"),
        ("C:\\x\\cams_async\\session.py", "cams_async.session"),
        ("<attrs generated methods cams_async.models.Meta>", "cams_async.models"),
        ("/x/site-packages/aiohttp/client.py", "aiohttp"),
        ("/x/benchmarks/callers.py", "benchmarks"),
        ("/usr/lib/python3.11/asyncio/events.py", "asyncio"),
        ("/usr/lib/python3.11/json/__init__.py", "standard library"),
    ],
)
def test_files_belong_to_layers(file: str, layer: str) -> None:
    """What is generated for a class belongs to the class's module."""
    assert layer == profiles.layer(file)


def test_a_profile_adds_up() -> None:
    """What is written in C counts for its caller, so that the layers are all of it."""
    profile = cProfile.Profile()
    profile.enable()
    wire.decode(json.loads(listing(50)), PhoneNumbersResponse)
    profile.disable()

    found = profiles.summary(profile, calls=2)
    longest = [each["own"] for each in found["functions"]]

    assert {"cams_async.wire", "standard library"} <= set(found["layers"])
    assert sorted(longest, reverse=True) == longest
    assert sum(longest) <= sum(found["layers"].values()) * 1.01


def test_layers_are_laid_out_by_what_they_add() -> None:
    """The first line is what we pay most for."""
    found = {
        OURS: {"layers": {"aiohttp": 60.0, "cams_async.throttle": 30.0}},
        SIGNED: {"layers": {"aiohttp": 50.0}},
    }
    table = overhead.layout_layers(found)

    assert ["cams_async.throttle", "0.60", "30.0", "0.0", "30.0"] == list(table.rows[0])
    assert ["aiohttp", "0.20", "60.0", "50.0", "10.0"] == list(table.rows[1])


class Wire(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: Any) -> None:
        """Keep it."""
        self.written += data


def test_the_server_answers_each_request_once() -> None:
    """However the requests are cut into pieces."""
    responder, transport = Responder(), Wire()
    responder.tell()
    connection = Connection(responder)
    connection.connection_made(transport)
    for piece in (b"POST / HTTP/1.1\r\nhost: x\r\n\r", b"\nPOST", b" /\r\n\r\nPOST"):
        connection.data_received(piece)

    seen = responder.tell(numbers=3)

    assert (1, 2) == (seen["connections"], seen["requests"])
    assert 2 == transport.written.count(answer(0))
    assert responder.answer.endswith(listing(3))


@pytest.fixture(scope="module")
def scene() -> Generator[tuple[Start, Child], None, None]:
    """Yield what starts clients of a server, and the server."""
    with overhead_runs.scene() as found:
        yield found


VENDORS = [
    pytest.param(name, marks=pytest.mark.slow, id=name) for name in (OFFICIAL, THREADS)
]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("name", [UNSIGNED, SIGNED, OURS, *VENDORS])
def test_clients_do_the_same(
    scene: tuple[Start, Child], name: str, scheme: str
) -> None:
    """Each call is one request, over TLS too: the certificate is trusted."""
    start, server = scene
    before = server.ask()
    with start(name, scheme, ASYNCIO) as client:
        client.ask(calls=4, concurrency=2)
        found = client.ask(calls=4, concurrency=2)
    after = server.ask()

    assert min(found["cpu"], found["seconds"]) > 0
    assert 8 == after["requests"] - before["requests"]
    if name == OURS:
        assert after["connections"] - before["connections"] <= 2
    if name == OFFICIAL:
        assert 8 == after["connections"] - before["connections"]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_connections_that_idle_are_kept_for_reads_only(
    scene: tuple[Start, Child], scheme: str
) -> None:
    """Back to back, a call that must not be repeated reuses its connections, too."""
    start, server = scene
    size = evolve(overhead_runs.QUICK, calls=10, idle=1)
    at_once, after = overhead_runs.pools(start, server, scheme, size)

    def opened(pool: Pool, name: str) -> float:
        return pool.runs[name][0]["connections"]

    # A warm-up may leave fewer connections than there are calls at a time.
    assert opened(after, READ) < 0.5 < opened(after, ONCE)
    assert opened(at_once, ONCE) < 0.5


@pytest.mark.slow
def test_a_client_can_be_started_afresh_on_another_loop(
    scene: tuple[Start, Child],
) -> None:
    """Its connections are new, and its answers may be long."""
    pytest.importorskip("uvloop")
    start, server = scene
    with start(LISTS, "http", UVLOOP) as client:
        before = server.ask(numbers=5)
        client.ask(calls=1, concurrency=1)
        found = client.ask(calls=2, concurrency=1, afresh=True, watch=True)
        after = server.ask()

    assert 2 == after["connections"] - before["connections"]
    assert "cams_async.wire" in found["profile"]["layers"]


def test_a_process_that_dies_is_missed() -> None:
    """Rather than waited for."""
    with (
        Child("cams_async.version") as child,
        pytest.raises(RuntimeError, match="has died"),
    ):
        child.ask()


@pytest.mark.slow
def test_the_overhead_is_measured(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every client, every table, and what was promised."""
    pytest.importorskip("uvloop")
    few = {"http": (2,), "https": (2,)}
    size = Size(
        calls=20,
        few=few,
        starts=2,
        rounds=1,
        rounds_of_few={"http": 3, "https": 1},
        rounds_of_many=1,
        idle=1,
    )
    monkeypatch.setattr(overhead, "QUICK", size)
    monkeypatch.setattr(overhead_runs, "CONCURRENCY", (2,))
    monkeypatch.setattr(overhead_runs, "MANY", (1, 10))
    monkeypatch.setattr(overhead_runs, "NUMBERS", (1, 10))
    monkeypatch.setattr(overhead_runs, "TURNS", 10)
    path = tmp_path / "figures.json"
    code = main(["overhead", "--quick", "--json", str(path)])

    printed = capsys.readouterr().out
    written = json.loads(path.read_text("utf-8"))

    assert code == (0 if all(goal["met"] for goal in written["goals"]) else 1)
    assert 10 == len(written["tables"])
    assert 7 + 3 == len(written["goals"])
    cases = written["figures"]["cases"]
    assert [ASYNCIO, ASYNCIO, UVLOOP, UVLOOP] == [case["loop"] for case in cases]
    assert [6, 2] == [len(case["others"][OFFICIAL]) for case in cases[:2]]
    assert "The functions that take longest" in printed


# --- decode ---------------------------------------------------------------------------


READING = decode.Reading(
    numbers=1, calling=False, json=4.0, official=1.0, ours=3.5, objects=3.5, total=1.5
)


def test_answers_are_as_documented() -> None:
    """Nothing in them is unknown to us."""
    for body in (listing(2), listing(2, calling=True)):
        read = wire.decode(json.loads(body), PhoneNumbersResponse)

        assert 2 == len(read.phone_numbers)
        assert NUMBER["PhoneNumber"] == read.phone_numbers[1].phone_number
        assert not read.phone_numbers[0].extra


@pytest.mark.parametrize(("numbers", "calling"), [(0, False), (3, False), (3, True)])
def test_readings_are_timed(
    numbers: int,
    calling: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The JSON alone, the vendor's models and ours."""
    pytest.importorskip("alibabacloud_cams20200606")
    official.load(decoders.OFFICIAL)
    ticks = iter(range(100))
    monkeypatch.setattr("time.process_time", lambda: float(next(ticks)))

    found = decoders.measure(numbers, count=2, calling=calling)

    assert {"json": 0.5, "official": 0.5, "ours": 0.5} == found


class Decoders:
    """Answers as a process would that reads quickly now and slowly then."""

    def __init__(self) -> None:
        self._runs = [
            {"json": 1e-6, "official": 1e-6, "ours": 3e-6},
            {"json": 9e-6, "official": 9e-6, "ours": 27e-6},
            {"json": 1e-6, "official": 1e-6, "ours": 5e-6},
        ]

    def ask(self, **command: Any) -> Mapping[str, float]:
        """Return the next run."""
        assert {"numbers", "count", "calling"} == set(command)
        return self._runs.pop(0)


def test_readings_are_compared_round_by_round() -> None:
    """Ratios are medians of rounds, not ratios of medians."""
    child: Any = Decoders()

    found = decode.measure(child, 1, calling=True, rounds=3)

    assert (3.0, 2.0) == (found.objects, found.total)
    assert (1.0, 5.0) == pytest.approx((found.json, found.ours))
    assert "1 number with calling settings" == found.what


def test_goals_of_reading_are_judged() -> None:
    """Four times the vendor's models, and a twentieth of a call."""
    status = evolve(READING, numbers=0)
    slow = evolve(READING, numbers=10, objects=4.1)

    good, bad, share = decode.goals([status, READING, slow], call=100.0)

    assert [True, False, False] == [good.met, bad.met, share.met]
    assert 7.5 == pytest.approx(share.found)
    assert "CPU over the official models', 10 numbers as documented" == bad.text


def test_growth_of_reading_is_that_of_a_number() -> None:
    """The status, and the other form of answer, are not on the same scale."""
    many = evolve(READING, numbers=10, ours=70.0)
    other = evolve(READING, numbers=100, calling=True)

    found = decode.growth([evolve(READING, numbers=0), READING, many, other])

    assert {1: 3.5, 10: 7.0} == found.costs


def test_readings_are_laid_out_ratios_first() -> None:
    """With the names of the answers."""
    (row,) = decode.layout([evolve(READING, numbers=0)]).rows

    assert ["one number's status", "3.50", "1.50", "4.0", "1.0", "3.5"] == list(row)


@pytest.mark.slow
def test_reading_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Every answer, and a whole call beside them."""
    pytest.importorskip("alibabacloud_cams20200606")
    monkeypatch.setattr(decode, "OBJECTS", 10)
    monkeypatch.setattr(decode, "CALLS", 20)
    path = tmp_path / "figures.json"
    code = main(["decode", "--quick", "--json", str(path)])

    written = json.loads(path.read_text("utf-8"))

    assert code == (0 if all(goal["met"] for goal in written["goals"]) else 1)
    assert 9 == len(written["figures"]["readings"])
    assert "From an answer to objects" in capsys.readouterr().out


# --- import ---------------------------------------------------------------------------


def test_a_program_that_fails_is_no_figure(tmp_path: Path) -> None:
    """An import that does not work would be the quickest of all."""
    with pytest.raises(subprocess.CalledProcessError):
        imports.cpu("import sys; sys.exit(3)", str(tmp_path))

    assert imports.cpu("pass", str(tmp_path)) > 0


def test_imports_are_compared_round_by_round() -> None:
    """With the dependencies of the same round."""
    found = {imports.DEPENDENCIES: [1.0, 9.0, 1.0], imports.OURS: [1.2, 10.8, 2.0]}

    (_, row) = imports.layout(found).rows

    assert 1.2 == pytest.approx(imports.ratio(found, imports.OURS))
    assert [imports.OURS, "1.20", "2000", "1200", "10800"] == list(row)


def test_imports_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Each program in turn; the round that compiles is left out."""
    monkeypatch.setattr(
        imports, "PROGRAMS", {imports.DEPENDENCIES: "", imports.OURS: "import asyncio"}
    )
    # What a machine takes is not foreseen: some CPU is more than none.
    monkeypatch.setattr(imports, "MOST", 0.0)
    path = tmp_path / "figures.json"

    assert 1 == main(["import", "--quick", "--json", str(path)])

    written = json.loads(path.read_text("utf-8"))["figures"]["seconds"]

    assert [5, 5] == [len(written[name]) for name in written]
    assert "NOT MET  CPU over the dependencies'" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", [imports.BARE, imports.DEPENDENCIES, imports.OURS])
def test_the_programs_work(name: str, tmp_path: Path) -> None:
    """As they stand."""
    assert imports.cpu(imports.PROGRAMS[name], str(tmp_path)) > 0
