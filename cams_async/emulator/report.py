"""The emulator's report: calls counted, and ceilings exceeded."""

import json
from typing import Any

from attrs import asdict, frozen

from cams_async.emulator.ceilings import Ledger


@frozen(kw_only=True)
class ActionReport:
    """One account's calls of one action."""

    account: str
    """The access key id of the account's first credentials."""

    action: str
    """The CAMS action."""

    ceiling: float
    """Calls per second that are allowed."""

    arrivals: int
    """Authenticated calls, whether executed or not."""

    executed: int
    """Calls that CAMS executed, business failures included."""

    throttled: int
    """Calls refused by flow control."""

    peak: int
    """The most arrivals in any one second."""

    window: float
    """Seconds that floor(ceiling) + 1 arrivals must span: 1, or 1/ceiling below 1."""

    shortest: float | None
    """The shortest span, in seconds, of floor(ceiling) + 1 arrivals; None before."""

    violations: int
    """Arrivals that ended a span shorter than `window`."""

    first: float | None
    """The first arrival, in seconds since the emulator's start."""

    last: float | None
    """The last arrival, in seconds since the emulator's start."""

    utilization: float
    """The part of the ceiling that was used by calls that were not throttled.

    1 where not one more call was possible between the first arrival and the last,
    both windows included.
    """

    @property
    def held(self) -> bool:
        """Whether the ceiling was kept."""
        return not self.violations


@frozen(kw_only=True)
class Report:
    """The calls that an emulator has counted so far."""

    policy: str
    """The counting policy: "sliding", "calendar" or "bucket"."""

    elapsed: float
    """Seconds since the emulator's start."""

    actions: tuple[ActionReport, ...]
    """Per account and action, sorted; without those never called."""

    @property
    def held(self) -> bool:
        """Whether every ceiling was kept."""
        return all(action.held for action in self.actions)

    def as_dict(self) -> dict[str, Any]:
        """Return plain dicts and lists, `held` included."""
        result: dict[str, Any] = asdict(self)
        for action, entry in zip(self.actions, result["actions"], strict=True):
            entry["held"] = action.held
        result["actions"] = list(result["actions"])
        result["held"] = self.held
        return result

    def as_json(self) -> str:
        """Return `as_dict()` as indented JSON."""
        return json.dumps(self.as_dict(), indent=2)


def action_report(
    account: str, action: str, ledger: Ledger, *, start: float
) -> ActionReport:
    """Return the report of a ledger; `start` is on the ledger's clock."""
    return ActionReport(
        account=account,
        action=action,
        ceiling=ledger.ceiling,
        arrivals=ledger.arrivals,
        executed=ledger.executed,
        throttled=ledger.throttled,
        peak=ledger.peak,
        window=ledger.window,
        shortest=ledger.shortest,
        violations=ledger.violations,
        first=None if ledger.first is None else ledger.first - start,
        last=None if ledger.last is None else ledger.last - start,
        utilization=ledger.utilization,
    )
