"""The recording of `cams-async status`: its screen, and a small run of it."""

from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.recording import Screen, picture


def test_a_screen_keeps_what_was_rewritten_last() -> None:
    """A bar is erased and drawn again, and what is said meanwhile goes above it."""
    screen = Screen()
    bar = "\x1b[?25l===---\r\n3 of 6 numbers done"
    erased = "\r\x1b[2K\x1b[1A\x1b[2K"
    screen.feed(f"$ command\r\n{bar}{erased}said\r\n")
    screen.feed("======\r\n6 of 6 numbers done\r\n\x1b[?25hend")

    assert ["$ command", "said", "======", "6 of 6 numbers done", "end"] == screen.lines
    assert 1.0 == screen.share


def test_a_screen_without_a_bar_shows_no_progress() -> None:
    """Nothing is done before something says so."""
    assert 0.0 == Screen().share


def test_the_picture_asks_no_other_site_for_a_font() -> None:
    """Whoever reads the README is not told to anybody else."""
    screen = Screen()
    screen.feed("\x1b[1m$ cams-async\x1b[0m\nend\n")

    drawn = picture(screen)

    assert drawn.startswith("<svg ")
    assert "$&#160;cams-async" in drawn
    assert "url(&quot;http" not in drawn
    assert "font-face" not in drawn


@pytest.mark.slow
def test_a_recording_is_made_from_a_real_run(tmp_path: Path) -> None:
    """The command is interrupted on its way, goes on, and ends as the picture shows."""
    path = tmp_path / "new" / "status.svg"

    assert 0 == main(["recording", "--numbers", "60", "--picture", str(path)])

    drawn = path.read_text("utf-8").replace("&#160;", " ")

    assert "resume with: cams-async status" in drawn
    assert "rows are done already" in drawn
    assert "64 of 64 rows are in status.csv" in drawn
    assert "InvalidParameter.PhoneNumberError" in drawn
