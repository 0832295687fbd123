"""The operations: complete in all places, checked before they are sent, and values."""

import ast
import copy
import inspect
import json
import pickle
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import attrs
import pytest
from hypothesis import given

from cams_async import methods, responses, wire
from cams_async.errors import InvalidOperation
from cams_async.models import Record, Response
from cams_async.operations import (
    CATALOGUE,
    OPERATIONS,
    ChatappSyncPhoneNumber,
    CreateChatappTemplate,
    GenerateQrImage,
    Operation,
    PhoneNumber,
    TemplateButton,
    TemplateComponent,
    UpdatePhoneEncryptionPublicKey,
)
from cams_async.operations.catalogue import secret_parameters
from cams_async.operations.fields import (
    AtMost,
    Between,
    ClearableText,
    InternationalNumber,
    PublicKey,
    is_required,
    listed_values,
    parts_of,
    record_in,
    wire_name,
)
from cams_async.operations.journeys import JOURNEYS, load
from cams_async.secret import Secret
from cams_async.signing import reveal
from tests.samples_of import (
    ACTIONS,
    PAGES,
    fields_of,
    minimal_operation_of,
    operation_of,
    sample,
)
from tests.strategies import OPERATION, pem

KEY = pem(b"\x00\xfb\xef\xff" * 20)

Kind: typing.TypeAlias = type[Operation[Any]]

EACH = pytest.mark.parametrize("action", OPERATIONS)


def annotations(cls: type[Any]) -> dict[str, Any]:
    """Return the annotations of the fields of a class, rules included."""
    hints = typing.get_type_hints(cls, include_extras=True)
    hidden = {"extra", "meta"} if issubclass(cls, Record) else set[str]()
    return {a.name: hints[a.name] for a in attrs.fields(cls) if a.name not in hidden}


def kinds_of(annotation: Any) -> list[Any]:
    """Return the alternatives of an annotation, None left out."""
    return [kind for kind in parts_of(annotation)[0] if kind is not NoneType]


# All places of an action


def test_every_action_is_complete() -> None:
    """It has a class, a row, a sample and a method; the error names what is missing."""
    classes = {
        name
        for journey in JOURNEYS
        for name in load(journey).__all__
        if issubclass(getattr(load(journey), name), Operation)
    }
    tree = ast.parse(inspect.getsource(methods.ActionMethods))
    stubs = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    places = {
        "class": classes,
        "row of the catalogue": {*CATALOGUE},
        "sample": {*ACTIONS},
        "method": {
            action
            for action in classes | {*CATALOGUE}
            if methods.method_name(action) in stubs
        },
    }
    missing = [
        f"{action} has no {place}"
        for action in sorted(set[str]().union(*places.values()))
        for place, actions in places.items()
        if action not in actions
    ]

    assert [] == missing
    assert len(stubs) == len(classes)


@EACH
def test_a_class_is_in_the_module_of_its_journey(action: str) -> None:
    """The catalogue names the journey."""
    module = f"cams_async.operations.{CATALOGUE[action].journey}"

    assert module == OPERATIONS[action].__module__


@pytest.mark.parametrize("journey", JOURNEYS)
def test_a_journey_lists_its_classes(journey: str) -> None:
    """All of them, in sorted order."""
    module = load(journey)
    own = {
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__
    }

    assert sorted(own) == list(module.__all__)


# Documentation


@EACH
def test_the_docstring_names_the_facts_of_the_catalogue(action: str) -> None:
    """The rate limit, what happens to unknown outcomes, and the permission."""
    facts = CATALOGUE[action]
    text = inspect.cleandoc(str(OPERATIONS[action].__doc__))
    rate = f"{facts.qps:g} calls per second" if facts.qps else "not documented"
    repeats = "never after an unknown outcome"
    if facts.retry_safe:
        repeats = "sent again if its outcome is unknown."
    elif facts.verify_with:
        repeats += f"; verify with {facts.verify_with}."
    else:
        repeats += ", which no action can resolve."

    assert re.match(r"[A-Z][^\n]+\.(\n\n|$)", text)
    assert text.endswith(f"\nRAM action: `cams:{action}`.")
    assert f"\nRate limit: {rate}" in text
    assert f"\nRetries: {repeats}\n" in text
    assert ("\nPages: " in text) == hasattr(OPERATIONS[action], "pages")
    assert 1 == text.count("\nRaises:\n")


