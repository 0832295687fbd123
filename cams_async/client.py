"""The client: its lifetime, its options, and one line for each action."""

import inspect
import re
import ssl as tls
from collections.abc import Callable, Coroutine, Iterable, Mapping
from enum import Enum
from types import TracebackType
from typing import Any, Concatenate, Final, NoReturn, ParamSpec, Self, TypeVar, cast

import aiohttp

from cams_async import wire
from cams_async.config import (
    check,
    has_method,
    is_optional,
    is_positive,
    is_printable,
    is_text,
    is_whole,
)
from cams_async.credentials import Credentials, CredentialsProvider
from cams_async.endpoints import REGIONS, Endpoint, parse_endpoint, region_endpoint
from cams_async.errors import InvalidOperation
from cams_async.forms import FormChoice, Forms
from cams_async.models import CallEvent, Response, Scope, Snapshot
from cams_async.operations import (
    OPERATIONS,
    ChatappMigrationVerified,
    ChatappSyncPhoneNumber,
    GetPhoneNumberVerificationStatus,
    Operation,
    UpdatePhoneEncryptionPublicKey,
    UpdatePhoneMessageQrdl,
    secret_parameters,
)
from cams_async.protocol import Call, call_of
from cams_async.providers import FreshCredentials, StaticCredentials, default_chain
from cams_async.proxies import find_proxy, hide_proxy
from cams_async.retry import RetryPolicy
from cams_async.secret import Secret, hide_arguments
from cams_async.session import CallOptions, CredentialsSource, Session
from cams_async.throttle import Throttle, shared_throttle
from cams_async.transport import AiohttpTransport, Transport

P = ParamSpec("P")
R = TypeVar("R", bound=Response)

DEFAULT_REGION = "ap-southeast-1"
DEFAULT_QPS = 5.0
"""Calls per second of an action whose ceiling is not known."""

_ACTION = re.compile(r"[A-Za-z][A-Za-z0-9]*")


