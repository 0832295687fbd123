"""Corrections of what the gateway refuses: the clock, the token, the form."""

import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from cams_async.credentials import Credentials
from cams_async.errors import ApiError, CamsError
from cams_async.forms import FormPolicy
from cams_async.hooks import CallState
from cams_async.protocol import Call

CENTURY = 100 * 365 * 86400.0
"""Seconds; a server's date that is further off is ignored."""


class Corrections:
    """Corrections shared by all calls of a client, each made once per call.

    Args:
        expire: Discards credentials that the server refused as expired. Returns whether
            others may be had.
        forms: The choice between a query and a form body.
    """

    def __init__(
        self, *, expire: Callable[[Credentials], bool], forms: FormPolicy
    ) -> None:
        self._expire = expire
        self._forms = forms
        # Seconds that the server's clock is ahead of this machine's.
        self._clock_offset = 0.0

    def server_time(self) -> float:
        """Return the server's time, in seconds since 1970."""
        return time.time() + self._clock_offset

    def correct(self, call: Call[Any], state: CallState, error: CamsError) -> bool:
        """Correct the cause of an error; return whether the call can be retried now.

        Only a refusal before the execution is corrected.
        """
        if not isinstance(error, ApiError) or error.outcome != "rejected":
            return False
        if error.code.startswith("InvalidTimeStamp.") and not state.clock_set:
            state.clock_set = self._set_clock(state.server_date)
            return state.clock_set
        if error.code == "InvalidSecurityToken.Expired" and not state.token_refreshed:
            signed_with = state.signed_with
            state.token_refreshed = signed_with is not None and self._expire(
                signed_with
            )
            return state.token_refreshed
        return state.short_form and self._forms.fall_back(
            call.action, call.parameters, error
        )

    def _set_clock(self, server_date: str | None) -> bool:
        try:
            date = parsedate_to_datetime(server_date or "")
            # HTTP dates are in UTC, also those without a zone.
            server = date.replace(tzinfo=date.tzinfo or UTC).timestamp()
        except (ArithmeticError, LookupError, TypeError, ValueError):
            return False
        offset = server - time.time()
        if abs(offset) > CENTURY:
            return False
        self._clock_offset = offset
        return True
