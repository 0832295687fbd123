"""`cams-async call`: names, values, and the sources of secrets."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cams_async.cli import call, main, parameters
from cams_async.client import CamsClient
from cams_async.emulator import CannedResponse, EmulatedNumber, Emulator
from cams_async.errors import ConfigurationError
from cams_async.methods import method_name
from cams_async.operations.catalogue import CATALOGUE, DEFAULT_QPS
from tests.cli_process import COMMAND, PATIENCE, InTerminal, environment

STATUS, VERIFY = "GetPhoneNumberVerificationStatus", "ChatappMigrationVerified"
QRDL = "UpdatePhoneMessageQrdl"
SEND, CREATE = "SendChatappMessage", "CreateChatappTemplate"
SENT = ["channel_type=whatsapp", "From=1", "To=2", "Type=message"]
COMMERCE = ["CatalogVisible=true", "CustSpaceId=c", "PhoneNumber=1"]
MESSAGE = "Hello"

Capture = pytest.CaptureFixture[str]


def place(cams: Emulator, *arguments: str) -> list[str]:
    """Return the arguments of a call to an emulator."""
    return ["call", *arguments, "--endpoint", cams.endpoint]


def unverified(cams: Emulator) -> EmulatedNumber:
    """Return a number that a code verifies."""
    for number in cams.phone_numbers:
        if cams.verification_status(number.phone_number) != "VERIFIED":
            return number
    raise AssertionError("none is left")


def named(number: EmulatedNumber) -> list[str]:
    """Return the parameters that name a number."""
    space = f"CustSpaceId={number.cust_space_id}"
    return [f"PhoneNumber={number.phone_number}", space]


def verification(cams: Emulator, *code: str) -> tuple[list[str], EmulatedNumber]:
    """Return the arguments that verify a number, and the number."""
    number = unverified(cams)
    return place(cams, VERIFY, *named(number), *code), number


# --- names ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        [STATUS, "PhoneNumber={}", "CustSpaceId={}"],
        ["get_phone_number_verification_status", "phone_number={}", "cust_space_id={}"],
        ["getPhoneNumberVerificationStatus", "phoneNumber={}", "CustSpaceId={}"],
        [STATUS, "phone_number=+{}", "cust_space_id={}"],
        [STATUS, "PhoneNumber={}", "CustSpaceId={}", "--unchecked"],
    ],
)
def test_names_may_be_in_snake_case(
    arguments: list[str], cams: Emulator, capsys: Capture
) -> None:
    """Values of operations are normalized as in Python."""
    number = cams.phone_numbers[0]
    action, phone, space, *more = arguments
    filled = [phone.format(number.phone_number), space.format(number.cust_space_id)]

    assert 0 == main(place(cams, action, *filled, *more))
    assert "OK" == json.loads(capsys.readouterr().out)["Code"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["GetPhoneNumberVerificationStatu"], f"did you mean {STATUS}?"),
        (["getphonenumberverificationstatus"], f"did you mean {STATUS}?"),
        (["get-phone-number-verification-status"], f"did you mean {STATUS}?"),
        (["UPDATE_PHONE_MESSAGE_QRDL"], f"did you mean {QRDL}?"),
        (["UpdatePhoneMesageQrdl"], f"did you mean {QRDL}?"),
        (["No such action"], "action must be the name of a CAMS action"),
        (["\x1b[31m"], "action must be the name of a CAMS action"),
        ([STATUS], f"{STATUS}: needs PhoneNumber, CustSpaceId"),
        ([STATUS, "PhoneNumber=1"], f"{STATUS}: needs CustSpaceId"),
        ([STATUS, "PhoneNumbr=1"], f"not a parameter of {STATUS}; did you mean Ph"),
        ([STATUS, "phone_numbr=1"], "did you mean PhoneNumber?"),
        ([STATUS, "Region=1"], f"`describe {STATUS}` lists them; --unchecked sends"),
        ([STATUS, "--ask", "PhoneNumbr"], "did you mean PhoneNumber?"),
        ([STATUS, "PhoneNumber=1", "phone_number=2"], "PhoneNumber: is given twice"),
        (
            [STATUS, "PhoneNumber=1", "--ask", "phone_number"],
            "PhoneNumber: is given",
        ),
        (["Other", "A=1", "A=2"], "A: is given twice"),
        ([STATUS, "PhoneNumber=x", "CustSpaceId=c"], "phone_number must be"),
        ([STATUS, "PhoneNumber=1", "CustSpaceId="], "cust_space_id must be"),
        (
            [
                QRDL,
                "phone_number=1",
                "qrdl_code=a",
                "prefilled_message=a",
                "generate_qr_image=GIF",
            ],
            "generate_qr_image must be one of PNG, SVG",
        ),
        ([SEND, *SENT, "Ttl=soon"], "ttl must be a whole number"),
        ([SEND, *SENT, "Ttl=29"], "ttl must be a whole number from 30 to 1209600"),
        ([SEND, *SENT, "Payload=a,b"], "Payload: is not JSON: Expecting value"),
        ([SEND, *SENT, "Payload={}"], "payload must be a list"),
        ([SEND, *SENT, 'Payload=["a", 1]'], "payload[1] must be a non-empty string"),
        ([SEND, *SENT, f"Payload={'[' * 10**5}"], "Payload: is not JSON: maximum"),
        ([SEND, *SENT, f"Ttl={'1' * 5000}"], "ttl must be a whole number"),
        ([SEND, *SENT, 'FlowAction={"FlowTokn": "a"}'], "flow_action.FlowTokn must be"),
        (
            ["UpdateCommerceSetting", "CartEnable=yes", *COMMERCE],
            "cart_enable must be True or False",
        ),
    ],
)
def test_a_call_is_checked_before_it_is_sent(
    arguments: list[str], expected: str, cams: Emulator, capsys: Capture
) -> None:
    """An unusable call ends with 2 and one line on stderr; nothing is sent."""
    before = sum(each.arrivals for each in cams.report().actions)

    code = main(place(cams, *arguments))

    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert 2 == code
    assert expected in line
    assert "\x1b" not in line
    assert "" == printed.out
    assert before == sum(each.arrivals for each in cams.report().actions)


@pytest.mark.parametrize("action", CATALOGUE)
def test_every_action_has_two_names(action: str) -> None:
    """It may be named as on the wire, or as the client's method."""
    assert action == parameters.action_name(action)
    assert action == parameters.action_name(method_name(action))


