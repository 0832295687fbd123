"""The emulator's rules for parameters are those of the operations."""

from enum import StrEnum
from typing import ClassVar, Literal

import pytest
from attrs import field, frozen

from cams_async.emulator.actions import ParameterRules, closed_values, rules_of
from cams_async.emulator.exchange import ErrorResponse
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


def code_of(rules: ParameterRules, parameters: dict[str, str]) -> str:
    """Return the code of the error that the parameters lead to."""
    with pytest.raises(ErrorResponse) as caught:
        rules.check(parameters)
    return caught.value.code


def test_rules_are_read_off_an_operation() -> None:
    """Fields without a default are required; enumerations are closed."""
    assert rules_of(Paint) == ParameterRules(
        required=("Colour", "JSONVersion"),
        values={
            "Colour": frozenset({"RED", "BLUE", "GREEN"}),
            "SecondColour": frozenset({"RED", "BLUE"}),
        },
    )


def test_required_parameters_are_those_of_the_vendor() -> None:
    """The required parameters equal those in the vendor's documentation."""
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

    assert expected == {name: rules_of(OPERATIONS[name]).required for name in expected}


def test_complete_parameters_are_accepted() -> None:
    """Complete parameters are accepted, and undocumented ones ignored."""
    rules_of(Paint).check({"Colour": "RED", "JSONVersion": "1", "OwnerId": "7"})


@pytest.mark.parametrize("parameters", [{}, {"Colour": ""}])
def test_a_missing_parameter_is_named(parameters: dict[str, str]) -> None:
    """The code for an absent or empty parameter is Missing and its name."""
    assert code_of(rules_of(Paint), parameters) == "MissingColour"


@pytest.mark.parametrize("name", ["Colour", "SecondColour"])
def test_a_value_outside_its_enumeration_is_named(name: str) -> None:
    """The code for a wrong value is InvalidParameter and the parameter's name."""
    parameters = {"Colour": "RED", "JSONVersion": "1", name: "PINK"}

    assert code_of(rules_of(Paint), parameters) == f"InvalidParameter.{name}"


def test_an_open_enumeration_accepts_any_value() -> None:
    """No value is refused where a plain string is accepted."""
    assert closed_values(CodeVerificationStatus | str) == frozenset()
    assert closed_values(str) == frozenset()
    assert closed_values(Colour) == {"RED", "BLUE"}
