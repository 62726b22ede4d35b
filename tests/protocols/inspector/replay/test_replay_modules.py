"""The modules that replay a recording, in node: see ``js/``."""

from __future__ import annotations

from pathlib import Path

import pytest

from .node import TESTS, node_folder


@pytest.mark.parametrize("name", sorted(path.name for path in TESTS.glob("*.test.js")))
def test_modules(name: str, tmp_path: Path) -> None:
    run = node_folder(tmp_path)
    result = run("--test", name)
    assert result.returncode == 0, result.stdout
