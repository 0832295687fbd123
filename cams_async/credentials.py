"""Access keys, the provider protocol, and the providers without I/O."""

import os
import re
from datetime import datetime
from typing import Any, Protocol

from attrs import Attribute, field, frozen

from cams_async.errors import ConfigurationError, CredentialsError
from cams_async.secret import (
    Secret,
    as_optional_secret,
    as_secret,
    hide_init_arguments,
)

KEY_ID = "ALIBABA_CLOUD_ACCESS_KEY_ID"
KEY_SECRET = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"  # noqa: S105 - a variable's name
SECURITY_TOKEN = "ALIBABA_CLOUD_SECURITY_TOKEN"  # noqa: S105 - a variable's name


def mask(access_key_id: str) -> str:
    """Return the first characters of an access key ID, to recognise it by."""
    return f"{access_key_id[:4]}***" if len(access_key_id) > 8 else "***"  # noqa: PLR2004 - a short id would be shown nearly whole


# Both are sent in headers, where a line end would begin another header.
_header_text = re.compile("[!-~]+")


def _check(ok: bool, attribute: "Attribute[Any]") -> None:  # noqa: FBT001 - the condition is the point
    if not ok:
        expected = "must be a non-empty string of printable ASCII without spaces"
        raise ConfigurationError(expected, field=attribute.name)


def _plain(instance: object, attribute: "Attribute[Any]", value: object) -> None:
    del instance
    _check(isinstance(value, str) and bool(_header_text.fullmatch(value)), attribute)


def _hidden(instance: object, attribute: "Attribute[Any]", value: object) -> None:
    del instance
    if value is not None or attribute.default is not None:
        _check(isinstance(value, Secret) and value.fits(_header_text), attribute)


def _aware(instance: object, attribute: "Attribute[Any]", value: object) -> None:
    del instance
    if value is None:
        return
    if not isinstance(value, datetime) or value.utcoffset() is None:
        expected = "must be a datetime with a time zone, such as UTC"
        raise ConfigurationError(expected, field=attribute.name)


@hide_init_arguments
@frozen
class Credentials:
    """An access key: its ID, its secret and, if it is temporary, its token.

    Secret and token are kept as `Secret`: they are masked wherever they are shown, and
    cannot be pickled.

    Raises:
        ConfigurationError: A part is empty or not printable ASCII without spaces, or
            `expires_at` has no time zone.
    """

    access_key_id: str = field(validator=_plain, repr=lambda v: f"'{mask(v)}'")
    """The AccessKey ID."""

    access_key_secret: Secret = field(converter=as_secret, validator=_hidden)
    """The AccessKey secret."""

    security_token: Secret | None = field(
        default=None, converter=as_optional_secret, validator=_hidden
    )
    """The STS token of a temporary access key."""

    expires_at: datetime | None = field(default=None, validator=_aware)
    """The expiry of a temporary access key, with a time zone."""


class CredentialsProvider(Protocol):
    """A source of credentials. Write your own with one method and one property.

    The client calls `get` once for all concurrent calls. It caches credentials with
    `expires_at` until five minutes before they expire, and calls `get` for each call
    if there is no expiry.
    """

    @property
    def account(self) -> str | None:
        """The name under which rate limits are shared, stable while keys rotate.

        A client reads it once, after the first successful `get`. None: the access key
        ID of its first credentials is the name.
        """
        ...

    async def get(self) -> Credentials:
        """Return the credentials to sign with now.

        Raises:
            CredentialsError: There are none (`absent=True`), or they cannot be
                obtained.
        """
        ...


def credentials_error(
    caught: BaseException,
) -> CredentialsError | ConfigurationError:
    """Convert an exception of a provider to an error of this package.

    Only the type of a foreign exception is shown: its text may quote a secret. Other
    errors of this package are converted, too, because they could cause a retry.
    """
    if isinstance(caught, (CredentialsError, ConfigurationError)):
        return caught
    return CredentialsError(f"the provider failed: {type(caught).__name__}")


class StaticCredentials:
    """A provider of fixed credentials, which are never refreshed."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def __repr__(self) -> str:
        return f"access_key_id='{mask(self._credentials.access_key_id)}'"

    @property
    def account(self) -> str | None:
        """None: rate limits are shared under the access key ID."""
        return None

    async def get(self) -> Credentials:
        """Return the credentials."""
        return self._credentials

    def expire(self, credentials: Credentials) -> bool:
        """Return False, because there are no others."""
        del credentials
        return False


class EnvironmentCredentials:
    """Credentials in environment variables, read at each call.

    The variables are ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and,
    for temporary credentials, ALIBABA_CLOUD_SECURITY_TOKEN.
    """

    def __repr__(self) -> str:
        return "EnvironmentCredentials()"

    @property
    def account(self) -> str | None:
        """None: rate limits are shared under the first access key ID."""
        return None

    async def get(self) -> Credentials:
        """Return the credentials in the environment.

        Raises:
            CredentialsError: A variable is missing or malformed; the message names it.
        """
        key_id = os.environ.get(KEY_ID)
        secret = Secret(os.environ.get(KEY_SECRET, ""))
        if not key_id and not secret:
            msg = f"environment variable {KEY_ID} is not set"
            raise CredentialsError(msg, absent=True)
        for name, value in ((KEY_ID, key_id), (KEY_SECRET, secret)):
            if not value:
                msg = f"environment variable {name} is not set"
                raise CredentialsError(msg)
        token = Secret(os.environ.get(SECURITY_TOKEN, "")) or None
        try:
            return Credentials(key_id or "", secret, token)
        except ConfigurationError as error:
            msg = f"environment: {error}"
            raise CredentialsError(msg) from None
