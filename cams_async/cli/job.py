"""`cams-async status` and `watch`: the statuses of the phone numbers in a file."""

import argparse
import asyncio
import json
import shlex
import sys
import time
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any

from cams_async.bulk import Job, Plan, Strategy, Watching, cheaper
from cams_async.cli import options
from cams_async.cli.process import (
    PROGRAM,
    ExitCode,
    echo,
    echo_data,
    emit,
    exit_on_signals,
    on_signals,
)
from cams_async.cli.progress import RunProgress, show_progress
from cams_async.cli.report import JobReport, opening
from cams_async.client import CamsClient
from cams_async.config import nearest
from cams_async.errors import CamsError, ConfigurationError
from cams_async.models import CodeVerificationStatus
from cams_async.operations import (
    ChatappSyncPhoneNumber,
    GetPhoneNumberVerificationStatus,
    Operation,
)

EXIT_CODES = (
    "Exits with 0 after success, 3 if some rows have failed, 2 if INPUT or OUTPUT is "
    "unusable, 130 after Ctrl-C, and 1 after other errors. Ctrl-C finishes the calls "
    "in flight; a second one cancels them. Rows that were written are never lost."
)

AUTO = "auto"
"""The strategy that needs less time, chosen once the input has been read."""

ACTIONS: Mapping[str, tuple[type[Operation[Any]], ...]] = {
    "per_number": (GetPhoneNumberVerificationStatus,),
    "per_space": (GetPhoneNumberVerificationStatus, ChatappSyncPhoneNumber),
}
"""The actions that each strategy may call."""

STATUSES = tuple(CodeVerificationStatus)


def add_status(commands: options.Commands) -> None:
    """Add the command `status` to the parser."""
    parser = commands.add_parser(
        "status",
        help="get the status of each phone number in a file",
        description="Get the verification status of each phone number in a file, as "
        "fast as the rate limit allows, and write a line for each row. Duplicates are "
        "requested once. The same command resumes a run that ended early.",
        epilog=EXIT_CODES,
        allow_abbrev=False,
    )
    _add_arguments(parser)
    parser.set_defaults(run=run_status)


