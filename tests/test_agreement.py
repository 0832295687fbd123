"""What we sign equals what the vendor's own SDK signs, byte for byte."""

import hashlib
import logging
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from cams_async import signing
from tests import official
from tests.strategies import PARAMETERS, TEXT, VISIBLE

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
    """Whatever the parameters, headers and keys, the two headers are the same."""
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
