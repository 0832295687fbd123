"""A fake sender for phone numbers, and jobs that use it."""

import asyncio
import csv
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from cams_async.bulk import Job, Plan, Result
from cams_async.errors import CamsError
from cams_async.models import Response
from cams_async.operations import (
    ChatappSyncPhoneNumber,
    GetPhoneNumberVerificationStatus,
    Operation,
    PhoneNumber,
    PhoneNumbersResponse,
    VerificationStatus,
    VerificationStatusResponse,
)

R = TypeVar("R", bound=Response)

INPUT = """\
phone_number,cust_space_id
8613800000001,cams-1
8613800000002,cams-1
none,cams-1
+8613800000001,cams-1
8613800000001,cams-2
8613800000003,cams-1
"""
"""Three numbers, one of them in two spaces and twice in one; and a bad row."""

ROWS = [2, 3, 4, 5, 6, 7]


class StatusSender:
    """A sender with a response for every number; those ending in 2 are not verified."""

    def __init__(
        self,
        troubles: Mapping[str, CamsError] | None = None,
        *,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self.troubles = troubles or {}
        self.before = before
        self.requested: Counter[tuple[str, str]] = Counter()
        self.synchronised: list[str] = []

    def ceiling(self, operation: Operation[Any]) -> float:
        """Return the documented ceiling."""
        return operation.qps

    async def send(self, operation: Operation[R]) -> R:
        """Respond after one iteration of the loop."""
        self.before()
        await asyncio.sleep(0)
        if isinstance(operation, ChatappSyncPhoneNumber):
            self.synchronised.append(operation.cust_space_id)
            return cast("R", self._space())
        assert isinstance(operation, GetPhoneNumberVerificationStatus)
        number = operation.phone_number
        self.requested[operation.cust_space_id, number] += 1
        if number in self.troubles:
            raise self.troubles[number]
        response = VerificationStatusResponse(
            request_id=f"id-{number}",
            code="OK",
            data=VerificationStatus(code_verification_status=status(number)),
        )
        return cast("R", response)

    def _space(self) -> PhoneNumbersResponse:
        numbers = tuple(
            PhoneNumber(phone_number=number, code_verification_status=status(number))
            for number in (f"861380000000{last}" for last in range(10))
        )
        return PhoneNumbersResponse(
            request_id="id-space", code="OK", phone_numbers=numbers
        )


def status(number: str) -> str:
    """Return the status of a number."""
    return "NOT_VERIFIED" if number.endswith("2") else "VERIFIED"


def plan(folder: Path, **options: Any) -> Plan:
    """Plan a job on files in a folder; its input is `INPUT` unless it is there."""
    source = folder / "in.csv"
    if not source.exists():
        source.write_text(INPUT)
    form = options.get("format", "jsonl")
    given: dict[str, Any] = {"input": source, "output": folder / f"out.{form}"}
    return Plan(**given | options)


async def work(plan: Plan, sender: StatusSender | None = None, **options: Any) -> Job:
    """Run a job to its end."""
    async with Job(plan) as job:
        await job.run(StatusSender() if sender is None else sender, **options)
    return job


def written(plan: Plan) -> list[Result]:
    """Return the lines of an output."""
    assert plan.output is not None
    with plan.output.open(newline="", encoding="utf-8") as file:
        if plan.format == "jsonl":
            return [Result(**json.loads(line)) for line in file]
        rows = [{n: v or None for n, v in row.items()} for row in csv.DictReader(file)]
    return [Result(**{**row, "line": int(row["line"] or 0)}) for row in rows]  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - all columns are there
