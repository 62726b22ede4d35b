"""Who imports whom: no cycle of modules, and nothing but the standard library in ``reactor/``.

The files are parsed, not run, so imports for types and inside functions count as well. The layers
are checked by import-linter; see ``[tool.importlinter]`` in pyproject.toml.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from .tools.commands import ROOT


def modules_of(package: Path) -> dict[str, Path]:
    """The files of a package and of those below it, by the modules' dotted names."""
    paths = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        paths[".".join(parts[:-1] if path.name == "__init__.py" else parts)] = path
    return paths


def imported_names(name: str, path: Path) -> Iterator[str]:
    """The absolute dotted name behind each import in module ``name``: ``a.b.c`` for ``from a.b
    import c``, whether ``c`` is a module or not."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{start}.{alias.name}" for alias in node.names)


def import_graph(*packages: Path) -> dict[str, set[str]]:
    """For each module of ``packages`` the modules among them that it imports.

    An import of a submodule also runs its parents' ``__init__.py``; that is no edge here."""
    modules = {name: path for package in packages for name, path in modules_of(package).items()}
    graph: dict[str, set[str]] = {}
    for name, path in modules.items():
        found = {
            imported if imported in modules else imported.rpartition(".")[0]
            for imported in imported_names(name, path)
        }
        graph[name] = (found & modules.keys()) - {name}
    return graph


def find_cycle(graph: dict[str, set[str]]) -> str:
    """One cycle, as ``a -> b -> a``; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " -> ".join(reversed(error.args[1]))
    return ""


def foreign_imports(package: Path) -> set[str]:
    """What the modules of ``package`` import from neither it nor the standard library."""
    names = {
        imported.partition(".")[0]
        for name, path in modules_of(package).items()
        for imported in imported_names(name, path)
    }
    return names - sys.stdlib_module_names - {package.name}


def test_no_modules_import_each_other() -> None:
    graph = import_graph(ROOT / "reactor", ROOT / "protocols")
    assert len(graph["reactor"]) > 5
    assert find_cycle(graph) == ""


def test_the_reactor_needs_only_the_standard_library() -> None:
    assert foreign_imports(ROOT / "reactor") == set()


# -- the checks themselves -------------------------------------------------------------------------


def write_package(folder: Path, files: dict[str, str]) -> Path:
    """A package ``pkg`` in ``folder``, of ``files`` by their paths in it."""
    for name, text in {"__init__.py": "", **files}.items():
        path = folder / "pkg" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder / "pkg"


IMPORTS_OF_B = {
    "relative": "from .b import B",
    "module": "from . import b",
    "absolute": "from pkg.b import B",
    "dotted": "import pkg.b",
    "for types": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .b import B",
    "in a function": "def function():\n    from .b import B",
}


@pytest.mark.parametrize("text", IMPORTS_OF_B.values(), ids=IMPORTS_OF_B)
def test_a_cycle_of_two_is_found(tmp_path: Path, text: str) -> None:
    graph = import_graph(write_package(tmp_path, {"a.py": text, "b.py": "from .a import A"}))
    assert find_cycle(graph) in ("pkg.a -> pkg.b -> pkg.a", "pkg.b -> pkg.a -> pkg.b")


def test_a_cycle_through_a_package_below_is_found(tmp_path: Path) -> None:
    package = write_package(
        tmp_path,
        {
            "a.py": "from .b import B",
            "b.py": "from .deep.c import C",
            "deep/c.py": "from ..a import A",
        },
    )
    assert find_cycle(import_graph(package)).count("->") == 3


def test_a_cycle_through_a_packages_own_names_is_found(tmp_path: Path) -> None:
    package = write_package(
        tmp_path, {"__init__.py": "from .a import A", "a.py": "from . import B"}
    )
    assert "pkg.a" in find_cycle(import_graph(package))


def test_a_graph_without_a_cycle_passes(tmp_path: Path) -> None:
    package = write_package(
        tmp_path,
        {
            "__init__.py": "from .a import A",
            "a.py": "from .b import B\nfrom .deep import c",
            "b.py": "",
            "deep/c.py": "from ..b import B\nimport pkg.b",
        },
    )
    graph = import_graph(package)
    assert graph["pkg.a"] == {"pkg.b", "pkg.deep.c"}
    assert find_cycle(graph) == ""


@pytest.mark.parametrize(
    "text", ["import httptools", "def f():\n    from httptools.parser import errors"]
)
def test_an_import_from_elsewhere_is_found(tmp_path: Path, text: str) -> None:
    package = write_package(
        tmp_path, {"a.py": f"import os.path\nfrom . import b\n{text}", "b.py": ""}
    )
    assert foreign_imports(package) == {"httptools"}
