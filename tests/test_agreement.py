"""Signatures equal those of the vendor's own SDK, byte for byte."""

import hashlib
import logging
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cams_async import signing, wire
from cams_async.credentials import Credentials
from cams_async.endpoints import parse_endpoint
from cams_async.forms import LONGEST_QUERY
from cams_async.protocol import Call, build_request
from cams_async.secret import Secret
from tests import official
from tests.strategies import JSON, PARAMETERS, TEXT, VISIBLE

HEADERS = st.fixed_dictionaries(
    {
        "host": st.from_regex(r"[a-z0-9.-]{1,40}(:[0-9]{1,5})?", fullmatch=True),
        "x-acs-action": st.from_regex(r"[A-Za-z0-9]{1,40}", fullmatch=True),
        "x-acs-content-sha256": st.just(signing.EMPTY_BODY_SHA256),
        "x-acs-date": st.datetimes().map(lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}"),
        "x-acs-signature-nonce": st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
        "x-acs-version": st.just("2020-06-06"),
    },
    optional={
        "x-acs-security-token": VISIBLE,
        "x-acs-accesskey-id": VISIBLE,
        "content-type": VISIBLE,
    },
)


@given(
    query=PARAMETERS,
    headers=HEADERS,
    access_key_id=VISIBLE,
    access_key_secret=st.one_of(VISIBLE, TEXT.filter(bool)),
    method=st.sampled_from(["POST", "GET"]),
    body=st.binary(max_size=40),
)
def test_signatures_are_byte_equal(  # noqa: PLR0917 - hypothesis names them
    query: dict[str, str],
    headers: dict[str, str],
    access_key_id: str,
    access_key_secret: str,
    method: str,
    body: bytes,
) -> None:
    """The two headers are the same for any parameters, headers and keys."""
    hashed_body = hashlib.sha256(body).hexdigest()

    ours = signing.sign(
        method=method,
        canonical_query=signing.canonical_query_string(query),
        headers=headers,
        access_key_id=access_key_id,
        access_key_secret=access_key_secret,
        hashed_body=hashed_body,
    )
    theirs = official.authorization(
        method=method,
        query=query,
        headers=headers,
        access_key_id=access_key_id,
        access_key_secret=access_key_secret,
        hashed_body=hashed_body,
    )

    assert theirs == ours


@given(query=PARAMETERS)
def test_canonical_queries_are_equal(query: dict[str, str]) -> None:
    """The text that goes into the URL is the text that the vendor's SDK signs."""
    utils = official.load("alibabacloud_tea_openapi.utils")

    assert utils.get_canonical_query_string(query) == signing.canonical_query_string(
        query
    )


@given(form=PARAMETERS)
def test_form_bodies_are_equal(form: dict[str, str]) -> None:
    """The bytes of the body are those that the vendor's SDK sends."""
    utils = official.load("alibabacloud_tea_openapi.utils").Utils
    query = signing.canonical_query_string(form)

    assert utils.to_form(form).encode() == signing.form_body(query)


@given(
    value=st.one_of(st.lists(JSON, max_size=3), st.dictionaries(TEXT, JSON, max_size=3))
)
@example(value=[{"To": "86 1", "TemplateParams": {"a": "b, c: d"}}])
def test_nested_values_are_equal(value: object) -> None:
    """Their JSON text is the one that the vendor's SDK makes: no spaces, no escapes."""
    utils = official.load("alibabacloud_tea_openapi.utils").Utils

    theirs = utils.array_to_string_with_specified_style(value, "Name", "json")

    assert theirs == wire.as_text("Name", value)


@settings(max_examples=25)  # each makes a client of the vendor's
@given(parameters=PARAMETERS)
@example(parameters={"A": "x" * (LONGEST_QUERY - 2)})
@example(parameters={"A": "x" * (LONGEST_QUERY - 1)})
@example(parameters={"SenderList": '[{"To":"86 1"},{"To":"*~+/"}]' * 1000, "B": ""})
@pytest.mark.parametrize("confidential", [False, True])
def test_a_request_is_the_one_that_the_vendor_sends(
    parameters: dict[str, str],
    confidential: bool,  # noqa: FBT001 - pytest gives it
) -> None:
    """Query or form: the same place and bytes, and both sign headers alike."""
    call: Call[object] = Call(
        action="AnAction",
        parameters={
            name: Secret(value) if confidential else value
            for name, value in parameters.items()
        },
        qps=1.0,
        retry_safe=False,
        decode=lambda payload, _: payload,
    )
    ours = build_request(
        call,
        endpoint=parse_endpoint("https://h"),
        credentials=Credentials("id", "secret"),
        date=0.0,
        nonce="n",
    )
    is_form = bool(ours.body)
    theirs = official.request_of(
        "AnAction",
        query=None if is_form else parameters,
        form=parameters if is_form else None,
    )
    query = signing.canonical_query_string(theirs.query)

    assert ours.url == (f"https://h/?{query}" if query else "https://h/")
    assert (theirs.body or "").encode() == ours.body
    for name in ("x-acs-content-sha256", "content-type"):
        assert theirs.headers.get(name) == ours.headers.get(name)
    signed = {
        name: value
        for name, value in ours.headers.items()
        if name not in {"accept", "accept-encoding", "authorization", "user-agent"}
    }
    assert ours.headers["authorization"] == official.authorization(
        method="POST",
        query=theirs.query,
        headers=signed,
        access_key_id="id",
        access_key_secret="secret",
        hashed_body=theirs.headers["x-acs-content-sha256"],
    )
    assert theirs.headers.pop("Authorization") == signing.sign(
        method="POST",
        canonical_query=query,
        headers=theirs.headers,
        access_key_id="id",
        access_key_secret="secret",
        hashed_body=hashlib.sha256(ours.body).hexdigest(),
    )


def test_the_official_sdk_is_kept_quiet() -> None:
    """Loading it for a test leaves no handler behind."""
    official.load("alibabacloud_cams20200606.client")

    for name in official.LOUD:
        assert not logging.getLogger(name).handlers


def test_the_package_does_not_import_the_official_sdk() -> None:
    """It is here to be compared with: at run time we stand alone."""
    script = (
        "import sys, cams_async.client\n"
        "vendors = ('alibabacloud', 'darabonba', 'Tea')\n"
        "print([name for name in sys.modules if name.startswith(vendors)])"
    )

    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"
