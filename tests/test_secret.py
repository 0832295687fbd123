"""Secrets and their masking."""

import copy
import inspect
import json
import logging
import pickle
import re
import traceback
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import attrs
import pytest

from cams_async.secret import (
    Secret,
    as_optional_secret,
    as_secret,
    hide_arguments,
)

CANARY = "canary-7f3a"


@attrs.frozen
class Holder:
    """A class with a secret field."""

    token: Secret


WAYS: tuple[Callable[[Secret], str], ...] = (
    repr,
    str,
    "{}".format,
    "{!r:>20}".format,
    "{:>12}".format,
    lambda secret: f"{secret}",
    lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - a way to print
    lambda secret: repr([secret]),
    lambda secret: repr(Holder(secret)),
    lambda secret: repr(attrs.asdict(Holder(secret))),
    lambda secret: repr(attrs.evolve(Holder(secret))),
    lambda secret: json.dumps(attrs.asdict(Holder(secret)), default=str),
    lambda secret: repr(dir(secret)),
)


@pytest.mark.parametrize("show", WAYS)
def test_a_secret_is_masked_in_every_text_form(show: Callable[[Secret], str]) -> None:
    """No common way to format a value shows the text."""
    assert CANARY not in show(Secret(CANARY))


def test_a_secret_is_masked_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    """A log record formats the mask."""
    with caplog.at_level(logging.INFO):
        logging.getLogger("cams_async").info(
            "token %s %r", Secret("t-1"), Secret("t-1")
        )

    assert "token *** '***'" in caplog.text


def test_secrets_compare_and_hash_by_their_text() -> None:
    """Equal texts are equal secrets; a secret never equals a plain string."""
    assert Secret("a") == Secret(Secret("a"))
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("é") == Secret("é")
    assert Secret("a") != "a"
    assert Secret("a").reveal() == "a"
    assert Secret("\ud800") != Secret("a")
    assert Secret("a")
    assert not Secret("")


def test_a_copy_is_the_same_secret() -> None:
    """copy, deepcopy and evolve keep the value."""
    secret = Secret("a")

    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret]) == [secret]
    assert attrs.evolve(Holder(secret)).token is secret


def test_only_the_plain_text_of_a_subclass_is_kept() -> None:
    """An enum member of type str becomes its value."""

    class Code(StrEnum):
        """An enum."""

        ONE = "1"

    assert type(Secret(Code.ONE).reveal()) is str
    assert Secret(Code.ONE).reveal() == "1"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_cannot_be_pickled(protocol: int) -> None:
    """A pickle would hold the text."""
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps([Secret("a")], protocol)


@pytest.mark.parametrize(
    ("text", "expected"), [("12", True), ("", False), ("12\n", False), ("x12", False)]
)
def test_a_secret_fits_a_pattern_as_a_whole(text: str, expected: bool) -> None:  # noqa: FBT001 - a table gives it
    """A validator can check the text without revealing it."""
    assert Secret(text).fits(re.compile("[0-9]+")) is expected


def test_converters_wrap_strings_and_return_other_values_unchanged() -> None:
    """A validator can name the field in its error, and a converter cannot."""
    secret = Secret("a")
    other: Any = ["a"]

    assert as_secret("a") == as_optional_secret("a") == secret
    assert as_secret(secret) == as_optional_secret(secret) == secret
    assert as_secret(other) is as_optional_secret(other) is other
    assert as_optional_secret(None) is None


def test_hide_arguments_drops_frames_and_hidden_context() -> None:
    """An explicit cause is kept."""

    @hide_arguments
    def fail(token: str, *, cause: Exception | None) -> None:
        try:
            int(token)
        except ValueError:
            raise LookupError("no") from cause

    for cause in (None, KeyError("why")):
        with pytest.raises(LookupError, match="no") as caught:
            fail(CANARY, cause=cause)
        frames = [frame.f_locals for frame, _ in traceback.walk_tb(caught.tb)]

        assert caught.value.__cause__ is cause
        assert caught.value.__context__ is None
        assert CANARY not in repr(frames[1:])


def test_hide_arguments_keeps_result_name_and_signature() -> None:
    """The decorated function behaves as before if it does not raise."""

    @hide_arguments
    def double(number: int) -> int:
        """Double it."""
        return 2 * number

    assert double(4) == 8
    assert double.__name__ == "double"
    assert list(inspect.signature(double).parameters) == ["number"]


@pytest.mark.parametrize("value", [None, 5, b"canary-7f3a", ["canary-7f3a"]])
def test_a_secret_must_be_a_string(value: object) -> None:
    """The error names the type, and no frame holds the value."""
    with pytest.raises(TypeError, match="must be a string") as caught:
        Secret(value)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]

    assert CANARY not in str(caught.value)
    inner = caught.tb.tb_next
    assert inner is not None
    assert CANARY not in repr(inner.tb_frame.f_locals)
