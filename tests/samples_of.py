"""The samples of all actions: a request and a response of each, as on the wire."""

import json
from pathlib import Path
from typing import Any

import attrs

from cams_async.operations import OPERATIONS, Operation
from cams_async.operations.fields import is_required, wire_name

SAMPLES = Path(__file__).parent / "samples"

ACTIONS = sorted(path.stem for path in SAMPLES.glob("[A-Z]*.json"))
"""The actions that have a sample."""

PAGES = sorted(SAMPLES.joinpath("pages").glob("*.json"))
"""Responses that are made of the example values on the vendor's pages."""


def sample(action: str) -> dict[str, dict[str, Any]]:
    """Return the sample of an action: `request` and `response`, with every field."""
    text = SAMPLES.joinpath(f"{action}.json").read_text("utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found


def fields_of(action: str, *, full: bool = True) -> dict[str, Any]:
    """Return the fields of the sample request: all of them, or the required ones."""
    request = sample(action)["request"]
    return {
        field.name: request[wire_name(field)]
        for field in attrs.fields(OPERATIONS[action])
        if full or is_required(field)
    }


def operation_of(action: str, **changes: Any) -> Operation[Any]:
    """Return an operation with the values of the sample, some of them changed."""
    return OPERATIONS[action](**{**fields_of(action), **changes})


def minimal_operation_of(action: str) -> Operation[Any]:
    """Return an operation with the required values of the sample."""
    return OPERATIONS[action](**fields_of(action, full=False))
