"""The base of all operations: a request as a value, with facts about its action."""

import functools
from inspect import cleandoc
from typing import Any, ClassVar, Generic, TypeVar, cast, get_args

from attrs import frozen

from cams_async.models import Response
from cams_async.operations.catalogue import CATALOGUE, DEFAULT_QPS, ActionFacts
from cams_async.operations.fields import check_fields
from cams_async.secret import hide_init_arguments

R = TypeVar("R", bound=Response)


@frozen(kw_only=True)
class Operation(Generic[R]):
    """A call of one CAMS action, as an immutable value. The class name is the action.

    Each field is a request parameter. Its name on the wire is the PascalCase of the
    field's name, or the field's metadata `wire`. A value that does not fit the field's
    annotation raises InvalidOperation; see `cams_async.operations.fields`. An operation
    with a `Secret` cannot be pickled. To add an operation, name the response and
    declare the fields. Facts of an action that `cams_async.operations.CATALOGUE` lists
    are taken from there; the class of any other action may state them::

        @frozen(kw_only=True)
        class CreateThing(Operation[ThingResponse]):
            qps: ClassVar[float] = 10.0

            name: str
            image_format: Literal["PNG", "SVG"] = "PNG"
    """

    qps: ClassVar[float] = DEFAULT_QPS
    """The documented rate limit (QPS ceiling), in calls per second and account.

    Where none is documented or stated, a client applies its `default_qps` instead.
    """

    retry_safe: ClassVar[bool] = False
    """Whether the call may be repeated after an unknown outcome."""

    verify_with: ClassVar[str | None] = None
    """The read action that resolves an unknown outcome; None if there is none."""

    def __init_subclass__(cls) -> None:
        """Apply the catalogue, and keep field values out of tracebacks of `__init__`.

        Raises:
            TypeError: The class contradicts the catalogue.
        """
        super().__init_subclass__()
        if cls.__name__ in CATALOGUE:
            _apply(CATALOGUE[cls.__name__], cls)
        if "__init__" in vars(cls):  # absent until attrs has added it
            hide_init_arguments(cls)
            if cls.__doc__ and cls.__name__ in CATALOGUE:
                cls.__doc__ = f"{cleandoc(cls.__doc__)}\n\n{_facts_text(cls)}"

    def __attrs_post_init__(self) -> None:
        """Check the fields by their annotations.

        Raises:
            InvalidOperation: A value does not fit; `field` is its path.
        """
        check_fields(self, action=type(self).__name__)

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


def _apply(facts: ActionFacts, cls: type[Operation[Any]]) -> None:
    """Set the documented facts of a class. It may state only what is not documented."""
    for name in ("qps", "retry_safe", "verify_with"):
        documented = getattr(facts, name)
        if documented is None:
            continue
        stated = vars(cls).get(name, documented)
        if stated != documented:
            msg = (
                f"{cls.__name__}.{name} is {stated!r}, but {documented!r} in the "
                "catalogue; leave it out"
            )
            raise TypeError(msg)
        setattr(cls, name, documented)


def _facts_text(cls: type[Operation[Any]]) -> str:
    """Return the end of the docstring of a class: its errors, and its facts."""
    qps = CATALOGUE[cls.__name__].qps
    rate = (
        f"{qps:g} calls per second and account"
        if qps
        else "not documented; a client's `default_qps` applies"
    )
    if cls.retry_safe:
        repeats = "sent again if its outcome is unknown"
    elif cls.verify_with:
        repeats = f"never after an unknown outcome; verify with {cls.verify_with}"
    else:
        repeats = "never after an unknown outcome, which no action can resolve"
    pages = ""
    if hasattr(cls, "pages"):
        pages = "Pages: `cams_async.paginate` iterates over the items of all.\n"
    return f"""\
Raises:
    InvalidOperation: A value does not fit its field. Nothing was sent.

Rate limit: {rate}.
Retries: {repeats}.
{pages}RAM action: `cams:{cls.__name__}`.
"""


def stated_qps(operation: type[Operation[Any]]) -> float | None:
    """Return the rate limit of an operation; None if none is documented or stated."""
    owner = next(base for base in operation.__mro__ if "qps" in vars(base))
    return None if owner is Operation else operation.qps
