"""Schedules for hypothesis, which looks for the smallest one that fails.

All times are multiples of 10 ms, so that many things happen in the same moment.
"""

from typing import get_args

from hypothesis import strategies as st

from tests.simulation.schedule import (
    BackgroundLoad,
    Call,
    Cancel,
    Closing,
    Ending,
    Moment,
    Outage,
    Schedule,
    Stall,
)
from tests.simulation.seeds import within_assumption
from tests.simulation.servers import CalendarSecond, SlidingWindow, TokenBucket

MOMENTS: tuple[Moment, ...] = get_args(Moment)
ENDINGS: tuple[Ending, ...] = get_args(Ending)


def seconds(most: float) -> st.SearchStrategy[float]:
    """Times from 0, in steps of 10 ms."""
    return st.integers(0, round(most * 100)).map(lambda hundredths: hundredths / 100)


def cancels() -> st.SearchStrategy[Cancel]:
    """A caller gives up, sooner or later."""
    return st.builds(
        Cancel,
        when=st.sampled_from(MOMENTS),
        after=seconds(3),
        nth=st.integers(1, 2),
    )


def calls(max_transit: float) -> st.SearchStrategy[Call]:
    """One call, whose request reaches the server within `late` of its send."""
    return st.builds(
        Call,
        at=seconds(4),
        connect=seconds(0.5),
        held=st.just(0.0) | seconds(3),
        out=seconds(max_transit),
        work=st.just(0.0) | seconds(5),
        body=seconds(0.5),
        back=seconds(1.5),
        ending=st.sampled_from(ENDINGS),
        cancel=st.none() | cancels(),
        deadline=st.none() | seconds(5),
        client=st.integers(0, 1),
        account=st.integers(0, 1),
    )


def schedules(max_transit: float = 1.0) -> st.SearchStrategy[Schedule]:
    """Any schedule in which no request is later than `late`."""
    return st.builds(
        Schedule,
        ceiling=st.sampled_from([1.0, 2.0, 3.0, 5.0, 2.5, 0.5]),
        calls=st.lists(calls(max_transit), min_size=1, max_size=25).map(tuple),
        rule=st.sampled_from(
            [
                SlidingWindow(),
                SlidingWindow(counts_refused=True),
                CalendarSecond(),
                TokenBucket(share=0.5),
            ]
        ),
        retry_after=st.none() | seconds(3),
        background_load=st.none()
        | st.builds(
            BackgroundLoad,
            start=seconds(1),
            stop=seconds(4),
            rate=st.sampled_from([0.5, 2.0]),
        ),
        stalls=st.lists(
            st.builds(Stall, at=seconds(5), seconds=seconds(2)), max_size=2
        ).map(tuple),
        closings=st.lists(
            st.builds(Closing, at=seconds(4), client=st.integers(0, 1)), max_size=1
        ).map(tuple),
        outages=st.lists(
            st.builds(Outage, at=seconds(4), seconds=seconds(6), one_way=st.booleans()),
            max_size=2,
        ).map(tuple),
        acknowledges=st.booleans(),
        patience=st.sampled_from([3.0, 0.3, 30.0]),
    ).map(within_assumption)
