"""A bar on the terminal; needs rich, from the extra `cli`."""

from typing import TextIO

from rich.console import Console
from rich.constrain import Constrain
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cams_async.cli.tally import Tally
from cams_async.terminal import escape_controls

REDRAW = 0.1
"""Seconds between two looks."""

ROOM = len("^C^C") + 1
"""Columns that stay free at the end of each line."""


class Bar:
    """A bar, and below it the words that a log gets."""

    pause = REDRAW

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream)
        # It redraws when told: no thread of its own. What is printed to stderr
        # meanwhile goes above it; stdout carries data and is none of its business.
        # At its end it vanishes: the summary holds more, and a Ctrl-C must not leave
        # a bar that seems to go on.
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            transient=True,
        )
        self._live.start()

    def show(self, tally: Tally) -> None:
        """Draw it anew."""
        look = Table.grid()
        look.add_row(ProgressBar(tally.total, tally.done, complete_style="cyan"))
        words = escape_controls(tally.words())
        look.add_row(Text(words, no_wrap=True, overflow="ellipsis"))
        # A terminal shows Ctrl-C as ^C behind the last word. On a line of its own it
        # would push up the bar, and one line of it would never be erased.
        width = max(1, self._console.width - ROOM)
        self._live.update(Constrain(look, width), refresh=True)

    def close(self) -> None:
        """Erase it, and give the cursor back."""
        self._live.stop()
