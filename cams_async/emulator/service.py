"""One call from its arrival to its response, without I/O.

The order is that of the real gateway: authentication, rate limit, parameters, handler.
"""

from collections import Counter
from email.utils import formatdate
from random import Random
from urllib.parse import parse_qsl

from attrs import define, evolve, field

from cams_async.credentials import Credentials
from cams_async.emulator.actions import Actions
from cams_async.emulator.auth import AuthenticatedCall, Authenticator
from cams_async.emulator.ceilings import (
    BackgroundLoad,
    CountingPolicy,
    Ledger,
    policy_of,
)
from cams_async.emulator.exchange import (
    Delivery,
    ErrorResponse,
    WireRequest,
    WireResponse,
    encode,
    throttled,
)
from cams_async.emulator.faults import (
    AnyFault,
    CannedResponse,
    Fault,
    FaultInjector,
    Slow,
)
from cams_async.emulator.options import EmulatorOptions
from cams_async.emulator.report import Report, action_report
from cams_async.emulator.state import State
from cams_async.operations.catalogue import DEFAULT_QPS, facts_of

HTML = b"<html><head><title>503</title></head><body>Service Unavailable</body></html>"

GARBAGE = b"\x89 this is not JSON {"

# Not the documented shape of any action: no id, and text for objects and lists.
WRONG_SHAPE = b'{"RequestId":[],"Code":"OK","Data":"a","PhoneNumbers":"b"}'


@define
class _ActionCalls:
    """The calls of one account and action."""

    policy: CountingPolicy
    background_load: BackgroundLoad
    ledger: Ledger
    # By canonical query string, which is much smaller than a dict of parameters.
    executions: Counter[str] = field(factory=Counter[str])


