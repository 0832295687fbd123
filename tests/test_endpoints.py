"""The documented endpoints, and the validation of other origins."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from cams_async.endpoints import REGIONS, Endpoint, parse_endpoint, region_endpoint
from cams_async.errors import ConfigurationError


def test_the_documented_region_has_its_documented_host() -> None:
    """https://api.alibabacloud.com/product/cams lists one."""
    expected = Endpoint(
        "https://cams.ap-southeast-1.aliyuncs.com",
        "cams.ap-southeast-1.aliyuncs.com",
    )

    assert expected == region_endpoint("ap-southeast-1")
    assert [*REGIONS] == ["ap-southeast-1"]


@pytest.mark.parametrize("region", ["eu-central-1", "", "AP-SOUTHEAST-1", None, 5, []])
def test_another_region_is_rejected(region: Any) -> None:
    """The error lists the documented regions; a host is not guessed."""
    with pytest.raises(
        ConfigurationError, match=r"known: ap-southeast-1\); pass endpoint="
    ) as caught:
        region_endpoint(region)

    assert caught.value.field == "region"
    assert repr(region) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "origin", "host"),
    [
        ("https://example.com", "https://example.com", "example.com"),
        ("https://example.com/", "https://example.com", "example.com"),
        ("https://example.com:443", "https://example.com", "example.com"),
        ("https://example.com:8443", "https://example.com:8443", "example.com:8443"),
        ("https://example.com:80", "https://example.com:80", "example.com:80"),
        ("https://example.com:", "https://example.com", "example.com"),
        ("HTTPS://Example.COM", "https://example.com", "example.com"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example", None),
        ("https://under_score.example", "https://under_score.example", None),
        ("https://[2001:db8::1]", "https://[2001:db8::1]", "[2001:db8::1]"),
        ("https://[2001:DB8::1]:99", "https://[2001:db8::1]:99", "[2001:db8::1]:99"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://127.0.0.1:80", "http://127.0.0.1", "127.0.0.1"),
        ("http://127.255.0.7", "http://127.255.0.7", "127.255.0.7"),
        ("http://localhost:1", "http://localhost:1", "localhost:1"),
        ("http://LOCALHOST", "http://localhost", "localhost"),
        ("http://[::1]:8080", "http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_an_origin_is_parsed(text: str, origin: str, host: str | None) -> None:
    """The host has a port unless it is the default of the scheme."""
    endpoint = parse_endpoint(text)

    assert origin == endpoint.origin
    assert (host or origin.removeprefix("https://")) == endpoint.host
    assert endpoint.secure is origin.startswith("https:")


@pytest.mark.parametrize(
    "text",
    [
        "http://example.com",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://[2001:db8::1]",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://127.1",
    ],
)
def test_plain_http_to_another_machine_must_be_allowed(text: str) -> None:
    """Keys and codes would be sent unencrypted."""
    with pytest.raises(ConfigurationError, match="allow_http=True") as caught:
        parse_endpoint(text)

    assert caught.value.field == "endpoint"
    assert text == parse_endpoint(text, allow_http=True).origin
    assert not parse_endpoint(text, allow_http=True).secure


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com",
        "//example.com",
        "ftp://example.com",
        "https:example.com",
        "https://",
        "https://:443",
        "https://user@example.com",
        "https://user:secret@example.com",
        "https://@example.com",
        "https://example.com/path",
        "https://example.com//",
        "https://example.com?a=b",
        "https://example.com#top",
        "https://example.com:0",
        "https://example.com:65536",
        "https://example.com:port",
        "https://example.com:-1",
        "https://[::1",
        "https://[v1.a]",
        "https://[::1%25eth0]",
        "https://b\u00fccher.example",
        "https://exam\u2024ple",
        "https://\u212aelvin",
        " https://example.com",
        "https://example.com ",
        "https://exam ple.com",
        "https://example.com\n",
        "https://exam\r\nple.com",
        "\thttps://example.com",
        "https://example.com\\@evil.com",
        "https://exam\\ple.com",
        "https://exam%41ple.com",
        'https://exam"ple.com',
        "https://<host>",
        "https://a,b",
        None,
        5,
        b"https://example.com",
        ["https://example.com"],
    ],
)
def test_other_texts_are_rejected(text: Any) -> None:
    """The error does not show the text, which may hold a password."""
    with pytest.raises(ConfigurationError, match="must be a full origin") as caught:
        parse_endpoint(text, allow_http=True)

    assert caught.value.field == "endpoint"
    assert "secret" not in str(caught.value)


@given(
    st.one_of(
        st.text(),
        st.builds(
            "{}{}{}".format,
            st.sampled_from(["http://", "https://", "HTTPS://"]),
            st.text("aZ09.-_[]:@%/?#\\ \n\u00e9", max_size=12),
            st.sampled_from(["", "/", ":443", ":8080"]),
        ),
    )
)
@example("https://[v1.a]")
@example("https://\\")
def test_any_text_is_an_origin_or_a_configuration_error(text: str) -> None:
    """No other exception is raised, and yarl parses an accepted origin alike."""
    try:
        endpoint = parse_endpoint(text, allow_http=True)
    except ConfigurationError:
        return
    url = URL(f"{endpoint.origin}/?a=b", encoded=True)

    assert endpoint == parse_endpoint(endpoint.origin, allow_http=True)
    assert endpoint.host == url.raw_authority
    assert endpoint.secure is (url.scheme == "https")
