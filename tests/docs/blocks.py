"""Finds the code blocks of a reStructuredText document, and the notes on how to run them.

A note is a comment directly before a block. Readers do not see it::

    .. file: echo.py

    .. code-block:: python

       from reactor import Protocol

``trial.py`` says what the notes mean. The documents are parsed with docutils. The directives and
roles of Sphinx that they use are registered here. An unknown directive is an error, since it could
hide a block.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives, roles
from docutils.parsers.rst.directives.body import CodeBlock

NOTES = frozenset(
    {"continues", "file", "meanwhile", "not run", "output", "restart", "runs on", "serves", "typed"}
)
SPHINX_ONLY = "sphinx-only"


class DocumentError(Exception):
    """The document is wrong; the message says where and how."""


@dataclass(frozen=True)
class Block:
    document: str
    line: int
    language: str
    text: str
    notes: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.document}:{self.line} ({self.language or 'no language'})"

    def error(self, problem: str) -> DocumentError:
        return DocumentError(f"{self}: {problem}")


class _Ignored(Directive):
    """A directive of Sphinx whose content has no blocks: ``toctree``, ``autoclass`` …"""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec = dict.fromkeys(
        (
            "caption",
            "dedent",
            "diff",
            "end-before",
            "glob",
            "hidden",
            "inherited-members",
            "language",
            "lines",
            "maxdepth",
            "no-index",
            "no-members",
            "pyobject",
            "show-inheritance",
            "start-at",
        ),
        directives.unchanged,
    )

    def run(self) -> list[nodes.Node]:
        names = " ".join(self.arguments).split()
        return [nodes.container(classes=[SPHINX_ONLY], directive=self.name, arguments=names)]


class _Container(Directive):
    """A directive of Sphinx whose content is ordinary text, which may have blocks in it."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        node = nodes.container(classes=[SPHINX_ONLY])
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


class _CodeBlock(CodeBlock):
    """``code-block`` with its line number and Sphinx's options."""

    option_spec: ClassVar[dict[str, Any]] = {
        **(CodeBlock.option_spec or {}),
        "caption": directives.unchanged,
        "emphasize-lines": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        result = super().run()
        for node in result:
            if isinstance(node, nodes.literal_block):
                node.line = self.content_offset + 1
                if {"caption", "emphasize-lines"} & self.options.keys():
                    node["classes"].append(SPHINX_ONLY)
        return result


def _sphinx_role(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, *_: Any
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    return [nodes.literal(rawtext, text, classes=[SPHINX_ONLY])], []


for _name in ("code", "code-block", "sourcecode"):
    directives.register_directive(_name, _CodeBlock)
for _name in (
    *("autoclass", "autodata", "autoexception", "autofunction", "automethod", "automodule", "data"),
    *("command-options", "currentmodule", "highlight", "literalinclude"),
    *("module", "toctree"),
):
    directives.register_directive(_name, _Ignored)
for _name in (
    *("deprecated", "envvar", "grid", "grid-item-card", "option", "seealso"),
    *("versionadded", "versionchanged"),
):
    directives.register_directive(_name, _Container)
for _name in ("attr", "class", "const", "data", "exc", "func", "meth", "mod", "doc", "ref"):
    roles.register_local_role(_name, _sphinx_role)  # type: ignore[arg-type]
for _name in ("envvar", "option", "program", "term"):
    roles.register_local_role(_name, _sphinx_role)  # type: ignore[arg-type]


def parse(text: str, name: str) -> nodes.document:
    """Return the document's tree. Raises ``DocumentError`` with what docutils reports."""
    complaints = io.StringIO()
    document = publish_doctree(
        text,
        source_path=name,
        settings_overrides={
            "report_level": 2,
            "halt_level": 5,
            "warning_stream": complaints,
            "syntax_highlight": "none",
            "_disable_config": True,
        },
    )
    if complaints.getvalue():
        raise DocumentError(complaints.getvalue())
    return document


def blocks_of(document: nodes.document, name: str) -> Iterator[Block]:
    """Yield the document's blocks in their order, each with its notes."""
    for node in document.findall():
        if isinstance(node, (nodes.literal_block, nodes.doctest_block)):
            yield _block(node, name)


def read_blocks(path: Path, root: Path) -> list[Block]:
    name = str(path.relative_to(root))
    return list(blocks_of(parse(path.read_text(encoding="utf-8"), name), name))


def _block(node: nodes.literal_block | nodes.doctest_block, name: str) -> Block:
    text = node.astext()
    if isinstance(node, nodes.doctest_block):
        language, line = "pycon", (node.line or 1) - text.count("\n")
    else:
        kinds = [c for c in node["classes"] if c not in ("code", SPHINX_ONLY)]
        language, line = " ".join(kinds), node.line or 0
    block = Block(name, line, language, text)
    for note, value in _notes_before(node):
        if note not in NOTES:
            raise block.error(
                f"the comment before it is none of {', '.join(sorted(NOTES))}: {note!r}"
            )
        block.notes[note] = value
    return block


def _notes_before(node: nodes.Element) -> Iterator[tuple[str, str]]:
    siblings = node.parent.children
    index = siblings.index(node) - 1
    while index >= 0 and isinstance(siblings[index], nodes.comment):
        note, _, value = siblings[index].astext().partition(":")
        yield note.strip(), value.strip("\n").strip(" ")
        index -= 1
