"""Uploads: to the store of the emulator over real sockets, and what goes wrong."""

import asyncio
import os
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cams_async import CamsClient, CamsError, InvalidParameter, RetryPolicy
from cams_async.emulator import Emulator, StoredObject
from cams_async.emulator import object_store as store_module
from cams_async.errors import ConfigurationError, TransportError
from cams_async.media import MIB, UploadError, _Target, sign, upload
from cams_async.models import Response
from cams_async.operations import Operation
from cams_async.operations.profile import (
    GetChatappUploadAuthorizationResponse,
    UploadAuthorization,
)
from cams_async.secret import Secret
from tests.fakes import FAST

PNG = "image/png"


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """Yield a running emulator."""
    async with Emulator(phone_numbers=1, qps=FAST) as emulator:
        yield emulator


@pytest.fixture
async def cams(emulator: Emulator) -> AsyncIterator[CamsClient]:
    """Yield a client of the emulator."""
    async with CamsClient(
        emulator.credentials, endpoint=emulator.endpoint, qps=FAST
    ) as cams:
        yield cams


def stored(emulator: Emulator, url: str) -> StoredObject:
    """Return the object at a URL."""
    found = emulator.store.get(url.removeprefix(emulator.endpoint))
    assert found is not None
    return found


@pytest.mark.parametrize("kind", ["path", "text", "bytes"])
async def test_a_file_is_stored(
    kind: str, emulator: Emulator, cams: CamsClient, tmp_path: Path
) -> None:
    """With its content type, under a name of its own, and streamed."""
    path, body = tmp_path / "a b.png", bytes(range(256)) * 5000
    path.write_bytes(body)
    sources: dict[str, Any] = {"path": path, "text": str(path), "bytes": body}
    options: dict[str, Any] = {"content_type": PNG} if kind == "bytes" else {}
    steps: list[tuple[int, int]] = []
    urls = [
        await upload(
            cams,
            sources[kind],
            cust_space_id=emulator.phone_numbers[0].cust_space_id,
            progress=lambda sent, total: steps.append((sent, total)),
            **options,
        )
        for _ in range(2)
    ]

    assert urls[0] != urls[1]
    for url in urls:
        assert (PNG, body, False) == (
            stored(emulator, url).content_type,
            stored(emulator, url).body,
            stored(emulator, url).is_public,
        )
    assert (len(body), len(body)) == steps[-1]
    assert len(steps) == 10
    assert kind == "bytes" or urls[0].endswith(".png")


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_public_object_if_the_store_allows(
    emulator: Emulator, cams: CamsClient, *, allowed: bool
) -> None:
    """Otherwise it is stored without."""
    emulator.store.allows_public = allowed
    url = await upload(
        cams,
        b"x",
        cust_space_id=emulator.phone_numbers[0].cust_space_id,
        name="a ü+.txt",
        public=True,
        retry=RetryPolicy(attempts=1),
    )

    assert url.endswith("/a%20%C3%BC%2B.txt")
    async with aiohttp.ClientSession() as session:
        for suffix, status in (("", 200 if allowed else 403), ("x", 404)):
            async with session.get(url + suffix) as response:
                assert status == response.status
        async with session.delete(url) as response:
            assert 405 == response.status


@pytest.mark.parametrize(
    ("source", "options", "field"),
    [
        (b"", {"content_type": PNG}, "source"),
        (b"x", {}, "content_type"),
        (b"x", {"content_type": "image/gif"}, "content_type"),
        (b"x", {"content_type": 5}, "content_type"),
        (b"x", {"name": "a.unknown"}, "content_type"),
        (b"x" * (5 * MIB + 1), {"content_type": PNG}, "source"),
        (b"x", {"content_type": PNG, "name": "a/b.png"}, "name"),
        (b"x", {"content_type": PNG, "name": ""}, "name"),
        (b"x", {"content_type": PNG, "timeout": 0}, "timeout"),
        (b"x", {"content_type": PNG, "proxy": "socks5://x"}, "proxy"),
        ("missing.png", {}, "source"),
        (".", {"content_type": PNG}, "source"),
    ],
)
async def test_a_bad_argument_is_named(
    source: Any, options: dict[str, Any], field: str, cams: CamsClient
) -> None:
    """Before the file is sent."""
    with pytest.raises(ConfigurationError) as caught:
        await upload(cams, source, cust_space_id="cams-0001", **options)

    assert field == caught.value.field


