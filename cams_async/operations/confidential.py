"""Parameters that hold a secret, by action."""

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

# Code is also the name of what is no secret, such as a template's code. The other names
# are secrets wherever they stand, so they count for an action that is not listed, too.
_ALWAYS = frozenset(name for _, name in _PAIRS) - {"Code"}

MASKED_ONLY = frozenset({"IsvCode"})
"""Secrets that may stand in a URL: an IsvCode names a partner and grants nothing."""

_SECRET: Mapping[str, frozenset[str]] = {
    action: _ALWAYS | MASKED_ONLY | {name for of, name in _PAIRS if of == action}
    for action, _ in _PAIRS
}

FORM_ACTIONS = frozenset({"GetPreValidatePhoneId"})
"""Actions whose documented place for parameters is a form body."""


def secret_parameters(action: str) -> frozenset[str]:
    """Return the parameters of an action whose values must never be shown."""
    return _SECRET.get(action, _ALWAYS | MASKED_ONLY)
