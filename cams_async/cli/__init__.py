"""The command `cams-async`.

`program` parses the command line and runs one of the commands: `demo`, `call` (with
`parameters`), `status` and `watch` (both in `job`), `operations`, `describe` and
`emulator`. They share `options`, the `progress` of a run (`live` on a terminal), the
`report` at its end, and `process`: exit codes, signals and standard streams.
"""

from cams_async.cli.program import main

__all__ = ["main"]
