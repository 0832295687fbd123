"""The edge to redis-py: one connection, short time-outs, and errors that are ours."""

import asyncio
from collections.abc import Sequence
from inspect import signature
from ssl import SSLCertVerificationError
from typing import Any, Protocol, cast

from redis import exceptions
from redis.asyncio import ConnectionPool, Redis, SSLConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from cams_async.errors import ConfigurationError
from cams_async.redis.step import SCRIPT
from cams_async.secret import Secret, as_secret

CONNECT = 0.5
"""Seconds that making a connection may take."""

ANSWER = 0.5
"""Seconds that an answer may take."""

OLDEST = "6.2"

RULES = "~cams:* +evalsha +script|load +info +time +del +pexpire +@hash +@sortedset"
"""What a user of Redis must be allowed, in the words of its ACL SETUSER."""

MORE_RIGHTS = f"the user needs {RULES}, and +select for a database other than 0"

# What marks an error, in small letters. Types would not do: redis-py has few, an older
# one has fewer, and Redis words what happens in a script differently from 7 and 7.2 on.
MARKS = {
    "no permissions": MORE_RIGHTS,
    "the user executing the script can't": MORE_RIGHTS,
    "unauthenticated": "it asks for a password",  # instead of reading a long command
    "against a read only replica": "it is a read-only replica",
    "link with master is down": "it is a replica whose master is away",
    "noreplicas": "it has too few replicas to take writes",
    "misconf": "it takes no writes, since it cannot save them",
}

# Introducing itself costs redis-py a look into the file system for each connection.
# How to forbid it depends on its version.
_NAMELESS: dict[str, None] = (
    {"driver_info": None}
    if "driver_info" in signature(cast("Any", AbstractConnection).__init__).parameters
    else {"lib_name": None, "lib_version": None}
)


class Unreachable(Exception):  # noqa: N818 - a state of affairs, caught right above
    """Redis gave no answer. Whether it ran what it was sent is not known."""


class Refusal(Exception):  # noqa: N818 - a word of Redis's, caught right above
    """Redis answered that it will not serve us."""


class Server(Protocol):
    """A Redis that runs the step."""

    async def run(self, keys: Sequence[str], arguments: Sequence[Any]) -> Sequence[Any]:
        """Run one step and return what the script returns.

        Raises:
            Unreachable: There was no answer.
            Refusal: There was one, and it said no.
        """
        ...

    async def aclose(self) -> None:
        """Close the connection."""
        ...


class RedisServer:
    """A real one."""

    def __init__(self, url: str | Secret) -> None:
        self._redis = Redis.from_pool(new_pool(as_secret(url)))
        self._script = self._redis.register_script(SCRIPT)

    async def run(self, keys: Sequence[str], arguments: Sequence[Any]) -> Sequence[Any]:
        """Run one step; see `Server.run`."""
        try:
            answer = await self._script(keys=keys, args=["", "", *arguments])
        except RedisError as error:
            # What a server says may repeat what it was sent, the password included.
            raise _ours(error) from None
        except OSError as error:
            raise Unreachable(type(error).__name__) from None
        return cast("Sequence[Any]", answer)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._redis.aclose()


def new_pool(url: Secret) -> ConnectionPool:
    """Make what connects to a URL; nothing is opened.

    Raises:
        ConfigurationError: The URL is none of Redis's.
    """
    try:
        pool: ConnectionPool = cast("Any", ConnectionPool).from_url(
            url.reveal(),
            socket_connect_timeout=CONNECT,
            socket_timeout=ANSWER,
            retry=Retry(NoBackoff(), 0),
            retry_on_error=[],
            protocol=2,
            **_NAMELESS,
        )
        if issubclass(pool.connection_class, SSLConnection):
            pool.connection_class = TlsConnection
        pool.connection_class(**pool.connection_kwargs)
    except (TypeError, ValueError, AttributeError, RedisError):
        # Neither the URL nor what redis-py says of it: both may hold a password.
        msg = "must be like redis://, rediss:// or unix://, as redis-py takes it"
        raise ConfigurationError(msg, field="url") from None
    return pool


class TlsConnection(SSLConnection):
    """A connection that reads its certificates outside of the event loop."""

    async def connect(self) -> None:
        """Connect."""
        certificates: Any = self.ssl_context
        await asyncio.to_thread(certificates.get)
        await cast("Any", super()).connect()


def _ours(error: RedisError) -> Unreachable | Refusal:
    """Put it in words of our own."""
    root = _root(error)
    match error:
        case _ if isinstance(root, SSLCertVerificationError):
            return Refusal("its certificate is not trusted")
        case exceptions.AuthenticationError():
            return Refusal("it refused the user name or the password")
        case exceptions.ConnectionError() | exceptions.TimeoutError():
            return Unreachable(type(root).__name__)
        case _:
            return Refusal(_told(error))


def _told(error: RedisError) -> str:
    """Say what an answer of Redis's means."""
    line = str(error)
    if line.startswith("CAMSVERSION "):
        return f"it is Redis {line.split()[1]}; at least {OLDEST} is needed"
    known = (meaning for mark, meaning in MARKS.items() if mark in line.lower())
    return next(known, f"it failed ({type(error).__name__})")


def _root(error: BaseException) -> BaseException:
    below = error.__cause__ or error.__context__
    return error if below is None else _root(below)
