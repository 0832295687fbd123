"""The emulator as a server: the thin edge between HTTP and `Service`."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from random import Random
from ssl import SSLContext
from typing import Self

from aiohttp import web

from cams_async.credentials import Credentials
from cams_async.emulator.auth import Arrival, merged
from cams_async.emulator.ceilings import PolicyName
from cams_async.emulator.delivery import deliver, reset
from cams_async.emulator.faults import FaultInjector
from cams_async.emulator.options import Options
from cams_async.emulator.report import Report
from cams_async.emulator.rest import Rests
from cams_async.emulator.service import Service
from cams_async.emulator.state import EmulatedNumber
from cams_async.errors import ConfigurationError
from cams_async.models import CodeVerificationStatus

GRACE = 0.5
"""Seconds that answers on their way out have, at most, when the emulator stops."""

LONGEST_LINE = 2**20
"""Bytes of a request line. The vendor's SDK sends a list of 1,000 recipients in it. The
gateway's own bound is not documented: assumed."""


class Emulator:
    """A CAMS that runs in process: strict on the wire, with state, and a judge.

    `async with` starts and stops it; for a long run, `start()` and `aclose()`.
    Any client of CAMS can be pointed at `endpoint` with `credentials`.

    Args:
        phone_numbers: How many phone numbers each account has, 1 to 10,000,000.
        accounts: How many accounts there are, 1 to 100.
        policy: How calls above a ceiling are refused: over a "sliding" second, per
            "calendar" second of the server's clock, or by a token "bucket".
        qps: Ceilings by action, in calls per second, in place of the documented
            ones. Fractions and values below 1 are fine.
        counts_refused: Whether refused calls fill the window too.
        reads_forms: Whether parameters in a body are read for each action. Otherwise
            only for those whose documented place is a form.
        latency: Seconds (low, high) that each way takes, at random: before the call
            arrives, and before its answer leaves.
        settle: Seconds within which every phone number has become verified; None
            for never.
        seed: What everything random is drawn from.
        skew: Seconds that the server's clock is ahead of the real one.
        retry_after: Seconds that throttled answers ask to wait; None to ask nothing.
        business_status: The HTTP status of business failures, 400 or 200.
        host: Where to listen.
        port: Where to listen; 0 for any free port.
        ssl: A server's context; then the endpoint is https.

    Raises:
        ConfigurationError: An argument is unusable; names it.
    """

    def __init__(
        self,
        *,
        phone_numbers: int = 1000,
        accounts: int = 1,
        policy: PolicyName = "sliding",
        qps: Mapping[str, float] | None = None,
        counts_refused: bool = False,
        reads_forms: bool = True,
        latency: tuple[float, float] = (0.0, 0.0),
        settle: float | None = 20.0,
        seed: int = 0,
        skew: float = 0.0,
        retry_after: float | None = None,
        business_status: int = 400,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl: SSLContext | None = None,
    ) -> None:
        self.options: Options = Options(
            phone_numbers=phone_numbers,
            accounts=accounts,
            policy=policy,
            qps={} if qps is None else dict(qps),
            counts_refused=counts_refused,
            reads_forms=reads_forms,
            latency=latency,
            settle=settle,
            seed=seed,
            skew=skew,
            retry_after=retry_after,
            business_status=business_status,
            host=host,
            port=port,
            ssl=ssl,
        )
        self.accounts: tuple[Credentials, ...] = tuple(
            _credentials(place) for place in range(accounts)
        )
        self._service = Service(self.options, self.accounts)
        self._random = Random(f"{seed} latency")  # noqa: S311 - no secrets
        self._rests = Rests()
        self._server: web.Server | None = None
        self._runner: web.ServerRunner | None = None
        self._endpoint: str | None = None

    def __repr__(self) -> str:
        return f"<Emulator {self._endpoint or 'stopped'}>"

    @property
    def endpoint(self) -> str:
        """The origin to point clients at, such as `http://127.0.0.1:40123`.

        Raises:
            ConfigurationError: The emulator has not been started.
        """
        if self._endpoint is None:
            raise ConfigurationError("the emulator is not running", field="endpoint")
        return self._endpoint

    @property
    def credentials(self) -> Credentials:
        """The first account's credentials."""
        return self.accounts[0]

    @property
    def phone_numbers(self) -> tuple[EmulatedNumber, ...]:
        """Every phone number of every account."""
        return self._service.state.numbers

    @property
    def faults(self) -> FaultInjector:
        """The faults that are in store for calls."""
        return self._service.faults

    @property
    def skew(self) -> float:
        """Seconds that the server's clock is ahead; may be set at any time."""
        return self.options.skew

    @skew.setter
    def skew(self, seconds: float) -> None:
        self.options.skew = seconds

    def admit(
        self, credentials: Credentials, *, account: Credentials | None = None
    ) -> None:
        """Accept further credentials, as for a RAM user or an assumed role.

        They share the account's phone numbers and its ceilings. A temporary key must
        come with its security token, and is refused once it has ended. The same key
        id again replaces the former credentials.

        Args:
            credentials: What to accept.
            account: One of `accounts`; the first if not given.

        Raises:
            ConfigurationError: There is no such account.
        """
        owner = self.credentials if account is None else account
        if owner not in self.accounts:
            expected = "must be one of the emulator's accounts"
            raise ConfigurationError(expected, field="account")
        self._service.auth.register(credentials, owner.access_key_id)

    def qrdl_code(self, phone_number: str) -> str:
        """Return the number's QR code that is in force."""
        return self._service.state.get(phone_number).qrdl_code

    def verify_code(self, phone_number: str) -> str:
        """Return the one-time code of the number's migration, spent or not."""
        return self._service.state.get(phone_number).verify_code

    def encryption_public_key(self, phone_number: str) -> str | None:
        """Return the number's public key, or None before one was set."""
        return self._service.state.get(phone_number).encryption_public_key

    def verification_status(self, phone_number: str) -> CodeVerificationStatus:
        """Return the number's verification status at this moment."""
        standing = self._service.state.get(phone_number)
        start = self._service.start
        return standing.status(0.0 if start is None else time.monotonic() - start)

    def executed(self, action: str) -> Counter[tuple[tuple[str, str], ...]]:
        """Count the executions of an action by what was asked.

        A call counts once it reached the business itself, also where that said no.

        Returns:
            For each set of parameters, as (name, value) pairs sorted by name, how
            many times it was executed.
        """
        return self._service.executed(action)

    def report(self) -> Report:
        """Return everything seen so far, and the verdict."""
        return self._service.report(time.monotonic())

    async def start(self) -> Self:
        """Listen. What the emulator remembers outlives a stop and a new start.

        Raises:
            ConfigurationError: It runs already, or cannot listen there.
        """
        if self._runner is not None:
            raise ConfigurationError("the emulator is running", field="start")
        options = self.options
        if self._service.start is None:
            self._service.start = time.monotonic()
        self._rests = Rests()
        self._server = web.Server(
            self._handle, access_log=None, max_line_size=LONGEST_LINE
        )
        self._runner = web.ServerRunner(self._server, shutdown_timeout=GRACE)
        await self._runner.setup()
        site = web.TCPSite(
            self._runner,
            options.host,
            options.port,
            ssl_context=options.ssl,
            backlog=1024,
        )
        try:
            await site.start()
        except OSError as error:
            await self.aclose()
            message = f"cannot listen on {options.host}:{options.port}: {error}"
            raise ConfigurationError(message, field="port") from error
        scheme = "http" if options.ssl is None else "https"
        self._endpoint = origin(scheme, options.host, self._runner.addresses[0][1])
        return self

    async def aclose(self) -> None:
        """Stop: calls that have not arrived yet are reset, the others answered.

        May be called more than once.
        """
        runner, server = self._runner, self._server
        self._runner = self._server = self._endpoint = None
        if runner is None or server is None:
            return
        for site in runner.sites:
            await site.stop()
        self._rests.end()
        await asyncio.sleep(0)
        transports = [connection.transport for connection in server.connections]
        await runner.cleanup()
        # A TLS connection would otherwise wait for the caller's goodbye.
        for transport in transports:
            if transport is not None:
                transport.abort()
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            body = await request.read() if request.can_read_body else b""
        except (web.RequestPayloadError, ConnectionError):
            return reset(request)
        if not await self._travel():
            return reset(request)
        path, _, query = request.raw_path.partition("?")
        arrival = Arrival(
            method=request.method,
            path=path,
            query=query,
            headers=merged(request.headers.items()),
            body=body,
        )
        wall = time.time() + self.options.skew
        response = self._service.response(arrival, now=time.monotonic(), wall=wall)
        if response.delay:
            await self._rests.rest(response.delay)
        await self._travel()
        return await deliver(request, response, self._rests)

    async def _travel(self) -> bool:
        """Take one way through the network; False where the emulator stopped."""
        low, high = self.options.latency
        if not high:
            return True
        return await self._rests.rest(self._random.uniform(low, high))


def origin(scheme: str, host: str, port: int) -> str:
    """Return where a server can be reached."""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _credentials(place: int) -> Credentials:
    return Credentials(f"LTAIemulator{place:04}", f"emulator-secret-{place:04}")
