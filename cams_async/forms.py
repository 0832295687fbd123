"""The choice between query and form body, and the fallback where forms are not read.

The vendor documents the query as the place of parameters. Its SDK sent forms for some
actions until 5.3.0, so the gateway is expected to read them.
"""

import logging
import re
from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

from cams_async.errors import ApiError, CamsError, ConfigurationError
from cams_async.secret import Secret, as_secret

logger: logging.Logger = logging.getLogger("cams_async")

LONGEST_QUERY = 4096
"""Bytes of the longest encoded query that travels in a URL."""

Forms: TypeAlias = Literal["auto", "never", "always"]
"""The requests that are forms.

- `auto`: those whose query would be too long, and those that carry a secret. Where the
  gateway does not read the form of a secret, the query is sent instead.
- `never`: none but those that the vendor's SDK sends as forms, too.
- `always`: as `auto`, but a secret never stands in a URL, whatever the gateway reads.
"""

FormReasons: TypeAlias = Literal["length and secrets", "length", "none"]
"""The reasons for a request of an action to be a form."""


class FormPolicy:
    """A client's option `forms`, and the actions whose short forms were not read."""

    def __init__(self, forms: Forms) -> None:
        if forms not in get_args(Forms):
            msg = f"must be one of {', '.join(get_args(Forms))}"
            raise ConfigurationError(msg, field="forms")
        self._forms = forms
        self._unread: set[str] = set()

    def reasons_for(self, action: str) -> FormReasons:
        """Return the reasons for which requests of an action are forms."""
        if self._forms == "never":
            return "none"
        return "length" if action in self._unread else "length and secrets"

    def fall_back(
        self, action: str, parameters: Mapping[str, str | Secret], error: CamsError
    ) -> bool:
        """Decide whether a refused short form is sent again as a query.

        The decision is kept for the action, so that no call falls back twice.
        """
        if self._forms == "always" or not _misses(parameters, error):
            return False
        if action not in self._unread:
            self._unread.add(action)
            logger.warning(
                "%s: the gateway does not read the form body that keeps a secret out "
                "of the URL; sent in the URL from now on, unless forms='always'",
                action,
            )
        return True


def _misses(parameters: Mapping[str, str | Secret], error: CamsError) -> bool:
    """Return whether the gateway rejected a call for a parameter that was sent."""
    if not isinstance(error, ApiError) or error.outcome != "rejected":
        return False
    if not error.code.startswith("Missing"):
        return False
    # A blank value is missing in a query, too.
    sent = {
        name for name, value in parameters.items() if not as_secret(value).is_blank()
    }
    named = error.code.removeprefix("Missing").removeprefix("Parameter").lstrip(".")
    return named in sent or (
        not named and not sent.isdisjoint(re.findall(r"\w+", error.message))
    )
