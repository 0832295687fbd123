"""Endpoints: the documented regions, and the validation of origins."""

import ipaddress
import re
from typing import Any
from urllib.parse import SplitResult, urlsplit

from attrs import frozen

from cams_async.errors import ConfigurationError

REGIONS = {"ap-southeast-1": "https://cams.ap-southeast-1.aliyuncs.com"}
"""The documented regions. https://api.alibabacloud.com/product/cams"""

_DEFAULT_PORTS = {"http": 80, "https": 443}

# A name, an IPv4 address or an IPv6 address in brackets; neither user nor escapes.
_PLACE = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?")


@frozen
class Endpoint:
    """An origin: scheme, host and port."""

    origin: str
    """Such as `https://cams.ap-southeast-1.aliyuncs.com`."""

    host: str
    """The Host header, with the port unless it is the default of the scheme."""

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.origin.startswith("https:")


def region_endpoint(region: Any) -> Endpoint:
    """Return the documented endpoint of a region.

    Raises:
        ConfigurationError: The region is not documented.
    """
    origin = REGIONS.get(region) if isinstance(region, str) else None
    if origin is None:
        names = ", ".join(REGIONS)
        msg = f"{region!r} has no documented endpoint (known: {names}); pass endpoint="
        raise ConfigurationError(msg, field="region")
    return parse_endpoint(origin)


def parse_endpoint(text: Any, *, allow_http: bool = False) -> Endpoint:
    """Parse a full origin such as `http://127.0.0.1:8080`.

    Raises:
        ConfigurationError: The text is not an origin, or plain http to another machine
            while `allow_http` is False.
    """
    parts = _split(text)
    scheme, host, port = parts.scheme, parts.hostname or "", parts.port
    if scheme == "http" and not allow_http and not is_loopback(host):
        msg = "plain http is allowed only to this machine; use https or allow_http=True"
        raise ConfigurationError(msg, field="endpoint")
    name = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS[scheme]:
        name = f"{name}:{port}"
    return Endpoint(f"{scheme}://{name}", name)


def _split(text: Any) -> SplitResult:
    expected = "must be a full origin such as https://cams.ap-southeast-1.aliyuncs.com"
    # urlsplit silently drops line ends, which must not reach a Host header.
    if not isinstance(text, str) or not text.isprintable() or " " in text:
        raise ConfigurationError(expected, field="endpoint")
    try:
        parts = urlsplit(text)
        ok = parts.port != 0
    except ValueError:
        raise ConfigurationError(expected, field="endpoint") from None
    ok = ok and parts.scheme in _DEFAULT_PORTS and parts.path in ("", "/")
    if not ok or parts.query or parts.fragment or not _PLACE.fullmatch(parts.netloc):
        raise ConfigurationError(expected, field="endpoint")
    return parts


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
