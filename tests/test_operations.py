"""The operations: their documented facts, their fields, and their validation."""

import ast
import copy
import inspect
import itertools
import json
import pickle
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any

import attrs
import pytest
from hypothesis import given

from cams_async import CamsClient, responses, wire
from cams_async.errors import InvalidOperation
from cams_async.models import Record, Response
from cams_async.operations import (
    OPERATIONS,
    ChatappMigrationVerified,
    ChatappSyncPhoneNumber,
    GenerateQrImage,
    Operation,
    PhoneNumber,
    UpdatePhoneEncryptionPublicKey,
    UpdatePhoneMessageQrdl,
)
from cams_async.operations.fields import SECRET
from cams_async.secret import Secret
from tests import official
from tests.strategies import OPERATION, pem

SAMPLES = Path(__file__).parent / "samples"
KEY = pem(b"\x00\xfb\xef\xff" * 20)

GOOD: dict[str, dict[str, str]] = {
    "ChatappMigrationVerified": {
        "cust_space_id": "cams-1",
        "phone_number": "8613800000000",
        "verify_code": "012345",
    },
    "ChatappSyncPhoneNumber": {"cust_space_id": "cams-1"},
    "GetPhoneNumberVerificationStatus": {
        "phone_number": "8613800000000",
        "cust_space_id": "cams-1",
    },
    "UpdatePhoneEncryptionPublicKey": {
        "phone_number": "8613800000000",
        "encryption_public_key": KEY,
        "cust_space_id": "cams-1",
    },
    "UpdatePhoneMessageQrdl": {
        "phone_number": "8613800000000",
        "generate_qr_image": "PNG",
        "prefilled_message": "Hello",
        "qrdl_code": "D9II3***",
        "cust_space_id": "cams-1",
    },
}
"""A valid value for each field of each operation."""

# From the vendor's pages: calls per second, access level, retry-safe.
FACTS: dict[str, tuple[float, str, bool]] = {
    "ChatappMigrationVerified": (10, "update", False),
    "ChatappSyncPhoneNumber": (10, "update", True),
    "GetPhoneNumberVerificationStatus": (10, "get", True),
    "UpdatePhoneEncryptionPublicKey": (5, "update", False),
    "UpdatePhoneMessageQrdl": (5, "update", False),
}

OPTIONAL = {
    ("UpdatePhoneEncryptionPublicKey", "cust_space_id"),
    ("UpdatePhoneMessageQrdl", "cust_space_id"),
}

Kind: typing.TypeAlias = type[Operation[Any]]

EACH = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
EACH_FIELD = pytest.mark.parametrize(
    ("operation", "field"),
    [(OPERATIONS[action], field) for action in GOOD for field in GOOD[action]],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)


def make(operation: Kind, **changes: Any) -> Operation[Any]:
    """Return a valid operation with some fields changed."""
    return operation(**{**GOOD[operation.__name__], **changes})


def refused(operation: Kind, field: str, value: object) -> InvalidOperation:
    """Create an operation with a bad field, and return the error."""
    with pytest.raises(InvalidOperation) as caught:
        make(operation, **{field: value})
    error = caught.value

    assert field == error.field
    assert operation.__name__ == error.action
    assert error.outcome == "not_sent"
    assert error.attempts == 0
    assert f"{field} must be {error.expected}" in str(error)
    return error


# The registry


def test_the_registry_maps_actions_to_operations() -> None:
    """The registry is sorted by action and read-only."""
    assert [*FACTS] == [*OPERATIONS]
    assert [*FACTS] == [each.__name__ for each in OPERATIONS.values()]
    assert not hasattr(OPERATIONS, "__setitem__")


