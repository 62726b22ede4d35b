"""How Sphinx makes the documentation: `tox -e docs`."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sphinx.application import Sphinx

import reactor

project = "select-reactor"
author = "the select-reactor authors"
copyright = "the select-reactor authors"
release = version = reactor.__version__

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
default_role = "any"
highlight_language = "none"  # each block says what it is

html_theme = "alabaster"
html_theme_options = {
    "description": "A single-threaded event loop that can be read",
    "fixed_sidebar": True,
    "page_width": "1060px",
}
html_copy_source = False
html_show_sphinx = False

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
python_maximum_signature_line_length = 88

# A reference that leads nowhere is an error, if it is one to a public name of ours. The others come
# from type hints: names of the standard library, and of the modules in which ours are defined.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!reactor\.(testing\.)?[A-Z]).*")]


def mark_literal_blocks(
    app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]
) -> None:
    """Docstrings are written to be read in the source, where an indented block after a colon shows
    by itself that it is to be taken literally; reStructuredText wants a second colon for that."""
    for index, line in enumerate(lines[:-2]):
        if line.endswith(":") and not lines[index + 1] and lines[index + 2].startswith("    "):
            lines[index] = line.rstrip(":") + "::"


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", mark_literal_blocks)
