"""Where the time of a call goes: by function, and by layer.

A layer is a module of ours, or a package of others. What is written in C counts for
whoever calls it.
"""

import cProfile
import pstats
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias

Function: TypeAlias = tuple[str, int, str]
"""File, line and name, as pstats has them."""

BUILT_IN = "~"

TOP = 20
MICRO = 1e6

_PLACES = (
    # Also what attrs and cattrs have generated for our classes.
    re.compile(r"\b(cams_async)[./](\w+)"),
    re.compile(r"site-packages/(\w+)"),
    re.compile(r"\b(benchmarks)/"),
    re.compile(r"/(asyncio)/"),
)


def layer(file: str) -> str:
    """Return the layer that a file belongs to."""
    for place in _PLACES:
        if found := place.search(file.replace("\\", "/")):
            return ".".join(found.groups())
    return "standard library"


def summary(profile: cProfile.Profile, calls: int) -> dict[str, Any]:
    """Return microseconds for each call: of the layers, and of the top functions."""
    found: Mapping[Function, Any] = vars(pstats.Stats(profile))["stats"]
    layers: Counter[str] = Counter()
    functions: list[dict[str, Any]] = []
    for function, (_, count, own, _, callers) in found.items():
        file, _, name = function
        if file == BUILT_IN:
            spent = 0.0
            for caller, (*_, part, _) in callers.items():
                layers[layer(caller[0])] += part / calls * MICRO
                spent += part
            # What nobody called was called from where the profile began.
            layers["benchmarks"] += (own - spent) / calls * MICRO
        else:
            layers[layer(file)] += own / calls * MICRO
        where = "built-in" if file == BUILT_IN else layer(file)
        functions.append(
            {
                "where": where,
                "function": name,
                "times": count / calls,
                "own": own / calls * MICRO,
            }
        )
    functions.sort(key=lambda each: -each["own"])
    return {"layers": dict(layers.most_common()), "functions": functions[:TOP]}
