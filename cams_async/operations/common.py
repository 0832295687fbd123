"""Records and responses of actions in several journeys."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from cams_async.models import Record, Response

__all__ = ["MapResponse", "ModelResponse", "Page", "TextResponse"]


@frozen(kw_only=True, slots=False)
class Page(Record):
    """The page of a list to return."""

    index: int = 1
    """The number of the page; the first is 1."""

    size: int = 10
    """The number of items on a page."""


@frozen(kw_only=True, slots=False)
class TextResponse(Response):
    """A response with a text, such as an id."""

    data: str | None = None
    """The text; the operation states its meaning."""


@frozen(kw_only=True, slots=False)
class MapResponse(Response):
    """A response with a JSON object whose fields are not documented."""

    data: Mapping[str, Any] | None = None
    """The object, as it stood on the wire."""


@frozen(kw_only=True, slots=False)
class ModelResponse(Response):
    """A response with a JSON object named `Model`, whose fields are not documented."""

    model: Mapping[str, Any] | None = None
    """The object, as it stood on the wire."""
