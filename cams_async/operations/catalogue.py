"""The catalogue: the documented facts of all CAMS actions, as plain data.

Rates are those of the vendor's documentation: the lower one where it states two. No
document states retry safety; an action is retry-safe only if that is beyond doubt.
https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-overview
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

DEFAULT_QPS = 5.0
"""Calls per second of an action without a documented rate limit."""


class ActionFacts(NamedTuple):
    """The documented facts of one action."""

    qps: float | None
    """The rate limit in calls per second and account. None: not documented."""

    verify_with: str | None = None
    """The read action that resolves an unknown outcome; None if there is none."""

    retry_safe: bool = False
    """Whether a call may be sent again after an unknown outcome."""

    secrets: tuple[str, ...] = ()
    """Parameters whose values are masked wherever they are shown."""

    form: bool = False
    """Whether the vendor documents a form body for the parameters."""

    returns_secret: bool = False
    """Whether a successful response holds a secret."""

    journey: str = ""
    """The task of a user that the action belongs to, such as `migration`."""


_never = partial(ActionFacts, retry_safe=False)
_safe = partial(ActionFacts, retry_safe=True)

# By journey and action: the rate limit, the action that resolves an unknown outcome.
_JOURNEYS: Mapping[str, Mapping[str, ActionFacts]] = {
    "account": {
        "ChangeResourceGroup": _never(None, "QueryInstance"),
        "ChatappBindWaba": _never(10.0, "QueryChatappBindWaba"),
        "CreateInstance": _never(None, "ListInstance"),
        "DeleteInstance": _never(None, "ListInstance"),
        "GetChatappOpenStatus": _safe(None),
        "GetCustomerSite": _safe(None),
        "GetPermissionByCode": _never(5.0, secrets=("Code",)),
        "IsvGetAppId": _safe(10.0),
        "ListInstance": _safe(None),
        "OpenChatappService": _never(None, "GetChatappOpenStatus"),
        "QueryChatappBindWaba": _safe(10.0, secrets=("IsvCode",)),
        "QueryInstance": _safe(None),
        "QueryMMLActive": _safe(None),
        "QueryWabaBusinessInfo": _safe(10.0),
        "UpdateInstance": _never(None, "QueryInstance"),
        "UpdateWabaMmlStatus": _never(None, "QueryMMLActive", secrets=("Code",)),
    },
    "phone_numbers": {
        "AddChatappPhoneNumber": _never(10.0, "QueryChatappPhoneNumbers"),
        "ChatappPhoneNumberDeregister": _never(10.0, "QueryChatappPhoneNumbers"),
        "ChatappPhoneNumberRegister": _never(10.0, "QueryChatappPhoneNumbers"),
        "ChatappSyncPhoneNumber": _safe(10.0, "QueryChatappPhoneNumbers"),
        "ChatappVerifyAndRegister": _never(
            10.0, "QueryChatappPhoneNumbers", secrets=("VerifyCode",)
        ),
        "GetChatappVerifyCode": _never(10.0),
        "GetPhoneNumberVerificationStatus": _safe(10.0),
        "GetPreValidatePhoneId": _never(10.0, secrets=("VerifyCode",), form=True),
        "QueryChatappPhoneNumbers": _safe(10.0, secrets=("IsvCode",)),
        "SyncBusinessAppHistory": _never(None),
        "UpdateAccountWebhook": _never(5.0),
        "UpdatePhoneWebhook": _never(10.0, "QueryChatappPhoneNumbers"),
    },
    "migration": {
        "ChatappMigrationRegister": _never(10.0, "QueryChatappPhoneNumbers"),
        "ChatappMigrationVerified": _never(
            10.0, "GetPhoneNumberVerificationStatus", secrets=("VerifyCode",)
        ),
        "CreateChatappMigrationInitiate": _never(
            5.0, "GetPhoneNumberVerificationStatus"
        ),
        "GetMigrationVerifyCode": _never(10.0),
    },
    "qr_codes": {
        "CreatePhoneMessageQrdl": _never(5.0, "ListPhoneMessageQrdl"),
        "DeletePhoneMessageQrdl": _never(5.0, "ListPhoneMessageQrdl"),
        "ListPhoneMessageQrdl": _safe(5.0),
        # Each call may invalidate the previous code, even one just printed.
        "UpdatePhoneMessageQrdl": _never(5.0, "ListPhoneMessageQrdl"),
    },
    "encryption": {
        "GetPhoneEncryptionPublicKey": _safe(5.0),
        # Repeating converges, but a late copy could overwrite a newer key.
        "UpdatePhoneEncryptionPublicKey": _never(5.0, "GetPhoneEncryptionPublicKey"),
    },
    "profile": {
        "DeleteWhatsappUserName": _never(None, "GetWhatsappUserName"),
        "GeneratePresignedUrl": _safe(None, returns_secret=True),
        "GetChatappPhoneNumberSetting": _safe(None),
        "GetChatappUploadAuthorization": _safe(5.0, returns_secret=True),
        "GetConversationalAutomation": _safe(5.0),
        "GetWhatsappUserName": _safe(None),
        "GetWhatsappUserNameSuggestions": _safe(None),
        "ModifyPhoneBusinessProfile": _never(10.0, "QueryPhoneBusinessProfile"),
        "QueryPhoneBusinessProfile": _safe(10.0),
        "UpdateConversationalAutomation": _never(5.0, "GetConversationalAutomation"),
        "UpdateWhatsappUserName": _never(None, "GetWhatsappUserName"),
    },
    "health": {
        "EnableWhatsappROIMetric": _never(5.0, secrets=("IsvCode",)),
        "GetChatappPhoneNumberMetric": _safe(50.0, secrets=("IsvCode",)),
        "GetChatappTemplateMetric": _safe(50.0, secrets=("IsvCode",)),
        "GetWhatsappHealthStatus": _safe(5.0),
    },
    "templates": {
        "ArchiveChatappTemplate": _never(None),
        "CopyTemplate": _never(None, "ListChatappTemplate"),
        "CreateChatappTemplate": _never(
            50.0, "ListChatappTemplate", secrets=("IsvCode",)
        ),
        "DeleteChatappTemplate": _never(
            5.0, "ListChatappTemplate", secrets=("IsvCode",)
        ),
        "GetAutoGeneratedTemplate": _safe(None),
        "GetChatappTemplateDetail": _safe(5.0, secrets=("IsvCode",)),
        "ListChatappTemplate": _safe(5.0, secrets=("IsvCode",)),
        "ListWhatAppTemplate": _safe(None),
        "ModifyChatappTemplate": _never(
            50.0, "GetChatappTemplateDetail", secrets=("IsvCode",)
        ),
        "ModifyChatappTemplateProperties": _never(None, "GetChatappTemplateDetail"),
    },
    "messages": {
        "CheckDirectSendMessageSample": _safe(None),
        "ListChatappMessage": _safe(50.0),
        "SendChatappMassMessage": _never(
            10.0, "ListChatappMessage", secrets=("IsvCode",)
        ),
        "SendChatappMessage": _never(250.0, "ListChatappMessage", secrets=("IsvCode",)),
        "SubmitVerifyCodeResult": _never(None),
        "WhatsappCall": _never(None),
    },
    "flows": {
        "CreateFlow": _never(5.0, "ListFlow"),
        "DeleteFlow": _never(5.0, "ListFlow"),
        "DeprecateFlow": _never(5.0, "GetFlow"),
        "GetFlow": _safe(5.0),
        "GetFlowJSONAssest": _safe(5.0),
        "GetFlowPreviewUrl": _safe(5.0),
        "ListFlow": _safe(5.0),
        "ModifyFlow": _never(5.0, "GetFlow"),
        "PublishFlow": _never(5.0, "GetFlow"),
        "SyncFlow": _never(None, "ListFlow"),
        "UpdateFlowJSONAsset": _never(5.0, "GetFlowJSONAssest"),
    },
    "chat_flows": {
        "CreateChatFlow": _never(None, "ListChatFlow"),
        "CreateChatFlowByImport": _never(50.0, "ListChatFlow"),
        "CreateChatFlowLogSetting": _never(None, "ReadChatFlowLogSetting"),
        "CreateFlowVersion": _never(None, "ListFlowVersion"),
        "DeleteChatFlow": _never(None, "ListChatFlow"),
        "DeleteFlowVersion": _never(None, "ListFlowVersion"),
        "FlowBindPhone": _never(None, "ListBindingRelationsForFlowVersion"),
        "FlowRebindPhone": _never(None, "ListBindingRelationsForFlowVersion"),
        "FlowUnbindPhone": _never(None, "ListBindingRelationsForFlowVersion"),
        "GetChatFlowMetric": _safe(None),
        "GetChatFlowTemplate": _safe(100.0),
        "ListBindingRelationsForFlowVersion": _safe(None),
        "ListChatFlow": _safe(None),
        "ListChatFlowTemplate": _safe(None),
        "ListFlowNodeGroup": _safe(None),
        "ListFlowNodePrototypeV2": _safe(None),
        "ListFlowVersion": _safe(None),
        "OfflineFlowVersion": _never(None, "ReadFlowVersion"),
        "OnlineFlowVersion": _never(None, "ReadFlowVersion"),
        "ReadChatFlow": _safe(None),
        "ReadChatFlowLogSetting": _safe(None),
        "ReadFlowVersion": _safe(None),
        "TriggerChatFlow": _never(50.0),
        "UpdateChatFlow": _never(None, "ReadChatFlow"),
        "UpdateChatFlowLogSetting": _never(None, "ReadChatFlowLogSetting"),
        "UpdateFlowVersion": _never(50.0, "ReadFlowVersion"),
    },
    "contacts": {
        "AddContacts": _never(None),
        "AddGroup": _never(None, "ListAllGroups"),
        "AddMarketingFlow": _never(None, "ListMarketingFlow"),
        "DeleteContacts": _never(None),
        "DeleteContactsByIds": _never(None),
        "DeleteGroupById": _never(None, "ListAllGroups"),
        "DeleteMarketingFlow": _never(None, "ListMarketingFlow"),
        "GetDownloadExcelList": _never(None),
        "GetGroupExist": _safe(None),
        "ListAllGroups": _safe(None),
        "ListMarketingFlow": _safe(None),
        "MoveContactToGroup": _never(None),
        "PauseMarketingFLow": _never(None, "ListMarketingFlow"),
        "RemoveContactById": _never(None),
        "UpdateContactById": _never(None),
        "UpdateGroupName": _never(None, "ListAllGroups"),
        "UpdateMarketingFLow": _never(None, "ListMarketingFlow"),
    },
    "chat_groups": {
        "AddChatGroup": _never(50.0, "ListChatGroup"),
        "AddChatGroupInviteLink": _never(None, "ListChatGroup"),
        "DeleteChatGroup": _never(None, "ListChatGroup"),
        "DeleteChatGroupInviteLink": _never(None, "ListChatGroup"),
        "DeleteChatGroupParticipants": _never(50.0, "ListChatGroupParticipants"),
        "ListChatGroup": _safe(None),
        "ListChatGroupParticipants": _safe(None),
        "UpdateChatGroup": _never(None, "ListChatGroup"),
    },
    "catalog": {
        "GetCommerceSetting": _safe(10.0),
        "GetWhatsappConnectionCatalog": _safe(10.0),
        "ListProduct": _safe(10.0),
        "ListProductCatalog": _safe(10.0),
        "UpdateCommerceSetting": _never(10.0, "GetCommerceSetting"),
    },
    "ads": {
        "AddCustomAudienceUser": _never(None),
        "CreateCustomAudience": _never(None, "ListCustomAudience"),
        "CreateMessageCampaign": _never(None, "ListMessageCampaign"),
        "CreateWhatsappConversionApi": _never(
            None, "GetWhatsappConversionApi", secrets=("Code",)
        ),
        "DeleteMessageCampaign": _never(None, "ListMessageCampaign"),
        "GetMessageCampaignInsights": _safe(None),
        "GetWhatsappConversionApi": _safe(None),
        "ListCustomAudience": _safe(None),
        "ListMessageCampaign": _safe(None),
        "ListMessengerSubscriptionToken": _safe(None, returns_secret=True),
        "ListPageAdAccount": _safe(None),
        "RequestWhatsappConversionApi": _never(100.0),
        "SyncMessageCampaign": _never(None, "ListMessageCampaign"),
        "SyncMessengerSubscriptionToken": _never(
            None, "ListMessengerSubscriptionToken"
        ),
    },
    "messenger": {
        "BindInstagramPage": _never(None, "ListInstagramPage"),
        "BindMessengerPage": _never(None),
        "CreateMessengerPage": _never(None, secrets=("AuthenticationCode",)),
        "DeleteInstagramPage": _never(None, "ListInstagramPage"),
        "DeleteMessengerPage": _never(None),
        "GetFbInstagramPages": _safe(None, secrets=("AccessToken",)),
        "GetFbMessengerPages": _safe(None, secrets=("AccessToken",)),
        "ListFacebookPosts": _safe(None),
        "ListInstagramPage": _safe(None),
        "ListInstagramPosts": _safe(None),
    },
    "viber": {
        "AddAddressRecoverSuspend": _never(None, "GetAuditRequestByTypeUnAudit"),
        "AddAuditViberOpen": _never(None, "GetAuditRequestByTypeUnAudit"),
        "GetAuditRequestByTypeUnAudit": _safe(None),
        "GetPledgeTemplateAddress": _safe(None),
        "GetViberByRequestNo": _safe(None),
        "GetViberPauseTimes": _safe(None),
        "ListViberServiceMessage": _safe(None),
        "UpdateAuditRequest": _never(None, "GetViberByRequestNo"),
    },
    "direct_mail": {
        "BindDmAccount": _never(None, "ListBindDmAccount"),
        "ListBindDmAccount": _safe(None),
        "ListDmAccount": _safe(None),
        "ListDmTag": _safe(None),
        "UnbindDmAccount": _never(None, "ListBindDmAccount"),
    },
}

CATALOGUE: Mapping[str, ActionFacts] = MappingProxyType(
    {
        action: facts._replace(journey=journey)
        for journey, actions in _JOURNEYS.items()
        for action, facts in actions.items()
    }
)
"""The facts of all actions by name, sorted within each journey, and read-only."""

MASKED_ONLY = frozenset({"IsvCode"})
"""Parameters masked in logs but allowed in a URL: they identify, and grant nothing."""

# Code also names values that are no secret, such as the code of a template. The other
# names always hold a secret, so they count for all actions, also unlisted ones.
_ALWAYS_SECRET = frozenset(
    name for facts in CATALOGUE.values() for name in facts.secrets
) - {"Code"}


FORM_ACTIONS = frozenset(action for action, facts in CATALOGUE.items() if facts.form)
"""Actions whose parameters are documented to travel in a form body."""

_UNLISTED = ActionFacts(None)


def facts_of(action: str) -> ActionFacts:
    """Return the facts of an action. Of an unlisted one, nothing is documented."""
    return CATALOGUE.get(action, _UNLISTED)


def secret_parameters(action: str) -> frozenset[str]:
    """Return the parameters of an action whose values must not be shown."""
    return _ALWAYS_SECRET.union(facts_of(action).secrets)
