"""The vendor's own SDK, without what importing it does to the process.

Importing it warns of deprecations and hangs handlers at level DEBUG on loggers, which
print to stderr from then on.

https://github.com/aliyun/alibabacloud-python-sdk/issues/35
"""

import importlib
import logging
import warnings
from collections.abc import Mapping
from typing import Any

LOUD = ("darabonba-core", "alibabacloud-tea", "credentials")


def load(module: str) -> Any:
    """Import a module of the vendor's SDK, and undo what else that does."""
    with warnings.catch_warnings(action="ignore"):
        loaded = importlib.import_module(module)
    for name in LOUD:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
    return loaded


def authorization(
    *,
    method: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    access_key_id: str,
    access_key_secret: str,
    hashed_body: str,
) -> str:
    """Return the Authorization header that the vendor's SDK would send."""
    request = load("darabonba.request").DaraRequest()
    request.method = method
    request.pathname = "/"
    request.query = dict(query)
    request.headers = dict(headers)
    utils = load("alibabacloud_tea_openapi.utils").Utils
    signed: str = utils.get_authorization(
        request, "ACS3-HMAC-SHA256", hashed_body, access_key_id, access_key_secret
    )
    return signed
