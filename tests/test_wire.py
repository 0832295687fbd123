"""JSON in, typed values out, and back; what does not fit is an error with a path."""

import functools
import json
import pickle
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType, NoneType
from typing import Any, Literal, cast, get_args, get_origin

import attrs
import pytest
from cattrs import Converter
from hypothesis import given
from hypothesis import strategies as st

from cams_async import responses, wire
from cams_async.credentials import Credentials
from cams_async.endpoints import parse_endpoint
from cams_async.errors import DecodeError, InvalidOperation
from cams_async.models import CodeVerificationStatus, Meta, Record, Response
from cams_async.operations import (
    OPERATIONS,
    CallHours,
    ChatappMigrationVerified,
    ChatappSyncPhoneNumber,
    Operation,
    PhoneNumber,
    PhoneNumbersResponse,
    PhoneNumberStatus,
    UpdatePhoneMessageQrdl,
    VerificationStatusResponse,
)
from cams_async.operations.catalogue import secret_parameters
from cams_async.operations.fields import WIRE, parts_of, pascal_case, wire_name
from cams_async.parsing import parse_response
from cams_async.protocol import (
    Call,
    HttpResponse,
    build_request,
    call_of,
)
from cams_async.secret import MASK, Secret
from cams_async.signing import reveal
from tests.strategies import JSON, OPERATION, TEXT, records

RESPONSES: list[type[Response]] = list(
    dict.fromkeys(each.response() for each in OPERATIONS.values())
)

STATUS: dict[str, Any] = {
    "RequestId": "1",
    "Code": "OK",
    "Data": {"CodeVerificationStatus": "VERIFIED"},
}

# Values that a field of a response may have, and values that it may not


def members(kind: Any) -> list[Any]:
    """Return the kinds that a field may have, None left out."""
    return [each for each in parts_of(kind)[0] if each is not NoneType]


def is_list(kind: Any) -> bool:
    """Return whether the first kind of a field is a list."""
    return get_origin(members(kind)[0]) in (tuple, Sequence)


def example_of(kind: Any) -> Any:
    """Return JSON of a kind, with every field that there can be."""
    first: Any = members(kind)[0]
    if is_list(kind):
        return [example_of(get_args(first)[0]), example_of(get_args(first)[0])]
    if isinstance(first, type) and issubclass(first, Record):
        return {wire_name(a): example_of(a.type) for a in fields_of(first)}
    if isinstance(first, type) and issubclass(first, StrEnum):
        return next(iter(first)).value
    if get_origin(first) is Literal:
        return get_args(first)[0]
    # A secret is encoded as its mask.
    plain: dict[Any, Any] = {
        str: "text",
        bool: True,
        int: 7,
        Secret: MASK,
        Mapping: {"Key": "text"},
    }
    return plain[cast("Any", get_origin(first)) or first]


def fields_of(cls: type[Record]) -> "list[attrs.Attribute[Any]]":
    """Return what of a record stands on the wire."""
    return [a for a in attrs.fields(cls) if a.name not in {"extra", "meta"}]


