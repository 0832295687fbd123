"""Sphinx configuration; `sphinx-build -W -n docs docs/_build` builds the pages."""

import builtins
import importlib
import re
from typing import Any, get_type_hints

from docutils.nodes import document
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring

from cams_async import Response, __version__
from cams_async.models import Record
from cams_async.operations import CATALOGUE, Operation
from cams_async.operations.journeys import JOURNEYS, load

project = "cams_async"
author = "cams_async contributors"
copyright = "the cams_async contributors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"cams_async {release}"
html_static_path = ["_static"]

default_role = "code"  # docstrings mark code by single backticks, as Markdown does
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "show-inheritance": True}
add_module_names = False
python_maximum_signature_line_length = 88

# A reference to a public name must resolve. Other names have no page: those of other
# projects, because a build needs no network, type variables, and private classes.
_packages = ["", ".bulk", ".emulator", ".poller", ".redis", ".throttle"]
_public = {
    name
    for package in _packages
    for name in importlib.import_module(f"cams_async{package}").__all__
} | {name for module in ("common", *JOURNEYS) for name in load(module).__all__}
nitpick_ignore_regex = [
    ("py:.*", rf"(?!cams_async\b)(?!({'|'.join(sorted(_public))})$).*"),
    ("py:.*", rf"cams_async\.(.*\.)?(?!({'|'.join(sorted(_public))})$)\w+"),
]

# The name of an action: in the text of a docstring outside of code, and on a page.
_ACTIONS = "|".join(CATALOGUE)
_IN_TEXT = re.compile(rf"(?<![\w`.:/(\[])({_ACTIONS})\b(?!`)")
_ON_PAGE = re.compile(rf"`({_ACTIONS})`")
_LINK = r"`~cams_async.operations.\1`"


def _add_classes(_: Sphinx, page: str, source: list[str]) -> None:
    """Append the classes of its module to a page of `operations/`, and link actions."""
    folder, _, journey = page.rpartition("/")
    if folder != "operations" or journey == "index":
        return
    source[0] = _ON_PAGE.sub(f"{{class}}{_LINK}", source[0])
    sections: dict[str, list[str]] = {
        "Operations": [],
        "Responses": [],
        "Records and enumerations": [],
    }
    operations, responses, others = sections.values()
    for name in load(journey).__all__:
        cls = getattr(load(journey), name)
        _drop_rules(cls)
        directive = f".. autoclass:: cams_async.operations.{name}\n"
        if issubclass(cls, Operation):
            # Its fields are described as parameters, and its facts as text.
            operations.append(f"{directive}   :no-members:\n")
        else:
            section = responses if issubclass(cls, Response) else others
            section.append(f"{directive}   :undoc-members:\n")
    for title, directives in sections.items():
        if directives:
            classes = "\n".join(directives)
            source[0] += f"\n## {title}\n\n```{{eval-rst}}\n{classes}```\n"


def _drop_rules(cls: type) -> None:
    """Show `str` for `Annotated[str, ...]`: the descriptions of fields state rules."""
    for annotated in (cls, vars(cls).get("__init__")):
        own = getattr(annotated, "__annotations__", {})
        hints = get_type_hints(annotated) if own else {}
        own.update({name: hints[name] for name in own})


def _shorten(*event: Any) -> tuple[str, None] | None:
    """Hide the arguments of a response, whose fields are listed, and attrs.NOTHING."""
    _, _, _, cls, _, arguments, _ = event
    if not (isinstance(cls, type) and issubclass(cls, Record)):
        return None
    return "" if issubclass(cls, Response) else arguments.replace("NOTHING", "{}"), None


def _unlink_builtins(_: Sphinx, page: document) -> None:
    """Show built-in types without a link: `type` is also the name of many fields."""
    for link in list(page.findall(pending_xref)):
        if hasattr(builtins, link["reftarget"]):
            link.replace_self(link.children)


def _convert(
    _: Sphinx, kind: str, name: str, obj: Any, __: Any, lines: list[str]
) -> None:
    """Turn the sections of a Google-style docstring into fields."""
    # Napoleon would read the text before a colon in an attribute's docstring as its
    # type; attributes here have annotations.
    if kind in {"attribute", "data", "property"}:
        kind = "method"
    # The second option keeps the last character of `from_`.
    options = Config(napoleon_use_rtype=False, strip_signature_backslash=True)
    text = GoogleDocstring(lines, options, what=kind, name=name, obj=obj)
    lines[:] = [_IN_TEXT.sub(f":class:{_LINK}", line) for line in text.lines()]


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("autodoc-process-docstring", _convert)
    app.connect("autodoc-process-signature", _shorten)
    app.connect("doctree-read", _unlink_builtins)
    app.connect("source-read", _add_classes)
