"""The emulator's state changes as the vendor documents."""

import math
from collections import Counter
from random import Random

import pytest

from cams_async.emulator.exchange import ErrorResponse
from cams_async.emulator.state import QrCode, State, require_verified
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


def code_of(caught: pytest.ExceptionInfo[ErrorResponse]) -> str:
    """Return the code of an error of CAMS itself."""
    assert caught.value.business
    assert caught.value.status == 400
    return caught.value.code


def test_numbers_are_spread_over_spaces_of_a_hundred() -> None:
    """A space belongs to one account, and numbers are distinct."""
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


def test_numbers_become_verified_over_time() -> None:
    """Half of the unverified numbers are verified half way, and all at the end."""
    state = make(phone_numbers=2000, settle=20.0)
    start = statuses(state, 0.0)["VERIFIED"]

    assert statuses(state, 10.0)["VERIFIED"] == pytest.approx(
        (2000 + start) / 2, rel=0.1
    )
    assert statuses(state, 20.0) == {"VERIFIED": 2000}


def test_numbers_can_be_verified_at_once_or_never() -> None:
    """Numbers settle at once with 0 seconds, and never with None."""
    unsettled = make(phone_numbers=200, settle=None)

    assert statuses(make(phone_numbers=200, settle=0.0), 0.0) == {"VERIFIED": 200}
    assert statuses(unsettled, 1e9) == statuses(unsettled, 0.0)


def test_one_time_codes_are_six_digits() -> None:
    """A code has six digits, leading zeros included."""
    state = make(phone_numbers=500)
    codes = [state.get(number.phone_number).verify_code for number in state.numbers]

    assert {len(code) for code in codes} == {6}
    assert all(code.isdecimal() for code in codes)
    assert any(code.startswith("0") for code in codes)


def test_a_number_is_found_for_its_owner() -> None:
    """The space, which is optional in some actions, may be given or not."""
    state = make()
    number = state.numbers[0]
    parameters = {"PhoneNumber": number.phone_number}

    assert state.find("one", parameters).number is number
    parameters["CustSpaceId"] = number.cust_space_id
    assert state.find("one", parameters).number is number


def test_a_number_that_does_not_exist_is_not_found() -> None:
    """Missing numbers, wrong spaces and other owners have codes of their own."""
    state = make(("one", "two"), phone_numbers=101)
    number = state.numbers[0].phone_number

    with pytest.raises(ErrorResponse) as unknown:
        state.find("one", {"PhoneNumber": "1"})
    with pytest.raises(ErrorResponse) as elsewhere:
        state.find("one", {"PhoneNumber": number, "CustSpaceId": "cams-0002"})
    with pytest.raises(ErrorResponse) as foreign:
        state.find("two", {"PhoneNumber": number})

    assert code_of(unknown) == "InvalidParameter.PhoneNumberError"
    assert code_of(elsewhere) == "InvalidParameter.CustSpaceId"
    assert code_of(foreign) == "Unknown.ResourceOwnerId"


def test_a_space_is_listed_for_its_owner_only() -> None:
    """Missing spaces and other owners have codes of their own."""
    state = make(("one", "two"))

    with pytest.raises(ErrorResponse) as unknown:
        state.space("one", "cams-9999")
    with pytest.raises(ErrorResponse) as foreign:
        state.space("one", "cams-0002")

    assert len(state.space("one", "cams-0001")) == 10
    assert code_of(unknown) == "InvalidParameter.CustSpaceId"
    assert code_of(foreign) == "Unknown.ResourceOwnerId"


def test_getting_a_missing_number_is_a_configuration_error() -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match="phone_number"):
        make().get("1")


def test_a_removed_qr_code_is_invalid() -> None:
    """The newest code is the current one; a removed code cannot be removed again."""
    state = make()
    number = state.get(state.numbers[0].phone_number)
    first = number.qrdl_code
    second = state.add_qr_code(number, QrCode("Hi", "SVG"))
    state.remove_qr_code(number, first)

    with pytest.raises(ErrorResponse) as caught:
        state.remove_qr_code(number, first)

    assert code_of(caught) == "InvalidParameter.QrdlCode"
    assert number.qrdl_code == second != first
    state.remove_qr_code(number, second)
    assert number.qrdl_code == ""


def test_a_one_time_code_verifies_once() -> None:
    """The right code verifies the number, and cannot be used again."""
    state = make(settle=None, phone_numbers=100)
    number = next(
        number
        for number in state.space("one", "cams-0001")
        if number.status(0.0) != "VERIFIED"
    )
    code = number.verify_code
    wrong = f"{(int(code) + 1) % 10**6:06}"

    with pytest.raises(ErrorResponse) as mistyped:
        state.verify_migration(number, wrong, 5.0)
    assert number.verified_at == math.inf
    state.verify_migration(number, code, 5.0)
    with pytest.raises(ErrorResponse) as used:
        state.verify_migration(number, code, 6.0)

    assert number.status(5.0) == "VERIFIED"
    assert code_of(mistyped) == code_of(used) == "InvalidParameter.VerifyCode"


def test_some_actions_need_a_verified_number() -> None:
    """An unverified number is refused, as the vendor documents for both updates."""
    state = make(settle=20.0, phone_numbers=100)
    number = next(
        number
        for number in state.space("one", "cams-0001")
        if number.status(0.0) != "VERIFIED"
    )

    with pytest.raises(ErrorResponse) as caught:
        require_verified(number, 0.0)

    assert code_of(caught) == "PhoneNumber.NotVerified"
    require_verified(number, 20.0)
