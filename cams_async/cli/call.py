"""`cams-async call`: a single call of any CAMS action."""

import argparse
import asyncio
import json
from typing import Any

from cams_async.bulk import OutputError
from cams_async.cli import options, parameters
from cams_async.cli.process import ExitCode, echo, echo_data, emit
from cams_async.client import CamsClient
from cams_async.errors import ConfigurationError
from cams_async.operations.catalogue import CATALOGUE, secret_parameters

EPILOG = """\
values:
  Name=value      the value itself; numbers, booleans, lists and objects as JSON
  Name=@FILE      the content of a file, without its last line end
  Name=@-         the content of standard input, without its last line end
  Name=@env:NAME  the environment variable NAME
  Name=@@value    a value that begins with @
  @FILE, @-, -    a JSON object of parameters in a file, or in standard input
Pass secrets by @FILE, @-, @env:NAME or --ask, since other users of this machine can
see command lines. `cams-async describe ACTION` prints the parameters of an action.

examples:
  cams-async call GetPhoneNumberVerificationStatus \\
      PhoneNumber=8613800000000 CustSpaceId=cams-xxxx
  cams-async call CreateChatappTemplate @template.json Components=@components.json
"""


def add(commands: options.Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "call",
        help="call any CAMS action and print its response",
        description="Call any CAMS action: signed, rate limited and checked as every "
        "call. Prints the response as JSON in UTF-8, as it was received, except that "
        "control characters are escaped.",
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
        type=options.parameter,
        help="a parameter by its name, as on the wire or in snake_case, or @FILE; see "
        "below",
    )
    parser.add_argument(
        "--ask",
        action="append",
        default=[],
        metavar="Name",
        help="read a parameter from the terminal, without echo; may be repeated",
    )
    parser.add_argument(
        "--unchecked",
        action="store_true",
        help="send names as they are, without checks of names and values",
    )
    parser.add_argument(
        "--retry-safe",
        action="store_true",
        help="retry an undocumented action after an unknown outcome; documented ones "
        "are retried if, and only if, they are safe to repeat",
    )
    parser.add_argument(
        "--qps",
        type=options.above_zero,
        metavar="N",
        help="QPS ceiling of the action, instead of the documented one",
    )
    options.add_target(parser)
    options.add_output(parser, json="print the response on one line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Send the call and print its response."""
    if not args.unchecked:
        args.action = parameters.action_name(args.action)
    values, texts = _read_parameters(args)
    if args.unchecked:
        values |= texts
    else:
        values = parameters.checked(args.action, values, texts)
    responses: list[Any] = []
    try:
        asyncio.run(_call(args, values, responses))
    finally:
        # Also after Ctrl-C, or an error, while the client was closed: the call has
        # been executed, and a repetition may do harm.
        for response in responses:
            _print(response, indent=None if args.json else 2)
    return ExitCode.OK


async def _call(
    args: argparse.Namespace, values: dict[str, Any], responses: list[Any]
) -> None:
    target = options.specified(args, "endpoint", "region", "account")
    if args.qps is not None and args.action in CATALOGUE:
        target["qps"] = {args.action: args.qps}
    elif args.qps is not None:
        # The client would refuse a misspelt name, which `--unchecked` permits.
        target["default_qps"] = args.qps
    async with CamsClient(**target) as cams:
        retry_safe = True if args.retry_safe else None
        responses.append(await cams.call(args.action, values, retry_safe=retry_safe))


def _print(response: Any, *, indent: int | None) -> None:
    try:
        emit(json.dumps(response, ensure_ascii=False, indent=indent))
    except OutputError:
        # The last resort, in ASCII, since stderr may have any encoding.
        echo_data(json.dumps(response))
        raise


def _read_parameters(
    args: argparse.Namespace,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values of JSON objects, and the texts, by their names on the wire."""
    values: dict[str, Any] = {}
    texts: dict[str, str] = {}
    asked: dict[str, None] = {}

    def add(name: str, value: Any, to: dict[str, Any]) -> None:
        if not args.unchecked:
            name = parameters.parameter_name(args.action, name)
        if any(name in each for each in (values, texts, asked)):
            raise ConfigurationError("is given twice", field=name)
        to[name] = value

    if [text for _, text in args.parameters].count("@-") > 1:
        raise ConfigurationError("is given twice", field="@-")
    for name, text in args.parameters:
        if name is not None:
            add(name, text, texts)
            continue
        for each, value in parameters.read_object(text).items():
            add(each, value, values)
    for name in args.ask:
        add(name, None, asked)
    if not args.quiet:
        _warn_of_secrets(args.action, texts)
    texts = {name: parameters.read_value(name, text) for name, text in texts.items()}
    return values, texts | parameters.prompt(asked)


def _warn_of_secrets(action: str, texts: dict[str, str]) -> None:
    for name in secret_parameters(action) & texts.keys():
        if texts[name] and not parameters.is_reference(texts[name]):
            echo(
                f"{name} is a secret, and other users of this machine can see command "
                f"lines: use {name}=@FILE, @-, @env:NAME or --ask {name}"
            )
