"""One call from its arrival to its answer, without any I/O.

The order of a real gateway: who is calling, may they call now, and only then what
they ask for.
"""

import json
from collections import Counter
from collections.abc import Mapping
from email.utils import formatdate
from enum import Enum
from random import Random
from typing import Any
from urllib.parse import parse_qsl

from attrs import define, evolve, field, frozen

from cams_async.credentials import Credentials
from cams_async.emulator.auth import Admitted, Arrival, Authenticator
from cams_async.emulator.ceilings import BackgroundLoad, Ledger, Policy, policy_of
from cams_async.emulator.contract import contract_of
from cams_async.emulator.faults import (
    AnyFault,
    CannedResponse,
    Fault,
    FaultInjector,
    Slow,
)
from cams_async.emulator.handlers import Handlers
from cams_async.emulator.options import Options
from cams_async.emulator.others import OTHERS
from cams_async.emulator.refusal import Refusal, throttled
from cams_async.emulator.report import Report, action_report
from cams_async.emulator.state import State
from cams_async.operations import OPERATIONS

HTML = b"<html><head><title>503</title></head><body>Service Unavailable</body></html>"

GARBAGE = b"\x89 this is not JSON {"

# Wrong for every action: no id, and no object or list where one belongs.
WRONG_SHAPE = b'{"RequestId":[],"Code":"OK","Data":"a","PhoneNumbers":"b"}'


class Delivery(Enum):
    """What becomes of an answer on its way."""

    WHOLE = "whole"
    RESET = "reset"
    TRUNCATED = "truncated"
    NEVER = "never"


@frozen(kw_only=True)
class WireResponse:
    """What is sent back, and how."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    delivery: Delivery = Delivery.WHOLE
    delay: float = 0.0
    """Seconds to hold it back."""


@define
class _Line:
    """One account's calls of one action."""

    policy: Policy
    background_load: BackgroundLoad
    ledger: Ledger
    # By canonical query: one text is a fraction of the size of its parameters.
    executions: Counter[str] = field(factory=Counter[str])


