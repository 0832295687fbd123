"""Answers are read quickly, and once more, thoroughly, where a fault is to be told."""

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cams_async import wire
from cams_async.errors import DecodeError
from cams_async.models import Meta, Response
from cams_async.operations import OPERATIONS, VerificationStatusResponse
from tests.strategies import JSON, TEXT
from tests.test_wire import STATUS, changed, example_of, places

RESPONSES: list[type[Response]] = [each.response() for each in OPERATIONS.values()]
META = Meta(attempts=1, waited=0.0, http_status=200)


def thoroughly(payload: Any, cls: type[Response]) -> Response | str:
    """Return what is read with every step watched, or the path of its fault."""
    try:
        answer: Response = wire._thorough.structure(payload, cls)
    except Exception as error:  # noqa: BLE001 - whatever it is, it has a path
        return wire._fault(error, "$")[0]
    return attrs.evolve(answer, meta=META)


@pytest.mark.parametrize("cls", RESPONSES)
@given(data=st.data())
def test_both_ways_of_reading_agree(cls: type[Response], data: st.DataObject) -> None:
    """The same answer, to the types of its parts, or the same fault."""
    steps = data.draw(st.sampled_from([p for p, _ in places(cls, ()) if p]))
    more = data.draw(st.dictionaries(TEXT, JSON, max_size=2))
    for payload in (
        data.draw(st.dictionaries(TEXT, JSON)),
        {**example_of(cls), **more},
        {**changed(example_of(cls), steps, data.draw(JSON)), **more},
    ):
        expected = thoroughly(payload, cls)
        try:
            actual: Response | str = wire.decode(payload, cls, META)
        except DecodeError as error:
            actual = str(error.path)

        assert expected == actual
        assert repr(expected) == repr(actual)


def test_a_good_answer_is_read_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thoroughness is for what is faulty."""
    monkeypatch.delattr(wire, "_thorough")
    answer = wire.decode({**STATUS, "New": 1}, VerificationStatusResponse)

    assert {"New": 1} == answer.extra


def test_nothing_is_shared_between_answers() -> None:
    """What one caller puts into an answer's extras is not seen by another."""
    one = wire.decode(STATUS, VerificationStatusResponse)
    other = wire.decode(STATUS, VerificationStatusResponse)

    assert one.extra == other.extra
    assert one.extra is not other.extra
