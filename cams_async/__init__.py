"""An asyncio SDK for Alibaba Cloud CAMS that never exceeds its rate limits.

    async with CamsClient() as cams:
        response = await cams.get_phone_number_verification_status(
            phone_number="8613800000000", cust_space_id="cams-xxxx"
        )
        response.data.code_verification_status

Operations are in `cams_async.operations`, an emulator of CAMS in
`cams_async.emulator`.
"""

import logging

from cams_async.client import CamsClient
from cams_async.credentials import (
    Credentials,
    CredentialsProvider,
    EnvironmentCredentials,
)
from cams_async.errors import (
    ApiError,
    AuthenticationError,
    CamsError,
    ClientClosed,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    CredentialsError,
    DeadlineExceeded,
    DecodeError,
    GatewayError,
    InvalidOperation,
    InvalidParameter,
    NotFound,
    NotOwner,
    NotSubscribed,
    PermissionDenied,
    PermitExpired,
    RepeatedPage,
    RequestTimeout,
    ServerError,
    ThrottleUnavailable,
    ThrottlingError,
    TransportError,
)
from cams_async.models import (
    CallEvent,
    CodeVerificationStatus,
    Meta,
    Response,
    Scope,
    Snapshot,
)
from cams_async.operations import Operation
from cams_async.pagination import paginate
from cams_async.poller import Outcome, poll, watch
from cams_async.providers import chain
from cams_async.retry import RetryPolicy
from cams_async.secret import Secret
from cams_async.sources import CredentialsUri, ProfileCredentials
from cams_async.throttle import LocalThrottle, Permit, Throttle
from cams_async.version import __version__

__all__ = [
    "ApiError",
    "AuthenticationError",
    "CallEvent",
    "CamsClient",
    "CamsError",
    "ClientClosed",
    "CodeVerificationStatus",
    "ConfigurationError",
    "ConnectError",
    "ConnectionLost",
    "Credentials",
    "CredentialsError",
    "CredentialsProvider",
    "CredentialsUri",
    "DeadlineExceeded",
    "DecodeError",
    "EnvironmentCredentials",
    "GatewayError",
    "InvalidOperation",
    "InvalidParameter",
    "LocalThrottle",
    "Meta",
    "NotFound",
    "NotOwner",
    "NotSubscribed",
    "Operation",
    "Outcome",
    "PermissionDenied",
    "Permit",
    "PermitExpired",
    "ProfileCredentials",
    "RepeatedPage",
    "RequestTimeout",
    "Response",
    "RetryPolicy",
    "Scope",
    "Secret",
    "ServerError",
    "Snapshot",
    "Throttle",
    "ThrottleUnavailable",
    "ThrottlingError",
    "TransportError",
    "__version__",
    "chain",
    "paginate",
    "poll",
    "watch",
]

# A library stays silent until its user sets logging up.
logging.getLogger("cams_async").addHandler(logging.NullHandler())
