"""Answers as CAMS gives them, in bytes."""

import json
from typing import Any

from benchmarks.waiters import ANSWER

NUMBER: dict[str, Any] = {
    "PhoneNumber": "8613800000000",
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
"""As its page shows it. https://api.alibabacloud.com/api/cams/2020-06-06/ChatappSyncPhoneNumber"""

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
"""What the newest version of the API adds."""


def listing(numbers: int, *, calling: bool = False) -> bytes:
    """Return the answer of ChatappSyncPhoneNumber."""
    number = {**NUMBER, **CALLING} if calling else NUMBER
    return json.dumps(
        {
            "RequestId": "3D9F7A11-3B1C-5A6E-9D0B-7C3C5B0C6A55",
            "Code": "OK",
            "Message": "None",
            "AccessDeniedDetail": "None",
            "Success": True,
            "PhoneNumbers": [number] * numbers,
        }
    ).encode()


def response(numbers: int) -> bytes:
    """Return the answer that tells one number's status, or that lists so many."""
    return listing(numbers) if numbers else ANSWER
