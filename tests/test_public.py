"""The public names of the package, and the effects of importing it."""

import inspect
import json
import logging
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import cams_async
from cams_async import errors
from cams_async.errors import CamsError

ROOT = Path(cams_async.__path__[0]).parent

ERRORS = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, CamsError)
]

SAMPLES: dict[str, dict[str, Any]] = {
    "CamsError": {"action": "A", "attempts": 2, "outcome": "unknown", "hint": "h"},
    "ConfigurationError": {"field": "region"},
    "ClientClosed": {"action": "A", "outcome": "unknown"},
    "CredentialsError": {"absent": True},
    "InvalidOperation": {"action": "A", "field": "f", "expected": "e"},
    "TransportError": {"outcome": "unknown"},
    "DeadlineExceeded": {
        "phase": "in flight",
        "outcome": "unknown",
        "places_ahead": 5,
        "expected_wait": 0.5,
    },
    "DecodeError": {"path": "$.Data", "body": b"{}", "http_status": 200},
    "ApiError": {
        "code": "Some.Code",
        "request_id": "i",
        "http_status": 400,
        "outcome": "rejected",
        "access_denied_detail": {"AuthAction": "a"},
        "retry_after": 1.5,
        "hop": "squid",
    },
}
"""Arguments of each error; other errors take those of their base."""


def sample(cls: type[CamsError]) -> CamsError:
    """Make an error that carries everything it can."""
    named = next(base.__name__ for base in cls.__mro__ if base.__name__ in SAMPLES)
    made = cls("what happened", **SAMPLES[named])
    made.action, made.attempts = "AnAction", 3
    return made


def test_all_is_sorted_and_complete() -> None:
    """Every public name is in `__all__`, and none is there twice."""
    names = {
        name
        for name, value in vars(cams_async).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }

    assert sorted(set(cams_async.__all__)) == list(cams_async.__all__)
    assert {*names, "__version__"} == set(cams_async.__all__)


def test_every_error_is_public() -> None:
    """Every error can be caught by name."""
    assert {error.__name__ for error in ERRORS} <= set(cams_async.__all__)
    assert len(ERRORS) == 24


@pytest.mark.parametrize("name", sorted(set(cams_async.__all__) - {"__version__"}))
def test_every_public_name_is_documented(name: str) -> None:
    """In words of its own."""
    value = getattr(cams_async, name)

    assert value.__doc__
    assert value.__module__.startswith("cams_async.")


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_error_survives_pickle(cls: type[CamsError], protocol: int) -> None:
    """With its text and all that it carries, as process pools need it."""
    error = sample(cls)
    back = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - our own bytes

    assert type(back) is cls
    assert vars(error) == vars(back)
    assert (error.args, str(error)) == (back.args, str(back))
    assert "AnAction" in str(back)


def run(script: str) -> Any:
    """Run a script in a fresh interpreter, and return the JSON that it prints."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", script]
    done = subprocess.run(  # noqa: S603 - our own text
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (0, "") == (done.returncode, done.stderr)
    return json.loads(done.stdout)


IMPORT = """
import json, logging, sys, threading

events = []
watched = "socket.__new__", "_thread.start_new_thread", "_thread.start_joinable_thread"
sys.addaudithook(lambda event, _: event in watched and events.append(event))

import aiohttp, aiolimiter, attrs, cattrs
before = list(events), len(sys.warnoptions)

import cams_async

handlers = {
    name: [type(handler).__name__ for handler in logger.handlers]
    for name, logger in logging.root.manager.loggerDict.items()
    if getattr(logger, "handlers", None)
}
print(json.dumps({
    "events": events[len(before[0]):],
    "threads": threading.active_count(),
    "root": len(logging.root.handlers),
    "handlers": handlers,
    "modules": sorted(sys.modules),
}))
"""


@pytest.fixture(scope="module")
def imported() -> Any:
    """Import the package in a fresh interpreter and look around."""
    return run(IMPORT)


def test_importing_opens_and_starts_nothing(imported: Any) -> None:
    """No socket, no thread."""
    assert ([], 1) == (imported["events"], imported["threads"])


def test_importing_adds_one_handler_that_does_nothing(imported: Any) -> None:
    """A library stays silent until its user sets logging up."""
    assert imported["root"] == 0
    assert imported["handlers"] == {"cams_async": ["NullHandler"]}


@pytest.mark.parametrize(
    "module",
    [
        "cams_async.emulator",
        "cams_async.cli",
        "cams_async.content",
        "aiohttp.web",
        "rich",
        "redis",
        "Tea",
    ],
)
def test_importing_leaves_out_what_a_client_does_not_need(
    module: str, imported: Any
) -> None:
    """The emulator and its server are imported separately."""
    found = [
        name
        for name in imported["modules"]
        if name == module or name.startswith(f"{module}.")
    ]

    assert found == []
    assert "cams_async.client" in imported["modules"]


def test_the_logger_is_silent_by_default() -> None:
    """Its name is the package's."""
    handlers = logging.getLogger("cams_async").handlers

    assert any(isinstance(handler, logging.NullHandler) for handler in handlers)


def test_the_package_is_typed() -> None:
    """It has a file `py.typed`."""
    assert Path(cams_async.__path__[0], "py.typed").is_file()
    assert cams_async.__version__.count(".") == 2
