"""The client's methods, one per action, and calls of any action by its name.

A method takes the fields of its operation and passes the operation to `send`. Here
stands the first line of its docstring, the rest is that of the operation.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

from cams_async import operations as o
from cams_async import wire
from cams_async.config import is_printable
from cams_async.errors import InvalidOperation
from cams_async.lazy import OperationSender, method
from cams_async.operations.catalogue import CATALOGUE, facts_of, secret_parameters
from cams_async.protocol import Call
from cams_async.secret import hide_arguments

_ACTION = re.compile(r"[A-Za-z][A-Za-z0-9]*")


def method_name(action: str) -> str:
    """Return the name of the client's method for an action."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", action).lower()


class ActionMethods(OperationSender):
    """The methods of a client, one for each action that has an operation."""

    # Account

    @method(lambda: o.ChangeResourceGroup)
    def change_resource_group(self) -> None:
        """Move a resource, such as an instance, to another resource group."""

    @method(lambda: o.ChatappBindWaba)
    def chatapp_bind_waba(self) -> None:
        """Bind a WhatsApp Business account to CAMS."""

    @method(lambda: o.CreateInstance)
    def create_instance(self) -> None:
        """Create an instance: a channel of one kind."""

    @method(lambda: o.DeleteInstance)
    def delete_instance(self) -> None:
        """Delete an instance."""

    @method(lambda: o.GetChatappOpenStatus)
    def get_chatapp_open_status(self) -> None:
        """Query whether the CAMS service is activated for the account."""

    @method(lambda: o.GetCustomerSite)
    def get_customer_site(self) -> None:
        """Query the Alibaba Cloud site that the account belongs to."""

    @method(lambda: o.GetPermissionByCode)
    def get_permission_by_code(self) -> None:
        """Obtain the permissions that a customer granted in embedded signup."""

    @method(lambda: o.IsvGetAppId)
    def isv_get_app_id(self) -> None:
        """Query the Meta app with which an ISV starts embedded signup."""

    @method(lambda: o.ListInstance)
    def list_instance(self) -> None:
        """List the instances, which are the channels of the account."""

    @method(lambda: o.OpenChatappService)
    def open_chatapp_service(self) -> None:
        """Activate the CAMS service for the account."""

    @method(lambda: o.QueryChatappBindWaba)
    def query_chatapp_bind_waba(self) -> None:
        """Query the WhatsApp Business account that is bound to a space."""

    @method(lambda: o.QueryInstance)
    def query_instance(self) -> None:
        """Query an instance."""

    @method(lambda: o.QueryMMLActive)
    def query_mmlactive(self) -> None:
        """Query whether Marketing Messages Lite (MML) is in effect."""

    @method(lambda: o.QueryWabaBusinessInfo)
    def query_waba_business_info(self) -> None:
        """Query the Meta business of a WhatsApp Business account."""

    @method(lambda: o.UpdateInstance)
    def update_instance(self) -> None:
        """Change the name and the business data of an instance."""

    @method(lambda: o.UpdateWabaMmlStatus)
    def update_waba_mml_status(self) -> None:
        """Update the state of Marketing Messages Lite (MML) after its signup."""

    # Phone numbers

    @method(lambda: o.AddChatappPhoneNumber)
    def add_chatapp_phone_number(self) -> None:
        """Add a phone number to the WhatsApp Business account of a space."""

    @method(lambda: o.ChatappPhoneNumberDeregister)
    def chatapp_phone_number_deregister(self) -> None:
        """Remove a phone number from service."""

    @method(lambda: o.ChatappPhoneNumberRegister)
    def chatapp_phone_number_register(self) -> None:
        """Register a phone number whose ownership is verified already."""

    @method(lambda: o.ChatappSyncPhoneNumber)
    def chatapp_sync_phone_number(self) -> None:
        """Synchronise the phone numbers of a space with WhatsApp, and return them."""

    @method(lambda: o.ChatappVerifyAndRegister)
    def chatapp_verify_and_register(self) -> None:
        """Verify a phone number by its one-time code, and register it."""

    @method(lambda: o.GetChatappVerifyCode)
    def get_chatapp_verify_code(self) -> None:
        """Send a verification code to a phone number by SMS or voice call."""

    @method(lambda: o.GetPhoneNumberVerificationStatus)
    def get_phone_number_verification_status(self) -> None:
        """Query whether the ownership of a phone number is verified."""

    @method(lambda: o.GetPreValidatePhoneId)
    def get_pre_validate_phone_id(self) -> None:
        """Obtain the ID of a purchased phone number for embedded signup."""

    @method(lambda: o.QueryChatappPhoneNumbers)
    def query_chatapp_phone_numbers(self) -> None:
        """List the phone numbers of a space with their status, limits and callbacks."""

    @method(lambda: o.SyncBusinessAppHistory)
    def sync_business_app_history(self) -> None:
        """Request the message history of a number used in the WhatsApp Business app."""

    @method(lambda: o.UpdateAccountWebhook)
    def update_account_webhook(self) -> None:
        """Set where the reports of a WhatsApp Business account are sent."""

    @method(lambda: o.UpdatePhoneWebhook)
    def update_phone_webhook(self) -> None:
        """Set where the messages and delivery reports of a phone number are sent."""

    # Migration

    @method(lambda: o.ChatappMigrationRegister)
    def chatapp_migration_register(self) -> None:
        """Complete the migration: move a verified number and its approved templates."""

    @method(lambda: o.ChatappMigrationVerified)
    def chatapp_migration_verified(self) -> None:
        """Verify the ownership of a migrating phone number by its one-time code."""

    @method(lambda: o.CreateChatappMigrationInitiate)
    def create_chatapp_migration_initiate(self) -> None:
        """Initiate the migration of a phone number from another provider."""

    @method(lambda: o.GetMigrationVerifyCode)
    def get_migration_verify_code(self) -> None:
        """Send a verification code to a migrating phone number by SMS or voice call."""

    # QR codes

    @method(lambda: o.CreatePhoneMessageQrdl)
    def create_phone_message_qrdl(self) -> None:
        """Create a QR code that opens a chat with a prefilled message."""

    @method(lambda: o.DeletePhoneMessageQrdl)
    def delete_phone_message_qrdl(self) -> None:
        """Delete a QR code."""

    @method(lambda: o.ListPhoneMessageQrdl)
    def list_phone_message_qrdl(self) -> None:
        """List the QR codes of a phone number."""

    @method(lambda: o.UpdatePhoneMessageQrdl)
    def update_phone_message_qrdl(self) -> None:
        """Change the prefilled message of a QR code."""

    # Encryption

    @method(lambda: o.GetPhoneEncryptionPublicKey)
    def get_phone_encryption_public_key(self) -> None:
        """Query the public key of a phone number, and whether it is valid."""

    @method(lambda: o.UpdatePhoneEncryptionPublicKey)
    def update_phone_encryption_public_key(self) -> None:
        """Set the public key that encrypts the WhatsApp Flows of a phone number."""

    # Profile

    @method(lambda: o.DeleteWhatsappUserName)
    def delete_whatsapp_user_name(self) -> None:
        """Remove the user name of a phone number."""

    @method(lambda: o.GeneratePresignedUrl)
    def generate_presigned_url(self) -> None:
        """Obtain a signed URL of an uploaded file."""

    @method(lambda: o.GetChatappPhoneNumberSetting)
    def get_chatapp_phone_number_setting(self) -> None:
        """Query whether the marketing messages of a phone number are paused."""

    @method(lambda: o.GetChatappUploadAuthorization)
    def get_chatapp_upload_authorization(self) -> None:
        """Obtain temporary credentials to upload a file for messages and templates."""

    @method(lambda: o.GetConversationalAutomation)
    def get_conversational_automation(self) -> None:
        """Query the prompts, commands and welcome event of a phone number."""

    @method(lambda: o.GetWhatsappUserName)
    def get_whatsapp_user_name(self) -> None:
        """Query the user name of a phone number."""

    @method(lambda: o.GetWhatsappUserNameSuggestions)
    def get_whatsapp_user_name_suggestions(self) -> None:
        """List the user names that WhatsApp suggests for a phone number."""

    @method(lambda: o.ModifyPhoneBusinessProfile)
    def modify_phone_business_profile(self) -> None:
        """Change the profile that recipients see of a phone number."""

    @method(lambda: o.QueryPhoneBusinessProfile)
    def query_phone_business_profile(self) -> None:
        """Query the profile that recipients see of a phone number."""

    @method(lambda: o.UpdateConversationalAutomation)
    def update_conversational_automation(self) -> None:
        """Set the prompts, commands and welcome event of a phone number."""

    @method(lambda: o.UpdateWhatsappUserName)
    def update_whatsapp_user_name(self) -> None:
        """Set the user name of a phone number."""

    # Health

    @method(lambda: o.EnableWhatsappROIMetric)
    def enable_whatsapp_roimetric(self) -> None:
        """Enable the metrics of WhatsApp numbers and marketing templates for good."""

    @method(lambda: o.GetChatappPhoneNumberMetric)
    def get_chatapp_phone_number_metric(self) -> None:
        """Count the messages that WhatsApp business numbers sent."""

    @method(lambda: o.GetChatappTemplateMetric)
    def get_chatapp_template_metric(self) -> None:
        """Count the messages, reads and clicks of a WhatsApp marketing template."""

    @method(lambda: o.GetWhatsappHealthStatus)
    def get_whatsapp_health_status(self) -> None:
        """Query whether a template, a number or a WABA can send WhatsApp messages."""

    # Templates

    @method(lambda: o.ArchiveChatappTemplate)
    def archive_chatapp_template(self) -> None:
        """Archive WhatsApp templates, or restore them from the archive."""

    @method(lambda: o.CopyTemplate)
    def copy_template(self) -> None:
        """Copy a scene template."""

    @method(lambda: o.CreateChatappTemplate)
    def create_chatapp_template(self) -> None:
        """Create a template in one language and submit it for review."""

    @method(lambda: o.DeleteChatappTemplate)
    def delete_chatapp_template(self) -> None:
        """Delete a template, in one language or in all."""

    @method(lambda: o.GetAutoGeneratedTemplate)
    def get_auto_generated_template(self) -> None:
        """List the templates that direct send has created."""

    @method(lambda: o.GetChatappTemplateDetail)
    def get_chatapp_template_detail(self) -> None:
        """Get a template in one language, with its contents and its review."""

    @method(lambda: o.ListChatappTemplate)
    def list_chatapp_template(self) -> None:
        """List templates with the state of their review."""

    @method(lambda: o.ListWhatAppTemplate)
    def list_what_app_template(self) -> None:
        """List WhatsApp templates as one text."""

    @method(lambda: o.ModifyChatappTemplate)
    def modify_chatapp_template(self) -> None:
        """Replace the contents of a template and submit it for review again."""

    @method(lambda: o.ModifyChatappTemplateProperties)
    def modify_chatapp_template_properties(self) -> None:
        """Change the permission to send a WhatsApp template, without a new review."""

    # Messages

    @method(lambda: o.CheckDirectSendMessageSample)
    def check_direct_send_message_sample(self) -> None:
        """Check a WhatsApp message for direct send, and return its category."""

    @method(lambda: o.ListChatappMessage)
    def list_chatapp_message(self) -> None:
        """List the messages that a business number sent and received."""

    @method(lambda: o.SendChatappMassMessage)
    def send_chatapp_mass_message(self) -> None:
        """Send a template to up to 1,000 recipients."""

    @method(lambda: o.SendChatappMessage)
    def send_chatapp_message(self) -> None:
        """Send a message to one recipient."""

    @method(lambda: o.SubmitVerifyCodeResult)
    def submit_verify_code_result(self) -> None:
        """Report whether a recipient has entered the code that a message brought."""

    @method(lambda: o.WhatsappCall)
    def whatsapp_call(self) -> None:
        """Place, accept, reject or end a WhatsApp voice call."""

    # Flows

    @method(lambda: o.CreateFlow)
    def create_flow(self) -> None:
        """Create a WhatsApp Flow as a draft without content."""

    @method(lambda: o.DeleteFlow)
    def delete_flow(self) -> None:
        """Delete a draft of a Flow."""

    @method(lambda: o.DeprecateFlow)
    def deprecate_flow(self) -> None:
        """Withdraw a published Flow, so that it can no longer be sent."""

    @method(lambda: o.GetFlow)
    def get_flow(self) -> None:
        """Get a Flow with its status, its versions and its preview."""

    @method(lambda: o.GetFlowJSONAssest)
    def get_flow_jsonassest(self) -> None:
        """Get the file with the content of a Flow."""

    @method(lambda: o.GetFlowPreviewUrl)
    def get_flow_preview_url(self) -> None:
        """Get a temporary URL at which a browser shows a Flow."""

    @method(lambda: o.ListFlow)
    def list_flow(self) -> None:
        """List the WhatsApp Flows of a channel."""

    @method(lambda: o.ModifyFlow)
    def modify_flow(self) -> None:
        """Change the name, the categories or the endpoint of a Flow."""

    @method(lambda: o.PublishFlow)
    def publish_flow(self) -> None:
        """Publish a draft of a Flow, so that messages can open it."""

    @method(lambda: o.SyncFlow)
    def sync_flow(self) -> None:
        """Synchronise the WhatsApp Flows of a channel with Meta."""

    @method(lambda: o.UpdateFlowJSONAsset)
    def update_flow_jsonasset(self) -> None:
        """Replace the content of a Flow by that of a JSON file."""

    # Chat flows

    @method(lambda: o.CreateChatFlow)
    def create_chat_flow(self) -> None:
        """Create a chat flow, empty or from a version of another."""

    @method(lambda: o.CreateChatFlowByImport)
    def create_chat_flow_by_import(self) -> None:
        """Create a chat flow from an exported one."""

    @method(lambda: o.CreateChatFlowLogSetting)
    def create_chat_flow_log_setting(self) -> None:
        """Create the log setting of a chat flow."""

    @method(lambda: o.CreateFlowVersion)
    def create_flow_version(self) -> None:
        """Create a version of a chat flow as a copy of another version."""

    @method(lambda: o.DeleteChatFlow)
    def delete_chat_flow(self) -> None:
        """Delete a chat flow."""

    @method(lambda: o.DeleteFlowVersion)
    def delete_flow_version(self) -> None:
        """Delete a version of a chat flow."""

    @method(lambda: o.FlowBindPhone)
    def flow_bind_phone(self) -> None:
        """Bind a chat flow to business numbers or accounts for the first time."""

    @method(lambda: o.FlowRebindPhone)
    def flow_rebind_phone(self) -> None:
        """Change the business numbers or accounts that a chat flow is bound to."""

    @method(lambda: o.FlowUnbindPhone)
    def flow_unbind_phone(self) -> None:
        """Unbind a chat flow from business numbers or accounts."""

    @method(lambda: o.GetChatFlowMetric)
    def get_chat_flow_metric(self) -> None:
        """Query the use or the errors of the components of a chat flow."""

    @method(lambda: o.GetChatFlowTemplate)
    def get_chat_flow_template(self) -> None:
        """Query one template of a chat flow."""

    @method(lambda: o.ListBindingRelationsForFlowVersion)
    def list_binding_relations_for_flow_version(self) -> None:
        """List the business numbers or accounts that a chat flow is bound to."""

    @method(lambda: o.ListChatFlow)
    def list_chat_flow(self) -> None:
        """List chat flows."""

    @method(lambda: o.ListChatFlowTemplate)
    def list_chat_flow_template(self) -> None:
        """List templates of chat flows."""

    @method(lambda: o.ListFlowNodeGroup)
    def list_flow_node_group(self) -> None:
        """List the groups of components that a chat flow can consist of."""

    @method(lambda: o.ListFlowNodePrototypeV2)
    def list_flow_node_prototype_v2(self) -> None:
        """List the components that a chat flow can consist of."""

    @method(lambda: o.ListFlowVersion)
    def list_flow_version(self) -> None:
        """List the versions of a chat flow."""

    @method(lambda: o.OfflineFlowVersion)
    def offline_flow_version(self) -> None:
        """Take a version of a chat flow offline."""

    @method(lambda: o.OnlineFlowVersion)
    def online_flow_version(self) -> None:
        """Put a version of a chat flow online."""

    @method(lambda: o.ReadChatFlow)
    def read_chat_flow(self) -> None:
        """Query one chat flow."""

    @method(lambda: o.ReadChatFlowLogSetting)
    def read_chat_flow_log_setting(self) -> None:
        """Query the log setting of a chat flow."""

    @method(lambda: o.ReadFlowVersion)
    def read_flow_version(self) -> None:
        """Query one version of a chat flow."""

    @method(lambda: o.TriggerChatFlow)
    def trigger_chat_flow(self) -> None:
        """Run a chat flow that is triggered manually."""

    @method(lambda: o.UpdateChatFlow)
    def update_chat_flow(self) -> None:
        """Change the title and the remark of a chat flow."""

    @method(lambda: o.UpdateChatFlowLogSetting)
    def update_chat_flow_log_setting(self) -> None:
        """Switch the log of a chat flow on or off, or delete it."""

    @method(lambda: o.UpdateFlowVersion)
    def update_flow_version(self) -> None:
        """Replace the canvas of a version of a chat flow."""

    # Contacts

    @method(lambda: o.AddContacts)
    def add_contacts(self) -> None:
        """Add a contact, or a file of contacts, to groups."""

    @method(lambda: o.AddGroup)
    def add_group(self) -> None:
        """Create a group of contacts."""

    @method(lambda: o.AddMarketingFlow)
    def add_marketing_flow(self) -> None:
        """Create a campaign that runs a flow for each contact of a group."""

    @method(lambda: o.DeleteContacts)
    def delete_contacts(self) -> None:
        """Delete a contact by its number, or the contacts in a file."""

    @method(lambda: o.DeleteContactsByIds)
    def delete_contacts_by_ids(self) -> None:
        """Delete contacts by their IDs."""

    @method(lambda: o.DeleteGroupById)
    def delete_group_by_id(self) -> None:
        """Delete a group of contacts."""

    @method(lambda: o.DeleteMarketingFlow)
    def delete_marketing_flow(self) -> None:
        """Delete a campaign."""

    @method(lambda: o.GetDownloadExcelList)
    def get_download_excel_list(self) -> None:
        """Export contacts as an Excel file."""

    @method(lambda: o.GetGroupExist)
    def get_group_exist(self) -> None:
        """Check whether a group with a name exists."""

    @method(lambda: o.ListAllGroups)
    def list_all_groups(self) -> None:
        """List all groups of contacts."""

    @method(lambda: o.ListMarketingFlow)
    def list_marketing_flow(self) -> None:
        """List campaigns."""

    @method(lambda: o.MoveContactToGroup)
    def move_contact_to_group(self) -> None:
        """Change the groups of contacts."""

    @method(lambda: o.PauseMarketingFLow)
    def pause_marketing_flow(self) -> None:
        """Pause a campaign."""

    @method(lambda: o.RemoveContactById)
    def remove_contact_by_id(self) -> None:
        """Remove a contact from a group."""

    @method(lambda: o.UpdateContactById)
    def update_contact_by_id(self) -> None:
        """Change a contact."""

    @method(lambda: o.UpdateGroupName)
    def update_group_name(self) -> None:
        """Rename a group of contacts."""

    @method(lambda: o.UpdateMarketingFLow)
    def update_marketing_flow(self) -> None:
        """Change a campaign."""

    # Chat groups

    @method(lambda: o.AddChatGroup)
    def add_chat_group(self) -> None:
        """Create a group."""

    @method(lambda: o.AddChatGroupInviteLink)
    def add_chat_group_invite_link(self) -> None:
        """Create the invite link of a group."""

    @method(lambda: o.DeleteChatGroup)
    def delete_chat_group(self) -> None:
        """Delete a group."""

    @method(lambda: o.DeleteChatGroupInviteLink)
    def delete_chat_group_invite_link(self) -> None:
        """Delete the invite link of a group."""

    @method(lambda: o.DeleteChatGroupParticipants)
    def delete_chat_group_participants(self) -> None:
        """Remove participants from a group."""

    @method(lambda: o.ListChatGroup)
    def list_chat_group(self) -> None:
        """List the groups of a business number."""

    @method(lambda: o.ListChatGroupParticipants)
    def list_chat_group_participants(self) -> None:
        """List the participants of a group."""

    @method(lambda: o.UpdateChatGroup)
    def update_chat_group(self) -> None:
        """Change the title, the description or the picture of a group."""

    # Catalog

    @method(lambda: o.GetCommerceSetting)
    def get_commerce_setting(self) -> None:
        """Query whether chats with a number show its catalog and a cart."""

    @method(lambda: o.GetWhatsappConnectionCatalog)
    def get_whatsapp_connection_catalog(self) -> None:
        """Query the product catalogs connected to a WhatsApp Business account."""

    @method(lambda: o.ListProduct)
    def list_product(self) -> None:
        """List the products of a catalog."""

    @method(lambda: o.ListProductCatalog)
    def list_product_catalog(self) -> None:
        """List the product catalogs of a Meta business."""

    @method(lambda: o.UpdateCommerceSetting)
    def update_commerce_setting(self) -> None:
        """Set whether chats with a number show its catalog and a cart."""

    # Ads

    @method(lambda: o.AddCustomAudienceUser)
    def add_custom_audience_user(self) -> None:
        """Add users to a custom audience."""

    @method(lambda: o.CreateCustomAudience)
    def create_custom_audience(self) -> None:
        """Create a custom audience for marketing messages."""

    @method(lambda: o.CreateMessageCampaign)
    def create_message_campaign(self) -> None:
        """Create a campaign: a budget for marketing messages."""

    @method(lambda: o.CreateWhatsappConversionApi)
    def create_whatsapp_conversion_api(self) -> None:
        """Connect pages to the Conversions API with the code of an embedded sign-up."""

    @method(lambda: o.DeleteMessageCampaign)
    def delete_message_campaign(self) -> None:
        """Delete a campaign."""

    @method(lambda: o.GetMessageCampaignInsights)
    def get_message_campaign_insights(self) -> None:
        """Query deliveries, reads, clicks and costs of a campaign."""

    @method(lambda: o.GetWhatsappConversionApi)
    def get_whatsapp_conversion_api(self) -> None:
        """List the pages of a channel that are connected to the Conversions API."""

    @method(lambda: o.ListCustomAudience)
    def list_custom_audience(self) -> None:
        """List the custom audiences of a page."""

    @method(lambda: o.ListMessageCampaign)
    def list_message_campaign(self) -> None:
        """List the campaigns of a page."""

    @method(lambda: o.ListMessengerSubscriptionToken)
    def list_messenger_subscription_token(self) -> None:
        """List the subscription tokens of a page or an audience."""

    @method(lambda: o.ListPageAdAccount)
    def list_page_ad_account(self) -> None:
        """List the Meta ad accounts of a page."""

    @method(lambda: o.RequestWhatsappConversionApi)
    def request_whatsapp_conversion_api(self) -> None:
        """Report conversion events to Meta."""

    @method(lambda: o.SyncMessageCampaign)
    def sync_message_campaign(self) -> None:
        """Fetch the campaigns of an ad account from Meta."""

    @method(lambda: o.SyncMessengerSubscriptionToken)
    def sync_messenger_subscription_token(self) -> None:
        """Start a task that fetches subscription tokens from Meta."""

    # Messenger

    @method(lambda: o.BindInstagramPage)
    def bind_instagram_page(self) -> None:
        """Bind an Instagram account to a channel."""

    @method(lambda: o.BindMessengerPage)
    def bind_messenger_page(self) -> None:
        """Bind a Facebook page to a channel, for Messenger."""

    @method(lambda: o.CreateMessengerPage)
    def create_messenger_page(self) -> None:
        """Add a Facebook page to a channel after Meta's embedded signup."""

    @method(lambda: o.DeleteInstagramPage)
    def delete_instagram_page(self) -> None:
        """Remove an Instagram account from a channel."""

    @method(lambda: o.DeleteMessengerPage)
    def delete_messenger_page(self) -> None:
        """Remove a Facebook page from a channel."""

    @method(lambda: o.GetFbInstagramPages)
    def get_fb_instagram_pages(self) -> None:
        """List the Instagram accounts that can be bound to a channel."""

    @method(lambda: o.GetFbMessengerPages)
    def get_fb_messenger_pages(self) -> None:
        """List the Facebook pages that can be bound to a channel."""

    @method(lambda: o.ListFacebookPosts)
    def list_facebook_posts(self) -> None:
        """List the posts on the Facebook page of a channel."""

    @method(lambda: o.ListInstagramPage)
    def list_instagram_page(self) -> None:
        """Get the Instagram account of a channel, with its connection and callbacks."""

    @method(lambda: o.ListInstagramPosts)
    def list_instagram_posts(self) -> None:
        """List the posts of the Instagram account of a channel."""

    # Viber

    @method(lambda: o.AddAddressRecoverSuspend)
    def add_address_recover_suspend(self) -> None:
        """Request other destinations, the suspension or the recovery of an account."""

    @method(lambda: o.AddAuditViberOpen)
    def add_audit_viber_open(self) -> None:
        """Apply for a business account of Viber."""

    @method(lambda: o.GetAuditRequestByTypeUnAudit)
    def get_audit_request_by_type_un_audit(self) -> None:
        """Query the request of a type that is under review."""

    @method(lambda: o.GetPledgeTemplateAddress)
    def get_pledge_template_address(self) -> None:
        """Query the address of the form for a letter of guarantee."""

    @method(lambda: o.GetViberByRequestNo)
    def get_viber_by_request_no(self) -> None:
        """Query a request to the reviewers by its number."""

    @method(lambda: o.GetViberPauseTimes)
    def get_viber_pause_times(self) -> None:
        """Query how many more times a business account can be suspended."""

    @method(lambda: o.ListViberServiceMessage)
    def list_viber_service_message(self) -> None:
        """List the business accounts of a channel."""

    @method(lambda: o.UpdateAuditRequest)
    def update_audit_request(self) -> None:
        """Change an application, such as one that the reviewers rejected."""

    # Direct Mail

    @method(lambda: o.BindDmAccount)
    def bind_dm_account(self) -> None:
        """Bind a sender address of Direct Mail to a channel."""

    @method(lambda: o.ListBindDmAccount)
    def list_bind_dm_account(self) -> None:
        """List the sender addresses of Direct Mail that are bound to a channel."""

    @method(lambda: o.ListDmAccount)
    def list_dm_account(self) -> None:
        """List the sender addresses of Direct Mail."""

    @method(lambda: o.ListDmTag)
    def list_dm_tag(self) -> None:
        """List the tags of Direct Mail."""

    @method(lambda: o.UnbindDmAccount)
    def unbind_dm_account(self) -> None:
        """Unbind the sender address of Direct Mail from a channel."""


