"""The cost of reading a response into objects, a part of `overhead`.

Compared with the models of the official SDK, which check nothing, and with parsing the
JSON alone. `python -m benchmarks.decode` is the child that measures (see `processes`).
"""

import importlib
import json
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from attrs import frozen

from benchmarks.processes import Child, serve
from benchmarks.record import MICRO, Goal, Table, growth
from benchmarks.responses import body
from cams_async import Response, responses
from cams_async.operations import PhoneNumbersResponse, VerificationStatusResponse

NUMBERS = (0, 1, 10, 100, 1_000)
"""Phone numbers in a response; 0 for the status of one."""

OVER_OFFICIAL = 4.0
"""The bound of our CPU over that of the official models, without the JSON."""

OF_A_CALL = 5.0
"""The bound of the percentage of a call's CPU that goes into its response."""

OBJECTS = 10_000
"""Phone numbers read in a round, roughly."""


@frozen(kw_only=True)
class Reading:
    """Seconds of CPU to read one kind of response, round by round."""

    numbers: int
    calling: bool
    rounds: Sequence[dict[str, float]]

    def median(self, name: str) -> float:
        """Return the median microseconds of "json", "official" or "ours"."""
        return MICRO * median(each[name] for each in self.rounds)

    @property
    def over_official(self) -> float:
        """The median ratio of our objects over the official models."""
        return median(each["ours"] / each["official"] for each in self.rounds)

    @property
    def over_official_with_json(self) -> float:
        """The same ratio with parsing included on both sides."""
        return median(
            (each["json"] + each["ours"]) / (each["json"] + each["official"])
            for each in self.rounds
        )

    def __str__(self) -> str:
        if not self.numbers:
            return "one number's status"
        form = "with calling settings" if self.calling else "as documented"
        plural = "" if self.numbers == 1 else "s"
        return f"{self.numbers:,} number{plural} {form}"


def measure(*, quick: bool) -> list[Reading]:
    """Measure every kind of response."""
    with Child("benchmarks.decode") as child:
        return [
            Reading(
                numbers=numbers,
                calling=calling,
                rounds=[
                    child.request(
                        numbers=numbers,
                        count=max(3, OBJECTS // max(1, numbers)),
                        calling=calling,
                    )
                    for _ in range(5 if quick else 25)
                ],
            )
            for calling in (False, True)
            for numbers in NUMBERS
            if numbers or not calling
        ]


def table(readings: Sequence[Reading]) -> Table:
    """Return the table of the readings."""
    return Table(
        title="From a response to objects",
        headers=(
            "response",
            "x official",
            "x official with JSON",
            "us JSON alone",
            "us official models",
            "us cams_async",
        ),
        rows=[
            [
                f"{each}",
                f"{each.over_official:.2f}",
                f"{each.over_official_with_json:.2f}",
                *(f"{each.median(of):,.1f}" for of in ("json", "official", "ours")),
            ]
            for each in readings
        ],
        notes="Medians of CPU time, garbage collection included.",
    )


def goals(readings: Sequence[Reading], call: float) -> list[Goal]:
    """Return the goals; `call` is the microseconds of CPU of a whole call."""
    status = readings[0]
    percentage = 100 * (status.median("json") + status.median("ours")) / call
    costs = {
        each.numbers: each.median("ours") / each.numbers
        for each in readings
        if each.numbers and not each.calling
    }
    return [
        *(
            Goal(
                f"CPU over the official models', {each}",
                each.over_official,
                OVER_OFFICIAL,
            )
            for each in readings
            if each.numbers
        ),
        Goal(f"% of a call's CPU, {status}", percentage, OF_A_CALL),
        growth("us of CPU for a number", "numbers in a response", costs),
    ]


def read(numbers: int, count: int, *, calling: bool) -> dict[str, float]:
    """Return the seconds of CPU to parse a response, and to make objects of it."""
    content = body(numbers, calling=calling)
    models = importlib.import_module("alibabacloud_cams20200606.models")
    into: type[Response]
    if numbers:
        model, into = models.ChatappSyncPhoneNumberResponseBody, PhoneNumbersResponse
    else:
        model = models.GetPhoneNumberVerificationStatusResponseBody
        into = VerificationStatusResponse
    payload: Any = json.loads(content)
    ways: dict[str, Callable[[], Any]] = {
        "json": lambda: json.loads(content),
        "official": lambda: model().from_map(payload),
        "ours": lambda: responses.decode(payload, into),
    }
    return {name: _time(way, count) for name, way in ways.items()}


def _time(function: Callable[[], Any], count: int) -> float:
    function()  # lazy initialization
    began = time.process_time()
    for _ in range(count):
        function()
    return (time.process_time() - began) / count


if __name__ == "__main__":
    serve(read)
