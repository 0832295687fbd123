"""The emulator as its users see it: options, endpoint, accounts, state and report."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from ssl import SSLContext
from typing import Self

from cams_async.config import check
from cams_async.credentials import Credentials
from cams_async.emulator.callbacks import CallbackPusher
from cams_async.emulator.ceilings import PolicyName
from cams_async.emulator.conversations import Conversations
from cams_async.emulator.exchange import WireRequest, WireResponse
from cams_async.emulator.faults import FaultInjector
from cams_async.emulator.object_store import ObjectStore
from cams_async.emulator.options import EmulatorOptions
from cams_async.emulator.report import Report
from cams_async.emulator.server import HttpServer
from cams_async.emulator.service import Service
from cams_async.emulator.state import EmulatedNumber
from cams_async.errors import ConfigurationError
from cams_async.models import CodeVerificationStatus


class Emulator:
    """A CAMS server in this process, strict on the wire, that checks rate limits.

    `async with` starts and stops it; for a long run, `start()` and `aclose()`.
    Any client of CAMS can call `endpoint` with `credentials`.

    Args:
        phone_numbers: Phone numbers per account, 1 to 10,000,000.
        accounts: The number of accounts, 1 to 100.
        policy: The way calls above a rate limit are counted and refused: "sliding"
            over the last second, "calendar" per second of the server's clock, or
            "bucket" for a token bucket.
        qps: Rate limits by action, in calls per second, in place of the documented
            ones. Fractions and values below 1 are accepted. An action whose name is
            misspelt is refused, and a warning of any other unknown one is logged.
        counts_refused: Whether refused calls count as well.
        reads_forms: Whether parameters in a body are read for every action. Otherwise
            only for those whose documented place is a form.
        latency: Seconds (low, high) that each way takes, drawn at random: before a
            request arrives, and before its response leaves.
        settle: Seconds within which every phone number becomes verified; None for
            never.
        seed: The seed of everything random.
        skew: Seconds by which the server's clock is ahead of the real one.
        retry_after: Seconds that throttled responses ask to wait; None to omit the
            header.
        business_status: The HTTP status of business failures, 400 or 200.
        callback_url: Where notifications are pushed: messages of users, receipts,
            audits. By default only to the URLs that UpdatePhoneWebhook sets, and of
            those only to ones of this machine.
        callback_retries: Seconds before each further attempt of a push that was not
            answered with 200 within 3 seconds (assumed).
        host: The address to listen on.
        port: The port to listen on; 0 for any free port.
        ssl: The TLS context of the server; makes the endpoint https.

    Raises:
        ConfigurationError: An argument is invalid; `field` names it.
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
        callback_url: str | None = None,
        callback_retries: Sequence[float] = (60.0, 300.0, 600.0),
        host: str = "127.0.0.1",
        port: int = 0,
        ssl: SSLContext | None = None,
    ) -> None:
        self.options: EmulatorOptions = EmulatorOptions(
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
            callback_url=callback_url,
            callback_retries=callback_retries,
            host=host,
            port=port,
            ssl=ssl,
        )
        self.accounts: tuple[Credentials, ...] = tuple(
            _credentials(index) for index in range(accounts)
        )
        self._service = Service(self.options, self.accounts)
        self._server = HttpServer(self.options, self._respond)
        self.callbacks: CallbackPusher = CallbackPusher(
            self.options.callback_retries,
            Random(f"{seed} callbacks"),  # noqa: S311 - no secrets
        )
        state = self._service.state
        self._conversations = Conversations(
            state, self.callbacks, url=callback_url, now=self._wall
        )
        state.on_sent = self._conversations.sent

    def __repr__(self) -> str:
        return f"<Emulator {self._server.endpoint or 'stopped'}>"

    @property
    def endpoint(self) -> str:
        """The endpoint for clients, such as `http://127.0.0.1:40123`.

        Raises:
            ConfigurationError: The emulator has not been started.
        """
        endpoint = self._server.endpoint
        if endpoint is None:
            raise ConfigurationError("the emulator is not running", field="endpoint")
        return endpoint

    @property
    def credentials(self) -> Credentials:
        """The first account's credentials."""
        return self.accounts[0]

    @property
    def phone_numbers(self) -> tuple[EmulatedNumber, ...]:
        """The phone numbers of all accounts."""
        return self._service.state.numbers

    @property
    def store(self) -> ObjectStore:
        """The object store, for which GetChatappUploadAuthorization gives access."""
        return self._service.state.store

    @property
    def faults(self) -> FaultInjector:
        """The fault injector."""
        return self._service.faults

    @property
    def skew(self) -> float:
        """Seconds by which the server's clock is ahead; may be set at any time."""
        return self.options.skew

    @skew.setter
    def skew(self, seconds: float) -> None:
        self.options.skew = seconds

    def admit(
        self, credentials: Credentials, *, account: Credentials | None = None
    ) -> None:
        """Accept further credentials, as for a RAM user or an assumed role.

        They share the account's phone numbers and rate limits. A temporary key needs
        its security token, and is refused after it has expired. The same key id again
        replaces the former credentials.

        Args:
            credentials: The credentials to accept.
            account: One of `accounts`; by default the first.

        Raises:
            ConfigurationError: There is no such account.
        """
        owner = self.credentials if account is None else account
        if owner not in self.accounts:
            expected = "must be one of the emulator's accounts"
            raise ConfigurationError(expected, field="account")
        self._service.auth.register(credentials, owner.access_key_id)

    def qrdl_code(self, phone_number: str) -> str:
        """Return the newest QR code of a number; empty if it has none."""
        return self._service.state.get(phone_number).qrdl_code

    def verify_code(self, phone_number: str) -> str:
        """Return the one-time code of a number's migration, used or not."""
        return self._service.state.get(phone_number).verify_code

    def encryption_public_key(self, phone_number: str) -> str | None:
        """Return the public key of a number, or None before one was set."""
        return self._service.state.get(phone_number).encryption_public_key

    def verification_status(self, phone_number: str) -> CodeVerificationStatus:
        """Return the current verification status of a number."""
        number = self._service.state.get(phone_number)
        start = self._service.start
        return number.status(0.0 if start is None else time.monotonic() - start)

    def executed(self, action: str) -> Counter[tuple[tuple[str, str], ...]]:
        """Count the executions of an action by parameters, business failures included.

        Returns:
            The number of executions for each set of parameters; a key is a tuple of
            (name, value) pairs sorted by name.
        """
        return self._service.executed(action)

    def report(self) -> Report:
        """Return the calls counted so far, and whether every rate limit was kept."""
        return self._service.report(time.monotonic())

    def set_status(self, phone_number: str, status: str) -> None:
        """Set the verification status of a number, which stays, such as `EXPIRED`.

        Raises:
            ConfigurationError: There is no such number, or no such status.
        """
        record = self._service.state.get(phone_number)
        known = ", ".join(CodeVerificationStatus)
        check(status in [*CodeVerificationStatus], "status", f"must be one of {known}")
        record.set_status(CodeVerificationStatus(status))

    def receive_text(
        self, from_: str, text: str, *, to: str | None = None, ago: float = 0.0
    ) -> str:
        """Receive a text of a user, as `receive` does; return its message ID."""
        return self.receive(from_, "TEXT", text, to=to, ago=ago)

    def receive(
        self,
        from_: str,
        kind: str,
        message: object,
        *,
        to: str | None = None,
        ago: float = 0.0,
    ) -> str:
        """Receive a message of a user: open the 24-hour window, push a notification.

        Args:
            from_: The number of the user.
            kind: The type, such as `IMAGE` or `REPLY`.
            message: The content: a text, or JSON such as `{"payload": "1"}`.
            to: The recipient, one of the emulator's numbers. Default: the first.
            ago: The age of the message, in seconds.

        Returns:
            The ID of the message.

        Raises:
            ConfigurationError: There is no such recipient.
        """
        number = self.phone_numbers[0].phone_number if to is None else to
        return self._conversations.receive(from_, kind, message, to=number, ago=ago)

    def fail_recipient(self, number: str, code: str = "131026") -> None:
        """Let all further messages to a user fail by their receipt, with a code."""
        self._conversations.failing[number] = code

    def audit_template(
        self, code: str, status: str, *, language: str = "en", reason: str = ""
    ) -> None:
        """Push the audit of a template to `callback_url`, such as `pass` or `fail`."""
        self._conversations.audit(code, language, status, reason)

    async def start(self) -> Self:
        """Listen. State and report are kept over a stop and a new start.

        Raises:
            ConfigurationError: It is running already, or the port cannot be opened.
        """
        if self._service.start is None:
            self._service.start = time.monotonic()
        await self._server.start()
        self._service.state.endpoint = self.endpoint
        await self.callbacks.start()
        return self

    async def aclose(self) -> None:
        """Stop: requests that have not arrived yet are reset, others get a response.

        May be called more than once.
        """
        await self.callbacks.aclose()
        await self._server.aclose()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _wall(self) -> float:
        return time.time() + self.options.skew

    def _respond(self, request: WireRequest) -> WireResponse:
        if self.store.serves(request.path):
            return self.store.respond(request, self._wall())
        return self._service.respond(request, now=time.monotonic(), wall=self._wall())


def _credentials(index: int) -> Credentials:
    return Credentials(f"LTAIemulator{index:04}", f"emulator-secret-{index:04}")
