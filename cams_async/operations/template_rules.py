"""Rules of WhatsApp templates that no annotation states.

They are those of the vendor's error list and of the comments of its SDK.
https://www.alibabacloud.com/help/en/chatapp/developer-reference/error-codes
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from cams_async.errors import InvalidOperation

_VARIABLE = re.compile(r"\$\(([^()]+)\)")

_META_VARIABLE = re.compile(r"\{\{\s*\w+\s*\}\}")

_LONGEST = {"HEADER": 60, "BODY": 1024, "FOOTER": 60}
"""Characters of a text."""

_MOST_VARIABLES = {"HEADER": 1, "FOOTER": 0}

_MOST_BUTTONS = {"PHONE_NUMBER": 1, "URL": 2}

_Problem: TypeAlias = tuple[str, str]
"""The path of a value, and what is expected there."""


def check_template(operation: Any, template_type: str) -> None:
    """Check the components of a WhatsApp template, and of no other.

    Args:
        operation: A CreateChatappTemplate or ModifyChatappTemplate.
        template_type: The kind of template.

    Raises:
        InvalidOperation: The service would refuse the template; `field` is the path.
    """
    if template_type.upper() != "WHATSAPP":
        return
    problem = next(_problems(operation.components), None)
    if problem is not None:
        path, expected = problem
        raise InvalidOperation(
            f"{path} must be {expected}",
            action=type(operation).__name__,
            field=path,
            expected=expected,
        )


def _problems(components: Sequence[Any]) -> Iterator[_Problem]:
    for i, each in enumerate(components):
        path = f"components[{i}]"
        yield from _text_problems(each.type, f"{path}.text", each.text or "")
        yield from _button_problems(f"{path}.buttons", each.buttons or ())


def _text_problems(kind: str, path: str, text: str) -> Iterator[_Problem]:
    if _META_VARIABLE.search(text):
        yield path, "a text whose variables are written as $(name)"
    if len(text) > _LONGEST.get(kind, len(text)):
        yield path, f"a string of at most {_LONGEST[kind]} characters"
    variables = len(_VARIABLE.findall(text))
    if variables > _MOST_VARIABLES.get(kind, variables):
        yield path, f"a text with at most {_MOST_VARIABLES[kind]} variables"


def _button_problems(path: str, buttons: Sequence[Any]) -> Iterator[_Problem]:
    numbers = Counter(button.type for button in buttons)
    for kind, most in _MOST_BUTTONS.items():
        if numbers[kind] > most:
            yield path, f"a list with at most {most} of the type {kind}"
    for i, button in enumerate(buttons):
        if _VARIABLE.search(button.text or ""):
            yield f"{path}[{i}].text", "a text without variables"
        if len(_VARIABLE.findall(button.url or "")) > 1:
            yield f"{path}[{i}].url", "a URL with at most one variable"
