"""The tables of options in the guide: they show what the command line defines."""

from __future__ import annotations

import importlib.util

import pytest

from reactor.command.registry import BUILT_IN

from ..tools.commands import ROOT
from .trial import DEFAULT_PORTS


@pytest.fixture(scope="module")
def options_of():
    path = ROOT / "docs" / "_extensions" / "command_options.py"
    spec = importlib.util.spec_from_file_location("command_options", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.options_of


def test_the_general_table_has_what_every_protocol_has(options_of):
    rows = dict(options_of(None))

    assert rows["--grace S"] == "seconds for connections to finish after a stop (5)"
    assert "-h, --help" in rows
    assert not any(option.startswith("--flood") for option in rows)


def test_the_table_of_a_protocol_has_its_own_options_only(options_of):
    rows = dict(options_of("chat"))

    assert rows["--no-web"] == "serve no page"
    assert not any(option.startswith("--grace") for option in rows)


def test_the_environment_of_the_builder_changes_nothing(options_of, monkeypatch):
    before = options_of("chat")
    monkeypatch.setenv("REACTOR_GRACE", "7")
    monkeypatch.setenv("REACTOR_HISTORY", "3")

    assert options_of("chat") == before
    assert ("--grace S", "seconds for connections to finish after a stop (5)") in options_of(None)


def test_the_page_of_the_command_line_has_every_protocol_and_its_ports():
    page = (ROOT / "docs" / "guide" / "command-line.rst").read_text(encoding="utf-8")

    shown = [line.partition(":: ")[2] for line in page.splitlines() if "command-options::" in line]
    assert [name for name in shown if name] == sorted(BUILT_IN)
    for name, ports in DEFAULT_PORTS.items():
        text = page[page.index("Default ports") :]
        text = text[text.index(f"{name} ") :].partition("\n\n")[0]
        assert [port for port in set(ports.values()) if str(port) not in text] == []
