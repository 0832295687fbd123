"""Parameters that hold a secret, by action: those that must not stand in a URL."""

from collections.abc import Mapping

_PAIRS = (
    ("ChatappMigrationVerified", "VerifyCode"),
    ("ChatappVerifyAndRegister", "VerifyCode"),
    ("CreateMessengerPage", "AuthenticationCode"),
    ("CreateWhatsappConversionApi", "Code"),
    ("GetFbInstagramPages", "AccessToken"),
    ("GetFbMessengerPages", "AccessToken"),
    ("GetPermissionByCode", "Code"),
    ("GetPreValidatePhoneId", "VerifyCode"),
    ("UpdateWabaMmlStatus", "Code"),
)

# A code is also a template's, a language's or a country's: only the pairs above tell.
# The other names stand for nothing else, so they count for an action not listed, too.
_ALWAYS = frozenset(name for _, name in _PAIRS) - {"Code"}

_CONFIDENTIAL: Mapping[str, frozenset[str]] = {
    action: _ALWAYS | {name for of, name in _PAIRS if of == action}
    for action, _ in _PAIRS
}

MASKED_ONLY = frozenset({"IsvCode"})
"""Secrets that may stand in a URL: they identify a partner and grant nothing alone."""

FORM_ACTIONS = frozenset({"GetPreValidatePhoneId"})
"""Actions whose documented place for parameters is a form body."""


def confidential_parameters(action: str) -> frozenset[str]:
    """Return the parameters of an action that must not stand in a URL."""
    return _CONFIDENTIAL.get(action, _ALWAYS)


def secret_parameters(action: str) -> frozenset[str]:
    """Return the parameters of an action whose values must never be shown."""
    return confidential_parameters(action) | MASKED_ONLY
