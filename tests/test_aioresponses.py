"""Responses become values or typed errors, with aiohttp's own requests mocked.

What aioresponses cannot show (time, sockets, what was sent) is in test_transport.py.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aioresponses import aioresponses

from cams_async.client import CamsClient
from cams_async.errors import (
    ApiError,
    AuthenticationError,
    CamsError,
    DecodeError,
    GatewayError,
    InvalidParameter,
    NotFound,
    NotOwner,
    NotSubscribed,
    PermissionDenied,
    ServerError,
    ThrottlingError,
)
from cams_async.responses import encode
from cams_async.retry import RetryPolicy
from cams_async.throttle import LocalThrottle
from tests.fakes import CREDENTIALS, MIGRATION, STATUS
from tests.samples_of import PAGES, operation_of

SAMPLES = Path(__file__).parent / "samples"

ENDPOINT = "https://cams.ap-southeast-1.aliyuncs.com"

ID = {"RequestId": "i"}

ANY = re.compile(re.escape(ENDPOINT) + ".*")


@pytest.fixture
def mocked() -> Iterator[aioresponses]:
    """Stand in for every server."""
    with aioresponses() as mock:
        yield mock


@pytest.fixture
async def cams() -> AsyncIterator[CamsClient]:
    """Return a client of the documented endpoint that gives up at once."""
    async with CamsClient(
        CREDENTIALS, throttle=LocalThrottle(), retry=RetryPolicy(attempts=1)
    ) as client:
        yield client


def sample(name: str) -> Any:
    """Read a sample."""
    return json.loads(SAMPLES.joinpath(f"{name}.json").read_bytes())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
async def test_documented_answers_become_values(
    path: Path, mocked: aioresponses, cams: CamsClient
) -> None:
    """Nothing of an example gets lost on its way through the client."""
    payload = sample(f"pages/{path.stem}")
    mocked.post(ANY, payload=payload)
    action = path.name.split(".")[0]
    response = await cams.send(operation_of(action))

    assert payload == encode(response)
    assert response.meta is not None
    assert (1, 200) == (response.meta.attempts, response.meta.http_status)


@pytest.mark.parametrize(
    ("name", "expected", "outcome"),
    [
        ("Product.Unsubscript", NotSubscribed, "rejected"),
        ("Ram.PermissionDeny", PermissionDenied, "rejected"),
        ("System.LimitControl", ThrottlingError, "rejected"),
        ("Unknown.ResourceOwnerId", NotOwner, "rejected"),
        ("Throttling", ThrottlingError, "rejected"),
        ("Throttling.User", ThrottlingError, "rejected"),
        ("Throttling.Api", ThrottlingError, "rejected"),
        ("Forbidden.RAM", PermissionDenied, "rejected"),
        ("NoPermission", PermissionDenied, "rejected"),
        ("IncompleteSignature", AuthenticationError, "rejected"),
        ("SignatureDoesNotMatch", AuthenticationError, "rejected"),
        ("SignatureNonceUsed", AuthenticationError, "unknown"),
        ("InvalidAccessKeyId.Inactive", AuthenticationError, "rejected"),
        ("InvalidAccessKeyId.NotFound", AuthenticationError, "rejected"),
        ("InvalidSecurityToken.Expired", AuthenticationError, "rejected"),
        ("InvalidTimeStamp.Expired", AuthenticationError, "rejected"),
        ("InvalidApi.NotFound", NotFound, "rejected"),
        ("InvalidParameter.PhoneNumberError", InvalidParameter, "rejected"),
        ("MissingPhoneNumber", InvalidParameter, "rejected"),
        ("InternalError", ServerError, "unknown"),
        ("ServiceUnavailable", ServerError, "unknown"),
    ],
)
async def test_documented_refusals_become_typed_errors(
    name: str,
    expected: type[ApiError],
    outcome: str,
    mocked: aioresponses,
    cams: CamsClient,
) -> None:
    """With the code, the message and the request id that came."""
    given = sample(f"error.{name}")
    mocked.post(
        ANY, status=given["status"], headers=given["headers"], payload=given["body"]
    )
    with pytest.raises(ApiError) as caught:
        await cams.send(STATUS)
    error = caught.value

    assert type(error) is expected
    assert (name, given["body"]["Message"], given["body"]["RequestId"]) == (
        error.code,
        error.message,
        error.request_id,
    )
    assert (given["status"], outcome, 1) == (
        error.http_status,
        error.outcome,
        error.attempts,
    )
    assert str(error).startswith(f"GetPhoneNumberVerificationStatus: {name}: ")


def test_every_sample_of_a_refusal_is_tried() -> None:
    """A new sample needs a line above."""
    (mark,) = (
        mark
        for mark in vars(test_documented_refusals_become_typed_errors)["pytestmark"]
        if mark.name == "parametrize"
    )
    files = {path.name for path in SAMPLES.glob("error.*.json")}

    assert files == {f"error.{name}.json" for name, _, _ in mark.args[1]}


@pytest.mark.parametrize(
    ("reply", "expected", "outcome"),
    [
        ({"body": "<html>fine</html>"}, DecodeError, "unknown"),
        ({"body": ""}, DecodeError, "unknown"),
        ({"body": "[]"}, DecodeError, "unknown"),
        ({"body": b"\xff\xfe\x00"}, DecodeError, "unknown"),
        ({"body": "<html>", "status": 404}, GatewayError, "unknown"),
        ({"body": "{}", "status": 302}, GatewayError, "unknown"),
        ({"body": "<html>", "status": 502}, ServerError, "unknown"),
        ({"body": "", "status": 503}, ServerError, "unknown"),
        ({"payload": {"Code": "OK", "RequestId": "i"}}, DecodeError, "executed"),
        (
            {"payload": {"Code": "OK", "RequestId": "i", "Data": "text"}},
            DecodeError,
            "executed",
        ),
        ({"payload": {"Code": "OK"}}, DecodeError, "unknown"),
        ({"payload": {**ID, "Code": "New.Code"}}, ApiError, "unknown"),
        ({"payload": {**ID, "Code": "OK", "Success": False}}, ApiError, "unknown"),
        ({"payload": {**ID, "Code": "X"}, "status": 418}, ApiError, "rejected"),
        ({"payload": {**ID, "Code": "X"}, "status": 429}, ThrottlingError, "rejected"),
        ({"body": "<html>", "status": 429}, ThrottlingError, "rejected"),
        ({"body": "<html>", "status": 414}, GatewayError, "rejected"),
    ],
    ids=str,
)
async def test_anything_else_is_a_typed_error_too(
    reply: dict[str, Any],
    expected: type[CamsError],
    outcome: str,
    mocked: aioresponses,
    cams: CamsClient,
) -> None:
    """Never half a value; the error has the outcome."""
    mocked.post(ANY, **reply)
    with pytest.raises(CamsError) as caught:
        await cams.send(STATUS)

    assert type(caught.value) is expected
    assert (outcome, reply.get("status", 200)) == (
        caught.value.outcome,
        getattr(caught.value, "http_status", None),
    )


async def test_a_hint_to_wait_makes_any_refusal_a_throttle(
    mocked: aioresponses, cams: CamsClient
) -> None:
    """In milliseconds, whatever the code; at most a minute."""
    for given, expected in (("1500", 1.5), ("3600000", 60.0)):
        mocked.post(
            ANY,
            status=400,
            headers={"X-Acs-Retry-After": given},
            payload={**ID, "Code": "Whatever"},
        )
        with pytest.raises(ThrottlingError) as caught:
            await cams.send(MIGRATION)

        assert expected == caught.value.retry_after


async def test_a_large_answer_is_read_whole(
    mocked: aioresponses, cams: CamsClient
) -> None:
    """Up to the bound of a megabyte, in as many chunks as it takes."""
    numbers = [{"PhoneNumber": f"{number:015}"} for number in range(20_000)]
    payload = {"RequestId": "i", "Code": "OK", "PhoneNumbers": numbers}
    mocked.post(ANY, payload=payload)
    response = await cams.chatapp_sync_phone_number(cust_space_id="s")

    assert len(response.phone_numbers) == 20_000


async def test_too_large_an_answer_is_refused(
    mocked: aioresponses, cams: CamsClient
) -> None:
    """A megabyte is enough."""
    mocked.post(ANY, body=b" " * (2**20 + 1))
    with pytest.raises(DecodeError, match="larger than 1048576 bytes"):
        await cams.send(STATUS)
