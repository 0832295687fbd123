"""The shim for aioresponses works, and a test fails once it can be deleted."""

import aiohttp
import pytest
from aioresponses import aioresponses

from tests import aioresponses_shim

URL = "http://127.0.0.1:1/"


@pytest.mark.parametrize("size", [0, 1, 131_072, 131_073, 3_000_000])
async def test_mocked_bodies_of_any_size_arrive(size: int) -> None:
    """A body beyond aiohttp's flow-control limit is no trouble either."""
    with aioresponses() as mocked:
        mocked.post(URL, body=b"x" * size)

        async with aiohttp.ClientSession() as session, session.post(URL) as response:
            body = await response.read()

    assert body == b"x" * size


async def test_mocked_errors_arrive() -> None:
    """An exception given instead of a response is raised."""
    with aioresponses() as mocked:
        mocked.post(URL, exception=aiohttp.ServerDisconnectedError())

        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await session.post(URL)


def test_the_shim_is_still_needed() -> None:
    """Delete the shim once this is skipped with the newest of both packages."""
    if not aioresponses_shim.is_needed():
        pytest.skip("aiohttp and aioresponses fit together: are these the newest?")
