"""The edge to redis-py: one connection, short time-outs, and errors that are ours."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from inspect import signature
from ssl import SSLCertVerificationError
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

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
"""Rights that a Redis user needs, in the syntax of ACL SETUSER."""

MORE_RIGHTS = (
    f"gives this user too few rights: it needs {RULES}, "
    "and +select for a database other than 0"
)

NO_PASSWORD = "requires a password"  # noqa: S105 - a description of an error
BAD_PASSWORD = "refused the user name or the password"  # noqa: S105 - likewise

# What an error means, by what is found in its type and text, in small letters. Types
# alone would not do: redis-py has few, an older one has fewer, and Redis words what
# happens in a script differently from 7 and 7.2 on. The first match counts.
MEANINGS = {
    "no permissions": MORE_RIGHTS,
    "the user executing the script can't": MORE_RIGHTS,
    "unauthenticated": NO_PASSWORD,  # instead of reading a long command
    "authentication required": NO_PASSWORD,
    "against a read only replica": "is a read-only replica",
    "link with master is down": "is a replica whose master is away",
    "noreplicas": "has too few replicas to take writes",
    "misconf": "takes no writes, since it cannot save them",
    "used memory > 'maxmemory'": "is out of memory (maxmemory) and takes no writes",
    "clusterdown": "belongs to a cluster that is down",
    "movederror": "is a node of a cluster, and another node has the keys (MOVED)",
    "askerror": "is a node of a cluster that is moving the keys elsewhere (ASK)",
    "wrong kind of value": "holds something else under the throttle's keys",
    "noscript": "does not keep the script that it was given (NOSCRIPT)",
    "unknown command": "lacks a command of the throttle, as some proxies do",
    "script": "refused the throttle's script, as some proxies do",
}

# What redis-py takes for a broken connection, although there was an answer. Its texts
# hold host names otherwise, so that no other mark is looked for in them.
PASSING = {
    "busyloadingerror": "is still loading its data",
    "max number of clients": "has as many clients as it allows",
}

# Introducing itself costs redis-py a look into the file system for each connection.
# How to forbid it depends on its version.
_NAMELESS: dict[str, None] = (
    {"driver_info": None}
    if "driver_info" in signature(cast("Any", AbstractConnection).__init__).parameters
    else {"lib_name": None, "lib_version": None}
)


class Unreachable(Exception):  # noqa: N818 - a state of affairs, caught right above
    """No reply from Redis. It may or may not have run the script."""


class Refusal(Exception):  # noqa: N818 - a word of Redis's, caught right above
    """Redis answered that it will not serve us."""


class Server(Protocol):
    """A Redis that runs the step."""

    async def run(self, keys: Sequence[str], arguments: Sequence[Any]) -> Sequence[Any]:
        """Run one step and return what the script returns.

        Raises:
            Unreachable: There was no answer.
            Refusal: The reply was an error.
        """
        ...

    async def aclose(self) -> None:
        """Close the connection."""
        ...


class RedisServer:
    """A real one."""

    def __init__(self, url: str | Secret) -> None:
        pool = new_pool(as_secret(url))
        self._address = _address(pool.connection_kwargs)
        self._redis = Redis.from_pool(pool)
        self._script = self._redis.register_script(SCRIPT)

    async def run(self, keys: Sequence[str], arguments: Sequence[Any]) -> Sequence[Any]:
        """Run one step; see `Server.run`."""
        try:
            response = await self._script(keys=keys, args=["", "", *arguments])
        except RedisError as error:
            # An error of the server may repeat its input, the password included.
            kind, meaning = _explain(error)
        except OSError as error:
            kind, meaning = Unreachable, _no_answer(error)
        else:
            return cast("Sequence[Any]", response)
        if kind is Refusal:
            # A demoted master refuses writes for ever, on connections that it keeps
            # alive: the next one may lead to its successor.
            with suppress(RedisError):
                await self._redis.connection_pool.disconnect()
        raise kind(f"{self._address} {meaning}")

    async def aclose(self) -> None:
        """Close the connection."""
        await self._redis.aclose()


def new_pool(url: Secret) -> ConnectionPool:
    """Make what connects to a URL; nothing is opened.

    Raises:
        ConfigurationError: The URL is none of Redis's.
    """
    try:
        _refuse_torn(url.reveal())
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
        # Neither the URL nor the message of redis-py: both may hold a password.
        msg = (
            "must be like redis://, rediss:// or unix://, as redis-py takes it, "
            "with / ? # @ in a password percent-encoded"
        )
        raise ConfigurationError(msg, field="url") from None
    return pool


def _refuse_torn(url: str) -> None:
    """Refuse a URL torn apart by its password: a part of it would be the host."""
    parts = urlsplit(url)
    if parts.scheme != "unix" and "@" in (
        parts.path + parts.query.split("=")[0] + parts.fragment
    ):
        raise ValueError


class TlsConnection(SSLConnection):
    """A connection that reads its certificates outside of the event loop."""

    async def connect(self) -> None:
        """Connect."""
        certificates: Any = self.ssl_context
        await asyncio.to_thread(certificates.get)
        await cast("Any", super()).connect()


def _address(connection: Mapping[str, Any]) -> str:
    """Return where a pool connects to, for error messages."""
    if "path" in connection:
        return str(connection["path"])
    host, port = connection.get("host", "localhost"), connection.get("port", 6379)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _explain(error: RedisError) -> tuple[type[Unreachable | Refusal], str]:
    """Return the kind of an error, and its meaning in words of our own."""
    root = _root(error)
    text = f"{type(error).__name__} {error}"
    match error:
        case _ if isinstance(root, SSLCertVerificationError):
            return Refusal, "has a certificate that is not trusted"
        case exceptions.AuthenticationError():
            return Refusal, _meaning(text, MEANINGS, BAD_PASSWORD)
        case exceptions.ConnectionError() | exceptions.TimeoutError():
            return Unreachable, _meaning(text, PASSING, _no_answer(root))
        case _ if str(error).startswith("CAMSVERSION "):
            version = str(error).split()[1]
            return Refusal, f"is Redis {version}; at least {OLDEST} is needed"
        case _:
            return Refusal, _meaning(text, MEANINGS, f"failed ({type(error).__name__})")


def _meaning(text: str, meanings: Mapping[str, str], otherwise: str) -> str:
    found = (meaning for mark, meaning in meanings.items() if mark in text.lower())
    return next(found, otherwise)


def _no_answer(error: BaseException) -> str:
    return f"gave no reply ({type(error).__name__})"


def _root(error: BaseException) -> BaseException:
    below = error.__cause__ or error.__context__
    # Neither an answer before (NOSCRIPT) nor the cancel of a time-out is the cause.
    if not isinstance(below, Exception) or isinstance(below, exceptions.ResponseError):
        return error
    return _root(below)
