"""The exceptions of this package, as one tree.

Every failure of a call is raised as one of these::

    CamsError
    ├ ConfigurationError       a bad argument or setting; names the field
    ├ ClientClosed             a call after `aclose()`, or ended by it
    ├ ThrottleUnavailable      the shared throttle, such as Redis, is unavailable
    │ └ PermitExpired          the permit expired before the request was sent
    ├ CredentialsError         no credentials were found, or a provider failed
    ├ InvalidOperation         a field is empty or has the wrong type or form
    ├ TransportError
    │ ├ ConnectError           no connection: nothing was sent
    │ ├ ConnectionLost         the connection broke after the request was sent
    │ └ RequestTimeout         one attempt took longer than `timeout`
    ├ DeadlineExceeded         the whole call took longer than `deadline`
    ├ DecodeError              the response is not JSON, or not the documented shape
    ├ RepeatedPage             the service repeats a page of a list that has not ended
    └ ApiError                 CAMS, or the gateway before it, refused the call
      ├ AuthenticationError    signature, access key, token or date refused
      ├ PermissionDenied       RAM denies the action
      ├ NotSubscribed          the product is not activated
      ├ NotOwner               the resource belongs to another account
      ├ InvalidParameter       a parameter is missing or refused
      ├ NotFound               no such action or resource
      ├ ThrottlingError        flow control; `retry_after` in seconds
      ├ GatewayError           a proxy or another hop responded; `hop` names it
      └ ServerError            HTTP 5xx: the effect is unknown

Each error of a call carries `action`, `attempts` and `outcome`; each survives
pickling; none carries a secret.
"""

from typing import Literal, TypeAlias

CallOutcome: TypeAlias = Literal["not_sent", "rejected", "executed", "unknown"]
"""The effect of a call on the server, as far as it is proven.

`not_sent`: no request was sent. `rejected`: CAMS refused the call without executing it.
`executed`: CAMS executed the call. `unknown`: a request was sent, and no response
proves whether it was executed; the error's `verify_with` names the action to find out.
"""


