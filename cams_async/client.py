"""The client: its lifetime and its options."""

import ssl as tls
from collections.abc import Callable, Coroutine, Iterable, Mapping
from enum import Enum
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar, cast

import aiohttp

from cams_async.config import (
    check,
    check_methods,
    has_method,
    is_optional,
    is_positive,
    is_text,
    is_whole,
    nearest,
)
from cams_async.credentials import (
    Credentials,
    CredentialsProvider,
    StaticCredentials,
)
from cams_async.endpoints import REGIONS, Endpoint, parse_endpoint, region_endpoint
from cams_async.errors import ConfigurationError, InvalidOperation
from cams_async.forms import FormPolicy, Forms
from cams_async.methods import ActionMethods, call_by_name
from cams_async.models import CallEvent, Response, Scope, Snapshot
from cams_async.operations import Operation
from cams_async.operations.catalogue import DEFAULT_QPS
from cams_async.operations.journeys import JOURNEYS, load
from cams_async.operations.names import check_actions
from cams_async.operations.operation import stated_qps
from cams_async.protocol import Call, call_of
from cams_async.providers import default_chain
from cams_async.proxies import find_proxy, hide_proxy
from cams_async.refresh import RefreshingCredentials
from cams_async.retry import RetryPolicy
from cams_async.secret import Secret, hide_arguments
from cams_async.session import CallOptions, CredentialsSource, Scopes, Session
from cams_async.throttle import Throttle, shared_throttle
from cams_async.transport import AiohttpTransport, Transport

R = TypeVar("R", bound=Response)
T = TypeVar("T")

DEFAULT_REGION = "ap-southeast-1"


class _Keep(Enum):
    """The default of `with_options`: leave an option unchanged."""

    KEEP = "keep"


