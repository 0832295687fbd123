"""Proxies of the argument and of the environment, as tables."""

import pytest

from cams_async.client import CamsClient
from cams_async.errors import ConfigurationError
from cams_async.proxies import find_proxy, hide_proxy
from cams_async.secret import Secret
from tests.fakes import CREDENTIALS

HTTPS = "https://cams.example"
HTTP = "http://cams.example"
PROXY = "http://p:1"
PASSWORD = "canary-password"

URL = "must be a URL such as http://127.0.0.1:3128"
SOCKS = "names a SOCKS proxy, which is not supported; use an http proxy"


def revealed(given: object, origin: str) -> str | None:
    """Return the proxy for an origin in the clear."""
    found = find_proxy(hide_proxy(given), origin)
    return None if found is None else found.reveal()


@pytest.mark.parametrize(
    ("variables", "origin", "expected"),
    [
        ({}, HTTPS, None),
        ({"HTTPS_PROXY": PROXY}, HTTPS, PROXY),
        ({"https_proxy": PROXY}, HTTPS, PROXY),
        ({"https_proxy": "http://q:1", "HTTPS_PROXY": PROXY}, HTTPS, "http://q:1"),
        ({"https_proxy": "", "HTTPS_PROXY": PROXY}, HTTPS, None),
        ({"HTTPS_PROXY": " \t"}, HTTPS, None),
        ({"HTTPS_PROXY": f" {PROXY}\n"}, HTTPS, PROXY),
        ({"HTTPS_PROXY": PROXY}, HTTP, None),
        ({"HTTP_PROXY": PROXY}, HTTPS, None),
        ({"HTTP_PROXY": PROXY}, HTTP, PROXY),
        ({"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, HTTP, None),
        ({"http_proxy": PROXY, "REQUEST_METHOD": "GET"}, HTTP, PROXY),
        ({"ALL_PROXY": PROXY}, HTTP, PROXY),
        ({"all_proxy": PROXY}, HTTPS, PROXY),
        ({"ALL_PROXY": PROXY, "HTTPS_PROXY": "http://q:1"}, HTTPS, "http://q:1"),
        ({"ALL_PROXY": PROXY, "HTTPS_PROXY": ""}, HTTPS, PROXY),
        ({"HTTPS_PROXY": "p:1"}, HTTPS, "http://p:1"),
        ({"HTTPS_PROXY": "//p:1"}, HTTPS, "http://p:1"),
        ({"HTTPS_PROXY": "u:s@p:1"}, HTTPS, "http://u:s@p:1"),
        ({"HTTPS_PROXY": "proxy"}, HTTPS, "http://proxy"),
        ({"HTTPS_PROXY": "[::1]:3128"}, HTTPS, "http://[::1]:3128"),
        ({"HTTPS_PROXY": "HTTP://p:1/"}, HTTPS, "HTTP://p:1/"),
        ({"ALL_PROXY": PROXY}, "http://localhost:8080", None),
        ({"ALL_PROXY": PROXY}, "http://127.0.0.1:8080", None),
        ({"ALL_PROXY": PROXY}, "https://127.9.9.9", None),
        ({"ALL_PROXY": PROXY}, "http://[::1]:8080", None),
        ({"ALL_PROXY": "socks5://p:1"}, "http://[::1]:8080", None),
    ],
)
def test_the_environment_names_the_proxy(
    variables: dict[str, str],
    origin: str,
    expected: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the origin's scheme, in lower case first, and never for this machine."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert expected == revealed(None, origin)


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize(
    ("no_proxy", "origin", "excluded"),
    [
        ("", HTTPS, False),
        (" , ,", HTTPS, False),
        ("*", HTTPS, True),
        ("a.b, *", HTTPS, True),
        ("cams.example", HTTPS, True),
        ("CAMS.Example", HTTPS, True),
        ("cams.example.", HTTPS, True),
        ("cams.example", "https://cams.example.:8443", True),
        ("a.b,cams.example", HTTPS, True),
        ("a.b cams.example", HTTPS, True),
        ("example", HTTPS, True),
        (".example", HTTPS, True),
        ("*.example", HTTPS, True),
        ("..example", HTTPS, True),
        (".cams.example", HTTPS, True),
        ("ams.example", HTTPS, False),
        ("example.com", HTTPS, False),
        ("cams", HTTPS, False),
        (".", HTTPS, False),
        ("*.", HTTPS, False),
        (":", HTTPS, False),
        ("cams.example:443", HTTPS, True),
        ("cams.example:80", HTTP, True),
        ("cams.example:443", HTTP, False),
        (".example:8443", "https://cams.example:8443", True),
        ("cams.example:8443", HTTPS, False),
        ("cams.example:x", HTTPS, False),
        ("192.0.2.7", "https://192.0.2.7", True),
        ("192.0.2.7:443", "https://192.0.2.7", True),
        ("192.0.2.7:8443", "https://192.0.2.7", False),
        ("192.0.2.0/24", "https://192.0.2.7", True),
        ("192.0.2.9/24", "https://192.0.2.7", True),
        ("192.0.2.0/24", "https://192.0.3.7", False),
        ("192.0.2.0/24", HTTPS, False),
        ("192.0.2.0/99", "https://192.0.2.7", False),
        ("2.7", "https://192.0.2.7", True),
        ("2001:db8::7", "https://[2001:db8::7]", True),
        ("2001:DB8:0::7", "https://[2001:db8::7]", True),
        ("[2001:db8::7]", "https://[2001:db8::7]", True),
        ("[2001:db8:0::7]:443", "https://[2001:db8::7]", True),
        ("[2001:db8::7]:8443", "https://[2001:db8::7]", False),
        ("2001:db8::/32", "https://[2001:db8::7]", True),
        ("2001:db8::/32", "https://192.0.2.7", False),
        ("2001:db8::/32", HTTPS, False),
        ("[2001:db8::7]:443", HTTPS, False),
    ],
)
def test_no_proxy_names_exceptions(
    no_proxy: str,
    origin: str,
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    excluded: bool,
) -> None:
    """Hosts with their subdomains, addresses, networks, with or without a port."""
    monkeypatch.setenv("ALL_PROXY", PROXY)
    monkeypatch.setenv(variable, no_proxy)

    assert (None if excluded else PROXY) == revealed(None, origin)
    assert "http://q:1" == revealed("http://q:1", origin)


BAD = {
    "": URL,
    "http://": URL,
    "http://:80": URL,
    "http://[::1": URL,
    "ftp://p:1": URL,
    "http://p:0": URL,
    "http://p:65536": URL,
    "http://p:x": URL,
    "http://p:-1": URL,
    "http://p:1/path": URL,
    "http://p:1?a=b": URL,
    "http://p:1#a": URL,
    f"http://u:{PASSWORD}/@p:1": URL,
    f"http://u:{PASSWORD}#@p:1": URL,
    f"http://u:{PASSWORD}@p:port": URL,
    f"http://u:{PASSWORD}@p p:1": URL,
    f"http://u:{PASSWORD}@p..q:1": URL,
    f"http://u:{PASSWORD}@{'p' * 64}:1": URL,
    f"http://u:{PASSWORD}\N{EURO SIGN}@p:1": URL,
    f"http://u%3A:{PASSWORD}@p:1": URL,
    f"http://u:{PASSWORD}@p:1\r\nx: y": URL,
    f"socks5://u:{PASSWORD}@p:1": SOCKS,
    "SOCKS4://p:1": SOCKS,
    "socks5h://p:1": SOCKS,
    "socks://": SOCKS,
}


@pytest.mark.parametrize("value", [*BAD, 3128, b"http://p:1", "p:1"], ids=repr)
def test_an_unusable_argument_is_named(value: object) -> None:
    """Also by a client, at its construction; nothing shows the value."""
    expected = BAD.get(value, URL) if isinstance(value, str) else URL
    with pytest.raises(ConfigurationError) as caught:
        CamsClient(CREDENTIALS, proxy=value)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - not every caller has a type checker

    check(caught.value, "proxy", expected)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("value", [each for each in BAD if each], ids=repr)
def test_an_unusable_variable_is_named(
    value: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the spelling that is set. Where no proxy is used, it does no harm."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        CamsClient(CREDENTIALS)

    check(caught.value, variable, BAD[value])

    CamsClient(CREDENTIALS, proxy=PROXY)
    CamsClient(CREDENTIALS, endpoint="http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "*")
    CamsClient(CREDENTIALS)


def check(error: ConfigurationError, field: str, expected: str) -> None:
    """Compare an error, and find no password in it, nor in a frame of ours."""
    assert f"{field}: {expected}" == str(error)
    assert field == error.field
    assert error.__cause__ is error.__context__ is None
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_globals["__name__"].startswith("cams_async"):
            assert PASSWORD not in repr(frame.f_locals)
        traceback = traceback.tb_next


@pytest.mark.parametrize("wrap", [str, Secret])
def test_a_password_is_hidden(wrap: type[str] | type[Secret]) -> None:
    """A client takes it, and shows none of it."""
    url = wrap(f"http://u:{PASSWORD}@p:1")
    cams = CamsClient(CREDENTIALS, proxy=url)

    assert PASSWORD not in f"{cams!r} {vars(cams)!r} {vars(cams._transport)!r}"