def method(
    operation: Callable[P, Operation[R]],
) -> Callable[Concatenate["CamsClient", P], Coroutine[Any, Any, R]]:
    """Make the client's method for an operation: the same fields, the same answer."""

    async def call(self: "CamsClient", /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            asked = call_of(operation(*args, **kwargs))
        finally:
            # Fields may be secret, and tracebacks may show what a frame still holds.
            del args, kwargs
        # Not by way of `send`: a coroutine less for each call that waits.
        return await self._session.send(asked, self._options)  # pyright: ignore[reportPrivateUsage] - this becomes a method of CamsClient

    signature = inspect.signature(operation)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    fields = signature.parameters.values()
    call.__doc__ = operation.__doc__
    vars(call)["__signature__"] = signature.replace(parameters=[own, *fields])
    return call


class _Keep(Enum):
    """Stands for an option that `with_options` leaves as it is."""

    KEEP = "keep"


class CamsClient:
    """Awaits CAMS: signs, throttles, sends, decodes.

    Use it as `async with CamsClient() as cams:`, or call `aclose()` at the end. It
    opens nothing before its first call, and belongs to that call's event loop.

    Args:
        credentials: An access key, a provider, or None to look in the environment,
            the CLI's profile and the credentials URI, in this order.
        region: A documented region. Default: `ap-southeast-1`.
        endpoint: A full origin such as `http://127.0.0.1:8080`, instead of the
            region's own.
        account: The name that ceilings are shared under. Default: the access key
            id, or the provider's `account`. RAM users of one Alibaba Cloud account
            share its ceilings, so give their clients one name.
        qps: Ceilings in calls per second, by action, for accounts that were
            granted others than the documented ones.
        throttle: Default: one for the whole process. Never closed here.
        retry: When to send again what may be sent again.
        timeout: Seconds for one attempt on the wire.
        deadline: Seconds for a whole call: queueing, credentials, all attempts.
            None, the default, is no bound.
        session: A session of yours. Its connector and its trace_configs are used,
            and never closed; nothing else of it is.
        ssl: A TLS context instead of the default one.
        proxy: The URL of an http proxy. Default: HTTPS_PROXY, HTTP_PROXY or
            ALL_PROXY, unless NO_PROXY names the endpoint or it is this machine.
        allow_http: Allow plain http to hosts other than this machine.
        max_response: The most bytes of an answer, after decompression.
        hooks: Called with a CallEvent when a call has ended, well or not.
        forms: Which requests carry their parameters in a form body instead of the
            URL: `auto`, `never` or `always`; see `cams_async.forms.Forms`.
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
        transport: Transport | None = None,
    ) -> None:
        proxy = hide_proxy(proxy)
        self._endpoint, scope_region = _place(region, endpoint, allow_http=allow_http)
        self._credentials = _source(credentials)
        self._throttle = shared_throttle() if throttle is None else throttle
        for name in ("acquire", "snapshot", "aclose"):
            found = has_method(self._throttle, name)
            check(found, "throttle", f"must have a method {name}")
        check(is_optional(Mapping, qps), "qps", "must map actions to calls per second")
        self._ceilings = dict(qps or {})
        for action, ceiling in self._ceilings.items():
            # A scope knows what a ceiling may be.
            Scope(account="", region="", action=action, qps=ceiling)
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
        self._transport = transport or AiohttpTransport(
            session=session,
            ssl_context=ssl,
            proxy=proxy,
            max_response=max_response,
        )
        self._session = Session(
            endpoint=self._endpoint,
            region=scope_region,
            account=account,
            qps=self._ceilings,
            credentials=self._credentials,
            throttle=self._throttle,
            transport=self._transport,
            forms=FormChoice(forms),
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
        """End the calls that run with ClientClosed, and close what was opened here.

        Idempotent. A client made by `with_options` closes nothing. Calls of other
        clients that wait in the same throttle go on.
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
        """Return a client that shares everything with this one but these options.

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
        """Return what the throttle is doing, for each scope that it knows."""
        return self._throttle.snapshot()

    def ceiling(self, operation: Operation[Any]) -> float:
        """Return how many calls per second this client allows an operation's action.

        That is the documented ceiling, unless `qps` of the client says otherwise.
        """
        return self._ceilings.get(type(operation).__name__, operation.qps)

    async def send(self, operation: Operation[R]) -> R:
        """Send an operation and return its typed answer.

        Raises:
            CamsError: Whatever went wrong; see `cams_async.errors`.
        """
        if not isinstance(operation, Operation):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller has a type checker
            msg = f"send takes an operation, not {type(operation).__name__}"
            raise InvalidOperation(msg, field="operation", expected="an Operation")
        return await self._session.send(call_of(operation), self._options)

    async def call(
        self,
        action: str,
        parameters: Mapping[str, object] | None = None,
        *,
        retry_safe: bool = False,
    ) -> dict[str, Any]:
        """Call any CAMS action, signed, throttled and checked like the rest.

        Args:
            action: Its name, verbatim, such as `QueryChatappPhoneNumbers`.
            parameters: By their names on the wire. Nested values are sent as JSON
                text; those that are None are left out. A `Secret` is masked wherever
            it is shown, and so is a parameter that is known to be one.
            retry_safe: Whether it may be sent again after an unknown outcome. It has
                no effect on an operation of this package that is not safe to repeat.

        Returns:
            The answer as it stood on the wire.

        Raises:
            CamsError: Whatever went wrong; see `cams_async.errors`.
        """
        try:
            asked = _any_call(
                action, {} if parameters is None else parameters, retry_safe=retry_safe
            )
        finally:
            # Values may be secret, and tracebacks may show what a frame still holds.
            del parameters
        return await self._session.send(asked, self._options)

    chatapp_migration_verified: Final = method(ChatappMigrationVerified)
    chatapp_sync_phone_number: Final = method(ChatappSyncPhoneNumber)
    get_phone_number_verification_status: Final = method(
        GetPhoneNumberVerificationStatus
    )
    update_phone_encryption_public_key: Final = method(UpdatePhoneEncryptionPublicKey)
    update_phone_message_qrdl: Final = method(UpdatePhoneMessageQrdl)


def _place(
    region: str | None, endpoint: str | None, *, allow_http: bool
) -> tuple[Endpoint, str]:
    """Return whom to talk to, and the region that its ceilings are counted in."""
    if endpoint is None:
        name = DEFAULT_REGION if region is None else region
        return region_endpoint(name), name
    check(region is None or is_text(region), "region", "must be a non-empty string")
    place = parse_endpoint(endpoint, allow_http=allow_http)
    # A documented origin is its region, however the caller named it.
    known = {origin: name for name, origin in REGIONS.items()}
    return place, known.get(place.origin) or region or place.origin


def _source(credentials: object) -> CredentialsSource:
    if isinstance(credentials, Credentials):
        return StaticCredentials(credentials)
    provider: Any = default_chain() if credentials is None else credentials
    expected = "must be Credentials, a provider with get() and account, or None"
    check(has_method(provider, "get"), "credentials", expected)
    return FreshCredentials(provider)


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
    check(has_method(retry, "delay"), "retry", "must have a method delay")
    given = cast("Iterable[Any]", hooks if isinstance(hooks, Iterable) else (None,))
    listed = tuple(given)
    check(all(map(callable, listed)), "hooks", "must be an iterable of callables")
    return CallOptions(timeout=timeout, deadline=deadline, retry=retry, hooks=listed)


@hide_arguments
def _any_call(
    action: Any, parameters: Any, *, retry_safe: bool
) -> Call[dict[str, Any]]:
    if not isinstance(action, str) or not _ACTION.fullmatch(action):
        expected = "the name of a CAMS action: letters and digits"
        msg = f"action must be {expected}"
        raise InvalidOperation(msg, field="action", expected=expected)
    given = cast("Mapping[Any, object]", parameters)
    if not isinstance(parameters, Mapping) or not all(map(is_printable, given)):
        expected = "a mapping from names, which are printable text"
        msg = f"parameters must be {expected}"
        raise InvalidOperation(
            msg, action=action, field="parameters", expected=expected
        )
    secret = secret_parameters(action)
    texts = {
        name: wire.as_text(name, value, action=action, secret=name in secret)
        for name, value in given.items()
        if value is not None
    }
    known = OPERATIONS.get(action)
    never = known is not None and not known.retry_safe
    return Call(
        action=action,
        parameters=texts,
        qps=DEFAULT_QPS if known is None else known.qps,
        retry_safe=False if never else retry_safe,
        verify_with=None if known is None else known.verify_with,
        decode=lambda payload, _: payload,
    )