def places(kind: Any, path: tuple[str | int, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield each place of a kind's example: the steps to it, and its kind."""
    yield path, kind
    first = members(kind)[0]
    if is_list(kind):
        yield from places(get_args(first)[0], (*path, 1))
    elif isinstance(first, type) and issubclass(first, Record):
        for a in fields_of(first):
            yield from places(a.type, (*path, wire_name(a)))


def told(path: tuple[str | int, ...]) -> str:
    """Return a path as errors show it."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(["$", *steps])


def expected_of(kind: Any) -> str:
    """Return a type as errors show it."""
    first = members(kind)[0]
    if members(kind) == [str, int]:
        return "a string or a whole number"
    if get_origin(first) is Mapping:
        return "an object"
    if is_list(kind):
        return "an array"
    if isinstance(first, type) and issubclass(first, Record):
        return "an object"
    if Mapping in [get_origin(each) for each in members(kind)]:
        return "a string or an object"
    names: dict[Any, str] = {bool: "true or false", int: "a whole number"}
    return names.get(first, "a string")


def fits(kind: Any, value: object) -> bool:
    """Whether JSON may stand where a kind is documented."""
    if value is None:
        return True
    return {
        "a string or a whole number": type(value) in (str, int),
        "a string or an object": isinstance(value, str | dict),
        "an array": isinstance(value, list),
        "an object": isinstance(value, dict),
        "true or false": isinstance(value, bool),
        "a whole number": type(value) is int,
        "a string": isinstance(value, str),
    }[expected_of(kind)]


def required(cls: type[Record], path: tuple[str | int, ...]) -> bool:
    """Return whether the value at a path is required."""
    kind: Any = cls
    for step in path:
        if isinstance(step, str):
            field = next(a for a in fields_of(kind) if wire_name(a) == step)
            if field.default is not attrs.NOTHING:
                return False
            kind = members(field.type)[0]
        else:
            kind = members(get_args(kind)[0])[0]
    return True


EACH = pytest.mark.parametrize("cls", RESPONSES, ids=lambda cls: cls.__name__)
VALUES: list[Any] = [None, "text", "", 1, 0, 1.5, True, False, [], [[]], {}]


def changed(payload: Any, path: tuple[str | int, ...], value: object) -> Any:
    """Return a payload with another value at one place."""
    copied = json.loads(json.dumps(payload))
    place = copied
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copied


# Names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("code", "Code"),
        ("cust_space_id", "CustSpaceId"),
        ("qrdl_code", "QrdlCode"),
        ("up_callback_url", "UpCallbackUrl"),
        ("id", "Id"),
        ("json_version", "JsonVersion"),
        ("tier_1k", "Tier1k"),
    ],
)
def test_names_are_in_pascal_case_on_the_wire(name: str, expected: str) -> None:
    """Each word begins with a capital, and nothing else changes."""
    assert expected == pascal_case(name)


def test_a_field_can_say_its_own_name() -> None:
    """Two fields of the vendor's do not follow the rule."""

    @attrs.frozen(kw_only=True)
    class Odd(Operation[VerificationStatusResponse]):
        """An operation with an odd field."""

        json_version: str = attrs.field(metadata={WIRE: "JSONVersion"})
        plain_name: str

    operation = Odd(json_version="v", plain_name="p")

    assert wire.parameters(operation) == {"JSONVersion": "v", "PlainName": "p"}


@pytest.mark.parametrize("action", OPERATIONS)
def test_what_an_operation_marks_secret_is_secret_by_its_name(action: str) -> None:
    """So that `call()` masks it as well."""
    operation = OPERATIONS[action]
    names = {
        wire_name(field)
        for field in attrs.fields(operation)
        if Secret in parts_of(field.type)[0]
    }
    all_names = {wire_name(field) for field in attrs.fields(operation)}

    assert names == secret_parameters(action) & all_names


def test_a_secret_of_an_own_operation_stays_out_of_the_url() -> None:
    """Its annotation is enough; a partner's code is masked only."""

    @attrs.frozen(kw_only=True)
    class Own(Operation[Response]):
        """An operation that is not of this package."""

        pass_word: str | Secret
        isv_code: str | Secret

    call = call_of(Own(pass_word="p", isv_code="i"))

    assert call.secrets == (Secret("p"), Secret("i"))
    assert call.confidential
    assert not attrs.evolve(call, parameters={"IsvCode": Secret("i")}).confidential


# Requests


@given(OPERATION)
def test_parameters_are_the_fields_that_are_set(operation: Operation[Any]) -> None:
    """Each under its wire name, verbatim; what is None is left out."""
    fields = attrs.asdict(operation)
    expected = {
        pascal_case(name): value for name, value in fields.items() if value is not None
    }
    actual = wire.parameters(operation)

    assert expected == actual
    assert {type(value) for value in actual.values()} <= {str, Secret}


def test_parameters_of_each_kind_are_made_anew() -> None:
    """The names are remembered by class, the values are not."""
    first = wire.parameters(ChatappSyncPhoneNumber(cust_space_id="one"))
    second = wire.parameters(ChatappSyncPhoneNumber(cust_space_id="two"))

    assert (first, second) == ({"CustSpaceId": "one"}, {"CustSpaceId": "two"})


class Colour(str, Enum):  # noqa: UP042 - as callers still write them
    """An enum of the kind that `str()` shows as `Colour.RED`."""

    RED = "red"


class Number(IntEnum):
    """An enum of numbers."""

    ONE = 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        ("", ""),
        ("\u65e0 \U0001f600", "\u65e0 \U0001f600"),
        (CodeVerificationStatus.VERIFIED, "VERIFIED"),
        (Colour.RED, "red"),
        (Number.ONE, "1"),
        (5, "5"),
        (1.5, "1.5"),
        (True, "true"),
        (None, "null"),
        ([1, "\u65e0"], '[1,"\u65e0"]'),
        ({"Type": Colour.RED, "A b": ", "}, '{"Type":"red","A b":", "}'),
        ((1, 2), "[1,2]"),
        ([MappingProxyType({"A": (1,)})], '[{"A":[1]}]'),
    ],
)
def test_nested_values_travel_as_json_text(value: object, expected: str) -> None:
    """Text is sent as it is, anything else as its JSON."""
    actual = wire.as_text("Name", value)

    assert expected == actual
    assert type(actual) is str


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)
DEEP = functools.reduce(lambda inner, _: [inner], range(100_000), list[Any]())


