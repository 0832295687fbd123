"""The values that layers exchange and callers receive."""

from typing import Any

import pytest
from attrs import evolve, exceptions, fields

from cams_async import operations
from cams_async.errors import ConfigurationError
from cams_async.models import (
    CodeVerificationStatus,
    Meta,
    Record,
    Response,
    Scope,
)

RESPONSES = [
    value
    for value in (getattr(operations, name) for name in dir(operations))
    if isinstance(value, type) and issubclass(value, Record)
]

SCOPE = Scope(account="a", region="r", action="X", qps=10)


@pytest.mark.parametrize("qps", [5, 0.5, 10.0, 1e-9, 2**40])
def test_a_ceiling_is_any_finite_number_above_zero(qps: float) -> None:
    """An int or a float, small or large."""
    assert qps == evolve(SCOPE, qps=qps).qps


@pytest.mark.parametrize(
    "qps", [0, -1, 0.0, float("inf"), float("nan"), True, "10", None, [10]]
)
def test_any_other_ceiling_is_refused_with_its_field(qps: Any) -> None:
    """No call would be sent under it, or no bound would hold."""
    with pytest.raises(ConfigurationError, match="calls per second above 0") as caught:
        evolve(SCOPE, qps=qps)

    assert caught.value.field == "qps"


def test_equal_scopes_are_one_key() -> None:
    """All clients of a process share the state of a scope."""
    same = Scope(account="a", region="r", action="X", qps=10.0)

    assert {SCOPE: "state"}[same] == "state"
    assert evolve(SCOPE, account="b") != SCOPE


def test_values_do_not_change() -> None:
    """A layer cannot change the values of another."""
    name = "account"
    with pytest.raises(exceptions.FrozenInstanceError):
        setattr(SCOPE, name, "b")


def test_each_record_has_an_extra_of_its_own() -> None:
    """The default is not shared between records."""
    one, two = Record(), Record()

    assert one.extra == two.extra == {}
    assert one.extra is not two.extra


@pytest.mark.parametrize("cls", RESPONSES, ids=lambda cls: cls.__name__)
def test_a_repr_omits_an_empty_extra(cls: type[Record]) -> None:
    """All other fields are shown, and an `extra` that is not empty."""
    names = [field.name for field in fields(cls) if field.name != "extra"]
    nothing: dict[str, Any] = dict.fromkeys(names)
    record = cls(**nothing)
    values = ", ".join(f"{name}=None" for name in names)

    assert f"{cls.__name__}({values})" == repr(record)
    assert repr(evolve(record, extra={"New": 1})).startswith(
        f"{cls.__name__}(extra={{'New': 1}}"
    )


def test_meta_is_not_compared() -> None:
    """Responses are equal when their contents are."""
    meta = Meta(attempts=2, waited=0.5, http_status=200)
    bare = Response(request_id="1", code="OK")

    assert bare == evolve(bare, meta=meta)
    assert bare != evolve(bare, request_id="2")


def test_an_enum_compares_to_what_stands_on_the_wire() -> None:
    """Callers need no `.value`, and logs show the vendor's word."""
    assert CodeVerificationStatus.VERIFIED == "VERIFIED"
    assert f"{CodeVerificationStatus.VERIFIED}" == "VERIFIED"


def test_the_enum_holds_every_documented_verification_status() -> None:
    """The vendor's lists contradict each other; this is their union."""
    assert set(CodeVerificationStatus) == {
        "EXPIRED",
        "MORE_INFORMATION_REQUESTED",
        "NOT_VERIFIED",
        "REJECTED",
        "REVOKED",
        "VERIFIED",
    }
