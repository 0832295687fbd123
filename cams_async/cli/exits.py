"""How a command ends: its exit code."""

OK = 0

FAILED = 1
"""An error; it is the last line on stderr, or the one before how to go on."""

USAGE = 2
"""An argument, a setting, or a file that one names is unusable. Nothing was done."""

PARTLY = 3
"""All is done, but some rows have failed."""

INTERRUPTED = 130
"""Ctrl-C or SIGTERM."""
