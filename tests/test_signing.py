"""The signature is the vendor's, computed by pure functions."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from cams_async import signing
from tests.strategies import PARAMETERS, TEXT

SAMPLES = Path(__file__).parent / "samples"
VECTORS: list[dict[str, Any]] = json.loads(
    SAMPLES.joinpath("vectors.json").read_text()
)["v3"]

HEADERS = {
    "Host": "cams.ap-southeast-1.aliyuncs.com",
    "x-acs-action": "ChatappSyncPhoneNumber",
    "x-acs-version": "2020-06-06",
}


def sign(**changes: Any) -> str:
    """Sign a small request, changed as the test likes."""
    request: dict[str, Any] = {
        "method": "POST",
        "canonical_query": "CustSpaceId=cams-1",
        "headers": HEADERS,
        "access_key_id": "id",
        "access_key_secret": "secret",
    }
    return signing.sign(**request | changes)


@pytest.mark.parametrize("vector", VECTORS, ids=[each["name"] for each in VECTORS])
def test_each_vector_is_met_step_by_step(vector: dict[str, Any]) -> None:
    """Query, request, string to sign and header are all what the vendor has."""
    hashed_body = hashlib.sha256(vector["body"].encode()).hexdigest()
    query = signing.canonical_query_string(vector["query"])
    request = signing.canonical_request(
        method=vector["method"],
        canonical_uri=vector["canonical_uri"],
        canonical_query=query,
        headers=signing.canonical_headers(vector["headers"]),
        hashed_body=hashed_body,
    )

    assert vector["canonical_query"] == query
    if vector["name"] == "form_body":
        form = dict(parse_qsl(vector["body"]))
        query_of_form = signing.canonical_query_string(form)
        assert vector["body"].encode() == signing.form_body(query_of_form)
    assert vector["canonical_request"] == request
    assert vector["string_to_sign"] == signing.string_to_sign(request)
    assert vector["expected_authorization"] == signing.sign(
        method=vector["method"],
        canonical_query=query,
        headers=vector["headers"],
        access_key_id=vector["access_key_id"],
        access_key_secret=vector["access_key_secret"],
        hashed_body=hashed_body,
    )


def test_the_hash_of_the_empty_body_is_the_documented_one() -> None:
    """The vendor's page spells it out."""
    expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    assert expected == signing.EMPTY_BODY_SHA256


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("AZaz09-_.~", "AZaz09-_.~"),
        (" ", "%20"),
        ("*", "%2A"),
        ("+", "%2B"),
        ("/", "%2F"),
        ("\n", "%0A"),
        ("\u65e0", "%E6%97%A0"),
        ("\U0001f600", "%F0%9F%98%80"),
    ],
)
def test_percent_encoding_keeps_only_unreserved_characters(
    text: str, encoded: str
) -> None:
    """Everything else becomes the bytes of its UTF-8, in capitals."""
    assert encoded == signing.percent_encode(text)


@given(TEXT)
def test_percent_encoding_loses_nothing(text: str) -> None:
    """Decoding gives the text back, and only harmless characters are left."""
    encoded = signing.percent_encode(text)

    assert text == unquote(encoded, errors="strict")
    assert re.fullmatch(r"(?:[A-Za-z0-9_.~-]|%[0-9A-F]{2})*", encoded)


@given(PARAMETERS)
def test_the_query_carries_every_parameter(parameters: dict[str, str]) -> None:
    """Reading it as a URL's query gives the very parameters, empty values too."""
    query = signing.canonical_query_string(parameters)
    url = URL(f"http://host/?{query}", encoded=True)

    assert query == url.raw_query_string
    assert parameters == dict(url.query)


@given(PARAMETERS)
def test_the_form_carries_every_parameter(parameters: dict[str, str]) -> None:
    """Reading it as a form gives the very parameters; a space travels as `+`."""
    body = signing.form_body(signing.canonical_query_string(parameters))

    assert parameters == dict(parse_qsl(body.decode(), keep_blank_values=True))
    assert b"%20" not in body


@given(PARAMETERS, st.randoms(use_true_random=False))
def test_the_order_of_parameters_does_not_matter(
    parameters: dict[str, str], random: Any
) -> None:
    """They are sorted by name, in the order of their bytes."""
    items = list(parameters.items())
    random.shuffle(items)
    query = signing.canonical_query_string(dict(items))
    names = [pair.partition("=")[0] for pair in query.split("&") if pair]

    assert query == signing.canonical_query_string(parameters)
    assert names == sorted(names, key=str.encode)


@given(st.permutations(list(HEADERS.items())))
def test_the_order_of_headers_does_not_matter(headers: list[tuple[str, str]]) -> None:
    """They are sorted by name."""
    assert sign() == sign(headers=dict(headers))


def test_the_case_of_header_names_and_space_around_values_do_not_matter() -> None:
    """Names are lowered and values trimmed before they are signed."""
    headers = {name.upper(): f"  {value}\t" for name, value in HEADERS.items()}

    assert sign() == sign(headers=headers)


def test_the_header_names_what_was_signed_and_by_whom() -> None:
    """The server reads algorithm, key id and signed headers from it."""
    assert re.fullmatch(
        "ACS3-HMAC-SHA256 Credential=id,"
        "SignedHeaders=host;x-acs-action;x-acs-version,"
        "Signature=[0-9a-f]{64}",
        sign(),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"canonical_query": "CustSpaceId=cams-2"},
        {"headers": HEADERS | {"x-acs-action": "ChatappMigrationVerified"}},
        {"headers": HEADERS | {"x-acs-date": "2023-10-26T10:22:32Z"}},
        {"access_key_secret": "secrets"},
        {"hashed_body": hashlib.sha256(b"{}").hexdigest()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_nothing_signed_can_be_changed(change: dict[str, Any]) -> None:
    """Another method, query, header, key or body is another signature."""

    def signature(authorization: str) -> str:
        return authorization.rpartition("=")[2]

    assert signature(sign()) != signature(sign(**change))
