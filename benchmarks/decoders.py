"""Reading answers, three ways, in a process of its own: see `children`."""

import importlib
import json
import time
from collections.abc import Callable
from typing import Any

from benchmarks.answers import listing, response
from benchmarks.children import obey
from cams_async import Response, responses
from cams_async.operations import PhoneNumbersResponse, VerificationStatusResponse

OFFICIAL = "alibabacloud_cams20200606.models"


def measure(numbers: int, count: int, *, calling: bool = False) -> dict[str, float]:
    """Return the seconds of CPU to read an answer: its JSON, and JSON to objects.

    0 numbers stand for one number's status.
    """
    body = listing(numbers, calling=True) if calling else response(numbers)
    models = importlib.import_module(OFFICIAL)
    into: type[Response]
    if numbers:
        model, into = models.ChatappSyncPhoneNumberResponseBody, PhoneNumbersResponse
    else:
        model = models.GetPhoneNumberVerificationStatusResponseBody
        into = VerificationStatusResponse
    payload: Any = json.loads(body)
    ways: dict[str, Callable[[], Any]] = {
        "json": lambda: json.loads(body),
        "official": lambda: model().from_map(payload),
        "ours": lambda: responses.decode(payload, into),
    }
    return {name: _time(way, count) for name, way in ways.items()}


def _time(way: Callable[[], Any], count: int) -> float:
    way()  # what is made at the first time only
    began = time.process_time()
    for _ in range(count):
        way()
    return (time.process_time() - began) / count


if __name__ == "__main__":
    obey(measure)
