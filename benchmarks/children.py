"""Processes of their own, for what must not share one: a server, or each client.

A child answers each line of JSON on its stdin by one on its stdout.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HERE = Path(__file__).parent.parent


class Child:
    """`with Child(module, ...) as child`: starts `python -m module`, and ends it.

    Args:
        module: What to run.
        arguments: Its arguments.
        environment: Variables that it gets beside our own.
    """

    def __init__(
        self, module: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        # The vendor's SDK would send what is for this machine through a proxy, too.
        own = {n: v for n, v in os.environ.items() if not n.lower().endswith("_proxy")}
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-W", "ignore", "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=HERE,
            env={**own, **(environment or {})},
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # The end of its stdin is the end of the process.
        self._process.communicate()

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and return the answer."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - it was started with both
        assert stdout is not None  # noqa: S101 - it was started with both
        print(json.dumps(command), file=stdin, flush=True)
        line = stdout.readline()
        if not line:
            msg = "the process has died"
            raise RuntimeError(msg)
        response: dict[str, Any] = json.loads(line)
        return response


def obey(response: Callable[..., Mapping[str, Any]]) -> None:
    """Answer each command until stdin ends."""
    for line in sys.stdin:
        print(json.dumps(response(**json.loads(line))), flush=True)
