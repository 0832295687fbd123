"""The proxy of an origin: from the option `proxy` or from the environment."""

import os
import re
from contextlib import suppress
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from yarl import URL

from cams_async.endpoints import is_loopback
from cams_async.errors import ConfigurationError
from cams_async.secret import Secret

_EXPECTED = "must be a URL such as http://127.0.0.1:3128"
_SOCKS = "names a SOCKS proxy, which is not supported; use an http proxy"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def hide_proxy(value: object) -> Secret | None:
    """Wrap the URL of a proxy, which may hold a password, before anything can fail.

    A value that is no text becomes an empty one, which `find_proxy` refuses.
    """
    if value is None:
        return None
    return Secret(value if isinstance(value, (str, Secret)) else "")


def find_proxy(given: Secret | None, origin: str) -> Secret | None:
    """Return the URL of the proxy for an origin, checked; None for no proxy.

    A given proxy is used for any origin. Otherwise HTTPS_PROXY or HTTP_PROXY, by the
    origin's scheme, or ALL_PROXY applies, unless NO_PROXY names the host or the host
    is this machine. The lower-case name of a variable wins.

    Entries of NO_PROXY, separated by commas or spaces: `*`, a host, which includes its
    subdomains, with or without a leading dot or `*.`, an IP address, or a network such
    as 10.0.0.0/8. A host or an address may have a port. Other entries match nothing.

    Raises:
        ConfigurationError: The URL is unusable. Names the argument `proxy`, or the
            variable, and shows nothing of the URL.
    """
    if given is not None:
        return _check(given, "proxy")
    parts = urlsplit(origin)
    host, scheme = parts.hostname or "", parts.scheme
    if is_loopback(host):
        return None
    for name in (f"{scheme}_proxy", "all_proxy"):
        variable, value = _look_up(name)
        if value:
            break
    else:
        return None
    port = parts.port or _DEFAULT_PORTS[scheme]
    if _is_excluded(host, port, _look_up("no_proxy")[1].reveal()):
        return None
    if not _SCHEME.match(value.reveal()):
        value = Secret("http://" + value.reveal().removeprefix("//"))
    return _check(value, variable)


def _look_up(name: str) -> tuple[str, Secret]:
    """Return the spelling of a variable that is set, and its value."""
    if name in os.environ:
        return name, Secret(os.environ[name].strip())
    upper = name.upper()
    if upper == "HTTP_PROXY" and "REQUEST_METHOD" in os.environ:
        # In a CGI process it is the `Proxy` header of a request. https://httpoxy.org
        return upper, Secret("")
    return upper, Secret(os.environ.get(upper, "").strip())


def _check(proxy: Secret, field: str) -> Secret:
    if re.match(r"(?i)socks[^:/]*://", proxy.reveal()):
        raise ConfigurationError(_SOCKS, field=field)
    if not _is_usable(proxy):
        raise ConfigurationError(_EXPECTED, field=field)
    return proxy


def _is_usable(proxy: Secret) -> bool:
    # A parser drops line ends silently.
    if not proxy.reveal().isprintable() or " " in proxy.reveal():
        return False
    try:
        url = URL(proxy.reveal())
        port, user = url.port, url.user or ""
        # Otherwise each call would fail as they are encoded.
        (url.raw_host or "").encode("idna")
        f"{user}{url.password}".encode("latin1")
    except ValueError:
        return False
    # Behind an unescaped `/`, `?` or `#` of a password, the rest is no host.
    whole = url.path in ("", "/") and not url.query_string and not url.fragment
    named = bool(url.host) and ":" not in user
    return url.scheme in _DEFAULT_PORTS and named and bool(port) and whole


def _is_excluded(host: str, port: int, no_proxy: str) -> bool:
    return any(
        _matches(entry, host.rstrip("."), port)
        for entry in re.split(r"[\s,]+", no_proxy.lower())
        if entry
    )


def _matches(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    with suppress(ValueError):
        # An address without a port, or a network.
        return ip_address(host) in ip_network(entry.strip("[]"), strict=False)
    name, colon, number = entry.rpartition(":")
    if colon and number != str(port):
        return False
    name = (name if colon else entry).strip("[]")
    with suppress(ValueError):
        return ip_address(host) == ip_address(name)
    name = name.removeprefix("*").strip(".")
    return name != "" and f".{host}".endswith(f".{name}")
