"""Which errors pass by themselves, so that asking again later may mend them."""

from cams_async.errors import (
    CamsError,
    ClientClosed,
    DeadlineExceeded,
    ServerError,
    ThrottleUnavailable,
    ThrottlingError,
    TransportError,
)

PASSING = (
    DeadlineExceeded,
    ServerError,
    ThrottleUnavailable,
    ThrottlingError,
    TransportError,
)


def is_transient(error: CamsError) -> bool:
    """Whether asking again later may mend an error, if that may be asked again."""
    if isinstance(error, ClientClosed):
        return False
    return isinstance(error, PASSING) or error.outcome == "unknown"
