"""Which clients share a rate limit: the accounts of credentials."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest
from aiohttp import web
from attrs import define, evolve

from cams_async import sources
from cams_async.client import CamsClient
from cams_async.credentials import (
    KEY_ID,
    KEY_SECRET,
    SECURITY_TOKEN,
    Credentials,
    CredentialsProvider,
    EnvironmentCredentials,
)
from cams_async.emulator import Emulator
from cams_async.errors import ConfigurationError
from cams_async.providers import chain
from cams_async.sources import CredentialsUri, ProfileCredentials
from tests.credential_sources import AK, SERVED, STS, service, write
from tests.fakes import (
    MIGRATION,
    STATUS,
    VERIFIED,
    RecordingTransport,
    Watched,
    make,
)

FIRST = Credentials("LTAIfirst0000000", "secret")
SECOND = Credentials("LTAIsecond000000", "secret")


@define
class Key:
    """An access key in a profile file, in a service and, if exported, in variables."""

    path: Path
    monkeypatch: pytest.MonkeyPatch
    now: Credentials = FIRST
    exported: bool = False
    uri: str = ""
    """The address of the service."""

    def put(self, credentials: Credentials) -> None:
        """Replace the key everywhere."""
        self.now = credentials
        key_id, secret = self._texts()
        key = {"access_key_id": key_id, "access_key_secret": secret}
        write(self.path, {**AK, **key}, {**STS, **key})
        if self.exported:
            self.monkeypatch.setenv(KEY_ID, key_id)
            self.monkeypatch.setenv(KEY_SECRET, secret)

    def export(self, token: str = "") -> None:
        """Put the key into the environment, with a token or without."""
        self.exported = True
        self.monkeypatch.setenv(SECURITY_TOKEN, token)
        self.put(self.now)

    async def respond(self, _: web.Request) -> web.Response:
        """Return the key and a token that have expired, so that no call keeps them."""
        await asyncio.sleep(0)
        key_id, secret = self._texts()
        key = {"AccessKeyId": key_id, "AccessKeySecret": secret}
        past = {"Expiration": "2001-01-01T00:00:00Z"}
        return web.json_response({**SERVED, **key, **past})

    def _texts(self) -> tuple[str, str]:
        return self.now.access_key_id, self.now.access_key_secret.reveal()


@pytest.fixture
async def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Key]:
    """Return a key in a profile file and in a service."""
    # Each call reads the file.
    monkeypatch.setattr(sources, "REREAD", 0.0)
    key = Key(tmp_path / ".aliyun" / "config.json", monkeypatch)
    key.put(FIRST)
    async with service(key.respond) as key.uri:
        yield key


class Nameless:
    """A provider of the user's own, without the property `account`."""

    def __init__(self, key: Key, token: str | None = None) -> None:
        self._key = key
        self._token = token

    async def get(self) -> Credentials:
        """Return the current key."""
        await asyncio.sleep(0)
        return evolve(self._key.now, security_token=self._token)


class Custom(Nameless):
    """A provider of the user's own."""

    def __init__(
        self, key: Key, token: str | None = None, *, account: str | None
    ) -> None:
        super().__init__(key, token)
        self.account = account


def environment(key: Key, token: str = "") -> CredentialsProvider:
    """Return a provider of the exported key."""
    key.export(token)
    return EnvironmentCredentials()


def default(key: Key, **variables: str) -> None:
    """Return what selects the default chain."""
    for name, value in variables.items():
        key.monkeypatch.setenv(f"ALIBABA_CLOUD_{name}", value)


def exported(key: Key) -> None:
    """Return what selects the default chain, whose first provider has the key."""
    key.export()


def secret_uri(key: Key) -> str:
    """Return the address with a user, a password, a query and a fragment."""
    there = key.uri.removeprefix("http://")
    return f"http://canary:canary@{there}?canary=canary#canary"


def absent(key: Key) -> CredentialsProvider:
    """Return a provider without credentials, for the head of a chain."""
    return ProfileCredentials(path=key.path.parent / "missing")


URI = "the address of the service"
KEPT, ROTATES = FIRST, SECOND

Source: TypeAlias = Callable[[Key], Any]

