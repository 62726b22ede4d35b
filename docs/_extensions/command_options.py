"""The directive ``command-options``: a table of options, from the command line's own definitions.

``.. command-options::`` shows the options that every protocol has, ``.. command-options:: chat``
those of one protocol."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any
from unittest import mock

from docutils import nodes
from docutils.parsers.rst import Directive

from reactor.command.cli import make_parser
from reactor.command.registry import all_extensions, load_application

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_HEAD = ("Option", "Meaning")


class CommandOptions(Directive):
    """The table."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        rows = options_of(self.arguments[0] if self.arguments else None)
        table = nodes.table(classes=["command-options"])
        group = nodes.tgroup(cols=2)
        table += group
        group += [nodes.colspec(colwidth=width) for width in (34, 66)]
        head = nodes.thead()
        group += head
        head += _row(*(nodes.paragraph(text=text) for text in _HEAD))
        body = nodes.tbody()
        group += body
        for names, meaning in rows:
            option = nodes.paragraph()
            option += nodes.literal(text=names)
            body += _row(option, nodes.paragraph(text=meaning))
        return [table]


def options_of(protocol: str | None) -> list[tuple[str, str]]:
    """Each option with its argument, and what ``--help`` says about it. ``protocol``: only the
    options that this protocol adds."""
    # Otherwise the defaults could be those of the machine that builds the documentation.
    with mock.patch.dict(os.environ, clear=True):
        general = make_parser(None)
        for extension in all_extensions():
            extension.add_arguments(general)
        if protocol is None:
            return [_shown(general, action) for action in general._actions]
        parser = make_parser(load_application(protocol))
    known = set(general._option_string_actions)
    return [
        _shown(parser, action)
        for action in parser._actions
        if not known & set(action.option_strings)
    ]


def _shown(parser: argparse.ArgumentParser, action: argparse.Action) -> tuple[str, str]:
    formatter = parser._get_formatter()
    names = ", ".join(action.option_strings)
    if action.nargs != 0:
        metavar = formatter._format_args(
            action, formatter._get_default_metavar_for_optional(action)
        )
        names += f" {metavar}"
    return names, formatter._expand_help(action)


def _row(*cells: nodes.Node) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        entry = nodes.entry()
        entry += cell
        row += entry
    return row


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("command-options", CommandOptions)
    return {"parallel_read_safe": True}
