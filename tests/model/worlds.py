"""The worlds that are searched: each kind of move by itself, and all of them."""

from tests.model.parts import Options

WORLDS: dict[str, Options] = {
    # One lease, two calls
    "basic": Options(),
    "evidence": Options(evidence=True),
    "evidence by responses": Options(blind=True),
    "refusals": Options(refusals=True),
    "deadlines": Options(deadline=1.0),
    "fork": Options(fork=True),
    "stalls": Options(stops=True),
    "passing over": Options(loops=2, stops=True),
    "closes": Options(closes=True),
    "evidence, refusals": Options(evidence=True, refusals=True),
    "evidence, stalls": Options(evidence=True, stops=True),
    "evidence, passing over": Options(evidence=True, loops=2, stops=True),
    "evidence, closes": Options(evidence=True, closes=True),
    "all moves": Options(
        evidence=True, refusals=True, stops=True, closes=True, fork=True, deadline=1.0
    ),
    # Other ceilings
    "one call in two seconds": Options(qps=0.5, evidence=True),
    "three calls in two seconds": Options(qps=1.5, refusals=True),
    # Two leases, two or three calls
    "all moves, two leases": Options(
        qps=2.0,
        evidence=True,
        refusals=True,
        stops=True,
        closes=True,
        fork=True,
        deadline=1.0,
    ),
    "three calls": Options(qps=2.0, calls=3),
    "three calls, evidence": Options(qps=2.0, calls=3, evidence=True),
    "three calls, evidence by responses": Options(qps=2.0, calls=3, blind=True),
    "three calls, refusals": Options(qps=2.0, calls=3, refusals=True),
    "three calls, deadlines": Options(qps=2.0, calls=3, deadline=1.0),
    "three calls, fork": Options(qps=2.0, calls=3, fork=True),
    "three calls, stalls": Options(qps=2.0, calls=3, stops=True),
    "three calls, passing over": Options(qps=2.0, calls=3, loops=2, stops=True),
    "three calls, closes": Options(qps=2.0, calls=3, closes=True),
    "three calls, evidence, passing over": Options(
        qps=2.0, calls=3, loops=2, stops=True, evidence=True
    ),
}
"""By name, the worlds."""

WHOLE: list[str] = [
    "basic",
    "evidence",
    "evidence by responses",
    "refusals",
    "deadlines",
    "fork",
    "stalls",
    "closes",
    "evidence, refusals",
    "evidence, stalls",
    "evidence, closes",
    "one call in two seconds",
    "three calls",
    "three calls, deadlines",
    "three calls, fork",
]
"""The worlds that are searched to their ends at night: up to 150,000 states."""

LARGE: dict[str, Options] = {
    f"qps={qps:g}, {calls} calls, {loops} loops": Options(
        qps=qps,
        calls=calls,
        loops=loops,
        evidence=True,
        refusals=True,
        stops=True,
        closes=True,
        fork=True,
        deadline=1.0,
        timeout=3.0,
    )
    for qps, calls, loops in ((0.5, 4, 2), (1.0, 4, 3), (3.0, 6, 2), (5.0, 8, 3))
}
"""Worlds that are far too large to search: only walks explore them."""
