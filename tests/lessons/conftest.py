"""The tools of the lessons, which are scripts, as modules."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from ..tools.commands import ROOT


@pytest.fixture
def load_tool(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """``load_tool("draw")`` imports ``docs/lessons/tools/draw.py``."""

    tools = ROOT / "docs" / "lessons" / "tools"
    monkeypatch.syspath_prepend(tools)  # a tool may import another one

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, tools / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)  # dataclasses look for it
        spec.loader.exec_module(module)
        return module

    return load
