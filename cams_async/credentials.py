"""Who calls: an access key, and where it comes from."""

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
    """Show enough of an access key id to recognise it, and no more."""
    return f"{access_key_id[:4]}***" if len(access_key_id) > 8 else "***"  # noqa: PLR2004 - a short id would be shown nearly whole


# Both travel in headers, where a line end would begin another header.
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
    """An access key: the id, the secret, and the token of a temporary one.

    The secret and the token are kept as `Secret`: they mask themselves wherever they
    are shown, and refuse pickling.

    Raises:
        ConfigurationError: A part is empty or could not travel in a header, or
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
    """When a temporary access key ends; must have a time zone."""


class CredentialsProvider(Protocol):
    """Where credentials come from. Bring your own: one method, one name.

    An answer with `expires_at` is kept until five minutes before it; one without
    is asked for at each call.
    """

    @property
    def account(self) -> str | None:
        """The name that ceilings are shared under, stable while keys rotate.

        Read once, after the first successful `get`. None where the provider
        knows no such name: then the client must be given `account=`.
        """
        ...

    async def get(self) -> Credentials:
        """Return the credentials to sign with now.

        Raises:
            CredentialsError: There are none, or they cannot be had.
        """
        ...


def credentials_error(
    caught: BaseException,
) -> CredentialsError | ConfigurationError:
    """Return the error for whatever a credentials provider raised.

    Of any error that is not a provider's own, only the type is shown: its text may
    quote a secret, and its class may invite a retry.
    """
    if isinstance(caught, (CredentialsError, ConfigurationError)):
        return caught
    return CredentialsError(f"the provider failed: {type(caught).__name__}")


class EnvironmentCredentials:
    """Reads ALIBABA_CLOUD_ACCESS_KEY_ID, ..._ACCESS_KEY_SECRET, ..._SECURITY_TOKEN.

    The variables are read at each call, so a later change is noticed. The account
    is the access key id.
    """

    def __repr__(self) -> str:
        return "EnvironmentCredentials()"

    @property
    def account(self) -> str | None:
        """The access key id of the environment."""
        return os.environ.get(KEY_ID) or None

    async def get(self) -> Credentials:
        """Return what the environment holds.

        Raises:
            CredentialsError: A variable is missing or unusable; names it.
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
