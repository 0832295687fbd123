"""Business accounts of Viber: applications for them, and their review."""

from collections.abc import Sequence
from typing import Literal

from attrs import frozen

from cams_async.models import Record, Response
from cams_async.operations.common import MapResponse
from cams_async.operations.fields import Json
from cams_async.operations.operation import Operation

__all__ = [
    "AddAddressRecoverSuspend",
    "AddAuditViberOpen",
    "CompanyAddress",
    "CompanyTel",
    "GetAuditRequestByTypeUnAudit",
    "GetAuditRequestByTypeUnAuditResponse",
    "GetPledgeTemplateAddress",
    "GetViberByRequestNo",
    "GetViberByRequestNoResponse",
    "GetViberPauseTimes",
    "ListViberServiceMessage",
    "ListViberServiceMessageResponse",
    "PendingViberAudit",
    "PendingViberAuditRecord",
    "UpdateAuditRequest",
    "ViberApplication",
    "ViberApplicationChange",
    "ViberAudit",
    "ViberAuditRecord",
    "ViberProfile",
    "ViberRequest",
    "ViberService",
    "ViberServiceChange",
]


@frozen(kw_only=True)
class GetPledgeTemplateAddress(Operation[MapResponse]):
    """Query the address of the form for a letter of guarantee.

    Viber requires such a letter from some industries, such as loans and gambling. The
    vendor documents an object, but its example is a plain URL, which is then in
    `extra["Data"]` of the response.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        industry_type: The industry, such as `it`; see `industry_involved` of an
            application.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getpledgetemplateaddress
    """

    cust_space_id: str | None = None
    industry_type: str | None = None


@frozen(kw_only=True, slots=False)
class CompanyAddress(Record):
    """An address of a company."""

    company_address: str | None = None

    company_address_title: str | None = None


@frozen(kw_only=True, slots=False)
class CompanyTel(Record):
    """A phone number of a company."""

    company_tel_number: str | None = None

    company_tel_title: str | None = None


@frozen(kw_only=True, slots=False)
class ViberProfile(Record):
    """The fields that all forms of an application have.

    Names of companies and persons consist of Latin letters, digits, spaces and a few
    signs.
    """

    age_limit: str | None = None

    business_account_name: str | None = None
    """The name that users see; best that of the company."""

    company_english_name: str | None = None

    company_legal_name: str | None = None
    """The name in the company's registration."""

    company_legal_person: str | None = None
    """The name of the legal representative."""

    company_profile: str | None = None
    """A description of the company, at most 1,000 characters."""

    contact_mail: str | None = None
    """An e-mail address of the company."""

    enable_auto_reply: str | None = None
    """Whether `reply_content` is sent as a reply."""

    industry_description: str | None = None

    industry_involved: str | None = None
    """The industry, such as `telecommunicationsAndIT` or `cateringServices`."""

    letter_guarantee: str | None = None
    """The URL of the letter of guarantee; see GetPledgeTemplateAddress."""

    message_dialogue_introduction: str | None = None
    """A description of the conversations with users."""

    message_enable_date: str | None = None
    """The day from which messages are to be sent (GMT), such as `2025-11-07`."""

    message_session_name: str | None = None
    """The title of the conversations with users."""

    reply_content: str | None = None
    """The text of the automatic reply."""

    web_address: str | None = None
    """The website of the company: a URL that works, with `http://` or `https://`."""


@frozen(kw_only=True, slots=False)
class ViberApplication(ViberProfile):
    """An application for a business account."""

    business_license_registration_number: str | None = None

    company_address: Sequence[CompanyAddress | Json] | None = None
    """The addresses of the company. The vendor's console allows 5."""

    company_registered_country: str | None = None
    """The code of the country where the company is registered, such as `cn`."""

    company_tel: Sequence[CompanyTel | Json] | None = None
    """The phone numbers of the company. The vendor's console allows 5."""

    complete_address_of_headquarters: str | None = None
    """The registered address. Its country has the local rate, all others the
    international one."""

    contact_email: str | None = None
    """The e-mail address of the contact person."""

    contact_name: str | None = None
    """The name of the contact person."""

    contact_phone: str | None = None
    """The phone number of the contact person."""

    contact_position: str | None = None
    """The position of the contact person in the company."""

    logo: Sequence[str] | None = None
    """The URLs of the logos."""

    message_destination_country: Sequence[str] | None = None
    """Countries that receive messages at the local rate: calling code and country code,
    such as `65|SG`."""

    message_destination_international_country: Sequence[str] | None = None
    """Countries that receive messages at the international rate, such as `374|AM`."""

    other_letter_guarantee: str | None = None
    """The URL of further documents."""


