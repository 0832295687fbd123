"""The command `cams-async`, as `python -m cams_async`."""

import sys

from cams_async.cli import main

if __name__ == "__main__":
    sys.exit(main())
