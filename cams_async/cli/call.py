"""`cams-async call`: one call of any CAMS action."""

import argparse
import asyncio
import json
from typing import Any

from cams_async.bulk import OutputError
from cams_async.cli import names, options, values
from cams_async.cli.exits import OK
from cams_async.cli.stderr import put, say
from cams_async.cli.streams import emit
from cams_async.client import CamsClient
from cams_async.errors import ConfigurationError
from cams_async.operations import OPERATIONS, secret_parameters

EPILOG = """\
values:
  Name=value      as it stands; nested values as JSON text
  Name=@FILE      what a file holds, without the line end at its end
  Name=@-         what standard input holds, likewise
  Name=@env:NAME  what the environment variable NAME holds
  Name=@@value    a value that begins with @
Give a secret by @FILE, @-, @env:NAME or --ask, since other users of this machine can
see command lines.

example:
  cams-async call GetPhoneNumberVerificationStatus \\
      PhoneNumber=8613800000000 CustSpaceId=cams-xxxx
"""


def add(commands: options.Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "call",
        help="call any CAMS action and print its answer",
        description="Call any CAMS action: signed, throttled and checked like the "
        "rest. Prints the answer as JSON in UTF-8, as it stood on the wire but for "
        "control characters, which are escaped.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "action", metavar="ACTION", help="its name, as on the wire or in snake_case"
    )
    parser.add_argument(
        "parameters",
        metavar="Name=value",
        nargs="*",
        type=options.assignment,
        help="a parameter by its name, as on the wire or in snake_case; see below",
    )
    parser.add_argument(
        "--ask",
        action="append",
        default=[],
        metavar="Name",
        help="ask for a parameter on the terminal, without showing it; may be repeated",
    )
    parser.add_argument(
        "--unchecked",
        action="store_true",
        help="send names as they are, and what is known to be incomplete or wrong",
    )
    parser.add_argument(
        "--retry-safe",
        action="store_true",
        help="send it again where its outcome is unknown; has no effect on a known "
        "action that is not safe to repeat",
    )
    parser.add_argument(
        "--qps",
        type=options.above_zero,
        metavar="N",
        help="calls per second, other than documented",
    )
    options.add_place(parser)
    options.add_output(parser, json="print the answer on one line")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Call, and print the answer."""
    if not given.unchecked:
        given.action = names.action_name(given.action)
    parameters = _parameters(given)
    if not given.unchecked:
        parameters = _checked(given.action, parameters)
    responses: list[Any] = []
    try:
        asyncio.run(_call(given, parameters, responses))
    finally:
        # Also where Ctrl-C came, or an error, while the client was closed: the call
        # has been executed, and may not be executed again.
        for response in responses:
            _print(response, indent=None if given.json else 2)
    return OK


async def _call(
    given: argparse.Namespace, parameters: dict[str, Any], responses: list[Any]
) -> None:
    ceilings = {} if given.qps is None else {given.action: given.qps}
    place = options.given(given, "endpoint", "region", "account")
    async with CamsClient(qps=ceilings, **place) as cams:
        responses.append(
            await cams.call(given.action, parameters, retry_safe=given.retry_safe)
        )


def _print(response: Any, *, indent: int | None) -> None:
    try:
        emit(json.dumps(response, ensure_ascii=False, indent=indent))
    except OutputError:
        # The last resort, in ASCII: stderr's encoding may be any.
        put(json.dumps(response))
        raise


def _parameters(given: argparse.Namespace) -> dict[str, str]:
    """Return the parameters by their names on the wire, wherever their values are."""
    texts: dict[str, str | None] = {}
    for name, text in [*given.parameters, *((name, None) for name in given.ask)]:
        known = name if given.unchecked else names.parameter_name(given.action, name)
        if known in texts:
            raise ConfigurationError("is given twice", field=known)
        texts[known] = text
    if list(texts.values()).count("@-") > 1:
        raise ConfigurationError("is for one parameter only", field="@-")
    for name in secret_parameters(given.action) & texts.keys():
        text = texts[name]
        if text and not values.is_elsewhere(text) and not given.quiet:
            say(
                f"{name} is a secret, and other users of this machine can see command "
                f"lines: use {name}=@FILE, @-, @env:NAME or --ask {name}"
            )
    found = {
        name: values.value(name, text)
        for name, text in texts.items()
        if text is not None
    }
    return found | values.asked(name for name, text in texts.items() if text is None)


def _checked(action: str, parameters: dict[str, str]) -> dict[str, Any]:
    """Return the parameters of a known operation, checked and cleaned as its fields.

    Raises:
        ConfigurationError: One is missing; names it.
        InvalidOperation: A value is unusable; names its field.
    """
    operation = OPERATIONS.get(action)
    if operation is None:
        return dict(parameters)
    fields = names.wire_names(operation)
    needed = [fields[name] for name in names.required(operation)]
    if missing := [name for name in needed if name not in parameters]:
        raise ConfigurationError(f"needs {', '.join(missing)}", field=action)
    given = {
        field: parameters[name] for field, name in fields.items() if name in parameters
    }
    checked = operation(**given)
    return {fields[field]: getattr(checked, field) for field in given}
