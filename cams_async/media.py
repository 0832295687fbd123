"""`upload`: a file to the object store of CAMS, for messages and templates.

    url = await upload(cams, Path("tea.png"), cust_space_id="cams-xxxx")
    await cams.send_chatapp_message(..., content=Image(url))

https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getchatappuploadauthorization
"""

import asyncio
import io
import mimetypes
import os
import random
import re
import ssl as tls
import time
from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from email.utils import formatdate
from hashlib import sha1
from hmac import digest
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, Final
from urllib.parse import quote, urlsplit

from yarl import URL

from cams_async._aiohttp import open_session
from cams_async.config import check, is_positive, is_text
from cams_async.endpoints import is_loopback
from cams_async.errors import CamsError, ConfigurationError, TransportError
from cams_async.operations import GetChatappUploadAuthorization
from cams_async.operations.profile import UploadAuthorization
from cams_async.poller import Sender
from cams_async.protocol import HttpResponse
from cams_async.proxies import find_proxy, hide_proxy
from cams_async.retry import RetryPolicy
from cams_async.secret import Secret
from cams_async.transport import open_connector, send_once

__all__ = ["UploadError", "upload"]

MIB: Final = 2**20

SIZES: Final[Mapping[str, int]] = {
    **dict.fromkeys(("image/jpeg", "image/png"), 5 * MIB),
    "image/webp": MIB // 2,
    **dict.fromkeys(("video/mp4", "video/3gpp"), 16 * MIB),
    **dict.fromkeys(
        ("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), 16 * MIB
    ),
    **dict.fromkeys(
        (
            "text/plain",
            "application/pdf",
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ),
        100 * MIB,
    ),
}
"""The most bytes of each content type that WhatsApp accepts, as several SDKs list them;
the vendor documents none."""

CHUNK: Final = 2**18
"""Bytes that are read from a file at a time."""

MAX_RESPONSE: Final = 65_536

FORBIDDEN: Final = 403

SERVER_ERROR: Final = 500

ACL: Final = "x-oss-object-acl"

TOKEN: Final = "x-oss-security-token"  # noqa: S105 - the name of a header

_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,100})</Code>")

Progress = Callable[[int, int], None]


class UploadError(CamsError):
    """The object store refused a file.

    Attributes:
        code: The store's code, such as `AccessDenied`; empty where it states none.
        http_status: The HTTP status of the response.
    """

    def __init__(
        self, message: str = "", *, code: str = "", http_status: int = 0
    ) -> None:
        super().__init__(message, outcome="rejected")
        self.code = code
        self.http_status = http_status


async def upload(
    client: Sender,
    source: Path | str | bytes,
    *,
    cust_space_id: str,
    name: str | None = None,
    content_type: str | None = None,
    public: bool = False,
    strict: bool = True,
    progress: Progress = lambda _sent, _total: None,
    timeout: float = 300.0,
    retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen, so safe to share
    ssl: tls.SSLContext | None = None,
    proxy: str | Secret | None = None,
) -> str:
    """Upload a file and return its URL, for messages and templates.

    The file is read while it is sent. An attempt that failed is repeated from its
    start, which is safe: the file has a name of its own in the store.

    CAMS can read the URL. Whether others can depends on the account.

    Args:
        client: A CamsClient. It obtains the authorization by one call of
            GetChatappUploadAuthorization; the file goes to the store itself.
        source: The path of the file, or its content.
        cust_space_id: The space ID.
        name: The name in the store, which others may see. Default: a random one with
            the suffix of the path.
        content_type: The content type, such as `image/png`. Default: by the suffix.
        public: Whether to ask for an object that everybody can read. A store that
            refuses this gets the file without.
        strict: Whether to refuse content types and sizes that WhatsApp does not accept.
        progress: Called with the bytes that were sent, and those of the file; it begins
            again with each attempt.
        timeout: Seconds for one attempt.
        retry: The retry policy.
        ssl: A TLS context instead of the default one.
        proxy: The URL of an http proxy. Default: as for CamsClient.

    Raises:
        ConfigurationError: An argument or the file is unusable; `field` names it.
        UploadError: The store refused the file.
        TransportError: The store could not be reached.
        CamsError: The authorization failed.
    """
    hidden = hide_proxy(proxy)
    del proxy
    check(is_positive(timeout), "timeout", "must be a finite number of seconds above 0")
    check(name is None or _is_name(name), "name", "must be a name without slashes")
    suffix = "" if isinstance(source, bytes) else Path(source).suffix
    content_type = content_type or mimetypes.guess_type(name or f"a{suffix}")[0]
    check(is_text(content_type), "content_type", "must be given; the suffix has none")
    file, size = await asyncio.to_thread(_open, source)
    try:
        _check(size, str(content_type), strict=strict)
        response = await client.send(
            GetChatappUploadAuthorization(cust_space_id=cust_space_id)
        )
        target = _Target(
            response.data, name or f"{token_hex(16)}{suffix}", str(content_type)
        )
        proxy_url = find_proxy(hidden, target.url)

        async def attempt(*, public: bool) -> None:
            await asyncio.to_thread(_rewind, file, size)
            async with (
                open_session(open_connector()) as session,
                aclosing(_chunks(file, size, progress)) as chunks,
            ):
                options = {} if ssl is None else {"ssl": ssl}
                found = await send_once(
                    session,
                    "PUT",
                    URL(target.url, encoded=True),
                    timeout=timeout,
                    on_sent=lambda _: None,
                    max_response=MAX_RESPONSE,
                    proxy=proxy_url,
                    headers={
                        **target.headers(time.time(), public=public),
                        "Content-Length": str(size),
                    },
                    data=chunks,
                    **options,
                )
            _raise_for(found)

        await _repeat(attempt, retry, public=public)
    finally:
        await asyncio.to_thread(file.close)
    return target.url


