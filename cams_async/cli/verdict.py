"""What an emulator has seen of its callers, for people to read."""

import math

from cams_async.cli.table import table
from cams_async.emulator import ActionReport, Report

HEADERS = (
    "action",
    "calls/s allowed",
    "calls",
    "most in 1 s",
    "shortest span of N+1",
    "share used",
    "throttled",
)


def arrivals(report: Report) -> str:
    """Lay out the arrivals of each action, as the emulator counted them."""
    return table(HEADERS, [_row(action) for action in report.actions])


def _row(action: ActionReport) -> list[str]:
    shortest = "-" if action.shortest is None else f"{action.shortest:.3f} s"
    # Downwards: a percentage that is not whole must not look so.
    used = math.floor(action.utilization * 1000) / 10
    return [
        action.action,
        f"{action.ceiling:g}",
        f"{action.arrivals:,}",
        f"{action.peak:,}",
        shortest,
        f"{used:.1f} %",
        f"{action.throttled:,}",
    ]


def conclusion(report: Report) -> str:
    """Say in one sentence whether the ceilings held."""
    exceeded = [action.action for action in report.actions if not action.held]
    if exceeded:
        return f"Exceeded: {', '.join(exceeded)}."
    return "Every ceiling held."
