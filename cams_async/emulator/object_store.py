"""The object store of the emulator, for files of messages and templates.

A PUT is verified as the real store does. Buckets are part of the path, since the store
is reached by an address. That everybody can read an object that was put with the ACL
`public-read`, and nobody another one, depends on the account: assumed.
"""

import re
from base64 import b64encode
from collections import OrderedDict
from email.utils import formatdate, parsedate_to_datetime
from hashlib import sha1
from hmac import compare_digest, digest
from typing import Any, Final
from urllib.parse import unquote

from attrs import frozen

from cams_async.emulator.exchange import WireRequest, WireResponse

BUCKET: Final = "cams-emulator"

KEY_ID: Final = "STS.emulator"

KEY_SECRET: Final = "emulator-store-secret"  # noqa: S105 - of the emulator

TOKEN: Final = "emulator-store-token"  # noqa: S105 - of the emulator

VALID: Final = 3600
"""Seconds for which an authorization is valid."""

MAX_SKEW: Final = 900.0
"""Seconds by which the date of a request may differ."""

MAX_BYTES: Final = 2**28
"""Bytes of all objects; the oldest are dropped."""

AUTHORIZATION: Final = re.compile(r"OSS ([^:]+):(\S+)")


@frozen
class StoredObject:
    """An object of the store."""

    content_type: str
    body: bytes
    is_public: bool


class _RefusedError(Exception):
    """A response of the store other than 200."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class ObjectStore:
    """The objects of all accounts, by their paths.

    Attributes:
        allows_public: Whether a PUT may ask for a public object.
    """

    def __init__(self) -> None:
        self.allows_public: bool = True
        self._objects: OrderedDict[str, StoredObject] = OrderedDict()

    def get(self, path: str) -> StoredObject | None:
        """Return the object at the path of a URL; None if there is none."""
        return self._objects.get(unquote(path))

    def authorization(self, endpoint: str, folder: str) -> dict[str, Any]:
        """Return the fields of an authorization to put objects into a folder."""
        return {
            "AccessKeyId": KEY_ID,
            "AccessKeySecret": KEY_SECRET,
            "SecurityToken": TOKEN,
            "BucketName": BUCKET,
            "Dir": folder,
            "EndPoint": endpoint,
            "Expire": VALID,
        }

    def serves(self, path: str) -> bool:
        """Whether a path is one of the store."""
        return path.startswith(f"/{BUCKET}/")

    def respond(self, request: WireRequest, wall: float) -> WireResponse:
        """Return the response to a request at a time in seconds since 1970."""
        headers = {"Date": formatdate(wall, usegmt=True), "Server": "AliyunOSS"}
        path = unquote(request.path)
        try:
            if request.method == "PUT":
                self._put(path, request, wall)
                return WireResponse(status=200, headers=headers, body=b"")
            found = self._read(path, request.method)
        except _RefusedError as error:
            headers["Content-Type"] = "application/xml"
            body = f"<Error><Code>{error.code}</Code></Error>".encode()
            return WireResponse(status=error.status, headers=headers, body=body)
        headers["Content-Type"] = found.content_type
        return WireResponse(status=200, headers=headers, body=found.body)

    def _read(self, path: str, method: str) -> StoredObject:
        if method != "GET":
            raise _RefusedError(405, "MethodNotAllowed")
        found = self._objects.get(path)
        if found is None:
            raise _RefusedError(404, "NoSuchKey")
        if not found.is_public:
            raise _RefusedError(403, "AccessDenied")
        return found

    def _put(self, path: str, request: WireRequest, wall: float) -> None:
        is_public = "x-oss-object-acl" in request.headers
        self._verify(path, request, wall)
        if is_public and not self.allows_public:
            raise _RefusedError(403, "AccessDenied")
        self._objects.pop(path, None)
        kind = request.headers.get("content-type", "")
        self._objects[path] = StoredObject(kind, request.body, is_public)
        while sum(len(each.body) for each in self._objects.values()) > MAX_BYTES:
            self._objects.popitem(last=False)

    def _verify(self, path: str, request: WireRequest, wall: float) -> None:
        headers = request.headers
        given = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if given is None or given[1] != KEY_ID:
            raise _RefusedError(403, "InvalidAccessKeyId")
        if headers.get("x-oss-security-token") != TOKEN:
            raise _RefusedError(403, "InvalidSecurityToken")
        try:
            date = parsedate_to_datetime(headers.get("date", "")).timestamp()
        except ValueError:
            raise _RefusedError(403, "AccessDenied") from None
        if abs(date - wall) > MAX_SKEW:
            raise _RefusedError(403, "RequestTimeTooSkewed")
        oss = sorted(name for name in headers if name.startswith("x-oss-"))
        text = "\n".join(
            [
                *("PUT", headers.get("content-md5", "")),
                *(headers.get("content-type", ""), headers["date"]),
                *(f"{name}:{headers[name]}" for name in oss),
                path,
            ]
        )
        expected = b64encode(digest(KEY_SECRET.encode(), text.encode(), sha1))
        if not compare_digest(expected, given[2].encode()):
            raise _RefusedError(403, "SignatureDoesNotMatch")