async def _repeat(
    attempt: Callable[..., Awaitable[None]],
    retry: RetryPolicy,
    *,
    public: bool,
) -> None:
    """Repeat an attempt by the policy, and once without the public access."""
    number, began = 1, time.monotonic()
    while True:
        error: CamsError
        try:
            await attempt(public=public)
        except UploadError as refused:
            if public and refused.http_status == FORBIDDEN:
                public = False
                continue
            if refused.http_status < SERVER_ERROR:
                raise
            error = refused
        except TransportError as lost:
            error = lost
        else:
            return
        pause = retry.delay(
            error,
            attempt=number,
            elapsed=time.monotonic() - began,
            random=random.random(),  # noqa: S311 - jitter
        )
        if pause is None:
            raise error
        number += 1
        await asyncio.sleep(pause)


def _is_name(name: object) -> bool:
    return is_text(name) and "/" not in name and name.isprintable()


def _open(source: Path | str | bytes) -> tuple[BinaryIO, int]:
    """Return an open file and its size."""
    if isinstance(source, bytes):
        return io.BytesIO(source), len(source)
    try:
        file = Path(source).open("rb")  # noqa: SIM115 - the caller closes it
    except OSError as error:
        msg = f"{str(source)!r} cannot be read: {error.strerror}"
        raise ConfigurationError(msg, field="source") from error
    return file, os.fstat(file.fileno()).st_size


def _rewind(file: BinaryIO, size: int) -> None:
    """Go to the start of a file, which must have the size that is announced."""
    if file.seek(0, os.SEEK_END) != size:
        raise ConfigurationError("changed while it was uploaded", field="source")
    file.seek(0)


def _check(size: int, content_type: str, *, strict: bool) -> None:
    """Raise ConfigurationError for a file that cannot be used."""
    check(size, "source", "must not be empty")
    if not strict:
        return
    kind = content_type.partition(";")[0].strip().lower()
    known = ", ".join(SIZES)
    expected = f"must be one that WhatsApp accepts: {known}; or pass strict=False"
    check(kind in SIZES, "content_type", expected)
    expected = f"must have at most {SIZES[kind]:,} bytes; or pass strict=False"
    check(size <= SIZES[kind], "source", expected)


async def _chunks(
    file: BinaryIO, size: int, progress: Progress
) -> AsyncGenerator[bytes]:
    """Yield a file; of one that has become shorter, the request fails."""
    sent = 0
    while sent < size:
        chunk = await asyncio.to_thread(file.read, min(CHUNK, size - sent))
        if not chunk:
            raise EOFError
        yield chunk
        sent += len(chunk)
        progress(sent, size)


class _Target:
    """The place of a file in the store, and the headers of its request."""

    def __init__(
        self, authorization: UploadAuthorization, name: str, content_type: str
    ) -> None:
        self._authorization = authorization
        self._content_type = content_type
        folder = authorization.dir.strip("/")
        self._key = f"{folder}/{name}" if folder else name
        self.url: str = self._url()

    def _url(self) -> str:
        bucket, given = self._authorization.bucket_name, self._authorization.end_point
        parts = urlsplit(given if "://" in given else f"https://{given}")
        host = parts.netloc.removeprefix(f"{bucket}.")
        path = quote(self._key)
        if is_loopback(parts.hostname or ""):
            # A bucket is no subdomain of an address, such as that of an emulator.
            return f"{parts.scheme}://{host}/{bucket}/{path}"
        return f"https://{bucket}.{host}/{path}"

    def headers(self, now: float, *, public: bool) -> dict[str, str]:
        """Return the signed headers at a time in seconds since 1970."""
        date = formatdate(now, usegmt=True)
        token = self._authorization.security_token.reveal()
        oss = {TOKEN: token, **({ACL: "public-read"} if public else {})}
        signature = sign(
            self._authorization.access_key_secret,
            content_type=self._content_type,
            date=date,
            oss_headers=oss,
            resource=f"/{self._authorization.bucket_name}/{self._key}",
        )
        key_id = self._authorization.access_key_id
        return {
            "Date": date,
            "Content-Type": self._content_type,
            "Authorization": f"OSS {key_id}:{signature}",
            **oss,
        }


def sign(
    secret: Secret,
    *,
    content_type: str,
    date: str,
    oss_headers: Mapping[str, str],
    resource: str,
    content_md5: str = "",
) -> str:
    """Return the signature (version 1) of a PUT.

    https://www.alibabacloud.com/help/en/oss/developer-reference/include-signatures-in-the-authorization-header
    """
    canonical = "".join(f"{name}:{oss_headers[name]}\n" for name in sorted(oss_headers))
    text = f"PUT\n{content_md5}\n{content_type}\n{date}\n{canonical}{resource}"
    return b64encode(digest(secret.reveal().encode(), text.encode(), sha1)).decode()


def _raise_for(response: HttpResponse) -> None:
    """Raise UploadError unless the store has accepted the file."""
    if response.status // 100 == 2:  # noqa: PLR2004 - success
        return
    found = _CODE.search(response.body)
    code = "" if found is None else found[1].decode()
    msg = f"the object store refused the file: {code} (HTTP {response.status})"
    raise UploadError(msg, code=code, http_status=response.status)
