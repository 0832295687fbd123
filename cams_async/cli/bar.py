"""A bar on the terminal; needs rich, from the extra `cli`."""

from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cams_async.cli.tally import Tally

REDRAW = 0.1
"""Seconds between two looks."""


class Bar:
    """A bar, and below it the words that a log gets."""

    pause = REDRAW

    def __init__(self, stream: TextIO) -> None:
        # It redraws when told: no thread of its own. What is printed to stderr
        # meanwhile goes above it; stdout carries data and is none of its business.
        self._live = Live(
            console=Console(file=stream), auto_refresh=False, redirect_stdout=False
        )
        self._live.start()

    def show(self, tally: Tally) -> None:
        """Draw it anew."""
        look = Table.grid()
        look.add_row(ProgressBar(tally.total, tally.done, complete_style="cyan"))
        look.add_row(Text(tally.words()))
        self._live.update(look, refresh=True)

    def close(self) -> None:
        """Leave it as it is, and give the cursor back."""
        self._live.stop()
