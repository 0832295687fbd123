"""Numeric arguments: every number is either refused or works."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cams_async import CamsClient, LocalThrottle, RetryPolicy, Scope
from cams_async.bulk import Plan, Watching
from cams_async.cli import main
from cams_async.config import LARGEST, is_number, is_positive, is_whole
from cams_async.emulator import Emulator, Fault
from cams_async.emulator.faults import CannedResponse, Slow
from cams_async.errors import ConfigurationError, ConnectionLost
from cams_async.operations import GetPhoneNumberVerificationStatus
from cams_async.poller import PerSpace, poll, watch
from cams_async.redis import RedisThrottle
from tests.bulk_fakes import StatusSender, plan, work
from tests.fakes import CREDENTIALS

HUGE = 10**400
"""Above any float: it compares as less than infinity, and overflows in arithmetic."""

ACTION = "GetPhoneNumberVerificationStatus"

UNUSABLE: list[Any] = [HUGE, -HUGE, -1, math.nan, math.inf, True, "1", b"1", [], {}]

LINE = 200
"""Characters that no error has, however long the value."""

NOTHING: list[GetPhoneNumberVerificationStatus] = []

Make = Callable[[Any], object]


def client(**options: Any) -> CamsClient:
    """Make a client."""
    return CamsClient(CREDENTIALS, **options)


ARGUMENTS: dict[str, Make] = {
    "client.timeout": lambda value: client(timeout=value),
    "client.deadline": lambda value: client(deadline=value),
    "client.max_response": lambda value: client(max_response=value),
    "client.qps": lambda value: client(qps={ACTION: value}),
    "with_options.timeout": lambda value: client().with_options(timeout=value),
    "with_options.deadline": lambda value: client().with_options(deadline=value),
    "scope.qps": lambda value: Scope(account="", region="", action="A", qps=value),
    "retry.attempts": lambda value: RetryPolicy(attempts=value),
    "retry.base": lambda value: RetryPolicy(base=value),
    "retry.cap": lambda value: RetryPolicy(cap=value),
    "throttle.max_transit": lambda value: LocalThrottle(max_transit=value),
    "throttle.margin": lambda value: LocalThrottle(margin=value),
    "redis.max_transit": lambda value: RedisThrottle.from_url(
        "redis://h", max_transit=value
    ),
    "redis.margin": lambda value: RedisThrottle.from_url("redis://h", margin=value),
    "redis.workers": lambda value: RedisThrottle.from_url(
        "redis://h", on_outage="local", workers=value
    ),
    "poll.window": lambda value: poll(StatusSender(), NOTHING, window=value),
    "watch.window": lambda value: watch(StatusSender(), NOTHING, window=value),
    "watch.every[0]": lambda value: watch(
        StatusSender(), NOTHING, every=(value, LARGEST)
    ),
    "watch.every[1]": lambda value: watch(StatusSender(), NOTHING, every=(1e-9, value)),
    "watch.deadline": lambda value: watch(StatusSender(), NOTHING, deadline=value),
    "space.max_age": lambda value: PerSpace(StatusSender(), max_age=value),
    "job.every[0]": lambda value: Watching(every=(value, LARGEST)),
    "job.every[1]": lambda value: Watching(every=(1e-9, value)),
    "job.deadline": lambda value: Watching(deadline=value),
    "emulator.phone_numbers": lambda value: Emulator(phone_numbers=value),
    "emulator.accounts": lambda value: Emulator(accounts=value),
    "emulator.qps": lambda value: Emulator(qps={ACTION: value}),
    "emulator.latency[0]": lambda value: Emulator(latency=(value, LARGEST)),
    "emulator.latency[1]": lambda value: Emulator(latency=(0, value)),
    "emulator.settle": lambda value: Emulator(settle=value),
    "emulator.retry_after": lambda value: Emulator(retry_after=value),
    "emulator.port": lambda value: Emulator(port=value),
    "trouble.times": lambda value: Emulator(phone_numbers=1).faults.next(
        Fault.HANG, times=value
    ),
    "trouble.tenant": lambda value: Emulator(phone_numbers=1).faults.background_load(
        ACTION, value
    ),
    "slow.seconds": Slow,
    "canned.status": lambda value: CannedResponse(status=value),
}

ENDLESS = {"space.max_age"}
"""Arguments for which infinity has a meaning."""


@pytest.mark.parametrize(
    "value", [*UNUSABLE, math.inf], ids=lambda value: f"{value}"[:9]
)
@pytest.mark.parametrize("argument", ARGUMENTS)
def test_a_number_out_of_bounds_is_refused(argument: str, value: Any) -> None:
    """The error names the argument; nothing overflows, then or later."""
    if argument in ENDLESS and value == math.inf:
        return

    with pytest.raises(ConfigurationError) as caught:
        ARGUMENTS[argument](value)

    assert caught.value.field
    assert len(str(caught.value)) < LINE


@pytest.mark.parametrize("value", [HUGE, -HUGE, math.nan, math.inf, True, "1"])
def test_a_clock_can_be_off_either_way_but_not_by_any_number(value: Any) -> None:
    """Dates end somewhere."""
    with pytest.raises(ConfigurationError, match="skew"):
        Emulator(skew=value)


@pytest.mark.parametrize("value", [-1e9, 1e9])
async def test_an_emulator_works_with_the_clock_most_off(value: float) -> None:
    """A bound that lets through what fails later is none."""
    async with Emulator(phone_numbers=1, skew=value) as emulator:
        number = emulator.phone_numbers[0]
        async with CamsClient(
            emulator.credentials, endpoint=emulator.endpoint, throttle=LocalThrottle()
        ) as cams:
            response = await cams.get_phone_number_verification_status(
                phone_number=number.phone_number, cust_space_id=number.cust_space_id
            )

    assert "OK" == response.code


async def test_the_largest_numbers_work() -> None:
    """No clock, timer or slot overflows at the bound."""
    large = int(LARGEST)
    async with Emulator(
        phone_numbers=1, qps={ACTION: large}, settle=large, retry_after=large
    ) as emulator:
        number = emulator.phone_numbers[0]
        async with CamsClient(
            emulator.credentials,
            endpoint=emulator.endpoint,
            timeout=large,
            deadline=large,
            max_response=large,
            qps={ACTION: large},
            retry=RetryPolicy(attempts=large, base=large, cap=large),
            throttle=LocalThrottle(max_transit=86400, margin=86400),
        ) as cams:
            response = await cams.get_phone_number_verification_status(
                phone_number=number.phone_number, cust_space_id=number.cust_space_id
            )

    assert "OK" == response.code


async def test_a_watch_of_the_largest_pauses_works(tmp_path: Path) -> None:
    """In a job too, whose journal holds them."""
    watching = Watching(every=(LARGEST, LARGEST), deadline=LARGEST)
    statuses = frozenset({"VERIFIED", "NOT_VERIFIED"})
    watching = Watching(
        until=statuses, every=watching.every, deadline=watching.deadline
    )

    assert (await work(plan(tmp_path, watch=watching))).complete


async def test_a_policys_delay_of_any_number_is_refused(emulator: Emulator) -> None:
    """A policy is the caller's code."""

    class Patient:
        def delay(self, *_: object, **__: object) -> Any:
            return HUGE

    policy: Any = Patient()
    emulator.faults.next(Fault.RESET_BEFORE, times=4)
    number = emulator.phone_numbers[0]
    async with CamsClient(
        emulator.credentials,
        endpoint=emulator.endpoint,
        retry=policy,
        throttle=LocalThrottle(),
    ) as cams:
        with pytest.raises(ConfigurationError, match="not a number of seconds") as met:
            await cams.get_phone_number_verification_status(
                phone_number=number.phone_number, cust_space_id=number.cust_space_id
            )

    assert isinstance(met.value.__cause__, ConnectionLost)


