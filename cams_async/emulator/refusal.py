"""What CAMS, or the gateway before it, says no with."""

from typing import NoReturn


class Refusal(Exception):  # noqa: N818 - an answer of the server, not its failure
    """An error answer. Raised wherever a call is judged; rendered in one place.

    Attributes:
        status: The HTTP status.
        code: The vendor's error code.
        message: The text for the caller.
        business: Whether CAMS itself refused, rather than the gateway before it;
            such refusals can also travel inside HTTP 200.
        throttled: Whether flow control refused the call.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        business: bool = False,
        throttled: bool = False,
    ) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.business = business
        self.throttled = throttled


def refuse(code: str, message: str, *, status: int = 400) -> NoReturn:
    """Refuse as the gateway does, before anything was executed."""
    raise Refusal(status, code, message)


def fail(code: str, message: str) -> NoReturn:
    """Refuse as CAMS itself does: the call was understood and cannot be done."""
    raise Refusal(400, code, message, business=True)


def throttled() -> Refusal:
    """Return what flow control answers.

    The code is CAMS' own; the page of each operation lists it with HTTP 400.
    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getphonenumberverificationstatus
    """
    return Refusal(
        400,
        "System.LimitControl",
        "The system is under flow control.",
        throttled=True,
    )
