"""The options that commands share, and the parsers of their values."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from cams_async.bulk.rows import COLUMNS
from cams_async.config import LARGEST

MAX_SHOWN = 40
"""Characters of an unusable number that are shown."""

# What `add_subparsers` returns; argparse has no public name for it.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - as above


class MixedParser(argparse.ArgumentParser):
    """A parser that takes options before, between and after the other arguments.

    A plain parser takes `ACTION Name=value --quiet`, but not
    `ACTION --quiet Name=value`.
    """

    _mixing = False

    def parse_known_args(self, *arguments: Any, **options: Any) -> Any:
        """Parse a command's arguments; argparse calls this on each command's parser."""
        if self._mixing:
            return super().parse_known_args(*arguments, **options)
        self._mixing = True
        try:
            return self.parse_known_intermixed_args(*arguments, **options)
        finally:
            self._mixing = False


def add_target(parser: argparse.ArgumentParser) -> None:
    """Add the options for endpoint, region and account."""
    target = parser.add_argument_group(
        "endpoint and account",
        "Credentials are never options, because those show in process lists. They are "
        "looked up in the environment (ALIBABA_CLOUD_ACCESS_KEY_ID and so on), the "
        "profile of the Alibaba Cloud CLI and ALIBABA_CLOUD_CREDENTIALS_URI.",
    )
    target.add_argument(
        "--endpoint",
        metavar="URL",
        help="a full origin, such as that of an emulator, instead of the region's",
    )
    target.add_argument(
        "--region", metavar="NAME", help="a documented region (ap-southeast-1)"
    )
    target.add_argument(
        "--account",
        metavar="NAME",
        help="the name under which rate limits are shared (the access key id; with a "
        "security token, the name of the profile or the address of the service)",
    )


def add_output(parser: argparse.ArgumentParser, *, json: str) -> None:
    """Add the options for what is printed; `json` is the help of `--json`."""
    parser.add_argument(
        "--quiet", action="store_true", help="print no progress and no warnings"
    )
    parser.add_argument("--json", action="store_true", help=json)


def add_ceilings(parser: argparse.ArgumentParser) -> None:
    """Add the option for QPS ceilings, for commands that use several actions."""
    parser.add_argument(
        "--qps",
        action="append",
        default=[],
        type=action_ceiling,
        metavar="ACTION=N",
        help="QPS ceiling of an action, instead of the documented one; may be repeated",
    )


def file(text: str) -> Path | None:
    """Read the path of a file; None, from `-`, is a standard stream."""
    return None if text == "-" else Path(text)


def number(text: str) -> float:
    """Read a number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{_cut(text)!r} is not a number")
    if abs(value) > LARGEST:
        raise argparse.ArgumentTypeError(_too_large(text))
    return value


def above_zero(text: str) -> float:
    """Read a finite number above 0, of seconds or of calls per second."""
    value = number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{_cut(text)!r} is not above 0")
    return value


def count(text: str) -> int:
    """Read a whole number above 0."""
    value = whole(text) if text.isascii() and text.isdigit() else 0
    if not value:
        msg = f"{_cut(text)!r} is not a whole number above 0"
        raise argparse.ArgumentTypeError(msg)
    return value


def whole(text: str) -> int:
    """Read a whole number."""
    try:
        value = int(text)
    except ValueError:  # also of thousands of digits
        msg = f"{_cut(text)!r} is not a whole number, or too long"
        raise argparse.ArgumentTypeError(msg) from None
    if abs(value) > LARGEST:
        raise argparse.ArgumentTypeError(_too_large(text))
    return value


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _too_large(text: str) -> str:
    return f"{_cut(text)!r} is too large: the most is {LARGEST:g}"


def assignment(text: str) -> tuple[str, str]:
    """Read `Name=value`; the value may be empty, or hold a `=` itself."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form Name=value")
    return name, value


def parameter(text: str) -> tuple[str | None, str]:
    """Read `Name=value`, or without a name the place of a JSON object."""
    if text == "-":
        return None, "@-"
    return (None, text) if text.startswith("@") else assignment(text)


def column(text: str) -> tuple[str, str]:
    """Read `NAME=HEADER`, a column of an input under another name."""
    name, header = assignment(text)
    if name not in COLUMNS or not header.strip():
        expected = " or ".join(f"{each}=HEADER" for each in COLUMNS)
        raise argparse.ArgumentTypeError(f"{text!r} is not {expected}")
    return name, header


def action_ceiling(text: str) -> tuple[str, float]:
    """Read `ACTION=N`, calls per second of an action."""
    name, value = assignment(text)
    return name, above_zero(value)


def ceiling_of(*actions: str) -> Callable[[str], tuple[str, float]]:
    """Return a parser of `N`, calls per second of the first action, or `ACTION=N`."""

    def read(text: str) -> tuple[str, float]:
        if "=" not in text:
            return actions[0], above_zero(text)
        name, value = action_ceiling(text)
        if name not in actions:
            expected = " or ".join(actions)
            raise argparse.ArgumentTypeError(f"{name!r} is not {expected}")
        return name, value

    return read


def pauses(text: str) -> tuple[float, float]:
    """Read `FIRST:LONGEST`, two numbers of seconds above 0."""
    first, longest = seconds_range(text)
    if not 0 < first <= longest:
        msg = f"{_cut(text)!r} is not above 0, or its first number is the larger one"
        raise argparse.ArgumentTypeError(msg)
    return first, longest


def statuses(text: str) -> frozenset[str]:
    """Read `STATUS,...`, verification statuses, in any case."""
    found = frozenset(status.strip().upper() for status in text.split(","))
    if "" in found:
        msg = f"{text!r} is not of the form STATUS,..."
        raise argparse.ArgumentTypeError(msg)
    return found


def seconds_range(text: str) -> tuple[float, float]:
    """Read `LOW:HIGH`, two numbers of seconds."""
    low, colon, high = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"{_cut(text)!r} is not of the form LOW:HIGH")
    return number(low), number(high)


def specified(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return those of the named options that are not None."""
    values = {name: getattr(args, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}