@EACH
def test_the_docstring_names_rate_limit_ram_action_and_page(operation: Kind) -> None:
    """The docstring ends with the facts and the address of the vendor's page."""
    action = operation.__name__
    qps, level, _ = FACTS[action]
    text = inspect.cleandoc(str(operation.__doc__))

    assert re.match(r"[A-Z][^\n]+\.\n\n", text)
    assert f"\nRate limit: {qps} calls per second and account.\n" in text
    assert f"\nRAM action: `cams:{action}`, access level {level}.\n" in text
    assert text.splitlines()[-1] == (
        "https://www.alibabacloud.com/help/en/chatapp/developer-reference/"
        f"api-cams-2020-06-06-{action.lower()}"
    )


@EACH
def test_rate_limit_and_retry_safety_are_as_documented(operation: Kind) -> None:
    """The throttle and the session read these class attributes."""
    qps, _, retry_safe = FACTS[operation.__name__]

    assert operation.qps > 0
    assert qps == operation.qps
    assert operation.retry_safe is retry_safe


@EACH
def test_an_operation_that_writes_names_a_read_action(operation: Kind) -> None:
    """The read action resolves an unknown outcome."""
    expected = {
        "ChatappMigrationVerified": "GetPhoneNumberVerificationStatus",
        "ChatappSyncPhoneNumber": "QueryChatappPhoneNumbers",
        "UpdatePhoneEncryptionPublicKey": "GetPhoneEncryptionPublicKey",
        "UpdatePhoneMessageQrdl": "ListPhoneMessageQrdl",
    }

    assert expected.get(operation.__name__) == operation.verify_with
    if operation.verify_with is not None:
        assert hasattr(
            official.load("alibabacloud_cams20200606.models"),
            f"{operation.verify_with}Request",
        )


@EACH
def test_an_operation_that_is_not_retry_safe_documents_its_risk(
    operation: Kind,
) -> None:
    """The docstring holds a precondition and a caution from the vendor's page."""
    text = str(operation.__doc__)

    assert ("Caution: " in text) is (not operation.retry_safe)
    assert ("Precondition: " in text) is (not operation.retry_safe)


