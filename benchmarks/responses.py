"""Response bodies of CAMS as its documentation shows them, and a request for them."""

import json
from typing import Any

from cams_async import Credentials
from cams_async.operations import GetPhoneNumberVerificationStatus

ACTION = "GetPhoneNumberVerificationStatus"
CREDENTIALS = Credentials("LTAIbenchmark", "secret")
PHONE_NUMBER, SPACE = "8613800000000", "cams-0001"
OPERATION = GetPhoneNumberVerificationStatus(
    phone_number=PHONE_NUMBER, cust_space_id=SPACE
)

STATUS = json.dumps(
    {
        "RequestId": "3D9F7A11-3B1C-5A6E-9D0B-7C3C5B0C6A55",
        "Code": "OK",
        "Message": "None",
        "AccessDeniedDetail": "None",
        "Data": {
            "PhoneNumber": PHONE_NUMBER,
            "Id": "100000000000000",
            "CodeVerificationStatus": "VERIFIED",
        },
    }
).encode()
"""A response to GetPhoneNumberVerificationStatus."""

NUMBER: dict[str, Any] = {
    "PhoneNumber": PHONE_NUMBER,
    "VerifiedName": "Alibaba",
    "Status": "CONNECTED",
    "QualityRating": "GREEN",
    "CodeVerificationStatus": "VERIFIED",
    "MessagingLimitTier": "TIER_10K",
    "NameStatus": "Approval",
    "NewNameStatus": "Approval",
    "StatusQueue": "alicom-09390000-queue",
    "UpQueue": "alicom-09390000-queue",
    "StatusCallbackUrl": "https://www.alibaba.com/status",
    "UpCallbackUrl": "https://www.alibaba.com/inbound",
}
"""https://api.alibabacloud.com/api/cams/2020-06-06/ChatappSyncPhoneNumber"""

CALLING: dict[str, Any] = {
    "IsOfficial": "N",
    "CallingConfigure": {
        "Calling": {
            "Status": "ENABLED",
            "CallIconVisibility": "DEFAULT",
            "CallbackPermissionStatus": "ENABLED",
            "CallHours": {
                "Status": "ENABLED",
                "TimezoneId": "Asia/Shanghai",
                "WeeklyOperatingHours": [
                    {"DayOfWeek": "MONDAY", "OpenTime": "0000", "CloseTime": "2359"}
                ],
                "HolidaySchedule": [
                    {"Date": "2026-01-01", "StartTime": "0000", "EndTime": "2359"}
                ],
            },
        },
        "CallingCallbackUrl": "https://www.alibaba.com/calling",
        "MaxTalkTime": 3600,
    },
}
"""Fields of a number that the newest version of the API adds."""


def phone_numbers(count: int, *, calling: bool = False) -> bytes:
    """Return a response to ChatappSyncPhoneNumber."""
    number = {**NUMBER, **CALLING} if calling else NUMBER
    return json.dumps(
        {
            "RequestId": "3D9F7A11-3B1C-5A6E-9D0B-7C3C5B0C6A55",
            "Code": "OK",
            "Message": "None",
            "AccessDeniedDetail": "None",
            "Success": True,
            "PhoneNumbers": [number] * count,
        }
    ).encode()


def body(numbers: int, *, calling: bool = False) -> bytes:
    """Return a response with this many numbers, or the status of one if 0."""
    return phone_numbers(numbers, calling=calling) if numbers else STATUS
