"""What a long run shows of itself: rates, words, lines, a bar."""

import asyncio
import io
import re
import sys

import pytest

from cams_async.cli.bar import Bar
from cams_async.cli.display import Lines, Silence, display, shown
from cams_async.cli.tally import Rate, Tally, duration, failures
from cams_async.models import CallEvent
from tests.clock import Clock
from tests.screen import screen

STATUS, SYNC = "GetPhoneNumberVerificationStatus", "ChatappSyncPhoneNumber"


def tally(*, watches: bool = False, done: int = 0) -> Tally:
    """Return a tally of 100 numbers that begins at second 1,000."""
    ceilings = {STATUS: 10.0, SYNC: 5.0}
    return Tally(total=100, done=done, ceilings=ceilings, watches=watches, now=1000.0)


def called(action: str) -> CallEvent:
    """Return the end of a call."""
    return CallEvent(
        action=action,
        attempts=1,
        waited=0.0,
        outcome="executed",
        code="OK",
        request_id="1",
    )


# --- rates ----------------------------------------------------------------------------


def test_a_rate_takes_a_second_to_be_known() -> None:
    """What left at once, as a burst does, is not told as if it went on like that."""
    rate = Rate(0.0)
    rate.sample(0.5, 10)

    assert 0.0 == rate.per_second
    rate.sample(1.0, 10)
    assert 5.0 == rate.per_second


def test_a_rate_forgets_what_is_long_ago() -> None:
    """Only the last minute counts, however often one looks."""
    rate = Rate(0.0, 1000)
    for tenth in range(1, 1501):
        rate.sample(tenth / 10, 1000 + min(850, tenth))

    assert 0.0 == rate.per_second


def test_a_ceiling_that_is_kept_never_looks_exceeded() -> None:
    """Wherever a look falls between bursts of 10, there are at most 10 a second."""
    rate = Rate(0.0)
    seen: list[float] = []
    for look in range(1, 3000):
        now = look * 0.103
        rate.sample(now, 10 * (1 + int(now / 1.01)))
        seen.append(rate.per_second)

    assert max(seen) <= 10.0
    assert min(seen[1000:]) > 9.5


# --- words ----------------------------------------------------------------------------


def test_the_words_tell_the_rate_and_the_rest() -> None:
    """A status run tells done and total, the rate against the ceiling, and the time."""
    told = tally(done=40)
    for _ in range(20):
        told.step()
        told.call(called(STATUS))
    told.tick(1002.0)

    assert "60 of 100 numbers done, 6.7 of 10/s, about 6 s to go" == told.words()


def test_a_watch_tells_what_is_pending() -> None:
    """Nobody can say how long a watch takes, but how many numbers it still asks for."""
    told = tally(watches=True)
    told.step()
    for _ in range(3):
        told.call(called(STATUS))
    told.tick(1001.0)

    assert "1 of 100 numbers settled, 1.5 of 10/s, 99 pending" == told.words()


def test_the_ceilings_of_the_actions_in_use_count_together() -> None:
    """Per space, two actions may be called at the same time."""
    told = tally()
    told.call(called(SYNC))
    told.call(called(STATUS))
    told.call(called("Another"))
    told.tick(1001.0)

    assert "0 of 100 numbers done, 1.0 of 15/s" == told.words()


def test_failures_are_told_by_code() -> None:
    """The most frequent codes are named, the others summed up."""
    told = tally(done=89)
    for code in ["NotFound"] * 5 + ["A"] * 3 + ["B"] * 2 + ["C"]:
        told.step(code)

    assert "100 of 100 numbers done, failed: 5 NotFound, 3 A, 2 B, 1 others" == (
        told.words()
    )
    assert "" == failures({})


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.4, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (7200, "2 h 0 min"),
        (100_000, "27 h 46 min"),
    ],
)
def test_durations_are_as_exact_as_people_want(seconds: float, expected: str) -> None:
    """Nobody wants to know the seconds of a day."""
    assert expected == duration(seconds)


# --- where it is shown ----------------------------------------------------------------


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")


def test_a_terminal_gets_a_bar_and_a_log_gets_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bar needs a terminal of its own that can rewrite lines, and rich."""
    bar = display(Terminal(), quiet=False, shared=False)
    bar.close()

    assert isinstance(bar, Bar)
    assert isinstance(display(io.StringIO(), quiet=False, shared=False), Lines)
    assert isinstance(display(Terminal(), quiet=False, shared=True), Lines)
    assert isinstance(display(Terminal(), quiet=True, shared=False), Silence)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(display(Terminal(), quiet=False, shared=False), Lines)


def test_without_rich_a_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra `cli` is optional."""
    monkeypatch.delitem(sys.modules, "cams_async.cli.bar", raising=False)
    monkeypatch.setitem(sys.modules, "rich.live", None)

    assert isinstance(display(Terminal(), quiet=False, shared=False), Lines)


def test_the_bar_is_redrawn_in_its_place() -> None:
    """Each look erases the one before; nothing of it stays, and the cursor is back."""
    terminal = Terminal()
    bar = Bar(terminal)
    told = tally(done=99)
    bar.show(told)
    told.step("NotFound")
    bar.show(told)
    bar.close()

    first, *_, last, _, end = re.split(r"\x1b\[2K", terminal.getvalue())

    assert "99 of 100 numbers done" in first
    assert "100 of 100 numbers done, failed: 1 NotFound" in last
    assert "━" in last
    assert "" == end
    assert "" == "".join(screen(terminal.getvalue())).strip()
    assert "\x1b[?25h" in terminal.getvalue()


def test_a_run_is_shown_again_and_again(clock: Clock) -> None:
    """A log gets a line every five seconds, and one at the end."""
    log = io.StringIO()
    told = tally()

    async def work() -> None:
        async with shown(told, Lines(log)):
            await asyncio.sleep(7)
            told.step()

    clock.run(work())

    assert ["0 of 100 numbers done", "1 of 100 numbers done"] == (
        log.getvalue().splitlines()
    )


def test_silence_is_silent(clock: Clock) -> None:
    """Nothing is shown, whatever passes."""

    async def work() -> None:
        async with shown(tally(), Silence()):
            await asyncio.sleep(60)

    clock.run(work())


class Broken(io.StringIO):
    """A stream whose reader went away."""

    def write(self, text: str) -> int:
        """Refuse it."""
        raise BrokenPipeError(len(text))


def test_a_stream_that_breaks_stops_no_work(clock: Clock) -> None:
    """Progress is not worth losing what it is about."""
    done: list[bool] = []

    async def work() -> None:
        async with shown(tally(), Lines(Broken())):
            await asyncio.sleep(60)
            done.append(True)

    clock.run(work())

    assert [True] == done
