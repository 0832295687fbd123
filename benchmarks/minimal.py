"""The least that a client can be: aiohttp, and a signature made by hand.

No ceilings, no retries, no time limits of its own, no checks of what is asked or
answered, and JSON instead of types.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

ALGORITHM = "ACS3-HMAC-SHA256"
NOTHING = hashlib.sha256(b"").hexdigest()


async def post(session: aiohttp.ClientSession, origin: str, query: str) -> Any:
    """Do one unsigned POST."""
    async with session.post(URL(f"{origin}/?{query}", encoded=True)) as response:
        return json.loads(await response.read())


async def post_signed(
    session: aiohttp.ClientSession,
    origin: str,
    key: tuple[str, str],
    action: str,
    parameters: Mapping[str, str],
) -> Any:
    """Do one signed POST."""
    query = "&".join(
        f"{quote(name, safe='~')}={quote(value, safe='~')}"
        for name, value in sorted(parameters.items())
    )
    headers = {
        "host": origin.partition("://")[2],
        "x-acs-action": action,
        "x-acs-content-sha256": NOTHING,
        "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": secrets.token_hex(16),
        "x-acs-version": "2020-06-06",
    }
    block = "".join(f"{name}:{value}\n" for name, value in headers.items())
    signed = ";".join(headers)
    request = f"POST\n/\n{query}\n{block}\n{signed}\n{NOTHING}"
    text = f"{ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(key[1].encode(), text.encode(), "sha256").hexdigest()
    headers["authorization"] = (
        f"{ALGORITHM} Credential={key[0]},SignedHeaders={signed},Signature={signature}"
    )
    url = URL(f"{origin}/?{query}", encoded=True)
    async with session.post(url, headers=headers) as response:
        return json.loads(await response.read())
