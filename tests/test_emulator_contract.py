"""What the emulator demands of parameters is read off the operations."""

from enum import StrEnum
from typing import ClassVar, Literal

import pytest
from attrs import field, frozen

from cams_async.emulator.contract import Contract, contract_of, members
from cams_async.emulator.refusal import Refusal
from cams_async.models import CodeVerificationStatus, Response
from cams_async.operations import OPERATIONS, Operation
from cams_async.operations.fields import WIRE


class Colour(StrEnum):
    """An enumeration."""

    RED = "RED"
    BLUE = "BLUE"


@frozen(kw_only=True)
class Paint(Operation[Response]):
    """An operation with every kind of parameter."""

    qps: ClassVar[float] = 1.0

    colour: Colour | Literal["GREEN"]
    json_version: str = field(metadata={WIRE: "JSONVersion"})
    second_colour: Colour | None = None
    note: str | None = None


def refusal(contract: Contract, parameters: dict[str, str]) -> str:
    """Return the code that the parameters are refused with."""
    with pytest.raises(Refusal) as caught:
        contract.check(parameters)
    return caught.value.code


def test_a_contract_is_read_off_an_operation() -> None:
    """Fields without a default are required; enumerations are closed."""
    assert contract_of(Paint) == Contract(
        required=("Colour", "JSONVersion"),
        values={
            "Colour": frozenset({"RED", "BLUE", "GREEN"}),
            "SecondColour": frozenset({"RED", "BLUE"}),
        },
    )


def test_the_five_demand_what_the_vendor_does() -> None:
    """The contracts of the documented operations equal the vendor's tables."""
    expected = {
        "ChatappMigrationVerified": ("CustSpaceId", "PhoneNumber", "VerifyCode"),
        "ChatappSyncPhoneNumber": ("CustSpaceId",),
        "GetPhoneNumberVerificationStatus": ("PhoneNumber", "CustSpaceId"),
        "UpdatePhoneEncryptionPublicKey": ("PhoneNumber", "EncryptionPublicKey"),
        "UpdatePhoneMessageQrdl": (
            "PhoneNumber",
            "GenerateQrImage",
            "PrefilledMessage",
            "QrdlCode",
        ),
    }

    assert expected == {
        name: contract_of(OPERATIONS[name]).required for name in expected
    }


def test_what_is_complete_passes() -> None:
    """Nothing is said of complete parameters, nor of unknown ones."""
    contract_of(Paint).check({"Colour": "RED", "JSONVersion": "1", "OwnerId": "7"})


@pytest.mark.parametrize("given", [{}, {"Colour": ""}])
def test_a_missing_parameter_is_named(given: dict[str, str]) -> None:
    """An absent or empty parameter gives Missing and its name."""
    assert refusal(contract_of(Paint), given) == "MissingColour"


@pytest.mark.parametrize("name", ["Colour", "SecondColour"])
def test_a_value_outside_its_enumeration_is_named(name: str) -> None:
    """A bad value gives InvalidParameter and the parameter's name."""
    parameters = {"Colour": "RED", "JSONVersion": "1", name: "PINK"}

    assert refusal(contract_of(Paint), parameters) == f"InvalidParameter.{name}"


def test_an_open_enumeration_takes_anything() -> None:
    """Where a plain string is accepted too, no value is refused."""
    assert members(CodeVerificationStatus | str) == frozenset()
    assert members(str) == frozenset()
    assert members(Colour) == {"RED", "BLUE"}
