"""The command `cams-async`: one module for each of its commands.

What the commands share: `options` they take, `table` and `progress` that they print,
and `verdict`, what an emulator says of its callers. `program` puts them together.
"""

from cams_async.cli.program import main

__all__ = ["main"]
