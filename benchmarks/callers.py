"""The clients that are compared, each in a process of its own: see `children`.

`python -m benchmarks.callers NAME ORIGIN` makes calls when it is told to.
"""

import argparse
import asyncio
import cProfile
import importlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import aiohttp

from benchmarks import minimal
from benchmarks.children import obey
from benchmarks.profiles import summary
from benchmarks.waiters import ACTION, KEY
from cams_async import CamsClient
from cams_async.operations import ChatappSyncPhoneNumber

NUMBER, SPACE = "8613800000000", "cams-0001"
PARAMETERS = {"PhoneNumber": NUMBER, "CustSpaceId": SPACE}

LIFTED = 1e6
"""Calls per second: in the way of every call, and never reached."""


PATIENCE = 120_000
"""Milliseconds that the vendor's client may take to connect."""


class Caller(ABC):
    """A client, opened on first use."""

    def __init__(self, origin: str) -> None:
        self.origin = origin

    @abstractmethod
    def run(self, calls: int, concurrency: int) -> None:
        """Make so many calls, so many at a time."""

    @abstractmethod
    def close(self) -> None:
        """Close all connections."""


class Asynchronous(Caller):
    """Calls from tasks on one event loop."""

    def __init__(self, origin: str, *, uvloop: bool = False) -> None:
        super().__init__(origin)
        factory = importlib.import_module("uvloop").new_event_loop if uvloop else None
        self._runner = asyncio.Runner(loop_factory=factory)
        self._runner.run(self.open())

    def run(self, calls: int, concurrency: int) -> None:
        """Make so many calls, so many at a time."""
        self._runner.run(self._run(calls, concurrency))

    async def _run(self, calls: int, concurrency: int) -> None:
        async def some() -> None:
            for _ in range(calls // concurrency):
                await self.call()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(concurrency):
                tasks.create_task(some())

    def close(self) -> None:
        """Close all connections."""
        self._runner.run(self.aclose())
        self._runner.close()

    @abstractmethod
    async def open(self) -> None:
        """Make the client."""

    @abstractmethod
    async def call(self) -> object:
        """Make one call."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close the client."""


class Unsigned(Asynchronous):
    """A bare POST of aiohttp."""

    async def open(self) -> None:
        """Make the session, as large as it needs to be."""
        connector = aiohttp.TCPConnector(limit=0)
        self.session = aiohttp.ClientSession(connector=connector)

    async def call(self) -> object:
        """Make one call."""
        return await minimal.post(
            self.session, self.origin, f"PhoneNumber={NUMBER}&CustSpaceId={SPACE}"
        )

    async def aclose(self) -> None:
        """Close the session."""
        await self.session.close()


class Signed(Unsigned):
    """A POST of aiohttp, signed by hand."""

    async def call(self) -> object:
        """Make one call."""
        key = KEY.access_key_id, KEY.access_key_secret.reveal()
        return await minimal.post_signed(
            self.session, self.origin, key, ACTION, PARAMETERS
        )


class Ours(Asynchronous):
    """cams_async, with its ceilings lifted."""

    async def open(self) -> None:
        """Make the client."""
        lifted = {ACTION: LIFTED, "ChatappSyncPhoneNumber": LIFTED}
        self.client = CamsClient(KEY, endpoint=self.origin, qps=lifted)

    async def call(self) -> object:
        """Make one call."""
        return await self.client.get_phone_number_verification_status(
            phone_number=NUMBER, cust_space_id=SPACE
        )

    async def aclose(self) -> None:
        """Close the client."""
        await self.client.aclose()


class Listing(Ours):
    """cams_async, asking for all numbers of a space."""

    async def call(self) -> object:
        """Make one call."""
        return await self.client.send(ChatappSyncPhoneNumber(cust_space_id=SPACE))


class Read(Ours):
    """cams_async, making a call that may be repeated."""

    retry_safe = True

    async def call(self) -> object:
        """Make one call."""
        return await self.client.call(ACTION, PARAMETERS, retry_safe=self.retry_safe)


class Once(Read):
    """cams_async, making the same call as one that must not be repeated."""

    retry_safe = False


def official(origin: str) -> tuple[Any, Any]:
    """Return the vendor's client, which trusts whom it trusts, and a request."""
    scheme, _, place = origin.partition("://")
    package = "alibabacloud_cams20200606"
    config = importlib.import_module("alibabacloud_tea_openapi.models").Config(
        access_key_id=KEY.access_key_id,
        access_key_secret=KEY.access_key_secret.reveal(),
        endpoint=place,
        protocol=scheme,
        # By itself it gives up: its own work holds the loop up for longer than 5 s.
        connect_timeout=PATIENCE,
        read_timeout=PATIENCE,
    )
    models = importlib.import_module(f"{package}.models")
    request = models.GetPhoneNumberVerificationStatusRequest(
        phone_number=NUMBER, cust_space_id=SPACE
    )
    return importlib.import_module(f"{package}.client").Client(config), request


class OfficialAsync(Asynchronous):
    """The vendor's SDK, its coroutines."""

    async def open(self) -> None:
        """Make the client."""
        self.client, self.request = official(self.origin)

    async def call(self) -> object:
        """Make one call."""
        call = self.client.get_phone_number_verification_status_async
        found: object = await call(self.request)
        return found

    async def aclose(self) -> None:
        """Do nothing: it keeps no connections."""


class OfficialThreads(Caller):
    """The vendor's SDK, called from threads."""

    def __init__(self, origin: str) -> None:
        super().__init__(origin)
        self.client, self.request = official(origin)

    def run(self, calls: int, concurrency: int) -> None:
        """Make so many calls, from so many threads."""

        def some(_: int) -> None:
            for _ in range(calls // concurrency):
                self.client.get_phone_number_verification_status(self.request)

        with ThreadPoolExecutor(concurrency) as threads:
            list(threads.map(some, range(concurrency)))

    def close(self) -> None:
        """Do nothing: its connections are the process's."""


CALLERS: dict[str, Callable[..., Caller]] = {
    "unsigned POST": Unsigned,
    "signed POST": Signed,
    "cams_async": Ours,
    "cams_async, lists": Listing,
    "cams_async, read": Read,
    "cams_async, once": Once,
    "official, async": OfficialAsync,
    "official, threads": OfficialThreads,
}


class Calling:
    """Obeys commands."""

    def __init__(self, make: Callable[[], Caller]) -> None:
        self._make = make
        self._caller = make()

    def close(self) -> None:
        """Close the client."""
        self._caller.close()

    def obey(
        self, calls: int, concurrency: int, *, afresh: bool = False, watch: bool = False
    ) -> dict[str, Any]:
        """Make calls, through a new client if asked for one.

        Return seconds of CPU and of time, for each, and a profile if asked for one.
        """
        if afresh:
            self._caller.close()
            self._caller = self._make()
        # What others do meanwhile is no business of ours.
        profile = cProfile.Profile(time.process_time)
        if watch:
            profile.enable()
        began, cpu = time.perf_counter(), time.process_time()
        self._caller.run(calls, concurrency)
        cpu, seconds = time.process_time() - cpu, time.perf_counter() - began
        profile.disable()
        return {
            "cpu": cpu / calls,
            "seconds": seconds / calls,
            "profile": summary(profile, calls) if watch else None,
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a client, and obey."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=list(CALLERS))
    parser.add_argument("origin")
    parser.add_argument("--uvloop", action="store_true")
    options = parser.parse_args(arguments)
    loop = {"uvloop": True} if options.uvloop else {}
    with closing(Calling(lambda: CALLERS[options.name](options.origin, **loop))) as it:
        obey(it.obey)


if __name__ == "__main__":
    main()
