"""Schedules by seed: each number is another day on another network."""

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeAlias, get_args

from attrs import evolve

from tests.simulation.network import FIRST_TIMEOUT
from tests.simulation.schedule import (
    BackgroundLoad,
    Call,
    Cancel,
    Closing,
    Ending,
    Outage,
    Schedule,
    Stall,
)
from tests.simulation.servers import CalendarSecond, Rule, SlidingWindow, TokenBucket

LATE = 1.0
"""`max_transit`: no copy of a request is counted later than this after it is sent."""

Network: TypeAlias = Callable[[Random, int], Call]
"""Draws a call with its way out and back, given how many came before it."""


def fixed(_: Random, __: int) -> Call:
    """Every packet takes 50 ms."""
    return Call()


def uniform(random: Random, _: int) -> Call:
    """20 to 120 ms each way."""
    return Call(out=random.uniform(0.02, 0.12), back=random.uniform(0.02, 0.12))


def lognormal(random: Random, _: int) -> Call:
    """Around 40 ms each way, with a long tail that ends at `max_transit`."""
    out, back = (min(LATE, random.lognormvariate(-3.2, 0.6)) for _ in "ab")
    return Call(out=out, back=back)


def cold_start(random: Random, before: int) -> Call:
    """The first calls need new connections, and so does each 50th later on."""
    call = Call(out=random.uniform(0.02, 0.04), back=random.uniform(0.02, 0.12))
    if before < 10 or random.random() < 0.02:
        return evolve(call, connect=random.uniform(0.1, 0.3), out=call.out + 0.25)
    return call


def spikes(random: Random, _: int) -> Call:
    """25 ms each way, but one packet in twenty is held up."""
    out, back = (
        0.025 + (random.uniform(0.2, 0.9) if random.random() < 0.05 else 0.0)
        for _ in "ab"
    )
    return Call(out=out, back=back)


def extremes(random: Random, _: int) -> Call:
    """At once, or as late as `max_transit` allows, on either side of the server."""
    out = random.choice([0.0, LATE])
    inside = random.choice([0.0, LATE - out])
    return Call(out=out, inside=inside, back=random.choice([0.0, 0.01, 1.5]))


def slow(random: Random, before: int) -> Call:
    """As uniform, but every fourth response takes 3 or 5 seconds."""
    work = random.choice([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 5.0])
    return evolve(uniform(random, before), work=work)


def bodies(random: Random, before: int) -> Call:
    """As uniform, but the body of a response comes later than its headers."""
    return evolve(uniform(random, before), body=random.choice([0.0, 0.3, 2.5]))


def lossy(random: Random, before: int) -> Call:
    """As uniform, but on two connections in five, packets are lost for a while."""
    held = random.choice([0.0, 0.0, 0.0, 0.2, random.uniform(1.0, 3.0)])
    return evolve(uniform(random, before), held=held)


def held_up(random: Random, before: int) -> Call:
    """As uniform, but one request in five is on its way for longer than that."""
    call = uniform(random, before)
    return evolve(call, out=call.out + random.choice([0.0, 0.0, 0.0, 0.0, 2.0]))


def counted_late(random: Random, before: int) -> Call:
    """As uniform, but one request in five is counted 2 s after it is acknowledged."""
    inside = random.choice([0.0, 0.0, 0.0, 0.0, 2.0])
    return evolve(uniform(random, before), inside=inside)


NETWORKS: tuple[Network, ...] = (
    fixed,
    uniform,
    lognormal,
    cold_start,
    spikes,
    extremes,
    slow,
    bodies,
)

FLICKERING: tuple[Network, ...] = (uniform, slow)

CEILINGS = (10.0, 10.0, 5.0, 5.0, 1.0, 2.0, 2.5, 0.5, 20.0, 50.0)

ENDINGS: tuple[Ending, ...] = get_args(Ending)

RULES: tuple[Rule, ...] = (
    SlidingWindow(),
    SlidingWindow(counts_refused=True),
    CalendarSecond(),
    CalendarSecond(phase=0.37),
    TokenBucket(),
    TokenBucket(share=0.5),
)


