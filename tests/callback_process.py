"""A receiver with a spool in a process of its own, which tests kill.

    python -m tests.callback_process PORT SPOOL LOG

Its handler appends the text of each message to LOG.
"""

import sys
import time
from pathlib import Path

import uvicorn

from cams_async.callbacks import Event, Receiver, TextMessage


def main(port: str, spool: str, log: str) -> None:
    """Serve until killed."""

    def handle(event: Event) -> None:
        time.sleep(0.005)
        assert isinstance(event, TextMessage)
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(f"{event.text}\n")

    receiver = Receiver(handle, spool=spool, concurrency=2)
    uvicorn.run(receiver, host="127.0.0.1", port=int(port), log_level="error")


if __name__ == "__main__":
    main(*sys.argv[1:])
