"""The reference has every name that users may need: those of the reactor, those that the packages
of the protocols export, and those that the guide imports."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from docutils import nodes

import protocols
import reactor

from ..tools.commands import ROOT
from .blocks import parse, read_blocks

INTERNAL = {"protocols.console.terminal"}  # the editor of our own clients, which exports to them
PAGES = [ROOT / "README.rst", *sorted((ROOT / "docs").rglob("*.rst"))]


@pytest.fixture(scope="module")
def described() -> set[str]:
    """The arguments of all directives of autodoc."""
    found: set[str] = set()
    for path in sorted((ROOT / "docs" / "reference").glob("*.rst")):
        for node in parse(path.read_text(encoding="utf-8"), path.name).findall(nodes.container):
            found.update(node.get("arguments", ()))
    return found


def exported() -> Iterator[tuple[str, str]]:
    """Each name in ``__all__`` of a package of the protocols, with the package."""
    for info in pkgutil.walk_packages(protocols.__path__, "protocols."):
        if info.ispkg and info.name not in INTERNAL:
            module = importlib.import_module(info.name)
            for name in getattr(module, "__all__", ()):
                yield info.name, name


def imported_in_the_guide() -> Iterator[tuple[str, str]]:
    """Each name that code in the documentation imports from the protocols, with the module."""
    for page in PAGES:
        for block in read_blocks(page, ROOT):
            if block.language == "python":
                for node in ast.walk(ast.parse(block.text)):
                    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                        "protocols"
                    ):
                        for alias in node.names:
                            yield node.module or "", alias.name


def is_described(module: str, name: str, described: set[str]) -> bool:
    value: Any = getattr(importlib.import_module(module), name)
    if isinstance(value, ModuleType):
        return value.__name__ in described
    if inspect.isclass(value) or callable(value):
        home, docstring = value.__module__, value.__doc__
        # autodoc leaves out what has no docstring
        return f"{home}.{value.__qualname__}" in described or (home in described and docstring)
    return any(has_comment(home, name) for home in described if home.startswith(module))


def has_comment(module: str, name: str) -> bool:
    """Whether the constant has a comment that autodoc shows."""
    source = inspect.getsource(importlib.import_module(module))
    return re.search(rf"^#: .*\n{name}\b", source, re.MULTILINE) is not None


def test_the_reference_has_every_public_name_of_the_reactor(described: set[str]) -> None:
    assert {f"reactor.{name}" for name in reactor.__all__} <= described


@pytest.mark.parametrize("names", [exported, imported_in_the_guide])
def test_the_reference_has_every_name_of_the_protocols(names, described: set[str]) -> None:
    found = sorted(set(names()))

    assert len(found) > 20
    assert [pair for pair in found if not is_described(*pair, described)] == []