def add_watch(commands: options.Commands) -> None:
    """Add the command `watch` to the parser."""
    parser = commands.add_parser(
        "watch",
        help="poll the phone numbers in a file until each is verified",
        description="Poll the verification status of each phone number in a file, with "
        "growing pauses and within the rate limit, until it is one of --until; then "
        "write a line for each row. Duplicates are requested once. The same command "
        "resumes a run that ended early.",
        epilog=EXIT_CODES,
        allow_abbrev=False,
    )
    _add_arguments(parser)
    parser.add_argument(
        "--until",
        type=options.statuses,
        metavar="STATUS,...",
        help="the statuses that end the polling of a number (VERIFIED)",
    )
    parser.add_argument(
        "--any-status",
        action="store_true",
        help="let --until name statuses that are not documented",
    )
    parser.add_argument(
        "--every",
        type=options.pauses,
        metavar="FIRST:LONGEST",
        help="seconds between two requests for a number; the pause grows (30:600)",
    )
    parser.add_argument(
        "--deadline",
        type=options.above_zero,
        metavar="SECONDS",
        help="after which the numbers that are left fail, counted from the first start "
        "(never)",
    )
    parser.set_defaults(run=run_watch)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of both commands."""
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
        help="a file with a line for each row of the input; a run that ended early is "
        "resumed from it. - is standard output (-)",
    )
    parser.add_argument(
        "--format",
        choices=("jsonl", "csv"),
        help="the format of the output (csv if its name ends in .csv, else jsonl)",
    )
    parser.add_argument(
        "--restart",
        action="store_true",
        help="delete the rows of a former run in OUTPUT, and start over",
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
        help="the most phone numbers in progress at a time (as many as the rate limits "
        "need)",
    )
    parser.add_argument(
        "--strategy",
        choices=("per_number", "per_space", AUTO),
        default="per_number",
        help="one call for each number; or one for all numbers of a space, where the "
        "account may call ChatappSyncPhoneNumber, else for each number; auto takes "
        "and prints the one that needs fewer calls (per_number)",
    )
    parser.add_argument(
        "--qps",
        action="append",
        default=[],
        type=options.ceiling_of(*(action.__name__ for action in ACTIONS["per_space"])),
        metavar="[ACTION=]N",
        help="QPS ceiling, instead of the documented one; of ChatappSyncPhoneNumber if "
        "that is named; may be repeated",
    )
    options.add_target(parser)
    options.add_output(
        parser,
        json="print a summary at the end, as one JSON object: to standard output, or "
        "to standard error if standard output is OUTPUT",
    )


def run_status(args: argparse.Namespace) -> int:
    """Request each number once."""
    return asyncio.run(_run(args, None))


def run_watch(args: argparse.Namespace) -> int:
    """Request each number until it has one of the statuses."""
    for status in () if args.any_status else args.until or ():
        if status not in STATUSES:
            near = nearest(status, STATUSES)
            hint = f"did you mean {near}?" if near else f"one of {', '.join(STATUSES)};"
            msg = f"{status!r} is not documented; {hint} --any-status takes any"
            raise ConfigurationError(msg, field="--until")
    watching = Watching(**options.specified(args, "until", "every", "deadline"))
    return asyncio.run(_run(args, watching))


async def _run(args: argparse.Namespace, watching: Watching | None) -> int:
    ceilings = dict(args.qps)
    target = options.specified(args, "endpoint", "region", "account")
    async with AsyncExitStack() as stack:
        client = CamsClient(qps=ceilings, **target)
        await stack.enter_async_context(client)
        with exit_on_signals():
            if (warning := _no_journal(args)) and not args.quiet:
                echo(warning)
            job = await stack.enter_async_context(Job(_plan(args, watching)))
        chosen = args.strategy == AUTO
        strategy: Strategy = cheaper(job.survey) if chosen else args.strategy
        if not args.quiet:
            for line in opening(job.survey, strategy, _resume(args), chosen=chosen):
                echo(line)
        began = time.monotonic()
        survey = job.survey
        progress = RunProgress(
            total=survey.numbers,
            done=survey.numbers - survey.numbers_left,
            failed=job.totals.failures,
            ceilings={
                action.__name__: ceilings.get(action.__name__, action.qps)
                for action in ACTIONS[strategy]
            },
            open_ended=watching is not None,
            now=began,
        )
        report = JobReport(progress, quiet=args.quiet)
        error: CamsError | None = None
        try:
            async with show_progress(
                progress,
                None if args.quiet else sys.stderr,
                # A bar would be in the way of rows on the same terminal.
                plain=args.output is None and sys.stdout.isatty(),
            ):
                running = job.run(
                    client.with_options(hooks=[progress.count_call]),
                    strategy=strategy,
                    window=args.window,
                    on_result=report.add,
                )
                await _interruptible(job, running)
        except CamsError as raised:
            error = raised
        return _end(args, job, report, time.monotonic() - began, error)


async def _interruptible(job: Job, running: Coroutine[Any, Any, None]) -> None:
    """Run the job; stop it at the first Ctrl-C, and cancel it at the second."""
    task = asyncio.create_task(running)
    stopped = False

    def interrupt() -> None:
        nonlocal stopped
        if stopped:
            task.cancel()
        else:
            stopped = True
            job.stop()
            echo("finishing the calls in flight; press Ctrl-C again to cancel them")

    with on_signals(interrupt):
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()


def _plan(args: argparse.Namespace, watching: Watching | None) -> Plan:
    is_csv = args.output is not None and args.output.suffix.lower() == ".csv"
    return Plan(
        input=args.input,
        output=args.output,
        format=args.format or ("csv" if is_csv else "jsonl"),
        cust_space_id=args.cust_space_id,
        columns=dict(args.column),
        raw_csv=args.raw_csv,
        watch=watching,
        restart=args.restart,
        identity={
            name: getattr(args, name) for name in ("endpoint", "region", "account")
        },
    )


def _no_journal(args: argparse.Namespace) -> str | None:
    """Return a warning if the job cannot be resumed, before its input is read."""
    streams = {"input": args.input, "output": args.output}
    names = [name for name, path in streams.items() if path is None]
    if not names:
        return None
    return (
        f"standard {' and '.join(names)}: there is no journal, and a run that ends "
        "early cannot be resumed"
    )


def _resume(args: argparse.Namespace) -> str:
    """Return the command that resumes this one."""
    arguments = [each for each in args.arguments if each != "--restart"]
    return shlex.join([PROGRAM, *arguments])


def _end(
    args: argparse.Namespace,
    job: Job,
    report: JobReport,
    seconds: float,
    error: CamsError | None,
) -> int:
    """Print the report, and return the exit code."""
    is_file = args.output is not None
    output = str(args.output) if is_file else "standard output"
    if not args.quiet:
        for line in report.lines(job, seconds=seconds, output=output):
            echo(line)
    if args.json:
        facts = json.dumps(report.as_dict(job, seconds=seconds, output=output))
        (emit if is_file else echo_data)(facts)
    if error is not None:
        echo(error)
    elif job.complete:
        return ExitCode.ROWS_FAILED if job.failed else ExitCode.OK
    if job.survey.durable:
        echo(f"resume with: {_resume(args)}")
    return ExitCode.INTERRUPTED if error is None else ExitCode.FAILED