@pytest.mark.parametrize(
    "value",
    [b"bytes", {1, 2}, object(), float("nan"), [float("inf")], CIRCLE, DEEP, {(): 1}],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_json_form_is_refused(value: object) -> None:
    """By the name of the parameter, without its value."""
    with pytest.raises(InvalidOperation) as caught:
        wire.as_text("Components", value)

    assert str(caught.value) == "Components must be a value with a JSON form"
    assert caught.value.field == "Components"
    assert caught.value.expected == "a value with a JSON form"


@pytest.mark.parametrize("value", ["\ud800", ["\udfff"]])
def test_half_a_character_is_refused(value: object) -> None:
    """UTF-8 has no form for it."""
    with pytest.raises(InvalidOperation, match="Name must be") as caught:
        wire.as_text("Name", value, action="X")

    assert caught.value.field == "Name"
    assert caught.value.action == "X"


def test_an_operation_with_half_a_character_is_refused_with_its_action() -> None:
    """As any other bad field is."""
    operation = ChatappSyncPhoneNumber(cust_space_id="a\ud83d")

    with pytest.raises(InvalidOperation) as caught:
        wire.parameters(operation)

    assert caught.value.action == "ChatappSyncPhoneNumber"
    assert caught.value.field == "CustSpaceId"
    assert caught.value.expected == "valid Unicode"


@given(JSON)
def test_a_nested_value_arrives_as_it_was(value: object) -> None:
    """The server reads from the text what was meant."""
    text = reveal(wire.as_text("Name", value))

    assert value == (value if isinstance(value, str) else json.loads(text))
    assert not isinstance(value, str) or value == text


# Responses, as documented


@given(data=st.data())
def test_what_was_encoded_decodes_to_the_same(data: st.DataObject) -> None:
    """Through real JSON text, unknown fields included."""
    cls = data.draw(st.sampled_from(RESPONSES))
    response = data.draw(records(cls))
    payload = json.loads(json.dumps(responses.encode(response)))

    assert response == responses.decode(payload, cls)
    assert payload == responses.encode(responses.decode(payload, cls))


@EACH
def test_an_answer_with_every_field_is_read_to_the_last(cls: type[Response]) -> None:
    """Nothing of it is unknown, and nothing of it is lost."""
    payload = example_of(cls)
    response = responses.decode(payload, cls)

    assert payload == responses.encode(response)
    assert not [record for record in parts(response) if record.extra]


def parts(value: object) -> Iterator[Record]:
    """Yield each record of a response, itself included."""
    if isinstance(value, Record):
        yield value
        for a in fields_of(type(value)):
            yield from parts(getattr(value, a.name))
    elif isinstance(value, tuple):
        for item in cast("tuple[object, ...]", value):
            yield from parts(item)


@EACH
def test_unknown_fields_are_kept_at_every_depth(cls: type[Response]) -> None:
    """The vendor adds fields; a caller gets at them before this package does."""
    unknown = {"Extra": 1, "Meta": [None], "data": {"Code": "x"}, "": "empty"}

    def added(value: Any) -> Any:
        if isinstance(value, list):
            return [added(item) for item in cast("list[object]", value)]
        if isinstance(value, dict):
            inner = cast("dict[str, object]", value)
            return {**{name: added(inner[name]) for name in inner}, **unknown}
        return value

    payload = added(example_of(cls))
    response = responses.decode(payload, cls)

    assert [unknown for _ in parts(response)] == [r.extra for r in parts(response)]
    assert payload == responses.encode(response)


def test_known_enum_values_become_members() -> None:
    """A caller can compare with either."""
    status = responses.decode(STATUS, VerificationStatusResponse).data

    assert status.code_verification_status is CodeVerificationStatus.VERIFIED


@pytest.mark.parametrize("value", ["", "verified", "SOMETHING_NEW", "None"])
def test_unknown_enum_values_pass_as_text(value: str) -> None:
    """The vendor's lists contradict each other."""
    payload = {**STATUS, "Data": {"CodeVerificationStatus": value}}
    status = responses.decode(payload, VerificationStatusResponse).data

    assert value == status.code_verification_status
    assert type(status.code_verification_status) is str
    assert payload == responses.encode(
        responses.decode(payload, VerificationStatusResponse)
    )


def test_an_optional_enum_is_open_too() -> None:
    """A member, another word, or nothing."""
    one = {"PhoneNumber": "1"}
    payload = {
        **STATUS,
        "PhoneNumbers": [
            {**one, "Status": "PENDING"},
            {**one, "Status": "NEW"},
            {**one, "Status": None},
            one,
        ],
    }
    numbers = responses.decode(payload, PhoneNumbersResponse).phone_numbers

    assert [PhoneNumberStatus.PENDING, "NEW", None, None] == [
        number.status for number in numbers
    ]


def test_values_pass_verbatim() -> None:
    """Placeholder words, masked numbers and line ends are the vendor's."""
    payload = {
        "RequestId": "90E63D28-E31D-1EB2-8939-A94866411B2O\n",
        "Code": "OK",
        "Message": "None",
        "AccessDeniedDetail": "\u65e0",
        "PhoneNumbers": [{"PhoneNumber": "86138****", "UpCallbackUrl": "https://x\n"}],
    }
    response = responses.decode(payload, PhoneNumbersResponse)

    assert response.request_id == payload["RequestId"]
    assert response.message == "None"
    assert response.access_denied_detail == "\u65e0"
    assert response.phone_numbers == (
        PhoneNumber(phone_number="86138****", up_callback_url="https://x\n"),
    )


@pytest.mark.parametrize("detail", ["None", "", {}, {"PolicyType": "Ram", "Deep": [1]}])
def test_the_detail_of_a_denial_is_a_text_or_an_object(detail: object) -> None:
    """The five pages document text; the gateway sends objects."""
    payload = {**STATUS, "AccessDeniedDetail": detail}
    response = responses.decode(payload, VerificationStatusResponse)

    assert detail == response.access_denied_detail
    assert payload == responses.encode(response)


def test_null_is_as_good_as_absent_where_a_field_is_optional() -> None:
    """Both are None, and neither is written."""
    null = {**STATUS, "Message": None, "AccessDeniedDetail": None}
    response = responses.decode(null, VerificationStatusResponse)

    assert response.message is None
    assert response == responses.decode(STATUS, VerificationStatusResponse)
    assert responses.encode(response) == STATUS


def test_how_the_call_went_is_handed_through() -> None:
    """It never stands on the wire."""
    meta = Meta(attempts=2, waited=0.5, http_status=200)
    response = responses.decode(STATUS, VerificationStatusResponse, meta)

    assert response.meta is meta
    assert responses.encode(response) == STATUS
    assert responses.decode(STATUS, VerificationStatusResponse).meta is None


def test_nothing_is_shared_between_responses() -> None:
    """The extras of one are not seen in another."""
    one = responses.decode(STATUS, VerificationStatusResponse)
    other = responses.decode(STATUS, VerificationStatusResponse)

    assert one.extra == other.extra
    assert one.extra is not other.extra


def test_the_payload_is_left_as_it_was() -> None:
    """A caller may still look at it."""
    payload = {**STATUS, "New": {"a": 1}}
    before = json.dumps(payload)
    responses.decode(payload, VerificationStatusResponse)

    assert before == json.dumps(payload)


# Responses of another shape


def misfits(cls: type[Response]) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    """Yield each place of a response with values that do not fit there."""
    for path, kind in places(cls, ()):
        # A secret of another type is an error wherever it is.
        for value in VALUES if path and not responses.holds_secret(kind) else ():
            if not fits(kind, value):
                yield path, kind, value


@EACH
def test_a_required_value_of_a_wrong_type_is_told_with_its_path(
    cls: type[Response],
) -> None:
    """At every path of every response, for every type that JSON has."""
    for path, kind, value in misfits(cls):
        if required(cls, path):
            with pytest.raises(DecodeError) as caught:
                responses.decode(changed(example_of(cls), path, value), cls)

            assert told(path) == caught.value.path
            assert str(caught.value) == f"{told(path)} should be {expected_of(kind)}"
            assert caught.value.__cause__ is caught.value.__context__ is None


@EACH
def test_an_optional_value_of_a_wrong_type_is_kept_in_extra(
    cls: type[Response],
) -> None:
    """Verbatim, of the innermost optional field; all else is read as ever."""
    for path, _, value in misfits(cls):
        if not required(cls, path):
            payload = changed(example_of(cls), path, value)
            response = responses.decode(payload, cls)
            kept = [record for record in parts(response) if record.extra]

            assert payload == responses.encode(response)
            assert 1 == len(kept)


@EACH
def test_null_and_absent_are_the_same(cls: type[Response]) -> None:
    """A fault where the field is required, and else its default or an empty list."""
    for path, kind in places(cls, ()):
        if not path:
            continue
        null = changed(example_of(cls), path, None)
        absent = changed(example_of(cls), path, None)
        place = absent
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]
        if required(cls, path) and not is_list(kind) and isinstance(path[-1], str):
            for each in (null, absent):
                with pytest.raises(DecodeError) as caught:
                    responses.decode(each, cls)

                assert told(path) == caught.value.path
                assert str(caught.value) == f"{told(path)} should be present"
        else:
            one, other = responses.decode(absent, cls), responses.decode(null, cls)
            # What is required in an optional value makes that value odd.
            assert one == other or any(record.extra for record in parts(one))


