"""What `status` and `watch` share: a job over a file of phone numbers."""

import argparse
import asyncio
import json
import shlex
import sys
import time
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

from cams_async.bulk import Job, Plan, Strategy, Survey, Watching, cheaper
from cams_async.cli import exits, options
from cams_async.cli.display import display, shown
from cams_async.cli.options import PROGRAM
from cams_async.cli.signals import ending_at_once, on_signals
from cams_async.cli.stderr import put, say
from cams_async.cli.streams import emit
from cams_async.cli.summary import Summary, moment
from cams_async.cli.tally import Tally
from cams_async.client import CamsClient
from cams_async.errors import CamsError
from cams_async.operations import (
    ChatappSyncPhoneNumber,
    GetPhoneNumberVerificationStatus,
    Operation,
)

EXIT_CODES = (
    "Exits with 0 if all is well, 3 if some rows have failed, 2 if INPUT or OUTPUT is "
    "unusable, 130 after Ctrl-C, and 1 after other errors. Ctrl-C finishes what is in "
    "flight; a second one drops it. Nothing that was written is ever lost."
)

AUTO = "auto"
"""Stands for the strategy that is cheaper, once the input has been read."""

ACTIONS: Mapping[str, tuple[type[Operation[Any]], ...]] = {
    "per_number": (GetPhoneNumberVerificationStatus,),
    "per_space": (GetPhoneNumberVerificationStatus, ChatappSyncPhoneNumber),
}
"""What each strategy may call."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what both commands take."""
    parser.add_argument(
        "input",
        metavar="INPUT",
        type=options.file,
        help="CSV with a header, or JSON Lines, with the columns phone_number and "
        "cust_space_id; - is standard input",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUTPUT",
        type=options.file,
        help="a file, with a line for each row of the input; the same command once "
        "more goes on where it ended. - is standard output (-)",
    )
    parser.add_argument(
        "--format",
        choices=("jsonl", "csv"),
        help="how the output is written (csv if its name ends so, else jsonl)",
    )
    parser.add_argument(
        "--restart",
        action="store_true",
        help="delete the rows of a former run in OUTPUT, and begin again",
    )
    parser.add_argument(
        "--cust-space-id", metavar="ID", help="the space of the rows that name none"
    )
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        type=options.column,
        metavar="NAME=HEADER",
        help="the header in INPUT of phone_number or cust_space_id, where it is "
        "another; may be repeated",
    )
    parser.add_argument(
        "--raw-csv",
        action="store_true",
        help="write CSV cells as they are, even those that a spreadsheet program takes "
        "for formulas (an apostrophe is put before = + - @ TAB CR)",
    )
    parser.add_argument(
        "--window",
        type=options.count,
        metavar="N",
        help="the most phone numbers that are held at once (what keeps the ceilings "
        "busy)",
    )
    parser.add_argument(
        "--strategy",
        choices=("per_number", "per_space", AUTO),
        default="per_number",
        help="one call for each number; or one for all numbers of a space, where the "
        "account may call ChatappSyncPhoneNumber, else for each number; auto takes "
        "what needs fewer calls and says which (per_number)",
    )
    parser.add_argument(
        "--qps",
        action="append",
        default=[],
        type=options.ceiling_of(*(action.__name__ for action in ACTIONS["per_space"])),
        metavar="[ACTION=]N",
        help="calls per second, other than documented; of ChatappSyncPhoneNumber if "
        "that is named; may be repeated",
    )
    options.add_place(parser)
    options.add_output(
        parser,
        json="print a summary at the end, as one JSON object: to standard output, or "
        "to standard error if standard output is OUTPUT",
    )


def run(given: argparse.Namespace, watching: Watching | None = None) -> int:
    """Do the job and return the exit code.

    Args:
        given: What was given on the command line.
        watching: How to watch; None to ask once.
    """
    return asyncio.run(_run(given, watching))


