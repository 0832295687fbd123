"""Values of parameters: from the command line, a file, the environment or a prompt."""

import getpass
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from cams_async.errors import ConfigurationError
from cams_async.terminal import standard_input

LONGEST = 2**20
"""Bytes of the longest value that is read; no request takes as many."""

ENVIRONMENT = "env:"


def is_elsewhere(text: str) -> bool:
    """Whether a value only says where the value itself is."""
    return text.startswith("@") and not text.startswith("@@")


def value(name: str, text: str) -> str:
    """Return the value that a text stands for.

    `@FILE` is what the file holds, `@-` what standard input holds, `@env:NAME` a
    variable of the environment, and `@@...` a text that begins with `@`. Of a file
    and of standard input one line end at the end is dropped.

    Raises:
        ConfigurationError: The value cannot be read; names the parameter.
    """
    if not is_elsewhere(text):
        return text[1:] if text.startswith("@@") else text
    source = text[1:]
    if source.startswith(ENVIRONMENT):
        variable = source.removeprefix(ENVIRONMENT)
        found = os.environ.get(variable)
        if found is None:
            raise ConfigurationError(f"{variable!r} is not set", field=name)
        return found
    return _text(name, source)


def _text(name: str, source: str) -> str:
    place = "standard input" if source == "-" else repr(source)
    try:
        if source == "-":
            data = _standard_input(name).read(LONGEST + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(LONGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        msg = f"{place} cannot be read: {reason}"
        raise ConfigurationError(msg, field=name) from error
    if len(data) > LONGEST:
        msg = f"{place} holds more than {LONGEST:,} bytes"
        raise ConfigurationError(msg, field=name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{place} is not UTF-8 text", field=name) from None
    return text.removesuffix("\n").removesuffix("\r")


def _standard_input(name: str) -> BinaryIO:
    try:
        return standard_input()
    except ConfigurationError as error:
        raise ConfigurationError(error.args[0], field=name) from None


def asked(names: Iterable[str]) -> dict[str, str]:
    """Ask for values on the terminal, which does not show them.

    Raises:
        ConfigurationError: There is no terminal.
    """
    found: dict[str, str] = {}
    for name in names:
        try:
            with warnings.catch_warnings():
                # It would go on and show what is typed.
                warnings.simplefilter("error", getpass.GetPassWarning)
                found[name] = getpass.getpass(f"{name}: ")
        except (getpass.GetPassWarning, EOFError, OSError):
            msg = "was not typed on a terminal: use @FILE, @- or @env:NAME"
            raise ConfigurationError(msg, field=name) from None
    return found
