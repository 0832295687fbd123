"""The options of an emulator."""

from collections.abc import Mapping, Sequence
from ssl import SSLContext
from typing import Any, cast
from urllib.parse import urlsplit

from attrs import Attribute, define, field
from attrs.setters import frozen
from attrs.validators import optional

from cams_async.config import (
    amount,
    check,
    flag,
    is_number,
    is_optional,
    is_positive,
    one_of,
    text,
    valid,
    whole,
)
from cams_async.emulator.ceilings import POLICIES, PolicyName
from cams_async.operations.names import check_actions

DECADES = 1e9
"""Seconds, about 32 years: a clock that is further off could leave the calendar."""

MOST_PHONE_NUMBERS = 10_000_000
"""A tenth of all possible numbers, so that drawing distinct ones stays fast."""


def _ceilings(instance: object, attribute: "Attribute[Any]", value: Any) -> None:
    del instance
    check_actions(value, attribute.name)
    for action, ceiling in value.items():
        expected = f"{action} must be a number above 0"
        check(is_positive(ceiling), attribute.name, expected)


def _is_range(value: Any) -> bool:
    match value:
        case (low, high) if isinstance(value, tuple):
            return is_number(low) and is_number(high) and low <= high
        case _:
            return False


def _callback_url(_: object, attribute: "Attribute[Any]", value: Any) -> None:
    is_url = isinstance(value, str) and urlsplit(value).scheme in ("http", "https")
    check(value is None or is_url, attribute.name, "must be an http or https URL")


def _as_tuple(values: Any) -> tuple[Any, ...]:
    is_list = isinstance(values, Sequence)
    return tuple(cast("Sequence[Any]", values)) if is_list else (None,)


def _pauses(_: object, attribute: "Attribute[Any]", value: Any) -> None:
    check(all(map(is_number, value)), attribute.name, "must be numbers of seconds")


@define(kw_only=True, eq=False)
class EmulatorOptions:
    """The options of an emulator; only the last four may change while it runs."""

    phone_numbers: int = field(
        validator=whole(1, MOST_PHONE_NUMBERS), on_setattr=frozen
    )
    accounts: int = field(validator=whole(1, 100), on_setattr=frozen)
    policy: PolicyName = field(validator=one_of(*POLICIES), on_setattr=frozen)
    qps: Mapping[str, float] = field(validator=_ceilings, on_setattr=frozen)
    counts_refused: bool = field(validator=flag, on_setattr=frozen)
    reads_forms: bool = field(validator=flag, on_setattr=frozen)
    callback_url: str | None = field(validator=_callback_url, on_setattr=frozen)
    callback_retries: tuple[float, ...] = field(
        converter=_as_tuple, validator=_pauses, on_setattr=frozen
    )
    settle: float | None = field(validator=optional(amount), on_setattr=frozen)
    seed: int = field(validator=whole(0), on_setattr=frozen)
    host: str = field(validator=text, on_setattr=frozen)
    port: int = field(validator=whole(0, 65535), on_setattr=frozen)
    ssl: SSLContext | None = field(
        validator=valid(
            lambda value: is_optional(SSLContext, value), "must be an ssl.SSLContext"
        ),
        on_setattr=frozen,
    )

    latency: tuple[float, float] = field(
        validator=valid(
            _is_range, "must be two numbers of seconds (low, high), 0 <= low <= high"
        )
    )
    """Seconds (low, high) that each way takes, drawn at random."""

    skew: float = field(
        validator=valid(
            lambda value: is_number(value, least=-DECADES) and value <= DECADES,
            "must be a number",
        )
    )
    """Seconds by which the server's clock is ahead of the real one."""

    retry_after: float | None = field(validator=optional(amount))
    """Seconds that throttled responses ask to wait; None to omit the header."""

    business_status: int = field(validator=one_of(200, 400))
    """The HTTP status of business failures."""