def test_another_action_takes_any_parameter() -> None:
    """CAMS may have actions that are not documented."""
    assert "AnAction" == parameters.action_name("an_action")
    assert "AnyName" == parameters.parameter_name("AnAction", "any_name")
    assert {"A": 1, "B": "2"} == parameters.checked("AnAction", {"A": 1}, {"B": "2"})


def test_an_unchecked_call_is_sent_as_it_is(cams: Emulator, capsys: Capture) -> None:
    """CAMS may have actions that this version does not have, with rate limits."""
    for options in (["--unchecked"], ["--unchecked", "--qps", "2"]):
        assert 1 == main(place(cams, f"{STATUS}s", "phone_number=1", *options))

        (line,) = capsys.readouterr().err.splitlines()
        assert f"{STATUS}s: InvalidApi.NotFound" in line


@pytest.mark.parametrize(
    ("action", "ceilings"),
    [
        (STATUS, (3.0, DEFAULT_QPS)),
        (f"{STATUS}s", (3.0, 3.0)),
        ("AnAction", (3.0, 3.0)),
    ],
)
def test_the_ceiling_of_a_call_is_that_of_its_action(
    action: str,
    ceilings: tuple[float, float],
    cams: Emulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`--qps` sets it for any action, also one that is not documented."""
    clients: list[CamsClient] = []

    class Recorded(CamsClient):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            clients.append(self)

    monkeypatch.setattr(call, "CamsClient", Recorded)
    main(place(cams, action, "A=1", "--unchecked", "--qps", "3"))

    (scopes,) = [client._scopes for client in clients]
    found = (scopes.ceiling(action, None), scopes.ceiling("Another", None))
    assert ceilings == found


@pytest.mark.parametrize(
    ("action", "near"),
    [
        ("SendChatappMesage", "SendChatappMessage"),
        ("get_flow_json_assest", "GetFlowJSONAssest"),
    ],
)
def test_every_documented_action_is_suggested(action: str, near: str) -> None:
    """The name is almost right."""
    with pytest.raises(ConfigurationError, match=f"did you mean {near}"):
        parameters.action_name(action)


# --- values ---------------------------------------------------------------------------


def test_values_come_from_anywhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A value is read from a file, standard input or the environment."""
    monkeypatch.setenv("A_CODE", " from the environment\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"input\n\n")))
    path = tmp_path / "code"
    found: list[str] = []
    for content in (b"code", b"code\n", b"code\r\n", b"\xef\xbb\xbfcode\n"):
        path.write_bytes(content)
        found.append(parameters.read_value("Name", f"@{path}"))

    assert ["code"] * 4 == found
    assert " from the environment\n" == parameters.read_value("Name", "@env:A_CODE")
    assert "input\n" == parameters.read_value("Name", "@-")
    assert "@at" == parameters.read_value("Name", "@@at")
    assert "a@b" == parameters.read_value("Name", "a@b")
    assert "" == parameters.read_value("Name", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@absent", "Name: 'absent' cannot be read: No such file"),
        ("@", "Name: '' cannot be read: "),
        ("@.", "Name: '.' cannot be read: Is a directory"),
        ("@bytes", "Name: 'bytes' is not UTF-8 text"),
        ("@large", "Name: 'large' holds more than 1,048,576 bytes"),
        ("@/dev/zero", "Name: '/dev/zero' holds more than 1,048,576 bytes"),
        ("@env:ABSENT", "Name: 'ABSENT' is not set"),
        ("@env:", "Name: '' is not set"),
        ("@-", "Name: standard input is closed"),
    ],
)
def test_a_value_that_cannot_be_read_is_an_error(
    text: str,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    """The error names the parameter and the place of the value."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", None)
    Path("bytes").write_bytes(b"\xff")
    Path("large").write_bytes(b"x" * (2**20 + 1))

    assert 2 == main(["call", "Any", f"Name={text}"])

    assert expected in capsys.readouterr().err


def test_standard_input_is_for_one_value(capsys: Capture) -> None:
    """A second `@-` is refused, since it would read nothing."""
    for another in ("B=@-", "@-", "-"):
        assert 2 == main(["call", "Any", "A=@-", another])

        assert "cams-async: @-: is given twice\n" == capsys.readouterr().err


# --- typed values and objects of parameters -------------------------------------------

TEMPLATE: dict[str, Any] = {
    "Name": "hello",
    "language": "en_US",
    "Category": "UTILITY",
    "TemplateType": "WHATSAPP",
    "Components": [
        {"Type": "BODY", "Text": "Hello"},
        {"type": "BUTTONS", "buttons": [{"Type": "URL", "url": "https://a.b"}]},
    ],
}

UNTYPED = {
    "Language" if name == "language" else name: value
    for name, value in TEMPLATE.items()
}

TEMPLATE_SENT = UNTYPED | {
    "Components": '[{"Type":"BODY","Text":"Hello"},'
    '{"Type":"BUTTONS","Buttons":[{"Type":"URL","Url":"https://a.b"}]}]',
}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Record the parameters of calls, which are not sent."""
    calls: list[dict[str, Any]] = []

    class Recorded(CamsClient):
        async def call(
            self, action: str, parameters: Any = None, **options: Any
        ) -> dict[str, Any]:
            del action, options
            calls.append({**parameters})
            return {}

    monkeypatch.setattr(call, "CamsClient", Recorded)
    return calls


MESSAGE_SENT = {"ChannelType": "whatsapp", "From": "1", "To": "2", "Type": "message"}

COMMERCE_SENT = {
    "CartEnable": "false",
    "CatalogVisible": "true",
    "CustSpaceId": "c",
    "PhoneNumber": "1",
}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([SEND, *SENT, "Ttl=60"], MESSAGE_SENT | {"Ttl": "60"}),
        (
            [SEND, *SENT, 'payload=[ "a", "é" ]'],
            MESSAGE_SENT | {"Payload": '["a","é"]'},
        ),
        ([SEND, *SENT, "Payload=@list"], MESSAGE_SENT | {"Payload": '["b"]'}),
        (
            [SEND, *SENT, 'TemplateParams={"a": "b"}'],
            MESSAGE_SENT | {"TemplateParams": '{"a":"b"}'},
        ),
        # A text that may be JSON is sent as it is, as is one that looks like a number.
        ([SEND, *SENT, "Content={ }"], MESSAGE_SENT | {"Content": "{ }"}),
        ([SEND, *SENT, "TaskId=001"], MESSAGE_SENT | {"TaskId": "001"}),
        (["UpdateCommerceSetting", "CartEnable=False", *COMMERCE], COMMERCE_SENT),
        ([CREATE, "@template.json"], TEMPLATE_SENT),
        ([CREATE, "-"], TEMPLATE_SENT),
        (
            ["create_chatapp_template", "@-", "CustSpaceId=c", "--quiet"],
            TEMPLATE_SENT | {"CustSpaceId": "c"},
        ),
        (["AnAction", "@template.json", "A=1"], UNTYPED | {"A": "1"}),
        ([CREATE, "@template.json", "--unchecked"], TEMPLATE),
    ],
)
def test_values_are_of_the_types_of_their_parameters(
    arguments: list[str],
    expected: dict[str, Any],
    cams: Emulator,
    sent: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All but texts are JSON; an object holds many parameters by either name."""
    text = json.dumps(TEMPLATE)
    Path("template.json").write_text(text, "utf-8")
    Path("list").write_text('["b"]\n', "utf-8")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    assert 0 == main(place(cams, *arguments))

    assert [expected] == sent


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": "b"}, "Name: is given twice"),
        (
            {"Nam": "b"},
            f"Nam: is not a parameter of {CREATE}; did you mean Name?",
        ),
        ({"Language": 1, "language": None}, "Language: is given twice"),
        ({"Example": [1]}, "example must be a mapping"),
        ({"Components": []}, "components must be a non-empty list"),
        ({"Components": [{"Text": "a"}]}, "components[0].type must be given"),
        (
            {"Components": [{"Type": "a"}, {"Type": "b", "Buttons": [{"Typ": "c"}]}]},
            "components[1].buttons[0].Typ must be spelt as a field of TemplateButton",
        ),
        (
            {"Components": [{"Type": "a", "buttons": [{"Type": "URL", "Url": 1}]}]},
            "components[0].buttons[0].url must be a string",
        ),
    ],
)
def test_an_object_of_parameters_is_checked(
    change: dict[str, Any],
    expected: str,
    cams: Emulator,
    sent: list[dict[str, Any]],
    capsys: Capture,
) -> None:
    """An error has the path of the value, and nothing is sent."""
    Path("template.json").write_text(json.dumps(TEMPLATE | change), "utf-8")

    assert 2 == main(place(cams, CREATE, "@template.json"))

    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line
    assert [] == sent


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "@object: is not JSON: Expecting property name"),
        ("[]", "@object: is not a JSON object"),
        ("", "@object: is not JSON: Expecting value"),
        ("[" * 10**5, "@object: is not JSON: maximum recursion depth"),
        ("\udcff", "@object: 'object' is not UTF-8 text"),
    ],
)
def test_a_file_that_holds_no_object_is_an_error(
    content: str, expected: str, cams: Emulator, capsys: Capture
) -> None:
    """The error names the file."""
    Path("object").write_text(content, "utf-8", "surrogateescape")

    assert 2 == main(place(cams, CREATE, "@object"))

    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line


# --- secrets --------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["@code", "@-", "@env:CODE"])
def test_a_secret_is_read_from_a_source_and_never_printed(
    source: str, cams: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """A secret from a file, standard input or the environment is not printed."""
    arguments, number = verification(cams, f"VerifyCode={source}")
    code = cams.verify_code(number.phone_number)
    Path("code").write_text(f"{code}\n", "utf-8")
    monkeypatch.setenv("CODE", code)
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{code}\n".encode()))
    )

    assert 0 == main(arguments)

    printed = capsys.readouterr()
    assert "VERIFIED" == cams.verification_status(number.phone_number)
    assert "" == printed.err
    assert code not in printed.out


@pytest.mark.parametrize("quiet", [True, False])
def test_a_secret_on_the_command_line_causes_a_warning(
    quiet: bool,  # noqa: FBT001 - a table
    cams: Emulator,
    capsys: Capture,
) -> None:
    """The call is sent; the warning lists the hidden ways to pass a secret."""
    arguments, number = verification(cams)
    code = cams.verify_code(number.phone_number)
    more = ["--quiet"] if quiet else []

    assert 0 == main([*arguments, f"verify_code={code}", *more])

    shown = capsys.readouterr().err
    assert code not in shown
    assert (0 if quiet else 1) == len(shown.splitlines())
    assert quiet or "use VerifyCode=@FILE, @-, @env:NAME or --ask VerifyCode" in shown


@pytest.mark.skipif(os.name != "posix", reason="there are no such terminals")
def test_a_secret_is_read_from_the_terminal_without_echo(cams: Emulator) -> None:
    """The terminal never shows the secret that is typed into it."""
    arguments, number = verification(cams, "--ask", "verify_code")
    code = cams.verify_code(number.phone_number)
    with InTerminal(
        [*COMMAND, *arguments], env=environment(cams), owns=True
    ) as process:
        process.until("VerifyCode: ")
        process.type(f"{code}\n")
        ended = process.end()

    assert 0 == ended
    assert code not in process.shown
    assert "VERIFIED" == cams.verification_status(number.phone_number)


@pytest.mark.skipif(os.name != "posix", reason="sessions are other things there")
def test_a_prompt_needs_a_terminal(cams: Emulator) -> None:
    """Without a terminal the secret would be echoed, so the call is refused."""
    arguments, _ = verification(cams, "--ask", "VerifyCode")
    done = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *arguments],
        capture_output=True,
        input=b"123456\n",
        start_new_session=True,
        env=environment(cams),
        check=False,
        timeout=PATIENCE,
    )

    assert (2, b"") == (done.returncode, done.stdout)
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("cams-async: VerifyCode: --ask needs a terminal: use @")


# --- responses ------------------------------------------------------------------------


def test_a_response_is_printed_even_if_the_client_does_not_close(
    cams: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """After Ctrl-C while the client closes, the response is still printed."""
    close = CamsClient.aclose

    async def interrupted(client: CamsClient) -> None:
        await close(client)
        raise KeyboardInterrupt

    monkeypatch.setattr(CamsClient, "aclose", interrupted)

    assert 130 == main(place(cams, STATUS, *named(cams.phone_numbers[0])))
    assert "OK" == json.loads(capsys.readouterr().out)["Code"]


@pytest.mark.parametrize("depth", [10, 200, 400, 900])
def test_a_deep_response_is_printed(
    depth: int, cams: Emulator, capsys: Capture
) -> None:
    """A deeply nested response is printed, or refused without a traceback."""
    body = b'{"Code": "OK", "RequestId": "1", "Data": %s1%s}'
    cams.faults.next(CannedResponse(body=body % (b"[" * depth, b"]" * depth)))

    code = main(place(cams, "ChatappSyncPhoneNumber", "CustSpaceId=cams-0001"))

    printed = capsys.readouterr()
    if code == 0:
        value: Any = json.loads(printed.out)["Data"]
        assert depth == f"{value}".count("[")
    assert "Traceback" not in printed.err
