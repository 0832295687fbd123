"""Actions of CAMS that this package has no operation for, with a fixed response.

They are the longest request of all, and the only action whose documented place for
parameters is a form.
"""

import json
from collections.abc import Mapping
from typing import cast

from attrs import frozen

from cams_async.emulator.contract import Contract
from cams_async.emulator.handlers import Answered, Handler, Parameters
from cams_async.emulator.refusal import fail

MOST_RECIPIENTS = 1000


@frozen(kw_only=True)
class Other:
    """One such action."""

    qps: float
    contract: Contract
    handler: Handler


def get_pre_validate_phone_id(
    account: str, parameters: Parameters, elapsed: float
) -> Answered:
    """Return an id for any number."""
    del account, elapsed
    number = parameters["PhoneNumber"]
    return {"Data": {"PhoneNumber": number, "PhoneNumberId": f"id-{number}"}}


def send_chatapp_mass_message(
    account: str, parameters: Parameters, elapsed: float
) -> Answered:
    """Accept a list of recipients, and deliver nothing."""
    del account, elapsed
    try:
        found: object = json.loads(parameters["SenderList"])
    except ValueError:
        found = None
    recipients = cast("list[object]", found if isinstance(found, list) else [])
    good = all(isinstance(each, dict) and "To" in each for each in recipients)
    if not good or not 1 <= len(recipients) <= MOST_RECIPIENTS:
        message = f"SenderList must be 1 to {MOST_RECIPIENTS} recipients."
        fail("InvalidParameter.SenderList", message)  # assumed
    return {"GroupMessageId": "20261126000000000001"}


OTHERS: Mapping[str, Other] = {
    "GetPreValidatePhoneId": Other(
        qps=10.0,
        contract=Contract(required=("PhoneNumber", "VerifyCode"), values={}),
        handler=get_pre_validate_phone_id,
    ),
    "SendChatappMassMessage": Other(
        qps=10.0,
        contract=Contract(
            required=("ChannelType", "From", "Language", "SenderList"), values={}
        ),
        handler=send_chatapp_mass_message,
    ),
}
"""Each, by its name."""
