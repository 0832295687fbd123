"""The base of all operations: a request as a value, with facts about its action."""

import functools
from typing import Any, ClassVar, Generic, TypeVar, cast, get_args

from attrs import frozen

from cams_async.models import Response
from cams_async.secret import hide_init_arguments

R = TypeVar("R", bound=Response)


@frozen(kw_only=True)
class Operation(Generic[R]):
    """A call of one CAMS action, as an immutable value. The class name is the action.

    Each field is a request parameter. Its name on the wire is the PascalCase of the
    field's name, or the field's metadata `wire`. An operation with a `Secret` cannot be
    pickled. To add an operation, name the response and declare the fields::

        @frozen(kw_only=True)
        class CreateThing(Operation[ThingResponse]):
            qps: ClassVar[float] = 10.0

            name: str = field(validator=required)
    """

    qps: ClassVar[float] = 5.0
    """The documented rate limit (QPS ceiling), in calls per second and account."""

    retry_safe: ClassVar[bool] = False
    """Whether the call may be repeated after an unknown outcome."""

    verify_with: ClassVar[str | None] = None
    """The read action that resolves an unknown outcome; None if there is none."""

    def __init_subclass__(cls) -> None:
        """Keep the field values out of tracebacks of `__init__`."""
        super().__init_subclass__()
        if "__init__" in vars(cls):  # absent until attrs has added it
            hide_init_arguments(cls)

    @classmethod
    @functools.cache
    def response(cls) -> type[R]:
        """Return the class into which responses are decoded.

        Raises:
            TypeError: The class does not name its response.
        """
        base: Any
        for base in getattr(cls, "__orig_bases__", ()):
            for argument in get_args(base):
                if isinstance(argument, type) and issubclass(argument, Response):
                    return cast("type[R]", argument)
        msg = f"{cls.__name__} must name its response: Operation[SomeResponse]"
        raise TypeError(msg)
