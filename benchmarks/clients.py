"""The clients that `overhead` compares, each in a child process (see `processes`).

`python -m benchmarks.clients NAME ORIGIN` makes the calls that commands on its stdin
request.
"""

import asyncio
import hashlib
import hmac
import importlib
import json
import secrets
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from benchmarks.processes import serve
from benchmarks.responses import ACTION, CREDENTIALS, PHONE_NUMBER, SPACE
from cams_async import CamsClient
from cams_async.operations import ChatappSyncPhoneNumber

PARAMETERS = {"PhoneNumber": PHONE_NUMBER, "CustSpaceId": SPACE}

LIFTED = 1e6
"""Calls per second: a ceiling that is never reached."""

PATIENCE = 120_000
"""Milliseconds; the official SDK blocks its loop for longer than its own 5 s."""

ALGORITHM = "ACS3-HMAC-SHA256"
NO_BODY = hashlib.sha256(b"").hexdigest()


class Caller(ABC):
    """A client of the server at an origin."""

    def __init__(self, origin: str) -> None:
        self.origin = origin

    @abstractmethod
    def run(self, calls: int, concurrency: int) -> None:
        """Make calls, at most `concurrency` at a time."""

    def close(self) -> None:  # noqa: B027 - some keep no connections
        """Close all connections, if the client keeps any."""


