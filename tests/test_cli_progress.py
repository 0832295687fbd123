"""Progress on stderr: rates, the line of text, and its two displays."""

import asyncio
import io
import re
import sys

import pytest

from cams_async.cli.live import LiveDisplay
from cams_async.cli.progress import (
    PlainDisplay,
    Rate,
    RunProgress,
    duration,
    failures,
    open_display,
    show_progress,
)
from cams_async.models import CallEvent
from tests.clock import Clock
from tests.screen import screen

STATUS, SYNC = "GetPhoneNumberVerificationStatus", "ChatappSyncPhoneNumber"


def run(*, open_ended: bool = False, done: int = 0) -> RunProgress:
    """Return the progress of 100 numbers that begins at second 1,000."""
    return RunProgress(
        total=100,
        done=done,
        ceilings={STATUS: 10.0, SYNC: 5.0},
        open_ended=open_ended,
        now=1000.0,
    )


def called(action: str) -> CallEvent:
    """Return the event of a completed call."""
    return CallEvent(
        action=action,
        attempts=1,
        waited=0.0,
        outcome="executed",
        code="OK",
        request_id="1",
    )


# --- rates ----------------------------------------------------------------------------


def test_a_rate_is_zero_in_the_first_second() -> None:
    """An initial burst is not extrapolated."""
    rate = Rate(0.0)
    rate.sample(0.5, 10)

    assert 0.0 == rate.per_second
    rate.sample(1.0, 10)
    assert 5.0 == rate.per_second


def test_a_rate_covers_the_last_minute_only() -> None:
    """Earlier events are discarded, no matter how often the rate is sampled."""
    rate = Rate(0.0, 1000)
    for tenth in range(1, 1501):
        rate.sample(tenth / 10, 1000 + min(850, tenth))

    assert 0.0 == rate.per_second


def test_a_kept_ceiling_never_seems_exceeded() -> None:
    """Bursts of 10 a second are shown as at most 10 a second at any time."""
    rate = Rate(0.0)
    seen: list[float] = []
    for sample in range(1, 3000):
        now = sample * 0.103
        rate.sample(now, 10 * (1 + int(now / 1.01)))
        seen.append(rate.per_second)

    assert max(seen) <= 10.0
    assert min(seen[1000:]) > 9.5


# --- lines ----------------------------------------------------------------------------


def test_the_line_has_counts_rate_and_time_left() -> None:
    """A run shows done and total, its rate against the ceiling, and the time left."""
    progress = run(done=40)
    for _ in range(20):
        progress.step()
        progress.count_call(called(STATUS))
    progress.tick(1002.0)

    assert "60 of 100 numbers done, 6.7 of 10/s, about 6 s left" == progress.line()


def test_polling_shows_pending_numbers_instead_of_time_left() -> None:
    """The time that polling takes cannot be estimated."""
    progress = run(open_ended=True)
    progress.step()
    for _ in range(3):
        progress.count_call(called(STATUS))
    progress.tick(1001.0)

    assert "1 of 100 numbers done, 1.5 of 10/s, 99 pending" == progress.line()


def test_the_ceilings_of_the_actions_in_use_count_together() -> None:
    """The ceilings of concurrently used actions are added up."""
    progress = run()
    progress.count_call(called(SYNC))
    progress.count_call(called(STATUS))
    progress.count_call(called("Another"))
    progress.tick(1001.0)

    assert "0 of 100 numbers done, 1.0 of 15/s" == progress.line()


def test_failures_are_counted_by_code() -> None:
    """The most frequent codes are listed, the others summed up."""
    progress = run(done=89)
    for code in ["NotFound"] * 5 + ["A"] * 3 + ["B"] * 2 + ["C"]:
        progress.step(code)

    assert "100 of 100 numbers done, failed: 5 NotFound, 3 A, 2 B, 1 others" == (
        progress.line()
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
def test_durations_are_rounded_to_the_unit_that_matters(
    seconds: float, expected: str
) -> None:
    """Long durations are shown without seconds."""
    assert expected == duration(seconds)


# --- displays ------------------------------------------------------------------------


class Terminal(io.StringIO):
    """A stream that passes for a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")


def test_a_terminal_gets_a_bar_and_a_log_gets_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bar needs a terminal that no other output uses and that rewrites lines."""
    live = open_display(Terminal())
    live.close()

    assert isinstance(live, LiveDisplay)
    assert isinstance(open_display(io.StringIO()), PlainDisplay)
    assert isinstance(open_display(Terminal(), plain=True), PlainDisplay)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(open_display(Terminal()), PlainDisplay)


def test_without_rich_a_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra `cli`, with rich, is optional."""
    monkeypatch.delitem(sys.modules, "cams_async.cli.live", raising=False)
    monkeypatch.setitem(sys.modules, "rich.live", None)

    assert isinstance(open_display(Terminal()), PlainDisplay)


def test_the_bar_is_redrawn_in_its_place() -> None:
    """Each update erases the former one; at the end the screen is empty."""
    terminal = Terminal()
    bar = LiveDisplay(terminal)
    progress = run(done=99)
    bar.show(progress.line(), done=progress.done, total=progress.total)
    progress.step("NotFound")
    bar.show(progress.line(), done=progress.done, total=progress.total)
    bar.close()

    first, *_, last, _, end = re.split(r"\x1b\[2K", terminal.getvalue())

    assert "99 of 100 numbers done" in first
    assert "100 of 100 numbers done, failed: 1 NotFound" in last
    assert "━" in last
    assert "" == end
    assert "" == "".join(screen(terminal.getvalue())).strip()
    assert "\x1b[?25h" in terminal.getvalue()


def test_a_log_gets_a_line_every_five_seconds(clock: Clock) -> None:
    """Progress is written every five seconds, and once at the end."""
    log = io.StringIO()
    progress = run()

    async def work() -> None:
        async with show_progress(progress, log):
            await asyncio.sleep(7)
            progress.step()

    clock.run(work())

    assert ["0 of 100 numbers done", "1 of 100 numbers done"] == (
        log.getvalue().splitlines()
    )


def test_progress_may_be_hidden(clock: Clock) -> None:
    """Without a stream nothing is shown, and the body runs."""

    async def work() -> None:
        async with show_progress(run(), None):
            await asyncio.sleep(60)

    clock.run(work())


class Broken(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, text: str) -> int:
        """Raise."""
        raise BrokenPipeError(len(text))


def test_a_broken_stream_does_not_stop_the_run(clock: Clock) -> None:
    """Errors of the stream that shows progress are ignored."""
    done: list[bool] = []

    async def work() -> None:
        async with show_progress(run(), Broken()):
            await asyncio.sleep(60)
            done.append(True)

    clock.run(work())

    assert [True] == done


@pytest.mark.parametrize(("stream", "expected"), [(Terminal, ""), (io.StringIO, "0 ")])
def test_an_interruption_leaves_no_stale_line(
    stream: type[io.StringIO], expected: str, clock: Clock
) -> None:
    """An error in the body erases the bar of a terminal; a log keeps its lines."""
    written = stream()

    async def work() -> None:
        async with show_progress(run(), written):
            await asyncio.sleep(7)
            raise TimeoutError

    with pytest.raises(TimeoutError):
        clock.run(work())

    shown = "".join(screen(written.getvalue(), width=60)).strip()
    assert "0 of 100 numbers done" in written.getvalue()
    assert shown.startswith(expected)
    assert bool(expected) == bool(shown)
