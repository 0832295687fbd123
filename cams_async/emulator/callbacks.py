"""Notifications of the emulator: what is pushed to a URL, and how.

The vendor documents the fields of its examples, that a push is a JSON array, and that
it waits for 3 seconds. All else is assumed: that anything but 200 counts as a failure,
and the pauses before a push is repeated, which are those of its sibling products.
"""

import asyncio
import json
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout

MAX_SECONDS: Final = 3.0
"""Seconds for which a push waits for its response.

https://www.alibabacloud.com/help/en/chatapp/user-guide/message-receipts
"""

MAX_ITEMS: Final = 100
"""Items of one push: assumed."""


class CallbackPusher:
    """Pushes items to URLs, in their order unless asked otherwise.

    Attributes:
        duplicates: The share of pushes that are sent twice, from 0 to 1.
        disorder: The share of pushes whose items are shuffled, from 0 to 1.
        delivered: Items that were answered with 200, duplicates not included.
        failed: Items that were given up.
    """

    def __init__(self, retries: Sequence[float], random: Random) -> None:
        self._retries = retries
        self._random = random
        self._queue: deque[tuple[str, Mapping[str, Any]]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._repeats: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._unfinished = 0
        self.duplicates: float = 0.0
        self.disorder: float = 0.0
        self.delivered: int = 0
        self.failed: int = 0

    def __repr__(self) -> str:
        return f"<CallbackPusher: {self.delivered} delivered, {self.failed} failed>"

    def push(self, url: str, item: Mapping[str, Any]) -> None:
        """Push an item, from any thread; if the emulator is not running, later."""
        self._queue.append((url, item))
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake.set)

    async def idle(self) -> None:
        """Wait until all that is to be pushed was delivered, or given up."""
        while self._queue or self._unfinished:
            self._idle.clear()
            await self._idle.wait()

    async def start(self) -> None:
        """Begin to push."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        """Stop. What was not delivered is lost."""
        self._loop = None
        tasks = [*self._repeats, *([] if self._task is None else [self._task])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task, self._unfinished = None, 0
        self._idle.set()

    async def _run(self) -> None:
        timeout = ClientTimeout(total=MAX_SECONDS)
        async with ClientSession(timeout=timeout) as session:
            while True:
                while self._queue:
                    await self._push_next(session)
                self._idle.set()
                await self._wake.wait()
                self._wake.clear()

    async def _push_next(self, session: ClientSession) -> None:
        url, item = self._queue.popleft()
        items = [item]
        while self._queue and self._queue[0][0] == url and len(items) < MAX_ITEMS:
            items.append(self._queue.popleft()[1])
        self._unfinished += len(items)
        if self._random.random() < self.disorder:
            self._random.shuffle(items)
        body = json.dumps(items, ensure_ascii=False).encode()
        is_delivered = await post(session, url, body)
        if is_delivered and self._random.random() < self.duplicates:
            await post(session, url, body)
        if is_delivered:
            self._end(len(items), is_delivered=True)
        else:
            repeat = asyncio.create_task(self._repeat(session, url, body, len(items)))
            self._repeats.add(repeat)
            repeat.add_done_callback(self._repeats.discard)

    async def _repeat(
        self, session: ClientSession, url: str, body: bytes, items: int
    ) -> None:
        for pause in self._retries:
            await asyncio.sleep(pause)
            if await post(session, url, body):
                self._end(items, is_delivered=True)
                return
        self._end(items, is_delivered=False)

    def _end(self, items: int, *, is_delivered: bool) -> None:
        self._unfinished -= items
        if is_delivered:
            self.delivered += items
        else:
            self.failed += items
        self._idle.set()


async def post(session: ClientSession, url: str, body: bytes) -> bool:
    """Post a notification; return whether its response was 200."""
    headers = {"Content-Type": "application/json; charset=utf-8"}
    with suppress(ClientError, OSError, TimeoutError):
        async with session.post(
            url, data=body, headers=headers, allow_redirects=False
        ) as response:
            await response.read()
            return response.status == 200  # noqa: PLR2004 - OK
    return False


def is_loopback(url: str) -> bool:
    """Whether a URL is of this machine. Others are not pushed to unless stated."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def inbound_item(
    number: str,
    space: str,
    *,
    message_id: str,
    user: str,
    kind: str,
    message: object,
    at: float,
) -> dict[str, Any]:
    """Return the item of a message of a user to a number, at a time in seconds."""
    return {
        "MessageId": message_id,
        "From": user,
        "To": number,
        "DisplayName": f"User {user[-4:]}",
        "Name": f"User {user[-4:]}",
        "NoticeType": "inbound",
        "Type": kind,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": round(at * 1000),
        "CustSpaceId": space,
        "WabaId": f"waba-{space}",
    }


def receipt_item(
    sent: Mapping[str, str],
    message_id: str,
    status: str,
    *,
    at: float,
    error: tuple[str, str] | None,
) -> dict[str, Any]:
    """Return the item of a receipt for a message, by its parameters."""
    template = {
        "TemplateCode": sent.get("TemplateCode"),
        "TemplateName": sent.get("TemplateName"),
        "Language": sent.get("Language"),
    }
    code, text = error or (None, None)
    item = {
        "MessageId": message_id,
        "From": sent["From"],
        "To": sent["To"],
        "Timestamp": round(at * 1000),
        "Status": status,
        "ErrorCode": code,
        "ErrorDescription": None if error is None else f"{code}:{text}",
        "MsgFrameType": sent["Type"],
        "Type": (sent.get("MessageType") or "template").upper(),
        "TaskId": sent.get("TaskId") or message_id,
        "OriginPhoneNumber": sent["From"],
        "CustSpaceId": sent.get("CustSpaceId"),
        **(template if sent["Type"] == "template" else {}),
    }
    return {name: value for name, value in item.items() if value is not None}
