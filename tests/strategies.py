"""Values for hypothesis to choose from."""

import textwrap
from base64 import b64encode
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import attrs
from hypothesis import strategies as st

from cams_async.models import Record
from cams_async.operations import (
    ChatappMigrationVerified,
    ChatappSyncPhoneNumber,
    GenerateQrImage,
    GetPhoneNumberVerificationStatus,
    Operation,
    UpdatePhoneEncryptionPublicKey,
    UpdatePhoneMessageQrdl,
)
from cams_async.operations.fields import parts_of, record_in, wire_name
from cams_async.secret import MASK, Secret

TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text("~*+/ \n%&=?#;'\"!()[]\u00e9\u65e0\U0001f600", max_size=20),
)
"""Any text that UTF-8 can carry, and much of what percent-encoding gets wrong."""

NAMES = st.one_of(
    st.from_regex(r"[A-Za-z][A-Za-z0-9_.~-]{0,30}", fullmatch=True),
    st.text("AaB.12", min_size=1, max_size=5).map("Name".__add__),
)
"""Names of parameters; many of the second kind are prefixes of each other."""

PARAMETERS = st.dictionaries(NAMES, TEXT, max_size=10)
"""Parameters of a call, empty values among them."""

VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)
"""Text that can stand in a header or be part of a key."""

JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXT,
    ),
    lambda values: st.one_of(
        st.lists(values, max_size=4), st.dictionaries(TEXT, values, max_size=4)
    ),
    max_leaves=12,
)
"""Any JSON value."""

# Responses


# Responses have many fields: long ones would only make drawing them slow.
_SHORT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_SMALL = st.one_of(st.none(), st.integers(), st.lists(_SHORT, max_size=2))

_PLAIN: dict[type, st.SearchStrategy[Any]] = {
    NoneType: st.none(),
    bool: st.booleans(),
    int: st.integers(),
    str: _SHORT,
    Secret: st.just(Secret(MASK)),  # as it is encoded
}


def of_kind(kind: Any) -> st.SearchStrategy[Any]:
    """Values of the annotation of a field of a response."""
    kinds, _ = parts_of(kind)
    if (record := record_in(kinds)) is not None:
        kinds = [record, *(each for each in kinds if each is NoneType)]
    return st.one_of(*map(_of_one_kind, kinds))


def _of_one_kind(kind: Any) -> st.SearchStrategy[Any]:
    origin = get_origin(kind)
    if kind in _PLAIN:
        return _PLAIN[kind]
    if origin in (tuple, Sequence):
        return st.lists(of_kind(get_args(kind)[0]), max_size=2).map(tuple)
    if origin is Mapping:
        return st.dictionaries(_SHORT, _SMALL, max_size=2)
    if origin is Literal:
        return st.sampled_from(get_args(kind))
    return records(kind) if issubclass(kind, Record) else st.sampled_from(kind)


def records(cls: type[Record]) -> st.SearchStrategy[Record]:
    """Responses and their parts, with undocumented fields in `extra`."""
    attributes = attrs.fields(cls)
    known = {wire_name(a) for a in attributes} - {"Extra", "Meta"}
    unknown = st.sampled_from(["Extra", "Meta", "extra", "Neu", ""]) | _SHORT
    values = {
        a.name: of_kind(a.type) for a in attributes if a.name not in {"extra", "meta"}
    }
    named = unknown.filter(lambda name: name not in known)
    extra = st.dictionaries(named, _SMALL, max_size=2)
    return st.builds(cls, **values, extra=extra)


# Operations

PHONE_NUMBERS = st.from_regex(r"[1-9][0-9]{0,14}", fullmatch=True)
WORDS = TEXT.filter(str.strip)
"""Valid values of a required field."""


def pem(content: bytes) -> str:
    """Return the PEM text of a DER sequence: all that a key is checked for."""
    size = len(content).to_bytes(2, "big")
    size = size[1:] if len(content) < 0x80 else b"\x82" + size
    lines = textwrap.wrap(b64encode(b"\x30" + size + content).decode(), 64)
    return "\n".join(
        ["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""]
    )


PUBLIC_KEYS = st.binary(max_size=200).map(pem)
"""Public keys, as far as they are checked, in canonical PEM."""

OPERATION: st.SearchStrategy[Operation[Any]] = st.one_of(
    st.builds(
        GetPhoneNumberVerificationStatus,
        phone_number=PHONE_NUMBERS,
        cust_space_id=WORDS,
    ),
    st.builds(ChatappSyncPhoneNumber, cust_space_id=WORDS),
    st.builds(
        ChatappMigrationVerified,
        cust_space_id=WORDS,
        phone_number=PHONE_NUMBERS,
        verify_code=WORDS,
    ),
    st.builds(
        UpdatePhoneEncryptionPublicKey,
        phone_number=PHONE_NUMBERS,
        encryption_public_key=PUBLIC_KEYS,
        cust_space_id=st.none() | WORDS,
    ),
    st.builds(
        UpdatePhoneMessageQrdl,
        phone_number=PHONE_NUMBERS,
        generate_qr_image=st.sampled_from([*GenerateQrImage, "PNG", "SVG"]),
        prefilled_message=WORDS,
        qrdl_code=WORDS,
        cust_space_id=st.none() | WORDS,
    ),
)
"""A good operation of any kind."""
