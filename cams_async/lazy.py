"""Client methods of operations, made on their first access.

    @method(lambda: operations.CreateThing)
    def create_thing(self) -> None: ...

A type checker sees the fields of CreateThing as parameters, and its response as the
result. At run time, the module of CreateThing is imported when `create_thing` is used.
"""

import inspect
import re
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar, cast, get_type_hints

from cams_async.models import Response
from cams_async.operations import Operation

__all__ = ["OperationSender", "method"]

P = ParamSpec("P")
R = TypeVar("R", bound=Response)


class OperationSender(ABC):
    """A class whose methods pass operations to `send`."""

    @abstractmethod
    async def send(self, operation: Operation[R]) -> R:
        """Send an operation and return its typed response."""


Method: TypeAlias = Callable[Concatenate[OperationSender, P], Coroutine[Any, Any, R]]


def method(
    load: Callable[[], Callable[P, Operation[R]]],
) -> Callable[[Callable[[Any], None]], Method[P, R]]:
    """Return a decorator for the client's method of an operation.

    The method takes the fields of the operation and has its docstring. It raises
    TypeError under its own name where a field is missing or unknown.

    Args:
        load: Returns the operation. It is called at the first access of the method.
    """

    def decorate(stub: Callable[[Any], None]) -> Method[P, R]:
        lazy = _LazyMethod(lambda: _method_of(load(), stub.__name__), stub)
        return cast("Method[P, R]", lazy)

    return decorate


class _LazyMethod:
    """A class attribute that replaces itself by a function on its first access."""

    def __init__(self, make: Callable[[], Any], stub: Callable[[Any], None]) -> None:
        self._make = make
        self.__doc__ = stub.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner, self._name = owner, name

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        made = self._make()
        with _replacing:
            # Another thread may have been faster; all threads see one function.
            if vars(self._owner)[self._name] is self:
                setattr(self._owner, self._name, made)
        return vars(self._owner)[self._name].__get__(instance, owner)


_replacing = threading.Lock()
"""Held for the replacement only: to import a module under a lock could deadlock."""


def _method_of(operation: Callable[P, Operation[R]], name: str) -> Method[P, R]:
    cls = cast("type[Operation[R]]", operation)

    async def call(self: OperationSender, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            made = operation(*args, **kwargs)
        except TypeError as error:
            text = re.sub(r"^\S+__init__\(\)", f"{name}()", str(error))
            raise TypeError(text) from None
        finally:
            # Fields may be secret, and tracebacks show the variables of a frame.
            del args, kwargs
        return await self.send(made)

    # A field may name a class that its module defines further down.
    hints = get_type_hints(
        inspect.unwrap(cls.__init__), vars(sys.modules[cls.__module__])
    )
    fields = [
        field.replace(annotation=hints[field.name])
        for field in inspect.signature(cls).parameters.values()
    ]
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY), *fields]
    signature = inspect.Signature(parameters, return_annotation=cls.response())
    vars(call)["__signature__"] = signature
    call.__name__ = name
    call.__qualname__ = f"CamsClient.{name}"
    call.__module__ = "cams_async.client"
    call.__doc__ = cls.__doc__
    call.__annotations__ = {
        **{field.name: field.annotation for field in fields},
        "return": signature.return_annotation,
    }
    return call
