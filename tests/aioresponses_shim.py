"""Makes aioresponses work with aiohttp 3.14 and later.

aiohttp 3.14 made `stream_writer` a required argument of ClientResponse, and asserts
that no mocked body goes over the flow-control limit of its buffer. aioresponses up
to 0.7.9 knows of neither: every mocked response ends in a TypeError. Nothing is changed
where aioresponses needs no help; `test_aioresponses_shim.py` says when this can go.

https://github.com/pnuckowski/aioresponses/issues/289
"""

import asyncio
import inspect
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aioresponses import core

LARGEST_BODY = 2**30


class _ClientResponse(aiohttp.ClientResponse):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **kwargs)


def _stream_reader(loop: asyncio.AbstractEventLoop) -> aiohttp.StreamReader:
    return aiohttp.StreamReader(ResponseHandler(loop=loop), LARGEST_BODY, loop=loop)


def is_needed() -> bool:
    """Whether the two as installed do not fit together by themselves."""
    wanted = "stream_writer" in inspect.signature(aiohttp.ClientResponse).parameters
    return wanted and "stream_writer" not in inspect.getsource(core)


def install() -> None:
    """Patch aioresponses for the rest of the process, if that is needed."""
    if is_needed():
        patch.multiple(
            core,
            ClientResponse=_ClientResponse,
            stream_reader_factory=_stream_reader,
        ).start()
