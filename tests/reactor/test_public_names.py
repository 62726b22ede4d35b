"""The public names: protocols use no others of the reactor's."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

PROTOCOLS = Path(__file__).parents[2] / "protocols"
PUBLIC_MODULES = (
    "reactor",
    "reactor.command",
    "reactor.errors",
    "reactor.sockets.addresses",
    "reactor.testing",
)


def imported_names(path: Path) -> Iterator[tuple[str, str]]:
    """What a file imports from the reactor: pairs of a module and a name in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name != "reactor")
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)


def test_protocols_import_public_names_only():
    found = set()
    for path in PROTOCOLS.rglob("*.py"):
        for module, name in imported_names(path):
            if module.split(".")[0] == "reactor":
                found.add((module, name))
                assert module in PUBLIC_MODULES, f"{path} imports {module}"
                public = getattr(importlib.import_module(module), "__all__", [name])
                assert name in public, f"{path} imports {name} from {module}"
    assert ("reactor", "Reactor") in found


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_every_name_in_all_exists(module):
    namespace = importlib.import_module(module)

    for name in getattr(namespace, "__all__", ()):
        assert hasattr(namespace, name)
