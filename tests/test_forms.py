"""Long requests and secrets travel in a form body, and fall back where it is unread."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any, get_args
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import pytest

from cams_async.client import CamsClient
from cams_async.emulator import Emulator
from cams_async.errors import ApiError, ConfigurationError, ConnectionLost
from cams_async.forms import FormPolicy, Forms
from cams_async.protocol import HttpResponse, Request
from cams_async.retry import RetryPolicy
from cams_async.secret import Secret
from cams_async.throttle import LocalThrottle
from tests.clock import Clock
from tests.fakes import (
    CREDENTIALS,
    FAST,
    LOST,
    MIGRATION,
    VERIFIED,
    RecordingTransport,
    make,
    refusal,
)

FORM = "application/x-www-form-urlencoded"
CODE = "code 042/canary"
MISSING = refusal("MissingVerifyCode")

CONFIDENTIAL = [
    ("ChatappMigrationVerified", "VerifyCode"),
    ("ChatappVerifyAndRegister", "VerifyCode"),
    ("CreateMessengerPage", "AuthenticationCode"),
    ("CreateWhatsappConversionApi", "Code"),
    ("GetFbInstagramPages", "AccessToken"),
    ("GetFbMessengerPages", "AccessToken"),
    ("GetPermissionByCode", "Code"),
    ("GetPreValidatePhoneId", "VerifyCode"),
    ("UpdateWabaMmlStatus", "Code"),
    ("AnActionOfTomorrow", "VerifyCode"),
    ("AnActionOfTomorrow", "AccessToken"),
]
"""Parameters that must not be sent in a URL."""

SHORT = {"CustSpaceId": "cams-1"}
SECRET = {"CustSpaceId": "cams-1", "VerifyCode": CODE}
LONG = {"CustSpaceId": "x" * 5000}
MASS = "SendChatappMassMessage"


def place(request: Request) -> str:
    """Return where a request's parameters are: all in one place, and labelled so."""
    query = urlsplit(request.url).query
    if request.body:
        assert request.headers["content-type"] == FORM
        assert "content-type;" in request.headers["authorization"]
        assert not query
        return "form"
    assert "content-type" not in request.headers
    return "query"


def sent(request: Request) -> dict[str, str]:
    """Return a request's parameters."""
    query = urlsplit(request.url).query or request.body.decode()
    return dict(parse_qsl(query, keep_blank_values=True))


class TestPlace:
    """Which requests are forms."""

    @pytest.mark.parametrize(
        ("size", "expected"), [(4095, "query"), (4096, "query"), (4097, "form")]
    )
    async def test_a_query_of_up_to_4096_bytes_stays_one(
        self, size: int, expected: str
    ) -> None:
        """Counted as encoded: the name, and three bytes for a space."""
        transport = RecordingTransport(VERIFIED)
        text = " " + "x" * (size - len("Text=%20"))
        await make(transport).call("AnAction", {"Text": text})

        assert place(transport.seen[0]) == expected
        assert sent(transport.seen[0]) == {"Text": text}

    @pytest.mark.parametrize(("action", "name"), CONFIDENTIAL)
    async def test_a_secret_is_not_in_the_url(self, action: str, name: str) -> None:
        """Nor anywhere else but in the body; errors mask it."""
        transport = RecordingTransport(refusal("SomeCode"))
        parameters = {name: CODE, "CustSpaceId": "cams-1"}
        with pytest.raises(ApiError):
            await make(transport).call(action, parameters)
        request = transport.seen[0]

        assert place(request) == "form"
        assert sent(request) == parameters
        assert request.url == "http://127.0.0.1:1/"
        assert Secret(CODE) in request.secrets
        assert "canary" not in f"{request!r} {request.headers}"

    @pytest.mark.parametrize(
        ("action", "name"),
        [("ListChatappTemplate", "Code"), ("SendChatappMessage", "TokenType")],
    )
    async def test_what_only_sounds_like_a_secret_is_none(
        self, action: str, name: str
    ) -> None:
        """A template has a code, too."""
        transport = RecordingTransport(VERIFIED)
        await make(transport).call(action, {name: "x"})

        assert place(transport.seen[0]) == "query"
        assert Secret("x") not in transport.seen[0].secrets

    async def test_a_partners_code_is_masked_only(self) -> None:
        """IsvCode stays in the query, and no error shows it."""
        transport = RecordingTransport(refusal("SomeCode"))
        with pytest.raises(ApiError):
            await make(transport).call("QueryChatappBindWaba", {"IsvCode": CODE})

        assert place(transport.seen[0]) == "query"
        assert Secret(CODE) in transport.seen[0].secrets

    async def test_an_operation_with_a_secret_is_a_form(self) -> None:
        """By method and by `send` as by `call`."""
        transport = RecordingTransport(VERIFIED)
        await make(transport).send(MIGRATION)

        assert place(transport.seen[0]) == "form"
        assert sent(transport.seen[0])["VerifyCode"] == "012345"

    @pytest.mark.parametrize(
        ("forms", "action", "parameters", "expected"),
        [
            ("auto", "AnAction", SHORT, "query"),
            ("auto", "AnAction", SECRET, "form"),
            ("auto", "AnAction", LONG, "form"),
            ("auto", "GetPreValidatePhoneId", SECRET, "form"),
            ("never", "AnAction", SHORT, "query"),
            ("never", "AnAction", SECRET, "query"),
            ("never", "AnAction", LONG, "query"),
            ("never", "GetPreValidatePhoneId", SECRET, "form"),
            ("always", "AnAction", SHORT, "query"),
            ("always", "AnAction", SECRET, "form"),
            ("always", "AnAction", LONG, "form"),
            ("always", "GetPreValidatePhoneId", SECRET, "form"),
        ],
    )
    async def test_the_option_decides(
        self, forms: Forms, action: str, parameters: Mapping[str, str], expected: str
    ) -> None:
        """`never` leaves the action alone that the vendor's SDK sends as a form."""
        transport = RecordingTransport(VERIFIED)
        await make(transport, forms=forms).call(action, parameters)

        assert place(transport.seen[0]) == expected

    @pytest.mark.parametrize("forms", ["", "Auto", None, True, ["auto"]])
    def test_another_option_is_refused(self, forms: Any) -> None:
        """At construction, and by its name."""
        with pytest.raises(ConfigurationError, match="auto, never, always") as caught:
            make(RecordingTransport(VERIFIED), forms=forms)

        assert caught.value.field == "forms"