class Service:
    """Executes calls on the state, injects faults, and counts."""

    def __init__(
        self, options: EmulatorOptions, accounts: tuple[Credentials, ...]
    ) -> None:
        def random(purpose: str) -> Random:
            # One stream per purpose: draws for one do not shift another.
            return Random(f"{options.seed} {purpose}")  # noqa: S311 - no secrets

        self._options = options
        self.state: State = State(
            tuple(credentials.access_key_id for credentials in accounts),
            phone_numbers=options.phone_numbers,
            settle=options.settle,
            random=random("state"),
        )
        self._actions = Actions(self.state)
        self._ids = random("request ids")
        self.auth: Authenticator = Authenticator(
            self._actions, reads_forms=options.reads_forms
        )
        for credentials in accounts:
            self.auth.register(credentials, credentials.access_key_id)
        self.faults: FaultInjector = FaultInjector(self._actions, random("faults"))
        self._calls: dict[tuple[str, str], _ActionCalls] = {}
        self._date = (0, "")
        self.start: float | None = None

    def respond(self, request: WireRequest, *, now: float, wall: float) -> WireResponse:
        """Return the response to a request.

        Args:
            request: The request.
            now: Seconds on a monotonic clock.
            wall: The server's clock, in seconds since 1970.
        """
        if self.start is None:
            self.start = now
        self.state.epoch = wall - (now - self.start)
        headers = self._headers(wall)
        try:
            call = self.auth.authenticate(request, now=now, wall=wall)
            calls = self._admit(call, now, wall)
        except ErrorResponse as error:
            return self._error(error, headers, request)
        fault = self.faults.draw(call.action)
        response = self._unexecuted(fault, calls, headers, request)
        if response is None:
            response = self._execute(call, calls, headers, request, now - self.start)
            response = _break(fault, response)
        if isinstance(fault, CannedResponse):
            headers.update(fault.headers)
            response = WireResponse(
                status=fault.status, headers=headers, body=fault.body
            )
        return response

    def executed(self, action: str) -> Counter[tuple[tuple[str, str], ...]]:
        """Count the executions of an action by sorted pairs of parameters."""
        executions: Counter[tuple[tuple[str, str], ...]] = Counter()
        for (_, name), calls in self._calls.items():
            if name == action:
                for query, times in calls.executions.items():
                    pairs = parse_qsl(query, keep_blank_values=True)
                    executions[tuple(pairs)] += times
        return executions

    def report(self, now: float) -> Report:
        """Return the calls counted so far."""
        start = now if self.start is None else self.start
        return Report(
            policy=self._options.policy,
            elapsed=now - start,
            actions=tuple(
                action_report(account, action, calls.ledger, start=start)
                for (account, action), calls in sorted(
                    self._calls.items(), key=lambda item: item[0]
                )
            ),
        )

    def _admit(self, call: AuthenticatedCall, now: float, wall: float) -> _ActionCalls:
        key = call.account, call.action
        calls = self._calls.get(key)
        if calls is None:
            calls = self._calls[key] = self._new_calls(call.action)
        calls.ledger.record_arrival(now)
        background_qps = self.faults.background_qps(call.action)
        calls.background_load.catch_up(background_qps, now, wall)
        if not calls.policy.take(now, wall):
            calls.ledger.throttled += 1
            raise throttled()
        return calls

    def _new_calls(self, action: str) -> _ActionCalls:
        options = self._options
        documented = facts_of(action).qps or DEFAULT_QPS
        ceiling = float(options.qps.get(action, documented))
        policy = policy_of(
            options.policy, ceiling, counts_refused=options.counts_refused
        )
        return _ActionCalls(policy, BackgroundLoad(policy), Ledger(ceiling))

    def _unexecuted(
        self,
        fault: AnyFault | None,
        calls: _ActionCalls,
        headers: dict[str, str],
        request: WireRequest,
    ) -> WireResponse | None:
        """Return the response to a call that a fault keeps from execution, if any."""
        response = WireResponse(status=200, headers=headers, body=b"")
        match fault:
            case Fault.RESET_BEFORE:
                return evolve(response, delivery=Delivery.RESET)
            case Fault.HANG:
                return evolve(response, delivery=Delivery.NEVER)
            case Fault.UNAVAILABLE_BEFORE:
                return _unavailable(response)
            case Fault.THROTTLED:
                calls.ledger.throttled += 1
                return self._error(throttled(), headers, request)
            case CannedResponse(processed=False):
                return response
            case _:
                return None

    def _execute(
        self,
        call: AuthenticatedCall,
        calls: _ActionCalls,
        headers: dict[str, str],
        request: WireRequest,
        elapsed: float,
    ) -> WireResponse:
        try:
            action = self._actions[call.action]
            action.rules.check(call.parameters)
            calls.ledger.executed += 1
            calls.executions[call.query] += 1
            fields = action.handler(call.account, call.parameters, elapsed)
        except ErrorResponse as error:
            return self._error(error, headers, request)
        # The vendor's examples of success contain the text "None".
        body = {
            "RequestId": headers["x-acs-request-id"],
            "Code": "OK",
            "Message": "None",
            "AccessDeniedDetail": "None",
            **fields,
        }
        present = {name: value for name, value in body.items() if value is not None}
        return WireResponse(status=200, headers=headers, body=encode(present))

    def _error(
        self, error: ErrorResponse, headers: dict[str, str], request: WireRequest
    ) -> WireResponse:
        status, request_id = error.status, headers["x-acs-request-id"]
        if error.throttled and self._options.retry_after is not None:
            milliseconds = round(self._options.retry_after * 1000)
            headers["x-acs-retry-after"] = str(milliseconds)
        body = {
            "RequestId": request_id,
            "Code": error.code,
            "Message": error.message,
        }
        if error.business and self._options.business_status == 200:  # noqa: PLR2004 - HTTP
            status = 200
        else:
            body["HostId"] = request.headers.get("host", "")
            body["Recommend"] = (
                "https://api.alibabacloud.com/troubleshoot"
                f"?q={error.code}&product=Cams&requestId={request_id}"
            )
        return WireResponse(status=status, headers=headers, body=encode(body))

    def _headers(self, wall: float) -> dict[str, str]:
        second = int(wall)
        if self._date[0] != second:
            self._date = second, formatdate(second, usegmt=True)
        drawn = f"{self._ids.getrandbits(128):032X}"
        parts = drawn[:8], drawn[8:12], drawn[12:16], drawn[16:20], drawn[20:]
        return {
            "Date": self._date[1],
            "Content-Type": "application/json;charset=utf-8",
            "x-acs-request-id": "-".join(parts),
        }


def _break(fault: AnyFault | None, response: WireResponse) -> WireResponse:
    """Apply a fault to the response of a call that was executed."""
    match fault:
        case Fault.RESET_AFTER:
            response = evolve(response, delivery=Delivery.RESET)
        case Fault.TRUNCATED:
            response = evolve(response, delivery=Delivery.TRUNCATED)
        case Fault.UNAVAILABLE_AFTER:
            response = _unavailable(response)
        case Fault.GARBAGE:
            response = evolve(response, status=200, body=GARBAGE)
        case Fault.WRONG_SHAPE:
            response = evolve(response, status=200, body=WRONG_SHAPE)
        case Slow(seconds):
            response = evolve(response, delay=seconds)
        case _:
            pass
    return response


def _unavailable(response: WireResponse) -> WireResponse:
    headers = {**response.headers, "Content-Type": "text/html;charset=utf-8"}
    return evolve(response, status=503, headers=headers, body=HTML)
