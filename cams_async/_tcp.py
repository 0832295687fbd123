"""The kernel's part of a TCP connection, below asyncio's transports."""

import socket
import struct
import sys
import time
from asyncio import WriteTransport
from contextlib import suppress
from typing import Any

_LINUX = sys.platform == "linux"

_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""SO_LINGER for 0 seconds: closing the socket resets the connection."""

_UP_TO_LAST_ACK = 60
"""Bytes of Linux's `struct tcp_info` that are read."""

_LAST_ACK = 56
"""The offset of `tcpi_last_ack_recv`, an u32: milliseconds since the last ACK."""

_TICK = 0.01
"""Seconds. The kernel counts those milliseconds in ticks, at least 100 a second."""


def shows_acknowledgements(transport: WriteTransport | None) -> bool:
    """Whether `acknowledged_at` can determine anything for a connection."""
    if not _LINUX or transport is None:
        return False
    encrypted = transport.get_extra_info("sslcontext") is not None
    return not encrypted or hasattr(transport, "_ssl_protocol")


def acknowledged_at(transport: WriteTransport) -> float | None:
    """Return the time by which the peer had acknowledged all that was written.

    It may be called in any thread, and raises nothing; on Linux only.

    Returns:
        An upper bound on the clock of `time.monotonic`, at most now. None if there are
        bytes left to acknowledge, if the connection is closing, or where that cannot
        be determined: not over TCP, or under uvloop's TLS.
    """
    try:
        return _acknowledged_at(transport)
    # Another thread may close the socket meanwhile, or change the buffer.
    except Exception:  # noqa: BLE001 - names of asyncio's that are not public, too
        return None


def _acknowledged_at(transport: Any) -> float | None:
    # Windows has none of the two.
    from fcntl import ioctl  # noqa: PLC0415
    from termios import TIOCOUTQ  # noqa: PLC0415

    connection = transport.get_extra_info("socket")
    if transport.get_write_buffer_size():
        return None
    if transport.get_extra_info("sslcontext") is not None:
        # What TLS has encrypted waits in the transport beneath it.
        transport = transport._ssl_protocol._transport  # noqa: SLF001
        if transport.get_write_buffer_size():
            return None
    if any(ioctl(connection.fileno(), TIOCOUTQ, bytes(4))):
        return None
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _UP_TO_LAST_ACK)
    since_ack: int = struct.unpack_from("I", info, _LAST_ACK)[0]
    now = time.monotonic()
    # A closing transport may have discarded its buffer, or closed its socket, whose
    # number then belongs to another one.
    if transport.is_closing():
        return None
    return min(now, now - since_ack / 1000 + _TICK)


def reset(transport: WriteTransport) -> None:
    """Close a connection at once, so that nothing more of it is sent or resent.

    The kernel discards what it has not sent, or what was not acknowledged, and resets
    the connection. Also if `transport` is closing already.
    """
    with suppress(Exception):  # no socket, or closed
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        if _LINUX:
            # The event loop closes the socket in its next iteration, and a forked child
            # may hold it. Until then, the kernel gives up instead of resending.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1)
    with suppress(RuntimeError):  # of a closed event loop
        transport.abort()