def run(
    clock: Clock,
    *responses: Any,
    action: str = "ChatappMigrationVerified",
    parameters: Mapping[str, Any] = SECRET,
    **options: Any,
) -> tuple[list[str], ApiError | None]:
    """Make a call; return the places of its requests, and its error."""
    transport = RecordingTransport(*responses)
    error: ApiError | None = None

    async def main() -> None:
        nonlocal error
        try:
            await make(transport, **options).call(action, parameters)
        except ApiError as caught:
            error = caught

    clock.run(main())
    return [place(request) for request in transport.seen], error


def missing(
    message: str, code: str = "MissingParameter", status: int = 400
) -> HttpResponse:
    """Make a refusal whose message names what is missing."""
    body = {"Code": code, "Message": message, "RequestId": "id"}
    return HttpResponse(status, {}, json.dumps(body).encode())


class TestFallBack:
    """The query instead of a form that the gateway does not read."""

    @pytest.mark.parametrize(
        ("refused", "again"),
        [
            pytest.param(MISSING, True, id="the secret"),
            pytest.param(refusal("MissingCustSpaceId"), True, id="another"),
            pytest.param(refusal("Missing.VerifyCode"), True, id="dot"),
            pytest.param(refusal("MissingParameter.VerifyCode"), True, id="both"),
            pytest.param(missing('"VerifyCode" is mandatory'), True, id="message"),
            pytest.param(refusal("MissingVerifyCode", 200), True, id="HTTP 200"),
            pytest.param(refusal("MissingPhoneNumber"), False, id="not sent"),
            pytest.param(missing("PhoneNumber is mandatory"), False, id="other name"),
            pytest.param(missing("VerifyCodes missing"), False, id="longer name"),
            pytest.param(refusal("MissingSecurityToken"), False, id="header"),
            pytest.param(
                missing("VerifyCode", "MissingPhoneNumber"), False, id="by message"
            ),
            pytest.param(refusal("InvalidParameter"), False, id="invalid"),
            pytest.param(
                missing("VerifyCode", "InvalidParameter"), False, id="not missing"
            ),
            pytest.param(refusal("MissingVerifyCode", 500), False, id="HTTP 500"),
        ],
    )
    def test_only_a_sent_parameter_that_is_missed_makes_it(
        self,
        refused: HttpResponse,
        again: bool,  # noqa: FBT001 - pytest gives it
        clock: Clock,
    ) -> None:
        """And only where nothing was executed; a code's own name goes first."""
        places, error = run(clock, refused, VERIFIED)

        assert places == (["form", "query"] if again else ["form"])
        assert (error is None) == again

    @pytest.mark.parametrize(
        ("forms", "action", "parameters", "expected"),
        [
            ("auto", "AnAction", SECRET, ["form", "query"]),
            ("auto", "AnAction", {**SECRET, **LONG}, ["form"]),
            ("auto", "AnAction", {**LONG, "VerifyCode": CODE}, ["form"]),
            ("auto", "AnAction", {**SHORT, "VerifyCode": " "}, ["form"]),
            ("auto", "AnAction", {**SHORT, "VerifyCode": ""}, ["form"]),
            ("auto", "GetPreValidatePhoneId", SECRET, ["form"]),
            ("never", "AnAction", SECRET, ["query"]),
            ("always", "AnAction", SECRET, ["form"]),
        ],
    )
    def test_only_a_short_form_has_one(
        self,
        forms: Forms,
        action: str,
        parameters: Mapping[str, str],
        expected: list[str],
        clock: Clock,
    ) -> None:
        """A long one has no query, a documented one no other place, `always` none."""
        places, error = run(
            clock, MISSING, action=action, parameters=parameters, forms=forms
        )

        assert places == expected
        assert error is not None
        assert (error.code, error.attempts) == ("MissingVerifyCode", len(expected))

    def test_it_is_made_once(self, clock: Clock) -> None:
        """A query that is refused likewise is the end."""
        places, error = run(clock, MISSING, MISSING, VERIFIED)

        assert places == ["form", "query"]
        assert error is not None

    def test_one_attempt_is_one_attempt(self, clock: Clock) -> None:
        """The policy bounds it as any other attempt."""
        places, error = run(clock, MISSING, VERIFIED, retry=RetryPolicy(attempts=1))

        assert places == ["form"]
        assert error is not None

    def test_a_secret_object_counts_as_sent(self) -> None:
        """It is never blank to the choice, and never revealed by it."""
        choice, error = FormPolicy("auto"), ApiError(code="MissingVerifyCode")

        assert choice.fall_back("AnAction", {"VerifyCode": Secret(CODE)}, error)
        assert not choice.fall_back("AnAction", {"VerifyCode": Secret("")}, error)

    @pytest.mark.parametrize("outcome", ["unknown", "executed", "not_sent"])
    def test_other_outcomes_have_none(self, outcome: Any) -> None:
        """The class of the error makes no difference."""
        choice = FormPolicy("auto")
        parameters = {"VerifyCode": CODE}

        assert not choice.fall_back(
            "A", parameters, ApiError(code="MissingVerifyCode", outcome=outcome)
        )
        assert not choice.fall_back("A", parameters, LOST)
        assert choice.reasons_for("A") == "length and secrets"

    def test_it_is_remembered_for_the_action(
        self, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """With one warning, also where calls at once all fell back; not for others."""
        caplog.set_level(logging.WARNING)
        first = [MISSING, MISSING, VERIFIED, VERIFIED]
        transport = RecordingTransport(*first, VERIFIED, VERIFIED, VERIFIED)

        async def main() -> None:
            cams = make(transport)
            action = "ChatappMigrationVerified"
            await asyncio.gather(cams.call(action, SECRET), cams.call(action, SECRET))
            await cams.call(action, SECRET)
            await cams.call(action, {**SECRET, **LONG})
            await cams.call("ChatappVerifyAndRegister", SECRET)

        clock.run(main())
        warnings = [
            record.getMessage()
            for record in caplog.records
            if "form body" in record.getMessage()
        ]

        assert [place(request) for request in transport.seen] == [
            "form", "form", "query", "query", "query", "form", "form",
        ]  # fmt: skip
        assert len(warnings) == 1
        assert "ChatappMigrationVerified" in warnings[0]
        assert "canary" not in caplog.text

    def test_it_is_no_resend_of_an_unknown_outcome(self, clock: Clock) -> None:
        """A call that must not be repeated is sent once more, as it never ran."""
        transport = RecordingTransport(MISSING, LOST, VERIFIED)

        async def main() -> None:
            with pytest.raises(ConnectionLost):
                await make(transport).send(MIGRATION)

        clock.run(main())

        assert [place(request) for request in transport.seen] == ["form", "query"]


@pytest.fixture
async def formless() -> AsyncIterator[Emulator]:
    """Yield a CAMS whose gateway does not read forms."""
    async with Emulator(qps=FAST, settle=None, reads_forms=False) as emulator:
        yield emulator


def client_of(emulator: Emulator, forms: Forms = "auto") -> CamsClient:
    """Return a client of a CAMS."""
    return CamsClient(
        emulator.credentials,
        endpoint=emulator.endpoint,
        qps=FAST,
        throttle=LocalThrottle(),
        forms=forms,
    )


def migration(emulator: Emulator, place: int = 0) -> dict[str, str]:
    """Return the fields of a migration that would succeed."""
    number = emulator.phone_numbers[place]
    return {
        "phone_number": number.phone_number,
        "cust_space_id": number.cust_space_id,
        "verify_code": emulator.verify_code(number.phone_number),
    }


class TestOverSockets:
    """Against a gateway that verifies what arrives."""

    @pytest.mark.parametrize("forms", get_args(Forms))
    async def test_a_code_arrives(self, emulator: Emulator, forms: Forms) -> None:
        """In either place, signed and hashed."""
        async with client_of(emulator, forms) as cams:
            response = await cams.chatapp_migration_verified(**migration(emulator))

        assert response.meta is not None
        assert response.meta.attempts == 1

    async def test_a_gateway_that_reads_no_forms_is_served(
        self, formless: Emulator
    ) -> None:
        """The code is executed once, in the second attempt; later calls need one."""
        async with client_of(formless) as cams:
            first = await cams.chatapp_migration_verified(**migration(formless))
            second = await cams.chatapp_migration_verified(**migration(formless, 1))

        assert [
            response.meta and response.meta.attempts for response in (first, second)
        ] == [
            2,
            1,
        ]
        assert set(formless.executed("ChatappMigrationVerified").values()) == {1}

    async def test_always_keeps_the_code_out_of_its_url(
        self, formless: Emulator
    ) -> None:
        """Then such a gateway is of no use."""
        async with client_of(formless, "always") as cams:
            with pytest.raises(ApiError) as caught:
                await cams.chatapp_migration_verified(**migration(formless))

        assert (caught.value.code, caught.value.attempts) == ("MissingCustSpaceId", 1)

    async def test_the_documented_form_is_read_by_any_gateway(
        self, formless: Emulator
    ) -> None:
        """Which `never` sends, too."""
        async with client_of(formless, "never") as cams:
            response = await cams.call(
                "GetPreValidatePhoneId", {"PhoneNumber": "861", "VerifyCode": CODE}
            )

        assert response["Data"]["PhoneNumber"] == "861"

    @pytest.mark.parametrize("size", [4095, 4096, 4097, 100_000])
    async def test_any_length_arrives(self, emulator: Emulator, size: int) -> None:
        """On both sides of the bound."""
        number = emulator.phone_numbers[0]
        parameters = {
            "CustSpaceId": number.cust_space_id,
            "Padding": "",
            "PhoneNumber": number.phone_number,
        }
        parameters["Padding"] = "x" * (size - len(urlencode(parameters)))
        async with client_of(emulator) as cams:
            await cams.call("GetPhoneNumberVerificationStatus", parameters)
        (executed,) = emulator.executed("GetPhoneNumberVerificationStatus")

        assert dict(executed) == parameters
        assert len(urlencode(executed)) == size

    async def test_a_message_to_1000_recipients_passes(
        self, emulator: Emulator
    ) -> None:
        """As a form, whole and once."""
        recipients = mass_recipients()
        async with client_of(emulator) as cams:
            response = await cams.call(
                MASS,
                {
                    "ChannelType": "whatsapp",
                    "From": "8613800000000",
                    "Language": "en",
                    "TemplateCode": "t",
                    "SenderList": recipients,
                },
                retry_safe=False,
            )
        ((executed, times),) = emulator.executed(MASS).items()

        assert response["Code"] == "OK"
        assert times == 1
        assert json.loads(dict(executed)["SenderList"]) == recipients

    @pytest.mark.parametrize("given", [False, True], ids=["own", "given"])
    async def test_what_leaves_holds_the_code_in_the_body_only(
        self,
        given: bool,  # noqa: FBT001 - pytest gives it
    ) -> None:
        """Byte by byte: one content type, one length, and a URL that is `/`."""
        arrived = bytearray()

        async def serve(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split()[0])
            arrived.extend(head + await reader.readexactly(length))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\n")
            writer.write(b'{"Code":"OK","RequestId":"1"}')
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with (
            server,
            aiohttp.ClientSession() as session,
            CamsClient(
                CREDENTIALS,
                endpoint=f"http://127.0.0.1:{port}",
                throttle=LocalThrottle(),
                session=session if given else None,
            ) as cams,
        ):
            await cams.call("GetPermissionByCode", {"Code": CODE})
        head, _, body = bytes(arrived).partition(b"\r\n\r\n")

        assert head.startswith(b"POST / HTTP/1.1\r\n")
        assert b"canary" not in head
        assert head.lower().count(b"content-type:") == 1
        assert f"content-type: {FORM}".encode() in head.lower()
        assert head.lower().count(b"content-length:") == 1
        assert body == b"Code=code+042%2Fcanary"

    async def test_no_log_shows_a_code(
        self, emulator: Emulator, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Neither the client's nor the server's, at any level."""
        caplog.set_level(logging.DEBUG)
        fields = migration(emulator)
        async with client_of(emulator) as cams:
            await cams.chatapp_migration_verified(**fields)

        assert "ChatappMigrationVerified" in caplog.text
        assert fields["verify_code"] not in caplog.text


def mass_recipients() -> list[dict[str, Any]]:
    """Return as many recipients as a message may have, each with its parameters."""
    return [
        {
            "To": f"86138{place:08}",
            "TemplateParams": {"name": f"Zoë & Co. {place}", "order": "no. 1, 50 %"},
            "Payload": ["yes", "no"],
        }
        for place in range(1000)
    ]