class CamsError(Exception):
    """The base of all errors of this package.

    Catch it to handle every failure of a call. Its `outcome` decides whether the call
    may be repeated: `not_sent` and `rejected` calls were not executed.

    Attributes:
        action: The CAMS action of the call, or None outside a call.
        attempts: The number of attempts.
        outcome: The effect on the server; see `CallOutcome`.
        hint: The next step for the caller, or None.
        verify_with: The read action that finds out whether the call was executed, where
            its outcome is `unknown` and there is such an action, else None.
    """

    def __init__(
        self,
        message: str = "",
        *,
        action: str | None = None,
        attempts: int = 0,
        outcome: CallOutcome = "not_sent",
        hint: str | None = None,
    ) -> None:
        # Only the text is positional, so that pickle can rebuild any subclass
        # from `args` and then restore the other attributes by itself.
        super().__init__(message)
        self.action = action
        self.attempts = attempts
        self.outcome: CallOutcome = outcome
        self.hint = hint
        self.verify_with: str | None = None

    def _text(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        """Return one line: the action, the text, the outcome and the hint."""
        text = " ".join(self._text().split())
        if self.action is not None:
            text = f"{self.action}: {text} [{self.outcome}, attempts: {self.attempts}]"
        return text if self.hint is None else f"{text} {self.hint}"


class ConfigurationError(CamsError):
    """An argument or a setting is unusable; nothing was sent.

    Correct the argument that `field` names.

    Attributes:
        field: The name of the argument or variable.
    """

    def __init__(self, message: str = "", *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field

    def _text(self) -> str:
        what = super()._text()
        return what if self.field is None else f"{self.field}: {what}"


class ClientClosed(CamsError):
    """The client was closed before or during the call.

    Make a new client. Repeat the call only if its `outcome` is `not_sent`.
    """


class ThrottleUnavailable(CamsError):
    """The throttle that processes share, such as Redis, was unavailable for too long.

    No call is sent without it, as the rate limit could not be kept. Repeat the call
    when it is available, or set `on_outage="local"` of the `RedisThrottle`.
    """


class PermitExpired(ThrottleUnavailable):
    """The permit expired before the request was sent; nothing was sent.

    Its lease may belong to another call. The call may be repeated.
    """


class CredentialsError(CamsError):
    """No credentials were found, or a provider failed; nothing was sent.

    The message names the variables and files that were read.

    Attributes:
        absent: True where a provider has no credentials at all, so that a chain tries
            the next one; False where its credentials are unusable.
    """

    def __init__(self, message: str = "", *, absent: bool = False) -> None:
        super().__init__(message)
        self.absent = absent


class InvalidOperation(CamsError):
    """A field of an operation is unusable; nothing was sent.

    Correct the field that `field` names.

    Attributes:
        field: The name of the field.
        expected: A description of the accepted values.
    """

    def __init__(
        self,
        message: str = "",
        *,
        action: str | None = None,
        field: str | None = None,
        expected: str | None = None,
    ) -> None:
        super().__init__(message, action=action)
        self.field = field
        self.expected = expected


class TransportError(CamsError):
    """The exchange with the server failed below HTTP.

    The retries of the policy are used up, or a retry was not safe.
    """


class ConnectError(TransportError):
    """No connection could be made; nothing was sent.

    Check the endpoint, the proxy and the network. The call may be repeated.
    """


class ConnectionLost(TransportError):
    """The connection broke after the request was sent.

    The call may have been executed: follow `hint` before repeating it.
    """


class RequestTimeout(TransportError):
    """One attempt took longer than `timeout`.

    The `outcome` is `not_sent` while connecting, and `unknown` afterwards.
    """


class DeadlineExceeded(CamsError):
    """The call did not finish, or cannot finish, by its deadline.

    Use a longer `deadline`, or send fewer calls at once.

    Attributes:
        phase: "queued" while the call had not been sent, else "in flight".
        places_ahead: Calls ahead in the queue, or None.
        expected_wait: Seconds until the call's permit is expected, or None.
    """

    def __init__(
        self,
        message: str = "",
        *,
        outcome: CallOutcome = "not_sent",
        phase: Literal["queued", "in flight"] = "queued",
        places_ahead: int | None = None,
        expected_wait: float | None = None,
    ) -> None:
        super().__init__(message, outcome=outcome)
        self.phase: Literal["queued", "in flight"] = phase
        self.places_ahead = places_ahead
        self.expected_wait = expected_wait


class DecodeError(CamsError):
    """The response is not JSON, too large, or not of the documented shape.

    An `outcome` of `executed` means that CAMS executed the call: do not repeat it.

    Attributes:
        path: The place of the difference from the documented shape, such as
            `$.Data.PhoneNumber`; None where the body is not a JSON object.
        body: The received bytes, at most the client's `max_response`.
        http_status: The HTTP status of the response.
    """

    def __init__(
        self,
        message: str = "",
        *,
        outcome: CallOutcome = "unknown",
        path: str | None = None,
        body: bytes = b"",
        http_status: int = 0,
    ) -> None:
        super().__init__(message, outcome=outcome)
        self.path = path
        self.body = body
        self.http_status = http_status


class RepeatedPage(CamsError):
    """The service returned a page of a list again, though the list has not ended.

    The items of all pages before have been returned. Resume later, with the `operation`
    of the iterator.
    """


class ApiError(CamsError):
    """CAMS, or the gateway before it, refused the call.

    Codes without a class of their own are raised as this class. Give `request_id` to
    the vendor's support.

    Attributes:
        code: The vendor's error code, verbatim; empty where the response has none.
        message: The vendor's message, verbatim.
        request_id: The id to give to the vendor's support; None where absent.
        http_status: The HTTP status of the response.
        access_denied_detail: The gateway's details of a denial; None where absent.
        retry_after: Seconds to wait, as requested by the server, at most 60; None
            where absent.
        hop: The proxy or other hop that responded in place of CAMS; None where CAMS
            responded.
    """

    def __init__(
        self,
        message: str = "",
        *,
        outcome: CallOutcome = "rejected",
        code: str = "",
        request_id: str | None = None,
        http_status: int = 0,
        access_denied_detail: object = None,
        retry_after: float | None = None,
        hop: str | None = None,
    ) -> None:
        super().__init__(message, outcome=outcome)
        self.code = code
        self.message = message
        self.request_id = request_id
        self.http_status = http_status
        self.access_denied_detail = access_denied_detail
        self.retry_after = retry_after
        self.hop = hop

    def _text(self) -> str:
        if self.hop is not None:
            return f"{self.hop}: {self.message} (HTTP {self.http_status})"
        code = self.code or "no code"
        return (
            f"{code}: {self.message} "
            f"(HTTP {self.http_status}, request id {self.request_id})"
        )


class AuthenticationError(ApiError):
    """The signature, access key, security token or date was refused.

    Check the credentials. A skewed clock and an expired token are corrected once per
    call.
    """


class PermissionDenied(ApiError):
    """RAM, or the account's state, does not allow the action.

    Grant the RAM action that the operation's docstring names.
    """


class NotSubscribed(ApiError):
    """Chat App Message Service is not activated for the account.

    Activate it in the Alibaba Cloud console.
    """


class NotOwner(ApiError):
    """The resource belongs to another account.

    Check the credentials and `cust_space_id`.
    """


class InvalidParameter(ApiError):
    """A parameter is missing or its value is refused.

    The message names the parameter.
    """


class NotFound(ApiError):
    """There is no such action or resource.

    Check the name of the action and the ids among the parameters.
    """


class ThrottlingError(ApiError):
    """Flow control refused the call, or the server requested a pause.

    The call was retried for `RetryPolicy.throttled_for` seconds or until its deadline.
    Other processes may use up the rate limit: share it by a `RedisThrottle`.

    Its `outcome` is `rejected` where that proves that nothing was executed.
    """


class GatewayError(ApiError):
    """A proxy, a load balancer or another hop responded in place of CAMS.

    Its `outcome` is `rejected` where the status means that the hop refused the
    request before it passed it on (407, 411, 413, 414, 417, 421, 426, 431).
    """


class ServerError(ApiError):
    """The server failed (HTTP 5xx); the call may have been executed.

    Follow `hint` before repeating a call that is not retry-safe.
    """
