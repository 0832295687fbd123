"""One worker's calls of the script in Redis, for one scope."""

import logging
import secrets
from collections.abc import Sequence
from itertools import count
from typing import Any

from attrs import frozen

from cams_async.models import Scope
from cams_async.redis.books import Books
from cams_async.redis.clock import ClockWatch
from cams_async.redis.server import Refusal, Server, Unreachable
from cams_async.redis.step import News, Reply, Step, Terms, keys

logger: logging.Logger = logging.getLogger("cams_async")

GRACE = 1.0
"""Seconds within which a request must be sent, or its slot be extended."""


@frozen(kw_only=True)
class Said:
    """The result of a script call."""

    reply: Reply
    granted: bool
    """Whether there is a slot to be used."""

    call: str
    """The slot's name."""

    until: float
    """Time by which its request must be sent, in the loop's time."""


class Conversation:
    """Calls the script: reports events, requests a slot, validates the reply."""

    def __init__(
        self,
        scope: Scope,
        server: Server,
        books: Books,
        *,
        margin: float,
        max_transit: float,
    ) -> None:
        self._action = scope.action
        self._keys = keys(scope)
        self._server = server
        self._books = books
        self._margin = margin
        self._max_transit = max_transit
        self._worker = secrets.token_hex(8)
        self._names = count(1)
        self._clock = ClockWatch()
        self._distrusted = 0

    async def step(self, waiting: int, ceiling: float) -> Said:
        """Report events, and request a slot if any call waits.

        Raises:
            Unreachable: There was no reply; the events will be sent again.
            Refusal: The reply was an error; the events will be sent again.
        """
        books = self._books
        call = f"{self._worker}:{next(self._names)}" if waiting else ""
        news, keeps = books.take(), books.keeps()
        step = Step(
            terms=Terms(
                worker=self._worker,
                ceiling=ceiling,
                margin=self._margin,
                max_transit=self._max_transit,
                grace=GRACE,
            ),
            call=call,
            more=waiting > 1,
            distrusted=self._distrusted,
            news=[*news, *keeps],
        )
        asked = books.now()
        try:
            response = await self._server.run(self._keys, step.arguments(asked))
            reply = _read(response)
        except Unreachable:
            # It may have run all the same: a slot that was granted is not used.
            given_back = [News("unused", call, asked)] if call else []
            books.put_back([*news, *given_back])
            raise
        except Refusal:
            books.put_back(news)
            raise
        self._check_clock(reply, asked)
        books.kept(keeps, reply, asked + GRACE)
        granted = reply.granted and bool(call)
        if granted and self._distrusted:
            books.unused(call)
        return Said(
            reply=reply,
            granted=granted and not self._distrusted,
            call=call,
            until=asked + GRACE,
        )

    def _check_clock(self, reply: Reply, asked: float) -> None:
        heard = self._books.now()
        distrusted = self._clock.distrusts(reply, asked=asked, heard=heard)
        if distrusted:
            message = "%s: Redis's clock was set forward; starting anew"
            logger.warning(message, self._action)
        # Until a reply shows that the state was reset.
        before = self._distrusted if reply.born <= self._distrusted else 0
        self._distrusted = max(before, distrusted)


def _read(response: Sequence[Any]) -> Reply:
    try:
        return Reply.read(response)
    except (TypeError, ValueError):
        msg = "its reply is not the script's"
        raise Refusal(msg) from None
