"""Providers, profile files and services that hold credentials for tests."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cams_async.credentials import Credentials, CredentialsProvider
from cams_async.errors import CredentialsError

NOW = 1_800_000_000.0
LASTING = Credentials("id", "secret")


def ending(seconds: float, key_id: str = "id") -> Credentials:
    """Return credentials that expire some seconds after NOW."""
    end = datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds)
    return Credentials(key_id, "secret", "token", end)


async def refused(provider: CredentialsProvider) -> CredentialsError:
    """Return the error of a provider that has no usable credentials."""
    with pytest.raises(CredentialsError) as caught:
        await provider.get()
    return caught.value


def texts_of(error: BaseException | None) -> str:
    """Return every text of an error and of the errors chained to it."""
    text = ""
    while error is not None:
        text += f"{error!r} {error} {vars(error)} {getattr(error, 'doc', '')}"
        error = error.__cause__ or error.__context__
    return text


class Scripted:
    """A provider that returns its results in order, and then the last one forever."""

    def __init__(self, *results: Any, account: str | None = "scripted") -> None:
        self.results = list(results)
        self.account = account
        self.calls = 0
        self.released = asyncio.Event()
        self.released.set()

    def __repr__(self) -> str:
        return "Scripted(canary)"

    async def get(self) -> Credentials:
        """Return or raise the next result, once released."""
        self.calls += 1
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        await self.released.wait()
        if isinstance(result, BaseException):
            raise result
        return result  # type: ignore[no-any-return]


AK = {
    "name": "default",
    "mode": "AK",
    "access_key_id": "id",
    "access_key_secret": "secret",
}
STS = {**AK, "name": "sts", "mode": "StsToken", "sts_token": "token"}


def write(path: Path, *profiles: object, current: str = "default") -> Path:
    """Write a profile file."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"current": current, "profiles": profiles}))
    return path


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SERVED = {
    "Code": "Success",
    "AccessKeyId": "STS.id",
    "AccessKeySecret": "secret-canary",
    "SecurityToken": "token-canary",
    "Expiration": "2027-01-15T08:00:00Z",
}


@asynccontextmanager
async def service(handler: Handler) -> AsyncGenerator[str]:
    """Run a credentials service, and yield its URL."""
    app = web.Application()
    app.router.add_get("/credentials", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/credentials"))


def responding(payload: object, status: int = 200) -> Handler:
    """Return a handler with a fixed response."""

    async def handle(_: web.Request) -> web.Response:
        await asyncio.sleep(0)
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return web.Response(status=status, body=body)

    return handle
