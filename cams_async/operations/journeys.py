"""The names of all operations, by the journey whose module holds them.

A journey is loaded on the first use of one of its names.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from attrs import frozen

from cams_async.operations.operation import Operation

__all__ = ["JOURNEYS", "JOURNEY_OF", "Journey", "LazyOperations", "load"]


@frozen
class Journey:
    """The public names of the module of a journey."""

    operations: tuple[str, ...]
    """Names of actions."""

    values: tuple[str, ...]
    """Responses, and the records and enumerations in requests and responses."""


JOURNEYS: Mapping[str, Journey] = {
    "encryption": Journey(
        operations=("UpdatePhoneEncryptionPublicKey",),
        values=("EncryptionPublicKeyUpdated",),
    ),
    "migration": Journey(
        operations=("ChatappMigrationVerified",),
        values=("MigratedNumber", "MigratedNumberResponse"),
    ),
    "phone_numbers": Journey(
        operations=("ChatappSyncPhoneNumber", "GetPhoneNumberVerificationStatus"),
        values=(
            "CallHours",
            "Calling",
            "CallingConfigure",
            "HolidayHours",
            "MessagingLimitTier",
            "OperatingHours",
            "PhoneNumber",
            "PhoneNumberStatus",
            "PhoneNumbersResponse",
            "QualityRating",
            "VerificationStatus",
            "VerificationStatusResponse",
        ),
    ),
    "qr_codes": Journey(
        operations=("UpdatePhoneMessageQrdl",),
        values=("GenerateQrImage", "PhoneMessageQrdl", "PhoneMessageQrdlResponse"),
    ),
}

JOURNEY_OF: Mapping[str, str] = {
    name: journey
    for journey, names in JOURNEYS.items()
    for name in (*names.operations, *names.values)
}
"""The journey of each name."""

_ACTIONS = dict.fromkeys(
    sorted(name for each in JOURNEYS.values() for name in each.operations)
)


def load(journey: str) -> ModuleType:
    """Return the module of a journey, imported if it was not."""
    return import_module(f"cams_async.operations.{journey}")


class LazyOperations(Mapping[str, type[Operation[Any]]]):
    """A read-only mapping from actions to operations that loads what is looked up."""

    def __getitem__(self, action: str) -> type[Operation[Any]]:
        if action not in self:
            raise KeyError(action)
        operation: type[Operation[Any]] = getattr(load(JOURNEY_OF[action]), action)
        return operation

    def __contains__(self, action: object) -> bool:
        return action in _ACTIONS

    def __iter__(self) -> Iterator[str]:
        return iter(_ACTIONS)

    def __len__(self) -> int:
        return len(_ACTIONS)

    def __repr__(self) -> str:
        return f"<{len(self)} operations by action>"
