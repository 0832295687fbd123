"""The arguments and the reply of `step.lua`."""

from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from json import dumps
from typing import Any, Literal, TypeAlias

from attrs import frozen

from cams_async.models import Scope

SCRIPT = files("cams_async.redis").joinpath("step.lua").read_text("utf-8")
"""The script. Its comments document its arguments and its reply."""

SECOND = 1_000_000
"""Redis counts in microseconds."""

Kind: TypeAlias = Literal["answered", "sent", "unused", "keep", "refused", "pause"]


@frozen
class News:
    """An event of a call."""

    kind: Kind
    call: str
    at: float
    """Time of the event, in the loop's time."""

    seconds: float = 0.0
    """Seconds of a pause."""

    def tell(self, now: float) -> list[str | int]:
        """Return the event with its age, as only the clock of Redis counts there."""
        age = max(0, _microseconds(now - self.at))
        return [self.kind, self.call, age, _microseconds(self.seconds)]


@frozen(kw_only=True)
class Terms:
    """The settings of a worker in a scope. Times are in seconds."""

    worker: str
    ceiling: float
    margin: float
    max_transit: float
    grace: float


@frozen(kw_only=True)
class Step:
    """One call of the script."""

    terms: Terms
    call: str = ""
    """The name of the requested slot; empty to request none."""

    more: bool = False
    """Whether others wait behind that call."""

    distrusted: int = 0
    """Books as old as this are void."""

    news: Sequence[News] = ()

    def arguments(self, now: float) -> list[str | int | float]:
        """Return the script's arguments, but for the first two."""
        told = [word for each in self.news for word in each.tell(now)]
        terms = self.terms
        return [
            terms.worker,
            self.call,
            int(self.more),
            repr(float(terms.ceiling)),
            _microseconds(terms.margin),
            _microseconds(terms.max_transit),
            _microseconds(terms.grace),
            self.distrusted,
            *told,
        ]


@frozen(kw_only=True)
class Reply:
    """The reply. Times are in seconds, except those of the clock of Redis."""

    granted: bool
    rest: float | None
    """Seconds until the next call makes sense; None where no call waits."""

    wait: float
    """Seconds until the next permit, at the earliest."""

    now: int
    """The moment of the answer, in microseconds of Redis's clock."""

    born: int
    """Start of the books, in microseconds."""

    limit: float
    paused_for: float
    workers: int
    """The number of workers that wait."""

    ceiling: float
    """The lowest that any worker goes by."""

    lost: frozenset[str]
    """The calls to extend whose slots no longer exist."""

    @classmethod
    def read(cls, response: Sequence[Any]) -> "Reply":
        """Take apart what the script returns."""
        granted, rest, wait, now, born, limit, pause, workers, ceiling, lost = response
        return cls(
            granted=bool(granted),
            rest=None if rest < 0 else rest / SECOND,
            wait=max(0, wait) / SECOND,
            now=now,
            born=born,
            limit=float(limit),
            paused_for=pause / SECOND,
            workers=workers,
            ceiling=float(ceiling),
            lost=frozenset(call.decode() for call in lost),
        )


def keys(scope: Scope) -> list[str]:
    """Return the names of a scope's keys, all in one slot of a cluster.

    An account's name may hold anything, so that only a digest is unambiguous.
    """
    whole = dumps([scope.account, scope.region, scope.action])
    tag = sha256(whole.encode()).hexdigest()[:32]
    return [f"cams:{{{tag}}}:{part}" for part in ("slots", "line", "due", "state")]


def _microseconds(seconds: float) -> int:
    return int(seconds * SECOND)  # a shorter age frees nothing early
