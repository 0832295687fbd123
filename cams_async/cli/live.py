"""The live display of progress on a terminal; needs rich, from the extra `cli`."""

from typing import TextIO

from rich.console import Console
from rich.constrain import Constrain
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cams_async.terminal import escape_controls

MARGIN = len("^C^C") + 1
"""Columns that stay free at the end of each line."""


class LiveDisplay:
    """A progress bar above the line that a plain display writes."""

    interval: float = 0.1
    """Seconds between two updates."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream)
        # Without a refresh thread. Lines printed to stderr appear above the bar; stdout
        # carries data and is not redirected. The bar is erased at the end, since the
        # report holds more, and no bar may stay after Ctrl-C.
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            transient=True,
        )
        self._live.start()

    def show(self, line: str, *, done: int, total: int) -> None:
        """Redraw the bar and its line."""
        rows = Table.grid()
        rows.add_row(ProgressBar(total, done, complete_style="cyan"))
        text = Text(escape_controls(line), no_wrap=True, overflow="ellipsis")
        rows.add_row(text)
        # A terminal echoes Ctrl-C as ^C behind the last word. If that wrapped, it would
        # push up the bar, and one line of it would never be erased.
        width = max(1, self._console.width - MARGIN)
        self._live.update(Constrain(rows, width), refresh=True)

    def close(self) -> None:
        """Erase the bar, and show the cursor again."""
        self._live.stop()
