"""`cams-async operations` and `cams-async describe`: what actions are, and take."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from typing import Any

import pytest

from cams_async.cli import describe, main, operations, process
from cams_async.client import CamsClient
from cams_async.operations import CATALOGUE, OPERATIONS
from cams_async.operations.journeys import JOURNEYS

STATUS, SEND = "GetPhoneNumberVerificationStatus", "SendChatappMessage"

OTHERS = ["SubmitVerifyCodeResult", "WhatsappCall"]
"""The other actions that send something."""

Capture = pytest.CaptureFixture[str]


def printed(capsys: Capture, *arguments: str) -> str:
    """Return the output of a command that succeeds."""
    assert 0 == main(arguments)
    output = capsys.readouterr()
    assert "" == output.err
    return output.out


# --- operations -----------------------------------------------------------------------


def test_all_actions_are_listed_with_stable_columns(capsys: Capture) -> None:
    """A row has the facts of an action, in the order of the catalogue."""
    header, _, *rows = printed(capsys, "operations").splitlines()

    assert header.startswith("journey")
    assert list(CATALOGUE) == [row.split()[1] for row in rows]
    for row in rows:
        journey, action, method, ceiling, retry_safe, *_ = row.split()
        facts = CATALOGUE[action]
        assert journey == facts.journey
        assert callable(getattr(CamsClient, method))
        assert ceiling == ("-" if facts.qps is None else f"{facts.qps:g}")
        assert retry_safe == ("yes" if facts.retry_safe else "no")


def test_operations_as_json_are_complete(capsys: Capture) -> None:
    """`--json` prints all facts."""
    listed = json.loads(printed(capsys, "operations", "--json"))
    (status,) = [entry for entry in listed if entry["action"] == STATUS]

    assert list(CATALOGUE) == [entry["action"] for entry in listed]
    assert {
        "journey": "phone_numbers",
        "action": STATUS,
        "method": "get_phone_number_verification_status",
        "qps": 10.0,
        "retry_safe": True,
        "verify_with": None,
        "ram_action": f"cams:{STATUS}",
        "summary": "Query whether the ownership of a phone number is verified.",
    } == status


def by_journey(journey: str) -> list[str]:
    """Return the actions of a journey."""
    return [name for name, facts in CATALOGUE.items() if facts.journey == journey]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["qr_codes"], by_journey("qr_codes")),
        (["templates", "delete"], ["DeleteChatappTemplate"]),
        (["QRDL", "--read-only"], ["ListPhoneMessageQrdl"]),
        (["list_flow", "flows"], ["ListFlow"]),
        (["messages", "--changing"], ["SendChatappMassMessage", SEND, *OTHERS]),
        (["Ownership of a phone", "get_phone"], [STATUS]),
    ],
)
def test_filters_must_all_match(
    arguments: list[str], expected: list[str], capsys: Capture
) -> None:
    """A filter is a journey, or part of a name or a summary, in any case."""
    listed = json.loads(printed(capsys, "operations", "--json", *arguments))

    assert expected == [entry["action"] for entry in listed]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["tempaltes"], "tempaltes: matches no action; did you mean templates?"),
        (["CreateFlwo"], "CreateFlwo: matches no action; did you mean CreateFlow?"),
        (["§"], "§: matches no action"),
        (["qr_codes", "flows"], "the filters: match no action together"),
        (["SendChatappMessage", "--read-only"], "the filters: match no action"),
    ],
)
def test_filters_without_a_match_are_an_error(
    arguments: list[str], expected: str, capsys: Capture
) -> None:
    """The error suggests a name."""
    assert 2 == main(["operations", *arguments])

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"cams-async: {expected}")


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_the_list_fits_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """A terminal shows the journeys, with lines no longer than itself."""
    monkeypatch.setattr(operations, "terminal_width", lambda: width)

    lines = printed(capsys, "operations").splitlines()

    assert width >= max(map(len, lines))
    assert [*JOURNEYS] == [line for line in lines if line and line[0] != " "]
    assert set(CATALOGUE) <= {word for line in lines for word in line.split()}


def test_only_a_terminal_has_a_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe has none, nor has a closed stream."""
    terminal = StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "50")
    found: list[int | None] = []
    for stream in (terminal, StringIO(), None):
        monkeypatch.setattr(sys, "stdout", stream)
        found.append(process.terminal_width())

    assert [50, None, None] == found


# --- describe -------------------------------------------------------------------------


def flat(fields: Iterable[Mapping[str, Any]], path: str = "") -> Iterator[Any]:
    """Return fields to full depth, with their paths."""
    for each in fields:
        yield f"{path}{each['name']}", each
        yield from flat(each.get("fields", ()), f"{path}{each['name']}.")


