"""The modules of the journeys, each loaded on the first use of one of its names."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from cams_async.operations.catalogue import CATALOGUE
from cams_async.operations.operation import Operation

__all__ = ["JOURNEYS", "LazyOperations", "load", "module_of"]

JOURNEYS: tuple[str, ...] = tuple(
    dict.fromkeys(facts.journey for facts in CATALOGUE.values())
)
"""The names of all journeys."""


def load(journey: str) -> ModuleType:
    """Return the module of a journey, imported if it was not."""
    return import_module(f"cams_async.operations.{journey}")


def module_of(name: str) -> ModuleType | None:
    """Return the module that exports a name, or None.

    That of an action or its response is known. For any other name, the journeys are
    loaded one by one until one has it.
    """
    journeys = ["common", *JOURNEYS]
    if facts := CATALOGUE.get(name) or CATALOGUE.get(name.removesuffix("Response")):
        journeys.insert(0, facts.journey)
    for journey in journeys:
        module = load(journey)
        if name in module.__all__:
            return module
    return None


class LazyOperations(Mapping[str, type[Operation[Any]]]):
    """A read-only mapping from actions to operations that loads what is looked up."""

    def __getitem__(self, action: str) -> type[Operation[Any]]:
        journey = load(CATALOGUE[action].journey)
        operation: type[Operation[Any]] = getattr(journey, action)
        return operation

    def __contains__(self, action: object) -> bool:
        return action in CATALOGUE

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(CATALOGUE))

    def __len__(self) -> int:
        return len(CATALOGUE)

    def __repr__(self) -> str:
        return f"<{len(self)} operations by action>"
