"""Types of the public API, checked by mypy and pyright and never run.

The comments `type: ignore` mark what must be rejected: one that is not needed is an
error of its own.
"""
# pyright: reportUnnecessaryTypeIgnoreComment=true

from collections.abc import Mapping
from typing import Any, assert_type

from cams_async import (
    CamsClient,
    CamsError,
    Credentials,
    CredentialsProvider,
    CredentialsUri,
    EnvironmentCredentials,
    LocalThrottle,
    Meta,
    Outcome,
    ProfileCredentials,
    RetryPolicy,
    Scope,
    Snapshot,
    Throttle,
    chain,
    paginate,
    poll,
    watch,
)
from cams_async import operations as names
from cams_async.content import Button, Buttons, Image, Interactive, Text
from cams_async.models import CodeVerificationStatus, Response
from cams_async.operations import (
    ChatappMigrationVerified,
    ChatappSyncPhoneNumber,
    GenerateQrImage,
    GetPhoneNumberVerificationStatus,
    ListChatappTemplate,
    ListChatappTemplateResponse,
    ListProduct,
    MigratedNumberResponse,
    PhoneMessageQrdlResponse,
    PhoneNumber,
    PhoneNumbersResponse,
    SendChatappMessage,
    SendChatappMessageResponse,
    TemplateSummary,
    UpdatePhoneEncryptionPublicKey,
    UpdatePhoneMessageQrdl,
    VerificationStatusResponse,
)
from cams_async.pagination import Items
from cams_async.poller import Outcomes, PerSpace


async def methods(cams: CamsClient) -> None:
    """The short spelling."""
    status = await cams.get_phone_number_verification_status(
        phone_number="1", cust_space_id="s"
    )
    assert_type(status, VerificationStatusResponse)
    assert_type(status.data.code_verification_status, CodeVerificationStatus | str)
    assert_type(status.request_id, str)
    assert_type(status.message, str | None)
    assert_type(status.meta, Meta | None)
    assert_type(status.extra, Mapping[str, Any])
    synced = await cams.chatapp_sync_phone_number(cust_space_id="s")
    assert_type(synced, PhoneNumbersResponse)
    assert_type(synced.phone_numbers, tuple[PhoneNumber, ...])
    assert_type(
        await cams.chatapp_migration_verified(
            cust_space_id="s", phone_number="1", verify_code="0"
        ),
        MigratedNumberResponse,
    )
    assert_type(
        await cams.update_phone_encryption_public_key(
            phone_number="1", encryption_public_key="PEM"
        ),
        Response,
    )
    for image in (GenerateQrImage.SVG, GenerateQrImage.PNG):
        assert_type(
            await cams.update_phone_message_qrdl(
                phone_number="1",
                generate_qr_image=image,
                prefilled_message="m",
                qrdl_code="c",
                cust_space_id=None,
            ),
            PhoneMessageQrdlResponse,
        )


class Overriding(CamsClient):
    """A subclass may replace a method by one of the same type."""

    async def chatapp_sync_phone_number(
        self, *, cust_space_id: str
    ) -> PhoneNumbersResponse:
        """Remove blanks."""
        synced = await super().chatapp_sync_phone_number(
            cust_space_id=cust_space_id.strip()
        )
        assert_type(synced, PhoneNumbersResponse)
        return synced


class Incompatible(CamsClient):
    """A method of another type is rejected."""

    async def chatapp_sync_phone_number(self, *, space: str) -> PhoneNumbersResponse:  # type: ignore[override]
        """Rename a field."""
        raise NotImplementedError(space)


async def operations(cams: CamsClient) -> None:
    """The long spelling: an operation is a value."""
    status = GetPhoneNumberVerificationStatus(phone_number="1", cust_space_id="s")
    assert_type(await cams.send(status), VerificationStatusResponse)
    sync = ChatappSyncPhoneNumber(cust_space_id="s")
    assert_type(await cams.send(sync), PhoneNumbersResponse)
    migration = ChatappMigrationVerified(
        cust_space_id="s", phone_number="1", verify_code="0"
    )
    assert_type(await cams.send(migration), MigratedNumberResponse)
    key = UpdatePhoneEncryptionPublicKey(phone_number="1", encryption_public_key="PEM")
    assert_type(await cams.send(key), Response)
    qrdl = UpdatePhoneMessageQrdl(
        phone_number="1",
        generate_qr_image="PNG",
        prefilled_message="m",
        qrdl_code="c",
    )
    assert_type(await cams.send(qrdl), PhoneMessageQrdlResponse)


async def contents(cams: CamsClient) -> None:
    """A content is typed, or JSON text with its type."""
    choice = Interactive("Tea?", Buttons([Button("1", "Yes"), {"id": "2"}]))
    for typed in (Text("hi"), Image("https://a.example/b", caption="b"), choice):
        assert_type(
            await cams.send_chatapp_message(
                channel_type="whatsapp", from_="1", to="2", content=typed
            ),
            SendChatappMessageResponse,
        )
    SendChatappMessage(
        channel_type="line",
        type="message",
        from_="1",
        to="2",
        message_type="text",
        content='{"text":"hi"}',
    )
    SendChatappMessage(channel_type="whatsapp", from_="1", to="2", content=5)  # type: ignore[arg-type]
    Text()  # type: ignore[call-arg]
    Text(5)  # type: ignore[arg-type]
    Text("hi", "there")  # type: ignore[call-arg, arg-type]
    Image("https://a.example/b", file_name="b")  # type: ignore[call-arg]
    Interactive("Tea?", Text("hi"))  # type: ignore[arg-type]
    Interactive("Tea?", {"buttons": []})  # type: ignore[arg-type]