def test_an_absent_list_is_empty_whether_required_or_not() -> None:
    """A space without numbers is a success, however it is written."""
    listed: list[dict[str, Any]] = [{}, {"PhoneNumbers": None}, {"PhoneNumbers": []}]
    for payload in listed:
        response = responses.decode({**STATUS, **payload}, PhoneNumbersResponse)

        assert response.phone_numbers == ()

    settings = {"Calling": {"CallHours": {"WeeklyOperatingHours": None}}}
    number = {"PhoneNumber": "1", "CallingConfigure": settings}
    response = responses.decode(
        {**STATUS, "PhoneNumbers": [number]}, PhoneNumbersResponse
    )
    (hours,) = [each for each in parts(response) if isinstance(each, CallHours)]

    assert ((), ()) == (hours.weekly_operating_hours, hours.holiday_schedule)


def test_null_items_are_skipped() -> None:
    """And the others keep their places in the path of a fault."""
    one, two = {"PhoneNumber": "1"}, {"PhoneNumber": "2"}
    listed = [None, one, None, None, two, None]
    payload: dict[str, Any] = {**STATUS, "PhoneNumbers": listed}
    numbers = responses.decode(payload, PhoneNumbersResponse).phone_numbers

    assert ["1", "2"] == [number.phone_number for number in numbers]

    with pytest.raises(DecodeError) as caught:
        responses.decode(
            {**payload, "PhoneNumbers": [*listed, 1]}, PhoneNumbersResponse
        )

    assert "$.PhoneNumbers[6]" == caught.value.path


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("true", True),
        ("false", False),
        ("True", True),
        ("FALSE", False),
        (True, True),
        ("yes", None),
        ("", None),
        (1, None),
        (0, None),
        ("1", None),
    ],
)
def test_true_and_false_may_be_texts(value: object, expected: bool | None) -> None:  # noqa: FBT001 - a parameter of the test
    """In any case. Other words and numbers are not guessed at."""
    payload: dict[str, Any] = {**STATUS, "PhoneNumbers": [], "Success": value}
    response = responses.decode(payload, PhoneNumbersResponse)

    assert expected is response.success
    assert ("Success" in response.extra) is (expected is None)