@EACH
def test_the_client_has_a_method_with_the_same_signature(operation: Kind) -> None:
    """The method is named in snake_case and shares the docstring."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", operation.__name__).lower()
    method = getattr(CamsClient, name)
    own, *parameters = inspect.signature(method).parameters.values()

    assert own.name == "self"
    assert parameters == [*inspect.signature(operation).parameters.values()]
    assert {each.kind for each in parameters} == {inspect.Parameter.KEYWORD_ONLY}
    assert method.__doc__ == operation.__doc__
    assert inspect.iscoroutinefunction(method)


@EACH
def test_the_response_class_is_the_type_argument(operation: Kind) -> None:
    """An operation names its response once, as the argument of its base."""
    response = operation.response()

    assert issubclass(response, Response)
    assert Operation[response] in vars(operation)["__orig_bases__"]  # type: ignore[valid-type]


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


def records(cls: type[Any]) -> Iterator[type[Record]]:
    """Yield a record class and all records nested in it."""
    if issubclass(cls, Record):
        yield cls
        for a in attrs.fields(cls):
            for kind in kinds(a.type):
                yield from records(kind)


def kinds(annotation: Any) -> list[type[Any]]:
    """Return the classes in an annotation."""
    if isinstance(annotation, type):
        return [annotation]
    return [kind for each in typing.get_args(annotation) for kind in kinds(each)]


@EACH
def test_the_docstring_describes_every_field(operation: Kind) -> None:
    """The section `Args:` lists the fields in order, each with a description."""
    text = inspect.cleandoc(str(operation.__doc__))
    section = text.partition("\nArgs:\n")[2].partition("\n\n")[0]
    described = re.findall(r"(?m)^ {4}(\w+): \S", section)

    assert [a.name for a in attrs.fields(operation)] == described


@EACH
def test_every_field_of_a_response_is_described(operation: Kind) -> None:
    """A string follows each field."""
    for cls in records(operation.response()):
        (tree,) = ast.parse(inspect.getsource(cls)).body
        assert isinstance(tree, ast.ClassDef)
        for line, following in itertools.pairwise([*tree.body, ast.Pass()]):
            if isinstance(line, ast.AnnAssign):
                assert isinstance(following, ast.Expr), ast.unparse(line)
                assert isinstance(following.value, ast.Constant)


# The samples of the vendor's pages

RESPONSES = [
    pytest.param(OPERATIONS[path.name.split(".")[0]], path, id=path.name)
    for path in sorted(SAMPLES.glob("[A-Z]*.json"))
]


@EACH
def test_every_operation_has_a_sample(operation: Kind) -> None:
    """A sample is named after its action."""
    assert SAMPLES.joinpath(f"{operation.__name__}.json").is_file()


@pytest.mark.parametrize(("operation", "path"), RESPONSES)
def test_a_documented_response_survives_decoding_and_encoding(
    operation: Kind, path: Path
) -> None:
    """Every field is kept, with its line ends and placeholders."""
    payload = json.loads(path.read_text(encoding="utf-8"))
    response = responses.decode(payload, operation.response())

    assert payload == responses.encode(response)
    assert payload["RequestId"] == response.request_id
    assert response.code == "OK"


@EACH
def test_a_documented_response_has_no_undeclared_field(operation: Kind) -> None:
    """The example of the page decodes with an empty `extra` at every level."""
    text = SAMPLES.joinpath(f"{operation.__name__}.json").read_text(encoding="utf-8")
    response = responses.decode(json.loads(text), operation.response())

    assert response.extra == {}
    assert getattr(getattr(response, "data", None), "extra", {}) == {}
    assert [number.extra for number in getattr(response, "phone_numbers", ())] == [
        {} for _ in getattr(response, "phone_numbers", ())
    ]


# The vendor's own SDK

LEGACY = {"OwnerId", "ResourceOwnerAccount", "ResourceOwnerId"}


def official_fields(model: str) -> dict[str, Any]:
    """Return the wire names of a model of the vendor's SDK, and their types."""
    cls = getattr(official.load("alibabacloud_cams20200606.models"), model)
    types = typing.get_type_hints(
        cls.__init__,
        {"main_models": official.load("alibabacloud_cams20200606.models")},
        vars(typing),
    )
    filled = cls(**dict.fromkeys(types, None))
    source = inspect.getsource(cls.from_map)
    names = dict(re.findall(r"m\.get\('(\w+)'\) is not None:\s+self\.(\w+) = ", source))

    assert vars(filled).keys() >= set(names.values())
    return {wire.pascal_case(name): kind for name, kind in types.items()}


def test_the_fields_of_the_vendors_models_are_found() -> None:
    """The comparisons below would otherwise compare nothing."""
    assert set(official_fields("ChatappSyncPhoneNumberRequest")) == {
        "CustSpaceId",
        *LEGACY,
    }


@EACH
def test_request_fields_match_the_vendors_sdk(operation: Kind) -> None:
    """Three legacy fields that the vendor's pages omit are left out."""
    theirs = set(official_fields(f"{operation.__name__}Request"))
    ours = {wire.wire_name(a) for a in attrs.fields(operation)}

    assert theirs - LEGACY == ours


@EACH
def test_response_fields_match_the_vendors_sdk(operation: Kind) -> None:
    """Every field of the vendor's model is declared, at any depth."""
    missing: list[str] = []

    def compare(model: str, cls: type[Record], path: str) -> None:
        ours = {wire.wire_name(a): a.type for a in attrs.fields(cls)}
        for name, kind in official_fields(model).items():
            if name not in ours:
                missing.append(f"{path}.{name}")
            for nested in kinds(kind):
                if nested.__module__.startswith("alibabacloud"):
                    part = next(k for k in kinds(ours[name]) if issubclass(k, Record))
                    compare(nested.__name__, part, f"{path}.{name}")

    compare(f"{operation.__name__}ResponseBody", operation.response(), "$")

    assert missing == []


