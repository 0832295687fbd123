"""What an operation is: a request as a value, and the facts about its action."""

import functools
from typing import Any, ClassVar, Generic, TypeVar, cast, get_args

from attrs import frozen

from cams_async.models import Response
from cams_async.secret import hide_init_arguments

R = TypeVar("R", bound=Response)


@frozen(kw_only=True)
class Operation(Generic[R]):
    """A call of one CAMS action, as a value. The class is named after the action.

    A field travels under the PascalCase of its name, or under its metadata
    `wire`. An operation with a field of type `Secret` refuses pickling.
    """

    qps: ClassVar[float] = 5.0
    """The documented ceiling, in calls per second and account."""

    retry_safe: ClassVar[bool] = False
    """Whether the call may be sent again after an unknown outcome."""

    verify_with: ClassVar[str | None] = None
    """The read action that tells what happened after an unknown outcome."""

    def __init_subclass__(cls) -> None:
        """Drop the fields from the traceback of a refusal."""
        super().__init_subclass__()
        if "__init__" in vars(cls):  # once attrs has made it
            hide_init_arguments(cls)

    @classmethod
    @functools.cache
    def response(cls) -> type[R]:
        """Return the class that answers are decoded into."""
        base: Any
        for base in getattr(cls, "__orig_bases__", ()):
            for argument in get_args(base):
                if isinstance(argument, type) and issubclass(argument, Response):
                    return cast("type[R]", argument)
        msg = f"{cls.__name__} must name its response: Operation[SomeResponse]"
        raise TypeError(msg)
