"""`python -m benchmarks NAME`: one module for each benchmark."""

import argparse
import sys
from collections.abc import Sequence

from benchmarks import ceilings, waiting

BENCHMARKS = (ceilings, waiting)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a benchmark and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = parser.add_subparsers(title="benchmarks", metavar="NAME", required=True)
    for benchmark in BENCHMARKS:
        benchmark.add(names)
    options = parser.parse_args(arguments)
    code: int = options.run(options)
    return code


if __name__ == "__main__":
    sys.exit(main())
