"""`python -m benchmarks NAME`: one module for each benchmark."""

import argparse
import sys
from collections.abc import Sequence

from benchmarks import (
    bulk,
    ceilings,
    decode,
    fleet,
    imports,
    overhead,
    record,
    recording,
    report,
    scaling,
    soak,
    stalls,
    waiting,
)

BENCHMARKS = (
    bulk,
    ceilings,
    decode,
    fleet,
    imports,
    overhead,
    scaling,
    soak,
    stalls,
    waiting,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a benchmark and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = parser.add_subparsers(title="benchmarks", metavar="NAME", required=True)
    for benchmark in BENCHMARKS:
        benchmark.add(names)
    recording.add(names)
    report.add(names, {each.NAME: each.__doc__ or "" for each in BENCHMARKS})
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(arguments)
    record.start(options, arguments)
    code: int = options.run(options)
    return code


if __name__ == "__main__":
    sys.exit(main())