async def test_anything_is_stored_unless_strict(
    emulator: Emulator, cams: CamsClient
) -> None:
    """Such as for a use that is not known here."""
    url = await upload(
        cams,
        b"x" * (5 * MIB + 1),
        cust_space_id="cams-0001",
        content_type="image/gif",
        strict=False,
    )

    assert 5 * MIB + 1 == len(stored(emulator, url).body)


async def test_an_error_of_the_authorization_is_raised(cams: CamsClient) -> None:
    """Nothing was sent to the store."""
    with pytest.raises(InvalidParameter):
        await upload(cams, b"x", cust_space_id="cams-9", content_type=PNG)


class Sender:
    """A client whose authorization is for any store."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def ceiling(self, operation: Operation[Any]) -> float:
        """Return any ceiling."""
        return operation.qps

    async def send(self, operation: Operation[Any]) -> Any:
        """Return the authorization."""
        del operation
        return GetChatappUploadAuthorizationResponse(
            request_id="1", code="OK", data=authorization(end_point=self.endpoint)
        )


def authorization(**changes: Any) -> UploadAuthorization:
    """Return an authorization."""
    known: dict[str, Any] = {
        "access_key_id": "STS.canary",
        "access_key_secret": Secret("canary-secret"),
        "security_token": Secret("canary-token"),
        "bucket_name": "bucket",
        "end_point": "oss.example",
        "dir": "/a/b/",
    }
    return UploadAuthorization(**{**known, **changes})


@asynccontextmanager
async def store(
    *responses: tuple[int, bytes] | Callable[[web.BaseRequest], Any],
) -> AsyncGenerator[tuple[Sender, list[dict[str, str]]]]:
    """Yield a client of a store with these responses, and the headers it received."""
    received: list[dict[str, str]] = []
    left = list(responses)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        received.append(dict(request.headers))
        response = left.pop(0)
        if callable(response):
            response = await response(request)
        await request.content.read()
        return web.Response(status=response[0], body=response[1])

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield Sender(f"http://{host}:{port}"), received
    await runner.cleanup()


FAST_RETRY = RetryPolicy(attempts=3, base=0.001)

DENIED = b"<?xml?><Error><Code>SignatureDoesNotMatch</Code><X>canary</X></Error>"


async def send(sender: Sender, **options: Any) -> str:
    """Upload a short file."""
    known: dict[str, Any] = {
        "cust_space_id": "s",
        "content_type": PNG,
        "retry": FAST_RETRY,
    }
    return await upload(sender, b"xyz", **{**known, **options})


async def test_a_failed_attempt_is_repeated_from_the_start() -> None:
    """After an error of the server, or of the connection."""

    async def lose(request: web.BaseRequest) -> Any:
        assert request.transport is not None
        request.transport.abort()
        return 200, b""

    async with store((500, b""), lose, (200, b"")) as (sender, received):
        await send(sender)

    assert ["3"] * 3 == [each["Content-Length"] for each in received]


async def test_attempts_are_bounded() -> None:
    """The last error is raised."""
    async with store(*[(503, b"")] * 3) as (sender, received):
        with pytest.raises(UploadError) as caught:
            await send(sender)

    assert (3, 503, "") == (
        len(received),
        caught.value.http_status,
        caught.value.code,
    )


async def test_a_refusal_is_not_repeated() -> None:
    """Its code is that of the store, and nothing is shown of the credentials."""
    async with store((403, DENIED)) as (sender, received):
        with pytest.raises(UploadError) as caught:
            await send(sender)
    error = caught.value

    assert (1, "SignatureDoesNotMatch", 403) == (
        len(received),
        error.code,
        error.http_status,
    )
    assert "canary" not in f"{error} {error!r} {vars(error)}"


async def test_a_store_that_hangs_or_is_absent_is_a_transport_error() -> None:
    """In the time of an attempt."""

    async def hang(_: web.BaseRequest) -> Any:
        await asyncio.sleep(20)

    async with store(hang) as (sender, _):
        with pytest.raises(TransportError):
            await send(sender, timeout=0.05, retry=RetryPolicy(attempts=1))
    with pytest.raises(TransportError):
        await send(Sender("http://127.0.0.1:1"), retry=RetryPolicy(attempts=1))


async def test_a_file_that_changes_is_an_error(tmp_path: Path) -> None:
    """A shorter file cannot have its announced length."""
    path = tmp_path / "a.png"
    path.write_bytes(b"x" * MIB)

    def shorten(_sent: int, _total: int) -> None:
        os.truncate(path, 1)

    async with store((200, b""), (200, b"")) as (sender, _):
        with pytest.raises(ConfigurationError, match="source: changed"):
            await upload(
                sender,
                path,
                cust_space_id="s",
                progress=shorten,
                retry=FAST_RETRY,
            )


async def test_a_cancelled_upload_shows_no_secret() -> None:
    """Neither in its traceback, nor in the frames of it."""
    going = asyncio.Event()

    async def hang(_: web.BaseRequest) -> Any:
        going.set()
        await asyncio.sleep(20)

    async with store(hang) as (sender, _):
        task = asyncio.create_task(send(sender))
        await going.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task

    assert caught.value.__traceback__ is not None
    frame = caught.value.__traceback__.tb_next  # without this test
    while frame is not None:
        assert "canary-" not in repr(frame.tb_frame.f_locals)
        frame = frame.tb_next


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({}, "https://bucket.oss.example/a/b/c.png"),
        ({"end_point": "https://oss.example"}, "https://bucket.oss.example/a/b/c.png"),
        ({"end_point": "http://oss.example/"}, "https://bucket.oss.example/a/b/c.png"),
        ({"end_point": "bucket.oss.example"}, "https://bucket.oss.example/a/b/c.png"),
        ({"end_point": "http://[::1]:8"}, "http://[::1]:8/bucket/a/b/c.png"),
        ({"end_point": "localhost:8"}, "https://localhost:8/bucket/a/b/c.png"),
        ({"dir": "/"}, "https://bucket.oss.example/c.png"),
    ],
)
def test_the_url_has_the_bucket_once(changes: dict[str, str], url: str) -> None:
    """Whatever the form of the endpoint; plain http only to this machine."""
    assert url == _Target(authorization(**changes), "c.png", PNG).url


def test_the_signature_is_that_of_the_vendors_example() -> None:
    """https://www.alibabacloud.com/help/en/oss/developer-reference/include-signatures-in-the-authorization-header."""
    signature = sign(
        Secret("OtxrzxIsfpFjA7SwPzILwy8Bw21TLhquhboDYROV"),
        content_type="text/html",
        date="Thu, 17 Nov 2005 18:49:58 GMT",
        oss_headers={"x-oss-meta-author": "foo@bar.com", "x-oss-magic": "abracadabra"},
        resource="/oss-example/nelson",
        content_md5="ODBGOERFMDMzQTczRUY3NUE3NzA5QzdFNUYzMDQxNEM=",
    )

    assert "26NBxoKdsyly4EDv6inkoDft/yA=" == signature


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"Authorization": ""}, "InvalidAccessKeyId"),
        ({"Authorization": "OSS other:x"}, "InvalidAccessKeyId"),
        ({"Authorization": "OSS STS.emulator:x"}, "SignatureDoesNotMatch"),
        ({"x-oss-security-token": "other"}, "InvalidSecurityToken"),
        ({"Date": "yesterday"}, "AccessDenied"),
        ({"Date": formatdate(0, usegmt=True)}, "RequestTimeTooSkewed"),
        ({"Content-Type": "text/plain"}, "SignatureDoesNotMatch"),
        ({"x-oss-object-acl": "public-read"}, "SignatureDoesNotMatch"),
    ],
)
async def test_the_store_verifies_requests(
    changes: dict[str, str], code: str | None, emulator: Emulator, cams: CamsClient
) -> None:
    """As the real one does."""
    response: Response = await cams.get_chatapp_upload_authorization(
        cust_space_id=emulator.phone_numbers[0].cust_space_id
    )
    assert isinstance(response, GetChatappUploadAuthorizationResponse)
    target = _Target(response.data, "a.png", PNG)
    headers = {**target.headers(time.time(), public=False), **changes}
    async with (
        aiohttp.ClientSession() as session,
        session.put(target.url, data=b"x", headers=headers) as answer,
    ):
        text = await answer.text()

    assert (200 if code is None else 403) == answer.status
    assert code is None or f"<Code>{code}</Code>" in text


async def test_the_store_is_bounded(
    emulator: Emulator, cams: CamsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest objects are dropped."""
    monkeypatch.setattr(store_module, "MAX_BYTES", 5)
    urls = [
        await upload(cams, b"xy", cust_space_id="cams-0001", content_type=PNG)
        for _ in range(3)
    ]

    paths = [url.removeprefix(emulator.endpoint) for url in urls]
    assert [True, False, False] == [emulator.store.get(p) is None for p in paths]


async def test_a_context_and_a_proxy_can_be_given() -> None:
    """An error of the proxy is one of the connection."""
    with pytest.raises(CamsError, match="proxy"):
        await send(
            Sender("https://oss.example"),
            proxy="http://127.0.0.1:1",
            ssl=ssl.create_default_context(),
            retry=RetryPolicy(attempts=1),
        )
