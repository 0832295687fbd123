"""The vendor's own SDK works with the emulator, unchanged."""

import importlib
import json
import logging
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from cams_async.credentials import Credentials
from cams_async.emulator import Emulator, Fault

PEM = "-----BEGIN PUBLIC KEY-----\nMIIB+/ab==\n-----END PUBLIC KEY-----\n"
MESSAGE = "Hello, *~ what's 1+1? 50% a/b & c=d #你好\n"


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """Yield a running emulator whose numbers are all verified."""
    async with Emulator(phone_numbers=3, settle=0.0) as emulator:
        yield emulator


@pytest.fixture
def sdk() -> Iterator[Callable[[str], Any]]:
    """Yield a function that imports the SDK; remove its log handlers afterwards."""
    logger = logging.getLogger("darabonba-core")
    former = list(logger.handlers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("alibabacloud_cams20200606.client")
        yield importlib.import_module
    logger.handlers[:] = former


@pytest.fixture
def models(sdk: Callable[[str], Any]) -> Any:
    """Return the SDK's request models."""
    return sdk("alibabacloud_cams20200606.models")


@pytest.fixture
def client(sdk: Callable[[str], Any], emulator: Emulator) -> Any:
    """Return the SDK's client, pointed at the emulator."""
    config = sdk("alibabacloud_tea_openapi.models").Config(
        access_key_id=emulator.credentials.access_key_id,
        access_key_secret=emulator.credentials.access_key_secret.reveal(),
        endpoint=emulator.endpoint.removeprefix("http://"),
        protocol="http",
    )
    return sdk("alibabacloud_cams20200606.client").Client(config)


async def test_it_gets_a_status(client: Any, models: Any, emulator: Emulator) -> None:
    """GetPhoneNumberVerificationStatus succeeds."""
    number = emulator.phone_numbers[0]
    request = models.GetPhoneNumberVerificationStatusRequest(
        phone_number=number.phone_number, cust_space_id=number.cust_space_id
    )
    response = await client.get_phone_number_verification_status_async(request)

    assert response.body.code == "OK"
    assert response.body.data.phone_number == number.phone_number
    assert response.body.data.code_verification_status == "VERIFIED"


async def test_it_sets_a_public_key(
    client: Any, models: Any, emulator: Emulator
) -> None:
    """UpdatePhoneEncryptionPublicKey succeeds, newlines and plus signs included."""
    number = emulator.phone_numbers[0].phone_number
    request = models.UpdatePhoneEncryptionPublicKeyRequest(
        phone_number=number, encryption_public_key=PEM
    )
    response = await client.update_phone_encryption_public_key_async(request)

    assert response.body.code == "OK"
    assert emulator.encryption_public_key(number) == PEM


async def test_it_updates_a_qr_code(
    client: Any, models: Any, emulator: Emulator
) -> None:
    """UpdatePhoneMessageQrdl succeeds, although the SDK writes a space as `+`."""
    number = emulator.phone_numbers[0].phone_number
    request = models.UpdatePhoneMessageQrdlRequest(
        phone_number=number,
        generate_qr_image="SVG",
        prefilled_message=MESSAGE,
        qrdl_code=emulator.qrdl_code(number),
    )
    response = await client.update_phone_message_qrdl_async(request)

    assert response.body.code == "OK"
    assert response.body.data.prefilled_message == MESSAGE
    assert response.body.data.qrdl_code == emulator.qrdl_code(number)


async def test_it_verifies_a_migration(
    client: Any, models: Any, emulator: Emulator
) -> None:
    """ChatappMigrationVerified succeeds."""
    number = emulator.phone_numbers[0]
    request = models.ChatappMigrationVerifiedRequest(
        phone_number=number.phone_number,
        cust_space_id=number.cust_space_id,
        verify_code=emulator.verify_code(number.phone_number),
    )
    response = await client.chatapp_migration_verified_async(request)

    assert response.body.code == "OK"
    assert response.body.data.id == number.id


async def test_it_lists_a_space(client: Any, models: Any, emulator: Emulator) -> None:
    """ChatappSyncPhoneNumber succeeds, and the SDK has every field of it."""
    request = models.ChatappSyncPhoneNumberRequest(
        cust_space_id=emulator.phone_numbers[0].cust_space_id
    )
    response = await client.chatapp_sync_phone_number_async(request)

    listed = [number.to_map() for number in response.body.phone_numbers]
    assert response.body.success is True
    assert [number["PhoneNumber"] for number in listed] == [
        number.phone_number for number in emulator.phone_numbers
    ]
    assert listed[0]["IsOfficial"] == "N"
    assert listed[0]["CallingConfigure"]["MaxTalkTime"] == 3600


async def test_it_sends_to_1000_recipients(
    client: Any, models: Any, emulator: Emulator
) -> None:
    """SendChatappMassMessage succeeds, all of them in the URL."""
    request = models.SendChatappMassMessageRequest(
        channel_type="whatsapp",
        from_="8613800000000",
        language="en",
        template_code="t",
        sender_list=[
            models.SendChatappMassMessageRequestSenderList(
                to=f"86138{place:08}",
                template_params={"name": f"Zo\u00eb & Co. {place}"},
            )
            for place in range(1000)
        ],
    )
    response = await client.send_chatapp_mass_message_async(request)
    ((parameters, times),) = emulator.executed("SendChatappMassMessage").items()

    assert response.body.code == "OK"
    assert response.body.group_message_id
    assert times == 1
    assert len(json.loads(dict(parameters)["SenderList"])) == 1000
    assert ", " not in dict(parameters)["SenderList"]


async def test_it_sends_a_form(client: Any, models: Any) -> None:
    """GetPreValidatePhoneId, the only action sent as a form by the SDK, succeeds."""
    request = models.GetPreValidatePhoneIdRequest(
        phone_number="8613800000000", verify_code="01 2+3"
    )
    response = await client.get_pre_validate_phone_id_async(request)

    assert response.body.code == "OK"
    assert response.body.data.phone_number == "8613800000000"


@pytest.mark.parametrize(
    ("place", "kind"),
    [("query", "formData"), ("body", "formData"), ("body", "json")],
)
async def test_its_core_may_put_parameters_anywhere(
    sdk: Callable[[str], Any], client: Any, emulator: Emulator, place: str, kind: str
) -> None:
    """A call with parameters in a query, a form or a JSON object succeeds."""
    models = sdk("alibabacloud_tea_openapi.models")
    parameters = {
        "PhoneNumber": emulator.phone_numbers[0].phone_number,
        "CustSpaceId": emulator.phone_numbers[0].cust_space_id,
        "Note": "a b+c&d=e *~ \u65e0",
    }
    response = await client.call_api_async(
        models.Params(
            action="GetPhoneNumberVerificationStatus",
            version="2020-06-06",
            protocol="HTTPS",
            pathname="/",
            method="POST",
            auth_type="AK",
            style="RPC",
            req_body_type=kind,
            body_type="json",
        ),
        models.OpenApiRequest(**{place: parameters}),
        sdk("darabonba.runtime").RuntimeOptions(),
    )
    (executed,) = emulator.executed("GetPhoneNumberVerificationStatus")

    assert response["body"]["Code"] == "OK"
    assert dict(executed) == parameters


async def test_a_temporary_key_works_too(
    sdk: Callable[[str], Any], models: Any, emulator: Emulator
) -> None:
    """The SDK's security token and its further headers are accepted."""
    temporary = Credentials("STS.official", "a-secret", "a-token")
    emulator.admit(temporary)
    config = sdk("alibabacloud_tea_openapi.models").Config(
        type="sts",
        access_key_id=temporary.access_key_id,
        access_key_secret="a-secret",
        security_token="a-token",
        endpoint=emulator.endpoint.removeprefix("http://"),
        protocol="http",
    )
    client = sdk("alibabacloud_cams20200606.client").Client(config)
    request = models.ChatappSyncPhoneNumberRequest(cust_space_id="cams-0001")
    response = await client.chatapp_sync_phone_number_async(request)

    assert response.body.code == "OK"


async def test_a_throttled_response_has_a_time_to_wait(
    sdk: Callable[[str], Any], client: Any, models: Any, emulator: Emulator
) -> None:
    """The SDK raises a ThrottlingException with the time of the header."""
    emulator.options.retry_after = 1.5
    emulator.faults.next(Fault.THROTTLED)
    request = models.ChatappSyncPhoneNumberRequest(cust_space_id="cams-0001")

    exceptions = sdk("alibabacloud_tea_openapi.exceptions")
    with pytest.raises(exceptions.ThrottlingException) as caught:
        await client.chatapp_sync_phone_number_async(request)

    error: Any = caught.value
    assert error.code == "System.LimitControl"
    assert error.retry_after == 1500


async def test_it_sends_a_message_and_lists_it(
    client: Any, models: Any, emulator: Emulator
) -> None:
    """SendChatappMessage and ListChatappMessage succeed."""
    number = emulator.phone_numbers[0]
    sent = await client.send_chatapp_message_async(
        models.SendChatappMessageRequest(
            channel_type="whatsapp",
            type="message",
            message_type="text",
            content=json.dumps({"text": MESSAGE}),
            from_=number.phone_number,
            to="8613900000000",
            cust_space_id=number.cust_space_id,
            task_id="order-1",
        )
    )
    listed = await client.list_chatapp_message_async(
        models.ListChatappMessageRequest(
            channel_type="whatsapp",
            business_number=number.phone_number,
            cust_space_id=number.cust_space_id,
            page=models.ListChatappMessageRequestPage(index=1, size=10),
        )
    )
    (found,) = listed.body.data

    assert ("OK", "OK") == (sent.body.code, listed.body.code)
    assert (sent.body.message_id, "order-1") == (
        found.message_id,
        found.unique_message_id,
    )
    assert MESSAGE == json.loads(found.message)["text"]


async def test_it_sets_a_webhook(client: Any, models: Any, emulator: Emulator) -> None:
    """UpdatePhoneWebhook succeeds, and ChatappSyncPhoneNumber returns the URLs."""
    number = emulator.phone_numbers[0]
    url = "http://127.0.0.1:1/up?a=1&b=2"
    response = await client.update_phone_webhook_async(
        models.UpdatePhoneWebhookRequest(
            phone_number=number.phone_number,
            cust_space_id=number.cust_space_id,
            up_callback_url=url,
            http_flag="Y",
        )
    )
    synced = await client.chatapp_sync_phone_number_async(
        models.ChatappSyncPhoneNumberRequest(cust_space_id=number.cust_space_id)
    )

    assert "OK" == response.body.code
    assert url == synced.body.phone_numbers[0].up_callback_url


async def test_it_may_upload(client: Any, models: Any, emulator: Emulator) -> None:
    """GetChatappUploadAuthorization succeeds."""
    space = emulator.phone_numbers[0].cust_space_id
    request = models.GetChatappUploadAuthorizationRequest(cust_space_id=space)
    response = await client.get_chatapp_upload_authorization_async(request)

    assert emulator.endpoint == response.body.data.end_point
    assert response.body.data.dir.endswith(space)