def test_fields_newer_than_the_vendors_pages_are_declared() -> None:
    """The service returns two fields of a number that its pages do not list."""
    assert {"is_official", "calling_configure"} <= {
        a.name for a in attrs.fields(PhoneNumber)
    }


# Validation


@EACH
def test_valid_fields_are_kept_verbatim(operation: Kind) -> None:
    """Values already in their normal form do not change."""
    kept = attrs.asdict(make(operation))
    for name in secrets(operation):
        kept[name] = kept[name].reveal()

    assert GOOD[operation.__name__] == kept


@EACH_FIELD
@pytest.mark.parametrize("value", ["", " ", "\t\n", "\u3000", 5, b"x", True, ["x"], {}])
def test_blank_values_and_other_types_are_rejected(
    operation: Kind, field: str, value: object
) -> None:
    """The error of each field carries the expected form."""
    error = refused(operation, field, value)

    assert error.expected


@EACH_FIELD
def test_only_an_optional_field_may_be_none(operation: Kind, field: str) -> None:
    """An optional field may also be left out."""
    if (operation.__name__, field) in OPTIONAL:
        fields = dict(GOOD[operation.__name__])
        del fields[field]

        assert getattr(make(operation, **{field: None}), field) is None
        assert make(operation, **{field: None}) == operation(**fields)
    else:
        refused(operation, field, None)


@EACH_FIELD
def test_an_unknown_or_missing_field_is_a_type_error(
    operation: Kind, field: str
) -> None:
    """Python itself raises the error, as for any other call."""
    fields = dict(GOOD[operation.__name__])
    with pytest.raises(TypeError, match="nonsense"):
        make(operation, nonsense="x")
    with pytest.raises(TypeError, match="positional"):
        operation(*fields.values())
    if (operation.__name__, field) not in OPTIONAL:
        del fields[field]
        with pytest.raises(TypeError, match=field):
            operation(**fields)


WITH_A_NUMBER = [each for each in GOOD if "phone_number" in GOOD[each]]


@pytest.mark.parametrize("action", WITH_A_NUMBER)
def test_a_phone_number_is_normalised(action: str) -> None:
    """Every operation accepts the spellings that `normalise` accepts."""
    operation: Any = make(OPERATIONS[action], phone_number=" (+86) 138-0000 0000")

    assert "8613800000000" == operation.phone_number


@pytest.mark.parametrize("action", WITH_A_NUMBER)
def test_a_malformed_phone_number_is_rejected(action: str) -> None:
    """The error shows the wrong character, and never the number itself."""
    value = "86138\u31640000"
    error = refused(OPERATIONS[action], "phone_number", value)

    assert error.expected == (
        "1 to 15 digits, country code first, such as 8613800000000"
    )
    assert "; found U+3164 at position 6" in str(error)
    assert value not in str(error)


@pytest.mark.parametrize("key", [KEY, KEY.encode(), f"  {KEY.rstrip()}\r\n"])
def test_a_public_key_is_sent_in_canonical_form(key: str | bytes) -> None:
    """The vendor receives real line ends."""
    operation: Any = make(UpdatePhoneEncryptionPublicKey, encryption_public_key=key)

    assert KEY == operation.encryption_public_key
    assert KEY == wire.parameters(operation)["EncryptionPublicKey"]


def test_a_malformed_public_key_is_rejected() -> None:
    """The error names the cause, and shows nothing of the key."""
    key = KEY.replace("PUBLIC", "PRIVATE")
    error = refused(UpdatePhoneEncryptionPublicKey, "encryption_public_key", key)

    assert "real newlines" in str(error.expected)
    assert "; found a private key" in str(error)
    assert key.splitlines()[1] not in f"{error} {error!r}"


@pytest.mark.parametrize("value", ["PNG", "SVG", *GenerateQrImage])
def test_the_image_format_is_png_or_svg(value: str) -> None:
    """A string and a member of the enum are accepted."""
    operation = make(UpdatePhoneMessageQrdl, generate_qr_image=value)

    assert wire.parameters(operation)["GenerateQrImage"] == value