class Service:
    """Takes calls, and keeps all that is known of them."""

    def __init__(self, options: Options, accounts: tuple[Credentials, ...]) -> None:
        def random(purpose: str) -> Random:
            # One stream for each purpose, so that none disturbs another.
            return Random(f"{options.seed} {purpose}")  # noqa: S311 - no secrets

        self._options = options
        self.state: State = State(
            tuple(credentials.access_key_id for credentials in accounts),
            phone_numbers=options.phone_numbers,
            settle=options.settle,
            random=random("state"),
        )
        self._handlers = {
            **Handlers(self.state).by_action(),
            **{name: other.handler for name, other in OTHERS.items()},
        }
        self._contracts = {
            **{name: contract_of(OPERATIONS[name]) for name in OPERATIONS},
            **{name: other.contract for name, other in OTHERS.items()},
        }
        self._ids = random("request ids")
        self.auth: Authenticator = Authenticator(
            self._handlers, reads_forms=options.reads_forms
        )
        for credentials in accounts:
            self.auth.register(credentials, credentials.access_key_id)
        self.faults: FaultInjector = FaultInjector(self._handlers, random("trouble"))
        self._lines: dict[tuple[str, str], _Line] = {}
        self._date = (0, "")
        self.start: float | None = None

    def response(self, arrival: Arrival, *, now: float, wall: float) -> WireResponse:
        """Judge a call, execute it, and let trouble befall it.

        Args:
            arrival: The request.
            now: Seconds on a clock that never jumps.
            wall: The server's clock, in seconds since 1970.
        """
        if self.start is None:
            self.start = now
        headers = self._headers(wall)
        try:
            call = self.auth.admit(arrival, now=now, wall=wall)
            line = self._take(call, now, wall)
        except Refusal as refusal:
            return self._refused(refusal, headers, arrival)
        fault = self.faults.draw(call.action)
        response = self._before(fault, line, headers, arrival)
        if response is None:
            response = self._execute(call, line, headers, arrival, now - self.start)
            response = _after(fault, response)
        if isinstance(fault, CannedResponse):
            headers.update(fault.headers)
            response = WireResponse(
                status=fault.status, headers=headers, body=fault.body
            )
        return response

    def executed(self, action: str) -> Counter[tuple[tuple[str, str], ...]]:
        """Count the executions of an action by its sorted pairs of parameters."""
        found: Counter[tuple[tuple[str, str], ...]] = Counter()
        for (_, name), line in self._lines.items():
            if name == action:
                for query, times in line.executions.items():
                    pairs = parse_qsl(query, keep_blank_values=True)
                    found[tuple(pairs)] += times
        return found

    def report(self, now: float) -> Report:
        """Return everything seen so far."""
        start = now if self.start is None else self.start
        return Report(
            policy=self._options.policy,
            elapsed=now - start,
            actions=tuple(
                action_report(account, action, line.ledger, start=start)
                for (account, action), line in sorted(
                    self._lines.items(), key=lambda item: item[0]
                )
            ),
        )

    def _take(self, call: Admitted, now: float, wall: float) -> _Line:
        key = call.account, call.action
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = self._new_line(call.action)
        line.ledger.arrived(now)
        line.background_load.catch_up(
            self.faults.background_qps(call.action), now, wall
        )
        if not line.policy.take(now, wall):
            line.ledger.throttled += 1
            raise throttled()
        return line

    def _new_line(self, action: str) -> _Line:
        options = self._options
        documented = (OPERATIONS.get(action) or OTHERS[action]).qps
        ceiling = float(options.qps.get(action, documented))
        policy = policy_of(
            options.policy, ceiling, counts_refused=options.counts_refused
        )
        return _Line(policy, BackgroundLoad(policy), Ledger(ceiling))

    def _before(
        self,
        fault: AnyFault | None,
        line: _Line,
        headers: dict[str, str],
        arrival: Arrival,
    ) -> WireResponse | None:
        """Return the answer of a call that is not executed; None if it is."""
        response = WireResponse(status=200, headers=headers, body=b"")
        match fault:
            case Fault.RESET_BEFORE:
                return evolve(response, delivery=Delivery.RESET)
            case Fault.HANG:
                return evolve(response, delivery=Delivery.NEVER)
            case Fault.UNAVAILABLE_BEFORE:
                return _unavailable(response)
            case Fault.THROTTLED:
                line.ledger.throttled += 1
                return self._refused(throttled(), headers, arrival)
            case CannedResponse(processed=False):
                return response
            case _:
                return None

    def _execute(
        self,
        call: Admitted,
        line: _Line,
        headers: dict[str, str],
        arrival: Arrival,
        elapsed: float,
    ) -> WireResponse:
        try:
            self._contracts[call.action].check(call.parameters)
            line.ledger.executed += 1
            line.executions[call.query] += 1
            handler = self._handlers[call.action]
            answered = handler(call.account, call.parameters, elapsed)
        except Refusal as refusal:
            return self._refused(refusal, headers, arrival)
        # "None" is the word that the vendor's examples of success carry.
        body = {
            "RequestId": headers["x-acs-request-id"],
            "Code": "OK",
            "Message": "None",
            "AccessDeniedDetail": "None",
            **answered,
        }
        return WireResponse(status=200, headers=headers, body=_json(body))

    def _refused(
        self, refusal: Refusal, headers: dict[str, str], arrival: Arrival
    ) -> WireResponse:
        status, request_id = refusal.status, headers["x-acs-request-id"]
        if refusal.throttled and self._options.retry_after is not None:
            milliseconds = round(self._options.retry_after * 1000)
            headers["x-acs-retry-after"] = str(milliseconds)
        body = {
            "RequestId": request_id,
            "Code": refusal.code,
            "Message": refusal.message,
        }
        if refusal.business and self._options.business_status == 200:  # noqa: PLR2004 - HTTP
            status = 200
        else:
            body["HostId"] = arrival.headers.get("host", "")
            body["Recommend"] = (
                "https://api.alibabacloud.com/troubleshoot"
                f"?q={refusal.code}&product=Cams&requestId={request_id}"
            )
        return WireResponse(status=status, headers=headers, body=_json(body))

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


def _after(fault: AnyFault | None, response: WireResponse) -> WireResponse:
    """Return what is left of the answer of a call that was executed."""
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


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