@pytest.mark.parametrize("code", ["OK", "SUCCESS", "200", 200, 0])
def test_codes_are_kept_verbatim(code: str | int) -> None:
    """Three actions of CAMS return numbers."""
    payload = {**STATUS, "Code": code}
    response = responses.decode(payload, VerificationStatusResponse)

    assert code == response.code
    assert payload == responses.encode(response)


@pytest.mark.parametrize("spelling", ["requestId", "requestid", "REQUESTID"])
def test_a_required_name_counts_in_any_case(spelling: str) -> None:
    """The gateway writes some in lower case; the right spelling goes first."""
    payload = {**STATUS, "Data": STATUS["Data"], spelling: "2"}
    other = {**payload, "RequestId": None, "code": "x"}

    assert "1" == responses.decode(payload, VerificationStatusResponse).request_id
    assert {spelling: "2"} == responses.decode(
        payload, VerificationStatusResponse
    ).extra

    response = responses.decode(other, VerificationStatusResponse)

    assert ("2", "OK") == (response.request_id, response.code)
    assert {"code": "x"} == response.extra


def test_one_warning_for_each_field(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the place and without the value, however often it comes."""
    monkeypatch.setattr(responses, "_warned", set[Any]())
    hours: dict[str, Any] = {"WeeklyOperatingHours": [{}, "canary"]}
    number = {
        "PhoneNumber": "1",
        "Status": ["canary"],
        "CallingConfigure": {"Calling": {"CallHours": hours}},
    }
    payload = {**STATUS, "Message": 86138, "PhoneNumbers": [number, number]}
    for _ in range(3):
        responses.decode(payload, PhoneNumbersResponse)

    expected = [
        "PhoneNumbersResponse.Message should be a string",
        "PhoneNumber.Status should be a string",
        "CallHours.WeeklyOperatingHours[1] should be an object",
    ]
    assert [
        ("cams_async", "WARNING", f"{text}; its value is in extra") for text in expected
    ] == [(r.name, r.levelname, r.getMessage()) for r in caplog.records]


def test_the_first_bad_item_of_an_array_is_told() -> None:
    """By its index, counted from 0."""
    good = {"PhoneNumber": "1"}
    payload = {**STATUS, "PhoneNumbers": [good, good, {"PhoneNumber": 1}, 1]}

    with pytest.raises(DecodeError) as caught:
        responses.decode(payload, PhoneNumbersResponse)

    assert caught.value.path == "$.PhoneNumbers[2].PhoneNumber"


def test_a_fault_does_not_show_the_value() -> None:
    """The value may be a phone number."""
    with pytest.raises(DecodeError) as caught:
        responses.decode(
            {**STATUS, "Data": ["+8613800000000"]}, VerificationStatusResponse
        )

    assert "138" not in f"{caught.value} {caught.value!r}"


@given(data=st.data())
def test_only_decode_errors_escape(data: st.DataObject) -> None:
    """The object may differ from the documented one as a whole or in any place."""
    cls = data.draw(st.sampled_from(RESPONSES))
    payload = data.draw(st.dictionaries(TEXT, JSON))
    steps = data.draw(st.sampled_from([p for p, _ in places(cls, ()) if p]))
    for each in (payload, changed(example_of(cls), steps, data.draw(JSON))):
        try:
            response = responses.decode(each, cls)
        except DecodeError as error:
            path = str(error.path)
        else:
            path = "$."
            assert plain(each) == plain(responses.encode(response))
        assert path.startswith("$.")


def plain(value: Any) -> Any:
    """Return JSON without the differences that decoding drops.

    Those are null, absence and an empty array, and true as a word.
    """
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        named = {name: plain(fields[name]) for name in fields}
        if str(named.get("Success")).lower() in ("true", "false"):
            named["Success"] = str(named["Success"]).lower()
        return {n: v for n, v in named.items() if v is not None and v != []}
    if isinstance(value, list):
        items = [plain(item) for item in cast("list[object]", value)]
        return [item for item in items if item is not None]
    return value


def test_operations_are_read_by_their_own_names_only() -> None:
    """A secret's masked form never travels."""
    operation = ChatappMigrationVerified(
        cust_space_id="s", phone_number="+86 138", verify_code="007"
    )

    assert wire.parameters(operation) == {
        "CustSpaceId": "s",
        "PhoneNumber": "86138",
        "VerifyCode": Secret("007"),
    }


def test_an_optional_field_is_sent_if_given() -> None:
    """And only then."""
    fields: dict[str, Any] = {
        "phone_number": "86138",
        "generate_qr_image": "PNG",
        "prefilled_message": "hi",
        "qrdl_code": "D",
    }
    bare = wire.parameters(UpdatePhoneMessageQrdl(**fields))
    full = wire.parameters(UpdatePhoneMessageQrdl(**fields, cust_space_id="s"))

    assert full == {**bare, "CustSpaceId": "s"}
    assert "CustSpaceId" not in bare


@pytest.mark.parametrize(
    ("value", "name", "is_secret"),
    [
        ("012345", "VerifyCode", True),
        (Secret("012345"), "Any", True),
        ({"Deep": [{"Token": Secret("t")}]}, "Any", True),
        ({"Deep": ["t"]}, "Any", False),
        (["t"], "VerifyCode", True),
        (True, "Any", False),
    ],
    ids=repr,
)
def test_a_parameter_is_secret_if_its_name_is_or_if_it_holds_a_secret(
    value: object,
    name: str,
    is_secret: bool,  # noqa: FBT001 - a table gives it
) -> None:
    """It is revealed where it is encoded, and masked until then."""
    text = wire.as_text(name, value, secret=name == "VerifyCode")

    assert isinstance(text, Secret) is is_secret
    assert json.loads(json.dumps(reveal(text))) == (
        str(value)
        if isinstance(value, str)
        else value.reveal()
        if isinstance(value, Secret)
        else json.dumps(
            value, separators=(",", ":"), default=lambda inner: inner.reveal()
        )
    )


@pytest.mark.parametrize("value", [Secret("\ud800"), {"A": Secret("\ud800")}, {b""}])
def test_a_secret_that_cannot_travel_is_refused(value: object) -> None:
    """By the parameter's name."""
    with pytest.raises(InvalidOperation) as caught:
        wire.as_text("Name", value)

    assert caught.value.field == "Name"


@attrs.frozen(kw_only=True, slots=False)
class Grant(Record):
    """Something with a secret."""

    token: Secret | None = None


@attrs.frozen(kw_only=True, slots=False)
class Granted(Response):
    """A response that holds a secret."""

    access_token: Secret
    other: Secret | None = None
    more: tuple[Secret, ...] = ()
    deep: tuple[Grant, ...] = ()


@attrs.frozen(kw_only=True, slots=False)
class DeeplyGranted(Response):
    """A response that holds a secret in a nested value."""

    grants: tuple[Grant, ...] | None = None


def test_the_body_of_an_answer_with_a_secret_is_masked_whole() -> None:
    """It cannot be read, so nothing of it can be found and masked."""
    call: Call[Any] = call_of(ChatappSyncPhoneNumber(cust_space_id="s"))
    call.decode, call.returns_secret = responses.decoder(DeeplyGranted), True
    request = build_request(
        call,
        endpoint=parse_endpoint("https://cams.example"),
        credentials=Credentials("id", "secret"),
        date=0.0,
        nonce="n",
    )
    body = b'{"Code": "OK", "RequestId": 5, "Grants": [{"Token": "canary"}]}'
    with pytest.raises(DecodeError) as caught:
        parse_response(
            call, request, HttpResponse(200, {}, body), attempts=1, waited=0.0
        )

    assert caught.value.path == "$.RequestId"
    assert responses.holds_secret(DeeplyGranted)
    assert caught.value.body == b"***"


GRANTED = {
    "Code": "OK",
    "RequestId": "1",
    "AccessToken": "canary",
    "Other": "canary",
    "More": ["canary"],
}


def test_a_secret_of_an_answer_is_wrapped() -> None:
    """It is masked wherever the response is shown, and in each form of it."""
    response = responses.decode(GRANTED, Granted)

    assert response.access_token == response.other == Secret("canary")
    assert response.more == (Secret("canary"),)
    assert responses.encode(response) == {
        **GRANTED,
        "AccessToken": "***",
        "Other": "***",
        "More": ["***"],
    }
    shown = f"{response} {attrs.asdict(response)} {Converter().unstructure(response)}"
    assert "canary" not in shown
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(response)


@pytest.mark.parametrize("name", ["AccessToken", "Other"])
def test_a_secret_of_an_answer_must_be_a_text(name: str) -> None:
    """The error names its path and does not show the value."""
    with pytest.raises(DecodeError) as caught:
        responses.decode({**GRANTED, name: ["canary"]}, Granted)

    assert caught.value.path == f"$.{name}"
    assert "canary" not in str(vars(caught.value))
    assert "canary" not in f"{caught.value!r} {vars(caught.value)}"


# Responses of classes outside of this package


@attrs.frozen(kw_only=True, slots=False)
class Branch(Record):
    """A record with annotations as texts."""

    name: "str"
    key: "str | Secret | None" = None


@attrs.frozen(kw_only=True, slots=False)
class BranchesResponse(Response):
    """A response with builtin collections, and with annotations as texts."""

    branches: "list[Branch]"
    counts: "dict[str, int] | None" = None


def test_annotations_may_be_texts() -> None:
    """A module may begin with `from __future__ import annotations`."""
    payload = {
        "RequestId": "1",
        "Code": "OK",
        "Branches": [{"Name": "a"}],
        "Counts": {"a": 1},
    }
    decoded = responses.decode(payload, BranchesResponse)

    assert [Branch(name="a")] == [*decoded.branches]
    assert payload == responses.encode(decoded)
    with pytest.raises(DecodeError) as caught:
        responses.decode({**payload, "Branches": [{"Name": 1}]}, BranchesResponse)
    assert "$.Branches[0].Name" == caught.value.path


def test_a_secret_is_found_where_annotations_are_texts() -> None:
    """It is wrapped, and the body of such a response is masked in logs."""
    branch = {"Name": "a", "Key": "hidden"}
    payload = {"RequestId": "1", "Code": "OK", "Branches": [branch]}
    decoded = responses.decode(payload, BranchesResponse)

    assert responses.returns_secret(BranchesResponse)
    assert Secret("hidden") == decoded.branches[0].key


def test_a_type_error_of_a_class_is_raised() -> None:
    """It is no sign of a missing field."""

    @attrs.frozen(kw_only=True, slots=False)
    class Failing(Response):
        """A response that cannot be made."""

        def __attrs_post_init__(self) -> None:
            msg = "of the class"
            raise TypeError(msg)

    with pytest.raises(TypeError, match="of the class"):
        responses.decode({"RequestId": "1", "Code": "OK"}, Failing)