@frozen(kw_only=True)
class AddAuditViberOpen(Operation[MapResponse]):
    """Apply for a business account of Viber.

    A channel has one business account. Viber reviews the application, which takes 3 to
    5 working days; GetAuditRequestByTypeUnAudit returns it while under review. The
    vendor requires no field of the application here, but its console requires most.

    Args:
        cust_space_id: The space ID of an ISV's customer.
        audit_record: The application.
        audit_result: The result of the review; the vendor does not document its use
            here.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-addauditviberopen
    """

    cust_space_id: str
    audit_record: ViberApplication | Json | None = None
    audit_result: str | None = None


@frozen(kw_only=True, slots=False)
class ViberRequest(Record):
    """The fields that all requests to the reviewers have.

    The vendor does not document the format of times; its examples are numbers.
    """

    audit_result: Literal["unAudit", "pass"] | str | None = None
    """The result of the review: `unAudit` before it, `pass` for an approval."""

    audit_time: str | None = None
    """The time of the review."""

    creator: str | None = None

    gmt_create: str | None = None
    """The time of creation."""

    gmt_modifier: str | None = None
    """The time of the last change."""

    id: str | None = None

    maap_service_no: str | None = None
    """The service ID of the business account: the `from_` of its messages."""

    modifier: str | None = None
    """The user who made the last change."""

    request_no: str | None = None
    """The number by which GetViberByRequestNo and UpdateAuditRequest find it."""

    request_type: Literal["viberOpen"] | str | None = None
    """`viberOpen` for a new business account."""

    state: str | None = None

    subscriber_code: str | None = None


@frozen(kw_only=True, slots=False)
class PendingViberAuditRecord(ViberProfile):
    """The content of a request under review."""

    apply_reason: str | None = None
    """The reason of the request."""

    company_address: tuple[CompanyAddress, ...] = ()

    company_registered_country: tuple[str, ...] = ()
    """Codes of countries. Only here it is a list."""

    company_tel: tuple[CompanyTel, ...] = ()

    logo: tuple[str, ...] = ()
    """The URLs of the logos."""

    message_destination_country: tuple[str, ...] = ()
    """Countries that receive messages at the local rate; see ViberApplication."""

    message_destination_international_country: tuple[str, ...] = ()
    """Countries that receive messages at the international rate."""

    now_recovery: str | None = None
    """The state of the suspension or recovery."""

    recovery_date: str | None = None
    """The day on which the account resumes (GMT)."""

    suspension_date: str | None = None
    """The day from which the account is suspended (GMT)."""


@frozen(kw_only=True, slots=False)
class PendingViberAudit(ViberRequest):
    """A request under review."""

    ali_uid: str | None = None
    """The ID of the Alibaba Cloud account."""

    audit_record: PendingViberAuditRecord | None = None


@frozen(kw_only=True, slots=False)
class GetAuditRequestByTypeUnAuditResponse(Response):
    """The response of GetAuditRequestByTypeUnAudit."""

    data: PendingViberAudit


@frozen(kw_only=True)
class GetAuditRequestByTypeUnAudit(Operation[GetAuditRequestByTypeUnAuditResponse]):
    """Query the request of a type that is under review.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        request_type: `viberOpen` for a new business account. The vendor documents no
            other type.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getauditrequestbytypeunaudit
    """

    cust_space_id: str
    request_type: Literal["viberOpen"] | str


@frozen(kw_only=True, slots=False)
class ViberAuditRecord(ViberProfile):
    """The content of a request, reviewed or not."""

    apply_reason: str | None = None
    """The reason of the request."""

    business_license_registration_number: str | None = None

    company_address: tuple[CompanyAddress, ...] = ()

    company_registered_country: str | None = None
    """The code of the country where the company is registered."""

    company_tel: tuple[CompanyTel, ...] = ()

    complete_address_of_headquarters: str | None = None
    """The registered address."""

    contact_email: str | None = None
    """The e-mail address of the contact person."""

    contact_name: str | None = None
    """The name of the contact person."""

    contact_phone: str | None = None
    """The phone number of the contact person."""

    contact_position: str | None = None
    """The position of the contact person in the company."""

    logo: tuple[str, ...] = ()
    """The URLs of the logos."""

    message_destination_country: tuple[str, ...] = ()
    """Countries that receive messages at the local rate; see ViberApplication."""

    message_destination_international_country: tuple[str, ...] = ()
    """Countries that receive messages at the international rate."""

    now_recovery: str | None = None
    """The state of the suspension or recovery."""

    other_letter_guarantee: str | None = None
    """The URL of further documents."""

    recovery_date: str | None = None
    """The day on which the account resumes (GMT)."""

    suspension_date: str | None = None
    """The day from which the account is suspended (GMT)."""