def test_every_action_is_described(capsys: Capture) -> None:
    """Each field has a type and a line of the text."""
    for action, operation in OPERATIONS.items():
        described = describe.description(operation)
        fields = [*flat(described["parameters"]), *flat(described["response"])]
        lines = printed(capsys, "describe", action).splitlines()

        assert described["description"], action
        for path, field in fields:
            assert field["type"], (action, path)
        assert len(fields) == sum(line.startswith(" ") for line in lines)


@pytest.mark.parametrize(
    ("action", "path", "expected"),
    [
        (STATUS, "PhoneNumber", {"type": "string", "required": True}),
        (STATUS, "Data.Id", {"required": False}),
        (STATUS, "Data.Id", {"description": "The vendor's ID of the number."}),
        (STATUS, "Data.CodeVerificationStatus", {"open": True}),
        (STATUS, "Code", {"type": "string or integer"}),
        (SEND, "Ttl", {"type": "integer", "minimum": 30, "maximum": 1209600}),
        (SEND, "From", {"field": "from_", "required": True}),
        (SEND, "FallBackRule", {"values": ["undelivered", "sentFailed"]}),
        (SEND, "FallBackRule", {"open": False}),
        (SEND, "Payload", {"type": "list of strings"}),
        (SEND, "TemplateParams", {"type": "map of strings"}),
        (SEND, "Content", {"type": "string or object"}),
        (SEND, "IsvCode", {"type": "string", "secret": True}),
        (SEND, "ProductAction", {"type": "object"}),
        (SEND, "ProductAction.Sections", {"type": "list of objects", "max_items": 10}),
        (SEND, "ProductAction.Sections.ProductItems", {"type": "list of objects"}),
        (SEND, "ProductAction.Sections.ProductItems.ProductRetailerId", {}),
        ("ListChatappMessage", "Page.Index", {"type": "integer", "default": 1}),
        ("UpdateCommerceSetting", "CartEnable", {"type": "boolean"}),
    ],
)
def test_fields_are_described_to_full_depth(
    action: str, path: str, expected: Mapping[str, Any], capsys: Capture
) -> None:
    """`--json` has the type, the limits and the values of each field."""
    described = json.loads(printed(capsys, "describe", action, "--json"))
    fields = dict([*flat(described["parameters"]), *flat(described["response"])])

    assert expected.items() <= fields[path].items()


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (STATUS, f"{STATUS} (phone_numbers)"),
        (STATUS, "Query whether the ownership of a phone number is verified."),
        (STATUS, "rate limit:  10 calls per second"),
        (STATUS, "retries:     safe to repeat after an unknown outcome"),
        (STATUS, "verify with: -"),
        (STATUS, f"RAM action:  cams:{STATUS}"),
        (STATUS, "      Id (string): The vendor's ID of the number."),
        ("send_chatapp_message", "retries:     not safe to repeat after an unknown "),
        ("send_chatapp_message", "verify with: ListChatappMessage"),
        (
            "query_mmlactive",
            "rate limit:  not documented; a client allows 5 calls per ",
        ),
        (SEND, "  Ttl (integer; 30 to 1209600): "),
        (SEND, "  FallBackRule (string; one of undelivered, sentFailed): "),
        (SEND, "  ChannelType (string; such as whatsapp, "),
        (SEND, "  IsvCode (string; secret): "),
        (SEND, "      Sections (list of objects; at most 10): "),
        (SEND, "          Title (string)"),
        ("ListChatappMessage", "  Page (object; required): "),
        ("ListChatappMessage", "      Index (integer; default 1): "),
    ],
)
def test_a_description_is_text(action: str, expected: str, capsys: Capture) -> None:
    """A field has one line, unless a terminal is too narrow."""
    lines = printed(capsys, "describe", action).splitlines()

    assert [line for line in lines if line.startswith(expected)]


@pytest.mark.parametrize("width", [60, 80])
def test_a_description_fits_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Only the vendor's address is longer than a line."""
    monkeypatch.setattr(describe, "terminal_width", lambda: width)

    lines = printed(capsys, "describe", SEND).splitlines()

    assert width >= max(len(line) for line in lines if "https://" not in line)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (
            "SendChatapMesage",
            "is no documented action; did you mean SendChatappMessage?",
        ),
        ("send_chatapp_mesage", "is no documented action; did you mean SendChatappMe"),
        ("Frobnicate", "is no documented action; `operations` lists all"),
    ],
)
def test_an_unknown_action_is_an_error(
    action: str, expected: str, capsys: Capture
) -> None:
    """The error suggests a name."""
    assert 2 == main(["describe", action])

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"cams-async: {action}: {expected}")


def test_descriptions_need_no_source(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Without source, as in a frozen program, fields of records have no description."""

    def absent(module: object) -> str:
        raise OSError(module)

    monkeypatch.setattr("inspect.getsource", absent)
    describe._docs_below.cache_clear()
    lines = printed(capsys, "describe", STATUS).splitlines()
    describe._docs_below.cache_clear()

    assert "      Id (string)" in lines
    assert [line for line in lines if line.startswith("  CustSpaceId (string; requir")]
