"""Everything that can go wrong, as one tree.

Whatever fails inside this package reaches the caller as one of these::

    CamsError
    ├ ConfigurationError       a bad argument or setting; names the field
    ├ ClientClosed             a call after, or cut short by, `aclose()`
    ├ ThrottleUnavailable      what shares the ceiling, such as Redis, is away
    │ └ PermitExpired          the permit to send came too late to be used
    ├ CredentialsError         none were found, or a provider failed
    ├ InvalidOperation         a field is empty or has the wrong type or form
    ├ TransportError
    │ ├ ConnectError           no connection: nothing was sent
    │ ├ ConnectionLost         the connection broke after the request was sent
    │ └ RequestTimeout         one attempt took longer than `timeout`
    ├ DeadlineExceeded         the whole call took longer than `deadline`
    ├ DecodeError              the answer is not JSON, or not the documented shape
    └ ApiError                 CAMS, or the gateway before it, said no
      ├ AuthenticationError    signature, access key, token or date refused
      ├ PermissionDenied       RAM denies the action
      ├ NotSubscribed          the product is not activated
      ├ NotOwner               the resource belongs to another account
      ├ InvalidParameter       a parameter is missing or refused
      ├ NotFound               no such action or resource
      ├ ThrottlingError        flow control; `retry_after` in seconds
      ├ GatewayError           a proxy or another hop responded; `hop` names it
      └ ServerError            HTTP 5xx: the answer says nothing about the effect

Each error of a call carries `action`, `attempts` and `outcome`; each survives
pickling; none carries a secret.
"""

from typing import Literal, TypeAlias

CallOutcome: TypeAlias = Literal["not_sent", "rejected", "executed", "unknown"]
"""What is known of a call's effect on the server.

`not_sent`: the request never left. `rejected`: CAMS refused before executing it.
`executed`: CAMS did what was asked. `unknown`: it was sent, and nobody can say.
"""


class CamsError(Exception):
    """The root of all errors of this package.

    Attributes:
        action: The CAMS action of the call, or None outside a call.
        attempts: How many times the request was sent on its way.
        outcome: What is known of the effect on the server.
        hint: What the caller can do to find out or to mend it, or None.
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

    def _what(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        """One line that can be searched for: action, what, outcome, hint."""
        text = " ".join(self._what().split())
        if self.action is not None:
            text = f"{self.action}: {text} [{self.outcome}, attempts: {self.attempts}]"
        return text if self.hint is None else f"{text} {self.hint}"


class ConfigurationError(CamsError):
    """An argument or a setting is unusable; nothing was sent.

    Attributes:
        field: The name of the argument or variable.
    """

    def __init__(self, message: str = "", *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field

    def _what(self) -> str:
        what = super()._what()
        return what if self.field is None else f"{self.field}: {what}"


class ClientClosed(CamsError):
    """The client was closed before, or while, the call ran."""


class ThrottleUnavailable(CamsError):
    """What shares the ceiling among processes was away for too long.

    Without it nobody knows how many calls the others send: none goes out unlimited.
    """


class PermitExpired(ThrottleUnavailable):
    """The permit to send expired before the first byte left; nothing was sent.

    Its slot may belong to another call by then.
    """


class CredentialsError(CamsError):
    """No credentials were found, or a provider failed.

    Attributes:
        absent: True where a provider has nothing to offer at all, so that a
            chain may ask the next one; False where what it has is broken.
    """

    def __init__(self, message: str = "", *, absent: bool = False) -> None:
        super().__init__(message)
        self.absent = absent


class InvalidOperation(CamsError):
    """A field of an operation is unusable; nothing was sent.

    Attributes:
        field: The name of the field.
        expected: What would have been accepted.
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
    """The exchange with the server failed below HTTP."""


class ConnectError(TransportError):
    """No connection could be made; nothing was sent."""


class ConnectionLost(TransportError):
    """The connection broke after the request was sent."""


class RequestTimeout(TransportError):
    """One attempt took longer than `timeout`."""


class DeadlineExceeded(CamsError):
    """The whole call cannot finish, or did not finish, by its deadline.

    Attributes:
        phase: "queued" while the call had not been sent, else "in flight".
        places_ahead: Calls ahead in the line, where the throttle could tell.
        expected_wait: Seconds until the call's turn, where the throttle could tell.
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
    """The answer is not JSON, too large, or not of the documented shape.

    Attributes:
        path: Where the answer departs from the documented shape, such as
            `$.Data.PhoneNumber`; None where it is no JSON object at all.
        body: What was received, at most the client's `max_response` bytes.
        http_status: The HTTP status of the answer.
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


class ApiError(CamsError):
    """CAMS, or the gateway before it, refused the call. An unknown code is this.

    Attributes:
        code: The vendor's error code, verbatim; empty where the answer had none.
        message: The vendor's message, verbatim.
        request_id: The id to give to the vendor's support; None where absent.
        http_status: The HTTP status of the answer.
        access_denied_detail: What the gateway says of a denial; None where absent.
        retry_after: Seconds that the server asks to wait, at most 60; None where
            it does not ask.
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

    def _what(self) -> str:
        if self.hop is not None:
            return f"{self.hop}: {self.message} (HTTP {self.http_status})"
        code = self.code or "no code"
        return (
            f"{code}: {self.message} "
            f"(HTTP {self.http_status}, request id {self.request_id})"
        )


class AuthenticationError(ApiError):
    """The signature, access key, security token or date was refused."""


class PermissionDenied(ApiError):
    """RAM, or the account's state, does not allow the action."""


class NotSubscribed(ApiError):
    """Chat App Message Service is not activated for the account."""


class NotOwner(ApiError):
    """The resource belongs to another account."""


class InvalidParameter(ApiError):
    """A parameter is missing or its value is refused."""


class NotFound(ApiError):
    """There is no such action or resource."""


class ThrottlingError(ApiError):
    """Flow control refused the call, or the server asks to wait.

    Its `outcome` is `rejected` where that proves that nothing was executed.
    """


class GatewayError(ApiError):
    """A proxy, a load balancer or another hop responded in place of CAMS.

    Its `outcome` is `rejected` where the status means that the hop refused the
    request before it passed it on (407, 411, 413, 414, 417, 421, 426, 431).
    """


class ServerError(ApiError):
    """The server failed (HTTP 5xx); whether it executed the call is unknown."""
