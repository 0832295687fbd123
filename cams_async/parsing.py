"""Parsing that never blocks the event loop for long: large bodies go to a thread."""

import asyncio
import functools
from collections.abc import Callable
from typing import TypeVar

from cams_async.protocol import Call, HttpResponse, Request, parse_response

R = TypeVar("R")

LARGE = 2**16
"""Bytes of a body above which a thread pays off. It yields every 5 ms."""


class ResponseParser:
    """A parser of small responses at once, and of large ones in a thread, one by one.

    Several threads would compete with the event loop for the interpreter's lock.
    """

    def __init__(self) -> None:
        self._thread = asyncio.Lock()

    async def parse(
        self,
        call: Call[R],
        request: Request,
        response: HttpResponse,
        *,
        attempts: int,
        waited: float,
    ) -> R:
        """Parse one response; see `parse_response`."""
        if len(response.body) > LARGE:
            parse: Callable[[], R] = functools.partial(
                parse_response,
                call,
                request,
                response,
                attempts=attempts,
                waited=waited,
            )
            async with self._thread:
                try:
                    return await asyncio.to_thread(parse)
                except RuntimeError:
                    pass  # no thread can be started
        return parse_response(call, request, response, attempts=attempts, waited=waited)
