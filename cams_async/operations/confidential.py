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

# Code also names values that are no secret, such as the code of a template. The other
# names always hold a secret, so they count for unlisted actions, too.
_ALWAYS = frozenset(name for _, name in _PAIRS) - {"Code"}

MASKED_ONLY = frozenset({"IsvCode"})
"""Parameters masked in logs but allowed in a URL: they identify, and grant nothing."""

_SECRET: Mapping[str, frozenset[str]] = {
    action: _ALWAYS | MASKED_ONLY | {name for of, name in _PAIRS if of == action}
    for action, _ in _PAIRS
}

FORM_ACTIONS = frozenset({"GetPreValidatePhoneId"})
"""Actions whose parameters are documented to travel in a form body."""


def secret_parameters(action: str) -> frozenset[str]:
    """Return the parameters of an action whose values must not be shown."""
    return _SECRET.get(action, _ALWAYS | MASKED_ONLY)