async def _run(given: argparse.Namespace, watching: Watching | None) -> int:
    ceilings = dict(given.qps)
    place = options.given(given, "endpoint", "region", "account")
    async with AsyncExitStack() as stack:
        client = CamsClient(qps=ceilings, **place)
        await stack.enter_async_context(client)
        with ending_at_once():
            if (missing := _no_journal(given)) and not given.quiet:
                say(missing)
            job = await stack.enter_async_context(Job(_plan(given, watching)))
        choice = given.strategy == AUTO
        strategy: Strategy = cheaper(job.survey) if choice else given.strategy
        if not given.quiet:
            for line in _start(job.survey, strategy, _again(given), choice=choice):
                say(line)
        began = time.monotonic()
        tally = _tally(job, strategy, ceilings, began, watches=watching is not None)
        summary = Summary(tally, None if given.quiet else say)
        # Where rows go to the terminal themselves, a bar would be in their way.
        shared = given.output is None and sys.stdout.isatty()
        look = display(sys.stderr, quiet=given.quiet, shared=shared)
        error: CamsError | None = None
        try:
            async with shown(tally, look):
                asking = job.run(
                    client.with_options(hooks=[tally.call]),
                    strategy=strategy,
                    window=given.window,
                    on_result=summary.add,
                )
                await _interruptible(job, asking)
        except CamsError as met:
            error = met
        return _end(given, job, summary, time.monotonic() - began, error)


async def _interruptible(job: Job, asking: Coroutine[Any, Any, None]) -> None:
    """Let Ctrl-C stop the job, and a second one break it off."""
    running = asyncio.create_task(asking)
    stopped = False

    def interrupt() -> None:
        nonlocal stopped
        if stopped:
            running.cancel()
        else:
            stopped = True
            job.stop()
            say("finishing what is in flight; once more, and it is dropped")

    with on_signals(interrupt):
        await asyncio.wait([running])
    if not running.cancelled():
        running.result()


def _plan(given: argparse.Namespace, watching: Watching | None) -> Plan:
    is_csv = given.output is not None and given.output.suffix.lower() == ".csv"
    return Plan(
        input=given.input,
        output=given.output,
        format=given.format or ("csv" if is_csv else "jsonl"),
        cust_space_id=given.cust_space_id,
        columns=dict(given.column),
        raw_csv=given.raw_csv,
        watch=watching,
        restart=given.restart,
        identity={
            name: getattr(given, name) for name in ("endpoint", "region", "account")
        },
    )


def _no_journal(given: argparse.Namespace) -> str | None:
    """Say what can never be resumed, before a long input has been read."""
    streams = {"input": given.input, "output": given.output}
    names = [name for name, path in streams.items() if path is None]
    if not names:
        return None
    return (
        f"standard {' and '.join(names)}: there is no journal, and a run that ends "
        "early cannot be resumed"
    )


def _tally(
    job: Job,
    strategy: Strategy,
    ceilings: Mapping[str, float],
    now: float,
    *,
    watches: bool,
) -> Tally:
    survey = job.survey
    return Tally(
        total=survey.numbers,
        done=survey.numbers - survey.numbers_left,
        failed=job.totals.failures,
        ceilings={
            action.__name__: ceilings.get(action.__name__, action.qps)
            for action in ACTIONS[strategy]
        },
        watches=watches,
        now=now,
    )


def _start(
    survey: Survey, strategy: Strategy, again: str, *, choice: bool
) -> Iterator[str]:
    """Say what is about to be done."""
    yield (
        f"rows: {survey.rows:,}, numbers: {survey.numbers:,}, spaces: "
        f"{survey.spaces:,}, duplicates: {survey.duplicates:,}, bad rows: "
        f"{survey.bad:,}"
    )
    if survey.resumed and survey.done == survey.rows:
        when = moment(survey.finished)
        yield f"finished{f' on {when}' if when else ''}: nothing is left to do"
        yield f"run it again with: {again} --restart"
    elif survey.resumed:
        yield (
            f"resuming: {survey.done:,} of {survey.rows:,} rows are done already, "
            f"{survey.failed:,} of them failed"
        )
    if choice:
        yield (
            f"strategy {strategy}: {survey.numbers_left:,} calls per number, or "
            f"{survey.spaces_left:,} per space"
        )


def _again(given: argparse.Namespace) -> str:
    """Return the command that goes on where this one ends."""
    arguments = [each for each in given.arguments if each != "--restart"]
    return shlex.join([PROGRAM, *arguments])


def _end(
    given: argparse.Namespace,
    job: Job,
    summary: Summary,
    seconds: float,
    error: CamsError | None,
) -> int:
    """Say what has become of it, and return the exit code."""
    is_file = given.output is not None
    output = str(given.output) if is_file else "standard output"
    if not given.quiet:
        for line in summary.words(job, seconds=seconds, output=output):
            say(line)
    if given.json:
        facts = json.dumps(summary.as_dict(job, seconds=seconds, output=output))
        (emit if is_file else put)(facts)
    if error is not None:
        say(error)
    elif job.complete:
        return exits.PARTLY if job.failed else exits.OK
    if job.survey.durable:
        say(f"go on with: {_again(given)}")
    return exits.INTERRUPTED if error is None else exits.FAILED
