"""The values that pass between the layers."""

from typing import Any

import pytest
from attrs import evolve, exceptions

from cams_async.errors import ConfigurationError
from cams_async.models import (
    CodeVerificationStatus,
    Meta,
    Record,
    Response,
    Scope,
)

SCOPE = Scope(account="a", region="r", action="X", qps=10)


@pytest.mark.parametrize("qps", [5, 0.5, 10.0, 1e-9, 2**40])
def test_a_ceiling_is_any_finite_number_above_zero(qps: float) -> None:
    """Whole or not, small or large."""
    assert qps == evolve(SCOPE, qps=qps).qps


@pytest.mark.parametrize(
    "qps", [0, -1, 0.0, float("inf"), float("nan"), True, "10", None, [10]]
)
def test_another_ceiling_is_refused_by_name(qps: Any) -> None:
    """Nothing would ever be sent under it, or no bound would hold."""
    with pytest.raises(ConfigurationError, match="calls per second above 0") as caught:
        evolve(SCOPE, qps=qps)

    assert caught.value.field == "qps"


def test_equal_scopes_are_one_key() -> None:
    """All clients of a process find the same state under it."""
    same = Scope(account="a", region="r", action="X", qps=10.0)

    assert {SCOPE: "state"}[same] == "state"
    assert evolve(SCOPE, account="b") != SCOPE


def test_values_do_not_change() -> None:
    """What one layer handed on, another cannot edit."""
    name = "account"
    with pytest.raises(exceptions.FrozenInstanceError):
        setattr(SCOPE, name, "b")


def test_each_record_has_an_extra_of_its_own() -> None:
    """No default is shared."""
    one, two = Record(), Record()

    assert one.extra == two.extra == {}
    assert one.extra is not two.extra


def test_how_a_call_went_does_not_make_answers_differ() -> None:
    """Two equal answers are equal, whatever they cost."""
    meta = Meta(attempts=2, waited=0.5, http_status=200)
    bare = Response(request_id="1", code="OK")

    assert bare == evolve(bare, meta=meta)
    assert bare != evolve(bare, request_id="2")


def test_an_enum_compares_to_what_stands_on_the_wire() -> None:
    """No caller needs `.value`, and a log shows the vendor's own word."""
    assert CodeVerificationStatus.VERIFIED == "VERIFIED"
    assert f"{CodeVerificationStatus.VERIFIED}" == "VERIFIED"


def test_every_verification_status_that_any_official_list_has_is_known() -> None:
    """The vendor's lists contradict each other; this is their union."""
    assert set(CodeVerificationStatus) == {
        "EXPIRED",
        "MORE_INFORMATION_REQUESTED",
        "NOT_VERIFIED",
        "REJECTED",
        "REVOKED",
        "VERIFIED",
    }
