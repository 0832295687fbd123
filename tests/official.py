"""The vendor's own SDK, without what importing it does to the process.

Importing it warns of deprecations and hangs handlers at level DEBUG on loggers, which
print to stderr from then on.

https://github.com/aliyun/alibabacloud-python-sdk/issues/35
"""

import functools
import importlib
import inspect
import logging
import re
import typing
import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from unittest.mock import patch

from cams_async.credentials import Credentials

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


def client(origin: str, credentials: Credentials) -> Any:
    """Return the vendor's client of CAMS, which sends to a server without TLS."""
    config = load("alibabacloud_tea_openapi.models").Config(
        access_key_id=credentials.access_key_id,
        access_key_secret=credentials.access_key_secret.reveal(),
        endpoint=origin.removeprefix("http://"),
        protocol="http",
    )
    return load("alibabacloud_cams20200606.client").Client(config)


def actions() -> set[str]:
    """Return the names of the vendor's actions."""
    names: list[str] = [*vars(load("alibabacloud_cams20200606.models"))]
    suffix = "ResponseBody"
    return {name.removesuffix(suffix) for name in names if name.endswith(suffix)}


def request_model(action: str) -> Any:
    """Return the vendor's model of the parameters of an action."""
    return getattr(load("alibabacloud_cams20200606.models"), f"{action}Request")


def request_with(action: str, parameters: Mapping[str, Any]) -> Any:
    """Return the vendor's request of an action, with parameters as on the wire."""
    request = request_model(action)().from_map(parameters)
    values: dict[str, Any] = request.__dict__
    for name, value in values.items():
        if value == []:  # as `from_map` makes of a list that is not given
            setattr(request, name, None)
    return request


def response_model(action: str) -> Any:
    """Return the vendor's model of the body of the response to an action."""
    return getattr(load("alibabacloud_cams20200606.models"), f"{action}ResponseBody")


@functools.cache
def fields_of(model: Any) -> Mapping[str, Any]:
    """Return the types of the fields of a model, by their names on the wire."""
    names = re.findall(r"result\['(\w+)'\] = ", inspect.getsource(model.to_map))
    # An attribute is the name in snake case, with an underscore after a keyword.
    kinds = {
        attribute.replace("_", ""): kind
        for attribute, kind in typing.get_type_hints(model.__init__).items()
    }
    assert len(kinds) == len(names)
    return {name: kinds[name.lower()] for name in names}
