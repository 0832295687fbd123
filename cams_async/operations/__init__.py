"""Operations: one class for each CAMS action, grouped by the journey of a number.

A module holds one journey. It is loaded on the first use of one of its names. To add
an operation, write a class in the module of its journey, named after the action, and
list it in that module's `__all__` and in `journeys.py`. Its rate limit, retry safety,
verifying read and secrets are those of its row in `catalogue`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cams_async.operations.catalogue import CATALOGUE as CATALOGUE
from cams_async.operations.catalogue import ActionFacts as ActionFacts
from cams_async.operations.journeys import JOURNEY_OF, JOURNEYS, LazyOperations, load
from cams_async.operations.operation import Operation as Operation

if TYPE_CHECKING:
    from cams_async.operations.encryption import *  # noqa: F403 - each has an __all__
    from cams_async.operations.migration import *  # noqa: F403 - as above
    from cams_async.operations.phone_numbers import *  # noqa: F403 - as above
    from cams_async.operations.qr_codes import *  # noqa: F403 - as above
else:
    # Not for type checkers, which would accept any name.
    _OTHERS = ["CATALOGUE", "OPERATIONS", "ActionFacts", "Operation"]
    __all__ = sorted([*JOURNEY_OF, *_OTHERS])  # noqa: PLE0605

    def __getattr__(name: str) -> object:
        journey = JOURNEY_OF.get(name, name)
        if journey not in JOURNEYS:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        module = load(journey)
        # The next use of a name does not come here.
        globals().update({each: getattr(module, each) for each in module.__all__})
        return globals()[name]

    def __dir__() -> list[str]:
        return sorted({*globals(), *JOURNEY_OF})


OPERATIONS: Mapping[str, type[Operation[Any]]] = LazyOperations()
"""All operations by the name of their action, sorted and read-only.

Looking one up loads its journey; listing their names loads none.
"""