@hide_arguments
def call_by_name(
    action: Any, parameters: Any, *, retry_safe: bool | None
) -> Call[dict[str, Any]]:
    """Return the call of any action, with its parameters by their names on the wire.

    Raises:
        InvalidOperation: The action, a name or a value cannot be sent.
    """
    if not isinstance(action, str) or not _ACTION.fullmatch(action):
        expected = "the name of a CAMS action: letters and digits"
        msg = f"action must be {expected}"
        raise InvalidOperation(msg, field="action", expected=expected)
    values = cast("Mapping[Any, object]", parameters)
    if not isinstance(parameters, Mapping) or not all(map(is_printable, values)):
        expected = "a mapping from names, which are printable text"
        msg = f"parameters must be {expected}"
        raise InvalidOperation(
            msg, action=action, field="parameters", expected=expected
        )
    secret = secret_parameters(action)
    texts = {
        name: wire.as_text(name, value, action=action, secret=name in secret)
        for name, value in values.items()
        if value is not None
    }
    facts = facts_of(action)
    if retry_safe is None or (action in CATALOGUE and not facts.retry_safe):
        retry_safe = facts.retry_safe
    return Call(
        action=action,
        parameters=texts,
        qps=facts.qps,
        retry_safe=retry_safe,
        verify_with=facts.verify_with,
        decode=lambda payload, _: payload,
        returns_secret=facts.returns_secret,
    )