@EACH
def test_described_fields_exist(action: str) -> None:
    """The section `Args:` lists fields in their order."""
    text = inspect.cleandoc(str(OPERATIONS[action].__doc__))
    section = text.partition("\nArgs:\n")[2].partition("\n\n")[0]
    described = re.findall(r"(?m)^ {4}(\w+): \S", section)
    names = [a.name for a in attrs.fields(OPERATIONS[action])]

    assert described == [name for name in names if name in described]


def described_by(annotation: Any) -> Iterator[str]:
    """Yield the numbers that the description of a field must show."""
    for rule in parts_of(annotation)[1]:
        if isinstance(rule, Between):
            yield from (str(rule.low), str(rule.high))
        if isinstance(rule, AtMost):
            yield str(rule.items)


@EACH
def test_bounds_are_described(action: str) -> None:
    """A caller need not try them out."""
    text = str(OPERATIONS[action].__doc__)
    section = text.partition("Args:\n")[2].partition("\n\n")[0]
    for name, annotation in annotations(OPERATIONS[action]).items():
        description = section.partition(f" {name}: ")[2].replace(",", "")
        for number in described_by(annotation):
            assert number in description, f"{name}: {number}"


# Responses


@EACH
def test_the_response_class_is_the_type_argument(action: str) -> None:
    """An operation names its response once, as the argument of its base."""
    operation = OPERATIONS[action]
    response = operation.response()

    assert issubclass(response, Response)
    assert get_args(vars(operation)["__orig_bases__"][0])[0] is response


def test_equal_responses_are_one_class() -> None:
    """Of two with the same fields, one would do."""
    found: dict[Any, list[str]] = {}
    for cls in {operation.response() for operation in OPERATIONS.values()}:
        fields = tuple((a.name, a.type, a.default) for a in attrs.fields(cls))
        found.setdefault(repr(fields), []).append(cls.__name__)

    assert [] == [names for names in found.values() if len(names) > 1]


def test_a_subclass_inherits_the_response_class() -> None:
    """A user may derive an operation with other defaults."""

    class Sync(ChatappSyncPhoneNumber):
        """The same action."""

    assert Sync.response() is ChatappSyncPhoneNumber.response()


def test_an_operation_must_name_its_response() -> None:
    """The first use of a class without a response raises TypeError."""

    class Vague(Operation):  # type: ignore[type-arg]
        """An operation without a type argument."""

    class Generic(Operation[Any]):
        """An operation whose type argument is no response."""

    for operation in (Vague, Generic):
        with pytest.raises(TypeError, match="must name its response"):
            operation.response()


def test_the_defaults_are_the_cautious_ones() -> None:
    """The default rate limit is low, and repeating is not safe."""
    assert Operation.qps == 5
    assert not Operation.retry_safe
    assert Operation.verify_with is None


def records(value: object) -> Iterator[Record]:
    """Yield a record and all records nested in it."""
    if isinstance(value, Record):
        yield value
        for a in attrs.fields(type(value)):
            yield from records(getattr(value, a.name))
    elif isinstance(value, tuple):
        for item in typing.cast("tuple[object, ...]", value):
            yield from records(item)


@EACH
def test_a_sample_response_decodes_strictly_and_encodes_back(action: str) -> None:
    """Every documented field of it is declared, and of the type that it has."""
    cls, payload = OPERATIONS[action].response(), sample(action)["response"]
    response = responses.decode(payload, cls)
    text = json.dumps(payload)
    for record in records(response):
        for a in attrs.fields(type(record)):
            if isinstance(value := getattr(record, a.name), Secret):
                text = text.replace(json.dumps(value.reveal()), '"***"')

    assert [] == [record for record in records(response) if record.extra]
    assert json.loads(text) == responses.encode(response)
    assert payload["RequestId"] == response.request_id
    assert payload.get("Code", "") == response.code


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_documented_response_decodes_strictly_and_encodes_back(path: Any) -> None:
    """The examples of the vendor's pages, with their line ends and placeholders."""
    payload = json.loads(path.read_text("utf-8"))
    response = responses.decode(payload, OPERATIONS[path.stem.split(".")[0]].response())

    assert payload == responses.encode(response)
    assert [] == [record for record in records(response) if record.extra]