@frozen(kw_only=True, slots=False)
class ViberAudit(ViberRequest):
    """A request, reviewed or not."""

    audit_record: ViberAuditRecord | None = None

    reason: str | None = None
    """The comment of the reviewer."""


@frozen(kw_only=True, slots=False)
class GetViberByRequestNoResponse(Response):
    """The response of GetViberByRequestNo."""

    data: ViberAudit


@frozen(kw_only=True)
class GetViberByRequestNo(Operation[GetViberByRequestNoResponse]):
    """Query a request to the reviewers by its number.

    Args:
        request_no: The number that GetAuditRequestByTypeUnAudit returns.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getviberbyrequestno
    """

    request_no: str
    cust_space_id: str | None = None


@frozen(kw_only=True, slots=False)
class ViberApplicationChange(ViberApplication):
    """A changed application.

    Here `enable_auto_reply`, `reply_content` and `suspension_date` are deprecated.
    """

    apply_reason: str | None = None
    """The reason of the request."""

    recovery_date: str | None = None
    """The day on which the account resumes (GMT)."""

    suspension_date: str | None = None
    """Deprecated."""


@frozen(kw_only=True)
class UpdateAuditRequest(Operation[MapResponse]):
    """Change an application, such as one that the reviewers rejected.

    GetViberByRequestNo returns the comment of the reviewer.

    Args:
        audit_record: The changed application.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        request_no: The number that GetAuditRequestByTypeUnAudit returns.
        audit_result: The result of the review; `unAudit` for a new review.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-updateauditrequest
    """

    audit_record: ViberApplicationChange | Json
    cust_space_id: str
    request_no: str
    audit_result: Literal["unAudit"] | str | None = None


@frozen(kw_only=True, slots=False)
class ViberService(Record):
    """A business account."""

    business_account_name: str | None = None
    """The name that users see."""

    destination_country_id: tuple[str, ...] = ()
    """Countries that receive messages at the local rate: calling code and country code,
    such as `213|DZ`."""

    destination_international_country_id: tuple[str, ...] = ()
    """Countries that receive messages at the international rate, such as `213|DZ`."""

    industry_involved: str | None = None
    """The industry of the company."""

    message_destination_country: tuple[str, ...] = ()
    """The names of the countries in `destination_country_id`."""

    message_destination_international_country: tuple[str, ...] = ()
    """The names of the countries in `destination_international_country_id`."""

    service_id: str | None = None
    """The service ID: the `from_` of its messages."""

    state: str | None = None
    """The state, such as `stop`."""


@frozen(kw_only=True, slots=False)
class ListViberServiceMessageResponse(Response):
    """The response of ListViberServiceMessage."""

    data: tuple[ViberService, ...]


@frozen(kw_only=True)
class ListViberServiceMessage(Operation[ListViberServiceMessageResponse]):
    """List the business accounts of a channel.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-listviberservicemessage
    """

    cust_space_id: str


@frozen(kw_only=True)
class GetViberPauseTimes(Operation[MapResponse]):
    """Query how many more times a business account can be suspended.

    The vendor documents an object, but its example is a plain number, which is then in
    `extra["Data"]` of the response.

    Args:
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-getviberpausetimes
    """

    cust_space_id: str


@frozen(kw_only=True, slots=False)
class ViberServiceChange(Record):
    """A change of a business account: other destinations, suspension or recovery."""

    apply_reason: str | None = None
    """The reason of the change."""

    message_destination_country: Sequence[str] | None = None
    """Countries that are to receive messages at the local rate; see ViberApplication.
    """

    message_destination_international_country: Sequence[str] | None = None
    """Countries that are to receive messages at the international rate."""

    recovery_date: str | None = None
    """The day on which the account is to resume (GMT). Billing starts on it."""

    suspension_date: str | None = None
    """The day from which the account is to be suspended (GMT). After the 25th, no
    request for the same month is accepted. Billing stops with the next month."""


@frozen(kw_only=True)
class AddAddressRecoverSuspend(Operation[MapResponse]):
    """Request other destinations, the suspension or the recovery of an account.

    The change takes effect after the review. Until then, messages go to the former
    destinations.

    Args:
        audit_record: The change.
        cust_space_id: The space ID of an ISV's customer, or the instance ID of a direct
            customer.
        request_type: The kind of the change. The vendor does not document its values.

    https://www.alibabacloud.com/help/en/chatapp/developer-reference/api-cams-2020-06-06-addaddressrecoversuspend
    """

    audit_record: ViberServiceChange | Json | None = None
    cust_space_id: str | None = None
    request_type: str | None = None
