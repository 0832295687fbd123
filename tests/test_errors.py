"""The tree of errors, and the attributes of each."""

import copy
import inspect
import pickle
import re
from typing import Any

import pytest

import cams_async
from cams_async import errors
from cams_async.errors import (
    ApiError,
    CamsError,
    ConfigurationError,
    DeadlineExceeded,
    DecodeError,
    InvalidOperation,
    ServerError,
    ThrottlingError,
)

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, CamsError)
]

VALUES: dict[str, Any] = {
    "message": "two\nlines",
    "action": "ChatappSyncPhoneNumber",
    "attempts": 3,
    "outcome": "unknown",
    "hint": "Repeat it.",
    "verify_with": "ListFlow",
    "field": "phone_number",
    "absent": True,
    "expected": "digits",
    "phase": "in flight",
    "places_ahead": 7,
    "expected_wait": 1.5,
    "path": "$.Data",
    "body": b"\xff{",
    "http_status": 418,
    "code": "Some.Code",
    "request_id": "90E63D28",
    "access_denied_detail": {"PolicyType": "Ram"},
    "retry_after": 2.5,
    "hop": "squid, via 1.1 proxy",
}
"""Something for each argument and attribute, never its default."""


def filled(cls: type[CamsError]) -> CamsError:
    """Make an error with every argument given and every attribute set."""
    names = [*inspect.signature(cls).parameters]
    error = cls(**{name: VALUES[name] for name in names})
    for name in vars(CamsError()):
        setattr(error, name, VALUES[name])
    return error


def drawn_parents() -> dict[str, str]:
    """Read the tree in the module's docstring: each name, and its parent's."""
    parents: dict[str, str] = {}
    above: list[str] = []
    for line in str(errors.__doc__).splitlines():
        drawn = re.match(r"    ([│├└ ]*)([A-Z]\w+)", line)
        if drawn is not None:
            del above[len(drawn[1]) // 2 :]
            parents[drawn[2]] = above[-1] if above else "Exception"
            above.append(drawn[2])
    return parents


def test_the_tree_is_as_it_is_drawn() -> None:
    """The docstring of the module names every class, below its parent."""
    actual = {cls.__name__: cls.__mro__[1].__name__ for cls in CLASSES}

    assert drawn_parents() == actual


def test_every_class_is_a_public_name() -> None:
    """A caller can catch whatever may be raised."""
    for cls in CLASSES:
        assert getattr(cams_async, cls.__name__) is cls
        assert cls.__name__ in cams_async.__all__


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_has_a_docstring_of_its_own(cls: type[CamsError]) -> None:
    """None inherits its parent's."""
    assert re.match(r"[A-Z].*\.", str(vars(cls).get("__doc__")))


@pytest.mark.parametrize("cls", CLASSES)
def test_every_attribute_is_documented(cls: type[CamsError]) -> None:
    """A docstring lists the attributes that a class adds to its parent."""
    own = {*vars(cls())}
    if cls is not CamsError:
        own -= {*vars(cls.__mro__[1]())}
    listed = re.findall(r"(?m)^ {4,8}(\w+): ", inspect.cleandoc(str(cls.__doc__)))

    assert sorted(own) == sorted(listed)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_error_survives_pickle(cls: type[CamsError], protocol: int) -> None:
    """Type, text and every attribute arrive in the other process."""
    error = filled(cls)

    found = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - our own pickle

    assert type(error) is type(found)
    assert error.args == found.args
    assert vars(error) == vars(found)
    assert str(error) == str(found)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_can_be_copied(cls: type[CamsError]) -> None:
    """A copy has the same attributes."""
    error = filled(cls)

    assert vars(error) == vars(copy.copy(error))
    assert vars(error) == vars(copy.deepcopy(error))


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_can_be_made_of_nothing(cls: type[CamsError]) -> None:
    """No argument is required, so that pickle can rebuild it."""
    error = cls()

    assert error.action is None
    assert error.attempts == 0
    assert error.hint is None
    assert error.verify_with is None
    assert error.outcome in {"not_sent", "rejected", "unknown"}


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("message", ["", "one", "two\nlines", " a\r\n\tb\u2028c\x85d "])
def test_every_error_is_one_line(cls: type[CamsError], message: str) -> None:
    """An error is one line in a log, with any text of the vendor."""
    error = cls(message)
    error.action = "ChatappSyncPhoneNumber"
    text = str(error)

    assert len(text.splitlines()) == 1
    assert text.isprintable()
    assert all(word in text for word in message.split())


def test_a_line_has_action_outcome_attempts_and_hint() -> None:
    """A call's error can be searched by all of them."""
    error = CamsError(
        "what  happened", action="X", attempts=2, outcome="unknown", hint="Call Y."
    )

    assert str(error) == "X: what happened [unknown, attempts: 2] Call Y."


def test_outside_a_call_only_the_text_is_shown() -> None:
    """There is no action and no outcome."""
    assert str(CamsError("closed")) == "closed"


def test_an_api_error_has_code_message_status_and_request_id() -> None:
    """The vendor's support needs all of them."""
    error = ApiError("too fast", code="Throttling", request_id="ID-1", http_status=400)

    assert str(error) == "Throttling: too fast (HTTP 400, request id ID-1)"


def test_an_api_error_without_a_code_is_marked() -> None:
    """The line does not begin with a colon."""
    error = ServerError("no JSON: <html>", http_status=502)

    assert str(error) == "no code: no JSON: <html> (HTTP 502, request id None)"


def test_a_configuration_error_names_its_field() -> None:
    """The argument or variable stands before what is wrong with it."""
    assert str(ConfigurationError("must be above 0", field="qps")) == (
        "qps: must be above 0"
    )
    assert str(ConfigurationError("unusable")) == "unusable"


def test_a_decode_error_does_not_show_the_body() -> None:
    """It may be long, and personal data."""
    error = DecodeError("$ should be an object", body=b"private", path="$")

    assert "private" not in f"{error} {error!r}"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (InvalidOperation("x"), "not_sent"),
        (DeadlineExceeded("x"), "not_sent"),
        (DecodeError("x"), "unknown"),
        (ThrottlingError("x"), "rejected"),
    ],
)
def test_the_least_proven_outcome_is_the_default(
    error: CamsError, outcome: str
) -> None:
    """An outcome is passed only where it differs."""
    assert outcome == error.outcome