def test_fields_newer_than_the_vendors_pages_are_declared() -> None:
    """The service returns two fields of a number that its pages do not list."""
    assert {"is_official", "calling_configure"} <= {
        a.name for a in attrs.fields(PhoneNumber)
    }


# Requests


@EACH
def test_a_sample_request_is_sent_as_it_is(action: str) -> None:
    """Every field of it, nested values as JSON text, by the names on the wire."""
    request = sample(action)["request"]
    sent = {n: reveal(v) for n, v in wire.parameters(operation_of(action)).items()}

    assert sent.keys() == request.keys()
    for name, value in request.items():
        if isinstance(value, str):
            assert value == sent[name]
        else:
            inner = json.loads(sent[name])
            assert value == inner
            assert sent[name] == wire.as_text(name, inner)  # without spaces


@EACH
def test_required_fields_are_enough(action: str) -> None:
    """Nothing else is sent then."""
    required = {
        wire_name(a) for a in attrs.fields(OPERATIONS[action]) if is_required(a)
    }

    assert required == {*wire.parameters(minimal_operation_of(action))}


def refused(action: str, path: str, **changes: Any) -> InvalidOperation:
    """Create an operation with a bad field, and return the error."""
    with pytest.raises(InvalidOperation) as caught:
        operation_of(action, **changes)
    error = caught.value

    assert (action, "not_sent", 0) == (error.action, error.outcome, error.attempts)
    assert path == error.field
    assert f"{path} must be {error.expected}" in str(error)
    assert error.__cause__ is error.__context__ is None
    assert "canary" not in f"{error} {error!r} {vars(error)}"
    return error


class Canary:
    """A value of no type that is accepted, with a telling repr."""

    def __repr__(self) -> str:
        return "canary"


WRONG: list[tuple[Any, Any]] = [
    (bool, True),
    (bytes, b"canary"),
    (int, 6_660_666),
    (str, "canary"),
    (Mapping, {"canary": 1}),
    (Sequence, ["canary"]),
]


def wrong_values(annotation: Any) -> list[Any]:
    """Return values that an annotation refuses, at the place itself."""
    kinds, rules = parts_of(annotation)
    origins = [get_origin(kind) or kind for kind in kinds]
    wrong = [Canary(), {1: "canary"}, 1.5]
    wrong += [value for kind, value in WRONG if kind not in origins]
    if NoneType not in kinds:
        wrong += [None, *([""] if str in origins else [])]
    if str not in origins:
        wrong += [value.swapcase() for value in listed_values(kinds)]
    for rule in rules:
        if isinstance(rule, Between):
            wrong += [rule.low - 1, rule.high + 1]
    return wrong


