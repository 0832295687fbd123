"""A link that goes down and comes up, with the real TCP of two network namespaces.

While it is down, the kernel retransmits requests with growing pauses. When it is up
again, those of several seconds arrive together.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from tests.link_client import ACTION, CALLS, CEILING

ROOT = Path(__file__).parent.parent

ADDRESSES = ("10.77.0.1", "10.77.0.2")
"""Of the server and of the client; each stands in a namespace of its own."""

BEFORE = 5.0
"""Seconds of calls before the link goes down."""

PATIENCE = 120.0
"""Seconds that all calls may take."""


def ip(*arguments: str) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)  # noqa: S603, S607 - it is the system's


def missing() -> str | None:
    """Return why no network namespaces can be made here, if so."""
    if sys.platform != "linux" or shutil.which("ip") is None:
        return "network namespaces need Linux and its command ip"
    name = f"cams-{secrets.token_hex(3)}"
    try:
        ip("netns", "add", name)
        ip("netns", "delete", name)
    except subprocess.CalledProcessError as error:
        return f"network namespaces cannot be made: {error.stderr.strip()}"
    return None


@frozen
class Link:
    """Two network namespaces that are joined by a pair of virtual interfaces."""

    server: str
    client: str

    def set_server_end(self, state: str) -> None:
        """Set the server's end of the link up or down."""
        ip("-n", self.server, "link", "set", self.server, state)

    @contextmanager
    def process(
        self, namespace: str, *command: str
    ) -> Generator["subprocess.Popen[str]", None, None]:
        """Run a module in a namespace, and end it afterwards."""
        with subprocess.Popen(  # noqa: S603 - the commands are ours
            ["ip", "netns", "exec", namespace, sys.executable, "-m", *command],  # noqa: S607 - it is the system's
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture
def link() -> Generator[Link, None, None]:
    """Make a link, and remove it afterwards."""
    reason = missing()
    if reason is not None and "CI_REQUIRES_NETNS" in os.environ:
        pytest.fail(reason)
    if reason is not None:
        pytest.skip(reason)
    unique = f"cams-{secrets.token_hex(3)}"
    made = Link(f"{unique}-s", f"{unique}-c")
    with ExitStack() as stack:
        for name in (made.server, made.client):
            ip("netns", "add", name)
            # The interfaces go with their namespaces.
            stack.callback(ip, "netns", "delete", name)
        # Each is named like the namespace that it is in.
        ip(
            *("link", "add", made.server, "netns", made.server, "type", "veth"),
            *("peer", "name", made.client, "netns", made.client),
        )
        for name, address in zip((made.server, made.client), ADDRESSES, strict=True):
            ip("-n", name, "address", "add", f"{address}/24", "dev", name)
            ip("-n", name, "link", "set", name, "up")
        yield made


def reply_of(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Return the next line of JSON of a process."""
    assert process.stdout is not None
    values: dict[str, Any] = json.loads(process.stdout.readline())
    return values


@pytest.mark.nightly
@pytest.mark.parametrize("down", [1.5, 2.5, 3.0, 5.0, 6.0])
def test_the_rate_limit_holds_over_a_flickering_link(link: Link, down: float) -> None:
    """The emulator counts arrivals: never one more than the ceiling within a second."""
    emulator = (
        *("cams_async", "emulator", "--json", "--host", ADDRESSES[0]),
        *("--latency", "0.04:0.06", "--qps", f"{ACTION}={CEILING}"),
    )
    with (
        link.process(link.server, *emulator) as server,
        link.process(link.client, "tests.link_client") as client,
    ):
        start = reply_of(server)
        assert client.stdin is not None
        client.stdin.write(json.dumps(start) + "\n")
        client.stdin.flush()
        time.sleep(BEFORE)
        link.set_server_end("down")
        time.sleep(down)
        link.set_server_end("up")
        output, _ = client.communicate(timeout=PATIENCE)
        result = json.loads(output)
        server.send_signal(signal.SIGINT)
        (action,) = reply_of(server)["actions"]

    gaps = [after - before for before, after in pairwise(result["ended"])]
    print(action)  # noqa: T201 - what was measured, if it fails

    assert max(gaps) > down - 0.5, "the link was not down"
    assert ({}, CALLS) == (result["errors"], len(result["ended"]))
    assert action["arrivals"] >= CALLS
    assert action["held"], action
