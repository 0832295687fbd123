"""Run a benchmark, or render the report of all: `python -m benchmarks NAME`."""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import bulk, ceilings, evidence, fleet, overhead, soak, waiting
from benchmarks.record import section
from benchmarks.report import report

BENCHMARKS = {
    "ceilings": ceilings,
    "evidence": evidence,
    "overhead": overhead,
    "fleet": fleet,
    "bulk": bulk,
    "waiting": waiting,
    "soak": soak,
}

QUESTIONS = {
    name: (module.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    for name, module in BENCHMARKS.items()
}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = parser.add_subparsers(dest="name", metavar="NAME", required=True)
    for name, question in QUESTIONS.items():
        benchmark = names.add_parser(name, help=question)
        benchmark.add_argument("--quick", action="store_true", help="measure less")
        benchmark.add_argument(
            "--json", type=Path, metavar="FILE", help="also write the summary to a file"
        )
    all_results = names.add_parser("report", help="render results.json into RESULTS.md")
    all_results.add_argument(
        "--run",
        nargs="*",
        metavar="NAME",
        help="run these benchmarks first, or all if none is named",
    )
    all_results.add_argument("--quick", action="store_true", help="with --run only")
    args = parser.parse_args(arguments)
    if args.name == "report":
        if args.quick and args.run is None:
            parser.error("--quick requires --run")
        for name in args.run or ():
            if name not in BENCHMARKS:
                choices = ", ".join(BENCHMARKS)
                parser.error(f"unknown benchmark {name!r} (choose from {choices})")
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a benchmark; return 1 if it misses a goal."""
    args = parse(arguments)
    if args.name == "report":
        return report(QUESTIONS, args.run, quick=args.quick)
    began = time.perf_counter()
    result = BENCHMARKS[args.name].run(quick=args.quick)
    words = ["python", "-m", "benchmarks", args.name, *["--quick"] * args.quick]
    summary = result.summarize(shlex.join(words), time.perf_counter() - began)
    print(section(args.name, QUESTIONS[args.name], summary))
    if args.json is not None:
        args.json.write_text(json.dumps(summary, ensure_ascii=False), encoding="utf-8")
    return 0 if all(goal.met for goal in result.goals) else 1


if __name__ == "__main__":
    sys.exit(main())
