"""The vendor's own SDK, without what importing it does to the process.

Importing it warns of deprecations and hangs handlers at level DEBUG on loggers, which
print to stderr from then on.

https://github.com/aliyun/alibabacloud-python-sdk/issues/35
"""

import importlib
import logging
import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from unittest.mock import patch

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


def request_of(
    action: str,
    *,
    query: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> Any:
    """Return the signed request that the vendor's SDK would send, and do not send it.

    As the SDK's method of an action does: `query` for the query, `form` for a form.
    """
    module, models = (
        load("alibabacloud_tea_openapi.client"),
        load("alibabacloud_tea_openapi.models"),
    )
    utils = load("alibabacloud_tea_openapi.utils").Utils
    sent: list[Any] = []

    def keep(request: Any, _: Any) -> None:
        sent.append(request)
        raise InterruptedError

    with warnings.catch_warnings(action="ignore"):
        client = module.Client(
            models.Config(access_key_id="id", access_key_secret="secret", endpoint="h")
        )
        request = models.OpenApiRequest(
            query=None if query is None else utils.query(query),
            body=None if form is None else utils.parse_to_map(form),
        )
        params = models.Params(
            action=action,
            version="2020-06-06",
            protocol="HTTPS",
            pathname="/",
            method="POST",
            auth_type="AK",
            style="RPC",
            req_body_type="formData",
            body_type="json",
        )
        runtime = load("darabonba.runtime").RuntimeOptions()
        with (
            patch.object(module.DaraCore, "do_action", keep),
            suppress(load("darabonba.exceptions").UnretryableException),
        ):
            client.call_api(params, request, runtime)
    return sent[0]
