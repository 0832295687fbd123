"""What the emulator remembers changes as the vendor says."""

import math
from collections import Counter
from random import Random

import pytest

from cams_async.emulator.refusal import Refusal
from cams_async.emulator.state import State, require_verified
from cams_async.errors import ConfigurationError


def make(
    accounts: tuple[str, ...] = ("one",),
    *,
    phone_numbers: int = 10,
    settle: float | None = 20.0,
    seed: int = 0,
) -> State:
    """Return a fresh state."""
    return State(
        accounts, phone_numbers=phone_numbers, settle=settle, random=Random(seed)
    )


def code_of(caught: pytest.ExceptionInfo[Refusal]) -> str:
    """Return the code of a refusal by CAMS itself."""
    assert caught.value.business
    assert caught.value.status == 400
    return caught.value.code


def test_numbers_are_spread_over_spaces_of_a_hundred() -> None:
    """No space is shared by two accounts, and no number is there twice."""
    numbers = make(("one", "two"), phone_numbers=250).numbers
    sizes = Counter((number.account, number.cust_space_id) for number in numbers)

    assert sizes == {
        ("one", "cams-0001"): 100,
        ("one", "cams-0002"): 100,
        ("one", "cams-0003"): 50,
        ("two", "cams-0004"): 100,
        ("two", "cams-0005"): 100,
        ("two", "cams-0006"): 50,
    }
    assert len({number.phone_number for number in numbers}) == 500
    assert len({number.id for number in numbers}) == 500
    assert all(number.phone_number.startswith("86138") for number in numbers)
    assert {len(number.phone_number) for number in numbers} == {13}


def test_the_same_seed_gives_the_same_state() -> None:
    """Everything is drawn from the seed."""
    assert make(seed=1).numbers == make(seed=1).numbers
    assert make(seed=1).numbers != make(seed=2).numbers


def statuses(state: State, elapsed: float) -> Counter[str]:
    """Count the numbers by their status."""
    return Counter(
        state.get(number.phone_number).status(elapsed) for number in state.numbers
    )


def test_most_numbers_are_verified_at_the_start() -> None:
    """About 60 % are verified, 10 % expired and 30 % not verified."""
    found = statuses(make(phone_numbers=2000), 0.0)

    assert found["VERIFIED"] == pytest.approx(1200, rel=0.1)
    assert found["EXPIRED"] == pytest.approx(200, rel=0.2)
    assert found["NOT_VERIFIED"] == pytest.approx(600, rel=0.1)


def test_every_number_becomes_verified_in_its_own_time() -> None:
    """Half way, half of the others are; at the end, all."""
    state = make(phone_numbers=2000, settle=20.0)
    start = statuses(state, 0.0)["VERIFIED"]

    assert statuses(state, 10.0)["VERIFIED"] == pytest.approx(
        (2000 + start) / 2, rel=0.1
    )
    assert statuses(state, 20.0) == {"VERIFIED": 2000}


def test_numbers_can_be_verified_at_once_or_never() -> None:
    """0 seconds is at once; None leaves everything as it is."""
    unsettled = make(phone_numbers=200, settle=None)

    assert statuses(make(phone_numbers=200, settle=0.0), 0.0) == {"VERIFIED": 200}
    assert statuses(unsettled, 1e9) == statuses(unsettled, 0.0)


def test_one_time_codes_are_six_digits() -> None:
    """Leading zeros are part of a code."""
    state = make(phone_numbers=500)
    codes = [state.get(number.phone_number).verify_code for number in state.numbers]

    assert {len(code) for code in codes} == {6}
    assert all(code.isdecimal() for code in codes)
    assert any(code.startswith("0") for code in codes)


def test_a_number_is_found_for_its_owner() -> None:
    """With or without its space, which is optional in some actions."""
    state = make()
    number = state.numbers[0]
    parameters = {"PhoneNumber": number.phone_number}

    assert state.find("one", parameters).number is number
    parameters["CustSpaceId"] = number.cust_space_id
    assert state.find("one", parameters).number is number


def test_what_is_not_there_is_not_found() -> None:
    """Unknown numbers, wrong spaces and other owners have codes of their own."""
    state = make(("one", "two"), phone_numbers=101)
    number = state.numbers[0].phone_number

    with pytest.raises(Refusal) as unknown:
        state.find("one", {"PhoneNumber": "1"})
    with pytest.raises(Refusal) as elsewhere:
        state.find("one", {"PhoneNumber": number, "CustSpaceId": "cams-0002"})
    with pytest.raises(Refusal) as foreign:
        state.find("two", {"PhoneNumber": number})

    assert code_of(unknown) == "InvalidParameter.PhoneNumberError"
    assert code_of(elsewhere) == "InvalidParameter.CustSpaceId"
    assert code_of(foreign) == "Unknown.ResourceOwnerId"


def test_a_space_is_listed_for_its_owner_only() -> None:
    """Unknown spaces and other owners have codes of their own."""
    state = make(("one", "two"))

    with pytest.raises(Refusal) as unknown:
        state.space("one", "cams-9999")
    with pytest.raises(Refusal) as foreign:
        state.space("one", "cams-0002")

    assert len(state.space("one", "cams-0001")) == 10
    assert code_of(unknown) == "InvalidParameter.CustSpaceId"
    assert code_of(foreign) == "Unknown.ResourceOwnerId"


def test_tests_ask_for_numbers_that_exist() -> None:
    """Whoever asks for an unknown number is told so."""
    with pytest.raises(ConfigurationError, match="phone_number"):
        make().get("1")


def test_an_updated_qr_code_works_no_longer() -> None:
    """Each update gives a new code; only the newest can be updated."""
    state = make()
    standing = state.get(state.numbers[0].phone_number)
    first = standing.qrdl_code
    second = state.replace_qrdl_code(standing, first)

    with pytest.raises(Refusal) as caught:
        state.replace_qrdl_code(standing, first)

    assert code_of(caught) == "InvalidParameter.QrdlCode"
    assert standing.qrdl_code == second != first
    assert state.replace_qrdl_code(standing, second) != second


def test_a_one_time_code_verifies_once() -> None:
    """The right code verifies the number, and is then spent."""
    state = make(settle=None, phone_numbers=100)
    standing = next(
        standing
        for standing in state.space("one", "cams-0001")
        if standing.status(0.0) != "VERIFIED"
    )
    code = standing.verify_code
    wrong = f"{(int(code) + 1) % 10**6:06}"

    with pytest.raises(Refusal) as mistyped:
        state.verify_migration(standing, wrong, 5.0)
    assert standing.verified_at == math.inf
    state.verify_migration(standing, code, 5.0)
    with pytest.raises(Refusal) as spent:
        state.verify_migration(standing, code, 6.0)

    assert standing.status(5.0) == "VERIFIED"
    assert code_of(mistyped) == code_of(spent) == "InvalidParameter.VerifyCode"


def test_some_actions_need_a_verified_number() -> None:
    """The vendor's precondition of both updates."""
    state = make(settle=20.0, phone_numbers=100)
    standing = next(
        standing
        for standing in state.space("one", "cams-0001")
        if standing.status(0.0) != "VERIFIED"
    )

    with pytest.raises(Refusal) as caught:
        require_verified(standing, 0.0)

    assert code_of(caught) == "PhoneNumber.NotVerified"
    require_verified(standing, 20.0)