SOURCES: dict[str, tuple[Source, str, Credentials]] = {
    "argument": (lambda key: key.now, FIRST.access_key_id, KEPT),
    "argument with a token": (
        lambda key: evolve(key.now, security_token="token"),
        FIRST.access_key_id,
        KEPT,
    ),
    "environment": (environment, FIRST.access_key_id, ROTATES),
    "environment with a token": (
        lambda key: environment(key, "token"),
        FIRST.access_key_id,
        ROTATES,
    ),
    "profile AK": (lambda _: ProfileCredentials(), FIRST.access_key_id, ROTATES),
    "profile StsToken": (lambda _: ProfileCredentials("sts"), "profile sts", ROTATES),
    "URI": (lambda key: CredentialsUri(key.uri), URI, ROTATES),
    "URI with secrets": (lambda key: CredentialsUri(secret_uri(key)), URI, ROTATES),
    "chain to environment": (
        lambda key: chain(absent(key), environment(key)),
        FIRST.access_key_id,
        ROTATES,
    ),
    "chain to profile AK": (
        lambda key: chain(absent(key), ProfileCredentials()),
        FIRST.access_key_id,
        ROTATES,
    ),
    "chain to profile StsToken": (
        lambda key: chain(absent(key), ProfileCredentials("sts")),
        "profile sts",
        ROTATES,
    ),
    "chain to URI": (
        lambda key: chain(absent(key), CredentialsUri(key.uri)),
        URI,
        ROTATES,
    ),
    "chain to custom": (
        lambda key: chain(absent(key), Custom(key, account="main")),
        "main",
        ROTATES,
    ),
    "chain to custom, nameless": (
        lambda key: chain(absent(key), cast("CredentialsProvider", Nameless(key))),
        FIRST.access_key_id,
        ROTATES,
    ),
    "default, environment": (exported, FIRST.access_key_id, ROTATES),
    "default, profile AK": (default, FIRST.access_key_id, ROTATES),
    "default, profile StsToken": (
        lambda key: default(key, PROFILE="sts"),
        "profile sts",
        ROTATES,
    ),
    "default, URI": (
        lambda key: default(
            key, CLI_PROFILE_DISABLED="true", CREDENTIALS_URI=secret_uri(key)
        ),
        URI,
        ROTATES,
    ),
    "custom, named": (lambda key: Custom(key, account="main"), "main", ROTATES),
    "custom, named, with a token": (
        lambda key: Custom(key, "token", account="main"),
        "main",
        ROTATES,
    ),
    "custom, None": (
        lambda key: Custom(key, account=None),
        FIRST.access_key_id,
        ROTATES,
    ),
    "custom, None, with a token": (
        lambda key: Custom(key, "token", account=None),
        FIRST.access_key_id,
        ROTATES,
    ),
    "custom, nameless": (Nameless, FIRST.access_key_id, ROTATES),
}
"""Sources, their accounts, and the key of their calls after a rotation."""


@pytest.mark.parametrize("given", [None, "given"], ids=["", "account="])
@pytest.mark.parametrize(("source", "account", "then"), SOURCES.values(), ids=SOURCES)
async def test_an_account_is_fixed_at_the_first_call(
    source: Source, account: str, then: Credentials, given: str | None, key: Key
) -> None:
    """Its name is the same for all later calls, keys and actions; `account=` wins."""
    transport, throttle = RecordingTransport(VERIFIED), Watched()
    options = {"credentials": source(key), "account": given, "throttle": throttle}
    async with make(transport, **options) as cams:
        await cams.send(STATUS)
        key.put(SECOND)
        await cams.send(STATUS)
        await cams.send(MIGRATION)

    named = given or {URI: key.uri}.get(account, account)
    assert [scope.account for scope in throttle.scopes] == [named] * 3
    signed = zip([FIRST, then, then], transport.header("authorization"), strict=True)
    assert all(f"Credential={key.access_key_id}," in header for key, header in signed)


@pytest.mark.parametrize("account", ["", 5, b"x", ["x"]], ids=repr)
async def test_an_account_that_is_no_name_is_a_configuration_error(
    account: Any, key: Key
) -> None:
    """A mistake of a provider does not split a limit unnoticed."""
    transport = RecordingTransport(VERIFIED)
    async with make(transport, credentials=Custom(key, account=account)) as cams:
        with pytest.raises(ConfigurationError, match="of the provider") as caught:
            await cams.send(STATUS)

    assert caught.value.field == "account"
    assert not transport.seen


# Over loopback


async def call_in_turn(emulator: Emulator, *clients: CamsClient) -> None:
    """Send 12 calls of one action at once, by each client in turn."""
    number = emulator.phone_numbers[0]
    async with asyncio.TaskGroup() as tasks:
        for index in range(12):
            cams = clients[index % len(clients)]
            tasks.create_task(
                cams.get_phone_number_verification_status(
                    phone_number=number.phone_number,
                    cust_space_id=number.cust_space_id,
                )
            )


@pytest.mark.parametrize("account", [None, "main"])
async def test_clients_of_one_account_share_its_limit(
    account: str | None, key: Key
) -> None:
    """A key is an account however it is given, and other keys need `account=`."""
    async with Emulator(phone_numbers=1) as emulator:
        key.put(emulator.credentials)
        key.export()
        given: list[Any] = [
            emulator.credentials,
            EnvironmentCredentials(),
            ProfileCredentials(),
        ]
        if account is not None:
            emulator.admit(SECOND)
            given.append(SECOND)
        clients = [
            CamsClient(credentials, endpoint=emulator.endpoint, account=account)
            for credentials in given
        ]
        await call_in_turn(emulator, *clients)
        (action,) = emulator.report().actions
        for cams in clients:
            await cams.aclose()

    assert (action.arrivals, action.executed, action.throttled) == (12, 12, 0)
    assert action.peak <= 10
    assert action.held
