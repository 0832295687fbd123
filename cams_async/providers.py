"""Chains of credentials providers, and the chain that is used by default."""

import os
from collections.abc import Callable, Mapping

from cams_async.credentials import (
    Credentials,
    CredentialsProvider,
    EnvironmentCredentials,
)
from cams_async.errors import CredentialsError
from cams_async.sources import CredentialsUri, ProfileCredentials

PROFILE_DISABLED = "ALIBABA_CLOUD_CLI_PROFILE_DISABLED"

UNSUPPORTED: Mapping[str, tuple[str, ...]] = {
    "an OIDC role (RRSA)": (
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
        "ALIBABA_CLOUD_ROLE_ARN",
    ),
    "an ECS role": ("ALIBABA_CLOUD_ECS_METADATA",),
    "a credentials file": ("ALIBABA_CLOUD_CREDENTIALS_FILE",),
    "a bearer token": ("ALIBABA_CLOUD_BEARER_TOKEN",),
}
"""Variables of sources that the vendor's SDK supports and this package does not."""


class _Chain:
    """A provider that selects the first of several with credentials, and keeps it."""

    def __init__(
        self,
        providers: tuple[CredentialsProvider, ...],
        note: Callable[[], str] = str,
    ) -> None:
        self._providers = providers
        self._note = note
        self._selected: CredentialsProvider | None = None

    def __repr__(self) -> str:
        return f"chain({', '.join(map(repr, self._providers))})"

    @property
    def account(self) -> str | None:
        """The account of the selected provider; None until one is selected."""
        return None if self._selected is None else self._selected.account

    async def get(self) -> Credentials:
        """Return the credentials of the first provider that has any.

        Raises:
            CredentialsError: No provider has credentials, or one is misconfigured.
                A misconfigured provider ends the search, because the next may hold
                the key of another account.
        """
        if self._selected is not None:
            return await self._selected.get()
        reasons: list[str] = []
        for provider in self._providers:
            try:
                credentials = await provider.get()
            except CredentialsError as error:
                if not error.absent:
                    raise
                reasons.append(str(error))
            else:
                self._selected = provider
                return credentials
        msg = f"no credentials found: {'; '.join(reasons)}{self._note()}"
        raise CredentialsError(msg, absent=True)


def chain(*providers: CredentialsProvider) -> CredentialsProvider:
    """Combine providers: the first with credentials is selected and kept.

    A provider is skipped if its `CredentialsError` has `absent` set; any other error
    is raised.
    """
    return _Chain(providers)


def default_chain() -> CredentialsProvider:
    """Return the chain that a client without `credentials` uses.

    Its order is: environment variables, profile of the Alibaba Cloud CLI (unless
    ALIBABA_CLOUD_CLI_PROFILE_DISABLED is true), ALIBABA_CLOUD_CREDENTIALS_URI.
    """
    providers: list[CredentialsProvider] = [EnvironmentCredentials()]
    if os.environ.get(PROFILE_DISABLED, "").lower() != "true":
        providers.append(ProfileCredentials())
    providers.append(CredentialsUri())
    return _Chain(tuple(providers), _unsupported_note)


def _unsupported_note() -> str:
    """Return a note on configured but unsupported sources, to end an error with."""
    found = [
        f"{source} ({', '.join(names)})"
        for source, variables in UNSUPPORTED.items()
        if (names := [name for name in variables if os.environ.get(name)])
    ]
    if not found:
        return ""
    return (
        f"; configured but not supported: {', '.join(found)}: "
        "give the client a provider of your own for these"
    )
