"""A sender of one-time codes, by a template of the category AUTHENTICATION."""

import hmac
import secrets
import time
from collections.abc import Callable

from cams_async import CamsClient

VALID = 300.0
"""Seconds for which a code is valid."""

ATTEMPTS = 3
"""How often a code can be tried."""


class LoginCodes:
    """Sends codes, and checks what users enter.

    Args:
        cams: The client.
        sender: The business number.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        cams: CamsClient,
        sender: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cams = cams
        self._sender = sender
        self._clock = clock
        self._codes: dict[str, tuple[str, float, int]] = {}

    async def send(self, user: str) -> None:
        """Send a new code, which replaces a former one."""
        code = f"{secrets.randbelow(10**6):06}"
        self._codes[user] = code, self._clock() + VALID, ATTEMPTS
        # A deadline, since a code that comes late is of no use.
        await self._cams.with_options(deadline=10).send_chatapp_message(
            channel_type="whatsapp",
            type="template",
            template_name="login_code",
            language="en",
            template_params={"code": code},
            from_=self._sender,
            to=user,
        )

    def check(self, user: str, entered: str) -> bool:
        """Return whether a user has entered the code; it is valid once."""
        code, until, attempts = self._codes.pop(user, ("", 0.0, 0))
        if attempts < 1 or self._clock() > until:
            return False
        if hmac.compare_digest(entered.encode(), code.encode()):
            return True
        self._codes[user] = code, until, attempts - 1
        return False
