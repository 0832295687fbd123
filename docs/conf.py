"""Sphinx configuration; `sphinx-build -W -n docs docs/_build` builds the pages."""

import importlib
from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring

from cams_async import __version__

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

# A reference to a public name must resolve. Other names have no page: those of other
# projects, because a build needs no network, type variables, and private classes.
_packages = ["", ".bulk", ".emulator", ".poller", ".redis", ".throttle"]
_public = {
    name
    for package in _packages
    for name in importlib.import_module(f"cams_async{package}").__all__
}
nitpick_ignore_regex = [
    ("py:.*", rf"(?!cams_async\b)(?!({'|'.join(sorted(_public))})$).*"),
    ("py:.*", rf"cams_async\.(.*\.)?(?!({'|'.join(sorted(_public))})$)\w+"),
]


def _convert(
    _: Sphinx, kind: str, name: str, obj: Any, __: Any, lines: list[str]
) -> None:
    """Turn the sections of a Google-style docstring into fields."""
    # Napoleon would read the text before a colon in an attribute's docstring as its
    # type; attributes here have annotations.
    if kind in {"attribute", "data", "property"}:
        kind = "method"
    text = GoogleDocstring(
        lines, Config(napoleon_use_rtype=False), what=kind, name=name, obj=obj
    )
    lines[:] = text.lines()


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("autodoc-process-docstring", _convert)