class Asynchronous(Caller):
    """A client that makes calls from tasks on one event loop."""

    def __init__(self, origin: str) -> None:
        super().__init__(origin)
        self._runner = asyncio.Runner()
        self._runner.run(self.open())

    def run(self, calls: int, concurrency: int) -> None:
        """Make calls, at most `concurrency` at a time."""
        self._runner.run(self._run(calls, concurrency))

    async def _run(self, calls: int, concurrency: int) -> None:
        async def call_repeatedly() -> None:
            for _ in range(calls // concurrency):
                await self.call()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(concurrency):
                tasks.create_task(call_repeatedly())

    def close(self) -> None:
        """Close all connections."""
        self._runner.run(self.aclose())
        self._runner.close()

    @abstractmethod
    async def open(self) -> None:
        """Create the client."""

    @abstractmethod
    async def call(self) -> object:
        """Make one call."""

    async def aclose(self) -> None:
        """Close the client, if it keeps connections."""


class UnsignedPost(Asynchronous):
    """A bare POST by aiohttp, with JSON instead of types."""

    async def open(self) -> None:
        """Create a session without a connection limit."""
        connector = aiohttp.TCPConnector(limit=0)
        self.session = aiohttp.ClientSession(connector=connector)

    async def call(self) -> object:
        """Make one call."""
        return await self.post(f"PhoneNumber={PHONE_NUMBER}&CustSpaceId={SPACE}", {})

    async def post(self, query: str, headers: Mapping[str, str]) -> object:
        """Send a POST and parse the JSON of its response."""
        url = URL(f"{self.origin}/?{query}", encoded=True)
        async with self.session.post(url, headers=headers) as response:
            return json.loads(await response.read())

    async def aclose(self) -> None:
        """Close the session."""
        await self.session.close()


class SignedPost(UnsignedPost):
    """The least that a client can be: a POST by aiohttp and a signature.

    No rate limits, retries, time limits, checks or types.
    """

    async def call(self) -> object:
        """Make one call."""
        query = "&".join(
            f"{quote(name, safe='~')}={quote(value, safe='~')}"
            for name, value in sorted(PARAMETERS.items())
        )
        headers = {
            "host": self.origin.partition("://")[2],
            "x-acs-action": ACTION,
            "x-acs-content-sha256": NO_BODY,
            "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-version": "2020-06-06",
        }
        block = "".join(f"{name}:{value}\n" for name, value in headers.items())
        signed = ";".join(headers)
        request = f"POST\n/\n{query}\n{block}\n{signed}\n{NO_BODY}"
        text = f"{ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
        secret = CREDENTIALS.access_key_secret.reveal().encode()
        signature = hmac.new(secret, text.encode(), "sha256").hexdigest()
        headers["authorization"] = (
            f"{ALGORITHM} Credential={CREDENTIALS.access_key_id},"
            f"SignedHeaders={signed},Signature={signature}"
        )
        return await self.post(query, headers)


class Ours(Asynchronous):
    """cams_async, with ceilings that are never reached."""

    async def open(self) -> None:
        """Create the client."""
        lifted = {ACTION: LIFTED, "ChatappSyncPhoneNumber": LIFTED}
        self.client = CamsClient(CREDENTIALS, endpoint=self.origin, qps=lifted)

    async def call(self) -> object:
        """Make one call."""
        return await self.client.get_phone_number_verification_status(
            phone_number=PHONE_NUMBER, cust_space_id=SPACE
        )

    async def aclose(self) -> None:
        """Close the client."""
        await self.client.aclose()


class Listing(Ours):
    """cams_async, requesting all numbers of a space."""

    async def call(self) -> object:
        """Make one call."""
        return await self.client.send(ChatappSyncPhoneNumber(cust_space_id=SPACE))


class Read(Ours):
    """cams_async, making a call that is safe to retry."""

    retry_safe = True

    async def call(self) -> object:
        """Make one call."""
        return await self.client.call(ACTION, PARAMETERS, retry_safe=self.retry_safe)


class Write(Read):
    """cams_async, making the same call as one that is not safe to retry."""

    retry_safe = False


def official_client(origin: str) -> tuple[Any, Any]:
    """Return a client of the official SDK, and a request."""
    scheme, _, host = origin.partition("://")
    package = "alibabacloud_cams20200606"
    config = importlib.import_module("alibabacloud_tea_openapi.models").Config(
        access_key_id=CREDENTIALS.access_key_id,
        access_key_secret=CREDENTIALS.access_key_secret.reveal(),
        endpoint=host,
        protocol=scheme,
        connect_timeout=PATIENCE,
        read_timeout=PATIENCE,
    )
    models = importlib.import_module(f"{package}.models")
    request = models.GetPhoneNumberVerificationStatusRequest(
        phone_number=PHONE_NUMBER, cust_space_id=SPACE
    )
    return importlib.import_module(f"{package}.client").Client(config), request


class OfficialAsync(Asynchronous):
    """The coroutines of the official SDK, which keep no connections."""

    async def open(self) -> None:
        """Create the client."""
        self.client, self.request = official_client(self.origin)

    async def call(self) -> object:
        """Make one call."""
        call = self.client.get_phone_number_verification_status_async
        response: object = await call(self.request)
        return response


class OfficialThreads(Caller):
    """The official SDK, called from threads."""

    def __init__(self, origin: str) -> None:
        super().__init__(origin)
        self.client, self.request = official_client(origin)

    def run(self, calls: int, concurrency: int) -> None:
        """Make calls from `concurrency` threads."""

        def call_repeatedly(_: int) -> None:
            for _ in range(calls // concurrency):
                self.client.get_phone_number_verification_status(self.request)

        with ThreadPoolExecutor(concurrency) as threads:
            list(threads.map(call_repeatedly, range(concurrency)))


CALLERS: dict[str, Callable[[str], Caller]] = {
    "unsigned POST": UnsignedPost,
    "signed POST": SignedPost,
    "cams_async": Ours,
    "cams_async, list": Listing,
    "cams_async, read": Read,
    "cams_async, write": Write,
    "official, async": OfficialAsync,
    "official, threads": OfficialThreads,
}


def main(name: str, origin: str) -> None:
    """Make the calls of each command and reply with seconds per call."""
    caller = CALLERS[name](origin)

    def run(calls: int, concurrency: int, *, renew: bool = False) -> dict[str, float]:
        nonlocal caller
        if renew:
            caller.close()
            caller = CALLERS[name](origin)
        began, cpu = time.perf_counter(), time.process_time()
        caller.run(calls, concurrency)
        cpu, seconds = time.process_time() - cpu, time.perf_counter() - began
        return {"cpu": cpu / calls, "seconds": seconds / calls}

    serve(run)
    caller.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