async def any_action(cams: CamsClient) -> None:
    """Calls of any action by name."""
    assert_type(await cams.call("AnAction"), dict[str, Any])
    assert_type(await cams.call("AnAction", retry_safe=None), dict[str, Any])
    assert_type(
        await cams.call("AnAction", {"A": [1], "B": None}, retry_safe=True),
        dict[str, Any],
    )


async def many(cams: CamsClient) -> None:
    """Outcomes are typed by their operations."""
    numbers = [GetPhoneNumberVerificationStatus(phone_number="1", cust_space_id="s")]
    spaces = [ChatappSyncPhoneNumber(cust_space_id="s")]
    async with poll(cams, numbers, window=10, ordered=True) as outcomes:
        assert_type(outcomes, Outcomes[VerificationStatusResponse])
        async for outcome in outcomes:
            assert_type(outcome, Outcome[VerificationStatusResponse])
            assert_type(outcome.response, VerificationStatusResponse | None)
            assert_type(outcome.error, CamsError | None)
    per_space = PerSpace(cams, max_age=10)
    assert_type(await per_space.send(numbers[0]), VerificationStatusResponse)
    assert_type(
        watch(per_space, numbers, until={"VERIFIED"}, every=(1, 2), deadline=None),
        Outcomes[VerificationStatusResponse],
    )
    assert_type(
        watch(cams, spaces, until=lambda response: bool(response.phone_numbers)),
        Outcomes[PhoneNumbersResponse],
    )
    poll(cams, ["1"])  # type: ignore[arg-type]
    watch(cams, numbers, until=lambda response: response.nothing)  # type: ignore[attr-defined]


async def pages(cams: CamsClient) -> None:
    """Items are typed by the operation."""
    templates = paginate(cams, ListChatappTemplate(), page_size=50)
    assert_type(templates, Items[TemplateSummary])
    async for template in templates:
        assert_type(template, TemplateSummary)
    assert_type(await anext(templates), TemplateSummary)
    assert_type(templates.position, int | str | None)
    assert_type(paginate(cams, templates.operation), Items[TemplateSummary])
    products = paginate(cams, ListProduct(catalog_id="1", waba_id="2"))
    assert_type(products, Items[Mapping[str, Any]])
    assert_type(await cams.send(ListChatappTemplate()), ListChatappTemplateResponse)
    assert_type(await cams.list_chatapp_template(), ListChatappTemplateResponse)
    paginate(cams, ChatappSyncPhoneNumber(cust_space_id="s"))  # type: ignore[arg-type]
    paginate(cams, ListChatappTemplate)  # type: ignore[arg-type]
    paginate(cams, ListChatappTemplate(), 50)  # type: ignore[call-arg]


async def wrong(cams: CamsClient) -> None:
    """Each of these is rejected."""
    await cams.chatapp_sync_phone_number()  # type: ignore[call-arg]
    await cams.chatapp_sync_phone_number("s")  # type: ignore[call-arg]
    await cams.chatapp_sync_phone_number(cust_space="s")  # type: ignore[call-arg]
    await cams.chatapp_sync_phone_number(cust_space_id=1)  # type: ignore[arg-type]
    await cams.get_phone_number_verification_status(phone_number="1")  # type: ignore[call-arg]
    await cams.chatapp_sync_phone_number(cust_space_id="s", a="s")  # type: ignore[call-arg]
    await cams.get_phone_number_verification_status(
        phone_number=8613800000000,  # type: ignore[arg-type]
        cust_space_id="s",
    )
    await cams.chatapp_migration_verified(
        cust_space_id="s",
        phone_number="1",
        verify_code=0,  # type: ignore[arg-type]
    )
    await cams.update_phone_message_qrdl(
        phone_number="1",
        generate_qr_image="JPG",  # type: ignore[arg-type]
        prefilled_message="m",
        qrdl_code="c",
    )
    await cams.send("GetPhoneNumberVerificationStatus")  # type: ignore[arg-type]
    await cams.call("AnAction", ["A"])  # type: ignore[arg-type]
    cams.with_options(region="mars-1")  # type: ignore[call-arg]
    cams.get_phone_numbers()  # type: ignore[attr-defined]
    _ = names.GetPhoneNumbers  # type: ignore[attr-defined]
    cams.chatapp_sync_phone_number = None  # type: ignore[method-assign, assignment]
    CamsClient(Credentials("LTAI", "s"), "ap-southeast-1")  # type: ignore[call-arg]


async def clients(provider: CredentialsProvider, throttle: Throttle) -> None:
    """The arguments and the lifetime of a client."""
    async with CamsClient() as cams:
        assert_type(cams, CamsClient)
        assert_type(cams.with_options(deadline=None), CamsClient)
        assert_type(cams.snapshot(), Mapping[Scope, Snapshot])
    CamsClient(provider, throttle=throttle, retry=RetryPolicy(attempts=1))
    CamsClient(EnvironmentCredentials(), throttle=LocalThrottle(), qps={"A": 1})
    CamsClient(default_qps=2)
    CamsClient(preload=["phone_numbers"])
    CamsClient(preload=[1])  # type: ignore[list-item]
    CamsClient(chain(ProfileCredentials(), CredentialsUri()), account="mine")
