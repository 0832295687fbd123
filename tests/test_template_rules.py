"""Templates that the service would refuse are refused before they are sent."""

from typing import Any

import pytest

from cams_async.errors import InvalidOperation
from cams_async.operations import CreateChatappTemplate, ModifyChatappTemplate

HEADER, BODY, FOOTER = "HEADER", "BODY", "FOOTER"


def part(kind: str, text: str) -> dict[str, Any]:
    """Return a component with a text."""
    return {"Type": kind, "Format": "TEXT", "Text": text}


def buttons(*items: dict[str, Any]) -> dict[str, Any]:
    """Return a component with buttons."""
    return {"Type": "BUTTONS", "Buttons": [{"Text": "Go", **item} for item in items]}


URL = {"Type": "URL", "Url": "https://shop.example/$(no)"}
CALL = {"Type": "PHONE_NUMBER", "PhoneNumber": "+8613800000000"}


def create(
    *components: Any, kind: str = "WHATSAPP", **fields: Any
) -> CreateChatappTemplate:
    """Return a template."""
    return CreateChatappTemplate(
        template_type=kind,
        name="order",
        language="en",
        category="UTILITY",
        components=components,
        **fields,
    )


REFUSED: list[tuple[list[Any], str, str]] = [
    (
        [part(BODY, "Hi {{1}}")],
        "components[0].text",
        "a text whose variables are written as $(name)",
    ),
    (
        [part(BODY, "Hi"), part(FOOTER, "{{ name }}")],
        "components[1].text",
        "a text whose variables are written as $(name)",
    ),
    (
        [part(BODY, "a" * 1025)],
        "components[0].text",
        "a string of at most 1024 characters",
    ),
    (
        [part(HEADER, "a" * 61)],
        "components[0].text",
        "a string of at most 60 characters",
    ),
    (
        [part(FOOTER, "a" * 61)],
        "components[0].text",
        "a string of at most 60 characters",
    ),
    (
        [part(HEADER, "$(a) $(b)")],
        "components[0].text",
        "a text with at most 1 variables",
    ),
    (
        [part(FOOTER, "$(a)")],
        "components[0].text",
        "a text with at most 0 variables",
    ),
    (
        [part(BODY, "Hi"), buttons(CALL, CALL)],
        "components[1].buttons",
        "a list with at most 1 of the type PHONE_NUMBER",
    ),
    (
        [buttons(URL, URL, URL)],
        "components[0].buttons",
        "a list with at most 2 of the type URL",
    ),
    (
        [buttons(CALL, {**URL, "Text": "Go to $(no)"})],
        "components[0].buttons[1].text",
        "a text without variables",
    ),
    (
        [buttons({**URL, "Url": "https://shop.example/$(a)/$(b)"})],
        "components[0].buttons[0].url",
        "a URL with at most one variable",
    ),
]


@pytest.mark.parametrize(("components", "path", "expected"), REFUSED)
def test_a_template_that_would_be_refused(
    components: list[Any], path: str, expected: str
) -> None:
    """The error names the path of the value, and does not show it."""
    example = {"name": "Ana", "a": "1", "b": "2"}
    for make in (
        lambda: create(*components, example=example),
        lambda: ModifyChatappTemplate(
            language="en", template_code="1", components=components, example=example
        ),
    ):
        with pytest.raises(InvalidOperation) as caught:
            make()

        assert (path, expected) == (caught.value.field, caught.value.expected)
        assert f"{path} must be {expected}" in str(caught.value)


def test_a_template_at_its_limits_is_accepted() -> None:
    """Names of variables can be any text."""
    made = create(
        part(HEADER, "a" * 57 + "$()" + ""),
        part(BODY, "$(name) " + "a" * 1016),
        part(FOOTER, "a" * 60),
        buttons(CALL, URL, {**URL, "Url": "https://shop.example"}),
        {"Type": HEADER, "Format": "IMAGE", "Url": "$(picture)"},
        example={"name": "Ana", "no": "7", "picture": "https://shop.example/a.png"},
    )

    assert 5 == len(made.components)


def test_other_templates_have_other_rules() -> None:
    """Viber's are not documented as far."""
    assert "VIBER" == create(part(FOOTER, "{{1}}"), kind="VIBER").template_type
    with pytest.raises(InvalidOperation):
        create(part(FOOTER, "{{1}}"), kind="whatsapp")
