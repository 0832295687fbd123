"""`python -m cams_async` is the command `cams-async`."""

import sys

from cams_async.cli import main

if __name__ == "__main__":
    sys.exit(main())
