"""The configuration of Sphinx, which builds the documentation: `tox -e docs`."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent / "_extensions"))

from sphinx.application import Sphinx

import reactor

project = "select-reactor"
author = "the select-reactor authors"
copyright = "the select-reactor authors"
release = version = reactor.__version__

extensions = [
    "command_options",
    "short_diffs",
    "drawings",
    "signatures",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build"]
default_role = "any"
smartquotes = False  # the texts of options have -- and quotes that readers may copy
highlight_language = "none"  # each block names its language

html_theme = "furo"
html_title = "select-reactor"
html_static_path = ["_static"]
html_css_files = ["colours.css"]
html_theme_options = {"navigation_with_keys": True}
# Copy what is typed, without the prompt and without the output.
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_copy_empty_lines = False
html_copy_source = False
html_show_sphinx = False

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
autodoc_preserve_defaults = True  # values would be those of the machine that builds the pages
python_maximum_signature_line_length = 88

# An unresolved reference to one of our public names is an error. Other unresolved references come
# from type hints: names of the standard library, and of our internal modules.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!reactor\.(testing\.)?[A-Z]).*")]


def mark_literal_blocks(
    app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]
) -> None:
    """Add the second colon that reStructuredText needs before a literal block.

    Docstrings are written for readers of the source, who do not need it."""
    for index, line in enumerate(lines[:-2]):
        if line.endswith(":") and not lines[index + 1] and lines[index + 2].startswith("    "):
            lines[index] = line.rstrip(":") + "::"


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", mark_literal_blocks)