@pytest.mark.parametrize("value", ["png", "JPEG", "PNG ", None, 1, ["PNG"], {}])
def test_another_image_format_is_rejected(value: object) -> None:
    """The error lists both formats."""
    error = refused(UpdatePhoneMessageQrdl, "generate_qr_image", value)

    assert error.expected == "one of PNG, SVG"


@pytest.mark.parametrize("code", ["000000", " 12", "a/b+c=", "\u0661"])
def test_a_verification_code_is_sent_verbatim(code: str) -> None:
    """Leading zeros and blanks are kept; only the vendor can judge a code."""
    operation = make(ChatappMigrationVerified, verify_code=code)

    assert Secret(code) == wire.parameters(operation)["VerifyCode"]


@EACH_FIELD
@pytest.mark.parametrize("value", [["canary"], 6_660_666, b"canary", {"canary": 1}])
def test_no_error_shows_the_value(operation: Kind, field: str, value: object) -> None:
    """The value may be a secret or a phone number."""
    error = refused(operation, field, value)

    assert not re.search("canary|6660666", f"{error} {error!r} {vars(error)}")


# Operations as values


def secrets(operation: Kind) -> list[str]:
    """Return the names of the secret fields."""
    return [a.name for a in attrs.fields(operation) if a.metadata.get(SECRET)]


def test_the_one_time_code_is_the_only_secret() -> None:
    """Phone numbers and messages appear in the repr of an operation."""
    assert {action: secrets(OPERATIONS[action]) for action in OPERATIONS} == {
        **{action: [] for action in OPERATIONS},
        "ChatappMigrationVerified": ["verify_code"],
    }


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r}".format])
def test_a_secret_is_masked_in_every_text_form(show: Any) -> None:
    """The other fields are shown."""
    operation = make(ChatappMigrationVerified, verify_code="424242")
    text: str = show(operation)

    assert "verify_code='***'" in text
    assert "424242" not in text
    assert "cams-1" in text


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_operation_with_a_secret_refuses_pickling(protocol: int) -> None:
    """A pickle would hold the secret as plain text."""
    operation = make(ChatappMigrationVerified)

    with pytest.raises(TypeError, match="a Secret cannot be pickled"):
        pickle.dumps(operation, protocol)


@EACH
def test_an_operation_without_a_secret_pickles(operation: Kind) -> None:
    """It can be sent to a process pool."""
    if not secrets(operation):
        value = make(operation)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert value == pickle.loads(pickle.dumps(value, protocol))  # noqa: S301 - our own


@EACH
def test_a_copy_is_equal(operation: Kind) -> None:
    """An operation with a secret can be copied, too."""
    value = make(operation)

    assert value == copy.copy(value) == copy.deepcopy(value) == attrs.evolve(value)


@given(OPERATION)
def test_equal_operations_hash_alike(operation: Operation[Any]) -> None:
    """A set of operations drops duplicates."""
    same = attrs.evolve(operation)

    assert operation == same
    assert len({operation, same}) == 1


@EACH_FIELD
def test_each_field_counts_for_equality(operation: Kind, field: str) -> None:
    """Operations that differ in one field are not equal."""
    others = {"phone_number": "1", "generate_qr_image": "SVG"}
    others["encryption_public_key"] = pem(b"other")
    value = others.get(field, "other")

    assert make(operation) != make(operation, **{field: value})


@EACH_FIELD
def test_an_operation_is_immutable(operation: Kind, field: str) -> None:
    """A field cannot be changed after validation."""
    value = make(operation)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, field, "other")


def test_annotations_of_responses_are_plain() -> None:
    """The converter supports unions, tuples and classes only."""
    origins = {
        typing.get_origin(a.type)
        for operation in OPERATIONS.values()
        for cls in records(operation.response())
        for a in attrs.fields(cls)
        if a.name not in {"extra", "meta"}
    }

    assert origins <= {None, UnionType, tuple}
