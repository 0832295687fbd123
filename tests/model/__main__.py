"""Search worlds or find mistakes: `python -m tests.model [--most N] [NAME ...]`.

A name is that of a world or of a mistake; without any, all worlds are searched. It
takes minutes to hours, and some gigabytes, without `--most`. Each line is the number of
states, and whether these are all. A violation is printed with the call of `replay` that
repeats it, to be pasted into a test.
"""

import argparse
import sys
from contextlib import nullcontext

from tests.model.mutants import MUTANTS
from tests.model.search import as_code, search, walk
from tests.model.worlds import WHOLE, WORLDS


def main(arguments: list[str]) -> int:
    """Search, and print what was found; 1 where a property does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--most", type=int, help="states to visit in each world")
    parser.add_argument(
        "--whole", action="store_true", help="search the smaller worlds to their ends"
    )
    parsed = parser.parse_args(arguments)
    found = False
    for name in parsed.names or WORLDS:
        mutant = MUTANTS.get(name)
        options = WORLDS[name] if mutant is None else mutant.options
        with nullcontext() if mutant is None else mutant.applied():
            if mutant is not None and mutant.walks:
                result = walk(options, range(mutant.walks))
            else:
                whole = parsed.whole and name in WHOLE
                result = search(options, most=None if whole else parsed.most)
        lines = [f"{name}: {result}"]
        if result.violation is not None:
            found = True
            lines.append(as_code(options, result.schedule))
        sys.stdout.write("\n".join([*lines, ""]))
        sys.stdout.flush()
    return int(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