class CamsClient(ActionMethods):
    """An asyncio client for CAMS that never exceeds the service's rate limits.

    Use it as `async with CamsClient() as cams:`, or call `aclose()` at the end. It
    opens nothing before its first call, and belongs to that call's event loop.

    Every method of an action passes its operation to `send`. Override `send` to observe
    or change these calls; `call` does not use it.

    Args:
        credentials: An access key, a provider, or None to search the environment,
            the CLI's profile and the credentials URI, in this order.
        region: A documented region. Default: `ap-southeast-1`.
        endpoint: A full origin such as `http://127.0.0.1:8080`, instead of the
            region's own.
        account: The name that rate limits are shared under. Default: the provider's
            `account`, or else the access key ID at the first call. Several keys of one
            Alibaba Cloud account share its rate limits: give their clients one name.
        qps: QPS ceilings in calls per second, by action, for accounts that were
            granted other than the documented ones. An action whose name is misspelt is
            refused, and a warning of any other unknown one is logged.
        default_qps: The QPS ceiling, in calls per second, of each action without a
            documented one.
        throttle: The rate limiter. Default: one for the whole process. It is not
            closed with the client.
        retry: The retry policy.
        timeout: Seconds for one attempt on the wire.
        deadline: Seconds for a whole call: queueing, credentials, all attempts.
            None, the default, is no bound.
        session: An `aiohttp.ClientSession`. Only its connector and its trace_configs
            are used, and it is not closed with the client.
        ssl: A TLS context instead of the default one.
        proxy: The URL of an http proxy. Default: HTTPS_PROXY, HTTP_PROXY or
            ALL_PROXY, unless NO_PROXY names the endpoint or it is this machine.
        allow_http: Whether to allow plain http to hosts other than this machine.
        max_response: The most bytes of a response, after decompression.
        hooks: Called with a `CallEvent` when a call finishes, successfully or not.
        forms: Which requests carry their parameters in a form body instead of the
            URL: `auto`, `never` or `always`; see `cams_async.forms.Forms`.
        preload: Journeys to load now, such as `phone_numbers`: the modules of
            operations. The others are loaded by the first use of one of their
            operations, which blocks the event loop for some milliseconds.
        transport: Sends requests instead of aiohttp. It is closed with the client.

    Raises:
        ConfigurationError: An argument is unusable; names it.
    """

    @hide_arguments
    def __init__(
        self,
        credentials: Credentials | CredentialsProvider | None = None,
        *,
        region: str | None = None,
        endpoint: str | None = None,
        account: str | None = None,
        qps: Mapping[str, float] | None = None,
        default_qps: float = DEFAULT_QPS,
        throttle: Throttle | None = None,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen, so safe to share
        timeout: float = 10.0,
        deadline: float | None = None,
        session: aiohttp.ClientSession | None = None,
        ssl: tls.SSLContext | None = None,
        proxy: str | Secret | None = None,
        allow_http: bool = False,
        max_response: int = 2**20,
        hooks: Iterable[Callable[[CallEvent], None]] = (),
        forms: Forms = "auto",
        preload: Iterable[str] = (),
        transport: Transport | None = None,
    ) -> None:
        proxy = hide_proxy(proxy)
        self._endpoint, scope_region = _place(region, endpoint, allow_http=allow_http)
        self._credentials = _source(credentials)
        self._throttle = shared_throttle() if throttle is None else throttle
        check_methods(self._throttle, "throttle", "acquire", "snapshot", "aclose")
        check(is_optional(Mapping, qps), "qps", "must map actions to calls per second")
        ceilings = dict(qps or {})
        expected = "must be a finite number of calls per second above 0"
        for ceiling in ceilings.values():
            check(is_positive(ceiling), "qps", expected)
        check(is_positive(default_qps), "default_qps", expected)
        check_actions(ceilings, "qps")
        check(
            account is None or is_text(account),
            "account",
            "must be a non-empty string",
        )
        check(
            is_optional(aiohttp.ClientSession, session),
            "session",
            "must be an aiohttp.ClientSession",
        )
        check(is_optional(tls.SSLContext, ssl), "ssl", "must be an ssl.SSLContext")
        proxy = find_proxy(proxy, self._endpoint.origin)
        check(
            is_whole(max_response),
            "max_response",
            "must be a whole number of bytes above 0",
        )
        self._options = _options(timeout, deadline, retry, hooks)
        _preload(preload)
        self._transport = transport or AiohttpTransport(
            session=session,
            ssl_context=ssl,
            proxy=proxy,
            max_response=max_response,
        )
        self._scopes = Scopes(
            region=scope_region,
            account=account,
            qps=ceilings,
            default_qps=default_qps,
        )
        self._session = Session(
            endpoint=self._endpoint,
            scopes=self._scopes,
            credentials=self._credentials,
            throttle=self._throttle,
            transport=self._transport,
            forms=FormPolicy(forms),
        )
        self._owner = True

    def __repr__(self) -> str:
        return f"CamsClient(endpoint={self._endpoint.origin!r}, {self._credentials!r})"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        """Refuse: a client holds secrets and connections."""
        msg = "CamsClient cannot be pickled; make one in each process"
        raise TypeError(msg)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End running calls with ClientClosed and close the connections.

        Idempotent. A client made by `with_options` closes nothing. Calls of other
        clients in the same throttle are not affected.
        """
        if self._owner:
            await self._session.aclose()

    def with_options(
        self,
        *,
        timeout: float | _Keep = _Keep.KEEP,
        deadline: float | _Keep | None = _Keep.KEEP,
        retry: RetryPolicy | _Keep = _Keep.KEEP,
        hooks: Iterable[Callable[[CallEvent], None]] | _Keep = _Keep.KEEP,
    ) -> Self:
        """Return a client with other options that shares everything else with this one.

        Raises:
            ConfigurationError: An argument is unusable; names it.
        """
        own = self._options
        child = object.__new__(type(self))
        vars(child).update(vars(self))
        child._owner = False
        child._options = _options(
            own.timeout if timeout is _Keep.KEEP else timeout,
            own.deadline if deadline is _Keep.KEEP else deadline,
            own.retry if retry is _Keep.KEEP else retry,
            own.hooks if hooks is _Keep.KEEP else hooks,
        )
        return child

    def snapshot(self) -> Mapping[Scope, Snapshot]:
        """Return the state of the throttle, for each scope in use."""
        return self._throttle.snapshot()

    def ceiling(self, operation: Operation[Any]) -> float:
        """Return the QPS ceiling of an operation's action, in calls per second.

        It is that of the client's `qps`, or else the documented one, or else the
        client's `default_qps`.
        """
        cls = type(operation)
        return self._scopes.ceiling(cls.__name__, stated_qps(cls))

    async def send(self, operation: Operation[R]) -> R:
        """Send an operation and return its typed response.

        Raises:
            CamsError: The call failed; see `cams_async.errors`.
        """
        if not isinstance(operation, Operation):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller has a type checker
            msg = f"send takes an operation, not {type(operation).__name__}"
            raise InvalidOperation(msg, field="operation", expected="an Operation")
        return await self._send_call(call_of(operation))

    async def call(
        self,
        action: str,
        parameters: Mapping[str, object] | None = None,
        *,
        retry_safe: bool | None = None,
    ) -> dict[str, Any]:
        """Call any CAMS action by name: signed, throttled and retried like the others.

        Args:
            action: The name of the action, such as `QueryChatappPhoneNumbers`.
            parameters: The values by their names on the wire. Nested values are sent as
                JSON; those that are None are left out. A `Secret` is masked wherever it
                is shown, and so is a parameter that is documented as one.
            retry_safe: Whether the call may be sent again after an unknown outcome.
                None, the default, is the value of `cams_async.operations.CATALOGUE`,
                or False for an action that it does not list. True has no effect on a
                listed action that is not retry-safe.

        Returns:
            The response as it stood on the wire.

        Raises:
            CamsError: The call failed; see `cams_async.errors`.
        """
        try:
            made = call_by_name(
                action, {} if parameters is None else parameters, retry_safe=retry_safe
            )
        finally:
            # Values may be secret, and tracebacks show the variables of a frame.
            del parameters
        return await self._send_call(made)

    def _send_call(self, call: Call[T]) -> Coroutine[Any, Any, T]:
        # The one route of `send` and `call`. It is no coroutine function, so that a
        # queued call holds one frame less.
        return self._session.send(call, self._options)


def _place(
    region: str | None, endpoint: str | None, *, allow_http: bool
) -> tuple[Endpoint, str]:
    """Return the endpoint, and the region that its rate limits are counted in."""
    if endpoint is None:
        name = DEFAULT_REGION if region is None else region
        return region_endpoint(name), name
    check(region is None or is_text(region), "region", "must be a non-empty string")
    place = parse_endpoint(endpoint, allow_http=allow_http)
    # A documented origin has its documented region, whatever `region` is.
    documented = {origin: name for name, origin in REGIONS.items()}
    return place, documented.get(place.origin) or region or place.origin


def _source(credentials: object) -> CredentialsSource:
    if isinstance(credentials, Credentials):
        return StaticCredentials(credentials)
    provider: Any = default_chain() if credentials is None else credentials
    expected = "must be Credentials, a provider with get() and account, or None"
    check(has_method(provider, "get"), "credentials", expected)
    return RefreshingCredentials(provider)


def _options(
    timeout: Any,
    deadline: Any,
    retry: Any,
    hooks: Any,
) -> CallOptions:
    for name, seconds in (("timeout", timeout), ("deadline", deadline)):
        optional = name == "deadline" and seconds is None
        check(
            is_positive(seconds) or optional,
            name,
            "must be a finite number of seconds above 0",
        )
    check_methods(retry, "retry", "delay")
    hooks = cast("Iterable[Any]", hooks if isinstance(hooks, Iterable) else (None,))
    listed = tuple(hooks)
    check(all(map(callable, listed)), "hooks", "must be an iterable of callables")
    return CallOptions(timeout=timeout, deadline=deadline, retry=retry, hooks=listed)


def _preload(journeys: Any) -> None:
    """Load journeys once all are known to exist."""
    is_names = isinstance(journeys, Iterable) and not isinstance(journeys, str)
    names: list[Any] = list(cast("Iterable[Any]", journeys)) if is_names else [None]
    check(all(map(is_text, names)), "preload", "must be an iterable of journeys")
    for name in names:
        if name not in JOURNEYS:
            near = nearest(name, JOURNEYS)
            hint = f"did you mean {near}?" if near else f"use {', '.join(JOURNEYS)}"
            msg = f"{name!r} is not a journey; {hint}"
            raise ConfigurationError(msg, field="preload")
    for name in names:
        load(name)