async def test_a_jobs_window_of_any_number_is_refused(tmp_path: Path) -> None:
    """Before anything is sent."""
    responses = StatusSender()
    with pytest.raises(ConfigurationError, match="window"):
        await work(plan(tmp_path), responses, window=HUGE)

    assert not responses.requested


@pytest.mark.parametrize(
    "arguments",
    [
        ["demo", "--numbers", "{}"],
        ["demo", "--qps", f"{ACTION}={{}}"],
        ["call", ACTION, "PhoneNumber=1", "CustSpaceId=c", "--qps", "{}"],
        ["status", "in.csv", "--qps", "{}"],
        ["status", "in.csv", "--window", "{}"],
        ["watch", "in.csv", "--every", "1:{}"],
        ["watch", "in.csv", "--every", "{}:1"],
        ["watch", "in.csv", "--deadline", "{}"],
        ["emulator", "--port", "{}"],
        ["emulator", "--phone-numbers", "{}"],
        ["emulator", "--qps", f"{ACTION}={{}}"],
        ["emulator", "--latency", "0:{}"],
        ["emulator", "--settle", "{}"],
        ["emulator", "--skew", "{}"],
        ["emulator", "--retry-after", "{}"],
        ["emulator", "--seed", "{}"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    "value",
    [f"{HUGE}", f"-{HUGE}", "1" * 5000, "1e999", "1e300", "nan"],
    ids=["huge", "-huge", "long", "1e999", "1e300", "nan"],
)
def test_an_option_of_any_number_ends_with_2(
    arguments: list[str],
    value: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line names the option; nothing is done."""
    monkeypatch.chdir(tmp_path)
    # A value that begins with a dash must not look like an option.
    *start, option, last = arguments
    given = [*start, f"{option}={last.format(value)}"]

    try:
        code = main(given)
    except SystemExit as ended:  # what argparse refuses itself
        code = ended.code  # type: ignore[assignment] # always a number here

    printed = capsys.readouterr()
    name = option.removeprefix("--").replace("-", "_")

    assert 2 == code
    assert "" == printed.out
    assert name in printed.err.replace("-", "_")
    assert len(printed.err.splitlines()[-1]) < LINE
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("check", "value", "expected"),
    [
        (is_number, 0, True),
        (is_number, LARGEST, True),
        (is_number, LARGEST * 2, False),
        (is_positive, 0, False),
        (is_positive, 5e-324, True),
        (is_whole, 1, True),
        (is_whole, 1.0, False),
        (is_whole, 0, False),
    ],
)
def test_bounds_belong_to_what_they_bound(
    check: Callable[[Any], bool],
    value: float,
    expected: bool,  # noqa: FBT001 - a table
) -> None:
    """The least and the largest are accepted."""
    assert expected is check(value)


def test_a_plan_without_a_watch_needs_no_numbers() -> None:
    """Its defaults are within the bounds."""
    assert Plan(input=None, output=None, watch=Watching()).watch == Watching()