def places(annotation: Any, value: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield each place of a sample value: its path, its annotation and its steps."""
    yield path, annotation, []
    kinds = kinds_of(annotation)
    if (record := record_in(kinds)) is not None:
        by_name = {a.name: wire_name(a) for a in attrs.fields(record)}
        for name, inner in annotations(record).items():
            if by_name[name] in value:
                step = by_name[name]
                for at, kind, steps in places(inner, value[step], f"{path}.{name}"):
                    yield at, kind, [step, *steps]
    elif get_origin(kinds[0]) is Sequence:
        (item,) = get_args(kinds[0])
        for index, each in enumerate(value):
            for at, kind, steps in places(item, each, f"{path}[{index}]"):
                yield at, kind, [index, *steps]
    elif get_origin(kinds[0]) is Mapping and get_args(kinds[0])[1] is not Any:
        for key in value:
            yield f"{path}[{key!r}]", get_args(kinds[0])[1] | None, [key]


def changed(value: Any, steps: list[Any], new: Any) -> Any:
    """Return a nested value with another value at one place."""
    if not steps:
        return new
    copied = copy.copy(value)
    copied[steps[0]] = changed(value[steps[0]], steps[1:], new)
    return copied


@EACH
def test_a_wrong_value_is_refused_with_its_path(action: str) -> None:
    """At every depth; the error never shows the value."""
    given = fields_of(action)
    for name, annotation in annotations(OPERATIONS[action]).items():
        for path, kind, steps in places(annotation, given[name], name):
            for wrong in wrong_values(kind):
                if wrong is None and steps and isinstance(steps[-1], str):
                    continue  # of a mapping, where it may be left out
                refused(action, path, **{name: changed(given[name], steps, wrong)})


@EACH
def test_a_blank_text_is_refused(action: str) -> None:
    """An empty environment variable names no space. Some texts may be cleared."""
    for name, annotation in annotations(OPERATIONS[action]).items():
        if str in kinds_of(annotation):
            clears = parts_of(ClearableText)[1][0] in parts_of(annotation)[1]
            for blank in ("", " ", "\t\n", "\u3000"):
                if clears:
                    operation_of(action, **{name: blank})
                else:
                    refused(action, name, **{name: blank})


@EACH
def test_an_empty_required_list_or_mapping_is_refused(action: str) -> None:
    """An optional one may be empty."""
    for name, annotation in annotations(OPERATIONS[action]).items():
        origins = [get_origin(kind) for kind in kinds_of(annotation)]
        empty: Any = [] if Sequence in origins else {}
        if {Sequence, Mapping} & {*origins} and not record_in(kinds_of(annotation)):
            if NoneType in parts_of(annotation)[0]:
                operation_of(action, **{name: empty})
            else:
                refused(action, name, **{name: empty})


@EACH
def test_a_list_of_too_many_items_is_refused(action: str) -> None:
    """As many as documented are accepted."""
    for name, annotation in annotations(OPERATIONS[action]).items():
        for rule in parts_of(annotation)[1]:
            if isinstance(rule, AtMost):
                item = fields_of(action)[name][0]
                operation_of(action, **{name: [item] * rule.items})
                error = refused(action, name, **{name: [item] * (rule.items + 1)})

                assert f"a list of at most {rule.items} items" == error.expected


@EACH
def test_what_is_required_in_a_nested_value_must_be_given(action: str) -> None:
    """The path ends in the missing name."""
    given = fields_of(action)
    for name, annotation in annotations(OPERATIONS[action]).items():
        for path, kind, steps in places(annotation, given[name], name):
            if (record := record_in(kinds_of(kind))) is not None:
                for a in attrs.fields(record):
                    if a.default is attrs.NOTHING:
                        value = given[name]
                        for step in steps:
                            value = value[step]
                        rest = {k: v for k, v in value.items() if k != wire_name(a)}
                        changes = {name: changed(given[name], steps, rest)}
                        error = refused(action, f"{path}.{a.name}", **changes)

                        assert "given" == error.expected


@EACH
def test_an_unknown_or_missing_field_is_a_type_error(action: str) -> None:
    """Python itself raises the error, as for any other call."""
    operation, fields = OPERATIONS[action], fields_of(action)
    with pytest.raises(TypeError, match="nonsense"):
        operation(**{**fields, "nonsense": "x"})
    if fields:
        with pytest.raises(TypeError, match="positional"):
            operation(*fields.values())
    for a in attrs.fields(operation):
        if a.default is attrs.NOTHING:
            rest = {name: value for name, value in fields.items() if name != a.name}
            with pytest.raises(TypeError, match=f"'{a.name}'"):
                operation(**rest)


BUTTON = {"Type": "URL", "Text": "Shop", "Url": "https://shop.example"}


def template(*components: Any) -> CreateChatappTemplate:
    """Return a template with some components."""
    return CreateChatappTemplate(
        category="UTILITY",
        components=components,
        language="en",
        name="n",
        template_type="WHATSAPP",
    )


@pytest.mark.parametrize(
    "component",
    [
        {"Type": "BUTTONS", "Buttons": [BUTTON]},
        {"type": "BUTTONS", "buttons": [BUTTON]},
        {"Type": "BUTTONS", "buttons": ({**BUTTON},)},
        TemplateComponent(type="BUTTONS", buttons=[BUTTON]),
        TemplateComponent(
            type="BUTTONS",
            buttons=(
                TemplateButton(type="URL", text="Shop", url="https://shop.example"),
            ),
        ),
    ],
)
def test_nested_values_are_records_or_mappings(component: Any) -> None:
    """A mapping may have the names on the wire or those of Python."""
    made = template(component)
    (kept,) = made.components

    assert isinstance(kept, TemplateComponent)
    assert isinstance(made.components, tuple)
    button = TemplateButton(type="URL", text="Shop", url=BUTTON["Url"])
    assert (button,) == kept.buttons
    assert json.loads(reveal(wire.parameters(made)["Components"])) == [
        {"Type": "BUTTONS", "Buttons": [BUTTON]}
    ]


BAD_BUTTONS: list[tuple[Any, str, str]] = [
    ({**BUTTON, "Url": 5}, "url", "a string"),
    (TemplateButton(type="URL", url=b"u"), "url", "a string"),  # type: ignore[arg-type]
    ({"Text": "t"}, "type", "given"),
    ({**BUTTON, "Type": " "}, "type", "a non-empty string"),
    ({**BUTTON, "url": "u"}, "url", "given once"),
    ({**BUTTON, "Urll": "u"}, "Urll", "spelt as a field of TemplateButton"),
    ({**BUTTON, 5: "x"}, "", "a mapping with strings as keys"),
    ("URL", "", "a TemplateButton or a mapping"),
    (PhoneNumber(phone_number="1"), "", "a TemplateButton or a mapping"),
    (None, "", "a TemplateButton or a mapping"),
]


@pytest.mark.parametrize(("button", "path", "expected"), BAD_BUTTONS)
def test_an_error_in_a_nested_value_has_its_path(
    button: Any, path: str, expected: str
) -> None:
    """From the field of the operation to the innermost value."""
    with pytest.raises(InvalidOperation) as caught:
        template({"Type": "BODY"}, {"Type": "BUTTONS", "Buttons": [BUTTON, button]})
    at = f"components[1].buttons[1].{path}".removesuffix(".")

    assert at == caught.value.field
    assert f"{at} must be {expected}" in str(caught.value)


def test_undocumented_names_of_a_mapping_are_sent() -> None:
    """The vendor adds fields before this package does."""
    made = template({"Type": "BODY", "Brandnew": {"A": [1]}})
    (component,) = json.loads(reveal(wire.parameters(made)["Components"]))

    assert {"Type": "BODY", "Brandnew": {"A": [1]}} == component


def test_a_change_of_what_was_given_changes_no_operation() -> None:
    """Lists, mappings and the values in records are copied."""
    button = dict(BUTTON)
    component: dict[str, Any] = {"Type": "BUTTONS", "Buttons": [button]}
    example = {"a": "1"}
    components = [component]
    made = attrs.evolve(template(*components), example=example)
    before = wire.parameters(made)
    button["Url"] = "other"
    component["Buttons"].append(button)
    components.append(component)
    example["b"] = "2"

    assert before == wire.parameters(made)


def test_a_tuple_of_mappings_is_copied_too() -> None:
    """An equal copy is another value: it does not change with the original."""
    examples = ({"Name": "a"},)

    @attrs.frozen(kw_only=True)
    class Own(Operation[Response]):
        """An operation with a list of mappings."""

        examples: Sequence[Mapping[str, str]]

    own = Own(examples=examples)
    examples[0]["Name"] = "b"

    assert {"Examples": '[{"Name":"a"}]'} == wire.parameters(own)


# Annotations of classes outside of this package


def own(annotation: Any) -> Kind:
    """Return an operation with a field `thing`."""

    class Own(Operation[Response]):
        """An operation outside of this package."""

        __annotations__ = {"thing": annotation}

    return attrs.frozen(kw_only=True)(Own)


ALTERNATIVES: list[tuple[Any, list[Any], list[Any]]] = [
    (int | str, [1, "a"], [True, "", 1.5]),
    (str | Sequence[str], ["a", ("a",)], ["", [], [1]]),
    (bool | int, [True, 3], ["a", 1.5]),
    (TemplateButton | str, [TemplateButton(type="URL"), "a"], [1, ""]),
    (Literal[1, 2], [1, 2], [3, "1", True]),
    (Literal["a"] | int, ["a", 1], ["b"]),
    (Mapping, [{"a": 1}], [{}, "a"]),
    (Sequence, [(1,)], [[], "a"]),
    (dict[str, str], [{"a": "b"}], [{}, {"a": 1}]),
    (list[str], [("a",)], [[], [1], "a"]),
    (tuple[int, str], [(1, "a")], [(None,), 1]),
    (tuple[int, ...], [(1, 2)], [("a",)]),
]


@pytest.mark.parametrize(("annotation", "accepted", "refused"), ALTERNATIVES, ids=str)
def test_a_value_fits_if_it_fits_any_alternative(
    annotation: Any, accepted: list[Any], refused: list[Any]
) -> None:
    """All annotations of texts, numbers, lists, mappings and records may be joined."""
    kind = own(annotation)
    for value in accepted:
        assert value == kind(thing=value).thing  # type: ignore[call-arg, attr-defined]
    for value in refused:
        with pytest.raises(InvalidOperation, match="thing"):
            kind(thing=value)  # type: ignore[call-arg]


def test_a_secret_in_a_builtin_list_is_wrapped() -> None:
    """A list of any annotation is checked."""
    for annotation in (list[str | Secret], list[Secret]):
        made = own(annotation)(thing=["hidden"])  # type: ignore[call-arg]

        assert "hidden" not in repr(made)


# Fields with rules of their own

NUMBERS = [
    (action, name)
    for action in OPERATIONS
    for name, annotation in annotations(OPERATIONS[action]).items()
    if parts_of(InternationalNumber)[1][0] in parts_of(annotation)[1]
]


def test_most_phone_numbers_are_checked() -> None:
    """Only national numbers, and those that may be ids, are not."""
    named = {
        (action, a.name)
        for action in OPERATIONS
        for a in attrs.fields(OPERATIONS[action])
        if a.name == "phone_number"
    }

    assert {("AddChatappPhoneNumber", "phone_number")} == named - {*NUMBERS}


@pytest.mark.parametrize(("action", "name"), NUMBERS)
def test_a_phone_number_is_normalised_or_refused(action: str, name: str) -> None:
    """The error shows the wrong character, and never the number itself."""
    made = operation_of(action, **{name: " (+86) 138-0000 0000"})
    value = "86138\u31640000"
    error = refused(action, name, **{name: value})

    assert "8613800000000" == getattr(made, name)
    assert error.expected == (
        "1 to 15 digits, country code first, such as 8613800000000"
    )
    assert "; found U+3164 at position 6" in str(error)
    assert value not in str(error)


@pytest.mark.parametrize("key", [KEY, KEY.encode(), f"  {KEY.rstrip()}\r\n"])
def test_a_public_key_is_sent_in_canonical_form(key: str | bytes) -> None:
    """The vendor receives real line ends."""
    made = UpdatePhoneEncryptionPublicKey(phone_number="1", encryption_public_key=key)

    assert KEY == made.encryption_public_key
    assert KEY == wire.parameters(made)["EncryptionPublicKey"]
    assert parts_of(PublicKey)[0] == [str, bytes]


def test_a_malformed_public_key_is_refused() -> None:
    """The error names the cause, and shows nothing of the key."""
    key = KEY.replace("PUBLIC", "PRIVATE")
    name = "encryption_public_key"
    error = refused("UpdatePhoneEncryptionPublicKey", name, **{name: key})

    assert "real newlines" in str(error.expected)
    assert "; found a private key" in str(error)
    assert key.splitlines()[1] not in f"{error} {error!r}"


@pytest.mark.parametrize("value", ["PNG", "SVG", *GenerateQrImage])
def test_the_image_format_is_png_or_svg(value: Any) -> None:
    """A string and a member of the enum are accepted."""
    made = operation_of("UpdatePhoneMessageQrdl", generate_qr_image=value)

    assert wire.parameters(made)["GenerateQrImage"] == value


def test_another_image_format_is_refused() -> None:
    """The error lists both formats."""
    name = "generate_qr_image"
    error = refused("UpdatePhoneMessageQrdl", name, **{name: "JPEG"})

    assert error.expected == "one of PNG, SVG"


@pytest.mark.parametrize("code", ["000000", " 12", "a/b+c=", "\u0661"])
def test_a_verification_code_is_sent_verbatim(code: str) -> None:
    """Leading zeros and blanks are kept; only the vendor can judge a code."""
    made = operation_of("ChatappMigrationVerified", verify_code=code)

    assert Secret(code) == wire.parameters(made)["VerifyCode"]


def test_a_field_with_its_own_validator_has_no_other_check() -> None:
    """A class outside of this package may have any fields."""

    @attrs.frozen(kw_only=True)
    class Own(Operation[Response]):
        """An operation with a validator, and with an annotation that has no check."""

        name: str = attrs.field(validator=attrs.validators.max_len(3))
        other: complex = 1j

    assert "" == Own(name="").name
    assert 5 == Own(name="", other=5).other
    with pytest.raises(ValueError, match="<= 3"):
        Own(name="long")


# Secrets


def secrets_of(action: str) -> list[str]:
    """Return the names of the secret fields of an operation."""
    found = annotations(OPERATIONS[action]).items()
    return [name for name, kind in found if Secret in kinds_of(kind)]


@EACH
def test_secret_fields_are_those_of_the_catalogue(action: str) -> None:
    """So that `call()` masks them as well."""
    names = {
        a.name
        for a in attrs.fields(OPERATIONS[action])
        if wire_name(a) in secret_parameters(action)
    }

    assert names == {*secrets_of(action)}


@EACH
@pytest.mark.parametrize("show", [repr, str, "{!r}".format])
def test_a_secret_is_masked_in_every_text_form(action: str, show: Any) -> None:
    """The other fields are shown."""
    changes = dict.fromkeys(secrets_of(action), "424242-canary")
    made = operation_of(action, **changes)
    text: str = show(made)

    assert "canary" not in text
    for name in changes:
        assert f"{name}='***'" in text
        assert Secret("424242-canary") == getattr(made, name)


@EACH
def test_an_operation_pickles_unless_it_has_a_secret(action: str) -> None:
    """It can be sent to a process pool; a pickle would hold a secret as plain text."""
    value = operation_of(action)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        if secrets_of(action):
            with pytest.raises(TypeError, match="a Secret cannot be pickled"):
                pickle.dumps(value, protocol)
        else:
            assert value == pickle.loads(pickle.dumps(value, protocol))  # noqa: S301 - our own


# Operations as values


@EACH
def test_a_copy_is_equal(action: str) -> None:
    """An operation with a secret can be copied, too."""
    value = operation_of(action)

    assert value == copy.copy(value) == copy.deepcopy(value) == attrs.evolve(value)


@given(OPERATION)
def test_equal_operations_hash_alike(operation: Operation[Any]) -> None:
    """A set of operations drops duplicates."""
    same = attrs.evolve(operation)

    assert operation == same
    assert len({operation, same}) == 1


@EACH
def test_each_field_counts_for_equality_and_none_can_be_set(action: str) -> None:
    """An operation is a value."""
    value, given = operation_of(action), fields_of(action)
    for a in attrs.fields(OPERATIONS[action]):
        if not is_required(a) and given[a.name] != a.default:
            assert value != operation_of(action, **{a.name: a.default})
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, a.name, "other")


def test_the_registry_maps_actions_to_operations() -> None:
    """The registry is sorted by action and read-only."""
    assert sorted(CATALOGUE) == [*OPERATIONS]
    assert [*OPERATIONS] == [each.__name__ for each in OPERATIONS.values()]
    assert not hasattr(OPERATIONS, "__setitem__")


def test_every_annotation_of_a_response_is_supported() -> None:
    """The converter supports no others."""
    origins = {
        get_origin(kind) or kind
        for operation in OPERATIONS.values()
        for cls in classes_in(operation.response())
        for annotation in annotations(cls).values()
        for kind in kinds_of(annotation)
    }
    plain = {str, int, bool, Secret, Literal, tuple, Sequence, Mapping}

    assert [] == [
        origin for origin in origins - plain if not issubclass(origin, Record | str)
    ]


def classes_in(cls: type[Record]) -> Iterator[type[Record]]:
    """Yield a class of records and those nested in it."""
    yield cls
    for annotation in annotations(cls).values():
        for kind in kinds_of(annotation):
            for part in (kind, *get_args(kind)):
                if (inner := record_in(parts_of(part)[0])) is not None:
                    yield from classes_in(inner)
