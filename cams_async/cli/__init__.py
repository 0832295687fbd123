"""The command `cams-async`: one module for each of its commands.

What the commands share: `options` that they take, `signals` and `exits` that end them,
`table` and `progress` that they print, and `verdict`, what an emulator says of its
callers. `status` and `watch` are one `job`: it counts in a `tally`, which a `display`
shows as lines or as a `bar`, and ends with a `summary`. What is said to people goes to
`stderr`. `program` puts them together.
"""

from cams_async.cli.program import main

__all__ = ["main"]
