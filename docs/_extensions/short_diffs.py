"""Shortens the paths at the top of a difference (``literalinclude`` with ``:diff:``).

Sphinx writes absolute paths there, which are those of the machine that builds the pages. Here they
become relative to the project: ``docs/lessons/02_threads/server.py``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def shorten(text: str, folder: Path) -> str:
    """Returns the unified diff ``text`` with paths relative to ``folder``."""
    names = rf"^(---|\+\+\+) {re.escape(str(folder))}/"
    head, mark, rest = text.partition("@@")
    return re.sub(names, r"\1 ", head, flags=re.MULTILINE) + mark + rest


def _shorten_all(app: Sphinx, document: nodes.document) -> None:
    for block in document.findall(nodes.literal_block):
        if block.get("language") == "udiff":
            text = shorten(block.astext(), app.srcdir.parent)
            block.rawsource = text
            block.children = [nodes.Text(text)]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", _shorten_all)
    return {"parallel_read_safe": True}