def draw(seed: int, networks: Sequence[Network] = NETWORKS) -> Schedule:
    """Return the schedule of this number, on a link that is never down."""
    random = Random(seed)
    ceiling, network = random.choice(CEILINGS), random.choice(networks)
    count = random.randint(1, max(8, min(80, math.ceil(8 * ceiling))))
    # Some days are calm, on others a lot goes wrong.
    faults = random.choice([0.0, 0.05, 0.3])
    begin = random.choice([_at_once, _spread, _waves])(random, count / ceiling)
    calls = tuple(
        _with_trouble(
            evolve(
                network(random, number),
                at=begin(),
                client=random.randrange(3),
                account=int(random.random() < 0.1),
            ),
            random,
            faults,
        )
        for number in range(count)
    )
    duration = 1.2 * count / ceiling + 2.0
    return Schedule(
        name=f"seed {seed}: {network.__name__}",
        ceiling=ceiling,
        calls=calls,
        rule=random.choice(RULES),
        retry_after=random.choice([None, None, 0.2, 3.0]),
        background_load=_tenant(random, ceiling, duration)
        if random.random() < 0.3
        else None,
        stalls=tuple(
            Stall(at=random.uniform(0, duration), seconds=random.uniform(0.01, 2.5))
            for _ in range(random.choice([0, 0, 0, 1, 3]))
        ),
        closings=(
            (Closing(at=random.uniform(0, duration), client=1),)
            if random.random() < 0.1
            else ()
        ),
        patience=random.choice([0.3, 3.0, 3.0]),
    )


def flicker(seed: int) -> Schedule:
    """Return the schedule of this number, on a link that fails."""
    random = Random(f"flicker {seed}")
    lossless = random.random() < 0.7
    networks = FLICKERING if lossless else [lossy]
    if random.random() < 0.5:
        schedule = draw(seed, NETWORKS if lossless else networks)
    else:
        schedule = _saturated(random, random.choice(networks))
    duration = 0.8 * len(schedule.calls) / schedule.ceiling
    outage = Outage(
        at=random.uniform(0, duration),
        seconds=random.choice([1.5, 3.0, 6.0, 12.0, random.uniform(1.5, 12.0)]),
        one_way=random.random() < 0.5,
    )
    return within_assumption(
        evolve(
            schedule,
            name=f"flicker {seed}: {schedule.name}",
            outages=(outage,) if lossless or random.random() < 0.3 else (),
            acknowledges=not lossless or random.random() < 0.5,
            patience=random.choice([3.0, 10.0, 30.0]),
        )
    )


def _saturated(random: Random, network: Network) -> Schedule:
    ceiling = random.choice([2.0, 5.0, 10.0, 10.0])
    count = int(ceiling * random.choice([4, 6, 8]))
    calls = tuple(network(random, number) for number in range(count))
    return Schedule(name=network.__name__, ceiling=ceiling, calls=calls)


def within_assumption(schedule: Schedule) -> Schedule:
    """Return the schedule with nothing in it that the throttle does not promise for.

    A request that is acknowledged within `max_transit` is counted within it. Where no
    acknowledgements are shown, connections share a fate, and `max_transit` includes the
    time-out after which a kernel sends again.
    """
    calls = schedule.calls
    if schedule.outages:
        calls = tuple(_counted_at_once(call) for call in calls)
    else:
        calls = tuple(_counted_at_once(call) if call.held else call for call in calls)
    if not schedule.acknowledges:
        calls = tuple(_sooner(call) for call in calls)
    return evolve(schedule, calls=calls)


def _counted_at_once(call: Call) -> Call:
    out = min(call.out, call.back) if call.is_answered_early else call.out
    return evolve(call, out=out, inside=0.0)


def _sooner(call: Call) -> Call:
    most = LATE - FIRST_TIMEOUT
    out = min(call.out, most)
    return evolve(call, held=0.0, out=out, inside=min(call.inside, most - out))


def _at_once(_: Random, __: float) -> Callable[[], float]:
    return lambda: 0.0


def _spread(random: Random, duration: float) -> Callable[[], float]:
    return lambda: random.uniform(0, duration)


def _waves(random: Random, duration: float) -> Callable[[], float]:
    return lambda: random.choice([0.0, 0.3 * duration, 0.8 * duration])


def _tenant(random: Random, ceiling: float, duration: float) -> BackgroundLoad:
    start = random.uniform(0, duration / 2)
    return BackgroundLoad(start=start, stop=start + duration / 3, rate=ceiling / 2)


def _with_trouble(call: Call, random: Random, faults: float) -> Call:
    if random.random() < faults:
        endings = [each for each in ENDINGS if each != "answer"]
        call = evolve(call, ending=random.choice(endings))
    if random.random() < faults:
        call = evolve(call, cancel=_cancel(random))
    if random.random() < faults:
        call = evolve(call, deadline=random.choice([0.05, 0.5, 2.0, 8.0]))
    return call


def _cancel(random: Random) -> Cancel:
    return random.choice(
        [
            Cancel("asked", random.uniform(0, 6)),
            Cancel("asked"),
            Cancel("granted"),
            Cancel("sent"),
            Cancel("sent", random.uniform(0, 0.2)),
            Cancel("sent", random.uniform(0, 2.0)),
            Cancel("woken"),
            Cancel("woken", nth=2),
            Cancel("neighbour woken"),
            Cancel("neighbour woken", nth=2),
        ]
    )
