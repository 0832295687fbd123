"""What an operation is: a request as a value, and the facts about its action."""

import functools
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar, cast, get_args

from attrs import fields, frozen

from cams_async.errors import InvalidOperation
from cams_async.models import Resend, Response
from cams_async.operations.fields import SECRET

R = TypeVar("R", bound=Response)


def _discreet(init: Callable[..., None]) -> Callable[..., None]:
    """Leave no frame that holds a field in the traceback of a refusal."""

    @functools.wraps(init)
    def __init__(self: object, *args: object, **kwargs: object) -> None:  # noqa: N807 - it takes its place
        try:
            init(self, *args, **kwargs)
        except InvalidOperation as error:
            raise error.with_traceback(None)  # noqa: B904 - it has no cause
        finally:
            # A traceback would even fail to show what is only half made.
            del self, args, kwargs

    return __init__


@frozen(kw_only=True)
class Operation(Generic[R]):
    """A call of one CAMS action, as a value. The class is named after the action.

    A field travels under the PascalCase of its name, or under its metadata
    `wire`. An operation with a field marked secret refuses pickling.
    """

    qps: ClassVar[float] = 5.0
    """The documented ceiling, in calls per second and account."""

    resend: ClassVar[Resend] = Resend.NEVER
    """Whether the call may be sent again after an unknown outcome."""

    tells: ClassVar[str | None] = None
    """The read action that tells what happened after an unknown outcome."""

    def __init_subclass__(cls) -> None:
        """Guard the `__init__` that attrs has made, once it has."""
        super().__init_subclass__()
        if "__init__" in vars(cls):
            setattr(cls, "__init__", _discreet(cls.__init__))  # noqa: B010 - checkers take it amiss

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

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Refuse to copy secrets into a pickle."""
        secret = [a.name for a in fields(type(self)) if a.metadata.get(SECRET)]
        if secret:
            msg = f"{type(self).__name__} holds a secret ({secret[0]})"
            raise TypeError(f"{msg} and cannot be pickled")
        return super().__reduce_ex__(protocol)
