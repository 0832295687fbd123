"""Operations: one class for each CAMS action, grouped by the journey of a user.

A module holds one journey. It is loaded on the first use of one of its names. To add
an operation, write a class in the module of its journey, named after the action, add
its row to `catalogue`, its method to `cams_async.methods`, and a sample of its request
and response to `tests/samples`. All else is derived from these.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cams_async.operations.catalogue import CATALOGUE as CATALOGUE
from cams_async.operations.catalogue import ActionFacts as ActionFacts
from cams_async.operations.journeys import JOURNEYS, LazyOperations, load, module_of
from cams_async.operations.operation import Operation as Operation
from cams_async.operations.paging import PagedOperation as PagedOperation
from cams_async.operations.paging import PageNumbers as PageNumbers
from cams_async.operations.paging import Pages as Pages
from cams_async.operations.paging import PageTokens as PageTokens

if TYPE_CHECKING:
    from cams_async.operations.account import *  # noqa: F403 - each has an __all__
    from cams_async.operations.ads import *  # noqa: F403 - as above
    from cams_async.operations.catalog import *  # noqa: F403 - as above
    from cams_async.operations.chat_flows import *  # noqa: F403 - as above
    from cams_async.operations.chat_groups import *  # noqa: F403 - as above
    from cams_async.operations.common import *  # noqa: F403 - as above
    from cams_async.operations.contacts import *  # noqa: F403 - as above
    from cams_async.operations.direct_mail import *  # noqa: F403 - as above
    from cams_async.operations.encryption import *  # noqa: F403 - as above
    from cams_async.operations.flows import *  # noqa: F403 - as above
    from cams_async.operations.health import *  # noqa: F403 - as above
    from cams_async.operations.messages import *  # noqa: F403 - as above
    from cams_async.operations.messenger import *  # noqa: F403 - as above
    from cams_async.operations.migration import *  # noqa: F403 - as above
    from cams_async.operations.phone_numbers import *  # noqa: F403 - as above
    from cams_async.operations.profile import *  # noqa: F403 - as above
    from cams_async.operations.qr_codes import *  # noqa: F403 - as above
    from cams_async.operations.templates import *  # noqa: F403 - as above
    from cams_async.operations.viber import *  # noqa: F403 - as above
else:
    # Not for type checkers, which would accept any name.
    _OTHERS = [
        "CATALOGUE",
        "OPERATIONS",
        "ActionFacts",
        "Operation",
        "PageNumbers",
        "PageTokens",
        "PagedOperation",
        "Pages",
    ]
    __all__ = sorted([*CATALOGUE, *_OTHERS])  # noqa: PLE0605

    def __getattr__(name: str) -> object:
        if name in JOURNEYS:
            return load(name)
        module = None if name.startswith("_") else module_of(name)
        if module is None:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        # The next use of a name does not come here.
        globals().update({each: getattr(module, each) for each in module.__all__})
        return globals()[name]

    def __dir__() -> list[str]:
        return sorted({*globals(), *CATALOGUE})


OPERATIONS: Mapping[str, type[Operation[Any]]] = LazyOperations()
"""All operations by the name of their action, sorted and read-only.

Looking one up loads its journey; listing their names loads none.
"""
