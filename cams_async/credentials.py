"""Who calls: an access key, and where it comes from."""

import os
from datetime import datetime
from typing import Any, NoReturn, Protocol

from attrs import Attribute, field, frozen

from cams_async.errors import ConfigurationError, CredentialsError

KEY_ID = "ALIBABA_CLOUD_ACCESS_KEY_ID"
KEY_SECRET = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"  # noqa: S105 - a variable's name
SECURITY_TOKEN = "ALIBABA_CLOUD_SECURITY_TOKEN"  # noqa: S105 - a variable's name


def mask(access_key_id: str) -> str:
    """Show enough of an access key id to recognise it, and no more."""
    return f"{access_key_id[:4]}***" if len(access_key_id) > 8 else "***"  # noqa: PLR2004 - a short id would be shown nearly whole


def _mask_or_none(value: str | None) -> str:
    return "None" if value is None else "'***'"


def _header_text(
    instance: object, attribute: "Attribute[Any]", value: str | None
) -> None:
    # They travel in headers, so what could end a header must never get in.
    del instance
    if value is None and attribute.default is None:
        return
    if (
        not isinstance(value, str)
        or not value
        or not value.isascii()
        or not value.isprintable()
        or " " in value
    ):
        expected = "must be a non-empty string of printable ASCII without spaces"
        raise ConfigurationError(expected, field=attribute.name)


def _aware(instance: object, attribute: "Attribute[Any]", value: object) -> None:
    del instance
    if value is None:
        return
    if not isinstance(value, datetime) or value.utcoffset() is None:
        expected = "must be a datetime with a time zone, such as UTC"
        raise ConfigurationError(expected, field=attribute.name)


@frozen
class Credentials:
    """An access key: the id, the secret, and the token of a temporary one.

    Neither `repr` nor `str` shows the secret or the token, and pickling is refused.

    Raises:
        ConfigurationError: A part is empty or could not travel in a header, or
            `expires_at` has no time zone.
    """

    access_key_id: str = field(validator=_header_text, repr=lambda v: f"'{mask(v)}'")
    """The AccessKey ID."""

    access_key_secret: str = field(validator=_header_text, repr=lambda _: "'***'")
    """The AccessKey secret."""

    security_token: str | None = field(
        default=None, validator=_header_text, repr=_mask_or_none
    )
    """The STS token of a temporary access key."""

    expires_at: datetime | None = field(default=None, validator=_aware)
    """When a temporary access key ends; must have a time zone."""

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        """Refuse: a pickle would hold the secret."""
        msg = "Credentials hold a secret and cannot be pickled"
        raise TypeError(msg)


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
        key_id, secret = os.environ.get(KEY_ID), os.environ.get(KEY_SECRET)
        if not key_id and not secret:
            msg = f"environment variable {KEY_ID} is not set"
            raise CredentialsError(msg, absent=True)
        for name, value in ((KEY_ID, key_id), (KEY_SECRET, secret)):
            if not value:
                msg = f"environment variable {name} is not set"
                raise CredentialsError(msg)
        token = os.environ.get(SECURITY_TOKEN) or None
        try:
            return Credentials(key_id or "", secret or "", token)
        except ConfigurationError as error:
            msg = f"environment: {error}"
            raise CredentialsError(msg) from None
