"""Operations: one class for each CAMS action, grouped by the journey of a number.

A module holds one journey. To add an operation, write a class in the module of its
journey, named after the action, and list it in that module's `__all__`. Its rate limit,
retry safety, verifying read and secrets are those of its row in `catalogue`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cams_async.operations.catalogue import CATALOGUE as CATALOGUE
from cams_async.operations.catalogue import ActionFacts as ActionFacts
from cams_async.operations.encryption import *  # noqa: F403 - each has an __all__
from cams_async.operations.migration import *  # noqa: F403 - as above
from cams_async.operations.operation import Operation as Operation
from cams_async.operations.phone_numbers import *  # noqa: F403 - as above
from cams_async.operations.qr_codes import *  # noqa: F403 - as above


def _is_operation(value: Any) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, Operation)
        and value is not Operation
    )


OPERATIONS: Mapping[str, type[Operation[Any]]] = MappingProxyType(
    {name: value for name, value in sorted(globals().items()) if _is_operation(value)}
)
"""All operations by the name of their action, sorted and read-only."""
